//! What a client is told when something is wrong: `SQLSTATE`, message, detail, hint, place.

use std::ops::Deref;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::response::{ErrorResponse, NoticeResponse};

use crate::error::{Error, Problem};
use crate::pg::sql::command;
use crate::pg::types::WireError;
use crate::query::cancel::CancelReason;

/// States that code of this front names itself, in the place of an error.
const STATES: &[&str] = &[
    "08P01", "0A000", "22001", "22003", "22004", "22007", "22008", "22012", "22021", "22023",
    "22025", "2202E", "22P02", "22P03", "22P04", "42601", "42703", "42704", "42804", "42883",
    "42P02", "42P10", "42P18", "55P02", "22000", "42501", "42809", "21000", "54000", "42P01",
];

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// The statement failed.
    Error,
    /// The session is over.
    Fatal,
    /// It went on, but the user should know.
    Warning,
    /// It went on.
    Notice,
}

impl Severity {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Warning => "WARNING",
            Self::Notice => "NOTICE",
        }
    }
}

/// One thing that a client is told. It is an address wide, as nearly everything may fail with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(Box<Content>);

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) severity: Severity,
    /// The `SQLSTATE`: five letters that programs branch on.
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) detail: Option<String>,
    pub(super) hint: Option<String>,
    /// The place in the text of the query: its character, from 1.
    pub(super) position: Option<usize>,
    /// Where in the data it went wrong.
    pub(super) context: Option<String>,
    /// What is named by the message, to find its place in the text.
    pub(super) named: Option<String>,
}

impl Deref for Fault {
    type Target = Content;

    fn deref(&self) -> &Content {
        &self.0
    }
}

impl Fault {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Content {
            severity: Severity::Error,
            code,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            context: None,
            named: None,
        }))
    }

    pub(super) fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, message).with(Severity::Fatal)
    }

    pub(super) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, message).with(Severity::Warning)
    }

    pub(super) fn notice(message: impl Into<String>) -> Self {
        Self::new("00000", message).with(Severity::Notice)
    }

    /// The same, as bad as this.
    pub(super) fn with(mut self, severity: Severity) -> Self {
        self.0.severity = severity;
        self
    }

    pub(super) fn protocol(message: impl Into<String>) -> Self {
        Self::new("08P01", message)
    }

    /// What this version does not do.
    pub(super) fn unsupported(what: impl AsRef<str>) -> Self {
        Self::new("0A000", format!("{} is not supported", what.as_ref()))
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(super) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    pub(super) fn context(mut self, context: impl Into<String>) -> Self {
        self.0.context.get_or_insert_with(|| context.into());
        self
    }

    pub(super) fn at(mut self, position: Option<usize>) -> Self {
        self.0.position = self.position.or(position);
        self
    }

    fn naming(mut self, name: &str) -> Self {
        self.0.named = Some(name.to_owned());
        self
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }

    /// The end of a statement that was told to stop.
    pub(super) fn cancelled(reason: CancelReason) -> Self {
        match reason {
            CancelReason::Request => Self::new("57014", "canceling statement due to user request"),
            CancelReason::Timeout => {
                let fault = Self::new("57014", "canceling statement due to statement timeout");
                fault.hint("Ask for less, or raise the limit: SET statement_timeout = '10min'.")
            }
            CancelReason::ClientGone => Self::fatal("08006", "the client has gone"),
            CancelReason::Terminated => {
                let text = "terminating connection due to administrator command";
                Self::fatal("57P01", text)
            }
        }
    }

    /// The message for the wire.
    pub(super) fn message(&self) -> PgWireBackendMessage {
        let name = self.severity.name();
        let mut fields = vec![
            (b'S', name.to_owned()),
            (b'V', name.to_owned()),
            (b'C', self.code.to_owned()),
            (b'M', plain(&self.message)),
        ];
        fields.extend(self.detail.as_deref().map(|text| (b'D', plain(text))));
        fields.extend(self.hint.as_deref().map(|text| (b'H', plain(text))));
        fields.extend(self.context.as_deref().map(|text| (b'W', plain(text))));
        fields.extend(self.position.map(|place| (b'P', place.to_string())));
        match self.severity {
            Severity::Error | Severity::Fatal => {
                PgWireBackendMessage::ErrorResponse(ErrorResponse::new(fields))
            }
            Severity::Warning | Severity::Notice => {
                PgWireBackendMessage::NoticeResponse(NoticeResponse::new(fields))
            }
        }
    }
}

