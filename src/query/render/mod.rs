//! Answers as text, or as a stream of Arrow.
//!
//! Every format writes a batch as soon as it comes; only a table looks ahead, and only at so many
//! rows, to find how wide its columns are. Doubles are the shortest text that reads back as the
//! same number, in every format.
//!
//! Read in this order: `cells` (one value as text), `table`, `markdown`, `csv`, `json`,
//! `lines` and `chart` (series drawn), `texts`
//! (tables that no query made).

mod cells;
mod chart;
mod csv;
mod json;
mod lines;
mod markdown;
mod table;
mod texts;

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;

use crate::error::{Error, Result};
use crate::query::error::from_datafusion;

pub use chart::Paper;
pub use texts::{TextRows, render_texts};

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for a terminal; NULL is empty. Ends with the number of rows.
    Table,
    /// RFC 4180 with a header; NULL is empty, the empty text is `""`.
    Csv,
    /// One array of objects.
    Json,
    /// One object a line.
    JsonLines,
    /// A table of Markdown; NULL is empty.
    Markdown,
    /// A stream of Arrow (IPC), which keeps every type.
    Arrow,
    /// The first column of numbers drawn over the periods.
    Chart,
}

impl Format {
    /// All formats with their names.
    pub const ALL: [(&str, Self); 7] = [
        ("table", Self::Table),
        ("csv", Self::Csv),
        ("json", Self::Json),
        ("ndjson", Self::JsonLines),
        ("markdown", Self::Markdown),
        ("arrow", Self::Arrow),
        ("chart", Self::Chart),
    ];

    /// The format of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }
}

/// Writes an answer and returns the number of its rows.
///
/// # Errors
///
/// Those of `rows`; [`Error::Io`] if `out` refuses.
pub fn render(
    format: Format,
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
    out: &mut dyn Write,
) -> Result<u64> {
    match format {
        Format::Table => table::write(schema, rows, out),
        Format::Csv => csv::write(schema, rows, out),
        Format::Json => json::write(json::Layout::Array, schema, rows, out),
        Format::JsonLines => json::write(json::Layout::Lines, schema, rows, out),
        Format::Markdown => markdown::write(schema, rows, out),
        Format::Arrow => arrow_stream(schema, rows, out),
        Format::Chart => draw(schema, rows, Paper::default(), out),
    }
}

/// Draws the first column of numbers over the periods, in the order of the rows, a line for each
/// combination of the other texts; returns the number of rows.
///
/// # Errors
///
/// Those of `rows`; [`Error::Invalid`] for an answer that cannot be drawn; [`Error::Limit`] for too
/// many rows; [`Error::Io`] if `out` refuses.
pub fn draw(
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
    paper: Paper,
    out: &mut dyn Write,
) -> Result<u64> {
    let drawing = lines::read(schema, rows)?;
    if let Some(text) = chart::draw(&drawing.periods, &drawing.lines, paper) {
        put(out, &text)?;
    }
    Ok(drawing.rows as u64)
}

