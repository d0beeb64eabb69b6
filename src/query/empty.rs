//! Why an answer has no rows.
//!
//! Most empty answers come from a code that does not exist, or from codes that never meet. Both are
//! found in the index, without reading an observation. A query is looked at as its scans see it:
//! each filter on dimensions alone, then all but one, then the periods.

use arrow::array::{Array, StringViewArray};
use datafusion::catalog::Session as Planning;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::unnormalize_cols;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, TableScan};

use crate::error::{Error, Result};
use crate::model::{PeriodForm, Slot};
use crate::query::error::from_datafusion;
use crate::query::names;
use crate::query::pushdown::Pushdown;
use crate::query::scan::{Content, Source};
use crate::query::table::CubeTable;
use crate::store::{PeriodFilter, Selections};

/// Codes that a hint lists.
const CODES_SHOWN_MAX: usize = 8;
/// Series that are looked at for a hint.
const SERIES_READ_MAX: usize = 100_000;
/// Hints of one answer.
const HINTS_MAX: usize = 5;

/// Sentences that say why the scans of an optimised plan give no rows; none where they may give
/// some.
///
/// # Errors
///
/// Those of reading an index.
pub(super) fn explain(plan: &LogicalPlan, session: &dyn Planning) -> Result<Vec<String>> {
    let mut hints = Vec::new();
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = provider.downcast_ref::<CubeTable>()
        {
            let found = ScanHints { source: table.source(), session, hints: &mut hints };
            // A hint that cannot be found is no reason to fail.
            found.look_at(scan).unwrap_or_default();
        }
        let enough = hints.len() >= HINTS_MAX;
        Ok(if enough { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    walked.map_err(|error| from_datafusion(&error))?;
    hints.truncate(HINTS_MAX);
    Ok(hints)
}

struct ScanHints<'a> {
    source: &'a Source,
    session: &'a dyn Planning,
    hints: &'a mut Vec<String>,
}

impl ScanHints<'_> {
    fn look_at(mut self, scan: &TableScan) -> Result<()> {
        // As a scan gets them: the table's own columns without its name.
        let filters = unnormalize_cols(scan.filters.iter().cloned());
        let filters: Vec<&Expr> = filters.iter().flat_map(split_conjunction).collect();
        for filter in &filters {
            self.unknown_codes(filter);
        }
        if !self.hints.is_empty() {
            return Ok(());
        }
        let (series, periods) = self.pushed(&filters, None)?;
        if self.source.cube().series_count(&series)? == 0 {
            return self.clash(&filters);
        }
        self.time(&series, &periods)
    }

    /// The series and periods that these filters select, one of them left out.
    fn pushed(
        &self,
        filters: &[&Expr],
        left_out: Option<usize>,
    ) -> Result<(Selections, PeriodFilter)> {
        let kept = filters.iter().enumerate().filter(|(place, _)| Some(*place) != left_out);
        let kept: Vec<Expr> = kept.map(|(_, filter)| (*filter).clone()).collect();
        let pushdown = Pushdown::of(self.source, &kept, self.session);
        let pushdown = pushdown.map_err(|error| from_datafusion(&error))?;
        Ok((self.source.cube().select(&pushdown.series)?, pushdown.periods))
    }

    /// Codes in `=` and `IN` that the dimension does not have.
    fn unknown_codes(&mut self, filter: &Expr) {
        let walked = filter.apply(|part| {
            for (dimension, text) in self.compared(part) {
                let known = self.source.codes(dimension);
                if self.source.cube().codes(dimension).number(text).is_some() {
                    continue;
                }
                self.hints.push(self.unknown_code(dimension, text, known));
            }
            Ok(TreeNodeRecursion::Continue)
        });
        debug_assert!(walked.is_ok(), "the walk itself cannot fail");
    }

    fn unknown_code(&self, dimension: usize, text: &str, known: &StringViewArray) -> String {
        let (table, column) = (self.source.name(), self.column(dimension));
        if known.is_empty() {
            return format!("{table} has no data yet");
        }
        let advice = if let Some(nearest) = names::nearest(text, known.iter().flatten()) {
            format!("; did you mean '{nearest}'?")
        } else {
            let codes: Vec<String> =
                known.iter().flatten().take(CODES_SHOWN_MAX).map(quote).collect();
            let more = if known.len() > codes.len() { ", ..." } else { "" };
            format!("; there are {}{more}", codes.join(", "))
        };
        format!("{table} has no code '{text}' in {column}{advice}")
    }

    /// The texts that a predicate compares a dimension with.
    fn compared<'e>(&self, predicate: &'e Expr) -> Vec<(usize, &'e str)> {
        let pairs: Vec<(&Expr, &Expr)> = match predicate {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                vec![(left, right), (right, left)]
            }
            Expr::InList(InList { expr, list, negated: false }) => {
                list.iter().map(|one| (expr.as_ref(), one)).collect()
            }
            _ => Vec::new(),
        };
        let dimension = |expr: &Expr| match expr {
            Expr::Column(column) => {
                let index = self.source.schema().index_of(&column.name).ok()?;
                match self.source.contents()[index] {
                    Content::Code(dimension) => Some(dimension),
                    _ => None,
                }
            }
            _ => None,
        };
        let of = |(column, value)| Some((dimension(column)?, text(value)?));
        pairs.into_iter().filter_map(of).collect()
    }

    /// Known codes that never meet: says what one condition may be, given the others.
    fn clash(self, filters: &[&Expr]) -> Result<()> {
        let mut told = Vec::new();
        for (place, filter) in filters.iter().enumerate() {
            let Some(dimension) = self.only_dimension(filter).filter(|d| !told.contains(d)) else {
                continue;
            };
            told.push(dimension);
            let (others, _) = self.pushed(filters, Some(place))?;
            let codes = self.codes_of(dimension, &others)?;
            if codes.is_empty() {
                continue;
            }
            let (table, column) = (self.source.name(), self.column(dimension));
            let shown: Vec<String> = codes.iter().take(CODES_SHOWN_MAX).map(|c| quote(c)).collect();
            let more = if codes.len() > shown.len() { ", ..." } else { "" };
            let shown = shown.join(", ");
            self.hints.push(format!(
                "no series of {table} passes all conditions; with the others, {column} may be \
                 {shown}{more}"
            ));
        }
        Ok(())
    }

    /// The only dimension that a filter is about.
    fn only_dimension(&self, filter: &Expr) -> Option<usize> {
        let columns = filter.column_refs();
        let mut dimensions = columns.iter().map(|column| {
            let index = self.source.schema().index_of(&column.name).ok()?;
            match self.source.contents()[index] {
                Content::Code(dimension) => Some(dimension),
                _ => None,
            }
        });
        let first = dimensions.next()??;
        dimensions.all(|next| next == Some(first)).then_some(first)
    }

    /// The codes of a dimension that the first of these series have, in order.
    fn codes_of(&self, dimension: usize, series: &Selections) -> Result<Vec<&str>> {
        let cube = self.source.cube();
        let mut numbers = Vec::new();
        for (part, selected) in cube.parts().iter().zip(&series.0) {
            for ordinal in selected.iter().take(SERIES_READ_MAX) {
                numbers.push(part.code(dimension, ordinal)?);
            }
            numbers.sort_unstable();
            numbers.dedup();
        }
        Ok(numbers.into_iter().map(|number| cube.codes(dimension).get(number)).collect())
    }

    /// Series without an observation in the periods asked for: says which they have.
    fn time(self, series: &Selections, periods: &PeriodFilter) -> Result<()> {
        let cube = self.source.cube();
        if *periods == PeriodFilter::All {
            return Ok(());
        }
        let mut hull: Option<(PeriodForm, i32, i32)> = None;
        for (part, selected) in cube.parts().iter().zip(&series.0) {
            for ordinal in selected.iter().take(SERIES_READ_MAX) {
                for chunk in part.live_chunks(ordinal)? {
                    let span = part.span(chunk)?;
                    if periods.wants(span.form, span.first, usize::from(span.slots)) {
                        return Ok(());
                    }
                    let last = span.first.saturating_add(i32::from(span.slots)) - 1;
                    hull = match hull {
                        None => Some((span.form, span.first, last)),
                        Some((form, first, end)) if form == span.form => {
                            Some((form, first.min(span.first), end.max(last)))
                        }
                        other => other,
                    };
                }
            }
        }
        let Some((form, first, last)) = hull.filter(|(form, ..)| *form != PeriodForm::Other) else {
            return Ok(());
        };
        let (table, count) = (self.source.name(), cube.series_count(series)?);
        let (first, last) = (period(form, first)?, period(form, last)?);
        self.hints.push(format!(
            "the series of {table} that pass the other conditions ({count}) have periods from \
             {first} to {last}, none of them asked for"
        ));
        Ok(())
    }

    fn column(&self, dimension: usize) -> &str {
        let contents = self.source.contents();
        let place = contents.iter().position(|content| *content == Content::Code(dimension));
        self.source.schema().field(place.unwrap_or_default()).name()
    }
}

fn period(form: PeriodForm, index: i32) -> Result<String> {
    let mut text = Vec::new();
    Slot { form, index }.write_to(&mut text);
    String::from_utf8(text).map_err(|_| Error::bug("a period that is no text"))
}

fn quote(code: &str) -> String {
    format!("'{code}'")
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
