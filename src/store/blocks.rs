//! Reads the blocks that hold something of a request, in stored order, a block at a time.
//!
//! This is the way for whoever works on many short series at once: the numbers of all chunks of a
//! block come as one list. [`crate::store::Cursor`] gives the same chunk by chunk.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::index::Selection;
use crate::limits::CHUNK_SLOTS_MAX;
use crate::segment;
use crate::segment::{BlockDecoder, ChunkNumbers, ChunkSpan, LoadedBlock, PackedNumbers, Wanted};
use crate::store::cube::Cube;
use crate::store::filter::{PeriodFilter, ScanRequest, Selections};
use crate::store::part::Part;

/// Chunks of a block whose numbers are decoded together rather than one by one.
const TOGETHER_MIN: usize = 8;
/// Blocks that are asked for at one go, once some were wanted one after the other.
const AHEAD_MAX: u32 = 64;

/// Reads the blocks of a request in stored order.
#[derive(Debug)]
pub struct BlockCursor {
    cube: Arc<Cube>,
    periods: PeriodFilter,
    wanted: Vec<Wanted>,
    series: Selections,
    /// Where to go on: the part, and its first chunk that was not yet looked at.
    next: (usize, u32),
    reader: BlockReader,
    decoder: BlockDecoder,
    step: Step,
}

/// A block of which chunks are wanted.
#[derive(Debug, Default)]
struct Step {
    part: usize,
    block: u32,
    /// The first chunk of the block.
    first: u32,
    /// The chunks that are wanted, ascending, each with its series.
    chunks: Vec<(u32, u32)>,
    /// The first to the last position that is wanted of each.
    hulls: Vec<Range<usize>>,
}

/// A chunk of a block that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct BlockChunk {
    /// Its number in the part.
    pub chunk: u32,
    /// The number of its series in the part.
    pub series: u32,
    /// Its number in the block.
    pub index: usize,
    /// The block's slot of its position 0.
    pub from: usize,
    /// Its form of periods, its first slot, its slots and observations.
    pub span: ChunkSpan,
}

/// What a request wants of one block, decoded.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    cursor: &'a BlockCursor,
}

/// What to decode of the chunks of each part.
pub(super) fn wanted_of_parts(cube: &Cube, request: &ScanRequest) -> Vec<Wanted> {
    let wanted = cube.parts().iter().map(|part| {
        let footer = part.segment().footer();
        let measures = (0..footer.measures.len()).map(|m| request.measures.contains(&m));
        let attributes = footer.observation_attributes.iter().map(|id| {
            let flow = cube.flow().attributes();
            request.attributes.iter().any(|a| flow.get(*a).is_some_and(|a| a.id == *id))
        });
        Wanted { measures: measures.collect(), attributes: attributes.collect() }
    });
    wanted.collect()
}

impl BlockCursor {
    /// Reads what `request` wants, whatever order it says.
    pub(super) fn new(cube: Arc<Cube>, request: ScanRequest) -> Self {
        Self {
            wanted: wanted_of_parts(&cube, &request),
            cube,
            periods: request.periods,
            series: request.series,
            next: (0, 0),
            reader: BlockReader::default(),
            decoder: BlockDecoder::default(),
            step: Step::default(),
        }
    }

