//! Item schemes cut to the items that are used.
//!
//! Source: SDMX REST 2.2.2, `doc/structures.md`, `detail=referencepartial`.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::{Artefact, ArtefactId, Artefacts, Codelist, ConceptRef, ConceptScheme};
use crate::model::{DataStructure, HierarchyNode, Representation};
use crate::sdmx::structure::mention::{ListedCodes, listed_codes, mentions};

/// The items of a scheme that are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Items {
    All,
    Some(HashSet<String>),
}

impl Items {
    fn add(&mut self, others: Self) {
        match (self, others) {
            (Self::Some(items), Self::Some(others)) => items.extend(others),
            (all, Self::All) => *all = Self::All,
            (Self::All, Self::Some(_)) => {}
        }
    }
}

/// The items that a set of artefacts uses, by the scheme that they are in.
#[derive(Debug, Default)]
pub(super) struct Used {
    codes: HashMap<ArtefactId, Items>,
    concepts: HashMap<ArtefactId, Items>,
}

/// The codes that components of a structure may have; those that are not here may have any.
pub(super) type Allowed = BTreeMap<String, HashSet<String>>;

impl Used {
    /// Adds what a structure uses. A codelist that several components share has the codes of all of
    /// them.
    pub(super) fn add_structure(
        &mut self,
        artefacts: &Artefacts,
        structure: &DataStructure,
        allowed: &Allowed,
    ) {
        for part in parts(structure) {
            self.add_concepts_of(&part);
            if let Some(list) = codelist(artefacts, part.concept, part.representation) {
                let codes = allowed.get(part.id).cloned().map_or(Items::All, Items::Some);
                self.add_codes(list, codes);
            }
        }
    }

    /// Adds the concepts of a component, and the scheme whose concepts are its codes.
    pub(super) fn add_concepts_of(&mut self, part: &Part<'_>) {
        for ConceptRef { scheme, concept } in part.concept.into_iter().chain(part.roles) {
            self.add_concepts(scheme, Items::Some(HashSet::from([concept.clone()])));
        }
        if let Some(scheme) = part.representation.and_then(|own| own.concepts.as_ref()) {
            self.add_concepts(scheme, Items::All);
        }
    }

    /// Adds the codes that hierarchies are made of.
    pub(super) fn add_hierarchy(&mut self, nodes: &[HierarchyNode]) {
        let mut next: Vec<&HierarchyNode> = nodes.iter().collect();
        while let Some(node) = next.pop() {
            self.add_codes(&node.codelist, Items::Some(HashSet::from([node.code.clone()])));
            next.extend(&node.children);
        }
    }

    pub(super) fn add_codes(&mut self, list: &ArtefactId, codes: Items) {
        let known = self.codes.entry(list.clone());
        known.or_insert_with(|| Items::Some(HashSet::new())).add(codes);
    }

    fn add_concepts(&mut self, scheme: &ArtefactId, concepts: Items) {
        let known = self.concepts.entry(scheme.clone());
        known.or_insert_with(|| Items::Some(HashSet::new())).add(concepts);
    }

    /// Adds the codelists of the concepts that are used, where no component decides about them.
    pub(super) fn add_core_codelists(&mut self, scheme: &ConceptScheme) {
        for concept in &cut_concepts(scheme, self).unwrap_or_else(|| scheme.clone()).concepts {
            let list = concept.representation.as_ref().and_then(|own| own.codelist.as_ref());
            if let Some(list) = list.filter(|list| !self.codes.contains_key(*list)) {
                self.codes.insert(list.clone(), Items::All);
            }
        }
    }

    /// Whether anything uses a concept scheme.
    pub(super) fn has_concepts(&self, scheme: &ArtefactId) -> bool {
        self.concepts.contains_key(scheme)
    }

    /// Whether anything uses a codelist.
    pub(super) fn has_codelist(&self, list: &ArtefactId) -> bool {
        self.codes.contains_key(list)
    }
}

