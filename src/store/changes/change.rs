//! What is told of a difference.

use crate::model::Value;

/// What differs in one series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeriesChange {
    /// Its codes, in the order of the structure.
    pub key: Vec<String>,
    /// The attributes of the whole key that differ.
    pub attributes: Vec<AttributeChange>,
    /// The observations that differ, in the order of time.
    pub cells: Vec<CellChange>,
    /// Whether the state before had the series and the state after has not.
    pub vanished: bool,
    /// Whether the state after has the series and the state before had not.
    pub appeared: bool,
}

/// An observation that differs: inserted where there is nothing before, deleted where there is
/// nothing after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellChange {
    /// The period as it is written; empty in a dataflow without time.
    pub period: String,
    /// What it was.
    pub before: Option<CellState>,
    /// What it is.
    pub after: Option<CellState>,
}

/// What stands at one observation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CellState {
    /// The values, one a measure.
    pub values: Vec<Value>,
    /// The attributes of the observation, in the order in which the dataflow has those.
    pub attributes: Vec<Option<String>>,
}

/// The value of an attribute of the dataflow, a partial key or a series that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttributeChange {
    /// Its codes, in the order of the structure; absent for dimensions that the attribute does not
    /// attach to.
    pub key: Vec<Option<String>>,
    /// The position of the attribute among [`crate::model::Flow::attributes`].
    pub attribute: usize,
    /// What it was.
    pub before: Option<String>,
    /// What it is.
    pub after: Option<String>,
}
