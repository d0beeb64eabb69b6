//! What a reader wants of a cube, as plain values: which series, which slots, in which order.

use std::ops::Range;

use crate::index::Selection;
use crate::model::PeriodForm;
use crate::segment::ChunkSpan;

/// Which series: a formula over sets of codes. Codes are numbers of [`crate::store::CodeTable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesFilter {
    /// Every series.
    All,
    /// Those that carry one of these codes, ascending, in a dimension.
    Codes {
        /// The position of the dimension.
        dimension: usize,
        /// The numbers of the codes.
        codes: Vec<u32>,
    },
    /// Those that pass all of these.
    And(Vec<SeriesFilter>),
    /// Those that pass one of these.
    Or(Vec<SeriesFilter>),
    /// Those that do not pass this.
    Not(Box<SeriesFilter>),
}

/// The series selected of each part of a cube.
#[derive(Clone, Debug, PartialEq)]
pub struct Selections(pub Vec<Selection>);

impl Selections {
    /// Those that are selected by both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(one, other)| one.and(other)).collect())
    }

    /// No series of so many parts.
    pub fn none(parts: usize) -> Self {
        Self(vec![Selection::empty(); parts])
    }

    /// How many series are selected; one that stands in several parts counts for each.
    pub fn len(&self) -> u64 {
        self.0.iter().map(Selection::len).sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Selection::is_empty)
    }
}

/// Which slots. Periods of [`PeriodForm::Other`] are never filtered here: who asks must check them
/// once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PeriodFilter {
    /// Every slot.
    #[default]
    All,
    /// Of each form that is listed, the slots in these ranges, ascending and disjoint; of a regular
    /// form that is not listed, none.
    Slots(Vec<(PeriodForm, Vec<Range<i32>>)>),
}

impl PeriodFilter {
    /// Whether any of `slots` slots from `first` on is wanted.
    pub fn wants(&self, form: PeriodForm, first: i32, slots: usize) -> bool {
        self.coverage(form, first, slots) != Coverage::Nothing
    }

    /// How much is wanted of `slots` slots from `first` on.
    #[inline]
    pub fn coverage(&self, form: PeriodForm, first: i32, slots: usize) -> Coverage {
        match self.ranges(form) {
            None => Coverage::All,
            // Nearly always there is one, and many chunks are asked about.
            Some([range]) => match cut(range, first, slots) {
                wanted if wanted.is_empty() => Coverage::Nothing,
                wanted if wanted.len() == slots => Coverage::All,
                _ => Coverage::Part,
            },
            Some(ranges) => {
                let mut cut = ranges.iter().map(|range| cut(range, first, slots));
                match cut.find(|range| !range.is_empty()) {
                    None => Coverage::Nothing,
                    Some(range) if range.len() == slots => Coverage::All,
                    Some(_) => Coverage::Part,
                }
            }
        }
    }

    /// From the first to the last position wanted of `slots` slots from `first` on.
    pub fn hull(&self, form: PeriodForm, first: i32, slots: usize) -> Range<usize> {
        let Some(ranges) = self.ranges(form) else { return 0..slots };
        let mut cut = ranges.iter().map(|range| cut(range, first, slots));
        let mut hull = cut.find(|range| !range.is_empty()).unwrap_or_default();
        if let Some(last) = cut.rfind(|range| !range.is_empty()) {
            hull.end = last.end;
        }
        hull
    }

    /// Whether of each regular form at most one slot is wanted.
    pub fn is_of_one_slot(&self) -> bool {
        let slots =
            |ranges: &[Range<i32>]| ranges.iter().map(ExactSizeIterator::len).sum::<usize>();
        match self {
            Self::All => false,
            Self::Slots(forms) => forms.iter().all(|(_, ranges)| slots(ranges) <= 1),
        }
    }

    /// The ranges of slots of a form that are wanted; absent where all are.
    fn ranges(&self, form: PeriodForm) -> Option<&[Range<i32>]> {
        match self {
            Self::Slots(forms) if form != PeriodForm::Other => {
                let wanted = forms.iter().find(|(known, _)| *known == form);
                Some(wanted.map_or(&[], |(_, ranges)| ranges))
            }
            Self::Slots(_) | Self::All => None,
        }
    }

    /// How many observations are wanted of a chunk: at least the start of this range, at most its
    /// end, both included. The two are equal where all or nothing of the chunk is wanted.
    pub fn observations(&self, span: &ChunkSpan) -> Range<u64> {
        let all = u64::from(span.observations);
        let Some(ranges) = self.ranges(span.form) else { return all..all };
        let cut = ranges.iter().map(|range| cut(range, span.first, span.slots.into()));
        let wanted: u64 = cut.filter(|range| !range.is_empty()).map(|r| r.len() as u64).sum();
        let absent = u64::from(span.slots).saturating_sub(all);
        wanted.saturating_sub(absent)..wanted.min(all)
    }

