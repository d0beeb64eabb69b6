//! Builds the queries that statements become.

use std::mem;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableFactor,
    TableWithJoins, Value,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::{Error, Result};

/// A name that is taken exactly.
pub(super) fn ident(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

/// `table.column`
pub(super) fn column(table: &Ident, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![table.clone(), ident(name)])
}

/// A text.
pub(super) fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).into())
}

/// A whole number.
pub(super) fn number(value: usize) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).into())
}

/// NULL.
pub(super) fn null() -> Expr {
    Expr::Value(Value::Null.into())
}

/// `left = right`
pub(super) fn equal(left: Expr, right: Expr) -> Expr {
    binary(left, BinaryOperator::Eq, right)
}

/// `left AND right`, each in brackets.
pub(super) fn and(left: Expr, right: Expr) -> Expr {
    binary(nested(left), BinaryOperator::And, nested(right))
}

/// All of these. Absent if there are none.
pub(super) fn all(conditions: impl IntoIterator<Item = Expr>) -> Option<Expr> {
    conditions.into_iter().reduce(and)
}

fn nested(expr: Expr) -> Expr {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::Nested(_) => {
            expr
        }
        other => Expr::Nested(Box::new(other)),
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// `CASE WHEN condition THEN value ... END`
pub(super) fn case(branches: Vec<(Expr, Expr)>) -> Expr {
    let conditions = branches.into_iter();
    let conditions = conditions.map(|(condition, result)| ast::CaseWhen { condition, result });
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: conditions.collect(),
        else_result: None,
    }
}

/// A table to read from.
pub(super) fn table(name: &[&str], alias: Option<Ident>) -> TableWithJoins {
    let name: ObjectName = name.iter().map(|part| ident(part)).collect::<Vec<_>>().into();
    let alias = alias.map(alias_of);
    let relation = TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    relation_of(relation)
}

/// A relation without joins.
pub(super) fn relation_of(relation: TableFactor) -> TableWithJoins {
    TableWithJoins { relation, joins: Vec::new() }
}

/// `AS name`
pub(super) fn alias_of(name: Ident) -> ast::TableAlias {
    ast::TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// What a query selects.
///
/// # Errors
///
/// [`Error::Bug`] for one that is no SELECT.
pub(super) fn items(mut query: Query) -> Result<Vec<SelectItem>> {
    Ok(mem::take(&mut select_of(&mut query)?.projection))
}

/// `SELECT items FROM tables WHERE condition`; each item gets a name of its own, `c0`, `c1`.
///
/// # Errors
///
/// None that can happen.
pub(super) fn select(
    items: Vec<Expr>,
    from: Vec<TableWithJoins>,
    selection: Option<Expr>,
) -> Result<Query> {
    let items = items
        .into_iter()
        .enumerate()
        .map(|(at, expr)| SelectItem::ExprWithAlias { expr, alias: ident(&format!("c{at}")) });
    select_items(items.collect(), from, selection)
}

/// The same with items as they are.
///
/// # Errors
///
/// None that can happen.
pub(super) fn select_items(
    items: Vec<SelectItem>,
    from: Vec<TableWithJoins>,
    selection: Option<Expr>,
) -> Result<Query> {
    let mut query = parse("SELECT 1")?;
    select_of(&mut query)?.projection = items;
    let select = select_of(&mut query)?;
    select.from = from;
    select.selection = selection;
    Ok(query)
}

fn select_of(query: &mut Query) -> Result<&mut Select> {
    match query.body.as_mut() {
        SetExpr::Select(select) => Ok(select),
        _ => Err(Error::bug("a query that is no SELECT")),
    }
}

/// A query that we wrote.
///
/// # Errors
///
/// [`Error::Bug`] if it is none.
pub(super) fn parse(sql: &str) -> Result<Query> {
    let parsed = Parser::new(&GenericDialect {}).try_with_sql(sql);
    let query = parsed.and_then(|mut parser| parser.parse_query());
    query.map(|query| *query).map_err(|error| Error::bug(format!("{sql}: {error}")))
}

/// Adds a condition to a query.
///
/// # Errors
///
/// [`Error::Bug`] for one that is no SELECT.
pub(in crate::query) fn restrict(query: &mut Query, filter: Option<Expr>) -> Result<()> {
    let select = select_of(query)?;
    select.selection = all(select.selection.take().into_iter().chain(filter));
    Ok(())
}

/// Puts the queries that a statement names before those of its query.
pub(super) fn with(query: &mut Query, with: Option<&ast::With>) {
    let Some(outer) = with else { return };
    match &mut query.with {
        None => query.with = Some(outer.clone()),
        Some(own) => {
            own.recursive |= outer.recursive;
            own.cte_tables.splice(0..0, outer.cte_tables.iter().cloned());
        }
    }
}
