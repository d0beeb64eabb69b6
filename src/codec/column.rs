//! A self-describing column of integers, for tables with one entry a series or a chunk.
//!
//! ```text
//! u8      form: 0 constant, 1 frame, 2 runs, 3 sized
//! varint  count of values
//! constant: varint zigzag value                        (absent where the count is 0)
//! frame:    varint zigzag base, u8 width, then the packed offsets from the base
//! runs:     varint count of runs, varint zigzag base, u8 width,
//!           then the packed last index of each run, then the packed offset of each run
//! sized:    varint payload length, then the packed byte lengths (4 bits each) of the zigzag codes,
//!           then the codes
//! ```
//!
//! The last indices of the runs have the width of the largest, which is the count minus one.
//! Signed and unsigned columns differ only in what the encoder takes for the minimum: the
//! arithmetic wraps.
//!
//! The encoder takes the smallest, but gives up random access at once only for a good reason: runs
//! for half of the bytes, sized (where a few large values would widen all the others) for three
//! quarters.

use crate::codec::bits;
use crate::codec::bytes::{Malformed, Reader, Writer, unzigzag, varint_len, zigzag};

const CONSTANT: u8 = 0;
const FRAME: u8 = 1;
const RUNS: u8 = 2;
const SIZED: u8 = 3;

/// Appends a column of unsigned integers.
pub fn encode_u64(values: &[u64], out: &mut Vec<u8>) {
    let min = values.iter().min().map_or(0, |v| v.cast_signed());
    let max = values.iter().max().map_or(0, |v| v.cast_signed());
    encode(values.iter().map(|v| v.cast_signed()), min, max, out);
}

/// Appends a column of signed integers.
pub fn encode_i64(values: &[i64], out: &mut Vec<u8>) {
    let min = values.iter().min().copied().unwrap_or_default();
    let max = values.iter().max().copied().unwrap_or_default();
    encode(values.iter().copied(), min, max, out);
}

/// The bytes of the zigzag code of `value`: 0 to 8.
fn code_len(value: i64) -> usize {
    usize::from(bits::width_of(zigzag(value))).div_ceil(8)
}

fn encode(
    values: impl ExactSizeIterator<Item = i64> + Clone,
    min: i64,
    max: i64,
    out: &mut Vec<u8>,
) {
    let count = values.len();
    let width = bits::width_of(max.wrapping_sub(min).cast_unsigned());
    let mut runs = 0;
    let mut payload_len = 0;
    let mut previous = None;
    for value in values.clone() {
        runs += usize::from(previous != Some(value));
        payload_len += code_len(value);
        previous = Some(value);
    }
    let base_len = varint_len(zigzag(min)) + 1;
    let frame_len = base_len + bits::packed_len(count, width);
    let index_width = bits::width_of(count.saturating_sub(1) as u64);
    let runs_len = varint_len(runs as u64)
        + base_len
        + bits::packed_len(runs, index_width)
        + bits::packed_len(runs, width);
    let sized_len = varint_len(payload_len as u64) + bits::packed_len(count, 4) + payload_len;

    let mut writer = Writer::new(out);
    let form = if runs <= 1 {
        CONSTANT
    } else if runs_len.saturating_mul(2) <= frame_len && runs_len <= sized_len {
        RUNS
    } else if sized_len.saturating_mul(4) <= frame_len.saturating_mul(3) {
        SIZED
    } else {
        FRAME
    };
    writer.u8(form);
    writer.count(count);
    let offset = |value: i64| value.wrapping_sub(min).cast_unsigned();
    match form {
        CONSTANT if count == 0 => {}
        CONSTANT => writer.varint_i64(min),
        FRAME => {
            writer.varint_i64(min);
            writer.u8(width);
            bits::pack(values.map(offset), width, out);
        }
        RUNS => {
            writer.count(runs);
            writer.varint_i64(min);
            writer.u8(width);
            let (ends, offsets) = runs_of(values.map(offset));
            bits::pack(ends.into_iter(), index_width, out);
            bits::pack(offsets.into_iter(), width, out);
        }
        _ => {
            writer.count(payload_len);
            bits::pack(values.clone().map(|value| code_len(value) as u64), 4, writer.out());
            for value in values {
                writer.out().extend(zigzag(value).to_le_bytes().iter().take(code_len(value)));
            }
        }
    }
}

/// The last index of each run of equal values, and its value.
fn runs_of(values: impl Iterator<Item = u64>) -> (Vec<u64>, Vec<u64>) {
    let (mut ends, mut run_values) = (Vec::<u64>::new(), Vec::<u64>::new());
    for (index, value) in (0..).zip(values) {
        if run_values.last() == Some(&value)
            && let Some(end) = ends.last_mut()
        {
            *end = index;
        } else {
            ends.push(index);
            run_values.push(value);
        }
    }
    (ends, run_values)
}

