//! Periods of time, identified by their text.
//!
//! `2020`, `2020-A1` and `2020-01-01/P1Y` span the same time and are three periods: the text is
//! the identity and is never normalised. A period of one of the regular forms is a [`Slot`]: a
//! form and a number that counts periods of that form, so that a time series is an array. Within
//! one form the order of slots is the order of time, and the order of the texts too.
//!
//! Source: SDMX 2.1 section 6, "Technical notes", chapter 4.2 (time and time formats).

use std::fmt;

use crate::model::span;

/// The written form of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum PeriodForm {
    /// No period at all: the only observation of a series of a flow without time.
    Timeless = 0,
    /// `2020`.
    Year = 1,
    /// `2020-02`.
    Month = 2,
    /// `2020-02-29`.
    Day = 3,
    /// `2020-A1`.
    ReportingYear = 4,
    /// `2020-S1`, `2020-S2`.
    Semester = 5,
    /// `2020-T1` to `2020-T3`: four months each.
    Trimester = 6,
    /// `2020-Q1` to `2020-Q4`.
    Quarter = 7,
    /// `2020-M01` to `2020-M12`.
    ReportingMonth = 8,
    /// `2020-W01` to `2020-W53`.
    Week = 9,
    /// `2020-D001` to `2020-D366`.
    ReportingDay = 10,
    /// Any other: date and time, a range, a zone. Known by its text alone.
    Other = 11,
}

impl PeriodForm {
    /// All forms, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Timeless,
        Self::Year,
        Self::Month,
        Self::Day,
        Self::ReportingYear,
        Self::Semester,
        Self::Trimester,
        Self::Quarter,
        Self::ReportingMonth,
        Self::Week,
        Self::ReportingDay,
        Self::Other,
    ];

    /// The form with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The letter after the dash, and how many periods of it a year has room for.
    fn reporting(self) -> Option<(u8, i32, usize)> {
        match self {
            Self::ReportingYear => Some((b'A', 1, 1)),
            Self::Semester => Some((b'S', 2, 1)),
            Self::Trimester => Some((b'T', 3, 1)),
            Self::Quarter => Some((b'Q', 4, 1)),
            Self::ReportingMonth => Some((b'M', 12, 2)),
            Self::Week => Some((b'W', 53, 2)),
            Self::ReportingDay => Some((b'D', 366, 3)),
            Self::Timeless | Self::Year | Self::Month | Self::Day | Self::Other => None,
        }
    }

    /// Periods of this form in a year, for the forms that count within a year.
    pub fn per_year(self) -> Option<i32> {
        match self {
            Self::Year => Some(1),
            Self::Month => Some(12),
            _ => self.reporting().map(|(_, per_year, _)| per_year),
        }
    }
}

/// A period of a regular form: the form, and the number of the period.
///
/// The number counts from year 0 (`year * per_year + position`), for days from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// The form; never [`PeriodForm::Other`].
    pub form: PeriodForm,
    /// The number within the form.
    pub index: i32,
}

/// A period, identified by its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    /// A period of a regular form.
    Slot(Slot),
    /// Any other period, by its text, which was checked.
    Other(Box<str>),
}

/// Why a text is no period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPeriod(pub &'static str);

impl fmt::Display for BadPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Slot {
    /// The one slot of a series without time.
    pub const TIMELESS: Self = Self { form: PeriodForm::Timeless, index: 0 };

    /// Parses a text of one of the regular forms. Absent if it has another form, or none.
    ///
    /// # Errors
    ///
    /// [`BadPeriod`] if the form is clear and the number is not one of it: `2020-13`, `2021-W53`.
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Option<Self>, BadPeriod> {
        let Some((year, rest)) = text.split_first_chunk::<4>() else { return Ok(None) };
        let Some(year) = number(year) else { return Ok(None) };
        match rest {
            [] => Ok(Some(Self { form: PeriodForm::Year, index: year })),
            [b'-', month @ ..] if month.len() == 2 && number(month).is_some() => {
                let month = number(month).filter(|m| (1..=12).contains(m));
                let month = month.ok_or(BadPeriod("a month is 01 to 12"))?;
                Ok(Some(Self { form: PeriodForm::Month, index: year * 12 + month - 1 }))
            }
            [b'-', m1, m2, b'-', d1, d2] => match (number(&[*m1, *m2]), number(&[*d1, *d2])) {
                (Some(month), Some(day)) => {
                    let days = span::days_of_date(year, month, day);
                    let index = days.ok_or(BadPeriod("there is no such day"))?;
                    Ok(Some(Self { form: PeriodForm::Day, index }))
                }
                _ => Ok(None),
            },
            [b'-', letter, digits @ ..] => Self::parse_reporting(year, *letter, digits),
            _ => Ok(None),
        }
    }

