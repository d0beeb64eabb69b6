//! The rule that puts [`SeriesAggregateExec`] where DataFusion would aggregate rows.
//!
//! It looks for an aggregation above a scan, with nothing but projections and filters between. Each
//! group expression, and each part of a filter between AND, OR and NOT, follows from the series
//! alone, from the period alone, from attributes of the observation alone, or compares a value;
//! functions are those of [`Function`](crate::query::aggregate::Function), each with a FILTER or a
//! CASE of one branch. Anything else stays as it is.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::limits::GROUP_CELLS_MAX;
use crate::query::aggregate::calls::Calls;
use crate::query::aggregate::keys::Keys;
use crate::query::aggregate::{AggregateSpec, SeriesAggregateExec};
use crate::query::error::to_datafusion;
use crate::query::scan::SeriesScanExec;

type Expr = Arc<dyn PhysicalExpr>;

/// Cells that are used even if there are far fewer observations.
const SPARSE_CELLS_MIN: usize = 1 << 16;
/// Cells for each observation above which rows are aggregated instead.
const CELLS_PER_OBSERVATION_MAX: usize = 8;

/// Replaces aggregations of rows by aggregations of series. It has to run before aggregations are
/// distributed over partitions.
#[derive(Debug, Default)]
pub(crate) struct SeriesAggregation;

impl PhysicalOptimizerRule for SeriesAggregation {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let threads = config.execution.target_partitions;
        plan.transform_down(|node| {
            let replaced = match node.downcast_ref::<AggregateExec>() {
                Some(aggregate) => replacement(aggregate, threads)?,
                None => None,
            };
            Ok(replaced.map_or_else(|| Transformed::no(node), Transformed::yes))
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "series_aggregation"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The operator that gives the same answer as `aggregate`, if there is one.
fn replacement(
    aggregate: &AggregateExec,
    threads: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(first) = first_stage(aggregate) else { return Ok(None) };
    let is_plain = |stage: &AggregateExec| {
        let groups = stage.group_expr();
        groups.is_single() && !groups.has_grouping_set() && stage.limit_options().is_none()
    };
    if !is_plain(aggregate) || !is_plain(first) {
        return Ok(None);
    }
    let Some(below) = OverScan::of(first)? else { return Ok(None) };
    // What fails for a code or a period of the cube may not be among the rows.
    let Ok(Some(spec)) = specification(first, &below) else { return Ok(None) };
    let scan = below.scan;
    if !is_worth_it(scan, &spec.keys)? {
        return Ok(None);
    }
    let source = Arc::clone(scan.source());
    let scan = scan.spec().clone();
    let operator = SeriesAggregateExec::new(source, scan, spec, aggregate.schema(), threads);
    Ok(Some(Arc::new(operator)))
}

/// What an aggregation computes, if it is one of ours.
fn specification(first: &AggregateExec, below: &OverScan<'_>) -> Result<Option<AggregateSpec>> {
    let mut calls = Calls::new(below.scan);
    let filter = match &below.predicate {
        None => None,
        Some(predicate) => match calls.condition(predicate)? {
            None => return Ok(None),
            Some(filter) => filter,
        },
    };
    let mut functions = Vec::with_capacity(first.aggr_expr().len());
    for (call, argument) in first.aggr_expr().iter().zip(&below.arguments) {
        match calls.function(call, &argument.0, argument.1.as_ref())? {
            Some(function) => functions.push(function),
            None => return Ok(None),
        }
    }
    let Some(keys) = Keys::build(below.scan, &below.groups)? else { return Ok(None) };
    let (conditions, inputs) = calls.finish();
    Ok(Some(AggregateSpec { keys, filter, conditions, inputs, functions }))
}

/// The stage that sees the rows, if the two stages of `aggregate` are one above the other.
fn first_stage(aggregate: &AggregateExec) -> Option<&AggregateExec> {
    match aggregate.mode() {
        AggregateMode::Single | AggregateMode::SinglePartitioned => Some(aggregate),
        AggregateMode::Final | AggregateMode::FinalPartitioned => {
            let first = aggregate.input().downcast_ref::<AggregateExec>()?;
            (*first.mode() == AggregateMode::Partial).then_some(first)
        }
        _ => None,
    }
}

/// The one argument of a function that looks at each row once, in any order.
fn argument(function: &AggregateFunctionExpr) -> Option<Expr> {
    let is_plain = !function.is_distinct() && function.order_bys().is_empty();
    match function.expressions().as_slice() {
        [argument] if is_plain => Some(Arc::clone(argument)),
        _ => None,
    }
}

/// A scan, and what is aggregated of it as expressions over its output.
struct OverScan<'a> {
    scan: &'a SeriesScanExec,
    groups: Vec<Expr>,
    /// For each call its argument and its filter.
    arguments: Vec<(Expr, Option<Expr>)>,
    /// What must hold for a row.
    predicate: Option<Expr>,
}

impl<'a> OverScan<'a> {
    /// What is below an aggregation that sees the rows. Absent if there is more between it and the
    /// scan than projections and filters, or if a call is not of one argument, in any order.
    fn of(first: &'a AggregateExec) -> Result<Option<Self>> {
        let mut exprs = first.group_expr().input_exprs();
        let groups = exprs.len();
        for (call, filter) in first.aggr_expr().iter().zip(first.filter_expr()) {
            let Some(argument) = argument(call) else { return Ok(None) };
            exprs.push(argument);
            exprs.extend(filter.as_ref().map(Arc::clone));
        }
        let count = exprs.len();
        let Some((scan, exprs)) = below(first.input(), exprs)? else { return Ok(None) };
        if scan.spec().fetch.is_some() {
            return Ok(None);
        }
        let mut exprs = exprs.into_iter();
        let groups = exprs.by_ref().take(groups).collect();
        let mut arguments = Vec::with_capacity(first.aggr_expr().len());
        let mut own = exprs.by_ref().take(count - Vec::len(&groups));
        for filter in first.filter_expr() {
            let Some(argument) = own.next() else { return Ok(None) };
            arguments.push((argument, filter.as_ref().and_then(|_| own.next())));
        }
        drop(own);
        let predicate = exprs.reduce(|left, right| -> Expr {
            Arc::new(BinaryExpr::new(left, Operator::And, right))
        });
        Ok(Some(Self { scan, groups, arguments, predicate }))
    }
}

/// The scan below `plan`; `exprs` over its output instead of that of `plan`; and after them the
/// predicates of all filters between.
fn below(
    plan: &Arc<dyn ExecutionPlan>,
    mut exprs: Vec<Expr>,
) -> Result<Option<(&SeriesScanExec, Vec<Expr>)>> {
    let mut plan = plan;
    loop {
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            exprs = over_input(exprs, |column| Arc::clone(&projection.expr()[column].expr))?;
            plan = projection.input();
        } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            if filter.fetch().is_some() {
                return Ok(None);
            }
            if let Some(projection) = filter.projection() {
                let schema = filter.input().schema();
                exprs = over_input(exprs, |column| {
                    let column = projection[column];
                    Arc::new(Column::new(schema.field(column).name(), column))
                })?;
            }
            exprs.push(Arc::clone(filter.predicate()));
            plan = filter.input();
        } else {
            return Ok(plan.downcast_ref::<SeriesScanExec>().map(|scan| (scan, exprs)));
        }
    }
}

