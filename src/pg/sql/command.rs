//! What a statement asks for: of the session, of a cursor, of the data.

use datafusion::sql::sqlparser::ast;
use datafusion::sql::sqlparser::tokenizer::Token;

use crate::pg::errors::{self, Fault};
use crate::pg::sql::copy::{self, Copy, CopyFrom, Either};
use crate::pg::sql::cursor::{self, Declare, Fetch};
use crate::pg::sql::text::{self, Part};
use crate::pg::sql::transaction::{self, Transact};
use crate::pg::sql::words::Words;
use crate::query::names;

/// One statement, by who answers it.
#[derive(Clone, Debug)]
pub(in crate::pg) enum Command {
    Query(Box<ast::Statement>),
    Transact(Transact),
    Set(Set),
    Reset(Option<String>),
    /// One setting, or all.
    Show(Option<String>),
    Discard(Discard),
    Prepare {
        name: String,
        types: Vec<ast::DataType>,
        statement: Box<ast::Statement>,
    },
    Execute {
        name: String,
        arguments: Vec<ast::Expr>,
    },
    /// One prepared statement, or all.
    Deallocate(Option<String>),
    Declare(Declare),
    Fetch(Fetch),
    /// One cursor, or all.
    CloseCursor(Option<String>),
    Copy(Copy),
    CopyFrom(CopyFrom),
    /// What this server has no use for, and clients expect to go well.
    Nothing(&'static str),
    /// A statement that would change more than rows.
    Refused(String),
}

/// `SET name TO value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pg) struct Set {
    pub(in crate::pg) name: String,
    /// Absent for DEFAULT.
    pub(in crate::pg) value: Option<String>,
    pub(in crate::pg) is_local: bool,
}

/// What DISCARD discards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pg) enum Discard {
    All,
    Plans,
    Other,
}

impl Discard {
    /// What the answer is called.
    pub(in crate::pg) fn tag(self) -> &'static str {
        match self {
            Self::All => "DISCARD ALL",
            Self::Plans => "DISCARD PLANS",
            Self::Other => "DISCARD TEMP",
        }
    }
}

/// First words of statements that change something, and how many words name them.
const CHANGES: [(&str, usize); 26] = [
    ("INSERT", 1),
    ("UPDATE", 1),
    ("DELETE", 1),
    ("MERGE", 1),
    ("CREATE", 2),
    ("ALTER", 2),
    ("DROP", 2),
    ("TRUNCATE", 1),
    ("GRANT", 1),
    ("REVOKE", 1),
    ("COMMENT", 1),
    ("VACUUM", 1),
    ("ANALYZE", 1),
    ("ANALYSE", 1),
    ("REINDEX", 1),
    ("CLUSTER", 1),
    ("REFRESH", 3),
    ("CALL", 1),
    ("DO", 1),
    ("IMPORT", 3),
    ("SECURITY", 2),
    ("REASSIGN", 2),
    ("LOAD", 1),
    ("CHECKPOINT", 1),
    ("NOTIFY", 1),
    ("USE", 1),
];

/// Those that write rows, and are left to the engine.
const WRITES: [&str; 5] = ["INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE"];

/// Whether a statement with these first words would change something.
pub(in crate::pg) fn changes(statement: &str) -> bool {
    let first = statement.split(' ').next().unwrap_or_default();
    CHANGES.iter().any(|(word, _)| *word == first) || statement == "SELECT INTO"
}

