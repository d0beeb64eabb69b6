//! Tables of strings: codes, attribute values, titles.
//!
//! ```text
//! varint  count of strings
//! column  byte length of each string             (absent where the count is 0)
//! frames  the text of all strings, one mebibyte a frame, the last one shorter:
//!         varint stored length, then the bytes
//! ```
//!
//! A frame is compressed by `zstd` where that makes it smaller; a stored length equal to the
//! frame's own says that it is not.

use zstd::bulk;

use crate::codec::bytes::{Malformed, Reader, Writer};
use crate::codec::column::{Column, encode_u64};
use crate::error::Error;
use crate::limits::STRING_TABLE_BYTES_MAX;

/// Bytes of text in one frame, so that neither side holds more than one in compressed form.
const FRAME_BYTES: usize = 1 << 20;
/// Shorter frames are stored: a frame of `zstd` has about twelve bytes of its own.
const COMPRESSED_BYTES_MIN: usize = 32;
/// The level of `zstd`: higher ones save few bytes of short codes, and cost a multiple.
const ZSTD_LEVEL: i32 = 3;

/// What a reader of a string table accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimits {
    /// The largest number of strings.
    pub count_max: usize,
    /// The largest number of bytes of all strings together, uncompressed.
    pub bytes_max: usize,
}

/// Appends a table of `strings`, in their order.
///
/// # Errors
///
/// [`Error::Limit`] if they are more than [`STRING_TABLE_BYTES_MAX`] bytes in all.
pub fn encode_strings(strings: &[impl AsRef<str>], out: &mut Vec<u8>) -> Result<(), Error> {
    let lens: Vec<u64> = strings.iter().map(|string| string.as_ref().len() as u64).collect();
    let total: usize = strings.iter().map(|string| string.as_ref().len()).sum();
    if total > STRING_TABLE_BYTES_MAX {
        let (actual, limit) = (total as u64, STRING_TABLE_BYTES_MAX as u64);
        return Err(Error::Limit { what: "the number of bytes of a string table", actual, limit });
    }
    Writer::new(out).count(strings.len());
    if strings.is_empty() {
        return Ok(());
    }
    encode_u64(&lens, out);
    let mut frame = Vec::with_capacity(total.min(FRAME_BYTES));
    for string in strings {
        let mut bytes = string.as_ref().as_bytes();
        while let Some((head, tail)) = bytes.split_at_checked(FRAME_BYTES - frame.len()) {
            frame.extend_from_slice(head);
            write_frame(&frame, out);
            frame.clear();
            bytes = tail;
        }
        frame.extend_from_slice(bytes);
    }
    if !frame.is_empty() {
        write_frame(&frame, out);
    }
    Ok(())
}

fn write_frame(frame: &[u8], out: &mut Vec<u8>) {
    let compressed = if frame.len() < COMPRESSED_BYTES_MIN {
        Vec::new()
    } else {
        bulk::compress(frame, ZSTD_LEVEL).unwrap_or_default()
    };
    let helps = !compressed.is_empty() && compressed.len() < frame.len();
    Writer::new(out).prefixed(if helps { &compressed } else { frame });
}

/// The table of strings that `bytes` are, decoded.
///
/// # Errors
///
/// [`Malformed`] if they are none, over a limit, or not UTF-8.
pub fn decode_strings(bytes: &[u8], limits: TextLimits) -> Result<Strings, Malformed> {
    let mut reader = Reader::new(bytes);
    let strings = Strings::read(&mut reader, limits)?;
    reader.finish()?;
    Ok(strings)
}

/// A table of strings in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings {
    /// All strings, one after the other.
    text: String,
    /// Per string the offset after its last byte: increasing, and at character boundaries.
    ends: Vec<u32>,
}

impl Strings {
    /// Takes a table from `reader`, and decodes it.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if there is none, it is over a limit, or not UTF-8.
    pub fn read(reader: &mut Reader<'_>, limits: TextLimits) -> Result<Self, Malformed> {
        let start = reader.at();
        let count = reader.count(limits.count_max)?;
        if count == 0 {
            return Ok(Self::default());
        }
        let column = Column::read(reader, count)?;
        if column.len() != count {
            return Err(reader.malformed("another number of lengths than of strings"));
        }
        let mut lens = Vec::new();
        column.decode_into(&mut lens).map_err(|error| error.offset_by(start))?;
        let over = reader.malformed("text over its limit");
        let mut total = 0_usize;
        let mut ends = Vec::with_capacity(count);
        for len in lens {
            total = total.saturating_add(usize::try_from(len).map_err(|_| over)?);
            if total > limits.bytes_max {
                return Err(over);
            }
            ends.push(u32::try_from(total).map_err(|_| over)?);
        }
        let text = read_frames(reader, total)?;
        let text = String::from_utf8(text).map_err(|_| reader.malformed("text is not UTF-8"))?;
        if !ends.iter().all(|&end| text.is_char_boundary(end as usize)) {
            return Err(reader.malformed("a string ends inside a character"));
        }
        Ok(Self { text, ends })
    }

