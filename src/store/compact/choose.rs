//! Which segments of a dataflow are worth bringing together.
//!
//! Segments are sorted into tiers by what is live of them, each tier six times as large as the one
//! before. A tier that is full is brought together, with all that is smaller, into a segment of a
//! higher tier. So an observation is written anew once a tier, and a dataflow has a few segments a
//! tier, however many small commits it had. A segment above the first tier of which a quarter
//! is dead is written anew too: reads pass over what is dead.
//!
//! Source: O'Neil et al., "The log-structured merge-tree", 1996; the tiers are those of Bigtable's
//! size-tiered compaction.

use crate::catalog::{LiveSegment, SegmentId};
use crate::index::Selection;
use crate::limits::INLINE_SEGMENT_BYTES_MAX;

/// Live bytes up to which a segment is in the first tier.
const FIRST_TIER_BYTES: u64 = INLINE_SEGMENT_BYTES_MAX as u64;
/// How many times as large a tier is as the one before.
const TIER_FACTOR: u64 = 6;
/// Segments at which the first tier is full: they are read whole in no time.
const FIRST_TIER_SEGMENTS: usize = 4;
/// Segments at which another tier is full.
const TIER_SEGMENTS: usize = 3;

/// A segment as the choice sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    pub(super) id: SegmentId,
    /// All bytes.
    pub(super) bytes: u64,
    /// What is live of them, about.
    pub(super) live: u64,
}

impl Weight {
    pub(super) fn of(segment: &LiveSegment) -> Self {
        let entry = &segment.entry;
        let count = |live: &Option<Selection>, all| live.as_ref().map_or(all, Selection::len);
        let all = u64::from(entry.chunks) + u64::from(entry.partials);
        let live = count(&segment.chunks, entry.chunks.into())
            + count(&segment.partials, entry.partials.into());
        let share = u128::from(entry.bytes) * u128::from(live) / u128::from(all.max(1));
        let live = u64::try_from(share).unwrap_or(entry.bytes).min(entry.bytes);
        Self { id: entry.id, bytes: entry.bytes, live }
    }

    fn tier(self) -> u32 {
        (self.live / FIRST_TIER_BYTES).checked_ilog(TIER_FACTOR).map_or(0, |tier| tier + 1)
    }
}

/// The segments to bring together next, reading at most so many bytes; none if all is well.
pub(super) fn choose(weights: &[Weight], budget: u64) -> Vec<SegmentId> {
    let bytes = |chosen: &[Weight]| chosen.iter().map(|weight| weight.live).sum::<u64>();
    let mut sorted = weights.to_vec();
    sorted.sort_unstable_by_key(|weight| (weight.live, weight.id));
    let mut chosen: &[Weight] = &[];
    let mut end = 0;
    for tier in sorted.chunk_by(|a, b| a.tier() == b.tier()) {
        end += tier.len();
        let is_first = tier.first().is_some_and(|weight| weight.tier() == 0);
        let full = if is_first { FIRST_TIER_SEGMENTS } else { TIER_SEGMENTS };
        // What this tier gets from those below may fill it.
        let coming = usize::from(!chosen.is_empty());
        if tier.len() + coming >= full && bytes(&sorted[..end]) <= budget {
            chosen = &sorted[..end];
        }
    }
    let quarter_dead = |weight: &&Weight| {
        let is_dead = weight.live < weight.bytes - weight.bytes / 4;
        weight.bytes > FIRST_TIER_BYTES && is_dead && weight.live <= budget
    };
    match sorted.iter().find(quarter_dead) {
        Some(dead) if chosen.is_empty() => vec![dead.id],
        _ => chosen.iter().map(|weight| weight.id).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(id: u64, live: u64) -> Weight {
        Weight { id: SegmentId(id), bytes: live, live }
    }

    fn numbers(chosen: &[SegmentId]) -> Vec<u64> {
        chosen.iter().map(|id| id.0).collect()
    }

    #[test]
    fn a_full_tier_is_chosen_and_what_is_too_much_is_not() {
        let small: Vec<Weight> = (1..=4).map(|id| weight(id, 1_000)).collect();
        assert_eq!(numbers(&choose(&small[..3], u64::MAX)), [0; 0]);
        assert_eq!(numbers(&choose(&small, u64::MAX)), [1, 2, 3, 4]);
        assert_eq!(numbers(&choose(&small, 3_999)), [0; 0]);
        let mut mixed = small.clone();
        mixed.extend((11..=12).map(|id| weight(id, 100_000)));
        mixed.push(weight(20, 1 << 40));
        // Three small ones leave the next tier alone; four fill it too.
        assert_eq!(numbers(&choose(&mixed, 1 << 20)), [1, 2, 3, 4, 11, 12]);
        assert_eq!(numbers(&choose(&mixed[1..], 1 << 20)), [0; 0]);
        assert_eq!(numbers(&choose(&mixed, 10_000)), [1, 2, 3, 4]);
    }

    #[test]
    fn a_segment_of_which_a_quarter_is_dead_is_written_anew() {
        let most = Weight { id: SegmentId(1), bytes: 1_000_000, live: 750_000 };
        let less = Weight { live: 749_999, ..most };
        assert_eq!(numbers(&choose(&[most], u64::MAX)), [0; 0]);
        assert_eq!(numbers(&choose(&[less], u64::MAX)), [1]);
        assert_eq!(numbers(&choose(&[less], 1_000)), [0; 0]);
        let small = Weight { id: SegmentId(1), bytes: 1_000, live: 1 };
        assert_eq!(numbers(&choose(&[small], u64::MAX)), [0; 0]);
    }

    /// Ten thousand small commits: few segments at any time, and little written anew.
    #[test]
    fn many_small_commits_leave_few_segments() {
        let mut segments: Vec<Weight> = Vec::new();
        let (mut next, mut written, mut most) = (0, 0, 0);
        for _ in 0..10_000 {
            segments.push(weight(next, 1_500));
            next += 1;
            let chosen = choose(&segments, u64::MAX);
            if !chosen.is_empty() {
                let is_chosen = |weight: &Weight| chosen.contains(&weight.id);
                let live = segments.iter().filter(|w| is_chosen(w)).map(|w| w.live).sum();
                segments.retain(|weight| !is_chosen(weight));
                segments.push(weight(next, live));
                next += 1;
                written += live;
            }
            most = most.max(segments.len());
        }
        assert!(most <= 12, "{most} segments");
        assert!(written < 18 * 10_000 * 1_500, "{written} bytes written");
    }
}
