//! From the numbers of a chunk to doubles, each the nearest one.

use std::ops::Range;

use crate::model::Decimal;
use crate::segment::numbers::ChunkNumbers;

/// Up to this, every integer is a double.
const EXACT_MAX: u64 = 1 << 53;
/// From minus this to below this, [`quick_double`] is right.
const QUICK_MAX: i64 = 1 << 51;

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The bits of 1.5 times 2^52: among the doubles around it, the last bits of the mantissa count ones.
const MIDDLE: i64 = 0x4338_0000_0000_0000;

impl ChunkNumbers<'_> {
    /// Appends the numbers at `positions` as doubles; any number where there is none.
    pub fn push_doubles(self, positions: Range<usize>, out: &mut Vec<f64>) {
        match self {
            Self::None => out.resize(out.len() + positions.len(), 0.0),
            Self::Decimals(mantissas, scale) => {
                push_mantissas(mantissas.get(positions).unwrap_or_default(), scale, out);
            }
            Self::Doubles(doubles) => {
                out.extend_from_slice(doubles.get(positions).unwrap_or_default());
            }
        }
    }
}

/// Mantissa and power are exact doubles in the usual case, so that one division rounds once.
fn push_mantissas(mantissas: &[i64], scale: u8, out: &mut Vec<f64>) {
    let power = POWERS.get(usize::from(scale));
    // What lies outside has bits above those of twice the bound.
    let beyond = mantissas.iter().fold(0, |bits, m| bits | m.wrapping_add(QUICK_MAX));
    let is_quick = (0..2 * QUICK_MAX).contains(&beyond);
    match power {
        Some(_) if is_quick && scale == 0 => {
            out.extend(mantissas.iter().map(|m| quick_double(*m)));
        }
        Some(power) if is_quick => {
            out.extend(mantissas.iter().map(|m| quick_double(*m) / power));
        }
        #[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
        Some(power) if mantissas.iter().all(|m| m.unsigned_abs() <= EXACT_MAX) => {
            out.extend(mantissas.iter().map(|m| *m as f64 / power));
        }
        _ => {
            let double = |m: &i64| Decimal { mantissa: i128::from(*m), scale }.to_f64();
            out.extend(mantissas.iter().map(double));
        }
    }
}

/// An integer as a double: an addition and a subtraction, which processors do for several numbers at
/// once, where many convert integers of 64 bits only one by one.
#[inline]
fn quick_double(integer: i64) -> f64 {
    f64::from_bits(integer.wrapping_add(MIDDLE).cast_unsigned())
        - f64::from_bits(MIDDLE.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(values: &[i64], scale: u8) {
        let mut found = vec![7.0];
        ChunkNumbers::Decimals(values, scale).push_doubles(0..values.len(), &mut found);
        assert_eq!(found.len(), values.len() + 1);
        for (value, mantissa) in found.iter().skip(1).zip(values) {
            let exact = Decimal { mantissa: i128::from(*mantissa), scale };
            let expected: f64 = exact.to_string().parse().expect("a number");
            assert_eq!(value.to_bits(), expected.to_bits(), "{mantissa} / 10^{scale}");
        }
    }

    #[test]
    fn every_value_is_the_nearest_double() {
        let around =
            |middle: i64| [middle - 1, middle, middle + 1, -middle - 1, -middle, 1 - middle];
        let mut values = vec![0, 1, -15, i64::MAX, i64::MIN + 1];
        values.extend([51, 52, 53].iter().flat_map(|bits| around(1 << bits)));
        values.sort_unstable_by_key(|value| value.unsigned_abs());
        for scale in [0, 1, 2, 7, 22, 23, 30] {
            (1..=values.len()).for_each(|take| check(&values[..take], scale));
        }
    }

    #[test]
    fn only_what_is_asked_for_is_written() {
        let written = |numbers: ChunkNumbers<'_>| {
            let mut out = Vec::new();
            numbers.push_doubles(1..3, &mut out);
            out
        };
        assert_eq!(written(ChunkNumbers::Decimals(&[1, 25, -5, 7], 1)), [2.5, -0.5]);
        assert_eq!(written(ChunkNumbers::Doubles(&[1.0, 1e300, -0.0])), [1e300, -0.0]);
        assert_eq!(written(ChunkNumbers::None).len(), 2);
    }

    proptest! {
        #[test]
        fn any_mantissas(values in prop::collection::vec(any::<i64>(), 1..9), bits in 1_u32..64, scale in 0_u8..=38) {
            let values: Vec<i64> = values.iter().map(|v| v >> (64 - bits)).collect();
            prop_assume!(!values.contains(&i64::MIN));
            check(&values, scale);
        }
    }
}
