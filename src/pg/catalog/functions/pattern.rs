//! Patterns: regular expressions and LIKE.

use std::fmt;
use std::sync::Arc;

use datafusion::functions::regex::compile_regex;

use crate::error::{Error, Result};
use crate::pg::catalog::plan::Style;

/// Bytes of one pattern: those of clients are names.
const PATTERN_BYTES_MAX: usize = 8 << 10;

type Test = dyn Fn(&str) -> bool + Send + Sync;

/// A pattern that texts are tested with.
#[derive(Clone)]
pub(crate) struct Pattern(Arc<Test>);

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pattern")
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is none.
    pub(crate) fn new(text: &str, style: Style) -> Result<Self> {
        if text.len() > PATTERN_BYTES_MAX {
            let (actual, limit) = (text.len() as u64, PATTERN_BYTES_MAX as u64);
            return Err(Error::Limit { what: "the length of the pattern in bytes", actual, limit });
        }
        let regex = if style.is_like { of_like(text, style.escape) } else { of_postgres(text) };
        let flags = style.ignores_case.then_some("i");
        let compiled = compile_regex(&regex, flags).map_err(|error| {
            Error::invalid(format!("the regular expression {text:?}"), error.to_string())
        })?;
        let is_negated = style.is_negated;
        Ok(Self(Arc::new(move |text| compiled.is_match(text) != is_negated)))
    }

    /// A text with the first match of a pattern, or all of them, replaced.
    ///
    /// # Errors
    ///
    /// As of [`Pattern::new`].
    pub(crate) fn replace(
        text: &str,
        pattern: &str,
        style: Style,
        with: &str,
        all: bool,
    ) -> Result<String> {
        Self::new(pattern, style)?;
        let flags = style.ignores_case.then_some("i");
        let regex = compile_regex(&of_postgres(pattern), flags);
        let regex = regex.map_err(|error| Error::invalid(pattern, error.to_string()))?;
        Ok(regex.replacen(text, usize::from(!all), with).into_owned())
    }

    /// Whether a text matches; of a pattern that is negated, whether it does not.
    pub(crate) fn matches(&self, text: &str) -> bool {
        (self.0)(text)
    }
}

/// A pattern of LIKE as a regular expression.
fn of_like(text: &str, escape: Option<char>) -> String {
    let mut regex = String::from("(?s)^");
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            letter if Some(letter) == escape => match letters.next() {
                Some(next) => push_literal(&mut regex, next),
                None => push_literal(&mut regex, letter),
            },
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            other => push_literal(&mut regex, other),
        }
    }
    regex.push('$');
    regex
}

fn push_literal(regex: &mut String, letter: char) {
    if !letter.is_alphanumeric() && letter.is_ascii() && !letter.is_whitespace() {
        regex.push('\\');
    }
    regex.push(letter);
}

/// A regular expression of PostgreSQL, where it is written otherwise: `***=` before a plain text.
fn of_postgres(text: &str) -> String {
    match text.strip_prefix("***=") {
        Some(plain) => {
            let mut regex = String::new();
            plain.chars().for_each(|letter| push_literal(&mut regex, letter));
            regex
        }
        None => text.strip_prefix("***:").unwrap_or(text).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, is_like: bool, text: &str, expected: bool) {
        let escape = is_like.then_some('\\');
        let style = Style { is_like, ignores_case: false, is_negated: false, escape };
        let found = Pattern::new(pattern, style).expect("a pattern").matches(text);
        assert_eq!(found, expected, "{text} like {pattern}");
    }

    #[test]
    fn likes_as_postgres_does() {
        check("ob%", true, "obs", true);
        check("o_s", true, "obs", true);
        check("pg\\_%", true, "pg_class", true);
        check("pg\\_%", true, "pgxclass", false);
        check("a.c", true, "abc", false);
        check("%", true, "", true);
        check("a%", true, "a\nb", true);
    }

    #[test]
    fn matches_anywhere_unless_anchored() {
        check("^(obs)$", false, "obs", true);
        check("^(obs)$", false, "obs2", false);
        check("bs", false, "obs", true);
        check("***=a.b", false, "xa.bx", true);
        check("***=a.b", false, "axb", false);
    }
}
