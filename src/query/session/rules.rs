//! What the optimizer does, and what it does not.
//!
//! Every rule walks every plan, several times, so a rule that can change nothing here is time that
//! each statement pays.

use std::sync::Arc;

use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use crate::query::aggregate::SeriesAggregation;
use crate::query::order::SeriesOrder;

/// Rules on logical plans that are left out, each with the reason.
const LOGICAL_OUT: &[&str] = &[];

/// Rules on physical plans that are left out, each with the reason.
const PHYSICAL_OUT: &[&str] = &[];

/// The rules on logical plans, in order.
pub(super) fn logical() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let all = Optimizer::new().rules;
    all.into_iter().filter(|rule| !LOGICAL_OUT.contains(&rule.name()) && !std::env::var("OUT").unwrap_or_default().split(',').any(|o| o == rule.name())).collect()
}

/// The rules on physical plans, in order. Ours come before anything is distributed over partitions.
pub(super) fn physical() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut all = PhysicalOptimizer::new().rules;
    let first = all.iter().position(|rule| rule.name() == "join_selection").unwrap_or_default();
    all.insert(first, Arc::new(SeriesOrder));
    all.insert(first, Arc::new(SeriesAggregation));
    all.into_iter().filter(|rule| !PHYSICAL_OUT.contains(&rule.name()) && !std::env::var("OUT").unwrap_or_default().split(',').any(|o| o == rule.name())).collect()
}
