//! Files one after the other in one, as `tar` writes and reads them.
//!
//! Only what a backup needs: plain files with short names, in the format of POSIX.1-1988 (ustar),
//! so that any `tar` can look into a backup and take it apart.

use std::io::{self, Read, Write};

use crate::error::{Error, Result};

const BLOCK_BYTES: usize = 512;
/// Bytes of a name.
const NAME_BYTES_MAX: usize = 100;
/// The largest number of eleven octal digits; greater sizes are written in binary, as GNU does.
const OCTAL_MAX: u64 = (1 << 33) - 1;
/// Where the fields of a header stand that are read back.
const SIZE: usize = 124;
const CHECKSUM: usize = 148;
const KIND: usize = 156;
const MAGIC: usize = 257;

/// Writes an archive.
#[derive(Debug)]
pub(super) struct ArchiveWriter<W> {
    out: W,
}

impl<W: Write> ArchiveWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes a file: `write` must write `size` bytes.
    pub(super) fn file(
        &mut self,
        name: &str,
        size: u64,
        write: impl FnOnce(&mut W) -> Result<()>,
    ) -> Result<()> {
        let failed = |error| Error::io("write", "the archive", error);
        self.out.write_all(&header(name, size)?).map_err(failed)?;
        write(&mut self.out)?;
        let rest = usize::try_from(size % BLOCK_BYTES as u64).unwrap_or(0);
        let padding = (BLOCK_BYTES - rest) % BLOCK_BYTES;
        self.out.write_all(&[0; BLOCK_BYTES][..padding]).map_err(failed)
    }

    /// Writes the end, and gives back what was written to.
    pub(super) fn finish(mut self) -> Result<W> {
        let end = self.out.write_all(&[0; 2 * BLOCK_BYTES]);
        let flushed = end.and_then(|()| self.out.flush());
        flushed.map_err(|error| Error::io("write", "the archive", error))?;
        Ok(self.out)
    }
}

fn header(name: &str, size: u64) -> Result<[u8; BLOCK_BYTES]> {
    if name.len() >= NAME_BYTES_MAX {
        let (actual, limit) = (name.len() as u64, NAME_BYTES_MAX as u64);
        return Err(Error::Limit { what: "length of a name in an archive", actual, limit });
    }
    let mut block = [0; BLOCK_BYTES];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if size <= OCTAL_MAX {
        put(SIZE, format!("{size:011o}\0").as_bytes());
    } else {
        put(SIZE, &[0x80, 0, 0, 0]);
        let low = size.to_le_bytes();
        low.iter().rev().zip(SIZE + 4..).for_each(|(byte, at)| put(at, &[*byte]));
    }
    put(136, b"00000000000\0");
    put(CHECKSUM, b"        ");
    put(KIND, b"0");
    put(MAGIC, b"ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[CHECKSUM..CHECKSUM + 8].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

/// Reads an archive.
#[derive(Debug)]
pub(super) struct ArchiveReader<R> {
    input: R,
    offset: u64,
    /// What is left of the current file, and of the padding behind it.
    left: u64,
    padding: u64,
}

impl<R: Read> ArchiveReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, offset: 0, left: 0, padding: 0 }
    }

    /// The next file: its name and size; absent at the end. What was not read of the one before is
    /// left out.
    pub(super) fn next(&mut self) -> Result<Option<(String, u64)>> {
        let rest = self.left + self.padding;
        let failed = |error| Error::io("read", "the archive", error);
        let skipped = io::copy(&mut self.input.by_ref().take(rest), &mut io::sink());
        if skipped.map_err(failed)? < rest {
            return Err(self.bad("it ends inside a file"));
        }
        self.offset += rest;
        let mut block = [0; BLOCK_BYTES];
        self.input.read_exact(&mut block).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.bad("it ends without an end"),
            _ => failed(error),
        })?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let found = parse(&block).ok_or_else(|| self.bad("this is no header of a file"))?;
        self.offset += BLOCK_BYTES as u64;
        self.left = found.1;
        self.padding = (BLOCK_BYTES as u64 - found.1 % BLOCK_BYTES as u64) % BLOCK_BYTES as u64;
        Ok(Some(found))
    }

    /// Reads on in the current file; 0 at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.input.read(&mut buffer[..wanted]);
        let read = read.map_err(|error| Error::io("read", "the archive", error))?;
        if read == 0 && wanted > 0 {
            return Err(self.bad("it ends inside a file"));
        }
        self.left -= read as u64;
        self.offset += read as u64;
        Ok(read)
    }

    fn bad(&self, reason: &str) -> Error {
        Error::corrupt("the archive", self.offset, reason)
    }
}

fn parse(block: &[u8; BLOCK_BYTES]) -> Option<(String, u64)> {
    let mut summed = *block;
    summed[CHECKSUM..CHECKSUM + 8].fill(b' ');
    let sum: u32 = summed.iter().map(|byte| u32::from(*byte)).sum();
    let stored = octal(&block[CHECKSUM..CHECKSUM + 8])?;
    let is_file = matches!(block[KIND], b'0' | 0) && block[MAGIC..].starts_with(b"ustar");
    let name = block.get(..NAME_BYTES_MAX)?.split(|byte| *byte == 0).next()?;
    let name = str::from_utf8(name).ok()?.to_owned();
    let size = &block[SIZE..SIZE + 12];
    let size = match size.first()? {
        // Larger than eleven octal digits can say: the highest bit, then a number with its highest
        // byte first.
        0x80 => size.last_chunk::<8>()?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        _ => octal(size)?,
    };
    (is_file && stored == u64::from(sum)).then_some((name, size))
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ArchiveWriter::new(Vec::new());
        for (name, bytes) in files {
            let write = |out: &mut Vec<u8>| {
                out.extend_from_slice(bytes);
                Ok(())
            };
            writer.file(name, bytes.len() as u64, write).expect("written");
        }
        writer.finish().expect("ended")
    }

    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
        let mut reader = ArchiveReader::new(bytes);
        let mut found = Vec::new();
        while let Some((name, _)) = reader.next()? {
            let (mut content, mut buffer) = (Vec::new(), [0; 7]);
            while let read @ 1.. = reader.read(&mut buffer)? {
                content.extend_from_slice(&buffer[..read]);
            }
            found.push((name, content));
        }
        Ok(found)
    }

    #[test]
    fn what_is_written_is_read() {
        let long = vec![7; 1_025];
        let files: [(&str, &[u8]); 4] =
            [("a/b", b"hello"), ("empty", b""), ("full", &[1; 512]), ("long", &long)];
        let bytes = archive(&files);
        assert_eq!(bytes.len() % BLOCK_BYTES, 0);
        let found = read(&bytes).expect("read");
        let found: Vec<_> = found.iter().map(|(n, b)| (n.as_str(), b.as_slice())).collect();
        assert_eq!(found, files);
    }

    #[test]
    fn sizes_beyond_octal_are_kept() {
        for size in [0, 7, OCTAL_MAX, OCTAL_MAX + 1, u64::from(u32::MAX) << 16] {
            let block = header("x", size).expect("made");
            assert_eq!(parse(&block), Some(("x".to_owned(), size)));
        }
        assert!(header(&"x".repeat(100), 1).is_err());
    }

    #[test]
    fn what_is_cut_or_flipped_is_found() {
        let bytes = archive(&[("a", b"hello")]);
        for length in 0..bytes.len() - BLOCK_BYTES {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        for at in 0..KIND {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(read(&damaged).is_err(), "{at}");
        }
    }
}
