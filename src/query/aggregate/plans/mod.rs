//! The rule that puts [`SeriesAggregateExec`](super::SeriesAggregateExec) into plans: what a plan asks
//! for, as plain values (`wanted`), and the translation of its calls and predicates to ours.

pub(crate) mod calls;
pub(crate) mod cases;
pub(crate) mod matching;
pub(crate) mod special_calls;
pub(crate) mod translate;
pub(crate) mod wanted;
