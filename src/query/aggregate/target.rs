//! Where the values of one chunk go: the cells of its group.

use std::ops::Range;

use crate::error::Result;
use crate::model::{Decimal, Value};
use crate::query::aggregate::cells::{InputCells, widen};
use crate::query::aggregate::keys::Keys;
use crate::query::aggregate::positions::Positions;
use crate::segment::{ChunkNumbers, MeasureRun, Numbers};

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
    /// The cells of `group` for a chunk whose first period has this place.
    pub(super) fn new(keys: &'a Keys, place: usize, group: usize) -> Self {
        let cells = match keys.periods.as_ref().map(|periods| &periods.number_of_place) {
            None => CellsOfChunk::One,
            Some(None) => CellsOfChunk::Line(place),
            Some(Some(numbers)) => CellsOfChunk::Listed(numbers, place),
        };
        Self { group, width: keys.width(), cells }
    }

    /// The cell of a position, and what else names it.
    pub(super) fn cell(&self, position: usize) -> (usize, usize, usize) {
        let cell = match self.cells {
            CellsOfChunk::One => 0,
            CellsOfChunk::Line(first) => first + position,
            CellsOfChunk::Listed(numbers, first) => numbers[first + position] as usize,
        };
        (self.group, cell, self.width)
    }

    /// The place of the cell that all positions go to, if there is one.
    pub(super) fn only(&self) -> Option<usize> {
        matches!(self.cells, CellsOfChunk::One).then_some(self.group * self.width)
    }

    /// The place of the cell of a position.
    #[inline]
    pub(super) fn at(&self, position: usize) -> usize {
        let (group, cell, width) = self.cell(position);
        group * width + cell
    }

    /// Counts observations.
    pub(super) fn count(&self, positions: &Positions, rows: &mut [u64]) {
        match self.cells {
            CellsOfChunk::One => rows[self.group] += positions.len() as u64,
            _ => positions.runs().for_each(|run| self.count_run(&run, rows)),
        }
    }

    /// Counts the observations of a run.
    pub(super) fn count_run(&self, run: &Range<usize>, rows: &mut [u64]) {
        let base = self.group * self.width;
        match self.cells {
            CellsOfChunk::One => rows[base] += run.len() as u64,
            CellsOfChunk::Line(first) => {
                let start = base + first + run.start;
                rows[start..start + run.len()].iter_mut().for_each(|count| *count += 1);
            }
            CellsOfChunk::Listed(numbers, first) => {
                for number in &numbers[first + run.start..first + run.end] {
                    rows[base + *number as usize] += 1;
                }
            }
        }
    }

    /// Adds the values at `positions`, each of which has an observation. `plain` is for work.
    pub(super) fn add(
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
    pub(super) fn add_run(
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

    fn add_mantissas(
        &self,
        values: &[i64],
        scale: u8,
        run: &Range<usize>,
        cells: &mut InputCells,
    ) -> Result<()> {
        if let CellsOfChunk::One = self.cells {
            if let Some(squares) = &mut cells.squares {
                squares.add_all(self.group, 0, values, scale);
            }
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
                    let targets = &numbers[first + run.start..first + run.end];
                    sums.add_scattered(self.group, targets, values, scale)?;
                }
                _ => sums.add_run(self.group, self.cell(run.start).1, values, scale)?,
            }
        }
        if let Some(squares) = &mut cells.squares {
            for (position, value) in run.clone().zip(values) {
                squares.add_all(self.group, self.cell(position).1, &[*value], scale);
            }
        }
        if let Some(extremes) = &mut cells.extremes {
            for (position, value) in run.clone().zip(values) {
                let (group, cell, width) = self.cell(position);
                let number = Decimal { mantissa: i128::from(*value), scale }.to_f64();
                widen(&mut extremes[group * width + cell], number);
            }
        }
        Ok(())
    }

    /// Counts observations without a value.
    pub(super) fn add_missing(&self, missing: impl Iterator<Item = usize>, cells: &mut InputCells) {
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
            match (&value, value.number()) {
                (Value::Decimal(number), _) => cells.add_decimal(target, *number)?,
                (_, Some(number)) => cells.add_double(target, number),
                (_, None) => cells.lacking[target.0 * target.2 + target.1] += 1,
            }
        }
        Ok(())
    }
}

/// The numbers of a decoded chunk, lent.
pub(super) fn numbers(measure: &MeasureRun) -> ChunkNumbers<'_> {
    match &measure.numbers {
        Numbers::None => ChunkNumbers::None,
        Numbers::Decimals(values) => ChunkNumbers::Decimals(values, measure.scale),
        Numbers::Doubles(values) => ChunkNumbers::Doubles(values),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_of_large_mantissas_do_not_overflow() {
        assert_eq!(total(&[i64::MAX, i64::MAX]), 2 * i128::from(i64::MAX));
        assert_eq!(total(&[i64::MIN, 1, -1]), i128::from(i64::MIN));
        assert_eq!(total(&[]), 0);
    }
}
