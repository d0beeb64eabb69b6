//! The rules of `docs/style.md` that no compiler checks, as one fast test over the sources.
//!
//! A rule that nobody enforces is a wish: when a review finds the same thing twice, it becomes a
//! function here, with the reason in its message.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The modules from the ground up. A module may import from those before it, not from its own
/// row's neighbours, and not from those after it.
const LAYERS: &[&[&str]] = &[
    &["error"],
    &["limits"],
    &["model"],
    &["codec", "index", "sdmx", "disk"],
    &["segment"],
    &["catalog"],
    &["store"],
    &["query"],
    &["pg", "rest"],
    &["cli"],
];

/// A crate, and the only modules that may name it.
const OWNERS: &[(&str, &[&str])] = &[
    ("roaring", &["index"]),
    ("sled", &["catalog"]),
    ("quick_xml", &["sdmx"]),
    ("flate2", &["sdmx"]),
    ("zip", &["sdmx"]),
    ("pco", &["codec"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("rustyline", &["cli"]),
    ("terminal_size", &["cli"]),
    ("pgwire", &["pg"]),
    ("axum", &["rest"]),
    ("datafusion", &["query", "pg"]),
    ("arrow", &["query", "pg"]),
    ("tokio", &["query", "pg", "rest", "cli"]),
    ("futures", &["query", "pg", "rest"]),
    ("async_trait", &["query", "pg"]),
    ("chrono", &["model", "query", "pg"]),
    ("chrono_tz", &["model"]),
];

/// A word of the standard library, and the only modules that may use it.
const WORDS: &[(&str, &[&str], &str)] = &[
    ("std::fs", &["disk", "cli"], "files are behind the trait Disk"),
    ("std::env", &["cli"], "the environment is an argument"),
    ("async fn", &["query", "pg", "rest", "cli"], "nothing below the query layer is async"),
    ("SystemTime", &["cli"], "the clock is an argument"),
    ("Instant::now", &["cli"], "the clock is an argument"),
];

/// Lines of a file before its tests.
const FILE_LINES_MAX: usize = 500;

/// Licences of the crates we depend on, as the crates write them.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    // Of x509-certificate, which pgwire reads certificates with; it binds only changes to itself.
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "Apache-2.0 WITH LLVM-exception",
    "bzip2-1.0.6",
];

/// Crates that need more than a C compiler to build, or bring a second implementation of TLS.
const BANNED: &[&str] = &["openssl-sys", "native-tls", "aws-lc-sys", "cmake", "prost-build"];

#[test]
fn sources_are_tidy() {
    let mut problems = String::new();
    for path in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&path).expect("readable source");
        let code = before_tests(&text);
        let lines = code.lines().count();
        if lines > FILE_LINES_MAX && !is_test(&path) {
            writeln!(problems, "{}: {lines} lines; split it", path.display()).expect("write");
        }
        for (number, line) in (1..).zip(code.lines()).filter(|(_, line)| is_code(line)) {
            if is_test(&path) {
                continue;
            }
            for problem in line_problems(&module_of(&path), line) {
                writeln!(problems, "{}:{number}: {problem}", path.display()).expect("write");
            }
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
}

fn before_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]\n").next().expect("split yields one part")
}

fn is_test(path: &Path) -> bool {
    let in_tests = path.components().any(|part| part.as_os_str() == "tests");
    in_tests || path.file_stem().is_some_and(|stem| stem == "tests")
}

