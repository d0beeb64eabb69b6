//! Opens a segment and reads what is asked for, each section once.
//!
//! Opening reads the footer alone. A table is decoded page by page when it is first needed, and
//! stays; blocks are read, verified and decoded on demand.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::codec::text::{Strings, TextLimits};
use crate::codec::{Malformed, Reader};
use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::index::DimensionIndex;
use crate::model::PeriodForm;
use crate::segment::block::{Block, ChunkSpan, Wanted};
use crate::segment::chunk::Chunk;
use crate::segment::layout::{Extent, FOOTER_BYTES_MAX, Footer, MAGIC, MAGIC_END, PAGE_ENTRIES};
use crate::segment::layout::{SectionKind, TAIL_BYTES};
use crate::segment::partials::{self, PartialGroup};
use crate::segment::totals::{Total, Totals, read_column};

/// A segment open for reading. All reads are positional: it can be shared between threads.
#[derive(Debug)]
pub struct Segment {
    file: Arc<dyn DiskFile>,
    /// Where in the file the segment begins: not 0 inside a manifest.
    start: u64,
    length: u64,
    footer: Footer,
    codes: Vec<OnceLock<Strings>>,
    keys: Vec<Vec<OnceLock<CodePage>>>,
    indexes: Vec<OnceLock<DimensionIndex>>,
    spans: Vec<OnceLock<Vec<ChunkSpan>>>,
    chunk_series: OnceLock<Vec<u32>>,
    totals: Vec<Vec<OnceLock<Totals>>>,
    values: Vec<OnceLock<Strings>>,
    series_values: Vec<Vec<OnceLock<CodePage>>>,
    blocks: OnceLock<Vec<BlockEntry>>,
}

/// Numbers of one page of a column, in as few bytes as they need.
#[derive(Debug)]
enum CodePage {
    Narrow(Vec<u16>),
    Wide(Vec<u32>),
}

impl CodePage {
    #[inline]
    fn get(&self, index: usize) -> u32 {
        match self {
            Self::Narrow(numbers) => u32::from(numbers[index]),
            Self::Wide(numbers) => numbers[index],
        }
    }
}

/// A line of the block directory.
#[derive(Clone, Copy, Debug)]
struct BlockEntry {
    first_chunk: u32,
    extent: Extent,
}

const TEXTS: TextLimits = TextLimits { count_max: 1 << 28, bytes_max: 1 << 31 };

/// A block read and verified, with what is needed to decode its chunks.
#[derive(Debug)]
pub struct LoadedBlock {
    /// The number of its first chunk.
    pub first_chunk: u32,
    spans: Vec<ChunkSpan>,
    bytes: Vec<u8>,
}

impl LoadedBlock {
    /// The numbers of its chunks in the segment.
    pub fn chunks(&self) -> std::ops::Range<u32> {
        let count = u32::try_from(self.spans.len()).unwrap_or(u32::MAX);
        self.first_chunk..self.first_chunk + count
    }
}

