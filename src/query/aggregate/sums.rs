//! Exact sums of one measure, a row of cells for each group.
//!
//! Cells are 64-bit integers at one scale a row, so that a run of values is added in one straight
//! loop. Each row knows a bound of its cells; before they could overflow, the row is emptied into
//! 128-bit ones.

use hashbrown::HashMap;

use crate::error::{Error, Result};
use crate::model::Decimal;
use crate::query::aggregate::exact::ExactSum;
use crate::query::aggregate::mapping::Mapping;

/// The largest bound under which cells of 64 bits are used.
const NARROW_MAX: u64 = i64::MAX as u64;

/// The sums of all cells.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Cells in a row.
    width: usize,
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
    pub(super) fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Makes room for so many rows.
    pub(super) fn grow(&mut self, rows: usize) {
        self.narrow.resize(rows * self.width, 0);
        self.scales.resize(rows, 0);
        self.bounds.resize(rows, 0);
        if !self.wide.is_empty() {
            self.wide.resize(rows * self.width, 0);
        }
    }

    /// Bytes of memory, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.narrow.capacity() * 8 + self.wide.capacity() * 16 + self.doubles.len() * 64
    }

    /// Adds mantissas to the cells of `row` from `cell` on, one each.
    pub(super) fn add_run(
        &mut self,
        row: usize,
        cell: usize,
        mantissas: &[i64],
        scale: u8,
    ) -> Result<()> {
        let start = row * self.width + cell;
        match self.prepare(row, scale, bound(mantissas))? {
            Way::Narrow(1) => {
                for (sum, mantissa) in self.narrow[start..].iter_mut().zip(mantissas) {
                    *sum = sum.wrapping_add(*mantissa);
                }
            }
            Way::Narrow(factor) => {
                for (sum, mantissa) in self.narrow[start..].iter_mut().zip(mantissas) {
                    *sum = sum.wrapping_add(mantissa.wrapping_mul(factor));
                }
            }
            Way::Wide(factor) => {
                for (sum, mantissa) in self.wide[start..].iter_mut().zip(mantissas) {
                    *sum = multiply_add(*sum, i128::from(*mantissa), factor)?;
                }
            }
        }
        Ok(())
    }

    /// Adds mantissas to the cells of `row` that `cells` lists, one each; cells may repeat.
    pub(super) fn add_scattered(
        &mut self,
        row: usize,
        cells: &[u32],
        mantissas: &[i64],
        scale: u8,
    ) -> Result<()> {
        let bound = bound(mantissas).saturating_mul(mantissas.len() as u64);
        let way = self.prepare(row, scale, bound)?;
        let start = row * self.width;
        for (cell, mantissa) in cells.iter().zip(mantissas) {
            let cell = start + *cell as usize;
            match way {
                Way::Narrow(factor) => {
                    let sum = &mut self.narrow[cell];
                    *sum = sum.wrapping_add(mantissa.wrapping_mul(factor));
                }
                Way::Wide(factor) => {
                    let sum = &mut self.wide[cell];
                    *sum = multiply_add(*sum, i128::from(*mantissa), factor)?;
                }
            }
        }
        Ok(())
    }

    /// Adds one number to one cell.
    pub(super) fn add(&mut self, row: usize, cell: usize, number: Decimal) -> Result<()> {
        let cell = row * self.width + cell;
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
    pub(super) fn add_double(&mut self, row: usize, cell: usize, number: f64) {
        self.doubles.entry(row * self.width + cell).or_default().add(number);
    }

    /// Adds the sums of another table; rows are groups.
    pub(super) fn merge(&mut self, other: &Self, to: Mapping<'_>) -> Result<()> {
        for (from, row) in to.groups.iter().enumerate() {
            let cells = from * other.width..(from + 1) * other.width;
            let (narrow, scale) = (&other.narrow[cells.clone()], other.scales[from]);
            match to.cells {
                None => self.add_run(*row, 0, narrow, scale)?,
                Some(cells) => self.add_scattered(*row, cells, narrow, scale)?,
            }
            if other.wide.is_empty() {
                continue;
            }
            for (cell, mantissa) in other.wide[cells].iter().enumerate() {
                if *mantissa != 0 {
                    self.add(*row, to.cell(cell), Decimal { mantissa: *mantissa, scale })?;
                }
            }
        }
        for (place, sum) in &other.doubles {
            let place = to.place(*place, other.width, self.width);
            self.doubles.entry(place).or_default().merge(sum);
        }
        Ok(())
    }

    /// The sum of the decimals of a cell, counted over all rows, and that of its doubles.
    pub(super) fn sum(&self, cell: usize) -> Result<(Decimal, Option<&ExactSum>)> {
        let wide = self.wide.get(cell).copied().unwrap_or(0);
        let mantissa = wide.checked_add(i128::from(self.narrow[cell])).ok_or_else(overflow)?;
        Ok((Decimal { mantissa, scale: self.scales[cell / self.width] }, self.doubles.get(&cell)))
    }

    /// Makes a row fit for mantissas of `scale` up to `bound`, which it then counts as added.
    #[inline]
    fn prepare(&mut self, row: usize, scale: u8, bound: u64) -> Result<Way> {
        if scale == self.scales[row] {
            let after = self.bounds[row].saturating_add(bound);
            if after <= NARROW_MAX {
                self.bounds[row] = after;
                return Ok(Way::Narrow(1));
            }
        }
        self.prepare_slowly(row, scale, bound)
    }

    #[cold]
    fn prepare_slowly(&mut self, row: usize, scale: u8, bound: u64) -> Result<Way> {
        if scale > self.scales[row] {
            self.rescale(row, scale)?;
        }
        let factor = power(self.scales[row] - scale)?;
        let narrow = i64::try_from(factor).ok();
        let added = narrow.and_then(|factor| bound.checked_mul(factor.unsigned_abs()));
        if let (Some(factor), Some(added)) = (narrow, added.filter(|added| *added <= NARROW_MAX)) {
            if self.bounds[row].saturating_add(added) > NARROW_MAX {
                self.empty(row)?;
            }
            self.bounds[row] += added;
            return Ok(Way::Narrow(factor));
        }
        self.widen();
        Ok(Way::Wide(factor))
    }

    /// Brings a row to a larger scale.
    fn rescale(&mut self, row: usize, scale: u8) -> Result<()> {
        let factor = power(scale - self.scales[row])?;
        let narrow = i64::try_from(factor).ok();
        let after = narrow.and_then(|factor| self.bounds[row].checked_mul(factor.unsigned_abs()));
        let after = after.filter(|after| *after <= NARROW_MAX);
        if after.is_none() {
            self.empty(row)?;
        }
        let cells = row * self.width..(row + 1) * self.width;
        if let (Some(after), Some(factor)) = (after, narrow) {
            self.bounds[row] = after;
            self.narrow[cells.clone()].iter_mut().for_each(|sum| *sum = sum.wrapping_mul(factor));
        }
        if !self.wide.is_empty() {
            for sum in &mut self.wide[cells] {
                *sum = sum.checked_mul(factor).ok_or_else(overflow)?;
            }
        }
        self.scales[row] = scale;
        Ok(())
    }

    /// Empties a row into the wide cells.
    fn empty(&mut self, row: usize) -> Result<()> {
        self.widen();
        let cells = row * self.width..(row + 1) * self.width;
        for (wide, narrow) in self.wide[cells.clone()].iter_mut().zip(&mut self.narrow[cells]) {
            *wide = wide.checked_add(i128::from(*narrow)).ok_or_else(overflow)?;
            *narrow = 0;
        }
        self.bounds[row] = 0;
        Ok(())
    }

    fn widen(&mut self) {
        self.wide.resize(self.narrow.len(), 0);
    }
}

