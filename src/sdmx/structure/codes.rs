//! Codelists, concept schemes and hierarchical codelists.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::error::Result;
use crate::model::{ArtefactId, Code, Codelist, Concept, ConceptScheme, HierarchicalCodelist};
use crate::model::{Hierarchy, HierarchyNode};
use crate::sdmx::structure::named::Named;
use crate::sdmx::structure::reference::{Reference, artefact_id, required};
use crate::sdmx::structure::representation::representation;
use crate::sdmx::structure::source::{Source, Tag};

pub(super) fn codelist<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Codelist> {
    let id = artefact_id(source, tag)?;
    let (mut named, mut codes) = (Named::default(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "Code" => codes.push(code(source, &child)?),
            _ => named.take(source, &child)?,
        }
    }
    let is_partial = tag.is_true("isPartial");
    Ok(Codelist { identity: named.identity(id, tag), is_partial, codes })
}

fn code<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Code> {
    let id = required(source, tag, "id")?;
    let (mut named, mut parent) = (Named::default(), None);
    while let Some(child) = source.child()? {
        match child.name() {
            "Parent" => parent = Some(Reference::read(source, &child)?.local()),
            _ => named.take(source, &child)?,
        }
    }
    let Named { names, descriptions, annotations } = named;
    Ok(Code { id, names, descriptions, parent, annotations })
}

pub(super) fn concept_scheme<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
) -> Result<ConceptScheme> {
    let id = artefact_id(source, tag)?;
    let (mut named, mut concepts) = (Named::default(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "Concept" => concepts.push(concept(source, &child)?),
            _ => named.take(source, &child)?,
        }
    }
    Ok(ConceptScheme { identity: named.identity(id, tag), concepts })
}

fn concept<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Concept> {
    let id = required(source, tag, "id")?;
    let (mut named, mut core) = (Named::default(), None);
    while let Some(child) = source.child()? {
        match child.name() {
            "CoreRepresentation" => core = Some(representation(source)?),
            _ => named.take(source, &child)?,
        }
    }
    let Named { names, descriptions, annotations } = named;
    Ok(Concept { id, names, descriptions, annotations, representation: core })
}

/// The codelists that the codes of a hierarchical codelist name by an alias.
type Aliases = BTreeMap<String, ArtefactId>;

pub(super) fn hierarchical_codelist<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
) -> Result<HierarchicalCodelist> {
    let id = artefact_id(source, tag)?;
    let (mut named, mut aliases, mut hierarchies) = (Named::default(), Aliases::new(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "IncludedCodelist" => {
                let list = Reference::read(source, &child)?.artefact(source)?;
                if let Some(alias) = child.attribute("alias") {
                    aliases.insert(alias.trim().to_owned(), list);
                }
            }
            "Hierarchy" => hierarchies.push(hierarchy(source, &child, &aliases)?),
            _ => named.take(source, &child)?,
        }
    }
    Ok(HierarchicalCodelist { identity: named.identity(id, tag), hierarchies })
}

fn hierarchy<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
    aliases: &Aliases,
) -> Result<Hierarchy> {
    let id = required(source, tag, "id")?;
    let (mut named, mut nodes) = (Named::default(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "HierarchicalCode" => nodes.push(hierarchy_node(source, &child, aliases)?),
            _ => named.take(source, &child)?,
        }
    }
    Ok(Hierarchy { id, names: named.names, nodes })
}

/// Reads a node and those below it; the bound on the depth of XML bounds the recursion.
fn hierarchy_node<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
    aliases: &Aliases,
) -> Result<HierarchyNode> {
    let (mut list, mut code, mut children) = (None, None, Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "Code" => {
                let (known, item) = Reference::read(source, &child)?.item(source)?;
                (list, code) = (Some(known), Some(item));
            }
            "CodelistAliasRef" => {
                let alias = source.text()?;
                let known = aliases.get(&alias).cloned();
                let reason = || format!("no IncludedCodelist has the alias {alias:?}");
                list = Some(known.ok_or_else(|| source.error(child.at, reason()))?);
            }
            "CodeID" => code = Some(Reference::read(source, &child)?.local()),
            "HierarchicalCode" => children.push(hierarchy_node(source, &child, aliases)?),
            _ => source.skip()?,
        }
    }
    let (Some(codelist), Some(code)) = (list, code) else {
        return Err(source.error(tag.at, "HierarchicalCode says not which code of which codelist"));
    };
    Ok(HierarchyNode { codelist, code, children })
}
