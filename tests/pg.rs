//! The Postgres wire, asked by a client that is not ours and by one that sends what no client
//! should.

#![expect(clippy::panic, reason = "a test fails by panicking")]

#[path = "pg/world.rs"]
mod world;
#[path = "pg/write.rs"]
mod write;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use postgres::error::SqlState;
use postgres::types::Type;
use postgres::{Client, Column, NoTls, SimpleQueryMessage};
use world::{Raw, World, field, kinds, rows, tags};

/// Busy for longer than any test, in one operator, and with one row as its answer.
const ENDLESS: &str = "SELECT sum((a.i % 7) * (b.j % 3)) FROM generate_series(1,1000000) AS a(i), \
                       generate_series(1,1000000) AS b(j)";

#[test]
fn numbers_of_rows_that_no_memory_holds() {
    let world = World::new();
    for most in [2_147_483_647, -1, 0] {
        let mut raw = world.raw();
        raw.parse("", "SELECT i FROM generate_series(1, 3) AS g(i)");
        raw.bind("", "", &[]);
        raw.execute("", most);
        raw.sync();
        let answer = raw.until(b'Z');
        assert_eq!((kinds(&answer).as_str(), rows(&answer).as_str()), ("12DCZ", "1 2 3"));
    }
    let mut raw = world.raw();
    raw.query(
        "BEGIN; DECLARE c CURSOR FOR SELECT i FROM generate_series(1, 3) AS g(i); \
         FETCH 2147483647 FROM c; FETCH 9223372036854775807 FROM c; COMMIT",
    );
    assert_eq!(tags(&raw.until(b'Z')), "BEGIN,DECLARE CURSOR,FETCH 3,FETCH 0,COMMIT");
}

#[test]
fn format_codes_that_do_not_fit() {
    let mut raw = World::new().raw_kept();
    raw.1.parse("", "SELECT 1, 2, 3");
    raw.1.bind("", "", &[1, 1]);
    raw.1.sync();
    let answer = raw.1.until(b'Z');
    assert_eq!(kinds(&answer), "1EZ");
    assert_eq!(field(&answer[1], b'C').as_deref(), Some("08P01"));
    raw.1.bind("", "", &[7]);
    raw.1.sync();
    let answer = raw.1.until(b'Z');
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("22023"));
    assert_eq!(raw.1.kinds("SELECT 1"), "TDCZ");
}

impl World {
    /// A client with its server.
    fn raw_kept(self) -> (Self, Raw) {
        let raw = self.raw();
        (self, raw)
    }
}

#[test]
fn a_slow_reader_costs_no_memory() {
    let world = World::new();
    let mut raw = world.raw();
    raw.parse("", "SELECT i, i, 'a text of some length' FROM generate_series(1, 20000000) AS g(i)");
    raw.bind("", "", &[]);
    raw.execute("", 0);
    raw.sync();
    let mut buffer = vec![0; 1 << 20];
    raw.0.read_exact(&mut buffer).expect("the first rows");
    let before = resident();
    for _ in 0..20 {
        raw.0.read_exact(&mut buffer).expect("more rows");
    }
    let after = resident();
    // The whole answer has a gigabyte; other tests run beside this one.
    assert!(after < before + (256 << 20), "{before} {after}");
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    number.unwrap_or(0) * 1024
}

#[test]
fn endless_queries_keep_nobody_waiting_and_can_be_cancelled() {
    let world = World::new();
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut client = world.client();
        let token = client.cancel_token();
        busy.push((token, thread::spawn(move || client.simple_query(ENDLESS).map(drop))));
    }
    let mut client = world.client();
    let one: i32 = client.query_one("SELECT 1", &[]).expect("an answer").get(0);
    assert_eq!(one, 1);
    for (token, thread) in busy {
        // A cancellation that comes before the statement is lost, as in PostgreSQL.
        while !thread.is_finished() {
            token.cancel_query(NoTls).expect("a cancellation");
        }
        let error = thread.join().expect("no panic").expect_err("cancelled");
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    }
    let found = client.query_one("SELECT count(*) FROM ecb.exr", &[]).expect("an answer");
    assert_eq!(found.get::<_, i64>(0), 4);
}