/// What none of the mantissas exceeds, and at most twice as much as the largest.
#[inline]
fn bound(mantissas: &[i64]) -> u64 {
    mantissas.iter().fold(0, |bits, mantissa| bits | mantissa.unsigned_abs())
}

fn multiply_add(sum: i128, mantissa: i128, factor: i128) -> Result<i128> {
    let product = mantissa.checked_mul(factor);
    product.and_then(|product| sum.checked_add(product)).ok_or_else(overflow)
}

fn power(exponent: u8) -> Result<i128> {
    10_i128.checked_pow(u32::from(exponent)).ok_or_else(overflow)
}

fn overflow() -> Error {
    Error::invalid("sum", "has more than 38 digits; sum fewer observations, or round them")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds single numbers in both orders and through a merge; all must give the same sum.
    fn check(numbers: &[&str], expected: &str) {
        let numbers: Vec<Decimal> =
            numbers.iter().map(|n| Decimal::parse(n.as_bytes()).expect("a decimal")).collect();
        let sum_of = |numbers: &[Decimal]| {
            let mut sums = Sums::new(2);
            sums.grow(1);
            for number in numbers {
                match i64::try_from(number.mantissa) {
                    Ok(mantissa) => sums.add_run(0, 1, &[mantissa], number.scale),
                    Err(_) => sums.add(0, 1, *number),
                }
                .expect("fits");
            }
            sums
        };
        let shown = |sums: &Sums| sums.sum(1).expect("fits").0.shortest().to_string();
        assert_eq!(shown(&sum_of(&numbers)), expected);
        let back: Vec<Decimal> = numbers.iter().rev().copied().collect();
        assert_eq!(shown(&sum_of(&back)), expected);
        for at in 0..numbers.len() {
            let mut left = sum_of(&numbers[..at]);
            left.merge(&sum_of(&numbers[at..]), Mapping::of_groups(&[0])).expect("fits");
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
        let mut sums = Sums::new(1);
        sums.grow(1);
        let large = Decimal { mantissa: i128::MAX / 2 + 1, scale: 0 };
        sums.add(0, 0, large).expect("fits");
        assert!(sums.add(0, 0, large).is_err());
        assert!(sums.add(0, 0, Decimal { mantissa: 1, scale: 30 }).is_err());
    }
}
