//! How long does it take to read a slice by SQL: one indicator, two sexes, ten years?
//!
//! Data: the labour cube of 1 M observations. The number to watch is the time for one statement;
//! it should grow with the rows of the slice, not with the cube.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use crate::database::{connect, count_rows, labour_database};

const SLICE: &str = "\
SELECT freq, ref_area, indicator, sex, age, unit, source, time_period, obs_value, obs_status
FROM gen.labour
WHERE indicator = 'UNE_2TRU_NB' AND sex IN ('F', 'M')
  AND period_start BETWEEN DATE '2010-01-01' AND DATE '2019-12-31'";

fn slice(criterion: &mut Criterion) {
    let (_folder, database, _) = labour_database();
    let connection = connect(&database);
    let rows = count_rows(&connection, SLICE);
    assert!(rows > 100, "the bench measures the right thing: {rows} rows");
    let mut group = criterion.benchmark_group("slice");
    group.throughput(Throughput::Elements(rows as u64));
    group.bench_function("stored_order/1M", |bencher| {
        bencher.iter(|| count_rows(&connection, SLICE));
    });
    let ordered = format!("{SLICE} ORDER BY ref_area, sex, age, time_period");
    group.bench_function("another_order/1M", |bencher| {
        bencher.iter(|| count_rows(&connection, &ordered));
    });
    group.finish();
}

criterion_group!(benches, slice);
criterion_main!(benches);
