//! Queries: WITH, UNION, VALUES, ORDER BY, LIMIT.

use std::collections::HashMap;
use std::mem::replace;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    self, LimitClause, OrderByKind, SetExpr, SetOperator, SetQuantifier,
};

use crate::error::{Error, Result};
use crate::limits::STATEMENT_DEPTH_MAX;
use crate::pg::catalog::plan::call::direction;
use crate::pg::catalog::plan::expression::{all, unsupported};
use crate::pg::catalog::plan::name::plain;
use crate::pg::catalog::plan::scope::{Scope, Scopes};
use crate::pg::catalog::plan::{
    Asked, Body, Expr, Key, Order, Planned, Query, SetKind, Statement, Typed,
};
use crate::pg::catalog::relation::Column;
use crate::pg::catalog::session::SessionInfo;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{INT8, TEXT, Type, UNKNOWN};
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;

/// A common table expression that may be named.
#[derive(Clone)]
pub(crate) enum Common {
    /// A query, and how many queries stood around it where it was defined.
    Query { query: Arc<Query>, depth: usize },
    /// The one that is being planned, within itself.
    Working { id: usize, columns: Vec<Column> },
}

/// Plans one statement.
pub(crate) struct Planner<'a> {
    world: &'a Arc<World>,
    pub(crate) session: &'a SessionInfo,
    pub(crate) scopes: Scopes,
    pub(crate) common: Vec<HashMap<String, Common>>,
    parameters: Vec<u32>,
    next_id: usize,
    depth: usize,
    /// Whether a function that returns a set may be called: in a list of SELECT.
    pub(crate) sets_allowed: bool,
    /// The columns that the SELECT at hand asks to be equal to a value: of which table, if it says
    /// so, and to which.
    pub(crate) equal: Vec<(Option<String>, String, ast::Expr)>,
}

impl<'a> Planner<'a> {
    /// Plans a query; `parameters` has the types that are known beforehand, 0 where none is.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a name that means nothing, [`Error::Invalid`] for types that do not
    /// fit, [`Error::Unsupported`] for what is not known here.
    pub(crate) fn plan(
        world: &'a Arc<World>,
        session: &'a SessionInfo,
        query: &ast::Query,
        parameters: &[u32],
    ) -> Result<Statement> {
        let parameters = parameters.iter().map(|oid| if *oid == 0 { UNKNOWN } else { *oid });
        let mut planner = Self {
            world,
            session,
            scopes: Scopes::default(),
            common: Vec::new(),
            parameters: parameters.collect(),
            next_id: 0,
            depth: 0,
            sets_allowed: false,
            equal: Vec::new(),
        };
        let query = planner.query(query)?;
        let settled = |oid: u32| if oid == UNKNOWN { TEXT } else { oid };
        let parameters = planner.parameters.iter().map(|oid| settled(*oid)).collect();
        Ok(Statement { query, parameters })
    }

