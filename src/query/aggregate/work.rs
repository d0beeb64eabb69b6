//! One thread's share of an aggregation: its series into its own groups and cells.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::{Decimal, Value};
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::cells::{Cells, MeasureCells, widen};
use crate::query::aggregate::groups::Groups;
use crate::query::scan::{ScanSpec, Source, wanted_runs};
use crate::segment::{MeasureRun, Numbers};
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
                Some((part, series, group)) if (part, series) == (chunk.part, chunk.series) => group,
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

/// Where the positions of a chunk go: the cells of its group.
struct Target<'a> {
    group: usize,
    width: usize,
    cells: CellsOfChunk<'a>,
}

enum CellsOfChunk<'a> {
    /// All positions in the one cell of the group.
    One,
    /// Position 0 in this cell, the others after it.
    Line(usize),
    /// Position `i` in the cell that the list has at `i` plus this.
    Listed(&'a [u32], usize),
}

impl<'a> Target<'a> {
    fn of(
        source: &Source,
        spec: &'a AggregateSpec,
        chunk: &Chunk,
        group: usize,
    ) -> Result<Self> {
        let width = spec.keys.width();
        let Some(periods) = &spec.keys.periods else {
            return Ok(Self { group, width, cells: CellsOfChunk::One });
        };
        let outside = || Error::bug("a period outside the hull of its form");
        let first = chunk.data.slot(0);
        let table = source.periods().ok_or_else(outside)?;
        let place = table.place(first.form, first.index).ok_or_else(outside)?;
        let cells = match &periods.number_of_place {
            None => CellsOfChunk::Line(place),
            Some(numbers) => CellsOfChunk::Listed(numbers, place),
        };
        Ok(Self { group, width, cells })
    }

    /// The cell of a position, and what else names it.
    fn cell(&self, position: usize) -> (usize, usize, usize) {
        let cell = match self.cells {
            CellsOfChunk::One => 0,
            CellsOfChunk::Line(first) => first + position,
            CellsOfChunk::Listed(numbers, first) => numbers[first + position] as usize,
        };
        (self.group, cell, self.width)
    }

    fn count(&self, run: &Range<usize>, rows: &mut [u64]) {
        let base = self.group * self.width;
        match self.cells {
            CellsOfChunk::One => rows[base] += run.len() as u64,
            CellsOfChunk::Line(first) => {
                let start = base + first + run.start;
                rows[start..start + run.len()].iter_mut().for_each(|count| *count += 1);
            }
            CellsOfChunk::Listed(numbers, first) => {
                let start = first + run.start;
                for number in &numbers[start..start + run.len()] {
                    rows[base + *number as usize] += 1;
                }
            }
        }
    }

    /// Adds the numbers of a run in which every position has one.
    fn add_numbers(
        &self,
        measure: &MeasureRun,
        run: &Range<usize>,
        cells: &mut MeasureCells,
    ) -> Result<()> {
        match &measure.numbers {
            Numbers::None => {
                for position in run.clone() {
                    let (group, cell, width) = self.cell(position);
                    cells.lacking[group * width + cell] += 1;
                }
                Ok(())
            }
            Numbers::Doubles(values) => {
                for position in run.clone() {
                    cells.add_double(self.cell(position), values[position]);
                }
                Ok(())
            }
            Numbers::Decimals(values) => {
                self.add_mantissas(&values[run.clone()], measure.scale, run.start, cells)
            }
        }
    }

    fn add_mantissas(
        &self,
        values: &[i64],
        scale: u8,
        start: usize,
        cells: &mut MeasureCells,
    ) -> Result<()> {
        if let CellsOfChunk::One = self.cells {
            let extremes = match cells.extremes {
                Some(_) => values.iter().fold((i64::MAX, i64::MIN), |(least, greatest), value| {
                    (least.min(*value), greatest.max(*value))
                }),
                None => (0, 0),
            };
            let sum = Decimal { mantissa: total(values), scale };
            return cells.add_decimals((self.group, 0, 1), sum, extremes);
        }
        if let Some(sums) = &mut cells.sums {
            match self.cells {
                CellsOfChunk::Listed(numbers, first) => {
                    let from = first + start;
                    let targets = &numbers[from..from + values.len()];
                    sums.add_scattered(self.group, targets, values, scale)?;
                }
                _ => sums.add_run(self.group, self.cell(start).1, values, scale)?,
            }
        }
        if let Some(extremes) = &mut cells.extremes {
            for (position, value) in (start..).zip(values) {
                let (group, cell, width) = self.cell(position);
                let number = Decimal { mantissa: i128::from(*value), scale }.to_f64();
                widen(&mut extremes[group * width + cell], number);
            }
        }
        Ok(())
    }

