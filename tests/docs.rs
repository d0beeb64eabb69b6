//! What is written for users runs: the worked examples on the sample, each quoted in the manual.

#![expect(clippy::panic, reason = "a test fails by panicking")]

#[path = "sql/program.rs"]
mod program;

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{project, run};

/// The statements that the documentation shows, from these folders.
const FOLDERS: [&str; 2] = ["sql/sample/queries", "sql/examples"];

fn examples() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        let Ok(entries) = fs::read_dir(project(folder)) else { continue };
        let paths = entries.map(|entry| entry.expect("readable entry").path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|it| it == "sql")));
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_example_answers_on_the_sample() {
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), &["demo", "db", "--no-serve"]).ok();
    let examples = examples();
    assert!(examples.len() >= 6, "the examples are where they are looked for");
    for example in examples {
        let path = example.to_str().expect("text");
        let answer = run(folder.path(), &["sql", "db", "-f", path, "--format", "ndjson"]);
        assert_eq!(answer.code, 0, "{path}: {}", answer.err);
        assert!(!answer.out.is_empty(), "{path}: an example with an empty answer shows nothing");
        let first = read(&example).lines().next().unwrap_or_default().to_owned();
        assert!(first.starts_with("-- "), "{path}: the first line says what is asked");
    }
}

/// The manual shows every example as it is in its file.
#[test]
fn the_manual_quotes_every_example() {
    let path = project("docs/sql.md");
    // Before there is a manual there is nothing to compare.
    if !path.exists() {
        return;
    }
    let manual = read(&path);
    for example in examples() {
        let text = read(&example);
        let name = example.file_name().expect("a name").to_string_lossy().into_owned();
        // The first line is a title, which the manual may write as a heading.
        let statement = text.split_once('\n').map_or(text.as_str(), |(_, rest)| rest).trim();
        let is_sample = example.parent().is_some_and(|folder| folder.ends_with("queries"));
        assert!(is_sample || manual.contains(statement), "docs/sql.md does not quote {name}");
    }
}

#[test]
fn the_front_page_says_how_to_build_and_how_to_test() {
    let path = project("README.md");
    if !path.exists() {
        return;
    }
    let text = read(&path);
    let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("cargo ")).collect();
    assert!(commands.iter().any(|line| line.starts_with("cargo test ")), "{commands:?}");
    let builds = |line: &&&str| {
        line.starts_with("cargo build")
            || line.starts_with("cargo install")
            || line.starts_with("cargo run")
    };
    assert!(commands.iter().any(|line| builds(&line)), "{commands:?}");
}
