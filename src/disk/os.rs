//! The files of the operating system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Write};
#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)]
use std::os::windows::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, DiskWriter, Linked, Lock, too_short};
use crate::error::{Error, Result};

/// Bytes gathered before the system is called.
const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// The files of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn open(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        let len = file.metadata().map_err(|e| Error::io("read the length of", path, e))?.len();
        Ok(Arc::new(OsFile { file, len, path: path.to_owned() }))
    }

    fn create(&self, path: &Path) -> Result<Box<dyn DiskWriter>> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let file = file.map_err(|e| Error::io("create", path, e))?;
        let out = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
        Ok(Box::new(OsWriter { out, position: 0, path: path.to_owned() }))
    }

    fn read(&self, path: &Path, bytes_max: u64) -> Result<Vec<u8>> {
        let failed = |e| Error::io("read", path, e);
        let file = File::open(path).map_err(failed)?;
        let actual = file.metadata().map_err(failed)?.len();
        let over = |actual| Error::Limit { what: "size of a file", actual, limit: bytes_max };
        if actual > bytes_max {
            return Err(over(actual));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(actual).unwrap_or(0));
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        // The file may have grown since its length was read.
        let actual = bytes.len() as u64;
        if actual > bytes_max { Err(over(actual)) } else { Ok(bytes) }
    }

    fn link(&self, from: &Path, to: &Path) -> Result<Linked> {
        match fs::hard_link(from, to) {
            Ok(()) => Ok(Linked::Done),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(Linked::Exists),
            Err(e) => Err(Error::io("link", to, e)),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(|e| Error::io("rename", from, e))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(|e| Error::io("remove", path, e))
    }

    fn list(&self, folder: &Path) -> Result<Vec<String>> {
        let failed = |e| Error::io("list", folder, e);
        let mut names = Vec::new();
        for found in fs::read_dir(folder).map_err(failed)? {
            let name = found.map_err(failed)?.file_name();
            let name = name.into_string();
            names.push(name.map_err(|_| failed(io::Error::other("a name is not Unicode")))?);
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create_folder(&self, path: &Path) -> Result<()> {
        match fs::create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            done => done.map_err(|e| Error::io("create", path, e)),
        }
    }

    fn sync_folder(&self, path: &Path) -> Result<()> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        sync_folder(path).map_err(|e| Error::io("sync", path, e))
    }

    fn exists(&self, path: &Path) -> Result<bool> {
        fs::exists(path).map_err(|e| Error::io("look for", path, e))
    }

    fn len(&self, path: &Path) -> Result<u64> {
        let metadata = fs::metadata(path);
        Ok(metadata.map_err(|e| Error::io("read the length of", path, e))?.len())
    }

    fn lock(&self, path: &Path) -> Result<Option<Box<dyn Lock>>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|e| Error::io("open", path, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(OsLock { _file: file }))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(Error::io("lock", path, e)),
        }
    }

    fn is_os(&self) -> bool {
        true
    }
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file; names are then as durable as the system makes
/// them by itself.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = FileExt::seek_read(file, buffer, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[count..];
        offset += count as u64;
    }
    Ok(())
}

#[derive(Debug)]
struct OsFile {
    file: File,
    len: u64,
    path: PathBuf,
}

impl DiskFile for OsFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        read_exact_at(&self.file, buffer, offset).map_err(|e| {
            if e.kind() == io::ErrorKind::UnexpectedEof {
                too_short(&self.path, offset, buffer.len(), self.len)
            } else {
                Error::io("read", &self.path, e)
            }
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

#[derive(Debug)]
struct OsWriter {
    out: BufWriter<File>,
    position: u64,
    path: PathBuf,
}

impl DiskWriter for OsWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| Error::io("write", &self.path, e))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        let flushed = self.out.flush();
        let synced = flushed.and_then(|()| self.out.get_ref().sync_all());
        synced.map_err(|e| Error::io("sync", &self.path, e))
    }

    fn position(&self) -> u64 {
        self.position
    }
}

#[derive(Debug)]
struct OsLock {
    /// Closing the file ends the lock.
    _file: File,
}

impl Lock for OsLock {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::is_missing;
    use crate::disk::memory::tests::check_contract;

    #[test]
    fn files_and_names_behave_as_the_trait_says() {
        let folder = tempfile::tempdir().expect("a folder");
        check_contract(&OsDisk, folder.path());
    }

    #[test]
    fn a_missing_file_is_told_from_other_errors() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = OsDisk.read(&folder.path().join("none"), 1).expect_err("read it");
        assert!(is_missing(&error));
        let error = OsDisk.read(folder.path(), u64::MAX - 1).expect_err("read a folder");
        assert!(!is_missing(&error), "{error}");
    }
}
