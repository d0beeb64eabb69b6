//! Exact sums of squares of one measure, a row of cells for each group, and variances from them.

use hashbrown::HashMap;

use crate::model::Decimal;
use crate::query::aggregate::spec::Spread;
use crate::query::aggregate::state::exact::ExactSum;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::state::mapping::Mapping;

/// The sums of the squares of all cells.
///
/// Squares of mantissas are added as 128-bit integers at one scale a row. What does not fit, or
/// cannot be brought to that scale, goes to sums of any size.
#[derive(Debug, Default)]
pub(crate) struct Squares {
    narrow: Vec<u128>,
    /// The scale of the mantissas of each row; their squares have twice as many digits.
    scales: Vec<u8>,
    /// Sums of squares of mantissas, by cell and the scale of the mantissas. Doubles have scale 0.
    other: HashMap<(usize, u8), ExactSum>,
}

impl Squares {
    /// Makes room for so many cells.
    pub(crate) fn grow(&mut self, cells: usize) {
        self.narrow.resize(cells, 0);
    }

    /// Adds a row.
    pub(crate) fn push_row(&mut self) {
        self.scales.push(0);
    }

    /// Bytes of memory beside those of its cells, about.
    pub(crate) fn grown_bytes(&self) -> usize {
        self.other.len() * 80
    }

    /// Adds the squares of mantissas to one cell.
    pub(crate) fn add_all(&mut self, row: Row, cell: usize, mantissas: &[i64], scale: u8) {
        let size = |mantissa: &i64| mantissa.unsigned_abs();
        let bits = mantissas.iter().fold(0, |bits, mantissa| bits | size(mantissa));
        // Sums of the squares of a whole chunk, in 64 bits and in 128, that cannot overflow.
        let sum = if bits < 1 << 26 {
            u128::from(mantissas.iter().fold(0_u64, |sum, mantissa| {
                sum.wrapping_add(size(mantissa).wrapping_mul(size(mantissa)))
            }))
        } else if bits < 1 << 32 {
            mantissas.iter().fold(0_u128, |sum, mantissa| {
                sum.wrapping_add(u128::from(size(mantissa).wrapping_mul(size(mantissa))))
            })
        } else {
            for mantissa in mantissas {
                self.add(row, cell, u128::from(size(mantissa)).pow(2), scale);
            }
            return;
        };
        self.add(row, cell, sum, scale);
    }

    /// Adds a sum of squares of mantissas to one cell.
    pub(crate) fn add(&mut self, row: Row, cell: usize, squares: u128, scale: u8) {
        if scale > self.scales[row.number] {
            self.rescale(row, scale);
        }
        let sum = &mut self.narrow[row.start + cell];
        let factor = factor(self.scales[row.number] - scale);
        let more = factor.and_then(|factor| squares.checked_mul(factor));
        match more.and_then(|more| sum.checked_add(more)) {
            Some(more) => *sum = more,
            None => self.add_other(row.start + cell, squares, scale),
        }
    }

    /// Adds the square of a decimal of any size.
    pub(crate) fn add_decimal(&mut self, row: Row, cell: usize, number: Decimal) {
        match number.mantissa.unsigned_abs().checked_pow(2) {
            Some(square) => self.add(row, cell, square, number.scale),
            None => self.add_double(row, cell, number.to_f64()),
        }
    }

    /// Adds the square of a finite double.
    pub(crate) fn add_double(&mut self, row: Row, cell: usize, number: f64) {
        let sum = self.other.entry((row.start + cell, 0)).or_default();
        sum.add_product(number, number);
    }

    /// Adds the sums of another table.
    pub(crate) fn merge(&mut self, other: &Self, to: &Mapping<'_>) {
        for (theirs, ours) in to.rows() {
            for (cell, squares) in other.narrow[theirs.cells()].iter().enumerate() {
                if *squares > 0 {
                    self.add(ours, to.cell(cell), *squares, other.scales[theirs.number]);
                }
            }
        }
        for ((place, scale), sum) in &other.other {
            self.other.entry((to.place(*place), *scale)).or_default().merge(sum);
        }
    }

    /// The sum of the squares of a cell of a row, by its place, to some fifty digits.
    fn sum(&self, row: usize, place: usize) -> ExactSum {
        let mut all = ExactSum::of_integer(self.narrow[place]);
        all = all.divided_by_power(2 * u32::from(self.scales[row]));
        if !self.other.is_empty() {
            for scale in 0..=u8::MAX {
                if let Some(sum) = self.other.get(&(place, scale)) {
                    all.merge(&sum.divided_by_power(2 * u32::from(scale)));
                }
            }
        }
        all
    }

