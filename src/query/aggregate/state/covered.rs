//! The periods of which a group has learned all there is: most spans of a group lie within those of
//! others, and add nothing.

use std::ops::Range;

use hashbrown::HashMap;

use crate::model::PeriodForm;
use crate::segment::ChunkSpan;

/// Ranges that are kept in an array: 64 kilobytes.
const DENSE_RANGES_MAX: usize = 1 << 13;
/// Forms of periods.
const FORMS: usize = PeriodForm::ALL.len();

/// For each packed key and form of periods one range of slots.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    /// Where there are few keys; empty ranges at first.
    dense: Vec<Range<i32>>,
    sparse: HashMap<(u64, PeriodForm), Range<i32>>,
}

impl Covered {
    /// Nothing yet, of packed keys below `key_count`.
    pub(crate) fn new(key_count: u64) -> Self {
        let count =
            place(key_count, PeriodForm::Timeless).filter(|count| *count <= DENSE_RANGES_MAX);
        Self { dense: vec![0..0; count.unwrap_or(0)], sparse: HashMap::new() }
    }

    /// Whether a span lies within the range of its group.
    #[inline]
    pub(crate) fn has(&self, key: u64, span: &ChunkSpan) -> bool {
        let slots = slots(span);
        let dense = place(key, span.form).and_then(|place| self.dense.get(place));
        let range = dense.or_else(|| self.sparse.get(&(key, span.form)));
        range.is_some_and(|range| range.start <= slots.start && slots.end <= range.end)
    }

    /// Adds a span of which all is known now. It is left out if it neither touches the range of its
    /// group nor is longer.
    pub(crate) fn add(&mut self, key: u64, span: &ChunkSpan) {
        let slots = slots(span);
        let dense = place(key, span.form).and_then(|place| self.dense.get_mut(place));
        let range = match dense {
            Some(range) => range,
            None => self.sparse.entry((key, span.form)).or_insert(0..0),
        };
        let touches = slots.start <= range.end && range.start <= slots.end;
        if touches && range.start < range.end {
            *range = range.start.min(slots.start)..range.end.max(slots.end);
        } else if slots.len() > range.len() {
            *range = slots;
        }
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.dense.len() * size_of::<Range<i32>>() + self.sparse.capacity() * 32
    }
}

/// The place of a packed key and a form among the dense ranges.
#[inline]
fn place(key: u64, form: PeriodForm) -> Option<usize> {
    usize::try_from(key).ok()?.checked_mul(FORMS)?.checked_add(form as usize)
}

fn slots(span: &ChunkSpan) -> Range<i32> {
    span.first..span.first.saturating_add(i32::from(span.slots))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: i32, slots: u16) -> ChunkSpan {
        ChunkSpan { form: PeriodForm::Year, first, slots, observations: slots }
    }

    #[test]
    fn a_range_grows_by_what_touches_it() {
        for key_count in [3, u64::MAX] {
            let mut covered = Covered::new(key_count);
            assert!(!covered.has(1, &span(2000, 1)) && !covered.has(1, &span(0, 1)));
            covered.add(1, &span(2000, 5));
            covered.add(1, &span(2005, 5));
            assert!(covered.has(1, &span(2000, 10)) && covered.has(1, &span(2003, 4)));
            assert!(!covered.has(1, &span(1999, 4)) && !covered.has(2, &span(2003, 4)));
            covered.add(1, &span(1990, 3));
            assert!(!covered.has(1, &span(1990, 3)) && covered.has(1, &span(2000, 10)));
            covered.add(1, &span(1950, 20));
            assert!(covered.has(1, &span(1950, 20)) && !covered.has(1, &span(2000, 10)));
            let quarter = ChunkSpan { form: PeriodForm::Quarter, ..span(1960, 1) };
            assert!(covered.has(1, &span(1960, 1)) && !covered.has(1, &quarter));
        }
    }
}
