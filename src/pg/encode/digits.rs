//! Integers as decimal text.

use arrow::datatypes::i256;
use bytes::{BufMut, BytesMut};

/// The digits of an `i256`, at most.
const DIGITS_MAX: usize = 80;

/// The two digits of every number below a hundred.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let (mut at, mut tens) = (0, b'0');
    while at < pairs.len() {
        let mut ones = b'0';
        while ones <= b'9' {
            pairs[at] = [tens, ones];
            at += 1;
            ones += 1;
        }
        tens += 1;
    }
    pairs
};

/// The digits of a number, written from the end of a buffer.
pub(super) struct Digits {
    buffer: [u8; DIGITS_MAX],
    at: usize,
}

impl Digits {
    pub(super) fn of_u128(mut number: u128) -> Self {
        const CHUNK: u128 = 10_000_000_000_000_000;
        let mut digits = Self { buffer: [b'0'; DIGITS_MAX], at: DIGITS_MAX };
        while number >= CHUNK {
            let low = u64::try_from(number % CHUNK).unwrap_or_default();
            number /= CHUNK;
            let end = digits.at;
            digits.at = fill(low, &mut digits.buffer[..end]);
            // Zeros that lead within a chunk count: the buffer holds them already.
            digits.at = end - 16;
        }
        let end = digits.at;
        let high = u64::try_from(number).unwrap_or_default();
        digits.at = fill(high, &mut digits.buffer[..end]);
        digits
    }

    /// The digits of the magnitude, and whether a minus belongs before them.
    pub(super) fn of_i256(number: i256) -> (bool, Self) {
        if let Some(small) = number.to_i128() {
            return (small < 0, Self::of_u128(small.unsigned_abs()));
        }
        let text = number.to_string();
        let (negative, text) = text.strip_prefix('-').map_or((false, &*text), |rest| (true, rest));
        let mut digits = Self { buffer: [b'0'; DIGITS_MAX], at: DIGITS_MAX };
        digits.at -= text.len();
        digits.buffer[digits.at..].copy_from_slice(text.as_bytes());
        (negative, digits)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.buffer[self.at..]
    }
}

/// Appends a number.
#[inline]
pub(super) fn write_u64(number: u64, out: &mut BytesMut) {
    let mut buffer = [0; 20];
    let at = fill(number, &mut buffer);
    out.put_slice(&buffer[at..]);
}

/// Appends a number with its sign.
#[inline]
pub(super) fn write_i64(number: i64, out: &mut BytesMut) {
    let mut buffer = [0; 21];
    let mut at = fill(number.unsigned_abs(), &mut buffer);
    if number < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    out.put_slice(&buffer[at..]);
}

/// The two digits of a number below a hundred.
#[inline]
pub(super) fn pair(number: u64) -> Option<[u8; 2]> {
    PAIRS.get(usize::try_from(number).ok()?).copied()
}

/// Appends a number of two digits at least.
#[inline]
pub(super) fn write_two(number: u64, out: &mut BytesMut) {
    match usize::try_from(number).ok().and_then(|at| PAIRS.get(at)) {
        Some(pair) => out.put_slice(pair),
        None => write_u64(number, out),
    }
}

/// Appends a decimal: a sign, and digits of which the last `places`, at most nine, are after the
/// point.
#[inline]
pub(super) fn write_decimal(negative: bool, mantissa: u64, places: usize, out: &mut BytesMut) {
    let mut buffer = [b'0'; 24];
    let mut at = fill(mantissa, &mut buffer);
    if places > 0 {
        // A digit stands before the point, if only a zero.
        let point = buffer.len() - places - 1;
        at = at.min(point);
        buffer.copy_within(at..=point, at - 1);
        buffer[point] = b'.';
        at -= 1;
    }
    if negative {
        at -= 1;
        buffer[at] = b'-';
    }
    out.put_slice(&buffer[at..]);
}

/// Appends a number with zeros before it, so that it has `width` digits at least.
#[inline]
pub(super) fn write_padded(number: u64, width: usize, out: &mut BytesMut) {
    let mut buffer = [b'0'; 20];
    let at = fill(number, &mut buffer).min(buffer.len() - width.min(20));
    out.put_slice(&buffer[at..]);
}

/// Fills the end of a buffer with the digits of a number, and says where they begin.
#[inline]
fn fill(mut number: u64, buffer: &mut [u8]) -> usize {
    let mut at = buffer.len();
    while number >= 100 {
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    let pair = PAIRS[(number % 100) as usize];
    at -= 1;
    buffer[at] = pair[1];
    if number >= 10 {
        at -= 1;
        buffer[at] = pair[0];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).expect("ASCII")
    }

    #[test]
    fn writes_as_the_standard_library_does() {
        let mut number = 1_u64;
        for step in 0..70 {
            for near in [number.wrapping_sub(1), number, number.wrapping_add(step)] {
                assert_eq!(text(|out| write_u64(near, out)), near.to_string());
                let signed = near.cast_signed();
                assert_eq!(text(|out| write_i64(signed, out)), signed.to_string());
                let wide = u128::from(near).wrapping_mul(u128::from(number)) << 3;
                let digits = Digits::of_u128(wide);
                assert_eq!(digits.as_bytes(), wide.to_string().as_bytes());
            }
            number = number.wrapping_mul(3);
        }
        assert_eq!(text(|out| write_i64(i64::MIN, out)), i64::MIN.to_string());
        assert_eq!(Digits::of_u128(u128::MAX).as_bytes(), u128::MAX.to_string().as_bytes());
        assert_eq!(text(|out| write_padded(7, 6, out)), "000007");
        assert_eq!(text(|out| write_padded(12_345_678, 6, out)), "12345678");
        assert_eq!(text(|out| write_decimal(true, 1, 3, out)), "-0.001");
        assert_eq!(text(|out| write_decimal(false, 12_345, 2, out)), "123.45");
        assert_eq!(text(|out| write_decimal(false, 123, 3, out)), "0.123");
        assert_eq!(text(|out| write_decimal(true, 70, 0, out)), "-70");
        assert_eq!(text(|out| write_decimal(true, u64::MAX, 9, out)), "-18446744073.709551615");
        assert_eq!(text(|out| write_two(7, out)), "07");
        assert_eq!(text(|out| write_two(123, out)), "123");
    }

    #[test]
    fn writes_the_widest_decimals() {
        let (negative, digits) = Digits::of_i256(i256::MIN);
        assert!(negative);
        assert_eq!(
            format!("-{}", String::from_utf8_lossy(digits.as_bytes())),
            i256::MIN.to_string()
        );
    }
}
