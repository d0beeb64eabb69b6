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
use crate::store::filter::Selections;

/// A series in a part: the part, and its number there.
pub(super) type Place = (usize, u32);

/// Gives series in the order of their keys; those with one key, which lie in different parts,
/// together.
#[derive(Debug)]
pub(super) struct SeriesWalk {
    cube: Arc<Cube>,
    /// The dimensions, the one that orders first first.
    order: Vec<usize>,
    /// How many series are sorted in one go at most.
    most: u64,
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
    /// The series of each part that has some.
    series: Vec<(usize, Selection)>,
}

impl Share {
    fn len(&self) -> u64 {
        self.series.iter().map(|(_, selection)| selection.len()).sum()
    }
}

impl SeriesWalk {
    /// The selected series by the codes of these dimensions, then by those of all others.
    pub(super) fn new(cube: &Arc<Cube>, series: &Selections, dimensions: &[usize]) -> Self {
        Self::with_most(cube, series, dimensions, SORTED_SERIES_MAX)
    }

    /// The same, sorting so many series at most in one go.
    pub(super) fn with_most(
        cube: &Arc<Cube>,
        series: &Selections,
        dimensions: &[usize],
        most: u64,
    ) -> Self {
        let count = cube.flow().dimensions().len();
        let others = (0..count).filter(|dimension| !dimensions.contains(dimension));
        let order = dimensions.iter().copied().chain(others).collect();
        let series = series.0.iter().cloned().enumerate();
        let series = series.filter(|(_, selection)| !selection.is_empty()).collect();
        Self {
            cube: Arc::clone(cube),
            order,
            most,
            rest: vec![Share { depth: 0, series }],
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
            let Some(share) = self.rest.pop() else { return Ok(None) };
            if share.depth < self.order.len() && share.len() > self.most {
                self.split(&share)?;
            } else {
                self.sort(&share)?;
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

    /// Replaces a share by one for each code of the next dimension.
    fn split(&mut self, share: &Share) -> Result<()> {
        let dimension = self.order[share.depth];
        let codes = u32::try_from(self.cube.codes(dimension).len()).unwrap_or(u32::MAX);
        for code in (0..codes).rev() {
            let mut series = Vec::new();
            for (part, selection) in &share.series {
                let mut carriers = self.cube.parts()[*part].carriers(dimension, &[code])?;
                carriers.intersect_with(selection);
                if !carriers.is_empty() {
                    series.push((*part, carriers));
                }
            }
            if !series.is_empty() {
                self.rest.push(Share { depth: share.depth + 1, series });
            }
        }
        Ok(())
    }

    /// Makes the series of a share those being given.
    fn sort(&mut self, share: &Share) -> Result<()> {
        let order = self.order.get(share.depth..).unwrap_or_default();
        let width = order.len();
        let (mut keys, mut places) = (Vec::new(), Vec::new());
        for (index, selection) in &share.series {
            let part = &self.cube.parts()[*index];
            for ordinal in selection.iter() {
                for dimension in order {
                    keys.push(part.code(*dimension, ordinal)?);
                }
                places.push((*index, ordinal));
            }
        }
        let key = |number: usize| &keys[number * width..(number + 1) * width];
        let mut numbers: Vec<usize> = (0..places.len()).collect();
        numbers.sort_unstable_by(|a, b| key(*a).cmp(key(*b)).then(a.cmp(b)));
        self.bounds.clear();
        self.bounds.push(0);
        let mut end = 0;
        for same in numbers.chunk_by(|a, b| key(*a) == key(*b)) {
            end += same.len();
            self.bounds.push(end);
        }
        self.sorted = numbers.into_iter().map(|number| places[number]).collect();
        self.next = 0;
        Ok(())
    }
}
