//! What a selection means for a cube: which series, which slots, and what must be looked at one
//! observation at a time.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::ReportingYearStart;
use crate::model::{Component, ComponentFilter, ComponentRole, DataSelection, PeriodForm};
use crate::store::answer::compared::{Compared, Keep};
use crate::store::answer::condition::Condition;
use crate::store::answer::times::{TimeCondition, TimeTest, push_down};
use crate::store::cube::Cube;
use crate::store::filter::{PeriodFilter, ScanOrder, ScanRequest, Selections, SeriesFilter};
use crate::store::snapshot::Snapshot;

/// The attribute that says when the reporting years of the data begin.
const YEAR_START: &str = "REPORTING_YEAR_START_DAY";

/// What is selected of a cube.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) cube: Arc<Cube>,
    /// Every series that may have an observation that is wanted.
    pub(super) series: Selections,
    /// The slots wanted.
    pub(super) periods: PeriodFilter,
    /// The condition on the periods that `periods` cannot decide.
    pub(super) time: Option<TimeCheck>,
    /// Conditions on attributes of the observation, by their position among the attributes.
    pub(super) attributes: Vec<(usize, Condition)>,
    /// Conditions on measures, by their position among the measures.
    pub(super) measures: Vec<(usize, Condition)>,
    /// What the observations are compared with, where only those are wanted that changed.
    pub(super) compared: Option<Compared>,
    year_start: YearStart,
}

/// A condition on time, and what is left of it to look at.
#[derive(Debug)]
pub(super) struct TimeCheck {
    /// The test for each day on which reporting years begin in the data.
    tests: Vec<(ReportingYearStart, TimeTest)>,
    /// The forms of which each period must be looked at.
    pub(super) forms: Vec<PeriodForm>,
}

/// When reporting years begin.
#[derive(Clone, Copy, Debug)]
struct YearStart {
    /// Where the data do not say.
    fallback: ReportingYearStart,
    /// The attribute of keys in which they say it.
    attribute: Option<usize>,
}

impl Selected {
    /// Finds out what a selection means.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an unknown dataflow, [`Error::Invalid`] for a key with too many
    /// positions, an unknown component or a time that is no period; those of reading tables.
    pub(super) fn new(
        snapshot: &Arc<Snapshot>,
        cube: Arc<Cube>,
        selection: &DataSelection,
    ) -> Result<Self> {
        Self::without(snapshot, cube, selection, None)
    }

    /// The same as if the selection said nothing of one dimension, time included, by its position
    /// among the components.
    ///
    /// # Errors
    ///
    /// As [`Selected::new`].
    pub(super) fn without(
        snapshot: &Arc<Snapshot>,
        cube: Arc<Cube>,
        selection: &DataSelection,
        free: Option<usize>,
    ) -> Result<Self> {
        let Some(moment) = selection.updated_after else {
            return Self::compared(cube, None, selection, free);
        };
        let number = snapshot.state().commit_at(moment).map_or(0, |commit| commit.number);
        let earlier = snapshot.earlier(number)?;
        let (cube, compared) = Compared::new(snapshot, &earlier, &cube.flow().id, Keep::Changed)?;
        Self::compared(cube, Some(compared), selection, free)
    }

    /// What a selection means, whatever it says of updates, of a cube that is compared with another
    /// state.
    ///
    /// # Errors
    ///
    /// As [`Selected::new`].
    pub(super) fn compared(
        cube: Arc<Cube>,
        compared: Option<Compared>,
        selection: &DataSelection,
        free: Option<usize>,
    ) -> Result<Self> {
        let year_start = YearStart::new(&cube, selection.reporting_year_start.as_deref())?;
        let filters = Filters::new(&cube, &selection.filters, free)?;
        let time = TimeCondition::new(filters.time.iter().copied())?;
        let filter = series_filter(&cube, &selection.keys, &filters, free)?;
        let mut series = cube.select(&filter)?;
        keep_attributes(&cube, &filters.keys, &mut series)?;
        let (attributes, measures) = (filters.observations, filters.measures);
        let periods = PeriodFilter::All;
        let mut selected =
            Self { cube, series, periods, time: None, attributes, measures, compared, year_start };
        if !time.is_empty() {
            selected.restrict(&time)?;
        }
        if selected.periods != PeriodFilter::All || !selected.measures.is_empty() {
            selected.keep_likely()?;
        }
        Ok(selected)
    }

    /// Restricts it to a time.
    fn restrict(&mut self, condition: &TimeCondition) -> Result<()> {
        let mut starts = Vec::new();
        for (part, selection) in self.series.0.iter().enumerate() {
            for ordinal in selection.iter() {
                let start = self.year_start(part, ordinal)?;
                if !starts.contains(&start) {
                    starts.push(start);
                }
                if self.year_start.is_same_for_all(&self.cube) {
                    break;
                }
            }
        }
        let tests: Vec<_> = starts.into_iter().map(|start| (start, condition.at(start))).collect();
        let only: Vec<&TimeTest> = tests.iter().map(|(_, test)| test).collect();
        let (periods, mut forms) = push_down(&self.cube, &only)?;
        if tests.len() > 1 {
            // A slot that passes one test may fail another, of whatever form: the bounds may be
            // reporting periods too.
            forms = PeriodForm::ALL.to_vec();
        }
        self.time = Some(TimeCheck { tests, forms });
        self.periods = periods;
        Ok(())
    }

