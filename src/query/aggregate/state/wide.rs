//! The same as `narrow` in 128 bits: what stored totals add up to where series differ so much in
//! size and in their digits after the point that 64 bits do not hold their sums at one scale.

use crate::error::Result;
use crate::model::Decimal;
use crate::query::aggregate::state::cells::{InputCells, widen};
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::state::narrow::{SCALES, TotalColumns, set_factors, shortest};
use crate::segment::TotalBounds;

/// Groups above which totals are added to their cells one by one: those here would fill a cache, and
/// each gets few totals.
const GROUPS_MAX: usize = 1 << 13;

/// What was added of one input since the cells were last told, by group.
#[derive(Debug, Default)]
pub(crate) struct WideCells {
    /// Empty until something is admitted.
    cells: Vec<WideCell>,
    /// Digits after the point of all sums and extremes.
    scale: u8,
    factors: Option<Box<[i64; SCALES]>>,
    /// What no sum exceeds, sign apart.
    bound: i128,
    /// Whether any total was added.
    has_totals: bool,
}

/// What was added to one group.
#[derive(Clone, Copy, Debug)]
struct WideCell {
    sum: i128,
    /// Above `greatest` as long as there is no number.
    least: i128,
    greatest: i128,
    /// Observations without a number.
    lacking: u64,
}

const NOTHING: WideCell = WideCell { sum: 0, least: i128::MAX, greatest: i128::MIN, lacking: 0 };

impl WideCells {
    /// Bytes that the cells of so many groups take when they get any; none if there are too many.
    pub(crate) fn bytes_for(groups: usize) -> usize {
        if groups <= GROUPS_MAX { groups * size_of::<WideCell>() } else { 0 }
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.cells.capacity() * size_of::<WideCell>()
    }

    /// Whether so many totals within these bounds can be added to these groups; if so, they must be.
    /// `cells` may be told what there is, to make room.
    pub(crate) fn admit(
        &mut self,
        bounds: &TotalBounds,
        (groups, count): (usize, usize),
        cells: &mut InputCells,
    ) -> Result<bool> {
        if groups > GROUPS_MAX {
            return Ok(false);
        }
        if groups > self.cells.len() {
            self.cells.resize(groups, NOTHING);
        }
        if self.reserve(bounds, count) {
            return Ok(true);
        }
        if !self.has_totals {
            return Ok(false);
        }
        self.empty(cells)?;
        Ok(self.reserve(bounds, count))
    }

    fn reserve(&mut self, bounds: &TotalBounds, count: usize) -> bool {
        let scale = if self.has_totals { self.scale } else { bounds.scale() };
        let after = bounds.wide_at(scale).and_then(|most| {
            let added = most.checked_mul(i128::try_from(count).ok()?)?;
            added.checked_add(self.bound)
        });
        let Some(after) = after else { return false };
        if scale != self.scale || self.factors.is_none() {
            self.scale = scale;
            set_factors(scale, self.factors.get_or_insert_with(|| Box::new([0; SCALES])));
        }
        self.bound = after;
        self.has_totals = true;
        true
    }

    /// Adds totals that were admitted, each to the group of its number.
    pub(crate) fn add(&mut self, to: &[u32], columns: &TotalColumns<'_>, cells: &InputCells) {
        let Some(factors) = &self.factors else { return };
        let (cells, wanted) = (&mut self.cells, (cells.sums.is_some(), cells.extremes.is_some()));
        match wanted {
            (false, false) => add::<false, false>(cells, to, columns, factors),
            (true, false) => add::<true, false>(cells, to, columns, factors),
            (false, true) => add::<false, true>(cells, to, columns, factors),
            (true, true) => add::<true, true>(cells, to, columns, factors),
        }
    }

    /// Gives what there is to the cells, whose rows have one cell each.
    pub(crate) fn empty(&mut self, cells: &mut InputCells) -> Result<()> {
        if !self.has_totals {
            return Ok(());
        }
        for (number, cell) in self.cells.iter_mut().enumerate() {
            let row = Row { number, start: number, len: 1 };
            if cell.lacking > 0 {
                cells.lacking[number] += cell.lacking;
            }
            if let Some(sums) = cells.sums.as_mut().filter(|_| cell.sum != 0) {
                let sum = match i64::try_from(cell.sum) {
                    Ok(sum) => shortest(sum, self.scale),
                    Err(_) => Decimal { mantissa: cell.sum, scale: self.scale }.shortest(),
                };
                sums.add(row, 0, sum)?;
            }
            if let Some(extremes) = &mut cells.extremes
                && cell.least <= cell.greatest
            {
                for mantissa in [cell.least, cell.greatest] {
                    let found = Decimal { mantissa, scale: self.scale }.shortest();
                    widen(&mut extremes[number], found.to_f64());
                }
            }
            *cell = NOTHING;
        }
        (self.bound, self.has_totals) = (0, false);
        Ok(())
    }
}

