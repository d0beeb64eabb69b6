//! The visible changes of a dataflow, one after the other.

use std::sync::Arc;

use crate::catalog::{Commit, CommitKind, State};
use crate::error::{Error, Result};
use crate::model::ArtefactId;
use crate::store::snapshot::Snapshot;

/// A commit that changed a dataflow: the states before and after it.
#[derive(Debug)]
pub(in crate::store) struct Step {
    /// The state before it.
    pub(in crate::store) before: Arc<Snapshot>,
    /// The state after it.
    pub(in crate::store) after: Arc<Snapshot>,
    /// Since when it counts, in microseconds since 1970.
    pub(in crate::store) effective: i64,
}

/// The commits that changed a dataflow, oldest first.
#[derive(Debug)]
pub(in crate::store) struct Steps {
    /// The newest state to see.
    newest: Arc<Snapshot>,
    flow: ArtefactId,
    /// The state after the last commit that was looked at.
    state: State,
    /// Whether `state` is the first that is known: then all of it is one step, from nothing.
    is_beginning: bool,
    is_done: bool,
}

impl Steps {
    /// Those that a state has behind it, after a moment (microseconds since 1970) if one is given.
    /// Where what was before the first commit that is kept was forgotten, that one is a step from
    /// nothing.
    pub(in crate::store) fn new(
        newest: &Arc<Snapshot>,
        flow: &ArtefactId,
        after: Option<i64>,
    ) -> Result<Self> {
        let catalog = newest.catalog();
        let moment = after.and_then(|after| newest.state().commit_at(after));
        let number = moment.map_or(0, |commit| commit.number);
        let first = catalog.first_kept()?.min(newest.number());
        let is_beginning = number < first;
        let state = catalog.state_at(number.max(first))?;
        Ok(Self {
            newest: Arc::clone(newest),
            flow: flow.clone(),
            state: State::clone(&state),
            is_beginning,
            is_done: false,
        })
    }

    /// The next one; absent at the end. Cost: the manifests in between.
    pub(in crate::store) fn next(&mut self) -> Result<Option<Step>> {
        if self.is_beginning {
            self.is_beginning = false;
            if self.state.segments(&self.flow).next().is_some() {
                return Ok(Some(self.step(State::default())));
            }
        }
        while !self.is_done && self.state.number() < self.newest.number() {
            let before = self.state.clone();
            let Some(commit) = self.read()? else {
                self.is_done = true;
                self.state = State::clone(self.newest.state());
                return Ok(Some(self.step(before)));
            };
            let is_wanted = commit.record.kind == CommitKind::Change && self.is_of_flow(&commit);
            self.state.advance(&commit)?;
            if is_wanted {
                return Ok(Some(self.step(before)));
            }
        }
        Ok(None)
    }

    /// The next commit; absent if what comes is a draft.
    fn read(&self) -> Result<Option<Commit>> {
        let number = self.state.number() + 1;
        match self.newest.catalog().commits_between(number, number).next().transpose() {
            // Another commit may have taken the number of a draft.
            Ok(read) => {
                Ok(read.filter(|commit| self.newest.state().commit(number) == Some(&commit.record)))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_of_flow(&self, commit: &Commit) -> bool {
        let mut own = self.state.segments(&self.flow).map(|live| live.entry.id);
        commit.segments.iter().any(|segment| segment.flow == self.flow)
            || own.any(|id| commit.superseded.iter().any(|part| part.segment == id))
    }

    fn step(&self, before: State) -> Step {
        let number = self.state.number();
        let commit = self.newest.state().commit(number);
        Step {
            before: self.newest.with_state(Arc::new(before)),
            after: if number == self.newest.number() {
                Arc::clone(&self.newest)
            } else {
                self.newest.with_state(Arc::new(self.state.clone()))
            },
            effective: commit.map_or(i64::MIN, |commit| commit.effective),
        }
    }
}
