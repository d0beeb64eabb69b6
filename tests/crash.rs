//! Loads when the power fails: what was promised is there, and nothing is there in part.
//!
//! A workload is run once on a disk that records. Then the power fails behind every one of its
//! operations, in each way that the disk knows, and somebody opens what is left.

#![expect(clippy::panic, reason = "that is how a test fails")]

#[path = "../benches/support/cube.rs"]
mod cube;
mod oracle;
#[path = "store/reading.rs"]
mod reading;
#[path = "store/structures.rs"]
mod structures;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sdmxdb::disk::{Crash, Disk, MemoryDisk, Operation};
use sdmxdb::error::{Error, Result};
use sdmxdb::store::{Database, Health, LoadOptions, LoadReport};

use crate::cube::random::Random;
use crate::structures::{CROSS_SHAPE, STRICT_SHAPE};

/// Loads of the workload, the structures among them.
const LOADS: u64 = 12;
/// Observations of the loads whose segment is too large for a manifest.
const LARGE: i32 = 9_000;
/// Rows after which a load looks whether it must sort on disk.
const ROWS_BEFORE_SORT: i32 = 1 << 16;

fn open(disk: &MemoryDisk) -> Result<Database> {
    Database::open_or_create_on(Arc::new(disk.clone()), Path::new("db"))
}

fn day(number: i32) -> String {
    let (year, rest) = (1950 + number / 336, number % 336);
    format!("{year}-{:02}-{:02}", 1 + rest / 28, 1 + rest % 28)
}

/// Rows of annual series, or of daily ones, with values that do not pack.
fn rows(number: u64, frequency: &str, count: i32) -> String {
    let mut random = Random::new(number);
    let mut message = STRICT_SHAPE.header();
    for at in 0..count {
        let area = ["AT", "BE", "CH"][usize::try_from(at % 3).expect("small")];
        let slot = at / 3 + i32::try_from(number).expect("small") * 7;
        let period = if frequency == "D" { day(slot) } else { (1900 + slot).to_string() };
        let value = random.below(1 << 60);
        let flow = STRICT_SHAPE.flow;
        write!(message, "\ndataflow,{flow},I,{frequency},{area},{period},{value},A,,")
            .expect("into a string");
    }
    message + "\n"
}

/// The load that makes commit `number`. It depends on nothing else.
fn load(database: &Database, number: u64) -> Result<LoadReport> {
    let now = i64::try_from(number).expect("small");
    let mut load = database.begin_load(LoadOptions::at(now))?;
    match number {
        1 => {
            load.structures(STRICT_SHAPE.artefacts())?;
            load.csv(rows(1, "A", 30).as_bytes(), "first.csv")?;
        }
        4 | 9 => load.csv(rows(number, "D", LARGE).as_bytes(), "large.csv")?,
        6 => load.structures(CROSS_SHAPE.artefacts())?,
        8 => {
            let header = STRICT_SHAPE.header();
            let message = format!("{header}\ndataflow,{},D,,BE,,,,,\n", STRICT_SHAPE.flow);
            load.csv(message.as_bytes(), "delete.csv")?;
        }
        number => {
            load.csv(rows(number, "A", 40).as_bytes(), "small.csv")?;
            if number > 6 {
                let header = CROSS_SHAPE.header();
                let message = format!("{header}\ndataflow,T:CROSS(1.0),I,F,Y{number},{number},,\n");
                load.csv(message.as_bytes(), "cross.csv")?;
            }
        }
    }
    load.commit()
}

/// All rows of all dataflows.
fn everything(database: &Database) -> Vec<String> {
    let snapshot = database.snapshot().expect("read");
    let mut lines = Vec::new();
    for flow in snapshot.flows() {
        let cube = snapshot.cube(&flow.flow.id).expect("opened");
        lines.push(flow.flow.id.to_string());
        lines.extend(reading::all(&cube));
    }
    lines
}

/// What stands after each commit, from that of number 0.
struct Workload {
    disk: MemoryDisk,
    states: Vec<Vec<String>>,
    /// For each load, how long the trace was when it returned.
    returned: Vec<usize>,
}

