//! A made-up cube in a database of its own, for benches.
//!
//! Include it beside `cube`: `#[path = "support/cube.rs"] mod cube;`.

#![allow(
    clippy::allow_attributes,
    clippy::panic,
    dead_code,
    unreachable_pub,
    reason = "each bench that includes this file uses another part of it"
)]

use arrow::util::display::array_value_to_string;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use sdmxdb::query::{Connection, EngineOptions};
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Cube, Database, LoadOptions};
use tempfile::TempDir;

use crate::cube;
use crate::cube::presets::labour;
use crate::cube::rows::{CsvVersion, write_csv};
use crate::cube::structure::write_structure;

/// Observations of the cube of every bench, about.
pub const OBSERVATIONS: u64 = 1_000_000;

/// The time of every load, in microseconds since 1970.
const NOW: i64 = 1_767_225_600_000_000;

/// The labour cube as messages: structure and rows in series order, and the number of rows.
pub fn messages() -> (Vec<u8>, Vec<u8>, u64) {
    let cube = cube::Cube::new(labour(OBSERVATIONS));
    let (mut xml, mut csv) = (Vec::new(), Vec::new());
    write_structure(&cube.spec, &mut xml).expect("into memory");
    let (rows, _) = write_csv(&cube, CsvVersion::V1, &mut csv).expect("into memory");
    (xml, csv, rows)
}

/// Loads messages into a new database, which lives as long as the folder.
pub fn load(xml: &[u8], csv: &[u8]) -> (TempDir, Database) {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::open_or_create(folder.path().join("db")).expect("a new database");
    let mut load = database.begin_load(LoadOptions::at(NOW)).expect("no other writer");
    let structures = read_structures(xml, "structure.xml").expect("as the generator writes");
    load.structures(structures).expect("as the generator writes");
    load.csv(csv, "rows.csv").expect("as the generator writes");
    load.commit().expect("a disk with room");
    (folder, database)
}

/// The labour cube, `gen.labour`, in a database, and the number of its observations.
pub fn labour_database() -> (TempDir, Database, u64) {
    let (xml, csv, rows) = messages();
    let (folder, database) = load(&xml, &csv);
    (folder, database, rows)
}

/// The only cube of a database.
pub fn only_cube(database: &Database) -> Arc<Cube> {
    let snapshot = database.snapshot().expect("readable");
    let id = snapshot.flows()[0].flow.id.clone();
    snapshot.cube(&id).expect("it was loaded")
}

/// A connection that uses all processors.
pub fn connect(database: &Database) -> Connection {
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    Connection::new(database.clone(), EngineOptions::new(threads)).expect("threads")
}

/// Answers a statement and counts its rows.
pub fn count_rows(connection: &Connection, sql: &str) -> usize {
    let rows = connection.sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.map(|batch| batch.expect("a batch").num_rows()).sum()
}

/// The key of the series with the most observations, as a condition: a chart that somebody draws.
pub fn longest_series(connection: &Connection) -> String {
    let key = "freq, ref_area, indicator, sex, age, unit, source";
    let sql = format!(
        "SELECT {key} FROM gen.labour GROUP BY {key} ORDER BY count(*) DESC, {key} LIMIT 1"
    );
    let batches = connection.sql(&sql).expect("a query").collect::<Result<Vec<_>, _>>();
    let batches = batches.expect("an answer");
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).expect("one row");
    let schema = batch.schema();
    let conditions = schema.fields().iter().zip(batch.columns()).map(|(field, column)| {
        let code = array_value_to_string(column, 0).expect("text");
        format!("{} = '{code}'", field.name())
    });
    conditions.collect::<Vec<_>>().join(" AND ")
}
