//! What all commits up to one make together.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::manifest::{Commit, CommitRecord, FlowEntry, SegmentEntry, SegmentId};
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::{ArtefactId, Artefacts};

/// Commits of one page of the history.
const PAGE_COMMITS: usize = 64;

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
    /// The effective time of the last commit that touched it or its data, in microseconds.
    pub updated: i64,
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

/// Commits by number, in pages that later states share.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    pages: Vec<Arc<Vec<CommitRecord>>>,
}

impl History {
    pub(super) fn push(&mut self, record: CommitRecord) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE_COMMITS => Arc::make_mut(page).push(record),
            _ => self.pages.push(Arc::new(vec![record])),
        }
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &CommitRecord> {
        self.pages.iter().flat_map(|page| page.iter())
    }

    fn get(&self, number: u64) -> Option<&CommitRecord> {
        let first = self.pages.first()?.first()?.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.pages.get(index / PAGE_COMMITS)?.get(index % PAGE_COMMITS)
    }
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
        let page = self.history.pages.partition_point(|page| {
            page.first().is_some_and(|first| first.effective <= time)
        });
        let page = self.history.pages.get(page.checked_sub(1)?)?;
        let count = page.partition_point(|record| record.effective <= time);
        page.get(count.checked_sub(1)?)
    }

    /// The effective time of the last commit, in microseconds since 1970.
    pub fn effective(&self) -> Option<i64> {
        self.history.iter().next_back().map(|record| record.effective)
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

    /// Applies a commit in place; after an error the state is not to be used.
    pub(super) fn advance(&mut self, commit: &Commit) -> Result<()> {
        let record = &commit.record;
        let wrong = |reason: String| {
            Err(Error::invalid(format!("commit {}", record.number), reason))
        };
        if record.number != self.number + 1 {
            return wrong(format!("it cannot follow commit {}", self.number));
        }
        if commit.predecessor != self.checksum {
            return wrong(format!("it does not follow this commit {}", self.number));
        }
        if self.effective().is_some_and(|last| record.effective <= last) {
            return wrong("it is effective before its predecessor".into());
        }
        for part in &commit.superseded {
            let flow = self.supersede(part.segment, &part.chunks, &part.partials);
            let Some(flow) = flow else {
                return wrong(format!("it supersedes what is not live of {}", part.segment));
            };
            self.touch(&flow, record.effective);
        }
        for flow in &commit.flows {
            let known = KnownFlow { entry: Arc::new(flow.clone()), updated: record.effective };
            Arc::make_mut(&mut self.flows).insert(flow.id.clone(), known);
        }
        for segment in &commit.segments {
            if segment.id.0 < self.next_segment || segment.id.0 == u64::MAX {
                return wrong(format!("the number of segment {} was taken", segment.id));
            }
            if segment.chunks == u32::MAX || segment.partials == u32::MAX {
                return wrong(format!("segment {} has too many chunks", segment.id));
            }
            self.next_segment = segment.id.0 + 1;
            self.add_segment(segment, record.number);
            self.touch(&segment.flow, record.effective);
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

    fn add_segment(&mut self, entry: &SegmentEntry, commit: u64) {
        let flow = Arc::make_mut(&mut self.segments).entry(entry.flow.clone()).or_default();
        let entry = Arc::new(entry.clone());
        let live = LiveSegment { entry, commit, chunks: None, partials: None };
        if !live.is_dead() {
            Arc::make_mut(flow).insert(live.entry.id, Arc::new(live));
        }
    }

    /// Takes chunks and partials of a segment out; absent if some were not live. Returns the
    /// dataflow of the segment.
    fn supersede(
        &mut self,
        id: SegmentId,
        chunks: &Selection,
        partials: &Selection,
    ) -> Option<ArtefactId> {
        let found = self.segments.iter().find(|(_, segments)| segments.contains_key(&id));
        let flow = found?.0.clone();
        let segments = Arc::make_mut(&mut self.segments).get_mut(&flow)?;
        let segments = Arc::make_mut(segments);
        let live = Arc::make_mut(segments.get_mut(&id)?);
        take_out(&mut live.chunks, live.entry.chunks, chunks)?;
        take_out(&mut live.partials, live.entry.partials, partials)?;
        if live.is_dead() {
            segments.remove(&id);
        }
        Some(flow)
    }

    fn touch(&mut self, flow: &ArtefactId, effective: i64) {
        if let Some(known) = Arc::make_mut(&mut self.flows).get_mut(flow) {
            known.updated = effective;
        }
    }
}

/// Takes `gone` out of what is live of `count`; absent if it is not all live.
fn take_out(live: &mut Option<Selection>, count: u32, gone: &Selection) -> Option<()> {
    if gone.is_empty() {
        return Some(());
    }
    if gone.max().is_some_and(|max| max >= count) {
        return None;
    }
    let all = live.take().unwrap_or_else(|| Selection::all(count));
    let mut rest = all.minus(gone);
    rest.optimize();
    let is_live = rest.len() + gone.len() == all.len();
    *live = Some(rest);
    is_live.then_some(())
}
