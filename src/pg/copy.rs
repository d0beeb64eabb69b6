//! Rows as messages of `COPY … TO STDOUT`; and, in `decoder`, `lines` and `tuples`, the other way.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use bytes::{BufMut, BytesMut};

use crate::error::{Error, Result};
use crate::pg::encode::{Cells, RegNames, Repeats, RowStyle, Target, set_length};
use crate::pg::types::Format;

mod decoder;
mod lines;
mod options;
mod tuples;

pub(in crate::pg) use decoder::{CopyColumn, CopyDecoder, CopyRow};
pub use options::{CopyArgument, CopyColumns, CopyDirection, CopyFormat, CopyHeader, CopyOptions};

/// What a binary copy begins with: a signature, no flags, no extension.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Writes rows of batches as messages `CopyData`, one for each row.
pub struct CopyEncoder {
    columns: Vec<Column>,
    column_count: i16,
    options: CopyOptions,
    style: RowStyle,
    special: Special,
}

/// The bytes that cannot stand in a value as they are.
struct Special(Box<[bool; 256]>);

impl Special {
    fn of(options: &CopyOptions) -> Self {
        let mut special = Box::new([false; 256]);
        for (byte, is_special) in (0..=u8::MAX).zip(special.iter_mut()) {
            *is_special = match options.format {
                CopyFormat::Csv => {
                    matches!(byte, b'\n' | b'\r')
                        || byte == options.delimiter
                        || byte == options.quote
                }
                CopyFormat::Text | CopyFormat::Binary => escaped(byte, options.delimiter).is_some(),
            };
        }
        Self(special)
    }

    /// Whether no text of a double or a date has to be changed.
    fn lets_numbers_through(&self, options: &CopyOptions) -> bool {
        let may_be_in_number = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'+' | b'-' | b'.' | b'/')
        };
        let is_null = !options.null.is_empty() && options.null.bytes().all(may_be_in_number);
        !is_null && !(0..=u8::MAX).any(|byte| self.has(byte) && may_be_in_number(byte))
    }

    #[inline]
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

struct Column {
    name: String,
    target: Target,
    is_quoted: bool,
    /// Whether every value can stand as it is.
    is_plain: bool,
}

