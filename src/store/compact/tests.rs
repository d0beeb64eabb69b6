//! Readers see the same before and after, whatever is loaded meanwhile and wherever power fails.

use std::sync::Arc;

use crate::catalog::CommitKind;
use crate::disk::{Crash, MemoryDisk};
use crate::model::ArtefactId;
use crate::store::compact::CompactOptions;
use crate::store::testing::{Small, contents};
use crate::store::{Database, Snapshot};

fn parts(snapshot: &Snapshot) -> usize {
    snapshot.state().segments(&Small::flow()).count()
}

fn open(disk: &MemoryDisk) -> Database {
    Database::open_or_create_on(Arc::new(disk.clone()), "db").expect("opened")
}

fn full() -> CompactOptions {
    CompactOptions { is_full: true, ..CompactOptions::at(1_000) }
}

fn compact(database: &Database, options: &CompactOptions) -> u64 {
    database.compact(options, &mut |_| Ok(())).expect("compacted").commits
}

#[test]
fn small_commits_are_brought_together_after_loads() {
    let small = Small::new(MemoryDisk::new());
    let mut most = 0;
    for number in 0..60 {
        small.revise(number % 7, &number.to_string());
        most = most.max(parts(&small.snapshot()));
    }
    assert!(most <= 9, "{most} segments");
    let snapshot = small.snapshot();
    let commits: Vec<_> = snapshot.commits().map(|record| record.kind).collect();
    assert!(commits.contains(&CommitKind::Compaction));
    assert_eq!(contents(&snapshot), small.expected());
    let updated = snapshot.flows()[0].updated;
    let last = snapshot.commits().rfind(|record| record.kind == CommitKind::Change);
    assert_eq!(Some(updated), last.map(|record| record.effective), "compaction has no date");
}

#[test]
fn full_compaction_leaves_one_segment_and_every_earlier_state() {
    let small = Small::new(MemoryDisk::new());
    let mut states = Vec::new();
    for number in 0..12 {
        small.revise(number % 5, &number.to_string());
        states.push((small.snapshot().number(), small.expected()));
    }
    assert_eq!(compact(&small.database, &full()), 1);
    let snapshot = small.snapshot();
    assert_eq!((parts(&snapshot), contents(&snapshot)), (1, small.expected()));
    for (number, expected) in &states {
        let before = small.database.snapshot_at(*number).expect("is kept");
        assert_eq!(&contents(&before), expected, "commit {number}");
    }
    assert_eq!(compact(&small.database, &full()), 0, "nothing is left to do");
    let report = small.database.check(|_, _| ()).expect("checked");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn what_is_loaded_while_it_writes_is_not_lost() {
    let small = Small::new(MemoryDisk::new());
    for number in 0..5 {
        small.revise(number, "1");
    }
    let mut times = 0;
    let mut load_meanwhile = |_| {
        if times == 0 {
            small.revise(3, "99");
            small.delete(4);
        }
        times += 1;
        Ok(())
    };
    let report = small.database.compact(&full(), &mut load_meanwhile).expect("compacted");
    assert_eq!(report.commits, 1);
    let snapshot = small.snapshot();
    assert_eq!(contents(&snapshot), small.expected());
    let open = open(&small.disk);
    assert_eq!(contents(&open.snapshot().expect("read")), small.expected());
    let report = open.check(|_, _| ()).expect("checked");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn every_crash_while_compacting_shows_the_same() {
    let small = Small::new(MemoryDisk::traced());
    for number in 0..6 {
        small.revise(number % 4, &number.to_string());
    }
    small.long_series();
    let (before, expected) = (small.disk.trace().len(), small.expected());
    assert_eq!(compact(&small.database, &full()), 1);
    for at in before..=small.disk.trace().len() {
        let modes = [Crash::Keep, Crash::Drop, Crash::Names, Crash::Torn];
        for mode in modes.into_iter().chain((0..8).map(Crash::Random)) {
            let found = open(&small.disk.crash(at, mode));
            assert_eq!(contents(&found.snapshot().expect("read")), expected, "{at} {mode:?}");
            compact(&found, &full());
            assert_eq!(contents(&found.snapshot().expect("read")), expected, "{at} {mode:?}");
        }
    }
}

#[test]
fn one_compaction_is_at_work_at_a_time_and_flows_must_be_there() {
    let small = Small::new(MemoryDisk::new());
    small.revise(1, "1");
    let lock = small.database.catalog().disk().lock(&small.database.catalog().compaction_lock());
    let error = small.database.compact(&full(), &mut |_| Ok(())).expect_err("two at work");
    assert!(error.to_string().contains("another compaction"), "{error}");
    drop(lock);
    let flow = Some(ArtefactId::new("X", "NO", "1.0"));
    let options = CompactOptions { flow, ..full() };
    assert!(small.database.compact(&options, &mut |_| Ok(())).is_err());
}
