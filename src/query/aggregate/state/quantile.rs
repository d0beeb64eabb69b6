//! Exact medians and quantiles: the numbers of a cell, and those of a rank among them.
//!
//! Numbers are kept as the integers that they are stored as, so that a quantile is a selection
//! among integers. Only where the scales of a cell are many or too far apart, or where some numbers
//! are doubles, doubles are compared instead, by integers of their order: it is the same order, since
//! the nearest double of a larger decimal is never smaller.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::error::Result;
use crate::model::Decimal;
use crate::query::aggregate::state::select::{Pieces, neighbours};
use crate::query::aggregate::walk::work::check_cancelled;
use crate::query::scan::exact_divisor;

/// Numbers in one piece: half a megabyte at most.
const PIECE_NUMBERS: usize = 1 << 16;
/// Numbers from minus this to below this have 32 bits.
const HALF: i64 = 1 << 31;
/// Lists of decimals of one scale that a cell has at most before its numbers become doubles: to look
/// for one of more takes longer than to divide.
const LISTS_MAX: usize = 6;
/// Steps between two neighbours of a rank: DataFusion's, so that answers are the same.
const STEPS: f64 = 1_000_000.0;

/// Which quantile is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quantile {
    /// The middle number, or the mean of the two in the middle.
    Median,
    /// The number below which this fraction of the others lies, from 0 to 1; between two
    /// neighbours on the line through them.
    Fraction(f64),
}

impl Quantile {
    /// The quantile of the numbers of a cell; absent without numbers.
    ///
    /// # Errors
    ///
    /// If `cancelled` is set.
    pub(crate) fn of(self, numbers: &Bag, cancelled: &AtomicBool) -> Result<Option<f64>> {
        let Some(last) = numbers.count.checked_sub(1) else { return Ok(None) };
        let keys = Keys::of(numbers, cancelled);
        match self {
            Self::Median => {
                let (left, right) = keys.neighbours(last / 2)?;
                let is_even = numbers.count.is_multiple_of(2);
                #[expect(clippy::manual_midpoint, reason = "as DataFusion calculates it")]
                return Ok(Some(if is_even { (left + right) / 2.0 } else { left }));
            }
            Self::Fraction(fraction) => {
                #[expect(clippy::cast_precision_loss, reason = "fewer numbers than 2^53")]
                let place = fraction * last as f64;
                let below = place.floor();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "from 0 to the last rank"
                )]
                let (left, right) = keys.neighbours((below as usize).min(last))?;
                if place <= below {
                    return Ok(Some(left));
                }
                let weight = ((place - below) * STEPS).floor() / STEPS;
                Ok(Some(left + (right - left) * weight))
            }
        }
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Median => f.write_str("median"),
            Self::Fraction(fraction) => write!(f, "quantile {fraction}"),
        }
    }
}

/// The numbers of a cell in no order. Copies share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bag {
    pieces: Vec<Piece>,
    /// Doubles, by integers of their order.
    doubles: Vec<Arc<Vec<i64>>>,
    /// The same, until they are as many as a piece has.
    open: Vec<i64>,
    count: usize,
    /// Whether some are, and all that is added becomes one.
    has_doubles: bool,
}

/// Some of the decimals.
#[derive(Clone, Debug)]
enum Piece {
    /// Mantissas at a scale.
    Decimals(u8, Arc<Vec<i64>>),
    /// The same of 32 bits, which most are: half of the memory to fill and to read.
    Small(u8, Arc<Vec<i32>>),
}

impl Bag {
    /// How many numbers there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Adds decimals of one scale.
    pub(crate) fn push_decimals(&mut self, mantissas: &[i64], scale: u8) {
        self.count += mantissas.len();
        if self.has_doubles {
            self.push_as_doubles(mantissas, scale);
            return;
        }
        // What lies outside has bits above those of twice the bound.
        let bits = mantissas.iter().fold(0, |bits, mantissa| bits | mantissa.wrapping_add(HALF));
        if (0..2 * HALF).contains(&bits) {
            self.push_small(mantissas, scale);
        } else {
            self.push_large(mantissas, scale);
        }
    }

