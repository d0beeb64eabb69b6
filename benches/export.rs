//! How many bytes of SDMX-CSV a second does an export write on one core?
//!
//! Data: the labour cube of 1 M observations, written to a sink. The number to watch is bytes a
//! second.

use std::io;

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sdmxdb::sdmx::csv::CsvLayout;
use sdmxdb::store::{SeriesFilter, write_csv};

use crate::database::{labour_database, only_cube};

fn export(criterion: &mut Criterion) {
    let (_folder, database, observations) = labour_database();
    let cube = only_cube(&database);
    let mut text = Vec::new();
    let rows = write_csv(&cube, &SeriesFilter::All, CsvLayout::V2_0, &mut text, |_| ());
    assert_eq!(rows.expect("into memory"), observations, "the bench measures the right thing");
    let mut group = criterion.benchmark_group("export");
    group.sample_size(10).throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("csv/1M", |bencher| {
        bencher.iter(|| {
            write_csv(&cube, &SeriesFilter::All, CsvLayout::V2_0, io::sink(), |_| ())
                .expect("a sink")
        });
    });
    group.finish();
}

criterion_group!(benches, export);
criterion_main!(benches);
