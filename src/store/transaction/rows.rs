//! Which row of a transaction spoke last of an observation.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::model::Action;
use crate::store::transaction::batch::RowBatch;

/// A row: the number of its batch, and its number there.
pub(super) type Place = (u32, u32);

/// The last row of each observation that exact batches speak of. Keys are not copied: they are
/// compared where they stand.
#[derive(Debug, Default)]
pub(super) struct LastRows {
    table: HashTable<Place>,
    hasher: DefaultHashBuilder,
}

impl LastRows {
    /// Forgets all rows.
    pub(super) fn clear(&mut self) {
        self.table.clear();
    }

    /// Notes a row, and returns the one before it that spoke of the same observation.
    pub(super) fn note(&mut self, batches: &[RowBatch], place: Place) -> Option<Place> {
        let Self { table, hasher } = self;
        let hash = hash_of(hasher, batches, place);
        if let Some(known) = table.find_mut(hash, |known| is_same(batches, *known, place)) {
            let before = *known;
            *known = place;
            return Some(before);
        }
        table.insert_unique(hash, place, |known| hash_of(hasher, batches, *known));
        None
    }

    /// The last row that spoke of the observation of a row of another batch.
    pub(super) fn find(&self, batches: &[RowBatch], batch: &RowBatch, row: u32) -> Option<Place> {
        let hash = hash_key(&self.hasher, batch, row);
        let is_same = |known: &Place| {
            let (other, at) = (&batches[known.0 as usize], known.1);
            other.flow().id == batch.flow().id && other.key(at).eq(batch.key(row))
        };
        self.table.find(hash, is_same).copied()
    }
}

/// Whether an observation is there after a row spoke of it.
pub(super) fn leaves_it(batches: &[RowBatch], place: Place) -> bool {
    let batch = &batches[place.0 as usize];
    batch.action() != Action::Delete || batch.has_values()
}

fn is_same(batches: &[RowBatch], a: Place, b: Place) -> bool {
    let (one, other) = (&batches[a.0 as usize], &batches[b.0 as usize]);
    one.flow().id == other.flow().id && one.key(a.1).eq(other.key(b.1))
}

fn hash_of(hasher: &DefaultHashBuilder, batches: &[RowBatch], place: Place) -> u64 {
    hash_key(hasher, &batches[place.0 as usize], place.1)
}

fn hash_key(hasher: &DefaultHashBuilder, batch: &RowBatch, row: u32) -> u64 {
    let mut state = hasher.build_hasher();
    for text in batch.key(row) {
        state.write(text.as_bytes());
        state.write_u8(0xff);
    }
    state.finish()
}
