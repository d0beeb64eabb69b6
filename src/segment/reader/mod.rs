//! Opens a segment and reads what is asked for, each section once.
//!
//! Opening reads the footer alone. A table is decoded page by page when it is first needed, and
//! stays; blocks are read, verified and decoded on demand.
//!
//! Read in this order: this file (opening, and one section), `pages` (many entries of a table),
//! `tables`, `blocks`.

mod blocks;
mod pages;
mod tables;

use std::iter;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::codec::text::Strings;
use crate::codec::{Malformed, Reader};
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::index::DimensionIndex;
use crate::segment::block::ChunkSpan;
use crate::segment::cache::{BlockCache, CachedBlocks};
use crate::segment::layout::{Extent, FOOTER_BYTES_MAX, Footer, MAGIC, MAGIC_END, PAGE_ENTRIES};
use crate::segment::layout::{SectionKind, TAIL_BYTES};
use crate::segment::live_periods::LiveTotals;
use crate::segment::periods::PeriodTotals;
use crate::segment::reader::blocks::BlockEntry;
use crate::segment::totals::TotalsPage;

pub use blocks::LoadedBlock;
pub use pages::{NumberPage, PagePart, PageParts};

/// A segment open for reading. All reads are positional: it can be shared between threads.
#[derive(Debug)]
pub struct Segment {
    file: Arc<dyn DiskFile>,
    /// Where in the file the segment begins: not 0 inside a manifest.
    start: u64,
    length: u64,
    /// Of the footer, which has those of everything else.
    checksum: u32,
    footer: Footer,
    codes: Vec<OnceLock<Strings>>,
    keys: Vec<Vec<OnceLock<NumberPage>>>,
    indexes: Vec<OnceLock<DimensionIndex>>,
    spans: Vec<OnceLock<Vec<ChunkSpan>>>,
    /// The observations of each chunk of a page, which `spans` has, too: a sixth of the bytes.
    observations: Vec<OnceLock<Vec<u16>>>,
    chunk_series: OnceLock<Vec<u32>>,
    totals: Vec<Vec<OnceLock<TotalsPage>>>,
    period_totals: Vec<OnceLock<Arc<PeriodTotals>>>,
    pub(super) live_totals: Vec<LiveTotals>,
    values: Vec<OnceLock<Strings>>,
    series_values: Vec<Vec<OnceLock<NumberPage>>>,
    blocks: OnceLock<Vec<BlockEntry>>,
    /// Absent where blocks are always read.
    cache: Option<CachedBlocks>,
}

impl Segment {
    /// Opens the segment of `length` bytes that begins at `start` of `file`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is none; [`Error::Io`] if it cannot be read.
    pub fn open(file: Arc<dyn DiskFile>, start: u64, length: u64) -> Result<Self> {
        let corrupt =
            |at: u64, reason: &str| Error::corrupt(file.path(), start.saturating_add(at), reason);
        if length < MAGIC.len() as u64 + TAIL_BYTES {
            return Err(corrupt(0, "too short for a segment"));
        }
        if start.checked_add(length).is_none() {
            return Err(corrupt(0, "longer than any file"));
        }
        let mut magic = [0; 8];
        file.read_at(start, &mut magic)?;
        let mut tail = [0; 16];
        file.read_at(start + length - TAIL_BYTES, &mut tail)?;
        if &magic != MAGIC || tail[8..] != MAGIC_END[..] {
            return Err(corrupt(0, "no segment of this format: its magic is wrong"));
        }
        let number = |bytes: &[u8]| Reader::new(bytes).u32().unwrap_or_default();
        let (footer_length, checksum) = (number(&tail[..4]), number(&tail[4..8]));
        let room = length - TAIL_BYTES - MAGIC.len() as u64;
        if u64::from(footer_length) > room || footer_length > FOOTER_BYTES_MAX {
            return Err(corrupt(length - TAIL_BYTES, "the footer is longer than the segment"));
        }
        let at = length - TAIL_BYTES - u64::from(footer_length);
        let mut bytes = vec![0; footer_length as usize];
        file.read_at(start + at, &mut bytes)?;
        if crc32c::crc32c(&bytes) != checksum {
            return Err(corrupt(at, "the checksum of the footer is wrong"));
        }
        let footer = Footer::decode(&bytes)
            .map_err(|e| corrupt(at + e.at as u64, &format!("footer: {}", e.reason)))?;
        footer.check(length).map_err(|reason| corrupt(at, reason))?;
        let segment = Self::with_footer(file, start, length, (footer, checksum));
        segment.check_extents(at)?;
        Ok(segment)
    }

