//! The one way to change a database: a writer, which holds the lock, and its commits.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread;
use std::time::Duration;

use crate::catalog::manifest::{Draft, SegmentId};
use crate::catalog::open::{Catalog, Health, manifest_path};
use crate::catalog::state::State;
use crate::catalog::working::Working;
use crate::disk::{Linked, Lock};
use crate::error::{Error, Result};
use crate::limits::CHECKPOINT_COMMITS;

/// How often a writer looks whether the lock is free.
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The right to commit, held from reading what is to be changed until the change is made.
#[derive(Debug)]
pub struct Writer {
    catalog: Arc<Catalog>,
    state: Arc<State>,
    /// The number of the next segment.
    next_segment: u64,
    /// Names of segment files that no manifest names yet.
    unclaimed: BTreeSet<String>,
    lock: Arc<dyn Lock>,
}

impl Catalog {
    /// Begins to write: waits for the lock, at most for `wait`, and reads what was committed
    /// meanwhile. The first writer of a handle removes what writers that died have left.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] that names the lock, if another writer keeps it; [`Error::Corrupt`] if
    /// the database is read-only; [`Error::Io`], also after a failed sync of an earlier commit.
    pub fn begin(self: &Arc<Self>, wait: Duration) -> Result<Writer> {
        self.refuse_if_poisoned()?;
        let lock = self.wait_for_lock(wait)?;
        let state = self.refresh()?;
        if let Health::ReadOnly { reason } = self.health() {
            let path = manifest_path(&self.path, state.number() + 1);
            let reason = format!("the database is read-only until it is restored: {reason}");
            return Err(Error::corrupt(path, 0, reason));
        }
        if !self.is_clean.load(Ordering::Acquire) {
            self.clean(&state)?;
            self.is_clean.store(true, Ordering::Release);
        }
        self.finish_redactions(&state)?;
        let next_segment = state.next_segment().0;
        let unclaimed = BTreeSet::new();
        let lock = Arc::from(lock);
        Ok(Writer { catalog: Arc::clone(self), state, next_segment, unclaimed, lock })
    }

    pub(super) fn wait_for_lock(&self, wait: Duration) -> Result<Box<dyn Lock>> {
        let path = self.path.join("lock");
        let mut waited = Duration::ZERO;
        loop {
            if let Some(lock) = self.disk.lock(&path)? {
                return Ok(lock);
            }
            if waited >= wait {
                let seconds = wait.as_secs();
                let reason = format!("another load holds it; waited {seconds} s, try again later");
                return Err(Error::Conflict { kind: "lock", id: lock_name(&path), reason });
            }
            thread::sleep(LOCK_PAUSE);
            waited += LOCK_PAUSE;
        }
    }

    fn refuse_if_poisoned(&self) -> Result<()> {
        let poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reason) = poison.as_ref() else { return Ok(()) };
        let reason = format!("a sync failed before ({reason}); check the drive, then open anew");
        Err(Error::io("commit to", &self.path, io::Error::other(reason)))
    }

    /// Keeps the error of a failed sync: what the system did with the data is unknown from then
    /// on, and a second sync that succeeds would prove nothing.
    pub(super) fn poisoning<T>(&self, synced: Result<T>) -> Result<T> {
        if let Err(error) = &synced {
            let mut poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
            poison.get_or_insert_with(|| error.to_string());
        }
        synced
    }

    /// Takes note of an error of what was to be committed: a failed sync of a segment stops the
    /// writer as one of a manifest does.
    pub(crate) fn note_failure(&self, error: &Error) {
        if matches!(error, Error::Io { action: "sync", .. }) {
            let mut poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
            poison.get_or_insert_with(|| error.to_string());
        }
    }

    /// Makes `bytes` the file `path`, durably and only if there is none.
    ///
    /// This is the commit: nothing is visible before the link, nothing promised before the last
    /// sync. After an error the file may be there or not, but it is never there in part.
    pub(super) fn publish(&self, path: &Path, bytes: &[u8]) -> Result<Linked> {
        let temporary = path.with_extension("tmp");
        self.remove_if_there(&temporary)?;
        let mut writer = self.disk.create(&temporary)?;
        writer.write(bytes)?;
        self.poisoning(writer.sync())?;
        let linked = self.disk.link(&temporary, path)?;
        if linked == Linked::Done {
            let folder = path.parent().unwrap_or(&self.path);
            self.poisoning(self.disk.sync_folder(folder))?;
        }
        // A name that stays is removed by a later writer.
        drop(self.disk.remove(&temporary));
        Ok(linked)
    }
}

