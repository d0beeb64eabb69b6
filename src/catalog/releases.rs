//! The files of releases: what is to be published at a moment that is yet to come.
//!
//! ```text
//! DB/releases/{name}.{number, 10}.message      a message, as a zstd frame
//! DB/releases/{name}.{revision, 10}.pending    a release as it stands: all but its messages
//! DB/releases/{name}.{revision, 10}.released   the same, once it was published
//! DB/releases/{name}.{revision, 10}.cancelled  the same, given up
//! ```
//!
//! A release is nowhere else: not in commits, not in checkpoints, not in the working catalogue. So
//! nothing that is read through a [`State`](crate::catalog::State) can know of it.
//!
//! A change of a release is a new revision, published like a commit: its messages are durable before
//! it names them, and it appears at once under the next number. The newest revision counts; if that
//! one is damaged the release is, and nothing is done for it, since an older one may say another
//! time. What the newest revision does not need is removed behind it.
//!
//! **Invariant:** only who holds the writer's lock changes these files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::clean::is_temporary;
use crate::catalog::commit::Writer;
use crate::catalog::container::{self, Container, Content, PartKind};
use crate::catalog::open::Catalog;
use crate::catalog::release_messages::ReleaseMessage;
use crate::disk::{Linked, is_missing};
use crate::error::{Error, Result};
use crate::limits::{RELEASE_BYTES_MAX, RELEASE_MESSAGES_MAX, RELEASE_NAME_BYTES_MAX};
use crate::model::ArtefactId;

/// How often a reader begins anew because a writer was at work.
const RELISTINGS_MAX: u32 = 100;

/// A set of messages that become visible together, at a moment that is yet to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Its name: lower-case letters, digits, `-` and `_`.
    pub name: String,
    /// How often it was changed, from 1.
    pub revision: u64,
    /// What it is, for people.
    pub title: String,
    /// What else is to be said of it.
    pub notes: String,
    /// When.
    pub at: ReleaseTime,
    /// Whether the public calendar shows it.
    pub is_announced: bool,
    /// The commit that its first message was checked against; absent before.
    pub base: Option<u64>,
    /// Its messages, in their order.
    pub messages: Vec<ReleaseMessage>,
    /// The last number that a message was given; none is given twice.
    pub last_message: u64,
    /// The dataflows that its messages touch.
    pub flows: Vec<ArtefactId>,
    /// What became of it.
    pub state: ReleaseState,
    /// Why it was not published at its time; it stays so until it is changed.
    pub refused: Option<String>,
    /// Who changed it last.
    pub author: String,
    /// When, in microseconds since 1970.
    pub changed: i64,
}

/// The moment of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseTime {
    /// In microseconds since 1970.
    pub micros: i64,
    /// The zone it was said in.
    pub zone: String,
    /// By the clocks of that zone, with their offset, when it was said.
    pub local: String,
}

/// What became of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReleaseState {
    /// Its time is yet to come, or it was refused.
    Pending,
    /// It was published.
    Released {
        /// The commit; absent if everything was there already.
        commit: Option<u64>,
    },
    /// It was given up.
    Cancelled,
}

impl ReleaseState {
    /// The ending of the file's name.
    fn ending(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Released { .. } => "released",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ReleaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Released { commit: Some(commit) } => write!(f, "released as commit {commit}"),
            Self::Released { commit: None } => {
                f.write_str("released; everything was there already")
            }
            Self::Pending | Self::Cancelled => f.write_str(self.ending()),
        }
    }
}

/// A release as it was found.
#[derive(Debug)]
pub enum FoundRelease {
    /// Its newest revision.
    Good(Arc<Release>),
    /// Its newest revision cannot be read.
    Damaged {
        /// Its name.
        name: String,
        /// What is wrong.
        error: Error,
    },
}

impl FoundRelease {
    /// The name of the release.
    pub fn name(&self) -> &str {
        match self {
            Self::Good(release) => &release.name,
            Self::Damaged { name, .. } => name,
        }
    }
}