    /// The number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no strings.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// String `index`; `None` beyond the end of the table.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.text.get(start as usize..end as usize)
    }

    /// All strings, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator + Clone {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }

    /// Where `string` is in a table sorted by bytes: `Ok` with its index, or `Err` with the index
    /// where it would be.
    ///
    /// # Errors
    ///
    /// The index of the first string that is greater, if the table does not hold `string`.
    pub fn binary_search(&self, string: &str) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.get(middle).unwrap_or_default() < string {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if self.get(low) == Some(string) { Ok(low) } else { Err(low) }
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

/// Takes as many frames as `total` bytes of text need. Memory grows frame by frame, each after its
/// compressed bytes were seen, so that a false length alone allocates little.
fn read_frames(reader: &mut Reader<'_>, total: usize) -> Result<Vec<u8>, Malformed> {
    let mut text = Vec::new();
    let mut decompressor = None;
    while text.len() < total {
        let len = (total - text.len()).min(FRAME_BYTES);
        let at = reader.at();
        let stored = reader.prefixed()?;
        if stored.len() == len {
            text.extend_from_slice(stored);
            continue;
        }
        if stored.len() > len {
            return Err(Malformed::new(at, "frame longer than its text"));
        }
        let broken = Malformed::new(at, "frame does not decompress to its length");
        let decompressor = match &mut decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(bulk::Decompressor::new().map_err(|_| broken)?),
        };
        let start = text.len();
        text.resize(start + len, 0);
        let frame = text.get_mut(start..).unwrap_or_default();
        match decompressor.decompress_to_buffer(stored, frame) {
            Ok(decompressed) if decompressed == len => {}
            _ => return Err(broken),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: TextLimits = TextLimits { count_max: 10_000, bytes_max: 8 << 20 };

    /// Encodes, and compares what comes back; gives the bytes.
    fn check(strings: &[impl AsRef<str>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode_strings(strings, &mut bytes).expect("few strings");
        let read = decode_strings(&bytes, LIMITS).expect("own bytes");
        assert_eq!(read.len(), strings.len());
        assert!(read.iter().eq(strings.iter().map(AsRef::as_ref)));
        assert_eq!(read.get(strings.len()), None);
        assert!(read.is_empty() || read.get(0) == Some(strings[0].as_ref()));
        let total = strings.iter().map(|s| s.as_ref().len()).sum::<usize>();
        let exact = TextLimits { count_max: strings.len(), bytes_max: total };
        assert!(decode_strings(&bytes, exact).is_ok());
        if total > 0 {
            assert!(decode_strings(&bytes, TextLimits { bytes_max: total - 1, ..exact }).is_err());
        }
        if let Some(count_max) = strings.len().checked_sub(1) {
            assert!(decode_strings(&bytes, TextLimits { count_max, ..exact }).is_err());
        }
        for end in (0..bytes.len()).step_by(bytes.len() / 50 + 1) {
            assert!(decode_strings(&bytes[..end], LIMITS).is_err(), "cut at {end}");
        }
        bytes
    }

    #[test]
    fn zstd_is_used_where_it_helps() {
        assert_eq!(check(&[""; 0]).len(), 1);
        assert_eq!(check(&["AUT", "BEL"]).len(), 1 + 3 + 1 + 6);
        check(&["", "", ""]);
        check(&["", "ä", "", "日本", "\0"]);
        let codes: Vec<String> = (0..5_000).map(|i| format!("CODE_{i:05}")).collect();
        assert!(check(&codes).len() < 50_000 / 2);
    }

    #[test]
    fn text_goes_on_in_the_next_frame() {
        for len in [FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES + 7] {
            let long = "aä".repeat(len / 3) + &"z".repeat(len % 3);
            assert_eq!(long.len(), len);
            assert!(check(&[long.as_str(), "b", ""]).len() < 2_000);
            check(&["1", &long, &long[..3], "2"]);
        }
    }

    #[test]
    fn finds_strings_of_a_sorted_table() {
        let sorted = ["", "A", "AB", "B", "Z", "a", "ä"];
        let read = decode_strings(&check(&sorted), LIMITS).expect("own bytes");
        for probe in sorted.into_iter().chain(["0", "AA", "ABC", "b", "日"]) {
            assert_eq!(read.binary_search(probe), sorted.binary_search(&probe), "{probe}");
        }
    }

    #[test]
    fn refuses_what_is_not_utf8() {
        let whole = check(&["ä"]);
        let split = [2, 0, 2, 2, 2, 0xc3, 0xa4];
        assert_eq!(whole, [1, 0, 1, 4, 2, 0xc3, 0xa4]);
        assert!(decode_strings(&split, LIMITS).is_err());
        assert!(decode_strings(&[1, 0, 1, 4, 2, 0xc3, 0x28], LIMITS).is_err());
    }

    proptest! {
        #[test]
        fn round_trip(strings: Vec<String>) {
            check(&strings);
        }

        #[test]
        fn a_flipped_bit_gives_strings_or_an_error(
            words in prop::collection::vec("[A-C]{0,9}|ä日", 0..200),
            at: prop::sample::Index, bit in 0..8,
        ) {
            let mut bytes = check(&words);
            let at = at.index(bytes.len());
            bytes[at] ^= 1_u8 << bit;
            if let Ok(read) = decode_strings(&bytes, LIMITS) {
                prop_assert_eq!(read.iter().map(str::len).sum::<usize>(), read.text.len());
            }
        }

        #[test]
        fn any_bytes_give_strings_or_an_error(bytes: Vec<u8>) {
            decode_strings(&bytes, LIMITS).ok();
        }
    }
}
