//! Which values occur in a dataflow, or in a selection of it.

use chrono::{Days, NaiveDate};

use crate::model::ArtefactId;

/// What occurs in the selected data of one dataflow.
///
/// Source: SDMX REST 2.2.2, `doc/availability.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// The dataflow.
    pub flow: ArtefactId,
    /// The dimensions listed, in the order of the structure, time not among them. One that was
    /// asked for and has no value is here, empty.
    pub dimensions: Vec<AvailableCodes>,
    /// The time that the data cover; absent if time is not listed, or has no value.
    pub time: Option<TimeCoverage>,
    /// How many series were found.
    pub series_count: u64,
    /// How many observations these have; absent where they were not counted.
    pub observation_count: Option<u64>,
}

/// The codes of one dimension that occur.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailableCodes {
    /// The identifier of the dimension.
    pub dimension: String,
    /// Its codes, each once, in bytewise order.
    pub codes: Vec<String>,
}

/// From the first day of the first period up to the last day of the last, both within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeCoverage {
    /// The first day, in days since 1970-01-01.
    pub first_day: i32,
    /// The last day, in days since 1970-01-01.
    pub last_day: i32,
}

impl TimeCoverage {
    /// The first day as `2020-01-01`; absent for a day that no calendar has.
    pub fn first(self) -> Option<String> {
        date(self.first_day)
    }

    /// The last day as `2020-12-31`; absent for a day that no calendar has.
    pub fn last(self) -> Option<String> {
        date(self.last_day)
    }
}

/// A day since 1970-01-01 in the form of ISO 8601.
fn date(day: i32) -> Option<String> {
    let distance = Days::new(u64::from(day.unsigned_abs()));
    let epoch = NaiveDate::default();
    let date =
        if day < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) };
    date.map(|date| date.format("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        let check = |day: i32, expected: Option<&str>| {
            let coverage = TimeCoverage { first_day: day, last_day: day };
            assert_eq!(coverage.first().as_deref(), expected, "{day}");
            assert_eq!(coverage.first(), coverage.last());
        };
        check(0, Some("1970-01-01"));
        check(-1, Some("1969-12-31"));
        check(20_089, Some("2025-01-01"));
        check(i32::MIN, None);
        check(i32::MAX, None);
    }
}
