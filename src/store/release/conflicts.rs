//! What a release would undo: cells that were corrected since it was made, and that it changes to
//! something else.
//!
//! Two differences meet: that from the state the release was made on to the present one, which are
//! the corrections, and that from the present state to the one with the release. What is in both is
//! a conflict. A correction to the very value that the release brings is none.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::limits::PROBLEMS_SHOWN_MAX;
use crate::model::{ArtefactId, Flow};
use crate::store::changes::{AttributeChange, Changes, KeyFilter, SeriesChange};
use crate::store::snapshot::Snapshot;

/// What a release would undo.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conflicts {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<ReleaseConflict>,
    /// The commit that the release was made on, if that was forgotten: then nobody knows.
    pub forgotten: Option<u64>,
}

/// One thing that was corrected, and that a release changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReleaseConflict {
    /// An artefact.
    Structure(ArtefactId),
    /// The value of an attribute.
    Attribute {
        /// The dataflow.
        flow: ArtefactId,
        /// The codes it is attached to, joined by `.`; empty for other dimensions.
        key: String,
        /// The attribute.
        attribute: String,
    },
    /// An observation.
    Observation {
        /// The dataflow.
        flow: ArtefactId,
        /// The codes of the series, joined by `.`.
        key: String,
        /// The period.
        period: String,
    },
}

impl Conflicts {
    /// Those of a release whose base was forgotten.
    pub(super) fn of_forgotten(commit: u64) -> Self {
        Self { forgotten: Some(commit), ..Self::default() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.forgotten.is_none()
    }

    fn add(&mut self, conflict: ReleaseConflict) {
        self.count += 1;
        if self.first.len() < PROBLEMS_SHOWN_MAX {
            self.first.push(conflict);
        }
    }
}

impl fmt::Display for Conflicts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(commit) = self.forgotten {
            return write!(
                f,
                "commit {commit}, which it was made on, was forgotten, so that later corrections \
                 cannot be told"
            );
        }
        let (noun, verb) = if self.count == 1 { ("value", "was") } else { ("values", "were") };
        write!(f, "{} {noun} that it changes {verb} corrected since it was made", self.count)?;
        for (at, conflict) in self.first.iter().enumerate() {
            write!(f, "{}{conflict}", if at == 0 { ": " } else { "; " })?;
        }
        let more = self.count.saturating_sub(self.first.len() as u64);
        if more > 0 { write!(f, "; and {more} more") } else { Ok(()) }
    }
}

impl fmt::Display for ReleaseConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Structure(id) => write!(f, "{id}"),
            Self::Attribute { flow, key, attribute } => write!(f, "{flow} {key} {attribute}"),
            Self::Observation { flow, key, period } => write!(f, "{flow} {key} {period}"),
        }
    }
}

/// What the step from `now` to `after` changes of what the step from `base` to `now` changed.
///
/// Cost: what both steps touched.
///
/// # Errors
///
/// Those of reading.
pub(super) fn conflicts(
    base: &Arc<Snapshot>,
    now: &Arc<Snapshot>,
    after: &Arc<Snapshot>,
) -> Result<Conflicts> {
    let mut found = Conflicts::default();
    if !Arc::ptr_eq(now.artefacts(), after.artefacts()) {
        for artefact in after.artefacts().iter() {
            let id = &artefact.identity().id;
            let class = artefact.class();
            let of = |snapshot: &Snapshot| snapshot.artefacts().get(&class, id).cloned();
            let (first, second) = (of(base), of(now));
            if first != second && second.as_ref() != Some(artefact) {
                found.add(ReleaseConflict::Structure(id.clone()));
            }
        }
    }
    for known in now.state().flows() {
        let id = &known.entry.id;
        // Without a later commit nothing of it was corrected; and the release must touch it.
        if base.state().flow(id).is_some_and(|then| then.updated == known.updated)
            || after.state().flow(id).is_some_and(|then| then.updated == known.updated)
        {
            continue;
        }
        let corrections = Changes::between(base, now, id, &KeyFilter::all())?;
        let changes = Changes::between(now, after, id, &KeyFilter::all())?;
        meet(corrections, changes, &mut found)?;
    }
    Ok(found)
}

/// Finds what is in both of two differences of a dataflow.
fn meet(mut one: Changes, mut other: Changes, found: &mut Conflicts) -> Result<()> {
    let flow = Arc::clone(other.flow());
    let (of_one, of_other) = (Arc::clone(one.flow()), Arc::clone(&flow));
    let named = |changes: Vec<AttributeChange>, flow: &Flow| -> BTreeSet<_> {
        let named = changes.into_iter().filter_map(|change| {
            let attribute = flow.attributes().get(change.attribute)?;
            Some((change.key, attribute.id.clone()))
        });
        named.collect()
    };
    let (partials, others) = (one.partials()?, other.partials()?);
    let (partials, others) = (named(partials, &of_one), named(others, &of_other));
    for (key, attribute) in partials.intersection(&others) {
        let codes: Vec<&str> = key.iter().map(|code| code.as_deref().unwrap_or("")).collect();
        let (flow, key, attribute) = (flow.id.clone(), codes.join("."), attribute.clone());
        found.add(ReleaseConflict::Attribute { flow, key, attribute });
    }
    let (mut left, mut right) = (one.next_series()?, other.next_series()?);
    while let (Some(correction), Some(change)) = (&left, &right) {
        match correction.key.cmp(&change.key) {
            Ordering::Less => left = one.next_series()?,
            Ordering::Greater => right = other.next_series()?,
            Ordering::Equal => {
                meet_series(&flow.id, (&of_one, correction), (&of_other, change), found);
                (left, right) = (one.next_series()?, other.next_series()?);
            }
        }
    }
    Ok(())
}

fn meet_series(
    id: &ArtefactId,
    (of_one, one): (&Flow, &SeriesChange),
    (of_other, other): (&Flow, &SeriesChange),
    found: &mut Conflicts,
) {
    let name = |flow: &Flow, change: &AttributeChange| {
        flow.attributes().get(change.attribute).map(|attribute| attribute.id.clone())
    };
    let corrected: BTreeSet<_> = one.attributes.iter().map(|c| name(of_one, c)).collect();
    for change in &other.attributes {
        if let Some(attribute) = name(of_other, change)
            && corrected.contains(&Some(attribute.clone()))
        {
            let (flow, key) = (id.clone(), other.key.join("."));
            found.add(ReleaseConflict::Attribute { flow, key, attribute });
        }
    }
    let corrected: BTreeSet<_> = one.cells.iter().map(|cell| cell.period.as_str()).collect();
    for cell in other.cells.iter().filter(|cell| corrected.contains(cell.period.as_str())) {
        let (flow, key, period) = (id.clone(), other.key.join("."), cell.period.clone());
        found.add(ReleaseConflict::Observation { flow, key, period });
    }
}
