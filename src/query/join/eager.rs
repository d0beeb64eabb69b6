//! Aggregates a scan before it is joined, as for `sum(f.obs_value)` of a cube and a table of areas.
//!
//! A row of a scan meets other rows of an inner join by its key alone. So all rows of one key, and
//! of one value in each column that is looked at further up, may be added up first: what comes of
//! them meets the same rows as often as they would. The aggregation before the join gives states in
//! the place of rows, and the one above merges them.
//!
//! The rule looks for an aggregation in two stages above inner joins, projections and filters.
//! Functions of the scan's columns move down; `min` and `max` of other columns stay, since a value
//! is its own state. Nothing is done unless the series can be aggregated without making rows, and
//! far fewer groups than rows come of it.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinSide, JoinType};
use datafusion::error::Result;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use crate::query::aggregate::SeriesAggregateExec;
use crate::query::join::trace::trace;

/// Rows for each group below which aggregating first does not pay.
const ROWS_PER_GROUP_MIN: usize = 4;

/// An operator, an expression.
type Plan = Arc<dyn ExecutionPlan>;
type Expr = Arc<dyn PhysicalExpr>;

/// `plan` with scans aggregated before they are joined. `on_series` replaces an aggregation of rows
/// by one of series, where it can.
pub(super) fn aggregate_first(
    plan: Plan,
    on_series: &dyn Fn(Plan) -> Result<Plan>,
) -> Result<Plan> {
    plan.transform_down(|node| {
        let changed = match node.downcast_ref::<AggregateExec>() {
            Some(last) => moved(last, on_series)?,
            None => None,
        };
        match changed {
            Some(states) => {
                let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                let merged = node.replace_children(vec![states], options)?;
                Ok(Transformed::new(merged, true, TreeNodeRecursion::Continue))
            }
            None => Ok(Transformed::no(node)),
        }
    })
    .data()
}

/// What the last stage of an aggregation merges instead of the states of its first stage.
fn moved(last: &AggregateExec, on_series: &dyn Fn(Plan) -> Result<Plan>) -> Result<Option<Plan>> {
    let is_last = matches!(last.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned);
    let Some(first) = last.input().downcast_ref::<AggregateExec>().filter(|_| is_last) else {
        return Ok(None);
    };
    let is_plain = *first.mode() == AggregateMode::Partial
        && first.group_expr().is_single()
        && !first.group_expr().has_grouping_set()
        && first.filter_expr().iter().all(Option::is_none)
        && first.limit_options().is_none()
        && last.limit_options().is_none()
        && first.input().fetch().is_none();
    let Some(own) = below_joins(first.input()).filter(|_| is_plain) else { return Ok(None) };
    let Some(request) = Request::of(first, &own)? else { return Ok(None) };
    let Some(groups) = request.aggregated(&own, on_series)? else { return Ok(None) };
    let rebuilt = Rebuilt::of(first.input(), &own, &request, &groups)?;
    rebuilt.map(|rebuilt| request.states(first, rebuilt)).transpose()
}

/// The largest scan, below filters and projections, that is joined in `plan`.
fn below_joins(plan: &Plan) -> Option<Plan> {
    let mut found: Vec<Plan> = Vec::new();
    let mut left = vec![(Arc::clone(plan), false)];
    while let Some((plan, is_joined)) = left.pop() {
        if is_joined && trace(&plan).is_some() {
            found.push(plan);
        } else if let Some(join) = inner_join(&plan) {
            left.push((Arc::clone(join.left()), true));
            left.push((Arc::clone(join.right()), true));
        } else if (plan.is::<ProjectionExec>() || plan.is::<FilterExec>()) && plan.fetch().is_none()
        {
            left.extend(plan.children().into_iter().map(|child| (Arc::clone(child), is_joined)));
        }
    }
    let series = |plan: &Plan| trace(plan).map_or(0, |traced| traced.scan.spec().series.len());
    found.into_iter().max_by_key(series)
}

/// A join whose rows are exactly the pairs that agree in some columns.
fn inner_join(plan: &Plan) -> Option<&HashJoinExec> {
    let join = plan.downcast_ref::<HashJoinExec>()?;
    let is_plain = *join.join_type() == JoinType::Inner && join.filter().is_none();
    (is_plain && join.fetch().is_none()).then_some(join)
}

/// Where a column comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A column of the scan that is aggregated first.
    Own(usize),
    /// Other inputs of the joins.
    Other,
    /// Both.
    Mixed,
}

