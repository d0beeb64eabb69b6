//! What all formats of structure messages have in common.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::borrow::Cow;
use std::io::{self, Write};

use crate::model::{
    Artefact, ArtefactId, Attachment, Attribute, Codelist, ConceptRef, DataStructure,
};
use crate::model::{HierarchicalCodelist, Hierarchy, Identity, Measure, Names};
use crate::sdmx::MessageHeader;
use crate::sdmx::structure::agencies::AGENCY_SCHEME;
use crate::sdmx::structure::classes::{NAMINGS, element, naming_of};
use crate::sdmx::structure::select::{Form, Selected, SelectedArtefact};
use crate::sdmx::structure::write::json_message::JsonMessage;
use crate::sdmx::structure::write::xml_message::XmlMessage;

/// The formats of structure messages, by what they are called in media types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StructureFormat {
    /// `structure+xml;version=2.1`.
    Xml21,
    /// `structure+xml;version=3.0.0`.
    Xml30,
    /// `structure+xml;version=3.1.0`.
    Xml31,
    /// `structure+json;version=1.0.0`.
    Json10,
    /// `structure+json;version=2.0.0`.
    Json20,
    /// `structure+json;version=2.1.0`.
    Json21,
}

impl StructureFormat {
    /// Whether it says what SDMX 2.1 can say, and no more.
    pub(super) fn is_old(self) -> bool {
        matches!(self, Self::Xml21 | Self::Json10)
    }
}

/// Writes a structure message. `languages` are those wanted of names and descriptions, the best
/// first; none of them means all.
///
/// # Errors
///
/// Those of the output.
pub fn write_structures(
    out: &mut dyn Write,
    format: StructureFormat,
    header: &MessageHeader,
    selected: &Selected<'_>,
    languages: &[String],
) -> io::Result<()> {
    match format {
        StructureFormat::Xml21 | StructureFormat::Xml30 | StructureFormat::Xml31 => {
            let mut message = XmlMessage::new(out, format, languages, selected);
            message.begin(header);
            message.structures(selected, None);
            message.finish()
        }
        StructureFormat::Json10 | StructureFormat::Json20 | StructureFormat::Json21 => {
            let mut message = JsonMessage::new(out, format, languages, selected);
            message.begin(header);
            message.structures(selected);
            message.finish()
        }
    }
}

/// The artefacts that a message in this format does not have, because the format has no form for
/// what is known of them.
pub fn left_out<'s, 'a>(
    format: StructureFormat,
    selected: &'s Selected<'a>,
) -> Vec<&'s SelectedArtefact<'a>> {
    let is_out = |shown: &&SelectedArtefact<'_>| place(format, shown).is_none();
    selected.artefacts.iter().filter(is_out).collect()
}

/// An artefact where a format has it.
pub(super) struct Placed<'s, 'a> {
    /// Its class, by its place among all.
    pub(super) order: usize,
    pub(super) element: &'s str,
    pub(super) container: &'static str,
    pub(super) shown: &'s SelectedArtefact<'a>,
}

/// The artefacts that a format has, class by class in the order of SDMX-ML 2.1.
pub(super) fn placed<'s, 'a>(
    format: StructureFormat,
    selected: &'s Selected<'a>,
) -> Vec<Placed<'s, 'a>> {
    let placed = selected.artefacts.iter().filter_map(|shown| {
        let (element, container) = place(format, shown)?;
        Some(Placed { order: order(element), element, container, shown })
    });
    let mut placed: Vec<Placed<'_, '_>> = placed.collect();
    placed.sort_by_key(|placed| placed.order);
    placed
}

/// The place of a class among all; those without a name of their own come last.
pub(super) fn order(element: &str) -> usize {
    NAMINGS.iter().position(|naming| naming.element == element).unwrap_or(NAMINGS.len())
}

/// The element and the container that an artefact has in a format; absent if it has none.
fn place<'s>(
    format: StructureFormat,
    shown: &'s SelectedArtefact<'_>,
) -> Option<(&'s str, &'static str)> {
    let element = match element(&shown.artefact) {
        "ValueList" if format.is_old() => "Codelist",
        "HierarchicalCodelist" if !format.is_old() => "Hierarchy",
        other => other,
    };
    let naming = naming_of(element)?;
    let container = if format.is_old() { naming.container_21 } else { naming.container_30 };
    if let Artefact::Other { xml, .. } = &*shown.artefact
        && element != AGENCY_SCHEME
    {
        let is_written = match shown.form {
            Form::Whole => is_kept_as(xml, format),
            // Names and identifiers are known of every class.
            Form::Stub | Form::CompleteStub => has_stub(element, format),
        };
        if !is_written {
            return None;
        }
    }
    Some((element, container?))
}

/// Whether an element that is kept is of the version of SDMX-ML that is written.
pub(super) fn is_kept_as(xml: &str, format: StructureFormat) -> bool {
    let namespace = match format {
        StructureFormat::Xml21 => "/schemas/v2_1/",
        StructureFormat::Xml30 => "/schemas/v3_0/",
        StructureFormat::Xml31 => "/schemas/v3_1/",
        StructureFormat::Json10 | StructureFormat::Json20 | StructureFormat::Json21 => {
            return false;
        }
    };
    xml.contains(namespace)
}