impl Writer {
    /// The state that the next commit changes.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// The catalogue.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// A writer with the same right, for commits in between. This one must follow them before it
    /// goes on, with [`Writer::catch_up`]; numbers of segments that it has given are then behind, so
    /// no commit may name them any more.
    ///
    /// # Errors
    ///
    /// Those of [`Catalog::refresh`].
    pub fn between(&self) -> Result<Self> {
        Ok(Self {
            catalog: Arc::clone(&self.catalog),
            state: self.catalog.refresh()?,
            next_segment: self.next_segment,
            unclaimed: BTreeSet::new(),
            lock: Arc::clone(&self.lock),
        })
    }

    /// Goes on from what was committed in between.
    ///
    /// # Errors
    ///
    /// Those of [`Catalog::refresh`].
    pub fn catch_up(&mut self) -> Result<()> {
        self.state = self.catalog.refresh()?;
        self.next_segment = self.next_segment.max(self.state.next_segment().0);
        Ok(())
    }

    /// A number for a new segment, ascending.
    pub fn new_segment(&mut self) -> SegmentId {
        let id = SegmentId(self.next_segment);
        self.next_segment += 1;
        id
    }

    /// The path for the file of a new segment. If no commit of this writer names the segment, the
    /// file is removed in the end.
    pub fn new_segment_path(&mut self, id: SegmentId) -> PathBuf {
        self.claim_later(id.file_name())
    }

    /// The path for the file of a segment that the next commit relocates, likewise.
    pub(super) fn claim_later(&mut self, name: String) -> PathBuf {
        let path = self.catalog.segments_folder().join(&name);
        self.unclaimed.insert(name);
        path
    }

    /// Opens the working catalogue, which is brought to the state of this writer.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the disk fails; [`Error::Unsupported`] on a disk that is not the
    /// operating system's.
    pub fn working(&self) -> Result<Working> {
        Working::open(&self.catalog, &self.state)
    }

    /// Commits: all of `draft` or nothing, and for ever once this returns.
    ///
    /// Files of segments must have been written and synced; their names are synced here. The
    /// commit gets the next number, and is effective at the proposed time, or as soon after as is
    /// later than every commit before.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if a rival committed meanwhile: begin again. [`Error::Invalid`] if the
    /// draft does not fit the state; [`Error::Io`]; [`Error::Limit`]. After a failed sync it is
    /// not known whether the commit was made (see [`crate::disk`]), and this handle refuses to
    /// commit from then on.
    pub fn commit(&mut self, draft: Draft) -> Result<Arc<State>> {
        let catalog = Arc::clone(&self.catalog);
        catalog.refuse_if_poisoned()?;
        let number = self.state.number() + 1;
        let (commit, bytes, next) = draft.follow(&self.state)?;
        let next = Arc::new(next);

        let files: Vec<&String> = commit.files().collect();
        if !files.is_empty() {
            catalog.poisoning(catalog.disk.sync_folder(&catalog.segments_folder()))?;
        }
        // From here the files may be named by a manifest, whatever error comes back: they are for
        // the cleaning of a later writer, who knows.
        for name in files {
            self.unclaimed.remove(name);
        }
        catalog.is_clean.store(false, Ordering::Release);
        let linked = catalog.publish(&manifest_path(&catalog.path, number), &bytes)?;
        if linked == Linked::Exists {
            let reason = "another writer committed first; begin again".into();
            return Err(Error::Conflict { kind: "commit", id: number.to_string(), reason });
        }
        catalog.is_clean.store(true, Ordering::Release);
        catalog.install(&next);
        self.next_segment = self.next_segment.max(next.next_segment().0);
        self.state = Arc::clone(&next);
        let overdue = number.saturating_sub(catalog.last_checkpoint()) >= 2 * CHECKPOINT_COMMITS;
        if number.is_multiple_of(CHECKPOINT_COMMITS) || overdue {
            // The commit is made: that a checkpoint could not be written must not undo the answer.
            drop(catalog.write_checkpoint(&next, catalog.last_checkpoint()));
        }
        Ok(next)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let folder = self.catalog.segments_folder();
        for name in &self.unclaimed {
            if self.catalog.remove_if_there(&folder.join(name)).is_err() {
                // What stays is removed by the next writer, which may get the same number.
                self.catalog.is_clean.store(false, Ordering::Release);
            }
        }
    }
}

