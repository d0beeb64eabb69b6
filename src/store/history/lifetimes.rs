//! When each chunk of a dataflow was live.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::catalog::{
    Catalog, Commit, CommitKind, LiveSegment, SegmentEntry, SegmentId, State, Superseded,
};
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::model::ArtefactId;
use crate::store::snapshot::Snapshot;

/// So many chunks that one commit supersedes are kept one by one, more as a set: then a lookup goes
/// through few sets, and memory does not grow with large ones.
const FEW_CHUNKS: u64 = 64;

/// When each chunk of a dataflow was live, in commits.
#[derive(Debug, Default)]
pub(super) struct Lifetimes {
    segments: BTreeMap<SegmentId, Lived>,
    /// Chunks that commits after the moment asked for added or superseded.
    touched: Vec<(SegmentId, Selection)>,
}

/// A segment that is or was live.
#[derive(Debug)]
struct Lived {
    /// The segment with every chunk that was live at some time.
    segment: LiveSegment,
    /// The commit that superseded a chunk.
    few: HashMap<u32, u64>,
    many: Vec<(u64, Selection)>,
}

impl Lifetimes {
    /// Reads them from the manifests of all commits up to a state; `after` is the number of the
    /// commit from which on touched chunks are noted.
    ///
    /// What only earlier commits than the first that is kept had is forgotten. What that one has
    /// counts from the commit that wrote it.
    pub(super) fn read(
        catalog: &Catalog,
        snapshot: &Snapshot,
        flow: &ArtefactId,
        after: u64,
    ) -> Result<Self> {
        let mut lifetimes = Self::default();
        let (state, last) = (snapshot.state(), snapshot.number());
        let mut number = catalog.first_kept()?.min(last);
        if number > 0 {
            lifetimes.begin(&*catalog.state_at(number)?, flow);
        }
        for commit in catalog.commits_between(number + 1, last) {
            match commit {
                Ok(commit) if state.commit(commit.record.number) == Some(&commit.record) => {
                    number = commit.record.number;
                    lifetimes.apply(&commit, flow, after);
                }
                // A draft is no commit, and another may have taken its number.
                Ok(_) | Err(Error::NotFound { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        if number < last {
            lifetimes.add_draft(&*catalog.state_at(number)?, state, flow);
        }
        Ok(lifetimes)
    }

    /// Every segment, with the chunks of it that were ever live.
    pub(super) fn segments(&self) -> impl Iterator<Item = &LiveSegment> {
        self.segments.values().map(|lived| &lived.segment)
    }

    /// The chunks that were touched after the moment asked for.
    pub(super) fn touched(&self) -> &[(SegmentId, Selection)] {
        &self.touched
    }

    /// The commit that added a chunk, and the one that superseded it.
    pub(super) fn of(&self, segment: SegmentId, chunk: u32) -> Option<(u64, Option<u64>)> {
        let lived = self.segments.get(&segment)?;
        let end = lived.few.get(&chunk).copied().or_else(|| {
            let found = lived.many.iter().find(|(_, chunks)| chunks.contains(chunk));
            found.map(|(number, _)| *number)
        });
        Some((lived.segment.commit, end))
    }

    fn begin(&mut self, state: &State, flow: &ArtefactId) {
        for live in state.segments(flow) {
            self.add(&live.entry, live.commit, live.chunks.clone());
        }
    }

    fn apply(&mut self, commit: &Commit, flow: &ArtefactId, after: u64) {
        let number = commit.record.number;
        let is_noted = number > after && commit.record.kind == CommitKind::Change;
        for part in &commit.superseded {
            if self.segments.contains_key(&part.segment) {
                self.end(part, number);
                if is_noted && !part.chunks.is_empty() {
                    self.touched.push((part.segment, part.chunks.clone()));
                }
            }
        }
        for entry in commit.segments.iter().filter(|entry| entry.flow == *flow) {
            self.add(&Arc::new(entry.clone()), number, None);
            if is_noted {
                self.touched.push((entry.id, Selection::all(entry.chunks)));
            }
        }
    }

    /// Adds what a draft does to the last commit behind it, as one commit of the draft's number.
    fn add_draft(&mut self, before: &State, draft: &State, flow: &ArtefactId) {
        let number = draft.number();
        let live: HashMap<SegmentId, &Arc<LiveSegment>> =
            draft.segments(flow).map(|live| (live.entry.id, live)).collect();
        for old in before.segments(flow) {
            let all = || Selection::all(old.entry.chunks);
            let mut gone = old.chunks.clone().unwrap_or_else(all);
            if let Some(live) = live.get(&old.entry.id) {
                gone.subtract(&live.chunks.clone().unwrap_or_else(all));
            }
            if !gone.is_empty() {
                self.touched.push((old.entry.id, gone.clone()));
                let (segment, partials) = (old.entry.id, Selection::empty());
                self.end(&Superseded { segment, chunks: gone, partials }, number);
            }
        }
        let known: HashSet<SegmentId> = before.segments(flow).map(|live| live.entry.id).collect();
        for new in draft.segments(flow).filter(|live| !known.contains(&live.entry.id)) {
            self.add(&new.entry, number, new.chunks.clone());
            self.touched.push((new.entry.id, Selection::all(new.entry.chunks)));
        }
    }

    fn add(&mut self, entry: &Arc<SegmentEntry>, commit: u64, chunks: Option<Selection>) {
        let (entry, id) = (Arc::clone(entry), entry.id);
        let segment = LiveSegment { entry, commit, chunks, partials: Some(Selection::empty()) };
        let lived = Lived { segment, few: HashMap::new(), many: Vec::new() };
        self.segments.insert(id, lived);
    }

    fn end(&mut self, part: &Superseded, number: u64) {
        let Some(lived) = self.segments.get_mut(&part.segment) else { return };
        if part.chunks.len() <= FEW_CHUNKS {
            lived.few.extend(part.chunks.iter().map(|chunk| (chunk, number)));
        } else {
            lived.many.push((number, part.chunks.clone()));
        }
    }
}
