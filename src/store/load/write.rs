//! Writes the segment of one dataflow: what came, brought together with what was there.
//!
//! A chunk that a row touches is read, merged and written whole, and the old one is superseded, so
//! that there is never more than one live version. A series whose own attributes change is written
//! whole.

use std::mem;
use std::sync::Arc;

use crate::catalog::{Counts, Superseded};
use crate::error::{Problem, Result};
use crate::index::Selection;
use crate::model::{Action, PeriodForm};
use crate::segment::{Builder, ChunkRows, CreateFile, PartialGroup, Schema, Summary};
use crate::store::cube::Cube;
use crate::store::load::buffer::{Ranks, RowRecord};
use crate::store::load::collect::Pending;
use crate::store::load::existing::Existing;
use crate::store::load::intake::Intake;
use crate::store::load::interner::Texts;
use crate::store::load::merge::merge;
use crate::store::load::partials::PartialMerge;
use crate::store::load::places::Places;
use crate::store::load::reach::Reached;
use crate::store::load::runs::Runs;

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

/// Writes one dataflow.
pub(super) struct FlowWriter<'a> {
    pub(super) intake: &'a Intake,
    pub(super) cube: &'a Arc<Cube>,
    pub(super) builder: Builder<'a>,
    pub(super) runs: &'a Runs,
    pub(super) places: &'a Places,
    /// For each dimension, the segment's number of each code.
    code_numbers: Vec<Vec<u32>>,
    /// For each dimension, the cube's number of each code, where the cube has it.
    pub(super) cube_numbers: Vec<Vec<Option<u32>>>,
    /// For each dimension, the number of each code among those of deletions; none without any.
    pub(super) region_numbers: Vec<Vec<Option<u32>>>,
    /// For each attribute of the observation, the segment's number of each value; 0 if not asked.
    pub(super) value_numbers: Vec<Vec<u32>>,
    /// For each part, what is no more live.
    superseded: Vec<Selection>,
    pub(super) counts: Counts,
    pub(super) problems: Vec<Problem>,
    /// Rows that are left out, by number.
    pub(super) refused: Vec<u32>,
    pub(super) empty_series: u64,
    /// Series in key order, and how many of them are done.
    by_rank: Vec<u32>,
    done: usize,
    /// What all rows of the load ask for, if they merge or replace in one run: nearly always.
    plain: Option<Action>,
    /// The rows of the series at hand, where the load is not plain.
    rows: Vec<RowRecord>,
    /// The chunks of the series being collected.
    pub(super) chunks: Vec<Pending>,
    pub(super) spare: Vec<ChunkRows>,
}

/// What a dataflow is written from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) intake: &'a Intake,
    /// What is there.
    pub(super) cube: &'a Arc<Cube>,
    /// What is there and goes whole.
    pub(super) reached: &'a Reached,
    pub(super) runs: &'a Runs,
    pub(super) places: &'a Places,
}

impl<'a> FlowWriter<'a> {
    pub(super) fn new(
        sources: &Sources<'a>,
        order: &[u16],
        ranks: &Ranks,
        create: CreateFile<'a>,
    ) -> Result<Self> {
        let Sources { intake, cube, reached, runs, places } = *sources;
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
        let region_numbers = intake.codes.iter().zip(&intake.partial_codes);
        let region_numbers = region_numbers.map(|(codes, of_regions)| of_regions.numbers_of(codes));
        let value_numbers = intake.observation_attributes.iter();
        let value_numbers = value_numbers.map(|position| vec![0; intake.values[*position].len()]);
        Ok(Self {
            builder: Builder::new(schema, create)?,
            code_numbers: intake.codes.iter().map(Texts::ranks).collect(),
            cube_numbers: (0..intake.codes.len()).map(cube_number).collect(),
            region_numbers: region_numbers.collect(),
            value_numbers: value_numbers.collect(),
            superseded: reached.chunks.clone(),
            counts: Counts { deleted: reached.observations, ..Counts::default() },
            problems: Vec::new(),
            refused: Vec::new(),
            empty_series: 0,
            by_rank,
            done: 0,
            plain: runs.only().filter(|action| *action != Action::Delete),
            rows: Vec::new(),
            chunks: Vec::new(),
            spare: Vec::new(),
            intake,
            cube,
            runs,
            places,
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
            match self.plain {
                Some(_) => self.push_row(record),
                None => self.rows.push(record.clone()),
            }
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
            let chunks = mem::take(&mut self.superseded[index]);
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

    /// Writes the series at hand, and goes to the next.
    fn finish_series(&mut self) -> Result<()> {
        let series = self.by_rank[self.done];
        self.done += 1;
        if let Some(action) = self.plain {
            return self.write_collected(series, action);
        }
        let mut rows = mem::take(&mut self.rows);
        let deletions = self.deletions(series);
        if self.is_ordered(&rows, &deletions) {
            self.write_ordered(series, &mut rows, &deletions)?;
        } else {
            for row in &rows {
                self.push_row(row);
            }
            let action = rows.first().map_or(Action::Merge, |row| self.runs.of(row.number).1);
            self.write_collected(series, action)?;
        }
        rows.clear();
        self.rows = rows;
        Ok(())
    }

    /// Writes the chunks that were collected of a series, all rows of which ask for this action.
    fn write_collected(&mut self, series: u32, action: Action) -> Result<()> {
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
        let attributes = self.merge_attributes(series, &existing, |_| 0)?;
        let mut chunks: Vec<ChunkRows> = Vec::with_capacity(pending.len());
        let mut replaced = vec![false; existing.len()];
        for chunk in pending {
            let is_other = chunk.rows.form == PeriodForm::Other as u8;
            let same = |old: &Existing| {
                old.form as u8 == chunk.rows.form && (is_other || old.number == chunk.number)
            };
            let touched: Vec<usize> =
                (0..existing.len()).filter(|at| same(&existing[*at])).collect();
            if touched.is_empty() {
                self.counts.inserted += chunk.rows.len() as u64;
                chunks.extend(chunk.rows.split());
                continue;
            }
            let old = self.read_together(&existing, &touched)?;
            let before = self.counts;
            let merged = merge(&old, &chunk.rows, action, &mut self.counts);
            let is_same =
                (before.inserted, before.changed) == (self.counts.inserted, self.counts.changed);
            if !is_same {
                for at in &touched {
                    replaced[*at] = true;
                }
                chunks.extend(merged.split());
            }
            self.keep_spare(chunk.rows);
        }
        self.write_series(series, attributes, chunks, (&existing, replaced))
    }

    /// Writes what a series is made of from now on: these chunks, and those that are there and were
    /// not replaced. Where its attributes changed, all of it.
    pub(super) fn write_series(
        &mut self,
        series: u32,
        (attributes, attributes_changed): (Vec<String>, bool),
        mut chunks: Vec<ChunkRows>,
        (existing, mut replaced): (&[Existing], Vec<bool>),
    ) -> Result<()> {
        if attributes_changed {
            for (old, replaced) in existing.iter().zip(&mut replaced).filter(|(_, r)| !**r) {
                chunks.push(self.read_existing(*old)?);
                *replaced = true;
            }
        }
        for (old, _) in existing.iter().zip(&replaced).filter(|(_, replaced)| **replaced) {
            self.superseded[old.part].insert(old.chunk);
        }
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
    pub(super) fn keep_spare(&mut self, rows: ChunkRows) {
        if self.spare.len() < SPARE_CHUNKS_MAX {
            self.spare.push(rows);
        }
    }
}
