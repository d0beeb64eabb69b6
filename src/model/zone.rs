//! Moments of an office: civil times in its zone, whole minutes, daylight saving included.
//!
//! An office says "on 1 December at nine", and means its own clocks. Where these are put back, a
//! time happens twice, and where they are put forward, some never happen: neither is guessed.

use std::fmt;

use chrono::{
    DateTime, Duration, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Utc,
};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::error::{Error, Result};

const MINUTE_MICROS: i64 = 60_000_000;
/// Minutes that clocks were ever put forward at once: a whole day, in Samoa.
const GAP_MINUTES_MAX: i64 = 24 * 60;

/// A civil time zone, by its name in the database of time zones, such as `Europe/Vienna`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Zone(Tz);

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Zone {
    /// That of Greenwich, without daylight saving.
    pub const UTC: Self = Self(Tz::UTC);

    /// The zone with this name, in any case.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is none.
    pub fn parse(name: &str) -> Result<Self> {
        let found = TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
        let reason = || "there is no such time zone; write one such as Europe/Vienna or UTC";
        found.copied().map(Self).ok_or_else(|| Error::invalid(format!("{name:?}"), reason()))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The moment, in microseconds since 1970, that `text` names: `2026-12-01 09:00` (or with `T`)
    /// by the clocks of this zone, or with `Z` or an offset such as `+01:00` by that.
    ///
    /// # Errors
    ///
    /// [`Error::Syntax`] for another form; [`Error::Invalid`] for a time that does not exist in
    /// this zone or exists twice, saying which ones to write.
    pub fn moment(self, text: &str) -> Result<i64> {
        let form = "is no time of a whole minute such as 2026-12-01 09:00";
        let bad = || Error::syntax(format!("{text:?}"), form);
        let (local, offset) = parse(text).ok_or_else(bad)?;
        let moment = match offset {
            Some(offset) => offset.from_local_datetime(&local).single().ok_or_else(bad)?.to_utc(),
            None => self.moment_of(local)?,
        };
        Ok(moment.timestamp_micros())
    }

    fn moment_of(self, local: NaiveDateTime) -> Result<DateTime<Utc>> {
        let zone = self.0;
        match zone.from_local_datetime(&local) {
            LocalResult::Single(moment) => Ok(moment.to_utc()),
            LocalResult::Ambiguous(first, second) => Err(Error::invalid(
                at(local),
                format!(
                    "happens twice in {}, where clocks are put back; write {} or {}",
                    self.name(),
                    with_offset(&first),
                    with_offset(&second)
                ),
            )),
            LocalResult::None => {
                let later = (1..=GAP_MINUTES_MAX).map(|minutes| local + Duration::minutes(minutes));
                let mut moments =
                    later.filter_map(|time| zone.from_local_datetime(&time).earliest());
                let next = moments.next().map_or_else(String::new, |moment| {
                    format!("; the next time there is {}", with_offset(&moment))
                });
                let why = "does not happen in";
                let reason = format!("{why} {}, where clocks are put forward{next}", self.name());
                Err(Error::invalid(at(local), reason))
            }
        }
    }

    /// A moment by the clocks of this zone, with their offset: `2026-12-01 09:00+01:00`. Seconds
    /// are left out.
    pub fn write(self, micros: i64) -> String {
        let moment = self.0.timestamp_micros(micros).earliest();
        moment.map_or_else(|| format!("{micros} µs"), |moment| with_offset(&moment))
    }
}

/// The last whole minute up to a moment, both in microseconds since 1970.
pub fn whole_minute(micros: i64) -> i64 {
    micros.div_euclid(MINUTE_MICROS).saturating_mul(MINUTE_MICROS)
}

fn at(local: NaiveDateTime) -> String {
    local.format("%Y-%m-%d %H:%M").to_string()
}

fn with_offset<T: TimeZone<Offset: fmt::Display>>(moment: &DateTime<T>) -> String {
    moment.format("%Y-%m-%d %H:%M%:z").to_string()
}

/// `2026-12-01 09:00`, `2026-12-01T09:00:00`, each perhaps with an offset.
fn parse(text: &str) -> Option<(NaiveDateTime, Option<FixedOffset>)> {
    let text = text.trim();
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let rest = rest.strip_prefix(['T', ' '])?.trim_start();
    let (time, offset) = match rest.find(['Z', '+', '-']) {
        Some(place) => (rest.get(..place)?.trim_end(), Some(parse_offset(rest.get(place..)?)?)),
        None => (rest, None),
    };
    let time = time.strip_suffix(":00").filter(|short| short.len() == 5).unwrap_or(time);
    let number = |text: &str, digits: usize| -> Option<u32> {
        let is_plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| is_plain)
    };
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let year = i32::try_from(number(year, 4)?).ok()?;
    let day = NaiveDate::from_ymd_opt(year, number(month, 2)?, number(day, 2)?)?;
    let (hour, minute) = time.split_once(':')?;
    Some((day.and_hms_opt(number(hour, 2)?, number(minute, 2)?, 0)?, offset))
}

