//! The observations that two chunks have at the same periods.

use std::ops::Range;

/// Pairs of runs: of the left chunk and of the right one, equally long.
#[derive(Debug, Default)]
pub(super) struct Overlap {
    pub(super) left: Vec<Range<usize>>,
    pub(super) right: Vec<Range<usize>>,
}

impl Overlap {
    /// Pairs the runs of two chunks, each ascending and disjoint, where position 0 of them is at
    /// the slots `left_first` and `right_first` of one form.
    pub(super) fn find(
        &mut self,
        (left, left_first): (&[Range<usize>], i32),
        (right, right_first): (&[Range<usize>], i32),
    ) {
        self.left.clear();
        self.right.clear();
        // Positions are below the slots of a chunk, which are few.
        let slot = |position: usize, first: i32| {
            i64::from(first).saturating_add(i64::try_from(position).unwrap_or(i64::MAX))
        };
        let slots = |run: &Range<usize>, first: i32| slot(run.start, first)..slot(run.end, first);
        let position =
            |slot: i64, first: i32| usize::try_from(slot - i64::from(first)).unwrap_or_default();
        let (mut l, mut r) = (0, 0);
        while let (Some(own), Some(other)) = (left.get(l), right.get(r)) {
            let (own, other) = (slots(own, left_first), slots(other, right_first));
            let both = own.start.max(other.start)..own.end.min(other.end);
            if !both.is_empty() {
                let of = |first: i32| position(both.start, first)..position(both.end, first);
                self.left.push(of(left_first));
                self.right.push(of(right_first));
            }
            if own.end <= other.end {
                l += 1;
            } else {
                r += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    #[test]
    fn pairs_what_lies_at_the_same_slots() {
        let mut overlap = Overlap::default();
        let left = [0..3, 5..9, 12..13];
        let right = [0..2, 4..5, 6..20];
        overlap.find((&left, 10), (&right, 8));
        // Slots 10..13, 15..19, 22..23 and 8..10, 12..13, 14..28.
        assert_eq!(overlap.left, [2..3, 5..9, 12..13]);
        assert_eq!(overlap.right, [4..5, 7..11, 14..15]);
        overlap.find((&left, 10), (&right, 100));
        assert!(overlap.left.is_empty() && overlap.right.is_empty());
        let whole: Vec<Range<usize>> = iter::once(0..30).collect();
        overlap.find((&left, -5), (&whole, -6));
        assert_eq!(overlap.left, left);
        assert_eq!(overlap.right, [1..4, 6..10, 13..14]);
    }
}
