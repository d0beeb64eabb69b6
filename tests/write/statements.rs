//! One statement at a time.

use crate::check;
use crate::flow::{ALL, ask, connect, database};

fn check_all(sql: &str, expected: &str) {
    check(&format!("{sql}; {ALL}"), expected);
}

#[test]
fn insert_adds_rows_and_keeps_digits() {
    check_all(
        "INSERT INTO t.w (freq, area, time_period, obs_value, obs_status) VALUES
           ('A', 'AT', '2022', 1.10, 'P'), ('A', 'DE', 2020, -0.50, NULL), ('A', 'DE', '2021', 7, DEFAULT)",
        "
INSERT 0 3
AT|2020|1.50|A|Austria|EUR
AT|2021|2|NULL|Austria|EUR
AT|2022|1.10|P|Austria|EUR
BE|2020|3.25|A|Belgium|EUR
CH|2020|NULL|M|Switzerland|CHF
DE|2020|-0.50|NULL|NULL|NULL
DE|2021|7|NULL|NULL|NULL",
    );
}

#[test]
fn insert_takes_expressions_and_queries() {
    let all = "SELECT time_period, obs_value_text FROM t.w WHERE area = 'XX' ORDER BY 1";
    check(
        &format!(
            "INSERT INTO t.w (freq, area, time_period, obs_value)
               VALUES ('A', 'X' || 'X', '2020', 1 + 1), ('A', 'XX', '2021', (SELECT max(obs_value) FROM t.w));
             INSERT INTO t.w (freq, area, time_period, obs_value, obs_value_text)
               SELECT freq, 'XX', period_shift(time_period, 10), obs_value, obs_value_text
               FROM t.w WHERE area = 'AT';
             WITH new AS (SELECT 'A' AS f, 'XX' AS a) INSERT INTO t.w (freq, area, time_period)
               SELECT f, a, '2050' FROM new; {all}"
        ),
        "
INSERT 0 2
INSERT 0 2
INSERT 0 1
2020|2
2021|3.25
2030|1.50
2031|2
2050|NULL",
    );
}

#[test]
fn insert_without_columns_takes_them_in_the_order_of_the_table() {
    check(
        "INSERT INTO t.w VALUES ('A', 'DE', '2020', NULL, NULL, 1.0, '1.00', 'P', 'Germany', 'EUR')
           RETURNING *;
         INSERT INTO t.w SELECT freq, 'D2', time_period, period_start, period_end, obs_value,
           obs_value_text, obs_status FROM t.w WHERE area = 'DE' RETURNING area, obs_value_text;",
        "
A|DE|2020|2020-01-01|2020-12-31|1.0|1.00|P|Germany|EUR
INSERT 0 1
D2|1.00
INSERT 0 1",
    );
}

#[test]
fn insert_refuses_what_is_there() {
    check_all(
        "INSERT INTO t.w (freq, area, time_period) VALUES ('A', 'AT', '2020')",
        "error: key of T:W(1.0) A.AT.2020: is there already (row 1)",
    );
    check_all(
        "INSERT INTO t.w (freq, area, time_period) VALUES ('A', 'X', '2020'), ('A', 'X', '2020')",
        "error: key of T:W(1.0) A.X.2020: is inserted twice (row 2)",
    );
}

