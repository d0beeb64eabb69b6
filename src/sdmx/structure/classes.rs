//! What messages call the classes of artefacts: their elements, URNs and containers.
//!
//! Source: SDMX 2.1 and 3.0, schema `structure`, `StructuresType`; SDMX 2.1 section 5, 6.2 (URNs).

use crate::model::{Artefact, ArtefactClass, ArtefactId};

/// A class of maintainable artefacts, by the names that messages have for it.
#[derive(Debug)]
pub(super) struct Naming {
    /// Its XML element, and its class in URNs.
    pub(super) element: &'static str,
    /// Its package in URNs.
    package: &'static str,
    /// The element that holds all of them in SDMX-ML 2.1, where it has the class.
    pub(super) container_21: Option<&'static str>,
    /// The element that holds all of them in SDMX-ML 3.0, where it has the class.
    pub(super) container_30: Option<&'static str>,
    /// The items in it, by their class in references.
    items: &'static [&'static str],
}

const fn naming(
    element: &'static str,
    package: &'static str,
    container_21: &'static str,
    container_30: &'static str,
    items: &'static [&'static str],
) -> Naming {
    let container_21 = if container_21.is_empty() { None } else { Some(container_21) };
    let container_30 = if container_30.is_empty() { None } else { Some(container_30) };
    Naming { element, package, container_21, container_30, items }
}

/// All classes, in the order in which SDMX-ML 2.1 wants their containers; SDMX-ML 3.0 and JSON take
/// any order.
pub(super) const NAMINGS: &[Naming] = &[
    naming("AgencyScheme", "base", "OrganisationSchemes", "AgencySchemes", &["Agency"]),
    naming(
        "DataConsumerScheme",
        "base",
        "OrganisationSchemes",
        "DataConsumerSchemes",
        &["DataConsumer"],
    ),
    naming(
        "DataProviderScheme",
        "base",
        "OrganisationSchemes",
        "DataProviderSchemes",
        &["DataProvider"],
    ),
    naming("MetadataProviderScheme", "base", "", "MetadataProviderSchemes", &["MetadataProvider"]),
    naming(
        "OrganisationUnitScheme",
        "base",
        "OrganisationSchemes",
        "OrganisationUnitSchemes",
        &["OrganisationUnit"],
    ),
    naming("Dataflow", "datastructure", "Dataflows", "Dataflows", &[]),
    naming("Metadataflow", "metadatastructure", "Metadataflows", "Metadataflows", &[]),
    naming("CategoryScheme", "categoryscheme", "CategorySchemes", "CategorySchemes", &["Category"]),
    naming("Categorisation", "categoryscheme", "Categorisations", "Categorisations", &[]),
    naming("Codelist", "codelist", "Codelists", "Codelists", &["Code"]),
    naming("ValueList", "codelist", "", "ValueLists", &["ValueItem"]),
    naming("GeographicCodelist", "codelist", "", "GeographicCodelists", &["GeoFeatureSetCode"]),
    naming("GeoGridCodelist", "codelist", "", "GeoGridCodelists", &["GeoGridCode"]),
    naming("HierarchicalCodelist", "codelist", "HierarchicalCodelists", "", &[]),
    naming("Hierarchy", "codelist", "", "Hierarchies", &["HierarchicalCode", "Level"]),
    naming("HierarchyAssociation", "codelist", "", "HierarchyAssociations", &[]),
    naming("ConceptScheme", "conceptscheme", "Concepts", "ConceptSchemes", &["Concept"]),
    naming(
        "MetadataStructure",
        "metadatastructure",
        "MetadataStructures",
        "MetadataStructures",
        &[],
    ),
    naming("DataStructure", "datastructure", "DataStructures", "DataStructures", &[]),
    naming("StructureSet", "mapping", "StructureSets", "", &[]),
    naming("StructureMap", "structuremapping", "", "StructureMaps", &[]),
    naming("RepresentationMap", "structuremapping", "", "RepresentationMaps", &[]),
    naming("CategorySchemeMap", "structuremapping", "", "CategorySchemeMaps", &[]),
    naming("ConceptSchemeMap", "structuremapping", "", "ConceptSchemeMaps", &[]),
    naming("OrganisationSchemeMap", "structuremapping", "", "OrganisationSchemeMaps", &[]),
    naming("ReportingTaxonomyMap", "structuremapping", "", "ReportingTaxonomyMaps", &[]),
    naming(
        "ReportingTaxonomy",
        "categoryscheme",
        "ReportingTaxonomies",
        "ReportingTaxonomies",
        &["ReportingCategory"],
    ),
    naming("Process", "process", "Processes", "Processes", &["ProcessStep"]),
    naming("AttachmentConstraint", "registry", "Constraints", "", &[]),
    naming("ContentConstraint", "registry", "Constraints", "", &[]),
    naming("DataConstraint", "registry", "", "DataConstraints", &[]),
    naming("MetadataConstraint", "registry", "", "MetadataConstraints", &[]),
    naming("ProvisionAgreement", "registry", "ProvisionAgreements", "ProvisionAgreements", &[]),
    naming("MetadataProvisionAgreement", "registry", "", "MetadataProvisionAgreements", &[]),
    naming(
        "CustomTypeScheme",
        "transformation",
        "CustomTypes",
        "CustomTypeSchemes",
        &["CustomType"],
    ),
    naming(
        "VtlMappingScheme",
        "transformation",
        "VtlMappings",
        "VtlMappingSchemes",
        &["VtlConceptMapping", "VtlDataflowMapping", "VtlCodelistMapping"],
    ),
    naming(
        "NamePersonalisationScheme",
        "transformation",
        "NamePersonalisations",
        "NamePersonalisationSchemes",
        &["NamePersonalisation"],
    ),
    naming("RulesetScheme", "transformation", "Rulesets", "RulesetSchemes", &["Ruleset"]),
    naming(
        "TransformationScheme",
        "transformation",
        "Transformations",
        "TransformationSchemes",
        &["Transformation"],
    ),
    naming(
        "UserDefinedOperatorScheme",
        "transformation",
        "UserDefinedOperators",
        "UserDefinedOperatorSchemes",
        &["UserDefinedOperator"],
    ),
];