/// A column of integers that stays packed: a view of its bytes.
///
/// Unsigned and signed columns are read by the same type: take the getters that match the encoder.
/// Bytes that no encoder wrote are found by [`decode_into`](Self::decode_into); single values of
/// such a column may be anything.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    len: usize,
    form: Form<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Constant { value: i64 },
    Frame { base: i64, width: u8, offsets: &'a [u8] },
    Runs { runs: usize, index_width: u8, ends: &'a [u8], base: i64, width: u8, offsets: &'a [u8] },
    Sized { lens: &'a [u8], payload: &'a [u8] },
}

impl<'a> Column<'a> {
    /// The column that `bytes` are, of at most `count_max` values.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if they are none, or more.
    pub fn parse(bytes: &'a [u8], count_max: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let column = Self::read(&mut reader, count_max)?;
        reader.finish()?;
        Ok(column)
    }

    /// Takes a column of at most `count_max` values from `reader`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if there is none, or a larger one.
    pub fn read(reader: &mut Reader<'a>, count_max: usize) -> Result<Self, Malformed> {
        let form = reader.u8()?;
        let len = reader.count(count_max)?;
        if len == 0 && form != CONSTANT {
            return Err(reader.malformed("empty column of an unexpected form"));
        }
        let form = match form {
            CONSTANT => Form::Constant { value: if len == 0 { 0 } else { reader.varint_i64()? } },
            FRAME => {
                let base = reader.varint_i64()?;
                let width = read_width(reader)?;
                let offsets = reader.bytes(bits::packed_len(len, width))?;
                Form::Frame { base, width, offsets }
            }
            RUNS => {
                let runs = reader.count(len)?;
                let base = reader.varint_i64()?;
                let width = read_width(reader)?;
                let index_width = bits::width_of(len as u64 - 1);
                let ends = reader.bytes(bits::packed_len(runs, index_width))?;
                let offsets = reader.bytes(bits::packed_len(runs, width))?;
                Form::Runs { runs, index_width, ends, base, width, offsets }
            }
            SIZED => {
                let payload_len = reader.count(reader.remaining())?;
                let lens = reader.bytes(bits::packed_len(len, 4))?;
                Form::Sized { lens, payload: reader.bytes(payload_len)? }
            }
            _ => return Err(reader.malformed("unknown form of a column")),
        };
        Ok(Self { len, form })
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Value `index` of an unsigned column; `None` beyond its end. At once for most columns, by
    /// binary search over runs, and by a walk over the lengths of the values before where sizes
    /// vary.
    pub fn get(&self, index: usize) -> Option<u64> {
        self.get_i64(index).map(i64::cast_unsigned)
    }

    /// As [`get`](Self::get), for a signed column.
    pub fn get_i64(&self, index: usize) -> Option<i64> {
        if index >= self.len {
            return None;
        }
        match self.form {
            Form::Constant { value } => Some(value),
            Form::Frame { base, width, offsets } => {
                Some(base.wrapping_add(bits::get(offsets, width, index)?.cast_signed()))
            }
            Form::Runs { runs, index_width, ends, base, width, offsets } => {
                let (mut low, mut high) = (0, runs);
                while low < high {
                    let middle = usize::midpoint(low, high);
                    if bits::get(ends, index_width, middle)? < index as u64 {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                Some(base.wrapping_add(bits::get(offsets, width, low)?.cast_signed()))
            }
            Form::Sized { lens, payload } => {
                let before = lens.get(..index / 2)?;
                let whole: usize = before.iter().map(|b| usize::from((b & 15) + (b >> 4))).sum();
                let pair = *lens.get(index / 2)?;
                let (low, high) = (usize::from(pair & 15), usize::from(pair >> 4));
                let (start, len) =
                    if index.is_multiple_of(2) { (whole, low) } else { (whole + low, high) };
                code(payload.get(start..)?, len)
            }
        }
    }

    /// Appends all values of an unsigned column to `out`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if no encoder wrote the column; `out` may then have grown.
    pub fn decode_into(&self, out: &mut Vec<u64>) -> Result<(), Malformed> {
        self.decode_map(out, i64::cast_unsigned)
    }

    /// Appends all values of a signed column to `out`.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if no encoder wrote the column; `out` may then have grown.
    pub fn decode_i64_into(&self, out: &mut Vec<i64>) -> Result<(), Malformed> {
        self.decode_map(out, |value| value)
    }

    /// Appends all values of an unsigned column of small numbers to `out`; 255 stands for all above.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if no encoder wrote the column; `out` may then have grown.
    pub fn decode_u8_into(&self, out: &mut Vec<u8>) -> Result<(), Malformed> {
        self.decode_map(out, |value| u8::try_from(value.cast_unsigned()).unwrap_or(u8::MAX))
    }

    /// Appends all values of an unsigned column of numbers below 2^32 to `out`; 2^32 - 1 stands for
    /// all above.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if no encoder wrote the column; `out` may then have grown.
    pub fn decode_u32_into(&self, out: &mut Vec<u32>) -> Result<(), Malformed> {
        self.decode_map(out, |value| u32::try_from(value.cast_unsigned()).unwrap_or(u32::MAX))
    }

    /// Sets the places of `out` with these indices to the values there, as `map` gives them: for who
    /// wants few of a column.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if there is no such value.
    pub fn pick_into<T>(
        &self,
        indices: &[usize],
        map: impl Fn(i64) -> T,
        out: &mut [T],
    ) -> Result<(), Malformed> {
        for index in indices {
            let value = self.get_i64(*index).zip(out.get_mut(*index));
            let (value, place) = value.ok_or(Malformed::new(0, "a column ends too early"))?;
            *place = map(value);
        }
        Ok(())
    }

    fn decode_map<T: Copy + Default>(
        &self,
        out: &mut Vec<T>,
        map: impl Fn(i64) -> T,
    ) -> Result<(), Malformed> {
        let first = out.len();
        match self.form {
            Form::Constant { value } => out.resize(first + self.len, map(value)),
            Form::Frame { base, width, offsets } => {
                out.resize(first + self.len, T::default());
                let slots = out.get_mut(first..).unwrap_or_default();
                bits::unpack_map(offsets, width, slots, |offset| {
                    map(base.wrapping_add(offset.cast_signed()))
                })?;
            }
            Form::Runs { runs, index_width, ends, base, width, offsets } => {
                let broken = Malformed::new(0, "runs of a column do not follow one another");
                out.reserve(self.len);
                let mut done = 0;
                for run in 0..runs {
                    let end = bits::get(ends, index_width, run).ok_or(broken)? + 1;
                    let end = usize::try_from(end).map_err(|_| broken)?;
                    if end <= done || end > self.len {
                        return Err(broken);
                    }
                    let offset = bits::get(offsets, width, run).ok_or(broken)?;
                    out.resize(first + end, map(base.wrapping_add(offset.cast_signed())));
                    done = end;
                }
                if done != self.len {
                    return Err(broken);
                }
            }
            Form::Sized { lens, mut payload } => {
                let broken = Malformed::new(0, "sizes of a column do not match its values");
                out.reserve(self.len);
                let halves = lens.iter().flat_map(|byte| [byte & 15, byte >> 4]);
                for len in halves.take(self.len) {
                    let len = usize::from(len);
                    out.push(map(code(payload, len).ok_or(broken)?));
                    payload = payload.get(len..).ok_or(broken)?;
                }
                if !payload.is_empty() {
                    return Err(broken);
                }
            }
        }
        Ok(())
    }
}

fn read_width(reader: &mut Reader<'_>) -> Result<u8, Malformed> {
    let width = reader.u8()?;
    if width > bits::WIDTH_MAX {
        return Err(reader.malformed("width over 64 bits"));
    }
    Ok(width)
}

/// The value whose zigzag code is the first `len` bytes.
#[inline]
fn code(bytes: &[u8], len: usize) -> Option<i64> {
    let bits = match len {
        0 => return Some(0),
        1..=8 => len * 8,
        _ => return None,
    };
    if let Some(word) = bytes.first_chunk() {
        return Some(unzigzag(u64::from_le_bytes(*word) & (u64::MAX >> (64 - bits))));
    }
    let mut word = [0; 8];
    word.get_mut(..len)?.copy_from_slice(bytes.get(..len)?);
    Some(unzigzag(u64::from_le_bytes(word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_bytes(bytes: &[u8], expected: &[i64]) {
        let column = Column::parse(bytes, expected.len()).expect("own bytes");
        assert_eq!(column.len(), expected.len());
        let mut out = vec![42];
        column.decode_i64_into(&mut out).expect("own bytes");
        assert_eq!(out[0], 42);
        assert_eq!(&out[1..], expected);
        let mut unsigned = Vec::new();
        column.decode_into(&mut unsigned).expect("own bytes");
        let mut picked = vec![0; expected.len()];
        let indices: Vec<usize> = (0..expected.len()).step_by(3).collect();
        column.pick_into(&indices, |value| value, &mut picked).expect("own bytes");
        for (index, value) in picked.into_iter().enumerate() {
            assert_eq!(value, if index % 3 == 0 { expected[index] } else { 0 });
        }
        assert!(column.pick_into(&[expected.len()], |value| value, &mut [0; 300]).is_err());
        for (i, &value) in expected.iter().enumerate() {
            assert_eq!(column.get_i64(i), Some(value), "index {i}");
            assert_eq!(column.get(i), Some(unsigned[i]));
        }
        assert_eq!(column.get(expected.len()), None);
        assert_eq!(column.get(usize::MAX), None);
        if let Some(less) = expected.len().checked_sub(1) {
            assert!(Column::parse(bytes, less).is_err());
        }
        for end in (0..bytes.len()).step_by(bytes.len() / 20 + 1) {
            assert!(Column::parse(&bytes[..end], expected.len()).is_err());
        }
    }

    /// Encodes as signed and as unsigned, checks both, and gives form and size of the unsigned.
    fn check(values: &[i64]) -> (u8, usize) {
        let mut bytes = Vec::new();
        encode_i64(values, &mut bytes);
        check_bytes(&bytes, values);
        bytes.clear();
        encode_u64(&values.iter().map(|v| v.cast_unsigned()).collect::<Vec<_>>(), &mut bytes);
        check_bytes(&bytes, values);
        (bytes[0], bytes.len())
    }

    #[test]
    fn the_form_follows_the_values() {
        assert_eq!(check(&[]), (CONSTANT, 2));
        assert_eq!(check(&[7; 1_000]), (CONSTANT, 4));
        assert_eq!(check(&(0..1_000).map(|i| i * 7 % 64).collect::<Vec<_>>()), (FRAME, 755));
        assert_eq!(check(&(0..1_000).map(|i| i / 100).collect::<Vec<_>>()), (RUNS, 24));
        let outlier: Vec<i64> =
            (0..100).map(|i| if i == 50 { 1 << 50 } else { i % 7 - 3 }).collect();
        assert_eq!(check(&outlier).0, SIZED);
        assert_eq!(check(&[i64::MIN, i64::MAX, i64::MIN + 5, i64::MAX - 3]).0, FRAME);
    }

    fn values() -> impl Strategy<Value = Vec<i64>> {
        let shifted = prop::collection::vec((any::<i64>(), 0_u32..64), 0..200)
            .prop_map(|values| values.into_iter().map(|(v, shift)| v >> shift).collect());
        let close = (any::<i64>(), 0_u32..64, prop::collection::vec(any::<i64>(), 0..200))
            .prop_map(|(base, shift, values)| {
                values.into_iter().map(|v| base.wrapping_add(v >> shift)).collect()
            });
        let runs = prop::collection::vec((any::<i64>(), 1_usize..60), 0..20)
            .prop_map(|runs| runs.into_iter().flat_map(|(value, len)| vec![value; len]).collect());
        prop_oneof![shifted, close, runs]
    }

    proptest! {
        #[test]
        fn round_trip(values in values()) {
            check(&values);
        }

        #[test]
        fn never_larger_than_a_frame(values in values()) {
            let mut bytes = Vec::new();
            encode_i64(&values, &mut bytes);
            let min = values.iter().min().copied().unwrap_or_default();
            let max = values.iter().max().copied().unwrap_or_default();
            let width = bits::width_of(max.wrapping_sub(min).cast_unsigned());
            let count = values.len();
            let head = 2 + varint_len(count as u64) + varint_len(zigzag(min));
            prop_assert!(bytes.len() <= head + bits::packed_len(count, width));
        }

        #[test]
        fn a_flipped_bit_gives_values_or_an_error(
            values in values(), at: prop::sample::Index, bit in 0..8,
        ) {
            let mut bytes = Vec::new();
            encode_i64(&values, &mut bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            decode(&bytes);
        }

        #[test]
        fn any_bytes_give_values_or_an_error(form in 0_u8..5, bytes: Vec<u8>) {
            let mut column = vec![form];
            column.extend(bytes);
            decode(&column);
        }
    }

    fn decode(bytes: &[u8]) {
        if let Ok(column) = Column::parse(bytes, 1_000) {
            let mut out = Vec::new();
            let whole = column.decode_into(&mut out);
            assert!(out.len() <= 1_000);
            for index in 0..column.len() + 2 {
                let value = column.get(index);
                if whole.is_ok() {
                    assert_eq!(value, out.get(index).copied());
                }
            }
        }
    }
}
