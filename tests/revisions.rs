//! The commands of history from the outside: `log`, `diff`, `revert`, `load --dry-run` and its
//! gates, `name`.

#[path = "sql/program.rs"]
mod program;

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Run, file, run};

const HEADER: &str =
    "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,AREA,ITEM,TIME_PERIOD,OBS_VALUE,OBS_STATUS\n";

/// A folder with the database `db` of the small cube, its first commit.
fn with_small() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [file("tests/sql/data/small.xml"), file("tests/sql/data/small.csv")];
    run(folder.path(), &["load", "db", &files[0], &files[1], "-m", "first"]).ok();
    folder
}

/// Writes a message of lines such as `M,A,AT,X1,2020,1,A`: the action, then the columns.
fn message(folder: &Path, name: &str, lines: &str) {
    let rows = lines.lines().map(|line| format!("dataflow,T:SMALL(1.0),{line}\n"));
    fs::write(folder.join(name), HEADER.to_owned() + &rows.collect::<String>()).expect("written");
}

/// Revises two observations, of which one by a tenth, and adds one.
fn revise(folder: &Path) {
    message(
        folder,
        "second.csv",
        "M,A,AT,X1,2019,12.1,E\nM,A,AT,X1,2018,10,A\nM,A,AT,X1,2024,14,E",
    );
}

/// A database with a second commit.
fn revised() -> TempDir {
    let folder = with_small();
    revise(folder.path());
    run(folder.path(), &["load", "db", "second.csv", "-m", "revision"]).ok();
    folder
}

fn ask(folder: &Path, sql: &str) -> String {
    let run = run(folder, &["sql", "db", "-c", sql, "--format", "csv"]).ok();
    run.text().trim_end().replace('\n', " ")
}

const AUSTRIA: &str = "SELECT obs_value_text, obs_status FROM t.small \
                       WHERE freq = 'A' AND area = 'AT' AND item = 'X1' ORDER BY time_period";
const FIRST: &str = "obs_value_text,obs_status 10.5,A 11,A ,M 12.25,A 12.5,A 13,A";
const SECOND: &str = "obs_value_text,obs_status 10,A 12.1,E ,M 12.25,A 12.5,A 13,A 14,E";

