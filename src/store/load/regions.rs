//! What rows delete without naming every observation: everything of a series, of all series with
//! some codes, or some components of them.

use hashbrown::HashMap;

use crate::store::load::interner::Tuples;

/// What one row deletes of the keys that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deletion {
    /// The number of the row.
    pub(super) row: u32,
    /// The only period that is meant; absent if all are.
    pub(super) period: Option<u32>,
    /// The number of what it deletes, for [`Regions::deletes`].
    names: u32,
}

/// What can be deleted of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The observations as a whole.
    Observations,
    /// The values of the component at this position among those that are no dimension, the
    /// measures first.
    Component(usize),
}

/// The deletions of a load, by the codes that they are limited to.
#[derive(Debug)]
pub(super) struct Regions {
    patterns: Vec<Pattern>,
    /// What is deleted: a cell for the observations, and one for each component; 1 if it is.
    names: Tuples,
    count: usize,
}

/// The deletions that are limited in the same dimensions.
#[derive(Debug)]
struct Pattern {
    dimensions: Vec<usize>,
    by_codes: HashMap<Vec<u32>, Vec<Deletion>>,
}

impl Regions {
    /// No deletion, where there are so many components beside the dimensions.
    pub(super) fn new(component_count: usize) -> Self {
        Self { patterns: Vec::new(), names: Tuples::new(1 + component_count), count: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many deletions there are.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Memory used, about.
    pub(super) fn bytes(&self) -> u64 {
        let of = |pattern: &Pattern| pattern.by_codes.len() * (64 + 4 * pattern.dimensions.len());
        let keys: usize = self.patterns.iter().map(of).sum();
        (keys + 16 * self.count) as u64 + self.names.bytes()
    }

    /// Adds what a row deletes where the `dimensions` carry these `codes`, if it is anything.
    pub(super) fn push(
        &mut self,
        (dimensions, codes): (&[usize], &[u32]),
        (row, period): (u32, Option<u32>),
        targets: &[Target],
    ) {
        if targets.is_empty() {
            return;
        }
        self.count += 1;
        let mut cells = vec![0; self.names.width()];
        for target in targets {
            cells[cell(*target)] = 1;
        }
        let deletion = Deletion { row, period, names: self.names.number(&cells).0 };
        let known = self.patterns.iter().position(|known| known.dimensions == dimensions);
        let at = known.unwrap_or_else(|| {
            let dimensions = dimensions.to_vec();
            self.patterns.push(Pattern { dimensions, by_codes: HashMap::new() });
            self.patterns.len() - 1
        });
        self.patterns[at].by_codes.entry_ref(codes).or_default().push(deletion);
    }

    /// The deletions that match a key, in the order of their rows. `code` gives the number of the
    /// key's code in a dimension; it is absent where no deletion speaks of that code.
    pub(super) fn of(&self, code: impl Fn(usize) -> Option<u32>) -> Vec<Deletion> {
        let mut found = Vec::new();
        for Pattern { dimensions, by_codes } in &self.patterns {
            let codes: Option<Vec<u32>> = dimensions.iter().map(|at| code(*at)).collect();
            if let Some(deletions) = codes.and_then(|codes| by_codes.get(codes.as_slice())) {
                found.extend_from_slice(deletions);
            }
        }
        found.sort_unstable_by_key(|deletion| deletion.row);
        found
    }

    /// All deletions, by the dimensions and the codes that they are limited to.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[usize], &[u32], &[Deletion])> {
        self.patterns.iter().flat_map(|Pattern { dimensions, by_codes }| {
            by_codes.iter().map(|(codes, found)| (&**dimensions, &**codes, &**found))
        })
    }

    /// Whether this is among what a deletion deletes.
    pub(super) fn deletes(&self, deletion: &Deletion, target: Target) -> bool {
        self.names.get(deletion.names)[cell(target)] == 1
    }

    /// The last row that deletes this, of the deletions that match a key; 0 if none does.
    pub(super) fn last_row(&self, deletions: &[Deletion], target: Target) -> u32 {
        let rows = deletions.iter().filter(|deletion| self.deletes(deletion, target));
        rows.map(|deletion| deletion.row).max().unwrap_or_default()
    }
}

fn cell(target: Target) -> usize {
    match target {
        Target::Observations => 0,
        Target::Component(position) => 1 + position,
    }
}
