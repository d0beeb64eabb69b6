//! What all requests share.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::model::Artefacts;
use crate::rest::failure::Failure;
use crate::rest::languages;
use crate::rest::metrics::{Metrics, Now};
use crate::rest::options::RestOptions;
use crate::store::Database;

/// The server: the database, its limits and its counts.
pub(super) struct Server {
    /// The database.
    pub(super) database: Database,
    /// How it behaves.
    pub(super) options: RestOptions,
    /// What it counts.
    pub(super) metrics: Arc<Metrics>,
    answers: Arc<Semaphore>,
    described: Mutex<Option<Described>>,
}

/// What answers need to know of all artefacts, found once for each state of them.
#[derive(Clone)]
pub(super) struct Described {
    artefacts: Arc<Artefacts>,
    /// Equal for equal artefacts, and for no others.
    pub(super) tag: u64,
    /// The languages of their names.
    pub(super) languages: Arc<BTreeSet<String>>,
}

impl Server {
    /// A server that has not answered yet.
    pub(super) fn new(database: Database, options: RestOptions) -> Self {
        let places = options.answers_max.min(Semaphore::MAX_PERMITS);
        Self {
            database,
            options,
            metrics: Arc::default(),
            answers: Arc::new(Semaphore::new(places)),
            described: Mutex::default(),
        }
    }

    /// A place among the running answers, free again when it is dropped.
    ///
    /// # Errors
    ///
    /// A failure that names the limit, if none gets free in time.
    pub(super) async fn place(&self) -> Result<OwnedSemaphorePermit, Failure> {
        let place = Arc::clone(&self.answers).acquire_owned();
        if let Ok(Ok(place)) = timeout(self.options.answer_wait, place).await {
            return Ok(place);
        }
        let limit = self.options.answers_max;
        let detail = format!(
            "all {limit} answers that may run at once are running; ask again in a moment, or let \
             the operator raise the limit (--http-answers)"
        );
        let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        Err(Failure { retry_after: Some(2), ..failure })
    }

    /// What is to know of the artefacts of a snapshot.
    pub(super) fn describe(&self, artefacts: &Arc<Artefacts>) -> Described {
        let lock = || self.described.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().as_ref().filter(|d| Arc::ptr_eq(&d.artefacts, artefacts)) {
            return known.clone();
        }
        // Not under the lock: whoever comes meanwhile does the same, and nobody waits.
        let mut hasher = Hashed(DefaultHasher::new());
        // Writing to a hasher does not fail, and artefacts are made to be serialised.
        drop(serde_json::to_writer(&mut hasher, &**artefacts));
        let described = Described {
            artefacts: Arc::clone(artefacts),
            tag: hasher.0.finish(),
            languages: Arc::new(languages::known(artefacts)),
        };
        *lock() = Some(described.clone());
        described
    }

    /// The counts as text.
    pub(super) fn metrics_text(&self) -> String {
        let limit = self.options.answers_max.min(Semaphore::MAX_PERMITS);
        self.metrics.text(&Now {
            running: limit.saturating_sub(self.answers.available_permits()),
            running_max: limit,
            snapshot: self.database.snapshot().ok().map(|snapshot| snapshot.number()),
            memory: self.options.memory.as_ref(),
        })
    }

    /// Tells the operator of a failure, where there is something to tell.
    pub(super) fn report(&self, failure: &Failure) {
        if let Some(report) = &failure.report {
            (self.options.report)(report);
        }
    }
}

/// A writer that keeps nothing but a hash.
struct Hashed(DefaultHasher);

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
