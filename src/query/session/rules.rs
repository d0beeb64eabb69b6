//! What the optimizer does: all that DataFusion's does, and our three rules.
//!
//! No rule of DataFusion is left out. Without any one of ten that could go, a point query takes the
//! same 0.4 ms of a busy core as with it, within what repeated runs differ by; most of that time is
//! allocations spread over all rules.

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use crate::query::aggregate::SeriesAggregation;
use crate::query::cancel::Cancellation;
use crate::query::join::SeriesRules;
use crate::query::order::SeriesOrder;
use crate::query::window::SeriesWindows;

/// Rules of DataFusion that ask a scan for more than its rows: what it knows of itself, or that it
/// leaves some of them out.
const OF_SCANS: [&str; 5] = [
    "aggregate_statistics",
    "FilterPushdown",
    "FilterPushdown(Post)",
    "LimitPushdown",
    "PushdownSort",
];

/// The rules on physical plans, in order, for queries with so many bytes of memory in all. Ours come before anything is distributed over partitions.
pub(super) fn physical(memory: u64) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut all = PhysicalOptimizer::new().rules;
    let first = all.iter().position(|rule| rule.name() == "join_selection").unwrap_or_default();
    let ours: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![
        Arc::new(SeriesAggregation::new(memory)),
        Arc::new(SeriesWindows),
        Arc::new(SeriesOrder),
    ];
    all.insert(first, Arc::new(SeriesRules::new(ours)));
    all
}

/// The rules of DataFusion without ours, and without those after which a scan does more than read
/// rows.
pub(super) fn plain() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut all = PhysicalOptimizer::new().rules;
    all.retain(|rule| !OF_SCANS.contains(&rule.name()));
    all
}

/// The same as [`physical`], with a last rule that lets every operator be cancelled.
pub(super) fn cancellable(memory: u64) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut all = physical(memory);
    all.push(Arc::new(Cancellation));
    all
}