    /// The same for mantissas of 32 bits.
    #[expect(clippy::cast_possible_truncation, reason = "they are of 32 bits")]
    fn push_small(&mut self, mut mantissas: &[i64], scale: u8) {
        let narrow = |mantissa: &i64| *mantissa as i32;
        let known = self.pieces.iter_mut().rev().find_map(|piece| match piece {
            Piece::Small(known, numbers) if *known == scale => Arc::get_mut(numbers),
            _ => None,
        });
        if let Some(numbers) = known {
            let room = PIECE_NUMBERS.saturating_sub(numbers.len()).min(mantissas.len());
            numbers.extend(mantissas[..room].iter().map(narrow));
            mantissas = &mantissas[room..];
        } else if self.has_many_lists() {
            self.push_as_doubles(mantissas, scale);
            return;
        }
        for piece in mantissas.chunks(PIECE_NUMBERS) {
            let numbers = piece.iter().map(narrow).collect();
            self.pieces.push(Piece::Small(scale, Arc::new(numbers)));
        }
    }

    /// The same for any mantissas.
    fn push_large(&mut self, mut mantissas: &[i64], scale: u8) {
        let known = self.pieces.iter_mut().rev().find_map(|piece| match piece {
            Piece::Decimals(known, numbers) if *known == scale => Arc::get_mut(numbers),
            _ => None,
        });
        if let Some(numbers) = known {
            let room = PIECE_NUMBERS.saturating_sub(numbers.len()).min(mantissas.len());
            numbers.extend_from_slice(&mantissas[..room]);
            mantissas = &mantissas[room..];
        } else if self.has_many_lists() {
            self.push_as_doubles(mantissas, scale);
            return;
        }
        for piece in mantissas.chunks(PIECE_NUMBERS) {
            self.pieces.push(Piece::Decimals(scale, Arc::new(piece.to_vec())));
        }
    }

    /// Whether there are as many lists of decimals as are looked through; full ones do not count. If
    /// so, doubles are made of all that is added from now on.
    fn has_many_lists(&mut self) -> bool {
        let is_open = |piece: &&Piece| match piece {
            Piece::Decimals(_, numbers) => numbers.len() < PIECE_NUMBERS,
            Piece::Small(_, numbers) => numbers.len() < PIECE_NUMBERS,
        };
        self.has_doubles = self.pieces.iter().filter(is_open).count() >= LISTS_MAX;
        self.has_doubles
    }

    /// Adds the doubles of decimals of one scale.
    fn push_as_doubles(&mut self, mantissas: &[i64], scale: u8) {
        let numbers = self.doubles();
        if let Some(divisor) = exact_divisor(mantissas, scale) {
            #[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
            let double = |mantissa: &i64| *mantissa as f64 / divisor;
            let bits = mantissas.iter().map(|mantissa| double(mantissa).to_bits().cast_signed());
            numbers.extend(bits.map(in_order));
        } else {
            numbers.extend(mantissas.iter().map(|mantissa| as_double(*mantissa, scale)));
        }
    }

    /// All doubles.
    fn lists_of_doubles(&self) -> impl Iterator<Item = &[i64]> {
        self.doubles.iter().map(|numbers| numbers.as_slice()).chain([self.open.as_slice()])
    }

    /// Adds a finite double.
    pub(crate) fn push_double(&mut self, number: f64) {
        self.count += 1;
        self.doubles().push(in_order(number.to_bits().cast_signed()));
    }

    /// The list that more doubles go to.
    #[inline]
    fn doubles(&mut self) -> &mut Vec<i64> {
        self.has_doubles = true;
        if self.open.len() >= PIECE_NUMBERS {
            self.doubles.push(Arc::new(mem::take(&mut self.open)));
        }
        &mut self.open
    }

    /// Adds the numbers of another.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.pieces.extend_from_slice(&other.pieces);
        self.doubles.extend_from_slice(&other.doubles);
        if !other.open.is_empty() {
            self.doubles.push(Arc::new(other.open.clone()));
        }
        self.has_doubles |= other.has_doubles;
    }
}

/// The numbers of a bag as integers in their order.
struct Keys<'a> {
    bag: &'a Bag,
    form: Form,
    cancelled: &'a AtomicBool,
}

/// What the integers are.
#[derive(Clone, Copy)]
enum Form {
    /// Mantissas at this scale.
    Mantissas(u8),
    /// Doubles, by the order of their bits.
    Doubles,
}

