//! Loads messages into the database, as one commit.
//!
//! Read in this order: `structures` (structure messages), `check` (what a cell may be), `interner`
//! and `intake` (rows become numbers), `buffer` (rows in order, on disk if they must), `merge`,
//! `partials` and `write` (a segment from what came and what was there).
//!
//! **Invariant:** nothing of a load is visible before [`Load::commit`] returns, and all of it after.

mod buffer;
mod check;
mod interner;
mod intake;
mod merge;
mod partials;
mod structures;
mod write;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{Counts, Draft, Outcome, SegmentEntry, SegmentPlace, Source, SqlNames};
use crate::catalog::{Superseded, Working, Writer};
use crate::error::{Error, Problem, Result};
use crate::index::Selection;
use crate::limits::{LOAD_MEMORY_BYTES, PROBLEMS_SHOWN_MAX};
use crate::model::{Action, Artefact, ArtefactId, Flow, Row};
use crate::sdmx::csv::{FlowKind, FlowRef, RowSink, read_rows};
use crate::segment::Written;
use crate::store::database::Database;
use crate::store::filter::SeriesFilter;
use crate::store::load::intake::{Fault, Intake};
use crate::store::load::structures::Structures;
use crate::store::load::write::FlowWriter;
use crate::store::snapshot::Snapshot;

/// How a load is done.
pub struct LoadOptions {
    /// The time now, in microseconds since 1970.
    pub now: i64,
    /// Who loads.
    pub author: String,
    /// What for.
    pub message: String,
    /// What is loaded, if it is a file.
    pub source: Option<Source>,
    /// Memory for rows; beyond it they are sorted on disk.
    pub memory: u64,
    /// How long to wait for another writer.
    pub wait: Duration,
    /// Where refused rows go; with it, a load goes on without them.
    pub refused: Option<Box<dyn Write + Send>>,
    /// Is told how far the load is.
    pub progress: Option<Box<dyn FnMut(Progress) + Send>>,
}

impl LoadOptions {
    /// The usual: refuses bad rows, waits up to ten seconds for another writer.
    pub fn at(now: i64) -> Self {
        Self {
            now,
            author: String::new(),
            message: String::new(),
            source: None,
            memory: LOAD_MEMORY_BYTES,
            wait: Duration::from_secs(10),
            refused: None,
            progress: None,
        }
    }
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many rows were read.
    Reading(u64),
    /// So many rows of so many were written.
    Writing(u64, u64),
}

/// What a load did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The commit; absent if nothing changed.
    pub commit: Option<u64>,
    /// Observations inserted, changed, deleted, and as they were.
    pub counts: Counts,
    /// Rows that were read.
    pub rows: u64,
    /// Artefacts that were added or changed.
    pub artefacts: u64,
    /// Dataflows that are new, with their names in SQL.
    pub named: Vec<(ArtefactId, SqlNames)>,
    /// Rows left out, when the load was told to go on without them.
    pub refused: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
    /// What else a person should know.
    pub warnings: Vec<String>,
    /// Bytes of the segments that were written.
    pub bytes: u64,
}

/// A load in progress. Dropping it undoes it.
pub struct Load {
    options: LoadOptions,
    writer: Writer,
    snapshot: Arc<Snapshot>,
    structures: Structures,
    intakes: Vec<Intake>,
    deleted: Vec<(ArtefactId, SeriesFilter)>,
    problems: Vec<Problem>,
    problem_count: u64,
    rows: u64,
    file: String,
    job: Option<Job>,
    /// Why it failed, for the logbook.
    failure: Option<String>,
}

/// The line of this load in the logbook. The logbook is a convenience: where it cannot be written,
/// the load goes on.
struct Job {
    working: Working,
    number: u64,
}

impl Job {
    fn start(writer: &Writer, options: &LoadOptions) -> Option<Self> {
        let working = writer.working().ok()?;
        let file = options.source.as_ref().map_or("", |source| source.name.as_str());
        let number = working.job_started(file, options.now).ok()?;
        Some(Self { working, number })
    }

    fn finish(&self, now: i64, rows: u64, outcome: &Outcome) {
        drop(self.working.job_finished(self.number, now, rows, outcome));
    }
}

