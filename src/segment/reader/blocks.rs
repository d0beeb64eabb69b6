//! The blocks of a segment: their directory, reading one, decoding its chunks.

use std::ops::Range;

use crate::codec::{Malformed, Reader};
use crate::error::{Error, Result};
use crate::limits::BLOCK_CHUNKS_MAX;
use crate::segment::block::{Block, ChunkSpan, Wanted};
use crate::segment::chunk::Chunk;
use crate::segment::layout::{Extent, SectionKind};
use crate::segment::reader::{Segment, get_or_read};
use crate::segment::totals::read_column;

/// A line of the block directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockEntry {
    first_chunk: u32,
    pub(super) extent: Extent,
}

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
    pub fn chunks(&self) -> Range<u32> {
        let count = u32::try_from(self.spans.len()).unwrap_or(u32::MAX);
        self.first_chunk..self.first_chunk + count
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

    /// Reads and verifies a block.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Io`] where it cannot be read.
    pub fn read_block(&self, block: u32) -> Result<LoadedBlock> {
        let blocks = self.blocks()?;
        let entry = blocks.get(block as usize).ok_or_else(|| Error::bug("no such block"))?;
        let end = blocks.get(block as usize + 1).map_or(self.footer.chunks, |b| b.first_chunk);
        let is_in_order = end >= entry.first_chunk && end <= self.footer.chunks;
        if !is_in_order || (end - entry.first_chunk) as usize > BLOCK_CHUNKS_MAX {
            return Err(self.corrupt(0, "block directory: chunks out of order".to_owned()));
        }
        let spans = (entry.first_chunk..end).map(|chunk| self.span(chunk));
        let spans = spans.collect::<Result<Vec<_>>>()?;
        let bytes = self.read_extent(entry.extent, "block")?;
        Ok(LoadedBlock { first_chunk: entry.first_chunk, spans, bytes })
    }

    /// Decodes chunks of a block, by their numbers in the segment, in this order.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if they cannot be decoded; those of `each`.
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
