//! Answers as text, one text a cell.

#[path = "cells.rs"]
mod cells;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use sdmxdb::error::Result;
use sdmxdb::query::Connection;

use cells::texts;

/// The columns of an answer and its rows. See [`texts`].
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
    let rows = batches.iter().flat_map(texts).collect();
    Table { types, rows }
}
