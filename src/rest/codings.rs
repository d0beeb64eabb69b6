//! Which compression an answer has.
//!
//! Source: RFC 9110, section 12.5.3; RFC 8878 (`zstd`).

use crate::rest::accept::Range;
use crate::sdmx::output::Coding;

/// Codings in the order in which we like them: the stronger at the same price first.
const CODINGS: [(&str, Coding); 4] = [
    ("zstd", Coding::Zstd),
    ("gzip", Coding::Gzip),
    ("x-gzip", Coding::Gzip),
    ("identity", Coding::Identity),
];

/// The value of `Content-Encoding`; absent for none.
pub(super) fn name(coding: Coding) -> Option<&'static str> {
    match coding {
        Coding::Identity => None,
        Coding::Gzip => Some("gzip"),
        Coding::Zstd => Some("zstd"),
    }
}

/// Chooses by `compression=` of the query, else by `Accept-Encoding`, where plain bytes are always
/// good unless they are ruled out.
///
/// # Errors
///
/// What is on offer, if none of what the client asks for is.
pub(super) fn choose(query: Option<&str>, accept: Option<&str>) -> Result<Coding, String> {
    let refusal = |asked: &str| {
        Err(format!("compression {asked:?} is not on offer; there are zstd, gzip and identity"))
    };
    if let Some(asked) = query {
        let known = CODINGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(asked));
        return match known {
            Some((_, coding)) => Ok(*coding),
            None if asked.eq_ignore_ascii_case("none") => Ok(Coding::Identity),
            None => refusal(asked),
        };
    }
    let Some(accept) = accept else { return Ok(Coding::Identity) };
    let ranges = Range::parse_list(accept);
    let quality = |name: &str| {
        let named = ranges.iter().find(|range| range.name == name);
        let any = ranges.iter().find(|range| range.name == "*");
        named.or(any).map(|range| range.quality)
    };
    let mut best = (Coding::Identity, quality("identity").unwrap_or(1));
    for (name, coding) in CODINGS {
        // Of equal ones the first, but rather any of these than plain bytes.
        let found = quality(name).unwrap_or(0);
        let is_better = found > best.1 || found == best.1 && best.0 == Coding::Identity;
        if found > 0 && is_better {
            best = (coding, found);
        }
    }
    if best.1 == 0 { refusal(accept) } else { Ok(best.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codings_are_chosen_by_quality() {
        let check = |query: Option<&str>, accept: Option<&str>, expected: Option<Coding>| {
            assert_eq!(choose(query, accept).ok(), expected, "{query:?} {accept:?}");
        };
        check(None, None, Some(Coding::Identity));
        check(None, Some(""), Some(Coding::Identity));
        check(None, Some("gzip"), Some(Coding::Gzip));
        check(None, Some("gzip, deflate, br, zstd"), Some(Coding::Zstd));
        check(None, Some("gzip;q=1.0, zstd;q=0.5"), Some(Coding::Gzip));
        check(None, Some("identity, gzip;q=0.5"), Some(Coding::Identity));
        check(None, Some("br"), Some(Coding::Identity));
        check(None, Some("*"), Some(Coding::Zstd));
        check(None, Some("gzip;q=0"), Some(Coding::Identity));
        check(None, Some("br, identity;q=0"), None);
        check(None, Some("*;q=0"), None);
        check(Some("gzip"), Some("zstd"), Some(Coding::Gzip));
        check(Some("none"), Some("zstd"), Some(Coding::Identity));
        check(Some("deflate"), None, None);
    }
}
