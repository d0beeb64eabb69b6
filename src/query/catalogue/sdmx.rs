//! `sdmx_catalog`: what is in here, how much, and in which table.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;

use crate::model::{Artefact, ArtefactId, Artefacts, Component, ComponentRole, HierarchyNode};
use crate::model::{Names, TextType};
use crate::query::catalogue::Directory;
use crate::query::catalogue::columns::Columns;
use crate::query::catalogue::directory::codelists;
use crate::query::error::to_datafusion;
use crate::store::{CalendarLine, CommitKind, CommitRecord, FlowState, SeriesFilter, Snapshot};

/// Nodes of all hierarchies together that are shown: they nest, and a message may be hostile.
const NODES_MAX: usize = 10_000_000;

/// One row a dataflow. Cost: opens every cube, for the counts.
pub(super) fn dataflows(directory: &Directory, rows: bool, language: &str) -> Result<RecordBatch> {
    let snapshot = directory.snapshot();
    let states: Vec<&FlowState> = snapshot.flows().iter().filter(|_| rows).collect();
    let mut counts = Vec::with_capacity(states.len());
    for state in &states {
        let cube = snapshot.cube(&state.flow.id).map_err(to_datafusion)?;
        let all = cube.select(&SeriesFilter::All).map_err(to_datafusion)?;
        let observations = cube.observation_count(&all).map_err(to_datafusion)?;
        let series = cube.series_count(&all).map_err(to_datafusion)?;
        counts.push((series, observations));
    }
    let flows = || states.iter().map(|state| &state.flow);
    let name = |names: &Names| names.best(language).map(str::to_owned);
    let whole = |count: u64| i64::try_from(count).ok();
    Columns::default()
        .key("agency", flows().map(|flow| &flow.id.agency))
        .key("id", flows().map(|flow| &flow.id.id))
        .key("version", flows().map(|flow| &flow.id.version))
        .key("table_schema", states.iter().map(|state| &state.names.schema))
        .key("table_name", states.iter().map(|state| &state.names.table))
        .text("name", flows().map(|flow| name(&flow.names)))
        .text("description", flows().map(|flow| name(&flow.descriptions)))
        .key("structure", flows().map(|flow| flow.structure.to_string()))
        .integer("dimensions", flows().map(|flow| i32::try_from(flow.dimensions().len()).ok()))
        .count("series", counts.iter().map(|(series, _)| whole(*series)))
        .count("observations", counts.iter().map(|(_, observations)| whole(*observations)))
        .moment("updated", states.iter().map(|state| Some(state.updated)))
        .batch()
}

/// One row a component of each dataflow, in column order.
pub(super) fn components(directory: &Directory, rows: bool, language: &str) -> Result<RecordBatch> {
    let states = directory.snapshot().flows().iter().filter(|_| rows);
    let all: Vec<(&FlowState, usize, &Component)> = states
        .flat_map(|state| {
            state.flow.components().iter().enumerate().map(move |(i, c)| (state, i, c))
        })
        .collect();
    let components = || all.iter().map(|(_, _, component)| *component);
    let flows = || all.iter().map(|(state, _, _)| &state.flow.id);
    Columns::default()
        .key("agency", flows().map(|id| &id.agency))
        .key("dataflow", flows().map(|id| &id.id))
        .key("version", flows().map(|id| &id.version))
        .key("table_schema", all.iter().map(|(state, ..)| &state.names.schema))
        .key("table_name", all.iter().map(|(state, ..)| &state.names.table))
        .integer("position", all.iter().map(|(_, place, _)| i32::try_from(place + 1).ok()))
        .key("component", components().map(|component| &component.id))
        .text("column_name", all.iter().map(|(state, place, _)| state.names.columns.get(*place)))
        .key("role", components().map(|component| role(&component.role)))
        .text("attached_to", all.iter().map(|(state, _, component)| attached_to(state, component)))
        .text("name", components().map(|component| component.names.best(language)))
        .text(
            "codelist",
            components().map(|component| codelist(component).map(ToString::to_string)),
        )
        .key("text_type", components().map(|component| text_type(component.text_type)))
        .count(
            "max_length",
            components().map(|component| i64::try_from(component.length_max?).ok()),
        )
        .flag("is_mandatory", components().map(is_mandatory))
        .batch()
}

