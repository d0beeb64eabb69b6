//! The words that SDMX has for the types of uncoded values.
//!
//! Source: SDMX 2.1 and 3.0, schema `common`, `DataType`; SDMX-JSON 2.0.0 has the same.

use crate::model::TextType;

/// The types of text, apart from those of time and from `XHTML`.
pub(in crate::sdmx) const PLAIN_TYPES: &[&str] = &[
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
pub(in crate::sdmx) const TIME_TYPES: &[&str] = &[
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

/// The word for a type that is not written.
pub(in crate::sdmx) fn type_name(text_type: TextType) -> &'static str {
    match text_type {
        TextType::Text => "String",
        TextType::Integer => "Integer",
        TextType::Decimal => "Decimal",
        TextType::Double => "Double",
        TextType::Boolean => "Boolean",
        TextType::Period => "ObservationalTimePeriod",
    }
}
