//! The rule that puts [`SeriesAggregateExec`] where DataFusion would aggregate rows.
//!
//! It looks for an aggregation above a scan, with nothing but projections and filters between. Each
//! group expression, and each part of a filter between AND, OR and NOT, follows from the series
//! alone, from the period alone, from attributes of the observation alone, or compares a value;
//! functions are those of [`Function`](crate::query::aggregate::Function), each with a FILTER or a
//! CASE of one branch, or of several with whole numbers. Anything else stays as it is.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

use crate::limits::{GROUP_CELLS_SHARE, SPECIAL_BYTES_MAX};
use crate::query::aggregate::keys::grouping::Keys;
use crate::query::aggregate::keys::sets::GroupingSet;
use crate::query::aggregate::plans::calls::Calls;
use crate::query::aggregate::plans::wanted::Wanted;
use crate::query::aggregate::state::cells::Cells;
use crate::query::aggregate::state::layout::{LINE_CELLS, Line};
use crate::query::aggregate::{AggregateSpec, SeriesAggregateExec};
use crate::query::error::to_datafusion;
use crate::query::scan::SeriesScanExec;

/// Cells that are used even if there are far fewer observations.
const SPARSE_CELLS_MIN: u64 = 1 << 16;
/// Cells for each observation above which rows are aggregated instead.
const CELLS_PER_OBSERVATION_MAX: u64 = 8;

/// Replaces aggregations of rows by aggregations of series. It has to run before aggregations are
/// distributed over partitions.
#[derive(Debug)]
pub(crate) struct SeriesAggregation {
    /// Bytes of memory of all queries.
    memory: u64,
}

impl SeriesAggregation {
    /// For an engine whose queries have so many bytes of memory in all.
    pub(crate) fn new(memory: u64) -> Self {
        Self { memory }
    }
}

impl PhysicalOptimizerRule for SeriesAggregation {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let threads = config.execution.target_partitions;
        plan.transform_down(|node| {
            let replaced = match node.downcast_ref::<AggregateExec>() {
                Some(aggregate) => replacement(aggregate, (threads, self.memory))?,
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
    (threads, memory): (usize, u64),
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(wanted) = Wanted::of(aggregate)? else { return Ok(None) };
    let Some((scan, wanted)) = wanted.over_scan()? else { return Ok(None) };
    // What fails for a code or a period of the cube may not be among the rows.
    let Ok(Some(spec)) = specification(scan, &wanted) else { return Ok(None) };
    if !is_worth_it(scan, &spec, (threads, memory))? {
        return Ok(None);
    }
    let source = Arc::clone(scan.source());
    let scan = scan.spec().clone();
    let operator = SeriesAggregateExec::new(source, scan, spec, aggregate.schema(), threads);
    Ok(Some(Arc::new(operator)))
}

/// What an aggregation computes, if it is one of ours.
fn specification(scan: &SeriesScanExec, wanted: &Wanted<'_>) -> Result<Option<AggregateSpec>> {
    let mut calls = Calls::new(scan);
    let filter = match &wanted.predicate {
        None => None,
        Some(predicate) => match calls.condition(predicate)? {
            None => return Ok(None),
            Some(filter) => filter,
        },
    };
    let mut functions = Vec::with_capacity(wanted.calls.len());
    for call in &wanted.calls {
        match calls.function(call)? {
            Some(function) => functions.push(function),
            None => return Ok(None),
        }
    }
    let Some(keys) = Keys::build(scan, &wanted.groups)? else { return Ok(None) };
    let sets = match &wanted.sets {
        None => None,
        Some(nulls) => match GroupingSet::list(&keys, nulls)? {
            None => return Ok(None),
            Some(sets) => Some(sets),
        },
    };
    Ok(Some(calls.finish(keys, sets, filter, functions)))
}

/// Whether there are few enough cells to hold on each of `threads` threads, and not far more than
/// observations.
fn is_worth_it(
    scan: &SeriesScanExec,
    spec: &AggregateSpec,
    (threads, memory): (usize, u64),
) -> Result<bool> {
    let (series, keys) = (&scan.spec().series, &spec.keys);
    let most = series.len().saturating_mul(keys.groups_per_series() as u64);
    let cells = keys.key_count.min(most).saturating_mul(keys.width() as u64);
    let one = Cells::new(spec, vec![Line::whole(1)]);
    if cells.saturating_mul(one.special_bytes_per_cell() as u64) > SPECIAL_BYTES_MAX {
        return Ok(false);
    }
    if keys.periods.is_none() || cells <= SPARSE_CELLS_MIN {
        return Ok(true);
    }
    let observations = scan.source().cube().observation_count(series).map_err(to_datafusion)?;
    let touched = match spec.lines().len() {
        0 | 1 => cells,
        // A chunk begins and ends anywhere within a line.
        _ => observations.saturating_add(most.saturating_mul(2 * LINE_CELLS as u64)),
    };
    let cells = cells.min(touched);
    let bytes = cells.saturating_mul((one.bytes_per_cell() * threads) as u64);
    let is_dense = cells <= observations.saturating_mul(CELLS_PER_OBSERVATION_MAX);
    Ok(is_dense && bytes <= memory / GROUP_CELLS_SHARE)
}
