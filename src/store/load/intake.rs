//! Takes in the rows of one dataflow: checks them, and turns texts into numbers.
//!
//! A row is checked whole before anything of it is kept, so that a refused row leaves no trace.

use std::iter;
use std::mem;
use std::sync::Arc;

use crate::error::Result;
use crate::model::{Cell, Component, ComponentRole, Decimal, Flow, Period, PeriodForm};
use crate::model::{ReportingYearStart, Row, Slot};
use crate::segment::Stored;
use crate::store::load::buffer::{Buffer, Rows, SLOT_BIAS, SLOT_BITS};
use crate::store::load::check;
use crate::store::load::conflicts::Conflicts;
use crate::store::load::interner::{Texts, Tuples};

/// What is wrong with a row, and the component to blame by its position.
pub(super) struct Fault {
    pub(super) component: Option<usize>,
    pub(super) reason: String,
}

impl Fault {
    fn of(component: usize, reason: impl Into<String>) -> Self {
        Self { component: Some(component), reason: reason.into() }
    }
}

/// The attributes that attach to one partial key, and the values that came for it.
#[derive(Debug)]
pub(super) struct PartialIntake {
    /// The dimensions of the key.
    pub(super) dimensions: Vec<usize>,
    /// The attributes, by position among the components.
    pub(super) attributes: Vec<usize>,
    /// The keys, as numbers of [`Intake::partial_codes`].
    pub(super) keys: Tuples,
    /// For each key, the number plus one of the value of each attribute; 0 where none came.
    pub(super) values: Vec<u32>,
}

/// The rows of one dataflow on their way in.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) flow: Arc<Flow>,
    /// The codes of each dimension.
    pub(super) codes: Vec<Texts>,
    /// The keys, as numbers of `codes`.
    pub(super) series: Tuples,
    /// The attributes of the series, by position among the components.
    pub(super) series_attributes: Vec<usize>,
    /// For each series, the number plus one of the value of each attribute; 0 where none came.
    pub(super) series_values: Vec<u32>,
    pub(super) partials: Vec<PartialIntake>,
    pub(super) partial_codes: Vec<Texts>,
    /// The attributes of the observation, by position among the components.
    pub(super) observation_attributes: Vec<usize>,
    /// The tuples of their values: numbers plus one, 0 where there is none.
    pub(super) tuples: Tuples,
    /// The values of each component that is an attribute.
    pub(super) values: Vec<Texts>,
    /// The texts that are values of measures.
    pub(super) value_texts: Vec<Box<str>>,
    /// The periods that are known by their text.
    pub(super) others: Texts,
    pub(super) buffer: Buffer,
    pub(super) conflicts: Conflicts,
    frequency: Option<usize>,
    has_year_start: bool,
    last: LastRow,
}

/// What the row before was, because most rows repeat most of it.
#[derive(Debug, Default)]
struct LastRow {
    cells: Vec<String>,
    codes: Vec<u32>,
    series: Option<u32>,
    tuple: Vec<u32>,
    tuple_number: Option<u32>,
    values: Vec<Stored>,
}

impl Intake {
    pub(super) fn new(flow: Arc<Flow>) -> Self {
        let count = flow.components().len();
        let dimensions = flow.dimensions().len();
        let mut series_attributes = Vec::new();
        let mut observation_attributes = Vec::new();
        let mut partials: Vec<PartialIntake> = Vec::new();
        for position in flow.attributes_from()..count {
            match &flow.components()[position].role {
                ComponentRole::KeyAttribute(on) if on.len() == dimensions => {
                    series_attributes.push(position);
                }
                ComponentRole::KeyAttribute(on) => {
                    match partials.iter_mut().find(|partial| partial.dimensions == *on) {
                        Some(partial) => partial.attributes.push(position),
                        None => partials.push(PartialIntake {
                            dimensions: on.clone(),
                            attributes: vec![position],
                            keys: Tuples::new(on.len()),
                            values: Vec::new(),
                        }),
                    }
                }
                _ => observation_attributes.push(position),
            }
        }
        let texts = |count| iter::repeat_with(Texts::default).take(count).collect();
        let last = LastRow {
            cells: vec![String::new(); count],
            codes: vec![0; dimensions],
            tuple: vec![u32::MAX; observation_attributes.len()],
            ..LastRow::default()
        };
        Self {
            codes: texts(dimensions),
            series: Tuples::new(dimensions),
            series_attributes,
            series_values: Vec::new(),
            partials,
            partial_codes: texts(dimensions),
            tuples: Tuples::new(observation_attributes.len()),
            observation_attributes,
            values: texts(count),
            value_texts: Vec::new(),
            others: Texts::default(),
            buffer: Buffer::new(flow.measures().len()),
            conflicts: Conflicts::default(),
            frequency: flow.frequency(),
            has_year_start: flow.position("REPORTING_YEAR_START_DAY").is_some(),
            flow,
            last,
        }
    }

