//! What the columns of an answer are called.
//!
//! DataFusion calls a column by the whole expression, with types: `sum(ecb.exr.obs_value)`,
//! `period_shift(Utf8("2020-Q4"),Int64(1))`. Clients of PostgreSQL expect its rule: an alias, a
//! column's name, a function's name, or `?column?`.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan};

/// How many expressions deep a name is looked for.
const DEPTH_MAX: usize = 32;
/// What DataFusion calls a count of rows.
const COUNT_ALL: &str = "count(*)";

/// The columns of an answer: `schema` with the names that the reader of `plan` expects.
pub(super) fn named(plan: &LogicalPlan, schema: &SchemaRef) -> SchemaRef {
    let mut names = headers(plan, 0);
    if names.len() != schema.fields().len() {
        names = schema.fields().iter().map(|field| Some(called(field.name()))).collect();
    }
    let fields = schema.fields().iter().zip(names).map(|(field, name)| match name {
        Some(name) if name != *field.name() => Arc::new(Field::clone(field).with_name(name)),
        _ => Arc::clone(field),
    });
    let fields: Vec<_> = fields.collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// A name for each column, where it has another than DataFusion's; empty where nothing is known.
fn headers(plan: &LogicalPlan, depth: usize) -> Vec<Option<String>> {
    if depth > DEPTH_MAX {
        return Vec::new();
    }
    match plan {
        LogicalPlan::Projection(projection) => {
            let name = |expr| header(expr, &projection.input, 0);
            projection.expr.iter().map(name).collect()
        }
        LogicalPlan::Sort(sort) => headers(&sort.input, depth + 1),
        LogicalPlan::Limit(limit) => headers(&limit.input, depth + 1),
        LogicalPlan::Filter(filter) => headers(&filter.input, depth + 1),
        LogicalPlan::Distinct(Distinct::All(input)) => headers(input, depth + 1),
        LogicalPlan::Distinct(Distinct::On(on)) => {
            on.select_expr.iter().map(|expr| header(expr, &on.input, 0)).collect()
        }
        LogicalPlan::Union(union) => match union.inputs.first() {
            Some(first) => headers(first, depth + 1),
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn header(expr: &Expr, input: &LogicalPlan, depth: usize) -> Option<String> {
    if depth > DEPTH_MAX {
        return None;
    }
    match expr {
        // An alias that the planner gives by itself.
        Expr::Alias(alias) if alias.name == COUNT_ALL => Some("count".to_owned()),
        Expr::Alias(alias) if is_planners(&alias.name, &alias.expr) => Some(called(&alias.name)),
        Expr::Alias(alias) => Some(alias.name.clone()),
        Expr::Column(column) if column.name == COUNT_ALL => Some("count".to_owned()),
        Expr::Column(column) => match origin(&column.name, input) {
            Some((found, below)) => header(found, below, depth + 1),
            None => Some(called(&column.name)),
        },
        Expr::ScalarFunction(call) => Some(call.name().to_owned()),
        Expr::AggregateFunction(call) => Some(call.func.name().to_owned()),
        Expr::WindowFunction(call) => {
            let WindowFunction { fun, .. } = call.as_ref();
            Some(fun.name().to_owned())
        }
        Expr::Cast(cast) => header(&cast.expr, input, depth + 1),
        Expr::TryCast(cast) => header(&cast.expr, input, depth + 1),
        Expr::Case(_) => Some("case".to_owned()),
        _ => Some("?column?".to_owned()),
    }
}

/// Whether the planner, not the user, gave this alias: a count of rows, or a function under another
/// of its names, with the same arguments.
fn is_planners(alias: &str, expr: &Expr) -> bool {
    if alias.starts_with(COUNT_ALL) {
        return true;
    }
    let arguments = |name: &str| name.split_once('(').map(|(_, arguments)| arguments.to_owned());
    arguments(alias).is_some_and(|own| arguments(&expr.schema_name().to_string()) == Some(own))
}

/// The name of a column of which only the name is known: of a call that was calculated further
/// below, the function. Columns of tables have no brackets in their names.
fn called(name: &str) -> String {
    name.split('(').next().unwrap_or(name).to_owned()
}

/// The expression that a column stands for, and what it reads, where the column was calculated
/// below. Absent for a column of a table.
fn origin<'a>(name: &str, plan: &'a LogicalPlan) -> Option<(&'a Expr, &'a LogicalPlan)> {
    let (mut plan, mut depth) = (plan, 0);
    loop {
        let (calculated, below): (Vec<&Expr>, &LogicalPlan) = match plan {
            LogicalPlan::Aggregate(aggregate) => {
                let all = aggregate.aggr_expr.iter().chain(&aggregate.group_expr);
                (all.collect(), &aggregate.input)
            }
            LogicalPlan::Window(window) => (window.window_expr.iter().collect(), &window.input),
            LogicalPlan::Filter(filter) => (Vec::new(), &filter.input),
            LogicalPlan::Sort(sort) => (Vec::new(), &sort.input),
            _ => return None,
        };
        let found = calculated.into_iter().find(|expr| {
            !matches!(expr, Expr::Column(_)) && expr.schema_name().to_string() == name
        });
        if let Some(found) = found {
            return Some((found, below));
        }
        (plan, depth) = (below, depth + 1);
        if depth > DEPTH_MAX {
            return None;
        }
    }
}
