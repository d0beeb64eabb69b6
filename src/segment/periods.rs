//! Totals by period: of all chunks of a segment together, the exact sum, count, minimum and maximum
//! of each period. They answer totals by time without decoding a block; `live_periods` keeps them
//! true where chunks are superseded.

use std::collections::BTreeMap;
use std::iter;

use crate::codec::column::{Column, encode_i64, encode_u64};
use crate::codec::{Malformed, Reader, Writer};
use crate::error::Result;
use crate::limits::PERIOD_TOTALS_SLOTS_MAX;
use crate::model::PeriodForm;
use crate::segment::chunk::ChunkRows;
use crate::segment::totals::{SCALE_MAX, Total, read_column};

/// Observations for each slot of a line at least: of fewer, decoding is fast, and the totals would
/// be large beside the values.
const OBSERVATIONS_MIN: u64 = 128;

/// The totals of one measure, a line for each form of periods that has them. Of other forms the
/// chunks must be decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeriodTotals {
    lines: Vec<PeriodLine>,
}

/// The totals of one measure in the periods of one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeriodLine {
    form: PeriodForm,
    first: i32,
    scale: u8,
    observations: Vec<u64>,
    counts: Vec<u64>,
    sums: Vec<i128>,
    mins: Vec<i128>,
    maxs: Vec<i128>,
    /// Whether a smallest or a largest number was taken out, so that bounds may be wider than true.
    is_loose: bool,
}

/// The total of one measure in one period, over all series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeriodTotal {
    /// How many observations there are, with a number or without.
    pub observations: u64,
    /// How many of them have a number.
    pub count: u64,
    /// The sum of the mantissas.
    pub sum: i128,
    /// The smallest mantissa; 0 without numbers.
    pub min: i128,
    /// The largest mantissa; 0 without numbers.
    pub max: i128,
}

impl PeriodTotals {
    /// The lines, by form.
    pub fn lines(&self) -> &[PeriodLine] {
        &self.lines
    }

    /// How many observations they are about.
    pub fn observations(&self) -> u64 {
        self.lines.iter().flat_map(|line| &line.observations).sum()
    }

    /// Takes the observations of a chunk out. Says whether they were in.
    #[must_use]
    pub(super) fn take_out(&mut self, rows: &ChunkRows, measure: usize) -> bool {
        let line = self.lines.iter_mut().find(|line| line.form as u8 == rows.form);
        line.is_some_and(|line| line.take_out(rows, measure))
    }

    /// These totals and others together; absent if sums have too many digits then, or there are too
    /// many periods.
    pub(crate) fn with(&self, other: &Self) -> Option<Self> {
        let mut lines: BTreeMap<u8, PeriodLine> = BTreeMap::new();
        let own = self.lines.iter().map(|line| (line.form as u8, line.clone()));
        lines.extend(own);
        for line in &other.lines {
            match lines.get_mut(&(line.form as u8)) {
                Some(known) => known.add_line(line)?,
                None => drop(lines.insert(line.form as u8, line.clone())),
            }
        }
        Some(Self { lines: lines.into_values().collect() })
    }

    /// Whether the smallest and the largest numbers are those of the periods, and not only bounds.
    pub fn has_true_bounds(&self) -> bool {
        !self.lines.iter().any(|line| line.is_loose)
    }

    /// Appends the bytes of the section.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        Writer::new(out).count(self.lines.len());
        for line in &self.lines {
            let mut writer = Writer::new(out);
            writer.u8(line.form as u8);
            writer.varint_i64(i64::from(line.first));
            writer.u8(line.scale);
            writer.count(line.len());
            encode_u64(&line.observations, out);
            encode_u64(&line.counts, out);
            for numbers in [&line.sums, &line.mins, &line.maxs] {
                encode_wide(numbers, out);
            }
        }
    }

    /// Decodes the section.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        let mut lines = Vec::new();
        for _ in 0..input.count(PeriodForm::ALL.len())? {
            lines.push(PeriodLine::decode(&mut input)?);
        }
        input.finish()?;
        Ok(Self { lines })
    }
}

impl PeriodLine {
    /// The form of the periods.
    pub fn form(&self) -> PeriodForm {
        self.form
    }

    /// The slot of the first period.
    pub fn first(&self) -> i32 {
        self.first
    }

    /// Digits after the point of sums, minima and maxima.
    pub fn scale(&self) -> u8 {
        self.scale
    }

    /// How many periods there are, those without observations among them.
    pub fn len(&self) -> usize {
        self.observations.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.observations.is_empty()
    }

    /// The total of a period, counted from the first.
    #[inline]
    pub fn get(&self, index: usize) -> PeriodTotal {
        PeriodTotal {
            observations: self.observations[index],
            count: self.counts[index],
            sum: self.sums[index],
            min: self.mins[index],
            max: self.maxs[index],
        }
    }

