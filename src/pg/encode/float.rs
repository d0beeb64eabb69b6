//! Binary floating point as PostgreSQL writes it.

use std::fmt::{self, Arguments, LowerExp, Write};
use std::num::ParseFloatError;
use std::str::FromStr;

use bytes::{BufMut, BytesMut};

use crate::pg::encode::digits::{write_decimal, write_u64};

/// Appends a double: its shortest exact text, or as many digits as an old client asked for.
pub(super) fn write_f64(value: f64, extra_digits: i32, out: &mut BytesMut) {
    if !value.is_finite() {
        write_special(value, out);
    } else if extra_digits <= 0 {
        write_rounded(value, 15 + extra_digits, out);
    } else if !write_short_decimal(value, out) {
        write_shortest(value, value, &DOUBLE, out);
    }
}

/// Appends a single.
pub(super) fn write_f32(value: f32, extra_digits: i32, out: &mut BytesMut) {
    let wide = f64::from(value);
    if !value.is_finite() {
        write_special(wide, out);
    } else if extra_digits <= 0 {
        write_rounded(wide, 6 + extra_digits, out);
    } else {
        write_shortest(value, wide, &SINGLE, out);
    }
}

fn write_special(value: f64, out: &mut BytesMut) {
    out.put_slice(match value {
        value if value.is_nan() => b"NaN",
        value if value > 0.0 => b"Infinity",
        _ => b"-Infinity",
    });
}

/// Powers of ten that a double holds exactly, by the places after the point that they stand for.
const POWERS: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Writes a number that has few digits, as published numbers do, and says whether it did.
///
/// A decimal of at most 15 digits is the only one of that length that reads back as the same
/// double, so the one with the fewest places is the shortest text.
fn write_short_decimal(value: f64, out: &mut BytesMut) -> bool {
    let magnitude = value.abs();
    // So many places leave no more than 15 digits.
    let places_max = match magnitude {
        0.0 => 0,
        ..1e-4 => return false,
        ..1e6 => 9,
        ..1e9 => 6,
        ..1e12 => 3,
        ..1e15 => 0,
        _ => return false,
    };
    for (places, power) in POWERS.iter().enumerate().take(places_max + 1) {
        #[expect(clippy::cast_possible_truncation, reason = "at most 1e15")]
        let mantissa = (magnitude * power + 0.5) as i64;
        #[expect(clippy::cast_precision_loss, reason = "at most 2^53")]
        if (mantissa as f64 / power).to_bits() == magnitude.to_bits() {
            write_decimal(value.is_sign_negative(), mantissa.unsigned_abs(), places, out);
            return true;
        }
    }
    false
}

/// What differs between doubles and singles.
struct Precision {
    /// Digits before the point from which on an exponent is written.
    fixed_max: i32,
    /// Bits of the odd number that lies half-way between two neighbours.
    halfway_bits: u32,
    /// Digits that tell all values apart.
    digits_max: usize,
}

const DOUBLE: Precision = Precision { fixed_max: 15, halfway_bits: 54, digits_max: 17 };
const SINGLE: Precision = Precision { fixed_max: 6, halfway_bits: 25, digits_max: 9 };

/// Writes the shortest text that lies nearer to this number than to any other.
fn write_shortest<T>(value: T, wide: f64, precision: &Precision, out: &mut BytesMut)
where
    T: Copy + LowerExp + PartialEq + FromStr<Err = ParseFloatError>,
{
    let mut number = Scientific::new(format_args!("{value:e}"));
    if may_be_tie(wide) {
        // Of two texts that are equally near, PostgreSQL takes the one that ends in an even digit.
        // Below a power of two it may belong to the neighbour.
        let after_point = number.count - 1;
        let text = format!("{value:.after_point$e}");
        if text.parse() == Ok(value) {
            number = Scientific::new(format_args!("{text}"));
        }
    }
    // The standard library counts a text that lies half-way as that of the even neighbour;
    // PostgreSQL takes no such text, and writes more digits.
    let shorter = number.count;
    for count in shorter..=precision.digits_max {
        if !number.is_halfway(precision.halfway_bits) {
            break;
        }
        number = Scientific::new(format_args!("{value:.count$e}"));
    }
    number.write(wide.is_sign_negative(), precision.fixed_max, out);
}