    /// Memory used.
    pub(super) fn bytes(&self) -> u64 {
        let rows = self.buffer.rows.len() as u64 * Rows::row_bytes(self.flow.measures().len());
        let texts = self.codes.iter().chain(&self.values).map(Texts::bytes).sum::<u64>();
        rows + texts
            + self.series.bytes()
            + self.tuples.bytes()
            + self.series_values.len() as u64 * 4
    }

    /// Checks a row and takes it in; `number` finds it again.
    pub(super) fn take(&mut self, row: &Row<'_>, number: u32) -> Result<(), Fault> {
        let cells = row.cells;
        if !self.same_key(cells) {
            if let Some(missing) = self.missing_dimension(cells) {
                return self.take_partial(cells, missing);
            }
            self.check_codes(cells)?;
        }
        let period = self.check_period(cells)?;
        let values = self.check_values(cells)?;
        self.check_attributes(cells)?;
        let Some(period) = period else {
            return self.take_attributes(cells, &values);
        };
        let series = self.keep_key(cells);
        self.keep_key_attributes(cells, series);
        let tuple = self.keep_observation_attributes(cells);
        let period = match period {
            Period::Slot(slot) => {
                let biased = slot.index.saturating_add(SLOT_BIAS).cast_unsigned();
                (slot.form as u32) << SLOT_BITS | (biased & ((1 << SLOT_BITS) - 1))
            }
            Period::Other(text) => {
                let number = self.others.find(&text).unwrap_or_else(|| self.others.add(&text));
                (PeriodForm::Other as u32) << SLOT_BITS | number
            }
        };
        let rows = &mut self.buffer.rows;
        rows.series.push(series);
        rows.periods.push(period);
        rows.tuples.push(tuple);
        rows.numbers.push(number);
        for value in &values {
            rows.bits.push(value.bits);
            rows.scales.push(value.scale);
        }
        self.last.values = values;
        Ok(())
    }

