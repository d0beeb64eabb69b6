//! Opening a catalogue, and keeping up with what other programs commit.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::checkpoint::{self, Checkpoint};
use crate::catalog::forget::first_kept;
use crate::catalog::manifest::Commit;
use crate::catalog::state::State;
use crate::disk::{Disk, is_missing};
use crate::error::{Error, Result};
use crate::limits::{COMMITS_MAX, MANIFEST_BYTES_MAX};

/// The truth about a database: what commits made of it.
///
/// Shared by all that read and write a database in one program. Cost of opening: one listing, the
/// newest checkpoint, and the manifests behind it.
#[derive(Debug)]
pub struct Catalog {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) path: PathBuf,
    current: Mutex<Current>,
    /// Why this handle may not commit any more: a sync failed.
    pub(super) poison: Mutex<Option<String>>,
    /// Whether leftovers of earlier writers were removed.
    pub(super) is_clean: AtomicBool,
    /// The last redaction of which nothing is left, as far as is known.
    pub(super) scrubbed: AtomicU64,
}

/// What is known at this moment.
#[derive(Debug)]
struct Current {
    state: Arc<State>,
    health: Health,
    /// The newest valid checkpoint that is known; 0 if there is none.
    checkpoint: u64,
}

/// Whether a database may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It may.
    Good,
    /// It shows the last commit before one that is damaged or missing.
    ReadOnly {
        /// Which file, and what is wrong with it.
        reason: String,
    },
}

/// The numbered files in the folder of commits.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) manifests: BTreeSet<u64>,
    pub(super) checkpoints: BTreeSet<u64>,
}

/// A state that was read, and how far it is from the whole truth.
pub(super) struct Replayed {
    pub(super) state: State,
    pub(super) health: Health,
    checkpoint: u64,
}

impl Catalog {
    /// Makes an empty database in the folder `path`, which may be there if it is empty of one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Conflict`] if there is a database already.
    pub fn create(disk: Arc<dyn Disk>, path: impl Into<PathBuf>) -> Result<Arc<Self>> {
        let path = path.into();
        if disk.exists(&commits_folder(&path))? {
            let id = path.display().to_string();
            return Err(Error::Conflict { kind: "database", id, reason: "is there".into() });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        disk.create_folder(&path)?;
        disk.sync_folder(folder)?;
        disk.create_folder(&path.join("segments"))?;
        disk.sync_folder(&path)?;
        // The folder that makes it a database is the last.
        disk.create_folder(&commits_folder(&path))?;
        disk.sync_folder(&path)?;
        Self::open(disk, path)
    }

    /// Opens the database in the folder `path`.
    ///
    /// A damaged or missing manifest that no checkpoint covers does not fail: the database shows
    /// the commit before, and [`Catalog::health`] says so.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no database; [`Error::Io`]; [`Error::Unsupported`] if a
    /// later version of this program wrote it.
    pub fn open(disk: Arc<dyn Disk>, path: impl Into<PathBuf>) -> Result<Arc<Self>> {
        let path = path.into();
        if !disk.exists(&commits_folder(&path))? {
            return Err(Error::not_found("database", path.display().to_string()));
        }
        let read = replay(&*disk, &path, u64::MAX)?;
        let current = Current {
            state: Arc::new(read.state),
            health: read.health,
            checkpoint: read.checkpoint,
        };
        let (current, poison) = (Mutex::new(current), Mutex::default());
        let (is_clean, scrubbed) = (AtomicBool::new(false), AtomicU64::new(0));
        Ok(Arc::new(Self { disk, path, current, poison, is_clean, scrubbed }))
    }

    /// The folder of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk it is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The folder of segment files.
    pub fn segments_folder(&self) -> PathBuf {
        self.path.join("segments")
    }

    /// The last state seen. Cost: a lock and a counter.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.current().state)
    }

    /// Whether it may be written, as far as has been seen.
    pub fn health(&self) -> Health {
        self.current().health.clone()
    }

