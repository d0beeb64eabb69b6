//! One thread's way over its series: each chunk by the cheapest means that decides it, from stored
//! totals without its block to a look at single observations.

pub(crate) mod decided;
pub(crate) mod ends;
pub(crate) mod lines;
pub(crate) mod piece;
pub(crate) mod pieces;
pub(crate) mod plain;
pub(crate) mod positions;
pub(crate) mod reading;
pub(crate) mod rows;
pub(crate) mod singles;
pub(crate) mod spans;
pub(crate) mod summary;
pub(crate) mod tallies;
pub(crate) mod target;
pub(crate) mod totals;
pub(crate) mod work;
