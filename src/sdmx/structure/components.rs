//! Data structure definitions and dataflows.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::limits::{COMPONENT_COUNT_MAX, DIMENSION_COUNT_MAX};
use crate::model::{Annotation, Attachment, Attribute, ConceptRef, DataStructure, Dataflow};
use crate::model::{Dimension, Group, Identity, Measure, Representation};
use crate::sdmx::structure::named::Named;
use crate::sdmx::structure::reference::{Reference, artefact_id, required};
use crate::sdmx::structure::representation::representation;
use crate::sdmx::xml::{Source, Tag};

/// An artefact, or no more than its identity.
#[expect(clippy::large_enum_variant, reason = "one stands in memory at a time")]
pub(super) enum Found<T> {
    Whole(T),
    Stub(Identity),
}

/// Reads a dataflow; without a structure it is a stub.
pub(super) fn dataflow<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
) -> Result<Found<Dataflow>> {
    let id = artefact_id(source, tag)?;
    let (mut named, mut structure) = (Named::default(), None);
    while let Some(child) = source.child()? {
        match child.name() {
            "Structure" => structure = Some(Reference::read(source, &child)?.artefact(source)?),
            _ => named.take(source, &child)?,
        }
    }
    let identity = named.identity(id, tag);
    Ok(match structure {
        Some(structure) => Found::Whole(Dataflow { identity, structure }),
        None => Found::Stub(identity),
    })
}

/// What a structure is made of, in the order of the message.
#[derive(Default)]
struct Components {
    dimensions: Vec<(Option<u64>, Dimension)>,
    time: Option<Dimension>,
    measures: Vec<Measure>,
    attributes: Vec<Attribute>,
    groups: Vec<Group>,
}

/// Reads a data structure definition; without components it is a stub.
pub(super) fn data_structure<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
) -> Result<Found<DataStructure>> {
    let id = artefact_id(source, tag)?;
    let (mut named, mut components) = (Named::default(), None);
    while let Some(child) = source.child()? {
        match child.name() {
            "DataStructureComponents" => components = Some(read_components(source, &child)?),
            _ => named.take(source, &child)?,
        }
    }
    let identity = named.identity(id, tag);
    let Some(Components { mut dimensions, time, measures, mut attributes, groups }) = components
    else {
        return Ok(Found::Stub(identity));
    };
    // To name all measures is to name none, which is all that SDMX 2.1 can say.
    for attribute in &mut attributes {
        if measures.iter().all(|measure| attribute.measures.contains(&measure.id)) {
            attribute.measures.clear();
        }
    }
    // Positions are optional; where all have one, they decide.
    if dimensions.iter().all(|(position, _)| position.is_some()) {
        dimensions.sort_by_key(|(position, _)| *position);
    }
    let dimensions = dimensions.into_iter().map(|(_, dimension)| dimension).collect();
    let structure = DataStructure { identity, dimensions, time, measures, attributes, groups };
    Ok(Found::Whole(structure))
}

fn read_components<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Components> {
    let mut all = Components::default();
    while let Some(list) = source.child()? {
        match list.name() {
            "DimensionList" => read_dimensions(source, &mut all)?,
            "MeasureList" => {
                while let Some(child) = source.child()? {
                    match child.name() {
                        "PrimaryMeasure" | "Measure" => all.measures.push(measure(source, &child)?),
                        _ => source.skip()?,
                    }
                }
            }
            "AttributeList" => {
                while let Some(child) = source.child()? {
                    match child.name() {
                        "Attribute" | "ReportingYearStartDay" => {
                            all.attributes.push(attribute(source, &child)?);
                        }
                        _ => source.skip()?,
                    }
                }
            }
            "Group" => all.groups.push(group(source, &list)?),
            _ => source.skip()?,
        }
        let most = all.attributes.len().max(all.measures.len()).max(all.groups.len());
        if all.dimensions.len() > DIMENSION_COUNT_MAX || most > COMPONENT_COUNT_MAX {
            let reason = format!(
                "a structure has at most {DIMENSION_COUNT_MAX} dimensions and \
                 {COMPONENT_COUNT_MAX} attributes"
            );
            return Err(source.error(tag.at, reason));
        }
    }
    Ok(all)
}

fn read_dimensions<R: BufRead>(source: &mut Source<'_, R>, all: &mut Components) -> Result<()> {
    while let Some(child) = source.child()? {
        let is_measure = child.name() == "MeasureDimension";
        match child.name() {
            "Dimension" | "MeasureDimension" => {
                let position = child.attribute("position").map(|text| text.trim().parse::<u64>());
                let reason = "the position is no whole number";
                let position = position.transpose().map_err(|_| source.error(child.at, reason))?;
                let mut part = Part::read(source, &child)?;
                if is_measure {
                    enumerate_by_concepts(&mut part.representation);
                }
                let id = part.id(source, &child, None)?;
                let Part { concept, representation, roles, annotations, .. } = part;
                let dimension =
                    Dimension { id, concept, representation, is_measure, roles, annotations };
                all.dimensions.push((position, dimension));
            }
            "TimeDimension" => {
                let part = Part::read(source, &child)?;
                let id = part.id(source, &child, Some("TIME_PERIOD"))?;
                let Part { concept, representation, roles, annotations, .. } = part;
                let is_measure = false;
                let time =
                    Dimension { id, concept, representation, is_measure, roles, annotations };
                if all.time.replace(time).is_some() {
                    return Err(source.error(child.at, "a second TimeDimension"));
                }
            }
            _ => source.skip()?,
        }
    }
    Ok(())
}

