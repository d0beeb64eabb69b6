//! Nothing of a pending release shows: two databases that are equal but for it give the same bytes.
//!
//! One is a copy of the other, to which releases were added that nobody announced: revised values,
//! deleted ones, new codes and names, a new dataflow. Then both are asked everything there is, by
//! every way in. In the end a release is published, so that it is seen that the questions can tell.

#![expect(clippy::absolute_paths, reason = "a test reads better so")]

#[path = "leak/asked.rs"]
mod asked;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "rest/client.rs"]
mod client;
#[path = "sql/program.rs"]
mod program;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "rest/server.rs"]
mod server;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "pg/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sdmxdb::limits::QUERY_STACK_BYTES;
use sdmxdb::model::Zone;
use sdmxdb::pg::{self, PgOptions};
use sdmxdb::query::render::{Format, render};
use sdmxdb::query::{Connection, EngineOptions};
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, Editor, LoadOptions, Message, NewRelease, Outcome, ReleaseTime};
use sdmxdb::store::{Right, UserChange};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::asked::{COMMANDS, ON_THE_WIRE, REQUESTS, STATEMENTS};
use crate::client::{Answer, ask};
use crate::server::Server;
use crate::world::Raw;

const STRUCTURES: &str = include_str!("../sql/sample/structures.xml");
const HEAD: &str =
    "DATAFLOW,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,OBS_STATUS";
/// A minute of 2027, when the servers are asked.
const NOW: i64 = 1_800_000_000_000_000;
const DAY: i64 = 86_400_000_000;
/// When the release is to be public: later than any clock that runs this test.
const FAR: &str = "2199-12-01 09:00";

/// What was said, by what was asked.
type Said = BTreeMap<String, String>;

fn rows(lines: &[&str]) -> String {
    let line = |line: &&str| format!("\nECB:EXR(1.0),{line}");
    HEAD.to_owned() + &lines.iter().map(line).collect::<String>() + "\n"
}

