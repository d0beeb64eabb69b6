//! Decodes the chunks of a block: all, or those that are wanted, and nothing else of it.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::codec::column::Column;
use crate::codec::{Malformed, Reader};
use crate::limits::BLOCK_CHUNKS_MAX;
use crate::model::PeriodForm;
use crate::segment::block::{ChunkSpan, Wanted};
use crate::segment::chunk::{AttributeRun, Chunk, MeasureRun, Numbers};
use crate::segment::header::PackedNumbers;
use crate::segment::numbers::{ChunkNumbers, MeasureDecoder};
use crate::segment::positions::{Place, Positions};
use crate::segment::reader::LoadedBlock;

/// So many times more chunks has a block of which only those that are wanted are looked at.
const FEW_OF: usize = 4;

/// A block that is being decoded. Its lists are used again for the next block, so that one decoder
/// for many blocks soon allocates nothing.
#[derive(Debug, Default)]
pub struct BlockDecoder {
    block: Option<Arc<LoadedBlock>>,
    spans: Vec<ChunkSpan>,
    places: Vec<Place>,
    absent: Positions,
    /// Where in the block the texts of periods stand, of all chunks that have them.
    periods: Vec<Range<usize>>,
    measures: Vec<Section<MeasureDecoder>>,
    attributes: Vec<Section<AttributeDecoder>>,
    /// The chunks that are looked at, where they are few; else empty.
    few: Vec<usize>,
}

/// The part of a block that is about one component.
#[derive(Debug, Default)]
struct Section<T> {
    is_wanted: bool,
    decoder: T,
}

#[derive(Debug, Default)]
struct AttributeDecoder {
    defaults: Vec<u32>,
    slots: Positions,
    numbers: Vec<u32>,
}

impl BlockDecoder {
    /// Memory for the spans of the chunks of the next block, which [`open`](Self::open) asks for.
    pub(crate) fn spans_mut(&mut self) -> &mut Vec<ChunkSpan> {
        self.block = None;
        &mut self.spans
    }

    /// Parses a block, for who asks of these chunks alone. The spans of all were set before.
    pub(crate) fn open(
        &mut self,
        block: Arc<LoadedBlock>,
        wanted: &Wanted,
        chunks: impl Iterator<Item = usize> + Clone,
    ) -> Result<(), Malformed> {
        let mut few = mem::take(&mut self.few);
        few.clear();
        if chunks.clone().count().saturating_mul(FEW_OF) < self.spans.len() {
            few.extend(chunks);
        }
        let only = Some(few.as_slice()).filter(|few| !few.is_empty());
        let parsed = self.parse(block.bytes(), wanted, only);
        self.few = few;
        parsed?;
        self.block = Some(block);
        Ok(())
    }

    fn parse(
        &mut self,
        block: &[u8],
        wanted: &Wanted,
        only: Option<&[usize]>,
    ) -> Result<(), Malformed> {
        self.places.resize(self.spans.len(), Place::default());
        let mut from = 0_u32;
        for (place, span) in self.places.iter_mut().zip(&self.spans) {
            let slots = u32::from(span.slots);
            let absent = u32::from(span.slots.saturating_sub(span.observations));
            *place = Place { from, slots, absent };
            from += slots;
        }
        let mut input = Reader::new(block);
        self.absent.read_absent(&mut input, &self.places, only)?;
        self.parse_periods(&mut input)?;
        self.measures.resize_with(wanted.measures.len(), Section::default);
        for (section, is_wanted) in self.measures.iter_mut().zip(&wanted.measures) {
            section.is_wanted = *is_wanted;
            let bytes = input.prefixed()?;
            if *is_wanted {
                let at = input.at() - bytes.len();
                let parsed = section.decoder.parse(Reader::new(bytes), at, (&self.places, only));
                parsed.map_err(|error| error.offset_by(at))?;
            }
        }
        self.attributes.resize_with(wanted.attributes.len(), Section::default);
        for (section, is_wanted) in self.attributes.iter_mut().zip(&wanted.attributes) {
            section.is_wanted = *is_wanted;
            let bytes = input.prefixed()?;
            if *is_wanted {
                let at = input.at() - bytes.len();
                let parsed = section.decoder.parse(Reader::new(bytes), &self.places, only);
                parsed.map_err(|error| error.offset_by(at))?;
            }
        }
        input.finish()
    }

    fn parse_periods(&mut self, input: &mut Reader<'_>) -> Result<(), Malformed> {
        self.periods.clear();
        let bytes = input.prefixed()?;
        let at = input.at() - bytes.len();
        let mut texts = Reader::new(bytes);
        let others = self.spans.iter().filter(|span| span.form == PeriodForm::Other);
        for _ in 0..others.map(|span| usize::from(span.slots)).sum() {
            let text = texts.prefixed()?;
            if str::from_utf8(text).is_err() {
                return Err(texts.malformed("a period is not UTF-8"));
            }
            self.periods.push(at + texts.at() - text.len()..at + texts.at());
        }
        texts.finish()
    }

