//! Files, behind one trait.
//!
//! Everything the database keeps passes through [`Disk`], so that a test can stop the machine
//! between any two operations and look at what a real disk might have kept. Two implementations:
//!
//! * [`os`]: [`OsDisk`], the files of the operating system;
//! * [`memory`]: [`MemoryDisk`], a disk in memory, which can record, fail and crash;
//! * [`crash`]: what is left of a [`MemoryDisk`] when the power fails.
//!
//! The promises a caller may build on, and no others:
//!
//! * what was written is durable after [`DiskWriter::sync`];
//! * a name made, replaced or removed is durable after [`Disk::sync_folder`] on its folder; a
//!   synced file whose name was not synced may be gone;
//! * [`Disk::link`] makes a name or finds it taken, and of two rivals exactly one makes it;
//! * after a failed sync nothing is known about what it covered: do not sync again and hope.
//!
//! **Invariant:** `std::fs` is named in `os` only. (`sled`, which `catalog` uses for what can be
//! rebuilt, does its own I/O.)

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Result};

pub mod crash;
pub mod memory;
pub mod os;

pub use crash::Crash;
pub use memory::{MemoryDisk, Operation};
pub use os::OsDisk;

/// A place for files. Paths are as the caller builds them; nothing is resolved or normalised.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Opens a file for reading at any position. It stays readable when its name is removed.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>>;

    /// Makes a new file, to be written from its beginning.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if the name is taken.
    fn create(&self, path: &Path) -> Result<Box<dyn DiskWriter>>;

    /// Reads a whole file.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Limit`] if it has more than `bytes_max` bytes.
    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>>;

    /// Gives the file `from` the second name `to`, unless that is taken.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn link(&self, from: &Path, to: &Path) -> Result<Linked>;

    /// Renames a file or folder within its folder; a file of that name is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file's name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if there is none; see [`is_missing`].
    fn remove(&self, path: &Path) -> Result<()>;

    /// The names in a folder, of files and folders, sorted.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and for a name that is not Unicode.
    fn list(&self, folder: &Path) -> Result<Vec<String>>;

    /// Makes a folder, if there is none of that name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if the folder around it is missing.
    fn create_folder(&self, path: &Path) -> Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: nothing is known then about names changed since the sync before.
    fn sync_folder(&self, path: &Path) -> Result<()>;

    /// Whether there is a file or folder of this name. Cost: one `stat`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn exists(&self, path: &Path) -> Result<bool>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn len(&self, path: &Path) -> Result<u64>;

    /// Takes an exclusive lock, which ends when it is dropped or the program dies; absent if
    /// somebody else holds it, be it in this program. The file is made if there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn lock(&self, path: &Path) -> Result<Option<Box<dyn Lock>>>;

    /// Whether the paths are those of the operating system, for what does its own I/O.
    fn is_os(&self) -> bool;
}

/// A file open for reading.
#[expect(clippy::len_without_is_empty, reason = "nobody asks a file whether it is empty")]
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// The length in bytes when it was opened.
    fn len(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::Corrupt`] if the file ends before.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()>;

    /// The name it was opened by.
    fn path(&self) -> &Path;
}

/// A new file being written from its beginning. Dropping it without a sync leaves a file of which
/// nothing is known.
pub trait DiskWriter: Send + fmt::Debug {
    /// Appends `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// Makes everything written durable; the name is not (see [`Disk::sync_folder`]).
    ///
    /// # Errors
    ///
    /// [`Error::Io`]: nothing is known then about the content.
    fn sync(&mut self) -> Result<()>;

    /// Bytes written so far.
    fn position(&self) -> u64;
}

/// An exclusive lock, until it is dropped.
pub trait Lock: Send + Sync + fmt::Debug {}

/// How a link ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linked {
    /// The name is made.
    Done,
    /// The name was taken: a rival was first.
    Exists,
}

/// Whether an error says that the file is not there.
pub fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
}

/// What [`DiskFile::read_at`] says of a file that is shorter than its reader was told.
fn too_short(path: &Path, offset: u64, wanted: usize, length: u64) -> Error {
    let reason = format!("{wanted} bytes expected, but the file ends at byte {length}");
    Error::corrupt(path, offset, reason)
}
