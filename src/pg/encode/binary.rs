//! The binary form of one value.

use std::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::error::{Error, Result};
use crate::pg::encode::cells::{Cells, Integers, Values};
use crate::pg::encode::datetime::{EPOCH_DAYS, EPOCH_MICROS};
use crate::pg::encode::digits::Digits;
use crate::pg::encode::nested::nested;
use crate::pg::encode::numeric::write_binary;
use crate::pg::encode::row::write_sized;
use crate::pg::encode::target::{Form, Target};
use crate::pg::encode::text::{out_of_range, time_micros};
use crate::pg::types::{WireType, element_of, oids};

/// The version of the binary form of `jsonb`.
const JSONB_VERSION: u8 = 1;

impl Cells<'_> {
    /// Appends the binary form of a value that is not NULL.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if PostgreSQL's type does not hold the value.
    #[inline]
    pub(in crate::pg) fn write_binary(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        match &self.values {
            Values::TextView(values) => self.write_string_binary(values.value(row), out),
            Values::Text(values) => self.write_string_binary(values.value(row), out),
            Values::LargeText(values) => self.write_string_binary(values.value(row), out),
            Values::Integer(values) => write_integer(values, row, self.target, out),
            Values::Dictionary(keys, values) => values.write_binary(Cells::key(keys, row), out),
            Values::List(ranges, child) => self.write_array_binary(ranges.of(row), child, out),
            Values::Record(fields) => write_record(fields, row, out),
            _ => self.write_flat_binary(row, out),
        }
    }

    fn write_flat_binary(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        match &self.values {
            Values::Double(values) => out.put_f64(values[row]),
            Values::Bool(values) => out.put_u8(u8::from(values.value(row))),
            Values::Half(values) => out.put_f32(values.value(row).to_f32()),
            Values::Single(values) => out.put_f32(values[row]),
            Values::Decimal(values, scale) => {
                let (negative, digits) = values.digits(row);
                write_binary(negative, digits.as_bytes(), *scale, out);
            }
            Values::Days(values) => out.put_i32(match values[row] {
                infinity @ (i32::MAX | i32::MIN) => infinity,
                days => days.checked_sub(EPOCH_DAYS).ok_or_else(out_of_range)?,
            }),
            Values::DateMillis(values) => {
                let days = values[row].div_euclid(86_400_000) - i64::from(EPOCH_DAYS);
                out.put_i32(i32::try_from(days).map_err(|_| out_of_range())?);
            }
            Values::Time(values, unit) => out.put_i64(time_micros(values, row, *unit)?),
            Values::Moment(values, unit) => out.put_i64(match Values::micros(values[row], *unit) {
                Some(infinity @ (i64::MAX | i64::MIN)) => infinity,
                Some(micros) => micros.checked_sub(EPOCH_MICROS).ok_or_else(out_of_range)?,
                None => return Err(out_of_range()),
            }),
            Values::Months(_) | Values::DayTime(_) | Values::Span(_) | Values::Duration(..) => {
                let span = self.values.span(row).ok_or_else(out_of_range)?;
                out.put_i64(span.micros);
                out.put_i32(span.days);
                out.put_i32(span.months);
            }
            Values::Bytes(values) => out.put_slice(values.value(row)),
            Values::LargeBytes(values) => out.put_slice(values.value(row)),
            Values::BytesView(values) => out.put_slice(values.value(row)),
            Values::FixedBytes(values) => out.put_slice(values.value(row)),
            Values::Null
            | Values::Text(_)
            | Values::TextView(_)
            | Values::LargeText(_)
            | Values::Integer(_)
            | Values::Dictionary(..)
            | Values::List(..)
            | Values::Record(_) => {}
        }
        Ok(())
    }

    #[inline]
    fn write_string_binary(&self, text: &str, out: &mut BytesMut) -> Result<()> {
        match self.target.form {
            Form::Char => out.put_u8(text.bytes().next().unwrap_or_default()),
            Form::Jsonb => {
                out.put_u8(JSONB_VERSION);
                out.put_slice(text.as_bytes());
            }
            Form::Uuid => out.put_u128(parse_uuid(text).ok_or_else(|| not_a("uuid", text))?),
            Form::Tid => {
                let (block, line) = parse_tid(text).ok_or_else(|| not_a("tid", text))?;
                out.put_u32(block);
                out.put_u16(line);
            }
            _ => out.put_slice(text.as_bytes()),
        }
        Ok(())
    }

    /// Writes an array: its dimensions, then all elements of the innermost.
    fn write_array_binary(
        &self,
        range: Range<usize>,
        child: &Cells<'_>,
        out: &mut BytesMut,
    ) -> Result<()> {
        let is_vector = self.target.form == Form::Vector;
        let element = match self.target.wire.oid {
            oids::INT2VECTOR => oids::INT2,
            oids::OIDVECTOR => oids::OID,
            array => element_of(array).unwrap_or(oids::TEXT),
        };
        let mut dimensions = Vec::new();
        measure(range.clone(), child, 0, &mut dimensions)?;
        if dimensions.contains(&0) && !is_vector {
            dimensions.clear();
        }
        out.put_i32(length_i32(dimensions.len())?);
        let flags_at = out.len();
        out.put_i32(0);
        out.put_u32(element);
        for length in &dimensions {
            out.put_i32(length_i32(*length)?);
            out.put_i32(i32::from(!is_vector));
        }
        if !dimensions.is_empty() && write_elements(range, child, out)? {
            (&mut out[flags_at..]).put_i32(1);
        }
        Ok(())
    }
}

