//! Aggregates that group once per series instead of once per row.
//!
//! Read in this order: `spec`, what one aggregation computes, as plain values; `keys/`, from group
//! expressions and predicates to numbers: `grouping` (numbers of groups), `condition` (what must hold
//! for an observation), over `series` and `attributes` (numbers for what the series, or attributes of
//! the observation, say), `values` (ranges of numbers), `numbering`, `ranked` (values by number) and
//! `sets` (grouping sets); `plans/`, the rule that finds such aggregations: `wanted` (what a plan asks
//! for), `matching`, `calls`, `cases`, `special_calls` and `translate`; `state/`, what is known so far:
//! `groups`, `layout`, `sums`, `squares`, `exact`, `cells`, `narrow` (many stored totals at one
//! go) and `wide` (the same in 128 bits), and `special` (functions with a state of their own) with `number_sets`, `quantile` and
//! `select`; `walk/`, one thread's share: `positions`, `target`, `work`, `rows`, `summary` (what
//! needs no look at any series), `decided` and `totals`, `lines`, `ends` and `spans` (what needs no block),
//! `reading` (which blocks are read), `plain` (what needs no look at single observations), `piece`,
//! `pieces` and `tallies` (a look at no others than those that
//! differ); `operator` ([`SeriesAggregateExec`], which runs the threads and merges them by a
//! `state::mapping`), then `state::levels` (the states of all grouping sets), `state::settle`
//! (quantiles) and `output`, with `results` (the columns of functions); `combinations`, where there is
//! nothing to add up.
//!
//! **Exact.** A sum is an integer and a scale until the end, where it becomes the nearest double.
//! True doubles are summed without rounding too. So no answer depends on the number of threads, on
//! the order of series, or on how the cube lies in segments.

mod combinations;
mod keys;
mod operator;
mod output;
mod plans;
mod results;
mod spec;
mod state;
mod walk;

pub(crate) use operator::SeriesAggregateExec;
pub(crate) use plans::matching::SeriesAggregation;
pub(crate) use spec::{AggregateSpec, Function};
pub(crate) use state::exact::mean;
