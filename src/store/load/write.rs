//! Writes the segment of one dataflow: what came, brought together with what was there.
//!
//! A chunk that a row touches is read, merged and written whole, and the old one is superseded, so
//! that there is never more than one live version. A series whose own attributes change is written
//! whole.

use std::mem;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::catalog::{Counts, Superseded};
use crate::error::{Problem, Result};
use crate::index::Selection;
use crate::limits::{CHUNK_SLOTS_MAX, PROBLEMS_SHOWN_MAX};
use crate::model::PeriodForm;
use crate::segment::{Builder, ChunkRows, CreateFile, PartialGroup, Schema, Stored, Summary};
use crate::store::cube::Cube;
use crate::store::load::buffer::{Ranks, RowRecord, SLOT_BIAS, SLOT_BITS};
use crate::store::load::intake::Intake;
use crate::store::load::interner::Texts;
use crate::store::load::merge::merge;
use crate::store::load::partials::PartialMerge;
use crate::store::load::places::Places;
use crate::store::load::times::Times;
use crate::store::part::Part;

/// What became of the rows of one dataflow.
pub(super) struct Outcome {
    /// The new segment; absent if nothing changed.
    pub(super) segment: Option<Summary>,
    pub(super) superseded: Vec<Superseded>,
    pub(super) counts: Counts,
    /// Rows that were left out because another row has the same key and period.
    pub(super) problems: Vec<Problem>,
    /// The numbers of all of them.
    pub(super) refused: Vec<u32>,
    /// Series of which only attributes came, and that have no observation.
    pub(super) empty_series: u64,
}

/// Chunks whose memory is kept for the next series.
const SPARE_CHUNKS_MAX: usize = 64;

/// A chunk that is there.
#[derive(Clone, Copy)]
struct Existing {
    part: usize,
    chunk: u32,
    form: PeriodForm,
    number: i32,
}

/// Writes one dataflow.
pub(super) struct FlowWriter<'a> {
    intake: &'a Intake,
    cube: &'a Arc<Cube>,
    builder: Builder<'a>,
    /// For each dimension, the segment's number of each code.
    code_numbers: Vec<Vec<u32>>,
    /// For each dimension, the cube's number of each code, where the cube has it.
    cube_numbers: Vec<Vec<Option<u32>>>,
    /// For each attribute of the observation, the segment's number of each value; 0 if not asked.
    value_numbers: Vec<Vec<u32>>,
    superseded: HashMap<usize, Selection>,
    /// For each part, the chunks that the load deletes before it adds anything.
    deleted: Vec<Option<&'a Selection>>,
    counts: Counts,
    problems: Vec<Problem>,
    /// Rows that are left out, by number.
    refused: Vec<u32>,
    places: &'a Places,
    empty_series: u64,
    /// Series in key order, and how many of them are done.
    by_rank: Vec<u32>,
    done: usize,
    /// The chunks of the series being collected.
    chunks: Vec<Pending>,
    spare: Vec<ChunkRows>,
}

/// What a dataflow is written from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) intake: &'a Intake,
    /// What is there.
    pub(super) cube: &'a Arc<Cube>,
    /// What this load deletes of it.
    pub(super) deleted: &'a [Superseded],
    pub(super) places: &'a Places,
}

/// A chunk being collected, with the number of each row.
struct Pending {
    number: i32,
    rows: ChunkRows,
    numbers: Vec<u32>,
    last_period: u32,
}

impl<'a> FlowWriter<'a> {
    pub(super) fn new(
        sources: &Sources<'a>,
        order: &[u16],
        ranks: &Ranks,
        create: CreateFile<'a>,
    ) -> Result<Self> {
        let Sources { intake, cube, deleted, places } = *sources;
        let flow = &intake.flow;
        let ids = |positions: &[usize]| {
            positions.iter().map(|p| flow.components()[*p].id.clone()).collect::<Vec<_>>()
        };
        let schema = Schema {
            flow: flow.id.to_string(),
            dimensions: flow.dimensions().iter().map(|d| d.id.clone()).collect(),
            order: order.to_vec(),
            codes: intake.codes.iter().map(Texts::sorted).collect(),
            measures: flow.measures().iter().map(|m| m.id.clone()).collect(),
            series_attributes: ids(&intake.series_attributes),
            observation_attributes: ids(&intake.observation_attributes),
        };
        let cube_number = |dimension: usize| {
            let texts = &intake.codes[dimension];
            let numbers = (0..u32::try_from(texts.len()).unwrap_or(u32::MAX)).map(|n| texts.get(n));
            numbers.map(|code| cube.codes(dimension).number(code)).collect()
        };
        let mut by_rank = vec![0; ranks.series.len()];
        for (series, rank) in (0..).zip(&ranks.series) {
            by_rank[*rank as usize] = series;
        }
        let deleted_of = |part: &Part| {
            deleted.iter().find(|gone| gone.segment == part.id()).map(|gone| &gone.chunks)
        };
        let value_numbers = intake.observation_attributes.iter();
        let value_numbers = value_numbers.map(|position| vec![0; intake.values[*position].len()]);
        Ok(Self {
            builder: Builder::new(schema, create)?,
            code_numbers: intake.codes.iter().map(Texts::ranks).collect(),
            cube_numbers: (0..intake.codes.len()).map(cube_number).collect(),
            value_numbers: value_numbers.collect(),
            superseded: HashMap::new(),
            deleted: cube.parts().iter().map(deleted_of).collect(),
            counts: Counts::default(),
            problems: Vec::new(),
            refused: Vec::new(),
            places,
            empty_series: 0,
            by_rank,
            done: 0,
            chunks: Vec::new(),
            spare: Vec::new(),
            intake,
            cube,
        })
    }

