//! The operator: threads that each aggregate a share of the series, merged at the end.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::datatypes::{Field, SchemaRef};
use datafusion::common::Statistics;
use datafusion::common::runtime::JoinSet;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning};
use datafusion::physical_plan::{PlanProperties, ReplaceChildrenOptions};
use futures::{TryStreamExt, stream};

use crate::error;
use crate::error::Error;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::combinations::Combinations;
use crate::query::aggregate::keys::grouping::KeyColumn;
use crate::query::aggregate::output::Output;
use crate::query::aggregate::state::cells::Cells;
use crate::query::aggregate::state::groups::Groups;
use crate::query::aggregate::state::levels::{Level, levels};
use crate::query::aggregate::state::settle::settle;
use crate::query::aggregate::walk::summary::Summary;
use crate::query::aggregate::walk::work::{Work, check_cancelled};
use crate::query::error::{from_datafusion, to_datafusion};
use crate::query::scan::{Reads, ScanSpec, SeriesReader, Source, split};
use crate::store::{PeriodFilter, Selections};

/// Series of one share of the work, at least: some ten thousand observations.
const SHARE_SERIES_MIN: u64 = 256;
/// The same where no block is read: more than a thread costs.
const SHARE_TOTALS_MIN: u64 = 8_192;
/// Shares a thread, so that a thread whose shares are light takes over from the others.
const SHARES_PER_THREAD: u64 = 8;
/// Series whose stored totals are added by the thread that asks for the answer, at most: to hand
/// work over and to wait for it takes as long as some thousand of them.
const SERIES_HERE_MAX: u64 = 1 << 14;
/// Observations of such series, about: those of them that must be read take some milliseconds.
const OBSERVATIONS_HERE_MAX: u64 = 1 << 20;
/// The same where all of them are read.
const OBSERVATIONS_READ_HERE_MAX: u64 = 1 << 13;

/// What an answer follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Basis {
    /// The keys of the series.
    Keys,
    /// Which codes the series have.
    Index,
    /// Which periods each chunk covers.
    Spans,
    /// What is stored of each chunk.
    Totals,
    /// The observations.
    Observations,
}

