//! Scanning a cube: the leaf of every plan that needs rows.
//!
//! `source` says what the columns of a cube's table are, `periods` lists all its periods, `bounds`
//! the least and greatest values of neighbouring series,
//! `spec` describes one scan by plain values, `keys` numbers the keys of its series, `membership`
//! lets another plan decide which are wanted, [`SeriesScanExec`] is its operator, `hints` say what
//! it need not read, `stream` runs one partition of it, `batch` builds the columns of its answer,
//! `numbers` their doubles, `texts` their decimals as published.

mod batch;
mod bounds;
mod hints;
mod keys;
mod membership;
mod numbers;
mod periods;
mod source;
mod spec;
mod stream;
mod texts;

use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Constraints, Statistics};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::DynamicFilterTracking;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning};
use datafusion::physical_plan::{PlanProperties, ReplaceChildrenOptions};

use crate::query::cancel::CancelToken;
use crate::query::error::to_datafusion;
use crate::query::statistics;
use crate::store::{KeyPart, ScanOrder, Selections};

pub(crate) use batch::{BatchBuilder, wanted_runs};
pub(crate) use bounds::{PageBounds, rank};
pub(crate) use keys::{KeyNumbers, KeySet};
pub(crate) use membership::{Membership, Wanted};
pub(crate) use numbers::{exact_divisor, write_mantissas};
pub(crate) use periods::{OrderedTexts, PeriodTable};
pub(crate) use source::{Content, SDMX_ID, SDMX_ROLE, Source};
pub(crate) use spec::{Reads, ScanSpec, partition_count, split};

/// Series from which on it is worth it to leave some out by what is learned while a plan runs.
const LEARNING_SERIES_MIN: u64 = 64;

/// An operator that reads the series of a scan by itself.
pub(crate) trait SeriesReader: ExecutionPlan {
    /// The table.
    fn source(&self) -> &Arc<Source>;

    /// What is read.
    fn spec(&self) -> &ScanSpec;

    /// The same over these of its series alone, in as many partitions, with no membership left to
    /// decide. What it measures is counted with this operator.
    ///
    /// # Errors
    ///
    /// None that the operator itself did not have.
    fn narrowed(&self, series: Selections) -> Result<Arc<dyn ExecutionPlan>>;
}

/// Scans the selected series of a cube, each partition a contiguous part of them.
#[derive(Clone, Debug)]
pub(crate) struct SeriesScanExec {
    source: Arc<Source>,
    spec: ScanSpec,
    partitions: Arc<Vec<Selections>>,
    /// Predicates over the output that wanted rows pass.
    hints: Vec<Arc<dyn PhysicalExpr>>,
    properties: Arc<PlanProperties>,
    statistics: Arc<OnceLock<Arc<Statistics>>>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesScanExec {
    /// The scan that `spec` describes, in up to `target_partitions` partitions; one that is sorted
    /// has only one.
    ///
    /// # Errors
    ///
    /// If `spec` does not fit the table.
    pub(crate) fn try_new(
        source: Arc<Source>,
        spec: ScanSpec,
        target_partitions: usize,
    ) -> Result<Self> {
        let partitions = match spec.order {
            ScanOrder::Stored => partition_count(spec.series.len(), target_partitions),
            ScanOrder::Key(_) => 1,
        };
        let partitions = Arc::new(split(&spec.series, partitions));
        let schema = Arc::new(source.schema().project(&spec.projection)?);
        let properties = Arc::new(properties(&source, &spec, schema, partitions.len()));
        let statistics = Arc::new(OnceLock::new());
        let metrics = ExecutionPlanMetricsSet::new();
        let hints = Vec::new();
        Ok(Self { source, spec, partitions, hints, properties, statistics, metrics })
    }

    /// The table.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// What is scanned.
    pub(crate) fn spec(&self) -> &ScanSpec {
        &self.spec
    }

    /// Whether what it reads depends on what joins and sorts above learn while they run.
    pub(crate) fn learns(&self) -> bool {
        self.hints.iter().any(learns)
    }

    /// The same scan of these series instead, in up to `target_partitions` partitions.
    ///
    /// # Errors
    ///
    /// None that the scan itself did not have.
    pub(crate) fn of_series(&self, series: Selections, target_partitions: usize) -> Result<Self> {
        let spec = ScanSpec { series: Arc::new(series), ..self.spec.clone() };
        Self::try_new(Arc::clone(&self.source), spec, target_partitions)
    }

    /// The same scan of series that also pass a membership.
    #[must_use]
    pub(crate) fn with_membership(&self, membership: Arc<Membership>) -> Self {
        let mut spec = self.spec.clone();
        spec.memberships.push(membership);
        Self { spec, statistics: Arc::default(), ..self.clone() }
    }

    /// The same rows sorted by the dimensions of `key`, then by period.
    ///
    /// # Errors
    ///
    /// None that the scan itself did not have.
    pub(crate) fn sorted(&self, key: Vec<KeyPart>, fetch: Option<usize>) -> Result<Self> {
        let fetch = spec::least(self.spec.fetch, fetch);
        let spec = ScanSpec { order: ScanOrder::Key(key), fetch, ..self.spec.clone() };
        Self::try_new(Arc::clone(&self.source), spec, 1)
    }

    /// The same scan, which need not read what no row is in that passes all of `predicates`, over
    /// its output.
    #[must_use]
    pub(crate) fn hinted(&self, predicates: &[Arc<dyn PhysicalExpr>]) -> Self {
        let may_help = |filter: &&Arc<dyn PhysicalExpr>| {
            self.spec.fetch.is_none() && hints::may_help(&self.source, &self.spec, filter)
        };
        let more = predicates.iter().filter(may_help).cloned();
        Self { hints: self.hints.iter().cloned().chain(more).collect(), ..self.clone() }
    }

    /// Those of `series` that may have rows which pass all hints. Stops when `token` says so.
    ///
    /// # Errors
    ///
    /// As of reading the footers of the cube's segments.
    pub(crate) fn worth_reading(
        &self,
        series: &Selections,
        token: Option<&CancelToken>,
    ) -> Result<Selections> {
        hints::worth_reading(&self.source, &self.spec, &self.hints, series, token)
    }

    /// What each column of the output shows.
    pub(crate) fn content(&self, column: usize) -> Content {
        self.source.contents()[self.spec.projection[column]]
    }
}

impl SeriesReader for SeriesScanExec {
    fn source(&self) -> &Arc<Source> {
        &self.source
    }

