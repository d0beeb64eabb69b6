//! How long do joins on dimensions take, and conditions that come from another query?
//!
//! Data: the labour cube of 1 M observations. What can be decided on series should be: the number
//! to watch is the time for one statement, which should grow with the rows that are joined, not
//! with the cube.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, criterion_group, criterion_main};

use crate::database::{connect, count_rows, labour_database};

const QUERIES: [(&str, &str); 4] = [
    (
        "ratio",
        "SELECT count(*), max(f.obs_value / m.obs_value) FROM gen.labour AS f \
         JOIN gen.labour AS m ON f.freq = m.freq AND f.ref_area = m.ref_area AND f.age = m.age \
         AND f.unit = m.unit AND f.source = m.source AND f.time_period = m.time_period \
         WHERE f.indicator = 'EAP_TEMP_RT' AND m.indicator = 'EAP_TEMP_RT' AND f.sex = 'F' \
         AND m.sex = 'M' AND m.obs_value <> 0",
    ),
    (
        "shares",
        "WITH totals AS (SELECT ref_area, sum(obs_value) AS total FROM gen.labour GROUP BY ref_area) \
         SELECT d.ref_area, d.sex, sum(d.obs_value) / max(t.total) FROM gen.labour AS d \
         JOIN totals AS t ON d.ref_area = t.ref_area GROUP BY d.ref_area, d.sex",
    ),
    (
        "names",
        "SELECT a.name, sum(d.obs_value) FROM gen.labour AS d JOIN gen.labour_dim_ref_area AS a \
         ON d.ref_area = a.code GROUP BY a.name",
    ),
    (
        "in_subquery",
        "SELECT count(*), sum(obs_value) FROM gen.labour WHERE ref_area IN \
         (SELECT ref_area FROM gen.labour WHERE obs_value > 2000000)",
    ),
];

fn join(criterion: &mut Criterion) {
    let (_folder, database, _) = labour_database();
    let connection = connect(&database);
    let mut group = criterion.benchmark_group("join");
    for (name, sql) in QUERIES {
        assert!(count_rows(&connection, sql) > 0, "the bench measures the right thing: {name}");
        group.bench_function(format!("{name}/1M"), |bencher| {
            bencher.iter(|| count_rows(&connection, sql));
        });
    }
    group.finish();
}

criterion_group!(benches, join);
criterion_main!(benches);
