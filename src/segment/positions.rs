//! Where in a block the few slots lie that differ, and which of them belong to each chunk.

use std::ops::Range;

use crate::codec::exceptions::Exceptions;
use crate::codec::{Malformed, Reader};

/// Slots that are compared together.
const GROUP: usize = 8;
/// Chunks that are passed over, one by one, in the time that one slot is looked for among all.
const FEW: usize = 4;

/// A chunk's place in its block.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// The block's slot of its position 0.
    pub(crate) from: u32,
    /// Its slots.
    pub(crate) slots: u32,
    /// Its slots without an observation.
    pub(crate) absent: u32,
}

impl Place {
    /// The slot after its last one.
    #[inline]
    pub(crate) fn end(self) -> u32 {
        self.from + self.slots
    }

    /// Its position of one of its slots.
    #[inline]
    pub(crate) fn position(self, slot: u32) -> u16 {
        u16::try_from(slot - self.from).unwrap_or(u16::MAX)
    }
}

/// Slots of a block, ascending, in memory that is used again for the next block.
#[derive(Debug, Default)]
pub(crate) struct Positions {
    slots: Vec<u32>,
    /// For each chunk that is looked at, and the one before it, how many of the slots come before its
    /// end; empty where there are none.
    ends: Vec<u32>,
}