#[test]
fn insert_names_what_is_wrong() {
    check(
        "INSERT INTO t.w (freq, area) VALUES ('A', 'AT')",
        "error: column time_period: must have a value: it is a part of what identifies a row",
    );
    check(
        "INSERT INTO t.w (freq, area, time_period) VALUES ('A', 'X', '2020'), ('A', NULL, '2020')",
        "error: column area: must have a value in row 2: it is a part of what identifies a row",
    );
    check(
        "INSERT INTO t.w (freq, area, time_period, period_start) VALUES ('A', 'X', '2020', NULL)",
        "error: column period_start: cannot be written: it follows from the period",
    );
    check(
        "INSERT INTO t.w (freq, aria, time_period) VALUES ('A', 'X', '2020')",
        "error: column aria (did you mean area?) not found",
    );
    check("INSERT INTO t.ww (freq) VALUES ('A')", "error: table t.ww not found");
    check(
        "INSERT INTO sdmx_catalog.commits (number) VALUES (1)",
        "error: writing to sdmx_catalog.commits, which is not the table of a dataflow is not supported",
    );
    check(
        "INSERT INTO t.w (freq, area, time_period, obs_value) VALUES ('A', 'X', '2020', 'x')",
        "error: rows of the transaction: 1 problem; nothing of this load is visible\n  \
         line 1, OBS_VALUE \"x\": is not a number, which the structure asks for",
    );
    check(
        "INSERT INTO t.w (freq, area, time_period) VALUES ('A', 'X', '2020', 5)",
        "error: INSERT: has more expressions than target columns",
    );
    check(
        "INSERT INTO t.w (freq, area, time_period) SELECT 'A', 'X'",
        "error: INSERT: has more target columns than expressions",
    );
}

#[test]
fn on_conflict_does_what_it_says() {
    let insert = "INSERT INTO t.w (freq, area, time_period, obs_value, obs_status)
        VALUES ('A', 'AT', '2020', 9.90, 'R'), ('A', 'DE', '2020', 4.0, 'P')";
    check(
        &format!("{insert} ON CONFLICT DO NOTHING RETURNING area, time_period"),
        "DE|2020\nINSERT 0 1",
    );
    check(
        &format!(
            "{insert} ON CONFLICT (freq, area, time_period) DO UPDATE
               SET obs_value = excluded.obs_value, obs_status = w.obs_status || excluded.obs_status
               RETURNING area, obs_value_text, obs_status, title"
        ),
        "DE|4.0|P|NULL\nAT|9.90|AR|Austria\nINSERT 0 2",
    );
    check(
        &format!(
            "{insert} ON CONFLICT (freq, area, time_period) DO UPDATE
               SET obs_value = excluded.obs_value WHERE w.obs_value > 2 RETURNING area"
        ),
        "DE\nINSERT 0 1",
    );
    check(
        &format!("{insert} ON CONFLICT (area) DO NOTHING"),
        "error: ON CONFLICT: names no unique columns; those of the table are freq, area, time_period",
    );
    check(
        "INSERT INTO t.w (freq, area, time_period) VALUES ('A', 'AT', '2020'), ('A', 'AT', '2020')
         ON CONFLICT (freq, area, time_period) DO UPDATE SET obs_value = 1",
        "error: row of T:W(1.0) A.AT.2020: ON CONFLICT DO UPDATE cannot change a row a second time (row 2)",
    );
}

#[test]
fn update_changes_what_it_names() {
    check_all(
        "UPDATE t.w SET obs_value = 1.60, obs_status = 'R' WHERE area = 'AT' AND time_period = '2020';
         UPDATE t.w SET obs_value = obs_value + 1 WHERE area = 'AT' AND obs_status IS NULL;
         UPDATE t.w AS x SET obs_status = NULL, obs_value = NULL WHERE x.area = 'BE';
         UPDATE t.w SET obs_value_text = 'NaN' WHERE area = 'CH'",
        "
UPDATE 1
UPDATE 1
UPDATE 1
UPDATE 1
AT|2020|1.60|R|Austria|EUR
AT|2021|3|NULL|Austria|EUR
BE|2020|NULL|NULL|Belgium|EUR
CH|2020|NaN|M|Switzerland|CHF",
    );
}

#[test]
fn update_sets_attributes_of_series_and_of_partial_keys() {
    check_all(
        "UPDATE t.w SET title = 'Republic of ' || title WHERE area = 'AT';
         UPDATE t.w SET currency = 'ATS' WHERE area = 'AT' AND time_period = '2020';
         UPDATE t.w SET title = NULL, currency = NULL WHERE area = 'CH'",
        "
UPDATE 2
UPDATE 1
UPDATE 1
AT|2020|1.50|A|Republic of Austria|ATS
AT|2021|2|NULL|Republic of Austria|ATS
BE|2020|3.25|A|Belgium|EUR
CH|2020|NULL|M|NULL|NULL",
    );
}

