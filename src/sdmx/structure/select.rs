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
                for h in &list.hierarchies {
                    used.add_hierarchy(&h.nodes);
                }
            }
            Some(Artefact::ConceptScheme(scheme)) => schemes.push(scheme),
            Some(Artefact::Codelist(_) | Artefact::Dataflow(_) | Artefact::Other { .. }) | None => {
            }
        }
    }
    for scheme in schemes {
        used.add_core_codelists(scheme);
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ArtefactClass, classes_of_resource};
    use crate::sdmx::structure::describe::select_schema;
    use crate::sdmx::structure::read_structures;

    fn fixture() -> Artefacts {
        let text = include_str!("fixture.xml");
        Artefacts::from(read_structures(text.as_bytes(), "fixture.xml").unwrap())
    }

    /// What is selected, as text: identifiers, versions but 1.0, items that are left, `~` for stubs.
    fn shown(selected: &Selected<'_>) -> String {
        let texts = selected.artefacts.iter().map(|shown| {
            let ArtefactId { id, version, .. } = &shown.artefact.identity().id;
            let version = if version == "1.0" { "" } else { version };
            let items: Option<Vec<&str>> = match &*shown.artefact {
                Artefact::Codelist(list) if list.is_partial => {
                    Some(list.codes.iter().map(|code| code.id.as_str()).collect())
                }
                Artefact::ConceptScheme(scheme) if scheme.is_partial => {
                    Some(scheme.concepts.iter().map(|concept| concept.id.as_str()).collect())
                }
                _ => None,
            };
            let items = items.map(|items| format!("[{}]", items.join(","))).unwrap_or_default();
            let stub = if shown.form == Form::Whole { "" } else { "~" };
            format!("{id}{version}{items}{stub}")
        });
        texts.collect::<Vec<_>>().join(" ")
    }

    fn query(class: &str, id: &str, references: &str, detail: &str) -> StructureQuery {
        StructureQuery {
            classes: classes_of_resource(class).unwrap(),
            ids: if id.is_empty() { Vec::new() } else { vec![id.to_owned()] },
            references: References::parse(references).unwrap(),
            detail: Detail::parse(detail).unwrap(),
            ..StructureQuery::default()
        }
    }

    fn check(query: &StructureQuery, expected: &str) {
        assert_eq!(shown(&select(&fixture(), query).unwrap()), expected, "{query:?}");
    }

    #[test]
    fn selects_by_class_agency_id_and_version() {
        check(&query("dataflow", "", "none", "full"), "FLOW1.1 OTHER_FLOW");
        check(&query("codelist", "CL_FREQ", "none", "full"), "CL_FREQ");
        check(&query("agencyscheme", "", "none", "full"), "AGENCIES");
        check(&query("dataflow", "NOWHERE", "none", "full"), "");
        let all = VersionPattern::parse_v2("*").unwrap();
        let flows = query("dataflow", "", "none", "full");
        check(&StructureQuery { versions: all, ..flows.clone() }, "FLOW FLOW1.1 OTHER_FLOW");
        check(
            &StructureQuery { agencies: vec!["AG".into()], ..flows.clone() },
            "FLOW1.1 OTHER_FLOW",
        );
        check(&StructureQuery { agencies: vec!["A".into()], ..flows }, "");
    }

    #[test]
    fn items_come_alone_or_with_those_above() {
        let of = |items: &str| StructureQuery {
            items: items.split(',').map(str::to_owned).collect(),
            ..query("codelist", "CL_AREA", "none", "full")
        };
        check(&of("FR"), "CL_AREA[FR]");
        check(&of("FR,US"), "CL_AREA[FR,US]");
        check(&of("W.EU.FR"), "CL_AREA[W,EU,FR]");
        check(&of("NOWHERE"), "");
        let items = vec!["FREQ".to_owned()];
        let concepts = query("conceptscheme", "", "none", "full");
        check(&StructureQuery { items: items.clone(), ..concepts }, "CONCEPTS[FREQ]");
        let flows = query("dataflow", "", "none", "full");
        let refused =
            select(&fixture(), &StructureQuery { items: items.clone(), ..flows }).is_err();
        assert!(refused);
        let hierarchies = query("hierarchy", "", "none", "full");
        let hierarchies = StructureQuery { items: vec!["H2".into()], ..hierarchies };
        let all = fixture();
        let found = select(&all, &hierarchies).unwrap();
        let Artefact::HierarchicalCodelist(list) = &*found.artefacts[0].artefact else { panic!() };
        assert_eq!(list.hierarchies.len(), 1);
    }

    #[test]
    fn what_comes_along_is_said_in_part() {
        let flow = |detail: &str| StructureQuery {
            versions: VersionPattern::parse_v2("1.0").unwrap(),
            ..query("dataflow", "FLOW", "descendants", detail)
        };
        check(&flow("full"), "CL_AREA CL_FREQ CL_UNUSED CONCEPTS DSD FLOW AGENCIES");
        // The constraint allows France, and not daily data; no component uses the spare concept.
        check(
            &flow("referencepartial"),
            "CL_AREA[W,EU,FR] CL_FREQ[A,M] CONCEPTS[FREQ,AREA,TIME_PERIOD,OBS_VALUE,TITLE] DSD \
             FLOW AGENCIES",
        );
        check(
            &flow("referencestubs"),
            "CL_AREA~ CL_FREQ~ CL_UNUSED~ CONCEPTS~ DSD~ FLOW AGENCIES~",
        );
        check(&flow("allstubs"), "CL_AREA~ CL_FREQ~ CL_UNUSED~ CONCEPTS~ DSD~ FLOW~ AGENCIES~");
        // Nothing constrains the other dataflow.
        let expected = "CL_AREA CL_FREQ CONCEPTS[FREQ,AREA,TIME_PERIOD,OBS_VALUE,TITLE] DSD \
                        OTHER_FLOW AGENCIES";
        check(&query("dataflow", "OTHER_FLOW", "descendants", "referencepartial"), expected);
        check(
            &query("dataflow", "OTHER_FLOW", "codelist", "referencepartial"),
            "CL_AREA CL_FREQ OTHER_FLOW",
        );
    }

    #[test]
    fn a_schema_has_the_structure_and_what_it_uses() {
        let all = fixture();
        let of = |class: ArtefactClass, id: &str| {
            let id = ArtefactId::new("AG", id, "1.0");
            select_schema(&all, &class, &id).map(|found| shown(&found))
        };
        let concepts = "CONCEPTS[FREQ,AREA,TIME_PERIOD,OBS_VALUE,TITLE]";
        let expected = format!("CL_AREA[W,EU,FR] CL_FREQ[A,M] {concepts} DSD");
        assert_eq!(of(ArtefactClass::Dataflow, "FLOW").unwrap(), expected);
        let expected = format!("CL_AREA CL_FREQ {concepts} DSD");
        assert_eq!(of(ArtefactClass::DataStructure, "DSD").unwrap(), expected);
        assert!(of(ArtefactClass::Dataflow, "NOWHERE").is_err());
        assert!(of(ArtefactClass::Codelist, "CL_FREQ").is_err());
    }
}
