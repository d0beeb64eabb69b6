//! What an aggregation in a plan asks for, as plain values: the rim between DataFusion's plans and
//! ours.
//!
//! DataFusion turns `count(DISTINCT a)` into an aggregation over one that groups by `a` too. Here
//! it becomes one call again, so that a sum beside it is added once, and exactly.

use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::query::scan::SeriesScanExec;

type Expr = Arc<dyn PhysicalExpr>;

/// What an aggregation asks for, of the rows of a plan.
pub(crate) struct Wanted<'a> {
    /// What is grouped by.
    pub(crate) groups: Vec<Expr>,
    /// For each grouping set which of `groups` are NULL instead; absent for a plain GROUP BY.
    pub(crate) sets: Option<Vec<Vec<bool>>>,
    /// The functions.
    pub(crate) calls: Vec<Call>,
    /// What must hold for a row.
    pub(crate) predicate: Option<Expr>,
    /// The plan whose rows they are called with.
    pub(crate) input: &'a Arc<dyn ExecutionPlan>,
}

/// A call of an aggregate function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The name of the function.
    pub(crate) name: String,
    /// Whether it looks at each value once.
    pub(crate) is_distinct: bool,
    /// Whether it leaves out NULL, where it could look at it.
    pub(crate) ignores_nulls: bool,
    /// What it is called with.
    pub(crate) arguments: Vec<Expr>,
    /// The order that it sees the rows in.
    pub(crate) order: Vec<(Expr, SortOptions)>,
    /// Which rows it sees.
    pub(crate) filter: Option<Expr>,
    /// The type of its answers.
    pub(crate) data_type: DataType,
}

