//! Integers of a fixed number of bits, one after the other, the lowest bit first.
//!
//! Value `i` of width `w` occupies the bits `i * w .. (i + 1) * w` of the bytes, bit 0 being the
//! lowest of the first byte. Eight values therefore fill exactly `w` bytes, which is what the
//! kernel below decodes at a time: each value is one unaligned load, a shift and a mask whose
//! amounts are constants, since there is one copy of the kernel for each width.
//!
//! A decoder accepts more bytes than the values need. Passing the rest of a block rather than the
//! exact bytes of a run is faster, because a load may then reach over the end of the run.

use crate::codec::bytes::Malformed;

/// The widest value, in bits.
pub const WIDTH_MAX: u8 = 64;
/// The widest value that one load of eight bytes holds whatever bit it starts at.
const NARROW_MAX: usize = 57;

/// The bits that `value` needs: 0 for zero, 64 for the largest.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "at most 64")]
pub fn width_of(value: u64) -> u8 {
    (u64::BITS - value.leading_zeros()) as u8
}

/// The bytes that `count` values of `width` bits take. Saturates, so that it never wraps to a
/// length that exists.
#[inline]
pub fn packed_len(count: usize, width: u8) -> usize {
    // Eight values are `width` bytes; the rest is below eight values, and cannot overflow.
    let whole = (count / 8).saturating_mul(usize::from(width));
    whole.saturating_add(((count % 8) * usize::from(width)).div_ceil(8))
}

#[inline]
fn mask(width: usize) -> u64 {
    if width == 0 { 0 } else { u64::MAX >> (64 - width.min(64)) }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the bits above are wanted later, or never")]
fn low_word(bits: u128) -> u64 {
    bits as u64
}

/// Appends the lowest `width` bits of each value, [`packed_len`] bytes in all.
///
/// Bits above `width` are our own mistake, and are dropped.
pub fn pack(values: impl ExactSizeIterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    debug_assert!(width <= WIDTH_MAX);
    let width = width.min(WIDTH_MAX);
    if width == 0 {
        return;
    }
    out.reserve(packed_len(values.len(), width));
    let width = usize::from(width);
    let mask = mask(width);
    let mut pending = 0_u128;
    let mut pending_bits = 0;
    for value in values {
        debug_assert!(value & !mask == 0);
        pending |= u128::from(value & mask) << pending_bits;
        pending_bits += width;
        if pending_bits >= 64 {
            out.extend_from_slice(&low_word(pending).to_le_bytes());
            pending >>= 64;
            pending_bits -= 64;
        }
    }
    let last = low_word(pending).to_le_bytes();
    out.extend(last.iter().take(pending_bits.div_ceil(8)));
}

/// Value `index`, without decoding the others; `None` beyond the end of `bytes`, or for a width
/// over [`WIDTH_MAX`].
#[inline]
pub fn get(bytes: &[u8], width: u8, index: usize) -> Option<u64> {
    let width = usize::from(width);
    let end = index.checked_add(1)?.checked_mul(width)?;
    if width > 64 || end.div_ceil(8) > bytes.len() {
        return None;
    }
    Some(load(bytes, width, end - width))
}

/// The `width` bits from bit `start` on, which must end inside `bytes`.
///
/// Near the end the load moves back to the last whole word, and the shift grows by as much.
#[inline]
fn load(bytes: &[u8], width: usize, start: usize) -> u64 {
    if width <= NARROW_MAX
        && let Some(last) = bytes.len().checked_sub(8)
    {
        let byte = (start / 8).min(last);
        let word = word_at(bytes, byte);
        return (word >> ((start - byte * 8) % 64)) & mask(width);
    }
    let padded = pad_16(bytes);
    let (bytes, last) = match bytes.len().checked_sub(16) {
        Some(last) => (bytes, last),
        None => (&padded[..], 0),
    };
    let byte = (start / 8).min(last);
    let word = double_word_at(bytes, byte);
    low_word(word >> ((start - byte * 8) % 128)) & mask(width)
}

#[inline]
fn word_at(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    u64::from_le_bytes(*rest.first_chunk().unwrap_or(&[0; 8]))
}

#[inline]
fn double_word_at(bytes: &[u8], at: usize) -> u128 {
    let rest = bytes.get(at..).unwrap_or_default();
    u128::from_le_bytes(*rest.first_chunk().unwrap_or(&[0; 16]))
}

/// The first 16 bytes, with zeros where there are fewer.
#[inline]
fn pad_16(bytes: &[u8]) -> [u8; 16] {
    let mut padded = [0; 16];
    for (to, from) in padded.iter_mut().zip(bytes) {
        *to = *from;
    }
    padded
}

/// Decodes as many values as `out` has, and adds `base` to each (wrapping).
///
/// # Errors
///
/// [`Malformed`] if `width` is over [`WIDTH_MAX`], or `bytes` are fewer than [`packed_len`].
pub fn unpack_into(bytes: &[u8], width: u8, base: u64, out: &mut [u64]) -> Result<(), Malformed> {
    unpack_map(bytes, width, out, |value| base.wrapping_add(value))
}

/// As [`unpack_into`], for signed values.
///
/// # Errors
///
/// [`Malformed`] if `width` is over [`WIDTH_MAX`], or `bytes` are fewer than [`packed_len`].
pub fn unpack_i64_into(
    bytes: &[u8],
    width: u8,
    base: i64,
    out: &mut [i64],
) -> Result<(), Malformed> {
    unpack_map(bytes, width, out, |value| base.wrapping_add(value.cast_signed()))
}

/// Decodes as many values as `out` has, each through `map`, which must be small: every caller gets
/// a copy of the kernel for each of the 64 widths.
///
/// # Errors
///
/// [`Malformed`] if `width` is over [`WIDTH_MAX`], or `bytes` are fewer than [`packed_len`].
#[inline]
pub fn unpack_map<T>(
    bytes: &[u8],
    width: u8,
    out: &mut [T],
    map: impl Fn(u64) -> T,
) -> Result<(), Malformed> {
    if width > WIDTH_MAX {
        return Err(Malformed::new(0, "width over 64 bits"));
    }
    if bytes.len() < packed_len(out.len(), width) {
        return Err(Malformed::new(bytes.len(), "packed values end too early"));
    }
    macro_rules! kernels {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_const::<$width, T>(bytes, out, map),)*
                _ => out.fill_with(|| map(0)),
            }
        };
    }
    kernels!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
        64);
    Ok(())
}

