//! What PostgreSQL 15 made of the same bytes, in a table of two texts and a double.

use super::*;
use crate::pg::sql::command::{Command, parse};
use crate::pg::sql::text;

/// What follows `COPY t FROM STDIN`, the data, and the rows or the error. The one difference: a
/// number keeps its digits.
const CASES: &[(&str, &[u8], &str)] = &[
    ("", b"x\ty\t1\n", "x|y|1"),
    ("", b"x\ty\t1", "x|y|1"),
    ("", b"x\ty\t1\r\nz\t\\N\t\\N\r\n", "x|y|1; z|NULL|NULL"),
    ("", b"x\ty\t1\rz\tw\t2\r", "x|y|1; z|w|2"),
    ("", b"a\\tb\\nc\\\\\t\\101\\x41\\x4g\\q\t 1.50 \n", "a\tb\nc\\|AA\u{4}gq|1.50"),
    ("", b"a\\\nb\ty\t1\n", "a\nb|y|1"),
    ("", b"\t\\\\N\t\\N\n", "|\\N|NULL"),
    ("", b"x\ty\t1\n\\.\njunk", "x|y|1"),
    ("", b"x\ty\t1\r\nx\ty\t2\n", "22P04 literal newline found in data [COPY t, line 2]"),
    ("", b"x\ty\t1\nx\rz\ty\t2\n", "22P04 literal carriage return found in data [COPY t, line 2]"),
    ("", b"\n", "22P04 missing data for column \"b\" [COPY t, line 1: \"\"]"),
    ("", b"x\ty\n", "22P04 missing data for column \"n\" [COPY t, line 1: \"x\ty\"]"),
    (
        "",
        b"x\ty\t1\t2\n",
        "22P04 extra data after last expected column [COPY t, line 1: \"x\ty\t1\t2\"]",
    ),
    (
        "",
        b"x\ty\tmuch\n",
        "22P02 invalid input syntax for type double precision: \"much\" [COPY t, line 1, column n: \"much\"]",
    ),
    (
        "",
        b"x\t\xff\t1\n",
        "22021 invalid byte sequence for encoding \"UTF8\": 0xff [COPY t, line 1]",
    ),
    ("", b"x\t\\303\\251\t1e3\n", "x|é|1000"),
    ("", b"x\ty\tNaN\n", "x|y|NaN"),
    ("", b"x\ty\t1\n\\.x\n", "22P04 end-of-copy marker corrupt [COPY t, line 2]"),
    ("(NULL '', DELIMITER '|')", b"x||1\n", "x|NULL|1"),
    ("(HEADER)", b"whatever\nx\ty\t1\n", "x|y|1"),
    ("(HEADER match)", b"a\tb\tn\nx\ty\t1\n", "x|y|1"),
    (
        "(HEADER match)",
        b"a\tb\nx\ty\t1\n",
        "22P04 wrong number of fields in header line: got 2, expected 3 [COPY t, line 1: \"a\tb\"]",
    ),
    (
        "(HEADER match)",
        b"a\t\\N\tn\nx\ty\t1\n",
        "22P04 column name mismatch in header line field 2: got null value (\"\\N\"), expected \"b\" [COPY t, line 1: \"a\t\\N\tn\"]",
    ),
    ("(FORMAT csv)", b"x,\"a \"\"q\"\", b\",1\n", "x|a \"q\", b|1"),
    ("(FORMAT csv)", b"\"two\nlines\",y,1\nz,\"\",\n", "two\nlines|y|1; z||NULL"),
    ("(FORMAT csv)", b"x,y\"z,w\"q,1\n", "x|yz,wq|1"),
    ("(FORMAT csv)", b",\"\",\n", "NULL||NULL"),
    (
        "(FORMAT csv)",
        b"x,\"y,1\n",
        "22P04 unterminated CSV quoted field [COPY t, line 1: \"x,\"y,1\n\"]",
    ),
    ("(FORMAT csv)", b"x,y,1\r\n\"a\nb\",c,2\r\n", "x|y|1; a\nb|c|2"),
    (
        "(FORMAT csv)",
        b"x,y,1\nx\ry,z,2\n",
        "22P04 unquoted carriage return found in data [COPY t, line 2]",
    ),
    ("(FORMAT csv)", b"x,y,1\r\nx,y,2\n", "22P04 unquoted newline found in data [COPY t, line 2]"),
    ("(FORMAT csv)", b"x,y,1\n\\.\njunk", "x|y|1"),
    ("(FORMAT csv)", b"\\.x,y,1\n", "\\.x|y|1"),
    ("(FORMAT csv, QUOTE '''', ESCAPE '\\')", b"'it\\'s',y,1\n", "it's|y|1"),
    ("(FORMAT csv, QUOTE '''', ESCAPE '\\')", b"'a\\\\','b\\c',1\n", "a\\|b\\c|1"),
    (
        "(FORMAT csv, NULL 'nil', FORCE_NULL (a), FORCE_NOT_NULL (b))",
        b"\"nil\",nil,1\n",
        "NULL|nil|1",
    ),
    ("(FORMAT csv, NULL 'nil')", b"\"nil\",nil,1\n", "nil|NULL|1"),
    ("(FORMAT csv, DELIMITER ';', HEADER)", b"a;b;n\nx;y;1\n", "x|y|1"),
    ("(FORMAT csv)", b"x,y\n", "22P04 missing data for column \"n\" [COPY t, line 1: \"x,y\"]"),
    (
        "(FORMAT csv)",
        b"x,y,1,2\n",
        "22P04 extra data after last expected column [COPY t, line 1: \"x,y,1,2\"]",
    ),
    ("(FORMAT csv)", b"\n", "22P04 missing data for column \"b\" [COPY t, line 1: \"\"]"),
    ("(FORMAT csv)", b" x , y , 1 \n", " x | y |1"),
    (
        "",
        b"x\t\\000\t1\n",
        "22021 invalid byte sequence for encoding \"UTF8\": 0x00 [COPY t, line 1]",
    ),
];

