//! Whatever is built is read back: random chunks, and a small segment byte by byte.

use std::path::Path;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::codec::{Reader, encode_u64};
use crate::disk::{Disk, MemoryDisk};
use crate::error::Error;
use crate::model::{Decimal, PeriodForm, Value};
use crate::segment::layout::{Extent, Footer, MAGIC_END, SectionKind, TAIL_BYTES};
use crate::segment::totals::read_column;
use crate::segment::{Builder, ChunkRows, Schema, Segment, Written};

/// A series: its key, an attribute, and its chunks, each a list of (position, values, attribute).
type Observation = (u16, [Value; 2], String);

#[derive(Clone, Debug)]
struct Series {
    key: [u32; 2],
    title: String,
    chunks: Vec<(PeriodForm, i32, Vec<Observation>)>,
}

fn value() -> impl Strategy<Value = Value> {
    const TEXTS: &[&str] = &[
        "",
        "NaN",
        "#N/A",
        "<2.5",
        "01",
        "1E5",
        "-0.0",
        "-0",
        "0.1",
        "1e-7",
        "5.",
        "INF",
        "-INF",
        "inf",
        "-Infinity",
        "1.7976931348623157e308",
        "5e-324",
        "0.30000000000000004",
        "-2.2250738585072014",
        "12345678901234567890123456789012345678",
        "-0.00000000000000000000000000000000000001",
        "9223372036854775808",
        "-9223372036854775808",
    ];
    let doubles = any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(|f| f.to_string());
    let wide = any::<i128>().prop_map(|i| i.to_string());
    let text = prop_oneof![
        4 => (any::<i16>(), 0u8..4).prop_map(|(m, s)| decimal(i64::from(m), s)),
        1 => (any::<i64>(), 0u8..20).prop_map(|(m, s)| decimal(m, s)),
        1 => select(TEXTS).prop_map(str::to_owned),
        1 => doubles,
        1 => wide,
    ];
    text.prop_map(|text| Value::parse(&text))
}

fn decimal(mantissa: i64, scale: u8) -> String {
    Decimal { mantissa: i128::from(mantissa), scale }.to_string()
}

fn observations() -> impl Strategy<Value = Vec<Observation>> {
    let width = prop_oneof![3 => Just(80u16), 1 => Just(4_000u16)];
    let positions = width.prop_flat_map(|width| btree_set(0..width, 1..60));
    positions.prop_flat_map(|positions| {
        let count = positions.len();
        let values = vec((value(), value()), count);
        let statuses = vec(select(&["A", "A", "A", "E", "", "P"][..]), count);
        (values, statuses).prop_map(move |(values, statuses)| {
            let rows = positions.iter().zip(values).zip(statuses);
            rows.map(|((p, (a, b)), s)| (*p, [a, b], s.to_owned())).collect()
        })
    })
}

fn series() -> impl Strategy<Value = Vec<Series>> {
    const FORMS: &[PeriodForm] =
        &[PeriodForm::Year, PeriodForm::Month, PeriodForm::Day, PeriodForm::Other];
    let chunk = (select(FORMS), -3i32..3000, observations());
    let one = (vec(chunk, 1..3), select(&["", "a title", "b"][..]));
    vec(one, 1..40).prop_map(|all| {
        let numbered = (0u32..).zip(all);
        numbered
            .map(|(number, (mut chunks, title))| {
                chunks.sort_by_key(|(form, first, _)| (*form, *first));
                chunks.dedup_by_key(|(form, _, _)| *form);
                Series { key: [number % 7, number / 7], title: title.to_owned(), chunks }
            })
            .collect()
    })
}

fn rows_of(builder: &mut Builder<'_>, chunk: &(PeriodForm, i32, Vec<Observation>)) -> ChunkRows {
    let (form, first, observations) = chunk;
    let mut rows = ChunkRows::new(*form, 2, 1);
    rows.first = if *form == PeriodForm::Other { 0 } else { *first };
    for (number, (position, values, status)) in (0u16..).zip(observations) {
        if *form == PeriodForm::Other {
            rows.positions.push(number);
            rows.periods.push(format!("2020-01-01T{number:04}").into());
        } else {
            rows.positions.push(*position);
        }
        rows.push_value(0, &values[0]);
        rows.push_value(1, &values[1]);
        let number = builder.value_number(0, status);
        rows.attributes[0].push(number);
    }
    rows.trim();
    rows
}

