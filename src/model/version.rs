//! Versions of artefacts, and the patterns that queries name them by.
//!
//! A version is written with one to three numbers. With three it is a *semantic* one: it may have an
//! extension (`2.1.0-draft`), which says that it is not stable. With fewer it is of the older kind,
//! which says nothing of its stability.
//!
//! Source: SDMX REST 2.2.2, `doc/querying_versions.md`, and SDMX REST 1.5, section 4.3.

use std::cmp::Ordering;

use crate::error::{Error, Result};

/// Numbers of a version.
const PARTS_MAX: usize = 3;

/// Versions of an artefact, as a query names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionPattern {
    /// This version and no other.
    Exactly(String),
    /// Those of any form.
    Any(VersionChoice),
    /// Those that begin with `fixed` and go on with numbers that are not below `least`, compared
    /// from the left: `1.2+.3` has fixed 1 and least 2 and 3. They have as many numbers as both.
    AtLeast {
        /// Which of them.
        choice: VersionChoice,
        /// The numbers that must be the same.
        fixed: Vec<u64>,
        /// The lowest numbers after those.
        least: Vec<u64>,
    },
}

/// Which of the versions that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionChoice {
    /// All of them: `*`.
    All,
    /// The latest, stable or not: `~`.
    Latest,
    /// The latest that is stable: three numbers, the first not 0, and no extension: `+`.
    LatestStable,
}

impl VersionPattern {
    /// The latest version, whatever its form: what structure queries mean if they name none.
    pub const LATEST: Self = Self::Any(VersionChoice::Latest);

    /// Parses what REST 1.5 allows: `latest`, `all`, or versions joined by `+`.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] for anything else.
    pub fn parse_v1(text: &str) -> Result<Vec<Self>> {
        let parse = |part: &str| match part {
            "latest" => Ok(Self::LATEST),
            "all" => Ok(Self::Any(VersionChoice::All)),
            _ if is_version(part) => Ok(Self::Exactly(part.to_owned())),
            _ => Err(bad(part, "a version is like 1.0, latest or all; several are joined by +")),
        };
        text.split('+').map(parse).collect()
    }

    /// Parses what REST 2.2 allows: versions or patterns with one of `*`, `~` and `+`, joined by
    /// `,`. The words of REST 1.5 are understood too, since clients mix them up.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] for anything else.
    pub fn parse_v2(text: &str) -> Result<Vec<Self>> {
        text.split(',').map(Self::parse_one).collect()
    }

    fn parse_one(text: &str) -> Result<Self> {
        match text {
            "~" | "latest" => return Ok(Self::LATEST),
            "*" | "all" => return Ok(Self::Any(VersionChoice::All)),
            "+" => {
                let (choice, fixed, least) = (VersionChoice::LatestStable, vec![], vec![1, 0, 0]);
                return Ok(Self::AtLeast { choice, fixed, least });
            }
            _ if is_version(text) => return Ok(Self::Exactly(text.to_owned())),
            _ => {}
        }
        let mut wild: Option<(VersionChoice, bool)> = None;
        let (mut fixed, mut least) = (Vec::new(), Vec::new());
        for part in text.split('.') {
            let (digits, choice) = split_operator(part);
            let number = number(digits).filter(|_| !digits.is_empty());
            if number.is_none() && !digits.is_empty() {
                return Err(bad(text, "a version has up to three numbers, as in 1.2.3"));
            }
            match (wild, choice) {
                (None, None) => fixed.push(number.ok_or_else(|| bad(text, "a number is missing"))?),
                (None, Some(choice)) => {
                    // Stable versions begin with 1.
                    let first =
                        u64::from(choice == VersionChoice::LatestStable && fixed.is_empty());
                    least.push(number.unwrap_or(first));
                    wild = Some((choice, number.is_none()));
                }
                (Some(_), Some(_)) => return Err(bad(text, "only one of +, ~ and * may be in it")),
                (Some((_, is_bare)), None) => {
                    let number = number.ok_or_else(|| bad(text, "a number is missing"))?;
                    if is_bare && number > 0 {
                        return Err(bad(text, "after a wildcard without number comes only 0"));
                    }
                    least.push(number);
                }
            }
        }
        let Some((choice, is_bare)) = wild else {
            return Err(bad(text, "a version is like 1.0, 1.2.3 or 1.2.3-draft"));
        };
        let count = fixed.len() + least.len();
        let is_stable = choice == VersionChoice::LatestStable;
        if count > PARTS_MAX || (count == 1 && !is_bare) {
            return Err(bad(text, "a wildcard needs two or three numbers, as in 1~.0 or 1.2+.3"));
        }
        if is_stable && count < PARTS_MAX {
            return Err(bad(text, "stable versions have three numbers, as in 2.3+.0"));
        }
        if is_stable && fixed.first().or(least.first()) == Some(&0) {
            return Err(bad(text, "stable versions begin with 1 or more"));
        }
        Ok(Self::AtLeast { choice, fixed, least })
    }

