//! A difference in numbers, with the largest of it by name.

use crate::limits::DIFFERENCE_SHOWN_MAX;
use crate::model::Value;
use crate::store::changes::change::SeriesChange;

/// A difference in numbers, with the largest of it by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    /// Observations that the state before had not.
    pub inserted: u64,
    /// Observations that both have, with another value or attribute.
    pub changed: u64,
    /// Observations that the state after has not.
    pub deleted: u64,
    /// Values of attributes of the dataflow, of partial keys and of series that differ.
    pub attributes_changed: u64,
    /// Series that the state before had not.
    pub appeared: u64,
    /// Series that the state after has not.
    pub vanished: u64,
    /// The first [`DIFFERENCE_SHOWN_MAX`] of those that vanished, in the order of keys.
    pub vanished_keys: Vec<Vec<String>>,
    /// The largest [`DIFFERENCE_SHOWN_MAX`] revisions, the largest first.
    pub revisions: Vec<Revision>,
}

/// A number that became another.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// The series.
    pub key: Vec<String>,
    /// The period as it is written.
    pub period: String,
    /// The position of the measure.
    pub measure: usize,
    /// What it was.
    pub before: Value,
    /// What it is.
    pub after: Value,
    /// By how much it went up, in percent of what it was, without sign; infinite from zero.
    pub percent: f64,
}

impl Difference {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        let Self { inserted, changed, deleted, attributes_changed, appeared, vanished, .. } = *self;
        [inserted, changed, deleted, attributes_changed, appeared, vanished] == [0; 6]
    }

    /// Adds what differs in one series.
    pub fn add(&mut self, change: SeriesChange) {
        self.attributes_changed += change.attributes.len() as u64;
        self.appeared += u64::from(change.appeared);
        for cell in change.cells {
            match (cell.before, cell.after) {
                (None, _) => self.inserted += 1,
                (Some(_), None) => self.deleted += 1,
                (Some(before), Some(after)) => {
                    self.changed += 1;
                    let values = before.values.into_iter().zip(after.values).enumerate();
                    for (measure, (before, after)) in values {
                        if let Some(percent) = percent(&before, &after) {
                            let (key, period) = (&change.key, &cell.period);
                            self.revised(percent, || Revision {
                                key: key.clone(),
                                period: period.clone(),
                                measure,
                                before,
                                after,
                                percent,
                            });
                        }
                    }
                }
            }
        }
        if change.vanished {
            self.vanished += 1;
            if self.vanished_keys.len() < DIFFERENCE_SHOWN_MAX {
                self.vanished_keys.push(change.key);
            }
        }
    }

    /// Keeps a revision if it is among the largest; of equal ones, the first.
    fn revised(&mut self, percent: f64, revision: impl FnOnce() -> Revision) {
        let at = self.revisions.partition_point(|known| known.percent >= percent);
        if at < DIFFERENCE_SHOWN_MAX {
            self.revisions.truncate(DIFFERENCE_SHOWN_MAX - 1);
            self.revisions.insert(at, revision());
        }
    }
}

/// By how many percent a number changed; absent where either is no number, or it did not.
fn percent(before: &Value, after: &Value) -> Option<f64> {
    let (before, after) = (before.number()?, after.number()?);
    let by = (after - before).abs();
    (by > 0.0).then(|| if before == 0.0 { f64::INFINITY } else { by / before.abs() * 100.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::changes::change::{CellChange, CellState};

    #[test]
    fn keeps_the_largest_revisions() {
        let state = |text: &str| CellState { values: vec![Value::parse(text)], attributes: vec![] };
        let cell = |number: usize, before: &str, after: &str| CellChange {
            period: number.to_string(),
            before: Some(state(before)),
            after: Some(state(after)),
        };
        let mut cells: Vec<CellChange> =
            (1..=30).map(|n| cell(n, "100", &(100 + n % 7).to_string())).collect();
        cells.push(cell(31, "0", "1"));
        cells.push(cell(32, "-2", "-1"));
        cells.push(cell(33, "1", "NaN"));
        cells.push(cell(34, "1", "1.0"));
        let mut total = Difference::default();
        total.add(SeriesChange { cells, ..SeriesChange::default() });
        assert_eq!((total.changed, total.revisions.len()), (34, DIFFERENCE_SHOWN_MAX));
        let shown = |r: &Revision| format!("{} {}", r.period, r.percent);
        let first: Vec<String> = total.revisions.iter().take(4).map(shown).collect();
        assert_eq!(first, ["31 inf", "32 50", "6 6", "13 6"]);
        assert!(total.revisions.is_sorted_by(|a, b| a.percent >= b.percent));
    }
}
