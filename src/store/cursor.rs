//! Reads the chunks that a request wants, one after the other.
//!
//! A cursor is pulled: whoever stops pulling has cancelled it. In stored order it holds one block,
//! and decodes one chunk at a time, in the memory of the one before. In key order it holds the
//! chunks of a few hundred series, since neighbours in that order lie in different blocks, and each
//! block shall be read once for all of them.

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::ORDERED_SLOTS_MAX;
use crate::model::PeriodForm;
use crate::segment;
use crate::segment::{BlockDecoder, ChunkSpan, Wanted};
use crate::store::blocks::{BlockCursor, wanted_of_parts};
use crate::store::cube::Cube;
use crate::store::filter::{PeriodFilter, ScanOrder, ScanRequest};
use crate::store::walk::{Place, SeriesWalk};

/// Slots that are decoded ahead in the first batch of series in key order.
const ORDERED_SLOTS_MIN: usize = 512;
/// What a decoded chunk costs besides its slots, in slots.
const CHUNK_COST_SLOTS: usize = 32;

/// A decoded chunk, and what the request wants of it.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The part of the cube it is from.
    pub part: usize,
    /// The number of its series in the part.
    pub series: u32,
    /// Its number in the part.
    pub chunk: u32,
    /// The positions that the request wants, ascending and disjoint; absent ones among them.
    pub positions: Vec<Range<usize>>,
    /// The chunk. Only measures and attributes of the request are filled; observation attributes
    /// stand in the order in which the segment has them.
    pub data: Arc<segment::Chunk>,
}

/// Reads the chunks of a request.
#[derive(Debug)]
pub struct Cursor {
    plan: Plan,
    current: Chunk,
    /// Whether `current` is the chunk that was asked for last.
    has_current: bool,
}

#[derive(Debug)]
enum Plan {
    /// In stored order: of the block at hand, the next chunk that is wanted.
    Stored { blocks: Box<BlockCursor>, next: usize },
    /// In key order.
    Key(Box<KeyOrder>),
}

/// Series in key order, read ahead in batches.
#[derive(Debug)]
struct KeyOrder {
    cube: Arc<Cube>,
    periods: PeriodFilter,
    wanted: Vec<Wanted>,
    walk: SeriesWalk,
    ends: Ends,
    /// Slots of a batch.
    slots: usize,
    decoder: BlockDecoder,
    ready: VecDeque<Chunk>,
    /// Chunks that nobody needs any more, and whose memory the next ones take.
    spare: Vec<Chunk>,
}

impl Chunk {
    fn empty() -> Self {
        let data = Arc::new(segment::Chunk::empty());
        Self { part: 0, series: 0, chunk: 0, positions: Vec::new(), data }
    }
}

/// The data of a chunk to decode into: its own, if nobody else has it.
fn data_mut(data: &mut Arc<segment::Chunk>) -> Result<&mut segment::Chunk> {
    if Arc::get_mut(data).is_none() {
        *data = Arc::new(segment::Chunk::empty());
    }
    Arc::get_mut(data).ok_or_else(|| Error::bug("a new chunk is shared"))
}

impl Cursor {
    pub(crate) fn new(cube: Arc<Cube>, request: ScanRequest) -> Self {
        match &request.order {
            ScanOrder::Stored => {
                let blocks = Box::new(BlockCursor::new(cube, request));
                let plan = Plan::Stored { blocks, next: 0 };
                Self { plan, current: Chunk::empty(), has_current: false }
            }
            ScanOrder::Key(dimensions) => {
                let walk = SeriesWalk::new(&cube, &request.series, dimensions);
                Self::of_walk(cube, walk, Ends::default(), request)
            }
        }
    }

    /// Reads what is left of a walk; of each series no chunk that the ends can do without.
    pub(super) fn of_walk(
        cube: Arc<Cube>,
        walk: SeriesWalk,
        ends: Ends,
        request: ScanRequest,
    ) -> Self {
        let order = KeyOrder {
            wanted: wanted_of_parts(&cube, &request),
            cube,
            periods: request.periods,
            walk,
            ends,
            slots: ORDERED_SLOTS_MIN,
            decoder: BlockDecoder::default(),
            ready: VecDeque::new(),
            spare: Vec::new(),
        };
        Self { plan: Plan::Key(Box::new(order)), current: Chunk::empty(), has_current: false }
    }