    /// How far `count` numbers of a cell of a row are spread, of which this is the sum. Absent where
    /// they are too few.
    pub(crate) fn spread(
        &self,
        (row, place): (usize, usize),
        count: u64,
        (decimals, doubles): (Decimal, Option<&ExactSum>),
        spread: Spread,
    ) -> Option<f64> {
        let divisor = count.checked_sub(u64::from(spread.is_sample))?;
        if divisor == 0 {
            return None;
        }
        let mut sum = ExactSum::of_integer(decimals.mantissa.unsigned_abs());
        if decimals.mantissa < 0 {
            sum = sum.times(-1.0);
        }
        sum = sum.divided_by_power(u32::from(decimals.scale));
        if let Some(doubles) = doubles {
            sum.merge(doubles);
        }
        #[expect(clippy::cast_precision_loss, reason = "fewer observations than 2^53")]
        let (count, divisor) = (count as f64, divisor as f64);
        // The variance is (n sum(x^2) - sum(x)^2) / (n d).
        let mut above = self.sum(row, place).times(count);
        above.merge(&sum.product(&sum).times(-1.0));
        let variance = above.to_f64() / count / divisor;
        // Rounding may leave a little less than nothing; what is no number stays so.
        let variance = if variance < 0.0 { 0.0 } else { variance };
        Some(if spread.is_root { variance.sqrt() } else { variance })
    }

    /// Brings a row to a larger scale.
    fn rescale(&mut self, row: Row, scale: u8) {
        let before = self.scales[row.number];
        let factor = factor(scale - before);
        for place in row.cells() {
            let sum = self.narrow[place];
            let more = factor.and_then(|factor| sum.checked_mul(factor));
            if more.is_none() {
                self.add_other(place, sum, before);
            }
            self.narrow[place] = more.unwrap_or(0);
        }
        self.scales[row.number] = scale;
    }

    #[cold]
    fn add_other(&mut self, place: usize, squares: u128, scale: u8) {
        self.other.entry((place, scale)).or_default().merge(&ExactSum::of_integer(squares));
    }
}

/// What a square is multiplied with if its number gets so many more digits.
fn factor(digits: u8) -> Option<u128> {
    10_u128.checked_pow(2 * u32::from(digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::aggregate::state::layout::{Layout, Line};

    /// The only row, of one cell.
    const ROW: Row = Row { number: 0, start: 0, len: 1 };
    const SAMPLE: Spread = Spread { is_sample: true, is_root: false };

    fn one_cell() -> Squares {
        let mut squares = Squares::default();
        squares.grow(1);
        squares.push_row();
        squares
    }

    /// The variance of numbers that are added one by one, half of them in another table.
    fn variance(numbers: &[(i64, u8)]) -> Option<f64> {
        let (mut left, mut right) = (one_cell(), one_cell());
        let most = numbers.iter().map(|(_, scale)| *scale).max().unwrap_or_default();
        let mut sum = Decimal { mantissa: 0, scale: most };
        for (place, (mantissa, scale)) in numbers.iter().enumerate() {
            let table = if place % 2 == 0 { &mut left } else { &mut right };
            table.add_all(ROW, 0, &[*mantissa], *scale);
            let number = Decimal { mantissa: (*mantissa).into(), scale: *scale };
            sum.mantissa += number.rescale(most).expect("fits").mantissa;
        }
        let mut layout = Layout::new(vec![Line::whole(1)]);
        layout.push(1);
        left.merge(&right, &Mapping { rows: &[0], cells: None, theirs: &layout, ours: &layout });
        left.spread((0, 0), numbers.len() as u64, (sum, None), SAMPLE)
    }

    #[test]
    fn variances_are_exact_where_a_large_mean_hides_them() {
        let check = |numbers: &[(i64, u8)], expected: Option<f64>| {
            let found = variance(numbers);
            let is_close = |(a, b): (f64, f64)| (a - b).abs() <= 1e-12 * b;
            let is_same = found.zip(expected).is_none_or(is_close);
            assert!(is_same && found.is_some() == expected.is_some(), "{numbers:?}: {found:?}");
        };
        check(&[(5, 0)], None);
        check(&[(1, 0), (3, 0)], Some(2.0));
        check(&[(10, 1), (3, 0), (20_000, 4)], Some(1.0));
        let large = 1_000_000_000_000_000_000;
        check(&[(large, 0), (large + 1, 0), (large + 2, 0)], Some(1.0));
        check(&[(large, 18), (large + 1, 18), (large + 2, 18)], Some(1e-36));
        check(&[(i64::MAX, 0), (i64::MAX, 0), (i64::MAX, 0), (i64::MAX, 0)], Some(0.0));
        check(&[(large, 0), (1, 18)], Some(5e35));
    }

    #[test]
    fn doubles_and_decimals_are_one_set() {
        let mut squares = one_cell();
        squares.add_all(ROW, 0, &[15], 1);
        squares.add_double(ROW, 0, 2.5);
        let mut doubles = ExactSum::default();
        doubles.add(2.5);
        let sum = (Decimal { mantissa: 15, scale: 1 }, Some(&doubles));
        assert_eq!(squares.spread((0, 0), 2, sum, SAMPLE), Some(0.5));
        let root = Spread { is_sample: false, is_root: true };
        assert_eq!(squares.spread((0, 0), 2, sum, root), Some(0.5));
    }
}
