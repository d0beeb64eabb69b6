//! Many entries of the tables of series and chunks at one go, page by page: neighbours are lent as
//! slices of the page, others are brought together.

use std::ops::Range;

use crate::index::{Members, Selection};
use crate::segment::layout::PAGE_ENTRIES;

/// Entries taken at a time: what is kept of them stays in the first cache.
const PART_ENTRIES: usize = 1_024;

/// Some series of one page of the tables, or chunks, ascending.
#[derive(Clone, Copy, Debug)]
pub struct PagePart<'a> {
    page: usize,
    entries: Entries<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Entries<'a> {
    /// So many from the first one on.
    Neighbours(u32, usize),
    /// These.
    Listed(&'a [u32]),
}

/// A selection, page part by page part.
#[derive(Debug)]
pub struct PageParts<'a> {
    members: Members<'a>,
    listed: Vec<u32>,
    /// Those of `listed` that are yet to be given.
    left: Range<usize>,
}

/// Numbers of one page of a column, in as few bytes as they need.
#[derive(Debug)]
pub enum NumberPage {
    /// None is above 65,535.
    Narrow(Vec<u16>),
    /// Some are.
    Wide(Vec<u32>),
}

impl<'a> PageParts<'a> {
    /// All members of a selection.
    pub fn new(selection: &'a Selection) -> Self {
        Self { members: selection.members(), listed: vec![0; PART_ENTRIES], left: 0..0 }
    }

    /// The next ones; absent at the end.
    pub fn next_part(&mut self) -> Option<PagePart<'_>> {
        if self.left.is_empty() {
            self.left = 0..self.members.next_many(&mut self.listed);
        }
        let listed = self.listed.get(self.left.clone()).unwrap_or_default();
        let first = *listed.first()?;
        let page = first as usize / PAGE_ENTRIES;
        let count = listed.partition_point(|entry| *entry as usize / PAGE_ENTRIES == page);
        let listed = &listed[..count];
        self.left.start += count;
        let last = listed.last().copied().unwrap_or(first);
        let are_neighbours = (last - first) as usize == count - 1;
        let entries = if are_neighbours {
            Entries::Neighbours(first, count)
        } else {
            Entries::Listed(listed)
        };
        Some(PagePart { page, entries })
    }
}

impl<'a> PagePart<'a> {
    /// The number of the page.
    pub fn page(&self) -> usize {
        self.page
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match self.entries {
            Entries::Neighbours(_, count) => count,
            Entries::Listed(listed) => listed.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The numbers of the entries in the segment.
    pub fn ordinals(self) -> impl Iterator<Item = u32> + 'a {
        let (first, count, listed) = match self.entries {
            Entries::Neighbours(first, count) => (first, count, [].as_slice()),
            Entries::Listed(listed) => (0, 0, listed),
        };
        (first..).take(count).chain(listed.iter().copied())
    }

    /// What a column of the page says of each entry. `room` is for those that are no neighbours.
    pub fn of<'b, T: Copy>(self, column: &'b [T], room: &'b mut Vec<T>) -> &'b [T] {
        match self.entries {
            Entries::Neighbours(first, count) => {
                let first = place(first);
                &column[first..first + count]
            }
            Entries::Listed(listed) => {
                room.clear();
                room.extend(listed.iter().map(|entry| column[place(*entry)]));
                room
            }
        }
    }

    /// The entries that are marked. `room` is for their numbers.
    #[must_use]
    pub fn marked(self, marks: &[bool], room: &'a mut Vec<u32>) -> Self {
        if marks.iter().all(|mark| *mark) {
            return self;
        }
        room.clear();
        room.resize(self.len(), 0);
        let mut count = 0;
        // Each is written, and overwritten by the next one if it is not marked: no branch.
        for (entry, mark) in self.ordinals().zip(marks) {
            room[count] = entry;
            count += usize::from(*mark);
        }
        room.truncate(count);
        Self { page: self.page, entries: Entries::Listed(room) }
    }
}

impl NumberPage {
    /// The number of an entry, by its place in the page.
    #[inline]
    pub(super) fn get(&self, index: usize) -> u32 {
        match self {
            Self::Narrow(numbers) => u32::from(numbers[index]),
            Self::Wide(numbers) => numbers[index],
        }
    }

