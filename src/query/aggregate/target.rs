//! Where the values of one chunk go: the cells of its group.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::model::{Decimal, Value};
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::cells::{MeasureCells, widen};
use crate::query::scan::Source;
use crate::segment::{MeasureRun, Numbers};
use crate::store::Chunk;

/// Where the positions of a chunk go: the cells of its group.
pub(super) struct Target<'a> {
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
    pub(super) fn of(
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

    pub(super) fn count(&self, run: &Range<usize>, rows: &mut [u64]) {
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
    pub(super) fn add_numbers(
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
    pub(super) fn add_exceptions(
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
    let fits =
        bits.checked_mul(values.len() as u64).is_some_and(|most| i64::try_from(most).is_ok());
    if fits {
        return i128::from(values.iter().fold(0_i64, |sum, value| sum.wrapping_add(*value)));
    }
    values.iter().map(|value| i128::from(*value)).sum()
}

/// The positions of `runs` that have a number: no missing ones, and no texts.
pub(super) fn number_runs(
    measure: &MeasureRun,
    runs: &[Range<usize>],
    out: &mut Vec<Range<usize>>,
) {
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
        check(&[2], &[3, 7], &[4..5, 8..10]);
        check(&[1, 5, 10], &[], &[2..5, 7..10]);
    }

    #[test]
    fn totals_of_large_mantissas_do_not_overflow() {
        assert_eq!(total(&[i64::MAX, i64::MAX]), 2 * i128::from(i64::MAX));
        assert_eq!(total(&[i64::MIN, 1, -1]), i128::from(i64::MIN));
        assert_eq!(total(&[]), 0);
    }
}
