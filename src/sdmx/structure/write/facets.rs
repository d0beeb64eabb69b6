//! How the values of a component look, as far as its place in a message can say it.
//!
//! Source: SDMX 2.1 and 3.0, schema `structure`, `TextFormatType` and its restrictions; schema
//! `common`, `DataType` and its restrictions.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use crate::model::{Representation, TextType};
use crate::sdmx::structure::write::message::StructureFormat;

/// What a representation is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Concept,
    Dimension,
    Time,
    /// An attribute or a measure.
    Value,
}

/// The types of text, apart from those of time and from `XHTML`.
const PLAIN_TYPES: &[&str] = &[
    "String",
    "Alpha",
    "AlphaNumeric",
    "Numeric",
    "BigInteger",
    "Integer",
    "Long",
    "Short",
    "Decimal",
    "Float",
    "Double",
    "Boolean",
    "URI",
    "Count",
    "InclusiveValueRange",
    "ExclusiveValueRange",
    "Incremental",
    "Month",
    "MonthDay",
    "Day",
    "Time",
    "Duration",
];

/// The types of time.
const TIME_TYPES: &[&str] = &[
    "ObservationalTimePeriod",
    "StandardTimePeriod",
    "BasicTimePeriod",
    "GregorianTimePeriod",
    "GregorianYear",
    "GregorianYearMonth",
    "GregorianDay",
    "ReportingTimePeriod",
    "ReportingYear",
    "ReportingSemester",
    "ReportingTrimester",
    "ReportingQuarter",
    "ReportingMonth",
    "ReportingWeek",
    "ReportingDay",
    "DateTime",
    "TimeRange",
];

/// Types that codes cannot have.
const UNCODED_TYPES: &[&str] = &["Decimal", "Float", "Double", "DateTime", "TimeRange", "Time"];

/// The facets that every place has, in the order of the schema.
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
pub(super) fn text_type(own: &Representation, place: Place, format: StructureFormat) -> &str {
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
    written.filter(is_known).unwrap_or(match own.text_type {
        None | Some(TextType::Text) => "String",
        Some(TextType::Integer) => "Integer",
        Some(TextType::Decimal) => "Decimal",
        Some(TextType::Double) => "Double",
        Some(TextType::Boolean) => "Boolean",
        Some(TextType::Period) => "ObservationalTimePeriod",
    })
}

/// The other facets of uncoded values.
pub(super) fn text_facets(
    own: &Representation,
    place: Place,
    format: StructureFormat,
) -> Vec<(&'static str, String)> {
    let has_languages = place == Place::Concept || (place == Place::Value && !format.is_old());
    let is_here = |name: &str| match place {
        Place::Time => name == "startTime" || name == "endTime",
        Place::Concept | Place::Dimension | Place::Value => {
            name != "isMultiLingual" || has_languages
        }
    };
    let value = |name: &str| match name {
        "minLength" => own.length_min.filter(|length| *length > 0).map(|length| length.to_string()),
        "maxLength" => own.length_max.filter(|length| *length > 0).map(|length| length.to_string()),
        _ => own.facet(name).map(|value| value.trim().to_owned()),
    };
    let here = FACETS.iter().filter(|name| is_here(name));
    here.filter_map(|name| Some((*name, value(name)?))).collect()
}

/// The facets of codes, their type first where it is said.
pub(super) fn code_facets(own: &Representation) -> Vec<(&'static str, String)> {
    let is_type = |name: &&str| {
        let is_known = PLAIN_TYPES.contains(name) || TIME_TYPES.contains(name);
        is_known && !UNCODED_TYPES.contains(name)
    };
    let text_type = own.facet("textType").filter(is_type);
    let text_type = text_type.map(|name| ("textType", name.to_owned()));
    let others = FACETS.iter().filter(|name| **name != "decimals" && **name != "isMultiLingual");
    let others = others.filter_map(|name| Some((*name, own.facet(name)?.trim().to_owned())));
    text_type.into_iter().chain(others).collect()
}
