//! From the numbers of a chunk to doubles, each the nearest one.

use std::ops::Range;

use crate::model::Decimal;
use crate::segment::{MeasureRun, Numbers};

/// Up to this, every integer is a double.
const EXACT_INTEGERS: u64 = 1 << 53;

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Appends the numbers at the positions of `runs`; any number where there is none.
pub(super) fn write_doubles(measure: &MeasureRun, runs: &[Range<usize>], out: &mut Vec<f64>) {
    for run in runs {
        match &measure.numbers {
            Numbers::None => out.resize(out.len() + run.len(), 0.0),
            Numbers::Decimals(values) => {
                write_mantissas(values[run.clone()].iter().copied(), measure.scale, out);
            }
            Numbers::Doubles(values) => out.extend_from_slice(&values[run.clone()]),
        }
    }
}

/// What turns these mantissas into the nearest doubles by one division, where mantissas and divisor
/// are exact doubles: nearly always.
#[inline]
pub(crate) fn exact_divisor(mantissas: &[i64], scale: u8) -> Option<f64> {
    exact_divisor_of(mantissas.iter().copied(), scale)
}

#[inline]
fn exact_divisor_of(mantissas: impl Iterator<Item = i64>, scale: u8) -> Option<f64> {
    let bits = mantissas.fold(0, |bits, mantissa| bits | mantissa.unsigned_abs());
    POWERS.get(usize::from(scale)).copied().filter(|_| bits <= EXACT_INTEGERS)
}

/// Appends mantissas as doubles.
#[inline]
pub(crate) fn write_mantissas(
    mantissas: impl ExactSizeIterator<Item = i64> + Clone,
    scale: u8,
    out: &mut Vec<f64>,
) {
    if let Some(divisor) = exact_divisor_of(mantissas.clone(), scale) {
        #[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
        out.extend(mantissas.map(|m| m as f64 / divisor));
    } else {
        out.extend(mantissas.map(|m| Decimal { mantissa: i128::from(m), scale }.to_f64()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_the_nearest_double() {
        let values = vec![1, -15, 1 << 53, (1 << 53) + 1, i64::MAX, i64::MIN + 1];
        for scale in [0, 1, 7, 22, 23, 30] {
            for take in 1..=values.len() {
                let mut found = Vec::new();
                write_mantissas(values[..take].iter().copied(), scale, &mut found);
                for (value, mantissa) in found.iter().zip(&values) {
                    let exact = Decimal { mantissa: i128::from(*mantissa), scale };
                    let expected: f64 = exact.to_string().parse().expect("a number");
                    assert_eq!(value.to_bits(), expected.to_bits(), "{mantissa} / 10^{scale}");
                }
            }
        }
    }
}
