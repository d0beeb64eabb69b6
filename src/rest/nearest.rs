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
        (distance <= length / 3).then_some((distance, word))
    };
    known.take(WORDS_MAX).filter_map(distance).min().map(|(_, word)| word)
}

/// Letters of a word that is worth comparing.
const WORD_LENGTH_MAX: usize = 64;

/// Words that are looked at.
const WORDS_MAX: usize = 20_000;

/// How many letters must be put in, taken out, changed or swapped with the next to make one word
/// the other.
///
/// Source: Damerau, "A technique for computer detection and correction of spelling errors", 1964.
fn steps(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(2 * WORD_LENGTH_MAX).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last = None;
    for (above, x) in (1..).zip(a.chars()) {
        let mut next = Vec::with_capacity(row.len());
        next.push(above);
        let mut left = above;
        let mut last_y = None;
        for (at, (y, pair)) in b.iter().zip(row.windows(2)).enumerate() {
            let (diagonal, up) = (pair.first().map_or(0, |d| *d), pair.last().map_or(0, |u| *u));
            let mut fewest = (diagonal + usize::from(x != *y)).min(up + 1).min(left + 1);
            if last == Some(*y) && last_y == Some(x) {
                let swapped = at.checked_sub(1).and_then(|at| before.get(at));
                fewest = swapped.map_or(fewest, |steps| fewest.min(steps + 1));
            }
            next.push(fewest);
            left = fewest;
            last_y = Some(*y);
        }
        before = row;
        row = next;
        last = Some(x);
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
        check("UDS", Some("USD"));
        check("DUX", None);
        check("N", None);
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
        check("GPB", "GBP", 1);
        check("abcd", "badc", 2);
        check("ba", "ab", 1);
    }
}
