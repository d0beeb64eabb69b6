//! Names, descriptions and annotations, which every artefact and item has.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::Result;
use crate::model::{Annotation, ArtefactId, Identity, Names};
use crate::sdmx::structure::source::{Source, Tag};

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
        Identity { id, names, descriptions, annotations, is_final: tag.is_true("isFinal") }
    }
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
            "AnnotationURL" => found.url = Some(source.text()?),
            "AnnotationText" => text(source, &tag, &mut found.texts)?,
            _ => source.skip()?,
        }
    }
    Ok(found)
}
