//! Making and changing releases. Each change is a revision, made under the writer's lock.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{FoundRelease, Release, ReleaseState, ReleaseTime, State, Writer};
use crate::error::{Error, Result};
use crate::limits::RELEASES_PENDING_MAX;
use crate::model::Zone;
use crate::store::database::Database;
use crate::store::load::{Load, LoadOptions};
use crate::store::release::calendar;
use crate::store::release::due::{Outcome, Released};

/// Who changes a release.
#[derive(Clone, Debug)]
pub struct Editor {
    /// Who.
    pub author: String,
    /// The time now, in microseconds since 1970.
    pub now: i64,
    /// How long to wait for another writer.
    pub wait: Duration,
}

impl Editor {
    /// Somebody who waits up to ten seconds for another writer.
    pub fn at(now: i64, author: impl Into<String>) -> Self {
        Self { author: author.into(), now, wait: Duration::from_secs(10) }
    }

    pub(super) fn options(&self) -> LoadOptions {
        let author = self.author.clone();
        LoadOptions { author, wait: self.wait, ..LoadOptions::at(self.now) }
    }
}

/// What a release is made of, but for its messages.
#[derive(Clone, Debug)]
pub struct NewRelease {
    /// Its name: lower-case letters, digits, `-` and `_`; never used before.
    pub name: String,
    /// What it is, for people.
    pub title: String,
    /// What else is to be said of it.
    pub notes: String,
    /// When.
    pub at: ReleaseTime,
    /// Whether the public calendar shows it at once.
    pub is_announced: bool,
}

impl ReleaseTime {
    /// The moment that a text names by the clocks of a zone: see [`Zone::moment`].
    ///
    /// # Errors
    ///
    /// Those of [`Zone::moment`].
    pub fn parse(text: &str, zone: Zone) -> Result<Self> {
        Ok(Self::of(zone.moment(text)?, zone))
    }

    /// Another moment, in the same zone.
    pub(super) fn moved_to(&self, micros: i64) -> Self {
        Self::of(micros, Zone::parse(&self.zone).unwrap_or(Zone::UTC))
    }

    /// A moment, in microseconds since 1970, by the clocks of a zone.
    pub fn of(micros: i64, zone: Zone) -> Self {
        Self { micros, zone: zone.name().to_owned(), local: zone.write(micros) }
    }
}

