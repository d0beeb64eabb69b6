//! Values of Arrow as PostgreSQL writes them, byte for byte, in text and in binary.
//!
//! Reading order: `style` what a session chose, with `zone`; `target` what the values of a column
//! become, decided once a statement; `cells` a column of a batch, matched with its target once a
//! batch; `text` and `binary` one value of it; `digits`, `float`, `numeric`, `datetime`,
//! `interval`, `bytea` and `nested` how each kind is written; `repeats` which values are the same as
//! in the row before; `row` messages of whole rows.
//!
//! Nothing here asks an array what it is for each value: a value costs one match on a small enum,
//! which is the same for a whole column, and the writing of its digits.

mod binary;
mod bytea;
mod cells;
pub(super) mod datetime;
mod digits;
mod float;
pub(super) mod interval;
mod nested;
mod numeric;
mod repeats;
mod row;
mod style;
mod target;
#[cfg(test)]
mod tests;
mod text;
mod zone;

pub(super) use binary::parse_uuid;
pub(super) use cells::Cells;
pub(super) use repeats::Repeats;
pub(super) use row::set_length;
pub(super) use target::Target;

pub use row::RowEncoder;
pub use style::{ByteaOutput, DateForm, DateOrder, DateStyle, IntervalStyle, RowStyle};
pub use target::RegNames;
pub use zone::Zone;
