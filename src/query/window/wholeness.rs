//! Which series come whole when a cube is read as it is stored.
//!
//! Nearly all do: their observations are one chunk, or chunks of one part in the order of time. The
//! others lie in several parts, or have periods of several forms, whose texts mix. They are read in
//! the order of keys, which brings them together.

use std::sync::Arc;

use crate::error::Result;
use crate::index::Selection;
use crate::model::PeriodForm;
use crate::store::{Cube, Part, Selections, SeriesFilter};

/// Series below which those to be brought together are read by one partition.
const SHARED_SERIES_MIN: u64 = 256;

/// What one partition reads.
#[derive(Clone, Debug)]
pub(super) struct Share {
    /// Series that come whole in stored order.
    pub(super) stored: Selections,
    /// Series that come whole in the order of keys.
    pub(super) mixed: Selections,
}

/// Splits selected series into those that come whole in stored order and all others.
///
/// # Errors
///
/// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
pub(super) fn split(cube: &Cube, series: &Selections) -> Result<(Selections, Selections)> {
    let mut mixed: Vec<Selection> = Vec::with_capacity(series.0.len());
    for (part, selection) in cube.parts().iter().zip(&series.0) {
        mixed.push(if part.segment().is_one_to_one() {
            Selection::empty()
        } else {
            of_several_forms(part, selection)?
        });
    }
    in_several_parts(cube, series, &mut mixed)?;
    let stored = series
        .0
        .iter()
        .zip(&mixed)
        .map(|(all, mixed)| if mixed.is_empty() { all.clone() } else { all.minus(mixed) });
    Ok((Selections(stored.collect()), Selections(mixed)))
}

/// The series with chunks of several forms, or with several chunks of texts.
fn of_several_forms(part: &Part, selection: &Selection) -> Result<Selection> {
    let mut found = Selection::empty();
    for series in selection.iter() {
        let mut form = None;
        for chunk in part.live_chunks(series)? {
            let own = part.span(chunk)?.form;
            if form.is_some_and(|form| form != own || own == PeriodForm::Other) {
                found.insert(series);
                break;
            }
            form = Some(own);
        }
    }
    Ok(found)
}

/// Adds the series that are selected in several parts.
fn in_several_parts(cube: &Cube, series: &Selections, found: &mut [Selection]) -> Result<()> {
    let selected = |part: usize| &series.0[part];
    let mut parts: Vec<usize> = (0..series.0.len()).filter(|p| !selected(*p).is_empty()).collect();
    // Those of the largest part are found from the others.
    parts.sort_by_key(|part| selected(*part).len());
    let dimensions = cube.flow().dimensions().len();
    let mut key = Vec::with_capacity(dimensions);
    for (place, part_index) in parts.iter().enumerate() {
        let others = &parts[place + 1..];
        if others.is_empty() {
            break;
        }
        let part = &cube.parts()[*part_index];
        for ordinal in selected(*part_index).iter() {
            key.clear();
            for dimension in 0..dimensions {
                key.push(part.code(dimension, ordinal)?);
            }
            for other in others {
                let same = cube.parts()[*other].find(&key)?;
                if let Some(same) = same.filter(|same| selected(*other).contains(*same)) {
                    found[*part_index].insert(ordinal);
                    found[*other].insert(same);
                }
            }
        }
    }
    Ok(())
}

/// Splits series into as many shares by the codes of the dimension that has most of them, so that
/// what has one key stays together.
///
/// # Errors
///
/// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
pub(super) fn shares(
    cube: &Arc<Cube>,
    series: &Selections,
    count: usize,
) -> Result<Vec<Selections>> {
    let none = || Selections(vec![Selection::empty(); series.0.len()]);
    let widest = (0..cube.flow().dimensions().len()).max_by_key(|d| cube.codes(*d).len());
    let Some(dimension) = widest.filter(|_| count > 1 && series.len() >= SHARED_SERIES_MIN) else {
        let mut shares = vec![none(); count.saturating_sub(1)];
        shares.insert(0, series.clone());
        return Ok(shares);
    };
    let codes = cube.codes(dimension).len();
    let bound = |share: usize| u32::try_from(codes * share / count).unwrap_or(u32::MAX);
    let mut shares = Vec::with_capacity(count);
    for share in 0..count {
        let codes = (bound(share)..bound(share + 1)).collect();
        let carriers = cube.select(&SeriesFilter::Codes { dimension, codes })?;
        let own = carriers.0.iter().zip(&series.0).map(|(carriers, all)| carriers.and(all));
        shares.push(Selections(own.collect()));
    }
    Ok(shares)
}
