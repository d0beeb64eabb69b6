//! Numbers of groups, given out in the order in which groups are met.

use hashbrown::HashMap;

use crate::limits::DENSE_GROUPS_MAX;

/// The number that no group has.
const NONE: u32 = u32::MAX;
/// Possible keys for each group above which groups are sorted instead of looked for in the array.
const ORDERED_BY_LOOKING: usize = 32;

/// Numbers groups by their packed keys.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The number of each packed key, where there are few possible ones; else empty.
    dense: Vec<u32>,
    sparse: HashMap<u64, u32>,
    /// The packed key of each group.
    keys: Vec<u64>,
}

impl Groups {
    /// No groups yet, of keys below `key_count`.
    pub(crate) fn new(key_count: u64) -> Self {
        let dense = usize::try_from(key_count).ok().filter(|count| *count <= DENSE_GROUPS_MAX);
        let dense = vec![NONE; dense.unwrap_or(0)];
        Self { dense, sparse: HashMap::new(), keys: Vec::new() }
    }

    /// The number of the group with this key, new or known.
    #[inline]
    pub(crate) fn number(&mut self, key: u64) -> usize {
        let next = u32::try_from(self.keys.len()).unwrap_or(NONE);
        let number = match usize::try_from(key).ok().and_then(|key| self.dense.get_mut(key)) {
            Some(known) => {
                if *known == NONE {
                    *known = next;
                }
                *known
            }
            None => *self.sparse.entry(key).or_insert(next),
        };
        if number == next {
            self.keys.push(key);
        }
        number as usize
    }

    /// Sets `out` to the numbers of the groups with these keys, new or known.
    pub(crate) fn numbers(&mut self, keys: &[u64], out: &mut Vec<u32>) {
        out.clear();
        if self.dense.is_empty() {
            self.numbers_by_hash(keys, out);
            return;
        }
        let known = |key: &u64| usize::try_from(*key).ok().and_then(|key| self.dense.get(key));
        out.extend(keys.iter().map(|key| known(key).copied().unwrap_or(NONE)));
        // Few groups are new, and to look for them later keeps the loop above short.
        for (key, number) in keys.iter().zip(out).filter(|(_, number)| **number == NONE) {
            *number = u32::try_from(self.number(*key)).unwrap_or(NONE);
        }
    }

    fn numbers_by_hash(&mut self, keys: &[u64], out: &mut Vec<u32>) {
        let mut last = None;
        out.extend(keys.iter().map(|key| match last {
            // Neighbours often are of one group, and to compare is cheaper than to hash.
            Some((known, number)) if known == *key => number,
            _ => {
                let number = u32::try_from(self.number(*key)).unwrap_or(NONE);
                last = Some((*key, number));
                number
            }
        }));
    }

    /// The numbers of all groups, in the order of their packed keys.
    pub(crate) fn in_order(&self) -> Vec<usize> {
        if self.sparse.is_empty() && self.dense.len() / ORDERED_BY_LOOKING < self.keys.len() {
            let known = self.dense.iter().filter(|number| **number != NONE);
            return known.map(|number| *number as usize).collect();
        }
        let mut order: Vec<(u64, usize)> =
            self.keys.iter().enumerate().map(|(number, key)| (*key, number)).collect();
        order.sort_unstable();
        order.into_iter().map(|(_, number)| number).collect()
    }

    /// The number of the group with this key, if it is known.
    pub(crate) fn known(&self, key: u64) -> Option<usize> {
        let number = match usize::try_from(key).ok().and_then(|key| self.dense.get(key)) {
            Some(known) => *known,
            None => self.sparse.get(&key).copied().unwrap_or(NONE),
        };
        (number != NONE).then_some(number as usize)
    }

    /// How many groups there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The packed key of each group, by its number.
    pub(crate) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.dense.len() * 4 + self.sparse.capacity() * 24 + self.keys.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keys_once_dense_or_sparse() {
        for count in [10, u64::MAX] {
            let mut groups = Groups::new(count);
            let numbers: Vec<usize> = [7, 3, 7, 9, 3].map(|key| groups.number(key)).to_vec();
            assert_eq!(numbers, [0, 1, 0, 2, 1]);
            assert_eq!(groups.keys(), [7, 3, 9]);
            let mut numbers = Vec::new();
            groups.numbers(&[9, 9, 5, 7, 5], &mut numbers);
            assert_eq!(numbers, [2, 2, 3, 0, 3]);
            assert_eq!(groups.in_order(), [1, 3, 0, 2]);
            assert_eq!([3, 9, 4].map(|key| groups.known(key)), [Some(1), Some(2), None]);
        }
    }
}
