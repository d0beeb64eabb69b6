//! Statements that write: `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `TRUNCATE`, and rows of `COPY`.
//!
//! Each becomes a query that DataFusion plans and runs, whose rows are keys and new values; those
//! become rows with an SDMX action, which a [`crate::store::Transaction`] takes. So a statement
//! that writes reads as any other does, with the same names, functions and pushdown.
//!
//! | statement | rows that are read | rows that are written |
//! |---|---|---|
//! | `INSERT` | the source | `Merge`, if the key is not there yet |
//! | `UPDATE` | keys that match, with the whole observation as it shall be | `Replace` |
//! | `DELETE` | keys that match | `Delete` |
//! | `MERGE` | the source joined to the table, with the number of the clause | as its clauses |
//! | `TRUNCATE` | none | one `Delete` of everything |
//!
//! Read in this order: `command` (which statements these are), `outcome` (what they answer).

mod command;
mod outcome;

pub(in crate::query) use command::transact;
pub use command::{Transact, WriteStatement};
pub use outcome::{WriteOutcome, WriteTag, WriterIdentity};
