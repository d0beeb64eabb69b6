//! Short ascending lists of ordinals: the first, then the gaps, as variable-length integers.
#![warn(clippy::indexing_slicing)]

use crate::index::BadBitmap;

/// Appends `ordinals`, which ascend strictly: each as its distance from the one after its
/// predecessor, 7 bits a byte, low bits first, the high bit set on all bytes but the last.
pub(super) fn serialize(ordinals: &[u32], out: &mut Vec<u8>) {
    let mut next = 0;
    for &ordinal in ordinals {
        let mut gap = ordinal - next;
        while gap >= 0x80 {
            out.push((gap & 0x7f) as u8 | 0x80);
            gap >>= 7;
        }
        out.push((gap & 0x7f) as u8);
        next = ordinal + 1;
    }
}

/// Appends to `ordinals` the `count` that `bytes` holds. They ascend, and are below `universe`.
///
/// # Errors
///
/// [`BadBitmap`] if `bytes` holds anything else, or is not the one form that is written.
pub(super) fn deserialize(
    bytes: &[u8],
    count: u32,
    universe: u32,
    ordinals: &mut Vec<u32>,
) -> Result<(), BadBitmap> {
    let mut offset = 0;
    let mut next = 0_u64;
    for _ in 0..count {
        let (gap, length) = bytes
            .get(offset..)
            .and_then(read_gap)
            .ok_or(BadBitmap { offset, reason: "bad variable-length integer" })?;
        let ordinal = next + u64::from(gap);
        let fitting = u32::try_from(ordinal).ok().filter(|ordinal| *ordinal < universe);
        ordinals.push(fitting.ok_or(BadBitmap { offset, reason: "a member is too large" })?);
        next = ordinal + 1;
        offset += length;
    }
    if offset != bytes.len() {
        return Err(BadBitmap { offset, reason: "bytes follow the list" });
    }
    Ok(())
}

/// The integer that `bytes` begins with, and its length; `None` if it is cut off, over 32 bits, or
/// longer than need be.
fn read_gap(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let overlong = byte == 0 && index > 0;
            let value = u32::try_from(value).ok().filter(|_| !overlong)?;
            return Some((value, index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(ordinals: &[u32], expected: &[u8]) {
        let mut bytes = Vec::new();
        serialize(ordinals, &mut bytes);
        assert_eq!(bytes, expected);
        let mut read = Vec::new();
        let count = u32::try_from(ordinals.len()).expect("short");
        let universe = ordinals.last().map_or(0, |last| last + 1);
        deserialize(&bytes, count, universe, &mut read).expect("reads what was written");
        assert_eq!(read, ordinals);
        if universe > 0 {
            assert!(deserialize(&bytes, count, universe - 1, &mut read).is_err());
            assert!(deserialize(&bytes, count - 1, universe, &mut read).is_err());
        }
        assert!(deserialize(&bytes, count + 1, universe, &mut read).is_err());
    }

    #[test]
    fn writes_gaps() {
        check(&[], &[]);
        check(&[0, 1, 2], &[0, 0, 0]);
        check(&[127, 255, 384], &[127, 127, 0x80, 1]);
        check(&[u32::MAX - 1], &[0xfe, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn refuses_another_form() {
        for bytes in [&[0x80_u8, 0][..], &[0xff, 0xff, 0xff, 0xff, 0x1f], &[0x80], &[0x80; 6]] {
            assert!(deserialize(bytes, 1, u32::MAX, &mut Vec::new()).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        /// There is one form for each list, so what reads at all is written back the same.
        #[test]
        fn any_bytes_are_refused_or_written_back(
            bytes in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..20),
            count in 0..20_u32,
        ) {
            let mut read = Vec::new();
            if deserialize(&bytes, count, u32::MAX, &mut read).is_ok() {
                let mut again = Vec::new();
                serialize(&read, &mut again);
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
