//! What differs between two states of a dataflow.
//!
//! Two states share every chunk that no commit between them touched, and a chunk never changes. So
//! only chunks that one state has and the other has not are read, and compared observation by
//! observation: the cost follows what was touched, not the size of the dataflow.
//!
//! Read in this order: `change` (what is told), `filter` (of which series), `touched` (which chunks
//! to compare), `read` (the observations of a series, chunk by chunk), `compare` ([`Changes`]),
//! `difference` (all of it in numbers).
//!
//! **Invariant:** what is told is a difference that a reader of the two states sees. That a value
//! was stored anew, or changed and changed back, is none.

mod change;
mod compare;
mod difference;
mod filter;
mod read;
mod touched;

pub(in crate::store) use read::{SeriesReader, in_order_of_time, key_texts};
pub(in crate::store) use touched::Touched;

pub use change::{AttributeChange, CellChange, CellState, SeriesChange};
pub use compare::{Changes, changes_since};
pub use difference::{Difference, Revision};
pub use filter::KeyFilter;

#[cfg(test)]
pub(in crate::store) mod tests;
