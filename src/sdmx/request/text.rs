//! The text of a request: split first, decoded after.
//!
//! `+`, `,`, `:` and `.` have a meaning in paths and queries of SDMX, and nothing else escapes them
//! than percent-encoding. A decoder for forms would turn `+` into a space and `%2B` into `+` before
//! anybody could tell them apart; so nothing here decodes what is not split yet.
//!
//! Source: RFC 3986, sections 2.2 to 2.4 and 3.4.

use std::mem;

use crate::error::{Error, Result};
use crate::limits::{REQUEST_PARAMETERS_MAX, REQUEST_PARTS_MAX};

/// The parts of a path between its slashes, not decoded. A slash at the end says nothing; an empty
/// part stays, and stands for its default.
///
/// # Errors
///
/// [`Error::Limit`] for more parts than any resource has.
pub fn path_parts(path: &str) -> Result<Vec<&str>> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = path.split('/').take(REQUEST_PARTS_MAX + 1).collect();
    if parts.len() > REQUEST_PARTS_MAX {
        let reason = format!("has more than {REQUEST_PARTS_MAX} parts");
        return Err(Error::syntax("the path", reason));
    }
    Ok(parts)
}

/// Undoes percent-encoding; `+` stays what it is. `at` names the place in errors.
///
/// # Errors
///
/// [`Error::Syntax`] for `%` without two hexadecimal digits, for what is not UTF-8, and for control
/// characters, which no identifier, code or name has.
pub fn decode(text: &str, at: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.split_first_chunk::<2>().and_then(|([high, low], after)| {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let byte = digit(*high)? * 16 + digit(*low)?;
            Some((u8::try_from(byte).ok()?, after))
        });
        let reason = "has a % that is not followed by two hexadecimal digits; write %25 for %";
        let (byte, after) = digits.ok_or_else(|| Error::syntax(at, reason))?;
        bytes.push(byte);
        rest = after;
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| Error::syntax(at, "is not UTF-8 when it is decoded"))?;
    if text.chars().any(char::is_control) {
        return Err(Error::syntax(at, "holds a control character"));
    }
    Ok(text)
}

