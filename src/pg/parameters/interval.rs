//! Spans of time as text.

use std::mem;

use arrow::array::types::IntervalMonthDayNano;
use datafusion::common::ScalarValue;

use crate::pg::encode::interval::Span;
use crate::pg::parameters::{MOMENT_RANGE, bad};
use crate::pg::types::{WireError, oids};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// As many days as PostgreSQL takes for a part of a month.
const MONTH_DAYS: i64 = 30;

/// The value of a span.
pub(super) fn scalar(span: Span) -> Result<ScalarValue, WireError> {
    let nanoseconds = span.micros.checked_mul(1_000);
    let nanoseconds =
        nanoseconds.ok_or_else(|| WireError::new(MOMENT_RANGE, "interval out of range"))?;
    let (months, days) = (span.months, span.days);
    let value = IntervalMonthDayNano { months, days, nanoseconds };
    Ok(ScalarValue::IntervalMonthDayNano(Some(value)))
}

/// Parses the forms of PostgreSQL, of SQL and of ISO 8601: `1 year 2 days 03:04:05`, `1-2 3 4:05`,
/// `P1Y2DT3H`.
pub(super) fn parse(text: &str) -> Result<Span, WireError> {
    let lower = text.trim_ascii().to_ascii_lowercase();
    let mut sum = Sum::default();
    let read = match lower.strip_prefix('p') {
        Some(iso) => read_iso(iso, &mut sum),
        None => read_words(&lower, &mut sum),
    };
    let over = || {
        let message = format!("interval field value out of range: \"{text}\"");
        WireError::new("22015", message)
    };
    match read {
        Some(()) => sum.into_span().ok_or_else(over),
        None if sum.is_over => Err(over()),
        None => Err(bad(oids::INTERVAL, text)),
    }
}

/// A number with a sign, and the part of it behind the point.
#[derive(Clone, Copy)]
struct Quantity {
    whole: i64,
    part: f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many months, with parts that are rounded to months.
    Years(i64),
    Month,
    /// So many days.
    Days(i64),
    /// So many microseconds.
    Time(i64),
}

impl Unit {
    /// The units of a time of the clock.
    const CLOCK: [Self; 5] = [
        Self::Time(HOUR),
        Self::Time(MINUTE),
        Self::Time(SECOND),
        Self::Time(1_000),
        Self::Time(1),
    ];
}

#[derive(Default)]
struct Sum {
    months: i64,
    days: i64,
    micros: i64,
    is_over: bool,
    /// Units that were given: none may be twice.
    given: Vec<Unit>,
}

impl Sum {
    /// Notes units, none of which may have been given before.
    fn give(&mut self, units: &[Unit]) -> Option<()> {
        let again = units.iter().any(|unit| self.given.contains(unit));
        self.given.extend_from_slice(units);
        (!again).then_some(())
    }

    /// Adds a time of the clock.
    fn add_clock(&mut self, text: &str) -> Option<()> {
        self.give(&Unit::CLOCK)?;
        let (micros, is_on_clock) = clock(text)?;
        let sum = self.micros.checked_add(micros).filter(|_| is_on_clock);
        self.is_over |= sum.is_none();
        self.micros = sum?;
        Some(())
    }

    /// Adds so many of a unit. Absent on overflow.
    fn add(&mut self, quantity: Quantity, unit: Unit) -> Option<()> {
        let added = self.try_add(quantity, unit);
        self.is_over |= added.is_none();
        added
    }

    #[expect(clippy::cast_precision_loss, reason = "units are below 2^53")]
    fn try_add(&mut self, quantity: Quantity, unit: Unit) -> Option<()> {
        let Quantity { whole, part } = quantity;
        match unit {
            Unit::Years(months) => {
                let extra = whole_of((part * months as f64).round_ties_even());
                self.months = self.months.checked_add(whole.checked_mul(months)?)?;
                self.months = self.months.checked_add(extra)?;
            }
            Unit::Month => {
                self.months = self.months.checked_add(whole)?;
                self.add_days(part * MONTH_DAYS as f64)?;
            }
            Unit::Days(days) => {
                self.days = self.days.checked_add(whole.checked_mul(days)?)?;
                self.add_days(part * days as f64)?;
            }
            Unit::Time(micros) => {
                let extra = whole_of((part * micros as f64).round_ties_even());
                self.micros = self.micros.checked_add(whole.checked_mul(micros)?)?;
                self.micros = self.micros.checked_add(extra)?;
            }
        }
        Some(())
    }

