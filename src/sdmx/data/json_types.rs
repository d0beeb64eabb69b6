//! What a structure declares of the values of a component, in the words of SDMX-JSON.

use crate::model::{ConceptRef, Representation, TextType};
use crate::sdmx::data::DataScope;
use crate::sdmx::text_types::{PLAIN_TYPES, TIME_TYPES, type_name};

/// Types of SDMX-JSON that are neither plain nor of time.
///
/// Source: SDMX-JSON 2.0.0 data schema, `nonDimensionDataType`.
const OTHER_TYPES: &[&str] = &["GeospatialInformation", "XHTML"];

/// The type that the structure declares for an uncoded measure or attribute; absent where it
/// declares none, or the component is coded.
pub(super) fn declared_type<'a>(scope: &DataScope<'a>, position: usize) -> Option<&'a str> {
    let component = scope.flow.components().get(position)?;
    let structure = scope.artefacts.data_structure(&scope.flow.structure)?;
    let measures = structure.measures.iter().map(|m| (&m.id, &m.representation, &m.concept));
    let attributes = structure.attributes.iter().map(|a| (&a.id, &a.representation, &a.concept));
    let mut all = measures.chain(attributes);
    let (_, own, concept) = all.find(|(id, ..)| **id == component.id)?;
    let inherited = || of_concept(scope, concept.as_ref()?);
    let found = own.as_ref().or_else(inherited).filter(|_| component.codelist.is_none())?;
    let written = found.facet("textType").and_then(known);
    written.or_else(|| found.text_type.and_then(name))
}

fn of_concept<'a>(scope: &DataScope<'a>, concept: &ConceptRef) -> Option<&'a Representation> {
    let scheme = scope.artefacts.concept_scheme(&concept.scheme)?;
    let found = scheme.concepts.iter().find(|known| known.id == concept.concept)?;
    found.representation.as_ref()
}

fn known(written: &str) -> Option<&'static str> {
    let mut all = PLAIN_TYPES.iter().chain(TIME_TYPES).chain(OTHER_TYPES);
    all.find(|known| **known == written).copied()
}

/// The name of a type that is not written. Text is what no type at all is read as.
fn name(text_type: TextType) -> Option<&'static str> {
    (text_type != TextType::Text).then(|| type_name(text_type))
}
