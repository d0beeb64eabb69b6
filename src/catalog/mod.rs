//! The truth about a database: which commits made it, and which segments are live.
//!
//! ```text
//! DB/lock                              the writer's lock
//! DB/segments/{id, 16 hex}.seg         immutable files of data
//! DB/commits/{number, 20}.commit       immutable manifests: what each commit changed
//! DB/commits/{number, 20}.checkpoint   the state after that commit, every 64
//! DB/commits/forgotten                 the number of the first commit that can still be read
//! DB/releases/                         what is to be published at a later time
//! DB/catalog/                          the writer's working catalogue; can be deleted
//! ```
//!
//! A commit is one file that appears at once under the next number. Opening is the newest valid
//! checkpoint and the manifests behind it; nothing else is truth.
//!
//! # Manifests and checkpoints, format 1
//!
//! Integers are little-endian; checksums are CRC-32C. Parts follow the table and each other
//! without gaps, so every byte is under a checksum of its own and under that of the whole.
//!
//! ```text
//! offset   size  content
//! 0        8     magic: "SDMXCOMM" (manifest) or "SDMXCHKP" (checkpoint)
//! 8        4     version: 1
//! 12       4     number of parts p
//! 16       8     number of the commit
//! 24       8     length of the file
//! 32       24 p  table, a row a part:
//!                  4  kind: 1 inline segment, 2 header, 3 artefacts, 4 selections
//!                  4  checksum of the part
//!                  8  offset of the part
//!                  8  length of the part
//! 32+24p   4     checksum of the bytes before
//! 36+24p         the parts
//! length-4 4     checksum of the bytes before: what the next manifest calls its predecessor
//! ```
//!
//! * *Inline segments* come first, uncompressed, so that they are read in place like a file.
//! * *Header* and *artefacts*: the length of a JSON text as 8 bytes, then the text as a zstd frame.
//! * *Selections*: roaring bitmaps in the portable format, one after the other; the header has
//!   their lengths in this order, and length 0 is the empty selection.
//!
//! The header of a manifest: `record` (kind, number, effective, loaded, author, message,
//! source, counts, release), `predecessor` (checksum), `flows`, `segments`, `superseded` (segment, and the lengths
//! of two bitmaps: chunks, partials), `settings`. That of a checkpoint: `number`, `manifest` (the
//! checksum of the manifest of that number), `next_segment`, `history` (all records), `flows`,
//! `segments` (what the manifests say, the commit, the lengths of two bitmaps of what is live,
//! absent if all is), `settings`, `copies` (the segments of the inline parts).
//!
//! # Reading order
//!
//! `container` (the bytes above), `selections` (bitmaps in them), `manifest` (what a commit
//! changes), `state` (what all commits make), `checkpoint` (a state as a file), `open`
//! ([`Catalog`]), `commit` ([`Writer`]: the one commit path), `forget`, `releases` (what is yet to
//! come), `working` (sled).
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
pub use releases::is_release_name;
pub use releases::{FoundRelease, Release, ReleaseMessage, ReleaseState, ReleaseTime};
pub use repair::{Mended, Repair};
pub use state::{Home, KnownFlow, LiveSegment, Segments, State};
pub use working::{Job, Outcome, Working};
