//! Forgetting: giving back the space of what only earlier commits needed.
//!
//! Forgetting before commit `n` keeps every state from `n` on. It goes in an order in which a crash
//! between any two steps leaves a database that opens as before: first a checkpoint of `n`, then
//! the mark `commits/forgotten` with that number, then the removal of manifests, checkpoints and
//! segment files that no kept state needs. What a crash left over goes with the next forgetting.
//!
//! A manifest stays while an inline segment in it is live in a kept state. So manifests may be
//! missing in between, and the mark tells a reader that it has to open anew, not to wait for the
//! next number.

use std::collections::BTreeSet;
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32c::crc32c;

use crate::catalog::commit::Writer;
use crate::catalog::manifest::{SegmentId, SegmentPlace};
use crate::catalog::open::{Catalog, manifest_path};
use crate::catalog::open::{checkpoint_path, commits_folder, is_valid_checkpoint, list_files};
use crate::catalog::state::State;
use crate::disk::{Disk, is_missing};
use crate::error::{Error, Result};
use crate::limits::COMMITS_MAX;

/// Bytes of the mark: a number of 20 digits, a space, and the checksum of the digits.
const MARK_BYTES: u64 = 29;

/// What forgetting removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Manifests and checkpoints.
    pub commits: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes of both.
    pub bytes: u64,
}

/// What only the states before a commit need.
struct Needless {
    /// Manifests and checkpoints.
    commits: Vec<PathBuf>,
    /// Segment files.
    segments: Vec<PathBuf>,
}

impl Catalog {
    /// What [`Writer::forget`] would remove.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such commit; [`Error::Io`].
    pub fn forgettable(&self, first: u64) -> Result<Forgotten> {
        let base = self.base(first)?;
        let needless = self.needless(&base, &*self.refresh()?)?;
        let files = needless.commits.iter().chain(&needless.segments);
        let bytes = files.map(|file| self.disk.len(file)).sum::<Result<u64>>()?;
        let (commits, segments) = (needless.commits.len() as u64, needless.segments.len() as u64);
        Ok(Forgotten { commits, segments, bytes })
    }

    /// The state after the commit from which on everything is to stay.
    fn base(&self, first: u64) -> Result<Arc<State>> {
        if first == 0 || first < first_kept(&*self.disk, &self.path)? {
            return Err(Error::not_found("commit", first.to_string()));
        }
        self.state_at(first)
    }

    fn needless(&self, base: &State, newest: &State) -> Result<Needless> {
        let (disk, path, first) = (&*self.disk, self.path(), base.number());
        let needed = manifests_needed(base, newest);
        let files = list_files(disk, path)?;
        let manifests = files.manifests.range(..first).filter(|number| !needed.contains(number));
        let manifests = manifests.map(|number| manifest_path(path, *number));
        let checkpoints = files.checkpoints.range(..first);
        let commits = manifests.chain(checkpoints.map(|number| checkpoint_path(path, *number)));
        let live: BTreeSet<SegmentId> = base.all_segments().map(|live| live.entry.id).collect();
        let folder = self.segments_folder();
        let mut segments = Vec::new();
        for name in disk.list(&folder)? {
            let id = SegmentId::of_file(&name).map(|(id, _)| id);
            if id.is_some_and(|id| id < base.next_segment() && !live.contains(&id)) {
                segments.push(folder.join(name));
            }
        }
        Ok(Needless { commits: commits.collect(), segments })
    }
}

impl Writer {
    /// Removes what is needed only for states before the commit `first`, which stays readable, as
    /// do all after it. Whoever still reads an earlier state gets an error for what it has not
    /// opened yet.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such commit; [`Error::Io`], then only some is removed,
    /// and forgetting again removes the rest.
    pub fn forget(&mut self, first: u64) -> Result<Forgotten> {
        let catalog = Arc::clone(self.catalog());
        let (disk, path) = (&*catalog.disk, catalog.path());
        let base = catalog.base(first)?;
        if !is_valid_checkpoint(disk, path, first) {
            // One that is damaged has the name.
            catalog.remove_if_there(&checkpoint_path(path, first))?;
            catalog.write_checkpoint(&base, 0)?;
        }
        if self.state().number() > first {
            // A second one, because the first can no longer be replaced by manifests.
            catalog.write_checkpoint(self.state(), 0)?;
        }
        catalog.replace(&mark_path(path), &mark(first))?;
        let needless = catalog.needless(&base, self.state())?;
        let mut removed = Forgotten::default();
        let mut remove = |file: &PathBuf| {
            removed.bytes += disk.len(file).unwrap_or(0);
            catalog.remove_if_there(file)
        };
        needless.commits.iter().try_for_each(&mut remove)?;
        needless.segments.iter().try_for_each(&mut remove)?;
        removed.commits = needless.commits.len() as u64;
        removed.segments = needless.segments.len() as u64;
        Ok(removed)
    }
}

/// The number of the first commit whose state can be read; 0 if nothing was forgotten.
pub(super) fn first_kept(disk: &dyn Disk, path: &Path) -> Result<u64> {
    let mark = mark_path(path);
    if !disk.exists(&mark)? {
        return Ok(0);
    }
    let found = match disk.read(&mark, MARK_BYTES) {
        Ok(bytes) => parse_mark(&bytes),
        Err(Error::Limit { .. }) => None,
        Err(error) => return Err(error),
    };
    if let Some(number) = found {
        return Ok(number);
    }
    // What it said can be seen: from the first checkpoint on that has all manifests behind it.
    let files = list_files(disk, path)?;
    let has_all = |from: u64| {
        let last = files.manifests.last().copied().unwrap_or(0);
        (from + 1..=last).all(|number| files.manifests.contains(&number))
    };
    let mut candidates = iter::once(0).chain(files.checkpoints.iter().copied());
    Ok(candidates.find(|number| has_all(*number)).unwrap_or(0))
}

