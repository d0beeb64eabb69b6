//! Format 1 stays readable: a database that was written when the format was frozen reads as one that
//! is made now by the same steps, at every commit, and goes on being written.
//!
//! The files in `tests/format` are never made anew: what cannot read them is another format.

#![expect(clippy::panic, reason = "that is how a test fails")]

#[path = "../benches/support/cube.rs"]
mod cube;
#[path = "store/expected.rs"]
mod expected;
mod oracle;
#[expect(dead_code, reason = "only rows of one dataflow are wanted")]
#[path = "store/random_rows.rs"]
mod random_rows;
#[path = "store/reading.rs"]
mod reading;
#[path = "store/structures.rs"]
mod structures;
#[path = "crash/workloads.rs"]
mod workloads;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sdmxdb::disk::MemoryDisk;
use sdmxdb::error::Error;
use sdmxdb::store::{Database, LoadOptions, Snapshot};

use crate::cube::random::Random;
use crate::structures::{CROSS_SHAPE, MIX_SHAPE, STRICT_SHAPE};
use crate::workloads::workload;

/// Steps of these workloads, one after the other: segments in files and in manifests, deletions,
/// compactions, redactions, reverts, releases, settings, and checkpoints.
const WORKLOADS: [&str; 9] = [
    "redactions",
    "redacted_files",
    "several_flows",
    "releases",
    "reverts",
    "full_compactions",
    "settings",
    "actions",
    "a_checkpoint",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/format")
}

/// Does all steps.
fn fill(database: &Database) {
    let mut random = Random::new(1);
    for name in WORKLOADS {
        let workload = workload(name);
        for step in workload.beginning.iter().chain(&workload.steps) {
            step(database).expect(name);
        }
        let mut load = database.begin_load(LoadOptions::at(7)).expect("begun");
        load.structures(MIX_SHAPE.artefacts()).expect("sound");
        let message = MIX_SHAPE.message(&random_rows::mix(&mut random));
        load.csv(message.as_bytes(), "mix.csv").expect("good rows");
        load.commit().expect("committed");
    }
}

/// All that a state has of every dataflow.
fn content(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for shape in [&MIX_SHAPE, &CROSS_SHAPE, &STRICT_SHAPE] {
        match snapshot.cube(&shape.id()) {
            Ok(cube) => lines.extend(reading::all(&cube)),
            Err(Error::NotFound { .. }) => lines.push(format!("no {}", shape.flow)),
            Err(error) => lines.push(format!("{}: {error}", shape.flow)),
        }
    }
    lines
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("known").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

#[test]
fn a_database_of_format_1_reads_as_one_that_is_made_now() {
    let made = Database::open_or_create_on(Arc::new(MemoryDisk::new()), "db").expect("made");
    fill(&made);
    let temporary = tempfile::tempdir().expect("a folder");
    copy(&folder(), temporary.path());
    let kept = Database::open(temporary.path()).expect("opens");
    let last = made.snapshot().expect("read").number();
    assert_eq!(kept.snapshot().expect("read").number(), last);
    assert!(last > 64, "{last} commits are too few for a checkpoint");
    for number in 1..=last {
        match (made.snapshot_at(number), kept.snapshot_at(number)) {
            (Ok(made), Ok(kept)) => assert_eq!(content(&kept), content(&made), "commit {number}"),
            (Err(_), Err(_)) => {}
            (made, kept) => panic!("commit {number}: {:?}, {:?}", made.err(), kept.err()),
        }
    }
    let report = kept.check(|_, _| {}).expect("read");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let mut load = kept.begin_load(LoadOptions::at(11)).expect("begun");
    let message =
        format!("{}\ndataflow,T:STRICT(1.0),I,A,AT,2099,1.5,A,,\n", STRICT_SHAPE.header());
    load.csv(message.as_bytes(), "rows.csv").expect("good rows");
    load.commit().expect("committed");
    let found = content(&kept.snapshot().expect("read"));
    assert!(found.iter().any(|line| line.contains("2099")));
}

/// For a new format, beside the files of the old one.
#[test]
#[ignore = "writes the files that the other test reads"]
fn write() {
    let temporary = tempfile::tempdir().expect("a folder");
    let database = Database::open_or_create(temporary.path()).expect("made");
    fill(&database);
    drop(database);
    for name in ["commits", "segments", "releases"] {
        copy(&temporary.path().join(name), &folder().join(name));
    }
}
