//! From rows that were read to rows that are written.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::array::{StringViewBuilder, UInt32Array, new_empty_array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::Expr;
use hashbrown::HashSet;

use crate::error::{Error, Result};
use crate::limits::RETURNING_CODES_MAX;
use crate::model::{Action, Cell};
use crate::query::error::from_datafusion;
use crate::query::write::assign::{self, Change};
use crate::query::write::layout::{Layout, text};
use crate::query::write::merge::Clause;
use crate::query::write::plan::{Kind, WritePlan};
use crate::query::write::returning::{self, POSITION};
use crate::query::write::syntax;
use crate::query::write::target::Target;
use crate::query::write::texts::texts;
use crate::store::RowBatch;

/// What a row that deletes a value holds in its place.
const GONE: &str = "-";

/// The rows that a statement writes, as they are gathered from those that it reads.
#[derive(Debug)]
pub(in crate::query) struct Gathered {
    target: Target,
    /// How the columns of other tables begin, and what was read of them for each row kept.
    extras_from: usize,
    extras: Vec<Vec<ArrayRef>>,
    /// Rows whose keys must not be there yet.
    pub(in crate::query) inserted: Option<RowBatch>,
    /// Rows of observations as they shall be.
    pub(in crate::query) changed: Option<RowBatch>,
    /// Observations that go.
    pub(in crate::query) deleted: Option<RowBatch>,
    /// Attributes of keys that go.
    pub(in crate::query) cleared: Vec<RowBatch>,
    keys: HashSet<Vec<u8>>,
    cleared_keys: HashSet<Vec<u8>>,
}

impl Gathered {
    /// Nothing yet of what `plan` writes; `read` are the columns that it reads.
    pub(in crate::query) fn new(plan: &WritePlan, read: &Schema) -> Self {
        let extras_from = match &plan.kind {
            Kind::Update { change, .. } => change.width,
            Kind::Delete { .. } => plan.target.key().len(),
            Kind::Insert(_) | Kind::Merge(_) | Kind::Clear(_) => usize::MAX,
        };
        let count = plan.returning.as_ref().map_or(0, |returning| returning.extras.len());
        let types = read.fields().iter().skip(extras_from).take(count);
        let extras = types.map(|field| vec![new_empty_array(field.data_type())]).collect();
        Self {
            target: plan.target.clone(),
            extras_from,
            extras,
            inserted: None,
            changed: None,
            deleted: None,
            cleared: Vec::new(),
            keys: HashSet::new(),
            cleared_keys: HashSet::new(),
        }
    }

    /// Takes rows that were read for a statement.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a row without a part of its key; [`Error::Conflict`] of kind `row` if
    /// MERGE would write one twice; [`Error::Limit`].
    pub(in crate::query) fn take(&mut self, kind: &Kind, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().take(self.extras_from).map(texts);
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let mut kept: Vec<u32> = Vec::new();
        for row in 0..batch.num_rows() {
            let is_kept = match kind {
                Kind::Insert(insertion) => self.insert(&insertion.layout, &columns, row)?,
                Kind::Update { change, may_repeat } => {
                    let is_new = !may_repeat || self.is_new(&columns, 0, row);
                    is_new && self.change(change, &columns, row)?
                }
                Kind::Delete { may_repeat } => {
                    let is_new = !may_repeat || self.is_new(&columns, 0, row);
                    is_new && self.delete(&columns, 0, row)?
                }
                Kind::Merge(clauses) => self.merge(clauses, &columns, row)?,
                Kind::Clear(_) => false,
            };
            if is_kept {
                kept.push(u32::try_from(row).unwrap_or(u32::MAX));
            }
        }
        self.keep_extras(batch, kept)
    }

    /// Takes rows that stand in the statement.
    ///
    /// # Errors
    ///
    /// Those of [`Gathered::take`].
    pub(in crate::query) fn take_constants(
        &mut self,
        layout: &Layout,
        columns: &[StringViewArray],
        rows: usize,
    ) -> Result<()> {
        for row in 0..rows {
            self.insert(layout, columns, row)?;
        }
        Ok(())
    }

