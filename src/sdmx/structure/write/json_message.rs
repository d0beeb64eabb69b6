//! A structure message in JSON: its header, its lists, and what all artefacts begin with.
//!
//! Source: SDMX-JSON structure messages 1.0, 2.0.0 and 2.1.0, `sdmx-json-structure-schema.json`.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::{self, Write};

use crate::model::{Annotation, Artefact, ArtefactId, Identity, Names};
use crate::sdmx::MessageHeader;
use crate::sdmx::structure::classes::{Naming, naming_of, urn};
use crate::sdmx::structure::select::{Form, Selected, SelectedArtefact};
use crate::sdmx::structure::write::message::{
    Placed, StructureFormat, best, has_version, hierarchy_identity, in_languages, is_external,
    named, placed,
};
use crate::sdmx::structure::write::output::Json;

/// The schema of SDMX-JSON 2.1, which a message names at its top.
const SCHEMA_21: &str = "https://json.sdmx.org/2.1/sdmx-json-structure-schema.json";
/// Where the schemas before were published.
const SCHEMAS: &str =
    "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/structure-message/tools/schemas";

/// A message that is being written.
pub(super) struct JsonMessage<'a> {
    pub(super) json: Json<'a>,
    pub(super) format: StructureFormat,
    languages: &'a [String],
    selected: &'a Selected<'a>,
}

impl<'a> JsonMessage<'a> {
    pub(super) fn new(
        out: &'a mut dyn Write,
        format: StructureFormat,
        languages: &'a [String],
        selected: &'a Selected<'a>,
    ) -> Self {
        Self { json: Json::new(out), format, languages, selected }
    }

    pub(super) fn is_10(&self) -> bool {
        self.format == StructureFormat::Json10
    }

    /// Writes what comes before the structures, and begins them.
    pub(super) fn begin(&mut self, header: &MessageHeader) {
        self.json.object();
        if self.format == StructureFormat::Json21 {
            self.json.member("$schema", SCHEMA_21);
        }
        self.json.member_object("meta");
        let folder = if self.is_10() { "1.0" } else { "2.0.0" };
        if self.format != StructureFormat::Json21 {
            let schema = format!("{SCHEMAS}/{folder}/sdmx-json-structure-schema.json");
            self.json.member("schema", &schema);
        }
        self.json.member("id", &header.id);
        self.json.member_plain("test", false);
        self.json.member("prepared", &header.prepared);
        if !self.languages.is_empty() {
            self.json.member_array("contentLanguages");
            for language in self.languages {
                self.json.element(language);
            }
            self.json.end();
        }
        self.json.member_object("sender");
        self.json.member("id", &header.sender);
        self.json.end();
        self.json.end();
        self.json.member_object("data");
    }

    /// Writes the artefacts, each class in its list.
    pub(super) fn structures(&mut self, selected: &Selected<'_>) {
        let placed = placed(self.format, selected);
        for of_class in placed.chunk_by(|a, b| a.order == b.order) {
            let Some(naming) = of_class.first().and_then(|first| naming_of(first.element)) else {
                continue;
            };
            self.json.member_array(&list_name(naming));
            for Placed { shown, element, .. } in of_class {
                self.artefact(shown, element);
            }
            self.json.end();
        }
    }

    pub(super) fn finish(self) -> io::Result<()> {
        self.json.finish()
    }

    fn artefact(&mut self, shown: &SelectedArtefact<'_>, element: &str) {
        let is_whole = shown.form == Form::Whole;
        match &*shown.artefact {
            Artefact::Codelist(list) if is_whole => self.codelist(list, element),
            Artefact::ConceptScheme(scheme) if is_whole => self.concept_scheme(scheme),
            Artefact::HierarchicalCodelist(list) if is_whole => self.hierarchies(list),
            Artefact::DataStructure(structure) if is_whole => self.data_structure(structure),
            Artefact::Dataflow(flow) if is_whole => self.dataflow(flow),
            Artefact::Other { identity, xml, .. } if is_whole => {
                self.maintainable(element, identity, Form::Whole);
                self.agencies(xml);
                self.json.end();
            }
            Artefact::HierarchicalCodelist(list) if element == "Hierarchy" => {
                for hierarchy in &list.hierarchies {
                    let identity = hierarchy_identity(list, hierarchy);
                    self.maintainable(element, &identity, shown.form);
                    self.json.end();
                }
            }
            artefact => {
                self.maintainable(element, artefact.identity(), shown.form);
                self.json.end();
            }
        }
    }

