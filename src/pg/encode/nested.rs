//! Lists and records as text.

use std::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::error::Result;
use crate::pg::encode::cells::{Cells, Values};
use crate::pg::encode::style::RowStyle;
use crate::pg::encode::target::Form;

/// Appends a list as an array: `{1,NULL,"a b"}`; lists of lists have braces in braces.
pub(super) fn write_array(
    range: Range<usize>,
    child: &Cells<'_>,
    style: &RowStyle,
    out: &mut BytesMut,
) -> Result<()> {
    if !has_leaf(range.clone(), child) {
        out.put_slice(b"{}");
        return Ok(());
    }
    out.put_u8(b'{');
    for (place, row) in range.enumerate() {
        if place > 0 {
            out.put_u8(b',');
        }
        if child.is_null(row) {
            out.put_slice(b"NULL");
        } else if let Some((ranges, inner)) = nested(child) {
            write_array(ranges(row), inner, style, out)?;
        } else {
            let start = out.len();
            child.write_text(row, style, out)?;
            if needs_quotes(&out[start..]) {
                quote(start, |byte| matches!(byte, b'"' | b'\\').then_some(b'\\'), out);
            }
        }
    }
    out.put_u8(b'}');
    Ok(())
}

/// Appends a list of numbers with spaces between them.
pub(super) fn write_vector(
    range: Range<usize>,
    child: &Cells<'_>,
    style: &RowStyle,
    out: &mut BytesMut,
) -> Result<()> {
    for (place, row) in range.enumerate() {
        if place > 0 {
            out.put_u8(b' ');
        }
        // A vector has no NULL; zero is the number that refers to nothing.
        if child.is_null(row) {
            out.put_u8(b'0');
        } else {
            child.write_text(row, style, out)?;
        }
    }
    Ok(())
}

/// Appends a record: `(1,,"a b")`.
pub(super) fn write_record(
    fields: &[Cells<'_>],
    row: usize,
    style: &RowStyle,
    out: &mut BytesMut,
) -> Result<()> {
    out.put_u8(b'(');
    for (place, field) in fields.iter().enumerate() {
        if place > 0 {
            out.put_u8(b',');
        }
        if field.is_null(row) {
            continue;
        }
        let start = out.len();
        field.write_text(row, style, out)?;
        let text = &out[start..];
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'(' | b')' | b',');
        if text.is_empty() || text.iter().any(|byte| special(byte) || is_space(*byte)) {
            quote(start, |byte| matches!(byte, b'"' | b'\\').then_some(byte), out);
        }
    }
    out.put_u8(b')');
    Ok(())
}

type RangeOf<'a> = Box<dyn Fn(usize) -> Range<usize> + 'a>;

/// The lists that are elements of a list, if they are one more dimension of an array.
pub(super) fn nested<'a, 'b>(cells: &'b Cells<'a>) -> Option<(RangeOf<'b>, &'b Cells<'a>)> {
    match &cells.values {
        Values::List(ranges, child) if cells.target.form == Form::Array => {
            Some((Box::new(|row| ranges.of(row)), child))
        }
        _ => None,
    }
}

/// Whether an array has any element; PostgreSQL has no dimensions without.
fn has_leaf(mut range: Range<usize>, child: &Cells<'_>) -> bool {
    match nested(child) {
        None => !range.is_empty(),
        Some((ranges, inner)) => {
            range.any(|row| child.is_null(row) || has_leaf(ranges(row), inner))
        }
    }
}

fn needs_quotes(text: &[u8]) -> bool {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',');
    text.is_empty()
        || text.eq_ignore_ascii_case(b"null")
        || text.iter().any(|byte| special(byte) || is_space(*byte))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Puts what was written from `start` on between quotes, with a byte before those that need it.
fn quote(start: usize, escape: impl Fn(u8) -> Option<u8>, out: &mut BytesMut) {
    let text = out.split_off(start);
    out.put_u8(b'"');
    for &byte in &text {
        if let Some(before) = escape(byte) {
            out.put_u8(before);
        }
        out.put_u8(byte);
    }
    out.put_u8(b'"');
}