/// The lines of a text without those that tell a time.
fn without_times(run: &Run) -> Vec<String> {
    let timeless = |line: &&str| !(line.contains("effective") || line.contains("loaded"));
    run.text().lines().filter(timeless).map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn the_log_lists_commits_the_newest_first() {
    let folder = revised();
    let at = folder.path();
    let log = run(at, &["log", "db"]).ok();
    let bytes = fs::metadata(at.join("second.csv")).expect("a file").len();
    let lines = without_times(&log);
    assert_eq!(lines[0], "commit 2");
    assert!(lines[1].starts_with(&format!("  source     second.csv ({bytes} bytes")), "{lines:?}");
    // The line says what `sha256sum` says of the file.
    let sum = Command::new("sha256sum").arg("second.csv").current_dir(at).output();
    if let Ok(sum) = sum {
        let hash = String::from_utf8_lossy(&sum.stdout);
        let hash = hash.split(' ').next().unwrap_or_default();
        assert_eq!(lines[2], format!("  sha256     {hash}"));
    }
    assert_eq!(lines[3..6], ["  message    revision", "  1 inserted, 2 changed", "commit 1"]);
    assert!(log.text().contains("  34 inserted"), "{}", log.text());
    assert_eq!(log.text().matches("  effective  2").count(), 2);
    let one = run(at, &["log", "db", "-n", "1"]).ok();
    assert!(one.text().starts_with("commit 2\n") && !one.text().contains("commit 1\n"));
    // The sample touches no flow of these.
    let sample =
        ["structures.xml", "pop_be.csv.zst"].map(|name| file(&format!("sql/sample/{name}")));
    run(at, &["load", "db", &sample[0], &sample[1]]).ok();
    let of_flow = run(at, &["log", "db", "--flow", "T:SMALL"]).ok();
    let commits = of_flow.text().lines().filter(|line| line.starts_with("commit "));
    assert_eq!(commits.collect::<Vec<_>>(), ["commit 2", "commit 1"]);
    assert_eq!(run(at, &["log", "db", "--flow", "T:NONE"]).code, 3);
}

#[test]
fn the_difference_of_two_commits_is_exact() {
    let folder = revised();
    let at = folder.path();
    let text = run(at, &["diff", "db", "1", "2"]).ok();
    assert_eq!(
        text.text().lines().collect::<Vec<_>>(),
        [
            "changed  T:SMALL(1.0) A.AT.X1 2018 OBS_VALUE: 10.5 -> 10",
            "changed  T:SMALL(1.0) A.AT.X1 2019 OBS_VALUE: 11 -> 12.1",
            "changed  T:SMALL(1.0) A.AT.X1 2019 OBS_STATUS: A -> E",
            "inserted T:SMALL(1.0) A.AT.X1 2024 OBS_VALUE: 14",
            "inserted T:SMALL(1.0) A.AT.X1 2024 OBS_STATUS: E",
            "T:SMALL(1.0): 1 inserted, 2 changed, 0 deleted; 0 attributes above observations",
        ]
    );
    let csv = run(at, &["diff", "db", "2", "1", "--flow", "t.small", "--format", "csv"]).ok();
    assert_eq!(
        csv.text().lines().collect::<Vec<_>>(),
        [
            "dataflow,series,time_period,change,component,before,after",
            "T:SMALL(1.0),A.AT.X1,2018,changed,OBS_VALUE,10,10.5",
            "T:SMALL(1.0),A.AT.X1,2019,changed,OBS_VALUE,12.1,11",
            "T:SMALL(1.0),A.AT.X1,2019,changed,OBS_STATUS,E,A",
            "T:SMALL(1.0),A.AT.X1,2024,deleted,OBS_VALUE,14,",
            "T:SMALL(1.0),A.AT.X1,2024,deleted,OBS_STATUS,E,",
        ]
    );
    let same = run(at, &["diff", "db", "2"]).ok();
    assert_eq!(same.text(), "no observation differs\n");
    assert_eq!(run(at, &["diff", "db", "7"]).code, 3);
    assert_eq!(run(at, &["diff", "db", "1990-01-01"]).code, 3);
    assert_eq!(run(at, &["diff", "db", "once"]).code, 2);
}

#[test]
fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let folder = with_small();
    let at = folder.path();
    revise(at);
    let dry = run(at, &["load", "db", "second.csv", "--dry-run"]).ok();
    assert_eq!(
        dry.text().lines().collect::<Vec<_>>(),
        [
            "dry run: nothing is committed",
            "T:SMALL(1.0): 1 inserted, 2 changed, 0 deleted, 0 unchanged",
            "  largest revisions:",
            "    A.AT.X1 2019: 11 -> 12.1 (10.00 %)",
            "    A.AT.X1 2018: 10.5 -> 10 (4.76 %)",
            "  most revised series:",
            "    A.AT.X1: 2 changed, by up to 10.00 %",
        ]
    );
    assert_eq!(ask(at, AUSTRIA), FIRST);
    let small = [file("tests/sql/data/small.xml"), file("tests/sql/data/small.csv")];
    let again = run(at, &["load", "db", &small[0], &small[1], "--dry-run"]).ok();
    assert_eq!(
        again.text().lines().collect::<Vec<_>>(),
        [
            "dry run: nothing is committed",
            "nothing would change: everything is there already",
            "T:SMALL(1.0): 34 unchanged",
        ]
    );
    // Not even a large one leaves a file behind.
    let sample = ["structures.xml", "exr.csv.zst"].map(|name| file(&format!("sql/sample/{name}")));
    let files = || fs::read_dir(at.join("db/segments")).expect("a folder").count();
    let before = files();
    let dry = run(at, &["load", "db", &sample[0], &sample[1], "--dry-run"]).ok();
    assert!(dry.text().contains("ECB:EXR(1.0): 221,702 inserted"), "{}", dry.text());
    assert_eq!(files(), before);
    // In a folder that is not there, none is made.
    let new = run(at, &["load", "other", &small[0], &small[1], "--dry-run"]).ok();
    assert!(new.text().contains("T:SMALL(1.0): 34 inserted, 0 changed"), "{}", new.text());
    assert!(new.text().contains("dataflow T:SMALL(1.0) would be table t.small"), "{}", new.text());
    assert!(!at.join("other").exists());
    let log = run(at, &["log", "db"]).ok();
    assert_eq!(log.text().matches("commit ").count(), 1, "{}", log.text());
    // Loading the same once more makes no version.
    let same = run(at, &["load", "db", &small[0], &small[1]]).ok();
    assert!(same.text().contains("nothing changed: everything was there already"));
}

