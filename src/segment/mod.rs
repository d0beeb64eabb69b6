//! Immutable, checksummed files of series.
//!
//! A segment holds series of one dataflow, sorted by key, each with its chunks. It is written once
//! and never changed: a revision writes a new segment and marks the chunks it replaces.
//!
//! Read in this order: `layout` (what stands where), `chunk` (a chunk in memory), `measure` and
//! `block` (chunks packed), `totals`, `periods`, `partials`, `target` and `builder` (writing); `positions`,
//! `columns`, `header`, `spread`, `numbers`, `doubles` and `decoder` (chunks unpacked), `reader`,
//! `live_periods`, `cache`.
//!
//! **Invariant:** this module knows keys as code numbers and periods as slots. It does not know SDMX
//! syntax, SQL, or which segments make up a dataflow.
//!
//! **Invariant:** the reader returns [`crate::error::Error::Corrupt`] for bytes that the builder did
//! not write. It never panics, and reads no byte whose checksum it did not verify.
#![doc = ""]
#![doc = include_str!("../../docs/format.md")]

mod block;
mod builder;
mod cache;
mod chunk;
mod columns;
mod decoder;
mod doubles;
mod header;
mod layout;
mod live_periods;
mod measure;
mod numbers;
mod partials;
mod periods;
mod positions;
mod reader;
mod spread;
mod target;
mod totals;

pub use block::{ChunkSpan, Wanted};
pub use builder::{Builder, Schema, Summary};
pub use cache::BlockCache;
pub use chunk::{AttributeRun, Chunk, ChunkRows, MeasureRun, Numbers, Stored, Writing};
pub use decoder::BlockDecoder;
pub use header::PackedNumbers;
pub use layout::{Extent, Footer, SectionId, SectionKind};
pub use numbers::ChunkNumbers;
pub use partials::{PartialGroup, PartialRow};
pub(crate) use periods::PeriodSums;
pub use periods::{PeriodLine, PeriodTotal, PeriodTotals};
pub use reader::{LoadedBlock, NumberPage, PagePart, PageParts, Segment};
pub use target::{CreateFile, Written};
pub use totals::{Total, TotalBounds, Totals, TotalsPage};

#[cfg(test)]
mod tests;
