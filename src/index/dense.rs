//! A set of ordinals as plain bits, for building what has more runs than roaring likes to merge.

use std::ops::Range;

use roaring::RoaringBitmap;

use crate::index::Selection;

/// Ordinals of one range, a bit each.
#[derive(Debug)]
pub(super) struct Dense {
    /// The ordinal of the first bit; a multiple of 64.
    base: u32,
    /// Bit `i` of word `w` stands for `base + 64 w + i`.
    words: Vec<u64>,
}

impl Dense {
    /// No ordinal yet, and room for those of `range`: an eighth of a byte each.
    pub(super) fn over(range: Range<u32>) -> Self {
        let base = range.start & !63;
        let bits = range.end.max(base) - base;
        Self { base, words: vec![0; bits.div_ceil(64) as usize] }
    }

    /// Adds the ordinals of `run`, which lies in the range.
    pub(super) fn insert_run(&mut self, run: Range<u32>) {
        if run.is_empty() {
            return;
        }
        let (start, last) = (run.start - self.base, run.end - 1 - self.base);
        let (first_word, last_word) = ((start / 64) as usize, (last / 64) as usize);
        let head = u64::MAX << (start % 64);
        let tail = u64::MAX >> (63 - last % 64);
        if first_word == last_word {
            self.words[first_word] |= head & tail;
        } else {
            self.words[first_word] |= head;
            self.words[first_word + 1..last_word].fill(u64::MAX);
            self.words[last_word] |= tail;
        }
    }

    /// Adds those ordinals of `run`, which lies in the range, that `keep` gives a true for: it
    /// yields one for each, in order.
    pub(super) fn insert_where(&mut self, run: Range<u32>, mut keep: impl Iterator<Item = bool>) {
        let (mut at, end) = (run.start - self.base, run.end - self.base);
        while at < end {
            let stop = (at | 63).saturating_add(1).min(end);
            let mut word = 0;
            for (bit, kept) in (at % 64..).zip(keep.by_ref().take((stop - at) as usize)) {
                word |= u64::from(kept) << bit;
            }
            self.words[(at / 64) as usize] |= word;
            at = stop;
        }
    }

    /// The ordinals that were added.
    pub(super) fn into_selection(self) -> Selection {
        let bytes: Vec<u8> = self.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        Selection::from_bitmap(RoaringBitmap::from_lsb0_bytes(self.base, &bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn holds_the_runs_it_was_given(
            start in 0..200_000_u32,
            runs in prop::collection::vec((0..3_000_u32, 0..200_u32), 0..20),
        ) {
            let runs: Vec<_> = runs.iter().map(|&(at, len)| start + at..start + at + len).collect();
            let mut dense = Dense::over(start..start + 3_200);
            let mut filtered = Dense::over(start..start + 3_200);
            for run in &runs {
                dense.insert_run(run.clone());
                filtered.insert_where(run.clone(), run.clone().map(|ordinal| ordinal % 3 == 0));
            }
            let expected = (start..start + 3_200).filter(|at| runs.iter().any(|run| run.contains(at)));
            let expected = Selection::from_sorted(expected);
            let thirds = Selection::from_sorted(expected.iter().filter(|ordinal| ordinal % 3 == 0));
            prop_assert_eq!(dense.into_selection(), expected);
            prop_assert_eq!(filtered.into_selection(), thirds);
        }
    }
}
