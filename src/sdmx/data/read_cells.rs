//! The values of a data set on their way to rows.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::mem;
use std::sync::Arc;

use hashbrown::HashMap;

use crate::error::{Error, Result};
use crate::limits::RECORD_BYTES_MAX;
use crate::model::{Action, Cell, ComponentRole, Flow, Row};
use crate::sdmx::data::read_header::Structure;
use crate::sdmx::rows::RowSink;
use crate::sdmx::xml::Place;

/// What stands for an empty value that is named to be deleted.
const NAMED: &str = "-";

/// Memory of one value that is kept for the next.
const VALUE_BYTES_KEPT: usize = 4 << 10;

/// Where in a data set a value stands. What stands at a later level counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// At the data set: said of every observation.
    DataSet,
    /// At a series: said of each of its observations.
    Series,
    /// At an observation; or at a group, which is a row of its own.
    Row,
}

/// Why a value was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The structure has no such component.
    Unknown,
    /// The element gives it twice.
    Twice,
    /// It is too long, or all values of the element together are.
    TooLong,
}

/// The values at one level, one a component.
pub(super) struct Values {
    texts: Vec<(bool, String)>,
    /// The components that have one.
    pub(super) given: Vec<usize>,
    /// The bytes of all of them.
    bytes: usize,
}

impl Values {
    fn new(count: usize) -> Self {
        Self { texts: vec![(false, String::new()); count], given: Vec::new(), bytes: 0 }
    }

    #[inline]
    fn clear(&mut self) {
        for position in self.given.drain(..) {
            if let Some((is_given, text)) = self.texts.get_mut(position) {
                *is_given = false;
                // What is long once is not kept for each component.
                if text.capacity() > VALUE_BYTES_KEPT {
                    *text = String::new();
                }
            }
        }
        self.bytes = 0;
    }

    pub(super) fn get(&self, position: usize) -> Option<&str> {
        let (is_given, text) = self.texts.get(position)?;
        is_given.then_some(text.as_str())
    }

    #[inline]
    fn set(&mut self, position: usize, text: &str) -> Result<(), Refused> {
        let Some((is_given, known)) = self.texts.get_mut(position) else {
            return Err(Refused::Unknown);
        };
        if mem::replace(is_given, true) {
            return Err(Refused::Twice);
        }
        self.bytes += text.len();
        if self.bytes > RECORD_BYTES_MAX {
            return Err(Refused::TooLong);
        }
        known.clear();
        known.push_str(text);
        self.given.push(position);
        Ok(())
    }
}

/// Components by their identifier. Elements repeat their order, so the last place is tried first.
struct Finder {
    by_id: HashMap<Box<str>, usize>,
    guesses: Vec<usize>,
    next: usize,
}

impl Finder {
    fn new(flow: &Flow) -> Self {
        let ids = flow.components().iter().map(|component| component.id.as_str().into());
        Self { by_id: ids.zip(0..).collect(), guesses: Vec::new(), next: 0 }
    }

    #[inline]
    fn find(&mut self, flow: &Flow, id: &str) -> Option<usize> {
        let place = self.next;
        self.next += 1;
        let guess = self.guesses.get(place).copied();
        let is_it = |at: &usize| flow.components().get(*at).is_some_and(|c| c.id == id);
        if let Some(position) = guess.filter(is_it) {
            return Some(position);
        }
        let position = *self.by_id.get(id)?;
        match self.guesses.get_mut(place) {
            Some(guess) => *guess = position,
            None => self.guesses.push(position),
        }
        Some(position)
    }
}

/// The values of a data set, level by level.
pub(super) struct Cells {
    flow: Arc<Flow>,
    /// The number of the flow in the message.
    number: usize,
    /// What the data set asks for.
    action: Action,
    /// The dimension at the observation, where it is one.
    pub(super) at_observation: Option<usize>,
    /// The same dimension, where the type of an observation says its code.
    pub(super) explicit: Option<usize>,
    finders: [Finder; 3],
    values: [Values; 3],
    /// The memory of the cells of a row: empty between rows.
    memory: Vec<Cell<'static>>,
    /// The column of the element that the row is from, once for each component.
    columns: Vec<u32>,
    /// The row as SDMX-CSV, where it is asked for, and what it begins with.
    raw: String,
    prefix: String,
    rows: u64,
}