    /// Drops series of which the spans and totals say that no observation can be wanted.
    fn keep_likely(&mut self) -> Result<()> {
        for (part, selection) in self.cube.parts().iter().zip(&mut self.series.0) {
            let mut kept = Vec::new();
            for ordinal in selection.iter() {
                for chunk in part.live_chunks(ordinal)? {
                    let mut is_likely = self.periods.observations(&part.span(chunk)?).end > 0;
                    for (measure, condition) in &self.measures {
                        is_likely = is_likely && condition.may_pass(&part.total(*measure, chunk)?);
                    }
                    if is_likely {
                        kept.push(ordinal);
                        break;
                    }
                }
            }
            *selection = Selection::from_sorted(kept);
        }
        Ok(())
    }

    /// The day on which reporting years of a series begin.
    pub(super) fn year_start(&self, part: usize, ordinal: u32) -> Result<ReportingYearStart> {
        let Some(attribute) = self.year_start.attribute else {
            return Ok(self.year_start.fallback);
        };
        let said = self.cube.key_attribute(attribute, part, ordinal)?;
        let said = said.and_then(|text| ReportingYearStart::parse(text).ok());
        Ok(said.unwrap_or(self.year_start.fallback))
    }

    /// The day on which reporting years begin, if it is the same for all series that are selected.
    pub(super) fn year_start_of_all(&self) -> Result<Option<ReportingYearStart>> {
        if !self.year_start.is_same_for_all(&self.cube) {
            return Ok(None);
        }
        let mut selections = self.series.0.iter().enumerate();
        let first = selections.find_map(|(part, selection)| Some((part, selection.min()?)));
        first
            .map_or(Ok(self.year_start.fallback), |(part, one)| self.year_start(part, one))
            .map(Some)
    }

    /// The day on which reporting years begin where the data do not say.
    pub(super) fn year_start_unsaid(&self) -> ReportingYearStart {
        self.year_start.fallback
    }

    /// What periods of a form of a series must still be tested with.
    pub(super) fn time_test(
        &self,
        part: usize,
        ordinal: u32,
        form: PeriodForm,
    ) -> Result<Option<&TimeTest>> {
        let Some(time) = self.time.as_ref().filter(|time| time.forms.contains(&form)) else {
            return Ok(None);
        };
        let start = self.year_start(part, ordinal)?;
        Ok(time.tests.iter().find(|(known, _)| *known == start).map(|(_, test)| test))
    }

    /// Whether each observation must be looked at, and not only its place.
    pub(super) fn has_values(&self) -> bool {
        !(self.attributes.is_empty() && self.measures.is_empty()) || self.compared.is_some()
    }

    /// Whether slots alone decide on observations with periods of a form.
    pub(super) fn is_decided_by_slots(&self, form: PeriodForm) -> bool {
        let is_listed = self.time.as_ref().is_some_and(|time| time.forms.contains(&form));
        !self.has_values() && !is_listed
    }

    /// Whether slots alone decide on every observation.
    pub(super) fn is_by_slots(&self) -> Result<bool> {
        // Which forms occur takes a look at every chunk, the first time.
        if self.time.is_none() {
            return Ok(!self.has_values());
        }
        let mut forms = self.cube.forms()?.iter().map(|(form, _)| *form);
        let has_other = self.cube.has_other_periods()?;
        let is_other_decided = !has_other || self.is_decided_by_slots(PeriodForm::Other);
        Ok(forms.all(|form| self.is_decided_by_slots(form)) && is_other_decided)
    }

    /// Whether every observation of the selected series is wanted.
    pub(super) fn is_whole(&self) -> Result<bool> {
        Ok(self.periods == PeriodFilter::All && self.is_by_slots()?)
    }

    /// What a cursor is asked for: these measures and attributes, and those with conditions.
    pub(super) fn request(&self, measures: &[usize], attributes: &[usize]) -> ScanRequest {
        if self.compared.is_some() {
            let flow = self.cube.flow();
            let all = (0..flow.measures().len()).collect();
            return self.scan(all, (0..flow.attributes().len()).collect());
        }
        let tested = self.measures.iter().map(|(measure, _)| *measure);
        let measures = measures.iter().copied().chain(tested).collect();
        let tested = self.attributes.iter().map(|(attribute, _)| *attribute);
        let attributes = attributes.iter().copied().chain(tested).collect();
        self.scan(measures, attributes)
    }

