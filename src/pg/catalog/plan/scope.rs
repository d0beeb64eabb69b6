//! Which names mean what in a query.

use crate::error::{Error, Result};
use crate::pg::catalog::plan::{Aggregate, Expr, Typed, Window};
use crate::pg::catalog::relation::Column;
use crate::pg::catalog::types::{OID, TID, Type, XID};
use crate::pg::catalog::value::Value;

/// Tables of one FROM clause: sets of them are kept as bits.
pub(crate) const SLOTS_MAX: usize = 120;

/// A table of a FROM clause.
pub(crate) struct Slot {
    pub(crate) alias: String,
    /// The schema that the table was named with or found in.
    pub(crate) schema: Option<String>,
    pub(crate) columns: Vec<Column>,
    /// Columns that `USING` has merged with one further left.
    pub(crate) merged: Vec<usize>,
    /// Whether its rows are of a relation, which gives them a number.
    pub(crate) has_relation: bool,
    /// Whether a row is a single value that the name of the table stands for.
    pub(crate) is_value: bool,
}

/// The names of one query.
#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) slots: Vec<Slot>,
    /// The slots that were named since this was last set to none, as bits.
    pub(crate) used: u128,
    /// Whether a column of a query further out was named.
    pub(crate) is_correlated: bool,
    pub(crate) aggregates: Vec<Aggregate>,
    pub(crate) windows: Vec<Window>,
    pub(crate) sets: Vec<Expr>,
}

/// The scopes of a query and of those around it, the innermost last.
#[derive(Default)]
pub(crate) struct Scopes(pub(crate) Vec<Scope>);

impl Scopes {
    /// The innermost.
    ///
    /// # Errors
    ///
    /// [`Error::Bug`] outside a query.
    pub(crate) fn inner(&mut self) -> Result<&mut Scope> {
        self.0.last_mut().ok_or_else(|| Error::bug("a name outside a query"))
    }

    /// What a name of one to three parts means: a column, or a whole row.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if it means nothing, [`Error::Invalid`] if it means several.
    pub(crate) fn resolve(&mut self, parts: &[String]) -> Result<Typed> {
        let depth = self.0.len();
        for level in 0..depth {
            let scope = &self.0[depth - 1 - level];
            if let Some((slot, found)) = find(scope, parts, level)? {
                let scope = &mut self.0[depth - 1 - level];
                scope.used |= 1 << slot;
                for inner in &mut self.0[depth - level..] {
                    inner.is_correlated = true;
                }
                return Ok(found);
            }
        }
        Err(Error::not_found("column", parts.join(".")))
    }
}

fn find(scope: &Scope, parts: &[String], level: usize) -> Result<Option<(usize, Typed)>> {
    let (schema, table, column) = match parts {
        [column] => (None, None, column),
        [table, column] => (None, Some(table), column),
        [schema, table, column] | [_, schema, table, column] => (Some(schema), Some(table), column),
        _ => return Ok(None),
    };
    let mut found = None;
    for (slot, known) in scope.slots.iter().enumerate() {
        let is_meant = table.is_none_or(|table| *table == known.alias)
            && schema.is_none_or(|schema| known.schema.as_ref() == Some(schema));
        if !is_meant {
            continue;
        }
        let place = known.columns.iter().enumerate().find(|(place, known_column)| {
            known_column.name == *column && (table.is_some() || !known.merged.contains(place))
        });
        let Some((place, known_column)) = place else { continue };
        if found.is_some() {
            return Err(Error::invalid(
                format!("column reference {:?}", parts.join(".")),
                "is ambiguous",
            ));
        }
        let expr = Expr::Column { level, slot, column: place };
        found = Some((slot, Typed { expr, ty: known_column.ty.clone() }));
    }
    Ok(found.or_else(|| system_column(scope, table, column, level)).or_else(|| {
        let [name] = parts else { return None };
        whole_row(scope, name, level)
    }))
}

/// `tableoid`, `xmin` and their like, which no list of columns has.
fn system_column(
    scope: &Scope,
    table: Option<&String>,
    column: &str,
    level: usize,
) -> Option<(usize, Typed)> {
    let slot = scope
        .slots
        .iter()
        .position(|slot| slot.has_relation && table.is_none_or(|table| *table == slot.alias))?;
    let typed = match column {
        "tableoid" => Typed { expr: Expr::RelationOf { level, slot }, ty: Type::of(OID) },
        "xmin" | "xmax" | "cmin" | "cmax" => {
            Typed { expr: Expr::Constant(Value::Int(1)), ty: Type::of(XID) }
        }
        "ctid" => Typed { expr: Expr::Constant(Value::text("(0,1)")), ty: Type::of(TID) },
        _ => return None,
    };
    Some((slot, typed))
}

/// The name of a table alone: its whole row, or its value if it is a function of one.
fn whole_row(scope: &Scope, name: &str, level: usize) -> Option<(usize, Typed)> {
    let slot = scope.slots.iter().position(|slot| slot.alias == name)?;
    let known = &scope.slots[slot];
    if let (true, [column, ..]) = (known.is_value, known.columns.as_slice()) {
        let expr = Expr::Column { level, slot, column: 0 };
        return Some((slot, Typed { expr, ty: column.ty.clone() }));
    }
    let fields = known.columns.iter().map(|column| (column.name.clone(), column.ty.clone()));
    let ty = Type::row(fields);
    Some((slot, Typed { expr: Expr::WholeRow { level, slot }, ty }))
}
