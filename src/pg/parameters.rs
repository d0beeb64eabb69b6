//! Parameters of clients as values, in PostgreSQL's own spellings.
//!
//! Reading order: this page for what each type takes; `number`, `moment`, `interval`, `array` and
//! `binary` for the forms that need more than a line.

use datafusion::common::ScalarValue;
use serde::de::IgnoredAny;

use crate::pg::encode::{RowStyle, parse_uuid};
use crate::pg::types::{Format, WireError, WireType};
use crate::pg::types::{arrow_type, element_of, is_reg, oids, type_name};

mod array;
mod binary;
mod interval;
mod moment;
mod number;
#[cfg(test)]
mod tests;

/// The state of a text that is not of its type.
const BAD_TEXT: &str = "22P02";
/// The state of a date or time that does not read as one.
const BAD_MOMENT: &str = "22007";
/// The state of a date or time that reads as one, but is not in the calendar.
const MOMENT_RANGE: &str = "22008";
/// The state of a number that is too large.
const NUMBER_RANGE: &str = "22003";
/// The state of bytes that are not of their type.
const BAD_BINARY: &str = "22P03";

/// The value of a parameter, for a session in UTC with dates in the order month, day, year.
///
/// Its type is the one that [`arrow_type`] says, but that a `numeric`
/// has the precision and scale of its digits, that one which is no number or infinite is a double,
/// and that an array of several dimensions is a list of lists.
///
/// # Errors
///
/// With PostgreSQL's words and state: 22P02 for a text that is not of the type, 22007 and 22008 for
/// dates and times, 22003 for a number that is too large, 22P03 for bytes that are not of the type,
/// 22021 for bytes that are no UTF-8, 0A000 for a type that is not known here.
pub fn decode(value: Option<&[u8]>, format: Format, oid: u32) -> Result<ScalarValue, WireError> {
    decode_in(value, format, oid, &RowStyle::default())
}

/// The value of a parameter, for a session with this style: its time zone is that of moments
/// without one, and its order that of dates such as `01/02/2024`.
///
/// # Errors
///
/// As [`decode`].
pub fn decode_in(
    value: Option<&[u8]>,
    format: Format,
    oid: u32,
    style: &RowStyle,
) -> Result<ScalarValue, WireError> {
    let Some(bytes) = value else { return null_of(oid) };
    match format {
        Format::Text => from_text(utf8(bytes)?, oid, style),
        Format::Binary => binary::from_binary(bytes, oid),
    }
}

fn null_of(oid: u32) -> Result<ScalarValue, WireError> {
    let data_type = arrow_type(oid).ok_or_else(|| unknown_type(oid))?;
    ScalarValue::try_from(&data_type).map_err(|_| unknown_type(oid))
}

fn from_text(text: &str, oid: u32, style: &RowStyle) -> Result<ScalarValue, WireError> {
    if let Some(element) = element_of(oid) {
        return array::from_text(text, element, style);
    }
    let trimmed = text.trim_ascii();
    Ok(match oid {
        oids::BOOL => ScalarValue::Boolean(Some(boolean(trimmed).ok_or_else(|| bad(oid, text))?)),
        oids::BYTEA => ScalarValue::Binary(Some(bytea(text)?)),
        oids::INT2 => ScalarValue::Int16(Some(number::integer(text, oid)?)),
        oids::INT4 => ScalarValue::Int32(Some(number::integer(text, oid)?)),
        oids::INT8 => ScalarValue::Int64(Some(number::integer(text, oid)?)),
        oids::OID | oids::XID | oids::CID => ScalarValue::UInt32(Some(number::oid(text, oid)?)),
        oids::FLOAT4 => ScalarValue::Float32(Some(number::single(text)?)),
        oids::FLOAT8 => ScalarValue::Float64(Some(number::double(text)?)),
        oids::NUMERIC => number::numeric(text)?,
        oids::DATE => ScalarValue::Date32(Some(moment::date(text, style)?)),
        oids::TIME => ScalarValue::Time64Microsecond(Some(moment::time(text, style)?)),
        oids::TIMESTAMP => {
            ScalarValue::TimestampMicrosecond(Some(moment::timestamp(text, style)?), None)
        }
        oids::TIMESTAMPTZ => moment::zoned(moment::timestamptz(text, style)?),
        oids::INTERVAL => interval::scalar(interval::parse(text)?)?,
        oids::UUID => {
            let uuid = parse_uuid(text).ok_or_else(|| bad(oid, text))?;
            ScalarValue::Utf8(Some(uuid_text(uuid)))
        }
        oids::JSON | oids::JSONB => {
            serde_json::from_str::<IgnoredAny>(text)
                .map_err(|_| WireError::new(BAD_TEXT, "invalid input syntax for type json"))?;
            ScalarValue::Utf8(Some(text.to_owned()))
        }
        oids::CHAR => ScalarValue::Utf8(Some(text.chars().take(1).collect())),
        other if is_text(other) => ScalarValue::Utf8(Some(text.to_owned())),
        other => return Err(unknown_type(other)),
    })
}