    fn decode(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let form = PeriodForm::from_number(input.u8()?).filter(|form| *form != PeriodForm::Other);
        let form = form.ok_or_else(|| input.malformed("no form of periods with slots"))?;
        let first = i32::try_from(input.varint_i64()?);
        let first = first.map_err(|_| input.malformed("no slot"))?;
        let scale = input.u8()?;
        let count = input.count(PERIOD_TOTALS_SLOTS_MAX)?;
        let has_end = i32::try_from(count).is_ok_and(|count| first.checked_add(count).is_some());
        if scale > SCALE_MAX || !has_end {
            return Err(input.malformed("scale over 38 digits, or slots beyond the last"));
        }
        Ok(Self {
            form,
            first,
            scale,
            observations: read_column(input, count)?,
            counts: read_column(input, count)?,
            sums: read_wide(input, count)?,
            mins: read_wide(input, count)?,
            maxs: read_wide(input, count)?,
            is_loose: false,
        })
    }
}

/// Appends a column of the numbers that fit 64 bits, 0 for the others, and then these.
fn encode_wide(numbers: &[i128], out: &mut Vec<u8>) {
    let narrow = |number: &i128| i64::try_from(*number).ok();
    let column: Vec<i64> = numbers.iter().map(|n| narrow(n).unwrap_or_default()).collect();
    encode_i64(&column, out);
    let wide: Vec<(usize, &i128)> =
        numbers.iter().enumerate().filter(|(_, number)| narrow(number).is_none()).collect();
    let mut writer = Writer::new(out);
    writer.count(wide.len());
    for (index, number) in wide {
        writer.count(index);
        writer.i128(*number);
    }
}

fn read_wide(input: &mut Reader<'_>, count: usize) -> Result<Vec<i128>, Malformed> {
    let column = Column::read(input, count)?;
    let mut narrow = Vec::with_capacity(column.len());
    column.decode_i64_into(&mut narrow)?;
    if narrow.len() != count {
        return Err(input.malformed("a column of another length"));
    }
    let mut numbers: Vec<i128> = narrow.into_iter().map(i128::from).collect();
    for _ in 0..input.count(count)? {
        let index = input.count(count)?;
        let number = input.i128()?;
        match numbers.get_mut(index) {
            Some(wide) => *wide = number,
            None => return Err(input.malformed("no such period")),
        }
    }
    Ok(numbers)
}

/// Adds up the totals of the measures of a segment while its chunks come.
#[derive(Debug, Default)]
pub(crate) struct PeriodSums {
    /// By measure, then form. Absent where the totals cannot be given.
    lines: Vec<BTreeMap<u8, Option<PeriodLine>>>,
    /// Slots of all lines together.
    slots: usize,
}

impl PeriodSums {
    pub(crate) fn new(measure_count: usize) -> Self {
        Self { lines: vec![BTreeMap::new(); measure_count], slots: 0 }
    }

    /// Adds the observations of a chunk, of which `totals` are the totals.
    pub(crate) fn push(&mut self, rows: &ChunkRows, totals: &[Total]) {
        let form = PeriodForm::from_number(rows.form).filter(|form| *form != PeriodForm::Other);
        let Some(form) = form else { return };
        for (measure, (lines, total)) in self.lines.iter_mut().zip(totals).enumerate() {
            let line = lines.entry(rows.form).or_insert_with(|| {
                Some(PeriodLine {
                    form,
                    first: rows.first,
                    scale: 0,
                    observations: Vec::new(),
                    counts: Vec::new(),
                    sums: Vec::new(),
                    mins: Vec::new(),
                    maxs: Vec::new(),
                    is_loose: false,
                })
            });
            let Some(known) = line else { continue };
            let before = known.len();
            let room = PERIOD_TOTALS_SLOTS_MAX - self.slots + before;
            let is_added = total.is_exact
                && known.cover(rows.first, rows.slots(), room)
                && known.rescale(total.scale)
                && known.add(rows, measure);
            self.slots -= before;
            if is_added {
                self.slots += known.len();
            } else {
                *line = None;
            }
        }
    }

    /// The totals of each measure that are worth their bytes, of which there may be none.
    pub(crate) fn finish(self) -> Vec<PeriodTotals> {
        self.into_totals(|line| {
            let observations: u64 = line.observations.iter().sum();
            observations >= OBSERVATIONS_MIN * line.len() as u64
        })
    }

    /// The totals of each measure, of the lines that are wanted.
    pub(super) fn into_totals(self, is_wanted: fn(&PeriodLine) -> bool) -> Vec<PeriodTotals> {
        let measures = self.lines.into_iter().map(|lines| {
            let lines = lines.into_values().flatten().filter(is_wanted);
            PeriodTotals { lines: lines.collect() }
        });
        measures.collect()
    }
}

