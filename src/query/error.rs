//! From the errors of DataFusion to ours, in one function, and back.
//!
//! An error of ours travels through DataFusion as `External` and comes out as it went in. Any
//! other is sorted by who can act on it.

use std::error;
use std::io;
use std::path::PathBuf;

use arrow::error::ArrowError;
use datafusion::common::{Column, SchemaError};
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

use crate::error::Error;
use crate::query::names;

/// What our limits on memory are called in an error.
pub(crate) const QUERY_MEMORY: &str = "the memory of all running queries";

/// Our error, to be carried by DataFusion.
pub fn to_datafusion(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The error of DataFusion as ours: our own where one is inside, else by who can act on it.
pub fn from_datafusion(error: &DataFusionError) -> Error {
    let at = || "query".to_owned();
    match error {
        DataFusionError::External(source) => from_source(source.as_ref()),
        DataFusionError::ArrowError(source, _) => from_arrow(source),
        DataFusionError::SQL(source, _) => from_parser(source),
        DataFusionError::SchemaError(source, _) => from_schema(source),
        DataFusionError::Plan(text) => from_plan(text),
        DataFusionError::NotImplemented(text) => Error::Unsupported { what: plain(text) },
        DataFusionError::Configuration(text) => Error::invalid("setting", plain(text)),
        DataFusionError::Execution(text) => Error::invalid(at(), plain(text)),
        DataFusionError::ResourcesExhausted(text) => from_exhausted(text),
        DataFusionError::IoError(source) => from_io(source),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            from_datafusion(inner)
        }
        DataFusionError::Shared(inner) => from_datafusion(inner),
        DataFusionError::Collection(errors) => match errors.first() {
            Some(first) => from_datafusion(first),
            None => Error::bug("an error without errors"),
        },
        other => Error::bug(plain(&other.strip_backtrace())),
    }
}

/// Finds an error of ours, or one of DataFusion or Arrow, among an error and its sources.
fn from_source(error: &(dyn error::Error + 'static)) -> Error {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(ours) = error.downcast_ref::<Error>() {
            return copy(ours);
        }
        if let Some(theirs) = error.downcast_ref::<DataFusionError>() {
            return from_datafusion(theirs);
        }
        if let Some(theirs) = error.downcast_ref::<ArrowError>() {
            return from_arrow(theirs);
        }
        next = error.source();
    }
    Error::bug(error.to_string())
}

fn from_arrow(error: &ArrowError) -> Error {
    let invalid = |reason: String| Error::invalid("query", reason);
    match error {
        ArrowError::ExternalError(source) => from_source(source.as_ref()),
        ArrowError::IoError(_, source) => from_io(source),
        ArrowError::DivideByZero => invalid("division by zero".to_owned()),
        ArrowError::ArithmeticOverflow(text) => invalid(format!("arithmetic overflow: {text}")),
        ArrowError::CastError(text)
        | ArrowError::ParseError(text)
        | ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text) => invalid(plain(text)),
        ArrowError::NotYetImplemented(text) => Error::Unsupported { what: plain(text) },
        other => Error::bug(other.to_string()),
    }
}

/// The parser's message ends with its place: `..., found: FORM at Line: 1, Column: 10`.
fn from_parser(error: &ParserError) -> Error {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text,
        ParserError::RecursionLimitExceeded => {
            return Error::invalid("statement", "is nested too deeply; split it into WITH queries");
        }
    };
    let place = text.rsplit_once(" at Line: ").and_then(|(reason, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((format!("line {}, column {}", line.trim(), column.trim()), reason))
    });
    match place {
        Some((at, reason)) => Error::syntax(at, plain(reason)),
        None => Error::syntax("end of the statement", plain(text)),
    }
}

fn from_schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let names: Vec<&str> = valid_fields.iter().map(Column::name).collect();
            Error::not_found("column", names::with_nearest(&field.quoted_flat_name(), names))
        }
        SchemaError::AmbiguousReference { field } => {
            let reason = "is a column of several tables; write the table before it";
            Error::invalid(format!("column {}", field.name), reason)
        }
        SchemaError::DuplicateQualifiedField { name, .. }
        | SchemaError::DuplicateUnqualifiedField { name } => {
            Error::invalid(format!("column {name}"), "is there twice; name one of them with AS")
        }
    }
}

/// What the planner says in words only.
fn from_plan(text: &str) -> Error {
    let text = plain(text);
    if let Some(name) = text.strip_prefix("table '").and_then(|t| t.strip_suffix("' not found")) {
        return Error::not_found("table", name);
    }
    if let Some((name, hint)) =
        text.strip_prefix("Invalid function '").and_then(|t| t.split_once('\''))
    {
        let hint = hint.trim_start_matches('.').trim();
        let hint = hint.strip_prefix("Did you mean '").and_then(|h| h.strip_suffix("'?"));
        let id = hint.map_or_else(|| name.to_owned(), |h| format!("{name} (did you mean {h}?)"));
        return Error::not_found("function", id);
    }
    Error::invalid("query", text)
}

