//! The database: cubes to read, loads to write.
//!
//! Read in this order:
//!
//! * `database`, `snapshot` (one immutable state), `cube` and `part` (a dataflow and its segments)
//! * `as_of` (earlier states)
//! * `filter` (what a reader wants), `walk` and `cursor` (reading it)
//! * `load` (writing)
//! * `transaction` (rows of a program)
//! * `answer` (what readers of SDMX ask for)
//! * `changes` (what differs between two states), `revert` (undoing)
//! * `release` (what is yet to be published)
//! * `check`
//! * `names` (names in SQL), `pool` (open segments)
//!
//! **Invariant:** every read goes through a [`Snapshot`], which never changes; so nothing that a
//! reader does can see half of a commit.

mod answer;
mod as_of;
mod changes;
mod check;
mod cube;
mod cursor;
mod database;
mod filter;
mod load;
mod names;
mod part;
mod pool;
mod release;
mod revert;
mod snapshot;
mod transaction;
mod walk;

pub use crate::catalog::{
    CommitKind, CommitRecord, Counts, FlowEntry, Health, SegmentId, Source, SqlNames,
};
pub use crate::catalog::{FoundRelease, Release, ReleaseMessage, ReleaseState, ReleaseTime};
pub use crate::segment::{AttributeRun, ChunkSpan, MeasureRun, Numbers, Total, Writing};
pub use answer::{DataAnswer, ScopeParts, Written, availability};
pub use as_of::AsOf;
pub use changes::{AttributeChange, CellChange, CellState, Changes, Difference, KeyFilter};
pub use changes::{Revision, SeriesChange};
pub use check::CheckReport;
pub use cube::{CodeTable, Cube};
pub use cursor::{Chunk, Cursor};
pub use database::Database;
pub use filter::{PeriodFilter, ScanOrder, ScanRequest, Selections, SeriesFilter};
pub use load::{Load, LoadOptions, LoadReport, Message, Prepared, Progress};
pub use names::{fold, is_plain_name, text_column};
pub use part::Part;
pub use release::{Added, CalendarLine, CalendarState, Conflicts, Editor, NewRelease};
pub use release::{Outcome, ReleaseConflict, Released};
pub use revert::Revert;
pub use snapshot::{FlowState, Snapshot};
pub use transaction::{Mark, Presence, RowBatch, Transaction};
