//! Answers to readers of SDMX: data and availability of one dataflow.
//!
//! Read in this order: `condition` (conditions on the values of a component), `times` (on time),
//! `select` (a selection as series, slots and what is left to look at), `series` (the selected
//! series with their observations), `texts` (these as text), `data` (what a data query asks for),
//! `write` (driving a [`crate::sdmx::data::DataWriter`]), `cross` (the same where a dimension stands
//! at the observation), `partials` (attributes of the dataflow and of partial keys), `page`
//! (`offset` and `limit`).
//!
//! **Invariant:** nothing is collected that grows with the answer, but for the observations of one
//! group in a cross-section, which are accounted for.

mod condition;
mod cross;
mod data;
mod page;
mod partials;
mod select;
mod series;
mod texts;
mod times;
mod write;

pub use data::{DataAnswer, ScopeParts, Written};

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
