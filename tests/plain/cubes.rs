//! Random cubes in memory, each in several loads, the later of which revise, add and delete.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use sdmxdb::disk::MemoryDisk;
use sdmxdb::error::Result;
use sdmxdb::query::{Connection, Engine, EngineOptions};
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{CompactOptions, Database, LoadOptions};

use crate::cells::texts;
use crate::cube::presets::by_name;
use crate::cube::random::Random;
use crate::cube::rows::write_attribute;
use crate::cube::series::STATUSES;
use crate::cube::structure::write_structure;
use crate::cube::{Cube, CubeSpec};

/// 2026-01-01, in microseconds since 1970.
const NOW: i64 = 1_767_225_600_000_000;

/// Shapes of cubes with how many observations each has at most.
const SHAPES: [(&str, u64); 8] = [
    ("labour", 3_000),
    ("labour", 3_000),
    ("annual_short", 2_000),
    ("text_values", 3_000),
    ("two_measures", 2_000),
    ("very_short", 600),
    ("daily", 12_000),
    ("no_time", 600),
];

/// How the values of a cube are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    /// As the preset writes them: decimals of up to five places.
    Preset,
    /// Few different numbers, so that many are equal.
    Few,
    /// Doubles with all their digits, in every second series.
    Doubles,
    /// Numbers of up to thirty digits, in some series.
    Long,
}

/// A cube in a database, with a connection to each engine.
pub(crate) struct World {
    pub(crate) spec: CubeSpec,
    /// `gen.labour`.
    pub(crate) table: String,
    /// Sum of the magnitudes of all values, and the greatest of them.
    pub(crate) magnitudes: (f64, f64),
    pub(crate) ours: Connection,
    pub(crate) plain: Connection,
    /// By key and period: the values and the status.
    loaded: BTreeMap<Vec<String>, Vec<String>>,
}

/// One observation: its key with the period, its values, its status.
struct Row {
    key: Vec<String>,
    values: Vec<String>,
    status: &'static str,
    /// The attributes of its series.
    attributes: Vec<String>,
}

impl World {
    /// The cube of a seed, the same for ever.
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random::of(seed, 1);
        let (spec, flavour) = (spec(&mut random, seed), flavour(&mut random));
        let rows = rows(&spec, flavour, &mut random);
        let mut loaded = BTreeMap::new();
        let messages = messages(&spec, rows, &mut random, &mut loaded);
        let database = database(&spec, &messages);
        if random.chance(0.15) {
            let is_full = random.chance(0.5);
            let options = CompactOptions { is_full, ..CompactOptions::at(NOW) };
            drop(database.compact(&options, &mut |_| Ok(())).expect("compacted"));
        }
        let table = format!("gen.{}", spec.flow.to_lowercase());
        let (ours, plain) = connections(&database, &mut random);
        let magnitudes = magnitudes(&loaded, &spec);
        World { spec, table, magnitudes, ours, plain, loaded }
    }

    /// Whether the rows of the plain engine are those that were loaded.
    pub(crate) fn check_rows(&self) {
        let mut columns = self.key_columns();
        let values = self.spec.measures.iter().map(|id| id.to_lowercase());
        columns.extend(values.flat_map(|id| [format!("{id}_text"), id]));
        columns.push("obs_status".to_owned());
        let sql = format!("SELECT {} FROM {}", columns.join(", "), self.table);
        let batches = self.plain.sql(&sql).and_then(Iterator::collect::<Result<Vec<RecordBatch>>>);
        let mut found = BTreeMap::new();
        let width = self.key_columns().len();
        for batch in batches.unwrap_or_else(|error| panic!("{sql}: {error}")) {
            for mut row in texts(&batch) {
                let rest = row.split_off(width);
                assert!(found.insert(row, rest).is_none(), "{sql}: a row comes twice");
            }
        }
        assert_eq!(found.len(), self.loaded.len(), "{sql}");
        for (key, loaded) in &self.loaded {
            let (values, status) = loaded.split_at(loaded.len() - 1);
            let shown = values.iter().flat_map(|text| match text.as_str() {
                "" => ["NULL".to_owned(), "NULL".to_owned()],
                text => [text.to_owned(), number_text(text)],
            });
            let expected: Vec<String> = shown.chain(status.iter().cloned()).collect();
            assert_eq!(found.get(key), Some(&expected), "{sql}: {key:?}");
        }
    }

    /// The dimensions and the period, as SQL calls them.
    pub(crate) fn key_columns(&self) -> Vec<String> {
        let dimensions = self.spec.dimensions.iter().map(|dimension| dimension.id.to_lowercase());
        dimensions.chain(self.spec.has_time().then(|| "time_period".to_owned())).collect()
    }
}

