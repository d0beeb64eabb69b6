//! How many observations a second go through windows over series, a top N and an order?
//!
//! Data: the labour cube of 1 M observations. Windows are aggregated again, so that rows are made
//! but not kept. The number to watch is observations a second: a window should cost little more
//! than reading, and a top N far less, because most series cannot be in it.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use crate::database::{connect, count_rows, labour_database};

const KEY: &str = "freq, ref_area, indicator, sex, age, unit, source";

/// `{series}` is a window of one series.
const QUERIES: [(&str, &str); 6] = [
    (
        "growth",
        "SELECT max(g) FROM (SELECT obs_value - lag(obs_value) OVER ({series}) AS g FROM gen.labour) AS t",
    ),
    (
        "moving_average",
        "SELECT max(a) FROM (SELECT avg(obs_value) OVER ({series} ROWS BETWEEN 3 PRECEDING AND \
         CURRENT ROW) AS a FROM gen.labour) AS t",
    ),
    (
        "cumulated",
        "SELECT max(s) FROM (SELECT sum(obs_value) OVER ({series}) AS s FROM gen.labour) AS t",
    ),
    (
        "last_of_each",
        "SELECT count(*) FROM (SELECT obs_value, row_number() OVER ({series} DESC) AS r \
         FROM gen.labour) AS t WHERE r = 1",
    ),
    (
        "top_ten",
        "SELECT {key}, time_period, obs_value FROM gen.labour WHERE obs_value IS NOT NULL \
         ORDER BY obs_value DESC, {key}, time_period LIMIT 10",
    ),
    (
        "first_in_another_order",
        "SELECT {key}, time_period, obs_value FROM gen.labour \
         ORDER BY indicator, ref_area, freq, sex, age, unit, source, time_period LIMIT 100",
    ),
];

fn window(criterion: &mut Criterion) {
    let (_folder, database, observations) = labour_database();
    let connection = connect(&database);
    let mut group = criterion.benchmark_group("window");
    group.throughput(Throughput::Elements(observations));
    let series = format!("PARTITION BY {KEY} ORDER BY time_period");
    for (name, sql) in QUERIES {
        let sql = sql.replace("{series}", &series).replace("{key}", KEY);
        assert!(count_rows(&connection, &sql) > 0, "the bench measures the right thing: {name}");
        group.bench_function(format!("{name}/1M"), |bencher| {
            bencher.iter(|| count_rows(&connection, &sql));
        });
    }
    group.finish();
}

criterion_group!(benches, window);
criterion_main!(benches);
