//! What an aggregation knows so far: for each group rows of cells with counts, exact sums and the
//! states of special functions; how two states become one, and one the states of grouping sets.

pub(crate) mod cells;
pub(crate) mod covered;
pub(crate) mod exact;
pub(crate) mod groups;
pub(crate) mod layout;
pub(crate) mod levels;
pub(crate) mod mapping;
pub(crate) mod narrow;
pub(crate) mod number_sets;
pub(crate) mod quantile;
pub(crate) mod select;
pub(crate) mod settle;
pub(crate) mod special;
pub(crate) mod squares;
pub(crate) mod sums;
pub(crate) mod wide;