/// Whether every text is a value of the type.
fn is_text(oid: u32) -> bool {
    let plain = [
        0,
        oids::TEXT,
        oids::VARCHAR,
        oids::BPCHAR,
        oids::NAME,
        oids::UNKNOWN,
        oids::XML,
        oids::REFCURSOR,
    ];
    plain.contains(&oid) || is_reg(oid)
}

/// The bytes as text, which has no zero byte in PostgreSQL.
fn utf8(bytes: &[u8]) -> Result<&str, WireError> {
    let refused = |at: usize| {
        let byte = bytes.get(at).copied().unwrap_or_default();
        let message = format!("invalid byte sequence for encoding \"UTF8\": 0x{byte:02x}");
        WireError::new("22021", message)
    };
    let text = str::from_utf8(bytes).map_err(|error| refused(error.valid_up_to()))?;
    match text.find('\0') {
        Some(at) => Err(refused(at)),
        None => Ok(text),
    }
}

/// Any beginning of a word that tells it from the others.
fn boolean(text: &str) -> Option<bool> {
    let text = text.to_ascii_lowercase();
    let begins = |word: &str, least: usize| text.len() >= least && word.starts_with(&text);
    match text.as_str() {
        "1" => Some(true),
        "0" => Some(false),
        _ if begins("true", 1) || begins("yes", 1) || begins("on", 2) => Some(true),
        _ if begins("false", 1) || begins("no", 1) || begins("off", 2) => Some(false),
        _ => None,
    }
}

/// Bytes in either of their two forms: `\x6162` or `ab\000`.
fn bytea(text: &str) -> Result<Vec<u8>, WireError> {
    if let Some(digits) = text.strip_prefix("\\x") {
        return hexadecimal(digits);
    }
    let refused = || WireError::new(BAD_TEXT, "invalid input syntax for type bytea");
    let octal = |byte: &u8| (b'0'..=b'7').contains(byte).then(|| byte - b'0');
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(out),
            [b'\\', b'\\', after @ ..] => {
                out.push(b'\\');
                after
            }
            [b'\\', first @ b'0'..=b'3', second, third, after @ ..] => {
                let digits = (octal(second), octal(third));
                let (Some(second), Some(third)) = digits else { return Err(refused()) };
                out.push((first - b'0') << 6 | second << 3 | third);
                after
            }
            [b'\\', ..] => return Err(refused()),
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

fn hexadecimal(digits: &str) -> Result<Vec<u8>, WireError> {
    let mut out = Vec::with_capacity(digits.len() / 2);
    let mut high = None;
    for letter in digits.chars() {
        // White space may stand between bytes, but not within one.
        if high.is_none() && letter.is_ascii_whitespace() {
            continue;
        }
        let digit = letter.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digit = digit.ok_or_else(|| {
            WireError::new("22023", format!("invalid hexadecimal digit: \"{letter}\""))
        })?;
        high = match high {
            None => Some(digit),
            Some(high) => {
                out.push(high << 4 | digit);
                None
            }
        };
    }
    match high {
        None => Ok(out),
        Some(_) => Err(WireError::new("22023", "invalid hexadecimal data: odd number of digits")),
    }
}

/// A number of 128 bits as PostgreSQL writes a `uuid`.
fn uuid_text(uuid: u128) -> String {
    let mut text = format!("{uuid:032x}");
    for at in [20, 16, 12, 8] {
        text.insert(at, '-');
    }
    text
}

/// The refusal of a text that is not of a type.
fn bad(oid: u32, text: &str) -> WireError {
    let name = type_name(WireType::of(oid));
    let name = name.strip_suffix(" without time zone").unwrap_or(&name);
    let state = match oid {
        oids::DATE | oids::TIME | oids::TIMESTAMP | oids::TIMESTAMPTZ | oids::INTERVAL => {
            BAD_MOMENT
        }
        _ => BAD_TEXT,
    };
    WireError::new(state, format!("invalid input syntax for type {name}: \"{text}\""))
}

fn unknown_type(oid: u32) -> WireError {
    WireError::new("0A000", format!("parameters of the type with OID {oid} are not supported"))
}
