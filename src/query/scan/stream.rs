//! One partition of a scan: pulls chunks from the store and hands out batches.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, MetricBuilder};
use futures::Stream;

use crate::query::cancel::CancelToken;
use crate::query::error::to_datafusion;
use crate::query::scan::SeriesScanExec;
use crate::query::scan::batch::BatchBuilder;
use crate::store::{Cursor, Selections};

/// Bytes of a row in each column, for the account of memory before there is a batch.
const ROW_COLUMN_BYTES: usize = 20;
/// Bytes of a batch that stay close to the processor until they are written to a client.
const BATCH_BYTES: usize = 1 << 20;
/// Rows of a batch that are worth the work that each batch is.
const BATCH_ROWS_MIN: usize = 1_024;

/// Opens the stream of one partition, which scans `series`. Nothing is read before it is polled.
pub(super) fn open(
    scan: &SeriesScanExec,
    series: Selections,
    partition: usize,
    context: &TaskContext,
) -> Result<SendableRecordBatchStream> {
    let (source, spec) = (&scan.source, &scan.spec);
    let row_bytes = ROW_COLUMN_BYTES * spec.projection.len().max(1);
    let fitting = (BATCH_BYTES / row_bytes).max(BATCH_ROWS_MIN);
    let batch_rows = context.session_config().batch_size().min(fitting);
    let consumer = MemoryConsumer::new(format!("SeriesScan[{partition}] {}", source.name()));
    let mut reservation = consumer.register(context.memory_pool());
    reserve(&mut reservation, batch_rows * row_bytes)?;
    let schema = scan.properties.equivalence_properties().schema();
    let builder = BatchBuilder::new(Arc::clone(source), Arc::clone(schema), &spec.projection);
    Ok(Box::pin(cooperative(SeriesStream {
        schema: Arc::clone(schema),
        reading: Reading::Waiting(Box::new((scan.clone(), series))),
        builder,
        token: context.session_config().get_extension::<CancelToken>(),
        batch_rows,
        left: spec.fetch,
        reservation,
        baseline: BaselineMetrics::new(&scan.metrics, partition),
        chunks: MetricBuilder::new(&scan.metrics).counter("chunks", partition),
    })))
}

/// Takes `bytes` from the pool in all.
fn reserve(reservation: &mut MemoryReservation, bytes: usize) -> Result<()> {
    reservation.try_resize(bytes)
}

/// How far a partition is.
enum Reading {
    /// Nobody has asked for a row: what joins above will know by then is not known yet.
    Waiting(Box<(SeriesScanExec, Selections)>),
    /// Chunks are read.
    Open(Box<Cursor>),
    /// All rows are there, or nobody wants the rest.
    Done,
}

/// The rows of one partition. Dropping it stops the reading.
struct SeriesStream {
    schema: SchemaRef,
    reading: Reading,
    builder: BatchBuilder,
    /// Tells when nobody wants the rows any more.
    token: Option<Arc<CancelToken>>,
    batch_rows: usize,
    /// Rows that may still be handed out.
    left: Option<usize>,
    reservation: MemoryReservation,
    baseline: BaselineMetrics,
    chunks: Count,
}

impl SeriesStream {
    /// Opens the cursor over the series that are worth reading.
    fn begin(&mut self) -> Result<()> {
        let Reading::Waiting(waiting) = &self.reading else { return Ok(()) };
        let (scan, series) = waiting.as_ref();
        let (source, spec) = (&scan.source, &scan.spec);
        let series = scan.worth_reading(series, self.token.as_deref())?;
        let request = spec.request(source, series);
        let cursor = source.cube().cursor(request).map_err(to_datafusion)?;
        self.reading = Reading::Open(Box::new(cursor));
        Ok(())
    }

    /// Reads chunks until a batch is full. Cost: one batch, a millisecond or less.
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        let wanted = self.left.map_or(self.batch_rows, |left| left.min(self.batch_rows));
        self.begin()?;
        while self.builder.rows() < wanted {
            let Reading::Open(cursor) = &mut self.reading else { break };
            match cursor.next().map_err(to_datafusion)? {
                Some(chunk) => {
                    self.chunks.add(1);
                    self.builder.push(chunk)?;
                }
                None => self.reading = Reading::Done,
            }
        }
        if self.builder.rows() == 0 || wanted == 0 {
            self.reading = Reading::Done;
            self.reservation.free();
            return Ok(None);
        }
        let mut batch = self.builder.finish()?;
        if let Some(left) = &mut self.left {
            batch = batch.slice(0, batch.num_rows().min(*left));
            *left -= batch.num_rows();
        }
        reserve(&mut self.reservation, batch.get_array_memory_size())?;
        Ok(Some(batch))
    }
}

impl Stream for SeriesStream {
    type Item = Result<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let time = this.baseline.elapsed_compute().clone();
        let timer = time.timer();
        let batch = this.read().transpose();
        timer.done();
        if let Some(Err(_)) = batch {
            this.reading = Reading::Done;
            this.left = Some(0);
        }
        this.baseline.record_poll(Poll::Ready(batch))
    }
}

impl RecordBatchStream for SeriesStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
