//! Strictly increasing positions: the few slots of a run, or series of a page, that differ.
//!
//! ```text
//! varint  count of positions * 4 + form
//! list:      per position, varint gap since the one before
//! runs:      per run of neighbours, varint gap, varint length - 1
//! repeats:   per stretch of like runs, varint gap, varint length - 1, varint repetitions - 1
//! bitmap:    a bit per slot, the lowest first; the spare bits are zero
//! ```
//!
//! A gap counts the slots that are certainly not in the list: from 0 at first, then from the slot
//! after the last position (list), or the one after that (runs, which would be one run if they
//! touched). Weekends of a daily series are one stretch of repeats between two holidays.

use std::ops::Range;

use crate::codec::bytes::{Malformed, Reader, Writer, varint_len};
use crate::codec::expand::{GROUP, read_bits, read_list, read_stretches};

const LIST: u64 = 0;
const RUNS: u64 = 1;
const REPEATS: u64 = 2;
const BITMAP: u64 = 3;

/// A run of neighbours, `gap` slots after what is known not to be in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    gap: u64,
    len: u64,
}

/// Appends `positions`, which are strictly increasing and below `slots`, in the shortest form.
///
/// Other positions are a mistake of the caller, and panic.
pub fn encode_exceptions(positions: &[u32], slots: usize, out: &mut Vec<u8>) {
    assert!(positions.is_sorted_by(|a, b| a < b), "positions increase");
    assert!(positions.last().is_none_or(|&last| (last as usize) < slots), "positions are slots");
    let runs = runs_of(positions);
    let stretches = stretches_of(&runs);
    let run_len = |run: &Run| varint_len(run.gap) + varint_len(run.len - 1);
    let lens = [
        (gaps_of(positions).map(varint_len).sum(), LIST),
        (runs.iter().map(run_len).sum(), RUNS),
        (stretches.iter().map(|(run, times)| run_len(run) + varint_len(times - 1)).sum(), REPEATS),
        (slots.div_ceil(8), BITMAP),
    ];
    let shortest: Option<&(usize, u64)> = lens.iter().min();
    let form = if positions.is_empty() { LIST } else { shortest.map_or(LIST, |(_, form)| *form) };

    let mut writer = Writer::new(out);
    writer.varint(positions.len() as u64 * 4 + form);
    match form {
        LIST => gaps_of(positions).for_each(|gap| writer.varint(gap)),
        RUNS => {
            for run in &runs {
                writer.varint(run.gap);
                writer.varint(run.len - 1);
            }
        }
        REPEATS => {
            for (run, times) in &stretches {
                writer.varint(run.gap);
                writer.varint(run.len - 1);
                writer.varint(times - 1);
            }
        }
        _ => {
            let mut bitmap = vec![0_u8; slots.div_ceil(8)];
            for &position in positions {
                if let Some(byte) = bitmap.get_mut(position as usize / 8) {
                    *byte |= 1 << (position % 8);
                }
            }
            writer.bytes(&bitmap);
        }
    }
}

fn gaps_of(positions: &[u32]) -> impl Iterator<Item = u64> {
    let mut next = 0;
    positions.iter().map(move |&position| {
        let gap = u64::from(position) - next;
        next = u64::from(position) + 1;
        gap
    })
}

fn runs_of(positions: &[u32]) -> Vec<Run> {
    let mut next = 0;
    positions
        .chunk_by(|a, b| a + 1 == *b)
        .map(|run| {
            let (start, len) = (run.first().map_or(0, |&first| u64::from(first)), run.len() as u64);
            let gap = start - next;
            next = start + len + 1;
            Run { gap, len }
        })
        .collect()
}

fn stretches_of(runs: &[Run]) -> Vec<(Run, u64)> {
    let like = runs.chunk_by(|a, b| a == b);
    like.filter_map(|stretch| Some((*stretch.first()?, stretch.len() as u64))).collect()
}

/// Increasing positions that stay packed: a checked view of their bytes.
#[derive(Clone, Debug)]
pub struct Exceptions<'a> {
    count: usize,
    /// At the start of the positions.
    ranges: Ranges<'a>,
}

