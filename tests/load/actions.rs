//! What rows ask for, case by case.
//!
//! Source: SDMX-CSV 2.1 field guide, "ACTION", and SDMX-ML 3.1, section 4.1, whose tables are the
//! same.

use std::fmt::Write as _;

use sdmxdb::error::Error;
use sdmxdb::model::Action;
use sdmxdb::store::{Database, LoadOptions, LoadReport};

use crate::refused::Shared;
use crate::structures::{CROSS_SHAPE, STRICT_SHAPE};
use crate::{database, rows_of};

/// A message of [`STRICT_SHAPE`]: its columns are the action, FREQ, AREA, TIME_PERIOD, OBS_VALUE,
/// OBS_STATUS, TITLE (of the series) and UNIT (of the area).
fn load(database: &Database, rows: &[&str]) -> Result<LoadReport, Error> {
    let mut message = STRICT_SHAPE.header();
    for row in rows {
        write!(message, "\ndataflow,{},{row}", STRICT_SHAPE.flow).expect("into a string");
    }
    let mut load = database.begin_load(LoadOptions::at(2))?;
    load.csv(message.as_bytes(), "rows.csv")?;
    load.commit()
}

/// What two years of two areas have to say.
const STORED: [&str; 4] = [
    "M,A,AT,2020,1,A,Austria,kg",
    "M,A,AT,2021,2,E,,",
    "M,A,BE,2020,3,A,Belgium,t",
    "M,M,AT,2020-01,4,A,Monthly,",
];
const SEEN: [&str; 4] = [
    "A.AT 2020|1 OBS_STATUS=A TITLE=Austria UNIT=kg",
    "A.AT 2021|2 OBS_STATUS=E TITLE=Austria UNIT=kg",
    "A.BE 2020|3 OBS_STATUS=A TITLE=Belgium UNIT=t",
    "M.AT 2020-01|4 OBS_STATUS=A TITLE=Monthly UNIT=kg",
];

/// What is left of [`SEEN`] after these rows came: each line is the one before, changed, or left
/// out if it is empty. Lines beyond those are new.
#[track_caller]
fn check(rows: &[&str], changed: &[(usize, &str)]) -> LoadReport {
    let (_, database) = database();
    load(&database, &STORED).expect("loaded");
    assert_eq!(rows_of(&database, &STRICT_SHAPE), SEEN);
    let report = load(&database, rows).expect("loaded");
    let mut expected = SEEN.map(str::to_owned).to_vec();
    for (at, line) in changed {
        expected.resize(expected.len().max(at + 1), String::new());
        expected[*at] = (*line).to_owned();
    }
    expected.retain(|line| !line.is_empty());
    expected.sort_unstable();
    let mut found = rows_of(&database, &STRICT_SHAPE);
    found.sort_unstable();
    assert_eq!(found, expected, "{rows:?}");
    // Once more changes nothing, and makes no version.
    let is_same = changed.is_empty();
    assert_eq!(report.commit.is_none(), is_same, "{rows:?}");
    report
}

#[track_caller]
fn refused(rows: &[&str], expected: &str) {
    let (_, database) = database();
    load(&database, &STORED).expect("loaded");
    let error = load(&database, rows).expect_err("refused").to_string();
    assert!(error.contains(expected), "{error}\n  has no {expected}");
    assert_eq!(rows_of(&database, &STRICT_SHAPE), SEEN);
}

fn counts(report: &LoadReport) -> [u64; 4] {
    let counts = report.counts;
    [counts.inserted, counts.changed, counts.deleted, counts.unchanged]
}

#[test]
fn merge_sets_what_is_given_and_leaves_the_rest() {
    for letter in ["M", "A", "I", ""] {
        let report = check(
            &[&format!("{letter},A,AT,2020,9,,,"), &format!("{letter},A,AT,2021,,A,,")],
            &[
                (0, "A.AT 2020|9 OBS_STATUS=A TITLE=Austria UNIT=kg"),
                (1, "A.AT 2021|2 OBS_STATUS=A TITLE=Austria UNIT=kg"),
            ],
        );
        assert_eq!(counts(&report), [0, 2, 0, 0]);
    }
    let report = check(&STORED, &[]);
    assert_eq!(counts(&report), [0, 0, 0, 4]);
    check(&["M,A,AT,2022,5,,,"], &[(4, "A.AT 2022|5 TITLE=Austria UNIT=kg")]);
    // Attributes of keys need no more than their dimensions.
    check(&["M,,BE,,,,,lb"], &[(2, "A.BE 2020|3 OBS_STATUS=A TITLE=Belgium UNIT=lb")]);
    check(&["M,~,BE,~,,,,lb"], &[(2, "A.BE 2020|3 OBS_STATUS=A TITLE=Belgium UNIT=lb")]);
    check(&["M,A,BE,,,,B,"], &[(2, "A.BE 2020|3 OBS_STATUS=A TITLE=B UNIT=t")]);
}

