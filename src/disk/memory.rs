//! A disk in memory: for databases that need not last, and for tests of those that must.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Disk, DiskFile, DiskWriter, Linked, Lock, too_short};
use crate::error::{Error, Result};

/// A disk in memory. Clones are the same disk.
///
/// Made by [`MemoryDisk::traced`], it records every operation that changes it, and
/// [`MemoryDisk::crash`] tells what a real disk might have kept of them. Any disk in memory can be
/// told to fail ([`MemoryDisk::fail_at`]); reading goes on then.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
}

/// One operation that changed a [`MemoryDisk`]. Files are numbered as they are created, because
/// one file may have several names or none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the trait's methods")]
pub enum Operation {
    CreateFolder { path: PathBuf },
    Create { path: PathBuf, file: u64 },
    Write { file: u64, offset: u64, bytes: Arc<[u8]> },
    Sync { file: u64, outcome: Synced },
    Link { from: PathBuf, to: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Remove { path: PathBuf },
    SyncFolder { path: PathBuf, outcome: Synced },
}

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// All it covers is durable.
    Done,
    /// It failed, and no later sync covers what this one was to make durable: a real system may
    /// drop what it could not write and then report success.
    Failed,
}

/// Content and names of a disk.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) names: BTreeMap<PathBuf, File>,
    pub(super) folders: BTreeSet<PathBuf>,
}

#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) number: u64,
    pub(super) bytes: Arc<Mutex<Vec<u8>>>,
}

#[derive(Debug, Default)]
struct Inner {
    image: Image,
    locks: BTreeSet<PathBuf>,
    files: u64,
    operations: usize,
    /// From which operation on they fail, and how many.
    failing: Option<Range<usize>>,
    trace: Option<Vec<Operation>>,
    /// What was there, durably, before the trace.
    base: Image,
}

impl Default for Image {
    fn default() -> Self {
        let roots = ["", ".", "/"].map(PathBuf::from);
        Self { names: BTreeMap::new(), folders: BTreeSet::from(roots) }
    }
}

impl Image {
    /// The same files, with content of their own.
    pub(super) fn deep(&self) -> Self {
        let mut copies = BTreeMap::new();
        let names = self.names.iter().map(|(path, file)| {
            let copy = copies.entry(file.number).or_insert_with(|| {
                let bytes = hold(&file.bytes).clone();
                File { number: file.number, bytes: Arc::new(Mutex::new(bytes)) }
            });
            (path.clone(), copy.clone())
        });
        Self { names: names.collect(), folders: self.folders.clone() }
    }
}

/// Nothing that holds a lock here can leave a half-made change behind, so a panic elsewhere in its
/// holder does not matter.
pub(super) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn missing(action: &'static str, path: &Path) -> Error {
    Error::io(action, path, io::ErrorKind::NotFound.into())
}

impl Inner {
    /// Counts an operation; says whether it is to fail.
    fn fails(&mut self) -> bool {
        let number = self.operations;
        self.operations += 1;
        self.failing.as_ref().is_some_and(|failing| failing.contains(&number))
    }

    /// Counts an operation, and fails if it is to fail.
    fn step(&mut self, action: &'static str, path: &Path) -> Result<()> {
        if self.fails() { Err(injected(action, path)) } else { Ok(()) }
    }

    fn record(&mut self, operation: impl FnOnce() -> Operation) {
        if let Some(trace) = &mut self.trace {
            trace.push(operation());
        }
    }

    fn file(&self, action: &'static str, path: &Path) -> Result<File> {
        self.image.names.get(path).cloned().ok_or_else(|| missing(action, path))
    }

    fn need_folder(&self, action: &'static str, path: &Path) -> Result<()> {
        let parent = path.parent().unwrap_or(Path::new(""));
        if self.image.folders.contains(parent) { Ok(()) } else { Err(missing(action, path)) }
    }

