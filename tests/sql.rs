//! SQL over cubes: every file of `tests/sql`, each on a fresh database, and random queries beside
//! an engine that knows nothing of series.
//!
//! The first lines of a file say what it needs: `# load: sample` for the statistics that ship with
//! the program, `# load: two` for a flow with two measures, or files separated by spaces. One line
//! is one load; several make several commits. What a file expects was worked out by hand or asked
//! of another database, never copied from an answer.

#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::format_push_string, reason = "statements are put together from parts")]

#[path = "sql/asking.rs"]
mod asking;
#[path = "../benches/support/cube.rs"]
mod cube;
#[path = "sql/exact.rs"]
mod exact;
#[path = "sql/loading.rs"]
mod loading;
mod oracle;
#[path = "sql/queries.rs"]
mod queries;
#[path = "sql/rules.rs"]
mod rules;
#[path = "sql/two.rs"]
mod two;
#[path = "sql/world.rs"]
mod world;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use arrow::datatypes::DataType;
use sdmxdb::error::Error;
use sdmxdb::query::Connection;
use sdmxdb::store::Database;
use sqllogictest::{DB, DBOutput, DefaultColumnType, Runner, strict_column_validator};

use crate::asking::ask;
use crate::loading::{SAMPLE, connect, create, load_files, load_rows};

/// One session, as the runner wants it.
struct Session(Connection);

impl DB for Session {
    type Error = Error;
    type ColumnType = DefaultColumnType;

    fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Error> {
        let table = ask(&self.0, sql)?;
        if table.types.is_empty() {
            return Ok(DBOutput::StatementComplete(0));
        }
        let types = table.types.iter().map(column_type).collect();
        Ok(DBOutput::Rows { types, rows: table.rows })
    }

    fn engine_name(&self) -> &'static str {
        "sdmxdb"
    }
}

/// `T` for text, `I` for whole numbers, `R` for others, `?` for dates and the rest.
fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DefaultColumnType::Text,
        whole if whole.is_integer() => DefaultColumnType::Integer,
        DataType::Float64 | DataType::Float32 => DefaultColumnType::FloatingPoint,
        _ => DefaultColumnType::Any,
    }
}

fn run(file: &Path) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    let database = create(&folder.path().join("db"));
    let text = fs::read_to_string(file).expect("readable");
    for wanted in text.lines().filter_map(|line| line.strip_prefix("# load: ")) {
        load(&database, wanted).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let mut runner = Runner::new(|| async { Ok(Session(connect(&database))) });
    runner.with_column_validator(strict_column_validator);
    runner.run_file(file).map_err(|error| error.display(false).to_string())
}

fn load(database: &Database, wanted: &str) -> Result<(), Error> {
    match wanted.trim() {
        "sample" => load_files(database, &SAMPLE)?,
        "two" => {
            let csv = fs::read_to_string("tests/sql/data/two.csv").expect("readable");
            load_rows(database, two::artefacts(), &csv)?
        }
        files => load_files(database, &files.split_whitespace().collect::<Vec<_>>())?,
    };
    Ok(())
}

/// How long a file may take: one that never ends is a failure, not a test that never ends.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn answers_are_those_of_the_files() {
    let entries = fs::read_dir("tests/sql").expect("a folder of this project");
    let paths = entries.map(|entry| entry.expect("readable entry").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|it| it == "slt")).collect();
    files.sort();
    assert!(files.len() >= 10, "the files are where they are looked for");
    let mut problems = String::new();
    for file in files {
        let (tell, told) = mpsc::channel();
        let name = file.display().to_string();
        // The receiver is gone where the file took too long.
        thread::spawn(move || drop(tell.send(run(&file))));
        match told.recv_timeout(PATIENCE) {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => writeln!(problems, "{problem}\n").expect("into a string"),
            Err(error) => writeln!(problems, "{name}: {error}\n").expect("into a string"),
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
}

/// A column is called by its alias, its name, its function, or `?column?`: as PostgreSQL does.
#[test]
fn columns_are_called_as_postgresql_calls_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = create(&folder.path().join("db"));
    load(&database, "tests/sql/data/small.xml tests/sql/data/small.csv").expect("loads");
    let connection = connect(&database);
    let check = |columns: &str, expected: &str| {
        let sql = format!("SELECT {columns}");
        let rows = connection.sql(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let names: Vec<&str> = rows.schema().fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names.join(" "), expected, "{sql}");
    };
    check("area, obs_value AS v FROM t.small", "area v");
    check("s.area, sum(s.obs_value) FROM t.small AS s GROUP BY s.area", "area sum");
    check("count(*), sum(obs_value) FROM t.small", "count sum");
    check("sum(obs_value), count(*) FROM t.small WHERE area = 'NOWHERE'", "sum count");
    check("length(area), count(*) FROM t.small GROUP BY length(area)", "length count");
    check("1 + 1, 'x', upper('x')", "?column? ?column? upper");
    check("row_number() OVER (ORDER BY time_period) FROM t.small", "row_number");
    check("count(*) OVER (PARTITION BY area) FROM t.small", "count");
    check("DISTINCT area, count(*) OVER () FROM t.small", "area count");
    check("max(obs_value) - min(obs_value) FROM t.small", "?column?");
}
