//! FROM: the tables of a query, and the order to walk them in.
//!
//! All tables that are joined inwardly stand in one group with all their conditions, whatever the
//! nesting that they are written in. The walk begins with the table of which a condition leaves the
//! fewest rows, and goes on with whatever can then be looked up by value.

use std::mem::replace;
use std::mem::take;
use std::ops::Range;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, FunctionArg, FunctionArgExpr, JoinConstraint, JoinOperator, TableAlias,
    TableFactor, TableWithJoins,
};

use crate::error::{Error, Result};
use crate::pg::catalog::plan::expression::unsupported;
use crate::pg::catalog::plan::name::{parts, plain};
use crate::pg::catalog::plan::query::{Common, rename};
use crate::pg::catalog::plan::scope::{SLOTS_MAX, Slot};
use crate::pg::catalog::plan::{Body, Comparison, Expr, Planner, Query, Source, Step, Typed};
use crate::pg::catalog::relation::Column;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{INT8, Type};
use crate::pg::catalog::value::Value;
use crate::pg::catalog::views;

/// What a value is taken to be found in, of rows whose number is not known.
const QUERY_COST: usize = 4;
/// What rows of unknown number are taken to be.
const UNKNOWN_ROWS: usize = 100;

/// Tables and conditions that are joined inwardly, in any order.
#[derive(Default)]
pub(crate) struct Walk {
    parts: Vec<Part>,
    conditions: Vec<Condition>,
}

struct Part {
    what: What,
    /// The slots that it binds, and those that must be bound before, as bits.
    binds: u128,
    needs: u128,
}

enum What {
    Table { slot: usize, source: Source },
    Outer(Vec<Step>),
}

struct Condition {
    expr: Expr,
    needs: u128,
}

impl Walk {
    /// Joins another inwardly.
    pub(crate) fn merge(&mut self, other: Self) {
        self.parts.extend(other.parts);
        self.conditions.extend(other.conditions);
    }

    fn binds(&self) -> u128 {
        self.parts.iter().fold(0, |all, part| all | part.binds)
    }

    /// What must be bound before any of it.
    fn needs(&self) -> u128 {
        let of_parts = self.parts.iter().fold(0, |all, part| all | part.needs);
        let all = self.conditions.iter().fold(of_parts, |all, condition| all | condition.needs);
        all & !self.binds()
    }

    /// Joins another outwardly: its rows need not be there.
    fn join_outer(&mut self, other: Self) {
        let (binds, needs) = (other.binds(), other.needs());
        let what = What::Outer(other.steps());
        self.parts.push(Part { what, binds, needs });
    }

    /// The steps of the walk.
    pub(crate) fn steps(mut self) -> Vec<Step> {
        let own = self.binds();
        let mut bound = !own;
        let mut steps = Vec::new();
        self.filter(bound, &mut steps);
        while !self.parts.is_empty() {
            let ready = |part: &Part| part.needs & !bound & !part.binds == 0;
            let costs = self.parts.iter().enumerate().filter(|(_, part)| ready(part));
            let cheapest = costs.map(|(at, part)| (self.cost(part, bound), at)).min();
            // Two that wait for each other cannot be: names are looked up from left to right.
            let at = cheapest.map_or(0, |(_, at)| at);
            let part = self.parts.remove(at);
            bound |= part.binds;
            match part.what {
                What::Table { slot, source } => {
                    let look_up = self.take_look_up(slot, &source, bound & !part.binds);
                    let filters = self.take_ready(bound);
                    steps.push(Step::Scan { slot, source, look_up, filters });
                }
                What::Outer(inner) => {
                    let slots = (0..SLOTS_MAX).filter(|slot| part.binds >> slot & 1 == 1);
                    steps.push(Step::Outer { slots: slots.collect(), steps: inner });
                    self.filter(bound, &mut steps);
                }
            }
        }
        steps
    }

