//! Where each component of a dataflow stands in a message.

use crate::model::{Cell, ComponentRole};
use crate::sdmx::data::{DataScope, Level};

/// Where each component stands in a message, by position among the components of the dataflow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether all dimensions stand at the observation.
    pub(super) is_flat: bool,
    /// The dimensions of a series, time included where it is not at the observation.
    pub(super) series_key: Vec<usize>,
    /// The dimensions at the observation.
    pub(super) observation_key: Vec<usize>,
    /// The measures written.
    pub(super) measures: Vec<usize>,
    /// The attributes that the format writes before all series, once a key.
    pub(super) apart: Vec<usize>,
    /// The attributes of series.
    pub(super) series: Vec<usize>,
    /// The attributes of observations.
    pub(super) observation: Vec<usize>,
}

impl Layout {
    /// The layout of a message of a format that writes attributes of some dimensions (none of them
    /// for the dataflow as a whole) before all series: `is_apart` says of which, by position in the
    /// series key. The others stand with the series, or with the observation where it has one of
    /// their dimensions.
    pub(super) fn new(scope: &DataScope<'_>, is_apart: impl Fn(&[usize]) -> bool) -> Self {
        let flow = scope.flow;
        // A list of series has no place for what stands at observations.
        let level = match (scope.level, flow.time_index()) {
            (Level::Flat, Some(time)) if !scope.has_observations => Level::Component(time),
            (level, _) => level,
        };
        let at_observation = |position: usize| match level {
            Level::Flat => true,
            Level::Component(component) => component == position,
        };
        let mut layout = Self {
            is_flat: level == Level::Flat,
            measures: scope.measures.iter().map(|index| flow.measures_from() + index).collect(),
            ..Self::default()
        };
        for position in 0..flow.measures_from() {
            let key = if at_observation(position) {
                &mut layout.observation_key
            } else {
                &mut layout.series_key
            };
            key.push(position);
        }
        let dimension_count = flow.dimensions().len();
        for position in scope.attributes.iter().map(|index| flow.attributes_from() + index) {
            let role = flow.components().get(position).map(|component| &component.role);
            let place = match role {
                Some(ComponentRole::KeyAttribute(dimensions)) => {
                    let is_partial = dimensions.is_empty() || dimensions.len() < dimension_count;
                    if is_partial && is_apart(dimensions) {
                        &mut layout.apart
                    } else if layout.is_flat || dimensions.iter().any(|&d| at_observation(d)) {
                        &mut layout.observation
                    } else {
                        &mut layout.series
                    }
                }
                _ => &mut layout.observation,
            };
            place.push(position);
        }
        layout
    }

    /// What messages call the level: the identifier of the component at the observation, or
    /// `AllDimensions`.
    pub(super) fn level_name<'a>(&self, scope: &DataScope<'a>) -> &'a str {
        let at = self.observation_key.first().filter(|_| !self.is_flat);
        let component = at.and_then(|position| scope.flow.components().get(*position));
        component.map_or("AllDimensions", |component| component.id.as_str())
    }
}

/// The text of a component, where it has any.
#[inline]
pub(super) fn text_of<'c>(cells: &[Cell<'c>], position: usize) -> Option<&'c str> {
    cells.get(position).copied().flatten().filter(|text| !text.is_empty())
}

/// The dimensions of a partial key: those that have a cell, by position.
pub(super) fn key_dimensions(cells: &[Cell<'_>], dimension_count: usize) -> Vec<usize> {
    (0..dimension_count).filter(|position| text_of(cells, *position).is_some()).collect()
}
