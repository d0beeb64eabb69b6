//! What a reader of SDMX asks for of structures, as plain values.
//!
//! Source: SDMX REST 2.2.2, `doc/structures.md`; SDMX REST 1.5, section 4.3.

use crate::model::{ArtefactClass, VersionPattern};

/// A query for artefacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructureQuery {
    /// The classes wanted; none of them for any.
    pub classes: Vec<ArtefactClass>,
    /// The agencies; none of them for any. An agency does not stand for those below it.
    pub agencies: Vec<String>,
    /// The identifiers; none of them for any.
    pub ids: Vec<String>,
    /// The versions, of which one must match.
    pub versions: Vec<VersionPattern>,
    /// The items wanted of an item scheme; none of them for all. An identifier may be nested, as in
    /// `A.A1.A11`: then those above come too.
    pub items: Vec<String>,
    /// What comes along; none of them for nothing.
    pub references: Vec<References>,
    /// The moment as of which structures are answered, in microseconds since 1970; absent for now.
    pub as_of: Option<i64>,
    /// How much is said of each artefact.
    pub detail: Detail,
}

impl Default for StructureQuery {
    /// The latest version of everything, in full, and nothing along with it.
    fn default() -> Self {
        Self {
            classes: Vec::new(),
            agencies: Vec::new(),
            ids: Vec::new(),
            versions: vec![VersionPattern::LATEST],
            items: Vec::new(),
            references: Vec::new(),
            as_of: None,
            detail: Detail::Full,
        }
    }
}

/// Artefacts that come along with those that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum References {
    /// Those that refer to a match.
    Parents,
    /// Those that refer to a match, and whatever else they refer to.
    ParentsAndSiblings,
    /// Those that refer to a match, directly or not.
    Ancestors,
    /// Those that a match refers to.
    Children,
    /// Those that a match refers to, directly or not.
    Descendants,
    /// `ParentsAndSiblings` and `Descendants`.
    All,
    /// Those of a class among `All` and `Ancestors`.
    Class(ArtefactClass),
}

impl References {
    /// Parses one word of `references`; absent for a word that it does not have. `none` is nothing.
    pub fn parse(word: &str) -> Option<Vec<Self>> {
        Some(match word {
            "none" => Vec::new(),
            "parents" => vec![Self::Parents],
            "parentsandsiblings" => vec![Self::ParentsAndSiblings],
            "ancestors" => vec![Self::Ancestors],
            "children" => vec![Self::Children],
            "descendants" => vec![Self::Descendants],
            "all" => vec![Self::All],
            _ => classes_of_resource(word)?.into_iter().map(Self::Class).collect(),
        })
    }
}

/// How much is said of artefacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Everything; lists that take over codes of others have them.
    #[default]
    Full,
    /// Of all artefacts only identifier and name.
    AllStubs,
    /// Of those that come along only identifier and name.
    ReferenceStubs,
    /// Of all artefacts identifier, name, description and annotations.
    AllCompleteStubs,
    /// Of those that come along identifier, name, description and annotations.
    ReferenceCompleteStubs,
    /// Of item schemes that come along only the items that are used.
    ReferencePartial,
    /// Everything; lists that take over codes of others say so and are not filled.
    Raw,
}

impl Detail {
    /// Parses the word of `detail`; absent for a word that it does not have.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "full" => Self::Full,
            "allstubs" => Self::AllStubs,
            "referencestubs" => Self::ReferenceStubs,
            "allcompletestubs" => Self::AllCompleteStubs,
            "referencecompletestubs" => Self::ReferenceCompleteStubs,
            "referencepartial" => Self::ReferencePartial,
            "raw" => Self::Raw,
            _ => return None,
        })
    }
}