    /// The positions wanted of `slots` slots from `first` on, ascending and disjoint.
    pub fn positions(&self, form: PeriodForm, first: i32, slots: usize) -> Vec<Range<usize>> {
        let mut positions = Vec::new();
        self.positions_into(form, first, slots, &mut positions);
        positions
    }

    /// The same in place of what `out` had.
    pub fn positions_into(
        &self,
        form: PeriodForm,
        first: i32,
        slots: usize,
        out: &mut Vec<Range<usize>>,
    ) {
        out.clear();
        match self.ranges(form) {
            None => out.push(0..slots),
            Some(ranges) => {
                let cut = ranges.iter().map(|range| cut(range, first, slots));
                out.extend(cut.filter(|range| !range.is_empty()));
            }
        }
    }
}

/// How much of a chunk is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// No slot.
    Nothing,
    /// Some slots, and not others.
    Part,
    /// Every slot.
    All,
}

/// The positions of a range of slots among `slots` from `first` on.
#[inline]
fn cut(range: &Range<i32>, first: i32, slots: usize) -> Range<usize> {
    position(range.start, first, slots)..position(range.end, first, slots)
}

/// The position of a slot among `slots` from `first` on, or the nearest one.
fn position(slot: i32, first: i32, slots: usize) -> usize {
    let offset = i64::from(slot) - i64::from(first);
    usize::try_from(offset.max(0)).unwrap_or(usize::MAX).min(slots)
}

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

/// A dimension to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPart {
    /// The position of the dimension.
    pub dimension: usize,
    /// Which way its codes go.
    pub direction: Direction,
}

impl From<usize> for KeyPart {
    fn from(dimension: usize) -> Self {
        Self { dimension, direction: Direction::Ascending }
    }
}

/// In which order series come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScanOrder {
    /// As they are stored: part by part, each in its own key order.
    #[default]
    Stored,
    /// By the codes of these dimensions, in bytewise order or against it, then by the other
    /// dimensions in the order of the structure, then by the text of the period; over all parts
    /// together.
    Key(Vec<KeyPart>),
}

impl ScanOrder {
    /// By the codes of these dimensions, each in bytewise order.
    pub fn ascending(dimensions: impl IntoIterator<Item = usize>) -> Self {
        Self::Key(dimensions.into_iter().map(KeyPart::from).collect())
    }
}

/// A scan: series, slots, what to decode of them, and the order.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanRequest {
    /// The series.
    pub series: Selections,
    /// The slots.
    pub periods: PeriodFilter,
    /// The positions of the measures to decode, among the flow's measures.
    pub measures: Vec<usize>,
    /// The positions of the observation attributes to decode, among the flow's attributes.
    pub attributes: Vec<usize>,
    /// The order.
    pub order: ScanOrder,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
    fn ranges_of_slots_become_ranges_of_positions() {
        let filter = PeriodFilter::Slots(vec![(PeriodForm::Year, vec![1990..2001, 2005..2006])]);
        let check = |form, first, slots, expected: &[Range<usize>]| {
            assert_eq!(filter.positions(form, first, slots), expected);
            let coverage = match expected {
                [] => Coverage::Nothing,
                [all] if all.len() == slots => Coverage::All,
                _ => Coverage::Part,
            };
            assert_eq!(filter.coverage(form, first, slots), coverage);
            let end = expected.last().map_or(0, |last| last.end);
            let hull = expected.first().map_or(0, |range| range.start)..end;
            assert_eq!(filter.hull(form, first, slots), hull);
        };
        assert!(!filter.is_of_one_slot() && !PeriodFilter::All.is_of_one_slot());
        let one = vec![(PeriodForm::Year, vec![1990..1991]), (PeriodForm::Month, vec![7..8])];
        assert!(PeriodFilter::Slots(one).is_of_one_slot());
        check(PeriodForm::Year, 2000, 10, &[0..1, 5..6]);
        check(PeriodForm::Year, 1980, 15, &[10..15]);
        check(PeriodForm::Year, 1992, 9, &[0..9]);
        check(PeriodForm::Year, 2010, 5, &[]);
        check(PeriodForm::Month, 2000, 10, &[]);
        check(PeriodForm::Other, 0, 3, &[0..3]);
        assert_eq!(PeriodFilter::All.positions(PeriodForm::Day, -5, 4), [0..4]);
    }
}
