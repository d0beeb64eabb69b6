//! A table of Markdown.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::query::render::cells::{Cells, Kind, kinds};
use crate::query::render::put;

/// Writes an answer; returns the number of rows.
pub(super) fn write(
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
    out: &mut dyn Write,
) -> Result<u64> {
    let (mut text, mut cell, mut count) = (String::from("|"), String::new(), 0);
    for field in schema.fields() {
        push(field.name(), &mut text);
    }
    text.push_str("\n|");
    for kind in kinds(schema) {
        text.push_str(if kind == Kind::Number { " ---: |" } else { " --- |" });
    }
    text.push('\n');
    put(out, &text)?;
    for batch in rows {
        let batch = batch?;
        let cells = Cells::new(&batch)?;
        text.clear();
        for row in 0..batch.num_rows() {
            text.push('|');
            for column in 0..batch.num_columns() {
                cell.clear();
                cells.write(column, row, &mut cell)?;
                push(&cell, &mut text);
            }
            text.push('\n');
        }
        put(out, &text)?;
        count += batch.num_rows() as u64;
    }
    Ok(count)
}

fn push(cell: &str, text: &mut String) {
    text.push(' ');
    for c in cell.chars() {
        match c {
            '|' => text.push_str("\\|"),
            '\n' => text.push_str("<br>"),
            '\r' => {}
            other => text.push(other),
        }
    }
    text.push_str(" |");
}
