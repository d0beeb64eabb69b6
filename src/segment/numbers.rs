//! One measure of the chunks of a block: from packed runs to numbers. `measure` is the way there.

use std::mem;
use std::ops::Range;

use crate::codec::column::Column;
use crate::codec::pco_column::decode_pco_f64;
use crate::codec::run::{Encoding, RunHeader, unpack_run_into, unpack_run_over};
use crate::codec::{Malformed, Reader};
use crate::limits::BLOCK_CHUNKS_MAX;
use crate::segment::chunk::{MeasureRun, Numbers, Writing};
use crate::segment::measure::{KIND_DOUBLES, KIND_NONE};
use crate::segment::positions::{Place, Positions};
use crate::segment::totals::SCALE_MAX;

/// Places behind the last slot: runs are decoded eight values at a time.
const SLACK: usize = 16;

/// The runs of one measure of a block: headers and exceptions decoded, numbers still packed. The
/// memory is used again for the next block.
#[derive(Debug, Default)]
pub(crate) struct MeasureDecoder {
    headers: Vec<Header>,
    missing: Positions,
    text_slots: Positions,
    /// Where in the block each text stands.
    texts: Vec<Range<usize>>,
    rescaled_slots: Positions,
    rescaled: Vec<u8>,
    doubles: Vec<f64>,
    columns: Columns,
    /// The mantissas of chunks decoded last, by the slots of the block.
    mantissas: Vec<i64>,
    /// The doubles of chunks decoded last, by the slots of the block.
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

/// What is known of the run of one chunk before it is decoded.
#[derive(Clone, Copy, Debug, Default)]
struct Header {
    kind: Kind,
    scale: u8,
    is_compact: bool,
    writing: Writing,
    /// Where in the block the packed numbers begin; which of the doubles is the first.
    start: u32,
}

#[derive(Clone, Copy, Debug, Default)]
enum Kind {
    #[default]
    None,
    Decimals(RunHeader),
    Doubles,
}

/// The columns of headers while a block is parsed.
#[derive(Debug, Default)]
struct Columns {
    kinds: Vec<u8>,
    compact: Vec<u8>,
    widths: Vec<u8>,
    bases: Vec<i64>,
    biases: Vec<i64>,
    scales: Vec<u8>,
    writings: Vec<u8>,
}

impl Columns {
    fn read(&mut self, input: &mut Reader<'_>, chunks: usize) -> Result<(), Malformed> {
        let mut column = || {
            let column = Column::read(input, BLOCK_CHUNKS_MAX)?;
            let fits = column.len() == chunks;
            if fits { Ok(column) } else { Err(input.malformed("a column of another length")) }
        };
        let small = |column: Column<'_>, out: &mut Vec<u8>| {
            out.clear();
            column.decode_u8_into(out)
        };
        let signed = |column: Column<'_>, out: &mut Vec<i64>| {
            out.clear();
            column.decode_i64_into(out)
        };
        small(column()?, &mut self.kinds)?;
        small(column()?, &mut self.compact)?;
        small(column()?, &mut self.widths)?;
        signed(column()?, &mut self.bases)?;
        signed(column()?, &mut self.biases)?;
        small(column()?, &mut self.scales)?;
        small(column()?, &mut self.writings)
    }
}

