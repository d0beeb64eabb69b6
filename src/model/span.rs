//! When a period begins and ends.
//!
//! Source: SDMX 2.1 section 6, "Technical notes", chapter 4.2.8 (the algorithm for reporting
//! periods). Its steps: take the reporting year's first day; move it by whole months for years,
//! semesters, trimesters, quarters and months; for weeks move it to the nearest Monday and count
//! seven days each; for days count days. A time without zone is taken as UTC.

use chrono::{Datelike, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime};

use crate::model::period::write_padded;
use crate::model::{BadPeriod, Period, PeriodForm, Slot};

/// The day on which the reporting year begins: `--01-01` unless an attribute
/// `REPORTING_YEAR_START_DAY` says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReportingYearStart {
    month: u32,
    day: u32,
}

impl Default for ReportingYearStart {
    fn default() -> Self {
        Self { month: 1, day: 1 }
    }
}

impl ReportingYearStart {
    /// Parses the lexical form of `xs:gMonthDay`, `--07-01`.
    ///
    /// # Errors
    ///
    /// [`BadPeriod`] for any other text, and for `--02-29`, which most years do not have.
    pub fn parse(text: &str) -> Result<Self, BadPeriod> {
        const EXPECTED: BadPeriod = BadPeriod("the first day of a reporting year is like --07-01");
        let (month, day) =
            text.strip_prefix("--").and_then(|t| t.split_once('-')).ok_or(EXPECTED)?;
        let digits = |part: &str| (part.len() == 2).then(|| part.parse::<u32>().ok()).flatten();
        let (month, day) = digits(month).zip(digits(day)).ok_or(EXPECTED)?;
        if (month, day) == (2, 29) {
            return Err(BadPeriod("a reporting year cannot begin on --02-29"));
        }
        NaiveDate::from_ymd_opt(2001, month, day).ok_or(EXPECTED)?;
        Ok(Self { month, day })
    }

    fn of_year(self, year: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, self.month, self.day)
    }

    /// The Monday on which week 1 of the reporting year begins.
    fn first_monday(self, year: i32) -> Option<NaiveDate> {
        let base = self.of_year(year)?;
        let weekday = i64::from(base.weekday().num_days_from_monday());
        let shift = if weekday <= 3 { -weekday } else { 7 - weekday };
        base.checked_add_signed(Duration::days(shift))
    }
}

/// The time that a period covers: from `start` up to, not including, `end`. Equal for an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The first moment.
    pub start: NaiveDateTime,
    /// The first moment after it.
    pub end: NaiveDateTime,
}

impl Span {
    fn of_days(first: NaiveDate, after: NaiveDate) -> Self {
        Self { start: first.and_time(NaiveTime::MIN), end: after.and_time(NaiveTime::MIN) }
    }

    /// The first and the last second, in UTC, as RFC 3339 writes them.
    pub fn to_rfc3339(self) -> (String, String) {
        let text = |time: NaiveDateTime| format!("{}T{}Z", time.date(), time.time());
        let last = self.end.checked_sub_signed(Duration::seconds(1)).unwrap_or(self.end);
        (text(self.start), text(last.max(self.start)))
    }

    /// The first moment in the form of `xs:dateTime`, `2020-01-01T00:00:00`.
    pub fn first_moment(self) -> String {
        self.start.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
    }

    /// The first day, as days since 1970-01-01.
    pub fn first_day(self) -> i32 {
        days_since_epoch(self.start.date())
    }

    /// The last day that is touched, as days since 1970-01-01.
    pub fn last_day(self) -> i32 {
        let last = self.end.checked_sub_signed(Duration::microseconds(1)).unwrap_or(self.end);
        days_since_epoch(last.max(self.start).date())
    }
}

impl Slot {
    /// The time it covers. Absent for the timeless slot, and where the reporting year has no such
    /// week or day (`2021-W53`, `2021-D366`).
    pub fn span(self, year_start: ReportingYearStart) -> Option<Span> {
        let per_year = self.form.per_year();
        let year = per_year.map(|count| self.index.div_euclid(count));
        let position = per_year.map_or(0, |count| self.index.rem_euclid(count));
        let months = |base: NaiveDate, length: i32| {
            let length = u32::try_from(length).ok()?;
            let first =
                base.checked_add_months(Months::new(u32::try_from(position).ok()? * length))?;
            Some(Span::of_days(first, first.checked_add_months(Months::new(length))?))
        };
        let days = |base: NaiveDate, length: u64, after: NaiveDate| {
            let first = base.checked_add_days(Days::new(u64::try_from(position).ok()? * length))?;
            (first < after)
                .then(|| first.checked_add_days(Days::new(length)))?
                .map(|end| Span::of_days(first, end))
        };
        match self.form {
            PeriodForm::Timeless | PeriodForm::Other => None,
            PeriodForm::Day => {
                let day = date_of_days(self.index)?;
                Some(Span::of_days(day, day.succ_opt()?))
            }
            PeriodForm::Year => months(NaiveDate::from_ymd_opt(year?, 1, 1)?, 12),
            PeriodForm::Month => months(NaiveDate::from_ymd_opt(year?, 1, 1)?, 1),
            PeriodForm::ReportingYear
            | PeriodForm::Semester
            | PeriodForm::Trimester
            | PeriodForm::Quarter
            | PeriodForm::ReportingMonth => months(year_start.of_year(year?)?, 12 / per_year?),
            PeriodForm::Week => {
                let after = year_start.first_monday(year? + 1)?;
                days(year_start.first_monday(year?)?, 7, after)
            }
            PeriodForm::ReportingDay => {
                days(year_start.of_year(year?)?, 1, year_start.of_year(year? + 1)?)
            }
        }
    }
}