/// Where the columns of `plan` come from; absent if it has operators that we do not know above
/// `own`. Adds the columns of `own` that are looked at on the way to `keys`.
fn origins(plan: &Plan, own: &Plan, keys: &mut Vec<usize>) -> Option<Vec<Origin>> {
    let count = plan.schema().fields().len();
    if Arc::ptr_eq(plan, own) {
        return Some((0..count).map(Origin::Own).collect());
    }
    if !has(plan, own) {
        return Some(vec![Origin::Other; count]);
    }
    if let Some(join) = inner_join(plan) {
        let left = origins(join.left(), own, keys)?;
        let right = origins(join.right(), own, keys)?;
        for (one, other) in join.on() {
            look_at(one, &left, keys)?;
            look_at(other, &right, keys)?;
        }
        let all: Vec<Origin> = left.into_iter().chain(right).collect();
        return match &join.projection {
            None => Some(all),
            Some(projection) => projection.iter().map(|index| all.get(*index).copied()).collect(),
        };
    }
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let below = origins(projection.input(), own, keys)?;
        return projection.expr().iter().map(|shown| origin(&shown.expr, &below)).collect();
    }
    let filter = plan.downcast_ref::<FilterExec>().filter(|filter| filter.fetch().is_none())?;
    let below = origins(filter.input(), own, keys)?;
    look_at(filter.predicate(), &below, keys)?;
    match filter.projection() {
        None => Some(below),
        Some(projection) => projection.iter().map(|index| below.get(*index).copied()).collect(),
    }
}

fn has(plan: &Plan, own: &Plan) -> bool {
    Arc::ptr_eq(plan, own) || plan.children().into_iter().any(|child| has(child, own))
}

/// Adds what an expression reads of the scan to `keys`; absent if it reads what is mixed.
fn look_at(expr: &Expr, origins: &[Origin], keys: &mut Vec<usize>) -> Option<()> {
    for column in collect_columns(expr) {
        match origins.get(column.index())? {
            Origin::Own(index) if !keys.contains(index) => keys.push(*index),
            Origin::Own(_) | Origin::Other => {}
            Origin::Mixed => return None,
        }
    }
    Some(())
}

/// Where the value of an expression comes from.
fn origin(expr: &Expr, below: &[Origin]) -> Option<Origin> {
    if let Some(column) = expr.downcast_ref::<Column>() {
        return below.get(column.index()).copied();
    }
    let columns = collect_columns(expr);
    let mut all = columns.iter().map(|column| below.get(column.index()).copied());
    let is_other = all.all(|origin| origin == Some(Origin::Other));
    Some(if is_other { Origin::Other } else { Origin::Mixed })
}

/// What is aggregated before the join.
struct Request {
    /// The columns of the scan that are looked at above it.
    keys: Vec<usize>,
    /// The functions, over the scan's columns.
    functions: Vec<Arc<AggregateFunctionExpr>>,
    /// What each state of the functions above is.
    states: Vec<State>,
}

/// A column that the last stage merges.
enum State {
    /// The answer of one of the functions before the join.
    Answer(usize),
    /// The same as a count without a sign.
    Count(usize),
    /// A value of another input of the joins.
    Value(Expr),
}

impl Request {
    /// What `first` asks of the scan `own` below it; absent if that cannot be said.
    fn of(first: &AggregateExec, own: &Plan) -> Result<Option<Self>> {
        let mut keys = Vec::new();
        let Some(origins) = origins(first.input(), own, &mut keys) else { return Ok(None) };
        for group in first.group_expr().input_exprs() {
            if look_at(&group, &origins, &mut keys).is_none() {
                return Ok(None);
            }
        }
        let mut request = Self { keys, functions: Vec::new(), states: Vec::new() };
        for function in first.aggr_expr() {
            if !request.add(function, &origins, &own.schema())? {
                return Ok(None);
            }
        }
        Ok(Some(request))
    }