impl MeasureDecoder {
    /// Parses what [`crate::segment::measure::MeasureBuilder::finish`] wrote for the chunks at
    /// `places`: `input` is all of it, and begins at byte `at` of the block.
    pub(crate) fn parse(
        &mut self,
        mut input: Reader<'_>,
        at: usize,
        places: &[Place],
    ) -> Result<(), Malformed> {
        let input = &mut input;
        self.columns.read(input, places.len())?;
        self.missing.read(input, places)?;
        self.text_slots.read(input, places)?;
        self.texts.clear();
        for _ in self.text_slots.all() {
            let text = input.prefixed()?;
            if str::from_utf8(text).is_err() {
                return Err(input.malformed("a text is not UTF-8"));
            }
            let end = at + input.at();
            self.texts.push(end - text.len()..end);
        }
        self.rescaled_slots.read(input, places)?;
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

    /// Puts the headers together, and finds where the numbers of each chunk begin, the first at
    /// byte `from` of the block. Returns where the last ones end.
    fn locate(&mut self, places: &[Place], from: usize) -> Result<usize, Malformed> {
        let columns = &self.columns;
        let small = columns.kinds.iter().zip(&columns.compact).zip(&columns.widths);
        let signed = columns.bases.iter().zip(&columns.biases);
        let written = columns.scales.iter().zip(&columns.writings);
        let (mut bytes, mut doubles) = (from, 0_usize);
        self.headers.resize(places.len(), Header::default());
        let all = places.iter().zip(small).zip(signed).zip(written).zip(&mut self.headers);
        for (index, (columns, out)) in all.enumerate() {
            let (((place, ((kind, compact), width)), (base, bias)), (scale, writing)) = columns;
            if *scale > SCALE_MAX || *width > 64 {
                return Err(Malformed::new(0, "scale over 38 digits, or width over 64 bits"));
            }
            let is_compact = *compact == 1;
            let (kind, start) = match *kind {
                KIND_NONE => (Kind::None, bytes),
                KIND_DOUBLES => {
                    let without =
                        self.missing.range(index).len() + self.text_slots.range(index).len();
                    let start = doubles;
                    let present = place.slots.saturating_sub(place.absent) as usize;
                    doubles += present.saturating_sub(without);
                    (Kind::Doubles, start)
                }
                tag => {
                    let encoding = Encoding::from_tag(tag - 1)?;
                    let header = RunHeader { encoding, width: *width, base: *base, bias: *bias };
                    let start = bytes;
                    bytes += header.packed_len(place.numbers(is_compact));
                    (Kind::Decimals(header), start)
                }
            };
            let writing = if *writing == 1 { Writing::Shortest } else { Writing::Fixed };
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            *out = Header { kind, scale: *scale, is_compact, writing, start };
        }
        if doubles == self.doubles.len() {
            Ok(bytes)
        } else {
            Err(Malformed::new(0, "doubles of another number than their chunks have"))
        }
    }

    fn header(&self, index: usize) -> Result<&Header, Malformed> {
        self.headers.get(index).ok_or(Malformed::new(0, "the block has no such chunk"))
    }

    /// Decodes the run of a chunk of `block`; `absent` are its positions without an observation.
    pub(crate) fn run_into(
        &self,
        block: &[u8],
        (index, place): (usize, Place),
        absent: &[u16],
        run: &mut MeasureRun,
    ) -> Result<(), Malformed> {
        let header = self.header(index)?;
        run.clear();
        run.scale = header.scale;
        run.writing = header.writing;
        run.missing.extend(self.missing.of(index).iter().map(|slot| place.position(*slot)));
        for at in self.text_slots.range(index) {
            let slot = self.text_slots.all().get(at).copied().unwrap_or_default();
            run.texts.push((place.position(slot), Box::from(self.text(block, at))));
        }
        for at in self.rescaled_slots.range(index) {
            let slot = self.rescaled_slots.all().get(at).copied().unwrap_or_default();
            run.rescaled
                .push((place.position(slot), self.rescaled.get(at).copied().unwrap_or_default()));
        }
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
            Kind::Decimals(packed) => {
                let mut values = match mem::replace(&mut run.numbers, Numbers::None) {
                    Numbers::Decimals(values) => values,
                    _ => Vec::new(),
                };
                let bytes = block.get(header.start as usize..).unwrap_or_default();
                let slots = place.slots as usize;
                if header.is_compact {
                    values.resize(place.numbers(true), 0);
                    unpack_run_into(&packed, bytes, &mut values)?;
                    values = spread(slots, absent, &values);
                } else {
                    if values.len() < slots + SLACK {
                        values.resize(slots + SLACK, 0);
                    }
                    unpack_run_over(&packed, bytes, slots, &mut values)?;
                    values.truncate(slots);
                }
                run.numbers = Numbers::Decimals(values);
            }
        }
        Ok(())
    }

