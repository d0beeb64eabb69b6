//! Requests of the SDMX REST interface, both versions, to what they ask for.
//!
//! Read in this order: `text` (splitting and decoding), `flow` (which dataflows), `key`, `filter`
//! (conditions on components), `data`, `availability`, `structure`, `preferences` (the form of the
//! answer).
//!
//! **Invariant:** knows no HTTP but path and query, which come raw, and no artefact: a request that
//! parses may name what does not exist.
//!
//! **Invariant:** every error names the part of the path or the parameter, says what is wrong with
//! it and what is allowed. Nothing that a request says is left out in silence.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod availability;
mod data;
mod filter;
mod flow;
mod key;
mod preferences;
mod structure;
#[cfg(test)]
mod tests;
mod text;

pub use availability::AvailabilityRequest;
pub use data::DataRequest;
pub use flow::{FlowContext, FlowPattern};
pub use key::KeyRule;
pub use preferences::Preferences;
pub use text::{Parameters, decode, path_parts};

use crate::error::{Error, Result};
use crate::model::{StructureQuery, VersionPattern};

/// A version of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Edition {
    /// REST 1.5, of SDMX 2.1.
    V1,
    /// REST 2.2, of SDMX 3.
    V2,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Data.
    Data(DataRequest),
    /// The values that occur.
    Availability(AvailabilityRequest),
    /// Structures.
    Structure(StructureQuery),
    /// What valid data are: the structures that say so.
    Schema(StructureQuery),
}

impl Request {
    /// Parses the parts of a path after the entry point, and the parameters that are left of the
    /// query when [`Preferences`] are taken.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such resource; [`Error::Unsupported`] if it is one of the
    /// standard that this database does not have; [`Error::Syntax`] that names part or parameter;
    /// [`Error::Limit`] for too many values.
    pub fn parse(edition: Edition, parts: &[&str], parameters: Parameters<'_>) -> Result<Self> {
        let Some((resource, rest)) = parts.split_first() else {
            return Err(Error::not_found("resource", "(none)"));
        };
        let resource = decode(resource, "the path")?;
        match (edition, resource.as_str()) {
            (Edition::V1, "data") => DataRequest::parse_v1(rest, parameters).map(Self::Data),
            (Edition::V2, "data") => DataRequest::parse_v2(rest, parameters).map(Self::Data),
            (Edition::V1, "availableconstraint") => {
                AvailabilityRequest::parse_v1(rest, parameters).map(Self::Availability)
            }
            (Edition::V2, "availability") => {
                AvailabilityRequest::parse_v2(rest, parameters).map(Self::Availability)
            }
            (_, "schema") => {
                let versions = match edition {
                    Edition::V1 => VersionPattern::parse_v1,
                    Edition::V2 => VersionPattern::parse_v2,
                };
                structure::parse_schema(rest, versions, parameters).map(Self::Schema)
            }
            (_, "metadata" | "registration" | "subscription") => {
                let what = format!("the resource {resource} (there is no such data here)");
                Err(Error::Unsupported { what })
            }
            (Edition::V2, "structure") => {
                structure::parse_v2(rest, parameters).map(Self::Structure)
            }
            (Edition::V2, _) => Err(Error::not_found("resource", resource)),
            (Edition::V1, _) => {
                structure::parse_v1(&resource, rest, parameters).map(Self::Structure)
            }
        }
    }
}
