//! Artefacts to structure messages: SDMX-ML 2.1, 3.0 and 3.1, SDMX-JSON 1.0, 2.0 and 2.1.
//!
//! Read in this order: `output` (escaping), `facets` (how values look), `message` (what all formats
//! have in common), `xml_message`, `xml_items` and `xml_components`, `json_message`, `json_items`
//! and `json_components`, `constraint` (what is available, as a constraint).
//!
//! The model can say more than some formats. What one cannot say is written like this:
//!
//! - *Several measures, in 2.1 and JSON 1.0*, which have one `OBS_VALUE`: the measure of that name,
//!   or the first, is the primary measure; the others are attributes of the observation. A structure
//!   without measures has a primary measure of the cross-domain concept all the same.
//! - *Array attributes, measures that an attribute speaks of, sentinel values, annotation values*
//!   are of 3.x only. In 2.1 an annotation value is a text of the annotation, if it has no other.
//! - *The measure dimension of 2.1* is a dimension without representation in 3.x, which cannot
//!   enumerate by concepts.
//! - *Value lists* are codelists in 2.1, without those values that are no identifiers (and then
//!   partial). *Codelist extensions* are not said in 2.1: lists are written as they are given.
//! - *A code above another that begins with no letter*, such as `_T`, is not said in SDMX-ML 3.0,
//!   by a defect of its schema that 3.1 repaired.
//! - *Hierarchies* are artefacts of their own in 3.x: one that is alone in its list has the
//!   identity of the list, several have theirs after that of the list (`LIST_HIERARCHY`).
//! - *Finality* is a flag in 2.1 and follows from the version in 3.x. Versions are written as they
//!   are.
//! - *Classes that are kept as XML* are written in the version of SDMX-ML that they came in, and
//!   left out elsewhere; [`left_out`] says which. Agency schemes are written everywhere, without
//!   what says how to reach an agency.
//! - *No name in a language that was asked for*: the one that is next best. No name at all: the
//!   identifier, since every format wants one.
//!
//! **Invariant:** what is written conforms to the schema of its format, if the artefacts read so.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod constraint;
mod facets;
mod json_components;
mod json_items;
mod json_message;
mod message;
mod output;
#[cfg(test)]
mod tests;
mod xml_components;
mod xml_items;
mod xml_message;

pub use constraint::write_availability;
pub use message::{StructureFormat, left_out, write_structures};