    /// Decodes the numbers of these chunks of a block, in ascending order: what is written after the
    /// end of one is overwritten by the next.
    pub(crate) fn decode(
        &mut self,
        block: &[u8],
        places: &[Place],
        absent: &Positions,
        chunks: impl Iterator<Item = usize>,
    ) -> Result<(), Malformed> {
        let slots = places.last().map_or(0, |place| place.end() as usize);
        if self.mantissas.len() < slots + SLACK {
            self.mantissas.resize(slots + SLACK, 0);
        }
        for index in chunks {
            let place = places.get(index).copied().unwrap_or_default();
            match self.headers.get(index) {
                Some(Header { kind: Kind::Decimals(packed), is_compact: false, start, .. }) => {
                    let bytes = block.get(*start as usize..).unwrap_or_default();
                    let out = self.mantissas.get_mut(place.from as usize..).unwrap_or_default();
                    unpack_run_over(packed, bytes, place.slots as usize, out)?;
                }
                Some(Header { kind: Kind::None, .. }) => {}
                _ => self.decode_slowly(block, (index, place), absent)?,
            }
        }
        Ok(())
    }

    /// Decodes the numbers of a chunk that has not one a slot.
    #[cold]
    fn decode_slowly(
        &mut self,
        block: &[u8],
        (index, place): (usize, Place),
        absent: &Positions,
    ) -> Result<(), Malformed> {
        let absent: Vec<u16> = absent.of(index).iter().map(|slot| place.position(*slot)).collect();
        let mut run = MeasureRun::default();
        self.run_into(block, (index, place), &absent, &mut run)?;
        let (from, end) = (place.from as usize, place.end() as usize);
        match run.numbers {
            Numbers::None => {}
            Numbers::Decimals(values) => {
                let out = self.mantissas.get_mut(from..end).unwrap_or_default();
                out.copy_from_slice(&values);
            }
            Numbers::Doubles(values) => {
                if self.spread.len() < end {
                    self.spread.resize(end, 0.0);
                }
                let out = self.spread.get_mut(from..end).unwrap_or_default();
                out.copy_from_slice(&values);
            }
        }
        Ok(())
    }

    /// The numbers of a chunk that was decoded, which lies at these slots of the block.
    #[inline]
    pub(crate) fn numbers(&self, chunk: usize, slots: Range<usize>) -> ChunkNumbers<'_> {
        let Some(header) = self.headers.get(chunk) else { return ChunkNumbers::None };
        match header.kind {
            Kind::None => ChunkNumbers::None,
            Kind::Decimals(_) => {
                let mantissas = self.mantissas.get(slots).unwrap_or_default();
                ChunkNumbers::Decimals(mantissas, header.scale)
            }
            Kind::Doubles => ChunkNumbers::Doubles(self.spread.get(slots).unwrap_or_default()),
        }
    }

    /// The slots of a chunk whose observation has no value.
    #[inline]
    pub(crate) fn missing(&self, chunk: usize) -> &[u32] {
        self.missing.of(chunk)
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

impl Place {
    /// How many numbers are packed for the chunk of mantissas that lies here.
    #[inline]
    fn numbers(self, is_compact: bool) -> usize {
        self.slots.saturating_sub(if is_compact { self.absent } else { 0 }) as usize
    }
}

/// One number a slot from one number for each slot that is not left out; those repeat the one
/// before.
fn spread<T: Copy + Default>(slots: usize, left_out: &[u16], numbers: &[T]) -> Vec<T> {
    let mut out = Vec::with_capacity(slots);
    let mut numbers = numbers.iter();
    let mut left_out = left_out.iter().peekable();
    let mut last = T::default();
    for slot in 0..slots {
        if left_out.next_if(|position| usize::from(**position) == slot).is_none() {
            last = numbers.next().copied().unwrap_or(last);
        }
        out.push(last);
    }
    out
}
