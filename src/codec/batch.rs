//! Many runs decoded at one go.
//!
//! A run of thirty values takes a processor about as long as finding out how it is packed, since
//! which width and which encoding come next cannot be foretold. So the runs of a block are decoded
//! width by width: one kernel does all of one width, and differences are added up afterwards.

use std::ops::Range;

use crate::codec::bits;
use crate::codec::bytes::{Malformed, unzigzag};
use crate::codec::run::{Encoding, RunHeader};

/// Values that a kernel decodes at a time.
const GROUP: usize = 8;
/// Widths, 0 to 64.
const WIDTHS: usize = 65;

/// Runs to decode, each to a place of its own.
#[derive(Debug, Default)]
pub struct Batch {
    runs: Vec<PackedRun>,
    by_width: Vec<PackedRun>,
    sums: Vec<Differences>,
    /// Where the places end that were given away.
    end: usize,
}

/// Packed numbers to take apart.
#[derive(Clone, Copy, Debug, Default)]
struct PackedRun {
    /// What is added to each number.
    add: i64,
    /// The first byte.
    at: u32,
    /// The first place.
    to: u32,
    /// How many groups of values.
    groups: u16,
    width: u8,
}

/// Differences to add up.
#[derive(Clone, Copy, Debug)]
struct Differences {
    /// The first value.
    base: i64,
    /// Its place.
    to: u32,
    /// How many groups of differences.
    groups: u16,
    is_zigzag: bool,
}

impl Batch {
    /// Bytes that must follow the packed numbers of all runs: values are decoded eight at a time.
    pub const PADDING_BYTES: usize = 80;

    /// Forgets all runs.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.sums.clear();
        self.end = 0;
    }

    /// Adds a run of at most 65,528 slots, whose packed numbers begin at byte `at`. Returns the place
    /// where its values will begin.
    #[inline]
    pub fn push(&mut self, header: &RunHeader, at: u32, slots: usize) -> usize {
        self.push_part(header, at, slots, &(0..slots))
    }

    /// The same for who needs only some of the slots: the places of the others may hold any numbers.
    #[inline]
    pub fn push_part(
        &mut self,
        header: &RunHeader,
        at: u32,
        slots: usize,
        wanted: &Range<usize>,
    ) -> usize {
        let start = self.end;
        // Differences begin one place later, and may need one group more.
        self.end = start + slots.next_multiple_of(GROUP) + GROUP;
        let narrow = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let groups = |count: usize| u16::try_from(count.div_ceil(GROUP)).unwrap_or(u16::MAX);
        let is_constant = header.encoding == Encoding::Constant;
        let is_frame = is_constant || header.encoding == Encoding::Frame;
        let later = usize::from(!is_frame);
        let width = if is_constant { 0 } else { header.width };
        // Differences are added up from the first on; of a frame, groups before may be left out.
        let before = if is_frame { wanted.start / GROUP } else { 0 };
        let end = wanted.end.min(slots);
        self.runs.push(PackedRun {
            add: if is_frame { header.base } else { header.bias },
            at: at.saturating_add(narrow(before * usize::from(width))),
            to: narrow(start + later + before * GROUP),
            groups: groups(end.saturating_sub(later + before * GROUP)),
            width,
        });
        if !is_frame {
            self.sums.push(Differences {
                base: header.base,
                to: narrow(start),
                groups: groups(end.saturating_sub(1)),
                is_zigzag: header.encoding == Encoding::Delta,
            });
        }
        start
    }

    /// Adds places for values that come from elsewhere. Returns the first.
    pub fn skip(&mut self, slots: usize) -> usize {
        let start = self.end;
        self.end += slots;
        start
    }

    /// Decodes all runs from `bytes`, and grows `out` as needed.
    ///
    /// # Errors
    ///
    /// [`Malformed`] if a width is over 64, or `bytes` end less than
    /// [`PADDING_BYTES`](Self::PADDING_BYTES) after the numbers of a run.
    pub fn decode(&mut self, bytes: &[u8], out: &mut Vec<i64>) -> Result<(), Malformed> {
        if out.len() < self.end {
            out.resize(self.end, 0);
        }
        let counts = self.sort()?;
        let mut left = self.by_width.as_slice();
        for (width, count) in (0..).zip(counts).filter(|(_, count)| *count > 0) {
            let (same, others) = left.split_at_checked(count).unwrap_or_default();
            if !unpack_runs(width, bytes, same, out) {
                return Err(Malformed::new(bytes.len(), "packed values end too early"));
            }
            left = others;
        }
        self.sums.iter().for_each(|differences| differences.add_up(out));
        Ok(())
    }

    /// Sorts the runs by width. Returns how many there are of each.
    fn sort(&mut self) -> Result<[usize; WIDTHS], Malformed> {
        let mut counts = [0_usize; WIDTHS];
        for run in &self.runs {
            let count = counts.get_mut(usize::from(run.width));
            *count.ok_or(Malformed::new(0, "width over 64 bits"))? += 1;
        }
        let mut starts = [0_usize; WIDTHS];
        let mut before = 0;
        for (start, count) in starts.iter_mut().zip(&counts) {
            *start = before;
            before += count;
        }
        self.by_width.resize(self.runs.len(), PackedRun::default());
        for run in &self.runs {
            if let Some(start) = starts.get_mut(usize::from(run.width))
                && let Some(slot) = self.by_width.get_mut(*start)
            {
                *slot = *run;
                *start += 1;
            }
        }
        Ok(counts)
    }
}

