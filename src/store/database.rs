//! The database: a folder, opened by any number of programs at once.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{Catalog, Health};
use crate::disk::{Disk, OsDisk};
use crate::error::{Error, Result};
use crate::store::load::{Load, LoadOptions};
use crate::store::pool::Pool;
use crate::store::release::{PendingReleases, Previews};
use crate::store::snapshot::Snapshot;

/// An open database. Clones share everything; readers in other threads and programs go on while
/// one writes.
#[derive(Clone, Debug)]
pub struct Database {
    catalog: Arc<Catalog>,
    pool: Arc<Pool>,
    current: Arc<Mutex<Arc<Snapshot>>>,
    releases: Arc<Releases>,
}

/// What is known of releases that are yet to come.
#[derive(Debug, Default)]
struct Releases {
    pending: PendingReleases,
    previews: Previews,
}

impl Database {
    /// Opens the database in a folder.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is none; [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::of(Catalog::open(Arc::new(OsDisk), path.as_ref())?))
    }

    /// Opens the database in a folder, or makes an empty one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_or_create_on(Arc::new(OsDisk), path)
    }

    /// The same on any disk, such as one in memory.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn open_or_create_on(disk: Arc<dyn Disk>, path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match Catalog::open(Arc::clone(&disk), path) {
            Err(Error::NotFound { .. }) => Ok(Self::of(Catalog::create(disk, path)?)),
            opened => Ok(Self::of(opened?)),
        }
    }

    pub(super) fn of(catalog: Arc<Catalog>) -> Self {
        let pool = Arc::new(Pool::default());
        let state = catalog.state();
        let snapshot = Snapshot::new(Arc::clone(&catalog), Arc::clone(&pool), state);
        let current = Arc::new(Mutex::new(Arc::new(snapshot)));
        Self { catalog, pool, current, releases: Arc::default() }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.catalog.path()
    }

    /// The catalogue.
    pub fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Whether the database may be written, and if not why.
    pub fn health(&self) -> Health {
        self.catalog.health()
    }

    /// The last state, commits of other programs included.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn snapshot(&self) -> Result<Arc<Snapshot>> {
        let state = self.catalog.refresh()?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if state.number() != current.number() {
            self.pool.retain(&state);
            let (catalog, pool) = (Arc::clone(&self.catalog), Arc::clone(&self.pool));
            let next = Snapshot::new(catalog, pool, state);
            next.inherit(&current);
            *current = Arc::new(next);
        }
        Ok(Arc::clone(&current))
    }

    /// The state after an earlier commit.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such commit.
    pub fn snapshot_at(&self, number: u64) -> Result<Arc<Snapshot>> {
        let state = self.catalog.state_at(number)?;
        let (catalog, pool) = (Arc::clone(&self.catalog), Arc::clone(&self.pool));
        Ok(Arc::new(Snapshot::new(catalog, pool, state)))
    }

    /// The state that was in force at a time (microseconds since 1970), by the times from when
    /// commits are effective.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no commit was effective then, or it was forgotten.
    pub fn snapshot_as_of(&self, time: i64) -> Result<Arc<Snapshot>> {
        let last = self.snapshot()?;
        match last.state().commit_at(time).map(|record| record.number) {
            Some(number) if number == last.number() => Ok(last),
            Some(number) => self.snapshot_at(number),
            None => Err(Error::not_found("state", "before the first commit")),
        }
    }

    /// Begins a load on top of a state that can only be looked at: it takes no lock, keeps
    /// everything in memory, and is never committed. The base may be a draft itself.
    ///
    /// # Errors
    ///
    /// None yet.
    pub fn draft(&self, base: &Arc<Snapshot>, options: LoadOptions) -> Result<Load> {
        Load::draft(base, options)
    }

    /// Begins a load: it becomes visible as a whole when it is committed, and leaves no trace when
    /// it is dropped. Releases that are due are published before.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if another writer keeps the lock; those of
    /// [`Database::release_due`].
    pub fn begin_load(&self, options: LoadOptions) -> Result<Load> {
        self.release_due(options.now)?;
        Load::begin(self, options)
    }

    /// The state before the first commit.
    pub(super) fn empty(&self) -> Arc<Snapshot> {
        let (catalog, pool) = (Arc::clone(&self.catalog), Arc::clone(&self.pool));
        Arc::new(Snapshot::new(catalog, pool, Arc::default()))
    }

    pub(super) fn pending_releases(&self) -> &PendingReleases {
        &self.releases.pending
    }

    pub(super) fn previews(&self) -> &Previews {
        &self.releases.previews
    }
}
