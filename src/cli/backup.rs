//! `sdmxdb backup` and `sdmxdb restore`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;

use crate::cli::{check, progress, words};
use crate::disk::{Disk, OsDisk};
use crate::error::{Error, Result};
use crate::store::{BackupReport, Database};

/// Bytes that are gathered before the system is called.
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Args, Debug)]
#[command(after_help = "\
A backup has the last commit, all before it that can be read, and what is pending; loads and queries
go on meanwhile. A folder is a database by itself, and shares its files with the first one where the
disk can (the same file system): that takes a moment and no space, but a bad spot on the drive is
then in both. A name that ends with .tar, or `-`, gives an archive, for another drive.
Backups have what was in the database: keep them as it is kept. What is redacted later stays in them.
Examples:
  sdmxdb backup stats /mnt/backup/stats-2026-01-31.tar
  sdmxdb backup stats stats-before-migration
  sdmxdb backup stats - | zstd > stats.tar.zst")]
pub(super) struct Backup {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// A folder to be made, a file to be written whose name ends with .tar, or `-`
    pub(super) target: PathBuf,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Copies the backup, checks every byte of it as `sdmxdb check` does, and only then gives it the name of
the database. If anything is wrong, what was copied stays as DATABASE.partial, to be looked at.
Examples:
  sdmxdb restore /mnt/backup/stats-2026-01-31.tar stats
  zstd -dc stats.tar.zst | sdmxdb restore - stats")]
pub(super) struct Restore {
    /// The backup: a folder, an archive, or `-`
    pub(super) source: PathBuf,
    /// The folder of the database, which must not be there
    pub(super) database: PathBuf,
}

pub(super) fn run(arguments: &Backup) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    let target = arguments.target.as_path();
    let bar = progress::bytes("backup", 0);
    let tell = watch(&bar);
    let report = if target == Path::new("-") {
        database.backup_to(io::stdout().lock(), tell)?
    } else if is_archive(target) {
        write_archive(&database, target, tell)?
    } else {
        database.backup(target, tell)?
    };
    bar.finish_and_clear();
    // Standard output may be the archive.
    let mut out = io::stderr();
    let files = words::plural(report.files, "file");
    let shared = if report.linked == report.files && !is_archive(target) {
        ", which share their bytes with the database until one of the two removes them"
    } else {
        ""
    };
    let bytes = words::bytes(report.bytes);
    let line = format!("commit {} and all before it: {files}, {bytes}{shared}", report.commit);
    writeln!(out, "{line}").map_err(|e| Error::io("write", "standard error", e))?;
    Ok(ExitCode::SUCCESS)
}

fn watch(bar: &ProgressBar) -> impl FnMut(u64, u64) + '_ {
    |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}

fn is_archive(target: &Path) -> bool {
    target == Path::new("-") || target.extension().is_some_and(|extension| extension == "tar")
}

/// Writes an archive that has its name only when it is whole.
fn write_archive(
    database: &Database,
    target: &Path,
    tell: impl FnMut(u64, u64),
) -> Result<BackupReport> {
    if target.exists() {
        let reason = "is there; choose another name".to_owned();
        let id = target.display().to_string();
        return Err(Error::Conflict { kind: "backup", id, reason });
    }
    let partial = target.with_extension("tar.partial");
    let file = File::create(&partial).map_err(|e| Error::io("create", &partial, e))?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    let report = database.backup_to(&mut out, tell)?;
    let synced = out.flush().and_then(|()| out.get_ref().sync_all());
    synced.map_err(|e| Error::io("sync", &partial, e))?;
    fs::rename(&partial, target).map_err(|e| Error::io("rename", &partial, e))?;
    Ok(report)
}

pub(super) fn restore(arguments: &Restore) -> Result<ExitCode> {
    let (source, target) = (arguments.source.as_path(), arguments.database.as_path());
    let disk: Arc<dyn Disk> = Arc::new(OsDisk);
    let bar = progress::bytes("checking", 0);
    let tell = watch(&bar);
    let report = if source == Path::new("-") {
        Database::restore_from(&disk, io::stdin().lock(), target, tell)?
    } else if source.is_dir() {
        Database::restore(&disk, source, target, tell)?
    } else {
        let file = File::open(source).map_err(|e| Error::io("open", source, e))?;
        Database::restore_from(&disk, file, target, tell)?
    };
    bar.finish_and_clear();
    let mut out = io::stdout().lock();
    let refused = |e| Error::io("write", "standard output", e);
    check::write_report(&report.check, &mut out).map_err(refused)?;
    let files = words::plural(report.files, "file");
    let line = format!("commit {} is restored from {files}; no problem found", report.commit);
    writeln!(out, "{line}").map_err(refused)?;
    Ok(ExitCode::SUCCESS)
}
