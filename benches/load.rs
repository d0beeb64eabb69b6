//! How many rows a second does a load of SDMX-CSV take in, from text to a committed segment?
//!
//! Data: the labour cube of 1 M observations in series order, 85 MB of CSV in memory. Each load
//! makes a new database, syncs included. The number to watch is rows a second.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

use crate::database::{load, messages};

fn load_in_series_order(criterion: &mut Criterion) {
    let (xml, csv, rows) = messages();
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10).throughput(Throughput::Elements(rows));
    group.bench_function("in_series_order/1M", |bencher| {
        bencher.iter_batched(|| (), |()| load(&xml, &csv), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, load_in_series_order);
criterion_main!(benches);
