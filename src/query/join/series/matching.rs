//! The rule that puts [`SeriesJoinExec`] where DataFusion would hash rows.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinSide, JoinType};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::HashJoinExec;

use crate::query::join::series::layout::Layout;
use crate::query::join::series::operator::{SeriesJoinExec, Sides};
use crate::query::join::series::partners::Matched;
use crate::query::join::series::side::{Side, with_columns};
use crate::query::scan::Content;

/// `plan` with joins by series where there are joins on dimensions and the period, on up to
/// `threads` threads each.
pub(in crate::query::join) fn by_series(
    plan: Arc<dyn ExecutionPlan>,
    threads: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        let joined = match node.downcast_ref::<HashJoinExec>() {
            Some(join) => joined(join, threads)?,
            None => None,
        };
        match joined {
            Some(join) => Ok(Transformed::yes(Arc::new(join) as Arc<dyn ExecutionPlan>)),
            None => Ok(Transformed::no(node)),
        }
    })
    .data()
}

/// The same join by series, if it is one that can be.
fn joined(join: &HashJoinExec, threads: usize) -> Result<Option<SeriesJoinExec>> {
    if *join.join_type() != JoinType::Inner || join.fetch().is_some() {
        return Ok(None);
    }
    let (Some(left), Some(right)) = (Side::of(join.left())?, Side::of(join.right())?) else {
        return Ok(None);
    };
    let Some(dimensions) = dimensions(join, &left, &right) else { return Ok(None) };
    let Some(matched) = Matched::new(&left.scan, &right.scan, &dimensions) else { return Ok(None) };
    let Some(filter) = condition(join, &left, &right)? else { return Ok(None) };
    let width = left.scan.spec().projection.len();
    let shown = left.columns.iter().copied().chain(right.columns.iter().map(|place| width + place));
    let shown: Vec<usize> = shown.collect();
    let shown = match &join.projection {
        Some(kept) => kept.iter().map(|place| shown[*place]).collect(),
        None => shown,
    };
    let layout = Layout::new(width, shown, filter)?;
    let sides = Sides { left: left.scan, right: right.scan, matched };
    Ok(Some(SeriesJoinExec::new(sides, layout, join.schema(), threads)))
}

/// The pairs of dimensions that are equal, where the periods are equal too, and nothing else need
/// be.
fn dimensions(join: &HashJoinExec, left: &Side, right: &Side) -> Option<Vec<(usize, usize)>> {
    let (mut pairs, mut has_period) = (Vec::new(), false);
    for (own, other) in join.on() {
        let column = |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref().map(Column::index);
        match (left.content(column(own)?)?, right.content(column(other)?)?) {
            (Content::Code(own), Content::Code(other)) => pairs.push((own, other)),
            (Content::PeriodText, Content::PeriodText) => has_period = true,
            _ => return None,
        }
    }
    (has_period && !pairs.is_empty()).then_some(pairs)
}

/// What pairs of rows must pass, over the columns of the left scan and then of the right one. Absent
/// if that cannot be said; the inner one is absent where they all pass.
#[expect(clippy::option_option, reason = "no condition is not the same as one that is not ours")]
fn condition(
    join: &HashJoinExec,
    left: &Side,
    right: &Side,
) -> Result<Option<Option<Arc<dyn PhysicalExpr>>>> {
    let width = left.scan.spec().projection.len();
    let mut all = left.predicates.clone();
    for predicate in &right.predicates {
        let Some(moved) = with_columns(predicate, &|column| Some(width + column))? else {
            return Ok(None);
        };
        all.push(moved);
    }
    if let Some(filter) = join.filter() {
        let columns = filter.column_indices();
        let number = |column: usize| {
            let column = columns.get(column)?;
            match column.side {
                JoinSide::Left => left.columns.get(column.index).copied(),
                JoinSide::Right => right.columns.get(column.index).map(|place| width + place),
                JoinSide::None => None,
            }
        };
        let Some(moved) = with_columns(filter.expression(), &number)? else { return Ok(None) };
        all.push(moved);
    }
    let both = |a: Arc<dyn PhysicalExpr>, b| -> Arc<dyn PhysicalExpr> {
        Arc::new(BinaryExpr::new(a, Operator::And, b))
    };
    Ok(Some(all.into_iter().reduce(both)))
}
