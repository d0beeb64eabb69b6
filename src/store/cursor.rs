//! Reads the chunks that a request wants, one after the other.
//!
//! A cursor is pulled: whoever stops pulling has cancelled it. It holds the chunks of one block at
//! a time, or of one series where its chunks must be brought into the order of their periods.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::vec::IntoIter;

use crate::error::Result;
use crate::model::PeriodForm;
use crate::segment;
use crate::segment::Wanted;
use crate::store::cube::Cube;
use crate::store::filter::{PeriodFilter, ScanOrder, ScanRequest};

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
    Stored { part: usize, from: u32, request: ScanRequest },
    /// Series in key order, the chunks of a series together: (part, chunk, series).
    Key { series: IntoIter<Vec<(usize, u32, u32)>>, ahead: Option<Vec<(usize, u32, u32)>> },
}

impl Cursor {
    pub(crate) fn new(cube: Arc<Cube>, request: ScanRequest) -> Result<Self> {
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
        let periods = request.periods.clone();
        let plan = match &request.order {
            ScanOrder::Stored => Plan::Stored { part: 0, from: 0, request },
            ScanOrder::Key(dimensions) => {
                let series = in_key_order(&cube, &request, dimensions)?.into_iter();
                Plan::Key { series, ahead: None }
            }
        };
        Ok(Self { cube, periods, wanted, plan, ready: VecDeque::new(), current: None })
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
                Plan::Stored { part, from, request } => {
                    match next_block(&self.cube, &self.periods, request, part, from)? {
                        Some(step) => {
                            self.read(&step)?;
                            true
                        }
                        None => false,
                    }
                }
                Plan::Key { .. } => self.read_series()?,
            };
            if !more {
                return Ok(None);
            }
        }
        self.current = self.ready.pop_front();
        Ok(self.current.as_ref())
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

    /// Queues the next series in key order, or several that lie in one block.
    fn read_series(&mut self) -> Result<bool> {
        let Plan::Key { series, ahead } = &mut self.plan else { return Ok(false) };
        let Some(first) = ahead.take().or_else(|| series.next()) else { return Ok(false) };
        if first.len() > 1 {
            return self.read_mixed(&first).map(|()| true);
        }
        let Some(&(part, chunk, ordinal)) = first.first() else { return Ok(true) };
        let segment = Arc::clone(self.cube.parts()[part].segment());
        let block = segment.block_of(chunk)?;
        let mut step = Step { part, block, chunks: vec![(chunk, ordinal)] };
        for next in series.by_ref() {
            match next.as_slice() {
                [(next_part, chunk, ordinal)]
                    if *next_part == part && segment.block_of(*chunk)? == block =>
                {
                    step.chunks.push((*chunk, *ordinal));
                }
                _ => {
                    *ahead = Some(next);
                    break;
                }
            }
        }
        self.read(&step)?;
        Ok(true)
    }

    /// Queues the chunks of one series in the order of the texts of their periods, which may mean a
    /// chunk more than once.
    fn read_mixed(&mut self, chunks: &[(usize, u32, u32)]) -> Result<()> {
        for &(part, chunk, series) in chunks {
            let block = self.cube.parts()[part].segment().block_of(chunk)?;
            self.read(&Step { part, block, chunks: vec![(chunk, series)] })?;
        }
        let whole: Vec<Chunk> = self.ready.drain(..).collect();
        let one_form = whole.iter().all(|chunk| chunk.data.form != PeriodForm::Other)
            && whole.windows(2).all(|pair| pair[0].data.form == pair[1].data.form);
        if one_form {
            let mut whole = whole;
            whole.sort_by_key(|chunk| chunk.data.first);
            self.ready.extend(whole);
            return Ok(());
        }
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
        for (_, index, position) in rows {
            let continues = self.ready.back_mut().filter(|last| {
                let from = &whole[index];
                let end = last.positions.last().map(|range| range.end);
                last.part == from.part && last.chunk == from.chunk && end == Some(position)
            });
            if let Some(range) = continues.and_then(|last| last.positions.last_mut()) {
                range.end += 1;
            } else {
                let only = position..position + 1;
                self.ready.push_back(Chunk { positions: vec![only], ..whole[index].clone() });
            }
        }
        Ok(())
    }
}

/// The next block that holds chunks wanted in stored order.
fn next_block(
    cube: &Cube,
    periods: &PeriodFilter,
    request: &ScanRequest,
    part_index: &mut usize,
    from: &mut u32,
) -> Result<Option<Step>> {
    while let Some(part) = cube.parts().get(*part_index) {
        let selection = &request.series.0[*part_index];
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

/// The selected series of all parts in key order; of each the live chunks that are wanted.
fn in_key_order(
    cube: &Cube,
    request: &ScanRequest,
    dimensions: &[usize],
) -> Result<Vec<Vec<(usize, u32, u32)>>> {
    let count = cube.flow().dimensions().len();
    let rest = (0..count).filter(|dimension| !dimensions.contains(dimension));
    let order: Vec<usize> = dimensions.iter().copied().chain(rest).collect();
    let mut series: Vec<(Vec<u32>, usize, u32)> = Vec::new();
    for (index, (part, selection)) in cube.parts().iter().zip(&request.series.0).enumerate() {
        for ordinal in selection.iter() {
            let key = order.iter().map(|dimension| part.code(*dimension, ordinal));
            series.push((key.collect::<Result<Vec<u32>>>()?, index, ordinal));
        }
    }
    series.sort_unstable();
    let mut groups = Vec::with_capacity(series.len());
    for same in series.chunk_by(|a, b| a.0 == b.0) {
        let mut chunks = Vec::with_capacity(1);
        for (_, index, ordinal) in same {
            let part = &cube.parts()[*index];
            for chunk in part.live_chunks(*ordinal)? {
                let span = part.span(chunk)?;
                if request.periods.wants(span.form, span.first, usize::from(span.slots)) {
                    chunks.push((*index, chunk, *ordinal));
                }
            }
        }
        if !chunks.is_empty() {
            groups.push(chunks);
        }
    }
    Ok(groups)
}