    /// Takes the rows that an insert has found to be there, as it changes them.
    ///
    /// # Errors
    ///
    /// Those of [`Gathered::take`].
    pub(in crate::query) fn take_changes(
        &mut self,
        change: &Change,
        batch: &RecordBatch,
    ) -> Result<()> {
        let columns = batch.columns().iter().map(texts).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            self.change(change, &columns, row)?;
        }
        Ok(())
    }

    fn keep_extras(&mut self, batch: &RecordBatch, kept: Vec<u32>) -> Result<()> {
        if self.extras.is_empty() {
            return Ok(());
        }
        let kept = UInt32Array::from(kept);
        for (extra, column) in self.extras.iter_mut().zip(&batch.columns()[self.extras_from..]) {
            extra.push(take(column, &kept, None).map_err(of_arrow)?);
        }
        Ok(())
    }

    fn insert(&mut self, layout: &Layout, columns: &[StringViewArray], row: usize) -> Result<bool> {
        let target = &self.target;
        let batch = self.inserted.get_or_insert_with(|| {
            RowBatch::new(target.flow(), Action::Merge, layout.components())
        });
        layout.push(target, columns, row, batch)?;
        Ok(true)
    }

    fn change(&mut self, change: &Change, columns: &[StringViewArray], row: usize) -> Result<bool> {
        let target = &self.target;
        let batch = self.changed.get_or_insert_with(|| {
            RowBatch::new(target.flow(), change.action, change.layout.components())
        });
        change.layout.push(target, columns, row, batch)?;
        for (component, column) in &change.cleared {
            if text(columns, *column, row).is_none_or(str::is_empty) {
                self.clear(change, *component, columns, row)?;
            }
        }
        Ok(true)
    }

    /// Deletes an attribute of the key of a row, for the whole key.
    fn clear(
        &mut self,
        change: &Change,
        attribute: usize,
        columns: &[StringViewArray],
        row: usize,
    ) -> Result<()> {
        let dimensions = assign::dimensions_of(&self.target, attribute);
        let mut all = Vec::new();
        change.layout.cells(columns, row, &mut all);
        let components = change.layout.components();
        let cell = |dimension: &usize| {
            let at = components.iter().position(|component| component == dimension);
            at.and_then(|at| all[at])
        };
        let mut cells: Vec<Cell<'_>> = dimensions.iter().map(cell).collect();
        let mut key = (attribute as u64).to_le_bytes().to_vec();
        key.extend(joined(cells.iter().copied()));
        if !self.cleared_keys.insert(key) {
            return Ok(());
        }
        cells.push(Some(GONE));
        let is_it = |batch: &RowBatch| batch.components().last() == Some(&attribute);
        let known = self.cleared.iter().position(is_it);
        let known = known.unwrap_or_else(|| {
            let components = dimensions.iter().copied().chain([attribute]).collect();
            self.cleared.push(RowBatch::new(self.target.flow(), Action::Delete, components));
            self.cleared.len() - 1
        });
        self.cleared[known].push(&cells)
    }

    fn delete(&mut self, columns: &[StringViewArray], first: usize, row: usize) -> Result<bool> {
        let width = self.target.key().len();
        let target = &self.target;
        let batch = self.deleted.get_or_insert_with(|| {
            RowBatch::new(target.flow(), Action::Delete, (0..width).collect())
        });
        let cells: Vec<Cell<'_>> =
            (first..first + width).map(|column| text(columns, column, row)).collect();
        batch.push(&cells)?;
        Ok(true)
    }

    fn merge(
        &mut self,
        clauses: &[Clause],
        columns: &[StringViewArray],
        row: usize,
    ) -> Result<bool> {
        let number = text(columns, 0, row).and_then(|number| number.parse::<usize>().ok());
        let Some(clause) = number.and_then(|n| clauses.get(n.checked_sub(1)?)) else {
            return Ok(false);
        };
        if let Clause::Insert(layout) = clause {
            return self.insert(layout, columns, row);
        }
        if !self.is_new(columns, 1, row) {
            let width = self.target.key().len();
            let key = (1..=width).map(|column| text(columns, column, row).unwrap_or_default());
            let key: Vec<&str> = key.collect();
            let id = format!("{} {}", self.target.name(), key.join("."));
            let reason = "MERGE cannot change a row a second time; its source has it twice";
            return Err(Error::Conflict { kind: "row", id, reason: reason.to_owned() });
        }
        match clause {
            Clause::Update(change) => self.change(change, columns, row),
            Clause::Delete => self.delete(columns, 1, row),
            Clause::Insert(_) => Ok(false),
        }
    }

    /// Whether the key in these columns comes for the first time.
    fn is_new(&mut self, columns: &[StringViewArray], first: usize, row: usize) -> bool {
        let width = self.target.key().len();
        let key = (first..first + width).map(|column| text(columns, column, row));
        self.keys.insert(joined(key))
    }

    /// The keys that were written, each with its number and with what was read of other tables, and
    /// a filter that all of them pass.
    ///
    /// # Errors
    ///
    /// None that can happen.
    pub(in crate::query) fn written(&self) -> Result<(RecordBatch, Option<Expr>)> {
        let batches = [&self.inserted, &self.changed, &self.deleted];
        let batches: Vec<&RowBatch> = batches.into_iter().flatten().collect();
        let rows: usize = batches.iter().map(|batch| batch.len() as usize).sum();
        let numbers = (0..rows).map(|row| i64::try_from(row).unwrap_or(i64::MAX));
        let mut fields = vec![Field::new(POSITION, DataType::Int64, false)];
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(numbers))];
        for component in 0..self.target.key().len() {
            let cells = batches.iter().flat_map(|batch| cells_of(batch, component));
            let mut texts = StringViewBuilder::with_capacity(rows);
            cells.for_each(|text| texts.append_value(text));
            fields.push(Field::new(returning::key(component), DataType::Utf8View, false));
            arrays.push(Arc::new(texts.finish()));
        }
        for (number, parts) in self.extras.iter().enumerate() {
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            let column = concat(&parts).map_err(of_arrow)?;
            let name = returning::extra(number);
            fields.push(Field::new(name, column.data_type().clone(), true));
            arrays.push(column);
        }
        let batch =
            RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(of_arrow)?;
        Ok((batch, key_filter(&self.target, &batches)))
    }

    /// The rows as the transaction takes them: what goes before what comes.
    pub(in crate::query) fn into_batches(self) -> impl Iterator<Item = RowBatch> {
        let batches = self.cleared.into_iter().chain(self.deleted);
        batches.chain(self.changed).chain(self.inserted)
    }

    /// How many rows were gathered.
    pub(in crate::query) fn rows(&self) -> u64 {
        let batches = [&self.inserted, &self.changed, &self.deleted];
        batches.into_iter().flatten().map(|batch| u64::from(batch.len())).sum()
    }
}

