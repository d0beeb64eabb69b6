//! The catalogue beside PostgreSQL: statements that real clients sent, with what PostgreSQL 15
//! answered, and the same statements over what every database is born with.

use std::collections::HashMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, UInt32Array};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use sdmxdb::disk::MemoryDisk;
use sdmxdb::error::Result;
use sdmxdb::pg::catalog::{PgCatalog, SessionInfo};
use sdmxdb::query::{Engine, EngineOptions, Session};
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, LoadOptions};
use serde_json::Value;

/// The numbers that tables had in the recording, and the tables that stand for them here.
const TABLES: [(&str, &str, &str); 5] = [
    ("16393", "public", "obs"),
    ("16398", "public", "obs_dim_country"),
    ("16410", "public", "obs"),
    ("16425", "public", "obs_labels"),
    ("16429", "public", "obs_labels"),
];
/// Statements that name what the recorded database alone had: a function and a view of its own.
const OWN: [i64; 2] = [388, 390];

fn beside() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/clients/pg")
}

/// One session over one flow.
struct Asked {
    catalog: PgCatalog,
    session: Session,
    info: SessionInfo,
}

impl Asked {
    fn new(structures: &[u8], csv: &[u8]) -> Self {
        let disk = Arc::new(MemoryDisk::new());
        let database = Database::open_or_create_on(disk, Path::new("db")).expect("a database");
        let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
        let artefacts = read_structures(structures, "obs-structure.xml").expect("structures");
        load.structures(artefacts).expect("added");
        load.csv(csv, "obs.csv").expect("rows");
        load.commit().expect("committed");
        let options = EngineOptions::new(NonZeroUsize::MIN);
        let session = Engine::new(database, options).expect("an engine").session();
        Self { catalog: PgCatalog::default(), session, info: SessionInfo::default() }
    }

    fn recorded() -> Option<Self> {
        let structures = fs::read(beside().join("obs-structure.xml")).ok()?;
        Some(Self::new(&structures, &fs::read(beside().join("obs.csv")).ok()?))
    }

    /// The answer to one statement about the catalogue; nothing if it is not one.
    fn answer(
        &self,
        statement: &Statement,
        declared: &[u32],
        values: &[ScalarValue],
    ) -> Result<Option<RecordBatch>> {
        let catalogue = self.session.catalogue()?;
        let plan = self.catalog.plan(statement, declared, &self.info, &catalogue)?;
        plan.map(|plan| plan.answer(values, &self.info)).transpose()
    }

    fn rows(&self, sql: &str) -> Vec<String> {
        let statement = parse(sql).remove(0);
        let batch = self.answer(&statement, &[], &[]).expect(sql).expect("of the catalogue");
        let cell = |column: &dyn Array, row: usize| match ScalarValue::try_from_array(column, row) {
            Ok(value) if value.is_null() => "NULL".to_owned(),
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        let row = |row| batch.columns().iter().map(|c| cell(c, row)).collect::<Vec<_>>().join("|");
        (0..batch.num_rows()).map(row).collect()
    }

    fn number(&self, schema: &str, table: &str) -> String {
        let sql = format!("SELECT '{schema}.{table}'::regclass::oid");
        let statement = parse(&sql).remove(0);
        let batch = self.answer(&statement, &[], &[]).expect("a table").expect("of the catalogue");
        let numbers = batch.column(0).as_any().downcast_ref::<UInt32Array>().expect("numbers");
        numbers.value(0).to_string()
    }
}

fn parse(sql: &str) -> Vec<Statement> {
    Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql)
}

/// A value of a parameter as the recording has it: a text, or the bytes of a binary form.
fn parameter(value: &Value, oid: u32, numbers: &HashMap<&str, String>) -> ScalarValue {
    let Some(text) = value.as_str() else { return ScalarValue::Utf8(None) };
    let Some(hex) = text.strip_prefix("hex:") else {
        let text = numbers.get(text).cloned().unwrap_or_else(|| text.to_owned());
        return ScalarValue::Utf8(Some(text));
    };
    let bytes = (0..hex.len() / 2).map(|at| &hex[2 * at..2 * at + 2]);
    let bytes: Vec<u8> = bytes.map(|b| u8::from_str_radix(b, 16).expect("hex")).collect();
    let whole = bytes.iter().fold(0_i64, |number, byte| number * 256 + i64::from(*byte));
    match oid {
        16 => ScalarValue::Boolean(Some(whole == 1)),
        20 | 21 | 23 | 26 => {
            let whole = numbers
                .get(whole.to_string().as_str())
                .map_or(whole, |n| n.parse().expect("a number"));
            ScalarValue::Int64(Some(whole))
        }
        _ => ScalarValue::Utf8(Some(String::from_utf8(bytes).expect("UTF-8"))),
    }
}

#[test]
fn answers_what_clients_asked_of_the_catalogue() {
    let (Ok(corpus), Some(asked)) =
        (fs::read_to_string(beside().join("corpus.jsonl")), Asked::recorded())
    else {
        println!("skipped: the recorded statements are not here");
        return;
    };
    let numbers: HashMap<&str, String> = TABLES
        .iter()
        .map(|(recorded, schema, table)| (*recorded, asked.number(schema, table)))
        .collect();
    let (mut count, mut wrong) = (0, Vec::new());
    for line in corpus.lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON");
        if entry["kind"] != "catalog" || entry["stateful"] == true {
            continue;
        }
        count += 1;
        let id = entry["id"].as_i64().unwrap_or(0);
        if let Some(difference) = difference(&asked, &entry, &numbers)
            && !OWN.contains(&id)
        {
            wrong.push(format!("#{id}: {difference}"));
        }
    }
    println!("{count} statements, {} otherwise than PostgreSQL", wrong.len());
    assert!(count > 200, "the recording has {count} statements about the catalogue");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is otherwise than in the recording: an error, a name or a type of a column.
