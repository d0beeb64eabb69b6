//! The index of one dimension: for each code, the series that carry it.

use crate::index::dense::Dense;
use crate::index::layout::{self, POSTINGS_MAX};
use crate::index::{BadBitmap, IndexView, Selection, postings};

/// Below this share of a range (one ordinal in 64) a selection is built from its members, above it
/// from the bits of the range.
const DENSE_SPAN: u64 = 64;

/// For one dimension of a segment, the series that carry each code.
///
/// Codes are numbered `0..code_count` and series `0..series_count`. A series carries one code, so
/// the series of different codes are disjoint, and all of them together are the segment's. A code
/// past the last one is carried by no series: asking for it is not a mistake.
///
/// An index that was read is checked once, then trusted. Codes with up to 64 series are plain
/// lists, for a dimension of a million codes has a million of them.
#[derive(Clone, Debug, PartialEq)]
pub struct DimensionIndex {
    series_count: u32,
    /// One a code.
    codes: Vec<Carriers>,
    /// The series of the codes that have few, one code after the other.
    few: Vec<u32>,
    /// The series of the codes that have many.
    many: Vec<Selection>,
    /// Single series of `few` and containers of `many`: what a pass over all codes touches.
    part_count: u64,
}

/// Where the series of one code are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Carriers {
    count: u32,
    /// The place of the first series in `few` if there are up to [`POSTINGS_MAX`], else the place
    /// of the selection in `many`.
    place: u32,
}

