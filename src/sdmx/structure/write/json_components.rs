//! Data structure definitions, dataflows and representations in JSON.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use crate::model::{ArtefactId, Attachment, Attribute, ConceptRef, DataStructure, Dataflow};
use crate::model::{Dimension, Measure, Occurs, Representation};
use crate::sdmx::structure::classes::{urn, urn_within};
use crate::sdmx::structure::select::Form;
use crate::sdmx::structure::write::facets::{Place, code_facets, text_facets};
use crate::sdmx::structure::write::json_message::JsonMessage;
use crate::sdmx::structure::write::message::{OBS_VALUE, cross_domain_value, split_measures};

impl JsonMessage<'_> {
    pub(super) fn dataflow(&mut self, flow: &Dataflow) {
        self.maintainable("Dataflow", &flow.identity, Form::Whole);
        self.json.member("structure", &urn("DataStructure", &flow.structure));
        self.json.end();
    }

    pub(super) fn data_structure(&mut self, structure: &DataStructure) {
        self.maintainable("DataStructure", &structure.identity, Form::Whole);
        self.json.member_object("dataStructureComponents");
        self.dimensions(structure);
        if !structure.groups.is_empty() {
            self.json.member_array("groups");
            for group in &structure.groups {
                self.json.object();
                self.json.member("id", &group.id);
                self.annotations(&group.annotations);
                self.ids("groupDimensions", &group.dimensions);
                self.json.end();
            }
            self.json.end();
        }
        let (primary, others) =
            if self.is_10() { split_measures(structure) } else { (None, Vec::new()) };
        if !structure.attributes.is_empty() || !others.is_empty() {
            self.json.member_object("attributeList");
            self.json.member("id", "AttributeDescriptor");
            self.json.member_array("attributes");
            for attribute in &structure.attributes {
                self.attribute(attribute);
            }
            for attribute in &others {
                self.attribute(attribute);
            }
            self.json.end();
            self.json.end();
        }
        if self.is_10() {
            self.primary_measure(primary);
        } else {
            self.measures(&structure.measures);
        }
        self.json.end();
        self.json.end();
    }

    fn dimensions(&mut self, structure: &DataStructure) {
        let is_by_concepts = |dimension: &Dimension| {
            dimension.is_measure
                && dimension.representation.as_ref().is_some_and(|own| own.concepts.is_some())
        };
        self.json.member_object("dimensionList");
        self.json.member("id", "DimensionDescriptor");
        let is_10 = self.is_10();
        let in_order = (1..).zip(&structure.dimensions);
        let (measures, plain): (Vec<_>, Vec<_>) =
            in_order.partition(|(_, dimension)| is_10 && is_by_concepts(dimension));
        let lists = [("dimensions", plain), ("measureDimensions", measures)];
        for (name, dimensions) in lists {
            if dimensions.is_empty() {
                continue;
            }
            self.json.member_array(name);
            for (position, dimension) in dimensions {
                self.dimension(dimension, position, is_10 || !is_by_concepts(dimension));
            }
            self.json.end();
        }
        if let Some(time) = &structure.time {
            if is_10 {
                self.json.member_array("timeDimensions");
                self.json.object();
            } else {
                self.json.member_object("timeDimension");
            }
            self.json.member("id", &time.id);
            if is_10 {
                self.json.member_plain("position", structure.dimensions.len() + 1);
            }
            self.annotations(&time.annotations);
            self.concept_identity(time.concept.as_ref());
            let own = time.representation.clone().unwrap_or_default();
            self.representation("localRepresentation", &own, Place::Time);
            self.json.end();
            if is_10 {
                self.json.end();
            }
        }
        self.json.end();
    }

    fn dimension(&mut self, dimension: &Dimension, position: usize, has_own: bool) {
        self.json.object();
        self.json.member("id", &dimension.id);
        self.json.member_plain("position", position);
        self.annotations(&dimension.annotations);
        self.concept_identity(dimension.concept.as_ref());
        self.roles(&dimension.roles);
        if let Some(own) = dimension.representation.as_ref().filter(|_| has_own) {
            self.representation("localRepresentation", own, Place::Dimension);
        }
        self.json.end();
    }

    fn attribute(&mut self, attribute: &Attribute) {
        self.json.object();
        self.json.member("id", &attribute.id);
        let (name, value) = match (self.is_10(), attribute.is_mandatory) {
            (true, true) => ("assignmentStatus", "Mandatory"),
            (true, false) => ("assignmentStatus", "Conditional"),
            (false, true) => ("usage", "mandatory"),
            (false, false) => ("usage", "optional"),
        };
        self.json.member(name, value);
        self.annotations(&attribute.annotations);
        self.json.member_object("attributeRelationship");
        match &attribute.attachment {
            Attachment::Dimensions(dimensions) if !dimensions.is_empty() => {
                self.ids("dimensions", dimensions);
                if self.is_10() && !attribute.attachment_groups.is_empty() {
                    self.ids("attachmentGroups", &attribute.attachment_groups);
                }
            }
            Attachment::Dataflow | Attachment::Dimensions(_) => {
                self.json.member_object(if self.is_10() { "none" } else { "dataflow" });
                self.json.end();
            }
            Attachment::Group(group) => self.json.member("group", group),
            Attachment::Observation if self.is_10() => {
                self.json.member("primaryMeasure", OBS_VALUE);
            }
            Attachment::Observation => {
                self.json.member_object("observation");
                self.json.end();
            }
        }
        self.json.end();
        if !self.is_10() && !attribute.measures.is_empty() {
            self.ids("measureRelationship", &attribute.measures);
        }
        self.concept_identity(attribute.concept.as_ref());
        self.roles(&attribute.roles);
        if let Some(own) = &attribute.representation {
            self.representation("localRepresentation", own, Place::Value);
        }
        self.json.end();
    }

    fn measures(&mut self, measures: &[Measure]) {
        if measures.is_empty() {
            return;
        }
        self.json.member_object("measureList");
        self.json.member("id", "MeasureDescriptor");
        self.json.member_array("measures");
        for measure in measures {
            self.json.object();
            self.json.member("id", &measure.id);
            self.json.member("usage", if measure.is_mandatory { "mandatory" } else { "optional" });
            self.annotations(&measure.annotations);
            self.concept_identity(measure.concept.as_ref());
            self.roles(&measure.roles);
            if let Some(own) = &measure.representation {
                self.representation("localRepresentation", own, Place::Value);
            }
            self.json.end();
        }
        self.json.end();
        self.json.end();
    }

    /// Writes the one measure of SDMX 2.1.
    fn primary_measure(&mut self, primary: Option<&Measure>) {
        self.json.member_object("measureList");
        self.json.member("id", "MeasureDescriptor");
        self.json.member_object("primaryMeasure");
        self.json.member("id", OBS_VALUE);
        let fallback = cross_domain_value();
        let concept = primary.and_then(|measure| measure.concept.as_ref());
        self.concept_identity(concept.or(Some(&fallback)));
        if let Some(primary) = primary {
            self.annotations(&primary.annotations);
            if let Some(own) = &primary.representation {
                self.representation("localRepresentation", own, Place::Value);
            }
        }
        self.json.end();
        self.json.end();
    }

    fn ids(&mut self, name: &str, ids: &[String]) {
        self.json.member_array(name);
        for id in ids {
            self.json.element(id);
        }
        self.json.end();
    }

    fn concept_identity(&mut self, concept: Option<&ConceptRef>) {
        if let Some(concept) = concept {
            self.json.member("conceptIdentity", &concept_urn(concept));
        }
    }

    fn roles(&mut self, roles: &[ConceptRef]) {
        if roles.is_empty() {
            return;
        }
        self.json.member_array("conceptRoles");
        for role in roles {
            self.json.element(&concept_urn(role));
        }
        self.json.end();
    }

    pub(super) fn representation(&mut self, name: &str, own: &Representation, place: Place) {
        self.json.member_object(name);
        if matches!(place, Place::Concept | Place::Value) && !self.is_10() {
            if let Some(least) = own.occurs_min {
                self.json.member_plain("minOccurs", least);
            }
            match own.occurs_max {
                Some(Occurs::Times(most)) => self.json.member_plain("maxOccurs", most),
                Some(Occurs::Unbounded) => self.json.member("maxOccurs", "unbounded"),
                None => {}
            }
        }
        match (&own.codelist, &own.concepts) {
            (Some(list), _) if place != Place::Time => self.enumeration(own, list, place),
            (None, Some(scheme)) if place == Place::Dimension && self.is_10() => {
                self.json.member("enumeration", &urn("ConceptScheme", scheme));
            }
            _ => self.text_format(own, place),
        }
        self.json.end();
    }

    fn enumeration(&mut self, own: &Representation, list: &ArtefactId, place: Place) {
        let is_value_list = !self.is_10() && self.is_value_list(list) && place != Place::Dimension;
        let class = if is_value_list { "ValueList" } else { "Codelist" };
        self.json.member("enumeration", &urn(class, list));
        let facets = code_facets(own);
        if !facets.is_empty() {
            self.json.member_object("enumerationFormat");
            for (name, value) in &facets {
                self.facet(name, value);
            }
            self.json.end();
        }
    }

    fn text_format(&mut self, own: &Representation, place: Place) {
        self.json.member_object(if self.is_10() { "textFormat" } else { "format" });
        let facets = text_facets(own, place, self.format);
        // Readers of JSON want the type in any case.
        if facets.iter().all(|(name, _)| *name != "textType") {
            self.facet("textType", "String");
        }
        for (name, value) in facets {
            self.facet(name, &value);
        }
        if !own.sentinels.is_empty() && !self.is_10() {
            self.json.member_array("sentinelValues");
            for sentinel in &own.sentinels {
                self.json.object();
                self.json.member("value", &sentinel.value);
                self.names(&sentinel.value, &sentinel.names, &sentinel.descriptions, &[]);
                self.json.end();
            }
            self.json.end();
        }
        self.json.end();
    }

    /// Writes a facet as the type that it has in JSON; one that is not of its type is left out.
    pub(super) fn facet(&mut self, name: &str, value: &str) {
        match name {
            "textType" => {
                self.json.member(if self.is_10() { "textType" } else { "dataType" }, value);
            }
            "isSequence" | "isMultiLingual" => match value {
                "true" | "1" => self.json.member_plain(name, true),
                "false" | "0" => self.json.member_plain(name, false),
                _ => {}
            },
            "minLength" | "maxLength" | "decimals" => {
                if let Ok(number) = value.parse::<u64>() {
                    self.json.member_plain(name, number);
                }
            }
            "interval" | "startValue" | "endValue" | "minValue" | "maxValue" => {
                if is_json_number(value) {
                    self.json.member_plain(name, value);
                }
            }
            _ => self.json.member(name, value),
        }
    }
}

/// Whether a decimal is written as JSON writes numbers.
fn is_json_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    are_digits(whole) && are_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

fn concept_urn(concept: &ConceptRef) -> String {
    urn_within("conceptscheme.Concept", &concept.scheme, &concept.concept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_json_are_known() {
        for text in ["0", "-0.5", "10", "12.30"] {
            assert!(is_json_number(text) && serde_json::from_str::<f64>(text).is_ok(), "{text}");
        }
        for text in ["", "-", "01", ".5", "1.", "+1", "1e5", "NaN"] {
            assert!(!is_json_number(text), "{text}");
        }
    }
}
