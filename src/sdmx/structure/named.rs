//! Names, descriptions and annotations, which every artefact and item has.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::model::{Annotation, ArtefactId, Identity, Names};
use crate::sdmx::xml::{Source, Tag};

/// What names and annotates an artefact or item, gathered from its child elements.
#[derive(Default)]
pub(super) struct Named {
    pub(super) names: Names,
    pub(super) descriptions: Names,
    pub(super) annotations: Vec<Annotation>,
}

impl Named {
    /// Takes a child element that is a name, a description or annotations; leaves out any other.
    pub(super) fn take<R: BufRead>(&mut self, source: &mut Source<'_, R>, tag: &Tag) -> Result<()> {
        match tag.name() {
            "Name" => text(source, tag, &mut self.names),
            "Description" => text(source, tag, &mut self.descriptions),
            "Annotations" => {
                while let Some(tag) = source.child()? {
                    match tag.name() {
                        "Annotation" => self.annotations.push(annotation(source, &tag)?),
                        _ => source.skip()?,
                    }
                }
                Ok(())
            }
            _ => source.skip(),
        }
    }

    /// The identity of a maintainable artefact.
    pub(super) fn identity(self, id: ArtefactId, tag: &Tag) -> Identity {
        let Self { names, descriptions, annotations } = self;
        let is_stable = tag.is_version_3() && is_stable(&id.version);
        let text = |name: &str| tag.attribute(name).map(|text| text.trim().to_owned());
        Identity {
            id,
            names,
            descriptions,
            annotations,
            is_final: tag.is_true("isFinal") || is_stable,
            valid_from: text("validFrom"),
            valid_to: text("validTo"),
            uri: text("uri"),
            structure_url: text("structureURL"),
            service_url: text("serviceURL"),
        }
    }
}

/// Whether a version says that the artefact will not change: three numbers without an extension,
/// the first not zero.
///
/// Source: SDMX 3.0 section 6, "Semantic versioning".
fn is_stable(version: &str) -> bool {
    let parts: Vec<&str> = version.split('.').collect();
    let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(is_number) && parts.first() != Some(&"0")
}

/// Adds the text of the current element in its language; English is the default of the schema.
fn text<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag, texts: &mut Names) -> Result<()> {
    let language = tag.attribute("xml:lang").unwrap_or("en").to_owned();
    texts.0.push((language, source.text()?));
    Ok(())
}

fn annotation<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Annotation> {
    let mut found = Annotation { id: tag.attribute("id").map(str::to_owned), ..Default::default() };
    while let Some(tag) = source.child()? {
        match tag.name() {
            "AnnotationTitle" => found.title = Some(source.text()?),
            "AnnotationType" => found.kind = Some(source.text()?),
            "AnnotationURL" => {
                let url = source.text()?;
                found.url.get_or_insert(url);
            }
            "AnnotationValue" => found.value = Some(source.text()?),
            "AnnotationText" => text(source, &tag, &mut found.texts)?,
            _ => source.skip()?,
        }
    }
    Ok(found)
}
