//! Which artefacts refer to which.
//!
//! Source: SDMX REST 2.2.2, `doc/structures.md`, "Applicability and meaning of references", and the
//! same table of SDMX REST 1.5, section 4.3.5.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::collections::{BTreeSet, HashMap};

use crate::model::{Artefact, ArtefactClass, ArtefactId, Artefacts, HierarchyNode, References};
use crate::sdmx::structure::agencies::AGENCY_SCHEME;
use crate::sdmx::structure::classes::element;
use crate::sdmx::structure::mention::mentions;

/// Who maintains the agencies that no other agency is above.
const TOP_AGENCY: &str = "SDMX";
/// The identifier of every agency scheme.
const AGENCIES: &str = "AGENCIES";

/// The classes that artefacts of a class refer to, one level down. Classes that are not here refer
/// to any. Every artefact refers to the scheme that has its agency too.
const CHILDREN: &[(&str, &[&str])] = &[
    ("AgencyScheme", &[]),
    ("AttachmentConstraint", CONSTRAINED),
    ("CategoryScheme", &[]),
    ("CategorySchemeMap", &["CategoryScheme", "ReportingTaxonomy"]),
    ("Codelist", &["Codelist"]),
    ("ConceptScheme", &["Codelist"]),
    ("ConceptSchemeMap", &["ConceptScheme"]),
    ("ContentConstraint", CONSTRAINED),
    ("CustomTypeScheme", &[]),
    ("DataConstraint", CONSTRAINED),
    ("DataConsumerScheme", &[]),
    ("DataProviderScheme", &[]),
    ("DataStructure", &["Codelist", "ConceptScheme", "MetadataStructure"]),
    ("Dataflow", &["DataStructure"]),
    ("HierarchicalCodelist", &["Codelist"]),
    (
        "MetadataConstraint",
        &[
            "Metadataflow",
            "MetadataProviderScheme",
            "MetadataProvisionAgreement",
            "MetadataStructure",
        ],
    ),
    ("MetadataProviderScheme", &[]),
    (
        "MetadataStructure",
        &[
            "AgencyScheme",
            "Codelist",
            "ConceptScheme",
            "DataConsumerScheme",
            "DataProviderScheme",
            "OrganisationUnitScheme",
        ],
    ),
    ("NamePersonalisationScheme", &[]),
    (
        "OrganisationSchemeMap",
        &[
            "DataConsumerScheme",
            "DataProviderScheme",
            "MetadataProviderScheme",
            "OrganisationUnitScheme",
        ],
    ),
    ("OrganisationUnitScheme", &[]),
    ("ProvisionAgreement", &["Dataflow", "DataProviderScheme", "Metadataflow"]),
    ("ReportingTaxonomy", &["Dataflow", "Metadataflow"]),
    ("ReportingTaxonomyMap", &["ReportingTaxonomy"]),
    ("RepresentationMap", &["Codelist"]),
    ("RulesetScheme", &["VtlMappingScheme"]),
    ("StructureMap", &["Dataflow", "DataStructure"]),
    (
        "TransformationScheme",
        &[
            "CustomTypeScheme",
            "NamePersonalisationScheme",
            "RulesetScheme",
            "UserDefinedOperatorScheme",
            "VtlMappingScheme",
        ],
    ),
    ("UserDefinedOperatorScheme", &["VtlMappingScheme"]),
    ("VtlMappingScheme", &["Codelist", "ConceptScheme", "Dataflow"]),
];

const CONSTRAINED: &[&str] = &[
    "DataProviderScheme",
    "DataStructure",
    "Dataflow",
    "Metadataflow",
    "MetadataStructure",
    "ProvisionAgreement",
];

/// All artefacts, and the references between them. Costs a pass over all of them, so it is made
/// only where a query asks for references.
pub(super) struct Graph<'a> {
    artefacts: Vec<&'a Artefact>,
    children: Vec<Vec<usize>>,
    parents: Vec<Vec<usize>>,
}

/// A set of artefacts, by their place in the graph.
pub(super) type Places = BTreeSet<usize>;