#[test]
fn time_limits_end_a_running_operator() {
    let world = World::new();
    let mut client = world.client();
    client.batch_execute("SET statement_timeout = 200").expect("set");
    let error = client.simple_query(ENDLESS).map(drop).expect_err("too long");
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    let error = client.query(ENDLESS, &[]).map(drop).expect_err("too long");
    assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED));
    client.batch_execute("RESET statement_timeout").expect("reset");
    assert_eq!(text(&mut client, "SELECT 1"), "1");
}

#[test]
fn another_session_is_cancelled_and_ended_by_functions() {
    let world = World::new();
    let mut victim = world.client();
    let pid: i32 = victim.query_one("SELECT pg_backend_pid()", &[]).expect("a pid").get(0);
    let thread = thread::spawn(move || {
        let first = victim.simple_query(ENDLESS).map(drop);
        let second = victim.simple_query(ENDLESS).map(drop);
        (first, second)
    });
    let mut client = world.client();
    while !thread.is_finished() {
        client.query_one("SELECT pg_cancel_backend($1)", &[&pid]).expect("an answer");
    }
    let (first, second) = thread.join().expect("no panic");
    assert_eq!(first.expect_err("cancelled").code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!(second.expect_err("cancelled").code(), Some(&SqlState::QUERY_CANCELED));
    assert_eq!(text(&mut client, "SELECT pg_terminate_backend(-1)"), "f");
}

fn text(client: &mut Client, sql: &str) -> String {
    let messages = client.simple_query(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            let cells = (0..row.len()).map(|column| row.get(column).unwrap_or("NULL"));
            Some(cells.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    });
    rows.collect::<Vec<_>>().join(" ")
}

#[test]
fn no_number_is_wrong_in_silence() {
    let world = World::new();
    let mut client = world.client();
    let mut check =
        |sql: &str, expected: &str| assert_eq!(text(&mut client, sql), expected, "{sql}");
    check(
        "SELECT DISTINCT currency, (SELECT max(x.obs_value) FROM ecb.exr x \
         WHERE x.currency = t.currency) FROM ecb.exr t ORDER BY 1",
        "GBP|0.86645 USD|1.0956",
    );
    check("SELECT (SELECT max(exr.obs_value) FROM ecb.exr)", "1.0956");
    check("SELECT currency, * FROM ecb.exr LIMIT 0", "");
    check("SELECT CAST(NULL AS interval) IS NULL", "t");
    check("SELECT 0.1 + 0.2", "0.3");
    check("SELECT 'abort' AS abort", "abort");
    check("SELECT 3000000000 * 3", "9000000000");
    let error = client.simple_query("SELECT (SELECT currency FROM ecb.exr)").map(drop);
    assert_eq!(error.expect_err("many rows").code(), Some(&SqlState::CARDINALITY_VIOLATION));
}

#[test]
fn one_version_everywhere() {
    let world = World::new();
    let mut client = world.client();
    let version = text(&mut client, "SHOW server_version");
    assert!(version.starts_with("15."), "{version}");
    let banner = text(&mut client, "SELECT version()");
    assert!(banner.starts_with(&format!("PostgreSQL {version}")), "{banner}");
    assert_eq!(text(&mut client, "SELECT current_setting('server_version')"), version);
    assert!(text(&mut client, "SHOW server_version_num").starts_with("1500"));
}

#[test]
fn the_portal_of_a_cursor_is_described() {
    let (_world, mut raw) = World::new().raw_kept();
    raw.query("BEGIN; DECLARE c CURSOR FOR SELECT currency, obs_value FROM ecb.exr");
    assert_eq!(tags(&raw.until(b'Z')), "BEGIN,DECLARE CURSOR");
    raw.send(b'D', b"Pc\0");
    raw.sync();
    let answer = raw.until(b'Z');
    assert_eq!(kinds(&answer), "TZ");
    assert_eq!(answer[0].1[..2], [0, 2]);
    raw.query("FETCH 1 FROM c; MOVE 2 IN c; FETCH ALL c; CLOSE c; COMMIT");
    assert_eq!(tags(&raw.until(b'Z')), "FETCH 1,MOVE 2,FETCH 1,CLOSE CURSOR,COMMIT");
}

#[test]
fn portals_are_read_in_parts_and_live_until_sync() {
    let (_world, mut raw) = World::new().raw_kept();
    raw.parse("", "SELECT i FROM generate_series(1, 5) AS g(i)");
    raw.bind("p", "", &[]);
    raw.execute("p", 2);
    raw.send(b'H', b"");
    let answer = raw.until(b's');
    assert_eq!((kinds(&answer).as_str(), rows(&answer).as_str()), ("12Ds", "1 2"));
    raw.execute("p", 2);
    raw.execute("p", 2);
    raw.execute("p", 2);
    raw.sync();
    let answer = raw.until(b'Z');
    assert_eq!((kinds(&answer).as_str(), rows(&answer).as_str()), ("DsDCCZ", "3 4 5"));
    raw.execute("p", 2);
    raw.sync();
    let answer = raw.until(b'Z');
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("34000"));
}

