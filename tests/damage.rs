//! Files that are not what was written: nothing wrong is ever answered, what is damaged is named,
//! and what is there twice costs nothing.

#![expect(clippy::panic, reason = "that is how a test fails")]

#[path = "../benches/support/cube.rs"]
mod cube;
mod oracle;
#[path = "store/reading.rs"]
mod reading;
#[path = "damage/repaired.rs"]
mod repaired;
#[path = "store/structures.rs"]
mod structures;
#[path = "damage/working.rs"]
mod working;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sdmxdb::disk::{Disk, MemoryDisk};
use sdmxdb::error::{Error, Result};
use sdmxdb::store::{Database, Health, LoadOptions, Snapshot};

use crate::cube::random::Random;
use crate::structures::{CROSS_SHAPE, STRICT_SHAPE};

/// Random bits of bodies that are flipped, in each of four tests.
const FLIPS: u64 = 5_000;
/// One in so many damages is looked for by a check of everything.
const CHECKED: u64 = 10;
const BYTES_MAX: u64 = 1 << 24;

fn open(disk: &MemoryDisk) -> Database {
    Database::open_or_create_on(Arc::new(disk.clone()), Path::new("db")).expect("opened")
}

fn load_csv(database: &Database, message: &str) {
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    load.csv(message.as_bytes(), "rows.csv").expect("read");
    load.commit().expect("committed").commit.expect("something new");
}

fn cross(number: u64) -> String {
    let header = CROSS_SHAPE.header();
    format!("{header}\ndataflow,T:CROSS(1.0),I,F,Y{number},{number},A,t{number}\n")
}

/// So many days of three areas, with values that do not pack.
fn strict(seed: u64, days: i32) -> String {
    let mut random = Random::new(seed);
    let mut message = STRICT_SHAPE.header();
    for at in 0..days * 3 {
        let area = ["AT", "BE", "CH"][usize::try_from(at % 3).expect("small")];
        let (year, rest) = (1950 + at / 3 / 336, at / 3 % 336);
        let period = format!("{year}-{:02}-{:02}", 1 + rest / 28, 1 + rest % 28);
        let (flow, value) = (STRICT_SHAPE.flow, random.below(1 << 60));
        write!(message, "\ndataflow,{flow},I,D,{area},{period},{value},A,T{area},U")
            .expect("into a string");
    }
    message + "\n"
}

/// A database, and what each of its commits shows.
struct World {
    disk: MemoryDisk,
    states: BTreeMap<u64, Vec<String>>,
}

impl World {
    fn new(make: impl FnOnce(&Database)) -> Self {
        let disk = MemoryDisk::new();
        let database = open(&disk);
        let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
        load.structures(CROSS_SHAPE.artefacts()).expect("added");
        load.structures(STRICT_SHAPE.artefacts()).expect("added");
        load.commit().expect("committed");
        make(&database);
        let last = database.snapshot().expect("read").number();
        let states = (0..=last).filter_map(|number| {
            let snapshot = database.snapshot_at(number).ok()?;
            Some((number, everything(&snapshot).expect("read")))
        });
        let states = states.collect();
        Self { disk, states }
    }

    /// Three small commits, and a checkpoint in the middle that has copies.
    fn small() -> Self {
        Self::new(|database| {
            (1..=2).for_each(|number| load_csv(database, &cross(number)));
            database.catalog().begin(Duration::ZERO).expect("begun").forget(1).expect("done");
            load_csv(database, &cross(3));
        })
    }

    /// A segment with a file of its own.
    fn large() -> Self {
        Self::new(|database| load_csv(database, &strict(1, 3_000)))
    }

    fn last(&self) -> u64 {
        *self.states.last_key_value().expect("one").0
    }

    fn files(&self, folder: &str) -> Vec<PathBuf> {
        let folder = Path::new("db").join(folder);
        let names = self.disk.list(&folder).expect("listed");
        names.into_iter().map(|name| folder.join(name)).collect()
    }

    fn length(&self, file: &Path) -> u64 {
        self.disk.len(file).expect("is there")
    }

    /// Looks at the database while `file` is damaged: what it shows is right, and what it cannot
    /// show it says.
    fn check_damaged(&self, file: &Path, with_check: bool, at: &str) {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let names_it = |text: &str| text.contains(name);
        let database = open(&self.disk);
        let snapshot = database.snapshot().unwrap_or_else(|error| panic!("{at}: {error}"));
        let number = snapshot.number();
        match everything(&snapshot) {
            Ok(found) => assert!(found == self.states[&number], "{at}: wrong at {number}"),
            Err(error @ Error::Corrupt { .. }) => {
                assert!(names_it(&error.to_string()), "{at}: {error}");
            }
            Err(error) => panic!("{at}: {error}"),
        }
        match database.health() {
            Health::Good => assert_eq!(number, self.last(), "{at}: commits are left out"),
            Health::ReadOnly { reason } => assert!(names_it(&reason), "{at}: {reason}"),
        }
        if with_check {
            let problems = database.check(|_, _| {}).expect("listed").problems;
            let found = problems.iter().any(|problem| names_it(&problem.to_string()));
            assert!(found, "{at}: not found: {problems:?}");
            for (number, expected) in &self.states {
                let found = database.snapshot_at(*number);
                match found.and_then(|snapshot| everything(&snapshot)) {
                    Ok(found) => assert!(found == *expected, "{at}: wrong at {number}"),
                    Err(Error::Corrupt { .. } | Error::NotFound { .. }) => {}
                    Err(error) => panic!("{at}: {error}"),
                }
            }
        }
    }