    /// Writes everything. `progress` is told how many rows were written.
    pub(super) fn write(mut self, ranks: &Ranks, mut progress: impl FnMut(u64)) -> Result<Outcome> {
        let intake = self.intake;
        let mut rows = 0;
        intake.buffer.for_each(ranks, |record| {
            rows += 1;
            if rows % (1 << 16) == 0 {
                progress(rows);
            }
            let rank = ranks.series[record.series as usize] as usize;
            while self.done < rank {
                self.finish_series()?;
            }
            self.push_row(record);
            Ok(())
        })?;
        while self.done < self.by_rank.len() {
            self.finish_series()?;
        }
        let parts = self.cube.parts();
        let mut partials = PartialMerge::new(intake, parts)?;
        for group in partials.groups.drain(..).filter(|group: &PartialGroup| !group.rows.is_empty())
        {
            self.builder.push_partials(group);
        }
        let mut superseded = Vec::new();
        for (index, part) in parts.iter().enumerate() {
            let chunks = self.superseded.remove(&index).unwrap_or_else(Selection::empty);
            let partials = partials.superseded.remove(&index).unwrap_or_else(Selection::empty);
            if !(chunks.is_empty() && partials.is_empty()) {
                superseded.push(Superseded { segment: part.id(), chunks, partials });
            }
        }
        superseded.sort_by_key(|s| s.segment);
        let is_empty = self.builder.is_empty();
        let segment = if is_empty { None } else { Some(self.builder.finish()?) };
        Ok(Outcome {
            segment,
            superseded,
            counts: self.counts,
            problems: self.problems,
            refused: self.refused,
            empty_series: self.empty_series,
        })
    }

