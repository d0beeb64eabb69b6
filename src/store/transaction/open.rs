//! A transaction.

use std::fmt;
use std::slice;
use std::sync::Arc;

use crate::error::Result;
use crate::model::{Action, ArtefactId};
use crate::store::database::Database;
use crate::store::filter::SeriesFilter;
use crate::store::load::{LoadOptions, LoadReport};
use crate::store::snapshot::Snapshot;
use crate::store::transaction::batch::{RowBatch, check_bytes};
use crate::store::transaction::layers::{self, Layers};
use crate::store::transaction::presence::Lookup;
use crate::store::transaction::rivals;
use crate::store::transaction::rows::{LastRows, leaves_it};

/// Rows on top of a snapshot, until they are committed together or given up.
pub struct Transaction {
    database: Database,
    base: Arc<Snapshot>,
    batches: Vec<RowBatch>,
    bytes: u64,
    layers: Layers,
    /// A state with the first of the batches in it, and how many.
    floor: (Arc<Snapshot>, usize),
    /// The last rows of the batches after those, up to `noted`.
    last: LastRows,
    noted: usize,
}

/// A place in a transaction to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(usize);

/// What a transaction knows of the observation of a row, before that row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// There is none.
    Absent,
    /// There is one.
    Present,
    /// An earlier row of the same batch speaks of it.
    Repeated,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction(on {}, {} batches)", self.base.number(), self.batches.len())
    }
}

impl Transaction {
    /// Begins on a snapshot of a database.
    pub fn begin(database: &Database, snapshot: &Arc<Snapshot>) -> Self {
        Self {
            database: database.clone(),
            base: Arc::clone(snapshot),
            batches: Vec::new(),
            bytes: 0,
            layers: Layers::default(),
            floor: (Arc::clone(snapshot), 0),
            last: LastRows::default(),
            noted: 0,
        }
    }

    /// The snapshot that it began on.
    pub fn base(&self) -> &Arc<Snapshot> {
        &self.base
    }

    /// What it sees: the base with its own rows.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Rows`] if rows contradict each other or what is stored;
    /// [`crate::Error::Limit`].
    pub fn snapshot(&mut self) -> Result<Arc<Snapshot>> {
        self.layers.snapshot(&self.database, &self.base, &self.batches)
    }

    /// Adds the rows of a statement. They come after those that are there already.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Limit`] if all rows together take too much memory.
    pub fn write(&mut self, batch: RowBatch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        check_bytes(self.bytes + batch.bytes())?;
        self.bytes += batch.bytes();
        self.batches.push(batch);
        Ok(())
    }

    /// Looks at rows that were not looked at yet, so that a bad one is told at once and not at the
    /// end.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Rows`] with the first bad row, by its number in its statement.
    pub fn check(&mut self) -> Result<()> {
        self.layers.check(&self.database, &self.base, &self.batches)
    }

    /// For each row of a batch that is not yet written, whether its observation is there.
    ///
    /// # Errors
    ///
    /// Those of [`Transaction::snapshot`].
    pub fn presence(&mut self, batch: &RowBatch) -> Result<Vec<Presence>> {
        self.note_rows()?;
        let mut lookup = Lookup::new(self.floor.0.cube(&batch.flow().id)?);
        let mut seen = LastRows::default();
        let mut all = Vec::with_capacity(batch.len() as usize);
        for row in 0..batch.len() {
            all.push(if seen.note(slice::from_ref(batch), (0, row)).is_some() {
                Presence::Repeated
            } else {
                let is_there = match self.last.find(&self.batches, batch, row) {
                    Some(place) => leaves_it(&self.batches, place),
                    None => lookup.has(batch.key(row))?,
                };
                if is_there { Presence::Present } else { Presence::Absent }
            });
        }
        Ok(all)
    }

    /// How many observations a dataflow has.
    ///
    /// # Errors
    ///
    /// Those of [`Transaction::snapshot`].
    pub fn observations(&mut self, flow: &ArtefactId) -> Result<u64> {
        let cube = self.snapshot()?.cube(flow)?;
        cube.observation_count(&cube.select(&SeriesFilter::All)?)
    }

    /// Notes the rows that were not noted yet. What wildcards delete is seen in a draft.
    fn note_rows(&mut self) -> Result<()> {
        let is_wild = |batch: &RowBatch| batch.action() == Action::Delete && !batch.is_exact();
        if self.batches[self.noted..].iter().any(is_wild) {
            self.floor = (self.snapshot()?, self.batches.len());
            self.last.clear();
            self.noted = self.batches.len();
        }
        for (index, batch) in self.batches.iter().enumerate().skip(self.noted) {
            let rows = if batch.is_exact() { batch.len() } else { 0 };
            for row in 0..rows {
                self.last.note(&self.batches, (u32::try_from(index).unwrap_or(u32::MAX), row));
            }
        }
        self.noted = self.batches.len();
        Ok(())
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// The place that it is at.
    pub fn mark(&self) -> Mark {
        Mark(self.batches.len())
    }

    /// Forgets what was written since a mark.
    pub fn back_to(&mut self, mark: Mark) {
        if mark.0 >= self.batches.len() {
            return;
        }
        self.batches.truncate(mark.0);
        self.bytes = self.batches.iter().map(RowBatch::bytes).sum();
        self.layers.back_to(mark.0);
        self.last.clear();
        if self.floor.1 > mark.0 {
            self.floor = (Arc::clone(&self.base), 0);
        }
        self.noted = self.floor.1;
    }

    /// Makes everything visible and durable, as one commit; nothing if nothing changed.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Conflict`] of kind `series` if another commit changed one that rows touch;
    /// [`crate::Error::Rows`]; those of a load.
    pub fn commit(self, options: LoadOptions) -> Result<LoadReport> {
        if self.batches.is_empty() {
            return Ok(LoadReport::default());
        }
        let mut load = self.database.begin_load(options)?;
        rivals::check(&self.base, load.base(), &self.batches)?;
        for batch in &self.batches {
            layers::feed(&mut load, batch)?;
        }
        load.commit().map_err(layers::of_statement)
    }
}
