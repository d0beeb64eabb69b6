//! `to_char(date or timestamp, pattern)` with the patterns of PostgreSQL.
//!
//! DataFusion's function of this name reads `%Y-%m` and gives `YYYY-MM` back as it stands.
//!
//! Source: PostgreSQL 15, section 9.8, tables 9.27 and 9.28.

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewBuilder};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Datelike, NaiveDateTime, Timelike};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use crate::error::Error;
use crate::query::error::to_datafusion;
use crate::query::functions::period::{column_or_scalar, text_argument};

/// The function of this file.
pub(super) fn function() -> ScalarUDF {
    let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
    let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
    let one_of = [moment, zoned, DataType::Date32]
        .map(|first| TypeSignature::Exact(vec![first, DataType::Utf8View]));
    let signature = Signature::one_of(one_of.to_vec(), Volatility::Immutable);
    ScalarUDF::new_from_impl(ToChar { signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToChar {
    signature: Signature,
}

impl ScalarUDFImpl for ToChar {
    fn name(&self) -> &'static str {
        "to_char"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = arguments.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { arguments.number_rows };
        let Some(moments) = arguments.args.first() else {
            return Err(to_datafusion(Error::bug("a function without its arguments")));
        };
        let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
        let moments = moments.cast_to(&moment, None)?.into_array(rows)?;
        let moments = moments.as_primitive::<TimestampMicrosecondType>();
        let patterns = text_argument(&arguments, 1, rows)?;
        let patterns = patterns.as_string_view();
        let mut known: Option<(&str, Vec<Piece>)> = None;
        let mut texts = StringViewBuilder::with_capacity(rows);
        let mut text = String::new();
        for row in 0..rows {
            if moments.is_null(row) || patterns.is_null(row) {
                texts.append_null();
                continue;
            }
            let pattern = patterns.value(row);
            if known.as_ref().is_none_or(|(before, _)| *before != pattern) {
                known = Some((pattern, parse(pattern).map_err(to_datafusion)?));
            }
            let moment = DateTime::from_timestamp_micros(moments.value(row));
            let moment = moment.ok_or_else(|| {
                to_datafusion(Error::invalid("to_char", "a moment outside the calendar"))
            })?;
            text.clear();
            for piece in known.iter().flat_map(|(_, pieces)| pieces) {
                piece.write(moment.naive_utc(), &mut text);
            }
            texts.append_value(&text);
        }
        let texts: ArrayRef = Arc::new(texts.finish());
        column_or_scalar(texts, scalar)
    }
}

/// What a part of a pattern stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year(usize),
    YearWithComma,
    IsoYear(usize),
    Month,
    MonthName,
    MonthShort,
    Day,
    DayOfYear,
    IsoDayOfYear,
    Weekday,
    IsoWeekday,
    DayName,
    DayShort,
    Hour24,
    Hour12,
    Minute,
    Second,
    SecondOfDay,
    Millisecond,
    Microsecond,
    HalfDay,
    HalfDayPoints,
    Quarter,
    Week,
    IsoWeek,
    WeekOfMonth,
    Century,
    JulianDay,
    Zone,
    Offset,
}

/// The patterns, the longer before those they begin with.
const FIELDS: [(&str, Field); 39] = [
    ("Y,YYY", Field::YearWithComma),
    ("YYYY", Field::Year(4)),
    ("YYY", Field::Year(3)),
    ("YY", Field::Year(2)),
    ("Y", Field::Year(1)),
    ("IYYY", Field::IsoYear(4)),
    ("IYY", Field::IsoYear(3)),
    ("IY", Field::IsoYear(2)),
    ("IDDD", Field::IsoDayOfYear),
    ("ID", Field::IsoWeekday),
    ("IW", Field::IsoWeek),
    ("I", Field::IsoYear(1)),
    ("MONTH", Field::MonthName),
    ("MON", Field::MonthShort),
    ("MM", Field::Month),
    ("MI", Field::Minute),
    ("MS", Field::Millisecond),
    ("DAY", Field::DayName),
    ("DY", Field::DayShort),
    ("DDD", Field::DayOfYear),
    ("DD", Field::Day),
    ("D", Field::Weekday),
    ("HH24", Field::Hour24),
    ("HH12", Field::Hour12),
    ("HH", Field::Hour12),
    ("SSSSS", Field::SecondOfDay),
    ("SSSS", Field::SecondOfDay),
    ("SS", Field::Second),
    ("US", Field::Microsecond),
    ("AM", Field::HalfDay),
    ("PM", Field::HalfDay),
    ("A.M.", Field::HalfDayPoints),
    ("P.M.", Field::HalfDayPoints),
    ("Q", Field::Quarter),
    ("WW", Field::Week),
    ("W", Field::WeekOfMonth),
    ("CC", Field::Century),
    ("J", Field::JulianDay),
    ("TZ", Field::Zone),
];

/// Patterns that PostgreSQL has and this function does not.
const MISSING: [&str; 6] = ["FF", "RM", "BC", "AD", "TZH", "TZM"];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// How letters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Upper,
    Title,
    Lower,
}

