//! `ORDER BY` dimensions, then the period, by sorting series instead of rows.
//!
//! The rule looks for a sort right above a scan or windows over series, or above projections that
//! only rename and drop columns, and replaces it by the same in that order, with the `LIMIT` of the
//! sort if it has one. The texts of codes and periods are compared bytewise by both, and are never
//! NULL. A sort that has a `LIMIT` and begins with a value is left in its place, over the series
//! that may have a part in it (`top`).

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ReplaceChildrenOptions};

use crate::query::scan::{Content, ScanSpec, SeriesScanExec, Source};
use crate::query::top;
use crate::query::window::SeriesWindowExec;
use crate::store::{Direction, KeyPart, ScanOrder, Selections};

/// Replaces sorts of rows by sorts of series. It has to run before sorts are distributed over
/// partitions.
#[derive(Debug, Default)]
pub(crate) struct SeriesOrder;

impl PhysicalOptimizerRule for SeriesOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|node| match node.downcast_ref::<SortExec>() {
            Some(sort) if !sort.preserve_partitioning() => {
                let sorted = sorted(sort.input(), &columns(sort.expr()), sort.fetch())?;
                let replaced = match sorted {
                    None => top::over_promising(sort, config.execution.target_partitions)?,
                    sorted => sorted,
                };
                Ok(replaced.map_or_else(|| Transformed::no(node), Transformed::yes))
            }
            _ => Ok(Transformed::no(node)),
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "series_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A column to sort by, and which way.
type SortedColumn = (usize, Direction);

/// The columns sorted by, where all are columns; else `None` at those that are not, which no scan
/// satisfies.
fn columns<'a>(order: impl IntoIterator<Item = &'a PhysicalSortExpr>) -> Vec<Option<SortedColumn>> {
    let column = |sort: &PhysicalSortExpr| {
        let column = sort.expr.downcast_ref::<Column>().map(Column::index);
        let is_descending = sort.options.descending;
        let direction = if is_descending { Direction::Descending } else { Direction::Ascending };
        column.map(|column| (column, direction))
    };
    order.into_iter().map(column).collect()
}

/// `plan` sorted by these columns of its output, if its scan can do that.
fn sorted(
    plan: &Arc<dyn ExecutionPlan>,
    order: &[Option<SortedColumn>],
    fetch: Option<usize>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let below = |column: &Option<SortedColumn>| {
            let (column, direction) = (*column)?;
            let expr = &projection.expr().get(column)?.expr;
            expr.downcast_ref::<Column>().map(|column| (column.index(), direction))
        };
        let order: Vec<Option<SortedColumn>> = order.iter().map(below).collect();
        let Some(input) = sorted(projection.input(), &order, fetch)? else { return Ok(None) };
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        return Arc::clone(plan).replace_children(vec![input], options).map(Some);
    }
    if let Some(windows) = plan.downcast_ref::<SeriesWindowExec>() {
        let content = |column| windows.content(column);
        return Ok(match key(windows.source(), windows.scan(), content, order) {
            Some(key) => Some(Arc::new(windows.sorted(key, fetch)?)),
            None => None,
        });
    }
    let Some(scan) = plan.downcast_ref::<SeriesScanExec>() else { return Ok(None) };
    match key(scan.source(), scan.spec(), |column| Some(scan.content(column)), order) {
        Some(key) => Ok(Some(Arc::new(scan.sorted(key, fetch)?))),
        None => Ok(None),
    }
}

/// The permutation of all dimensions that gives this order; absent if none does.
fn key(
    source: &Source,
    scan: &ScanSpec,
    content: impl Fn(usize) -> Option<Content>,
    order: &[Option<SortedColumn>],
) -> Option<Vec<KeyPart>> {
    // A scan that stops early keeps other rows in another order.
    if scan.order != ScanOrder::Stored || scan.fetch.is_some() {
        return None;
    }
    let dimensions = source.cube().flow().dimensions().len();
    let is_fixed = fixed(source, &scan.series);
    let mut key: Vec<KeyPart> = Vec::with_capacity(dimensions);
    let is_known =
        |key: &[KeyPart], dimension: usize| key.iter().any(|part| part.dimension == dimension);
    for column in order {
        let (column, direction) = (*column)?;
        match (content(column)?, direction) {
            (Content::Code(dimension), _) if is_known(&key, dimension) => {}
            (Content::Code(dimension), direction) => key.push(KeyPart { dimension, direction }),
            (Content::PeriodText, Direction::Ascending) => {
                // Time comes after the whole key, and rows are unique from there on.
                let mut rest = (0..dimensions).filter(|dimension| !is_known(&key, *dimension));
                if rest.any(|dimension| !is_fixed(dimension)) {
                    return None;
                }
                break;
            }
            _ => return None,
        }
    }
    let rest = (0..dimensions).filter(|dimension| !is_known(&key, *dimension));
    let rest: Vec<KeyPart> = rest.map(KeyPart::from).collect();
    key.extend(rest);
    Some(key)
}

/// Says whether a dimension has one code in all selected series.
pub(super) fn fixed(source: &Source, series: &Selections) -> impl Fn(usize) -> bool {
    let cube = source.cube();
    move |dimension| {
        if cube.codes(dimension).len() <= 1 {
            return true;
        }
        let mut first = None;
        for (selection, part) in series.0.iter().zip(cube.parts()) {
            for series in selection.iter() {
                match (first, part.code(dimension, series)) {
                    (None, Ok(code)) => first = Some(code),
                    (Some(known), Ok(code)) if known == code => {}
                    _ => return false,
                }
            }
        }
        true
    }
}
