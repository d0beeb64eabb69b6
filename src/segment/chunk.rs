//! A chunk in memory: up to 4,096 slots of one series, as rows to write and as arrays to calculate.
//!
//! [`ChunkRows`] holds one entry an observation, which is how data comes in and how two versions
//! of a chunk are compared and merged. [`Chunk`] holds one entry a slot, absent ones included,
//! which is how it is packed and how it is added up: kernels run over all slots without a branch,
//! and the few exceptions are taken out afterwards.

use std::iter;
use std::ops::Range;

use crate::limits::CHUNK_SLOTS_MAX;
use crate::model::{Decimal, PeriodForm, Slot, Value};

/// A measured value in twelve bytes: a decimal that fits 64 bits, nothing, or the number of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The mantissa, or the number of the text.
    pub bits: i64,
    /// Digits after the point up to 38; [`Stored::MISSING`] or [`Stored::TEXT`].
    pub scale: u8,
}

impl Stored {
    /// The scale that says: no value.
    pub const MISSING: u8 = 255;
    /// The scale that says: the bits are the number of a text.
    pub const TEXT: u8 = 254;
    /// An observation without a value.
    pub const NONE: Self = Self { bits: 0, scale: Self::MISSING };

    /// The decimal, where it is one.
    #[inline]
    pub fn decimal(self) -> Option<Decimal> {
        let is_decimal = self.scale < Self::TEXT;
        is_decimal.then(|| Decimal { mantissa: i128::from(self.bits), scale: self.scale })
    }

    /// The number of the text, where it is one.
    #[inline]
    pub fn text(self) -> Option<usize> {
        (self.scale == Self::TEXT).then(|| usize::try_from(self.bits).unwrap_or(usize::MAX))
    }
}

/// The observations of a chunk, one entry each, in the order of their periods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkRows {
    /// The form of its periods, as [`PeriodForm`] numbers it.
    pub form: u8,
    /// The slot of position 0; 0 for [`PeriodForm::Other`].
    pub first: i32,
    /// The position of each observation, strictly increasing: its slot minus `first`.
    pub positions: Vec<u16>,
    /// The text of each period of [`PeriodForm::Other`], in bytewise order; empty for other forms.
    pub periods: Vec<Box<str>>,
    /// For each measure, a value an observation.
    pub measures: Vec<Vec<Stored>>,
    /// The texts that values refer to.
    pub texts: Vec<Box<str>>,
    /// For each observation attribute, the number of its value an observation; 0 is none.
    pub attributes: Vec<Vec<u32>>,
}

impl ChunkRows {
    /// An empty chunk with room for these measures and attributes.
    pub fn new(form: PeriodForm, measure_count: usize, attribute_count: usize) -> Self {
        Self {
            form: form as u8,
            measures: vec![Vec::new(); measure_count],
            attributes: vec![Vec::new(); attribute_count],
            ..Self::default()
        }
    }

    /// Empties it for the next chunk, and keeps the memory.
    pub fn clear(&mut self, form: PeriodForm) {
        self.form = form as u8;
        self.first = 0;
        self.positions.clear();
        self.periods.clear();
        self.measures.iter_mut().for_each(Vec::clear);
        self.texts.clear();
        self.attributes.iter_mut().for_each(Vec::clear);
    }

    /// How many observations it holds.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// How many slots it spans.
    pub fn slots(&self) -> usize {
        self.positions.last().map_or(0, |last| usize::from(*last) + 1)
    }

    /// The value of one measure of one observation, as published.
    pub fn value(&self, measure: usize, observation: usize) -> Value {
        let stored = self.measures[measure][observation];
        match (stored.decimal(), stored.text()) {
            (Some(decimal), _) => Value::Decimal(decimal),
            // A decimal too wide for 64 bits is kept as text, and is a decimal again here.
            (None, Some(text)) => Value::parse(&self.texts[text]),
            (None, None) => Value::Missing,
        }
    }

    /// The decimal to calculate with that a value of a measure is or stands for; absent where
    /// [`Value::decimal`] is.
    pub(crate) fn number(&self, stored: Stored) -> Option<Decimal> {
        match stored.text() {
            Some(text) => Value::parse(&self.texts[text]).decimal(),
            None => stored.decimal(),
        }
    }

    /// Adds a value as published to the column of a measure.
    pub fn push_value(&mut self, measure: usize, value: &Value) {
        let stored = match value {
            Value::Missing => Stored::NONE,
            Value::Decimal(decimal) => match i64::try_from(decimal.mantissa) {
                Ok(bits) => Stored { bits, scale: decimal.scale },
                Err(_) => self.keep_text(decimal.to_string().into()),
            },
            Value::Text(text) => self.keep_text(text.clone()),
        };
        self.measures[measure].push(stored);
    }