    /// The next block that holds something, its numbers decoded where they are wanted; absent at the
    /// end.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a block cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it lends what it owns, and may fail")]
    pub fn next(&mut self) -> Result<Option<Block<'_>>> {
        self.next_where(&mut |_, _, _| Ok(true))
    }

    /// The same of those chunks alone that `wants` takes, by their part, series, and number in the part.
    /// A block of which it takes none is not read.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next); those of `wants`.
    pub fn next_where(
        &mut self,
        wants: &mut impl FnMut(usize, u32, u32) -> Result<bool>,
    ) -> Result<Option<Block<'_>>> {
        if !self.advance_where(wants)? {
            return Ok(None);
        }
        let Step { part, first, chunks, hulls, .. } = &mut self.step;
        hulls.clear();
        for (chunk, _) in &*chunks {
            let index = (*chunk - *first) as usize;
            let span = self.decoder.span(index).ok_or_else(|| Error::bug("no such chunk"))?;
            let slots = usize::from(span.slots);
            hulls.push(match self.periods {
                PeriodFilter::All => 0..slots,
                PeriodFilter::Slots(_) => self.periods.hull(span.form, span.first, slots),
            });
        }
        let indexes = chunks.iter().map(|(chunk, _)| (chunk - *first) as usize);
        let wanted = indexes.zip(hulls.iter().cloned());
        self.cube.parts()[*part].segment().decode_numbers(&mut self.decoder, &wanted)?;
        Ok(Some(Block { cursor: self }))
    }

    /// The same with its numbers packed: for who wants none of them.
    ///
    /// # Errors
    ///
    /// As [`next_where`](Self::next_where).
    pub fn next_packed_where(
        &mut self,
        wants: &mut impl FnMut(usize, u32, u32) -> Result<bool>,
    ) -> Result<Option<Block<'_>>> {
        Ok(self.advance_where(wants)?.then_some(Block { cursor: self }))
    }

    /// The next block that holds something, with the numbers decoded of those chunks alone that do not
    /// give each by itself through [`Block::packed`]: for who wants few of them.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub fn next_placed(&mut self) -> Result<Option<Block<'_>>> {
        if !self.advance()? {
            return Ok(None);
        }
        let Step { part, first, chunks, .. } = &self.step;
        let indexes = chunks.iter().map(|(chunk, _)| (chunk - first) as usize);
        self.cube.parts()[*part].segment().decode_joined(&mut self.decoder, &indexes)?;
        Ok(Some(Block { cursor: self }))
    }

    /// Decodes the numbers of all chunks that are wanted of the block.
    fn decode_numbers(&mut self) -> Result<()> {
        let Step { part, first, chunks, .. } = &self.step;
        let segment = self.cube.parts()[*part].segment();
        let indexes = chunks.iter().map(|(chunk, _)| (chunk - first) as usize);
        let wanted = indexes.map(|index| (index, 0..CHUNK_SLOTS_MAX));
        segment.decode_numbers(&mut self.decoder, &wanted)
    }

    /// The same as [`advance`](Self::advance), for who wants the chunks of the block one by one.
    pub(super) fn advance_chunks(&mut self) -> Result<bool> {
        if !self.advance()? {
            return Ok(false);
        }
        if self.step.chunks.len() >= TOGETHER_MIN {
            self.decode_numbers()?;
        }
        Ok(true)
    }

    /// Goes to the next block that holds something, and parses it. Says whether there was one.
    fn advance(&mut self) -> Result<bool> {
        self.advance_where(&mut |_, _, _| Ok(true))
    }

    /// The same for the chunks that `wants` takes.
    fn advance_where(
        &mut self,
        wants: &mut impl FnMut(usize, u32, u32) -> Result<bool>,
    ) -> Result<bool> {
        loop {
            if !self.find()? {
                // Who asks again at the end gets nothing again.
                self.step.chunks.clear();
                return Ok(false);
            }
            let Step { part, chunks, .. } = &mut self.step;
            let mut failed = Ok(());
            chunks.retain(|(chunk, series)| match wants(*part, *series, *chunk) {
                Ok(is_wanted) => is_wanted,
                Err(error) => {
                    failed = Err(error);
                    false
                }
            });
            failed?;
            if !chunks.is_empty() {
                break;
            }
        }
        let (part, block) = (self.step.part, self.step.block);
        let segment = self.cube.parts()[part].segment();
        let loaded =
            self.reader.read(&self.cube.parts()[part], &self.series.0[part], (part, block))?;
        self.step.first = loaded.chunks().start;
        let first = self.step.first;
        let indexes = self.step.chunks.iter().map(|(chunk, _)| (chunk - first) as usize);
        segment.open_block(loaded, &self.wanted[part], indexes, &mut self.decoder)?;
        Ok(true)
    }

    /// The part of the block, and the chunks that are wanted of it, each with its series.
    pub(super) fn step(&self) -> (usize, &[(u32, u32)]) {
        (self.step.part, &self.step.chunks)
    }

    /// The slots that are wanted.
    pub(super) fn periods(&self) -> &PeriodFilter {
        &self.periods
    }

    /// Decodes one of the chunks that are wanted of the block, in the memory of another.
    pub(super) fn decode(&self, chunk: u32, out: &mut segment::Chunk) -> Result<()> {
        let segment = self.cube.parts()[self.step.part].segment();
        segment.decode_chunk(&self.decoder, (chunk - self.step.first) as usize, out)
    }

    /// Finds the next block that holds chunks wanted, and which.
    fn find(&mut self) -> Result<bool> {
        let (index, from) = &mut self.next;
        while let Some(part) = self.cube.parts().get(*index) {
            let (segment, selection) = (part.segment(), &self.series.0[*index]);
            while *from < part.segment().chunk_count() {
                let Some(series) = selection.iter_from(segment.series_of(*from)?).next() else {
                    break;
                };
                let first = segment.chunks_of(series)?.start.max(*from);
                let block = segment.block_of(first)?;
                let end = segment.chunks_of_block(block)?.end.max(first + 1);
                *from = end;
                let chunks = &mut self.step.chunks;
                wanted_chunks(part, selection, &self.periods, first..end, chunks)?;
                if !chunks.is_empty() {
                    (self.step.part, self.step.block) = (*index, block);
                    return Ok(true);
                }
            }
            *index += 1;
            *from = 0;
        }
        Ok(false)
    }
}

