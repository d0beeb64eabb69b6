//! Values against what PostgreSQL 15 says: vectors taken from it, and, if the environment names a
//! running one, random values that it writes itself.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "any number will do"
)]

use std::env;
use std::error::Error as StdError;
use std::fmt::Write;
use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::*;
use bytes::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, NoTls};

use super::*;
use crate::pg::types::{Format, WireType, type_name, wire_type, with_type};

/// The connection string of a PostgreSQL server, as a witness.
const WITNESS: &str = "SDMXDB_TEST_POSTGRES";

/// The first value of a column in one of its forms.
fn value(field: &Field, array: &dyn Array, format: Format, style: &RowStyle) -> Vec<u8> {
    let target = Target::new(field, format).expect("a type that can be sent");
    let cells = Cells::new(array, &target).expect("an array of the type");
    let mut out = BytesMut::new();
    let written = match format {
        Format::Text => cells.write_text(0, style, &mut out),
        Format::Binary => cells.write_binary(0, &mut out),
    };
    written.expect("a value that can be sent");
    out.to_vec()
}

fn text_of(field: &Field, array: &dyn Array, style: &RowStyle) -> String {
    String::from_utf8(value(field, array, Format::Text, style)).expect("UTF-8")
}

fn field_of(array: &dyn Array) -> Field {
    Field::new("x", array.data_type().clone(), true)
}

fn text(array: &dyn Array) -> String {
    text_of(&field_of(array), array, &RowStyle::default())
}

fn hex(array: &dyn Array) -> String {
    hex_of(&field_of(array), array)
}

