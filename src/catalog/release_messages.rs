//! The messages of a release, each a Zstandard frame in a file of its own.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crc32c::crc32c_append;
use serde::{Deserialize, Serialize};

use crate::catalog::commit::Writer;
use crate::catalog::open::Catalog;
use crate::catalog::releases::{Release, folder};
use crate::disk::{DiskFile, DiskWriter};
use crate::error::{Error, Result};
use crate::model::ArtefactId;

/// Compression of messages: they are read once or twice, and text.
const ZSTD_LEVEL: i32 = 3;
/// Bytes that are read at once.
const READ_BYTES: usize = 256 << 10;

/// A message of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseMessage {
    /// Its number within the release, from 1.
    pub number: u64,
    /// The name of the file it came from.
    pub name: String,
    /// Whether it defines structures.
    pub is_structure: bool,
    /// The dataflow that its data belong to, where it names only a structure that several have.
    pub dataflow: Option<ArtefactId>,
    /// Bytes of the message.
    pub bytes: u64,
    /// Their CRC-32C.
    pub checksum: u32,
    /// Bytes of the file it is in.
    pub stored_bytes: u64,
    /// Their CRC-32C.
    pub stored_checksum: u32,
}

fn message_path(database: &Path, release: &str, number: u64) -> PathBuf {
    folder(database).join(format!("{release}.{number:010}.message"))
}

impl Catalog {
    /// Opens a message of a release. All of it is verified before this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is not what was written; [`Error::Io`].
    pub fn open_release_message(
        &self,
        release: &str,
        message: &ReleaseMessage,
    ) -> Result<Box<dyn Read + Send>> {
        let path = message_path(&self.path, release, message.number);
        let file = self.disk.open(&path)?;
        if file.len() != message.stored_bytes {
            let reason =
                format!("{} bytes where {} were written", file.len(), message.stored_bytes);
            return Err(Error::corrupt(path, 0, reason));
        }
        let mut input = FileReader { file, offset: 0 };
        let mut checksum = 0;
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = input.fill(&mut buffer)?;
            if count == 0 {
                break;
            }
            checksum = crc32c_append(checksum, buffer.get(..count).unwrap_or_default());
        }
        if checksum != message.stored_checksum {
            return Err(Error::corrupt(path, 0, "its checksum does not match"));
        }
        input.offset = 0;
        let decoder = zstd::Decoder::new(input);
        let decoder = decoder.map_err(|error| Error::io("decompress", &path, error))?;
        // Its length is known, so that a wrong frame cannot become an endless one.
        Ok(Box::new(decoder.take(message.bytes)))
    }
}

impl Writer {
    /// Writes the bytes of a message durably, under its number; a revision must name it next.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also if `input` fails.
    pub fn write_release_message(
        &mut self,
        release: &str,
        mut message: ReleaseMessage,
        input: &mut dyn Read,
    ) -> Result<ReleaseMessage> {
        let catalog = Arc::clone(self.catalog());
        catalog.make_releases_folder()?;
        let path = message_path(catalog.path(), release, message.number);
        // Left by a writer that died: no revision names it, because its number was not given.
        catalog.remove_if_there(&path)?;
        let out = FileWriter { out: catalog.disk.create(&path)?, checksum: 0 };
        let failed = |error: io::Error| Error::io("write", &path, error);
        let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL).map_err(failed)?;
        (message.bytes, message.checksum) = (0, 0);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io("read", message.name, error)),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            encoder.write_all(bytes).map_err(failed)?;
            message.bytes += count as u64;
            message.checksum = crc32c_append(message.checksum, bytes);
        }
        let mut done = encoder.finish().map_err(failed)?;
        message.stored_bytes = done.out.position();
        message.stored_checksum = done.checksum;
        catalog.poisoning(done.out.sync())?;
        Ok(message)
    }

    /// Removes messages that were written and that no revision names.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn discard_release_messages(&mut self, release: &Release) -> Result<()> {
        self.catalog().clean_releases(release)
    }
}

/// A file read from front to back.
struct FileReader {
    file: Arc<dyn DiskFile>,
    offset: u64,
}

impl FileReader {
    /// Reads as much as fits, or is left.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.file.len().saturating_sub(self.offset));
        let count = left.unwrap_or(usize::MAX).min(buffer.len());
        let buffer = buffer.get_mut(..count).unwrap_or_default();
        self.file.read_at(self.offset, buffer)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill(buffer).map_err(io::Error::other)
    }
}

/// A file written from front to back, and the checksum of what was written.
struct FileWriter {
    out: Box<dyn DiskWriter>,
    checksum: u32,
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes).map_err(io::Error::other)?;
        self.checksum = crc32c_append(self.checksum, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
