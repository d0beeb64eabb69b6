//! Values of other rows of the same series.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, Float64Array, UInt64Array};
use arrow::buffer::NullBuffer;
use arrow::compute::take;
use arrow::datatypes::Float64Type;
use datafusion::error::Result;

use crate::query::window::spec::Frame;

/// The values so many rows earlier, or later where `rows` is negative. Outside the series the
/// default, which only doubles may have; NULL without one.
pub(super) fn shifted(
    values: &ArrayRef,
    bounds: &[usize],
    rows: i64,
    default: Option<f64>,
) -> Result<ArrayRef> {
    if let Some(doubles) = values.as_primitive_opt::<Float64Type>() {
        return Ok(Arc::new(shifted_doubles(doubles, bounds, rows, default)));
    }
    let by = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
    let mut places = Vec::with_capacity(values.len());
    for series in bounds.windows(2) {
        let (start, end) = (series[0], series[1]);
        for row in start..end {
            let place = if rows >= 0 { row.checked_sub(by) } else { row.checked_add(by) };
            places.push(place.filter(|place| (start..end).contains(place)).map(|p| p as u64));
        }
    }
    Ok(take(values, &UInt64Array::from(places), None)?)
}

/// The same for doubles: each series is copied in one piece.
fn shifted_doubles(
    values: &Float64Array,
    bounds: &[usize],
    rows: i64,
    default: Option<f64>,
) -> Float64Array {
    let mut shifted = Vec::with_capacity(values.len());
    let mut valid = BooleanBufferBuilder::new(values.len());
    let by = usize::try_from(rows.unsigned_abs()).unwrap_or(usize::MAX);
    for series in bounds.windows(2) {
        let (start, end) = (series[0], series[1]);
        let outside = by.min(end - start);
        let kept = if rows >= 0 { start..end - outside } else { start + outside..end };
        if rows >= 0 {
            shifted.resize(shifted.len() + outside, default.unwrap_or_default());
            valid.append_n(outside, default.is_some());
        }
        shifted.extend_from_slice(&values.values()[kept.clone()]);
        match values.nulls() {
            None => valid.append_n(kept.len(), true),
            Some(nulls) => valid.append_buffer(&nulls.inner().slice(kept.start, kept.len())),
        }
        if rows < 0 {
            shifted.resize(shifted.len() + outside, default.unwrap_or_default());
            valid.append_n(outside, default.is_some());
        }
    }
    Float64Array::new(shifted.into(), Some(NullBuffer::new(valid.finish())))
}

/// Which row of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    First,
    Last,
}

/// The value of the first or last row of each row's frame; NULL where it has none.
pub(super) fn at_edge(
    values: &ArrayRef,
    bounds: &[usize],
    frame: Frame,
    edge: Edge,
) -> Result<ArrayRef> {
    let mut places = Vec::with_capacity(values.len());
    for series in bounds.windows(2) {
        let count = series[1] - series[0];
        for row in 0..count {
            let rows = frame.rows(row, count);
            let place = match edge {
                Edge::First => rows.start,
                Edge::Last => rows.end.saturating_sub(1),
            };
            places.push((!rows.is_empty()).then_some((series[0] + place) as u64));
        }
    }
    Ok(take(values, &UInt64Array::from(places), None)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::*;

    /// Two series of three and one rows with an empty one between.
    const BOUNDS: [usize; 4] = [0, 3, 3, 4];

    #[test]
    fn values_stay_within_their_series() {
        let check = |rows, default, expected: [Option<f64>; 4]| {
            let values = Float64Array::from(vec![Some(1.0), None, Some(3.0), Some(4.0)]);
            let values: ArrayRef = Arc::new(values);
            let found = shifted(&values, &BOUNDS, rows, default).expect("shifts");
            assert_eq!(found.as_primitive(), &Float64Array::from(expected.to_vec()), "{rows}");
        };
        check(1, None, [None, Some(1.0), None, None]);
        check(2, Some(-1.0), [Some(-1.0), Some(-1.0), Some(1.0), Some(-1.0)]);
        check(-1, None, [None, Some(3.0), None, None]);
        check(0, None, [Some(1.0), None, Some(3.0), Some(4.0)]);
        check(i64::MIN, Some(0.5), [Some(0.5); 4]);
        check(i64::MAX, None, [None; 4]);
    }

    #[test]
    fn texts_are_taken() {
        let values: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "b", "c", "d"]));
        let check = |found: Result<ArrayRef>, expected: [Option<&str>; 4]| {
            let found = found.expect("takes");
            assert_eq!(found.as_string_view(), &StringViewArray::from(expected.to_vec()));
        };
        check(shifted(&values, &BOUNDS, 1, None), [None, Some("a"), Some("b"), None]);
        check(shifted(&values, &BOUNDS, -2, None), [Some("c"), None, None, None]);
        let frame = Frame { start: Some(-1), end: Some(-1) };
        let expected = [None, Some("a"), Some("b"), None];
        check(at_edge(&values, &BOUNDS, frame, Edge::First), expected);
        let expected = [Some("c"), Some("c"), Some("c"), Some("d")];
        check(at_edge(&values, &BOUNDS, Frame::WHOLE, Edge::Last), expected);
    }
}