impl<'a> Exceptions<'a> {
    /// Takes a list of positions below `slots` from `reader`, and checks all of it.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if there is none, or a position is not below `slots`.
    pub fn read(reader: &mut Reader<'a>, slots: usize) -> Result<Self, Malformed> {
        let slots = slots.min(u32::MAX as usize);
        let head = reader.varint()?;
        let form = head % 4;
        let count = usize::try_from(head / 4).ok().filter(|&count| count <= slots);
        let count = count.ok_or_else(|| reader.malformed("more positions than slots"))?;
        if count == 0 && form != LIST {
            return Err(reader.malformed("empty list of an unexpected form"));
        }
        let mut ranges = Ranges {
            form,
            bytes: Reader::new(reader.rest()),
            slots: slots as u64,
            left: count as u64,
            next: 0,
            run: Run { gap: 0, len: 0 },
            times: 0,
        };
        if form == LIST {
            // By far the most lists: one sum, since positions only grow.
            let mut next = 0_u64;
            for _ in 0..count {
                let gap = ranges.bytes.varint().map_err(|error| error.offset_by(reader.at()))?;
                next = next.saturating_add(gap).saturating_add(1);
            }
            if next > ranges.slots {
                return Err(reader.malformed("position beyond the last slot"));
            }
            ranges.bytes = Reader::new(reader.bytes(ranges.bytes.at())?);
            return Ok(Self { count, ranges });
        }
        if form == BITMAP {
            let bitmap = reader.bytes(slots.div_ceil(8))?;
            let ones: usize = bitmap.iter().map(|byte| byte.count_ones() as usize).sum();
            let spare = bitmap.last().filter(|_| !slots.is_multiple_of(8));
            if ones != count || spare.is_some_and(|last| last >> (slots % 8) != 0) {
                return Err(reader.malformed("bitmap of another number of positions"));
            }
            ranges.bytes = Reader::new(bitmap);
            return Ok(Self { count, ranges });
        }
        let mut walk = ranges.clone();
        while walk.step().map_err(|error| error.offset_by(reader.at()))?.is_some() {}
        if walk.times > 0 {
            return Err(reader.malformed("more repetitions than positions"));
        }
        ranges.bytes = Reader::new(reader.bytes(walk.bytes.at())?);
        Ok(Self { count, ranges })
    }

    /// Takes a list of positions below `slots` from `reader`, and puts them in place of what `out`
    /// had. For a list that is wanted whole this is faster than [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// [`Malformed`] if there is none, or a position is not below `slots`.
    pub fn read_into(
        reader: &mut Reader<'a>,
        slots: usize,
        out: &mut Vec<u32>,
    ) -> Result<(), Malformed> {
        out.clear();
        let mut input = reader.clone();
        let head = input.varint()?;
        let (form, count) = (head % 4, usize::try_from(head / 4).unwrap_or(usize::MAX));
        if count == 0 || count > slots || form == BITMAP {
            // A list that is empty, refused, or a bitmap.
            let list = Self::read(reader, slots)?;
            if list.count > 0 {
                read_bits(list.ranges.bytes.rest(), list.count, out);
            }
            return Ok(());
        }
        let slots = u32::try_from(slots).unwrap_or(u32::MAX);
        if form == LIST {
            out.resize(count, 0);
            read_list(&mut input, slots, out)?;
        } else {
            out.resize(count + GROUP, 0);
            read_stretches(&mut input, form == REPEATS, (slots, count), out)?;
            out.truncate(count);
        }
        *reader = input;
        Ok(())
    }

    /// The list that `bytes` are.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if they are none, or a position is not below `slots`.
    pub fn parse(bytes: &'a [u8], slots: usize) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let exceptions = Self::read(&mut reader, slots)?;
        reader.finish()?;
        Ok(exceptions)
    }

    /// The number of positions.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no positions.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The positions as ranges that neither overlap nor are empty, in order. Two may touch.
    pub fn ranges(&self) -> Ranges<'a> {
        self.ranges.clone()
    }

    /// The positions, in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.ranges().flatten()
    }

    /// Whether `position` is in the list: a walk up to it.
    pub fn contains(&self, position: u32) -> bool {
        let range = self.ranges().find(|range| range.end > position);
        range.is_some_and(|range| range.contains(&position))
    }

    /// The number of positions within `slots`: a walk up to its end.
    pub fn count_in(&self, slots: Range<u32>) -> usize {
        let before_end = self.ranges().take_while(|range| range.start < slots.end);
        before_end
            .map(|range| {
                range.end.min(slots.end).saturating_sub(range.start.max(slots.start)) as usize
            })
            .sum()
    }
}

