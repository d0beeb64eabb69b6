//! Drafts that show a transaction its own rows.
//!
//! A draft upon a draft costs what was written since, but each makes reading slower. So a draft
//! takes over those below it that are not much larger than itself: there are never more than the
//! logarithm of the number of rows, and each row is written as often at most.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::Cell;
use crate::store::database::Database;
use crate::store::load::{Load, LoadOptions};
use crate::store::snapshot::Snapshot;
use crate::store::transaction::batch::RowBatch;

/// A draft with the rows of some batches.
struct Layer {
    /// How many batches are in it and in those below.
    batches: usize,
    rows: u64,
    snapshot: Arc<Snapshot>,
}

/// The drafts of a transaction, one upon the other, and one that rows still come to.
#[derive(Default)]
pub(super) struct Layers {
    layers: Vec<Layer>,
    /// Rows that were looked at and are in no layer yet, with the number of the batches before and
    /// in them.
    pending: Option<(Load, usize)>,
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layers({})", self.layers.len())
    }
}

impl Layers {
    /// How many batches the snapshot shows.
    pub(super) fn batches(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.batches)
    }

    /// Forgets what has more than so many batches.
    pub(super) fn back_to(&mut self, batches: usize) {
        while self.layers.last().is_some_and(|layer| layer.batches > batches) {
            self.layers.pop();
        }
        self.pending.take_if(|(_, taken)| *taken > batches);
    }

    /// Looks at the rows of batches that were not looked at yet.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] with the first row that cannot be stored, by its number in its batch.
    pub(super) fn check(
        &mut self,
        database: &Database,
        base: &Arc<Snapshot>,
        batches: &[RowBatch],
    ) -> Result<()> {
        let (mut load, taken) = match self.pending.take() {
            Some(pending) => pending,
            None => (draft(database, self.top(base))?, self.batches()),
        };
        for batch in &batches[taken..] {
            feed(&mut load, batch)?;
        }
        self.pending = Some((load, batches.len()));
        Ok(())
    }

    /// The base with all batches on top.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] for rows that cannot be stored.
    pub(super) fn snapshot(
        &mut self,
        database: &Database,
        base: &Arc<Snapshot>,
        batches: &[RowBatch],
    ) -> Result<Arc<Snapshot>> {
        if self.batches() == batches.len() {
            self.pending = None;
            return Ok(Arc::clone(self.top(base)));
        }
        let mut rows = rows_of(&batches[self.batches()..]);
        let before = self.layers.len();
        while let Some(below) = self.layers.last().filter(|below| below.rows <= 2 * rows) {
            rows += below.rows;
            self.layers.pop();
        }
        if self.layers.len() < before {
            self.pending = None;
        }
        self.check(database, base, batches)?;
        let Some((load, _)) = self.pending.take() else {
            return Err(Error::bug("a draft without rows"));
        };
        let snapshot = load.prepare().map_err(of_statement)?.snapshot()?;
        self.layers.push(Layer { batches: batches.len(), rows, snapshot: Arc::clone(&snapshot) });
        Ok(snapshot)
    }

    fn top<'a>(&'a self, base: &'a Arc<Snapshot>) -> &'a Arc<Snapshot> {
        self.layers.last().map_or(base, |layer| &layer.snapshot)
    }
}

fn rows_of(batches: &[RowBatch]) -> u64 {
    batches.iter().map(|batch| u64::from(batch.len())).sum()
}

fn draft(database: &Database, base: &Arc<Snapshot>) -> Result<Load> {
    // A draft has the time of its base: nobody asks it when it was made.
    let now = base.state().effective().unwrap_or_default();
    database.draft(base, LoadOptions::at(now))
}

/// Hands the rows of a batch to a load, as a run of its own.
///
/// # Errors
///
/// [`Error::Rows`] with the first bad row, by its number in the batch.
pub(super) fn feed(load: &mut Load, batch: &RowBatch) -> Result<()> {
    let flow = load.flow(&batch.flow().id)?;
    load.next_run();
    let mut cells: Vec<Cell<'_>> = Vec::new();
    for row in 0..batch.len() {
        batch.row(row, &mut cells);
        let taken = load.row(flow, batch.action(), &cells);
        taken.map_err(|error| numbered(error, u64::from(row) + 1))?;
    }
    Ok(())
}

/// The problems of one row, by its number in its statement.
fn numbered(error: Error, row: u64) -> Error {
    match of_statement(error) {
        Error::Rows { file, mut problems, count } => {
            for problem in &mut problems {
                problem.line = row;
            }
            Error::Rows { file, problems, count }
        }
        other => other,
    }
}

/// Problems of rows that came from no file.
pub(super) fn of_statement(error: Error) -> Error {
    match error {
        Error::Rows { file, problems, count } if file.is_empty() => {
            Error::Rows { file: "rows of the transaction".to_owned(), problems, count }
        }
        other => other,
    }
}
