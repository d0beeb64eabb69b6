//! Parameters against what PostgreSQL 15 makes of them: of its own answers if the environment
//! names a running server.

use std::env;
use std::error::Error as StdError;

use arrow::datatypes::Field;
use bytes::BytesMut;
use postgres::types::{FromSql, Type};
use postgres::{Client, NoTls};

use super::*;
use crate::pg::encode::{Cells, Target, Zone};
use crate::pg::types::{wire_type, with_type};

const WITNESS: &str = "SDMXDB_TEST_POSTGRES";

/// Bytes as they are, whatever the type.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The binary form that the encoder gives a value.
fn encode(value: &ScalarValue, oid: u32) -> Vec<u8> {
    let array = value.to_array().expect("a value");
    let field = Field::new("x", array.data_type().clone(), true);
    let field = with_type(field, &type_name(WireType::of(oid)));
    let target = Target::new(&field, Format::Binary).expect("a type");
    assert_eq!(wire_type(&field).oid, oid);
    let mut out = BytesMut::new();
    let cells = Cells::new(array.as_ref(), &target).expect("an array");
    cells.write_binary(0, &mut out).expect("a value");
    out.to_vec()
}

/// Whether a value is not of the type that its text was of: doubles among decimals, and decimals
/// of one scale in an array.
fn is_special(value: &ScalarValue, oid: u32) -> bool {
    oid == 1231 || oid == oids::NUMERIC && matches!(value, ScalarValue::Float64(_))
}