#[test]
fn replace_deletes_what_is_left_out_of_observations_and_merges_above() {
    let report = check(
        &["R,A,AT,2020,1,,,", "R,A,AT,2021,,A,,", "R,A,BE,2020,3,A,,", "R,A,AT,2022,7,,New,"],
        &[
            (0, "A.AT 2020|1 TITLE=New UNIT=kg"),
            (1, "A.AT 2021| OBS_STATUS=A TITLE=New UNIT=kg"),
            (4, "A.AT 2022|7 TITLE=New UNIT=kg"),
        ],
    );
    assert_eq!(counts(&report), [1, 2, 0, 1]);
    check(&["R,A,BE,,,,B,"], &[(2, "A.BE 2020|3 OBS_STATUS=A TITLE=B UNIT=t")]);
    check(&["R,,BE,,,,,lb"], &[(2, "A.BE 2020|3 OBS_STATUS=A TITLE=Belgium UNIT=lb")]);
    check(&["R,A,BE,2020,3,A,Belgium,t"], &[]);
}

#[test]
fn merge_and_replace_need_the_dimensions_of_what_they_give() {
    for letter in ["M", "R"] {
        let dimension = "is missing: only attributes of the dimensions that are given";
        refused(&[&format!("{letter},,AT,2020,9,,,")], dimension);
        refused(&[&format!("{letter},~,AT,2020,9,,,")], dimension);
        refused(&[&format!("{letter},A,,,,,T,")], dimension);
        refused(&[&format!("{letter},A,~,,,,T,")], dimension);
        refused(&[&format!("{letter},A,,,,,,kg")], dimension);
        refused(&[&format!("{letter},A,AT,,9,,,")], "an observation needs its period");
        refused(&[&format!("{letter},A,AT,~,,E,,")], "an observation needs its period");
    }
}

#[test]
fn delete_takes_whole_observations_or_what_is_named() {
    let report = check(&["D,A,AT,2020,,,,"], &[(0, "")]);
    assert_eq!(counts(&report), [0, 0, 1, 0]);
    // Any text names a value; none need be right.
    for text in ["-", "1", "NaN", "nonsense"] {
        let report = check(
            &[&format!("D,A,AT,2020,{text},,,")],
            &[(0, "A.AT 2020| OBS_STATUS=A TITLE=Austria UNIT=kg")],
        );
        assert_eq!(counts(&report), [0, 1, 0, 0]);
    }
    check(&["D,A,AT,2020,,-,,"], &[(0, "A.AT 2020|1 TITLE=Austria UNIT=kg")]);
    // Without any value left, the observation is gone.
    check(&["D,A,AT,2020,-,-,,"], &[(0, "")]);
    check(&["D,A,AT,2020,-,,,", "D,A,AT,2020,,-,,"], &[(0, "")]);
    // Attributes of keys are found by the dimensions of their key.
    let without = "A.BE 2020|3 OBS_STATUS=A UNIT=t";
    for row in ["D,A,BE,,,,-,", "D,A,BE,~,,,-,", "D,A,BE,2020,,,-,", "D,,BE,,,,-,"] {
        check(&[row], &[(2, without)]);
    }
    let without = "A.BE 2020|3 OBS_STATUS=A TITLE=Belgium";
    for row in ["D,,BE,,,,,-", "D,~,BE,~,,,,-", "D,A,BE,,,,,-", "D,A,BE,2020,,,,-"] {
        check(&[row], &[(2, without)]);
    }
    check(&["D,A,BE,2020,-,,-,-"], &[(2, "A.BE 2020| OBS_STATUS=A")]);
    // Units of all areas are not those of a frequency, and a title is not of a year.
    check(&["D,A,,,,,,-", "D,A,,2020,,,-,-"], &[]);
}

