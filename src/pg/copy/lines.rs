//! Lines of a copy from the client, and the cells between their delimiters.
//!
//! Source: PostgreSQL 15, `CopyReadLineText`, `CopyReadAttributesText` and `CopyReadAttributesCSV`.

use bytes::{Buf, BytesMut};

use crate::limits::COPY_LINE_BYTES_MAX;
use crate::pg::copy::{CopyFormat, CopyOptions};
use crate::pg::types::WireError;

/// The state of a copy that is not as it should be.
pub(super) const BAD_COPY: &str = "22P04";

/// What ends lines: what ended the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Newline,
    Return,
    Both,
}

/// Bytes on their way to become lines.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about what was read")]
pub(super) struct Lines {
    input: BytesMut,
    /// How much of the input has been looked at, without an end of the line.
    seen: usize,
    is_csv: bool,
    quote: u8,
    /// What stands before a quote that is none; absent where that is a quote itself.
    escape: Option<u8>,
    in_quotes: bool,
    after_escape: bool,
    ending: Option<Ending>,
    /// Whether no more will come.
    is_whole: bool,
    /// The number of the last line that was begun, from 1.
    number: u64,
}

/// What a byte is for the end of a line.
enum Step {
    Data(usize),
    /// The line ends here, with so many bytes that end it.
    End(usize),
    /// It depends on what comes.
    Unknown,
}

impl Lines {
    pub(super) fn new(options: &CopyOptions) -> Self {
        let escape = Some(options.escape).filter(|escape| *escape != options.quote);
        Self {
            input: BytesMut::new(),
            seen: 0,
            is_csv: options.format == CopyFormat::Csv,
            quote: options.quote,
            escape,
            in_quotes: false,
            after_escape: false,
            ending: None,
            is_whole: false,
            number: 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    pub(super) fn finish(&mut self) {
        self.is_whole = true;
    }

    /// The number of the last line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, without what ends it. Absent if it has not come yet, or at the end.
    pub(super) fn next(&mut self) -> Result<Option<BytesMut>, WireError> {
        while let Some(&byte) = self.input.get(self.seen) {
            match self.step(byte)? {
                Step::Data(bytes) => self.seen += bytes,
                Step::End(bytes) => return Ok(Some(self.cut(bytes))),
                Step::Unknown => break,
            }
        }
        if self.input.len() > COPY_LINE_BYTES_MAX {
            let text = format!("a line is longer than {COPY_LINE_BYTES_MAX} bytes");
            return Err(WireError::new("54000", text));
        }
        if !self.is_whole || self.input.is_empty() {
            return Ok(None);
        }
        self.seen = self.input.len();
        Ok(Some(self.cut(0)))
    }

    /// Takes a line out, and the bytes that end it.
    fn cut(&mut self, ending: usize) -> BytesMut {
        let line = self.input.split_to(self.seen);
        self.input.advance(ending);
        (self.seen, self.in_quotes, self.after_escape) = (0, false, false);
        self.number += 1;
        line
    }

    fn step(&mut self, byte: u8) -> Result<Step, WireError> {
        if self.is_csv {
            if Some(byte) == self.escape && self.in_quotes {
                self.after_escape = !self.after_escape;
                return Ok(Step::Data(1));
            }
            if byte == self.quote && !self.after_escape {
                self.in_quotes = !self.in_quotes;
            }
            self.after_escape = false;
            if self.in_quotes {
                // What ends lines counts as one, as far as that is known.
                let is_newline = self.ending == Some(Ending::Newline);
                self.number += u64::from(byte == if is_newline { b'\n' } else { b'\r' });
                return Ok(Step::Data(1));
            }
        } else if byte == b'\\' {
            // What stands behind it ends no line.
            let is_last = self.input.len() == self.seen + 1;
            return Ok(match (is_last, self.is_whole) {
                (false, _) => Step::Data(2),
                (true, true) => Step::Data(1),
                (true, false) => Step::Unknown,
            });
        }
        match byte {
            b'\n' => self.newline(),
            b'\r' => self.carriage_return(),
            _ => Ok(Step::Data(1)),
        }
    }

    fn newline(&mut self) -> Result<Step, WireError> {
        match self.ending {
            None | Some(Ending::Newline) => {
                self.ending = Some(Ending::Newline);
                Ok(Step::End(1))
            }
            Some(Ending::Return | Ending::Both) => Err(self.stray("newline")),
        }
    }

    fn carriage_return(&mut self) -> Result<Step, WireError> {
        let next = self.input.get(self.seen + 1);
        match (self.ending, next) {
            (Some(Ending::Return), _) => Ok(Step::End(1)),
            (None | Some(Ending::Both), None) if !self.is_whole => Ok(Step::Unknown),
            (None | Some(Ending::Both), Some(b'\n')) => {
                self.ending = Some(Ending::Both);
                Ok(Step::End(2))
            }
            (Some(Ending::Newline | Ending::Both), _) => Err(self.stray("carriage return")),
            (None, _) => {
                self.ending = Some(Ending::Return);
                Ok(Step::End(1))
            }
        }
    }

    fn stray(&mut self, what: &str) -> WireError {
        self.number += 1;
        let kind = if self.is_csv { "unquoted" } else { "literal" };
        WireError::new(BAD_COPY, format!("{kind} {what} found in data"))
    }
}

/// A cell as it came: what it says, absent for what stands for a missing value.
pub(super) struct RawCell {
    pub(super) text: Option<Vec<u8>>,
}

/// The next cell of a line of text; `rest` is set to what follows its delimiter, absent at the end.
pub(super) fn text_cell(
    rest: &mut Option<&[u8]>,
    options: &CopyOptions,
) -> Result<Option<RawCell>, WireError> {
    let Some(line) = rest.take() else { return Ok(None) };
    let mut end = 0;
    while let Some(&byte) = line.get(end) {
        if byte == options.delimiter {
            break;
        }
        end += if byte == b'\\' { 2 } else { 1 };
    }
    let end = end.min(line.len());
    *rest = line.get(end + 1..);
    let raw = line.get(..end).unwrap_or_default();
    if raw == options.null.as_bytes() {
        return Ok(Some(RawCell { text: None }));
    }
    Ok(Some(RawCell { text: Some(unescaped(raw)?) }))
}

/// What a text with backslashes says.
fn unescaped(raw: &[u8]) -> Result<Vec<u8>, WireError> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let Some((&letter, after)) = rest.split_first() else {
            text.push(b'\\');
            break;
        };
        rest = after;
        text.push(match letter {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'0'..=b'7' => digits(&mut rest, letter - b'0', 8, 2),
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => digits(&mut rest, 0, 16, 2),
            b'.' => return Err(WireError::new(BAD_COPY, "end-of-copy marker corrupt")),
            other => other,
        });
    }
    Ok(text)
}

