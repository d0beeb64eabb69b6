//! All artefacts together, and the references between them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{ArtefactId, Codelist, ConceptScheme, DataStructure, Dataflow, Identity};
use crate::model::{ConceptRef, HierarchicalCodelist, Representation};

/// A class of artefact: those we use, and the name of any other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ArtefactClass {
    /// A codelist; value lists are of it too.
    Codelist,
    /// A concept scheme.
    ConceptScheme,
    /// A hierarchical codelist.
    HierarchicalCodelist,
    /// A data structure definition.
    DataStructure,
    /// A dataflow.
    Dataflow,
    /// Any other, by the name of its XML element.
    Other(String),
}

impl ArtefactClass {
    /// The name to show a user, in lower case.
    pub fn name(&self) -> &str {
        match self {
            Self::Codelist => "codelist",
            Self::ConceptScheme => "concept scheme",
            Self::HierarchicalCodelist => "hierarchical codelist",
            Self::DataStructure => "data structure",
            Self::Dataflow => "dataflow",
            Self::Other(name) => name,
        }
    }
}

/// A maintainable artefact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "artefacts are few, and stand in one map")]
pub enum Artefact {
    /// A codelist.
    Codelist(Codelist),
    /// A concept scheme.
    ConceptScheme(ConceptScheme),
    /// A hierarchical codelist.
    HierarchicalCodelist(HierarchicalCodelist),
    /// A data structure definition.
    DataStructure(DataStructure),
    /// A dataflow.
    Dataflow(Dataflow),
    /// An artefact of a class that is kept and not interpreted.
    Other {
        /// The name of its XML element, such as `CategoryScheme`.
        class: String,
        /// Identifier, names, annotations.
        identity: Identity,
        /// The element as it came, with the namespaces that it needs.
        xml: String,
    },
}

impl Artefact {
    /// Identifier, names, annotations.
    pub fn identity(&self) -> &Identity {
        match self {
            Self::Codelist(list) => &list.identity,
            Self::ConceptScheme(scheme) => &scheme.identity,
            Self::HierarchicalCodelist(list) => &list.identity,
            Self::DataStructure(structure) => &structure.identity,
            Self::Dataflow(flow) => &flow.identity,
            Self::Other { identity, .. } => identity,
        }
    }

    /// The class.
    pub fn class(&self) -> ArtefactClass {
        match self {
            Self::Codelist(_) => ArtefactClass::Codelist,
            Self::ConceptScheme(_) => ArtefactClass::ConceptScheme,
            Self::HierarchicalCodelist(_) => ArtefactClass::HierarchicalCodelist,
            Self::DataStructure(_) => ArtefactClass::DataStructure,
            Self::Dataflow(_) => ArtefactClass::Dataflow,
            Self::Other { class, .. } => ArtefactClass::Other(class.clone()),
        }
    }

    /// What it refers to, of the classes that we use.
    pub fn references(&self) -> Vec<(ArtefactClass, ArtefactId)> {
        let mut found = Vec::new();
        let mut list = |representation: &Option<Representation>| {
            let Some(Representation { codelist, concepts, .. }) = representation else { return };
            found.extend(codelist.clone().map(|id| (ArtefactClass::Codelist, id)));
            found.extend(concepts.clone().map(|id| (ArtefactClass::ConceptScheme, id)));
        };
        match self {
            Self::ConceptScheme(scheme) => {
                scheme.concepts.iter().for_each(|concept| list(&concept.representation));
            }
            Self::DataStructure(structure) => {
                let dimensions = structure.dimensions.iter().chain(&structure.time);
                dimensions.clone().for_each(|d| list(&d.representation));
                structure.measures.iter().for_each(|m| list(&m.representation));
                structure.attributes.iter().for_each(|a| list(&a.representation));
                let concepts = dimensions.map(|d| &d.concept);
                let concepts = concepts.chain(structure.measures.iter().map(|m| &m.concept));
                let concepts = concepts.chain(structure.attributes.iter().map(|a| &a.concept));
                let schemes = concepts.flatten().map(|concept: &ConceptRef| concept.scheme.clone());
                found.extend(schemes.map(|id| (ArtefactClass::ConceptScheme, id)));
            }
            Self::Dataflow(flow) => {
                found.push((ArtefactClass::DataStructure, flow.structure.clone()));
            }
            Self::Codelist(list) => {
                let lists = list.extensions.iter().map(|extension| extension.codelist.clone());
                found.extend(lists.map(|id| (ArtefactClass::Codelist, id)));
            }
            Self::HierarchicalCodelist(_) | Self::Other { .. } => {}
        }
        found.sort();
        found.dedup();
        found
    }
}

