//! A dataflow with every reference resolved: what the store and SQL work with.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::{COMPONENT_COUNT_MAX, DIMENSION_COUNT_MAX};
use crate::model::{
    ArtefactId, Artefacts, Attachment, Codelist, Concept, ConceptRef, DataStructure, Names,
};
use crate::model::{Representation, TextType};

/// What a component is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentRole {
    /// Identifies; part of the series key.
    Dimension,
    /// Identifies the period.
    Time,
    /// Is observed.
    Measure,
    /// Qualifies the key over these dimensions, by their position in the series key: none of them
    /// for the dataflow as a whole, all of them for the series.
    KeyAttribute(Vec<usize>),
    /// Qualifies the observation.
    ObservationAttribute,
}

/// A component with its references resolved.
#[derive(Clone, Debug)]
pub struct Component {
    /// The identifier, which heads the column of a message.
    pub id: String,
    /// What it is for.
    pub role: ComponentRole,
    /// The names of its concept; the identifier where the concept has none.
    pub names: Names,
    /// The values it may have, where it is coded.
    pub codelist: Option<Arc<Codelist>>,
    /// The type of its values, where it is not.
    pub text_type: TextType,
    /// The longest value in characters, where the structure says one.
    pub length_max: Option<u64>,
    /// Whether every target must have a value (attributes only).
    pub is_mandatory: bool,
    /// Whether there may be several values at once.
    pub is_multiple: bool,
}

/// A dataflow with its structure. Components stand in one order everywhere: dimensions, time,
/// measures, attributes, each in the order of the structure.
#[derive(Clone, Debug)]
pub struct Flow {
    /// The dataflow's identifier.
    pub id: ArtefactId,
    /// Its names.
    pub names: Names,
    /// Its descriptions.
    pub descriptions: Names,
    /// The identifier of its structure.
    pub structure: ArtefactId,
    components: Vec<Component>,
    dimension_count: usize,
    has_time: bool,
    measure_count: usize,
}

impl Flow {
    /// Resolves a dataflow against the artefacts that it refers to.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] without the dataflow or its structure; [`Error::Invalid`] that names who
    /// refers to what if another reference leads nowhere; [`Error::Limit`] for too many components.
    pub fn resolve(id: &ArtefactId, artefacts: &Artefacts) -> Result<Self> {
        let flow = artefacts.dataflow(id);
        let flow = flow.ok_or_else(|| Error::not_found("dataflow", id.to_string()))?;
        let structure = artefacts
            .data_structure(&flow.structure)
            .ok_or_else(|| Error::not_found("data structure", flow.structure.to_string()))?;
        let resolver = Resolver { artefacts, structure };
        let components = resolver.components()?;
        Ok(Self {
            id: id.clone(),
            names: flow.identity.names.clone(),
            descriptions: flow.identity.descriptions.clone(),
            structure: flow.structure.clone(),
            components,
            dimension_count: structure.dimensions.len(),
            has_time: structure.time.is_some(),
            measure_count: structure.measures.len(),
        })
    }

    /// All components: dimensions, time, measures, attributes.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The dimensions without time, in key order.
    pub fn dimensions(&self) -> &[Component] {
        &self.components[..self.dimension_count]
    }

    /// The time dimension, where there is one.
    pub fn time(&self) -> Option<&Component> {
        self.time_index().map(|index| &self.components[index])
    }

    /// The position of the time dimension among the components.
    pub fn time_index(&self) -> Option<usize> {
        self.has_time.then_some(self.dimension_count)
    }

    /// The position of the first measure among the components.
    pub fn measures_from(&self) -> usize {
        self.dimension_count + usize::from(self.has_time)
    }

    /// The measures.
    pub fn measures(&self) -> &[Component] {
        &self.components[self.measures_from()..self.attributes_from()]
    }

    /// The position of the first attribute among the components.
    pub fn attributes_from(&self) -> usize {
        self.measures_from() + self.measure_count
    }

    /// The attributes.
    pub fn attributes(&self) -> &[Component] {
        &self.components[self.attributes_from()..]
    }

    /// The position of the component with this identifier.
    pub fn position(&self, id: &str) -> Option<usize> {
        self.components.iter().position(|component| component.id == id)
    }

    /// The position of the dimension that says the frequency, by its usual identifier.
    pub fn frequency(&self) -> Option<usize> {
        self.dimensions().iter().position(|d| d.id == "FREQ" || d.id == "FREQUENCY")
    }
}

/// Turns references of a structure into what they refer to.
struct Resolver<'a> {
    artefacts: &'a Artefacts,
    structure: &'a DataStructure,
}

