//! How long does it take to answer one series by SQL, from text to the last row?
//!
//! Data: the labour cube of 1 M observations; the series with the most observations, named by all
//! seven dimensions. The number to watch is the time for one statement, most of it planning; it
//! should not grow with the cube.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, criterion_group, criterion_main};

use crate::database::{connect, count_rows, labour_database, longest_series};

fn point(criterion: &mut Criterion) {
    let (_folder, database, _) = labour_database();
    let connection = connect(&database);
    let key = longest_series(&connection);
    let all = format!("SELECT time_period, obs_value FROM gen.labour WHERE {key}");
    let last = format!("{all} ORDER BY time_period DESC LIMIT 1");
    assert!(count_rows(&connection, &all) > 50, "the bench measures the right thing");
    let mut group = criterion.benchmark_group("point");
    group.bench_function("series/1M", |bencher| bencher.iter(|| count_rows(&connection, &all)));
    group.bench_function("last_value/1M", |bencher| {
        bencher.iter(|| count_rows(&connection, &last));
    });
    group.finish();
}

criterion_group!(benches, point);
criterion_main!(benches);