    /// Gives the number of each entry.
    pub fn each(&self, of: PagePart<'_>, mut see: impl FnMut(u32)) {
        match (self, of.entries) {
            (Self::Narrow(numbers), Entries::Neighbours(first, count)) => {
                let numbers = &numbers[place(first)..place(first) + count];
                for number in numbers {
                    see(u32::from(*number));
                }
            }
            (Self::Wide(numbers), Entries::Neighbours(first, count)) => {
                let numbers = &numbers[place(first)..place(first) + count];
                for number in numbers {
                    see(*number);
                }
            }
            (_, Entries::Listed(listed)) => {
                for entry in listed {
                    see(self.get(place(*entry)));
                }
            }
        }
    }

    /// Adds to each of `out` what the number of its entry is worth; overflow wraps.
    pub fn add_to(&self, of: PagePart<'_>, out: &mut [u64], worth: impl Fn(u32) -> u64) {
        match self {
            Self::Narrow(numbers) => add(numbers, of, out, |number| worth(u32::from(number))),
            Self::Wide(numbers) => add(numbers, of, out, worth),
        }
    }
}

fn add<T: Copy>(column: &[T], of: PagePart<'_>, out: &mut [u64], worth: impl Fn(T) -> u64) {
    match of.entries {
        Entries::Neighbours(first, count) => {
            let first = place(first);
            for (sum, number) in out.iter_mut().zip(&column[first..first + count]) {
                *sum = sum.wrapping_add(worth(*number));
            }
        }
        Entries::Listed(listed) => {
            for (sum, entry) in out.iter_mut().zip(listed) {
                *sum = sum.wrapping_add(worth(column[place(*entry)]));
            }
        }
    }
}

/// The place of an entry in its page.
#[inline]
fn place(entry: u32) -> usize {
    entry as usize % PAGE_ENTRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets of entries: neighbours over pages, every third, and single ones.
    fn selections() -> Vec<Selection> {
        let page = u32::try_from(PAGE_ENTRIES).expect("a page is short");
        let run = page - 1_500..page + 700;
        let thirds = (0..2 * page).step_by(3);
        let single = [0, 5, page - 1, page, 2 * page - 1];
        vec![
            Selection::empty(),
            Selection::from_range(run),
            Selection::from_sorted(thirds),
            Selection::from_sorted(single),
        ]
    }

    #[test]
    fn parts_give_every_member_once_and_keep_within_pages() {
        for selection in selections() {
            let mut found = Vec::new();
            let mut parts = PageParts::new(&selection);
            while let Some(part) = parts.next_part() {
                assert!(!part.is_empty() && part.len() <= PART_ENTRIES);
                let before = found.len();
                found.extend(part.ordinals());
                assert_eq!(found.len() - before, part.len());
                assert!(found[before..].iter().all(|e| *e as usize / PAGE_ENTRIES == part.page()));
            }
            assert_eq!(found, selection.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn columns_are_read_alike_from_neighbours_and_lists() {
        let column: Vec<u16> = (0..=u16::MAX).map(|n| n.wrapping_mul(7)).collect();
        let narrow = NumberPage::Narrow(column.clone());
        let wide = NumberPage::Wide(column.iter().map(|n| u32::from(*n)).collect());
        for selection in selections() {
            let mut parts = PageParts::new(&selection);
            while let Some(part) = parts.next_part() {
                let expected: Vec<u16> =
                    part.ordinals().map(|entry| column[place(entry)]).collect();
                assert_eq!(part.of(&column, &mut Vec::new()), expected);
                for page in [&narrow, &wide] {
                    let mut seen = Vec::new();
                    page.each(part, |number| seen.push(number));
                    assert!(seen.into_iter().eq(expected.iter().map(|n| u32::from(*n))));
                    let mut sums = vec![1; part.len()];
                    page.add_to(part, &mut sums, |number| u64::from(number) * 2);
                    let sums_expected = expected.iter().map(|n| u64::from(*n) * 2 + 1);
                    assert_eq!(sums, sums_expected.collect::<Vec<u64>>());
                }
                let marks: Vec<bool> = expected.iter().map(|n| n % 2 == 0).collect();
                let mut room = Vec::new();
                let marked = part.marked(&marks, &mut room);
                let kept = part.ordinals().zip(&marks).filter(|(_, mark)| **mark);
                let kept: Vec<u32> = kept.map(|(entry, _)| entry).collect();
                assert_eq!(marked.ordinals().collect::<Vec<_>>(), kept);
                assert_eq!((marked.page(), marked.len()), (part.page(), kept.len()));
            }
        }
    }
}
