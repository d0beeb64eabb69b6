//! Codes and concepts.

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
    /// Its own codes, in the agency's order.
    pub codes: Vec<Code>,
    /// Whether it is a value list of SDMX 3.0: its values need not look like identifiers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_value_list: bool,
    /// The lists whose codes it takes over (SDMX 3.0); see [`crate::model::Artefacts::extended`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<CodelistExtension>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
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

/// A list whose codes another list takes over.
///
/// Source: SDMX 3.0 section 2, 4.3.2 ("Codelist extension").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodelistExtension {
    /// The list that is taken over.
    pub codelist: ArtefactId,
    /// What each of its codes is preceded by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Which of its codes; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selection: Option<CodeSelection>,
}

/// Some codes of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CodeSelection {
    /// These and no others.
    Only(Vec<MemberValue>),
    /// All but these.
    AllBut(Vec<MemberValue>),
}

/// A code, or several by a pattern, with or without the codes below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberValue {
    /// The code; `%` stands for any text, the empty one included.
    pub value: String,
    /// What of the codes below it.
    #[serde(default)]
    pub cascade: Cascade,
}

/// What a selection takes of the codes below one that it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cascade {
    /// Nothing of them.
    #[default]
    No,
    /// All of them, and the code itself.
    Below,
    /// All of them, without the code itself.
    OnlyBelow,
}

/// A list of concepts, which name the components of structures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptScheme {
    /// Identifier, names, annotations.
    pub identity: Identity,
    /// The concepts, in the agency's order.
    pub concepts: Vec<Concept>,
    /// Whether the message said that it is only a part of the scheme.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_partial: bool,
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
    /// The concept above it in the scheme's own hierarchy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The concept of ISO/IEC 11179 that it is the same as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iso: Option<IsoConcept>,
}

/// A concept of ISO/IEC 11179.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsoConcept {
    /// Who maintains it.
    pub agency: String,
    /// The scheme that it is in.
    pub scheme: String,
    /// Its identifier there.
    pub concept: String,
}