    /// Flips a bit, looks, and flips it back.
    fn check_flip(&self, file: &Path, offset: u64, bit: u32, with_check: bool) {
        let flip = 1 << bit;
        self.disk.flip(file, offset, flip).expect("is there");
        let at = format!("{} byte {offset} bit {bit}", file.display());
        self.check_damaged(file, with_check, &at);
        self.disk.flip(file, offset, flip).expect("is there");
    }
}

fn everything(snapshot: &Snapshot) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for flow in snapshot.flows() {
        lines.push(flow.flow.id.to_string());
        lines.extend(reading::try_all(&snapshot.cube(&flow.flow.id)?)?);
    }
    Ok(lines)
}

#[test]
fn every_bit_of_manifests_and_checkpoints_counts() {
    let world = World::small();
    let mut flips = 0_u64;
    for file in world.files("commits") {
        for offset in 0..world.length(&file) {
            for bit in 0..8 {
                flips += 1;
                world.check_flip(&file, offset, bit, flips.is_multiple_of(CHECKED));
            }
        }
    }
    println!("{flips} bits of manifests, checkpoints and marks");
    assert!(flips > 20_000, "{flips}");
}

#[test]
fn every_bit_of_the_head_and_footer_of_a_segment_counts() {
    let world = World::large();
    let files = world.files("segments");
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let length = world.length(file);
    let bytes = world.disk.read(file, BYTES_MAX).expect("read");
    let tail = bytes.last_chunk::<16>().expect("a tail");
    let footer = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
    assert!(footer > 100 && footer < 2_000, "{footer}");
    let mut flips = 0_u64;
    for offset in (0..8).chain(length - 16 - footer..length) {
        for bit in 0..8 {
            flips += 1;
            world.check_flip(file, offset, bit, flips.is_multiple_of(CHECKED));
        }
    }
    println!("{flips} bits of head and footer");
}

fn flip_bodies(seed: u64) {
    let world = World::large();
    let files = world.files("segments");
    let mut random = Random::new(seed);
    for flip in 0..FLIPS {
        let file = &files[0];
        let offset = random.below(world.length(file));
        let bit = u32::try_from(random.below(8)).expect("small");
        world.check_flip(file, offset, bit, flip.is_multiple_of(CHECKED * CHECKED));
    }
}

#[test]
fn random_bits_of_bodies_count_1() {
    flip_bodies(1);
}

#[test]
fn random_bits_of_bodies_count_2() {
    flip_bodies(2);
}

#[test]
fn random_bits_of_bodies_count_3() {
    flip_bodies(3);
}

#[test]
fn random_bits_of_bodies_count_4() {
    flip_bodies(4);
}

#[test]
fn files_that_were_cut_are_found() {
    for make in [World::small, World::large] {
        let world = make();
        let mut cuts = 0;
        for file in world.files("commits").into_iter().chain(world.files("segments")) {
            let bytes = world.disk.read(&file, BYTES_MAX).expect("read");
            for length in (0..bytes.len() as u64).step_by(512) {
                cuts += 1;
                world.disk.truncate(&file, length).expect("is there");
                let at = format!("{} cut to {length}", file.display());
                world.check_damaged(&file, true, &at);
                world.disk.remove(&file).expect("is there");
                let mut writer = world.disk.create(&file).expect("is free");
                writer.write(&bytes).expect("never full");
            }
        }
        println!("{cuts} cuts");
        world.check_whole();
    }
}

impl World {
    /// After all damage is undone, everything is as it was.
    fn check_whole(&self) {
        let database = open(&self.disk);
        assert_eq!(database.health(), Health::Good);
        assert_eq!(database.check(|_, _| {}).expect("listed").problems.len(), 0);
        let found = everything(&database.snapshot().expect("read")).expect("read");
        assert!(found == self.states[&self.last()]);
    }
}

/// A damaged manifest costs nothing that a checkpoint behind it says or copies.
#[test]
fn a_damaged_manifest_costs_nothing_that_its_copy_holds() {
    let world = World::new(|database| {
        (1..=70).for_each(|number| load_csv(database, &cross(number)));
    });
    let mut random = Random::new(5);
    let mut damages = 0;
    for file in world.files("commits") {
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        let Some(number) = name.strip_suffix(".commit") else { continue };
        if number.parse::<u64>().expect("a number") > 64 {
            continue;
        }
        for _ in 0..8 {
            let offset = random.below(world.length(&file));
            world.disk.flip(&file, offset, 0x40).expect("is there");
            let database = open(&world.disk);
            assert_eq!(database.health(), Health::Good, "{name} byte {offset}");
            let found = everything(&database.snapshot().expect("read"));
            let found = found.unwrap_or_else(|error| panic!("{name} byte {offset}: {error}"));
            assert!(found == world.states[&world.last()], "{name} byte {offset}");
            world.disk.flip(&file, offset, 0x40).expect("is there");
            damages += 1;
        }
        let bytes = world.disk.read(&file, BYTES_MAX).expect("read");
        world.disk.remove(&file).expect("is there");
        let found = everything(&open(&world.disk).snapshot().expect("read"));
        assert!(found.expect("read") == world.states[&world.last()], "{name} removed");
        world.disk.create(&file).expect("is free").write(&bytes).expect("never full");
    }
    assert_eq!(damages, 64 * 8);
}
