//! The text form of one value.

use arrow::datatypes::{TimeUnit, i256};
use bytes::{BufMut, BytesMut};

use crate::error::{Error, Result};
use crate::pg::encode::bytea::{write_bytes, write_char, write_uuid};
use crate::pg::encode::cells::{Cells, Decimals, Integers, Values, short_text};
use crate::pg::encode::datetime::{write_date, write_time, write_timestamp};
use crate::pg::encode::digits::{Digits, write_i64, write_u64};
use crate::pg::encode::float::{write_f32, write_f64};
use crate::pg::encode::nested::{write_array, write_record, write_vector};
use crate::pg::encode::numeric::{write_i128, write_text};
use crate::pg::encode::style::RowStyle;
use crate::pg::encode::target::{Form, Target};
use crate::pg::types::{WireType, oids, type_name};

const DAY_MILLIS: i64 = 86_400_000;

impl Cells<'_> {
    /// Appends the text of a value that is not NULL.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if PostgreSQL's type does not hold the value.
    #[inline]
    pub(in crate::pg) fn write_text(
        &self,
        row: usize,
        style: &RowStyle,
        out: &mut BytesMut,
    ) -> Result<()> {
        match &self.values {
            Values::TextView(values) => match short_text(values, row) {
                Some((bytes, length)) if self.target.form != Form::Char => {
                    let end = out.len() + length;
                    out.put_slice(&bytes[4..]);
                    out.truncate(end);
                }
                _ => self.write_string(values.value(row), out),
            },
            Values::Text(values) => self.write_string(values.value(row), out),
            Values::Double(values) => write_f64(values[row], style.extra_float_digits, out),
            Values::Integer(values) => write_integer(values, row, self.target, out),
            Values::Dictionary(keys, values) => {
                return values.write_text(Cells::key(keys, row), style, out);
            }
            _ => return self.write_other(row, style, out),
        }
        Ok(())
    }

    fn write_other(&self, row: usize, style: &RowStyle, out: &mut BytesMut) -> Result<()> {
        match &self.values {
            Values::Bool(values) => out.put_u8(if values.value(row) { b't' } else { b'f' }),
            Values::Half(values) => {
                write_f32(values.value(row).to_f32(), style.extra_float_digits, out);
            }
            Values::Single(values) => write_f32(values[row], style.extra_float_digits, out),
            Values::Decimal(values, scale) => write_decimal(values, row, *scale, out),
            Values::LargeText(values) => self.write_string(values.value(row), out),
            Values::Days(values) => write_days(i64::from(values[row]), values[row], style, out),
            Values::DateMillis(values) => {
                write_date(values[row].div_euclid(DAY_MILLIS), style.date_style, out);
            }
            Values::Time(values, unit) => {
                let micros = time_micros(values, row, *unit)?;
                write_time(micros.unsigned_abs(), out);
            }
            Values::Moment(values, unit) => {
                let micros = Values::micros(values[row], *unit).ok_or_else(out_of_range)?;
                let zone = (self.target.wire.oid == oids::TIMESTAMPTZ).then_some(&style.time_zone);
                match micros {
                    i64::MAX => out.put_slice(b"infinity"),
                    i64::MIN => out.put_slice(b"-infinity"),
                    micros => write_timestamp(micros, zone, style.date_style, out),
                }
            }
            Values::Months(_) | Values::DayTime(_) | Values::Span(_) | Values::Duration(..) => {
                let span = self.values.span(row).ok_or_else(out_of_range)?;
                span.write(style.interval_style, out);
            }
            Values::Bytes(values) => write_bytes(values.value(row), style.bytea_output, out),
            Values::LargeBytes(values) => write_bytes(values.value(row), style.bytea_output, out),
            Values::BytesView(values) => write_bytes(values.value(row), style.bytea_output, out),
            Values::FixedBytes(values) if self.target.form == Form::Uuid => {
                write_uuid(values.value(row), out);
            }
            Values::FixedBytes(values) => write_bytes(values.value(row), style.bytea_output, out),
            Values::List(ranges, child) if self.target.form == Form::Vector => {
                return write_vector(ranges.of(row), child, style, out);
            }
            Values::List(ranges, child) => return write_array(ranges.of(row), child, style, out),
            Values::Record(fields) => return write_record(fields, row, style, out),
            Values::Null
            | Values::Text(_)
            | Values::TextView(_)
            | Values::Double(_)
            | Values::Integer(_)
            | Values::Dictionary(..) => {}
        }
        Ok(())
    }

    #[inline]
    fn write_string(&self, text: &str, out: &mut BytesMut) {
        if self.target.form == Form::Char {
            write_char(text.bytes().next().unwrap_or_default(), out);
        } else {
            out.put_slice(text.as_bytes());
        }
    }
}

