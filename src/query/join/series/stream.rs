//! One partition of a join: keeps the chunks of a few left series, and reads their partners.
//!
//! Series are sorted by their keys in both cubes, so the partners of a few neighbours lie together,
//! and a block is mostly read once.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::cast::as_boolean_array;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use futures::Stream;

use crate::query::cancel::CancelToken;
use crate::query::error::to_datafusion;
use crate::query::join::series::SeriesJoinExec;
use crate::query::join::series::operator::Sides;
use crate::query::join::series::overlap::Overlap;
use crate::query::join::series::partners::Partners;
use crate::query::scan::{BatchBuilder, ScanSpec, SeriesScanExec, wanted_runs};
use crate::store::{Chunk, Cursor, Selections};

/// Slots of the left series that are kept at a time: some hundred series.
const KEPT_SLOTS: usize = 16_384;
/// What a chunk costs besides its slots, in slots.
const CHUNK_COST_SLOTS: usize = 32;
/// Bytes of a slot that is kept, for the account of memory.
const SLOT_BYTES: usize = 16;
/// Bytes of a row in each column, likewise.
const ROW_COLUMN_BYTES: usize = 20;

/// Opens the stream of one partition, which joins `series` of the left side. Nothing is read before
/// it is polled.
pub(super) fn open(
    operator: &SeriesJoinExec,
    series: Selections,
    metrics: &ExecutionPlanMetricsSet,
    partition: usize,
    context: &Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let Sides { left, right, .. } = operator.sides().as_ref();
    let layout = operator.layout();
    let own = Made::new(left, &layout.of_left())?;
    let other = Made::new(right, &layout.of_right())?;
    let batch_rows = context.session_config().batch_size();
    let columns = own.spec.projection.len() + other.spec.projection.len();
    let consumer = MemoryConsumer::new(format!("SeriesJoin[{partition}] {}", left.source().name()));
    let reservation = consumer.register(context.memory_pool());
    reservation
        .try_resize(2 * batch_rows * columns * ROW_COLUMN_BYTES + KEPT_SLOTS * SLOT_BYTES)?;
    Ok(Box::pin(cooperative(JoinStream {
        schema: operator.schema(),
        reading: Reading::Waiting(Box::new((operator.clone(), series, Arc::clone(context)))),
        own,
        other,
        kept: Vec::new(),
        runs: Vec::new(),
        overlap: Overlap::default(),
        places: layout.places(),
        filter: layout.made_filter().cloned(),
        batch_rows,
        reservation,
        baseline: BaselineMetrics::new(metrics, partition),
    })))
}

/// The columns that are made of one side.
struct Made {
    spec: ScanSpec,
    builder: BatchBuilder,
}

impl Made {
    fn new(scan: &SeriesScanExec, columns: &[usize]) -> Result<Self> {
        let all = &scan.spec().projection;
        let projection: Vec<usize> = columns.iter().map(|column| all[*column]).collect();
        let schema = Arc::new(scan.source().schema().project(&projection)?);
        let builder = BatchBuilder::new(Arc::clone(scan.source()), schema, &projection);
        Ok(Self { spec: ScanSpec { projection, ..scan.spec().clone() }, builder })
    }

    /// Reads `series` of a scan.
    fn cursor(&self, scan: &SeriesScanExec, series: Selections) -> Result<Cursor> {
        let request = self.spec.request(scan.source(), series);
        scan.source().cube().cursor(request).map_err(to_datafusion)
    }
}

/// A chunk of the left side, by its key.
struct Kept {
    key: u128,
    chunk: Chunk,
}

/// How far a partition is.
enum Reading {
    /// Nobody has asked for a row.
    Waiting(Box<(SeriesJoinExec, Selections, Arc<TaskContext>)>),
    /// Chunks are read.
    Open(Box<Open>),
    /// All rows are there, or nobody wants the rest.
    Done,
}

/// What an open partition reads.
struct Open {
    sides: Arc<Sides>,
    partners: Arc<Partners>,
    left: Cursor,
    /// The partners of what is kept; absent before the next series are kept.
    right: Option<Cursor>,
    token: Option<Arc<CancelToken>>,
}

/// The rows of one partition. Dropping it stops the reading.
struct JoinStream {
    schema: SchemaRef,
    reading: Reading,
    own: Made,
    other: Made,
    /// Chunks of the left side, ascending by key; their positions are those with an observation.
    kept: Vec<Kept>,
    runs: Vec<Range<usize>>,
    overlap: Overlap,
    /// Of each column of the output, its place among the columns that are made.
    places: Vec<usize>,
    /// What rows must pass, over the columns that are made.
    filter: Option<Arc<dyn PhysicalExpr>>,
    batch_rows: usize,
    reservation: MemoryReservation,
    baseline: BaselineMetrics,
}

impl JoinStream {
    /// Finds out which series meet.
    fn begin(&mut self) -> Result<()> {
        let Reading::Waiting(waiting) = &self.reading else { return Ok(()) };
        let (operator, series, context) = waiting.as_ref();
        let sides = Arc::clone(operator.sides());
        let token = context.session_config().get_extension::<CancelToken>();
        let partners = operator.partners(context)?;
        let series = sides.left.worth_reading(series, token.as_deref())?;
        let met = partners.met_by(&sides.matched.left, sides.left.source().cube(), &series)?;
        let left = self.own.cursor(&sides.left, met)?;
        self.reading = Reading::Open(Box::new(Open { sides, partners, left, right: None, token }));
        Ok(())
    }

