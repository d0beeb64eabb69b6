//! Loads messages into the database, as one commit.
//!
//! Read in this order: `options`, `message`, `structures` and `compatible` (structure messages),
//! `check` (what a cell may be), `resolve` (which dataflow a message means). Rows become numbers:
//! `interner`, `runs`, `conflicts`, `intake` with `cells`, `attributes`, `delete` and `regions`,
//! `sink`. They come in order, on disk if they must: `order`, `buffer`. A segment is made of what
//! came and what was there: `write` with `reach`, `existing`, `collect`, `merge`, `times`, `replay`,
//! `ordered` and `partials`. Then `workplace`, `commit`, `prepared`, `job` (the logbook), and
//! `between` (releases that fall due meanwhile).
//!
//! **Order:** a row speaks of what the rows before it left, of all flows of the load. Rows that ask
//! for the same are a run, and an observation comes once in a run, so that most series need no
//! order at all.
//!
//! **Invariant:** nothing of a load is visible before [`Load::commit`] returns, and all of it after.

mod attributes;
mod between;
mod buffer;
mod cells;
mod check;
mod collect;
mod commit;
mod compatible;
mod conflicts;
mod delete;
mod existing;
mod intake;
mod interner;
mod job;
mod merge;
mod message;
mod options;
mod order;
mod ordered;
mod partials;
mod places;
mod prepared;
mod reach;
mod regions;
mod replay;
mod resolve;
mod runs;
mod sink;
mod structures;
mod times;
mod workplace;
mod write;

use std::io::{BufRead, Read};
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use crate::catalog::{FlowEntry, Writer};
use crate::error::{Error, Problem, Result};
use crate::limits::{DRAFT_BYTES_MAX, PROBLEMS_SHOWN_MAX};
use crate::model::{Action, Artefact, ArtefactId, Cell, Flow, Row};
use crate::sdmx::rows::RowSink;
use crate::sdmx::{csv, data};
use crate::store::database::Database;
use crate::store::load::intake::Intake;
use crate::store::load::job::Job;
use crate::store::load::places::{Places, RowTexts};
use crate::store::load::runs::Runs;
use crate::store::load::sink::Sink;
use crate::store::load::structures::Structures;
use crate::store::load::workplace::Workplace;
use crate::store::snapshot::Snapshot;

pub use message::Message;
pub use options::{LoadOptions, LoadReport, Progress};
pub use prepared::Prepared;

/// A load in progress. Dropping it undoes it.
pub struct Load {
    options: LoadOptions,
    /// Absent for a draft.
    database: Option<Database>,
    workplace: Workplace,
    /// The last state that is public, which this load changes.
    snapshot: Arc<Snapshot>,
    structures: Structures,
    intakes: Vec<Intake>,
    runs: Runs,
    problems: Vec<Problem>,
    problem_count: u64,
    rows: u64,
    places: Places,
    /// The texts of all rows, if refused ones are to be written down.
    texts: Option<RowTexts>,
    file: String,
    job: Option<Job>,
    /// Why it failed.
    failure: Option<String>,
    /// When to look for releases again, in microseconds since 1970.
    next_look: i64,
}

impl Load {
    pub(crate) fn begin(database: &Database, options: LoadOptions) -> Result<Self> {
        let writer = database.catalog().begin(options.wait)?;
        let snapshot = database.snapshot()?;
        let job = Job::start(&writer, &options);
        let mut load = Self::new(Workplace::Locked(writer), snapshot, options, job)?;
        load.database = Some(database.clone());
        Ok(load)
    }

    /// A load by the right of a writer that goes on afterwards, and that has the logbook.
    pub(in crate::store) fn between(
        database: &Database,
        writer: &Writer,
        options: LoadOptions,
    ) -> Result<Self> {
        let workplace = Workplace::Locked(writer.between()?);
        Self::new(workplace, database.snapshot()?, options, None)
    }

