//! Databases for tests, from files or from memory.

use std::fs::{self, File};
use std::io::Cursor;
use std::num::NonZeroUsize;
use std::path::Path;

use sdmxdb::error::Result;
use sdmxdb::model::Artefact;
use sdmxdb::query::{Connection, EngineOptions};
use sdmxdb::sdmx::{input, structure};
use sdmxdb::store::{Database, LoadOptions, LoadReport};

/// The messages of the sample that ships with the program.
pub(crate) const SAMPLE: [&str; 4] = [
    "sql/sample/structures.xml",
    "sql/sample/exr.csv.zst",
    "sql/sample/exr_avg.csv.zst",
    "sql/sample/pop_be.csv.zst",
];

/// 2026-01-01, in microseconds since 1970: every load of a test is done at this time.
pub(crate) const NOW: i64 = 1_767_225_600_000_000;

/// Loads files, structures among them, as one commit.
pub(crate) fn load_files(database: &Database, files: &[&str]) -> Result<LoadReport> {
    let mut load = database.begin_load(LoadOptions::at(NOW))?;
    let (structures, data): (Vec<&str>, Vec<&str>) =
        files.iter().partition(|file| Path::new(file).extension().is_some_and(|it| it == "xml"));
    for file in structures {
        let bytes = fs::read(file).expect("a file of this project");
        load.structures(structure::read_structures(Cursor::new(bytes), file)?)?;
    }
    for file in data {
        load.csv(input::open(File::open(file).expect("a file of this project"), file)?, file)?;
    }
    load.commit()
}

/// Loads what is in memory, as one commit.
pub(crate) fn load_rows(
    database: &Database,
    structures: Vec<Artefact>,
    csv: &str,
) -> Result<LoadReport> {
    let mut load = database.begin_load(LoadOptions::at(NOW))?;
    load.structures(structures)?;
    load.csv(csv.as_bytes(), "rows.csv")?;
    load.commit()
}

/// A new database in a folder.
pub(crate) fn create(folder: &Path) -> Database {
    Database::open_or_create(folder).expect("a new database")
}

/// A connection with two threads, so that work is divided.
pub(crate) fn connect(database: &Database) -> Connection {
    let threads = NonZeroUsize::new(2).expect("not zero");
    Connection::new(database.clone(), EngineOptions::new(threads)).expect("threads")
}
