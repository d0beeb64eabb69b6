//! What a release would do if it were published now.

use std::sync::Arc;

use crate::catalog::{Catalog, Release, ReleaseMessage, Writer};
use crate::error::{Error, Result};
use crate::model::ArtefactId;
use crate::store::database::Database;
use crate::store::load::{Load, LoadOptions, Message, Prepared};
use crate::store::release::conflicts::{Conflicts, conflicts};
use crate::store::release::edit::{Editor, publish};
use crate::store::snapshot::Snapshot;

/// What a release would do if it were published now.
pub struct Added {
    /// The release.
    pub release: Arc<Release>,
    /// A load of all its messages on top of the present state: a draft, to be looked at.
    pub prepared: Prepared,
    /// What of it was corrected since the first message was added.
    pub conflicts: Conflicts,
}

impl Database {
    /// Adds messages to a pending release, behind those it has. All of them together are tried out
    /// on the present state first: if they cannot be loaded, nothing is added.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Invalid`] if it is not pending; those of [`Load::message`];
    /// [`Error::Limit`] if there are more rows than a draft can hold; [`Error::Io`].
    pub fn add_to_release(&self, name: &str, messages: Vec<Message>, by: &Editor) -> Result<Added> {
        let mut writer = self.catalog().begin(by.wait)?;
        let known = self.pending(&writer, name)?;
        let mut release = Release::clone(&known);
        let written = write_messages(&mut writer, &mut release, messages);
        let tried = match written.and_then(|()| self.try_release(&release)) {
            Ok(tried) => tried,
            Err(error) => {
                // Nothing of what was refused stays on disk.
                writer.discard_release_messages(&known)?;
                return Err(error);
            }
        };
        let Trial { prepared, conflicts } = tried;
        release.flows = flows(&prepared);
        release.base = release.base.or(Some(prepared.base().number()));
        release.refused = None;
        publish(&mut writer, &mut release, by)?;
        Ok(Added { release: Arc::new(release), prepared, conflicts })
    }

    /// What a pending release would do now, and what of it was corrected meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`Database::add_to_release`].
    pub fn check_release(&self, name: &str) -> Result<Added> {
        let release = self.release(name)?;
        let Trial { prepared, conflicts } = self.try_release(&release)?;
        Ok(Added { release, prepared, conflicts })
    }

    /// Accepts the corrections that were made since the release was begun: it will be published on
    /// top of them, and if its time is over, from now on. Returns what it would do, and the
    /// conflicts as they were.
    ///
    /// # Errors
    ///
    /// Those of [`Database::add_to_release`].
    pub fn rebase_release(&self, name: &str, by: &Editor) -> Result<Added> {
        let mut writer = self.catalog().begin(by.wait)?;
        let mut release = Release::clone(&*self.pending(&writer, name)?);
        let Trial { prepared, conflicts } = self.try_release(&release)?;
        release.base = Some(prepared.base().number());
        release.flows = flows(&prepared);
        release.refused = None;
        if release.at.micros <= by.now {
            // Whoever asks what was public at its time must get what was.
            release.at = release.at.moved_to(by.now);
        }
        publish(&mut writer, &mut release, by)?;
        Ok(Added { release: Arc::new(release), prepared, conflicts })
    }

    /// The pending releases that would undo what was corrected, among those that touch one of these
    /// dataflows: for whoever just changed them. Cost: a draft of each release that touches one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]. A release that can no longer be loaded is left out: it will say so itself.
    pub fn conflicting_releases(&self, flows: &[ArtefactId]) -> Result<Vec<(String, Conflicts)>> {
        let mut found = Vec::new();
        for release in self.pending_releases().refresh(self)? {
            if !release.flows.iter().any(|flow| flows.contains(flow)) {
                continue;
            }
            match self.try_release(&release) {
                Ok(tried) if tried.conflicts.is_empty() => {}
                Ok(tried) => found.push((release.name.clone(), tried.conflicts)),
                Err(error @ Error::Io { .. }) => return Err(error),
                Err(_) => {}
            }
        }
        Ok(found)
    }

    fn try_release(&self, release: &Release) -> Result<Trial> {
        let before = self.snapshot()?;
        let mut draft = self.draft(&before, LoadOptions::at(release.at.micros))?;
        read_messages(self.catalog(), release, &mut draft)?;
        let prepared = draft.prepare()?;
        let after = prepared.snapshot()?;
        let conflicts = self.conflicts_of(release, &before, &after)?;
        Ok(Trial { prepared, conflicts })
    }

    /// What a release, which makes `after` of `before`, would undo.
    pub(super) fn conflicts_of(
        &self,
        release: &Release,
        before: &Arc<Snapshot>,
        after: &Arc<Snapshot>,
    ) -> Result<Conflicts> {
        match release.base {
            None => Ok(Conflicts::default()),
            Some(base) if base == before.number() => Ok(Conflicts::default()),
            Some(0) => conflicts(&self.empty(), before, after),
            Some(base) => match self.snapshot_at(base) {
                Ok(base) => conflicts(&base, before, after),
                Err(Error::NotFound { .. }) => Ok(Conflicts::of_forgotten(base)),
                Err(error) => Err(error),
            },
        }
    }
}

/// A release on top of the present state.
struct Trial {
    prepared: Prepared,
    conflicts: Conflicts,
}

/// The dataflows that rows came for, whether these change anything or not.
fn flows(prepared: &Prepared) -> Vec<ArtefactId> {
    prepared.report().flows.iter().map(|(flow, _)| flow.clone()).collect()
}

/// Writes messages beside those that a release has, and lists them in it.
fn write_messages(
    writer: &mut Writer,
    release: &mut Release,
    messages: Vec<Message>,
) -> Result<()> {
    for message in messages {
        release.last_message += 1;
        let entry = ReleaseMessage {
            number: release.last_message,
            name: message.name.clone(),
            is_structure: message.is_structure(),
            dataflow: message.dataflow.clone(),
            ..ReleaseMessage::default()
        };
        let mut bytes = message.into_bytes();
        let written = writer.write_release_message(&release.name, entry, &mut bytes)?;
        release.messages.push(written);
    }
    Ok(())
}

/// Reads all messages of a release into a load: structures first, then data in their order.
pub(super) fn read_messages(catalog: &Catalog, release: &Release, load: &mut Load) -> Result<()> {
    let (structures, data): (Vec<_>, Vec<_>) =
        release.messages.iter().partition(|message| message.is_structure);
    for stored in structures.into_iter().chain(data) {
        let plain = catalog.open_release_message(&release.name, stored)?;
        let mut message = Message::open(plain, &stored.name)?;
        message.dataflow.clone_from(&stored.dataflow);
        load.message(message)?;
    }
    Ok(())
}
