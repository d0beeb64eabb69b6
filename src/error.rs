//! The one error type, sorted by who can act on it.
//!
//! A variant exists because some caller does something different for it. Each front maps the
//! variants to its own answer (an exit code, a SQLSTATE, an HTTP status) in one `match` without a
//! wildcard, so a new variant does not compile until every front has an answer.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::result;

/// What every fallible function of this crate returns; decoders return an error of their own.
pub type Result<T, E = Error> = result::Result<T, E>;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message shows what its fields mean")]
pub enum Error {
    /// The caller's text does not parse: SQL, an SDMX message, a URL. Correct it; do not retry.
    #[error("{at}: {reason}")]
    Syntax { at: String, reason: String },
    /// The text parses, but asks for what the structure does not allow. Correct it; do not retry.
    #[error("{at}: {reason}")]
    Invalid { at: String, reason: String },
    /// Rows of a data message cannot be stored. Correct the rows, or keep going without them.
    #[error("{}", ProblemList { file, problems, count: *count })]
    Rows { file: String, problems: Vec<Problem>, count: u64 },
    /// The named artefact is not in the catalogue.
    #[error("{kind} {id} not found")]
    NotFound { kind: &'static str, id: String },
    /// The thing exists already, or was changed meanwhile. Read again, then decide.
    #[error("{kind} {id}: {reason}")]
    Conflict { kind: &'static str, id: String, reason: String },
    /// A size is over one of the crate's limits. Ask for less, or raise the limit.
    #[error("{what} is {actual}, over the limit of {limit}")]
    Limit { what: &'static str, actual: u64, limit: u64 },
    /// The request is well-formed, but this version does not do it.
    #[error("{what} is not supported")]
    Unsupported { what: String },
    /// Bytes on disk are not what was written. Restore the file, or load its data again.
    #[error("{} is damaged at byte {offset}: {reason}", path.display())]
    Corrupt { path: PathBuf, offset: u64, reason: String },
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// We made a mistake. Please report it.
    #[error("internal error: {what}")]
    Bug { what: String },
}

impl Error {
    /// An [`Error::Syntax`].
    pub fn syntax(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Syntax { at: at.into(), reason: reason.into() }
    }

    /// An [`Error::Invalid`].
    pub fn invalid(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid { at: at.into(), reason: reason.into() }
    }

    /// An [`Error::NotFound`].
    pub fn not_found(kind: &'static str, id: impl Into<String>) -> Self {
        Self::NotFound { kind, id: id.into() }
    }

    /// An [`Error::Corrupt`].
    pub fn corrupt(path: impl Into<PathBuf>, offset: u64, reason: impl Into<String>) -> Self {
        Self::Corrupt { path: path.into(), offset, reason: reason.into() }
    }

    /// An [`Error::Io`].
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// An [`Error::Bug`].
    pub fn bug(what: impl Into<String>) -> Self {
        Self::Bug { what: what.into() }
    }
}

/// One thing that is wrong with one row of a data message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file, from 1; of a quoted cell with line breaks, the first.
    pub line: u64,
    /// The column of the table, from 1; absent where the row as a whole is wrong.
    pub column: Option<u32>,
    /// The component (dimension, measure, attribute), where one is to blame.
    pub component: Option<String>,
    /// The text that was found, cut to a readable length.
    pub value: Option<String>,
    /// What is wrong and, where it is known, what to do.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        if let Some(component) = &self.component {
            write!(f, ", {component}")?;
        }
        if let Some(value) = self.value.as_ref().filter(|value| !value.is_empty()) {
            write!(f, " {value:?}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Formats the problems of one file, one a line, with the count of those not shown.
struct ProblemList<'a> {
    file: &'a str,
    problems: &'a [Problem],
    count: u64,
}

impl fmt::Display for ProblemList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.count == 1 { "" } else { "s" };
        write!(
            f,
            "{}: {} problem{plural}; nothing of this load is visible",
            self.file, self.count
        )?;
        for problem in self.problems {
            write!(f, "\n  {problem}")?;
        }
        let shown = self.problems.len() as u64;
        if self.count > shown {
            write!(f, "\n  and {} more", self.count - shown)?;
        }
        Ok(())
    }
}
