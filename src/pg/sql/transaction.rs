//! The words of transactions: `BEGIN`, `COMMIT`, `ROLLBACK`, `SAVEPOINT` and their modes.

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::pg::errors::Fault;
use crate::pg::sql::words::Words;

/// The settings of a transaction that its modes mean: `transaction_isolation` and the like.
pub(in crate::pg) type Modes = Vec<(&'static str, String)>;

/// What is asked of the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pg) enum Transact {
    Begin {
        tag: &'static str,
        modes: Modes,
    },
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    Savepoint(String),
    Release(String),
    RollbackTo(String),
    /// `SET TRANSACTION`
    Modes(Modes),
    /// `SET SESSION CHARACTERISTICS AS TRANSACTION`
    SessionModes(Modes),
}

/// Reads a command whose first word is one of transactions. Absent if it is another.
pub(in crate::pg) fn parse(words: &mut Words<'_>) -> Result<Option<Transact>, Fault> {
    let first = words.word();
    let command = match first.as_str() {
        "BEGIN" => {
            words.skip();
            noise(words);
            Transact::Begin { tag: "BEGIN", modes: modes(words)? }
        }
        "START" => {
            words.skip();
            words.expect("TRANSACTION")?;
            Transact::Begin { tag: "START TRANSACTION", modes: modes(words)? }
        }
        "COMMIT" | "END" => {
            words.skip();
            if words.accept("PREPARED") {
                return Err(Fault::unsupported("two-phase commit"));
            }
            noise(words);
            Transact::Commit { chain: chain(words)? }
        }
        "ROLLBACK" | "ABORT" => {
            words.skip();
            noise(words);
            if words.accept("TO") {
                words.accept("SAVEPOINT");
                Transact::RollbackTo(words.name()?)
            } else {
                Transact::Rollback { chain: chain(words)? }
            }
        }
        "SAVEPOINT" => {
            words.skip();
            Transact::Savepoint(words.name()?)
        }
        "RELEASE" => {
            words.skip();
            words.accept("SAVEPOINT");
            Transact::Release(words.name()?)
        }
        _ => return Ok(None),
    };
    words.end()?;
    Ok(Some(command))
}

fn noise(words: &mut Words<'_>) {
    if !words.accept("WORK") {
        words.accept("TRANSACTION");
    }
}

fn chain(words: &mut Words<'_>) -> Result<bool, Fault> {
    if !words.accept("AND") {
        return Ok(false);
    }
    let no = words.accept("NO");
    words.expect("CHAIN")?;
    Ok(!no)
}

/// Reads modes to the end of the statement.
pub(in crate::pg) fn modes(words: &mut Words<'_>) -> Result<Modes, Fault> {
    let mut modes = Vec::new();
    while !words.is_at_end() {
        if words.accept_all(&["ISOLATION", "LEVEL"]) {
            let level = if words.accept("SERIALIZABLE") {
                "serializable"
            } else if words.accept_all(&["REPEATABLE", "READ"]) {
                "repeatable read"
            } else if words.accept_all(&["READ", "COMMITTED"]) {
                "read committed"
            } else if words.accept_all(&["READ", "UNCOMMITTED"]) {
                "read uncommitted"
            } else {
                return Err(words.wrong());
            };
            modes.push(("transaction_isolation", level.to_owned()));
        } else if words.accept_all(&["READ", "ONLY"]) {
            modes.push(("transaction_read_only", "on".to_owned()));
        } else if words.accept_all(&["READ", "WRITE"]) {
            // Clients ask for it by habit; what would write is refused when it comes.
            modes.push(("transaction_read_only", "off".to_owned()));
        } else if words.accept_all(&["NOT", "DEFERRABLE"]) {
            modes.push(("transaction_deferrable", "off".to_owned()));
        } else if words.accept("DEFERRABLE") {
            modes.push(("transaction_deferrable", "on".to_owned()));
        } else {
            return Err(words.wrong());
        }
        words.accept_token(&Token::Comma);
    }
    Ok(modes)
}
