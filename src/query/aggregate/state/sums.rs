//! Exact sums of one measure, a row of cells for each group.
//!
//! Cells are 64-bit integers at one scale a row, so that a run of values is added in one straight
//! loop. Each row knows a bound of its cells; before they could overflow, the row is emptied into
//! 128-bit ones.

use hashbrown::HashMap;

use crate::error::{Error, Result};
use crate::model::Decimal;
use crate::query::aggregate::state::exact::ExactSum;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::state::mapping::Mapping;

/// The largest bound under which cells of 64 bits are used.
const NARROW_MAX: u64 = i64::MAX as u64;

/// The sums of all cells.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    narrow: Vec<i64>,
    /// What no longer fits `narrow`; empty as long as all does.
    wide: Vec<i128>,
    /// The scale of each row.
    scales: Vec<u8>,
    /// What no cell of the row in `narrow` exceeds.
    bounds: Vec<u64>,
    /// Sums of doubles, by cell.
    doubles: HashMap<usize, ExactSum>,
}

/// How a run of mantissas gets to the scale of its row.
#[derive(Clone, Copy)]
enum Way {
    /// Times this, in 64 bits.
    Narrow(i64),
    /// Times this, in 128 bits.
    Wide(i128),
}

impl Sums {
    /// Makes room for so many cells.
    pub(crate) fn grow(&mut self, cells: usize) {
        self.narrow.resize(cells, 0);
        if !self.wide.is_empty() {
            self.wide.resize(cells, 0);
        }
    }

    /// Adds a row.
    pub(crate) fn push_row(&mut self) {
        self.scales.push(0);
        self.bounds.push(0);
    }

    /// Bytes of memory beside those of its narrow cells, about.
    pub(crate) fn grown_bytes(&self) -> usize {
        self.wide.capacity() * 16 + self.doubles.len() * 64
    }

    /// Adds mantissas to the cells of `row` from `cell` on, one each.
    #[inline]
    pub(crate) fn add_run(
        &mut self,
        row: Row,
        cell: usize,
        mantissas: &[i64],
        scale: u8,
    ) -> Result<()> {
        let cells = row.start + cell..row.start + cell + mantissas.len();
        match self.prepare(row, scale, bound(mantissas))? {
            Way::Narrow(1) => {
                for (sum, mantissa) in self.narrow[cells].iter_mut().zip(mantissas) {
                    *sum = sum.wrapping_add(*mantissa);
                }
            }
            Way::Narrow(factor) => {
                for (sum, mantissa) in self.narrow[cells].iter_mut().zip(mantissas) {
                    *sum = sum.wrapping_add(mantissa.wrapping_mul(factor));
                }
            }
            Way::Wide(factor) => {
                for (sum, mantissa) in self.wide[cells].iter_mut().zip(mantissas) {
                    *sum = multiply_add(*sum, i128::from(*mantissa), factor)?;
                }
            }
        }
        Ok(())
    }

    /// Adds mantissas to the cells of `row` that `cells` lists, one each; cells may repeat.
    pub(crate) fn add_scattered(
        &mut self,
        row: Row,
        cells: &[u32],
        mantissas: &[i64],
        scale: u8,
    ) -> Result<()> {
        let bound = bound(mantissas).saturating_mul(mantissas.len() as u64);
        match self.prepare(row, scale, bound)? {
            Way::Narrow(factor) => {
                let sums = &mut self.narrow[row.cells()];
                for (cell, mantissa) in cells.iter().zip(mantissas) {
                    let sum = &mut sums[*cell as usize];
                    *sum = sum.wrapping_add(mantissa.wrapping_mul(factor));
                }
            }
            Way::Wide(factor) => {
                let sums = &mut self.wide[row.cells()];
                for (cell, mantissa) in cells.iter().zip(mantissas) {
                    let sum = &mut sums[*cell as usize];
                    *sum = multiply_add(*sum, i128::from(*mantissa), factor)?;
                }
            }
        }
        Ok(())
    }

    /// Adds one number to one cell.
    pub(crate) fn add(&mut self, row: Row, cell: usize, number: Decimal) -> Result<()> {
        let cell = row.start + cell;
        let size = u64::try_from(number.mantissa.unsigned_abs()).unwrap_or(u64::MAX);
        match (self.prepare(row, number.scale, size)?, i64::try_from(number.mantissa)) {
            (Way::Narrow(factor), Ok(mantissa)) => {
                let sum = &mut self.narrow[cell];
                *sum = sum.wrapping_add(mantissa.wrapping_mul(factor));
            }
            (Way::Narrow(factor), Err(_)) => {
                self.widen();
                let sum = &mut self.wide[cell];
                *sum = multiply_add(*sum, number.mantissa, i128::from(factor))?;
            }
            (Way::Wide(factor), _) => {
                let sum = &mut self.wide[cell];
                *sum = multiply_add(*sum, number.mantissa, factor)?;
            }
        }
        Ok(())
    }

