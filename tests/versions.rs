//! Earlier states in SQL: by session, by statement, and how they became others.

#![expect(clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::format_push_string, reason = "statements are put together from parts")]

#[path = "sql/asking.rs"]
mod asking;
#[path = "versions/world.rs"]
mod world;

use sdmxdb::query::Connection;

use crate::world::World;

/// The rows of an answer, cells separated by spaces, rows by `; `; or what is wrong.
fn answer(connection: &Connection, sql: &str) -> String {
    match asking::ask(connection, sql) {
        Ok(table) => table.rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join("; "),
        Err(error) => format!("error: {error}"),
    }
}

#[track_caller]
fn check(connection: &Connection, sql: &str, expected: &str) {
    assert_eq!(answer(connection, sql), expected, "{sql}");
}

/// Three commits, on the first days of January, February and March 2026: first estimates, a
/// revision with a new period, a new area.
fn revised() -> World {
    let world = World::new();
    world.load("2026-01-01T09:00:00Z", "AT,2020,1.0,P\nAT,2021,2.0,P");
    world.load("2026-02-01T09:00:00Z", "AT,2021,2.5,A\nAT,2022,3.0,P");
    world.load("2026-03-01T09:00:00Z", "BE,2020,10,A");
    world
}

const ALL: &str = "SELECT area, time_period, obs_value_text FROM";

#[test]
fn a_session_reads_the_state_of_a_time() {
    let world = revised();
    let connection = world.connect();
    let now = "AT 2020 1.0; AT 2021 2.5; AT 2022 3.0; BE 2020 10";
    let sql = format!("{ALL} t.f ORDER BY 1, 2");
    let at = |as_of: &str, expected: &str| {
        check(&connection, &format!("SET sdmx.as_of = '{as_of}'"), "");
        check(&connection, &sql, expected);
    };
    check(&connection, &sql, now);
    let first = "AT 2020 1.0; AT 2021 2.0";
    // Both sides of the moment from which the second commit counts.
    at("2026-02-01T08:59:59.999999Z", first);
    at("2026-02-01T09:00:00Z", "AT 2020 1.0; AT 2021 2.5; AT 2022 3.0");
    at("2", first);
    at("2026-01-31", first);
    at("2026-02-01 10:30+01:00", "AT 2020 1.0; AT 2021 2.5; AT 2022 3.0");
    at("2030-01-01", now);
    check(&connection, "SHOW sdmx.as_of", "2030-01-01");
    // After the structure and before the first data there is a table without rows.
    at("1", "");
    at("", now);
    let early = "SET sdmx.as_of = '2025-12-31'";
    check(&connection, early, "");
    let text = answer(&connection, &sql);
    assert!(
        text.starts_with("error: commit effective at 2025-12-31T00:00:00Z (the first is of 2026"),
        "{text}"
    );
    check(&connection, "SET sdmx.as_of = '9'", "");
    check(&connection, &sql, "error: commit 9 (the last is 4) not found");
    check(&connection, "RESET sdmx.as_of", "");
    check(&connection, &sql, now);
    let text = answer(&connection, "SET sdmx.as_of = 'yesterday'");
    assert!(text.contains("is neither the number of a commit nor a time"), "{text}");
}

#[test]
fn a_session_in_the_past_knows_its_catalogue_only() {
    let world = revised();
    let connection = world.connect();
    check(&connection, "SET sdmx.as_of = 3", "");
    check(&connection, "SELECT max(number) FROM sdmx_catalog.commits", "3");
    check(&connection, "SELECT observations FROM sdmx_catalog.dataflows", "3");
    check(&connection, "SELECT code FROM t.f_dim_area", "AT");
    check(
        &connection,
        "SELECT count(*) FROM as_of('t.f', 4)",
        "error: commit 4 (the last is 3) not found",
    );
}