fn decoder(options: &str) -> CopyDecoder {
    let sql = format!("COPY t FROM STDIN {options}");
    let parts = text::split(&sql).expect("tokens");
    let Ok(Command::CopyFrom(from)) = parse(&sql, &parts[0]) else { panic!("{sql}") };
    let column = |(name, oid): (&str, u32)| CopyColumn { name: name.to_owned(), oid };
    let columns = [("a", oids::TEXT), ("b", oids::TEXT), ("n", oids::FLOAT8)].map(column).to_vec();
    CopyDecoder::new("t", columns, from.options, Charset::Utf8).expect("a decoder")
}

/// The rows that come of data in pieces of this size.
fn decode(decoder: &mut CopyDecoder, data: &[u8], piece: usize) -> Result<Vec<String>, Fault> {
    let (mut rows, mut row) = (Vec::new(), CopyRow::new());
    let shown = |row: &CopyRow| {
        let cells = row.iter().map(|cell| cell.as_deref().unwrap_or("NULL"));
        cells.collect::<Vec<_>>().join("|")
    };
    for piece in data.chunks(piece) {
        decoder.feed(piece)?;
        while decoder.next(&mut row)? {
            rows.push(shown(&row));
        }
    }
    decoder.finish();
    while decoder.next(&mut row)? {
        rows.push(shown(&row));
    }
    Ok(rows)
}

#[test]
fn reads_as_postgresql_reads() {
    for (options, data, expected) in CASES {
        for piece in [1, 2, 3, 1_000] {
            let found = match decode(&mut decoder(options), data, piece) {
                Ok(rows) => rows.join("; "),
                Err(fault) => {
                    let place = fault.context.as_deref().unwrap_or_default();
                    format!("{} {} [{place}]", fault.code, fault.message)
                }
            };
            assert_eq!(found, *expected, "{options} {:?}", String::from_utf8_lossy(data));
        }
    }
}

#[test]
fn a_line_without_end_is_refused() {
    let mut decoder = decoder("");
    let piece = vec![b'x'; 1 << 20];
    let fault = (0..20).find_map(|_| {
        decoder.feed(&piece).expect("taken");
        decoder.next(&mut CopyRow::new()).err()
    });
    assert_eq!(fault.map(|fault| fault.code), Some("54000"));
}

#[test]
fn reads_binary() {
    let mut whole = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    whole.extend(b"\0\x03\0\0\0\x01x\xff\xff\xff\xff\0\0\0\x08");
    whole.extend(1.5_f64.to_bits().to_le_bytes().into_iter().rev());
    whole.extend(b"\xff\xff");
    for piece in [1, 7, 1_000] {
        let rows = decode(&mut decoder("BINARY"), &whole, piece).expect("rows");
        assert_eq!(rows, ["x|NULL|1.5"]);
    }
    let check = |change: &dyn Fn(&mut Vec<u8>), code: &str, message: &str| {
        let mut data = whole.clone();
        change(&mut data);
        let fault = decode(&mut decoder("BINARY"), &data, 1_000).expect_err(message);
        assert_eq!((fault.code, fault.message.as_str()), (code, message));
    };
    check(&|data| data[0] = b'Q', "22P04", "COPY file signature not recognized");
    check(&|data| data[12] = 1, "22P04", "invalid COPY file header (WITH OIDS)");
    check(&|data| data[11] = 1, "22P04", "unrecognized critical flags in COPY file header");
    check(&|data| data[20] = 2, "22P04", "row field count is 2, expected 3");
    check(&|data| data[33] = 9, "22P03", "incorrect binary data format");
    check(&|data| data.truncate(30), "22P04", "unexpected EOF in COPY data");
    check(&|data| data.push(0), "22P04", "received copy data after EOF marker");
    check(&|data| data[24] = 255, "22P04", "unexpected EOF in COPY data");
}