/// Whether a text may be the name of a release: it names files too.
pub fn is_release_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inside = |byte: u8| plain(byte) || byte == b'-' || byte == b'_';
    name.len() <= RELEASE_NAME_BYTES_MAX
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(inside)
}

/// What a file in the folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileKind {
    Message,
    Revision,
}

/// The release, the number and the kind of a file.
fn parse_file_name(file: &str) -> Option<(&str, u64, FileKind)> {
    let mut parts = file.split('.');
    let (name, digits, ending) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = match ending {
        "message" => FileKind::Message,
        "pending" | "released" | "cancelled" => FileKind::Revision,
        _ => return None,
    };
    let number: u64 = digits.parse().ok()?;
    let is_own = parts.next().is_none() && format!("{number:010}") == digits;
    (is_own && is_release_name(name)).then_some((name, number, kind))
}

pub(super) fn folder(database: &Path) -> PathBuf {
    database.join("releases")
}

fn revision_name(release: &Release) -> String {
    format!("{}.{:010}.{}", release.name, release.revision, release.state.ending())
}

impl Release {
    fn encode(&self) -> Result<Vec<u8>> {
        let header = container::pack(self)?;
        let parts = [(PartKind::Header, header.as_slice())];
        let (bytes, _) = container::encode(Content::Release, self.revision, &parts)?;
        if bytes.len() as u64 > RELEASE_BYTES_MAX {
            let (actual, limit) = (bytes.len() as u64, RELEASE_BYTES_MAX);
            return Err(Error::Limit { what: "size of a release", actual, limit });
        }
        Ok(bytes)
    }

    fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let container = Container::decode(path, Content::Release, bytes)?;
        let release: Option<Self> = container.unpack(PartKind::Header)?;
        let bad = |reason| container.bad(PartKind::Header, reason);
        let release = release.ok_or_else(|| bad("there is none"))?;
        let file = path.file_name().and_then(|name| name.to_str());
        if release.revision != container.number || file != Some(&revision_name(&release)) {
            return Err(bad("it is of another release"));
        }
        Ok(release)
    }
}

/// The files of the folder that are revisions: of each release the newest, by its name.
fn newest(files: &[String]) -> BTreeMap<&str, (u64, &str)> {
    let mut newest = BTreeMap::new();
    for file in files {
        if let Some((name, number, FileKind::Revision)) = parse_file_name(file) {
            let known = newest.entry(name).or_insert((number, file.as_str()));
            *known = (*known).max((number, file.as_str()));
        }
    }
    newest
}

impl Catalog {
    /// The names of the files of releases, sorted; none if there never was a release. Equal lists
    /// mean that nothing changed. Cost: a listing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn release_files(&self) -> Result<Vec<String>> {
        match self.disk.list(&folder(&self.path)) {
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            names => names,
        }
    }

    /// All releases, by name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]. A damaged file is no error.
    pub fn releases(&self) -> Result<Vec<FoundRelease>> {
        self.read_releases(|_| true).map(|(_, found)| found)
    }

    /// The pending releases, by name, and the files that were there. Cost: a listing, and a small
    /// file for each.
    ///
    /// # Errors
    ///
    /// As [`Catalog::releases`].
    pub fn pending_releases(&self) -> Result<(Vec<String>, Vec<FoundRelease>)> {
        self.read_releases(|file| file.ends_with(".pending"))
    }

    fn read_releases(
        &self,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<(Vec<String>, Vec<FoundRelease>)> {
        let mut tries = 0;
        loop {
            let files = self.release_files()?;
            let newest = newest(&files);
            let wanted = newest.iter().filter(|(_, (_, file))| is_wanted(file));
            let found = wanted.map(|(name, (_, file))| self.read_release(name, file)).collect();
            tries += 1;
            match found {
                // A writer removed it behind a newer one, after it was listed.
                Err(error) if is_missing(&error) && tries < RELISTINGS_MAX => {}
                found => return found.map(|found: Vec<FoundRelease>| (files, found)),
            }
        }
    }

    fn read_release(&self, name: &str, file: &str) -> Result<FoundRelease> {
        let path = folder(&self.path).join(file);
        let read = self.disk.read(&path, RELEASE_BYTES_MAX);
        let read = read.and_then(|bytes| Release::decode(&path, &bytes));
        match read {
            Ok(release) => Ok(FoundRelease::Good(Arc::new(release))),
            Err(error @ Error::Io { .. }) => Err(error),
            Err(error) => Ok(FoundRelease::Damaged { name: name.to_owned(), error }),
        }
    }

    /// Reads every file of releases, and returns all that is wrong with them.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the folder cannot be listed.
    pub fn check_releases(&self) -> Result<Vec<Error>> {
        let mut wrong = Vec::new();
        for found in self.releases()? {
            match found {
                FoundRelease::Damaged { error, .. } => wrong.push(error),
                FoundRelease::Good(release) if release.state == ReleaseState::Pending => {
                    let opened = release.messages.iter();
                    let opened = opened.map(|m| self.open_release_message(&release.name, m));
                    wrong.extend(opened.filter_map(Result::err));
                }
                FoundRelease::Good(_) => {}
            }
        }
        Ok(wrong)
    }
}