    /// The next chunk; absent at the end.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a block cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it lends what it owns, and may fail")]
    pub fn next(&mut self) -> Result<Option<&Chunk>> {
        self.has_current = match &mut self.plan {
            Plan::Stored { blocks, next } => next_stored(blocks, next, &mut self.current)?,
            Plan::Key(order) => order.next(&mut self.current)?,
        };
        Ok(self.has_current.then_some(&self.current))
    }

    /// The next chunk, to keep.
    pub(super) fn take(&mut self) -> Result<Option<Chunk>> {
        Ok(self.next()?.cloned())
    }
}

/// Decodes the next chunk that is wanted of a block, or of the next one.
fn next_stored(blocks: &mut BlockCursor, next: &mut usize, out: &mut Chunk) -> Result<bool> {
    loop {
        let (part, chunks) = blocks.step();
        if let Some((chunk, series)) = chunks.get(*next) {
            *next += 1;
            (out.part, out.chunk, out.series) = (part, *chunk, *series);
            let data = data_mut(&mut out.data)?;
            blocks.decode(*chunk, data)?;
            blocks.periods().positions_into(data.form, data.first, data.slots, &mut out.positions);
            return Ok(true);
        }
        *next = 0;
        if !blocks.advance_chunks()? {
            return Ok(false);
        }
    }
}

impl KeyOrder {
    fn next(&mut self, out: &mut Chunk) -> Result<bool> {
        while self.ready.is_empty() {
            if !self.read_batch()? {
                return Ok(false);
            }
        }
        if let Some(next) = self.ready.pop_front() {
            self.spare.push(mem::replace(out, next));
        }
        Ok(true)
    }

    /// Queues the next series in key order: as many as may be decoded ahead, so that a block which
    /// holds chunks of many of them is read and parsed once.
    fn read_batch(&mut self) -> Result<bool> {
        let mut batch = Batch::default();
        while batch.slots < self.slots {
            let Some(series) = self.walk.peek()? else { break };
            batch.push(&self.cube, &self.periods, self.ends, series)?;
            self.walk.advance();
        }
        // The first series shall come soon, the others fast.
        self.slots = (self.slots * 2).min(ORDERED_SLOTS_MAX);
        let is_end = batch.series.is_empty() && self.walk.peek()?.is_none();
        let mut decoded = self.decode(&batch)?.into_iter();
        for (count, is_mixed) in batch.series {
            let chunks = decoded.by_ref().take(count).flatten();
            if is_mixed {
                self.ready.extend(in_text_order(&chunks.collect::<Vec<_>>()));
            } else {
                self.ready.extend(chunks);
            }
        }
        self.spare.clear();
        Ok(!is_end)
    }

    /// Decodes the chunks of a batch, block by block.
    fn decode(&mut self, batch: &Batch) -> Result<Vec<Option<Chunk>>> {
        let mut steps = Vec::with_capacity(batch.chunks.len());
        for (index, (part, chunk, _)) in batch.chunks.iter().enumerate() {
            let block = self.cube.parts()[*part].segment().block_of(*chunk)?;
            steps.push((*part, block, index));
        }
        steps.sort_unstable();
        let mut decoded = Vec::new();
        decoded.resize_with(batch.chunks.len(), || None);
        for same in steps.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some(&(part, block, _)) = same.first() else { continue };
            let segment = self.cube.parts()[part].segment();
            let block = segment.read_block(block)?;
            let first = block.chunks().start;
            let indexes =
                same.iter().map(|(_, _, index)| (batch.chunks[*index].1 - first) as usize);
            segment.open_block(block, &self.wanted[part], indexes, &mut self.decoder)?;
            for (_, _, index) in same {
                let (_, number, series) = batch.chunks[*index];
                let mut chunk = self.spare.pop().unwrap_or_else(Chunk::empty);
                (chunk.part, chunk.chunk, chunk.series) = (part, number, series);
                let data = data_mut(&mut chunk.data)?;
                segment.decode_chunk(&self.decoder, (number - first) as usize, data)?;
                let (form, first, slots) = (data.form, data.first, data.slots);
                self.periods.positions_into(form, first, slots, &mut chunk.positions);
                decoded[*index] = Some(chunk);
            }
        }
        Ok(decoded)
    }
}

