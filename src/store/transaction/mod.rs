//! Transactions: rows that a program writes, seen by itself at once and by all others when it
//! commits.
//!
//! A transaction reads one snapshot and collects rows beside it. It takes no lock before it
//! commits: then the series that its rows touch must be as they were in the snapshot, or the whole
//! transaction is refused. So of two transactions that write one series the first to commit wins,
//! and the other may run again.
//!
//! Read in this order: `batch` (the rows of one statement), `rows` (which row spoke last of an
//! observation), `presence` (whether an observation is there), `layers` (drafts that show own
//! rows), `rivals` (what others changed meanwhile), `open` (a transaction).
//!
//! **Invariant:** a transaction that does not commit leaves nothing, neither on disk nor in what
//! the database keeps in memory.

mod batch;
mod layers;
mod open;
mod presence;
mod rivals;
mod rows;

pub use batch::RowBatch;
pub use open::{Mark, Presence, Transaction};
