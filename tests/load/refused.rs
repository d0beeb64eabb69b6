//! Rows that cannot be stored: what is said of them, and where they go.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use sdmxdb::error::{Error, Problem};
use sdmxdb::store::LoadOptions;

use crate::structures::STRICT_SHAPE;
use crate::{database, load, names, rows_of, strict};

/// The rows that stand around the bad one.
const GOOD: [&str; 2] = ["A,AT,2019,1,A,,", "A,BE,2019,1.5,E,A title,KG"];

/// The problems of a message, after which nothing may be there that was not there before.
#[track_caller]
fn problems(message: &str) -> (Vec<Problem>, u64) {
    let (disk, database) = database();
    load(&database, &strict(&["M,CH,2000-01,5,A,,"])).expect("loaded");
    let before = (names(&disk, "commits"), names(&disk, "segments"));
    let rows = rows_of(&database, &STRICT_SHAPE);
    let error = load(&database, message).expect_err("refused");
    let Error::Rows { file, problems, count } = error else { panic!("{error}") };
    assert_eq!(file, "rows.csv");
    assert_eq!((names(&disk, "commits"), names(&disk, "segments")), before, "{message}");
    assert_eq!(database.snapshot().expect("read").number(), 2);
    assert_eq!(rows_of(&database, &STRICT_SHAPE), rows);
    load(&database, &strict(&GOOD)).expect("the next load works");
    (problems, count)
}

/// A row between good ones is refused: with its line, and with column, component and value of what
/// is wrong, and a reason that says this.
#[track_caller]
fn check(row: &str, place: Option<(u32, &str, &str)>, reason: &str) {
    let message = strict(&[GOOD[0], row, GOOD[1]]);
    let (problems, count) = problems(&message);
    let [problem] = problems.as_slice() else { panic!("{row}: {problems:?}") };
    assert_eq!((problem.line, count), (3, 1), "{row}: {problem}");
    let found = problem.column.zip(problem.component.as_deref());
    let found = found.zip(problem.value.as_deref()).map(|((a, b), c)| (a, b, c));
    assert_eq!(found, place, "{row}: {problem}");
    assert!(problem.reason.contains(reason), "{row}: {problem}");
}

#[test]
fn a_bad_cell_is_named_with_line_column_component_and_value() {
    check("A,XX,2020,1,A,,", Some((5, "AREA", "XX")), "is not a code of T:CL_STRICT_AREA");
    check("a,AT,2020,1,A,,", Some((4, "FREQ", "a")), "is not a code of T:CL_STRICT_FREQ");
    check("A,AT,2020,1,Z,,", Some((8, "OBS_STATUS", "Z")), "is not a code");
    check("A,AT,202,1,A,,", Some((6, "TIME_PERIOD", "202")), "");
    check("M,AT,2020-13,1,A,,", Some((6, "TIME_PERIOD", "2020-13")), "01 to 12");
    check("D,AT,2019-02-29,1,A,,", Some((6, "TIME_PERIOD", "2019-02-29")), "");
    check("X,AT,2021-W53,1,A,,", Some((6, "TIME_PERIOD", "2021-W53")), "no such week");
    check("X,AT,2021-D366,1,A,,", Some((6, "TIME_PERIOD", "2021-D366")), "no such week or day");
    check("A,AT,2020-01,1,A,,", Some((6, "TIME_PERIOD", "2020-01")), "of frequency A");
    check("M,AT,2020,1,A,,", Some((6, "TIME_PERIOD", "2020")), "of frequency M");
    check("A,AT,2020,x,A,,", Some((7, "OBS_VALUE", "x")), "decimal");
    check("A,AT,2020,1E5,A,,", Some((7, "OBS_VALUE", "1E5")), "decimal");
    check(",AT,2020,1,A,,", Some((4, "FREQ", "")), "is missing");
    check("A,,2020,1,A,,", Some((5, "AREA", "")), "is missing");
    check("A,AT,,1,A,,", Some((6, "TIME_PERIOD", "")), "is missing");
    check("A,AT,,,A,,", Some((6, "TIME_PERIOD", "")), "is missing");
}

#[test]
fn a_line_that_is_no_row_is_named() {
    check("A,AT,2020,1,A,", None, "has 9 cells, and the header 10");
    check("A,AT,2020,1,A,,,", None, "has 11 cells, and the header 10");
}

#[test]
fn the_same_observation_twice_names_both_lines() {
    check("A,AT,2019,1,A,,", None, "line 2: A.AT 2019");
    let (problems, count) = problems(&strict(&[
        "A,AT,2019,1,,,",
        "A,BE,2019,1,,,",
        "A,AT,2018,1,,,",
        "A,AT,2019,2,,,",
    ]));
    assert_eq!((problems[0].line, count), (5, 1));
    assert!(problems[0].reason.contains("line 2:"), "{}", problems[0]);
    // The third names the first too, or the second: a line that has it.
    let (problems, count) = problems_of_three();
    assert_eq!(count, 2);
    assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [3, 4]);
    for problem in &problems {
        assert!(problem.reason.contains("line 2:"), "{problem}");
    }
}

/// The duplicates do not stand behind the first row of their chunk.
fn problems_of_three() -> (Vec<Problem>, u64) {
    problems(&strict(&["A,AT,2019,1,,,", "A,AT,2019,1,,,", "A,AT,2019,2,,,", "A,AT,2018,1,,,"]))
}

