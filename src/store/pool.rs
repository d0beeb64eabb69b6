//! Segments that are open, shared by all snapshots.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::{HashMap, HashSet};

use crate::catalog::{Catalog, LiveSegment, Located, SegmentId, State};
use crate::disk::is_missing;
use crate::error::{Error, Result};
use crate::limits::{BLOCK_CACHE_BYTES, Budget};
use crate::segment::{BlockCache, Segment};

/// Segments by number, each opened once.
#[derive(Debug)]
pub(crate) struct Pool {
    open: Mutex<HashMap<SegmentId, Known>>,
    /// The blocks of all segments that stay in memory.
    cache: Arc<BlockCache>,
    /// Where segments below a number are. A draft numbers its segments as the next commit will, so
    /// they must not meet in one pool.
    below: Option<(Arc<Pool>, SegmentId)>,
}

/// An open segment, and the redaction that wrote it, if one did.
type Known = (Option<u64>, Arc<Segment>);

impl Default for Pool {
    fn default() -> Self {
        let budget = Budget::new("the blocks that stay in memory", BLOCK_CACHE_BYTES);
        Self { open: Mutex::default(), cache: Arc::new(BlockCache::new(budget)), below: None }
    }
}

impl Pool {
    /// A pool for the segments from `first` on; those before are in `below`.
    pub(crate) fn over(below: &Arc<Self>, first: SegmentId) -> Arc<Self> {
        let (cache, below) = (Arc::clone(&below.cache), Some((Arc::clone(below), first)));
        Arc::new(Self { open: Mutex::default(), cache, below })
    }

    /// Adds a segment that is open.
    pub(crate) fn insert(&self, id: SegmentId, segment: Segment) {
        self.lock().insert(id, (None, Arc::new(segment.with_cache(&self.cache))));
    }

    /// Opens a segment, unless it is open. One whose manifest is damaged is read from the copy in a
    /// checkpoint.
    pub(crate) fn open(&self, catalog: &Catalog, live: &LiveSegment) -> Result<Arc<Segment>> {
        let id = live.entry.id;
        if let Some((below, first)) = &self.below
            && id < *first
        {
            return below.open(catalog, live);
        }
        let known = self.lock().get(&id).cloned();
        // Asked before the place: then a segment is never taken for a later one than it is.
        let redaction_now = || catalog.state().home(id).map(|home| home.commit);
        let mut redaction = redaction_now();
        if let Some((_, segment)) = known.filter(|(known, _)| *known == redaction) {
            return Ok(segment);
        }
        let segment = match open_located(catalog, live) {
            // A redaction of another program may have put it elsewhere a moment ago.
            Err(error) if is_damaged(&error) => {
                catalog.refresh()?;
                let before = mem::replace(&mut redaction, redaction_now());
                if before == redaction {
                    return Err(error);
                }
                open_located(catalog, live)?
            }
            opened => opened?,
        };
        let segment = Arc::new(segment.with_cache(&self.cache));
        if let Some((_, old)) = self.lock().insert(id, (redaction, Arc::clone(&segment))) {
            old.leave_cache();
        }
        Ok(segment)
    }

    /// Forgets the segments that a state does not have, or has elsewhere. Older snapshots keep theirs,
    /// but not the blocks in memory: what was redacted or forgotten shall not stay there.
    pub(crate) fn retain(&self, state: &State) {
        let mut open = self.lock();
        if !open.is_empty() {
            let live: HashSet<SegmentId> = state.all_segments().map(|s| s.entry.id).collect();
            let redaction = |id| state.home(id).map(|home| home.commit);
            open.retain(|id, (known, segment)| {
                let is_kept = live.contains(id) && *known == redaction(*id);
                if !is_kept {
                    segment.leave_cache();
                }
                is_kept
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SegmentId, Known>> {
        // The map is whole between any two statements: a panic elsewhere does not spoil it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a segment where it is now, or else where a copy of it is.
pub(crate) fn open_located(catalog: &Catalog, live: &LiveSegment) -> Result<Segment> {
    match open_at(catalog, &catalog.locate(live)) {
        Err(error) if is_damaged(&error) => match catalog.locate_copy(live)? {
            Some(copy) => open_at(catalog, &copy),
            None => Err(error),
        },
        opened => opened,
    }
}

/// Whether the bytes are not what was written, or not there: zeros stand for what was redacted.
fn is_damaged(error: &Error) -> bool {
    matches!(error, Error::Corrupt { .. }) || is_missing(error)
}

/// Opens the segment at a place, and makes sure that it is the one that the manifest means.
pub(crate) fn open_at(catalog: &Catalog, place: &Located) -> Result<Segment> {
    catalog.verify_inline(place)?;
    let segment = Segment::open(catalog.disk().open(&place.path)?, place.offset, place.length)?;
    if place.checksum.is_some_and(|checksum| checksum != segment.checksum()) {
        return Err(segment.damage("another segment than the one that was committed".to_owned()));
    }
    Ok(segment)
}
