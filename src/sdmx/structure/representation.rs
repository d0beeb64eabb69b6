//! The values that a concept or component may have.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::model::{Representation, TextType};
use crate::sdmx::structure::reference::Reference;
use crate::sdmx::structure::source::{Source, Tag};

/// The facet that names the concept scheme whose concepts a measure dimension takes as its codes.
pub(super) const CONCEPT_SCHEME_FACET: &str = "conceptScheme";

/// Reads a `LocalRepresentation` or `CoreRepresentation`, up to its end.
pub(super) fn representation<R: BufRead>(source: &mut Source<'_, R>) -> Result<Representation> {
    let mut found = Representation::default();
    while let Some(child) = source.child()? {
        match child.name() {
            "TextFormat" => {
                text_format(source, &child, &mut found)?;
                source.skip()?;
            }
            "EnumerationFormat" => {
                // It says how codes look, which the codelist decides.
                found.facets.extend(facets(&child));
                source.skip()?;
            }
            "Enumeration" => {
                let list = Reference::read(source, &child)?;
                let id = list.artefact(source)?;
                if list.class.as_deref() == Some("ConceptScheme") {
                    found.facets.push((CONCEPT_SCHEME_FACET.to_owned(), id.to_string()));
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
    let length = |name: &str| match tag.attribute(name) {
        None => Ok(None),
        Some(text) => {
            let reason = || format!("{name} is {text:?}, which is no whole number");
            let parsed = text.trim().parse::<u64>();
            parsed.map(Some).map_err(|_| source.error(tag.at, reason()))
        }
    };
    found.length_min = length("minLength")?;
    found.length_max = length("maxLength")?;
    found.text_type = Some(tag.attribute("textType").map_or(TextType::Text, text_type));
    let others = facets(tag).filter(|(name, _)| name != "minLength" && name != "maxLength");
    found.facets.extend(others);
    Ok(())
}

/// The facets as written. The name of the type is one, because [`TextType`] has fewer.
fn facets(tag: &Tag) -> impl Iterator<Item = (String, String)> {
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
