//! The rows of a load in memory, and how they are brought into order.
//!
//! A row is numbers only: its series, period, values, the tuple of its attributes, and its number,
//! so that a duplicate can name both places. Where the rows outgrow the memory they may use, they
//! are sorted and written to a temporary file, and the files are merged in the end. The order is
//! by the texts of the key, so it is the same whichever codes are still to come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::sync::Arc;
use std::vec::IntoIter;

use crate::disk::{Disk, DiskFile};
use crate::error::Result;
use crate::segment::Stored;

/// Rows as columns.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) series: Vec<u32>,
    /// Form in the upper four bits, then the slot plus 2^27; of other forms the text's number.
    pub(super) periods: Vec<u32>,
    pub(super) tuples: Vec<u32>,
    pub(super) numbers: Vec<u32>,
    /// The values of all measures of a row, one after the other.
    pub(super) bits: Vec<i64>,
    pub(super) scales: Vec<u8>,
}

/// One row.
#[derive(Clone, Debug, Default)]
pub(super) struct RowRecord {
    pub(super) series: u32,
    pub(super) period: u32,
    pub(super) tuple: u32,
    pub(super) number: u32,
    pub(super) values: Vec<Stored>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// Memory that a row takes, the sort's included.
    pub(super) fn row_bytes(measure_count: usize) -> u64 {
        (4 * 4 + 9 * measure_count + 16) as u64
    }

    fn clear(&mut self) {
        self.series.clear();
        self.periods.clear();
        self.tuples.clear();
        self.numbers.clear();
        self.bits.clear();
        self.scales.clear();
    }

    fn record(&self, row: usize, measure_count: usize, out: &mut RowRecord) {
        out.series = self.series[row];
        out.period = self.periods[row];
        out.tuple = self.tuples[row];
        out.number = self.numbers[row];
        out.values.clear();
        let values = row * measure_count..(row + 1) * measure_count;
        let values = self.bits[values.clone()].iter().zip(&self.scales[values]);
        out.values.extend(values.map(|(bits, scale)| Stored { bits: *bits, scale: *scale }));
    }
}

/// The ranks by which rows are ordered: of each series by its key, of each other period by its text.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    pub(super) series: Vec<u32>,
    pub(super) others: Vec<u32>,
}

/// The bits of a period that hold its slot.
pub(super) const SLOT_BITS: u32 = 28;
/// What is added to a slot so that it is not negative.
pub(super) const SLOT_BIAS: i32 = 1 << 27;
/// The form that has numbers of texts for slots.
const OTHER: u32 = 11;

impl Ranks {
    #[inline]
    fn key(&self, series: u32, period: u32) -> u64 {
        let period = if period >> SLOT_BITS == OTHER {
            (OTHER << SLOT_BITS) | self.others[(period & ((1 << SLOT_BITS) - 1)) as usize]
        } else {
            period
        };
        u64::from(self.series[series as usize]) << 32 | u64::from(period)
    }
}

/// Rows that may outgrow memory.
#[derive(Debug)]
pub(super) struct Buffer {
    pub(super) rows: Rows,
    measure_count: usize,
    runs: Vec<Run>,
}

/// A sorted run in a temporary file.
#[derive(Debug)]
struct Run {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    rows: u64,
}

impl Drop for Run {
    fn drop(&mut self) {
        // What stays of a temporary file is removed by the next writer.
        drop(self.disk.remove(&self.path));
    }
}

impl Buffer {
    pub(super) fn new(measure_count: usize) -> Self {
        Self { rows: Rows::default(), measure_count, runs: Vec::new() }
    }

    /// How many rows there are, in memory and in files.
    pub(super) fn len(&self) -> u64 {
        self.rows.len() as u64 + self.runs.iter().map(|run| run.rows).sum::<u64>()
    }

    /// The rows in memory, in order.
    fn order(&self, ranks: &Ranks) -> Vec<(u64, u32)> {
        let rows = (0..).zip(self.rows.series.iter().zip(&self.rows.periods));
        let mut keys: Vec<(u64, u32)> =
            rows.map(|(row, (series, period))| (ranks.key(*series, *period), row)).collect();
        // Rows are numbered as they came, so equal keys stay in the order of their numbers.
        if !keys.is_sorted() {
            keys.sort_unstable();
        }
        keys
    }