/// One part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field { field: Field, case: Case, is_padded: bool, has_ending: bool },
}

fn parse(pattern: &str) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    let mut is_padded = true;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let inner = &rest[1..];
            let end = inner.find('"').unwrap_or(inner.len());
            pieces.push(Piece::Text(inner[..end].to_owned()));
            rest = inner.get(end + 1..).unwrap_or_default();
            continue;
        }
        if let Some(after) = strip(rest, "FM") {
            (is_padded, rest) = (false, after);
            continue;
        }
        if let Some(missing) = MISSING.iter().find(|missing| strip(rest, missing).is_some()) {
            let what = format!("the pattern {missing} of to_char");
            return Err(Error::Unsupported { what });
        }
        let offset = strip(rest, "OF").map(|after| (Field::Offset, after));
        let found = FIELDS.iter().find_map(|(name, field)| Some((*field, strip(rest, name)?)));
        if let Some((field, after)) = offset.or(found) {
            let case = case_of(&rest[..rest.len() - after.len()]);
            let ending = strip(after, "TH");
            rest = ending.unwrap_or(after);
            let has_ending = ending.is_some();
            pieces.push(Piece::Field { field, case, is_padded, has_ending });
            is_padded = true;
            continue;
        }
        pieces.push(Piece::Text(first.to_string()));
        rest = &rest[first.len_utf8()..];
    }
    Ok(pieces)
}

/// What follows a word, letter case aside.
fn strip<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let head = text.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &text[word.len()..])
}

fn case_of(written: &str) -> Case {
    let mut letters = written.chars();
    match (letters.next(), letters.next()) {
        (Some(first), _) if first.is_ascii_lowercase() => Case::Lower,
        (_, Some(second)) if second.is_ascii_lowercase() => Case::Title,
        _ => Case::Upper,
    }
}

impl Piece {
    fn write(&self, at: NaiveDateTime, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Field { field, case, is_padded, has_ending } => {
                let start = out.len();
                match value(*field, at) {
                    Shown::Number(number, digits) => {
                        let digits = if *is_padded { digits } else { 1 };
                        // Writing to a text cannot fail.
                        let _ = write!(out, "{number:0digits$}");
                        if *has_ending {
                            out.push_str(ending(number));
                        }
                    }
                    Shown::Name(name, width) => {
                        let width = if *is_padded { width } else { 0 };
                        let name = match case {
                            Case::Upper => name.to_uppercase(),
                            Case::Title => name.to_owned(),
                            Case::Lower => name.to_lowercase(),
                        };
                        let _ = write!(out, "{name:width$}");
                    }
                    Shown::Text(text) => out.push_str(&text),
                }
                debug_assert!(out.len() >= start, "a field only adds");
            }
        }
    }
}

/// The ending of an ordinal number.
fn ending(number: i64) -> &'static str {
    match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}