    /// A load in memory on top of `base`, which is not committed.
    pub(crate) fn draft(base: &Arc<Snapshot>, options: LoadOptions) -> Result<Self> {
        let workplace = Workplace::draft(Arc::clone(base.state()));
        Self::new(workplace, Arc::clone(base), options, None)
    }

    fn new(
        mut workplace: Workplace,
        snapshot: Arc<Snapshot>,
        options: LoadOptions,
        job: Option<Job>,
    ) -> Result<Self> {
        let structures = Structures::new(workplace.state());
        let texts = if options.refused.is_some() {
            let id = workplace.new_segment();
            let path = workplace.new_segment_path(id);
            Some(RowTexts::create(workplace.disk(), path)?)
        } else {
            None
        };
        Ok(Self {
            options,
            database: None,
            workplace,
            snapshot,
            structures,
            intakes: Vec::new(),
            runs: Runs::default(),
            problems: Vec::new(),
            problem_count: 0,
            rows: 0,
            places: Places::default(),
            texts,
            file: String::new(),
            job,
            failure: None,
            next_look: i64::MIN,
        })
    }

    /// Adds structures.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a reference that leads nowhere; [`Error::Conflict`] if stored data
    /// would no longer fit.
    pub fn structures(&mut self, artefacts: Vec<Artefact>) -> Result<()> {
        self.structures.add(artefacts, &self.snapshot)
    }

    /// Gives the plain table name of a dataflow, such as `ecb.exr`, to one of its versions.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such dataflow.
    pub fn move_plain_name(&mut self, flow: &ArtefactId) -> Result<bool> {
        self.structures.move_plain_name(flow, self.snapshot.state())
    }

    /// Adds the rows of an SDMX-CSV message; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] with the first problems, unless refused rows are to be left out;
    /// [`Error::Syntax`] and [`Error::Invalid`] for a message that cannot be read at all.
    pub fn csv(&mut self, input: impl Read, file: &str) -> Result<()> {
        self.read(file, |sink| csv::read_rows(input, file, sink).map(drop))
    }

    /// Adds the rows of an SDMX-ML data message, generic or structure-specific; `file` names it in
    /// errors.
    ///
    /// # Errors
    ///
    /// As [`Load::csv`].
    pub fn xml(&mut self, input: impl BufRead, file: &str) -> Result<()> {
        self.read(file, |sink| data::read_rows(input, file, sink).map(drop))
    }

    /// Makes ready for rows of a dataflow that a program makes; [`Load::row`] takes the number.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such dataflow.
    pub fn flow(&mut self, id: &ArtefactId) -> Result<usize> {
        self.intake(id)
    }

    /// The dataflow that [`Load::flow`] gave this number.
    pub(crate) fn flow_at(&self, flow: usize) -> Result<&Arc<Flow>> {
        let intake = self.intakes.get(flow);
        intake.map(|intake| &intake.flow).ok_or_else(|| Error::bug("a dataflow of another load"))
    }