impl Positions {
    /// Takes the list of a block whose chunks have these places from `input`; all of the chunks or only
    /// some are looked at.
    pub(crate) fn read(
        &mut self,
        input: &mut Reader<'_>,
        places: &[Place],
        only: Option<&[usize]>,
    ) -> Result<(), Malformed> {
        let slots = places.last().map_or(0, |place| place.end() as usize);
        Exceptions::read_into(input, slots, &mut self.slots)?;
        self.ends.clear();
        if self.slots.is_empty() {
            return Ok(());
        }
        self.ends.resize(places.len(), 0);
        if let Some(only) = only {
            self.find_slots(places, only);
            return Ok(());
        }
        if self.slots.len() * FEW < places.len() {
            self.find_chunks(places);
            return Ok(());
        }
        let mut before = 0;
        for (end, place) in self.ends.iter_mut().zip(places) {
            before += count_below(&self.slots, before, place.end());
            *end = u32::try_from(before).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    /// Counts the slots before the end of each chunk, where most chunks have none: each slot is looked
    /// for among the chunks.
    fn find_chunks(&mut self, places: &[Place]) {
        for (count, slot) in (1..).zip(&self.slots) {
            let chunk = places.partition_point(|place| place.end() <= *slot);
            if let Some(end) = self.ends.get_mut(chunk) {
                *end = count;
            }
        }
        let mut before = 0;
        for end in &mut self.ends {
            before = before.max(*end);
            *end = before;
        }
    }

    /// Finds the slots of these chunks.
    fn find_slots(&mut self, places: &[Place], only: &[usize]) {
        for chunk in only {
            let place = places.get(*chunk).copied().unwrap_or_default();
            let below = |end: u32| {
                u32::try_from(self.slots.partition_point(|slot| *slot < end)).unwrap_or(u32::MAX)
            };
            let (start, end) = (below(place.from), below(place.end()));
            if let Some(known) = chunk.checked_sub(1).and_then(|one| self.ends.get_mut(one)) {
                *known = start;
            }
            if let Some(known) = self.ends.get_mut(*chunk) {
                *known = end;
            }
        }
    }

    /// Takes the list of the slots without an observation, of which each place says how many it has.
    pub(crate) fn read_absent(
        &mut self,
        input: &mut Reader<'_>,
        places: &[Place],
        only: Option<&[usize]>,
    ) -> Result<(), Malformed> {
        let slots = places.last().map_or(0, |place| place.end() as usize);
        Exceptions::read_into(input, slots, &mut self.slots)?;
        self.ends.clear();
        let mut before = 0_u32;
        let mut is_right = true;
        if self.slots.is_empty() {
            before = places.iter().map(|place| place.absent).sum();
        } else if let Some(only) = only {
            before = places.iter().map(|place| place.absent).sum();
            self.ends.resize(places.len(), 0);
            self.find_slots(places, only);
            let absent = |chunk: usize| places.get(chunk).map_or(0, |place| place.absent as usize);
            is_right = only.iter().all(|chunk| self.range(*chunk).len() == absent(*chunk));
        } else {
            self.ends.resize(places.len(), 0);
            for (end, place) in self.ends.iter_mut().zip(places) {
                before += place.absent;
                *end = before;
                // The last one before the end lies before it, and the next one does not.
                let slot = |at: u32| self.slots.get(at as usize).copied().unwrap_or(u32::MAX);
                let last = before.checked_sub(1).map_or(0, slot);
                is_right &= (before == 0 || last < place.end()) & (slot(before) >= place.end());
            }
        }
        if is_right && before as usize == self.slots.len() {
            Ok(())
        } else {
            Err(input.malformed("other absent slots than the spans say"))
        }
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[u32] {
        &self.slots
    }

    /// Which of them lie in a chunk.
    #[inline]
    pub(crate) fn range(&self, chunk: usize) -> Range<usize> {
        let end = |chunk: usize| self.ends.get(chunk).map_or(0, |end| *end as usize);
        chunk.checked_sub(1).map_or(0, end)..end(chunk)
    }

    /// Those of a chunk.
    #[inline]
    pub(crate) fn of(&self, chunk: usize) -> &[u32] {
        self.slots.get(self.range(chunk)).unwrap_or_default()
    }
}

/// How many of the slots from place `from` on lie below `end`.
#[inline]
fn count_below(slots: &[u32], from: usize, end: u32) -> usize {
    let mut rest = slots.get(from..).unwrap_or_default();
    let mut count = 0;
    // Without a branch for each: how many a chunk has cannot be foretold.
    while let Some(group) = rest.first_chunk::<GROUP>() {
        let below: u32 = group.iter().map(|slot| u32::from(*slot < end)).sum();
        count += below as usize;
        if (below as usize) < GROUP {
            return count;
        }
        rest = rest.get(GROUP..).unwrap_or_default();
    }
    count + rest.iter().take_while(|slot| **slot < end).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::encode_exceptions;

    #[test]
    fn every_slot_belongs_to_the_chunk_that_has_it() {
        let place = |from, slots| Place { from, slots, absent: 0 };
        let places = [place(0, 3), place(3, 5), place(8, 1), place(9, 4)];
        let mut positions = Positions::default();
        for slots in [&[][..], &[0, 2, 3, 7, 12], &[8], &[1, 9, 10, 11, 12]] {
            let mut bytes = Vec::new();
            encode_exceptions(slots, 13, &mut bytes);
            positions.read(&mut Reader::new(&bytes), &places, None).expect("a list");
            assert_eq!(positions.all(), slots);
            for only in [&[0][..], &[3], &[1, 2], &[0, 3]] {
                let mut few = Positions::default();
                few.read(&mut Reader::new(&bytes), &places, Some(only)).expect("a list");
                assert!(only.iter().all(|chunk| few.of(*chunk) == positions.of(*chunk)));
            }
            for (chunk, place) in places.iter().enumerate() {
                let within = |slot: &&u32| (place.from..place.end()).contains(slot);
                let expected: Vec<u32> = slots.iter().filter(within).copied().collect();
                assert_eq!(positions.of(chunk), expected);
            }
            let counted = |positions: &Positions, wrong: usize| {
                let count = |chunk: usize| u32::try_from(positions.of(chunk).len()).expect("few");
                let places = places.iter().enumerate();
                let mut places: Vec<Place> =
                    places.map(|(chunk, place)| Place { absent: count(chunk), ..*place }).collect();
                if let Some(place) = places.get_mut(wrong) {
                    place.absent += 1;
                    let others = places.iter_mut().rev().find(|place| place.absent > 0);
                    others.expect("there is one").absent -= 1;
                }
                places
            };
            let mut absent = Positions::default();
            let places = counted(&positions, 9);
            absent.read_absent(&mut Reader::new(&bytes), &places, Some(&[2])).expect("a list");
            assert_eq!(absent.of(2), positions.of(2));
            absent.read_absent(&mut Reader::new(&bytes), &places, None).expect("a list");
            assert_eq!((&absent.slots, &absent.ends), (&positions.slots, &positions.ends));
            if !slots.is_empty() && slots != [8] {
                let wrong = counted(&positions, 0);
                for only in [None, Some(&[0][..])] {
                    assert!(absent.read_absent(&mut Reader::new(&bytes), &wrong, only).is_err());
                }
            }
        }
    }

    #[test]
    fn few_slots_are_found_among_many_chunks() {
        let place = |chunk: u32| Place { from: chunk * 3, slots: 3, absent: 0 };
        let places: Vec<Place> = (0..50).map(place).collect();
        let mut positions = Positions::default();
        for slots in [&[0][..], &[149], &[2, 3], &[7, 8, 9, 60, 61, 62, 63, 149], &[80, 81, 148]] {
            let mut bytes = Vec::new();
            encode_exceptions(slots, 150, &mut bytes);
            positions.read(&mut Reader::new(&bytes), &places, None).expect("a list");
            for (chunk, place) in places.iter().enumerate() {
                let within = |slot: &&u32| (place.from..place.end()).contains(slot);
                let expected: Vec<u32> = slots.iter().filter(within).copied().collect();
                assert_eq!(positions.of(chunk), expected);
            }
        }
    }
}
