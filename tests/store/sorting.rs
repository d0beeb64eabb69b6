//! The sort on disk: a load that may use little memory leaves the same as one that may use much,
//! whatever the order of its rows.

use std::path::Path;
use std::sync::Arc;

use sdmxdb::disk::{Disk, MemoryDisk, Operation};
use sdmxdb::model::ArtefactId;
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, LoadOptions, LoadReport, PeriodFilter, ScanOrder, SeriesFilter};
use sdmxdb::{Error, Result};

use crate::cube::Cube;
use crate::cube::presets::by_name;
use crate::cube::rows::{CsvVersion, write_csv, write_csv_shuffled};
use crate::cube::structure::write_structure;
use crate::reading;

/// Rows between two looks at the memory: more are needed for anything to be sorted on disk.
const ROWS_BETWEEN_LOOKS: u64 = 1 << 16;

/// A generated cube as messages.
struct Messages {
    flow: ArtefactId,
    structure: Vec<u8>,
    sorted: Vec<u8>,
    shuffled: Vec<u8>,
}

fn messages(preset: &str, observations: u64) -> Messages {
    let cube = Cube::new(by_name(preset, observations).expect("a preset"));
    let version = CsvVersion::V1;
    let (mut structure, mut sorted, mut shuffled) = (Vec::new(), Vec::new(), Vec::new());
    write_structure(&cube.spec, &mut structure).expect("into memory");
    let (rows, _) = write_csv(&cube, version, &mut sorted).expect("into memory");
    let (again, _) = write_csv_shuffled(&cube, version, &mut shuffled).expect("into memory");
    assert!(rows == again && rows > 2 * ROWS_BETWEEN_LOOKS, "{rows} rows, {again} shuffled");
    let flow = ArtefactId::parse(&cube.spec.flow_reference()).expect("a reference");
    Messages { flow, structure, sorted, shuffled }
}

fn load(
    disk: &MemoryDisk,
    structure: &[u8],
    csv: &[u8],
    memory: u64,
) -> Result<(Database, LoadReport)> {
    let database = Database::open_or_create_on(Arc::new(disk.clone()), Path::new("db"))?;
    let mut load = database.begin_load(LoadOptions { memory, ..LoadOptions::at(1) })?;
    load.structures(read_structures(structure, "structure.xml")?)?;
    load.csv(csv, "rows.csv")?;
    let report = load.commit()?;
    Ok((database, report))
}

/// How many files of segments were begun.
fn files_begun(disk: &MemoryDisk) -> usize {
    let is_segment = |operation: &&Operation| {
        let Operation::Create { path, .. } = operation else { return false };
        path.extension().is_some_and(|extension| extension == "seg")
    };
    disk.trace().iter().filter(is_segment).count()
}

/// Everything, in key order and in stored order.
fn everything(database: &Database, flow: &ArtefactId) -> [Vec<String>; 2] {
    let snapshot = database.snapshot().expect("read");
    let cube = snapshot.cube(flow).expect("opened");
    [ScanOrder::Key(Vec::new()), ScanOrder::Stored]
        .map(|order| reading::lines(&cube, &SeriesFilter::All, PeriodFilter::All, order))
}

#[track_caller]
fn check(preset: &str, observations: u64) {
    let messages = messages(preset, observations);
    let run = |csv: &[u8], memory: u64| {
        let disk = MemoryDisk::traced();
        let loaded = load(&disk, &messages.structure, csv, memory);
        let (database, report) = loaded.unwrap_or_else(|error| panic!("{preset}: {error}"));
        let begun = files_begun(&disk);
        let left = disk.list(Path::new("db/segments")).expect("listed");
        assert_eq!(left.len(), 1, "{preset}: {left:?}");
        (everything(&database, &messages.flow), report.counts, report.bytes, begun)
    };
    let wanted = run(&messages.sorted, u64::MAX);
    assert_eq!(wanted.3, 1, "{preset}: files of segments");
    for (what, csv) in [("sorted", &messages.sorted), ("shuffled", &messages.shuffled)] {
        for memory in [64 << 10, u64::MAX] {
            let found = run(csv, memory);
            let is_spilled = memory < u64::MAX;
            assert_eq!(found.3 > 2, is_spilled, "{preset} {what}: {} files", found.3);
            // Not `assert_eq`: nobody wants to read that many rows.
            assert!(found.0 == wanted.0, "{preset} {what}, {memory} bytes: other rows");
            assert_eq!(found.1, wanted.1, "{preset} {what}, {memory} bytes");
            let sizes = found.2.abs_diff(wanted.2);
            assert!(sizes * 50 < wanted.2, "{preset} {what}: {} and {} bytes", found.2, wanted.2);
        }
    }
}

#[test]
fn rows_sorted_on_disk_are_the_same_rows() {
    check("labour", 150_000);
    check("text_values", 140_000);
    check("wide31", 140_000);
}

#[test]
fn a_duplicate_in_another_run_names_both_lines() {
    let messages = messages("very_short", 140_000);
    let text = String::from_utf8(messages.shuffled).expect("text");
    let again = text.lines().nth(99).expect("a row").to_owned();
    let count = text.lines().count();
    let twice = format!("{text}{again}\n");
    let disk = MemoryDisk::new();
    let error = load(&disk, &messages.structure, twice.as_bytes(), 64 << 10).expect_err("refused");
    let Error::Rows { problems, count: 1, .. } = &error else { panic!("{error}") };
    assert_eq!(problems[0].line, count as u64 + 1, "{error}");
    assert!(problems[0].reason.contains("line 100:"), "{error}");
    let left = disk.list(Path::new("db/segments")).expect("listed");
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn many_keys_leave_room_for_rows() {
    let messages = messages("very_short", 1_300_000);
    let disk = MemoryDisk::traced();
    // The keys alone take more than this: without room of their own, rows would be written at every
    // look from then on.
    let memory = 8 << 20;
    load(&disk, &messages.structure, &messages.sorted, memory).expect("loaded");
    let begun = files_begun(&disk);
    assert!((8..=12).contains(&begun), "{begun} files");
}
