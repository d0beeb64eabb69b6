//! Backups: the files of one state and of all before it, while writers and compaction go on.
//!
//! Files are never changed once they have their name, but removed by forgetting and replaced by
//! redaction. So a backup first gives all of them second names in a folder of its own, which takes
//! a moment and holds nobody up. If one is removed meanwhile, it begins anew.
//!
//! Releases come first: one that is published between the two listings is pending in the backup,
//! and its commit, if the backup has it, says that it was made.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::{Catalog, Health, SegmentId, State};
use crate::disk::{Disk, DiskFile, Linked, is_missing};
use crate::error::{Error, Result};
use crate::limits::{BACKUP_PIECE_BYTES, BACKUP_TRIES_MAX};
use crate::store::archive::ArchiveWriter;
use crate::store::database::Database;

/// The folders of a database that a backup has, in the order in which it makes them: the last is
/// the one that makes it a database.
pub(super) const FOLDERS: [&str; 3] = ["releases", "segments", "commits"];

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// The last commit.
    pub commit: u64,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that share their bytes with the database, as second names.
    pub linked: u64,
}

/// What a backup is to have.
struct Contents {
    state: Arc<State>,
    /// Folder and name.
    files: Vec<(&'static str, String)>,
}

impl Database {
    /// Makes a folder that is a database with the last state and all before it. Where the disk can,
    /// files are second names of those of the database, and take no space of their own.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if there is something at `target`; [`Error::Io`].
    pub fn backup(
        &self,
        target: &Path,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport> {
        let disk = &**self.catalog().disk();
        let partial = partial_path(target);
        for path in [target, &partial] {
            if disk.exists(path)? {
                let reason = "is there; choose another name".to_owned();
                let id = path.display().to_string();
                return Err(Error::Conflict { kind: "backup", id, reason });
            }
        }
        let above = partial.parent().unwrap_or(Path::new(""));
        disk.create_folder(&partial)?;
        let report = self.gather(&partial, &mut progress)?;
        let copy = Catalog::open(Arc::clone(self.catalog().disk()), &partial)?;
        if copy.state().number() != report.commit || copy.health() != Health::Good {
            let reason = format!("the backup shows another state: {}", copy.health());
            return Err(Error::corrupt(partial, 0, reason));
        }
        disk.rename(&partial, target)?;
        disk.sync_folder(above)?;
        Ok(report)
    }

    /// Writes the last state and all before it as a `tar` archive.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if another backup is being made; [`Error::Io`].
    pub fn backup_to(
        &self,
        out: impl Write,
        mut progress: impl FnMut(u64, u64),
    ) -> Result<BackupReport> {
        let (disk, path) = (&**self.catalog().disk(), self.path());
        let Some(_lock) = disk.lock(&path.join("backup.lock"))? else {
            let id = path.display().to_string();
            let reason = "another backup is being made; wait until it is done".to_owned();
            return Err(Error::Conflict { kind: "backup of", id, reason });
        };
        let staging = path.join("backup");
        disk.create_folder(&staging)?;
        empty(disk, &staging)?;
        let report = self.gather(&staging, &mut |_, _| {})?;
        let mut archive = ArchiveWriter::new(out);
        let mut done = 0;
        for folder in FOLDERS {
            for name in disk.list(&staging.join(folder))? {
                let from = staging.join(folder).join(&name);
                let file = disk.open(&from)?;
                archive.file(&format!("{folder}/{name}"), file.len(), |out| {
                    pieces(&*file, |piece| {
                        let written = out.write_all(piece);
                        written.map_err(|error| Error::io("write", "the archive", error))?;
                        done += piece.len() as u64;
                        progress(done, report.bytes);
                        Ok(())
                    })
                })?;
            }
        }
        archive.finish()?;
        empty(disk, &staging)?;
        Ok(report)
    }

    /// Gives all files names in the folder `target`, or copies them there.
    fn gather(&self, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<BackupReport> {
        let disk = &**self.catalog().disk();
        let mut tries = 0;
        loop {
            let contents = self.contents()?;
            match self.gather_once(&contents, target, progress) {
                Err(error) if is_missing(&error) && tries < BACKUP_TRIES_MAX => {
                    tries += 1;
                    empty(disk, target)?;
                }
                gathered => return gathered,
            }
        }
    }

    fn gather_once(
        &self,
        contents: &Contents,
        target: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<BackupReport> {
        let disk = &**self.catalog().disk();
        for folder in FOLDERS {
            disk.create_folder(&target.join(folder))?;
        }
        let number = contents.state.number();
        let mut report = BackupReport { commit: number, ..BackupReport::default() };
        let lengths = contents.files.iter().map(|(folder, name)| {
            let length = disk.len(&self.path().join(folder).join(name));
            length.map(|length| (folder, name, length))
        });
        let files = lengths.collect::<Result<Vec<_>>>()?;
        let total = files.iter().map(|(.., length)| length).sum();
        for (folder, name, length) in files {
            let (from, to) = (self.path().join(folder).join(name), target.join(folder).join(name));
            report.linked += u64::from(link_or_copy(disk, &from, &to)?);
            report.files += 1;
            report.bytes += length;
            progress(report.bytes, total);
        }
        FOLDERS.iter().try_for_each(|folder| disk.sync_folder(&target.join(folder)))?;
        disk.sync_folder(target)?;
        Ok(report)
    }

    fn contents(&self) -> Result<Contents> {
        let catalog = self.catalog();
        let releases = catalog.release_files()?;
        let mut files: Vec<_> = releases.into_iter().map(|name| ("releases", name)).collect();
        let state = catalog.refresh()?;
        let disk = catalog.disk();
        for name in disk.list(&self.path().join("commits"))? {
            let number = name.split_once('.').and_then(|(number, _)| number.parse::<u64>().ok());
            let is_numbered = number.is_some_and(|number| number <= state.number());
            let is_temporary = Path::new(&name).extension().is_some_and(|kind| kind == "tmp");
            // The mark of redactions is not taken: the next writer looks for itself.
            if is_numbered && !is_temporary || name == "forgotten" {
                files.push(("commits", name));
            }
        }
        for name in disk.list(&catalog.segments_folder())? {
            let is_of_state = |(id, redaction): (SegmentId, Option<u64>)| {
                id < state.next_segment() && redaction <= Some(state.number())
            };
            if SegmentId::of_file(&name).is_some_and(is_of_state) {
                files.push(("segments", name));
            }
        }
        Ok(Contents { state, files })
    }
}

/// The name that a folder has until it is whole.
pub(super) fn partial_path(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!("{name}.partial"))
}

/// Gives a file a second name, or copies it where the disk cannot; true for a second name.
fn link_or_copy(disk: &dyn Disk, from: &Path, to: &Path) -> Result<bool> {
    match disk.link(from, to) {
        Ok(Linked::Done) => return Ok(true),
        Ok(Linked::Exists) => {
            let (kind, id) = ("backup", to.display().to_string());
            return Err(Error::Conflict { kind, id, reason: "is there".into() });
        }
        Err(error) if is_missing(&error) => return Err(error),
        // Another file system, or one without second names.
        Err(_) => {}
    }
    let file = disk.open(from)?;
    let mut writer = disk.create(to)?;
    pieces(&*file, |piece| writer.write(piece))?;
    writer.sync()?;
    Ok(false)
}

/// Reads a file from its beginning to its end.
fn pieces(file: &dyn DiskFile, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut buffer = vec![0; BACKUP_PIECE_BYTES];
    let mut offset = 0;
    while offset < file.len() {
        let wanted = usize::try_from(file.len() - offset).unwrap_or(usize::MAX);
        let piece = &mut buffer[..wanted.min(BACKUP_PIECE_BYTES)];
        file.read_at(offset, piece)?;
        take(piece)?;
        offset += piece.len() as u64;
    }
    Ok(())
}

/// Removes the files of a backup that was not finished.
fn empty(disk: &dyn Disk, target: &Path) -> Result<()> {
    for folder in FOLDERS.map(|folder| target.join(folder)) {
        if disk.exists(&folder)? {
            for name in disk.list(&folder)? {
                disk.remove(&folder.join(name))?;
            }
        }
    }
    Ok(())
}
