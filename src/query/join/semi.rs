//! `WHERE ref_area IN (SELECT ...)` as a condition on series.
//!
//! A semi join of a scan on dimensions keeps or drops series whole. So the join goes, and its scan
//! notes the other side as a [`Membership`]. Then the rules look at the plan as if the join had
//! never been there: what aggregates, sorts or scans series goes on to do so. At the end each
//! operator that took the note over with the rest of its scan gets a [`SeriesMembersExec`] around
//! it, which decides the condition when the statement runs.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinType, NullEquality};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::query::aggregate::SeriesAggregateExec;
use crate::query::join::eager::aggregate_first;
use crate::query::join::operator::SeriesMembersExec;
use crate::query::join::reduce::reduce;
use crate::query::join::series::by_series;
use crate::query::join::trace::{trace, with_scan};
use crate::query::scan::{Membership, SeriesReader, SeriesScanExec, Wanted};
use crate::query::window::SeriesWindowExec;

/// A rule on physical plans.
type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The rules that replace operators on rows by operators on series, with joins out of their way.
#[derive(Debug)]
pub(crate) struct SeriesRules {
    rules: Vec<Rule>,
}

/// A side of a join, and which of our columns equals which of its own.
type Paired = (Arc<dyn ExecutionPlan>, Vec<(usize, usize)>);

impl SeriesRules {
    /// Applies `rules`, in this order, to plans without semi joins.
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    fn apply(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.rules.iter().try_fold(plan, |plan, rule| rule.optimize(plan, config))
    }

    /// The plan with notes in its scans instead of semi joins, and how many.
    fn noted(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<(Arc<dyn ExecutionPlan>, usize)> {
        let mut count = 0;
        let noted = plan.transform_down(|node| {
            let without = match node.downcast_ref::<HashJoinExec>() {
                Some(join) => self.without_join(join, config)?,
                None => None,
            };
            Ok(match without {
                Some((plan, more)) => {
                    count += more;
                    Transformed::yes(plan)
                }
                None => Transformed::no(node),
            })
        });
        Ok((noted.data()?, count))
    }

    /// The one side of a semi join with the other noted in its scan, and how many notes that makes.
    fn without_join(
        &self,
        join: &HashJoinExec,
        config: &ConfigOptions,
    ) -> Result<Option<(Arc<dyn ExecutionPlan>, usize)>> {
        let wanted = match join.join_type() {
            JoinType::LeftSemi => Wanted::Members,
            JoinType::LeftAnti if join.null_aware => Wanted::OthersUnlessNull,
            JoinType::LeftAnti => Wanted::Others,
            _ => return Ok(None),
        };
        // One condition after another is one join below another.
        let (left, count) = self.noted(Arc::clone(join.left()), config)?;
        let Some(traced) = trace(&left) else { return Ok(None) };
        let is_plain =
            join.filter().is_none() && join.null_equality() == NullEquality::NullEqualsNothing;
        let column =
            |expr: &Arc<dyn PhysicalExpr>| expr.downcast_ref::<Column>().map(Column::index);
        let pairs = join
            .on()
            .iter()
            .map(|(left, right)| Some((traced.dimension(column(left)?)?, column(right)?)));
        let Some(pairs) = pairs.collect::<Option<Vec<_>>>().filter(|_| is_plain) else {
            return Ok(None);
        };
        let (plan, pairs) = self.distinct(join.right(), pairs, config)?;
        let cube = traced.scan.source().cube();
        let Some(membership) = Membership::new(cube, plan, &pairs, wanted) else { return Ok(None) };
        let scan = traced.scan.with_membership(Arc::new(membership));
        let kept = with_scan(&left, Arc::new(scan))?;
        let Some(projection) = &join.projection else { return Ok(Some((kept, count + 1))) };
        let schema = kept.schema();
        let columns = projection.iter().map(|index| {
            let name = schema.field(*index).name();
            (Arc::new(Column::new(name, *index)) as Arc<dyn PhysicalExpr>, name.clone())
        });
        let projected = ProjectionExec::try_new(columns.collect::<Vec<_>>(), kept)?;
        Ok(Some((Arc::new(projected), count + 1)))
    }

    /// The other side of a semi join with each row once, where the series can tell; and the pairs
    /// with its columns.
    fn distinct(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        pairs: Vec<(usize, usize)>,
        config: &ConfigOptions,
    ) -> Result<Paired> {
        let plan = self.optimize(Arc::clone(plan), config)?;
        let schema = plan.schema();
        let columns = pairs.iter().map(|(_, index)| {
            let name = schema.field(*index).name();
            (Arc::new(Column::new(name, *index)) as Arc<dyn PhysicalExpr>, name.clone())
        });
        let groups = PhysicalGroupBy::new_single(columns.collect());
        let input = Arc::clone(&plan);
        let mode = AggregateMode::Single;
        let groups = AggregateExec::try_new(mode, groups, Vec::new(), Vec::new(), input, schema)?;
        let groups = self.apply(Arc::new(groups), config)?;
        if groups.is::<AggregateExec>() {
            return Ok((plan, pairs));
        }
        let pairs = pairs.iter().enumerate().map(|(place, (dimension, _))| (*dimension, place));
        Ok((groups, pairs.collect()))
    }
}

impl PhysicalOptimizerRule for SeriesRules {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = reduce(plan, config.execution.target_partitions)?;
        let on_series = |plan| {
            let plan = aggregate_first(plan, &|plan| self.apply(plan, config))?;
            let plan = self.apply(plan, config)?;
            by_series(plan, config.execution.target_partitions)
        };
        let (noted, count) = self.noted(Arc::clone(&plan), config)?;
        if count == 0 {
            return on_series(plan);
        }
        let (done, found) = attached(on_series(noted)?)?;
        // An operator that we do not know must not lose a note.
        if found == count { Ok(done) } else { on_series(plan) }
    }

    fn name(&self) -> &'static str {
        "series_rules"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with an operator around each reader of series that has notes; and how many notes.
fn attached(plan: Arc<dyn ExecutionPlan>) -> Result<(Arc<dyn ExecutionPlan>, usize)> {
    let mut count = 0;
    let attached = plan.transform_up(|node| {
        let Some(reader) = reader(&node) else { return Ok(Transformed::no(node)) };
        let memberships = reader.spec().memberships.clone();
        if memberships.is_empty() {
            return Ok(Transformed::no(node));
        }
        count += memberships.len();
        Ok(Transformed::yes(Arc::new(SeriesMembersExec::new(node, memberships))))
    });
    Ok((attached.data()?, count))
}

/// The operator, if it reads series by itself.
pub(crate) fn reader(plan: &Arc<dyn ExecutionPlan>) -> Option<&dyn SeriesReader> {
    if let Some(scan) = plan.downcast_ref::<SeriesScanExec>() {
        return Some(scan);
    }
    if let Some(windows) = plan.downcast_ref::<SeriesWindowExec>() {
        return Some(windows);
    }
    plan.downcast_ref::<SeriesAggregateExec>().map(|operator| operator as &dyn SeriesReader)
}
