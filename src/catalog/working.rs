//! The writer's working catalogue: who refers to an artefact, and the logbook of loads.
//!
//! It is kept by `sled`, on no path that reads or opens a database, and never the only copy of
//! anything but the logbook: what it says of artefacts is compared with the state whenever a
//! writer opens it, and mended. If it cannot be opened, fails or panics, it is set aside as
//! `catalog.broken-N` and made anew. The logbook is lost then; commits are not, because they are
//! in the manifests.
//!
//! ```text
//! tree       key                                    value
//! about      "format"                               "1"
//! about      "commit"                               the number of the commit it reflects
//! artefacts  [class, id] as JSON                    what it refers to: a list of [class, id]
//! referrers  [class, id] and that of the referrer   [class, id] of the referrer
//! jobs       number, 20 digits                      a Job as JSON
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sled::{Db, IVec, Tree};

use crate::catalog::open::Catalog;
use crate::catalog::state::State;
use crate::disk::Disk;
use crate::error::{Error, Result};
use crate::limits::{BROKEN_CATALOGUES_MAX, JOBS_KEPT_MAX};
use crate::model::{ArtefactClass, ArtefactId};

const FORMAT: &[u8] = b"1";
/// The working catalogue is small; the default of 1 GiB is for databases that live in sled.
const CACHE_BYTES: u64 = 16 << 20;
/// How often, and how long, to wait for sled's own lock.
const LOCK_TRIES: u32 = 2_000;
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// The writer's working catalogue, open.
pub struct Working {
    path: PathBuf,
    db: Db,
    about: Tree,
    artefacts: Tree,
    referrers: Tree,
    jobs: Tree,
}

/// A load in the logbook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number, ascending.
    pub id: u64,
    /// What was loaded: the name of the file.
    pub file: String,
    /// When it began, in microseconds since 1970.
    pub started: i64,
    /// When it ended, in microseconds since 1970; absent while it runs, and if it was interrupted.
    pub finished: Option<i64>,
    /// Rows read.
    pub rows: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a load ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It has not ended.
    Running,
    /// It made a commit.
    Committed {
        /// The number of the commit.
        commit: u64,
    },
    /// All it brought was there already.
    Unchanged,
    /// It was refused or failed; nothing of it is visible.
    Failed {
        /// Why.
        reason: String,
    },
    /// The program died.
    Interrupted,
}

impl fmt::Debug for Working {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Working").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Working {
    /// Opens the working catalogue and brings it to `state`. The caller holds the writer's lock,
    /// so a job that still runs was interrupted. On a disk in memory it is a temporary one.
    pub(super) fn open(catalog: &Catalog, state: &State) -> Result<Self> {
        let path = catalog.path().join("catalog");
        let disk = &**catalog.disk();
        let open = || attempt(&path, || Self::try_open(&path, disk.is_os(), state));
        let mut opened = open();
        // The threads of a sled that was just dropped may hold its lock for a moment more. Nobody
        // else can, because the caller holds ours.
        for _ in 0..LOCK_TRIES {
            if !opened.as_ref().is_err_and(is_locked) {
                break;
            }
            thread::sleep(LOCK_PAUSE);
            opened = open();
        }
        match opened {
            Err(error) if disk.is_os() && !is_locked(&error) => {
                set_aside(disk, &path)?;
                open()
            }
            opened => opened,
        }
    }

    fn try_open(path: &Path, is_os: bool, state: &State) -> Result<Self> {
        let failed = |e| failed("open", path, e);
        let config = sled::Config::new().cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let config = if is_os { config.path(path) } else { config.temporary(true) };
        let db = config.open().map_err(failed)?;
        let tree = |name| db.open_tree(name).map_err(failed);
        let working = Self {
            path: path.to_owned(),
            about: tree("about")?,
            artefacts: tree("artefacts")?,
            referrers: tree("referrers")?,
            jobs: tree("jobs")?,
            db,
        };
        let format = working.about.get("format").map_err(failed)?;
        if format.as_deref().is_some_and(|format| format != FORMAT) {
            return Err(Error::Unsupported { what: "this format of the working catalogue".into() });
        }
        working.about.insert("format", FORMAT).map_err(failed)?;
        working.reflect(state)?;
        working.end_interrupted_jobs()?;
        working.flush()?;
        Ok(working)
    }