#[test]
fn a_statement_reads_a_table_of_another_time() {
    let world = revised();
    let connection = world.connect();
    let first = "AT 2020 1.0; AT 2021 2.0";
    for table in [
        "t.f FOR SYSTEM_TIME AS OF '2026-01-15'",
        "T.F for system_time as of 2",
        "t.f FOR SYSTEM_TIME AS OF TIMESTAMP '2026-01-15 10:00:00'",
        "t.f FOR SYSTEM_TIME AS OF DATE '2026-01-15'",
        "t.f FOR SYSTEM_TIME AS OF ('2026-01-15'::date + interval '1 day')",
        "t.f(as_of => '2026-01-15')",
        "\"T\".f FOR SYSTEM_TIME AS OF 2",
        "f FOR SYSTEM_TIME AS OF 2",
        "as_of('t.f', '2026-01-15')",
        "as_of('f', 2) AS x",
    ] {
        check(&connection, &format!("{ALL} {table} ORDER BY 1, 2"), first);
    }
    // Two states beside each other: what was revised.
    check(
        &connection,
        "SELECT n.area, n.time_period, o.obs_value, n.obs_value FROM t.f n \
         JOIN t.f FOR SYSTEM_TIME AS OF 2 o USING (freq, area, time_period) \
         WHERE n.obs_value <> o.obs_value",
        "AT 2021 2 2.5",
    );
    // What follows from a flow is there as it was, too.
    check(&connection, "SELECT code FROM t.f_dim_area FOR SYSTEM_TIME AS OF 2", "AT");
    check(&connection, "SELECT count(*) FROM t.f_labels FOR SYSTEM_TIME AS OF 3", "3");
    check(&connection, "SELECT f.area FROM t.f FOR SYSTEM_TIME AS OF 4 WHERE f.area = 'BE'", "BE");
    let wrong = |table: &str, expected: &str| {
        let text = answer(&connection, &format!("SELECT 1 FROM {table}"));
        assert!(text.contains(expected), "{table}: {text}");
    };
    wrong("t.g FOR SYSTEM_TIME AS OF 2", "table t.g (as of commit 2)");
    wrong("t.f FOR SYSTEM_TIME AS OF '2020-01-01'", "commit effective at 2020-01-01T00:00:00Z");
    wrong("t.f FOR SYSTEM_TIME AS OF 'soon'", "is neither the number of a commit nor a time");
    wrong("t.f FOR SYSTEM_TIME AS OF NULL", "the time is NULL");
    wrong("t.f FOR SYSTEM_TIME AS OF true", "neither time nor commit");
    check(&connection, "SELECT \"AREA\" FROM \"T\".\"F\" FOR SYSTEM_TIME AS OF 2 LIMIT 1", "AT");
    wrong("as_of('t.f')", "it has 1 arguments; write as_of('ecb.exr'");
}

#[test]
fn a_filter_reaches_the_scan_of_an_earlier_state() {
    let world = revised();
    let connection = world.connect();
    let sql = "EXPLAIN SELECT sum(obs_value) FROM t.f FOR SYSTEM_TIME AS OF 3 WHERE area = 'AT'";
    let plan = answer(&connection, sql);
    assert!(plan.contains("SeriesAggregateExec"), "{plan}");
    let sql = "SELECT sum(obs_value) FROM t.f FOR SYSTEM_TIME AS OF 3 WHERE area = 'AT'";
    check(&connection, sql, "6.5");
}

#[test]
fn the_log_has_all_fields() {
    let world = revised();
    let connection = world.connect();
    check(
        &connection,
        "SELECT number, kind, effective, author, message, release, source, inserted, changed, \
         deleted, unchanged FROM sdmx_catalog.commits WHERE number = 3",
        "3 change 2026-02-01T09:00:00Z statistician revision NULL NULL 1 1 0 0",
    );
}

