//! The differences of one dataflow between two states, series by series.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{ArtefactId, ComponentRole, Flow, Period};
use crate::store::changes::change::{AttributeChange, CellChange, CellState, SeriesChange};
use crate::store::changes::difference::Difference;
use crate::store::changes::filter::KeyFilter;
use crate::store::changes::read::{SeriesChunks, SeriesReader, in_order_of_time, key_texts};
use crate::store::changes::touched::Touched;
use crate::store::cube::Cube;
use crate::store::snapshot::Snapshot;

/// The differences of one dataflow between two states, in the order of keys.
#[derive(Debug)]
pub struct Changes {
    flow: Arc<Flow>,
    filter: KeyFilter,
    before: Side,
    after: Side,
}

/// One of the states.
#[derive(Debug)]
struct Side {
    snapshot: Arc<Snapshot>,
    /// What the other state has not; absent where this one has no such dataflow.
    reader: Option<SeriesReader>,
    next: Option<Series>,
}

/// A series to compare.
#[derive(Debug)]
struct Series {
    key: Vec<String>,
    chunks: SeriesChunks,
}

/// Attributes by what they attach to.
type Partials = BTreeMap<(Vec<Option<String>>, usize), String>;

impl Changes {
    /// Compares two states of a dataflow, which either of them may lack. They may come in any
    /// order, and one of them may be a draft.
    ///
    /// Cost: what the commits between them touched, and where one of those stored the dataflow
    /// anew, their manifests.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if neither has the dataflow; those of reading.
    pub fn between(
        before: &Arc<Snapshot>,
        after: &Arc<Snapshot>,
        flow: &ArtefactId,
        filter: &KeyFilter,
    ) -> Result<Self> {
        let known = [after, before].into_iter().find(|state| state.state().flow(flow).is_some());
        let known = known.ok_or_else(|| Error::not_found("dataflow", flow.to_string()))?;
        let resolved = known.flow(flow)?;
        let touched = if before.number() <= after.number() {
            Touched::find(before, after, flow)?
        } else {
            let Touched { before: after, after: before } = Touched::find(after, before, flow)?;
            Touched { before, after }
        };
        let side = |snapshot: &Arc<Snapshot>, segments: &[_]| {
            let entry = snapshot.state().flow(flow).map(|known| &known.entry);
            let reader = entry.map(|entry| {
                let own = snapshot.flow(flow)?;
                let cube = Arc::new(snapshot.cube_of(own, entry, segments)?);
                SeriesReader::new(&cube, &resolved, cube.select(&filter.on(&cube))?)
            });
            let mut side =
                Side { snapshot: Arc::clone(snapshot), reader: reader.transpose()?, next: None };
            side.advance()?;
            Ok::<_, Error>(side)
        };
        let (before, after) = (side(before, &touched.before)?, side(after, &touched.after)?);
        Ok(Self { flow: resolved, filter: filter.clone(), before, after })
    }

    /// The dataflow, as the state after has it; as the one before has it if that has none.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// What differs in the next series in which something does; absent at the end.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn next_series(&mut self) -> Result<Option<SeriesChange>> {
        loop {
            let order = match (&self.before.next, &self.after.next) {
                (None, None) => return Ok(None),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(before), Some(after)) => before.key.cmp(&after.key),
            };
            let before = if order.is_le() { self.before.take()? } else { None };
            let after = if order.is_ge() { self.after.take()? } else { None };
            let change = self.compare(before, after)?;
            if change.appeared
                || change.vanished
                || !(change.cells.is_empty() && change.attributes.is_empty())
            {
                return Ok(Some(change));
            }
        }
    }

    /// The attributes of the dataflow and of partial keys that differ, in the order of keys.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn partials(&mut self) -> Result<Vec<AttributeChange>> {
        let mut before = self.before.partials(&self.flow)?;
        let after = self.after.partials(&self.flow)?;
        let mut changes = Vec::new();
        for ((key, attribute), text) in after {
            let old = before.remove(&(key.clone(), attribute));
            if old.as_ref() != Some(&text) {
                changes.push(AttributeChange { key, attribute, before: old, after: Some(text) });
            }
        }
        let gone = before.into_iter().map(|((key, attribute), text)| AttributeChange {
            key,
            attribute,
            before: Some(text),
            after: None,
        });
        changes.extend(gone);
        changes.retain(|change| self.filter.may_have(&change.key));
        changes.sort();
        Ok(changes)
    }

    /// All that is left, in numbers.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn total(mut self) -> Result<Difference> {
        let mut total = Difference::default();
        total.attributes_changed += self.partials()?.len() as u64;
        while let Some(change) = self.next_series()? {
            total.add(change);
        }
        Ok(total)
    }

    fn compare(&self, before: Option<Series>, after: Option<Series>) -> Result<SeriesChange> {
        let key = before.as_ref().or(after.as_ref()).map(|series| series.key.clone());
        let key = key.unwrap_or_default();
        let attributes = self.compare_attributes(&key, before.as_ref(), after.as_ref())?;
        let vanished = after.is_none() && !self.after.has(&self.flow.id, &key)?;
        let appeared = before.is_none() && !self.before.has(&self.flow.id, &key)?;
        let (old, new) = (self.before.cells(before)?, self.after.cells(after)?);
        let mut cells = Vec::new();
        let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((before, _)), Some((after, _))) => before.cmp(after),
            };
            let (mut before, mut after) = (None, None);
            let mut period = None;
            if order.is_le() {
                (period, before) = old.next().unzip();
            }
            if order.is_ge() {
                (period, after) = new.next().unzip();
            }
            if let Some(period) = period.filter(|_| before != after) {
                let text = period.to_string();
                cells.push((period, CellChange { period: text, before, after }));
            }
        }
        in_order_of_time(&mut cells);
        let cells = cells.into_iter().map(|(_, change)| change).collect();
        Ok(SeriesChange { key, attributes, cells, vanished, appeared })
    }

    /// The attributes of the whole key that differ. A commit that changes one writes the whole
    /// series anew, so any of its chunks says which they are.
    fn compare_attributes(
        &self,
        key: &[String],
        before: Option<&Series>,
        after: Option<&Series>,
    ) -> Result<Vec<AttributeChange>> {
        let mut changes = Vec::new();
        for (attribute, component) in self.flow.attributes().iter().enumerate() {
            let ComponentRole::KeyAttribute(dimensions) = &component.role else { continue };
            if dimensions.len() != key.len() {
                continue;
            }
            let (old, new) = (
                self.before.attribute(&component.id, before)?,
                self.after.attribute(&component.id, after)?,
            );
            // Where only one state has chunks that differ, the series may go on in others.
            let is_known = |side: &Side, series: Option<&Series>| {
                Ok::<_, Error>(series.is_some() || !side.has(&self.flow.id, key)?)
            };
            if old != new && is_known(&self.before, before)? && is_known(&self.after, after)? {
                let key = key.iter().cloned().map(Some).collect();
                changes.push(AttributeChange { key, attribute, before: old, after: new });
            }
        }
        Ok(changes)
    }
}