    fn same_key(&self, cells: &[Cell<'_>]) -> bool {
        let dimensions = self.codes.len();
        self.last.series.is_some()
            && cells
                .iter()
                .zip(&self.last.cells)
                .take(dimensions)
                .all(|(cell, last)| *cell == Some(last.as_str()))
    }

    fn missing_dimension(&self, cells: &[Cell<'_>]) -> Option<usize> {
        (0..self.codes.len()).find(|position| cells[*position].is_none_or(str::is_empty))
    }

    /// Checks the codes that did not come before.
    fn check_codes(&self, cells: &[Cell<'_>]) -> Result<(), Fault> {
        for (position, texts) in self.codes.iter().enumerate() {
            let code = cells[position].unwrap_or_default();
            if texts.find(code).is_none() {
                check_text(&self.flow.components()[position], position, code)?;
            }
        }
        Ok(())
    }

    fn check_period(&self, cells: &[Cell<'_>]) -> Result<Option<Period>, Fault> {
        let Some(position) = self.flow.time_index() else {
            return Ok(Some(Period::Slot(Slot::TIMELESS)));
        };
        let text = cells[position].unwrap_or_default();
        if text.is_empty() {
            return Ok(None);
        }
        let period = match Slot::parse(text.as_bytes()) {
            Ok(Some(slot)) => Period::Slot(slot),
            _ => Period::parse(text).map_err(|bad| Fault::of(position, bad.0))?,
        };
        if let Period::Slot(slot) = &period {
            // Only the last week and the last day of a reporting year may not exist.
            let last = slot.form.per_year().is_some_and(|n| slot.index.rem_euclid(n) == n - 1);
            let may_lack = matches!(slot.form, PeriodForm::Week | PeriodForm::ReportingDay);
            if last
                && may_lack
                && !self.has_year_start
                && slot.span(ReportingYearStart::default()).is_none()
            {
                return Err(Fault::of(position, "the year has no such week or day"));
            }
            if let Some(frequency) = self.frequency
                && let Some(code) = cells[frequency]
                && check::contradicts(code, slot.form)
            {
                let reason = format!("is not a period of frequency {code}");
                return Err(Fault::of(position, reason));
            }
        }
        Ok(Some(period))
    }

    fn check_values(&mut self, cells: &[Cell<'_>]) -> Result<Vec<Stored>, Fault> {
        let mut values = mem::take(&mut self.last.values);
        values.clear();
        let from = self.flow.measures_from();
        let texts_before = self.value_texts.len();
        for (position, component) in (from..).zip(self.flow.measures()) {
            let text = cells[position].unwrap_or_default();
            let stored = match Decimal::parse(text.as_bytes()) {
                _ if text.is_empty() => Ok(Stored::NONE),
                Some(decimal) => match check::decimal_problem(component, decimal) {
                    Some(problem) => Err(problem),
                    None => match i64::try_from(decimal.mantissa) {
                        Ok(bits) => Ok(Stored { bits, scale: decimal.scale }),
                        Err(_) => Ok(keep_value_text(&mut self.value_texts, text)),
                    },
                },
                None => match check::value_problem(component, text) {
                    Some(problem) => Err(problem),
                    None => Ok(keep_value_text(&mut self.value_texts, text)),
                },
            };
            match stored {
                Ok(stored) => values.push(stored),
                Err(problem) => {
                    self.value_texts.truncate(texts_before);
                    return Err(Fault::of(position, problem));
                }
            }
        }
        Ok(values)
    }

    fn check_attributes(&self, cells: &[Cell<'_>]) -> Result<(), Fault> {
        for (position, component) in (self.flow.attributes_from()..).zip(self.flow.attributes()) {
            let Some(text) = cells[position].filter(|text| !text.is_empty()) else { continue };
            if *text == *self.last.cells[position] || self.values[position].find(text).is_some() {
                continue;
            }
            check_text(component, position, text)?;
        }
        Ok(())
    }

    fn keep_key(&mut self, cells: &[Cell<'_>]) -> u32 {
        if let Some(series) = self.last.series
            && self.same_key(cells)
        {
            return series;
        }
        for (position, texts) in self.codes.iter_mut().enumerate() {
            let code = cells[position].unwrap_or_default();
            if self.last.series.is_none() || self.last.cells[position] != code {
                self.last.codes[position] = texts.find(code).unwrap_or_else(|| texts.add(code));
                set(&mut self.last.cells[position], code);
            }
        }
        let (series, is_new) = self.series.number(&self.last.codes);
        if is_new {
            let values = self.series_values.len() + self.series_attributes.len();
            self.series_values.resize(values, 0);
        }
        self.last.series = Some(series);
        // Attributes of the key must be looked at again.
        for position in &self.series_attributes {
            self.last.cells[*position].clear();
        }
        for position in self.partials.iter().flat_map(|partial| &partial.attributes) {
            self.last.cells[*position].clear();
        }
        series
    }

    fn keep_key_attributes(&mut self, cells: &[Cell<'_>], series: u32) {
        let width = self.series_attributes.len();
        for (column, position) in self.series_attributes.iter().enumerate() {
            if let Some(number) = keep_text(cells, *position, &mut self.last, &mut self.values) {
                let value = &mut self.series_values[series as usize * width + column];
                self.conflicts.note(*position, *value, number);
                *value = number;
            }
        }
        for partial in &mut self.partials {
            let mut key = None;
            for (column, position) in partial.attributes.iter().enumerate() {
                let Some(number) = keep_text(cells, *position, &mut self.last, &mut self.values)
                else {
                    continue;
                };
                let key = *key.get_or_insert_with(|| {
                    partial_key(
                        &partial.dimensions,
                        &mut self.partial_codes,
                        &mut partial.keys,
                        cells,
                    )
                });
                let width = partial.attributes.len();
                let rows = partial.keys.len() * width;
                partial.values.resize(rows.max(partial.values.len()), 0);
                let value = &mut partial.values[key as usize * width + column];
                self.conflicts.note(*position, *value, number);
                *value = number;
            }
        }
    }

    fn keep_observation_attributes(&mut self, cells: &[Cell<'_>]) -> u32 {
        let mut is_same = true;
        for (column, position) in self.observation_attributes.iter().enumerate() {
            let text = cells[*position].unwrap_or_default();
            let last = &mut self.last.cells[*position];
            if *last == text && self.last.tuple[column] != u32::MAX {
                continue;
            }
            set(last, text);
            let texts = &mut self.values[*position];
            let number = match text {
                "" => 0,
                text => texts.find(text).unwrap_or_else(|| texts.add(text)) + 1,
            };
            is_same &= self.last.tuple[column] == number;
            self.last.tuple[column] = number;
        }
        match self.last.tuple_number {
            Some(number) if is_same => number,
            _ => {
                let (number, _) = self.tuples.number(&self.last.tuple);
                self.last.tuple_number = Some(number);
                number
            }
        }
    }

    /// A row with a whole key and no period: attributes of the series and of partial keys.
    fn take_attributes(&mut self, cells: &[Cell<'_>], values: &[Stored]) -> Result<(), Fault> {
        let time = self.flow.time_index().unwrap_or_default();
        let has_value = values.iter().any(|value| *value != Stored::NONE);
        let speaks = |p: &&usize| cells[**p].is_some_and(|text| !text.is_empty());
        if has_value || self.observation_attributes.iter().any(|p| speaks(&p)) {
            return Err(Fault::of(time, "is missing: an observation needs its period"));
        }
        let series = self.keep_key(cells);
        self.keep_key_attributes(cells, series);
        Ok(())
    }

    /// A row without some of its dimensions: attributes of the partial keys that it does have.
    fn take_partial(&mut self, cells: &[Cell<'_>], missing: usize) -> Result<(), Fault> {
        let speaks = |position: usize| cells[position].is_some_and(|text| !text.is_empty());
        let here = |dimensions: &[usize]| dimensions.iter().all(|d| speaks(*d));
        let reason = "is missing: only attributes of the dimensions that are given may stand here";
        let time = self.flow.time_index();
        let others = (self.flow.measures_from()..self.flow.attributes_from()).chain(time);
        let own = self.series_attributes.iter().chain(&self.observation_attributes).copied();
        let absent = self.partials.iter().filter(|partial| !here(&partial.dimensions));
        let forbidden = others.chain(own).chain(absent.flat_map(|p| p.attributes.iter().copied()));
        let allowed = self.partials.iter().filter(|partial| here(&partial.dimensions));
        let any = allowed.flat_map(|p| &p.attributes).any(|position| speaks(*position));
        if forbidden.into_iter().any(speaks) || !any {
            return Err(Fault::of(missing, reason));
        }
        for position in (0..self.codes.len()).filter(|position| speaks(*position)) {
            let code = cells[position].unwrap_or_default();
            check_text(&self.flow.components()[position], position, code)?;
        }
        self.check_attributes(cells)?;
        self.last.series = None;
        for partial in &mut self.partials {
            for position in &partial.attributes {
                self.last.cells[*position].clear();
            }
        }
        let width = self.series_attributes.len();
        debug_assert!(self.series_values.len() == self.series.len() * width);
        self.keep_key_attributes(cells, 0);
        Ok(())
    }

    /// The key of a series for a person: `M.USD.EUR.SP00.A`.
    pub(super) fn describe_key(&self, series: u32) -> String {
        let key = self.series.get(series).iter().zip(&self.codes);
        key.map(|(code, texts)| texts.get(*code)).collect::<Vec<_>>().join(".")
    }

    /// A key and a period for a person.
    pub(super) fn describe(&self, series: u32, period: u32) -> String {
        let key = self.describe_key(series);
        let low = period & ((1 << SLOT_BITS) - 1);
        let period = match PeriodForm::from_number((period >> SLOT_BITS) as u8) {
            Some(PeriodForm::Timeless) => return key,
            Some(PeriodForm::Other) | None => self.others.get(low).to_owned(),
            Some(form) => Slot { form, index: low.cast_signed() - SLOT_BIAS }.to_string(),
        };
        format!("{key} {period}")
    }
}

/// The number of the partial key of a row.
fn partial_key(
    dimensions: &[usize],
    codes: &mut [Texts],
    keys: &mut Tuples,
    cells: &[Cell<'_>],
) -> u32 {
    let number = |dimension: &usize| {
        let (code, texts) = (cells[*dimension].unwrap_or_default(), &mut codes[*dimension]);
        texts.find(code).unwrap_or_else(|| texts.add(code))
    };
    let key: Vec<u32> = dimensions.iter().map(number).collect();
    keys.number(&key).0
}

/// The number plus one of the text of an attribute of a key, if it speaks and is not what the row
/// before said.
fn keep_text(
    cells: &[Cell<'_>],
    position: usize,
    last: &mut LastRow,
    values: &mut [Texts],
) -> Option<u32> {
    let text = cells[position].filter(|text| !text.is_empty())?;
    if last.cells[position] == text {
        return None;
    }
    set(&mut last.cells[position], text);
    let texts = &mut values[position];
    Some(texts.find(text).unwrap_or_else(|| texts.add(text)) + 1)
}

fn keep_value_text(texts: &mut Vec<Box<str>>, text: &str) -> Stored {
    texts.push(text.into());
    let bits = i64::try_from(texts.len() - 1).unwrap_or(i64::MAX);
    Stored { bits, scale: Stored::TEXT }
}

fn set(last: &mut String, text: &str) {
    last.clear();
    last.push_str(text);
}

/// Checks the text of a dimension or an attribute that did not come before.
fn check_text(component: &Component, position: usize, text: &str) -> Result<(), Fault> {
    check::text_problem(component, text).map_or(Ok(()), |problem| Err(Fault::of(position, problem)))
}
