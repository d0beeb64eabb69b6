//! Where the values of one chunk go: the cells of its group.

use std::iter;
use std::ops::Range;

use crate::error::Result;
use crate::model::{Decimal, Value};
use crate::query::aggregate::keys::grouping::Keys;
use crate::query::aggregate::state::cells::{InputCells, widen};
use crate::query::aggregate::state::layout::{LINE_CELLS, Row};
use crate::query::aggregate::walk::positions::Positions;
use crate::query::scan::exact_divisor;
use crate::segment::{ChunkNumbers, MeasureRun, Numbers};

/// From minus this to below this, so many mantissas are added in 64 bits.
const SMALL_MAX: i64 = 1 << 50;
const SMALL_COUNT_MAX: usize = 1 << 12;

/// Where the positions of a chunk go: the cells of its group.
pub(crate) struct Target<'a> {
    /// The rows of the group: one, or as many as the chunk touches lines.
    rows: &'a [Row],
    cells: CellsOfChunk<'a>,
}

#[derive(Clone, Copy)]
enum CellsOfChunk<'a> {
    /// All positions in the one cell of the group.
    One,
    /// Position 0 in this cell of the first row, the others after it, row by row.
    Lines(usize),
    /// Position `i` in the cell that the list has at `i` plus this.
    Listed(&'a [u32], usize),
}

