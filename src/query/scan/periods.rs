//! All periods that a cube may have, as arrays: what a predicate on time is evaluated over, and
//! what the texts and days of answers are taken from.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{Array, ArrayRef, Date32Array, StringViewArray, StringViewBuilder};
use chrono::NaiveDateTime;

use crate::limits::PERIOD_TABLE_SLOTS_MAX;
use crate::model::{PeriodForm, ReportingYearStart, Slot, Span};
use crate::query::scan::Content;
use crate::store::PeriodFilter;

/// The slots of a cube between the first and the last of each form, form by form.
#[derive(Debug)]
pub struct PeriodTable {
    forms: Vec<FormSlots>,
    texts: StringViewArray,
    starts: ArrayRef,
    ends: ArrayRef,
    /// Ascending and descending.
    ordered: OnceLock<[OrderedTexts; 2]>,
}

/// The texts of a table in their order.
#[derive(Clone, Debug)]
pub(crate) struct OrderedTexts {
    /// For each place of the table the number of its text, equal texts alike.
    pub numbers: Vec<u32>,
    /// The text with each number, in their order bytewise.
    pub texts: StringViewArray,
}

/// Where the slots of one form stand in the table.
#[derive(Clone, Debug)]
struct FormSlots {
    form: PeriodForm,
    slots: Range<i32>,
    /// The place of its first slot.
    place: usize,
}

impl PeriodTable {
    /// Lists the slots of these hulls; `has_moments` if periods are moments, not days. Absent if
    /// there are too many.
    pub fn build(hulls: &[(PeriodForm, Range<i32>)], has_moments: bool) -> Option<Self> {
        let count: usize = hulls.iter().map(|(_, hull)| hull.len()).sum();
        if count > PERIOD_TABLE_SLOTS_MAX {
            return None;
        }
        let mut forms = Vec::with_capacity(hulls.len());
        let mut slots = Vec::with_capacity(count);
        for (form, hull) in hulls {
            forms.push(FormSlots { form: *form, slots: hull.clone(), place: slots.len() });
            slots.extend(hull.clone().map(|index| Slot { form: *form, index }));
        }
        let mut texts = StringViewBuilder::with_capacity(count);
        let mut text = Vec::with_capacity(16);
        for slot in &slots {
            text.clear();
            slot.write_to(&mut text);
            texts.append_value(String::from_utf8_lossy(&text));
        }
        let spans = slots.iter().map(|slot| slot.span(ReportingYearStart::default()));
        let (starts, ends) = moments(spans, has_moments);
        Some(Self { forms, texts: texts.finish(), starts, ends, ordered: OnceLock::new() })
    }

    /// The texts in their order, ascending or descending, which is found once.
    pub(crate) fn ordered(&self, is_descending: bool) -> &OrderedTexts {
        let [ascending, descending] = self.ordered.get_or_init(|| {
            let ascending = OrderedTexts::ascending(&self.texts);
            let descending = ascending.reversed();
            [ascending, descending]
        });
        if is_descending { descending } else { ascending }
    }

    /// The number of periods.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// What a column shows for each of them; absent for a column that is not about periods.
    pub fn array(&self, content: Content) -> Option<ArrayRef> {
        match content {
            Content::PeriodText => Some(Arc::new(self.texts.clone())),
            Content::PeriodStart => Some(Arc::clone(&self.starts)),
            Content::PeriodEnd => Some(Arc::clone(&self.ends)),
            _ => None,
        }
    }

    /// The place of a slot; absent if it is outside the hull of its form.
    #[inline]
    pub fn place(&self, form: PeriodForm, slot: i32) -> Option<usize> {
        let of_form = self.forms.iter().find(|known| known.form == form)?;
        let offset = usize::try_from(slot.checked_sub(of_form.slots.start)?).ok()?;
        of_form.slots.contains(&slot).then_some(of_form.place + offset)
    }

    /// The periods whose places are wanted, as ranges of slots.
    pub fn filter(&self, wanted: impl Fn(usize) -> bool) -> PeriodFilter {
        if (0..self.len()).all(&wanted) {
            return PeriodFilter::All;
        }
        let mut forms = Vec::new();
        for FormSlots { form, slots, place } in &self.forms {
            let mut ranges: Vec<Range<i32>> = Vec::new();
            for (slot, place) in slots.clone().zip(*place..) {
                if !wanted(place) {
                    continue;
                }
                match ranges.last_mut() {
                    Some(last) if last.end == slot => last.end += 1,
                    _ => ranges.push(slot..slot + 1),
                }
            }
            if !ranges.is_empty() {
                forms.push((*form, ranges));
            }
        }
        PeriodFilter::Slots(forms)
    }
}

