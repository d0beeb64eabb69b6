//! Numbers as text.

use std::ops::RangeInclusive;

use arrow::datatypes::i256;
use datafusion::common::ScalarValue;

use crate::pg::parameters::{NUMBER_RANGE, bad};
use crate::pg::types::{WireError, WireType, oids, type_name};

/// The digits of the widest decimal of Arrow.
const DIGITS_MAX: usize = 76;
/// The digits of the widest decimal of 128 bits.
const NARROW_DIGITS_MAX: usize = 38;

/// Parses an integer of the width that the caller's type says.
pub(super) fn integer<T: TryFrom<i128>>(text: &str, oid: u32) -> Result<T, WireError> {
    let trimmed = text.trim_ascii();
    let digits = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad(oid, text));
    }
    let number = trimmed.parse::<i128>().ok().and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| {
        let name = type_name(WireType::of(oid));
        WireError::new(NUMBER_RANGE, format!("value \"{text}\" is out of range for type {name}"))
    })
}

/// Parses a number of the catalogue; a negative one counts from the end.
pub(super) fn oid(text: &str, oid: u32) -> Result<u32, WireError> {
    let number: i64 = integer(text, oid)?;
    let narrow = i32::try_from(number).map(i32::cast_unsigned);
    u32::try_from(number).or(narrow).map_err(|_| {
        let name = type_name(WireType::of(oid));
        WireError::new(NUMBER_RANGE, format!("value \"{text}\" is out of range for type {name}"))
    })
}

/// Parses a double.
pub(super) fn double(text: &str) -> Result<f64, WireError> {
    let trimmed = text.trim_ascii();
    let value: f64 = trimmed.parse().map_err(|_| bad(oids::FLOAT8, text))?;
    check_range(trimmed, value.is_infinite(), value == 0.0, "double precision")?;
    Ok(value)
}

/// Parses a single.
pub(super) fn single(text: &str) -> Result<f32, WireError> {
    let trimmed = text.trim_ascii();
    let value: f32 = trimmed.parse().map_err(|_| bad(oids::FLOAT4, text))?;
    check_range(trimmed, value.is_infinite(), value == 0.0, "real")?;
    Ok(value)
}

/// Refuses digits that became infinite or zero because they are too large or too small.
fn check_range(text: &str, infinite: bool, zero: bool, name: &str) -> Result<(), WireError> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let has_digit =
        |digits: RangeInclusive<u8>| mantissa.bytes().any(|byte| digits.contains(&byte));
    if infinite && has_digit(b'0'..=b'9') || zero && has_digit(b'1'..=b'9') {
        let message = format!("\"{text}\" is out of range for type {name}");
        return Err(WireError::new(NUMBER_RANGE, message));
    }
    Ok(())
}

/// Parses an exact decimal; one that is no number or infinite becomes a double.
pub(super) fn numeric(text: &str) -> Result<ScalarValue, WireError> {
    let trimmed = text.trim_ascii();
    let (negative, unsigned) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    match unsigned.to_ascii_lowercase().as_str() {
        "nan" if unsigned.len() == trimmed.len() => {
            return Ok(ScalarValue::Float64(Some(f64::NAN)));
        }
        "inf" | "infinity" => {
            let infinity = if negative { f64::NEG_INFINITY } else { f64::INFINITY };
            return Ok(ScalarValue::Float64(Some(infinity)));
        }
        _ => {}
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        None => (unsigned, 0),
        Some((mantissa, exponent)) => {
            let exponent: i32 =
                integer(exponent, oids::INT4).map_err(|_| bad(oids::NUMERIC, text))?;
            (mantissa, exponent)
        }
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return Err(bad(oids::NUMERIC, text));
    }
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - i64::from(exponent);
    let is_zero = digits.iter().all(|&digit| digit == b'0');
    if places < 0 && !is_zero {
        let zeros = usize::try_from(-places).ok().filter(|&zeros| zeros <= DIGITS_MAX);
        digits.resize(digits.len() + zeros.ok_or_else(overflow)?, b'0');
    }
    decimal(negative, &digits, places.max(0))
}

/// The narrowest decimal of these digits, `places` of which stand after the point.
pub(super) fn decimal(
    negative: bool,
    digits: &[u8],
    places: i64,
) -> Result<ScalarValue, WireError> {
    let start = digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    let digits = &digits[start..];
    let places = usize::try_from(places).map_err(|_| overflow())?;
    let precision = digits.len().max(places).max(1);
    let too_wide = |_| overflow();
    let scale = i8::try_from(places).map_err(too_wide)?;
    let width = u8::try_from(precision).map_err(too_wide)?;
    if precision <= NARROW_DIGITS_MAX {
        let magnitude = digits.iter().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        let mantissa = if negative { -magnitude } else { magnitude };
        return Ok(ScalarValue::Decimal128(Some(mantissa), width, scale));
    }
    if precision > DIGITS_MAX {
        return Err(overflow());
    }
    let text = String::from_utf8_lossy(digits);
    let text = if digits.is_empty() { "0" } else { text.as_ref() };
    let magnitude = i256::from_string(text).ok_or_else(overflow)?;
    let mantissa = if negative { magnitude.wrapping_neg() } else { magnitude };
    Ok(ScalarValue::Decimal256(Some(mantissa), width, scale))
}

fn overflow() -> WireError {
    WireError::new(NUMBER_RANGE, "value overflows numeric format")
}
