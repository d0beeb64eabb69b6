//! What is done to the folders around commits: cleaning up, replacing, checkpoints.

use std::path::{Path, PathBuf};

use crate::catalog::checkpoint;
use crate::catalog::manifest::{SegmentId, SegmentPlace};
use crate::catalog::open::{Catalog, checkpoint_path, commits_folder, manifest_path, sort_files};
use crate::catalog::state::State;
use crate::disk::is_missing;
use crate::error::{Error, Result};

impl Catalog {
    /// Removes what no commit names: temporary files, and segments with numbers that come only.
    /// The caller holds the lock, so nobody is writing them.
    pub(super) fn clean(&self, state: &State) -> Result<()> {
        // Segments of commits that we do not see must not be taken for leftovers.
        let commits = commits_folder(&self.path);
        let names = self.disk.list(&commits)?;
        let last = sort_files(&names).manifests.last().copied().unwrap_or(0);
        if last > state.number() {
            let path = manifest_path(&self.path, last);
            let reason = format!("it does not follow commit {}", state.number());
            return Err(Error::corrupt(path, 0, reason));
        }
        for name in names {
            if is_temporary(&name) {
                self.remove_if_there(&commits.join(name))?;
            }
        }
        let segments = self.segments_folder();
        for name in self.disk.list(&segments)? {
            // A redaction that was not committed writes a segment anew that there is.
            let is_new = SegmentId::of_file(&name).is_some_and(|(id, redaction)| {
                id >= state.next_segment() || redaction > Some(state.number())
            });
            if is_new || is_temporary(&name) {
                self.remove_if_there(&segments.join(name))?;
            }
        }
        Ok(())
    }

    /// The lock of the one compaction that writes without the lock of writers.
    pub fn compaction_lock(&self) -> PathBuf {
        self.path.join("compact.lock")
    }

    /// The file that it writes, which no writer takes for a leftover.
    pub fn compaction_part(&self) -> PathBuf {
        self.segments_folder().join("compaction.part")
    }

    pub(super) fn remove_if_there(&self, path: &Path) -> Result<()> {
        match self.disk.remove(path) {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Writes `bytes` to the file `path`, durably, in the place of what is there.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let temporary = path.with_extension("tmp");
        self.remove_if_there(&temporary)?;
        let mut writer = self.disk.create(&temporary)?;
        writer.write(bytes)?;
        self.poisoning(writer.sync())?;
        self.disk.rename(&temporary, path)?;
        self.poisoning(self.disk.sync_folder(&commits_folder(&self.path)))
    }

    /// Writes a checkpoint of `state`, with copies of the inline segments that came behind the
    /// commit `since`. If there is one of that number, it stays.
    pub(super) fn write_checkpoint(&self, state: &State, since: u64) -> Result<()> {
        let mut copies = Vec::new();
        let newest = self.state();
        for segment in state.all_segments() {
            let id = segment.entry.id;
            let home = state.home(id);
            let (place, commit) = match home {
                Some(home) => (&home.place, home.commit),
                None => (&segment.entry.place, segment.commit),
            };
            // What a later redaction wrote anew is blank where this state had it.
            let is_there = newest.home(id).is_none_or(|newest| Some(newest) == home);
            let is_inline = matches!(place, SegmentPlace::Inline { .. });
            // What is damaged here and in every copy cannot be copied: a checkpoint that says what
            // is live is worth having all the same.
            if is_inline
                && is_there
                && commit > since
                && let Some(bytes) = self.inline_bytes(segment)?
            {
                copies.push((id, bytes));
            }
        }
        let bytes = checkpoint::encode(state, &copies)?;
        self.publish(&checkpoint_path(&self.path, state.number()), &bytes)?;
        self.saw_checkpoint(state.number());
        Ok(())
    }
}

pub(super) fn is_temporary(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "tmp")
}
