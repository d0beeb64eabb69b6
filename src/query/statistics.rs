//! What a scan knows about its answer before it reads an observation.

use std::ops::Range;

use arrow::array::Array;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Constraint, Constraints, ScalarValue, Statistics};

use crate::error::Result;
use crate::query::scan::{Content, ScanSpec, Source};
use crate::store::{PeriodFilter, Selections};

/// The primary key of a cube's table: its dimensions and the period.
pub(crate) fn primary_key(source: &Source) -> Constraints {
    Constraints::new_unverified(vec![Constraint::PrimaryKey(source.key_columns())])
}

/// The statistics of what `spec` scans of `series`. The number of rows is exact unless periods are
/// filtered, so that `COUNT(*)` is answered from here.
///
/// # Errors
///
/// As of reading the footers of the cube's segments.
pub(crate) fn of_scan(source: &Source, spec: &ScanSpec, series: &Selections) -> Result<Statistics> {
    let rows = source.cube().observation_count(series)?;
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let is_decided = spec.memberships.is_empty();
    let rows = match (&spec.periods, spec.fetch) {
        (PeriodFilter::All, fetch) if !is_decided => {
            Precision::Inexact(rows.min(fetch.unwrap_or(usize::MAX)))
        }
        (PeriodFilter::All, None) => Precision::Exact(rows),
        (PeriodFilter::All, Some(fetch)) => Precision::Exact(rows.min(fetch)),
        (PeriodFilter::Slots(_), fetch) => {
            Precision::Inexact(filtered(source, spec, rows).min(fetch.unwrap_or(usize::MAX)))
        }
    };
    let is_whole = matches!(spec.periods, PeriodFilter::All)
        && spec.fetch.is_none()
        && is_decided
        && series.len() == source.live_series()?;
    let mut statistics = Statistics::default().with_num_rows(rows);
    for column in &spec.projection {
        let content = source.contents()[*column];
        statistics = statistics.add_column_statistics(of_column(source, content, is_whole));
    }
    Ok(statistics)
}

/// An estimate: as many rows of the periods asked for as of all periods between first and last.
fn filtered(source: &Source, spec: &ScanSpec, rows: usize) -> usize {
    let PeriodFilter::Slots(forms) = &spec.periods else { return rows };
    let slots = |ranges: &[Range<i32>]| ranges.iter().map(ExactSizeIterator::len).sum();
    let wanted: usize = forms.iter().map(|(_, ranges)| -> usize { slots(ranges) }).sum();
    let share = rows.saturating_mul(wanted) / source.slot_count().max(1);
    share.clamp(usize::from(rows > 0), rows.max(1))
}

/// Dimensions and periods are never NULL, and all codes of a cube occur.
fn of_column(source: &Source, content: Content, is_whole: bool) -> ColumnStatistics {
    let unknown = ColumnStatistics::new_unknown();
    match content {
        Content::Code(dimension) => {
            let codes = source.codes(dimension);
            let count = codes.len();
            let code = |index: usize| {
                let code = ScalarValue::Utf8View(Some(codes.value(index).to_owned()));
                if is_whole { Precision::Exact(code) } else { Precision::Inexact(code) }
            };
            if count == 0 {
                return ColumnStatistics { null_count: Precision::Exact(0), ..unknown };
            }
            ColumnStatistics {
                null_count: Precision::Exact(0),
                // Exact, it would stay so above a filter on values, which may leave no row at all.
                distinct_count: Precision::Inexact(count),
                min_value: code(0),
                max_value: code(count - 1),
                ..unknown
            }
        }
        Content::PeriodText => ColumnStatistics {
            null_count: Precision::Exact(0),
            distinct_count: match source.periods() {
                Some(periods) => Precision::Inexact(periods.len()),
                None => Precision::Absent,
            },
            ..unknown
        },
        _ => unknown,
    }
}
