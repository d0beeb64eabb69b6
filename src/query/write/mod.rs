//! Statements that write: `INSERT`, `UPDATE`, `DELETE`, `MERGE`, `TRUNCATE`, and rows of `COPY`.
//!
//! Each becomes a query that DataFusion plans and runs, whose rows are keys and new values; those
//! become rows with an SDMX action, which a [`crate::store::Transaction`] takes. So a statement
//! that writes reads as any other does, with the same names, functions and pushdown.
//!
//! | statement | rows that are read | rows that are written |
//! |---|---|---|
//! | `INSERT` | the source, unless it is constants | `Merge`, if the key is not there yet |
//! | `UPDATE` | keys that match, with the whole observation as it shall be | `Replace` |
//! | `DELETE` | keys that match | `Delete` |
//! | `MERGE` | the source joined to the table, with the number of the clause | as its clauses |
//! | `TRUNCATE` | none | one `Delete` of everything |
//!
//! Nothing here runs a query: `query::session` does, and asks this module what to read and what to
//! make of it.
//!
//! Read in this order: `command` (which statements these are), `outcome` (what they answer),
//! `target` (the table, and what its columns mean), `texts` and `constants` (values as texts),
//! `layout` (which column goes where), `syntax` (queries that we build), `assign`, `insert`,
//! `merge`, `returning`, `plan` (a statement, understood), `gather` (from rows that were read to
//! rows that are written), `conflict` (keys that are there already), `copy`, `overlay` (tables of
//! one statement).

mod assign;
mod command;
mod conflict;
mod constants;
mod copy;
mod gather;
mod insert;
mod layout;
mod merge;
mod outcome;
mod overlay;
mod plan;
mod returning;
mod syntax;
mod target;
mod texts;

pub(in crate::query) use assign::EXCLUDED;
pub(in crate::query) use command::transact;
pub use command::{Transact, WriteStatement};
pub(in crate::query) use conflict::{excluded, part, refuse_present};
pub use copy::CopyIn;
pub(in crate::query) use gather::{Gathered, key_filter};
pub use outcome::{WriteOutcome, WriteTag, WriterIdentity};
pub(in crate::query) use overlay::Overlay;
pub(in crate::query) use plan::{Kind, WritePlan};
pub(in crate::query) use returning::WRITTEN;
pub(in crate::query) use syntax::restrict;
pub(in crate::query) use target::Target;
pub(in crate::query) use texts::texts_of;