fn arrow_stream(
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
    out: &mut dyn Write,
) -> Result<u64> {
    let failed = |error: ArrowError| match error {
        ArrowError::IoError(_, source) => Error::io("write", "the output", source),
        other => from_datafusion(&other.into()),
    };
    let mut writer = StreamWriter::try_new(out, schema).map_err(failed)?;
    let mut count = 0;
    for batch in rows {
        let batch = batch?;
        count += batch.num_rows() as u64;
        writer.write(&batch).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    Ok(count)
}

/// The texts of a column, by its position: absent for NULL.
///
/// # Errors
///
/// [`Error::Unsupported`] for a type that has no text.
pub fn texts(batch: &RecordBatch, column: usize) -> Result<Vec<Option<String>>> {
    let cells = cells::Cells::new(batch)?;
    let text = |row| {
        let mut text = String::new();
        Ok(cells.write(column, row, &mut text)?.then_some(text))
    };
    (0..batch.num_rows()).map(text).collect()
}

/// Writes a piece of text.
fn put(out: &mut dyn Write, text: &str) -> Result<()> {
    out.write_all(text.as_bytes()).map_err(|error| Error::io("write", "the output", error))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringViewArray,
        TimestampMicrosecondArray,
    };
    use arrow::ipc::reader::StreamReader;

    use super::*;

    fn sample() -> RecordBatch {
        let texts: StringViewArray =
            vec![Some("US dollar"), Some("a,\"b\"\nc|d"), None, Some("")].into_iter().collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("name", Arc::new(texts)),
            (
                "value",
                Arc::new(Float64Array::from(vec![Some(0.1), Some(f64::NAN), None, Some(-1e300)])),
            ),
            ("n", Arc::new(Int64Array::from(vec![Some(1), Some(-20), None, Some(i64::MAX)]))),
            ("ok", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, None]))),
            ("day", Arc::new(Date32Array::from(vec![Some(0), Some(18_630), None, None]))),
            (
                "at",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    Some(0),
                    Some(1_500_000),
                    None,
                    None,
                ])),
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
            .expect("a batch")
    }

    fn rendered(format: Format, batches: Vec<RecordBatch>) -> Vec<u8> {
        let mut out = Vec::new();
        let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
        let schema = sample().schema();
        let mut rows = batches.into_iter().map(Ok);
        let found = render(format, &schema, &mut rows, &mut out).expect("written");
        assert_eq!(found, count as u64);
        out
    }

    #[track_caller]
    fn check(format: Format, expected: &str) {
        let whole = rendered(format, vec![sample()]);
        assert_eq!(String::from_utf8_lossy(&whole), expected);
        // How rows are cut into batches shows nowhere.
        let cut = vec![sample().slice(0, 1), sample().slice(1, 0), sample().slice(1, 3)];
        assert_eq!(rendered(format, cut), whole);
    }

    #[test]
    fn writes_every_format() {
        check(
            Format::Table,
            "\x20name      | value  | n                   | ok    | day        | at
-----------+--------+---------------------+-------+------------+-------------------------
 US dollar |    0.1 |                   1 | true  | 1970-01-01 | 1970-01-01 00:00:00
 a,\"b\"     |    NaN |                 -20 | false | 2021-01-03 | 1970-01-01 00:00:01.500
 c|d       |        |                     |       |            |
           |        |                     |       |            |
           | -1e300 | 9223372036854775807 |       |            |
(4 rows)
",
        );
        check(
            Format::Csv,
            "name,value,n,ok,day,at\n\
             US dollar,0.1,1,true,1970-01-01,1970-01-01 00:00:00\n\
             \"a,\"\"b\"\"\nc|d\",NaN,-20,false,2021-01-03,1970-01-01 00:00:01.500\n\
             ,,,,,\n\
             \"\",-1e300,9223372036854775807,,,\n",
        );
        check(
            Format::JsonLines,
            "{\"name\":\"US dollar\",\"value\":0.1,\"n\":1,\"ok\":true,\"day\":\"1970-01-01\",\"at\":\"1970-01-01 00:00:00\"}\n\
             {\"name\":\"a,\\\"b\\\"\\nc|d\",\"value\":null,\"n\":-20,\"ok\":false,\"day\":\"2021-01-03\",\"at\":\"1970-01-01 00:00:01.500\"}\n\
             {\"name\":null,\"value\":null,\"n\":null,\"ok\":null,\"day\":null,\"at\":null}\n\
             {\"name\":\"\",\"value\":-1e300,\"n\":9223372036854775807,\"ok\":null,\"day\":null,\"at\":null}\n",
        );
        check(
            Format::Markdown,
            "| name | value | n | ok | day | at |\n\
             | --- | ---: | ---: | --- | --- | --- |\n\
             | US dollar | 0.1 | 1 | true | 1970-01-01 | 1970-01-01 00:00:00 |\n\
             | a,\"b\"<br>c\\|d | NaN | -20 | false | 2021-01-03 | 1970-01-01 00:00:01.500 |\n\
             |  |  |  |  |  |  |\n\
             |  | -1e300 | 9223372036854775807 |  |  |  |\n",
        );
    }

    #[test]
    fn json_is_one_array_that_parses() {
        for batches in [vec![], vec![sample()], vec![sample(), sample()]] {
            let count: usize = batches.iter().map(RecordBatch::num_rows).sum();
            let text = rendered(Format::Json, batches);
            let parsed: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
            assert_eq!(parsed.as_array().map(Vec::len), Some(count));
        }
    }

    #[test]
    fn arrow_reads_back_as_it_was() {
        let bytes = rendered(Format::Arrow, vec![sample(), sample()]);
        let read: Vec<RecordBatch> = StreamReader::try_new(Cursor::new(bytes), None)
            .expect("a stream")
            .map(|batch| batch.expect("a batch"))
            .collect();
        // NaN is not equal to itself, so the texts are compared.
        assert_eq!(format!("{read:?}"), format!("{:?}", vec![sample(), sample()]));
    }

    #[test]
    fn an_empty_answer_still_has_its_columns() {
        assert_eq!(rendered(Format::Csv, vec![]), b"name,value,n,ok,day,at\n");
        let table = String::from_utf8(rendered(Format::Table, vec![])).expect("text");
        assert!(table.starts_with(" name | value | n | ok | day | at\n"), "{table}");
        assert!(table.ends_with("(0 rows)\n"), "{table}");
        assert_eq!(rendered(Format::JsonLines, vec![]), b"");
    }
}
