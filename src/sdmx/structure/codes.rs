//! Codelists and concept schemes.
//!
//! Value lists are read as codelists, and so are geographic ones, of which the shapes and the grid
//! (`GeoFeatureSetCode/@value`, `GeoCell`, `GridDefinition`) are not kept.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::model::{Cascade, Code, CodeSelection, Codelist, CodelistExtension, Concept};
use crate::model::{ConceptScheme, IsoConcept, MemberValue};
use crate::sdmx::structure::named::Named;
use crate::sdmx::structure::reference::{Reference, artefact_id, required};
use crate::sdmx::structure::representation::representation;
use crate::sdmx::xml::{Source, Tag};

pub(super) fn codelist<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Codelist> {
    let id = artefact_id(source, tag)?;
    let (mut named, mut codes, mut extensions) = (Named::default(), Vec::new(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "Code" | "ValueItem" | "GeoFeatureSetCode" | "GeoGridCode" => {
                codes.push(code(source, &child)?);
            }
            "CodelistExtension" => extensions.push(extension(source, &child)?),
            _ => named.take(source, &child)?,
        }
    }
    Ok(Codelist {
        identity: named.identity(id, tag),
        is_partial: tag.is_true("isPartial"),
        codes,
        is_value_list: tag.name() == "ValueList",
        extensions,
    })
}

fn code<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Code> {
    let id = required(source, tag, "id")?;
    let (mut named, mut parent) = (Named::default(), None);
    while let Some(child) = source.child()? {
        match child.name() {
            "Parent" => parent = Some(Reference::read(source, &child)?.local()),
            _ => named.take(source, &child)?,
        }
    }
    let Named { names, descriptions, annotations } = named;
    Ok(Code { id, names, descriptions, parent, annotations })
}

fn extension<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<CodelistExtension> {
    let (mut codelist, mut selection) = (None, None);
    while let Some(child) = source.child()? {
        match child.name() {
            "Codelist" => codelist = Some(Reference::read(source, &child)?.artefact(source)?),
            "InclusiveCodeSelection" => selection = Some(CodeSelection::Only(members(source)?)),
            "ExclusiveCodeSelection" => selection = Some(CodeSelection::AllBut(members(source)?)),
            _ => source.skip()?,
        }
    }
    let reason = "CodelistExtension says not which codelist";
    let codelist = codelist.ok_or_else(|| source.error(tag.at, reason))?;
    Ok(CodelistExtension {
        codelist,
        prefix: tag.attribute("prefix").map(str::to_owned),
        selection,
    })
}

fn members<R: BufRead>(source: &mut Source<'_, R>) -> Result<Vec<MemberValue>> {
    let mut members = Vec::new();
    while let Some(child) = source.child()? {
        if child.name() != "MemberValue" {
            source.skip()?;
            continue;
        }
        let cascade = match child.attribute("cascadeValues").map(str::trim) {
            Some("true" | "1") => Cascade::Below,
            Some("excluderoot") => Cascade::OnlyBelow,
            _ => Cascade::No,
        };
        members.push(MemberValue { value: source.text()?, cascade });
    }
    Ok(members)
}

pub(super) fn concept_scheme<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
) -> Result<ConceptScheme> {
    let id = artefact_id(source, tag)?;
    let (mut named, mut concepts) = (Named::default(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "Concept" => concepts.push(concept(source, &child)?),
            _ => named.take(source, &child)?,
        }
    }
    let is_partial = tag.is_true("isPartial");
    Ok(ConceptScheme { identity: named.identity(id, tag), concepts, is_partial })
}

fn concept<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Concept> {
    let mut found = Concept { id: required(source, tag, "id")?, ..Concept::default() };
    let mut named = Named::default();
    while let Some(child) = source.child()? {
        match child.name() {
            "CoreRepresentation" => found.representation = Some(representation(source, &child)?),
            "Parent" => found.parent = Some(Reference::read(source, &child)?.local()),
            "ISOConceptReference" => found.iso = Some(iso_concept(source)?),
            _ => named.take(source, &child)?,
        }
    }
    let Named { names, descriptions, annotations } = named;
    Ok(Concept { names, descriptions, annotations, ..found })
}

fn iso_concept<R: BufRead>(source: &mut Source<'_, R>) -> Result<IsoConcept> {
    let mut found = IsoConcept::default();
    while let Some(child) = source.child()? {
        match child.name() {
            "ConceptAgency" => found.agency = source.text()?,
            "ConceptSchemeID" => found.scheme = source.text()?,
            "ConceptID" => found.concept = source.text()?,
            _ => source.skip()?,
        }
    }
    Ok(found)
}