impl Drop for Load {
    /// A load that was not committed failed, or was given up.
    fn drop(&mut self) {
        if let Some(job) = self.job.take() {
            let reason = self.failure.take().unwrap_or_else(|| "given up".to_owned());
            job.finish(self.options.now, self.rows, &Outcome::Failed { reason });
        }
    }
}

impl Load {
    pub(crate) fn begin(database: Database, options: LoadOptions) -> Result<Self> {
        let writer = database.catalog().begin(options.wait)?;
        let snapshot = database.snapshot()?;
        let structures = Structures::new(writer.state());
        let job = Job::start(&writer, &options);
        Ok(Self {
            options,
            writer,
            snapshot,
            structures,
            intakes: Vec::new(),
            deleted: Vec::new(),
            problems: Vec::new(),
            problem_count: 0,
            rows: 0,
            file: String::new(),
            job,
            failure: None,
        })
    }

    /// Adds structures.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a reference that leads nowhere; [`Error::Conflict`] if stored data
    /// would no longer fit.
    pub fn structures(&mut self, artefacts: Vec<Artefact>) -> Result<()> {
        let state = Arc::clone(self.writer.state());
        self.structures.add(artefacts, &state)
    }

    /// Adds the rows of an SDMX-CSV message; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] with the first problems, unless refused rows are to be left out;
    /// [`Error::Syntax`] and [`Error::Invalid`] for a message that cannot be read at all.
    pub fn csv(&mut self, input: impl Read, file: &str) -> Result<()> {
        file.clone_into(&mut self.file);
        let problems_before = self.problem_count;
        let mut sink = Sink { load: self, flows: Vec::new() };
        read_rows(input, file, &mut sink)?;
        self.progress(Progress::Reading(self.rows));
        self.stop_at_problems(problems_before)
    }

    fn stop_at_problems(&mut self, before: u64) -> Result<()> {
        if self.problem_count == before || self.options.refused.is_some() {
            return Ok(());
        }
        let problems = std::mem::take(&mut self.problems);
        self.failure = Some(format!("{} problems", self.problem_count));
        Err(Error::Rows { file: self.file.clone(), problems, count: self.problem_count })
    }

    fn progress(&mut self, progress: Progress) {
        if let Some(tell) = &mut self.options.progress {
            tell(progress);
        }
    }