#[test]
fn an_empty_dimension_stands_for_all_codes_in_a_delete() {
    let report = check(&["D,,,,,,,"], &[(0, ""), (1, ""), (2, ""), (3, "")]);
    assert_eq!(counts(&report), [0, 0, 4, 0]);
    check(&["D,A,,,,,,"], &[(0, ""), (1, ""), (2, "")]);
    check(&["D,,AT,,,,,"], &[(0, ""), (1, ""), (3, "")]);
    check(&["D,A,AT,,,,,"], &[(0, ""), (1, "")]);
    check(&["D,,,2020,,,,"], &[(0, ""), (2, "")]);
    check(&["D,A,,2021,,,,"], &[(1, "")]);
    check(
        &["D,,AT,,-,,,"],
        &[
            (0, "A.AT 2020| OBS_STATUS=A TITLE=Austria UNIT=kg"),
            (1, "A.AT 2021| OBS_STATUS=E TITLE=Austria UNIT=kg"),
            (3, "M.AT 2020-01| OBS_STATUS=A TITLE=Monthly UNIT=kg"),
        ],
    );
    check(
        &["D,,,2020,,-,,"],
        &[(0, "A.AT 2020|1 TITLE=Austria UNIT=kg"), (2, "A.BE 2020|3 TITLE=Belgium UNIT=t")],
    );
    check(
        &["D,A,,,,,-,"],
        &[
            (0, "A.AT 2020|1 OBS_STATUS=A UNIT=kg"),
            (1, "A.AT 2021|2 OBS_STATUS=E UNIT=kg"),
            (2, "A.BE 2020|3 OBS_STATUS=A UNIT=t"),
        ],
    );
}

#[test]
fn a_dimension_that_is_switched_off_keeps_what_is_attached_to_it() {
    // Without names, all attributes of the keys that have these dimensions and no other.
    check(&["D,~,BE,~,,,,"], &[(2, "A.BE 2020|3 OBS_STATUS=A TITLE=Belgium")]);
    check(&["D,A,BE,~,,,,"], &[(2, "A.BE 2020|3 OBS_STATUS=A UNIT=t")]);
    check(&["D,,BE,~,,,,"], &[(2, "A.BE 2020|3 OBS_STATUS=A")]);
    check(
        &["D,~,,~,,,,"],
        &[
            (0, "A.AT 2020|1 OBS_STATUS=A TITLE=Austria"),
            (1, "A.AT 2021|2 OBS_STATUS=E TITLE=Austria"),
            (2, "A.BE 2020|3 OBS_STATUS=A TITLE=Belgium"),
            (3, "M.AT 2020-01|4 OBS_STATUS=A TITLE=Monthly"),
        ],
    );
    check(&["D,~,~,~,,,,"], &[]);
    refused(&["D,~,BE,,,,-,"], "may not be ~: TITLE is attached to it");
    refused(&["D,A,BE,~,-,,,"], "may not be ~: OBS_VALUE is attached to it");
    refused(&["D,A,~,,,,,-"], "may not be ~: UNIT is attached to it");
    refused(&["D,Z,AT,,,,,"], "is not a code of");
    refused(&["D,A,AT,soon,,,,"], "soon");
}

#[test]
fn the_attributes_of_a_region_go_with_it_if_it_has_all_of_their_key() {
    // The unit belongs to an area: annual data of it are less than that.
    check(&["D,A,BE,,,,,", "M,M,BE,2020-01,1,,,"], &[(2, "M.BE 2020-01|1 UNIT=t")]);
    check(&["D,,BE,,,,,", "M,M,BE,2020-01,1,,,"], &[(2, "M.BE 2020-01|1")]);
    check(&["D,,BE,2020,,,,", "M,M,BE,2020-01,1,,,"], &[(2, "M.BE 2020-01|1 UNIT=t")]);
}

