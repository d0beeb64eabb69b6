//! Parameters that are arrays.

use std::iter;
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, new_empty_array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use bytes::Buf;
use datafusion::common::ScalarValue;

use crate::limits::ARRAY_DIMENSIONS_MAX;
use crate::pg::encode::RowStyle;
use crate::pg::parameters::binary::{bad_binary, short};
use crate::pg::parameters::{BAD_TEXT, binary, from_text as element_from_text, null_of};
use crate::pg::types::WireError;

/// Parses `{1,NULL,"a b"}`, with braces in braces for more dimensions, and bounds before it or not.
pub(super) fn from_text(
    text: &str,
    element: u32,
    style: &RowStyle,
) -> Result<ScalarValue, WireError> {
    let malformed = || WireError::new(BAD_TEXT, format!("malformed array literal: \"{text}\""));
    let mut literal = text.trim_ascii();
    if literal.starts_with('[') {
        let (bounds, rest) = literal.split_once('=').ok_or_else(malformed)?;
        let is_bound = |letter: char| letter.is_ascii_digit() || "[]:+- ".contains(letter);
        if !bounds.chars().all(is_bound) {
            return Err(malformed());
        }
        literal = rest.trim_ascii_start();
    }
    let mut parser =
        Parser { rest: literal, lengths: Vec::new(), leaves: Vec::new(), leaf_depth: None };
    parser.list(0)?.ok_or_else(malformed)?;
    if !parser.rest.trim_ascii().is_empty() {
        return Err(malformed());
    }
    let leaves = parser.leaves.iter().map(|leaf| match leaf {
        Some(text) => element_from_text(text, element, style),
        None => null_of(element),
    });
    let leaves: Vec<ScalarValue> = leaves.collect::<Result<_, _>>()?;
    let lengths: Vec<usize> = parser.lengths.iter().map(|length| length.unwrap_or(0)).collect();
    build(&lengths, leaves, element)
}

/// Reads a literal from the left.
struct Parser<'a> {
    rest: &'a str,
    /// The length of each dimension, once a list of it has ended.
    lengths: Vec<Option<usize>>,
    leaves: Vec<Option<String>>,
    /// How many braces are around the values.
    leaf_depth: Option<usize>,
}

impl Parser<'_> {
    /// Reads a list with its braces. Absent if it is malformed.
    fn list(&mut self, depth: usize) -> Result<Option<()>, WireError> {
        if depth == ARRAY_DIMENSIONS_MAX {
            let message = format!(
                "number of array dimensions ({}) exceeds the maximum allowed ({depth})",
                depth + 1
            );
            return Err(WireError::new("54000", message));
        }
        let Some(rest) = self.rest.strip_prefix('{') else { return Ok(None) };
        self.rest = rest.trim_ascii_start();
        if self.lengths.len() == depth {
            self.lengths.push(None);
        }
        let mut length = 0;
        if let Some(rest) = self.rest.strip_prefix('}').filter(|_| depth == 0) {
            self.rest = rest;
        } else {
            loop {
                let found = if self.rest.starts_with('{') {
                    self.list(depth + 1)?
                } else {
                    self.leaf(depth)
                };
                if found.is_none() {
                    return Ok(None);
                }
                length += 1;
                self.rest = self.rest.trim_ascii_start();
                if let Some(rest) = self.rest.strip_prefix(',') {
                    self.rest = rest.trim_ascii_start();
                } else if let Some(rest) = self.rest.strip_prefix('}') {
                    self.rest = rest;
                    break;
                } else {
                    return Ok(None);
                }
            }
        }
        let known = &mut self.lengths[depth];
        let fits = *known.get_or_insert(length) == length;
        Ok(fits.then_some(()))
    }

    fn leaf(&mut self, depth: usize) -> Option<()> {
        if *self.leaf_depth.get_or_insert(depth) != depth {
            return None;
        }
        let mut text = String::new();
        // Up to where backslashes protect spaces from being cut.
        let mut kept = 0;
        let is_quoted = self.rest.starts_with('"');
        let mut letters = self.rest.char_indices();
        if is_quoted {
            letters.next();
        }
        let end = loop {
            let (at, letter) = letters.next()?;
            match letter {
                '\\' => {
                    text.push(letters.next()?.1);
                    kept = text.len();
                }
                '"' if is_quoted => break at + 1,
                ',' | '}' if !is_quoted => break at,
                '"' | '{' if !is_quoted => return None,
                other => text.push(other),
            }
        };
        self.rest = &self.rest[end..];
        if is_quoted {
            self.leaves.push(Some(text));
            return Some(());
        }
        text.truncate(kept.max(text.trim_ascii_end().len()));
        if text.is_empty() {
            return None;
        }
        let is_null = kept == 0 && text.eq_ignore_ascii_case("null");
        self.leaves.push((!is_null).then_some(text));
        Some(())
    }
}