impl CopyEncoder {
    /// An encoder for rows of this schema.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if a column is to be quoted that is not there, or a type has no binary
    /// form; [`Error::Unsupported`] for an Arrow type that PostgreSQL has no match for;
    /// [`Error::Limit`] for more columns than a row holds.
    pub fn new(schema: &Schema, options: CopyOptions, style: RowStyle) -> Result<Self> {
        let count = schema.fields().len();
        let column_count = i16::try_from(count).map_err(|_| Error::Limit {
            what: "the number of columns",
            actual: count as u64,
            limit: u64::from(i16::MAX.unsigned_abs()),
        })?;
        options.force_quote.check("FORCE_QUOTE", |name| schema.index_of(name).is_ok())?;
        let format = match options.format {
            CopyFormat::Text | CopyFormat::Csv => Format::Text,
            CopyFormat::Binary => Format::Binary,
        };
        let special = Special::of(&options);
        let are_numbers_plain = special.lets_numbers_through(&options);
        let columns = schema.fields().iter().map(|field| {
            let is_quoted = options.force_quote.has(field.name());
            let is_number = matches!(field.data_type(), DataType::Float64 | DataType::Date32);
            Ok(Column {
                name: field.name().clone(),
                target: Target::new(field, format)?,
                is_quoted,
                is_plain: is_number && are_numbers_plain && !is_quoted,
            })
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(Self { columns, column_count, options, style, special })
    }

    /// The same, with names for numbers of the catalogue such as `regclass`.
    #[must_use]
    pub fn with_names(mut self, names: &RegNames) -> Self {
        let rename = |column: Column| Column { target: column.target.with_names(names), ..column };
        self.columns = self.columns.into_iter().map(rename).collect();
        self
    }

    /// The format of the values, for the message `CopyOutResponse`.
    pub fn format(&self) -> Format {
        match self.options.format {
            CopyFormat::Text | CopyFormat::Csv => Format::Text,
            CopyFormat::Binary => Format::Binary,
        }
    }

    /// The number of columns, for the message `CopyOutResponse`.
    pub fn column_count(&self) -> i16 {
        self.column_count
    }

    /// Appends what comes before all rows: a line of names, a signature, or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the names are over the limit of a message.
    pub fn begin(&mut self, out: &mut BytesMut) -> Result<()> {
        if self.options.format == CopyFormat::Binary {
            return message(out, |out| {
                out.put_slice(SIGNATURE);
                Ok(())
            });
        }
        if self.options.header == CopyHeader::None {
            return Ok(());
        }
        message(out, |out| {
            for (place, column) in self.columns.iter().enumerate() {
                if place > 0 {
                    out.put_u8(self.options.delimiter);
                }
                let start = out.len();
                out.put_slice(column.name.as_bytes());
                self.protect(start, false, out);
            }
            out.put_u8(b'\n');
            Ok(())
        })
    }

    /// Appends a message for each row of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a value that PostgreSQL's type does not hold, [`Error::Limit`] for a
    /// row over the limit of a message, [`Error::Bug`] for a batch of another schema. What was
    /// appended before stays, and ends with a whole message.
    pub fn encode(&mut self, batch: &RecordBatch, out: &mut BytesMut) -> Result<()> {
        if batch.num_columns() != self.columns.len() {
            return Err(Error::bug("a batch that is not of its schema"));
        }
        let columns = batch.columns().iter().zip(&self.columns);
        let columns = columns.map(|(array, column)| Cells::new(array.as_ref(), &column.target));
        let columns: Vec<Cells<'_>> = columns.collect::<Result<_>>()?;
        let mut repeats = Repeats::find(columns.iter(), &(0..batch.num_rows()));
        for row in 0..batch.num_rows() {
            let start = out.len();
            let written = message(out, |out| match self.options.format {
                CopyFormat::Text | CopyFormat::Csv => {
                    let cell = |place: usize, out: &mut BytesMut| {
                        self.write_cell(&columns, row, place, out)
                    };
                    repeats.write(row, out, cell)?;
                    out.put_u8(b'\n');
                    Ok(())
                }
                CopyFormat::Binary => {
                    out.put_i16(self.column_count);
                    let cell = |place: usize, out: &mut BytesMut| {
                        columns[place].write_sized_binary(row, out)
                    };
                    repeats.write(row, out, cell)
                }
            });
            if let Err(error) = written {
                out.truncate(start);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Appends what comes after all rows.
    pub fn finish(&mut self, out: &mut BytesMut) {
        if self.options.format == CopyFormat::Binary {
            out.put_slice(b"d\0\0\0\x06\xff\xff");
        }
    }

    /// Appends what separates a value from the one before it, and the value.
    #[inline]
    fn write_cell(
        &self,
        columns: &[Cells<'_>],
        row: usize,
        place: usize,
        out: &mut BytesMut,
    ) -> Result<()> {
        if place > 0 {
            out.put_u8(self.options.delimiter);
        }
        let cells = &columns[place];
        if cells.is_null(row) {
            out.put_slice(self.options.null.as_bytes());
            return Ok(());
        }
        let start = out.len();
        cells.write_text(row, &self.style, out)?;
        let column = &self.columns[place];
        if !column.is_plain {
            self.protect(start, column.is_quoted, out);
        }
        Ok(())
    }

    /// Makes what was written from `start` on one value that a reader finds again.
    #[inline]
    fn protect(&self, start: usize, is_quoted: bool, out: &mut BytesMut) {
        let options = &self.options;
        let text = &out[start..];
        let is_special = text.iter().fold(false, |any, byte| any | self.special.has(*byte));
        if options.format == CopyFormat::Csv {
            // A single column of a backslash and a point would end the copy for some readers.
            let ends_copy = self.columns.len() == 1 && text == b"\\.";
            let is_null = text == options.null.as_bytes();
            if is_special || is_quoted || is_null || ends_copy {
                self.quote(start, out);
            }
        } else if is_special {
            self.escape(start, out);
        }
    }

    fn escape(&self, start: usize, out: &mut BytesMut) {
        let text = out.split_off(start);
        for &byte in &text {
            match escaped(byte, self.options.delimiter) {
                Some(letter) => out.put_slice(&[b'\\', letter]),
                None => out.put_u8(byte),
            }
        }
    }

    fn quote(&self, start: usize, out: &mut BytesMut) {
        let CopyOptions { quote, escape, .. } = self.options;
        let text = out.split_off(start);
        out.put_u8(quote);
        for &byte in &text {
            if byte == quote || byte == escape {
                out.put_u8(escape);
            }
            out.put_u8(byte);
        }
        out.put_u8(quote);
    }
}

/// What stands behind a backslash for this byte, absent if it stands for itself.
#[inline]
fn escaped(byte: u8, delimiter: u8) -> Option<u8> {
    match byte {
        0x08 => Some(b'b'),
        0x0c => Some(b'f'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        0x0b => Some(b'v'),
        b'\\' => Some(b'\\'),
        other => (other == delimiter).then_some(other),
    }
}

/// Appends a message `CopyData`.
fn message(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> Result<()>) -> Result<()> {
    let start = out.len();
    out.put_slice(b"d\0\0\0\0");
    write(out)?;
    set_length(start + 1, 0, out)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringViewArray;
    use arrow::array::{ArrayRef, Date32Array, Float64Array, Int32Array, StringArray};
    use arrow::datatypes::Field;

    use crate::pg::types::WireError;

    use super::*;

    /// The rows of the vectors below, as PostgreSQL had them in a table.
    fn batch() -> RecordBatch {
        let field = |name: &str, of: DataType| Field::new(name, of, true);
        let (utf8, int4) = (DataType::Utf8, DataType::Int32);
        let schema =
            Schema::new(vec![field("a", utf8.clone()), field("b", int4), field("d \"x", utf8)]);
        let last = vec![Some("tab\tnl\nbs\\cr\r,q\""), None, Some("\\N"), Some("é")];
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(vec!["x", "", "NULL", "\x08\x0c\x0b"])),
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3), Some(4)])),
            Arc::new(StringArray::from(last)),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).expect("a batch")
    }

    fn options(words: &[(&str, &str)]) -> Result<CopyOptions, WireError> {
        let given = words.iter().map(|(name, argument)| {
            let argument = match *argument {
                "" => CopyArgument::None,
                "*" => CopyArgument::All,
                text => CopyArgument::Text(text.to_owned()),
            };
            ((*name).to_owned(), argument)
        });
        CopyOptions::parse(&given.collect::<Vec<_>>(), CopyDirection::To)
    }

    /// What all messages hold, once each of them was found to be whole.
    fn copied(batch: &RecordBatch, options: CopyOptions) -> Vec<u8> {
        let style = RowStyle::default();
        let mut encoder = CopyEncoder::new(&batch.schema(), options, style).expect("types");
        let mut out = BytesMut::new();
        encoder.begin(&mut out).expect("names");
        encoder.encode(batch, &mut out).expect("rows");
        encoder.finish(&mut out);
        let mut rest = out.as_ref();
        let mut held = Vec::new();
        while let Some((head, after)) = rest.split_first_chunk::<5>() {
            assert_eq!(head[0], b'd');
            let length = head[1..].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) - 4;
            held.extend_from_slice(&after[..length]);
            rest = &after[length..];
        }
        assert!(rest.is_empty());
        held
    }