#[test]
fn what_changed_since_a_time_is_a_table() {
    let world = revised();
    let connection = world.connect();
    let all = "SELECT area, time_period, change, obs_value_text, obs_status, obs_value_text_before, \
               obs_status_before FROM";
    let since = |arguments: &str, expected: &str| {
        check(&connection, &format!("{all} changes_since({arguments}) ORDER BY 1, 2"), expected);
    };
    let revision = "AT 2021 changed 2.5 A 2.0 P; AT 2022 inserted 3.0 P NULL NULL";
    since("'T:F', '2026-02-15'", "BE 2020 inserted 10 A NULL NULL");
    since("'t.f', 2", &format!("{revision}; BE 2020 inserted 10 A NULL NULL"));
    since("'T:F(1.0)', 2, '.AT'", revision);
    since(
        "'f', TIMESTAMP '2026-01-15 00:00:00', 'A.AT+BE'",
        &format!("{revision}; BE 2020 inserted 10 A NULL NULL"),
    );
    since("'f', 4", "");
    // Before the first commit there was nothing.
    let count = "SELECT count(*), sum(obs_value) FROM changes_since('f', '2000-01-01')";
    check(&connection, count, "4 16.5");
    // A filter on a dimension reads no other series, and the answer is the same.
    check(
        &connection,
        "SELECT time_period FROM changes_since('f', 2) WHERE area IN ('BE', 'XX') AND freq = 'A'",
        "2020",
    );
    // Seen from an earlier state.
    check(&connection, "SET sdmx.as_of = 3", "");
    since("'t.f', 2", revision);
    check(&connection, "RESET sdmx.as_of", "");
    let wrong = |arguments: &str, expected: &str| {
        let text = answer(&connection, &format!("{all} changes_since({arguments})"));
        assert!(text.contains(expected), "{arguments}: {text}");
    };
    wrong("'t.g', 2", "dataflow t.g (did you mean \"t.f\"?) not found");
    wrong("'T:G', 2", "dataflow T:G (did you mean \"T:F\"?) not found");
    wrong("'t.f', 2, 'A'", "the key has 1 positions for 2 dimensions; write changes_since(");
    wrong("'t.f', NULL", "the time is NULL");
    wrong("'t.f'", "it has 1 arguments");
    wrong("'t.f', 99", "commit 99 (the last is 4) not found");
}

#[test]
fn history_is_a_table_of_versions_and_when_they_held() {
    let world = revised();
    let connection = world.connect();
    let all = "SELECT area, time_period, obs_value, obs_value_text, obs_status, valid_from, \
               valid_to, commit, ended_by FROM";
    let (january, february, march) =
        ("2026-01-01T09:00:00Z", "2026-02-01T09:00:00Z", "2026-03-01T09:00:00Z");
    let austria = format!(
        "AT 2020 1 1.0 P {january} NULL 2 NULL; AT 2021 2 2.0 P {january} {february} 2 3; \
         AT 2021 2.5 2.5 A {february} NULL 3 NULL; AT 2022 3 3.0 P {february} NULL 3 NULL"
    );
    let belgium = format!("BE 2020 10 10 A {march} NULL 4 NULL");
    let of = |arguments: &str, expected: &str| {
        let order = "ORDER BY area, time_period, valid_from";
        check(&connection, &format!("{all} history({arguments}) {order}"), expected);
    };
    of("'T:F'", &format!("{austria}; {belgium}"));
    of("'t.f', '.AT'", &austria);
    of("'t.f', 'A.BE'", &belgium);
    of("'t.f', 'A.XX'", "");
    // What began or ended after the middle of January.
    let unchanged = format!("AT 2020 1 1.0 P {january} NULL 2 NULL; ");
    of("'f', '.AT', '2026-01-15'", &austria.replace(&unchanged, ""));
    of("'f', '.AT', 3", "");
    check(
        &connection,
        "SELECT count(*), count(valid_to) FROM history('f') WHERE area = 'AT' AND freq = 'A'",
        "4 1",
    );
    // Seen from an earlier state, nothing that came later has happened.
    check(&connection, "SET sdmx.as_of = 2", "");
    of(
        "'f'",
        &format!("AT 2020 1 1.0 P {january} NULL 2 NULL; AT 2021 2 2.0 P {january} NULL 2 NULL"),
    );
    check(&connection, "RESET sdmx.as_of", "");
    let text = answer(&connection, "SELECT 1 FROM history('t.f', '.AT', 'soon')");
    assert!(text.contains("is neither the number of a commit nor a time"), "{text}");
    let text = answer(&connection, "SELECT 1 FROM history()");
    assert!(text.contains("it has 0 arguments; write history('ECB:EXR')"), "{text}");
}
