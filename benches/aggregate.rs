//! How many observations a second does an aggregate take in?
//!
//! Data: the labour cube of 1 M observations. Without time, stored sums of series answer; with
//! `GROUP BY time_period` every value is decoded and added; a filter on time decodes part of them.
//! The number to watch is observations a second, at best far above what memory can deliver as rows.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use crate::database::{connect, count_rows, labour_database};

const QUERIES: [(&str, &str); 4] = [
    ("by_dimension", "SELECT ref_area, sum(obs_value) FROM gen.labour GROUP BY ref_area"),
    ("by_time", "SELECT time_period, avg(obs_value) FROM gen.labour GROUP BY time_period"),
    (
        "by_dimension_and_time",
        "SELECT sex, time_period, sum(obs_value) FROM gen.labour WHERE freq = 'A' \
         GROUP BY sex, time_period",
    ),
    (
        "filtered_by_time",
        "SELECT indicator, sum(obs_value) FROM gen.labour WHERE time_period >= '2010' \
         AND time_period < '2020' GROUP BY indicator",
    ),
];

fn aggregate(criterion: &mut Criterion) {
    let (_folder, database, observations) = labour_database();
    let connection = connect(&database);
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(observations));
    for (name, sql) in QUERIES {
        assert!(count_rows(&connection, sql) > 10, "the bench measures the right thing: {name}");
        group.bench_function(format!("{name}/1M"), |bencher| {
            bencher.iter(|| count_rows(&connection, sql));
        });
    }
    group.finish();
}

criterion_group!(benches, aggregate);
criterion_main!(benches);
