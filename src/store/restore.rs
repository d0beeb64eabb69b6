//! Brings a backup back: copies it, proves it, and only then gives it the name of a database.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::{Catalog, Health};
use crate::disk::{Disk, DiskFile};
use crate::error::{Error, Result};
use crate::limits::BACKUP_PIECE_BYTES;
use crate::store::archive::ArchiveReader;
use crate::store::backup::{FOLDERS, partial_path};
use crate::store::check::CheckReport;
use crate::store::database::Database;

/// What was brought back.
#[derive(Debug)]
pub struct RestoreReport {
    /// The last commit.
    pub commit: u64,
    /// Files.
    pub files: u64,
    /// What the check of everything found: no problem.
    pub check: CheckReport,
}

impl Database {
    /// Brings back the backup that is a folder. Nothing is shared with it.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if there is something at `target`; [`Error::NotFound`] if `source` is no
    /// backup; [`Error::Corrupt`] with the first problem, if the backup is damaged: then what was
    /// copied stays as `target.partial`, to be looked at; [`Error::Io`].
    pub fn restore(
        disk: &Arc<dyn Disk>,
        source: &Path,
        target: &Path,
        progress: impl FnMut(u64, u64),
    ) -> Result<RestoreReport> {
        if !disk.exists(&source.join("commits"))? {
            return Err(Error::not_found("backup", source.display().to_string()));
        }
        let partial = begin(&**disk, target)?;
        let mut files = 0;
        for folder in FOLDERS {
            let from = source.join(folder);
            if !disk.exists(&from)? {
                continue;
            }
            for name in disk.list(&from)? {
                let mut offset = 0;
                let file: Arc<dyn DiskFile> = disk.open(&from.join(&name))?;
                copy(&**disk, &partial.join(folder).join(name), |buffer| {
                    let left = usize::try_from(file.len() - offset).unwrap_or(usize::MAX);
                    let wanted = left.min(buffer.len());
                    file.read_at(offset, &mut buffer[..wanted])?;
                    offset += wanted as u64;
                    Ok(wanted)
                })?;
                files += 1;
            }
        }
        finish(disk, target, files, progress)
    }

    /// Brings back the backup that is an archive.
    ///
    /// # Errors
    ///
    /// As [`Database::restore`].
    pub fn restore_from(
        disk: &Arc<dyn Disk>,
        source: impl Read,
        target: &Path,
        progress: impl FnMut(u64, u64),
    ) -> Result<RestoreReport> {
        let partial = begin(&**disk, target)?;
        let mut archive = ArchiveReader::new(source);
        let mut files = 0;
        while let Some((name, _)) = archive.next()? {
            let parts = name.split_once('/').filter(|(folder, name)| {
                FOLDERS.contains(folder) && !name.is_empty() && !name.contains(['/', '\\', ':'])
            });
            let Some((folder, name)) = parts.filter(|(_, name)| *name != "." && *name != "..")
            else {
                let reason = format!("{name} is no file of a backup");
                return Err(Error::corrupt("the archive", 0, reason));
            };
            copy(&**disk, &partial.join(folder).join(name), |buffer| archive.read(buffer))?;
            files += 1;
        }
        finish(disk, target, files, progress)
    }
}

/// Makes the folders.
fn begin(disk: &dyn Disk, target: &Path) -> Result<PathBuf> {
    let partial = partial_path(target);
    for path in [target, &partial] {
        if disk.exists(path)? {
            let reason = "is there; choose another name, or remove it".to_owned();
            let id = path.display().to_string();
            return Err(Error::Conflict { kind: "database", id, reason });
        }
    }
    disk.create_folder(&partial)?;
    for folder in FOLDERS {
        disk.create_folder(&partial.join(folder))?;
    }
    Ok(partial)
}

/// Writes a file of what `read` gives, durably.
fn copy(
    disk: &dyn Disk,
    to: &Path,
    mut read: impl FnMut(&mut [u8]) -> Result<usize>,
) -> Result<()> {
    let mut writer = disk.create(to)?;
    let mut buffer = vec![0; BACKUP_PIECE_BYTES];
    loop {
        let count = read(&mut buffer)?;
        if count == 0 {
            return writer.sync();
        }
        writer.write(&buffer[..count])?;
    }
}

/// Checks everything, and gives it its name.
fn finish(
    disk: &Arc<dyn Disk>,
    target: &Path,
    files: u64,
    progress: impl FnMut(u64, u64),
) -> Result<RestoreReport> {
    let partial = partial_path(target);
    FOLDERS.iter().try_for_each(|folder| disk.sync_folder(&partial.join(folder)))?;
    disk.sync_folder(&partial)?;
    let database = Database::of(Catalog::open(Arc::clone(disk), &partial)?);
    if let Health::ReadOnly { reason } = database.health() {
        return Err(Error::corrupt(partial, 0, reason));
    }
    let mut check = database.check(progress)?;
    if !check.problems.is_empty() {
        return Err(check.problems.swap_remove(0));
    }
    let commit = database.catalog().state().number();
    drop(database);
    disk.rename(&partial, target)?;
    disk.sync_folder(target.parent().unwrap_or(Path::new("")))?;
    Ok(RestoreReport { commit, files, check })
}