    /// Looks for commits of other programs, and gives the last state. Cost: two
    /// `stat` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Unsupported`]. A damaged manifest is no error: see
    /// [`Catalog::health`].
    pub fn refresh(&self) -> Result<Arc<State>> {
        let mut current = self.current();
        if current.health != Health::Good {
            return Ok(Arc::clone(&current.state));
        }
        if current.state.number < first_kept(&*self.disk, &self.path)? {
            let read = replay(&*self.disk, &self.path, u64::MAX)?;
            current.health = read.health;
            current.checkpoint = read.checkpoint;
            current.state = Arc::new(read.state);
            return Ok(Arc::clone(&current.state));
        }
        if !self.disk.exists(&manifest_path(&self.path, current.state.number + 1))? {
            return Ok(Arc::clone(&current.state));
        }
        let state = State::clone(&current.state);
        let (reached, health) = follow(&*self.disk, &self.path, state, u64::MAX)?;
        current.health = health;
        current.state = Arc::new(reached);
        Ok(Arc::clone(&current.state))
    }

    /// The state after the commit `number`, read anew. Cost: the checkpoint before it and the
    /// manifests between.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such commit; [`Error::Corrupt`] if it cannot be read.
    pub fn state_at(&self, number: u64) -> Result<Arc<State>> {
        let last = self.refresh()?;
        if number == last.number {
            return Ok(last);
        }
        if number > last.number || number < first_kept(&*self.disk, &self.path)? {
            return Err(Error::not_found("commit", number.to_string()));
        }
        let read = replay(&*self.disk, &self.path, number)?;
        match read.health {
            _ if read.state.number == number => Ok(Arc::new(read.state)),
            Health::Good => Err(Error::not_found("commit", number.to_string())),
            Health::ReadOnly { reason } => {
                let path = manifest_path(&self.path, read.state.number + 1);
                Err(Error::corrupt(path, 0, reason))
            }
        }
    }

    /// What the commits from `first` to `last`, both included, changed: one after the other, oldest
    /// first, each read when it is asked for.
    ///
    /// It yields [`Error::NotFound`] for a commit that does not exist or was forgotten,
    /// [`Error::Corrupt`] and [`Error::Io`] for one that cannot be read.
    pub fn commits_between(
        &self,
        first: u64,
        last: u64,
    ) -> impl Iterator<Item = Result<Commit>> + '_ {
        (first..=last).map(|number| match read_manifest(&*self.disk, &self.path, number) {
            Err(error) if is_missing(&error) => Err(Error::not_found("commit", number.to_string())),
            read => read,
        })
    }

    /// The number of the first commit whose state can be read; 0 if nothing was forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Corrupt`] if the mark of forgetting is damaged.
    pub fn first_kept(&self) -> Result<u64> {
        first_kept(&*self.disk, &self.path)
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        // A state is put in place whole, so a panic of another holder leaves nothing half done.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a state that was just committed.
    pub(super) fn install(&self, state: &Arc<State>) {
        let mut current = self.current();
        if state.number > current.state.number {
            current.state = Arc::clone(state);
        }
    }

    pub(super) fn last_checkpoint(&self) -> u64 {
        self.current().checkpoint
    }

    pub(super) fn saw_checkpoint(&self, number: u64) {
        let mut current = self.current();
        current.checkpoint = current.checkpoint.max(number);
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::ReadOnly { reason } => write!(f, "read-only: {reason}"),
        }
    }
}

pub(super) fn commits_folder(path: &Path) -> PathBuf {
    path.join("commits")
}

pub(super) fn manifest_path(path: &Path, number: u64) -> PathBuf {
    commits_folder(path).join(format!("{number:020}.commit"))
}

pub(super) fn checkpoint_path(path: &Path, number: u64) -> PathBuf {
    commits_folder(path).join(format!("{number:020}.checkpoint"))
}

pub(super) fn list_files(disk: &dyn Disk, path: &Path) -> Result<Files> {
    Ok(sort_files(&disk.list(&commits_folder(path))?))
}

pub(super) fn sort_files(names: &[String]) -> Files {
    let mut files = Files::default();
    for name in names {
        let Some((number, kind)) = name.split_once('.') else { continue };
        let is_own = |parsed: &u64| number.len() == 20 && *parsed <= COMMITS_MAX;
        let Some(number) = number.parse().ok().filter(is_own) else { continue };
        match kind {
            "commit" => files.manifests.insert(number),
            "checkpoint" => files.checkpoints.insert(number),
            _ => false,
        };
    }
    files
}

