//! A release before its time, for a user with the right to see it.
//!
//! `X-Release: NAME` with HTTP Basic. Who may not see releases gets the same refusal for each name,
//! whether there is such a release or not.
//!
//! Source: RFC 7617 (Basic), RFC 9111 section 5.2.2 (`no-store`, `private`).

use std::sync::Arc;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Error;
use crate::rest::failure::Failure;
use crate::sdmx::request::Edition;
use crate::store::{Database, Right, Snapshot};

/// The header that names a release.
pub(super) const HEADER: &str = "x-release";

/// A request for the state as a release will make it.
#[derive(Debug)]
pub(super) struct Preview {
    release: String,
    /// Name and password, where the client gave them.
    login: Option<(String, String)>,
}

impl Preview {
    /// What the headers ask for; absent if they ask for what is public.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let release = headers.get(HEADER)?;
        // What is no text is the name of no release.
        let release = release.to_str().unwrap_or_default().trim().to_owned();
        let login = headers.get(AUTHORIZATION).and_then(|header| parse(header.to_str().ok()?));
        Some(Self { release, login })
    }

    /// The state with the release, if the client may see it.
    ///
    /// # Errors
    ///
    /// A failure with 401 for who does not log in, and 403 for who has not the right; with 404 for
    /// who has, if there is no such release.
    pub(super) fn snapshot(
        &self,
        database: &Database,
        edition: Edition,
    ) -> Result<Arc<Snapshot>, Failure> {
        let failed = |error: Error| Failure::of(&error, edition);
        let user = match &self.login {
            Some((name, password)) => {
                let users = database.users().map_err(failed)?;
                users.authenticate(name, password).map_err(failed)?
            }
            None => None,
        };
        let user = user.ok_or_else(|| {
            let detail = "X-Release is for users with the right preview; log in with HTTP Basic";
            Failure::new(StatusCode::UNAUTHORIZED, detail)
        })?;
        if !user.may(Right::Preview) {
            let detail = "this user may not see releases before their time (right preview)";
            return Err(Failure::new(StatusCode::FORBIDDEN, detail));
        }
        database.preview(&self.release).map_err(failed)
    }
}

/// Name and password of `Basic bmFtZTpwYXNzd29yZA==`.
fn parse(header: &str) -> Option<(String, String)> {
    let (scheme, text) = header.split_once(' ')?;
    let bytes =
        STANDARD.decode(text.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_basic_and_nothing_else() {
        let check = |header: &str, expected: Option<(&str, &str)>| {
            let expected = expected.map(|(name, password)| (name.to_owned(), password.to_owned()));
            assert_eq!(parse(header), expected, "{header}");
        };
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some(("Aladdin", "open sesame")));
        check("basic YTo=", Some(("a", "")));
        check("basic YTpiOmM=", Some(("a", "b:c")));
        check("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", None);
        check("Basic", None);
        check("Basic !!!", None);
        check("Basic YQ==", None);
        check("Basic //8=", None);
    }
}
