//! XML, read from front to back, with bounds on everything.
//!
//! Read in this order: `located` (lines and columns), `tag`, `source` (elements, as
//! a tree that is read once or piece by piece).
//!
//! **Invariant:** nothing is resolved that a document defines itself: a document type, and with it
//! every entity but the five of XML, is refused.
//!
//! Source: XML 1.0; Namespaces in XML 1.0.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod located;
mod source;
mod tag;

pub(in crate::sdmx) use located::Place;
pub(in crate::sdmx) use source::Source;
pub(in crate::sdmx) use tag::Tag;
