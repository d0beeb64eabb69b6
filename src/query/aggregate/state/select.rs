//! The number of a given rank among many integers, without sorting them.
//!
//! A sample says between which two integers the rank nearly surely lies. One pass counts those below
//! and copies those between, which are few, and are sorted in part. Where the sample was wrong or too
//! many are alike, each pass counts how many integers fall into each of 4,096 equal intervals and
//! goes on in the one that holds the rank, until few enough are left to be copied. The integers are
//! read where they are, and stay as they are.

use crate::error::Result;

/// Intervals that one pass counts: sixteen kilobytes of counters, which the first cache holds.
const INTERVALS_BITS: u32 = 12;
/// Integers that are copied out and sorted in part instead of counted once more.
const FEW: usize = 1 << 14;

/// Integers of a sample, about.
const SAMPLE: usize = 1 << 12;
/// How far on both sides of its rank among the sample an integer is looked for: six times as far as it
/// lies in two of three cases.
const SAMPLE_MARGIN: usize = 192;
/// Of so many integers one at most lies between the two of the sample, unless many are alike.
const BETWEEN_SHARE: usize = 6;

/// Integers in several pieces, each passed whole to whoever reads them.
pub(crate) trait Pieces {
    /// Passes every integer to `each`, piece by piece.
    ///
    /// # Errors
    ///
    /// If the reader is cancelled.
    fn for_each(&self, each: impl FnMut(i64)) -> Result<()>;

    /// How many there are.
    fn count(&self) -> usize;

    /// Passes one of so many to `each`, from all over the pieces.
    fn sample(&self, step: usize, each: impl FnMut(i64));
}

/// The integers of rank `rank` and `rank + 1`, counted from 0 in ascending order; the second is the
/// first where there is none. There must be more than `rank` integers.
///
/// # Errors
///
/// If the reader is cancelled.
pub(crate) fn neighbours(pieces: &impl Pieces, rank: usize) -> Result<(i64, i64)> {
    if let Some(found) = by_sample(pieces, rank)? {
        return Ok(found);
    }
    by_intervals(pieces, rank)
}

/// The two integers, if a sample helps to find them.
fn by_sample(pieces: &impl Pieces, rank: usize) -> Result<Option<(i64, i64)>> {
    let count = pieces.count();
    if count <= FEW {
        return Ok(None);
    }
    let mut sample = Vec::with_capacity(2 * SAMPLE);
    // No period of the data is likely to be a multiple of an odd step.
    pieces.sample((count / SAMPLE) | 1, |number| sample.push(number));
    sample.sort_unstable();
    let Some(last) = sample.len().checked_sub(1) else { return Ok(None) };
    let at = usize::try_from(rank as u128 * sample.len() as u128 / count as u128);
    let at = at.unwrap_or(last).min(last);
    let low = at.checked_sub(SAMPLE_MARGIN).map_or(i64::MIN, |at| sample[at]);
    let high = sample.get(at + SAMPLE_MARGIN).copied().unwrap_or(i64::MAX);
    let most = count / BETWEEN_SHARE;
    let (mut smaller, mut between) = (0, Vec::with_capacity(most.min(1 << 16)));
    let width = high.wrapping_sub(low).cast_unsigned();
    let mut are_many = false;
    pieces.for_each(|number| {
        smaller += usize::from(number < low);
        // Smaller numbers wrap around to large offsets, so one comparison finds both sides.
        if number.wrapping_sub(low).cast_unsigned() <= width && !are_many {
            between.push(number);
            are_many = between.len() > most;
        }
    })?;
    let place = rank.checked_sub(smaller).filter(|place| place + 1 < between.len());
    let Some(place) = place.filter(|_| !are_many) else { return Ok(None) };
    let (_, found, rest) = between.select_nth_unstable(place);
    let next = rest.iter().min().copied().unwrap_or(*found);
    Ok(Some((*found, next)))
}

/// The two integers, by counting how many there are in ever smaller intervals.
fn by_intervals(pieces: &impl Pieces, rank: usize) -> Result<(i64, i64)> {
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    pieces.for_each(|number| {
        low = low.min(number);
        high = high.max(number);
    })?;
    let mut within = Interval { low, high, before: 0 };
    loop {
        let (next, count) = narrow(pieces, &within, rank)?;
        within = next;
        if within.low == within.high {
            return above(pieces, within.low, rank - within.before, count);
        }
        if count <= FEW {
            return among_few(pieces, &within, rank - within.before, count);
        }
    }
}

/// The integers from `low` to `high`, both included; so many are smaller.
struct Interval {
    low: i64,
    high: i64,
    before: usize,
}

