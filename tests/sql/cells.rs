//! Cells as text.

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// The cells of a batch, row by row. A missing value is `NULL`, an empty text `(empty)`; doubles
/// are written as Rust writes them.
pub(crate) fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let columns: Vec<Vec<String>> = batch.columns().iter().map(|it| column(it.as_ref())).collect();
    let row = |row: usize| columns.iter().map(|column| column[row].clone()).collect();
    (0..batch.num_rows()).map(row).collect()
}

fn column(column: &dyn Array) -> Vec<String> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options).expect("a type with a text");
    let text = |row| {
        if column.is_null(row) {
            return "NULL".to_owned();
        }
        let text = formatter.value(row).to_string();
        if *column.data_type() == DataType::Float64 {
            // Not `1e15`: as a person would write it in a test.
            return text.parse::<f64>().map_or(text, |number| number.to_string());
        }
        if text.is_empty() { "(empty)".to_owned() } else { text }
    };
    (0..column.len()).map(text).collect()
}
