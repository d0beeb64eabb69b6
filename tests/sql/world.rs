//! Random cubes in a database, and the same rows as plain columns in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use sdmxdb::error::Result;
use sdmxdb::query::Connection;
use sdmxdb::sdmx::structure::read_structures;
use tempfile::TempDir;

use crate::asking::table;
use crate::cube::presets::by_name;
use crate::cube::random::Random;
use crate::cube::rows::{CsvVersion, write_csv};
use crate::cube::structure::{MlVersion, write_structure_as};
use crate::cube::{Cube, CubeSpec};
use crate::loading::{connect, create, load_rows};

/// A row as it was loaded last: the texts of all columns of the message.
pub(crate) type Loaded = Vec<String>;

/// A cube in a database.
pub(crate) struct World {
    pub(crate) spec: CubeSpec,
    /// `gen.labour`.
    pub(crate) table: String,
    /// By key and period.
    pub(crate) loaded: BTreeMap<Vec<String>, Loaded>,
    pub(crate) connection: Connection,
    /// The columns of the table, and all its rows.
    pub(crate) schema: SchemaRef,
    pub(crate) batches: Vec<RecordBatch>,
    _folder: TempDir,
}

impl World {
    /// A small cube of a preset in several loads, the later of which revise some values.
    pub(crate) fn new(preset: &str, observations: u64, seed: u64) -> World {
        let mut spec = by_name(preset, observations).expect("a preset");
        spec.seed = seed;
        spec.measures.truncate(1);
        let folder = tempfile::tempdir().expect("a folder");
        let database = create(&folder.path().join("db"));
        let cube = Cube::new(spec.clone());
        let mut xml = Vec::new();
        write_structure_as(&spec, MlVersion::V2_1, &mut xml).expect("into memory");
        let mut csv = Vec::new();
        write_csv(&cube, CsvVersion::V2, &mut csv).expect("into memory");
        let csv = String::from_utf8(csv).expect("text");
        let messages = split(&spec, &csv, &mut Random::new(seed));
        let mut loaded = BTreeMap::new();
        for (number, message) in messages.iter().enumerate() {
            let structures = if number == 0 {
                read_structures(xml.as_slice(), "structure.xml").expect("as the generator writes")
            } else {
                Vec::new()
            };
            load_rows(&database, structures, message).expect("as the generator writes");
            remember(&spec, message, &mut loaded);
        }
        let table = format!("gen.{}", spec.flow.to_lowercase());
        let connection = connect(&database);
        let (schema, batches) = read(&connection, &format!("SELECT * FROM {table}"));
        World { spec, table, loaded, connection, schema, batches, _folder: folder }
    }

    /// Whether the whole table is what was loaded; the witness for everything else.
    pub(crate) fn check_rows(&self) {
        let key = self.key_width();
        let found = table(&self.schema, &self.batches).rows;
        assert_eq!(found.len(), self.loaded.len(), "rows of {}", self.table);
        let column = |name: &str| self.schema.index_of(name).expect("a column");
        let (number, text) = (column("obs_value"), column("obs_value_text"));
        let status = column("obs_status");
        for row in &found {
            let loaded = self.loaded.get(&row[..key]).unwrap_or_else(|| panic!("{row:?}"));
            let value = &loaded[key];
            let expected = if value.is_empty() { "NULL" } else { value };
            assert_eq!(row[text], expected, "{row:?}");
            assert_eq!(row[number], number_text(value), "{row:?}");
            assert_eq!(row[status], loaded[key + 1], "{row:?}");
        }
    }

    /// The dimensions and the period.
    pub(crate) fn key_width(&self) -> usize {
        self.spec.dimensions.len() + usize::from(self.spec.has_time())
    }
}

/// What SQL shows as the number of a text: `NULL` for what is no finite decimal number.
fn number_text(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let number = text.parse::<f64>().ok().filter(|number| is_plain && number.is_finite());
    number.map_or_else(|| "NULL".to_owned(), |number| number.to_string())
}

/// All rows of a statement.
pub(crate) fn read(connection: &Connection, sql: &str) -> (SchemaRef, Vec<RecordBatch>) {
    let rows = connection.sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let schema = Arc::clone(rows.schema());
    let batches = rows.collect::<Result<Vec<RecordBatch>>>();
    (schema, batches.unwrap_or_else(|error| panic!("{sql}: {error}")))
}

/// Divides a message over up to three loads; the last two also say some rows of the first again,
/// with other values.
fn split(spec: &CubeSpec, csv: &str, random: &mut Random) -> Vec<String> {
    let value = 3 + spec.dimensions.len() + usize::from(spec.has_time());
    let (header, rows) = csv.split_once('\n').expect("a header");
    let mut messages = vec![format!("{header}\n"); 3];
    for row in rows.lines() {
        let chosen = [0, 0, 1, 2][usize::try_from(random.below(4)).expect("small")];
        messages[chosen] += &format!("{row}\n");
        if chosen == 0 && random.below(20) == 0 {
            let mut cells: Vec<&str> = row.split(',').collect();
            let revised = format!("{}.5", random.below(1000));
            // A quoted value holds commas: such a row is left as it is.
            if !cells[value].contains('"') {
                cells[value] = &revised;
                let again = 1 + usize::try_from(random.below(2)).expect("small");
                messages[again] += &format!("{}\n", cells.join(","));
            }
        }
    }
    messages.retain(|message| message.lines().count() > 1);
    messages
}

/// Notes what a message says. Titles hold commas, but stand after everything that is looked at.
fn remember(spec: &CubeSpec, message: &str, loaded: &mut BTreeMap<Vec<String>, Loaded>) {
    let key = spec.dimensions.len() + usize::from(spec.has_time());
    for row in message.lines().skip(1) {
        let cells: Vec<String> = cells(row).into_iter().skip(3).collect();
        loaded.insert(cells[..key].to_vec(), cells);
    }
}

/// The cells of a line of CSV without line breaks in them.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let cell = cells.last_mut().expect("one at least");
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            other => cell.push(other),
        }
    }
    cells
}
