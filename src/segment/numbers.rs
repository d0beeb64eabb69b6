//! One measure of the chunks of a block: from packed runs to numbers. `measure` is the way there.

use std::mem;
use std::ops::Range;

use crate::codec::batch::Batch;
use crate::codec::pco_column::decode_pco_f64;
use crate::codec::run::{unpack_run_into, unpack_run_over};
use crate::codec::{Malformed, Reader};
use crate::limits::CHUNK_SLOTS_MAX;
use crate::segment::chunk::{MeasureRun, Numbers, Writing};
use crate::segment::columns::Columns;
use crate::segment::doubles::push_mantissas;
use crate::segment::header::{Header, Kind, PackedNumbers};
use crate::segment::measure::{KIND_DOUBLES, KIND_FRAME, KIND_NONE};
use crate::segment::positions::{Place, Positions};
use crate::segment::spread::{spread, spread_over};
use crate::segment::totals::SCALE_MAX;

/// The place of a chunk that was not decoded.
const NOT_DECODED: u32 = u32::MAX;
/// Places behind the last slot: runs are decoded eight values at a time.
const SLACK: usize = 16;
/// Numbers that are made doubles together.
const GROUP: usize = 8;

/// The runs of one measure of a block: headers and exceptions decoded, numbers still packed. The
/// memory is used again for the next block.
#[derive(Debug, Default)]
pub(crate) struct MeasureDecoder {
    columns: Columns,
    /// Where in the block the packed numbers of each chunk begin; of doubles, which of those of the
    /// block is the first.
    starts: Vec<u32>,
    missing: Positions,
    text_slots: Positions,
    /// Where in the block each text stands.
    texts: Vec<Range<usize>>,
    rescaled_slots: Positions,
    rescaled: Vec<u8>,
    doubles: Vec<f64>,
    /// Where the mantissas of each chunk begin, if it was decoded; empty if none was.
    places: Vec<u32>,
    /// Whether only some slots of chunks were decoded.
    is_partial: bool,
    batch: Batch,
    /// Chunks whose numbers cannot be had one by one.
    joined: Vec<usize>,
    mantissas: Vec<i64>,
    /// Scratch: the mantissas of a chunk that has not one a slot.
    apart: Vec<i64>,
    /// Their doubles, by the slots of the block.
    spread: Vec<f64>,
}

