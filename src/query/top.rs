//! `ORDER BY` a value with a `LIMIT`: only the series that may have a part in the answer.
//!
//! Each chunk knows its least and its greatest value, and that it has a row with it. So the tenth
//! greatest of all maxima is a bound that ten rows reach, and a chunk whose maximum is below it has
//! no row among the first ten. Neighbouring series are looked at a page at a time, the pages with
//! the best values first. The sort stays, and settles ties, over a scan of what is left.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::iter;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNotNullExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_plan::execution_plan::ChildrenPropertiesMode;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, ReplaceChildrenOptions};

use crate::error;
use crate::index::Selection;
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, PageBounds, SeriesScanExec, rank};
use crate::store::{Direction, Part, PeriodFilter, ScanOrder, Selections};

/// Series below which it is not worth looking.
const SERIES_MIN: u64 = 64;

/// What comes first.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    /// The column sorted by.
    column: usize,
    direction: Direction,
    /// How many rows.
    rows: usize,
    /// Whether rows without a value come before all others.
    has_nulls_first: bool,
}

/// A sort with a limit over the series that matter to it, where those are fewer than all.
pub(super) fn over_promising(
    sort: &SortExec,
    target_partitions: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let first = sort.expr().first();
    let Some(column) = first.expr.downcast_ref::<Column>() else { return Ok(None) };
    let Some(rows) = sort.fetch().filter(|rows| *rows > 0) else { return Ok(None) };
    let is_descending = first.options.descending;
    let wanted = Wanted {
        column: column.index(),
        direction: if is_descending { Direction::Descending } else { Direction::Ascending },
        rows,
        has_nulls_first: first.options.nulls_first,
    };
    let Some(input) = below(sort.input(), wanted, target_partitions)? else { return Ok(None) };
    let sorted = SortExec::new(sort.expr().clone(), input);
    let sorted = sorted.with_preserve_partitioning(sort.preserve_partitioning());
    Ok(Some(Arc::new(sorted.with_fetch(sort.fetch()))))
}

/// `plan` with the scan below it over fewer series.
fn below(
    plan: &Arc<dyn ExecutionPlan>,
    mut wanted: Wanted,
    target_partitions: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let input = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let expr = projection.expr().get(wanted.column).map(|projected| &projected.expr);
        let column = expr.and_then(|expr| expr.downcast_ref::<Column>());
        let Some(column) = column else { return Ok(None) };
        wanted.column = column.index();
        below(projection.input(), wanted, target_partitions)?
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        if let Some(kept) = filter.projection() {
            wanted.column = kept[wanted.column];
        }
        let conditions = split_conjunction(filter.predicate());
        let keeps_first = |condition: &&Arc<dyn PhysicalExpr>| keeps_first(condition, wanted);
        if filter.fetch().is_some() || !conditions.iter().all(keeps_first) {
            return Ok(None);
        }
        wanted.has_nulls_first = false;
        below(filter.input(), wanted, target_partitions)?
    } else {
        let Some(scan) = plan.downcast_ref::<SeriesScanExec>() else { return Ok(None) };
        let series = promising(scan, wanted).map_err(to_datafusion)?;
        let Some(series) = series else { return Ok(None) };
        return Ok(Some(Arc::new(scan.of_series(series, target_partitions)?)));
    };
    let Some(input) = input else { return Ok(None) };
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(plan).replace_children(vec![input], options).map(Some)
}

/// Whether a condition lets no row through that comes after one that it does not let through, but
/// for rows without a value, of which it lets none through.
fn keeps_first(condition: &Arc<dyn PhysicalExpr>, wanted: Wanted) -> bool {
    let is_wanted = |expr: &Arc<dyn PhysicalExpr>| {
        expr.downcast_ref::<Column>().is_some_and(|column| column.index() == wanted.column)
    };
    if let Some(present) = condition.downcast_ref::<IsNotNullExpr>() {
        return is_wanted(present.arg());
    }
    let Some(comparison) = condition.downcast_ref::<BinaryExpr>() else { return false };
    let is_constant = comparison.right().downcast_ref::<Literal>().is_some();
    let is_bound = match wanted.direction {
        Direction::Descending => matches!(comparison.op(), Operator::Gt | Operator::GtEq),
        Direction::Ascending => matches!(comparison.op(), Operator::Lt | Operator::LtEq),
    };
    is_constant && is_bound && is_wanted(comparison.left())
}

/// The series that may have rows among the first; absent if there is nothing to gain.
fn promising(scan: &SeriesScanExec, wanted: Wanted) -> error::Result<Option<Selections>> {
    let spec = scan.spec();
    let is_whole = matches!(spec.periods, PeriodFilter::All)
        && spec.fetch.is_none()
        && spec.memberships.is_empty()
        && spec.order == ScanOrder::Stored;
    let count = spec.series.len();
    if !is_whole || count < SERIES_MIN || wanted.rows as u64 > count / 2 {
        return Ok(None);
    }
    let Content::Number(measure) = scan.content(wanted.column) else { return Ok(None) };
    let mut found = Promises::new(wanted, spec.series.0.len());
    let parts = scan.source().cube().parts();
    for (index, page) in best_first(scan.source().bounds(measure)?, wanted) {
        if !found.may_want(page) {
            continue;
        }
        let series = spec.series.0[index].iter_from(page.series.start);
        for series in series.take_while(|series| *series < page.series.end) {
            found.add(index, &parts[index], series, measure)?;
        }
    }
    Ok(found.finish().filter(|found| found.len() < count))
}

