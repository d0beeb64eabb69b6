//! Sums of doubles without rounding, and decimals divided by a count.

use crate::model::Decimal;

/// A sum of doubles, held exactly as a few doubles that do not overlap, so that the order of
/// additions does not matter.
///
/// Source: J. R. Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997, section 2.4.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExactSum {
    /// Ascending by magnitude.
    parts: Vec<f64>,
}

impl ExactSum {
    /// Adds a finite number.
    pub(crate) fn add(&mut self, number: f64) {
        let mut carried = number;
        let mut kept = 0;
        for index in 0..self.parts.len() {
            let (large, small) = if carried.abs() < self.parts[index].abs() {
                (self.parts[index], carried)
            } else {
                (carried, self.parts[index])
            };
            let sum = large + small;
            let rest = small - (sum - large);
            if rest != 0.0 {
                self.parts[kept] = rest;
                kept += 1;
            }
            carried = sum;
        }
        self.parts.truncate(kept);
        self.parts.push(carried);
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.parts.iter().for_each(|part| self.add(*part));
    }

    /// An integer of up to 128 bits.
    pub(crate) fn of_integer(integer: u128) -> Self {
        let mut sum = Self::default();
        // Pieces of 32 bits are doubles without rounding.
        for (piece, unit) in [0, 32, 64, 96].map(|bits| (integer >> bits, 2_f64.powi(bits))) {
            sum.add(f64::from(low_half(piece)) * unit);
        }
        sum
    }

    /// Adds the product of two finite numbers.
    pub(crate) fn add_product(&mut self, a: f64, b: f64) {
        let product = a * b;
        self.add(product);
        // The product is the nearest double, and what it lacks is a double, too.
        self.add(a.mul_add(b, -product));
    }

    /// The same times a finite number.
    #[must_use]
    pub(crate) fn times(&self, factor: f64) -> Self {
        let mut product = Self::default();
        self.parts.iter().for_each(|part| product.add_product(*part, factor));
        product
    }

    /// The product of two sums.
    #[must_use]
    pub(crate) fn product(&self, other: &Self) -> Self {
        let mut product = Self::default();
        for part in &self.parts {
            other.parts.iter().for_each(|factor| product.add_product(*part, *factor));
        }
        product
    }

    /// The same divided by a power of ten, to some fifty digits.
    #[must_use]
    pub(crate) fn divided_by_power(&self, exponent: u32) -> Self {
        // Powers up to this one are doubles without rounding.
        const EXPONENT_MAX: u32 = 18;
        const DOUBLES: usize = 4;
        let (mut all, mut left) = (self.clone(), exponent);
        while left > 0 {
            let step = left.min(EXPONENT_MAX);
            let divisor = f64::from(10_u32.pow(step / 2)) * f64::from(10_u32.pow(step - step / 2));
            let (mut rest, mut quotient) = (all, Self::default());
            for _ in 0..DOUBLES {
                let digits = rest.to_f64() / divisor;
                quotient.add(digits);
                rest.add_product(-digits, divisor);
            }
            (all, left) = (quotient, left - step);
        }
        all
    }

    /// The nearest double.
    pub(crate) fn to_f64(&self) -> f64 {
        let mut parts = self.parts.iter().rev().copied();
        let Some(mut sum) = parts.next() else { return 0.0 };
        let mut rest = 0.0;
        for part in parts.by_ref() {
            let before = sum;
            sum = before + part;
            rest = part - (sum - before);
            if rest != 0.0 {
                break;
            }
        }
        // Half a unit in the last place is rounded to even, unless more follows in its direction.
        if let Some(next) = parts.next()
            && (rest < 0.0) == (next < 0.0)
            && rest != 0.0
        {
            let doubled = rest * 2.0;
            let moved = sum + doubled;
            if (moved - sum).to_bits() == doubled.to_bits() {
                return moved;
            }
        }
        sum
    }
}

/// The lowest 32 bits.
fn low_half(integer: u128) -> u32 {
    u32::try_from(integer & u128::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// The nearest double to `sum / count`.
pub(crate) fn mean(sum: Decimal, count: u64) -> f64 {
    const EXACT_INTEGERS: u64 = 1 << 53;
    if count == 0 {
        return f64::NAN;
    }
    let power = 10_u64.checked_pow(u32::from(sum.scale));
    let divisor = power.and_then(|power| power.checked_mul(count));
    if let (Ok(mantissa), Some(divisor)) = (i64::try_from(sum.mantissa), divisor)
        && mantissa.unsigned_abs().max(divisor) <= EXACT_INTEGERS
    {
        #[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
        return mantissa as f64 / divisor as f64;
    }
    quotient(sum, count)
}

/// Divides with at least twenty digits, and one more that says whether anything is left.
fn quotient(sum: Decimal, count: u64) -> f64 {
    let mut rest = sum.mantissa.unsigned_abs();
    let mut digits = String::with_capacity(64);
    if sum.mantissa < 0 {
        digits.push('-');
    }
    let divisor = u128::from(count);
    digits.push_str(&(rest / divisor).to_string());
    rest %= divisor;
    let mut exponent = -i32::from(sum.scale);
    for _ in 0..40 {
        if rest == 0 {
            break;
        }
        rest *= 10;
        digits.push(char::from(b'0' + u8::try_from(rest / divisor).unwrap_or(9)));
        rest %= divisor;
        exponent -= 1;
    }
    if rest != 0 {
        digits.push('1');
        exponent -= 1;
    }
    format!("{digits}e{exponent}").parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(numbers: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        for number in numbers {
            sum.add(*number);
        }
        sum
    }

    #[test]
    fn sums_of_doubles_do_not_depend_on_order() {
        let numbers = [1e16, 1.0, -1e16, 0.1, 0.2, 0.3, 1e-20, -0.6, 3.0e300, -3.0e300];
        let (forth, back) = (sum(&numbers), {
            let mut back = numbers;
            back.reverse();
            sum(&back)
        });
        assert_eq!(forth.to_f64().to_bits(), back.to_f64().to_bits());
        // 0.1 + 0.2 + 0.3 - 0.6 is not 0 in doubles, but 2.7755575615628914e-17.
        assert!((forth.to_f64() - 1.0).abs() < 1e-15);
        let halves = sum(&[1.0, f64::EPSILON / 2.0, 1e-30]);
        assert_eq!(halves.to_f64().to_bits(), (1.0 + f64::EPSILON).to_bits());
    }

    #[test]
    fn means_are_the_nearest_doubles() {
        let check = |mantissa: i128, scale: u8, count: u64, expected: f64| {
            let found = mean(Decimal { mantissa, scale }, count);
            assert_eq!(found.to_bits(), expected.to_bits(), "{mantissa} {scale} {count}: {found}");
        };
        check(10, 0, 3, 10.0 / 3.0);
        check(-1, 1, 1, -0.1);
        check(3, 1, 3, 0.1);
        check(0, 5, 7, 0.0);
        check(10_i128.pow(30), 30, 3, 1.0 / 3.0);
        check(-2 * 10_i128.pow(37), 10, 7, -2e27 / 7.0);
        check(i128::from(u64::MAX), 25, u64::MAX, 1e-25);
    }
}
