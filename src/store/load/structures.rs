//! Takes in structure messages: what they add and change, and what they may not.

use std::collections::HashSet;

use crate::catalog::{Draft, FlowEntry, State};
use crate::error::{Error, Result};
use crate::model::{Artefact, ArtefactClass, Artefacts, Codelist, Flow};
use crate::store::names;

/// Artefacts that a load adds or replaces, on top of a state.
#[derive(Debug, Default)]
pub(super) struct Structures {
    /// Those of the state and of the load together.
    pub(super) all: Artefacts,
    changed: Vec<Artefact>,
    /// Dataflows that are new, with the names chosen for them.
    pub(super) entries: Vec<FlowEntry>,
}

impl Structures {
    pub(super) fn new(state: &State) -> Self {
        let all = Artefacts::clone(state.artefacts());
        Self { all, changed: Vec::new(), entries: Vec::new() }
    }

    /// Adds the artefacts of a message. Nothing of it counts until [`Structures::finish`].
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a reference that leads nowhere; [`Error::Conflict`] if stored data
    /// would no longer fit its structure.
    pub(super) fn add(&mut self, artefacts: Vec<Artefact>, state: &State) -> Result<()> {
        let mut all = self.all.clone();
        let mut changed = Vec::new();
        for artefact in artefacts {
            let artefact = match artefact {
                Artefact::Codelist(list) => Artefact::Codelist(completed(list, &all)),
                other => other,
            };
            let (class, id) = (artefact.class(), artefact.identity().id.clone());
            if all.get(&class, &id) != Some(&artefact) {
                all.insert(artefact.clone());
                changed.push(artefact);
            }
        }
        all.check_references()?;
        let mut flows = Vec::new();
        for dataflow in all.dataflows() {
            let id = &dataflow.identity.id;
            // A flow that nothing of this message touches is as good as it was.
            let structure = (ArtefactClass::DataStructure, dataflow.structure.clone());
            let touched = changed.iter().any(|artefact| {
                (artefact.class(), artefact.identity().id.clone()) == structure
                    || artefact.identity().id == *id
                    || matches!(artefact, Artefact::ConceptScheme(_) | Artefact::Codelist(_))
            });
            if touched || state.flow(id).is_none() {
                flows.push(Flow::resolve(id, &all)?);
            }
        }
        for flow in &flows {
            check_stored(flow, state)?;
        }
        self.all = all;
        for artefact in changed {
            let key = |a: &Artefact| (a.class(), a.identity().id.clone());
            self.changed.retain(|known| key(known) != key(&artefact));
            self.changed.push(artefact);
        }
        for flow in flows {
            self.name(&flow, state);
        }
        Ok(())
    }

    /// Chooses the names of a new flow, and names for the new components of a known one.
    fn name(&mut self, flow: &Flow, state: &State) {
        let known = self.entries.iter().find(|entry| entry.id == flow.id).cloned();
        let known = known.or_else(|| state.flow(&flow.id).map(|f| FlowEntry::clone(&f.entry)));
        let count = flow.components().len();
        if known.as_ref().is_some_and(|entry| entry.names.columns.len() == count) {
            return;
        }
        let stored = state.flows().map(|known| &*known.entry).chain(&self.entries);
        let others: Vec<&FlowEntry> = stored.filter(|entry| entry.id != flow.id).collect();
        let mut names = names::choose(flow, &others);
        if let Some(known) = &known {
            names.schema.clone_from(&known.names.schema);
            names.table.clone_from(&known.names.table);
        }
        let dimensions = u16::try_from(flow.dimensions().len()).unwrap_or(u16::MAX);
        let dimension_order = match known {
            Some(known) => known.dimension_order,
            None => (0..dimensions).collect(),
        };
        self.entries.retain(|entry| entry.id != flow.id);
        self.entries.push(FlowEntry { id: flow.id.clone(), names, dimension_order });
    }

    /// Puts what changed into the draft of a commit.
    pub(super) fn finish(self, draft: &mut Draft) {
        draft.artefacts = self.changed;
        draft.flows = self.entries;
    }
}

/// Refuses a structure under which stored data would mean something else.
fn check_stored(flow: &Flow, state: &State) -> Result<()> {
    if state.segments(&flow.id).next().is_none() {
        return Ok(());
    }
    let Ok(before) = Flow::resolve(&flow.id, state.artefacts()) else { return Ok(()) };
    let conflict = |reason: String| {
        let id = flow.id.to_string();
        let advice = "load it as a new version of the dataflow";
        Error::Conflict { kind: "dataflow", id, reason: format!("{reason}; {advice}") }
    };
    let ids = |flow: &Flow| {
        let kept = &flow.components()[..flow.attributes_from()];
        kept.iter().map(|c| (c.id.clone(), c.role.clone())).collect::<Vec<_>>()
    };
    if ids(&before) != ids(flow) {
        let reason = "it has data, and its dimensions and measures may not change";
        return Err(conflict(reason.to_owned()));
    }
    for attribute in before.attributes() {
        let after = flow.attributes().iter().find(|a| a.id == attribute.id);
        if after.is_none_or(|after| after.role != attribute.role) {
            let reason = format!(
                "it has data, and attribute {} may neither vanish nor attach elsewhere",
                attribute.id
            );
            return Err(conflict(reason));
        }
    }
    Ok(())
}

/// A partial codelist with the codes that are known already and that it leaves out.
fn completed(mut list: Codelist, all: &Artefacts) -> Codelist {
    let Some(known) = all.codelist(&list.identity.id).filter(|_| list.is_partial) else {
        return list;
    };
    let given: HashSet<String> = list.codes.iter().map(|code| code.id.clone()).collect();
    let missing = known.codes.iter().filter(|code| !given.contains(&code.id)).cloned();
    list.codes.extend(missing);
    list.is_partial = known.is_partial;
    list
}
