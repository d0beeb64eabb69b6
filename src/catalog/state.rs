//! What all commits up to one make together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::history::History;
use crate::catalog::manifest::{Commit, CommitKind, CommitRecord, Draft, FlowEntry};
use crate::catalog::manifest::{SegmentEntry, SegmentId, SegmentPlace, Superseded};
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::limits::COMMITS_MAX;
use crate::model::{ArtefactId, Artefacts};

/// What all commits up to one make together: artefacts, dataflows, segments and what is live of
/// them, history.
///
/// Clones share everything, and a commit copies only what it touches: the maps of the dataflows
/// it has data for, and the artefacts if it brings any.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub(super) number: u64,
    pub(super) checksum: u32,
    pub(super) next_segment: u64,
    pub(super) artefacts: Arc<Artefacts>,
    pub(super) flows: Arc<BTreeMap<ArtefactId, KnownFlow>>,
    pub(super) segments: Arc<BTreeMap<ArtefactId, Arc<Segments>>>,
    pub(super) relocated: Arc<BTreeMap<SegmentId, Home>>,
    pub(super) history: History,
    pub(super) settings: Arc<BTreeMap<String, String>>,
}

/// The live segments of one dataflow.
pub type Segments = BTreeMap<SegmentId, Arc<LiveSegment>>;

/// A dataflow with data, or that once had data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFlow {
    /// What is fixed about it.
    pub entry: Arc<FlowEntry>,
    /// The effective time of the last visible change of it or its data, in microseconds.
    pub updated: i64,
    /// The effective time of the last redaction of its data, in microseconds.
    pub redacted: Option<i64>,
}

/// A segment of which something is live.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveSegment {
    /// The segment.
    pub entry: Arc<SegmentEntry>,
    /// The commit that added it.
    pub commit: u64,
    /// Ordinals of its live chunks; absent if all are.
    pub chunks: Option<Selection>,
    /// Ordinals of its live partials; absent if all are.
    pub partials: Option<Selection>,
}

impl LiveSegment {
    fn is_dead(&self) -> bool {
        let none = |live: &Option<Selection>, count| match live {
            Some(live) => live.is_empty(),
            None => count == 0,
        };
        none(&self.chunks, self.entry.chunks) && none(&self.partials, self.entry.partials)
    }
}

/// Where a segment is since a redaction wrote it anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// The redaction.
    pub commit: u64,
    /// The place.
    pub place: SegmentPlace,
}

impl State {
    /// The number of the last commit; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The checksum of the last manifest; 0 before the first.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// The least number that no segment has had.
    pub fn next_segment(&self) -> SegmentId {
        SegmentId(self.next_segment)
    }

    /// All artefacts.
    pub fn artefacts(&self) -> &Arc<Artefacts> {
        &self.artefacts
    }

    /// The dataflows, by identifier.
    pub fn flows(&self) -> impl Iterator<Item = &KnownFlow> {
        self.flows.values()
    }

    /// The dataflow with this identifier.
    pub fn flow(&self, id: &ArtefactId) -> Option<&KnownFlow> {
        self.flows.get(id)
    }

    /// The segments of a dataflow of which something is live, by number.
    pub fn segments(&self, flow: &ArtefactId) -> impl Iterator<Item = &Arc<LiveSegment>> {
        self.segments.get(flow).into_iter().flat_map(|segments| segments.values())
    }

    /// The segments of all dataflows of which something is live.
    pub fn all_segments(&self) -> impl Iterator<Item = &Arc<LiveSegment>> {
        self.segments.values().flat_map(|segments| segments.values())
    }

    /// Where a segment is, if a redaction wrote it anew.
    pub fn home(&self, segment: SegmentId) -> Option<&Home> {
        self.relocated.get(&segment)
    }

    /// All segments that redactions wrote anew, by number.
    pub fn relocated(&self) -> &Arc<BTreeMap<SegmentId, Home>> {
        &self.relocated
    }

    /// The number of the last redaction that wrote segments anew; 0 if none did.
    pub(super) fn last_redaction(&self) -> u64 {
        self.relocated.values().map(|home| home.commit).max().unwrap_or(0)
    }

    /// All commits, oldest first.
    pub fn commits(&self) -> impl DoubleEndedIterator<Item = &CommitRecord> {
        self.history.iter()
    }

