//! One measure of the chunks of a block: from values as published to packed runs, and back.

use std::iter;

use crate::codec::column::{Column, encode_i64, encode_u64};
use crate::codec::exceptions::{Exceptions, encode_exceptions};
use crate::codec::pco_column::{decode_pco_f64, encode_pco_f64};
use crate::codec::run::{Encoding, RunHeader, pack_run, plan_run, unpack_run_into};
use crate::codec::{Malformed, Reader, Writer};
use crate::error::Result;
use crate::limits::BLOCK_CHUNKS_MAX;
use crate::model::{Decimal, number_of_text};
use crate::segment::chunk::{ChunkRows, MeasureRun, Numbers, Stored, Writing};
use crate::segment::totals::Total;

/// The kind of a run that has no numbers.
const KIND_NONE: u64 = 0;
/// The kind of a run of doubles; the kinds between are the encodings of runs of mantissas.
const KIND_DOUBLES: u64 = 5;

/// The runs of one measure, collected for one block.
#[derive(Debug, Default)]
pub(crate) struct MeasureBuilder {
    kinds: Vec<u64>,
    compact: Vec<u64>,
    headers: Vec<RunHeader>,
    scales: Vec<u64>,
    writings: Vec<u64>,
    missing: Vec<u32>,
    text_positions: Vec<u32>,
    texts: Vec<u8>,
    rescaled_positions: Vec<u32>,
    rescaled: Vec<u8>,
    doubles: Vec<f64>,
    runs: Vec<u8>,
    /// Scratch: the mantissas of one chunk.
    mantissas: Vec<i64>,
}

impl MeasureBuilder {
    /// Adds the values of a chunk whose position 0 is slot `from` of the block.
    pub(crate) fn push(&mut self, rows: &ChunkRows, measure: usize, from: u32) -> Total {
        let values = &rows.measures[measure];
        let plan = Plan::of(rows, values);
        let mut total = Total { scale: plan.scale, is_exact: true, ..Total::default() };
        for (stored, position) in values.iter().zip(&rows.positions) {
            let slot = from + u32::from(*position);
            if stored.scale == Stored::MISSING {
                self.missing.push(slot);
            } else if let Some(text) = plan.text(rows, *stored) {
                total.is_exact &= number_of_text(&text).is_none();
                self.text_positions.push(slot);
                Writer::new(&mut self.texts).prefixed(text.as_bytes());
            }
        }
        match plan.numbers {
            PlannedNumbers::None => self.push_header(KIND_NONE, RunHeader::default(), &plan),
            PlannedNumbers::Doubles => {
                total.is_exact = false;
                self.push_header(KIND_DOUBLES, RunHeader::default(), &plan);
                let decimals = values.iter().filter_map(|stored| stored.decimal());
                self.doubles.extend(decimals.map(Decimal::to_f64));
            }
            PlannedNumbers::Decimals => self.push_decimals(rows, values, &plan, from, &mut total),
        }
        total
    }

    fn push_decimals(
        &mut self,
        rows: &ChunkRows,
        values: &[Stored],
        plan: &Plan,
        from: u32,
        total: &mut Total,
    ) {
        self.mantissas.clear();
        let mut filler = None;
        for (stored, position) in values.iter().zip(&rows.positions) {
            if !plan.is_compact {
                // Absent slots repeat the value before them.
                let gap = usize::from(*position) - self.mantissas.len();
                self.mantissas.extend(iter::repeat_n(filler.unwrap_or(i64::MIN), gap));
            }
            let mantissa = plan.mantissa(*stored);
            if let Some(mantissa) = mantissa {
                if filler.is_none() {
                    self.mantissas.fill(mantissa);
                }
                filler = Some(mantissa);
                total.add(mantissa);
                let written = plan.written_scale(mantissa);
                if written != stored.scale {
                    self.rescaled_positions.push(from + u32::from(*position));
                    self.rescaled.push(stored.scale);
                }
            }
            self.mantissas.push(filler.unwrap_or(i64::MIN));
        }
        let header = plan_run(&self.mantissas);
        self.push_header(u64::from(header.encoding.tag()) + 1, header, plan);
        pack_run(&header, &self.mantissas, &mut self.runs);
    }