/// Which observations of a series are wanted, counted from its ends; all where neither is said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    /// So many of the first.
    pub(super) first: Option<u64>,
    /// So many of the last.
    pub(super) last: Option<u64>,
}

impl Ends {
    /// How many are wanted of so many.
    pub(super) fn most(self, count: u64) -> u64 {
        if self.first.is_none() && self.last.is_none() {
            return count;
        }
        self.first.unwrap_or(0).saturating_add(self.last.unwrap_or(0)).min(count)
    }
}

/// Series to read at one go.
#[derive(Debug, Default)]
struct Batch {
    /// Part, chunk, and series of each chunk, in the order wanted.
    chunks: Vec<(usize, u32, u32)>,
    /// Of each series, how many of these chunks it has, and whether they must be mixed.
    series: Vec<(usize, bool)>,
    slots: usize,
}

impl Batch {
    /// Adds the chunks of a series that are wanted.
    fn push(
        &mut self,
        cube: &Cube,
        periods: &PeriodFilter,
        ends: Ends,
        series: &[Place],
    ) -> Result<()> {
        let from = self.chunks.len();
        let mut spans = Vec::with_capacity(1);
        for (part, ordinal) in series {
            for chunk in cube.parts()[*part].live_chunks(*ordinal)? {
                let span = cube.parts()[*part].span(chunk)?;
                if periods.wants(span.form, span.first, usize::from(span.slots)) {
                    self.slots += usize::from(span.slots) + CHUNK_COST_SLOTS;
                    self.chunks.push((*part, chunk, *ordinal));
                    spans.push((span, (*part, chunk, *ordinal)));
                }
            }
        }
        if spans.is_empty() {
            return Ok(());
        }
        let form = spans[0].0.form;
        let is_mixed = spans.len() > 1
            && (form == PeriodForm::Other || spans.iter().any(|(span, _)| span.form != form));
        if !is_mixed && spans.len() > 1 {
            spans.sort_by_key(|(span, _)| span.first);
            let sure = |span: &ChunkSpan| periods.observations(span).start;
            let total: u64 = spans.iter().map(|(span, _)| sure(span)).sum();
            let mut before = 0;
            spans.retain(|(span, _)| {
                let after = total - before - sure(span);
                let is_first = ends.first.is_some_and(|count| before < count);
                let is_last = ends.last.is_some_and(|count| after < count);
                before += sure(span);
                is_first || is_last || ends.first.is_none() && ends.last.is_none()
            });
            self.chunks.truncate(from);
            self.chunks.extend(spans.iter().map(|(_, chunk)| *chunk));
        }
        self.series.push((spans.len(), is_mixed));
        Ok(())
    }
}

/// The chunks of one series in the order of the texts of their periods, which may mean a chunk more
/// than once.
fn in_text_order(whole: &[Chunk]) -> Vec<Chunk> {
    let mut rows: Vec<(Vec<u8>, usize, usize)> = Vec::new();
    for (index, chunk) in whole.iter().enumerate() {
        for position in
            chunk.positions.iter().flat_map(|range| chunk.data.present(range.clone())).flatten()
        {
            let mut text = Vec::new();
            chunk.data.write_period(position, &mut text);
            rows.push((text, index, position));
        }
    }
    rows.sort_unstable();
    pieces(whole, rows.into_iter().map(|(_, index, position)| (index, position)))
}

/// Single observations, each a chunk and a position in it, as chunks: neighbours together.
pub(super) fn pieces(
    whole: &[Chunk],
    observations: impl Iterator<Item = (usize, usize)>,
) -> Vec<Chunk> {
    let mut pieces: Vec<Chunk> = Vec::new();
    for (index, position) in observations {
        let from = &whole[index];
        let continues = pieces.last_mut().filter(|last| {
            let end = last.positions.last().map(|range| range.end);
            last.part == from.part && last.chunk == from.chunk && end == Some(position)
        });
        if let Some(range) = continues.and_then(|last| last.positions.last_mut()) {
            range.end += 1;
        } else {
            let only = position..position + 1;
            pieces.push(Chunk { positions: vec![only], ..from.clone() });
        }
    }
    pieces
}
