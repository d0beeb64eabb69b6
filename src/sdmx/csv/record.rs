//! Bytes to records and cells: quoting, line ends, and nothing of SDMX.
//!
//! The `csv` crate is not used for reading: it stops nowhere on an unclosed quote, keeps no raw
//! text, and copies every cell. Here a cell is a range of the buffer; only cells with doubled
//! quotes are copied.
//!
//! Source: RFC 4180.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::{ErrorKind, Read};
use std::str;

use crate::error::{Error, Result};
use crate::limits::{RECORD_BYTES_MAX, RECORD_RESCANS_MAX};

/// Bytes asked of the input at once.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes looked at to tell the version and the separator.
const PEEK_BYTES: usize = 128;

/// Where the text of a cell is, from the beginning of the record or of the copies.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: usize,
    end: usize,
    is_copy: bool,
}

/// What [`Records::advance`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A record: see [`Records::texts`].
    Record,
    /// A line that is no record, and why: see [`Records::raw`].
    Bad(&'static str),
    /// No more records.
    End,
}

/// How one attempt to split a record went.
enum Split {
    /// The record ends here: bytes with and without the line end, and lines it spans.
    Done { len: usize, text_len: usize, lines: u64 },
    /// The record goes on after the bytes given.
    More,
    /// There is text after a closing quote.
    Stray,
}

/// The records of a CSV file, one at a time.
pub(super) struct Records<'f, R> {
    input: R,
    file: &'f str,
    buffer: Vec<u8>,
    /// The record within the buffer, its bytes with and without line end, the lines it spans.
    start: usize,
    len: usize,
    text_len: usize,
    lines: u64,
    /// How much of the buffer is filled, and whether the input has ended.
    filled: usize,
    is_ended: bool,
    line: u64,
    separator: u8,
    fields: Vec<Field>,
    copies: Vec<u8>,
    rescan_bytes_left: u64,
}

/// The texts of one record.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    raw: &'a str,
    copies: &'a str,
    fields: &'a [Field],
}

impl<'a> Texts<'a> {
    /// The text of a cell; empty where there is none.
    #[inline]
    pub(super) fn get(&self, index: usize) -> &'a str {
        let Some(field) = self.fields.get(index) else { return "" };
        let text = if field.is_copy { self.copies } else { self.raw };
        // Cells end at ASCII characters, so a range is never within a character.
        text.get(field.start..field.end).unwrap_or_default()
    }

    /// The number of cells.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// The record as it stands, without its line end.
    pub(super) fn raw(&self) -> &'a str {
        self.raw
    }
}

impl<'f, R: Read> Records<'f, R> {
    pub(super) fn new(input: R, file: &'f str) -> Self {
        Self {
            input,
            file,
            buffer: vec![0; CHUNK_BYTES],
            start: 0,
            len: 0,
            text_len: 0,
            lines: 0,
            filled: 0,
            is_ended: false,
            line: 1,
            separator: b',',
            fields: Vec::new(),
            copies: Vec::new(),
            rescan_bytes_left: RECORD_RESCANS_MAX * RECORD_BYTES_MAX as u64,
        }
    }

    /// The first bytes of the file.
    pub(super) fn peek(&mut self) -> Result<&[u8]> {
        while self.filled < PEEK_BYTES && !self.is_ended {
            self.fill()?;
        }
        let first = self.pending();
        Ok(first.get(..PEEK_BYTES).unwrap_or(first))
    }