/// The part of an interval that holds a rank, and how many integers it has.
fn narrow(pieces: &impl Pieces, within: &Interval, rank: usize) -> Result<(Interval, usize)> {
    let Interval { low, high, before } = *within;
    let width = high.wrapping_sub(low).cast_unsigned();
    let shift = (u64::BITS - width.leading_zeros()).saturating_sub(INTERVALS_BITS);
    let mut counts = vec![0_u32; 1 << INTERVALS_BITS];
    pieces.for_each(|number| {
        let offset = number.wrapping_sub(low).cast_unsigned();
        // Smaller numbers wrap around to large offsets, so one comparison finds both sides.
        if offset <= width {
            // At most as many bits as there are intervals.
            counts[usize::try_from(offset >> shift).unwrap_or(usize::MAX)] += 1;
        }
    })?;
    let mut smaller = before;
    let mut found = (0_u64, 0_usize);
    for (interval, count) in (0_u64..).zip(&counts) {
        let count = *count as usize;
        if rank < smaller + count {
            found = (interval, count);
            break;
        }
        smaller += count;
    }
    let first = found.0 << shift;
    let last = (first | ((1 << shift) - 1)).min(width);
    let at = |offset: u64| low.wrapping_add(offset.cast_signed());
    Ok((Interval { low: at(first), high: at(last), before: smaller }, found.1))
}

/// The two integers where the first is known, and which of the `count` equal ones it is.
fn above(pieces: &impl Pieces, number: i64, index: usize, count: usize) -> Result<(i64, i64)> {
    if index + 1 < count {
        return Ok((number, number));
    }
    let mut next = None;
    pieces.for_each(|other| {
        if other > number {
            next = Some(next.map_or(other, |next: i64| next.min(other)));
        }
    })?;
    Ok((number, next.unwrap_or(number)))
}

/// The two integers where the first is among the few of an interval, and its rank among them.
fn among_few(
    pieces: &impl Pieces,
    within: &Interval,
    index: usize,
    count: usize,
) -> Result<(i64, i64)> {
    let mut few = Vec::with_capacity(count);
    pieces.for_each(|number| {
        if (within.low..=within.high).contains(&number) {
            few.push(number);
        }
    })?;
    let (_, found, after) = few.select_nth_unstable(index);
    let found = *found;
    match after.iter().min() {
        Some(next) => Ok((found, *next)),
        None => above(pieces, found, 0, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Listed(Vec<Vec<i64>>);

    impl Pieces for Listed {
        fn for_each(&self, each: impl FnMut(i64)) -> Result<()> {
            self.0.iter().flatten().copied().for_each(each);
            Ok(())
        }

        fn count(&self) -> usize {
            self.0.iter().map(Vec::len).sum()
        }

        fn sample(&self, step: usize, each: impl FnMut(i64)) {
            self.0.iter().flatten().copied().step_by(step).for_each(each);
        }
    }

    /// Every rank of these numbers, cut into pieces, is that of sorting.
    fn check(numbers: &[i64], ranks: impl IntoIterator<Item = usize>) {
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable();
        let pieces = Listed(numbers.chunks(7).map(<[i64]>::to_vec).collect());
        for rank in ranks {
            let expected = (sorted[rank], *sorted.get(rank + 1).unwrap_or(&sorted[rank]));
            assert_eq!(neighbours(&pieces, rank).expect("not cancelled"), expected, "{rank}");
            assert_eq!(by_intervals(&pieces, rank).expect("not cancelled"), expected, "{rank}");
            if let Some(found) = by_sample(&pieces, rank).expect("not cancelled") {
                assert_eq!(found, expected, "{rank}");
            }
        }
    }

    #[test]
    fn finds_what_sorting_finds() {
        check(&[5], 0..1);
        check(&[3, 3, 3, 3], 0..4);
        check(&[i64::MIN, i64::MAX, 0, -1, 1, i64::MAX], 0..6);
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 20).cast_signed()
        };
        let far: Vec<i64> = (0..40_000).map(|_| next()).collect();
        check(&far, [0, 1, 19_999, 20_000, 39_998, 39_999]);
        let near: Vec<i64> = far.iter().map(|n| n % 10).collect();
        check(&near, [0, 3_999, 4_000, 4_001, 20_000, 39_999]);
        let found = by_sample(&Listed(vec![far.clone()]), 20_000).expect("not cancelled");
        assert!(found.is_some(), "a sample finds the middle of different numbers");
        // Nearly all in one interval, with one number far away.
        let mut skewed: Vec<i64> = far.iter().map(|n| n % 30_000).collect();
        skewed.push(i64::MAX / 2);
        check(&skewed, [0, 20_000, 39_999, 40_000]);
    }
}
