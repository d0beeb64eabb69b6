//! The values in a cell of a component that may have several.
//!
//! Source: SDMX-CSV 2.1 field guide, "Multi-valued components": values are separated by semicolons,
//! and one that holds a semicolon or a quote is quoted, its quotes doubled.

use std::borrow::Cow;

/// The values in a cell, in order.
pub(super) fn values(text: &str) -> Values<'_> {
    Values { rest: Some(text) }
}

/// Iterates over the values in a cell.
pub(super) struct Values<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Values<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        if let Some((value, after)) = rest.strip_prefix('"').and_then(quoted) {
            self.rest = after;
            return Some(value);
        }
        let (value, after) = match rest.split_once(';') {
            Some((value, after)) => (value, Some(after)),
            None => (rest, None),
        };
        self.rest = after;
        Some(Cow::Borrowed(value))
    }
}

/// The value up to its closing quote, and what follows the semicolon. Absent if the quote is never
/// closed, or text follows it: then it is a quote like any other character.
fn quoted(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find('"')?;
        let after = text.get(at + 1..)?;
        if after.starts_with('"') {
            from = at + 2;
            continue;
        }
        let after = match after.strip_prefix(';') {
            None if !after.is_empty() => return None,
            after => after,
        };
        let value = text.get(..at)?;
        let is_plain = !value.contains('"');
        let value = if is_plain { value.into() } else { value.replace("\"\"", "\"").into() };
        return Some((value, after));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_semicolons_outside_quotes() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(values(text).collect::<Vec<_>>(), expected, "{text}");
        };
        check("A", &["A"]);
        check("A;F", &["A", "F"]);
        check("", &[""]);
        check("A;;B;", &["A", "", "B", ""]);
        check("\"a;b\";c", &["a;b", "c"]);
        check("c;\"say \"\"x\"\";y\"", &["c", "say \"x\";y"]);
        check("\"open;b", &["\"open", "b"]);
        check("\"a\"b;c", &["\"a\"b", "c"]);
    }
}
