//! Ends a load: what it writes of each dataflow, and the commit.

use std::mem;
use std::sync::Arc;

use crate::catalog::{Draft, FlowEntry};
use crate::error::{Error, Result};
use crate::model::ArtefactId;
use crate::store::cube::Cube;
use crate::store::load::Load;
use crate::store::load::buffer::Rows;
use crate::store::load::intake::Intake;
use crate::store::load::options::{LoadReport, Progress};
use crate::store::load::prepared::Prepared;
use crate::store::load::reach::Reached;
use crate::store::load::write::{FlowWriter, Sources};

impl Load {
    /// Makes everything visible and durable, as one commit; nothing if nothing changed.
    ///
    /// # Errors
    ///
    /// Those of [`Load::prepare`] and [`Prepared::commit`].
    pub fn commit(self) -> Result<LoadReport> {
        self.prepare()?.commit()
    }

    /// Notes the hashes of the files that the load is from, in their order, for the log.
    pub fn hashed(&mut self, sha256: Vec<String>) {
        if let Some(source) = &mut self.options.source {
            source.sha256 = sha256;
        }
    }

    /// Brings what came together with what was there, and writes it. Nobody sees it yet.
    ///
    /// # Errors
    ///
    /// [`Error::Rows`] for duplicates, unless refused rows are to be left out; [`Error::Invalid`]
    /// after a message that failed; [`Error::Io`].
    pub fn prepare(mut self) -> Result<Prepared> {
        if let Some(reason) = &self.failure {
            let reason = format!("it failed before ({reason}); begin another load");
            return Err(Error::invalid(format!("load of {}", self.file), reason));
        }
        self.let_releases_through()?;
        let mut draft = Draft::default();
        let mut report = LoadReport { rows: self.rows, ..LoadReport::default() };
        for index in 0..self.intakes.len() {
            let before = draft.record.counts;
            let written = self.write_flow(index, &mut draft, &mut report);
            written.inspect_err(|error| self.workplace.note_failure(error))?;
            let flow = self.intakes[index].flow.id.clone();
            report.flows.push((flow, draft.record.counts.since(before)));
        }
        self.stop_at_problems(0)?;
        report.refused = self.problem_count;
        report.problems = mem::take(&mut self.problems);
        let known: Vec<ArtefactId> =
            self.workplace.state().flows().map(|flow| flow.entry.id.clone()).collect();
        let new = self.structures.entries.iter().filter(|entry| !known.contains(&entry.id));
        report.named = new.map(|entry| (entry.id.clone(), entry.names.clone())).collect();
        mem::take(&mut self.structures).finish(&mut draft);
        // A flow got its order when its rows were to be written: without a segment it has none yet.
        let is_new = |entry: &FlowEntry| {
            let known = self.workplace.state().flow(&entry.id);
            known.is_none_or(|known| known.entry.names != entry.names)
        };
        let has_segment = |id: &ArtefactId| draft.segments.iter().any(|made| made.flow == *id);
        draft.flows.retain(|entry| is_new(entry) || has_segment(&entry.id));
        report.artefacts = draft.artefacts.len() as u64;
        report.counts = draft.record.counts;
        report.bytes = draft.segments.iter().map(|segment| segment.bytes).sum();
        draft.record.loaded = self.options.now;
        draft.record.effective = self.options.effective.unwrap_or(self.options.now);
        draft.record.release.clone_from(&self.options.release);
        draft.settings = mem::take(&mut self.options.settings);
        draft.record.author.clone_from(&self.options.author);
        draft.record.message.clone_from(&self.options.message);
        draft.record.source.clone_from(&self.options.source);
        if let Some(job) = &mut self.job {
            job.rows = self.rows;
        }
        let (base, job) = (Arc::clone(&self.snapshot), self.job.take());
        let flows = self.intakes.iter().map(|intake| intake.flow.id.clone()).collect();
        Ok(Prepared { workplace: self.workplace, base, draft, flows, report, job })
    }

    /// Writes down rows that turned out to be bad, if they are to be left out.
    fn write_refused(&mut self, rows: &[u32]) -> Result<()> {
        for row in rows {
            let Some(texts) = &mut self.texts else { return Ok(()) };
            let text = texts.read(*row)?;
            self.refuse_raw(&text)?;
        }
        Ok(())
    }

    /// Writes the segment of a dataflow, if its rows change anything.
    fn write_flow(
        &mut self,
        index: usize,
        draft: &mut Draft,
        report: &mut LoadReport,
    ) -> Result<()> {
        let order = self.order(index);
        let id = self.workplace.new_segment();
        let path = self.workplace.new_segment_path(id);
        let disk = self.workplace.disk();
        let mut intake = self.intakes.swap_remove(index);
        self.intakes.push(Intake::new(Arc::clone(&intake.flow)));
        let last = self.intakes.len() - 1;
        self.intakes.swap(index, last);
        let stored = self.workplace.state().flow(&intake.flow.id).is_some();
        let cube = if stored {
            self.snapshot.cube(&intake.flow.id)?
        } else {
            Arc::new(Cube::empty(Arc::clone(&intake.flow)))
        };
        let reached = Reached::new(&mut intake, &cube)?;
        let ranks = intake.ranks(&order);
        let rows = intake.buffer.len();
        let create = Box::new(move || disk.create(&path));
        let (places, runs) = (mem::take(&mut self.places), mem::take(&mut self.runs));
        let sources = Sources {
            intake: &intake,
            cube: &cube,
            reached: &reached,
            runs: &runs,
            places: &places,
        };
        let writer = FlowWriter::new(&sources, &order, &ranks, create)?;
        let outcome = writer.write(&ranks, |done| self.progress(Progress::Writing(done, rows)))?;
        (self.places, self.runs) = (places, runs);
        intake.buffer.rows = Rows::default();
        // Only the first problems are named, and each of those is counted as it is noted.
        self.problem_count += (outcome.refused.len() - outcome.problems.len()) as u64;
        for problem in outcome.problems {
            self.note_problem(problem);
        }
        self.write_refused(&outcome.refused)?;
        for (position, count) in &intake.conflicts.counts {
            let id = &intake.flow.components()[*position].id;
            let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
            report.warnings.push(format!(
                "{}: attribute {id} changed {times} for the same key; the last value was kept",
                intake.flow.id
            ));
        }
        if outcome.empty_series > 0 {
            report.warnings.push(format!(
                "{}: attributes of {} series without observations were not kept",
                intake.flow.id, outcome.empty_series
            ));
        }
        let counts = &mut draft.record.counts;
        counts.inserted += outcome.counts.inserted;
        counts.changed += outcome.counts.changed;
        counts.deleted += outcome.counts.deleted;
        counts.unchanged += outcome.counts.unchanged;
        draft.superseded.extend(outcome.superseded);
        if let Some(summary) = outcome.segment {
            draft.add_segment(id, &intake.flow.id, summary);
        }
        Ok(())
    }
}
