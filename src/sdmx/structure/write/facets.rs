//! How the values of a component look, as far as its place in a message can say it.
//!
//! Source: SDMX 2.1 and 3.0, schema `structure`, `TextFormatType` and its restrictions; schema
//! `common`, `DataType` and its restrictions.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use crate::model::Representation;
use crate::sdmx::structure::write::message::StructureFormat;
use crate::sdmx::text_types::{PLAIN_TYPES, TIME_TYPES, type_name};

/// What a representation is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Concept,
    Dimension,
    Time,
    /// An attribute or a measure.
    Value,
}

/// Types that codes cannot have.
const UNCODED_TYPES: &[&str] = &["Decimal", "Float", "Double", "DateTime", "TimeRange", "Time"];

/// The facets of the schema, apart from `textType`. Others that a message has are not written.
const FACETS: &[&str] = &[
    "isSequence",
    "interval",
    "startValue",
    "endValue",
    "timeInterval",
    "startTime",
    "endTime",
    "minLength",
    "maxLength",
    "minValue",
    "maxValue",
    "decimals",
    "pattern",
    "isMultiLingual",
];

/// The name of the type of uncoded values.
fn text_type(own: &Representation, place: Place, format: StructureFormat) -> &str {
    let written = own.facet("textType");
    if place == Place::Time {
        return written
            .filter(|name| TIME_TYPES.contains(name))
            .unwrap_or("ObservationalTimePeriod");
    }
    let has_markup = place == Place::Concept || (place == Place::Value && !format.is_old());
    let is_known = |name: &&str| {
        PLAIN_TYPES.contains(name)
            || TIME_TYPES.contains(name)
            || (*name == "XHTML" && has_markup)
            || (*name == "GeospatialInformation" && !format.is_old())
    };
    written.filter(is_known).unwrap_or_else(|| own.text_type.map_or("String", type_name))
}

/// The facets of uncoded values, in the order in which they came. The type is among them if it was
/// said, or if it is not text: text is what every format takes for granted.
pub(super) fn text_facets(
    own: &Representation,
    place: Place,
    format: StructureFormat,
) -> Vec<(&str, String)> {
    let has_languages = place == Place::Concept || (place == Place::Value && !format.is_old());
    let is_here = |name: &str| match place {
        Place::Time => name == "startTime" || name == "endTime",
        Place::Concept | Place::Dimension | Place::Value => {
            FACETS.contains(&name) && (name != "isMultiLingual" || has_languages)
        }
    };
    let text_type = text_type(own, place, format);
    let is_said = own.facet("textType").is_some() || text_type == "String";
    let unsaid = (!is_said).then(|| ("textType", text_type.to_owned()));
    let written = own.facets.iter().filter_map(|(name, value)| match name.as_str() {
        "textType" => Some(("textType", text_type.to_owned())),
        name => is_here(name).then(|| (name, value.trim().to_owned())),
    });
    let lengths = [("minLength", own.length_min), ("maxLength", own.length_max)];
    let lengths = lengths.into_iter().filter(|(name, _)| is_here(name));
    let lengths = lengths.filter_map(|(name, length)| {
        Some((name, length.filter(|length| *length > 0)?.to_string()))
    });
    unsaid.into_iter().chain(written).chain(lengths).collect()
}

/// The facets of codes, in the order in which they came.
pub(super) fn code_facets(own: &Representation) -> Vec<(&str, &str)> {
    let is_type = |name: &str| {
        let is_known = PLAIN_TYPES.contains(&name) || TIME_TYPES.contains(&name);
        is_known && !UNCODED_TYPES.contains(&name)
    };
    let is_written = |name: &str, value: &str| match name {
        "textType" => is_type(value),
        "decimals" | "isMultiLingual" => false,
        _ => FACETS.contains(&name),
    };
    let facets = own.facets.iter().map(|(name, value)| (name.as_str(), value.trim()));
    facets.filter(|(name, value)| is_written(name, value)).collect()
}
