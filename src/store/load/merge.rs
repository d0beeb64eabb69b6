//! Brings two versions of a chunk together: what came over what was there.
//!
//! Source: SDMX-CSV 2.1 field guide, "ACTION": what a row speaks of is set. What it does not speak
//! of stays in a merge, and goes in a replacement, at the level of the observation.

use std::cmp::Ordering;

use crate::catalog::Counts;
use crate::model::{Action, PeriodForm, Value};
use crate::segment::{ChunkRows, Stored};

/// The chunk after rows came that all ask for this action, and what they did to each observation.
pub(super) fn merge(
    old: &ChunkRows,
    new: &ChunkRows,
    action: Action,
    counts: &mut Counts,
) -> ChunkRows {
    let form = PeriodForm::from_number(old.form).unwrap_or(PeriodForm::Other);
    let mut merged = ChunkRows::new(form, old.measures.len(), old.attributes.len());
    let is_other = form == PeriodForm::Other;
    merged.first = if is_other { 0 } else { old.first.min(new.first) };
    let (mut left, mut right) = (0, 0);
    while left < old.len() || right < new.len() {
        let order = match (left < old.len(), right < new.len()) {
            (true, false) => Ordering::Less,
            (false, _) => Ordering::Greater,
            (true, true) if is_other => old.periods[left].cmp(&new.periods[right]),
            (true, true) => slot(old, left).cmp(&slot(new, right)),
        };
        let (from, at) = if order.is_gt() { (new, right) } else { (old, left) };
        let position = if is_other {
            merged.periods.push(from.periods[at].clone());
            i32::try_from(merged.positions.len()).unwrap_or(i32::MAX)
        } else {
            slot(from, at) - merged.first
        };
        // More than one chunk of other periods holds is split by the caller: positions wrap there.
        merged.positions.push(u16::try_from(position).unwrap_or(u16::MAX));
        if order.is_eq() {
            if push_both(&mut merged, (old, left), (new, right), action) {
                counts.changed += 1;
            } else {
                counts.unchanged += 1;
            }
        } else {
            push(&mut merged, from, at);
            counts.inserted += u64::from(order.is_gt());
        }
        left += usize::from(order.is_le());
        right += usize::from(order.is_ge());
    }
    merged
}

fn slot(rows: &ChunkRows, at: usize) -> i32 {
    rows.first + i32::from(rows.positions[at])
}

/// Copies one observation.
fn push(merged: &mut ChunkRows, from: &ChunkRows, at: usize) {
    for measure in 0..from.measures.len() {
        push_value(merged, measure, from, at);
    }
    for (column, values) in merged.attributes.iter_mut().zip(&from.attributes) {
        column.push(values[at]);
    }
}

fn push_value(merged: &mut ChunkRows, measure: usize, from: &ChunkRows, at: usize) {
    let mut stored = from.measures[measure][at];
    if let Some(text) = stored.text() {
        stored = merged.keep_text(from.texts[text].clone());
    }
    merged.measures[measure].push(stored);
}

/// Copies one observation that both have; returns whether it became another.
fn push_both(
    merged: &mut ChunkRows,
    old: (&ChunkRows, usize),
    new: (&ChunkRows, usize),
    action: Action,
) -> bool {
    let mut changed = false;
    let keeps = action == Action::Merge;
    for measure in 0..old.0.measures.len() {
        if keeps && new.0.measures[measure][new.1] == Stored::NONE {
            push_value(merged, measure, old.0, old.1);
        } else {
            changed |= value(old, measure) != value(new, measure);
            push_value(merged, measure, new.0, new.1);
        }
    }
    for (attribute, column) in merged.attributes.iter_mut().enumerate() {
        let (before, after) =
            (old.0.attributes[attribute][old.1], new.0.attributes[attribute][new.1]);
        let after = if keeps && after == 0 { before } else { after };
        changed |= after != before;
        column.push(after);
    }
    changed
}

fn value(of: (&ChunkRows, usize), measure: usize) -> Value {
    of.0.value(measure, of.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(form: PeriodForm, first: i32, values: &[(u16, &str, u32)]) -> ChunkRows {
        let mut rows = ChunkRows::new(form, 1, 1);
        rows.first = first;
        for (position, text, status) in values {
            rows.positions.push(*position);
            rows.push_value(0, &Value::parse(text));
            rows.attributes[0].push(*status);
        }
        rows
    }

    #[test]
    fn what_came_is_set_and_the_rest_stays() {
        let old = rows(PeriodForm::Year, 2000, &[(0, "1", 1), (1, "2", 1), (3, "NaN", 2)]);
        let new =
            rows(PeriodForm::Year, 1999, &[(0, "9", 1), (2, "2.0", 0), (3, "5", 1), (4, "", 3)]);
        let mut counts = Counts::default();
        let merged = merge(&old, &new, Action::Merge, &mut counts);
        let expected = rows(
            PeriodForm::Year,
            1999,
            &[(0, "9", 1), (1, "1", 1), (2, "2.0", 1), (3, "5", 1), (4, "NaN", 3)],
        );
        assert_eq!(merged, expected);
        let expected = Counts { inserted: 2, changed: 2, deleted: 0, unchanged: 0 };
        assert_eq!(counts, expected);
    }

    #[test]
    fn the_same_again_changes_nothing() {
        let old = rows(PeriodForm::Month, 24_000, &[(0, "1.50", 1), (5, "<2", 2)]);
        let mut counts = Counts::default();
        for action in [Action::Merge, Action::Replace] {
            assert_eq!(merge(&old, &old, action, &mut counts), old);
        }
        assert_eq!((counts.changed, counts.unchanged), (0, 4));
    }

    #[test]
    fn what_a_replacement_leaves_out_goes() {
        let old = rows(PeriodForm::Year, 2000, &[(0, "1", 1), (1, "2", 1), (2, "3", 0)]);
        let new = rows(PeriodForm::Year, 2000, &[(0, "1", 0), (1, "", 2), (2, "3", 0)]);
        let mut counts = Counts::default();
        let merged = merge(&old, &new, Action::Replace, &mut counts);
        assert_eq!(merged, new);
        let expected = Counts { inserted: 0, changed: 2, deleted: 0, unchanged: 1 };
        assert_eq!(counts, expected);
    }
}