/// The series of one code, borrowed.
enum List<'a> {
    Few(&'a [u32]),
    Many(&'a Selection),
}

impl DimensionIndex {
    /// Indexes `forward`, the code of each series in the order of the series.
    ///
    /// Cost: two passes, and 4 bytes a series while it runs.
    ///
    /// # Panics
    ///
    /// If a code is not below `code_count`, or there are more than `u32::MAX` series: a segment's
    /// builder numbers both.
    pub fn build(forward: &[u32], code_count: u32) -> Self {
        let series_count = u32::try_from(forward.len()).expect("series are numbered by u32");
        let mut ends = vec![0_u32; code_count as usize];
        for &code in forward {
            ends[code as usize] += 1;
        }
        let mut start = 0;
        for end in &mut ends {
            (*end, start) = (start, start + *end);
        }
        // Each end is still the start of its code, and moves to the end as the code is filled.
        let mut grouped = vec![0_u32; forward.len()];
        for (ordinal, &code) in (0..).zip(forward) {
            let place = &mut ends[code as usize];
            grouped[*place as usize] = ordinal;
            *place += 1;
        }
        let mut index = Self::with_capacity(series_count, ends.len());
        let mut start = 0;
        for end in ends {
            let ordinals = &grouped[start as usize..end as usize];
            if end - start <= POSTINGS_MAX {
                index.push_few(end - start, |few| few.extend_from_slice(ordinals));
            } else {
                let mut carriers = Selection::from_sorted(ordinals.iter().copied());
                carriers.optimize();
                index.push_many(end - start, carriers);
            }
            start = end;
        }
        index.finish()
    }

    /// Appends the index to `out`, as [`layout`] describes. Equal indexes give equal bytes.
    pub fn serialize(&self, out: &mut Vec<u8>) {
        layout::serialize(self.code_count(), out, |code, out| {
            match self.list(code) {
                List::Few(ordinals) => postings::serialize(ordinals, out),
                List::Many(carriers) => carriers.serialize(out),
            }
            self.codes[code as usize].count
        });
    }

    /// Reads what [`DimensionIndex::serialize`] wrote, for a segment of `series_count` series.
    ///
    /// # Errors
    ///
    /// [`BadBitmap`] if the bytes are no index, or not of so many series. That two codes share a
    /// series is not looked for: compare with the index of the forward column for that.
    pub fn deserialize(bytes: &[u8], series_count: u32) -> Result<Self, BadBitmap> {
        let view = IndexView::parse(bytes, series_count)?;
        let mut index = Self::with_capacity(series_count, view.code_count() as usize);
        for (count, list) in (0..view.code_count()).filter_map(|code| view.list(code)) {
            if count <= POSTINGS_MAX {
                index.push_few(count, |few| view.read_postings(count, list, few))?;
            } else {
                let carriers = view.read_bitmap(count, list)?;
                index.push_many(count, carriers);
            }
        }
        Ok(index.finish())
    }

    /// The number of codes, those without series included.
    pub fn code_count(&self) -> u32 {
        u32::try_from(self.codes.len()).expect("built from a number of codes")
    }

    /// The number of series of the segment.
    pub fn series_count(&self) -> u32 {
        self.series_count
    }

    /// The number of pieces that a pass over the bitmaps of all codes touches, each for 10 to 30
    /// nanoseconds: see [`crate::index::Counting`].
    pub fn part_count(&self) -> u64 {
        self.part_count
    }

    /// Bytes of memory the index takes, for an account of memory.
    pub fn memory_bytes(&self) -> u64 {
        let lists = size_of_val(self.codes.as_slice()) + size_of_val(self.few.as_slice());
        let many = size_of_val(self.many.as_slice());
        (lists + many) as u64 + self.many.iter().map(Selection::memory_bytes).sum::<u64>()
    }

    /// The number of series that carry `code`.
    pub fn count(&self, code: u32) -> u64 {
        self.codes.get(code as usize).map_or(0, |carriers| u64::from(carriers.count))
    }

    /// The series that carry `code`. Cost: a copy.
    pub fn carriers(&self, code: u32) -> Selection {
        match self.list(code) {
            List::Few(ordinals) => Selection::from_sorted(ordinals.iter().copied()),
            List::Many(carriers) => carriers.clone(),
        }
    }

    /// Whether no series of `within` carries `code`. Cost: stops at the first that does.
    pub fn is_disjoint(&self, code: u32, within: &Selection) -> bool {
        match self.list(code) {
            List::Few(ordinals) => !ordinals.iter().any(|&ordinal| within.contains(ordinal)),
            List::Many(carriers) => carriers.is_disjoint(within),
        }
    }

    /// The number of series of `within` that carry `code`.
    pub fn intersection_len(&self, code: u32, within: &Selection) -> u64 {
        match self.list(code) {
            List::Few(ordinals) => {
                ordinals.iter().filter(|&&ordinal| within.contains(ordinal)).count() as u64
            }
            List::Many(carriers) => carriers.intersection_len(within),
        }
    }

    /// The series that carry one of `codes`, which come in any order and may repeat.
    ///
    /// For many codes of a dimension late in the order of the keys, [`select_by_lut`] is faster.
    pub fn any_of(&self, codes: &[u32]) -> Selection {
        let (mut few, mut many) = (Vec::new(), Vec::new());
        for &code in codes {
            match self.list(code) {
                List::Few(ordinals) => few.extend_from_slice(ordinals),
                List::Many(carriers) => many.push(carriers),
            }
        }
        few.sort_unstable();
        few.dedup();
        let few = Selection::from_sorted(few);
        many.push(&few);
        Selection::union(many)
    }

    fn list(&self, code: u32) -> List<'_> {
        let carriers = self.codes.get(code as usize).copied().unwrap_or_default();
        let place = carriers.place as usize;
        if carriers.count <= POSTINGS_MAX {
            List::Few(&self.few[place..place + carriers.count as usize])
        } else {
            List::Many(&self.many[place])
        }
    }

    fn with_capacity(series_count: u32, code_count: usize) -> Self {
        let codes = Vec::with_capacity(code_count);
        Self { series_count, codes, few: Vec::new(), many: Vec::new(), part_count: 0 }
    }

    fn finish(mut self) -> Self {
        self.few.shrink_to_fit();
        self.many.shrink_to_fit();
        let containers: u64 = self.many.iter().map(Selection::container_count).sum();
        self.part_count = self.few.len() as u64 + containers;
        self
    }

    /// Adds the next code, whose `count` series `append` adds to the short lists.
    fn push_few<R>(&mut self, count: u32, append: impl FnOnce(&mut Vec<u32>) -> R) -> R {
        let place = u32::try_from(self.few.len()).expect("no more than there are series");
        self.codes.push(Carriers { count, place });
        append(&mut self.few)
    }

    /// Adds the next code, whose `count` series are `carriers`.
    fn push_many(&mut self, count: u32, carriers: Selection) {
        let place = u32::try_from(self.many.len()).expect("no more than there are series");
        self.codes.push(Carriers { count, place });
        self.many.push(carriers);
    }
}

