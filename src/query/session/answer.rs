//! The answer to one statement.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use futures::{Stream, StreamExt};

use crate::error::Result;
use crate::query::error::from_datafusion;
use crate::query::session::plans::Optimized;
use crate::query::session::ready::Ready;
use crate::query::write::WriteOutcome;

/// The answer to one statement: columns, and batches of rows as they are calculated. Dropping it
/// cancels the query.
pub struct Answer {
    schema: SchemaRef,
    tag: &'static str,
    plan: Option<Arc<dyn ExecutionPlan>>,
    origin: Option<Origin>,
    written: Option<WriteOutcome>,
    stream: SendableRecordBatchStream,
}

/// What was asked, and what it was planned with: kept to explain an answer without rows.
pub(super) struct Origin {
    pub(super) plan: Arc<Optimized>,
    pub(super) ready: Arc<Ready>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} columns)", self.tag, self.schema.fields().len())
    }
}

impl Answer {
    /// An answer whose columns are called as in `schema`, which has the types of the stream.
    pub(super) fn new(
        tag: &'static str,
        schema: SchemaRef,
        plan: Option<Arc<dyn ExecutionPlan>>,
        stream: SendableRecordBatchStream,
    ) -> Self {
        Self { schema, tag, plan, origin: None, written: None, stream }
    }

    pub(super) fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }

    pub(super) fn with_outcome(mut self, outcome: WriteOutcome) -> Self {
        self.written = Some(outcome);
        self
    }

    /// What a statement that writes did; its rows are those of `RETURNING`. Absent for all others.
    pub fn write_outcome(&self) -> Option<WriteOutcome> {
        self.written
    }

    /// Sentences that say why there are no rows, for an answer that had none: a code that does not
    /// exist with its nearest, codes that never meet, periods without data. Empty where nothing is
    /// known.
    ///
    /// # Errors
    ///
    /// Those of reading an index.
    pub fn why_empty(&self) -> Result<Vec<String>> {
        let Some(Origin { plan, ready }) = &self.origin else { return Ok(Vec::new()) };
        plan.why_empty(&ready.session)
    }

    fn named(&self, batch: RecordBatch) -> Result<RecordBatch> {
        if Arc::ptr_eq(batch.schema_ref(), &self.schema) {
            return Ok(batch);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let (schema, columns) = (Arc::clone(&self.schema), batch.columns().to_vec());
        let named = RecordBatch::try_new_with_options(schema, columns, &options);
        named.map_err(|error| from_datafusion(&error.into()))
    }

    /// The columns: none for `SET` and `RESET`.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What kind of statement it was, as PostgreSQL calls it: `SELECT`, `EXPLAIN`, `SHOW`, `SET`,
    /// `INSERT`, `BEGIN`.
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    /// The operators that calculate it, with their measurements. Absent where there are none.
    pub fn plan(&self) -> Option<&Arc<dyn ExecutionPlan>> {
        self.plan.as_ref()
    }

    /// The next rows. Absent at the end.
    ///
    /// # Errors
    ///
    /// What went wrong while they were calculated; nothing comes after it.
    pub async fn next(&mut self) -> Option<Result<RecordBatch>> {
        StreamExt::next(self).await
    }
}

impl Stream for Answer {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.stream.poll_next_unpin(context);
        next.map(|batch| {
            batch.map(|batch| match batch {
                Ok(batch) => self.named(batch),
                Err(error) => Err(from_datafusion(&error)),
            })
        })
    }
}
