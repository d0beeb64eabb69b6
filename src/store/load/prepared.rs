//! A load whose segments are written and that is not committed: what it would do can be looked at.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::catalog::{Draft, Outcome, SegmentPlace};
use crate::disk::{Disk, MemoryDisk};
use crate::error::{Error, Result};
use crate::model::ArtefactId;
use crate::segment::Segment;
use crate::store::compact::after_load;
use crate::store::load::job::Job;
use crate::store::load::options::LoadReport;
use crate::store::load::workplace::Workplace;
use crate::store::pool::Pool;
use crate::store::snapshot::Snapshot;

/// A load that is ready to be committed. Dropping it undoes it.
pub struct Prepared {
    pub(super) workplace: Workplace,
    pub(super) base: Arc<Snapshot>,
    pub(super) draft: Draft,
    pub(super) flows: Vec<ArtefactId>,
    pub(super) report: LoadReport,
    pub(super) job: Option<Job>,
}

impl Prepared {
    /// What the load did, but for the number of its commit.
    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    /// The state before it.
    pub fn base(&self) -> &Arc<Snapshot> {
        &self.base
    }

    /// The dataflows that rows came for, whether these change anything or not.
    pub fn flows(&self) -> &[ArtefactId] {
        &self.flows
    }

    /// Whether it changes nothing, so that no commit follows.
    pub fn is_empty(&self) -> bool {
        let draft = &self.draft;
        draft.artefacts.is_empty()
            && draft.flows.is_empty()
            && draft.segments.is_empty()
            && draft.superseded.is_empty()
            && draft.settings.is_empty()
    }

    /// The state as it would be after a commit: readable as any, and a base of further drafts.
    ///
    /// # Errors
    ///
    /// Those of opening a segment.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>> {
        if self.is_empty() {
            return Ok(Arc::clone(&self.base));
        }
        let state = self.base.state();
        let (_, _, next) = self.draft.clone().follow(state)?;
        let pool = Pool::over(self.base.pool(), state.next_segment());
        let mut inline = self.draft.inline.iter();
        for entry in &self.draft.segments {
            let segment = match &entry.place {
                SegmentPlace::Inline { .. } => in_memory(inline.next())?,
                SegmentPlace::File { name, length, .. } => {
                    let file = self.workplace.disk().open(&self.workplace.segment_path(name))?;
                    Segment::open(file, 0, *length)?
                }
            };
            pool.insert(entry.id, segment);
        }
        Ok(Arc::new(self.base.successor(pool, Arc::new(next))))
    }

    /// Makes it visible and durable, as one commit; nothing if nothing changed.
    ///
    /// # Errors
    ///
    /// Those of [`crate::catalog::Writer::commit`]; [`Error::Bug`] for a draft.
    pub fn commit(mut self) -> Result<LoadReport> {
        if self.is_empty() {
            finish(self.job.take(), Outcome::Unchanged);
            return Ok(self.report);
        }
        let now = self.draft.record.loaded;
        let flows: BTreeSet<ArtefactId> =
            self.draft.segments.iter().map(|segment| segment.flow.clone()).collect();
        let writer = self.workplace.writer()?;
        let state = writer.commit(self.draft)?;
        self.report.commit = Some(state.number());
        if let Some(job) = &self.job {
            job.record_commit(&state);
        }
        finish(self.job.take(), Outcome::Committed { commit: state.number() });
        after_load(writer, self.base.pool(), flows, now);
        Ok(self.report)
    }

    /// Gives the load up, and removes what it has written. One that is only dropped leaves that to
    /// the next writer.
    pub fn discard(self) {
        let disk = self.workplace.disk();
        for entry in &self.draft.segments {
            if let SegmentPlace::File { name, .. } = &entry.place {
                // What stays is removed by the next writer.
                drop(disk.remove(&self.workplace.segment_path(name)));
            }
        }
    }
}

fn finish(job: Option<Job>, outcome: Outcome) {
    if let Some(job) = job {
        job.finish(outcome);
    }
}

/// Opens a segment that is to travel inside a manifest.
fn in_memory(bytes: Option<&Vec<u8>>) -> Result<Segment> {
    let bytes = bytes.ok_or_else(|| Error::bug("inline segments: one has no bytes"))?;
    let (disk, path) = (MemoryDisk::new(), Path::new("inline"));
    disk.create(path)?.write(bytes)?;
    Segment::open(disk.open(path)?, 0, bytes.len() as u64)
}
