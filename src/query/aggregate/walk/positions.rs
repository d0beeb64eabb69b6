//! Sets of positions of one chunk.

use std::iter;
use std::ops::Range;

const WORD: usize = u64::BITS as usize;

/// Positions below a count, as bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Positions {
    words: Vec<u64>,
    count: usize,
}

impl Positions {
    /// Empties the set, for positions below `count`.
    pub(crate) fn clear(&mut self, count: usize) {
        self.words.clear();
        self.words.resize(count.div_ceil(WORD), 0);
        self.count = count;
    }

    /// Makes it all positions below `count`.
    pub(crate) fn fill(&mut self, count: usize) {
        self.words.clear();
        self.words.resize(count.div_ceil(WORD), u64::MAX);
        self.count = count;
        if let Some(last) = self.words.last_mut().filter(|_| !count.is_multiple_of(WORD)) {
            *last = low_bits(count % WORD);
        }
    }

    /// Makes it all positions below `count`, or none.
    pub(crate) fn fill_or_clear(&mut self, is_filled: bool, count: usize) {
        if is_filled { self.fill(count) } else { self.clear(count) }
    }

    /// Makes it the same as another.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.words.clone_from(&other.words);
        self.count = other.count;
    }

    /// How many positions there may be.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// How many positions are in it.
    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    #[inline]
    pub(crate) fn contains(&self, position: usize) -> bool {
        self.words.get(position / WORD).is_some_and(|word| word >> (position % WORD) & 1 == 1)
    }

    #[inline]
    pub(crate) fn insert(&mut self, position: usize) {
        self.words[position / WORD] |= 1 << (position % WORD);
    }

    #[inline]
    pub(crate) fn remove(&mut self, position: usize) {
        self.words[position / WORD] &= !(1 << (position % WORD));
    }

    /// Adds the positions of a range.
    pub(crate) fn insert_range(&mut self, range: Range<usize>) {
        let range = range.start..range.end.min(self.count);
        if range.is_empty() {
            return;
        }
        let (first, last) = (range.start / WORD, (range.end - 1) / WORD);
        for word in first..=last {
            let from = if word == first { range.start % WORD } else { 0 };
            let to = if word == last { (range.end - 1) % WORD + 1 } else { WORD };
            self.words[word] |= low_bits(to) & !low_bits(from);
        }
    }

    /// Adds the positions, in groups of 64, for which `holds` says so by bits.
    pub(crate) fn insert_values<T: Copy>(&mut self, values: &[T], holds: impl Fn(T) -> bool) {
        for (word, values) in self.words.iter_mut().zip(values.chunks(WORD)) {
            let mut bits = 0_u64;
            for (place, value) in values.iter().enumerate() {
                bits |= u64::from(holds(*value)) << place;
            }
            *word |= bits;
        }
    }

    /// Keeps what is in the other, too.
    pub(crate) fn intersect(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Adds what is in the other.
    pub(crate) fn unite(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// The positions as increasing runs that do not touch.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut from = 0;
        iter::from_fn(move || {
            let start = self.next_with(from, 0)?;
            let end = self.next_with(start, u64::MAX).unwrap_or(self.count);
            from = end;
            Some(start..end)
        })
    }

    /// The first position from `from` on whose bit differs from those of `flip`.
    #[inline]
    fn next_with(&self, from: usize, flip: u64) -> Option<usize> {
        let mut word = from / WORD;
        let mut bits = (self.words.get(word)? ^ flip) & !low_bits(from % WORD);
        while bits == 0 {
            word += 1;
            bits = self.words.get(word)? ^ flip;
        }
        let found = word * WORD + bits.trailing_zeros() as usize;
        (found < self.count).then_some(found)
    }
}

/// The lowest `count` bits, of which there are up to 64.
#[inline]
fn low_bits(count: usize) -> u64 {
    if count >= WORD { u64::MAX } else { (1 << count) - 1 }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a list of one range is meant")]
mod tests {
    use super::*;

    fn of(count: usize, ranges: &[Range<usize>]) -> Positions {
        let mut positions = Positions::default();
        positions.clear(count);
        for range in ranges {
            positions.insert_range(range.clone());
        }
        positions
    }

    #[test]
    fn runs_are_the_ranges_that_were_added() {
        let check = |count: usize, ranges: &[Range<usize>]| {
            let found: Vec<Range<usize>> = of(count, ranges).runs().collect();
            assert_eq!(found, ranges, "{count}");
        };
        check(0, &[]);
        check(1, &[0..1]);
        check(64, &[0..64]);
        check(65, &[0..1, 64..65]);
        check(200, &[3..60, 62..129, 190..200]);
        check(4096, &[0..4096]);
        assert_eq!(of(100, &[10..20, 15..30]).runs().collect::<Vec<_>>(), [10..30]);
    }

    #[test]
    fn sets_are_combined_position_by_position() {
        let (a, b) = (of(130, &[0..70, 100..120]), of(130, &[60..110, 129..130]));
        let mut both = a.clone();
        both.intersect(&b);
        assert_eq!(both, of(130, &[60..70, 100..110]));
        assert_eq!(both.len(), 20);
        let mut either = a.clone();
        either.unite(&b);
        assert_eq!(either, of(130, &[0..120, 129..130]));
        either.remove(64);
        assert!(!either.contains(64) && either.contains(63) && !either.contains(4_000));
        let mut all = Positions::default();
        all.fill(130);
        assert_eq!(all, of(130, &[0..130]));
        let mut even = Positions::default();
        even.clear(3);
        even.insert_values(&[1, 2, 4], |value| value % 2 == 0);
        assert_eq!(even, of(3, &[1..3]));
    }
}