/// Sets `out` to those of neighbouring chunks that are live, selected, and hold wanted slots.
fn wanted_chunks(
    part: &Part,
    selection: &Selection,
    periods: &PeriodFilter,
    chunks: Range<u32>,
    out: &mut Vec<(u32, u32)>,
) -> Result<()> {
    out.clear();
    let segment = part.segment();
    let is_all = matches!(periods, PeriodFilter::All);
    if segment.is_one_to_one() {
        let count = u64::from(chunks.end - chunks.start);
        if is_all && part.is_full() && selection.range_len(chunks.clone()) == count {
            out.extend(chunks.map(|chunk| (chunk, chunk)));
            return Ok(());
        }
        let members = selection.iter_from(chunks.start).take_while(|series| *series < chunks.end);
        out.extend(members.map(|series| (series, series)));
    } else {
        let mut members = selection.iter_from(segment.series_of(chunks.start)?).peekable();
        for chunk in chunks {
            let series = segment.series_of(chunk)?;
            while members.next_if(|member| *member < series).is_some() {}
            match members.peek() {
                Some(member) if *member == series => out.push((chunk, series)),
                Some(_) => {}
                None => break,
            }
        }
    }
    if !part.is_full() {
        out.retain(|(chunk, _)| part.is_live(*chunk));
    }
    if !is_all {
        let mut damaged = Ok(());
        out.retain(|(chunk, _)| match part.span(*chunk) {
            Ok(span) => periods.wants(span.form, span.first, usize::from(span.slots)),
            Err(error) => {
                damaged = Err(error);
                false
            }
        });
        damaged?;
    }
    Ok(())
}

/// Reads blocks, and those that will be wanted next at the same go.
#[derive(Debug, Default)]
struct BlockReader {
    /// The part and block that was wanted last.
    last: Option<(usize, u32)>,
    /// The blocks after it that were read already.
    ahead: VecDeque<Arc<LoadedBlock>>,
    read: Vec<Arc<LoadedBlock>>,
    /// How many are asked for: one at first, twice as many each time it was the next.
    count: u32,
}

