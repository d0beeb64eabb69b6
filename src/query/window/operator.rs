//! The operator: partitions that each read a share of the series, whole.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning};
use datafusion::physical_plan::{PlanProperties, ReplaceChildrenOptions};

use crate::index::Selection;
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, Reads, ScanSpec, SeriesReader, Source, partition_count, split};
use crate::query::statistics;
use crate::query::window::columns::Layout;
use crate::query::window::inputs::{Below, content};
use crate::query::window::spec::{Column, Ends, Function, Window, WindowSpec};
use crate::query::window::stream;
use crate::query::window::wholeness::{Share, shares};
use crate::store::{Direction, KeyPart, ScanOrder, Selections};

/// Calculates window functions over the selected series of a cube, each series whole.
#[derive(Clone, Debug)]
pub(crate) struct SeriesWindowExec {
    source: Arc<Source>,
    scan: ScanSpec,
    spec: Arc<WindowSpec>,
    layout: Arc<Layout>,
    shares: Arc<Vec<Share>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesWindowExec {
    /// The windows of `below`, on up to `threads` threads; `schema` is that of its outputs.
    pub(super) fn try_new(mut below: Below, schema: SchemaRef, threads: usize) -> Result<Self> {
        let (stored, mixed) = below.whole()?.clone();
        let count = partition_count(stored.len() + mixed.len(), threads);
        let mixed = shares(below.source.cube(), &mixed, count).map_err(to_datafusion)?;
        let of_thread = split(&stored, count).into_iter().zip(mixed);
        let of_thread = of_thread.map(|(stored, mixed)| Share { stored, mixed }).collect();
        let Below { source, scan, spec, .. } = below;
        Self::with(source, scan, spec, schema, Arc::new(of_thread))
    }

    fn with(
        source: Arc<Source>,
        scan: ScanSpec,
        spec: WindowSpec,
        schema: SchemaRef,
        shares: Arc<Vec<Share>>,
    ) -> Result<Self> {
        let layout = Arc::new(Layout::of(&spec)?);
        let scan = ScanSpec { projection: layout.projection.clone(), ..scan };
        let ordering = LexOrdering::new(scan.ordering_of(
            &schema,
            |column| content(&source, &spec, spec.outputs[column]),
            &source,
        ));
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(schema, ordering),
            Partitioning::UnknownPartitioning(shares.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let (spec, properties) = (Arc::new(spec), Arc::new(properties));
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { source, scan, spec, layout, shares, properties, metrics })
    }

    /// What it is to windows above it; absent where rows have been left out already.
    pub(super) fn below(&self) -> Option<Below> {
        let is_whole = self.spec.ends.is_none() && self.scan.order == ScanOrder::Stored;
        let spec = || WindowSpec::clone(&self.spec);
        is_whole.then(|| Below::of_windows(Arc::clone(&self.source), self.scan.clone(), spec()))
    }

    /// The same with these of its columns, under the names of `schema`.
    pub(super) fn picking(&self, columns: &[usize], schema: SchemaRef) -> Result<Self> {
        let outputs = columns.iter().map(|column| self.spec.outputs[*column]).collect();
        let spec = WindowSpec { outputs, ..WindowSpec::clone(&self.spec) };
        let shares = Arc::clone(&self.shares);
        Self::with(Arc::clone(&self.source), self.scan.clone(), spec, schema, shares)
    }

    /// Which way a column numbers the rows of a series, if it does.
    pub(super) fn row_number(&self, column: usize) -> Option<Direction> {
        let Column::Window(window) = self.spec.outputs.get(column)? else { return None };
        let window = self.spec.windows.get(*window)?;
        matches!(window.function, Function::RowNumber).then_some(window.direction)
    }

    /// The same with no rows but those at one end of each series; absent where other rows matter to
    /// what it gives.
    pub(super) fn cut(&self, ends: Ends) -> Option<Self> {
        let is_numbered = |window: &Window| {
            matches!(window.function, Function::RowNumber) && window.direction == ends.direction
        };
        let can_cut = self.spec.condition.is_none() && self.spec.windows.iter().all(is_numbered);
        let spec = WindowSpec { ends: Some(ends), ..WindowSpec::clone(&self.spec) };
        can_cut.then(|| Self { spec: Arc::new(spec), ..self.clone() })
    }

    /// The cube.
    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// What is read.
    pub(crate) fn scan(&self) -> &ScanSpec {
        &self.scan
    }

    /// What a column of the output shows, where it is a column of the table.
    pub(crate) fn content(&self, column: usize) -> Option<Content> {
        content(&self.source, &self.spec, *self.spec.outputs.get(column)?)
    }

    /// The same rows sorted by the dimensions of `key`, then by period; the first ones only, where
    /// `fetch` says how many.
    ///
    /// # Errors
    ///
    /// None that it did not have itself.
    pub(crate) fn sorted(&self, key: Vec<KeyPart>, fetch: Option<usize>) -> Result<Self> {
        let none = self.scan.series.0.iter().map(|_| Selection::empty());
        let (stored, mixed) = (Selections(none.collect()), Selections::clone(&self.scan.series));
        let shares = Arc::new(vec![Share { stored, mixed }]);
        let scan = ScanSpec { order: ScanOrder::Key(key), fetch, ..self.scan.clone() };
        let spec = WindowSpec::clone(&self.spec);
        Self::with(Arc::clone(&self.source), scan, spec, self.schema(), shares)
    }

    pub(super) fn spec(&self) -> &Arc<WindowSpec> {
        &self.spec
    }

    pub(super) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    fn describe(&self, window: &Window, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |column: &Column| match column {
            Column::Input(input) => {
                let expr = &self.spec.inputs[*input].expr;
                let column = expr.downcast_ref::<expressions::Column>();
                column.map_or_else(|| expr.to_string(), |column| column.name().to_owned())
            }
            Column::Window(window) => format!("window {window}"),
        };
        let frame = window.frame;
        match &window.function {
            Function::RowNumber => write!(f, "row number"),
            Function::Shift { column, rows, .. } => write!(f, "{} {rows} earlier", name(column)),
            Function::First(column) => write!(f, "first {} of {frame}", name(column)),
            Function::Last(column) => write!(f, "last {} of {frame}", name(column)),
            Function::CountRows => write!(f, "count of {frame}"),
            Function::Count(column) => write!(f, "count {} of {frame}", name(column)),
            Function::Sum(column) => write!(f, "sum {} of {frame}", name(column)),
            Function::Mean(column) => write!(f, "mean {} of {frame}", name(column)),
            Function::Min(column) => write!(f, "min {} of {frame}", name(column)),
            Function::Max(column) => write!(f, "max {} of {frame}", name(column)),
            Function::Plain(plain) => write!(f, "{}", plain.expr.name()),
        }?;
        if window.direction == Direction::Descending { write!(f, " backwards") } else { Ok(()) }
    }
}

impl SeriesReader for SeriesWindowExec {
    fn source(&self) -> &Arc<Source> {
        &self.source
    }

