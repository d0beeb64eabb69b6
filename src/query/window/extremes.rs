//! Minima and maxima over frames.

use std::cmp::Ordering;
use std::collections::VecDeque;

use arrow::array::{Array, Float64Array};

use crate::query::window::spec::Frame;

/// The least value of each frame (or the greatest, with [`Ordering::Greater`]), of those that are
/// not NULL; NULL where there is none. NaN is greater than all numbers.
///
/// Frames only move forward, so a queue of the values that may still be the least is enough.
pub(super) fn over_frames(
    wanted: Ordering,
    values: &Float64Array,
    bounds: &[usize],
    frame: Frame,
) -> Float64Array {
    let mut found = Vec::with_capacity(values.len());
    // Rows that come, each better than all that follow it.
    let mut best: VecDeque<usize> = VecDeque::new();
    for series in bounds.windows(2) {
        let (first, count) = (series[0], series[1] - series[0]);
        best.clear();
        let mut seen = 0;
        for row in 0..count {
            let rows = frame.rows(row, count);
            for next in (seen..rows.end).map(|next| first + next) {
                if values.is_null(next) {
                    continue;
                }
                let value = values.value(next);
                while let Some(last) = best.back()
                    && values.value(*last).total_cmp(&value) != wanted
                {
                    best.pop_back();
                }
                best.push_back(next);
            }
            seen = seen.max(rows.end);
            while best.front().is_some_and(|front| *front < first + rows.start) {
                best.pop_front();
            }
            let front = best.front().filter(|_| !rows.is_empty());
            found.push(front.map(|front| values.value(*front)));
        }
    }
    Float64Array::from(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_those_of_a_search() {
        let some = |value: f64| Some(value);
        let values = vec![
            some(3.0),
            None,
            some(-1.0),
            some(-1.0),
            some(f64::NAN),
            some(7.0),
            None,
            some(2.0),
        ];
        let values = Float64Array::from(values);
        let bounds = [0, 5, 5, 8];
        for (start, end) in [
            (None, Some(0)),
            (Some(-1), Some(1)),
            (Some(1), Some(2)),
            (None, None),
            (Some(-3), Some(-2)),
            (Some(0), None),
        ] {
            let frame = Frame { start, end };
            for wanted in [Ordering::Less, Ordering::Greater] {
                let mut expected = Vec::new();
                for series in bounds.windows(2) {
                    let count = series[1] - series[0];
                    for row in 0..count {
                        let rows = frame.rows(row, count).map(|row| series[0] + row);
                        let numbers =
                            rows.filter(|row| values.is_valid(*row)).map(|row| values.value(row));
                        expected.push(match wanted {
                            Ordering::Less => numbers.min_by(f64::total_cmp),
                            _ => numbers.max_by(f64::total_cmp),
                        });
                    }
                }
                let found = over_frames(wanted, &values, &bounds, frame);
                let bits = |value: Option<f64>| value.map(f64::to_bits);
                let found: Vec<_> = found.iter().map(bits).collect();
                assert_eq!(found, expected.into_iter().map(bits).collect::<Vec<_>>(), "{frame}");
            }
        }
    }
}