fn hex_of(field: &Field, array: &dyn Array) -> String {
    let bytes = value(field, array, Format::Binary, &RowStyle::default());
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

#[test]
fn writes_decimals_as_postgresql() {
    let check = |mantissa: i128, scale: i8, expected: &str, expected_hex: &str| {
        let array = Decimal128Array::from(vec![mantissa]);
        let array = array.with_precision_and_scale(38, scale).expect("a decimal");
        assert_eq!((text(&array).as_str(), hex(&array).as_str()), (expected, expected_hex));
    };
    check(0, 0, "0", "0000000000000000");
    check(1, 0, "1", "00010000000000000001");
    check(-150, 2, "-1.50", "000200004000000200011388");
    check(10_000, 0, "10000", "00010001000000000001");
    check(1, 4, "0.0001", "0001ffff000000040001");
    check(-12, 6, "-0.000012", "0001fffe4000000604b0");
    check(
        12_345_678_901_234_567_890_123_456_789,
        9,
        "12345678901234567890.123456789",
        "000800040000000904d2162e23340d801ed204d2162e2328",
    );
    let largest = UInt64Array::from(vec![u64::MAX]);
    assert_eq!(text(&largest), "18446744073709551615");
}

#[test]
fn writes_doubles_as_postgresql() {
    let check = |value: f64, expected: &str| {
        assert_eq!(text(&Float64Array::from(vec![value])), expected);
    };
    check(100.0, "100");
    check(-0.0, "-0");
    check(0.1 + 0.2, "0.30000000000000004");
    check(1e15, "1e+15");
    check(123_456_789_012_345.0, "123456789012345");
    check(1e-5, "1e-05");
    check(0.0001, "0.0001");
    // Half-way between two doubles, so that PostgreSQL does not take the short text.
    check(1e23, "9.999999999999999e+22");
    check(2.0_f64.powi(-24), "5.960464477539063e-08");
    check(f64::NAN, "NaN");
    check(f64::INFINITY, "Infinity");
    check(f64::NEG_INFINITY, "-Infinity");
    assert_eq!(text(&Float32Array::from(vec![1_234_567.0])), "1.234567e+06");
    assert_eq!(text(&Float32Array::from(vec![2_567_984.2_f32])), "2.5679842e+06");
    let rounded = |value: f64, extra_float_digits: i32| {
        let style = RowStyle { extra_float_digits, ..RowStyle::default() };
        let array = Float64Array::from(vec![value]);
        text_of(&field_of(&array), &array, &style)
    };
    assert_eq!(rounded(0.1 + 0.2, 0), "0.3");
    assert_eq!(rounded(12.0, -15), "1e+01");
}

#[test]
fn writes_moments_as_postgresql() {
    let date = |days: i32, expected: &str, expected_hex: &str| {
        let array = Date32Array::from(vec![days]);
        assert_eq!((text(&array).as_str(), hex(&array).as_str()), (expected, expected_hex));
    };
    date(19_782, "2024-02-29", "00002279");
    date(-735_160, "0044-03-15 BC", "fff49d7b");
    date(10_956, "1999-12-31", "ffffffff");
    date(i32::MAX, "infinity", "7fffffff");
    date(i32::MIN, "-infinity", "80000000");
    let moment = |micros: i64, expected: &str, expected_hex: &str| {
        let array = TimestampMicrosecondArray::from(vec![micros]);
        assert_eq!((text(&array).as_str(), hex(&array).as_str()), (expected, expected_hex));
    };
    moment(1_704_164_645_678_900, "2024-01-02 03:04:05.6789", "0002b0ec85204f34");
    moment(946_684_799_999_999, "1999-12-31 23:59:59.999999", "ffffffffffffffff");
    moment(-63_517_820_277_000_000, "0044-03-15 01:02:03 BC", "ff1af9dfca4398c0");
    let styled = |date_style: &str, zone: &str| {
        let style = RowStyle {
            date_style: DateStyle::default().changed_by(date_style).expect("a style"),
            time_zone: Zone::parse(zone).expect("a zone"),
            ..RowStyle::default()
        };
        let array = TimestampMicrosecondArray::from(vec![1_704_164_645_678_900]);
        let array = array.with_timezone("+00:00");
        text_of(&field_of(&array), &array, &style)
    };
    assert_eq!(styled("ISO", "UTC"), "2024-01-02 03:04:05.6789+00");
    assert_eq!(styled("ISO", "Asia/Kolkata"), "2024-01-02 08:34:05.6789+05:30");
    assert_eq!(styled("SQL, DMY", "UTC"), "02/01/2024 03:04:05.6789 UTC");
    assert_eq!(styled("German", "UTC"), "02.01.2024 03:04:05.6789 UTC");
    assert_eq!(styled("Postgres", "UTC"), "Tue Jan 02 03:04:05.6789 2024 UTC");
}

#[test]
fn writes_nested_values_as_postgresql() {
    let numbers = vec![Some(vec![Some(1), None, Some(-3)])];
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(numbers);
    assert_eq!(text(&list), "{1,NULL,-3}");
    let header = "000000010000000100000017";
    let rest = "00000003000000010000000400000001ffffffff00000004fffffffd";
    assert_eq!(hex(&list), format!("{header}{rest}"));
    let empty = ListArray::from_iter_primitive::<Int16Type, _, _>(vec![Some(vec![])]);
    assert_eq!((text(&empty).as_str(), hex(&empty).as_str()), ("{}", "000000000000000000000015"));
    let vector = with_type(field_of(&empty), "int2vector");
    assert_eq!(text_of(&vector, &empty, &RowStyle::default()), "");
    assert_eq!(hex_of(&vector, &empty), "0000000100000000000000150000000000000000");
    let column = |name: &str, array: ArrayRef| {
        (Arc::new(Field::new(name, array.data_type().clone(), true)), array)
    };
    let record = StructArray::from(vec![
        column("a", Arc::new(Int32Array::from(vec![1]))),
        column("b", Arc::new(StringArray::from(vec!["a b"]))),
        column("c", Arc::new(StringArray::from(vec![None::<&str>]))),
        column("d", Arc::new(StringArray::from(vec![""]))),
        column("e", Arc::new(StringArray::from(vec!["q\"\\"]))),
    ]);
    assert_eq!(text(&record), r#"(1,"a b",,"","q""\\")"#);
    let expected = "00000005000000170000000400000001000000190000000361206200000019ffffffff\
                    0000001900000000000000190000000371225c";
    assert_eq!(hex(&record), expected);
    let offsets = OffsetBuffer::from_lengths([1]);
    let element = Arc::new(Field::new_list_field(record.data_type().clone(), true));
    let records = ListArray::new(element, offsets, Arc::new(record), None);
    assert_eq!(text(&records), r#"{"(1,\"a b\",,\"\",\"q\"\"\\\\\")"}"#);
    assert_eq!(wire_type(&field_of(&records)).oid, 2287);
}

#[test]
fn writes_marked_columns_as_their_types() {
    let check = |name: &str, array: &dyn Array, expected: &str, expected_hex: &str| {
        let field = with_type(field_of(array), name);
        assert_eq!(text_of(&field, array, &RowStyle::default()), expected, "{name}");
        assert_eq!(hex_of(&field, array), expected_hex, "{name}");
    };
    check("\"char\"", &StringArray::from(vec!["r"]), "r", "72");
    check("\"char\"", &Int8Array::from(vec![114]), "r", "72");
    check("jsonb", &StringArray::from(vec!["{}"]), "{}", "017b7d");
    check("tid", &StringArray::from(vec!["(7,9)"]), "(7,9)", "000000070009");
    check("oid", &UInt32Array::from(vec![u32::MAX]), "4294967295", "ffffffff");
    check("regtype", &UInt32Array::from(vec![25]), "text", "00000019");
    check("regclass", &UInt32Array::from(vec![0]), "-", "00000000");
    check("regclass", &UInt32Array::from(vec![99_999]), "99999", "0001869f");
    check("integer", &Int64Array::from(vec![-2]), "-2", "fffffffe");
    let uuid = "00112233-4455-6677-8899-aabbccddeeff";
    check("uuid", &StringArray::from(vec![uuid]), uuid, &uuid.replace('-', ""));
}

#[test]
fn refuses_what_a_type_does_not_hold() {
    let refused = |name: &str, array: &dyn Array| {
        let field = with_type(field_of(array), name);
        let Ok(target) = Target::new(&field, Format::Binary) else { return true };
        let cells = Cells::new(array, &target).expect("an array of the type");
        cells.write_binary(0, &mut BytesMut::new()).is_err()
    };
    assert!(refused("integer", &Int64Array::from(vec![1_i64 << 31])));
    assert!(refused("smallint", &Int32Array::from(vec![-32_769])));
    assert!(refused("oid", &Int64Array::from(vec![-1])));
    assert!(refused("uuid", &StringArray::from(vec!["0"])));
    assert!(refused("tid", &StringArray::from(vec!["(1)"])));
    assert!(refused("aclitem", &StringArray::from(vec!["a=r/b"])));
    assert!(refused("timestamp", &TimestampSecondArray::from(vec![i64::MAX - 1])));
    assert!(refused("timestamp", &TimestampMicrosecondArray::from(vec![i64::MIN + 1])));
    assert!(refused("date", &Date32Array::from(vec![i32::MIN + 1])));
}

#[test]
fn frames_rows_as_messages() {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(7), None])),
        Arc::new(StringArray::from(vec!["ä", "x"])),
    ];
    let fields = [("a", DataType::Int32), ("b", DataType::Utf8)];
    let fields: Fields = fields.into_iter().map(|(name, of)| Field::new(name, of, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("a batch");
    let formats = [Format::Binary, Format::Text];
    let mut encoder = RowEncoder::new(&schema, &formats, RowStyle::default()).expect("types");
    let mut out = BytesMut::new();
    encoder.encode(&batch, 0..2, &mut out).expect("rows");
    let first: &[u8] = b"D\0\0\0\x14\0\x02\0\0\0\x04\0\0\0\x07\0\0\0\x02\xc3\xa4";
    let second: &[u8] = b"D\0\0\0\x0f\0\x02\xff\xff\xff\xff\0\0\0\x01x";
    assert_eq!(out, [first, second].concat());
    out.clear();
    encoder.encode(&batch, 1..2, &mut out).expect("a row");
    assert_eq!(out, second);
    assert!(encoder.encode(&batch, 1..3, &mut out).is_err(), "beyond the batch");
    let other = batch.project(&[0]).expect("a column");
    assert!(encoder.encode(&other, 0..1, &mut out).is_err(), "another schema");
    let three = [Format::Text; 3];
    assert!(RowEncoder::new(&schema, &three, RowStyle::default()).is_err(), "3 for 2");
    assert!(RowEncoder::new(&schema, &[], RowStyle::default()).is_ok());
}

#[test]
fn what_repeats_is_written_as_if_it_did_not() {
    let texts = ["", "A", "exactly12byt", "longer than twelve bytes", "ä,\"x\""];
    let text = |row: usize, every: usize| match row / every % 7 {
        at if at < 5 => Some(texts[at]),
        _ => None,
    };
    let views = |every: usize| -> ArrayRef {
        Arc::new((0..1_000).map(|row| text(row, every)).collect::<StringViewArray>())
    };
    let values: Float64Array =
        (0..1_000).map(|row| (row % 9 > 0).then_some(f64::from(row) / 8.0)).collect();
    let days: Date32Array = (0..1_000).map(|row| (row % 5 > 0).then_some(row * 400)).collect();
    let columns: Vec<ArrayRef> = vec![
        views(60),
        views(130),
        views(1),
        Arc::new(values),
        Arc::new(days),
        views(9),
        views(300),
    ];
    let fields = columns.iter().map(|column| field_of(column));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).expect("a batch");
    for format in [Format::Text, Format::Binary] {
        let mut encoder = RowEncoder::new(&schema, &[format], RowStyle::default()).expect("types");
        let mut single = BytesMut::new();
        for row in 0..1_000 {
            encoder.encode(&batch, row..row + 1, &mut single).expect("a row");
        }
        for step in [16, 17, 59, 1_000] {
            let mut out = BytesMut::new();
            for start in (0..1_000).step_by(step) {
                let rows = start..(start + step).min(1_000);
                encoder.encode(&batch, rows, &mut out).expect("rows");
            }
            assert!(out == single, "{format:?} {step}");
        }
    }
}

