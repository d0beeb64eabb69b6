//! The rule that puts [`SeriesWindowExec`] where DataFusion would sort rows for windows.
//!
//! It looks for windows right above a scan, or above conditions and projections on one, whose
//! partitions are series and whose order is that of time. Then it drops the columns that the
//! projection above does not use, and the rows that a condition on a row number throws away.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column as PhysicalColumn, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec, WindowExpr};
use datafusion::physical_plan::{ExecutionPlan, ReplaceChildrenOptions};

use crate::query::window::SeriesWindowExec;
use crate::query::window::inputs::Below;
use crate::query::window::spec::{Column, Ends};
use crate::query::window::translate::{Seen, translate};

/// Replaces windows over sorted rows by windows over series. It has to run before sorts are
/// distributed over partitions.
#[derive(Debug, Default)]
pub(crate) struct SeriesWindows;

impl PhysicalOptimizerRule for SeriesWindows {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let threads = config.execution.target_partitions;
        plan.transform_up(|node| {
            let replaced = if let Some((windows, input)) = windows(&node) {
                over_series(&node, windows, input, threads)?
            } else if let Some(projection) = node.downcast_ref::<ProjectionExec>() {
                projected(projection)?
            } else if let Some(filter) = node.downcast_ref::<FilterExec>() {
                cut(&node, filter)?
            } else {
                None
            };
            Ok(replaced.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "series_windows"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The functions of a window operator, and its input.
type Windows<'a> = (&'a [Arc<dyn WindowExpr>], &'a Arc<dyn ExecutionPlan>);

/// Those of an operator, if it is one.
fn windows(node: &Arc<dyn ExecutionPlan>) -> Option<Windows<'_>> {
    if let Some(windows) = node.downcast_ref::<WindowAggExec>() {
        return Some((windows.window_expr(), windows.input()));
    }
    let windows = node.downcast_ref::<BoundedWindowAggExec>()?;
    Some((windows.window_expr(), windows.input()))
}

/// The operator that gives the same rows as `node`, in whatever order, if there is one.
fn over_series(
    node: &Arc<dyn ExecutionPlan>,
    windows: &[Arc<dyn WindowExpr>],
    input: &Arc<dyn ExecutionPlan>,
    threads: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(mut below) = Below::of(input)? else { return Ok(None) };
    // Its input has lost rows that these windows would count.
    if below.spec.ends.is_some() {
        return Ok(None);
    }
    let seen = below.spec.outputs.clone();
    for window in windows {
        if !below.is_series(window.partition_by()) {
            return Ok(None);
        }
        let Some(time) = below.time(window.order_by())? else { return Ok(None) };
        let schema = input.schema();
        let window = translate(window, &Seen { columns: &seen, schema: &schema, time })?;
        below.spec.outputs.push(Column::Window(below.spec.windows.len()));
        below.spec.windows.push(window);
    }
    let operator = SeriesWindowExec::try_new(below, node.schema(), threads)?;
    Ok(Some(Arc::new(operator)))
}

/// The projection, over no columns but those that it uses; none at all where it only picks columns.
fn projected(projection: &ProjectionExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(windows) = projection.input().downcast_ref::<SeriesWindowExec>() else {
        return Ok(None);
    };
    let exprs = projection.expr();
    let column = |expr: &ProjectionExpr| {
        expr.expr.downcast_ref::<PhysicalColumn>().map(PhysicalColumn::index)
    };
    if let Some(columns) = exprs.iter().map(column).collect::<Option<Vec<usize>>>() {
        let picked = windows.picking(&columns, projection.schema())?;
        return Ok(Some(Arc::new(picked)));
    }
    let used = exprs.iter().flat_map(|projected| collect_columns(&projected.expr));
    let mut used: Vec<usize> = used.map(|column| column.index()).collect();
    used.sort_unstable();
    used.dedup();
    if used.len() == windows.schema().fields().len() {
        return Ok(None);
    }
    let schema = Arc::new(windows.schema().project(&used)?);
    let picked = Arc::new(windows.picking(&used, schema)?);
    let moved = |expr: &Arc<dyn PhysicalExpr>| {
        let moved = Arc::clone(expr).transform_down(|node| {
            let Some(column) = node.downcast_ref::<PhysicalColumn>() else {
                return Ok(Transformed::no(node));
            };
            let place = used.binary_search(&column.index()).unwrap_or(column.index());
            Ok(Transformed::yes(Arc::new(PhysicalColumn::new(column.name(), place)) as _))
        });
        moved.data()
    };
    let mut moved_exprs = Vec::with_capacity(exprs.len());
    for projected in exprs {
        moved_exprs.push((moved(&projected.expr)?, projected.alias.clone()));
    }
    Ok(Some(Arc::new(ProjectionExec::try_new(moved_exprs, picked)?)))
}

/// The filter, over series without the rows that a condition on a row number throws away.
fn cut(
    node: &Arc<dyn ExecutionPlan>,
    filter: &FilterExec,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(windows) = filter.input().downcast_ref::<SeriesWindowExec>() else {
        return Ok(None);
    };
    let conditions = split_conjunction(filter.predicate());
    let ends = conditions.into_iter().find_map(|condition| {
        let (column, rows) = at_most(condition)?;
        Some(Ends { rows, direction: windows.row_number(column)? })
    });
    let Some(cut) = ends.and_then(|ends| windows.cut(ends)) else { return Ok(None) };
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(node).replace_children(vec![Arc::new(cut)], options).map(Some)
}

/// The column that a condition bounds, and the largest whole number that it may be.
fn at_most(condition: &Arc<dyn PhysicalExpr>) -> Option<(usize, u64)> {
    let comparison = condition.downcast_ref::<BinaryExpr>()?;
    let column = comparison.left().downcast_ref::<PhysicalColumn>()?;
    let bound = comparison.right().downcast_ref::<Literal>()?;
    let ScalarValue::UInt64(Some(bound)) = *bound.value() else { return None };
    match comparison.op() {
        Operator::Eq | Operator::LtEq => Some((column.index(), bound)),
        Operator::Lt => Some((column.index(), bound.saturating_sub(1))),
        _ => None,
    }
}