/// The series of `within` whose code is wanted, by looking at the code of each of them.
///
/// `forward` holds the code of each series, and `wanted` says of each code whether it is; codes
/// past its end are not, nor are series past the end of `forward`. Cost: one look-up a series of
/// `within`, whatever the number of codes, where a union of bitmaps costs a pass for each code.
pub fn select_by_lut(forward: &[u32], wanted: &[bool], within: &Selection) -> Selection {
    let is_wanted = |code: &u32| wanted.get(*code as usize).copied().unwrap_or(false);
    let (Some(first), Some(last)) = (within.min(), within.max()) else {
        return Selection::empty();
    };
    let series_count = u32::try_from(forward.len()).unwrap_or(u32::MAX);
    let span = first..last.saturating_add(1).min(series_count);
    let runs = within.runs().take_while(|run| run.start < span.end);
    let runs = runs.map(|run| run.start..run.end.min(span.end));
    if within.len().saturating_mul(DENSE_SPAN) < u64::from(span.end.saturating_sub(span.start)) {
        let kept = runs.flatten().filter(|&ordinal| is_wanted(&forward[ordinal as usize]));
        return Selection::from_sorted(kept);
    }
    let mut dense = Dense::over(span.clone());
    for run in runs {
        let codes = &forward[run.start as usize..run.end as usize];
        dense.insert_where(run, codes.iter().map(is_wanted));
    }
    dense.into_selection()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Forward columns of every kind: a leading dimension (few long runs), a late one (codes
    /// alternate), one with a code for each series, and one with rare codes; with unused codes.
    fn columns() -> impl Strategy<Value = (Vec<u32>, u32)> {
        let run = prop_oneof![3 => 1..100_u32, 1 => 20_000..30_000_u32];
        let leading = (1..5_u32, run)
            .prop_map(|(codes, run)| ((0..codes * run).map(|i| i / run).collect(), codes + 1));
        let series = prop_oneof![3 => 0..4_000_u32, 1 => 65_000..68_000_u32];
        let late = (1..100_u32, series)
            .prop_map(|(codes, series)| ((0..series).map(|i| i * 7 % codes).collect(), codes));
        let own = (0..500_u32).prop_map(|series| ((0..series).rev().collect(), series + 3));
        let rare = prop::collection::vec(prop_oneof![9 => 0..2_u32, 1 => 2..40_u32], 0..4_000)
            .prop_map(|forward| (forward, 50));
        prop_oneof![leading, late, own, rare]
    }

    fn scan<'a>(forward: &'a [u32], keep: impl Fn(u32) -> bool + 'a) -> Selection {
        let kept = (0..).zip(forward).filter(move |(_, code)| keep(**code));
        Selection::from_sorted(kept.map(|(ordinal, _)| ordinal))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// The index is an optimisation: it answers what a scan of the forward column answers.
        #[test]
        fn answers_what_a_scan_answers(
            (forward, code_count) in columns(),
            codes in prop::collection::vec(0..60_u32, 0..70),
            step in 1..300_u32,
        ) {
            let index = DimensionIndex::build(&forward, code_count);
            let series_count = index.series_count();
            let within = Selection::from_sorted((0..series_count).filter(|i| i / step % 2 == 0));
            for code in (0..code_count + 2).step_by(7) {
                let carriers = scan(&forward, |one| one == code);
                prop_assert_eq!(index.count(code), carriers.len());
                prop_assert_eq!(index.is_disjoint(code, &within), carriers.is_disjoint(&within));
                let common = carriers.intersection_len(&within);
                prop_assert_eq!(index.intersection_len(code, &within), common);
                prop_assert_eq!(index.carriers(code), carriers);
            }
            let any = scan(&forward, |code| codes.contains(&code));
            prop_assert_eq!(&index.any_of(&codes), &any);
            let mut wanted = vec![false; 60];
            for &code in &codes {
                wanted[code as usize] = true;
            }
            prop_assert_eq!(select_by_lut(&forward, &wanted, &within), any.and(&within));
            let sparse = Selection::from_sorted((0..series_count + 99).step_by(97));
            prop_assert_eq!(select_by_lut(&forward, &wanted, &sparse), any.and(&sparse));
        }

        #[test]
        fn reads_what_it_wrote((forward, code_count) in columns()) {
            let index = DimensionIndex::build(&forward, code_count);
            let mut bytes = Vec::new();
            index.serialize(&mut bytes);
            let read = DimensionIndex::deserialize(&bytes, index.series_count());
            prop_assert_eq!(read.as_ref(), Ok(&index));
            let view = IndexView::parse(&bytes, index.series_count()).expect("what was written");
            prop_assert_eq!(view.code_count(), code_count);
            for code in 0..code_count + 2 {
                prop_assert_eq!(view.count(code), index.count(code));
                prop_assert_eq!(view.carriers(code), Ok(index.carriers(code)));
            }
            prop_assert!(DimensionIndex::deserialize(&bytes, index.series_count() + 1).is_err());
            let longer = [&bytes[..], &[0]].concat();
            prop_assert!(DimensionIndex::deserialize(&longer, index.series_count()).is_err());
        }

        #[test]
        fn damaged_bytes_never_panic(
            (forward, code_count) in columns(),
            flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..6),
            cut in any::<prop::sample::Index>(),
            in_table in any::<bool>(),
        ) {
            let index = DimensionIndex::build(&forward, code_count);
            let series_count = index.series_count();
            let mut bytes = Vec::new();
            index.serialize(&mut bytes);
            let shorter = &bytes[..cut.index(bytes.len())];
            prop_assert!(DimensionIndex::deserialize(shorter, series_count).is_err());
            let table_len = (4 + 8 * code_count as usize).min(bytes.len());
            for (at, flip) in flips {
                let at = at.index(if in_table { table_len } else { bytes.len() });
                bytes[at] ^= flip;
                let read = DimensionIndex::deserialize(&bytes, series_count);
                let view = IndexView::parse(&bytes, series_count);
                if let Ok(view) = view {
                    let lists: Result<Vec<_>, _> =
                        (0..view.code_count()).map(|code| view.carriers(code)).collect();
                    prop_assert_eq!(lists.is_ok(), read.is_ok());
                } else {
                    prop_assert!(read.is_err());
                }
                if let Ok(read) = read {
                    let all: Vec<u32> = (0..read.code_count()).collect();
                    prop_assert!(read.any_of(&all).max().is_none_or(|max| max < series_count));
                }
            }
        }
    }

    #[test]
    fn keeps_lists_up_to_the_bound() {
        for (count, is_list) in [(0, true), (64, true), (65, false)] {
            let index = DimensionIndex::build(&vec![0; count], 1);
            assert_eq!(matches!(index.list(0), List::Few(_)), is_list, "{count} series");
            let mut bytes = Vec::new();
            index.serialize(&mut bytes);
            let expected = if is_list { 12 + count } else { 12 + 15 };
            assert_eq!(bytes.len(), expected, "{count} series");
        }
    }
}