    /// Leaves out the first bytes of the file: a byte order mark.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.filled);
    }

    pub(super) fn set_separator(&mut self, separator: u8) {
        self.separator = separator;
    }

    /// The line on which the current record begins, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The current record as it stands, without its line end.
    pub(super) fn raw(&self) -> &[u8] {
        self.pending().get(..self.text_len).unwrap_or_default()
    }

    /// The number of cells of the current record.
    pub(super) fn cell_count(&self) -> usize {
        self.fields.len()
    }

    /// The bytes of a cell; empty where there is none.
    #[inline]
    pub(super) fn bytes(&self, index: usize) -> &[u8] {
        let Some(field) = self.fields.get(index) else { return &[] };
        let text = if field.is_copy { &self.copies[..] } else { self.raw() };
        text.get(field.start..field.end).unwrap_or_default()
    }

    /// The texts of the current record; absent where it is not UTF-8.
    #[inline]
    pub(super) fn texts(&self) -> Option<Texts<'_>> {
        let raw = str::from_utf8(self.raw()).ok()?;
        let copies = str::from_utf8(&self.copies).ok()?;
        Some(Texts { raw, copies, fields: &self.fields })
    }

    /// Turns `12,4` into `12.4` in a cell; leaves any other text.
    pub(super) fn point_for_comma(&mut self, index: usize) {
        let cell = self.bytes(index);
        let digits = cell.strip_prefix(b"-").or(cell.strip_prefix(b"+")).unwrap_or(cell);
        let Some(comma) = digits.iter().position(|byte| *byte == b',') else { return };
        let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
        let (whole, rest) = digits.split_at(comma);
        if !is_number(whole) || !is_number(rest.get(1..).unwrap_or_default()) {
            return;
        }
        let Some(Field { start, end, is_copy }) = self.fields.get(index).copied() else { return };
        let from = self.copies.len();
        if is_copy {
            self.copies.extend_from_within(start..end);
        } else {
            let cell = self.buffer.get(self.start + start..self.start + end);
            self.copies.extend_from_slice(cell.unwrap_or_default());
        }
        for byte in self.copies.iter_mut().skip(from).filter(|byte| **byte == b',') {
            *byte = b'.';
        }
        let (start, end) = (from, self.copies.len());
        if let Some(field) = self.fields.get_mut(index) {
            *field = Field { start, end, is_copy: true };
        }
    }

    /// Goes to the next record.
    #[inline]
    pub(super) fn advance(&mut self) -> Result<Step> {
        self.start += self.len;
        self.line += self.lines;
        loop {
            let text = self.buffer.get(self.start..self.filled).unwrap_or_default();
            if let Some(empty) = empty_line(text) {
                self.start += empty;
                self.line += 1;
                continue;
            }
            if text.is_empty() && self.is_ended {
                (self.len, self.text_len, self.lines) = (0, 0, 0);
                return Ok(Step::End);
            }
            let (fields, copies) = (&mut self.fields, &mut self.copies);
            match split(text, self.separator, self.is_ended, fields, copies) {
                Split::Done { len, text_len, lines } => {
                    (self.len, self.text_len, self.lines) = (len, text_len, lines);
                    return Ok(Step::Record);
                }
                Split::Stray => return self.first_line("there is text after a closing quote"),
                Split::More if self.is_ended => {
                    return self.first_line("a quote is opened and never closed");
                }
                Split::More if text.len() >= RECORD_BYTES_MAX => {
                    return self.first_line("the record is too long; is a quote not closed?");
                }
                Split::More => self.fill()?,
            }
        }
    }

    /// Gives up on the record: only its first line is left out, for a quote too many would else
    /// take the rest of the file with it.
    #[cold]
    fn first_line(&mut self, reason: &'static str) -> Result<Step> {
        self.fields.clear();
        self.copies.clear();
        let end_of_line = |text: &[u8]| text.iter().position(|byte| *byte == b'\n');
        let mut end = end_of_line(self.pending());
        while end.is_none() && !self.is_ended && self.pending().len() < RECORD_BYTES_MAX {
            self.fill()?;
            end = end_of_line(self.pending());
        }
        let text = self.pending();
        let scanned = text.len() as u64;
        let too_much = scanned > self.rescan_bytes_left;
        if too_much || (end.is_none() && !self.is_ended) {
            let at = format!("{}:{}", self.file, self.line);
            let reason = format!("{reason} (a record has at most {RECORD_BYTES_MAX} bytes)");
            return Err(Error::syntax(at, reason));
        }
        let len = end.map_or(text.len(), |end| end + 1);
        self.rescan_bytes_left -= scanned;
        (self.len, self.text_len, self.lines) = (len, end.unwrap_or(len), 1);
        Ok(Step::Bad(reason))
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.filled).unwrap_or_default()
    }

    /// Reads more behind the current record, which it moves to the front of the buffer.
    fn fill(&mut self) -> Result<()> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        if self.filled == self.buffer.len() {
            let len = (self.buffer.len() * 2).min(RECORD_BYTES_MAX);
            self.buffer.resize(len.max(self.filled + 1), 0);
        }
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        loop {
            match self.input.read(room) {
                Ok(0) => self.is_ended = true,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::io("read", self.file, error)),
            }
            return Ok(());
        }
    }
}

