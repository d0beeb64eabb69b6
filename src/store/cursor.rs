//! Reads the chunks that a request wants, one after the other.
//!
//! A cursor is pulled: whoever stops pulling has cancelled it. It holds the chunks of one block at
//! a time; in key order those of a few hundred series, since neighbours in that order lie in
//! different blocks, and each block shall be read once for all of them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::limits::ORDERED_SLOTS_MAX;
use crate::model::PeriodForm;
use crate::segment;
use crate::segment::{ChunkSpan, Wanted};
use crate::store::cube::Cube;
use crate::store::filter::{PeriodFilter, ScanOrder, ScanRequest, Selections};
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

/// Where the cursor goes next: chunks of one part that lie in one block.
#[derive(Debug)]
struct Step {
    part: usize,
    block: u32,
    /// The chunks, each with its series, in the order wanted.
    chunks: Vec<(u32, u32)>,
}

/// Reads the chunks of a request.
#[derive(Debug)]
pub struct Cursor {
    cube: Arc<Cube>,
    periods: PeriodFilter,
    wanted: Vec<Wanted>,
    plan: Plan,
    ready: VecDeque<Chunk>,
    current: Option<Chunk>,
}

#[derive(Debug)]
enum Plan {
    /// The selected chunks of each part, in stored order: part, and the first chunk not yet looked at.
    Stored { part: usize, from: u32, series: Selections },
    /// Series in key order, read ahead in batches of so many slots.
    Key { walk: SeriesWalk, ends: Ends, slots: usize },
}

impl Cursor {
    pub(crate) fn new(cube: Arc<Cube>, request: ScanRequest) -> Self {
        let wanted = cube.parts().iter().map(|part| {
            let footer = part.segment().footer();
            let measures = (0..footer.measures.len()).map(|m| request.measures.contains(&m));
            let attributes = footer.observation_attributes.iter().map(|id| {
                let flow = cube.flow().attributes();
                request.attributes.iter().any(|a| flow.get(*a).is_some_and(|a| a.id == *id))
            });
            Wanted { measures: measures.collect(), attributes: attributes.collect() }
        });
        let wanted = wanted.collect();
        let plan = match &request.order {
            ScanOrder::Stored => Plan::Stored { part: 0, from: 0, series: request.series },
            ScanOrder::Key(dimensions) => {
                let walk = SeriesWalk::new(&cube, &request.series, dimensions);
                Plan::Key { walk, ends: Ends::default(), slots: ORDERED_SLOTS_MIN }
            }
        };
        let (ready, current) = (VecDeque::new(), None);
        Self { cube, periods: request.periods, wanted, plan, ready, current }
    }

    /// Reads what is left of a walk; of each series no chunk that the ends can do without.
    pub(super) fn of_walk(
        cube: Arc<Cube>,
        walk: SeriesWalk,
        ends: Ends,
        request: ScanRequest,
    ) -> Self {
        let mut cursor = Self::new(cube, request);
        cursor.plan = Plan::Key { walk, ends, slots: ORDERED_SLOTS_MIN };
        cursor
    }

    /// The next chunk; absent at the end.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a block cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it lends what it owns, and may fail")]
    pub fn next(&mut self) -> Result<Option<&Chunk>> {
        while self.ready.is_empty() {
            let more = match &mut self.plan {
                Plan::Stored { part, from, series } => {
                    match next_block(&self.cube, &self.periods, series, part, from)? {
                        Some(step) => {
                            self.read(&step)?;
                            true
                        }
                        None => false,
                    }
                }
                Plan::Key { .. } => self.read_batch()?,
            };
            if !more {
                return Ok(None);
            }
        }
        self.current = self.ready.pop_front();
        Ok(self.current.as_ref())
    }

    /// The next chunk, to keep.
    pub(super) fn take(&mut self) -> Result<Option<Chunk>> {
        self.next()?;
        Ok(self.current.take())
    }

