//! A block: the unit of reading and of checksums, about 4,096 slots of whole chunks.
//!
//! Lists of exceptions (absent, missing, text, other statuses) run over the slots of the whole
//! block, numbered from 0: their differences are small, and a chunk's part is found by its place.

use crate::codec::column::{Column, encode_u64};
use crate::codec::exceptions::{Exceptions, encode_exceptions};
use crate::codec::{Malformed, Reader, Writer};
use crate::error::Result;
use crate::limits::{BLOCK_CHUNKS_MAX, BLOCK_SLOTS_TARGET};
use crate::model::PeriodForm;
use crate::segment::chunk::{AttributeRun, Chunk, ChunkRows, MeasureRun, Numbers, Writing};
use crate::segment::measure::{MeasureBlock, MeasureBuilder, Place};
use crate::segment::totals::{Total, read_column};

/// The time that a chunk covers: all that is known of it without reading its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSpan {
    /// The form of its periods.
    pub form: PeriodForm,
    /// The slot of its first observation.
    pub first: i32,
    /// From its first to its last observation.
    pub slots: u16,
    /// How many of them have an observation.
    pub observations: u16,
}

/// Collects chunks until a block is full.
#[derive(Debug)]
pub(crate) struct BlockBuilder {
    chunks: usize,
    slots: u32,
    absent: Vec<u32>,
    periods: Vec<u8>,
    measures: Vec<MeasureBuilder>,
    attributes: Vec<AttributeBuilder>,
}

#[derive(Debug, Default)]
struct AttributeBuilder {
    defaults: Vec<u64>,
    positions: Vec<u32>,
    values: Vec<u64>,
}

impl BlockBuilder {
    pub(crate) fn new(measure_count: usize, attribute_count: usize) -> Self {
        let mut measures = Vec::new();
        measures.resize_with(measure_count, MeasureBuilder::default);
        let mut attributes = Vec::new();
        attributes.resize_with(attribute_count, AttributeBuilder::default);
        Self { chunks: 0, slots: 0, absent: Vec::new(), periods: Vec::new(), measures, attributes }
    }

    /// Whether a chunk of so many slots is better put into the next block.
    pub(crate) fn is_full_for(&self, slots: usize) -> bool {
        let full = self.slots as usize + slots > BLOCK_SLOTS_TARGET;
        self.chunks > 0 && (full || self.chunks == BLOCK_CHUNKS_MAX)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks == 0
    }

    /// Adds a chunk, and returns its span and its total in each measure.
    pub(crate) fn push(&mut self, rows: &ChunkRows, totals: &mut Vec<Total>) {
        let from = self.slots;
        let mut next = 0;
        for position in &rows.positions {
            self.absent.extend((next..*position).map(|absent| from + u32::from(absent)));
            next = position + 1;
        }
        for text in &rows.periods {
            Writer::new(&mut self.periods).prefixed(text.as_bytes());
        }
        totals.clear();
        for (measure, builder) in self.measures.iter_mut().enumerate() {
            totals.push(builder.push(rows, measure, from));
        }
        for (values, builder) in rows.attributes.iter().zip(&mut self.attributes) {
            builder.push(values, &rows.positions, from);
        }
        self.slots += u32::try_from(rows.slots()).unwrap_or(u32::MAX);
        self.chunks += 1;
    }

    /// Appends the bytes of the block, and begins the next.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let slots = self.slots as usize;
        encode_exceptions(&self.absent, slots, out);
        Writer::new(out).prefixed(&self.periods);
        for measure in &mut self.measures {
            measure.finish(slots, out)?;
        }
        for attribute in &mut self.attributes {
            encode_u64(&attribute.defaults, out);
            encode_exceptions(&attribute.positions, slots, out);
            encode_u64(&attribute.values, out);
            *attribute = AttributeBuilder::default();
        }
        self.absent.clear();
        self.periods.clear();
        self.slots = 0;
        self.chunks = 0;
        Ok(())
    }
}

impl AttributeBuilder {
    fn push(&mut self, values: &[u32], positions: &[u16], from: u32) {
        let default = most_frequent(values);
        self.defaults.push(u64::from(default));
        for (value, position) in values.iter().zip(positions).filter(|(v, _)| **v != default) {
            self.positions.push(from + u32::from(*position));
            self.values.push(u64::from(*value));
        }
    }
}

/// The value that occurs most; of several the smallest.
fn most_frequent(values: &[u32]) -> u32 {
    let Some(first) = values.first() else { return 0 };
    if values.iter().all(|value| value == first) {
        return *first;
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let longest = sorted.chunk_by(|a, b| a == b).rev().max_by_key(|run| run.len());
    longest.and_then(|run| run.first()).copied().unwrap_or_default()
}

/// What of a chunk to decode; the rest stays empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// For each measure, whether to decode it.
    pub measures: Vec<bool>,
    /// For each observation attribute, whether to decode it.
    pub attributes: Vec<bool>,
}

impl Wanted {
    /// Everything.
    pub fn all(measure_count: usize, attribute_count: usize) -> Self {
        Self { measures: vec![true; measure_count], attributes: vec![true; attribute_count] }
    }
}

/// A block, parsed but still packed.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    places: Vec<Place>,
    absent: Vec<u32>,
    periods: Vec<&'a str>,
    measures: Vec<Option<MeasureBlock<'a>>>,
    attributes: Vec<AttributeBlock>,
}

#[derive(Debug, Default)]
struct AttributeBlock {
    defaults: Vec<u64>,
    exceptions: Vec<(u32, u32)>,
}

