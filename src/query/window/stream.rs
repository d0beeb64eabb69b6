//! One partition of windows over series: reads series and hands out batches.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use futures::Stream;

use crate::query::error::to_datafusion;
use crate::query::scan::{BatchBuilder, ScanSpec};
use crate::query::window::SeriesWindowExec;
use crate::query::window::columns::{Layout, outputs};
use crate::query::window::rows::SeriesRows;
use crate::query::window::spec::WindowSpec;
use crate::query::window::wholeness::Share;
use crate::store::{ScanOrder, Selections};

/// Bytes of a row in each column, for the account of memory before there is a batch.
const ROW_COLUMN_BYTES: usize = 20;

/// Opens the stream of one partition. Nothing is read before it is polled.
pub(super) fn open(
    operator: &SeriesWindowExec,
    share: &Share,
    metrics: &ExecutionPlanMetricsSet,
    partition: usize,
    context: &TaskContext,
) -> Result<SendableRecordBatchStream> {
    let (source, layout) = (operator.source(), operator.layout());
    let batch_rows = context.session_config().batch_size();
    let consumer = MemoryConsumer::new(format!("SeriesWindow[{partition}] {}", source.name()));
    let reservation = consumer.register(context.memory_pool());
    reservation.try_resize(batch_rows * layout.projection.len() * ROW_COLUMN_BYTES)?;
    let mut cursors = Vec::new();
    let mut read = |series: &Selections, order: ScanOrder| {
        if !series.is_empty() {
            let scan = ScanSpec { order, ..operator.scan().clone() };
            let request = scan.request(source, series.clone());
            cursors.push(source.cube().cursor(request).map_err(to_datafusion)?);
        }
        Ok::<_, DataFusionError>(())
    };
    let together = match &operator.scan().order {
        ScanOrder::Stored => ScanOrder::Key(Vec::new()),
        sorted @ ScanOrder::Key(_) => sorted.clone(),
    };
    read(&share.mixed, together)?;
    read(&share.stored, ScanOrder::Stored)?;
    let scanned = Arc::new(source.schema().project(&layout.projection)?);
    let builder = BatchBuilder::new(Arc::clone(source), scanned, &layout.projection);
    let ends = operator.spec().ends;
    let rows = SeriesRows::new(Arc::clone(source), cursors, builder, &layout.measures, ends);
    Ok(Box::pin(cooperative(WindowStream {
        schema: operator.schema(),
        spec: Arc::clone(operator.spec()),
        layout: Arc::clone(layout),
        rows: Some(rows),
        ready: None,
        batch_rows,
        left: operator.scan().fetch,
        reservation,
        baseline: BaselineMetrics::new(metrics, partition),
    })))
}

/// The rows of one partition. Dropping it stops the reading.
struct WindowStream {
    schema: SchemaRef,
    spec: Arc<WindowSpec>,
    layout: Arc<Layout>,
    /// Absent at the end.
    rows: Option<SeriesRows>,
    /// Rows that are still to be handed out.
    ready: Option<RecordBatch>,
    batch_rows: usize,
    /// Rows that may still be handed out.
    left: Option<usize>,
    reservation: MemoryReservation,
    baseline: BaselineMetrics,
}

impl WindowStream {
    /// The next batch. Cost: a batch of rows, or one series where that is longer.
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        if self.left == Some(0) {
            self.rows = None;
            self.ready = None;
        }
        if self.ready.is_none()
            && let Some(rows) = &mut self.rows
        {
            let wanted = self.left.map_or(self.batch_rows, |left| left.min(self.batch_rows));
            match rows.read(wanted)? {
                Some(series) => {
                    let found = outputs(&self.spec, &self.layout, &self.schema, series)?;
                    self.reservation.try_resize(found.get_array_memory_size())?;
                    self.ready = Some(found);
                }
                None => self.rows = None,
            }
        }
        let Some(ready) = self.ready.take() else {
            self.reservation.free();
            return Ok(None);
        };
        // A batch ends with a series, so it is mostly a little longer than asked for.
        let most =
            if ready.num_rows() < 2 * self.batch_rows { ready.num_rows() } else { self.batch_rows };
        let most = self.left.map_or(most, |left| left.min(most));
        let batch = ready.slice(0, most);
        if most < ready.num_rows() {
            self.ready = Some(ready.slice(most, ready.num_rows() - most));
        }
        if let Some(left) = &mut self.left {
            *left -= batch.num_rows();
        }
        Ok(Some(batch))
    }
}

impl Stream for WindowStream {
    type Item = Result<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let time = this.baseline.elapsed_compute().clone();
        let timer = time.timer();
        let batch = this.read().transpose();
        timer.done();
        if let Some(Err(_)) = batch {
            this.rows = None;
            this.ready = None;
        }
        this.baseline.record_poll(Poll::Ready(batch))
    }
}

impl RecordBatchStream for WindowStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