impl Cells {
    pub(super) fn new(
        flow: &Arc<Flow>,
        number: usize,
        structure: &Structure,
        action: Action,
    ) -> Self {
        let count = flow.components().len();
        let letter = match action {
            Action::Merge => 'M',
            Action::Replace => 'R',
            Action::Delete => 'D',
        };
        let at_observation = match structure.at_observation.as_deref() {
            // The standard calls it so, whatever the structure does.
            None | Some("TIME_PERIOD") => flow.position("TIME_PERIOD").or(flow.time_index()),
            Some(id) => flow.position(id),
        };
        Self {
            flow: Arc::clone(flow),
            number,
            action,
            at_observation,
            explicit: at_observation.filter(|_| structure.has_explicit_measures),
            finders: [Finder::new(flow), Finder::new(flow), Finder::new(flow)],
            values: [Values::new(count), Values::new(count), Values::new(count)],
            memory: Vec::with_capacity(count),
            columns: vec![0; count],
            raw: String::new(),
            prefix: format!("dataflow,{},{letter}", flow.id),
            rows: 0,
        }
    }

    /// The flow of the data set.
    pub(super) fn flow(&self) -> &Flow {
        &self.flow
    }

    /// What the data set asks for.
    pub(super) fn action(&self) -> Action {
        self.action
    }

    /// The rows so far.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The first line of the SDMX-CSV that [`Row::raw`] is a line of.
    pub(super) fn header(&mut self) -> &str {
        self.raw.clear();
        self.raw.push_str("STRUCTURE,STRUCTURE_ID,ACTION");
        for component in self.flow.components() {
            self.raw.push(',');
            write_cell(&component.id, &mut self.raw);
        }
        &self.raw
    }

    /// Begins a level: what stood there is gone.
    pub(super) fn begin(&mut self, level: Level) {
        self.values_mut(level).clear();
        self.finder(level).next = 0;
    }

    /// Gives a component its value.
    #[inline]
    pub(super) fn set(&mut self, level: Level, id: &str, text: &str) -> Result<(), Refused> {
        let [data_set, series, row] = &mut self.finders;
        let finder = match level {
            Level::DataSet => data_set,
            Level::Series => series,
            Level::Row => row,
        };
        let position = finder.find(&self.flow, id).ok_or(Refused::Unknown)?;
        self.set_at(level, position, text)
    }

    /// Gives the component at this position its value.
    #[inline]
    pub(super) fn set_at(
        &mut self,
        level: Level,
        position: usize,
        text: &str,
    ) -> Result<(), Refused> {
        // Where values are deleted, an empty one is one that is named.
        let is_named = self.action == Action::Delete && position >= self.flow.measures_from();
        let text = if is_named && text.is_empty() { NAMED } else { text };
        self.values_mut(level).set(position, text)
    }

    /// Whether the component has a value at this level.
    pub(super) fn has(&self, level: Level, position: usize) -> bool {
        self.values(level).get(position).is_some()
    }

    fn finder(&mut self, level: Level) -> &mut Finder {
        let [data_set, series, row] = &mut self.finders;
        match level {
            Level::DataSet => data_set,
            Level::Series => series,
            Level::Row => row,
        }
    }

    pub(super) fn values(&self, level: Level) -> &Values {
        let [data_set, series, row] = &self.values;
        match level {
            Level::DataSet => data_set,
            Level::Series => series,
            Level::Row => row,
        }
    }

    fn values_mut(&mut self, level: Level) -> &mut Values {
        let [data_set, series, row] = &mut self.values;
        match level {
            Level::DataSet => data_set,
            Level::Series => series,
            Level::Row => row,
        }
    }

    /// Hands on the observation that was read: its own values, those of its series, and those of
    /// the data set.
    #[inline]
    pub(super) fn observation<S: RowSink + ?Sized>(
        &mut self,
        at: Place,
        sink: &mut S,
    ) -> Result<()> {
        if self.action == Action::Delete {
            return self.delete_observation(at, sink);
        }
        let mut cells = mem::take(&mut self.memory);
        cells.resize(self.columns.len(), None);
        // The later level comes last, and counts.
        for values in &self.values {
            for position in &values.given {
                if let Some(cell) = cells.get_mut(*position) {
                    *cell = values.get(*position);
                }
            }
        }
        set_column(&mut self.columns, at);
        if sink.keeps_raw() {
            write_line(&self.prefix, &cells, &mut self.raw);
        }
        let (action, columns, raw) = (self.action, &*self.columns, &*self.raw);
        let row = Row { line: at.line, action, cells: &cells, columns, raw };
        sink.row(self.number, &row)?;
        self.memory = recycle(cells);
        self.rows += 1;
        Ok(())
    }