/// Bytes as they are, whatever the type.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl ToSql for Raw {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// A server to compare with, if the environment names one.
struct Witness(Client);

impl Witness {
    fn connect() -> Option<Self> {
        let Ok(address) = env::var(WITNESS) else {
            eprintln!("skipped: {WITNESS} names no server");
            return None;
        };
        Some(Self(Client::connect(&address, NoTls).expect("a server")))
    }

    fn set(&mut self, setting: &str, value: &str) {
        self.0.batch_execute(&format!("SET {setting} = '{value}'")).expect(value);
    }

    /// Sends the binary form of each value, and compares what the server makes of it: its own
    /// binary form, and its text.
    fn check(&mut self, array: &dyn Array, style: &RowStyle) {
        self.check_field(&field_of(array), array, style);
    }

    fn check_field(&mut self, field: &Field, array: &dyn Array, style: &RowStyle) {
        // Without its modifier, so that the server does not round.
        let name = type_name(WireType::of(wire_type(field).oid));
        let query = format!("SELECT x, format('%s', x) FROM (SELECT $1::{name} AS x) AS t");
        let statement = self.0.prepare(&query).expect(&query);
        for row in 0..array.len() {
            if array.is_null(row) {
                continue;
            }
            let one = array.slice(row, 1);
            let ours = value(field, &one, Format::Binary, style);
            let answer = self.0.query_one(&statement, &[&Raw(ours.clone())]).expect(&query);
            let shown = text_of(field, &one, style);
            assert_eq!(shown, answer.get::<_, String>(1), "text of {one:?}");
            assert_eq!(ours, answer.get::<_, Raw>(0).0, "binary of {one:?}");
        }
    }
}

