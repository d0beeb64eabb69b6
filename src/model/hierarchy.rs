//! Hierarchies over codes of several lists.

use serde::{Deserialize, Serialize};

use crate::model::{Annotation, ArtefactId, Identity, Names};

/// Several hierarchies over codes of several lists. A `Hierarchy` of SDMX 3.0, which is an artefact
/// of its own there, is one with a single hierarchy of the same identifier.
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
    /// Its descriptions.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub descriptions: Names,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// Whether each code is of one of the levels (`leveled`, `hasFormalLevels`).
    #[serde(default)]
    pub has_formal_levels: bool,
    /// Its levels, from the top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Level>,
    /// The roots.
    pub nodes: Vec<HierarchyNode>,
}

/// A level of a hierarchy, such as "regions".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
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
    /// How its codes look: the facets of its `CodingFormat`, as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub format: Vec<(String, String)>,
}

/// A code within a hierarchy, with the codes below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HierarchyNode {
    /// The identifier of this place in the hierarchy; empty where none is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The codelist that the code is from.
    pub codelist: ArtefactId,
    /// The code.
    pub code: String,
    /// The level that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// `validFrom`, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<String>,
    /// `validTo`, as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<String>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
    /// The codes below it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<HierarchyNode>,
}