/// One row a codelist.
pub(super) fn all_codelists(
    directory: &Directory,
    rows: bool,
    language: &str,
) -> Result<RecordBatch> {
    let all: Vec<_> = codelists(directory.snapshot().artefacts()).filter(|_| rows).collect();
    let ids = || all.iter().map(|list| &list.identity.id);
    Columns::default()
        .key("agency", ids().map(|id| &id.agency))
        .key("id", ids().map(|id| &id.id))
        .key("version", ids().map(|id| &id.version))
        .text("name", all.iter().map(|list| list.identity.names.best(language)))
        .text("description", all.iter().map(|list| list.identity.descriptions.best(language)))
        .count("codes", all.iter().map(|list| i64::try_from(list.codes.len()).ok()))
        .flag("is_partial", all.iter().map(|list| list.is_partial))
        .flag("is_final", all.iter().map(|list| list.identity.is_final))
        .batch()
}

/// One row a code of each codelist, in the list's order.
pub(super) fn codes(artefacts: &Artefacts, rows: bool, language: &str) -> Result<RecordBatch> {
    let lists = codelists(artefacts).filter(|_| rows);
    let all: Vec<_> = lists
        .flat_map(|list| {
            list.codes.iter().enumerate().map(move |(place, code)| (&list.identity.id, place, code))
        })
        .collect();
    let codes = || all.iter().map(|(_, _, code)| *code);
    Columns::default()
        .key("agency", all.iter().map(|(id, ..)| &id.agency))
        .key("codelist", all.iter().map(|(id, ..)| &id.id))
        .key("version", all.iter().map(|(id, ..)| &id.version))
        .key("code", codes().map(|code| &code.id))
        .integer("position", all.iter().map(|(_, place, _)| i32::try_from(place + 1).ok()))
        .text("name", codes().map(|code| code.names.best(language)))
        .text("description", codes().map(|code| code.descriptions.best(language)))
        .text("parent", codes().map(|code| code.parent.as_deref()))
        .batch()
}

/// One row a node of each hierarchy, parents before children.
pub(super) fn hierarchies(
    artefacts: &Artefacts,
    rows: bool,
    language: &str,
) -> Result<RecordBatch> {
    let mut nodes = Vec::new();
    for artefact in artefacts.iter().filter(|_| rows) {
        let Artefact::HierarchicalCodelist(list) = artefact else { continue };
        for hierarchy in &list.hierarchies {
            let name = hierarchy.names.best(language).or(list.identity.names.best(language));
            let of = Node { list: &list.identity.id, hierarchy: &hierarchy.id, name };
            // Depth first without recursion: what is still to visit, the next at the end.
            let mut open: Vec<(&HierarchyNode, Option<&str>, i32)> =
                hierarchy.nodes.iter().rev().map(|node| (node, None, 1)).collect();
            while let Some((node, parent, level)) = open.pop() {
                if nodes.len() >= NODES_MAX {
                    break;
                }
                nodes.push((of, node, parent, level));
                let below = node.children.iter().rev();
                open.extend(below.map(|child| (child, Some(node.code.as_str()), level + 1)));
            }
        }
    }
    Columns::default()
        .key("agency", nodes.iter().map(|(of, ..)| &of.list.agency))
        .key("id", nodes.iter().map(|(of, ..)| &of.list.id))
        .key("version", nodes.iter().map(|(of, ..)| &of.list.version))
        .key("hierarchy", nodes.iter().map(|(of, ..)| of.hierarchy))
        .text("name", nodes.iter().map(|(of, ..)| of.name))
        .key("codelist", nodes.iter().map(|(_, node, ..)| node.codelist.to_string()))
        .key("code", nodes.iter().map(|(_, node, ..)| &node.code))
        .text("parent", nodes.iter().map(|(_, _, parent, _)| *parent))
        .integer("level", nodes.iter().map(|(.., level)| Some(*level)))
        .batch()
}

/// Which hierarchy a node is of.
#[derive(Clone, Copy)]
struct Node<'a> {
    list: &'a ArtefactId,
    hierarchy: &'a str,
    name: Option<&'a str>,
}

