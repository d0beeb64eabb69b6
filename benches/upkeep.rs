//! Do ten thousand small commits stay cheap, and does the store read like a fresh one after them?
//!
//! Data: the labour cube, of 1 M observations unless another number is given; each commit revises
//! one value of one series, chosen anew. The fresh store is what the revised one exports. Prints the
//! time of a commit around the tenth and the last, and of each kind of read in both stores, the best
//! of five; the numbers to watch are the two ratios of a line.
//!
//! `cargo bench --bench upkeep -- [COMMITS [OBSERVATIONS [FOLDER]]]`; with a folder both stores stay
//! there, to be asked by SQL.

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]

#[path = "support/cube.rs"]
mod cube;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use sdmxdb::model::{Action, DataQuery, Slot};
use sdmxdb::sdmx::MessageHeader;
use sdmxdb::sdmx::csv::CsvWriter;
use sdmxdb::sdmx::data::{CsvEdition, CsvLabels, CsvStyle};
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{
    Cube, DataAnswer, Database, LoadOptions, PeriodFilter, ScanOrder, ScanRequest,
};
use sdmxdb::store::{Selections, SeriesFilter};

use crate::cube::presets::labour;
use crate::cube::random::Random;
use crate::cube::rows::{CsvVersion, write_csv};
use crate::cube::structure::write_structure;

const NOW: i64 = 1_767_225_600_000_000;
/// Commits from the fifth on, and last ones, of which the medians are compared.
const WINDOW: usize = 100;

fn main() {
    let mut numbers = env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut number = |default| numbers.next().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (commits, observations) = (number(10_000), number(1_000_000));
    let kept = numbers.next().map(PathBuf::from);
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = kept.unwrap_or_else(|| temporary.path().to_owned());

    let generated = cube::Cube::new(labour(observations));
    let (mut xml, mut csv) = (Vec::new(), Vec::new());
    write_structure(&generated.spec, &mut xml).expect("into memory");
    write_csv(&generated, CsvVersion::V1, &mut csv).expect("into memory");
    let revised = load(&folder.join("revised"), &xml, &csv);
    let times = revise(&revised, usize::try_from(commits).expect("small"));
    report_commits(&times);

    let started = Instant::now();
    drop(Database::open(folder.join("revised")).expect("opens"));
    println!("open: {:.1} ms", milliseconds(started.elapsed()));
    let fresh = load(&folder.join("fresh"), &xml, &export(&revised));
    let (revised, fresh) = (cube_of(&revised), cube_of(&fresh));
    println!("segments: {} and {}", revised.parts().len(), fresh.parts().len());
    for (name, read) in READS {
        let [after, before] = [&revised, &fresh].map(|cube| best_of_five(|| read(cube)));
        assert_eq!(after.1, before.1, "both read the same");
        let (after, before) = (milliseconds(after.0), milliseconds(before.0));
        println!("{name:12} {after:9.3} ms, fresh {before:9.3} ms: {:.2}", after / before);
    }
}

fn load(path: &Path, xml: &[u8], csv: &[u8]) -> Database {
    let database = Database::open_or_create(path).expect("a new database");
    let mut load = database.begin_load(LoadOptions::at(NOW)).expect("no other writer");
    load.structures(read_structures(xml, "structure.xml").expect("as generated")).expect("sound");
    load.csv(csv, "rows.csv").expect("as generated");
    load.commit().expect("a disk with room");
    database
}

fn cube_of(database: &Database) -> Arc<Cube> {
    let snapshot = database.snapshot().expect("readable");
    let id = snapshot.flows()[0].flow.id.clone();
    snapshot.cube(&id).expect("it was loaded")
}

/// Revises one series a commit, and returns how long each took.
fn revise(database: &Database, commits: usize) -> Vec<Duration> {
    let cube = cube_of(database);
    let flow = cube.flow();
    let mut header = "DATAFLOW".to_owned();
    flow.dimensions().iter().for_each(|dimension| header = format!("{header},{}", dimension.id));
    header += ",TIME_PERIOD,OBS_VALUE";
    let part = &cube.parts()[0];
    let mut random = Random::new(7);
    let mut times = Vec::with_capacity(commits);
    let mut last = (0.0, 0);
    report_processor(&mut last, 1);
    for number in 0..commits {
        let series = u32::try_from(random.below(part.series_count().into())).expect("small");
        let chunk = part.chunks(series).expect("readable").start;
        let span = part.span(chunk).expect("readable");
        let mut period = Vec::new();
        Slot { form: span.form, index: span.first }.write_to(&mut period);
        let mut row = flow.id.to_string();
        for dimension in 0..flow.dimensions().len() {
            let code = part.code(dimension, series).expect("readable");
            row = format!("{row},{}", cube.codes(dimension).get(code));
        }
        let period = String::from_utf8(period).expect("digits");
        let message = format!("{header}\n{row},{period},{}.5\n", 1_000_000 + number);
        let started = Instant::now();
        let mut load = database.begin_load(LoadOptions::at(NOW)).expect("no other writer");
        load.csv(message.as_bytes(), "row.csv").expect("as written");
        load.commit().expect("a disk with room");
        times.push(started.elapsed());
        if (number + 1) % (commits / 10).max(1) == 0 {
            report_processor(&mut last, number + 1);
        }
    }
    times
}

