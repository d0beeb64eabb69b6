//! Dates and times as text.

use std::mem;
use std::ops::RangeInclusive;

use datafusion::common::ScalarValue;

use crate::pg::encode::datetime::{DAY_MICROS, Day};
use crate::pg::encode::{DateOrder, RowStyle, Zone};
use crate::pg::parameters::{MOMENT_RANGE, bad};
use crate::pg::types::{WireError, oids};

/// The first and the last day that PostgreSQL holds: 4714-11-24 BC and 5874897-12-31.
const DAYS: RangeInclusive<i64> = -2_440_588..=2_145_042_905;
/// The first moment that PostgreSQL holds, in microseconds since 1970.
const MICROS_MIN: i64 = -210_866_803_200_000_000;

/// A moment with a zone as a value.
pub(super) fn zoned(micros: i64) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(micros), Some("+00:00".into()))
}

/// Parses a date as days since 1970; a time of day behind it does not count.
pub(super) fn date(text: &str, style: &RowStyle) -> Result<i32, WireError> {
    match infinity(text) {
        Some(true) => return Ok(i32::MAX),
        Some(false) => return Ok(i32::MIN),
        None => {}
    }
    let moment = Moment::parse(text, style.date_style.order, oids::DATE)?;
    let days = moment.days.ok_or_else(|| bad(oids::DATE, text))?;
    let days = Some(days).filter(|days| DAYS.contains(days));
    let days = days.and_then(|days| i32::try_from(days).ok());
    days.ok_or_else(|| WireError::new(MOMENT_RANGE, format!("date out of range: \"{text}\"")))
}

/// Parses a time of day as microseconds since midnight; a date before it does not count.
pub(super) fn time(text: &str, style: &RowStyle) -> Result<i64, WireError> {
    let moment = Moment::parse(text, style.date_style.order, oids::TIME)?;
    moment.micros.ok_or_else(|| bad(oids::TIME, text))
}

/// Parses a moment as microseconds since 1970; a zone behind it does not count.
pub(super) fn timestamp(text: &str, style: &RowStyle) -> Result<i64, WireError> {
    if let Some(is_positive) = infinity(text) {
        return Ok(if is_positive { i64::MAX } else { i64::MIN });
    }
    let moment = Moment::parse(text, style.date_style.order, oids::TIMESTAMP)?;
    moment.local(text, oids::TIMESTAMP)
}

/// Parses a moment as microseconds since 1970, in the zone behind it or else in that of the
/// session.
pub(super) fn timestamptz(text: &str, style: &RowStyle) -> Result<i64, WireError> {
    if let Some(is_positive) = infinity(text) {
        return Ok(if is_positive { i64::MAX } else { i64::MIN });
    }
    let moment = Moment::parse(text, style.date_style.order, oids::TIMESTAMPTZ)?;
    let local = moment.local(text, oids::TIMESTAMPTZ)?;
    let offset = match &moment.zone {
        Some(zone) => zone.offset_of_local(local),
        None => style.time_zone.offset_of_local(local),
    };
    let micros = local.checked_sub(i64::from(offset) * 1_000_000);
    micros.filter(|&micros| micros >= MICROS_MIN).ok_or_else(|| out_of_range(text))
}

fn infinity(text: &str) -> Option<bool> {
    match text.trim_ascii().to_ascii_lowercase().as_str() {
        "infinity" | "+infinity" => Some(true),
        "-infinity" => Some(false),
        _ => None,
    }
}

fn out_of_range(text: &str) -> WireError {
    WireError::new(MOMENT_RANGE, format!("timestamp out of range: \"{text}\""))
}

/// Why a text is no moment.
enum Refused {
    /// It does not read as one.
    Syntax,
    /// A part of it is not in the calendar, or on the clock.
    Field,
    /// It is further from Greenwich than any place.
    Displacement,
    /// There is no zone of this name.
    Zone(String),
}

/// What a text says, part by part.
#[derive(Default)]
struct Moment {
    days: Option<i64>,
    micros: Option<i64>,
    zone: Option<Zone>,
}