#[test]
fn the_same_time_in_two_forms_is_refused() {
    let check = |rows: &[&str], line: u64, says: [&str; 2]| {
        let (problems, count) = problems(&strict(rows));
        assert_eq!((problems[0].line, count), (line, 1), "{rows:?}: {}", problems[0]);
        for text in says {
            assert!(problems[0].reason.contains(text), "{rows:?}: {}", problems[0]);
        }
    };
    check(&["A,AT,2020,1,,,", "A,AT,2020-A1,1,,,"], 3, ["2020-A1", "line 2"]);
    check(&["X,AT,2020-01-01/P1Y,1,,,", "X,AT,2020,1,,,"], 3, ["2020-01-01/P1Y", "line 2"]);
    check(&["X,AT,2020-01,1,,,", "X,AT,2020-M01,1,,,"], 3, ["2020-M01", "line 2"]);
    check(&["X,AT,2020-01-01/P1Y,1,,,", "X,AT,2020-01-01/P12M,1,,,"], 3, ["P12M", "line 2"]);
}

#[test]
fn the_same_time_as_a_stored_period_is_refused() {
    let (_, database) = database();
    load(&database, &strict(&["A,AT,2020,1,,,", "X,AT,2020-01-01/P1Y,1,,,"])).expect("loaded");
    for row in ["A,AT,2020-A1,1,,,", "X,AT,2020,1,,,"] {
        let error = load(&database, &strict(&[row])).expect_err("refused").to_string();
        assert!(error.contains("stored before"), "{row}: {error}");
    }
    assert_eq!(database.snapshot().expect("read").number(), 2);
    // Written the same way it is a revision.
    let report = load(&database, &strict(&["A,AT,2020,2,,,"])).expect("loaded");
    assert_eq!((report.commit, report.counts.changed), (Some(3), 1));
}

#[test]
fn the_first_twenty_are_named_and_all_are_counted() {
    let rows: Vec<String> = (0..50).map(|year| format!("A,XX,{},1,,,", 1950 + year)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let (first, count) = problems(&strict(&rows));
    assert_eq!(count, 50);
    let lines: Vec<u64> = first.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, (2..22).collect::<Vec<_>>());
    let error = Error::Rows { file: "rows.csv".into(), problems: first, count };
    let text = error.to_string();
    assert!(text.starts_with("rows.csv: 50 problems"), "{text}");
    assert!(text.ends_with("and 30 more"), "{text}");

    let years = (0..30).flat_map(|year| [1950 + year, 1950 + year]);
    let rows: Vec<String> = years.map(|year| format!("A,AT,{year},1,,,")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let (first, count) = problems(&strict(&rows));
    assert_eq!((first.len(), count), (20, 30), "duplicates");
}

/// A writer whose bytes the test can see.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("text")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn refused_rows_are_set_aside_and_the_rest_is_loaded() {
    let (_, database) = database();
    let bad = ["A,XX,2020,1,A,,", "A,AT,2020,1,A", "M,AT,2020,1,A,\"quoted, \"\"title\"\"\","];
    let message = strict(&[GOOD[0], bad[0], bad[1], GOOD[1], bad[2]]);
    let refused = Shared::default();
    let options = LoadOptions { refused: Some(Box::new(refused.clone())), ..LoadOptions::at(2) };
    let mut load = database.begin_load(options).expect("begun");
    load.csv(message.as_bytes(), "rows.csv").expect("goes on");
    let report = load.commit().expect("committed");
    assert_eq!((report.commit, report.rows, report.refused), (Some(2), 5, 3));
    assert_eq!(report.counts.inserted, 2);
    let lines: Vec<u64> = report.problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [3, 4, 6]);
    let text = refused.text();
    assert_eq!(text, strict(&bad));
    let rows = ["A.AT 2019|1 OBS_STATUS=A", "A.BE 2019|1.5 OBS_STATUS=E TITLE=A title UNIT=KG"];
    assert_eq!(rows_of(&database, &STRICT_SHAPE), rows);
}

#[test]
fn of_refused_duplicates_the_first_is_loaded() {
    let (_, database) = database();
    let refused = Shared::default();
    let options = LoadOptions { refused: Some(Box::new(refused.clone())), ..LoadOptions::at(2) };
    let mut load = database.begin_load(options).expect("begun");
    let rows = ["A,AT,2020,1,,,", "A,AT,2020,2,,,", "A,BE,2020,3,,,", "A,BE,2020-A1,4,,,"];
    load.csv(strict(&rows).as_bytes(), "rows.csv").expect("goes on");
    let report = load.commit().expect("committed");
    let text = refused.text();
    assert!(text.lines().count() == 3, "the header and the two rows left out: {text}");
    assert_eq!((report.refused, report.counts.inserted), (2, 2));
    assert_eq!(rows_of(&database, &STRICT_SHAPE), ["A.AT 2020|1", "A.BE 2020|3"]);
}

#[test]
fn a_refused_row_leaves_no_trace() {
    let (_, database) = database();
    let refused = Shared::default();
    let options = LoadOptions { refused: Some(Box::new(refused.clone())), ..LoadOptions::at(2) };
    let mut load = database.begin_load(options).expect("begun");
    // Each is refused for its last part, after all that stands before was looked at.
    let rows = [
        "A,CH,2020,1,Z,Bad title,BAD",
        "A,AT,2020,1,,,",
        "A,BE,2020,x,,Bad title,BAD",
        "A,AT,2021,1,,,",
    ];
    load.csv(strict(&rows).as_bytes(), "rows.csv").expect("goes on");
    load.commit().expect("committed");
    assert_eq!(rows_of(&database, &STRICT_SHAPE), ["A.AT 2020|1", "A.AT 2021|1"]);
    let snapshot = database.snapshot().expect("read");
    let cube = snapshot.cube(&STRICT_SHAPE.id()).expect("opened");
    assert_eq!(cube.codes(1).iter().collect::<Vec<_>>(), ["AT"]);
}
