//! A dataflow open for reading at one snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use hashbrown::{HashMap, HashSet};

use crate::catalog::{FlowEntry, SqlNames};
use crate::error::Result;
use crate::index::Selection;
use crate::model::{ComponentRole, Flow, PeriodForm};
use crate::store::blocks::BlockCursor;
use crate::store::cursor::Cursor;
use crate::store::filter::{PeriodFilter, ScanRequest, Selections, SeriesFilter};
use crate::store::part::Part;
use crate::store::period_totals::CubeTotals;

/// The codes of a dimension that occur in a cube, in bytewise order; a code's number is its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeTable {
    codes: Vec<Box<str>>,
}

impl CodeTable {
    /// How many codes occur.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The code with this number.
    pub fn get(&self, number: u32) -> &str {
        &self.codes[number as usize]
    }

    /// The number of a code, where it occurs.
    pub fn number(&self, code: &str) -> Option<u32> {
        let found = self.codes.binary_search_by(|known| (**known).cmp(code));
        found.ok().and_then(|number| u32::try_from(number).ok())
    }

    /// The codes, in bytewise order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.codes.iter().map(|code| &**code)
    }
}

fn vec_of_cells<T>(count: usize) -> Vec<OnceLock<T>> {
    iter::repeat_with(OnceLock::new).take(count).collect()
}

/// A dataflow open for reading at one snapshot.
#[derive(Debug)]
pub struct Cube {
    flow: Arc<Flow>,
    entry: Arc<FlowEntry>,
    parts: Vec<Part>,
    codes: Vec<CodeTable>,
    forms: OnceLock<Forms>,
    key_attributes: OnceLock<Vec<KeyAttribute>>,
    /// By measure.
    period_totals: Vec<OnceLock<CubeTotals>>,
}

#[derive(Debug, Default)]
struct Forms {
    regular: Vec<(PeriodForm, Range<i32>)>,
    has_other: bool,
}

/// Where the values of an attribute come from.
#[derive(Debug)]
enum KeyAttribute {
    /// From the observations: it has no value for a key.
    Observation,
    /// From the series: for each part, the position of the attribute among those of its series.
    Series(Vec<Option<usize>>),
    /// From the partial key over these dimensions.
    Partial { dimensions: Vec<usize>, values: HashMap<Vec<u32>, Box<str>> },
}

impl Cube {
    pub(crate) fn new(
        flow: Arc<Flow>,
        entry: Arc<FlowEntry>,
        mut parts: Vec<Part>,
    ) -> Result<Self> {
        for part in &parts {
            let footer = part.segment().footer();
            let has_dimensions = flow.dimensions().iter().map(|d| &d.id).eq(&footer.dimensions);
            if !(has_dimensions && flow.measures().iter().map(|m| &m.id).eq(&footer.measures)) {
                let reason = format!("its dimensions or measures are not those of {}", flow.id);
                return Err(part.segment().damage(reason));
            }
        }
        let mut codes = Vec::with_capacity(flow.dimensions().len());
        for dimension in 0..flow.dimensions().len() {
            let mut occurring = BTreeSet::new();
            for part in &parts {
                let table = part.segment().codes(dimension)?;
                if part.is_full() {
                    occurring.extend(table.iter());
                } else if part.live_series().len() < table.len() as u64 {
                    for series in part.live_series().iter() {
                        let number = part.segment().code(dimension, series)?;
                        occurring.extend(table.get(number as usize));
                    }
                } else {
                    let index = part.segment().index(dimension)?;
                    let is_live = |number| !index.is_disjoint(number, part.live_series());
                    let live = (0..).zip(table.iter()).filter(|(number, _)| is_live(*number));
                    occurring.extend(live.map(|(_, code)| code));
                }
            }
            codes.push(CodeTable { codes: occurring.into_iter().map(Box::from).collect() });
        }
        for part in &mut parts {
            for (dimension, table) in codes.iter().enumerate() {
                part.translate(dimension, table)?;
            }
        }
        let (forms, key_attributes) = (OnceLock::new(), OnceLock::new());
        let period_totals = vec_of_cells(flow.measures().len());
        Ok(Self { flow, entry, parts, codes, forms, key_attributes, period_totals })
    }