    /// Reads one block, and queues the chunks that a step wants of it.
    fn read(&mut self, step: &Step) -> Result<()> {
        let segment = self.cube.parts()[step.part].segment();
        let block = segment.read_block(step.block)?;
        let numbers: Vec<u32> = step.chunks.iter().map(|(chunk, _)| *chunk).collect();
        let mut series = step.chunks.iter().map(|(_, series)| *series);
        let (ready, periods) = (&mut self.ready, &self.periods);
        segment.decode_chunks(&block, &numbers, &self.wanted[step.part], |chunk, data| {
            let positions = periods.positions(data.form, data.first, data.slots);
            let series = series.next().unwrap_or_default();
            let data = Arc::new(data);
            ready.push_back(Chunk { part: step.part, series, chunk, positions, data });
            Ok(())
        })
    }

    /// Queues the next series in key order: as many as may be decoded ahead, so that a block which
    /// holds chunks of many of them is read and parsed once.
    fn read_batch(&mut self) -> Result<bool> {
        let Plan::Key { walk, ends, slots } = &mut self.plan else { return Ok(false) };
        let mut batch = Batch::default();
        while batch.slots < *slots {
            let Some(series) = walk.peek()? else { break };
            batch.push(&self.cube, &self.periods, *ends, series)?;
            walk.advance();
        }
        // The first series shall come soon, the others fast.
        *slots = (*slots * 2).min(ORDERED_SLOTS_MAX);
        let is_end = batch.series.is_empty() && walk.peek()?.is_none();
        let mut decoded = self.decode(&batch)?.into_iter();
        for (count, is_mixed) in batch.series {
            let chunks = decoded.by_ref().take(count).flatten();
            if is_mixed {
                self.ready.extend(in_text_order(&chunks.collect::<Vec<_>>()));
            } else {
                self.ready.extend(chunks);
            }
        }
        Ok(!is_end)
    }

    /// Decodes the chunks of a batch, block by block.
    fn decode(&self, batch: &Batch) -> Result<Vec<Option<Chunk>>> {
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
            let indexes = same.iter().map(|(_, _, index)| *index);
            let numbers: Vec<u32> = indexes.clone().map(|index| batch.chunks[index].1).collect();
            let mut indexes = indexes;
            segment.decode_chunks(&block, &numbers, &self.wanted[part], |chunk, data| {
                let positions = self.periods.positions(data.form, data.first, data.slots);
                if let Some(index) = indexes.next() {
                    let series = batch.chunks[index].2;
                    let data = Arc::new(data);
                    decoded[index] = Some(Chunk { part, series, chunk, positions, data });
                }
                Ok(())
            })?;
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

/// The next block that holds chunks wanted in stored order.
fn next_block(
    cube: &Cube,
    periods: &PeriodFilter,
    series: &Selections,
    part_index: &mut usize,
    from: &mut u32,
) -> Result<Option<Step>> {
    while let Some(part) = cube.parts().get(*part_index) {
        let selection = &series.0[*part_index];
        let mut step: Option<Step> = None;
        let first = *from;
        if first < part.segment().chunk_count() {
            let series = selection.iter_from(part.segment().series_of(first)?);
            'series: for ordinal in series {
                for chunk in part.live_chunks(ordinal)?.filter(|chunk| *chunk >= first) {
                    let span = part.span(chunk)?;
                    if periods.wants(span.form, span.first, usize::from(span.slots)) {
                        let block = part.segment().block_of(chunk)?;
                        let part = *part_index;
                        let step = step.get_or_insert(Step { part, block, chunks: Vec::new() });
                        if step.block != block {
                            break 'series;
                        }
                        step.chunks.push((chunk, ordinal));
                    }
                    *from = chunk + 1;
                }
            }
        }
        if step.is_some() {
            return Ok(step);
        }
        *part_index += 1;
        *from = 0;
    }
    Ok(None)
}