impl BlockReader {
    fn read(
        &mut self,
        part: &Part,
        selection: &Selection,
        (index, block): (usize, u32),
    ) -> Result<Arc<LoadedBlock>> {
        let is_next = block.checked_sub(1).is_some_and(|last| self.last == Some((index, last)));
        self.last = Some((index, block));
        if !is_next {
            self.ahead.clear();
            self.count = 1;
        } else if let Some(block) = self.ahead.pop_front() {
            return Ok(block);
        } else {
            self.count = (self.count * 2).min(AHEAD_MAX);
        }
        let segment = part.segment();
        let end = match selection.max() {
            Some(series) if self.count > 1 => {
                let last = segment.chunks_of(series)?.end.saturating_sub(1);
                segment.block_of(last)?.max(block) + 1
            }
            _ => block + 1,
        };
        let end = end.min(block.saturating_add(self.count));
        segment.read_blocks(block..end, &mut self.read)?;
        self.ahead.extend(self.read.drain(..));
        let first = self.ahead.pop_front();
        first.map_or_else(|| segment.read_block(block), Ok)
    }
}

/// Numbers of slots that lie in a block are those of the block: less [`BlockChunk::from`] they are
/// positions of the chunk. Measures and attributes are counted as the segment has them.
impl<'a> Block<'a> {
    /// The part of the cube it is from.
    pub fn part(&self) -> usize {
        self.cursor.step.part
    }

