//! What a column of the answer is called, by PostgreSQL's rule.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Ident, ObjectName, SelectItem, SetExpr, TrimWhereField,
};

use crate::pg::catalog::types::CHAR;
use crate::pg::catalog::world::World;

/// What PostgreSQL calls a column without a name.
const NAMELESS: &str = "?column?";

/// An identifier as the catalogue has it: in lower case, unless it is between quotes.
pub(crate) fn plain(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// The parts of a name.
pub(crate) fn parts(name: &ObjectName) -> Vec<String> {
    name.0.iter().map(|part| part.as_ident().map_or_else(|| part.to_string(), plain)).collect()
}

/// The name of a column of the answer.
pub(crate) fn of_column(world: &World, expr: &Expr) -> String {
    found(world, expr).unwrap_or_else(|| NAMELESS.to_owned())
}

fn found(world: &World, expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(name) => Some(plain(name)),
        Expr::CompoundIdentifier(names) => names.last().map(plain),
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(name)) => Some(plain(name)),
                _ => None,
            });
            field.or_else(|| found(world, root))
        }
        Expr::Function(call) => parts(&call.name).pop(),
        Expr::Cast { expr, data_type, .. } => {
            found(world, expr).filter(|_| has_name(expr)).or_else(|| {
                let oid = world.type_named(&data_type.to_string())?;
                Some(type_name(world, oid))
            })
        }
        Expr::TypedString(typed) => {
            let oid = world.type_named(&typed.data_type.to_string())?;
            Some(type_name(world, oid))
        }
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => found(world, inner),
        Expr::Case { else_result, .. } => {
            let otherwise = else_result.as_ref().filter(|otherwise| has_name(otherwise));
            let named = otherwise.and_then(|otherwise| found(world, otherwise));
            Some(named.unwrap_or_else(|| "case".to_owned()))
        }
        Expr::Exists { .. } => Some("exists".to_owned()),
        Expr::Array(_) => Some("array".to_owned()),
        Expr::Tuple(_) => Some("row".to_owned()),
        Expr::Trim { trim_where, .. } => Some(
            match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                Some(TrimWhereField::Both) | None => "btrim",
            }
            .to_owned(),
        ),
        Expr::Substring { .. } => Some("substring".to_owned()),
        Expr::Position { .. } => Some("position".to_owned()),
        Expr::Extract { .. } => Some("extract".to_owned()),
        Expr::Ceil { .. } => Some("ceil".to_owned()),
        Expr::Floor { .. } => Some("floor".to_owned()),
        Expr::AtTimeZone { .. } => Some("timezone".to_owned()),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::ExprWithAlias { alias, .. } => Some(plain(alias)),
                SelectItem::UnnamedExpr(expr) => found(world, expr),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Whether an expression has a name of its own, which a cast or a CASE around it keeps.
fn has_name(expr: &Expr) -> bool {
    match expr {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => has_name(expr),
        Expr::Case { else_result, .. } => else_result.as_deref().is_some_and(has_name),
        Expr::Value(_) | Expr::TypedString(_) => false,
        _ => true,
    }
}

fn type_name(world: &World, oid: u32) -> String {
    let name = world.look_up("pg_type", oid, "typname");
    match name.as_text() {
        Some(_) if oid == CHAR => "char".to_owned(),
        Some(name) => name.to_owned(),
        None => NAMELESS.to_owned(),
    }
}
