//! The values that a concept or component may have.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::model::{Occurs, Representation, SentinelValue, TextType};
use crate::sdmx::structure::named::Named;
use crate::sdmx::structure::reference::Reference;
use crate::sdmx::xml::{Source, Tag};

/// Reads a `LocalRepresentation` or `CoreRepresentation`, up to its end.
pub(super) fn representation<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
) -> Result<Representation> {
    let mut found = Representation {
        occurs_min: number(source, tag, "minOccurs")?,
        occurs_max: match tag.attribute("maxOccurs").map(str::trim) {
            Some("unbounded") => Some(Occurs::Unbounded),
            _ => number(source, tag, "maxOccurs")?.map(Occurs::Times),
        },
        ..Representation::default()
    };
    while let Some(child) = source.child()? {
        match child.name() {
            "TextFormat" => {
                text_format(source, &child, &mut found)?;
                sentinels(source, &mut found)?;
            }
            "EnumerationFormat" => {
                // It says how codes look, which the codelist decides.
                found.facets.extend(facets(&child));
                sentinels(source, &mut found)?;
            }
            "Enumeration" => {
                let list = Reference::read(source, &child)?;
                let id = list.artefact(source)?;
                if list.class.as_deref() == Some("ConceptScheme") {
                    found.concepts = Some(id);
                } else {
                    found.codelist = Some(id);
                }
            }
            _ => source.skip()?,
        }
    }
    Ok(found)
}

fn text_format<R: BufRead>(
    source: &Source<'_, R>,
    tag: &Tag,
    found: &mut Representation,
) -> Result<()> {
    found.length_min = number(source, tag, "minLength")?;
    found.length_max = number(source, tag, "maxLength")?;
    found.text_type = Some(tag.attribute("textType").map_or(TextType::Text, text_type));
    let others = facets(tag).filter(|(name, _)| name != "minLength" && name != "maxLength");
    found.facets.extend(others);
    Ok(())
}

fn number<R: BufRead>(source: &Source<'_, R>, tag: &Tag, name: &str) -> Result<Option<u64>> {
    let Some(text) = tag.attribute(name) else { return Ok(None) };
    let reason = || format!("{name} is {text:?}, which is no whole number");
    text.trim().parse().map(Some).map_err(|_| source.error(tag.at, reason()))
}

/// Reads the values with a meaning of their own in the current element, up to its end.
fn sentinels<R: BufRead>(source: &mut Source<'_, R>, found: &mut Representation) -> Result<()> {
    while let Some(child) = source.child()? {
        if child.name() != "SentinelValue" {
            source.skip()?;
            continue;
        }
        let value = child.attribute("value").unwrap_or_default().to_owned();
        let mut named = Named::default();
        while let Some(inner) = source.child()? {
            named.take(source, &inner)?;
        }
        let Named { names, descriptions, .. } = named;
        found.sentinels.push(SentinelValue { value, names, descriptions });
    }
    Ok(())
}

/// The facets as written. The name of the type is one, because [`TextType`] has fewer.
pub(super) fn facets(tag: &Tag) -> impl Iterator<Item = (String, String)> {
    let own = |name: &str| !name.contains(':') && name != "xmlns";
    tag.attributes().iter().filter(move |(name, _)| own(name)).cloned()
}

/// Source: SDMX 2.1 section 3A, schema `common`, `DataType`.
fn text_type(name: &str) -> TextType {
    match name.trim() {
        "BigInteger" | "Integer" | "Long" | "Short" | "Count" => TextType::Integer,
        "Decimal" | "InclusiveValueRange" | "ExclusiveValueRange" | "Incremental" => {
            TextType::Decimal
        }
        "Float" | "Double" => TextType::Double,
        "Boolean" => TextType::Boolean,
        "ObservationalTimePeriod"
        | "StandardTimePeriod"
        | "BasicTimePeriod"
        | "GregorianTimePeriod"
        | "GregorianYear"
        | "GregorianYearMonth"
        | "GregorianDay"
        | "ReportingTimePeriod"
        | "ReportingYear"
        | "ReportingSemester"
        | "ReportingTrimester"
        | "ReportingQuarter"
        | "ReportingMonth"
        | "ReportingWeek"
        | "ReportingDay"
        | "DateTime"
        | "TimeRange" => TextType::Period,
        _ => TextType::Text,
    }
}
