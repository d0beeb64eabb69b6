//! Which series of two scans meet: those whose keys agree in the dimensions of the join.

use datafusion::error::Result;

use crate::index::Selection;
use crate::query::cancel::CancelToken;
use crate::query::error::to_datafusion;
use crate::query::scan::{KeyNumbers, SeriesScanExec};
use crate::store::{Cube, Selections};

/// The numbers that the keys of both sides have in common.
#[derive(Clone, Debug)]
pub(super) struct Matched {
    pub(super) left: KeyNumbers,
    pub(super) right: KeyNumbers,
    /// Pairs of dimensions.
    pub(super) dimensions: Vec<(usize, usize)>,
}

impl Matched {
    /// Numbers the keys in pairs of dimensions. Absent if there are more keys than numbers.
    pub(super) fn new(
        left: &SeriesScanExec,
        right: &SeriesScanExec,
        dimensions: &[(usize, usize)],
    ) -> Option<Self> {
        let (own, other): (Vec<usize>, Vec<usize>) = dimensions.iter().copied().unzip();
        let (left, right) = (left.source().cube(), right.source().cube());
        let numbers = KeyNumbers::new(left, &own)?;
        let translated = numbers.translated(left, right, &other);
        Some(Self { left: numbers, right: translated, dimensions: dimensions.to_vec() })
    }
}

/// A series of the right side: its key, part and number.
type Keyed = (u128, u32, u32);

/// The series of the right side by their keys.
#[derive(Debug)]
pub(super) struct Partners {
    keyed: Vec<Keyed>,
}

impl Partners {
    /// The series of a selection. Stops when `token` says so.
    pub(super) fn new(
        numbers: &KeyNumbers,
        cube: &Cube,
        series: &Selections,
        token: Option<&CancelToken>,
    ) -> Result<Self> {
        let mut keyed = Vec::new();
        for ((part, selection), place) in cube.parts().iter().zip(&series.0).zip(0_u32..) {
            if let Some(token) = token {
                token.check()?;
            }
            let add = |ordinal, key: Option<u128>| {
                keyed.extend(key.map(|key| (key, place, ordinal)));
            };
            numbers.each(part, selection, add).map_err(to_datafusion)?;
        }
        keyed.sort_unstable();
        Ok(Self { keyed })
    }

    /// The series with a key.
    fn of(&self, key: u128) -> &[Keyed] {
        let from = self.keyed.partition_point(|known| known.0 < key);
        let same = self.keyed[from..].partition_point(|known| known.0 == key);
        &self.keyed[from..from + same]
    }

    /// Those of `series`, of the left side, that have a partner.
    pub(super) fn met_by(
        &self,
        numbers: &KeyNumbers,
        cube: &Cube,
        series: &Selections,
    ) -> Result<Selections> {
        let mut met = Vec::with_capacity(series.0.len());
        for (part, selection) in cube.parts().iter().zip(&series.0) {
            let mut found = Vec::new();
            let add = |ordinal, key: Option<u128>| {
                if key.is_some_and(|key| !self.of(key).is_empty()) {
                    found.push(ordinal);
                }
            };
            numbers.each(part, selection, add).map_err(to_datafusion)?;
            met.push(Selection::from_sorted(found));
        }
        Ok(Selections(met))
    }

    /// The series with any of these keys, which ascend, in a cube of so many parts.
    pub(super) fn selected(&self, keys: impl Iterator<Item = u128>, parts: usize) -> Selections {
        let mut series = vec![Vec::new(); parts];
        for (_, part, ordinal) in keys.flat_map(|key| self.of(key)) {
            if let Some(series) = series.get_mut(*part as usize) {
                series.push(*ordinal);
            }
        }
        let sorted = series.into_iter().map(|mut series: Vec<u32>| {
            series.sort_unstable();
            Selection::from_sorted(series)
        });
        Selections(sorted.collect())
    }

    /// Bytes of memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.keyed.capacity() * size_of::<Keyed>()
    }
}