/// What both versions of the REST interface call the classes of artefacts that are not the model's
/// own, and the names of their XML elements.
const RESOURCES: &[(&str, &[&str])] = &[
    ("actualconstraint", &["ContentConstraint", "DataConstraint"]),
    ("agencyscheme", &["AgencyScheme"]),
    ("allowedconstraint", &["ContentConstraint", "DataConstraint"]),
    ("attachmentconstraint", &["AttachmentConstraint"]),
    ("categorisation", &["Categorisation"]),
    ("categoryscheme", &["CategoryScheme"]),
    ("categoryschememap", &["CategorySchemeMap"]),
    ("conceptschememap", &["ConceptSchemeMap"]),
    ("contentconstraint", &["ContentConstraint", "DataConstraint"]),
    ("customtypescheme", &["CustomTypeScheme"]),
    ("dataconstraint", &["ContentConstraint", "DataConstraint"]),
    ("dataconsumerscheme", &["DataConsumerScheme"]),
    ("dataproviderscheme", &["DataProviderScheme"]),
    ("hierarchyassociation", &["HierarchyAssociation"]),
    ("metadataconstraint", &["MetadataConstraint"]),
    ("metadataflow", &["Metadataflow"]),
    ("metadataproviderscheme", &["MetadataProviderScheme"]),
    ("metadataprovisionagreement", &["MetadataProvisionAgreement"]),
    ("metadatastructure", &["MetadataStructure"]),
    ("namepersonalisationscheme", &["NamePersonalisationScheme"]),
    (
        "organisationscheme",
        &["AgencyScheme", "DataConsumerScheme", "DataProviderScheme", "OrganisationUnitScheme"],
    ),
    ("organisationschememap", &["OrganisationSchemeMap"]),
    ("organisationunitscheme", &["OrganisationUnitScheme"]),
    ("process", &["Process"]),
    ("provisionagreement", &["ProvisionAgreement"]),
    ("reportingtaxonomy", &["ReportingTaxonomy"]),
    ("reportingtaxonomymap", &["ReportingTaxonomyMap"]),
    ("representationmap", &["RepresentationMap"]),
    ("rulesetscheme", &["RulesetScheme"]),
    ("structuremap", &["StructureMap"]),
    ("structureset", &["StructureSet"]),
    ("transformationscheme", &["TransformationScheme"]),
    ("userdefinedoperatorscheme", &["UserDefinedOperatorScheme"]),
    ("vtlmappingscheme", &["VtlMappingScheme"]),
];

/// The classes of artefacts that a word of a path stands for, as in `/codelist/...`; absent for a
/// word that is none. The words for any class (`structure` and `*`) are not among them.
///
/// A value list is stored as a codelist, and a hierarchy of SDMX 3.0 as a hierarchical codelist, so
/// each two have one class. An artefact of the model's own classes of which only a stub is known is
/// of the class that is named after its element.
pub fn classes_of_resource(word: &str) -> Option<Vec<ArtefactClass>> {
    let (own, elements): (_, &[&str]) = match word {
        "codelist" | "valuelist" => (Some(ArtefactClass::Codelist), &["Codelist", "ValueList"]),
        "conceptscheme" => (Some(ArtefactClass::ConceptScheme), &["ConceptScheme"]),
        "hierarchicalcodelist" | "hierarchy" => {
            let elements = &["HierarchicalCodelist", "Hierarchy"];
            (Some(ArtefactClass::HierarchicalCodelist), elements)
        }
        "datastructure" => (Some(ArtefactClass::DataStructure), &["DataStructure"]),
        "dataflow" => (Some(ArtefactClass::Dataflow), &["Dataflow"]),
        _ => (None, RESOURCES.iter().find(|(known, _)| *known == word)?.1),
    };
    let others = elements.iter().map(|name| ArtefactClass::Other((*name).to_owned()));
    Some(own.into_iter().chain(others).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_word_of_the_interface() {
        let of = |words: &str| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        // SDMX REST 1.5, section 4.3.1, and SDMX REST 2.2.2, `doc/structures.md`.
        let words = of("datastructure metadatastructure categoryscheme conceptscheme codelist \
             hierarchicalcodelist organisationscheme agencyscheme dataproviderscheme \
             dataconsumerscheme organisationunitscheme dataflow metadataflow reportingtaxonomy \
             provisionagreement structureset process categorisation contentconstraint \
             actualconstraint allowedconstraint attachmentconstraint transformationscheme \
             rulesetscheme userdefinedoperatorscheme customtypescheme namepersonalisationscheme \
             vtlmappingscheme hierarchy hierarchyassociation valuelist metadataproviderscheme \
             metadataprovisionagreement structuremap representationmap conceptschememap \
             categoryschememap organisationschememap reportingtaxonomymap dataconstraint \
             metadataconstraint");
        for word in words {
            assert!(classes_of_resource(&word).is_some_and(|found| !found.is_empty()), "{word}");
            assert!(References::parse(&word).is_some(), "{word}");
        }
        assert_eq!(References::parse("none"), Some(Vec::new()));
        for word in ["", "nonsense", "Codelist", "structure", "*"] {
            assert_eq!((References::parse(word), Detail::parse(word)), (None, None), "{word:?}");
        }
    }
}
