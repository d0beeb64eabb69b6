//! Objects, in one array or one a line.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::query::render::cells::{Cells, Kind, kinds};
use crate::query::render::put;

/// Where the objects stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In one array.
    Array,
    /// One a line.
    Lines,
}

/// Writes an answer; returns the number of rows. Numbers are bare, and null where they are not
/// finite, since JSON has no such numbers.
pub(super) fn write(
    layout: Layout,
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
    out: &mut dyn Write,
) -> Result<u64> {
    let kinds = kinds(schema);
    let mut names = Vec::with_capacity(kinds.len());
    for (column, field) in schema.fields().iter().enumerate() {
        let mut name = String::from(if column == 0 { "{" } else { "," });
        quote(field.name(), &mut name);
        name.push(':');
        names.push(name);
    }
    let (mut text, mut cell, mut count) = (String::new(), String::new(), 0_u64);
    if layout == Layout::Array {
        put(out, "[")?;
    }
    for batch in rows {
        let batch = batch?;
        let cells = Cells::new(&batch)?;
        text.clear();
        for row in 0..batch.num_rows() {
            if layout == Layout::Array {
                text.push_str(if count == 0 { "\n" } else { ",\n" });
            }
            for (column, (name, kind)) in names.iter().zip(&kinds).enumerate() {
                text.push_str(name);
                cell.clear();
                let known = cells.write(column, row, &mut cell)?;
                match kind {
                    Kind::Text if known => quote(&cell, &mut text),
                    Kind::Number if known && is_finite(&cell) => text.push_str(&cell),
                    Kind::Flag if known => text.push_str(&cell),
                    _ => text.push_str("null"),
                }
            }
            text.push_str(if names.is_empty() { "{}" } else { "}" });
            if layout == Layout::Lines {
                text.push('\n');
            }
            count += 1;
        }
        put(out, &text)?;
    }
    if layout == Layout::Array {
        put(out, if count == 0 { "]\n" } else { "\n]\n" })?;
    }
    Ok(count)
}

fn is_finite(number: &str) -> bool {
    !number.ends_with(['N', 'y'])
}

fn quote(cell: &str, text: &mut String) {
    // A text always has a JSON form.
    text.push_str(&serde_json::to_string(cell).unwrap_or_default());
}