    /// Hands on the attributes of a group or of a series, if it has any: the values of this level
    /// alone.
    pub(super) fn attributes<S: RowSink + ?Sized>(
        &mut self,
        level: Level,
        at: Place,
        sink: &mut S,
    ) -> Result<()> {
        let from = self.flow.attributes_from();
        if self.values(level).given.iter().any(|position| *position >= from) {
            self.hand_on(at, sink, |cells, position| cells.values(level).get(position))?;
        }
        Ok(())
    }

    /// Ends a series: hands on what it says itself, if its observations did not say it.
    pub(super) fn end_series<S: RowSink + ?Sized>(
        &mut self,
        at: Place,
        sink: &mut S,
        has_observations: bool,
    ) -> Result<()> {
        match self.action {
            Action::Delete => self.delete_series(at, sink, has_observations)?,
            _ if has_observations => {}
            Action::Merge | Action::Replace => self.attributes(Level::Series, at, sink)?,
        }
        self.begin(Level::Series);
        Ok(())
    }

    /// Hands on the attributes of the data set that say something of the dataflow, if there are
    /// any. The others stay, and are said of every observation.
    pub(super) fn flow_attributes<S: RowSink + ?Sized>(
        &mut self,
        at: Place,
        sink: &mut S,
    ) -> Result<()> {
        let is_of_flow = |flow: &Flow, position: usize| {
            let role = flow.components().get(position).map(|component| &component.role);
            role.is_some_and(
                |role| matches!(role, ComponentRole::KeyAttribute(on) if on.is_empty()),
            )
        };
        let flow = Arc::clone(&self.flow);
        let given = &self.values(Level::DataSet).given;
        if given.iter().any(|position| is_of_flow(&flow, *position)) {
            self.hand_on(at, sink, |cells, position| {
                let is_wanted = is_of_flow(&cells.flow, position);
                cells.values(Level::DataSet).get(position).filter(|_| is_wanted)
            })?;
        }
        let values = self.values_mut(Level::DataSet);
        for (position, (is_given, _)) in values.texts.iter_mut().enumerate() {
            *is_given &= !is_of_flow(&flow, position);
        }
        values.given.retain(|position| !is_of_flow(&flow, *position));
        Ok(())
    }

    /// Hands on a row of the cells that `pick` gives.
    pub(super) fn hand_on<S: RowSink + ?Sized>(
        &mut self,
        at: Place,
        sink: &mut S,
        pick: impl for<'c> Fn(&'c Self, usize) -> Cell<'c>,
    ) -> Result<()> {
        set_column(&mut self.columns, at);
        let mut raw = mem::take(&mut self.raw);
        let cells: Vec<Cell<'_>> =
            (0..self.columns.len()).map(|position| pick(self, position)).collect();
        if sink.keeps_raw() {
            write_line(&self.prefix, &cells, &mut raw);
        }
        let (action, columns) = (self.action, &*self.columns);
        let row = Row { line: at.line, action, cells: &cells, columns, raw: &raw };
        sink.row(self.number, &row)?;
        self.raw = raw;
        self.rows += 1;
        Ok(())
    }

    /// What is wrong with a value, for a person.
    #[cold]
    pub(super) fn refuse(&self, place: String, id: &str, why: Refused) -> Error {
        match why {
            Refused::Unknown => {
                let reason = format!(
                    "{id} is no component of {} (dataflow {})",
                    self.flow.structure, self.flow.id
                );
                Error::invalid(place, reason)
            }
            Refused::Twice => Error::syntax(place, format!("{id} is given twice")),
            Refused::TooLong => {
                let reason =
                    format!("up to {id}, the values have more than {RECORD_BYTES_MAX} bytes");
                Error::syntax(place, reason)
            }
        }
    }
}

/// Says of every cell in which column its element begins; most elements begin in the same.
#[inline]
fn set_column(columns: &mut [u32], at: Place) {
    let column = u32::try_from(at.column).unwrap_or(u32::MAX);
    if columns.first().is_some_and(|known| *known != column) {
        columns.fill(column);
    }
}

/// Empties the cells and keeps their memory for the next row.
fn recycle(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'static>> {
    cells.clear();
    cells.into_iter().map(|_| None).collect()
}

/// Writes a line of SDMX-CSV 2.1.
#[cold]
fn write_line(prefix: &str, cells: &[Cell<'_>], out: &mut String) {
    out.clear();
    out.push_str(prefix);
    for cell in cells {
        out.push(',');
        write_cell(cell.unwrap_or_default(), out);
    }
}

fn write_cell(text: &str, out: &mut String) {
    if text.contains([',', '"', '\r', '\n']) {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}
