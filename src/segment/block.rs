//! A block: the unit of reading and of checksums, about 4,096 slots of whole chunks.
//!
//! Lists of exceptions (absent, missing, text, other statuses) run over the slots of the whole
//! block, numbered from 0: their differences are small, and a chunk's part is found by its place.
//! `decoder` reads what is written here.

use crate::codec::Writer;
use crate::codec::column::encode_u64;
use crate::codec::exceptions::encode_exceptions;
use crate::error::Result;
use crate::limits::{BLOCK_CHUNKS_MAX, BLOCK_SLOTS_TARGET};
use crate::model::PeriodForm;
use crate::segment::chunk::ChunkRows;
use crate::segment::measure::MeasureBuilder;
use crate::segment::totals::Total;

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
        // The length of each goes before it, so that a reader passes over what it does not want.
        let mut section = Vec::new();
        for measure in &mut self.measures {
            section.clear();
            measure.finish(slots, &mut section)?;
            Writer::new(out).prefixed(&section);
        }
        for attribute in &mut self.attributes {
            section.clear();
            encode_u64(&attribute.defaults, &mut section);
            encode_exceptions(&attribute.positions, slots, &mut section);
            encode_u64(&attribute.values, &mut section);
            Writer::new(out).prefixed(&section);
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
