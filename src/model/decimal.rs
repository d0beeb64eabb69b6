//! Exact decimal numbers, and the text they were written as.

use std::fmt;

/// A number `mantissa / 10^scale`, written with exactly `scale` digits after the point.
///
/// Only numbers whose text follows from these two fields are a `Decimal`: `1.50` is (150, 2) and
/// differs from `1.5`, which is (15, 1). `01`, `+1`, `.5`, `1.`, `-0`, `1E5` are not: they are kept
/// as text by [`crate::model::Value`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// The digits without the point.
    pub mantissa: i128,
    /// How many of them stand after the point.
    pub scale: u8,
}

/// The powers of ten that an `i128` holds.
const POWERS: [i128; 39] = {
    let mut powers = [1_i128; 39];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// Powers of ten that a double holds exactly.
const EXACT_DOUBLE_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl Decimal {
    /// Parses a number of at most 38 digits. Absent for any text that this type would write
    /// differently.
    #[inline]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
        match digits {
            [] | [b'.', ..] | [.., b'.'] => return None,
            [b'0', next, ..] if *next != b'.' => return None,
            _ => {}
        }
        let (mantissa, scale) = if digits.len() <= 18 { short(digits)? } else { long(digits)? };
        if negative && mantissa == 0 {
            return None;
        }
        Some(Self { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// The same number with `scale` digits after the point. Absent if it would lose digits or
    /// overflow.
    #[inline]
    pub fn rescale(self, scale: u8) -> Option<Self> {
        let mantissa = if let Some(up) = scale.checked_sub(self.scale) {
            self.mantissa.checked_mul(*POWERS.get(usize::from(up))?)?
        } else {
            let power = *POWERS.get(usize::from(self.scale - scale))?;
            if self.mantissa % power != 0 {
                return None;
            }
            self.mantissa / power
        };
        Some(Self { mantissa, scale })
    }

    /// The same number with as few digits after the point as possible.
    #[must_use]
    pub fn shortest(mut self) -> Self {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }

    /// The nearest double.
    #[inline]
    pub fn to_f64(self) -> f64 {
        const EXACT_INTEGERS: u64 = 1 << 53;
        // From 64 bits, since a double of 128 bits takes a call.
        if let (Some(power), Ok(mantissa)) =
            (EXACT_DOUBLE_POWERS.get(usize::from(self.scale)), i64::try_from(self.mantissa))
            && mantissa.unsigned_abs() <= EXACT_INTEGERS
        {
            // Both are exact, so IEEE division rounds once: the nearest double.
            #[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
            return mantissa as f64 / power;
        }
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Appends the text.
    pub fn write_to(self, out: &mut Vec<u8>) {
        let mut digits = [b'0'; 40];
        let mut rest = self.mantissa.unsigned_abs();
        let mut at = digits.len();
        let point = digits.len() - usize::from(self.scale.min(38));
        // Nearly all mantissas are short, and division by 64 bits is many times faster.
        if let Ok(mut short) = u64::try_from(rest) {
            while short > 0 || at >= point {
                at -= 1;
                digits[at] = b'0' + (short % 10) as u8;
                short /= 10;
            }
        } else {
            while rest > 0 || at >= point {
                at -= 1;
                digits[at] = b'0' + (rest % 10) as u8;
                rest /= 10;
                if at == 0 {
                    break;
                }
            }
        }
        if self.mantissa < 0 {
            out.push(b'-');
        }
        out.extend_from_slice(&digits[at..point]);
        if self.scale > 0 {
            out.push(b'.');
            out.extend_from_slice(&digits[point..]);
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.write_to(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Digits with at most one point, at most 18 bytes: the sum cannot overflow.
#[inline]
fn short(digits: &[u8]) -> Option<(i128, u8)> {
    let mut mantissa = 0_i64;
    let mut scale = None;
    for (at, byte) in (0_u8..).zip(digits) {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa * 10 + i64::from(digit);
        } else if *byte == b'.' && scale.is_none() {
            scale = Some(at);
        } else {
            return None;
        }
    }
    let length = u8::try_from(digits.len()).ok()?;
    Some((i128::from(mantissa), scale.map_or(0, |at| length - at - 1)))
}

/// Digits with at most one point, at most 38 of them.
fn long(digits: &[u8]) -> Option<(i128, u8)> {
    if digits.len() > 40 {
        return None;
    }
    let mut mantissa = 0_i128;
    let mut scale = None;
    for (at, byte) in (0_u8..).zip(digits) {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit))?;
        } else if *byte == b'.' && scale.is_none() {
            scale = Some(at);
        } else {
            return None;
        }
    }
    let length = u8::try_from(digits.len()).ok()?;
    let scale = scale.map_or(0, |at| length - at - 1);
    (scale <= 38).then_some((mantissa, scale))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_only_what_it_writes_back() {
        for text in ["0", "7", "-7", "0.0", "1.50", "-0.01", "123456789012345678901234567890.5"] {
            let decimal = Decimal::parse(text.as_bytes()).expect(text);
            assert_eq!(decimal.to_string(), text);
        }
        let not_ours = ["", "-", ".", "01", "+1", ".5", "1.", "-0", "-0.0", "1E5", "NaN", "1.2.3"];
        for text in not_ours.into_iter().chain([" 1", "<2", "0x1", "--1", "00.1", "1,5"]) {
            assert_eq!(Decimal::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn rescales_without_loss() {
        let decimal = Decimal { mantissa: 150, scale: 2 };
        assert_eq!(decimal.rescale(1), Some(Decimal { mantissa: 15, scale: 1 }));
        assert_eq!(decimal.rescale(0), None);
        assert_eq!(decimal.rescale(4), Some(Decimal { mantissa: 15_000, scale: 4 }));
        assert_eq!(Decimal { mantissa: i128::MAX, scale: 0 }.rescale(1), None);
        assert_eq!(Decimal { mantissa: 100, scale: 2 }.shortest().to_string(), "1");
    }

    proptest! {
        /// The standard library parses decimal text to the nearest double.
        #[test]
        fn converts_to_the_nearest_double(mantissa in any::<i64>(), scale in 0u8..30) {
            let decimal = Decimal { mantissa: i128::from(mantissa), scale };
            let expected: f64 = decimal.to_string().parse().expect("a number");
            prop_assert_eq!(decimal.to_f64().to_bits(), expected.to_bits());
        }

        #[test]
        fn text_round_trips(mantissa in any::<i128>(), scale in 0u8..=38) {
            let decimal = Decimal { mantissa: mantissa / 100, scale };
            if decimal.mantissa != 0 || mantissa >= 0 {
                prop_assert_eq!(Decimal::parse(decimal.to_string().as_bytes()), Some(decimal));
            }
        }
    }
}
