//! What others changed of the series that a transaction wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashSet;

use crate::error::{Error, Result};
use crate::model::{ArtefactId, Cell, ComponentRole, Flow, PeriodForm, Slot, Value};
use crate::store::cube::Cube;
use crate::store::filter::SeriesFilter;
use crate::store::snapshot::Snapshot;
use crate::store::transaction::batch::RowBatch;
use crate::store::transaction::presence::chunks_of;

/// Refuses rows whose series are no longer as they were.
///
/// # Errors
///
/// [`Error::Conflict`] of kind `series` with the first that another commit changed.
pub(super) fn check(base: &Arc<Snapshot>, now: &Arc<Snapshot>, batches: &[RowBatch]) -> Result<()> {
    if base.number() == now.number() {
        return Ok(());
    }
    let mut flows: BTreeMap<&ArtefactId, Option<Rival>> = BTreeMap::new();
    let mut cells: Vec<Cell<'_>> = Vec::new();
    for batch in batches {
        let id = &batch.flow().id;
        if !flows.contains_key(id) {
            flows.insert(id, Rival::of(base, now, id)?);
        }
        let Some(Some(rival)) = flows.get_mut(id) else { continue };
        for row in 0..batch.len() {
            batch.row(row, &mut cells);
            rival.check(&cells)?;
        }
    }
    Ok(())
}

/// A dataflow that another commit changed.
struct Rival {
    flow: Arc<Flow>,
    base: Arc<Cube>,
    now: Arc<Cube>,
    last: Vec<String>,
    /// Regions that were compared, with wildcards.
    regions: HashSet<Vec<String>>,
}

impl Rival {
    /// Absent if nothing changed in the dataflow.
    fn of(base: &Arc<Snapshot>, now: &Arc<Snapshot>, id: &ArtefactId) -> Result<Option<Self>> {
        let (base, now) = (base.cube(id)?, now.cube(id)?);
        if Arc::ptr_eq(&base, &now) {
            return Ok(None);
        }
        let (flow, last, regions) = (Arc::clone(now.flow()), Vec::new(), HashSet::new());
        Ok(Some(Self { flow, base, now, last, regions }))
    }

    /// Compares what a row touches.
    fn check(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        let width = self.flow.dimensions().len();
        let codes = cells.iter().take(width).map(|cell| cell.unwrap_or_default());
        if !self.last.is_empty() && codes.clone().eq(self.last.iter().map(String::as_str)) {
            return Ok(());
        }
        self.last = codes.map(str::to_owned).collect();
        if self.last.iter().all(|code| !code.is_empty()) {
            return self.check_series(&self.last);
        }
        if !self.regions.insert(self.last.clone()) {
            return Ok(());
        }
        // Of a partial key, `~` says that a dimension does not matter.
        let wanted = |code: &String| match code.as_str() {
            "" | "~" => Vec::new(),
            code => vec![code.to_owned()],
        };
        let region: Vec<Vec<String>> = self.last.iter().map(wanted).collect();
        let mut keys = HashSet::new();
        for cube in [&self.base, &self.now] {
            keys_of(cube, &cube.key_filter(&region), &mut keys)?;
        }
        keys.iter().try_for_each(|key| self.check_series(key))
    }

    fn check_series(&self, key: &[String]) -> Result<()> {
        if same_chunks(&self.base, &self.now, key)? && !self.has_partials() {
            return Ok(());
        }
        // Compaction writes a series anew and changes nothing of it.
        if content(&self.base, key)? == content(&self.now, key)? {
            return Ok(());
        }
        let id = format!("{} {}", self.flow.id, key.join("."));
        let reason = "another transaction changed it meanwhile; run this one again".to_owned();
        Err(Error::Conflict { kind: "series", id, reason })
    }

    /// Whether values may change for a series whose chunks stay.
    fn has_partials(&self) -> bool {
        let width = self.flow.dimensions().len();
        self.flow.attributes().iter().any(
            |a| matches!(&a.role, ComponentRole::KeyAttribute(dimensions) if dimensions.len() < width),
        )
    }
}

/// Adds the keys of the series that pass a filter.
fn keys_of(cube: &Cube, filter: &SeriesFilter, keys: &mut HashSet<Vec<String>>) -> Result<()> {
    let selections = cube.select(filter)?;
    for (part, series) in cube.parts().iter().zip(&selections.0) {
        for ordinal in series.iter() {
            let codes = (0..cube.flow().dimensions().len()).map(|dimension| {
                part.code(dimension, ordinal).map(|code| cube.codes(dimension).get(code).to_owned())
            });
            keys.insert(codes.collect::<Result<_>>()?);
        }
    }
    Ok(())
}

/// Whether a series has the same chunks of the same segments in both.
fn same_chunks(base: &Cube, now: &Cube, key: &[String]) -> Result<bool> {
    let chunks = |cube: &Cube| -> Result<Vec<_>> {
        let chunks = chunks_of(cube, key)?.into_iter();
        Ok(chunks.map(|(part, chunk, _)| (cube.parts()[part].id(), chunk)).collect())
    };
    Ok(chunks(base)? == chunks(now)?)
}

/// What is said at a period: values and attributes of the observation. At the empty period, the
/// attributes of the series and of its partial keys.
type Said = (Vec<Value>, Vec<Option<String>>);

/// All that is said of a series, by period.
fn content(cube: &Cube, key: &[String]) -> Result<BTreeMap<String, Said>> {
    let mut all = BTreeMap::new();
    let attributes = cube.flow().attributes();
    for (index, chunk, _) in chunks_of(cube, key)? {
        let segment = cube.parts()[index].segment();
        if all.is_empty() {
            let series = segment.series_of(chunk)?;
            let value = |a| Ok(cube.key_attribute(a, index, series)?.map(str::to_owned));
            let values = (0..attributes.len()).map(value).collect::<Result<_>>()?;
            all.insert(String::new(), (Vec::new(), values));
        }
        // A segment may know fewer attributes: those say nothing.
        let known = &segment.footer().observation_attributes;
        let known = attributes.iter().map(|a| known.iter().position(|id| *id == a.id));
        let known: Vec<Option<usize>> = known.collect();
        let rows = segment.read_chunk(chunk)?.to_rows();
        let form = PeriodForm::from_number(rows.form).unwrap_or(PeriodForm::Timeless);
        for at in 0..rows.len() {
            let slot = || Slot { form, index: rows.first + i32::from(rows.positions[at]) };
            let period =
                rows.periods.get(at).map_or_else(|| slot().to_string(), ToString::to_string);
            let values = (0..rows.measures.len()).map(|measure| rows.value(measure, at)).collect();
            let text = |known: &Option<usize>| match known {
                Some(known) => {
                    let text = segment.observation_value(*known, rows.attributes[*known][at])?;
                    Ok(text.map(str::to_owned))
                }
                None => Ok(None),
            };
            all.insert(period, (values, known.iter().map(text).collect::<Result<_>>()?));
        }
    }
    Ok(all)
}