/// Our own pool states its limit as [`Error::Limit`] does; temporary files have another wording.
fn from_exhausted(text: &str) -> Error {
    let numbers = text.split_once(QUERY_MEMORY).and_then(|(_, rest)| {
        let (actual, limit) = rest.strip_prefix(" is ")?.split_once(", over the limit of ")?;
        let digits = limit.find(|c: char| !c.is_ascii_digit()).unwrap_or(limit.len());
        Some((actual.parse().ok()?, limit.get(..digits)?.parse().ok()?))
    });
    match numbers {
        Some((actual, limit)) => Error::Limit { what: QUERY_MEMORY, actual, limit },
        None => Error::invalid("query", plain(text)),
    }
}

fn from_io(error: &io::Error) -> Error {
    if let Some(inner) = error.get_ref() {
        let inner: &(dyn error::Error + 'static) = inner;
        if let Some(ours) = inner.downcast_ref::<Error>() {
            return copy(ours);
        }
    }
    let source = io::Error::new(error.kind(), error.to_string());
    Error::io("use a temporary file of", PathBuf::from("a query"), source)
}

/// The first line of a message, without what DataFusion writes around it for its own developers.
fn plain(text: &str) -> String {
    let text = text.split("\n\nbacktrace:").next().unwrap_or(text);
    let text = text.split("\n\n").next().unwrap_or(text);
    text.trim().trim_end_matches('.').to_owned()
}

/// A copy: the error may be shared by several receivers, and one of its parts cannot be cloned.
fn copy(error: &Error) -> Error {
    match error {
        Error::Syntax { at, reason } => Error::syntax(at, reason),
        Error::Invalid { at, reason } => Error::invalid(at, reason),
        Error::Rows { file, problems, count } => {
            Error::Rows { file: file.clone(), problems: problems.clone(), count: *count }
        }
        Error::NotFound { kind, id } => Error::not_found(kind, id),
        Error::Conflict { kind, id, reason } => {
            Error::Conflict { kind, id: id.clone(), reason: reason.clone() }
        }
        Error::Limit { what, actual, limit } => {
            Error::Limit { what, actual: *actual, limit: *limit }
        }
        Error::Unsupported { what } => Error::Unsupported { what: what.clone() },
        Error::Corrupt { path, offset, reason } => Error::corrupt(path, *offset, reason),
        Error::Io { action, path, source } => {
            Error::io(action, path, io::Error::new(source.kind(), source.to_string()))
        }
        Error::Bug { what } => Error::bug(what),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::common::TableReference;

    use super::*;

    #[track_caller]
    fn check(error: &DataFusionError, expected: &str) {
        let found = format!("{:?}", from_datafusion(error));
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn finds_our_own_error_however_deep() {
        let ours = || to_datafusion(Error::not_found("table", "ecb.exr"));
        let expected = "NotFound { kind: \"table\", id: \"ecb.exr\" }";
        check(&ours(), expected);
        check(&ours().context("while planning"), expected);
        check(&DataFusionError::Shared(Arc::new(ours())), expected);
        check(&DataFusionError::Collection(vec![ours(), ours()]), expected);
        let arrow = ArrowError::ExternalError(Box::new(ours()));
        check(&DataFusionError::ArrowError(Box::new(arrow), None), expected);
        check(&DataFusionError::External(Box::new(ours())), expected);
    }

    #[test]
    fn sorts_theirs_by_who_can_act() {
        let parser = ParserError::ParserError(
            "Expected: end of statement, found: FORM at Line: 2, Column: 10".to_owned(),
        );
        check(
            &DataFusionError::SQL(Box::new(parser), None),
            "Syntax { at: \"line 2, column 10\", reason: \"Expected: end of statement, found: FORM\"",
        );
        let missing = SchemaError::FieldNotFound {
            field: Box::new(Column::from_name("curency")),
            valid_fields: vec![Column::new(Some(TableReference::bare("exr")), "currency")],
        };
        check(
            &DataFusionError::SchemaError(Box::new(missing), Box::new(None)),
            "NotFound { kind: \"column\", id: \"curency (did you mean currency?)\"",
        );
        let full = Error::Limit { what: QUERY_MEMORY, actual: 12, limit: 10 };
        check(
            &DataFusionError::ResourcesExhausted(full.to_string()),
            "Limit { what: \"the memory of all running queries\", actual: 12, limit: 10 }",
        );
        check(&DataFusionError::NotImplemented("PIVOT".to_owned()), "Unsupported");
        check(&DataFusionError::Internal("oops".to_owned()), "Bug");
        let zero = DataFusionError::ArrowError(Box::new(ArrowError::DivideByZero), None);
        check(&zero, "Invalid { at: \"query\", reason: \"division by zero\" }");
        check(
            &DataFusionError::Plan("Invalid function 'summ'.\nDid you mean 'sum'?".to_owned()),
            "NotFound { kind: \"function\", id: \"summ (did you mean sum?)\"",
        );
    }
}
