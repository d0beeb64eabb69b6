//! A set of ordinals: series of a segment, or its chunks.

use std::error::Error;
use std::fmt;
use std::ops::Range;

use roaring::bitmap::Iter;
use roaring::{MultiOps, RoaringBitmap};

use crate::index::dense::Dense;

/// Bytes of intervals a container may hold on average before merging them one by one is slower
/// than working on its bits: an interval takes 4 bytes, so this is 16 of them.
const RUN_BYTES_FEW: u64 = 64;

/// Runs that are looked up one by one before two selections are compared as a whole.
const RUNS_PROBED: usize = 8;
/// Bytes of a container without its members.
const CONTAINER_BYTES: u64 = 48;
/// Bytes of the members of a container that is a bitset: 65,536 bits.
const BITSET_BYTES: u64 = 8_192;

/// A set of ordinals: the series (or the chunks) of one segment that something is true of.
///
/// Ordinals are below `u32::MAX`, so that every run has an end and every count of members below
/// `u32::MAX`. Two selections are equal if they hold the same ordinals, however they came about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    bitmap: RoaringBitmap,
}

impl Selection {
    /// The selection without members.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The ordinals `0..count`.
    pub fn all(count: u32) -> Self {
        Self::from_range(0..count)
    }

    /// The ordinals of `range`.
    pub fn from_range(range: Range<u32>) -> Self {
        let mut bitmap = RoaringBitmap::new();
        bitmap.insert_range(range);
        Self { bitmap }
    }

    /// The ordinals that `ordinals` yields.
    ///
    /// # Panics
    ///
    /// If they do not ascend strictly, or one is `u32::MAX`: the caller's mistake, not the data's.
    pub fn from_sorted(ordinals: impl IntoIterator<Item = u32>) -> Self {
        let sorted = RoaringBitmap::from_sorted_iter(ordinals);
        let bitmap = sorted.expect("the caller promises ascending ordinals");
        assert!(bitmap.max() != Some(u32::MAX), "ordinals are below u32::MAX");
        Self { bitmap }
    }

    /// Wraps a bitmap whose members are below `u32::MAX`.
    pub(super) fn from_bitmap(bitmap: RoaringBitmap) -> Self {
        Self { bitmap }
    }

    /// Adds `ordinal`; says whether it is new.
    ///
    /// # Panics
    ///
    /// If it is `u32::MAX`.
    pub fn insert(&mut self, ordinal: u32) -> bool {
        assert!(ordinal != u32::MAX, "ordinals are below u32::MAX");
        self.bitmap.insert(ordinal)
    }

    /// Takes `ordinal` out; says whether it was a member.
    pub fn remove(&mut self, ordinal: u32) -> bool {
        self.bitmap.remove(ordinal)
    }

    /// Whether `ordinal` is a member.
    pub fn contains(&self, ordinal: u32) -> bool {
        self.bitmap.contains(ordinal)
    }

    /// The number of members.
    pub fn len(&self) -> u64 {
        self.bitmap.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.bitmap.is_empty()
    }

    /// Whether every ordinal of `0..count` is a member.
    pub fn is_full(&self, count: u32) -> bool {
        self.bitmap.contains_range(0..count)
    }

    /// The least member.
    pub fn min(&self) -> Option<u32> {
        self.bitmap.min()
    }

    /// The greatest member.
    pub fn max(&self) -> Option<u32> {
        self.bitmap.max()
    }

    /// The number of members in `range`.
    pub fn range_len(&self, range: Range<u32>) -> u64 {
        self.bitmap.range_cardinality(range)
    }

    /// The number of members below `ordinal`: its place among them, if it is one.
    pub fn rank(&self, ordinal: u32) -> u64 {
        self.bitmap.range_cardinality(..ordinal)
    }

