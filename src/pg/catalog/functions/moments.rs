//! Parts of moments.

use chrono::{DateTime, Datelike, Timelike};

use crate::error::{Error, Result};
use crate::pg::catalog::functions::{Body, Called, at, text_at};
use crate::pg::catalog::value::Value;

/// Microseconds of a second.
const SECOND_MICROS: f64 = 1_000_000.0;

pub(super) fn find(name: &str) -> Option<Body> {
    Some(match name {
        "date_part" | "extract" => part,
        _ => return None,
    })
}

/// `date_part('year', moment)`.
fn part(_: &Called<'_>, arguments: &[Value]) -> Result<Value> {
    let Value::Moment(micros) = at(arguments, 1) else { return Ok(Value::Null) };
    let Some(moment) = DateTime::from_timestamp_micros(*micros) else { return Ok(Value::Null) };
    let second =
        f64::from(moment.second()) + f64::from(moment.timestamp_subsec_micros()) / SECOND_MICROS;
    Ok(Value::Float(match text_at(arguments, 0).to_ascii_lowercase().as_str() {
        #[expect(clippy::cast_precision_loss, reason = "PostgreSQL has a double, too")]
        "epoch" => *micros as f64 / SECOND_MICROS,
        "year" => f64::from(moment.year()),
        "quarter" => f64::from(moment.month0() / 3 + 1),
        "month" => f64::from(moment.month()),
        "day" => f64::from(moment.day()),
        "hour" => f64::from(moment.hour()),
        "minute" => f64::from(moment.minute()),
        "second" => second,
        "dow" => f64::from(moment.weekday().num_days_from_sunday()),
        "doy" => f64::from(moment.ordinal()),
        other => return Err(Error::Unsupported { what: format!("the part {other} of a moment") }),
    }))
}