impl Period {
    /// The time it covers; see [`Slot::span`].
    pub fn span(&self, year_start: ReportingYearStart) -> Option<Span> {
        match self {
            Self::Slot(slot) => slot.span(year_start),
            Self::Other(text) => of_other(text).ok(),
        }
    }
}

/// The time that a period of another than the regular forms covers.
///
/// # Errors
///
/// [`BadPeriod`] if the text is none.
pub(crate) fn of_other(text: &str) -> Result<Span, BadPeriod> {
    const EXPECTED: BadPeriod = BadPeriod(
        "no period: expected a form such as 2020, 2020-02, 2020-02-29, 2020-A1, 2020-S1, 2020-T1, \
         2020-Q1, 2020-M02, 2020-W05, 2020-D060, 2020-02-29T12:30:00 or 2020-01-01/P3M",
    );
    if let Some((start, duration)) = text.split_once('/') {
        let start = moment(start).ok_or(BadPeriod("a time range begins with a date or time"))?;
        let end = plus_duration(start, duration)
            .ok_or(BadPeriod("a time range ends with a duration, such as P3M or PT12H"))?;
        return Ok(Span { start, end });
    }
    if text.contains('T')
        && text.as_bytes().get(10) == Some(&b'T')
        && let Some(instant) = moment(text)
    {
        return Ok(Span { start: instant, end: instant });
    }
    let (plain, offset) = split_zone(text).ok_or(EXPECTED)?;
    if plain.len() == text.len() {
        return Err(EXPECTED);
    }
    let slot = Slot::parse(plain.as_bytes())?.ok_or(EXPECTED)?;
    let gregorian = matches!(slot.form, PeriodForm::Year | PeriodForm::Month | PeriodForm::Day);
    let span = slot.span(ReportingYearStart::default()).filter(|_| gregorian).ok_or(EXPECTED)?;
    let shifted = |time: NaiveDateTime| time.checked_sub_signed(offset).ok_or(EXPECTED);
    Ok(Span { start: shifted(span.start)?, end: shifted(span.end)? })
}

/// A date, or a date and time, with or without a zone, as UTC.
fn moment(text: &str) -> Option<NaiveDateTime> {
    let (plain, offset) = split_zone(text)?;
    let (date, time) = match plain.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (plain, None),
    };
    let day = Slot::parse(date.as_bytes()).ok()?.filter(|slot| slot.form == PeriodForm::Day)?;
    let day = date_of_days(day.index)?;
    let local = match time {
        None => day.and_time(NaiveTime::MIN),
        Some("24:00:00") => day.succ_opt()?.and_time(NaiveTime::MIN),
        Some(time) => {
            let whole = time.split('.').next()?;
            let fraction = time.get(whole.len() + 1..);
            let digits =
                fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()));
            if whole.len() != 8 || !digits {
                return None;
            }
            day.and_time(NaiveTime::parse_from_str(time, "%H:%M:%S%.f").ok()?)
        }
    };
    local.checked_sub_signed(offset)
}

/// Splits a zone (`Z`, `+01:00`) off the end; without one the offset is zero.
fn split_zone(text: &str) -> Option<(&str, Duration)> {
    if let Some(plain) = text.strip_suffix('Z') {
        return Some((plain, Duration::zero()));
    }
    let Some(at) = text.len().checked_sub(6).filter(|at| text.is_char_boundary(*at)) else {
        return Some((text, Duration::zero()));
    };
    let (plain, zone) = text.split_at(at);
    let sign = match zone.as_bytes() {
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return Some((text, Duration::zero())),
    };
    let hours: i64 = zone.get(1..3)?.parse().ok()?;
    let minutes: i64 = zone.get(4..6)?.parse().ok()?;
    let in_range = hours <= 14 && minutes <= 59;
    in_range.then(|| (plain, Duration::minutes(sign * (hours * 60 + minutes))))
}

/// Adds a duration of ISO 8601: `P1Y2M3DT4H5M6.5S`.
fn plus_duration(start: NaiveDateTime, text: &str) -> Option<NaiveDateTime> {
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, time),
        Some(_) => return None,
        None => (text.strip_prefix('P')?, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let mut end = start;
    for (amount, unit) in duration_parts(date)? {
        let amount = amount.parse::<u32>().ok()?;
        end = match unit {
            'Y' => end.checked_add_months(Months::new(amount.checked_mul(12)?))?,
            'M' => end.checked_add_months(Months::new(amount))?,
            'W' => end.checked_add_days(Days::new(u64::from(amount) * 7))?,
            'D' => end.checked_add_days(Days::new(u64::from(amount)))?,
            _ => return None,
        };
    }
    for (amount, unit) in duration_parts(time)? {
        let micros = match unit {
            'H' => amount.parse::<u32>().ok().map(|hours| i64::from(hours) * 3_600_000_000)?,
            'M' => amount.parse::<u32>().ok().map(|minutes| i64::from(minutes) * 60_000_000)?,
            'S' => seconds_to_micros(amount)?,
            _ => return None,
        };
        end = end.checked_add_signed(Duration::microseconds(micros))?;
    }
    Some(end)
}