    /// The number of the commit whose artefacts it reflects.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn commit(&self) -> Result<u64> {
        let found = self.about.get("commit").map_err(|e| self.failed("read", e))?;
        let text = found.and_then(|found| String::from_utf8(found.to_vec()).ok());
        Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Takes over what the last commit did to artefacts. Cost: a look at every artefact.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]. The commit stands; the next writer mends the working catalogue.
    pub fn record_commit(&self, state: &State) -> Result<()> {
        attempt(&self.path, || {
            self.reflect(state)?;
            self.flush()
        })
    }

    /// Who refers to an artefact, in no particular order.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn referrers(
        &self,
        class: &ArtefactClass,
        id: &ArtefactId,
    ) -> Result<Vec<(ArtefactClass, ArtefactId)>> {
        let mut found = Vec::new();
        for pair in self.referrers.scan_prefix(json(&(class, id))?) {
            let (_, value) = pair.map_err(|e| self.failed("read", e))?;
            let referrer = serde_json::from_slice(&value);
            found.push(referrer.map_err(|e| self.failed("read", e))?);
        }
        Ok(found)
    }

    /// Writes into the logbook that a load of `file` begins at `now` (microseconds since 1970),
    /// and returns the job's number.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn job_started(&self, file: &str, now: i64) -> Result<u64> {
        attempt(&self.path, || {
            let last = self.jobs.last().map_err(|e| self.failed("read", e))?;
            let id = last.and_then(|(key, _)| job_number(&key)).unwrap_or(0) + 1;
            let file = file.to_owned();
            let outcome = Outcome::Running;
            self.put_job(&Job { id, file, started: now, finished: None, rows: 0, outcome })?;
            // Numbers are without gaps, so nobody has to count.
            let oldest = id.saturating_sub(JOBS_KEPT_MAX);
            while let Some((key, _)) = self.jobs.first().map_err(|e| self.failed("read", e))?
                && job_number(&key).is_none_or(|number| number <= oldest)
            {
                self.jobs.remove(key).map_err(|e| self.failed("write", e))?;
            }
            self.flush()?;
            Ok(id)
        })
    }

    /// Writes into the logbook how a load ended, and when (microseconds since 1970).
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::NotFound`].
    pub fn job_finished(&self, id: u64, now: i64, rows: u64, outcome: &Outcome) -> Result<()> {
        attempt(&self.path, || {
            let found = self.jobs.get(job_key(id)).map_err(|e| self.failed("read", e))?;
            let job = found.and_then(|job| serde_json::from_slice(&job).ok());
            let job: Job = job.ok_or_else(|| Error::not_found("job", id.to_string()))?;
            let outcome = outcome.clone();
            self.put_job(&Job { finished: Some(now), rows, outcome, ..job })?;
            self.flush()
        })
    }

    /// The logbook, oldest first. A page of it that cannot be read is left out.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn jobs(&self) -> Result<Vec<Job>> {
        let mut jobs = Vec::new();
        for pair in &self.jobs {
            let (_, job) = pair.map_err(|e| self.failed("read", e))?;
            jobs.extend(serde_json::from_slice::<Job>(&job).ok());
        }
        Ok(jobs)
    }

    /// Makes what it says of artefacts true of `state`, whatever it said before.
    fn reflect(&self, state: &State) -> Result<()> {
        let mut artefacts = BTreeMap::new();
        let mut referrers = BTreeMap::new();
        for artefact in state.artefacts().iter() {
            let own = json(&(artefact.class(), &artefact.identity().id))?;
            let references = artefact.references();
            for target in &references {
                let mut key = json(target)?;
                key.extend_from_slice(&own);
                referrers.insert(key, own.clone());
            }
            artefacts.insert(own, json(&references)?);
        }
        self.make(&self.artefacts, artefacts)?;
        self.make(&self.referrers, referrers)?;
        let number = state.number().to_string();
        self.about.insert("commit", number.as_bytes()).map_err(|e| self.failed("write", e))?;
        Ok(())
    }

    /// Makes `tree` hold exactly `wanted`, writing only what differs.
    fn make(&self, tree: &Tree, mut wanted: BTreeMap<Vec<u8>, Vec<u8>>) -> Result<()> {
        let mut batch = sled::Batch::default();
        for pair in tree {
            let (key, value) = pair.map_err(|e| self.failed("read", e))?;
            match wanted.remove(&*key) {
                Some(wanted) if *wanted == *value => {}
                Some(wanted) => batch.insert(key, wanted),
                None => batch.remove(key),
            }
        }
        for (key, value) in wanted {
            batch.insert(key, value);
        }
        tree.apply_batch(batch).map_err(|e| self.failed("write", e))
    }

    fn end_interrupted_jobs(&self) -> Result<()> {
        // Every one that opens ends those before it, so only the last can still run.
        for pair in self.jobs.iter().rev() {
            let (_, job) = pair.map_err(|e| self.failed("read", e))?;
            match serde_json::from_slice::<Job>(&job) {
                Ok(job) if job.outcome == Outcome::Running => {
                    self.put_job(&Job { outcome: Outcome::Interrupted, ..job })?;
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn put_job(&self, job: &Job) -> Result<()> {
        let put = self.jobs.insert(job_key(job.id), json(job)?);
        put.map(drop).map_err(|e| self.failed("write", e))
    }

    fn flush(&self) -> Result<()> {
        self.db.flush().map(drop).map_err(|e| self.failed("sync", e))
    }

    fn failed(&self, action: &'static str, error: impl Display) -> Error {
        failed(action, &self.path, error)
    }
}

fn failed(action: &'static str, path: &Path, error: impl Display) -> Error {
    Error::io(action, path, io::Error::other(error.to_string()))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::bug(format!("JSON: {e}")))
}

/// The key of a job: digits, so that keys are in the order of numbers.
fn job_key(id: u64) -> String {
    format!("{id:020}")
}

fn job_number(key: &IVec) -> Option<u64> {
    str::from_utf8(key).ok()?.parse().ok()
}

/// Does something with sled, which panics on some damage that it does not expect.
fn attempt<T>(path: &Path, action: impl FnOnce() -> Result<T>) -> Result<T> {
    let panicked = |_: Box<dyn Any + Send>| Err(failed("use", path, "it is damaged"));
    catch_unwind(AssertUnwindSafe(action)).unwrap_or_else(panicked)
}

/// Whether sled says that another sled has its files open. It says so in words only.
fn is_locked(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.to_string().contains("acquire lock"))
}

/// Renames a working catalogue that cannot be used, so that it can be looked at.
fn set_aside(disk: &dyn Disk, path: &Path) -> Result<()> {
    if !disk.exists(path)? {
        return Ok(());
    }
    for number in 1..=BROKEN_CATALOGUES_MAX {
        let aside = path.with_file_name(format!("catalog.broken-{number}"));
        if !disk.exists(&aside)? {
            return disk.rename(path, &aside);
        }
    }
    let reason = format!("there are {BROKEN_CATALOGUES_MAX} broken ones beside it; remove them");
    Err(failed("set aside", path, reason))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::catalog::Draft;
    use crate::catalog::manifest::tests::artefact;
    use crate::disk::{MemoryDisk, OsDisk};

    fn all(working: &Working) -> Vec<(IVec, IVec)> {
        let trees = [&working.artefacts, &working.referrers];
        trees.iter().flat_map(|tree| tree.iter().map(|pair| pair.expect("read"))).collect()
    }

    fn database(disk: Arc<dyn Disk>, path: &Path) -> Arc<Catalog> {
        let catalog = Catalog::create(disk, path).expect("created");
        let mut writer = catalog.begin(Duration::ZERO).expect("begun");
        let names: Vec<String> = (0..300).map(|number| format!("F{number}")).collect();
        let artefacts = names.iter().map(|name| artefact(name, "S")).collect();
        writer.commit(Draft { artefacts, ..Draft::default() }).expect("committed");
        catalog
    }

    fn begin(catalog: &Arc<Catalog>) -> Working {
        catalog.begin(Duration::ZERO).expect("begun").working().expect("opened")
    }

    #[test]
    fn knows_who_refers_and_what_was_loaded() {
        let disk = Arc::new(MemoryDisk::new());
        let catalog = database(disk, Path::new("db"));
        let mut writer = catalog.begin(Duration::ZERO).expect("begun");
        let working = writer.working().expect("opened");
        let structure = ArtefactId::new("A", "S", "1.0");
        let referrers =
            |working: &Working, class| working.referrers(&class, &structure).expect("read").len();
        assert_eq!(referrers(&working, ArtefactClass::DataStructure), 300);
        assert_eq!(referrers(&working, ArtefactClass::Codelist), 0);
        let artefacts = vec![artefact("F7", "T"), artefact("G", "S"), artefact("F8", "T")];
        let state = writer.commit(Draft { artefacts, ..Draft::default() }).expect("committed");
        working.record_commit(&state).expect("recorded");
        assert_eq!(referrers(&working, ArtefactClass::DataStructure), 299);
        assert_eq!(working.commit().expect("read"), 2);

        let first = working.job_started("a.csv", 10).expect("written");
        let second = working.job_started("b.csv", 20).expect("written");
        let outcome = Outcome::Committed { commit: 3 };
        working.job_finished(first, 15, 99, &outcome).expect("written");
        assert!(working.job_finished(77, 15, 99, &outcome).is_err());
        let jobs = working.jobs().expect("read");
        assert_eq!(jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [first, second]);
        assert_eq!((jobs[0].finished, jobs[0].rows, &jobs[0].outcome), (Some(15), 99, &outcome));
        assert_eq!((jobs[1].finished, &jobs[1].outcome), (None, &Outcome::Running));
    }

    #[test]
    fn what_is_deleted_cut_or_changed_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("db");
        let catalog = database(Arc::new(OsDisk), &path);
        let working = begin(&catalog);
        working.job_started("a.csv", 10).expect("written");
        let expected = all(&working);
        assert_eq!(expected.len(), 600);
        drop(working);
        let working = begin(&catalog);
        assert_eq!(working.jobs().expect("read")[0].outcome, Outcome::Interrupted);
        drop(working);

        let inside = path.join("catalog");
        let check = |what: &str| {
            assert_eq!(all(&begin(&catalog)), expected, "{what}");
        };
        fs::remove_dir_all(&inside).expect("removed");
        check("deleted");
        for name in ["db", "conf"] {
            let file = inside.join(name);
            let good = fs::read(&file).expect("read");
            let length = good.len();
            for cut in [0, 1, 7, length / 3, length / 2, length - 1] {
                fs::write(&file, &good[..cut.min(length)]).expect("damaged");
                check(&format!("{name} cut to {cut}"));
            }
            for at in (0..12).map(|part| part * length / 12) {
                let mut bytes = good.clone();
                bytes[at..].iter_mut().take(9).for_each(|byte| *byte ^= 0x5A);
                fs::write(&file, &bytes).expect("damaged");
                check(&format!("{name} changed at {at}"));
            }
        }
        let (snapshots, _): (Vec<_>, Vec<_>) = fs::read_dir(&inside)
            .expect("listed")
            .map(|found| found.expect("read").path())
            .partition(|path| path.display().to_string().contains("snap"));
        for snapshot in snapshots {
            fs::write(&snapshot, b"nonsense").expect("damaged");
            check("snapshot changed");
        }
        fs::remove_dir_all(&inside).expect("removed");
        fs::write(&inside, b"a file").expect("written");
        check("a file in its place");
    }

    #[test]
    fn one_that_is_still_open_is_waited_for_and_not_set_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("db");
        let catalog = database(Arc::new(OsDisk), &path);
        let first = begin(&catalog);
        first.job_started("a.csv", 1).expect("written");
        let closing = thread::spawn(move || {
            thread::sleep(3 * LOCK_PAUSE);
            drop(first);
        });
        assert_eq!(begin(&catalog).jobs().expect("read").len(), 1);
        closing.join().expect("no panic");
        assert!(!path.join("catalog.broken-1").exists());
    }

    #[test]
    fn other_commits_are_taken_over_when_it_is_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let catalog = database(Arc::new(OsDisk), &folder.path().join("db"));
        drop(begin(&catalog));
        let mut writer = catalog.begin(Duration::ZERO).expect("begun");
        let artefacts = vec![artefact("G", "S"), artefact("F7", "T")];
        writer.commit(Draft { artefacts, ..Draft::default() }).expect("committed");
        drop(writer);
        let working = begin(&catalog);
        let key = json(&(ArtefactClass::Dataflow, ArtefactId::new("A", "F7", "1.0")));
        let refers = working.artefacts.get(key.expect("made")).expect("read").expect("is there");
        assert!(str::from_utf8(&refers).expect("text").contains("\"T\""), "{refers:?}");
        assert_eq!((all(&working).len(), working.commit().expect("read")), (602, 2));
    }
}