/// One row a commit, the oldest first.
pub(super) fn commits(directory: &Arc<Directory>, rows: bool) -> Result<RecordBatch> {
    let all = || directory.snapshot().commits().filter(|_| rows);
    let count = |number: u64| i64::try_from(number).ok();
    let source = |commit: &CommitRecord| commit.source.clone();
    let kind = |commit: &CommitRecord| match commit.kind {
        CommitKind::Change => "change",
        CommitKind::Compaction => "compaction",
        CommitKind::Redaction => "redaction",
    };
    let sha256 = |commit| {
        let hashes = source(commit)?.sha256.join(", ");
        (!hashes.is_empty()).then_some(hashes)
    };
    let checksum = |commit| source(commit)?.checksum.map(|checksum| format!("{checksum:08x}"));
    Columns::default()
        .count("number", all().map(|commit| count(commit.number)))
        .key("kind", all().map(kind))
        .moment("loaded", all().map(|commit| Some(commit.loaded)))
        .moment("effective", all().map(|commit| Some(commit.effective)))
        .text("author", all().map(|commit| Some(commit.author.as_str())))
        .text("message", all().map(|commit| Some(commit.message.as_str())))
        .text("release", all().map(|commit| commit.release.as_deref()))
        .text("source", all().map(|commit| source(commit).map(|source| source.name)))
        .count("source_bytes", all().map(|commit| count(source(commit)?.bytes)))
        .text("source_checksum", all().map(checksum))
        .text("source_sha256", all().map(sha256))
        .count("inserted", all().map(|commit| count(commit.counts.inserted)))
        .count("changed", all().map(|commit| count(commit.counts.changed)))
        .count("deleted", all().map(|commit| count(commit.counts.deleted)))
        .count("unchanged", all().map(|commit| count(commit.counts.unchanged)))
        .batch()
}

/// One row a release of the public calendar, by time. What was not announced is not there.
pub(super) fn releases(snapshot: &Snapshot, rows: bool) -> Result<RecordBatch> {
    let calendar: Vec<CalendarLine> = if rows { snapshot.calendar() } else { Vec::new() };
    let all = || calendar.iter();
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Columns::default()
        .key("name", all().map(|line| &line.name))
        .text("title", all().map(|line| text(&line.title)))
        .text("notes", all().map(|line| text(&line.notes)))
        .moment("release_time", all().map(|line| Some(line.at)))
        .key("local_time", all().map(|line| &line.local))
        .key("zone", all().map(|line| &line.zone))
        .key("state", all().map(|line| line.state.name()))
        .batch()
}

fn role(role: &ComponentRole) -> &'static str {
    match role {
        ComponentRole::Dimension => "dimension",
        ComponentRole::Time => "time",
        ComponentRole::Measure => "measure",
        ComponentRole::KeyAttribute(_) | ComponentRole::ObservationAttribute => "attribute",
    }
}

/// What an attribute qualifies: `dataflow`, `series`, `observation`, or dimensions by their names.
fn attached_to(state: &FlowState, component: &Component) -> Option<String> {
    let dimensions = state.flow.dimensions();
    match &component.role {
        ComponentRole::KeyAttribute(of) if of.is_empty() => Some("dataflow".to_owned()),
        ComponentRole::KeyAttribute(of) if of.len() == dimensions.len() => {
            Some("series".to_owned())
        }
        ComponentRole::KeyAttribute(of) => {
            let ids = of.iter().filter_map(|place| dimensions.get(*place)).map(|d| d.id.as_str());
            Some(ids.collect::<Vec<_>>().join(", "))
        }
        ComponentRole::ObservationAttribute => Some("observation".to_owned()),
        ComponentRole::Dimension | ComponentRole::Time | ComponentRole::Measure => None,
    }
}

fn is_mandatory(component: &Component) -> bool {
    component.is_mandatory
        || matches!(component.role, ComponentRole::Dimension | ComponentRole::Time)
}

fn codelist(component: &Component) -> Option<&ArtefactId> {
    component.codelist.as_deref().map(|list| &list.identity.id)
}

fn text_type(kind: TextType) -> &'static str {
    match kind {
        TextType::Text => "text",
        TextType::Integer => "integer",
        TextType::Decimal => "decimal",
        TextType::Double => "double",
        TextType::Boolean => "boolean",
        TextType::Period => "period",
    }
}
