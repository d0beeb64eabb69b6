//! Texts of values: as they are typed between quotes, and as they are shown.

use std::fmt::Write;

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use crate::error::{Error, Result};
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{
    CHAR, DATE, FLOAT4, INT2, INT2VECTOR, INT4, INT8, Kind, NAME, OIDVECTOR, TIMESTAMP, Type,
    Types, UNKNOWN, is_registered,
};
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;

/// Bytes of a `name`, without the zero behind it.
const NAME_BYTES_MAX: usize = 63;

/// A value from a text that PostgreSQL itself wrote; nothing where it makes no sense.
pub(crate) fn parse_plain(types: &Types, oid: u32, text: &str) -> Value {
    match types.kind(oid) {
        Kind::Bool => Value::Bool(text == "t"),
        Kind::Int => text.parse().map_or(Value::Null, Value::Int),
        Kind::Float => text.parse().map_or(Value::Null, Value::Float),
        Kind::Array => {
            let element = types.element(oid).unwrap_or(UNKNOWN);
            let parts = if matches!(oid, INT2VECTOR | OIDVECTOR) {
                text.split_whitespace().map(|part| Some(part.to_owned())).collect()
            } else {
                split_array(text).unwrap_or_default()
            };
            let value = |part: Option<String>| match part {
                Some(part) => parse_plain(types, element, &part),
                None => Value::Null,
            };
            Value::array(parts.into_iter().map(value))
        }
        Kind::Text => Value::text(text),
        Kind::Moment | Kind::Row => Value::Null,
    }
}

/// A value from the text that someone typed for it.
///
/// # Errors
///
/// [`Error::Invalid`] if the text is no value of the type; [`Error::NotFound`] if it names nothing.
pub(crate) fn parse(world: &World, ty: &Type, text: &str) -> Result<Value> {
    let types = &statics().types;
    let base = types.base(ty);
    let wrong = || {
        let name = world.format_type(base.oid, -1);
        Error::invalid(format!("{text:?}"), format!("invalid input syntax for type {name}"))
    };
    if is_registered(base.oid) {
        return world.resolve(base.oid, text);
    }
    let trimmed = text.trim();
    Ok(match types.kind(base.oid) {
        Kind::Bool => Value::Bool(flag(trimmed).ok_or_else(wrong)?),
        Kind::Int => Value::Int(whole(trimmed, base.oid).ok_or_else(wrong)?),
        Kind::Float => Value::Float(float(trimmed).ok_or_else(wrong)?),
        Kind::Moment => Value::Moment(moment(trimmed).ok_or_else(wrong)?),
        Kind::Array => {
            let element = Type::of(types.element(base.oid).unwrap_or(UNKNOWN));
            let parts = if matches!(base.oid, INT2VECTOR | OIDVECTOR) {
                Some(trimmed.split_whitespace().map(|part| Some(part.to_owned())).collect())
            } else {
                split_array(trimmed)
            };
            let values: Result<Vec<Value>> = parts
                .ok_or_else(wrong)?
                .into_iter()
                .map(|part| part.map_or(Ok(Value::Null), |part| parse(world, &element, &part)))
                .collect();
            Value::array(values?)
        }
        Kind::Text => Value::text(fit(text, &base)),
        Kind::Row => return Err(wrong()),
    })
}

/// A text cut to what its type holds.
pub(crate) fn fit<'a>(text: &'a str, ty: &Type) -> &'a str {
    let letters = |count: usize| text.char_indices().nth(count).map_or(text, |(at, _)| &text[..at]);
    match ty.oid {
        CHAR => letters(1),
        NAME => text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or(text),
        _ => match usize::try_from(ty.modifier - 4) {
            Ok(length) if ty.modifier > 4 => letters(length),
            _ => text,
        },
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "t" | "true" | "y" | "yes" | "on" | "1" => Some(true),
        "f" | "false" | "n" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A whole number, if it fits the type.
pub(crate) fn whole(text: &str, oid: u32) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    fits(number, oid).then_some(number)
}

/// Whether a number is within the bounds of a type.
pub(crate) fn fits(number: i64, oid: u32) -> bool {
    match oid {
        INT2 => i16::try_from(number).is_ok(),
        INT4 => i32::try_from(number).is_ok(),
        INT8 => true,
        _ => u32::try_from(number).is_ok() || i32::try_from(number).is_ok(),
    }
}

fn float(text: &str) -> Option<f64> {
    match text.to_ascii_lowercase().as_str() {
        "infinity" | "inf" => Some(f64::INFINITY),
        "-infinity" | "-inf" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok(),
    }
}

fn moment(text: &str) -> Option<i64> {
    if let Ok(found) = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z") {
        return Some(found.timestamp_micros());
    }
    let plain = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f");
    let plain = plain
        .ok()
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    Some(plain?.and_utc().timestamp_micros())
}