/// The bytes that the loads of a group of eight values reach over.
pub(super) const fn group_bytes(width: usize) -> usize {
    width * 7 / 8 + if width <= NARROW_MAX { 8 } else { 16 }
}

/// Value `i` of a group of eight whose bytes are `window`.
#[inline]
pub(super) fn one_of_group<const WIDTH: usize>(window: &[u8], i: usize) -> u64 {
    let (byte, shift) = (i * WIDTH / 8, i * WIDTH % 8);
    let value = if WIDTH <= NARROW_MAX {
        word_at(window, byte) >> shift
    } else {
        low_word(double_word_at(window, byte) >> shift)
    };
    value & mask(WIDTH)
}

/// The kernel of one width: groups of eight from `WIDTH` bytes each, as long as the loads of a
/// group stay inside `bytes`.
fn unpack_const<const WIDTH: usize, T>(bytes: &[u8], out: &mut [T], map: impl Fn(u64) -> T) {
    let mut rest = bytes;
    let mut done = 0;
    for group in out.as_chunks_mut::<8>().0 {
        let Some(window) = rest.get(..group_bytes(WIDTH)) else {
            break;
        };
        for (i, slot) in group.iter_mut().enumerate() {
            *slot = map(one_of_group::<WIDTH>(window, i));
        }
        rest = rest.get(WIDTH..).unwrap_or_default();
        done += 8;
    }
    if done < out.len() {
        let slots = out.get_mut(done..).unwrap_or_default();
        unpack_rest::<WIDTH, T>(bytes, done, slots, map);
    }
}

