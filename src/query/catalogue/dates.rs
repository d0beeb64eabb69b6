//! `dim_date`: the days of two centuries, with the periods of SDMX that each lies in.

use arrow::array::RecordBatch;
use chrono::{Datelike, NaiveDate, Weekday};
use datafusion::common::Result;

use crate::query::catalogue::columns::Columns;

/// Days between 0001-01-01, which chrono counts as 1, and 1970-01-01.
const EPOCH_DAY: i32 = 719_163;

/// One row a day from 1900-01-01 to 2100-12-31. `iso_year` and `week` are those of ISO 8601; each
/// `*_period` is the text of the period, to be joined with `time_period`.
pub(super) fn days(rows: bool) -> Result<RecordBatch> {
    let first = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default();
    let days: Vec<NaiveDate> =
        first.iter_days().take_while(|day| rows && day.year() <= 2100).collect();
    let all = || days.iter();
    let number = |n: u32| i32::try_from(n).ok();
    let third = |day: &NaiveDate, months: u32| day.month0() / months + 1;
    Columns::default()
        .date("date", all().map(|day| day.num_days_from_ce() - EPOCH_DAY))
        .integer("year", all().map(|day| Some(day.year())))
        .integer("semester", all().map(|day| number(third(day, 6))))
        .integer("quarter", all().map(|day| number(third(day, 3))))
        .integer("month", all().map(|day| number(day.month())))
        .integer("day", all().map(|day| number(day.day())))
        .integer("day_of_year", all().map(|day| number(day.ordinal())))
        .integer("iso_year", all().map(|day| Some(day.iso_week().year())))
        .integer("week", all().map(|day| number(day.iso_week().week())))
        .integer("day_of_week", all().map(|day| number(day.weekday().number_from_monday())))
        .flag("is_weekend", all().map(|day| matches!(day.weekday(), Weekday::Sat | Weekday::Sun)))
        .flag("is_month_end", all().map(|day| day.succ_opt().is_none_or(|next| next.day() == 1)))
        .key("year_period", all().map(|day| day.year().to_string()))
        .key("semester_period", all().map(|day| format!("{}-S{}", day.year(), third(day, 6))))
        .key("quarter_period", all().map(|day| format!("{}-Q{}", day.year(), third(day, 3))))
        .key("month_period", all().map(|day| format!("{}-{:02}", day.year(), day.month())))
        .key(
            "week_period",
            all().map(|day| format!("{}-W{:02}", day.iso_week().year(), day.iso_week().week())),
        )
        .key("day_period", all().map(ToString::to_string))
        .batch()
}

#[cfg(test)]
mod tests {
    use arrow::util::pretty::pretty_format_batches;

    use super::*;

    #[test]
    fn covers_two_centuries() {
        let table = days(true).expect("a table");
        assert_eq!(table.num_rows(), 73_414);
        assert_eq!(days(false).expect("columns").num_rows(), 0);
    }

    #[test]
    fn a_day_knows_its_periods() {
        let table = days(true).expect("a table");
        // 2021-01-03, a Sunday of the last ISO week of 2020.
        let row = 73_414 - 365 - 79 * 365 - 19 - 1 + 3;
        let found = (0..table.num_rows())
            .find(|row| {
                let days = table.column(0).slice(*row, 1);
                days.to_data().buffer::<i32>(0).first() == Some(&18_630)
            })
            .unwrap_or(row);
        let slice = table.slice(found, 1).project(&[0, 7, 8, 9, 10, 14, 16]).expect("columns");
        let text = pretty_format_batches(&[slice]).expect("text").to_string();
        let line = text.lines().nth(3).expect("a row");
        let cells: Vec<&str> = line.split('|').map(str::trim).filter(|c| !c.is_empty()).collect();
        assert_eq!(cells, ["2021-01-03", "2020", "53", "7", "true", "2021-Q1", "2020-W53"]);
    }
}