    /// Adds a row to the series being collected.
    fn push_row(&mut self, record: &RowRecord) {
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
            let first = self.places.describe(first);
            let what = self.intake.describe(record.series, record.period);
            let reason = format!("the same key and period as {first}: {what}");
            self.refuse(record.number, reason);
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

    fn refuse(&mut self, row: u32, reason: String) {
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

    /// Writes the series that was collected, and goes to the next.
    fn finish_series(&mut self) -> Result<()> {
        let series = self.by_rank[self.done];
        self.done += 1;
        let mut pending = mem::take(&mut self.chunks);
        let existing = self.find_existing(series)?;
        if existing.is_empty() && pending.is_empty() {
            self.empty_series += 1;
            return Ok(());
        }
        self.check_spans(series, &mut pending, &existing)?;
        if existing.is_empty() && pending.is_empty() {
            return Ok(());
        }
        let (attributes, attributes_changed) = self.merge_attributes(series, &existing)?;
        let mut write: Vec<ChunkRows> = Vec::with_capacity(pending.len());
        let mut replaced = vec![false; existing.len()];
        for chunk in pending.drain(..) {
            let is_other = chunk.rows.form == PeriodForm::Other as u8;
            let same = |old: &Existing| {
                old.form as u8 == chunk.rows.form && (is_other || old.number == chunk.number)
            };
            let touched: Vec<usize> =
                (0..existing.len()).filter(|at| same(&existing[*at])).collect();
            if touched.is_empty() {
                self.counts.inserted += chunk.rows.len() as u64;
                write.extend(chunk.rows.split());
                continue;
            }
            let mut old: Option<ChunkRows> = None;
            for at in &touched {
                let rows = self.read_existing(existing[*at])?;
                old = Some(match old {
                    None => rows,
                    Some(before) => merge(&before, &rows, &mut Counts::default()),
                });
            }
            let Some(old) = old else { continue };
            let before = self.counts;
            let merged = merge(&old, &chunk.rows, &mut self.counts);
            let is_same =
                (before.inserted, before.changed) == (self.counts.inserted, self.counts.changed);
            if !is_same {
                for at in &touched {
                    replaced[*at] = true;
                }
                write.extend(merged.split());
            }
            self.keep_spare(chunk.rows);
        }
        if attributes_changed {
            for (old, replaced) in existing.iter().zip(&mut replaced).filter(|(_, r)| !**r) {
                write.push(self.read_existing(*old)?);
                *replaced = true;
            }
        }
        for (old, _) in existing.iter().zip(&replaced).filter(|(_, replaced)| **replaced) {
            self.superseded.entry(old.part).or_insert_with(Selection::empty).insert(old.chunk);
        }
        self.write_series(series, &attributes, write)
    }

    fn write_series(
        &mut self,
        series: u32,
        attributes: &[String],
        mut chunks: Vec<ChunkRows>,
    ) -> Result<()> {
        if chunks.is_empty() {
            return Ok(());
        }
        let key = self.intake.series.get(series).iter().enumerate();
        let key: Vec<u32> = key.map(|(d, code)| self.code_numbers[d][*code as usize]).collect();
        let attributes: Vec<&str> = attributes.iter().map(String::as_str).collect();
        self.builder.push_series(&key, &attributes)?;
        chunks.sort_by(|a, b| {
            let place = |rows: &ChunkRows| (rows.form, rows.first);
            place(a).cmp(&place(b)).then_with(|| a.periods.first().cmp(&b.periods.first()))
        });
        for rows in chunks {
            self.builder.push_chunk(&rows)?;
            self.keep_spare(rows);
        }
        Ok(())
    }

    /// Keeps the memory of a chunk for another, unless there is enough: a series has few chunks.
    fn keep_spare(&mut self, rows: ChunkRows) {
        if self.spare.len() < SPARE_CHUNKS_MAX {
            self.spare.push(rows);
        }
    }

    /// The live chunks of a series, in all parts.
    fn find_existing(&self, series: u32) -> Result<Vec<Existing>> {
        if self.cube.parts().is_empty() {
            return Ok(Vec::new());
        }
        let key = self.intake.series.get(series).iter().enumerate();
        let key = key.map(|(dimension, code)| self.cube_numbers[dimension][*code as usize]);
        let Some(key) = key.collect::<Option<Vec<u32>>>() else { return Ok(Vec::new()) };
        let mut existing = Vec::new();
        for (index, part) in self.cube.parts().iter().enumerate() {
            let Some(ordinal) = part.find(&key)? else { continue };
            let deleted = self.deleted[index];
            for chunk in part.live_chunks(ordinal)? {
                if deleted.is_some_and(|deleted| deleted.contains(chunk)) {
                    continue;
                }
                let span = part.span(chunk)?;
                let number =
                    if span.form == PeriodForm::Other { 0 } else { chunk_number(span.first) };
                existing.push(Existing { part: index, chunk, form: span.form, number });
            }
        }
        Ok(existing)
    }

    /// Reads a chunk that is there, with the new segment's numbers of attribute values.
    fn read_existing(&mut self, existing: Existing) -> Result<ChunkRows> {
        let segment = self.cube.parts()[existing.part].segment();
        let mut rows = segment.read_chunk(existing.chunk)?.to_rows();
        let mut attributes = vec![vec![0; rows.len()]; self.intake.observation_attributes.len()];
        for (attribute, column) in attributes.iter_mut().enumerate() {
            let id =
                &self.intake.flow.components()[self.intake.observation_attributes[attribute]].id;
            let known = segment.footer().observation_attributes.iter().position(|a| a == id);
            let Some(known) = known else { continue };
            for (number, old) in column.iter_mut().zip(&rows.attributes[known]) {
                if let Some(text) = segment.observation_value(known, *old)? {
                    *number = self.builder.value_number(attribute, text);
                }
            }
        }
        rows.attributes = attributes;
        Ok(rows)
    }

    /// The attributes of a series after the load, and whether that changes what is there.
    fn merge_attributes(&self, series: u32, existing: &[Existing]) -> Result<(Vec<String>, bool)> {
        let width = self.intake.series_attributes.len();
        let new = &self.intake.series_values[series as usize * width..][..width];
        let mut merged = Vec::with_capacity(width);
        let mut changed = false;
        for (position, number) in self.intake.series_attributes.iter().zip(new) {
            let mut before = None;
            if let Some(old) = existing.first() {
                let attribute = position - self.intake.flow.attributes_from();
                let ordinal = self.cube.parts()[old.part].segment().series_of(old.chunk)?;
                before = self.cube.key_attribute(attribute, old.part, ordinal)?;
            }
            let after = number.checked_sub(1).map(|n| self.intake.values[*position].get(n));
            changed |= after.is_some() && after != before;
            merged.push(after.or(before).unwrap_or_default().to_owned());
        }
        Ok((merged, changed && !existing.is_empty()))
    }

    /// Refuses and takes out what says the same time in another way than an earlier row of the
    /// series, or than what is stored.
    fn check_spans(
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
fn chunk_number(slot: i32) -> i32 {
    slot.div_euclid(i32::try_from(CHUNK_SLOTS_MAX).unwrap_or(i32::MAX))
}

/// The segment's number of a value of an observation attribute, asked once for each.
fn value_number(
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