    #[expect(clippy::cast_precision_loss, reason = "the microseconds of a day are below 2^53")]
    fn add_days(&mut self, days: f64) -> Option<()> {
        self.days = self.days.checked_add(whole_of(days))?;
        let micros = whole_of((days.fract() * DAY as f64).round_ties_even());
        self.micros = self.micros.checked_add(micros)?;
        Some(())
    }

    fn into_span(self) -> Option<Span> {
        let months = i32::try_from(self.months).ok()?;
        Some(Span { months, days: i32::try_from(self.days).ok()?, micros: self.micros })
    }
}

#[expect(clippy::cast_possible_truncation, reason = "less than a few thousand units")]
fn whole_of(number: f64) -> i64 {
    number as i64
}

/// Parses `-1.5`, or absent if it is no number.
fn quantity(text: &str) -> Option<Quantity> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() + part.len() == 0 || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: f64 = if part.is_empty() { 0.0 } else { format!("0.{part}").parse().ok()? };
    Some(if negative { Quantity { whole: -whole, part: -part } } else { Quantity { whole, part } })
}

fn unit(word: &str) -> Option<Unit> {
    Some(match word {
        "millennium" | "millennia" | "mil" | "mils" => Unit::Years(12_000),
        "century" | "centuries" | "cent" | "c" => Unit::Years(1_200),
        "decade" | "decades" | "dec" | "decs" => Unit::Years(120),
        "year" | "years" | "yr" | "yrs" | "y" => Unit::Years(12),
        "month" | "months" | "mon" | "mons" => Unit::Month,
        "week" | "weeks" | "w" => Unit::Days(7),
        "day" | "days" | "d" => Unit::Days(1),
        "hour" | "hours" | "hr" | "hrs" | "h" => Unit::Time(HOUR),
        "minute" | "minutes" | "min" | "mins" | "m" => Unit::Time(MINUTE),
        "second" | "seconds" | "sec" | "secs" | "s" => Unit::Time(SECOND),
        "millisecond" | "milliseconds" | "msec" | "msecs" | "msecond" | "mseconds" | "ms" => {
            Unit::Time(1_000)
        }
        "microsecond" | "microseconds" | "usec" | "usecs" | "usecond" | "useconds" | "us" => {
            Unit::Time(1)
        }
        _ => return None,
    })
}

/// Reads words and numbers: `@ 1 year -2 mons 3 04:05:06 ago`.
fn read_words(text: &str, sum: &mut Sum) -> Option<()> {
    let text = text.strip_prefix('@').unwrap_or(text).trim_ascii();
    let mut words = split_words(text);
    let count = words.len();
    words.retain(|word| word != "ago");
    let is_ago = words.len() < count;
    let mut words = words.into_iter().peekable();
    words.peek()?;
    while let Some(word) = words.next() {
        if word.contains(':') {
            sum.add_clock(&word)?;
        } else if let Some(months) = year_month(&word) {
            sum.give(&[Unit::Month])?;
            sum.months = sum.months.checked_add(months)?;
        } else {
            let Some(quantity) = quantity(&word) else {
                // Digits alone are a number, if one that is too large.
                let digits = word.trim_start_matches(['+', '-']);
                let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
                sum.is_over |= is_number && !digits.is_empty();
                return None;
            };
            let next_is_clock = words.peek().is_some_and(|next| next.contains(':'));
            let named = words.peek().and_then(|next| unit(next));
            let unit = match named {
                Some(unit) => {
                    words.next();
                    unit
                }
                // A number before a clock counts days, and one alone seconds.
                None if next_is_clock => Unit::Days(1),
                None if words.peek().is_none() => Unit::Time(SECOND),
                None => return None,
            };
            let has_part = quantity.part != 0.0;
            match unit {
                // Parts of seconds are given with them.
                Unit::Time(SECOND) if has_part => sum.give(&Unit::CLOCK[2..])?,
                unit => sum.give(&[unit])?,
            }
            sum.add(quantity, unit)?;
        }
    }
    if is_ago {
        sum.months = sum.months.checked_neg()?;
        sum.days = sum.days.checked_neg()?;
        sum.micros = sum.micros.checked_neg()?;
    }
    Some(())
}

