//! The line of a load in the logbook.

use crate::catalog::{Outcome, State, Working, Writer};
use crate::store::load::options::LoadOptions;

/// The line of this load in the logbook. The logbook is a convenience: where it cannot be written,
/// the load goes on.
pub(super) struct Job {
    working: Working,
    number: u64,
}

impl Job {
    pub(super) fn start(writer: &Writer, options: &LoadOptions) -> Option<Self> {
        let working = writer.working().ok()?;
        let file = options.source.as_ref().map_or("", |source| source.name.as_str());
        let number = working.job_started(file, options.now).ok()?;
        Some(Self { working, number })
    }

    /// Notes what a commit made of the catalogue, so that the next writer need not.
    pub(super) fn record_commit(&self, state: &State) {
        drop(self.working.record_commit(state));
    }

    pub(super) fn finish(&self, now: i64, rows: u64, outcome: &Outcome) {
        drop(self.working.job_finished(self.number, now, rows, outcome));
    }
}