    fn with_footer(
        file: Arc<dyn DiskFile>,
        start: u64,
        length: u64,
        (footer, checksum): (Footer, u32),
    ) -> Self {
        fn cells<T>(count: usize) -> Vec<OnceLock<T>> {
            iter::repeat_with(OnceLock::new).take(count).collect()
        }
        fn pages<T>(columns: usize, entries: u32) -> Vec<Vec<OnceLock<T>>> {
            let count = (entries as usize).div_ceil(PAGE_ENTRIES);
            iter::repeat_with(|| cells(count)).take(columns).collect()
        }
        let dimensions = footer.dimensions.len();
        let series_attributes = footer.series_attributes.len();
        Self {
            codes: cells(dimensions),
            keys: pages(dimensions, footer.series),
            indexes: cells(dimensions),
            spans: cells((footer.chunks as usize).div_ceil(PAGE_ENTRIES)),
            observations: cells((footer.chunks as usize).div_ceil(PAGE_ENTRIES)),
            chunk_series: OnceLock::new(),
            totals: pages(footer.measures.len(), footer.chunks),
            period_totals: cells(footer.measures.len()),
            live_totals: iter::repeat_with(LiveTotals::default)
                .take(footer.measures.len())
                .collect(),
            values: cells(series_attributes + footer.observation_attributes.len()),
            series_values: pages(series_attributes, footer.series),
            blocks: OnceLock::new(),
            cache: None,
            file,
            start,
            length,
            checksum,
            footer,
        }
    }

    /// Checks that sections lie side by side between magic and footer, so that each byte of the
    /// file belongs to exactly one checksum.
    fn check_extents(&self, footer_at: u64) -> Result<()> {
        let directory = self.blocks()?.iter().map(|block| block.extent);
        let mut extents: Vec<Extent> = self.footer.sections.values().copied().collect();
        extents.extend(directory);
        extents.sort_by_key(|extent| extent.offset);
        let mut next = MAGIC.len() as u64;
        for extent in extents {
            if extent.offset != next {
                return Err(self.corrupt(next, "sections do not lie side by side".to_owned()));
            }
            next += u64::from(extent.length);
        }
        if next == footer_at {
            Ok(())
        } else {
            Err(self.corrupt(next, "there are bytes that no section covers".to_owned()))
        }
    }

    /// The same, keeping the blocks that it reads in a cache that many segments share.
    #[must_use]
    pub fn with_cache(mut self, cache: &Arc<BlockCache>) -> Self {
        self.cache = Some(CachedBlocks::new(cache));
        self
    }

    /// Drops the blocks that it has in the cache, and keeps none from now on.
    pub fn leave_cache(&self) {
        if let Some(cache) = &self.cache {
            cache.leave();
        }
    }

    fn cached(&self, block: u32) -> Option<Arc<LoadedBlock>> {
        self.cache.as_ref()?.get(block)
    }

    fn keep(&self, block: u32, loaded: &Arc<LoadedBlock>) {
        if let Some(cache) = &self.cache {
            cache.insert(block, loaded);
        }
    }

    fn corrupt(&self, at: u64, reason: String) -> Error {
        Error::corrupt(PathBuf::from(self.file.path()), self.start.saturating_add(at), reason)
    }

    /// An error that says what is wrong with this segment as a whole.
    pub fn damage(&self, reason: String) -> Error {
        self.corrupt(0, reason)
    }

    /// The checksum of the footer, which covers the checksums of everything else.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// What the footer says.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// The length in bytes.
    pub fn bytes(&self) -> u64 {
        self.length
    }

    /// How many series it has.
    pub fn series_count(&self) -> u32 {
        self.footer.series
    }

    /// How many chunks it has.
    pub fn chunk_count(&self) -> u32 {
        self.footer.chunks
    }

    /// Reads and verifies what an extent says.
    fn read_extent(&self, extent: Extent, name: &str) -> Result<Vec<u8>> {
        let bytes = self.read_bytes(extent.offset, extent.length, name)?;
        if crc32c::crc32c(&bytes) == extent.checksum {
            Ok(bytes)
        } else {
            Err(self.wrong_checksum(extent.offset, name))
        }
    }

    /// Reads bytes that nobody has verified.
    fn read_bytes(&self, offset: u64, length: u32, name: &str) -> Result<Vec<u8>> {
        let end = offset.checked_add(u64::from(length));
        if end.is_none_or(|end| end > self.length) {
            let reason = format!("{name}: reaches beyond the end of the segment");
            return Err(self.corrupt(offset, reason));
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_at(self.start + offset, &mut bytes)?;
        Ok(bytes)
    }

    fn wrong_checksum(&self, at: u64, name: &str) -> Error {
        self.corrupt(at, format!("{name}: the checksum is wrong"))
    }

    /// Reads and verifies a section, and decodes it.
    fn section<T>(
        &self,
        kind: SectionKind,
        component: usize,
        page: usize,
        decode: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T> {
        let id = (kind, u16::try_from(component).ok(), u32::try_from(page).ok());
        let id = (id.0, id.1.unwrap_or(u16::MAX), id.2.unwrap_or(u32::MAX));
        let Some(extent) = self.footer.sections.get(&id) else {
            let reason = format!("{} of component {component} page {page}: missing", kind.name());
            return Err(self.corrupt(0, reason));
        };
        let bytes = self.read_extent(*extent, kind.name())?;
        decode(&bytes).map_err(|e| {
            let reason = format!("{}: {}", kind.name(), e.reason);
            self.corrupt(extent.offset + e.at as u64, reason)
        })
    }
}

/// The value of a cell, read now if it was not before. Two threads may both read it; one wins.
fn get_or_read<T>(cell: &OnceLock<T>, read: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}