    /// The versions of one artefact that any of the patterns names, latest last, each once.
    pub fn choose<'a>(
        patterns: &[Self],
        versions: impl IntoIterator<Item = &'a str>,
    ) -> Vec<&'a str> {
        let mut versions: Vec<&str> = versions.into_iter().collect();
        versions.sort_by(|a, b| compare_versions(a, b));
        versions.dedup();
        let mut chosen = vec![false; versions.len()];
        for pattern in patterns {
            let mut last = None;
            for ((place, version), chosen) in versions.iter().enumerate().zip(&mut chosen) {
                let is_match = pattern.matches(version);
                *chosen |= is_match && pattern.choice() == VersionChoice::All;
                last = if is_match { Some(place) } else { last };
            }
            if last.is_none() && pattern.is_latest_stable() {
                last = versions.iter().rposition(|version| is_of_old_form(version));
            }
            if let Some(chosen) = last.and_then(|place| chosen.get_mut(place)) {
                *chosen = true;
            }
        }
        let chosen = versions.into_iter().zip(chosen).filter(|(_, is_chosen)| *is_chosen);
        chosen.map(|(version, _)| version).collect()
    }

    /// Whether this is `+`, without any number.
    fn is_latest_stable(&self) -> bool {
        let Self::AtLeast { choice, fixed, least } = self else { return false };
        *choice == VersionChoice::LatestStable && fixed.is_empty() && *least == [1, 0, 0]
    }

    fn choice(&self) -> VersionChoice {
        match self {
            Self::Exactly(_) => VersionChoice::All,
            Self::Any(choice) | Self::AtLeast { choice, .. } => *choice,
        }
    }

    /// Whether a version is among those that the pattern chooses from.
    fn matches(&self, version: &str) -> bool {
        let parsed = Version::parse(version);
        let is_stable = parsed.as_ref().is_some_and(Version::is_stable);
        if self.choice() == VersionChoice::LatestStable && !is_stable {
            return false;
        }
        match self {
            Self::Exactly(wanted) => {
                wanted == version || Version::parse(wanted) == parsed && parsed.is_some()
            }
            Self::Any(_) => true,
            Self::AtLeast { fixed, least, .. } => {
                parsed.is_some_and(|Version { numbers, .. }| {
                    numbers.len() == fixed.len() + least.len()
                        && numbers.starts_with(fixed)
                        && numbers.iter().skip(fixed.len()).ge(least)
                })
            }
        }
    }
}

/// Whether a version is of before SDMX 3.0. These say nothing of stability, so `+` does not mean
/// them; but clients send it for whatever is current, so it is they where there is nothing else.
fn is_of_old_form(version: &str) -> bool {
    Version::parse(version).is_some_and(|parsed| parsed.numbers.len() < PARTS_MAX)
}

