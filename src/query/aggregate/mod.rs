//! Aggregates that group once per series instead of once per row.
//!
//! Read in this order: `spec` (what one aggregation computes, as plain values), `keys` (from group
//! expressions to numbers of groups and periods), `matching` (the rule that finds such plans),
//! `groups`, `sums`, `exact` and `cells` (the state), `target` and `work` (one thread's share), `operator`
//! ([`SeriesAggregateExec`], which runs the threads and merges them), `output`.
//!
//! **Exact.** A sum is an integer and a scale until the end, where it becomes the nearest double.
//! True doubles are summed without rounding too. So no answer depends on the number of threads, on
//! the order of series, or on how the cube lies in segments.

mod cells;
mod exact;
mod groups;
mod keys;
mod matching;
mod operator;
mod output;
mod spec;
mod sums;
mod target;
mod work;

pub(crate) use exact::mean;
pub(crate) use matching::SeriesAggregation;
pub(crate) use operator::SeriesAggregateExec;
pub(crate) use spec::{AggregateSpec, Function};