impl<'a> Keys<'a> {
    fn of(bag: &'a Bag, cancelled: &'a AtomicBool) -> Self {
        let scale = if bag.has_doubles { None } else { common_scale(&bag.pieces) };
        Self { bag, form: scale.map_or(Form::Doubles, Form::Mantissas), cancelled }
    }

    /// The numbers of a rank and of the one after it.
    fn neighbours(&self, rank: usize) -> Result<(f64, f64)> {
        let (left, right) = neighbours(self, rank)?;
        Ok((self.double(left), self.double(right)))
    }

    /// The integer of a decimal.
    fn key(&self, mantissa: i64, scale: u8) -> i64 {
        match self.form {
            Form::Mantissas(all) => {
                mantissa.wrapping_mul(10_i64.wrapping_pow((all - scale).into()))
            }
            Form::Doubles => as_double(mantissa, scale),
        }
    }

    fn double(&self, key: i64) -> f64 {
        match self.form {
            Form::Mantissas(scale) => Decimal { mantissa: i128::from(key), scale }.to_f64(),
            Form::Doubles => f64::from_bits(in_order(key).cast_unsigned()),
        }
    }
}

impl Pieces for Keys<'_> {
    fn for_each(&self, mut each: impl FnMut(i64)) -> Result<()> {
        for piece in &self.bag.pieces {
            check_cancelled(self.cancelled)?;
            match (piece, self.form) {
                (Piece::Decimals(own, numbers), Form::Mantissas(scale)) => {
                    let factor = 10_i64.wrapping_pow(u32::from(scale - own));
                    if factor == 1 {
                        numbers.iter().for_each(|number| each(*number));
                    } else {
                        numbers.iter().for_each(|number| each(number.wrapping_mul(factor)));
                    }
                }
                (Piece::Small(own, numbers), Form::Mantissas(scale)) => {
                    let factor = 10_i64.wrapping_pow(u32::from(scale - own));
                    if factor == 1 {
                        numbers.iter().for_each(|number| each(i64::from(*number)));
                    } else {
                        let numbers = numbers.iter().map(|number| i64::from(*number));
                        numbers.for_each(|number| each(number.wrapping_mul(factor)));
                    }
                }
                (Piece::Decimals(scale, numbers), Form::Doubles) => {
                    numbers.iter().for_each(|mantissa| each(as_double(*mantissa, *scale)));
                }
                (Piece::Small(scale, numbers), Form::Doubles) => {
                    numbers.iter().for_each(|number| each(as_double(i64::from(*number), *scale)));
                }
            }
        }
        for numbers in self.bag.lists_of_doubles() {
            check_cancelled(self.cancelled)?;
            for number in numbers {
                each(*number);
            }
        }
        Ok(())
    }

    fn count(&self) -> usize {
        self.bag.count
    }

    fn sample(&self, step: usize, mut each: impl FnMut(i64)) {
        for piece in &self.bag.pieces {
            match piece {
                Piece::Decimals(scale, numbers) => {
                    numbers.iter().step_by(step).for_each(|number| each(self.key(*number, *scale)));
                }
                Piece::Small(scale, numbers) => {
                    let numbers = numbers.iter().step_by(step).map(|number| i64::from(*number));
                    numbers.for_each(|number| each(self.key(number, *scale)));
                }
            }
        }
        for numbers in self.bag.lists_of_doubles() {
            numbers.iter().step_by(step).for_each(|number| each(*number));
        }
    }
}

/// The integer of a decimal among doubles.
fn as_double(mantissa: i64, scale: u8) -> i64 {
    let number = Decimal { mantissa: i128::from(mantissa), scale }.to_f64();
    in_order(number.to_bits().cast_signed())
}

/// Turns the bits of a double into an integer of the same order, and back.
fn in_order(bits: i64) -> i64 {
    bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed()
}

