//! Queries: the parts around SELECT.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::limits::CATALOGUE_ROUNDS_MAX;
use crate::pg::catalog::plan::{Body, Expr, Key, Order, Query, SetKind};
use crate::pg::catalog::relation::{Relation, Shared};
use crate::pg::catalog::run::{Frame, Run};
use crate::pg::catalog::value::Value;

/// A row of an answer.
pub(super) type Row = Vec<Value>;

impl Run<'_> {
    /// The rows of a query within the row of another.
    pub(super) fn query(&self, query: &Query, outer: Option<&Frame<'_>>) -> Result<Vec<Row>> {
        let (skip, most) = self.bounds(query, outer)?;
        let mut rows = match &query.body {
            Body::Select(select) => {
                // Without an order, what is beyond the limit need not be looked for.
                let enough = match most {
                    Some(most) if query.order.is_empty() => skip.saturating_add(most),
                    _ => usize::MAX,
                };
                self.select(select, &query.order, enough, outer)?
            }
            Body::Values(rows) => {
                let frame = Self::frame(0, outer);
                let row = |row: &Vec<Expr>| row.iter().map(|e| self.evaluate(e, &frame)).collect();
                let rows: Result<Vec<Row>> = rows.iter().map(row).collect();
                sorted(rows?, &query.order)
            }
            Body::Set { kind, keeps_all, left, right } => {
                let (left, right) = (self.query(left, outer)?, self.query(right, outer)?);
                sorted(combined(*kind, *keeps_all, left, right), &query.order)
            }
            Body::Recursive { id, keeps_all, first, next } => {
                self.recursive(*id, *keeps_all, first, next, outer)?
            }
        };
        if skip > 0 {
            rows.drain(..skip.min(rows.len()));
        }
        rows.truncate(most.unwrap_or(usize::MAX));
        Ok(rows)
    }

    /// The rows of a query as a relation; if they are the same for each row, made once.
    pub(super) fn rows_of(&self, query: &Query, outer: Option<&Frame<'_>>) -> Result<Shared> {
        if query.is_correlated {
            let rows = self.query(query, outer)?;
            return Ok(Arc::new(Relation::new(0, query.columns.clone(), rows)));
        }
        if let Some(known) = self.answers.borrow().get(&query.id) {
            return Ok(Arc::clone(known));
        }
        let rows = self.query(query, outer)?;
        let made = Arc::new(Relation::new(0, query.columns.clone(), rows));
        self.answers.borrow_mut().insert(query.id, Arc::clone(&made));
        Ok(made)
    }

    fn bounds(&self, query: &Query, outer: Option<&Frame<'_>>) -> Result<(usize, Option<usize>)> {
        let frame = Self::frame(0, outer);
        let bound = |expr: &Option<Expr>| -> Result<Option<usize>> {
            let Some(expr) = expr else { return Ok(None) };
            let Some(number) = self.evaluate(expr, &frame)?.as_int() else { return Ok(None) };
            let wrong = |_| Error::invalid("LIMIT or OFFSET", "must not be negative");
            usize::try_from(number).map(Some).map_err(wrong)
        };
        Ok((bound(&query.offset)?.unwrap_or(0), bound(&query.limit)?))
    }

    fn recursive(
        &self,
        id: usize,
        keeps_all: bool,
        first: &Query,
        next: &Query,
        outer: Option<&Frame<'_>>,
    ) -> Result<Vec<Row>> {
        let mut seen = HashSet::new();
        let mut is_new = |row: &Row| keeps_all || seen.insert(row.clone());
        let mut last: Vec<Row> = self.query(first, outer)?;
        last.retain(&mut is_new);
        let mut all = last.clone();
        for _ in 0..CATALOGUE_ROUNDS_MAX {
            if last.is_empty() {
                return Ok(all);
            }
            let working = Arc::new(Relation::new(0, first.columns.clone(), last));
            self.working.borrow_mut().insert(id, working);
            // What reads the last round is another in each, and must not be kept.
            self.answers.borrow_mut().clear();
            last = self.query(next, outer)?;
            last.retain(&mut is_new);
            all.extend(last.iter().cloned());
        }
        let limit = CATALOGUE_ROUNDS_MAX as u64;
        Err(Error::Limit { what: "the rounds of a recursive query", actual: limit + 1, limit })
    }
}

/// The rows of two queries as those of one.
fn combined(kind: SetKind, keeps_all: bool, left: Vec<Row>, right: Vec<Row>) -> Vec<Row> {
    match (kind, keeps_all) {
        (SetKind::Union, true) => left.into_iter().chain(right).collect(),
        (SetKind::Union, false) => once(left.into_iter().chain(right)),
        (SetKind::Intersect, _) => {
            let right: HashSet<Row> = right.into_iter().collect();
            once(left.into_iter().filter(|row| right.contains(row)))
        }
        (SetKind::Except, _) => {
            let right: HashSet<Row> = right.into_iter().collect();
            once(left.into_iter().filter(|row| !right.contains(row)))
        }
    }
}

/// Each row once, at its first place.
pub(super) fn once(rows: impl Iterator<Item = Row>) -> Vec<Row> {
    let mut seen = HashSet::new();
    rows.filter(|row| seen.insert(row.clone())).collect()
}

/// Rows in an order by their own columns.
fn sorted(mut rows: Vec<Row>, order: &[Order]) -> Vec<Row> {
    let places: Vec<(usize, bool, bool)> = order
        .iter()
        .filter_map(|order| match order.key {
            Key::Output(place) => Some((place, order.is_descending, order.nulls_first)),
            Key::Expr(_) => None,
        })
        .collect();
    rows.sort_by(|a, b| {
        let keys = places.iter().map(|(place, is_descending, nulls_first)| {
            ordered(&a[*place], &b[*place], *is_descending, *nulls_first)
        });
        keys.fold(Ordering::Equal, Ordering::then)
    });
    rows
}

/// The order of two values under a key.
pub(super) fn ordered(a: &Value, b: &Value, is_descending: bool, nulls_first: bool) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if nulls_first => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if nulls_first => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if is_descending => b.order(a),
        (false, false) => a.order(b),
    }
}