/// Says how much of a processor was used since the last time: what a disk that is busy with other
/// things does not disturb.
fn report_processor(last: &mut (f64, usize), number: usize) {
    // Linux counts it in hundredths of a second, in the fields 14 and 15.
    let Ok(stat) = fs::read_to_string("/proc/self/stat") else { return };
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    let count = f64::from(u32::try_from(number - last.1).unwrap_or(1));
    println!("  processor up to commit {number}: {:.2} ms each", (ticks - last.0) * 10.0 / count);
    *last = (ticks, number);
}

fn report_commits(times: &[Duration]) {
    let median = |times: &[Duration]| {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        milliseconds(sorted.get(sorted.len() / 2).copied().unwrap_or_default())
    };
    let mean = |times: &[Duration]| {
        milliseconds(times.iter().sum::<Duration>())
            / f64::from(u32::try_from(times.len()).unwrap_or(1))
    };
    if times.len() < 4 * WINDOW {
        return println!("{} commits: {:.2} ms each", times.len(), mean(times));
    }
    let early = median(&times[5..5 + WINDOW]);
    let late = median(&times[times.len() - WINDOW..]);
    println!("commit: early {early:.2} ms, last {late:.2} ms: {:.2}", late / early);
    for tenth in times.chunks(times.len() / 10) {
        println!(
            "  mean of {} commits: {:.2} ms, median {:.2}",
            tenth.len(),
            mean(tenth),
            median(tenth)
        );
    }
}

fn export(database: &Database) -> Vec<u8> {
    let snapshot = database.snapshot().expect("readable");
    let id = snapshot.flows()[0].flow.id.clone();
    let answer = DataAnswer::open(&snapshot, &id, &DataQuery::default()).expect("opens");
    let style = CsvStyle {
        version: CsvEdition::V1_0,
        labels: CsvLabels::Ids,
        has_normalized_time: false,
        has_series_key: false,
        has_observation_key: false,
    };
    let header =
        MessageHeader { id: String::new(), prepared: String::new(), sender: String::new() };
    let scope = answer.scope(&header, snapshot.artefacts(), "en", Action::Merge);
    let mut out = Vec::new();
    let mut writer = CsvWriter::new(&mut out, &scope, &style);
    answer.write_with(&mut writer, &mut |_| ()).expect("into memory");
    drop(writer);
    out
}

/// A kind of read, and what it adds up, which must be the same in both stores.
type Read = fn(&Arc<Cube>) -> u64;
const READS: [(&str, Read); 5] = [
    ("points", points),
    ("selections", selections),
    ("totals", totals),
    ("scan", |cube| scan(cube, ScanOrder::Stored)),
    ("key order", |cube| scan(cube, ScanOrder::ascending(0..cube.flow().dimensions().len()))),
];

/// A thousand series, each by its key.
fn points(cube: &Arc<Cube>) -> u64 {
    let mut random = Random::new(11);
    let mut found = 0;
    for _ in 0..1_000 {
        let filters = (0..cube.flow().dimensions().len()).map(|dimension| {
            let code = random.below(cube.codes(dimension).len() as u64 / 4 + 1);
            let codes = vec![u32::try_from(code).expect("small")];
            SeriesFilter::Codes { dimension, codes }
        });
        let series = cube.select(&SeriesFilter::And(filters.collect())).expect("readable");
        found += read(cube, series, ScanOrder::Stored);
    }
    found
}

/// How many series each code has, beside one of the first dimension.
fn selections(cube: &Arc<Cube>) -> u64 {
    let mut found = 0;
    for dimension in 0..cube.flow().dimensions().len() {
        for code in (0..cube.codes(dimension).len()).map(|code| u32::try_from(code).expect("small"))
        {
            let filters = [(0, 0), (dimension, code)];
            let filters = filters
                .map(|(dimension, code)| SeriesFilter::Codes { dimension, codes: vec![code] });
            let series = cube.select(&SeriesFilter::And(filters.to_vec())).expect("readable");
            found += series.len();
        }
    }
    found
}

/// The stored totals of all series.
fn totals(cube: &Arc<Cube>) -> u64 {
    let mut found = 0;
    for part in cube.parts() {
        for series in part.live_series().iter() {
            for chunk in part.live_chunks(series).expect("readable") {
                found += u64::from(part.total(0, chunk).expect("readable").count);
            }
        }
    }
    found
}

fn scan(cube: &Arc<Cube>, order: ScanOrder) -> u64 {
    read(cube, cube.select(&SeriesFilter::All).expect("readable"), order)
}

fn read(cube: &Arc<Cube>, series: Selections, order: ScanOrder) -> u64 {
    let request = ScanRequest {
        series,
        periods: PeriodFilter::All,
        measures: vec![0],
        attributes: Vec::new(),
        order,
    };
    let mut cursor = cube.cursor(request).expect("opens");
    let mut found = 0;
    while let Some(chunk) = cursor.next().expect("readable") {
        found += chunk.data.observations() as u64;
    }
    found
}

fn best_of_five(read: impl Fn() -> u64) -> (Duration, u64) {
    let runs = (0..5).map(|_| {
        let started = Instant::now();
        let found = read();
        (started.elapsed(), found)
    });
    runs.min().unwrap_or_default()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
