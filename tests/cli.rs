//! The program from the outside: what it prints, what it writes, and what it tells the shell.

#[path = "sql/program.rs"]
mod program;

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::program::{command, file, run, run_with};

const SMALL: [&str; 2] = ["tests/sql/data/small.xml", "tests/sql/data/small.csv"];

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A folder with the database `db` of the small cube.
fn with_small() -> TempDir {
    let folder = folder();
    run(folder.path(), &["load", "db", &file(SMALL[0]), &file(SMALL[1])]).ok();
    folder
}

fn ask(folder: &Path, sql: &str) -> String {
    let run = run(folder, &["sql", "db", "-c", sql, "--format", "csv"]).ok();
    run.text().trim_end().replace('\n', " ")
}

#[test]
fn demo_loads_once_and_answers_each_time() {
    let folder = folder();
    let first = run(folder.path(), &["demo", "--no-serve"]).ok();
    let second = run(folder.path(), &["demo", "--no-serve"]).ok();
    assert!(first.text().contains("270,722 inserted"), "{}", first.text());
    assert!(second.text().contains("nothing changed"), "{}", second.text());
    for text in [first.text(), second.text()] {
        assert_eq!(text.matches("\n== ").count(), 6, "six queries: {text}");
        assert!(text.contains("European Central Bank"), "sources are named");
    }
    // The same answers, the times they took apart.
    let answers = |text: &str| -> Vec<String> {
        let from = text.find("\n== ").expect("a query");
        let lines = text[from..].lines().filter(|line| !line.ends_with(" ms"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(answers(first.text()), answers(second.text()));
    let info = run(folder.path(), &["info", "sdmxdb-demo"]).ok();
    assert!(info.text().contains("ECB:EXR(1.0)"), "{}", info.text());
    assert!(info.text().contains("221,702"), "{}", info.text());
    assert!(info.text().contains("1 commit"), "{}", info.text());
    let check = run(folder.path(), &["check", "sdmxdb-demo"]).ok();
    assert!(check.text().contains("no problem found"), "{}", check.text());
}

#[test]
fn an_export_loaded_again_exports_the_same_bytes() {
    let folder = folder();
    let at = folder.path();
    let sample = ["structures.xml", "exr.csv.zst", "exr_avg.csv.zst", "pop_be.csv.zst"];
    let sample = sample.map(|name| file(&format!("sql/sample/{name}")));
    let mut arguments = vec!["load", "db"];
    arguments.extend(sample.iter().map(String::as_str));
    run(at, &arguments).ok();
    for (flow, source) in
        [("ECB:EXR", &sample[1]), ("DEMO:EXR_AVG", &sample[2]), ("DEMO:POP_BE", &sample[3])]
    {
        for (format, version) in [("csv", "2"), ("csv1", "1")] {
            let once = format!("once{version}.csv");
            run(at, &["export", "db", flow, "-o", &once, "--format", format]).ok();
            let again = format!("again{version}");
            drop(fs::remove_dir_all(at.join(&again)));
            run(at, &["load", &again, &sample[0], &once]).ok();
            let twice = run(at, &["export", &again, flow, "--format", format]).ok();
            let once = fs::read(at.join(&once)).expect("exported");
            assert!(once == twice.out, "{flow} as {format}: the second export differs");
            compare_with_source(&once, Path::new(source), flow);
        }
    }
}

/// Every key, period, value and attribute of an export is that of the file it came from.
fn compare_with_source(exported: &[u8], source: &Path, flow: &str) {
    let source = zstd::decode_all(File::open(source).expect("a file of this project"));
    let (source, exported) = (rows(&source.expect("zstd")), rows(exported));
    assert_eq!(source.len(), exported.len(), "rows of {flow}");
    assert!(source.len() > 10_000, "the whole file was read");
    for (key, cells) in &source {
        assert_eq!(exported.get(key), Some(cells), "{flow} {key:?}");
    }
}

/// Rows by flow, key and period: non-empty cells by column. Both versions of CSV give the same.
fn rows(csv: &[u8]) -> BTreeMap<Vec<String>, BTreeMap<String, String>> {
    let text = str::from_utf8(csv).expect("text").trim_start_matches('\u{feff}');
    let mut lines = text.lines();
    let header = cells(lines.next().expect("a header"));
    let period = header.iter().position(|name| name == "TIME_PERIOD").expect("time");
    let first = if header[0] == "DATAFLOW" { 1 } else { 3 };
    let row = |line: &str| {
        let cells = cells(line);
        let key = cells[first..=period].to_vec();
        let named = header.iter().cloned().zip(cells).skip(period + 1);
        (key, named.filter(|(_, cell)| !cell.is_empty()).collect())
    };
    lines.map(row).collect()
}

/// The cells of a line of CSV without line breaks in them.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("one at least");
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}

#[test]
fn exports_unusual_values_as_they_were_published() {
    let folder = with_small();
    let exported = run(folder.path(), &["export", "db", "t.small"]).ok();
    let source = fs::read(file(SMALL[1])).expect("a file of this project");
    assert_eq!(rows(&exported.out), rows(&source));
    let one = run(folder.path(), &["export", "db", "T:SMALL", "A.BE.X2"]).ok();
    assert_eq!(one.text().lines().count(), 4, "{}", one.text());
    let either = run(folder.path(), &["export", "db", "T:SMALL(1.0)", "A..X2+_T"]).ok();
    assert_eq!(either.text().lines().count(), 6, "{}", either.text());
}

#[test]
fn loads_standard_input_and_compressed_files() {
    let csv = fs::read(file(SMALL[1])).expect("a file of this project");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&csv).expect("into memory");
    let gzip = gzip.finish().expect("into memory");
    let zstd = zstd::encode_all(csv.as_slice(), 3).expect("into memory");
    for (name, bytes) in [("rows.csv", &csv), ("rows.csv.gz", &gzip), ("rows.csv.zst", &zstd)] {
        let folder = folder();
        let at = folder.path();
        run(at, &["load", "db", &file(SMALL[0])]).ok();
        fs::write(at.join(name), bytes).expect("written");
        let from_file = run(at, &["load", "db", name]).ok();
        assert!(from_file.text().contains("34 inserted"), "{name}: {}", from_file.text());
        let again = run_with(at, &["load", "db", "-"], bytes).ok();
        assert!(again.text().contains("34 unchanged"), "{name} on stdin: {}", again.text());
        assert_eq!(ask(at, "SELECT count(*) AS n FROM t.small"), "n 34", "{name}");
    }
}

const BAD_ROWS: &str = "\
DATAFLOW,FREQ,AREA,ITEM,TIME_PERIOD,OBS_VALUE
T:SMALL(1.0),A,QQ,X1,2024,1
T:SMALL(1.0),A,AT,X1,2020-13,2
T:SMALL(1.0),A,AT,X1,2024,3
";

#[test]
fn a_bad_row_is_named_and_nothing_is_loaded() {
    let folder = with_small();
    let at = folder.path();
    fs::write(at.join("bad.csv"), BAD_ROWS).expect("written");
    let refused = run(at, &["load", "db", "bad.csv"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    for part in ["bad.csv", "2 problems", "line 2, column 3, AREA \"QQ\"", "line 3", "2020-13"] {
        assert!(refused.err.contains(part), "{part}: {}", refused.err);
    }
    assert_eq!(ask(at, "SELECT count(*) AS n FROM t.small"), "n 34");
}

#[test]
fn going_on_keeps_the_good_rows_and_writes_the_bad_ones() {
    let folder = with_small();
    let at = folder.path();
    fs::write(at.join("bad.csv"), BAD_ROWS).expect("written");
    let loaded = run(at, &["load", "db", "bad.csv", "--keep-going", "refused.csv"]).ok();
    assert!(loaded.text().contains("2 bad rows left out"), "{}", loaded.text());
    assert_eq!(ask(at, "SELECT count(*) AS n FROM t.small"), "n 35");
    let refused = fs::read_to_string(at.join("refused.csv")).expect("written");
    assert_eq!(refused.lines().collect::<Vec<_>>(), BAD_ROWS.lines().take(3).collect::<Vec<_>>());
    // What was refused can be corrected and loaded.
    fs::write(at.join("good.csv"), refused.replace("QQ", "BE").replace("2020-13", "2025"))
        .expect("written");
    run(at, &["load", "db", "good.csv"]).ok();
    assert_eq!(ask(at, "SELECT count(*) AS n FROM t.small"), "n 37");
}

#[test]
fn exit_codes_say_who_must_act() {
    let folder = with_small();
    let at = folder.path();
    fs::write(at.join("noise.csv"), "a,b\n1,2\n").expect("written");
    fs::write(at.join("file"), "not a folder").expect("written");
    let check = |arguments: &[&str], code: i32, part: &str| {
        let run = run(at, arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.err);
        assert!(run.err.contains(part), "{arguments:?}: {}", run.err);
        assert!(!run.err.contains("panicked"), "{arguments:?}: {}", run.err);
    };
    check(&["load", "db", "noise.csv"], 2, "noise.csv");
    check(&["sql", "db", "-c", "SELEC 1"], 2, "line 1, column 1");
    check(&["sql", "db", "-c", "SELECT 1", "--format", "xml"], 2, "table, csv, json");
    check(&["export", "db", "T:SMALL", "A.BE"], 2, "FREQ.AREA.ITEM");
    check(&["export", "db", "T:SMALL", "--format", "xml"], 2, "csv");
    check(&["nonsense"], 2, "nonsense");
    check(&["sql", "nowhere", "-c", "SELECT 1"], 3, "nowhere");
    check(&["info", "nowhere"], 3, "nowhere");
    check(&["check", "nowhere"], 3, "nowhere");
    check(&["export", "db", "T:SMALLER"], 3, "there are: T:SMALL(1.0)");
    check(&["sql", "db", "-c", "SELECT aera FROM t.small"], 3, "did you mean area?");
    check(&["sql", "db", "-c", "SELECT * FROM t.smal"], 3, "did you mean small?");
    check(&["sql", "db", "-c", "DROP TABLE t.small"], 4, "reads only");
    check(&["load", "db", "missing.csv"], 5, "missing.csv");
    check(&["export", "db", "T:SMALL", "-o", "no/such/folder.csv"], 5, "folder.csv");
    assert!(!at.join("nowhere").exists(), "reading makes nothing");
}

#[test]
fn sql_writes_and_says_what_it_did() {
    let folder = with_small();
    let ask = |sql: &str, format: &str| {
        let answer = run(folder.path(), &["sql", "db", "-c", sql, "--format", format]);
        assert_eq!(answer.code, 0, "{sql}: {}", answer.err);
        (answer.text().to_owned(), answer.err)
    };
    let count = "SELECT count(*) AS n FROM t.small";
    let before = ask(count, "csv").0;
    assert_eq!(
        ask("BEGIN; TRUNCATE t.small; ROLLBACK", "table").0,
        "BEGIN\nTRUNCATE TABLE\nROLLBACK\n"
    );
    assert_eq!(ask("BEGIN; TRUNCATE t.small", "table").0, "BEGIN\nTRUNCATE TABLE\n");
    assert_eq!(ask(count, "csv").0, before, "what is not committed is given up");
    assert_eq!(ask("DELETE FROM t.small WHERE area = 'none'", "table").0, "DELETE 0\n");
    let (out, err) = ask(&format!("DELETE FROM t.small; {count}"), "csv");
    assert_eq!(out, "n\n0\n");
    assert!(err.starts_with("DELETE "), "{err}");
}

#[test]
fn check_finds_a_flipped_bit_and_says_where() {
    let folder = with_small();
    let at = folder.path();
    let commits = at.join("db/commits");
    let entries = fs::read_dir(&commits).expect("a folder").map(|entry| entry.expect("one").path());
    let largest = entries.max_by_key(|path| path.metadata().map_or(0, |m| m.len())).expect("one");
    let mut bytes = fs::read(&largest).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    fs::write(&largest, bytes).expect("written");
    let found = run(at, &["check", "db"]);
    assert_eq!(found.code, 5, "{}{}", String::from_utf8_lossy(&found.out), found.err);
    let said = format!("{}{}", found.text(), found.err);
    let name = largest.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(said.contains(&name), "{name}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn answers_come_in_every_format() {
    let folder = with_small();
    let at = folder.path();
    let sql = "SELECT area, obs_value, note FROM t.small WHERE item = 'X2' ORDER BY time_period";
    let answer = |format| run(at, &["sql", "db", "-c", sql, "--format", format]).ok();
    let text = |format| answer(format).text().to_owned();
    assert_eq!(text("csv"), "area,obs_value,note\nBE,,\"a \"\"note\"\", quoted\"\nBE,,\nBE,7,\n");
    let expected = serde_json::json!([
        {"area": "BE", "obs_value": null, "note": "a \"note\", quoted"},
        {"area": "BE", "obs_value": null, "note": null},
        {"area": "BE", "obs_value": 7, "note": null},
    ]);
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    assert_eq!(parse(&text("json")), expected);
    let lines = text("ndjson").lines().map(parse).collect();
    assert_eq!(serde_json::Value::Array(lines), expected);
    let markdown = text("markdown");
    assert!(markdown.starts_with("| area | obs_value | note |\n| ---"), "{markdown}");
    assert_eq!(markdown.lines().count(), 5, "{markdown}");
    let table = text("table");
    assert!(table.contains("(3 rows)"), "{table}");
    let arrow = answer("arrow").out;
    let reader = StreamReader::try_new(arrow.as_slice(), None);
    let batches = reader.expect("a stream").collect::<Result<Vec<_>, _>>().expect("batches");
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 3);
}

#[test]
fn an_answer_without_rows_is_well_formed_in_every_format() {
    let folder = with_small();
    let sql = "SELECT area, obs_value FROM t.small WHERE area = 'NOWHERE'";
    let text = |format| {
        run(folder.path(), &["sql", "db", "-c", sql, "--format", format]).ok().text().to_owned()
    };
    assert_eq!(text("csv"), "area,obs_value\n");
    let json: serde_json::Value = serde_json::from_str(&text("json")).expect("JSON");
    assert_eq!(json, serde_json::json!([]));
    assert_eq!(text("ndjson"), "");
    assert!(text("table").contains("(0 rows)"));
    assert_eq!(text("markdown").lines().count(), 2);
}

#[test]
fn statements_come_from_argument_file_or_standard_input() {
    let folder = with_small();
    let at = folder.path();
    let sql = "SET sdmx.language = 'fr'; SELECT label('T:CL_AREA', 'CH') AS name";
    fs::write(at.join("report.sql"), sql).expect("written");
    let by_argument = run(at, &["sql", "db", "-c", sql, "--format", "csv"]).ok();
    let by_file = run(at, &["sql", "db", "-f", "report.sql", "--format", "csv"]).ok();
    let by_input = run_with(at, &["sql", "db", "--format", "csv"], sql.as_bytes()).ok();
    for run in [by_argument, by_file, by_input] {
        assert_eq!(run.text(), "name\nSuisse\n");
    }
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let folder = folder();
    let at = folder.path();
    run(at, &["demo", "db", "--no-serve"]).ok();
    let all = "SELECT * FROM ecb.exr";
    for arguments in [
        vec!["sql", "db", "-c", all, "--format", "csv"],
        vec!["sql", "db", "-c", all],
        vec!["export", "db", "ECB:EXR"],
        vec!["demo", "db", "--no-serve"],
    ] {
        let mut child = command(at, &arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut first = String::new();
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        reader.read_line(&mut first).expect("a line");
        drop(reader);
        let output = child.wait_with_output().expect("it ends");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {} {err}", output.status);
        assert!(err.is_empty(), "{arguments:?}: {err}");
    }
}

/// The examples that `--help` shows run as they stand, one command after the other, in a shell.
#[test]
fn the_examples_of_help_run() {
    let folder = folder();
    let at = folder.path();
    let plain = zstd::decode_all(File::open(file("sql/sample/exr.csv.zst")).expect("a file"));
    let plain = plain.expect("zstd");
    let mut gzip =
        GzEncoder::new(File::create(at.join("data.csv.gz")).expect("new"), Compression::fast());
    gzip.write_all(&plain).expect("written");
    gzip.finish().expect("written");
    fs::write(at.join("data.csv"), &plain).expect("written");
    fs::copy(file("sql/sample/structures.xml"), at.join("structure.xml")).expect("copied");
    fs::write(at.join("report.sql"), "SELECT count(*) FROM ecb.exr").expect("written");
    // The order in which the examples build on each other.
    for name in ["", "load", "demo", "sql", "info", "check", "export", "serve"] {
        let arguments: Vec<&str> =
            [name, "--help"].into_iter().filter(|it| !it.is_empty()).collect();
        let help = run(at, &arguments).ok();
        let text = help.text();
        let examples = examples(text);
        assert!(!examples.is_empty(), "{name}: no example in\n{text}");
        for example in examples {
            if example.starts_with("sdmxdb serve") || example == "sdmxdb demo" {
                serve_until_ready(at, &example);
            } else if example.starts_with("psql") || example.starts_with("curl") {
                // They belong to a server at the usual address, which may not be free here:
                // tests/pg.rs and tests/rest.rs ask such questions.
            } else {
                shell(at, &example);
            }
        }
    }
}

/// Starts a command that serves, at free ports, waits until it listens, and tells it to end.
fn serve_until_ready(at: &Path, line: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_sdmxdb"));
    let arguments = line.split_whitespace().skip(1);
    let mut server = Command::new(program)
        .args(arguments)
        .args(["--pg", "127.0.0.1:0", "--http", "127.0.0.1:0"])
        .current_dir(at)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut said = BufReader::new(server.stdout.take().expect("a pipe")).lines();
    let ready = said.find(|line| line.as_ref().is_ok_and(|line| line.starts_with("ready: ")));
    assert!(ready.is_some(), "{line}: ended before it was ready");
    let told = Command::new("kill").arg(server.id().to_string()).status().expect("kill");
    assert!(told.success());
    drop(said);
    let output = server.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {} {err}", output.status);
}

/// The indented lines behind `Example:` or `Examples:`; a remark stands behind many spaces.
fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| !line.starts_with("Example")).skip(1);
    let indented = lines.take_while(|line| line.starts_with("  "));
    indented.map(|line| line.trim().split("   ").next().expect("one").to_owned()).collect()
}

fn shell(at: &Path, line: &str) {
    let program = Path::new(env!("CARGO_BIN_EXE_sdmxdb")).parent().expect("a folder");
    let path = format!("{}:{}", program.display(), env::var("PATH").unwrap_or_default());
    let output = Command::new("sh")
        .args(["-c", line])
        .current_dir(at)
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
}