    /// A dataflow without data, and not yet in the catalogue.
    pub(crate) fn empty(flow: Arc<Flow>) -> Self {
        let names = SqlNames { schema: String::new(), table: String::new(), columns: Vec::new() };
        let entry = FlowEntry { id: flow.id.clone(), names, dimension_order: Vec::new() };
        let codes = vec![CodeTable::default(); flow.dimensions().len()];
        let (forms, key_attributes) = (OnceLock::new(), OnceLock::new());
        let period_totals = vec_of_cells(flow.measures().len());
        let (entry, parts) = (Arc::new(entry), Vec::new());
        Self { flow, entry, parts, codes, forms, key_attributes, period_totals }
    }

    pub(super) fn period_totals_cell(&self, measure: usize) -> &OnceLock<CubeTotals> {
        &self.period_totals[measure]
    }

    /// The dataflow.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// Its line in the catalogue: names in SQL, order of dimensions.
    pub fn entry(&self) -> &Arc<FlowEntry> {
        &self.entry
    }

    /// The codes that occur in a dimension.
    pub fn codes(&self, dimension: usize) -> &CodeTable {
        &self.codes[dimension]
    }

    /// The parts, one a segment.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn find_forms(&self) -> Result<&Forms> {
        if let Some(forms) = self.forms.get() {
            return Ok(forms);
        }
        let mut hulls: BTreeMap<PeriodForm, Range<i32>> = BTreeMap::new();
        let mut widen = |form: PeriodForm, slots: Range<i32>| {
            let hull = hulls.entry(form).or_insert_with(|| slots.clone());
            hull.start = hull.start.min(slots.start);
            hull.end = hull.end.max(slots.end);
        };
        for part in &self.parts {
            if let Some(forms) = part.stored_forms()? {
                for (form, slots) in forms {
                    widen(form, slots);
                }
                continue;
            }
            for chunk in (0..part.segment().chunk_count()).filter(|chunk| part.is_live(*chunk)) {
                let span = part.span(chunk)?;
                let end = span.first.saturating_add(i32::from(span.slots));
                widen(span.form, span.first..end);
            }
        }
        let has_other = hulls.remove(&PeriodForm::Other).is_some();
        Ok(self.forms.get_or_init(|| Forms { regular: hulls.into_iter().collect(), has_other }))
    }

    /// The regular forms of periods that occur, each with the smallest range that holds all slots.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn forms(&self) -> Result<&[(PeriodForm, Range<i32>)]> {
        Ok(&self.find_forms()?.regular)
    }

    /// Whether some period is of [`PeriodForm::Other`].
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn has_other_periods(&self) -> Result<bool> {
        Ok(self.find_forms()?.has_other)
    }

    /// The live series that pass a filter, for each part.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn select(&self, filter: &SeriesFilter) -> Result<Selections> {
        let of_part = |part| self.select_of_part(filter, part);
        Ok(Selections(self.parts.iter().map(of_part).collect::<Result<Vec<_>>>()?))
    }

    /// The filter that a key means: for each of the first dimensions the codes that are wanted,
    /// none of them meaning all. Codes that do not occur select nothing.
    pub fn key_filter(&self, key: &[Vec<String>]) -> SeriesFilter {
        let wanted = key.iter().zip(&self.codes).enumerate();
        let wanted = wanted.filter(|(_, (codes, _))| !codes.is_empty());
        let filters = wanted.map(|(dimension, (codes, table))| {
            let numbers = codes.iter().filter_map(|code| table.number(code));
            let mut codes: Vec<u32> = numbers.collect();
            codes.sort_unstable();
            codes.dedup();
            SeriesFilter::Codes { dimension, codes }
        });
        SeriesFilter::And(filters.collect())
    }

    fn select_of_part(&self, filter: &SeriesFilter, part: &Part) -> Result<Selection> {
        let live = part.live_series();
        Ok(match self.carriers_of_part(filter, part)? {
            None => live.clone(),
            Some(mut selected) => {
                if !part.is_full() {
                    selected.intersect_with(live);
                }
                selected
            }
        })
    }

    /// The series of a part that pass a filter, superseded ones among them, so that what is live is
    /// asked for once; absent if all pass.
    fn carriers_of_part(&self, filter: &SeriesFilter, part: &Part) -> Result<Option<Selection>> {
        Ok(match filter {
            SeriesFilter::All => None,
            SeriesFilter::Codes { dimension, codes } => {
                let is_all = codes.len() == self.codes[*dimension].len();
                if is_all { None } else { Some(part.carriers(*dimension, codes)?) }
            }
            SeriesFilter::And(filters) => {
                let mut selected: Option<Selection> = None;
                for filter in filters {
                    if selected.as_ref().is_some_and(Selection::is_empty) {
                        break;
                    }
                    selected = match (selected, self.carriers_of_part(filter, part)?) {
                        (Some(mut selected), Some(more)) => {
                            selected.intersect_with(&more);
                            Some(selected)
                        }
                        (selected, more) => selected.or(more),
                    };
                }
                selected
            }
            SeriesFilter::Or(filters) => {
                let mut each = Vec::with_capacity(filters.len());
                for filter in filters {
                    match self.carriers_of_part(filter, part)? {
                        None => return Ok(None),
                        Some(selected) => each.push(selected),
                    }
                }
                Some(Selection::union(&each))
            }
            SeriesFilter::Not(filter) => Some(match self.carriers_of_part(filter, part)? {
                None => Selection::empty(),
                Some(selected) => part.live_series().minus(&selected),
            }),
        })
    }

    /// Where the live series with these codes is: the parts, and its number in each.
    pub(super) fn find(&self, key: &[String]) -> Result<Vec<(usize, u32)>> {
        let numbers = key.iter().zip(&self.codes).map(|(code, table)| table.number(code));
        let Some(numbers) = numbers.collect::<Option<Vec<u32>>>() else { return Ok(Vec::new()) };
        let mut places = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            let found = part.find(&numbers)?.filter(|series| part.live_series().contains(*series));
            places.extend(found.map(|series| (index, series)));
        }
        Ok(places)
    }

    /// How many distinct series are selected. A series whose chunks lie in several parts is one.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn series_count(&self, series: &Selections) -> Result<u64> {
        let mut count = series.len();
        if self.parts.len() > 1 {
            let mut seen = HashSet::new();
            for (part, selection) in self.parts.iter().zip(&series.0) {
                for ordinal in selection.iter() {
                    let key = (0..self.codes.len()).map(|d| part.code(d, ordinal));
                    if !seen.insert(key.collect::<Result<Vec<u32>>>()?) {
                        count -= 1;
                    }
                }
            }
        }
        Ok(count)
    }

    /// How many observations the selected series have. Reads no block.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn observation_count(&self, series: &Selections) -> Result<u64> {
        let mut count = 0;
        for (part, selection) in self.parts.iter().zip(&series.0) {
            // What is selected is live.
            if selection.len() == part.live_series().len() {
                count += part.live_observations()?;
                continue;
            }
            count += part.observations_of(selection)?;
        }
        Ok(count)
    }

    /// How many blocks the segments have.
    pub fn blocks(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.segment().block_count())).sum()
    }

    /// How many blocks hold something of the selected series and slots: what a cursor reads.
    ///
    /// # Errors
    ///
    /// As of reading the tables of a segment.
    pub fn block_count(&self, series: &Selections, periods: &PeriodFilter) -> Result<u64> {
        let mut count = 0;
        for (part, selection) in self.parts.iter().zip(&series.0) {
            let mut last = None;
            for ordinal in selection.iter() {
                for chunk in part.live_chunks(ordinal)? {
                    let span = part.span(chunk)?;
                    if periods.wants(span.form, span.first, usize::from(span.slots)) {
                        let block = part.segment().block_of(chunk)?;
                        count += u64::from(last != Some(block));
                        last = Some(block);
                    }
                }
            }
        }
        Ok(count)
    }

    /// Reads chunks.
    ///
    /// # Errors
    ///
    /// None yet: nothing is read before the first chunk is asked for.
    pub fn cursor(self: &Arc<Self>, request: ScanRequest) -> Result<Cursor> {
        Ok(Cursor::new(Arc::clone(self), request))
    }

    /// Reads blocks, in stored order.
    pub fn blocks_of(self: &Arc<Self>, request: ScanRequest) -> BlockCursor {
        BlockCursor::new(Arc::clone(self), request)
    }

    /// The value of an attribute of the dataflow, a partial key or the series, for a series of a
    /// part. Absent where it has none, and for attributes of the observation.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn key_attribute(
        &self,
        attribute: usize,
        part: usize,
        series: u32,
    ) -> Result<Option<&str>> {
        let (part_index, part) = (part, &self.parts[part]);
        match &self.find_key_attributes()?[attribute] {
            KeyAttribute::Observation => Ok(None),
            KeyAttribute::Series(positions) => match positions[part_index] {
                Some(position) => part.segment().series_value(position, series),
                None => Ok(None),
            },
            KeyAttribute::Partial { dimensions, values } => {
                let key = dimensions.iter().map(|dimension| part.code(*dimension, series));
                Ok(values.get(&key.collect::<Result<Vec<u32>>>()?).map(|value| &**value))
            }
        }
    }

    /// The values that an attribute of the dataflow, a partial key or the series may have, some of
    /// them more than once, and some perhaps of no live series. None for attributes of observations.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn key_attribute_values(&self, attribute: usize) -> Result<Vec<&str>> {
        let mut values = Vec::new();
        match &self.find_key_attributes()?[attribute] {
            KeyAttribute::Observation => {}
            KeyAttribute::Series(positions) => {
                for (part, position) in self.parts.iter().zip(positions) {
                    if let Some(position) = position {
                        values.extend(part.segment().values(*position)?.iter());
                    }
                }
            }
            KeyAttribute::Partial { values: known, .. } => {
                values.extend(known.values().map(|value| &**value));
            }
        }
        Ok(values)
    }

    /// For each attribute whether it stands in the segments' series table, and where.
    fn find_key_attributes(&self) -> Result<&Vec<KeyAttribute>> {
        if let Some(found) = self.key_attributes.get() {
            return Ok(found);
        }
        let dimension_count = self.flow.dimensions().len();
        let mut found = Vec::new();
        for attribute in self.flow.attributes() {
            found.push(match &attribute.role {
                ComponentRole::KeyAttribute(dimensions) if dimensions.len() == dimension_count => {
                    let of = |part: &Part| {
                        let known = &part.segment().footer().series_attributes;
                        known.iter().position(|id| *id == attribute.id)
                    };
                    KeyAttribute::Series(self.parts.iter().map(of).collect())
                }
                ComponentRole::KeyAttribute(dimensions) => {
                    let values = HashMap::new();
                    KeyAttribute::Partial { dimensions: dimensions.clone(), values }
                }
                _ => KeyAttribute::Observation,
            });
        }
        for part in &self.parts {
            for (group, _) in part.live_partials()? {
                for (column, id) in group.attributes.iter().enumerate() {
                    let position = self.flow.attributes().iter().position(|a| a.id == *id);
                    let Some(KeyAttribute::Partial { dimensions, values }) =
                        position.and_then(|position| found.get_mut(position))
                    else {
                        continue;
                    };
                    for row in group.rows.iter().filter(|row| !row.values[column].is_empty()) {
                        let key = row.key.iter().zip(&*dimensions);
                        let key = key.map(|(code, dimension)| self.codes[*dimension].number(code));
                        if let Some(key) = key.collect::<Option<Vec<u32>>>() {
                            values.insert(key, row.values[column].clone());
                        }
                    }
                }
            }
        }
        Ok(self.key_attributes.get_or_init(|| found))
    }
}