impl<'a> Target<'a> {
    /// The cells of a group, of which these are the rows, for a chunk whose first period has this
    /// place. There is one row, or as many as the chunk touches lines, and the first of them begins
    /// with the number `first`.
    pub(crate) fn new(keys: &'a Keys, place: usize, (rows, first): (&'a [Row], usize)) -> Self {
        let cells = match keys.periods.as_ref().map(|periods| &periods.number_of_place) {
            None => CellsOfChunk::One,
            Some(None) => CellsOfChunk::Lines(place - first),
            Some(Some(numbers)) => CellsOfChunk::Listed(numbers, place),
        };
        Self { rows, cells }
    }

    /// The cell of a position: its row, and its number there.
    #[inline]
    pub(crate) fn cell(&self, position: usize) -> (Row, usize) {
        match self.cells {
            CellsOfChunk::One => (self.rows[0], 0),
            CellsOfChunk::Listed(numbers, first) => {
                (self.rows[0], numbers[first + position] as usize)
            }
            CellsOfChunk::Lines(first) => self.cell_of_lines(first + position),
        }
    }

    /// The cell that lies so many cells after the first row begins.
    #[inline]
    fn cell_of_lines(&self, at: usize) -> (Row, usize) {
        match self.rows {
            [only] => (*only, at),
            rows => (rows[at / LINE_CELLS], at % LINE_CELLS),
        }
    }

    /// The place of the cell that all positions go to, if there is one.
    pub(crate) fn only(&self) -> Option<usize> {
        matches!(self.cells, CellsOfChunk::One).then_some(self.rows[0].start)
    }

    /// The place of the cell of a position.
    #[inline]
    pub(crate) fn at(&self, position: usize) -> usize {
        let (row, cell) = self.cell(position);
        row.start + cell
    }

    /// The parts of a run whose cells are neighbours, each with its first cell.
    #[inline]
    fn parts(
        &self,
        first: usize,
        run: &Range<usize>,
    ) -> impl Iterator<Item = ((Row, usize), Range<usize>)> {
        let mut rest = run.clone();
        iter::from_fn(move || {
            let start = rest.start;
            (start < rest.end).then(|| {
                let (row, cell) = self.cell_of_lines(first + start);
                rest.start = rest.end.min(start + row.len - cell);
                ((row, cell), start..rest.start)
            })
        })
    }

    /// Counts observations.
    pub(crate) fn count(&self, positions: &Positions, rows: &mut [u64]) {
        match self.cells {
            CellsOfChunk::One => rows[self.rows[0].start] += positions.len() as u64,
            _ => positions.runs().for_each(|run| self.count_run(&run, rows)),
        }
    }

    /// Counts the observations of a run.
    #[inline]
    pub(crate) fn count_run(&self, run: &Range<usize>, rows: &mut [u64]) {
        match self.cells {
            CellsOfChunk::One => rows[self.rows[0].start] += run.len() as u64,
            CellsOfChunk::Lines(first) => {
                for ((row, cell), part) in self.parts(first, run) {
                    let from = row.start + cell;
                    // Counts are far below 64 bits, and without a check several are added at a time.
                    let counts = rows[from..from + part.len()].iter_mut();
                    counts.for_each(|count| *count = count.wrapping_add(1));
                }
            }
            CellsOfChunk::Listed(numbers, first) => {
                let base = self.rows[0].start;
                for number in &numbers[first + run.start..first + run.end] {
                    rows[base + *number as usize] += 1;
                }
            }
        }
    }

    /// Adds the values at `positions`, each of which has an observation. `plain` is for work.
    pub(crate) fn add(
        &self,
        measure: &MeasureRun,
        positions: &Positions,
        plain: &mut Positions,
        cells: &mut InputCells,
    ) -> Result<()> {
        if measure.missing.is_empty() && measure.texts.is_empty() {
            return self.add_numbers(measure, positions, cells);
        }
        plain.copy_from(positions);
        measure.missing.iter().for_each(|position| plain.remove(usize::from(*position)));
        measure.texts.iter().for_each(|(position, _)| plain.remove(usize::from(*position)));
        self.add_numbers(measure, plain, cells)?;
        self.add_exceptions(measure, positions, cells)
    }

    /// Adds the numbers at positions of which every one has one.
    fn add_numbers(
        &self,
        measure: &MeasureRun,
        positions: &Positions,
        cells: &mut InputCells,
    ) -> Result<()> {
        match numbers(measure) {
            ChunkNumbers::None => self.count(positions, &mut cells.lacking),
            numbers => {
                for run in positions.runs() {
                    self.add_run(numbers, &run, cells)?;
                }
            }
        }
        Ok(())
    }

    /// Adds the numbers of a run of which every position has one, or none has.
    pub(crate) fn add_run(
        &self,
        numbers: ChunkNumbers<'_>,
        run: &Range<usize>,
        cells: &mut InputCells,
    ) -> Result<()> {
        match numbers {
            ChunkNumbers::None => self.count_run(run, &mut cells.lacking),
            ChunkNumbers::Doubles(values) => {
                for position in run.clone() {
                    cells.add_double(self.cell(position), values[position]);
                }
            }
            ChunkNumbers::Decimals(values, scale) => {
                self.add_mantissas(&values[run.clone()], scale, run, cells)?;
            }
        }
        Ok(())
    }

    /// The same for several runs, which are added at one go where they have one cell.
    pub(crate) fn add_runs(
        &self,
        numbers: ChunkNumbers<'_>,
        runs: &[Range<usize>],
        cells: &mut InputCells,
    ) -> Result<()> {
        if let (CellsOfChunk::One, ChunkNumbers::Decimals(values, scale), [_, _, ..]) =
            (self.cells, numbers, runs)
        {
            return add_runs_to_one(self.rows[0], (values, scale), runs, cells);
        }
        for run in runs {
            self.add_run(numbers, run, cells)?;
        }
        Ok(())
    }

    fn add_mantissas(
        &self,
        values: &[i64],
        scale: u8,
        run: &Range<usize>,
        cells: &mut InputCells,
    ) -> Result<()> {
        let row = self.rows[0];
        match self.cells {
            CellsOfChunk::One => add_to_one(row, values, scale, cells),
            CellsOfChunk::Lines(first) => {
                let mut values = values;
                for (cell, part) in self.parts(first, run) {
                    let (now, later) = values.split_at(part.len());
                    add_to_row(cell, now, scale, cells)?;
                    values = later;
                }
                Ok(())
            }
            CellsOfChunk::Listed(numbers, first) => {
                let targets = &numbers[first + run.start..first + run.end];
                if let Some(sums) = &mut cells.sums {
                    sums.add_scattered(row, targets, values, scale)?;
                }
                if let Some(squares) = &mut cells.squares {
                    for (cell, value) in targets.iter().zip(values) {
                        squares.add_all(row, *cell as usize, &[*value], scale);
                    }
                }
                if let Some(extremes) = &mut cells.extremes {
                    for (cell, value) in targets.iter().zip(values) {
                        let number = Decimal { mantissa: i128::from(*value), scale }.to_f64();
                        widen(&mut extremes[row.start + *cell as usize], number);
                    }
                }
                Ok(())
            }
        }
    }

    /// Counts observations without a value.
    pub(crate) fn add_missing(&self, missing: impl Iterator<Item = usize>, cells: &mut InputCells) {
        for position in missing {
            cells.lacking[self.at(position)] += 1;
        }
    }

    /// Counts what has no number, and adds the numbers that texts stand for.
    fn add_exceptions(
        &self,
        measure: &MeasureRun,
        positions: &Positions,
        cells: &mut InputCells,
    ) -> Result<()> {
        let missing = measure.missing.iter().map(|position| usize::from(*position));
        self.add_missing(missing.filter(|position| positions.contains(*position)), cells);
        for (position, text) in &measure.texts {
            let position = usize::from(*position);
            if !positions.contains(position) {
                continue;
            }
            let target = self.cell(position);
            let value = Value::parse(text);
            match (value.decimal(), value.number()) {
                (Some(number), _) => cells.add_decimal(target, number)?,
                (_, Some(number)) => cells.add_double(target, number),
                (_, None) => cells.lacking[target.0.start + target.1] += 1,
            }
        }
        Ok(())
    }
}

