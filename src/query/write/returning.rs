//! `RETURNING`: the rows that were written, as the table has them afterwards; of `DELETE`, as it
//! had them before.
//!
//! It is a query of its own over the table and the keys that were written. What it takes from other
//! tables of the statement is read with the keys.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{self, Expr, Ident, Query, SelectItem};

use crate::error::{Error, Result};
use crate::query::write::command::folded;
use crate::query::write::syntax;
use crate::query::write::target::Target;

/// The table of the keys that were written: no user's table is called so.
pub(in crate::query) const WRITTEN: &str = "written rows";
/// The column that counts them.
pub(super) const POSITION: &str = "position";

/// What shall be returned.
#[derive(Clone, Debug)]
pub(super) struct Returning {
    items: Vec<SelectItem>,
    /// Columns of other tables, called `r0`, `r1` and so on among the keys.
    pub(super) extras: Vec<Expr>,
}

impl Returning {
    /// What a statement asks for.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`] for subqueries, and for `*` of another table.
    pub(super) fn new(items: &[SelectItem], target: &Target) -> Result<Self> {
        let mut returning = Self { items: Vec::new(), extras: Vec::new() };
        for item in items {
            match item {
                SelectItem::Wildcard(_) => returning.all(target),
                SelectItem::QualifiedWildcard(
                    ast::SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) if is_target(target, name.0.last().and_then(|part| part.as_ident())) => {
                    returning.all(target);
                }
                SelectItem::UnnamedExpr(expr) => {
                    let rewritten = returning.rewrite(expr, target)?;
                    let item = match expr {
                        // A column keeps its name wherever it is taken from.
                        Expr::Identifier(name) => named(rewritten, name),
                        Expr::CompoundIdentifier(parts) => match parts.last() {
                            Some(name) => named(rewritten, name),
                            None => SelectItem::UnnamedExpr(rewritten),
                        },
                        _ => SelectItem::UnnamedExpr(rewritten),
                    };
                    returning.items.push(item);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let expr = returning.rewrite(expr, target)?;
                    returning.items.push(SelectItem::ExprWithAlias { expr, alias: alias.clone() });
                }
                other => {
                    return Err(Error::Unsupported { what: format!("RETURNING {other}") });
                }
            }
        }
        Ok(returning)
    }

    fn all(&mut self, target: &Target) {
        let columns = 0..target.fields().len();
        self.items.extend(columns.map(|at| SelectItem::UnnamedExpr(target.column(at))));
    }

    /// An expression over the table and the keys that were written.
    fn rewrite(&mut self, expr: &Expr, target: &Target) -> Result<Expr> {
        let mut expr = expr.clone();
        let extras = &mut self.extras;
        let done = ast::visit_expressions_mut(&mut expr, |part| {
            let is_own = match part {
                Expr::Identifier(name) => {
                    let wanted = folded(name);
                    let column = target.fields().position(|field| *field.name() == wanted);
                    if let Some(column) = column {
                        *part = target.column(column);
                        return ControlFlow::Continue(());
                    }
                    false
                }
                Expr::CompoundIdentifier(parts) => {
                    let table = parts.len().checked_sub(2).and_then(|at| parts.get(at));
                    is_target(target, table)
                }
                Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
                    let what = "a subquery in RETURNING".to_owned();
                    return ControlFlow::Break(Error::Unsupported { what });
                }
                _ => return ControlFlow::Continue(()),
            };
            if !is_own {
                let known = extras.iter().position(|known| *known == *part);
                let number = known.unwrap_or_else(|| {
                    extras.push(part.clone());
                    extras.len() - 1
                });
                *part = syntax::column(&syntax::ident(WRITTEN), &extra(number));
            } else if let Expr::CompoundIdentifier(parts) = part
                && parts.len() > 2
            {
                *parts = parts.split_off(parts.len() - 2);
            }
            ControlFlow::Continue(())
        });
        match done {
            ControlFlow::Continue(()) => Ok(expr),
            ControlFlow::Break(error) => Err(error),
        }
    }

    /// The query, over rows of the table that also pass `filter`.
    ///
    /// # Errors
    ///
    /// None that can happen.
    pub(super) fn query(&self, target: &Target, filter: Option<Expr>) -> Result<Query> {
        let written = syntax::ident(WRITTEN);
        let keys = target.key().into_iter().enumerate().map(|(number, column)| {
            syntax::equal(target.column(column), syntax::column(&written, &key(number)))
        });
        let condition = syntax::all(keys.chain(filter));
        let from = vec![target.from(), syntax::table(&[WRITTEN], None)];
        let mut query = syntax::select_items(self.items.clone(), from, condition)?;
        let order = format!("SELECT 1 ORDER BY \"{WRITTEN}\".\"{POSITION}\"");
        query.order_by = syntax::parse(&order)?.order_by;
        Ok(query)
    }
}

/// The column of a part of the key among the keys that were written.
pub(super) fn key(number: usize) -> String {
    format!("k{number}")
}

/// The column of another table's value.
pub(super) fn extra(number: usize) -> String {
    format!("r{number}")
}

fn is_target(target: &Target, table: Option<&Ident>) -> bool {
    table.is_some_and(|table| folded(table) == folded(target.alias()))
}

fn named(expr: Expr, name: &Ident) -> SelectItem {
    SelectItem::ExprWithAlias { expr, alias: syntax::ident(&folded(name)) }
}