    fn push_header(&mut self, kind: u64, header: RunHeader, plan: &Plan) {
        self.kinds.push(kind);
        self.compact.push(u64::from(plan.is_compact));
        self.headers.push(header);
        self.scales.push(u64::from(plan.scale));
        self.writings.push(u64::from(plan.writing == Writing::Shortest));
    }

    /// Appends the bytes of all chunks, `slots` slots together, and empties itself.
    pub(crate) fn finish(&mut self, slots: usize, out: &mut Vec<u8>) -> Result<()> {
        encode_u64(&self.kinds, out);
        encode_u64(&self.compact, out);
        let headers = self.headers.iter();
        encode_u64(&headers.clone().map(|h| u64::from(h.width)).collect::<Vec<_>>(), out);
        encode_i64(&headers.clone().map(|h| h.base).collect::<Vec<_>>(), out);
        encode_i64(&headers.map(|h| h.bias).collect::<Vec<_>>(), out);
        encode_u64(&self.scales, out);
        encode_u64(&self.writings, out);
        encode_exceptions(&self.missing, slots, out);
        encode_exceptions(&self.text_positions, slots, out);
        Writer::new(out).bytes(&self.texts);
        encode_exceptions(&self.rescaled_positions, slots, out);
        Writer::new(out).bytes(&self.rescaled);
        let mut doubles = Vec::new();
        if !self.doubles.is_empty() {
            encode_pco_f64(&self.doubles, &mut doubles)?;
        }
        let mut writer = Writer::new(out);
        writer.count(self.doubles.len());
        writer.prefixed(&doubles);
        writer.prefixed(&self.runs);
        *self = Self::default();
        Ok(())
    }
}

/// What the numbers of a chunk become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlannedNumbers {
    None,
    Decimals,
    Doubles,
}

/// How the values of one chunk are stored, decided before any is.
struct Plan {
    numbers: PlannedNumbers,
    scale: u8,
    writing: Writing,
    is_compact: bool,
}

impl Plan {
    fn of(rows: &ChunkRows, values: &[Stored]) -> Self {
        // A run with more absent slots than present ones is stored without the absent ones.
        let is_compact = rows.len() * 2 < rows.slots();
        let mut plan =
            Self { numbers: PlannedNumbers::None, scale: 0, writing: Writing::Fixed, is_compact };
        let scales = || values.iter().map(|stored| stored.scale).filter(|s| *s < Stored::TEXT);
        let Some((min, max)) = scales().map(|s| (s, s)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        else {
            return plan;
        };
        plan.numbers = PlannedNumbers::Decimals;
        plan.scale = max;
        if min == max {
            return plan;
        }
        let misfits = |plan: &Self| {
            values.iter().filter(|v| v.scale < Stored::TEXT && plan.mantissa(**v).is_none()).count()
        };
        if misfits(&plan) > 0 {
            if values.iter().filter_map(|stored| stored.decimal()).all(is_shortest_double) {
                plan.numbers = PlannedNumbers::Doubles;
                plan.scale = 0;
                return plan;
            }
            // The scale that leaves the fewest values to be kept as text.
            plan.scale = (min..=max)
                .min_by_key(|scale| misfits(&Self { scale: *scale, ..plan }))
                .unwrap_or(max);
        }
        let count_exceptions = |writing: Writing| {
            let plan = Self { writing, ..plan };
            let differs = |stored: &&Stored| {
                plan.mantissa(**stored).is_some_and(|m| plan.written_scale(m) != stored.scale)
            };
            values.iter().filter(differs).count()
        };
        if count_exceptions(Writing::Shortest) < count_exceptions(Writing::Fixed) {
            plan.writing = Writing::Shortest;
        }
        plan
    }

    /// The mantissa at the scale of the plan, where the value is a decimal that has one.
    #[inline]
    fn mantissa(&self, stored: Stored) -> Option<i64> {
        if stored.scale == self.scale {
            return Some(stored.bits);
        }
        let up = self.scale.checked_sub(stored.scale)?;
        let power = 10_i64.checked_pow(u32::from(up))?;
        stored.bits.checked_mul(power)
    }

    /// The digits after the point that the plan's writing gives this mantissa.
    fn written_scale(&self, mantissa: i64) -> u8 {
        match self.writing {
            Writing::Fixed => self.scale,
            Writing::Shortest => {
                Decimal { mantissa: i128::from(mantissa), scale: self.scale }.shortest().scale
            }
        }
    }

    /// The text to keep, where the value is one or does not fit the plan.
    fn text(&self, rows: &ChunkRows, stored: Stored) -> Option<String> {
        if let Some(text) = stored.text() {
            return Some(rows.texts[text].to_string());
        }
        let decimal = stored.decimal()?;
        let fits = self.numbers == PlannedNumbers::Doubles || self.mantissa(stored).is_some();
        (!fits).then(|| decimal.to_string())
    }
}

/// Whether the text is the shortest that reads back as the same double.
fn is_shortest_double(decimal: Decimal) -> bool {
    let double = decimal.to_f64();
    double.is_finite() && double.to_string() == decimal.to_string()
}

/// The runs of one measure of a block, parsed but still packed.
#[derive(Debug)]
pub(crate) struct MeasureBlock<'a> {
    kinds: Column<'a>,
    compact: Column<'a>,
    widths: Column<'a>,
    bases: Column<'a>,
    biases: Column<'a>,
    scales: Column<'a>,
    writings: Column<'a>,
    missing: Vec<u32>,
    texts: Vec<(u32, &'a str)>,
    rescaled: Vec<(u32, u8)>,
    doubles: Vec<f64>,
    runs: &'a [u8],
    /// Where the packed bytes and the doubles of each chunk begin.
    starts: Vec<(u32, u32)>,
}

/// A chunk's place in its block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The number of the chunk in the block.
    pub(crate) index: usize,
    /// The block's slot of its position 0.
    pub(crate) from: u32,
    /// Its slots.
    pub(crate) slots: u32,
    /// Its slots without an observation.
    pub(crate) absent: u32,
}

