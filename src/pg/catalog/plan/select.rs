//! SELECT: its columns, its groups, its order.

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr as AstExpr, GroupByExpr, OrderByExpr, SelectItem,
    SelectItemQualifiedWildcardKind,
};
use std::mem::replace;

use crate::error::{Error, Result};
use crate::pg::catalog::plan::call::direction;
use crate::pg::catalog::plan::expression::{all, unnested, unsupported};
use crate::pg::catalog::plan::from::Walk;
use crate::pg::catalog::plan::name::{of_column, parts, plain};
use crate::pg::catalog::plan::query::output_of;
use crate::pg::catalog::plan::scope::Scope;
use crate::pg::catalog::plan::{
    Body, Distinct, Expr, Key, Order, Planner, Query, Select, Step, Typed,
};
use crate::pg::catalog::relation::Column;

impl Planner<'_> {
    pub(crate) fn select(&mut self, select: &ast::Select, order: &[OrderByExpr]) -> Result<Query> {
        self.scopes.0.push(Scope::default());
        let allowed = replace(&mut self.sets_allowed, false);
        let equal = replace(&mut self.equal, equalities(select.selection.as_ref()));
        let planned = self.select_within(select, order);
        self.equal = equal;
        self.sets_allowed = allowed;
        let scope = self.scopes.0.pop().unwrap_or_default();
        let Made { steps, groups, having, outputs, columns, order, distinct } = planned?;
        let is_grouped = groups.is_some() || having.is_some() || !scope.aggregates.is_empty();
        let body = Select {
            slots: scope.slots.len(),
            steps,
            groups: is_grouped.then(|| groups.unwrap_or_default()),
            aggregates: scope.aggregates,
            having,
            windows: scope.windows,
            sets: scope.sets,
            outputs,
            distinct,
        };
        let mut query = self.made(Body::Select(Box::new(body)), columns, scope.is_correlated);
        query.order = order;
        Ok(query)
    }

    fn select_within(&mut self, select: &ast::Select, order: &[OrderByExpr]) -> Result<Made> {
        let mut walk = Walk::default();
        for table in &select.from {
            let joined = self.joined(table)?;
            walk.merge(joined);
        }
        if let Some(condition) = &select.selection {
            self.condition(&mut walk, condition)?;
        }
        let steps = walk.steps();
        let (outputs, columns) = self.outputs(&select.projection)?;
        let groups = self.groups(&select.group_by, &select.projection, &outputs, &columns)?;
        let having = match &select.having {
            Some(having) => {
                let having = self.expression(having)?;
                Some(self.coerce_to_bool(having)?)
            }
            None => None,
        };
        let order = self.order(order, &select.projection, &columns)?;
        let distinct = match &select.distinct {
            None | Some(ast::Distinct::All) => Distinct::All,
            Some(ast::Distinct::Distinct) => Distinct::Once,
            Some(ast::Distinct::On(keys)) => {
                Distinct::FirstOf(all(keys.iter().map(|key| Ok(self.expression(key)?.expr)))?)
            }
        };
        Ok(Made { steps, groups, having, outputs, columns, order, distinct })
    }

    fn outputs(&mut self, items: &[SelectItem]) -> Result<(Vec<Expr>, Vec<Column>)> {
        let mut made = (Vec::new(), Vec::new());
        for item in items {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    if let Some(row) = self.row_of(expr)? {
                        made.0.extend(row.iter().map(|(expr, _)| expr.clone()));
                        made.1.extend(row.into_iter().map(|(_, column)| column));
                        continue;
                    }
                    let name = of_column(self.world(), expr);
                    self.output(expr, name, &mut made)?;
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    self.output(expr, plain(alias), &mut made)?;
                }
                SelectItem::Wildcard(_) => self.wildcard(None, &mut made)?,
                SelectItem::QualifiedWildcard(kind, _) => match kind {
                    SelectItemQualifiedWildcardKind::ObjectName(name) => {
                        let name = parts(name).pop();
                        self.wildcard(name.as_deref(), &mut made)?;
                    }
                    SelectItemQualifiedWildcardKind::Expr(expr) => self.spread(expr, &mut made)?,
                },
                SelectItem::ExprWithAliases { .. } => return Err(unsupported("several aliases")),
            }
        }
        Ok(made)
    }

    fn output(
        &mut self,
        expr: &AstExpr,
        name: String,
        made: &mut (Vec<Expr>, Vec<Column>),
    ) -> Result<()> {
        self.sets_allowed = true;
        let typed = self.expression(expr);
        self.sets_allowed = false;
        // Of unknown type it stays: the other side of a UNION may say more.
        let Typed { expr, ty } = typed?;
        made.0.push(expr);
        made.1.push(Column { name, ty });
        Ok(())
    }

    /// `(row).*`: a column for each of a row's.
    fn spread(&mut self, expr: &AstExpr, made: &mut (Vec<Expr>, Vec<Column>)) -> Result<()> {
        self.sets_allowed = true;
        let typed = self.expression(unnested(expr));
        self.sets_allowed = false;
        let typed = typed?;
        for (place, (name, ty)) in typed.ty.fields.iter().enumerate() {
            made.0.push(Expr::Field(Box::new(typed.expr.clone()), place));
            made.1.push(Column { name: name.clone(), ty: ty.clone() });
        }
        Ok(())
    }

    /// `(row).*` where the parser takes it for a column called `*`.
    fn row_of(&mut self, expr: &AstExpr) -> Result<Option<Vec<(Expr, Column)>>> {
        let AstExpr::CompoundFieldAccess { root, access_chain } = expr else { return Ok(None) };
        let [ast::AccessExpr::Dot(AstExpr::Wildcard(_))] = access_chain.as_slice() else {
            return Ok(None);
        };
        let mut made = (Vec::new(), Vec::new());
        self.spread(root, &mut made)?;
        Ok(Some(made.0.into_iter().zip(made.1).collect()))
    }

    fn wildcard(&mut self, table: Option<&str>, made: &mut (Vec<Expr>, Vec<Column>)) -> Result<()> {
        let scope = self.scopes.inner()?;
        let mut is_known = table.is_none();
        for (slot, known) in scope.slots.iter().enumerate() {
            if table.is_some_and(|table| table != known.alias) {
                continue;
            }
            is_known = true;
            for (place, column) in known.columns.iter().enumerate() {
                if table.is_none() && known.merged.contains(&place) {
                    continue;
                }
                made.0.push(Expr::Column { level: 0, slot, column: place });
                made.1.push(column.clone());
            }
        }
        match table {
            Some(table) if !is_known => Err(Error::not_found("table", table)),
            _ => Ok(()),
        }
    }

    /// The keys of the groups; a number or the name of a column of the answer stands for it.
    fn groups(
        &mut self,
        group_by: &GroupByExpr,
        items: &[SelectItem],
        outputs: &[Expr],
        columns: &[Column],
    ) -> Result<Option<Vec<Expr>>> {
        let GroupByExpr::Expressions(keys, modifiers) = group_by else {
            return Err(unsupported("GROUP BY ALL"));
        };
        if !modifiers.is_empty() {
            return Err(unsupported("GROUP BY with a modifier"));
        }
        if keys.is_empty() {
            return Ok(None);
        }
        let has_wildcard = items.iter().any(is_wildcard);
        let keys = all(keys.iter().map(|key| {
            let is_number = matches!(key, AstExpr::Value(_));
            if is_number
                && !has_wildcard
                && let Some(output) = output_of(key, columns).and_then(|at| outputs.get(at))
            {
                return Ok(output.clone());
            }
            match self.expression(key) {
                Ok(typed) => Ok(typed.expr),
                Err(error) => {
                    let output = output_of(key, columns).and_then(|at| outputs.get(at));
                    output.cloned().ok_or(error)
                }
            }
        }))?;
        Ok(Some(keys))
    }

    /// The order of the answer. A bare name means a column of the answer before one of a table.
    fn order(
        &mut self,
        keys: &[OrderByExpr],
        items: &[SelectItem],
        columns: &[Column],
    ) -> Result<Vec<Order>> {
        let plain_items = !items.iter().any(is_wildcard) && items.len() == columns.len();
        all(keys.iter().map(|key| {
            let (is_descending, nulls_first) = direction(key);
            let same = items.iter().position(|item| match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    *expr == key.expr
                }
                _ => false,
            });
            let place = output_of(&key.expr, columns).or(same.filter(|_| plain_items));
            let key = if let Some(place) = place {
                Key::Output(place)
            } else {
                let typed = self.expression(&key.expr)?;
                Key::Expr(self.settled(typed)?.expr)
            };
            Ok(Order { key, is_descending, nulls_first })
        }))
    }
}

