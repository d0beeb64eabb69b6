//! The database: cubes to read, loads to write.
//!
//! Read in this order: `database`, `snapshot` (one immutable state), `cube` and `part` (a dataflow
//! and its segments), `filter` (what a reader wants), `walk` and `cursor` (reading it), `load` (writing),
//! `transaction` (rows of a program), `answer` (what readers of SDMX ask for), `check`, `names`
//! (names in SQL), `pool` (open segments), `users` (who may do what over the network) and `secret`
//! (what is kept of their passwords).
//!
//! **Invariant:** every read goes through a [`Snapshot`], which never changes; so nothing that a
//! reader does can see half of a commit.

mod answer;
mod check;
mod cube;
mod cursor;
mod database;
mod filter;
mod load;
mod names;
mod part;
mod pool;
mod secret;
mod snapshot;
mod transaction;
mod users;
mod walk;

pub use crate::catalog::{CommitRecord, Counts, FlowEntry, Health, SegmentId, Source, SqlNames};
pub use crate::segment::{AttributeRun, ChunkSpan, MeasureRun, Numbers, Total, Writing};
pub use answer::{DataAnswer, ScopeParts, Written, availability};
pub use check::CheckReport;
pub use cube::{CodeTable, Cube};
pub use cursor::{Chunk, Cursor};
pub use database::Database;
pub use filter::{PeriodFilter, ScanOrder, ScanRequest, Selections, SeriesFilter};
pub use load::{Load, LoadOptions, LoadReport, Prepared, Progress};
pub use names::{fold, text_column};
pub use part::Part;
pub use secret::Secret;
pub use snapshot::{FlowState, Snapshot};
pub use transaction::{Mark, Presence, RowBatch, Transaction};
pub use users::{Right, User, UserChange, Users};
