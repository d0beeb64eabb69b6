//! What PostgreSQL writes in a way that DataFusion does not read.
//!
//! Each change keeps the meaning: an interval as PostgreSQL writes it becomes one in months, days
//! and seconds; a moment with a zone becomes a cast; the collations by bytes are what is done
//! anyway; and all rows of a table are on the same page.

use std::ops::ControlFlow;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    self, CastKind, DataType, Expr, TimezoneInfo, Value, VisitMut, VisitorMut,
};

use crate::pg::parameters::decode;
use crate::pg::types::Format;

/// The number of the type of intervals.
const INTERVAL: u32 = 1186;
/// Collations that compare texts by their bytes.
const BYTEWISE: [&str; 4] = ["C", "POSIX", "default", "ucs_basic"];

/// Writes what DataFusion does not read in a way that it does.
pub(in crate::pg) fn adapt(statement: &mut ast::Statement) {
    let _all: ControlFlow<()> = VisitMut::visit(statement, &mut Adapt);
}

struct Adapt;

impl VisitorMut for Adapt {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let adapted = match expr {
            Expr::Interval(interval) if interval.leading_field.is_none() => {
                if let Some(text) = text_mut(&mut interval.value) {
                    normalise(text);
                }
                None
            }
            Expr::Cast { expr: inner, data_type: DataType::Interval { .. }, .. } => {
                if let Some(text) = text_mut(inner) {
                    normalise(text);
                }
                None
            }
            Expr::TypedString(typed) => match &typed.data_type {
                DataType::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
                    Some(Expr::Cast {
                        kind: CastKind::Cast,
                        expr: Box::new(Expr::Value(typed.value.clone())),
                        data_type: typed.data_type.clone(),
                        array: false,
                        format: None,
                    })
                }
                _ => None,
            },
            Expr::Between { expr: inner, negated: false, low, high } if is_ctid(inner) => {
                let pages = page(low).zip(page(high));
                pages.map(|(low, high)| Expr::value(Value::Boolean(low == 0 && high > 0)))
            }
            Expr::Collate { expr: inner, collation } => {
                let name = collation.0.last().and_then(|part| part.as_ident());
                let is_bytewise = name.is_some_and(|name| BYTEWISE.contains(&name.value.as_str()));
                is_bytewise.then(|| inner.as_ref().clone())
            }
            _ => None,
        };
        if let Some(adapted) = adapted {
            *expr = adapted;
        }
        ControlFlow::Continue(())
    }
}

/// Whether it is the place of a row within PostgreSQL's files, by which DuckDB shares out a table.
/// Here every row is on page 0.
fn is_ctid(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(name) if name.value.eq_ignore_ascii_case("ctid"))
}

/// The page of such a place: 7 of `'(7,0)'::tid`.
fn page(expr: &Expr) -> Option<u32> {
    let Expr::Cast { expr, .. } = expr else { return None };
    let Expr::Value(value) = expr.as_ref() else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    text.strip_prefix('(')?.split(',').next()?.trim().parse().ok()
}

fn text_mut(expr: &mut Expr) -> Option<&mut String> {
    match expr {
        Expr::Value(value) => match &mut value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// An interval in months, days and seconds. A text that is none stays as it is, and fails later.
fn normalise(text: &mut String) {
    let decoded = decode(Some(text.as_bytes()), Format::Text, INTERVAL);
    if let Ok(ScalarValue::IntervalMonthDayNano(Some(interval))) = decoded {
        let sign = if interval.nanoseconds < 0 { "-" } else { "" };
        let nanoseconds = interval.nanoseconds.unsigned_abs();
        let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        let (months, days) = (interval.months, interval.days);
        *text = format!("{months} months {days} days {sign}{seconds}.{rest:09} seconds");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::sql::text;

    #[test]
    fn keeps_the_meaning() {
        let check = |sql: &str, expected: &str| {
            let part = text::split(sql).expect("tokens").remove(0);
            let mut statement = text::statement(sql, part.tokens).expect("a statement");
            adapt(&mut statement);
            assert_eq!(statement.to_string(), expected, "{sql}");
        };
        check(
            "SELECT INTERVAL '1 month 2 days 03:04:05.5'",
            "SELECT INTERVAL '1 months 2 days 11045.500000000 seconds'",
        );
        check(
            "SELECT '-00:00:01'::interval",
            "SELECT '0 months 0 days -1.000000000 seconds'::INTERVAL",
        );
        check("SELECT a COLLATE \"C\" FROM t", "SELECT a FROM t");
        check("SELECT a COLLATE \"fr_FR\" FROM t", "SELECT a COLLATE \"fr_FR\" FROM t");
        check(
            "SELECT 1 FROM t WHERE ctid BETWEEN '(0,0)'::tid AND '(4294967295,0)'::tid",
            "SELECT 1 FROM t WHERE true",
        );
        check("SELECT INTERVAL 'soon'", "SELECT INTERVAL 'soon'");
    }
}
