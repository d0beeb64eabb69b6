//! Statements that belong together, and sessions beside each other.

use sdmxdb::store::Database;

use crate::check;
use crate::flow::{ALL, ask, connect, database};

const COUNT: &str = "SELECT count(*) FROM t.w";

fn insert(area: &str, period: &str, value: &str) -> String {
    format!(
        "INSERT INTO t.w (freq, area, time_period, obs_value) VALUES ('A', '{area}', '{period}', {value});"
    )
}

fn commits(database: &Database) -> u64 {
    database.snapshot().expect("read").number()
}

#[test]
fn a_transaction_sees_its_own_rows_and_nobody_else_does_until_it_commits() {
    let database = database();
    let (one, other) = (connect(&database), connect(&database));
    let begun =
        format!("BEGIN; {} {} {COUNT}", insert("DE", "2020", "1"), insert("DE", "2021", "2"));
    assert_eq!(ask(&one, &begun), "BEGIN\nINSERT 0 1\nINSERT 0 1\n6");
    assert_eq!(ask(&other, COUNT), "4");
    assert_eq!(
        ask(&one, &insert("DE", "2020", "3")),
        "error: key of T:W(1.0) A.DE.2020: is there already (row 1)"
    );
    assert_eq!(
        ask(&one, COUNT),
        "error: transaction: has failed, and statements are ignored until ROLLBACK"
    );
    assert_eq!(ask(&one, "COMMIT"), "ROLLBACK");
    assert_eq!((ask(&one, COUNT).as_str(), commits(&database)), ("4", 1));
    assert_eq!(ask(&one, &begun), "BEGIN\nINSERT 0 1\nINSERT 0 1\n6");
    assert_eq!(ask(&one, "COMMIT"), "COMMIT");
    assert_eq!((ask(&other, COUNT).as_str(), commits(&database)), ("6", 2));
    let commits =
        "SELECT author, message, inserted FROM sdmx_catalog.commits ORDER BY number DESC LIMIT 1";
    assert_eq!(ask(&other, commits), "tester|INSERT 0 1; INSERT 0 1|2");
}

#[test]
fn statements_of_a_transaction_build_on_each_other() {
    check(
        &format!(
            "BEGIN; {} UPDATE t.w SET obs_value = obs_value * 2 WHERE area = 'DE';
             DELETE FROM t.w WHERE area <> 'DE'; {}
             SELECT area, obs_value FROM t.w ORDER BY 1, time_period; COMMIT; {ALL}",
            insert("DE", "2020", "1.5"),
            insert("AT", "2020", "4.0")
        ),
        "
BEGIN
INSERT 0 1
UPDATE 1
DELETE 4
INSERT 0 1
AT|4.0
DE|3.0
COMMIT
AT|2020|4.0|NULL|NULL|EUR
DE|2020|3|NULL|NULL|NULL",
    );
}

#[test]
fn a_row_may_go_and_come_again() {
    check(
        &format!(
            "BEGIN; DELETE FROM t.w WHERE area = 'BE'; {be} {again} ROLLBACK;
             BEGIN; TRUNCATE t.w; {be} {COUNT}; COMMIT; {COUNT};",
            be = insert("BE", "2020", "1"),
            again = "INSERT INTO t.w (freq, area, time_period) VALUES ('A', 'BE', '2020') ON CONFLICT DO NOTHING;",
        ),
        "
BEGIN
DELETE 1
INSERT 0 1
INSERT 0 0
ROLLBACK
BEGIN
TRUNCATE TABLE
INSERT 0 1
1
COMMIT
1",
    );
}

