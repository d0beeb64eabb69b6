//! The order of dimensions at which filters and counts are fastest, by trying.
//!
//! A filter, and the count of series per code, pass over the bitmaps of the codes. How much they
//! touch depends on the order of the keys: where series with one code stand together, its bitmap is
//! a few runs. So orders are tried on a sample of the keys, and measured by the bytes of the
//! indexes that they make.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::index::DimensionIndex;
use crate::limits::ORDER_SAMPLE_SERIES;
use crate::store::cube::Cube;

/// Orders that are tried at most: two passes of a hill climb over 30 dimensions.
const TRIALS_MAX: usize = 60;

/// The best order found for the live series of a cube. The known one stays unless another is at
/// least a twentieth better: a sample is a sample.
///
/// # Errors
///
/// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where the keys cannot be read.
pub(super) fn best_order(cube: &Cube, known: &[u16]) -> Result<Vec<u16>> {
    let sample = Sample::of(cube)?;
    let count = u16::try_from(sample.columns.len()).unwrap_or(u16::MAX);
    let mut coarse_first: Vec<u16> = (0..count).collect();
    coarse_first.sort_by_key(|dimension| sample.code_counts[usize::from(*dimension)]);
    if sample.len() < 2 || known.len() != coarse_first.len() {
        return Ok(coarse_first);
    }
    let known_cost = sample.cost(known);
    let (mut best, mut cost) = (coarse_first.clone(), sample.cost(&coarse_first));
    if known_cost <= cost {
        (best, cost) = (known.to_vec(), known_cost);
    }
    let mut tried = BTreeSet::from([known.to_vec(), coarse_first]);
    let mut is_better = true;
    while is_better {
        is_better = false;
        for at in 1..best.len() {
            let mut order = best.clone();
            order.swap(at - 1, at);
            if tried.len() >= TRIALS_MAX || !tried.insert(order.clone()) {
                continue;
            }
            let found = sample.cost(&order);
            if found < cost {
                (best, cost) = (order, found);
                is_better = true;
            }
        }
    }
    let is_worth_it = u128::from(cost) * 20 <= u128::from(known_cost) * 19;
    Ok(if is_worth_it { best } else { known.to_vec() })
}

/// Keys of some series, dimension by dimension.
struct Sample {
    columns: Vec<Vec<u32>>,
    code_counts: Vec<u32>,
}

impl Sample {
    /// Every n-th live series, which leaves the proportions of runs as they are.
    fn of(cube: &Cube) -> Result<Self> {
        let dimensions = cube.flow().dimensions().len();
        let live: u64 = cube.parts().iter().map(|part| part.live_series().len()).sum();
        let step = live.div_ceil(ORDER_SAMPLE_SERIES).max(1);
        let mut columns = vec![Vec::new(); dimensions];
        for part in cube.parts() {
            let every = usize::try_from(step).unwrap_or(usize::MAX);
            for series in part.live_series().iter().step_by(every) {
                for (dimension, column) in columns.iter_mut().enumerate() {
                    column.push(part.code(dimension, series)?);
                }
            }
        }
        let count = |dimension| u32::try_from(cube.codes(dimension).len()).unwrap_or(u32::MAX);
        Ok(Self { columns, code_counts: (0..dimensions).map(count).collect() })
    }

    fn len(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// The bytes of the indexes of all dimensions, with the keys in this order.
    fn cost(&self, order: &[u16]) -> u64 {
        let key = |series: usize| {
            order.iter().map(move |position| self.columns[usize::from(*position)][series])
        };
        let mut sorted: Vec<usize> = (0..self.len()).collect();
        sorted.sort_unstable_by(|a, b| key(*a).cmp(key(*b)));
        let mut bytes = Vec::new();
        let mut cost = 0;
        for (column, codes) in self.columns.iter().zip(&self.code_counts) {
            let forward: Vec<u32> = sorted.iter().map(|series| column[*series]).collect();
            bytes.clear();
            DimensionIndex::build(&forward, *codes).serialize(&mut bytes);
            cost += bytes.len() as u64;
        }
        cost
    }
}