impl<'a> MeasureBlock<'a> {
    /// Parses what [`MeasureBuilder::finish`] wrote for the chunks at `places`.
    pub(crate) fn parse(input: &mut Reader<'a>, places: &[Place]) -> Result<Self, Malformed> {
        let slots = places.last().map_or(0, |place| (place.from + place.slots) as usize);
        let mut column = || {
            let column = Column::read(input, BLOCK_CHUNKS_MAX)?;
            let fits = column.len() == places.len();
            if fits { Ok(column) } else { Err(input.malformed("a column of another length")) }
        };
        let mut block = Self {
            kinds: column()?,
            compact: column()?,
            widths: column()?,
            bases: column()?,
            biases: column()?,
            scales: column()?,
            writings: column()?,
            missing: Exceptions::read(input, slots)?.iter().collect(),
            texts: Vec::new(),
            rescaled: Vec::new(),
            doubles: Vec::new(),
            runs: &[],
            starts: Vec::with_capacity(places.len()),
        };
        for position in Exceptions::read(input, slots)?.iter() {
            let text = str::from_utf8(input.prefixed()?);
            block.texts.push((position, text.map_err(|_| input.malformed("a text is not UTF-8"))?));
        }
        for position in Exceptions::read(input, slots)?.iter() {
            block.rescaled.push((position, input.u8()?));
        }
        let double_count = input.count(slots)?;
        let packed = input.prefixed()?;
        if double_count > 0 {
            block.doubles = decode_pco_f64(packed, double_count)?;
        }
        block.runs = input.prefixed()?;
        block.locate(places).map_err(|error| error.offset_by(input.at()))?;
        Ok(block)
    }

    /// Finds where the packed bytes of each chunk begin, and checks that they are there.
    fn locate(&mut self, places: &[Place]) -> Result<(), Malformed> {
        let (mut bytes, mut doubles) = (0_usize, 0_usize);
        for place in places {
            let start = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            self.starts.push((start(bytes), start(doubles)));
            match self.kinds.get(place.index) {
                Some(KIND_NONE) => {}
                Some(KIND_DOUBLES) => doubles += self.number_count(*place),
                _ => bytes += self.header(place.index)?.packed_len(self.run_len(*place)),
            }
        }
        if bytes != self.runs.len() || doubles != self.doubles.len() {
            return Err(Malformed::new(0, "runs of another length than their headers say"));
        }
        Ok(())
    }