#[test]
fn after_an_error_all_is_skipped_up_to_sync() {
    let (_world, mut raw) = World::new().raw_kept();
    raw.parse("", "SELECT nope FROM ecb.exr");
    raw.bind("", "", &[]);
    raw.execute("", 0);
    raw.parse("", "SELECT 1");
    raw.sync();
    raw.sync();
    let answer = raw.until(b'Z');
    assert_eq!(kinds(&answer), "EZ");
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("42703"));
    assert_eq!(field(&answer[0], b'P').as_deref(), Some("8"));
    assert_eq!(kinds(&raw.until(b'Z')), "Z");
}

#[test]
fn a_failed_transaction_waits_for_its_end() {
    let (_world, mut raw) = World::new().raw_kept();
    let mut check = |sql: &str, tag: &str, status: u8| {
        raw.query(sql);
        let answer = raw.until(b'Z');
        let found = match answer.iter().find(|(kind, _)| *kind == b'E') {
            Some(error) => field(error, b'C').unwrap_or_default(),
            None => tags(&answer),
        };
        assert_eq!((found.as_str(), answer.last().expect("Z").1[0]), (tag, status), "{sql}");
    };
    check("BEGIN", "BEGIN", b'T');
    check("SAVEPOINT a", "SAVEPOINT", b'T');
    check("SELECT 1/(SELECT 0)", "22012", b'E');
    check("SELECT 1", "25P02", b'E');
    check("ROLLBACK TO a", "ROLLBACK", b'T');
    check("RELEASE a", "RELEASE", b'T');
    check("SELECT 1", "SELECT 1", b'T');
    check("SELECT nope", "42703", b'E');
    check("COMMIT", "ROLLBACK", b'I');
    check("SAVEPOINT a", "25P01", b'I');
    check("BEGIN; SET LOCAL work_mem = '1MB'; COMMIT", "BEGIN,SET,COMMIT", b'I');
    check("SELECT 1; SELECT nope; SELECT 2", "42703", b'I');
    check("INSERT INTO ecb.exr VALUES (1)", "25006", b'I');
    check("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN", b'T');
    check("SELECT count(*) FROM ecb.exr", "SELECT 1", b'T');
    check("END", "COMMIT", b'I');
}