const TEXTS: &[(u32, &[&str])] = &[
    (
        oids::BOOL,
        &[
            "t", "true", "TRUE", "tr", "y", "yes", "on", "1", "f", "fa", "no", "n", "of", "off",
            "0", " t ", "o", "", "2", "truee", "yess",
        ],
    ),
    (oids::INT2, &["0", "-32768", "32767", "32768", " 7 ", "+5", "x", "", "1.5", "1e3", "- 1"]),
    (oids::INT4, &["2147483647", "-2147483648", "2147483648", "12a", "99999999999999999999999"]),
    (oids::INT8, &["9223372036854775807", "9223372036854775808", "-9223372036854775808", "--1"]),
    (oids::OID, &["0", "4294967295", "-1", "4294967296", "x"]),
    (oids::FLOAT4, &["1.5", "1e39", "1e-50", "nan", "-inf", "", "0x", "3.4028235e38", "1e-45"]),
    (
        oids::FLOAT8,
        &[
            "1.5",
            "1e400",
            "-1e400",
            "1e-400",
            "NaN",
            "Infinity",
            "-infinity",
            "inf",
            ".5",
            "5.",
            "1e5",
            "  2  ",
            "",
            "x",
            "1,5",
            "0e999",
            "4.9e-324",
            "+1",
            "e5",
            "1e",
        ],
    ),
    (
        oids::NUMERIC,
        &[
            "0",
            "1",
            "-1",
            "1.50",
            "0.00",
            "-0.05",
            "123456789012345678901234567890.123456789",
            "1e10",
            "1.5e-3",
            "1.5E+3",
            "10000",
            "100000000",
            "0.0001",
            "0.00001",
            ".5",
            "5.",
            " 7 ",
            "x",
            "",
            ".",
            "1e",
            "--1",
            "1.2.3",
            "NaN",
            "Infinity",
            "-inf",
            "1e5x",
            "0e5",
            "+3",
            "99999999.9999",
            "00012.3400",
            "1e-20",
        ],
    ),
    (oids::TEXT, &["", "a", "ä€😀"]),
    (
        oids::BYTEA,
        &[
            "\\x",
            "\\x6162",
            "\\x61 62",
            "\\x6",
            "\\x6g",
            "abc",
            "a\\\\b",
            "\\000\\377",
            "\\400",
            "\\1",
            "ä",
        ],
    ),
    (
        oids::UUID,
        &[
            "00112233-4455-6677-8899-AABBCCDDEEFF",
            "{00112233-4455-6677-8899-aabbccddeeff}",
            "00112233445566778899aabbccddeeff",
            "0011-2233-4455-6677-8899-aabb-ccdd-eeff",
            "x",
            "",
            "0011223-34455-6677-8899-aabbccddeeff",
            "00112233445566778899aabbccddeef",
        ],
    ),
    (oids::JSON, &["{}", "[1, \"a\"]", "1", "null", "{", "", "{\"a\":}"]),
    (
        oids::DATE,
        &[
            "2024-02-29",
            "2023-02-29",
            "20240229",
            "240229",
            "1/2/2024",
            "13/2/2024",
            "2024/3/4",
            "2024-Jan-08",
            "08-Jan-1999",
            "Jan 8, 1999",
            "8 January 1999",
            "January 8, 0099 BC",
            "0044-03-15 BC",
            "infinity",
            "-infinity",
            "epoch",
            "2024-01-01T10:20",
            "x",
            "",
            "2024-01",
            "2024-13-01",
            "0000-01-01",
            "5874897-12-31",
            "5874898-01-01",
            "4714-11-24 BC",
            "4714-11-23 BC",
            "2024-00-10",
            "1.2.2024",
            "Tue Dec 17 07:37:16 1997 UTC",
            "99-1-2",
            "2024-01-01 x",
            "1 2 3",
            "12345",
        ],
    ),
    (
        oids::TIME,
        &[
            "04:05:06.789",
            "04:05",
            "4:5",
            "24:00",
            "24:00:01",
            "23:59:60",
            "25:00",
            "04:05 PM",
            "12:00 AM",
            "13:00 PM",
            "x",
            "",
            "04:05:06.1234567",
            "2024-01-01 04:05",
            "04:60",
            "04:05:06.0000005",
            "04:05:06.0000015",
            "00:00:00",
        ],
    ),
    (
        oids::TIMESTAMP,
        &[
            "2024-01-02 03:04:05.678901",
            "2024-01-02T03:04:05",
            "2024-01-02",
            "2024-01-02 03:04:05+02",
            "20240102T030405",
            "20240102 0304",
            "Tue Dec 17 07:37:16 1997 UTC",
            "infinity",
            "-infinity",
            "epoch",
            "2024-01-02 24:00",
            "2024-01-02 25:00",
            "x",
            "",
            "04:05",
            "294246-12-31",
            "4714-11-24 00:00:00 BC",
            "4714-11-23 BC",
            "2024-01-02 03:04:05.9999999",
            "Jan 8 04:05:06 1999",
            "2024-01-02 03:04:05 BC",
            "1999-01-08 04:05:06 -8:00",
            "2024-01-02 3:04 pm",
            "2024-01-02 03:04:05 Europe/Berlin",
            "2024-01-02,03:04",
        ],
    ),
    (
        oids::TIMESTAMPTZ,
        &[
            "2024-01-02 03:04:05.678901",
            "2024-07-02T03:04:05Z",
            "2024-01-02 03:04:05+02",
            "2024-01-02 03:04:05-03:30",
            "2024-01-02 03:04:05+0530",
            "2024-01-02 03:04:05 Europe/Berlin",
            "2024-03-31 02:30",
            "2024-10-27 02:30",
            "2024-07-02 03:04 America/New_York",
            "infinity",
            "2024-01-02 03:04:05+16",
            "2024-01-02 03:04:05+05:60",
            "x",
            "2024-01-02 03:04 Mars/Olympus",
            "2024-01-02 03:04 UTC",
            "2024-01-02 03:04:05 +00:53:28",
            "epoch",
            "1800-01-01 00:00",
        ],
    ),
    (
        oids::INTERVAL,
        &[
            "1 year 2 mons 3 days 04:05:06.789",
            "@ 1 hour ago",
            "1-2",
            "1-2 3 4:05:06",
            "-1-2 +3 -4:05:06",
            "P1Y2M3DT4H5M6S",
            "P0001-02-03T04:05:06",
            "P2W",
            "PT1.5S",
            "P-1Y",
            "PT-1H30M",
            "P1.5Y",
            "1.5 days",
            "1.5 months",
            "1.5 years",
            "2 weeks",
            "1.5 weeks",
            "1 century",
            "3 decades",
            "1 millennium",
            "250 ms",
            "7 us",
            "90",
            "1.5",
            "1h30m",
            "1 d 2 h",
            "",
            "x",
            "1 foo",
            "P",
            "PT",
            "3 days 4",
            "1 day -00:00:01",
            "2 years -3 mons 4 days",
            "04:05",
            "4:05.5",
            "100:00:00",
            "-04:05:06",
            "1 month ago",
            "99999999999 years",
            "0",
            "00:00:00",
            "1 day 2 days",
            "04:60:00",
            "04:05:61",
            "1 day 04:05 3 hours",
            "1 sec 5 ms",
            "1.5 sec 5 ms",
            "- 1 day",
            "1 day -",
            "+ 3 mons",
            "1 w 2 d",
            "2:3 4:5",
            "9223372036854775807 years",
            "3000000000 days",
            "99999999999999999999",
            "1 day ago 3",
            "P1Y2Y",
            "P1M2W3DT4H5M6.7S",
            "P0.5M",
            "PT0.0000005S",
            "10:61",
            "3 4:05",
            "- 1 day",
            "1 year 1 year",
            "-1.5 days",
            "0.1 mons",
            "P1DT",
            "1:2:3.4567891",
        ],
    ),
    (
        1007,
        &[
            "{1,2,3}",
            "{}",
            "{1,NULL,3}",
            "{{1,2},{3,4}}",
            "{{1,2},{3}}",
            "{1,{2}}",
            "[2:3]={1,2}",
            " { 1 , 2 } ",
            "{1,2",
            "1,2",
            "{1,x}",
            "{1,,2}",
            "{,}",
            "{{{{{{{1}}}}}}}",
            "",
            "{1}x",
            "{\"1\"}",
            "{99999999999}",
            "{{},{}}",
            "{null}",
        ],
    ),
    (
        1009,
        &[
            "{a,b}",
            "{\"a,b\",\"c\\\"d\",NULL,\"NULL\",null}",
            "{a b, c }",
            "{\"\"}",
            "{a\\,b}",
            "{ä}",
            "{a\"b\"}",
            "{\\N}",
            "{a\\ }",
        ],
    ),
    (1231, &["{1.5,2,0.125}", "{1,NULL,2.50}", "{}", "{1e40,1.5}"]),
    (1185, &["{2024-01-01,\"2024-07-01 12:00\"}"]),
    (1000, &["{t,f,NULL}"]),
    (1022, &["{1.5,NaN,-Infinity}"]),
];