/// The batches of an answer.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Aggregates the observations of selected series without making rows of them.
#[derive(Clone, Debug)]
pub(crate) struct SeriesAggregateExec {
    source: Arc<Source>,
    scan: Arc<ScanSpec>,
    spec: Arc<AggregateSpec>,
    schema: SchemaRef,
    threads: usize,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesAggregateExec {
    /// The aggregation `spec` of what `scan` reads, on up to `threads` threads. The columns of
    /// `schema` are the keys, then the functions.
    pub(crate) fn new(
        source: Arc<Source>,
        scan: ScanSpec,
        spec: AggregateSpec,
        schema: SchemaRef,
        threads: usize,
    ) -> Self {
        let ordering = LexOrdering::new(ordering(&spec, &schema));
        let equivalence = EquivalenceProperties::new_with_orderings(Arc::clone(&schema), ordering);
        let properties = PlanProperties::new(
            equivalence,
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            source,
            scan: Arc::new(scan),
            spec: Arc::new(spec),
            schema,
            threads: threads.max(1),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// What the answer follows from, given what answers at once and how many series it leaves.
    fn basis(&self, summary: &Summary, left: u64) -> Basis {
        let is_of_series = self.spec.conditions.iter().all(|c| c.formula.is_of_series());
        let is_whole = matches!(self.scan.periods, PeriodFilter::All);
        if left == 0 && !summary.is_empty() {
            return if summary.is_by_code() { Basis::Index } else { Basis::Totals };
        }
        if Combinations::are_wanted(&self.scan, &self.spec) {
            Basis::Keys
        } else if self.spec.reads_spans() && is_of_series {
            Basis::Spans
        } else if self.spec.reads_totals() && is_of_series && is_whole {
            Basis::Totals
        } else {
            Basis::Observations
        }
    }

    /// Whether series are done with before another thread would have begun.
    fn is_short(&self, series: &Selections, basis: Basis) -> bool {
        let parts = self.source.cube().parts().iter().zip(&series.0);
        let observations = parts.map(|(part, series)| {
            let footer = part.segment().footer();
            let of_each = footer.observations.div_ceil(u64::from(footer.series).max(1));
            of_each.saturating_mul(series.len())
        });
        let observations = observations.fold(0, u64::saturating_add);
        match basis {
            Basis::Observations => observations <= OBSERVATIONS_READ_HERE_MAX,
            Basis::Keys | Basis::Index | Basis::Spans | Basis::Totals => {
                series.len() <= SERIES_HERE_MAX && observations <= OBSERVATIONS_HERE_MAX
            }
        }
    }

    /// The answer, aggregated now.
    async fn aggregate(self, context: Arc<TaskContext>) -> Result<Batches> {
        let summary = Summary::of(&self.source, &self.scan, &self.spec);
        let (summary, rest) = summary.map_err(to_datafusion)?;
        let basis = self.basis(&summary, rest.len());
        let is_here = self.is_short(&rest, basis);
        if basis == Basis::Keys {
            return self.combinations(context, is_here).await;
        }
        let least = match basis {
            Basis::Keys | Basis::Index | Basis::Spans | Basis::Totals => SHARE_TOTALS_MIN,
            Basis::Observations => SHARE_SERIES_MIN,
        };
        let count = (rest.len() / least).clamp(1, self.threads as u64 * SHARES_PER_THREAD);
        let count = if is_here { 1 } else { usize::try_from(count).unwrap_or(1) };
        let shares = Shares {
            summary,
            pieces: split(&rest, count),
            next: AtomicUsize::new(0),
            is_of_one: is_here || self.threads == 1,
            cancelled: Arc::new(AtomicBool::new(false)),
        };
        let shares = Arc::new(shares);
        let batch_rows = context.session_config().batch_size();
        let threads = self.threads.min(shares.pieces.len());
        let operator = Arc::new(self);
        let _guard = CancelOnDrop(Arc::clone(&shares.cancelled));
        let mut found = Vec::with_capacity(threads);
        if is_here {
            found.push(operator.work(0, &shares, &context).map_err(to_datafusion)?);
        } else {
            let mut tasks = JoinSet::new();
            for thread in 0..threads {
                let (operator, shares) = (Arc::clone(&operator), Arc::clone(&shares));
                let context = Arc::clone(&context);
                tasks.spawn_blocking(move || operator.work(thread, &shares, &context));
            }
            while let Some(task) = tasks.join_next().await {
                let work = task.map_err(|e| DataFusionError::External(Box::new(e)))?;
                found.push(work.map_err(to_datafusion)?);
            }
        }
        let (levels, reservation) = operator.levels(found, &shares).await?;
        let spec = Arc::clone(&operator.spec);
        let levels = settle(&spec, levels, operator.threads, &shares.cancelled).await?;
        let output = Output::new(spec, Arc::clone(&operator.schema), levels, batch_rows);
        Ok(Box::new(output.holding(reservation)))
    }

    /// The combinations of values that the series have, found by this thread if `is_here`.
    async fn combinations(self, context: Arc<TaskContext>, is_here: bool) -> Result<Batches> {
        let name = format!("SeriesAggregate {}", self.source.name());
        let reservation = MemoryConsumer::new(name).register(context.memory_pool());
        let batch_rows = context.session_config().batch_size();
        let cancelled = Arc::new(AtomicBool::new(false));
        let _guard = CancelOnDrop(Arc::clone(&cancelled));
        let find = move || {
            let (spec, schema) = (Arc::clone(&self.spec), Arc::clone(&self.schema));
            let account = (reservation, cancelled.as_ref());
            let scan = (self.source.as_ref(), self.scan.as_ref());
            Combinations::find(scan, (spec, schema), batch_rows, account)
        };
        let found = if is_here { Ok(find()) } else { elsewhere(find).await };
        Ok(Box::new(found?.map_err(to_datafusion)?))
    }

    /// What all threads found, for each grouping set.
    async fn levels(
        &self,
        found: Vec<Found>,
        shares: &Shares,
    ) -> Result<(Vec<Level>, MemoryReservation)> {
        let (spec, cancelled) = (Arc::clone(&self.spec), Arc::clone(&shares.cancelled));
        let merged = move || -> error::Result<_> {
            let Found { groups, cells, reservation } = merge(found)?;
            let finest = Level { set: None, groups, cells };
            let mut reserve = |bytes: usize| {
                check_cancelled(&cancelled)?;
                reservation.try_resize(bytes).map_err(|e| from_datafusion(&e))
            };
            let levels = levels(&spec, finest, &mut reserve)?;
            reserve(levels.iter().map(Level::memory_bytes).sum())?;
            Ok((levels, reservation))
        };
        if self.spec.sets.is_none() {
            return merged().map_err(to_datafusion);
        }
        elsewhere(merged).await?.map_err(to_datafusion)
    }

    /// What one thread does: takes shares until none is left.
    fn work(&self, thread: usize, shares: &Shares, context: &TaskContext) -> error::Result<Found> {
        let name = format!("SeriesAggregate[{thread}] {}", self.source.name());
        let reservation = MemoryConsumer::new(name).register(context.memory_pool());
        let mut work = Work::new(&self.source, &self.scan, &self.spec, &shares.cancelled);
        let mut reserve =
            |bytes: usize| reservation.try_resize(bytes).map_err(|e| from_datafusion(&e));
        reserve(work.memory_bytes())?;
        if thread == 0 {
            work.add_summary(&shares.summary, &mut reserve)?;
        }
        while let Some(series) = shares.next() {
            work.run(series, &mut reserve)?;
        }
        work.finish()?;
        let Work { groups, cells, .. } = work;
        Ok(Found { groups, cells, reservation })
    }
}

/// What the threads share.
struct Shares {
    /// What answers for the other series.
    summary: Summary,
    pieces: Vec<Selections>,
    next: AtomicUsize,
    /// Whether one thread takes all of them.
    is_of_one: bool,
    cancelled: Arc<AtomicBool>,
}

impl Shares {
    /// A share that nobody has taken, from the front and from the back in turns: two threads that
    /// begin side by side would both decode the page of a table that they find first.
    fn next(&self) -> Option<&Selections> {
        let taken = self.next.fetch_add(1, Ordering::Relaxed);
        let place = match taken % 2 {
            _ if self.is_of_one => taken,
            0 => taken / 2,
            _ => self.pieces.len().checked_sub(1 + taken / 2)?,
        };
        self.pieces.get(place).filter(|_| taken < self.pieces.len())
    }
}

/// Stops the threads when nobody waits for them any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does work on a thread that may be busy for long.
async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let mut task = JoinSet::new();
    task.spawn_blocking(work);
    match task.join_next().await {
        Some(done) => done.map_err(|error| DataFusionError::External(Box::new(error))),
        None => Err(to_datafusion(Error::bug("a task that was never begun"))),
    }
}

/// What one thread found, and the memory it holds.
struct Found {
    groups: Groups,
    cells: Cells,
    reservation: MemoryReservation,
}

/// What all threads found, in the state of the one that found most groups.
fn merge(mut found: Vec<Found>) -> error::Result<Found> {
    found.sort_by_key(|one| one.groups.len());
    let last = found.pop().ok_or_else(|| Error::bug("an aggregation without threads"))?;
    let Found { mut groups, mut cells, reservation } = last;
    for other in found {
        let numbers: Vec<usize> =
            other.groups.keys().iter().map(|key| groups.number(*key)).collect();
        let more = cells.cells_of(&groups).saturating_sub(cells.capacity());
        if more > 0 {
            let bytes = groups.memory_bytes() + cells.memory_bytes();
            let bytes = bytes + more * cells.bytes_per_cell();
            reservation.try_resize(bytes).map_err(|e| from_datafusion(&e))?;
        }
        cells.follow(&groups);
        cells.merge(&other.cells, &numbers, None)?;
        // What the other collected is ours now.
        drop(other);
        let bytes = groups.memory_bytes() + cells.memory_bytes();
        reservation.try_resize(bytes).map_err(|e| from_datafusion(&e))?;
    }
    Ok(Found { groups, cells, reservation })
}

/// The order of the answer: that of the keys, as far as they are plain columns of dimensions.
fn ordering(spec: &AggregateSpec, schema: &SchemaRef) -> Vec<PhysicalSortExpr> {
    // Each grouping set begins anew.
    let columns = if spec.sets.is_some() { &[] } else { spec.keys.columns.as_slice() };
    let dimensions = columns.iter().enumerate().map_while(|(column, key)| match key {
        KeyColumn::Series(index) => spec.keys.series[*index].table.is_codes().then_some(column),
        KeyColumn::Attribute(_) | KeyColumn::Period(_) => None,
    });
    let sorted = dimensions.map(|column| {
        let options = SortOptions { descending: false, nulls_first: false };
        PhysicalSortExpr::new(Arc::new(Column::new(schema.field(column).name(), column)), options)
    });
    sorted.collect()
}

impl DisplayAs for SeriesAggregateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.schema.fields();
        let (keys, functions) = fields.split_at(self.spec.keys.columns.len());
        // The column that tells grouping sets apart is no function.
        let functions = &functions[usize::from(self.spec.sets.is_some())..];
        let names = |fields: &[Arc<_>]| -> String {
            let names: Vec<&str> = fields.iter().map(|f: &Arc<Field>| f.name().as_str()).collect();
            names.join(", ")
        };
        write!(f, "SeriesAggregateExec: ")?;
        write!(f, "groups=[{}], aggregates=[{}], ", names(keys), names(functions))?;
        if let Some(sets) = &self.spec.sets {
            write!(f, "sets={}, ", sets.len())?;
        }
        if let Some(filter) = self.spec.filter {
            write!(f, "filter=[{}], ", self.spec.conditions[filter].text)?;
        }
        let summary = Summary::of(&self.source, &self.scan, &self.spec);
        let (summary, rest) = summary.map_err(|_| fmt::Error)?;
        let (from, reads) = match self.basis(&summary, rest.len()) {
            Basis::Keys => ("keys", Reads::Totals),
            Basis::Index => ("index", Reads::Totals),
            Basis::Spans => ("spans", Reads::Totals),
            Basis::Totals => ("totals", Reads::Totals),
            Basis::Observations => ("observations", Reads::Blocks),
        };
        write!(f, "from={from}, ")?;
        self.scan.describe(&self.source, reads, f)
    }
}

