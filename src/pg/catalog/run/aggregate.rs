//! Aggregates over the rows of a group.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::pg::catalog::functions::json;
use crate::pg::catalog::plan::Aggregate;
use crate::pg::catalog::run::Run;
use crate::pg::catalog::run::query::ordered;
use crate::pg::catalog::run::select::Collected;
use crate::pg::catalog::value::Value;

impl Run<'_> {
    pub(super) fn aggregate(
        &self,
        aggregate: &Aggregate,
        mut collected: Vec<Collected>,
    ) -> Result<Value> {
        if aggregate.is_distinct {
            let mut seen = HashSet::new();
            collected.retain(|row| seen.insert(row.arguments.clone()));
            if aggregate.order.is_empty() {
                collected.sort_by(|a, b| first(a).order(first(b)));
            }
        }
        collected.sort_by(|a, b| {
            let pairs = a.order.iter().zip(&b.order).zip(&aggregate.order);
            let keys = pairs.map(|((a, b), (_, down, nulls))| ordered(a, b, *down, *nulls));
            keys.fold(Ordering::Equal, Ordering::then)
        });
        let count = |n: usize| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let there = || collected.iter().map(first).filter(|value| !value.is_null());
        Ok(match aggregate.name.as_str() {
            "count" if aggregate.arguments.is_empty() => count(collected.len()),
            "count" => count(there().count()),
            "array_agg" if collected.is_empty() => Value::Null,
            "array_agg" => Value::array(collected.iter().map(first).cloned()),
            "string_agg" => {
                let mut text: Option<String> = None;
                for row in &collected {
                    let [Value::Text(part), between, ..] = row.arguments.as_slice() else {
                        continue;
                    };
                    match &mut text {
                        Some(text) => {
                            text.push_str(between.as_text().unwrap_or_default());
                            text.push_str(part);
                        }
                        None => text = Some(part.to_string()),
                    }
                }
                Value::maybe(text)
            }
            "min" => there().min_by(|a, b| a.order(b)).cloned().unwrap_or(Value::Null),
            "max" => there().max_by(|a, b| a.order(b)).cloned().unwrap_or(Value::Null),
            "bool_and" | "every" => match there().count() {
                0 => Value::Null,
                _ => Value::Bool(there().all(|value| value.as_bool() == Some(true))),
            },
            "bool_or" => match there().count() {
                0 => Value::Null,
                _ => Value::Bool(there().any(|value| value.as_bool() == Some(true))),
            },
            "sum" => there().cloned().reduce(|a, b| plus(&a, &b)).unwrap_or(Value::Null),
            "avg" => {
                let sum = there().filter_map(Value::as_float).sum::<f64>();
                let rows = u32::try_from(there().count()).unwrap_or(u32::MAX);
                if rows == 0 { Value::Null } else { Value::Float(sum / f64::from(rows)) }
            }
            "json_agg" | "jsonb_agg" => {
                let ty = aggregate.types.first();
                let parts = collected.iter().map(|row| json::write(self.world, ty, first(row)));
                Value::text(format!("[{}]", parts.collect::<Vec<_>>().join(", ")))
            }
            other => {
                let what = format!("the aggregate {other} in a query of the catalogue");
                return Err(Error::Unsupported { what });
            }
        })
    }
}

fn first(row: &Collected) -> &Value {
    row.arguments.first().unwrap_or(&Value::Null)
}

fn plus(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.checked_add(*b).map_or(Value::Null, Value::Int),
        _ => match (a.as_float(), b.as_float()) {
            (Some(a), Some(b)) => Value::Float(a + b),
            _ => Value::Null,
        },
    }
}