/// All pages with the part of each; those with the best values come first, so that most others
/// turn out to be without hope.
fn best_first(bounds: &[Vec<PageBounds>], wanted: Wanted) -> Vec<(usize, &PageBounds)> {
    let of_part = |(part, pages)| iter::repeat(part).zip(pages);
    let mut pages: Vec<(usize, &PageBounds)> =
        bounds.iter().enumerate().flat_map(of_part).collect();
    pages.sort_by_key(|(_, page)| Reverse(wanted.best_of(page)));
    pages
}

impl Wanted {
    /// The highest rank in a page, counted so that what comes first is high.
    fn best_of(self, page: &PageBounds) -> Option<i64> {
        page.ranks.map(|(least, greatest)| match self.direction {
            Direction::Descending => greatest,
            Direction::Ascending => !least,
        })
    }
}

/// What the chunks promise.
struct Promises {
    wanted: Wanted,
    /// The best values so far, one a chunk, as many as rows are wanted; the worst of them first.
    best: BinaryHeap<Reverse<i64>>,
    /// Series whose best value may be good enough: value, part, series.
    candidates: Vec<(i64, usize, u32)>,
    /// Series of which nobody can tell.
    always: Vec<Selection>,
    /// Series with rows without a value, where such rows come first.
    without_value: Vec<Selection>,
    /// How many such rows there are.
    rows_without_value: u64,
}

impl Promises {
    fn new(wanted: Wanted, parts: usize) -> Self {
        let none = vec![Selection::empty(); parts];
        Self {
            wanted,
            best: BinaryHeap::with_capacity(wanted.rows + 1),
            candidates: Vec::new(),
            always: none.clone(),
            without_value: none,
            rows_without_value: 0,
        }
    }

    /// Whether a page may have a series that matters.
    fn may_want(&self, page: &PageBounds) -> bool {
        if page.has_unknown || self.wanted.has_nulls_first {
            return true;
        }
        let Some(best) = self.wanted.best_of(page) else { return false };
        let is_full = self.best.len() == self.wanted.rows;
        !is_full || self.best.peek().is_none_or(|Reverse(worst)| best >= *worst)
    }

    /// Adds a series.
    fn add(
        &mut self,
        part_index: usize,
        part: &Part,
        series: u32,
        measure: usize,
    ) -> error::Result<()> {
        for chunk in part.live_chunks(series)? {
            let total = part.total(measure, chunk)?;
            if !total.is_exact {
                self.always[part_index].insert(series);
                continue;
            }
            if self.wanted.has_nulls_first {
                let lacking = u32::from(part.span(chunk)?.observations).saturating_sub(total.count);
                if lacking > 0 {
                    self.rows_without_value += u64::from(lacking);
                    self.without_value[part_index].insert(series);
                }
            }
            if total.count > 0 {
                let (mantissa, is_down) = match self.wanted.direction {
                    Direction::Descending => (total.max, false),
                    Direction::Ascending => (total.min, true),
                };
                let rank = rank(mantissa, total.scale);
                self.promise(if is_down { !rank } else { rank }, part_index, series);
            }
        }
        Ok(())
    }

    /// A chunk of a series has a row of this rank, and none of a higher one.
    fn promise(&mut self, rank: i64, part: usize, series: u32) {
        let is_full = self.best.len() == self.wanted.rows;
        match self.best.peek() {
            Some(Reverse(worst)) if is_full && rank < *worst => return,
            _ => self.best.push(Reverse(rank)),
        }
        if is_full {
            self.best.pop();
        }
        self.candidates.push((rank, part, series));
    }

    /// The series that matter; absent if all may.
    fn finish(self) -> Option<Selections> {
        let mut found = self.always;
        for (found, lacking) in found.iter_mut().zip(&self.without_value) {
            found.union_with(lacking);
        }
        if self.rows_without_value >= self.wanted.rows as u64 {
            return Some(Selections(found));
        }
        let Reverse(bound) = *self.best.peek().filter(|_| self.best.len() == self.wanted.rows)?;
        for (rank, part, series) in self.candidates {
            if rank >= bound {
                found[part].insert(series);
            }
        }
        Some(Selections(found))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ties_with_the_last_is_kept() {
        let wanted =
            Wanted { column: 0, direction: Direction::Descending, rows: 2, has_nulls_first: false };
        let check = |ranks: &[i64], expected: Option<&[u32]>| {
            let mut found = Promises::new(wanted, 1);
            for (series, rank) in (0..).zip(ranks) {
                found.promise(*rank, 0, series);
            }
            let found = found.finish().map(|found| found.0[0].iter().collect::<Vec<u32>>());
            assert_eq!(found.as_deref(), expected, "{ranks:?}");
        };
        check(&[5], None);
        check(&[1, 2, 3, 4], Some(&[2, 3]));
        check(&[4, 3, 3, 2, 3], Some(&[0, 1, 2, 4]));
        check(&[7, 7, 7, 1], Some(&[0, 1, 2]));
    }
}