/// What the components of a structure have in common.
pub(super) struct Part<'a> {
    pub(super) id: &'a str,
    pub(super) concept: Option<&'a ConceptRef>,
    roles: &'a [ConceptRef],
    pub(super) representation: Option<&'a Representation>,
}

/// All components of a structure.
pub(super) fn parts(structure: &DataStructure) -> impl Iterator<Item = Part<'_>> {
    let dimensions = structure.dimensions.iter().chain(&structure.time).map(|d| Part {
        id: &d.id,
        concept: d.concept.as_ref(),
        roles: &d.roles,
        representation: d.representation.as_ref(),
    });
    let attributes = structure.attributes.iter().map(|a| Part {
        id: &a.id,
        concept: a.concept.as_ref(),
        roles: &a.roles,
        representation: a.representation.as_ref(),
    });
    let measures = structure.measures.iter().map(|m| Part {
        id: &m.id,
        concept: m.concept.as_ref(),
        roles: &m.roles,
        representation: m.representation.as_ref(),
    });
    dimensions.chain(attributes).chain(measures)
}

/// The codelist of a component: its own, else that of its concept.
pub(super) fn codelist<'a>(
    artefacts: &'a Artefacts,
    concept: Option<&ConceptRef>,
    own: Option<&'a Representation>,
) -> Option<&'a ArtefactId> {
    if own.is_some() {
        return own.and_then(|own| own.codelist.as_ref());
    }
    let ConceptRef { scheme, concept } = concept?;
    let scheme = artefacts.concept_scheme(scheme)?;
    let found = scheme.concepts.iter().find(|known| known.id == *concept)?;
    found.representation.as_ref()?.codelist.as_ref()
}

/// What the constraints on a structure, and those on any of some dataflows of it, allow together.
pub(super) fn allowed(
    artefacts: &Artefacts,
    structure: &DataStructure,
    flows: &[&ArtefactId],
) -> Allowed {
    let constraints: Vec<_> = artefacts
        .iter()
        .filter_map(|artefact| match artefact {
            Artefact::Other { class, xml, .. }
                if class == "ContentConstraint" || class == "DataConstraint" =>
            {
                Some((mentions(xml), xml))
            }
            _ => None,
        })
        .collect();
    let listed_on = |target: &ArtefactId| -> Vec<BTreeMap<String, ListedCodes>> {
        let on = constraints.iter().filter(|(on, _)| on.iter().any(|m| m.id == *target));
        on.map(|(_, xml)| listed_codes(xml)).collect()
    };
    let of_structure = listed_on(&structure.identity.id);
    let of_flows: Vec<_> = flows.iter().map(|flow| listed_on(flow)).collect();
    let mut all = Allowed::new();
    for Part { id, concept, representation, .. } in parts(structure) {
        let is_listed = |listed: &Vec<BTreeMap<String, ListedCodes>>| {
            listed.iter().any(|constraint| constraint.contains_key(id))
        };
        // A dataflow that lists nothing allows everything, whatever others do.
        let has_flows = !of_flows.is_empty() && of_flows.iter().all(is_listed);
        if !has_flows && !is_listed(&of_structure) {
            continue;
        }
        let Some(list) = codelist(artefacts, concept, representation) else { continue };
        let list = artefacts.codelist(list).and_then(|list| artefacts.extended(list).ok());
        let Some(list) = list else { continue };
        let mut codes: HashSet<String> = list.codes.iter().map(|code| code.id.clone()).collect();
        if has_flows {
            let of_any = of_flows.iter().flat_map(|flow| of_all(&list, flow, id));
            codes = of_any.collect();
        }
        let of_structure = of_all(&list, &of_structure, id);
        codes.retain(|code| of_structure.contains(code));
        all.insert(id.to_owned(), codes);
    }
    all
}