/// The values from `done` on, which are no whole group or stand too near the end of `bytes`. Apart,
/// so that the kernel has little to prepare.
#[inline(never)]
fn unpack_rest<const WIDTH: usize, T>(
    bytes: &[u8],
    done: usize,
    out: &mut [T],
    map: impl Fn(u64) -> T,
) {
    let rest = bytes.get(done / 8 * WIDTH..).unwrap_or_default();
    if let Some(window) = rest.get(..group_bytes(WIDTH)).filter(|_| out.len() < 8) {
        for (i, slot) in out.iter_mut().enumerate() {
            *slot = map(one_of_group::<WIDTH>(window, i));
        }
        return;
    }
    let padded;
    let bytes = if bytes.len() < 16 {
        padded = pad_16(bytes);
        &padded[..]
    } else {
        bytes
    };
    let mut bit = done * WIDTH;
    for slot in out {
        *slot = map(load(bytes, WIDTH, bit));
        bit += WIDTH;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Packs, and compares every way of decoding with the input and with one another.
    fn check(values: &[u64], width: u8, base: u64) {
        let values: Vec<u64> = values.iter().map(|v| v & mask(usize::from(width))).collect();
        let mut bytes = Vec::new();
        pack(values.iter().copied(), width, &mut bytes);
        assert_eq!(bytes.len(), packed_len(values.len(), width));
        let expected: Vec<u64> = values.iter().map(|v| v.wrapping_add(base)).collect();
        let mut out = vec![0; values.len()];
        unpack_into(&bytes, width, base, &mut out).expect("enough bytes");
        assert_eq!(out, expected);
        let mut signed = vec![0; values.len()];
        unpack_i64_into(&bytes, width, base.cast_signed(), &mut signed).expect("enough bytes");
        assert!(signed.iter().map(|v| v.cast_unsigned()).eq(expected));
        for (i, &value) in values.iter().enumerate() {
            assert_eq!(get(&bytes, width, i), Some(value), "width {width}, index {i}");
        }
        if width > 0 && !values.is_empty() {
            let short = &bytes[..bytes.len() - 1];
            assert!(unpack_into(short, width, base, &mut out).is_err());
            assert_eq!(get(&bytes, width, values.len() + 7), None);
            assert_eq!(get(short, width, values.len() - 1), None);
        }
        bytes.extend([0xff; 80]);
        let before = out.clone();
        unpack_into(&bytes, width, base, &mut out).expect("more bytes than needed");
        assert_eq!(out, before);
    }

    #[test]
    fn every_width_and_every_length_of_tail() {
        for width in 0..=WIDTH_MAX {
            for len in (0..40).chain([63, 64, 65, 100]) {
                let values: Vec<u64> =
                    (1..=len).map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
                check(&values, width, u64::from(width) << 58);
                check(&vec![u64::MAX; values.len()], width, 0);
            }
        }
    }

    #[test]
    fn the_first_value_is_in_the_lowest_bits() {
        let mut bytes = Vec::new();
        pack([1, 2, 3].into_iter(), 3, &mut bytes);
        assert_eq!(bytes, [0b1101_0001, 0b0]);
    }

    #[test]
    fn refuses_a_width_or_a_count_that_cannot_be() {
        let mut out = [0; 2];
        assert!(unpack_into(&[0; 99], 65, 0, &mut out).is_err());
        assert_eq!(get(&[0; 99], 65, 0), None);
        assert_eq!(get(&[0; 99], 64, usize::MAX), None);
        assert_eq!(get(&[0; 99], 1, usize::MAX - 1), None);
        assert_eq!(packed_len(usize::MAX, 64), usize::MAX);
        assert_eq!((width_of(0), width_of(1), width_of(255), width_of(u64::MAX)), (0, 1, 8, 64));
    }

    proptest! {
        #[test]
        fn round_trip(
            values in prop::collection::vec(any::<u64>(), 0..300), width in 0_u8..=64, base: u64,
        ) {
            check(&values, width, base);
        }

        #[test]
        fn any_bytes_decode(bytes: Vec<u8>, width: u8, count in 0_usize..200, index: usize) {
            let mut out = vec![0; count];
            let enough = width <= 64 && bytes.len() >= packed_len(count, width);
            prop_assert_eq!(unpack_into(&bytes, width, 0, &mut out).is_ok(), enough);
            get(&bytes, width, index);
        }
    }
}