/// `1Y2M3D` as `[(1, Y), (2, M), (3, D)]`.
fn duration_parts(text: &str) -> Option<Vec<(&str, char)>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let unit = char::from(*rest.as_bytes().get(at)?);
        parts.push((rest.get(..at)?, unit));
        rest = rest.get(at + 1..)?;
        if parts.len() > 4 {
            return None;
        }
    }
    Some(parts)
}

fn seconds_to_micros(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u32 = whole.parse().ok()?;
    let digits = fraction.bytes().all(|b| b.is_ascii_digit()).then_some(fraction)?;
    let micros: i64 = format!("{digits:0<6}").get(..6)?.parse().ok()?;
    Some(i64::from(whole) * 1_000_000 + micros)
}

/// Days since 1970-01-01 of a date of the years 0 to 9999.
pub(crate) fn days_of_date(year: i32, month: i32, day: i32) -> Option<i32> {
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    NaiveDate::from_ymd_opt(year, month, day).map(days_since_epoch)
}

/// Appends `2020-02-29`.
pub(crate) fn write_date(days: i32, out: &mut Vec<u8>) {
    if let Some(date) = date_of_days(days) {
        let two = |number: u32| i32::try_from(number).unwrap_or_default();
        write_padded(date.year(), 4, out);
        out.push(b'-');
        write_padded(two(date.month()), 2, out);
        out.push(b'-');
        write_padded(two(date.day()), 2, out);
    }
}

fn days_since_epoch(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

fn date_of_days(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(days.checked_add(719_163)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, year_start: &str, expected: &str) {
        let start = ReportingYearStart::parse(year_start).expect("a day");
        let period = Period::parse(text).expect("a period");
        let found = period.span(start).map_or_else(
            || "none".to_owned(),
            |s| {
                let day = |days| date_of_days(days).map(|d| d.to_string()).unwrap_or_default();
                format!("{}..{}", day(s.first_day()), day(s.last_day()))
            },
        );
        assert_eq!(found, expected, "{text} {year_start}");
    }

    /// The worked examples of the technical notes, and the calendars' odd corners.
    #[test]
    fn spans_are_those_of_the_standard() {
        check("2010-Q2", "--07-01", "2010-10-01..2010-12-31");
        check("2010-Q3", "--07-01", "2011-01-01..2011-03-31");
        check("2011-W36", "--07-01", "2012-03-05..2012-03-11");
        check("2020-W01", "--01-01", "2019-12-30..2020-01-05");
        check("2020-W53", "--01-01", "2020-12-28..2021-01-03");
        check("2021-W53", "--01-01", "none");
        check("2020-S1", "--01-01", "2020-01-01..2020-06-30");
        check("2020-T3", "--01-01", "2020-09-01..2020-12-31");
        check("2020-D060", "--01-01", "2020-02-29..2020-02-29");
        check("2021-D366", "--01-01", "none");
        check("2019-D366", "--07-01", "2020-06-30..2020-06-30");
        check("2020-M02", "--01-01", "2020-02-01..2020-02-29");
        check("2020-A1", "--04-01", "2020-04-01..2021-03-31");
        check("2020", "--07-01", "2020-01-01..2020-12-31");
        check("2024-02", "--07-01", "2024-02-01..2024-02-29");
        check("2020-01-01/P3M", "--01-01", "2020-01-01..2020-03-31");
        check("2020-01-01T00:00:00/PT12H", "--01-01", "2020-01-01..2020-01-01");
        check("2020-01-01T00:30:00+01:00", "--01-01", "2019-12-31..2019-12-31");
        check("2020-12-31T24:00:00", "--01-01", "2021-01-01..2021-01-01");
        check("2020-02Z", "--01-01", "2020-02-01..2020-02-29");
    }

    #[test]
    fn weeks_agree_with_the_iso_calendar() {
        for year in 1950..=2100 {
            for week in 1..=53 {
                let slot = Slot { form: PeriodForm::Week, index: year * 53 + week - 1 };
                let iso =
                    NaiveDate::from_isoywd_opt(year, week.unsigned_abs(), chrono::Weekday::Mon);
                let found = slot.span(ReportingYearStart::default()).map(|span| span.start.date());
                assert_eq!(found, iso, "{slot}");
            }
        }
    }

    #[test]
    fn refuses_days_on_which_no_year_begins() {
        for text in ["07-01", "--02-29", "--13-01", "--7-1", "--04-31", ""] {
            assert!(ReportingYearStart::parse(text).is_err(), "{text}");
        }
    }
}
