//! One measure of the chunks of a block: from values as published to packed runs. `numbers` is the
//! way back.

use std::iter;

use crate::codec::Writer;
use crate::codec::column::{encode_i64, encode_u64};
use crate::codec::exceptions::encode_exceptions;
use crate::codec::pco_column::encode_pco_f64;
use crate::codec::run::{RunHeader, pack_run, plan_run};
use crate::error::Result;
use crate::model::{Decimal, Value};
use crate::segment::chunk::{ChunkRows, Stored, Writing};
use crate::segment::totals::Total;

/// The kind of a run that has no numbers.
pub(super) const KIND_NONE: u8 = 0;
/// The kind of a run that is a frame of mantissas; a constant is below, differences are above.
pub(super) const KIND_FRAME: u8 = 2;
/// The kind of a run of doubles; the kinds between are the encodings of runs of mantissas.
pub(super) const KIND_DOUBLES: u8 = 5;

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
    /// Scratch: the decimals that texts of one chunk stand for.
    of_texts: Vec<Decimal>,
}

impl MeasureBuilder {
    /// Adds the values of a chunk whose position 0 is slot `from` of the block.
    pub(crate) fn push(&mut self, rows: &ChunkRows, measure: usize, from: u32) -> Total {
        let values = &rows.measures[measure];
        let plan = Plan::of(rows, values);
        self.of_texts.clear();
        let mut total = Total { scale: plan.scale, is_exact: true, ..Total::default() };
        for (stored, position) in values.iter().zip(&rows.positions) {
            let slot = from + u32::from(*position);
            if stored.scale == Stored::MISSING {
                self.missing.push(slot);
            } else if let Some(text) = plan.text(rows, *stored) {
                let value = Value::parse(&text);
                match value.decimal() {
                    Some(number) => self.of_texts.push(number),
                    None => total.is_exact &= value.number().is_none(),
                }
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
        for number in self.of_texts.drain(..) {
            total.is_exact = total.is_exact && total.add_decimal(number);
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
        self.push_header(header.encoding.tag() + 1, header, plan);
        pack_run(&header, &self.mantissas, &mut self.runs);
    }

    fn push_header(&mut self, kind: u8, header: RunHeader, plan: &Plan) {
        self.kinds.push(u64::from(kind));
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
        writer.bytes(&self.runs);
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