#[test]
fn update_takes_values_of_other_tables() {
    check(
        "UPDATE t.w SET obs_value = o.v FROM (VALUES ('AT', 10.5), ('BE', 20)) AS o (a, v)
           WHERE area = o.a AND time_period = '2020' RETURNING area, obs_value, o.v + 1, o.a AS b;
         UPDATE t.w SET obs_status = 'Z' FROM t.w AS other WHERE w.area = other.area",
        "AT|10.5|11.5|AT\nBE|20.0|21.0|BE\nUPDATE 2\nUPDATE 4",
    );
    check(
        "UPDATE t.w SET area = 'X' WHERE area = 'AT'",
        "error: setting column area, which identifies the row (DELETE it and INSERT another) is not supported",
    );
    check(
        "UPDATE t.w SET obs_value = 1, obs_value = 2",
        "error: column obs_value: is set more than once",
    );
}

#[test]
fn delete_removes_rows_and_returns_them() {
    check_all(
        "DELETE FROM t.w WHERE time_period = '2020' AND obs_value > 1 RETURNING area, obs_value_text, title",
        "
AT|1.50|Austria
BE|3.25|Belgium
DELETE 2
AT|2021|2|NULL|Austria|EUR
CH|2020|NULL|M|Switzerland|CHF",
    );
    check_all(
        "DELETE FROM t.w USING (VALUES ('AT', 1), ('CH', 2), ('CH', 3)) AS o (a, n) WHERE area = o.a",
        "DELETE 3\nBE|2020|3.25|A|Belgium|EUR",
    );
    check_all("DELETE FROM t.w", "DELETE 4");
    check_all("TRUNCATE t.w", "TRUNCATE TABLE");
    check("DELETE FROM t.w WHERE area = 'none'", "DELETE 0");
}

#[test]
fn merge_follows_its_clauses() {
    check_all(
        "MERGE INTO t.w USING (VALUES ('AT', '2020', 5.5), ('BE', '2020', NULL), ('DE', '2020', 7.0))
             AS s (a, p, v)
         ON w.area = s.a AND w.time_period = s.p
         WHEN MATCHED AND s.v IS NULL THEN DELETE
         WHEN MATCHED THEN UPDATE SET obs_value = s.v, obs_status = 'R'
         WHEN NOT MATCHED THEN INSERT (freq, area, time_period, obs_value, obs_status)
             VALUES ('A', s.a, s.p, s.v, 'N')",
        "
MERGE 3
AT|2020|5.5|R|Austria|EUR
AT|2021|2|NULL|Austria|EUR
CH|2020|NULL|M|Switzerland|CHF
DE|2020|7.0|N|NULL|NULL",
    );
    check_all(
        "MERGE INTO t.w USING (SELECT 'AT' AS a) AS s ON w.area = s.a
         WHEN NOT MATCHED BY SOURCE AND w.area = 'CH' THEN UPDATE SET obs_value = 0.10
         WHEN NOT MATCHED BY SOURCE THEN DELETE",
        "
MERGE 2
AT|2020|1.50|A|Austria|EUR
AT|2021|2|NULL|Austria|EUR
CH|2020|0.10|M|Switzerland|CHF",
    );
    check(
        "MERGE INTO t.w USING (VALUES ('AT'), ('AT')) AS s (a) ON w.area = s.a
         WHEN MATCHED THEN UPDATE SET obs_value = 1",
        "error: row t.w A.AT.2020: MERGE cannot change a row a second time; its source has it twice",
    );
}

#[test]
fn a_session_without_a_writer_only_reads() {
    let connection = connect(&database());
    connection.session().set_writer(None);
    for sql in ["DELETE FROM t.w", "BEGIN", "INSERT INTO t.w (freq) VALUES ('A')"] {
        let answer = ask(&connection, sql);
        assert!(answer.contains("(reads only; a statement is SELECT"), "{sql}: {answer}");
    }
}

#[test]
fn the_past_cannot_be_written() {
    check(
        "SET sdmx.as_of = '1'; DELETE FROM t.w",
        "SET\nerror: sdmx.as_of: shows the past, which cannot be written; RESET it first",
    );
}
