//! Periods as numbers: the frequencies of a generated cube and how their periods are written.

use super::random::Weights;

/// How often a series is observed, with the form in which its periods are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// `2020`
    Annual,
    /// `2020-S1`
    HalfYearly,
    /// `2020-Q1`
    Quarterly,
    /// `2020-01`
    Monthly,
    /// `2020-W01`, ISO weeks
    Weekly,
    /// `2020-01-31`
    Daily,
}

impl Frequency {
    /// Its code in the codelist of frequencies.
    pub fn code(self) -> &'static str {
        match self {
            Frequency::Annual => "A",
            Frequency::HalfYearly => "S",
            Frequency::Quarterly => "Q",
            Frequency::Monthly => "M",
            Frequency::Weekly => "W",
            Frequency::Daily => "D",
        }
    }

    /// Its English name.
    pub fn name(self) -> &'static str {
        match self {
            Frequency::Annual => "Annual",
            Frequency::HalfYearly => "Half-yearly",
            Frequency::Quarterly => "Quarterly",
            Frequency::Monthly => "Monthly",
            Frequency::Weekly => "Weekly",
            Frequency::Daily => "Daily",
        }
    }

    /// Periods after which the seasons come again.
    pub fn season(self) -> i64 {
        match self {
            Frequency::Annual => 1,
            Frequency::HalfYearly => 2,
            Frequency::Quarterly => 4,
            Frequency::Monthly => 12,
            Frequency::Weekly | Frequency::Daily => 7,
        }
    }

    /// The number of the first period of a year.
    pub fn first_of(self, year: i64) -> i64 {
        match self {
            Frequency::Annual => year,
            Frequency::HalfYearly => year * 2,
            Frequency::Quarterly => year * 4,
            Frequency::Monthly => year * 12,
            // The week of 4 January is the first; day 0 (1970-01-01) is a Thursday of week 0.
            Frequency::Weekly => (days_of(year, 1, 4) + 3).div_euclid(7),
            Frequency::Daily => days_of(year, 1, 1),
        }
    }

    /// Writes the period of this number.
    pub fn write(self, period: i64, text: &mut Vec<u8>) {
        let split = |parts: i64| (period.div_euclid(parts), period.rem_euclid(parts) + 1);
        match self {
            Frequency::Annual => write_year(period, text),
            Frequency::HalfYearly | Frequency::Quarterly => {
                let (year, part) = split(self.season());
                write_year(year, text);
                text.extend_from_slice(if self == Frequency::Quarterly { b"-Q" } else { b"-S" });
                text.push(digit(part));
            }
            Frequency::Monthly => {
                let (year, month) = split(12);
                write_year(year, text);
                write_two(month, text);
            }
            Frequency::Weekly => {
                let thursday = period * 7;
                let (year, ..) = date_of(thursday);
                write_year(year, text);
                let week = (thursday - days_of(year, 1, 1)) / 7 + 1;
                text.extend_from_slice(&[b'-', b'W', digit(week / 10), digit(week % 10)]);
            }
            Frequency::Daily => {
                let (year, month, day) = date_of(period);
                write_year(year, text);
                write_two(month, text);
                write_two(day, text);
            }
        }
    }

    /// True for the days on which no rate is fixed.
    pub fn is_weekend(self, period: i64) -> bool {
        // Day 0 is a Thursday, so Saturday and Sunday leave 2 and 3.
        self == Frequency::Daily && matches!(period.rem_euclid(7), 2 | 3)
    }
}

/// How many series have a frequency, and how long they are.
#[derive(Clone, Copy, Debug)]
pub struct FrequencySpec {
    /// The frequency.
    pub frequency: Frequency,
    /// Its share of the series, relative to the others.
    pub weight: f64,
    /// Mean number of periods from the first to the last of a series, gaps included.
    pub periods_mean: u32,
    /// How far lengths differ, as a share of the mean: 0.8 is from 20 % to 180 %.
    pub periods_spread: f64,
}

/// The shares of the frequencies.
pub fn frequency_weights(specs: &[FrequencySpec]) -> Weights {
    Weights::new(specs.iter().map(|spec| spec.weight))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
///
/// Source: Hinnant, chrono-compatible low-level date algorithms; years start in March here.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day, so many days after 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn write_year(year: i64, text: &mut Vec<u8>) {
    text.extend_from_slice(&[
        digit(year / 1_000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
    ]);
}

fn write_two(number: i64, text: &mut Vec<u8>) {
    text.extend_from_slice(&[b'-', digit(number / 10), digit(number)]);
}

fn digit(number: i64) -> u8 {
    b'0' + number.rem_euclid(10).unsigned_abs().to_le_bytes()[0]
}