/// Whether a number may lie exactly between two decimals of at most 17 digits: it has few binary
/// digits after the point then, each of which takes one decimal digit.
fn may_be_tie(value: f64) -> bool {
    const PLACES_MAX: i32 = 25;
    (value * f64::from(1 << PLACES_MAX)).fract() == 0.0
}

/// As the format `%.15g` of C does.
fn write_rounded(value: f64, digits: i32, out: &mut BytesMut) {
    let digits = digits.max(1);
    let after_point = usize::try_from(digits - 1).unwrap_or_default();
    let number = Scientific::new(format_args!("{value:.after_point$e}"));
    number.write(value.is_sign_negative(), digits, out);
}

/// The digits of a number without the zeros at their end, and the power of ten of the first.
struct Scientific {
    digits: [u8; 20],
    count: usize,
    exponent: i32,
}

impl Scientific {
    /// Takes apart what the standard library writes: `-1.25e-7`.
    fn new(text: Arguments<'_>) -> Self {
        let mut number = Self { digits: [b'0'; 20], count: 0, exponent: 0 };
        let mut parts = Parts { number: &mut number, in_exponent: false, negative: false };
        // Writing into an array that is long enough cannot fail.
        parts.write_fmt(text).unwrap_or_default();
        if parts.negative {
            number.exponent = -number.exponent;
        }
        while number.count > 1 && number.digits[number.count - 1] == b'0' {
            number.count -= 1;
        }
        number
    }

    /// Whether the number lies exactly between two neighbouring floating point numbers: then its
    /// odd part has one bit more than they have.
    fn is_halfway(&self, bits: u32) -> bool {
        let Ok(count) = i32::try_from(self.count) else { return false };
        let tens = self.exponent - (count - 1);
        // Five to the 23rd is the largest that an odd number of 54 bits can contain.
        if !(0..=23).contains(&tens) {
            return false;
        }
        let digits = &self.digits[..self.count];
        let mantissa = digits.iter().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
        if mantissa == 0 {
            return false;
        }
        let odd = (mantissa >> mantissa.trailing_zeros()) * 5_u128.pow(tens.unsigned_abs());
        u128::BITS - odd.leading_zeros() == bits
    }

    /// Writes the number, with an exponent below 1e-4 and from ten to the `fixed_max` on.
    fn write(&self, negative: bool, fixed_max: i32, out: &mut BytesMut) {
        let digits = &self.digits[..self.count];
        if negative {
            out.put_u8(b'-');
        }
        if self.exponent < -4 || self.exponent >= fixed_max {
            let (first, rest) = digits.split_at(1);
            write_parts(first, rest, out);
            out.put_slice(if self.exponent < 0 { b"e-" } else { b"e+" });
            let exponent = self.exponent.unsigned_abs();
            if exponent < 10 {
                out.put_u8(b'0');
            }
            write_u64(u64::from(exponent), out);
            return;
        }
        match usize::try_from(self.exponent) {
            Err(_) => {
                out.put_slice(b"0.");
                out.put_bytes(b'0', usize::try_from(-1 - self.exponent).unwrap_or_default());
                out.put_slice(digits);
            }
            Ok(exponent) if exponent + 1 >= digits.len() => {
                out.put_slice(digits);
                out.put_bytes(b'0', exponent + 1 - digits.len());
            }
            Ok(exponent) => {
                let (whole, fraction) = digits.split_at(exponent + 1);
                write_parts(whole, fraction, out);
            }
        }
    }
}

fn write_parts(whole: &[u8], fraction: &[u8], out: &mut BytesMut) {
    out.put_slice(whole);
    if !fraction.is_empty() {
        out.put_u8(b'.');
        out.put_slice(fraction);
    }
}

struct Parts<'a> {
    number: &'a mut Scientific,
    in_exponent: bool,
    negative: bool,
}

impl Write for Parts<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            match byte {
                b'e' => self.in_exponent = true,
                b'-' => self.negative = self.in_exponent,
                b'0'..=b'9' if self.in_exponent => {
                    self.number.exponent = self.number.exponent * 10 + i32::from(byte - b'0');
                }
                b'0'..=b'9' => {
                    let count = self.number.count;
                    *self.number.digits.get_mut(count).ok_or(fmt::Error)? = byte;
                    self.number.count += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
