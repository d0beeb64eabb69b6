//! The keys of series in some of their dimensions, each as one number.

use hashbrown::HashSet;

use crate::error::Result;
use crate::index::Selection;
use crate::store::{Cube, Part};

/// Sets of fewer keys than this have a bit for each: 2 MiB.
const DENSE_KEYS_MAX: u128 = 1 << 24;
/// The share of a part's series from which the codes of all of them are read at one go.
const MOST_SERIES_DIVISOR: u64 = 4;
/// Series of a part whose codes are read at one go, at most: four megabytes a dimension.
const ALL_CODES_SERIES_MAX: u64 = 1 << 20;
/// The number of a key that the other cube cannot have.
const NO_KEY: u128 = u128::MAX;

/// Numbers the combinations of the codes of some dimensions of a cube.
#[derive(Clone, Debug)]
pub(crate) struct KeyNumbers {
    columns: Vec<KeyColumn>,
    /// All numbers are below this.
    count: u128,
}

/// What one dimension adds to the number of a key.
#[derive(Clone, Debug)]
struct KeyColumn {
    dimension: usize,
    stride: u128,
    /// Of each code, the number that another cube gives it; absent where that is its own.
    translated: Option<Vec<Option<u32>>>,
}

impl KeyNumbers {
    /// Numbers the keys in `dimensions`. Absent if there are more than numbers of 128 bits.
    pub(crate) fn new(cube: &Cube, dimensions: &[usize]) -> Option<Self> {
        let mut columns = Vec::with_capacity(dimensions.len());
        let mut count: u128 = 1;
        for dimension in dimensions {
            columns.push(KeyColumn { dimension: *dimension, stride: count, translated: None });
            let codes = cube.codes(*dimension).len().max(1) as u128;
            count = count.checked_mul(codes).filter(|count| *count < NO_KEY)?;
        }
        Some(Self { columns, count })
    }

    /// Gives the keys in `dimensions` of another cube the numbers that these of `cube` have.
    pub(crate) fn translated(&self, cube: &Cube, other: &Cube, dimensions: &[usize]) -> Self {
        let columns = self.columns.iter().zip(dimensions).map(|(column, dimension)| {
            let known = cube.codes(column.dimension);
            let codes = other.codes(*dimension);
            let is_same = known.len() == codes.len() && known.iter().eq(codes.iter());
            let translated =
                (!is_same).then(|| codes.iter().map(|code| known.number(code)).collect());
            KeyColumn { dimension: *dimension, stride: column.stride, translated }
        });
        Self { columns: columns.collect(), count: self.count }
    }

    /// The number of a key by the texts of its codes; absent if one does not occur.
    pub(crate) fn of_texts<'a>(
        &self,
        cube: &Cube,
        mut text: impl FnMut(usize) -> Option<&'a str>,
    ) -> Option<u128> {
        let mut key = 0;
        for (place, column) in self.columns.iter().enumerate() {
            let code = cube.codes(column.dimension).number(text(place)?)?;
            key += u128::from(code) * column.stride;
        }
        Some(key)
    }

    /// A set that has room for these keys, empty.
    pub(crate) fn set(&self) -> KeySet {
        if self.count <= DENSE_KEYS_MAX {
            let words = usize::try_from(self.count.div_ceil(64)).unwrap_or_default();
            return KeySet::Dense(vec![0; words]);
        }
        KeySet::Sparse(HashSet::new())
    }

    /// Adds the keys of the selected series of a part.
    pub(crate) fn add(&self, part: &Part, selection: &Selection, set: &mut KeySet) -> Result<()> {
        self.each(part, selection, |_, key| set.extend(key))
    }

    /// The selected series of a part whose keys are in `set`, or are not.
    pub(crate) fn filter(
        &self,
        part: &Part,
        selection: &Selection,
        set: &KeySet,
        is_member: bool,
    ) -> Result<Selection> {
        let mut found = Vec::new();
        self.each(part, selection, |ordinal, key| {
            if key.is_some_and(|key| set.contains(key)) == is_member {
                found.push(ordinal);
            }
        })?;
        Ok(Selection::from_sorted(found))
    }

    /// The key of one series of a part; absent if the cube whose keys are numbered cannot have it.
    pub(crate) fn key(&self, part: &Part, series: u32) -> Result<Option<u128>> {
        let mut key = 0;
        for column in &self.columns {
            column.extend(&mut key, part.code(column.dimension, series)?);
        }
        Ok((key != NO_KEY).then_some(key))
    }

    /// Shows `see` each selected series of a part with its key, in their order; no key is one that
    /// the cube whose keys are numbered cannot have.
    pub(crate) fn each(
        &self,
        part: &Part,
        selection: &Selection,
        mut see: impl FnMut(u32, Option<u128>),
    ) -> Result<()> {
        let all = u64::from(part.series_count());
        let reads_all = selection.len() > all / MOST_SERIES_DIVISOR && all <= ALL_CODES_SERIES_MAX;
        let mut codes = vec![Vec::new(); self.columns.len()];
        for (column, codes) in self.columns.iter().zip(&mut codes).filter(|_| reads_all) {
            part.codes_into(column.dimension, codes)?;
        }
        for ordinal in selection.iter() {
            let mut key = 0;
            for (column, codes) in self.columns.iter().zip(&codes) {
                let code = match codes.get(ordinal as usize) {
                    Some(code) => *code,
                    None => part.code(column.dimension, ordinal)?,
                };
                column.extend(&mut key, code);
            }
            see(ordinal, (key != NO_KEY).then_some(key));
        }
        Ok(())
    }
}

impl KeyColumn {
    #[inline]
    fn extend(&self, key: &mut u128, code: u32) {
        let number = match &self.translated {
            None => Some(code),
            Some(translated) => translated.get(code as usize).copied().flatten(),
        };
        *key = match number {
            Some(number) if *key != NO_KEY => *key + u128::from(number) * self.stride,
            _ => NO_KEY,
        };
    }
}

/// A set of keys by their numbers.
#[derive(Clone, Debug)]
pub(crate) enum KeySet {
    /// A bit for each key that there may be.
    Dense(Vec<u64>),
    /// The keys that are there.
    Sparse(HashSet<u128>),
}

impl KeySet {
    /// Adds a key, which must be below the count of those it was made for.
    pub(crate) fn insert(&mut self, key: u128) {
        match self {
            Self::Dense(words) => {
                let place = usize::try_from(key / 64).unwrap_or(usize::MAX);
                if let Some(word) = words.get_mut(place) {
                    *word |= 1 << (key % 64);
                }
            }
            Self::Sparse(keys) => {
                keys.insert(key);
            }
        }
    }

    /// Adds a key if there is one.
    pub(crate) fn extend(&mut self, key: Option<u128>) {
        if let Some(key) = key {
            self.insert(key);
        }
    }

    /// Whether a key is there.
    #[inline]
    pub(crate) fn contains(&self, key: u128) -> bool {
        match self {
            Self::Dense(words) => {
                let place = usize::try_from(key / 64).unwrap_or(usize::MAX);
                words.get(place).is_some_and(|word| word >> (key % 64) & 1 == 1)
            }
            Self::Sparse(keys) => keys.contains(&key),
        }
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        match self {
            Self::Dense(words) => words.len() * size_of::<u64>(),
            Self::Sparse(keys) => keys.allocation_size(),
        }
    }
}
