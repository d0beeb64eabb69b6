//! `sdmxdb info`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{arguments, open, words};
use crate::error::{Error, Result};
use crate::store::{Database, SeriesFilter, Snapshot};

pub(super) fn run(arguments: &arguments::Info) -> Result<ExitCode> {
    let database = open(&arguments.database)?;
    let snapshot = database.snapshot()?;
    let mut out = io::stdout().lock();
    let refused = |e| Error::io("write", "standard output", e);
    write_flows(&snapshot, &mut out)?;
    let folder = folder_bytes(database.path())?;
    let observations = observations(&snapshot)?;
    let each = words::bytes_each(folder, observations);
    let whole = words::bytes(folder);
    writeln!(out, "whole folder: {whole}, {each} bytes an observation").map_err(refused)?;
    writeln!(out, "{}", words::plural(snapshot.number(), "commit")).map_err(refused)?;
    if arguments.storage {
        write_storage(&snapshot, &database, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The live observations of all dataflows.
fn observations(snapshot: &Snapshot) -> Result<u64> {
    let mut count = 0;
    for flow in snapshot.flows() {
        let cube = snapshot.cube(&flow.flow.id)?;
        count += cube.observation_count(&cube.select(&SeriesFilter::All)?)?;
    }
    Ok(count)
}

/// One line a dataflow: its table, and how much is in it.
pub(super) fn write_flows(snapshot: &Snapshot, out: &mut impl Write) -> Result<()> {
    let refused = |e| Error::io("write", "standard output", e);
    let header = ["dataflow", "table", "series", "observations", "bytes", "bytes/obs"];
    let mut lines: Vec<[String; 6]> = vec![header.map(str::to_owned)];
    for flow in snapshot.flows() {
        let cube = snapshot.cube(&flow.flow.id)?;
        let all = cube.select(&SeriesFilter::All)?;
        let observations = cube.observation_count(&all)?;
        let bytes = cube.parts().iter().map(|part| part.segment().bytes()).sum();
        lines.push([
            flow.flow.id.to_string(),
            format!("{}.{}", flow.names.schema, flow.names.table),
            words::count(cube.series_count(&all)?),
            words::count(observations),
            words::count(bytes),
            words::bytes_each(bytes, observations),
        ]);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for line in &lines {
        let mut text = String::new();
        for (column, cell) in line.iter().enumerate() {
            let width = widths[column];
            let cell =
                if column < 2 { format!("{cell:<width$}  ") } else { format!("{cell:>width$}  ") };
            text.push_str(&cell);
        }
        writeln!(out, "{}", text.trim_end()).map_err(refused)?;
    }
    Ok(())
}

/// What takes how many bytes: each kind of section, the manifests, the working catalogue.
fn write_storage(snapshot: &Snapshot, database: &Database, out: &mut impl Write) -> Result<()> {
    let refused = |e| Error::io("write", "standard output", e);
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut observations = 0;
    for flow in snapshot.flows() {
        for part in snapshot.cube(&flow.flow.id)?.parts() {
            let footer = part.segment().footer();
            observations += footer.observations;
            let mut rest = part.segment().bytes();
            for ((kind, ..), extent) in &footer.sections {
                *kinds.entry(kind.name()).or_default() += u64::from(extent.length);
                rest -= u64::from(extent.length);
            }
            let blocks = part.segment().blocks_bytes()?;
            *kinds.entry("blocks: values, gaps, observation attributes").or_default() += blocks;
            *kinds.entry("footers").or_default() += rest - blocks;
        }
    }
    let folder = |name: &str| folder_bytes(&database.path().join(name));
    kinds.insert("manifests and checkpoints", folder("commits")?);
    kinds.insert("working catalogue", folder("catalog")?);
    let mut kinds: Vec<(&str, u64)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, bytes)| Reverse(*bytes));
    writeln!(out, "\n{:<48} {:>15} {:>10}", "storage", "bytes", "bytes/obs").map_err(refused)?;
    for (kind, bytes) in kinds {
        let each = words::bytes_each(bytes, observations);
        writeln!(out, "{kind:<48} {:>15} {each:>10}", words::count(bytes)).map_err(refused)?;
    }
    Ok(())
}

/// The bytes of all files in a folder; none where there is no such folder.
pub(super) fn folder_bytes(path: &Path) -> Result<u64> {
    let mut total = 0;
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|e| Error::io("list", &folder, e))?,
        };
        for entry in entries {
            let entry = entry.map_err(|e| Error::io("list", &folder, e))?;
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                // What is yet to be published is not counted.
                if entry.path() != path.join("releases") {
                    folders.push(entry.path());
                }
            } else {
                total += metadata.len();
            }
        }
    }
    Ok(total)
}
