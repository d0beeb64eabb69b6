//! From calls of aggregate functions to functions with a state of their own.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};

use crate::limits::QUANTILE_NUMBERS_MAX;
use crate::query::aggregate::keys::ranked::{Order, Ranked};
use crate::query::aggregate::plans::wanted::Call;
use crate::query::aggregate::state::quantile::Quantile;
use crate::query::aggregate::state::special::{Nulls, Special};
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, SeriesScanExec};

/// The function of a call over the output of a scan, and the measure that it reads; absent if it
/// is none of ours.
///
/// # Errors
///
/// If an expression fails for a code or a period of the cube.
pub(crate) fn special(
    scan: &SeriesScanExec,
    call: &Call,
) -> Result<Option<(Option<usize>, Special)>> {
    let Some((first, rest)) = call.arguments.split_first() else { return Ok(None) };
    let measure = first.downcast_ref::<Column>().map(|column| scan.content(column.index()));
    let measure = match measure {
        Some(Content::Number(measure)) => Some(measure),
        _ => None,
    };
    let is_alone = rest.is_empty();
    Ok(match (call.name.as_str(), measure) {
        ("count", None) if call.is_distinct && is_alone => {
            let ranked = Ranked::build(scan, first, Order::Any)?;
            let ranked = ranked.filter(|ranked| is_discrete(ranked.values.data_type()));
            ranked.map(|ranked| (None, Special::Distinct(ranked)))
        }
        (name @ ("min" | "max"), None) if is_alone && is_discrete(&call.data_type) => {
            let order = if name == "min" { Order::Ascending } else { Order::Descending };
            let ranked = Ranked::build(scan, first, order)?;
            let ranked = ranked.filter(|ranked| *ranked.values.data_type() == call.data_type);
            ranked.map(|ranked| (None, Special::Foremost(ranked)))
        }
        ("median", Some(_)) if !call.is_distinct && is_alone && has_room(scan)? => {
            Some((measure, Special::Quantile(Quantile::Median)))
        }
        ("percentile_cont", Some(_)) if !call.is_distinct && has_room(scan)? => {
            let quantile = fraction(rest, &call.order).map(Quantile::Fraction);
            quantile.map(|quantile| (measure, Special::Quantile(quantile)))
        }
        (name @ ("first_value" | "last_value"), Some(_)) if !call.is_distinct && is_alone => {
            let is_last = name == "last_value";
            let towards = |options: &SortOptions| SortOptions {
                descending: options.descending != is_last,
                nulls_first: options.nulls_first != is_last,
            };
            let exprs: Vec<&Arc<dyn PhysicalExpr>> =
                call.order.iter().map(|(expr, _)| expr).collect();
            let options: Vec<SortOptions> =
                call.order.iter().map(|(_, options)| towards(options)).collect();
            let nulls = if call.ignores_nulls { Nulls::Ignore } else { Nulls::Respect };
            let order = Ranked::order(scan, &exprs, &options)?;
            order.map(|order| (measure, Special::End(order, nulls)))
        }
        _ => None,
    })
}

/// Whether values of a type are equal where they look equal, and ordered as their bytes are.
fn is_discrete(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(
            data_type,
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Date32
                | DataType::Date64
                | DataType::Timestamp(_, _)
        )
}

/// The fraction of a quantile, counted from the least number.
fn fraction(
    arguments: &[Arc<dyn PhysicalExpr>],
    order: &[(Arc<dyn PhysicalExpr>, SortOptions)],
) -> Option<f64> {
    let [fraction] = arguments else { return None };
    let ScalarValue::Float64(Some(fraction)) = fraction.downcast_ref::<Literal>()?.value() else {
        return None;
    };
    let is_descending = order.first().is_some_and(|(_, options)| options.descending);
    let fraction = if is_descending { 1.0 - fraction } else { *fraction };
    (0.0..=1.0).contains(&fraction).then_some(fraction)
}

/// Whether all numbers that may be read can be held at once.
fn has_room(scan: &SeriesScanExec) -> Result<bool> {
    let count = scan.source().cube().observation_count(&scan.spec().series);
    Ok(count.map_err(to_datafusion)? <= QUANTILE_NUMBERS_MAX)
}
