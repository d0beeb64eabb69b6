//! Undoing a commit on top of what came after it, and restoring an earlier state.
//!
//! Both are ordinary loads: they write what the differences of two states say, and history keeps
//! what was undone.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use crate::catalog::CommitKind;
use crate::error::{Error, Result};
use crate::limits::PROBLEMS_SHOWN_MAX;
use crate::model::{Action, Artefact, ArtefactId, ComponentRole, Flow, Value};
use crate::store::changes::{AttributeChange, CellState, Changes, KeyFilter, SeriesChange};
use crate::store::{Database, Load, Snapshot};

/// The cell of a dimension that an attribute does not attach to.
const NOT_ATTACHED: &str = "~";
/// What a row that deletes has for an attribute: which text does not matter.
const NAMED: &str = "-";

/// What is to be reverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revert {
    /// What this commit changed, unless any of it was changed again since.
    Commit(u64),
    /// What this commit changed, whatever was changed since.
    Forced(u64),
    /// Everything after this commit.
    To(u64),
}

impl Revert {
    /// The states between which the differences lie: what is undone, and what comes back.
    fn states(
        self,
        database: &Database,
        now: &Arc<Snapshot>,
    ) -> Result<(Arc<Snapshot>, Arc<Snapshot>)> {
        match self {
            Self::To(number) => Ok((Arc::clone(now), database.snapshot_at(number)?)),
            Self::Commit(number) | Self::Forced(number) => {
                let record = now.state().commit(number);
                let record =
                    record.ok_or_else(|| Error::not_found("commit", number.to_string()))?;
                if record.kind != CommitKind::Change {
                    let reason = "it changed nothing that readers see, so there is nothing to undo";
                    return Err(Error::invalid(format!("commit {number}"), reason));
                }
                let undone = if number == now.number() {
                    Arc::clone(now)
                } else {
                    database.snapshot_at(number)?
                };
                Ok((undone, database.snapshot_at(number - 1)?))
            }
        }
    }
}

impl Load {
    /// Adds what reverts, on top of the state that the load began with. It must be the first that
    /// is added. Returns artefacts that stay although they are new: none is ever removed.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] with the first observations that were changed since;
    /// [`Error::NotFound`] for a commit that is not there, or was forgotten; those of a load.
    pub fn revert(&mut self, database: &Database, what: Revert) -> Result<Vec<ArtefactId>> {
        let now = Arc::clone(self.base());
        let (undone, wanted) = what.states(database, &now)?;
        if let Revert::Commit(number) = what {
            refuse_clashes(number, &wanted, &undone, &now)?;
        }
        let kept = self.revert_structures(&undone, &wanted)?;
        for flow in flows(&undone, &wanted) {
            let mut changes = Changes::between(&undone, &wanted, &flow, &KeyFilter::all())?;
            let mut rows = Rows { flow: Arc::clone(changes.flow()), place: None, load: self };
            while let Some(change) = changes.next_series()? {
                rows.series(&change)?;
            }
            for change in changes.partials()? {
                rows.attribute(&change)?;
            }
        }
        Ok(kept)
    }

    fn revert_structures(
        &mut self,
        undone: &Snapshot,
        wanted: &Snapshot,
    ) -> Result<Vec<ArtefactId>> {
        let (mut back, mut kept) = (Vec::new(), Vec::new());
        for artefact in changed_artefacts(undone, wanted) {
            let id = &artefact.identity().id;
            match wanted.artefacts().get(&artefact.class(), id) {
                Some(before) => back.push(before.clone()),
                None => kept.push(id.clone()),
            }
        }
        if !back.is_empty() {
            self.structures(back)?;
        }
        Ok(kept)
    }
}

/// The artefacts of one state that the other has not, or has otherwise.
fn changed_artefacts<'a>(
    of: &'a Snapshot,
    beside: &'a Snapshot,
) -> impl Iterator<Item = &'a Artefact> {
    of.artefacts().iter().filter(|artefact| {
        let id = &artefact.identity().id;
        beside.artefacts().get(&artefact.class(), id) != Some(artefact)
    })
}

/// The dataflows of which either state has data.
fn flows(a: &Snapshot, b: &Snapshot) -> Vec<ArtefactId> {
    let states = [a, b].into_iter().flat_map(|snapshot| snapshot.state().flows());
    let mut all: Vec<ArtefactId> = states.map(|known| known.entry.id.clone()).collect();
    all.sort();
    all.dedup();
    all
}

/// The rows of one dataflow that make one state of another.
struct Rows<'a> {
    flow: Arc<Flow>,
    /// Once there is a row: the number that the load knows the dataflow by, and where its
    /// components stand there, since it may have more attributes now.
    place: Option<(usize, Vec<Option<usize>>)>,
    load: &'a mut Load,
}