fn lock_name(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::catalog::clean::is_temporary;
    use crate::catalog::manifest::tests::{artefact, file, flow, inline, segment};
    use crate::catalog::manifest::{CommitRecord, Superseded};
    use crate::catalog::state::LiveSegment;
    use crate::disk::{Crash, Disk, MemoryDisk, Operation, OsDisk};
    use crate::index::Selection;

    pub(crate) const FOLDER: &str = "db";

    fn content(id: SegmentId) -> Vec<u8> {
        (0..64).map(|at| id.0.wrapping_mul(7).to_le_bytes()[0].wrapping_add(at)).collect()
    }

    pub(crate) fn begin(catalog: &Arc<Catalog>) -> Result<Writer> {
        catalog.begin(Duration::ZERO)
    }

    /// One commit of a workload that depends on nothing but the state before: a segment in a file
    /// or inline, a chunk of the oldest segment superseded, now and then a structure.
    pub(crate) fn step(catalog: &Arc<Catalog>) -> Result<Arc<State>> {
        let mut writer = begin(catalog)?;
        let number = writer.state().number() + 1;
        let id = writer.new_segment();
        let mut draft = Draft {
            record: CommitRecord {
                effective: 3,
                message: number.to_string(),
                ..Draft::default().record
            },
            flows: if number == 1 { vec![flow("F")] } else { Vec::new() },
            ..Draft::default()
        };
        if number % 3 == 0 {
            let mut out = catalog.disk.create(&writer.new_segment_path(id))?;
            out.write(&content(id))?;
            out.sync()?;
            draft.segments.push(segment(id.0, "F", file(id.0)));
            draft.artefacts.push(artefact("F", &number.to_string()));
        } else {
            draft.segments.push(segment(id.0, "F", inline()));
            draft.inline.push(content(id));
        }
        if let Some(oldest) = writer.state().all_segments().next().filter(|_| number > 2) {
            let live = oldest.chunks.clone().unwrap_or_else(|| Selection::all(4));
            let first = live.min();
            draft.superseded.push(Superseded {
                segment: oldest.entry.id,
                chunks: Selection::from_sorted(first),
                partials: if first.is_none() { Selection::all(2) } else { Selection::empty() },
            });
        }
        writer.commit(draft)
    }

    /// The states after each commit of the workload, and how much of the trace each took.
    fn run(disk: &MemoryDisk, commits: usize) -> (usize, Vec<(Arc<State>, usize)>) {
        let on: Arc<dyn Disk> = Arc::new(disk.clone());
        let catalog = Catalog::create(on, FOLDER).expect("created");
        let created = disk.trace().len();
        let mut states = vec![(catalog.state(), created)];
        for _ in 0..commits {
            let state = step(&catalog).expect("committed");
            states.push((state, disk.trace().len()));
        }
        (created, states)
    }

    fn open(disk: &MemoryDisk) -> Result<Arc<Catalog>> {
        Catalog::open(Arc::new(disk.clone()), FOLDER)
    }

    pub(crate) fn check_content(catalog: &Catalog, live: &LiveSegment) {
        let place = catalog.locate(live);
        let file = catalog.disk().open(&place.path).expect("is there");
        let mut bytes = vec![0; usize::try_from(place.length).expect("small")];
        file.read_at(place.offset, &mut bytes).expect("read");
        assert_eq!(bytes, content(live.entry.id), "{}", live.entry.id);
    }

    /// What must hold of a disk found after a crash or a failure, when `acknowledged` commits were
    /// promised: they are there, at most one more is, and the next commit works.
    fn check_found(disk: &MemoryDisk, states: &[(Arc<State>, usize)], acknowledged: usize) {
        let catalog = open(disk).expect("opened");
        let found = catalog.state();
        let number = usize::try_from(found.number()).expect("small");
        assert!((acknowledged..=acknowledged + 1).contains(&number), "{number}");
        assert_eq!(catalog.health(), Health::Good);
        let (expected, _) = &states[number];
        assert_eq!(&found, expected);
        found.all_segments().for_each(|live| check_content(&catalog, live));
        let after = step(&catalog).expect("the next commit works");
        if let Some((expected, _)) = states.get(number + 1) {
            assert_eq!(&after, expected, "and makes what it made before the crash");
        }
        assert_eq!(open(disk).expect("opened").state(), after);
        let names = disk.list(Path::new("db/segments")).expect("listed");
        assert!(names.iter().all(|name| {
            SegmentId::of_file(name).is_some_and(|(id, _)| id < after.next_segment())
        }));
        let names = disk.list(Path::new("db/commits")).expect("listed");
        assert!(!names.iter().any(|name| is_temporary(name)), "{names:?}");
    }

    /// Crashes behind every operation from `from` on, in every mode; returns how many there were.
    fn crash_everywhere(commits: usize, from: usize, seeds: u64) -> usize {
        let disk = MemoryDisk::traced();
        let (created, states) = run(&disk, commits);
        let mut modes = vec![Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
        modes.extend((0..seeds).map(Crash::Random));
        let mut count = 0;
        for at in from..=disk.trace().len() {
            let acknowledged = states.iter().rposition(|(_, end)| *end <= at);
            for mode in &modes {
                count += 1;
                let found = disk.crash(at, *mode);
                if let Some(acknowledged) = acknowledged {
                    check_found(&found, &states, acknowledged);
                } else {
                    // Creation was not over: the database is there, or can be made.
                    assert!(at < created);
                    let on: Arc<dyn Disk> = Arc::new(found.clone());
                    let made = open(&found).or_else(|_| Catalog::create(on, FOLDER));
                    step(&made.expect("made")).expect("committed");
                }
            }
        }
        count
    }

    #[test]
    fn every_crash_keeps_what_was_acknowledged_and_nothing_by_halves() {
        let count = crash_everywhere(10, 0, 12);
        assert!(count > 1_000, "{count} crash states");
    }

    #[test]
    fn every_crash_around_a_checkpoint_does_too() {
        let disk = MemoryDisk::traced();
        let commits = usize::try_from(CHECKPOINT_COMMITS).expect("small") + 1;
        let (_, states) = run(&disk, commits);
        let links = disk.trace();
        let checkpoints = links.iter().filter(|operation| match operation {
            Operation::Link { to, .. } => to.extension().is_some_and(|kind| kind == "checkpoint"),
            _ => false,
        });
        assert_eq!(checkpoints.count(), 1);
        crash_everywhere(commits, states[commits - 2].1, 4);
    }

    #[test]
    fn every_failure_leaves_the_database_readable_and_mendable() {
        let (_, reference) = run(&MemoryDisk::traced(), 8);
        let mut poisoned = 0;
        for at in 0.. {
            let disk = MemoryDisk::traced();
            disk.fail_at(at);
            let on: Arc<dyn Disk> = Arc::new(disk.clone());
            let Ok(catalog) = Catalog::create(on, FOLDER) else {
                disk.repair();
                let on: Arc<dyn Disk> = Arc::new(disk.clone());
                let catalog = open(&disk).or_else(|_| Catalog::create(on, FOLDER));
                step(&catalog.expect("made")).expect("committed");
                continue;
            };
            let mut acknowledged = 0;
            while acknowledged < 7 && step(&catalog).is_ok() {
                acknowledged += 1;
            }
            if acknowledged == 7 && disk.operations() <= at {
                break;
            }
            let shown = catalog.refresh().expect("reading goes on").number();
            assert!((acknowledged as u64..=acknowledged as u64 + 1).contains(&shown));
            check_found(&disk.crash(usize::MAX, Crash::Drop), &reference, acknowledged);
            disk.repair();
            match step(&catalog) {
                Ok(state) => assert_eq!(&state, &reference[usize::try_from(shown).unwrap() + 1].0),
                Err(error) => {
                    assert!(error.to_string().contains("a sync failed before"), "{error}");
                    assert!(begin(&catalog).is_err(), "it stays so");
                    poisoned += 1;
                    check_found(&disk, &reference, acknowledged);
                }
            }
        }
        assert!(poisoned >= 14, "{poisoned}: both syncs of each of 7 commits");
    }

    #[test]
    fn a_rival_that_was_first_is_a_conflict_and_no_damage() {
        let disk = MemoryDisk::new();
        let catalog = Catalog::create(Arc::new(disk.clone()), FOLDER).expect("created");
        step(&catalog).expect("committed");
        let mut writer = begin(&catalog).expect("begun");
        // A rival that does not keep to the lock.
        let draft = Draft::default();
        let rival = Draft {
            record: CommitRecord { number: 2, effective: 99, ..CommitRecord::default() },
            ..Draft::default()
        };
        let (_, bytes) = rival.seal(writer.state().checksum()).expect("sealed");
        let mut out = disk.create(&manifest_path(Path::new(FOLDER), 2)).expect("created");
        out.write(&bytes).expect("written");
        let error = writer.commit(draft.clone()).expect_err("committed over a rival");
        assert!(matches!(error, Error::Conflict { kind: "commit", .. }), "{error}");
        drop(writer);
        let mut again = begin(&catalog).expect("begun");
        let state = again.commit(draft).expect("committed");
        assert_eq!(state.number(), 3);
        assert_eq!(state.effective(), Some(100), "later than the rival");
    }

    #[test]
    fn there_is_one_writer_at_a_time() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let catalog = Catalog::create(Arc::clone(&disk), FOLDER).expect("created");
        let other = Catalog::open(disk, FOLDER).expect("opened");
        let writer = begin(&catalog).expect("begun");
        let error = other.begin(Duration::from_millis(20)).expect_err("begun beside another");
        assert!(error.to_string().contains("db/lock"), "{error}");
        drop(writer);
        assert!(begin(&other).is_ok());
    }

    #[test]
    fn files_that_no_commit_named_are_removed() {
        let disk = MemoryDisk::new();
        let catalog = Catalog::create(Arc::new(disk.clone()), FOLDER).expect("created");
        let create = |path: &Path| drop(disk.create(path).expect("created"));
        let names = || disk.list(Path::new("db/segments")).expect("listed");
        for _ in 0..3 {
            step(&catalog).expect("committed");
        }
        let kept = names();
        let mut writer = begin(&catalog).expect("begun");
        let id = writer.new_segment();
        create(&writer.new_segment_path(id));
        drop(writer);
        assert_eq!(names(), kept, "given up");
        create(Path::new("db/segments/00000000000000ff.seg"));
        create(Path::new("db/segments/x.tmp"));
        create(Path::new("db/segments/notes.txt"));
        drop(begin(&open(&disk).expect("opened")).expect("begun"));
        assert_eq!(names(), [&kept[..], &["notes.txt".into()]].concat());
    }

    #[test]
    fn works_on_the_files_of_the_system() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FOLDER);
        let disk: Arc<dyn Disk> = Arc::new(OsDisk);
        let catalog = Catalog::create(Arc::clone(&disk), &path).expect("created");
        let mut last = catalog.state();
        for _ in 0..6 {
            last = step(&catalog).expect("committed");
        }
        let other = Catalog::open(Arc::clone(&disk), &path).expect("opened");
        assert_eq!(other.state(), last);
        last.all_segments().for_each(|live| check_content(&other, live));
        assert!(Catalog::create(disk, &path).is_err(), "is there");
    }
}
