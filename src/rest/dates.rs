//! Moments as texts: those of HTTP and those of SDMX headers.
//!
//! Source: RFC 9110, section 5.6.7 (`Sun, 06 Nov 1994 08:49:37 GMT`); RFC 3339.

use crate::model::{PeriodForm, Slot};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Whole seconds since 1970 of microseconds since 1970.
pub(super) fn seconds(micros: i64) -> i64 {
    micros.div_euclid(MICROS_PER_SECOND)
}

/// `2024-01-02T10:00:00Z`.
pub(super) fn rfc3339(seconds: i64) -> String {
    let (date, time) = parts(seconds);
    format!("{date}T{time}Z")
}

/// `Tue, 02 Jan 2024 10:00:00 GMT`.
pub(super) fn http(seconds: i64) -> String {
    let (date, time) = parts(seconds);
    let weekday = seconds.div_euclid(SECONDS_PER_DAY).rem_euclid(7);
    let weekday = usize::try_from(weekday).ok().and_then(|at| DAYS.get(at)).unwrap_or(&"Thu");
    let mut date = date.split('-');
    let year = date.next().unwrap_or_default();
    let month = date.next().and_then(|month| month.parse::<usize>().ok()).unwrap_or(1);
    let month = MONTHS.get(month.saturating_sub(1)).unwrap_or(&"Jan");
    let day = date.next().unwrap_or_default();
    format!("{weekday}, {day} {month} {year} {time} GMT")
}

/// Seconds since 1970 of a date of HTTP in its one form that may still be sent; absent for others,
/// which are to be ignored.
pub(super) fn parse_http(text: &str) -> Option<i64> {
    let (_, rest) = text.trim().split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
    let (time, zone) = (parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let date = Slot::parse(format!("{year}-{month:02}-{day}").as_bytes()).ok()??;
    let mut units = time.split(':').map(|unit| unit.parse::<i64>().ok().filter(|u| *u <= 60));
    let (hours, minutes, seconds) = (units.next()??, units.next()??, units.next()??);
    let is_whole = units.next().is_none() && parts.next().is_none();
    let is_good = zone == "GMT" && date.form == PeriodForm::Day && is_whole;
    let seconds = hours * 3_600 + minutes * 60 + seconds;
    is_good.then_some(i64::from(date.index) * SECONDS_PER_DAY + seconds)
}

/// The date and the time of day.
fn parts(seconds: i64) -> (String, String) {
    let day = i32::try_from(seconds.div_euclid(SECONDS_PER_DAY)).unwrap_or(0);
    let date = Slot { form: PeriodForm::Day, index: day }.to_string();
    let rest = seconds.rem_euclid(SECONDS_PER_DAY);
    (date, format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_and_read() {
        let check = |seconds: i64, date: &str, expected: &str| {
            assert_eq!(rfc3339(seconds), date);
            assert_eq!(http(seconds), expected);
            assert_eq!(parse_http(expected), Some(seconds));
        };
        // The example of RFC 9110.
        check(784_111_777, "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT");
        check(0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT");
        check(-1, "1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT");
        check(1_709_164_800, "2024-02-29T00:00:00Z", "Thu, 29 Feb 2024 00:00:00 GMT");
        let old = ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "", "x, y"];
        for text in old {
            assert_eq!(parse_http(text), None, "{text}");
        }
    }
}