/// Splits at a separator, plain or percent-encoded: for identifiers and codes in paths, which never
/// hold it, so that clients who encode all they can are understood.
pub(super) fn split_encoded(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((at, length)) = find_encoded(rest, separator) {
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after.get(length..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

/// Where a separator of ASCII stands first, plain or encoded, and how long it is there.
fn find_encoded(text: &str, separator: char) -> Option<(usize, usize)> {
    let code = u32::from(separator);
    let upper = format!("%{code:02X}");
    let lower = upper.to_lowercase();
    let plain = text.find(separator).map(|at| (at, 1));
    let encoded = [upper, lower].into_iter().filter_map(|form| text.find(&form));
    plain.into_iter().chain(encoded.map(|at| (at, 3))).min()
}

/// The parameters of a query: names decoded, values as they came. Each is taken by who knows it;
/// what is left in the end is unknown.
#[derive(Debug)]
pub struct Parameters<'a> {
    left: Vec<(String, &'a str)>,
}

impl<'a> Parameters<'a> {
    /// Splits a raw query, which may be empty.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] for a parameter that stands twice, for one without a value, and for names
    /// that do not decode; [`Error::Limit`] for too many.
    pub fn parse(query: &'a str) -> Result<Self> {
        let mut left: Vec<(String, &str)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            if left.len() == REQUEST_PARAMETERS_MAX {
                let reason = format!("has more than {REQUEST_PARAMETERS_MAX} parameters");
                return Err(Error::syntax("the query", reason));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, "the name of a query parameter")?;
            if left.iter().any(|(known, _)| *known == name) {
                let reason = match name.strip_prefix("c[") {
                    Some(_) => "stands twice; join conditions with , (or) and + (and)",
                    None => "stands twice; it may stand once",
                };
                return Err(Error::syntax(parameter(&name), reason));
            }
            left.push((name, value));
        }
        Ok(Self { left })
    }

    /// Takes the raw value of a parameter.
    pub fn take_raw(&mut self, name: &str) -> Option<&'a str> {
        let at = self.left.iter().position(|(known, _)| known == name)?;
        Some(self.left.swap_remove(at).1)
    }

    /// Takes the decoded value of a parameter.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] if it does not decode, or is empty.
    pub fn take(&mut self, name: &str) -> Result<Option<String>> {
        let Some(raw) = self.take_raw(name) else { return Ok(None) };
        if raw.is_empty() {
            return Err(Error::syntax(parameter(name), "has no value; give one, or leave it out"));
        }
        decode(raw, &parameter(name)).map(Some)
    }

    /// Takes the parameters `c[...]`: the component in brackets, and the raw value.
    pub fn take_filters(&mut self) -> Vec<(String, &'a str)> {
        let component = |name: &str| {
            let inner = name.strip_prefix("c[")?.strip_suffix(']')?;
            Some(inner.to_owned())
        };
        let all = mem::take(&mut self.left);
        let mut filters = Vec::new();
        for (name, value) in all {
            match component(&name) {
                Some(component) => filters.push((component, value)),
                None => self.left.push((name, value)),
            }
        }
        filters
    }

    /// Refuses what nobody took. Names that begin with `_` or `x-` are nobody's: proxies and
    /// clients use them to get around caches.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] that names the parameter, and those that are `known` here.
    pub fn finish(
        self,
        known: &[&str],
        advice: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<()> {
        let unknown =
            |name: &&(String, &str)| !name.0.starts_with(['_']) && !name.0.starts_with("x-");
        let Some((name, _)) = self.left.iter().find(unknown) else { return Ok(()) };
        let known = known.join(", ");
        let advice = advice(name).map(|advice| format!("{advice}; ")).unwrap_or_default();
        let reason = format!("is not known here; {advice}there are: {known}");
        Err(Error::syntax(parameter(name), reason))
    }
}

/// How a parameter of the query is called in errors.
pub(super) fn parameter(name: &str) -> String {
    format!("query parameter {name}")
}

/// How a part of the path is called in errors.
pub(super) fn part(name: &str) -> String {
    format!("path part {name}")
}

/// What is wrong with a value of which all possible ones are known.
pub(super) fn not_one_of(at: String, value: &str, allowed: &[&str]) -> Error {
    let allowed = allowed.join(", ");
    Error::syntax(at, format!("is {value:?}; it can be {allowed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_before_they_are_decoded() {
        let check = |path: &str, expected: &[&str]| {
            assert_eq!(path_parts(path).expect("splits"), expected, "{path}");
        };
        check("/", &[]);
        check("/data/EXR", &["data", "EXR"]);
        check("/data/EXR/", &["data", "EXR"]);
        check("/data//EXR", &["data", "", "EXR"]);
        check("/data/A%2FB", &["data", "A%2FB"]);
        assert!(path_parts(&"/a".repeat(100)).is_err());
    }

    #[test]
    fn decoding_keeps_plus_and_refuses_damage() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(decode(text, "x").ok().as_deref(), expected, "{text}");
        };
        check("a+b", Some("a+b"));
        check("a%2Bb%2c", Some("a+b,"));
        check("%C3%A9", Some("\u{e9}"));
        for bad in ["%", "%2", "%zz", "%C3", "%00", "a%0Ab", "%+1"] {
            check(bad, None);
        }
    }

    #[test]
    fn separators_in_identifiers_may_be_encoded() {
        assert_eq!(split_encoded("ECB%2CEXR,1.0%2c", ','), ["ECB", "EXR", "1.0", ""]);
        assert_eq!(split_encoded("", ','), [""]);
    }

    #[test]
    fn parameters_are_taken_once_and_the_rest_is_refused() {
        let mut parameters =
            Parameters::parse("c%5BA%5D=1,2&detail=full&c[B]=x%2By&&_=3").expect("splits");
        assert_eq!(parameters.take("detail").expect("decodes").as_deref(), Some("full"));
        let filters = parameters.take_filters();
        assert_eq!(filters, [("A".to_owned(), "1,2"), ("B".to_owned(), "x%2By")]);
        assert!(parameters.finish(&[], |_| None).is_ok());
        assert!(Parameters::parse("a=1&a=2").is_err());
        assert!(Parameters::parse("c[A]=1&c%5BA]=2").is_err());
        assert!(Parameters::parse("a=").expect("splits").take("a").is_err());
        let left = Parameters::parse("deteil=full").expect("splits");
        let error = left.finish(&["detail", "c[...]"], |_| None).expect_err("unknown");
        let expected = "query parameter deteil: is not known here; there are: detail, c[...]";
        assert_eq!(error.to_string(), expected);
    }
}
