//! Repairs, backups, and bringing backups back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sdmxdb::catalog::{Mended, Repair};
use sdmxdb::disk::{Disk, MemoryDisk};
use sdmxdb::error::Error;
use sdmxdb::store::{Database, Health};

use crate::{World, cross, everything, load_csv, open};

fn commit_file(number: u64, kind: &str) -> PathBuf {
    PathBuf::from(format!("db/commits/{number:020}.{kind}"))
}

fn problems(disk: &MemoryDisk) -> usize {
    open(disk).check(|_, _| {}).expect("listed").problems.len()
}

fn repair(disk: &MemoryDisk, repair: Repair) -> Vec<Mended> {
    open(disk).catalog().repair(repair, Duration::ZERO).expect("repaired")
}

#[test]
fn a_checkpoint_is_written_anew_from_the_manifests() {
    let world = World::new(|database| (1..=70).for_each(|n| load_csv(database, &cross(n))));
    let file = commit_file(64, "checkpoint");
    let before = world.disk.read(&file, 1 << 20).expect("read");
    world.disk.flip(&file, 300, 1).expect("damaged");
    assert_eq!(problems(&world.disk), 1);
    assert_eq!(repair(&world.disk, Repair::Mend), [Mended::Checkpoint(64)]);
    assert_eq!(problems(&world.disk), 0);
    assert_eq!(world.disk.read(&file, 1 << 20).expect("read"), before, "it is the same again");
    assert_eq!(repair(&world.disk, Repair::Mend), []);
}

#[test]
fn the_mark_of_forgetting_is_worked_out_anew() {
    let world = World::new(|database| {
        (1..=8).for_each(|number| load_csv(database, &cross(number)));
        database.catalog().begin(Duration::ZERO).expect("begun").forget(5).expect("done");
        load_csv(database, &cross(9));
    });
    let mark = Path::new("db/commits/forgotten");
    for damage in [0, 19, 25] {
        world.disk.flip(mark, damage, 2).expect("damaged");
        assert_eq!(open(&world.disk).catalog().first_kept().expect("read"), 5);
        assert!(problems(&world.disk) > 0);
        assert_eq!(repair(&world.disk, Repair::Mend), [Mended::Mark(5)]);
        assert_eq!(problems(&world.disk), 0);
    }
    world.disk.truncate(mark, 3).expect("damaged");
    assert_eq!(repair(&world.disk, Repair::Mend), [Mended::Mark(5)]);
}

#[test]
fn a_manifest_that_is_lost_is_set_aside_only_if_that_is_asked_for() {
    let world = World::small();
    let last = world.last();
    world.disk.flip(&commit_file(last - 1, "commit"), 70, 1).expect("damaged");
    // A checkpoint of that state stands in for the manifest.
    let is_covered = world.disk.exists(&commit_file(last - 1, "checkpoint")).expect("looked");
    assert!(is_covered);
    world.disk.remove(&commit_file(last - 1, "checkpoint")).expect("removed");
    assert_ne!(open(&world.disk).health(), Health::Good);
    assert_eq!(repair(&world.disk, Repair::Mend), []);
    assert_ne!(open(&world.disk).health(), Health::Good);
    assert_eq!(repair(&world.disk, Repair::GiveUp), [Mended::SetAside(last - 1)]);
    let database = open(&world.disk);
    assert_eq!((database.health(), problems(&world.disk)), (Health::Good, 0));
    let snapshot = database.snapshot().expect("read");
    assert_eq!(snapshot.number(), last - 2);
    assert!(everything(&snapshot).expect("read") == world.states[&(last - 2)]);
    assert_eq!(world.disk.list(Path::new("db/broken")).expect("listed").len(), 2);
    load_csv(&database, &cross(7));
    assert_eq!(problems(&world.disk), 0);
}

#[test]
fn a_damaged_manifest_in_the_past_is_made_needless() {
    let world = World::new(|database| (1..=70).for_each(|n| load_csv(database, &cross(n))));
    world.disk.flip(&commit_file(20, "commit"), 150, 1).expect("damaged");
    assert_eq!(repair(&world.disk, Repair::Mend), [Mended::Secured(world.last())]);
    world.disk.remove(&commit_file(20, "commit")).expect("removed");
    world.disk.remove(&commit_file(64, "checkpoint")).expect("removed");
    let database = open(&world.disk);
    assert_eq!(database.health(), Health::Good);
    assert!(
        everything(&database.snapshot().expect("read")).expect("read")
            == world.states[&world.last()]
    );
}

/// A backup to a folder and one to an archive, each brought back.
#[test]
fn a_backup_is_the_database_as_it_was() {
    for make in [World::small, World::large] {
        let world = make();
        let database = open(&world.disk);
        let disk: Arc<dyn Disk> = Arc::new(world.disk.clone());
        let (folder, mut archive) = (Path::new("backup"), Vec::new());
        let made = database.backup(folder, |done, total| assert!(done <= total)).expect("made");
        assert_eq!((made.commit, made.linked), (world.last(), made.files));
        let error = database.backup(folder, |_, _| {}).expect_err("it is there");
        assert!(matches!(error, Error::Conflict { .. }), "{error}");
        let again = database.backup_to(&mut archive, |_, _| {}).expect("made");
        assert_eq!((again.commit, again.files, again.bytes), (made.commit, made.files, made.bytes));
        // What comes later is not in it.
        load_csv(&database, &cross(100));
        let restored = [Path::new("one"), Path::new("two")];
        Database::restore(&disk, folder, restored[0], |_, _| {}).expect("restored");
        let from = Database::restore_from(&disk, &archive[..], restored[1], |_, _| {});
        assert_eq!(from.expect("restored").files, made.files);
        for path in restored {
            let database =
                Database::open_or_create_on(Arc::clone(&disk), path).expect("is a database");
            let snapshot = database.snapshot().expect("read");
            assert_eq!(snapshot.number(), made.commit);
            assert!(everything(&snapshot).expect("read") == world.states[&made.commit]);
            for (number, expected) in &world.states {
                let snapshot = database.snapshot_at(*number).expect("kept");
                assert!(everything(&snapshot).expect("read") == *expected);
            }
            load_csv(&database, &cross(200));
            assert_eq!(database.check(|_, _| {}).expect("listed").problems.len(), 0);
        }
        assert_eq!(problems(&world.disk), 0);
    }
}

#[test]
fn a_damaged_backup_is_not_brought_back() {
    let world = World::large();
    let database = open(&world.disk);
    let mut archive = Vec::new();
    database.backup_to(&mut archive, |_, _| {}).expect("made");
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    let target = Path::new("db");
    let middle = archive.len() / 2;
    archive[middle] ^= 1;
    let error = Database::restore_from(&disk, &archive[..], target, |_, _| {});
    assert!(matches!(error, Err(Error::Corrupt { .. })), "{error:?}");
    assert!(!disk.exists(target).expect("looked"));
    let cut = &archive[..archive.len() - 700];
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::new());
    assert!(Database::restore_from(&disk, cut, target, |_, _| {}).is_err());
    let none = Database::restore(&disk, Path::new("none"), target, |_, _| {});
    assert!(matches!(none, Err(Error::NotFound { .. })));
}
