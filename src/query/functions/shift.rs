//! `period_shift(text, n)`: the period `n` later, or earlier, in the same form.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringViewBuilder};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{Datelike, NaiveDate};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::error::Error;
use crate::model::{Period, PeriodForm, ReportingYearStart, Slot};
use crate::query::error::to_datafusion;
use crate::query::functions::period;

/// The function of this file.
pub(super) fn function() -> ScalarUDF {
    let types = vec![DataType::Utf8View, DataType::Int64];
    let signature = Signature::exact(types, Volatility::Immutable);
    ScalarUDF::new_from_impl(PeriodShift { signature })
}

/// See the module. Weeks and reporting days go by the calendar, so that 2020-W53 comes before
/// 2021-W01 and 2021-W52 before 2022-W01. NULL for a period of another than the regular forms (a
/// range, a date and time), which has no next one, and outside the years 0 to 9999.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PeriodShift {
    signature: Signature,
}

impl ScalarUDFImpl for PeriodShift {
    fn name(&self) -> &'static str {
        "period_shift"
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
        let texts = period::text_argument(&arguments, 0, rows)?;
        let missing = || to_datafusion(Error::bug("a function without its arguments"));
        let counts = arguments.args.get(1).ok_or_else(missing)?;
        let counts = counts.cast_to(&DataType::Int64, None)?.into_array(rows)?;
        let counts = counts.as_primitive::<Int64Type>();
        let mut shifted = StringViewBuilder::with_capacity(rows);
        let mut text_of = Vec::with_capacity(16);
        for (text, count) in texts.as_string_view().iter().zip(counts) {
            let slot = match text.zip(count) {
                Some((text, count)) => shift(&period::parse(text)?, count),
                None => None,
            };
            text_of.clear();
            if let Some(slot) = slot {
                slot.write_to(&mut text_of);
            }
            shifted.append_option(slot.map(|_| str::from_utf8(&text_of).unwrap_or_default()));
        }
        let shifted: ArrayRef = Arc::new(shifted.finish());
        period::column_or_scalar(shifted, scalar)
    }
}

/// The slot `count` later; absent where there is none.
fn shift(period: &Period, count: i64) -> Option<Slot> {
    let Period::Slot(slot) = period else { return None };
    let shifted = match slot.form {
        PeriodForm::Week => {
            let monday = date(slot.span(ReportingYearStart::default())?.first_day(), 0)?;
            let week = monday.checked_add_signed(chrono::Duration::try_weeks(count)?)?.iso_week();
            let index = week.year().checked_mul(53)? + i32::try_from(week.week0()).ok()?;
            Slot { form: slot.form, index }
        }
        PeriodForm::ReportingDay => {
            let day = date(slot.span(ReportingYearStart::default())?.first_day(), count)?;
            let index = day.year().checked_mul(366)? + i32::try_from(day.ordinal0()).ok()?;
            Slot { form: slot.form, index }
        }
        _ => slot.plus(i32::try_from(count).ok()?)?,
    };
    let year = match (slot.form, slot.form.per_year()) {
        (PeriodForm::Day, _) => date(shifted.index, 0)?.year(),
        (_, per_year) => shifted.index.div_euclid(per_year?),
    };
    (0..=9_999).contains(&year).then_some(shifted)
}

/// The date `count` days after a day of the epoch.
fn date(day: i32, count: i64) -> Option<NaiveDate> {
    let days = i64::from(day).checked_add(count)?.checked_add(719_163)?;
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(days).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shifted(text: &str, count: i64) -> Option<String> {
        let period = Period::parse(text).expect("a period");
        shift(&period, count).map(|slot| slot.to_string())
    }

    #[test]
    fn shifts_within_the_form() {
        let check = |text: &str, count: i64, expected: Option<&str>| {
            assert_eq!(shifted(text, count).as_deref(), expected, "{text} {count}");
        };
        check("2020", 1, Some("2021"));
        check("2020-12", 1, Some("2021-01"));
        check("2020-01", -1, Some("2019-12"));
        check("2020-02-28", 2, Some("2020-03-01"));
        check("2020-A1", 3, Some("2023-A1"));
        check("2020-S2", 1, Some("2021-S1"));
        check("2020-T3", 1, Some("2021-T1"));
        check("2020-Q4", 1, Some("2021-Q1"));
        check("2020-Q1", -4, Some("2019-Q1"));
        check("2020-M12", 1, Some("2021-M01"));
        check("2020-W53", 1, Some("2021-W01"));
        check("2021-W52", 1, Some("2022-W01"));
        check("2021-W01", -1, Some("2020-W53"));
        check("2020-D366", 1, Some("2021-D001"));
        check("2021-D365", 1, Some("2022-D001"));
        check("9999", 1, None);
        check("0000-01", -1, None);
        check("2020", i64::MAX, None);
        check("9999-12-31", 1, None);
        check("2020-01-01/P3M", 1, None);
        check("2021-W53", 1, None);
    }

    proptest! {
        #[test]
        fn there_and_back_is_nowhere(
            form in 1usize..11, year in 1_000i32..3_000, part in 0i32..366, count in -999i64..999,
        ) {
            let form = PeriodForm::ALL[form];
            let index = form.per_year().map_or(part * 99, |n| year * n + part % n);
            let slot = Slot { form, index };
            prop_assume!(slot.span(ReportingYearStart::default()).is_some());
            let there = shift(&Period::Slot(slot), count).map(Period::Slot).expect("in range");
            prop_assert_eq!(shift(&there, -count), Some(slot));
        }
    }
}
