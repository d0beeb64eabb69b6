//! The state as a pending release would make it, for those who may see it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::ReleaseState;
use crate::error::{Error, Result};
use crate::limits::PREVIEWS_KEPT_MAX;
use crate::store::database::Database;
use crate::store::load::LoadOptions;
use crate::store::release::check::read_messages;
use crate::store::snapshot::Snapshot;

/// The previews that were asked for last, the newest last.
#[derive(Debug, Default)]
pub(in crate::store) struct Previews {
    kept: Mutex<VecDeque<Preview>>,
}

/// What a preview is of.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Of {
    release: String,
    revision: u64,
    commit: u64,
}

#[derive(Debug)]
struct Preview {
    of: Of,
    snapshot: Arc<Snapshot>,
}

impl Previews {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Preview>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, of: &Of) -> Option<Arc<Snapshot>> {
        self.lock().iter().find(|kept| kept.of == *of).map(|kept| Arc::clone(&kept.snapshot))
    }

    fn keep(&self, of: Of, snapshot: &Arc<Snapshot>) {
        let mut kept = self.lock();
        kept.retain(|known| known.of.release != of.release);
        if kept.len() >= PREVIEWS_KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(Preview { of, snapshot: Arc::clone(snapshot) });
    }
}

impl Database {
    /// The present state with a pending release: a draft that nobody else sees. The caller has
    /// made sure that the reader may see it. The last few are kept.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if no such release is pending; those of [`crate::store::Load::message`]
    /// if it no longer fits what is there; [`Error::Limit`] if it has more rows than a draft holds.
    pub fn preview(&self, name: &str) -> Result<Arc<Snapshot>> {
        let release = self.release(name)?;
        if release.state != ReleaseState::Pending {
            return Err(Error::not_found("pending release", name));
        }
        let base = self.snapshot()?;
        let (revision, commit) = (release.revision, base.number());
        let of = Of { release: name.to_owned(), revision, commit };
        if let Some(kept) = self.previews().get(&of) {
            return Ok(kept);
        }
        let mut draft = self.draft(&base, LoadOptions::at(release.at.micros))?;
        read_messages(self.catalog(), &release, &mut draft)?;
        let snapshot = draft.prepare()?.snapshot()?;
        self.previews().keep(of, &snapshot);
        Ok(snapshot)
    }
}
