//! Bytes of a copy from the client as rows of texts.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::DataType;
use bytes::BytesMut;
use datafusion::common::ScalarValue;

use crate::model::Decimal;
use crate::pg::charset::Charset;
use crate::pg::copy::lines::{BAD_COPY, Lines, csv_cell, text_cell};
use crate::pg::copy::tuples::{self, Tuples};
use crate::pg::copy::{CopyFormat, CopyHeader, CopyOptions};
use crate::pg::errors::Fault;
use crate::pg::parameters::decode;
use crate::pg::types::{Format, WireError, oids};

/// The end of the data, for those who cannot say it by a message.
const END: &[u8] = b"\\.";
/// Characters of a value that an error shows.
const SHOWN_CHARS_MAX: usize = 100;

/// A column that the rows have.
#[derive(Clone, Debug)]
pub(in crate::pg) struct CopyColumn {
    pub(in crate::pg) name: String,
    /// The number of its type.
    pub(in crate::pg) oid: u32,
}

/// Reads the rows of a copy from the client, however its messages cut them.
pub(in crate::pg) struct CopyDecoder {
    table: String,
    columns: Vec<CopyColumn>,
    options: CopyOptions,
    charset: Charset,
    source: Source,
    has_header: bool,
    has_ended: bool,
}

enum Source {
    Lines(Lines),
    Tuples(Tuples),
}

/// The cells of a row, one a column: a text, or nothing for NULL.
pub(in crate::pg) type CopyRow = Vec<Option<String>>;

impl CopyDecoder {
    /// A decoder for rows of these columns of a table.
    pub(in crate::pg) fn new(
        table: &str,
        columns: Vec<CopyColumn>,
        options: CopyOptions,
        charset: Charset,
    ) -> Result<Self, Fault> {
        let known = |name: &str| columns.iter().any(|column| column.name == name);
        options.force_not_null.check("FORCE_NOT_NULL", known)?;
        options.force_null.check("FORCE_NULL", known)?;
        let source = match options.format {
            CopyFormat::Text | CopyFormat::Csv => Source::Lines(Lines::new(&options)),
            CopyFormat::Binary => Source::Tuples(Tuples::default()),
        };
        let (table, has_header) = (table.to_owned(), options.header != CopyHeader::None);
        Ok(Self { table, columns, options, charset, source, has_header, has_ended: false })
    }

    /// The format of the values, for the message `CopyInResponse`.
    pub(in crate::pg) fn format(&self) -> Format {
        match self.source {
            Source::Lines(_) => Format::Text,
            Source::Tuples(_) => Format::Binary,
        }
    }