/// Reads an array: its dimensions, then all elements of the innermost.
pub(super) fn from_binary(mut bytes: &[u8], element: u32) -> Result<ScalarValue, WireError> {
    let rest = &mut bytes;
    let dimensions = rest.try_get_i32().map_err(short)?;
    let dimensions = usize::try_from(dimensions).map_err(|_| bad_binary())?;
    if dimensions > ARRAY_DIMENSIONS_MAX {
        let message = format!(
            "number of array dimensions ({dimensions}) exceeds the maximum allowed \
             ({ARRAY_DIMENSIONS_MAX})"
        );
        return Err(WireError::new("54000", message));
    }
    let _flags = rest.try_get_i32().map_err(short)?;
    let sent = rest.try_get_u32().map_err(short)?;
    if sent != element {
        let message = format!("wrong element type: {sent} instead of {element}");
        return Err(WireError::new("42804", message));
    }
    let mut lengths = Vec::with_capacity(dimensions);
    let mut count = usize::from(dimensions > 0);
    for _ in 0..dimensions {
        let length = rest.try_get_i32().map_err(short)?;
        let length = usize::try_from(length).map_err(|_| bad_binary())?;
        let _lower_bound = rest.try_get_i32().map_err(short)?;
        count = count.checked_mul(length).ok_or_else(bad_binary)?;
        lengths.push(length);
    }
    // Each element has four bytes for its length at least.
    if count > rest.len() / 4 {
        return Err(bad_binary());
    }
    let mut leaves = Vec::with_capacity(count);
    for _ in 0..count {
        let length = rest.try_get_i32().map_err(short)?;
        leaves.push(match usize::try_from(length) {
            Err(_) => null_of(element)?,
            Ok(length) => {
                let (value, after) = rest.split_at_checked(length).ok_or_else(bad_binary)?;
                *rest = after;
                binary::from_binary(value, element)?
            }
        });
    }
    if !bytes.is_empty() {
        return Err(bad_binary());
    }
    build(&lengths, leaves, element)
}

/// A list of the leaves, or lists of lists of them.
fn build(
    lengths: &[usize],
    leaves: Vec<ScalarValue>,
    element: u32,
) -> Result<ScalarValue, WireError> {
    let data_type = null_of(element)?.data_type();
    if leaves.is_empty() {
        return Ok(list(new_empty_array(&data_type), 0));
    }
    let leaves = align_decimals(leaves)?;
    let mut values = ScalarValue::iter_to_array(leaves).map_err(|_| bad_binary())?;
    for &length in lengths.get(1..).unwrap_or_default().iter().rev() {
        let count = values.len() / length.max(1);
        let offsets = OffsetBuffer::from_lengths(iter::repeat_n(length, count));
        let field = Field::new_list_field(values.data_type().clone(), true);
        values = Arc::new(ListArray::new(Arc::new(field), offsets, values, None));
    }
    let length = values.len();
    Ok(list(values, length))
}

/// One list of all values.
fn list(values: ArrayRef, length: usize) -> ScalarValue {
    let field = Field::new_list_field(values.data_type().clone(), true);
    let offsets = OffsetBuffer::from_lengths([length]);
    ScalarValue::List(Arc::new(ListArray::new(Arc::new(field), offsets, values, None)))
}

/// Gives decimals, each of which has its own precision and scale, a common one.
fn align_decimals(leaves: Vec<ScalarValue>) -> Result<Vec<ScalarValue>, WireError> {
    let shape = |leaf: &ScalarValue| match leaf.data_type() {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            Some((precision, scale))
        }
        _ => None,
    };
    if !leaves.iter().any(|leaf| shape(leaf).is_some()) {
        return Ok(leaves);
    }
    let known = || leaves.iter().filter(|leaf| !leaf.is_null());
    let is_double = known().any(|leaf| matches!(leaf, ScalarValue::Float64(_)));
    let shapes = || known().filter_map(shape);
    let scale = shapes().map(|(_, scale)| scale).max().unwrap_or_default();
    let whole = |(precision, scale): (u8, i8)| i16::from(precision) - i16::from(scale);
    let whole = shapes().map(whole).max().unwrap_or(1);
    let overflow = || WireError::new("22003", "value overflows numeric format");
    let precision = u8::try_from(whole + i16::from(scale)).map_err(|_| overflow())?.max(1);
    let common = match precision {
        _ if is_double => DataType::Float64,
        1..=38 => DataType::Decimal128(precision, scale),
        39..=76 => DataType::Decimal256(precision, scale),
        _ => return Err(overflow()),
    };
    leaves.iter().map(|leaf| leaf.cast_to(&common).map_err(|_| overflow())).collect()
}
