//! What is there of a series.

use crate::catalog::Counts;
use crate::error::{Error, Result};
use crate::model::{Action, PeriodForm};
use crate::segment::ChunkRows;
use crate::store::load::collect::chunk_number;
use crate::store::load::merge::merge;
use crate::store::load::write::FlowWriter;

/// A chunk that is there.
#[derive(Clone, Copy)]
pub(super) struct Existing {
    pub(super) part: usize,
    pub(super) chunk: u32,
    pub(super) form: PeriodForm,
    /// Its number among those of its form.
    pub(super) number: i32,
}

impl FlowWriter<'_> {
    /// The live chunks of a series, in all parts.
    pub(super) fn find_existing(&self, series: u32) -> Result<Vec<Existing>> {
        if self.cube.parts().is_empty() {
            return Ok(Vec::new());
        }
        let key = self.intake.series.get(series).iter().enumerate();
        let key = key.map(|(dimension, code)| self.cube_numbers[dimension][*code as usize]);
        let Some(key) = key.collect::<Option<Vec<u32>>>() else { return Ok(Vec::new()) };
        let mut existing = Vec::new();
        for (index, part) in self.cube.parts().iter().enumerate() {
            let Some(ordinal) = part.find(&key)? else { continue };
            for chunk in part.live_chunks(ordinal)? {
                let span = part.span(chunk)?;
                let number =
                    if span.form == PeriodForm::Other { 0 } else { chunk_number(span.first) };
                existing.push(Existing { part: index, chunk, form: span.form, number });
            }
        }
        Ok(existing)
    }

    /// Reads a chunk that is there, with the new segment's numbers of attribute values.
    pub(super) fn read_existing(&mut self, existing: Existing) -> Result<ChunkRows> {
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

    /// Reads chunks that hold what belongs into one.
    pub(super) fn read_together(
        &mut self,
        existing: &[Existing],
        touched: &[usize],
    ) -> Result<ChunkRows> {
        let mut old: Option<ChunkRows> = None;
        for at in touched {
            let rows = self.read_existing(existing[*at])?;
            old = Some(match old {
                None => rows,
                Some(before) => merge(&before, &rows, Action::Merge, &mut Counts::default()),
            });
        }
        old.ok_or_else(|| Error::bug("no chunk to read"))
    }

    /// The attributes of a series after the load, and whether that changes what is there.
    /// `deleted` gives the last row that deleted the attribute at a position; 0 if none did.
    pub(super) fn merge_attributes(
        &self,
        series: u32,
        existing: &[Existing],
        deleted: impl Fn(usize) -> u32,
    ) -> Result<(Vec<String>, bool)> {
        let width = self.intake.series_attributes.len();
        let mut merged = Vec::with_capacity(width);
        let mut changed = false;
        for (attribute, position) in self.intake.series_attributes.iter().enumerate() {
            let mut before = None;
            if let Some(old) = existing.first() {
                let attribute = position - self.intake.flow.attributes_from();
                let ordinal = self.cube.parts()[old.part].segment().series_of(old.chunk)?;
                before = self.cube.key_attribute(attribute, old.part, ordinal)?;
            }
            let (number, said) = self.intake.series_values.get(series, attribute);
            let new = number.checked_sub(1).map(|n| self.intake.values[*position].get(n));
            let after = last_said(before, (new, said), deleted(*position));
            changed |= after.unwrap_or_default() != before.unwrap_or_default();
            merged.push(after.unwrap_or_default().to_owned());
        }
        Ok((merged, changed && !existing.is_empty()))
    }
}

/// What an attribute of a key is after a load: what it was `before`, what was said of it and in
/// which row, or nothing, by what came last. Rows of the first run have the number 0.
pub(super) fn last_said<'a>(
    before: Option<&'a str>,
    (new, said): (Option<&'a str>, u32),
    deleted: u32,
) -> Option<&'a str> {
    if deleted == 0 { new.or(before) } else { new.filter(|_| said > deleted) }
}
