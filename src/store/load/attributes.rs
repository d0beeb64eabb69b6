//! Keeps what rows say of keys and of observations, as numbers.

use crate::model::{Cell, NOT_ATTACHED};
use crate::segment::Stored;
use crate::store::load::cells::{Fault, check_text};
use crate::store::load::intake::{Intake, LastRow};
use crate::store::load::interner::{Texts, Tuples};

/// The values of the attributes of keys: numbers plus one, 0 where none came.
#[derive(Debug)]
pub(super) struct KeyValues {
    width: usize,
    values: Vec<u32>,
    /// The row that gave each value; 0, or nothing, for rows of the first run.
    rows: Vec<u32>,
}

impl KeyValues {
    /// No values, of this many attributes.
    pub(super) fn new(width: usize) -> Self {
        Self { width, values: Vec::new(), rows: Vec::new() }
    }

    /// The value of an attribute of a key, and the row that gave it.
    pub(super) fn get(&self, key: u32, attribute: usize) -> (u32, u32) {
        let at = key as usize * self.width + attribute;
        let cell = |cells: &[u32]| cells.get(at).copied().unwrap_or_default();
        (cell(&self.values), cell(&self.rows))
    }

    fn set(&mut self, key: u32, attribute: usize, value: u32, row: u32) {
        let at = key as usize * self.width + attribute;
        let end = (key as usize + 1) * self.width;
        if self.values.len() < end {
            self.values.resize(end, 0);
        }
        self.values[at] = value;
        if row > 0 {
            self.rows.resize(self.rows.len().max(end), 0);
            self.rows[at] = row;
        }
    }

    /// Memory used.
    pub(super) fn bytes(&self) -> u64 {
        (self.values.len() + self.rows.len()) as u64 * 4
    }
}

impl Intake {
    pub(super) fn keep_key(&mut self, cells: &[Cell<'_>]) -> u32 {
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
        let (series, _) = self.series.number(&self.last.codes);
        self.last.series = Some(series);
        self.forget_key_attributes();
        series
    }

    /// Adds a series that no row has.
    pub(super) fn add_series(&mut self, key: &[&str]) {
        let number = |(texts, code): (&mut Texts, &&str)| {
            texts.find(code).unwrap_or_else(|| texts.add(code))
        };
        let codes: Vec<u32> = self.codes.iter_mut().zip(key).map(number).collect();
        self.series.number(&codes);
    }

    /// Lets the attributes of the key be looked at again.
    fn forget_key_attributes(&mut self) {
        let of_partials = self.partials.iter().flat_map(|partial| &partial.attributes);
        for position in self.series_attributes.iter().chain(of_partials) {
            self.last.cells[*position].clear();
        }
    }

    /// Begins a run with a row: what rows before it said is no more what the key has.
    pub(super) fn begin_run(&mut self, run: u32) {
        self.run = run;
        self.last.series = None;
        self.forget_key_attributes();
    }

    pub(super) fn keep_key_attributes(&mut self, cells: &[Cell<'_>], series: u32, row: u32) {
        // Rows of the first run come before every deletion.
        let (run, row) = (self.run, if self.run == 0 { 0 } else { row });
        let conflicts = &mut self.conflicts;
        let mut set = |known: &mut KeyValues, key, attribute, position, value| {
            let (before, said) = known.get(key, attribute);
            // A later run may well say something else.
            if said >= run {
                conflicts.note(position, before, value);
            }
            known.set(key, attribute, value, row);
        };
        for (attribute, position) in self.series_attributes.iter().enumerate() {
            if let Some(value) = keep_text(cells, *position, &mut self.last, &mut self.values) {
                set(&mut self.series_values, series, attribute, *position, value);
            }
        }
        for partial in &mut self.partials {
            let mut key = None;
            for (attribute, position) in partial.attributes.iter().enumerate() {
                let Some(value) = keep_text(cells, *position, &mut self.last, &mut self.values)
                else {
                    continue;
                };
                let (dimensions, codes) = (&partial.dimensions, &mut self.partial_codes);
                let keys = &mut partial.keys;
                let key = *key.get_or_insert_with(|| partial_key(dimensions, codes, keys, cells));
                set(&mut partial.values, key, attribute, *position, value);
            }
        }
    }

    pub(super) fn keep_observation_attributes(&mut self, cells: &[Cell<'_>]) -> u32 {
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
    pub(super) fn take_attributes(
        &mut self,
        cells: &[Cell<'_>],
        values: &[Stored],
        row: u32,
    ) -> Result<(), Fault> {
        let time = self.flow.time_index().unwrap_or_default();
        let has_value = values.iter().any(|value| *value != Stored::NONE);
        let speaks = |p: &&usize| cells[**p].is_some_and(|text| !text.is_empty());
        if has_value || self.observation_attributes.iter().any(|p| speaks(&p)) {
            return Err(Fault::of(time, "is missing: an observation needs its period"));
        }
        let series = self.keep_key(cells);
        self.keep_key_attributes(cells, series, row);
        Ok(())
    }

    /// A row without some of its dimensions: attributes of the partial keys that it does have.
    ///
    /// Source: SDMX-CSV 2.1 field guide, "ACTION": without a dimension, only what is not attached
    /// to it may be given.
    pub(super) fn take_partial(
        &mut self,
        cells: &[Cell<'_>],
        missing: usize,
        row: u32,
    ) -> Result<(), Fault> {
        let speaks = |position: usize| cells[position].is_some_and(|text| !text.is_empty());
        let is_period = |position: usize| cells[position].is_some_and(|text| text != NOT_ATTACHED);
        let here = |on: &[usize]| on.iter().all(|d| self.code(cells, *d).is_some());
        let reason = "is missing: only attributes of the dimensions that are given may stand here";
        let time = self.flow.time_index().filter(|position| is_period(*position));
        let others = (self.flow.measures_from()..self.flow.attributes_from()).chain(time);
        let own = self.series_attributes.iter().chain(&self.observation_attributes).copied();
        let absent = self.partials.iter().filter(|partial| !here(&partial.dimensions));
        let forbidden = others.chain(own).chain(absent.flat_map(|p| p.attributes.iter().copied()));
        let allowed = self.partials.iter().filter(|partial| here(&partial.dimensions));
        let any = allowed.flat_map(|p| &p.attributes).any(|position| speaks(*position));
        if forbidden.into_iter().any(speaks) || !any {
            return Err(Fault::of(missing, reason));
        }
        for position in 0..self.codes.len() {
            if let Some(code) = self.code(cells, position) {
                check_text(&self.flow.components()[position], position, code)?;
            }
        }
        self.check_attributes(cells)?;
        self.last.series = None;
        self.forget_key_attributes();
        self.keep_key_attributes(cells, 0, row);
        Ok(())
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

fn set(last: &mut String, text: &str) {
    last.clear();
    last.push_str(text);
}
