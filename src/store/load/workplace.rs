//! Where a load is made: under the writer's lock, or as a draft in memory that nobody else sees.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::{SegmentId, State, Writer};
use crate::disk::{Disk, MemoryDisk};
use crate::error::{Error, Result};

/// Where a load is made.
pub(super) enum Workplace {
    /// In the database, with the right to commit.
    Locked(Writer),
    /// In memory.
    Draft(Memory),
}

/// The place of a draft.
pub(super) struct Memory {
    state: Arc<State>,
    disk: Arc<MemoryDisk>,
    next_segment: u64,
}

impl Workplace {
    /// A place in memory for a draft on top of a state.
    pub(super) fn draft(state: Arc<State>) -> Self {
        let next_segment = state.next_segment().0;
        Self::Draft(Memory { state, disk: Arc::new(MemoryDisk::new()), next_segment })
    }

    /// The state that the load changes.
    pub(super) fn state(&self) -> &Arc<State> {
        match self {
            Self::Locked(writer) => writer.state(),
            Self::Draft(memory) => &memory.state,
        }
    }

    /// The disk that segments and temporary files are written to.
    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        match self {
            Self::Locked(writer) => Arc::clone(writer.catalog().disk()),
            Self::Draft(memory) => Arc::clone(&memory.disk) as Arc<dyn Disk>,
        }
    }

    /// Whether nothing of it can be committed.
    pub(super) fn is_draft(&self) -> bool {
        matches!(self, Self::Draft(_))
    }

    /// A number for a new segment, ascending.
    pub(super) fn new_segment(&mut self) -> SegmentId {
        match self {
            Self::Locked(writer) => writer.new_segment(),
            Self::Draft(memory) => {
                memory.next_segment += 1;
                SegmentId(memory.next_segment - 1)
            }
        }
    }

    /// The path for the file of a new segment, or for one that is temporary.
    pub(super) fn new_segment_path(&mut self, id: SegmentId) -> PathBuf {
        match self {
            Self::Locked(writer) => writer.new_segment_path(id),
            Self::Draft(_) => PathBuf::from(id.file_name()),
        }
    }

    /// The path of a segment's file that was written here.
    pub(super) fn segment_path(&self, name: &str) -> PathBuf {
        match self {
            Self::Locked(writer) => writer.catalog().segments_folder().join(name),
            Self::Draft(_) => Path::new(name).to_owned(),
        }
    }

    /// Takes note of an error of writing: after a failed sync nothing is committed.
    pub(super) fn note_failure(&self, error: &Error) {
        match self {
            Self::Locked(writer) => writer.catalog().note_failure(error),
            Self::Draft(_) => {}
        }
    }

    /// The writer.
    ///
    /// # Errors
    ///
    /// [`Error::Bug`] for a draft, which has none.
    pub(super) fn writer(&mut self) -> Result<&mut Writer> {
        match self {
            Self::Locked(writer) => Ok(writer),
            Self::Draft(_) => Err(Error::bug("a draft cannot be committed")),
        }
    }
}
