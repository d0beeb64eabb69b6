//! Rows that are made one after the other, as columns; and the stream of them.

use std::fmt;
use std::iter;
use std::sync::Arc;

use arrow::array::builder::{
    Float64Builder, Int64Builder, StringViewBuilder, TimestampMicrosecondBuilder,
};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::stream;

use crate::error;
use crate::model::{Flow, Value};
use crate::query::error::to_datafusion;
use crate::store::{SqlNames, text_column};

const UTC: &str = "+00:00";

/// A batch in the making: each row is pushed cell by cell, from the first column to the last.
pub(super) struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
    next: usize,
    count: usize,
}

enum Column {
    Text(StringViewBuilder),
    Number(Float64Builder),
    Count(Int64Builder),
    Moment(TimestampMicrosecondBuilder),
}

impl Rows {
    pub(super) fn new(schema: &SchemaRef) -> Self {
        let column = |field: &Arc<Field>| match field.data_type() {
            DataType::Float64 => Column::Number(Float64Builder::new()),
            DataType::Int64 => Column::Count(Int64Builder::new()),
            DataType::Timestamp(..) => {
                Column::Moment(TimestampMicrosecondBuilder::new().with_timezone(UTC))
            }
            _ => Column::Text(StringViewBuilder::new()),
        };
        let columns = schema.fields().iter().map(column).collect();
        Self { schema: Arc::clone(schema), columns, next: 0, count: 0 }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn text(&mut self, text: Option<&str>) {
        if let Some(Column::Text(column)) = self.column() {
            column.append_option(text);
        }
    }

    pub(super) fn count(&mut self, number: Option<u64>) {
        if let Some(Column::Count(column)) = self.column() {
            column.append_option(number.and_then(|number| i64::try_from(number).ok()));
        }
    }

    pub(super) fn moment(&mut self, micros: Option<i64>) {
        if let Some(Column::Moment(column)) = self.column() {
            column.append_option(micros);
        }
    }

    /// A measure: as a number, and as it was published.
    pub(super) fn value(&mut self, value: Option<&Value>) {
        if let Some(Column::Number(column)) = self.column() {
            column.append_option(value.and_then(Value::number));
        }
        let mut text = Vec::new();
        if let Some(value) = value {
            value.write_to(&mut text);
        }
        let text = str::from_utf8(&text).ok().filter(|text| !text.is_empty());
        self.text(text);
    }

    /// The column of the next cell; after the last begins the next row.
    fn column(&mut self) -> Option<&mut Column> {
        let at = self.next;
        self.next += 1;
        if self.next == self.columns.len() {
            self.next = 0;
            self.count += 1;
        }
        self.columns.get_mut(at)
    }

    /// The batch; what follows is another.
    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let array = |column: &mut Column| -> ArrayRef {
            match column {
                Column::Text(column) => Arc::new(column.finish()),
                Column::Number(column) => Arc::new(column.finish()),
                Column::Count(column) => Arc::new(column.finish()),
                Column::Moment(column) => Arc::new(column.finish()),
            }
        };
        self.count = 0;
        let columns = self.columns.iter_mut().map(array).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// Columns, each under a name that no other has.
pub(super) struct Columns {
    fields: Vec<Field>,
}

impl Columns {
    /// The dimensions and the period of a dataflow, under their names in SQL.
    pub(super) fn of_keys(flow: &Flow, names: &SqlNames) -> Self {
        let mut columns = Self { fields: Vec::new() };
        for name in names.columns.iter().take(flow.measures_from()) {
            columns.text(name, false);
        }
        columns
    }

    pub(super) fn text(&mut self, name: &str, is_nullable: bool) {
        self.add(name, DataType::Utf8View, is_nullable);
    }

    pub(super) fn count(&mut self, name: &str) {
        self.add(name, DataType::Int64, true);
    }

    pub(super) fn moment(&mut self, name: &str) {
        let kind = DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()));
        self.add(name, kind, true);
    }

    /// A measure: as a number, and as it was published.
    pub(super) fn value(&mut self, name: &str, ending: &str) {
        self.add(&format!("{name}{ending}"), DataType::Float64, true);
        self.text(&format!("{}{ending}", text_column(name)), true);
    }

    fn add(&mut self, name: &str, kind: DataType, is_nullable: bool) {
        let mut name = name.to_owned();
        while self.fields.iter().any(|field| *field.name() == name) {
            name.push('_');
        }
        self.fields.push(Field::new(name, kind, is_nullable));
    }

    pub(super) fn schema(self) -> SchemaRef {
        Arc::new(Schema::new(self.fields))
    }
}

/// What makes rows, one call after the other; `false` at the end.
pub(super) type Feed = Box<dyn FnMut(&mut Rows) -> error::Result<bool> + Send>;

/// Opens what makes rows, when a statement first asks for one.
pub(super) type OpenFeed = Arc<dyn Fn() -> error::Result<Feed> + Send + Sync>;

/// Rows as the one partition of a table.
pub(super) struct Partition {
    pub(super) schema: SchemaRef,
    pub(super) open: OpenFeed,
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition of {} columns", self.schema.fields().len())
    }
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batch_rows = context.session_config().batch_size();
        let mut rows = Rows::new(&self.schema);
        let (open, mut feed, mut is_done) = (Arc::clone(&self.open), None, false);
        let mut next = move || -> Result<Option<RecordBatch>> {
            let feed = match &mut feed {
                Some(feed) => feed,
                None => feed.insert(open().map_err(to_datafusion)?),
            };
            while !is_done && rows.len() < batch_rows {
                is_done = !feed(&mut rows).map_err(to_datafusion)?;
            }
            if rows.len() == 0 { Ok(None) } else { rows.finish().map(Some) }
        };
        let mut has_failed = false;
        let batches = iter::from_fn(move || {
            if has_failed {
                return None;
            }
            let batch = next().transpose();
            has_failed = matches!(batch, Some(Err(_)));
            batch
        });
        let schema = Arc::clone(&self.schema);
        let batches = RecordBatchStreamAdapter::new(schema, stream::iter(batches));
        Box::pin(cooperative(batches))
    }
}