impl<'a> Graph<'a> {
    pub(super) fn new(artefacts: &'a Artefacts) -> Self {
        let artefacts: Vec<&Artefact> = artefacts.iter().collect();
        let (mut by_key, mut schemes) = (HashMap::new(), HashMap::new());
        let mut by_id: HashMap<&ArtefactId, Vec<usize>> = HashMap::new();
        for (place, artefact) in artefacts.iter().enumerate() {
            let id = &artefact.identity().id;
            by_key.insert((artefact.class(), id), place);
            by_id.entry(id).or_default().push(place);
            if element(artefact) == AGENCY_SCHEME && id.id == AGENCIES {
                schemes.insert(id.agency.as_str(), place);
            }
        }
        let mut children = Vec::with_capacity(artefacts.len());
        let mut parents = vec![Vec::new(); artefacts.len()];
        for (place, artefact) in artefacts.iter().enumerate() {
            let mut below = Places::new();
            for (class, id) in references(artefact) {
                match class {
                    Some(class) => below.extend(by_key.get(&(class, &id))),
                    None => below.extend(by_id.get(&id).into_iter().flatten()),
                }
            }
            below.retain(|child| *child != place && may_refer(artefact, artefacts.get(*child)));
            let scheme = schemes.get(agency_above(&artefact.identity().id.agency));
            below.extend(scheme.filter(|found| **found != place));
            for child in &below {
                if let Some(above) = parents.get_mut(*child) {
                    above.push(place);
                }
            }
            children.push(below.into_iter().collect());
        }
        Self { artefacts, children, parents }
    }

    pub(super) fn get(&self, place: usize) -> Option<&'a Artefact> {
        self.artefacts.get(place).copied()
    }

    /// What comes along with artefacts: they themselves only where they refer to each other.
    pub(super) fn along(&self, matches: &Places, references: &[References]) -> Places {
        let mut found = Places::new();
        for wanted in references {
            match wanted {
                References::Parents => found.extend(step(&self.parents, matches)),
                References::ParentsAndSiblings => found.extend(self.parents_and_siblings(matches)),
                References::Ancestors => found.extend(closure(&self.parents, matches)),
                References::Children => found.extend(step(&self.children, matches)),
                References::Descendants => found.extend(closure(&self.children, matches)),
                References::All => found.extend(self.all(matches)),
                References::Class(class) => {
                    let mut any = self.all(matches);
                    any.extend(closure(&self.parents, matches));
                    let is_wanted =
                        |place: &usize| self.get(*place).is_some_and(|a| a.class() == *class);
                    found.extend(any.into_iter().filter(is_wanted));
                }
            }
        }
        found
    }

    fn all(&self, matches: &Places) -> Places {
        let mut found = self.parents_and_siblings(matches);
        found.extend(closure(&self.children, matches));
        found
    }

    fn parents_and_siblings(&self, matches: &Places) -> Places {
        let mut found = step(&self.parents, matches);
        found.extend(step(&self.children, &found));
        found
    }
}

/// What is one step away from a set.
fn step(edges: &[Vec<usize>], from: &Places) -> Places {
    from.iter().filter_map(|place| edges.get(*place)).flatten().copied().collect()
}

/// What is any number of steps away from a set.
fn closure(edges: &[Vec<usize>], from: &Places) -> Places {
    let mut found = Places::new();
    let mut next: Vec<usize> = step(edges, from).into_iter().collect();
    while let Some(place) = next.pop() {
        if found.insert(place) {
            next.extend(edges.get(place).into_iter().flatten());
        }
    }
    found
}

/// What an artefact refers to, with the class where it is known.
fn references(artefact: &Artefact) -> Vec<(Option<ArtefactClass>, ArtefactId)> {
    let lists = |nodes: &mut dyn Iterator<Item = &HierarchyNode>| {
        let mut found = BTreeSet::new();
        let mut next: Vec<&HierarchyNode> = nodes.collect();
        while let Some(node) = next.pop() {
            found.insert(&node.codelist);
            next.extend(&node.children);
        }
        found.into_iter().cloned().collect::<Vec<_>>()
    };
    match artefact {
        Artefact::HierarchicalCodelist(list) => {
            let nodes = &mut list.hierarchies.iter().flat_map(|hierarchy| &hierarchy.nodes);
            lists(nodes).into_iter().map(|id| (Some(ArtefactClass::Codelist), id)).collect()
        }
        Artefact::Other { xml, .. } => {
            mentions(xml).into_iter().map(|mention| (mention.class, mention.id)).collect()
        }
        Artefact::Codelist(_)
        | Artefact::ConceptScheme(_)
        | Artefact::DataStructure(_)
        | Artefact::Dataflow(_) => {
            artefact.references().into_iter().map(|(class, id)| (Some(class), id)).collect()
        }
    }
}

