//! Columns for a table in memory: the schema and the values in one go.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Int32Array, Int64Array, RecordBatch};
use arrow::array::{StringViewArray, TimestampMicrosecondArray};
use arrow::datatypes::{Field, Schema};
use datafusion::common::Result;

/// Named columns of one length, in order. Every method adds one.
#[derive(Default)]
pub(super) struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn push(mut self, name: impl Into<Cow<'static, str>>, array: ArrayRef, nullable: bool) -> Self {
        self.fields.push(Field::new(name.into(), array.data_type().clone(), nullable));
        self.arrays.push(array);
        self
    }

    /// Texts that are always there.
    pub(super) fn key<T: AsRef<str>>(
        self,
        name: &'static str,
        values: impl Iterator<Item = T>,
    ) -> Self {
        let array: StringViewArray = values.map(Some).collect();
        self.push(name, Arc::new(array), false)
    }

    /// Texts that may be missing.
    pub(super) fn text<T: AsRef<str>>(
        self,
        name: impl Into<Cow<'static, str>>,
        values: impl Iterator<Item = Option<T>>,
    ) -> Self {
        self.push(name, Arc::new(values.collect::<StringViewArray>()), true)
    }

    /// Small whole numbers.
    pub(super) fn integer(
        self,
        name: &'static str,
        values: impl Iterator<Item = Option<i32>>,
    ) -> Self {
        self.push(name, Arc::new(values.collect::<Int32Array>()), true)
    }

    /// Counts.
    pub(super) fn count(
        self,
        name: &'static str,
        values: impl Iterator<Item = Option<i64>>,
    ) -> Self {
        self.push(name, Arc::new(values.collect::<Int64Array>()), true)
    }

    /// Yes or no.
    pub(super) fn flag(self, name: &'static str, values: impl Iterator<Item = bool>) -> Self {
        let array: BooleanArray = values.map(Some).collect();
        self.push(name, Arc::new(array), false)
    }

    /// Days since 1970-01-01.
    pub(super) fn date(self, name: &'static str, values: impl Iterator<Item = i32>) -> Self {
        self.push(name, Arc::new(Date32Array::from_iter_values(values)), false)
    }

    /// Moments, in microseconds since 1970-01-01 UTC.
    pub(super) fn moment(
        self,
        name: &'static str,
        values: impl Iterator<Item = Option<i64>>,
    ) -> Self {
        let array: TimestampMicrosecondArray = values.collect();
        self.push(name, Arc::new(array.with_timezone("+00:00")), true)
    }

    /// The table.
    pub(super) fn batch(self) -> Result<RecordBatch> {
        Ok(RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)?)
    }
}
