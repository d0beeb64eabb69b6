//! The line of a load in the logbook.

use crate::catalog::{Outcome, State, Working, Writer};
use crate::store::load::options::LoadOptions;

/// The line of this load in the logbook. The logbook is a convenience: where it cannot be written,
/// the load goes on. A line that is dropped says that the load failed or was given up.
pub(super) struct Job {
    working: Working,
    number: u64,
    now: i64,
    /// Rows that were read.
    pub(super) rows: u64,
    /// Why it failed.
    pub(super) failure: Option<String>,
    outcome: Option<Outcome>,
}

impl Job {
    pub(super) fn start(writer: &Writer, options: &LoadOptions) -> Option<Self> {
        let working = writer.working().ok()?;
        let file = options.source.as_ref().map_or("", |source| source.name.as_str());
        let number = working.job_started(file, options.now).ok()?;
        let now = options.now;
        Some(Self { working, number, now, rows: 0, failure: None, outcome: None })
    }

    /// Notes what a commit made of the catalogue, so that the next writer need not.
    pub(super) fn record_commit(&self, state: &State) {
        drop(self.working.record_commit(state));
    }

    pub(super) fn finish(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let reason = self.failure.take().unwrap_or_else(|| "given up".to_owned());
        let outcome = self.outcome.take().unwrap_or(Outcome::Failed { reason });
        drop(self.working.job_finished(self.number, self.now, self.rows, &outcome));
    }
}
