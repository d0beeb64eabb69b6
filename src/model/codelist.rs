//! Codes, concepts and hierarchies.

use serde::{Deserialize, Serialize};

use crate::model::{Annotation, ArtefactId, Identity, Names, Representation};

/// A list of allowed codes, in the agency's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codelist {
    /// Identifier, names, annotations.
    pub identity: Identity,
    /// Whether the message said that it is only a part of the list.
    #[serde(default)]
    pub is_partial: bool,
    /// The codes, in the agency's order.
    pub codes: Vec<Code>,
}

impl Codelist {
    /// The code with this identifier. Costs a scan: build a map where many are looked up.
    pub fn code(&self, id: &str) -> Option<&Code> {
        self.codes.iter().find(|code| code.id == id)
    }
}

/// One code of a codelist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The code itself, case-sensitive.
    pub id: String,
    /// Its names.
    pub names: Names,
    /// Its descriptions.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub descriptions: Names,
    /// The code above it in the list's own hierarchy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// A list of concepts, which name the components of structures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptScheme {
    /// Identifier, names, annotations.
    pub identity: Identity,
    /// The concepts, in the agency's order.
    pub concepts: Vec<Concept>,
}

/// One concept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concept {
    /// The identifier.
    pub id: String,
    /// Its names.
    pub names: Names,
    /// Its descriptions.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub descriptions: Names,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// The representation of components that define none themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representation: Option<Representation>,
}

/// Several hierarchies over codes of several lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HierarchicalCodelist {
    /// Identifier, names, annotations.
    pub identity: Identity,
    /// The hierarchies.
    pub hierarchies: Vec<Hierarchy>,
}

/// One tree over codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hierarchy {
    /// The identifier.
    pub id: String,
    /// Its names.
    pub names: Names,
    /// The roots.
    pub nodes: Vec<HierarchyNode>,
}

/// A code within a hierarchy, with the codes below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HierarchyNode {
    /// The codelist that the code is from.
    pub codelist: ArtefactId,
    /// The code.
    pub code: String,
    /// The codes below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<HierarchyNode>,
}
