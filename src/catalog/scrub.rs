//! Redaction: a commit that writes segments anew, and the removal of what they stand for.
//!
//! The values to take out may be in any segment that was ever committed, in the copies of inline
//! segments that checkpoints have, and in files that a crash left. It goes in an order in which a
//! crash between any two steps leaves a database that opens, and that the next writer brings to the
//! end before it does anything else:
//!
//! 1. the new segments, and a commit that says where they are ([`Relocated`]). From here no reader
//!    that looks for the last commit finds an old segment, in whatever state;
//! 2. a checkpoint of that commit, because the old segments can no longer stand in for the new ones
//!    if its manifest is damaged;
//! 3. the old files are removed, and old inline segments, in manifests and in checkpoints, become
//!    zeros. The checksum by which a manifest is named in the next does not cover them;
//! 4. the mark `commits/scrubbed` with the number of the redaction.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::catalog::commit::Writer;
use crate::catalog::container;
use crate::catalog::forget::first_kept;
use crate::catalog::manifest::{CommitKind, Draft, Relocated, SegmentId, SegmentPlace};
use crate::catalog::open::{Catalog, checkpoint_path, commits_folder, is_valid_checkpoint};
use crate::catalog::open::{list_files, manifest_path, read_checkpoint, read_manifest};
use crate::catalog::state::{LiveSegment, State};
use crate::disk::is_missing;
use crate::error::{Error, Result};
use crate::limits::MANIFEST_BYTES_MAX;
use crate::model::ArtefactId;

/// Bytes of the mark: a number of 20 digits.
const MARK_BYTES: u64 = 20;

impl Writer {
    /// The path for the file into which the next commit relocates a segment. If no commit of this
    /// writer names it, the file is removed in the end.
    pub fn relocated_path(&mut self, segment: SegmentId) -> PathBuf {
        let name = self.relocated_name(segment);
        self.claim_later(name)
    }

    /// The name of that file.
    pub fn relocated_name(&self, segment: SegmentId) -> String {
        segment.redacted_name(self.state().number() + 1)
    }

    /// Commits a redaction, and removes what its relocated segments stand for. Once this returns,
    /// no file of the database has the old segments; whoever has one open can still read it.
    ///
    /// # Errors
    ///
    /// As [`Writer::commit`]. If the commit was made but the removal failed, the message says so:
    /// the next writer removes the rest before it does anything else.
    pub fn redact(&mut self, mut draft: Draft) -> Result<Arc<State>> {
        draft.record.kind = CommitKind::Redaction;
        let state = self.commit(draft)?;
        let catalog = Arc::clone(self.catalog());
        match catalog.finish_redactions(&state) {
            Ok(()) => Ok(state),
            Err(error) => {
                let number = state.number();
                let reason = format!(
                    "{error}; commit {number} hides the value, and the next writer removes the rest"
                );
                Err(Error::io("scrub", catalog.path(), io::Error::other(reason)))
            }
        }
    }
}

