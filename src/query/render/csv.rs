//! RFC 4180 with a header.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::query::render::cells::Cells;
use crate::query::render::put;

/// Writes an answer; returns the number of rows.
pub(super) fn write(
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
    out: &mut dyn Write,
) -> Result<u64> {
    let (mut text, mut cell, mut count) = (String::new(), String::new(), 0);
    for (column, field) in schema.fields().iter().enumerate() {
        separate(column, &mut text);
        quote(field.name(), &mut text);
    }
    text.push('\n');
    put(out, &text)?;
    for batch in rows {
        let batch = batch?;
        let cells = Cells::new(&batch)?;
        text.clear();
        for row in 0..batch.num_rows() {
            for column in 0..batch.num_columns() {
                separate(column, &mut text);
                cell.clear();
                if cells.write(column, row, &mut cell)? {
                    quote(&cell, &mut text);
                }
            }
            text.push('\n');
        }
        put(out, &text)?;
        count += batch.num_rows() as u64;
    }
    Ok(count)
}

fn separate(column: usize, text: &mut String) {
    if column > 0 {
        text.push(',');
    }
}

/// The empty text is between quotes, so that it is not taken for NULL.
fn quote(cell: &str, text: &mut String) {
    if !cell.is_empty() && !cell.contains([',', '"', '\n', '\r']) {
        text.push_str(cell);
        return;
    }
    text.push('"');
    for part in cell.split_inclusive('"') {
        text.push_str(part);
        if part.ends_with('"') {
            text.push('"');
        }
    }
    text.push('"');
}