impl Differences {
    fn add_up(&self, out: &mut [i64]) {
        let out = out.get_mut(self.to as usize..).unwrap_or_default();
        let Some((first, differences)) = out.split_first_mut() else { return };
        *first = self.base;
        let mut value = self.base;
        let groups = differences.as_chunks_mut::<GROUP>().0.iter_mut().take(self.groups.into());
        if self.is_zigzag {
            for group in groups {
                for slot in group {
                    value = value.wrapping_add(unzigzag(slot.cast_unsigned()));
                    *slot = value;
                }
            }
        } else {
            for group in groups {
                for slot in group {
                    value = value.wrapping_add(*slot);
                    *slot = value;
                }
            }
        }
    }
}

/// Takes the numbers of runs of one width apart. Says whether they were all there.
fn unpack_runs(width: u8, bytes: &[u8], runs: &[PackedRun], out: &mut [i64]) -> bool {
    macro_rules! kernels {
        ($($width:literal)*) => {
            match width {
                $($width => unpack_const::<$width>(bytes, runs, out),)*
                _ => fill(runs, out),
            }
        };
    }
    kernels!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
        64)
}

/// The places of a run.
#[inline]
fn groups_of<'a>(run: &PackedRun, out: &'a mut [i64]) -> Option<&'a mut [[i64; GROUP]]> {
    let to = run.to as usize;
    let places = out.get_mut(to..to + usize::from(run.groups) * GROUP)?;
    Some(places.as_chunks_mut::<GROUP>().0)
}

fn fill(runs: &[PackedRun], out: &mut [i64]) -> bool {
    for run in runs {
        let Some(groups) = groups_of(run, out) else { return false };
        groups.fill([run.add; GROUP]);
    }
    true
}

/// The kernel of one width.
fn unpack_const<const WIDTH: usize>(bytes: &[u8], runs: &[PackedRun], out: &mut [i64]) -> bool {
    for run in runs {
        let places = bytes.get(run.at as usize..).zip(groups_of(run, out));
        let Some((mut rest, groups)) = places else { return false };
        for group in groups {
            let Some(window) = rest.get(..bits::group_bytes(WIDTH)) else { return false };
            for (i, slot) in group.iter_mut().enumerate() {
                let number = bits::one_of_group::<WIDTH>(window, i);
                *slot = run.add.wrapping_add(number.cast_signed());
            }
            rest = rest.get(WIDTH..).unwrap_or_default();
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::run::{pack_run, plan_run, unpack_run_into};
    use proptest::prelude::*;

    /// Packs all runs, and compares them with what they are decoded to one by one.
    fn check(all: &[Vec<i64>]) {
        let (mut bytes, mut headers) = (Vec::new(), Vec::new());
        for values in all {
            let header = plan_run(values);
            headers.push((header, u32::try_from(bytes.len()).expect("few")));
            pack_run(&header, values, &mut bytes);
        }
        let end = bytes.len();
        bytes.resize(end + Batch::PADDING_BYTES, 0xff);
        let (mut batch, mut out) = (Batch::default(), vec![7; 3]);
        for _ in 0..2 {
            batch.clear();
            assert_eq!(batch.skip(5), 0);
            let mut places = Vec::new();
            for ((header, at), values) in headers.iter().zip(all) {
                places.push(batch.push(header, *at, values.len()));
            }
            batch.decode(&bytes, &mut out).expect("all is there");
            for (((header, at), values), place) in headers.iter().zip(all).zip(places) {
                let mut expected = vec![0; values.len()];
                let own = &bytes[*at as usize..];
                unpack_run_into(header, own, &mut expected).expect("all is there");
                assert_eq!(&expected, values);
                assert_eq!(&out[place..place + values.len()], values);
            }
        }
    }

    #[test]
    fn a_part_is_as_in_the_whole() {
        let frame: Vec<i64> = (0..50).map(|i| i * 37 % 101).collect();
        let line: Vec<i64> = (0..50).map(|i| i * 1_000 + i % 3).collect();
        let saw: Vec<i64> = (0..50).map(|i| (i % 30 - 15_i64).abs() * 300 + i % 2).collect();
        for values in [frame, line, saw, vec![7; 50]] {
            let header = plan_run(&values);
            let mut bytes = Vec::new();
            pack_run(&header, &values, &mut bytes);
            bytes.resize(bytes.len() + Batch::PADDING_BYTES, 0);
            for start in 0..50 {
                for end in [start + 1, (start + 9).min(50), 50] {
                    let mut batch = Batch::default();
                    let mut out = Vec::new();
                    let place = batch.push_part(&header, 0, 50, &(start..end));
                    batch.decode(&bytes, &mut out).expect("all is there");
                    assert_eq!(out[place + start..place + end], values[start..end]);
                }
            }
        }
    }

    #[test]
    fn refuses_what_is_not_there() {
        let decode = |width: u8, at: u32, bytes: &[u8]| {
            let header = RunHeader { encoding: Encoding::Frame, width, base: 1, bias: 0 };
            let mut batch = Batch::default();
            batch.push(&header, at, 9);
            batch.decode(bytes, &mut Vec::new()).is_ok()
        };
        let bytes = [0; Batch::PADDING_BYTES + 72];
        assert!(decode(64, 0, &bytes) && decode(0, 0, &[]));
        assert!(!decode(65, 0, &bytes) && !decode(64, 0, &bytes[..100]));
        assert!(!decode(1, 999, &bytes));
    }

    proptest! {
        #[test]
        fn gives_what_single_runs_give(
            all in prop::collection::vec(
                (prop::collection::vec(any::<i64>(), 0..40), 0_u32..64, 0_i64..3), 0..60),
        ) {
            let shrink = |(values, bits, step): (Vec<i64>, u32, i64)| -> Vec<i64> {
                let numbered = (0_i64..).zip(values);
                numbered.map(|(i, v)| (v >> bits).wrapping_add(i * step * 1_000)).collect()
            };
            check(&all.into_iter().map(shrink).collect::<Vec<_>>());
        }
    }
}