fn build(all: &[Series]) -> (Vec<u8>, Vec<Vec<ChunkRows>>) {
    let codes = |prefix: &str| (0..10).map(|n| format!("{prefix}{n}").into()).collect();
    let schema = Schema {
        flow: "TEST:FLOW(1.0)".into(),
        dimensions: vec!["A".into(), "B".into()],
        order: vec![1, 0],
        codes: vec![codes("a"), codes("b")],
        measures: vec!["ONE".into(), "TWO".into()],
        series_attributes: vec!["TITLE".into()],
        observation_attributes: vec!["OBS_STATUS".into()],
    };
    let disk = MemoryDisk::new();
    let path = Path::new("segment");
    let create = Box::new(|| disk.create(path));
    let mut builder = Builder::new(schema, create).expect("starts");
    let mut expected = Vec::new();
    for series in all {
        builder.push_series(&series.key, &[&series.title]).expect("in order");
        let mut chunks = Vec::new();
        for chunk in &series.chunks {
            let rows = rows_of(&mut builder, chunk);
            builder.push_chunk(&rows).expect("fits");
            chunks.push(rows);
        }
        expected.push(chunks);
    }
    let summary = builder.finish().expect("finishes");
    let bytes = match summary.written {
        Written::Inline(bytes) => bytes,
        Written::File(_) => disk.read(path, u64::MAX).expect("written"),
    };
    (bytes, expected)
}

fn open(bytes: &[u8]) -> Result<Segment, Error> {
    let disk = MemoryDisk::new();
    let path = Path::new("copy");
    disk.create(path)?.write(bytes)?;
    Segment::open(disk.open(path)?, 0, bytes.len() as u64)
}

/// What a user can tell of an observation: slot, period, values, attributes.
type Visible<'a> = (i32, Option<&'a str>, Vec<Value>, Vec<u32>);

/// What a user can tell of a chunk: number of texts may differ, their content may not.
fn visible(rows: &ChunkRows) -> Vec<Visible<'_>> {
    let describe = |index: usize| {
        let values = (0..rows.measures.len()).map(|m| rows.value(m, index)).collect();
        let attributes = rows.attributes.iter().map(|a| a[index]).collect();
        let slot = rows.first + i32::from(rows.positions[index]);
        (slot, rows.periods.get(index).map(|t| &**t), values, attributes)
    };
    (0..rows.len()).map(describe).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reads_back_what_was_built(all in series()) {
        let (bytes, expected) = build(&all);
        let segment = open(&bytes).expect("opens");
        prop_assert_eq!(segment.series_count() as usize, all.len());
        for (ordinal, (series, chunks)) in (0..).zip(all.iter().zip(&expected)) {
            prop_assert_eq!(segment.find(&series.key).expect("reads"), Some(ordinal));
            let title = segment.series_value(0, ordinal).expect("reads");
            prop_assert_eq!(title.unwrap_or_default(), &series.title);
            let found = segment.chunks_of(ordinal).expect("reads");
            prop_assert_eq!(found.len(), chunks.len());
            for (number, rows) in found.zip(chunks) {
                let chunk = segment.read_chunk(number).expect("decodes");
                let read = chunk.to_rows();
                prop_assert_eq!(visible(&read), visible(rows));
                prop_assert_eq!(segment.series_of(number).expect("reads"), ordinal);
                for measure in 0..2 {
                    let total = segment.total(measure, number).expect("reads");
                    // Sums of the others may have too many digits.
                    if !total.is_exact {
                        continue;
                    }
                    let values = (0..rows.len()).map(|i| rows.value(measure, i));
                    let decimals = values.clone().filter_map(|value| value.decimal());
                    let sum = decimals.clone().try_fold(0_i128, |sum, d| {
                        Some(sum + d.rescale(total.scale)?.mantissa)
                    });
                    prop_assert_eq!(Some(total.sum), sum);
                    prop_assert_eq!(total.count as usize, decimals.count());
                    let numbers = values.filter(|value| value.number().is_some());
                    prop_assert_eq!(total.count as usize, numbers.count());
                }
            }
        }
    }
}

