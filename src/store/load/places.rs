//! Where rows came from.
//!
//! Rows are numbered from 1 over all files of a load, so that a row needs four bytes to be found
//! again; the line of a row is that of the row before plus one, but for quoted line breaks.

use std::path::PathBuf;
use std::sync::Arc;

use crate::disk::{Disk, DiskWriter};
use crate::error::Result;

/// The file and the line of every row.
#[derive(Debug, Default)]
pub(super) struct Places {
    files: Vec<String>,
    /// Rows from which on lines grow with rows, in the order of rows.
    stretches: Vec<Stretch>,
}

#[derive(Clone, Copy, Debug)]
struct Stretch {
    row: u32,
    line: u64,
    file: usize,
}

impl Places {
    /// Begins another file.
    pub(super) fn begin(&mut self, file: &str) {
        self.files.push(file.to_owned());
    }

    /// Notes the line of the next row.
    pub(super) fn note(&mut self, row: u32, line: u64) {
        let file = self.files.len().saturating_sub(1);
        let continues = self
            .stretches
            .last()
            .is_some_and(|last| last.file == file && last.line + u64::from(row - last.row) == line);
        if !continues {
            self.stretches.push(Stretch { row, line, file });
        }
    }

    /// The line of a row in its file.
    pub(super) fn line(&self, row: u32) -> u64 {
        self.stretch(row).map_or(0, |from| from.line + u64::from(row - from.row))
    }

    /// The place of a row as a text: its line, and its file if there are several.
    pub(super) fn describe(&self, row: u32) -> String {
        let line = self.line(row);
        match self.stretch(row).and_then(|from| self.files.get(from.file)) {
            Some(file) if self.files.len() > 1 => format!("line {line} of {file}"),
            _ => format!("line {line}"),
        }
    }

    fn stretch(&self, row: u32) -> Option<&Stretch> {
        let after = self.stretches.partition_point(|stretch| stretch.row <= row);
        self.stretches.get(after.checked_sub(1)?)
    }
}

/// The texts of all rows in a temporary file, for a load that has to write down the rows that it
/// leaves out: some are known to be bad only when all rows are in order.
#[derive(Debug)]
pub(super) struct RowTexts {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    writer: Box<dyn DiskWriter>,
    buffer: Vec<u8>,
    /// Where the text of each row ends.
    ends: Vec<u64>,
}

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

impl RowTexts {
    /// Begins with no row, in a new file.
    pub(super) fn create(disk: Arc<dyn Disk>, path: PathBuf) -> Result<Self> {
        let writer = disk.create(&path)?;
        Ok(Self { disk, path, writer, buffer: Vec::new(), ends: Vec::new() })
    }

    /// Keeps the text of the next row.
    pub(super) fn push(&mut self, text: &str) -> Result<()> {
        self.buffer.extend_from_slice(text.as_bytes());
        let before = self.ends.last().copied().unwrap_or_default();
        self.ends.push(before + text.len() as u64);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.write(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// The text of a row, by its number from 1.
    pub(super) fn read(&mut self, row: u32) -> Result<Vec<u8>> {
        self.flush()?;
        let end_of = |row: u32| {
            let before = (row as usize).checked_sub(1).and_then(|index| self.ends.get(index));
            before.copied().unwrap_or_default()
        };
        let (start, end) = (end_of(row.saturating_sub(1)), end_of(row));
        let mut text = vec![0; usize::try_from(end.saturating_sub(start)).unwrap_or_default()];
        self.disk.open(&self.path)?.read_at(start, &mut text)?;
        Ok(text)
    }
}

impl Drop for RowTexts {
    fn drop(&mut self) {
        // What stays of a temporary file is removed by the next writer.
        drop(self.disk.remove(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::disk::MemoryDisk;

    #[test]
    fn rows_are_found_again() {
        let mut places = Places::default();
        places.begin("a.csv");
        for (row, line) in [(1, 2), (2, 3), (3, 7), (4, 8)] {
            places.note(row, line);
        }
        assert_eq!(places.describe(2), "line 3");
        places.begin("b.csv");
        places.note(5, 2);
        let found: Vec<u64> = (1..=5).map(|row| places.line(row)).collect();
        assert_eq!(found, [2, 3, 7, 8, 2]);
        assert_eq!(places.describe(4), "line 8 of a.csv");
        assert_eq!(places.describe(5), "line 2 of b.csv");
    }

    #[test]
    fn texts_are_read_back() {
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let path = Path::new("texts").to_owned();
        let mut texts = RowTexts::create(Arc::clone(&disk), path.clone()).expect("creates");
        for text in ["one", "", "three"] {
            texts.push(text).expect("writes");
        }
        assert_eq!(texts.read(1).expect("reads"), b"one");
        assert_eq!(texts.read(2).expect("reads"), b"");
        assert_eq!(texts.read(3).expect("reads"), b"three");
        drop(texts);
        assert!(!disk.exists(&path).expect("looks"));
    }
}
