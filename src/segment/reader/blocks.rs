//! The blocks of a segment: their directory, reading some, decoding their chunks.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::codec::batch::Batch;
use crate::codec::{Malformed, Reader};
use crate::error::{Error, Result};
use crate::limits::{BLOCK_CHUNKS_MAX, BLOCKS_READ_BYTES, Reservation};
use crate::segment::block::{ChunkSpan, Wanted};
use crate::segment::chunk::Chunk;
use crate::segment::decoder::BlockDecoder;
use crate::segment::layout::{Extent, PAGE_ENTRIES, SectionKind};
use crate::segment::reader::{Segment, get_or_read};
use crate::segment::totals::read_column;

/// Bytes of zero behind those of a block in memory, so that the last numbers are decoded as the
/// others are: eight at a time, by loads of whole words.
const PADDING_BYTES: usize = Batch::PADDING_BYTES;

/// A line of the block directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockEntry {
    first_chunk: u32,
    pub(super) extent: Extent,
}

/// A block read and verified.
#[derive(Debug)]
pub struct LoadedBlock {
    chunks: Range<u32>,
    /// The bytes of the block, and [`PADDING_BYTES`].
    padded: Box<[u8]>,
    /// The account of its memory, where a cache keeps it.
    memory: OnceLock<Reservation>,
}

impl LoadedBlock {
    pub(crate) fn new(chunks: Range<u32>, bytes: &[u8]) -> Self {
        let mut padded = Vec::with_capacity(bytes.len() + PADDING_BYTES);
        padded.extend_from_slice(bytes);
        padded.resize(bytes.len() + PADDING_BYTES, 0);
        Self { chunks, padded: padded.into_boxed_slice(), memory: OnceLock::new() }
    }

    /// The numbers of its chunks in the segment.
    pub fn chunks(&self) -> Range<u32> {
        self.chunks.clone()
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.padded.get(..self.padded.len() - PADDING_BYTES).unwrap_or_default()
    }

    /// Its bytes, and zeros that belong to nothing.
    pub(crate) fn padded(&self) -> &[u8] {
        &self.padded
    }

    /// Gives the memory back to its account when the block is dropped.
    pub(crate) fn account(&self, memory: Reservation) {
        // Accounted once is enough.
        self.memory.get_or_init(|| memory);
    }

    /// Bytes of memory it takes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        (self.padded.len() + size_of::<Self>()) as u64
    }
}

