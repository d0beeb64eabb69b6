//! Exact decimals as PostgreSQL writes them.

use bytes::{BufMut, BytesMut};

use crate::pg::encode::digits::Digits;

/// Decimal digits of one digit of the binary form, whose base is 10,000.
const GROUP: usize = 4;

/// Appends a decimal of 128 bits as text: all digits after the point that its scale says.
pub(super) fn write_i128(mantissa: i128, scale: i8, out: &mut BytesMut) {
    let digits = Digits::of_u128(mantissa.unsigned_abs());
    write_text(mantissa < 0, digits.as_bytes(), scale, out);
}

/// Appends the decimal whose magnitude has these digits.
pub(super) fn write_text(negative: bool, digits: &[u8], scale: i8, out: &mut BytesMut) {
    if negative {
        out.put_u8(b'-');
    }
    let Ok(places) = usize::try_from(scale) else {
        out.put_slice(digits);
        if digits != b"0" {
            out.put_bytes(b'0', usize::from(scale.unsigned_abs()));
        }
        return;
    };
    match digits.len().checked_sub(places) {
        Some(whole) if whole > 0 => out.put_slice(&digits[..whole]),
        _ => out.put_u8(b'0'),
    }
    if places > 0 {
        out.put_u8(b'.');
        out.put_bytes(b'0', places.saturating_sub(digits.len()));
        out.put_slice(&digits[digits.len().saturating_sub(places)..]);
    }
}

/// Appends the binary form: digits of base 10,000, of which none at either end is zero.
pub(super) fn write_binary(negative: bool, digits: &[u8], scale: i8, out: &mut BytesMut) {
    let places = usize::try_from(scale).unwrap_or_default();
    let zeros_after = usize::from(scale.min(0).unsigned_abs());
    // Zeros at both ends put the point between two groups.
    let whole = (digits.len() + zeros_after).saturating_sub(places);
    let before_point = whole.div_ceil(GROUP) * GROUP;
    let lead = before_point + places - digits.len() - zeros_after;
    let length = before_point + places.div_ceil(GROUP) * GROUP;
    let digit = |at: usize| {
        let digit = at.checked_sub(lead).and_then(|at| digits.get(at));
        digit.map_or(0, |digit| i16::from(digit - b'0'))
    };
    let group = |index: usize| (0..GROUP).fold(0, |sum, at| sum * 10 + digit(index * GROUP + at));
    let groups = length / GROUP;
    let first = (0..groups).find(|&index| group(index) != 0).unwrap_or(groups);
    let end = (first..groups).rev().find(|&index| group(index) != 0).map_or(first, |at| at + 1);
    // At most 76 digits and 127 zeros: all of these are small.
    let small = |number: usize| i16::try_from(number).unwrap_or(i16::MAX);
    let weight = if first == end { 0 } else { small(before_point / GROUP) - 1 - small(first) };
    let is_zero = first == end;
    out.put_i16(small(end - first));
    out.put_i16(weight);
    out.put_i16(if negative && !is_zero { 0x4000 } else { 0 });
    out.put_i16(small(places));
    for index in first..end {
        out.put_i16(group(index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_text_of_postgresql() {
        let check = |mantissa: i128, scale: i8, expected: &str| {
            let mut out = BytesMut::new();
            write_i128(mantissa, scale, &mut out);
            assert_eq!(out, expected);
        };
        check(0, 0, "0");
        check(0, 2, "0.00");
        check(-5, 2, "-0.05");
        check(12345, 2, "123.45");
        check(12345, 5, "0.12345");
        check(12345, 7, "0.0012345");
        check(12, -2, "1200");
        check(0, -2, "0");
        check(i128::MIN, 38, "-1.70141183460469231731687303715884105728");
    }
}