/// Reads the manifest with this number.
pub(super) fn read_manifest(disk: &dyn Disk, path: &Path, number: u64) -> Result<Commit> {
    let file = manifest_path(path, number);
    let commit = Commit::decode(&file, &disk.read(&file, MANIFEST_BYTES_MAX)?)?;
    if commit.record.number == number {
        Ok(commit)
    } else {
        Err(Error::corrupt(file, 0, "head: it is of another commit"))
    }
}

pub(super) fn is_valid_checkpoint(disk: &dyn Disk, path: &Path, number: u64) -> bool {
    read_checkpoint(disk, path, number).is_ok()
}

pub(super) fn read_checkpoint(disk: &dyn Disk, path: &Path, number: u64) -> Result<Checkpoint> {
    let file = checkpoint_path(path, number);
    let found = checkpoint::decode(&file, &disk.read(&file, MANIFEST_BYTES_MAX)?)?;
    if found.state.number == number {
        Ok(found)
    } else {
        Err(Error::corrupt(file, 0, "head: it is of another commit"))
    }
}

/// Reads the state after the commit `last`, or after the last there is.
pub(super) fn replay(disk: &dyn Disk, path: &Path, last: u64) -> Result<Replayed> {
    let files = list_files(disk, path)?;
    let mut state = State::default();
    for number in files.checkpoints.range(..=last).rev() {
        match read_checkpoint(disk, path, *number) {
            Ok(found) => {
                state = found.state;
                break;
            }
            Err(error @ (Error::Io { .. } | Error::Unsupported { .. })) if !is_missing(&error) => {
                return Err(error);
            }
            // It only costs time: the one before and more manifests say the same.
            Err(_) => {}
        }
    }
    let checkpoint = state.number;
    let (state, mut health) = follow(disk, path, state, last)?;
    let newest = files.manifests.range(..=last).last().copied().unwrap_or(0);
    if health == Health::Good && newest > state.number {
        let missing = manifest_path(path, state.number + 1);
        let reason = format!("{} is missing, but there are later ones", missing.display());
        health = Health::ReadOnly { reason };
    }
    Ok(Replayed { state, health, checkpoint })
}

