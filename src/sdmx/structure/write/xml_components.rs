//! Data structure definitions, dataflows and representations in XML.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use crate::model::{ArtefactId, Attachment, Attribute, ConceptRef, DataStructure, Dataflow};
use crate::model::{Dimension, Measure, Occurs, Representation};
use crate::sdmx::structure::classes::urn_within;
use crate::sdmx::structure::select::Form;
use crate::sdmx::structure::write::facets::{Place, code_facets, text_facets};
use crate::sdmx::structure::write::message::{OBS_VALUE, cross_domain_value, split_measures};
use crate::sdmx::structure::write::xml_message::XmlMessage;

impl XmlMessage<'_> {
    pub(super) fn dataflow(&mut self, flow: &Dataflow) {
        self.maintainable("Dataflow", &flow.identity, Form::Whole);
        self.names(&flow.identity, Form::Whole);
        self.reference("str:Structure", "DataStructure", &flow.structure);
        self.xml.end();
    }

    pub(super) fn data_structure(&mut self, structure: &DataStructure) {
        let id = &structure.identity.id;
        self.maintainable("DataStructure", &structure.identity, Form::Whole);
        self.names(&structure.identity, Form::Whole);
        self.xml.start("str:DataStructureComponents");
        self.list("DimensionList", "DimensionDescriptor", id);
        for (position, dimension) in (1..).zip(&structure.dimensions) {
            self.dimension(id, dimension, position);
        }
        if let Some(time) = &structure.time {
            let position = structure.dimensions.len() + 1;
            self.time_dimension(id, time, position);
        }
        self.xml.end();
        for group in &structure.groups {
            self.xml.start("str:Group");
            self.xml.attribute("id", &group.id);
            let class = "datastructure.GroupDimensionDescriptor";
            self.xml.attribute("urn", &urn_within(class, id, &group.id));
            self.annotations(&group.annotations);
            for dimension in &group.dimensions {
                self.xml.start("str:GroupDimension");
                self.local_reference("str:DimensionReference", dimension);
                self.xml.end();
            }
            self.xml.end();
        }
        if self.is_21() {
            self.old_attributes_and_measure(structure);
        } else {
            self.attributes_and_measures(structure);
        }
        self.xml.end();
        self.xml.end();
    }

    fn attributes_and_measures(&mut self, structure: &DataStructure) {
        let id = &structure.identity.id;
        if !structure.attributes.is_empty() {
            self.list("AttributeList", "AttributeDescriptor", id);
            for attribute in &structure.attributes {
                self.attribute(id, attribute);
            }
            self.xml.end();
        }
        if !structure.measures.is_empty() {
            self.list("MeasureList", "MeasureDescriptor", id);
            for measure in &structure.measures {
                self.component("Measure", "Measure", id, &measure.id);
                let usage = if measure.is_mandatory { "mandatory" } else { "optional" };
                self.xml.attribute("usage", usage);
                self.annotations(&measure.annotations);
                self.concept_identity(measure.concept.as_ref());
                if let Some(own) = &measure.representation {
                    self.representation("str:LocalRepresentation", own, Place::Value);
                }
                self.roles(&measure.roles);
                self.xml.end();
            }
            self.xml.end();
        }
    }

    /// Writes what SDMX 2.1 has of measures: one, and the others as attributes.
    fn old_attributes_and_measure(&mut self, structure: &DataStructure) {
        let id = &structure.identity.id;
        let (primary, others) = split_measures(structure);
        if !structure.attributes.is_empty() || !others.is_empty() {
            self.list("AttributeList", "AttributeDescriptor", id);
            for attribute in &structure.attributes {
                self.attribute(id, attribute);
            }
            for attribute in &others {
                self.attribute(id, attribute);
            }
            self.xml.end();
        }
        self.list("MeasureList", "MeasureDescriptor", id);
        self.component("PrimaryMeasure", "PrimaryMeasure", id, OBS_VALUE);
        let fallback = cross_domain_value();
        match primary {
            Some(Measure { concept, representation, annotations, .. }) => {
                self.annotations(annotations);
                self.concept_identity(concept.as_ref().or(Some(&fallback)));
                if let Some(own) = representation {
                    self.representation("str:LocalRepresentation", own, Place::Value);
                }
            }
            None => self.concept_identity(Some(&fallback)),
        }
        self.xml.end();
        self.xml.end();
    }

    /// Starts a list of components.
    fn list(&mut self, element: &str, descriptor: &str, structure: &ArtefactId) {
        self.xml.start(&format!("str:{element}"));
        self.xml.attribute("id", descriptor);
        let class = format!("datastructure.{descriptor}");
        self.xml.attribute("urn", &urn_within(&class, structure, descriptor));
    }

    /// Starts a component.
    fn component(&mut self, element: &str, class: &str, structure: &ArtefactId, id: &str) {
        self.xml.start(&format!("str:{element}"));
        self.xml.attribute("id", id);
        let class = format!("datastructure.{class}");
        self.xml.attribute("urn", &urn_within(&class, structure, id));
    }

    fn dimension(&mut self, structure: &ArtefactId, dimension: &Dimension, position: usize) {
        let own = dimension.representation.as_ref();
        let is_by_concepts = own.is_some_and(|own| own.concepts.is_some());
        let class = if self.is_21() && dimension.is_measure && is_by_concepts {
            "MeasureDimension"
        } else {
            "Dimension"
        };
        self.component(class, class, structure, &dimension.id);
        self.xml.attribute("position", &position.to_string());
        self.annotations(&dimension.annotations);
        self.concept_identity(dimension.concept.as_ref());
        if let Some(own) = own.filter(|_| self.is_21() || !is_by_concepts) {
            self.representation("str:LocalRepresentation", own, Place::Dimension);
        }
        self.roles(&dimension.roles);
        self.xml.end();
    }

    fn time_dimension(&mut self, structure: &ArtefactId, time: &Dimension, position: usize) {
        self.component("TimeDimension", "TimeDimension", structure, &time.id);
        if self.is_21() {
            self.xml.attribute("position", &position.to_string());
        }
        self.annotations(&time.annotations);
        self.concept_identity(time.concept.as_ref());
        let own = time.representation.clone().unwrap_or_default();
        self.representation("str:LocalRepresentation", &own, Place::Time);
        self.xml.end();
    }

    fn attribute(&mut self, structure: &ArtefactId, attribute: &Attribute) {
        self.component("Attribute", "DataAttribute", structure, &attribute.id);
        let (name, value) = match (self.is_21(), attribute.is_mandatory) {
            (true, true) => ("assignmentStatus", "Mandatory"),
            (true, false) => ("assignmentStatus", "Conditional"),
            (false, true) => ("usage", "mandatory"),
            (false, false) => ("usage", "optional"),
        };
        self.xml.attribute(name, value);
        self.annotations(&attribute.annotations);
        self.concept_identity(attribute.concept.as_ref());
        if let Some(own) = &attribute.representation {
            self.representation("str:LocalRepresentation", own, Place::Value);
        }
        self.roles(&attribute.roles);
        self.attachment(attribute);
        if !self.is_21() && !attribute.measures.is_empty() {
            self.xml.start("str:MeasureRelationship");
            for measure in &attribute.measures {
                self.xml.leaf("str:Measure", measure);
            }
            self.xml.end();
        }
        self.xml.end();
    }

    fn attachment(&mut self, attribute: &Attribute) {
        self.xml.start("str:AttributeRelationship");
        match &attribute.attachment {
            Attachment::Dimensions(dimensions) if !dimensions.is_empty() => {
                for dimension in dimensions {
                    self.local_reference("str:Dimension", dimension);
                }
                if self.is_21() {
                    for group in &attribute.attachment_groups {
                        self.local_reference("str:AttachmentGroup", group);
                    }
                }
            }
            Attachment::Dataflow | Attachment::Dimensions(_) => {
                self.xml.empty(if self.is_21() { "str:None" } else { "str:Dataflow" });
            }
            Attachment::Group(group) => self.local_reference("str:Group", group),
            Attachment::Observation if self.is_21() => {
                self.local_reference("str:PrimaryMeasure", OBS_VALUE);
            }
            Attachment::Observation => self.xml.empty("str:Observation"),
        }
        self.xml.end();
    }

    fn concept_identity(&mut self, concept: Option<&ConceptRef>) {
        if let Some(concept) = concept {
            self.concept_reference("str:ConceptIdentity", concept);
        }
    }

    fn roles(&mut self, roles: &[ConceptRef]) {
        for role in roles {
            self.concept_reference("str:ConceptRole", role);
        }
    }

    fn concept_reference(&mut self, element: &str, concept: &ConceptRef) {
        self.xml.start(element);
        self.reference_within("Concept", &concept.scheme, Some(&concept.concept));
        self.xml.end();
    }

    pub(super) fn representation(&mut self, element: &str, own: &Representation, place: Place) {
        self.xml.start(element);
        let may_be_many = matches!(place, Place::Concept | Place::Value) && !self.is_21();
        if may_be_many {
            if let Some(least) = own.occurs_min {
                self.xml.attribute("minOccurs", &least.to_string());
            }
            match own.occurs_max {
                Some(Occurs::Times(most)) => self.xml.attribute("maxOccurs", &most.to_string()),
                Some(Occurs::Unbounded) => self.xml.attribute("maxOccurs", "unbounded"),
                None => {}
            }
        }
        match (&own.codelist, &own.concepts) {
            (Some(list), _) if place != Place::Time => self.enumeration(own, list, place),
            (None, Some(scheme)) if place == Place::Dimension => {
                self.reference("str:Enumeration", "ConceptScheme", scheme);
            }
            _ => {
                self.xml.start("str:TextFormat");
                for (name, value) in text_facets(own, place, self.format) {
                    self.xml.attribute(name, &value);
                }
                self.sentinels(own);
                self.xml.end();
            }
        }
        self.xml.end();
    }

    fn enumeration(&mut self, own: &Representation, list: &ArtefactId, place: Place) {
        let is_value_list = !self.is_21() && self.is_value_list(list) && place != Place::Dimension;
        let class = if is_value_list { "ValueList" } else { "Codelist" };
        self.reference("str:Enumeration", class, list);
        let facets = code_facets(own);
        if facets.is_empty() {
            return;
        }
        self.xml.start("str:EnumerationFormat");
        for (name, value) in facets {
            self.xml.attribute(name, value);
        }
        self.xml.end();
    }

    fn sentinels(&mut self, own: &Representation) {
        if self.is_21() {
            return;
        }
        for sentinel in &own.sentinels {
            self.xml.start("str:SentinelValue");
            self.xml.attribute("value", &sentinel.value);
            self.item_names(&sentinel.value, &sentinel.names, &sentinel.descriptions, &[]);
            self.xml.end();
        }
    }
}
