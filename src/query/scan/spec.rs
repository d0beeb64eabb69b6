//! What one scan reads, as plain values: a machine elsewhere could run it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::compute::SortOptions;
use arrow::datatypes::Schema;
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;

use crate::index::Selection;
use crate::model::{PeriodForm, Slot};
use crate::query::scan::membership::Membership;
use crate::query::scan::{Content, Source};
use crate::store::{Direction, KeyPart, PeriodFilter, ScanOrder, ScanRequest, Selections};

/// Series below which one partition is faster than several: some ten thousand observations.
const PARTITION_SERIES_MIN: u64 = 256;
/// Ranges of periods that a plan shows; the rest are counted.
const RANGES_SHOWN_MAX: usize = 4;

/// What one scan reads.
#[derive(Clone, Debug)]
pub(crate) struct ScanSpec {
    /// The series, part by part.
    pub series: Arc<Selections>,
    /// The periods.
    pub periods: PeriodFilter,
    /// The order of the rows.
    pub order: ScanOrder,
    /// The columns, by their position in the table.
    pub projection: Vec<usize>,
    /// The rows after which each partition may stop.
    pub fetch: Option<usize>,
    /// What else must hold of the series, found out before they are read.
    pub memberships: Vec<Arc<Membership>>,
}

impl ScanSpec {
    /// The measures that the columns show, each once.
    pub(crate) fn measures(&self, source: &Source) -> Vec<usize> {
        self.positions(source, |content| match content {
            Content::Number(measure) | Content::Text(measure) => Some(measure),
            _ => None,
        })
    }

    /// The attributes of observations that the columns show, each once.
    pub(crate) fn attributes(&self, source: &Source) -> Vec<usize> {
        self.positions(source, |content| match content {
            Content::Attribute(attribute) => Some(attribute),
            _ => None,
        })
    }

    fn positions(&self, source: &Source, of: impl Fn(Content) -> Option<usize>) -> Vec<usize> {
        let contents = self.projection.iter().map(|column| source.contents()[*column]);
        let mut positions: Vec<usize> = contents.filter_map(of).collect();
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// What the store is asked for, with the series of one partition.
    pub(crate) fn request(&self, source: &Source, series: Selections) -> ScanRequest {
        ScanRequest {
            series,
            periods: self.periods.clone(),
            measures: self.measures(source),
            attributes: self.attributes(source),
            order: self.order.clone(),
        }
    }

    /// The order of the rows as expressions over the output, as far as its columns are there.
    pub(crate) fn ordering(&self, source: &Source, schema: &Schema) -> Vec<PhysicalSortExpr> {
        let content = |column: usize| Some(source.contents()[self.projection[column]]);
        self.ordering_of(schema, content, source)
    }

    /// The same over other columns, of which `content` says what they show.
    pub(crate) fn ordering_of(
        &self,
        schema: &Schema,
        content: impl Fn(usize) -> Option<Content>,
        source: &Source,
    ) -> Vec<PhysicalSortExpr> {
        let ScanOrder::Key(key) = &self.order else { return Vec::new() };
        let columns = 0..schema.fields().len();
        let place =
            |wanted: Content| columns.clone().find(|column| content(*column) == Some(wanted));
        let mut wanted: Vec<(Content, Direction)> =
            key.iter().map(|part| (Content::Code(part.dimension), part.direction)).collect();
        if key.len() == source.cube().flow().dimensions().len() {
            wanted.push((Content::PeriodText, Direction::Ascending));
        }
        let sorted = wanted.into_iter().map_while(|(content, direction)| {
            let column = place(content)?;
            let name = schema.field(column).name();
            // None of these is ever NULL; this is where PostgreSQL puts it unless told otherwise.
            let descending = direction == Direction::Descending;
            let options = SortOptions { descending, nulls_first: descending };
            Some(PhysicalSortExpr::new(Arc::new(Column::new(name, column)), options))
        });
        sorted.collect()
    }

    /// Writes what is scanned, for a plan.
    pub(crate) fn describe(
        &self,
        source: &Source,
        reads: Reads,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        let selected = self.series.len();
        let all = source.live_series().map_err(|_| fmt::Error)?;
        let cube = source.cube();
        let read = match reads {
            Reads::Blocks => cube.block_count(&self.series, &self.periods),
            Reads::Totals => Ok(0),
        };
        let (read, blocks) = read.map(|n| (n, cube.blocks())).map_err(|_| fmt::Error)?;
        write!(f, "table={}, series={selected} of {all}, ", source.name())?;
        write!(f, "blocks={read} of {blocks}, periods=")?;
        self.describe_periods(f)?;
        let schema = source.schema();
        let names: Vec<&str> =
            self.projection.iter().map(|column| schema.field(*column).name().as_str()).collect();
        write!(f, ", columns=[{}]", names.join(", "))?;
        if let ScanOrder::Key(key) = &self.order {
            let name = |part: &KeyPart| {
                let name = source.cube().flow().dimensions()[part.dimension].id.to_lowercase();
                match part.direction {
                    Direction::Ascending => name,
                    Direction::Descending => format!("{name} desc"),
                }
            };
            let names: Vec<String> = key.iter().map(name).collect();
            write!(f, ", order=[{}, period]", names.join(", "))?;
        }
        if let Some(fetch) = self.fetch {
            write!(f, ", fetch={fetch}")?;
        }
        Ok(())
    }

    fn describe_periods(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PeriodFilter::Slots(forms) = &self.periods else { return write!(f, "all") };
        let ranges = forms.iter().flat_map(|(form, ranges)| ranges.iter().map(|r| (*form, r)));
        let count = ranges.clone().count();
        if count == 0 {
            return write!(f, "none");
        }
        for (index, (form, range)) in ranges.take(RANGES_SHOWN_MAX).enumerate() {
            let separator = if index == 0 { "" } else { "+" };
            write!(f, "{separator}{}", Shown(form, range))?;
        }
        let hidden = count.saturating_sub(RANGES_SHOWN_MAX);
        if hidden > 0 { write!(f, " and {hidden} more") } else { Ok(()) }
    }
}

/// What an operator reads of the series it selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The blocks with their observations.
    Blocks,
    /// The stored totals alone; blocks only of the few chunks whose totals do not say everything.
    Totals,
}

