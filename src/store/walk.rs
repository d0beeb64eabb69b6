//! The selected series of all parts in the order of their keys.
//!
//! Segments store series in an order of their own, so keys must be sorted. Not all at once: a
//! selection that is too large to sort is split by the codes of the next dimension, which are in
//! order already.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::index::Selection;
use crate::limits::SORTED_SERIES_MAX;
use crate::store::cube::Cube;
use crate::store::filter::{Direction, KeyPart, Selections};

/// A series in a part: the part, and its number there.
pub(super) type Place = (usize, u32);

/// How many series are sorted in one go at first, so that the first series come soon.
const SORTED_SERIES_FIRST: u64 = 1 << 10;

/// Gives series in the order of their keys; those with one key, which lie in different parts,
/// together.
#[derive(Debug)]
pub(super) struct SeriesWalk {
    cube: Arc<Cube>,
    /// The dimensions, the one that orders first first.
    order: Vec<KeyPart>,
    /// How many series are sorted in one go at most.
    most: u64,
    /// The same for the next time: few at first.
    most_now: u64,
    /// What is left to do, the next last.
    rest: Vec<Share>,
    /// The series being given, sorted.
    sorted: Vec<Place>,
    /// Where each key begins in `sorted`, and the end of the last.
    bounds: Vec<usize>,
    next: usize,
}

/// Series that agree in the first dimensions of the order.
#[derive(Debug)]
struct Share {
    /// In how many they agree.
    depth: usize,
    /// How many codes of the next dimension have been given already.
    codes_done: usize,
    /// The series of each part that has some; those of codes that are done are gone.
    series: Vec<(usize, Selection)>,
}

impl Share {
    fn len(&self) -> u64 {
        self.series.iter().map(|(_, selection)| selection.len()).sum()
    }

    /// Its series, each with an empty key.
    fn keys<K: Clone>(&self, empty: &K) -> Vec<(K, Place)> {
        let places = self
            .series
            .iter()
            .flat_map(|(part, selection)| selection.iter().map(move |ordinal| (*part, ordinal)));
        places.map(|place| (empty.clone(), place)).collect()
    }
}

impl SeriesWalk {
    /// The selected series by the codes of these dimensions, then by those of all others.
    pub(super) fn new(cube: &Arc<Cube>, series: &Selections, dimensions: &[KeyPart]) -> Self {
        Self::with_most(cube, series, dimensions, SORTED_SERIES_MAX)
    }

    /// The same, sorting so many series at most in one go.
    pub(super) fn with_most(
        cube: &Arc<Cube>,
        series: &Selections,
        dimensions: &[KeyPart],
        most: u64,
    ) -> Self {
        let count = cube.flow().dimensions().len();
        let is_given = |dimension| dimensions.iter().any(|part| part.dimension == dimension);
        let others = (0..count).filter(|dimension| !is_given(*dimension)).map(KeyPart::from);
        let order = dimensions.iter().copied().chain(others).collect();
        let series = series.0.iter().cloned().enumerate();
        let series = series.filter(|(_, selection)| !selection.is_empty()).collect();
        Self {
            cube: Arc::clone(cube),
            order,
            most,
            most_now: (most / 4).min(SORTED_SERIES_FIRST),
            rest: vec![Share { depth: 0, codes_done: 0, series }],
            sorted: Vec::new(),
            bounds: Vec::new(),
            next: 0,
        }
    }