#[test]
fn savepoints_take_back_what_came_after_them() {
    check(
        &format!(
            "BEGIN; SAVEPOINT zero; {} SAVEPOINT one; {} {COUNT}; ROLLBACK TO one; {COUNT};
             {} RELEASE one; ROLLBACK TO zero; {COUNT}; {} COMMIT; {COUNT};",
            insert("X1", "2020", "1"),
            insert("X2", "2020", "1"),
            insert("X2", "2020", "2"),
            insert("X3", "2020", "1"),
        ),
        "
BEGIN
SAVEPOINT
INSERT 0 1
SAVEPOINT
INSERT 0 1
6
ROLLBACK
5
INSERT 0 1
RELEASE
ROLLBACK
4
INSERT 0 1
COMMIT
5",
    );
    let connection = connect(&database());
    let begun =
        format!("BEGIN; {} SAVEPOINT s; {}", insert("X", "2020", "1"), insert("X", "2020", "1"));
    assert!(ask(&connection, &begun).ends_with("is there already (row 1)"));
    assert_eq!(
        ask(&connection, &format!("ROLLBACK TO s; {COUNT}; COMMIT; {COUNT}")),
        "ROLLBACK\n5\nCOMMIT\n5"
    );
    check("SAVEPOINT s", "error: SAVEPOINT: can only be used in a transaction; write BEGIN first");
    check("BEGIN; ROLLBACK TO none", "BEGIN\nerror: savepoint none not found");
}

#[test]
fn of_two_that_write_one_series_the_first_to_commit_wins() {
    let database = database();
    let (one, other) = (connect(&database), connect(&database));
    let begin = |area: &str, period: &str| format!("BEGIN; {}", insert(area, period, "1"));
    assert_eq!(ask(&one, &begin("AT", "2030")), "BEGIN\nINSERT 0 1");
    assert_eq!(ask(&other, &begin("AT", "2031")), "BEGIN\nINSERT 0 1");
    assert_eq!(ask(&one, "COMMIT"), "COMMIT");
    let refused =
        "error: series T:W(1.0) A.AT: another transaction changed it meanwhile; run this one again";
    assert_eq!(ask(&other, "COMMIT"), refused);
    assert_eq!(ask(&other, COUNT), "5");
    // Different series do not meet, also if they share a segment.
    assert_eq!(ask(&one, &begin("BE", "2030")), "BEGIN\nINSERT 0 1");
    assert_eq!(ask(&other, &begin("CH", "2030")), "BEGIN\nINSERT 0 1");
    assert_eq!((ask(&one, "COMMIT"), ask(&other, "COMMIT")), ("COMMIT".into(), "COMMIT".into()));
    assert_eq!(ask(&one, COUNT), "7");
    // What deletes everything meets whatever came.
    assert_eq!(ask(&one, "BEGIN; TRUNCATE t.w"), "BEGIN\nTRUNCATE TABLE");
    assert_eq!(ask(&other, &insert("ZZ", "2020", "1")), "INSERT 0 1");
    let refused = ask(&one, "COMMIT");
    assert!(refused.starts_with("error: series T:W(1.0) A.ZZ: another transaction"), "{refused}");
}

#[test]
fn a_statement_by_itself_is_a_commit_and_is_done_again_after_a_rival() {
    let database = database();
    let (one, other) = (connect(&database), connect(&database));
    for _ in 0..3 {
        assert_eq!(
            ask(&one, "UPDATE t.w SET obs_value = obs_value + 1 WHERE area = 'BE'"),
            "UPDATE 1"
        );
        assert_eq!(
            ask(&other, "UPDATE t.w SET obs_value = obs_value + 1 WHERE area = 'BE'"),
            "UPDATE 1"
        );
    }
    assert_eq!(ask(&one, "SELECT obs_value FROM t.w WHERE area = 'BE'"), "9.25");
    assert_eq!(commits(&database), 7);
    // What changes nothing makes no commit.
    assert_eq!(ask(&one, "UPDATE t.w SET obs_status = 'A' WHERE area = 'BE'"), "UPDATE 1");
    assert_eq!(commits(&database), 7);
}

#[test]
fn many_small_statements_stay_quick() {
    let connection = connect(&database());
    let mut sql = String::from("BEGIN;");
    for year in 1000..2000 {
        sql += &insert("MANY", &year.to_string(), "1.5");
        if year % 50 == 0 {
            sql += "SELECT count(*) FROM t.w WHERE area = 'MANY';";
        }
    }
    let answer = ask(&connection, &format!("{sql} COMMIT; SELECT count(*) FROM t.w"));
    assert!(answer.ends_with("COMMIT\n1004"), "{answer}");
    assert!(answer.contains("\n951\n"), "{answer}");
}
