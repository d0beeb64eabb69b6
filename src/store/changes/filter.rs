//! Of which series differences and versions are told.

use crate::store::cube::Cube;
use crate::store::filter::SeriesFilter;

/// Which series, by the texts of their codes: it means the same in every state, while the numbers
/// of codes in a [`SeriesFilter`] are those of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    any_of: Vec<Vec<Vec<String>>>,
}

impl KeyFilter {
    /// Every series.
    pub fn all() -> Self {
        Self::default()
    }

    /// The series that one of these keys means, for each of the first dimensions the codes that are
    /// wanted, none of them meaning all. No key at all means every series.
    pub fn any_of(keys: Vec<Vec<Vec<String>>>) -> Self {
        Self { any_of: keys }
    }

    /// The one series with these codes.
    pub fn series<S: AsRef<str>>(key: &[S]) -> Self {
        Self::any_of(vec![key.iter().map(|code| vec![code.as_ref().to_owned()]).collect()])
    }

    /// The same with the numbers of codes of a cube.
    pub fn on(&self, cube: &Cube) -> SeriesFilter {
        if self.any_of.is_empty() {
            return SeriesFilter::All;
        }
        SeriesFilter::Or(self.any_of.iter().map(|key| cube.key_filter(key)).collect())
    }

    /// Whether a series that is wanted may have this partial key: its codes, absent for dimensions
    /// that are not part of it.
    pub(super) fn may_have(&self, partial: &[Option<String>]) -> bool {
        let fits = |key: &Vec<Vec<String>>| {
            key.iter().zip(partial).all(|(wanted, code)| match code {
                Some(code) => wanted.is_empty() || wanted.contains(code),
                None => true,
            })
        };
        self.any_of.is_empty() || self.any_of.iter().any(fits)
    }
}
