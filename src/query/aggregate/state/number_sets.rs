//! Sets of small numbers, one for each cell: what `count(DISTINCT ...)` has met.

use std::ops::Range;

/// Numbers in one word.
const WORD_BITS: usize = u64::BITS as usize;

/// A set of numbers below a bound for each cell, as bits.
#[derive(Clone, Debug)]
pub(crate) struct NumberSets {
    /// Words of a set.
    width: usize,
    words: Vec<u64>,
}

impl NumberSets {
    /// No sets yet, of numbers below `bound`.
    pub(crate) fn new(bound: usize) -> Self {
        Self { width: bound.div_ceil(WORD_BITS).max(1), words: Vec::new() }
    }

    /// Bytes of a set.
    pub(crate) fn bytes_per_set(&self) -> usize {
        self.width * size_of::<u64>()
    }

    /// Makes room for so many sets.
    pub(crate) fn grow(&mut self, sets: usize) {
        self.words.resize(sets * self.width, 0);
    }

    /// Puts a number into a set.
    #[inline]
    pub(crate) fn insert(&mut self, set: usize, number: usize) {
        self.words[set * self.width + number / WORD_BITS] |= 1 << (number % WORD_BITS);
    }

    /// Puts all numbers of a range into a set.
    pub(crate) fn insert_range(&mut self, set: usize, numbers: Range<usize>) {
        let words = &mut self.words[set * self.width..(set + 1) * self.width];
        let indexes = numbers.start / WORD_BITS..numbers.end.div_ceil(WORD_BITS);
        for (index, word) in words.iter_mut().enumerate().take(indexes.end).skip(indexes.start) {
            let first = numbers.start.max(index * WORD_BITS) % WORD_BITS;
            let end = numbers.end.min((index + 1) * WORD_BITS) - index * WORD_BITS;
            *word |= (u64::MAX << first) & (u64::MAX >> (WORD_BITS - end));
        }
    }

    /// Whether a number is in a set.
    #[inline]
    pub(crate) fn contains(&self, set: usize, number: usize) -> bool {
        self.words[set * self.width + number / WORD_BITS] >> (number % WORD_BITS) & 1 == 1
    }

    /// Puts the numbers of another's set into ours.
    pub(crate) fn union(&mut self, ours: usize, other: &Self, theirs: usize) {
        let theirs = &other.words[theirs * self.width..(theirs + 1) * self.width];
        let ours = &mut self.words[ours * self.width..(ours + 1) * self.width];
        for (word, other) in ours.iter_mut().zip(theirs) {
            *word |= other;
        }
    }

    /// How many numbers are in a set.
    pub(crate) fn len(&self, set: usize) -> u64 {
        let words = &self.words[set * self.width..(set + 1) * self.width];
        words.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_the_numbers_in_them() {
        for (start, end) in [(0, 0), (0, 1), (3, 64), (63, 65), (64, 128), (5, 199), (130, 131)] {
            let mut ranges = NumberSets::new(200);
            ranges.grow(2);
            let mut single = ranges.clone();
            ranges.insert_range(1, start..end);
            (start..end).for_each(|number| single.insert(1, number));
            assert_eq!(ranges.words, single.words, "{start}..{end}");
            assert_eq!((ranges.len(0), ranges.len(1)), (0, (end - start) as u64));
            assert!((0..200).all(|n| ranges.contains(1, n) == (start..end).contains(&n)));
            let mut united = NumberSets::new(200);
            united.grow(1);
            united.insert(0, 199);
            united.union(0, &ranges, 1);
            assert_eq!(united.len(0), (end - start) as u64 + 1);
        }
    }
}
