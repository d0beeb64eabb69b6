//! Increasing positions of which all are wanted, from bytes to a list.
//!
//! The forms are those of `exceptions`. How long a run or a gap is cannot be foretold, so positions
//! are written a whole group at a time: what is too many of one is written over by the next, and the
//! last one has room for a group more.

use crate::codec::bytes::{Malformed, Reader};

/// Positions that are written together.
pub(super) const GROUP: usize = 8;
/// The bits of so many bytes that say that a varint goes on.
const MORE: u64 = 0x8080_8080_8080_8080;
/// More slots than that many gaps of a byte pass over.
const GROUP_SPAN: u32 = 1 << 10;

/// For each byte, the numbers of its bits that are set, and how many those are.
const BITS: [([u8; GROUP], u8); 256] = bits();

#[expect(clippy::cast_possible_truncation, reason = "a bit's number is below 8")]
#[expect(clippy::indexing_slicing, reason = "the compiler runs it, and would refuse")]
const fn bits() -> [([u8; GROUP], u8); 256] {
    let mut bits = [([0; GROUP], 0); 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < GROUP {
            if (byte >> bit) & 1 == 1 {
                bits[byte].0[bits[byte].1 as usize] = bit as u8;
                bits[byte].1 += 1;
            }
            bit += 1;
        }
        byte += 1;
    }
    bits
}

/// Sets `out` to the positions of the bits that are set, which are so many.
pub(super) fn read_bits(bitmap: &[u8], count: usize, out: &mut Vec<u32>) {
    out.resize(count + GROUP, 0);
    let mut done = 0;
    for (first, byte) in (0_u32..).step_by(GROUP).zip(bitmap) {
        let places = out.get_mut(done..).and_then(|places| places.first_chunk_mut::<GROUP>());
        let Some((group, (bits, ones))) = places.zip(BITS.get(usize::from(*byte))) else { break };
        // All of a group without a branch, and what is too many of it again.
        for (place, bit) in group.iter_mut().zip(bits) {
            *place = first + u32::from(*bit);
        }
        done += usize::from(*ones);
    }
    out.truncate(count);
}

/// Takes a list of positions, each behind its gap.
pub(super) fn read_list(
    input: &mut Reader<'_>,
    slots: u32,
    out: &mut [u32],
) -> Result<(), Malformed> {
    let (mut next, mut done) = (0_u32, 0);
    let (groups, _) = out.as_chunks_mut::<GROUP>();
    for group in groups {
        // Nearly all gaps are one byte, so eight are looked at together.
        let Some(gaps) = input.rest().first_chunk::<GROUP>() else { break };
        if u64::from_le_bytes(*gaps) & MORE != 0 {
            for place in &mut *group {
                *place = read_position(input, &mut next, slots)?;
            }
        } else {
            // No position is below the one before, and none overflows: `next` is below 2^32 less 2^10.
            if next > u32::MAX - GROUP_SPAN {
                return Err(input.malformed("position beyond the last slot"));
            }
            for (place, gap) in group.iter_mut().zip(gaps) {
                *place = next.wrapping_add(u32::from(*gap));
                next = place.wrapping_add(1);
            }
            if next > slots {
                return Err(input.malformed("position beyond the last slot"));
            }
            input.bytes(GROUP)?;
        }
        done += GROUP;
    }
    for place in out.get_mut(done..).unwrap_or_default() {
        *place = read_position(input, &mut next, slots)?;
    }
    Ok(())
}

/// Takes a position behind its gap; the slot after it is the `next` one that may be in the list.
#[inline]
fn read_position(input: &mut Reader<'_>, next: &mut u32, slots: u32) -> Result<u32, Malformed> {
    let gap = u32::try_from(input.varint()?).unwrap_or(u32::MAX);
    let position = next.checked_add(gap).filter(|position| *position < slots);
    let position = position.ok_or_else(|| input.malformed("position beyond the last slot"))?;
    *next = position + 1;
    Ok(position)
}

