//! Answers as text, one text a cell.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sdmxdb::error::Result;
use sdmxdb::query::Connection;

/// The columns of an answer and its rows. A missing value is `NULL`, an empty text `(empty)`;
/// numbers are written as Rust writes them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) types: Vec<DataType>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// Asks one statement.
pub(crate) fn ask(connection: &Connection, sql: &str) -> Result<Table> {
    let answer = connection.sql(sql)?;
    let schema = Arc::clone(answer.schema());
    let batches = answer.collect::<Result<Vec<RecordBatch>>>()?;
    Ok(table(&schema, &batches))
}

/// Writes batches as text.
pub(crate) fn table(schema: &Schema, batches: &[RecordBatch]) -> Table {
    let types = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<Vec<String>> =
            batch.columns().iter().map(|column| texts(column.as_ref())).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column[row].clone()).collect());
        }
    }
    Table { types, rows }
}

fn texts(column: &dyn Array) -> Vec<String> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options).expect("a type with a text");
    let text = |row| {
        if column.is_null(row) {
            return "NULL".to_owned();
        }
        let text = formatter.value(row).to_string();
        if *column.data_type() == DataType::Float64 {
            // Not `1e15`: as Rust writes it, and so as a person would write it in a test.
            return text.parse::<f64>().map_or(text, |number| number.to_string());
        }
        if text.is_empty() { "(empty)".to_owned() } else { text }
    };
    (0..column.len()).map(text).collect()
}
