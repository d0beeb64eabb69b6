//! Reads series whole, one after the other, into batches of rows.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::error::Result;

use crate::query::error::to_datafusion;
use crate::query::scan::{BatchBuilder, Source, wanted_runs};
use crate::query::window::spec::Ends;
use crate::segment::{MeasureRun, Numbers};
use crate::store::{Chunk, Cursor, Direction};

/// Rows of whole series.
pub(super) struct SeriesBatch {
    pub(super) rows: RecordBatch,
    /// Where each series begins, and where the last ends.
    pub(super) bounds: Vec<usize>,
    /// The numbers of the measures that are added up.
    pub(super) mantissas: Vec<Mantissas>,
}

impl SeriesBatch {
    /// The same without the rows for which `condition` is false or NULL.
    pub(super) fn filtered(self, condition: &BooleanArray) -> Result<Self> {
        let is_kept = |row: usize| condition.is_valid(row) && condition.value(row);
        let mut bounds = Vec::with_capacity(self.bounds.len());
        let mut kept = 0;
        bounds.push(0);
        for series in self.bounds.windows(2) {
            kept += (series[0]..series[1]).filter(|row| is_kept(*row)).count();
            bounds.push(kept);
        }
        let mut mantissas = self.mantissas;
        for of_measure in &mut mantissas {
            let mut row = 0;
            of_measure.values.retain(|_| {
                row += 1;
                is_kept(row - 1)
            });
        }
        let rows = filter_record_batch(&self.rows, condition)?;
        Ok(Self { rows, bounds, mantissas })
    }
}

/// The numbers of one measure as integers, where that is what they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Mantissas {
    pub(super) measure: usize,
    /// One a row; 0 where there is no number.
    pub(super) values: Vec<i64>,
    /// Of each series the digits after the point; absent where numbers are not such integers.
    pub(super) scales: Vec<Option<u8>>,
    /// Where the series begins that is being read.
    start: usize,
    /// Its digits after the point, once there is a number.
    scale: Option<u8>,
    is_inexact: bool,
}

impl Mantissas {
    pub(super) fn new(measure: usize) -> Self {
        Self { measure, ..Self::default() }
    }

    fn push(&mut self, numbers: &MeasureRun, runs: &[Range<usize>]) {
        let from = self.values.len();
        let count: usize = runs.iter().map(ExactSizeIterator::len).sum();
        match &numbers.numbers {
            // Among texts are numbers that 64 bits do not hold.
            Numbers::None if numbers.texts.is_empty() => self.values.resize(from + count, 0),
            Numbers::Decimals(values) if numbers.texts.is_empty() => {
                for run in runs {
                    self.values.extend_from_slice(&values[run.clone()]);
                }
                self.empty(from, &numbers.missing, runs);
                self.rescale(from, numbers.scale);
            }
            _ => {
                self.values.resize(from + count, 0);
                self.is_inexact = true;
            }
        }
    }

    /// Sets the rows from `from` on that have no number to 0.
    fn empty(&mut self, from: usize, missing: &[u16], runs: &[Range<usize>]) {
        let mut row = from;
        for run in runs.iter().take(if missing.is_empty() { 0 } else { runs.len() }) {
            let first = missing.partition_point(|position| usize::from(*position) < run.start);
            let of_run = missing[first..].iter().map(|position| usize::from(*position));
            for position in of_run.take_while(|position| *position < run.end) {
                self.values[row + position - run.start] = 0;
            }
            row += run.len();
        }
    }

    /// Brings the rows from `from` on, which have this scale, and those before to the same scale.
    fn rescale(&mut self, from: usize, scale: u8) {
        let known = *self.scale.get_or_insert(scale);
        let Some(factor) = 10_i64.checked_pow(u32::from(known.abs_diff(scale))) else {
            self.is_inexact = true;
            return;
        };
        let rows = if scale < known { from..self.values.len() } else { self.start..from };
        for value in &mut self.values[if factor == 1 { 0..0 } else { rows }] {
            match value.checked_mul(factor) {
                Some(more) => *value = more,
                None => self.is_inexact = true,
            }
        }
        self.scale = Some(known.max(scale));
    }

    fn end_series(&mut self) {
        let scale = self.scale.take().unwrap_or_default();
        self.scales.push((!self.is_inexact).then_some(scale));
        self.is_inexact = false;
        self.start = self.values.len();
    }

    /// What was read since the last time.
    fn finish(&mut self) -> Self {
        mem::replace(self, Self::new(self.measure))
    }
}

/// Reads series whole.
pub(super) struct SeriesRows {
    source: Arc<Source>,
    /// What is left to read, the next last.
    cursors: Vec<Cursor>,
    collector: Collector,
    /// The part and number of the series being read.
    last: Option<(usize, u32)>,
}