    fn header(&self, index: usize) -> Result<RunHeader, Malformed> {
        let kind = self.kinds.get(index).and_then(|kind| u8::try_from(kind).ok());
        let tag = kind.and_then(|kind| kind.checked_sub(1)).unwrap_or(u8::MAX);
        let width = self.widths.get(index).and_then(|width| u8::try_from(width).ok());
        Ok(RunHeader {
            encoding: Encoding::from_tag(tag)?,
            width: width.filter(|w| *w <= 64).ok_or(Malformed::new(0, "width over 64 bits"))?,
            base: self.bases.get_i64(index).unwrap_or_default(),
            bias: self.biases.get_i64(index).unwrap_or_default(),
        })
    }

    fn is_compact(&self, index: usize) -> bool {
        self.compact.get(index) == Some(1)
    }

    /// How many numbers are packed for a chunk of mantissas.
    fn run_len(&self, place: Place) -> usize {
        let absent = if self.is_compact(place.index) { place.absent } else { 0 };
        place.slots.saturating_sub(absent) as usize
    }

    /// How many observations of a chunk have a double: all that are neither missing nor text.
    fn number_count(&self, place: Place) -> usize {
        let without = within(&self.missing, place, |slot| *slot).len()
            + within(&self.texts, place, |(slot, _)| *slot).len();
        (place.slots.saturating_sub(place.absent) as usize).saturating_sub(without)
    }

    /// Decodes the run of one chunk; `absent` are its positions without an observation.
    pub(crate) fn decode(&self, place: Place, absent: &[u16]) -> Result<MeasureRun, Malformed> {
        let position = |slot: u32| u16::try_from(slot - place.from).unwrap_or(u16::MAX);
        let missing: Vec<u16> =
            within(&self.missing, place, |slot| *slot).iter().map(|slot| position(*slot)).collect();
        let texts = within(&self.texts, place, |(slot, _)| *slot);
        let texts: Vec<(u16, Box<str>)> =
            texts.iter().map(|(slot, text)| (position(*slot), Box::from(*text))).collect();
        let rescaled = within(&self.rescaled, place, |(slot, _)| *slot);
        let is_shortest = self.writings.get(place.index) == Some(1);
        let scale = self.scales.get(place.index).and_then(|scale| u8::try_from(scale).ok());
        let (start, first_double) = self.starts.get(place.index).copied().unwrap_or_default();
        let numbers = match self.kinds.get(place.index) {
            Some(KIND_NONE) => Numbers::None,
            Some(KIND_DOUBLES) => {
                let rest = self.doubles.get(first_double as usize..).unwrap_or_default();
                Numbers::Doubles(spread_doubles(place, absent, &missing, &texts, rest))
            }
            _ => {
                let header = self.header(place.index)?;
                let mut values = vec![0; self.run_len(place)];
                let packed = self.runs.get(start as usize..).unwrap_or_default();
                unpack_run_into(&header, packed, &mut values)?;
                if self.is_compact(place.index) {
                    values = spread(place.slots as usize, absent, &values);
                }
                Numbers::Decimals(values)
            }
        };
        Ok(MeasureRun {
            numbers,
            scale: scale.filter(|s| *s <= 38).ok_or(Malformed::new(0, "scale over 38 digits"))?,
            writing: if is_shortest { Writing::Shortest } else { Writing::Fixed },
            rescaled: rescaled.iter().map(|(slot, scale)| (position(*slot), *scale)).collect(),
            missing,
            texts,
        })
    }
}

/// One double a slot: those of the observations that are neither missing nor text.
fn spread_doubles(
    place: Place,
    absent: &[u16],
    missing: &[u16],
    texts: &[(u16, Box<str>)],
    doubles: &[f64],
) -> Vec<f64> {
    let mut without: Vec<u16> = absent.to_vec();
    without.extend_from_slice(missing);
    without.extend(texts.iter().map(|(position, _)| *position));
    without.sort_unstable();
    spread(place.slots as usize, &without, doubles)
}

/// The entries of a block-wide list that lie within a chunk.
fn within<T>(list: &[T], place: Place, slot: impl Fn(&T) -> u32) -> &[T] {
    let from = list.partition_point(|entry| slot(entry) < place.from);
    let to = list.partition_point(|entry| slot(entry) < place.from + place.slots);
    list.get(from..to).unwrap_or_default()
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
