//! `sdmxdb load`.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use indicatif::ProgressBar;
use ring::digest;

use crate::cli::{arguments, difference, messages, now, progress, release, user, words};
use crate::disk::MemoryDisk;
use crate::error::{Error, Result};
use crate::model::ArtefactId;
use crate::store::{Database, Load, LoadOptions, LoadReport, Message, Prepared, Progress, Source};

pub(super) fn run(arguments: &arguments::Load) -> Result<ExitCode> {
    let started = Instant::now();
    let bar = messages::bar(&arguments.files);
    let mut messages = Vec::new();
    for path in &arguments.files {
        messages.push(messages::open(path, &bar)?);
    }
    let refused = match &arguments.keep_going {
        Some(path) => {
            let file = File::create(path).map_err(|e| Error::io("create", path, e))?;
            Some(Box::new(BufWriter::new(file)) as Box<dyn Write + Send>)
        }
        None => None,
    };
    let database = database(arguments)?;
    let options = LoadOptions {
        author: user(),
        message: arguments.message.clone(),
        source: Some(source(&arguments.files)),
        dataflow: arguments.dataflow.as_deref().map(dataflow).transpose()?,
        clock: Some(now),
        memory: arguments.memory.saturating_mul(1 << 20),
        refused,
        progress: Some(show(&bar)),
        ..LoadOptions::at(now())
    };
    let hashes = hashed(&arguments.files)?;
    let mut load = database.begin_load(options)?;
    read(&mut load, messages)?;
    load.hashed(hashes.join().map_err(|_| Error::bug("the thread that hashes panicked"))??);
    let prepared = load.prepare()?;
    bar.finish_and_clear();
    let considered = consider(&prepared, arguments);
    if arguments.dry_run || considered.is_err() {
        prepared.discard();
        return considered.map(|()| ExitCode::SUCCESS);
    }
    let report = prepared.commit()?;
    print(&report, arguments, started)?;
    warn_of_releases(&database, &report)?;
    // What became due meanwhile waited for the lock.
    database.release_due(now())?.iter().for_each(release::tell);
    Ok(ExitCode::SUCCESS)
}

/// Says what would change, if that is asked for, and refuses what the gates do not let through.
fn consider(prepared: &Prepared, arguments: &arguments::Load) -> Result<()> {
    if !arguments.dry_run && !arguments.gates.any() {
        return Ok(());
    }
    let flows = difference::of(prepared)?;
    if arguments.dry_run {
        difference::show(&flows, prepared, &mut io::stdout().lock())?;
    }
    difference::check(&flows, &arguments.gates)
}

/// Tells who loads of pending releases that would undo what was just loaded.
fn warn_of_releases(database: &Database, report: &LoadReport) -> Result<()> {
    let flows: Vec<ArtefactId> = report.flows.iter().map(|(flow, _)| flow.clone()).collect();
    let is_changed = report.commit.is_some();
    let conflicts = if is_changed { database.conflicting_releases(&flows)? } else { Vec::new() };
    for (name, conflicts) in conflicts {
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "note: release {name} will not be published unless it is rebased: {conflicts}"
        )
        .map_err(|e| Error::io("write", "standard output", e))?;
    }
    Ok(())
}

/// The database to load into. What only tries makes no folder.
fn database(arguments: &arguments::Load) -> Result<Database> {
    if arguments.dry_run && !arguments.database.exists() {
        return Database::open_or_create_on(Arc::new(MemoryDisk::new()), &arguments.database);
    }
    Database::open_or_create(&arguments.database)
}

pub(super) fn dataflow(text: &str) -> Result<ArtefactId> {
    let reason = || format!("{text:?} is no dataflow such as ECB:EXR(1.0)");
    ArtefactId::parse(text).ok_or_else(|| Error::syntax("--dataflow", reason()))
}

/// Adds messages to a load, structures first.
fn read(load: &mut Load, messages: Vec<Message>) -> Result<()> {
    let (structures, data): (Vec<Message>, Vec<Message>) =
        messages.into_iter().partition(Message::is_structure);
    for message in structures.into_iter().chain(data) {
        load.message(message)?;
    }
    Ok(())
}