/// Whether artefacts of these classes refer to each other, by the table of the specification.
fn may_refer(from: &Artefact, to: Option<&&Artefact>) -> bool {
    let class = |artefact: &Artefact| match element(artefact) {
        "ValueList" | "GeographicCodelist" | "GeoGridCodelist" => "Codelist".to_owned(),
        "Hierarchy" => "HierarchicalCodelist".to_owned(),
        other => other.to_owned(),
    };
    let (from, to) = (class(from), to.map(|to| class(to)));
    let row = CHILDREN.iter().find(|(known, _)| *known == from);
    row.is_none_or(|(_, below)| to.is_some_and(|to| below.contains(&to.as_str())))
}

/// Who maintains the scheme that an agency is in: the agency above it, or the standard itself.
///
/// Source: SDMX 2.1 section 5, 6.2.3 (agency identifiers).
fn agency_above(agency: &str) -> &str {
    agency.rsplit_once('.').map_or(TOP_AGENCY, |(above, _)| above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdmx::structure::read_structures;

    const MESSAGE: &str = include_str!("fixture.xml");

    #[test]
    fn references_reach_as_far_as_they_say() {
        let all = Artefacts::from(read_structures(MESSAGE.as_bytes(), "f.xml").unwrap());
        let graph = Graph::new(&all);
        let check = |id: &str, references: &str, expected: &str| {
            let places = (0..).map_while(|place| Some((place, graph.get(place)?)));
            let names: Vec<(usize, String)> =
                places.map(|(place, a)| (place, a.identity().id.id.clone())).collect();
            let start = names.iter().filter(|(_, name)| name == id).map(|(place, _)| *place);
            let found = graph.along(&start.collect(), &References::parse(references).unwrap());
            let found = names.iter().filter(|(place, _)| found.contains(place));
            let mut found: Vec<&str> = found.map(|(_, name)| name.as_str()).collect();
            found.sort_unstable();
            found.dedup();
            assert_eq!(found.join(" "), expected, "{id} {references}");
        };
        check("FLOW", "none", "");
        check("FLOW", "children", "AGENCIES DSD");
        check("FLOW", "parents", "ALLOWED CATEGORISATION");
        check("FLOW", "parentsandsiblings", "AGENCIES ALLOWED CATEGORIES CATEGORISATION FLOW");
        check("FLOW", "descendants", "AGENCIES CL_AREA CL_FREQ CL_UNUSED CONCEPTS DSD");
        check("FLOW", "codelist", "CL_AREA CL_FREQ CL_UNUSED");
        check("FLOW", "datastructure", "DSD");
        check("CL_FREQ", "parents", "CONCEPTS");
        check("CL_FREQ", "ancestors", "ALLOWED CATEGORISATION CONCEPTS DSD FLOW OTHER_FLOW");
        check("CL_FREQ", "dataflow", "FLOW OTHER_FLOW");
        check("DSD", "dataflow", "FLOW OTHER_FLOW");
        check("CL_AREA", "hierarchicalcodelist", "HCL");
        check("HCL", "children", "AGENCIES CL_AREA");
        check("CATEGORIES", "parentsandsiblings", "AGENCIES CATEGORIES CATEGORISATION FLOW");
    }

    #[test]
    fn the_table_has_every_reference_of_the_model() {
        let all = Artefacts::from(read_structures(MESSAGE.as_bytes(), "f.xml").unwrap());
        for artefact in all.iter() {
            for (class, id) in references(artefact) {
                let found = all.iter().find(|a| Some(a.class()) == class && a.identity().id == id);
                assert!(found.is_some() && may_refer(artefact, found.as_ref()), "{id}");
            }
        }
    }
}
