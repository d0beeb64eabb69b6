//! Statements with parameters, and rows that a client sends.

use std::future::Future;
use std::num::NonZeroUsize;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use sdmxdb::query::guard::{Access, parse_as};
use sdmxdb::query::{Engine, EngineOptions, Prepared, Session, WriterIdentity};
use sdmxdb::store::Database;
use tokio::runtime::Runtime;

use crate::flow::{ask, connect, database};

fn session(database: &Database) -> Session {
    let threads = NonZeroUsize::new(2).expect("not zero");
    let engine = Engine::new(database.clone(), EngineOptions::new(threads)).expect("an engine");
    let session = engine.session();
    session.set_writer(Some(WriterIdentity::new("tester", || 5)));
    session
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    Runtime::new().expect("threads").block_on(future)
}

fn prepare(session: &Session, sql: &str) -> Prepared {
    let request = parse_as(sql, Access::Write).expect("parses").pop().expect("one");
    wait(session.prepare(request)).expect("plans")
}

fn text(text: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(text.to_owned()))
}

/// The tag of one run.
fn run(session: &Session, prepared: &Prepared, values: Vec<ScalarValue>) -> String {
    match wait(session.execute(prepared, values)) {
        Ok(answer) => answer.write_outcome().expect("it wrote").command_tag(),
        Err(error) => format!("error: {error}"),
    }
}

#[test]
fn parameters_have_the_types_of_their_columns_and_keep_their_digits() {
    let database = database();
    let session = session(&database);
    let insert = prepare(
        &session,
        "INSERT INTO t.w (freq, area, time_period, obs_value) VALUES ('A', $1, $2, $3)",
    );
    let types = insert.parameters().expect("known");
    assert_eq!(types, [Some(DataType::Utf8), Some(DataType::Utf8), Some(DataType::Float64)]);
    assert!(insert.schema().fields().is_empty());
    session.begin();
    let values = [
        ("2020", ScalarValue::Decimal128(Some(150), 5, 2)),
        ("2021", ScalarValue::Float64(Some(2.5))),
        ("2022", text("07")),
        ("2023", ScalarValue::Float64(None)),
        ("2024", ScalarValue::Int32(Some(7))),
    ];
    for (period, value) in values {
        let values = vec![text("XX"), text(period), value];
        assert_eq!(run(&session, &insert, values), "INSERT 0 1");
    }
    let again = vec![text("XX"), text("2020"), ScalarValue::Null];
    let refused = "error: key of T:W(1.0) A.XX.2020: is there already (row 1)";
    assert_eq!(run(&session, &insert, again), refused);
    let missing = "error: $3: has no value";
    assert_eq!(run(&session, &insert, vec![text("XX"), text("2030")]), missing);
    assert!(session.commit().expect("committed").is_some());
    let sql = "SELECT time_period, obs_value_text FROM t.w WHERE area = 'XX' ORDER BY 1";
    let expected = "2020|1.50\n2021|2.5\n2022|07\n2023|NULL\n2024|7";
    assert_eq!(ask(&connect(&database), sql), expected);
}

#[test]
fn updates_are_prepared_once_and_see_what_changed() {
    let database = database();
    let session = session(&database);
    let update = prepare(
        &session,
        "UPDATE t.w SET obs_value = $2, obs_status = $3 WHERE area = $1 AND obs_value < $2
         RETURNING time_period, obs_value + 1 AS next",
    );
    let names: Vec<String> =
        update.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["time_period", "next"]);
    let types = update.parameters().expect("known");
    assert_eq!(types[1..], [Some(DataType::Float64), Some(DataType::Utf8)]);
    let values = |value| vec![text("AT"), ScalarValue::Float64(Some(value)), text("R")];
    assert_eq!(run(&session, &update, values(1.75)), "UPDATE 1");
    assert_eq!(run(&session, &update, values(1.75)), "UPDATE 0");
    assert_eq!(run(&session, &update, values(5.0)), "UPDATE 2");
    assert_eq!(database.snapshot().expect("read").number(), 3);
}

#[test]
fn copy_takes_rows_and_refuses_those_that_are_there() {
    let database = database();
    let session = session(&database);
    let table: ObjectName = vec![Ident::new("t"), Ident::new("w")].into();
    let columns = ["area", "freq", "time_period", "obs_value", "obs_status"].map(Ident::new);
    let mut copy = session.copy_in(&table, &columns).expect("begun");
    let types: Vec<&DataType> = copy.fields().iter().map(|field| field.data_type()).collect();
    assert_eq!(types[3], &DataType::Float64);
    for period in 2000..2100 {
        let period = period.to_string();
        let row = [Some("DE"), Some("A"), Some(period.as_str()), Some("1.10"), None];
        copy.push(&row).expect("taken");
    }
    assert!(copy.push(&[Some("DE")]).is_err(), "too short");
    assert!(copy.push(&[Some("DE"), None, Some("2020"), None, None]).is_err(), "no key");
    let outcome = session.finish_copy(copy).expect("committed");
    assert_eq!((outcome.command_tag().as_str(), outcome.commit), ("COPY 100", Some(2)));
    let mut copy = session.copy_in(&table, &columns).expect("begun");
    copy.push(&[Some("DE"), Some("A"), Some("2050"), None, None]).expect("taken");
    let error = session.finish_copy(copy).expect_err("there already").to_string();
    assert_eq!(error, "key of T:W(1.0) A.DE.2050: is there already (row 1)");
    assert!(session.copy_in(&table, &[Ident::new("area")]).is_err(), "keys are missing");
    session.set_writer(None);
    assert!(session.copy_in(&table, &[]).is_err(), "it only reads");
}