impl Catalog {
    /// Every segment of a dataflow that was ever committed and is still there, with what is live of
    /// it left open. Cost: reads every manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if a manifest is damaged: then nobody knows what it had; [`Error::Io`].
    pub fn every_segment(&self, flow: &ArtefactId) -> Result<Vec<LiveSegment>> {
        let kept = first_kept(&*self.disk, &self.path)?;
        let mut found = BTreeMap::new();
        if kept > 0 {
            let base = self.state_at(kept)?;
            found.extend(base.segments(flow).map(|s| (s.entry.id, LiveSegment::clone(s))));
        }
        for number in list_files(&*self.disk, &self.path)?.manifests {
            let commit = read_manifest(&*self.disk, &self.path, number)?;
            for entry in commit.segments.into_iter().filter(|entry| entry.flow == *flow) {
                // A manifest that forgetting left for one of its segments has the others too.
                if number > kept || inline_offset(&entry.place).is_some() {
                    let (id, entry) = (entry.id, Arc::new(entry));
                    let (commit, chunks, partials) = (number, None, None);
                    found.insert(id, LiveSegment { entry, commit, chunks, partials });
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// Removes what relocated segments stand for, unless that is done. The caller holds the lock.
    pub(super) fn finish_redactions(&self, state: &State) -> Result<()> {
        let last = state.last_redaction();
        if last <= self.scrubbed.load(Ordering::Acquire) {
            return Ok(());
        }
        if last > self.scrub_mark()? {
            if !is_valid_checkpoint(&*self.disk, &self.path, state.number()) {
                self.remove_if_there(&checkpoint_path(&self.path, state.number()))?;
                self.write_checkpoint(state, 0)?;
            }
            self.scrub(state)?;
            self.replace(&scrub_mark_path(&self.path), format!("{last:020}").as_bytes())?;
        }
        self.scrubbed.store(last, Ordering::Release);
        Ok(())
    }

    fn scrub(&self, state: &State) -> Result<()> {
        // What died before it was committed may have the values too.
        self.clean(state)?;
        if let Some(_lock) = self.disk.lock(&self.compaction_lock())? {
            self.remove_if_there(&self.compaction_part())?;
        }
        let folder = self.segments_folder();
        for name in self.disk.list(&folder)? {
            let Some((id, redaction)) = SegmentId::of_file(&name) else { continue };
            if state.home(id).is_some_and(|home| redaction.unwrap_or(0) < home.commit) {
                self.remove_if_there(&folder.join(name))?;
            }
        }
        self.poisoning(self.disk.sync_folder(&folder))?;
        let files = list_files(&*self.disk, &self.path)?;
        for number in files.manifests {
            let old = self.old_parts_of_manifest(state, number)?;
            self.blank(&manifest_path(&self.path, number), &old)?;
        }
        for number in files.checkpoints {
            let path = checkpoint_path(&self.path, number);
            let found = match read_checkpoint(&*self.disk, &self.path, number) {
                // A damaged one may have what is to be removed, and is of no use.
                Err(Error::Corrupt { .. }) => {
                    self.remove_if_there(&path)?;
                    continue;
                }
                found => found?,
            };
            let old = found.copies.iter().filter(|(id, _)| is_old(state, **id, number));
            self.blank(&path, &old.map(|(_, (offset, _))| *offset).collect::<Vec<_>>())?;
        }
        self.poisoning(self.disk.sync_folder(&commits_folder(&self.path)))
    }

    /// Where in a manifest segments are that were relocated since.
    fn old_parts_of_manifest(&self, state: &State, number: u64) -> Result<Vec<u64>> {
        let commit = match read_manifest(&*self.disk, &self.path, number) {
            // It was searched before the commit: it was damaged since, and is for a repair.
            Err(Error::Corrupt { .. }) => return Ok(Vec::new()),
            commit => commit?,
        };
        let added = commit.segments.iter().map(|segment| (segment.id, &segment.place));
        let again = |segment: &Relocated| segment.segment;
        let relocated = commit.relocated.iter().map(|segment| (again(segment), &segment.place));
        let old = added.chain(relocated).filter(|(id, _)| is_old(state, *id, number));
        Ok(old.filter_map(|(_, place)| inline_offset(place)).collect())
    }

    /// Makes inline segments zeros.
    fn blank(&self, path: &Path, offsets: &[u64]) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let bytes = self.disk.read(path, MANIFEST_BYTES_MAX)?;
        match container::blank(&bytes, offsets) {
            Some(blanked) => self.replace(path, &blanked),
            None => Ok(()),
        }
    }

    /// The last redaction of which nothing is left; 0 where none is known.
    fn scrub_mark(&self) -> Result<u64> {
        match self.disk.read(&scrub_mark_path(&self.path), MARK_BYTES) {
            // One that cannot be read only costs time.
            Ok(bytes) => Ok(str::from_utf8(&bytes).ok().and_then(|t| t.parse().ok()).unwrap_or(0)),
            Err(Error::Limit { .. }) => Ok(0),
            Err(error) if is_missing(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Whether a segment in the manifest or checkpoint with this number is one that was relocated
/// since.
fn is_old(state: &State, id: SegmentId, number: u64) -> bool {
    state.home(id).is_some_and(|home| number < home.commit)
}

fn inline_offset(place: &SegmentPlace) -> Option<u64> {
    match place {
        SegmentPlace::Inline { offset, .. } => Some(*offset),
        SegmentPlace::File { .. } => None,
    }
}

fn scrub_mark_path(path: &Path) -> PathBuf {
    commits_folder(path).join("scrubbed")
}