fn bad(text: &str, reason: &str) -> Error {
    Error::syntax(format!("version {text:?}"), reason)
}

/// A part of a pattern: its digits, and the operator after them.
fn split_operator(part: &str) -> (&str, Option<VersionChoice>) {
    let operators = [
        ('*', VersionChoice::All),
        ('~', VersionChoice::Latest),
        ('+', VersionChoice::LatestStable),
    ];
    let found =
        operators.iter().find_map(|(sign, choice)| Some((part.strip_suffix(*sign)?, *choice)));
    found.map_or((part, None), |(digits, choice)| (digits, Some(choice)))
}

/// A number without leading zeros.
fn number(digits: &str) -> Option<u64> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = digits.len() > 1 && digits.starts_with('0');
    (is_plain && !is_padded).then(|| digits.parse().ok()).flatten()
}

/// Whether a text is a version: one to three numbers, after the third perhaps an extension.
fn is_version(text: &str) -> bool {
    Version::parse(text).is_some()
}

/// A version by its parts.
#[derive(Debug, PartialEq, Eq)]
struct Version<'a> {
    numbers: Vec<u64>,
    extension: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (plain, extension) = match text.split_once('-') {
            Some((plain, extension)) => (plain, Some(extension)),
            None => (text, None),
        };
        let numbers =
            plain.split('.').take(PARTS_MAX + 1).map(number).collect::<Option<Vec<_>>>()?;
        let is_extension = |text: &str| {
            let is_part = |part: &str| {
                let is_plain =
                    part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
                !part.is_empty() && is_plain && (!is_number || number(part).is_some())
            };
            numbers.len() == PARTS_MAX && text.split('.').all(is_part)
        };
        let is_good = numbers.len() <= PARTS_MAX && extension.is_none_or(is_extension);
        is_good.then_some(Self { numbers, extension })
    }

    fn is_stable(&self) -> bool {
        self.numbers.len() == PARTS_MAX
            && self.numbers.first() != Some(&0)
            && self.extension.is_none()
    }
}

/// Compares versions by age: number by number, then an extension before none. A text that is no
/// version comes before all that are; equal ones are ordered by their bytes.
///
/// Source: Semantic Versioning 2.0.0, section 11.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let by_parts = match (Version::parse(a), Version::parse(b)) {
        (Some(a), Some(b)) => {
            let part = |numbers: &[u64], at: usize| numbers.get(at).copied().unwrap_or(0);
            (0..PARTS_MAX)
                .map(|at| part(&a.numbers, at).cmp(&part(&b.numbers, at)))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| compare_extensions(a.extension, b.extension))
                .then_with(|| a.numbers.len().cmp(&b.numbers.len()))
        }
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    by_parts.then_with(|| a.cmp(b))
}

