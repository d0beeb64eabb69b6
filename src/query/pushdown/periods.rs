//! From filters on the period to ranges of slots.

use arrow::array::{Array, BooleanArray};
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;

use crate::query::pushdown::evaluate::evaluate;
use crate::query::scan::Source;
use crate::store::PeriodFilter;

/// The periods for which all of `filters` are true.
pub(super) fn filter(
    source: &Source,
    filters: &[&Expr],
    session: &dyn Session,
) -> Result<PeriodFilter> {
    let Some(table) = source.periods().filter(|_| !filters.is_empty()) else {
        return Ok(PeriodFilter::All);
    };
    let mut columns = Vec::with_capacity(3);
    for (content, field) in source.contents().iter().zip(source.schema().fields()) {
        if let Some(array) = table.array(*content) {
            columns.push((field.as_ref().clone(), array));
        }
    }
    let mut answers: Vec<BooleanArray> = Vec::with_capacity(filters.len());
    for filter in filters {
        answers.push(evaluate(filter, columns.clone(), table.len(), session)?);
    }
    let holds = |place: usize| answers.iter().all(|a| a.is_valid(place) && a.value(place));
    Ok(table.filter(holds))
}
