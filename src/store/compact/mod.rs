//! Compaction: what is live of many segments goes into few, so that ten thousand small commits
//! read like one load.
//!
//! Read in this order: `choose` (which segments), `order` (the order of dimensions, by trying),
//! `merge` (one segment from some), `commit` (as a commit that changes nothing for readers).
//!
//! * After a load, a bounded step brings small segments together, under the lock that the load
//!   holds.
//! * [`Database::compact`](crate::store::Database::compact), by command or in the background of a
//!   server, writes without the lock, so that loads go on, and takes it to commit. What loads
//!   supersede meanwhile is superseded in the new segment by the same commit.
//!
//! The segments that were brought together stay until they are forgotten: older states need them,
//! and readers that have them open.
//!
//! **Invariant:** compaction changes no observation, no attribute and no date of a dataflow.

mod choose;
mod commit;
mod merge;
mod order;
#[cfg(test)]
mod tests;

pub(crate) use commit::after_load;
pub use commit::{CompactOptions, CompactReport};