/// The words of a text, and apart from them the numbers that stand right before them: `1h`. A sign
/// may stand apart from its number.
fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut sign = String::new();
    for word in text.split_ascii_whitespace() {
        if matches!(word, "-" | "+") {
            word.clone_into(&mut sign);
            continue;
        }
        let word = format!("{}{word}", mem::take(&mut sign));
        let letters = word.find(|letter: char| letter.is_ascii_alphabetic());
        let mut rest = word.as_str();
        if let Some(mut at) = letters {
            // Pairs may follow each other without a space: 1h30m.
            loop {
                let (number, after) = rest.split_at(at);
                if !number.is_empty() {
                    words.push(number.to_owned());
                }
                let end = after.find(|letter: char| !letter.is_ascii_alphabetic());
                let (unit, after) = after.split_at(end.unwrap_or(after.len()));
                words.push(unit.to_owned());
                rest = after;
                match rest.find(|letter: char| letter.is_ascii_alphabetic()) {
                    Some(next) => at = next,
                    None => break,
                }
            }
        }
        if !rest.is_empty() {
            words.push(rest.to_owned());
        }
    }
    // A sign without a number is no number.
    words.extend(Some(sign).filter(|sign| !sign.is_empty()));
    words
}

/// Parses `-04:05:06.5` as microseconds; two parts are hours and minutes, or minutes and seconds
/// where the second has a point. Beside it, whether a clock shows such minutes and seconds.
fn clock(text: &str) -> Option<(i64, bool)> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let parts: Vec<&str> = digits.split(':').collect();
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| is_number)
    };
    let (hours, minutes, seconds) = match parts.as_slice() {
        [minutes, seconds] if seconds.contains('.') => (0, number(minutes)?, *seconds),
        [hours, minutes] => (number(hours)?, number(minutes)?, "0"),
        [hours, minutes, seconds] => (number(hours)?, number(minutes)?, *seconds),
        _ => return None,
    };
    let seconds = quantity(seconds).filter(|seconds| seconds.whole >= 0)?;
    let is_on_clock = minutes < 60 && seconds.whole <= 60;
    let mut sum = Sum::default();
    sum.try_add(Quantity { whole: hours, part: 0.0 }, Unit::Time(HOUR))?;
    sum.try_add(Quantity { whole: minutes, part: 0.0 }, Unit::Time(MINUTE))?;
    sum.try_add(seconds, Unit::Time(SECOND))?;
    Some((sign * sum.micros, is_on_clock))
}

/// Parses `1-2`, years and months, as months.
fn year_month(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (years, months) = digits.split_once('-')?;
    let all_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(years) || !all_digits(months) {
        return None;
    }
    let months: i64 = months.parse().ok().filter(|&months| months < 12)?;
    let years: i64 = years.parse().ok()?;
    Some(sign * years.checked_mul(12)?.checked_add(months)?)
}

/// Reads what follows the P of ISO 8601: numbers with units, or a date and a time of the clock.
fn read_iso(text: &str, sum: &mut Sum) -> Option<()> {
    let (date, time) = match text.split_once('t') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    if date.is_empty() && time.is_none() {
        return None;
    }
    if date.get(1..).is_some_and(|rest| rest.contains('-')) && !date.ends_with(['y', 'm', 'w', 'd'])
    {
        let mut parts = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
        let years = parts.next()??;
        let months = parts.next()??;
        let days = parts.next().unwrap_or(Some(0))?;
        sum.add(Quantity { whole: years, part: 0.0 }, Unit::Years(12))?;
        sum.add(Quantity { whole: months, part: 0.0 }, Unit::Month)?;
        sum.add(Quantity { whole: days, part: 0.0 }, Unit::Days(1))?;
    } else {
        read_designators(date, sum, |letter| match letter {
            'y' => Some(Unit::Years(12)),
            'm' => Some(Unit::Month),
            'w' => Some(Unit::Days(7)),
            'd' => Some(Unit::Days(1)),
            _ => None,
        })?;
    }
    match time {
        Some(time) if time.contains(':') => sum.add_clock(time),
        Some(time) => read_designators(time, sum, |letter| match letter {
            'h' => Some(Unit::Time(HOUR)),
            'm' => Some(Unit::Time(MINUTE)),
            's' => Some(Unit::Time(SECOND)),
            _ => None,
        }),
        None => Some(()),
    }
}

fn read_designators(
    mut text: &str,
    sum: &mut Sum,
    unit: impl Fn(char) -> Option<Unit>,
) -> Option<()> {
    while !text.is_empty() {
        let at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
        let (number, rest) = text.split_at(at);
        let letter = rest.chars().next()?;
        sum.add(quantity(number)?, unit(letter)?)?;
        text = &rest[letter.len_utf8()..];
    }
    Some(())
}