impl Segment {
    /// Opens the segment of `length` bytes that begins at `start` of `file`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is none; [`Error::Io`] if it cannot be read.
    pub fn open(file: Arc<dyn DiskFile>, start: u64, length: u64) -> Result<Self> {
        let corrupt = |at: u64, reason: &str| Error::corrupt(file.path(), start + at, reason);
        if length < MAGIC.len() as u64 + TAIL_BYTES {
            return Err(corrupt(0, "too short for a segment"));
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
        let segment = Self::with_footer(file, start, length, footer);
        segment.check_extents(at)?;
        Ok(segment)
    }

    fn with_footer(file: Arc<dyn DiskFile>, start: u64, length: u64, footer: Footer) -> Self {
        fn cells<T>(count: usize) -> Vec<OnceLock<T>> {
            std::iter::repeat_with(OnceLock::new).take(count).collect()
        }
        fn pages<T>(columns: usize, entries: u32) -> Vec<Vec<OnceLock<T>>> {
            let count = (entries as usize).div_ceil(PAGE_ENTRIES);
            std::iter::repeat_with(|| cells(count)).take(columns).collect()
        }
        let dimensions = footer.dimensions.len();
        let series_attributes = footer.series_attributes.len();
        Self {
            codes: cells(dimensions),
            keys: pages(dimensions, footer.series),
            indexes: cells(dimensions),
            spans: cells((footer.chunks as usize).div_ceil(PAGE_ENTRIES)),
            chunk_series: OnceLock::new(),
            totals: pages(footer.measures.len(), footer.chunks),
            values: cells(series_attributes + footer.observation_attributes.len()),
            series_values: pages(series_attributes, footer.series),
            blocks: OnceLock::new(),
            file,
            start,
            length,
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

    fn corrupt(&self, at: u64, reason: String) -> Error {
        Error::corrupt(PathBuf::from(self.file.path()), self.start + at, reason)
    }

    /// An error that says what is wrong with this segment as a whole.
    pub fn damage(&self, reason: String) -> Error {
        self.corrupt(0, reason)
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

    fn read_extent(&self, extent: Extent, name: &str) -> Result<Vec<u8>> {
        let end = extent.offset.checked_add(u64::from(extent.length));
        if end.is_none_or(|end| end > self.length) {
            let reason = format!("{name}: reaches beyond the end of the segment");
            return Err(self.corrupt(extent.offset, reason));
        }
        let mut bytes = vec![0; extent.length as usize];
        self.file.read_at(self.start + extent.offset, &mut bytes)?;
        if crc32c::crc32c(&bytes) == extent.checksum {
            Ok(bytes)
        } else {
            Err(self.corrupt(extent.offset, format!("{name}: the checksum is wrong")))
        }
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

    /// The codes of a dimension, in bytewise order.
    pub fn codes(&self, dimension: usize) -> Result<&Strings> {
        get_or_read(&self.codes[dimension], || {
            self.section(SectionKind::Codes, dimension, 0, |bytes| {
                let codes = Strings::read(&mut Reader::new(bytes), TEXTS)?;
                let is_sorted = codes.iter().zip(codes.iter().skip(1)).all(|(a, b)| a < b);
                is_sorted.then_some(codes).ok_or(Malformed::new(0, "codes out of order"))
            })
        })
    }

    /// The number of entries of a page of a table with `count` entries.
    fn page_len(count: u32, page: usize) -> usize {
        (count as usize - page * PAGE_ENTRIES).min(PAGE_ENTRIES)
    }

    fn number_page(
        &self,
        kind: SectionKind,
        component: usize,
        page: usize,
        number_max: usize,
    ) -> Result<CodePage> {
        let count = Self::page_len(self.footer.series, page);
        self.section(kind, component, page, |bytes| {
            let mut input = Reader::new(bytes);
            let numbers = read_column(&mut input, count)?;
            input.finish()?;
            let max = numbers.iter().max().copied().unwrap_or_default();
            if max as usize > number_max {
                return Err(Malformed::new(0, "a number beyond the end of its table"));
            }
            Ok(match u16::try_from(max) {
                #[expect(clippy::cast_possible_truncation, reason = "checked by the maximum")]
                Ok(_) => CodePage::Narrow(numbers.into_iter().map(|n| n as u16).collect()),
                #[expect(clippy::cast_possible_truncation, reason = "checked by the maximum")]
                Err(_) => CodePage::Wide(numbers.into_iter().map(|n| n as u32).collect()),
            })
        })
    }

    fn key_page(&self, dimension: usize, page: usize) -> Result<&CodePage> {
        get_or_read(&self.keys[dimension][page], || {
            let last = self.codes(dimension)?.len().saturating_sub(1);
            self.number_page(SectionKind::Keys, dimension, page, last)
        })
    }

    /// The code number of a series in a dimension, in the segment's own numbering.
    #[inline]
    pub fn code(&self, dimension: usize, series: u32) -> Result<u32> {
        let series = series as usize;
        Ok(self.key_page(dimension, series / PAGE_ENTRIES)?.get(series % PAGE_ENTRIES))
    }

    /// Appends the code numbers of all series in a dimension.
    pub fn codes_into(&self, dimension: usize, out: &mut Vec<u32>) -> Result<()> {
        for page in 0..self.keys[dimension].len() {
            match self.key_page(dimension, page)? {
                CodePage::Narrow(numbers) => out.extend(numbers.iter().map(|n| u32::from(*n))),
                CodePage::Wide(numbers) => out.extend_from_slice(numbers),
            }
        }
        Ok(())
    }

    /// The series that carry each code of a dimension.
    pub fn index(&self, dimension: usize) -> Result<&DimensionIndex> {
        get_or_read(&self.indexes[dimension], || {
            let codes = self.codes(dimension)?.len();
            self.section(SectionKind::Index, dimension, 0, |bytes| {
                let index = DimensionIndex::deserialize(bytes, self.footer.series);
                let index = index.map_err(|_| Malformed::new(0, "no dimension index"))?;
                let fits = index.code_count() as usize == codes;
                fits.then_some(index).ok_or(Malformed::new(0, "an index of other codes"))
            })
        })
    }

    /// The series with this key, given as the segment's own code numbers in the order of the
    /// structure. Found by binary search.
    pub fn find(&self, key: &[u32]) -> Result<Option<u32>> {
        let (mut low, mut high) = (0, self.footer.series);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.compare_key(middle, key)? {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    fn compare_key(&self, series: u32, key: &[u32]) -> Result<std::cmp::Ordering> {
        for dimension in &self.footer.order {
            let dimension = usize::from(*dimension);
            let ordering = self.code(dimension, series)?.cmp(&key[dimension]);
            if ordering.is_ne() {
                return Ok(ordering);
            }
        }
        Ok(std::cmp::Ordering::Equal)
    }

    fn span_page(&self, page: usize) -> Result<&Vec<ChunkSpan>> {
        get_or_read(&self.spans[page], || {
            let count = Self::page_len(self.footer.chunks, page);
            self.section(SectionKind::Spans, 0, page, |bytes| decode_spans(bytes, count))
        })
    }

    /// The time that a chunk covers.
    #[inline]
    pub fn span(&self, chunk: u32) -> Result<ChunkSpan> {
        let chunk = chunk as usize;
        Ok(self.span_page(chunk / PAGE_ENTRIES)?[chunk % PAGE_ENTRIES])
    }

    /// Whether every series has exactly one chunk, so that their numbers are equal.
    pub fn is_one_to_one(&self) -> bool {
        self.footer.series == self.footer.chunks
    }

    fn chunk_series(&self) -> Result<&Vec<u32>> {
        get_or_read(&self.chunk_series, || {
            let mut all = Vec::with_capacity(self.footer.chunks as usize);
            for page in 0..(self.footer.chunks as usize).div_ceil(PAGE_ENTRIES) {
                let count = Self::page_len(self.footer.chunks, page);
                all.extend(self.section(SectionKind::ChunkSeries, 0, page, |bytes| {
                    let numbers = read_column(&mut Reader::new(bytes), count)?;
                    let numbers = numbers.into_iter().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
                    Ok(numbers.collect::<Vec<u32>>())
                })?);
            }
            let is_sorted = all.is_sorted() && all.last().is_none_or(|n| *n < self.footer.series);
            if !is_sorted {
                return Err(self.corrupt(0, "series of chunks: out of order".to_owned()));
            }
            Ok(all)
        })
    }

    /// The series of a chunk.
    pub fn series_of(&self, chunk: u32) -> Result<u32> {
        if self.is_one_to_one() { Ok(chunk) } else { Ok(self.chunk_series()?[chunk as usize]) }
    }

    /// The chunks of a series.
    pub fn chunks_of(&self, series: u32) -> Result<std::ops::Range<u32>> {
        if self.is_one_to_one() {
            return Ok(series..series + 1);
        }
        let all = self.chunk_series()?;
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let from = all.partition_point(|of| *of < series);
        let to = all.partition_point(|of| *of <= series);
        Ok(narrow(from)..narrow(to))
    }

    /// The stored total of a chunk in a measure.
    pub fn total(&self, measure: usize, chunk: u32) -> Result<Total> {
        let (page, index) = (chunk as usize / PAGE_ENTRIES, chunk as usize % PAGE_ENTRIES);
        let totals = get_or_read(&self.totals[measure][page], || {
            let count = Self::page_len(self.footer.chunks, page);
            self.section(SectionKind::Totals, measure, page, |bytes| Totals::decode(bytes, count))
        })?;
        Ok(totals.get(index))
    }

    /// The values of an attribute: of the series first, then of the observation. Number 1 is the
    /// first text, number 0 no value.
    pub fn values(&self, attribute: usize) -> Result<&Strings> {
        get_or_read(&self.values[attribute], || {
            self.section(SectionKind::Values, attribute, 0, |bytes| {
                Strings::read(&mut Reader::new(bytes), TEXTS)
            })
        })
    }

    /// The value of an observation attribute with this number, as [`Chunk::attributes`] has them.
    pub fn observation_value(&self, attribute: usize, number: u32) -> Result<Option<&str>> {
        let table = self.values(self.footer.series_attributes.len() + attribute)?;
        Ok(number.checked_sub(1).and_then(|index| table.get(index as usize)))
    }

    /// The number of the value of an attribute of the series; 0 is none.
    pub fn series_value_number(&self, attribute: usize, series: u32) -> Result<u32> {
        let series = series as usize;
        let page = series / PAGE_ENTRIES;
        let numbers = get_or_read(&self.series_values[attribute][page], || {
            let last = self.values(attribute)?.len();
            self.number_page(SectionKind::SeriesValues, attribute, page, last)
        })?;
        Ok(numbers.get(series % PAGE_ENTRIES))
    }

    /// The value of an attribute of a series.
    pub fn series_value(&self, attribute: usize, series: u32) -> Result<Option<&str>> {
        let number = self.series_value_number(attribute, series)?;
        let table = self.values(attribute)?;
        Ok(number.checked_sub(1).and_then(|index| table.get(index as usize)))
    }

    /// The attributes of partial keys.
    pub fn partials(&self) -> Result<Vec<PartialGroup>> {
        if self.footer.partials == 0 {
            return Ok(Vec::new());
        }
        self.section(SectionKind::Partials, 0, 0, partials::decode)
    }

    fn blocks(&self) -> Result<&Vec<BlockEntry>> {
        get_or_read(&self.blocks, || {
            let count = self.footer.blocks as usize;
            self.section(SectionKind::Blocks, 0, 0, |bytes| {
                let mut input = Reader::new(bytes);
                let first_chunks = read_column(&mut input, count)?;
                let offsets = read_column(&mut input, count)?;
                let lengths = read_column(&mut input, count)?;
                let checksums = read_column(&mut input, count)?;
                input.finish()?;
                let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
                let extents = offsets.into_iter().zip(lengths.into_iter().zip(checksums));
                let extents = extents.map(|(offset, (length, checksum))| Extent {
                    offset,
                    length: narrow(length),
                    checksum: narrow(checksum),
                });
                let blocks = first_chunks.into_iter().zip(extents);
                let blocks = blocks.map(|(first, extent)| BlockEntry {
                    first_chunk: narrow(first),
                    extent,
                });
                Ok(blocks.collect())
            })
        })
    }

    /// The bytes of all blocks.
    pub fn blocks_bytes(&self) -> Result<u64> {
        Ok(self.blocks()?.iter().map(|block| u64::from(block.extent.length)).sum())
    }

    /// How many blocks it has.
    pub fn block_count(&self) -> u32 {
        self.footer.blocks
    }

    /// The block that holds a chunk.
    pub fn block_of(&self, chunk: u32) -> Result<u32> {
        let after = self.blocks()?.partition_point(|block| block.first_chunk <= chunk);
        let block = after.checked_sub(1).and_then(|index| u32::try_from(index).ok());
        block.ok_or_else(|| self.corrupt(0, "block directory: no block has the chunk".to_owned()))
    }

    /// Reads and verifies a block.
    pub fn read_block(&self, block: u32) -> Result<LoadedBlock> {
        let blocks = self.blocks()?;
        let entry = blocks.get(block as usize).ok_or_else(|| Error::bug("no such block"))?;
        let end = blocks.get(block as usize + 1).map_or(self.footer.chunks, |b| b.first_chunk);
        if end < entry.first_chunk || end > self.footer.chunks {
            return Err(self.corrupt(0, "block directory: chunks out of order".to_owned()));
        }
        let spans = (entry.first_chunk..end).map(|chunk| self.span(chunk));
        let spans = spans.collect::<Result<Vec<_>>>()?;
        let bytes = self.read_extent(entry.extent, "block")?;
        Ok(LoadedBlock { first_chunk: entry.first_chunk, spans, bytes })
    }

    /// Decodes chunks of a block, by their numbers in the segment, in this order.
    pub fn decode_chunks(
        &self,
        block: &LoadedBlock,
        chunks: &[u32],
        wanted: &Wanted,
        mut each: impl FnMut(u32, Chunk) -> Result<()>,
    ) -> Result<()> {
        let malformed = |e: Malformed| self.corrupt(0, format!("block: {} at {}", e.reason, e.at));
        let parsed = Block::parse(&block.bytes, &block.spans, wanted).map_err(malformed)?;
        for chunk in chunks {
            let index = chunk.checked_sub(block.first_chunk).unwrap_or(u32::MAX) as usize;
            each(*chunk, parsed.decode(index, &block.spans).map_err(malformed)?)?;
        }
        Ok(())
    }

    /// Reads one chunk whole.
    pub fn read_chunk(&self, chunk: u32) -> Result<Chunk> {
        let block = self.read_block(self.block_of(chunk)?)?;
        let wanted =
            Wanted::all(self.footer.measures.len(), self.footer.observation_attributes.len());
        let mut found = None;
        self.decode_chunks(&block, &[chunk], &wanted, |_, chunk| {
            found = Some(chunk);
            Ok(())
        })?;
        found.ok_or_else(|| Error::bug("a chunk was not decoded"))
    }
}

fn decode_spans(bytes: &[u8], count: usize) -> Result<Vec<ChunkSpan>, Malformed> {
    use crate::codec::column::Column;
    let mut input = Reader::new(bytes);
    let forms = read_column(&mut input, count)?;
    let firsts = Column::read(&mut input, count)?;
    let mut first_slots = Vec::with_capacity(count.min(firsts.len()));
    firsts.decode_i64_into(&mut first_slots)?;
    let slots = read_column(&mut input, count)?;
    let absent = read_column(&mut input, count)?;
    input.finish()?;
    if first_slots.len() != count {
        return Err(input.malformed("first slots of another number"));
    }
    let mut spans = Vec::with_capacity(count);
    for (((form, first), slots), absent) in forms.iter().zip(first_slots).zip(slots).zip(absent) {
        let form = u8::try_from(*form).ok().and_then(PeriodForm::from_number);
        let span = form.zip(i32::try_from(first).ok()).zip(u16::try_from(slots).ok());
        let observations = slots.checked_sub(absent).and_then(|n| u16::try_from(n).ok());
        let (Some(((form, first), slots)), Some(observations)) = (span, observations) else {
            return Err(input.malformed("no span of a chunk"));
        };
        spans.push(ChunkSpan { form, first, slots, observations });
    }
    Ok(spans)
}

/// The value of a cell, read now if it was not before. Two threads may both read it; one wins.
fn get_or_read<T>(cell: &OnceLock<T>, read: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = read()?;
    Ok(cell.get_or_init(|| value))
}