    fn filter(&mut self, bound: u128, steps: &mut Vec<Step>) {
        let ready = self.take_ready(bound);
        if !ready.is_empty() {
            steps.push(Step::Filter(ready));
        }
    }

    /// The conditions on what is bound.
    fn take_ready(&mut self, bound: u128) -> Vec<Expr> {
        let all = take(&mut self.conditions).into_iter();
        let (ready, rest): (Vec<_>, Vec<_>) = all.partition(|c| c.needs & !bound == 0);
        self.conditions = rest;
        ready.into_iter().map(|condition| condition.expr).collect()
    }

    /// How many rows a part is taken to have for each that leads to it. What is looked up by value
    /// goes before what need not be there, and both before what is joined with every row.
    fn cost(&self, part: &Part, bound: u128) -> (u8, usize) {
        let What::Table { slot, source } = &part.what else { return (1, 0) };
        let conditions = self.conditions.iter();
        let looked_up = conditions.filter_map(|c| looked_up(&c.expr, *slot, bound, c.needs));
        let fan_out = |column: usize| match source {
            Source::Relation(relation) => relation.fan_out(column),
            _ => QUERY_COST,
        };
        match (looked_up.map(|(column, _)| fan_out(column)).min(), source) {
            (Some(rows), _) => (0, rows),
            (None, Source::Relation(relation)) => (2, relation.len()),
            (None, _) => (2, UNKNOWN_ROWS),
        }
    }

    /// The condition that leaves the fewest rows of a table, if it is a value to be looked up.
    fn take_look_up(&mut self, slot: usize, source: &Source, bound: u128) -> Option<(usize, Expr)> {
        if matches!(source, Source::Function { .. }) {
            return None;
        }
        let fan_out = |column: usize| match source {
            Source::Relation(relation) => relation.fan_out(column),
            _ => QUERY_COST,
        };
        let found = self.conditions.iter().enumerate().filter_map(|(at, condition)| {
            let (column, value) = looked_up(&condition.expr, slot, bound, condition.needs)?;
            Some((fan_out(column), at, column, value.clone()))
        });
        let (_, at, column, value) = found.min_by_key(|(rows, at, ..)| (*rows, *at))?;
        self.conditions.remove(at);
        Some((column, value))
    }
}

/// The column and the value of a condition `column = value`, if the value is known when the slot is
/// to be bound.
fn looked_up(expr: &Expr, slot: usize, bound: u128, needs: u128) -> Option<(usize, &Expr)> {
    let Expr::Compare(Comparison::Equal, left, right) = expr else { return None };
    // The value must not need the row itself.
    let known = needs & !bound & !(1 << slot) == 0;
    for (column, value) in [(left, right), (right, left)] {
        if let Expr::Column { level: 0, slot: found, column } = column.as_ref()
            && *found == slot
            && known
            && !mentions(value, slot)
        {
            return Some((*column, value));
        }
    }
    None
}

/// Whether an expression names the row of a slot. A query that names anything around it is taken to.
fn mentions(expr: &Expr, slot: usize) -> bool {
    match expr {
        Expr::Column { level, slot: found, .. }
        | Expr::WholeRow { level, slot: found }
        | Expr::RelationOf { level, slot: found } => *level == 0 && *found == slot,
        Expr::Subquery { query, .. } if query.is_correlated => true,
        other => other.parts().into_iter().any(|part| mentions(part, slot)),
    }
}