/// The codes that all of some constraints allow.
fn of_all(
    list: &Codelist,
    constraints: &[BTreeMap<String, ListedCodes>],
    component: &str,
) -> HashSet<String> {
    let mut codes: HashSet<String> = list.codes.iter().map(|code| code.id.clone()).collect();
    for listed in constraints.iter().filter_map(|constraint| constraint.get(component)) {
        let named = named(list, listed);
        codes.retain(|code| named.contains(code.as_str()) == listed.is_included);
    }
    codes
}

/// The codes that a constraint names, with those below where it says so.
fn named<'a>(list: &'a Codelist, listed: &'a ListedCodes) -> HashSet<&'a str> {
    let mut found: HashSet<&str> = listed.codes.iter().map(|(code, _)| code.as_str()).collect();
    let roots = listed.codes.iter().filter(|(_, cascade)| *cascade);
    let mut next: Vec<&str> = roots.map(|(code, _)| code.as_str()).collect();
    if next.is_empty() {
        return found;
    }
    let mut below: HashMap<&str, Vec<&str>> = HashMap::new();
    for code in &list.codes {
        if let Some(parent) = &code.parent {
            below.entry(parent).or_default().push(&code.id);
        }
    }
    while let Some(code) = next.pop() {
        for child in below.remove(code).into_iter().flatten() {
            found.insert(child);
            next.push(child);
        }
    }
    found
}

/// A codelist with the codes that are used and those above them; absent if that is all of it, or
/// if nothing says what is used.
pub(super) fn cut_codes(list: &Codelist, used: &Used) -> Option<Codelist> {
    let Items::Some(codes) = used.codes.get(&list.identity.id)? else { return None };
    let tree = list.codes.iter().map(|code| (code.id.as_str(), code.parent.as_deref()));
    let kept = with_parents(tree, codes.iter().map(String::as_str));
    keep_codes(list, |id| kept.contains(id))
}

/// A codelist with some of its codes; absent if these are all.
pub(super) fn keep_codes(list: &Codelist, is_kept: impl Fn(&str) -> bool) -> Option<Codelist> {
    if list.codes.iter().all(|code| is_kept(&code.id)) {
        return None;
    }
    let codes = list.codes.iter().filter(|code| is_kept(&code.id)).cloned().collect();
    let identity = list.identity.clone();
    let (is_value_list, extensions) = (list.is_value_list, list.extensions.clone());
    Some(Codelist { identity, is_partial: true, codes, is_value_list, extensions })
}

/// A concept scheme with the concepts that are used and those above them; absent if that is all of
/// it, or if nothing says what is used.
pub(super) fn cut_concepts(scheme: &ConceptScheme, used: &Used) -> Option<ConceptScheme> {
    let Items::Some(concepts) = used.concepts.get(&scheme.identity.id)? else { return None };
    let tree = scheme.concepts.iter().map(|known| (known.id.as_str(), known.parent.as_deref()));
    let kept = with_parents(tree, concepts.iter().map(String::as_str));
    keep_concepts(scheme, |id| kept.contains(id))
}

/// A concept scheme with some of its concepts; absent if these are all.
pub(super) fn keep_concepts(
    scheme: &ConceptScheme,
    is_kept: impl Fn(&str) -> bool,
) -> Option<ConceptScheme> {
    if scheme.concepts.iter().all(|concept| is_kept(&concept.id)) {
        return None;
    }
    let concepts = scheme.concepts.iter().filter(|concept| is_kept(&concept.id)).cloned();
    let concepts = concepts.collect();
    Some(ConceptScheme { identity: scheme.identity.clone(), concepts, is_partial: true })
}

/// Items and all above them, in a tree of items and their parents.
pub(super) fn with_parents<'a>(
    tree: impl Iterator<Item = (&'a str, Option<&'a str>)>,
    items: impl Iterator<Item = &'a str>,
) -> HashSet<&'a str> {
    let parents: HashMap<&str, &str> =
        tree.filter_map(|(item, parent)| Some((item, parent?))).collect();
    let mut found = HashSet::new();
    for item in items {
        let mut next = Some(item);
        while let Some(item) = next.filter(|item| found.insert(*item)) {
            next = parents.get(item).copied();
        }
    }
    found
}
