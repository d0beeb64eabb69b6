//! Earlier states of the database, as people name them.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{parse_moment, write_moment};
use crate::store::{CommitRecord, Database, Snapshot};

/// A state: the one after a commit, or the one that was effective at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// After the commit of this number.
    Commit(u64),
    /// After the last commit that was effective at this time, in microseconds since 1970.
    Time(i64),
}

impl AsOf {
    /// Parses the number of a commit, or a time: `17`, `2026-03-01T08:00:00Z`,
    /// `2026-03-01 09:00+01:00`. A date is its first moment, and without a zone it is UTC.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for any other text.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().map_err(|_| invalid(text))?;
            return Ok(Self::Commit(number));
        }
        parse_moment(text).map(Self::Time).ok_or_else(|| invalid(text))
    }

    /// The commit that it means, as `newest` knows them.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there was none yet.
    pub fn commit(self, newest: &Snapshot) -> Result<&CommitRecord> {
        let state = newest.state();
        match self {
            Self::Commit(number) => {
                let missing = || {
                    let last = state.number();
                    Error::not_found("commit", format!("{number} (the last is {last})"))
                };
                state.commit(number).ok_or_else(missing)
            }
            Self::Time(time) => state.commit_at(time).ok_or_else(|| {
                let first = state.commits().next().map(|first| Self::Time(first.effective));
                let first = first.map(|first| format!(" (the first is of {first})"));
                let first = first.unwrap_or_default();
                Error::not_found("commit", format!("effective at {self}{first}"))
            }),
        }
    }
}

impl Database {
    /// The state that `as_of` means, among the commits that `newest` knows.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there was no commit yet, or if it has been forgotten.
    pub fn snapshot_of(&self, newest: &Arc<Snapshot>, as_of: AsOf) -> Result<Arc<Snapshot>> {
        let number = as_of.commit(newest)?.number;
        if number == newest.number() {
            return Ok(Arc::clone(newest));
        }
        self.snapshot_at(number).map_err(|error| match error {
            Error::NotFound { .. } => {
                Error::not_found("commit", format!("{number} (its data have been forgotten)"))
            }
            other => other,
        })
    }
}

impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Commit(number) => write!(f, "commit {number}"),
            Self::Time(micros) => f.write_str(&write_moment(*micros)),
        }
    }
}

fn invalid(text: &str) -> Error {
    let reason = format!(
        "{text:?} is neither the number of a commit nor a time: write 17 or \
                          2026-03-01T08:00:00Z"
    );
    Error::invalid("as of", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_commits_and_times() {
        let check = |text: &str, expected: &str| {
            let found =
                AsOf::parse(text).map_or_else(|error| error.to_string(), |at| at.to_string());
            assert_eq!(found, expected, "{text}");
        };
        check("17", "commit 17");
        check("2026-03-01 09:00+01:00", "2026-03-01T08:00:00Z");
        let wrong = |text: &str| {
            let expected = format!(
                "as of: {text:?} is neither the number of a commit nor a time: write 17 or \
                 2026-03-01T08:00:00Z"
            );
            check(text, &expected);
        };
        wrong("");
        wrong("yesterday");
        wrong("-1");
        wrong("99999999999999999999999");
    }
}
