//! Which chunks of two states must be compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{Commit, CommitKind, LiveSegment, SegmentId, State};
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::ArtefactId;
use crate::store::changes::read::key_texts;
use crate::store::cube::Cube;
use crate::store::snapshot::Snapshot;

/// What each of two states has and the other has not, as segments of which nothing else is live.
#[derive(Debug, Default)]
pub(in crate::store) struct Touched {
    pub(in crate::store) before: Vec<LiveSegment>,
    pub(in crate::store) after: Vec<LiveSegment>,
}

impl Touched {
    /// Finds it, in the earlier and the later of two states.
    ///
    /// Cost: a look at the segments of both; and where one of the commits between them stored the
    /// dataflow anew, their manifests. Compaction replaces every chunk and changes nothing, so
    /// there the series are looked for that the other commits touched.
    pub(in crate::store) fn find(
        before: &Arc<Snapshot>,
        after: &Arc<Snapshot>,
        flow: &ArtefactId,
    ) -> Result<Self> {
        let touched = Self::of_states(before.state(), after.state(), flow);
        let is_between = |number: u64| number > before.number() && number <= after.number();
        let mut later = after.commits().rev().take_while(|commit| is_between(commit.number));
        let last = later.find(|commit| commit.kind == CommitKind::Compaction);
        let (Some(last), false) = (last, touched.before.is_empty()) else { return Ok(touched) };
        let mut stages = Stages::new(before, after, flow)?;
        let mut state = State::clone(before.state());
        let mut start = state.clone();
        for commit in after.catalog().commits_between(before.number() + 1, last.number) {
            let commit = commit?;
            if commit.record.kind == CommitKind::Compaction && is_of(&commit, &state, flow) {
                stages.add(&start, &state)?;
                state.advance(&commit)?;
                start = state.clone();
            } else {
                state.advance(&commit)?;
            }
        }
        stages.add(&start, after.state())?;
        Ok(stages.finish(touched))
    }

    fn of_states(before: &State, after: &State, flow: &ArtefactId) -> Self {
        Self { before: missing(before, after, flow), after: missing(after, before, flow) }
    }
}

/// What is live in one state and not in another.
fn missing(of: &State, other: &State, flow: &ArtefactId) -> Vec<LiveSegment> {
    let known: BTreeMap<SegmentId, &Arc<LiveSegment>> =
        other.segments(flow).map(|live| (live.entry.id, live)).collect();
    let own = of.segments(flow).filter_map(|live| {
        let known = known.get(&live.entry.id);
        if known.is_some_and(|known| Arc::ptr_eq(known, live)) {
            return None;
        }
        let rest = |own: &Option<Selection>, count: u32, other: Option<&Option<Selection>>| {
            let own = own.clone().unwrap_or_else(|| Selection::all(count));
            match other {
                None => own,
                Some(None) => Selection::empty(),
                Some(Some(other)) => own.minus(other),
            }
        };
        let chunks = rest(&live.chunks, live.entry.chunks, known.map(|known| &known.chunks));
        let partials =
            rest(&live.partials, live.entry.partials, known.map(|known| &known.partials));
        if chunks.is_empty() && partials.is_empty() {
            return None;
        }
        let (chunks, partials) = (Some(chunks), Some(partials));
        let entry = Arc::clone(&live.entry);
        Some(LiveSegment { entry, commit: live.commit, chunks, partials })
    });
    own.collect()
}

/// Whether a commit after `state` stores something of the dataflow.
fn is_of(commit: &Commit, state: &State, flow: &ArtefactId) -> bool {
    let is_superseded = |id| state.segments(flow).any(|live| live.entry.id == id);
    commit.segments.iter().any(|segment| segment.flow == *flow)
        || commit.superseded.iter().any(|part| is_superseded(part.segment))
}

/// Gathers the series that were touched in any of the stages between compactions.
struct Stages<'a> {
    snapshot: &'a Snapshot,
    flow: &'a ArtefactId,
    /// The dataflow in both states, with the live chunks of each part that are of those series.
    sides: [(Arc<Cube>, Vec<Selection>); 2],
}

impl<'a> Stages<'a> {
    fn new(before: &Snapshot, after: &'a Snapshot, flow: &'a ArtefactId) -> Result<Self> {
        let side = |snapshot: &Snapshot| {
            let cube = snapshot.cube(flow)?;
            let chunks = vec![Selection::empty(); cube.parts().len()];
            Ok::<_, Error>((cube, chunks))
        };
        Ok(Self { snapshot: after, flow, sides: [side(before)?, side(after)?] })
    }

    fn add(&mut self, start: &State, end: &State) -> Result<()> {
        let touched = Touched::of_states(start, end, self.flow);
        let flow = Arc::clone(self.sides[1].0.flow());
        let entry = Arc::clone(self.sides[1].0.entry());
        for segments in [&touched.before, &touched.after] {
            let cube = self.snapshot.cube_of(Arc::clone(&flow), &entry, segments)?;
            for part in cube.parts() {
                for series in part.live_series().iter() {
                    let codes = (0..flow.dimensions().len()).map(|d| part.code(d, series));
                    let key = key_texts(&cube, &codes.collect::<Result<Vec<u32>>>()?);
                    self.sides.iter_mut().try_for_each(|side| add_series(side, &key))?;
                }
            }
        }
        Ok(())
    }

    /// Leaves of what differs the chunks of the series that were touched.
    fn finish(self, touched: Touched) -> Touched {
        let [before, after] = self.sides;
        Touched { before: keep(touched.before, &before), after: keep(touched.after, &after) }
    }
}

/// Adds the live chunks of a series.
fn add_series((cube, chunks): &mut (Arc<Cube>, Vec<Selection>), key: &[String]) -> Result<()> {
    for (part, ordinal) in cube.find(key)? {
        for chunk in cube.parts()[part].live_chunks(ordinal)? {
            chunks[part].insert(chunk);
        }
    }
    Ok(())
}

fn keep(segments: Vec<LiveSegment>, side: &(Arc<Cube>, Vec<Selection>)) -> Vec<LiveSegment> {
    let (cube, wanted) = side;
    let kept = segments.into_iter().map(|mut live| {
        let part = cube.parts().iter().position(|part| part.id() == live.entry.id);
        let wanted = part.and_then(|part| wanted.get(part));
        if let Some((chunks, wanted)) = live.chunks.as_mut().zip(wanted) {
            chunks.intersect_with(wanted);
        }
        live
    });
    kept.collect()
}