    fn check(words: &[(&str, &str)], expected: &str) {
        let options = options(words).expect("options");
        assert_eq!(String::from_utf8_lossy(&copied(&batch(), options)), expected);
    }

    #[test]
    fn copies_text_as_postgresql() {
        check(
            &[],
            "x\t1\ttab\\tnl\\nbs\\\\cr\\r,q\"\n\t\\N\t\\N\nNULL\t3\t\\\\N\n\\b\\f\\v\t4\té\n",
        );
        check(
            &[("header", ""), ("delimiter", "|"), ("null", "x")],
            "a|b|d \"x\nx|1|tab\\tnl\\nbs\\\\cr\\r,q\"\n|x|x\nNULL|3|\\\\N\n\\b\\f\\v|4|é\n",
        );
    }

    #[test]
    fn copies_csv_as_postgresql() {
        let forced = CopyArgument::Columns(vec!["a".to_owned()]);
        let given = [
            ("FORMAT".to_owned(), CopyArgument::Text("csv".to_owned())),
            ("HEADER".to_owned(), CopyArgument::None),
            ("FORCE_QUOTE".to_owned(), forced),
        ];
        let held =
            copied(&batch(), CopyOptions::parse(&given, CopyDirection::To).expect("options"));
        assert_eq!(
            String::from_utf8_lossy(&held),
            "a,b,\"d \"\"x\"\n\"x\",1,\"tab\tnl\nbs\\cr\r,q\"\"\"\n\"\",,\n\"NULL\",3,\\N\n\
             \"\x08\x0c\x0b\",4,é\n"
        );
        check(
            &[
                ("format", "csv"),
                ("quote", "'"),
                ("escape", "\\"),
                ("delimiter", ";"),
                ("null", "NULL"),
                ("force_quote", "*"),
            ],
            "'x';'1';'tab\tnl\nbs\\\\cr\r,q\"'\n'';NULL;NULL\n'NULL';'3';'\\\\N'\n\
             '\x08\x0c\x0b';'4';'é'\n",
        );
        let single = Schema::new(vec![Field::new("a", DataType::Utf8, true)]);
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("\\."), Some(""), None]));
        let single = RecordBatch::try_new(Arc::new(single), vec![column]).expect("a batch");
        let held = copied(&single, CopyOptions::of(CopyFormat::Csv));
        assert_eq!(held, b"\"\\.\"\n\"\"\n\n");
    }

    #[test]
    fn copies_binary_as_postgresql() {
        let held = copied(&batch(), CopyOptions::of(CopyFormat::Binary));
        let expected = "5047434f50590aff0d0a000000000000000000000300000001780000000400000001\
            00000010746162096e6c0a62735c63720d2c7122000300000000ffffffffffffffff0003000000044e55\
            4c4c0000000400000003000000025c4e000300000003080c0b000000040000000400000002c3a9ffff";
        let bytes = (0..expected.len()).step_by(2).map(|at| &expected[at..at + 2]);
        let bytes = bytes.map(|digits| u8::from_str_radix(digits, 16).expect("hexadecimal"));
        assert_eq!(held, bytes.collect::<Vec<u8>>());
    }

    #[test]
    fn what_repeats_is_copied_as_if_it_did_not() {
        let texts = |every: usize| -> ArrayRef {
            let texts = [Some("a,b"), Some("\\."), None, Some("\"q\"\n"), Some(""), Some("plain")];
            Arc::new((0..600).map(|row| texts[row / every % 6]).collect::<StringViewArray>())
        };
        let columns = vec![texts(40), texts(100), texts(1), texts(50)];
        let fields = ["a", "b", "c", "d"].map(|name| Field::new(name, DataType::Utf8View, true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let batch = RecordBatch::try_new(schema, columns).expect("a batch");
        for format in [CopyFormat::Text, CopyFormat::Csv, CopyFormat::Binary] {
            let options = CopyOptions::of(format);
            let style = RowStyle::default();
            let mut encoder = CopyEncoder::new(&batch.schema(), options, style).expect("types");
            let (mut all, mut single) = (BytesMut::new(), BytesMut::new());
            encoder.encode(&batch, &mut all).expect("rows");
            for row in 0..batch.num_rows() {
                encoder.encode(&batch.slice(row, 1), &mut single).expect("a row");
            }
            assert!(all == single, "{format:?}");
        }
    }

    #[test]
    fn numbers_are_protected_where_they_must_be() {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Float64, true),
            Field::new("b", DataType::Date32, true),
        ]);
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![Some(-1.5), None]));
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), Some(i32::MAX)]));
        let batch = RecordBatch::try_new(Arc::new(schema), vec![numbers, dates]).expect("a batch");
        let check = |words: &[(&str, &str)], expected: &str| {
            let options = options(words).expect("options");
            assert_eq!(String::from_utf8_lossy(&copied(&batch, options)), expected);
        };
        check(&[("format", "csv")], "-1.5,1970-01-01\n,infinity\n");
        let hyphen = [("format", "csv"), ("delimiter", "-")];
        check(&hyphen, "\"-1.5\"-\"1970-01-01\"\n-infinity\n");
        let null = [("format", "csv"), ("null", "-1.5")];
        check(&null, "\"-1.5\",1970-01-01\n-1.5,infinity\n");
        check(&[("delimiter", "-")], "\\-1.5-1970\\-01\\-01\n\\N-infinity\n");
    }

    #[test]
    fn refuses_options_as_postgresql() {
        let check = |words: &[(&str, &str)], sqlstate: &str, message: &str| {
            let error = options(words).expect_err(message);
            assert_eq!((error.sqlstate, error.message.as_str()), (sqlstate, message));
        };
        check(&[("format", "xml")], "22023", "COPY format \"xml\" not recognized");
        check(&[("zip", "")], "42601", "option \"zip\" not recognized");
        let twice = [("null", "x"), ("null", "y")];
        check(&twice, "42601", "conflicting or redundant options");
        let binary = [("format", "binary"), ("delimiter", ",")];
        check(&binary, "42601", "cannot specify DELIMITER in BINARY mode");
        let binary = [("format", "binary"), ("null", "x")];
        check(&binary, "42601", "cannot specify NULL in BINARY mode");
        let binary = [("format", "binary"), ("header", "on")];
        check(&binary, "0A000", "cannot specify HEADER in BINARY mode");
        let long = [("delimiter", "ab")];
        check(&long, "0A000", "COPY delimiter must be a single one-byte character");
        let line = [("delimiter", "\n")];
        check(&line, "22023", "COPY delimiter cannot be newline or carriage return");
        check(&[("delimiter", "a")], "22023", "COPY delimiter cannot be \"a\"");
        let null = [("null", "a\n")];
        check(&null, "22023", "COPY null representation cannot use newline or carriage return");
        check(&[("quote", "'")], "0A000", "COPY quote available only in CSV mode");
        check(&[("escape", "'")], "0A000", "COPY escape available only in CSV mode");
        check(&[("force_quote", "*")], "0A000", "COPY force quote available only in CSV mode");
        let same = [("format", "csv"), ("quote", ",")];
        check(&same, "22023", "COPY delimiter and quote must be different");
        let long = [("format", "csv"), ("quote", "''")];
        check(&long, "0A000", "COPY quote must be a single one-byte character");
        let inside = [("null", "a\tb")];
        check(&inside, "0A000", "COPY delimiter must not appear in the NULL specification");
        let inside = [("format", "csv"), ("null", "a\"b")];
        check(&inside, "0A000", "CSV quote character must not appear in the NULL specification");
        let header = [("header", "maybe")];
        check(&header, "42601", "header requires a Boolean value or \"match\"");
        check(&[("header", "match")], "0A000", "cannot use \"match\" with HEADER in COPY TO");
        let force = [("format", "csv"), ("force_null", "*")];
        check(&force, "0A000", "COPY force null only available using COPY FROM");
        let force = CopyOptions {
            force_quote: CopyColumns::Columns(vec!["z".to_owned()]),
            ..CopyOptions::of(CopyFormat::Csv)
        };
        let refused = CopyEncoder::new(&batch().schema(), force, RowStyle::default());
        let message = refused.err().map(|error| error.to_string());
        let expected = "42P10: FORCE_QUOTE column \"z\" not referenced by COPY";
        assert_eq!(message.as_deref(), Some(expected));
    }
}
