//! How many observations a second does the cursor decode on one core, packed blocks in memory?
//!
//! Data: the labour cube of 1 M observations, 57 a series: headers of blocks and chunks, gaps and
//! values, with and without the attribute of the observation. The number to watch is observations
//! a second.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sdmxdb::store::{Cube, PeriodFilter, ScanOrder, ScanRequest, SeriesFilter};

use crate::database::{labour_database, only_cube};

fn decode(cube: &Arc<Cube>, attributes: &[usize]) -> usize {
    let request = ScanRequest {
        series: cube.select(&SeriesFilter::All).expect("an index"),
        periods: PeriodFilter::All,
        measures: vec![0],
        attributes: attributes.to_vec(),
        order: ScanOrder::Stored,
    };
    let mut cursor = cube.cursor(request).expect("readable");
    let mut observations = 0;
    while let Some(chunk) = cursor.next().expect("readable") {
        observations += chunk.data.observations();
    }
    observations
}

fn decode_all(criterion: &mut Criterion) {
    let (_folder, database, observations) = labour_database();
    let cube = only_cube(&database);
    assert_eq!(decode(&cube, &[]) as u64, observations, "the bench measures the right thing");
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(observations));
    group.bench_function("values/1M", |bencher| bencher.iter(|| decode(&cube, &[])));
    group.bench_function("values_and_status/1M", |bencher| bencher.iter(|| decode(&cube, &[0])));
    group.finish();
}

criterion_group!(benches, decode_all);
criterion_main!(benches);