    /// The block; absent before the first one, and where the last one could not be parsed.
    fn block(&self) -> Result<&LoadedBlock, Malformed> {
        self.block.as_deref().ok_or(Malformed::new(0, "no block was opened"))
    }

    /// Decodes the chunk with this number in the block, in the memory of another.
    pub(crate) fn chunk_into(&self, index: usize, chunk: &mut Chunk) -> Result<(), Malformed> {
        let no_chunk = Malformed::new(0, "the block has no such chunk");
        let (place, span) = self.places.get(index).zip(self.spans.get(index)).ok_or(no_chunk)?;
        let block = self.block()?;
        chunk.form = span.form;
        chunk.first = span.first;
        chunk.slots = place.slots as usize;
        chunk.absent.clear();
        chunk.absent.extend(self.absent.of(index).iter().map(|slot| place.position(*slot)));
        chunk.periods.clear();
        if span.form == PeriodForm::Other {
            chunk.periods.extend(self.periods_of(index, block).map(Box::from));
        }
        chunk.measures.resize_with(self.measures.len(), MeasureRun::default);
        for (section, run) in self.measures.iter().zip(&mut chunk.measures) {
            if section.is_wanted {
                let place = (index, *place);
                section.decoder.run_into(block.padded(), place, &chunk.absent, run)?;
            } else {
                run.clear();
                run.numbers = Numbers::None;
            }
        }
        chunk.attributes.resize_with(self.attributes.len(), AttributeRun::default);
        for (section, run) in self.attributes.iter().zip(&mut chunk.attributes) {
            run.default = 0;
            run.exceptions.clear();
            if section.is_wanted {
                section.decoder.run_into(index, *place, run);
            }
        }
        Ok(())
    }

    /// The texts of the periods of a chunk of [`PeriodForm::Other`].
    fn periods_of<'a>(
        &'a self,
        index: usize,
        block: &'a LoadedBlock,
    ) -> impl Iterator<Item = &'a str> {
        let slots = |span: &ChunkSpan| match span.form {
            PeriodForm::Other => usize::from(span.slots),
            _ => 0,
        };
        let from: usize = self.spans.iter().take(index).map(slots).sum();
        let count = self.spans.get(index).map_or(0, slots);
        let texts = self.periods.get(from..from + count).unwrap_or_default().iter();
        texts.map(|range| {
            let bytes = block.bytes().get(range.clone()).unwrap_or_default();
            str::from_utf8(bytes).unwrap_or_default()
        })
    }
}

/// What a block that is decoded says of its chunks, by their numbers in the block.
impl BlockDecoder {
    /// Decodes the numbers of chunks, at some of their positions, in the measures that are wanted: so
    /// many chunks at one go that each costs little.
    pub(crate) fn decode_numbers(
        &mut self,
        chunks: &(impl Iterator<Item = (usize, Range<usize>)> + Clone),
    ) -> Result<(), Malformed> {
        let block = self.block.as_deref().ok_or(Malformed::new(0, "no block was opened"))?;
        for section in self.measures.iter_mut().filter(|section| section.is_wanted) {
            let measure = &mut section.decoder;
            measure.decode(block.padded(), &self.places, &self.absent, chunks.clone())?;
        }
        Ok(())
    }

    /// Decodes the numbers of those of these chunks that do not give each by itself, in the measures
    /// that are wanted.
    pub(crate) fn decode_joined(
        &mut self,
        chunks: &(impl Iterator<Item = usize> + Clone),
    ) -> Result<(), Malformed> {
        let block = self.block.as_deref().ok_or(Malformed::new(0, "no block was opened"))?;
        for section in self.measures.iter_mut().filter(|section| section.is_wanted) {
            let measure = &mut section.decoder;
            measure.decode_joined(block.padded(), &self.places, &self.absent, chunks.clone())?;
        }
        Ok(())
    }

    /// The block's slot of position 0 of a chunk, and its slots.
    #[inline]
    pub fn place(&self, chunk: usize) -> Range<usize> {
        let place = self.places.get(chunk).copied().unwrap_or_default();
        place.from as usize..place.end() as usize
    }

    /// The time that a chunk covers.
    #[inline]
    pub fn span(&self, chunk: usize) -> Option<ChunkSpan> {
        self.spans.get(chunk).copied()
    }

    /// The slots of a chunk without an observation, ascending, as the block numbers them.
    #[inline]
    pub fn absent(&self, chunk: usize) -> &[u32] {
        self.absent.of(chunk)
    }