    /// The series of the next key, part by part; absent at the end. Does not go on.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub(super) fn peek(&mut self) -> Result<Option<&[Place]>> {
        while self.next + 1 >= self.bounds.len() {
            let Some(mut share) = self.rest.pop() else { return Ok(None) };
            if share.depth < self.order.len() && share.len() > self.most_now {
                if let Some(first) = self.split(&mut share)? {
                    self.rest.extend([share, first]);
                }
            } else {
                self.sort(&share)?;
                self.most_now = (self.most_now * 4).min(self.most);
            }
        }
        Ok(self.sorted.get(self.current()))
    }

    /// Goes on to the next key.
    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    fn current(&self) -> Range<usize> {
        self.bounds[self.next]..self.bounds[self.next + 1]
    }

    /// Takes out of a share the series that have the next code of the next dimension; absent if
    /// there is no such code any more. One at a time, since who stops early needs few.
    fn split(&self, share: &mut Share) -> Result<Option<Share>> {
        let KeyPart { dimension, direction } = self.order[share.depth];
        let codes = self.cube.codes(dimension).len();
        while share.codes_done < codes {
            let code = match direction {
                Direction::Ascending => share.codes_done,
                Direction::Descending => codes - 1 - share.codes_done,
            };
            let code = u32::try_from(code).unwrap_or(u32::MAX);
            share.codes_done += 1;
            let mut series = Vec::new();
            for (part, selection) in &mut share.series {
                let mut carriers = self.cube.parts()[*part].carriers(dimension, &[code])?;
                carriers.intersect_with(selection);
                if !carriers.is_empty() {
                    selection.subtract(&carriers);
                    series.push((*part, carriers));
                }
            }
            if !series.is_empty() {
                return Ok(Some(Share { depth: share.depth + 1, codes_done: 0, series }));
            }
        }
        Ok(None)
    }

    /// Makes the series of a share those being given.
    fn sort(&mut self, share: &Share) -> Result<()> {
        let order = self.order.get(share.depth..).unwrap_or_default();
        let bits = order.iter().map(|part| self.bits(*part)).sum::<u32>();
        if bits <= u128::BITS {
            let mut keys = share.keys(&0_u128);
            for part in order {
                let bits = self.bits(*part);
                self.each_code(share, *part, |place, code| {
                    // A dimension of one code has no bits.
                    keys[place].0 = (keys[place].0 << bits) | u128::from(code);
                })?;
            }
            self.arrange(keys);
        } else {
            let mut keys = share.keys(&Vec::with_capacity(order.len()));
            for part in order {
                self.each_code(share, *part, |place, code| keys[place].0.push(code))?;
            }
            self.arrange(keys);
        }
        Ok(())
    }

    /// The bits that a code of a dimension needs.
    fn bits(&self, part: KeyPart) -> u32 {
        let last = self.cube.codes(part.dimension).len().saturating_sub(1);
        usize::BITS - last.leading_zeros()
    }

    /// Calls `with` for each series of a share with its code in a dimension, as it sorts.
    fn each_code(
        &self,
        share: &Share,
        key: KeyPart,
        mut with: impl FnMut(usize, u32),
    ) -> Result<()> {
        let last = u32::try_from(self.cube.codes(key.dimension).len().saturating_sub(1));
        let last = last.unwrap_or(u32::MAX);
        let sorted = |code: u32| match key.direction {
            Direction::Ascending => code,
            Direction::Descending => last.saturating_sub(code),
        };
        let mut place = 0;
        let mut codes = Vec::new();
        for (part, selection) in &share.series {
            let part = &self.cube.parts()[*part];
            let is_most = selection.len() > u64::from(part.series_count()) / 4;
            if is_most {
                part.codes_into(key.dimension, &mut codes)?;
            }
            for ordinal in selection.iter() {
                let code = if is_most {
                    codes[ordinal as usize]
                } else {
                    part.code(key.dimension, ordinal)?
                };
                with(place, sorted(code));
                place += 1;
            }
        }
        Ok(())
    }

    /// Sorts series by their keys, and makes them those being given.
    fn arrange<K: Ord>(&mut self, mut keys: Vec<(K, Place)>) {
        keys.sort_unstable();
        self.bounds.clear();
        self.bounds.push(0);
        let mut end = 0;
        for same in keys.chunk_by(|a, b| a.0 == b.0) {
            end += same.len();
            self.bounds.push(end);
        }
        self.sorted = keys.into_iter().map(|(_, place)| place).collect();
        self.next = 0;
    }
}