/// A field of a moment: a number with its digits, a name with its width, or a text.
enum Shown {
    Number(i64, usize),
    Name(&'static str, usize),
    Text(String),
}

fn value(field: Field, at: NaiveDateTime) -> Shown {
    let number = |value: u32, digits| Shown::Number(i64::from(value), digits);
    let name = |names: &'static [&'static str], index: u32| {
        names.get(index as usize).copied().unwrap_or_default()
    };
    let year = i64::from(at.year());
    let cut = |year: i64, digits: usize| match digits {
        4 => year,
        3 => year.rem_euclid(1_000),
        2 => year.rem_euclid(100),
        _ => year.rem_euclid(10),
    };
    match field {
        Field::Year(digits) => Shown::Number(cut(year, digits), digits),
        Field::YearWithComma => Shown::Text(format!("{},{:03}", year / 1_000, year % 1_000)),
        Field::IsoYear(digits) => {
            Shown::Number(cut(i64::from(at.iso_week().year()), digits), digits)
        }
        Field::Month => number(at.month(), 2),
        Field::MonthName => Shown::Name(name(&MONTHS, at.month0()), 9),
        Field::MonthShort => Shown::Name(&name(&MONTHS, at.month0())[..3], 0),
        Field::Day => number(at.day(), 2),
        Field::DayOfYear => number(at.ordinal(), 3),
        Field::IsoDayOfYear => {
            let week = at.iso_week().week();
            number((week - 1) * 7 + at.weekday().number_from_monday(), 3)
        }
        Field::Weekday => number(at.weekday().number_from_sunday(), 1),
        Field::IsoWeekday => number(at.weekday().number_from_monday(), 1),
        Field::DayName => Shown::Name(name(&DAYS, at.weekday().num_days_from_monday()), 9),
        Field::DayShort => Shown::Name(&name(&DAYS, at.weekday().num_days_from_monday())[..3], 0),
        Field::Hour24 => number(at.hour(), 2),
        Field::Hour12 => number(at.hour12().1, 2),
        Field::Minute => number(at.minute(), 2),
        Field::Second => number(at.second(), 2),
        Field::SecondOfDay => number(at.num_seconds_from_midnight(), 1),
        Field::Millisecond => number(at.nanosecond() / 1_000_000, 3),
        Field::Microsecond => number(at.nanosecond() / 1_000, 6),
        Field::HalfDay => Shown::Name(if at.hour() < 12 { "AM" } else { "PM" }, 0),
        Field::HalfDayPoints => Shown::Name(if at.hour() < 12 { "A.M." } else { "P.M." }, 0),
        Field::Quarter => number(at.month0() / 3 + 1, 1),
        Field::Week => number((at.ordinal0()) / 7 + 1, 2),
        Field::IsoWeek => number(at.iso_week().week(), 2),
        Field::WeekOfMonth => number(at.day0() / 7 + 1, 1),
        Field::Century => Shown::Number((year + 99).div_euclid(100), 2),
        Field::JulianDay => Shown::Number(i64::from(at.num_days_from_ce()) + 1_721_425, 1),
        Field::Zone => Shown::Text("UTC".to_owned()),
        Field::Offset => Shown::Text("+00".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    /// The answers of PostgreSQL 15.
    #[test]
    fn writes_as_postgresql_does() {
        let at =
            NaiveDate::from_ymd_opt(2021, 1, 3).and_then(|d| d.and_hms_milli_opt(15, 4, 5, 67));
        let check = |pattern: &str, expected: &str| {
            let mut text = String::new();
            let pieces = parse(pattern).expect("a pattern");
            for piece in &pieces {
                piece.write(at.expect("a moment"), &mut text);
            }
            assert_eq!(text, expected, "{pattern}");
        };
        check("YYYY-MM-DD", "2021-01-03");
        check("yyyy-mm", "2021-01");
        check("YYYY\"-Q\"Q", "2021-Q1");
        check("IYYY-\"W\"IW-ID", "2020-W53-7");
        check("DD Month YYYY", "03 January   2021");
        check("FMDD FMMonth YYYY", "3 January 2021");
        check("Dy, MON dd", "Sun, JAN 03");
        check("HH24:MI:SS.MS", "15:04:05.067");
        check("HH12:MI AM", "03:04 PM");
        check("FMDDth", "3rd");
        check("DDD WW W CC", "003 01 1 21");
        check("J", "2459218");
        check("YY Y,YYY", "21 2,021");
        check("é", "é");
    }

    #[test]
    fn says_which_pattern_is_missing() {
        let text = parse("YYYY BC").expect_err("missing").to_string();
        assert!(text.contains("the pattern BC of to_char"), "{text}");
    }
}
