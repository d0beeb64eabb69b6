//! The artefacts that describe the data of one dataflow or structure, and no more of them than that.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::model::{Artefact, ArtefactClass, ArtefactId, Artefacts, Availability, DataStructure};
use crate::model::{Detail, References};
use crate::sdmx::structure::partial::{Items, Used, allowed, codelist, parts};
use crate::sdmx::structure::select::{Form, Selected, shown_along};

/// Selects what a receiver must know to write or check data of a dataflow or structure: the
/// structure, the codes that constraints allow, the concepts that are used.
///
/// Source: SDMX REST 2.2.2, `doc/schema.md`, "Response types".
///
/// # Errors
///
/// [`Error::NotFound`] if it is not there; [`Error::Unsupported`] for other classes.
pub fn select_schema<'a>(
    artefacts: &'a Artefacts,
    class: &ArtefactClass,
    id: &ArtefactId,
) -> Result<Selected<'a>> {
    let (structure, kind) = match class {
        ArtefactClass::Dataflow => (artefacts.dataflow(id).map(|flow| &flow.structure), "dataflow"),
        ArtefactClass::DataStructure => (Some(id), "data structure"),
        other => {
            return Err(Error::Unsupported { what: format!("a schema of {}", other.name()) });
        }
    };
    let structure = structure.and_then(|id| artefacts.data_structure(id));
    let structure = structure.ok_or_else(|| Error::not_found(kind, id.to_string()))?;
    let flows: &[&ArtefactId] = if *class == ArtefactClass::Dataflow { &[id] } else { &[] };
    let mut used = Used::default();
    used.add_structure(artefacts, structure, &allowed(artefacts, structure, flows));
    chosen(artefacts, &used, |artefact| match artefact {
        Artefact::Codelist(_) | Artefact::ConceptScheme(_) => true,
        Artefact::DataStructure(other) => other.identity.id == structure.identity.id,
        Artefact::HierarchicalCodelist(_) | Artefact::Dataflow(_) | Artefact::Other { .. } => false,
    })
}

/// Selects what comes along with an availability: of codelists the codes that are available and
/// those above them, of concept schemes the concepts of what is listed; with the structure itself,
/// what its other components use too.
///
/// Source: SDMX REST 2.2.2, `doc/availability.md`, "Referenced structures".
///
/// # Errors
///
/// [`Error::NotFound`] if the dataflow or its structure is not there.
pub fn select_available<'a>(
    artefacts: &'a Artefacts,
    availability: &Availability,
    references: &[References],
) -> Result<Selected<'a>> {
    let flow = artefacts.dataflow(&availability.flow);
    let flow = flow.ok_or_else(|| Error::not_found("dataflow", availability.flow.to_string()))?;
    let structure = artefacts.data_structure(&flow.structure);
    let structure =
        structure.ok_or_else(|| Error::not_found("data structure", flow.structure.to_string()))?;
    let is_wanted = |class: &ArtefactClass| {
        references.iter().any(|reference| match reference {
            References::All | References::Descendants => true,
            References::Children => *class == ArtefactClass::Dataflow,
            References::Class(wanted) => wanted == class,
            References::Parents | References::ParentsAndSiblings | References::Ancestors => false,
        })
    };
    let with_structure = is_wanted(&ArtefactClass::DataStructure);
    let used = available_items(artefacts, structure, availability, with_structure);
    chosen(artefacts, &used, |artefact| {
        let is_described = match artefact {
            Artefact::Dataflow(other) => other.identity.id == flow.identity.id,
            Artefact::DataStructure(other) => other.identity.id == structure.identity.id,
            Artefact::Codelist(_) | Artefact::ConceptScheme(_) => true,
            Artefact::HierarchicalCodelist(_) | Artefact::Other { .. } => false,
        };
        is_described && is_wanted(&artefact.class())
    })
}

/// The codes that are available, and the concepts of what is listed. A list that only attributes
/// and measures use is whole, as nothing is known of their codes.
fn available_items(
    artefacts: &Artefacts,
    structure: &DataStructure,
    availability: &Availability,
    with_structure: bool,
) -> Used {
    let mut used = Used::default();
    let is_time = |id: &str| structure.time.as_ref().is_some_and(|time| time.id == id);
    for part in parts(structure) {
        let listed = availability.dimensions.iter().find(|listed| listed.dimension == part.id);
        if with_structure || listed.is_some() || is_time(part.id) {
            used.add_concepts_of(&part);
        }
        let list = codelist(artefacts, part.concept, part.representation);
        if let (Some(list), Some(listed)) = (list, listed) {
            used.add_codes(list, Items::Some(listed.codes.iter().cloned().collect()));
        }
    }
    if with_structure {
        let lists = parts(structure).map(|p| codelist(artefacts, p.concept, p.representation));
        let others: HashSet<_> = lists.flatten().filter(|list| !used.has_codelist(list)).collect();
        for list in others {
            used.add_codes(list, Items::All);
        }
    }
    used
}

/// Those artefacts that are wanted, item schemes with the items that are used and only if there are
/// any.
fn chosen<'a>(
    artefacts: &'a Artefacts,
    used: &Used,
    is_wanted: impl Fn(&Artefact) -> bool,
) -> Result<Selected<'a>> {
    let mut selected = Selected::none_of(artefacts);
    for artefact in artefacts.iter().filter(|artefact| is_wanted(artefact)) {
        let is_used = match artefact {
            Artefact::Codelist(list) => used.has_codelist(&list.identity.id),
            Artefact::ConceptScheme(scheme) => used.has_concepts(&scheme.identity.id),
            _ => true,
        };
        if is_used {
            let shown = shown_along(artefacts, artefact, Form::Whole, Detail::Full, Some(used))?;
            selected.artefacts.extend(shown);
        }
    }
    Ok(selected)
}