impl<'a> Wanted<'a> {
    /// What an aggregation asks for, its stages taken together. Absent where it may stop early.
    ///
    /// # Errors
    ///
    /// If an expression cannot be rewritten.
    pub(crate) fn of(aggregate: &'a AggregateExec) -> Result<Option<Self>> {
        let Some(wanted) = stages(aggregate) else { return Ok(None) };
        let mut plan = wanted.input;
        while let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
            plan = projection.input();
        }
        let Some(inner) = plan.downcast_ref::<AggregateExec>().and_then(stages) else {
            return Ok(Some(wanted));
        };
        wanted.over(&inner)
    }

    /// The same over the output of the scan below. Absent if there is more between than projections
    /// and filters, or if the scan may stop early.
    ///
    /// # Errors
    ///
    /// If an expression cannot be rewritten.
    pub(crate) fn over_scan(self) -> Result<Option<(&'a SeriesScanExec, Self)>> {
        let wanted = self.below()?;
        let scan = wanted.input.downcast_ref::<SeriesScanExec>();
        let scan = scan.filter(|scan| scan.spec().fetch.is_none());
        Ok(scan.map(|scan| (scan, wanted)))
    }

    /// Makes the expressions those of the rows below projections and filters.
    fn below(mut self) -> Result<Self> {
        loop {
            if let Some(projection) = self.input.downcast_ref::<ProjectionExec>() {
                self.replace(|column| Arc::clone(&projection.expr()[column].expr))?;
                self.input = projection.input();
            } else if let Some(filter) = self.input.downcast_ref::<FilterExec>()
                && filter.fetch().is_none()
            {
                if let Some(projection) = filter.projection() {
                    let schema = filter.input().schema();
                    self.replace(|column| {
                        let column = projection[column];
                        Arc::new(Column::new(schema.field(column).name(), column))
                    })?;
                }
                let predicate = Arc::clone(filter.predicate());
                self.predicate = Some(match self.predicate.take() {
                    Some(above) => Arc::new(BinaryExpr::new(above, Operator::And, predicate)),
                    None => predicate,
                });
                self.input = filter.input();
            } else {
                return Ok(self);
            }
        }
    }

    /// Replaces each column of all expressions.
    fn replace(&mut self, of_column: impl Fn(usize) -> Expr) -> Result<()> {
        for expr in self.exprs() {
            let replaced = Arc::clone(expr).transform_down(|node| {
                Ok(match node.downcast_ref::<Column>() {
                    Some(column) => {
                        let replaced = of_column(column.index());
                        Transformed::new(replaced, true, TreeNodeRecursion::Jump)
                    }
                    None => Transformed::no(node),
                })
            });
            *expr = replaced.data()?;
        }
        Ok(())
    }

    fn exprs(&mut self) -> impl Iterator<Item = &mut Expr> {
        let of_calls = self.calls.iter_mut().flat_map(|call| {
            let order = call.order.iter_mut().map(|(expr, _)| expr);
            call.arguments.iter_mut().chain(order).chain(&mut call.filter)
        });
        self.groups.iter_mut().chain(of_calls).chain(&mut self.predicate)
    }

    /// The same over the rows of `inner`, where this is over its groups.
    fn over(self, inner: &Self) -> Result<Option<Self>> {
        let outer = self.below()?;
        if inner.sets.is_some() || outer.predicate.is_some() {
            return Ok(None);
        }
        let key_count = inner.groups.len();
        let column = |expr: &Expr| expr.downcast_ref::<Column>().map(Column::index);
        let mut groups = Vec::with_capacity(outer.groups.len());
        let mut others: Vec<usize> = (0..key_count).collect();
        for expr in &outer.groups {
            match column(expr).and_then(|index| Some((index, inner.groups.get(index)?))) {
                Some((index, key)) => {
                    groups.push(Arc::clone(key));
                    others.retain(|other| *other != index);
                }
                None => return Ok(None),
            }
        }
        let mut calls = Vec::with_capacity(outer.calls.len());
        for call in outer.calls {
            let is_plain = !call.is_distinct && call.order.is_empty() && call.filter.is_none();
            let index = match call.arguments.as_slice() {
                [argument] if is_plain => column(argument),
                _ => None,
            };
            let Some(index) = index else { return Ok(None) };
            let name = call.name.as_str();
            let merged = match inner.groups.get(index) {
                // To count rows is to count values only where the rows differ in nothing else.
                Some(_) if name == "count" && others != [index] => None,
                Some(key) => matches!(name, "count" | "min" | "max").then(|| Call {
                    is_distinct: name == "count",
                    arguments: vec![Arc::clone(key)],
                    ..call.clone()
                }),
                None => {
                    let same = inner.calls.get(index - key_count).filter(|of| of.name == name);
                    same.filter(|_| matches!(name, "sum" | "min" | "max")).cloned()
                }
            };
            match merged.filter(|merged| merged.data_type == call.data_type) {
                Some(merged) => calls.push(merged),
                None => return Ok(None),
            }
        }
        Ok(Some(Self { groups, sets: outer.sets, calls, predicate: None, input: inner.input }))
    }
}

/// What an aggregation asks for of the rows that its first stage sees.
fn stages(aggregate: &AggregateExec) -> Option<Wanted<'_>> {
    let first = match aggregate.mode() {
        AggregateMode::Single | AggregateMode::SinglePartitioned => aggregate,
        AggregateMode::Final | AggregateMode::FinalPartitioned => {
            let first = aggregate.input().downcast_ref::<AggregateExec>()?;
            (*first.mode() == AggregateMode::Partial).then_some(first)?
        }
        _ => return None,
    };
    if aggregate.limit_options().is_some() || first.limit_options().is_some() {
        return None;
    }
    let by = first.group_expr();
    let sets = by.has_grouping_set().then(|| by.groups().to_vec());
    let filters = first.filter_expr().iter();
    let calls =
        first.aggr_expr().iter().zip(filters).map(|(call, filter)| Call::of(call, filter.as_ref()));
    let (groups, calls) = (by.input_exprs(), calls.collect());
    Some(Wanted { groups, sets, calls, predicate: None, input: first.input() })
}

impl Call {
    fn of(function: &AggregateFunctionExpr, filter: Option<&Expr>) -> Self {
        let order = function.order_bys().iter();
        Self {
            name: function.fun().name().to_owned(),
            is_distinct: function.is_distinct(),
            ignores_nulls: function.ignore_nulls(),
            arguments: function.expressions(),
            order: order.map(|sort| (Arc::clone(&sort.expr), sort.options)).collect(),
            filter: filter.cloned(),
            data_type: function.field().data_type().clone(),
        }
    }
}
