//! `EXPLAIN` as PostgreSQL's clients expect it: one column, a line a row.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use futures::StreamExt;

use crate::error::Result;
use crate::pg::flow::Batches;
use crate::query::Answer;
use crate::query::error::from_datafusion;

/// The operator that every plan is full of, and that says nothing to a reader.
const SILENT: &str = "CancelExec";

/// The one column.
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("QUERY PLAN", DataType::Utf8View, false)]))
}

/// The lines of an answer to `EXPLAIN`.
pub(super) fn lines(answer: Answer) -> Batches {
    Box::pin(answer.map(|batch| to_lines(&batch?)))
}

fn to_lines(batch: &RecordBatch) -> Result<RecordBatch> {
    let mut lines = Vec::new();
    let texts = |column: usize| -> Vec<String> {
        let texts = cast(batch.column(column), &DataType::Utf8View);
        let Ok(texts) = texts else { return Vec::new() };
        let all = texts.as_string_view().iter();
        all.map(|text| text.unwrap_or_default().to_owned()).collect()
    };
    if batch.num_columns() == 2 {
        let (kinds, plans) = (texts(0), texts(1));
        let is_physical = |kind: &str| kind.contains("physical") || kind.contains("Metrics");
        let has_physical = kinds.iter().any(|kind| is_physical(kind));
        for (kind, plan) in kinds.iter().zip(&plans) {
            if is_physical(kind) || !has_physical {
                lines.extend(without_silent(plan));
            }
        }
    }
    let column = Arc::new(StringViewArray::from_iter_values(lines));
    let batch = RecordBatch::try_new(schema(), vec![column]);
    batch.map_err(|error| from_datafusion(&error.into()))
}

/// The lines of a plan without the silent operators; what stood below them moves to the left.
fn without_silent(plan: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut above: Vec<usize> = Vec::new();
    for line in plan.lines() {
        let indent = line.len() - line.trim_start().len();
        above.retain(|silent| *silent < indent);
        if line.trim_start().starts_with(SILENT) {
            above.push(indent);
            continue;
        }
        let left = 2 * above.len();
        lines.push(line.get(left.min(indent)..).unwrap_or(line).to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_operators_are_left_out() {
        let plan = "Sort\n  CancelExec\n    Join\n      CancelExec\n        Scan a\n      CancelExec\n        Scan b\n";
        assert_eq!(without_silent(plan), ["Sort", "  Join", "    Scan a", "    Scan b"]);
    }
}