    /// The members of both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { bitmap: &self.bitmap & &other.bitmap }
    }

    /// The members of either.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut union = self.clone();
        union.union_with(other);
        union
    }

    /// The members of `self` that are not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.subtract(other);
        rest
    }

    /// Keeps only the members that are in `other` too.
    pub fn intersect_with(&mut self, other: &Self) {
        self.bitmap &= &other.bitmap;
    }

    /// Adds the members of `other`.
    pub fn union_with(&mut self, other: &Self) {
        if self.is_empty() {
            self.bitmap.clone_from(&other.bitmap);
            return;
        }
        // Roaring adds intervals one by one, each moving those behind it. Adding to bits does not.
        if self.shape().is_fine() || other.shape().is_fine() {
            self.bitmap.remove_run_compression();
        }
        self.bitmap |= &other.bitmap;
    }

    /// Takes the members of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        let shape = other.shape();
        // Every member taken out of an interval moves those behind it: see `union_with`.
        if shape.is_fine() || shape.run_containers < shape.containers {
            self.bitmap.remove_run_compression();
        }
        self.bitmap -= &other.bitmap;
    }

    /// The members of any of `many`.
    pub fn union<'a>(many: impl IntoIterator<Item = &'a Self>) -> Self {
        let many: Vec<&Self> = many.into_iter().filter(|one| !one.is_empty()).collect();
        match many.as_slice() {
            [] => return Self::empty(),
            [one] => return (*one).clone(),
            _ => {}
        }
        let mut total = Shape::default();
        for shape in many.iter().map(|one| one.shape()) {
            total.run_bytes += shape.run_bytes;
            total.containers = total.containers.max(shape.containers);
        }
        total.run_containers = total.containers;
        if !total.is_fine() {
            return Self { bitmap: many.iter().map(|one| &one.bitmap).union() };
        }
        let first = many.iter().filter_map(|one| one.min()).min().unwrap_or(0);
        let last = many.iter().filter_map(|one| one.max()).max().unwrap_or(0);
        let mut dense = Dense::over(first..last + 1);
        for run in many.iter().flat_map(|one| one.runs()) {
            dense.insert_run(run);
        }
        dense.into_selection()
    }

    /// Whether no ordinal is in both. Cost: stops early where the first members meet.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        let (runs, rest) = match (self.has_run_containers(), other.has_run_containers()) {
            (false, false) => return self.bitmap.is_disjoint(&other.bitmap),
            (true, _) => (self, other),
            (false, true) => (other, self),
        };
        // Roaring looks up each single bit of a bitset among intervals. Counting is ten times
        // faster, but never stops early: so look at the first runs, then count.
        let mut first = runs.runs().take(RUNS_PROBED);
        let meets = first.any(|run| rest.bitmap.range(run).next().is_some());
        !meets && self.intersection_len(other) == 0
    }

    /// The number of ordinals in both, counted without making their set.
    pub fn intersection_len(&self, other: &Self) -> u64 {
        self.bitmap.intersection_len(&other.bitmap)
    }

    /// The ordinals from `first` on, ascending.
    pub fn iter_from(&self, first: u32) -> impl Iterator<Item = u32> + '_ {
        self.bitmap.range(first..)
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.bitmap.iter()
    }

    /// The members, ascending, many at a time.
    pub fn members(&self) -> Members<'_> {
        Members { iter: self.bitmap.iter(), run: 0..0 }
    }

    /// The member with so many below it.
    pub fn member(&self, rank: u64) -> Option<u32> {
        self.bitmap.select(u32::try_from(rank).ok()?)
    }

    /// The members as longest possible runs, ascending.
    pub fn runs(&self) -> Runs<'_> {
        Runs { iter: self.bitmap.iter(), pending: None }
    }

    /// Chooses the smallest form of the members, which many runs make far smaller. For a selection
    /// that is kept; one that is used once is not worth it.
    pub fn optimize(&mut self) {
        self.bitmap.remove_run_compression();
        self.bitmap.optimize();
    }

    /// Bytes of memory the members take, for an account of memory.
    pub fn memory_bytes(&self) -> u64 {
        let statistics = self.bitmap.statistics();
        // The statistics of bytes take an array's member for 4 bytes, and a bitset's bit for one.
        u64::from(statistics.n_containers) * CONTAINER_BYTES
            + statistics.n_bytes_array_containers / 2
            + statistics.n_bytes_run_containers
            + u64::from(statistics.n_bitset_containers) * BITSET_BYTES
    }

    /// Appends the members to `out` in the portable roaring format. Equal selections give equal
    /// bytes, and runs are stored as such where that is smaller. Cost: a copy of the selection.
    ///
    /// Source: `RoaringFormatSpec`.
    pub fn serialize(&self, out: &mut Vec<u8>) {
        let written = self.canonical().serialize_into(out);
        written.expect("a vector takes what is written to it");
    }

    /// The number of bytes that [`Selection::serialize`] appends. Cost: the same copy.
    pub fn serialized_len(&self) -> usize {
        self.canonical().serialized_size()
    }

    /// Reads what [`Selection::serialize`] wrote: `bytes` holds one selection and nothing else, and
    /// its members are below `universe`.
    ///
    /// # Errors
    ///
    /// [`BadBitmap`] if that is not so. The bytes are not taken to be what we wrote.
    pub fn deserialize(bytes: &[u8], universe: u32) -> Result<Self, BadBitmap> {
        let mut rest = bytes;
        let read = RoaringBitmap::deserialize_from(&mut rest);
        let offset = bytes.len() - rest.len();
        let bitmap = read.map_err(|_| BadBitmap { offset, reason: "not a roaring bitmap" })?;
        if !rest.is_empty() {
            return Err(BadBitmap { offset, reason: "bytes follow the bitmap" });
        }
        if bitmap.max().is_some_and(|max| max >= universe) {
            return Err(BadBitmap { offset, reason: "a member is too large" });
        }
        Ok(Self { bitmap })
    }

    /// The members in the one form that depends on nothing else.
    fn canonical(&self) -> RoaringBitmap {
        let mut canonical = self.clone();
        canonical.optimize();
        canonical.bitmap
    }

    /// The number of pieces of 65,536 ordinals that have a member: what a pass over them costs.
    pub(super) fn container_count(&self) -> u64 {
        self.shape().containers
    }

    fn has_run_containers(&self) -> bool {
        self.shape().run_containers > 0
    }

    fn shape(&self) -> Shape {
        let statistics = self.bitmap.statistics();
        Shape {
            containers: u64::from(statistics.n_containers),
            run_containers: u64::from(statistics.n_run_containers),
            run_bytes: statistics.n_bytes_run_containers,
        }
    }
}

