//! Which artefacts a query asks for, and how much of each.
//!
//! Source: SDMX REST 2.2.2, `doc/structures.md`; SDMX REST 1.5, section 4.3.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use crate::error::{Error, Result};
use crate::model::{Artefact, ArtefactId, Artefacts, ConceptScheme};
use crate::model::{Detail, HierarchicalCodelist, References, StructureQuery, VersionPattern};
use crate::sdmx::structure::classes::element;
use crate::sdmx::structure::graph::{Graph, Places};
use crate::sdmx::structure::partial::{Used, allowed, cut_codes, cut_concepts, keep_codes};
use crate::sdmx::structure::partial::{keep_concepts, with_parents};

/// What a structure message holds: artefacts by class and identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected<'a> {
    /// The artefacts.
    pub artefacts: Vec<SelectedArtefact<'a>>,
    /// The value lists among all codelists, whether selected or not: SDMX 3.0 refers to them by
    /// another class.
    pub value_lists: BTreeSet<ArtefactId>,
}

impl Selected<'_> {
    /// Nothing of these artefacts.
    pub(super) fn none_of(artefacts: &Artefacts) -> Self {
        let value_list = |artefact: &Artefact| match artefact {
            Artefact::Codelist(list) if list.is_value_list => Some(list.identity.id.clone()),
            _ => None,
        };
        let value_lists = artefacts.iter().filter_map(value_list).collect();
        Self { artefacts: Vec::new(), value_lists }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.artefacts.is_empty()
    }
}

/// An artefact of a message, and how much is said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedArtefact<'a> {
    /// The artefact as stored, or a copy with fewer items.
    pub artefact: Cow<'a, Artefact>,
    /// How much is said of it.
    pub form: Form,
}

/// How much is said of an artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All of it.
    Whole,
    /// Identifier and name.
    Stub,
    /// Identifier, name, description and annotations.
    CompleteStub,
}

/// Selects artefacts. Nothing that matches is an empty selection, not an error.
///
/// # Errors
///
/// [`Error::Invalid`] if items are asked of what has none, or if a list takes over codes of one
/// that is nowhere; [`Error::Unsupported`] if items are asked of a class that is kept as XML.
pub fn select<'a>(artefacts: &'a Artefacts, query: &StructureQuery) -> Result<Selected<'a>> {
    let all: Vec<&Artefact> = artefacts.iter().collect();
    let matches = matching(&all, query);
    let mut chosen = matches.clone();
    let mut used = None;
    if !query.references.is_empty() {
        let graph = Graph::new(artefacts);
        chosen.extend(graph.along(&matches, &query.references));
        if query.detail == Detail::ReferencePartial {
            used = Some(used_items(artefacts, &graph, &matches, &chosen));
        }
    }
    let mut selected = Selected::none_of(artefacts);
    for place in chosen {
        let Some(artefact) = all.get(place) else { continue };
        let shown = if matches.contains(&place) {
            let form = match query.detail {
                Detail::AllStubs => Form::Stub,
                Detail::AllCompleteStubs => Form::CompleteStub,
                _ => Form::Whole,
            };
            shown(artefacts, artefact, form, query)?
        } else {
            let form = match query.detail {
                Detail::AllStubs | Detail::ReferenceStubs => Form::Stub,
                Detail::AllCompleteStubs | Detail::ReferenceCompleteStubs => Form::CompleteStub,
                Detail::Full | Detail::ReferencePartial | Detail::Raw => Form::Whole,
            };
            shown_along(artefacts, artefact, form, query.detail, used.as_ref())?
        };
        selected.artefacts.extend(shown);
    }
    Ok(selected)
}

/// The places of the artefacts that match.
fn matching(all: &[&Artefact], query: &StructureQuery) -> Places {
    let has = |wanted: &[String], text: &str| wanted.is_empty() || wanted.iter().any(|w| w == text);
    let is_wanted = |artefact: &Artefact| {
        let ArtefactId { agency, id, .. } = &artefact.identity().id;
        let is_class = query.classes.is_empty() || query.classes.contains(&artefact.class());
        is_class && has(&query.agencies, agency) && has(&query.ids, id)
    };
    let key = |artefact: &Artefact| {
        let ArtefactId { agency, id, .. } = artefact.identity().id.clone();
        (artefact.class(), agency, id)
    };
    let mut found = Places::new();
    let mut first = 0;
    // Versions of one artefact stand side by side.
    for versions in all.chunk_by(|a, b| key(a) == key(b)) {
        let count = versions.len();
        if versions.first().is_some_and(|artefact| is_wanted(artefact)) {
            let texts = versions.iter().map(|artefact| artefact.identity().id.version.as_str());
            let chosen = VersionPattern::choose(&query.versions, texts);
            let is_chosen =
                |artefact: &&Artefact| chosen.contains(&artefact.identity().id.version.as_str());
            let places = (first..).zip(versions).filter(|(_, artefact)| is_chosen(artefact));
            found.extend(places.map(|(place, _)| place));
        }
        first += count;
    }
    // Where both an artefact and a stub of it are known, the stub says nothing new.
    let whole: HashSet<(&str, &ArtefactId)> = all
        .iter()
        .filter(|artefact| !matches!(artefact, Artefact::Other { .. }))
        .map(|artefact| (element(artefact), &artefact.identity().id))
        .collect();
    found.retain(|place| {
        all.get(*place).is_some_and(|artefact| {
            !matches!(artefact, Artefact::Other { .. })
                || !whole.contains(&(element(artefact), &artefact.identity().id))
        })
    });
    found
}

