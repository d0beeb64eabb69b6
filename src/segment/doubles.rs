//! From the numbers of a chunk to doubles, each the nearest one.

use crate::model::Decimal;

/// Up to this, every integer is a double.
const EXACT_MAX: u64 = 1 << 53;

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// The bits of the double 2^52: from it on, the last bits of a double count ones.
const ONES: i64 = 0x4330_0000_0000_0000;

/// How to divide integers that are not too long by a power of ten without a division.
///
/// One over the power is the sum of two doubles, of which the first has so few bits that its product
/// with the integer is exact. It is `6 + 7 / 3 * scale` bits, so that the second product is less than
/// `2^-(5 + 7 / 3 * scale)` of the quotient, and right to 2^-52 of itself: before the sum is rounded,
/// it is right to `2^-57 / 5^scale` of the quotient. From the middle between two doubles the quotient
/// differs by at least `2^-54 / 5^scale` of itself, because the one is a multiple of a power of two
/// and the other of that divided by `5^scale`, and they are never equal. So the sum lies on the same
/// side of the middle as the quotient, and is rounded to the same double.
#[derive(Clone, Copy)]
struct Inverse {
    first: f64,
    second: f64,
    /// Integers of so many bits and a sign.
    bits: u32,
}

/// For each scale.
const INVERSES: [Inverse; 8] = inverses();

const fn inverses() -> [Inverse; 8] {
    let mut inverses = [Inverse { first: 1.0, second: 0.0, bits: 47 }; 8];
    let mut scale = 1;
    while scale < inverses.len() {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 8")]
        let bits = 47 - (7 * scale as u32).div_ceil(3);
        let power = POWERS[scale];
        let whole: f64 = 1.0 / power;
        let first = f64::from_bits((whole.to_bits() >> bits) << bits);
        // Product and difference are exact: they have no more than 53 bits.
        inverses[scale] = Inverse { first, second: (1.0 - first * power) / power, bits };
        scale += 1;
    }
    inverses
}

/// Appends mantissas as doubles. They are the first of those in `padded`: more than are wanted, where
/// a whole number of groups is quicker.
pub(super) fn push_mantissas(mantissas: &[i64], padded: &[i64], scale: u8, out: &mut Vec<f64>) {
    let Some(inverse) = INVERSES.get(usize::from(scale)).copied() else {
        return push_quotients(mantissas, scale, out);
    };
    // Added to this one, an integer is the double's last bits, and other bits only if it is too long.
    let middle = ONES + (1 << inverse.bits);
    let double = |bits: i64| f64::from_bits(bits.cast_unsigned());
    let before = out.len();
    let mut others = 0;
    // All of this processors do for several numbers at once; conversions they may not, and divisions
    // take long.
    out.extend(padded.iter().map(|mantissa| {
        let bits = mantissa.wrapping_add(middle);
        others |= bits ^ ONES;
        let integer = double(bits) - double(middle);
        integer * inverse.first + integer * inverse.second
    }));
    if others.cast_unsigned() >> (inverse.bits + 1) == 0 {
        out.truncate(before + mantissas.len());
    } else {
        out.truncate(before);
        push_quotients(mantissas, scale, out);
    }
}

/// Mantissa and power are exact doubles in the usual case, so that one division rounds once.
#[inline(never)]
fn push_quotients(mantissas: &[i64], scale: u8, out: &mut Vec<f64>) {
    match POWERS.get(usize::from(scale)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(values: &[i64], scale: u8) {
        let mut padded = values.to_vec();
        padded.push(i64::MAX);
        for padded in [values, &padded] {
            let mut found = vec![7.0];
            push_mantissas(values, padded, scale, &mut found);
            check_found(&found, values, scale);
        }
    }

    fn check_found(found: &[f64], values: &[i64], scale: u8) {
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
        values.extend(
            [30, 33, 35, 37, 40, 42, 44, 45, 47, 48, 51, 52, 53]
                .iter()
                .flat_map(|bits| around(1 << bits)),
        );
        values.sort_unstable_by_key(|value| value.unsigned_abs());
        for scale in (0..9).chain([22, 23, 30]) {
            (1..=values.len()).for_each(|take| check(&values[..take], scale));
        }
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
