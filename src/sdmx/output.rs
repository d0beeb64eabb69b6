//! Plain bytes to compressed ones, for messages that go out.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// How bytes of a message are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// Levels that cost about as much time as writing the message does.
const GZIP_LEVEL: u32 = 4;
const ZSTD_LEVEL: i32 = 3;

/// Compresses what is written to it. What is gathered is not written by dropping: call
/// [`Compressor::finish`].
pub enum Compressor<W: Write> {
    /// Hands on what comes.
    Identity(W),
    /// Compresses to gzip.
    Gzip(GzEncoder<W>),
    /// Compresses to Zstandard.
    Zstd(zstd::Encoder<'static, W>),
}

impl<W: Write> Compressor<W> {
    /// A compressor into `out`.
    ///
    /// # Errors
    ///
    /// What the library returns when it has no memory.
    pub fn new(coding: Coding, out: W) -> io::Result<Self> {
        Ok(match coding {
            Coding::Identity => Self::Identity(out),
            Coding::Gzip => Self::Gzip(GzEncoder::new(out, Compression::new(GZIP_LEVEL))),
            Coding::Zstd => Self::Zstd(zstd::Encoder::new(out, ZSTD_LEVEL)?),
        })
    }

    /// Writes what is gathered, and gives back the output.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Identity(out) => Ok(out),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Identity(out) => out.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    // Writers of messages flush at their end, and a flush in between makes messages longer; only
    // `finish` says that nothing follows.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use crate::sdmx::input::decompress;

    use super::*;

    #[test]
    fn what_is_compressed_reads_back() {
        let text = "2020-01,1.25\n".repeat(10_000);
        for coding in [Coding::Identity, Coding::Gzip, Coding::Zstd] {
            let mut compressor = Compressor::new(coding, Vec::new()).expect("begun");
            compressor.write_all(text.as_bytes()).expect("into memory");
            compressor.flush().expect("into memory");
            let bytes = compressor.finish().expect("into memory");
            assert_eq!(bytes.len() < text.len() / 10, coding != Coding::Identity, "{coding:?}");
            let mut plain = String::new();
            let mut reader = decompress(Box::new(Cursor::new(bytes)), "x").expect("opens");
            reader.read_to_string(&mut plain).expect("reads");
            assert!(plain == text, "{coding:?}");
        }
    }
}