/// A preset with few codes, fewer dimensions and other shares.
fn spec(random: &mut Random, seed: u64) -> CubeSpec {
    let (preset, most) = pick(&SHAPES, random);
    let mut spec = by_name(preset, 100 + random.below(most)).expect("a preset");
    spec.seed = seed;
    let is_kept = |id: &str, random: &mut Random| id == "FREQ" || random.chance(0.75);
    let wanted = spec.dimensions.clone();
    spec.dimensions.retain(|dimension| is_kept(&dimension.id, random));
    if spec.dimensions.iter().all(|dimension| dimension.id == "FREQ") {
        spec.dimensions = wanted;
    }
    for dimension in spec.dimensions.iter_mut().filter(|it| it.id != "FREQ") {
        let count = usize::try_from(1 + random.below(9)).expect("small");
        dimension.codes.truncate(count);
        dimension.names.truncate(count);
        dimension.weights.truncate(count);
    }
    spec.subject = spec.dimensions.len() - 1;
    let keys = spec.dimensions.iter().map(|dimension| dimension.codes.len() as u64);
    let keys = keys.fold(1, u64::saturating_mul);
    spec.series_count = spec.series_count.min(1 + keys * 2 / 3).max(1);
    spec.gap_share = pick(&[0.0, 0.01, 0.2, 0.5], random);
    spec.null_share = pick(&[0.0, 0.002, 0.1], random);
    spec.status_share = pick(&[0.0, 0.07, 0.4], random);
    spec.constant_share = pick(&[0.0, 0.08, 0.5], random);
    spec.trimmed_share = pick(&[0.0, 0.1, 0.5], random);
    if preset == "text_values" {
        spec.text_share = pick(&[0.02, 0.3], random);
    }
    spec
}

fn flavour(random: &mut Random) -> Flavour {
    let choices = [Flavour::Preset, Flavour::Preset, Flavour::Few, Flavour::Doubles, Flavour::Long];
    pick(&choices, random)
}

fn pick<T: Copy>(choices: &[T], random: &mut Random) -> T {
    choices[usize::try_from(random.below(choices.len() as u64)).expect("small")]
}

/// All rows of the cube, in key order.
fn rows(spec: &CubeSpec, flavour: Flavour, random: &mut Random) -> Vec<Row> {
    let cube = Cube::new(spec.clone());
    let (mut cursor, mut rows) = (cube.series(), Vec::new());
    while let Some(series) = cursor.next_series() {
        let codes = spec.dimensions.iter().zip(&series.key);
        let key: Vec<String> =
            codes.map(|(dimension, code)| dimension.codes[usize::from(*code)].clone()).collect();
        let attributes = spec.attributes.iter().map(|attribute| {
            let mut text = Vec::new();
            write_attribute(spec, *attribute, series, &mut text);
            String::from_utf8(text).expect("text")
        });
        let attributes: Vec<String> = attributes.collect();
        let is_chosen = random.chance(0.5);
        for observation in 0..series.observations.len() {
            let values = series.values(observation).iter().map(|value| {
                let mut text = Vec::new();
                value.write(&mut text);
                let text = String::from_utf8(text).expect("text");
                if text.is_empty() { text } else { flavoured(text, flavour, is_chosen, random) }
            });
            let values = values.collect();
            let mut key = key.clone();
            if spec.has_time() {
                let mut period = Vec::new();
                series.write_period(observation, &mut period);
                key.push(String::from_utf8(period).expect("text"));
            }
            let status = STATUSES[usize::from(series.observations[observation].status)].0;
            rows.push(Row { key, values, status, attributes: attributes.clone() });
        }
    }
    rows
}

/// A value in the manner of a flavour.
fn flavoured(text: String, flavour: Flavour, is_chosen: bool, random: &mut Random) -> String {
    match flavour {
        Flavour::Few => {
            pick(&["1", "2", "3", "10", "-1", "0", "0.0", "-0", "2.5"], random).to_owned()
        }
        Flavour::Doubles if is_chosen => (1e3 * random.bell() * random.unit()).to_string(),
        Flavour::Long if is_chosen && random.chance(0.3) => {
            let digits = format!("{:020}", random.bits());
            match random.below(4) {
                0 => format!("-{}.{}", &digits[6..12], &digits[12..]),
                1 => format!("{}.{digits}", random.below(90)),
                2 => format!("{}.5", &digits[4..]),
                _ => digits[1..].trim_start_matches('0').to_owned(),
            }
        }
        // One number beside which no sum says anything.
        Flavour::Preset | Flavour::Doubles if text.len() > 40 => "<7".to_owned(),
        _ => text,
    }
}