/// The scale to which all numbers can be brought in 64 bits; absent if some are doubles.
fn common_scale(pieces: &[Piece]) -> Option<u8> {
    let scales = pieces.iter().map(|piece| match piece {
        Piece::Decimals(scale, _) | Piece::Small(scale, _) => *scale,
    });
    let largest = scales.max()?;
    let fits = |scale: u8, bits: u64| {
        let factor = 10_u64.checked_pow(u32::from(largest - scale));
        let most = factor.and_then(|factor| factor.checked_mul(bits));
        most.is_some_and(|most| i64::try_from(most).is_ok())
    };
    let all_fit = pieces.iter().all(|piece| match piece {
        Piece::Decimals(scale, _) | Piece::Small(scale, _) if *scale == largest => true,
        Piece::Decimals(scale, numbers) => {
            fits(*scale, numbers.iter().fold(0, |bits, number| bits | number.unsigned_abs()))
        }
        Piece::Small(scale, numbers) => {
            let bits = || numbers.iter().fold(0, |bits, number| bits | number.unsigned_abs());
            fits(*scale, HALF.unsigned_abs()) || fits(*scale, bits().into())
        }
    });
    all_fit.then_some(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bag(numbers: &[&str]) -> Bag {
        let mut bag = Bag::default();
        for number in numbers {
            match Decimal::parse(number.as_bytes()) {
                Some(decimal) => match i64::try_from(decimal.mantissa) {
                    Ok(mantissa) => bag.push_decimals(&[mantissa], decimal.scale),
                    Err(_) => bag.push_double(decimal.to_f64()),
                },
                None => bag.push_double(number.parse().expect("a double")),
            }
        }
        bag
    }

    /// As DataFusion does it: sort doubles, take the middle.
    fn check(numbers: &[&str]) {
        let mut sorted: Vec<f64> = numbers.iter().map(|n| n.parse().expect("a number")).collect();
        sorted.sort_by(f64::total_cmp);
        let (middle, cancelled) = (sorted.len() / 2, AtomicBool::new(false));
        #[expect(clippy::manual_midpoint, reason = "as DataFusion calculates it")]
        let expected = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        let (left, right) = numbers.split_at(numbers.len() / 3);
        let mut merged = bag(left);
        merged.merge(&bag(right));
        for bag in [bag(numbers), merged] {
            let found = Quantile::Median.of(&bag, &cancelled).expect("not cancelled");
            let found = found.expect("some numbers");
            assert_eq!(found.to_bits(), expected.to_bits(), "{numbers:?}: {found}");
        }
    }

    #[test]
    fn medians_are_those_of_sorted_doubles() {
        check(&["7"]);
        check(&["3", "1", "2"]);
        check(&["0.1", "0.2"]);
        check(&["0.1", "0.25", "3", "-4.125"]);
        check(&["2147483647", "2147483648", "-2147483648", "-2147483649", "0.5", "0.25"]);
        check(&["-1", "2147483647", "0.00000000001"]);
        check(&["0.1", "1E5", "-2", "-0.0", "0"]);
        check(&["9223372036854775807", "0.5", "0.25"]);
        check(&["123456789012345678901234567890", "-1", "2", "0.000000001"]);
        check(&["-1E-300", "-5", "-7.5", "-1E300"]);
        // More scales than there are lists for.
        let digits = ["1", "0.2", "-0.03", "0.004", "5000000000", "0.00006", "-7.000000", "1E-7"];
        (1..=digits.len()).for_each(|count| check(&digits[..count]));
        let many: Vec<String> = (0..40_000_i64)
            .map(|n| {
                let mantissa = i128::from(n * 7_919 % 100_003 - 50_000);
                let scale = u8::try_from(n % 9).expect("a digit");
                Decimal { mantissa, scale }.to_string()
            })
            .collect();
        check(&many.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn quantiles_lie_on_the_line_between_neighbours() {
        let cancelled = AtomicBool::new(false);
        let of = |fraction: f64| {
            let found =
                Quantile::Fraction(fraction).of(&bag(&["10", "40", "20", "30"]), &cancelled);
            found.expect("not cancelled").expect("some numbers")
        };
        let found = [0.0, 0.25, 0.5, 0.9, 1.0].map(of);
        assert_eq!(found.map(|n| n.to_string()), ["10", "17.5", "25", "37", "40"]);
        let none = Quantile::Median.of(&Bag::default(), &cancelled).expect("not cancelled");
        assert_eq!(none, None);
    }

    #[test]
    fn stops_when_cancelled() {
        assert!(Quantile::Median.of(&bag(&["1"]), &AtomicBool::new(true)).is_err());
    }
}
