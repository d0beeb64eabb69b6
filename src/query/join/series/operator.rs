//! The operator: partitions that each join a share of the left side's series.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::{
    EmbeddedProjection, ProjectionExec, try_embed_projection,
};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning};
use datafusion::physical_plan::{PlanProperties, ReplaceChildrenOptions};

use crate::query::cancel::CancelToken;
use crate::query::error::to_datafusion;
use crate::query::join::series::layout::Layout;
use crate::query::join::series::partners::{Matched, Partners};
use crate::query::join::series::stream;
use crate::query::scan::{Reads, SeriesScanExec, partition_count, split};
use crate::query::statistics;
use crate::store::Selections;

/// Two scans, and which of their series meet.
#[derive(Clone, Debug)]
pub(super) struct Sides {
    pub(super) left: SeriesScanExec,
    pub(super) right: SeriesScanExec,
    pub(super) matched: Matched,
}

/// The series of the right side, and the memory that they take.
type Found = Option<(Arc<Partners>, MemoryReservation)>;

/// Joins observations of two scans that agree in dimensions and in the period.
#[derive(Clone, Debug)]
pub(crate) struct SeriesJoinExec {
    sides: Arc<Sides>,
    layout: Layout,
    /// The series of the left side that each partition reads.
    shares: Arc<Vec<Selections>>,
    /// What the first partition that is asked for rows finds for all.
    partners: Arc<Mutex<Found>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesJoinExec {
    /// The join of `sides` on up to `threads` threads; `schema` is that of its output.
    pub(super) fn new(sides: Sides, layout: Layout, schema: SchemaRef, threads: usize) -> Self {
        let series = &sides.left.spec().series;
        let shares = Arc::new(split(series, partition_count(series.len(), threads)));
        Self::with(Arc::new(sides), layout, shares, schema)
    }

    fn with(
        sides: Arc<Sides>,
        layout: Layout,
        shares: Arc<Vec<Selections>>,
        schema: SchemaRef,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(shares.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let (partners, metrics) = (Arc::default(), ExecutionPlanMetricsSet::new());
        Self { sides, layout, shares, partners, properties: Arc::new(properties), metrics }
    }

    pub(super) fn sides(&self) -> &Arc<Sides> {
        &self.sides
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The series of the right side by their keys, found once for all partitions.
    pub(super) fn partners(&self, context: &TaskContext) -> Result<Arc<Partners>> {
        let mut known = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((partners, _)) = known.as_ref() {
            return Ok(Arc::clone(partners));
        }
        let Sides { right, matched, .. } = self.sides.as_ref();
        let token = context.session_config().get_extension::<CancelToken>();
        let token = token.as_deref();
        let series = right.worth_reading(&right.spec().series, token)?;
        let cube = right.source().cube();
        let partners = Arc::new(Partners::new(&matched.right, cube, &series, token)?);
        let consumer = MemoryConsumer::new(format!("SeriesJoin {}", right.source().name()));
        let reservation = consumer.register(context.memory_pool());
        reservation.try_resize(partners.memory_bytes())?;
        *known = Some((Arc::clone(&partners), reservation));
        Ok(partners)
    }

    fn anew(&self) -> Self {
        let (partners, metrics) = (Arc::default(), ExecutionPlanMetricsSet::new());
        Self { partners, metrics, ..self.clone() }
    }
}

impl EmbeddedProjection for SeriesJoinExec {
    fn with_projection(&self, projection: Option<Vec<usize>>) -> Result<Self> {
        let Some(columns) = projection else { return Ok(self.clone()) };
        let schema = Arc::new(self.schema().project(&columns)?);
        let (sides, shares) = (Arc::clone(&self.sides), Arc::clone(&self.shares));
        Ok(Self::with(sides, self.layout.picking(&columns)?, shares, schema))
    }
}

impl DisplayAs for SeriesJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sides { left, right, matched } = self.sides.as_ref();
        let name = |scan: &SeriesScanExec, dimension: usize| {
            let found = scan.source().cube().flow().dimensions().get(dimension);
            found.map(|dimension| dimension.id.to_lowercase()).unwrap_or_default()
        };
        write!(f, "SeriesJoinExec: on=[")?;
        for (own, other) in &matched.dimensions {
            let (own, other) = (name(left, *own), name(right, *other));
            if own == other { write!(f, "{own}, ") } else { write!(f, "{own} = {other}, ") }?;
        }
        write!(f, "period], ")?;
        if let Some(filter) = &self.layout.filter {
            write!(f, "where={filter}, ")?;
        }
        for (side, scan) in [("left", left), ("right", right)] {
            write!(f, "{side}=(")?;
            scan.spec().describe(scan.source(), Reads::Blocks, f)?;
            write!(f, "{}", if side == "left" { "), " } else { ")" })?;
        }
        Ok(())
    }
}

impl ExecutionPlan for SeriesJoinExec {
    fn name(&self) -> &'static str {
        "SeriesJoinExec"
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
        self.layout.filter.as_ref().map_or(Ok(TreeNodeRecursion::Continue), f)
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
        Ok(Arc::new(self.anew()))
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        try_embed_projection(projection, self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let share = self.shares[partition].clone();
        stream::open(self, share, &self.metrics, partition, &context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    /// An estimate: as many rows as the side with fewer has.
    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = Statistics::new_unknown(&self.schema());
        if args.partition().is_some() {
            return Ok(Arc::new(unknown));
        }
        let rows = |scan: &SeriesScanExec| {
            let known = statistics::of_scan(scan.source(), scan.spec(), &scan.spec().series);
            known.map(|known| known.num_rows).map_err(to_datafusion)
        };
        let (left, right) = (rows(&self.sides.left)?, rows(&self.sides.right)?);
        let least: Precision<usize> = left.min(&right).to_inexact();
        Ok(Arc::new(unknown.with_num_rows(least)))
    }
}
