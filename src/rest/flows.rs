//! The dataflows that a request means.

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::model::{ArtefactId, DataSelection, VersionPattern};
use crate::rest::nearest::nearest;
use crate::sdmx::request::{FlowContext, FlowPattern, KeyRule};
use crate::store::{FlowState, Snapshot};

/// The dataflows that match, by identifier.
///
/// # Errors
///
/// [`Error::NotFound`] that names the nearest if there is none.
pub(super) fn matching<'a>(
    snapshot: &'a Snapshot,
    pattern: &FlowPattern,
) -> Result<Vec<&'a FlowState>> {
    let has = |wanted: &[String], text: &str| wanted.is_empty() || wanted.iter().any(|w| w == text);
    let named = |state: &'a FlowState| -> &'a ArtefactId {
        match pattern.context {
            FlowContext::DataStructure => &state.flow.structure,
            FlowContext::Dataflow | FlowContext::ProvisionAgreement | FlowContext::Any => {
                &state.flow.id
            }
        }
    };
    // There are no provision agreements.
    let all: &[FlowState] = match pattern.context {
        FlowContext::ProvisionAgreement => &[],
        FlowContext::Dataflow | FlowContext::DataStructure | FlowContext::Any => snapshot.flows(),
    };
    let fits = |id: &ArtefactId| has(&pattern.agencies, &id.agency) && has(&pattern.ids, &id.id);
    let fitting: Vec<&FlowState> = all.iter().filter(|state| fits(named(state))).collect();
    let mut versions: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for state in &fitting {
        let ArtefactId { agency, id, version } = named(state);
        versions.entry((agency, id)).or_default().push(version);
    }
    for known in versions.values_mut() {
        *known = VersionPattern::choose(&pattern.versions, known.iter().copied());
    }
    let is_chosen = |state: &&'a FlowState| {
        let ArtefactId { agency, id, version } = named(state);
        let chosen = versions.get(&(agency.as_str(), id.as_str()));
        chosen.is_some_and(|chosen| chosen.contains(&version.as_str()))
    };
    let chosen: Vec<&FlowState> = fitting.iter().copied().filter(is_chosen).collect();
    if chosen.is_empty() { Err(unknown(snapshot, pattern, &fitting)) } else { Ok(chosen) }
}

fn unknown(snapshot: &Snapshot, pattern: &FlowPattern, fitting: &[&FlowState]) -> Error {
    let wanted = |words: &[String]| if words.is_empty() { "*".to_owned() } else { words.join(",") };
    let kind = match pattern.context {
        FlowContext::DataStructure => "data structure",
        FlowContext::ProvisionAgreement => "provision agreement",
        FlowContext::Dataflow | FlowContext::Any => "dataflow",
    };
    let name = format!("{}:{}", wanted(&pattern.agencies), wanted(&pattern.ids));
    if !fitting.is_empty() {
        let there = fitting.iter().map(|state| state.flow.id.to_string());
        let there = there.collect::<Vec<_>>().join(", ");
        return Error::not_found(kind, format!("{name} in this version (there are {there})"));
    }
    let flows = snapshot.flows();
    let by_id = |id: &String| nearest(id, flows.iter().map(|state| state.flow.id.id.as_str()));
    let same_id = |id: &str| flows.iter().find(|state| state.flow.id.id == id);
    let near = pattern.ids.iter().find_map(by_id).and_then(same_id);
    let advice = match near {
        Some(state) => format!(" (did you mean {}?)", state.flow.id),
        None if flows.is_empty() => " (the database is empty)".to_owned(),
        None => String::new(),
    };
    Error::not_found(kind, format!("{name}{advice}"))
}

/// Checks that a dataflow has what the selection speaks of.
///
/// # Errors
///
/// [`Error::Syntax`] for a key of another length; [`Error::Invalid`] for a component that it does
/// not have, with the nearest it has.
pub(super) fn check(state: &FlowState, selection: &DataSelection, rule: KeyRule) -> Result<()> {
    let flow = &state.flow;
    let dimensions: Vec<&str> = flow.dimensions().iter().map(|c| c.id.as_str()).collect();
    rule.check(selection, &dimensions)?;
    for filter in &selection.filters {
        if flow.position(&filter.component).is_some() {
            continue;
        }
        let ids = || flow.components().iter().map(|component| component.id.as_str());
        let advice = match nearest(&filter.component, ids()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("it has {}", ids().collect::<Vec<_>>().join(", ")),
        };
        let at = format!("query parameter c[{}]", filter.component);
        return Err(Error::invalid(at, format!("is no component of {}; {advice}", flow.id)));
    }
    Ok(())
}