fn workload() -> Workload {
    let disk = MemoryDisk::traced();
    let database = open(&disk).expect("made");
    let (mut states, mut returned) = (vec![Vec::new()], vec![disk.trace().len()]);
    for number in 1..=LOADS {
        let report = load(&database, number).expect("loaded");
        assert_eq!(report.commit, Some(number));
        states.push(everything(&database));
        returned.push(disk.trace().len());
    }
    let distinct: BTreeSet<&Vec<String>> = states.iter().collect();
    assert_eq!(distinct.len(), states.len(), "each commit is seen");
    let names = disk.list(Path::new("db/segments")).expect("listed");
    assert_eq!(names.len(), 2, "segments with files of their own: {names:?}");
    Workload { disk, states, returned }
}

/// Opens what is left and looks at it: the commits that were promised, and at most one more.
fn check_left(disk: &MemoryDisk, states: &[Vec<String>], promised: u64, at: &str) {
    let database = open(disk).unwrap_or_else(|error| panic!("{at}: {error}"));
    assert_eq!(database.health(), Health::Good, "{at}");
    let number = database.snapshot().expect("read").number();
    assert!(number == promised || number == promised + 1, "{at}: commit {number} of {promised}");
    let index = usize::try_from(number).expect("small");
    assert!(everything(&database) == states[index], "{at}: other rows than those of {number}");
    assert_eq!(database.catalog().check().expect("listed").len(), 0, "{at}");

    // The next load works, and removes what was left over.
    let next = number + 1;
    if let Some(expected) = states.get(usize::try_from(next).expect("small")) {
        let report = load(&database, next).unwrap_or_else(|error| panic!("{at}, next: {error}"));
        assert_eq!(report.commit, Some(next), "{at}");
        assert!(everything(&database) == *expected, "{at}: other rows after the next load");
    } else {
        load(&database, 5).unwrap_or_else(|error| panic!("{at}, next: {error}"));
    }
    check_files(disk, &database, at);
}

/// There are the files of live and of superseded segments, and no others.
fn check_files(disk: &MemoryDisk, database: &Database, at: &str) {
    let mut wanted = BTreeSet::new();
    let last = database.snapshot().expect("read").number();
    for number in 0..=last {
        let snapshot = database.snapshot_at(number).expect("opened");
        wanted.extend(snapshot.state().all_segments().map(|live| live.entry.id.file_name()));
    }
    for name in disk.list(Path::new("db/segments")).expect("listed") {
        assert!(wanted.contains(&name), "{at}: {name} was left over");
    }
    for name in disk.list(Path::new("db/commits")).expect("listed") {
        assert!(Path::new(&name).extension().is_none_or(|e| e != "tmp"), "{at}: {name}");
    }
}