/// Expressions with each column replaced.
fn over_input(exprs: Vec<Expr>, of_column: impl Fn(usize) -> Expr) -> Result<Vec<Expr>> {
    let replaced = exprs.into_iter().map(|expr| {
        let below = expr.transform_down(|node| {
            Ok(match node.downcast_ref::<Column>() {
                Some(column) => {
                    let replaced = of_column(column.index());
                    Transformed::new(replaced, true, TreeNodeRecursion::Jump)
                }
                None => Transformed::no(node),
            })
        });
        below.data()
    });
    replaced.collect()
}

/// Whether there are few enough cells to hold, and not far more than observations.
fn is_worth_it(scan: &SeriesScanExec, keys: &Keys) -> Result<bool> {
    let series = &scan.spec().series;
    let most = series.len().saturating_mul(keys.groups_per_series() as u64);
    let groups = usize::try_from(keys.key_count.min(most)).unwrap_or(usize::MAX);
    let cells = groups.saturating_mul(keys.width());
    if keys.periods.is_none() || cells <= SPARSE_CELLS_MIN {
        return Ok(true);
    }
    let observations = scan.source().cube().observation_count(series).map_err(to_datafusion)?;
    let observations = usize::try_from(observations).unwrap_or(usize::MAX);
    let most = observations.saturating_mul(CELLS_PER_OBSERVATION_MAX).min(GROUP_CELLS_MAX);
    Ok(cells <= most)
}
