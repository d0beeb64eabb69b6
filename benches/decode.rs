//! How many observations a second are decoded on one core, packed blocks in memory?
//!
//! Data: a million observations each of annual series of 28, of the labour cube with 57 a series,
//! and of daily series of 4,000: headers of blocks and chunks, gaps and values. `integers` decodes
//! block by block, `doubles` makes doubles of that; `chunks` goes chunk by chunk through a cursor, as
//! rows are made, with and without the attribute of the observation. The number to watch is
//! observations a second.

#[path = "support/cube.rs"]
mod cube;
#[path = "support/database.rs"]
mod database;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sdmxdb::store::{Cube, PeriodFilter, ScanOrder, ScanRequest, SeriesFilter};

use crate::cube::CubeSpec;
use crate::cube::presets::{annual_short, daily, labour};
use crate::cube::rows::{CsvVersion, write_csv};
use crate::cube::structure::write_structure;
use crate::database::{OBSERVATIONS, load, only_cube};

fn request(cube: &Cube, attributes: &[usize]) -> ScanRequest {
    ScanRequest {
        series: cube.select(&SeriesFilter::All).expect("an index"),
        periods: PeriodFilter::All,
        measures: vec![0],
        attributes: attributes.to_vec(),
        order: ScanOrder::Stored,
    }
}

/// Chunk by chunk; counts observations.
fn chunks(cube: &Arc<Cube>, attributes: &[usize]) -> usize {
    let mut cursor = cube.cursor(request(cube, attributes)).expect("readable");
    let mut observations = 0;
    while let Some(chunk) = cursor.next().expect("readable") {
        observations += chunk.data.observations();
    }
    observations
}

/// Block by block.
fn integers(cube: &Arc<Cube>) {
    let mut blocks = cube.blocks_of(request(cube, &[]));
    while let Some(block) = blocks.next().expect("readable") {
        black_box(block);
    }
}

/// Block by block, and doubles of all numbers.
fn doubles(cube: &Arc<Cube>) {
    let mut blocks = cube.blocks_of(request(cube, &[]));
    let mut out = Vec::new();
    while let Some(block) = blocks.next().expect("readable") {
        out.clear();
        for chunk in block.chunks() {
            block.push_doubles(0, &chunk, &mut out);
        }
        black_box(out.as_slice());
    }
}

fn decode_cube(criterion: &mut Criterion, name: &str, spec: CubeSpec) {
    let made = cube::Cube::new(spec);
    let (mut xml, mut csv) = (Vec::new(), Vec::new());
    write_structure(&made.spec, &mut xml).expect("into memory");
    let (observations, _) = write_csv(&made, CsvVersion::V1, &mut csv).expect("into memory");
    let (_folder, database) = load(&xml, &csv);
    let cube = only_cube(&database);
    assert_eq!(chunks(&cube, &[]) as u64, observations, "the bench measures the right thing");
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(observations));
    group.bench_function("integers", |bencher| bencher.iter(|| integers(&cube)));
    group.bench_function("doubles", |bencher| bencher.iter(|| doubles(&cube)));
    group.bench_function("chunks", |bencher| bencher.iter(|| chunks(&cube, &[])));
    group.bench_function("chunks_and_status", |bencher| bencher.iter(|| chunks(&cube, &[0])));
    group.finish();
}

fn decode_all(criterion: &mut Criterion) {
    decode_cube(criterion, "decode_28", annual_short(OBSERVATIONS));
    decode_cube(criterion, "decode_57", labour(OBSERVATIONS));
    decode_cube(criterion, "decode_4000", daily(OBSERVATIONS));
}

criterion_group!(benches, decode_all);
criterion_main!(benches);