/// The log's note of where the data came from, without hashes.
fn source(files: &[PathBuf]) -> Source {
    let names = files.iter().filter_map(|path| path.file_name());
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let bytes = files.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).sum();
    Source { name: names.join(", "), bytes, checksum: None, sha256: Vec::new() }
}

/// The hashes of files, on a thread of their own: a tenth of the work of a load.
fn hashed(files: &[PathBuf]) -> Result<JoinHandle<Result<Vec<String>>>> {
    let files = files.to_vec();
    // Standard input can be read only once.
    let is_input = files.iter().any(|path| path.as_os_str() == "-");
    let hash = move || files.iter().filter(|_| !is_input).map(|path| sha256(path)).collect();
    let thread = Builder::new().name("hash".to_owned()).spawn(hash);
    thread.map_err(|error| Error::io("begin a thread for", "the hashes of files", error))
}

/// The hash of a file, as `sha256sum` writes it.
fn sha256(path: &Path) -> Result<String> {
    let failed = |error| Error::io("read", path, error);
    let mut file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    if !file.metadata().map_err(failed)?.is_file() {
        // What comes through a pipe can be read only once.
        return Ok(String::new());
    }
    let mut hash = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
    let bytes = hash.finish();
    let digits = bytes.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    Ok(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect())
}

/// Moves the bar while rows are read, and shows another while they are written.
pub(super) fn show(reading: &ProgressBar) -> Box<dyn FnMut(Progress) + Send> {
    let reading = reading.clone();
    let writing: Arc<Mutex<Option<ProgressBar>>> = Arc::default();
    Box::new(move |progress| match progress {
        Progress::Reading(rows) => reading.set_message(format!("{} rows", words::count(rows))),
        Progress::Writing(done, total) => {
            reading.finish_and_clear();
            let mut writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
            let bar = writing.get_or_insert_with(|| progress::rows("writing", total));
            bar.set_length(total);
            bar.set_position(done);
        }
    })
}

fn print(report: &LoadReport, arguments: &arguments::Load, started: Instant) -> Result<()> {
    let mut out = io::stdout().lock();
    let seconds = started.elapsed().as_secs_f64();
    write_report(report, &mut out)
        .and_then(|()| match &arguments.keep_going {
            Some(path) if report.refused > 0 => {
                let refused = words::plural(report.refused, "bad row");
                writeln!(out, "{refused} left out, and written to {}", path.display())?;
                report.problems.iter().try_for_each(|problem| writeln!(out, "  {problem}"))
            }
            _ => Ok(()),
        })
        .and_then(|()| writeln!(out, "{seconds:.1} seconds"))
        .map_err(|e| Error::io("write", "standard output", e))
}

/// Says what a load did.
pub(super) fn write_report(report: &LoadReport, out: &mut impl Write) -> io::Result<()> {
    for (id, names) in &report.named {
        writeln!(out, "dataflow {id} is table {}.{}", names.schema, names.table)?;
    }
    match report.commit {
        Some(number) => writeln!(out, "commit {number}")?,
        None => writeln!(out, "nothing changed: everything was there already")?,
    }
    if report.artefacts > 0 {
        writeln!(out, "{} added or changed", words::plural(report.artefacts, "artefact"))?;
    }
    let counts = report.counts;
    if report.rows > 0 {
        let deleted = match counts.deleted {
            0 => String::new(),
            count => format!("{} deleted, ", words::count(count)),
        };
        writeln!(
            out,
            "{} read: {} inserted, {} changed, {}{} unchanged",
            words::plural(report.rows, "row"),
            words::count(counts.inserted),
            words::count(counts.changed),
            deleted,
            words::count(counts.unchanged),
        )?;
    }
    if report.bytes > 0 {
        let touched = counts.inserted + counts.changed;
        let each = words::bytes_each(report.bytes, touched);
        writeln!(out, "{} written, {each} bytes an observation", words::bytes(report.bytes))?;
    }
    report.warnings.iter().try_for_each(|warning| writeln!(out, "note: {warning}"))
}