impl Moment {
    fn parse(text: &str, order: DateOrder, oid: u32) -> Result<Self, WireError> {
        let lower = text.trim_ascii().to_ascii_lowercase();
        if lower == "epoch" {
            return Ok(Self { days: Some(0), micros: Some(0), zone: Some(Zone::utc()) });
        }
        let mut parser = Parser { rest: &lower, parts: Parts::default() };
        let moment = parser.run().and_then(|()| parser.parts.into_moment(order));
        moment.map_err(|refused| match refused {
            Refused::Syntax => bad(oid, text),
            Refused::Field => {
                let message = format!("date/time field value out of range: \"{text}\"");
                WireError::new(MOMENT_RANGE, message)
            }
            Refused::Displacement => {
                let message = format!("time zone displacement out of range: \"{text}\"");
                WireError::new("22009", message)
            }
            Refused::Zone(name) => {
                WireError::new("22023", format!("time zone \"{name}\" not recognized"))
            }
        })
    }

    /// The moment as if its zone were Greenwich.
    fn local(&self, text: &str, oid: u32) -> Result<i64, WireError> {
        let days = self.days.ok_or_else(|| bad(oid, text))?;
        let midnight = days.checked_mul(DAY_MICROS);
        let micros = midnight.and_then(|start| start.checked_add(self.micros.unwrap_or(0)));
        micros.filter(|&micros| micros >= MICROS_MIN).ok_or_else(|| out_of_range(text))
    }
}

/// The parts that were found so far.
#[derive(Default)]
struct Parts {
    /// Numbers of a date in the order in which they stand, with their digits.
    numbers: Vec<(i64, usize)>,
    /// A month by its name.
    month: Option<u64>,
    is_before_christ: bool,
    has_era: bool,
    micros: Option<i64>,
    is_afternoon: Option<bool>,
    zone: Option<Zone>,
    /// Whether the numbers are year, month and day for sure.
    is_compact: bool,
}

impl Parts {
    fn into_moment(self, order: DateOrder) -> Result<Moment, Refused> {
        let micros = match (self.micros, self.is_afternoon) {
            (None, Some(_)) => return Err(Refused::Syntax),
            (micros, None) => micros,
            (Some(micros), Some(is_afternoon)) => {
                let half = DAY_MICROS / 2;
                // Twelve o'clock begins the half of the day.
                if micros >= half + half / 12 {
                    return Err(Refused::Field);
                }
                Some(micros % half + if is_afternoon { half } else { 0 })
            }
        };
        let days = self.days(order)?;
        Ok(Moment { days, micros, zone: self.zone })
    }

    fn days(&self, order: DateOrder) -> Result<Option<i64>, Refused> {
        let numbers = self.numbers.as_slice();
        let (year, month, day) = match (numbers, self.month) {
            ([], None) if !self.has_era => return Ok(None),
            (&[first, second], Some(month)) => {
                let (year, day) = if first.1 > 2 { (first, second) } else { (second, first) };
                (year, month.cast_signed(), day.0)
            }
            (&[first, second, third], None) => {
                let year_first = first.1 > 2 || self.is_compact;
                match order {
                    _ if year_first => (first, second.0, third.0),
                    DateOrder::Ymd => (first, second.0, third.0),
                    DateOrder::Mdy => (third, first.0, second.0),
                    DateOrder::Dmy => (third, second.0, first.0),
                }
            }
            _ => return Err(Refused::Syntax),
        };
        let year = match year {
            (0, 3..) => return Err(Refused::Field),
            (year, _) if self.is_before_christ => 1 - year,
            (year @ ..70, ..=2) => year + 2_000,
            (year, ..=2) => year + 1_900,
            (year, _) => year,
        };
        let part = |number: i64| u64::try_from(number).map_err(|_| Refused::Field);
        let day = Day { year, month: part(month)?, number: part(day)? };
        day.to_days().map(Some).ok_or(Refused::Field)
    }
}