    /// Keeps a text, and returns the value that refers to it.
    pub fn keep_text(&mut self, text: Box<str>) -> Stored {
        self.texts.push(text);
        let bits = i64::try_from(self.texts.len() - 1).unwrap_or(i64::MAX);
        Stored { bits, scale: Stored::TEXT }
    }

    /// Keeps the observations at the indexes that `is_kept` chooses.
    pub fn retain(&mut self, is_kept: impl Fn(usize) -> bool) {
        fn keep<T>(column: &mut Vec<T>, is_kept: &impl Fn(usize) -> bool) {
            let mut at = 0;
            column.retain(|_| {
                at += 1;
                is_kept(at - 1)
            });
        }
        keep(&mut self.positions, &is_kept);
        if !self.periods.is_empty() {
            keep(&mut self.periods, &is_kept);
            // Periods without slots are counted. Before they are split there may be any number.
            for (number, position) in self.positions.iter_mut().enumerate() {
                *position = u16::try_from(number).unwrap_or(u16::MAX);
            }
        }
        self.measures.iter_mut().for_each(|column| keep(column, &is_kept));
        self.attributes.iter_mut().for_each(|column| keep(column, &is_kept));
        self.trim();
    }

    /// The same as chunks within the limit. Only chunks of [`PeriodForm::Other`] outgrow it.
    pub fn split(self) -> Vec<Self> {
        if self.len() <= CHUNK_SLOTS_MAX {
            return vec![self];
        }
        let part = |from: usize| {
            let range = from..(from + CHUNK_SLOTS_MAX).min(self.len());
            Self {
                form: self.form,
                first: 0,
                positions: (0..u16::try_from(range.len()).unwrap_or(u16::MAX)).collect(),
                periods: self.periods[range.clone()].to_vec(),
                measures: self.measures.iter().map(|m| m[range.clone()].to_vec()).collect(),
                texts: self.texts.clone(),
                attributes: self.attributes.iter().map(|a| a[range.clone()].to_vec()).collect(),
            }
        };
        (0..self.len()).step_by(CHUNK_SLOTS_MAX).map(part).collect()
    }

    /// Moves the first position to 0, so that equal chunks have equal fields.
    pub fn trim(&mut self) {
        if let Some(&lead) = self.positions.first().filter(|lead| **lead > 0) {
            self.positions.iter_mut().for_each(|position| *position -= lead);
            self.first += i32::from(lead);
        }
    }
}

/// How the texts of the numbers of one measure follow from mantissas at one scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// Every number has all digits of the scale: `1.50`.
    #[default]
    Fixed,
    /// Trailing zeros after the point were left out: `1.5`.
    Shortest,
}

/// The numbers of a chunk, one a slot. Slots without a number hold any number.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Numbers {
    /// No slot has a number.
    #[default]
    None,
    /// Mantissas at the measure's scale.
    Decimals(Vec<i64>),
    /// Doubles, whose text is their shortest.
    Doubles(Vec<f64>),
}

/// One measure of a chunk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeasureRun {
    /// The numbers, one a slot.
    pub numbers: Numbers,
    /// Digits after the point of [`Numbers::Decimals`].
    pub scale: u8,
    /// How the texts follow from the numbers.
    pub writing: Writing,
    /// Positions whose text has another number of digits after the point than `writing` says.
    pub rescaled: Vec<(u16, u8)>,
    /// Positions of observations without a value, increasing.
    pub missing: Vec<u16>,
    /// Positions of observations with a text instead of a decimal, increasing.
    pub texts: Vec<(u16, Box<str>)>,
}

impl MeasureRun {
    /// Empties the lists of exceptions, and keeps their memory and the numbers.
    pub(crate) fn clear(&mut self) {
        self.scale = 0;
        self.writing = Writing::Fixed;
        self.rescaled.clear();
        self.missing.clear();
        self.texts.clear();
    }

    /// The number at a position that has an observation; absent where there is none to calculate
    /// with.
    pub fn number(&self, position: usize) -> Option<f64> {
        self.value(position).number()
    }

    /// The value at a position that has an observation, as published.
    pub fn value(&self, position: usize) -> Value {
        let key = u16::try_from(position).unwrap_or(u16::MAX);
        if self.missing.binary_search(&key).is_ok() {
            return Value::Missing;
        }
        if let Ok(found) = self.texts.binary_search_by_key(&key, |(position, _)| *position) {
            return Value::parse(&self.texts[found].1);
        }
        match &self.numbers {
            Numbers::None => Value::Missing,
            Numbers::Doubles(doubles) => Value::parse(&doubles[position].to_string()),
            Numbers::Decimals(mantissas) => {
                let mantissa = i128::from(mantissas[position]);
                let decimal = Decimal { mantissa, scale: self.scale };
                let rescaled = self.rescaled.binary_search_by_key(&key, |(position, _)| *position);
                match (rescaled, self.writing) {
                    (Ok(found), _) => {
                        let scale = self.rescaled[found].1;
                        Value::Decimal(decimal.rescale(scale).unwrap_or(decimal))
                    }
                    (Err(_), Writing::Fixed) => Value::Decimal(decimal),
                    (Err(_), Writing::Shortest) => Value::Decimal(decimal.shortest()),
                }
            }
        }
    }
}