impl Resolver<'_> {
    fn components(&self) -> Result<Vec<Component>> {
        let DataStructure { dimensions, time, measures, attributes, .. } = self.structure;
        let bounds = [
            ("the number of dimensions", dimensions.len(), DIMENSION_COUNT_MAX),
            ("the number of measures", measures.len(), COMPONENT_COUNT_MAX),
            ("the number of attributes", attributes.len(), COMPONENT_COUNT_MAX),
        ];
        for (what, count, limit) in bounds {
            if count > limit {
                let (actual, limit) = (count as u64, limit as u64);
                return Err(Error::Limit { what, actual, limit });
            }
        }
        let mut all = Vec::new();
        for dimension in dimensions {
            let role = ComponentRole::Dimension;
            let (concept, own) = (dimension.concept.as_ref(), dimension.representation.as_ref());
            all.push(self.component(&dimension.id, role, concept, own)?);
        }
        if let Some(time) = time {
            all.push(self.component(&time.id, ComponentRole::Time, time.concept.as_ref(), None)?);
        }
        for measure in measures {
            let role = ComponentRole::Measure;
            let (concept, own) = (measure.concept.as_ref(), measure.representation.as_ref());
            all.push(self.component(&measure.id, role, concept, own)?);
        }
        for attribute in attributes {
            let role = self.attribute_role(&attribute.id, &attribute.attachment)?;
            let (concept, own) = (attribute.concept.as_ref(), attribute.representation.as_ref());
            let mut component = self.component(&attribute.id, role, concept, own)?;
            component.is_mandatory = attribute.is_mandatory;
            all.push(component);
        }
        self.check_distinct(&all)?;
        Ok(all)
    }

    fn component(
        &self,
        id: &str,
        role: ComponentRole,
        concept: Option<&ConceptRef>,
        own: Option<&Representation>,
    ) -> Result<Component> {
        let concept = concept.map(|concept| self.concept(id, concept)).transpose()?;
        let names = concept.map(|c| c.names.clone()).filter(|names| !names.is_empty());
        let inherited = || concept.and_then(|c| c.representation.clone());
        let representation = own.cloned().or_else(inherited).unwrap_or_default();
        let codelist = match &representation.codelist {
            Some(list) => Some(Arc::new(self.artefacts.extended(self.codelist(id, list)?)?)),
            None => None,
        };
        Ok(Component {
            id: id.to_owned(),
            role,
            names: names.unwrap_or_else(|| Names::one("en", id)),
            codelist,
            text_type: representation.text_type.unwrap_or(TextType::Text),
            length_max: representation.length_max,
            is_mandatory: false,
            is_multiple: representation.is_multiple(),
        })
    }

    fn at(&self, component: &str) -> String {
        format!("data structure {}, component {component}", self.structure.identity.id)
    }

    fn concept(&self, component: &str, concept: &ConceptRef) -> Result<&Concept> {
        let ConceptRef { scheme, concept } = concept;
        let unknown = |what: String| {
            Error::invalid(self.at(component), format!("refers to {what}, which is nowhere"))
        };
        let found = self.artefacts.concept_scheme(scheme);
        let found = found.ok_or_else(|| unknown(format!("concept scheme {scheme}")))?;
        let found = found.concepts.iter().find(|known| known.id == *concept);
        found.ok_or_else(|| unknown(format!("concept {concept} of {scheme}")))
    }

    fn codelist(&self, component: &str, id: &ArtefactId) -> Result<&Codelist> {
        self.artefacts.codelist(id).ok_or_else(|| {
            let reason = format!("refers to codelist {id}, which is nowhere; load it first");
            Error::invalid(self.at(component), reason)
        })
    }

    fn attribute_role(&self, id: &str, attachment: &Attachment) -> Result<ComponentRole> {
        let ids = match attachment {
            Attachment::Observation => return Ok(ComponentRole::ObservationAttribute),
            Attachment::Dataflow => return Ok(ComponentRole::KeyAttribute(Vec::new())),
            Attachment::Dimensions(ids) => ids,
            Attachment::Group(group) => {
                let found = self.structure.groups.iter().find(|known| known.id == *group);
                let reason = || format!("attaches to group {group}, which is not defined");
                &found.ok_or_else(|| Error::invalid(self.at(id), reason()))?.dimensions
            }
        };
        // An attribute on the time dimension qualifies single observations.
        if self.structure.time.as_ref().is_some_and(|time| ids.contains(&time.id)) {
            return Ok(ComponentRole::ObservationAttribute);
        }
        let dimensions = &self.structure.dimensions;
        let mut positions = Vec::with_capacity(ids.len());
        for wanted in ids {
            let found = dimensions.iter().position(|dimension| dimension.id == *wanted);
            let reason = || format!("attaches to {wanted}, which is not a dimension");
            positions.push(found.ok_or_else(|| Error::invalid(self.at(id), reason()))?);
        }
        positions.sort_unstable();
        positions.dedup();
        Ok(ComponentRole::KeyAttribute(positions))
    }

    fn check_distinct(&self, components: &[Component]) -> Result<()> {
        for (index, component) in components.iter().enumerate() {
            if components[..index].iter().any(|earlier| earlier.id == component.id) {
                let reason = "is defined twice".to_owned();
                return Err(Error::invalid(self.at(&component.id), reason));
            }
        }
        Ok(())
    }
}
