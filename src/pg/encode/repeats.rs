//! Values that are the same as in the row before: their bytes are copied, not written again.
//!
//! Rows of a cube come series by series, so that all dimensions and the attributes of the series
//! are the same in dozens of rows after each other. Which columns are steady is found out for a
//! few hundred rows at a time; steady columns side by side are one stretch of bytes in each row.

use std::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::error::Result;
use crate::pg::encode::cells::Cells;

/// Rows below which nobody looks.
const ROWS_MIN: usize = 16;
/// A column is steady if it is another one in at most one of so many rows.
const STEADY_ROWS: usize = 8;

/// Columns in groups that are written as one.
pub(in crate::pg) struct Repeats {
    groups: Vec<Group>,
}

/// Columns side by side.
struct Group {
    columns: Range<usize>,
    /// For each row whether it differs from the one before; empty for columns that are not steady.
    changes: Vec<bool>,
    /// What was written for the last row.
    bytes: Vec<u8>,
}

impl Repeats {
    /// The groups of all columns, for these rows.
    pub(in crate::pg) fn find<'a>(
        columns: impl Iterator<Item = &'a Cells<'a>>,
        rows: &Range<usize>,
    ) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for (column, cells) in columns.enumerate() {
            let is_worth_it = rows.len() >= ROWS_MIN;
            let changes = is_worth_it.then(|| cells.changes(rows, rows.len() / STEADY_ROWS));
            let changes = changes.flatten().unwrap_or_default();
            match groups.last_mut() {
                Some(last) if last.changes.is_empty() == changes.is_empty() => {
                    last.columns.end = column + 1;
                    last.changes.iter_mut().zip(changes).for_each(|(all, one)| *all |= one);
                }
                _ => groups.push(Group { columns: column..column + 1, changes, bytes: Vec::new() }),
            }
        }
        Self { groups }
    }

    /// Appends a row, counted from the first of the rows that were looked at; all of them must be
    /// asked for in their order. `write` appends the value of a column.
    ///
    /// # Errors
    ///
    /// Those of `write`.
    #[inline]
    pub(in crate::pg) fn write(
        &mut self,
        row: usize,
        out: &mut BytesMut,
        mut write: impl FnMut(usize, &mut BytesMut) -> Result<()>,
    ) -> Result<()> {
        for group in &mut self.groups {
            if group.changes.get(row) == Some(&false) {
                out.put_slice(&group.bytes);
                continue;
            }
            let start = out.len();
            for column in group.columns.clone() {
                write(column, out)?;
            }
            if !group.changes.is_empty() {
                group.bytes.clear();
                group.bytes.extend_from_slice(&out[start..]);
            }
        }
        Ok(())
    }
}
