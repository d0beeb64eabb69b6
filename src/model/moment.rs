//! Moments as people write them: the times from which commits count.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Microseconds since 1970 of a date with or without a time of day: `2026-03-01T08:00:00Z`,
/// `2026-03-01 09:00+01:00`. A date is its first moment, and without a zone it is UTC. Absent for
/// any other text.
pub fn parse_moment(text: &str) -> Option<i64> {
    let text = text.trim().replacen(' ', "T", 1);
    if let Ok(date) = NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
        return Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(&text, form) {
            return Some(local.and_utc().timestamp_micros());
        }
        if let Ok(time) = DateTime::parse_from_str(&text, &format!("{form}%#z")) {
            return Some(time.timestamp_micros());
        }
    }
    None
}

/// `2026-03-01T08:00:00Z`, with as many digits of the second as are needed.
pub fn write_moment(micros: i64) -> String {
    match DateTime::from_timestamp_micros(micros) {
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string(),
        None => format!("{micros} microseconds since 1970"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_moments() {
        let check = |text: &str, expected: Option<&str>| {
            let found = parse_moment(text).map(write_moment);
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("2026-03-01", Some("2026-03-01T00:00:00Z"));
        check("2026-03-01T08:00:00Z", Some("2026-03-01T08:00:00Z"));
        check(" 2026-03-01 08:00 ", Some("2026-03-01T08:00:00Z"));
        check("2026-03-01 09:00+01:00", Some("2026-03-01T08:00:00Z"));
        check("2026-03-01 09:00:30.25+01", Some("2026-03-01T08:00:30.250Z"));
        check("1969-12-31T23:59:59.999999Z", Some("1969-12-31T23:59:59.999999Z"));
        check("2024-02-29", Some("2024-02-29T00:00:00Z"));
        for text in ["", "yesterday", "2026", "2026-02-30", "2026-03-01T25:00:00Z", "2026-03-01T"] {
            check(text, None);
        }
        assert_eq!(write_moment(i64::MAX), format!("{} microseconds since 1970", i64::MAX));
    }
}
