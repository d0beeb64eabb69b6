//! How many bytes of SDMX-CSV a second does an export write on one core?
//!
//! Data: the labour cube of 1 M observations, written to a sink. The number to watch is bytes a
//! second.

use std::io::{self, Write};
use std::sync::Arc;

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sdmxdb::model::{Action, DataQuery};
use sdmxdb::sdmx::MessageHeader;
use sdmxdb::sdmx::csv::CsvWriter;
use sdmxdb::sdmx::data::{CsvEdition, CsvLabels, CsvStyle};
use sdmxdb::store::{DataAnswer, Snapshot};

use crate::database::labour_database;

/// Writes all data as SDMX-CSV 2.0, and returns the number of observations.
fn write_csv(snapshot: &Arc<Snapshot>, out: impl Write) -> u64 {
    let id = &snapshot.flows()[0].flow.id;
    let answer = DataAnswer::open(snapshot, id, &DataQuery::default()).expect("readable");
    let header =
        MessageHeader { id: String::new(), prepared: String::new(), sender: String::new() };
    let scope = answer.scope(&header, snapshot.artefacts(), "en", Action::Merge);
    let style = CsvStyle {
        version: CsvEdition::V2_0,
        labels: CsvLabels::Ids,
        has_normalized_time: false,
        has_series_key: false,
        has_observation_key: false,
    };
    let mut writer = CsvWriter::new(out, &scope, &style);
    answer.write(&mut writer).expect("an output that takes all").observations
}

fn export(criterion: &mut Criterion) {
    let (_folder, database, observations) = labour_database();
    let snapshot = database.snapshot().expect("readable");
    let mut text = Vec::new();
    let rows = write_csv(&snapshot, &mut text);
    assert_eq!(rows, observations, "the bench measures the right thing");
    let mut group = criterion.benchmark_group("export");
    group.sample_size(10).throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("csv/1M", |bencher| {
        bencher.iter(|| write_csv(&snapshot, io::sink()));
    });
    group.finish();
}

criterion_group!(benches, export);
criterion_main!(benches);