#[test]
fn columns_have_the_names_and_types_of_postgresql() {
    let world = World::new();
    let mut client = world.client();
    let statement = client
        .prepare(
            "SELECT 1, count(*), 'a', CAST(1.5 AS numeric(12,4)), CAST('x' AS varchar), \
             currency, obs_value, CAST(1 AS smallint), now(), 1, DATE '2020-01-01', true \
             FROM ecb.exr GROUP BY currency, obs_value",
        )
        .expect("prepared");
    let names: Vec<&str> = statement.columns().iter().map(Column::name).collect();
    let expected = [
        "?column?",
        "count",
        "?column?",
        "numeric",
        "varchar",
        "currency",
        "obs_value",
        "int2",
        "now",
        "?column?",
        "date",
        "?column?",
    ];
    assert_eq!(names, expected);
    let types: Vec<Type> =
        statement.columns().iter().map(|column| column.type_().clone()).collect();
    let expected = [
        Type::INT4,
        Type::INT8,
        Type::TEXT,
        Type::NUMERIC,
        Type::VARCHAR,
        types[5].clone(),
        Type::FLOAT8,
        Type::INT2,
        Type::TIMESTAMPTZ,
        Type::INT4,
        Type::DATE,
        Type::BOOL,
    ];
    assert_eq!(types, expected);
}

#[test]
fn parameters_get_the_types_of_their_places() {
    let world = World::new();
    let mut client = world.client();
    let mut check = |sql: &str, expected: &[Type]| {
        let statement = client.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        assert_eq!(statement.params(), expected, "{sql}");
    };
    check("SELECT currency FROM ecb.exr LIMIT $1 OFFSET $2", &[Type::INT8, Type::INT8]);
    check("SELECT 1 FROM ecb.exr WHERE currency = ANY($1)", &[Type::TEXT_ARRAY]);
    check("SELECT coalesce($1, 0)", &[Type::INT4]);
    check(
        "SELECT 1 FROM ecb.exr WHERE obs_value > $1 AND currency = $2",
        &[Type::FLOAT8, Type::TEXT],
    );
    check("SELECT $1", &[Type::TEXT]);
    check("SELECT $1::date", &[Type::DATE]);
    check("SELECT 1 FROM ecb.exr WHERE obs_value BETWEEN $1 AND $2", &[Type::FLOAT8, Type::FLOAT8]);
    check("SELECT 1 FROM ecb.exr WHERE currency IN ($1, $2)", &[Type::TEXT, Type::TEXT]);
    let rows = client
        .query(
            "SELECT currency FROM ecb.exr WHERE currency = ANY($1) AND obs_value > $2 LIMIT $3",
            &[&vec!["USD", "GBP"], &1.0_f64, &1_i64],
        )
        .expect("rows");
    assert_eq!(rows.len(), 1);
    let sql = "SELECT count(*) FROM ecb.exr WHERE obs_value > $1";
    let statement = client.prepare_typed(sql, &[Type::INT2]).expect("prepared");
    let count: i64 = client.query_one(&statement, &[&1_i16]).expect("a row").get(0);
    assert_eq!(count, 2);
    let count: i64 = client.query_one(sql, &[&None::<f64>]).expect("a row").get(0);
    assert_eq!(count, 0);
}

#[test]
fn errors_have_a_state_and_a_place() {
    let (_world, mut raw) = World::new().raw_kept();
    let mut check = |sql: &str, state: &str, place: Option<&str>| {
        raw.query(sql);
        let answer = raw.until(b'Z');
        let error = answer.iter().find(|(kind, _)| *kind == b'E').expect(sql);
        assert_eq!(field(error, b'C').as_deref(), Some(state), "{sql} {:?}", field(error, b'M'));
        if place.is_some() {
            assert_eq!(field(error, b'P').as_deref(), place, "{sql}");
        }
    };
    check("SELEKT 1", "42601", Some("1"));
    check("SELECT * FROM no_such_table", "42P01", Some("15"));
    check("SELECT 'é', nope FROM ecb.exr", "42703", Some("13"));
    check("SELECT nope(1)", "42883", Some("8"));
    check("SELECT CAST('abc' AS integer)", "22P02", None);
    check("SELECT 1/(SELECT count(*)-count(*) FROM ecb.exr)", "22012", None);
    check("SELECT obs_value, count(*) FROM ecb.exr", "42803", None);
    check("SELECT * FROM no_such_schema.t", "42P01", None);
    check("SET no_such_setting = 1", "42704", None);
    check("FETCH ALL FROM nope", "34000", None);
    check("EXECUTE nope", "26000", None);
    check("COPY ecb.exr TO '/tmp/x'", "42501", None);
    check("COPY ecb.exr FROM STDIN", "25006", None);
    check("CREATE TEMP TABLE t (a int)", "25006", None);
}

