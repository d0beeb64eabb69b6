//! One side of a join: a scan, and what filters and projections make of it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::query::join::trace::trace;
use crate::query::scan::{Content, SeriesScanExec};
use crate::store::ScanOrder;

/// A scan below one side of a join.
pub(super) struct Side {
    pub(super) scan: SeriesScanExec,
    /// Of each column of the side, the column of the scan that it shows.
    pub(super) columns: Vec<usize>,
    /// What rows must pass, over the columns of the scan.
    pub(super) predicates: Vec<Arc<dyn PhysicalExpr>>,
}

impl Side {
    /// The side that `plan` is; absent if it is anything but a scan of regular periods with
    /// conditions, and columns left out.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        let Some(traced) = trace(plan) else { return Ok(None) };
        let columns = (0..plan.schema().fields().len()).map(|column| traced.column(column));
        let Some(columns) = columns.collect::<Option<Vec<_>>>() else { return Ok(None) };
        let spec = traced.scan.spec();
        let is_plain = spec.order == ScanOrder::Stored
            && spec.fetch.is_none()
            && spec.memberships.is_empty()
            && traced.scan.source().has_only_regular_periods();
        let mut predicates = Vec::new();
        if !is_plain || !gather(plan, &mut predicates)? {
            return Ok(None);
        }
        let scan = traced.scan.hinted(&predicates);
        Ok(Some(Self { scan, columns, predicates }))
    }

    /// What a column of the side shows.
    pub(super) fn content(&self, column: usize) -> Option<Content> {
        Some(self.scan.content(*self.columns.get(column)?))
    }
}

/// Adds the conditions of the filters in `plan`, over the columns of its scan; false if one of them
/// is about something else.
fn gather(
    plan: &Arc<dyn ExecutionPlan>,
    predicates: &mut Vec<Arc<dyn PhysicalExpr>>,
) -> Result<bool> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        return gather(projection.input(), predicates);
    }
    let Some(filter) = plan.downcast_ref::<FilterExec>() else { return Ok(true) };
    let Some(below) = trace(filter.input()) else { return Ok(false) };
    let column = |index: usize| below.column(index);
    match with_columns(filter.predicate(), &column)? {
        Some(predicate) => predicates.push(predicate),
        None => return Ok(false),
    }
    gather(filter.input(), predicates)
}

/// An expression with other numbers of columns; absent if one of its columns has none.
pub(super) fn with_columns(
    expr: &Arc<dyn PhysicalExpr>,
    number: &dyn Fn(usize) -> Option<usize>,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let mut is_known = true;
    let changed = Arc::clone(expr).transform_up(|node| {
        let Some(column) = node.downcast_ref::<Column>() else { return Ok(Transformed::no(node)) };
        let Some(index) = number(column.index()) else {
            is_known = false;
            return Ok(Transformed::no(node));
        };
        Ok(Transformed::yes(Arc::new(Column::new(column.name(), index)) as Arc<dyn PhysicalExpr>))
    });
    let changed = changed.data()?;
    Ok(is_known.then_some(changed))
}