#[test]
fn gates_refuse_a_load_that_changes_too_much() {
    let folder = with_small();
    let at = folder.path();
    revise(at);
    let load = |gates: &[&str]| run(at, &[&["load", "db", "second.csv"], gates].concat());
    let refused = load(&["--refuse-revisions-over", "9.9"]);
    assert_eq!(refused.code, 2);
    let expected = "sdmxdb: --refuse-revisions-over 9.9: T:SMALL(1.0) A.AT.X1 2019: 11 -> 12.1 \
                    (10.00 %)\n";
    assert_eq!(refused.err, expected);
    assert_eq!(ask(at, AUSTRIA), FIRST);
    load(&["--refuse-revisions-over", "10", "--refuse-deletions", "--refuse-vanished"]).ok();
    assert_eq!(ask(at, AUSTRIA), SECOND);
}

#[test]
fn gates_refuse_deletions_and_series_that_vanish() {
    let folder = with_small();
    let at = folder.path();
    message(at, "deleted.csv", "D,A,CH,_T,,,\nD,A,AT,X1,2018,,");
    let load = |gate: &str| run(at, &["load", "db", "deleted.csv", gate]);
    let refused = load("--refuse-deletions");
    assert_eq!(refused.code, 2);
    let expected = "sdmxdb: --refuse-deletions: T:SMALL(1.0) would lose 3 observations\n";
    assert_eq!(refused.err, expected);
    let refused = load("--refuse-vanished");
    let expected =
        "sdmxdb: --refuse-vanished: T:SMALL(1.0) would lose 1 series, the first is A.CH._T\n";
    assert_eq!(refused.err, expected);
    let dry = load("--dry-run").ok();
    assert!(
        dry.text().contains("T:SMALL(1.0): 0 inserted, 0 changed, 3 deleted"),
        "{}",
        dry.text()
    );
    assert!(dry.text().contains("  series that vanish: 1\n    A.CH._T\n"), "{}", dry.text());
}

#[test]
fn a_commit_is_undone_on_top_of_what_came_after() {
    let folder = revised();
    let at = folder.path();
    // Another series changes after it.
    message(at, "third.csv", "M,A,BE,X1,2018,0.11,A");
    run(at, &["load", "db", "third.csv"]).ok();
    let dry = run(at, &["revert", "db", "2", "--dry-run"]).ok();
    assert!(
        dry.text().contains("T:SMALL(1.0): 0 inserted, 2 changed, 1 deleted"),
        "{}",
        dry.text()
    );
    run(at, &["revert", "db", "2"]).ok();
    assert_eq!(ask(at, AUSTRIA), FIRST);
    let belgium = "SELECT obs_value_text FROM t.small \
                   WHERE area = 'BE' AND item = 'X1' AND time_period = '2018'";
    assert_eq!(ask(at, belgium), "obs_value_text 0.11");
    let log = run(at, &["log", "db", "-n", "1"]).ok();
    assert!(log.text().starts_with("commit 4\n"), "{}", log.text());
    assert!(log.text().contains("message    revert commit 2"), "{}", log.text());
    // Undoing that brings the revision back.
    run(at, &["revert", "db", "4"]).ok();
    assert_eq!(ask(at, AUSTRIA), SECOND);
    // And the whole can go back to the first commit.
    run(at, &["revert", "db", "1", "--to"]).ok();
    let nothing = run(at, &["diff", "db", "1"]).ok();
    assert_eq!(nothing.text(), "no observation differs\n");
}

