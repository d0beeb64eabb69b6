//! A structure message in XML: its header, its containers, and what all artefacts begin with.
//!
//! Source: SDMX-ML 2.1, 3.0 and 3.1, `SDMXMessage.xsd`, `SDMXStructure.xsd`, `SDMXCommon.xsd`.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::{self, Write};

use crate::model::{Annotation, Artefact, ArtefactId, Identity, Names};
use crate::sdmx::MessageHeader;
use crate::sdmx::structure::classes::{NAMINGS, urn};
use crate::sdmx::structure::select::{Form, Selected, SelectedArtefact};
use crate::sdmx::structure::write::message::{
    StructureFormat, in_languages, is_external, named, place,
};
use crate::sdmx::structure::write::output::Xml;

/// What the namespaces begin with.
const NAMESPACE: &str = "http://www.sdmx.org/resources/sdmxml/schemas";

/// A message that is being written.
pub(super) struct XmlMessage<'a> {
    pub(super) xml: Xml<'a>,
    pub(super) format: StructureFormat,
    languages: &'a [String],
    selected: &'a Selected<'a>,
}

impl<'a> XmlMessage<'a> {
    pub(super) fn new(
        out: &'a mut dyn Write,
        format: StructureFormat,
        languages: &'a [String],
        selected: &'a Selected<'a>,
    ) -> Self {
        Self { xml: Xml::new(out), format, languages, selected }
    }

    pub(super) fn is_21(&self) -> bool {
        self.format == StructureFormat::Xml21
    }

    /// Writes what comes before the structures.
    pub(super) fn begin(&mut self, header: &MessageHeader) {
        let version = match self.format {
            StructureFormat::Xml30 => "v3_0",
            StructureFormat::Xml31 => "v3_1",
            _ => "v2_1",
        };
        self.xml.start("mes:Structure");
        for (prefix, name) in [("mes", "message"), ("str", "structure"), ("com", "common")] {
            let attribute = format!("xmlns:{prefix}");
            self.xml.attribute(&attribute, &format!("{NAMESPACE}/{version}/{name}"));
        }
        self.xml.start("mes:Header");
        self.xml.leaf("mes:ID", &header.id);
        self.xml.leaf("mes:Test", "false");
        self.xml.leaf("mes:Prepared", &header.prepared);
        self.xml.start("mes:Sender");
        self.xml.attribute("id", &header.sender);
        self.xml.end();
        self.xml.end();
    }

    /// Writes the artefacts, each class in its container, and what else a container shall hold.
    pub(super) fn structures(
        &mut self,
        selected: &Selected<'_>,
        mut more: Option<(&str, &mut dyn FnMut(&mut Self))>,
    ) {
        self.xml.start("mes:Structures");
        let mut containers: Vec<&str> = Vec::new();
        for naming in NAMINGS {
            let container = if self.is_21() { naming.container_21 } else { naming.container_30 };
            // Several classes may share a container, and then stand side by side.
            containers.extend(container.filter(|name| !containers.contains(name)));
        }
        if let Some((name, _)) = &more
            && !containers.contains(name)
        {
            containers.push(*name);
        }
        for container in containers {
            let mut is_open = false;
            for naming in NAMINGS {
                for shown in &selected.artefacts {
                    let Some((element, within)) = place(self.format, shown) else { continue };
                    if within != container || element != naming.element {
                        continue;
                    }
                    if !is_open {
                        self.xml.start(&format!("str:{container}"));
                        is_open = true;
                    }
                    self.artefact(shown, element);
                }
            }
            if let Some((_, write)) = more.as_mut().filter(|(name, _)| *name == container) {
                if !is_open {
                    self.xml.start(&format!("str:{container}"));
                    is_open = true;
                }
                write(self);
            }
            if is_open {
                self.xml.end();
            }
        }
        self.xml.end();
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.xml.finish()
    }

    fn artefact(&mut self, shown: &SelectedArtefact<'_>, element: &str) {
        if shown.form == Form::Whole {
            match &*shown.artefact {
                Artefact::Codelist(list) => self.codelist(list, element),
                Artefact::ConceptScheme(scheme) => self.concept_scheme(scheme),
                Artefact::HierarchicalCodelist(list) => self.hierarchies(list),
                Artefact::DataStructure(structure) => self.data_structure(structure),
                Artefact::Dataflow(flow) => self.dataflow(flow),
                Artefact::Other { xml, .. } => self.xml.raw(xml),
            }
            return;
        }
        self.maintainable(element, shown.artefact.identity(), shown.form);
        if element == "Hierarchy" {
            self.xml.attribute("hasFormalLevels", "false");
        }
        self.names(shown.artefact.identity(), shown.form);
        self.xml.end();
    }