/// A filter on the parts of the key that rows pass, so that only their series are read. Absent where
/// they have too many codes.
pub(in crate::query) fn key_filter(target: &Target, batches: &[&RowBatch]) -> Option<Expr> {
    let filters = target.key().into_iter().enumerate().filter_map(|(component, column)| {
        let mut distinct = HashSet::new();
        for text in batches.iter().flat_map(|batch| cells_of(batch, component)) {
            distinct.insert(text);
            if distinct.len() > RETURNING_CODES_MAX {
                return None;
            }
        }
        let list = distinct.into_iter().map(syntax::text).collect();
        Some(Expr::InList { expr: Box::new(target.column(column)), list, negated: false })
    });
    syntax::all(filters)
}

/// The texts of a part of the key.
fn cells_of(batch: &RowBatch, component: usize) -> impl Iterator<Item = &str> {
    let at = batch.components().iter().position(|known| *known == component);
    (0..batch.len()).map(move |row| at.and_then(|at| batch.cell(row, at)).unwrap_or_default())
}

/// Texts as one key.
fn joined<'a>(cells: impl Iterator<Item = Cell<'a>>) -> Vec<u8> {
    let mut key = Vec::new();
    for cell in cells {
        key.extend_from_slice(cell.unwrap_or_default().as_bytes());
        key.push(0xff);
    }
    key
}

fn of_arrow(error: ArrowError) -> Error {
    from_datafusion(&DataFusionError::from(error))
}