    /// The next batch; absent at the end. Cost: a batch of rows and those of one more chunk with
    /// all that is kept.
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        self.begin()?;
        loop {
            if !self.fill()? {
                self.reading = Reading::Done;
            }
            let is_done = matches!(self.reading, Reading::Done);
            let rows = self.own.builder.rows();
            if rows == 0 && is_done {
                self.reservation.free();
                return Ok(None);
            }
            if rows > 0 {
                let batch = self.finish()?;
                if batch.num_rows() > 0 {
                    return Ok(Some(batch));
                }
            }
        }
    }

    /// Reads until a batch is full; false at the end.
    fn fill(&mut self) -> Result<bool> {
        let Reading::Open(open) = &mut self.reading else { return Ok(false) };
        while self.own.builder.rows() < self.batch_rows {
            let next = match &mut open.right {
                Some(right) => right.next().map_err(to_datafusion)?,
                None => None,
            };
            let Some(chunk) = next else {
                open.keep(&self.other, &mut self.kept)?;
                if self.kept.is_empty() {
                    return Ok(false);
                }
                continue;
            };
            let part = &open.sides.right.source().cube().parts()[chunk.part];
            let key = open.sides.matched.right.key(part, chunk.series).map_err(to_datafusion)?;
            let Some(key) = key else { continue };
            wanted_runs(chunk, &mut self.runs);
            let from = self.kept.partition_point(|kept| kept.key < key);
            for kept in self.kept[from..].iter().take_while(|kept| kept.key == key) {
                let (own, other) = (&kept.chunk.data, &chunk.data);
                if own.form != other.form {
                    continue;
                }
                let own = (kept.chunk.positions.as_slice(), own.first);
                self.overlap.find(own, (&self.runs, other.first));
                self.own.builder.push_runs(&kept.chunk, &self.overlap.left)?;
                self.other.builder.push_runs(chunk, &self.overlap.right)?;
            }
        }
        Ok(true)
    }

    /// The batch of all rows since the last one.
    fn finish(&mut self) -> Result<RecordBatch> {
        let (own, other) = (self.own.builder.finish()?, self.other.builder.finish()?);
        let size = own.get_array_memory_size() + other.get_array_memory_size();
        self.reservation.try_resize(size + KEPT_SLOTS * SLOT_BYTES)?;
        let columns = own.columns().iter().chain(other.columns()).cloned().collect();
        let fields = own.schema_ref().fields().iter().chain(other.schema_ref().fields()).cloned();
        let made = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let rows = |count: usize| RecordBatchOptions::new().with_row_count(Some(count));
        let mut both = RecordBatch::try_new_with_options(made, columns, &rows(own.num_rows()))?;
        if let Some(filter) = &self.filter {
            let passes = filter.evaluate(&both)?.into_array(both.num_rows())?;
            both = filter_record_batch(&both, as_boolean_array(&passes)?)?;
        }
        let columns = self.places.iter().map(|place| Arc::clone(both.column(*place))).collect();
        let (schema, rows) = (Arc::clone(&self.schema), rows(both.num_rows()));
        Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
    }
}

impl Open {
    /// Keeps the chunks of the next left series, and opens their partners; keeps none at the end.
    fn keep(&mut self, other: &Made, kept: &mut Vec<Kept>) -> Result<()> {
        if let Some(token) = &self.token {
            token.check()?;
        }
        kept.clear();
        let cube = self.sides.left.source().cube();
        let mut slots = 0;
        while slots < KEPT_SLOTS {
            let Some(chunk) = self.left.next().map_err(to_datafusion)? else { break };
            let part = &cube.parts()[chunk.part];
            let key = self.sides.matched.left.key(part, chunk.series).map_err(to_datafusion)?;
            let Some(key) = key else { continue };
            slots += chunk.data.slots + CHUNK_COST_SLOTS;
            let mut chunk = chunk.clone();
            let mut runs = Vec::new();
            wanted_runs(&chunk, &mut runs);
            chunk.positions = runs;
            kept.push(Kept { key, chunk });
        }
        kept.sort_by_key(|kept| kept.key);
        let mut keys: Vec<u128> = kept.iter().map(|kept| kept.key).collect();
        keys.dedup();
        let right = &self.sides.right;
        let parts = right.source().cube().parts().len();
        let selected = self.partners.selected(keys.into_iter(), parts);
        self.right = Some(other.cursor(right, selected)?);
        Ok(())
    }
}

impl Stream for JoinStream {
    type Item = Result<RecordBatch>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let time = this.baseline.elapsed_compute().clone();
        let timer = time.timer();
        let batch = this.read().transpose();
        timer.done();
        if let Some(Err(_)) = batch {
            this.reading = Reading::Done;
        }
        this.baseline.record_poll(Poll::Ready(batch))
    }
}

impl RecordBatchStream for JoinStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