#[test]
fn a_server_agrees_about_parameters() {
    let Ok(address) = env::var(WITNESS) else {
        eprintln!("skipped: {WITNESS} names no server");
        return;
    };
    let mut client = Client::connect(&address, NoTls).expect("a server");
    client.batch_execute("SET TimeZone = 'Europe/Berlin'").expect("a zone");
    let zone = Zone::parse("Europe/Berlin").expect("a zone");
    let mut style = RowStyle { time_zone: zone, ..RowStyle::default() };
    let mut differences = Vec::new();
    for order in ["MDY", "DMY", "YMD"] {
        client.batch_execute(&format!("SET DateStyle = '{order}'")).expect(order);
        style.date_style = style.date_style.changed_by(order).expect(order);
        for &(oid, texts) in TEXTS {
            let name = type_name(WireType::of(oid));
            let query = format!("SELECT $1::text::{name}");
            let statement = client.prepare(&query).expect(&query);
            for &text in texts {
                let expected = client.query_one(&statement, &[&text]);
                let found = decode_in(Some(text.as_bytes()), Format::Text, oid, &style);
                let difference = match (&expected, &found) {
                    (Ok(row), Ok(value)) => {
                        let bytes = row.get::<_, Raw>(0).0;
                        let again = binary::from_binary(&bytes, oid).expect("its own bytes");
                        let same = is_special(value, oid)
                            || encode(value, oid) == without_bounds(&bytes, oid)
                                && encode(&again, oid) == without_bounds(&bytes, oid);
                        (!same).then(|| format!("{bytes:x?}, found {value:?} and {again:?}"))
                    }
                    (Ok(row), Err(error)) => {
                        Some(format!("{:x?}, found {error}", row.get::<_, Raw>(0).0))
                    }
                    (Err(error), Ok(value)) => Some(format!("{error:?}, found {value:?}")),
                    (Err(error), Err(found)) => {
                        let error = error.as_db_error().expect("of the server");
                        let same = error.code().code() == found.sqlstate
                            && error.message() == found.message;
                        (!same).then(|| {
                            format!("{} {}, found {found:?}", error.code().code(), error.message())
                        })
                    }
                };
                differences.extend(difference.map(|it| format!("{order} {name} {text:?}: {it}")));
            }
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// An array with all lower bounds one, as bounds are not kept.
fn without_bounds(bytes: &[u8], oid: u32) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if element_of(oid).is_some() {
        for dimension in 0..usize::from(bytes[3]) {
            let at = 12 + dimension * 8 + 4;
            bytes[at..at + 4].copy_from_slice(&[0, 0, 0, 1]);
        }
    }
    bytes
}