/// A database with three commits, the last of which is a revision.
fn make(folder: &Path) -> Database {
    let database = Database::open_or_create(folder.join("db")).expect("made");
    let structures = read_structures(STRUCTURES.as_bytes(), "structures.xml").expect("read");
    let mut load = database.begin_load(LoadOptions::at(NOW - 3 * DAY)).expect("begun");
    load.structures(structures).expect("sound");
    load.commit().expect("committed");
    let first = [
        "D,USD,EUR,SP00,A,2024-01-02,1.0956,A",
        "D,USD,EUR,SP00,A,2024-01-03,1.0919,A",
        "D,GBP,EUR,SP00,A,2024-01-02,0.86645,A",
        "M,GBP,EUR,SP00,A,2024-01,0.8,A",
    ];
    for (days, lines) in [(2, &first[..]), (1, &["D,USD,EUR,SP00,A,2024-01-03,1.0920,A"])] {
        let mut load = database.begin_load(LoadOptions::at(NOW - days * DAY)).expect("begun");
        load.csv(rows(lines).as_bytes(), "rates.csv").expect("good");
        load.commit().expect("committed");
    }
    database
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Adds two releases, of which nobody may know.
fn add_secrets(database: &Database) {
    let by = Editor::at(NOW - DAY / 2, "the embargoed author");
    for (name, title) in [("secret", "the hidden title"), ("another", "")] {
        let new = NewRelease {
            name: name.to_owned(),
            title: title.to_owned(),
            notes: "hidden notes".to_owned(),
            at: ReleaseTime::parse(FAR, Zone::UTC).expect("a time"),
            is_announced: false,
        };
        database.create_release(new, &by).expect("made");
    }
    // A code, names and a dataflow that are not there yet.
    let codelist = "<str:Code id=\"AUD\">";
    let code = "<str:Code id=\"ZZZ\"><com:Name xml:lang=\"en\">Hidden coin</com:Name></str:Code>";
    let flow = "<str:Dataflow id=\"EXR_AVG\"";
    let hidden = "<str:Dataflow id=\"EXS\" agencyID=\"ECB\" version=\"1.0\">\
                  <com:Name xml:lang=\"eo\">Kasita</com:Name><str:Structure><Ref id=\"ECB_EXR1\" \
                  agencyID=\"ECB\" version=\"1.0\" package=\"datastructure\" \
                  class=\"DataStructure\"/></str:Structure></str:Dataflow>";
    let structures = STRUCTURES
        .replacen(codelist, &format!("{code}{codelist}"), 1)
        .replacen(flow, &format!("{hidden}{flow}"), 1)
        .replace("Australian dollar", "Hidden dollar");
    let data = rows(&[
        "D,USD,EUR,SP00,A,2024-01-03,7.7777,A",
        "D,ZZZ,EUR,SP00,A,2024-01-04,8.8888,A",
        "A,USD,EUR,SP00,A,2025,9.9999,A",
    ]);
    let other = data.replace("ECB:EXR(1.0)", "ECB:EXS(1.0)");
    for (name, text) in [("structures.xml", structures), ("hidden.csv", data), ("exs.csv", other)] {
        let message = Message::open(Box::new(std::io::Cursor::new(text.into_bytes())), name);
        let added = database.add_to_release("secret", vec![message.expect("a message")], &by);
        assert!(added.expect("added").conflicts.is_empty());
    }
    let data = rows(&["D,GBP,EUR,SP00,A,2024-01-02,6.6666,P"]);
    let message = Message::open(Box::new(std::io::Cursor::new(data.into_bytes())), "other.csv");
    database.add_to_release("another", vec![message.expect("a message")], &by).expect("added");
    assert!(database.release_due(NOW).expect("nothing is due").is_empty());
    // Whoever may see it has looked at it, in this very program.
    let preview = database.preview("secret").expect("a preview");
    assert!(preview.flows().iter().any(|state| state.flow.id.id == "EXS"));
}

fn connection(database: &Database) -> Connection {
    let two = NonZeroUsize::new(2).expect("not zero");
    Connection::new(database.clone(), EngineOptions::new(two)).expect("connected")
}

/// What a statement says: columns, rows, notices, errors, hints.
fn answer(connection: &Connection, sql: &str) -> String {
    let mut out = Vec::new();
    let ran = connection.run(sql, |mut rows| {
        let schema = Arc::clone(rows.schema());
        for field in schema.fields() {
            let facts: BTreeMap<_, _> = field.metadata().iter().collect();
            let (name, kind) = (field.name(), field.data_type());
            writeln!(SaidIn(&mut out), "{name} {kind} {} {facts:?}", field.is_nullable())
                .expect("into memory");
        }
        let count = render(Format::Csv, &schema, &mut rows, &mut out)?;
        let hints = if count == 0 { rows.answer().why_empty()? } else { Vec::new() };
        writeln!(SaidIn(&mut out), "{hints:?}").expect("into memory");
        Ok(())
    });
    format!("{}\n{ran:?}", String::from_utf8_lossy(&out))
}

struct SaidIn<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for SaidIn<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Every statement, and every row of every table.
fn ask_sql(database: &Database) -> Said {
    let connection = connection(database);
    let mut said = Said::new();
    for sql in STATEMENTS {
        said.insert(format!("SQL {sql}"), answer(&connection, sql));
        // What one statement sets must not last.
        drop(answer(&connection, "RESET ALL"));
    }
    let tables = "SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2";
    for line in answer(&connection, tables).lines().filter(|line| is_table(line)) {
        let sql = format!("SELECT * FROM {}", line.replace(',', "."));
        said.insert(format!("SQL {sql}"), answer(&connection, &sql));
    }
    assert!(said.len() > STATEMENTS.len() + 15, "{} answers", said.len());
    said
}

/// `schema,table`, of a line of CSV.
fn is_table(line: &str) -> bool {
    let plain = |part: &str| part.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    // Its days are the same for all, and many.
    line.split(',').count() == 2 && line.split(',').all(plain) && !line.ends_with("dim_date")
}

/// Lines of the operator's log.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn log(line: &str) {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
}

/// Every request to REST with its whole answer, the metrics, and what the operator is told.
fn ask_rest(database: &Database) -> Said {
    let options =
        sdmxdb::rest::RestOptions { report: log, ..sdmxdb::rest::RestOptions::new(|| NOW) };
    let server = Server::with(database.clone(), options);
    let mut said = Said::new();
    let mut tags = Vec::new();
    for (target, accept) in REQUESTS {
        for method in ["GET", "HEAD"] {
            let answer = ask(server.address, method, target, &[("Accept", accept)]);
            tags.extend(answer.header("ETag").map(|tag| (*target, *accept, tag.to_owned())));
            said.insert(format!("{method} {target} as {accept}"), said_by(&answer));
        }
        for headers in [
            [("X-Release", "secret"), ("Accept", *accept)],
            [("X-Release", "none"), ("Accept", *accept)],
        ] {
            let answer = ask(server.address, "GET", target, &headers);
            said.insert(format!("GET {target} with {headers:?}"), said_by(&answer));
        }
    }
    for (target, accept, tag) in tags {
        let headers = [("Accept", accept), ("If-None-Match", tag.as_str())];
        let answer = ask(server.address, "GET", target, &headers);
        said.insert(format!("GET {target} as {accept} again"), said_by(&answer));
    }
    // How many run is what the last ones have left, whose threads are about to end.
    let metrics = server.get("/metrics").text();
    let counted = metrics.lines().filter(|line| !line.starts_with("sdmxdb_http_running_answers "));
    said.insert("metrics".to_owned(), counted.collect::<Vec<_>>().join("\n"));
    let lines = std::mem::take(&mut *LOG.lock().unwrap_or_else(PoisonError::into_inner));
    said.insert("log".to_owned(), lines.join("\n"));
    said
}