/// The loop over all totals. Nothing overflows, since what is added was admitted.
fn add<const SUMS: bool, const EXTREMES: bool>(
    cells: &mut [WideCell],
    to: &[u32],
    columns: &TotalColumns<'_>,
    factors: &[i64; SCALES],
) {
    let count = to.len();
    let (observations, counts) = (&columns.observations[..count], &columns.counts[..count]);
    let scales = &columns.scales[..count];
    let sums = if SUMS { &columns.sums[..count] } else { &[] };
    let (mins, maxs) = if EXTREMES {
        (&columns.mins[..count], &columns.maxs[..count])
    } else {
        (&[][..], &[][..])
    };
    for (at, number) in to.iter().enumerate() {
        let cell = &mut cells[*number as usize];
        let lacking = u64::from(observations[at].wrapping_sub(counts[at]));
        cell.lacking = cell.lacking.wrapping_add(lacking);
        let factor = i128::from(factors[usize::from(scales[at])]);
        if SUMS {
            cell.sum = cell.sum.wrapping_add(i128::from(sums[at]).wrapping_mul(factor));
        }
        if EXTREMES && counts[at] > 0 {
            cell.least = cell.least.min(i128::from(mins[at]).wrapping_mul(factor));
            cell.greatest = cell.greatest.max(i128::from(maxs[at]).wrapping_mul(factor));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::aggregate::state::narrow::tests::{GROUPS, cells, shown, total};
    use crate::segment::{Total, Totals, TotalsPage};

    proptest! {
        #[test]
        fn gives_what_totals_give_one_by_one(
            pages in prop::collection::vec(prop::collection::vec(total(17), 1..20), 1..6),
        ) {
            let (mut one_by_one, mut at_once) = (cells(), cells());
            let mut wide = WideCells::default();
            for page in &pages {
                let mut totals = Totals::default();
                for (_, total) in page {
                    totals.push(total);
                }
                let totals = TotalsPage::new(totals);
                let to: Vec<u32> = (0..GROUPS).cycle().take(page.len()).collect();
                let observations: Vec<u16> = page.iter().map(|(count, _)| *count).collect();
                let input = &mut at_once.inputs[0];
                let of = (GROUPS as usize, page.len());
                let is_admitted = wide.admit(totals.bounds(), of, input).expect("fits");
                let all = totals.totals();
                if is_admitted {
                    let columns = TotalColumns {
                        observations: &observations,
                        counts: all.counts(),
                        scales: all.scales(),
                        sums: all.sums(),
                        mins: all.mins(),
                        maxs: all.maxs(),
                    };
                    wide.add(&to, &columns, input);
                }
                for (number, (observations, total)) in to.iter().zip(page) {
                    let row = Row { number: *number as usize, start: *number as usize, len: 1 };
                    let observations = u64::from(*observations);
                    one_by_one.inputs[0].add_total(row, observations, total).expect("fits");
                    if !is_admitted {
                        at_once.inputs[0].add_total(row, observations, total).expect("fits");
                    }
                }
            }
            wide.empty(&mut at_once.inputs[0]).expect("fits");
            for group in 0..GROUPS as usize {
                prop_assert_eq!(shown(&at_once, group), shown(&one_by_one, group));
            }
        }
    }

    #[test]
    fn leaves_many_groups_alone() {
        let mut cells = cells();
        let mut totals = Totals::default();
        totals.push(&Total { sum: 1, count: 1, ..Default::default() });
        let totals = TotalsPage::new(totals);
        let mut admit =
            |groups| WideCells::default().admit(totals.bounds(), (groups, 1), &mut cells.inputs[0]);
        assert!(admit(GROUPS_MAX).expect("fits") && !admit(GROUPS_MAX + 1).expect("fits"));
        assert_eq!(WideCells::bytes_for(GROUPS_MAX + 1), 0);
    }
}
