//! Time zones of sessions.

use std::fmt;

use arrow::array::timezone::Tz;
use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeZone};

/// Seconds that a fixed offset may be away from Greenwich, as PostgreSQL has it: 167 hours.
const OFFSET_SECONDS_MAX: i32 = 167 * 3_600;

/// A time zone, by the name that `SHOW TimeZone` gives.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    rule: Rule,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Always so many seconds east of Greenwich.
    Fixed(i32),
    /// As the database of time zones says.
    Civil(Tz),
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Zone {
    /// The zone `UTC`.
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rule: Rule::Fixed(0) }
    }

    /// The zone that `SET TimeZone` means: a name, in any case; a number of hours east of
    /// Greenwich; or a POSIX offset, which counts westward: `+05:30` is west of Greenwich, and so
    /// is `<-03>+03`. Absent for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(hours) = text.parse::<f64>() {
            return Self::of_hours(hours);
        }
        if let Some(west) = posix_offset(text) {
            return Some(Self { name: text.to_owned(), rule: Rule::Fixed(-west) });
        }
        let greenwich = ["UTC", "GMT", "Etc/UTC", "Etc/GMT", "UCT", "Zulu", "Universal"];
        if let Some(name) = greenwich.into_iter().find(|name| name.eq_ignore_ascii_case(text)) {
            return Some(Self { name: name.to_owned(), rule: Rule::Fixed(0) });
        }
        if !text.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return None;
        }
        let zone: Tz = spellings(text).find_map(|name| name.parse().ok())?;
        Some(Self { name: zone.to_string(), rule: Rule::Civil(zone) })
    }

    /// The zone so many seconds east of Greenwich, as `SET TIME ZONE INTERVAL` makes it.
    pub fn of_seconds(seconds: i32) -> Option<Self> {
        if seconds.abs() > OFFSET_SECONDS_MAX {
            return None;
        }
        let name = format!("<{}>{}", OffsetText(seconds), OffsetText(-seconds));
        Some(Self { name, rule: Rule::Fixed(seconds) })
    }

    fn of_hours(hours: f64) -> Option<Self> {
        let seconds = hours * 3_600.0;
        if seconds.is_nan() || seconds.abs() > f64::from(OFFSET_SECONDS_MAX) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the bound is checked")]
        Self::of_seconds(seconds as i32)
    }

    /// The name that `SHOW TimeZone` gives.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands for the zone behind a time, in styles that name zones: only for Greenwich, as
    /// the rules of other zones come without their abbreviations.
    pub(super) fn abbreviation(&self) -> Option<&str> {
        match (self.rule, self.name.as_str()) {
            (Rule::Fixed(0), "GMT" | "Etc/GMT") => Some("GMT"),
            (Rule::Fixed(0), "UTC" | "Etc/UTC" | "UCT" | "Zulu" | "Universal") => Some("UTC"),
            _ => None,
        }
    }

    /// Seconds east of Greenwich at a moment, given in microseconds since 1970.
    pub fn offset_at(&self, micros: i64) -> i32 {
        match self.rule {
            Rule::Fixed(seconds) => seconds,
            Rule::Civil(zone) => {
                // Beyond the calendar of chrono the rules of its ends hold on.
                let last = DateTime::<chrono::Utc>::MAX_UTC.naive_utc();
                let moment = DateTime::from_timestamp_micros(micros);
                let moment = moment.map_or(last, |moment| moment.naive_utc());
                zone.offset_from_utc_datetime(&moment).fix().local_minus_utc()
            }
        }
    }

    /// Seconds east of Greenwich at a time of the clock on the wall, given as if it were in
    /// Greenwich. Where the clock shows it never or twice, the offset of before a leap forward
    /// counts, and that of after a leap back.
    pub fn offset_of_local(&self, micros: i64) -> i32 {
        let Rule::Civil(zone) = self.rule else { return self.offset_at(micros) };
        let Some(local) = DateTime::from_timestamp_micros(micros).map(|at| at.naive_utc()) else {
            return self.offset_at(micros);
        };
        match offset_of(zone, &local) {
            LocalResult::Single(offset) => offset,
            LocalResult::Ambiguous(_, after) => after,
            LocalResult::None => self.offset_at(micros.saturating_sub(86_400_000_000)),
        }
    }
}

