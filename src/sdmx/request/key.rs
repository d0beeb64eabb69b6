//! Keys in paths: `D.USD+GBP.EUR..A` in REST 1.5, `D.USD.EUR,D.GBP.*` in REST 2.2.
//!
//! In both, positions are between dots, in the order of the structure, and time is none of them.
//! In 1.5 a position has alternatives and there is one key; in 2.2 there are several keys, each of
//! which may stop early. Number of positions and dimensions are compared by who knows the
//! dataflow: see [`KeyRule::check`].

use crate::error::{Error, Result};
use crate::model::DataSelection;
use crate::sdmx::request::filter::check_count;
use crate::sdmx::request::text::{decode, part, split_encoded};

/// How many positions a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// One for each dimension (REST 1.5).
    Whole,
    /// Up to the number of dimensions; those left out are open (REST 2.2).
    Prefix,
}

impl KeyRule {
    /// Checks the keys of a selection against the dimensions of a dataflow, time not among them.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] that names the dimensions.
    pub fn check(self, selection: &DataSelection, dimensions: &[&str]) -> Result<()> {
        let is_good = |key: &&Vec<Vec<String>>| match self {
            Self::Whole => key.len() == dimensions.len(),
            Self::Prefix => key.len() <= dimensions.len(),
        };
        let Some(bad) = selection.keys.iter().find(|key| !is_good(key)) else { return Ok(()) };
        let (found, count) = (bad.len(), dimensions.len());
        let names = dimensions.join(".");
        let wanted = match self {
            Self::Whole => "it must have one for each, empty for all values",
            Self::Prefix => "it may have fewer, and * for all values",
        };
        let plural = if found == 1 { "" } else { "s" };
        let reason = format!(
            "has {found} position{plural}, and there are {count} dimensions ({names}); {wanted}"
        );
        Err(Error::syntax(part("key"), reason))
    }
}

/// Parses the key of REST 1.5.
///
/// # Errors
///
/// [`Error::Syntax`] if it does not decode; [`Error::Limit`] for too many codes.
pub(super) fn parse_v1(text: Option<&str>) -> Result<Vec<Vec<Vec<String>>>> {
    let text = text.unwrap_or_default();
    if text.is_empty() || text == "all" {
        return Ok(Vec::new());
    }
    let mut count = 0;
    let mut key = Vec::new();
    for position in text.split('.') {
        let codes = split_encoded(position, '+').into_iter().filter(|code| !code.is_empty());
        let codes = codes.map(|code| decode(code, &part("key"))).collect::<Result<Vec<_>>>()?;
        // Version 2 has this for an open position, and users carry it over.
        let codes = if codes == ["*"] { Vec::new() } else { codes };
        count += codes.len() + 1;
        check_count(count)?;
        key.push(codes);
    }
    Ok(vec![key])
}

/// Parses the keys of REST 2.2.
///
/// # Errors
///
/// [`Error::Syntax`] if one does not decode, or has alternatives inside; [`Error::Limit`] for too
/// many codes.
pub(super) fn parse_v2(text: Option<&str>) -> Result<Vec<Vec<Vec<String>>>> {
    let text = text.unwrap_or_default();
    if text.is_empty() || text == "*" || text == "all" {
        return Ok(Vec::new());
    }
    let mut count = 0;
    let mut keys = Vec::new();
    for text in split_encoded(text, ',') {
        let mut key = Vec::new();
        for position in text.split('.') {
            if position.contains('+') {
                let reason = "has + inside a key; give whole keys joined by commas (D.USD,D.GBP), \
                              or a filter such as c[CURRENCY]=USD,GBP";
                return Err(Error::syntax(part("key"), reason));
            }
            let code = decode(position, &part("key"))?;
            let is_open = code.is_empty() || code == "*";
            key.push(if is_open { Vec::new() } else { vec![code] });
            count += 1;
            check_count(count)?;
        }
        keys.push(key);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Positions by `.`, alternatives by `+`, keys by a space.
    fn shown(keys: &[Vec<Vec<String>>]) -> String {
        let key = |key: &Vec<Vec<String>>| {
            key.iter().map(|codes| codes.join("+")).collect::<Vec<_>>().join(".")
        };
        keys.iter().map(key).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn keys_of_the_first_version_have_alternatives() {
        let check = |text: &str, expected: &str| {
            assert_eq!(shown(&parse_v1(Some(text)).expect("parses")), expected, "{text}");
        };
        check("D.USD+GBP.EUR..A", "D.USD+GBP.EUR..A");
        check("D.USD%2BGBP.", "D.USD+GBP.");
        check("D.a%2Eb.*", "D.a.b.");
        check("all", "");
        check("", "");
        assert!(parse_v1(Some("D.%zz")).is_err());
        assert_eq!(parse_v1(Some("D.a%2Eb")).expect("parses")[0][1], ["a.b"]);
    }

    #[test]
    fn keys_of_the_second_version_are_several() {
        let check = |text: &str, expected: &str| {
            assert_eq!(shown(&parse_v2(Some(text)).expect("parses")), expected, "{text}");
        };
        check("D.USD,D.*.EUR", "D.USD D..EUR");
        check("A..EUR", "A..EUR");
        check("*", "");
        assert!(parse_v2(Some("D.USD+GBP")).is_err());
    }

    #[test]
    fn positions_are_counted_as_each_version_does() {
        let check = |rule: KeyRule, positions: usize| {
            let keys = vec![vec![Vec::new(); positions]];
            let selection = DataSelection { keys, ..DataSelection::default() };
            rule.check(&selection, &["A", "B"]).is_ok()
        };
        assert_eq!([1, 2, 3].map(|count| check(KeyRule::Whole, count)), [false, true, false]);
        assert_eq!([1, 2, 3].map(|count| check(KeyRule::Prefix, count)), [true, true, false]);
    }
}
