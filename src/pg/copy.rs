//! Rows as messages of `COPY … TO STDOUT`.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use bytes::{BufMut, BytesMut};

use crate::error::{Error, Result};
use crate::pg::encode::{Cells, RegNames, RowStyle, Target, set_length, write_sized};
use crate::pg::types::{Format, WireError};

mod options;

pub use options::{CopyArgument, CopyFormat, CopyOptions, ForceQuote};

/// What a binary copy begins with: a signature, no flags, no extension.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Writes rows of batches as messages `CopyData`, one for each row.
pub struct CopyEncoder {
    columns: Vec<Column>,
    column_count: i16,
    options: CopyOptions,
    style: RowStyle,
}

struct Column {
    name: String,
    target: Target,
    is_quoted: bool,
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
        if let ForceQuote::Columns(names) = &options.force_quote {
            let missing = names.iter().find(|name| schema.index_of(name).is_err());
            if let Some(name) = missing {
                let message = format!("FORCE_QUOTE column \"{name}\" not referenced by COPY");
                return Err(WireError::new("42P10", message).into());
            }
        }
        let format = match options.format {
            CopyFormat::Text | CopyFormat::Csv => Format::Text,
            CopyFormat::Binary => Format::Binary,
        };
        let columns = schema.fields().iter().map(|field| {
            let is_quoted = match &options.force_quote {
                ForceQuote::None => false,
                ForceQuote::All => true,
                ForceQuote::Columns(names) => names.contains(field.name()),
            };
            Ok(Column {
                name: field.name().clone(),
                target: Target::new(field, format)?,
                is_quoted,
            })
        });
        Ok(Self { columns: columns.collect::<Result<_>>()?, column_count, options, style })
    }

    /// The same, with names for numbers of the catalogue such as `regclass`.
    #[must_use]
    pub fn with_names(mut self, names: &RegNames) -> Self {
        let columns = self.columns.into_iter();
        let named =
            columns.map(|column| Column { target: column.target.with_names(names), ..column });
        self.columns = named.collect();
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
        if !self.options.header {
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
        for row in 0..batch.num_rows() {
            let start = out.len();
            let written = message(out, |out| match self.options.format {
                CopyFormat::Text | CopyFormat::Csv => self.write_line(&columns, row, out),
                CopyFormat::Binary => self.write_tuple(&columns, row, out),
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

    fn write_line(&self, columns: &[Cells<'_>], row: usize, out: &mut BytesMut) -> Result<()> {
        for (place, (cells, column)) in columns.iter().zip(&self.columns).enumerate() {
            if place > 0 {
                out.put_u8(self.options.delimiter);
            }
            if cells.is_null(row) {
                out.put_slice(self.options.null.as_bytes());
                continue;
            }
            let start = out.len();
            cells.write_text(row, &self.style, out)?;
            self.protect(start, column.is_quoted, out);
        }
        out.put_u8(b'\n');
        Ok(())
    }

    fn write_tuple(&self, columns: &[Cells<'_>], row: usize, out: &mut BytesMut) -> Result<()> {
        out.put_i16(self.column_count);
        for cells in columns {
            if cells.is_null(row) {
                out.put_i32(-1);
            } else {
                write_sized(out, |out| cells.write_binary(row, out))?;
            }
        }
        Ok(())
    }

    /// Makes what was written from `start` on one value that a reader finds again.
    fn protect(&self, start: usize, is_quoted: bool, out: &mut BytesMut) {
        let options = &self.options;
        let text = &out[start..];
        if options.format == CopyFormat::Csv {
            let special = |byte: &u8| {
                matches!(byte, b'\n' | b'\r')
                    || *byte == options.delimiter
                    || *byte == options.quote
            };
            // A single column of a backslash and a point would end the copy for some readers.
            let ends_copy = self.columns.len() == 1 && text == b"\\.";
            let is_null = text == options.null.as_bytes();
            if is_quoted || is_null || ends_copy || text.iter().any(special) {
                self.quote(start, out);
            }
        } else if text.iter().any(|&byte| escaped(byte, options.delimiter).is_some()) {
            let text = out.split_off(start);
            for &byte in &text {
                match escaped(byte, options.delimiter) {
                    Some(letter) => out.put_slice(&[b'\\', letter]),
                    None => out.put_u8(byte),
                }
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
