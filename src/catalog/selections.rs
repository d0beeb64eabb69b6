//! Selections of a manifest or checkpoint, one after the other in one part.

use crate::catalog::container::{Container, PartKind};
use crate::error::Result;
use crate::index::Selection;

/// Gathers the bytes of selections.
#[derive(Debug, Default)]
pub(super) struct SelectionWriter {
    bytes: Vec<u8>,
}

impl SelectionWriter {
    /// Appends a selection and says how many bytes it takes; an empty one takes none.
    pub(super) fn add(&mut self, selection: &Selection) -> u64 {
        let start = self.bytes.len();
        if !selection.is_empty() {
            selection.serialize(&mut self.bytes);
        }
        (self.bytes.len() - start) as u64
    }

    /// All bytes; empty if there was no selection with members.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads the selections of a container in the order in which they were added.
#[derive(Debug)]
pub(super) struct SelectionReader<'a> {
    container: &'a Container<'a>,
    rest: &'a [u8],
}

impl<'a> SelectionReader<'a> {
    pub(super) fn new(container: &'a Container<'a>) -> Self {
        let part = container.parts(PartKind::Selections).next();
        Self { container, rest: part.map_or(&[], |(_, bytes)| bytes) }
    }

    /// Reads the next selection, of this many bytes.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Corrupt`].
    pub(super) fn next(&mut self, length: u64) -> Result<Selection> {
        let split = usize::try_from(length).ok().and_then(|at| self.rest.split_at_checked(at));
        let bad = |reason: &str| self.container.bad(PartKind::Selections, reason);
        let (bytes, rest) = split.ok_or_else(|| bad("too short"))?;
        self.rest = rest;
        if bytes.is_empty() {
            return Ok(Selection::empty());
        }
        // The number of chunks is not known here: whoever applies the selection checks it.
        Selection::deserialize(bytes, u32::MAX).map_err(|e| bad(e.reason))
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Corrupt`].
    pub(super) fn finish(self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.container.bad(PartKind::Selections, "some belong to nothing"))
        }
    }
}