    /// Adds a finite double to one cell.
    pub(crate) fn add_double(&mut self, row: Row, cell: usize, number: f64) {
        self.doubles.entry(row.start + cell).or_default().add(number);
    }

    /// Adds the sums of another table.
    pub(crate) fn merge(&mut self, other: &Self, to: &Mapping<'_>) -> Result<()> {
        for (theirs, ours) in to.rows() {
            let (narrow, scale) = (&other.narrow[theirs.cells()], other.scales[theirs.number]);
            match to.cells {
                None => self.add_run(ours, 0, narrow, scale)?,
                Some(cells) => self.add_scattered(ours, cells, narrow, scale)?,
            }
            if other.wide.is_empty() {
                continue;
            }
            for (cell, mantissa) in other.wide[theirs.cells()].iter().enumerate() {
                if *mantissa != 0 {
                    self.add(ours, to.cell(cell), Decimal { mantissa: *mantissa, scale })?;
                }
            }
        }
        for (place, sum) in &other.doubles {
            self.doubles.entry(to.place(*place)).or_default().merge(sum);
        }
        Ok(())
    }

    /// The sums of all cells, by their places, and the scale of those of a row, where all of them are
    /// of decimals and fit 64 bits: nearly always.
    pub(crate) fn narrow(&self, row: usize) -> Option<(&[i64], u8)> {
        let is_narrow = self.wide.is_empty() && self.doubles.is_empty();
        is_narrow.then(|| (self.narrow.as_slice(), self.scales[row]))
    }

    /// The sum of the decimals of a cell of a row, by its place, and that of its doubles.
    pub(crate) fn sum(&self, row: usize, place: usize) -> Result<(Decimal, Option<&ExactSum>)> {
        let scale = self.scales[row];
        let mut mantissa = i128::from(self.narrow[place]);
        if let Some(wide) = self.wide.get(place) {
            mantissa = wide.checked_add(mantissa).ok_or_else(overflow)?;
        }
        let doubles = if self.doubles.is_empty() { None } else { self.doubles.get(&place) };
        Ok((Decimal { mantissa, scale }, doubles))
    }

    /// Makes a row fit for mantissas of `scale` up to `bound`, which it then counts as added.
    #[inline]
    fn prepare(&mut self, row: Row, scale: u8, bound: u64) -> Result<Way> {
        let (known, before) = (self.scales[row.number], self.bounds[row.number]);
        // Series of one group often differ in their digits after the point.
        if let Some(factor) = POWERS.get(usize::from(known.wrapping_sub(scale))) {
            let after = bound.checked_mul(factor.unsigned_abs());
            let after = after.and_then(|added| before.checked_add(added));
            if let Some(after) = after.filter(|after| *after <= NARROW_MAX) {
                self.bounds[row.number] = after;
                return Ok(Way::Narrow(*factor));
            }
        }
        self.prepare_slowly(row, scale, bound)
    }

    #[cold]
    fn prepare_slowly(&mut self, row: Row, scale: u8, bound: u64) -> Result<Way> {
        if scale > self.scales[row.number] {
            self.rescale(row, scale)?;
        }
        let factor = power(self.scales[row.number] - scale)?;
        let narrow = i64::try_from(factor).ok();
        let added = narrow.and_then(|factor| bound.checked_mul(factor.unsigned_abs()));
        if let (Some(factor), Some(added)) = (narrow, added.filter(|added| *added <= NARROW_MAX)) {
            if self.bounds[row.number].saturating_add(added) > NARROW_MAX {
                self.empty(row)?;
            }
            self.bounds[row.number] += added;
            return Ok(Way::Narrow(factor));
        }
        self.widen();
        Ok(Way::Wide(factor))
    }

    /// Brings a row to a larger scale.
    fn rescale(&mut self, row: Row, scale: u8) -> Result<()> {
        let factor = power(scale - self.scales[row.number])?;
        let bound = self.bounds[row.number];
        let narrow = i64::try_from(factor).ok();
        let after = narrow.and_then(|factor| bound.checked_mul(factor.unsigned_abs()));
        let after = after.filter(|after| *after <= NARROW_MAX);
        if after.is_none() {
            self.empty(row)?;
        }
        if let (Some(after), Some(factor)) = (after, narrow) {
            self.bounds[row.number] = after;
            self.narrow[row.cells()].iter_mut().for_each(|sum| *sum = sum.wrapping_mul(factor));
        }
        if !self.wide.is_empty() {
            for sum in &mut self.wide[row.cells()] {
                *sum = sum.checked_mul(factor).ok_or_else(overflow)?;
            }
        }
        self.scales[row.number] = scale;
        Ok(())
    }