/// Numbers that look random, and are the same in each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Of any magnitude, so that small numbers are as likely as large ones.
    fn spread(&mut self) -> i64 {
        let shift = self.next() % 64;
        (self.next() >> shift).cast_signed() * if self.next().is_multiple_of(2) { 1 } else { -1 }
    }

    fn within(&mut self, low: i64, high: i64) -> i64 {
        low + self.spread().rem_euclid(high - low)
    }
}

const COUNT: usize = 3_000;

#[test]
fn a_server_agrees_about_floats() {
    let Some(mut witness) = Witness::connect() else { return };
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut style = RowStyle::default();
    let bits: Vec<f64> = (0..COUNT).map(|_| f64::from_bits(random.next())).collect();
    let short: Vec<f64> = (0..COUNT)
        .map(|_| random.spread() as f64 / 10_f64.powi((random.next() % 12) as i32))
        .collect();
    let edges = vec![
        0.0,
        -0.0,
        1e15,
        1e14,
        1e-4,
        1e-5,
        1e23,
        9e22,
        1e22,
        5e-324,
        f64::MAX,
        f64::NAN,
        0.1 + 0.2,
        f64::INFINITY,
        f64::NEG_INFINITY,
        123_456_789_012_345.6,
        999_999_999_999_999.9,
        2.5,
        0.5,
        999_999.999_999_999_9,
        4_503_599_627_370_496.5,
        9_007_199_254_740_993.0,
        1e21,
        8.41e21,
        2.0_f64.powi(60),
        2.0_f64.powi(-1022),
        9.5e-7,
        100.0,
        1_234_567.0,
        0.000_123,
    ];
    let powers: Vec<f64> = (-1074..1024).map(|power| 2.0_f64.powi(power)).collect();
    let tens: Vec<f64> = (-320..309).map(|ten| format!("1e{ten}").parse().unwrap()).collect();
    for digits in [1, 3, 0, -3, -15] {
        witness.set("extra_float_digits", &digits.to_string());
        style.extra_float_digits = digits;
        for doubles in [&bits, &short, &edges, &powers, &tens] {
            witness.check(&Float64Array::from(doubles.clone()), &style);
            let singles = doubles.iter().map(|double| *double as f32).collect::<Vec<f32>>();
            witness.check(&Float32Array::from(singles), &style);
        }
        let singles = bits.iter().map(|double| f32::from_bits(double.to_bits() as u32));
        witness.check(&Float32Array::from_iter_values(singles), &style);
    }
}