/// The numbers of a chunk, one a slot. Slots without a number hold any number; where the chunk has
/// one, those between are the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ChunkNumbers<'a> {
    /// No slot has a number.
    None,
    /// Mantissas, and their digits after the point.
    Decimals(&'a [i64], u8),
    /// Doubles.
    Doubles(&'a [f64]),
}

impl MeasureDecoder {
    /// Parses what [`crate::segment::measure::MeasureBuilder::finish`] wrote for the chunks at
    /// `places`: `input` is all of it, and begins at byte `at` of the block. All of the chunks or only
    /// some are looked at.
    pub(crate) fn parse(
        &mut self,
        mut input: Reader<'_>,
        at: usize,
        (places, only): (&[Place], Option<&[usize]>),
    ) -> Result<(), Malformed> {
        let input = &mut input;
        self.places.clear();
        self.columns.read(input, places.len(), only)?;
        // Where doubles stand is known from the lists of all chunks before.
        let only = only.filter(|_| !self.columns.kinds.contains(&KIND_DOUBLES));
        self.missing.read(input, places, only)?;
        self.text_slots.read(input, places, only)?;
        self.texts.clear();
        for _ in self.text_slots.all() {
            let text = input.prefixed()?;
            if str::from_utf8(text).is_err() {
                return Err(input.malformed("a text is not UTF-8"));
            }
            let end = at + input.at();
            self.texts.push(end - text.len()..end);
        }
        self.rescaled_slots.read(input, places, only)?;
        self.rescaled.clear();
        self.rescaled.extend_from_slice(input.bytes(self.rescaled_slots.all().len())?);
        let slots = places.last().map_or(0, |place| place.end() as usize);
        let double_count = input.count(slots)?;
        let packed = input.prefixed()?;
        self.doubles.clear();
        if double_count > 0 {
            self.doubles = decode_pco_f64(packed, double_count)?;
        }
        let from = at + input.at();
        let end = self.locate(places, from).map_err(|error| error.offset_by(input.at()))?;
        if end == from + input.remaining() {
            Ok(())
        } else {
            Err(input.malformed("runs of another length than their headers say"))
        }
    }

    /// Finds where the numbers of each chunk begin, the first at byte `from` of the block. Returns
    /// where the last ones end.
    fn locate(&mut self, places: &[Place], from: usize) -> Result<usize, Malformed> {
        let columns = &self.columns;
        let max = |column: &[u8]| column.iter().max().copied().unwrap_or_default();
        if max(&columns.scales) > SCALE_MAX || max(&columns.widths) > 64 {
            return Err(Malformed::new(0, "scale over 38 digits, or width over 64 bits"));
        }
        if max(&columns.kinds) > KIND_DOUBLES {
            return Err(Malformed::new(0, "unknown encoding of a run"));
        }
        let ways = columns.kinds.iter().zip(&columns.compact).zip(&columns.widths);
        let mut at = u32::try_from(from).unwrap_or(u32::MAX);
        self.starts.clear();
        self.starts.extend(places.iter().zip(ways).map(|(place, ((kind, compact), width))| {
            let start = at;
            // Without a branch: which kind comes next cannot be foretold.
            let is_packed = (KIND_FRAME..KIND_DOUBLES).contains(kind);
            let is_delta = u32::from(*kind > KIND_FRAME);
            let count = place.numbers(*compact == 1).saturating_sub(is_delta);
            let packed = count * u32::from(*width) * u32::from(is_packed);
            at = at.saturating_add(packed.div_ceil(8));
            start
        }));
        if columns.kinds.contains(&KIND_DOUBLES) || !self.doubles.is_empty() {
            self.locate_doubles(places)?;
        }
        Ok(at as usize)
    }

    /// Finds which double is the first of each chunk that has some.
    fn locate_doubles(&mut self, places: &[Place]) -> Result<(), Malformed> {
        let mut before = 0;
        let kinds = self.columns.kinds.iter().zip(&mut self.starts);
        let all = kinds.zip(places).enumerate();
        for (index, ((_, start), place)) in all.filter(|(_, ((k, _), _))| **k == KIND_DOUBLES) {
            *start = u32::try_from(before).unwrap_or(u32::MAX);
            let without = self.missing.range(index).len() + self.text_slots.range(index).len();
            before += (place.numbers(true) as usize).saturating_sub(without);
        }
        if before == self.doubles.len() {
            Ok(())
        } else {
            Err(Malformed::new(0, "doubles of another number than their chunks have"))
        }
    }

    #[inline]
    fn header(&self, index: usize) -> Result<Header, Malformed> {
        let columns = &self.columns;
        let way = columns.kinds.get(index).zip(columns.widths.get(index));
        let numbers = columns.bases.get(index).zip(columns.biases.get(index));
        let rest = columns.compact.get(index).zip(self.starts.get(index));
        match way.zip(numbers).zip(rest) {
            Some((((kind, width), (base, bias)), (compact, start))) => {
                Ok(Header::new(*kind, (*width, *base, *bias), *compact == 1, *start))
            }
            None => Err(Malformed::new(0, "no such chunk")),
        }
    }

    /// Digits after the point of the mantissas of a chunk.
    #[inline]
    fn scale(&self, index: usize) -> u8 {
        self.columns.scales.get(index).copied().unwrap_or_default()
    }

    /// Decodes the run of a chunk of `block`; `absent` are its positions without an observation.
    pub(crate) fn run_into(
        &self,
        block: &[u8],
        (index, place): (usize, Place),
        absent: &[u16],
        run: &mut MeasureRun,
    ) -> Result<(), Malformed> {
        self.lists_into(block, (index, place), run);
        let slots = place.from as usize..place.end() as usize;
        match self.decoded(index, slots).filter(|_| !self.is_partial) {
            Some(mantissas) => {
                let mut values = take_mantissas(run);
                values.clear();
                values.extend_from_slice(mantissas);
                run.numbers = Numbers::Decimals(values);
                Ok(())
            }
            None => self.numbers_into(block, (index, place), absent, run),
        }
    }

    /// Sets what a run has besides its numbers.
    fn lists_into(&self, block: &[u8], (index, place): (usize, Place), run: &mut MeasureRun) {
        run.clear();
        run.scale = self.scale(index);
        let is_shortest = self.columns.writings.get(index) == Some(&1);
        run.writing = if is_shortest { Writing::Shortest } else { Writing::Fixed };
        run.missing.extend(self.missing.of(index).iter().map(|slot| place.position(*slot)));
        for (slot, text) in self.texts(block, index) {
            run.texts.push((place.position(slot), Box::from(text)));
        }
        let scales = self.rescaled.get(self.rescaled_slots.range(index)).unwrap_or_default();
        let slots = self.rescaled_slots.of(index).iter().map(|slot| place.position(*slot));
        run.rescaled.extend(slots.zip(scales.iter().copied()));
    }

    /// Decodes the numbers of a run whose lists are set.
    fn numbers_into(
        &self,
        block: &[u8],
        (index, place): (usize, Place),
        absent: &[u16],
        run: &mut MeasureRun,
    ) -> Result<(), Malformed> {
        let header = self.header(index)?;
        match header.kind {
            Kind::None => run.numbers = Numbers::None,
            Kind::Doubles => {
                let rest = self.doubles.get(header.start as usize..).unwrap_or_default();
                let mut left_out: Vec<u16> = absent.to_vec();
                left_out.extend_from_slice(&run.missing);
                left_out.extend(run.texts.iter().map(|(position, _)| *position));
                left_out.sort_unstable();
                run.numbers = Numbers::Doubles(spread(place.slots as usize, &left_out, rest));
            }
            Kind::Decimals => {
                let mut values = take_mantissas(run);
                let bytes = block.get(header.start as usize..).unwrap_or_default();
                let slots = place.slots as usize;
                if header.is_compact {
                    values.resize(place.numbers(true) as usize, 0);
                    unpack_run_into(&header.run, bytes, &mut values)?;
                    values = spread(slots, absent, &values);
                } else {
                    if values.len() < slots + SLACK {
                        values.resize(slots + SLACK, 0);
                    }
                    unpack_run_over(&header.run, bytes, slots, &mut values)?;
                    values.truncate(slots);
                }
                run.numbers = Numbers::Decimals(values);
            }
        }
        Ok(())
    }

    /// Decodes the numbers of these chunks of a block at these positions.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        places: &[Place],
        absent: &Positions,
        chunks: impl Iterator<Item = (usize, Range<usize>)> + Clone,
    ) -> Result<(), Malformed> {
        self.is_partial = false;
        self.batch.clear();
        self.places.clear();
        self.places.resize(places.len(), NOT_DECODED);
        let (mut has_others, mut has_singles) = (false, false);
        for (index, wanted) in chunks.clone() {
            let header = self.header(index)?;
            let slots = places.get(index).map_or(0, |place| place.slots as usize);
            let place = if header.kind == Kind::Decimals && !header.is_compact {
                if is_whole(&wanted, slots) {
                    self.batch.push(&header.run, header.start, slots)
                } else {
                    self.is_partial |= wanted.len() < slots;
                    if header.is_single(&wanted) {
                        has_singles = true;
                        self.batch.skip(slots)
                    } else {
                        self.batch.push_part(&header.run, header.start, slots, &wanted)
                    }
                }
            } else {
                has_others = true;
                self.batch.skip(slots)
            };
            if let Some(known) = self.places.get_mut(index) {
                *known = u32::try_from(place).unwrap_or(u32::MAX);
            }
        }
        self.batch.decode(block, &mut self.mantissas)?;
        if has_singles {
            self.decode_singles(block, places, chunks.clone())?;
        }
        if has_others {
            for (index, _) in chunks {
                let header = self.header(index)?;
                let place = places.get(index).copied().unwrap_or_default();
                if header.kind == Kind::Doubles || header.is_compact {
                    self.decode_apart(block, (index, place), absent)?;
                }
            }
        }
        Ok(())
    }

    /// Decodes all numbers of those of these chunks of a block that do not give each by itself.
    pub(crate) fn decode_joined(
        &mut self,
        block: &[u8],
        places: &[Place],
        absent: &Positions,
        chunks: impl Iterator<Item = usize>,
    ) -> Result<(), Malformed> {
        let mut joined = mem::take(&mut self.joined);
        joined.clear();
        joined.extend(chunks.filter(|index| {
            let header = self.header(*index);
            header.is_ok_and(|one| one.kind != Kind::None && !one.is_placed())
        }));
        let wanted = joined.iter().map(|index| (*index, 0..CHUNK_SLOTS_MAX));
        let decoded = self.decode(block, places, absent, wanted);
        self.joined = joined;
        decoded
    }

    /// Decodes the numbers of chunks of which only one is wanted.
    fn decode_singles(
        &mut self,
        block: &[u8],
        places: &[Place],
        chunks: impl Iterator<Item = (usize, Range<usize>)>,
    ) -> Result<(), Malformed> {
        for (index, wanted) in chunks {
            let header = self.header(index)?;
            let slots = places.get(index).map_or(0, |place| place.slots as usize);
            let is_placed = header.kind == Kind::Decimals && !header.is_compact;
            if !is_placed || is_whole(&wanted, slots) || !header.is_single(&wanted) {
                continue;
            }
            let bytes = block.get(header.start as usize..).unwrap_or_default();
            let number = header.run.get(bytes, wanted.start)?;
            let from = self.places.get(index).map_or(0, |place| *place as usize);
            if let Some(mantissa) = self.mantissas.get_mut(from + wanted.start) {
                *mantissa = number;
            }
        }
        Ok(())
    }

    /// Decodes the numbers of a chunk that has not one a slot.
    fn decode_apart(
        &mut self,
        block: &[u8],
        (index, place): (usize, Place),
        absent: &Positions,
    ) -> Result<(), Malformed> {
        let header = self.header(index)?;
        if header.kind == Kind::Decimals && header.is_compact {
            self.apart.clear();
            self.apart.resize(place.numbers(true) as usize, 0);
            let bytes = block.get(header.start as usize..).unwrap_or_default();
            unpack_run_into(&header.run, bytes, &mut self.apart)?;
            let from = self.places.get(index).map_or(0, |place| *place as usize);
            let out = self.mantissas.get_mut(from..from + place.slots as usize);
            spread_over(out.unwrap_or_default(), (absent.of(index), place.from), &self.apart);
            return Ok(());
        }
        let absent: Vec<u16> = absent.of(index).iter().map(|slot| place.position(*slot)).collect();
        let mut run = MeasureRun::default();
        self.lists_into(block, (index, place), &mut run);
        self.numbers_into(block, (index, place), &absent, &mut run)?;
        if let Numbers::Doubles(values) = run.numbers {
            let (from, end) = (place.from as usize, place.end() as usize);
            if self.spread.len() < end {
                self.spread.resize(end, 0.0);
            }
            let out = self.spread.get_mut(from..end).unwrap_or_default();
            out.copy_from_slice(&values);
        }
        Ok(())
    }

    /// The numbers of a chunk that was decoded, which lies at these slots of the block; any numbers
    /// at positions that were not.
    #[inline]
    pub(crate) fn numbers(&self, chunk: usize, slots: Range<usize>) -> ChunkNumbers<'_> {
        match self.columns.kinds.get(chunk) {
            None | Some(&KIND_NONE) => ChunkNumbers::None,
            Some(&KIND_DOUBLES) => {
                ChunkNumbers::Doubles(self.spread.get(slots).unwrap_or_default())
            }
            Some(_) => {
                let mantissas = self.decoded(chunk, slots).unwrap_or_default();
                ChunkNumbers::Decimals(mantissas, self.scale(chunk))
            }
        }
    }

    /// Appends the numbers of a chunk as doubles, one a slot; any number where there is none.
    #[inline]
    pub(crate) fn push_doubles(&self, chunk: usize, slots: Range<usize>, out: &mut Vec<f64>) {
        let count = slots.len();
        match self.numbers(chunk, slots) {
            ChunkNumbers::None => out.resize(out.len() + count, 0.0),
            ChunkNumbers::Doubles(doubles) => out.extend_from_slice(doubles),
            ChunkNumbers::Decimals(mantissas, scale) => {
                let from = self.places.get(chunk).map_or(0, |place| *place as usize);
                // The places after the last one cost less than to be left out.
                let padded = self.mantissas.get(from..from + count.next_multiple_of(GROUP));
                push_mantissas(mantissas, padded.unwrap_or(mantissas), scale, out);
            }
        }
    }

    /// Whether a chunk has numbers that were not decoded.
    #[inline]
    pub(crate) fn is_packed(&self, chunk: usize) -> bool {
        let place = self.places.get(chunk).copied().unwrap_or(NOT_DECODED);
        place == NOT_DECODED && self.columns.kinds.get(chunk).is_some_and(|k| *k != KIND_NONE)
    }

    /// The mantissas of a chunk, if each can be had by itself: there is one a slot, and none is the
    /// difference from the one before.
    #[inline]
    pub(crate) fn packed<'a>(&self, block: &'a [u8], chunk: usize) -> Option<PackedNumbers<'a>> {
        let header = self.header(chunk).ok()?;
        let bytes = block.get(header.start as usize..)?;
        let is_placed = header.kind == Kind::Decimals && header.is_placed();
        is_placed.then_some(PackedNumbers { run: header.run, bytes, scale: self.scale(chunk) })
    }

    /// The mantissas of a chunk that was decoded and has some.
    #[inline]
    fn decoded(&self, chunk: usize, slots: Range<usize>) -> Option<&[i64]> {
        let from = *self.places.get(chunk).filter(|place| **place != NOT_DECODED)? as usize;
        let has_some = (KIND_NONE + 1..KIND_DOUBLES).contains(self.columns.kinds.get(chunk)?);
        self.mantissas.get(from..from + slots.len()).filter(|_| has_some)
    }

    /// The slots of a chunk whose observation has no value.
    #[inline]
    pub(crate) fn missing(&self, chunk: usize) -> &[u32] {
        self.missing.of(chunk)
    }

    /// Whether an observation of a chunk has a text.
    #[inline]
    pub(crate) fn has_texts(&self, chunk: usize) -> bool {
        !self.text_slots.of(chunk).is_empty()
    }

    /// The slots of a chunk whose observation has a text, and the texts.
    pub(crate) fn texts<'a>(
        &'a self,
        block: &'a [u8],
        chunk: usize,
    ) -> impl Iterator<Item = (u32, &'a str)> {
        let slots = self.text_slots.of(chunk).iter().copied();
        slots.zip(self.text_slots.range(chunk).map(|at| self.text(block, at)))
    }

    /// Text `at` of the block.
    fn text<'a>(&self, block: &'a [u8], at: usize) -> &'a str {
        let bytes = self.texts.get(at).and_then(|range| block.get(range.clone()));
        str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }
}

/// Whether all slots of a chunk are wanted.
#[inline]
fn is_whole(wanted: &Range<usize>, slots: usize) -> bool {
    wanted.start == 0 && wanted.end >= slots
}

/// The memory of the mantissas of a run, to be used again.
fn take_mantissas(run: &mut MeasureRun) -> Vec<i64> {
    match mem::take(&mut run.numbers) {
        Numbers::Decimals(values) => values,
        Numbers::None | Numbers::Doubles(_) => Vec::new(),
    }
}

impl Place {
    /// How many numbers are packed for the chunk of mantissas that lies here.
    #[inline]
    fn numbers(self, is_compact: bool) -> u32 {
        self.slots.saturating_sub(if is_compact { self.absent } else { 0 })
    }
}
