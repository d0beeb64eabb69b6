//! What caches need: tags, dates, and whether the client has the answer already.
//!
//! A tag is made of everything that the bytes of an answer depend on: the program, the request, the
//! form, and the state of what is answered. So it is known before the answer is made, and equal
//! tags mean equal bytes.
//!
//! Source: RFC 9110, sections 8.8 and 13.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::http::HeaderMap;
use axum::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};

use crate::rest::dates;
use crate::sdmx::output::Coding;

/// What is said of an answer before its first byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// `Content-Type`.
    pub(super) content_type: String,
    /// The tag, without its quotes.
    pub(super) tag: String,
    /// When what is answered last changed, in seconds since 1970; absent if that is too recent to
    /// tell two states apart.
    pub(super) modified: Option<i64>,
    /// For how many seconds it surely holds.
    pub(super) fresh_seconds: u64,
    /// How the bytes are compressed.
    pub(super) coding: Coding,
    /// The language of names, where one was chosen.
    pub(super) language: Option<String>,
    /// The name of the file that the client shall make of it.
    pub(super) file_name: Option<String>,
    /// Whether it is for this client alone, and no cache may keep it.
    pub(super) is_private: bool,
}

impl Head {
    /// A head with a type and a tag.
    pub(super) fn new(content_type: String, tag: String) -> Self {
        Self {
            content_type,
            tag,
            modified: None,
            fresh_seconds: 0,
            coding: Coding::Identity,
            language: None,
            file_name: None,
            is_private: false,
        }
    }

    /// Whether the client says that it has this very answer. The date counts only without a tag.
    pub(super) fn is_known(&self, conditions: &Conditions) -> bool {
        match (&conditions.tags, conditions.since, self.modified) {
            (Some(tags), _, _) => tags.iter().any(|tag| tag == "*" || *tag == self.tag),
            (None, Some(since), Some(modified)) => modified <= since,
            (None, _, _) => false,
        }
    }
}

/// What a request says of answers that the client has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    tags: Option<Vec<String>>,
    since: Option<i64>,
}

impl Conditions {
    /// Reads the headers of a request.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut tags = None;
        for header in headers.get_all(IF_NONE_MATCH) {
            let list = header.to_str().unwrap_or_default().split(',').map(str::trim);
            let plain = |tag: &str| tag.trim_start_matches("W/").trim_matches('"').to_owned();
            tags.get_or_insert_with(Vec::new).extend(list.map(plain));
        }
        let since = headers.get(IF_MODIFIED_SINCE).and_then(|header| header.to_str().ok());
        Self { tags, since: since.and_then(dates::parse_http) }
    }
}

/// A tag of everything that an answer depends on.
pub(super) fn tag(parts: impl Hash) -> String {
    // Two halves with different beginnings, since one hash of 64 bits is short for a strong tag.
    let half = |begin: u8| {
        let mut hasher = DefaultHasher::new();
        (begin, env!("CARGO_PKG_VERSION")).hash(&mut hasher);
        parts.hash(&mut hasher);
        hasher.finish()
    };
    format!("{:016x}{:016x}", half(0), half(1))
}

/// The date to show for a change: none within two seconds of it, since another change may follow in
/// the same second and would not show.
pub(super) fn modified(changed_micros: i64, now_micros: i64) -> Option<i64> {
    let is_old = now_micros.saturating_sub(changed_micros) > 2_000_000;
    is_old.then(|| dates::seconds(changed_micros))
}

/// For how many seconds an answer may be kept without asking: to the end of the minute. Releases
/// happen at full minutes, so no answer is kept beyond one, and whether one is pending does not show.
pub(super) fn fresh_seconds(now_micros: i64) -> u64 {
    let second = dates::seconds(now_micros).rem_euclid(60);
    u64::try_from(59 - second).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn tags_go_before_dates() {
        let check = |tags: Option<&'static str>, since: Option<i64>, expected: bool| {
            let mut headers = HeaderMap::new();
            if let Some(tags) = tags {
                headers.insert(IF_NONE_MATCH, HeaderValue::from_static(tags));
            }
            if let Some(since) = since {
                let value = HeaderValue::from_str(&dates::http(since)).expect("a header");
                headers.insert(IF_MODIFIED_SINCE, value);
            }
            let mut head = Head::new("x/y".to_owned(), "abc".to_owned());
            head.modified = Some(100);
            let found = head.is_known(&Conditions::of(&headers));
            assert_eq!(found, expected, "{tags:?} {since:?}");
        };
        check(None, None, false);
        check(Some("\"abc\""), None, true);
        check(Some("\"x\", W/\"abc\""), Some(0), true);
        check(Some("\"x\""), Some(200), false);
        check(Some("*"), None, true);
        check(None, Some(99), false);
        check(None, Some(100), true);
    }

    #[test]
    fn tags_tell_answers_apart() {
        assert_eq!(tag(("a", 1)), tag(("a", 1)));
        assert_ne!(tag(("a", 1)), tag(("a", 2)));
        assert_eq!(modified(5_000_000, 6_000_000), None);
        assert_eq!(modified(5_000_000, 8_000_000), Some(5));
        let minute = 60_000_000;
        assert_eq!(fresh_seconds(30 * minute), 59);
        assert_eq!(fresh_seconds(31 * minute - 1), 0);
        assert_eq!(fresh_seconds(31 * minute - 1_000_001), 1);
        assert_eq!(fresh_seconds(-1), 0);
    }
}
