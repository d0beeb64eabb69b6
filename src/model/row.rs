//! One row of a data message, as a reader hands it to whoever stores it.

use serde::{Deserialize, Serialize};

/// A cell: absent means that the message does not speak of the component at all, the empty text
/// that it gives no value.
pub type Cell<'a> = Option<&'a str>;

/// What a row asks for. `Append` and `Information` mean `Merge` when they come in.
///
/// Source: SDMX-CSV 2.1 field guide, "ACTION"; SDMX-ML 3.1, section 4.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Insert or update what the row speaks of; leave the rest.
    #[default]
    Merge,
    /// As merge, and delete what the row does not speak of, at the level of the observation.
    Replace,
    /// Delete what the row names; an empty dimension means all its codes.
    Delete,
}

/// What the cell of a dimension says where it does not matter: the attributes of the row are not
/// attached to it. Where a dimension may have this text for a code, it is one.
///
/// Source: SDMX-CSV 2.1 field guide, "ACTION"; SDMX-ML 3.1, section 4.1.
pub const NOT_ATTACHED: &str = "~";

/// One row. Cells and columns stand in the order of [`crate::model::Flow::components`]:
/// dimensions, time, measures, attributes.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The line of the file on which the row begins, from 1.
    pub line: u64,
    /// What to do with it.
    pub action: Action,
    /// The text of each component.
    pub cells: &'a [Cell<'a>],
    /// The column of the table in which each component stands, from 1; 0 where there is none.
    pub columns: &'a [u32],
    /// The row as it stands in the file, without its line break: what a list of refused rows holds.
    pub raw: &'a str,
}