    /// The commit with this number.
    pub fn commit(&self, number: u64) -> Option<&CommitRecord> {
        self.history.get(number)
    }

    /// The last commit that was effective at `time` (microseconds since 1970). Cost: a binary
    /// search, because effective times ascend.
    pub fn commit_at(&self, time: i64) -> Option<&CommitRecord> {
        self.history.at(time)
    }

    /// The effective time of the last commit, in microseconds since 1970.
    pub fn effective(&self) -> Option<i64> {
        self.history.last().map(|record| record.effective)
    }

    /// A small fact by its name.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// All small facts, by name.
    pub fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The state after one commit more. `self` is not changed.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the commit does not follow this state, or supersedes what is not live.
    pub fn apply(&self, commit: &Commit) -> Result<Self> {
        let mut next = self.clone();
        next.advance(commit)?;
        Ok(next)
    }

    /// Applies a commit in place; after an error the state is as it was.
    ///
    /// # Errors
    ///
    /// As [`State::apply`].
    pub fn advance(&mut self, commit: &Commit) -> Result<()> {
        let record = &commit.record;
        let flows = self
            .check(commit)
            .map_err(|reason| Error::invalid(format!("commit {}", record.number), reason))?;
        let is_visible = record.kind == CommitKind::Change;
        for flow in &commit.flows {
            let entry = Arc::new(flow.clone());
            let flows = Arc::make_mut(&mut self.flows);
            let before = flows.get(&flow.id);
            let redacted = before.and_then(|known| known.redacted);
            let updated = before.map(|known| known.updated).filter(|_| !is_visible);
            let updated = updated.unwrap_or(record.effective);
            flows.insert(flow.id.clone(), KnownFlow { entry, updated, redacted });
        }
        for segment in &commit.segments {
            self.next_segment = segment.id.0 + 1;
            self.add_segment(segment, record.number);
            self.touch(&segment.flow, is_visible.then_some(record.effective));
        }
        for (part, flow) in commit.superseded.iter().zip(flows) {
            self.supersede(&flow, part);
            self.touch(&flow, is_visible.then_some(record.effective));
        }
        if !commit.relocated.is_empty() {
            let homes = Arc::make_mut(&mut self.relocated);
            for relocated in &commit.relocated {
                let (commit, place) = (record.number, relocated.place.clone());
                homes.insert(relocated.segment, Home { commit, place });
                if let Some(known) = Arc::make_mut(&mut self.flows).get_mut(&relocated.flow) {
                    known.redacted = Some(record.effective);
                }
            }
        }
        if !commit.artefacts.is_empty() {
            let artefacts = Arc::make_mut(&mut self.artefacts);
            commit.artefacts.iter().for_each(|artefact| artefacts.insert(artefact.clone()));
        }
        if !commit.settings.is_empty() {
            let settings = Arc::make_mut(&mut self.settings);
            for (name, value) in &commit.settings {
                match value {
                    Some(value) => settings.insert(name.clone(), value.clone()),
                    None => settings.remove(name),
                };
            }
        }
        self.history.push(record.clone());
        self.number = record.number;
        self.checksum = commit.checksum;
        Ok(())
    }

    /// Checks that a commit follows this state, and finds the dataflow of everything it
    /// supersedes.
    fn check(&self, commit: &Commit) -> Result<Vec<ArtefactId>, String> {
        let record = &commit.record;
        if record.number != self.number + 1 {
            return Err(format!("it cannot follow commit {}", self.number));
        }
        if commit.predecessor != self.checksum {
            return Err(format!("it follows another commit {} than this", self.number));
        }
        if self.effective().is_some_and(|last| record.effective <= last) {
            return Err("it is not effective later than its predecessor".into());
        }
        let mut next_segment = self.next_segment;
        for segment in &commit.segments {
            if segment.id.0 < next_segment || segment.id.0 >= COMMITS_MAX {
                return Err(format!("the number of segment {} was taken", segment.id));
            }
            if segment.chunks == u32::MAX || segment.partials == u32::MAX {
                return Err(format!("segment {} has too many chunks", segment.id));
            }
            next_segment = segment.id.0 + 1;
        }
        if commit.relocated.iter().any(|relocated| relocated.segment.0 >= self.next_segment) {
            return Err("it relocates a segment that there was never".into());
        }
        let mut seen = BTreeSet::new();
        let mut flows = Vec::with_capacity(commit.superseded.len());
        for part in &commit.superseded {
            let id = part.segment;
            let found = self.segments.values().find_map(|all| all.get(&id));
            let found =
                found.map(|live| (&*live.entry, live.chunks.as_ref(), live.partials.as_ref()));
            // Of a segment that it adds, some may have been superseded while it was written.
            let added = commit.segments.iter().find(|entry| entry.id == id);
            let found = found.or(added.map(|entry| (entry, None, None)));
            let (entry, chunks, partials) =
                found.ok_or_else(|| format!("segment {id} is not live"))?;
            let is_live = is_live(chunks, entry.chunks, &part.chunks)
                && is_live(partials, entry.partials, &part.partials);
            if !seen.insert(id) || !is_live {
                return Err(format!("it supersedes what is not live in segment {id}"));
            }
            flows.push(entry.flow.clone());
        }
        Ok(flows)
    }