    fn scan(&self, measures: Vec<usize>, attributes: Vec<usize>) -> ScanRequest {
        let (series, periods) = (self.series.clone(), self.periods.clone());
        ScanRequest { series, periods, measures, attributes, order: ScanOrder::Stored }
    }
}

impl YearStart {
    fn new(cube: &Cube, asked: Option<&str>) -> Result<Self> {
        let parsed = asked.map(ReportingYearStart::parse).transpose();
        let fallback = parsed.map_err(|bad| {
            Error::invalid(format!("reportingYearStartDay {:?}", asked.unwrap_or("")), bad.0)
        })?;
        let is_said = |(_, component): &(usize, &Component)| {
            component.id == YEAR_START && matches!(component.role, ComponentRole::KeyAttribute(_))
        };
        let attribute = cube.flow().attributes().iter().enumerate().find(is_said);
        let attribute = attribute.map(|(position, _)| position);
        Ok(Self { fallback: fallback.unwrap_or_default(), attribute })
    }

    fn is_same_for_all(self, cube: &Cube) -> bool {
        self.attribute.is_none_or(|attribute| {
            let role = &cube.flow().attributes()[attribute].role;
            *role == ComponentRole::KeyAttribute(Vec::new())
        })
    }
}

/// Filters by what they are about.
struct Filters<'a> {
    /// Of dimensions, the codes that pass.
    dimensions: Vec<SeriesFilter>,
    time: Vec<&'a ComponentFilter>,
    /// Of attributes of the dataflow, of partial keys and of series.
    keys: Vec<(usize, Condition)>,
    observations: Vec<(usize, Condition)>,
    measures: Vec<(usize, Condition)>,
}

impl<'a> Filters<'a> {
    fn new(cube: &Cube, filters: &'a [ComponentFilter], free: Option<usize>) -> Result<Self> {
        let flow = cube.flow();
        let mut sorted = Self {
            dimensions: Vec::new(),
            time: Vec::new(),
            keys: Vec::new(),
            observations: Vec::new(),
            measures: Vec::new(),
        };
        for filter in filters {
            let Some(position) = flow.position(&filter.component) else {
                let reason = format!("{} has no such component", flow.id);
                return Err(Error::invalid(format!("component {}", filter.component), reason));
            };
            if free == Some(position) {
                continue;
            }
            let component = &flow.components()[position];
            let condition = Condition::new(component, filter);
            let attribute = position.saturating_sub(flow.attributes_from());
            match component.role {
                ComponentRole::Dimension => {
                    let codes = (0..).zip(cube.codes(position).iter());
                    let codes = codes.filter(|(_, code)| condition.passes(code));
                    let codes = codes.map(|(number, _)| number).collect();
                    sorted.dimensions.push(SeriesFilter::Codes { dimension: position, codes });
                }
                ComponentRole::Time => sorted.time.push(filter),
                ComponentRole::Measure => {
                    sorted.measures.push((position - flow.measures_from(), condition));
                }
                ComponentRole::KeyAttribute(_) => sorted.keys.push((attribute, condition)),
                ComponentRole::ObservationAttribute => {
                    sorted.observations.push((attribute, condition));
                }
            }
        }
        Ok(sorted)
    }
}

/// What keys and filters of dimensions choose.
fn series_filter(
    cube: &Cube,
    keys: &[Vec<Vec<String>>],
    filters: &Filters<'_>,
    free: Option<usize>,
) -> Result<SeriesFilter> {
    let count = cube.flow().dimensions().len();
    let mut all = filters.dimensions.clone();
    if !keys.is_empty() {
        if let Some(key) = keys.iter().find(|key| key.len() > count) {
            let ids: Vec<&str> = cube.flow().dimensions().iter().map(|d| d.id.as_str()).collect();
            let found = key.len();
            let reason =
                format!("the key has {found} positions for {count} dimensions: {}", ids.join("."));
            return Err(Error::invalid("key", reason));
        }
        let any = keys.iter().map(|key| match free.filter(|free| *free < key.len()) {
            None => cube.key_filter(key),
            Some(free) => {
                let mut key = key.clone();
                key[free].clear();
                cube.key_filter(&key)
            }
        });
        all.push(SeriesFilter::Or(any.collect()));
    }
    Ok(SeriesFilter::And(all))
}

/// Drops series whose attributes of keys do not pass.
fn keep_attributes(
    cube: &Cube,
    conditions: &[(usize, Condition)],
    series: &mut Selections,
) -> Result<()> {
    if conditions.is_empty() {
        return Ok(());
    }
    for (part, selection) in series.0.iter_mut().enumerate() {
        let mut kept = Vec::new();
        'series: for ordinal in selection.iter() {
            for (attribute, condition) in conditions {
                let text = cube.key_attribute(*attribute, part, ordinal)?;
                if !text.is_some_and(|text| condition.passes(text)) {
                    continue 'series;
                }
            }
            kept.push(ordinal);
        }
        *selection = Selection::from_sorted(kept);
    }
    Ok(())
}
