//! One value as text.

use std::fmt::{Display, LowerExp, Write};

use arrow::array::{
    Array, AsArray, Float32Array, Float64Array, RecordBatch, StringArray, StringViewArray,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::{Error, Result};
use crate::query::error::from_datafusion;

/// What a column is to a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Texts, dates and all else: left, and between quotes in JSON.
    Text,
    /// Numbers: right, and bare in JSON where they are finite.
    Number,
    /// Yes and no: left, and bare in JSON.
    Flag,
}

/// The kinds of all columns.
pub(super) fn kinds(schema: &SchemaRef) -> Vec<Kind> {
    let kind = |data_type: &DataType| match data_type {
        DataType::Boolean => Kind::Flag,
        other if other.is_numeric() => Kind::Number,
        _ => Kind::Text,
    };
    schema.fields().iter().map(|field| kind(field.data_type())).collect()
}

/// The columns of a batch, ready to be written value by value.
pub(super) struct Cells<'a> {
    columns: Vec<Column<'a>>,
}

enum Column<'a> {
    View(&'a StringViewArray),
    Text(&'a StringArray),
    Double(&'a Float64Array),
    Single(&'a Float32Array),
    Other(&'a dyn Array, ArrayFormatter<'a>),
}

impl<'a> Cells<'a> {
    /// The values of a batch.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for a type that has no text.
    pub(super) fn new(batch: &'a RecordBatch) -> Result<Self> {
        let columns: Result<Vec<Column<'a>>> =
            batch.columns().iter().map(|array| column(array.as_ref())).collect();
        Ok(Self { columns: columns? })
    }

    /// Appends the text of a value, and says whether there is one: NULL has none.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for a moment outside the calendar.
    pub(super) fn write(&self, column: usize, row: usize, out: &mut String) -> Result<bool> {
        let Some(column) = self.columns.get(column) else { return Ok(false) };
        match column {
            Column::View(array) if array.is_valid(row) => out.push_str(array.value(row)),
            Column::Text(array) if array.is_valid(row) => out.push_str(array.value(row)),
            Column::Double(array) if array.is_valid(row) => write_double(array.value(row), out),
            Column::Single(array) if array.is_valid(row) => {
                write_shortest(array.value(row), f64::from(array.value(row)), out);
            }
            Column::Other(array, formatter) if array.is_valid(row) => {
                let written = write!(out, "{}", formatter.value(row));
                written.map_err(|_| Error::invalid("result", "a value has no text"))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn column(array: &dyn Array) -> Result<Column<'_>> {
    Ok(match array.data_type() {
        DataType::Utf8View => Column::View(array.as_string_view()),
        DataType::Utf8 => Column::Text(array.as_string()),
        DataType::Float64 => Column::Double(array.as_primitive::<Float64Type>()),
        DataType::Float32 => Column::Single(array.as_primitive::<Float32Type>()),
        _ => {
            const OPTIONS: FormatOptions<'static> = FormatOptions::new()
                .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
                .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f%:z"));
            let formatter = ArrayFormatter::try_new(array, &OPTIONS);
            Column::Other(array, formatter.map_err(|error| from_datafusion(&error.into()))?)
        }
    })
}

/// Appends the shortest text that reads back as this number.
pub(super) fn write_double(number: f64, out: &mut String) {
    write_shortest(number, number, out);
}

/// As PostgreSQL, with an exponent below 1e-4 and from 1e15 on.
fn write_shortest<T: Display + LowerExp>(number: T, size: f64, out: &mut String) {
    let written = if size.is_nan() {
        out.push_str("NaN");
        Ok(())
    } else if size.is_infinite() {
        out.push_str(if size > 0.0 { "Infinity" } else { "-Infinity" });
        Ok(())
    } else if size != 0.0 && !(1e-4..1e15).contains(&size.abs()) {
        write!(out, "{number:e}")
    } else {
        write!(out, "{number}")
    };
    // Writing to a string cannot fail.
    written.unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(number: f64) -> String {
        let mut text = String::new();
        write_double(number, &mut text);
        text
    }

    #[test]
    fn writes_the_shortest_text() {
        let check = |number: f64, expected: &str| assert_eq!(text(number), expected);
        check(0.1 + 0.2, "0.30000000000000004");
        check(102.5, "102.5");
        check(-0.0, "-0");
        check(1e15, "1e15");
        check(123_456_789_012_345.0, "123456789012345");
        check(0.0001, "0.0001");
        check(0.000_01, "1e-5");
        check(f64::NAN, "NaN");
        check(f64::NEG_INFINITY, "-Infinity");
        check(f64::MIN_POSITIVE, "2.2250738585072014e-308");
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_number(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            prop_assert_eq!(text(number).parse::<f64>().map(f64::to_bits), Ok(bits));
        }
    }
}
