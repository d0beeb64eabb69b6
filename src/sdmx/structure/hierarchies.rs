//! Hierarchical codelists (2.1) and hierarchies (3.x).
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::error::Result;
use crate::model::{ArtefactId, HierarchicalCodelist, Hierarchy, HierarchyNode, Level};
use crate::sdmx::structure::named::Named;
use crate::sdmx::structure::reference::{Reference, artefact_id, required};
use crate::sdmx::structure::representation::facets;
use crate::sdmx::xml::{Source, Tag};

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
            "Hierarchy" => {
                let (id, mut own) = (required(source, &child, "id")?, Named::default());
                let hierarchy = hierarchy(source, &child, &aliases, &mut own)?;
                let Named { names, descriptions, annotations } = own;
                hierarchies.push(Hierarchy { id, names, descriptions, annotations, ..hierarchy });
            }
            _ => named.take(source, &child)?,
        }
    }
    Ok(HierarchicalCodelist { identity: named.identity(id, tag), hierarchies })
}

/// Reads a hierarchy of SDMX 3.x, which is an artefact of its own.
pub(super) fn single_hierarchy<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
) -> Result<HierarchicalCodelist> {
    let id = artefact_id(source, tag)?;
    let mut named = Named::default();
    let found = hierarchy(source, tag, &Aliases::new(), &mut named)?;
    let hierarchy = Hierarchy { id: id.id.clone(), names: named.names.clone(), ..found };
    let identity = named.identity(id, tag);
    Ok(HierarchicalCodelist { identity, hierarchies: vec![hierarchy] })
}

/// Reads levels and codes; what names the hierarchy goes to `named`.
fn hierarchy<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
    aliases: &Aliases,
    named: &mut Named,
) -> Result<Hierarchy> {
    let (mut nodes, mut levels) = (Vec::new(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "HierarchicalCode" => nodes.push(hierarchy_node(source, &child, aliases)?),
            "Level" => level(source, &child, &mut levels)?,
            _ => named.take(source, &child)?,
        }
    }
    let has_formal_levels = tag.is_true("leveled") || tag.is_true("hasFormalLevels");
    Ok(Hierarchy { has_formal_levels, levels, nodes, ..Hierarchy::default() })
}

/// Reads a level and those below it, which stand in it.
fn level<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag, levels: &mut Vec<Level>) -> Result<()> {
    let id = required(source, tag, "id")?;
    let (mut named, mut format, mut below) = (Named::default(), Vec::new(), Vec::new());
    while let Some(child) = source.child()? {
        match child.name() {
            "CodingFormat" => {
                format.extend(facets(&child));
                source.skip()?;
            }
            "Level" => level(source, &child, &mut below)?,
            _ => named.take(source, &child)?,
        }
    }
    let Named { names, descriptions, annotations } = named;
    levels.push(Level { id, names, descriptions, annotations, format });
    levels.extend(below);
    Ok(())
}

/// Reads a node and those below it; the bound on the depth of XML bounds the recursion.
fn hierarchy_node<R: BufRead>(
    source: &mut Source<'_, R>,
    tag: &Tag,
    aliases: &Aliases,
) -> Result<HierarchyNode> {
    let (mut list, mut code, mut level, mut children) = (None, None, None, Vec::new());
    let mut named = Named::default();
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
            "Level" => level = Some(Reference::read(source, &child)?.local()),
            "HierarchicalCode" => children.push(hierarchy_node(source, &child, aliases)?),
            _ => named.take(source, &child)?,
        }
    }
    let (Some(codelist), Some(code)) = (list, code) else {
        return Err(source.error(tag.at, "HierarchicalCode says not which code of which codelist"));
    };
    let text = |name: &str| tag.attribute(name).map(|text| text.trim().to_owned());
    Ok(HierarchyNode {
        id: text("id").unwrap_or_default(),
        codelist,
        code,
        level,
        valid_from: text("validFrom"),
        valid_to: text("validTo"),
        annotations: named.annotations,
        children,
    })
}