    /// Deletes whole series.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such dataflow.
    pub fn delete_series(&mut self, flow: &ArtefactId, filter: SeriesFilter) -> Result<()> {
        self.snapshot.cube(flow)?;
        self.deleted.push((flow.clone(), filter));
        Ok(())
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

    /// Finds the dataflow that a message means.
    fn resolve(&self, wanted: &FlowRef) -> Result<ArtefactId> {
        let all = &self.structures.all;
        let matches = |id: &ArtefactId| {
            id.agency == wanted.agency
                && id.id == wanted.id
                && wanted.version.as_ref().is_none_or(|version| id.version == *version)
        };
        let is_structure = wanted.kind == FlowKind::DataStructure;
        let found: Vec<&ArtefactId> = all
            .dataflows()
            .filter(|flow| matches(if is_structure { &flow.structure } else { &flow.identity.id }))
            .map(|flow| &flow.identity.id)
            .collect();
        match found.as_slice() {
            [only] => Ok((*only).clone()),
            [] => {
                let kind = if is_structure { "dataflow of data structure" } else { "dataflow" };
                let advice = "load its structure first, or together with the data";
                Err(Error::not_found(kind, format!("{wanted} ({advice})")))
            }
            _ => {
                let reason = format!("{} dataflows fit; name one with its version", found.len());
                Err(Error::invalid(wanted.to_string(), reason))
            }
        }
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
        if used <= self.options.memory {
            return Ok(());
        }
        let disk = Arc::clone(self.writer.catalog().disk());
        for index in 0..self.intakes.len() {
            if self.intakes[index].buffer.rows.len() == 0 {
                continue;
            }
            let order = self.order(index);
            let id = self.writer.new_segment();
            let path = self.writer.new_segment_path(id);
            let intake = &mut self.intakes[index];
            let ranks = intake.ranks(&order);
            intake.buffer.spill(&disk, path, &ranks)?;
        }
        Ok(())
    }

    /// The order of dimensions of a flow: the one its segments have, or a good one for what came.
    fn order(&mut self, index: usize) -> Vec<u16> {
        let intake = &self.intakes[index];
        let state = self.writer.state();
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
            entries.push(crate::catalog::FlowEntry::clone(&stored.entry));
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

    /// Makes everything visible and durable, as one commit; nothing if nothing changed.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] for duplicates, unless refused rows are to be left out; [`Error::Io`].
    pub fn commit(mut self) -> Result<LoadReport> {
        let mut draft = Draft::default();
        let mut report = LoadReport { rows: self.rows, ..LoadReport::default() };
        self.delete(&mut draft)?;
        for index in 0..self.intakes.len() {
            self.write_flow(index, &mut draft, &mut report)?;
        }
        self.stop_at_problems(0)?;
        report.refused = self.problem_count;
        report.problems = std::mem::take(&mut self.problems);
        let known: Vec<ArtefactId> =
            self.writer.state().flows().map(|flow| flow.entry.id.clone()).collect();
        let new = self.structures.entries.iter().filter(|entry| !known.contains(&entry.id));
        report.named = new.map(|entry| (entry.id.clone(), entry.names.clone())).collect();
        std::mem::take(&mut self.structures).finish(&mut draft);
        report.artefacts = draft.artefacts.len() as u64;
        report.counts = draft.record.counts;
        let nothing = draft.artefacts.is_empty()
            && draft.segments.is_empty()
            && draft.superseded.is_empty();
        if nothing {
            self.finish_job(&Outcome::Unchanged);
            return Ok(report);
        }
        report.bytes = draft.segments.iter().map(|segment| segment.bytes).sum();
        draft.record.loaded = self.options.now;
        draft.record.effective = self.options.now;
        draft.record.author.clone_from(&self.options.author);
        draft.record.message.clone_from(&self.options.message);
        draft.record.source.clone_from(&self.options.source);
        let state = self.writer.commit(draft)?;
        report.commit = Some(state.number());
        if let Some(job) = &self.job {
            drop(job.working.record_commit(&state));
        }
        self.finish_job(&Outcome::Committed { commit: state.number() });
        Ok(report)
    }

    fn finish_job(&mut self, outcome: &Outcome) {
        if let Some(job) = self.job.take() {
            job.finish(self.options.now, self.rows, outcome);
        }
    }

    /// Supersedes the chunks of series to delete.
    fn delete(&self, draft: &mut Draft) -> Result<()> {
        for (flow, filter) in &self.deleted {
            let cube = self.snapshot.cube(flow)?;
            let selections = cube.select(filter)?;
            for (part, series) in cube.parts().iter().zip(&selections.0) {
                // Another filter may have chosen the same series.
                let before = draft.superseded.iter().find(|known| known.segment == part.id());
                let before = before.map_or_else(Selection::empty, |known| known.chunks.clone());
                let mut chunks = Selection::empty();
                for ordinal in series.iter() {
                    for chunk in part.live_chunks(ordinal)? {
                        if before.contains(chunk) {
                            continue;
                        }
                        chunks.insert(chunk);
                        let observations = part.span(chunk)?.observations;
                        draft.record.counts.deleted += u64::from(observations);
                    }
                }
                if !chunks.is_empty() {
                    let (segment, partials) = (part.id(), Selection::empty());
                    supersede(draft, Superseded { segment, chunks, partials });
                }
            }
        }
        Ok(())
    }

    fn write_flow(&mut self, index: usize, draft: &mut Draft, report: &mut LoadReport) -> Result<()> {
        let order = self.order(index);
        let id = self.writer.new_segment();
        let path = self.writer.new_segment_path(id);
        let disk = Arc::clone(self.writer.catalog().disk());
        let mut intake = self.intakes.swap_remove(index);
        self.intakes.push(Intake::new(Arc::clone(&intake.flow)));
        let last = self.intakes.len() - 1;
        self.intakes.swap(index, last);
        let stored = self.writer.state().flow(&intake.flow.id).is_some();
        let cube = match stored {
            true => self.snapshot.cube(&intake.flow.id)?,
            false => Arc::new(crate::store::cube::Cube::empty(Arc::clone(&intake.flow))),
        };
        let ranks = intake.ranks(&order);
        let rows = intake.buffer.len();
        let create = Box::new(move || disk.create(&path));
        let writer = FlowWriter::new(&intake, &cube, &order, &ranks, &draft.superseded, create)?;
        let mut options = self.options.progress.take();
        let outcome = writer.write(&ranks, |done| {
            if let Some(tell) = &mut options {
                tell(Progress::Writing(done, rows));
            }
        })?;
        self.options.progress = options;
        intake.buffer.rows = Default::default();
        for problem in outcome.problems {
            self.note_problem(problem);
        }
        self.problem_count += outcome.problem_count.saturating_sub(self.problems.len() as u64);
        if outcome.empty_series > 0 {
            report.warnings.push(format!(
                "{}: attributes of {} series without observations were not kept",
                intake.flow.id, outcome.empty_series
            ));
        }
        let counts = &mut draft.record.counts;
        counts.inserted += outcome.counts.inserted;
        counts.changed += outcome.counts.changed;
        counts.unchanged += outcome.counts.unchanged;
        outcome.superseded.into_iter().for_each(|more| supersede(draft, more));
        if let Some(summary) = outcome.segment {
            let (place, bytes) = match summary.written {
                Written::Inline(bytes) => {
                    let length = bytes.len() as u64;
                    draft.inline.push(bytes);
                    (SegmentPlace::Inline { offset: 0, length }, length)
                }
                Written::File(length) => {
                    let (name, checksum) = (id.file_name(), summary.checksum);
                    (SegmentPlace::File { name, length, checksum }, length)
                }
            };
            draft.segments.push(SegmentEntry {
                id,
                flow: intake.flow.id.clone(),
                series: summary.footer.series,
                chunks: summary.footer.chunks,
                partials: summary.footer.partials,
                observations: summary.footer.observations,
                bytes,
                place,
            });
        }
        Ok(())
    }
}

/// Adds what is superseded of a segment to what is known of it: a commit names each segment once.
fn supersede(draft: &mut Draft, more: Superseded) {
    match draft.superseded.iter_mut().find(|known| known.segment == more.segment) {
        Some(known) => {
            known.chunks.union_with(&more.chunks);
            known.partials.union_with(&more.partials);
        }
        None => draft.superseded.push(more),
    }
}

/// Takes the rows of one message.
struct Sink<'a> {
    load: &'a mut Load,
    /// The intake of each flow of the message.
    flows: Vec<usize>,
}

impl RowSink for Sink<'_> {
    fn header(&mut self, raw: &str) -> Result<()> {
        self.load.refuse_raw(raw.as_bytes())
    }

