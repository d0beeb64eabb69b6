//! From expressions to numbers: groups and conditions, decided once a series, an attribute's value
//! or a period, over small tables of numbers.

pub(crate) mod attributes;
pub(crate) mod condition;
pub(crate) mod grouping;
pub(crate) mod numbering;
pub(crate) mod ranked;
pub(crate) mod series;
pub(crate) mod sets;
pub(crate) mod values;
