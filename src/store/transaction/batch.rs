//! The rows of one statement.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::TRANSACTION_BYTES_MAX;
use crate::model::{Action, Cell, Flow};

/// Rows of one dataflow that ask for one thing. Kept as columns of texts, in which a cell that is
/// the same as the one above it costs four bytes.
#[derive(Clone)]
pub struct RowBatch {
    flow: Arc<Flow>,
    action: Action,
    /// The components that the rows speak of, by position.
    components: Vec<usize>,
    columns: Vec<Column>,
    rows: u32,
    bytes: u64,
    /// Whether each row names one observation.
    is_exact: bool,
    /// The columns of the key: dimensions and time.
    key: Vec<usize>,
}

/// The cells of one component.
#[derive(Clone, Default)]
struct Column {
    /// For each row the number of its text plus one; 0 where the row does not speak of it.
    numbers: Vec<u32>,
    /// Where each text ends.
    ends: Vec<u32>,
    text: String,
}

impl Column {
    fn get(&self, row: u32) -> Cell<'_> {
        self.text(*self.numbers.get(row as usize)?)
    }

    fn text(&self, number: u32) -> Cell<'_> {
        let end_of = |number: u32| {
            let before = (number as usize).checked_sub(1).and_then(|at| self.ends.get(at));
            before.map_or(0, |end| *end as usize)
        };
        (number > 0).then(|| self.text.get(end_of(number - 1)..end_of(number)).unwrap_or_default())
    }

    /// Adds a cell; returns the bytes that it takes.
    fn push(&mut self, cell: Cell<'_>) -> u64 {
        let last = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        let Some(text) = cell else {
            self.numbers.push(0);
            return 4;
        };
        if last > 0 && self.text(last) == Some(text) {
            self.numbers.push(last);
            return 4;
        }
        self.text.push_str(text);
        // A batch has fewer bytes than this number can say.
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        self.numbers.push(last + 1);
        text.len() as u64 + 8
    }
}

impl fmt::Debug for RowBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowBatch({:?} {} rows of {})", self.action, self.rows, self.flow.id)
    }
}

impl RowBatch {
    /// No rows yet; they will speak of these components of the dataflow, by their position.
    pub fn new(flow: &Arc<Flow>, action: Action, components: Vec<usize>) -> Self {
        let columns = components.iter().map(|_| Column::default()).collect();
        let column_of = |position: usize| components.iter().position(|known| *known == position);
        let key: Option<Vec<usize>> = (0..flow.measures_from()).map(column_of).collect();
        let is_exact = key.is_some();
        let key = key.unwrap_or_default();
        let flow = Arc::clone(flow);
        Self { flow, action, components, columns, rows: 0, bytes: 0, is_exact, key }
    }

    /// One row that deletes everything of a dataflow.
    pub fn everything(flow: &Arc<Flow>) -> Self {
        let mut batch = Self::new(flow, Action::Delete, Vec::new());
        (batch.rows, batch.is_exact) = (1, false);
        batch
    }

    /// Adds a row: a cell for each component, absent where the row does not speak of it.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the rows take more memory than one transaction may.
    pub fn push(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        debug_assert_eq!(cells.len(), self.columns.len());
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.bytes += column.push(*cell);
        }
        let is_exact = self.key.iter().all(|at| cells[*at].is_some_and(|text| !text.is_empty()));
        self.is_exact &= is_exact;
        self.rows += 1;
        check_bytes(self.bytes)
    }

    /// The dataflow.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// What is asked for.
    pub fn action(&self) -> Action {
        self.action
    }

    /// The components that the rows speak of, by position.
    pub fn components(&self) -> &[usize] {
        &self.components
    }

    /// How many rows there are.
    pub fn len(&self) -> u32 {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Memory that the rows take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The cell of a row in one of [`RowBatch::components`], by its place there.
    pub fn cell(&self, row: u32, column: usize) -> Cell<'_> {
        self.columns.get(column)?.get(row)
    }

    /// Sets `cells` to a row: a cell for each component of the dataflow.
    pub fn row<'a>(&'a self, row: u32, cells: &mut Vec<Cell<'a>>) {
        cells.clear();
        cells.resize(self.flow.components().len(), None);
        for (column, position) in self.columns.iter().zip(&self.components) {
            cells[*position] = column.get(row);
        }
    }

    /// The codes and the period of a row. Empty if the rows do not speak of all of them.
    pub(super) fn key(&self, row: u32) -> impl Iterator<Item = &str> {
        self.key.iter().map(move |column| self.columns[*column].get(row).unwrap_or_default())
    }

    /// Whether each row names one observation: it has a code in each dimension, and a period.
    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Whether rows speak of more than their key.
    pub(super) fn has_values(&self) -> bool {
        self.components.iter().any(|position| *position >= self.flow.measures_from())
    }
}

/// Refuses what is over the limit of one transaction.
pub(super) fn check_bytes(actual: u64) -> Result<()> {
    let what = "memory of the rows of one transaction (sdmxdb load takes any number)";
    if actual <= TRANSACTION_BYTES_MAX {
        return Ok(());
    }
    Err(Error::Limit { what, actual, limit: TRANSACTION_BYTES_MAX })
}
