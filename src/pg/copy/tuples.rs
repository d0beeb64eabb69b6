//! The binary form of a copy from the client.
//!
//! Source: PostgreSQL 15, "COPY", section "Binary Format".

use bytes::{Buf, BytesMut};

use crate::limits::COPY_LINE_BYTES_MAX;
use crate::pg::copy::lines::BAD_COPY;
use crate::pg::types::WireError;

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Flags that a reader must understand.
const CRITICAL_FLAGS: u32 = 0xffff_0000;
/// Rows have a number before them, as PostgreSQL before 12 could write.
const WITH_OIDS: u32 = 1 << 16;

/// Bytes on their way to become rows.
#[derive(Default)]
pub(super) struct Tuples {
    input: BytesMut,
    has_begun: bool,
    has_ended: bool,
    is_whole: bool,
    number: u64,
}

impl Tuples {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        if self.has_ended {
            return Err(bad("received copy data after EOF marker"));
        }
        self.input.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn finish(&mut self) {
        self.is_whole = true;
    }

    /// The number of the last row, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The cells of the next row, of which there must be `width`. Absent if it has not come yet, or
    /// at the end.
    pub(super) fn next(&mut self, width: usize) -> Result<Option<BytesMut>, WireError> {
        if self.has_ended {
            return Ok(None);
        }
        if !self.has_begun && !self.begin()? {
            return Ok(None);
        }
        let Some(count) = self.number_at(0).map(|[a, b]| i16::from_le_bytes([b, a])) else {
            // As PostgreSQL does, a copy may end without its end.
            return if self.input.is_empty() { Ok(None) } else { self.cut() };
        };
        if count == -1 {
            self.has_ended = true;
            self.input.advance(2);
            if self.input.is_empty() {
                return Ok(None);
            }
            return Err(bad("received copy data after EOF marker"));
        }
        if usize::try_from(count).ok() != Some(width) {
            self.number += 1;
            return Err(bad(format!("row field count is {count}, expected {width}")));
        }
        let mut end = 2;
        for _ in 0..width {
            let Some(length) = self.number_at(end).map(i32::from_be_bytes) else {
                return self.cut();
            };
            end += 4;
            match usize::try_from(length) {
                Ok(length) if length > COPY_LINE_BYTES_MAX => {
                    let text = format!("a value is longer than {COPY_LINE_BYTES_MAX} bytes");
                    return Err(WireError::new("54000", text));
                }
                Ok(length) => end += length,
                Err(_) if length == -1 => {}
                Err(_) => return Err(bad("invalid field size")),
            }
        }
        if self.input.len() < end {
            return self.cut();
        }
        let mut tuple = self.input.split_to(end);
        tuple.advance(2);
        self.number += 1;
        Ok(Some(tuple))
    }

    /// Reads what comes before all rows. Says whether it is there.
    fn begin(&mut self) -> Result<bool, WireError> {
        let known = self.input.iter().zip(SIGNATURE).all(|(byte, wanted)| byte == wanted);
        if !known || (self.is_whole && self.input.len() < SIGNATURE.len()) {
            return Err(bad("COPY file signature not recognized"));
        }
        let flags = self.number_at(SIGNATURE.len()).map(u32::from_be_bytes);
        let extension = self.number_at(SIGNATURE.len() + 4).map(i32::from_be_bytes);
        if flags.is_some_and(|flags| flags & WITH_OIDS != 0) {
            return Err(bad("invalid COPY file header (WITH OIDS)"));
        }
        if flags.is_some_and(|flags| flags & CRITICAL_FLAGS != 0) {
            return Err(bad("unrecognized critical flags in COPY file header"));
        }
        let Some(extension) = extension else {
            let text = "invalid COPY file header (missing length)";
            return if self.is_whole { Err(bad(text)) } else { Ok(false) };
        };
        let extension = usize::try_from(extension).ok().filter(|n| *n <= COPY_LINE_BYTES_MAX);
        let Some(extension) = extension else {
            return Err(bad("invalid COPY file header (wrong length)"));
        };
        let length = SIGNATURE.len() + 8 + extension;
        if self.input.len() < length {
            let text = "invalid COPY file header (wrong length)";
            return if self.is_whole { Err(bad(text)) } else { Ok(false) };
        }
        self.input.advance(length);
        self.has_begun = true;
        Ok(true)
    }

    /// The bytes of a number at a place, if they have come.
    fn number_at<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.input.get(at..at + N)?.try_into().ok()
    }

    /// There should be more.
    fn cut<T>(&mut self) -> Result<Option<T>, WireError> {
        if self.is_whole {
            self.number += 1;
            return Err(bad("unexpected EOF in COPY data"));
        }
        Ok(None)
    }
}

/// The next cell of a row; absent for a missing value, and behind the last.
pub(super) fn cell(tuple: &mut BytesMut) -> Option<BytesMut> {
    let length = usize::try_from(tuple.try_get_i32().ok()?).ok()?;
    Some(tuple.split_to(length.min(tuple.len())))
}

fn bad(message: impl Into<String>) -> WireError {
    WireError::new(BAD_COPY, message)
}