#[test]
fn every_crash_leaves_every_promised_commit_whole() {
    let Workload { disk, states, returned } = workload();
    let length = disk.trace().len();
    let mut crashes = 0;
    for at in 0..=length {
        let done = returned.iter().filter(|returned| **returned <= at).count() as u64;
        let seed = at as u64;
        let fixed = [Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
        let random = (0..3).map(|part| Crash::Random(seed * 3 + part));
        for mode in fixed.into_iter().chain(random) {
            let what = format!("{mode:?} behind operation {at} of {length}");
            check_left(&disk.crash(at, mode), &states, done.saturating_sub(1), &what);
            crashes += 1;
        }
    }
    assert!(crashes > 500, "{crashes} crashes");
}

/// A load that sorts on disk writes more files, none of which may stay.
#[test]
fn a_crash_amid_a_sort_on_disk_leaves_no_file() {
    let disk = MemoryDisk::traced();
    let database = open(&disk).expect("made");
    load(&database, 1).expect("loaded");
    let before = everything(&database);
    let from = disk.trace().len();
    let mut sorting =
        database.begin_load(LoadOptions { memory: 1 << 10, ..LoadOptions::at(2) }).expect("begun");
    sorting.csv(rows(2, "D", ROWS_BEFORE_SORT + 50).as_bytes(), "large.csv").expect("read");
    sorting.commit().expect("committed");
    let after = everything(&database);
    let to = disk.trace().len();
    let created =
        disk.trace()[from..].iter().filter(|o| matches!(o, Operation::Create { .. })).count();
    assert!(created >= 3, "{created} files: a run, the segment and the manifest");
    for at in from..to {
        for mode in [Crash::Keep, Crash::Drop, Crash::Torn, Crash::Random(at as u64)] {
            let crashed = disk.crash(at, mode);
            let database = open(&crashed).expect("opened");
            let what = format!("{mode:?} behind operation {at} of {to}");
            let number = database.snapshot().expect("read").number();
            let expected = if number == 1 { &before } else { &after };
            assert!(everything(&database) == *expected, "{what}: commit {number}");
            load(&database, 3).unwrap_or_else(|error| panic!("{what}: {error}"));
            check_files(&crashed, &database, &what);
        }
    }
}

/// Runs the workload until a load fails; gives the commits that were promised.
fn run_until_failure(database: &Database) -> (u64, Option<Error>) {
    for number in 1..=LOADS {
        if let Err(error) = load(database, number) {
            return (number - 1, Some(error));
        }
    }
    (LOADS, None)
}

#[test]
fn after_any_failed_operation_it_is_read_on_and_written_or_says_why_not() {
    let Workload { disk, states, .. } = workload();
    let operations = disk.operations();
    let (mut poisoned, mut usable) = (0, 0);
    for at in 0..operations {
        let disk = MemoryDisk::new();
        disk.fail_at(at);
        let what = format!("operation {at} of {operations} fails");
        let Ok(database) = open(&disk) else {
            // It failed when it was made: that can be done again.
            disk.repair();
            open(&disk).unwrap_or_else(|error| panic!("{what}, again: {error}"));
            continue;
        };
        let (promised, error) = run_until_failure(&database);
        if let Some(error) = error {
            assert!(matches!(error, Error::Io { .. }), "{what}: {error}");
        }
        // It is read on while the disk fails.
        let number = database.snapshot().expect("read").number();
        assert!(number == promised || number == promised + 1, "{what}: {number} of {promised}");
        let index = usize::try_from(number).expect("small");
        assert!(everything(&database) == states[index], "{what}: other rows");
        disk.repair();
        if number < LOADS {
            match load(&database, number + 1) {
                Ok(report) => {
                    usable += 1;
                    assert_eq!(report.commit, Some(number + 1), "{what}");
                }
                Err(error) => {
                    poisoned += 1;
                    let text = error.to_string();
                    assert!(text.contains("a sync failed before"), "{what}: {text}");
                    assert!(text.contains("open anew"), "{what}: {text}");
                }
            }
        }
        let number = database.snapshot().expect("read").number();
        drop(database);
        check_left(&disk, &states, number, &what);
    }
    assert!(poisoned > 10 && usable > 10, "{poisoned} poisoned, {usable} usable");
}

/// The working catalogue is never the only copy of anything.
#[test]
fn a_lost_or_damaged_working_catalogue_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("db");
    let working = path.join("catalog");
    let make = |database: &Database| {
        let writer = database.catalog().begin(Duration::ZERO).expect("begun");
        writer.working().map(|working| working.commit().expect("read"))
    };
    let database = Database::open_or_create(&path).expect("made");
    for number in 1..=5 {
        load(&database, number).expect("loaded");
    }
    assert_eq!(make(&database).expect("made"), 5);
    let mut expected = everything(&database);
    drop(database);
    let mut number = 5;
    let mut check = |what: &str| {
        let database = Database::open(&path).expect("opened");
        assert!(everything(&database) == expected, "{what}");
        number += 1;
        assert_eq!(load(&database, number).expect("loaded").commit, Some(number), "{what}");
        assert_eq!(make(&database).expect("made anew"), number, "{what}");
        expected = everything(&database);
    };
    fs::remove_dir_all(&working).expect("removed");
    check("deleted");
    for name in ["db", "conf"] {
        fs::write(working.join(name), b"nonsense").expect("damaged");
        check(&format!("{name} overwritten"));
    }
    fs::write(working.join("db"), b"").expect("damaged");
    check("db emptied");
    fs::remove_dir_all(&working).expect("removed");
    fs::write(&working, b"a file").expect("written");
    check("a file in its place");
}
