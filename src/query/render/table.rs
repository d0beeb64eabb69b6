//! Aligned columns for a terminal.

use std::io::Write;
use std::iter::repeat_n;
use std::str::Lines;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::limits::{TABLE_CELL_WIDTH_MAX, TABLE_LOOKAHEAD_ROWS};
use crate::query::render::cells::{Cells, Kind, kinds};
use crate::query::render::put;

/// Writes an answer; returns the number of rows. Columns are as wide as the widest cell among the
/// first rows; a later or very long cell stands out of its column, and none is cut.
pub(super) fn write(
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
    out: &mut dyn Write,
) -> Result<u64> {
    if schema.fields().is_empty() {
        // SET and its like have nothing to show.
        return Ok(0);
    }
    let kinds = kinds(schema);
    let mut widths: Vec<usize> = schema.fields().iter().map(|f| width(f.name())).collect();
    let mut ahead = Vec::new();
    let mut ahead_rows = 0;
    while ahead_rows < TABLE_LOOKAHEAD_ROWS {
        let Some(batch) = rows.next() else { break };
        let batch = batch?;
        measure(&batch, TABLE_LOOKAHEAD_ROWS - ahead_rows, &mut widths)?;
        ahead_rows += batch.num_rows();
        ahead.push(batch);
    }
    let mut page = Page { kinds: &kinds, widths: &widths, text: String::new() };
    page.header(schema);
    put(out, &page.text)?;
    let mut count = 0_u64;
    for batch in ahead.into_iter().map(Ok).chain(rows) {
        let batch = batch?;
        page.text.clear();
        page.rows(&batch)?;
        put(out, &page.text)?;
        count += batch.num_rows() as u64;
    }
    put(out, &format!("({count} row{})\n", if count == 1 { "" } else { "s" }))?;
    Ok(count)
}

fn measure(batch: &RecordBatch, rows: usize, widths: &mut [usize]) -> Result<()> {
    let cells = Cells::new(batch)?;
    let mut cell = String::new();
    for (column, widest) in widths.iter_mut().enumerate() {
        for row in 0..batch.num_rows().min(rows) {
            cell.clear();
            cells.write(column, row, &mut cell)?;
            let lines = cell.lines().map(width).max().unwrap_or(0);
            *widest = (*widest).max(lines.min(TABLE_CELL_WIDTH_MAX));
        }
    }
    Ok(())
}

/// The columns of a terminal that a text takes: one a character.
fn width(text: &str) -> usize {
    text.chars().count()
}

struct Page<'a> {
    kinds: &'a [Kind],
    widths: &'a [usize],
    text: String,
}

impl Page<'_> {
    fn header(&mut self, schema: &SchemaRef) {
        for (column, field) in schema.fields().iter().enumerate() {
            self.cell(column, field.name(), Kind::Text);
        }
        self.end();
        for (column, width) in self.widths.iter().enumerate() {
            self.text.push_str(if column == 0 { "-" } else { "+-" });
            self.text.extend(repeat_n('-', width + 1));
        }
        self.text.push('\n');
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<()> {
        let cells = Cells::new(batch)?;
        let mut row_cells: Vec<String> = vec![String::new(); batch.num_columns()];
        for row in 0..batch.num_rows() {
            let mut lines = 1;
            for (column, cell) in row_cells.iter_mut().enumerate() {
                cell.clear();
                cells.write(column, row, cell)?;
                lines = lines.max(cell.lines().count());
            }
            let mut cell_lines: Vec<Lines<'_>> = row_cells.iter().map(|c| c.lines()).collect();
            for _ in 0..lines {
                for (column, rest) in cell_lines.iter_mut().enumerate() {
                    let kind = self.kinds.get(column).copied().unwrap_or(Kind::Text);
                    self.cell(column, rest.next().unwrap_or_default(), kind);
                }
                self.end();
            }
        }
        Ok(())
    }

    fn cell(&mut self, column: usize, cell: &str, kind: Kind) {
        let room = self.widths.get(column).map_or(0, |most| most.saturating_sub(width(cell)));
        self.text.push_str(if column == 0 { " " } else { " | " });
        if kind == Kind::Number {
            self.text.extend(repeat_n(' ', room));
        }
        self.text.push_str(cell);
        if kind != Kind::Number {
            self.text.extend(repeat_n(' ', room));
        }
    }

    /// Ends a line without blanks at its end.
    fn end(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }
}
