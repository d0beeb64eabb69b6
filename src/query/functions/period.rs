//! When periods begin and end, as dates: `period_start`, `period_end`, `in_period`.
//!
//! A reporting period (`2020-W05`, `2020-Q2`) counts from January 1, since a text by itself has no
//! attribute that says otherwise. A period without a time (`2021-W53`) gives NULL; a text that is
//! no period is an error, because a NULL would hide it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Date32Array, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::error::Error;
use crate::model::{Period, ReportingYearStart, Span};
use crate::query::error::to_datafusion;

/// The functions of this file.
pub(super) fn all() -> Vec<ScalarUDF> {
    [Kind::Start, Kind::End, Kind::Within].into_iter().map(PeriodFunction::of).collect()
}

/// Which of the functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Start,
    End,
    Within,
}

/// A function over the text of periods.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PeriodFunction {
    kind: Kind,
    signature: Signature,
}

impl PeriodFunction {
    fn of(kind: Kind) -> ScalarUDF {
        let count = if kind == Kind::Within { 2 } else { 1 };
        let signature = Signature::exact(vec![DataType::Utf8View; count], Volatility::Immutable);
        ScalarUDF::new_from_impl(Self { kind, signature })
    }
}

impl ScalarUDFImpl for PeriodFunction {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Start => "period_start",
            Kind::End => "period_end",
            Kind::Within => "in_period",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.kind {
            Kind::Start | Kind::End => DataType::Date32,
            Kind::Within => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = arguments.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { arguments.number_rows };
        let first = text_argument(&arguments, 0, rows)?;
        let first = first.as_string_view();
        let array: ArrayRef = match self.kind {
            Kind::Start => Arc::new(days(first, Span::first_day)?),
            Kind::End => Arc::new(days(first, Span::last_day)?),
            Kind::Within => {
                let second = text_argument(&arguments, 1, rows)?;
                Arc::new(within(first, second.as_string_view())?)
            }
        };
        column_or_scalar(array, scalar)
    }
}

/// One argument as a column of texts.
pub(super) fn text_argument(
    arguments: &ScalarFunctionArgs,
    index: usize,
    rows: usize,
) -> Result<ArrayRef> {
    let missing = || to_datafusion(Error::bug("a function without its arguments"));
    let value = arguments.args.get(index).ok_or_else(missing)?;
    value.cast_to(&DataType::Utf8View, None)?.into_array(rows)
}

/// A function of constants is a constant.
pub(super) fn column_or_scalar(array: ArrayRef, scalar: bool) -> Result<ColumnarValue> {
    if scalar {
        return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
    }
    Ok(ColumnarValue::Array(array))
}

/// A period of a query, or the error that names it.
pub(super) fn parse(text: &str) -> Result<Period> {
    Period::parse(text)
        .map_err(|bad| to_datafusion(Error::invalid(format!("period {text:?}"), bad.to_string())))
}

fn days(texts: &StringViewArray, day: impl Fn(Span) -> i32) -> Result<Date32Array> {
    let mut spans = Spans::default();
    let mut days = Date32Array::builder(texts.len());
    for text in texts {
        let span = text.map(|text| spans.of(text)).transpose()?.flatten();
        days.append_option(span.map(&day));
    }
    Ok(days.finish())
}

fn within(inner: &StringViewArray, outer: &StringViewArray) -> Result<BooleanArray> {
    let (mut inner_spans, mut outer_spans) = (Spans::default(), Spans::default());
    let mut found = BooleanArray::builder(inner.len());
    for (inner, outer) in inner.iter().zip(outer) {
        let inner = inner.map(|text| inner_spans.of(text)).transpose()?.flatten();
        let outer = outer.map(|text| outer_spans.of(text)).transpose()?.flatten();
        found.append_option(inner.zip(outer).map(|(inner, outer)| lies_within(inner, outer)));
    }
    Ok(found.finish())
}

/// Whether one stretch of time lies within another. An instant lies within a stretch that begins
/// with it, and within itself, but not within one that ends at it.
fn lies_within(inner: Span, outer: Span) -> bool {
    let begins = inner.start >= outer.start && (inner.start < outer.end || inner == outer);
    begins && inner.end <= outer.end
}

/// The spans of texts; the same text several times in a row is looked up once.
#[derive(Default)]
struct Spans<'a> {
    last: Option<(&'a str, Option<Span>)>,
}

impl<'a> Spans<'a> {
    fn of(&mut self, text: &'a str) -> Result<Option<Span>> {
        match self.last {
            Some((known, span)) if known == text => Ok(span),
            _ => {
                let span = parse(text)?.span(ReportingYearStart::default());
                self.last = Some((text, span));
                Ok(span)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(kind: fn(Span) -> i32, text: &str) -> String {
        let found = days(&StringViewArray::from(vec![text]), kind).expect("a period");
        found
            .value_as_date(0)
            .filter(|_| found.is_valid(0))
            .map_or_else(|| "null".to_owned(), |date| date.to_string())
    }

    #[test]
    fn begin_and_end_are_those_of_the_standard() {
        let check = |text: &str, expected: &str| {
            let found = format!("{}..{}", day(Span::first_day, text), day(Span::last_day, text));
            assert_eq!(found, expected, "{text}");
        };
        check("2020", "2020-01-01..2020-12-31");
        check("2020-02", "2020-02-01..2020-02-29");
        check("2020-02-29", "2020-02-29..2020-02-29");
        check("2020-A1", "2020-01-01..2020-12-31");
        check("2020-S2", "2020-07-01..2020-12-31");
        check("2020-T3", "2020-09-01..2020-12-31");
        check("2010-Q2", "2010-04-01..2010-06-30");
        check("2020-M02", "2020-02-01..2020-02-29");
        check("2020-W01", "2019-12-30..2020-01-05");
        check("2020-W53", "2020-12-28..2021-01-03");
        check("2020-D060", "2020-02-29..2020-02-29");
        check("2020-01-01/P3M", "2020-01-01..2020-03-31");
        check("2020-01-01T12:00:00", "2020-01-01..2020-01-01");
        check("2021-W53", "null..null");
    }

    #[test]
    fn a_text_that_is_no_period_is_an_error() {
        let found = days(&StringViewArray::from(vec!["2020", "2020-13"]), Span::first_day);
        let text = found.expect_err("wrong").to_string();
        assert!(text.contains("period \"2020-13\": a month is 01 to 12"), "{text}");
    }

    #[test]
    fn chronology_is_not_text() {
        let check = |inner: &str, outer: &str, expected: Option<bool>| {
            let found = within(
                &StringViewArray::from(vec![Some(inner)]),
                &StringViewArray::from(vec![Some(outer)]),
            );
            let found = found.expect("periods");
            let found = found.is_valid(0).then(|| found.value(0));
            assert_eq!(found, expected, "{inner} in {outer}");
        };
        check("2015-01", "2015", Some(true));
        check("2015-Q4", "2015", Some(true));
        check("2015", "2015-Q4", Some(false));
        check("2015", "2015-A1", Some(true));
        check("2020-W01", "2020", Some(false));
        check("2020-W53", "2020", Some(false));
        check("2015-06-30", "2015-S1", Some(true));
        check("2015-07-01", "2015-S1", Some(false));
        check("2015-01-01T00:00:00", "2015", Some(true));
        check("2016-01-01T00:00:00", "2015", Some(false));
        check("2016-01-01T00:00:00", "2016-01-01T00:00:00", Some(true));
        check("2021-W53", "2021", None);
    }
}
