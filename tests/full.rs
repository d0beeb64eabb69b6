//! A disk that is really full: what was committed is read on, and once there is room again the next
//! commit works.
//!
//! It takes a file system of a few megabytes in memory, which only root can make.

#![expect(clippy::absolute_paths, reason = "a test reads better so")]
#![cfg(target_os = "linux")]

#[path = "../benches/support/cube.rs"]
mod cube;
mod oracle;
#[path = "store/reading.rs"]
mod reading;
#[path = "store/structures.rs"]
mod structures;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use sdmxdb::error::{Error, Result};
use sdmxdb::store::{Database, LoadOptions};

use crate::cube::random::Random;
use crate::structures::STRICT_SHAPE;

/// Bytes of the file system.
const SIZE: &str = "size=3m";
/// Loads that are tried.
const LOADS: u64 = 200;

/// A small file system, until it is dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(path: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let made = mount.args(["-t", "tmpfs", "-o", SIZE, "none"]).arg(path).output();
        made.is_ok_and(|made| made.status.success()).then_some(Self(path))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.0).status());
    }
}

fn load(database: &Database, number: u64) -> Result<()> {
    let mut random = Random::new(number);
    let mut message = STRICT_SHAPE.header();
    // By turns a load that travels in its manifest, and one with a file of its own.
    let days = if number.is_multiple_of(2) { 200 } else { 3_000 };
    for day in 0..days {
        let period = format!("{}-{:02}-{:02}", 1950 + number, 1 + day / 28 % 12, 1 + day % 28);
        if day >= 336 * 3 {
            break;
        }
        let (flow, value) = (STRICT_SHAPE.flow, random.below(1 << 60));
        let area = ["AT", "BE", "CH"][usize::try_from(day / 336).expect("small")];
        write!(message, "\ndataflow,{flow},M,D,{area},{period},{value},A,,")
            .expect("into a string");
    }
    let mut load = database.begin_load(LoadOptions::at(1))?;
    load.csv(message.as_bytes(), "rows.csv")?;
    load.commit().map(drop)
}

fn rows(database: &Database) -> Vec<String> {
    let snapshot = database.snapshot().expect("read");
    reading::all(&snapshot.cube(&STRICT_SHAPE.id()).expect("opened"))
}

#[test]
fn a_full_disk_is_read_on_and_written_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mounted) = Mounted::new(folder.path()) else {
        println!("skipped: a file system of its own cannot be made here");
        return;
    };
    let path = folder.path().join("db");
    let filler = folder.path().join("filler");
    let mut full = 0;
    // Room of different sizes, so that the disk is full at another place each time.
    for left in 0..12 {
        let database = Database::open_or_create(&path).expect("opened");
        if left == 0 {
            let mut structures = database.begin_load(LoadOptions::at(1)).expect("begun");
            structures.structures(STRICT_SHAPE.artefacts()).expect("added");
            structures.commit().expect("committed");
        }
        let before = rows(&database);
        let number = database.snapshot().expect("read").number();
        let mut file = File::create(&filler).expect("made");
        while file.write_all(&[1; 4096]).is_ok() {}
        file.set_len(file.metadata().expect("is there").len().saturating_sub(left * 9_000))
            .expect("made room");
        for attempt in 0..LOADS {
            match load(&database, 50 * left + attempt) {
                Ok(()) => {}
                Err(Error::Io { .. }) => {
                    full += 1;
                    break;
                }
                Err(error) => assert!(matches!(error, Error::Io { .. }), "{error}"),
            }
        }
        let after = rows(&database);
        assert!(before.iter().all(|row| after.binary_search(row).is_ok()), "rows are lost");
        // Another program sees the same, and everything is whole.
        let other = Database::open(&path).expect("opened");
        assert!(rows(&other) == after);
        assert_eq!(other.check(|_, _| {}).expect("listed").problems.len(), 0);
        assert!(other.snapshot().expect("read").number() >= number);
        drop(file);
        std::fs::remove_file(&filler).expect("removed");
        load(&other, 50 * left + 49).expect("there is room");
        assert_eq!(other.check(|_, _| {}).expect("listed").problems.len(), 0);
    }
    println!("full {full} times");
    assert!(full >= 8, "full {full} times");
    drop(mounted);
}