#[test]
fn sessions_begin_in_every_way_that_clients_know() {
    let world = World::new();
    let mut raw = Raw::connect(world.address);
    for code in [b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"] {
        raw.packet(code);
        let mut answer = [0];
        raw.0.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, b"N");
    }
    raw.start_with(196_608 + 9_999, &[("user", "me"), ("database", "postgres"), ("_pq_.x", "1")]);
    let answer = raw.until(b'Z');
    assert_eq!(answer[0].0, b'v');
    assert_eq!(answer[0].1[..4], [0, 3, 0, 2]);
    let refused = |parameters: &[(&str, &str)]| {
        let mut raw = Raw::connect(world.address);
        raw.start(parameters);
        let answer = raw.until(b'E');
        field(answer.last().expect("an error"), b'C').unwrap_or_default()
    };
    assert_eq!(refused(&[("user", "me"), ("database", "nope")]), "3D000");
    assert_eq!(refused(&[("database", "sdmxdb")]), "28000");
    let with =
        |name: &str, value: &str| refused(&[("user", "me"), ("database", "sdmxdb"), (name, value)]);
    assert_eq!(with("client_encoding", "KOI8"), "22023");
    assert_eq!(with("options", "-c no_such=1"), "42704");
    let mut raw = Raw::connect(world.address);
    raw.start(&[
        ("user", "me"),
        ("database", "sdmxdb?language=fr"),
        ("options", "-c statement_timeout=7s"),
        ("client_encoding", "LATIN1"),
        ("DateStyle", "SQL, DMY"),
    ]);
    raw.until(b'Z');
    raw.query("SHOW statement_timeout; SHOW sdmx.language; SELECT DATE '2020-12-31'");
    assert_eq!(rows(&raw.until(b'Z')), "7s fr 31/12/2020");
    raw.query("SELECT chr(233)");
    let answer = raw.until(b'Z');
    assert_eq!(answer[1].1, b"\0\x01\0\0\0\x01\xe9");
}

#[test]
fn pools_reset_their_connections() {
    let (_world, mut raw) = World::new().raw_kept();
    for sql in [
        "DISCARD ALL",
        "RESET ALL",
        "DEALLOCATE ALL",
        "CLOSE ALL",
        "UNLISTEN *",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SHOW TRANSACTION ISOLATION LEVEL",
        "SELECT pg_advisory_unlock_all()",
        "SELECT pg_is_in_recovery()",
        "SELECT pg_backend_pid()",
        "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;",
        "SET SESSION AUTHORIZATION DEFAULT",
    ] {
        let kinds = raw.kinds(sql);
        assert!(kinds.ends_with("CZ") && !kinds.contains('E'), "{sql}: {kinds}");
    }
    assert_eq!(raw.kinds(" ;; -- nothing"), "IZ");
}