/// Reads one statement.
pub(in crate::pg) fn parse(sql: &str, part: &Part) -> Result<Command, Fault> {
    let mut words = Words::new(sql, part);
    if let Some(command) = transaction::parse(&mut words)? {
        return Ok(Command::Transact(command));
    }
    let first = words.word();
    let refused = CHANGES.iter().find(|(word, _)| *word == first && !WRITES.contains(word));
    if let Some((_, count)) = refused {
        let mut name = Vec::new();
        for _ in 0..*count {
            name.push(words.word());
            words.skip();
        }
        return Ok(Command::Refused(name.join(" ").trim_end().to_owned()));
    }
    let start = words.word();
    words.skip();
    let command = match start.as_str() {
        "SET" => set(&mut words)?,
        "RESET" => {
            Command::Reset(if words.accept("ALL") { None } else { Some(setting(&mut words)?) })
        }
        "SHOW" => match show(&mut words)? {
            Some(command) => command,
            None => return query(sql, part),
        },
        "DISCARD" => discard(&mut words)?,
        "PREPARE" => return prepare(&mut words),
        "EXECUTE" => execute(&mut words)?,
        "DEALLOCATE" => {
            words.accept("PREPARE");
            Command::Deallocate(if words.accept("ALL") { None } else { Some(words.name()?) })
        }
        "DECLARE" => Command::Declare(cursor::declare(&mut words)?),
        "FETCH" => Command::Fetch(cursor::fetch(&mut words, false)?),
        "MOVE" => Command::Fetch(cursor::fetch(&mut words, true)?),
        "CLOSE" => {
            Command::CloseCursor(if words.accept("ALL") { None } else { Some(words.name()?) })
        }
        "COPY" => match copy::parse(&mut words)? {
            Either::To(copy) => Command::Copy(copy),
            Either::From(copy) => Command::CopyFrom(copy),
        },
        "LISTEN" => {
            words.name()?;
            Command::Nothing("LISTEN")
        }
        "UNLISTEN" => {
            if !words.accept_token(&Token::Mul) {
                words.name()?;
            }
            Command::Nothing("UNLISTEN")
        }
        "LOCK" => {
            words.rest();
            Command::Nothing("LOCK TABLE")
        }
        _ => return query(sql, part),
    };
    words.end()?;
    Ok(command)
}

fn query(sql: &str, part: &Part) -> Result<Command, Fault> {
    let statement = text::statement(sql, part.tokens.clone())?;
    Ok(Command::Query(Box::new(statement)))
}

fn set(words: &mut Words<'_>) -> Result<Command, Fault> {
    if words.accept_all(&["SESSION", "CHARACTERISTICS", "AS", "TRANSACTION"]) {
        return Ok(Command::Transact(Transact::SessionModes(transaction::modes(words)?)));
    }
    if words.accept("TRANSACTION") {
        if words.accept("SNAPSHOT") {
            return Err(Fault::unsupported("SET TRANSACTION SNAPSHOT"));
        }
        return Ok(Command::Transact(Transact::Modes(transaction::modes(words)?)));
    }
    if words.accept("CONSTRAINTS") {
        words.rest();
        return Ok(Command::Nothing("SET CONSTRAINTS"));
    }
    let is_local = words.accept("LOCAL");
    if !is_local && words.accept("SESSION") && words.word() == "AUTHORIZATION" {
        words.skip();
        return role(words, "session authorization");
    }
    if words.accept("ROLE") {
        return role(words, "role");
    }
    let name = if words.accept_all(&["TIME", "ZONE"]) {
        let value = match words.word().as_str() {
            "INTERVAL" => return Err(Fault::unsupported("a time zone as an interval")),
            "LOCAL" | "DEFAULT" => {
                words.skip();
                None
            }
            _ => value(words)?,
        };
        return Ok(Command::Set(Set { name: "timezone".to_owned(), value, is_local }));
    } else if words.accept("NAMES") {
        let value = if words.is_at_end() { None } else { value(words)? };
        return Ok(Command::Set(Set { name: "client_encoding".to_owned(), value, is_local }));
    } else if words.accept("SCHEMA") {
        "search_path".to_owned()
    } else {
        let name = words.dotted()?;
        if !words.accept_token(&Token::Eq) {
            words.expect("TO")?;
        }
        name
    };
    let is_list = name.eq_ignore_ascii_case("search_path");
    let mut values = vec![value(words)?];
    while words.accept_token(&Token::Comma) {
        values.push(value(words)?);
    }
    let values: Option<Vec<String>> = values.into_iter().collect();
    let values = values.map(|values| {
        if !is_list {
            return values.join(", ");
        }
        let quoted = values.iter().map(|value| match value.as_str() {
            "" => "\"\"".into(),
            value => names::quoted(value),
        });
        quoted.collect::<Vec<_>>().join(", ")
    });
    Ok(Command::Set(Set { name, value: values, is_local }))
}