/// How the members of a selection are held.
#[derive(Clone, Copy, Default)]
struct Shape {
    containers: u64,
    run_containers: u64,
    run_bytes: u64,
}

impl Shape {
    /// Whether there are so many intervals that roaring's own way of merging them is slow.
    fn is_fine(self) -> bool {
        self.run_bytes > RUN_BYTES_FEW * self.run_containers
    }
}

/// The runs of a [`Selection`]: half-open, ascending, never adjacent.
#[derive(Clone)]
pub struct Runs<'a> {
    iter: Iter<'a>,
    /// A run that was read but may go on in the next container.
    pending: Option<Range<u32>>,
}

impl Iterator for Runs<'_> {
    type Item = Range<u32>;

    fn next(&mut self) -> Option<Range<u32>> {
        while let Some(next) = self.iter.next_range() {
            let (start, end) = (*next.start(), *next.end() + 1);
            match &mut self.pending {
                Some(pending) if pending.end == start => pending.end = end,
                pending => {
                    if let Some(run) = pending.replace(start..end) {
                        return Some(run);
                    }
                }
            }
        }
        self.pending.take()
    }
}

impl fmt::Debug for Runs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Members of a run below which the next ones are taken one by one.
const RUN_MIN: usize = 8;
/// So many of them, before a run is looked for again.
const SINGLES: usize = 64;