#[test]
fn a_server_agrees_about_exact_numbers() {
    let Some(mut witness) = Witness::connect() else { return };
    let mut random = Random(0x6a09_e667_f3bc_c909);
    let style = RowStyle::default();
    for scale in [0_i8, 1, 2, 4, 5, 9, 20, 38, -3] {
        let wide = |random: &mut Random| {
            let wide = i128::from(random.spread()) * i128::from(random.spread());
            (wide % 10_i128.pow(38)) >> (random.next() % 100)
        };
        let mantissas: Vec<i128> =
            (0..300).map(|_| wide(&mut random)).chain([0, 1, -1, 10_000]).collect();
        let wider = mantissas
            .iter()
            .map(|number| i256::from_i128(*number).wrapping_mul(i256::from_i128(10_i128.pow(37))));
        let wider = Decimal256Array::from_iter_values(wider);
        let narrow = Decimal128Array::from_iter_values(mantissas);
        witness.check(&narrow.with_precision_and_scale(38, scale).unwrap(), &style);
        witness.check(&wider.with_precision_and_scale(76, scale).unwrap(), &style);
    }
    let numbers: Vec<i64> =
        (0..COUNT).map(|_| random.spread()).chain([i64::MIN, i64::MAX]).collect();
    witness.check(&Int64Array::from(numbers.clone()), &style);
    witness.check(&Int32Array::from_iter_values(numbers.iter().map(|n| *n as i32)), &style);
    witness.check(&Int16Array::from_iter_values(numbers.iter().map(|n| *n as i16)), &style);
    witness.check(&Int8Array::from_iter_values(numbers.iter().map(|n| *n as i8)), &style);
    witness.check(&UInt64Array::from_iter_values(numbers.iter().map(|n| *n as u64)), &style);
    witness.check(&UInt32Array::from_iter_values(numbers.iter().map(|n| *n as u32)), &style);
    let field = with_type(Field::new("x", DataType::UInt32, true), "oid");
    let array = UInt32Array::from_iter_values(numbers.iter().map(|n| *n as u32));
    witness.check_field(&field, &array, &style);
    let field = with_type(Field::new("x", DataType::Int64, true), "integer");
    witness.check_field(&field, &Int64Array::from(vec![1, -1, 0, 2_147_483_647]), &style);
    witness.check(&BooleanArray::from(vec![true, false]), &style);
}

const DATE_STYLES: [&str; 8] = [
    "ISO, MDY",
    "ISO, DMY",
    "SQL, MDY",
    "SQL, DMY",
    "German, DMY",
    "Postgres, MDY",
    "Postgres, DMY",
    "Postgres, YMD",
];