    /// Empties a row into the wide cells.
    fn empty(&mut self, row: Row) -> Result<()> {
        self.widen();
        let narrow = self.narrow[row.cells()].iter_mut();
        for (wide, narrow) in self.wide[row.cells()].iter_mut().zip(narrow) {
            *wide = wide.checked_add(i128::from(*narrow)).ok_or_else(overflow)?;
            *narrow = 0;
        }
        self.bounds[row.number] = 0;
        Ok(())
    }

    fn widen(&mut self) {
        self.wide.resize(self.narrow.len(), 0);
    }
}

/// The powers of ten that 64 bits hold.
const POWERS: [i64; 19] = powers();

const fn powers() -> [i64; 19] {
    let mut powers = [1; 19];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
}

/// What none of the mantissas exceeds, and at most twice as much as the largest.
#[inline]
fn bound(mantissas: &[i64]) -> u64 {
    mantissas.iter().fold(0, |bits, mantissa| bits | mantissa.unsigned_abs())
}

#[inline]
fn multiply_add(sum: i128, mantissa: i128, factor: i128) -> Result<i128> {
    // What two numbers of 64 bits make fits, and is one instruction.
    if let (Ok(mantissa), Ok(factor)) = (i64::try_from(mantissa), i64::try_from(factor)) {
        let product = i128::from(mantissa).wrapping_mul(i128::from(factor));
        return sum.checked_add(product).ok_or_else(overflow);
    }
    let product = mantissa.checked_mul(factor);
    product.and_then(|product| sum.checked_add(product)).ok_or_else(overflow)
}

fn power(exponent: u8) -> Result<i128> {
    if let Some(power) = POWERS.get(usize::from(exponent)) {
        return Ok(i128::from(*power));
    }
    10_i128.checked_pow(u32::from(exponent)).ok_or_else(overflow)
}

fn overflow() -> Error {
    Error::invalid("sum", "has more than 38 digits; sum fewer observations, or round them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::aggregate::state::layout::{Layout, Line};

    /// The only row, of two cells.
    const ROW: Row = Row { number: 0, start: 0, len: 2 };

    fn layout(len: usize) -> Layout {
        let mut layout = Layout::new(vec![Line::whole(len)]);
        layout.push(len);
        layout
    }

    /// Adds single numbers in both orders and through a merge; all must give the same sum.
    fn check(numbers: &[&str], expected: &str) {
        let numbers: Vec<Decimal> =
            numbers.iter().map(|n| Decimal::parse(n.as_bytes()).expect("a decimal")).collect();
        let sum_of = |numbers: &[Decimal]| {
            let mut sums = Sums::default();
            sums.grow(2);
            sums.push_row();
            for number in numbers {
                match i64::try_from(number.mantissa) {
                    Ok(mantissa) => sums.add_run(ROW, 1, &[mantissa], number.scale),
                    Err(_) => sums.add(ROW, 1, *number),
                }
                .expect("fits");
            }
            sums
        };
        let shown = |sums: &Sums| sums.sum(0, 1).expect("fits").0.shortest().to_string();
        assert_eq!(shown(&sum_of(&numbers)), expected);
        let back: Vec<Decimal> = numbers.iter().rev().copied().collect();
        assert_eq!(shown(&sum_of(&back)), expected);
        let (layout, rows) = (layout(2), [0]);
        let mapping = Mapping { rows: &rows, cells: None, theirs: &layout, ours: &layout };
        for at in 0..numbers.len() {
            let mut left = sum_of(&numbers[..at]);
            left.merge(&sum_of(&numbers[at..]), &mapping).expect("fits");
            assert_eq!(shown(&left), expected);
        }
    }

    #[test]
    fn sums_are_exact_over_all_scales_and_sizes() {
        check(&["1", "2", "3"], "6");
        check(&["0.1", "0.2", "-0.30"], "0");
        check(&["9223372036854775807", "9223372036854775807", "1"], "18446744073709551615");
        check(&["9223372036854775807", "0.000001"], "9223372036854775807.000001");
        check(&["0.0000000000000000001", "5000000000000"], "5000000000000.0000000000000000001");
        check(&["-9223372036854775807", "-9223372036854775807.5"], "-18446744073709551614.5");
        check(
            &["123456789012345678901234567890", "0.5", "-0.25"],
            "123456789012345678901234567890.25",
        );
    }

    #[test]
    fn says_when_a_sum_has_too_many_digits() {
        let mut sums = Sums::default();
        sums.grow(2);
        sums.push_row();
        let large = Decimal { mantissa: i128::MAX / 2 + 1, scale: 0 };
        sums.add(ROW, 0, large).expect("fits");
        assert!(sums.add(ROW, 0, large).is_err());
        assert!(sums.add(ROW, 0, Decimal { mantissa: 1, scale: 30 }).is_err());
    }
}