/// The members of a [`Selection`], many at a time.
#[derive(Clone)]
pub struct Members<'a> {
    iter: Iter<'a>,
    /// What is left of a run.
    run: Range<u32>,
}

impl Members<'_> {
    /// Fills `out` with the next members, and says how many there were; fewer only at the end.
    ///
    /// roaring's own way of this, as of 0.12.0, counts the members of a full container in 16 bits and
    /// leaves out all of them.
    pub fn next_many(&mut self, out: &mut [u32]) -> usize {
        let mut count = 0;
        while count < out.len() {
            if self.run.is_empty() {
                let Some(next) = self.iter.next_range() else { break };
                self.run = *next.start()..*next.end() + 1;
            }
            let is_short = self.run.len() < RUN_MIN;
            for (place, member) in out[count..].iter_mut().zip(&mut self.run) {
                *place = member;
                count += 1;
            }
            if is_short && self.run.is_empty() {
                // To look for a run takes ten times as long as the next member does.
                let single = out[count..].iter_mut().take(SINGLES).zip(&mut self.iter);
                for (place, member) in single {
                    *place = member;
                    count += 1;
                }
            }
        }
        count
    }
}

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter.clone()).finish()
    }
}

/// Bytes that are no selection, or no dimension index. Whoever knows the file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadBitmap {
    /// Where the bytes stop making sense, counted from their beginning.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl BadBitmap {
    /// The same, for bytes that begin at `start` of larger ones.
    pub(super) fn behind(self, start: usize) -> Self {
        Self { offset: start.saturating_add(self.offset), ..self }
    }
}

impl fmt::Display for BadBitmap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bad bitmap at byte {}: {}", self.offset, self.reason)
    }
}

