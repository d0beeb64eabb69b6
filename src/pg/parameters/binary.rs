//! Parameters in their binary form.

use std::mem;

use bytes::{Buf, TryGetError};
use datafusion::common::ScalarValue;

use crate::pg::encode::datetime::{DAY_MICROS, EPOCH_DAYS, EPOCH_MICROS};
use crate::pg::encode::interval::Span;
use crate::pg::parameters::{
    BAD_BINARY, MOMENT_RANGE, array, interval, is_text, moment, number, unknown_type, utf8,
    uuid_text,
};
use crate::pg::types::{WireError, element_of, is_reg, oids};

/// Decimal digits of one digit of `numeric`, whose base is 10,000.
const GROUP: i64 = 4;
/// The bits of the sign of a `numeric`.
const NEGATIVE: u16 = 0x4000;
const NOT_A_NUMBER: u16 = 0xc000;
const INFINITE: u16 = 0xd000;
const NEGATIVE_INFINITE: u16 = 0xf000;

/// The value of these bytes, all of which must belong to it.
pub(super) fn from_binary(mut bytes: &[u8], oid: u32) -> Result<ScalarValue, WireError> {
    if let Some(element) = element_of(oid) {
        return array::from_binary(bytes, element);
    }
    let rest = &mut bytes;
    let value = match oid {
        oids::BOOL => ScalarValue::Boolean(Some(rest.try_get_u8().map_err(short)? != 0)),
        oids::INT2 => ScalarValue::Int16(Some(rest.try_get_i16().map_err(short)?)),
        oids::INT4 => ScalarValue::Int32(Some(rest.try_get_i32().map_err(short)?)),
        oids::INT8 => ScalarValue::Int64(Some(rest.try_get_i64().map_err(short)?)),
        oids::OID | oids::XID | oids::CID => {
            ScalarValue::UInt32(Some(rest.try_get_u32().map_err(short)?))
        }
        oids::FLOAT4 => ScalarValue::Float32(Some(rest.try_get_f32().map_err(short)?)),
        oids::FLOAT8 => ScalarValue::Float64(Some(rest.try_get_f64().map_err(short)?)),
        oids::NUMERIC => numeric(rest)?,
        oids::DATE => ScalarValue::Date32(Some(match rest.try_get_i32().map_err(short)? {
            infinity @ (i32::MAX | i32::MIN) => infinity,
            days => days.checked_add(EPOCH_DAYS).ok_or_else(|| range("date"))?,
        })),
        oids::TIME => {
            let micros = rest.try_get_i64().map_err(short)?;
            if !(0..=DAY_MICROS).contains(&micros) {
                return Err(range("time"));
            }
            ScalarValue::Time64Microsecond(Some(micros))
        }
        oids::TIMESTAMP => ScalarValue::TimestampMicrosecond(Some(micros(rest)?), None),
        oids::TIMESTAMPTZ => moment::zoned(micros(rest)?),
        oids::INTERVAL => {
            let micros = rest.try_get_i64().map_err(short)?;
            let days = rest.try_get_i32().map_err(short)?;
            let months = rest.try_get_i32().map_err(short)?;
            interval::scalar(Span { months, days, micros })?
        }
        oids::UUID => ScalarValue::Utf8(Some(uuid_text(rest.try_get_u128().map_err(short)?))),
        oids::BYTEA => ScalarValue::Binary(Some(take_all(rest).to_vec())),
        oids::JSONB => {
            if rest.try_get_u8().map_err(short)? != 1 {
                return Err(WireError::new("XX000", "unsupported jsonb version number"));
            }
            ScalarValue::Utf8(Some(utf8(take_all(rest))?.to_owned()))
        }
        reg if is_reg(reg) => {
            let number = rest.try_get_u32().map_err(short)?;
            ScalarValue::Utf8(Some(number.to_string()))
        }
        text if is_text(text) || matches!(text, oids::JSON | oids::CHAR) => {
            ScalarValue::Utf8(Some(utf8(take_all(rest))?.to_owned()))
        }
        other => return Err(unknown_type(other)),
    };
    if bytes.is_empty() { Ok(value) } else { Err(bad_binary()) }
}

fn take_all<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    mem::take(rest)
}

/// A moment in microseconds since 1970.
fn micros(rest: &mut &[u8]) -> Result<i64, WireError> {
    match rest.try_get_i64().map_err(short)? {
        infinity @ (i64::MAX | i64::MIN) => Ok(infinity),
        micros => micros.checked_add(EPOCH_MICROS).ok_or_else(|| range("timestamp")),
    }
}

/// A decimal: groups of four digits, the power of the first, and the digits that are shown.
fn numeric(rest: &mut &[u8]) -> Result<ScalarValue, WireError> {
    let count = rest.try_get_u16().map_err(short)?;
    let weight = i64::from(rest.try_get_i16().map_err(short)?);
    let sign = rest.try_get_u16().map_err(short)?;
    let places = i64::from(rest.try_get_u16().map_err(short)?);
    let mut digits = Vec::with_capacity(rest.len() * 2);
    for _ in 0..count {
        let group = rest.try_get_u16().map_err(short)?;
        if group > 9_999 {
            return Err(bad_numeric("digit"));
        }
        digits.extend_from_slice(format!("{group:04}").as_bytes());
    }
    let negative = match sign {
        0 => false,
        NEGATIVE => true,
        NOT_A_NUMBER => return Ok(ScalarValue::Float64(Some(f64::NAN))),
        INFINITE => return Ok(ScalarValue::Float64(Some(f64::INFINITY))),
        NEGATIVE_INFINITE => return Ok(ScalarValue::Float64(Some(f64::NEG_INFINITY))),
        _ => return Err(bad_numeric("sign")),
    };
    // Zeros at the end are not sent, and more digits than are shown are cut.
    let sent = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let wanted = if digits.is_empty() { places } else { (weight + 1) * GROUP + places };
    let difference = wanted - sent;
    if difference > 0 {
        // Nothing that is this much too long can fit in the end.
        let zeros = usize::try_from(difference.min(1_000)).unwrap_or_default();
        digits.resize(digits.len() + zeros, b'0');
    } else {
        digits.truncate(usize::try_from(wanted).unwrap_or_default());
    }
    number::decimal(negative, &digits, places)
}

fn bad_numeric(what: &str) -> WireError {
    WireError::new(BAD_BINARY, format!("invalid {what} in external \"numeric\" value"))
}

fn range(what: &str) -> WireError {
    WireError::new(MOMENT_RANGE, format!("{what} out of range"))
}

/// The refusal of bytes that are not of the type.
pub(super) fn bad_binary() -> WireError {
    WireError::new(BAD_BINARY, "incorrect binary data format")
}

/// The refusal of bytes that end too early.
pub(super) fn short(_: TryGetError) -> WireError {
    WireError::new("08P01", "insufficient data left in message")
}