/// The ranges of an [`Exceptions`], in order.
#[derive(Clone, Debug)]
pub struct Ranges<'a> {
    form: u64,
    bytes: Reader<'a>,
    slots: u64,
    /// Positions not seen yet.
    left: u64,
    /// The first slot that may be in the list.
    next: u64,
    /// The run that is repeated, and how often it still is.
    run: Run,
    times: u64,
}

impl Ranges<'_> {
    fn step(&mut self) -> Result<Option<Range<u32>>, Malformed> {
        if self.left == 0 {
            return Ok(None);
        }
        let (run, after) = match self.form {
            LIST => (Run { gap: self.bytes.varint()?, len: 1 }, 0),
            RUNS => (self.read_run()?, 1),
            REPEATS => {
                if self.times == 0 {
                    self.run = self.read_run()?;
                    self.times = self.bytes.varint()?.saturating_add(1);
                }
                self.times -= 1;
                (self.run, 1)
            }
            _ => (self.run_of_bits(), 0),
        };
        let start = self.next.saturating_add(run.gap);
        let end = start.saturating_add(run.len);
        let range = u32::try_from(start).ok().zip(u32::try_from(end).ok());
        match range {
            Some((start, last)) if end <= self.slots && run.len <= self.left => {
                self.left -= run.len;
                self.next = end + after;
                Ok(Some(start..last))
            }
            _ => Err(self.bytes.malformed("position beyond the last slot")),
        }
    }

    fn read_run(&mut self) -> Result<Run, Malformed> {
        let gap = self.bytes.varint()?;
        let len = self.bytes.varint()?.saturating_add(1);
        Ok(Run { gap, len })
    }

    /// The next bits of a bitmap that are set; the positions that are left say that there are some.
    fn run_of_bits(&self) -> Run {
        let start = self.bit_from(self.next, 0);
        let end = self.bit_from(start, 0xff);
        Run { gap: start - self.next, len: end - start }
    }

    /// The first slot from `from` on whose bit is set (`flip` 0) or not (`flip` 0xff).
    fn bit_from(&self, from: u64, flip: u8) -> u64 {
        let first = usize::try_from(from / 8).unwrap_or(usize::MAX);
        let bytes = self.bytes.rest().iter().enumerate().skip(first);
        let mut keep = 0xff_u8 << (from % 8);
        for (index, byte) in bytes {
            let byte = (byte ^ flip) & keep;
            if byte != 0 {
                return (index as u64 * 8 + u64::from(byte.trailing_zeros())).min(self.slots);
            }
            keep = 0xff;
        }
        self.slots
    }
}

