//! Two answers to one statement.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::physical_plan::ExecutionPlan;
use sdmxdb::error::Result;
use sdmxdb::query::Connection;

use crate::cells::texts;
use crate::cubes::World;
use crate::queries::{Near, Query};

/// What the engine says of a sum that it cannot hold exactly; the plain one rounds it.
const TOO_LONG: &str = "has more than 38 digits";

/// What became of a query.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The same answer, by a plan with these operators of ours.
    Equal(Vec<String>),
    /// Both engines refuse it, or ours says that a sum is too long to be exact; why.
    Refused(String),
    /// What is different, and our plan.
    Different(String),
}

struct Table {
    schema: SchemaRef,
    rows: Vec<Vec<String>>,
    operators: Vec<String>,
}

/// Asks both engines.
pub(crate) fn compare(world: &World, query: &Query) -> Verdict {
    let (found, expected) = match (ask(&world.ours, &query.sql), ask(&world.plain, &query.sql)) {
        (Ok(found), Ok(expected)) => (found, expected),
        (Err(_), Err(error)) => return Verdict::Refused(error.to_string()),
        (Err(error), Ok(_)) if error.to_string().contains(TOO_LONG) => {
            return Verdict::Refused(error.to_string());
        }
        (Ok(found), Err(error)) => {
            let rows = found.rows.len();
            return different(
                world,
                query,
                &format!("{rows} rows, but the plain plan fails: {error}"),
            );
        }
        (Err(error), Ok(expected)) => {
            let rows = expected.rows.len();
            return different(
                world,
                query,
                &format!("fails: {error}, but the plain plan gives {rows} rows"),
            );
        }
    };
    match difference(world, query, &found, &expected) {
        None => Verdict::Equal(found.operators),
        Some(difference) => different(world, query, &difference),
    }
}

fn different(world: &World, query: &Query, what: &str) -> Verdict {
    let plan = ask(&world.ours, &format!("EXPLAIN {}", query.sql));
    let plan = plan.map(|plan| plan.rows.into_iter().flatten().collect::<Vec<_>>().join("\n"));
    Verdict::Different(format!("{what}\n{}", plan.unwrap_or_default()))
}

fn ask(connection: &Connection, sql: &str) -> Result<Table> {
    let mut rows = connection.sql(sql)?;
    let schema = Arc::clone(rows.schema());
    let mut operators = Vec::new();
    if let Some(plan) = rows.answer().plan() {
        collect(plan, &mut operators);
    }
    let mut all = Vec::new();
    for batch in &mut rows {
        all.extend(texts(&batch?));
    }
    operators.sort_unstable();
    operators.dedup();
    Ok(Table { schema, rows: all, operators })
}

/// The names of our operators in a plan.
fn collect(plan: &Arc<dyn ExecutionPlan>, operators: &mut Vec<String>) {
    if plan.name().starts_with("Series") {
        operators.push(plan.name().to_owned());
    }
    plan.children().into_iter().for_each(|child| collect(child, operators));
}

/// What differs first, if anything does.
fn difference(world: &World, query: &Query, found: &Table, expected: &Table) -> Option<String> {
    let columns = |table: &Table| -> Vec<String> {
        let fields = table.schema.fields().iter();
        fields.map(|field| format!("{} {}", field.name(), field.data_type())).collect()
    };
    let (ours, theirs) = (columns(found), columns(expected));
    if ours != theirs {
        return Some(format!("columns {ours:?}\ninstead {theirs:?}"));
    }
    let (mut found, mut expected) = (found.rows.clone(), expected.rows.clone());
    let near: Vec<Near> =
        (0..ours.len()).map(|column| query.near.get(column).copied().unwrap_or_default()).collect();
    if found.len() != expected.len() {
        let lacks = |of: &[Vec<String>], other: &[Vec<String>]| {
            of.iter().find(|row| !other.contains(row)).cloned()
        };
        let (more, less) = (lacks(&found, &expected), lacks(&expected, &found));
        let counts = format!("{} rows instead of {}", found.len(), expected.len());
        return Some(format!("{counts}; only here {more:?}; only there {less:?}"));
    }
    if !query.is_ordered {
        found.sort_by(|a, b| order(a, b, &near));
        expected.sort_by(|a, b| order(a, b, &near));
    }
    let mut rows = found.iter().zip(&expected).enumerate();
    let differs = rows.find(|(_, (a, b))| {
        let mut cells = a.iter().zip(b.iter()).zip(&near);
        !cells.all(|((a, b), near)| is_same(a, b, *near, world.magnitudes))
    });
    differs.map(|(row, (a, b))| format!("row {row} is {a:?}\ninstead  {b:?}"))
}

/// An order in which both answers to a query lie alike: exact cells first, then the others by
/// seven digits.
fn order(a: &[String], b: &[String], near: &[Near]) -> Ordering {
    let cells = || a.iter().zip(b).zip(near);
    let exact = cells().filter(|(_, near)| **near == Near::Exact);
    let exact = exact.map(|((a, b), _)| zero(a).cmp(zero(b))).find(|order| order.is_ne());
    let rough = cells().filter(|(_, near)| **near != Near::Exact);
    let mut rough = rough.map(|((a, b), _)| match (seven_digits(a), seven_digits(b)) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        // What is no number comes first, by its text.
        (None, None) => a.cmp(b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    });
    exact.or_else(|| rough.find(|order| order.is_ne())).unwrap_or(Ordering::Equal)
}

/// A number cut to what both answers agree on.
fn seven_digits(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    format!("{number:.6e}").parse().ok()
}

/// Zero has one text.
fn zero(text: &str) -> &str {
    if text == "-0" { "0" } else { text }
}

/// Whether two cells say the same, for values of which `magnitudes` are the sum and the greatest.
fn is_same(a: &str, b: &str, near: Near, magnitudes: (f64, f64)) -> bool {
    if zero(a) == zero(b) {
        return true;
    }
    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else { return false };
    if !a.is_finite() || !b.is_finite() {
        return false;
    }
    let (sum, most) = magnitudes;
    let difference = (a - b).abs();
    let is_relative = difference <= 1e-9 * a.abs().max(b.abs());
    match near {
        Near::Exact => false,
        Near::Sum => is_relative || difference <= 1e-12 * sum,
        Near::Mean => is_relative || difference <= 1e-11 * most,
        Near::Variance => is_relative || difference <= 1e-10 * most * most,
        Near::Deviation => is_relative || (a * a - b * b).abs() <= 1e-10 * most * most,
    }
}
