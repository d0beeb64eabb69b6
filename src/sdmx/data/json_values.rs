//! The values that a JSON message refers to by number, while it is written.

use std::hash::BuildHasher;
use std::io;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::Error;
use crate::limits::MESSAGE_VALUES_BYTES_MAX;

/// Memory of one value beside its text: its end, and its place in the hash table.
const VALUE_BYTES: usize = 24;

/// The distinct values of each component, numbered in the order of their first appearance.
pub(super) struct ValueTables {
    tables: Vec<ValueTable>,
    /// Memory of all tables.
    bytes: usize,
}

#[derive(Default)]
struct ValueTable {
    texts: String,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// The number given out last.
    last: u32,
}

impl ValueTables {
    /// Empty tables for so many components.
    pub(super) fn new(component_count: usize) -> Self {
        Self { tables: (0..component_count).map(|_| ValueTable::default()).collect(), bytes: 0 }
    }

    /// The number of a value of a component.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] if the values of the message take too much memory.
    #[inline]
    pub(super) fn number(&mut self, component: usize, text: &str) -> io::Result<u32> {
        let Some(table) = self.tables.get_mut(component) else { return Ok(0) };
        // Attributes repeat themselves, and periods follow one another.
        for guess in [table.last, table.last.wrapping_add(1)] {
            if table.get(guess) == Some(text) {
                table.last = guess;
                return Ok(guess);
            }
        }
        let known = table.ends.len();
        table.last = table.find_or_add(text);
        if table.ends.len() > known {
            self.bytes += text.len() + VALUE_BYTES;
            check(self.bytes)?;
        }
        Ok(table.last)
    }

    /// The values of a component, in the order of their numbers.
    pub(super) fn values(&self, component: usize) -> impl Iterator<Item = &str> {
        let table = self.tables.get(component);
        let count = table.map_or(0, |table| table.ends.len());
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        (0..count).filter_map(move |index| table?.get(number(index)))
    }

    /// Whether a component has no value.
    pub(super) fn is_empty(&self, component: usize) -> bool {
        self.tables.get(component).is_none_or(|table| table.ends.is_empty())
    }
}

fn check(bytes: usize) -> io::Result<()> {
    if bytes <= MESSAGE_VALUES_BYTES_MAX {
        return Ok(());
    }
    let what = "the size of distinct values in one JSON message (ask for CSV or XML, or for less)";
    let (actual, limit) = (bytes as u64, MESSAGE_VALUES_BYTES_MAX as u64);
    Err(io::Error::other(Error::Limit { what, actual, limit }))
}

impl ValueTable {
    #[inline]
    fn get(&self, number: u32) -> Option<&str> {
        let index = number as usize;
        let from = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        self.texts.get(from..*self.ends.get(index)?)
    }

    fn find_or_add(&mut self, text: &str) -> u32 {
        let hash = self.hasher.hash_one(text);
        if let Some(number) = self.numbers.find(hash, |number| self.get(*number) == Some(text)) {
            return *number;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.texts.push_str(text);
        self.ends.push(self.texts.len());
        let Self { texts, ends, hasher, .. } = self;
        self.numbers.insert_unique(hash, number, |number| {
            let index = *number as usize;
            let from = index.checked_sub(1).and_then(|before| ends.get(before)).copied();
            let range = from.unwrap_or(0)..ends.get(index).copied().unwrap_or(0);
            hasher.hash_one(texts.get(range).unwrap_or_default())
        });
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_values_in_the_order_of_their_appearance() {
        let mut tables = ValueTables::new(2);
        let mut number = |component, text: &str| tables.number(component, text).expect("fits");
        let found: Vec<u32> =
            ["b", "a", "b", "", "c", "", "a", "b"].iter().map(|text| number(0, text)).collect();
        assert_eq!(found, [0, 1, 0, 2, 3, 2, 1, 0]);
        for index in 0..10_000 {
            assert_eq!(number(1, &format!("v{index}")), index);
        }
        for index in (0..10_000).rev() {
            assert_eq!(number(1, &format!("v{index}")), index);
        }
        assert_eq!(tables.values(0).collect::<Vec<_>>(), ["b", "a", "", "c"]);
        assert_eq!(tables.values(1).count(), 10_000);
    }

    #[test]
    fn refuses_values_without_end() {
        let mut tables = ValueTables::new(1);
        let text = "x".repeat(1 << 20);
        let mut add = |index: usize| tables.number(0, &format!("{index}{text}"));
        let count = MESSAGE_VALUES_BYTES_MAX >> 20;
        assert!((0..count - 1).all(|index| add(index).is_ok()));
        let refused = (count..count + 2).find_map(|index| add(index).err()).expect("a limit");
        assert!(refused.to_string().contains("ask for CSV"), "{refused}");
    }
}