#[test]
fn attributes_of_a_series_vanish_with_its_last_observation() {
    check(&["D,A,BE,2020,,,,", "M,A,BE,2020,3,A,,"], &[(2, "A.BE 2020|3 OBS_STATUS=A UNIT=t")]);
    check(&["D,A,BE,2020,-,-,,", "R,A,BE,2020,3,A,,"], &[(2, "A.BE 2020|3 OBS_STATUS=A UNIT=t")]);
    check(&["D,A,AT,2020,,,,", "M,A,AT,2020,1,A,,"], &[]);
    let both = ["D,A,AT,2020,,,,", "D,,,2021,,,,", "M,A,AT,2020,1,A,,"];
    check(&both, &[(0, "A.AT 2020|1 OBS_STATUS=A UNIT=kg"), (1, "")]);
    // What is said before there is an observation waits for it.
    check(&["M,M,BE,,,,New,", "M,M,BE,2020-01,1,,,"], &[(4, "M.BE 2020-01|1 TITLE=New UNIT=t")]);
    check(
        &["M,M,BE,,,,New,", "D,M,BE,,,,,", "M,M,BE,2020-01,1,,,"],
        &[(4, "M.BE 2020-01|1 UNIT=t")],
    );
}

#[test]
fn rows_apply_in_their_order() {
    // Replace all, which is how an office often sends its data.
    let all = ["D,,,,,,,", STORED[0], STORED[1], STORED[2], STORED[3]];
    let report = check(&all, &[]);
    assert_eq!(counts(&report), [0, 0, 0, 4]);
    let report = check(&["D,,,,,,,", STORED[0]], &[(1, ""), (2, ""), (3, "")]);
    assert_eq!(counts(&report), [0, 0, 3, 1]);
    let first = STORED.iter().copied().chain(["D,,,,,,,"]).collect::<Vec<_>>();
    let report = check(&first, &[(0, ""), (1, ""), (2, ""), (3, "")]);
    assert_eq!(counts(&report), [0, 0, 4, 0]);
    // One observation, again and again.
    let rows = ["M,A,AT,2020,5,,,", "D,A,AT,2020,-,,,", "R,A,AT,2020,6,,,", "M,A,AT,2020,,E,,"];
    let report = check(&rows, &[(0, "A.AT 2020|6 OBS_STATUS=E TITLE=Austria UNIT=kg")]);
    assert_eq!(counts(&report), [0, 1, 0, 0]);
    let report = check(&["M,A,AT,2025,5,,,", "D,A,AT,2025,,,,"], &[]);
    assert_eq!(counts(&report), [0, 0, 0, 0]);
    // Deletes that overlap, with a merge between them.
    let rows = ["D,,AT,,,,,", "M,A,AT,2021,8,,,", "D,,,2021,-,,,", "M,A,AT,2020,9,,,"];
    check(&rows, &[(0, "A.AT 2020|9"), (1, ""), (3, "")]);
    let rows = ["D,,AT,,,,,", "M,A,AT,2021,8,,,", "D,,,2020,-,,,", "M,A,AT,2020,9,,,"];
    let changed = [
        (0, "A.AT 2020|9"),
        (1, "A.AT 2021|8"),
        (2, "A.BE 2020| OBS_STATUS=A TITLE=Belgium UNIT=t"),
    ];
    check(&rows, &[changed[0], changed[1], changed[2], (3, "")]);
}

#[test]
fn what_is_not_there_may_be_replaced_and_deleted() {
    check(&["D,X,CH,,,,,", "D,X,CH,1900,,,,", "D,A,AT,1900,,,,", "D,,,1900,-,,,"], &[]);
    check(&["D,A,AT,1900,-,-,,", "D,X,,,,,-,-"], &[]);
    check(&["R,A,AT,1900,1,,,"], &[(4, "A.AT 1900|1 TITLE=Austria UNIT=kg")]);
    let (_, database) = database();
    let report = load(&database, &["D,,,,,,,", "D,A,AT,2020,-,,,"]).expect("loaded");
    assert_eq!((report.commit, counts(&report)), (None, [0; 4]));
}

#[test]
fn an_observation_comes_once_in_a_run() {
    let twice = "the same key and period as line 2: A.AT 2020";
    refused(&["M,A,AT,2020,5,,,", "M,A,AT,2021,6,,,", "I,A,AT,2020,7,,,"], twice);
    refused(&["R,A,AT,2020,5,,,", "R,A,AT,2020,5,,,"], twice);
    refused(&["R,A,AT,2020,5,,,", "R,A,AT,2020,5,,,", "D,A,AT,,,,,"], twice);
    let changed = [(0, "A.AT 2020|6 OBS_STATUS=A TITLE=Austria UNIT=kg")];
    check(&["M,A,AT,2020,5,,,", "D,A,BE,1900,,,,", "M,A,AT,2020,6,,,"], &changed);
    // A program says itself where a run ends.
    let (_, database) = database();
    let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
    let flow = load.flow(&CROSS_SHAPE.id()).expect("known");
    for value in ["1", "2"] {
        let cells = [Some("F"), Some("Y1"), Some(value), None, None];
        load.row(flow, Action::Merge, &cells).expect("taken");
        load.next_run();
    }
    assert_eq!(load.commit().expect("committed").counts.inserted, 1);
    assert_eq!(rows_of(&database, &CROSS_SHAPE), ["F.Y1 |2"]);
}