impl Planner<'_> {
    /// A table of a FROM clause with all that is joined to it.
    pub(crate) fn joined(&mut self, table: &TableWithJoins) -> Result<Walk> {
        let first = self.scopes.inner()?.slots.len();
        let mut walk = self.factor(&table.relation)?;
        for join in &table.joins {
            let right_from = self.scopes.inner()?.slots.len();
            let mut right = self.factor(&join.relation)?;
            let places = (first, right_from);
            match &join.join_operator {
                JoinOperator::Join(on)
                | JoinOperator::Inner(on)
                | JoinOperator::CrossJoin(on)
                | JoinOperator::StraightJoin(on) => {
                    self.constraint(&mut right, on, places)?;
                    walk.merge(right);
                }
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => {
                    self.constraint(&mut right, on, places)?;
                    walk.join_outer(right);
                }
                JoinOperator::Right(on) | JoinOperator::RightOuter(on) => {
                    let mut left = take(&mut walk);
                    self.constraint(&mut left, on, places)?;
                    right.join_outer(left);
                    walk = right;
                }
                other => return Err(unsupported(&format!("the join {other:?}"))),
            }
        }
        Ok(walk)
    }

    /// A condition, split at AND.
    pub(crate) fn condition(&mut self, walk: &mut Walk, condition: &ast::Expr) -> Result<()> {
        let mut open = vec![condition];
        while let Some(next) = open.pop() {
            match next {
                ast::Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                    open.extend([right.as_ref(), left.as_ref()]);
                }
                ast::Expr::Nested(inner) => open.push(inner),
                condition => {
                    let (expr, needs) = self.noting(|planner| {
                        let typed = planner.expression(condition)?;
                        planner.coerce_to_bool(typed)
                    })?;
                    walk.conditions.push(Condition { expr, needs });
                }
            }
        }
        Ok(())
    }

    /// What a part of the planning makes, and the slots that it names.
    fn noting<T>(&mut self, plan: impl FnOnce(&mut Self) -> Result<T>) -> Result<(T, u128)> {
        let before = take(&mut self.scopes.inner()?.used);
        let made = plan(self);
        let used = &mut self.scopes.inner()?.used;
        let needs = *used;
        *used |= before;
        Ok((made?, needs))
    }

    fn constraint(
        &mut self,
        walk: &mut Walk,
        on: &JoinConstraint,
        (first, right_from): (usize, usize),
    ) -> Result<()> {
        let names: Vec<String> = match on {
            JoinConstraint::None => return Ok(()),
            JoinConstraint::On(condition) => return self.condition(walk, condition),
            JoinConstraint::Using(names) => {
                names.iter().filter_map(|name| parts(name).pop()).collect()
            }
            JoinConstraint::Natural => {
                let slots = &self.scopes.inner()?.slots;
                let has = |slots: &[Slot], name: &str| {
                    slots.iter().any(|slot| slot.columns.iter().any(|column| column.name == name))
                };
                let right = slots[right_from..].iter().flat_map(|slot| &slot.columns);
                let names = right.map(|column| column.name.clone());
                names.filter(|name| has(&slots[first..right_from], name)).collect()
            }
        };
        for name in names {
            let left = self.column_of(first..right_from, &name)?;
            let len = self.scopes.inner()?.slots.len();
            let right = self.column_of(right_from..len, &name)?;
            let needs = 1 << left.0 | 1 << right.0;
            if let Some(slot) = self.scopes.inner()?.slots.get_mut(right.0) {
                slot.merged.push(right.1);
            }
            let expr = self.compare(Comparison::Equal, left.2, right.2)?.expr;
            walk.conditions.push(Condition { expr, needs });
        }
        Ok(())
    }

    /// The column of that name in some of the slots: slot, place, expression.
    fn column_of(&mut self, mut slots: Range<usize>, name: &str) -> Result<(usize, usize, Typed)> {
        let scope = self.scopes.inner()?;
        let found = slots.find_map(|slot| {
            let columns = &scope.slots.get(slot)?.columns;
            let place = columns.iter().position(|column| column.name == name)?;
            let ty = columns.get(place)?.ty.clone();
            let expr = Expr::Column { level: 0, slot, column: place };
            Some((slot, place, Typed { expr, ty }))
        });
        found.ok_or_else(|| Error::not_found("column", name))
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<Walk> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                self.table(&parts(name), alias.as_ref())
            }
            TableFactor::Table { name, alias, args: Some(args), with_ordinality, .. } => {
                self.rows_of(&parts(name), &args.args, alias.as_ref(), *with_ordinality)
            }
            TableFactor::Function { name, args, alias, with_ordinality, .. } => {
                self.rows_of(&parts(name), args, alias.as_ref(), *with_ordinality)
            }
            TableFactor::UNNEST { array_exprs, alias, with_ordinality, .. } => {
                let unnamed =
                    |expr: &ast::Expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr.clone()));
                let arguments: Vec<FunctionArg> = array_exprs.iter().map(unnamed).collect();
                self.rows_of(&["unnest".to_owned()], &arguments, alias.as_ref(), *with_ordinality)
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let (query, needs) = self.noting(|planner| planner.query(subquery))?;
                let mut columns = query.columns.clone();
                let name = named(alias.as_ref(), &mut columns);
                let source = Source::Query { query: Arc::new(query), level: 0 };
                self.bind(name.unwrap_or_default(), None, columns, source, needs)
            }
            TableFactor::NestedJoin { table_with_joins, .. } => self.joined(table_with_joins),
            other => Err(unsupported(&format!("FROM {other}"))),
        }
    }

    fn table(&mut self, name: &[String], alias: Option<&TableAlias>) -> Result<Walk> {
        let (schema, table) = match name {
            [table] => (None, table),
            [schema, table] | [_, schema, table] => (Some(schema.as_str()), table),
            _ => return Err(Error::not_found("table", name.join("."))),
        };
        if schema.is_none()
            && let Some(common) = self.common_named(table)
        {
            let (source, mut columns) = match common {
                Common::Query { query, depth } => {
                    let columns = query.columns.clone();
                    let level = self.scopes.0.len().saturating_sub(depth);
                    if query.is_correlated {
                        for scope in self.scopes.0.iter_mut().rev().take(level) {
                            scope.is_correlated = true;
                        }
                    }
                    (Source::Query { query, level }, columns)
                }
                Common::Working { id, columns } => (Source::Working(id), columns),
            };
            let name = named(alias, &mut columns).unwrap_or_else(|| table.clone());
            return self.bind(name, None, columns, source, 0);
        }
        let schema = schema.unwrap_or("pg_catalog");
        if let Some(query) = self.narrowed_view(schema, table, alias)? {
            let mut columns = query.columns.clone();
            let name = named(alias, &mut columns).unwrap_or_else(|| table.clone());
            let schema = alias.is_none().then(|| schema.to_owned());
            let source = Source::Query { query: Arc::new(query), level: 0 };
            return self.bind(name, schema, columns, source, 0);
        }
        let relation = self.world().relation(schema, table, self.session)?;
        let relation = relation.ok_or_else(|| Error::not_found("table", name.join(".")))?;
        let mut columns = relation.columns().to_vec();
        let name = named(alias, &mut columns).unwrap_or_else(|| table.clone());
        let schema = alias.is_none().then(|| schema.to_owned());
        self.bind(name, schema, columns, Source::Relation(relation), 0)
    }

    /// A view of which a few rows are asked for by value: those alone are made. Absent if it is no
    /// view, or all of it is asked for.
    fn narrowed_view(
        &mut self,
        schema: &str,
        name: &str,
        alias: Option<&TableAlias>,
    ) -> Result<Option<Query>> {
        let Some(shape) = statics().shape(schema, name) else { return Ok(None) };
        let called = alias.map_or_else(|| name.to_owned(), |alias| plain(&alias.name));
        let meant =
            self.equal.iter().filter(|(table, ..)| table.as_ref().is_none_or(|t| *t == called));
        let equal: Vec<(String, ast::Expr)> =
            meant.map(|(_, column, value)| (column.clone(), value.clone())).collect();
        let Some(definition) = views::narrowed(schema, name, &equal) else { return Ok(None) };
        // The definition knows none of the tables around it.
        let around = take(&mut self.scopes.0);
        let query = self.query(&definition);
        self.scopes.0 = around;
        let mut query = query?;
        let mut outputs = Vec::with_capacity(shape.columns.len());
        for column in &shape.columns {
            let place = query.columns.iter().position(|made| made.name == column.name);
            if let Some(place) = place {
                self.retype(&mut query, place, &column.ty)?;
            }
            outputs.push(match (&query.body, place) {
                (Body::Select(select), Some(place)) => select.outputs.get(place).cloned(),
                _ => None,
            });
        }
        let Body::Select(select) = &mut query.body else { return Ok(None) };
        let nothing = || Expr::Constant(Value::Null);
        select.outputs = outputs.into_iter().map(|output| output.unwrap_or_else(nothing)).collect();
        query.columns.clone_from(&shape.columns);
        Ok(Some(query))
    }

    /// A function in a FROM clause.
    fn rows_of(
        &mut self,
        name: &[String],
        arguments: &[FunctionArg],
        alias: Option<&TableAlias>,
        has_ordinality: bool,
    ) -> Result<Walk> {
        let function = name.last().cloned().unwrap_or_default();
        let schema = name.len().checked_sub(2).and_then(|at| name.get(at)).cloned();
        let (typed, needs) = self.noting(|planner| {
            let arguments = planner.arguments(arguments)?;
            let allowed = replace(&mut planner.sets_allowed, true);
            let typed = planner.call(schema.as_deref(), &function, arguments);
            planner.sets_allowed = allowed;
            typed
        })?;
        // The call of a set stands here, and not in the list of SELECT.
        let call = match typed.expr {
            Expr::Set(_) => self.scopes.inner()?.sets.pop().unwrap_or(typed.expr),
            other => Expr::Array(vec![other]),
        };
        let is_row = !typed.ty.fields.is_empty();
        let mut columns: Vec<Column> = if is_row {
            let fields = typed.ty.fields.iter();
            fields.map(|(name, ty)| Column { name: name.clone(), ty: ty.clone() }).collect()
        } else {
            // A single column is called as the table is.
            let name = alias.map_or_else(|| function.clone(), |alias| plain(&alias.name));
            vec![Column { name, ty: typed.ty }]
        };
        if has_ordinality {
            columns.push(Column { name: "ordinality".to_owned(), ty: Type::of(INT8) });
        }
        let name = named(alias, &mut columns).unwrap_or(function);
        let shape: Arc<[Column]> = columns.clone().into();
        let call = Box::new(call);
        let source = Source::Function { call, columns: shape, has_ordinality, is_row };
        self.bind(name, None, columns, source, needs)
    }

    fn bind(
        &mut self,
        alias: String,
        schema: Option<String>,
        columns: Vec<Column>,
        source: Source,
        needs: u128,
    ) -> Result<Walk> {
        let has_relation = matches!(source, Source::Relation(_));
        let is_value = matches!(&source, Source::Function { is_row: false, .. });
        let slots = &mut self.scopes.inner()?.slots;
        if slots.len() >= SLOTS_MAX {
            let (actual, limit) = (slots.len() as u64 + 1, SLOTS_MAX as u64);
            return Err(Error::Limit { what: "the tables of one FROM clause", actual, limit });
        }
        let slot = slots.len();
        slots.push(Slot { alias, schema, columns, merged: Vec::new(), has_relation, is_value });
        let part = Part { what: What::Table { slot, source }, binds: 1 << slot, needs };
        Ok(Walk { parts: vec![part], conditions: Vec::new() })
    }
}

/// The name of an alias; the columns get the names that it gives them.
fn named(alias: Option<&TableAlias>, columns: &mut [Column]) -> Option<String> {
    let alias = alias?;
    let names: Vec<String> = alias.columns.iter().map(|column| plain(&column.name)).collect();
    rename(columns, &names);
    Some(plain(&alias.name))
}