impl<'a> Block<'a> {
    /// Parses a block whose chunks have these spans.
    pub(crate) fn parse(
        bytes: &'a [u8],
        spans: &[ChunkSpan],
        wanted: &Wanted,
    ) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        let mut places = Vec::with_capacity(spans.len());
        let mut from = 0_u32;
        for (index, span) in spans.iter().enumerate() {
            let absent = u32::from(span.slots.saturating_sub(span.observations));
            places.push(Place { index, from, slots: u32::from(span.slots), absent });
            from += u32::from(span.slots);
        }
        let slots = from as usize;
        let absent: Vec<u32> = Exceptions::read(&mut input, slots)?.iter().collect();
        let expected: u32 = places.iter().map(|place| place.absent).sum();
        if absent.len() != expected as usize {
            return Err(input.malformed("absent slots of another number than the spans say"));
        }
        let periods = Self::parse_periods(&mut input, spans)?;
        let mut measures = Vec::with_capacity(wanted.measures.len());
        for is_wanted in &wanted.measures {
            let measure = MeasureBlock::parse(&mut input, &places)?;
            measures.push(is_wanted.then_some(measure));
        }
        let mut attributes = Vec::with_capacity(wanted.attributes.len());
        for is_wanted in &wanted.attributes {
            let attribute = AttributeBlock::parse(&mut input, places.len(), slots)?;
            attributes.push(if *is_wanted { attribute } else { AttributeBlock::default() });
        }
        input.finish()?;
        Ok(Self { places, absent, periods, measures, attributes })
    }

    fn parse_periods(
        input: &mut Reader<'a>,
        spans: &[ChunkSpan],
    ) -> Result<Vec<&'a str>, Malformed> {
        let mut texts = Reader::new(input.prefixed()?);
        let others = spans.iter().filter(|span| span.form == PeriodForm::Other);
        let mut periods = Vec::new();
        for _ in 0..others.map(|span| usize::from(span.slots)).sum() {
            let text = str::from_utf8(texts.prefixed()?);
            periods.push(text.map_err(|_| texts.malformed("a period is not UTF-8"))?);
        }
        texts.finish()?;
        Ok(periods)
    }

    /// Decodes the chunk with this number in the block.
    pub(crate) fn decode(&self, index: usize, spans: &[ChunkSpan]) -> Result<Chunk, Malformed> {
        let no_chunk = Malformed::new(0, "the block has no such chunk");
        let (place, span) = self.places.get(index).zip(spans.get(index)).ok_or(no_chunk)?;
        let position = |slot: u32| u16::try_from(slot - place.from).unwrap_or(u16::MAX);
        let end = place.from + place.slots;
        let absent_from = self.absent.partition_point(|slot| *slot < place.from);
        let absent = self.absent.get(absent_from..).unwrap_or_default().iter();
        let absent: Vec<u16> =
            absent.take_while(|slot| **slot < end).map(|slot| position(*slot)).collect();
        let mut measures = Vec::with_capacity(self.measures.len());
        for measure in &self.measures {
            measures.push(match measure {
                Some(measure) => measure.decode(*place, &absent)?,
                None => MeasureRun {
                    numbers: Numbers::None,
                    scale: 0,
                    writing: Writing::Fixed,
                    rescaled: Vec::new(),
                    missing: Vec::new(),
                    texts: Vec::new(),
                },
            });
        }
        let attributes = self.attributes.iter().map(|a| a.decode(place)).collect();
        Ok(Chunk {
            form: span.form,
            first: span.first,
            slots: place.slots as usize,
            absent,
            periods: self.periods_of(index, spans),
            measures,
            attributes,
        })
    }

    fn periods_of(&self, index: usize, spans: &[ChunkSpan]) -> Vec<Box<str>> {
        let is_other = |span: &&ChunkSpan| span.form == PeriodForm::Other;
        let slots = |span: &ChunkSpan| usize::from(span.slots);
        let Some(span) = spans.get(index).filter(is_other) else { return Vec::new() };
        let from: usize = spans.iter().take(index).filter(is_other).map(slots).sum();
        let texts = self.periods.get(from..from + slots(span)).unwrap_or_default();
        texts.iter().map(|text| Box::from(*text)).collect()
    }
}

impl AttributeBlock {
    fn parse(input: &mut Reader<'_>, chunks: usize, slots: usize) -> Result<Self, Malformed> {
        let defaults = read_column(input, chunks)?;
        let positions = Exceptions::read(input, slots)?;
        let values = Column::read(input, slots)?;
        let mut numbers = Vec::with_capacity(values.len());
        values.decode_into(&mut numbers)?;
        if numbers.len() != positions.len() {
            return Err(input.malformed("attribute values of another number than positions"));
        }
        let numbers = numbers.into_iter().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        Ok(Self { defaults, exceptions: positions.iter().zip(numbers).collect() })
    }

    fn decode(&self, place: &Place) -> AttributeRun {
        let default = self.defaults.get(place.index).copied().unwrap_or_default();
        let from = self.exceptions.partition_point(|(slot, _)| *slot < place.from);
        let own = self.exceptions.get(from..).unwrap_or_default().iter();
        let own = own.take_while(|(slot, _)| *slot < place.from + place.slots);
        let position = |slot: u32| u16::try_from(slot - place.from).unwrap_or(u16::MAX);
        AttributeRun {
            default: u32::try_from(default).unwrap_or(u32::MAX),
            exceptions: own.map(|(slot, value)| (position(*slot), *value)).collect(),
        }
    }
}