/// The length of an empty line at the beginning of the text, line end included.
fn empty_line(text: &[u8]) -> Option<usize> {
    match text {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// Splits the record at the beginning of `text` into cells.
fn split(
    text: &[u8],
    separator: u8,
    is_ended: bool,
    fields: &mut Vec<Field>,
    copies: &mut Vec<u8>,
) -> Split {
    fields.clear();
    copies.clear();
    let mut at = 0;
    let mut lines = 1;
    loop {
        if text.get(at) == Some(&b'"') {
            let Some((field, next)) = quoted(text, at, copies) else { return Split::More };
            let inside = text.get(at..next).unwrap_or_default();
            lines += inside.iter().fold(0, |count, byte| count + u64::from(*byte == b'\n'));
            fields.push(field);
            match text.get(next..).unwrap_or_default() {
                [byte, ..] if *byte == separator => at = next + 1,
                [b'\n', ..] => return Split::Done { len: next + 1, text_len: next, lines },
                [b'\r', b'\n', ..] => return Split::Done { len: next + 2, text_len: next, lines },
                [b'\r'] | [] if !is_ended => return Split::More,
                rest @ ([b'\r'] | []) => {
                    return Split::Done { len: next + rest.len(), text_len: next, lines };
                }
                _ => return Split::Stray,
            }
            continue;
        }
        let (end, is_last) = match find(text, at, separator, b'\n') {
            Some(end) => (end, text.get(end) != Some(&separator)),
            None if is_ended => (text.len(), true),
            None => return Split::More,
        };
        if !is_last {
            fields.push(Field { start: at, end, is_copy: false });
            at = end + 1;
            continue;
        }
        let len = (end + 1).min(text.len());
        let cell = text.get(at..end).unwrap_or_default();
        let end = if cell.last() == Some(&b'\r') { end - 1 } else { end };
        fields.push(Field { start: at, end, is_copy: false });
        return Split::Done { len, text_len: end, lines };
    }
}

/// The cell whose opening quote is at `at`, and where its closing quote ends. Absent where there
/// is no closing quote.
fn quoted(text: &[u8], at: usize, copies: &mut Vec<u8>) -> Option<(Field, usize)> {
    let mut start = at + 1;
    let mut copied_from = None;
    loop {
        let quote = find(text, start, b'"', b'"')?;
        if text.get(quote + 1) != Some(&b'"') {
            let Some(from) = copied_from else {
                return Some((Field { start, end: quote, is_copy: false }, quote + 1));
            };
            copies.extend_from_slice(text.get(start..quote).unwrap_or_default());
            return Some((Field { start: from, end: copies.len(), is_copy: true }, quote + 1));
        }
        copied_from.get_or_insert(copies.len());
        copies.extend_from_slice(text.get(start..=quote).unwrap_or_default());
        start = quote + 2;
    }
}

/// The position of the first of two bytes from `from` on; eight bytes are compared at once.
#[inline]
fn find(text: &[u8], from: usize, first: u8, second: u8) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let (first_eight, second_eight) = (ONES * u64::from(first), ONES * u64::from(second));
    // The lowest set bit marks the first byte that is zero; higher ones may be false.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = from;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let found = zero(word ^ first_eight) | zero(word ^ second_eight);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = text.get(at..)?;
    rest.iter().position(|byte| *byte == first || *byte == second).map(|index| at + index)
}
