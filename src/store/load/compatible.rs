//! Whether a structure that changes still fits the data that are stored under it.
//!
//! What is added fits: codes, names, attributes, constraints. What stored data rely on may not go:
//! dimensions and measures in their order, attributes where they attach, codes that occur.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::limits::PROBLEMS_SHOWN_MAX;
use crate::model::{Codelist, Component, ComponentRole, Flow};
use crate::store::snapshot::Snapshot;

/// Refuses a structure under which stored data would mean something else, and names what clashes.
///
/// # Errors
///
/// [`Error::Conflict`]; those of opening the dataflow.
pub(super) fn check(after: &Flow, snapshot: &Snapshot) -> Result<()> {
    if snapshot.state().segments(&after.id).next().is_none() {
        return Ok(());
    }
    let Ok(before) = Flow::resolve(&after.id, snapshot.artefacts()) else { return Ok(()) };
    let mut clashes = components(&before, after);
    if clashes.is_empty() {
        clashes = codes(&before, after, snapshot)?;
    }
    if clashes.is_empty() {
        return Ok(());
    }
    let more = clashes.len().saturating_sub(PROBLEMS_SHOWN_MAX);
    clashes.truncate(PROBLEMS_SHOWN_MAX);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let advice = "load it as a new version of the dataflow";
    let reason = format!("it has data, and {}{more}; {advice}", clashes.join(", "));
    Err(Error::Conflict { kind: "dataflow", id: after.id.to_string(), reason })
}

/// What is gone, new or elsewhere among the components that stored data have.
fn components(before: &Flow, after: &Flow) -> Vec<String> {
    let mut clashes = Vec::new();
    let find = |flow: &Flow, id: &str| flow.position(id).map(|at| flow.components()[at].clone());
    for component in before.components() {
        let (id, kind) = (&component.id, kind(&component.role));
        match find(after, id) {
            None => clashes.push(format!("{kind} {id} would be gone")),
            Some(now) if now.role != component.role => {
                let now = described(after, &now);
                let was = described(before, component);
                clashes.push(format!("{id} would be {now} instead of {was}"));
            }
            Some(_) => {}
        }
    }
    for component in &after.components()[..after.attributes_from()] {
        if before.position(&component.id).is_none() {
            let kind = kind(&component.role);
            clashes.push(format!("{kind} {} would be new", component.id));
        }
    }
    let order = |flow: &Flow| {
        let kept = &flow.components()[..flow.attributes_from()];
        kept.iter().map(|component| component.id.clone()).collect::<Vec<_>>()
    };
    if clashes.is_empty() && order(before) != order(after) {
        clashes.push(format!("its dimensions would be in the order {}", order(after).join(", ")));
    }
    clashes
}

/// Codes that occur in a dimension, were in its codelist, and no longer would be. Cost: nothing
/// unless a codelist loses codes; then the codes that occur are read, but no observation. Codes of
/// attributes are not looked at: they keep their text, and only lose their name.
fn codes(before: &Flow, after: &Flow, snapshot: &Snapshot) -> Result<Vec<String>> {
    let mut clashes = Vec::new();
    let dimensions = before.dimensions().iter().zip(after.dimensions()).enumerate();
    for (place, (was, now)) in dimensions {
        let (Some(was), Some(list)) = (&was.codelist, &now.codelist) else { continue };
        let kept = ids(list);
        let gone: HashSet<&str> = ids(was).difference(&kept).copied().collect();
        if gone.is_empty() {
            continue;
        }
        let cube = snapshot.cube(&before.id)?;
        let used = cube.codes(place).iter().filter(|code| gone.contains(code));
        let list = &list.identity.id;
        clashes.extend(
            used.map(|code| {
                format!("code {code} of dimension {} would be gone from {list}", now.id)
            }),
        );
    }
    Ok(clashes)
}

fn ids(list: &Codelist) -> HashSet<&str> {
    list.codes.iter().map(|code| code.id.as_str()).collect()
}

fn kind(role: &ComponentRole) -> &'static str {
    match role {
        ComponentRole::Dimension => "dimension",
        ComponentRole::Time => "time dimension",
        ComponentRole::Measure => "measure",
        ComponentRole::KeyAttribute(_) | ComponentRole::ObservationAttribute => "attribute",
    }
}

/// What a component is, and of an attribute where it attaches.
fn described(flow: &Flow, component: &Component) -> String {
    match &component.role {
        ComponentRole::KeyAttribute(of) if of.is_empty() => "attached to the dataflow".to_owned(),
        ComponentRole::KeyAttribute(of) => {
            let ids = of.iter().filter_map(|at| flow.dimensions().get(*at)).map(|d| d.id.as_str());
            format!("attached to {}", ids.collect::<Vec<_>>().join(", "))
        }
        ComponentRole::ObservationAttribute => "attached to the observation".to_owned(),
        role => format!("a {}", kind(role)),
    }
}
