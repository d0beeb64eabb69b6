//! What a statement that writes did, and who it did it for.

use std::fmt;
use std::sync::Arc;

/// What kind of statement wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteTag {
    /// `INSERT`.
    Insert,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `MERGE`.
    Merge,
    /// `TRUNCATE`.
    Truncate,
    /// `COPY ... FROM STDIN`.
    Copy,
}

impl WriteTag {
    /// The words that the statement begins with.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Merge => "MERGE",
            Self::Truncate => "TRUNCATE TABLE",
            Self::Copy => "COPY",
        }
    }
}

/// What a statement that writes did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteOutcome {
    /// The kind of statement.
    pub tag: WriteTag,
    /// How many rows it inserted, updated or deleted; as in PostgreSQL, also those that an update
    /// left as they were.
    pub rows: u64,
    /// The commit that it made; absent inside a transaction, and where nothing changed.
    pub commit: Option<u64>,
}

impl WriteOutcome {
    /// What PostgreSQL tells a client when the statement is done: `INSERT 0 3`, `UPDATE 2`.
    ///
    /// Source: PostgreSQL 15, section 55.7, "`CommandComplete`".
    pub fn command_tag(&self) -> String {
        let name = self.tag.name();
        match self.tag {
            WriteTag::Insert => format!("{name} 0 {}", self.rows),
            WriteTag::Truncate => name.to_owned(),
            _ => format!("{name} {}", self.rows),
        }
    }
}

/// Who writes: a session that has one may write.
#[derive(Clone)]
pub struct WriterIdentity {
    /// The author of its commits.
    pub author: String,
    /// The time now, in microseconds since 1970; asked when a transaction commits.
    pub clock: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl WriterIdentity {
    /// An author with a clock.
    pub fn new(author: impl Into<String>, clock: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { author: author.into(), clock: Arc::new(clock) }
    }
}

impl fmt::Debug for WriterIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriterIdentity({})", self.author)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_those_of_postgresql() {
        let check = |tag, expected: &str| {
            assert_eq!(WriteOutcome { tag, rows: 3, commit: None }.command_tag(), expected);
        };
        check(WriteTag::Insert, "INSERT 0 3");
        check(WriteTag::Update, "UPDATE 3");
        check(WriteTag::Delete, "DELETE 3");
        check(WriteTag::Merge, "MERGE 3");
        check(WriteTag::Truncate, "TRUNCATE TABLE");
        check(WriteTag::Copy, "COPY 3");
    }
}