/// The names of the class with this element.
pub(super) fn naming_of(element: &str) -> Option<&'static Naming> {
    NAMINGS.iter().find(|naming| naming.element == element)
}

/// The class of the artefacts that a class in a reference means: its own, or that of the scheme
/// which holds such items.
pub(super) fn maintainable(class: &str) -> Option<ArtefactClass> {
    let is_meant = |naming: &&Naming| naming.element == class || naming.items.contains(&class);
    let naming = NAMINGS.iter().find(is_meant)?;
    Some(match naming.element {
        "Codelist" | "ValueList" => ArtefactClass::Codelist,
        "ConceptScheme" => ArtefactClass::ConceptScheme,
        "HierarchicalCodelist" | "Hierarchy" => ArtefactClass::HierarchicalCodelist,
        "DataStructure" => ArtefactClass::DataStructure,
        "Dataflow" => ArtefactClass::Dataflow,
        other => ArtefactClass::Other(other.to_owned()),
    })
}

/// The XML element of an artefact, as SDMX-ML 2.1 names it; value lists are called what they are.
pub(super) fn element(artefact: &Artefact) -> &str {
    match artefact {
        Artefact::Codelist(list) if list.is_value_list => "ValueList",
        Artefact::Codelist(_) => "Codelist",
        Artefact::ConceptScheme(_) => "ConceptScheme",
        Artefact::HierarchicalCodelist(_) => "HierarchicalCodelist",
        Artefact::DataStructure(_) => "DataStructure",
        Artefact::Dataflow(_) => "Dataflow",
        Artefact::Other { class, .. } => class,
    }
}

/// The URN of a maintainable artefact, by its class in URNs.
pub(super) fn urn(class: &str, id: &ArtefactId) -> String {
    let package = naming_of(class).map_or("base", |naming| naming.package);
    format!("urn:sdmx:org.sdmx.infomodel.{package}.{class}={id}")
}

/// The URN of something inside an artefact: its package and class, as in `codelist.Code`.
pub(super) fn urn_within(class: &str, id: &ArtefactId, item: &str) -> String {
    format!("urn:sdmx:org.sdmx.infomodel.{class}={id}.{item}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_to_items_mean_their_scheme() {
        let check = |class: &str, expected: Option<&str>| {
            let found = maintainable(class).map(|class| class.name().to_owned());
            assert_eq!(found.as_deref(), expected, "{class}");
        };
        check("Code", Some("codelist"));
        check("Codelist", Some("codelist"));
        check("ValueList", Some("codelist"));
        check("Category", Some("CategoryScheme"));
        check("Agency", Some("AgencyScheme"));
        check("Dimension", None);
    }

    #[test]
    fn urns_name_package_and_class() {
        let id = ArtefactId::new("ECB", "EXR", "1.0");
        let expected = "urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=ECB:EXR(1.0)";
        assert_eq!(urn("Dataflow", &id), expected);
        let expected = "urn:sdmx:org.sdmx.infomodel.codelist.Code=ECB:EXR(1.0).A";
        assert_eq!(urn_within("codelist.Code", &id, "A"), expected);
    }
}