/// The parts of a SELECT as they are made.
struct Made {
    steps: Vec<Step>,
    groups: Option<Vec<Expr>>,
    having: Option<Expr>,
    outputs: Vec<Expr>,
    columns: Vec<Column>,
    order: Vec<Order>,
    distinct: Distinct,
}

/// The conditions `column = value`, all of which must hold.
fn equalities(condition: Option<&AstExpr>) -> Vec<(Option<String>, String, AstExpr)> {
    let mut open: Vec<&AstExpr> = condition.into_iter().collect();
    let mut found = Vec::new();
    while let Some(next) = open.pop() {
        match next {
            AstExpr::Nested(inner) => open.push(inner),
            AstExpr::BinaryOp { left, op: BinaryOperator::And, right } => {
                open.extend([left, right].map(AsRef::as_ref));
            }
            AstExpr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                for (column, value) in [(left, right), (right, left)] {
                    let (table, column) = match column.as_ref() {
                        AstExpr::Identifier(name) => (None, plain(name)),
                        AstExpr::CompoundIdentifier(names) if names.len() == 2 => {
                            (names.first().map(plain), names.last().map(plain).unwrap_or_default())
                        }
                        _ => continue,
                    };
                    if matches!(value.as_ref(), AstExpr::Value(_)) {
                        found.push((table, column, AstExpr::clone(value)));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn is_wildcard(item: &SelectItem) -> bool {
    matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
}
