//! Where in a file its text stands.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::{self, BufRead, Read};

use crate::limits::XML_EVENT_BYTES_MAX;

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sdmx) struct Place {
    pub(in crate::sdmx) line: u64,
    pub(in crate::sdmx) column: u64,
}

impl Place {
    pub(in crate::sdmx) const START: Self = Self { line: 1, column: 1 };
}

/// Counts lines and columns of what is read through it, and stops what is too long.
pub(in crate::sdmx) struct Located<R> {
    input: R,
    place: Place,
    read: u64,
    begun_at: u64,
    bytes_max: u64,
    /// Why reading was stopped.
    over: Option<String>,
}

impl<R> Located<R> {
    /// Reads at most so many bytes.
    pub(in crate::sdmx) fn new(input: R, bytes_max: u64) -> Self {
        Self { input, place: Place::START, read: 0, begun_at: 0, bytes_max, over: None }
    }

    /// Begins a tag or a text; returns its place.
    pub(in crate::sdmx) fn begin(&mut self) -> Place {
        self.begun_at = self.read;
        self.place
    }

    pub(in crate::sdmx) fn over(&self) -> Option<&str> {
        self.over.as_deref()
    }
}

impl<R: BufRead> Read for Located<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Located<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read > self.bytes_max {
            self.over = Some(format!("the message is longer than {} MiB", self.bytes_max >> 20));
        } else if self.read - self.begun_at > XML_EVENT_BYTES_MAX {
            let reason = "a tag or text is longer than 16 MiB; is a quote not closed?";
            self.over = Some(reason.to_owned());
        }
        match &self.over {
            Some(reason) => Err(io::Error::other(reason.clone())),
            None => self.input.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        let bytes = self.input.fill_buf().unwrap_or_default();
        let bytes = bytes.get(..count).unwrap_or(bytes);
        let lines = count_of(bytes, |byte| byte == b'\n');
        let mut last = bytes;
        if lines > 0 {
            self.place = Place { line: self.place.line + lines, column: 1 };
            last = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        }
        // Bytes 10xxxxxx go on with a character. A byte order mark is no column.
        let chars = count_of(last, |byte| byte & 0xc0 != 0x80);
        let has_mark = self.read == 0 && bytes.starts_with("\u{feff}".as_bytes());
        self.place.column += chars - u64::from(has_mark && lines == 0);
        self.read += bytes.len() as u64;
        self.input.consume(count);
    }
}

/// How many bytes are so. Counted in bytes, many at once, as the processor can.
#[inline]
fn count_of(bytes: &[u8], is_so: impl Fn(u8) -> bool) -> u64 {
    let chunks = bytes.chunks(usize::from(u8::MAX));
    chunks.map(|chunk| u64::from(chunk.iter().fold(0, |n: u8, b| n + u8::from(is_so(*b))))).sum()
}