fn line_problems(module: &str, line: &str) -> Vec<String> {
    let layer = |name: &str| LAYERS.iter().position(|row| row.contains(&name));
    let named = line.match_indices("crate::").map(|(at, found)| &line[at + found.len()..]);
    let named = named.map(|rest| rest.split(|c: char| !is_word(c)).next().unwrap_or_default());
    let upward = named
        .filter(|name| *name != module && layer(module).is_some())
        .filter(|name| layer(name).is_some() && layer(name) >= layer(module))
        .map(|name| format!("{module} imports {name}, which is not below it"));
    let foreign = OWNERS
        .iter()
        .filter(|(krate, owners)| names_crate(line, krate) && !owners.contains(&module))
        .map(|(krate, owners)| format!("{krate} is named outside {}", owners.join(", ")));
    let words = WORDS
        .iter()
        .filter(|(word, owners, _)| line.contains(word) && !owners.contains(&module))
        .map(|(word, owners, why)| format!("{word} outside {}: {why}", owners.join(", ")));
    let hidden = ["crate::{", "super::super"].into_iter().filter(|form| line.contains(form));
    let hidden = hidden.map(|form| format!("{form} hides what is imported: one path a line"));
    upward.chain(foreign).chain(words).chain(hidden).collect()
}

/// Whether a line names a crate, and not a module or a path that ends in the same word.
fn names_crate(line: &str, krate: &str) -> bool {
    let path = format!("{krate}::");
    line.match_indices(&path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !is_word(c) && c != ':')
    })
}

fn is_code(line: &str) -> bool {
    !line.trim_start().starts_with("//")
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The top-level module a path belongs to: `src/model/key.rs` and `src/model.rs` are `model`.
fn module_of(path: &Path) -> String {
    let first = path.components().nth(1).expect("a path under src");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable folder") {
            let path = entry.expect("readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_rule_finds_what_it_should() {
    assert!(line_problems("index", "use crate::model::CodeId;").is_empty());
    assert!(line_problems("query", "use crate::query::index::X;").is_empty());
    assert_eq!(line_problems("model", "use crate::index::Selection;").len(), 1);
    assert_eq!(line_problems("codec", "use crate::index::Selection;").len(), 1);
    assert_eq!(line_problems("store", "use crate::query::Engine;").len(), 1);
    assert_eq!(line_problems("model", "use roaring::RoaringBitmap;").len(), 1);
    assert_eq!(line_problems("store", "let x = datafusion::f();").len(), 1);
    assert_eq!(line_problems("store", "use std::fs::File;").len(), 1);
    assert_eq!(line_problems("store", "async fn f() {}").len(), 1);
    assert_eq!(line_problems("cli", "use crate::{index, error};").len(), 1);
}

/// What a user reads must not speak of the workplace it was written in.
#[test]
fn the_project_speaks_of_itself_alone() {
    let mut problems = String::new();
    let mut files = rust_files(Path::new("src"));
    for folder in ["docs", "sql", "benches"] {
        files.extend(text_files(Path::new(folder)));
    }
    files.push("README.md".into());
    // Tests may look for material that is not part of the project.
    for path in files.into_iter().filter(|path| !is_test(path)) {
        let text = fs::read_to_string(&path).expect("readable");
        for (number, line) in (1..).zip(before_tests(&text).lines()) {
            for word in ["../shared", "/work/", "/tmp/", "/root/"] {
                if line.contains(word) {
                    writeln!(problems, "{}:{number}: {word}", path.display()).expect("write");
                }
            }
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
}

fn text_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable folder") {
            let path = entry.expect("readable entry").path();
            let is_text = path.extension().is_some_and(|extension| {
                ["md", "sql", "py", "rs"].iter().any(|known| extension == *known)
            });
            if path.is_dir() {
                folders.push(path);
            } else if is_text {
                found.push(path);
            }
        }
    }
    found
}

/// Every dependency has a licence we know, and none needs more than a C compiler.
#[test]
fn dependencies_are_as_expected() {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut problems = String::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().unwrap_or_default();
        if BANNED.contains(&name) {
            writeln!(problems, "{name} is banned").expect("write");
        }
        let licence = package["license"].as_str().unwrap_or_default();
        let plain = licence.replace(['(', ')'], "").replace('/', " OR ");
        // One of the alternatives must be known, and all parts of it.
        let known = plain
            .split(" OR ")
            .any(|choice| choice.split(" AND ").all(|part| LICENCES.contains(&part.trim())));
        if !known {
            writeln!(problems, "{name}: licence {licence:?}").expect("write");
        }
    }
    assert!(problems.is_empty(), "\n{problems}");
}
