//! One run of integers: the mantissas of one series chunk.
//!
//! A run is packed in the way that its [`RunHeader`] names. The header is not part of the packed
//! bytes: a segment keeps the headers of many runs column by column. Constant and frame give any
//! slot without decoding the others, and bounds of the values for pruning; differences give
//! neither, and are therefore chosen only where they save a quarter of the bytes.
//!
//! All arithmetic wraps, so that every `i64` may stand next to every other.

use crate::codec::bits;
use crate::codec::bytes::{Malformed, unzigzag, zigzag};

/// How the values of a run are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// All values are the base; there are no packed bytes.
    #[default]
    Constant,
    /// Value minus base, the base being the minimum.
    Frame,
    /// The base is the first value; then the zigzag code of each value minus the one before.
    Delta,
    /// The base is the first value; then each value minus the one before minus the bias, the bias
    /// being the smallest of these differences.
    DeltaFrame,
}

impl Encoding {
    /// The byte that stands for the encoding on disk.
    pub fn tag(self) -> u8 {
        match self {
            Self::Constant => 0,
            Self::Frame => 1,
            Self::Delta => 2,
            Self::DeltaFrame => 3,
        }
    }

    /// The encoding that a byte stands for.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if it stands for none.
    pub fn from_tag(tag: u8) -> Result<Self, Malformed> {
        const ALL: [Encoding; 4] =
            [Encoding::Constant, Encoding::Frame, Encoding::Delta, Encoding::DeltaFrame];
        let found = ALL.get(usize::from(tag)).copied();
        found.ok_or(Malformed::new(0, "unknown encoding of a run"))
    }
}

/// What is needed, beside the packed bytes and the number of slots, to decode a run.
///
/// Any combination decodes to some values: nothing here is an invariant, since it comes from disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunHeader {
    /// How the values are packed.
    pub encoding: Encoding,
    /// Bits of one packed number, at most 64; 0 for a constant.
    pub width: u8,
    /// The smallest value (frame), the first (differences), or the only one (constant).
    pub base: i64,
    /// The smallest difference of [`Encoding::DeltaFrame`]; 0 for the others.
    pub bias: i64,
}

impl RunHeader {
    /// The packed bytes of a run of `slots` values.
    #[inline]
    pub fn packed_len(&self, slots: usize) -> usize {
        // Without a branch: which encoding comes next cannot be foretold.
        let is_constant = self.encoding == Encoding::Constant;
        let is_delta = matches!(self.encoding, Encoding::Delta | Encoding::DeltaFrame);
        let width = if is_constant { 0 } else { self.width };
        bits::packed_len(slots.saturating_sub(usize::from(is_delta)), width)
    }

    /// The minimum, and a maximum that no value lies beyond, of a run whose header [`plan_run`]
    /// made. `None` for differences.
    pub fn bounds(&self) -> Option<(i64, i64)> {
        let span = match self.encoding {
            Encoding::Constant => 0,
            Encoding::Frame if self.width < 64 => (1_u64 << self.width) - 1,
            Encoding::Frame => u64::MAX,
            Encoding::Delta | Encoding::DeltaFrame => return None,
        };
        // A frame that wraps around is a foreign one, or wider than its values.
        Some((self.base, self.base.checked_add_unsigned(span).unwrap_or(i64::MAX)))
    }

    /// The value of slot `index`: at once for constant and frame, by adding up `index` differences
    /// for the others.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if the slot is beyond the end of `bytes`, or the width is over 64.
    #[inline]
    pub fn get(&self, bytes: &[u8], index: usize) -> Result<i64, Malformed> {
        let at = |index| {
            let value = bits::get(bytes, self.width, index);
            value.ok_or(Malformed::new(bytes.len(), "packed values end too early"))
        };
        match self.encoding {
            Encoding::Constant => Ok(self.base),
            Encoding::Frame => Ok(self.base.wrapping_add(at(index)?.cast_signed())),
            Encoding::Delta => {
                (0..index).try_fold(self.base, |value, i| Ok(value.wrapping_add(unzigzag(at(i)?))))
            }
            Encoding::DeltaFrame => (0..index).try_fold(self.base, |value, i| {
                Ok(value.wrapping_add(self.bias).wrapping_add(at(i)?.cast_signed()))
            }),
        }
    }
}