fn offset_of(zone: Tz, local: &NaiveDateTime) -> LocalResult<i32> {
    zone.offset_from_local_datetime(local).map(|offset| offset.fix().local_minus_utc())
}

/// A name as it is, in capitals, and with a capital at the start of each word.
fn spellings(name: &str) -> impl Iterator<Item = String> {
    let mut starts = true;
    let capitalised = name.chars().map(|letter| {
        let upper = starts;
        starts = !letter.is_ascii_alphabetic();
        if upper { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    });
    let capitalised: String = capitalised.collect();
    // Small words inside names stay small: Africa/Dar_es_Salaam, America/Port_of_Spain.
    let small = capitalised.replace("_Es_", "_es_").replace("_Of_", "_of_").replace("-Au-", "-au-");
    [name.to_owned(), name.to_ascii_uppercase(), capitalised, small].into_iter()
}

/// Seconds that a POSIX text says are *west* of Greenwich: `+05:30`, `<+02>-02`.
fn posix_offset(text: &str) -> Option<i32> {
    let text = match text.strip_prefix('<') {
        Some(rest) => rest.split_once('>')?.1,
        None => text,
    };
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let mut seconds = 0;
    let mut parts = digits.split(':');
    for unit in [3_600, 60, 1] {
        let Some(part) = parts.next() else { break };
        let is_number = !part.is_empty() && part.len() <= 3;
        if !is_number || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        seconds += part.parse::<i32>().ok()? * unit;
    }
    (parts.next().is_none() && seconds <= OFFSET_SECONDS_MAX).then_some(sign * seconds)
}

/// An offset from Greenwich as ISO 8601 writes it, as short as it can be: `+05:30`.
struct OffsetText(i32);

impl fmt::Display for OffsetText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.unsigned_abs();
        let (minute, second) = (seconds / 60 % 60, seconds % 60);
        write!(f, "{}{:02}", if self.0 < 0 { '-' } else { '+' }, seconds / 3_600)?;
        if minute != 0 || second != 0 {
            write!(f, ":{minute:02}")?;
        }
        if second != 0 {
            write!(f, ":{second:02}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_zones() {
        // The names are what PostgreSQL 15 shows after SET TimeZone.
        let check = |text: &str, name: &str, offset: i32| {
            let zone = Zone::parse(text).expect(text);
            assert_eq!((zone.name(), zone.offset_at(0)), (name, offset), "{text}");
        };
        check("UTC", "UTC", 0);
        check("gmt", "GMT", 0);
        check("+5", "<+05>-05", 18_000);
        check("-3.5", "<-03:30>+03:30", -12_600);
        check("+05:30", "+05:30", -19_800);
        check("<+02>-02", "<+02>-02", 7_200);
        check("europe/berlin", "Europe/Berlin", 3_600);
        check("AMERICA/PORT_OF_SPAIN", "America/Port_of_Spain", -14_400);
        for text in ["Z", "Mars/Olympus", "", "+5x", "+", "<+05", "1e99", "+05:30:00:00"] {
            assert!(Zone::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn leaps_of_the_clock_are_read_as_postgresql_reads_them() {
        let zone = Zone::parse("Europe/Berlin").expect("a zone");
        // 2024-03-31 02:30 does not exist, 2024-10-27 02:30 exists twice.
        assert_eq!(zone.offset_of_local(1_711_852_200_000_000), 3_600);
        assert_eq!(zone.offset_of_local(1_729_996_200_000_000), 3_600);
        assert_eq!(zone.offset_of_local(1_720_000_000_000_000), 7_200);
    }
}