/// A match, with the items that are asked for; absent if it has none of them.
fn shown<'a>(
    artefacts: &Artefacts,
    artefact: &'a Artefact,
    form: Form,
    query: &StructureQuery,
) -> Result<Option<SelectedArtefact<'a>>> {
    let filled = filled(artefacts, artefact, query.detail)?;
    if query.items.is_empty() {
        return Ok(Some(SelectedArtefact { artefact: filled, form }));
    }
    let at = || format!("{} {}", artefact.class().name(), artefact.identity().id);
    let cut = match &*filled {
        Artefact::Codelist(list) => {
            let tree = list.codes.iter().map(|code| (code.id.as_str(), code.parent.as_deref()));
            let kept = wanted_items(tree, &query.items);
            let is_empty = !list.codes.iter().any(|code| kept.contains(code.id.as_str()));
            let cut = keep_codes(list, |id| kept.contains(id));
            (is_empty, cut.map(Artefact::Codelist))
        }
        Artefact::ConceptScheme(scheme) => {
            let tree = scheme.concepts.iter().map(|c| (c.id.as_str(), c.parent.as_deref()));
            let kept = wanted_items(tree, &query.items);
            let is_empty = !scheme.concepts.iter().any(|c| kept.contains(c.id.as_str()));
            let cut = keep_concepts(scheme, |id| kept.contains(id));
            (is_empty, cut.map(Artefact::ConceptScheme))
        }
        Artefact::HierarchicalCodelist(list) => {
            let mut cut: HierarchicalCodelist = list.clone();
            cut.hierarchies.retain(|hierarchy| query.items.contains(&hierarchy.id));
            (cut.hierarchies.is_empty(), Some(Artefact::HierarchicalCodelist(cut)))
        }
        Artefact::DataStructure(_) | Artefact::Dataflow(_) => {
            return Err(Error::invalid(at(), "has no items; leave the last part of the path out"));
        }
        Artefact::Other { .. } => {
            return Err(Error::Unsupported { what: format!("asking for items of {}", at()) });
        }
    };
    Ok(match cut {
        (true, _) => None,
        (false, Some(cut)) => Some(SelectedArtefact { artefact: Cow::Owned(cut), form }),
        (false, None) => Some(SelectedArtefact { artefact: filled, form }),
    })
}

/// The items that a query names: alone, or with all above where the identifier is nested.
fn wanted_items<'a>(
    tree: impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone,
    wanted: &'a [String],
) -> HashSet<&'a str> {
    let nested = wanted.iter().filter_map(|id| Some(id.rsplit_once('.')?.1));
    let mut found = with_parents(tree.clone(), nested);
    let alone: HashSet<&str> = wanted.iter().map(String::as_str).collect();
    found.extend(tree.map(|(id, _)| id).filter(|id| alone.contains(id)));
    found
}

/// An artefact that comes along; absent if nothing that is shown uses it any more.
pub(super) fn shown_along<'a>(
    artefacts: &Artefacts,
    artefact: &'a Artefact,
    form: Form,
    detail: Detail,
    used: Option<&Used>,
) -> Result<Option<SelectedArtefact<'a>>> {
    if let (Some(used), Artefact::Codelist(list)) = (used, artefact)
        && !used.has_codelist(&list.identity.id)
    {
        return Ok(None);
    }
    let filled = filled(artefacts, artefact, detail)?;
    let cut = used.and_then(|used| match &*filled {
        Artefact::Codelist(list) => cut_codes(list, used).map(Artefact::Codelist),
        Artefact::ConceptScheme(scheme) => cut_concepts(scheme, used).map(Artefact::ConceptScheme),
        _ => None,
    });
    let artefact = cut.map_or(filled, Cow::Owned);
    Ok(Some(SelectedArtefact { artefact, form }))
}

/// An artefact with every code that it takes over from others, unless these are not wanted.
fn filled<'a>(
    artefacts: &Artefacts,
    artefact: &'a Artefact,
    detail: Detail,
) -> Result<Cow<'a, Artefact>> {
    match artefact {
        Artefact::Codelist(list) if !list.extensions.is_empty() && detail != Detail::Raw => {
            Ok(Cow::Owned(Artefact::Codelist(artefacts.extended(list)?)))
        }
        _ => Ok(Cow::Borrowed(artefact)),
    }
}

/// The items that the matches use, and what else is shown of their kind.
fn used_items(artefacts: &Artefacts, graph: &Graph<'_>, matches: &Places, chosen: &Places) -> Used {
    let mut below = graph.along(matches, &[References::Descendants]);
    below.extend(matches);
    let flows: Vec<_> = below
        .iter()
        .filter_map(|place| match graph.get(*place) {
            Some(Artefact::Dataflow(flow)) => Some(flow),
            _ => None,
        })
        .collect();
    below.extend(chosen);
    let mut used = Used::default();
    let mut schemes: Vec<&ConceptScheme> = Vec::new();
    for place in &below {
        match graph.get(*place) {
            Some(Artefact::DataStructure(structure)) => {
                let of_it = flows.iter().filter(|flow| flow.structure == structure.identity.id);
                let of_it: Vec<&ArtefactId> = of_it.map(|flow| &flow.identity.id).collect();
                let allowed = allowed(artefacts, structure, &of_it);
                used.add_structure(artefacts, structure, &allowed);
            }
            Some(Artefact::HierarchicalCodelist(list)) => {
                list.hierarchies.iter().for_each(|h| used.add_hierarchy(&h.nodes));
            }
            Some(Artefact::ConceptScheme(scheme)) => schemes.push(scheme),
            Some(Artefact::Codelist(_) | Artefact::Dataflow(_) | Artefact::Other { .. }) | None => {
            }
        }
    }
    schemes.into_iter().for_each(|scheme| used.add_core_codelists(scheme));
    used
}
