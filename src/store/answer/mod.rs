//! Answers to readers of SDMX: data and availability of one dataflow.
//!
//! Read in this order: `condition` (conditions on the values of a component), `times` (on time),
//! `compared` (only what changed),
//! `select` (a selection as series, slots and what is left to look at), `wanted` (looking at it),
//! `series` (the selected series with their observations), `texts` (these as text), `data` (what a
//! data query asks for), `write` (driving a [`crate::sdmx::data::DataWriter`]), `cross` (the same where a dimension stands
//! at the observation), `partials` (attributes of the dataflow and of partial keys), `page`
//! (`offset` and `limit`), `message` (several data sets, one after the other), `survey` (series, observations and time of a selection, read as little as
//! can be), `availability`.
//!
//! **Invariant:** nothing is collected that grows with the answer, but for the observations of one
//! group in a cross-section, which are accounted for.

mod availability;
mod compared;
mod condition;
mod cross;
mod data;
mod message;
mod page;
mod partials;
mod select;
mod series;
mod survey;
mod texts;
mod times;
mod wanted;
mod write;

pub use availability::availability;
pub use data::{DataAnswer, ScopeParts, Written};
pub use message::DataMessage;

#[cfg(test)]
pub(in crate::store) mod fixture;
#[cfg(test)]
mod tests;
