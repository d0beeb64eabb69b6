//! Requests for structures and schemas.
//!
//! Source: SDMX REST 1.5, sections 4.3 and 4.7; SDMX REST 2.2.2, `doc/structures.md` and
//! `doc/schema.md`.

use crate::error::{Error, Result};
use crate::model::{Detail, References, StructureQuery, VersionPattern, classes_of_resource};
use crate::sdmx::request::availability::take_references;
use crate::sdmx::request::data::{known, take_moment};
use crate::sdmx::request::flow::{agencies, ids, is_id, list};
use crate::sdmx::request::text::{Parameters, decode, not_one_of, parameter, part, split_encoded};

/// The words of `detail`.
const DETAILS: [&str; 7] = [
    "full",
    "allstubs",
    "referencestubs",
    "allcompletestubs",
    "referencecompletestubs",
    "referencepartial",
    "raw",
];

/// Parses a request of REST 1.5, `/{artefactType}/{agencyID}/{resourceID}/{version}/{itemID}`.
///
/// # Errors
///
/// [`Error::NotFound`] if there is no such resource; [`Error::Syntax`] that names the parameter.
pub(super) fn parse_v1(
    resource: &str,
    parts: &[&str],
    parameters: Parameters<'_>,
) -> Result<StructureQuery> {
    let classes =
        if resource == "structure" { Some(Vec::new()) } else { classes_of_resource(resource) };
    let classes = classes.ok_or_else(|| Error::not_found("resource", resource))?;
    // Some clients leave out the identifier, and mean every one: `/dataflow/ECB/latest`.
    let filled = match *parts {
        [agency, "latest"] => vec![agency, "all", "latest"],
        _ => parts.to_vec(),
    };
    let query = parse(&filled, '+', VersionPattern::parse_v1, parameters)?;
    Ok(StructureQuery { classes, ..query })
}

/// Parses what follows `/structure` in REST 2.2:
/// `{artefactType}/{agencyID}/{resourceID}/{version}/{itemID}`.
///
/// # Errors
///
/// [`Error::Syntax`] that names the parameter.
pub(super) fn parse_v2(parts: &[&str], parameters: Parameters<'_>) -> Result<StructureQuery> {
    let (kind, rest) = parts.split_first().map_or(("*", parts), |(kind, rest)| (*kind, rest));
    let at = part("artefactType");
    let mut classes = Vec::new();
    for raw in split_encoded(kind, ',') {
        let word = decode(raw, &at)?;
        if matches!(word.as_str(), "*" | "all" | "") {
            classes.clear();
            break;
        }
        let found = classes_of_resource(&word).ok_or_else(|| {
            let reason = format!(
                "is {word:?}; it is a kind of artefact such as dataflow, datastructure, codelist, \
                 conceptscheme, or * for any"
            );
            Error::syntax(at.clone(), reason)
        })?;
        classes.extend(found);
    }
    let query = parse(rest, ',', VersionPattern::parse_v2, parameters)?;
    Ok(StructureQuery { classes, ..query })
}

fn parse(
    parts: &[&str],
    separator: char,
    versions: fn(&str) -> Result<Vec<VersionPattern>>,
    mut parameters: Parameters<'_>,
) -> Result<StructureQuery> {
    if parts.len() > 4 {
        let reason = "has too many parts: there are kind, agency, id, version and item";
        return Err(Error::syntax("the path", reason));
    }
    let at = |index: usize| parts.get(index).copied().filter(|part| !part.is_empty());
    let versions = match at(2) {
        None => vec![VersionPattern::LATEST],
        Some(text) => versions(&decode(text, &part("version"))?)?,
    };
    let references = take_references(&mut parameters, &[])?;
    let detail = match parameters.take("detail")? {
        None => Detail::Full,
        Some(word) => {
            Detail::parse(&word).ok_or_else(|| not_one_of(parameter("detail"), &word, &DETAILS))?
        }
    };
    let as_of = take_moment(&mut parameters, "asOf")?;
    parameters.finish(&known(&["detail", "references", "asOf"]), |_| None)?;
    Ok(StructureQuery {
        classes: Vec::new(),
        agencies: list(at(0), "agencyID", separator, agencies)?,
        ids: list(at(1), "resourceID", separator, ids)?,
        versions,
        items: list(at(3), "itemID", separator, items)?,
        references,
        as_of,
        detail,
    })
}

/// One item, perhaps with those above it (`A.A1`), or none for all.
fn items(text: &str, at: &str) -> Result<Vec<String>> {
    if text == "*" || text == "all" {
        return Ok(Vec::new());
    }
    if !text.split('.').all(is_id) {
        return Err(Error::syntax(at, format!("is {text:?}; an item is like A or A.A1")));
    }
    Ok(vec![text.to_owned()])
}

/// Parses what follows `/schema`, `{context}/{agencyID}/{resourceID}/{version}`, as the structures
/// that say which data are valid.
///
/// # Errors
///
/// [`Error::Syntax`] that names the parameter.
pub(super) fn parse_schema(
    parts: &[&str],
    versions: fn(&str) -> Result<Vec<VersionPattern>>,
    mut parameters: Parameters<'_>,
) -> Result<StructureQuery> {
    const CONTEXTS: [&str; 6] = [
        "datastructure",
        "metadatastructure",
        "dataflow",
        "metadataflow",
        "provisionagreement",
        "metadataprovisionagreement",
    ];
    let (context, agency, id, version) = match *parts {
        [context, agency, id] => (context, agency, id, None),
        [context, agency, id, version] => (context, agency, id, Some(version)),
        _ => {
            let reason = "must be /schema/{context}/{agencyID}/{resourceID}/{version}, the last \
                          optional";
            return Err(Error::syntax("the path", reason));
        }
    };
    let classes = classes_of_resource(context).filter(|_| CONTEXTS.contains(&context));
    let classes = classes.ok_or_else(|| not_one_of(part("context"), context, &CONTEXTS))?;
    let versions = match version.filter(|text| !text.is_empty()) {
        None => vec![VersionPattern::LATEST],
        Some(text) => versions(&decode(text, &part("version"))?)?,
    };
    // These shape an XML schema; what a structure message says does not depend on them.
    for name in ["dimensionAtObservation", "explicitMeasure", "deletion"] {
        parameters.take(name)?;
    }
    let as_of = take_moment(&mut parameters, "asOf")?;
    let own = ["dimensionAtObservation", "explicitMeasure", "deletion", "asOf"];
    parameters.finish(&known(&own), |_| None)?;
    Ok(StructureQuery {
        classes,
        agencies: list(Some(agency), "agencyID", ',', agencies)?,
        ids: list(Some(id), "resourceID", ',', ids)?,
        versions,
        items: Vec::new(),
        references: vec![References::Descendants],
        as_of,
        detail: Detail::Full,
    })
}