#[test]
fn a_server_agrees_about_dates_and_times() {
    let Some(mut witness) = Witness::connect() else { return };
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    // From 4713 BC to 294276 AD.
    let moments = |random: &mut Random, count: usize| {
        let far =
            (0..count).map(|_| random.within(-210_866_803_200_000_000, 9_000_000_000_000_000_000));
        let mut all: Vec<i64> = far.collect();
        for _ in 0..count {
            all.push(random.within(-2_208_988_800, 4_102_444_800) * 1_000_000);
            all.push(random.within(-62_200_000_000_000_000, 4_102_444_800_000_000));
        }
        all.extend([0, -1, i64::MAX, i64::MIN, 951_782_400_000_000, -62_135_596_800_000_000]);
        all
    };
    let days = moments(&mut random, 200).into_iter().map(|micros| match micros {
        i64::MAX => i32::MAX,
        i64::MIN => i32::MIN,
        micros => (micros / 86_400_000_000) as i32,
    });
    let days: Date32Array = days.map(Some).collect();
    for date_style in DATE_STYLES {
        let mut style = RowStyle {
            date_style: DateStyle::default().changed_by(date_style).expect(date_style),
            ..RowStyle::default()
        };
        witness.set("DateStyle", date_style);
        witness.set("TimeZone", "UTC");
        witness.check(&days, &style);
        let micros = moments(&mut random, 100);
        witness.check(&TimestampMicrosecondArray::from(micros.clone()), &style);
        let zoned = TimestampMicrosecondArray::from(micros).with_timezone("+00:00");
        // Only offsets and Greenwich: other zones come without their abbreviations.
        for zone in ["UTC", "GMT", "Etc/UTC", "+5.5", "-3", "+05:30", "<+02>-02"] {
            witness.set("TimeZone", zone);
            style.time_zone = Zone::parse(zone).expect(zone);
            let row = witness.0.query_one("SHOW TimeZone", &[]).expect("a setting");
            assert_eq!(style.time_zone.name(), row.get::<_, String>(0));
            if date_style.starts_with("ISO") || ["UTC", "GMT", "Etc/UTC"].contains(&zone) {
                witness.check(&zoned, &style);
            }
        }
    }
    let mut style = RowStyle::default();
    witness.set("DateStyle", "ISO, MDY");
    for zone in ["Europe/Berlin", "America/new_york", "Asia/Kolkata", "Africa/Monrovia"] {
        witness.set("TimeZone", zone);
        style.time_zone = Zone::parse(zone).expect(zone);
        let recent = (0..1_000).map(|_| random.within(0, 2_145_916_800_000_000));
        let recent = TimestampMicrosecondArray::from_iter_values(recent);
        witness.check(&recent.with_timezone("+00:00"), &style);
    }
    witness.set("TimeZone", "UTC");
    let times = (0..500).map(|_| random.within(0, 86_400_000_001));
    witness.check(&Time64MicrosecondArray::from_iter_values(times), &style);
    witness.check(&Time32SecondArray::from(vec![0, 1, 86_399]), &style);
    witness.check(&Time32MillisecondArray::from(vec![0, 1, 86_399_999]), &style);
    witness.check(&TimestampSecondArray::from(vec![0, -1, 1_700_000_000]), &style);
    witness.check(&TimestampMillisecondArray::from(vec![0, -1, 1_700_000_000_123]), &style);
    witness.check(&TimestampNanosecondArray::from(vec![0, 1_700_000_000_123_456_000]), &style);
    witness.check(&Date64Array::from(vec![0, -86_400_000, 1_700_000_000_000]), &style);
}

#[test]
fn a_server_agrees_about_intervals() {
    let Some(mut witness) = Witness::connect() else { return };
    let mut random = Random(0x1234_5678_9abc_def1);
    for name in ["postgres", "postgres_verbose", "sql_standard", "iso_8601"] {
        witness.set("IntervalStyle", name);
        let interval_style = IntervalStyle::parse(name).expect(name);
        let style = RowStyle { interval_style, ..RowStyle::default() };
        let spans = (0..COUNT).map(|_| {
            let zero = random.next() % 8;
            IntervalMonthDayNano {
                months: if zero & 1 == 0 { random.within(-10_000, 10_000) as i32 } else { 0 },
                days: if zero & 2 == 0 { random.within(-10_000, 10_000) as i32 } else { 0 },
                nanoseconds: match zero {
                    4.. => 0,
                    _ => random.within(-400_000_000_000, 400_000_000_000) * 1_000,
                },
            }
        });
        let mut spans: Vec<IntervalMonthDayNano> = spans.collect();
        for seconds in -3..=3 {
            for months in [-13, -12, -1, 0, 1, 12, 13] {
                for days in [-1, 0, 1] {
                    for part in [0, 1, 500_000, 60_000_000] {
                        let nanoseconds = (seconds * 1_000_000 + part) * 1_000;
                        spans.push(IntervalMonthDayNano { months, days, nanoseconds });
                    }
                }
            }
        }
        witness.check(&IntervalMonthDayNanoArray::from(spans), &style);
        witness.check(&IntervalYearMonthArray::from(vec![0, 5, -13, i32::MIN, i32::MAX]), &style);
        let day_time = vec![IntervalDayTime::new(3, -5), IntervalDayTime::new(-3, 86_400_000)];
        witness.check(&IntervalDayTimeArray::from(day_time), &style);
        witness.check(&DurationMicrosecondArray::from(vec![0, i64::MIN + 1, i64::MAX - 1]), &style);
    }
}

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        "a",
        "NULL",
        "null",
        "a b",
        "{}",
        "a,b",
        "\\",
        "\"",
        "ä€😀",
        "\t",
        "\u{b}",
        "(a)",
        "'",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(300));
    texts
}