    /// The numbers of a chunk in a measure, one a slot, if they were decoded; any numbers at positions
    /// that were not.
    #[inline]
    pub fn numbers(&self, measure: usize, chunk: usize) -> ChunkNumbers<'_> {
        let measure = self.measures.get(measure).filter(|section| section.is_wanted);
        measure
            .map_or(ChunkNumbers::None, |section| section.decoder.numbers(chunk, self.place(chunk)))
    }

    /// Appends the numbers of a chunk in a measure as doubles, each the nearest one, one a slot, if they
    /// were decoded; any number where there is none.
    #[inline]
    pub fn push_doubles(&self, measure: usize, chunk: usize, out: &mut Vec<f64>) {
        let slots = self.place(chunk);
        match self.measures.get(measure).filter(|section| section.is_wanted) {
            Some(section) => section.decoder.push_doubles(chunk, slots, out),
            None => out.resize(out.len() + slots.len(), 0.0),
        }
    }

    /// Whether a chunk has numbers in a measure that were not decoded.
    #[inline]
    pub fn is_packed(&self, measure: usize, chunk: usize) -> bool {
        let measure = self.measures.get(measure).filter(|section| section.is_wanted);
        measure.is_some_and(|section| section.decoder.is_packed(chunk))
    }

    /// The mantissas of a chunk in a measure as they are packed, if each can be had by itself.
    #[inline]
    pub fn packed(&self, measure: usize, chunk: usize) -> Option<PackedNumbers<'_>> {
        let block = self.block.as_deref()?;
        let measure = self.measures.get(measure).filter(|section| section.is_wanted)?;
        measure.decoder.packed(block.padded(), chunk)
    }

    /// The slots of a chunk whose observation has no value in a measure, ascending, as the block
    /// numbers them.
    #[inline]
    pub fn missing(&self, measure: usize, chunk: usize) -> &[u32] {
        let measure = self.measures.get(measure).filter(|section| section.is_wanted);
        measure.map_or(&[], |section| section.decoder.missing(chunk))
    }

    /// Whether an observation of a chunk has a text instead of a number in a measure.
    #[inline]
    pub fn has_texts(&self, measure: usize, chunk: usize) -> bool {
        let measure = self.measures.get(measure).filter(|section| section.is_wanted);
        measure.is_some_and(|section| section.decoder.has_texts(chunk))
    }

    /// The slots of a chunk whose observation has a text instead of a number, ascending, as the
    /// block numbers them, and the texts.
    pub fn texts(&self, measure: usize, chunk: usize) -> impl Iterator<Item = (u32, &str)> {
        let bytes = self.block.as_deref().map_or(&[][..], LoadedBlock::padded);
        let measure = self.measures.get(measure).filter(|section| section.is_wanted);
        measure.into_iter().flat_map(move |section| section.decoder.texts(bytes, chunk))
    }

    /// The value number that most observations of a chunk have in an attribute, and the slots with
    /// another one, ascending, as the block numbers them, with theirs.
    #[inline]
    pub fn attribute(&self, attribute: usize, chunk: usize) -> (u32, &[u32], &[u32]) {
        match self.attributes.get(attribute).filter(|section| section.is_wanted) {
            Some(section) => section.decoder.of(chunk),
            None => (0, &[], &[]),
        }
    }
}

impl AttributeDecoder {
    /// Parses what a block says of an attribute of all of its chunks, or of some.
    fn parse(
        &mut self,
        mut input: Reader<'_>,
        places: &[Place],
        only: Option<&[usize]>,
    ) -> Result<(), Malformed> {
        let defaults = Column::read(&mut input, BLOCK_CHUNKS_MAX)?;
        if defaults.len() != places.len() {
            return Err(input.malformed("a column of another length"));
        }
        self.defaults.clear();
        if let Some(only) = only {
            let narrow = |value: i64| u32::try_from(value.cast_unsigned()).unwrap_or(u32::MAX);
            self.defaults.resize(places.len(), 0);
            defaults.pick_into(only, narrow, &mut self.defaults)?;
        } else {
            defaults.decode_u32_into(&mut self.defaults)?;
        }
        self.slots.read(&mut input, places, only)?;
        let numbers = Column::read(&mut input, self.slots.all().len())?;
        if numbers.len() != self.slots.all().len() {
            return Err(input.malformed("attribute values of another number than positions"));
        }
        self.numbers.clear();
        numbers.decode_u32_into(&mut self.numbers)?;
        input.finish()
    }

    /// The value that most observations of a chunk have, the slots with another one, and theirs.
    #[inline]
    fn of(&self, chunk: usize) -> (u32, &[u32], &[u32]) {
        let default = self.defaults.get(chunk).copied().unwrap_or_default();
        let numbers = self.numbers.get(self.slots.range(chunk)).unwrap_or_default();
        (default, self.slots.of(chunk), numbers)
    }

    fn run_into(&self, index: usize, place: Place, run: &mut AttributeRun) {
        let (default, slots, numbers) = self.of(index);
        run.default = default;
        let exceptions = slots.iter().zip(numbers);
        run.exceptions.extend(exceptions.map(|(slot, number)| (place.position(*slot), *number)));
    }
}