/// Artefacts by class and identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Artefact>", into = "Vec<Artefact>")]
pub struct Artefacts {
    by_id: BTreeMap<(ArtefactClass, ArtefactId), Artefact>,
}

impl From<Vec<Artefact>> for Artefacts {
    fn from(artefacts: Vec<Artefact>) -> Self {
        let mut all = Self::default();
        for artefact in artefacts {
            all.insert(artefact);
        }
        all
    }
}

impl From<Artefacts> for Vec<Artefact> {
    fn from(artefacts: Artefacts) -> Self {
        artefacts.by_id.into_values().collect()
    }
}

impl Artefacts {
    /// Adds an artefact, or replaces the one of the same class and identifier.
    pub fn insert(&mut self, artefact: Artefact) {
        let key = (artefact.class(), artefact.identity().id.clone());
        self.by_id.insert(key, artefact);
    }

    /// All, by class and identifier.
    pub fn iter(&self) -> impl Iterator<Item = &Artefact> {
        self.by_id.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The artefact of this class with this identifier.
    pub fn get(&self, class: &ArtefactClass, id: &ArtefactId) -> Option<&Artefact> {
        self.by_id.get(&(class.clone(), id.clone()))
    }

    /// The codelist with this identifier.
    pub fn codelist(&self, id: &ArtefactId) -> Option<&Codelist> {
        match self.get(&ArtefactClass::Codelist, id) {
            Some(Artefact::Codelist(list)) => Some(list),
            _ => None,
        }
    }

    /// The concept scheme with this identifier.
    pub fn concept_scheme(&self, id: &ArtefactId) -> Option<&ConceptScheme> {
        match self.get(&ArtefactClass::ConceptScheme, id) {
            Some(Artefact::ConceptScheme(scheme)) => Some(scheme),
            _ => None,
        }
    }

    /// The data structure definition with this identifier.
    pub fn data_structure(&self, id: &ArtefactId) -> Option<&DataStructure> {
        match self.get(&ArtefactClass::DataStructure, id) {
            Some(Artefact::DataStructure(structure)) => Some(structure),
            _ => None,
        }
    }

    /// The dataflow with this identifier.
    pub fn dataflow(&self, id: &ArtefactId) -> Option<&Dataflow> {
        match self.get(&ArtefactClass::Dataflow, id) {
            Some(Artefact::Dataflow(flow)) => Some(flow),
            _ => None,
        }
    }

    /// All dataflows, by identifier.
    pub fn dataflows(&self) -> impl Iterator<Item = &Dataflow> {
        self.iter().filter_map(|artefact| match artefact {
            Artefact::Dataflow(flow) => Some(flow),
            _ => None,
        })
    }

    /// Checks that everything referred to is here.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] that names who refers to what.
    pub fn check_references(&self) -> Result<()> {
        for artefact in self.iter() {
            for (class, id) in artefact.references() {
                if self.get(&class, &id).is_none() {
                    let at = format!("{} {}", artefact.class().name(), artefact.identity().id);
                    let what = class.name();
                    let reason = format!("refers to {what} {id}, which is nowhere; load it first");
                    return Err(Error::invalid(at, reason));
                }
            }
        }
        Ok(())
    }
}
