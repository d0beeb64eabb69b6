//! `sdmxdb load`.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use indicatif::ProgressBar;

use crate::cli::progress::{self, Watched};
use crate::cli::{arguments, difference, now, user, words};
use crate::disk::MemoryDisk;
use crate::error::{Error, Result};
use crate::model::ArtefactId;
use crate::sdmx::{Kind, input, sniff, structure};
use crate::store::{Database, Load, LoadOptions, LoadReport, Prepared, Progress, Source};

/// Bytes that tell the kind of a message.
const SNIFFED_BYTES: u64 = 4 << 10;

/// A message that is open, and known by its first bytes.
struct Message {
    name: String,
    kind: Kind,
    reader: BufReader<Box<dyn Read + Send>>,
}

pub(super) fn run(arguments: &arguments::Load) -> Result<ExitCode> {
    let started = Instant::now();
    let total = arguments.files.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len());
    let bar = progress::bytes("reading", total.sum());
    let mut messages = Vec::new();
    for path in &arguments.files {
        messages.push(open(path, &bar)?);
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
        memory: arguments.memory.saturating_mul(1 << 20),
        refused,
        progress: Some(show(&bar)),
        ..LoadOptions::at(now())
    };
    let prepared = read(database.begin_load(options)?, messages)?;
    bar.finish_and_clear();
    if arguments.dry_run || arguments.gates.any() {
        let flows = difference::of(&prepared)?;
        if arguments.dry_run {
            difference::write(&flows, &prepared, &mut io::stdout().lock())?;
        }
        difference::check(&flows, &arguments.gates)?;
    }
    if arguments.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    print(&prepared.commit()?, arguments, started)?;
    Ok(ExitCode::SUCCESS)
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
fn read(mut load: Load, messages: Vec<Message>) -> Result<Prepared> {
    let (structures, data): (Vec<Message>, Vec<Message>) =
        messages.into_iter().partition(|message| !is_data(message.kind));
    for message in structures {
        let Message { name, kind, reader } = message;
        // What looks like XML, or like text in two bytes a character, is for that reader to refuse.
        if matches!(kind, Kind::StructureXml21 | Kind::StructureXml30 | Kind::Markup) {
            load.structures(structure::read_structures(reader, &name)?)?;
        } else {
            return Err(refuse(&name, kind));
        }
    }
    for message in data {
        match message.kind {
            Kind::DataXml => load.xml(message.reader, &message.name)?,
            _ => load.csv(message.reader, &message.name)?,
        }
    }
    load.prepare()
}

fn is_data(kind: Kind) -> bool {
    matches!(kind, Kind::CsvData | Kind::DataXml)
}

fn refuse(name: &str, kind: Kind) -> Error {
    if kind != Kind::Json {
        let reason = "neither SDMX-ML nor SDMX-CSV: the first cell of SDMX-CSV is DATAFLOW or \
                      STRUCTURE";
        return Error::syntax(name, reason);
    }
    let what = "SDMX-JSON (ask for SDMX-CSV or SDMX-ML)";
    Error::Unsupported { what: format!("{name}: loading {what}") }
}

fn open(path: &Path, bar: &ProgressBar) -> Result<Message> {
    let name = path.display().to_string();
    let mut plain = if name == "-" {
        input::decompress(Box::new(Watched::new(io::stdin(), bar.clone())), "standard input")?
    } else {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        input::open(Watched::new(file, bar.clone()), &name)?
    };
    let mut first = Vec::new();
    let read = plain.by_ref().take(SNIFFED_BYTES).read_to_end(&mut first);
    read.map_err(|e| Error::io("read", path, e))?;
    let kind = sniff(&first);
    let whole: Box<dyn Read + Send> = Box::new(Cursor::new(first).chain(plain));
    Ok(Message { name, kind, reader: BufReader::with_capacity(1 << 18, whole) })
}

/// The log's note of where the data came from.
fn source(files: &[PathBuf]) -> Source {
    let names = files.iter().filter_map(|path| path.file_name());
    let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    let bytes = files.iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).sum();
    Source { name: names.join(", "), bytes, checksum: None }
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
