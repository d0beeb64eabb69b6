//! The answer to a query for data.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{Action, ArtefactId, Artefacts, AtObservation, Component, ComponentRole};
use crate::model::{DataQuery, Flow, Wanted};
use crate::sdmx::MessageHeader;
use crate::sdmx::data::{DataScope, DataSet, DataWriter, Level};
use crate::store::answer::compared::{Compared, Keep};
use crate::store::answer::page::Page;
use crate::store::answer::partials::PartialValue;
use crate::store::answer::select::Selected;
use crate::store::answer::series::SeriesReader;
use crate::store::answer::write::Driver;
use crate::store::cursor::Ends;
use crate::store::snapshot::Snapshot;
use crate::store::walk::SeriesWalk;

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Series; where a dimension stands at the observation, its groups.
    pub series: u64,
    /// Observations.
    pub observations: u64,
}

/// What a message of an answer consists of: the parts of a [`DataScope`] that the query decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeParts {
    /// What stands at each observation.
    pub level: Level,
    /// The measures written, by position among [`Flow::measures`], ascending.
    pub measures: Vec<usize>,
    /// The attributes written, by position among [`Flow::attributes`], ascending.
    pub attributes: Vec<usize>,
    /// Whether observations come at all.
    pub has_observations: bool,
}

/// The answer to a query for data of one dataflow: planned, not yet read.
///
/// Series come in the order of their keys (dimensions in the order of the structure, codes
/// bytewise), observations in the order of time: equal queries of one snapshot give equal bytes.
/// `first` and `last` are counted for each series, before `offset` and `limit`; together they are
/// the union of both.
#[derive(Debug)]
pub struct DataAnswer {
    pub(super) selected: Selected,
    pub(super) parts: ScopeParts,
    pub(super) ends: Ends,
    pub(super) offset: u64,
    pub(super) limit: Option<u64>,
    /// Attributes of the dataflow and of partial keys that are told, whichever series there are.
    pub(super) partials: Vec<PartialValue>,
    is_empty: bool,
}

impl DataAnswer {
    /// Plans the answer, and finds out whether there is any.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an unknown dataflow; [`Error::Invalid`] for an unknown component, a
    /// key with too many positions or a time that is no period; those of reading.
    pub fn open(snapshot: &Arc<Snapshot>, flow: &ArtefactId, query: &DataQuery) -> Result<Self> {
        let cube = snapshot.cube(flow)?;
        let parts = ScopeParts::new(cube.flow(), query)?;
        let mut answer = Self {
            selected: Selected::new(snapshot, cube, &query.selection)?,
            parts,
            ends: Ends { first: query.first, last: query.last },
            offset: query.offset,
            limit: query.limit,
            partials: Vec::new(),
            is_empty: true,
        };
        answer.is_empty = !answer.has_something()?;
        Ok(answer)
    }

    /// Plans what is wanted of a state given another, with these parts and partial keys; offset and
    /// limit are left to the message.
    pub(super) fn compared(
        (of, to, keep): (&Arc<Snapshot>, &Arc<Snapshot>, Keep),
        flow: &ArtefactId,
        query: &DataQuery,
        parts: &ScopeParts,
        partials: Vec<PartialValue>,
    ) -> Result<Self> {
        let (cube, compared) = Compared::new(of, to, flow, keep)?;
        let mut answer = Self {
            selected: Selected::compared(cube, Some(compared), &query.selection, None)?,
            parts: parts.clone(),
            ends: Ends { first: query.first, last: query.last },
            offset: 0,
            limit: None,
            is_empty: partials.is_empty(),
            partials,
        };
        answer.is_empty = answer.is_empty && !answer.has_something()?;
        Ok(answer)
    }

    /// Whether nothing matches.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The dataflow.
    pub fn flow(&self) -> &Arc<Flow> {
        self.selected.cube.flow()
    }

    /// What the message consists of.
    pub fn scope_parts(&self) -> &ScopeParts {
        &self.parts
    }