/// Whether the schema lets a class say no more than its identity.
fn has_stub(element: &str, format: StructureFormat) -> bool {
    const NEVER: &[&str] = &[
        "CategorySchemeMap",
        "ConceptSchemeMap",
        "CustomTypeScheme",
        "DataConstraint",
        "GeoGridCodelist",
        "GeographicCodelist",
        "HierarchyAssociation",
        "MetadataConstraint",
        "MetadataProvisionAgreement",
        "NamePersonalisationScheme",
        "OrganisationSchemeMap",
        "ProvisionAgreement",
        "ReportingTaxonomyMap",
        "RepresentationMap",
        "RulesetScheme",
        "StructureMap",
        "TransformationScheme",
        "UserDefinedOperatorScheme",
    ];
    !NEVER.contains(&element) && (element != "Metadataflow" || format.is_old())
}

/// Whether artefacts of a class have versions: schemes of organisations have none in SDMX 3.x.
pub(super) fn has_version(element: &str, format: StructureFormat) -> bool {
    const UNVERSIONED: &[&str] = &[
        AGENCY_SCHEME,
        "DataConsumerScheme",
        "DataProviderScheme",
        "MetadataProviderScheme",
        "OrganisationUnitScheme",
    ];
    let is_31 = matches!(format, StructureFormat::Xml31 | StructureFormat::Json21);
    let is_unversioned = UNVERSIONED.contains(&element) || (is_31 && element == "Categorisation");
    format.is_old() || !is_unversioned
}

/// The texts to write, in the languages wanted.
pub(super) fn in_languages<'n>(names: &'n Names, languages: &[String]) -> Vec<(&'n str, &'n str)> {
    let plain = |(language, text): &'n (String, String)| (language.as_str(), text.as_str());
    if languages.is_empty() {
        return names.0.iter().map(plain).collect();
    }
    let is_wanted = |(language, _): &&(String, String)| {
        languages.iter().any(|wanted| wanted.eq_ignore_ascii_case(language))
    };
    let mut found: Vec<_> = names.0.iter().filter(is_wanted).map(plain).collect();
    if found.is_empty() {
        let best = best(names, languages);
        let best = names.0.iter().find(|(_, text)| Some(text.as_str()) == best);
        found.extend(best.map(plain));
    }
    found
}

/// The one text to write, in the best of the languages wanted.
pub(super) fn best<'n>(names: &'n Names, languages: &[String]) -> Option<&'n str> {
    let exact = languages.iter().find_map(|language| names.exact(language));
    let first = languages.first().map_or("en", String::as_str);
    exact.or_else(|| names.best(first))
}

/// Names, or the identifier where there is none.
pub(super) fn named<'n>(names: &'n Names, id: &str) -> Cow<'n, Names> {
    if names.is_empty() { Cow::Owned(Names::one("en", id)) } else { Cow::Borrowed(names) }
}

/// Whether a text is an identifier of SDMX.
pub(super) fn is_identifier(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@$-".contains(&byte);
    !text.is_empty() && text.bytes().all(is_plain)
}

/// A value list as a codelist: without the values that are no identifiers.
pub(super) fn as_codelist(list: &Codelist) -> Cow<'_, Codelist> {
    if !list.is_value_list || list.codes.iter().all(|code| is_identifier(&code.id)) {
        return Cow::Borrowed(list);
    }
    let codes = list.codes.iter().filter(|code| is_identifier(&code.id)).cloned().collect();
    Cow::Owned(Codelist { is_partial: true, codes, ..list.clone() })
}

/// Whether a message says that an artefact is not here, but elsewhere.
pub(super) fn is_external(form: Form) -> bool {
    form != Form::Whole
}

/// The identity of a hierarchy that is an artefact of its own.
pub(super) fn hierarchy_identity(list: &HierarchicalCodelist, hierarchy: &Hierarchy) -> Identity {
    let mut identity = list.identity.clone();
    if list.hierarchies.len() > 1 {
        identity.id.id = format!("{}_{}", list.identity.id.id, hierarchy.id);
        identity.names.clone_from(&hierarchy.names);
        identity.descriptions.clone_from(&hierarchy.descriptions);
        identity.annotations.clone_from(&hierarchy.annotations);
    }
    identity
}

/// The identifier of the one measure of SDMX 2.1.
pub(super) const OBS_VALUE: &str = "OBS_VALUE";

/// The concept of a value, where a structure names none.
pub(super) fn cross_domain_value() -> ConceptRef {
    let scheme = ArtefactId::new("SDMX", "CROSS_DOMAIN_CONCEPTS", "1.0");
    ConceptRef { scheme, concept: OBS_VALUE.to_owned() }
}

/// The measure that is the primary one of SDMX 2.1, and the others as attributes.
pub(super) fn split_measures(structure: &DataStructure) -> (Option<&Measure>, Vec<Attribute>) {
    let measures = &structure.measures;
    let primary = measures.iter().find(|measure| measure.id == OBS_VALUE).or(measures.first());
    let others = measures
        .iter()
        .filter(|measure| Some(measure.id.as_str()) != primary.map(|p| p.id.as_str()));
    let others = others.cloned().map(|measure| Attribute {
        id: measure.id,
        concept: measure.concept,
        representation: measure.representation,
        attachment: Attachment::Observation,
        is_mandatory: measure.is_mandatory,
        roles: measure.roles,
        annotations: measure.annotations,
        ..Attribute::default()
    });
    (primary, others.collect())
}