impl Rows<'_> {
    fn series(&mut self, change: &SeriesChange) -> Result<()> {
        let mut cells = self.cells(change.key.iter().map(|code| Some(code.as_str())));
        if change.vanished {
            return self.row(Action::Delete, &cells);
        }
        let time = self.flow.time_index();
        let (measures, attributes) = (self.flow.measures_from(), self.flow.attributes_from());
        let at: Vec<usize> = self.observation_attributes().collect();
        for cell in &change.cells {
            if let Some(time) = time {
                cells[time] = Some(cell.period.clone());
            }
            cells[measures..].fill(None);
            let Some(CellState { values, attributes: texts }) = &cell.after else {
                self.row(Action::Delete, &cells)?;
                continue;
            };
            for (slot, value) in cells[measures..attributes].iter_mut().zip(values) {
                *slot = Some(text(value));
            }
            for (place, text) in at.iter().zip(texts) {
                cells[*place].clone_from(text);
            }
            self.row(Action::Replace, &cells)?;
        }
        change.attributes.iter().try_for_each(|attribute| self.attribute(attribute))
    }

    /// Sets or deletes an attribute of a series, of a partial key or of the dataflow.
    fn attribute(&mut self, change: &AttributeChange) -> Result<()> {
        let key = change.key.iter().map(|code| Some(code.as_deref().unwrap_or(NOT_ATTACHED)));
        let mut cells = self.cells(key);
        let action = if change.after.is_some() { Action::Merge } else { Action::Delete };
        let place = self.flow.attributes_from() + change.attribute;
        cells[place] = Some(change.after.clone().unwrap_or_else(|| NAMED.to_owned()));
        self.row(action, &cells)
    }

    /// The cells of a row that says nothing but its key.
    fn cells<'a>(&self, key: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<String>> {
        let mut cells = vec![None; self.flow.components().len()];
        for (cell, code) in cells.iter_mut().zip(key) {
            *cell = code.map(str::to_owned);
        }
        cells
    }

    /// The places of the attributes of observations among all components.
    fn observation_attributes(&self) -> impl Iterator<Item = usize> + use<> {
        let flow = Arc::clone(&self.flow);
        (flow.attributes_from()..flow.components().len()).filter(move |place| {
            flow.components()[*place].role == ComponentRole::ObservationAttribute
        })
    }

    fn row(&mut self, action: Action, cells: &[Option<String>]) -> Result<()> {
        if self.place.is_none() {
            let place = self.load.flow(&self.flow.id)?;
            let now = self.load.flow_at(place)?;
            let places = self.flow.components().iter().map(|component| now.position(&component.id));
            self.place = Some((place, places.collect()));
        }
        let Some((place, places)) = &self.place else { return Ok(()) };
        let mut row = vec![None; self.load.flow_at(*place)?.components().len()];
        for (cell, place) in cells.iter().zip(places) {
            if let Some(slot) = place.and_then(|place| row.get_mut(place)) {
                *slot = cell.as_deref();
            }
        }
        self.load.row(*place, action, &row)
    }
}

/// A value as it was published; empty where it is missing.
fn text(value: &Value) -> String {
    let mut text = Vec::new();
    value.write_to(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Refuses to undo a commit if what it changed is no longer as it left it.
fn refuse_clashes(
    number: u64,
    wanted: &Arc<Snapshot>,
    undone: &Arc<Snapshot>,
    now: &Arc<Snapshot>,
) -> Result<()> {
    let mut clashes = Clashes::default();
    for artefact in changed_artefacts(undone, wanted) {
        let (class, id) = (artefact.class(), &artefact.identity().id);
        let is_new = wanted.artefacts().get(&class, id).is_none();
        if !is_new && now.artefacts().get(&class, id) != Some(artefact) {
            clashes.add(|| format!("{} {id}", class.name()));
        }
    }
    for flow in flows(undone, wanted) {
        let all = KeyFilter::all();
        let undo = Changes::between(undone, wanted, &flow, &all)?;
        clashes.compare(undo, Changes::between(undone, now, &flow, &all)?)?;
    }
    if clashes.count == 0 {
        return Ok(());
    }
    let Clashes { shown, count } = clashes;
    let more = count - shown.len() as u64;
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let reason = format!(
        "what it changed was changed again since: {}{more}; --force undoes it all the same",
        shown.join(", ")
    );
    Err(Error::Conflict { kind: "commit", id: number.to_string(), reason })
}

/// What was changed again since.
#[derive(Default)]
struct Clashes {
    /// The first of them.
    shown: Vec<String>,
    count: u64,
}

impl Clashes {
    fn add(&mut self, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.shown.len() < PROBLEMS_SHOWN_MAX {
            self.shown.push(text());
        }
    }

    /// Notes what both differences have; both come in the order of keys.
    fn compare(&mut self, mut undo: Changes, mut since: Changes) -> Result<()> {
        let flow = Arc::clone(undo.flow());
        let (mut ours, mut theirs) = (undo.next_series()?, since.next_series()?);
        while let (Some(our), Some(their)) = (&ours, &theirs) {
            let order = our.key.cmp(&their.key);
            if order == Ordering::Equal {
                self.series(&flow, our, their);
            }
            if order.is_le() {
                ours = undo.next_series()?;
            }
            if order.is_ge() {
                theirs = since.next_series()?;
            }
        }
        let their = since.partials()?;
        self.attributes(&flow, &undo.partials()?, &their);
        Ok(())
    }

    fn series(&mut self, flow: &Flow, our: &SeriesChange, their: &SeriesChange) {
        let changed: HashSet<&str> = their.cells.iter().map(|cell| cell.period.as_str()).collect();
        let clashing = our.cells.iter().filter(|cell| changed.contains(cell.period.as_str()));
        for cell in clashing {
            self.add(|| format!("{} {} {}", flow.id, our.key.join("."), cell.period));
        }
        self.attributes(flow, &our.attributes, &their.attributes);
    }

    fn attributes(&mut self, flow: &Flow, our: &[AttributeChange], their: &[AttributeChange]) {
        let place = |change: &AttributeChange| (change.key.clone(), change.attribute);
        let changed: HashSet<_> = their.iter().map(place).collect();
        for change in our.iter().filter(|change| changed.contains(&place(change))) {
            let id = flow.attributes().get(change.attribute).map_or("", |a| a.id.as_str());
            let key: Vec<&str> = change.key.iter().map(|c| c.as_deref().unwrap_or("")).collect();
            self.add(|| format!("{} {} {id}", flow.id, key.join(".")));
        }
    }
}
