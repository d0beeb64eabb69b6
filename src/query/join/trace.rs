//! The scan below one side of a join.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, ReplaceChildrenOptions};

use crate::error::Error;
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, SeriesScanExec};

/// A scan below operators that only drop rows and columns.
pub(super) struct Traced<'a> {
    pub(super) scan: &'a SeriesScanExec,
    /// Of each column above, the column of the scan that it shows.
    columns: Vec<Option<usize>>,
}

impl Traced<'_> {
    /// The dimension that a column above shows.
    pub(super) fn dimension(&self, column: usize) -> Option<usize> {
        match self.scan.content(self.column(column)?) {
            Content::Code(dimension) => Some(dimension),
            _ => None,
        }
    }

    /// The column of the scan that a column above shows.
    pub(super) fn column(&self, column: usize) -> Option<usize> {
        *self.columns.get(column)?
    }
}

/// The scan below `plan`. Absent if there is none, or if it matters how many rows it gives.
pub(super) fn trace(plan: &Arc<dyn ExecutionPlan>) -> Option<Traced<'_>> {
    if plan.fetch().is_some() {
        return None;
    }
    if let Some(scan) = plan.downcast_ref::<SeriesScanExec>() {
        let columns = (0..scan.spec().projection.len()).map(Some).collect();
        return Some(Traced { scan, columns });
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let below = trace(projection.input())?;
        let column = |index: usize| below.columns.get(index).copied().flatten();
        let columns = projection.expr().iter().map(|projected| {
            projected.expr.downcast_ref::<Column>().and_then(|shown| column(shown.index()))
        });
        return Some(Traced { columns: columns.collect(), scan: below.scan });
    }
    let filter = plan.downcast_ref::<FilterExec>()?;
    let below = trace(filter.input())?;
    let Some(projection) = filter.projection() else { return Some(below) };
    let columns = projection.iter().map(|index| below.columns.get(*index).copied().flatten());
    Some(Traced { columns: columns.collect(), scan: below.scan })
}

/// `plan`, in which [`trace`] finds a scan, with another scan in its place.
pub(super) fn with_scan(
    plan: &Arc<dyn ExecutionPlan>,
    scan: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    if plan.is::<SeriesScanExec>() {
        return Ok(scan);
    }
    let children = plan.children();
    let [child] = children.as_slice() else {
        let what = format!("{} above a scan", plan.name());
        return Err(to_datafusion(Error::bug(what)));
    };
    let child = with_scan(child, scan)?;
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(plan).replace_children(vec![child], options)
}