fn parse_offset(text: &str) -> Option<FixedOffset> {
    if text == "Z" {
        return FixedOffset::east_opt(0);
    }
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) {
        return None;
    }
    let seconds = (hours * 60 + minutes) * 60;
    FixedOffset::east_opt(if text.starts_with('-') { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, text: &str, expected: &str) {
        let zone = Zone::parse(zone).expect("a zone");
        let found = match zone.moment(text) {
            Ok(micros) => format!("{} = {}", Zone::UTC.write(micros), zone.write(micros)),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn office_times_follow_the_clocks_of_the_office() {
        let vienna = "Europe/Vienna";
        check(vienna, "2026-12-01 09:00", "2026-12-01 08:00+00:00 = 2026-12-01 09:00+01:00");
        check(vienna, "2026-07-01T09:00", "2026-07-01 07:00+00:00 = 2026-07-01 09:00+02:00");
        check(vienna, "2026-07-01T09:00:00Z", "2026-07-01 09:00+00:00 = 2026-07-01 11:00+02:00");
        check(
            "asia/kolkata",
            "2026-07-01 09:00",
            "2026-07-01 03:30+00:00 = 2026-07-01 09:00+05:30",
        );
        check("UTC", "1969-12-31 23:59", "1969-12-31 23:59+00:00 = 1969-12-31 23:59+00:00");
    }

    #[test]
    fn daylight_saving_is_not_guessed() {
        let vienna = "Europe/Vienna";
        check(vienna, "2026-03-29 01:59", "2026-03-29 00:59+00:00 = 2026-03-29 01:59+01:00");
        let gap = "2026-03-29 02:30: does not happen in Europe/Vienna, where clocks are put \
                   forward; the next time there is 2026-03-29 03:00+02:00";
        check(vienna, "2026-03-29 02:30", gap);
        check(vienna, "2026-03-29 03:00", "2026-03-29 01:00+00:00 = 2026-03-29 03:00+02:00");
        let twice = "2026-10-25 02:30: happens twice in Europe/Vienna, where clocks are put back; \
                     write 2026-10-25 02:30+02:00 or 2026-10-25 02:30+01:00";
        check(vienna, "2026-10-25 02:30", twice);
        let first = "2026-10-25 00:30+00:00 = 2026-10-25 02:30+02:00";
        check(vienna, "2026-10-25 02:30+02:00", first);
        let second = "2026-10-25 01:30+00:00 = 2026-10-25 02:30+01:00";
        check(vienna, "2026-10-25 02:30+01:00", second);
        check(vienna, "2026-10-25 03:00", "2026-10-25 02:00+00:00 = 2026-10-25 03:00+01:00");
        // A day that Samoa skipped.
        let skipped = "2011-12-30 09:00: does not happen in Pacific/Apia, where clocks are put \
                       forward; the next time there is 2011-12-31 00:00+14:00";
        check("Pacific/Apia", "2011-12-30 09:00", skipped);
    }

    #[test]
    fn refuses_what_is_no_whole_minute() {
        for text in [
            "",
            "now",
            "2026-12-01",
            "2026-12-01 9:00",
            "2026-12-01 09:00:30",
            "2026-13-01 09:00",
            "2026-02-29 09:00",
            "2026-12-01 24:00",
            "2026-12-01 09:00+1",
            "2026-12-01 09:00+25:00",
            "2026-12-01 09:00 CET",
            "12026-12-01 09:00",
            "2026-12-01x09:00",
            "2026-12-01 09:00+-1:00",
        ] {
            let found = Zone::UTC.moment(text).expect_err(text);
            assert!(matches!(found, Error::Syntax { .. }), "{text}: {found}");
        }
        assert!(Zone::parse("Europe/Wien").is_err());
        assert_eq!(whole_minute(119_999_999), 60_000_000);
        assert_eq!(whole_minute(-1), -60_000_000);
    }
}