/// Applies the manifests behind `state`, up to `last` or to the first that is missing or damaged.
fn follow(disk: &dyn Disk, path: &Path, mut state: State, last: u64) -> Result<(State, Health)> {
    while state.number < last {
        let next = state.number + 1;
        let applied = read_manifest(disk, path, next).and_then(|commit| {
            let misfit =
                |error: Error| Error::corrupt(manifest_path(path, next), 0, error.to_string());
            state.advance(&commit).map_err(misfit)
        });
        match applied {
            Ok(()) => {}
            Err(error) if is_missing(&error) => break,
            Err(error @ (Error::Corrupt { .. } | Error::Limit { .. })) => {
                return Ok((state, Health::ReadOnly { reason: error.to_string() }));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((state, Health::Good))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Draft;
    use crate::catalog::commit::tests::{FOLDER, begin, step};
    use crate::disk::MemoryDisk;
    use crate::limits::CHECKPOINT_COMMITS;

    /// A database of so many commits, and the state after each, from 0.
    fn database(commits: u64) -> (MemoryDisk, Vec<Arc<State>>) {
        let disk = MemoryDisk::new();
        let catalog = Catalog::create(Arc::new(disk.clone()), FOLDER).expect("created");
        let mut states = vec![catalog.state()];
        states.extend((0..commits).map(|_| step(&catalog).expect("committed")));
        (disk, states)
    }

    fn open(disk: &MemoryDisk) -> Arc<Catalog> {
        Catalog::open(Arc::new(disk.clone()), FOLDER).expect("opened")
    }

    #[track_caller]
    fn check(disk: &MemoryDisk, expected: &Arc<State>, reason: Option<&str>) {
        let catalog = open(disk);
        assert_eq!(&catalog.state(), expected);
        match (catalog.health(), reason) {
            (Health::Good, None) => drop(begin(&catalog).expect("may write")),
            (Health::ReadOnly { reason }, Some(expected)) => {
                assert!(reason.contains(expected), "{reason}");
                let error = begin(&catalog).expect_err("may not write").to_string();
                assert!(error.contains("read-only"), "{error}");
                assert_eq!(&catalog.refresh().expect("read"), &catalog.state());
            }
            (health, _) => panic!("{health}"),
        }
    }

    fn manifest(number: u64) -> PathBuf {
        manifest_path(Path::new(FOLDER), number)
    }

    #[test]
    fn a_damaged_manifest_shows_the_commit_before_and_says_so() {
        let (disk, states) = database(5);
        disk.flip(&manifest(4), 60, 1).expect("damaged");
        check(&disk, &states[3], Some("00000000000000000004.commit is damaged"));
        assert_eq!(open(&disk).check(|_| {}).expect("checked").problems.len(), 1);
        disk.flip(&manifest(4), 60, 1).expect("mended");
        check(&disk, &states[5], None);
        disk.truncate(&manifest(5), 0).expect("damaged");
        check(&disk, &states[4], Some("too short"));
    }

    #[test]
    fn a_missing_manifest_shows_the_commit_before_and_says_so() {
        let (disk, states) = database(5);
        disk.remove(&manifest(3)).expect("removed");
        check(&disk, &states[2], Some("00000000000000000003.commit is missing"));
    }

    #[test]
    fn a_manifest_of_another_history_is_not_taken() {
        let (disk, states) = database(3);
        let (other, _) = database(1);
        let mut writer = begin(&open(&other)).expect("begun");
        let mut draft = Draft::default();
        draft.record.message = "another".into();
        writer.commit(draft).expect("committed");
        disk.remove(&manifest(2)).expect("removed");
        let bytes = other.read(&manifest(2), 1 << 20).expect("read");
        disk.create(&manifest(2)).expect("made").write(&bytes).expect("written");
        // It follows commit 1, so it is taken; what follows does not follow it.
        assert_eq!(open(&disk).state().number(), 2);
        assert_ne!(open(&disk).health(), Health::Good);
        assert_eq!(states.len(), 4);
    }

    #[test]
    fn a_checkpoint_answers_for_manifests_and_manifests_for_it() {
        let last = CHECKPOINT_COMMITS + 2;
        let (disk, states) = database(last);
        let expected = states.last().expect("many");
        check(&disk, expected, None);
        let checkpoint = checkpoint_path(Path::new(FOLDER), CHECKPOINT_COMMITS);
        disk.flip(&checkpoint, 100, 0x10).expect("damaged");
        check(&disk, expected, None);
        disk.flip(&checkpoint, 100, 0x10).expect("mended");

        disk.flip(&manifest(64), 80, 0x10).expect("damaged");
        check(&disk, expected, None);
        let catalog = open(&disk);
        let state = catalog.state();
        let live = state.all_segments().find(|live| live.commit == 64).expect("is live");
        let copy = catalog.locate_copy(live).expect("read").expect("is there");
        let mut bytes = vec![0; usize::try_from(copy.length).expect("small")];
        let file = disk.open(&copy.path).expect("opened");
        file.read_at(copy.offset, &mut bytes).expect("read");
        disk.flip(&manifest(64), 80, 0x10).expect("mended");
        let place = catalog.locate(live);
        let whole = disk.read(&place.path, 1 << 20).expect("read");
        assert_eq!(bytes, whole[usize::try_from(place.offset).expect("small")..][..64]);

        disk.flip(&manifest(1), 80, 1).expect("damaged");
        disk.flip(&checkpoint, 100, 0x10).expect("damaged");
        check(&disk, &states[0], Some("1.commit is damaged"));
        assert_eq!(open(&disk).check(|_| {}).expect("checked").problems.len(), 2);
    }

    #[test]
    fn sees_what_others_commit_and_what_was() {
        let (disk, _) = database(0);
        let (reader, writer) = (open(&disk), open(&disk));
        let mut states = vec![reader.state()];
        for _ in 0..CHECKPOINT_COMMITS + 3 {
            states.push(step(&writer).expect("committed"));
            if states.len() % 3 == 0 {
                assert_eq!(&reader.refresh().expect("read"), &states[states.len() - 1]);
            }
        }
        for (number, expected) in (0..).zip(&states) {
            assert_eq!(&reader.state_at(number).expect("read"), expected);
        }
        assert!(matches!(reader.state_at(1_000), Err(Error::NotFound { .. })));
        disk.flip(&manifest(2), 90, 1).expect("damaged");
        assert!(matches!(reader.state_at(2), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn there_must_be_a_database() {
        let disk = Arc::new(MemoryDisk::new());
        assert!(matches!(Catalog::open(disk, FOLDER), Err(Error::NotFound { .. })));
    }
}