/// Up to four loads: new rows, rows that were there with other values, and rows that go.
fn messages(
    spec: &CubeSpec,
    rows: Vec<Row>,
    random: &mut Random,
    loaded: &mut BTreeMap<Vec<String>, Vec<String>>,
) -> Vec<String> {
    let loads = 1 + usize::try_from(random.below(4)).expect("small");
    let mut messages = vec![String::new(); loads];
    let mut later: Vec<(usize, Row)> = Vec::new();
    for row in rows {
        let load = if random.chance(0.8) {
            0
        } else {
            usize::try_from(random.below(loads as u64)).expect("small")
        };
        later.push((load, row));
    }
    for (load, message) in messages.iter_mut().enumerate() {
        for (_, row) in later.iter().filter(|(of, _)| *of == load) {
            *message += &line(spec, 'I', row);
            let mut cells = row.values.clone();
            cells.push(row.status.to_owned());
            loaded.insert(row.key.clone(), cells);
        }
        let earlier = later.iter_mut().filter(|(of, _)| *of < load);
        let mut gone = String::new();
        for (_, row) in earlier {
            let Some(known) = loaded.get_mut(&row.key) else { continue };
            if random.chance(0.03) {
                for value in &mut row.values {
                    let revised = format!("{}.{}", random.below(2_000), random.below(1_000));
                    *value = if random.chance(0.1) { "NaN".to_owned() } else { revised };
                }
                row.status = STATUSES[usize::try_from(random.below(3)).expect("small")].0;
                *message += &line(spec, 'I', row);
                known.clone_from(&row.values);
                known.push(row.status.to_owned());
            } else if random.chance(0.01) {
                loaded.remove(&row.key);
                gone += &deletion(spec, row);
            }
        }
        *message += &gone;
    }
    messages.retain(|message| !message.is_empty());
    messages
}

/// A line of SDMX-CSV 2.0.
fn line(spec: &CubeSpec, action: char, row: &Row) -> String {
    let head = ["dataflow".to_owned(), spec.flow_reference(), action.to_string()];
    let cells = head.iter().chain(&row.key).chain(&row.values).cloned();
    let cells = cells.chain([row.status.to_owned()]).chain(row.attributes.iter().cloned());
    let quoted: Vec<String> = cells.map(quoted).collect();
    quoted.join(",") + "\n"
}

/// A line that deletes the observation of a row.
fn deletion(spec: &CubeSpec, row: &Row) -> String {
    let empty = ",".repeat(row.values.len() + 1 + row.attributes.len());
    format!("dataflow,{},D,{}{empty}\n", spec.flow_reference(), row.key.join(","))
}

fn quoted(cell: String) -> String {
    let has_signs = cell.contains([',', '"']);
    if has_signs { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

fn header(spec: &CubeSpec) -> String {
    let dimensions = spec.dimensions.iter().map(|dimension| dimension.id.as_str());
    let time = spec.has_time().then_some("TIME_PERIOD");
    let measures = spec.measures.iter().map(String::as_str);
    let attributes = spec.attributes.iter().map(|attribute| attribute.id());
    let all = ["STRUCTURE", "STRUCTURE_ID", "ACTION"].into_iter().chain(dimensions).chain(time);
    let all: Vec<&str> = all.chain(measures).chain(["OBS_STATUS"]).chain(attributes).collect();
    all.join(",") + "\n"
}

fn database(spec: &CubeSpec, messages: &[String]) -> Database {
    let disk = Arc::new(MemoryDisk::new());
    let database = Database::open_or_create_on(disk, Path::new("db")).expect("made");
    let mut xml = Vec::new();
    write_structure(spec, &mut xml).expect("into memory");
    let artefacts = read_structures(xml.as_slice(), "structure.xml").expect("as it is written");
    let mut load = database.begin_load(LoadOptions::at(NOW)).expect("begun");
    load.structures(artefacts).expect("added");
    drop(load.commit().expect("committed"));
    for message in messages {
        let mut load = database.begin_load(LoadOptions::at(NOW)).expect("begun");
        let text = header(spec) + message;
        load.csv(text.as_bytes(), "rows.csv").unwrap_or_else(|error| panic!("{error}\n{text}"));
        drop(load.commit().unwrap_or_else(|error| panic!("{error}\n{text}")));
    }
    database
}

/// A connection to each engine; the batches of ours are of any size.
fn connections(database: &Database, random: &mut Random) -> (Connection, Connection) {
    let one = NonZeroUsize::MIN;
    let plain = Engine::plain(database.clone(), EngineOptions::new(one)).expect("an engine");
    let threads = pick(&[1, 2, 2, 3], random);
    let threads = NonZeroUsize::new(threads).expect("not zero");
    let mut options = EngineOptions::new(threads);
    options.batch_rows = pick(&[8_192, 8_192, 100, 1_000], random);
    let ours = Connection::new(database.clone(), options).expect("threads");
    (ours, Connection::on(&plain, one).expect("threads"))
}

/// What SQL shows as the number of a text: `NULL` for what is no finite decimal number.
fn number_text(text: &str) -> String {
    number(text).map_or_else(|| "NULL".to_owned(), |number| number.to_string())
}

fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse::<f64>().ok().filter(|number| is_plain && number.is_finite())
}

fn magnitudes(loaded: &BTreeMap<Vec<String>, Vec<String>>, spec: &CubeSpec) -> (f64, f64) {
    let values = loaded.values().flat_map(|cells| &cells[..spec.measures.len()]);
    let sizes = values.filter_map(|text| number(text)).map(f64::abs);
    sizes.fold((0.0, 0.0), |(sum, most), size| (sum + size, most.max(size)))
}