/// Reads parts from the left.
struct Parser<'a> {
    rest: &'a str,
    parts: Parts,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), Refused> {
        loop {
            self.rest = self
                .rest
                .trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == ',');
            let Some(first) = self.rest.chars().next() else { return Ok(()) };
            let read = match first {
                '0'..='9' => self.number()?,
                '+' | '-' if self.parts.micros.is_some() && self.parts.zone.is_none() => {
                    self.offset()?
                }
                'a'..='z' => self.word()?,
                _ => None,
            };
            read.ok_or(Refused::Syntax)?;
        }
    }

    /// Takes off what consists of such letters.
    fn take(&mut self, is_part: impl Fn(char) -> bool) -> &str {
        let end = self.rest.find(|letter| !is_part(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn number(&mut self) -> Result<Option<()>, Refused> {
        let digits = self.rest.find(|letter: char| !letter.is_ascii_digit());
        let digits = digits.unwrap_or(self.rest.len());
        match self.rest[digits..].chars().next() {
            Some(':') => {
                let text = self.take(|letter| letter.is_ascii_digit() || ":.".contains(letter));
                let micros = clock(text)?;
                Ok(self.set_time(micros))
            }
            Some(separator @ ('-' | '/' | '.')) if self.parts.numbers.is_empty() => {
                Ok(self.date(separator))
            }
            _ => {
                let text = self.take(|letter| letter.is_ascii_digit() || letter == '.').to_owned();
                self.bare(&text)
            }
        }
    }

    /// Reads a date whose parts stand between separators; the middle may be a name.
    fn date(&mut self, separator: char) -> Option<()> {
        for place in 0..3 {
            if place > 0 {
                self.rest = self.rest.strip_prefix(separator)?;
            }
            let is_name = self.rest.starts_with(|letter: char| letter.is_ascii_alphabetic());
            if is_name {
                let name = self.take(|letter| letter.is_ascii_alphabetic());
                let month = month(name)?;
                self.set_month(month)?;
            } else {
                let text = self.take(|letter| letter.is_ascii_digit()).to_owned();
                self.push_number(&text)?;
            }
        }
        Some(())
    }

    /// Reads a number without separators: a whole date, a whole time, a day or a year.
    fn bare(&mut self, text: &str) -> Result<Option<()>, Refused> {
        let has_date = self.parts.numbers.len() == 3;
        let digits = text.split('.').next().unwrap_or_default().len();
        if has_date && self.parts.micros.is_none() && matches!(digits, 4 | 6) {
            let (hour, rest) = text.split_at(2);
            let (minute, second) = rest.split_at(2);
            let second = if second.is_empty() { "0" } else { second };
            let micros = clock(&format!("{hour}:{minute}:{second}"))?;
            return Ok(self.set_time(micros));
        }
        if text.contains('.') {
            return Ok(None);
        }
        let free = self.parts.numbers.is_empty() && self.parts.month.is_none();
        if free && matches!(digits, 6 | 8) {
            let (year, rest) = text.split_at(digits - 4);
            let (month, day) = rest.split_at(2);
            self.parts.is_compact = true;
            let read = [year, month, day].into_iter().try_for_each(|part| self.push_number(part));
            return Ok(read);
        }
        Ok(self.push_number(text))
    }

    fn push_number(&mut self, text: &str) -> Option<()> {
        let number = (text.len() <= 7).then(|| text.parse().ok()).flatten()?;
        self.parts.numbers.push((number, text.len()));
        (self.parts.numbers.len() <= 3).then_some(())
    }

    fn set_month(&mut self, month: u64) -> Option<()> {
        self.parts.month.replace(month).is_none().then_some(())
    }

    fn set_time(&mut self, micros: i64) -> Option<()> {
        self.parts.micros.replace(micros).is_none().then_some(())
    }

    fn set_zone(&mut self, zone: Zone) -> Option<()> {
        self.parts.zone.replace(zone).is_none().then_some(())
    }

    /// Reads a name: of a month, a weekday, an era, half a day or a zone.
    fn word(&mut self) -> Result<Option<()>, Refused> {
        // The letter between date and time of ISO 8601.
        let is_separator = self.rest.starts_with('t')
            && self.rest[1..].starts_with(|letter: char| letter.is_ascii_digit());
        if is_separator {
            self.rest = &self.rest[1..];
            return Ok((!self.parts.numbers.is_empty()).then_some(()));
        }
        let name = self.take(|letter| letter.is_ascii_alphabetic() || "/_".contains(letter));
        let name = name.to_owned();
        if name.contains('/') {
            let tail =
                self.take(|letter| letter.is_ascii_alphanumeric() || "/_-+".contains(letter));
            let name = format!("{name}{tail}");
            let zone = Zone::parse(&name).ok_or(Refused::Zone(name))?;
            return Ok(self.set_zone(zone));
        }
        self.rest = self.rest.strip_prefix('.').unwrap_or(self.rest);
        match name.as_str() {
            "bc" | "ad" => {
                self.parts.is_before_christ = name == "bc";
                let again = mem::replace(&mut self.parts.has_era, true);
                return Ok((!again).then_some(()));
            }
            "am" | "pm" => {
                let again = self.parts.is_afternoon.replace(name == "pm").is_some();
                return Ok((!again).then_some(()));
            }
            "z" | "zulu" | "utc" | "gmt" => return Ok(self.set_zone(Zone::utc())),
            "at" | "on" => return Ok(Some(())),
            _ => {}
        }
        if let Some(month) = month(&name) {
            return Ok(self.set_month(month));
        }
        if is_weekday(&name) {
            return Ok(Some(()));
        }
        let zone = if self.parts.micros.is_some() { Zone::parse(&name) } else { None };
        Ok(zone.and_then(|zone| self.set_zone(zone)))
    }

    /// Reads `+05`, `-0330`, `+05:30` or `+00:53:28`, which here count eastward.
    fn offset(&mut self) -> Result<Option<()>, Refused> {
        let sign = if self.rest.starts_with('-') { -1 } else { 1 };
        self.rest = &self.rest[1..];
        let text = self.take(|letter| letter.is_ascii_digit() || letter == ':').to_owned();
        let mut parts: Vec<&str> = text.split(':').collect();
        if parts.len() == 1 && text.len() > 2 && text.len() <= 4 {
            let (hours, minutes) = text.split_at(text.len() - 2);
            parts = vec![hours, minutes];
        }
        let mut seconds = 0;
        for (part, unit) in parts.iter().zip([3_600, 60, 1]) {
            let number: Option<i32> = (part.len() <= 2).then(|| part.parse().ok()).flatten();
            let Some(number) = number else { return Ok(None) };
            let limit = if unit == 3_600 { 15 } else { 59 };
            if number > limit {
                return Err(Refused::Displacement);
            }
            seconds += number * unit;
        }
        if parts.len() > 3 {
            return Ok(None);
        }
        Ok(Zone::of_seconds(sign * seconds).and_then(|zone| self.set_zone(zone)))
    }
}

/// Parses `04:05:06.789` as microseconds, which are rounded; also `24:00` and `23:59:60`.
fn clock(text: &str) -> Result<i64, Refused> {
    let mut parts = text.split(':');
    let mut number = |least: usize| -> Result<i64, Refused> {
        let part = parts.next().unwrap_or("0");
        let is_number = part.len() >= least && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || part.len() > 2 {
            return Err(Refused::Syntax);
        }
        part.parse().map_err(|_| Refused::Syntax)
    };
    let (hour, minute) = (number(1)?, number(1)?);
    let second = parts.next().unwrap_or("0");
    if parts.next().is_some() {
        return Err(Refused::Syntax);
    }
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if second.is_empty() || second.len() > 2 || !digits(second) || !digits(fraction) {
        return Err(Refused::Syntax);
    }
    let second: i64 = second.parse().map_err(|_| Refused::Syntax)?;
    let fraction: f64 = format!("0.{fraction}0").parse().map_err(|_| Refused::Syntax)?;
    #[expect(clippy::cast_possible_truncation, reason = "less than a million")]
    let fraction = (fraction * 1e6).round_ties_even() as i64;
    let micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
    if minute > 59 || second > 60 || micros > DAY_MICROS {
        return Err(Refused::Field);
    }
    Ok(micros)
}

/// The number of a month by its name or the first three letters of it.
fn month(name: &str) -> Option<u64> {
    let names = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let is_name = |full: &str| name == full || full.get(..3) == Some(name);
    if name == "sept" {
        return Some(9);
    }
    (1..).zip(names.iter()).find(|(_, full)| is_name(full)).map(|(number, _)| number)
}

fn is_weekday(name: &str) -> bool {
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let short = ["tues", "weds", "thur", "thurs"];
    names.iter().any(|full| name == *full || full.get(..3) == Some(name)) || short.contains(&name)
}
