//! How many observations a second does an aggregate take in?
//!
//! Data: the labour cube of 1 M observations. Without time, stored sums of series answer; with
//! `GROUP BY time_period` every value is decoded and added; a filter on time decodes part of them.
//! Then what looks at values or statuses, what groups several ways at once, and what counts or sorts.
//! The number to watch is observations a second, at best far above what memory can deliver as rows.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use crate::database::{connect, count_rows, labour_database};

const QUERIES: [(&str, &str); 13] = [
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
    (
        "filtered_by_value",
        "SELECT ref_area, count(*) FROM gen.labour WHERE obs_value > 250000 GROUP BY ref_area",
    ),
    (
        "filtered_by_status",
        "SELECT ref_area, avg(obs_value) FROM gen.labour WHERE obs_status IN ('E', 'P') \
         GROUP BY ref_area",
    ),
    ("by_status", "SELECT sex, obs_status, count(*) FROM gen.labour GROUP BY sex, obs_status"),
    (
        "pivot",
        "SELECT ref_area, sum(CASE WHEN sex = 'F' THEN obs_value END), \
         sum(CASE WHEN sex = 'M' THEN obs_value END) FROM gen.labour GROUP BY ref_area",
    ),
    (
        "filtered_sums",
        "SELECT indicator, sum(obs_value) FILTER (WHERE time_period >= '2020') FROM gen.labour \
         GROUP BY indicator",
    ),
    (
        "cube_of_three",
        "SELECT freq, sex, source, sum(obs_value) FROM gen.labour GROUP BY CUBE (freq, sex, source)",
    ),
    (
        "distinct",
        "SELECT indicator, count(DISTINCT ref_area), count(DISTINCT time_period) FROM gen.labour \
         GROUP BY indicator",
    ),
    ("median", "SELECT indicator, median(obs_value) FROM gen.labour GROUP BY indicator"),
    ("deviation", "SELECT ref_area, stddev(obs_value) FROM gen.labour GROUP BY ref_area"),
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
