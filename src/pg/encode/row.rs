//! Messages of whole rows.

use std::ops::Range;

use arrow::array::{RecordBatch, StringViewArray};
use arrow::datatypes::Schema;
use bytes::{BufMut, BytesMut};

use crate::error::{Error, Result};
use crate::limits::ROW_BYTES_MAX;
use crate::pg::encode::cells::{Cells, Values, short_text};
use crate::pg::encode::repeats::Repeats;
use crate::pg::encode::style::RowStyle;
use crate::pg::encode::target::{Form, RegNames, Target};
use crate::pg::types::Format;

/// Writes rows of batches as messages `DataRow`.
pub struct RowEncoder {
    columns: Vec<(Target, Format)>,
    column_count: i16,
    style: RowStyle,
}

impl RowEncoder {
    /// An encoder for rows of this schema. Of formats there is one a column, one for all, or none
    /// for text.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for another number of formats, or a type without a binary form;
    /// [`Error::Unsupported`] for an Arrow type that PostgreSQL has no match for;
    /// [`Error::Limit`] for more columns than a message holds.
    pub fn new(schema: &Schema, formats: &[Format], style: RowStyle) -> Result<Self> {
        let count = schema.fields().len();
        let column_count = i16::try_from(count).map_err(|_| Error::Limit {
            what: "the number of columns",
            actual: count as u64,
            limit: u64::from(i16::MAX.unsigned_abs()),
        })?;
        if formats.len() > 1 && formats.len() != count {
            let given = formats.len();
            let reason = format!("{given} result formats for {count} columns");
            return Err(Error::invalid("bind message", reason));
        }
        let format = |at: usize| match formats {
            [] => Format::Text,
            [all] => *all,
            each => each[at],
        };
        let columns = schema.fields().iter().enumerate().map(|(at, field)| {
            let format = format(at);
            Ok((Target::new(field, format)?, format))
        });
        Ok(Self { columns: columns.collect::<Result<_>>()?, column_count, style })
    }

    /// The same, with names for numbers of the catalogue such as `regclass`.
    #[must_use]
    pub fn with_names(mut self, names: &RegNames) -> Self {
        let columns = self.columns.into_iter();
        self.columns = columns.map(|(target, format)| (target.with_names(names), format)).collect();
        self
    }

    /// Appends a message for each of these rows.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a value that PostgreSQL's type does not hold, [`Error::Limit`] for a
    /// row over the limit of a message, [`Error::Bug`] for a batch of another schema. What was
    /// appended before stays, and ends with a whole message.
    pub fn encode(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        out: &mut BytesMut,
    ) -> Result<()> {
        if batch.num_columns() != self.columns.len() || rows.end > batch.num_rows() {
            return Err(Error::bug("a batch that is not of its schema"));
        }
        let columns = batch.columns().iter().zip(&self.columns);
        let columns = columns
            .map(|(array, (target, format))| Ok((Cells::new(array.as_ref(), target)?, *format)));
        let columns: Vec<(Cells<'_>, Format)> = columns.collect::<Result<_>>()?;
        let mut repeats = Repeats::find(columns.iter().map(|(cells, _)| cells), &rows);
        for row in rows.clone() {
            let start = out.len();
            // The length is not known yet.
            out.put_slice(b"D\0\0\0\0");
            out.put_i16(self.column_count);
            let written = repeats.write(row - rows.start, out, |column, out| {
                let (cells, format) = &columns[column];
                match format {
                    Format::Text => cells.write_sized_text(row, &self.style, out),
                    Format::Binary => cells.write_sized_binary(row, out),
                }
            });
            if let Err(error) = written.and_then(|()| set_length(start + 1, 0, out)) {
                out.truncate(start);
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Cells<'_> {
    /// Appends the number of bytes of a value's text and the text, or what stands for NULL.
    ///
    /// # Errors
    ///
    /// As of [`Cells::write_text`].
    #[inline]
    fn write_sized_text(&self, row: usize, style: &RowStyle, out: &mut BytesMut) -> Result<()> {
        if self.is_null(row) {
            out.put_i32(-1);
            return Ok(());
        }
        match &self.values {
            Values::TextView(values) if self.target.form != Form::Char => {
                put_sized_text(values, row, out)
            }
            _ => write_sized(out, |out| self.write_text(row, style, out)),
        }
    }

    /// The same of the binary form.
    ///
    /// # Errors
    ///
    /// As of [`Cells::write_binary`].
    #[inline]
    pub(in crate::pg) fn write_sized_binary(&self, row: usize, out: &mut BytesMut) -> Result<()> {
        if self.is_null(row) {
            out.put_i32(-1);
            return Ok(());
        }
        match &self.values {
            Values::TextView(values) if self.target.form == Form::Text => {
                put_sized_text(values, row, out)
            }
            Values::Double(values) => {
                out.put_i32(8);
                out.put_f64(values[row]);
                Ok(())
            }
            _ => write_sized(out, |out| self.write_binary(row, out)),
        }
    }
}

/// Appends the number of bytes of a text, and the text.
#[inline]
fn put_sized_text(values: &StringViewArray, row: usize, out: &mut BytesMut) -> Result<()> {
    if let Some((mut bytes, length)) = short_text(values, row) {
        // One store of a fixed size costs less than a copy of just what is there.
        let end = out.len() + 4 + length;
        (&mut bytes[..4]).put_u32(u32::try_from(length).unwrap_or_default());
        out.put_slice(&bytes);
        out.truncate(end);
        return Ok(());
    }
    write_sized(out, |out| {
        out.put_slice(values.value(row).as_bytes());
        Ok(())
    })
}

/// Appends what a function writes, after the number of its bytes.
#[inline]
pub(super) fn write_sized(
    out: &mut BytesMut,
    write: impl FnOnce(&mut BytesMut) -> Result<()>,
) -> Result<()> {
    let at = out.len();
    out.put_slice(&[0; 4]);
    write(out)?;
    set_length(at, 4, out)
}

/// Writes at `at` the number of bytes that follow, from `skipped` bytes behind it on.
#[inline]
pub(in crate::pg) fn set_length(at: usize, skipped: usize, out: &mut BytesMut) -> Result<()> {
    let length = out.len() - at - skipped;
    let within = i32::try_from(length).ok().filter(|_| length <= ROW_BYTES_MAX);
    let within = within.ok_or(Error::Limit {
        what: "the length of a row",
        actual: length as u64,
        limit: ROW_BYTES_MAX as u64,
    })?;
    (&mut out[at..at + 4]).put_i32(within);
    Ok(())
}
