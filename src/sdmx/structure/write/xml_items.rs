//! Codelists, concept schemes and hierarchies in XML.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use crate::model::{ArtefactId, Cascade, Code, CodeSelection, Codelist, CodelistExtension};
use crate::model::{Concept, ConceptScheme, HierarchicalCodelist, Hierarchy, HierarchyNode, Level};
use crate::sdmx::structure::agencies::agencies;
use crate::sdmx::structure::classes::urn_within;
use crate::sdmx::structure::select::Form;
use crate::sdmx::structure::write::facets::Place;
use crate::sdmx::structure::write::message::{StructureFormat, as_codelist, hierarchy_identity};
use crate::sdmx::structure::write::xml_message::XmlMessage;

impl XmlMessage<'_> {
    pub(super) fn codelist(&mut self, list: &Codelist, element: &str) {
        let list = if self.is_21() { as_codelist(list) } else { Cow::Borrowed(list) };
        self.maintainable(element, &list.identity, Form::Whole);
        if list.is_partial {
            self.xml.attribute("isPartial", "true");
        }
        self.names(&list.identity, Form::Whole);
        for code in &list.codes {
            self.code(&list.identity.id, code, element == "ValueList");
        }
        if !self.is_21() {
            for extension in &list.extensions {
                self.extension(extension);
            }
        }
        self.xml.end();
    }

    fn code(&mut self, list: &ArtefactId, code: &Code, is_value: bool) {
        self.xml.start(if is_value { "str:ValueItem" } else { "str:Code" });
        self.xml.attribute("id", &code.id);
        if !is_value {
            self.xml.attribute("urn", &urn_within("codelist.Code", list, &code.id));
        }
        self.item_names(&code.id, &code.names, &code.descriptions, &code.annotations);
        let has_form = |parent: &&String| {
            // The schema of 3.0 alone wants a letter first, and `_T` is a common parent.
            self.format != StructureFormat::Xml30
                || parent.starts_with(|c: char| c.is_ascii_alphabetic())
        };
        if let Some(parent) = code.parent.as_ref().filter(|_| !is_value).filter(has_form) {
            self.local_reference("str:Parent", parent);
        }
        self.xml.end();
    }

    fn extension(&mut self, extension: &CodelistExtension) {
        self.xml.start("str:CodelistExtension");
        if let Some(prefix) = &extension.prefix {
            self.xml.attribute("prefix", prefix);
        }
        self.reference("str:Codelist", "Codelist", &extension.codelist);
        let selection = match &extension.selection {
            Some(CodeSelection::Only(members)) => Some(("str:InclusiveCodeSelection", members)),
            Some(CodeSelection::AllBut(members)) => Some(("str:ExclusiveCodeSelection", members)),
            None => None,
        };
        if let Some((element, members)) = selection {
            self.xml.start(element);
            for member in members {
                self.xml.start("str:MemberValue");
                match member.cascade {
                    Cascade::No => {}
                    Cascade::Below => self.xml.attribute("cascadeValues", "true"),
                    Cascade::OnlyBelow => self.xml.attribute("cascadeValues", "excluderoot"),
                }
                self.xml.text(&member.value);
                self.xml.end();
            }
            self.xml.end();
        }
        self.xml.end();
    }

    pub(super) fn concept_scheme(&mut self, scheme: &ConceptScheme) {
        self.maintainable("ConceptScheme", &scheme.identity, Form::Whole);
        if scheme.is_partial {
            self.xml.attribute("isPartial", "true");
        }
        self.names(&scheme.identity, Form::Whole);
        for concept in &scheme.concepts {
            self.concept(&scheme.identity.id, concept);
        }
        self.xml.end();
    }

    fn concept(&mut self, scheme: &ArtefactId, concept: &Concept) {
        self.xml.start("str:Concept");
        self.xml.attribute("id", &concept.id);
        self.xml.attribute("urn", &urn_within("conceptscheme.Concept", scheme, &concept.id));
        self.item_names(&concept.id, &concept.names, &concept.descriptions, &concept.annotations);
        if let Some(parent) = &concept.parent {
            self.local_reference("str:Parent", parent);
        }
        if let Some(own) = &concept.representation {
            self.representation("str:CoreRepresentation", own, Place::Concept);
        }
        if let Some(iso) = &concept.iso {
            self.xml.start("str:ISOConceptReference");
            self.xml.leaf("str:ConceptAgency", &iso.agency);
            self.xml.leaf("str:ConceptSchemeID", &iso.scheme);
            self.xml.leaf("str:ConceptID", &iso.concept);
            self.xml.end();
        }
        self.xml.end();
    }

    pub(super) fn hierarchies(&mut self, list: &HierarchicalCodelist) {
        if self.is_21() {
            self.maintainable("HierarchicalCodelist", &list.identity, Form::Whole);
            self.names(&list.identity, Form::Whole);
            for (number, included) in (1..).zip(included_codelists(list)) {
                self.xml.start("str:IncludedCodelist");
                self.xml.attribute("alias", &included_alias(number));
                self.reference_within("Codelist", included, None);
                self.xml.end();
            }
            for hierarchy in &list.hierarchies {
                self.xml.start("str:Hierarchy");
                self.xml.attribute("id", &hierarchy.id);
                if hierarchy.has_formal_levels {
                    self.xml.attribute("leveled", "true");
                }
                let Hierarchy { id, names, descriptions, annotations, .. } = hierarchy;
                self.item_names(id, names, descriptions, annotations);
                self.nodes(&hierarchy.nodes);
                self.levels(&hierarchy.levels);
                self.xml.end();
            }
            self.xml.end();
            return;
        }
        for hierarchy in &list.hierarchies {
            let identity = hierarchy_identity(list, hierarchy);
            self.maintainable("Hierarchy", &identity, Form::Whole);
            let is_leveled = if hierarchy.has_formal_levels { "true" } else { "false" };
            self.xml.attribute("hasFormalLevels", is_leveled);
            self.names(&identity, Form::Whole);
            self.levels(&hierarchy.levels);
            self.nodes(&hierarchy.nodes);
            self.xml.end();
        }
    }

    /// Writes stubs of hierarchies. The schema wants a code of each, so they have their first.
    pub(super) fn hierarchy_stubs(&mut self, list: &HierarchicalCodelist, form: Form) {
        for hierarchy in &list.hierarchies {
            let identity = hierarchy_identity(list, hierarchy);
            self.maintainable("Hierarchy", &identity, form);
            self.xml.attribute("hasFormalLevels", "false");
            self.names(&identity, form);
            let first = hierarchy.nodes.first().cloned().map(|node| HierarchyNode {
                children: Vec::new(),
                level: None,
                annotations: Vec::new(),
                ..node
            });
            self.nodes(first.as_slice());
            self.xml.end();
        }
    }

    /// Writes the agencies of a scheme that is kept as XML.
    pub(super) fn agencies(&mut self, xml: &str) {
        for agency in agencies(xml) {
            self.xml.start("str:Agency");
            self.xml.attribute("id", &agency.id);
            self.item_names(&agency.id, &agency.names, &agency.descriptions, &[]);
            self.xml.end();
        }
    }

    /// Writes codes and those below them; the bound on the depth of XML bounds the recursion.
    fn nodes(&mut self, nodes: &[HierarchyNode]) {
        let mut taken = HashSet::new();
        for node in nodes {
            self.xml.start("str:HierarchicalCode");
            self.xml.attribute("id", &node_id(node, &mut taken));
            for (name, value) in [("validFrom", &node.valid_from), ("validTo", &node.valid_to)] {
                if let Some(value) = value {
                    self.xml.attribute(name, value);
                }
            }
            self.annotations(&node.annotations);
            self.xml.start("str:Code");
            self.reference_within("Code", &node.codelist, Some(&node.code));
            self.xml.end();
            self.nodes(&node.children);
            if let Some(level) = &node.level {
                self.local_reference("str:Level", level);
            }
            self.xml.end();
        }
    }

    /// Writes levels, each within the one above.
    fn levels(&mut self, levels: &[Level]) {
        for level in levels {
            self.xml.start("str:Level");
            self.xml.attribute("id", &level.id);
            self.item_names(&level.id, &level.names, &level.descriptions, &level.annotations);
            if !level.format.is_empty() {
                self.xml.start("str:CodingFormat");
                for (name, value) in &level.format {
                    self.xml.attribute(name, value);
                }
                self.xml.end();
            }
        }
        for _ in levels {
            self.xml.end();
        }
    }
}

/// An identifier for a place in a hierarchy that its neighbours do not have.
pub(super) fn node_id(node: &HierarchyNode, taken: &mut HashSet<String>) -> String {
    let plain = if node.id.is_empty() { &node.code } else { &node.id };
    let mut id = plain.clone();
    let mut count = 1;
    while !taken.insert(id.clone()) {
        count += 1;
        id = format!("{plain}_{count}");
    }
    id
}

/// What the codelist of this number is called within a list of hierarchies. Codes name their list
/// in full, but clients want the alias.
pub(super) fn included_alias(number: u32) -> String {
    format!("L{number}")
}

/// The codelists that hierarchies take codes from.
pub(super) fn included_codelists(list: &HierarchicalCodelist) -> BTreeSet<&ArtefactId> {
    let mut found = BTreeSet::new();
    let roots = list.hierarchies.iter().flat_map(|hierarchy| &hierarchy.nodes);
    let mut next: Vec<&HierarchyNode> = roots.collect();
    while let Some(node) = next.pop() {
        found.insert(&node.codelist);
        next.extend(&node.children);
    }
    found
}
