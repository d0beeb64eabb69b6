//! Rows that contradict each other about one key.

use std::collections::BTreeMap;

/// How often rows gave an attribute of one key another value than rows before them.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    /// How often, by the position of the attribute among the components.
    pub(super) counts: BTreeMap<usize, u64>,
}

impl Conflicts {
    /// Notes the numbers of two values of the attribute at `position`; 0 is none.
    pub(super) fn note(&mut self, position: usize, before: u32, after: u32) {
        if before != 0 && before != after {
            *self.counts.entry(position).or_default() += 1;
        }
    }
}