/// Reads everything there is.
fn read_all(bytes: &[u8]) -> Result<usize, Error> {
    let segment = open(bytes)?;
    for dimension in 0..2 {
        segment.codes(dimension)?;
        segment.index(dimension)?;
        segment.codes_into(dimension, &mut Vec::new())?;
    }
    segment.find(&[0, 0])?;
    for series in 0..segment.series_count() {
        segment.code(0, series)?;
        segment.code(1, series)?;
        segment.series_value(0, series)?;
        segment.chunks_of(series)?;
    }
    for chunk in 0..segment.chunk_count() {
        segment.series_of(chunk)?;
        segment.total(0, chunk)?;
        segment.total(1, chunk)?;
        segment.read_chunk(chunk)?.to_rows();
    }
    segment.observation_value(0, 1)?;
    Ok(segment.partials()?.len())
}

/// A segment with a bit of everything.
fn small() -> Vec<u8> {
    let observation =
        |p, text: &str, status: &str| (p, [Value::parse(text), Value::Missing], status.to_owned());
    let chunk =
        vec![observation(0, "1.5", "A"), observation(1, "<2", "E"), observation(5, "2", "A")];
    let other = vec![observation(0, "1", "A")];
    let all = [
        Series {
            key: [0, 0],
            title: "t".into(),
            chunks: vec![(PeriodForm::Year, 2000, chunk), (PeriodForm::Other, 0, other.clone())],
        },
        Series {
            key: [1, 0],
            title: String::new(),
            chunks: vec![(PeriodForm::Month, 24_000, other)],
        },
    ];
    build(&all).0
}

#[test]
fn finds_every_flipped_bit_and_every_cut() {
    let bytes = small();
    read_all(&bytes).expect("whole");
    let mut damaged = bytes.clone();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            damaged[at] ^= 1 << bit;
            let found = read_all(&damaged);
            assert!(matches!(found, Err(Error::Corrupt { .. })), "byte {at} bit {bit}: {found:?}");
            damaged[at] ^= 1 << bit;
        }
        assert!(read_all(&bytes[..at]).is_err(), "cut at {at}");
    }
}

/// The segment with these bytes before its directory of blocks, this directory and this footer,
/// and all checksums as they should be.
fn sealed(before: &[u8], blocks: &[(u64, u64)], mut footer: Footer) -> Vec<u8> {
    let mut bytes = before.to_vec();
    let checksum = |offset: u64, length: u64| {
        let from = usize::try_from(offset).expect("small");
        u64::from(crc32c::crc32c(&before[from..from + usize::try_from(length).expect("small")]))
    };
    let column = |of: &dyn Fn(&(u64, u64)) -> u64| blocks.iter().map(of).collect::<Vec<_>>();
    let mut directory = Vec::new();
    encode_u64(&vec![0; blocks.len()], &mut directory);
    encode_u64(&column(&|block| block.0), &mut directory);
    encode_u64(&column(&|block| block.1), &mut directory);
    encode_u64(&column(&|block| checksum(block.0, block.1)), &mut directory);
    for ((kind, ..), extent) in &mut footer.sections {
        if *kind == SectionKind::Blocks {
            let length = u32::try_from(directory.len()).expect("small");
            *extent = Extent { length, checksum: crc32c::crc32c(&directory), ..*extent };
        } else {
            let checksum = checksum(extent.offset, u64::from(extent.length));
            extent.checksum = u32::try_from(checksum).expect("32 bits");
        }
    }
    bytes.extend(directory);
    let footer = footer.encode();
    bytes.extend(&footer);
    bytes.extend(u32::try_from(footer.len()).expect("small").to_le_bytes());
    bytes.extend(crc32c::crc32c(&footer).to_le_bytes());
    bytes.extend(MAGIC_END);
    bytes
}