/// Adds mantissas to the only cell of a row.
fn add_to_one(row: Row, values: &[i64], scale: u8, cells: &mut InputCells) -> Result<()> {
    if let Some(squares) = &mut cells.squares {
        squares.add_all(row, 0, values, scale);
    }
    let extremes = match cells.extremes {
        Some(_) => values.iter().fold((i64::MAX, i64::MIN), |(least, greatest), value| {
            (least.min(*value), greatest.max(*value))
        }),
        None => (0, 0),
    };
    cells.add_decimals(row, Decimal { mantissa: total(values), scale }, extremes)
}

/// Adds the mantissas of some runs to the only cell of a row.
fn add_runs_to_one(
    row: Row,
    (values, scale): (&[i64], u8),
    runs: &[Range<usize>],
    cells: &mut InputCells,
) -> Result<()> {
    let (mut sum, mut extremes) = (0_i128, (i64::MAX, i64::MIN));
    for run in runs {
        let values = &values[run.clone()];
        if let Some(squares) = &mut cells.squares {
            squares.add_all(row, 0, values, scale);
        }
        if cells.extremes.is_some() {
            extremes = values.iter().fold(extremes, |(least, greatest), value| {
                (least.min(*value), greatest.max(*value))
            });
        }
        // Far below 128 bits: a chunk has fewer than 2^16 mantissas.
        sum = sum.wrapping_add(total(values));
    }
    cells.add_decimals(row, Decimal { mantissa: sum, scale }, extremes)
}

/// Adds mantissas to the cells of a row from one on, one each.
#[inline]
fn add_to_row(
    (row, cell): (Row, usize),
    values: &[i64],
    scale: u8,
    cells: &mut InputCells,
) -> Result<()> {
    if let Some(sums) = &mut cells.sums {
        sums.add_run(row, cell, values, scale)?;
    }
    if let Some(squares) = &mut cells.squares {
        for (cell, value) in (cell..).zip(values) {
            squares.add_all(row, cell, &[*value], scale);
        }
    }
    if let Some(extremes) = &mut cells.extremes {
        let from = row.start + cell;
        let extremes = extremes[from..from + values.len()].iter_mut().zip(values);
        match exact_divisor(values, scale) {
            #[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
            Some(divisor) => extremes.for_each(|((least, greatest), value)| {
                let number = *value as f64 / divisor;
                *least = least.min(number);
                *greatest = greatest.max(number);
            }),
            None => extremes.for_each(|(cell, value)| {
                widen(cell, Decimal { mantissa: i128::from(*value), scale }.to_f64());
            }),
        }
    }
    Ok(())
}

/// The numbers of a decoded chunk, lent.
pub(crate) fn numbers(measure: &MeasureRun) -> ChunkNumbers<'_> {
    match &measure.numbers {
        Numbers::None => ChunkNumbers::None,
        Numbers::Decimals(values) => ChunkNumbers::Decimals(values, measure.scale),
        Numbers::Doubles(values) => ChunkNumbers::Doubles(values),
    }
}

/// The sum of mantissas: in 64 bits where that cannot overflow.
fn total(values: &[i64]) -> i128 {
    // What lies outside has bits above those of twice the bound.
    let bits = values.iter().fold(0, |bits, value| bits | value.wrapping_add(SMALL_MAX));
    if (0..2 * SMALL_MAX).contains(&bits) && values.len() <= SMALL_COUNT_MAX {
        return i128::from(values.iter().fold(0_i64, |sum, value| sum.wrapping_add(*value)));
    }
    values.iter().map(|value| i128::from(*value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_large_mantissas_do_not_overflow() {
        assert_eq!(total(&[i64::MAX, i64::MAX]), 2 * i128::from(i64::MAX));
        assert_eq!(total(&[i64::MIN, 1, -1]), i128::from(i64::MIN));
        assert_eq!(total(&[]), 0);
        let near = [SMALL_MAX - 1, SMALL_MAX, -SMALL_MAX, -SMALL_MAX - 1];
        for value in near {
            let many = vec![value; SMALL_COUNT_MAX + 1];
            assert_eq!(total(&many), i128::from(value) * many.len() as i128);
            assert_eq!(total(&many[1..]), i128::from(value) * SMALL_COUNT_MAX as i128);
        }
    }
}