    /// Gives all that is in a folder names in another, which is new. It is recorded name by name,
    /// so that a crash may find less of it than a real disk would keep.
    fn rename_folder(&mut self, from: &Path, to: &Path) -> Result<()> {
        if self.is_taken(to) {
            return Err(Error::io("rename", from, io::ErrorKind::AlreadyExists.into()));
        }
        let moved = |path: &Path| path.strip_prefix(from).ok().map(|rest| to.join(rest));
        let folders: Vec<PathBuf> = self.image.folders.iter().cloned().collect();
        for (folder, path) in folders.iter().filter_map(|path| Some((path, moved(path)?))) {
            self.image.folders.remove(folder);
            // Joining nothing leaves a slash behind.
            let path: PathBuf = path.components().collect();
            self.image.folders.insert(path.clone());
            self.record(|| Operation::CreateFolder { path });
        }
        let names: Vec<PathBuf> = self.image.names.keys().cloned().collect();
        for (name, path) in names.into_iter().filter_map(|name| Some((name.clone(), moved(&name)?)))
        {
            if let Some(file) = self.image.names.remove(&name) {
                self.image.names.insert(path.clone(), file);
            }
            self.record(|| Operation::Rename { from: name, to: path });
        }
        Ok(())
    }

    fn is_taken(&self, path: &Path) -> bool {
        self.image.names.contains_key(path) || self.image.folders.contains(path)
    }
}

fn injected(action: &'static str, path: &Path) -> Error {
    Error::io(action, path, io::Error::other("failure injected by a test"))
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty disk that records what is done to it, at the price of keeping all of it.
    pub fn traced() -> Self {
        Self::from_image(Image::default())
    }

    /// A disk that recorded nothing yet, on which `image` is durable.
    pub(super) fn from_image(image: Image) -> Self {
        let base = image.deep();
        let files = image.names.values().map(|file| file.number + 1).max().unwrap_or(0);
        let trace = Some(Vec::new());
        let inner = Inner { image, files, trace, base, ..Inner::default() };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// What was done to the disk; empty if it does not record.
    pub fn trace(&self) -> Vec<Operation> {
        hold(&self.inner).trace.clone().unwrap_or_default()
    }

    /// The number of operations that were asked for so far, failed ones among them. Reading is not
    /// counted.
    pub fn operations(&self) -> usize {
        hold(&self.inner).operations
    }

    /// Makes the operation with number `at` (from 0, see [`MemoryDisk::operations`]) fail, and all
    /// after it. A write that fails has written the first half.
    pub fn fail_at(&self, at: usize) {
        hold(&self.inner).failing = Some(at..usize::MAX);
    }

    /// Makes only the operation with number `at` fail, as a drive does that recovers.
    pub fn fail_once(&self, at: usize) {
        hold(&self.inner).failing = Some(at..at.saturating_add(1));
    }

    /// Makes operations succeed again.
    pub fn repair(&self) {
        hold(&self.inner).failing = None;
    }

    /// Changes the byte at `offset` of a file by `flip` (exclusive or), as a bad drive might.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no such file or byte.
    pub fn flip(&self, path: &Path, offset: u64, flip: u8) -> Result<()> {
        let file = hold(&self.inner).file("damage", path)?;
        let mut bytes = hold(&file.bytes);
        let byte = usize::try_from(offset).ok().and_then(|offset| bytes.get_mut(offset));
        *byte.ok_or_else(|| missing("damage", path))? ^= flip;
        Ok(())
    }

    /// Cuts a file to `length` bytes, as a bad drive might.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there is no such file.
    pub fn truncate(&self, path: &Path, length: u64) -> Result<()> {
        let file = hold(&self.inner).file("damage", path)?;
        hold(&file.bytes).truncate(usize::try_from(length).unwrap_or(usize::MAX));
        Ok(())
    }

    /// What is durable before the trace, and the trace.
    pub(super) fn recording(&self) -> (Image, Vec<Operation>) {
        let inner = hold(&self.inner);
        (inner.base.deep(), inner.trace.clone().unwrap_or_default())
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        let file = hold(&self.inner).file("open", path)?;
        let len = hold(&file.bytes).len() as u64;
        Ok(Arc::new(MemoryFile { file, len, path: path.to_owned() }))
    }

    fn create(&self, path: &Path) -> Result<Box<dyn DiskWriter>> {
        let mut inner = hold(&self.inner);
        inner.step("create", path)?;
        inner.need_folder("create", path)?;
        if inner.is_taken(path) {
            return Err(Error::io("create", path, io::ErrorKind::AlreadyExists.into()));
        }
        let file = File { number: inner.files, bytes: Arc::default() };
        inner.files += 1;
        inner.image.names.insert(path.to_owned(), file.clone());
        inner.record(|| Operation::Create { path: path.to_owned(), file: file.number });
        let disk = self.clone();
        Ok(Box::new(MemoryWriter { disk, file, position: 0, path: path.to_owned() }))
    }

    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
        let file = hold(&self.inner).file("read", path)?;
        let bytes = hold(&file.bytes);
        let actual = bytes.len() as u64;
        if actual > bytes_max {
            return Err(Error::Limit { what: "size of a file", actual, limit: bytes_max });
        }
        Ok(bytes.clone())
    }

    fn link(&self, from: &Path, to: &Path) -> Result<Linked> {
        let mut inner = hold(&self.inner);
        inner.step("link", to)?;
        inner.need_folder("link", to)?;
        let file = inner.file("link", from)?;
        if inner.is_taken(to) {
            return Ok(Linked::Exists);
        }
        inner.image.names.insert(to.to_owned(), file);
        inner.record(|| Operation::Link { from: from.to_owned(), to: to.to_owned() });
        Ok(Linked::Done)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let mut inner = hold(&self.inner);
        inner.step("rename", from)?;
        inner.need_folder("rename", to)?;
        if inner.image.folders.contains(from) {
            return inner.rename_folder(from, to);
        }
        let file = inner.file("rename", from)?;
        inner.image.names.remove(from);
        inner.image.names.insert(to.to_owned(), file);
        inner.record(|| Operation::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let mut inner = hold(&self.inner);
        inner.step("remove", path)?;
        inner.file("remove", path)?;
        inner.image.names.remove(path);
        inner.record(|| Operation::Remove { path: path.to_owned() });
        Ok(())
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let inner = hold(&self.inner);
        if !inner.image.folders.contains(folder) {
            return Err(missing("list", folder));
        }
        let paths = inner.image.names.keys().chain(&inner.image.folders);
        let inside = paths.filter(|path| path.parent() == Some(folder));
        let names = inside.filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        Ok(names)
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        let mut inner = hold(&self.inner);
        inner.step("create", path)?;
        if inner.image.folders.contains(path) {
            return Ok(());
        }
        inner.need_folder("create", path)?;
        if inner.is_taken(path) {
            return Err(Error::io("create", path, io::ErrorKind::AlreadyExists.into()));
        }
        inner.image.folders.insert(path.to_owned());
        inner.record(|| Operation::CreateFolder { path: path.to_owned() });
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> Result<()> {
        let mut inner = hold(&self.inner);
        if !inner.image.folders.contains(path) {
            return Err(missing("sync", path));
        }
        let outcome = if inner.fails() { Synced::Failed } else { Synced::Done };
        inner.record(|| Operation::SyncFolder { path: path.to_owned(), outcome });
        if outcome == Synced::Done { Ok(()) } else { Err(injected("sync", path)) }
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        Ok(hold(&self.inner).is_taken(path))
    }

    fn len(&self, path: &Path) -> Result<u64> {
        let file = hold(&self.inner).file("read the length of", path)?;
        let len = hold(&file.bytes).len() as u64;
        Ok(len)
    }

    fn lock(&self, path: &Path) -> Result<Option<Box<dyn Lock>>> {
        let mut inner = hold(&self.inner);
        inner.need_folder("lock", path)?;
        if !inner.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(MemoryLock { disk: self.clone(), path: path.to_owned() })))
    }

    fn is_os(&self) -> bool {
        false
    }
}