#[test]
fn what_was_changed_since_is_not_undone_unawares() {
    let folder = revised();
    let at = folder.path();
    message(at, "third.csv", "M,A,AT,X1,2019,12.2,E\nM,A,AT,X1,2023,13.1,A");
    run(at, &["load", "db", "third.csv"]).ok();
    let refused = run(at, &["revert", "db", "2"]);
    assert_eq!(refused.code, 3);
    let expected = "sdmxdb: commit 2: what it changed was changed again since: T:SMALL(1.0) \
                    A.AT.X1 2019; --force undoes it all the same\n";
    assert_eq!(refused.err, expected);
    run(at, &["revert", "db", "2", "--force"]).ok();
    let expected = "obs_value_text,obs_status 10.5,A 11,A ,M 12.25,A 12.5,A 13.1,A";
    assert_eq!(ask(at, AUSTRIA), expected);
    assert_eq!(run(at, &["revert", "db", "9"]).code, 3);
}

#[test]
fn the_first_load_can_be_undone() {
    let folder = with_small();
    let at = folder.path();
    run(at, &["revert", "db", "1"]).ok();
    assert_eq!(ask(at, "SELECT count(*) AS n FROM t.small"), "n 0");
    run(at, &["revert", "db", "2"]).ok();
    let nothing = run(at, &["diff", "db", "1"]).ok();
    assert_eq!(nothing.text(), "no observation differs\n");
}

/// The structure of the small cube with something replaced.
fn structure(folder: &Path, name: &str, changes: &[(&str, &str)]) {
    let text = fs::read_to_string(file("tests/sql/data/small.xml")).expect("a file");
    let other = changes.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
    assert_ne!(text, other, "something is replaced");
    fs::write(folder.join(name), other).expect("written");
}