/// One observation attribute of a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributeRun {
    /// The number of the value that most observations have; 0 is none.
    pub default: u32,
    /// Positions with another value, increasing.
    pub exceptions: Vec<(u16, u32)>,
}

impl AttributeRun {
    /// The number of the value at a position; 0 is none.
    pub fn value(&self, position: usize) -> u32 {
        let key = u16::try_from(position).unwrap_or(u16::MAX);
        let found = self.exceptions.binary_search_by_key(&key, |(position, _)| *position);
        found.map_or(self.default, |at| self.exceptions[at].1)
    }
}

/// A chunk as arrays over its slots.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The form of its periods.
    pub form: PeriodForm,
    /// The slot of position 0.
    pub first: i32,
    /// How many slots it spans.
    pub slots: usize,
    /// Positions without an observation, increasing.
    pub absent: Vec<u16>,
    /// The text of each position of [`PeriodForm::Other`]; empty for other forms.
    pub periods: Vec<Box<str>>,
    /// The measures; only those asked for hold numbers.
    pub measures: Vec<MeasureRun>,
    /// The observation attributes; only those asked for are filled.
    pub attributes: Vec<AttributeRun>,
}

impl Chunk {
    /// A chunk without slots, to decode into.
    pub fn empty() -> Self {
        Self {
            form: PeriodForm::Timeless,
            first: 0,
            slots: 0,
            absent: Vec::new(),
            periods: Vec::new(),
            measures: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// The positions with an observation within `positions`, as increasing runs.
    pub fn present(&self, positions: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
        let from = self.absent.partition_point(|absent| usize::from(*absent) < positions.start);
        let mut absent = self.absent[from..].iter().map(|position| usize::from(*position));
        let mut start = positions.start;
        let mut done = false;
        iter::from_fn(move || {
            while !done {
                let gap = absent.next().filter(|gap| *gap < positions.end);
                let end = gap.unwrap_or(positions.end);
                let run = start..end;
                start = end + 1;
                done = gap.is_none();
                if !run.is_empty() {
                    return Some(run);
                }
            }
            None
        })
    }

    /// How many positions have an observation.
    pub fn observations(&self) -> usize {
        self.slots - self.absent.len()
    }

    /// Appends the text of the period at a position.
    pub fn write_period(&self, position: usize, out: &mut Vec<u8>) {
        match self.periods.get(position) {
            Some(text) => out.extend_from_slice(text.as_bytes()),
            None => self.slot(position).write_to(out),
        }
    }

    /// The slot of a position, for every form but [`PeriodForm::Other`].
    pub fn slot(&self, position: usize) -> Slot {
        let offset = i32::try_from(position).unwrap_or(i32::MAX);
        Slot { form: self.form, index: self.first.saturating_add(offset) }
    }

    /// The same as rows.
    pub fn to_rows(&self) -> ChunkRows {
        let mut rows = ChunkRows::new(self.form, self.measures.len(), self.attributes.len());
        rows.first = self.first;
        for position in self.present(0..self.slots).flatten() {
            rows.positions.push(u16::try_from(position).unwrap_or(u16::MAX));
            if let Some(text) = self.periods.get(position) {
                rows.periods.push(text.clone());
            }
            for (measure, run) in self.measures.iter().enumerate() {
                rows.push_value(measure, &run.value(position));
            }
            for (column, run) in rows.attributes.iter_mut().zip(&self.attributes) {
                column.push(run.value(position));
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
    fn present_runs_go_around_the_absent_positions() {
        let check = |absent: &[u16], range: Range<usize>, expected: &[Range<usize>]| {
            let chunk = Chunk {
                form: PeriodForm::Year,
                first: 2000,
                slots: 10,
                absent: absent.to_vec(),
                periods: Vec::new(),
                measures: Vec::new(),
                attributes: Vec::new(),
            };
            assert_eq!(chunk.present(range).collect::<Vec<_>>(), expected);
        };
        check(&[], 0..10, &[0..10]);
        check(&[3], 0..10, &[0..3, 4..10]);
        check(&[3, 4], 2..9, &[2..3, 5..9]);
        check(&[0, 9], 0..10, &[1..9]);
        check(&[2, 3, 4], 2..5, &[]);
        check(&[1], 5..5, &[]);
    }
}
