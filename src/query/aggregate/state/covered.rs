//! The periods of which a group has learned all there is: most spans of a group lie within those of
//! others, and add nothing.

use std::ops::Range;

use hashbrown::HashMap;

use crate::model::PeriodForm;
use crate::segment::ChunkSpan;

/// For each packed key and form of periods one range of slots.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    ranges: HashMap<(u64, PeriodForm), Range<i32>>,
    /// The last one that was looked at, since neighbours mostly are of one group and form.
    last: Option<((u64, PeriodForm), Range<i32>)>,
}

impl Covered {
    /// Whether a span lies within the range of its group.
    pub(crate) fn has(&mut self, key: u64, span: &ChunkSpan) -> bool {
        let (of, slots) = ((key, span.form), slots(span));
        let is_within = |range: &Range<i32>| range.start <= slots.start && slots.end <= range.end;
        if let Some((known, range)) = &self.last
            && *known == of
        {
            return is_within(range);
        }
        let Some(range) = self.ranges.get(&of) else { return false };
        self.last = Some((of, range.clone()));
        is_within(range)
    }

    /// Adds a span of which all is known now. It is left out if it neither touches the range of its
    /// group nor is longer.
    pub(crate) fn add(&mut self, key: u64, span: &ChunkSpan) {
        let (of, slots) = ((key, span.form), slots(span));
        let range = self.ranges.entry(of).or_insert_with(|| slots.clone());
        if slots.start <= range.end && range.start <= slots.end {
            *range = range.start.min(slots.start)..range.end.max(slots.end);
        } else if slots.len() > range.len() {
            *range = slots;
        }
        self.last = Some((of, range.clone()));
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.ranges.capacity() * 32
    }
}

fn slots(span: &ChunkSpan) -> Range<i32> {
    span.first..span.first.saturating_add(i32::from(span.slots))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_grows_by_what_touches_it() {
        let span = |first: i32, slots: u16| ChunkSpan {
            form: PeriodForm::Year,
            first,
            slots,
            observations: slots,
        };
        let mut covered = Covered::default();
        assert!(!covered.has(1, &span(2000, 1)));
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