/// Takes runs of neighbours, each run with its repetitions or alone: so many positions, for which
/// there is more room by a group.
pub(super) fn read_stretches(
    input: &mut Reader<'_>,
    has_repetitions: bool,
    (slots, count): (u32, usize),
    out: &mut [u32],
) -> Result<(), Malformed> {
    let (mut next, mut done) = (0_u64, 0);
    while done < count {
        let left = (count - done) as u64;
        let (gap, len, times) = read_stretch(input, has_repetitions)?;
        // Where the last repetition ends, and the slot after it, which is not in the list. Numbers of
        // a byte overflow nothing.
        let (positions, after) = if (gap | len | times) < 256 {
            (len * times, next + (gap + len + 1) * times)
        } else {
            let stride = gap.saturating_add(len).saturating_add(1);
            (len.saturating_mul(times), next.saturating_add(stride.saturating_mul(times)))
        };
        if positions > left || after > u64::from(slots) + 1 {
            return Err(input.malformed("position beyond the last slot"));
        }
        // Below the slots, which are 32 bits.
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let places = out.get_mut(done..).unwrap_or_default();
        repeat(places, narrow(next + gap), narrow(gap + len + 1), (narrow(len), narrow(times)));
        done += usize::try_from(positions).unwrap_or(usize::MAX);
        next = after;
    }
    Ok(())
}

/// Takes the gap before a run, its length, and how often both come.
#[inline]
fn read_stretch(
    input: &mut Reader<'_>,
    has_repetitions: bool,
) -> Result<(u64, u64, u64), Malformed> {
    // Nearly all are below 128, a byte each: these are looked at together.
    if let Some(bytes) = input.rest().first_chunk::<3>() {
        let [gap, len, times] = *bytes;
        let (count, more) = if has_repetitions { (3, gap | len | times) } else { (2, gap | len) };
        if more < 128 {
            input.bytes(count)?;
            let times = if has_repetitions { u64::from(times) + 1 } else { 1 };
            return Ok((u64::from(gap), u64::from(len) + 1, times));
        }
    }
    let gap = input.varint()?;
    let len = input.varint()?.saturating_add(1);
    let times = if has_repetitions { input.varint()?.saturating_add(1) } else { 1 };
    Ok((gap, len, times))
}

/// How a group is filled with runs of one length.
#[derive(Clone, Copy)]
struct Lanes {
    /// How many runs the group has room for.
    runs: u32,
    /// Of which run each place is, and which position of it.
    places: [(u32, u32); GROUP],
}

/// For runs of each length up to a group.
const LANES: [Lanes; GROUP + 1] = lanes();

#[expect(clippy::cast_possible_truncation, reason = "they are below a group")]
#[expect(clippy::indexing_slicing, reason = "the compiler runs it, and would refuse")]
const fn lanes() -> [Lanes; GROUP + 1] {
    let mut lanes = [Lanes { runs: GROUP as u32, places: [(0, 0); GROUP] }; GROUP + 1];
    let mut len = 1;
    while len <= GROUP {
        lanes[len].runs = (GROUP / len) as u32;
        let mut place = 0;
        while place < GROUP {
            lanes[len].places[place] = ((place / len) as u32, (place % len) as u32);
            place += 1;
        }
        len += 1;
    }
    lanes
}

/// Writes a run of so many neighbours from `first` on, so many times, each `stride` after the one
/// before; what is too many of the last group is written over later.
#[inline]
fn repeat(mut places: &mut [u32], mut first: u32, stride: u32, (len, mut times): (u32, u32)) {
    let Some(lanes) = LANES.get(len as usize) else {
        for _ in 0..times {
            fill_with(places.get_mut(..len as usize).unwrap_or_default(), first);
            places = places.get_mut(len as usize..).unwrap_or_default();
            first = first.wrapping_add(stride);
        }
        return;
    };
    loop {
        let Some(group) = places.first_chunk_mut::<GROUP>() else { return };
        for (place, (run, more)) in group.iter_mut().zip(&lanes.places) {
            *place = first.wrapping_add(run.wrapping_mul(stride)).wrapping_add(*more);
        }
        if times <= lanes.runs {
            return;
        }
        times -= lanes.runs;
        first = first.wrapping_add(lanes.runs.wrapping_mul(stride));
        places = places.get_mut((lanes.runs * len) as usize..).unwrap_or_default();
    }
}

/// Fills places with neighbouring positions; those of a group that are too many may wrap around.
#[inline]
fn fill_with(places: &mut [u32], first: u32) {
    for (place, more) in places.iter_mut().zip(0_u32..) {
        *place = first.wrapping_add(more);
    }
}
