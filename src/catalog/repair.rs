//! Mends what can be mended from what is there twice.
//!
//! | DAMAGED | MENDED FROM |
//! |---|---|
//! | a checkpoint | the manifests, or the checkpoint before and those behind it |
//! | a manifest before a checkpoint | nothing need be: the newest state moves to a checkpoint with all inline segments |
//! | the mark of forgetting | the numbers of the files |
//! | a manifest that no checkpoint covers | nothing: it and all behind it are set aside, if that is asked for |
//!
//! Nothing is deleted but damaged checkpoints that were written anew. What is set aside is moved to
//! `DB/broken`.

use std::path::Path;
use std::time::Duration;

use crate::catalog::forget::{check_mark, first_kept, mark, mark_path};
use crate::catalog::manifest::SegmentId;
use crate::catalog::open::{Catalog, Health, checkpoint_path, commits_folder, list_files};
use crate::catalog::open::{manifest_path, read_checkpoint, read_manifest, replay};
use crate::disk::Linked;
use crate::error::{Error, Result};
use crate::limits::BROKEN_FILES_MAX;

/// What a repair may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Only what loses nothing.
    Mend,
    /// Also set aside commits that cannot be read, and all behind them, so that the database can be
    /// written again.
    GiveUp,
}

/// A thing that a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mended {
    /// The checkpoint of this commit was written anew.
    Checkpoint(u64),
    /// The mark of forgetting was written anew, with this number.
    Mark(u64),
    /// The newest state, with this number, no longer needs manifests that are damaged.
    Secured(u64),
    /// The commits from this one on were set aside.
    SetAside(u64),
}

impl Catalog {
    /// Mends what it can; gives what it did. The database should be opened anew behind it.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if a writer keeps the lock; [`Error::Io`].
    pub fn repair(&self, repair: Repair, wait: Duration) -> Result<Vec<Mended>> {
        let _lock = self.wait_for_lock(wait)?;
        let (disk, path) = (&*self.disk, self.path());
        let mut mended = Vec::new();
        if let Err(Error::Corrupt { .. }) = check_mark(disk, path) {
            let first = first_kept(disk, path)?;
            self.replace(&mark_path(path), &mark(first))?;
            mended.push(Mended::Mark(first));
        }
        let files = list_files(disk, path)?;
        for number in &files.checkpoints {
            let Err(Error::Corrupt { .. }) = read_checkpoint(disk, path, *number) else { continue };
            // Without it, because it cannot be read.
            let read = replay(disk, path, *number)?;
            if read.state.number() == *number {
                self.remove_if_there(&checkpoint_path(path, *number))?;
                self.write_checkpoint(&read.state, 0)?;
                mended.push(Mended::Checkpoint(*number));
            }
        }
        let state = self.refresh()?;
        let is_damaged = |number: &u64| read_manifest(disk, path, *number).is_err();
        let has_damaged = files.manifests.range(..=state.number()).any(is_damaged);
        if has_damaged && read_checkpoint(disk, path, state.number()).is_err() {
            self.write_checkpoint(&state, 0)?;
            mended.push(Mended::Secured(state.number()));
        }
        if repair == Repair::GiveUp && self.health() != Health::Good {
            self.set_aside(state.number() + 1, state.next_segment())?;
            mended.push(Mended::SetAside(state.number() + 1));
        }
        Ok(mended)
    }

    /// Moves the commits from `first` on, and the segments that only they have, to a folder beside.
    fn set_aside(&self, first: u64, first_segment: SegmentId) -> Result<()> {
        let (disk, path) = (&*self.disk, self.path());
        let broken = path.join("broken");
        disk.create_folder(&broken)?;
        disk.sync_folder(path)?;
        let files = list_files(disk, path)?;
        for number in files.checkpoints.range(first..) {
            self.move_aside(&checkpoint_path(path, *number), &broken)?;
        }
        let folder = self.segments_folder();
        for name in disk.list(&folder)? {
            let is_later = |(id, redaction): (SegmentId, Option<u64>)| {
                id >= first_segment || redaction >= Some(first)
            };
            if SegmentId::of_file(&name).is_some_and(is_later) {
                self.move_aside(&folder.join(name), &broken)?;
            }
        }
        // Down to the first: what is left at any moment is a history with an end, and a repair that
        // is begun again goes on.
        for number in files.manifests.range(first..).rev() {
            self.move_aside(&manifest_path(path, *number), &broken)?;
        }
        disk.sync_folder(&broken)?;
        disk.sync_folder(&folder)?;
        disk.sync_folder(&commits_folder(path))
    }

    /// Gives a file a name in the folder `broken`, then takes the old one away.
    fn move_aside(&self, file: &Path, broken: &Path) -> Result<()> {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for number in 0..BROKEN_FILES_MAX {
            let target = broken.join(format!("{name}.{number}"));
            if self.disk.link(file, &target)? == Linked::Done {
                self.disk.sync_folder(broken)?;
                return self.disk.remove(file);
            }
        }
        let limit = u64::from(BROKEN_FILES_MAX);
        Err(Error::Limit { what: "number of broken files of one name", actual: limit, limit })
    }
}