    /// Counts what has no number, and adds the numbers that texts stand for.
    fn add_exceptions(
        &self,
        measure: &MeasureRun,
        runs: &[Range<usize>],
        cells: &mut MeasureCells,
    ) -> Result<()> {
        let is_wanted = |position: u16| {
            let position = usize::from(position);
            let after = runs.partition_point(|run| run.end <= position);
            runs.get(after).is_some_and(|run| run.start <= position)
        };
        for position in measure.missing.iter().filter(|position| is_wanted(**position)) {
            let (group, cell, width) = self.cell(usize::from(*position));
            cells.lacking[group * width + cell] += 1;
        }
        for (position, text) in measure.texts.iter().filter(|(position, _)| is_wanted(*position)) {
            let target = self.cell(usize::from(*position));
            let value = Value::parse(text);
            match (&value, value.number()) {
                (Value::Decimal(number), _) => cells.add_decimal(target, *number)?,
                (_, Some(number)) => cells.add_double(target, number),
                (_, None) => cells.lacking[target.0 * target.2 + target.1] += 1,
            }
        }
        Ok(())
    }
}

/// The sum of mantissas: in 64 bits where that cannot overflow.
fn total(values: &[i64]) -> i128 {
    let bits = values.iter().fold(0, |bits, value| bits | value.unsigned_abs());
    let fits = bits.checked_mul(values.len() as u64).is_some_and(|most| i64::try_from(most).is_ok());
    if fits {
        return i128::from(values.iter().fold(0_i64, |sum, value| sum.wrapping_add(*value)));
    }
    values.iter().map(|value| i128::from(*value)).sum()
}

/// The positions of `runs` that have a number: no missing ones, and no texts.
fn number_runs(measure: &MeasureRun, runs: &[Range<usize>], out: &mut Vec<Range<usize>>) {
    out.clear();
    if measure.missing.is_empty() && measure.texts.is_empty() {
        out.extend_from_slice(runs);
        return;
    }
    let mut missing = measure.missing.iter().map(|at| usize::from(*at)).peekable();
    let mut texts = measure.texts.iter().map(|(at, _)| usize::from(*at)).peekable();
    for run in runs {
        let mut start = run.start;
        loop {
            while missing.next_if(|at| *at < start).is_some() {}
            while texts.next_if(|at| *at < start).is_some() {}
            let next = [missing.peek(), texts.peek()].into_iter().flatten().min().copied();
            let end = next.map_or(run.end, |at| at.min(run.end));
            if start < end {
                out.push(start..end);
            }
            start = end + 1;
            if end == run.end {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::segment::Writing;

    use super::*;

    #[test]
    fn runs_of_numbers_leave_out_what_has_none() {
        let check = |missing: &[u16], texts: &[u16], expected: &[Range<usize>]| {
            let measure = MeasureRun {
                numbers: Numbers::None,
                scale: 0,
                writing: Writing::Fixed,
                rescaled: Vec::new(),
                missing: missing.to_vec(),
                texts: texts.iter().map(|at| (*at, "x".into())).collect(),
            };
            let mut found = Vec::new();
            number_runs(&measure, &[2..5, 7..10], &mut found);
            assert_eq!(found, expected, "{missing:?} {texts:?}");
        };
        check(&[], &[], &[2..5, 7..10]);
        check(&[0, 3, 6], &[9], &[2..3, 4..5, 7..9]);
        check(&[2, 4], &[3, 7], &[8..10]);
        check(&[1, 5, 10], &[], &[2..5, 7..10]);
    }

    #[test]
    fn totals_of_large_mantissas_do_not_overflow() {
        assert_eq!(total(&[i64::MAX, i64::MAX]), 2 * i128::from(i64::MAX));
        assert_eq!(total(&[i64::MIN, 1, -1]), i128::from(i64::MIN));
        assert_eq!(total(&[]), 0);
    }
}