impl Writer {
    /// Publishes the next revision of a release, and removes what is needed no more. Durable and
    /// visible once this returns; after an error, either revision may be the newest.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a name that cannot be; [`Error::Conflict`] if it is not the next
    /// revision; [`Error::Limit`]; [`Error::Io`].
    pub fn publish_release(&mut self, release: &Release) -> Result<()> {
        let catalog = Arc::clone(self.catalog());
        check(release)?;
        catalog.make_releases_folder()?;
        let files = catalog.release_files()?;
        let last = newest(&files).get(release.name.as_str()).map_or(0, |(revision, _)| *revision);
        if release.revision != last + 1 {
            let reason = "it was changed meanwhile; look again".to_owned();
            return Err(Error::Conflict { kind: "release", id: release.name.clone(), reason });
        }
        // What it names must not be lost where it is kept.
        catalog.poisoning(catalog.disk.sync_folder(&folder(catalog.path())))?;
        let path = folder(catalog.path()).join(revision_name(release));
        if catalog.publish(&path, &release.encode()?)? == Linked::Exists {
            let reason = "another writer changed it first; look again".to_owned();
            return Err(Error::Conflict { kind: "release", id: release.name.clone(), reason });
        }
        catalog.clean_releases(release)
    }
}

fn check(release: &Release) -> Result<()> {
    if !is_release_name(&release.name) {
        let reason = format!(
            "cannot be the name of a release: write lower-case letters, digits, - and _, at most \
             {RELEASE_NAME_BYTES_MAX}"
        );
        return Err(Error::invalid(format!("{:?}", release.name), reason));
    }
    if release.messages.len() > RELEASE_MESSAGES_MAX {
        let (actual, limit) = (release.messages.len() as u64, RELEASE_MESSAGES_MAX as u64);
        return Err(Error::Limit { what: "number of messages of a release", actual, limit });
    }
    Ok(())
}

impl Catalog {
    pub(super) fn make_releases_folder(&self) -> Result<()> {
        let folder = folder(&self.path);
        if !self.disk.exists(&folder)? {
            self.disk.create_folder(&folder)?;
            self.poisoning(self.disk.sync_folder(&self.path))?;
        }
        Ok(())
    }