    /// Starts a maintainable artefact; attributes may follow, then [`XmlMessage::names`].
    pub(super) fn maintainable(&mut self, element: &str, identity: &Identity, form: Form) {
        self.xml.start(&format!("str:{element}"));
        let ArtefactId { agency, id, version } = &identity.id;
        self.xml.attribute("id", id);
        self.xml.attribute("urn", &urn(element, &identity.id));
        self.xml.attribute("agencyID", agency);
        self.xml.attribute("version", version);
        if self.is_21() && form != Form::Stub {
            self.xml.attribute("isFinal", if identity.is_final { "true" } else { "false" });
        }
        if is_external(form) {
            self.xml.attribute("isExternalReference", "true");
        }
        let others = [
            ("uri", &identity.uri),
            ("validFrom", &identity.valid_from),
            ("validTo", &identity.valid_to),
            ("serviceURL", &identity.service_url),
            ("structureURL", &identity.structure_url),
        ];
        for (name, value) in others {
            if let Some(value) = value {
                self.xml.attribute(name, value);
            }
        }
    }

    /// Writes annotations, names and descriptions of an artefact.
    pub(super) fn names(&mut self, identity: &Identity, form: Form) {
        let is_stub = form == Form::Stub;
        self.annotations(if is_stub { &[] } else { &identity.annotations });
        self.texts("com:Name", &named(&identity.names, &identity.id.id));
        if !is_stub {
            self.texts("com:Description", &identity.descriptions);
        }
    }

    /// Writes annotations, names and descriptions of an item.
    pub(super) fn item_names(
        &mut self,
        id: &str,
        names: &Names,
        descriptions: &Names,
        annotations: &[Annotation],
    ) {
        self.annotations(annotations);
        self.texts("com:Name", &named(names, id));
        self.texts("com:Description", descriptions);
    }

    pub(super) fn texts(&mut self, element: &str, names: &Names) {
        for (language, text) in in_languages(names, self.languages) {
            self.xml.start(element);
            self.xml.attribute("xml:lang", language);
            self.xml.text(text);
            self.xml.end();
        }
    }

    pub(super) fn annotations(&mut self, annotations: &[Annotation]) {
        if annotations.is_empty() {
            return;
        }
        self.xml.start("com:Annotations");
        for Annotation { id, kind, title, url, value, texts } in annotations {
            self.xml.start("com:Annotation");
            if let Some(id) = id {
                self.xml.attribute("id", id);
            }
            let parts = [
                ("com:AnnotationTitle", title),
                ("com:AnnotationType", kind),
                ("com:AnnotationURL", url),
            ];
            for (element, text) in parts {
                if let Some(text) = text {
                    self.xml.leaf(element, text);
                }
            }
            self.texts("com:AnnotationText", texts);
            match value {
                Some(value) if !self.is_21() => self.xml.leaf("com:AnnotationValue", value),
                Some(value) if texts.is_empty() => self.xml.leaf("com:AnnotationText", value),
                Some(_) | None => {}
            }
            self.xml.end();
        }
        self.xml.end();
    }

    /// Writes an element that refers to a maintainable artefact.
    pub(super) fn reference(&mut self, element: &str, class: &str, id: &ArtefactId) {
        self.xml.start(element);
        self.reference_within(class, id, None);
        self.xml.end();
    }

    /// Writes what is within an element that refers to an artefact, or to an item in one. The class
    /// is that of what is referred to.
    pub(super) fn reference_within(&mut self, class: &str, id: &ArtefactId, item: Option<&str>) {
        let package = match class {
            "Codelist" | "Code" | "ValueList" => "codelist",
            "ConceptScheme" | "Concept" => "conceptscheme",
            _ => "datastructure",
        };
        if !self.is_21() {
            let urn = format!("urn:sdmx:org.sdmx.infomodel.{package}.{class}={id}");
            self.xml.text(&item.map_or(urn.clone(), |item| format!("{urn}.{item}")));
            return;
        }
        self.xml.start("Ref");
        self.xml.attribute("id", item.unwrap_or(&id.id));
        if item.is_some() {
            self.xml.attribute("maintainableParentID", &id.id);
            self.xml.attribute("maintainableParentVersion", &id.version);
        } else {
            self.xml.attribute("version", &id.version);
        }
        self.xml.attribute("agencyID", &id.agency);
        self.xml.attribute("package", package);
        self.xml.attribute("class", class);
        self.xml.end();
    }

    /// Writes an element that refers to something in the same artefact.
    pub(super) fn local_reference(&mut self, element: &str, id: &str) {
        if self.is_21() {
            self.xml.start(element);
            self.xml.start("Ref");
            self.xml.attribute("id", id);
            self.xml.end();
            self.xml.end();
        } else {
            self.xml.leaf(element, id);
        }
    }

    /// Whether a list is a value list.
    pub(super) fn is_value_list(&self, list: &ArtefactId) -> bool {
        self.selected.value_lists.contains(list)
    }
}