impl PeriodLine {
    /// Makes room for `slots` slots from `first` on. Says whether there are no more than `room` then.
    fn cover(&mut self, first: i32, slots: usize, room: usize) -> bool {
        let offset = i64::from(first) - i64::from(self.first);
        let before = usize::try_from(-offset).unwrap_or(0);
        let end = usize::try_from(offset).unwrap_or(0) + slots;
        let count = (before + self.len()).max(end);
        if count > room {
            return false;
        }
        if before > 0 {
            self.first = first;
            self.observations.splice(0..0, iter::repeat_n(0, before));
            self.counts.splice(0..0, iter::repeat_n(0, before));
            for numbers in [&mut self.sums, &mut self.mins, &mut self.maxs] {
                numbers.splice(0..0, iter::repeat_n(0, before));
            }
        }
        self.observations.resize(count, 0);
        self.counts.resize(count, 0);
        for numbers in [&mut self.sums, &mut self.mins, &mut self.maxs] {
            numbers.resize(count, 0);
        }
        true
    }

    /// Adds the observations of a chunk whose slots are covered. Says whether the sums have so many
    /// digits.
    fn add(&mut self, rows: &ChunkRows, measure: usize) -> bool {
        let offset = i64::from(rows.first) - i64::from(self.first);
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        for (stored, position) in rows.measures[measure].iter().zip(&rows.positions) {
            let slot = from + usize::from(*position);
            self.observations[slot] += 1;
            let Some(decimal) = rows.number(*stored) else { continue };
            let Some(decimal) = decimal.rescale(self.scale) else { return false };
            let (mantissa, is_first) = (decimal.mantissa, self.counts[slot] == 0);
            let Some(sum) = self.sums[slot].checked_add(mantissa) else { return false };
            self.sums[slot] = sum;
            self.mins[slot] = if is_first { mantissa } else { self.mins[slot].min(mantissa) };
            self.maxs[slot] = if is_first { mantissa } else { self.maxs[slot].max(mantissa) };
            self.counts[slot] += 1;
        }
        true
    }

    /// Adds the totals of another line of the same form; absent if that cannot be.
    fn add_line(&mut self, other: &Self) -> Option<()> {
        let mut other = other.clone();
        let scale = self.scale.max(other.scale);
        let fits = self.cover(other.first, other.len(), PERIOD_TOTALS_SLOTS_MAX)
            && self.rescale(scale)
            && other.rescale(scale);
        if !fits {
            return None;
        }
        let from = usize::try_from(i64::from(other.first) - i64::from(self.first)).ok()?;
        for (index, slot) in (0..other.len()).zip(from..) {
            let total = other.get(index);
            self.observations[slot] += total.observations;
            if total.count == 0 {
                continue;
            }
            let is_first = self.counts[slot] == 0;
            self.sums[slot] = self.sums[slot].checked_add(total.sum)?;
            let [min, max] = [self.mins[slot], self.maxs[slot]];
            self.mins[slot] = if is_first { total.min } else { min.min(total.min) };
            self.maxs[slot] = if is_first { total.max } else { max.max(total.max) };
            self.counts[slot] += total.count;
        }
        self.is_loose |= other.is_loose;
        Some(())
    }

    /// Takes the observations of a chunk out, of which all were added. Says whether they were.
    fn take_out(&mut self, rows: &ChunkRows, measure: usize) -> bool {
        let offset = i64::from(rows.first) - i64::from(self.first);
        for (stored, position) in rows.measures[measure].iter().zip(&rows.positions) {
            let slot = usize::try_from(offset + i64::from(*position)).unwrap_or(usize::MAX);
            let known = self.observations.get(slot).copied().unwrap_or_default();
            let Some(observations) = known.checked_sub(1) else { return false };
            self.observations[slot] = observations;
            let Some(decimal) = rows.number(*stored) else { continue };
            let Some(decimal) = decimal.rescale(self.scale) else { return false };
            let Some(count) = self.counts[slot].checked_sub(1) else { return false };
            let Some(sum) = self.sums[slot].checked_sub(decimal.mantissa) else { return false };
            self.counts[slot] = count;
            self.sums[slot] = sum;
            if count == 0 {
                (self.mins[slot], self.maxs[slot]) = (0, 0);
            } else {
                let bounds = [self.mins[slot], self.maxs[slot]];
                self.is_loose |= bounds.contains(&decimal.mantissa);
            }
        }
        true
    }