    /// What the message is about, for its writer.
    pub fn scope<'a>(
        &'a self,
        header: &'a MessageHeader,
        artefacts: &'a Artefacts,
        language: &'a str,
        action: Action,
    ) -> DataScope<'a> {
        DataScope {
            header,
            flow: self.flow(),
            artefacts,
            language,
            level: self.parts.level,
            measures: &self.parts.measures,
            attributes: &self.parts.attributes,
            set: DataSet { action, ..DataSet::default() },
            has_changes: false,
            has_observations: self.parts.has_observations,
        }
    }

    /// How many series there are at most; reads nothing.
    pub fn series_count(&self) -> u64 {
        if self.is_empty { 0 } else { self.selected.series.len() }
    }

    /// How many observations there are at most. Reads tables, and no block.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Io`] where a table cannot be read.
    pub fn observation_count(&self) -> Result<u64> {
        if self.is_empty || !self.parts.has_observations {
            return Ok(0);
        }
        let mut count = 0;
        for (part, selection) in self.selected.cube.parts().iter().zip(&self.selected.series.0) {
            for ordinal in selection.iter() {
                let mut of_series = 0;
                for chunk in part.live_chunks(ordinal)? {
                    of_series += self.selected.periods.observations(&part.span(chunk)?).end;
                }
                count += self.ends.most(of_series);
            }
        }
        Ok(self.limit.unwrap_or(u64::MAX).min(count.saturating_sub(self.offset)))
    }

    /// Writes the answer.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the output refuses, which ends the work; [`Error::Limit`] where a
    /// cross-section has too large a group; those of reading.
    pub fn write(&self, writer: &mut dyn DataWriter) -> Result<Written> {
        self.write_with(writer, &mut |_| ())
    }

    /// The same; `progress` is told how much was written, some ten times a second.
    ///
    /// # Errors
    ///
    /// As [`DataAnswer::write`].
    pub fn write_with(
        &self,
        writer: &mut dyn DataWriter,
        progress: &mut dyn FnMut(Written),
    ) -> Result<Written> {
        Driver::new(self, writer, progress).run()
    }

    /// The position of the dimension at the observation, where it is not time.
    pub(super) fn crossing(&self) -> Option<usize> {
        match self.parts.level {
            Level::Component(position) if Some(position) != self.flow().time_index() => {
                Some(position)
            }
            Level::Component(_) | Level::Flat => None,
        }
    }

    /// Whether one observation is left after the offset.
    fn has_something(&self) -> Result<bool> {
        if self.limit == Some(0) || self.selected.series.is_empty() {
            return Ok(false);
        }
        let page = Page::new(self)?;
        let cube = &self.selected.cube;
        if self.selected.is_by_slots()? && page.is_sure && self.crossing().is_none() {
            return Ok(!page.series.is_empty());
        }
        let walk = SeriesWalk::new(cube, &page.series, &[]);
        let mut reader = SeriesReader::new(&self.selected, walk, self.ends, (&[], &[]))?;
        let mut count = page.skipped;
        while let Some(series) = reader.next()? {
            count += if self.parts.has_observations { series.count } else { 1 };
            if count > self.offset {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl ScopeParts {
    pub(super) fn new(flow: &Flow, query: &DataQuery) -> Result<Self> {
        let level = match &query.at_observation {
            AtObservation::Default => flow.time_index().map_or(Level::Flat, Level::Component),
            AtObservation::All => Level::Flat,
            AtObservation::Dimension(id) => {
                let position = flow.position(id).filter(|at| *at < flow.measures_from());
                let reason = || format!("{} has no dimension {id}", flow.id);
                let position =
                    position.ok_or_else(|| Error::invalid("dimensionAtObservation", reason()))?;
                Level::Component(position)
            }
        };
        check_wanted(flow, &query.measures, flow.measures(), "measures")?;
        check_wanted(flow, &query.attributes, flow.attributes(), "attributes")?;
        let measures = wanted(&query.measures, flow.measures());
        let attributes = wanted(&query.attributes, flow.attributes());
        let is_observed = |attribute: &usize| {
            flow.attributes()[*attribute].role == ComponentRole::ObservationAttribute
        };
        let has_observations = !measures.is_empty()
            || query.measures == Wanted::All
            || attributes.iter().any(is_observed);
        Ok(Self { level, measures, attributes, has_observations })
    }
}

/// Whether a component is among those wanted.
fn is_wanted(wanted: &Wanted, component: &Component) -> bool {
    let Wanted::Some { ids, dataflow, series, observation } = wanted else {
        return *wanted == Wanted::All;
    };
    let by_level = match &component.role {
        ComponentRole::KeyAttribute(dimensions) if dimensions.is_empty() => *dataflow,
        ComponentRole::KeyAttribute(_) => *series,
        ComponentRole::ObservationAttribute => *observation,
        ComponentRole::Dimension | ComponentRole::Time | ComponentRole::Measure => false,
    };
    by_level || ids.contains(&component.id)
}

fn wanted(wanted: &Wanted, components: &[Component]) -> Vec<usize> {
    let chosen = components.iter().enumerate().filter(|(_, c)| is_wanted(wanted, c));
    chosen.map(|(position, _)| position).collect()
}

/// Refuses identifiers of what the flow does not have.
fn check_wanted(
    flow: &Flow,
    wanted: &Wanted,
    components: &[Component],
    what: &'static str,
) -> Result<()> {
    let Wanted::Some { ids, .. } = wanted else { return Ok(()) };
    match ids.iter().find(|id| components.iter().all(|component| component.id != **id)) {
        None => Ok(()),
        Some(id) => {
            let known: Vec<&str> = components.iter().map(|c| c.id.as_str()).collect();
            let reason = format!("{} has no {id} among its {what}: {}", flow.id, known.join(", "));
            Err(Error::invalid(what, reason))
        }
    }
}
