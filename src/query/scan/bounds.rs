//! The least and the greatest values of neighbouring series, so that what cannot matter is passed
//! over hundreds of series at a time.

use std::ops::Range;

use crate::error::Result;
use crate::model::Decimal;
use crate::store::{Cube, Part};

/// Series of a page, next to each other.
const PAGE_SERIES: u32 = 256;

/// What the stored totals say of the live chunks of a page of series, in one measure.
#[derive(Clone, Debug)]
pub(crate) struct PageBounds {
    /// The series.
    pub series: Range<u32>,
    /// The [`rank`] of the least and of the greatest value; absent if there is none that is known.
    pub ranks: Option<(i64, i64)>,
    /// Whether some chunk does not say what its values are.
    pub has_unknown: bool,
}

/// The pages of a measure, part by part.
///
/// # Errors
///
/// As of reading the totals.
pub(super) fn of_measure(cube: &Cube, measure: usize) -> Result<Vec<Vec<PageBounds>>> {
    let of_part = |part: &Part| {
        let count = part.segment().footer().series;
        let starts = (0..count).step_by(PAGE_SERIES as usize);
        let pages = starts.map(|start| start..count.min(start.saturating_add(PAGE_SERIES)));
        pages.map(|series| of_page(part, series, measure)).collect()
    };
    cube.parts().iter().map(of_part).collect()
}

fn of_page(part: &Part, series: Range<u32>, measure: usize) -> Result<PageBounds> {
    let mut page = PageBounds { series: series.clone(), ranks: None, has_unknown: false };
    for one in series {
        for chunk in part.live_chunks(one)? {
            let total = part.total(measure, chunk)?;
            page.has_unknown |= !total.is_exact;
            if total.is_exact && total.count > 0 {
                let (least, greatest) =
                    (rank(total.min, total.scale), rank(total.max, total.scale));
                page.ranks =
                    Some(page.ranks.map_or((least, greatest), |(low, high)| {
                        (low.min(least), high.max(greatest))
                    }));
            }
        }
    }
    Ok(page)
}

/// An integer that compares with others as the doubles nearest to the decimals do.
#[inline]
pub(crate) fn rank(mantissa: i64, scale: u8) -> i64 {
    rank_of_double(Decimal { mantissa: i128::from(mantissa), scale }.to_f64())
}

fn rank_of_double(number: f64) -> i64 {
    let bits = number.to_bits().cast_signed();
    // A negative double is the smaller the larger its other bits are.
    bits ^ ((bits >> 63) & i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_in_the_order_of_doubles() {
        let numbers = [f64::NEG_INFINITY, -1e300, -2.5, -0.0, 0.0, 1e-300, 2.5, f64::INFINITY];
        assert!(numbers.map(rank_of_double).is_sorted());
        assert!(rank(-15, 1) < rank(-1, 0) && rank(10, 1) == rank(1, 0));
    }
}
