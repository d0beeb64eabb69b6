//! Sums and means over frames.
//!
//! Decimals are added as integers, so that a frame's sum is exact, whatever frame came before it.
//! Doubles are added frame by frame, in the order of time, and nothing is ever taken away again.

use std::ops::Range;

use arrow::array::{Array, Float64Array};
use arrow::buffer::NullBuffer;

use crate::model::Decimal;
use crate::query::aggregate::mean;
use crate::query::window::rows::Mantissas;
use crate::query::window::spec::Frame;

/// Up to this, every integer is a double.
const EXACT_INTEGERS: u64 = 1 << 53;
/// Doubles that are added one by one; longer frames are added from sums of so many.
const PIECE: usize = 64;

/// What is made of the sum of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Sum,
    Mean,
}

/// The sum or mean of the values of each frame that are not NULL; NULL where there is none.
/// `exact` has the same values as integers.
pub(super) fn over_frames(
    of: Of,
    values: &Float64Array,
    exact: Option<&Mantissas>,
    bounds: &[usize],
    frame: Frame,
) -> Float64Array {
    let mut out = Out { of, found: Vec::with_capacity(values.len()), valid: Vec::new() };
    let mut numbers = Vec::new();
    for (index, series) in bounds.windows(2).enumerate() {
        let rows = series[0]..series[1];
        let counts = Counts::of(values.nulls(), &rows);
        let scale = exact.and_then(|exact| exact.scales.get(index).copied().flatten());
        if let (Some(exact), Some(scale)) = (exact, scale) {
            decimals(&exact.values[rows], scale, &counts, frame, &mut out);
            continue;
        }
        numbers.clear();
        let of_row = |row: usize| if values.is_valid(row) { values.value(row) } else { 0.0 };
        numbers.extend(rows.map(of_row));
        doubles(&numbers, &counts, frame, &mut out);
    }
    let Out { found, valid, .. } = out;
    let nulls = (!valid.is_empty()).then(|| NullBuffer::from(valid));
    Float64Array::new(found.into(), nulls)
}

/// The answers of a batch.
struct Out {
    of: Of,
    found: Vec<f64>,
    /// Whether each is there; empty as long as all are.
    valid: Vec<bool>,
}

impl Out {
    fn push(&mut self, found: Option<f64>) {
        if found.is_none() && self.valid.is_empty() {
            self.valid.reserve(self.found.capacity());
            self.valid.resize(self.found.len(), true);
        }
        self.found.push(found.unwrap_or_default());
        if found.is_none() || !self.valid.is_empty() {
            self.valid.push(found.is_some());
        }
    }
}

/// How many values the frames of a series have.
pub(super) struct Counts {
    /// Of the rows before each one; absent where every row has a value.
    before: Option<Vec<usize>>,
}

impl Counts {
    pub(super) fn of(nulls: Option<&NullBuffer>, series: &Range<usize>) -> Self {
        let nulls = nulls.map(|nulls| nulls.slice(series.start, series.len()));
        let before = nulls.filter(|nulls| nulls.null_count() > 0).map(|nulls| {
            let mut before = Vec::with_capacity(nulls.len() + 1);
            let mut count = 0;
            before.push(0);
            before.extend(nulls.iter().map(|is_valid| {
                count += usize::from(is_valid);
                count
            }));
            before
        });
        Self { before }
    }

    pub(super) fn count(&self, rows: &Range<usize>) -> usize {
        match &self.before {
            None => rows.len(),
            Some(before) => before[rows.end] - before[rows.start],
        }
    }
}

/// A frame's sum is the difference of two sums from the first row on.
fn decimals(mantissas: &[i64], scale: u8, counts: &Counts, frame: Frame, out: &mut Out) {
    let bits = mantissas.iter().fold(0, |bits, mantissa| bits | mantissa.unsigned_abs());
    let most = bits.checked_mul(mantissas.len() as u64);
    if most.is_some_and(|most| i64::try_from(most).is_ok()) {
        let mut sum = 0_i64;
        let sums = mantissas.iter().map(|mantissa| {
            sum = sum.wrapping_add(*mantissa);
            sum
        });
        let sums: Vec<i64> = [0].into_iter().chain(sums).collect();
        let sum = |rows: &Range<usize>| i128::from(sums[rows.end] - sums[rows.start]);
        return of_decimals(mantissas.len(), scale, counts, frame, sum, out);
    }
    let mut sum = 0_i128;
    let sums = mantissas.iter().map(|mantissa| {
        sum += i128::from(*mantissa);
        sum
    });
    let sums: Vec<i128> = [0].into_iter().chain(sums).collect();
    let sum = |rows: &Range<usize>| sums[rows.end] - sums[rows.start];
    of_decimals(mantissas.len(), scale, counts, frame, sum, out);
}