    fn spec(&self) -> &ScanSpec {
        &self.scan
    }

    fn narrowed(&self, series: Selections) -> Result<Arc<dyn ExecutionPlan>> {
        let shares = self.shares.iter().map(|share| Share {
            stored: share.stored.and(&series),
            mixed: share.mixed.and(&series),
        });
        let shares = Arc::new(shares.collect());
        let (series, memberships) = (Arc::new(series), Vec::new());
        let scan = ScanSpec { series, memberships, ..self.scan.clone() };
        Ok(Arc::new(Self { scan, shares, ..self.clone() }))
    }
}

impl DisplayAs for SeriesWindowExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeriesWindowExec: windows=[")?;
        for (index, window) in self.spec.windows.iter().enumerate() {
            write!(f, "{}", if index == 0 { "" } else { ", " })?;
            self.describe(window, f)?;
        }
        write!(f, "], ")?;
        if let Some(condition) = &self.spec.condition {
            write!(f, "where={condition}, ")?;
        }
        if let Some(ends) = &self.spec.ends {
            write!(f, "rows_of_series={}, ", ends.rows)?;
        }
        self.scan.describe(&self.source, Reads::Blocks, f)
    }
}

impl ExecutionPlan for SeriesWindowExec {
    fn name(&self) -> &'static str {
        "SeriesWindowExec"
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
        stream::open(self, &self.shares[partition], &self.metrics, partition, &context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let unknown = Statistics::new_unknown(&self.schema());
        if args.partition().is_some() {
            return Ok(Arc::new(unknown));
        }
        let scan = statistics::of_scan(&self.source, &self.scan, &self.scan.series);
        let rows = scan.map_err(to_datafusion)?.num_rows;
        let is_all = self.spec.condition.is_none() && self.spec.ends.is_none();
        let rows = if is_all { rows } else { rows.to_inexact() };
        let known: Precision<usize> = rows;
        Ok(Arc::new(unknown.with_num_rows(known)))
    }
}
