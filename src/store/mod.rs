//! The database: cubes to read, loads to write.
//!
//! Read in this order: `database`, `snapshot` (one immutable state), `cube` and `part` (a dataflow
//! and its segments), `filter` (what a reader wants), `walk` and `cursor` (reading it), `load` (writing),
//! `answer` (what readers of SDMX ask for), `check`, `compact` and `redact` (rewriting what is
//! stored, with `copy`), `names` (names in SQL), `pool` (open segments).
//!
//! **Invariant:** every read goes through a [`Snapshot`], which never changes; so nothing that a
//! reader does can see half of a commit.

mod answer;
mod check;
mod compact;
mod copy;
mod cube;
mod cursor;
mod database;
mod filter;
mod load;
mod names;
mod part;
mod pool;
mod redact;
mod snapshot;
#[cfg(test)]
mod testing;
mod walk;

pub use crate::catalog::{CommitRecord, Counts, FlowEntry, Health, SegmentId, Source, SqlNames};
pub use crate::segment::{AttributeRun, ChunkSpan, MeasureRun, Numbers, Total, Writing};
pub use answer::{DataAnswer, ScopeParts, Written, availability};
pub use check::CheckReport;
pub use compact::{CompactOptions, CompactReport};
pub use cube::{CodeTable, Cube};
pub use cursor::{Chunk, Cursor};
pub use database::Database;
pub use filter::{PeriodFilter, ScanOrder, ScanRequest, Selections, SeriesFilter};
pub use load::{Load, LoadOptions, LoadReport, Prepared, Progress};
pub use names::{fold, text_column};
pub use part::Part;
pub use redact::{Redacted, Redaction};
pub use snapshot::{FlowState, Snapshot};