/// The byte that digits say, after those that `value` has; at most so many.
fn digits(rest: &mut &[u8], value: u8, base: u8, most: usize) -> u8 {
    let mut value = value;
    for _ in 0..most {
        let digit = rest.first().and_then(|byte| char::from(*byte).to_digit(u32::from(base)));
        let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else { break };
        // As in PostgreSQL, `\777` is what its last eight bits are.
        value = value.wrapping_mul(base).wrapping_add(digit);
        *rest = rest.get(1..).unwrap_or_default();
    }
    value
}

/// The next cell of a line of CSV; as [`text_cell`].
pub(super) fn csv_cell(
    rest: &mut Option<&[u8]>,
    options: &CopyOptions,
) -> Result<Option<RawCell>, WireError> {
    let Some(line) = rest.take() else { return Ok(None) };
    let (mut at, mut in_quotes, mut was_quoted) = (0, false, false);
    let mut text = Vec::new();
    while let Some(&byte) = line.get(at) {
        let next = line.get(at + 1).copied();
        at += 1;
        if in_quotes {
            let is_escape = byte == options.escape;
            if is_escape && next.is_some_and(|n| n == options.escape || n == options.quote) {
                text.extend(next);
                at += 1;
            } else if byte == options.quote {
                in_quotes = false;
            } else {
                text.push(byte);
            }
        } else if byte == options.delimiter {
            *rest = line.get(at..);
            break;
        } else if byte == options.quote {
            (in_quotes, was_quoted) = (true, true);
        } else {
            text.push(byte);
        }
    }
    if in_quotes {
        return Err(WireError::new(BAD_COPY, "unterminated CSV quoted field"));
    }
    let is_null = !was_quoted && text == options.null.as_bytes();
    Ok(Some(RawCell { text: (!is_null).then_some(text) }))
}
