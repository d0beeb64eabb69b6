//! Distinct texts with numbers, and distinct tuples of numbers with numbers.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

/// Distinct texts, numbered from 0 in the order of their first appearance.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<Box<str>, u32>,
    by_number: Vec<Box<str>>,
    bytes: u64,
}

impl Texts {
    /// The number of a text, where it is known.
    #[inline]
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        self.numbers.get(text).copied()
    }

    /// Adds a text that is not known.
    pub(super) fn add(&mut self, text: &str) -> u32 {
        let number = u32::try_from(self.by_number.len()).unwrap_or(u32::MAX);
        self.by_number.push(text.into());
        self.numbers.insert(text.into(), number);
        self.bytes += 2 * text.len() as u64 + 56;
        number
    }

    /// The text with this number.
    pub(super) fn get(&self, number: u32) -> &str {
        &self.by_number[number as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Memory used.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// For each number, the rank of its text in bytewise order.
    pub(super) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).collect();
        order.sort_unstable_by(|a, b| self.get(*a).cmp(self.get(*b)));
        let mut ranks = vec![0; order.len()];
        for (rank, number) in (0..).zip(order) {
            ranks[number as usize] = rank;
        }
        ranks
    }

    /// For each number of other texts, the number of the same text among these.
    pub(super) fn numbers_of(&self, others: &Self) -> Vec<Option<u32>> {
        if self.by_number.is_empty() {
            return vec![None; others.len()];
        }
        others.by_number.iter().map(|text| self.find(text)).collect()
    }

    /// The texts in bytewise order.
    pub(super) fn sorted(&self) -> Vec<Box<str>> {
        let mut texts = self.by_number.clone();
        texts.sort_unstable();
        texts
    }
}

/// Distinct tuples of one width, numbered from 0 in the order of their first appearance.
#[derive(Debug)]
pub(super) struct Tuples {
    width: usize,
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
    cells: Vec<u32>,
    count: u32,
}

impl Tuples {
    pub(super) fn new(width: usize) -> Self {
        let (table, hasher) = (HashTable::new(), DefaultHashBuilder::default());
        Self { width, table, hasher, cells: Vec::new(), count: 0 }
    }

    /// The number of a tuple, and whether it is new.
    #[inline]
    pub(super) fn number(&mut self, tuple: &[u32]) -> (u32, bool) {
        let hash = self.hasher.hash_one(tuple);
        let (cells, width) = (&self.cells, self.width);
        let at = |number: u32| &cells[number as usize * width..][..width];
        if let Some(number) = self.table.find(hash, |number| at(*number) == tuple) {
            return (*number, false);
        }
        let number = self.count;
        self.count += 1;
        self.cells.extend_from_slice(tuple);
        let (cells, hasher) = (&self.cells, &self.hasher);
        self.table.insert_unique(hash, number, |number| {
            hasher.hash_one(&cells[*number as usize * width..][..width])
        });
        (number, true)
    }

    /// The number of a tuple, where it is known.
    pub(super) fn find(&self, tuple: &[u32]) -> Option<u32> {
        let hash = self.hasher.hash_one(tuple);
        self.table.find(hash, |number| self.get(*number) == tuple).copied()
    }

    /// How many numbers a tuple has.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The tuple with this number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> &[u32] {
        &self.cells[number as usize * self.width..][..self.width]
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    /// Memory used.
    pub(super) fn bytes(&self) -> u64 {
        (self.cells.capacity() * 4 + self.table.capacity() * 5) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_first_appearance_and_ranks_those_of_the_bytes() {
        let mut texts = Texts::default();
        for text in ["b", "a", "B"] {
            assert_eq!(texts.find(text), None);
            texts.add(text);
        }
        assert_eq!(texts.find("a"), Some(1));
        assert_eq!(texts.ranks(), [2, 1, 0]);
        let mut tuples = Tuples::new(2);
        assert_eq!(tuples.number(&[1, 2]), (0, true));
        assert_eq!(tuples.number(&[2, 1]), (1, true));
        assert_eq!(tuples.number(&[1, 2]), (0, false));
        assert_eq!(tuples.get(1), [2, 1]);
    }
}
