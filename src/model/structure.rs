//! A data structure definition and a dataflow, as their message defines them.
//!
//! References are kept as written; [`crate::model::Flow`] is the same with references resolved.
//!
//! Source: SDMX 2.1 section 2, chapters 5 and 6 (data structure definition and dataset).

use serde::{Deserialize, Serialize};

use crate::model::{Annotation, ArtefactId, Identity, Names};

/// A data structure definition (DSD).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataStructure {
    /// Identifier, names, annotations.
    pub identity: Identity,
    /// The dimensions without time, in key order.
    pub dimensions: Vec<Dimension>,
    /// The time dimension, where the structure has one.
    pub time: Option<Dimension>,
    /// The measures: one, `OBS_VALUE`, in SDMX 2.1.
    pub measures: Vec<Measure>,
    /// The attributes, in the message's order.
    pub attributes: Vec<Attribute>,
    /// Named sets of dimensions that attributes attach to.
    pub groups: Vec<Group>,
}

/// A dataflow: data published under a structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataflow {
    /// Identifier, names, annotations.
    pub identity: Identity,
    /// The structure of its data.
    pub structure: ArtefactId,
}

/// A reference to a concept in a scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConceptRef {
    /// The concept scheme.
    pub scheme: ArtefactId,
    /// The concept in it.
    pub concept: String,
}

/// A component that identifies an observation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dimension {
    /// The identifier, which heads the column of a message.
    pub id: String,
    /// What it means.
    pub concept: Option<ConceptRef>,
    /// Its own representation; without one, the concept's.
    pub representation: Option<Representation>,
    /// Whether it is the old measure dimension of SDMX 2.1, stored as any other dimension.
    #[serde(default)]
    pub is_measure: bool,
    /// The roles that it plays, as concepts of role schemes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<ConceptRef>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// A component that is observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The identifier.
    pub id: String,
    /// What it means.
    pub concept: Option<ConceptRef>,
    /// Its own representation; without one, the concept's.
    pub representation: Option<Representation>,
    /// Whether every observation must have a value (`usage`, SDMX 3.0).
    #[serde(default)]
    pub is_mandatory: bool,
    /// The roles that it plays, as concepts of role schemes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<ConceptRef>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// A component that qualifies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// The identifier.
    pub id: String,
    /// What it means.
    pub concept: Option<ConceptRef>,
    /// Its own representation; without one, the concept's.
    pub representation: Option<Representation>,
    /// What it qualifies.
    pub attachment: Attachment,
    /// Whether every target must have a value.
    #[serde(default)]
    pub is_mandatory: bool,
    /// The measures that it speaks of; none of them for all (`MeasureRelationship`, SDMX 3.0).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<String>,
    /// The groups in which messages may say it, beside the dimensions that it attaches to
    /// (`AttachmentGroup`, SDMX 2.1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachment_groups: Vec<String>,
    /// The roles that it plays, as concepts of role schemes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<ConceptRef>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// What an attribute qualifies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attachment {
    /// The dataflow as a whole (`None` or data set in 2.1).
    Dataflow,
    /// A partial key or the whole series: these dimensions, time not among them.
    Dimensions(Vec<String>),
    /// The dimensions of a named group.
    Group(String),
    /// The observation.
    #[default]
    Observation,
}

/// A named set of dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The identifier, such as `Sibling`.
    pub id: String,
    /// The dimensions of its key.
    pub dimensions: Vec<String>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// The values that a component may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    /// The codelist or value list of a coded component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codelist: Option<ArtefactId>,
    /// The concept scheme whose concepts are the codes: of a measure dimension (SDMX 2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concepts: Option<ArtefactId>,
    /// The type of an uncoded one; absent means text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_type: Option<TextType>,
    /// `minLength`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_min: Option<u64>,
    /// `maxLength`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_max: Option<u64>,
    /// The other facets of the `TextFormat`, or all of the `EnumerationFormat` of a coded one, as
    /// written and in their order (`textType`, `pattern`, `isMultiLingual`, `decimals` and so on):
    /// kept, not checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<(String, String)>,
    /// How many values there are at least (SDMX 3.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurs_min: Option<u64>,
    /// How many values there are at most (SDMX 3.0); absent means one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurs_max: Option<Occurs>,
    /// Values with a meaning of their own, such as `-1` for "not available" (SDMX 3.0).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sentinels: Vec<SentinelValue>,
}

impl Representation {
    /// Whether there may be several values at once.
    pub fn is_multiple(&self) -> bool {
        self.occurs_max.is_some_and(|most| most != Occurs::Times(1))
    }

    /// The facet of this name, as written.
    pub fn facet(&self, name: &str) -> Option<&str> {
        let found = self.facets.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// How often something may occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Occurs {
    /// So often.
    Times(u64),
    /// As often as one likes.
    Unbounded,
}

/// A value with a meaning of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentinelValue {
    /// The value.
    pub value: String,
    /// What it means.
    pub names: Names,
    /// What it means, at length.
    #[serde(default, skip_serializing_if = "Names::is_empty")]
    pub descriptions: Names,
}

/// The data types of SDMX that change what a value may be; all others are text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TextType {
    /// Any text.
    Text,
    /// `Integer`, `Long`, `Short`, `BigInteger`, `Count`: digits with an optional sign.
    Integer,
    /// `Decimal` and its ranges: digits with an optional point.
    Decimal,
    /// `Float` and `Double`: a decimal or one with an exponent, `INF`, `-INF` or `NaN`.
    Double,
    /// `Boolean`: `true`, `false`, `1` or `0`.
    Boolean,
    /// `ObservationalTimePeriod` and the types within it.
    Period,
}