    fn parse_reporting(year: i32, letter: u8, digits: &[u8]) -> Result<Option<Self>, BadPeriod> {
        let (form, reason) = match letter {
            b'A' => (PeriodForm::ReportingYear, "the period of a reporting year is A1"),
            b'S' => (PeriodForm::Semester, "a semester is S1 or S2"),
            b'T' => (PeriodForm::Trimester, "a trimester is T1 to T3: four months each"),
            b'Q' => (PeriodForm::Quarter, "a quarter is Q1 to Q4"),
            b'M' => (PeriodForm::ReportingMonth, "a reporting month is M01 to M12"),
            b'W' => (PeriodForm::Week, "a week is W01 to W53"),
            b'D' => (PeriodForm::ReportingDay, "a reporting day is D001 to D366"),
            _ => return Ok(None),
        };
        let Some((_, per_year, width)) = form.reporting() else { return Ok(None) };
        let position = number(digits).filter(|_| digits.len() == width);
        let position = position.filter(|p| (1..=per_year).contains(p)).ok_or(BadPeriod(reason))?;
        Ok(Some(Self { form, index: year * per_year + position - 1 }))
    }

    /// Appends the text; nothing for the timeless slot.
    pub fn write_to(self, out: &mut Vec<u8>) {
        match (self.form, self.form.per_year()) {
            (PeriodForm::Timeless | PeriodForm::Other, _) => {}
            (PeriodForm::Day, _) | (_, None) => span::write_date(self.index, out),
            (PeriodForm::Year, _) => write_padded(self.index, 4, out),
            (form, Some(per_year)) => {
                write_padded(self.index.div_euclid(per_year), 4, out);
                out.push(b'-');
                let position = self.index.rem_euclid(per_year) + 1;
                let (letter, width) = form.reporting().map_or((None, 2), |r| (Some(r.0), r.2));
                out.extend(letter);
                write_padded(position, width, out);
            }
        }
    }

    /// The slot `count` periods later, or earlier where it is negative.
    pub fn plus(self, count: i32) -> Option<Self> {
        Some(Self { form: self.form, index: self.index.checked_add(count)? })
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(10);
        self.write_to(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl Period {
    /// Parses the text of a period of any form.
    ///
    /// # Errors
    ///
    /// [`BadPeriod`] if SDMX knows no such period.
    pub fn parse(text: &str) -> Result<Self, BadPeriod> {
        if let Some(slot) = Slot::parse(text.as_bytes())? {
            return Ok(Self::Slot(slot));
        }
        span::of_other(text)?;
        Ok(Self::Other(text.into()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => slot.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// The number that these digits write; absent where they are not one to nine digits.
#[inline]
fn number(digits: &[u8]) -> Option<i32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits
        .iter()
        .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i32::from(byte - b'0')))
}

/// Appends a number with leading zeros.
pub(super) fn write_padded(number: i32, width: usize, out: &mut Vec<u8>) {
    let Ok(mut rest) = u32::try_from(number) else {
        return out.extend_from_slice(format!("{number:0width$}").as_bytes());
    };
    let mut digits = [b'0'; 10];
    let mut at = digits.len();
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at.min(digits.len() - width.min(digits.len()))..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parses_every_form_and_writes_it_back() {
        let texts = ["2020", "2020-02", "2020-02-29", "2020-A1", "2020-S2", "2020-T3", "2020-Q4"];
        let more = ["2020-M12", "2020-W53", "2020-D366", "0001", "9999-12-31", "1969-12-31"];
        let others = ["2020-01-01/P3M", "2020-01-01T00:00:00/PT12H", "2020-02-29T12:30:00Z"];
        let others2 = ["2020Z", "2020-02+01:00", "2020-01-01T00:00:00.125-05:00"];
        for text in texts.into_iter().chain(more).chain(others).chain(others2) {
            let period = Period::parse(text).unwrap_or_else(|bad| panic!("{text}: {bad}"));
            assert_eq!(period.to_string(), text);
            let regular = matches!(period, Period::Slot(_));
            assert_eq!(regular, texts.contains(&text) || more.contains(&text), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_period() {
        let texts = ["", "20", "2020-13", "2020-00", "2021-02-29", "2020-A2", "2020-S3", "2020-T4"];
        let more =
            ["2020-Q5", "2020-Q0", "2020-Q01", "2020-M1", "2020-W54", "2020-D367", "2020-W1"];
        let others = ["2020-01-01/", "2020-01-01/P", "2020-01-01T25:00:00", "2020-X1", "abcd"];
        let days = ["2020-1", "2020-01-1", "2020/01", "2020-01-01/PT", "2020-01-01T12:00"];
        for text in texts.into_iter().chain(more).chain(others).chain(days) {
            assert!(Period::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        /// What makes a text predicate a range of slots.
        #[test]
        fn slots_and_texts_have_one_order(form in 1usize..11, a in 0i32..3_000_000, b in 0i32..3_000_000) {
            let form = PeriodForm::ALL[form];
            let top = form.per_year().unwrap_or(365) * 9_999;
            let offset = if form == PeriodForm::Day { -719_000 } else { 0 };
            let slot = |index: i32| Slot { form, index: index % top + offset };
            let (a, b) = (slot(a), slot(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }
    }
}
