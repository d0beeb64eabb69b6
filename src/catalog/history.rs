//! The records of all commits, in pages that later states and checkpoints share.
//!
//! A page that is full is packed once for all checkpoints that come, so that the ten-thousandth
//! checkpoint is hardly more work than the tenth.

use std::sync::{Arc, OnceLock};

use crate::catalog::container;
use crate::catalog::manifest::CommitRecord;
use crate::error::Result;
use crate::limits::COMMITS_MAX;

/// Commits of one page.
const PAGE_COMMITS: usize = 64;

/// Records of commits by number, without gaps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    pages: Vec<Arc<Page>>,
}

#[derive(Clone, Debug, Default)]
struct Page {
    records: Vec<CommitRecord>,
    /// The records as a part of a container, once somebody asked.
    packed: OnceLock<Arc<[u8]>>,
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.records == other.records
    }
}

impl Page {
    fn pack(&self) -> Result<Arc<[u8]>> {
        if let Some(packed) = self.packed.get() {
            return Ok(Arc::clone(packed));
        }
        let packed = Arc::from(container::pack(&self.records)?);
        Ok(Arc::clone(self.packed.get_or_init(|| packed)))
    }
}

impl History {
    pub(super) fn push(&mut self, record: CommitRecord) {
        match self.pages.last_mut() {
            Some(page) if page.records.len() < PAGE_COMMITS => {
                let page = Arc::make_mut(page);
                page.packed = OnceLock::new();
                page.records.push(record);
            }
            _ => self.pages.push(Arc::new(Page { records: vec![record], packed: OnceLock::new() })),
        }
    }

    /// Adds a page that a checkpoint has.
    pub(super) fn push_page(&mut self, records: Vec<CommitRecord>, packed: &[u8]) {
        self.pages.push(Arc::new(Page { records, packed: OnceLock::from(Arc::from(packed)) }));
    }

    /// Whether the numbers are without gaps, and every page but the last is full, so that a record
    /// is found by its number.
    pub(super) fn is_sound(&self) -> bool {
        let (first, count) =
            (self.iter().next().map_or(0, |record| record.number), self.pages.len());
        let is_full = |(at, page): (usize, &Arc<Page>)| {
            let length = page.records.len();
            length == PAGE_COMMITS || at + 1 == count && (1..PAGE_COMMITS).contains(&length)
        };
        first <= COMMITS_MAX
            && self.pages.iter().enumerate().all(is_full)
            && self.iter().zip(first..).all(|(record, number)| record.number == number)
    }

    /// The bytes of each page.
    pub(super) fn pack(&self) -> Result<Vec<Arc<[u8]>>> {
        self.pages.iter().map(|page| page.pack()).collect()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &CommitRecord> {
        self.pages.iter().flat_map(|page| page.records.iter())
    }

    pub(super) fn last(&self) -> Option<&CommitRecord> {
        self.pages.last()?.records.last()
    }

    pub(super) fn get(&self, number: u64) -> Option<&CommitRecord> {
        let first = self.pages.first()?.records.first()?.number;
        let index = usize::try_from(number.checked_sub(first)?).ok()?;
        self.pages.get(index / PAGE_COMMITS)?.records.get(index % PAGE_COMMITS)
    }

    /// The last record that was effective at `time`: effective times ascend.
    pub(super) fn at(&self, time: i64) -> Option<&CommitRecord> {
        let is_before = |record: &CommitRecord| record.effective <= time;
        let page = self.pages.partition_point(|page| page.records.first().is_some_and(is_before));
        let records = &self.pages.get(page.checked_sub(1)?)?.records;
        records.get(records.partition_point(is_before).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_packed_once_and_records_are_found() {
        let mut history = History::default();
        let record = |number: u64| CommitRecord {
            number,
            effective: i64::try_from(number).expect("small") * 10,
            ..CommitRecord::default()
        };
        for number in 1..=200 {
            history.push(record(number));
        }
        assert!(history.is_sound());
        let before = history.pack().expect("packed");
        let mut later = history.clone();
        later.push(record(201));
        let after = later.pack().expect("packed");
        let shared = before.iter().zip(&after).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!((before.len(), after.len(), shared), (4, 4, 3));
        let numbers = [0, 1, 64, 65, 201, 202].map(|n| later.get(n).map(|record| record.number));
        assert_eq!(numbers, [None, Some(1), Some(64), Some(65), Some(201), None]);
        let at = [9, 10, 649, 650, 5_000].map(|time| later.at(time).map(|record| record.number));
        assert_eq!(at, [None, Some(1), Some(64), Some(65), Some(201)]);
        later.push(record(203));
        assert!(!later.is_sound(), "a gap");
    }
}
