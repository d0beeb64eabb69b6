//! One thread's share of an aggregation: its series into its own groups and cells.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::Decimal;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::cells::Cells;
use crate::query::aggregate::groups::Groups;
use crate::query::aggregate::target::{Target, number_runs};
use crate::query::scan::{ScanSpec, Source, wanted_runs};
use crate::store::{Chunk, Part, PeriodFilter, ScanOrder, ScanRequest, Selections};

/// Groups to make room for at first.
const GROUPS_FIRST: usize = 16;

/// What one thread has found.
pub(super) struct Work<'a> {
    source: &'a Source,
    scan: &'a ScanSpec,
    spec: &'a AggregateSpec,
    cancelled: &'a AtomicBool,
    pub(super) groups: Groups,
    pub(super) cells: Cells,
    runs: Vec<Range<usize>>,
    numbers: Vec<Range<usize>>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        source: &'a Source,
        scan: &'a ScanSpec,
        spec: &'a AggregateSpec,
        cancelled: &'a AtomicBool,
    ) -> Self {
        let groups = Groups::new(spec.keys.key_count);
        let cells = Cells::new(spec);
        let (runs, numbers) = (Vec::new(), Vec::new());
        Self { source, scan, spec, cancelled, groups, cells, runs, numbers }
    }

    /// Aggregates these series. `reserve` is asked before memory grows to so many bytes.
    pub(super) fn run(
        &mut self,
        series: &Selections,
        reserve: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let is_whole = matches!(self.scan.periods, PeriodFilter::All);
        if is_whole && self.spec.keys.periods.is_none() {
            let rest = self.run_totals(series, reserve)?;
            if rest.0.iter().any(|selection| !selection.is_empty()) {
                self.run_chunks(&rest, Skip::Exact, reserve)?;
            }
            return Ok(());
        }
        self.run_chunks(series, Skip::Nothing, reserve)
    }

    /// Adds what is stored of whole chunks. Returns the series that have a chunk whose totals do
    /// not say everything.
    fn run_totals(
        &mut self,
        series: &Selections,
        reserve: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Selections> {
        let source = self.source;
        let mut packed = Vec::new();
        let mut rest = Vec::with_capacity(series.0.len());
        for (part, selection) in source.cube().parts().iter().zip(&series.0) {
            let mut left = Selection::empty();
            self.pack(part, selection, &mut packed)?;
            for (ordinal, key) in selection.iter().zip(&packed) {
                self.check_cancelled()?;
                let mut group = None;
                for chunk in part.live_chunks(ordinal)? {
                    if !self.is_exact(part, chunk)? {
                        left.insert(ordinal);
                        continue;
                    }
                    let group = match group {
                        Some(group) => group,
                        None => *group.insert(self.group(*key, reserve)?),
                    };
                    let observations = u64::from(part.span(chunk)?.observations);
                    self.cells.rows[group] += observations;
                    for cells in &mut self.cells.measures {
                        let total = part.total(cells.measure, chunk)?;
                        cells.lacking[group] += observations - u64::from(total.count);
                        if total.count > 0 {
                            let sum = Decimal { mantissa: total.sum, scale: total.scale };
                            let extremes = (total.min, total.max);
                            cells.add_decimals((group, 0, 1), sum, extremes)?;
                        }
                    }
                }
            }
            rest.push(left);
        }
        Ok(Selections(rest))
    }

    fn is_exact(&self, part: &Part, chunk: u32) -> Result<bool> {
        for cells in &self.cells.measures {
            if !part.total(cells.measure, chunk)?.is_exact {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The packed key of each selected series, in their order.
    fn pack(&self, part: &Part, selection: &Selection, packed: &mut Vec<u64>) -> Result<()> {
        let count = usize::try_from(selection.len()).unwrap_or(usize::MAX);
        packed.clear();
        packed.resize(count, 0);
        let is_most = selection.len() > u64::from(part.series_count()) / 4;
        let mut codes = Vec::new();
        for key in &self.spec.keys.dimensions {
            if is_most {
                part.codes_into(key.dimension, &mut codes)?;
                for (sum, ordinal) in packed.iter_mut().zip(selection.iter()) {
                    *sum += key.number(codes[ordinal as usize]) * key.stride;
                }
            } else {
                for (sum, ordinal) in packed.iter_mut().zip(selection.iter()) {
                    *sum += key.number(part.code(key.dimension, ordinal)?) * key.stride;
                }
            }
        }
        Ok(())
    }

    /// The number of a group, with room for its cells.
    fn group(&mut self, key: u64, reserve: &mut dyn FnMut(usize) -> Result<()>) -> Result<usize> {
        let group = self.groups.number(key);
        if group >= self.cells.capacity() {
            let groups = (self.cells.capacity() * 2).max(GROUPS_FIRST);
            let more = (groups - self.cells.capacity()) * self.cells.bytes_per_group();
            reserve(self.memory_bytes() + more)?;
            self.cells.grow(groups);
        }
        Ok(group)
    }

    /// Bytes of memory, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.groups.memory_bytes() + self.cells.memory_bytes()
    }

    fn check_cancelled(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::bug("a cancelled aggregation whose result is awaited"));
        }
        Ok(())
    }

    /// Decodes chunks and adds their values.
    fn run_chunks(
        &mut self,
        series: &Selections,
        skip: Skip,
        reserve: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<()> {
        let source = self.source;
        let request = ScanRequest {
            series: series.clone(),
            periods: self.scan.periods.clone(),
            measures: self.spec.measures(),
            attributes: Vec::new(),
            order: ScanOrder::Stored,
        };
        let mut cursor = source.cube().cursor(request)?;
        let mut last: Option<(usize, u32, usize)> = None;
        while let Some(chunk) = cursor.next()? {
            self.check_cancelled()?;
            let part = &source.cube().parts()[chunk.part];
            if skip == Skip::Exact && self.is_exact(part, chunk.chunk)? {
                continue;
            }
            wanted_runs(chunk, &mut self.runs);
            if self.runs.is_empty() {
                continue;
            }
            let group = match last {
                Some((part, series, group)) if (part, series) == (chunk.part, chunk.series) => {
                    group
                }
                _ => {
                    let mut key = 0;
                    for dimension in &self.spec.keys.dimensions {
                        let code = part.code(dimension.dimension, chunk.series)?;
                        key += dimension.number(code) * dimension.stride;
                    }
                    self.group(key, reserve)?
                }
            };
            last = Some((chunk.part, chunk.series, group));
            self.add_chunk(chunk, group)?;
        }
        Ok(())
    }

    fn add_chunk(&mut self, chunk: &Chunk, group: usize) -> Result<()> {
        let target = Target::of(self.source, self.spec, chunk, group)?;
        for run in &self.runs {
            target.count(run, &mut self.cells.rows);
        }
        for cells in &mut self.cells.measures {
            let measure = &chunk.data.measures[cells.measure];
            number_runs(measure, &self.runs, &mut self.numbers);
            for run in &self.numbers {
                target.add_numbers(measure, run, cells)?;
            }
            target.add_exceptions(measure, &self.runs, cells)?;
        }
        Ok(())
    }
}

/// Which chunks have been counted already.
#[derive(Clone, Copy, PartialEq)]
enum Skip {
    Nothing,
    /// Those whose totals say everything.
    Exact,
}
