//! A structure message in XML: its header, its containers, and what all artefacts begin with.
//!
//! Source: SDMX-ML 2.1, 3.0 and 3.1, `SDMXMessage.xsd`, `SDMXStructure.xsd`, `SDMXCommon.xsd`.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::{self, Write};

use crate::model::{Annotation, Artefact, ArtefactId, Identity, Names};
use crate::sdmx::MessageHeader;
use crate::sdmx::structure::classes::{urn, urn_within};
use crate::sdmx::structure::select::{Form, Selected, SelectedArtefact};
use crate::sdmx::structure::write::message::{
    Placed, StructureFormat, has_version, in_languages, is_external, is_kept_as, named, placed,
};
use crate::sdmx::structure::write::output::Xml;

/// What the namespaces begin with.
const NAMESPACE: &str = "http://www.sdmx.org/resources/sdmxml/schemas";

/// What a message holds beside the artefacts.
pub(super) struct Extra<'m, 'a> {
    /// Its place among the classes.
    pub(super) order: usize,
    /// Its container.
    pub(super) container: &'static str,
    /// Writes it.
    pub(super) write: &'m dyn Fn(&mut XmlMessage<'a>),
}

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

    /// Writes the artefacts, each class in its container, and what else there shall be.
    pub(super) fn structures(&mut self, selected: &Selected<'_>, mut extra: Option<Extra<'_, 'a>>) {
        self.xml.start("mes:Structures");
        let mut open: Option<&'static str> = None;
        for Placed { order, element, container, shown } in placed(self.format, selected) {
            if let Some(first) = extra.take_if(|extra| extra.order <= order) {
                self.open(&mut open, first.container);
                (first.write)(self);
            }
            self.open(&mut open, container);
            self.artefact(shown, element);
        }
        if let Some(last) = extra {
            self.open(&mut open, last.container);
            (last.write)(self);
        }
        if open.is_some() {
            self.xml.end();
        }
        self.xml.end();
    }

    /// Makes a container the current one.
    fn open(&mut self, open: &mut Option<&'static str>, container: &'static str) {
        if *open == Some(container) {
            return;
        }
        if open.replace(container).is_some() {
            self.xml.end();
        }
        self.xml.start(&format!("str:{container}"));
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
                Artefact::Other { xml, .. } if is_kept_as(xml, self.format) => self.xml.raw(xml),
                Artefact::Other { identity, xml, .. } => {
                    self.maintainable(element, identity, Form::Whole);
                    self.names(identity, Form::Whole);
                    self.agencies(xml);
                    self.xml.end();
                }
            }
            return;
        }
        if let (Artefact::HierarchicalCodelist(list), "Hierarchy") = (&*shown.artefact, element) {
            self.hierarchy_stubs(list, shown.form);
            return;
        }
        self.maintainable(element, shown.artefact.identity(), shown.form);
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
        if has_version(element, self.format) {
            self.xml.attribute("version", version);
        }
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
            let class = format!("{package}.{class}");
            self.xml.text(&match item {
                Some(item) => urn_within(&class, id, item),
                None => format!("urn:sdmx:org.sdmx.infomodel.{class}={id}"),
            });
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