/// Chooses how to pack `values`: the smallest of constant and frame, or differences if they save a
/// quarter of the bytes of the frame.
pub fn plan_run(values: &[i64]) -> RunHeader {
    let Some(&first) = values.first() else {
        return RunHeader::default();
    };
    let (mut min, mut max) = (first, first);
    let (mut delta_min, mut delta_max) = (i64::MAX, i64::MIN);
    let mut previous = first;
    let mut zigzags = 0;
    for &value in values.iter().skip(1) {
        min = min.min(value);
        max = max.max(value);
        let delta = value.wrapping_sub(previous);
        delta_min = delta_min.min(delta);
        delta_max = delta_max.max(delta);
        zigzags |= zigzag(delta);
        previous = value;
    }
    if min == max {
        return RunHeader { base: first, ..RunHeader::default() };
    }
    let span = |min: i64, max: i64| bits::width_of(max.wrapping_sub(min).cast_unsigned());
    let slots = values.len();
    let frame = RunHeader { encoding: Encoding::Frame, width: span(min, max), base: min, bias: 0 };
    let delta = RunHeader {
        encoding: Encoding::Delta,
        width: bits::width_of(zigzags),
        base: first,
        bias: 0,
    };
    let biased = RunHeader {
        encoding: Encoding::DeltaFrame,
        width: span(delta_min, delta_max),
        base: first,
        bias: delta_min,
    };
    // The bias itself is stored too, in about the bits that it needs.
    let bias_len = usize::from(bits::width_of(zigzag(delta_min))).div_ceil(8);
    let biased_len = biased.packed_len(slots) + bias_len;
    let (best, best_len) = if biased_len < delta.packed_len(slots) {
        (biased, biased_len)
    } else {
        (delta, delta.packed_len(slots))
    };
    if best_len.saturating_mul(4) <= frame.packed_len(slots).saturating_mul(3) {
        best
    } else {
        frame
    }
}

/// Appends the packed bytes of `values`, [`RunHeader::packed_len`] in all.
///
/// The header must be what [`plan_run`] says of the same values.
pub fn pack_run(header: &RunHeader, values: &[i64], out: &mut Vec<u8>) {
    let deltas = values.iter().skip(1).zip(values).map(|(next, value)| next.wrapping_sub(*value));
    match header.encoding {
        Encoding::Constant => {}
        Encoding::Frame => {
            let offsets = values.iter().map(|v| v.wrapping_sub(header.base).cast_unsigned());
            bits::pack(offsets, header.width, out);
        }
        Encoding::Delta => bits::pack(deltas.map(zigzag), header.width, out),
        Encoding::DeltaFrame => {
            let offsets = deltas.map(|delta| delta.wrapping_sub(header.bias).cast_unsigned());
            bits::pack(offsets, header.width, out);
        }
    }
}

/// Decodes a run of as many slots as `out` has. Passing the bytes of the whole block from the run's
/// first byte on is faster than passing the exact bytes of the run.
///
/// # Errors
///
/// [`Malformed`] if `bytes` are fewer than [`RunHeader::packed_len`], or the width is over 64.
#[inline]
pub fn unpack_run_into(header: &RunHeader, bytes: &[u8], out: &mut [i64]) -> Result<(), Malformed> {
    unpack_run_over(header, bytes, out.len(), out)
}

