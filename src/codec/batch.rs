//! Many runs decoded at one go.
//!
//! A run of thirty values takes a processor about as long as finding out how it is packed, since
//! which width and which encoding come next cannot be foretold. So the runs of a block are decoded
//! kernel by kernel: one does all runs of one width that are packed in one way.

use std::mem;
use std::ops::Range;

use crate::codec::bits;
use crate::codec::bytes::{Malformed, unzigzag};
use crate::codec::run::{Encoding, RunHeader};

/// Values that a kernel decodes at a time.
const GROUP: usize = 8;
/// Widths, 0 to 64.
const WIDTHS: usize = 65;
/// Ways in which the numbers of a run become its values.
const WAYS: usize = 3;
/// Kernels, one for each width in each way.
const KERNELS: usize = WAYS * WIDTHS;
/// No run.
const NONE: u32 = u32::MAX;

/// Numbers that are added to the base.
const FRAME: usize = 0;
/// Zigzag codes of differences.
const ZIGZAG: usize = 1;
/// Differences less a bias.
const BIASED: usize = 2;

/// Runs to decode, each to a place of its own.
#[derive(Debug)]
pub struct Batch {
    runs: Vec<PackedRun>,
    /// For each kernel the last of its runs, which names the one before.
    heads: [u32; KERNELS],
    /// For each way the widths that occur, a bit each: 64 has the bit of 0.
    used: [u64; WAYS],
    /// Where the places end that were given away.
    end: usize,
    /// The widest run, in bits.
    widest: u8,
}

/// Packed numbers to take apart.
#[derive(Clone, Copy, Debug)]
struct PackedRun {
    /// What is added to each number, or the value before the first difference.
    base: i64,
    /// What is added to each difference.
    bias: i64,
    /// The first byte.
    at: u32,
    /// The first place.
    to: u32,
    /// The run before that the same kernel decodes.
    next: u32,
    /// How many groups of values.
    groups: u32,
}

impl Default for Batch {
    fn default() -> Self {
        Self { runs: Vec::new(), heads: [NONE; KERNELS], used: [0; WAYS], end: 0, widest: 0 }
    }
}

/// How runs of an encoding are decoded.
#[derive(Clone, Copy, Debug)]
struct Way {
    number: usize,
    /// The first of its kernels.
    kernel: usize,
    /// The bits of its width that count: none where there are no packed numbers.
    width_mask: u8,
    /// How many values come before the packed numbers.
    later: usize,
}

/// The ways of constant, frame, delta, and delta frame, as the encodings are numbered: from a table
/// rather than by branches, since which comes next cannot be foretold.
static WAY_OF_TAG: [Way; 4] = [
    Way { number: FRAME, kernel: FRAME * WIDTHS, width_mask: 0, later: 0 },
    Way { number: FRAME, kernel: FRAME * WIDTHS, width_mask: u8::MAX, later: 0 },
    Way { number: ZIGZAG, kernel: ZIGZAG * WIDTHS, width_mask: u8::MAX, later: 1 },
    Way { number: BIASED, kernel: BIASED * WIDTHS, width_mask: u8::MAX, later: 1 },
];

#[inline]
fn way_of(encoding: Encoding) -> &'static Way {
    let [constant, ..] = &WAY_OF_TAG;
    WAY_OF_TAG.get(usize::from(encoding.tag())).unwrap_or(constant)
}