/// Without what ends a text on the wire.
fn plain(text: &str) -> String {
    text.replace('\0', " ")
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self::new(error.sqlstate, error.message)
    }
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        match error {
            Error::Syntax { at, reason } => syntax(at, reason),
            Error::Invalid { at, reason } => invalid(at, reason),
            Error::NotFound { kind, id } => not_found(kind, id),
            Error::Limit { what, .. } => {
                let code = if what.contains("memory") { "53200" } else { "54000" };
                Self::new(code, error.to_string())
            }
            Error::Unsupported { what } => refused(what),
            Error::Rows { problems, count, .. } => rows(problems, *count),
            Error::Conflict { kind, id, reason } => conflict(kind, id, reason),
            Error::Corrupt { .. } => Self::new("XX001", error.to_string()),
            Error::Io { .. } => Self::new("58030", error.to_string()),
            Error::Bug { what } => bug(what),
        }
    }
}

fn syntax(at: &str, reason: &str) -> Fault {
    let found = reason.rsplit_once("found: ").map(|(_, found)| found.trim());
    let message = match found {
        Some("EOF") => "syntax error at end of input".to_owned(),
        Some(found) => format!("syntax error at or near \"{found}\""),
        None => format!("syntax error at {at}: {reason}"),
    };
    Fault::new("42601", message).detail(reason)
}

fn not_found(kind: &str, id: &str) -> Fault {
    let (name, hint) = match id.split_once(" (did you mean ") {
        Some((name, nearest)) => (name, Some(nearest.trim_end_matches(['?', ')']))),
        None => (id, None),
    };
    let plain: String = name.replace('"', "");
    let last = plain.rsplit('.').next().unwrap_or(&plain).to_owned();
    let fault = match kind {
        "table" => {
            let shown = plain.strip_prefix("sdmxdb.").unwrap_or(&plain);
            let shown = shown.strip_prefix("public.").unwrap_or(shown);
            Fault::new("42P01", format!("relation \"{shown}\" does not exist"))
        }
        "schema" => Fault::new("42P01", format!("schema \"{plain}\" does not exist")),
        "column" if plain.contains('.') => {
            Fault::new("42703", format!("column {plain} does not exist"))
        }
        "column" => Fault::new("42703", format!("column \"{plain}\" does not exist")),
        "function" => {
            let fault = Fault::new("42883", format!("function {plain} does not exist"));
            fault.hint("No function matches the given name and argument types.")
        }
        "setting" => {
            Fault::new("42704", format!("unrecognized configuration parameter \"{plain}\""))
        }
        _ => Fault::new("42704", format!("{kind} \"{plain}\" does not exist")),
    };
    let fault = fault.naming(&last);
    match hint {
        Some(nearest) => fault.hint(format!("Perhaps you meant to reference \"{nearest}\".")),
        None => fault,
    }
}

/// Rows that do not fit the structure: the first, and the others with it.
fn rows(problems: &[Problem], count: u64) -> Fault {
    let mut shown = problems.iter().map(ToString::to_string);
    let first = shown.next().unwrap_or_default();
    let fault = Fault::new("23514", format!("a row does not fit the structure: {first}"));
    let mut others: Vec<String> = shown.collect();
    if count > problems.len() as u64 {
        others.push(format!("and {} more", count - problems.len() as u64));
    }
    if others.is_empty() { fault } else { fault.detail(others.join("\n")) }
}

