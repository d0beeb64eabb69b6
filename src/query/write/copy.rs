//! Rows that a client sends: `COPY table FROM STDIN`.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};

use crate::error::{Error, Result};
use crate::model::{Action, Cell};
use crate::query::catalogue::Catalogue;
use crate::query::write::insert::{self, Insertion};
use crate::query::write::layout::Layout;
use crate::query::write::target::Target;
use crate::store::RowBatch;

/// Rows on their way into a table: as `INSERT` takes them, those that are there already are refused.
pub struct CopyIn {
    target: Target,
    layout: Layout,
    fields: Vec<Field>,
    rows: RowBatch,
}

impl fmt::Debug for CopyIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CopyIn({} rows into {})", self.rows.len(), self.target.name())
    }
}

impl CopyIn {
    /// No rows yet, for these columns of a table; without any, for all of them.
    pub(in crate::query) fn new(
        catalogue: &Arc<Catalogue>,
        table: &ObjectName,
        columns: &[Ident],
    ) -> Result<Self> {
        let target = Target::resolve(catalogue, table, None)?;
        let places = insert::places(&target, columns)?;
        let layout = insert::layout(&target, &places)?;
        let fields = if columns.is_empty() {
            target.fields().cloned().collect()
        } else {
            let field = |column: &Ident| {
                let (at, _) = target.find(column)?;
                target.fields().nth(at).cloned().ok_or_else(|| Error::bug("a column is gone"))
            };
            columns.iter().map(field).collect::<Result<Vec<Field>>>()?
        };
        let rows = RowBatch::new(target.flow(), Action::Merge, layout.components());
        Ok(Self { target, layout, fields, rows })
    }

    /// The columns that a row has a cell for, with their types.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How many rows came.
    pub fn rows(&self) -> u32 {
        self.rows.len()
    }

    /// Takes a row: for each column its text as a data message would have it, absent for NULL.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a row of another length, or without a part of its key;
    /// [`Error::Limit`] if all rows together take too much memory.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        if cells.len() != self.fields.len() {
            let reason =
                format!("has {} columns, and {} are expected", cells.len(), self.fields.len());
            return Err(Error::invalid(format!("row {}", self.rows.len() + 1), reason));
        }
        self.layout.push_texts(&self.target, cells, &mut self.rows)
    }

    /// The rows, and what happens to those that are there already.
    pub(in crate::query) fn finish(self) -> (RowBatch, Insertion) {
        let insertion = Insertion {
            layout: self.layout,
            width: self.fields.len(),
            has_columns: true,
            constants: None,
            skips: false,
            update: None,
        };
        (self.rows, insertion)
    }
}