#[inline]
fn write_integer(
    values: &Integers<'_>,
    row: usize,
    target: &Target,
    out: &mut BytesMut,
) -> Result<()> {
    let too_large = || integer_out_of_range(target.wire);
    let number = values.signed(row);
    match target.form {
        Form::Integer(8) => out.put_i64(number.ok_or_else(too_large)?),
        Form::Integer(4) => {
            let number = number.and_then(|number| i32::try_from(number).ok());
            out.put_i32(number.ok_or_else(too_large)?);
        }
        Form::Integer(_) => {
            let number = number.and_then(|number| i16::try_from(number).ok());
            out.put_i16(number.ok_or_else(too_large)?);
        }
        Form::Char => {
            let number = number.and_then(|number| i8::try_from(number).ok());
            out.put_i8(number.ok_or_else(too_large)?);
        }
        Form::Numeric => {
            let (negative, magnitude) = values.magnitude(row);
            let digits = Digits::of_u128(u128::from(magnitude));
            write_binary(negative, digits.as_bytes(), 0, out);
        }
        _ => {
            let number = number.and_then(|number| u32::try_from(number).ok());
            out.put_u32(number.ok_or_else(too_large)?);
        }
    }
    Ok(())
}

fn write_record(fields: &[Cells<'_>], row: usize, out: &mut BytesMut) -> Result<()> {
    out.put_i32(length_i32(fields.len())?);
    for field in fields {
        out.put_u32(field.target.wire.oid);
        if field.is_null(row) {
            out.put_i32(-1);
        } else {
            write_sized(out, |out| field.write_binary(row, out))?;
        }
    }
    Ok(())
}

/// Finds the length of each dimension of an array, and refuses one that is not a full box.
fn measure(
    mut range: Range<usize>,
    child: &Cells<'_>,
    depth: usize,
    dimensions: &mut Vec<usize>,
) -> Result<()> {
    match dimensions.get(depth) {
        None => dimensions.push(range.len()),
        Some(&length) if length == range.len() => {}
        Some(_) => return Err(ragged()),
    }
    let Some((ranges, inner)) = nested(child) else { return Ok(()) };
    range.try_for_each(|row| {
        if child.is_null(row) {
            return Err(ragged());
        }
        measure(ranges(row), inner, depth + 1, dimensions)
    })
}

/// Writes all elements with their lengths, and says whether one is NULL.
fn write_elements(range: Range<usize>, child: &Cells<'_>, out: &mut BytesMut) -> Result<bool> {
    let mut has_null = false;
    for row in range {
        if let Some((ranges, inner)) = nested(child) {
            has_null |= write_elements(ranges(row), inner, out)?;
        } else if child.is_null(row) {
            has_null = true;
            out.put_i32(-1);
        } else {
            write_sized(out, |out| child.write_binary(row, out))?;
        }
    }
    Ok(has_null)
}

fn length_i32(length: usize) -> Result<i32> {
    let limit = i32::MAX.unsigned_abs();
    i32::try_from(length).map_err(|_| Error::Limit {
        what: "the length of an array",
        actual: length as u64,
        limit: u64::from(limit),
    })
}

fn ragged() -> Error {
    let reason = "multidimensional arrays must have array expressions with matching dimensions";
    Error::invalid("result", reason)
}

fn integer_out_of_range(wire: WireType) -> Error {
    Error::invalid("result", format!("{wire} out of range"))
}

fn not_a(type_name: &str, text: &str) -> Error {
    Error::invalid("result", format!("invalid input syntax for type {type_name}: \"{text}\""))
}

fn parse_tid(text: &str) -> Option<(u32, u16)> {
    let (block, line) = text.strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
    Some((block.parse().ok()?, line.parse().ok()?))
}

/// Parses the texts that PostgreSQL takes for a `uuid`: 32 hexadecimal digits, with braces around
/// them or not, and with hyphens after any group of four or none.
pub(in crate::pg) fn parse_uuid(text: &str) -> Option<u128> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut digits = 0;
    let mut after_hyphen = false;
    let mut value = 0_u128;
    for letter in inner.chars() {
        if letter == '-' {
            if digits == 0 || digits % 4 != 0 || after_hyphen {
                return None;
            }
            after_hyphen = true;
            continue;
        }
        after_hyphen = false;
        value = value << 4 | u128::from(letter.to_digit(16)?);
        digits += 1;
        if digits > 32 {
            return None;
        }
    }
    (digits == 32 && !after_hyphen).then_some(value)
}
