//! Dates and times as PostgreSQL writes them.

use std::ops::RangeInclusive;

use bytes::{BufMut, BytesMut};

use crate::pg::encode::digits::{pair, write_padded, write_two};
use crate::pg::encode::style::{DateForm, DateOrder, DateStyle};
use crate::pg::encode::zone::Zone;

/// Days from 1970 to 2000, where PostgreSQL begins to count.
pub(crate) const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
pub(crate) const EPOCH_MICROS: i64 = 946_684_800_000_000;
/// Microseconds of a day.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

const MONTHS: [&[u8]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// From the weekday of 1970-01-01 on.
const WEEKDAYS: [&[u8]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

/// A day of the Gregorian calendar; the year before 1 is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) year: i64,
    pub(crate) month: u64,
    pub(crate) number: u64,
}

impl Day {
    /// The day so many days after 1970-01-01.
    ///
    /// Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    #[inline]
    pub(crate) fn from_days(days: i64) -> Self {
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let number = (of_year - (153 * shifted + 2) / 5 + 1).unsigned_abs();
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self { year, month: month.unsigned_abs(), number }
    }

    /// The days since 1970-01-01, absent if the calendar has no such day.
    pub(crate) fn to_days(self) -> Option<i64> {
        if !(1..=12).contains(&self.month) || self.year.abs() > 6_000_000 {
            return None;
        }
        let month = self.month.cast_signed();
        let year = self.year - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let days = era * 146_097 + of_era + self.number.cast_signed() - 1 - 719_468;
        // A day too many ends up in the next month.
        (Self::from_days(days) == self).then_some(days)
    }

    fn is_before_christ(self) -> bool {
        self.year <= 0
    }

    fn write_year(self, out: &mut BytesMut) {
        let year = if self.year > 0 { self.year } else { 1 - self.year };
        write_padded(year.unsigned_abs(), 4, out);
    }

    fn write_numbers(self, style: DateStyle, out: &mut BytesMut) {
        let (separator, day_first) = match style.form {
            DateForm::Iso => {
                self.write_year(out);
                out.put_u8(b'-');
                write_two(self.month, out);
                out.put_u8(b'-');
                write_two(self.number, out);
                return;
            }
            DateForm::Sql => (b'/', style.order == DateOrder::Dmy),
            DateForm::German => (b'.', true),
            DateForm::Postgres => (b'-', style.order == DateOrder::Dmy),
        };
        let (first, second) =
            if day_first { (self.number, self.month) } else { (self.month, self.number) };
        write_two(first, out);
        out.put_u8(separator);
        write_two(second, out);
        out.put_u8(separator);
        self.write_year(out);
    }
}

/// The first and the last day with a year of at most four digits.
const FOUR_DIGITS: RangeInclusive<i64> = -719_162..=2_932_896;

/// A day in its ISO form, if its year has four digits after zeros are put before it: by few
/// divisions and without branches, since there may be millions of days in an answer.
///
/// Source: Neri and Schneider, "Euclidean affine functions and their application to calendar
/// algorithms".
#[inline]
fn iso_date(days: i64) -> Option<[u8; 10]> {
    if !FOUR_DIGITS.contains(&days) {
        return None;
    }
    let shifted = u32::try_from(days + 719_468).ok()? * 4 + 3;
    let (century, of_century) = (shifted / 146_097, shifted % 146_097 / 4);
    let product = 2_939_745 * u64::from(of_century * 4 + 3);
    let (year_of_century, rest) = (product >> 32, product & u64::from(u32::MAX));
    let of_year = rest / 2_939_745 / 4;
    let months = 2_141 * of_year + 197_913;
    let (month, day) = (months >> 16, (months & 0xffff) / 2_141 + 1);
    let is_next_year = of_year >= 306;
    let month = if is_next_year { month - 12 } else { month };
    let year = u64::from(century) * 100 + year_of_century + u64::from(is_next_year);
    let mut date = *b"0000-00-00";
    date[..2].copy_from_slice(&pair(year / 100)?);
    date[2..4].copy_from_slice(&pair(year % 100)?);
    date[5..7].copy_from_slice(&pair(month)?);
    date[8..].copy_from_slice(&pair(day)?);
    Some(date)
}

/// Appends a date, given in days since 1970.
pub(super) fn write_date(days: i64, style: DateStyle, out: &mut BytesMut) {
    if style.form == DateForm::Iso
        && let Some(date) = iso_date(days)
    {
        return out.put_slice(&date);
    }
    let day = Day::from_days(days);
    day.write_numbers(style, out);
    if day.is_before_christ() {
        out.put_slice(b" BC");
    }
}

/// Appends a time of day, or a length of less than some hundred hours, given in microseconds.
pub(super) fn write_time(micros: u64, out: &mut BytesMut) {
    let seconds = micros / 1_000_000;
    write_two(seconds / 3_600, out);
    out.put_u8(b':');
    write_two(seconds / 60 % 60, out);
    out.put_u8(b':');
    write_two(seconds % 60, out);
    write_fraction(micros % 1_000_000, out);
}

/// Appends the point and the digits of a part of a second, none if it is zero.
pub(super) fn write_fraction(mut micros: u64, out: &mut BytesMut) {
    if micros == 0 {
        return;
    }
    let mut width = 6;
    while micros.is_multiple_of(10) {
        micros /= 10;
        width -= 1;
    }
    out.put_u8(b'.');
    write_padded(micros, width, out);
}

/// Appends a moment, given in microseconds since 1970: with a zone, as its clocks show it.
pub(super) fn write_timestamp(
    micros: i64,
    zone: Option<&Zone>,
    style: DateStyle,
    out: &mut BytesMut,
) {
    let offset = zone.map(|zone| zone.offset_at(micros));
    let shift = offset.map_or(0, |seconds| i64::from(seconds) * 1_000_000);
    let local = micros.saturating_add(shift);
    let days = local.div_euclid(DAY_MICROS);
    let of_day = local.rem_euclid(DAY_MICROS).unsigned_abs();
    let day = Day::from_days(days);
    if style.form == DateForm::Postgres {
        write_words(day, days, of_day, style.order, out);
    } else {
        day.write_numbers(style, out);
        out.put_u8(b' ');
        write_time(of_day, out);
    }
    if let (Some(zone), Some(offset)) = (zone, offset) {
        let name = zone.abbreviation().filter(|_| style.form != DateForm::Iso);
        if name.is_some() || style.form == DateForm::Postgres {
            out.put_u8(b' ');
        }
        match name {
            Some(name) => out.put_slice(name.as_bytes()),
            None => write_offset(offset, out),
        }
    }
    if day.is_before_christ() {
        out.put_slice(b" BC");
    }
}

/// `Tue Dec 17 07:37:16 1997`
fn write_words(day: Day, days: i64, of_day: u64, order: DateOrder, out: &mut BytesMut) {
    let weekday = usize::try_from(days.rem_euclid(7)).unwrap_or_default();
    out.put_slice(WEEKDAYS.get(weekday).copied().unwrap_or_default());
    out.put_u8(b' ');
    let month = usize::try_from(day.month - 1).ok().and_then(|at| MONTHS.get(at).copied());
    let month = month.unwrap_or_default();
    if order == DateOrder::Dmy {
        write_two(day.number, out);
        out.put_u8(b' ');
        out.put_slice(month);
    } else {
        out.put_slice(month);
        out.put_u8(b' ');
        write_two(day.number, out);
    }
    out.put_u8(b' ');
    write_time(of_day, out);
    out.put_u8(b' ');
    day.write_year(out);
}

/// `+01`, `-03:30`, `+00:53:28`
fn write_offset(seconds: i32, out: &mut BytesMut) {
    out.put_u8(if seconds < 0 { b'-' } else { b'+' });
    let seconds = u64::from(seconds.unsigned_abs());
    let (minute, second) = (seconds / 60 % 60, seconds % 60);
    write_two(seconds / 3_600, out);
    if minute != 0 || second != 0 {
        out.put_u8(b':');
        write_two(minute, out);
    }
    if second != 0 {
        out.put_u8(b':');
        write_two(second, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_alike_both_ways() {
        let mut found = BytesMut::new();
        let near = (-720_000..-718_000).chain(-2_000..30_000).chain(2_930_000..2_934_000);
        for days in near.chain((-719_162..2_932_896).step_by(17)) {
            found.clear();
            write_date(days, DateStyle::default(), &mut found);
            let day = Day::from_days(days);
            let mut expected = BytesMut::new();
            day.write_numbers(DateStyle::default(), &mut expected);
            if day.is_before_christ() {
                expected.put_slice(b" BC");
            }
            assert_eq!(found, expected, "{days}");
        }
    }
}