#[derive(Debug)]
struct MemoryFile {
    file: File,
    len: u64,
    path: PathBuf,
}

impl DiskFile for MemoryFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let bytes = hold(&self.file.bytes);
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(buffer.len())?));
        let found = range.and_then(|range| bytes.get(range));
        let length = bytes.len() as u64;
        let found = found.ok_or_else(|| too_short(&self.path, offset, buffer.len(), length))?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

#[derive(Debug)]
struct MemoryWriter {
    disk: MemoryDisk,
    file: File,
    position: u64,
    path: PathBuf,
}

impl DiskWriter for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut inner = hold(&self.disk.inner);
        let fails = inner.fails();
        let kept = if fails { &bytes[..bytes.len() / 2] } else { bytes };
        let (file, offset) = (self.file.number, self.position);
        inner.record(|| Operation::Write { file, offset, bytes: kept.into() });
        hold(&self.file.bytes).extend_from_slice(kept);
        self.position += kept.len() as u64;
        if fails { Err(injected("write", &self.path)) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<()> {
        let mut inner = hold(&self.disk.inner);
        let outcome = if inner.fails() { Synced::Failed } else { Synced::Done };
        inner.record(|| Operation::Sync { file: self.file.number, outcome });
        if outcome == Synced::Done { Ok(()) } else { Err(injected("sync", &self.path)) }
    }

    fn position(&self) -> u64 {
        self.position
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
}

impl Lock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        hold(&self.disk.inner).locks.remove(&self.path);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::disk::is_missing;

    /// What every disk does, in the folder `root` of it.
    pub(crate) fn check_contract(disk: &dyn Disk, root: &Path) {
        let [folder, a, b, c] = ["f", "f/a", "f/b", "f/c"].map(|name| root.join(name));
        assert!(is_missing(&disk.create(&a).expect_err("there is no folder")));
        disk.create_folder(&folder).expect("made");
        disk.create_folder(&folder).expect("is there");
        let mut writer = disk.create(&a).expect("made");
        writer.write(b"hello ").expect("written");
        writer.write(b"world").expect("written");
        assert_eq!(writer.position(), 11);
        writer.sync().expect("synced");
        assert!(disk.create(&a).is_err(), "the name is taken");
        assert!(disk.create_folder(&a).is_err(), "the name is taken");
        assert_eq!(disk.read(&a, 11).expect("read"), b"hello world");
        assert!(matches!(disk.read(&a, 10), Err(Error::Limit { actual: 11, limit: 10, .. })));
        assert_eq!(disk.len(&a).expect("is there"), 11);

        let file = disk.open(&a).expect("opened");
        let mut buffer = [0; 5];
        file.read_at(6, &mut buffer).expect("read");
        assert_eq!((&buffer, file.len(), file.path()), (b"world", 11, a.as_path()));
        assert!(matches!(file.read_at(7, &mut buffer), Err(Error::Corrupt { offset: 7, .. })));
        assert!(file.read_at(u64::MAX, &mut buffer).is_err());

        assert_eq!(disk.link(&a, &b).expect("linked"), Linked::Done);
        assert_eq!(disk.link(&a, &b).expect("looked"), Linked::Exists);
        disk.rename(&a, &c).expect("renamed");
        assert_eq!(disk.list(&folder).expect("listed"), ["b", "c"]);
        disk.sync_folder(&folder).expect("synced");
        disk.rename(&b, &c).expect("replaces");
        disk.remove(&c).expect("removed");
        // Renaming one name of a file to another of its names may do nothing at all.
        drop(disk.remove(&b));
        assert!(is_missing(&disk.remove(&c).expect_err("is gone")));
        assert!(!disk.exists(&c).expect("looked") && disk.exists(&folder).expect("looked"));
        file.read_at(0, &mut buffer).expect("outlives its name");

        let lock = disk.lock(&root.join("lock")).expect("no error");
        assert!(lock.is_some());
        assert!(disk.lock(&root.join("lock")).expect("no error").is_none(), "is held");
        drop(lock);
        assert!(disk.lock(&root.join("lock")).expect("no error").is_some(), "is free again");
    }

    #[test]
    fn files_and_names_behave_as_the_trait_says() {
        check_contract(&MemoryDisk::new(), Path::new(""));
        check_contract(&MemoryDisk::traced(), Path::new("/"));
    }

    #[test]
    fn fails_from_the_chosen_operation_until_repaired() {
        let disk = MemoryDisk::new();
        let path = Path::new("a");
        disk.fail_at(1);
        let mut writer = disk.create(path).expect("operation 0");
        assert!(writer.write(b"1234").is_err() && writer.sync().is_err());
        assert!(disk.remove(path).is_err());
        assert_eq!(disk.operations(), 4);
        assert_eq!(disk.read(path, 10).expect("reading goes on"), b"12");
        disk.repair();
        disk.remove(path).expect("repaired");
    }

    #[test]
    fn fails_once_if_that_is_asked_for() {
        let disk = MemoryDisk::new();
        let path = Path::new("a");
        disk.fail_once(1);
        let mut writer = disk.create(path).expect("operation 0");
        assert!(writer.write(b"12").is_err());
        writer.sync().expect("operation 2");
        disk.remove(path).expect("operation 3");
    }
}
