//! Takes in structure messages: what they add and change, and what they may not.

use std::collections::HashSet;

use crate::catalog::{Draft, FlowEntry, State};
use crate::error::{Error, Result};
use crate::model::{Artefact, ArtefactClass, ArtefactId, Artefacts, Codelist, Flow};
use crate::store::load::compatible;
use crate::store::names;
use crate::store::snapshot::Snapshot;

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
    pub(super) fn add(&mut self, artefacts: Vec<Artefact>, snapshot: &Snapshot) -> Result<()> {
        let state = snapshot.state();
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
            compatible::check(flow, snapshot)?;
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
        self.replace(FlowEntry { id: flow.id.clone(), names, dimension_order });
    }

    /// Gives the plain table name of a dataflow to its version `id`; the one that had it is called by
    /// its version from now on. Returns whether it had to move.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such dataflow.
    pub(super) fn move_plain_name(&mut self, id: &ArtefactId, state: &State) -> Result<bool> {
        let stored = state.flows().map(|known| FlowEntry::clone(&known.entry));
        let changed = |entry: &FlowEntry| self.entries.iter().any(|e| e.id == entry.id);
        let mut all: Vec<FlowEntry> = stored.filter(|entry| !changed(entry)).collect();
        all.extend(self.entries.iter().cloned());
        let is_plain = |entry: &FlowEntry| names::is_plain_name(&entry.id, &entry.names);
        let wanted = all.iter().position(|entry| entry.id == *id);
        let wanted = wanted.ok_or_else(|| Error::not_found("dataflow", id.to_string()))?;
        let mut wanted = all.swap_remove(wanted);
        if is_plain(&wanted) {
            return Ok(false);
        }
        let is_version = |e: &FlowEntry| e.id.agency == id.agency && e.id.id == id.id;
        let holder = all.iter().position(|entry| is_version(entry) && is_plain(entry));
        if let Some(holder) = holder {
            let mut holder = all.swap_remove(holder);
            wanted.names.table = holder.names.table;
            let flow = Flow::resolve(&holder.id, &self.all)?;
            let others: Vec<&FlowEntry> = all.iter().chain([&wanted]).collect();
            holder.names.table = names::choose(&flow, &others).table;
            self.replace(holder);
        } else {
            let flow = Flow::resolve(id, &self.all)?;
            let others: Vec<&FlowEntry> = all.iter().filter(|entry| !is_version(entry)).collect();
            wanted.names.table = names::choose(&flow, &others).table;
        }
        self.replace(wanted);
        Ok(true)
    }

    fn replace(&mut self, entry: FlowEntry) {
        self.entries.retain(|known| known.id != entry.id);
        self.entries.push(entry);
    }

    /// Whether nothing that the state has is changed, so that data of other dataflows fit as before.
    pub(super) fn only_add(&self, state: &State) -> bool {
        let is_new = |artefact: &Artefact| {
            state.artefacts().get(&artefact.class(), &artefact.identity().id).is_none()
        };
        self.changed.iter().all(is_new)
    }

    /// Whether the names or the order of a dataflow change.
    pub(super) fn change(&self, flow: &ArtefactId) -> bool {
        self.entries.iter().any(|entry| entry.id == *flow)
    }

    /// Puts what changed into the draft of a commit.
    pub(super) fn finish(self, draft: &mut Draft) {
        draft.artefacts = self.changed;
        draft.flows = self.entries;
    }
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
