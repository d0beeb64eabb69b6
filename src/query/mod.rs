//! SQL over cubes: DataFusion over the store.
//!
//! An [`Engine`] belongs to one open database and holds what all its users share: the functions,
//! the optimizer's rules, the account of memory. A [`Session`] belongs to one user or connection
//! and holds settings. A statement is parsed, let through the [`guard`], planned over one snapshot
//! by names alone ([`catalogue`]), turned into operators over series (`table`, `pushdown`, `scan`,
//! `aggregate`, `window`, `join`, `order`, `top`), and answered as a stream of Arrow batches
//! ([`Answer`]).
//!
//! Read in this order: `error` (ours and DataFusion's), `names`, `guard` and `dialect` (what a
//! statement may be, and what PostgreSQL means by it), `catalogue`, `functions`, `semantics` (what
//! expressions mean in PostgreSQL), `session`, `cancel`, `empty` (why there are no rows),
//! `versions` (earlier states), `table` and what it leads to, `write` (statements that write),
//! `render` (answers as text).
//!
//! **Invariant:** a statement sees exactly one snapshot, from its names to its last row.
//!
//! **Invariant:** no statement reads or writes a file, except what an operator spills into the
//! folder that the engine was given.

mod aggregate;
pub mod cancel;
pub mod catalogue;
mod dialect;
mod empty;
pub mod error;
pub mod functions;
pub mod guard;
mod join;
pub mod names;
mod order;
mod pushdown;
pub mod render;
mod scan;
mod semantics;
mod session;
mod statistics;
mod table;
mod top;
pub mod versions;
mod window;
pub mod write;

pub use session::{Answer, Connection, Engine, EngineOptions, Front, Prepared, Rows, Session};
pub use write::{WriteOutcome, WriteTag, WriterIdentity};

#[cfg(test)]
mod tests;