#[test]
fn settings_belong_to_their_session_and_transaction() {
    let world = World::new();
    let (mut one, mut two) = (world.client(), world.client());
    one.batch_execute("SET work_mem = '1MB'").expect("set");
    assert_eq!(text(&mut two, "SHOW work_mem"), "4MB");
    one.batch_execute("BEGIN; SET work_mem = '2MB'; SET LOCAL jit = on").expect("set");
    assert_eq!(text(&mut one, "SHOW jit"), "on");
    one.batch_execute("ROLLBACK").expect("back");
    assert_eq!(text(&mut one, "SHOW work_mem; SHOW jit"), "1MB off");
    assert_eq!(text(&mut one, "SELECT set_config('work_mem', '3MB', false)"), "3MB");
    assert_eq!(text(&mut one, "SHOW work_mem"), "3MB");
    one.batch_execute("PREPARE p(int) AS SELECT $1 + 1").expect("prepared");
    assert_eq!(text(&mut one, "EXECUTE p(41)"), "42");
    assert!(two.batch_execute("EXECUTE p(41)").is_err());
}

#[test]
fn cursors_scroll_and_outlive_their_transaction() {
    let world = World::new();
    let mut client = world.client();
    let series = "SELECT i FROM generate_series(1, 10) AS g(i)";
    client
        .batch_execute(&format!("BEGIN; DECLARE c SCROLL CURSOR WITH HOLD FOR {series}; COMMIT"))
        .expect("declared");
    assert_eq!(text(&mut client, "FETCH 2 FROM c; FETCH LAST FROM c"), "1 2 10");
    assert_eq!(text(&mut client, "FETCH BACKWARD 2 FROM c; FETCH ABSOLUTE 3 FROM c"), "9 8 3");
    client.batch_execute("CLOSE c").expect("closed");
    let error = client.batch_execute(&format!("DECLARE d CURSOR FOR {series}"));
    assert!(error.is_err(), "a cursor needs a transaction");
    client.batch_execute(&format!("BEGIN; DECLARE d CURSOR FOR {series}")).expect("declared");
    client.batch_execute("MOVE 3 IN d").expect("moved");
    assert_eq!(text(&mut client, "FETCH d"), "4");
    client.batch_execute("COMMIT").expect("committed");
    assert!(client.batch_execute("FETCH d").is_err());
}

#[test]
fn rows_are_copied_out() {
    let world = World::new();
    let mut client = world.client();
    let mut copy = |sql: &str| {
        let mut bytes = Vec::new();
        client.copy_out(sql).expect(sql).read_to_end(&mut bytes).expect("data");
        bytes
    };
    assert_eq!(copy("COPY (SELECT 1, 0.5, NULL) TO STDOUT"), b"1\t0.5\t\\N\n");
    assert_eq!(
        copy("COPY (SELECT 'a,b' AS x, '' AS y, NULL AS z) TO STDOUT (FORMAT csv, HEADER)"),
        b"x,y,z\n\"a,b\",\"\",\n"
    );
    let binary = copy("COPY (SELECT 7) TO STDOUT (FORMAT binary)");
    assert!(
        binary.starts_with(b"PGCOPY\n\xff\r\n\0")
            && binary.ends_with(b"\0\x01\0\0\0\x04\0\0\0\x07\xff\xff")
    );
    let table = copy("COPY ecb.exr (currency, obs_value) TO STDOUT");
    assert_eq!(String::from_utf8(table).expect("text").lines().count(), 4);
}

#[test]
fn messages_that_no_client_should_send() {
    let world = World::new();
    let attempts: [&[u8]; 6] = [
        b"Q\xff\xff\xff\xff",
        b"Q\x7f\xff\xff\xff",
        b"Q\0\0\0\0",
        b"?\0\0\0\x04",
        b"p\0\0\0\x05\0",
        b"B\0\0\0\x06\0\0",
    ];
    for bytes in attempts {
        let mut raw = world.raw();
        raw.0.write_all(bytes).expect("sent");
        raw.sync_quietly();
        let (kind, body) = raw.read();
        assert_eq!(field(&(kind, body), b'C').as_deref(), Some("08P01"), "{bytes:?}");
    }
    for first in [&b"\0\0\0\0"[..], b"\0\0\xff\xff", b"\xff\xff\xff\xff\0\0\0\0"] {
        let mut socket = TcpStream::connect(world.address).expect("a connection");
        socket.write_all(first).expect("sent");
        socket.write_all(&[0; 8]).expect("sent");
        let mut answer = Vec::new();
        drop(socket.read_to_end(&mut answer));
        assert!(answer.starts_with(b"E"), "{first:?}");
    }
    let mut raw = world.raw();
    raw.send(b'Q', b"SELECT '\xff'\0");
    let answer = raw.until(b'Z');
    assert_eq!(field(&answer[0], b'C').as_deref(), Some("22021"));
}