fn of_decimals(
    len: usize,
    scale: u8,
    counts: &Counts,
    frame: Frame,
    sum: impl Fn(&Range<usize>) -> i128,
    out: &mut Out,
) {
    let power = 10_u64.checked_pow(u32::from(scale)).filter(|power| *power <= EXACT_INTEGERS);
    for row in 0..len {
        let rows = frame.rows(row, len);
        let count = counts.count(&rows) as u64;
        if count == 0 {
            out.push(None);
            continue;
        }
        let sum = Decimal { mantissa: sum(&rows), scale };
        let parts = if out.of == Of::Mean { count } else { 1 };
        let divisor = power.and_then(|power| power.checked_mul(parts));
        let divisor = divisor.filter(|divisor| *divisor <= EXACT_INTEGERS);
        let number = match (divisor, i64::try_from(sum.mantissa)) {
            // Both are exact as doubles, so one division rounds once.
            #[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
            (Some(divisor), Ok(sum)) if sum.unsigned_abs() <= EXACT_INTEGERS => {
                sum as f64 / divisor as f64
            }
            _ if out.of == Of::Mean => mean(sum, count),
            _ => sum.to_f64(),
        };
        out.push(Some(number));
    }
}

/// NULLs are zeros in `values`.
fn doubles(values: &[f64], counts: &Counts, frame: Frame, out: &mut Out) {
    let len = values.len();
    let running = |values: &mut dyn Iterator<Item = &f64>| {
        let mut sum = 0.0;
        let sums = values.map(|value| {
            sum += value;
            sum
        });
        [0.0].into_iter().chain(sums).collect::<Vec<f64>>()
    };
    let sums = match frame {
        Frame { start: None, .. } => running(&mut values.iter()),
        Frame { end: None, .. } => running(&mut values.iter().rev()),
        _ => values.chunks(PIECE).map(|piece| piece.iter().sum()).collect(),
    };
    for row in 0..len {
        let rows = frame.rows(row, len);
        let sum = match frame {
            Frame { start: None, .. } => sums[rows.end],
            Frame { end: None, .. } => sums[len - rows.start],
            _ => in_pieces(values, &sums, &rows),
        };
        #[expect(clippy::cast_precision_loss, reason = "far fewer rows than 2^53")]
        out.push(match (counts.count(&rows), out.of) {
            (0, _) => None,
            (_, Of::Sum) => Some(sum),
            (count, Of::Mean) => Some(sum / count as f64),
        });
    }
}

/// The sum of these values, whole pieces from their sums.
fn in_pieces(values: &[f64], sums: &[f64], rows: &Range<usize>) -> f64 {
    if rows.len() <= 2 * PIECE {
        return values[rows.clone()].iter().sum();
    }
    let pieces = rows.start.div_ceil(PIECE)..rows.end / PIECE;
    let head: f64 = values[rows.start..pieces.start * PIECE].iter().sum();
    let middle: f64 = sums[pieces.clone()].iter().sum();
    let tail: f64 = values[pieces.end * PIECE..rows.end].iter().sum();
    head + middle + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: [(Option<i64>, Option<i64>); 6] = [
        (None, Some(0)),
        (Some(-3), Some(0)),
        (Some(0), None),
        (Some(-200), Some(100)),
        (None, None),
        (Some(1), Some(2)),
    ];

    /// Checks a series against sums of each frame by themselves.
    fn check(mantissas: &[Option<i64>], scale: u8, is_exact: bool) {
        let double = |mantissa: i128| Decimal { mantissa, scale }.to_f64();
        let values: Float64Array =
            mantissas.iter().map(|m| m.map(|m| double(i128::from(m)))).collect();
        let mut exact = Mantissas::new(0);
        exact.values = mantissas.iter().map(|m| m.unwrap_or_default()).collect();
        exact.scales = vec![Some(scale)];
        let bounds = [0, mantissas.len()];
        for (start, end) in FRAMES {
            let frame = Frame { start, end };
            let exact = is_exact.then_some(&exact);
            let sums = over_frames(Of::Sum, &values, exact, &bounds, frame);
            let means = over_frames(Of::Mean, &values, exact, &bounds, frame);
            for row in 0..mantissas.len() {
                let rows = frame.rows(row, mantissas.len());
                let own: Vec<i128> =
                    mantissas[rows].iter().flatten().map(|m| i128::from(*m)).collect();
                let expected = (!own.is_empty()).then(|| double(own.iter().sum()));
                let found = sums.is_valid(row).then(|| sums.value(row));
                let average = means
                    .is_valid(row)
                    .then(|| means.value(row) * f64::from(u32::try_from(own.len()).expect("few")));
                let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                    (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
                    _ => a == b,
                };
                assert!(close(found, expected) && close(average, expected), "{frame} {row}");
                if is_exact {
                    assert_eq!(found, expected, "{frame} {row}");
                }
            }
        }
    }

    #[test]
    fn sums_are_those_of_each_frame() {
        let mantissas: Vec<Option<i64>> =
            (0..500).map(|i| (i % 7 != 3).then_some(i * 7919 % 1000 - 500)).collect();
        check(&mantissas, 2, true);
        check(&mantissas, 2, false);
        check(&[None, None, Some(5), None], 0, true);
        check(&[Some(i64::MAX), Some(i64::MAX), Some(-1)], 3, true);
        check(&[], 0, true);
    }
}
