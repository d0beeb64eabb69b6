//! Compaction, forgetting and redaction by command.

#[path = "sql/program.rs"]
mod program;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::program::{file, run};

const FLOW: &str = "T:SMALL";
const SMALL: [&str; 2] = ["tests/sql/data/small.xml", "tests/sql/data/small.csv"];

/// A database after one load and so many revisions of the first observation.
fn revised(times: usize) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    run(at, &["load", "db", &file(SMALL[0]), &file(SMALL[1])]).ok();
    let small = fs::read_to_string(file(SMALL[1])).expect("readable");
    let mut lines = small.lines();
    let (header, first) = (lines.next().expect("a header"), lines.next().expect("a row"));
    let position = header.split(',').position(|id| id == "OBS_VALUE").expect("a column");
    for number in 0..times {
        let value = (9_000_000 + number).to_string();
        let cells = first.split(',').enumerate();
        let cells = cells.map(|(at, cell)| if at == position { &value } else { cell });
        let row = cells.collect::<Vec<&str>>().join(",");
        fs::write(at.join("row.csv"), format!("{header}\n{row}\n")).expect("written");
        run(at, &["load", "db", "row.csv"]).ok();
    }
    folder
}

fn export(at: &Path) -> String {
    run(at, &["export", "db", FLOW, "-o", "-"]).ok().text().to_owned()
}

#[test]
fn compaction_changes_nothing_and_forgetting_gives_back_space() {
    let folder = revised(3);
    let at = folder.path();
    let before = export(at);
    let said = run(at, &["compact", "db", "--full"]).ok();
    assert!(said.text().contains("segments became"), "{}", said.text());
    assert!(run(at, &["compact", "db", "--full"]).ok().text().contains("nothing to do"));
    assert_eq!(export(at), before);
    let log = run(at, &["log", "db"]).ok();
    assert!(log.text().contains("compaction"), "{}", log.text());

    let asked = run(at, &["forget", "db", "--before", "5"]);
    assert_eq!(asked.code, 2);
    assert!(asked.err.contains("--yes"), "{}", asked.err);
    let forgotten = run(at, &["forget", "db", "--before", "5", "--yes"]).ok();
    assert!(forgotten.text().contains("4 states will be forgotten"), "{}", forgotten.text());
    assert_eq!(export(at), before);
    let again = run(at, &["forget", "db", "--before", "5", "--yes"]).ok();
    assert!(again.text().contains("nothing to forget"), "{}", again.text());
    assert!(run(at, &["check", "db"]).ok().text().contains("no problem found"));
}

#[test]
fn a_redacted_value_is_gone_and_the_log_says_why() {
    let folder = revised(2);
    let at = folder.path();
    let redact = ["redact", "db", FLOW, "A.AT.X1", "2018", "--reason", "a single firm", "--yes"];
    let said = run(at, &redact).ok();
    assert!(said.text().contains("3 versions"), "{}", said.text());
    let now = export(at);
    let row = now.lines().find(|line| line.contains("A,AT,X1,2018,")).expect("the observation");
    assert!(row.contains("A,AT,X1,2018,,A"), "{row}");
    for commit in ["1", "2", "3"] {
        let sql = "SELECT count(obs_value) FROM t.small WHERE area = 'AT' AND item = 'X1' \
                   AND freq = 'A' AND time_period = '2018'";
        let set = format!("SET sdmx.as_of = '{commit}'; {sql}");
        let found = run(at, &["sql", "db", "-c", &set, "--format", "csv"]).ok();
        assert!(found.text().trim_end().ends_with('0'), "commit {commit}: {}", found.text());
    }
    let log = run(at, &["log", "db"]).ok();
    assert!(log.text().contains("A.AT.X1 2018: a single firm"), "{}", log.text());
    let again = run(at, &redact);
    assert_eq!(again.code, 3, "{}", again.err);
    assert!(run(at, &["check", "db"]).ok().text().contains("no problem found"));
}
