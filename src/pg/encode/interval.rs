//! Spans of time as PostgreSQL writes them.

use bytes::{BufMut, BytesMut};

use crate::pg::encode::datetime::{write_fraction, write_time};
use crate::pg::encode::digits::{write_i64, write_two, write_u64};
use crate::pg::encode::style::IntervalStyle;

/// A span in the three units that do not convert into each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) months: i32,
    pub(crate) days: i32,
    pub(crate) micros: i64,
}

/// A span as the fields that people read; all of one unit have one sign.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    /// Seconds with their fraction.
    micros: i64,
}

impl Span {
    /// Appends the span.
    pub(super) fn write(self, style: IntervalStyle, out: &mut BytesMut) {
        match style {
            IntervalStyle::Postgres => self.write_postgres(out),
            IntervalStyle::PostgresVerbose => self.write_verbose(out),
            IntervalStyle::SqlStandard => self.write_sql(out),
            IntervalStyle::Iso8601 => self.write_iso(out),
        }
    }

    fn fields(self) -> Fields {
        let minutes = self.micros / 60_000_000;
        Fields {
            year: i64::from(self.months / 12),
            month: i64::from(self.months % 12),
            day: i64::from(self.days),
            hour: minutes / 60,
            minute: minutes % 60,
            micros: self.micros % 60_000_000,
        }
    }

    fn write_postgres(self, out: &mut BytesMut) {
        let fields = self.fields();
        let mut is_first = true;
        // A part after a negative one says that it is positive.
        let mut after_negative = false;
        for (number, unit) in [(fields.year, "year"), (fields.month, "mon"), (fields.day, "day")] {
            if number == 0 {
                continue;
            }
            if !is_first {
                out.put_u8(b' ');
            }
            if after_negative && number > 0 {
                out.put_u8(b'+');
            }
            write_i64(number, out);
            out.put_u8(b' ');
            out.put_slice(unit.as_bytes());
            if number != 1 {
                out.put_u8(b's');
            }
            after_negative = number < 0;
            is_first = false;
        }
        if is_first || self.micros != 0 {
            if !is_first {
                out.put_u8(b' ');
            }
            if self.micros < 0 {
                out.put_u8(b'-');
            } else if after_negative {
                out.put_u8(b'+');
            }
            write_time(self.micros.unsigned_abs(), out);
        }
    }

    fn write_verbose(self, out: &mut BytesMut) {
        let fields = self.fields();
        let units = [
            (fields.year, "year"),
            (fields.month, "mon"),
            (fields.day, "day"),
            (fields.hour, "hour"),
            (fields.minute, "min"),
        ];
        out.put_u8(b'@');
        // The first part decides whether all of it is "ago".
        let mut is_ago = None;
        for (number, unit) in units.into_iter().filter(|(number, _)| *number != 0) {
            let number = if *is_ago.get_or_insert(number < 0) { -number } else { number };
            out.put_u8(b' ');
            write_i64(number, out);
            out.put_u8(b' ');
            out.put_slice(unit.as_bytes());
            if number != 1 {
                out.put_u8(b's');
            }
        }
        if fields.micros != 0 {
            let ago = *is_ago.get_or_insert(fields.micros < 0);
            out.put_u8(b' ');
            if (fields.micros < 0) != ago {
                out.put_u8(b'-');
            }
            write_seconds(fields.micros, out);
            let one = fields.micros.abs() == 1_000_000;
            out.put_slice(if one { b" sec" } else { b" secs" });
        }
        match is_ago {
            None => out.put_slice(b" 0"),
            Some(true) => out.put_slice(b" ago"),
            Some(false) => {}
        }
    }

    fn write_sql(self, out: &mut BytesMut) {
        let has_negative = self.months < 0 || self.days < 0 || self.micros < 0;
        let has_positive = self.months > 0 || self.days > 0 || self.micros > 0;
        let has_time = self.days != 0 || self.micros != 0;
        if !has_negative && !has_positive {
            out.put_u8(b'0');
            return;
        }
        let fields = self.fields();
        let has_both = has_negative && has_positive || self.months != 0 && has_time;
        if has_both {
            // Every part has a sign, so that none is in doubt.
            write_sign(self.months < 0, out);
            write_months(&fields, out);
            out.put_u8(b' ');
            write_sign(self.days < 0, out);
            write_u64(fields.day.unsigned_abs(), out);
            out.put_u8(b' ');
            write_sign(self.micros < 0, out);
            write_clock(&fields, out);
            return;
        }
        if has_negative {
            out.put_u8(b'-');
        }
        if self.months != 0 {
            write_months(&fields, out);
            return;
        }
        if self.days != 0 {
            write_u64(fields.day.unsigned_abs(), out);
            out.put_u8(b' ');
        }
        write_clock(&fields, out);
    }

    fn write_iso(self, out: &mut BytesMut) {
        if self == Self::default() {
            out.put_slice(b"PT0S");
            return;
        }
        let fields = self.fields();
        let part = |number: i64, unit: u8, out: &mut BytesMut| {
            if number != 0 {
                write_i64(number, out);
                out.put_u8(unit);
            }
        };
        out.put_u8(b'P');
        part(fields.year, b'Y', out);
        part(fields.month, b'M', out);
        part(fields.day, b'D', out);
        if self.micros != 0 {
            out.put_u8(b'T');
        }
        part(fields.hour, b'H', out);
        part(fields.minute, b'M', out);
        if fields.micros != 0 {
            if fields.micros < 0 {
                out.put_u8(b'-');
            }
            write_seconds(fields.micros, out);
            out.put_u8(b'S');
        }
    }
}

fn write_sign(negative: bool, out: &mut BytesMut) {
    out.put_u8(if negative { b'-' } else { b'+' });
}

/// `1-2`: years and months.
fn write_months(fields: &Fields, out: &mut BytesMut) {
    write_u64(fields.year.unsigned_abs(), out);
    out.put_u8(b'-');
    write_u64(fields.month.unsigned_abs(), out);
}

/// `4:05:06.5`: only the hour stands without a zero before it.
fn write_clock(fields: &Fields, out: &mut BytesMut) {
    write_u64(fields.hour.unsigned_abs(), out);
    out.put_u8(b':');
    write_two(fields.minute.unsigned_abs(), out);
    out.put_u8(b':');
    let micros = fields.micros.unsigned_abs();
    write_two(micros / 1_000_000, out);
    write_fraction(micros % 1_000_000, out);
}

/// The seconds of a minute without their sign.
fn write_seconds(micros: i64, out: &mut BytesMut) {
    write_u64(micros.unsigned_abs() / 1_000_000, out);
    write_fraction(micros.unsigned_abs() % 1_000_000, out);
}