/// Status, headers and body as text, but for the time of the machine.
fn said_by(answer: &Answer) -> String {
    let headers = answer.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("date"));
    let mut lines = vec![answer.status.to_string()];
    lines.extend(headers.map(|(name, value)| format!("{name}: {value}")));
    lines.push(String::from_utf8_lossy(&answer.body).into_owned());
    lines.join("\n")
}

/// The bytes of the Postgres wire.
fn ask_pg(database: &Database) -> Said {
    let two = NonZeroUsize::new(2).expect("not zero");
    let runtime = || -> Runtime {
        let mut builder = Builder::new_multi_thread();
        let builder = builder.worker_threads(2).thread_stack_size(QUERY_STACK_BYTES);
        builder.enable_all().build().expect("threads")
    };
    let (network, queries) = (runtime(), runtime());
    let engine = pg::engine(database.clone(), EngineOptions::new(two)).expect("an engine");
    let (_stop, stopped) = watch::channel(false);
    let listener = network.block_on(TcpListener::bind("127.0.0.1:0")).expect("an address");
    let address = listener.local_addr().expect("an address");
    let handle = queries.handle().clone();
    network.spawn(pg::serve(listener, engine, handle, PgOptions::new(|| NOW), stopped));
    let mut client = Raw::connect(address);
    client.start(&[("user", "tester"), ("database", "sdmxdb")]);
    client.until(b'Z');
    let mut said = Said::new();
    for sql in STATEMENTS.iter().chain(ON_THE_WIRE) {
        let mut text = String::new();
        // Answers have the numbers of their tables once PostgreSQL's catalogue is made, which none
        // but those about it wait for.
        client.send(b'Q', b"SELECT count(*) FROM pg_catalog.pg_class\0");
        client.until(b'Z');
        client.send(b'Q', format!("{sql}\0").as_bytes());
        for (kind, body) in client.until(b'Z') {
            let body = String::from_utf8_lossy(&body).into_owned();
            writeln!(text, "{} {body:?}", char::from(kind)).expect("into a string");
        }
        said.insert(format!("wire {sql}"), text);
        client.send(b'Q', b"ROLLBACK\0");
        client.until(b'Z');
        client.send(b'Q', b"RESET ALL\0");
        client.until(b'Z');
    }
    network.shutdown_background();
    queries.shutdown_background();
    said
}

/// The program itself, by who can read the files but asks for nothing that is yet to come.
fn ask_program(folder: &Path) -> Said {
    let mut said = Said::new();
    for arguments in COMMANDS {
        let run = program::run(folder, arguments);
        let text = format!("{}\n{}\n{}", run.code, run.err, String::from_utf8_lossy(&run.out));
        said.insert(format!("sdmxdb {}", arguments.join(" ")), text);
    }
    said
}

fn ask_all(folder: &Path) -> Said {
    let database = Database::open(folder.join("db")).expect("opened");
    let mut said = ask_sql(&database);
    said.extend(ask_rest(&database));
    said.extend(ask_pg(&database));
    said.extend(ask_program(folder));
    said
}

/// What was answered otherwise, or only once.
fn differences(one: &Said, other: &Said) -> Vec<String> {
    let asked: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let said = |said: &Said, asked: &str| said.get(asked).cloned().unwrap_or_default();
    let pairs = asked.into_iter().map(|asked| (asked, said(one, asked), said(other, asked)));
    let different = pairs.filter(|(_, one, other)| one != other);
    different
        .map(|(asked, one, other)| format!("{asked}\n{}", first_difference(&one, &other)))
        .collect()
}

/// The first line in which two texts differ, cut to a readable length.
fn first_difference(one: &str, other: &str) -> String {
    let cut =
        |line: Option<&str>| line.unwrap_or("(the end)").chars().take(400).collect::<String>();
    let (mut one, mut other) = (one.lines(), other.lines());
    loop {
        let (left, right) = (one.next(), other.next());
        if left != right || left.is_none() {
            return format!("--- {}\n+++ {}", cut(left), cut(right));
        }
    }
}