fn difference(asked: &Asked, entry: &Value, numbers: &HashMap<&str, String>) -> Option<String> {
    let mut sql = entry["sql"].as_str().expect("a statement").to_owned();
    for (recorded, here) in numbers {
        sql = sql.replace(recorded, here);
    }
    let list = |name: &str| entry[name].as_array().cloned().unwrap_or_default();
    let declared: Vec<u32> =
        list("oids").iter().filter_map(|oid| oid.as_u64()?.try_into().ok()).collect();
    let values: Vec<ScalarValue> = list("params")
        .iter()
        .enumerate()
        .map(|(at, value)| parameter(value, declared.get(at).copied().unwrap_or(0), numbers))
        .collect();
    let mut answers = list("cols").into_iter();
    for statement in parse(&sql) {
        if !matches!(statement, Statement::Query(_)) {
            continue;
        }
        let expected = answers.next().unwrap_or(Value::Null);
        match asked.answer(&statement, &declared, &values) {
            Err(error) => return Some(format!("{error}")),
            Ok(None) => return Some("is not taken for a statement about the catalogue".to_owned()),
            Ok(Some(batch)) => {
                let found: Vec<&str> =
                    batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
                let names = expected.as_array()?.iter().filter_map(|column| column[0].as_str());
                let names: Vec<&str> = names.collect();
                if found != names {
                    return Some(format!("columns {found:?}, expected {names:?}"));
                }
            }
        }
    }
    None
}

#[test]
fn a_flow_is_a_table_with_keys_and_comments() {
    let Some(asked) = Asked::recorded() else {
        println!("skipped: the recorded statements are not here");
        return;
    };
    let check = |sql: &str, expected: &[&str]| assert_eq!(asked.rows(sql), expected, "{sql}");
    check(
        "SELECT conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
         WHERE conrelid = 'public.obs'::regclass ORDER BY 1",
        &[
            "obs_country_fkey|f|FOREIGN KEY (country) REFERENCES obs_dim_country(code)",
            "obs_pkey|p|PRIMARY KEY (country, sex, time_period)",
            "obs_sex_fkey|f|FOREIGN KEY (sex) REFERENCES obs_dim_sex(code)",
        ],
    );
    check(
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                col_description(a.attrelid, a.attnum)
         FROM pg_attribute a WHERE a.attrelid = 'public.obs'::regclass AND a.attnum IN (1, 3)
         ORDER BY a.attnum",
        &["country|text|true|Geopolitical entity (reporting)", "time_period|text|true|Time period"],
    );
    check(
        "SELECT c.relname, c.relkind, c.reltuples, obj_description(c.oid, 'pg_class')
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'public' AND relkind IN ('r', 'v') AND relname LIKE 'obs%'
         ORDER BY 1",
        &[
            "obs|r|8|Observations",
            "obs_dim_country|r|5|Geopolitical entity (reporting)",
            "obs_dim_sex|r|3|Sex",
            "obs_labels|v|-1|Observations, with labels",
        ],
    );
    check(
        "SELECT k.column_name, c.constraint_type FROM information_schema.table_constraints c
         JOIN information_schema.key_column_usage k USING (constraint_schema, constraint_name)
         WHERE c.table_name = 'obs' AND c.constraint_type = 'FOREIGN KEY' ORDER BY 1",
        &["country|FOREIGN KEY", "sex|FOREIGN KEY"],
    );
    check("SELECT pg_table_is_visible('public.obs'::regclass), 'obs'::regclass", &["true|obs"]);
}

#[test]
fn numbers_are_the_same_in_another_database_of_the_same_names() {
    let (Some(first), Some(second)) = (Asked::recorded(), Asked::recorded()) else {
        println!("skipped: the recorded statements are not here");
        return;
    };
    for (_, schema, table) in TABLES {
        assert_eq!(first.number(schema, table), second.number(schema, table), "{schema}.{table}");
    }
}

#[test]
fn says_who_asks_and_leaves_data_alone() {
    let Some(mut asked) = Asked::recorded() else {
        println!("skipped: the recorded statements are not here");
        return;
    };
    asked.info.user = "ada".to_owned();
    asked.info.settings.insert("application_name".to_owned(), "test".to_owned());
    let check = |sql: &str, expected: &[&str]| assert_eq!(asked.rows(sql), expected, "{sql}");
    check(
        "SELECT current_user, current_database(), current_setting('application_name')",
        &["ada|sdmxdb|test"],
    );
    check("SELECT setting FROM pg_settings WHERE name = 'application_name'", &["test"]);
    let version = asked.rows("SELECT version()").remove(0);
    assert!(version.starts_with("PostgreSQL 15."), "{version}");
    for sql in ["SELECT * FROM public.obs", "SELECT 1", "SELECT version() FROM obs"] {
        let statement = parse(sql).remove(0);
        assert!(asked.answer(&statement, &[], &[]).expect(sql).is_none(), "{sql}");
    }
    let unknown = parse("SELECT relnam FROM pg_class").remove(0);
    let error = asked.answer(&unknown, &[], &[]).expect_err("an unknown column").to_string();
    assert_eq!(error, "column relnam not found");
}