/// What is there already, or was changed by somebody else meanwhile.
fn conflict(kind: &str, id: &str, reason: &str) -> Fault {
    let detail = format!("{kind} {id}: {reason}");
    match kind {
        "key" => {
            let fault = Fault::new("23505", "duplicate key value violates unique constraint");
            fault.detail(detail).hint("INSERT ... ON CONFLICT or MERGE change what is there.")
        }
        "series" | "commit" => {
            let text = "could not serialize access due to concurrent update";
            Fault::new("40001", text).detail(detail).hint("Do the transaction again.")
        }
        "row" => Fault::new("21000", detail),
        "lock" => Fault::new("55P03", detail),
        _ => Fault::new("22000", detail),
    }
}

/// What a statement asks for that is not done here.
fn refused(what: &str) -> Fault {
    match what.split_once(" (reads only") {
        Some((statement, _)) if command::changes(statement) => read_only(statement),
        Some((clause, _)) => Fault::unsupported(clause),
        None => {
            if what.contains("Unsupported SQL type") || what.contains("data type") {
                return Fault::new("42704", what);
            }
            Fault::unsupported(what)
        }
    }
}

/// The refusal of a statement that would change something.
pub(super) fn read_only(statement: &str) -> Fault {
    let text = format!("cannot execute {statement} in a read-only transaction");
    let hint = "Data are loaded with `sdmxdb load`, and written by users with the right to: see \
                `sdmxdb user`.";
    Fault::new("25006", text).hint(hint)
}

/// What the planner or an operator says in words. The words are those of DataFusion and Arrow.
fn invalid(at: &str, reason: &str) -> Fault {
    if let Some(code) = STATES.iter().find(|state| **state == at) {
        return Fault::new(code, reason);
    }
    let lower = reason.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if at.starts_with("column ") && has(&["several tables"]) {
        let name = at.trim_start_matches("column ");
        let text = format!("column reference \"{name}\" is ambiguous");
        return Fault::new("42702", text).naming(name);
    }
    if at.starts_with("table ") && has(&["several schemas"]) {
        return Fault::new("42P09", format!("{at} {reason}"));
    }
    if has(&["division by zero", "divide by zero"]) {
        return Fault::new("22012", "division by zero");
    }
    if let Some(fault) = cast(reason) {
        return fault;
    }
    if has(&["must appear in the group by", "could not be resolved from available columns"]) {
        return ungrouped(reason);
    }
    if has(&["overflow", "out of range", "too large to store"]) {
        return Fault::new("22003", reason);
    }
    if has(&["more than one row", "returned more than one", "must return only one"]) {
        let text = "more than one row returned by a subquery used as an expression";
        return Fault::new("21000", text);
    }
    if let Some(name) = between(reason, "Invalid function '", "'") {
        let fault = Fault::new("42883", format!("function {name} does not exist"));
        return fault.naming(name);
    }
    if let Some(name) = between(reason, "for function ", " ") {
        let fault = Fault::new("42883", format!("function {name} does not accept these arguments"));
        return fault.naming(name.trim_matches('\'')).detail(reason);
    }
    if has(&["no function matches", "failed to coerce arguments", "coercion from"]) {
        return Fault::new("42883", reason);
    }
    if has(&["cannot coerce", "cannot infer common", "incompatible types", "type mismatch"]) {
        return Fault::new("42804", reason);
    }
    if has(&["no field named", "no such column"]) {
        return Fault::new("42703", reason);
    }
    if has(&["aggregate function", "aggregate functions are not allowed"]) {
        return Fault::new("42803", reason);
    }
    if has(&["placeholder", "parameter"]) {
        return Fault::new("42P02", reason);
    }
    let code = if at == "setting" || at.contains('.') { "22023" } else { "22000" };
    Fault::new(code, if at == "query" { reason.to_owned() } else { format!("{at}: {reason}") })
}