#[test]
fn a_structure_that_does_not_fit_is_refused_and_a_new_version_is_a_table_of_its_own() {
    let folder = with_small();
    let at = folder.path();
    let text = fs::read_to_string(file("tests/sql/data/small.xml")).expect("a file");
    let line = text.lines().find(|line| line.contains("Code id=\"BE\"")).expect("a code in use");
    let start = text.find(line).expect("found");
    let end = start + text[start..].find("</str:Code>").expect("an end") + "</str:Code>".len();
    let without = text[..start].to_owned() + &text[end..];
    fs::write(at.join("fewer.xml"), without).expect("written");
    let refused = run(at, &["load", "db", "fewer.xml"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(
        refused.err.contains("code BE of dimension AREA would be gone from"),
        "{}",
        refused.err
    );
    structure(at, "other.xml", &[("id=\"ITEM\"", "id=\"THING\"")]);
    let refused = run(at, &["load", "db", "other.xml"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    let expected = "dimension ITEM would be gone, dimension THING would be new; load it as a new \
                    version of the dataflow";
    assert!(refused.err.contains(expected), "{}", refused.err);
}

#[test]
fn the_plain_name_moves_only_by_command() {
    let folder = with_small();
    let at = folder.path();
    let versions = [
        (
            "id=\"SMALL\" agencyID=\"T\" version=\"1.0\"",
            "id=\"SMALL\" agencyID=\"T\" version=\"2.0\"",
        ),
        (
            "agencyID=\"T\" id=\"SMALL\" version=\"1.0\"",
            "agencyID=\"T\" id=\"SMALL\" version=\"2.0\"",
        ),
    ];
    structure(at, "second.xml", &versions);
    let loaded = run(at, &["load", "db", "second.xml"]).ok();
    let named = "dataflow T:SMALL(2.0) is table t.small_v2_0\n";
    assert!(loaded.text().contains(named), "{}", loaded.text());
    let count = |table: &str| ask(at, &format!("SELECT count(*) AS n FROM {table}"));
    assert_eq!((count("t.small"), count("t.small_v2_0")), ("n 34".into(), "n 0".into()));
    assert_eq!(count("\"T\".\"SMALL\""), "n 34");
    let moved = run(at, &["name", "db", "T:SMALL(2.0)"]).ok();
    let expected = "dataflow T:SMALL(1.0) is table t.small_v1_0\n\
                    dataflow T:SMALL(2.0) is table t.small\n";
    assert_eq!(moved.text(), expected);
    assert_eq!((count("t.small"), count("t.small_v1_0")), ("n 0".into(), "n 34".into()));
    assert_eq!(count("\"T\".\"SMALL\""), "n 0");
    assert_eq!(count("\"T\".\"SMALL(1.0)\""), "n 34");
    // Before, it was where it was; and it goes back.
    assert_eq!(count("t.small(as_of => 2)"), "n 34");
    run(at, &["name", "db", "t.small_v1_0"]).ok();
    assert_eq!((count("t.small"), count("t.small_v2_0")), ("n 34".into(), "n 0".into()));
    let commits = "SELECT count(*) AS n FROM sdmx_catalog.commits";
    assert_eq!(ask(at, commits), "n 4");
    run(at, &["name", "db", "t.small"]).ok();
    assert_eq!(ask(at, commits), "n 4", "it was there already");
}

/// The answers that the manual shows, worked out by hand from the three loads.
#[test]
fn the_examples_of_the_manual_show_revisions() {
    const COLUMNS: &str = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,\
                           EXR_SUFFIX,TIME_PERIOD,OBS_VALUE\n";
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    run(at, &["demo", "db", "--no-serve"]).ok();
    for (name, rows) in
        [("b.csv", vec!["2016-08,0.8553", "2016-09,0.8522"]), ("c.csv", vec!["2016-09,0.85225"])]
    {
        let row = |row: &&str| format!("dataflow,DEMO:EXR_AVG(1.0),M,M,GBP,EUR,SP00,A,{row}\n");
        let rows: String = rows.iter().map(row).collect();
        fs::write(at.join(name), COLUMNS.to_owned() + &rows).expect("written");
        run(at, &["load", "db", name]).ok();
    }
    let check = |example: &str, expected: &[&str]| {
        let path = file(&format!("sql/examples/{example}"));
        let answer = run(at, &["sql", "db", "-f", &path, "--format", "csv"]).ok();
        let rows: Vec<&str> = answer.text().lines().skip(1).collect();
        assert_eq!(rows, expected, "{example}");
    };
    check(
        "21-as-of.sql",
        &["2016-07,0.841058,0.841058", "2016-08,0.855209,0.8553", "2016-09,0.852277,0.85225"],
    );
    check(
        "22-triangle.sql",
        &[
            "2016-07,0.841058,,,0",
            "2016-08,0.855209,0.8553,,1",
            "2016-09,0.852277,0.8522,0.85225,2",
        ],
    );
    check(
        "23-vintages.sql",
        &[
            "1,2016-07,0.841058",
            "1,2016-08,0.855209",
            "1,2016-09,0.852277",
            "2,2016-07,0.841058",
            "2,2016-08,0.8553",
            "2,2016-09,0.8522",
            "3,2016-07,0.841058",
            "3,2016-08,0.8553",
            "3,2016-09,0.85225",
        ],
    );
    check(
        "24-changes.sql",
        &["2016-07,inserted,,0.841058", "2016-08,inserted,,0.8553", "2016-09,inserted,,0.85225"],
    );
}