#[test]
fn a_server_agrees_about_text_and_lists() {
    let Some(mut witness) = Witness::connect() else { return };
    let style = RowStyle::default();
    let strings = StringArray::from(texts());
    witness.check(&strings, &style);
    witness.check(&StringViewArray::from_iter_values(texts()), &style);
    witness.check(&LargeStringArray::from(texts()), &style);
    let keyed: DictionaryArray<UInt16Type> = texts().iter().map(String::as_str).collect();
    witness.check(&keyed, &style);
    for output in ["hex", "escape"] {
        witness.set("bytea_output", output);
        let bytea_output = ByteaOutput::parse(output).expect(output);
        let style = RowStyle { bytea_output, ..RowStyle::default() };
        let all: Vec<u8> = (0..=255).collect();
        witness.check(&BinaryArray::from(vec![b"".as_slice(), b"ab\\c", &all]), &style);
    }
    for (name, examples) in [
        ("\"char\"", vec!["a", "", "r"]),
        ("name", vec!["a name"]),
        ("uuid", vec!["00112233-4455-6677-8899-aabbccddeeff"]),
        ("jsonb", vec!["{\"a\": [1, 2]}"]),
        ("json", vec!["{\"a\":[1,2]}"]),
        ("tid", vec!["(0,1)", "(4294967295,65535)"]),
        ("varchar(3)", vec!["AUT", ""]),
    ] {
        let field = with_type(Field::new("x", DataType::Utf8, true), name);
        witness.check_field(&field, &StringArray::from(examples), &style);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(vec![0, 0, 1, 3, 15]));
    let element = Arc::new(Field::new_list_field(DataType::Utf8, true));
    let with_null: StringArray =
        texts().into_iter().map(|text| (text != "(a)").then_some(text)).collect();
    let lists = ListArray::new(Arc::clone(&element), offsets, Arc::new(with_null), None);
    witness.check(&lists, &style);
    let outer = Arc::new(Field::new_list_field(lists.data_type().clone(), true));
    let square = ListArray::new(
        element,
        OffsetBuffer::new(ScalarBuffer::from(vec![0, 2, 4, 6, 8])),
        Arc::new(strings.slice(0, 8)),
        None,
    );
    let nested = ListArray::new(
        outer,
        OffsetBuffer::new(ScalarBuffer::from(vec![0, 0, 1, 4])),
        Arc::new(square),
        None,
    );
    witness.check(&nested, &style);
    let numbers = vec![Some(vec![Some(1), None, Some(-7)]), Some(vec![]), Some(vec![None])];
    witness.check(&ListArray::from_iter_primitive::<Int32Type, _, _>(numbers.clone()), &style);
    let floats = vec![Some(vec![Some(1e300), None, Some(-0.5)])];
    witness.check(&LargeListArray::from_iter_primitive::<Float64Type, _, _>(floats), &style);
    let fixed = vec![Some(vec![Some(1), Some(2)]), Some(vec![Some(3), None])];
    let fixed = FixedSizeListArray::from_iter_primitive::<Int64Type, _, _>(fixed, 2);
    witness.check(&fixed, &style);
    let dates = vec![Some(vec![Some(0), Some(20_000)])];
    witness.check(&ListArray::from_iter_primitive::<Date32Type, _, _>(dates), &style);
    let moments = vec![Some(vec![Some(0), Some(1_700_000_000_000_000)])];
    let moments = ListArray::from_iter_primitive::<TimestampMicrosecondType, _, _>(moments);
    witness.check(&moments, &style);
    for name in ["int2vector", "oidvector"] {
        // An empty one is among the vectors below: the server does not read what it writes.
        let numbers = vec![Some(vec![Some(1), Some(2)]), Some(vec![Some(0)])];
        let list = ListArray::from_iter_primitive::<Int64Type, _, _>(numbers);
        let field = with_type(field_of(&list), name);
        witness.check_field(&field, &list, &style);
    }
}
