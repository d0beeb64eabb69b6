//! Window functions over series, without sorting and without bringing rows together by key.
//!
//! Where a window is partitioned by what determines a series and ordered by time, its partitions are
//! the series as they are stored. So one operator reads series whole, one after the other, and
//! gives each row what the functions say of it.
//!
//! `spec` is what is calculated, as plain values; `translate` finds it for a function of
//! DataFusion; `inputs` is what functions may look at; `matching` is the rule that puts
//! [`SeriesWindowExec`] (`operator`) in the place of DataFusion's. `wholeness` says which series can
//! be read in stored order; `rows` reads them, whole, into batches; `stream` is one partition.
//! `columns` calculates the columns of a batch: `shift` takes values from other rows, `sums` adds
//! over frames, `extremes` finds minima and maxima.
//!
//! **Invariant:** what is not among the functions of `spec` is calculated by DataFusion's own code,
//! a series at a time, so that leaving the rule out changes no answer but the rounding of sums.

mod columns;
mod extremes;
mod inputs;
mod matching;
mod operator;
mod rows;
mod shift;
mod spec;
mod stream;
mod sums;
#[cfg(test)]
mod tests;
mod translate;
mod wholeness;

pub(crate) use matching::SeriesWindows;
pub(crate) use operator::SeriesWindowExec;
