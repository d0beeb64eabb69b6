//! The database: cubes to read, loads to write.
//!
//! Read in this order:
//!
//! * `database`, `snapshot` (one immutable state), `cube` and `part` (a dataflow and its segments)
//! * `as_of` (earlier states)
//! * `filter` (what a reader wants), `walk`, `blocks` and `cursor` (reading it)
//! * `load` (writing)
//! * `transaction` (rows of a program)
//! * `answer` (what readers of SDMX ask for)
//! * `changes` (what differs between two states), `history` (every version), `revert` (undoing)
//! * `release` (what is yet to be published)
//! * `users` (who may do what over the network), `secret` (what is kept of their passwords)
//! * `check`
//! * `compact` and `redact` (rewriting what is stored, with `copy`)
//! * `names` (names in SQL), `pool` (open segments)
//!
//! **Invariant:** every read goes through a [`Snapshot`], which never changes; so nothing that a
//! reader does can see half of a commit.

mod answer;
mod archive;
mod as_of;
mod backup;
mod blocks;
mod changes;
mod check;
mod compact;
mod copy;
mod cube;
mod cursor;
mod database;
mod filter;
mod history;
mod load;
mod names;
mod part;
mod period_totals;
mod pool;
mod redact;
mod release;
mod restore;
mod revert;
mod secret;
mod snapshot;
#[cfg(test)]
mod testing;
mod transaction;
mod users;
mod walk;

pub use crate::catalog::{
    CommitKind, CommitRecord, Counts, FlowEntry, Health, SegmentId, Source, SqlNames,
};
pub use crate::catalog::{FoundRelease, Release, ReleaseMessage, ReleaseState, ReleaseTime};
pub use crate::segment::{
    AttributeRun, ChunkNumbers, ChunkSpan, MeasureRun, Numbers, Total, Writing,
};
pub use answer::{DataAnswer, DataMessage, ScopeParts, Written, availability};
pub use as_of::AsOf;
pub use backup::BackupReport;
pub use blocks::{Block, BlockChunk, BlockCursor};
pub use changes::{AttributeChange, CellChange, CellState, Changes, Difference, KeyFilter};
pub use changes::{Revision, SeriesChange, changes_since};
pub use check::CheckReport;
pub use compact::{CompactOptions, CompactReport};
pub use cube::{CodeTable, Cube};
pub use cursor::{Chunk, Cursor};
pub use database::Database;
pub use filter::SeriesFilter;
pub use filter::{Coverage, Direction, KeyPart, PeriodFilter, ScanOrder, ScanRequest, Selections};
pub use history::{History, Version};
pub use load::{Load, LoadOptions, LoadReport, Message, Prepared, Progress};
pub use names::{fold, is_plain_name, text_column};
pub use part::Part;
pub use period_totals::CubeTotals;
pub use redact::{Redacted, Redaction};
pub use release::{Added, CalendarLine, CalendarState, Conflicts, Editor, NewRelease};
pub use release::{Outcome, ReleaseConflict, Released};
pub use restore::RestoreReport;
pub use revert::Revert;
pub use secret::Secret;
pub use snapshot::{FlowState, Snapshot};
pub use transaction::{Mark, Presence, RowBatch, Transaction};
pub use users::{Right, User, UserChange, Users};