    /// The number of columns, likewise.
    pub(in crate::pg) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Takes what a message brought; [`CopyDecoder::next`] is asked for its rows before the next.
    pub(in crate::pg) fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.source {
            Source::Lines(_) if self.has_ended => Ok(()),
            Source::Lines(lines) => {
                lines.feed(bytes);
                Ok(())
            }
            Source::Tuples(tuples) => tuples.feed(bytes).map_err(|error| self.fault(error)),
        }
    }

    /// Notes that no more will come.
    pub(in crate::pg) fn finish(&mut self) {
        match &mut self.source {
            Source::Lines(lines) => lines.finish(),
            Source::Tuples(tuples) => tuples.finish(),
        }
    }

    /// Sets `row` to the next row. Says whether there is one already.
    pub(in crate::pg) fn next(&mut self, row: &mut CopyRow) -> Result<bool, Fault> {
        row.clear();
        if let Source::Tuples(tuples) = &mut self.source {
            let tuple = tuples.next(self.columns.len());
            return match tuple.map_err(|error| self.fault(error))? {
                Some(tuple) => self.tuple(tuple, row).map(|()| true),
                None => Ok(false),
            };
        }
        while let Some(line) = self.line()? {
            if line == END {
                self.has_ended = true;
                return Ok(false);
            }
            if self.has_header {
                self.has_header = false;
                self.header(&line)?;
                continue;
            }
            self.cells(&line, row)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn line(&mut self) -> Result<Option<BytesMut>, Fault> {
        match &mut self.source {
            Source::Lines(lines) if !self.has_ended => {
                let line = lines.next();
                line.map_err(|error| self.fault(error))
            }
            Source::Lines(_) | Source::Tuples(_) => Ok(None),
        }
    }

    /// Compares a line of names with those of the columns, if it is to be compared.
    fn header(&self, line: &[u8]) -> Result<(), Fault> {
        if self.options.header != CopyHeader::Match {
            return Ok(());
        }
        let names = self.raw(line)?;
        let (found, expected) = (names.len(), self.columns.len());
        if found != expected {
            let text =
                format!("wrong number of fields in header line: got {found}, expected {expected}");
            return Err(self.at(WireError::new(BAD_COPY, text), line));
        }
        for (number, (name, column)) in (1..).zip(names.iter().zip(&self.columns)) {
            let name = name.as_deref();
            if name == Some(&column.name) {
                continue;
            }
            let found = match name {
                Some(name) => format!("got \"{name}\""),
                None => format!("got null value (\"{}\")", self.options.null),
            };
            let text = format!(
                "column name mismatch in header line field {number}: {found}, expected \"{}\"",
                column.name
            );
            return Err(self.at(WireError::new(BAD_COPY, text), line));
        }
        Ok(())
    }

    /// The cells of a line as they came, of whatever number.
    fn raw(&self, line: &[u8]) -> Result<CopyRow, Fault> {
        let cell = match self.options.format {
            CopyFormat::Csv => csv_cell,
            CopyFormat::Text | CopyFormat::Binary => text_cell,
        };
        let mut rest = Some(line);
        let mut cells = CopyRow::new();
        let wrong = |error| match self.options.format {
            CopyFormat::Csv => self.at(error, line),
            CopyFormat::Text | CopyFormat::Binary => self.fault(error),
        };
        while let Some(cell) = cell(&mut rest, &self.options).map_err(wrong)? {
            let text = cell.text.map(|text| self.text(text)).transpose();
            cells.push(text.map_err(|fault| self.locate(fault))?);
        }
        Ok(cells)
    }

    /// A text, which has no zero byte in PostgreSQL.
    fn text(&self, bytes: Vec<u8>) -> Result<String, Fault> {
        if bytes.contains(&0) {
            let name = self.charset.name();
            let text = format!("invalid byte sequence for encoding \"{name}\": 0x00");
            return Err(Fault::new("22021", text));
        }
        match self.charset {
            Charset::Utf8 => {
                String::from_utf8(bytes).or_else(|error| self.charset.decode(error.as_bytes()))
            }
            charset => charset.decode(&bytes),
        }
    }

    fn cells(&self, line: &[u8], row: &mut CopyRow) -> Result<(), Fault> {
        *row = self.raw(line)?;
        if row.len() > self.columns.len() {
            let error = WireError::new(BAD_COPY, "extra data after last expected column");
            return Err(self.at(error, line));
        }
        if let Some(column) = self.columns.get(row.len()) {
            let text = format!("missing data for column \"{}\"", column.name);
            return Err(self.at(WireError::new(BAD_COPY, text), line));
        }
        let options = &self.options;
        for (cell, column) in row.iter_mut().zip(&self.columns) {
            if cell.is_none() && options.force_not_null.has(&column.name) {
                *cell = Some(options.null.clone());
            } else if *cell == Some(options.null.clone()) && options.force_null.has(&column.name) {
                *cell = None;
            }
            if let Some(text) = cell {
                let plain = of_text(text, column.oid);
                let plain = plain.map_err(|error| self.of_column(error, column, Some(text)))?;
                if let Some(plain) = plain {
                    *text = plain;
                }
            }
        }
        Ok(())
    }

    fn tuple(&self, mut tuple: BytesMut, row: &mut CopyRow) -> Result<(), Fault> {
        for column in &self.columns {
            let cell = tuples::cell(&mut tuple);
            let cell = cell.map(|bytes| of_binary(&bytes, column.oid)).transpose();
            row.push(cell.map_err(|error| self.of_column(error, column, None))?);
        }
        Ok(())
    }

    /// Where it went wrong, in PostgreSQL's words.
    fn place(&self, column: Option<(&CopyColumn, Option<&str>)>) -> String {
        let number = match &self.source {
            Source::Lines(lines) => lines.number(),
            Source::Tuples(tuples) => tuples.number(),
        };
        let place = format!("COPY {}, line {number}", self.table);
        match column {
            None => place,
            Some((column, None)) => format!("{place}, column {}", column.name),
            Some((column, Some(text))) => {
                format!("{place}, column {}: \"{}\"", column.name, shown(text))
            }
        }
    }

    /// A fault of the last row, with its place.
    pub(in crate::pg) fn locate(&self, fault: Fault) -> Fault {
        fault.context(self.place(None))
    }

    fn fault(&self, error: WireError) -> Fault {
        Fault::from(error).context(self.place(None))
    }

    fn at(&self, error: WireError, line: &[u8]) -> Fault {
        let line = String::from_utf8_lossy(line);
        Fault::from(error).context(format!("{}: \"{}\"", self.place(None), shown(&line)))
    }

    fn of_column(&self, error: WireError, column: &CopyColumn, text: Option<&str>) -> Fault {
        Fault::from(error).context(self.place(Some((column, text))))
    }
}

fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text.to_owned();
    }
    text.chars().take(SHOWN_CHARS_MAX).chain("...".chars()).collect()
}