    /// The chunks that are wanted, in stored order.
    pub fn chunks(&self) -> impl Iterator<Item = BlockChunk> + use<'a> {
        let cursor = self.cursor;
        let first = cursor.step.first;
        cursor.step.chunks.iter().filter_map(move |(chunk, series)| {
            let index = (chunk - first) as usize;
            let span = cursor.decoder.span(index)?;
            let from = cursor.decoder.place(index).start;
            Some(BlockChunk { chunk: *chunk, series: *series, index, from, span })
        })
    }

    /// The series of the chunks that are wanted, in stored order.
    pub fn series(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        self.cursor.step.chunks.iter().map(|(_, series)| *series)
    }

    /// From the first to the last position of a chunk that is wanted; absent ones among them.
    #[inline]
    pub fn hull(&self, chunk: &BlockChunk) -> Range<usize> {
        let span = chunk.span;
        self.cursor.periods.hull(span.form, span.first, usize::from(span.slots))
    }

    /// Sets `out` to the positions of a chunk that are wanted, ascending and disjoint; absent ones
    /// among them.
    pub fn positions_into(&self, chunk: &BlockChunk, out: &mut Vec<Range<usize>>) {
        let span = chunk.span;
        let slots = usize::from(span.slots);
        self.cursor.periods.positions_into(span.form, span.first, slots, out);
    }

    /// The numbers of a chunk in a measure of the request, one a position; any number at positions
    /// that are not wanted.
    #[inline]
    pub fn numbers(&self, measure: usize, chunk: &BlockChunk) -> ChunkNumbers<'a> {
        self.cursor.decoder.numbers(measure, chunk.index)
    }

    /// Appends the numbers of a chunk in a measure of the request as doubles, each the nearest one, one
    /// a position; any number where there is none, or none is wanted.
    #[inline]
    pub fn push_doubles(&self, measure: usize, chunk: &BlockChunk, out: &mut Vec<f64>) {
        self.cursor.decoder.push_doubles(measure, chunk.index, out);
    }

    /// Whether a chunk has numbers in a measure of the request that are still packed.
    #[inline]
    pub fn is_packed(&self, measure: usize, chunk: &BlockChunk) -> bool {
        self.cursor.decoder.is_packed(measure, chunk.index)
    }

    /// The mantissas of a chunk as they are packed, if each can be had by itself.
    #[inline]
    pub fn packed(&self, measure: usize, chunk: &BlockChunk) -> Option<PackedNumbers<'a>> {
        self.cursor.decoder.packed(measure, chunk.index)
    }

    /// The slots of a chunk without an observation, ascending.
    #[inline]
    pub fn absent(&self, chunk: &BlockChunk) -> &'a [u32] {
        self.cursor.decoder.absent(chunk.index)
    }

    /// The slots of a chunk whose observation has no value in a measure of the request, ascending.
    #[inline]
    pub fn missing(&self, measure: usize, chunk: &BlockChunk) -> &'a [u32] {
        self.cursor.decoder.missing(measure, chunk.index)
    }

    /// Whether an observation of a chunk has a text in a measure of the request.
    #[inline]
    pub fn has_texts(&self, measure: usize, chunk: &BlockChunk) -> bool {
        self.cursor.decoder.has_texts(measure, chunk.index)
    }

    /// The slots of a chunk whose observation has a text in a measure of the request, ascending, and
    /// the texts.
    pub fn texts(
        &self,
        measure: usize,
        chunk: &BlockChunk,
    ) -> impl Iterator<Item = (u32, &'a str)> {
        self.cursor.decoder.texts(measure, chunk.index)
    }

    /// The value number that most observations of a chunk have in an attribute of the request, and
    /// the slots with another one, ascending, with theirs; 0 is none.
    #[inline]
    pub fn attribute(&self, attribute: usize, chunk: &BlockChunk) -> (u32, &'a [u32], &'a [u32]) {
        self.cursor.decoder.attribute(attribute, chunk.index)
    }

    /// The whole chunk, in the memory of another.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] if it cannot be decoded.
    pub fn decode(&self, chunk: &BlockChunk, out: &mut segment::Chunk) -> Result<()> {
        self.cursor.decode(chunk.chunk, out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::disk::MemoryDisk;
    use crate::model::PeriodForm;
    use crate::segment::{MeasureRun, Numbers, PeriodTotal};
    use crate::store::Chunk;
    use crate::store::filter::{ScanOrder, SeriesFilter};
    use crate::store::testing::Small;

    /// Series of several lengths with gaps, many gaps, texts, doubles and nothing, in two forms.
    fn database() -> Small {
        let small = Small::new(MemoryDisk::new());
        let value = |seed: usize| match seed % 97 {
            0..=5 => String::new(),
            6 => "<2.5".to_owned(),
            7 => "1e-7".to_owned(),
            8..=20 => format!("{}", seed % 11),
            _ => format!("{}.{:02}", seed % 1_009, seed % 89),
        };
        let mut rows = Vec::new();
        for area in 0..400_usize {
            let is_there = |year: &usize| match area % 29 {
                7 => year.is_multiple_of(9),
                _ => !(year * 31 + area).is_multiple_of(13),
            };
            for year in (0..=(area % 37)).filter(is_there) {
                let period = (1980 + year).to_string();
                // These two have no common scale that 64 bits hold.
                let value = match (area % 41, year % 2) {
                    (5, 0) => "0.000000000000000001".to_owned(),
                    (5, _) => "123456789012345.5".to_owned(),
                    _ => value(area * 57 + year),
                };
                let status = if (area + year).is_multiple_of(9) { "E" } else { "A" };
                let row = ["A", &format!("X{area}"), &period, &value, status];
                rows.push(row.map(str::to_owned));
                if area % 50 == 3 {
                    let period = format!("{}-{:02}", 1990 + year / 12, year % 12 + 1);
                    let row = ["M", &format!("X{area}"), &period, "3.25", status];
                    rows.push(row.map(str::to_owned));
                }
            }
        }
        small.load(&rows);
        small
    }

    fn requests(cube: &Cube) -> Vec<ScanRequest> {
        let codes = SeriesFilter::Codes { dimension: 1, codes: (0..400).step_by(3).collect() };
        let years = vec![(PeriodForm::Year, vec![1985..1990, 2000..2010])];
        let mut requests = Vec::new();
        let few = SeriesFilter::Codes { dimension: 1, codes: (3..400).step_by(31).collect() };
        for filter in [SeriesFilter::All, codes, few, SeriesFilter::Or(Vec::new())] {
            for periods in [PeriodFilter::All, PeriodFilter::Slots(years.clone())] {
                requests.push(ScanRequest {
                    series: cube.select(&filter).expect("selected"),
                    periods,
                    measures: vec![0],
                    attributes: vec![0],
                    order: ScanOrder::Stored,
                });
            }
        }
        requests
    }

    #[test]
    fn blocks_hold_what_reading_chunk_by_chunk_gives() {
        let small = database();
        for is_revised in [false, true] {
            if is_revised {
                (0..400).step_by(7).for_each(|area| small.revise(area, "17.125"));
            }
            let cube = small.snapshot().cube(&Small::flow()).expect("opened");
            assert_eq!(cube.parts().len() > 1, is_revised);
            for request in requests(&cube) {
                let mut one_by_one = cube.cursor(request.clone()).expect("opened");
                let mut packed = cube.blocks_of(request.clone());
                let mut placed = cube.blocks_of(request.clone());
                let mut blocks = cube.blocks_of(request);
                while let Some(block) = blocks.next().expect("read") {
                    let all = &mut |_, _, _| Ok(true);
                    let packed =
                        packed.next_packed_where(all).expect("read").expect("as many blocks");
                    let placed = placed.next_placed().expect("read").expect("as many blocks");
                    for chunk in block.chunks() {
                        let expected = one_by_one.next().expect("read").expect("as many chunks");
                        check_chunk(block, &chunk, expected);
                        let measure = &expected.data.measures[0];
                        assert_eq!(packed.is_packed(0, &chunk), measure.numbers != Numbers::None);
                        check_placed(placed, &chunk, measure);
                    }
                }
                for _ in 0..2 {
                    assert!(one_by_one.next().expect("read").is_none());
                    assert!(blocks.next().expect("read").is_none());
                }
            }
        }
    }

    #[test]
    fn only_chunks_that_are_taken_come() {
        let small = database();
        small.revise(7, "17.125");
        let cube = small.snapshot().cube(&Small::flow()).expect("opened");
        for request in requests(&cube) {
            for every in [1, 3, 200, 10_000] {
                let mut expected = Vec::new();
                let mut all = cube.blocks_of(request.clone());
                while let Some(block) = all.next().expect("read") {
                    let taken = block.chunks().filter(|chunk| chunk.chunk % every == 1 % every);
                    expected.extend(taken.map(|chunk| (block.part(), chunk.series, chunk.chunk)));
                }
                let (mut found, mut asked) = (Vec::new(), Vec::new());
                let mut some = cube.blocks_of(request.clone());
                let mut wants = |part: usize, series: u32, chunk: u32| {
                    let is_wanted = chunk % every == 1 % every;
                    asked.extend(is_wanted.then_some((part, series, chunk)));
                    Ok(is_wanted)
                };
                while let Some(block) = some.next_where(&mut wants).expect("read") {
                    let chunks = block.chunks();
                    found.extend(chunks.map(|chunk| (block.part(), chunk.series, chunk.chunk)));
                }
                assert_eq!((&found, &asked), (&expected, &expected));
            }
            let mut failing = |_, _, _| Err(Error::bug("refused"));
            let refused = cube.blocks_of(request.clone()).next_where(&mut failing).is_err();
            assert_eq!(refused, !request.series.is_empty());
        }
    }

    /// Every chunk is packed in a form that gives each number, or decoded, or has none.
    fn check_placed(block: Block<'_>, chunk: &BlockChunk, expected: &MeasureRun) {
        let packed = block.packed(0, chunk);
        assert_eq!(block.is_packed(0, chunk), packed.is_some());
        if let Some(packed) = packed {
            let all = (0..usize::from(chunk.span.slots)).filter_map(|at| packed.get(at)).collect();
            let found = (packed.scale(), Numbers::Decimals(all));
            assert_eq!(found, (expected.scale, expected.numbers.clone()));
            return;
        }
        let found = match block.numbers(0, chunk) {
            ChunkNumbers::None => Numbers::None,
            ChunkNumbers::Decimals(found, _) => Numbers::Decimals(found.to_vec()),
            ChunkNumbers::Doubles(found) => Numbers::Doubles(found.to_vec()),
        };
        assert_eq!(found, expected.numbers);
    }

    fn check_chunk(block: Block<'_>, chunk: &BlockChunk, expected: &Chunk) {
        let place = (block.part(), chunk.series, chunk.chunk);
        assert_eq!(place, (expected.part, expected.series, expected.chunk));
        let data = &expected.data;
        assert_eq!((chunk.span.form, chunk.span.first), (data.form, data.first));
        let mut positions = Vec::new();
        block.positions_into(chunk, &mut positions);
        assert_eq!(positions, expected.positions);
        let position = |slot: &u32| u16::try_from(*slot as usize - chunk.from).expect("within");
        assert!(block.absent(chunk).iter().map(position).eq(data.absent.iter().copied()));
        let measure = &data.measures[0];
        let missing = block.missing(0, chunk).iter().map(position);
        assert!(missing.eq(measure.missing.iter().copied()));
        let texts = block.texts(0, chunk).map(|(slot, text)| (position(&slot), Box::from(text)));
        assert_eq!(texts.collect::<Vec<_>>(), measure.texts);
        assert_eq!(block.has_texts(0, chunk), !measure.texts.is_empty());
        match (block.numbers(0, chunk), &measure.numbers) {
            (ChunkNumbers::None, Numbers::None) => {}
            (ChunkNumbers::Decimals(found, scale), Numbers::Decimals(expected)) => {
                assert_eq!((found.len(), scale), (expected.len(), measure.scale));
                for wanted in &positions {
                    assert_eq!(found[wanted.clone()], expected[wanted.clone()]);
                }
            }
            (ChunkNumbers::Doubles(found), Numbers::Doubles(expected)) => {
                assert_eq!(found, expected);
            }
            (found, expected) => assert_eq!(format!("{found:?}"), format!("{expected:?}")),
        }
        let (default, slots, numbers) = block.attribute(0, chunk);
        let exceptions = slots.iter().map(position).zip(numbers.iter().copied());
        assert_eq!(default, data.attributes[0].default);
        assert_eq!(exceptions.collect::<Vec<_>>(), data.attributes[0].exceptions);
        let mut whole = segment::Chunk::empty();
        block.decode(chunk, &mut whole).expect("decodes");
        assert_eq!(whole, **data);
    }

    #[test]
    fn a_chunk_is_the_same_alone() {
        let small = database();
        let cube = small.snapshot().cube(&Small::flow()).expect("opened");
        let mut cursor = cube.cursor(requests(&cube).swap_remove(0)).expect("opened");
        let (mut has_doubles, mut has_gaps) = (false, false);
        while let Some(chunk) = cursor.next().expect("read") {
            has_doubles |= matches!(chunk.data.measures[0].numbers, Numbers::Doubles(_));
            has_gaps |= chunk.data.absent.len() * 2 > chunk.data.slots;
            let segment = cube.parts()[chunk.part].segment();
            assert_eq!(*chunk.data, segment.read_chunk(chunk.chunk).expect("read"));
        }
        assert!(has_doubles && has_gaps, "all kinds of chunks are looked at");
    }

    /// Observations of 600 areas in four years, a fifth missing, some without a number.
    fn six_hundred_areas() -> Vec<[String; 5]> {
        let mut rows = Vec::new();
        for area in 0..600_usize {
            for year in (0..4).filter(|year| (area + year) % 5 > 0) {
                let value = match (area * year) % 7 {
                    0 => String::new(),
                    1 => "<1".to_owned(),
                    _ => format!("{}.{}", area * 37 % 1_000, year),
                };
                let period = (2000 + year).to_string();
                rows.push(["A", &format!("X{area}"), &period, &value, "A"].map(str::to_owned));
            }
        }
        rows
    }

    /// Observations, numbers, and the sum at two decimals, of each year by the totals of all parts.
    fn sums_by_year(cube: &Cube) -> BTreeMap<i32, (u64, u64, i128)> {
        let mut sums = BTreeMap::<_, (u64, u64, i128)>::new();
        for part in cube.parts() {
            let totals = part.period_totals(0).expect("read").expect("few observations");
            for line in totals.lines() {
                let factor = 10_i128.pow(u32::from(2 - line.scale()));
                for (year, index) in (line.first()..).zip(0..line.len()) {
                    let total = line.get(index);
                    if total.observations == 0 {
                        continue;
                    }
                    let sum = sums.entry(year).or_default();
                    sum.0 += total.observations;
                    sum.1 += total.count;
                    sum.2 += total.sum * factor;
                }
            }
        }
        sums
    }

    #[test]
    fn totals_by_period_are_those_of_all_live_observations() {
        let small = Small::new(MemoryDisk::new());
        small.load(&six_hundred_areas());
        let cube = small.snapshot().cube(&Small::flow()).expect("opened");
        let part = &cube.parts()[0];
        let totals = part.period_totals(0).expect("read").expect("the part is full");
        assert_eq!(totals.lines().len(), 1);
        let mut forms = vec![(PeriodForm::Year, 2000..2004)];
        assert_eq!(part.stored_forms().expect("read").as_ref(), Some(&forms));
        assert_eq!(cube.forms().expect("read"), forms);
        let line = &totals.lines()[0];
        let mut expected: BTreeMap<String, PeriodTotal> = BTreeMap::new();
        for ((_, period), known) in small.expected() {
            let total = expected.entry(period).or_default();
            total.observations += 1;
            let value = known.split('|').next().unwrap_or_default();
            if let Some((whole, part)) = value.split_once('.') {
                let mantissa: i128 = format!("{whole}{part}").parse().expect("digits");
                let is_first = total.count == 0;
                total.min = if is_first { mantissa } else { total.min.min(mantissa) };
                total.max = if is_first { mantissa } else { total.max.max(mantissa) };
                total.sum += mantissa;
                total.count += 1;
            }
        }
        assert_eq!((line.form(), line.first(), line.scale()), (PeriodForm::Year, 2000, 1));
        let found = (0..line.len()).map(|index| ((2000 + index).to_string(), line.get(index)));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
        // What was superseded since is taken out, also of what was known before.
        for (area, value) in [(7, "1.0"), (8, "2.5")] {
            small.revise(area, value);
            let cube = small.snapshot().cube(&Small::flow()).expect("opened");
            // Of what is live, no longer all, and with two years that there were not.
            assert_eq!(cube.parts()[0].stored_forms().expect("read"), None);
            forms[0].1.end = 2022;
            assert_eq!(cube.forms().expect("read"), forms);
            let mut expected: BTreeMap<i32, (u64, u64, i128)> = BTreeMap::new();
            for ((_, period), known) in small.expected() {
                let total = expected.entry(period.parse().expect("a year")).or_default();
                total.0 += 1;
                if let Some((whole, part)) = known.split('|').next().and_then(|v| v.split_once('.'))
                {
                    let mantissa: i128 = format!("{whole}{part:0<2}").parse().expect("digits");
                    (total.1, total.2) = (total.1 + 1, total.2 + mantissa);
                }
            }
            assert_eq!(sums_by_year(&cube), expected);
        }
    }
}