/// Whether the mark of forgetting, if there is one, is as it was written.
pub(super) fn check_mark(disk: &dyn Disk, path: &Path) -> Result<()> {
    let mark = mark_path(path);
    match disk.read(&mark, MARK_BYTES) {
        Err(error) if is_missing(&error) => Ok(()),
        Ok(bytes) if parse_mark(&bytes).is_some() => Ok(()),
        Ok(_) | Err(Error::Limit { .. }) => {
            Err(Error::corrupt(mark, 0, "mark: it is not the number that was written"))
        }
        Err(error) => Err(error),
    }
}

/// The mark for a number, with its checksum.
pub(super) fn mark(number: u64) -> Vec<u8> {
    let digits = format!("{number:020}");
    let checksum = crc32c(digits.as_bytes());
    format!("{digits} {checksum:08x}").into_bytes()
}

fn parse_mark(bytes: &[u8]) -> Option<u64> {
    let (digits, _) = str::from_utf8(bytes).ok()?.split_once(' ')?;
    let number: u64 = digits.parse().ok()?;
    (number <= COMMITS_MAX && mark(number) == bytes).then_some(number)
}

pub(super) fn mark_path(path: &Path) -> PathBuf {
    commits_folder(path).join("forgotten")
}

/// The manifests with inline segments that are live in `base`.
fn manifests_needed(base: &State, newest: &State) -> BTreeSet<u64> {
    let places = base.all_segments().map(|live| match newest.home(live.entry.id) {
        Some(home) => (&home.place, home.commit),
        None => (&live.entry.place, live.commit),
    });
    let inline = places.filter(|(place, _)| matches!(place, SegmentPlace::Inline { .. }));
    inline.map(|(_, commit)| commit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::commit::tests::{FOLDER, begin, check_content, step};
    use crate::catalog::open::Health;
    use crate::disk::{Crash, MemoryDisk};

    fn database(disk: &MemoryDisk, commits: usize) -> (Arc<Catalog>, Vec<Arc<State>>) {
        let catalog = Catalog::create(Arc::new(disk.clone()), FOLDER).expect("created");
        let mut states = vec![catalog.state()];
        states.extend((0..commits).map(|_| step(&catalog).expect("committed")));
        (catalog, states)
    }

    /// All states from `first` on can be read, to the last byte.
    fn check(disk: &MemoryDisk, states: &[Arc<State>], first: u64) {
        let catalog = Catalog::open(Arc::new(disk.clone()), FOLDER).expect("opened");
        assert_eq!((catalog.health(), &catalog.state()), (Health::Good, &states[states.len() - 1]));
        for state in states.iter().filter(|state| state.number() >= first.max(1)) {
            let read = catalog.state_at(state.number()).expect("is kept");
            assert_eq!(&read, state);
            read.all_segments().for_each(|live| check_content(&catalog, live));
        }
    }

    #[test]
    fn what_is_kept_is_whole_and_the_rest_is_gone() {
        for first in [1, 13, 29, 30] {
            let disk = MemoryDisk::new();
            let (catalog, states) = database(&disk, 30);
            let late = Catalog::open(Arc::new(disk.clone()), FOLDER).expect("opened");
            let removed = begin(&catalog).expect("begun").forget(first).expect("forgotten");
            assert_eq!(removed.commits == 0, first == 1, "{removed:?}");
            assert_eq!(removed.segments > 0, first > 20, "{removed:?}");
            check(&disk, &states, first);
            assert_eq!(catalog.check(|_| {}).expect("checked").problems.len(), 0);
            if first > 1 {
                assert!(matches!(catalog.state_at(first - 1), Err(Error::NotFound { .. })));
                assert!(begin(&catalog).expect("begun").forget(first - 1).is_err());
            }
            let again = begin(&catalog).expect("begun").forget(first).expect("forgotten");
            assert_eq!(again, Forgotten::default(), "nothing is left to forget");
            let next = step(&catalog).expect("committed");
            assert_eq!(late.refresh().expect("read"), next);
        }
    }

    #[test]
    fn a_reader_left_behind_opens_anew() {
        let disk = MemoryDisk::new();
        let (catalog, _) = database(&disk, 5);
        let late = Catalog::open(Arc::new(disk.clone()), FOLDER).expect("opened");
        let mut last = catalog.state();
        for _ in 0..20 {
            last = step(&catalog).expect("committed");
        }
        begin(&catalog).expect("begun").forget(24).expect("forgotten");
        assert_eq!(late.refresh().expect("read"), last);
    }

    #[test]
    fn every_crash_while_forgetting_keeps_what_is_to_be_kept() {
        let disk = MemoryDisk::traced();
        let (catalog, states) = database(&disk, 14);
        let before = disk.trace().len();
        begin(&catalog).expect("begun").forget(11).expect("forgotten");
        for at in before..=disk.trace().len() {
            let modes = [Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
            for mode in modes.into_iter().chain((0..20).map(Crash::Random)) {
                let found = disk.crash(at, mode);
                check(&found, &states, 11);
                let catalog = Catalog::open(Arc::new(found.clone()), FOLDER).expect("opened");
                begin(&catalog).expect("begun").forget(11).expect("forgotten");
                check(&found, &states, 11);
            }
        }
    }
}
