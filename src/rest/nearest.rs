//! The known word that a mistaken one is most like.

/// The nearest of the known words: equal but for case, or at most a third of its letters away.
/// Absent if none is near.
pub(super) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = wanted.chars().count();
    if length > WORD_LENGTH_MAX {
        return None;
    }
    let folded = wanted.to_lowercase();
    let distance = |word: &'a str| {
        let distance = steps(&folded, &word.to_lowercase());
        (distance <= length.div_ceil(3)).then_some((distance, word))
    };
    known.take(WORDS_MAX).filter_map(distance).min().map(|(_, word)| word)
}

/// Letters of a word that is worth comparing.
const WORD_LENGTH_MAX: usize = 64;

/// Words that are looked at.
const WORDS_MAX: usize = 20_000;

/// How many letters must be put in, taken out or changed to make one word the other.
///
/// Source: Wagner and Fischer, "The string-to-string correction problem", 1974.
fn steps(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(2 * WORD_LENGTH_MAX).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, x) in (1..).zip(a.chars()) {
        let (mut diagonal, mut left) = (above - 1, above);
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let changed = diagonal + usize::from(x != *y);
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_with_few_mistakes_are_found() {
        let check = |wanted: &str, expected: Option<&str>| {
            let known = ["USD", "GBP", "EUR", "monthly", "M"];
            assert_eq!(nearest(wanted, known.into_iter()), expected, "{wanted}");
        };
        check("USX", Some("USD"));
        check("usd", Some("USD"));
        check("UDS", None);
        check("montly", Some("monthly"));
        check("m", Some("M"));
        check("XYZ", None);
        check("", None);
    }

    #[test]
    fn steps_are_counted() {
        let check = |a: &str, b: &str, expected: usize| {
            assert_eq!((steps(a, b), steps(b, a)), (expected, expected), "{a} {b}");
        };
        check("", "", 0);
        check("abc", "", 3);
        check("kitten", "sitting", 3);
        check("flaw", "lawn", 2);
    }
}
