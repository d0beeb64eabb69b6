//! Codelists, concept schemes and hierarchies in JSON.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::borrow::Cow;
use std::collections::HashSet;

use crate::model::{ArtefactId, Cascade, Code, CodeSelection, Codelist, CodelistExtension};
use crate::model::{Concept, ConceptScheme, HierarchicalCodelist, Hierarchy, HierarchyNode, Level};
use crate::sdmx::structure::agencies::agencies;
use crate::sdmx::structure::classes::{urn, urn_within};
use crate::sdmx::structure::select::Form;
use crate::sdmx::structure::write::facets::Place;
use crate::sdmx::structure::write::json_message::JsonMessage;
use crate::sdmx::structure::write::message::{as_codelist, hierarchy_identity};
use crate::sdmx::structure::write::xml_items::{included_alias, included_codelists, node_id};

impl JsonMessage<'_> {
    pub(super) fn codelist(&mut self, list: &Codelist, element: &str) {
        let list = if self.is_10() { as_codelist(list) } else { Cow::Borrowed(list) };
        let is_value_list = element == "ValueList";
        self.maintainable(element, &list.identity, Form::Whole);
        if list.is_partial && !is_value_list {
            self.json.member_plain("isPartial", true);
        }
        if !list.codes.is_empty() {
            self.json.member_array(if is_value_list { "valueItems" } else { "codes" });
            for code in &list.codes {
                self.code(code, is_value_list);
            }
            self.json.end();
        }
        if !list.extensions.is_empty() && !self.is_10() {
            self.json.member_array("codelistExtensions");
            for extension in &list.extensions {
                self.extension(extension);
            }
            self.json.end();
        }
        self.json.end();
    }

    fn code(&mut self, code: &Code, is_value: bool) {
        self.json.object();
        self.json.member("id", &code.id);
        self.names(&code.id, &code.names, &code.descriptions, &code.annotations);
        if let Some(parent) = code.parent.as_ref().filter(|_| !is_value) {
            self.json.member("parent", parent);
        }
        self.json.end();
    }

    fn extension(&mut self, extension: &CodelistExtension) {
        self.json.object();
        if let Some(prefix) = &extension.prefix {
            self.json.member("prefix", prefix);
        }
        self.json.member("codelist", &urn("Codelist", &extension.codelist));
        let selection = match &extension.selection {
            Some(CodeSelection::Only(members)) => Some(("inclusiveCodeSelection", members)),
            Some(CodeSelection::AllBut(members)) => Some(("exclusiveCodeSelection", members)),
            None => None,
        };
        if let Some((name, members)) = selection {
            self.json.member_object(name);
            let (wild, plain): (Vec<_>, Vec<_>) =
                members.iter().partition(|member| member.value.contains('%'));
            if !plain.is_empty() {
                self.json.member_array("memberValues");
                for member in plain {
                    self.json.object();
                    self.json.member("value", &member.value);
                    match member.cascade {
                        Cascade::No => {}
                        Cascade::Below => self.json.member_plain("cascadeValues", true),
                        Cascade::OnlyBelow => self.json.member("cascadeValues", "excluderoot"),
                    }
                    self.json.end();
                }
                self.json.end();
            }
            if !wild.is_empty() {
                self.json.member_array("wildcardedMemberValues");
                for member in wild {
                    self.json.element(&member.value);
                }
                self.json.end();
            }
            self.json.end();
        }
        self.json.end();
    }

    pub(super) fn concept_scheme(&mut self, scheme: &ConceptScheme) {
        self.maintainable("ConceptScheme", &scheme.identity, Form::Whole);
        if scheme.is_partial {
            self.json.member_plain("isPartial", true);
        }
        if !scheme.concepts.is_empty() {
            self.json.member_array("concepts");
            for concept in &scheme.concepts {
                self.concept(&scheme.identity.id, concept);
            }
            self.json.end();
        }
        self.json.end();
    }

    fn concept(&mut self, scheme: &ArtefactId, concept: &Concept) {
        self.json.object();
        self.json.member("id", &concept.id);
        self.names(&concept.id, &concept.names, &concept.descriptions, &concept.annotations);
        if let Some(parent) = &concept.parent {
            let urn = urn_within("conceptscheme.Concept", scheme, parent);
            self.json.member("parent", if self.is_10() { &urn } else { parent });
        }
        if let Some(own) = &concept.representation {
            self.representation("coreRepresentation", own, Place::Concept);
        }
        if let Some(iso) = concept.iso.as_ref().filter(|_| !self.is_10()) {
            self.json.member_object("isoConceptReference");
            self.json.member("conceptAgency", &iso.agency);
            self.json.member("conceptSchemeID", &iso.scheme);
            self.json.member("conceptID", &iso.concept);
            self.json.end();
        }
        self.json.end();
    }

    pub(super) fn hierarchies(&mut self, list: &HierarchicalCodelist) {
        if self.is_10() {
            self.maintainable("HierarchicalCodelist", &list.identity, Form::Whole);
            self.json.member_object("includedCodelists");
            for (number, included) in (1..).zip(included_codelists(list)) {
                self.json.member(&included_alias(number), &urn("Codelist", included));
            }
            self.json.end();
            self.json.member_array("hierarchies");
            for hierarchy in &list.hierarchies {
                let Hierarchy { id, names, descriptions, annotations, .. } = hierarchy;
                self.json.object();
                self.json.member("id", id);
                self.names(id, names, descriptions, annotations);
                self.json.member_plain("leveled", hierarchy.has_formal_levels);
                self.nodes(&hierarchy.nodes);
                self.levels(&hierarchy.levels);
                self.json.end();
            }
            self.json.end();
            self.json.end();
            return;
        }
        for hierarchy in &list.hierarchies {
            let identity = hierarchy_identity(list, hierarchy);
            self.maintainable("Hierarchy", &identity, Form::Whole);
            self.json.member_plain("hasFormalLevels", hierarchy.has_formal_levels);
            self.levels(&hierarchy.levels);
            self.nodes(&hierarchy.nodes);
            self.json.end();
        }
    }

    /// Writes the agencies of a scheme that is kept as XML.
    pub(super) fn agencies(&mut self, xml: &str) {
        let agencies = agencies(xml);
        if agencies.is_empty() {
            return;
        }
        self.json.member_array("agencies");
        for agency in agencies {
            self.json.object();
            self.json.member("id", &agency.id);
            self.names(&agency.id, &agency.names, &agency.descriptions, &[]);
            self.json.end();
        }
        self.json.end();
    }

    /// Writes codes and those below them; the bound on the depth of XML bounds the recursion.
    fn nodes(&mut self, nodes: &[HierarchyNode]) {
        if nodes.is_empty() {
            return;
        }
        let mut taken = HashSet::new();
        self.json.member_array("hierarchicalCodes");
        for node in nodes {
            self.json.object();
            self.json.member("id", &node_id(node, &mut taken));
            for (name, value) in [("validFrom", &node.valid_from), ("validTo", &node.valid_to)] {
                if let Some(value) = value {
                    self.json.member(name, value);
                }
            }
            self.annotations(&node.annotations);
            self.json.member("code", &urn_within("codelist.Code", &node.codelist, &node.code));
            if let Some(level) = &node.level {
                self.json.member("level", level);
            }
            self.nodes(&node.children);
            self.json.end();
        }
        self.json.end();
    }

    /// Writes levels, each within the one above.
    fn levels(&mut self, levels: &[Level]) {
        for level in levels {
            self.json.member_object("level");
            self.json.member("id", &level.id);
            self.names(&level.id, &level.names, &level.descriptions, &level.annotations);
            if !level.format.is_empty() {
                self.json.member_object("codingFormat");
                for (name, value) in &level.format {
                    self.facet(name, value);
                }
                self.json.end();
            }
        }
        for _ in levels {
            self.json.end();
        }
    }
}
