//! Reads every manifest and checkpoint again, and compares them with each other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::catalog::forget::{check_mark, first_kept};
use crate::catalog::manifest::{Commit, SegmentId};
use crate::catalog::open::{Catalog, checkpoint_path, commits_folder, list_files, manifest_path};
use crate::catalog::open::{read_checkpoint, read_manifest};
use crate::catalog::state::{LiveSegment, State};
use crate::disk::Disk;
use crate::error::{Error, Result};

/// What a check of the catalogue found.
#[derive(Debug, Default)]
pub struct Checked {
    /// What is wrong, each with its file and place.
    pub problems: Vec<Error>,
    /// The segments of all states that can be read, each once, by number.
    pub segments: BTreeMap<SegmentId, LiveSegment>,
}

/// A check under way.
struct Check<'a> {
    disk: &'a dyn Disk,
    path: &'a Path,
    found: Checked,
    /// The state that the manifests make; absent behind one that cannot be read, until a checkpoint
    /// says it again.
    state: Option<State>,
}

impl Catalog {
    /// Reads every manifest and checkpoint, follows the states from one to the next, and compares
    /// each checkpoint with the state that the manifests make. `progress` is told the bytes of each
    /// file that is done.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the folder cannot be listed. Damage is no error: it is what is looked for.
    pub fn check(&self, mut progress: impl FnMut(u64)) -> Result<Checked> {
        let (disk, path) = (&*self.disk, self.path());
        let files = list_files(disk, path)?;
        let kept = first_kept(disk, path)?;
        let mut check = Check { disk, path, found: Checked::default(), state: None };
        check.found.problems.extend(check_mark(disk, path).err());
        if kept == 0 {
            check.state = Some(State::default());
        }
        let mut next = kept + 1;
        for number in files.manifests.union(&files.checkpoints).copied() {
            let is_there = files.manifests.contains(&number);
            if number > next || number == next && !is_there {
                check.state = None;
                let reason = "file: it is missing";
                check.found.problems.push(Error::corrupt(manifest_path(path, next), 0, reason));
            }
            next = next.max(number + 1);
            if is_there {
                check.manifest(number, kept);
                progress(disk.len(&manifest_path(path, number)).unwrap_or(0));
            }
            if files.checkpoints.contains(&number) {
                check.checkpoint(number, kept);
                progress(disk.len(&checkpoint_path(path, number)).unwrap_or(0));
            }
        }
        if let Some(state) = check.state
            && let shown = self.state()
            && shown.number() == state.number()
            && *shown != state
        {
            let reason = "the state that is shown is not what the files make";
            check.found.problems.push(Error::corrupt(commits_folder(path), 0, reason));
        }
        Ok(check.found)
    }
}

impl Check<'_> {
    fn manifest(&mut self, number: u64, kept: u64) {
        let commit = match read_manifest(self.disk, self.path, number) {
            Ok(commit) => commit,
            Err(problem) => {
                self.found.problems.push(problem);
                if number > kept {
                    self.state = None;
                }
                return;
            }
        };
        // Those before the first state that is kept are there for a segment that is in them.
        if number <= kept {
            return;
        }
        self.collect(&commit, number);
        let Some(state) = &mut self.state else { return };
        if let Err(error) = state.advance(&commit) {
            let path = manifest_path(self.path, number);
            self.found.problems.push(Error::corrupt(path, 0, error.to_string()));
            self.state = None;
        }
    }

    fn collect(&mut self, commit: &Commit, number: u64) {
        for entry in &commit.segments {
            let (id, entry) = (entry.id, Arc::new(entry.clone()));
            let live = LiveSegment { entry, commit: number, chunks: None, partials: None };
            self.found.segments.insert(id, live);
        }
    }

    fn checkpoint(&mut self, number: u64, kept: u64) {
        let read = match read_checkpoint(self.disk, self.path, number) {
            Ok(read) => read,
            Err(problem) => return self.found.problems.push(problem),
        };
        // What forgetting left of earlier states says nothing of those that are kept.
        if number < kept {
            return;
        }
        match &self.state {
            Some(state) if *state != read.state => {
                let path = checkpoint_path(self.path, number);
                let reason = "content: it is not the state that the manifests make";
                self.found.problems.push(Error::corrupt(path, 0, reason));
            }
            Some(_) => {}
            None => {
                for live in read.state.all_segments() {
                    let known = self.found.segments.entry(live.entry.id);
                    known.or_insert_with(|| LiveSegment::clone(live));
                }
                self.state = Some(read.state);
            }
        }
    }
}