#[inline]
fn write_integer(values: &Integers<'_>, row: usize, target: &Target, out: &mut BytesMut) {
    match (target.form, values.signed(row)) {
        (Form::Reg, Some(number)) => write_reg(number, target, out),
        (Form::Char, Some(number)) => {
            write_char(number.to_le_bytes()[0], out);
        }
        (_, Some(number)) => write_i64(number, out),
        (_, None) => write_u64(values.magnitude(row).1, out),
    }
}

/// Writes a number of the catalogue by the name of what it refers to, as a hyphen if that is
/// nothing, and as itself if it is not known.
fn write_reg(number: i64, target: &Target, out: &mut BytesMut) {
    if number == 0 {
        return out.put_u8(b'-');
    }
    let oid = target.wire.oid;
    let name = u32::try_from(number).ok().and_then(|number| {
        let named = target.names.as_ref().and_then(|names| names(oid, number));
        let is_type = oid == oids::REGTYPE;
        let builtin = || is_type.then(|| type_name(WireType::of(number)));
        named.or_else(|| builtin().filter(|name| !name.starts_with("???")))
    });
    match name {
        Some(name) => out.put_slice(name.as_bytes()),
        None => write_i64(number, out),
    }
}

fn write_decimal(values: &Decimals<'_>, row: usize, scale: i8, out: &mut BytesMut) {
    match values {
        Decimals::D32(values) => write_i128(i128::from(values[row]), scale, out),
        Decimals::D64(values) => write_i128(i128::from(values[row]), scale, out),
        Decimals::D128(values) => write_i128(values[row], scale, out),
        Decimals::D256(values) => {
            let (negative, digits) = Digits::of_i256(values[row]);
            write_text(negative, digits.as_bytes(), scale, out);
        }
    }
}

impl Decimals<'_> {
    /// The digits of a mantissa, and whether it is negative.
    pub(super) fn digits(&self, row: usize) -> (bool, Digits) {
        match self {
            Self::D32(values) => Digits::of_i256(i256::from(values[row])),
            Self::D64(values) => Digits::of_i256(i256::from(values[row])),
            Self::D128(values) => Digits::of_i256(i256::from_i128(values[row])),
            Self::D256(values) => Digits::of_i256(values[row]),
        }
    }
}

fn write_days(days: i64, raw: i32, style: &RowStyle, out: &mut BytesMut) {
    match raw {
        i32::MAX => out.put_slice(b"infinity"),
        i32::MIN => out.put_slice(b"-infinity"),
        _ => write_date(days, style.date_style, out),
    }
}

/// The time of a row in microseconds since midnight.
pub(super) fn time_micros(values: &Integers<'_>, row: usize, unit: TimeUnit) -> Result<i64> {
    let micros = values.signed(row).and_then(|value| Values::micros(value, unit));
    micros.ok_or_else(out_of_range)
}

/// The refusal of a moment or span that PostgreSQL does not hold.
pub(super) fn out_of_range() -> Error {
    Error::invalid("result", "timestamp out of range")
}