impl Database {
    /// All releases, by name: for those who may see them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn releases(&self) -> Result<Vec<FoundRelease>> {
        self.catalog().releases()
    }

    /// The release of this name: for those who may see it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Corrupt`] if it is damaged; [`Error::Io`].
    pub fn release(&self, name: &str) -> Result<Arc<Release>> {
        let all = self.releases()?;
        match all.into_iter().find(|found| found.name() == name) {
            Some(FoundRelease::Good(release)) => Ok(release),
            Some(FoundRelease::Damaged { error, .. }) => Err(error),
            None => Err(Error::not_found("release", name)),
        }
    }

    /// Makes a release without messages.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if its name was ever used; [`Error::Invalid`] for a name that cannot be
    /// and a time that is over; [`Error::Io`].
    pub fn create_release(&self, new: NewRelease, by: &Editor) -> Result<Arc<Release>> {
        let mut writer = self.catalog().begin(by.wait)?;
        let all = self.releases()?;
        let is_taken = all.iter().any(|found| found.name() == new.name);
        if is_taken || published(writer.state(), &new.name).is_some() {
            let reason = "the name was used before; take another".to_owned();
            return Err(Error::Conflict { kind: "release", id: new.name, reason });
        }
        let is_pending = |found: &&FoundRelease| match found {
            FoundRelease::Good(release) => release.state == ReleaseState::Pending,
            FoundRelease::Damaged { .. } => true,
        };
        let pending = all.iter().filter(is_pending).count() as u64;
        if pending >= RELEASES_PENDING_MAX {
            let (actual, limit) = (pending + 1, RELEASES_PENDING_MAX);
            return Err(Error::Limit { what: "number of pending releases", actual, limit });
        }
        check_time(&new.name, &new.at, by)?;
        let release = Release {
            name: new.name,
            revision: 1,
            title: new.title,
            notes: new.notes,
            at: new.at,
            is_announced: new.is_announced,
            base: None,
            messages: Vec::new(),
            last_message: 0,
            flows: Vec::new(),
            state: ReleaseState::Pending,
            refused: None,
            author: by.author.clone(),
            changed: by.now,
        };
        writer.publish_release(&release)?;
        drop(writer);
        self.tell_calendar(&release, by)?;
        Ok(Arc::new(release))
    }

    /// Gives a pending release another time.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Invalid`] if it is not pending or the time is over;
    /// [`Error::Io`].
    pub fn move_release(&self, name: &str, at: ReleaseTime, by: &Editor) -> Result<Arc<Release>> {
        check_time(name, &at, by)?;
        self.change_release(name, by, |release| {
            release.at = at;
            release.refused = None;
        })
    }

    /// Shows a pending release in the public calendar: its name, title, notes and time, nothing of
    /// its messages.
    ///
    /// # Errors
    ///
    /// As [`Database::move_release`].
    pub fn announce_release(&self, name: &str, by: &Editor) -> Result<Arc<Release>> {
        self.change_release(name, by, |release| release.is_announced = true)
    }

    /// Gives up a pending release. Its messages are removed.
    ///
    /// # Errors
    ///
    /// As [`Database::move_release`].
    pub fn cancel_release(&self, name: &str, by: &Editor) -> Result<Arc<Release>> {
        self.change_release(name, by, |release| {
            release.state = ReleaseState::Cancelled;
            release.messages.clear();
        })
    }

    /// Makes a pending release public at once, whatever its time was.
    ///
    /// # Errors
    ///
    /// As [`Database::move_release`], and those of [`Database::release_due`].
    pub fn release_now(&self, name: &str, by: &Editor) -> Result<Released> {
        let released = self.release_due(by.now)?;
        if let Some(done) = released.into_iter().find(|done| done.name == name) {
            return Ok(done);
        }
        // One that would be refused keeps its time.
        let tried = self.check_release(name)?;
        if !tried.conflicts.is_empty() {
            let outcome = Outcome::of_conflicts(&tried.conflicts);
            return Ok(Released { name: name.to_owned(), outcome });
        }
        self.change_release(name, by, |release| {
            release.at = release.at.moved_to(by.now);
            release.refused = None;
        })?;
        let released = self.release_due(by.now)?;
        if let Some(done) = released.into_iter().find(|done| done.name == name) {
            return Ok(done);
        }
        // Another program was faster, or is at work.
        let outcome = match self.release(name)?.state {
            ReleaseState::Released { commit } => Outcome::Published { commit },
            ReleaseState::Pending | ReleaseState::Cancelled => {
                let reason = "another load is running; it is published behind that".to_owned();
                Outcome::Refused { reason }
            }
        };
        Ok(Released { name: name.to_owned(), outcome })
    }

    /// Makes the next revision of a pending release.
    pub(super) fn change_release(
        &self,
        name: &str,
        by: &Editor,
        change: impl FnOnce(&mut Release),
    ) -> Result<Arc<Release>> {
        let mut writer = self.catalog().begin(by.wait)?;
        let mut release = Release::clone(&*self.pending(&writer, name)?);
        change(&mut release);
        publish(&mut writer, &mut release, by)?;
        drop(writer);
        self.tell_calendar(&release, by)?;
        Ok(Arc::new(release))
    }

    /// The release of this name, if it may still be changed.
    pub(super) fn pending(&self, writer: &Writer, name: &str) -> Result<Arc<Release>> {
        let release = self.release(name)?;
        let is_published = published(writer.state(), name).is_some();
        if release.state != ReleaseState::Pending || is_published {
            let reason = match release.state {
                ReleaseState::Cancelled => "it was cancelled",
                ReleaseState::Pending | ReleaseState::Released { .. } => "it was published",
            };
            return Err(Error::invalid(format!("release {name}"), reason));
        }
        Ok(release)
    }

    /// Makes the public calendar say what it should of a release; a commit, if it does not. What a
    /// crash leaves out, the next change of the release adds, or its publication.
    fn tell_calendar(&self, release: &Release, by: &Editor) -> Result<()> {
        let settings = calendar::settings(release);
        let snapshot = self.snapshot()?;
        let is_said = |(name, value): (&String, &Option<String>)| {
            snapshot.state().setting(name) == value.as_deref()
        };
        if settings.iter().all(is_said) {
            return Ok(());
        }
        let message = "calendar of releases".to_owned();
        let options = LoadOptions { message, settings, ..by.options() };
        Load::begin(self, options)?.commit().map(drop)
    }
}

/// Publishes the next revision.
pub(super) fn publish(writer: &mut Writer, release: &mut Release, by: &Editor) -> Result<()> {
    release.revision += 1;
    release.author.clone_from(&by.author);
    release.changed = by.now;
    writer.publish_release(release)
}

/// The commit that a release became.
pub(super) fn published(state: &State, name: &str) -> Option<u64> {
    let mut commits = state.commits().rev();
    commits.find(|record| record.release.as_deref() == Some(name)).map(|record| record.number)
}

fn check_time(name: &str, at: &ReleaseTime, by: &Editor) -> Result<()> {
    if at.micros > by.now {
        return Ok(());
    }
    let reason = format!("{} is over; to publish at once, say so (release now)", at.local);
    Err(Error::invalid(format!("release {name}"), reason))
}