/// There is one role for each session; it may be confirmed.
fn role(words: &mut Words<'_>, what: &str) -> Result<Command, Fault> {
    match words.word().as_str() {
        "NONE" | "DEFAULT" => {
            words.skip();
            Ok(Command::Nothing("SET"))
        }
        _ => {
            words.rest();
            Err(Fault::new("42501", format!("permission denied to set {what}")))
        }
    }
}

/// A value of a setting. Absent for DEFAULT.
fn value(words: &mut Words<'_>) -> Result<Option<String>, Fault> {
    if let Some(text) = words.quoted() {
        return Ok(Some(text));
    }
    if words.accept("DEFAULT") {
        return Ok(None);
    }
    let negative = words.accept_token(&Token::Minus);
    if let Some(Token::Number(number, _)) = words.peek() {
        let text = if negative { format!("-{number}") } else { number.clone() };
        words.skip();
        return Ok(Some(text));
    }
    words.name().map(Some)
}

fn setting(words: &mut Words<'_>) -> Result<String, Fault> {
    if words.accept_all(&["TIME", "ZONE"]) {
        return Ok("timezone".to_owned());
    }
    if words.accept_all(&["SESSION", "AUTHORIZATION"]) {
        return Ok("session_authorization".to_owned());
    }
    if words.accept_all(&["TRANSACTION", "ISOLATION", "LEVEL"]) {
        return Ok("transaction_isolation".to_owned());
    }
    words.dotted()
}

/// `SHOW TABLES` and `SHOW COLUMNS` are queries; anything else is a setting.
fn show(words: &mut Words<'_>) -> Result<Option<Command>, Fault> {
    if words.accept("ALL") {
        return Ok(Some(Command::Show(None)));
    }
    match words.word().as_str() {
        "TABLES" | "COLUMNS" | "FULL" => Ok(None),
        _ => Ok(Some(Command::Show(Some(setting(words)?)))),
    }
}

fn discard(words: &mut Words<'_>) -> Result<Command, Fault> {
    let what = match words.word().as_str() {
        "ALL" => Discard::All,
        "PLANS" => Discard::Plans,
        "SEQUENCES" | "TEMP" | "TEMPORARY" => Discard::Other,
        _ => return Err(words.wrong()),
    };
    words.skip();
    Ok(Command::Discard(what))
}

fn prepare(words: &mut Words<'_>) -> Result<Command, Fault> {
    let name = words.name()?;
    let types = match words.peek() {
        Some(Token::LParen) => text::types(words.sql(), words.bracketed()?)?,
        _ => Vec::new(),
    };
    words.expect("AS")?;
    let first = words.word();
    if CHANGES.iter().any(|(word, _)| *word == first && !WRITES.contains(word)) {
        return Err(errors::read_only(&first));
    }
    if words.is_at_end() {
        return Err(words.wrong());
    }
    let statement = Box::new(text::statement(words.sql(), words.rest())?);
    Ok(Command::Prepare { name, types, statement })
}

