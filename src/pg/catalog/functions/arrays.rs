//! Arrays, and functions that return sets.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a function that cannot fail has the shape of those that can"
)]

use crate::error::{Error, Result};
use crate::limits::CATALOGUE_SERIES_MAX;
use crate::pg::catalog::functions::{Body, Called, at, text_at};
use crate::pg::catalog::literal::{parse, write};
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{INT2VECTOR, OIDVECTOR, TEXT, Type};
use crate::pg::catalog::value::Value;

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        "array_to_string" => to_string,
        "string_to_array" => from_string,
        "array_upper" => upper,
        "array_lower" => lower,
        "array_length" => length,
        "cardinality" => |_, arguments| Ok(number(values(arguments).len())),
        "array_ndims" => |_, arguments| {
            Ok(if values(arguments).is_empty() { Value::Null } else { Value::Int(1) })
        },
        "array_remove" => |_, arguments| {
            let gone = at(arguments, 1);
            Ok(Value::array(values(arguments).iter().filter(|value| *value != gone).cloned()))
        },
        "array_append" => |_, arguments| {
            let all = values(arguments).iter().chain([at(arguments, 1)]);
            Ok(Value::array(all.cloned()))
        },
        "array_prepend" => |_, arguments| {
            let all = at(arguments, 1).as_array().unwrap_or_default();
            Ok(Value::array([at(arguments, 0)].into_iter().chain(all).cloned()))
        },
        "array_cat" => |_, arguments| {
            let all = at(arguments, 1).as_array().unwrap_or_default();
            Ok(Value::array(values(arguments).iter().chain(all).cloned()))
        },
        "array_position" => position,
        "arraycontains" => |_, arguments| Ok(contains(at(arguments, 0), at(arguments, 1))),
        "arraycontained" => |_, arguments| Ok(contains(at(arguments, 1), at(arguments, 0))),
        "arrayoverlap" => |_, arguments| {
            let other = at(arguments, 1).as_array().unwrap_or_default();
            Ok(Value::Bool(values(arguments).iter().any(|value| other.contains(value))))
        },
        "unnest" => |_, arguments| Ok(Value::array(values(arguments).iter().cloned())),
        "generate_subscripts" => subscripts,
        "generate_series" => series,
        "_pg_expandarray" => expanded,
        _ => return None,
    })
}

fn values(arguments: &[Value]) -> &[Value] {
    at(arguments, 0).as_array().unwrap_or_default()
}

fn number(place: usize) -> Value {
    Value::Int(i64::try_from(place).unwrap_or(i64::MAX))
}

/// Vectors are counted from 0, arrays from 1.
fn first(called: &Called<'_>) -> i64 {
    let is_vector = |ty: &Type| matches!(ty.oid, INT2VECTOR | OIDVECTOR);
    i64::from(!called.types.first().is_some_and(is_vector))
}

/// The first and the last subscript; none of an empty array, or of a dimension that it has not.
fn bounds(called: &Called<'_>, arguments: &[Value]) -> Option<(i64, i64)> {
    let len = i64::try_from(values(arguments).len()).ok()?;
    let first = first(called);
    (len > 0 && at(arguments, 1).as_int() == Some(1)).then_some((first, first + len - 1))
}

fn lower(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(bounds(called, arguments).map_or(Value::Null, |(first, _)| Value::Int(first)))
}

fn upper(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    Ok(bounds(called, arguments).map_or(Value::Null, |(_, last)| Value::Int(last)))
}

fn length(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let length = bounds(called, arguments).map(|(first, last)| last - first + 1);
    Ok(length.map_or(Value::Null, Value::Int))
}

fn subscripts(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let Some((first, last)) = bounds(called, arguments) else { return Ok(Value::array([])) };
    let all = (first..=last).map(Value::Int);
    if at(arguments, 2).as_bool() == Some(true) {
        return Ok(Value::array(all.rev()));
    }
    Ok(Value::array(all))
}

fn series(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let whole = |place: usize| at(arguments, place).as_int();
    let (Some(first), Some(last)) = (whole(0), whole(1)) else { return Ok(Value::array([])) };
    let step = if arguments.len() > 2 { whole(2).unwrap_or(1) } else { 1 };
    if step == 0 {
        return Err(Error::invalid("generate_series()", "step size cannot equal zero"));
    }
    let count = last.saturating_sub(first).checked_div(step).unwrap_or(-1).saturating_add(1);
    let count = u64::try_from(count).unwrap_or(0);
    if count > CATALOGUE_SERIES_MAX {
        let what = "the length of a series in a query of the catalogue";
        return Err(Error::Limit { what, actual: count, limit: CATALOGUE_SERIES_MAX });
    }
    let value = |n: u64| Value::Int(first + i64::try_from(n).unwrap_or(0) * step);
    Ok(Value::array((0..count).map(value)))
}

/// The elements with their numbers from 1.
fn expanded(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let rows = values(arguments).iter().enumerate();
    let rows = rows.map(|(place, value)| Value::Row([value.clone(), number(place + 1)].into()));
    Ok(Value::array(rows))
}

fn position(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let wanted = at(arguments, 1);
    let place = (first(called)..).zip(values(arguments)).find(|(_, value)| *value == wanted);
    Ok(place.map_or(Value::Null, |(place, _)| Value::Int(place)))
}

fn contains(all: &Value, part: &Value) -> Value {
    let (Some(all), Some(part)) = (all.as_array(), part.as_array()) else { return Value::Null };
    Value::Bool(part.iter().all(|value| all.contains(value)))
}

/// `array_to_string`: NULLs are left out, or written as the third argument.
fn to_string(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let [array, between, rest @ ..] = arguments else { return Ok(Value::Null) };
    let (Some(values), Some(between)) = (array.as_array(), between.as_text()) else {
        return Ok(Value::Null);
    };
    let missing = rest.first().and_then(Value::as_text);
    let element = called.types.first().and_then(|ty| statics().types.element(ty.oid));
    let element = Type::of(element.unwrap_or(TEXT));
    let parts = values.iter().filter_map(|value| match value {
        Value::Null => missing.map(str::to_owned),
        value => Some(write(called.world, &element, value)),
    });
    Ok(Value::text(parts.collect::<Vec<_>>().join(between)))
}

/// `string_to_array`: without a separator, letter by letter.
fn from_string(called: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let Some(text) = at(arguments, 0).as_text() else { return Ok(Value::Null) };
    let missing = at(arguments, 2).as_text();
    let parts: Vec<String> = match at(arguments, 1).as_text() {
        _ if text.is_empty() => Vec::new(),
        None => text.chars().map(String::from).collect(),
        Some("") => vec![text.to_owned()],
        Some(_) => text.split(text_at(arguments, 1)).map(str::to_owned).collect(),
    };
    let element = Type::of(statics().types.element(called.result.oid).unwrap_or(TEXT));
    let values: Result<Vec<Value>> = parts
        .into_iter()
        .map(|part| match missing {
            Some(missing) if missing == part => Ok(Value::Null),
            _ => parse(called.world, &element, &part),
        })
        .collect();
    Ok(Value::array(values?))
}