impl Raw {
    /// Sends Sync to a server that may have closed the connection.
    fn sync_quietly(&mut self) {
        drop(self.0.write_all(b"S\0\0\0\x04"));
    }
}

#[test]
fn one_connection_too_many_gets_an_answer() {
    let world = World::with(|options| options.connections_max = 1);
    let first = world.raw();
    let mut second = Raw::connect(world.address);
    second.start(&[("user", "me"), ("database", "sdmxdb")]);
    let (kind, body) = second.read();
    assert_eq!(field(&(kind, body), b'C').as_deref(), Some("53300"));
    drop(first);
}

#[test]
fn the_end_of_a_server_is_announced() {
    let world = World::with(|options| options.grace = Duration::from_millis(100));
    let mut idle = world.raw();
    let mut busy = world.raw();
    busy.query(ENDLESS);
    world.stop();
    let (kind, body) = idle.read();
    assert_eq!(field(&(kind, body), b'C').as_deref(), Some("57P01"));
    let answer = busy.until(b'E');
    assert_eq!(field(answer.last().expect("an error"), b'C').as_deref(), Some("57P01"));
}

/// Ways out of a server that only reads: to its files, to the network, or to change it.
const WAYS_OUT: [&str; 40] = [
    "COPY (SELECT 1) TO '/tmp/sdmxdb-out.csv'",
    "COPY (SELECT 1) TO PROGRAM 'cat > /tmp/sdmxdb-out.csv'",
    "COPY ecb.exr TO '/tmp/sdmxdb-out.csv'",
    "COPY ecb.exr FROM '/etc/passwd'",
    "COPY ecb.exr FROM PROGRAM 'cat /etc/passwd'",
    "COPY ecb.exr FROM STDIN",
    "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://bucket/key'",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMPORARY TABLE t (a int)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE SCHEMA s",
    "CREATE EXTENSION dblink",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/lib/libc.so', 'system'",
    "CREATE ROLE admin SUPERUSER",
    "DROP TABLE ecb.exr",
    "ALTER TABLE ecb.exr ADD COLUMN a int",
    "ALTER SYSTEM SET data_directory = '/'",
    "TRUNCATE ecb.exr",
    "INSERT INTO ecb.exr VALUES (1)",
    "UPDATE ecb.exr SET obs_value = 1",
    "DELETE FROM ecb.exr",
    "MERGE INTO ecb.exr USING ecb.exr AS x ON true WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM ecb.exr RETURNING *) SELECT * FROM gone",
    "SELECT * INTO other FROM ecb.exr",
    "SELECT * FROM ecb.exr FOR UPDATE",
    "EXPLAIN ANALYZE DELETE FROM ecb.exr",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/sdmxdb-out.csv'",
    "PREPARE p AS DELETE FROM ecb.exr",
    "DECLARE c CURSOR FOR DELETE FROM ecb.exr RETURNING *",
    "GRANT ALL ON ecb.exr TO PUBLIC",
    "DO $$ BEGIN END $$",
    "CALL something()",
    "LOAD '/tmp/evil.so'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM parquet_metadata('/tmp/x.parquet')",
];