    /// Begins a maintainable artefact.
    pub(super) fn maintainable(&mut self, element: &str, identity: &Identity, form: Form) {
        let ArtefactId { agency, id, version } = &identity.id;
        self.json.object();
        self.json.member("id", id);
        self.json.member("agencyID", agency);
        if has_version(element, self.format) {
            self.json.member("version", version);
        }
        if self.is_10() && form != Form::Stub {
            self.json.member_plain("isFinal", identity.is_final);
        }
        self.json.member_plain("isExternalReference", is_external(form));
        let others = [("validFrom", &identity.valid_from), ("validTo", &identity.valid_to)];
        for (name, value) in others {
            if let Some(value) = value {
                self.json.member(name, value);
            }
        }
        self.json.member_array("links");
        self.json.object();
        self.json.member("rel", "self");
        // The schema of 2.0 knows no URN of a value list, though it has value lists.
        if element != "ValueList" || self.format == StructureFormat::Json21 {
            self.json.member("urn", &urn(element, &identity.id));
        }
        if let Some(url) = &identity.structure_url {
            self.json.member("href", url);
        }
        self.json.member("type", &element.to_ascii_lowercase());
        self.json.end();
        self.json.end();
        let is_stub = form == Form::Stub;
        let none = Names::default();
        let descriptions = if is_stub { &none } else { &identity.descriptions };
        let annotations: &[Annotation] = if is_stub { &[] } else { &identity.annotations };
        self.names(id, &identity.names, descriptions, annotations);
    }

    /// Writes names, descriptions and annotations.
    pub(super) fn names(
        &mut self,
        id: &str,
        names: &Names,
        descriptions: &Names,
        annotations: &[Annotation],
    ) {
        self.texts("name", "names", &named(names, id));
        self.texts("description", "descriptions", descriptions);
        self.annotations(annotations);
    }

    /// Writes the best text, and all of the languages wanted.
    fn texts(&mut self, one: &str, all: &str, names: &Names) {
        let Some(best) = best(names, self.languages) else { return };
        self.json.member(one, best);
        self.json.member_object(all);
        let mut taken: Vec<&str> = Vec::new();
        for (language, text) in in_languages(names, self.languages) {
            // A second text of one language has no place: members have one name each.
            if !taken.contains(&language) {
                self.json.member(language, text);
                taken.push(language);
            }
        }
        self.json.end();
    }

    pub(super) fn annotations(&mut self, annotations: &[Annotation]) {
        if annotations.is_empty() {
            return;
        }
        self.json.member_array("annotations");
        for Annotation { id, kind, title, url, value, texts } in annotations {
            self.json.object();
            let value = if self.is_10() { &None } else { value };
            for (name, text) in [("id", id), ("title", title), ("type", kind), ("value", value)] {
                if let Some(text) = text {
                    self.json.member(name, text);
                }
            }
            self.texts("text", "texts", texts);
            if let Some(url) = url {
                self.json.member_array("links");
                self.json.object();
                self.json.member("rel", "self");
                self.json.member("href", url);
                self.json.end();
                self.json.end();
            }
            self.json.end();
        }
        self.json.end();
    }

    /// Whether a list is a value list.
    pub(super) fn is_value_list(&self, list: &ArtefactId) -> bool {
        self.selected.value_lists.contains(list)
    }
}

/// What JSON calls the list of a class: the container of SDMX-ML 3.0 where there is one, else the
/// element in the plural, beginning with a small letter.
fn list_name(naming: &Naming) -> String {
    let plural = naming.container_30.map_or_else(|| format!("{}s", naming.element), str::to_owned);
    let mut chars = plural.chars();
    let first = chars.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(chars).collect()
}