    /// The state that it changes: the last that is public.
    pub(crate) fn base(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Adds a row that a program makes, its cells in the order of [`Flow::components`]. In errors
    /// it has the number of the row for its line.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] for a bad row, unless refused rows are to be left out.
    pub fn row(&mut self, flow: usize, action: Action, cells: &[Cell<'_>]) -> Result<()> {
        let problems_before = self.problem_count;
        let columns = vec![0; cells.len()];
        let row = Row { line: self.rows + 1, action, cells, columns: &columns, raw: "" };
        Sink::of_program(self).row(flow, &row)?;
        self.stop_at_problems(problems_before)
    }

    /// Ends a run of rows: what comes next may speak of the same observations again.
    pub fn next_run(&mut self) {
        self.runs.end();
    }

    fn read(&mut self, file: &str, read: impl FnOnce(&mut Sink<'_>) -> Result<()>) -> Result<()> {
        file.clone_into(&mut self.file);
        self.places.begin(file);
        let problems_before = self.problem_count;
        let read = read(&mut Sink::new(self));
        if let Err(error) = &read {
            // What came before the error must not be committed.
            self.fail(error.to_string());
        }
        read?;
        self.progress(Progress::Reading(self.rows));
        self.stop_at_problems(problems_before)
    }

    fn stop_at_problems(&mut self, before: u64) -> Result<()> {
        if self.problem_count == before || self.options.refused.is_some() {
            return Ok(());
        }
        let problems = mem::take(&mut self.problems);
        self.fail(format!("{} problems", self.problem_count));
        Err(Error::Rows { file: self.file.clone(), problems, count: self.problem_count })
    }

    fn fail(&mut self, reason: String) {
        if let Some(job) = &mut self.job {
            (job.rows, job.failure) = (self.rows, Some(reason.clone()));
        }
        self.failure = Some(reason);
    }

    fn progress(&mut self, progress: Progress) {
        if let Some(tell) = &mut self.options.progress {
            tell(progress);
        }
    }

    fn note_problem(&mut self, problem: Problem) {
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_SHOWN_MAX {
            self.problems.push(problem);
        }
    }

    fn refuse_raw(&mut self, raw: &[u8]) -> Result<()> {
        let Some(refused) = &mut self.options.refused else { return Ok(()) };
        let write = refused.write_all(raw).and_then(|()| refused.write_all(b"\n"));
        let path = PathBuf::from("the file of refused rows");
        write.map_err(|source| Error::io("write", path, source))
    }

    fn intake(&mut self, id: &ArtefactId) -> Result<usize> {
        if let Some(known) = self.intakes.iter().position(|intake| intake.flow.id == *id) {
            return Ok(known);
        }
        let flow = Flow::resolve(id, &self.structures.all)?;
        self.intakes.push(Intake::new(Arc::new(flow)));
        Ok(self.intakes.len() - 1)
    }

    /// Sorts rows on disk if they outgrew their memory.
    fn spill_if_needed(&mut self) -> Result<()> {
        let used: u64 = self.intakes.iter().map(Intake::bytes).sum();
        if self.workplace.is_draft() {
            // A draft has no disk to go to.
            let (what, actual, limit) = ("memory of a draft", used, DRAFT_BYTES_MAX);
            let fits = used <= limit;
            return if fits { Ok(()) } else { Err(Error::Limit { what, actual, limit }) };
        }
        // Keys stay in memory, and rows have half of it whatever keys take: no file is small.
        let rows: u64 = self.intakes.iter().map(Intake::rows_bytes).sum();
        if used <= self.options.memory || rows < self.options.memory / 2 {
            return Ok(());
        }
        let disk = self.workplace.disk();
        for index in 0..self.intakes.len() {
            if self.intakes[index].buffer.rows.len() == 0 {
                continue;
            }
            let order = self.order(index);
            let id = self.workplace.new_segment();
            let path = self.workplace.new_segment_path(id);
            let intake = &mut self.intakes[index];
            let ranks = intake.ranks(&order);
            intake.buffer.spill(&disk, path, &ranks)?;
        }
        Ok(())
    }

    /// The order of dimensions of a flow: the one its segments have, or a good one for what came.
    fn order(&mut self, index: usize) -> Vec<u16> {
        let intake = &self.intakes[index];
        let state = self.workplace.state();
        let id = &intake.flow.id;
        if state.segments(id).next().is_some()
            && let Some(known) = state.flow(id)
        {
            return known.entry.dimension_order.clone();
        }
        let entries = &mut self.structures.entries;
        let known = entries.iter().position(|entry| entry.id == *id);
        let known = known.or_else(|| {
            let stored = state.flow(id)?;
            entries.push(FlowEntry::clone(&stored.entry));
            Some(entries.len() - 1)
        });
        // Once rows were sorted by an order, it stays.
        if intake.buffer.len() > intake.buffer.rows.len() as u64
            && let Some(at) = known
        {
            return entries[at].dimension_order.clone();
        }
        let order = intake.coarse_first();
        if let Some(at) = known {
            entries[at].dimension_order.clone_from(&order);
        }
        order
    }
}