impl Error for BadBitmap {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Members that make every kind of container: single ones, runs across containers, combs that
    /// are no intervals, and rows of blocks, which are so many that intervals are merged as bits.
    fn ordinals() -> impl Strategy<Value = BTreeSet<u32>> {
        let single = (0..300_000_u32).prop_map(|one| BTreeSet::from([one]));
        let piece = (0..200_000_u32, 0..5_000_u32, 1..9_u32, 1..9_u32).prop_map(
            |(start, count, period, width)| {
                (0..count).filter(|i| i % period < width).map(|i| start + i).collect()
            },
        );
        let piece = prop_oneof![3 => piece, 1 => single];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.into_iter().flatten().collect())
    }

    fn selection(set: &BTreeSet<u32>) -> Selection {
        Selection::from_sorted(set.iter().copied())
    }

    /// The same set, held as intervals where that is smaller.
    fn optimized(set: &BTreeSet<u32>) -> Selection {
        let mut selection = selection(set);
        selection.optimize();
        selection
    }

    #[track_caller]
    fn check(found: &Selection, expected: impl Iterator<Item = u32>) {
        let expected: Vec<u32> = expected.collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        let (mut members, mut some, mut all) = (found.members(), [0; 700], Vec::new());
        while let count @ 1.. = members.next_many(&mut some) {
            all.extend_from_slice(&some[..count]);
        }
        assert_eq!(all, expected);
        let last = expected.len() as u64;
        for rank in [0, last / 3, last.saturating_sub(1), last] {
            let member = usize::try_from(rank).ok().and_then(|rank| expected.get(rank));
            assert_eq!(found.member(rank), member.copied());
        }
        assert_eq!(*found, Selection::from_sorted(expected.iter().copied()));
        let mut bytes = Vec::new();
        found.serialize(&mut bytes);
        assert_eq!(bytes.len(), found.serialized_len());
        let mut again = Vec::new();
        Selection::from_sorted(expected).serialize(&mut again);
        assert_eq!(bytes, again, "equal selections give equal bytes");
    }

    /// A container that is full has more members than 16 bits can count.
    #[test]
    fn full_containers_lose_no_member() {
        let all = 0..200_000_u32;
        check(&Selection::from_range(all.clone()), all.clone());
        let some = || all.clone().filter(|member| !(70_000..70_010).contains(member));
        check(&Selection::from_sorted(some()), some());
        let mut optimized = Selection::from_sorted(some());
        optimized.optimize();
        check(&optimized, some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn obeys_the_algebra_of_sets(a in ordinals(), b in ordinals(), c in ordinals()) {
            for (x, y) in [
                (selection(&a), selection(&b)),
                (optimized(&a), selection(&b)),
                (selection(&a), optimized(&b)),
                (optimized(&a), optimized(&b)),
            ] {
                check(&x.and(&y), a.intersection(&b).copied());
                check(&x.or(&y), a.union(&b).copied());
                check(&x.minus(&y), a.difference(&b).copied());
                let z = optimized(&c);
                let three: BTreeSet<u32> = a.iter().chain(&b).chain(&c).copied().collect();
                check(&Selection::union([&x, &y, &z]), three.iter().copied());
                let common = a.intersection(&b).count() as u64;
                prop_assert_eq!(x.intersection_len(&y), common);
                prop_assert_eq!(x.is_disjoint(&y), common == 0);
                let mut kept = x.clone();
                kept.intersect_with(&y);
                prop_assert_eq!(kept, x.and(&y));
            }
        }

        #[test]
        fn counts_and_runs_are_those_of_the_set(a in ordinals(), start in 0..250_000_u32) {
            let x = optimized(&a);
            let end = start + 70_000;
            prop_assert_eq!(x.len(), a.len() as u64);
            prop_assert_eq!(x.range_len(start..end), a.range(start..end).count() as u64);
            prop_assert_eq!(x.rank(start), a.range(..start).count() as u64);
            prop_assert_eq!((x.min(), x.max()), (a.first().copied(), a.last().copied()));
            let runs: Vec<_> = x.runs().collect();
            prop_assert!(runs.iter().flat_map(Clone::clone).eq(a.iter().copied()));
            prop_assert!(runs.windows(2).all(|pair| pair[0].end < pair[1].start));
        }

        #[test]
        fn damaged_bytes_never_panic(
            a in ordinals(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let universe = 400_000;
            let mut bytes = Vec::new();
            selection(&a).serialize(&mut bytes);
            prop_assert_eq!(Selection::deserialize(&bytes, universe), Ok(selection(&a)));
            prop_assert!(Selection::deserialize(&bytes[..cut.index(bytes.len())], universe).is_err());
            let longer = [&bytes[..], &[0]].concat();
            prop_assert!(Selection::deserialize(&longer, universe).is_err());
            for (at, flip) in flips {
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
                if let Ok(read) = Selection::deserialize(&bytes, universe) {
                    prop_assert!(read.max().is_none_or(|max| max < universe));
                    prop_assert_eq!(read.iter().count() as u64, read.len());
                    prop_assert_eq!(read.runs().map(|run| run.len() as u64).sum::<u64>(), read.len());
                }
            }
        }
    }

    #[test]
    fn knows_full_from_almost_full() {
        for count in [0, 1, 65_535, 65_536, 65_537, 200_000] {
            let mut selection = Selection::all(count);
            assert_eq!(selection.len(), u64::from(count));
            assert!(selection.is_full(count));
            assert!(!selection.is_full(count + 1));
            if count > 0 {
                assert!(selection.remove(count / 2));
                assert!(!selection.is_full(count));
                assert!(selection.insert(count / 2) && !selection.insert(count / 2));
                assert_eq!(selection, Selection::all(count));
            }
        }
    }

    #[test]
    fn refuses_a_member_outside_the_universe() {
        let mut bytes = Vec::new();
        Selection::from_sorted([3, 9]).serialize(&mut bytes);
        assert!(Selection::deserialize(&bytes, 10).is_ok());
        let error = Selection::deserialize(&bytes, 9).expect_err("accepted");
        assert_eq!(error.reason, "a member is too large");
    }
}