    /// The catalogue that names are looked up in.
    pub(crate) fn world(&self) -> &'a Arc<World> {
        self.world
    }

    /// A number that nothing else of this statement has.
    pub(crate) fn id(&mut self) -> usize {
        self.next_id += 1;
        self.next_id
    }

    /// Goes one level deeper.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] at the bottom.
    pub(crate) fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > STATEMENT_DEPTH_MAX {
            let limit = STATEMENT_DEPTH_MAX as u64;
            return Err(Error::Limit {
                what: "the nesting of the statement",
                actual: limit + 1,
                limit,
            });
        }
        Ok(())
    }

    pub(crate) fn shallower(&mut self) {
        self.depth -= 1;
    }

    /// `$1`: a value that comes later.
    pub(crate) fn parameter(&mut self, name: &str) -> Planned {
        let wrong = || Error::invalid(name, "is no parameter; write $1, $2 and so on");
        let number: usize = name.trim_start_matches('$').parse().map_err(|_| wrong())?;
        let place = number.checked_sub(1).filter(|place| *place < 65_535).ok_or_else(wrong)?;
        if self.parameters.len() <= place {
            self.parameters.resize(place + 1, UNKNOWN);
        }
        Ok(Typed { expr: Expr::Parameter(place), ty: Type::of(self.parameters[place]) })
    }

    pub(crate) fn set_parameter(&mut self, place: usize, oid: u32) {
        if let Some(parameter) = self.parameters.get_mut(place)
            && *parameter == UNKNOWN
        {
            *parameter = oid;
        }
    }

    /// A query within an expression, and the types of its columns.
    ///
    /// # Errors
    ///
    /// As of [`Planner::plan`].
    pub(crate) fn subquery(&mut self, query: &ast::Query) -> Result<(Arc<Query>, Vec<Type>)> {
        let allowed = replace(&mut self.sets_allowed, false);
        let query = self.query(query);
        self.sets_allowed = allowed;
        let query = query?;
        let types = query.columns.iter().map(|column| column.ty.clone()).collect();
        Ok((Arc::new(query), types))
    }

    pub(crate) fn array_of_query(&mut self, query: &ast::Query) -> Planned {
        let (query, types) = self.subquery(query)?;
        let [ty] = types.as_slice() else {
            return Err(Error::invalid("subquery", "must return only one column"));
        };
        let ty = Type::of(statics().types.array_of(ty.oid));
        Ok(Typed { expr: Expr::Subquery { query, asked: Asked::Array }, ty })
    }

    pub(crate) fn query(&mut self, query: &ast::Query) -> Result<Query> {
        self.deeper()?;
        self.common.push(HashMap::new());
        let planned = self.query_within(query);
        self.common.pop();
        self.shallower();
        planned
    }

    fn query_within(&mut self, query: &ast::Query) -> Result<Query> {
        if !query.pipe_operators.is_empty() || query.for_clause.is_some() {
            return Err(unsupported("this end of a query"));
        }
        if let Some(with) = &query.with {
            for cte in &with.cte_tables {
                self.common_query(cte, with.recursive)?;
            }
        }
        let order = match &query.order_by {
            None => &[][..],
            Some(ast::OrderBy { kind: OrderByKind::Expressions(keys), .. }) => keys.as_slice(),
            Some(_) => return Err(unsupported("ORDER BY ALL")),
        };
        let mut planned = self.set_expr(&query.body, order)?;
        self.settle(&mut planned)?;
        let (limit, offset) = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(LimitClause::OffsetCommaLimit { .. }) => return Err(unsupported("LIMIT a, b")),
            None => (None, None),
        };
        let fetch = query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref());
        for (expr, slot) in [(limit.or(fetch), &mut planned.limit), (offset, &mut planned.offset)] {
            if let Some(expr) = expr {
                let typed = self.expression(expr)?;
                *slot = Some(self.coerce(typed, &Type::of(INT8))?);
            }
        }
        Ok(planned)
    }

    fn common_query(&mut self, cte: &ast::Cte, is_recursive: bool) -> Result<()> {
        let name = plain(&cte.alias.name);
        let aliases: Vec<String> =
            cte.alias.columns.iter().map(|column| plain(&column.name)).collect();
        let reads_itself = match cte.query.body.as_ref() {
            SetExpr::SetOperation { op: SetOperator::Union, left, right, set_quantifier }
                if is_recursive =>
            {
                Some((left, right, matches!(set_quantifier, SetQuantifier::All)))
            }
            _ => None,
        };
        let mut query = match reads_itself {
            Some((left, right, keeps_all)) => {
                let mut first = self.set_expr(left, &[])?;
                self.settle(&mut first)?;
                rename(&mut first.columns, &aliases);
                let (id, columns) = (self.id(), first.columns.clone());
                let working = Common::Working { id, columns: columns.clone() };
                self.define(name.clone(), working);
                let mut next = self.set_expr(right, &[])?;
                let is_correlated = first.is_correlated || next.is_correlated;
                self.align(&mut next, &columns)?;
                let (first, next) = (Box::new(first), Box::new(next));
                let body = Body::Recursive { id, keeps_all, first, next };
                self.made(body, columns, is_correlated)
            }
            None => self.query(&cte.query)?,
        };
        rename(&mut query.columns, &aliases);
        let depth = self.scopes.0.len();
        self.define(name, Common::Query { query: Arc::new(query), depth });
        Ok(())
    }

    fn define(&mut self, name: String, common: Common) {
        if let Some(names) = self.common.last_mut() {
            names.insert(name, common);
        }
    }

    /// The common table expression of a name, the innermost first.
    pub(crate) fn common_named(&self, name: &str) -> Option<Common> {
        self.common.iter().rev().find_map(|names| names.get(name)).cloned()
    }

    pub(crate) fn made(&mut self, body: Body, columns: Vec<Column>, is_correlated: bool) -> Query {
        let id = self.id();
        Query { id, is_correlated, body, columns, order: Vec::new(), limit: None, offset: None }
    }

    fn set_expr(&mut self, body: &SetExpr, order: &[ast::OrderByExpr]) -> Result<Query> {
        match body {
            SetExpr::Select(select) => self.select(select, order),
            SetExpr::Query(query) => {
                let mut inner = self.query(query)?;
                if order.is_empty() {
                    return Ok(inner);
                }
                if inner.order.is_empty() && inner.limit.is_none() {
                    inner.order = output_order(order, &inner.columns)?;
                    return Ok(inner);
                }
                Err(unsupported("ORDER BY around ORDER BY"))
            }
            SetExpr::Values(values) => {
                let mut query = self.values(&values.rows)?;
                query.order = output_order(order, &query.columns)?;
                Ok(query)
            }
            SetExpr::SetOperation { left, op, right, set_quantifier } => {
                let kind = match op {
                    SetOperator::Union => SetKind::Union,
                    SetOperator::Intersect => SetKind::Intersect,
                    SetOperator::Except | SetOperator::Minus => SetKind::Except,
                };
                let keeps_all = matches!(set_quantifier, SetQuantifier::All);
                let (left, right) = (self.set_expr(left, &[])?, self.set_expr(right, &[])?);
                let mut query = self.set_operation(kind, keeps_all, left, right)?;
                query.order = output_order(order, &query.columns)?;
                Ok(query)
            }
            other => Err(unsupported(&other.to_string())),
        }
    }

    fn set_operation(
        &mut self,
        kind: SetKind,
        keeps_all: bool,
        mut left: Query,
        mut right: Query,
    ) -> Result<Query> {
        if left.columns.len() != right.columns.len() {
            return Err(Error::invalid("set operation", "each side must have as many columns"));
        }
        let types = &statics().types;
        let common = |(a, b): (&Column, &Column)| {
            let ty = match (a.ty.is_unknown(), b.ty.is_unknown()) {
                (true, true) => Type::of(UNKNOWN),
                (true, false) => b.ty.clone(),
                (false, true) => a.ty.clone(),
                (false, false) if a.ty == b.ty => a.ty.clone(),
                (false, false) => {
                    Type::of(types.common([types.base(&a.ty).oid, types.base(&b.ty).oid]))
                }
            };
            Column { name: a.name.clone(), ty }
        };
        let columns: Vec<Column> = left.columns.iter().zip(&right.columns).map(common).collect();
        self.align(&mut left, &columns)?;
        self.align(&mut right, &columns)?;
        let is_correlated = left.is_correlated || right.is_correlated;
        let (left, right) = (Box::new(left), Box::new(right));
        Ok(self.made(Body::Set { kind, keeps_all, left, right }, columns, is_correlated))
    }

    /// Makes columns of which nothing is known texts.
    fn settle(&mut self, query: &mut Query) -> Result<()> {
        for place in 0..query.columns.len() {
            if query.columns.get(place).is_some_and(|column| column.ty.is_unknown()) {
                self.retype(query, place, &Type::of(TEXT))?;
            }
        }
        Ok(())
    }

    /// Makes the columns of a query those types.
    fn align(&mut self, query: &mut Query, columns: &[Column]) -> Result<()> {
        for (place, column) in columns.iter().enumerate() {
            self.retype(query, place, &column.ty)?;
        }
        Ok(())
    }

    pub(crate) fn retype(&mut self, query: &mut Query, place: usize, to: &Type) -> Result<()> {
        let Some(column) = query.columns.get_mut(place) else { return Ok(()) };
        if to.is_unknown() || column.ty == *to {
            return Ok(());
        }
        let from = replace(&mut column.ty, to.clone());
        match &mut query.body {
            Body::Select(select) => {
                if let Some(output) = select.outputs.get_mut(place) {
                    let expr = replace(output, Expr::Constant(Value::Null));
                    *output = self.coerce(Typed { expr, ty: from }, to)?;
                }
            }
            Body::Values(rows) => {
                for value in rows.iter_mut().filter_map(|row| row.get_mut(place)) {
                    let expr = replace(value, Expr::Constant(Value::Null));
                    *value = self.coerce(Typed { expr, ty: from.clone() }, to)?;
                }
            }
            Body::Set { left, right, .. } => {
                self.retype(left, place, to)?;
                self.retype(right, place, to)?;
            }
            Body::Recursive { .. } => {}
        }
        Ok(())
    }

    fn values(&mut self, rows: &[ast::Parens<Vec<ast::Expr>>]) -> Result<Query> {
        self.scopes.0.push(Scope::default());
        let planned = self.value_rows(rows);
        let is_correlated = self.scopes.0.pop().is_some_and(|scope| scope.is_correlated);
        let (rows, columns) = planned?;
        Ok(self.made(Body::Values(rows), columns, is_correlated))
    }

    fn value_rows(
        &mut self,
        rows: &[ast::Parens<Vec<ast::Expr>>],
    ) -> Result<(Vec<Vec<Expr>>, Vec<Column>)> {
        let rows = all(rows.iter().map(|row| all(row.content.iter().map(|e| self.expression(e)))))?;
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            return Err(Error::invalid("VALUES", "lists must all be the same length"));
        }
        let (mut made, mut columns) = (vec![Vec::with_capacity(width); rows.len()], Vec::new());
        for place in 0..width {
            let column = rows.iter().filter_map(|row| row.get(place)).cloned().collect();
            let (exprs, ty) = self.unify(column)?;
            for (row, expr) in made.iter_mut().zip(exprs) {
                row.push(expr);
            }
            columns.push(Column { name: format!("column{}", place + 1), ty });
        }
        Ok((made, columns))
    }
}

/// The order of an answer by its columns, for what has no rows below it.
fn output_order(keys: &[ast::OrderByExpr], columns: &[Column]) -> Result<Vec<Order>> {
    all(keys.iter().map(|key| {
        let place = output_of(&key.expr, columns);
        let missing = || unsupported("ORDER BY an expression over a UNION");
        let (is_descending, nulls_first) = direction(key);
        let key = Key::Output(place.ok_or_else(missing)?);
        Ok(Order { key, is_descending, nulls_first })
    }))
}

/// The column of the answer that a key of ORDER BY names, by number or by name.
pub(crate) fn output_of(expr: &ast::Expr, columns: &[Column]) -> Option<usize> {
    match expr {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(text, _) => {
                let place = text.parse::<usize>().ok()?.checked_sub(1)?;
                (place < columns.len()).then_some(place)
            }
            _ => None,
        },
        ast::Expr::Identifier(name) => {
            let name = plain(name);
            columns.iter().position(|column| column.name == name)
        }
        _ => None,
    }
}

/// Gives columns the names of an alias, as far as it has any.
pub(crate) fn rename(columns: &mut [Column], names: &[String]) {
    for (column, name) in columns.iter_mut().zip(names) {
        column.name.clone_from(name);
    }
}
