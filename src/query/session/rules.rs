//! What the optimizer does: all that DataFusion's does, and our three rules.
//!
//! No rule of DataFusion is left out, but one is kept from plans with filters. Without any one of ten that could go, a point query takes the
//! same 0.4 ms of a busy core as with it, within what repeated runs differ by; most of that time is
//! allocations spread over all rules.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;

use crate::query::aggregate::SeriesAggregation;
use crate::query::cancel::Cancellation;
use crate::query::join::SeriesRules;
use crate::query::order::SeriesOrder;
use crate::query::window::SeriesWindows;

/// DataFusion's rule that answers aggregates from statistics alone.
const FROM_STATISTICS: &str = "aggregate_statistics";
/// Rules of DataFusion that ask a scan for more than its rows: what it knows of itself, or that it
/// leaves some of them out.
const OF_SCANS: [&str; 5] =
    [FROM_STATISTICS, "FilterPushdown", "FilterPushdown(Post)", "LimitPushdown", "PushdownSort"];

/// The rules on physical plans, in order, for queries with so many bytes of memory in all. Ours come before anything is distributed over partitions.
pub(super) fn physical(memory: u64) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut all = PhysicalOptimizer::new().rules;
    for rule in all.iter_mut().filter(|rule| rule.name() == FROM_STATISTICS) {
        *rule = Arc::new(WithoutFilters(Arc::clone(rule)));
    }
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

/// [`FROM_STATISTICS`] for plans without filters. Above a filter DataFusion 55 is certain of one distinct
/// value wherever there can be at most one, though no row may be left: `count(DISTINCT d) ... WHERE v = 0`
/// would be 1 for a dimension with a single code.
#[derive(Debug)]
struct WithoutFilters(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for WithoutFilters {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let has_filter = plan.exists(|node| Ok(node.is::<FilterExec>()))?;
        if has_filter { Ok(plan) } else { self.0.optimize(plan, config) }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}
