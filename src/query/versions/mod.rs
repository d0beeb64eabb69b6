//! Earlier states in SQL, and what changed between them.
//!
//! | written | what it is |
//! |---|---|
//! | `SET sdmx.as_of = '2026-03-01T08:00:00Z'` | every statement of the session reads that state |
//! | `ecb.exr FOR SYSTEM_TIME AS OF '2026-03-01'` | this table, as it was then |
//! | `ecb.exr(as_of => 17)` | this table, as it was after commit 17 |
//! | `as_of('ecb.exr', 17)` | the same |
//!
//! Read `clause` (from the first three forms of a table to the last), `arguments`, `past` (the
//! function `as_of`).

mod arguments;
mod clause;
mod past;

pub(super) use clause::as_function;
pub use clause::system_time;
pub(super) use past::{AS_OF, Past};
