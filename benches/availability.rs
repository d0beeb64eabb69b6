//! How long does it take to say which series a selection leaves, and which codes they have?
//!
//! Data: the labour cube of 1 M observations, 17,500 series of seven dimensions. Selected: ten areas
//! and one sex. The number to watch is the time for one selection with its counts; no observation is
//! read.

use std::hint::black_box;

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use criterion::{Criterion, criterion_group, criterion_main};
use sdmxdb::store::SeriesFilter;

use crate::database::{labour_database, only_cube};

fn availability(criterion: &mut Criterion) {
    let (_folder, database, _) = labour_database();
    let cube = only_cube(&database);
    let filter = SeriesFilter::And(vec![
        SeriesFilter::Codes { dimension: 1, codes: (0..10).collect() },
        SeriesFilter::Codes { dimension: 3, codes: vec![0] },
    ]);
    let selected = cube.select(&filter).expect("an index");
    assert!(!selected.is_empty(), "the bench measures the right thing");
    let mut group = criterion.benchmark_group("availability");
    group.bench_function("select/1M", |bencher| {
        bencher.iter(|| cube.select(black_box(&filter)).expect("an index"));
    });
    group.bench_function("count_observations/1M", |bencher| {
        bencher.iter(|| cube.observation_count(black_box(&selected)).expect("an index"));
    });
    group.bench_function("codes_left_per_dimension/1M", |bencher| {
        bencher.iter(|| {
            let mut left = 0;
            for (part, series) in cube.parts().iter().zip(&selected.0) {
                for dimension in 0..cube.flow().dimensions().len() {
                    let index = part.segment().index(dimension).expect("an index");
                    let codes = part.segment().codes(dimension).expect("an index").len();
                    let codes = u32::try_from(codes).expect("few codes");
                    left += (0..codes).filter(|code| !index.is_disjoint(*code, series)).count();
                }
            }
            left
        });
    });
    group.finish();
}

criterion_group!(benches, availability);
criterion_main!(benches);