impl OrderedTexts {
    fn ascending(texts: &StringViewArray) -> Self {
        let mut places: Vec<usize> = (0..texts.len()).collect();
        places.sort_by_key(|place| texts.value(*place));
        let mut numbers = vec![0; texts.len()];
        let mut distinct = StringViewBuilder::with_capacity(texts.len());
        let alike = places.chunk_by(|a, b| texts.value(*a) == texts.value(*b));
        for (number, same) in (0..).zip(alike) {
            distinct.append_value(texts.value(same[0]));
            for place in same {
                numbers[*place] = number;
            }
        }
        Self { numbers, texts: distinct.finish() }
    }

    fn reversed(&self) -> Self {
        let last = u32::try_from(self.texts.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let numbers = self.numbers.iter().map(|number| last - number).collect();
        let places = (0..self.texts.len()).rev();
        let texts = StringViewArray::from_iter_values(places.map(|place| self.texts.value(place)));
        Self { numbers, texts }
    }
}

/// The arrays of `period_start` and `period_end`: days, or moments where `has_moments`.
pub(super) fn moments(
    spans: impl Iterator<Item = Option<Span>> + Clone,
    has_moments: bool,
) -> (ArrayRef, ArrayRef) {
    if has_moments {
        let micros = |time: NaiveDateTime| time.and_utc().timestamp_micros();
        let starts = spans.clone().map(|span| span.map(|span| micros(span.start)));
        let starts: TimestampMicrosecondArray = starts.collect();
        let ends: TimestampMicrosecondArray =
            spans.map(|span| span.map(|span| micros(span.end))).collect();
        return (Arc::new(starts), Arc::new(ends));
    }
    let starts: Date32Array = spans.clone().map(|span| span.map(Span::first_day)).collect();
    let ends: Date32Array = spans.map(|span| span.map(Span::last_day)).collect();
    (Arc::new(starts), Arc::new(ends))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> PeriodTable {
        let hulls = [(PeriodForm::Year, 2019..2022), (PeriodForm::Quarter, 8080..8083)];
        PeriodTable::build(&hulls, false).expect("few")
    }

    #[test]
    fn lists_forms_one_after_the_other() {
        let table = table();
        let texts: Vec<&str> = table.texts.iter().flatten().collect();
        assert_eq!(texts, ["2019", "2020", "2021", "2020-Q1", "2020-Q2", "2020-Q3"]);
        assert_eq!(table.place(PeriodForm::Quarter, 8081), Some(4));
        assert_eq!(table.place(PeriodForm::Quarter, 8083), None);
        assert_eq!(table.place(PeriodForm::Month, 1), None);
    }

    #[test]
    fn texts_are_in_their_order() {
        let table = table();
        let OrderedTexts { numbers, texts } = table.ordered(false);
        assert_eq!(numbers, &[0, 1, 5, 2, 3, 4]);
        let texts: Vec<&str> = texts.iter().flatten().collect();
        assert_eq!(texts, ["2019", "2020", "2020-Q1", "2020-Q2", "2020-Q3", "2021"]);
        let OrderedTexts { numbers, texts } = table.ordered(true);
        assert_eq!(numbers, &[5, 4, 0, 3, 2, 1]);
        assert_eq!((texts.value(0), texts.value(5)), ("2021", "2019"));
        let same = StringViewArray::from(vec!["b", "a", "b"]);
        let OrderedTexts { numbers, texts } = OrderedTexts::ascending(&same);
        assert_eq!((numbers, texts.len()), (vec![1, 0, 1], 2));
    }

    #[test]
    fn turns_places_into_ranges_of_slots() {
        let wanted = [0, 2, 3, 5];
        let expected = vec![
            (PeriodForm::Year, vec![2019..2020, 2021..2022]),
            (PeriodForm::Quarter, vec![8080..8081, 8082..8083]),
        ];
        assert_eq!(table().filter(|p| wanted.contains(&p)), PeriodFilter::Slots(expected));
        assert_eq!(table().filter(|_| true), PeriodFilter::All);
        assert_eq!(table().filter(|_| false), PeriodFilter::Slots(Vec::new()));
    }

    #[test]
    fn refuses_endless_tables() {
        let day_of_a_far_year = 3_000_000;
        assert!(PeriodTable::build(&[(PeriodForm::Day, 0..day_of_a_far_year)], false).is_none());
    }
}