    fn flow(&mut self, id: &FlowRef) -> Result<Arc<Flow>> {
        let id = self.load.resolve(id)?;
        let index = self.load.intake(&id)?;
        self.flows.push(index);
        Ok(Arc::clone(&self.load.intakes[index].flow))
    }

    fn row(&mut self, flow: usize, row: &Row<'_>) -> Result<()> {
        self.load.rows += 1;
        if row.action != Action::Merge {
            let what = format!("the action of line {}: only merging (A, I, M)", row.line);
            return Err(Error::Unsupported { what });
        }
        let intake = &mut self.load.intakes[self.flows[flow]];
        if let Err(fault) = intake.take(row) {
            let problem = problem_of(&intake.flow, row, fault);
            self.load.note_problem(problem);
            self.load.refuse_raw(row.raw.as_bytes())?;
        }
        if self.load.rows.is_multiple_of(1 << 16) {
            self.load.progress(Progress::Reading(self.load.rows));
            self.load.spill_if_needed()?;
        }
        Ok(())
    }

    fn bad_record(&mut self, problem: Problem, raw: &[u8]) -> Result<()> {
        self.load.rows += 1;
        self.load.note_problem(problem);
        self.load.refuse_raw(raw)
    }
}

/// Characters of a value that an error shows.
const VALUE_CHARS_SHOWN: usize = 60;

fn problem_of(flow: &Flow, row: &Row<'_>, fault: Fault) -> Problem {
    let component = fault.component;
    let value = component.and_then(|position| row.cells[position]);
    let column = component.map(|position| row.columns[position]).filter(|column| *column > 0);
    Problem {
        line: row.line,
        column,
        component: component.map(|position| flow.components()[position].id.clone()),
        value: value.map(|text| text.chars().take(VALUE_CHARS_SHOWN).collect()),
        reason: fault.reason,
    }
}