/// The elements of `{a,"b c",NULL}`, each as a text. Absent for another form, or arrays of arrays.
pub(crate) fn split_array(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut parts = Vec::new();
    if inner.trim().is_empty() {
        return Some(parts);
    }
    let (mut part, mut is_quoted, mut within) = (String::new(), false, false);
    let mut letters = inner.chars();
    let finish = |part: &mut String, is_quoted: &mut bool| {
        let plain = if *is_quoted { part.clone() } else { part.trim().to_owned() };
        let is_null = !*is_quoted && plain.eq_ignore_ascii_case("null");
        part.clear();
        *is_quoted = false;
        (!is_null).then_some(plain)
    };
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => part.push(letters.next()?),
            '"' => {
                within = !within;
                is_quoted = true;
            }
            ',' if !within => parts.push(finish(&mut part, &mut is_quoted)),
            '{' | '}' if !within => return None,
            blank if blank.is_whitespace() && !within && (is_quoted || part.is_empty()) => {}
            other => part.push(other),
        }
    }
    parts.push(finish(&mut part, &mut is_quoted));
    (!within).then_some(parts)
}

/// The text of a value that is there.
pub(crate) fn write(world: &World, ty: &Type, value: &Value) -> String {
    let types = &statics().types;
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => if *flag { "t" } else { "f" }.to_owned(),
        Value::Int(number) if is_registered(ty.oid) => {
            world.registered(ty.oid, u32::try_from(*number).unwrap_or(0))
        }
        Value::Int(number) => number.to_string(),
        Value::Float(number) => write_float(*number, ty.oid),
        Value::Text(text) => text.to_string(),
        Value::Moment(moment) => write_moment(*moment, ty.oid),
        Value::Array(values) => {
            let element = Type::of(types.element(ty.oid).unwrap_or(UNKNOWN));
            let parts = values.iter().map(|value| match value {
                Value::Null => None,
                value => Some(write(world, &element, value)),
            });
            if matches!(ty.oid, INT2VECTOR | OIDVECTOR) {
                return parts.flatten().collect::<Vec<_>>().join(" ");
            }
            let parts: Vec<String> = parts
                .map(|part| part.map_or("NULL".to_owned(), |part| array_part(&part)))
                .collect();
            format!("{{{}}}", parts.join(","))
        }
        Value::Row(values) => {
            let parts = values.iter().zip(ty.fields.iter()).map(|(value, (_, ty))| match value {
                Value::Null => String::new(),
                value => row_part(&write(world, ty, value)),
            });
            format!("({})", parts.collect::<Vec<_>>().join(","))
        }
    }
}

fn write_float(number: f64, oid: u32) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let is_exact = number.fract() == 0.0 && number.abs() < 1e15;
    match oid {
        _ if number.is_nan() => "NaN".to_owned(),
        _ if is_exact => format!("{number:.0}"),
        #[expect(clippy::cast_possible_truncation, reason = "a float4 has these digits only")]
        FLOAT4 => (number as f32).to_string(),
        _ => number.to_string(),
    }
}

fn write_moment(moment: i64, oid: u32) -> String {
    let Some(found) = DateTime::from_timestamp_micros(moment) else { return String::new() };
    if oid == DATE {
        return found.format("%Y-%m-%d").to_string();
    }
    let mut text = found.format("%Y-%m-%d %H:%M:%S").to_string();
    let micros = found.timestamp_subsec_micros();
    if micros > 0 {
        // A write to a String cannot fail.
        let _ = write!(text, ".{micros:06}");
        text.truncate(text.trim_end_matches('0').len());
    }
    if oid == TIMESTAMP { text } else { text + "+00" }
}

/// An element of an array, between quotes where it must be.
fn array_part(text: &str) -> String {
    let special = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',' | '"' | '\\');
    if !text.is_empty() && !text.eq_ignore_ascii_case("null") && !text.contains(special) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A column of a row, between quotes where it must be.
fn row_part(text: &str) -> String {
    let special = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"' | '\\');
    if !text.is_empty() && !text.contains(special) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_arrays_as_postgres_writes_them() {
        let check = |text: &str, expected: Option<&[Option<&str>]>| {
            let found = split_array(text);
            let found =
                found.as_ref().map(|parts| parts.iter().map(Option::as_deref).collect::<Vec<_>>());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("{}", Some(&[]));
        check("{r,p,\"\"}", Some(&[Some("r"), Some("p"), Some("")]));
        check(
            "{a, NULL ,\"NULL\",\"x,\\\"y\"}",
            Some(&[Some("a"), None, Some("NULL"), Some("x,\"y")]),
        );
        check("{\"p\", \"f\" }", Some(&[Some("p"), Some("f")]));
        check("{{1},{2}}", None);
        check("r,p", None);
        check("{\"a}", None);
    }

    #[test]
    fn writes_numbers_and_moments_as_postgres_does() {
        assert_eq!(write_float(-1.0, FLOAT4), "-1");
        assert_eq!(write_float(0.1, FLOAT4), "0.1");
        assert_eq!(write_moment(1_500_000, 1184), "1970-01-01 00:00:01.5+00");
        assert_eq!(write_moment(0, DATE), "1970-01-01");
        assert_eq!(moment("1970-01-01 00:00:01.5+00"), Some(1_500_000));
    }
}