impl Segment {
    /// The block directory.
    pub(super) fn blocks(&self) -> Result<&Vec<BlockEntry>> {
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
                let blocks =
                    blocks.map(|(first, extent)| BlockEntry { first_chunk: narrow(first), extent });
                Ok(blocks.collect())
            })
        })
    }

    /// The bytes of all blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Io`] where it cannot be read.
    pub fn blocks_bytes(&self) -> Result<u64> {
        Ok(self.blocks()?.iter().map(|block| u64::from(block.extent.length)).sum())
    }

    /// How many blocks it has.
    pub fn block_count(&self) -> u32 {
        self.footer.blocks
    }

    /// The block that holds a chunk.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if none does; [`Error::Io`].
    pub fn block_of(&self, chunk: u32) -> Result<u32> {
        let after = self.blocks()?.partition_point(|block| block.first_chunk <= chunk);
        let block = after.checked_sub(1).and_then(|index| u32::try_from(index).ok());
        block.ok_or_else(|| self.corrupt(0, "block directory: no block has the chunk".to_owned()))
    }

    /// The numbers of the chunks of a block.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if the directory is in disorder; [`Error::Io`].
    pub fn chunks_of_block(&self, block: u32) -> Result<Range<u32>> {
        let blocks = self.blocks()?;
        let entry = blocks.get(block as usize).ok_or_else(|| Error::bug("no such block"))?;
        let end = blocks.get(block as usize + 1).map_or(self.footer.chunks, |b| b.first_chunk);
        let is_in_order = end >= entry.first_chunk && end <= self.footer.chunks;
        if is_in_order && (end - entry.first_chunk) as usize <= BLOCK_CHUNKS_MAX {
            Ok(entry.first_chunk..end)
        } else {
            Err(self.corrupt(0, "block directory: chunks out of order".to_owned()))
        }
    }

    /// Reads and verifies a block, unless the cache has it.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Io`] where it cannot be read.
    pub fn read_block(&self, block: u32) -> Result<Arc<LoadedBlock>> {
        let mut read = Vec::with_capacity(1);
        self.read_blocks(block..block.saturating_add(1), &mut read)?;
        read.pop().ok_or_else(|| Error::bug("a block was not read"))
    }

    /// Reads and verifies the first of `blocks`, and at the same go as many of the next ones as
    /// stand side by side, are not in the cache, and are not too long together. Appends at least
    /// one, in order, unless there is none.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Io`] where they cannot be read.
    pub fn read_blocks(&self, blocks: Range<u32>, out: &mut Vec<Arc<LoadedBlock>>) -> Result<()> {
        if let Some(known) = self.cached(blocks.start) {
            out.push(known);
            return Ok(());
        }
        let directory = self.blocks()?;
        let first = directory.get(blocks.start as usize);
        let first = first.ok_or_else(|| Error::bug("no such block"))?.extent;
        let mut length = first.length;
        let mut count = 1;
        for block in blocks.clone().skip(1) {
            let Some(next) = directory.get(block as usize) else { break };
            let is_next = next.extent.offset == first.offset + u64::from(length);
            let after = length.saturating_add(next.extent.length);
            if !is_next || after as usize > BLOCKS_READ_BYTES || self.cached(block).is_some() {
                break;
            }
            length = after;
            count += 1;
        }
        let bytes = self.read_bytes(first.offset, length, "block")?;
        let mut rest = bytes.as_slice();
        for block in blocks.take(count) {
            let Some(entry) = directory.get(block as usize) else { break };
            let own = rest.split_off(..entry.extent.length as usize).unwrap_or_default();
            if crc32c::crc32c(own) != entry.extent.checksum {
                // Of those read ahead nobody may want it: it is damage when it is asked for.
                if entry.extent == first {
                    return Err(self.wrong_checksum(first.offset, "block"));
                }
                break;
            }
            let loaded = Arc::new(LoadedBlock::new(self.chunks_of_block(block)?, own));
            self.keep(block, &loaded);
            out.push(loaded);
        }
        Ok(())
    }

    /// Parses a block into `decoder`, as much of it as is wanted of the chunks with these numbers in the
    /// block. Of others nothing may be asked.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it cannot be; [`Error::Io`].
    pub fn open_block(
        &self,
        block: Arc<LoadedBlock>,
        wanted: &Wanted,
        chunks: impl Iterator<Item = usize> + Clone,
        decoder: &mut BlockDecoder,
    ) -> Result<()> {
        self.spans_into(block.chunks(), decoder.spans_mut())?;
        decoder.open(block, wanted, chunks).map_err(|error| self.malformed_block(error))
    }

    /// Decodes a chunk of the block that `decoder` has, by its number in the block, in the memory
    /// of another.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it cannot be decoded.
    pub fn decode_chunk(
        &self,
        decoder: &BlockDecoder,
        index: usize,
        chunk: &mut Chunk,
    ) -> Result<()> {
        decoder.chunk_into(index, chunk).map_err(|error| self.malformed_block(error))
    }

    /// Decodes the numbers of chunks of the block that `decoder` has, by their numbers in the block,
    /// at some of their positions.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if they cannot be decoded.
    pub fn decode_numbers(
        &self,
        decoder: &mut BlockDecoder,
        chunks: &(impl Iterator<Item = (usize, Range<usize>)> + Clone),
    ) -> Result<()> {
        decoder.decode_numbers(chunks).map_err(|error| self.malformed_block(error))
    }

    /// Decodes the numbers of those of these chunks of the block that `decoder` has, by their numbers
    /// in the block, that do not give each by itself.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if they cannot be decoded.
    pub fn decode_joined(
        &self,
        decoder: &mut BlockDecoder,
        chunks: &(impl Iterator<Item = usize> + Clone),
    ) -> Result<()> {
        decoder.decode_joined(chunks).map_err(|error| self.malformed_block(error))
    }

    fn malformed_block(&self, error: Malformed) -> Error {
        self.corrupt(0, format!("block: {} at {}", error.reason, error.at))
    }

    /// The spans of neighbouring chunks, in place of what `out` had.
    fn spans_into(&self, chunks: Range<u32>, out: &mut Vec<ChunkSpan>) -> Result<()> {
        out.clear();
        let (mut at, end) = (chunks.start as usize, chunks.end as usize);
        while at < end {
            let page = self.spans_page(at / PAGE_ENTRIES)?;
            let from = at % PAGE_ENTRIES;
            let to = (from + end - at).min(PAGE_ENTRIES);
            let spans = page.get(from..to).ok_or_else(|| Error::bug("no such chunk"))?;
            out.extend_from_slice(spans);
            at += to - from;
        }
        Ok(())
    }

    /// Decodes chunks of a block, by their numbers in the segment, in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if they cannot be decoded; those of `each`.
    pub fn decode_chunks(
        &self,
        block: &Arc<LoadedBlock>,
        chunks: &[u32],
        wanted: &Wanted,
        mut each: impl FnMut(u32, Chunk) -> Result<()>,
    ) -> Result<()> {
        let mut decoder = BlockDecoder::default();
        let first = block.chunks.start;
        let place = |number: &u32| number.checked_sub(first).unwrap_or(u32::MAX) as usize;
        self.open_block(Arc::clone(block), wanted, chunks.iter().map(place), &mut decoder)?;
        for number in chunks {
            let index = place(number);
            let mut chunk = Chunk::empty();
            self.decode_chunk(&decoder, index, &mut chunk)?;
            each(*number, chunk)?;
        }
        Ok(())
    }

    /// Reads one chunk whole.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Io`] where it cannot be read.
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