/// Each is refused with a state of its own, alone and within a transaction that asked to write, and
/// the connection goes on.
#[test]
fn there_is_no_way_out() {
    let world = World::new();
    let mut client = world.client();
    for way in WAYS_OUT {
        let error = client.simple_query(way).map(drop).expect_err(way);
        assert!(
            error.code().is_some_and(|code| *code != SqlState::INTERNAL_ERROR),
            "{way}: {error:?}"
        );
        drop(client.batch_execute("BEGIN READ WRITE"));
        client.simple_query(way).map(drop).expect_err(way);
        client.batch_execute("ROLLBACK").expect("rolled back");
        assert_eq!(text(&mut client, "SELECT 'still here'"), "still here", "{way}");
    }
    assert!(!fs::exists("/tmp/sdmxdb-out.csv").expect("a folder"));
}

#[test]
fn a_chain_of_operators_is_refused_before_it_is_taken_apart() {
    let world = World::new();
    let mut client = world.client();
    for chain in [" OR 1 = 1", " AND 1 = 1"] {
        let short = format!("SELECT 'done' WHERE 1 = 1{}", chain.repeat(1_500));
        assert_eq!(text(&mut client, &short), "done");
        let long = format!("SELECT 'done' WHERE 1 = 1{}", chain.repeat(300_000));
        let error = client.simple_query(&long).map(drop).expect_err("too long");
        assert_eq!(error.code(), Some(&SqlState::STATEMENT_TOO_COMPLEX), "{error:?}");
    }
    let values = vec!["'USD'"; 200_000].join(",");
    let list = format!("SELECT count(*) > 0 FROM ecb.exr WHERE currency IN ({values})");
    assert_eq!(text(&mut client, &list), "t");
}

#[test]
fn an_earlier_state_is_a_setting_or_a_clause() {
    let (_world, mut raw) = World::new().raw_kept();
    let count = "SELECT count(*) FROM ecb.exr";
    for table in [
        "ecb.exr",
        "ecb.exr FOR SYSTEM_TIME AS OF 1",
        "ecb.exr FOR SYSTEM_TIME AS OF TIMESTAMP '2024-02-01 12:00:00' AS e",
        "ecb.exr FOR SYSTEM_TIME AS OF (DATE '2024-02-01' + interval '1 day')",
        "ecb.exr(as_of => '1') AS s",
        "history('ECB:EXR')",
        "changes_since('ecb.exr', '2000-01-01')",
    ] {
        raw.query(&format!("SELECT count(*) FROM {table}"));
        let answer = raw.until(b'Z');
        assert_eq!((kinds(&answer).as_str(), rows(&answer).as_str()), ("TDCZ", "4"), "{table}");
    }
    raw.query("SELECT count(*) FROM ecb.exr FOR SYSTEM_TIME AS OF '1990-01-01'");
    assert_eq!(kinds(&raw.until(b'Z')), "EZ", "there was no commit yet");
    raw.query("SELECT count(*) FROM ecb.exr FOR SYSTEM_TIME AS OF (now())");
    let refused = raw.until(b'Z');
    let text = field(&refused[0], b'M').unwrap_or_default();
    assert!(text.contains("argument 2 is no constant, which it must be"), "{text}");
    // A setting like any other: it ends with the transaction, or with RESET.
    raw.query(&format!("BEGIN; SET LOCAL sdmx.as_of = '1990-01-01'; {count}"));
    assert!(kinds(&raw.until(b'Z')).ends_with("EZ"));
    raw.query(&format!("ROLLBACK; SHOW sdmx.as_of; {count}; SET sdmx.as_of = '1'; {count}"));
    assert_eq!(rows(&raw.until(b'Z')), " 4 4");
    raw.query("SET sdmx.as_of = 'soon'");
    assert_eq!(kinds(&raw.until(b'Z')), "EZ");
    raw.query(&format!("SHOW sdmx.as_of; RESET sdmx.as_of; SHOW sdmx.as_of; {count}"));
    assert_eq!(rows(&raw.until(b'Z')), "1  4");
}