#[inline]
fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Batch {
    /// Bytes that must follow the packed numbers of all runs: values are decoded eight at a time.
    pub const PADDING_BYTES: usize = 80;

    /// Forgets all runs.
    pub fn clear(&mut self) {
        self.runs.clear();
        self.heads = [NONE; KERNELS];
        self.used = [0; WAYS];
        self.end = 0;
        self.widest = 0;
    }

    /// Adds a run whose packed numbers begin at byte `at`. Returns the place
    /// where its values will begin.
    #[inline]
    pub fn push(&mut self, header: &RunHeader, at: u32, slots: usize) -> usize {
        let (start, way) = (self.end, way_of(header.encoding));
        self.end = start + slots / GROUP * GROUP + 2 * GROUP;
        let groups = (slots + GROUP - 1 - way.later) / GROUP;
        self.add((way, header.width), (header.base, header.bias), (at, start), groups);
        start
    }

    /// The same for who needs only some of the slots: the places of the others may hold any numbers.
    pub fn push_part(
        &mut self,
        header: &RunHeader,
        at: u32,
        slots: usize,
        wanted: &Range<usize>,
    ) -> usize {
        let (start, way) = (self.end, way_of(header.encoding));
        self.end = start + slots / GROUP * GROUP + 2 * GROUP;
        // Differences are added up from the first on; of a frame, groups before may be left out.
        let before = if way.later == 0 { wanted.start / GROUP } else { 0 };
        let end = wanted.end.min(slots);
        let groups = end.saturating_sub(way.later + before * GROUP).div_ceil(GROUP);
        let first_byte = narrow(before * usize::from(header.width & way.width_mask));
        let place = (at.saturating_add(first_byte), start + before * GROUP);
        self.add((way, header.width), (header.base, header.bias), place, groups);
        start
    }

    /// Adds a run of so many groups of packed numbers, by its first byte and its first place. Where
    /// differences begin one place later, they may need one group more than there are values.
    fn add(
        &mut self,
        (way, width): (&Way, u8),
        (base, bias): (i64, i64),
        (at, to): (u32, usize),
        groups: usize,
    ) {
        let width = width & way.width_mask;
        // One that is too wide is refused before anything is decoded.
        self.widest = self.widest.max(width);
        if let Some(used) = self.used.get_mut(way.number) {
            *used |= 1 << (width % 64);
        }
        let head = self.heads.get_mut(way.kernel + usize::from(width));
        let number = narrow(self.runs.len());
        let next = head.map_or(NONE, |head| mem::replace(head, number));
        let (to, groups) = (narrow(to), narrow(groups));
        self.runs.push(PackedRun { base, bias, at, to, next, groups });
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
        if self.widest > bits::WIDTH_MAX {
            return Err(Malformed::new(0, "width over 64 bits"));
        }
        if out.len() < self.end {
            out.resize(self.end, 0);
        }
        let is_there = self.unpack_way::<FRAME>(bytes, out)
            && self.unpack_way::<ZIGZAG>(bytes, out)
            && self.unpack_way::<BIASED>(bytes, out);
        if is_there {
            Ok(())
        } else {
            Err(Malformed::new(bytes.len(), "packed values end too early"))
        }
    }

    /// Decodes the runs that are packed in one way. Says whether their numbers were all there.
    fn unpack_way<const WAY: usize>(&self, bytes: &[u8], out: &mut [i64]) -> bool {
        let mut used = self.used.get(WAY).copied().unwrap_or_default();
        let mut is_there = true;
        while used != 0 {
            let width = used.trailing_zeros() as usize;
            used &= used - 1;
            is_there &= self.unpack_width::<WAY>(width, bytes, out);
            if width == 0 {
                is_there &= self.unpack_width::<WAY>(64, bytes, out);
            }
        }
        is_there
    }

    /// Decodes the runs of one width that are packed in one way.
    fn unpack_width<const WAY: usize>(&self, width: usize, bytes: &[u8], out: &mut [i64]) -> bool {
        let head = self.heads.get(WAY * WIDTHS + width).copied().unwrap_or(NONE);
        macro_rules! kernels {
            ($($width:literal)*) => {
                match width {
                    $($width => self.unpack_const::<$width, WAY>(head, bytes, out),)*
                    _ => self.unpack_const::<0, WAY>(head, bytes, out),
                }
            };
        }
        kernels!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61
            62 63 64)
    }

    /// The kernel of one width and one way.
    fn unpack_const<const WIDTH: usize, const WAY: usize>(
        &self,
        head: u32,
        bytes: &[u8],
        out: &mut [i64],
    ) -> bool {
        let mut next = head;
        while let Some(run) = self.runs.get(next as usize) {
            next = run.next;
            let is_there = match WAY {
                FRAME => unpack_frame::<WIDTH>(*run, bytes, out),
                _ => unpack_differences::<WIDTH, WAY>(*run, bytes, out),
            };
            if !is_there {
                return false;
            }
        }
        true
    }
}

/// The places of a run from `to` on.
#[inline]
fn groups_of(to: usize, groups: u32, out: &mut [i64]) -> Option<&mut [[i64; GROUP]]> {
    let places = out.get_mut(to..to + groups as usize * GROUP)?;
    Some(places.as_chunks_mut::<GROUP>().0)
}

#[inline]
fn unpack_frame<const WIDTH: usize>(run: PackedRun, bytes: &[u8], out: &mut [i64]) -> bool {
    let Some(groups) = groups_of(run.to as usize, run.groups, out) else { return false };
    if WIDTH == 0 {
        groups.fill([run.base; GROUP]);
        return true;
    }
    let Some(mut rest) = bytes.get(run.at as usize..) else { return false };
    for group in groups {
        let Some(window) = rest.get(..bits::group_bytes(WIDTH)) else { return false };
        for (i, slot) in group.iter_mut().enumerate() {
            let number = bits::one_of_group::<WIDTH>(window, i);
            *slot = run.base.wrapping_add(number.cast_signed());
        }
        rest = rest.get(WIDTH..).unwrap_or_default();
    }
    true
}

/// Differences are added up as they are taken apart.
#[inline]
fn unpack_differences<const WIDTH: usize, const WAY: usize>(
    run: PackedRun,
    bytes: &[u8],
    out: &mut [i64],
) -> bool {
    let to = run.to as usize;
    if let Some(first) = out.get_mut(to) {
        *first = run.base;
    }
    let places = bytes.get(run.at as usize..).zip(groups_of(to + 1, run.groups, out));
    let Some((mut rest, groups)) = places else { return false };
    let mut value = run.base;
    for group in groups {
        let Some(window) = rest.get(..bits::group_bytes(WIDTH)) else { return false };
        for (i, slot) in group.iter_mut().enumerate() {
            let number = bits::one_of_group::<WIDTH>(window, i);
            let difference = match WAY {
                ZIGZAG => unzigzag(number),
                _ => number.cast_signed().wrapping_add(run.bias),
            };
            value = value.wrapping_add(difference);
            *slot = value;
        }
        rest = rest.get(WIDTH..).unwrap_or_default();
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
