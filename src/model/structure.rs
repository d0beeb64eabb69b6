//! A data structure definition and a dataflow, as their message defines them.
//!
//! References are kept as written; [`crate::model::Flow`] is the same with references resolved.
//!
//! Source: SDMX 2.1 section 2, chapters 5 and 6 (data structure definition and dataset).

use serde::{Deserialize, Serialize};

use crate::model::{Annotation, ArtefactId, Identity};

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// A component that is observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// The identifier.
    pub id: String,
    /// What it means.
    pub concept: Option<ConceptRef>,
    /// Its own representation; without one, the concept's.
    pub representation: Option<Representation>,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// A component that qualifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Whether one target may have several values (SDMX 3.0).
    #[serde(default)]
    pub is_multiple: bool,
    /// Its annotations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<Annotation>,
}

/// What an attribute qualifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attachment {
    /// The dataflow as a whole (`None` or data set in 2.1).
    Dataflow,
    /// A partial key or the whole series: these dimensions, time not among them.
    Dimensions(Vec<String>),
    /// The dimensions of a named group.
    Group(String),
    /// The observation.
    Observation,
}

/// A named set of dimensions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The identifier, such as `Sibling`.
    pub id: String,
    /// The dimensions of its key.
    pub dimensions: Vec<String>,
}

/// The values that a component may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Representation {
    /// The codelist of a coded component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codelist: Option<ArtefactId>,
    /// The type of an uncoded one; absent means text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_type: Option<TextType>,
    /// `minLength`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_min: Option<u64>,
    /// `maxLength`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_max: Option<u64>,
    /// The other facets, as written (`pattern`, `minValue`, `decimals` and so on): kept, not checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facets: Vec<(String, String)>,
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
