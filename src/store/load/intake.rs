//! Takes in the rows of one dataflow: checks them, and turns texts into numbers.
//!
//! A row is checked whole before anything of it is kept, so that a refused row leaves no trace.

use std::iter;
use std::sync::Arc;

use crate::error::Result;
use crate::model::{Action, ComponentRole, Flow, Period, PeriodForm, Row, Slot};
use crate::segment::Stored;
use crate::store::load::attributes::KeyValues;
use crate::store::load::buffer::{Buffer, Rows, SLOT_BIAS, SLOT_BITS};
use crate::store::load::cells::Fault;
use crate::store::load::conflicts::Conflicts;
use crate::store::load::interner::{Texts, Tuples};
use crate::store::load::regions::Regions;

/// The attributes that attach to one partial key, and the values that came for it.
#[derive(Debug)]
pub(super) struct PartialIntake {
    /// The dimensions of the key.
    pub(super) dimensions: Vec<usize>,
    /// The attributes, by position among the components.
    pub(super) attributes: Vec<usize>,
    /// The keys, as numbers of [`Intake::partial_codes`].
    pub(super) keys: Tuples,
    /// What came for each key.
    pub(super) values: KeyValues,
    /// What is deleted, by numbers of [`Intake::partial_codes`].
    pub(super) regions: Regions,
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
    /// What came for each series.
    pub(super) series_values: KeyValues,
    pub(super) partials: Vec<PartialIntake>,
    /// What is deleted of series, by numbers of `partial_codes`.
    pub(super) regions: Regions,
    /// The codes of keys that are not those of a row.
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
    pub(super) frequency: Option<usize>,
    pub(super) has_year_start: bool,
    /// The row that began the run; 0 for the first.
    pub(super) run: u32,
    pub(super) last: LastRow,
}

/// What the row before was, because most rows repeat most of it.
#[derive(Debug, Default)]
pub(super) struct LastRow {
    pub(super) cells: Vec<String>,
    pub(super) codes: Vec<u32>,
    pub(super) series: Option<u32>,
    pub(super) tuple: Vec<u32>,
    pub(super) tuple_number: Option<u32>,
    pub(super) values: Vec<Stored>,
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
                            values: KeyValues::new(0),
                            regions: Regions::new(count - flow.measures_from()),
                        }),
                    }
                }
                _ => observation_attributes.push(position),
            }
        }
        for partial in &mut partials {
            partial.values = KeyValues::new(partial.attributes.len());
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
            series_values: KeyValues::new(series_attributes.len()),
            series_attributes,
            partials,
            regions: Regions::new(count - flow.measures_from()),
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
            run: 0,
            flow,
            last,
        }
    }

    /// Memory used by rows.
    pub(super) fn rows_bytes(&self) -> u64 {
        self.buffer.rows.len() as u64 * Rows::row_bytes(self.flow.measures().len())
    }

    /// Memory used.
    pub(super) fn bytes(&self) -> u64 {
        let texts = self.codes.iter().chain(&self.values).map(Texts::bytes).sum::<u64>();
        self.rows_bytes()
            + texts
            + self.series.bytes()
            + self.tuples.bytes()
            + self.series_values.bytes()
            + self.regions.bytes()
    }

    /// Checks a row and takes it in; `number` finds it again, `run` is the row that began its run.
    #[inline]
    pub(super) fn take(&mut self, row: &Row<'_>, number: u32, run: u32) -> Result<(), Fault> {
        let cells = row.cells;
        if self.run != run {
            self.begin_run(run);
        }
        if row.action == Action::Delete {
            return self.take_delete(cells, number);
        }
        if !self.same_key(cells) {
            if let Some(missing) = self.missing_dimension(cells) {
                return self.take_partial(cells, missing, number);
            }
            self.check_codes(cells)?;
        }
        let period = self.check_period(cells)?;
        let values = self.check_values(cells)?;
        self.check_attributes(cells)?;
        let Some(period) = period else {
            return self.take_attributes(cells, &values, number);
        };
        let series = self.keep_key(cells);
        self.keep_key_attributes(cells, series, number);
        let tuple = self.keep_observation_attributes(cells);
        let period = self.keep_period(&period);
        self.push(series, period, tuple, number, &values);
        self.last.values = values;
        Ok(())
    }

    /// The number of a period.
    #[inline]
    pub(super) fn keep_period(&mut self, period: &Period) -> u32 {
        match period {
            Period::Slot(slot) => {
                let biased = slot.index.saturating_add(SLOT_BIAS).cast_unsigned();
                (slot.form as u32) << SLOT_BITS | (biased & ((1 << SLOT_BITS) - 1))
            }
            Period::Other(text) => {
                let number = self.others.find(text).unwrap_or_else(|| self.others.add(text));
                (PeriodForm::Other as u32) << SLOT_BITS | number
            }
        }
    }

    /// Keeps a row for its observation.
    #[inline]
    pub(super) fn push(
        &mut self,
        series: u32,
        period: u32,
        tuple: u32,
        number: u32,
        values: &[Stored],
    ) {
        let rows = &mut self.buffer.rows;
        rows.series.push(series);
        rows.periods.push(period);
        rows.tuples.push(tuple);
        rows.numbers.push(number);
        for value in values {
            rows.bits.push(value.bits);
            rows.scales.push(value.scale);
        }
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
