//! One immutable state of the database.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hashbrown::HashMap;

use crate::catalog::{Catalog, CommitRecord, FlowEntry, KnownFlow, LiveSegment, SqlNames, State};
use crate::error::{Error, Result};
use crate::model::{ArtefactId, Artefacts, Flow};
use crate::store::cube::Cube;
use crate::store::part::Part;
use crate::store::pool::Pool;

/// A dataflow as the catalogue lists it.
#[derive(Clone, Debug)]
pub struct FlowState {
    /// The dataflow with its structure.
    pub flow: Arc<Flow>,
    /// Its names in SQL.
    pub names: SqlNames,
    /// When it was last changed, in microseconds since 1970.
    pub updated: i64,
    /// When something that is stored of it last became other bytes for readers: changed, or was
    /// redacted. What caches have from before is not to be used.
    pub stale_before: i64,
}

/// One immutable state of the database: what one statement reads. Cheap to keep.
#[derive(Debug)]
pub struct Snapshot {
    catalog: Arc<Catalog>,
    pool: Arc<Pool>,
    state: Arc<State>,
    flows: OnceLock<Vec<FlowState>>,
    cubes: Mutex<HashMap<ArtefactId, Arc<Cube>>>,
}

impl Snapshot {
    pub(crate) fn new(catalog: Arc<Catalog>, pool: Arc<Pool>, state: Arc<State>) -> Self {
        let (flows, cubes) = (OnceLock::new(), Mutex::default());
        Self { catalog, pool, state, flows, cubes }
    }

    /// A state on top of this one that is not committed; `pool` has its segments.
    pub(crate) fn successor(&self, pool: Arc<Pool>, state: Arc<State>) -> Self {
        let next = Self::new(Arc::clone(&self.catalog), pool, state);
        next.inherit(self);
        next
    }

    /// The open segments.
    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Takes over what the snapshot before knew, where nothing of it changed.
    pub(crate) fn inherit(&self, before: &Self) {
        if !Arc::ptr_eq(self.state.artefacts(), before.state.artefacts())
            || !Arc::ptr_eq(self.state.relocated(), before.state.relocated())
        {
            return;
        }
        let before = before.cubes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cubes = self.cubes.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, cube) in before.iter() {
            let ids = cube.parts().iter().map(Part::id);
            let same_segments = self.state.segments(id).map(|s| s.entry.id).eq(ids);
            let live = self.state.segments(id);
            let all_full = live
                .zip(cube.parts())
                .all(|(s, part)| s.chunks.is_none() && s.partials.is_none() && part.is_full());
            if same_segments && all_full {
                cubes.insert(id.clone(), Arc::clone(cube));
            }
        }
    }

    /// The number of the last commit.
    pub fn number(&self) -> u64 {
        self.state.number()
    }

    /// The catalogue's state.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// All structures.
    pub fn artefacts(&self) -> &Arc<Artefacts> {
        self.state.artefacts()
    }

    /// Every dataflow, by identifier. Resolved when first asked for.
    pub fn flows(&self) -> &[FlowState] {
        self.flows.get_or_init(|| {
            // A redaction changes the answers of earlier states too.
            let newest = self.catalog.state();
            let resolve = |known: &KnownFlow| {
                // References were checked when the structure was loaded.
                let flow = Flow::resolve(&known.entry.id, self.artefacts()).ok()?;
                let (names, updated) = (known.entry.names.clone(), known.updated);
                let redacted = newest.flow(&known.entry.id).and_then(|newest| newest.redacted);
                let stale_before = redacted.map_or(updated, |redacted| redacted.max(updated));
                Some(FlowState { flow: Arc::new(flow), names, updated, stale_before })
            };
            self.state.flows().filter_map(resolve).collect()
        })
    }

    /// Commits, oldest first.
    pub fn commits(&self) -> impl DoubleEndedIterator<Item = &CommitRecord> {
        self.state.commits()
    }

    /// Opens a dataflow for reading, unless it is open.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such dataflow; [`Error::Corrupt`] and [`Error::Io`] if a
    /// segment cannot be opened.
    pub fn cube(&self, id: &ArtefactId) -> Result<Arc<Cube>> {
        let known = self.lock().get(id).cloned();
        if let Some(cube) = known {
            return Ok(cube);
        }
        let entry = self.state.flow(id);
        let entry = entry.ok_or_else(|| Error::not_found("dataflow", id.to_string()))?;
        let flow = self.flow(id)?;
        let cube = self.cube_of(flow, &entry.entry, self.state.segments(id).map(|live| &**live))?;
        Ok(Arc::clone(self.lock().entry(id.clone()).or_insert(Arc::new(cube))))
    }

    /// A dataflow with its structure.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such dataflow.
    pub(super) fn flow(&self, id: &ArtefactId) -> Result<Arc<Flow>> {
        match self.flows.get().and_then(|all| all.iter().find(|f| f.flow.id == *id)) {
            Some(known) => Ok(Arc::clone(&known.flow)),
            None => Ok(Arc::new(Flow::resolve(id, self.artefacts())?)),
        }
    }

    /// A cube of these segments, with what is live of them.
    pub(super) fn cube_of<'a>(
        &self,
        flow: Arc<Flow>,
        entry: &Arc<FlowEntry>,
        segments: impl IntoIterator<Item = &'a LiveSegment>,
    ) -> Result<Cube> {
        let mut parts = Vec::new();
        for live in segments {
            let segment = self.pool.open(&self.catalog, live)?;
            let (chunks, partials) = (live.chunks.clone(), live.partials.clone());
            parts.push(Part::new(live.entry.id, segment, chunks, partials)?);
        }
        Cube::new(flow, Arc::clone(entry), parts)
    }

    /// The state after an earlier commit; the empty one before the first, and where it was
    /// forgotten.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] and [`Error::Io`].
    pub(super) fn earlier(self: &Arc<Self>, number: u64) -> Result<Arc<Self>> {
        if number == self.number() {
            return Ok(Arc::clone(self));
        }
        let state = match self.catalog.state_at(number) {
            Err(Error::NotFound { .. }) => Arc::default(),
            state => state?,
        };
        Ok(self.with_state(state))
    }

    /// Another state of the same database.
    pub(super) fn with_state(&self, state: Arc<State>) -> Arc<Self> {
        Arc::new(Self::new(Arc::clone(&self.catalog), Arc::clone(&self.pool), state))
    }

    /// The catalogue that it is a state of.
    pub(super) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ArtefactId, Arc<Cube>>> {
        self.cubes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
