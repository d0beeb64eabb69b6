//! Joins of two cubes, or of a cube with itself, series by series.
//!
//! Where two scans are joined on dimensions and the period, which series meet is known from their
//! keys, and two series that meet differ in nothing but where they begin and what they lack: rows
//! are paired by their positions, and nothing is hashed but keys. `matching` finds such joins,
//! `side` is one of the two scans, `partners` says which series meet, `layout` which columns are
//! made, `overlap` pairs the positions of two chunks, [`SeriesJoinExec`] is the operator and
//! `stream` runs one partition of it.

mod layout;
mod matching;
mod operator;
mod overlap;
mod partners;
mod side;
mod stream;

pub(super) use matching::by_series;
pub(crate) use operator::SeriesJoinExec;
