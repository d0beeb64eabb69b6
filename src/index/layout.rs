//! The bytes of a dimension index, and the reader of one code of it.
//!
//! ```text
//! offset    size  content
//! 0         4     number of codes C
//! 4         8 C   for each code: u32 number of its series, u32 end of its list
//! 4 + 8 C   n     for each code in order, its list: variable-length gaps up to 64 series, else a
//!                 roaring bitmap (its portable format)
//! ```
//!
//! Integers are little-endian. An end counts from the first list, and a list begins where the one
//! before ends, so that one code is read without the others. The lists fill the bytes to the end.
#![warn(clippy::indexing_slicing)]

use crate::index::{BadBitmap, Selection, postings};

/// Series that a code may have and still be a list of gaps. A roaring bitmap of so few has a
/// header larger than its members where they are spread.
pub(super) const POSTINGS_MAX: u32 = 64;

/// Bytes of the table before its first code.
const HEADER_BYTES: usize = 4;
/// Bytes of one code in the table.
const CODE_BYTES: usize = 8;

/// A dimension index as bytes, of which one code's series are read at a time.
///
/// Invariant: the table is checked. The lists are checked as they are read. To read most of them,
/// [`crate::index::DimensionIndex`] is the better form.
#[derive(Clone, Copy, Debug)]
pub struct IndexView<'a> {
    series_count: u32,
    /// One entry a code.
    table: &'a [[u8; CODE_BYTES]],
    lists: &'a [u8],
}

impl<'a> IndexView<'a> {
    /// Checks the table of `bytes`, the index of one dimension of a segment of `series_count`
    /// series. Cost: a pass over the codes.
    ///
    /// # Errors
    ///
    /// [`BadBitmap`] if the lists do not fill the bytes, or do not have `series_count` members: a
    /// series has one code.
    pub fn parse(bytes: &'a [u8], series_count: u32) -> Result<Self, BadBitmap> {
        let short = BadBitmap { offset: bytes.len(), reason: "the table of codes is cut off" };
        let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or(short)?;
        let table_bytes = u64::from(u32::from_le_bytes(*header)) * CODE_BYTES as u64;
        let table_bytes = usize::try_from(table_bytes).map_err(|_| short)?;
        let (table, lists) = rest.split_at_checked(table_bytes).ok_or(short)?;
        let (table, _) = table.as_chunks();
        let view = Self { series_count, table, lists };
        let (mut series, mut last) = (0_u64, 0);
        for (code, (count, end)) in table.iter().copied().map(parse_entry).enumerate() {
            let offset = HEADER_BYTES + code * CODE_BYTES;
            if end < last {
                return Err(BadBitmap { offset, reason: "a list ends before it begins" });
            }
            series += u64::from(count);
            last = end;
        }
        if last as usize != lists.len() {
            let offset = HEADER_BYTES + table_bytes;
            return Err(BadBitmap { offset, reason: "the lists do not fill the bytes" });
        }
        if series != u64::from(series_count) {
            let reason = "the codes do not have as many series as the segment";
            return Err(BadBitmap { offset: HEADER_BYTES, reason });
        }
        Ok(view)
    }

    /// The number of codes, those without series included.
    pub fn code_count(&self) -> u32 {
        u32::try_from(self.table.len()).expect("the table is as long as a u32 said")
    }

    /// The number of series of the segment.
    pub fn series_count(&self) -> u32 {
        self.series_count
    }

    /// The number of series that carry `code`; 0 for one that is not in the index.
    pub fn count(&self, code: u32) -> u64 {
        self.entry(code as usize).map_or(0, |(count, _)| u64::from(count))
    }

    /// The series that carry `code`; none for one that is not in the index. Cost: reads one list.
    ///
    /// # Errors
    ///
    /// [`BadBitmap`] if the list is not as many series of the segment as the table says.
    pub fn carriers(&self, code: u32) -> Result<Selection, BadBitmap> {
        let Some((count, list)) = self.list(code) else { return Ok(Selection::empty()) };
        if count > POSTINGS_MAX {
            return self.read_bitmap(count, list);
        }
        let mut ordinals = Vec::with_capacity(count as usize);
        self.read_postings(count, list, &mut ordinals)?;
        Ok(Selection::from_sorted(ordinals))
    }

    /// Appends to `ordinals` the `count` series of a short `list`.
    pub(super) fn read_postings(
        &self,
        count: u32,
        list: &[u8],
        ordinals: &mut Vec<u32>,
    ) -> Result<(), BadBitmap> {
        postings::deserialize(list, count, self.series_count, ordinals)
            .map_err(|error| error.behind(self.offset_of(list)))
    }