/// Decodes a run of `slots` slots to the start of `out`, and may write any numbers to the rest of
/// it: values come eight at a time, and those of the last eight that are too many cost less than to
/// be left out.
///
/// # Errors
///
/// [`Malformed`] if `bytes` are fewer than [`RunHeader::packed_len`], or the width is over 64.
#[inline]
pub fn unpack_run_over(
    header: &RunHeader,
    bytes: &[u8],
    slots: usize,
    out: &mut [i64],
) -> Result<(), Malformed> {
    // As if each took 64 bits: whether there are so many bytes is asked below.
    let whole = |count: usize, room: usize| {
        let padded = count.next_multiple_of(8);
        if padded <= room && padded * 8 <= bytes.len() { padded } else { count }
    };
    match header.encoding {
        Encoding::Constant => {
            out.get_mut(..slots).unwrap_or_default().fill(header.base);
            Ok(())
        }
        Encoding::Frame => {
            let count = whole(slots, out.len());
            let out = out.get_mut(..count).unwrap_or_default();
            bits::unpack_i64_into(bytes, header.width, header.base, out)
        }
        Encoding::Delta | Encoding::DeltaFrame => {
            let Some((first, deltas)) = out.split_first_mut().filter(|_| slots > 0) else {
                return Ok(());
            };
            *first = header.base;
            let count = whole(slots - 1, deltas.len());
            let out = deltas.get_mut(..count).unwrap_or_default();
            // One kernel for all three: the codes are taken apart in the pass that adds them up.
            bits::unpack_i64_into(bytes, header.width, header.bias, out)?;
            let mut value = header.base;
            let deltas = deltas.iter_mut().take(slots - 1);
            if header.encoding == Encoding::Delta {
                for slot in deltas {
                    value = value.wrapping_add(unzigzag(slot.cast_unsigned()));
                    *slot = value;
                }
            } else {
                for slot in deltas {
                    value = value.wrapping_add(*slot);
                    *slot = value;
                }
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Plans, packs and decodes in every way; gives the header.
    fn check(values: &[i64]) -> RunHeader {
        let header = plan_run(values);
        let mut bytes = Vec::new();
        pack_run(&header, values, &mut bytes);
        assert_eq!(bytes.len(), header.packed_len(values.len()));
        let mut out = vec![7; values.len()];
        unpack_run_into(&header, &bytes, &mut out).expect("own bytes");
        assert_eq!(out, values);
        for (i, &value) in values.iter().enumerate().step_by(values.len() / 50 + 1) {
            assert_eq!(header.get(&bytes, i), Ok(value));
        }
        if let Some((min, max)) = header.bounds() {
            assert!(values.iter().all(|value| (min..=max).contains(value)));
            assert!(values.is_empty() || values.contains(&min));
        }
        if !bytes.is_empty() {
            let short = &bytes[..bytes.len() - 1];
            assert!(unpack_run_into(&header, short, &mut out).is_err());
            assert!(header.get(short, values.len() - 1).is_err());
        }
        assert_eq!(Encoding::from_tag(header.encoding.tag()), Ok(header.encoding));
        header
    }

    #[test]
    fn the_encoding_follows_the_values() {
        let encoding = |values: &[i64]| check(values).encoding;
        assert_eq!(encoding(&[]), Encoding::Constant);
        assert_eq!(encoding(&[i64::MIN]), Encoding::Constant);
        assert_eq!(encoding(&[5; 30]), Encoding::Constant);
        assert_eq!(encoding(&[5, 9, 2, 7, 7, 1, 3, 8, 0]), Encoding::Frame);
        let line: Vec<i64> = (0..100).map(|i| i * 1_000).collect();
        assert_eq!(check(&line).packed_len(100), 0);
        assert_eq!(encoding(&line), Encoding::DeltaFrame);
        let noise: Vec<i64> = (0..1_000).map(|i| i * 37 % 101).collect();
        assert_eq!(encoding(&noise), Encoding::Frame);
        let saw: Vec<i64> = (0..1_000).map(|i| (i % 600 - 300_i64).abs() * 3 + i % 2).collect();
        assert_eq!(encoding(&saw), Encoding::Delta);
        assert_eq!(encoding(&[i64::MIN, i64::MAX, 0, -1]), Encoding::Delta);
        assert_eq!(encoding(&[i64::MIN, 0, i64::MAX, -1, 5]), Encoding::Frame);
        assert_eq!(check(&[i64::MIN, 0, i64::MAX, -1, 5]).bounds(), Some((i64::MIN, i64::MAX)));
        assert!(Encoding::from_tag(4).is_err());
    }

    #[test]
    fn differences_need_a_saving_of_a_quarter() {
        // 33 slots of 8 bits are 33 bytes, 32 differences of 6 bits 24, of 7 bits 28.
        for (jump, encoding) in [(32, Encoding::Delta), (33, Encoding::Frame)] {
            let mut values: Vec<i64> = (0..33).map(|i| (i - 16_i64).abs() * 12).collect();
            values[0] = values[1] + jump;
            assert_eq!(check(&values).encoding, encoding, "{values:?}");
        }
    }

    fn values() -> impl Strategy<Value = Vec<i64>> {
        let many = || prop::collection::vec(any::<i64>(), 0..300);
        let close = (any::<i64>(), 0_u32..64, many()).prop_map(|(base, shift, values)| {
            values.into_iter().map(|v| base.wrapping_add(v >> shift)).collect()
        });
        let walk = (any::<i64>(), 0_u32..64, many()).prop_map(|(mut value, shift, values)| {
            let step = |v: i64| {
                value = value.wrapping_add(v >> shift);
                value
            };
            values.into_iter().map(step).collect()
        });
        prop_oneof![many(), close, walk]
    }

    proptest! {
        #[test]
        fn round_trip(values in values()) {
            check(&values);
        }

        #[test]
        fn never_larger_than_the_frame(values in values()) {
            let header = check(&values);
            if let (Some(min), Some(max)) = (values.iter().min(), values.iter().max()) {
                let width = bits::width_of(max.wrapping_sub(*min).cast_unsigned());
                let frame = bits::packed_len(values.len(), width);
                prop_assert!(header.packed_len(values.len()) <= frame);
            }
        }

        #[test]
        fn any_bytes_give_values_or_an_error(
            tag in 0_u8..4, width: u8, base: i64, bias: i64, bytes: Vec<u8>, slots in 0_usize..300,
        ) {
            let encoding = Encoding::from_tag(tag).expect("known");
            let header = RunHeader { encoding, width, base, bias };
            let mut out = vec![0; slots];
            let whole = unpack_run_into(&header, &bytes, &mut out);
            header.bounds();
            if whole.is_ok() && width <= 64 && (tag == 3 || bias == 0) {
                for (i, &value) in out.iter().enumerate() {
                    prop_assert_eq!(header.get(&bytes, i), Ok(value));
                }
            }
        }
    }
}