/// What changed after a moment (microseconds since 1970): the state then against this one. If it
/// was forgotten what was then, everything counts as inserted.
///
/// # Errors
///
/// As [`Changes::between`].
pub fn changes_since(
    snapshot: &Arc<Snapshot>,
    flow: &ArtefactId,
    filter: &KeyFilter,
    after: i64,
) -> Result<Changes> {
    let number = snapshot.state().commit_at(after).map_or(0, |commit| commit.number);
    Changes::between(&snapshot.earlier(number)?, snapshot, flow, filter)
}

impl Side {
    fn advance(&mut self) -> Result<()> {
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let next = reader.next()?;
        self.next =
            next.map(|chunks| Series { key: key_texts(reader.cube(), &chunks.key), chunks });
        Ok(())
    }

    fn take(&mut self) -> Result<Option<Series>> {
        let taken = self.next.take();
        self.advance()?;
        Ok(taken)
    }

    /// Whether this state has the series at all, in a chunk that differs or not.
    fn has(&self, flow: &ArtefactId, key: &[String]) -> Result<bool> {
        match &self.reader {
            None => Ok(false),
            Some(_) => Ok(!self.snapshot.cube(flow)?.find(key)?.is_empty()),
        }
    }

    /// The observations of a series that may differ, in the order of their periods.
    fn cells(&self, series: Option<Series>) -> Result<Vec<(Period, CellState)>> {
        let mut cells = Vec::new();
        let Some((reader, series)) = self.reader.as_ref().zip(series) else { return Ok(cells) };
        for chunk in &series.chunks.chunks {
            reader.each_cell(chunk, |period, state| {
                cells.push((period, state));
                Ok(())
            })?;
        }
        if !cells.is_sorted_by_key(|(period, _)| period) {
            cells.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        Ok(cells)
    }

    /// The value of an attribute of the whole key.
    fn attribute(&self, id: &str, series: Option<&Series>) -> Result<Option<String>> {
        let Some((reader, series)) = self.reader.as_ref().zip(series) else { return Ok(None) };
        let Some(chunk) = series.chunks.chunks.last() else { return Ok(None) };
        series_attribute(reader.cube(), id, (chunk.part, chunk.series))
    }

    /// The attributes of the dataflow and of partial keys that may differ.
    fn partials(&self, flow: &Flow) -> Result<Partials> {
        let mut found = Partials::new();
        let Some(reader) = &self.reader else { return Ok(found) };
        for part in reader.cube().parts() {
            for (group, _) in part.live_partials()? {
                for (column, id) in group.attributes.iter().enumerate() {
                    let Some(attribute) = flow.attributes().iter().position(|a| a.id == *id) else {
                        continue;
                    };
                    for row in group.rows.iter().filter(|row| !row.values[column].is_empty()) {
                        let mut key = vec![None; flow.dimensions().len()];
                        for (dimension, code) in group.dimensions.iter().zip(&row.key) {
                            if let Some(cell) = key.get_mut(usize::from(*dimension)) {
                                *cell = Some(code.to_string());
                            }
                        }
                        found.insert((key, attribute), row.values[column].to_string());
                    }
                }
            }
        }
        Ok(found)
    }
}

/// The value of an attribute of the whole key of a series, by the attribute's identifier.
fn series_attribute(cube: &Cube, id: &str, series: (usize, u32)) -> Result<Option<String>> {
    let segment = cube.parts()[series.0].segment();
    let position = segment.footer().series_attributes.iter().position(|own| own == id);
    let Some(position) = position else { return Ok(None) };
    let text = segment.series_value(position, series.1)?;
    Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
}