    /// Brings the sums to the larger scale of the two. Says whether they have so many digits.
    fn rescale(&mut self, scale: u8) -> bool {
        if scale <= self.scale {
            return true;
        }
        let Some(factor) = 10_i128.checked_pow(u32::from(scale - self.scale)) else { return false };
        let numbers = [&mut self.sums, &mut self.mins, &mut self.maxs];
        for number in numbers.into_iter().flatten() {
            match number.checked_mul(factor) {
                Some(larger) => *number = larger,
                None => return false,
            }
        }
        self.scale = scale;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    /// A chunk with the values of some positions of a form, and its total.
    fn chunk(form: PeriodForm, first: i32, values: &[(u16, &str)]) -> (ChunkRows, Total) {
        let mut rows = ChunkRows::new(form, 1, 0);
        rows.first = first;
        let mut total = Total { is_exact: true, ..Total::default() };
        for (position, value) in values {
            rows.positions.push(*position);
            rows.push_value(0, &Value::parse(value));
        }
        for stored in &rows.measures[0] {
            total.scale = total.scale.max(stored.decimal().map_or(0, |decimal| decimal.scale));
        }
        (rows, total)
    }

    /// Form, period and total of each line.
    fn shown(totals: &PeriodTotals) -> Vec<(PeriodForm, i32, PeriodTotal)> {
        let lines = totals.lines().iter();
        let periods = lines.flat_map(|line| (0..line.len()).map(move |index| (line, index)));
        let known = periods.map(|(line, index)| {
            (line.form(), line.first() + i32::try_from(index).expect("few"), line.get(index))
        });
        known.collect()
    }

    fn total(observations: u64, count: u64, numbers: [i128; 3]) -> PeriodTotal {
        let [sum, min, max] = numbers;
        PeriodTotal { observations, count, sum, min, max }
    }

    #[test]
    fn adds_up_every_period_at_the_largest_scale() {
        let mut sums = PeriodSums::new(1);
        let large = "9223372036854775807";
        for _ in 0..OBSERVATIONS_MIN {
            for (first, values) in
                [(2001, &[(0, "1.5"), (2, "-2")][..]), (2000, &[(0, large), (1, "0.25"), (2, "")])]
            {
                let (rows, total) = chunk(PeriodForm::Year, first, values);
                sums.push(&rows, &[total]);
            }
            // No number that stands in a sum of mantissas: the form has no line.
            let (rows, total) = chunk(PeriodForm::Month, 24_000, &[(0, "1")]);
            sums.push(&rows, &[Total { is_exact: false, ..total }]);
        }
        // Too few for what the line would take.
        let (rows, total_of_day) = chunk(PeriodForm::Day, 7, &[(0, "1")]);
        sums.push(&rows, &[total_of_day]);
        let found = sums.finish().remove(0);
        let (n, times) = (OBSERVATIONS_MIN, i128::from(OBSERVATIONS_MIN));
        let large = i128::from(i64::MAX) * 100;
        let expected = [
            (2000, total(n, n, [large * times, large, large])),
            (2001, total(2 * n, 2 * n, [175 * times, 25, 150])),
            (2002, total(n, 0, [0, 0, 0])),
            (2003, total(n, n, [-200 * times, -200, -200])),
        ];
        let expected = expected.map(|(year, total)| (PeriodForm::Year, year, total));
        assert_eq!(shown(&found), expected);
        assert_eq!(found.lines()[0].scale(), 2);
        assert_eq!(found.observations(), 5 * n);

        let mut bytes = Vec::new();
        found.encode(&mut bytes);
        assert_eq!(PeriodTotals::decode(&bytes), Ok(found));
        for at in 0..bytes.len() {
            assert!(PeriodTotals::decode(&bytes[..at]).is_err());
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                drop(PeriodTotals::decode(&bytes));
                bytes[at] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn gives_up_a_form_that_is_too_long_or_has_too_many_digits() {
        let check = |chunks: &[(ChunkRows, Total)]| {
            let mut sums = PeriodSums::new(1);
            for _ in 0..OBSERVATIONS_MIN {
                for (rows, total) in chunks {
                    sums.push(rows, &[*total]);
                }
            }
            sums.finish().remove(0).lines().len()
        };
        let day = |first| chunk(PeriodForm::Day, first, &[(0, "1")]);
        assert_eq!(check(&[day(0)]), 1);
        assert_eq!(check(&[day(-5), day(0)]), 0, "six periods for two a chunk");
        assert_eq!(check(&[day(i32::MIN), day(i32::MAX)]), 0);
        let small = format!("0.{}1", "0".repeat(33));
        let digits = [chunk(PeriodForm::Day, 0, &[(0, &small)]), day(0)];
        assert_eq!(check(&digits), 1);
        let (rows, total) = chunk(PeriodForm::Day, 0, &[(0, "10000000000000000")]);
        assert_eq!(check(&[digits[0].clone(), (rows, total)]), 0);
    }
}
