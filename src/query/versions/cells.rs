//! What stands at an observation, as columns: each measure twice, then the attributes of the
//! observation.

use crate::model::{ComponentRole, Flow};
use crate::query::versions::rows::{Columns, Rows};
use crate::store::{CellState, SqlNames};

/// Adds the columns, with an ending to each name.
pub(super) fn add_columns(columns: &mut Columns, flow: &Flow, names: &SqlNames, ending: &str) {
    for (place, component) in flow.components().iter().enumerate().skip(flow.measures_from()) {
        let name = names.columns.get(place).map_or(component.id.as_str(), String::as_str);
        match component.role {
            ComponentRole::Measure => columns.value(name, ending),
            ComponentRole::ObservationAttribute => columns.text(&format!("{name}{ending}"), true),
            ComponentRole::Dimension | ComponentRole::Time | ComponentRole::KeyAttribute(_) => {}
        }
    }
}

/// How many measures and how many attributes of observations a dataflow has.
pub(super) fn count(flow: &Flow) -> (usize, usize) {
    let attributes = flow.attributes().iter();
    let attributes = attributes.filter(|a| a.role == ComponentRole::ObservationAttribute);
    (flow.measures().len(), attributes.count())
}

/// Pushes the cells of an observation; of none, cells without value.
pub(super) fn push(
    state: Option<&CellState>,
    (measures, attributes): (usize, usize),
    rows: &mut Rows,
) {
    for place in 0..measures {
        rows.value(state.and_then(|state| state.values.get(place)));
    }
    for place in 0..attributes {
        rows.text(state.and_then(|state| state.attributes.get(place)?.as_deref()));
    }
}
