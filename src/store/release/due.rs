//! The moment of a release.
//!
//! Whoever notices that a release is due, and can take the writer's lock, publishes it: a command
//! that only reads, a server, a load. If another holds the lock, that one has it to do: a load does
//! it between two rows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::catalog::{FoundRelease, Release, ReleaseState, Source, Writer};
use crate::error::{Error, Result};
use crate::limits::RELEASE_WAIT;
use crate::model::ArtefactId;
use crate::store::database::Database;
use crate::store::load::{Load, LoadOptions};
use crate::store::release::calendar;
use crate::store::release::check::read_messages;
use crate::store::release::conflicts::Conflicts;
use crate::store::release::edit::{Editor, publish, published};

/// The pending releases, as they were found in these files.
#[derive(Debug, Default)]
pub(in crate::store) struct PendingReleases {
    known: Mutex<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    files: Vec<String>,
    pending: Vec<Arc<Release>>,
}

/// A release whose moment has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a release at its moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is public. Without a commit, everything was there already.
    Published {
        /// The commit.
        commit: Option<u64>,
    },
    /// It stays pending until somebody changes it.
    Refused {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// Refused, because it would undo corrections.
    pub(super) fn of_conflicts(conflicts: &Conflicts) -> Self {
        let reason = format!("{conflicts}; look at it, then rebase it (release rebase)");
        Self::Refused { reason }
    }
}

impl PendingReleases {
    /// Those that can be read. Cost: a listing if nothing changed.
    pub(super) fn refresh(&self, database: &Database) -> Result<Vec<Arc<Release>>> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let files = database.catalog().release_files()?;
        let known = lock().clone();
        if known.files == files {
            return Ok(known.pending);
        }
        let (files, found) = database.catalog().pending_releases()?;
        let count = found.len();
        let good = |found| match found {
            FoundRelease::Good(release) => Some(release),
            FoundRelease::Damaged { .. } => None,
        };
        let pending: Vec<Arc<Release>> = found.into_iter().filter_map(good).collect();
        if pending.len() == count {
            *lock() = Known { files, pending: pending.clone() };
        }
        Ok(pending)
    }
}

