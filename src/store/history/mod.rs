//! Every version of the observations of a dataflow: what held from when to when.
//!
//! A commit writes a chunk that it touches whole, and supersedes the one before. So a chunk was live
//! from the commit that added it to the one that superseded it, and the versions of an observation
//! are the chunks that held it, one after the other; neighbours that say the same are one version.
//! That way compaction, which stores the same anew, leaves no trace.
//!
//! Read in this order: `lifetimes` (when each chunk was live), `versions` ([`History`]); `steps` (the
//! same as one change after the other).
//!
//! **Invariant:** the versions of one observation do not overlap, and of two that follow each other
//! without a gap, the values differ.

mod lifetimes;
mod steps;
mod versions;

pub(in crate::store) use steps::{Step, Steps};

pub use versions::{History, Version};

#[cfg(test)]
mod tests;