    fn spec(&self) -> &ScanSpec {
        &self.spec
    }

    fn narrowed(&self, series: Selections) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = Arc::new(split(&series, self.partitions.len()));
        let (series, memberships) = (Arc::new(series), Vec::new());
        let spec = ScanSpec { series, memberships, ..self.spec.clone() };
        Ok(Arc::new(Self { spec, partitions, statistics: Arc::default(), ..self.clone() }))
    }
}

/// Whether a predicate depends on what joins and sorts above learn while they run.
fn learns(predicate: &Arc<dyn PhysicalExpr>) -> bool {
    DynamicFilterTracking::classify(predicate).contains_dynamic_filter()
}

/// What the planner may rely on.
fn properties(
    source: &Source,
    spec: &ScanSpec,
    schema: SchemaRef,
    partitions: usize,
) -> PlanProperties {
    let ordering = LexOrdering::new(spec.ordering(source, &schema));
    let constraints = statistics::primary_key(source);
    let constraints: Option<Constraints> = constraints.project(&spec.projection);
    let equivalence = EquivalenceProperties::new_with_orderings(schema, ordering)
        .with_constraints(constraints.unwrap_or_default());
    let partitioning = Partitioning::UnknownPartitioning(partitions);
    PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded)
        .with_scheduling_type(SchedulingType::Cooperative)
}

impl DisplayAs for SeriesScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeriesScanExec: ")?;
        self.spec.describe(&self.source, Reads::Blocks, f)?;
        for (place, hint) in self.hints.iter().enumerate() {
            write!(f, "{}{hint}", if place == 0 { ", if=" } else { " AND " })?;
        }
        Ok(())
    }
}

impl ExecutionPlan for SeriesScanExec {
    fn name(&self) -> &'static str {
        "SeriesScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for hint in &self.hints {
            if f(hint)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
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
        let series = self.partitions[partition].clone();
        stream::open(self, series, partition, &context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        if let Some(partition) = args.partition() {
            let series = &self.partitions[partition];
            let found = statistics::of_scan(&self.source, &self.spec, series);
            return found.map(Arc::new).map_err(to_datafusion);
        }
        if let Some(known) = self.statistics.get() {
            return Ok(Arc::clone(known));
        }
        let found = statistics::of_scan(&self.source, &self.spec, &self.spec.series);
        let found = Arc::new(found.map_err(to_datafusion)?);
        Ok(Arc::clone(self.statistics.get_or_init(|| found)))
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let spec = ScanSpec { fetch: limit, ..self.spec.clone() };
        // The first rows are the first of all, whatever becomes of them above.
        let (statistics, hints) = (Arc::default(), Vec::new());
        Some(Arc::new(Self { spec, hints, statistics, ..self.clone() }))
    }

    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        pushed: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters = pushed.parent_filters;
        let refused = vec![PushedDown::No; filters.len()];
        let answer = FilterPushdownPropagation::with_parent_pushdown_result(refused);
        // What few series learn saves less than it costs to plan such a statement each time.
        let is_worth_it = |filter: &Arc<dyn PhysicalExpr>| {
            self.spec.series.len() >= LEARNING_SERIES_MIN || !learns(filter)
        };
        let filters = filters.into_iter().map(|pushed| pushed.filter).filter(is_worth_it);
        let hinted = self.hinted(&filters.collect::<Vec<_>>());
        if hinted.hints.len() == self.hints.len() {
            return Ok(answer);
        }
        Ok(answer.with_updated_node(Arc::new(hinted)))
    }

    fn fetch(&self) -> Option<usize> {
        self.spec.fetch
    }
}
