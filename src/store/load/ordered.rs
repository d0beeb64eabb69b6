//! Series for which the order of rows matters: something is deleted of them, an observation comes
//! twice, or rows ask for different things.

use crate::error::Result;
use crate::model::{Action, PeriodForm, Value};
use crate::segment::Stored;
use crate::store::load::buffer::{RowRecord, SLOT_BIAS, SLOT_BITS};
use crate::store::load::collect::value_number;
use crate::store::load::existing::Existing;
use crate::store::load::regions::{Deletion, Target};
use crate::store::load::replay::{Deleted, Moment, Observation, Replay};
use crate::store::load::write::FlowWriter;

impl FlowWriter<'_> {
    /// The deletions that match a series, in the order of their rows.
    pub(super) fn deletions(&self, series: u32) -> Vec<Deletion> {
        if self.intake.regions.is_empty() {
            return Vec::new();
        }
        let codes = self.intake.series.get(series);
        self.intake
            .regions
            .of(|dimension| self.region_numbers[dimension][codes[dimension] as usize])
    }

    /// Whether the order of these rows of one series matters.
    pub(super) fn is_ordered(&self, rows: &[RowRecord], deletions: &[Deletion]) -> bool {
        let Some(first) = rows.first() else { return !deletions.is_empty() };
        let action = self.runs.of(first.number).1;
        let comes_twice = |pair: &[RowRecord]| {
            let [a, b] = pair else { return false };
            a.period == b.period && self.runs.of(a.number).0 != self.runs.of(b.number).0
        };
        !deletions.is_empty()
            || action == Action::Delete
            || rows.iter().any(|row| self.runs.of(row.number).1 != action)
            || rows.windows(2).any(comes_twice)
    }

    /// Applies rows and deletions to a series in their order, and writes what that changes.
    pub(super) fn write_ordered(
        &mut self,
        series: u32,
        rows: &mut [RowRecord],
        deletions: &[Deletion],
    ) -> Result<()> {
        let existing = self.find_existing(series)?;
        let replay = self.replay(rows, deletions, &existing)?;
        let (emptied_by, present) = (replay.emptied_by(), replay.present());
        let (mut chunks, mut replaced) = (Vec::new(), vec![false; existing.len()]);
        for chunk in replay.finish(&mut self.counts).into_iter().filter(|chunk| chunk.is_changed) {
            let same = |old: &Existing| (old.form as u8, old.number) == (chunk.form, chunk.number);
            for (old, replaced) in existing.iter().zip(&mut replaced) {
                *replaced |= same(old);
            }
            if !chunk.rows.is_empty() {
                chunks.extend(chunk.rows.split());
            }
        }
        let first = self.intake.flow.measures_from();
        let regions = &self.intake.regions;
        let attributes = self.merge_attributes(series, &existing, |position| {
            emptied_by.max(regions.last_row(deletions, Target::Component(position - first)))
        })?;
        if present == 0 {
            self.empty_series += u64::from(attributes.0.iter().any(|text| !text.is_empty()));
        }
        self.write_series(series, attributes, chunks, (&existing, replaced))
    }

    fn replay(
        &mut self,
        rows: &mut [RowRecord],
        deletions: &[Deletion],
        existing: &[Existing],
    ) -> Result<Replay> {
        let mut replay = Replay::default();
        let mut forms: Vec<u8> = rows.iter().map(|row| (row.period >> SLOT_BITS) as u8).collect();
        for old in existing {
            let rows = self.read_existing(*old)?;
            forms.push(rows.form);
            replay.store(&rows);
            self.keep_spare(rows);
        }
        forms.sort_unstable();
        forms.dedup();
        if forms.len() > 1 || forms == [PeriodForm::Other as u8] {
            replay.watch_times();
        }
        rows.sort_unstable_by_key(|row| row.number);
        let mut deletions = deletions.iter().peekable();
        for row in rows {
            while let Some(deletion) = deletions.next_if(|deletion| deletion.row < row.number) {
                self.replay_deletion(&mut replay, deletion);
            }
            self.replay_row(&mut replay, row);
        }
        deletions.for_each(|deletion| self.replay_deletion(&mut replay, deletion));
        Ok(replay)
    }

    fn replay_row(&mut self, replay: &mut Replay, row: &RowRecord) {
        let moment = self.moment(row.period);
        let (run, action) = self.runs.of(row.number);
        if action == Action::Delete {
            let is_named = |value: &Stored| *value != Stored::NONE;
            let measures = positions(row.values.iter().map(is_named));
            let tuple = self.intake.tuples.get(row.tuple).iter();
            let attributes = positions(tuple.map(|number| *number > 0));
            replay.delete(&moment, row.number, &deleted(measures, attributes));
            return;
        }
        let before = replay.row_of(&moment);
        if before > 0 && self.runs.of(before).0 == run {
            self.refuse_again(row, before);
            return;
        }
        let new = self.observation(row);
        if let Err((clash, other)) = replay.set(&moment, row.number, action, new) {
            let place = match other {
                0 => "stored before".to_owned(),
                other => self.places.describe(other),
            };
            let key = self.intake.describe_key(row.series);
            self.refuse(row.number, format!("{clash} ({place}): {key}"));
        }
    }

    fn replay_deletion(&self, replay: &mut Replay, deletion: &Deletion) {
        let (intake, regions) = (self.intake, &self.intake.regions);
        let first = intake.flow.measures_from();
        let is_named =
            |position: usize| regions.deletes(deletion, Target::Component(position - first));
        let deleted = if regions.deletes(deletion, Target::Observations) {
            Deleted::Whole
        } else {
            let measures = positions((first..intake.flow.attributes_from()).map(is_named));
            let attributes = intake.observation_attributes.iter();
            let attributes = positions(attributes.map(|position| is_named(*position)));
            if measures.is_empty() && attributes.is_empty() {
                return;
            }
            Deleted::Parts(measures, attributes)
        };
        match deletion.period {
            Some(period) => replay.delete(&self.moment(period), deletion.row, &deleted),
            None => replay.delete_all(deletion.row, &deleted),
        }
    }

    fn moment(&self, period: u32) -> Moment {
        let form = PeriodForm::from_number((period >> SLOT_BITS) as u8);
        let form = form.unwrap_or(PeriodForm::Other);
        let low = period & ((1 << SLOT_BITS) - 1);
        let (slot, text) = match form {
            PeriodForm::Other => (0, self.intake.others.get(low).into()),
            _ => (low.cast_signed() - SLOT_BIAS, Box::default()),
        };
        Moment { form: form as u8, slot, text }
    }

    /// What a row says of its observation.
    fn observation(&mut self, row: &RowRecord) -> Observation {
        let value = |stored: &Stored| match (stored.decimal(), stored.text()) {
            (Some(decimal), _) => Value::Decimal(decimal),
            (None, Some(text)) => Value::parse(&self.intake.value_texts[text]),
            (None, None) => Value::Missing,
        };
        let values = row.values.iter().map(value).collect();
        let mut attributes = Vec::new();
        for (attribute, number) in self.intake.tuples.get(row.tuple).iter().enumerate() {
            let known = &mut self.value_numbers[attribute];
            let builder = &mut self.builder;
            attributes.push(value_number(known, builder, self.intake, attribute, *number));
        }
        Observation { values, attributes }
    }
}

/// What a row deletes that names these measures and attributes.
fn deleted(measures: Vec<usize>, attributes: Vec<usize>) -> Deleted {
    if measures.is_empty() && attributes.is_empty() {
        Deleted::Whole
    } else {
        Deleted::Parts(measures, attributes)
    }
}

/// Where it is true.
fn positions(is_named: impl Iterator<Item = bool>) -> Vec<usize> {
    is_named.enumerate().filter_map(|(at, is_named)| is_named.then_some(at)).collect()
}
