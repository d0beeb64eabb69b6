//! Names as they are written in SQL, and from a wrong name to the nearest right one.

use std::borrow::Cow;

/// Names compared for a suggestion: a wrong name in a catalogue of any size answers at once.
const COMPARED_MAX: usize = 20_000;

/// A name as it must be written in SQL: between quotes where it is not plain.
pub fn quoted(name: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts_plain = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    if starts_plain && name.chars().all(plain) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(format!("\"{}\"", name.replace('"', "\"\"")))
}

/// The known name that a reader most likely meant: the nearest by edits, letter case aside, and
/// only if it is closer than a third of its length.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    for name in known.into_iter().take(COMPARED_MAX) {
        let distance = edits(&wanted, &name.to_lowercase());
        let close = distance * 3 <= wanted.len().max(name.len());
        if close && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// `wanted`, with the nearest known name where there is one: the text of a `NotFound`.
pub fn with_nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest(wanted, known) {
        Some(name) => format!("{wanted} (did you mean {}?)", quoted(name)),
        None => wanted.to_owned(),
    }
}

/// The number of letters to insert, remove or replace, and of neighbours to swap.
fn edits(a: &str, b: &str) -> usize {
    const FAR: usize = usize::MAX / 2;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 8 || a.len() > 256 || b.len() > 256 {
        return FAR / 4;
    }
    let mut before = vec![FAR; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, y) in b.iter().enumerate() {
            let changed = above[j] + usize::from(x != y);
            row[j + 1] = changed.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = above;
        above = row;
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_is_not_plain() {
        let check = |name: &str, expected: &str| assert_eq!(quoted(name), expected, "{name}");
        check("exr", "exr");
        check("EXR", "\"EXR\"");
        check("4f", "\"4f\"");
        check("a\"b", "\"a\"\"b\"");
        check("", "\"\"");
    }

    #[test]
    fn suggests_a_near_name_and_no_far_one() {
        let known = ["currency", "currency_denom", "exr_type", "freq"];
        let check = |wanted: &str, expected: Option<&str>| {
            assert_eq!(nearest(wanted, known), expected, "{wanted}");
        };
        check("curency", Some("currency"));
        check("CURRENCY", Some("currency"));
        check("ferq", Some("freq"));
        check("ex_type", Some("exr_type"));
        check("population", None);
        check("", None);
    }
}