    /// Adds a function; false if it cannot be split.
    fn add(
        &mut self,
        function: &Arc<AggregateFunctionExpr>,
        origins: &[Origin],
        schema: &SchemaRef,
    ) -> Result<bool> {
        let arguments = function.expressions();
        let [argument] = arguments.as_slice() else { return Ok(false) };
        let is_plain = !function.is_distinct() && function.order_bys().is_empty();
        let columns = collect_columns(argument);
        let of = |column: &Column| origins.get(column.index()).copied();
        let is_own = columns.iter().all(|column| matches!(of(column), Some(Origin::Own(_))));
        let is_other = columns.iter().all(|column| of(column) == Some(Origin::Other));
        let name = function.fun().name();
        let states = function.state_fields()?;
        match (name, states.as_slice()) {
            _ if !is_plain => Ok(false),
            ("min" | "max", [state]) if is_other && !columns.is_empty() => {
                let is_state = state.data_type() == function.field().data_type();
                self.states.push(State::Value(Arc::clone(argument)));
                Ok(is_state)
            }
            ("count" | "sum" | "min" | "max", [state]) if is_own => {
                let argument = over(argument, origins)?;
                let Some(own) = function.with_new_expressions(vec![argument], Vec::new()) else {
                    return Ok(false);
                };
                self.states.push(State::Answer(self.functions.len()));
                self.functions.push(Arc::new(own));
                Ok(state.data_type() == function.field().data_type())
            }
            ("avg", [count, sum]) if is_own => {
                let argument = over(argument, origins)?;
                let is_double = argument.data_type(schema)? == DataType::Float64
                    && *count.data_type() == DataType::UInt64
                    && *sum.data_type() == DataType::Float64;
                let place = self.functions.len();
                for (part, of) in [("count", count_udaf()), ("sum", sum_udaf())] {
                    let built = AggregateExprBuilder::new(of, vec![Arc::clone(&argument)])
                        .schema(Arc::clone(schema))
                        .alias(format!("{part} of {}", function.name()))
                        .build()?;
                    self.functions.push(Arc::new(built));
                }
                self.states.extend([State::Count(place), State::Answer(place + 1)]);
                Ok(is_double)
            }
            _ => Ok(false),
        }
    }

    /// The scan `own`, aggregated; absent where its rows would have to be made, or hardly fewer
    /// come of them.
    fn aggregated(
        &self,
        own: &Plan,
        on_series: &dyn Fn(Plan) -> Result<Plan>,
    ) -> Result<Option<Plan>> {
        let schema = own.schema();
        let keys = self.keys.iter().map(|index| {
            let name = schema.field(*index).name();
            (Arc::new(Column::new(name, *index)) as Expr, name.clone())
        });
        let groups = PhysicalGroupBy::new_single(keys.collect());
        let filters = vec![None; self.functions.len()];
        let (mode, input) = (AggregateMode::Single, Arc::clone(own));
        let functions = self.functions.clone();
        let rows = AggregateExec::try_new(mode, groups, functions, filters, input, schema)?;
        let groups = on_series(Arc::new(rows))?;
        if !groups.is::<SeriesAggregateExec>() {
            return Ok(None);
        }
        let count = |plan: &Plan| -> Result<Option<usize>> {
            let statistics =
                StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())?;
            Ok(statistics.num_rows.get_value().copied())
        };
        let (Some(rows), Some(fewer)) = (count(own)?, count(&groups)?) else { return Ok(None) };
        Ok((fewer.saturating_mul(ROWS_PER_GROUP_MIN) <= rows).then_some(groups))
    }

    /// The columns that the last stage merges, as those of the stage `first` were.
    fn states(&self, first: &AggregateExec, rebuilt: Rebuilt) -> Result<Plan> {
        let schema = first.schema();
        let below = rebuilt.plan.schema();
        let mut shown = first.group_expr().input_exprs();
        for expr in &mut shown {
            *expr = rebuilt.over(expr)?;
        }
        let answer = |place: usize| -> Expr {
            let index = rebuilt.answers.start + place;
            Arc::new(Column::new(below.field(index).name(), index))
        };
        for state in &self.states {
            shown.push(match state {
                State::Answer(place) => answer(*place),
                State::Count(place) => {
                    Arc::new(CastExpr::new(answer(*place), DataType::UInt64, None))
                }
                State::Value(expr) => rebuilt.over(expr)?,
            });
        }
        let names = schema.fields().iter().map(|field| field.name().clone());
        let shown: Vec<(Expr, String)> = shown.into_iter().zip(names).collect();
        Ok(Arc::new(ProjectionExec::try_new(shown, rebuilt.plan)?))
    }
}

/// An expression over the columns of the scan, of which all that it reads come.
fn over(expr: &Expr, origins: &[Origin]) -> Result<Expr> {
    moved_columns(expr, |index| match origins.get(index) {
        Some(Origin::Own(own)) => Some(*own),
        _ => None,
    })
}

/// An expression that reads other columns; one for which there is none stays.
fn moved_columns(expr: &Expr, to: impl Fn(usize) -> Option<usize>) -> Result<Expr> {
    let moved = Arc::clone(expr).transform_up(|node| {
        let column = node.downcast_ref::<Column>();
        let place = column.and_then(|column| Some((column.name().to_owned(), to(column.index())?)));
        Ok(match place {
            Some((name, index)) => Transformed::yes(Arc::new(Column::new(&name, index)) as Expr),
            None => Transformed::no(node),
        })
    });
    moved.data()
}

/// A plan over the aggregated scan instead of its rows.
struct Rebuilt {
    plan: Plan,
    /// Of each column that it had, which that is now; absent for those that are gone.
    columns: Vec<Option<usize>>,
    /// The columns with the answers of the functions.
    answers: Range<usize>,
}