impl Database {
    /// When the next pending release is due, in microseconds since 1970; one that was refused is
    /// not waited for. Cost: a listing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn next_release(&self) -> Result<Option<i64>> {
        let pending = self.pending_releases().refresh(self)?;
        let waiting = pending.iter().filter(|release| release.refused.is_none());
        Ok(waiting.map(|release| release.at.micros).min())
    }

    /// Publishes every release that is due at `now` (microseconds since 1970), the oldest first,
    /// each as one commit that is effective from its time. Any program may call it at any time; a
    /// release is published once. If another writer keeps the lock, the rest is left to it.
    ///
    /// A release that cannot be published, because it does not fit what is now there or would undo
    /// a later correction, stays pending with the reason.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], also for a disk that is full; then nothing has changed, and it is tried again
    /// the next time. Those of [`crate::catalog::Catalog::begin`] but for the lock.
    pub fn release_due(&self, now: i64) -> Result<Vec<Released>> {
        let mut done = Vec::new();
        let moment = Moment { now, between: None };
        for release in self.due(now)? {
            match self.publish_due(&release, &moment) {
                Ok(outcome) => done.extend(
                    outcome.map(|outcome| Released { name: release.name.clone(), outcome }),
                ),
                Err(Error::Conflict { kind: "lock", .. }) => return Ok(done),
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// Publishes what is due at `now`, and has data alone, of dataflows that `may_change`, by the
    /// right of a writer that goes on afterwards. A release that does not fit, and all after it,
    /// wait until that writer is done. Says whether something was published.
    pub(in crate::store) fn release_between(
        &self,
        writer: &Writer,
        now: i64,
        may_change: &dyn Fn(&ArtefactId) -> bool,
    ) -> Result<bool> {
        let mut is_changed = false;
        let moment = Moment { now, between: Some(writer) };
        for release in self.due(now)? {
            let has_structures = release.messages.iter().any(|message| message.is_structure);
            let fits = !has_structures && release.flows.iter().all(may_change);
            if !fits || self.publish_due(&release, &moment)?.is_none() {
                break;
            }
            is_changed = true;
        }
        Ok(is_changed)
    }

    /// The releases that are due at `now`, the oldest first. Cost: a listing.
    fn due(&self, now: i64) -> Result<Vec<Arc<Release>>> {
        let mut due = self.pending_releases().refresh(self)?;
        due.retain(|release| is_due(release, now));
        due.sort_by(|a, b| (a.at.micros, &a.name).cmp(&(b.at.micros, &b.name)));
        Ok(due)
    }

    /// Publishes one release, if it is still due once the lock is held.
    fn publish_due(&self, seen: &Release, moment: &Moment<'_>) -> Result<Option<Outcome>> {
        let now = moment.now;
        let load = match moment.between {
            None => Load::begin(self, options(seen, now))?,
            Some(writer) => Load::between(self, writer, options(seen, now))?,
        };
        let release = self.release(&seen.name)?;
        if !is_due(&release, now) || release.revision != seen.revision {
            return Ok(None);
        }
        let before = self.snapshot()?;
        if let Some(commit) = published(before.state(), &release.name) {
            // Who published it did not live to note it.
            drop(load);
            let outcome = Outcome::Published { commit: Some(commit) };
            self.note(&release, &outcome, moment)?;
            return Ok(Some(outcome));
        }
        let outcome = match self.load_due(load, &release) {
            Ok(outcome) => outcome,
            Err(error) if is_passing(&error) => return Err(error),
            Err(error) => Outcome::Refused { reason: error.to_string() },
        };
        if matches!(outcome, Outcome::Refused { .. }) && moment.between.is_some() {
            // It may fit once the writer that goes on afterwards has committed.
            return Ok(None);
        }
        self.note(&release, &outcome, moment)?;
        Ok(Some(outcome))
    }

    /// Loads a release, and commits unless it would undo a correction.
    fn load_due(&self, mut load: Load, release: &Release) -> Result<Outcome> {
        read_messages(self.catalog(), release, &mut load)?;
        let prepared = load.prepare()?;
        let conflicts = self.conflicts_of(release, prepared.base(), &prepared.snapshot()?)?;
        if !conflicts.is_empty() {
            return Ok(Outcome::of_conflicts(&conflicts));
        }
        Ok(Outcome::Published { commit: prepared.commit()?.commit })
    }

    /// Notes what became of a release.
    fn note(&self, seen: &Release, outcome: &Outcome, moment: &Moment<'_>) -> Result<()> {
        let mut writer = match moment.between {
            None => self.catalog().begin(RELEASE_WAIT)?,
            Some(writer) => writer.between()?,
        };
        let mut release = Release::clone(&*self.release(&seen.name)?);
        if release.revision != seen.revision {
            return Ok(());
        }
        match outcome {
            Outcome::Published { commit } => {
                release.state = ReleaseState::Released { commit: *commit };
            }
            Outcome::Refused { reason } => release.refused = Some(reason.clone()),
        }
        let author = release.author.clone();
        let by = Editor { author, now: moment.now, wait: Duration::ZERO };
        publish(&mut writer, &mut release, &by)
    }
}

/// When, and by whose right, releases are published.
struct Moment<'a> {
    /// In microseconds since 1970.
    now: i64,
    /// The writer that goes on afterwards; absent where the lock is taken for this alone.
    between: Option<&'a Writer>,
}

fn is_due(release: &Release, now: i64) -> bool {
    let is_open = release.state == ReleaseState::Pending && release.refused.is_none();
    is_open && release.at.micros <= now
}

/// Whether the same may succeed at another time, without a change of the release.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Io { .. } | Error::Bug { .. } => true,
        Error::Conflict { kind, .. } => *kind == "lock" || *kind == "commit",
        Error::Syntax { .. }
        | Error::Invalid { .. }
        | Error::Rows { .. }
        | Error::NotFound { .. }
        | Error::Limit { .. }
        | Error::Unsupported { .. }
        | Error::Corrupt { .. } => false,
    }
}

/// How a release is loaded at its moment.
fn options(release: &Release, now: i64) -> LoadOptions {
    let names: Vec<&str> = release.messages.iter().map(|m| m.name.as_str()).collect();
    let bytes = release.messages.iter().map(|message| message.bytes).sum();
    let checksum = match &release.messages[..] {
        [only] => Some(only.checksum),
        _ => None,
    };
    let source = Source { name: names.join(", "), bytes, checksum, sha256: Vec::new() };
    LoadOptions {
        author: release.author.clone(),
        message: release.title.clone(),
        source: Some(source).filter(|source| source.bytes > 0),
        effective: Some(release.at.micros),
        release: Some(release.name.clone()),
        settings: calendar::settings_of_released(release),
        wait: RELEASE_WAIT,
        ..LoadOptions::at(now)
    }
}
