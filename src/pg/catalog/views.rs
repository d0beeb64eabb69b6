//! Views of the catalogue: queries over its tables, which `sql/pg/views.sql` has.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Query, SelectItem, SetExpr, Statement,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::{Error, Result};
use crate::pg::catalog::plan::Planner;
use crate::pg::catalog::run::{Run, cast};
use crate::pg::catalog::session::SessionInfo;
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::Type;
use crate::pg::catalog::value::Value;
use crate::pg::catalog::world::World;

const DEFINITIONS: &str = include_str!("../../../sql/pg/views.sql");

/// The rows of a view, in the columns that PostgreSQL gives it. Absent if it is none.
///
/// # Errors
///
/// [`Error::Bug`] if its definition does not fit.
pub(crate) fn rows(
    world: &Arc<World>,
    schema: &str,
    name: &str,
    session: &SessionInfo,
) -> Result<Option<Vec<Vec<Value>>>> {
    let Some(query) = definition(schema, name) else { return Ok(None) };
    let Some(shape) = statics().shape(schema, name) else { return Ok(None) };
    let bug = |error: Error| Error::bug(format!("the view {schema}.{name}: {error}"));
    let statement = Planner::plan(world, session, query, &[]).map_err(bug)?;
    let found = Run::answer(world, session, &statement, &[]).map_err(bug)?;
    let made = &statement.query.columns;
    let sources = shape.columns.iter().map(|column| {
        let place = made.iter().position(|made| made.name == column.name)?;
        Some((place, &made.get(place)?.ty, &column.ty))
    });
    let sources: Vec<_> = sources.collect();
    let cell = |row: &Vec<Value>, source: &Option<(usize, &Type, &Type)>| match source {
        Some((place, from, to)) => cast(world, row.get(*place).unwrap_or(&Value::Null), from, to),
        None => Ok(Value::Null),
    };
    let row = |row: &Vec<Value>| sources.iter().map(|source| cell(row, source)).collect();
    let rows: Result<Vec<Vec<Value>>> = found.iter().map(row).collect();
    Ok(Some(rows.map_err(bug)?))
}

/// Whether the rows of a view are others for another session.
pub(crate) fn follows_session(schema: &str, name: &str) -> bool {
    (schema, name) == ("information_schema", "enabled_roles")
}

/// The query of a view.
pub(crate) fn definition(schema: &str, name: &str) -> Option<&'static Query> {
    definitions().get(&format!("{schema}.{name}"))
}

/// The query of a view with more conditions, each on one of its columns. Absent if it is no view,
/// or none of the columns is there.
pub(crate) fn narrowed(schema: &str, name: &str, equal: &[(String, Expr)]) -> Option<Query> {
    let mut query = definition(schema, name)?.clone();
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    let conditions = equal.iter().filter_map(|(column, value)| {
        let shown = select.projection.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if alias.value == *column => {
                Some(expr.clone())
            }
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(names)) => {
                let is_meant = names.last().is_some_and(|last| last.value == *column);
                is_meant.then(|| Expr::CompoundIdentifier(names.clone()))
            }
            _ => None,
        })?;
        let (left, right) = (Box::new(shown), Box::new(value.clone()));
        Some(Expr::BinaryOp { left, op: BinaryOperator::Eq, right })
    });
    let all = conditions.chain(select.selection.clone());
    let both =
        |a, b| Expr::BinaryOp { left: Box::new(a), op: BinaryOperator::And, right: Box::new(b) };
    let had = usize::from(select.selection.is_some());
    let all: Vec<Expr> = all.collect();
    if all.len() == had {
        return None;
    }
    // What was there before may hold an OR.
    let all = all.into_iter().map(|condition| Expr::Nested(Box::new(condition)));
    select.selection = all.reduce(both);
    Some(query)
}

fn definitions() -> &'static HashMap<String, Query> {
    static ALL: OnceLock<HashMap<String, Query>> = OnceLock::new();
    ALL.get_or_init(|| {
        let parsed = Parser::parse_sql(&PostgreSqlDialect {}, DEFINITIONS).unwrap_or_default();
        let views = parsed.into_iter().filter_map(|statement| match statement {
            Statement::CreateView(view) => Some((view.name.to_string(), *view.query)),
            _ => None,
        });
        views.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::catalog::describe::Description;

    #[test]
    fn every_view_is_one_of_postgres_and_has_rows_or_none_without_an_error() {
        let world = Arc::new(World::new(&Description::default(), "sdmxdb"));
        let session = SessionInfo::default();
        assert!(definitions().len() > 20);
        for name in definitions().keys() {
            let (schema, view) = name.split_once('.').expect("a schema");
            let found = world.relation(schema, view, &session);
            assert!(matches!(found, Ok(Some(_))), "{name}: {found:?}");
        }
    }
}