    /// Removes what no newest revision needs, `changed` being that of its release, and
    /// what writers that died have left. The caller holds the lock.
    pub(super) fn clean_releases(&self, changed: &Release) -> Result<()> {
        let folder = folder(&self.path);
        let files = self.release_files()?;
        let newest = newest(&files);
        let is_needed = |file: &String| {
            let Some((name, number, kind)) = parse_file_name(file) else {
                return !is_temporary(file);
            };
            let Some((revision, newest)) = newest.get(name) else { return false };
            match kind {
                FileKind::Revision => number == *revision,
                FileKind::Message if name == changed.name => {
                    let is_named = changed.messages.iter().any(|m| m.number == number);
                    is_named && changed.state == ReleaseState::Pending
                }
                FileKind::Message => newest.ends_with(".pending"),
            }
        };
        let mut removed = false;
        for file in files.iter().filter(|file| !is_needed(file)) {
            self.remove_if_there(&folder.join(file))?;
            removed = true;
        }
        // What was given up must not come back when the power fails.
        if removed { self.poisoning(self.disk.sync_folder(&folder)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::time::Duration;

    use super::*;
    use crate::disk::{Crash, Disk, MemoryDisk};

    const FOLDER: &str = "db";

    fn open(disk: &MemoryDisk) -> Result<Arc<Catalog>> {
        Catalog::open(Arc::new(disk.clone()), FOLDER)
    }

    fn release(name: &str) -> Release {
        let at = ReleaseTime { micros: 60_000_000, zone: "UTC".into(), local: String::new() };
        Release {
            name: name.into(),
            revision: 1,
            title: String::new(),
            notes: String::new(),
            at,
            is_announced: false,
            base: None,
            messages: Vec::new(),
            last_message: 0,
            flows: Vec::new(),
            state: ReleaseState::Pending,
            refused: None,
            author: String::new(),
            changed: 0,
        }
    }

    fn content(number: u64) -> Vec<u8> {
        let line = |at| format!("a line of message {number}, and its number {at}\n");
        (0..20_000).map(line).collect::<String>().into_bytes()
    }

    /// One change of the workload: a message more, or the end.
    fn step(catalog: &Arc<Catalog>, last: Option<&Release>) -> Result<Release> {
        let mut writer = catalog.begin(Duration::ZERO)?;
        let mut next = last.cloned().unwrap_or_else(|| release("gdp"));
        next.revision = last.map_or(1, |last| last.revision + 1);
        if next.revision < 5 {
            let number = next.revision;
            let bytes = content(number);
            let message = ReleaseMessage { number, ..ReleaseMessage::default() };
            let written = writer.write_release_message("gdp", message, &mut bytes.as_slice());
            next.messages.push(written?);
        } else {
            next.state = ReleaseState::Cancelled;
        }
        writer.publish_release(&next)?;
        Ok(next)
    }

    fn found(catalog: &Catalog) -> Option<Arc<Release>> {
        let all = catalog.releases().expect("listed");
        assert!(all.len() <= 1);
        all.into_iter().next().map(|found| match found {
            FoundRelease::Good(release) => release,
            FoundRelease::Damaged { error, .. } => panic!("{error}"),
        })
    }

    fn check_messages(catalog: &Catalog, release: &Release) {
        for message in &release.messages {
            let mut bytes = Vec::new();
            let mut input = catalog.open_release_message("gdp", message).expect("good");
            input.read_to_end(&mut bytes).expect("read");
            assert_eq!(bytes, content(message.number));
        }
    }

    #[test]
    fn every_crash_keeps_what_was_promised() {
        let disk = MemoryDisk::traced();
        let catalog = Catalog::create(Arc::new(disk.clone()), FOLDER).expect("created");
        let created = disk.trace().len();
        let mut done: Vec<(Release, usize)> = Vec::new();
        for _ in 0..5 {
            let next = step(&catalog, done.last().map(|(release, _)| release)).expect("changed");
            done.push((next, disk.trace().len()));
        }
        let mut modes = vec![Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
        modes.extend((0..6).map(Crash::Random));
        for at in created..=disk.trace().len() {
            let promised = done.iter().filter(|(_, end)| *end <= at).count();
            for mode in &modes {
                let left = disk.crash(at, *mode);
                let catalog = open(&left).expect("opened");
                let last = found(&catalog);
                let revision = last.as_ref().map_or(0, |last| last.revision);
                let expected = promised..=promised + 1;
                assert!(expected.contains(&usize::try_from(revision).unwrap()), "{at} {mode:?}");
                if let Some(last) = last.as_deref() {
                    assert_eq!(*last, done[usize::try_from(revision).unwrap() - 1].0);
                    if last.state == ReleaseState::Pending {
                        check_messages(&catalog, last);
                    }
                }
                if revision < 5 {
                    let next = step(&catalog, last.as_deref()).expect("goes on");
                    assert_eq!(next, done[usize::try_from(revision).unwrap()].0);
                }
                let files = catalog.release_files().expect("listed");
                assert!(!files.iter().any(|file| is_temporary(file)) || revision == 5);
            }
        }
        assert_eq!(catalog.release_files().expect("listed"), ["gdp.0000000005.cancelled"]);
    }

    #[test]
    fn every_failure_leaves_one_revision_or_the_next() {
        for at in 0.. {
            let disk = MemoryDisk::traced();
            let catalog = Catalog::create(Arc::new(disk.clone()), FOLDER).expect("created");
            let before = disk.operations();
            disk.fail_at(before + at);
            let mut last: Option<Release> = None;
            let mut failed = false;
            for _ in 0..5 {
                let Ok(next) = step(&catalog, last.as_ref()) else {
                    failed = true;
                    break;
                };
                last = Some(next);
            }
            disk.repair();
            let reached = last.as_ref().map_or(0, |last| last.revision);
            let catalog = open(&disk).expect("opened");
            let shown = found(&catalog);
            let revision = shown.as_ref().map_or(0, |found| found.revision);
            assert!((reached..=reached + 1).contains(&revision), "{at}");
            if revision < 5 {
                step(&catalog, shown.as_deref()).expect("goes on");
            }
            if !failed {
                break;
            }
        }
    }

    #[test]
    fn damage_is_seen_and_never_falls_back_to_an_older_time() {
        let disk = MemoryDisk::new();
        let catalog = Catalog::create(Arc::new(disk.clone()), FOLDER).expect("created");
        let first = step(&catalog, None).expect("made");
        let path = Path::new("db/releases/gdp.0000000001.pending");
        let length = disk.len(path).expect("there");
        for offset in 0..length {
            disk.flip(path, offset, 1).expect("there");
            let all = catalog.releases().expect("listed");
            assert!(matches!(&all[..], [FoundRelease::Damaged { name, .. }] if name == "gdp"));
            disk.flip(path, offset, 1).expect("there");
        }
        let message = Path::new("db/releases/gdp.0000000001.message");
        for offset in (0..disk.len(message).expect("there")).step_by(97) {
            disk.flip(message, offset, 4).expect("there");
            let opened = catalog.open_release_message("gdp", &first.messages[0]);
            assert!(matches!(opened.err(), Some(Error::Corrupt { .. })), "{offset}");
            assert_eq!(catalog.check_releases().expect("listed").len(), 1);
            disk.flip(message, offset, 4).expect("there");
        }
        assert!(catalog.check_releases().expect("listed").is_empty());
        check_messages(&catalog, &first);
    }

    #[test]
    fn names_are_plain_and_revisions_follow_each_other() {
        for name in ["", "Q3", "-x", "a.b", "../x", "a/b", "é", &"x".repeat(65)] {
            assert!(!is_release_name(name), "{name}");
        }
        assert!(is_release_name("q3-2026_final") && is_release_name(&"x".repeat(64)));
        let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
        let catalog = Catalog::create(disk, FOLDER).expect("created");
        let mut writer = catalog.begin(Duration::ZERO).expect("begun");
        writer.publish_release(&release("a")).expect("first");
        let again = writer.publish_release(&release("a")).expect_err("the same revision");
        assert!(matches!(again, Error::Conflict { kind: "release", .. }), "{again}");
        assert!(writer.publish_release(&release("B")).is_err());
    }
}
