//! Joins of a cube with something else, decided on series where that is possible.
//!
//! Most of a join on dimensions can be known before an observation is read: which series have a
//! partner. `trace` finds the scan below one side of a join, `reduce` leaves out series that have no
//! partner in another scan, `eager` aggregates a scan before it is joined, `semi` turns
//! `IN (SELECT ...)` and `EXISTS` into a condition on the series of a scan, and `operator` decides
//! that condition when the statement runs. `series` joins observations of series that meet.
//!
//! **Invariant:** `reduce` only leaves out series whose rows the join would drop; the join itself
//! stays. `semi` replaces the join, and never unless the operator that reads the series asks for
//! the condition. `series` replaces it too, where it is on dimensions and the period alone.

mod eager;
mod operator;
mod reduce;
mod semi;
mod series;
mod trace;

pub(crate) use semi::{SeriesRules, reader};
