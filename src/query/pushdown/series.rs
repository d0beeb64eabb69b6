//! From a filter on dimensions to a filter of series.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use datafusion::catalog::Session;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::query::pushdown::columns;
use crate::query::pushdown::evaluate::evaluate;
use crate::query::scan::{Content, Source};
use crate::store::SeriesFilter;

/// The series for which `filter` is true. Every predicate in it is of one dimension.
pub(super) fn filter(
    source: &Source,
    filter: &Expr,
    session: &dyn Session,
) -> Result<SeriesFilter> {
    Translation { source, session }.series(filter, true)
}

struct Translation<'a> {
    source: &'a Source,
    session: &'a dyn Session,
}

impl Translation<'_> {
    /// The series for which `filter` is `wanted`.
    fn series(&self, filter: &Expr, wanted: bool) -> Result<SeriesFilter> {
        if let [Content::Code(dimension)] = columns(self.source, filter).as_slice() {
            return self.codes(*dimension, filter, wanted);
        }
        if filter.column_refs().is_empty() {
            let value = evaluate(filter, Vec::new(), 1, self.session)?;
            let holds = value.iter().next().flatten() == Some(wanted);
            // A union of nothing selects no series.
            return Ok(if holds { SeriesFilter::All } else { SeriesFilter::Or(Vec::new()) });
        }
        match filter {
            Expr::Not(inner) => self.series(inner, !wanted),
            Expr::Alias(alias) => self.series(&alias.expr, wanted),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let both = vec![self.series(left, wanted)?, self.series(right, wanted)?];
                match (op, wanted) {
                    (Operator::And, true) | (Operator::Or, false) => Ok(SeriesFilter::And(both)),
                    (Operator::Or, true) | (Operator::And, false) => Ok(SeriesFilter::Or(both)),
                    _ => Err(not_ours(filter)),
                }
            }
            _ => Err(not_ours(filter)),
        }
    }

    /// The codes of `dimension` for which `predicate` is `wanted`.
    fn codes(&self, dimension: usize, predicate: &Expr, wanted: bool) -> Result<SeriesFilter> {
        if wanted && let Some(texts) = listed(predicate) {
            let table = self.source.cube().codes(dimension);
            let mut codes: Vec<u32> = texts.iter().filter_map(|text| table.number(text)).collect();
            codes.sort_unstable();
            codes.dedup();
            return Ok(SeriesFilter::Codes { dimension, codes });
        }
        let table = self.source.codes(dimension);
        let contents = self.source.contents();
        let column = contents.iter().position(|content| *content == Content::Code(dimension));
        let field = self.source.schema().field(column.unwrap_or_default()).clone();
        let column: (_, ArrayRef) = (field, Arc::new(table.clone()));
        let values = evaluate(predicate, vec![column], table.len(), self.session)?;
        let codes = (0_u32..).zip(values.iter());
        let codes: Vec<u32> =
            codes.filter_map(|(code, value)| (value == Some(wanted)).then_some(code)).collect();
        if codes.len() == table.len() {
            return Ok(SeriesFilter::All);
        }
        Ok(SeriesFilter::Codes { dimension, codes })
    }
}

/// The texts of `column = 'A'` and `column IN ('A', 'B')`, which need no evaluation.
fn listed(predicate: &Expr) -> Option<Vec<&str>> {
    match predicate {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            match (left.as_ref(), right.as_ref()) {
                (Expr::Column(_), other) | (other, Expr::Column(_)) => Some(vec![text(other)?]),
                _ => None,
            }
        }
        Expr::InList(list) if !list.negated && matches!(list.expr.as_ref(), Expr::Column(_)) => {
            list.list.iter().map(text).collect()
        }
        _ => None,
    }
}

/// The text of a literal that is not NULL.
fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(
            ScalarValue::Utf8(text) | ScalarValue::LargeUtf8(text) | ScalarValue::Utf8View(text),
            _,
        ) => text.as_deref(),
        _ => None,
    }
}

fn not_ours(filter: &Expr) -> DataFusionError {
    DataFusionError::Internal(format!("a filter that is not on dimensions: {filter}"))
}