/// A measure dimension is enumerated by a concept scheme, even where the reference has no class.
fn enumerate_by_concepts(representation: &mut Option<Representation>) {
    if let Some(representation) = representation
        && let Some(scheme) = representation.codelist.take()
    {
        representation.concepts = Some(scheme);
    }
}

fn measure<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Measure> {
    let part = Part::read(source, tag)?;
    let id = part.id(source, tag, Some("OBS_VALUE"))?;
    let Part { concept, representation, roles, annotations, .. } = part;
    let is_mandatory = is_mandatory(tag);
    Ok(Measure { id, concept, representation, is_mandatory, roles, annotations })
}

fn attribute<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Attribute> {
    let part = Part::read(source, tag)?;
    let fixed = (tag.name() == "ReportingYearStartDay").then_some("REPORTING_YEAR_START_DAY");
    let id = part.id(source, tag, fixed)?;
    let Part { concept, representation, roles, measures, annotations, attachment } = part;
    let reason =
        || format!("the attribute {id} says not what it qualifies (AttributeRelationship)");
    let (attachment, attachment_groups) =
        attachment.ok_or_else(|| source.error(tag.at, reason()))?;
    Ok(Attribute {
        id,
        concept,
        representation,
        attachment,
        is_mandatory: is_mandatory(tag),
        measures,
        attachment_groups,
        roles,
        annotations,
    })
}

/// Whether there must be a value: `assignmentStatus` of SDMX 2.1, `usage` of 3.0.
fn is_mandatory(tag: &Tag) -> bool {
    tag.attribute("assignmentStatus").map(str::trim) == Some("Mandatory")
        || tag.attribute("usage").map(str::trim) == Some("mandatory")
}

/// What the components have in common.
struct Part {
    concept: Option<ConceptRef>,
    representation: Option<Representation>,
    roles: Vec<ConceptRef>,
    measures: Vec<String>,
    annotations: Vec<Annotation>,
    attachment: Option<(Attachment, Vec<String>)>,
}

impl Part {
    fn read<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Self> {
        let mut named = Named::default();
        let (mut concept, mut own, mut attachment) = (None, None, None);
        let (mut roles, mut measures) = (Vec::new(), Vec::new());
        while let Some(child) = source.child()? {
            match child.name() {
                "ConceptIdentity" => {
                    let (scheme, id) = Reference::read(source, &child)?.item(source)?;
                    concept = Some(ConceptRef { scheme, concept: id });
                }
                "LocalRepresentation" => own = Some(representation(source, &child)?),
                "ConceptRole" => {
                    let (scheme, id) = Reference::read(source, &child)?.item(source)?;
                    roles.push(ConceptRef { scheme, concept: id });
                }
                "MeasureRelationship" => {
                    while let Some(inner) = source.child()? {
                        measures.push(Reference::read(source, &inner)?.local());
                    }
                }
                "AttributeRelationship" => attachment = read_attachment(source, tag)?,
                _ => named.take(source, &child)?,
            }
        }
        let annotations = named.annotations;
        Ok(Self { concept, representation: own, roles, measures, annotations, attachment })
    }

    /// The identifier: as written, else that of the concept, else a fixed one of SDMX 2.1.
    fn id<R: BufRead>(
        &self,
        source: &Source<'_, R>,
        tag: &Tag,
        fixed: Option<&str>,
    ) -> Result<String> {
        if tag.attribute("id").is_some() {
            return required(source, tag, "id");
        }
        let concept = self.concept.as_ref().map(|concept| concept.concept.as_str());
        let id = fixed.or(concept).map(str::to_owned);
        let reason = || format!("{} has neither id nor concept", tag.local());
        id.ok_or_else(|| source.error(tag.at, reason()))
    }
}

/// Reads an `AttributeRelationship`: what the attribute depends on, and the groups beside dimensions
/// (`AttachmentGroup`), which say where messages put it.
fn read_attachment<R: BufRead>(
    source: &mut Source<'_, R>,
    attribute: &Tag,
) -> Result<Option<(Attachment, Vec<String>)>> {
    let (mut found, mut dimensions, mut groups) = (None, Vec::new(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "None" | "Dataflow" => {
                found = Some(Attachment::Dataflow);
                source.skip()?;
            }
            "Dimension" => dimensions.push(Reference::read(source, &child)?.local()),
            "Group" => found = Some(Attachment::Group(Reference::read(source, &child)?.local())),
            "AttachmentGroup" => groups.push(Reference::read(source, &child)?.local()),
            "PrimaryMeasure" | "Observation" => {
                found = Some(Attachment::Observation);
                source.skip()?;
            }
            _ => source.skip()?,
        }
        if dimensions.len().max(groups.len()) > DIMENSION_COUNT_MAX {
            return Err(source.error(attribute.at, "the attribute qualifies too many dimensions"));
        }
    }
    let dimensions = Some(dimensions).filter(|dimensions| !dimensions.is_empty());
    let found = dimensions.map(Attachment::Dimensions).or(found);
    Ok(found.map(|attachment| (attachment, groups)))
}

fn group<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Group> {
    let id = required(source, tag, "id")?;
    let (mut named, mut dimensions) = (Named::default(), Vec::new());
    while let Some(child) = source.child()? {
        if child.name() != "GroupDimension" {
            named.take(source, &child)?;
            continue;
        }
        while let Some(inner) = source.child()? {
            match inner.name() {
                "DimensionReference" => dimensions.push(Reference::read(source, &inner)?.local()),
                _ => source.skip()?,
            }
        }
        if dimensions.len() > DIMENSION_COUNT_MAX {
            return Err(source.error(tag.at, "the group has too many dimensions"));
        }
    }
    Ok(Group { id, dimensions, annotations: named.annotations })
}
