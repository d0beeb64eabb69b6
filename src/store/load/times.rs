//! The times that a series has observations for, so that none is told twice in different words:
//! `2020`, `2020-A1` and `2020-01-01/P1Y` are three periods and one time.

use hashbrown::HashMap;

use crate::model::{Period, PeriodForm, ReportingYearStart, Slot, Span};
use crate::segment::ChunkRows;
use crate::store::load::places::Places;

/// The times of a series, each with its text and the row that it came from.
#[derive(Debug, Default)]
pub(super) struct Times {
    /// The number of the row is absent where the observation was stored before.
    taken: HashMap<Span, (String, Option<u32>)>,
}

impl Times {
    /// Learns the times of a chunk that is stored.
    pub(super) fn store(&mut self, rows: &ChunkRows) {
        for at in 0..rows.len() {
            if let (text, Some(span)) = period_at(rows, at) {
                self.taken.insert(span, (text, None));
            }
        }
    }

    /// Takes the time of the row with this number, or says which other text has it.
    pub(super) fn take(
        &mut self,
        rows: &ChunkRows,
        at: usize,
        number: u32,
        places: &Places,
    ) -> Option<String> {
        let (text, Some(span)) = period_at(rows, at) else { return None };
        let (other, from) = self.taken.entry(span).or_insert_with(|| (text.clone(), Some(number)));
        if *other == text {
            return None;
        }
        let place = from.map_or("stored before".to_owned(), |row| places.describe(row));
        Some(format!("{text} is the same time as {other} ({place})"))
    }
}

/// The text of a period of a chunk, and its span where the calendar has it.
fn period_at(rows: &ChunkRows, at: usize) -> (String, Option<Span>) {
    let text = rows.periods.get(at).map(|text| &**text);
    period_of(rows.form, rows.first + i32::from(rows.positions[at]), text)
}

/// The text of a period, which is its own or that of a slot, and its span where the calendar has
/// it.
pub(super) fn period_of(form: u8, slot: i32, text: Option<&str>) -> (String, Option<Span>) {
    let start = ReportingYearStart::default();
    if let Some(text) = text {
        let span = Period::parse(text).ok().and_then(|period| period.span(start));
        return (text.to_owned(), span);
    }
    let form = PeriodForm::from_number(form).unwrap_or(PeriodForm::Timeless);
    let slot = Slot { form, index: slot };
    (slot.to_string(), slot.span(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_text_for_the_same_time_is_a_clash() {
        let mut times = Times::default();
        let mut places = Places::default();
        places.note(1, 1);
        let mut check = |form, period: &str, slot, line, expected: Option<&str>| {
            let mut rows = ChunkRows::new(form, 0, 0);
            rows.positions.push(0);
            rows.first = slot;
            if !period.is_empty() {
                rows.periods.push(period.into());
            }
            assert_eq!(times.take(&rows, 0, line, &places).as_deref(), expected);
        };
        check(PeriodForm::Year, "", 2020, 7, None);
        check(PeriodForm::Year, "", 2020, 8, None);
        check(PeriodForm::Year, "", 2021, 9, None);
        let clash = "2020-A1 is the same time as 2020 (line 7)";
        check(PeriodForm::ReportingYear, "", 2020, 10, Some(clash));
        let clash = "2020-01-01/P1Y is the same time as 2020 (line 7)";
        check(PeriodForm::Other, "2020-01-01/P1Y", 0, 11, Some(clash));
        check(PeriodForm::Other, "2020-01-01/P3M", 0, 12, None);
    }
}