impl SeriesReader for SeriesAggregateExec {
    fn source(&self) -> &Arc<Source> {
        &self.source
    }

    fn spec(&self) -> &ScanSpec {
        &self.scan
    }

    fn narrowed(&self, series: Selections) -> Result<Arc<dyn ExecutionPlan>> {
        let (series, memberships) = (Arc::new(series), Vec::new());
        let scan = ScanSpec { series, memberships, ..self.scan.as_ref().clone() };
        Ok(Arc::new(Self { scan: Arc::new(scan), ..self.clone() }))
    }
}

impl ExecutionPlan for SeriesAggregateExec {
    fn name(&self) -> &'static str {
        "SeriesAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Arc::new(Self { metrics, ..self.as_ref().clone() }))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let operator = self.clone();
        let answer = async move {
            let timer = baseline.elapsed_compute().timer();
            let output = operator.aggregate(context).await?;
            drop(timer);
            let counted = stream::iter(output).inspect_ok(move |batch| {
                baseline.record_output(batch.num_rows());
            });
            Ok::<_, DataFusionError>(counted)
        };
        let batches = stream::once(answer).try_flatten();
        let schema = Arc::clone(&self.schema);
        let stream = RecordBatchStreamAdapter::new(schema, batches);
        Ok(make_cooperative(Box::pin(stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let of_series = self.spec.keys.groups_per_series() as u64;
        let most = self.scan.series.len().saturating_mul(of_series);
        let groups = self.spec.keys.key_count.min(most);
        let groups = usize::try_from(groups).unwrap_or(usize::MAX).max(1);
        let sets = self.spec.sets.as_ref().map_or(1, Vec::len);
        let rows = groups.saturating_mul(self.spec.keys.width()).saturating_mul(sets);
        let statistics = Statistics::new_unknown(&self.schema);
        Ok(Arc::new(statistics.with_num_rows(match self.spec.keys.columns.as_slice() {
            [] => Precision::Exact(sets),
            _ => Precision::Inexact(rows),
        })))
    }
}