impl Iterator for Ranges<'_> {
    type Item = Range<u32>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        // Checked when the list was read, so there is no error to lose.
        if self.form == LIST {
            let start = self.next.saturating_add(self.bytes.varint().ok()?);
            let range = u32::try_from(start).ok()?..u32::try_from(start + 1).ok()?;
            self.left -= 1;
            self.next = start + 1;
            return Some(range);
        }
        self.step().ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Encodes, compares every way of reading; gives form and size.
    fn check(positions: &[u32], slots: usize) -> (u64, usize) {
        let mut bytes = Vec::new();
        encode_exceptions(positions, slots, &mut bytes);
        let read = Exceptions::parse(&bytes, slots).expect("own bytes");
        assert_eq!(read.len(), positions.len());
        assert!(read.iter().eq(positions.iter().copied()));
        for position in (0_u32..).take(slots + 2).step_by(slots / 100 + 1) {
            assert_eq!(read.contains(position), positions.contains(&position));
            let range = position / 3..position;
            let count = positions.iter().filter(|p| range.contains(p)).count();
            assert_eq!(read.count_in(range), count);
        }
        let head = varint_len(positions.len() as u64 * 4);
        let mut whole = vec![7];
        let mut reader = Reader::new(&bytes);
        Exceptions::read_into(&mut reader, slots, &mut whole).expect("a list");
        assert_eq!((whole.as_slice(), reader.remaining()), (positions, 0));
        assert!(bytes.len() <= head + slots.div_ceil(8));
        assert!(bytes.len() <= head + gaps_of(positions).map(varint_len).sum::<usize>());
        for end in 0..bytes.len() {
            assert!(Exceptions::parse(&bytes[..end], slots).is_err());
        }
        if let Some(&last) = positions.last()
            && Exceptions::parse(&bytes, last as usize).is_ok()
        {
            panic!("{last} is beyond the slots");
        }
        (u64::from(bytes[0]) % 4, bytes.len())
    }

    #[test]
    fn the_form_follows_the_positions() {
        assert_eq!(check(&[], 0), (LIST, 1));
        assert_eq!(check(&[], 4_096), (LIST, 1));
        assert_eq!(check(&[7], 4_096), (LIST, 2));
        assert_eq!(check(&[7, 90, 400], 4_096), (LIST, 5));
        assert_eq!(check(&(100..200).collect::<Vec<_>>(), 4_096), (RUNS, 4));
        let scattered: Vec<u32> = (0..4_000).filter(|i| i * i % 7 < 3 && i % 5 != 1).collect();
        assert_eq!(check(&scattered, 4_000), (BITMAP, 2 + 500));
        let weekends: Vec<u32> = (0..4_096).filter(|day| day % 7 >= 5).collect();
        let (form, len) = check(&weekends, 4_096);
        assert_eq!(form, REPEATS);
        assert!(len <= 12, "{len}");
    }

    #[test]
    fn refuses_what_no_encoder_writes() {
        for (bytes, slots) in [
            (&[4 + 2, 0, 0, 1][..], 9), // two repetitions of one slot for one position
            (&[8 + 1, 0, 2], 9),        // a run of three for two positions
            (&[4 + 3, 0b11], 8),        // two bits for one position
            (&[4 + 3, 0b1000], 3),      // a bit beyond the last slot
            (&[4, 3], 3),               // a position beyond the last slot
            (&[16, 0, 0, 0, 0], 3),     // more positions than slots
            (&[1], 3),                  // an empty list with a form
            (&[0, 0], 3),               // bytes left over
        ] {
            assert!(Exceptions::parse(bytes, slots).is_err(), "{bytes:?}");
            let mut reader = Reader::new(bytes);
            let read = Exceptions::read_into(&mut reader, slots, &mut Vec::new());
            assert!(read.is_err() || reader.remaining() > 0, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(
            slots in 0_usize..700, density in 1_u32..100,
            seeds in prop::collection::vec(0_u32..100, 700),
        ) {
            let positions: Vec<u32> = (0_u32..)
                .take(slots)
                .zip(&seeds)
                .filter_map(|(position, &seed)| (seed < density).then_some(position))
                .collect();
            check(&positions, slots);
        }

        #[test]
        fn runs_round_trip(
            runs in prop::collection::vec((1_u32..20, 1_u32..9, 1_usize..9), 0..9),
            more in 0_usize..50,
        ) {
            let mut positions = Vec::new();
            let mut at = 0;
            for (gap, len, times) in runs {
                for _ in 0..times {
                    at += gap;
                    positions.extend(at..at + len);
                    at += len;
                }
            }
            check(&positions, at as usize + more);
        }

        #[test]
        fn any_bytes_give_positions_or_an_error(bytes: Vec<u8>, slots in 0_usize..1_000) {
            let mut whole = Vec::new();
            let at_once = Exceptions::read_into(&mut Reader::new(&bytes), slots, &mut whole);
            let read = Exceptions::read(&mut Reader::new(&bytes), slots);
            prop_assert_eq!(at_once.is_ok(), read.is_ok());
            if let Ok(read) = read {
                let positions: Vec<u32> = read.iter().collect();
                prop_assert_eq!(&positions, &whole);
                prop_assert_eq!(positions.len(), read.len());
                prop_assert!(positions.is_sorted_by(|a, b| a < b));
                prop_assert!(positions.last().is_none_or(|&last| (last as usize) < slots));
            }
        }
    }
}