    fn add_segment(&mut self, entry: &SegmentEntry, commit: u64) {
        let entry = Arc::new(entry.clone());
        let live = LiveSegment { entry, commit, chunks: None, partials: None };
        if !live.is_dead() {
            let flows = Arc::make_mut(&mut self.segments);
            let flow = flows.entry(live.entry.flow.clone()).or_default();
            Arc::make_mut(flow).insert(live.entry.id, Arc::new(live));
        }
    }

    /// Takes out what [`State::check`] found live.
    fn supersede(&mut self, flow: &ArtefactId, part: &Superseded) {
        let flows = Arc::make_mut(&mut self.segments);
        let Some(segments) = flows.get_mut(flow) else { return };
        let segments = Arc::make_mut(segments);
        let Some(live) = segments.get_mut(&part.segment) else { return };
        let live = Arc::make_mut(live);
        take_out(&mut live.chunks, live.entry.chunks, &part.chunks);
        take_out(&mut live.partials, live.entry.partials, &part.partials);
        if live.is_dead() {
            segments.remove(&part.segment);
        }
        if segments.is_empty() {
            flows.remove(flow);
        }
    }

    /// Notes when readers last saw a change.
    fn touch(&mut self, flow: &ArtefactId, effective: Option<i64>) {
        if let Some(effective) = effective
            && let Some(known) = Arc::make_mut(&mut self.flows).get_mut(flow)
        {
            known.updated = effective;
        }
    }
}

impl Draft {
    /// The commit that this becomes behind a state, its manifest, and the state after it.
    ///
    /// The commit gets the next number, and is effective at the proposed time, or as soon after as
    /// is later than every commit before.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if the draft does not fit the state; [`Error::Limit`].
    pub fn follow(mut self, state: &State) -> Result<(Commit, Vec<u8>, State)> {
        let earliest = state.effective().map_or(i64::MIN, |last| last.saturating_add(1));
        self.record.number = state.number() + 1;
        self.record.effective = self.record.effective.max(earliest);
        let (commit, bytes) = self.seal(state.checksum())?;
        let next = state.apply(&commit)?;
        Ok((commit, bytes, next))
    }
}

/// Whether all of `gone` is live, where `live` is absent if all of `count` are.
fn is_live(live: Option<&Selection>, count: u32, gone: &Selection) -> bool {
    let is_known = gone.max().is_none_or(|max| max < count);
    is_known && live.is_none_or(|live| live.intersection_len(gone) == gone.len())
}