/// What another program might write: every checksum is right, and the content is not.
#[test]
fn bytes_that_only_the_checksums_vouch_for_never_panic() {
    let bytes = small();
    let tail = bytes.len() - usize::try_from(TAIL_BYTES).expect("small");
    let length = Reader::new(&bytes[tail..]).u32().expect("a length") as usize;
    let footer = Footer::decode(&bytes[tail - length..tail]).expect("a footer");
    let directory = footer.sections[&(SectionKind::Blocks, 0, 0)];
    let at = usize::try_from(directory.offset).expect("small");
    let mut input = Reader::new(&bytes[at..tail - length]);
    let mut columns = (0..4).map(|_| read_column(&mut input, 1).expect("a column")[0]);
    let (offset, length_of_block) = (columns.nth(1).expect("one"), columns.next().expect("one"));
    let blocks = [(offset, length_of_block)];
    assert_eq!(sealed(&bytes[..at], &blocks, footer.clone()), bytes, "as the builder seals it");
    let mut before = bytes[..at].to_vec();
    for at in 8..before.len() {
        for bit in 0..8 {
            before[at] ^= 1 << bit;
            drop(read_all(&sealed(&before, &blocks, footer.clone())));
            before[at] ^= 1 << bit;
        }
    }
    let mut changed = bytes;
    for at in tail - length..tail {
        for bit in 0..8 {
            changed[at] ^= 1 << bit;
            let checksum = crc32c::crc32c(&changed[tail - length..tail]);
            changed[tail + 4..tail + 8].copy_from_slice(&checksum.to_le_bytes());
            drop(read_all(&changed));
            changed[at] ^= 1 << bit;
        }
    }
}

/// The bytes of `docs/format.md` are those that the builder writes.
#[test]
fn writes_the_worked_file_of_the_documentation() {
    // The first lines that begin with an offset; the annotated ones come after them.
    let offset = |line: &&str| {
        let offset = line.split("  ").next().unwrap_or_default();
        offset.len() == 3 && u32::from_str_radix(offset, 16).is_ok()
    };
    let lines = include_str!("../../docs/format.md").lines();
    let lines = lines.skip_while(|line| !offset(line)).take_while(offset);
    let documented: Vec<u8> = lines
        .flat_map(|line| line.get(5..52).unwrap_or(&line[5..]).split_whitespace())
        .map(|byte| u8::from_str_radix(byte, 16).expect("a byte in hexadecimal"))
        .collect();
    let schema = Schema {
        flow: "T:F(1.0)".into(),
        dimensions: vec!["AREA".into()],
        order: vec![0],
        codes: vec![vec!["AT".into(), "BE".into()]],
        measures: vec!["OBS_VALUE".into()],
        series_attributes: vec![],
        observation_attributes: vec!["OBS_STATUS".into()],
    };
    let create = Box::new(|| Err(Error::bug("a small segment needs no file")));
    let mut builder = Builder::new(schema, create).expect("starts");
    let first = vec![(0, "1.5", "A"), (1, "1.6", "A"), (3, "2.0", "E")];
    let series = [(2019, first), (2020, vec![(0, "7", "A"), (1, "", "A")])];
    for (code, (first, observations)) in (0..).zip(series) {
        builder.push_series(&[code], &[]).expect("in order");
        let mut rows = ChunkRows::new(PeriodForm::Year, 1, 1);
        rows.first = first;
        for (position, value, status) in observations {
            rows.positions.push(position);
            rows.push_value(0, &Value::parse(value));
            let number = builder.value_number(0, status);
            rows.attributes[0].push(number);
        }
        builder.push_chunk(&rows).expect("fits");
    }
    let Written::Inline(bytes) = builder.finish().expect("finishes").written else {
        panic!("a small segment is inline");
    };
    assert_eq!(documented, bytes);
}