/// The rows of a batch that is being put together.
struct Collector {
    builder: BatchBuilder,
    bounds: Vec<usize>,
    mantissas: Vec<Mantissas>,
    runs: Vec<Range<usize>>,
    ends: Option<Ends>,
    /// The chunks of the series being read, where only its ends are wanted.
    held: Vec<Chunk>,
}

impl SeriesRows {
    /// The series of these cursors, the last cursor first.
    pub(super) fn new(
        source: Arc<Source>,
        cursors: Vec<Cursor>,
        builder: BatchBuilder,
        measures: &[usize],
        ends: Option<Ends>,
    ) -> Self {
        let mantissas = measures.iter().map(|measure| Mantissas::new(*measure)).collect();
        let (bounds, runs, held) = (vec![0], Vec::new(), Vec::new());
        let collector = Collector { builder, bounds, mantissas, runs, ends, held };
        Self { source, cursors, collector, last: None }
    }

    /// The next series, with so many rows or more unless there are none left; absent at the end.
    pub(super) fn read(&mut self, rows_min: usize) -> Result<Option<SeriesBatch>> {
        let Self { source, cursors, collector, last } = self;
        while let Some(cursor) = cursors.last_mut() {
            let Some(chunk) = cursor.next().map_err(to_datafusion)? else {
                cursors.pop();
                continue;
            };
            let mut full = None;
            let place = (chunk.part, chunk.series);
            if let Some(series) = *last
                && series != place
                && !has_same_key(source, series, place)?
            {
                collector.end_series()?;
                if collector.builder.rows() >= rows_min {
                    full = Some(collector.finish()?);
                }
            }
            *last = Some(place);
            if collector.ends.is_some() {
                collector.held.push(chunk.clone());
            } else {
                collector.push(chunk)?;
            }
            if full.is_some() {
                return Ok(full);
            }
        }
        if last.take().is_none() {
            return Ok(None);
        }
        collector.end_series()?;
        collector.finish().map(Some)
    }
}

/// Whether two places are of one series, which may lie in several parts.
fn has_same_key(source: &Source, a: (usize, u32), b: (usize, u32)) -> Result<bool> {
    if a.0 == b.0 {
        return Ok(false);
    }
    let parts = source.cube().parts();
    for dimension in 0..source.cube().flow().dimensions().len() {
        let code = |(part, series): (usize, u32)| {
            let part = parts.get(part).map(|part| part.code(dimension, series));
            part.transpose().map_err(to_datafusion)
        };
        if code(a)? != code(b)? {
            return Ok(false);
        }
    }
    Ok(true)
}

impl Collector {
    fn push(&mut self, chunk: &Chunk) -> Result<()> {
        self.builder.push(chunk)?;
        if !self.mantissas.is_empty() {
            wanted_runs(chunk, &mut self.runs);
            for mantissas in &mut self.mantissas {
                mantissas.push(&chunk.data.measures[mantissas.measure], &self.runs);
            }
        }
        Ok(())
    }

    fn end_series(&mut self) -> Result<()> {
        if let Some(ends) = self.ends {
            let mut held = mem::take(&mut self.held);
            cut(&mut held, ends, &mut self.runs);
            held.iter().try_for_each(|chunk| self.push(chunk))?;
        }
        self.bounds.push(self.builder.rows());
        self.mantissas.iter_mut().for_each(Mantissas::end_series);
        Ok(())
    }

    fn finish(&mut self) -> Result<SeriesBatch> {
        let bounds = mem::replace(&mut self.bounds, vec![0]);
        let mantissas = self.mantissas.iter_mut().map(Mantissas::finish).collect();
        Ok(SeriesBatch { rows: self.builder.finish()?, bounds, mantissas })
    }
}

/// Leaves of the chunks of one series no rows but those at its ends.
fn cut(chunks: &mut [Chunk], ends: Ends, runs: &mut Vec<Range<usize>>) {
    let mut left = usize::try_from(ends.rows).unwrap_or(usize::MAX);
    let mut cut = |chunk: &mut Chunk| {
        wanted_runs(chunk, runs);
        let mut kept = Vec::new();
        let mut keep = |run: &Range<usize>| {
            let count = run.len().min(left);
            left -= count;
            if count > 0 {
                kept.push(match ends.direction {
                    Direction::Ascending => run.start..run.start + count,
                    Direction::Descending => run.end - count..run.end,
                });
            }
        };
        match ends.direction {
            Direction::Ascending => runs.iter().for_each(&mut keep),
            Direction::Descending => runs.iter().rev().for_each(&mut keep),
        }
        kept.sort_unstable_by_key(|run| run.start);
        chunk.positions = kept;
    };
    match ends.direction {
        Direction::Ascending => chunks.iter_mut().for_each(&mut cut),
        Direction::Descending => chunks.iter_mut().rev().for_each(&mut cut),
    }
}
