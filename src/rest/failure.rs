//! Errors as answers: a status, a code of SDMX, and a body in the form that the client reads.
//!
//! Source: SDMX REST 2.2.2, `doc/status.md`; SDMX 2.1 section 7, chapter 5 (codes of errors).

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use axum::http::{Response, StatusCode};
use serde_json::json;

use crate::error::Error;
use crate::rest::formats::Family;
use crate::sdmx::request::Edition;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The status of HTTP.
    pub(super) status: StatusCode,
    /// What is wrong and what to do.
    pub(super) detail: String,
    /// What the operator is to know, where it is more.
    pub(super) report: Option<String>,
    /// Seconds after which it may be asked again.
    pub(super) retry_after: Option<u32>,
}

impl Failure {
    /// A failure with nothing more to it.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), report: None, retry_after: None }
    }

    /// No result, and why.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// A failure that only the operator may read in full.
    pub(super) fn internal(error: &str) -> Self {
        let detail = "the server could not finish this; its log says why";
        let failure = Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail);
        Self { report: Some(error.to_owned()), ..failure }
    }

    /// An error of the crate, as each version of the interface answers it.
    pub(super) fn of(error: &Error, edition: Edition) -> Self {
        let status = match error {
            Error::Syntax { .. } => StatusCode::BAD_REQUEST,
            Error::Invalid { .. } => match edition {
                Edition::V1 => StatusCode::FORBIDDEN,
                Edition::V2 => StatusCode::UNPROCESSABLE_ENTITY,
            },
            Error::NotFound { .. } => StatusCode::NOT_FOUND,
            Error::Limit { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Unsupported { .. } => StatusCode::NOT_IMPLEMENTED,
            Error::Rows { .. }
            | Error::Conflict { .. }
            | Error::Corrupt { .. }
            | Error::Io { .. }
            | Error::Bug { .. } => return Self::internal(&error.to_string()),
        };
        Self::new(status, error.to_string())
    }

    /// The code that SDMX 2.1 has for it.
    fn code(&self) -> u16 {
        match self.status {
            StatusCode::NOT_FOUND => 100,
            StatusCode::UNAUTHORIZED => 110,
            StatusCode::PAYLOAD_TOO_LARGE => 130,
            StatusCode::BAD_REQUEST => 140,
            StatusCode::FORBIDDEN | StatusCode::UNPROCESSABLE_ENTITY => 150,
            StatusCode::INTERNAL_SERVER_ERROR => 500,
            StatusCode::NOT_IMPLEMENTED => 501,
            StatusCode::SERVICE_UNAVAILABLE => 503,
            status => status.as_u16(),
        }
    }

    /// The answer.
    pub(super) fn response(&self, family: Family) -> Response<Body> {
        let (content_type, body) = match family {
            Family::Xml => ("application/xml", self.xml()),
            Family::Json => ("application/json", self.json()),
            Family::Text => ("text/plain; charset=utf-8", format!("{}\n", self.detail)),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"sdmxdb\", charset=\"UTF-8\"");
            headers.insert(WWW_AUTHENTICATE, basic);
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static(METHODS));
        }
        response
    }

    fn xml(&self) -> String {
        let code = self.code();
        let detail = escaped(&self.detail);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <message:Error \
             xmlns:message=\"http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message\" \
             xmlns:common=\"http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common\">\n  \
             <message:ErrorMessage code=\"{code}\" severity=\"Error\">\n    \
             <common:Text xml:lang=\"en\">{detail}</common:Text>\n  \
             </message:ErrorMessage>\n\
             </message:Error>\n"
        )
    }

    fn json(&self) -> String {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let error = json!({ "code": self.status.as_u16(), "title": title, "detail": self.detail });
        format!("{}\n", json!({ "errors": [error] }))
    }
}

/// The methods there are.
pub(super) const METHODS: &str = "GET, HEAD, OPTIONS";

/// Text as the content of an XML element. Characters that XML cannot have become `?`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\t' | '\n' => escaped.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_the_status_of_their_version() {
        let check = |error: Error, first: u16, second: u16| {
            let status = |edition| Failure::of(&error, edition).status.as_u16();
            assert_eq!((status(Edition::V1), status(Edition::V2)), (first, second), "{error}");
        };
        check(Error::syntax("x", "y"), 400, 400);
        check(Error::invalid("x", "y"), 403, 422);
        check(Error::not_found("dataflow", "y"), 404, 404);
        check(Error::Unsupported { what: "x".into() }, 501, 501);
        check(Error::Limit { what: "x", actual: 2, limit: 1 }, 413, 413);
        check(Error::bug("x"), 500, 500);
    }

    #[test]
    fn bodies_are_escaped_and_say_nothing_of_the_inside() {
        let failure = Failure::of(&Error::syntax("key", "is \"<&\u{1}>\""), Edition::V1);
        assert!(failure.xml().contains("key: is \"&lt;&amp;?&gt;\"</common:Text>"));
        let json: serde_json::Value = serde_json::from_str(&failure.json()).expect("JSON");
        assert_eq!(json["errors"][0]["detail"], "key: is \"<&\u{1}>\"");
        let hidden = Failure::of(&Error::bug("the secret path"), Edition::V1);
        assert!(!hidden.detail.contains("secret"));
        assert!(hidden.report.is_some_and(|report| report.contains("secret")));
    }
}
