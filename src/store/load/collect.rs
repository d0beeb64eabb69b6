//! Collects the rows of a series as chunks, where each observation comes once and all rows ask for
//! the same thing: nearly always.

use crate::error::{Problem, Result};
use crate::limits::{CHUNK_SLOTS_MAX, PROBLEMS_SHOWN_MAX};
use crate::model::PeriodForm;
use crate::segment::{Builder, ChunkRows, Stored};
use crate::store::load::buffer::{RowRecord, SLOT_BIAS, SLOT_BITS};
use crate::store::load::existing::Existing;
use crate::store::load::intake::Intake;
use crate::store::load::times::Times;
use crate::store::load::write::FlowWriter;

/// A chunk being collected, with the number of each row.
pub(super) struct Pending {
    /// The number of the chunk among those of its form.
    pub(super) number: i32,
    pub(super) rows: ChunkRows,
    numbers: Vec<u32>,
    last_period: u32,
}

impl FlowWriter<'_> {
    /// Adds a row to the series being collected.
    pub(super) fn push_row(&mut self, record: &RowRecord) {
        let form = PeriodForm::from_number((record.period >> SLOT_BITS) as u8);
        let form = form.unwrap_or(PeriodForm::Other);
        let low = record.period & ((1 << SLOT_BITS) - 1);
        let slot = low.cast_signed() - SLOT_BIAS;
        let number = if form == PeriodForm::Other { 0 } else { chunk_number(slot) };
        let continues = self
            .chunks
            .last()
            .is_some_and(|last| last.rows.form == form as u8 && last.number == number);
        if !continues {
            let (measures, attributes) =
                (self.intake.flow.measures().len(), self.intake.observation_attributes.len());
            let mut rows =
                self.spare.pop().unwrap_or_else(|| ChunkRows::new(form, measures, attributes));
            rows.clear(form);
            rows.first = if form == PeriodForm::Other { 0 } else { slot };
            self.chunks.push(Pending { number, rows, numbers: Vec::new(), last_period: u32::MAX });
        }
        let Some(pending) = self.chunks.last_mut() else { return };
        if pending.last_period == record.period {
            let first = pending.numbers.last().copied().unwrap_or_default();
            self.refuse_again(record, first);
            return;
        }
        pending.last_period = record.period;
        pending.numbers.push(record.number);
        let rows = &mut pending.rows;
        if form == PeriodForm::Other {
            let position = u16::try_from(rows.positions.len()).unwrap_or(u16::MAX);
            rows.positions.push(position);
            rows.periods.push(self.intake.others.get(low).into());
        } else {
            rows.positions.push(u16::try_from(slot - rows.first).unwrap_or(u16::MAX));
        }
        for (measure, value) in record.values.iter().enumerate() {
            let mut value = *value;
            if value.scale == Stored::TEXT {
                let number = value.text().unwrap_or_default();
                value = rows.keep_text(self.intake.value_texts[number].clone());
            }
            rows.measures[measure].push(value);
        }
        for (attribute, number) in self.intake.tuples.get(record.tuple).iter().enumerate() {
            rows.attributes[attribute].push(value_number(
                &mut self.value_numbers[attribute],
                &mut self.builder,
                self.intake,
                attribute,
                *number,
            ));
        }
    }

    /// Refuses a row because another one of its run is about the same.
    pub(super) fn refuse_again(&mut self, row: &RowRecord, first: u32) {
        let first = self.places.describe(first);
        let what = self.intake.describe(row.series, row.period);
        self.refuse(row.number, format!("the same key and period as {first}: {what}"));
    }

    pub(super) fn refuse(&mut self, row: u32, reason: String) {
        self.refused.push(row);
        if self.problems.len() < PROBLEMS_SHOWN_MAX {
            let line = self.places.line(row);
            self.problems.push(Problem {
                line,
                column: None,
                component: None,
                value: None,
                reason,
            });
        }
    }

    /// Refuses and takes out what says the same time in another way than an earlier row of the
    /// series, or than what is stored.
    pub(super) fn check_spans(
        &mut self,
        series: u32,
        new: &mut Vec<Pending>,
        existing: &[Existing],
    ) -> Result<()> {
        let mut forms: Vec<u8> = new.iter().map(|chunk| chunk.rows.form).collect();
        forms.extend(existing.iter().map(|chunk| chunk.form as u8));
        forms.sort_unstable();
        forms.dedup();
        // Within a regular form, another text is another time.
        if new.is_empty() || (forms.len() < 2 && forms != [PeriodForm::Other as u8]) {
            return Ok(());
        }
        let mut times = Times::default();
        for old in existing {
            let segment = self.cube.parts()[old.part].segment();
            times.store(&segment.read_chunk(old.chunk)?.to_rows());
        }
        let mut rows: Vec<(u32, usize, usize)> = Vec::new();
        for (index, chunk) in new.iter().enumerate() {
            rows.extend(chunk.numbers.iter().enumerate().map(|(at, row)| (*row, index, at)));
        }
        rows.sort_unstable();
        let mut refused = vec![Vec::new(); new.len()];
        for (row, index, at) in rows {
            if let Some(clash) = times.take(&new[index].rows, at, row, self.places) {
                self.refuse(row, format!("{clash}: {}", self.intake.describe_key(series)));
                refused[index].push(at);
            }
        }
        for (chunk, mut refused) in new.iter_mut().zip(refused) {
            if !refused.is_empty() {
                refused.sort_unstable();
                chunk.rows.retain(|at| refused.binary_search(&at).is_err());
            }
        }
        new.retain(|chunk| !chunk.rows.is_empty());
        Ok(())
    }
}

/// The number of the chunk that holds a slot: chunks begin at multiples of their size.
pub(super) fn chunk_number(slot: i32) -> i32 {
    slot.div_euclid(i32::try_from(CHUNK_SLOTS_MAX).unwrap_or(i32::MAX))
}

/// The segment's number of a value of an observation attribute, asked once for each.
pub(super) fn value_number(
    known: &mut [u32],
    builder: &mut Builder<'_>,
    intake: &Intake,
    attribute: usize,
    number: u32,
) -> u32 {
    let Some(index) = number.checked_sub(1) else { return 0 };
    let cell = &mut known[index as usize];
    if *cell == 0 {
        let texts = &intake.values[intake.observation_attributes[attribute]];
        *cell = builder.value_number(attribute, texts.get(index));
    }
    *cell
}