/// Checks the text of a value. Present if the value is kept as another text than it came: a number
/// keeps its digits, and one with an exponent is written out.
fn of_text(text: &str, oid: u32) -> Result<Option<String>, WireError> {
    if is_plain_text(oid) {
        return Ok(None);
    }
    if !is_number(oid) {
        decode(Some(text.as_bytes()), Format::Text, oid)?;
        return Ok(None);
    }
    let trimmed = text.trim_ascii();
    if Decimal::parse(trimmed.as_bytes()).is_some() {
        return Ok((trimmed.len() < text.len()).then(|| trimmed.to_owned()));
    }
    text_of(&decode(Some(text.as_bytes()), Format::Text, oid)?).map(Some)
}

fn of_binary(bytes: &[u8], oid: u32) -> Result<String, WireError> {
    text_of(&decode(Some(bytes), Format::Binary, oid)?)
}

fn is_plain_text(oid: u32) -> bool {
    matches!(oid, oids::TEXT | oids::VARCHAR | oids::BPCHAR)
}

fn is_number(oid: u32) -> bool {
    matches!(
        oid,
        oids::FLOAT4 | oids::FLOAT8 | oids::NUMERIC | oids::INT2 | oids::INT4 | oids::INT8
    )
}

/// A value as a data message would say it.
fn text_of(value: &ScalarValue) -> Result<String, WireError> {
    let wrong = || WireError::new("22P03", "incorrect binary data format");
    Ok(match value {
        ScalarValue::Utf8(Some(text)) => text.clone(),
        ScalarValue::Float64(Some(number)) if number.is_nan() => "NaN".to_owned(),
        ScalarValue::Float64(Some(number)) if number.is_infinite() => {
            if *number > 0.0 { "INF" } else { "-INF" }.to_owned()
        }
        // The fewest digits that are read back as this number, without an exponent.
        ScalarValue::Float64(Some(number)) => number.to_string(),
        other => {
            let array = other.to_array().map_err(|_| wrong())?;
            let texts = cast(&array, &DataType::Utf8).map_err(|_| wrong())?;
            texts.as_string::<i32>().value(0).to_owned()
        }
    })
}

#[cfg(test)]
mod tests;
