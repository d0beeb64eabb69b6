//! The operator that finds out which series are wanted, then lets another one read them.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, PhysicalExpr};
use datafusion::physical_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan};
use datafusion::physical_plan::{InputDistributionRequirements, PlanProperties};
use futures::{TryStreamExt, stream};
use tokio::sync::OnceCell;

use crate::error::Error;
use crate::query::error::to_datafusion;
use crate::query::join::semi::reader;
use crate::query::scan::{Membership, Wanted};
use crate::store::Selections;

/// Runs its inputs to their end, and then an operator over the series that they leave.
#[derive(Debug)]
pub(super) struct SeriesMembersExec {
    /// The operator over all series that may be left.
    template: Arc<dyn ExecutionPlan>,
    /// What each input decides.
    memberships: Vec<Arc<Membership>>,
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    /// The operator over those that are, once the first of its partitions is asked for rows.
    narrowed: Arc<OnceCell<Arc<dyn ExecutionPlan>>>,
}

impl SeriesMembersExec {
    /// Runs `template`, which reads series, over those that pass its `memberships`.
    pub(super) fn new(template: Arc<dyn ExecutionPlan>, memberships: Vec<Arc<Membership>>) -> Self {
        let inputs = memberships.iter().map(|membership| Arc::clone(&membership.plan)).collect();
        Self { template, memberships, inputs, narrowed: Arc::default() }
    }

    /// The same, not yet run, with another operator or other inputs.
    fn anew(&self, template: Arc<dyn ExecutionPlan>, inputs: Vec<Arc<dyn ExecutionPlan>>) -> Self {
        Self { template, memberships: self.memberships.clone(), inputs, narrowed: Arc::default() }
    }

    /// The operator over the series that are wanted.
    async fn narrow(
        template: &Arc<dyn ExecutionPlan>,
        memberships: &[Arc<Membership>],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &Arc<TaskContext>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(reader) = reader(template) else {
            return Err(to_datafusion(Error::bug("an operator that reads no series")));
        };
        let source = reader.source();
        let consumer = MemoryConsumer::new(format!("SeriesMembers {}", source.name()));
        let reservation = consumer.register(context.memory_pool());
        let mut series: Selections = reader.spec().series.as_ref().clone();
        for (membership, input) in memberships.iter().zip(inputs) {
            // Nothing is found among no series, but its errors are those of the statement.
            let rows = input.execute(0, Arc::clone(context))?;
            series = membership.select(source, &series, rows, &reservation).await?;
        }
        reader.narrowed(series)
    }
}

impl DisplayAs for SeriesMembersExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SeriesMembersExec: series=[")?;
        let flow = reader(&self.template).map(|reader| reader.source().cube().flow());
        for (place, membership) in self.memberships.iter().enumerate() {
            let name = |dimension: &usize| {
                let found = flow.and_then(|flow| flow.dimensions().get(*dimension));
                found.map(|dimension| dimension.id.to_lowercase()).unwrap_or_default()
            };
            let names: Vec<String> = membership.dimensions().iter().map(name).collect();
            let (names, separator) = (names.join(", "), if place == 0 { "" } else { ", " });
            let verb = match membership.wanted() {
                Wanted::Members => "in",
                Wanted::Others | Wanted::OthersUnlessNull => "not in",
            };
            write!(f, "{separator}({names}) {verb} input {}", place + 1)?;
        }
        write!(f, "], of ")?;
        self.template.fmt_as(t, f)
    }
}

impl ExecutionPlan for SeriesMembersExec {
    fn name(&self) -> &'static str {
        "SeriesMembersExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.template.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let one = vec![Distribution::SinglePartition; self.inputs.len()];
        InputDistributionRequirements::new(one)
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.anew(Arc::clone(&self.template), children)))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        self.replace_children(children, options)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.anew(Arc::clone(&self.template), self.inputs.clone())))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (template, narrowed) = (Arc::clone(&self.template), Arc::clone(&self.narrowed));
        let (memberships, inputs) = (self.memberships.clone(), self.inputs.clone());
        let schema = self.schema();
        let rows = async move {
            let narrow = || Self::narrow(&template, &memberships, &inputs, &context);
            let operator = narrowed.get_or_try_init(narrow).await?;
            operator.execute(partition, Arc::clone(&context))
        };
        let rows = stream::once(rows).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.template.metrics()
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.template.statistics_from_inputs(&[], args)
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let template = self.template.with_fetch(limit)?;
        Some(Arc::new(self.anew(template, self.inputs.clone())))
    }

    fn fetch(&self) -> Option<usize> {
        self.template.fetch()
    }
}
