//! Data sets that delete: which rows their elements are.
//!
//! An observation, a series or a group that gives no value is meant as a whole; one that gives
//! values means those. A dimension that is left out stands for all its codes, but for those of a
//! group: a group is a partial key, not what lies around it.
//!
//! Source: SDMX-ML 3.1, section 4.1, "Delete".
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use crate::error::Result;
use crate::model::{Action, Cell, ComponentRole, NOT_ATTACHED};
use crate::sdmx::data::read_cells::{Cells, Level};
use crate::sdmx::rows::RowSink;
use crate::sdmx::xml::Place;

/// An element that gives attributes of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyElement {
    /// `Group`: the key of exactly these dimensions.
    Group,
    /// `Atts`: of any key.
    Attributes,
}

impl Cells {
    /// Hands on the attributes of a group. One without any is the group as a whole where it is to
    /// be deleted, and says nothing else.
    pub(super) fn group<S: RowSink + ?Sized>(
        &mut self,
        element: KeyElement,
        at: Place,
        sink: &mut S,
    ) -> Result<()> {
        let from = self.flow().measures_from();
        let names_nothing = self.values(Level::Row).given.iter().all(|position| *position < from);
        if !(self.action() == Action::Delete && names_nothing) {
            return self.attributes(Level::Row, at, sink);
        }
        let time = self.flow().time_index();
        self.hand_on(at, sink, |cells, position| {
            let is_off = match element {
                KeyElement::Group => position < cells.flow().measures_from(),
                KeyElement::Attributes => Some(position) == time,
            };
            cells.values(Level::Row).get(position).or(is_off.then_some(NOT_ATTACHED))
        })
    }

    /// Hands on an observation that is to be deleted, or values of it. What its series or the data
    /// set says of keys is not about the observation.
    pub(super) fn delete_observation<S: RowSink + ?Sized>(
        &mut self,
        at: Place,
        sink: &mut S,
    ) -> Result<()> {
        self.hand_on(at, sink, |cells, position| {
            let above = || cells.above(position).filter(|_| !cells.is_of_key(position));
            cells.values(Level::Row).get(position).or_else(above)
        })?;
        let is_in_series = !self.values(Level::Series).given.is_empty();
        if is_in_series { Ok(()) } else { self.delete_of_key(at, sink) }
    }

    /// Hands on a series that is to be deleted, or values of it. Where it has observations, those
    /// are meant, and of the series itself only what it names.
    pub(super) fn delete_series<S: RowSink + ?Sized>(
        &mut self,
        at: Place,
        sink: &mut S,
        has_observations: bool,
    ) -> Result<()> {
        self.begin(Level::Row);
        if has_observations {
            return self.delete_of_key(at, sink);
        }
        self.hand_on(at, sink, Self::above)
    }

    /// Hands on the attributes of keys that the series and the data set name, if there are any.
    fn delete_of_key<S: RowSink + ?Sized>(&mut self, at: Place, sink: &mut S) -> Result<()> {
        let levels = [Level::DataSet, Level::Series].map(|level| self.values(level));
        let mut given = levels.iter().flat_map(|values| &values.given);
        if !given.any(|position| self.is_of_key(*position)) {
            return Ok(());
        }
        let dimensions = self.flow().dimensions().len();
        self.hand_on(at, sink, |cells, position| {
            let of_row = cells.values(Level::Row).get(position);
            let of_row = of_row.filter(|_| position < dimensions);
            let is_wanted = position < dimensions || cells.is_of_key(position);
            of_row.or_else(|| cells.above(position).filter(|_| is_wanted))
        })
    }

    /// What the series says of a component, or else the data set.
    fn above(&self, position: usize) -> Cell<'_> {
        let of_series = self.values(Level::Series).get(position);
        of_series.or_else(|| self.values(Level::DataSet).get(position))
    }

    fn is_of_key(&self, position: usize) -> bool {
        let component = self.flow().components().get(position);
        component.is_some_and(|c| matches!(c.role, ComponentRole::KeyAttribute(_)))
    }
}
