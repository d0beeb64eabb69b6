//! Small cases that random commits meet now and then, each on its own.

use std::fmt::Write as _;

use sdmxdb::disk::MemoryDisk;
use sdmxdb::model::Action;
use sdmxdb::store::{Database, LoadOptions, LoadReport};

use crate::structures::CROSS_SHAPE;
use crate::{open, reading};

fn database() -> Database {
    let database = open(&MemoryDisk::new());
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    load.structures(CROSS_SHAPE.artefacts()).expect("added");
    load.commit().expect("committed");
    database
}

/// Deletes the series of these ages, of all sexes, and loads rows, all in one.
fn change(database: &Database, deleted: &[&[&str]], rows: &[&str]) -> LoadReport {
    let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
    let flow = load.flow(&CROSS_SHAPE.id()).expect("known");
    for age in deleted.iter().copied().flatten() {
        let cells = [None, Some(*age), None, None, None];
        load.row(flow, Action::Delete, &cells).expect("taken");
    }
    let mut message = CROSS_SHAPE.header();
    for row in rows {
        write!(message, "\ndataflow,{},I,{row}", CROSS_SHAPE.flow).expect("into a string");
    }
    load.csv(message.as_bytes(), "rows.csv").expect("read");
    load.commit().expect("committed")
}

#[track_caller]
fn check(database: &Database, ages: &[&str], rows: &[&str]) {
    let snapshot = database.snapshot().expect("read");
    let cube = snapshot.cube(&CROSS_SHAPE.id()).expect("opened");
    assert_eq!(cube.codes(1).iter().collect::<Vec<_>>(), ages);
    assert_eq!(reading::all(&cube), rows);
}

/// The segment has the codes Y1 and Y2, the cube Y2 and Y3: as many, but others.
#[test]
fn as_many_codes_need_not_be_the_same_codes() {
    let database = database();
    change(&database, &[], &["F,Y1,1,,", "F,Y2,2,,"]);
    change(&database, &[&["Y1"]], &[]);
    change(&database, &[], &["F,Y3,3,,"]);
    check(&database, &["Y2", "Y3"], &["F.Y2 |2", "F.Y3 |3"]);
}

#[test]
fn codes_of_rows_that_changed_nothing_do_not_occur() {
    let database = database();
    change(&database, &[], &["F,Y1,1,,", "F,Y2,2,,"]);
    // Y1 is as it was, so only Y2 is in the new segment; then Y1 is deleted.
    change(&database, &[], &["F,Y1,1,,", "F,Y2,3,,"]);
    change(&database, &[&["Y1"]], &[]);
    check(&database, &["Y2"], &["F.Y2 |3"]);
}

#[test]
fn what_is_deleted_goes_before_what_the_same_load_brings() {
    let database = database();
    change(&database, &[], &["F,Y1,1,A,Old title", "F,Y2,2,,"]);
    let report = change(&database, &[&["Y1"]], &["F,Y1,,E,", "F,Y2,9,,"]);
    let counts = (report.counts.deleted, report.counts.inserted, report.counts.changed);
    // The observation is another one, without title and value, at the same place.
    assert_eq!(counts, (0, 0, 2));
    check(&database, &["Y1", "Y2"], &["F.Y1 | OBS_STATUS=E", "F.Y2 |9"]);
}

#[test]
fn a_series_that_two_rows_choose_is_deleted_once() {
    let database = database();
    change(&database, &[], &["F,Y1,1,,", "F,Y2,2,,", "F,Y3,3,,"]);
    let report = change(&database, &[&["Y1", "Y2"], &["Y2", "Y3"]], &[]);
    assert_eq!((report.commit, report.counts.deleted), (Some(3), 3));
    check(&database, &[], &[]);
}