impl Rebuilt {
    /// `plan` with `groups` in the place of `own`; absent if one of its operators is not known.
    fn of(plan: &Plan, own: &Plan, request: &Request, groups: &Plan) -> Result<Option<Self>> {
        if Arc::ptr_eq(plan, own) {
            let place = |column: usize| request.keys.iter().position(|key| *key == column);
            let columns = (0..own.schema().fields().len()).map(place).collect();
            let keys = request.keys.len();
            let answers = keys..keys + request.functions.len();
            return Ok(Some(Self { plan: Arc::clone(groups), columns, answers }));
        }
        if let Some(join) = inner_join(plan) {
            return Self::of_join(join, own, request, groups);
        }
        if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            let below = Self::of(projection.input(), own, request, groups)?;
            return below.map(|below| below.projected(projection)).transpose();
        }
        if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            let below = Self::of(filter.input(), own, request, groups)?;
            return below.map(|below| below.filtered(filter)).transpose();
        }
        Ok(None)
    }

    fn of_join(
        join: &HashJoinExec,
        own: &Plan,
        request: &Request,
        groups: &Plan,
    ) -> Result<Option<Self>> {
        let is_left = has(join.left(), own);
        let side = if is_left { join.left() } else { join.right() };
        let Some(below) = Self::of(side, own, request, groups)? else { return Ok(None) };
        let (left, right) = if is_left {
            (Arc::clone(&below.plan), Arc::clone(join.right()))
        } else {
            (Arc::clone(join.left()), Arc::clone(&below.plan))
        };
        let on = join.on().iter().map(|(one, other)| {
            Ok(if is_left {
                (below.over(one)?, Arc::clone(other))
            } else {
                (Arc::clone(one), below.over(other)?)
            })
        });
        let on = on.collect::<Result<Vec<_>>>()?;
        let width = left.schema().fields().len();
        let (mode, nulls) = (PartitionMode::Auto, join.null_equality());
        let rebuilt = HashJoinExec::try_new(
            left,
            right,
            on,
            None,
            &JoinType::Inner,
            None,
            mode,
            nulls,
            false,
        )?;
        let old_width = join.left().schema().fields().len();
        let place = |index: usize| {
            let (side, index) = if index < old_width {
                (JoinSide::Left, index)
            } else {
                (JoinSide::Right, index - old_width)
            };
            let is_own = (side == JoinSide::Left) == is_left;
            let new = if is_own { below.columns.get(index).copied().flatten()? } else { index };
            Some(if side == JoinSide::Left { new } else { new + width })
        };
        let old_count = old_width + join.right().schema().fields().len();
        let columns = match &join.projection {
            None => (0..old_count).map(place).collect(),
            Some(projection) => projection.iter().map(|index| place(*index)).collect(),
        };
        let shift = if is_left { 0 } else { width };
        let answers = below.answers.start + shift..below.answers.end + shift;
        Ok(Some(Self { plan: Arc::new(rebuilt), columns, answers }))
    }

    /// A projection of what is there, with the answers behind it.
    fn projected(self, projection: &ProjectionExec) -> Result<Self> {
        let below = self.plan.schema();
        let mut shown: Vec<(Expr, String)> = Vec::new();
        let mut columns = Vec::with_capacity(projection.expr().len());
        for one in projection.expr() {
            let read = collect_columns(&one.expr);
            let is_there = |column: &Column| self.columns.get(column.index()).copied().flatten();
            if read.iter().all(|column| is_there(column).is_some()) {
                columns.push(Some(shown.len()));
                shown.push((self.over(&one.expr)?, one.alias.clone()));
            } else {
                columns.push(None);
            }
        }
        let first = shown.len();
        for index in self.answers.clone() {
            let name = below.field(index).name();
            shown.push((Arc::new(Column::new(name, index)), name.clone()));
        }
        let answers = first..shown.len();
        let plan = Arc::new(ProjectionExec::try_new(shown, self.plan)?);
        Ok(Self { plan, columns, answers })
    }

    /// A filter of what is there. All columns stay.
    fn filtered(self, filter: &FilterExec) -> Result<Self> {
        let predicate = self.over(filter.predicate())?;
        let columns = match filter.projection() {
            None => self.columns,
            Some(projection) => {
                let place = |index: &usize| self.columns.get(*index).copied().flatten();
                projection.iter().map(place).collect()
            }
        };
        let plan = Arc::new(FilterExec::try_new(predicate, self.plan)?);
        Ok(Self { plan, columns, answers: self.answers })
    }

    /// An expression over the old columns as one over the new.
    fn over(&self, expr: &Expr) -> Result<Expr> {
        moved_columns(expr, |index| self.columns.get(index).copied().flatten())
    }
}