#[test]
fn nothing_of_a_pending_release_shows() {
    let (one, other) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    drop(make(one.path()));
    copy(&one.path().join("db"), &other.path().join("db"));
    let secret = Database::open(other.path().join("db")).expect("opened");
    add_secrets(&secret);
    let (without, with) = (ask_all(one.path()), ask_all(other.path()));
    let found = differences(&without, &with);
    assert!(found.is_empty(), "{} leaks\n{}", found.len(), found.join("\n\n"));
    for (asked, said) in &with {
        let asks = ["ZZZ", "EXS", "secret"].iter().any(|word| asked.contains(word));
        for word in ["hidden", "Hidden", "Kasita", "7.7777", "6.6666", "8.8888"] {
            assert!(asks || !said.contains(word), "{asked} says {word}");
        }
    }

    // The same questions tell that there is something once it is public.
    let by = Editor::at(NOW, "somebody");
    let outcome = secret.release_now("secret", &by).expect("published").outcome;
    assert!(matches!(outcome, Outcome::Published { commit: Some(_) }), "{outcome:?}");
    drop(secret);
    let public = ask_all(other.path());
    let told = differences(&without, &public).len();
    assert!(told * 3 > without.len(), "{told} of {} answers tell", without.len());
}

#[test]
fn a_preview_is_for_who_has_the_right() {
    let folder = TempDir::new().expect("a folder");
    let database = make(folder.path());
    add_secrets(&database);
    let by = Editor::at(NOW, "admin");
    for (name, rights) in [("anna", vec![Right::Preview]), ("ben", vec![Right::Write])] {
        let rights = rights.into_iter().collect();
        let change = UserChange::Add(format!("{name}'s password"), rights);
        database.change_user(name, &change, by.now, "admin").expect("added");
    }
    let server = Server::with(database.clone(), sdmxdb::rest::RestOptions::new(|| NOW));
    let target = "/sdmx/v2/data/dataflow/ECB/EXR/1.0/D.USD.*.*.*";
    let get = |login: &str, release: &str| {
        let basic = format!("Basic {}", STANDARD.encode(login));
        let headers = [("Accept", "text/csv"), ("X-Release", release), ("Authorization", &basic)];
        ask(server.address, "GET", target, &headers)
    };
    let public = ask(server.address, "GET", target, &[("Accept", "text/csv")]);
    let preview = get("anna:anna's password", "secret");
    assert_eq!(preview.status, 200, "{}", preview.text());
    assert!(preview.text().contains("7.7777") && !public.text().contains("7.7777"));
    assert_eq!(preview.header("Cache-Control"), Some("private, no-store"));
    assert_eq!(get("anna:anna's password", "none").status, 404);
    assert_eq!(get("anna:anna's password", "another").status, 200);
    for release in ["secret", "none"] {
        let wrong = get("anna:anna", release);
        assert_eq!(wrong.status, 401);
        assert!(wrong.header("WWW-Authenticate").is_some());
        assert_eq!(said_by(&wrong), said_by(&get("nobody:x", release)));
        assert_eq!(get("ben:ben's password", release).status, 403);
        let bare = ask(server.address, "GET", target, &[("X-Release", release)]);
        assert_eq!(bare.status, 401);
    }
    assert_eq!(
        said_by(&get("ben:ben's password", "secret")),
        said_by(&get("ben:ben's password", "none"))
    );
    // Whoever looked changed nothing for the others.
    let after = ask(server.address, "GET", target, &[("Accept", "text/csv")]);
    assert_eq!(said_by(&after), said_by(&public));
}

#[test]
fn an_error_names_nothing_that_is_yet_to_come() {
    let folder = TempDir::new().expect("a folder");
    let database = make(folder.path());
    add_secrets(&database);
    // Loads are refused for what is public alone: the code is not there, the dataflow neither.
    let refusal = |text: String| {
        let mut load = database.begin_load(LoadOptions::at(NOW)).expect("begun");
        match load.csv(text.as_bytes(), "mine.csv") {
            Ok(()) => panic!("loaded"),
            Err(error) => error.to_string(),
        }
    };
    let code = refusal(rows(&["D,ZZY,EUR,SP00,A,2024-01-04,1,A"]));
    assert!(!code.contains("ZZZ"), "{code}");
    let same = refusal(rows(&["D,ZZZ,EUR,SP00,A,2024-01-04,1,A"]));
    assert_eq!(same.replace("ZZZ", "ZZY"), code, "as unknown as any other");
    let flow = refusal(rows(&["D,USD,EUR,SP00,A,2024-01-04,1,A"]).replace("EXR(", "EXT("));
    assert!(!flow.contains("EXS"), "{flow}");
}
