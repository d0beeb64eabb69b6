//! In which order the rows of a load are written: by the texts of their keys, whatever came first.

use crate::store::load::buffer::Ranks;
use crate::store::load::intake::Intake;
use crate::store::load::interner::Texts;

impl Intake {
    /// The ranks of series and of other periods, for an order of the dimensions.
    pub(super) fn ranks(&self, order: &[u16]) -> Ranks {
        let codes: Vec<Vec<u32>> = self.codes.iter().map(Texts::ranks).collect();
        let bits: Vec<u32> =
            codes.iter().map(|ranks| usize::BITS - ranks.len().leading_zeros()).collect();
        let count = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        let rank_of = |series: u32, position: &u16| {
            let dimension = usize::from(*position);
            codes[dimension][self.series.get(series)[dimension] as usize]
        };
        let mut sorted: Vec<u32> = (0..count).collect();
        if bits.iter().sum::<u32>() <= 128 {
            let packed = |series: u32| {
                order.iter().fold(0_u128, |key, position| {
                    key << bits[usize::from(*position)] | u128::from(rank_of(series, position))
                })
            };
            let mut keys: Vec<(u128, u32)> = (0..count).map(|s| (packed(s), s)).collect();
            if !keys.is_sorted() {
                keys.sort_unstable();
            }
            sorted = keys.into_iter().map(|(_, series)| series).collect();
        } else {
            let key = |series: u32| order.iter().map(move |position| rank_of(series, position));
            sorted.sort_unstable_by(|a, b| key(*a).cmp(key(*b)));
        }
        let mut series = vec![0; sorted.len()];
        for (rank, number) in (0..).zip(sorted) {
            series[number as usize] = rank;
        }
        Ranks { series, others: self.others.ranks() }
    }

    /// The order of dimensions that makes facets fast: coarse ones first, the widest last.
    pub(super) fn coarse_first(&self) -> Vec<u16> {
        let mut order: Vec<u16> =
            (0..u16::try_from(self.codes.len()).unwrap_or(u16::MAX)).collect();
        order.sort_by_key(|position| self.codes[usize::from(*position)].len());
        order
    }
}
