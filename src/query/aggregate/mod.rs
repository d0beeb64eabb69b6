//! Aggregates that group once per series instead of once per row.
//!
//! Read in this order: `spec` (what one aggregation computes, as plain values); `keys` (from group
//! expressions to numbers of groups) and `condition` (what must hold for an observation), over `series`
//! and `attributes` (numbers for what the series, or attributes of the observation, say), `values`
//! (ranges of numbers) and `numbering`; `special` (functions with a state of their own) over `ranked`
//! (values by number), `number_sets`, `quantile` and `select`; `sets` (grouping sets); `wanted` (what a
//! plan asks for), `matching`, `calls`, `cases`, `special_calls` and `translate` (the rule that finds
//! such plans); `groups`, `layout`, `sums`, `squares`, `exact` and `cells` (the state); `positions`,
//! `target`, `work` and `rows` (one thread's share), `totals`, `lines`, `spans` and `covered` (what
//! needs no block), `plain` (what needs no look at single observations), `piece`, `pieces` and
//! `tallies` (a look at no others than those that differ); `operator` ([`SeriesAggregateExec`],
//! which runs the threads and merges them by a `mapping`); `levels` (the states of all grouping
//! sets), `settle` (quantiles), `output`.
//!
//! **Exact.** A sum is an integer and a scale until the end, where it becomes the nearest double.
//! True doubles are summed without rounding too. So no answer depends on the number of threads, on
//! the order of series, or on how the cube lies in segments.

mod attributes;
mod calls;
mod cases;
mod cells;
mod condition;
mod covered;
mod exact;
mod groups;
mod keys;
mod layout;
mod levels;
mod lines;
mod mapping;
mod matching;
mod number_sets;
mod numbering;
mod operator;
mod output;
mod piece;
mod pieces;
mod plain;
mod positions;
mod quantile;
mod ranked;
mod rows;
mod select;
mod series;
mod sets;
mod settle;
mod spans;
mod spec;
mod special;
mod special_calls;
mod squares;
mod sums;
mod tallies;
mod target;
mod totals;
mod translate;
mod values;
mod wanted;
mod work;

pub(crate) use exact::mean;
pub(crate) use matching::SeriesAggregation;
pub(crate) use operator::SeriesAggregateExec;
pub(crate) use spec::{AggregateSpec, Function};
