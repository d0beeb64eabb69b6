//! Where a segment is written: into memory while it is small, into a file once it is not.

use std::mem;

use crate::disk::DiskWriter;
use crate::error::{Error, Result};
use crate::limits::INLINE_SEGMENT_BYTES_MAX;

/// Creates the file of a segment, when it turns out to need one.
pub type CreateFile<'a> = Box<dyn FnOnce() -> Result<Box<dyn DiskWriter>> + Send + 'a>;

/// A finished segment.
pub enum Written {
    /// Small enough to travel inside a manifest.
    Inline(Vec<u8>),
    /// In a file, written and synced; its length in bytes.
    File(u64),
}

/// Bytes on their way to a segment.
pub(crate) struct Target<'a> {
    buffer: Vec<u8>,
    create: Option<CreateFile<'a>>,
    file: Option<Box<dyn DiskWriter>>,
    /// Bytes that the file has taken already.
    flushed: u64,
}

/// Bytes that are collected before they go to the file.
const BUFFER_BYTES: usize = 1 << 20;

impl<'a> Target<'a> {
    pub(crate) fn new(create: CreateFile<'a>) -> Self {
        Self { buffer: Vec::new(), create: Some(create), file: None, flushed: 0 }
    }

    /// Where the next byte goes, from the beginning of the segment.
    pub(crate) fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        let bound = if self.file.is_some() { BUFFER_BYTES } else { INLINE_SEGMENT_BYTES_MAX };
        if self.buffer.len() > bound { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if let Some(create) = self.create.take() {
            self.file = Some(create()?);
        }
        let file = self.file.as_mut().ok_or_else(|| Error::bug("a segment without its file"))?;
        file.write(&self.buffer)?;
        self.flushed += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Written> {
        if self.file.is_none() {
            return Ok(Written::Inline(mem::take(&mut self.buffer)));
        }
        self.flush()?;
        if let Some(file) = &mut self.file {
            file.sync()?;
        }
        Ok(Written::File(self.flushed))
    }
}