#[test]
fn a_time_that_was_deleted_may_come_under_another_text() {
    let year = "2020-01-01/P1Y";
    let other = format!("M,X,CH,{year},2,,,");
    let (_, database) = database();
    load(&database, &["M,X,CH,2020,1,,,"]).expect("loaded");
    let error = load(&database, &[&other, "D,X,CH,2020,,,,"]).expect_err("refused").to_string();
    assert!(error.contains("is the same time as 2020 (stored before): X.CH"), "{error}");
    load(&database, &["D,X,CH,2020,,,,", &other]).expect("loaded");
    assert_eq!(rows_of(&database, &STRICT_SHAPE), [format!("X.CH {year}|2")]);
    let rows = ["D,X,CH,,,,,", "M,X,CH,2020,3,,,", &other];
    let error = load(&database, &rows).expect_err("refused").to_string();
    assert!(error.contains("is the same time as 2020 (line 3): X.CH"), "{error}");
}

#[test]
fn one_message_changes_several_dataflows_in_one_commit() {
    let (_, database) = database();
    load(&database, &STORED).expect("loaded");
    let (strict, cross) = (STRICT_SHAPE.flow, CROSS_SHAPE.flow);
    let message = format!(
        "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,AREA,TIME_PERIOD,SEX,AGE,OBS_VALUE\n\
         dataflow,{cross},M,,,,F,Y1,1\ndataflow,{strict},D,,AT,,,,\n\
         dataflow,{cross},M,,,,M,Y1,2\ndataflow,{strict},M,A,AT,2020,,,7\n\
         dataflow,{cross},D,,,,F,,\n"
    );
    let mut load = database.begin_load(LoadOptions::at(3)).expect("begun");
    load.csv(message.as_bytes(), "rows.csv").expect("read");
    let report = load.commit().expect("committed");
    assert_eq!((report.commit, counts(&report)), (Some(3), [1, 1, 2, 0]));
    assert_eq!(rows_of(&database, &STRICT_SHAPE), ["A.AT 2020|7", SEEN[2]]);
    assert_eq!(rows_of(&database, &CROSS_SHAPE), ["M.Y1 |2"]);
}

#[test]
fn refused_rows_leave_no_trace_where_the_load_goes_on() {
    let (_, database) = database();
    load(&database, &STORED).expect("loaded");
    let flow = STRICT_SHAPE.flow;
    let message = format!(
        "{}\ndataflow,{flow},M,A,AT,2020,5,,,\ndataflow,{flow},M,A,AT,2020,6,,,\n\
         dataflow,{flow},D,A,ZZ,,,,,\ndataflow,{flow},D,A,AT,2021,,,,\n\
         dataflow,{flow},Z,A,AT,2020,,,,\n",
        STRICT_SHAPE.header()
    );
    let refused = Shared::default();
    let options = LoadOptions { refused: Some(Box::new(refused.clone())), ..LoadOptions::at(3) };
    let mut load = database.begin_load(options).expect("begun");
    load.csv(message.as_bytes(), "rows.csv").expect("read");
    let report = load.commit().expect("committed");
    assert_eq!((report.refused, counts(&report)), (3, [0, 1, 1, 0]));
    let expected = format!(
        "{}\ndataflow,{flow},D,A,ZZ,,,,,\ndataflow,{flow},Z,A,AT,2020,,,,\n\
         dataflow,{flow},M,A,AT,2020,6,,,\n",
        STRICT_SHAPE.header()
    );
    assert_eq!(refused.text(), expected);
    let changed = "A.AT 2020|5 OBS_STATUS=A TITLE=Austria UNIT=kg";
    assert_eq!(rows_of(&database, &STRICT_SHAPE), [changed, SEEN[2], SEEN[3]]);
}
