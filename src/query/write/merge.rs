//! `MERGE`: a source joined to the table, and clauses that say what becomes of each row.
//!
//! What is read has the number of the clause that a row falls under, the key of the table, and the
//! columns of each clause, which are calculated only for its own rows.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, Merge, MergeAction, MergeClause,
    MergeClauseKind, MergeInsertExpr, MergeInsertKind, SelectItem, TableFactor, Value,
};

use crate::error::{Error, Result};
use crate::query::catalogue::Catalogue;
use crate::query::write::assign::{self, Change};
use crate::query::write::constants::constant;
use crate::query::write::insert;
use crate::query::write::layout::Layout;
use crate::query::write::outcome::WriteTag;
use crate::query::write::plan::{self, Kind, WritePlan, unsupported};
use crate::query::write::syntax;
use crate::query::write::target::Target;

/// The column of a source that says that a row is there.
const IS_SOURCE: &str = "is source";

/// What a clause does with its rows.
#[derive(Clone, Debug)]
pub(in crate::query) enum Clause {
    Insert(Layout),
    Update(Change),
    Delete,
}

impl WritePlan {
    pub(super) fn merge(merge: &Merge, catalogue: &Arc<Catalogue>) -> Result<Self> {
        if merge.output.is_some() {
            return Err(unsupported("MERGE with RETURNING or OUTPUT"));
        }
        let target = plan::of_factor(catalogue, &merge.table)?;
        let by_source = |clause: &MergeClause| {
            matches!(clause.clause_kind, MergeClauseKind::NotMatchedBySource)
        };
        let is_full = merge.clauses.iter().any(by_source);
        let source = if is_full { marked(&merge.source)? } else { merge.source.clone() };
        let number = number_of_clause(&target, &merge.clauses, is_full.then(|| name_of(&source)))?;
        let mut columns = vec![number.clone()];
        columns.extend(plan::key_of(&target));
        let (mut clauses, mut parameters) = (Vec::new(), Vec::new());
        for (at, clause) in (1..).zip(&merge.clauses) {
            let first = columns.len();
            let (values, made) = match &clause.action {
                MergeAction::Delete { .. } => (Vec::new(), Clause::Delete),
                MergeAction::Update(update) => {
                    if update.update_predicate.is_some() || update.delete_predicate.is_some() {
                        return Err(unsupported("WHERE behind UPDATE SET in MERGE (write AND)"));
                    }
                    let assigned = assign::assigned(&target, &update.assignments)?;
                    parameters.extend(plan::parameters_of(&target, &assigned));
                    let (values, change) = assign::change(&target, &assigned, first);
                    (values, Clause::Update(change))
                }
                MergeAction::Insert(insert) => {
                    let (values, layout) = inserted(&target, insert, first)?;
                    (values, Clause::Insert(layout))
                }
            };
            let only = |value: Expr| {
                if constant(&value).is_some() {
                    return value;
                }
                let is_it = syntax::equal(number.clone(), syntax::number(at));
                syntax::case(vec![(is_it, value)])
            };
            columns.extend(values.into_iter().map(only));
            clauses.push(made);
        }
        let mut from = syntax::relation_of(source);
        let on = JoinConstraint::On(merge.on.as_ref().clone());
        let join_operator =
            if is_full { JoinOperator::FullOuter(on) } else { JoinOperator::LeftOuter(on) };
        let relation = target.from().relation;
        let join = Join { relation, global: false, join_operator };
        from.joins.push(join);
        let query = syntax::select(columns, vec![from], None)?;
        let (tag, kind) = (WriteTag::Merge, Kind::Merge(clauses));
        Ok(Self { tag, target, kind, query: Some(query), returning: None, parameters })
    }
}

/// The number of the first clause that a row falls under; NULL for none.
fn number_of_clause(
    target: &Target,
    clauses: &[MergeClause],
    source: Option<Result<Ident>>,
) -> Result<Expr> {
    let source = source.transpose()?;
    let in_target = || Expr::IsNotNull(Box::new(first_key(target)));
    let in_source = |name: &Ident| syntax::column(name, IS_SOURCE);
    let mut branches = Vec::new();
    for (at, clause) in (1..).zip(clauses) {
        let there = match &source {
            Some(source) => Expr::IsNotNull(Box::new(in_source(source))),
            None => Expr::Value(Value::Boolean(true).into()),
        };
        let falls = match clause.clause_kind {
            MergeClauseKind::Matched => syntax::and(in_target(), there),
            MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => {
                syntax::and(Expr::IsNull(Box::new(first_key(target))), there)
            }
            MergeClauseKind::NotMatchedBySource => match &source {
                Some(source) => Expr::IsNull(Box::new(in_source(source))),
                None => return Err(Error::bug("a source without its mark")),
            },
        };
        let falls = match &clause.predicate {
            Some(predicate) => syntax::and(falls, predicate.clone()),
            None => falls,
        };
        branches.push((falls, syntax::number(at)));
    }
    Ok(syntax::case(branches))
}

/// A column that is never NULL in a row of the table.
fn first_key(target: &Target) -> Expr {
    target.column(target.key().first().copied().unwrap_or_default())
}

/// The values of a row that a clause inserts, and where they go.
fn inserted(
    target: &Target,
    insert: &MergeInsertExpr,
    first: usize,
) -> Result<(Vec<Expr>, Layout)> {
    if insert.insert_predicate.is_some() {
        return Err(unsupported("WHERE behind INSERT in MERGE (write AND)"));
    }
    let MergeInsertKind::Values(values) = &insert.kind else {
        return Err(unsupported("INSERT ROW"));
    };
    let [row] = values.rows.as_slice() else {
        return Err(Error::invalid("MERGE", "inserts one list of values for each row"));
    };
    let columns = insert::last_idents(&insert.columns)?;
    let places = insert::places(target, &columns)?;
    let count = row.content.len();
    if count > places.len() || !columns.is_empty() && count < places.len() {
        let reason = "INSERT must have as many values as columns";
        return Err(Error::invalid("MERGE", reason));
    }
    let places = places.get(..count).unwrap_or_default();
    insert::layout(target, places)?;
    let values = row.content.iter().zip(places);
    let values = values.map(|(value, place)| assign::written(target, *place, value)).collect();
    Ok((values, Layout::new((first..).zip(places.iter().copied()))))
}

/// The source with a column that is not NULL where a row is there.
fn marked(source: &TableFactor) -> Result<TableFactor> {
    let name = name_of(source)?;
    let inner = syntax::relation_of(source.clone());
    let mark =
        SelectItem::ExprWithAlias { expr: syntax::number(1), alias: syntax::ident(IS_SOURCE) };
    let all = syntax::parse("SELECT *")?;
    let mut items = syntax::items(all)?;
    items.push(mark);
    let subquery = Box::new(syntax::select_items(items, vec![inner], None)?);
    let alias = Some(syntax::alias_of(name));
    Ok(TableFactor::Derived { lateral: false, subquery, alias, sample: None })
}

/// What expressions call the source.
fn name_of(source: &TableFactor) -> Result<Ident> {
    let name = match source {
        TableFactor::Table { name, alias: None, .. } => {
            name.0.last().and_then(|part| part.as_ident()).cloned()
        }
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } => Some(alias.name.clone()),
        _ => None,
    };
    name.ok_or_else(|| Error::invalid("MERGE", "its source needs a name; write AS name"))
}
