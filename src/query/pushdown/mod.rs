//! From filters to series and periods: what a scan can decide before it reads anything.
//!
//! A predicate of one dimension is evaluated once per *code*, whatever functions it calls, and
//! becomes the list of codes for which it is true. AND, OR and NOT over such predicates become set
//! operations on series (`series`). A predicate of the period alone is evaluated once per period
//! and becomes ranges of slots (`periods`). All of it is exact; what mixes the two in one OR, or
//! looks at values, stays with the general filter above the scan.
//!
//! **Three-valued logic.** A row is wanted only where the filter is TRUE. TRUE distributes over AND
//! and OR; NOT is pushed down to the single predicates by the laws of De Morgan, where it asks for
//! FALSE. So no predicate that is NULL for a code ever selects it.

mod evaluate;
mod periods;
mod series;

use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, Operator, TableProviderFilterPushDown, Volatility};

use crate::query::scan::{Content, Source};
use crate::store::{PeriodFilter, SeriesFilter};

/// What the filters of a query ask of a cube.
#[derive(Clone, Debug)]
pub(crate) struct Pushdown {
    /// The series that are wanted.
    pub series: SeriesFilter,
    /// The periods that are wanted.
    pub periods: PeriodFilter,
    /// Whether no row comes through that the filters refuse.
    pub is_exact: bool,
}

/// What a filter can be decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// The codes of the series.
    Series,
    /// The period.
    Periods,
    /// Only the row.
    Row,
}

impl Pushdown {
    /// Evaluates `filters`, all of which must hold.
    ///
    /// # Errors
    ///
    /// If a predicate fails for a code or a period of the cube, as a cast may.
    pub(crate) fn of(source: &Source, filters: &[Expr], session: &dyn Session) -> Result<Self> {
        let mut series = Vec::new();
        let mut of_periods = Vec::new();
        let mut is_exact = true;
        for filter in filters {
            match reach(source, filter) {
                Reach::Series => series.push(series::filter(source, filter, session)?),
                Reach::Periods => {
                    of_periods.push(filter);
                    is_exact &= source.has_only_regular_periods();
                }
                // Such filters stay above the scan and do not come here.
                Reach::Row => {
                    let what = format!("a filter that was never promised: {filter}");
                    return Err(DataFusionError::Internal(what));
                }
            }
        }
        let series = match series.len() {
            0 => SeriesFilter::All,
            1 => series.remove(0),
            _ => SeriesFilter::And(series),
        };
        let periods = periods::filter(source, &of_periods, session)?;
        Ok(Self { series, periods, is_exact })
    }
}

/// Whether the scan applies `filter`, and whether it must be applied again above.
pub(crate) fn support(source: &Source, filter: &Expr) -> TableProviderFilterPushDown {
    match reach(source, filter) {
        Reach::Series => TableProviderFilterPushDown::Exact,
        Reach::Periods if source.has_only_regular_periods() => TableProviderFilterPushDown::Exact,
        Reach::Periods => TableProviderFilterPushDown::Inexact,
        Reach::Row => TableProviderFilterPushDown::Unsupported,
    }
}

fn reach(source: &Source, filter: &Expr) -> Reach {
    if !is_plain(filter) {
        return Reach::Row;
    }
    match columns(source, filter).as_slice() {
        // What the optimizer makes constant of a filter that it has pushed down already.
        [] if filter.column_refs().is_empty() => Reach::Series,
        [Content::Code(_)] => Reach::Series,
        contents if !contents.is_empty() && contents.iter().all(|c| c.is_period()) => {
            if source.periods().is_some() { Reach::Periods } else { Reach::Row }
        }
        _ => match filter {
            Expr::BinaryExpr(binary) if matches!(binary.op, Operator::And | Operator::Or) => {
                let (left, right) = (reach(source, &binary.left), reach(source, &binary.right));
                let both = left == Reach::Series && right == Reach::Series;
                if both { Reach::Series } else { Reach::Row }
            }
            Expr::Not(inner) if reach(source, inner) == Reach::Series => Reach::Series,
            Expr::Alias(alias) => reach(source, &alias.expr),
            _ => Reach::Row,
        },
    }
}

/// What the columns of an expression show, each once; empty if one is not of this table.
fn columns(source: &Source, expr: &Expr) -> Vec<Content> {
    let mut contents = Vec::new();
    for column in expr.column_refs() {
        let Ok(index) = source.schema().index_of(column.name()) else { return Vec::new() };
        let content = source.contents()[index];
        if !contents.contains(&content) {
            contents.push(content);
        }
    }
    contents
}

/// Whether the expression gives the same answer for the same columns, and can be evaluated here:
/// without subqueries, outer columns and chance. A parameter has its value by then.
fn is_plain(expr: &Expr) -> bool {
    let mut plain = true;
    let walked = expr.apply(|node| {
        plain &= match node {
            Expr::ScalarFunction(ScalarFunction { func, .. }) => {
                func.signature().volatility != Volatility::Volatile
            }
            Expr::Alias(_)
            | Expr::Column(_)
            | Expr::Literal(..)
            | Expr::Placeholder(_)
            | Expr::BinaryExpr(_)
            | Expr::Like(_)
            | Expr::SimilarTo(_)
            | Expr::Not(_)
            | Expr::IsNotNull(_)
            | Expr::IsNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::IsNotUnknown(_)
            | Expr::Negative(_)
            | Expr::Between(_)
            | Expr::Case(_)
            | Expr::Cast(_)
            | Expr::TryCast(_)
            | Expr::InList(_) => true,
            _ => false,
        };
        Ok(if plain { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    plain && walked.is_ok()
}