    /// Writes the rows in memory to a file, in order, and forgets them.
    pub(super) fn spill(
        &mut self,
        disk: &Arc<dyn Disk>,
        path: PathBuf,
        ranks: &Ranks,
    ) -> Result<()> {
        let mut writer = disk.create(&path)?;
        let rows = self.rows.len() as u64;
        self.runs.push(Run { disk: Arc::clone(disk), path, rows });
        let mut bytes = Vec::with_capacity(1 << 20);
        for (_, row) in self.order(ranks) {
            let row = row as usize;
            let numbers =
                [&self.rows.series, &self.rows.periods, &self.rows.tuples, &self.rows.numbers];
            for column in numbers {
                bytes.extend_from_slice(&column[row].to_le_bytes());
            }
            for value in row * self.measure_count..(row + 1) * self.measure_count {
                bytes.extend_from_slice(&self.rows.bits[value].to_le_bytes());
                bytes.push(self.rows.scales[value]);
            }
            if bytes.len() >= (1 << 20) - 4_096 {
                writer.write(&bytes)?;
                bytes.clear();
            }
        }
        writer.write(&bytes)?;
        self.rows.clear();
        Ok(())
    }

    /// Hands out all rows in order.
    pub(super) fn for_each(
        &self,
        ranks: &Ranks,
        mut each: impl FnMut(&RowRecord) -> Result<()>,
    ) -> Result<()> {
        let mut sources: Vec<Source<'_>> = Vec::new();
        for run in &self.runs {
            sources.push(Source::File(RunReader::open(run, self.measure_count)?));
        }
        sources.push(Source::Memory { buffer: self, order: self.order(ranks).into_iter() });
        if let [source] = sources.as_mut_slice() {
            let mut record = RowRecord::default();
            while source.next(&mut record)? {
                each(&record)?;
            }
            return Ok(());
        }
        let mut records = vec![RowRecord::default(); sources.len()];
        let mut heap = BinaryHeap::new();
        for (index, source) in sources.iter_mut().enumerate() {
            if source.next(&mut records[index])? {
                heap.push(Reverse((
                    ranks.key(records[index].series, records[index].period),
                    index,
                )));
            }
        }
        // Sources are in the order of their numbers, so equal keys come in that order too.
        while let Some(Reverse((_, index))) = heap.pop() {
            each(&records[index])?;
            if sources[index].next(&mut records[index])? {
                heap.push(Reverse((
                    ranks.key(records[index].series, records[index].period),
                    index,
                )));
            }
        }
        Ok(())
    }
}

/// Where rows come from, in order.
enum Source<'a> {
    Memory { buffer: &'a Buffer, order: IntoIter<(u64, u32)> },
    File(RunReader),
}

impl Source<'_> {
    fn next(&mut self, out: &mut RowRecord) -> Result<bool> {
        match self {
            Self::Memory { buffer, order } => match order.next() {
                Some((_, row)) => {
                    buffer.rows.record(row as usize, buffer.measure_count, out);
                    Ok(true)
                }
                None => Ok(false),
            },
            Self::File(reader) => reader.next(out),
        }
    }
}

/// Reads a run back.
struct RunReader {
    file: Arc<dyn DiskFile>,
    measure_count: usize,
    left: u64,
    offset: u64,
    bytes: Vec<u8>,
    at: usize,
}

impl RunReader {
    fn open(run: &Run, measure_count: usize) -> Result<Self> {
        let file = run.disk.open(&run.path)?;
        Ok(Self { file, measure_count, left: run.rows, offset: 0, bytes: Vec::new(), at: 0 })
    }

    fn next(&mut self, out: &mut RowRecord) -> Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        let row_bytes = 16 + 9 * self.measure_count;
        if self.at == self.bytes.len() {
            let rows = self.left.min((1 << 20) / row_bytes as u64);
            let bytes = usize::try_from(rows).unwrap_or_default() * row_bytes;
            self.bytes.resize(bytes, 0);
            self.file.read_at(self.offset, &mut self.bytes)?;
            self.offset += bytes as u64;
            self.at = 0;
        }
        let row = &self.bytes[self.at..self.at + row_bytes];
        let number =
            |at: usize| u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        (out.series, out.period, out.tuple, out.number) =
            (number(0), number(4), number(8), number(12));
        out.values.clear();
        for value in row[16..].chunks_exact(9) {
            if let Some((bits, [scale])) = value.split_first_chunk::<8>() {
                out.values.push(Stored { bits: i64::from_le_bytes(*bits), scale: *scale });
            }
        }
        self.at += row_bytes;
        self.left -= 1;
        Ok(true)
    }
}