fn compare_extensions(a: Option<&str>, b: Option<&str>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none().cmp(&b.is_none()) };
    let key = |part: &'_ str| (number(part).is_none(), number(part).unwrap_or(0));
    let mut others = b.split('.');
    for part in a.split('.') {
        let Some(other) = others.next() else { return Ordering::Greater };
        let order = key(part).cmp(&key(other)).then_with(|| part.cmp(other));
        if order.is_ne() {
            return order;
        }
    }
    if others.next().is_some() { Ordering::Less } else { Ordering::Equal }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: [&str; 12] = [
        "1",
        "0.9",
        "1.0",
        "1.1",
        "1.10",
        "1.9",
        "0.1.0",
        "1.0.0",
        "1.2.3",
        "1.10.0",
        "2.0.0-draft.2",
        "2.0.0-draft.10",
    ];

    fn check(text: &str, expected: &str) {
        let patterns = VersionPattern::parse_v2(text).unwrap();
        let found = VersionPattern::choose(&patterns, VERSIONS).join(" ");
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn chooses_versions_as_the_specification_says() {
        check("1.0", "1.0");
        check("1", "1");
        check("2.0.0-draft.2", "2.0.0-draft.2");
        check("7.7", "");
        check("~", "2.0.0-draft.10");
        check("+", "1.10.0");
        check("+.0.0", "1.10.0");
        check("1+.0.0", "1.10.0");
        check("1.+.0", "1.10.0");
        check("1.2.+", "1.2.3");
        check("1.2.4+", "");
        check("1.2+.3", "1.10.0");
        check("2+.0.0", "");
        check("~.0", "1.10");
        check("~.0.0", "2.0.0-draft.10");
        check("1.~", "1.10");
        check("1.~.0", "1.10.0");
        check("1.2~.9", "1.10.0");
        check("*.0", "0.9 1.0 1.1 1.9 1.10");
        check("1*.1", "1.1 1.9 1.10");
        check("1.2*.3", "1.2.3 1.10.0");
        check("1.2.*", "1.2.3");
        check("+,1.0,1.1", "1.0 1.1 1.10.0");
        check("*", "0.1.0 0.9 1 1.0 1.0.0 1.1 1.2.3 1.9 1.10 1.10.0 2.0.0-draft.2 2.0.0-draft.10");
    }

    #[test]
    fn the_latest_stable_version_is_an_old_one_where_there_is_no_other() {
        let check = |text: &str, versions: &[&str], expected: &str| {
            let patterns = VersionPattern::parse_v2(text).unwrap();
            let found = VersionPattern::choose(&patterns, versions.iter().copied());
            assert_eq!(found.join(" "), expected, "{text} {versions:?}");
        };
        check("+", &["1.0", "1.1"], "1.1");
        check("+", &["1.0", "1.0.0", "1.1"], "1.0.0");
        check("+", &["1.0", "2.0.0-draft"], "1.0");
        check("2+.0.0", &["1.0", "2.0"], "");
    }

    #[test]
    fn refuses_what_the_specification_refuses() {
        for text in [
            "+.2.3",
            "1.+.3",
            "~.2",
            "~.2.3",
            "1.~.3",
            "*.2",
            "*.2.3",
            "1.*.3",
            "+.0",
            "2.3+",
            "~.0.*",
            "3.2*.1+",
            "3.2+.1+",
            "",
            "a",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4",
            "2~",
            "2+",
            "2*",
            "0+.0.0",
            "0.+.0",
            "01.0",
            "1.2-draft",
            "1.2.3-",
            "1.2.3-01",
            "1.2.*-draft",
            "1,,2",
            "++",
            "~*",
            "99999999999999999999999999.0",
            "1.2.3-dräft",
            "-1",
        ] {
            assert!(VersionPattern::parse_v2(text).is_err(), "{text:?}");
        }
        for text in ["", "*", "1.*", "1.0+", "+", "1.0,2.0", "x"] {
            assert!(VersionPattern::parse_v1(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_older_interface_has_words_and_sums() {
        let check = |text: &str, expected: &str| {
            let patterns = VersionPattern::parse_v1(text).unwrap();
            assert_eq!(VersionPattern::choose(&patterns, VERSIONS).join(" "), expected, "{text}");
        };
        check("latest", "2.0.0-draft.10");
        check("1.0+1.1+5.5", "1.0 1.1");
        check("1.0.0", "1.0.0");
        assert_eq!(
            VersionPattern::parse_v1("all").unwrap(),
            VersionPattern::parse_v2("*").unwrap()
        );
    }

    #[test]
    fn a_release_is_later_than_its_drafts() {
        let mut versions = ["2.0.0", "2.0.0-rc", "2.0.0-1", "2.0.0-rc.1", "1.10", "1.9", "draft"];
        versions.sort_by(|a, b| compare_versions(a, b));
        assert_eq!(versions.join(" "), "draft 1.9 1.10 2.0.0-1 2.0.0-rc 2.0.0-rc.1 2.0.0");
    }
}
