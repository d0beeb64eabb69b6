//! The truth about a database: which commits made it, and which segments are live.
//!
//! ```text
//! DB/lock                              the writer's lock
//! DB/segments/{id, 16 hex}.seg         immutable files of data
//! DB/commits/{number, 20}.commit       immutable manifests: what each commit changed
//! DB/commits/{number, 20}.checkpoint   the state after that commit, every 64
//! DB/commits/forgotten                 the number of the first commit that can still be read, checked
//! DB/commits/scrubbed                  the number of the last redaction that is finished
//! DB/compact.lock                      the lock of the one compaction at work
//! DB/releases/                         what is to be published at a later time
//! DB/catalog/                          the writer's working catalogue; can be deleted
//! ```
//!
//! A commit is one file that appears at once under the next number. Opening is the newest valid
//! checkpoint and the manifests behind it; nothing else is truth.
//!
//! The bytes of manifests and checkpoints are in `docs/format.md`.
//!
//! # Reading order
//!
//! `container` (checked bytes with parts), `selections` (bitmaps in them), `manifest` and `draft`
//! (what a commit changes), `history` and `state` (what all commits make), `checkpoint` (a state as
//! a file), `open` ([`Catalog`]), `locate` (where a segment is), `commit` ([`Writer`]: the one
//! commit path), `clean` (what is done around it), `forget`, `scrub` (taking values out of what was
//! committed), `releases` and `release_messages` (what is yet to come), `check`, `repair`, `working`
//! (sled).
//!
//! **Invariant:** an acknowledged commit is there after any crash; any other is there entirely or
//! not at all.
//!
//! **Invariant:** bytes that we did not write give [`crate::error::Error::Corrupt`], never a panic.
//!
//! **Invariant:** the clock is not read here: times are arguments.

mod check;
mod checkpoint;
mod clean;
mod commit;
mod container;
mod draft;
mod forget;
mod history;
mod locate;
mod manifest;
mod open;
mod release_messages;
mod releases;
mod repair;
mod scrub;
mod selections;
mod state;
mod working;

pub use check::Checked;
pub use commit::Writer;
pub use forget::Forgotten;
pub use locate::Located;
pub use manifest::{Commit, CommitKind, CommitRecord, Counts, Draft, FlowEntry, Source, SqlNames};
pub use manifest::{Relocated, SegmentEntry, SegmentId, SegmentPlace, Superseded};
pub use open::{Catalog, Health};
pub use release_messages::ReleaseMessage;
pub use releases::is_release_name;
pub use releases::{FoundRelease, Release, ReleaseState, ReleaseTime};
pub use repair::{Mended, Repair};
pub use state::{Home, KnownFlow, LiveSegment, Segments, State};
pub use working::{Job, Outcome, Working};