/// A text that is no value of a type, said in PostgreSQL's words.
fn cast(reason: &str) -> Option<Fault> {
    let value = between(reason, "Cannot cast string '", "' to value of ")
        .or_else(|| between(reason, "Error parsing timestamp from '", "'"))
        .or_else(|| between(reason, "Cannot parse '", "' as"));
    if let Some(value) = value {
        let wanted = between(reason, "to value of ", " type").unwrap_or("timestamp");
        let (code, name) = match wanted {
            "Int8" | "Int16" => ("22P02", "smallint"),
            "Int32" => ("22P02", "integer"),
            "Int64" => ("22P02", "bigint"),
            "Float32" => ("22P02", "real"),
            "Float64" => ("22P02", "double precision"),
            "Boolean" => ("22P02", "boolean"),
            wanted if wanted.starts_with("Decimal") => ("22P02", "numeric"),
            wanted if wanted.starts_with("Date") => ("22007", "date"),
            wanted if wanted.starts_with("Time") => ("22007", "timestamp"),
            wanted if wanted.starts_with("timestamp") => ("22007", "timestamp"),
            _ => ("22P02", wanted),
        };
        return Some(Fault::new(
            code,
            format!("invalid input syntax for type {name}: \"{value}\""),
        ));
    }
    let range = between(reason, "Can't cast value ", " to type ");
    if range.is_some() {
        return Some(Fault::new("22003", format!("value out of range: {reason}")));
    }
    let lower = reason.to_lowercase();
    let broken =
        ["cannot cast string", "parser error", "parse error", "error parsing", "invalid interval"];
    broken.iter().any(|word| lower.contains(word)).then(|| Fault::new("22P02", reason))
}

fn ungrouped(reason: &str) -> Fault {
    let name = between(reason, "Column in SELECT must be in GROUP BY or an aggregate function: While expanding wildcard, column \"", "\"")
        .or_else(|| between(reason, "Expression ", " could not be resolved"))
        .map(|name| name.replace('"', ""));
    match name {
        Some(name) => {
            let last = name.rsplit('.').next().unwrap_or(&name).to_owned();
            let text = format!(
                "column \"{name}\" must appear in the GROUP BY clause or be used in an aggregate \
                 function"
            );
            Fault::new("42803", text).naming(&last)
        }
        None => Fault::new("42803", reason),
    }
}

fn bug(what: &str) -> Fault {
    if what.contains("Scalar subquery") || what.contains("more than one row") {
        let text = "more than one row returned by a subquery used as an expression";
        return Fault::new("21000", text);
    }
    Fault::new("XX000", format!("internal error: {what}"))
}

/// What stands between two words of a text.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after).map_or(rest, |(found, _)| found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &Error, code: &str, message: &str) {
        let fault = Fault::from(error);
        assert_eq!((fault.code, fault.message.as_str()), (code, message));
    }

    #[test]
    fn says_what_postgresql_says() {
        check(
            &Error::not_found("table", "sdmxdb.public.exr (did you mean ecb.exr?)"),
            "42P01",
            "relation \"exr\" does not exist",
        );
        check(&Error::not_found("column", "nope"), "42703", "column \"nope\" does not exist");
        check(&Error::invalid("query", "Divide by zero error"), "22012", "division by zero");
        check(
            &Error::invalid("query", "Cannot cast string 'abc' to value of Int32 type"),
            "22P02",
            "invalid input syntax for type integer: \"abc\"",
        );
        check(
            &Error::syntax("line 1, column 1", "Expected: an SQL statement, found: SELEKT"),
            "42601",
            "syntax error at or near \"SELEKT\"",
        );
        check(
            &Error::Unsupported { what: "INSERT INTO (reads only; a statement is".to_owned() },
            "25006",
            "cannot execute INSERT INTO in a read-only transaction",
        );
        check(&Error::bug("oops"), "XX000", "internal error: oops");
    }
}