fn execute(words: &mut Words<'_>) -> Result<Command, Fault> {
    let name = words.name()?;
    let arguments = match words.peek() {
        Some(Token::LParen) => match words.bracketed()? {
            inner if inner.is_empty() => Vec::new(),
            inner => text::expressions(words.sql(), inner)?,
        },
        _ => Vec::new(),
    };
    Ok(Command::Execute { name, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::sql::cursor::Direction;

    fn command(sql: &str) -> Result<Command, Fault> {
        let parts = text::split(sql)?;
        parse(sql, &parts[0])
    }

    #[track_caller]
    fn check(sql: &str, expected: &str) {
        let found = match command(sql) {
            Ok(command) => format!("{command:?}"),
            Err(fault) => fault.code.to_owned(),
        };
        assert!(found.starts_with(expected), "{sql}: {found}");
    }

    #[test]
    fn reads_settings() {
        let set = |name: &str, value: &str, is_local: bool| {
            let value = Some(value.to_owned());
            format!("Set({:?})", Set { name: name.to_owned(), value, is_local })
        };
        check("SET statement_timeout = 500", &set("statement_timeout", "500", false));
        check("set session DateStyle to 'ISO'", &set("datestyle", "ISO", false));
        check("SET LOCAL enable_seqscan = off", &set("enable_seqscan", "off", true));
        check("SET search_path TO ecb, \"BIS\"", &set("search_path", "ecb, \"BIS\"", false));
        check("SET TIME ZONE 'UTC'", &set("timezone", "UTC", false));
        check("SET extra_float_digits = -3", &set("extra_float_digits", "-3", false));
        check("SET a.b TO DEFAULT", "Set(Set { name: \"a.b\", value: None");
        check("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "Transact(SessionModes");
        check("SET ROLE admin", "42501");
        check("RESET ALL", "Reset(None)");
        check("SHOW TRANSACTION ISOLATION LEVEL", "Show(Some(\"transaction_isolation\"))");
        check("SHOW TABLES", "Query(");
    }

    #[test]
    fn reads_cursors() {
        check(
            "DECLARE c BINARY SCROLL CURSOR WITH HOLD FOR SELECT 1",
            "Declare(Declare { name: \"c\", is_binary: true, may_scroll: true, is_held: true",
        );
        let fetch = |sql: &str, expected: Direction| match command(sql) {
            Ok(Command::Fetch(fetch)) => assert_eq!(fetch.direction, expected, "{sql}"),
            other => panic!("{sql}: {other:?}"),
        };
        fetch("FETCH c", Direction::Forward(1));
        fetch("FETCH 10 FROM c", Direction::Forward(10));
        fetch("FETCH FORWARD ALL IN c", Direction::ForwardAll);
        fetch("FETCH BACKWARD 2 FROM c", Direction::Forward(-2));
        fetch("MOVE ABSOLUTE 5 IN c", Direction::Absolute(5));
        fetch("FETCH LAST FROM c", Direction::Absolute(-1));
        fetch("FETCH ALL IN \"C 1\"", Direction::ForwardAll);
    }

    #[test]
    fn reads_the_rest() {
        check(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            "Transact(Begin { tag: \"BEGIN\", modes: [(\"transaction_isolation\", \"repeatable read\")",
        );
        check("ROLLBACK TO SAVEPOINT a", "Transact(RollbackTo(\"a\"))");
        check("CREATE TEMPORARY TABLE t (a int)", "Refused(\"CREATE TEMPORARY\")");
        check("PREPARE p(int, text) AS SELECT $1", "Prepare { name: \"p\"");
        check("EXECUTE p(41, 'x')", "Execute { name: \"p\"");
        check("COPY (SELECT 1) TO STDOUT (FORMAT csv, HEADER)", "Copy(Copy {");
        check("COPY t TO '/etc/passwd'", "42501");
        check("COPY t TO PROGRAM 'rm'", "42501");
        check("COPY s.t (a, \"B\") FROM STDIN CSV", "CopyFrom(CopyFrom { table: [\"s\", \"t\"]");
        check("COPY t FROM '/etc/passwd'", "42501");
        check("COPY (SELECT 1) FROM STDIN", "42601");
        check("COPY t FROM STDIN (FORCE_QUOTE *, FORMAT csv)", "0A000");
        check("COPY t TO STDOUT WITH BINARY DELIMITER ','", "42601");
        check("INSERT INTO t VALUES (1)", "Query(");
        check("DISCARD ALL", "Discard(All)");
        check("UNLISTEN *", "Nothing(\"UNLISTEN\")");
        check("CLOSE ALL", "CloseCursor(None)");
        check("SELECT 1", "Query(");
    }
}
