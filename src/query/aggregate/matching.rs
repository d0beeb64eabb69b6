//! The rule that puts [`SeriesAggregateExec`] where DataFusion would aggregate rows.
//!
//! It looks for an aggregation right above a scan, or above projections, with no filter between:
//! then the scan's series and periods are exactly the rows that are aggregated. Group expressions
//! follow from one dimension or from the period; functions are `count`, `sum`, `avg`, `min` and
//! `max` of a measure. Anything else stays as it is.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::projection::ProjectionExec;

use crate::limits::GROUP_CELLS_MAX;
use crate::query::aggregate::keys::Keys;
use crate::query::aggregate::{AggregateSpec, Function, SeriesAggregateExec};
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, SeriesScanExec};

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
        groups.is_single()
            && !groups.has_grouping_set()
            && stage.limit_options().is_none()
            && stage.filter_expr().iter().all(Option::is_none)
    };
    if !is_plain(aggregate) || !is_plain(first) {
        return Ok(None);
    }
    let mut exprs = first.group_expr().input_exprs();
    let group_count = exprs.len();
    for function in first.aggr_expr() {
        let Some(argument) = argument(function) else { return Ok(None) };
        exprs.push(argument);
    }
    let Some((scan, exprs)) = through_projections(first.input(), exprs)? else { return Ok(None) };
    if scan.spec().fetch.is_some() {
        return Ok(None);
    }
    let (groups, arguments) = exprs.split_at(group_count);
    let functions = first.aggr_expr().iter().zip(arguments);
    let functions = functions.map(|(function, argument)| {
        translate(scan, function.fun().name(), argument)
            .filter(|translated| *function.field().data_type() == data_type(*translated))
    });
    let Some(functions) = functions.collect::<Option<Vec<Function>>>() else { return Ok(None) };
    let Some(keys) = Keys::build(scan, groups)? else { return Ok(None) };
    if !is_worth_it(scan, &keys)? {
        return Ok(None);
    }
    let spec = AggregateSpec { keys, functions };
    let source = Arc::clone(scan.source());
    let scan = scan.spec().clone();
    let operator = SeriesAggregateExec::new(source, scan, spec, aggregate.schema(), threads);
    Ok(Some(Arc::new(operator)))
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
fn argument(function: &AggregateFunctionExpr) -> Option<Arc<dyn PhysicalExpr>> {
    let is_plain = !function.is_distinct() && function.order_bys().is_empty();
    match function.expressions().as_slice() {
        [argument] if is_plain => Some(Arc::clone(argument)),
        _ => None,
    }
}

/// A scan, and expressions over its output.
type OverScan<'a> = (&'a SeriesScanExec, Vec<Arc<dyn PhysicalExpr>>);

/// The scan below `plan`, and `exprs` over its output instead of that of `plan`.
fn through_projections(
    plan: &Arc<dyn ExecutionPlan>,
    mut exprs: Vec<Arc<dyn PhysicalExpr>>,
) -> Result<Option<OverScan<'_>>> {
    let mut plan = plan;
    while let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        for expr in &mut exprs {
            let below = Arc::clone(expr).transform_down(|node| {
                Ok(match node.downcast_ref::<Column>() {
                    Some(column) => {
                        let projected = Arc::clone(&projection.expr()[column.index()].expr);
                        Transformed::new(projected, true, TreeNodeRecursion::Jump)
                    }
                    None => Transformed::no(node),
                })
            });
            *expr = below.data()?;
        }
        plan = projection.input();
    }
    Ok(plan.downcast_ref::<SeriesScanExec>().map(|scan| (scan, exprs)))
}

/// Our function for a call; absent where there is none.
fn translate(
    scan: &SeriesScanExec,
    name: &str,
    argument: &Arc<dyn PhysicalExpr>,
) -> Option<Function> {
    let content = argument.downcast_ref::<Column>().map(|column| scan.content(column.index()));
    let is_value = argument.downcast_ref::<Literal>().is_some_and(|l| !l.value().is_null());
    match (name, content) {
        ("count", Some(Content::Code(_) | Content::PeriodText)) => Some(Function::CountRows),
        ("count", None) if is_value => Some(Function::CountRows),
        ("count", Some(Content::Number(measure))) => Some(Function::CountNumbers(measure)),
        ("sum", Some(Content::Number(measure))) => Some(Function::Sum(measure)),
        ("avg", Some(Content::Number(measure))) => Some(Function::Avg(measure)),
        ("min", Some(Content::Number(measure))) => Some(Function::Min(measure)),
        ("max", Some(Content::Number(measure))) => Some(Function::Max(measure)),
        _ => None,
    }
}

/// The type of the column that a function gives.
fn data_type(function: Function) -> DataType {
    match function {
        Function::CountRows | Function::CountNumbers(_) => DataType::Int64,
        Function::Sum(_) | Function::Avg(_) | Function::Min(_) | Function::Max(_) => {
            DataType::Float64
        }
    }
}

/// Whether there are few enough cells to hold, and not far more than observations.
fn is_worth_it(scan: &SeriesScanExec, keys: &Keys) -> Result<bool> {
    let series = &scan.spec().series;
    let groups = usize::try_from(keys.key_count.min(series.len())).unwrap_or(usize::MAX);
    let cells = groups.saturating_mul(keys.width());
    if keys.periods.is_none() || cells <= SPARSE_CELLS_MIN {
        return Ok(true);
    }
    let observations = scan.source().cube().observation_count(series).map_err(to_datafusion)?;
    let observations = usize::try_from(observations).unwrap_or(usize::MAX);
    let most = observations.saturating_mul(CELLS_PER_OBSERVATION_MAX).min(GROUP_CELLS_MAX);
    Ok(cells <= most)
}