    /// The `count` series of a long `list`.
    pub(super) fn read_bitmap(&self, count: u32, list: &[u8]) -> Result<Selection, BadBitmap> {
        let offset = self.offset_of(list);
        let carriers = Selection::deserialize(list, self.series_count);
        let carriers = carriers.map_err(|error| error.behind(offset))?;
        if carriers.len() != u64::from(count) {
            return Err(BadBitmap { offset, reason: "not the number of series the table says" });
        }
        Ok(carriers)
    }

    /// The number of series of `code`, and the bytes of their list; `None` past the last code.
    pub(super) fn list(&self, code: u32) -> Option<(u32, &'a [u8])> {
        let code = code as usize;
        let (count, end) = self.entry(code)?;
        let start = match code.checked_sub(1) {
            Some(before) => self.entry(before)?.1,
            None => 0,
        };
        Some((count, self.lists.get(start as usize..end as usize)?))
    }

    /// The number of series of the code at `index`, and the end of its list.
    fn entry(&self, index: usize) -> Option<(u32, u32)> {
        self.table.get(index).copied().map(parse_entry)
    }

    /// Where `list`, a part of the lists, begins in the bytes of the index.
    fn offset_of(&self, list: &[u8]) -> usize {
        let behind = list.as_ptr() as usize - self.lists.as_ptr() as usize;
        HEADER_BYTES + self.table.len() * CODE_BYTES + behind
    }
}

fn parse_entry(entry: [u8; CODE_BYTES]) -> (u32, u32) {
    let count = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
    let end = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
    (count, end)
}

/// Appends an index of `code_count` codes to `out`. `append` appends the list of one code and
/// returns the number of its series.
pub(super) fn serialize(
    code_count: u32,
    out: &mut Vec<u8>,
    mut append: impl FnMut(u32, &mut Vec<u8>) -> u32,
) {
    out.extend_from_slice(&code_count.to_le_bytes());
    let mut table = out.len();
    let lists = table + code_count as usize * CODE_BYTES;
    out.resize(lists, 0);
    for code in 0..code_count {
        let count = append(code, out);
        let end = u32::try_from(out.len() - lists);
        let end = end.expect("2 bytes a series, and a header, are far below 4 GiB");
        for word in [count, end] {
            let bytes = word.to_le_bytes();
            for (place, byte) in out.iter_mut().skip(table).zip(bytes) {
                *place = byte;
            }
            table += bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::index::DimensionIndex;

    /// Two codes of a segment of 103 series: code 0 is carried by all but 3, 5 and 9.
    fn bytes() -> Vec<u8> {
        let forward: Vec<u32> = (0..103).map(|one| u32::from([3, 5, 9].contains(&one))).collect();
        let mut bytes = Vec::new();
        DimensionIndex::build(&forward, 2).serialize(&mut bytes);
        bytes
    }

    #[test]
    fn writes_a_table_and_the_lists() {
        let bytes = bytes();
        let (table, lists) = bytes.split_at(4 + 2 * 8);
        assert_eq!(table, [2, 0, 0, 0, 100, 0, 0, 0, 27, 0, 0, 0, 3, 0, 0, 0, 30, 0, 0, 0]);
        let header = [0x3b, 0x30, 0, 0, 1, 0, 0, 99, 0];
        let runs = [4, 0, 0, 0, 2, 0, 4, 0, 0, 0, 6, 0, 2, 0, 10, 0, 92, 0];
        assert_eq!(lists, [&header[..], &runs, &[3, 1, 3]].concat());
    }

    /// Changes one byte of the index, and reads it.
    #[track_caller]
    fn check_error(at: usize, byte: u8, expected: &str) {
        let mut bytes = bytes();
        *bytes.get_mut(at).expect("a byte of the index") = byte;
        let error = DimensionIndex::deserialize(&bytes, 103).expect_err("accepted");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn names_what_is_wrong_and_where() {
        check_error(3, 1, "bad bitmap at byte 50: the table of codes is cut off");
        check_error(8, 31, "bad bitmap at byte 12: a list ends before it begins");
        check_error(16, 29, "bad bitmap at byte 20: the lists do not fill the bytes");
        let reason = "the codes do not have as many series as the segment";
        check_error(12, 4, &format!("bad bitmap at byte 4: {reason}"));
        check_error(20, 0, "bad bitmap at byte 24: not a roaring bitmap");
        check_error(45, 91, "bad bitmap at byte 20: not the number of series the table says");
        check_error(45, 93, "bad bitmap at byte 47: a member is too large");
        check_error(49, 0x80, "bad bitmap at byte 49: bad variable-length integer");
        check_error(49, 0x7f, "bad bitmap at byte 49: a member is too large");
    }
}
