//! Rows to bytes.
#![warn(clippy::indexing_slicing)]

use std::io::{self, Write};

use crate::model::{Action, Cell, Flow};
use crate::sdmx::csv::CsvVersion;

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 64 << 10;

/// How a message is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvLayout {
    /// The version.
    pub version: CsvVersion,
    /// The character between cells, in ASCII.
    pub separator: u8,
    /// Whether `Merge` is written as `M` (2.1) and not as `I` (2.0, which has no `M`).
    pub has_merge: bool,
}

impl CsvLayout {
    /// Version 1.0.
    pub const V1: Self = Self { version: CsvVersion::V1, separator: b',', has_merge: false };
    /// Version 2.0.
    pub const V2_0: Self = Self { version: CsvVersion::V2, separator: b',', has_merge: false };
    /// Version 2.1.
    pub const V2_1: Self = Self { version: CsvVersion::V2, separator: b',', has_merge: true };
}

/// Writes the rows of one dataflow as SDMX-CSV: all its components, in the order of
/// [`Flow::components`], lines ended by a line feed.
///
/// A cell is quoted if it holds a separator, a quote or a line end, and not otherwise, so equal
/// rows are equal bytes. What is absent and what is empty is written as an empty cell. Call
/// [`CsvWriter::finish`] at the end: what is gathered is not written by dropping.
pub struct CsvWriter<W> {
    out: W,
    buffer: Vec<u8>,
    layout: CsvLayout,
    /// The cells before `ACTION`, each with its separator (2.x), or without the last one (1.0).
    prefix: Vec<u8>,
    /// For each byte, whether a cell with it is quoted.
    is_quoted: [bool; 256],
    component_count: usize,
}

impl<W: Write> CsvWriter<W> {
    /// A writer whose first bytes will be the header.
    pub fn new(out: W, flow: &Flow, layout: CsvLayout) -> Self {
        let mut is_quoted = [false; 256];
        for byte in [layout.separator, b'"', b'\r', b'\n'] {
            if let Some(entry) = is_quoted.get_mut(usize::from(byte)) {
                *entry = true;
            }
        }
        let mut writer = Self {
            out,
            buffer: Vec::with_capacity(BUFFER_BYTES + (BUFFER_BYTES >> 2)),
            layout,
            prefix: Vec::new(),
            is_quoted,
            component_count: flow.components().len(),
        };
        writer.prepare(flow);
        writer
    }

    fn prepare(&mut self, flow: &Flow) {
        let id = flow.id.to_string();
        let header: &[&str] = match self.layout.version {
            CsvVersion::V1 => {
                self.cell(&id);
                &["DATAFLOW"]
            }
            CsvVersion::V2 => {
                self.buffer.extend_from_slice(b"dataflow");
                self.buffer.push(self.layout.separator);
                self.cell(&id);
                self.buffer.push(self.layout.separator);
                &["STRUCTURE", "STRUCTURE_ID", "ACTION"]
            }
        };
        self.prefix.append(&mut self.buffer);
        let ids = flow.components().iter().map(|component| component.id.as_str());
        for (index, id) in header.iter().copied().chain(ids).enumerate() {
            if index > 0 {
                self.buffer.push(self.layout.separator);
            }
            self.cell(id);
        }
        self.buffer.push(b'\n');
    }

    /// Writes a row of [`Action::Merge`]; cells stand in the order of [`Flow::components`].
    ///
    /// # Errors
    ///
    /// What the output returns.
    #[inline]
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        self.row_with(Action::Merge, cells)
    }

    /// Writes a row; version 1.0 has no place for the action.
    ///
    /// # Errors
    ///
    /// What the output returns.
    #[inline]
    pub fn row_with(&mut self, action: Action, cells: &[Cell<'_>]) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.component_count, "a cell for each component");
        self.buffer.extend_from_slice(&self.prefix);
        if self.layout.version == CsvVersion::V2 {
            self.buffer.push(match action {
                Action::Merge if self.layout.has_merge => b'M',
                Action::Merge => b'I',
                Action::Replace => b'R',
                Action::Delete => b'D',
            });
        }
        for cell in cells {
            self.buffer.push(self.layout.separator);
            self.cell(cell.unwrap_or_default());
        }
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER_BYTES {
            self.out.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    #[inline]
    fn cell(&mut self, text: &str) {
        let is_quoted = |byte: &u8| self.is_quoted.get(usize::from(*byte)) == Some(&true);
        if text.as_bytes().iter().any(is_quoted) {
            self.quoted(text);
        } else {
            self.buffer.extend_from_slice(text.as_bytes());
        }
    }

    fn quoted(&mut self, text: &str) {
        self.buffer.push(b'"');
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                self.buffer.extend_from_slice(b"\"\"");
            }
            self.buffer.extend_from_slice(part.as_bytes());
        }
        self.buffer.push(b'"');
    }

    /// Writes what is gathered, and gives the output back.
    ///
    /// # Errors
    ///
    /// What the output returns.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&self.buffer)?;
        self.out.flush()?;
        Ok(self.out)
    }
}