/// Takes `gone` out of what is live of `count`.
fn take_out(live: &mut Option<Selection>, count: u32, gone: &Selection) {
    if !gone.is_empty() {
        let rest = live.get_or_insert_with(|| Selection::all(count));
        rest.subtract(gone);
        rest.optimize();
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::catalog::manifest::SegmentId;
    use crate::catalog::manifest::tests::{artefact, file, flow, segment};

    /// The state after `state` and a draft.
    pub(crate) fn next(state: &State, draft: Draft) -> Result<State> {
        draft.follow(state).map(|(_, _, next)| next)
    }

    fn adds(id: u64, name: &str) -> Draft {
        let segments = vec![segment(id, name, file(id))];
        Draft { segments, flows: vec![flow(name)], ..Draft::default() }
    }

    fn supersedes(id: u64, chunks: &[u32], partials: &[u32]) -> Draft {
        let superseded = vec![Superseded {
            segment: SegmentId(id),
            chunks: Selection::from_sorted(chunks.iter().copied()),
            partials: Selection::from_sorted(partials.iter().copied()),
        }];
        Draft { superseded, ..Draft::default() }
    }

    /// A state with two dataflows and a segment each: 4 chunks and 2 partials, all live.
    pub(crate) fn two_flows() -> State {
        let mut first = adds(1, "F");
        first.artefacts = vec![artefact("F", "S"), artefact("G", "S")];
        first.settings.insert("user".into(), Some("x".into()));
        let state = next(&State::default(), first).expect("applied");
        next(&state, adds(5, "G")).expect("applied")
    }

    #[test]
    fn a_segment_is_there_until_nothing_of_it_is_live() {
        let (f, g) = (flow("F").id, flow("G").id);
        let before = two_flows();
        let live = |state: &State| {
            let segment = state.segments(&f).next()?;
            let chunks = segment.chunks.clone().unwrap_or_else(|| Selection::all(4));
            Some(chunks.iter().collect::<Vec<_>>())
        };
        assert_eq!(live(&before), Some(vec![0, 1, 2, 3]));
        let half = next(&before, supersedes(1, &[0, 2], &[])).expect("applied");
        assert_eq!(live(&half), Some(vec![1, 3]));
        let rest = next(&half, supersedes(1, &[1, 3], &[])).expect("applied");
        assert_eq!(live(&rest), Some(vec![]), "its partials live");
        let gone = next(&rest, supersedes(1, &[], &[0, 1])).expect("applied");
        assert_eq!(live(&gone), None);
        assert_eq!(live(&before), Some(vec![0, 1, 2, 3]), "states do not change");
        assert_eq!(gone.all_segments().count(), 1);
        assert_eq!(gone.next_segment(), SegmentId(6));
        let updated = |id| gone.flow(id).map(|known| known.updated);
        assert_eq!((updated(&f), updated(&g)), (gone.effective(), before.effective()));
    }

    #[test]
    fn refuses_a_commit_that_does_not_fit() {
        let state = two_flows();
        let check = |draft: Draft, expected: &str| {
            let error = next(&state, draft).expect_err("applied").to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(adds(5, "F"), "was taken");
        check(supersedes(2, &[0], &[]), "is not live");
        check(supersedes(1, &[4], &[]), "not live in");
        check(supersedes(1, &[], &[2]), "not live in");
        let mut twice = supersedes(1, &[0], &[]);
        twice.superseded.extend(supersedes(1, &[1], &[]).superseded);
        check(twice, "not live in");
        let half = next(&state, supersedes(1, &[0], &[])).expect("applied");
        assert!(next(&half, supersedes(1, &[0], &[])).is_err());

        let (commit, _) = adds(9, "F").seal(state.checksum + 1).expect("sealed");
        assert!(state.apply(&commit).is_err(), "number 0");
    }

    #[test]
    fn a_commit_copies_only_what_it_touches() {
        let before = two_flows();
        let after = next(&before, supersedes(1, &[0], &[])).expect("applied");
        assert!(Arc::ptr_eq(&before.artefacts, &after.artefacts));
        let g = flow("G").id;
        assert!(Arc::ptr_eq(&before.segments[&g], &after.segments[&g]));
    }

    #[test]
    fn history_is_found_by_number_and_by_time() {
        let mut state = State::default();
        for step in 1..=200_i64 {
            let mut draft = Draft::default();
            draft.record.effective = step * 10;
            state = next(&state, draft).expect("applied");
        }
        let number = |found: Option<&CommitRecord>| found.map_or(0, |record| record.number);
        for step in 1..=200_u64 {
            assert_eq!(number(state.commit(step)), step);
            let time = i64::try_from(step).expect("small") * 10;
            assert_eq!(number(state.commit_at(time)), step);
            assert_eq!(number(state.commit_at(time - 1)), step - 1);
        }
        assert_eq!((number(state.commit(0)), number(state.commit(201))), (0, 0));
        assert_eq!(number(state.commit_at(i64::MAX)), 200);
        assert_eq!(state.commits().count(), 200);
    }

    #[test]
    fn settings_are_set_and_removed() {
        let state = two_flows();
        assert_eq!(state.setting("user"), Some("x"));
        let mut draft = Draft::default();
        draft.settings.insert("user".into(), None);
        assert_eq!(next(&state, draft).expect("applied").settings().count(), 0);
    }
}