/// A range of slots, shown by its first and last.
struct Shown<'a>(PeriodForm, &'a Range<i32>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(form, range) = self;
        let first = Slot { form: *form, index: range.start };
        let last = Slot { form: *form, index: range.end - 1 };
        if first == last { write!(f, "{first}") } else { write!(f, "{first}..{last}") }
    }
}

/// The smaller of two limits.
pub(super) fn least(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

/// How many partitions read so many series on up to `threads` threads.
pub(crate) fn partition_count(series: u64, threads: usize) -> usize {
    if series >= PARTITION_SERIES_MIN { threads.max(1) } else { 1 }
}

/// Cuts a selection into `count` contiguous ones with equally many series each.
pub(crate) fn split(series: &Selections, count: usize) -> Vec<Selections> {
    if count <= 1 {
        return vec![series.clone()];
    }
    let total = series.len();
    let count = count as u64;
    let mut pieces = Vec::new();
    for piece in 0..count {
        let mut ranks = total * piece / count..total * (piece + 1) / count;
        let mut parts = Vec::with_capacity(series.0.len());
        for selection in &series.0 {
            let length = selection.len();
            let own = ranks.start.min(length)..ranks.end.min(length);
            parts.push(of_ranks(selection, own));
            ranks = ranks.start.saturating_sub(length)..ranks.end.saturating_sub(length);
        }
        pieces.push(Selections(parts));
    }
    pieces
}

/// The members of a selection from the one of rank `ranks.start` to the one before `ranks.end`.
fn of_ranks(selection: &Selection, ranks: Range<u64>) -> Selection {
    if ranks.is_empty() {
        return Selection::empty();
    }
    if ranks == (0..selection.len()) {
        return selection.clone();
    }
    // Both ranks are below the number of members.
    let member = |rank: u64| selection.member(rank).unwrap_or_default();
    selection.and(&Selection::from_range(member(ranks.start)..member(ranks.end - 1) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_into_equal_and_contiguous_pieces() {
        let a = Selection::from_sorted([1, 2, 3, 7, 9]);
        let b = Selection::from_sorted([0, 5]);
        let pieces = split(&Selections(vec![a, b]), 3);
        let members: Vec<Vec<Vec<u32>>> = pieces
            .iter()
            .map(|piece| piece.0.iter().map(|s| s.iter().collect()).collect())
            .collect();
        let expected =
            vec![vec![vec![1, 2], vec![]], vec![vec![3, 7], vec![]], vec![vec![9], vec![0, 5]]];
        assert_eq!(members, expected);
    }
}
