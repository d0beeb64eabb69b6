//! What many stored totals add up to, group by group: integers of 64 bits at one scale for all
//! groups, so that a total is added without a look at its size. They go to the cells before they
//! could overflow, and at the end.

use crate::error::Result;
use crate::model::Decimal;
use crate::query::aggregate::state::cells::{InputCells, widen};
use crate::query::aggregate::state::layout::Row;
use crate::segment::TotalBounds;

/// Scales that a byte can say.
pub(super) const SCALES: usize = 1 << u8::BITS;
/// Groups for each total that was added, above which cells are not emptied for more room.
const GROUPS_PER_TOTAL: usize = 8;

/// What was added of one input since the cells were last told, by group.
#[derive(Debug)]
pub(crate) struct NarrowCells {
    cells: Vec<NarrowCell>,
    /// Digits after the point of all sums and extremes.
    scale: u8,
    /// What a mantissa of each scale is multiplied with to be one of `scale`.
    factors: Box<[i64; SCALES]>,
    /// What no sum exceeds, sign apart.
    bound: u64,
    /// How many totals were added.
    added: usize,
}

/// What was added to one group.
#[derive(Clone, Copy, Debug)]
struct NarrowCell {
    /// Observations without a number.
    lacking: u64,
    sum: i64,
    /// Above `greatest` as long as there is no number.
    least: i64,
    greatest: i64,
}

/// What is stored of some chunks, column by column. Where sums or extremes are not wanted, their
/// columns are empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TotalColumns<'a> {
    /// How many observations.
    pub(crate) observations: &'a [u16],
    /// How many of them have a number.
    pub(crate) counts: &'a [u16],
    pub(crate) scales: &'a [u8],
    pub(crate) sums: &'a [i64],
    pub(crate) mins: &'a [i64],
    pub(crate) maxs: &'a [i64],
}

const NOTHING: NarrowCell = NarrowCell { lacking: 0, sum: 0, least: i64::MAX, greatest: i64::MIN };

impl NarrowCells {
    /// Bytes of a cell.
    pub(crate) const CELL_BYTES: usize = size_of::<NarrowCell>();

    /// No groups yet.
    pub(crate) fn new() -> Self {
        let factors = Box::new([0; SCALES]);
        let mut empty = Self { cells: Vec::new(), scale: 0, factors, bound: 0, added: 0 };
        empty.set_scale(0);
        empty
    }

    /// How many groups there is room for.
    pub(crate) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Makes room for so many groups.
    pub(crate) fn grow(&mut self, groups: usize) {
        if groups > self.cells.len() {
            self.cells.resize(groups, NOTHING);
        }
    }

    /// Whether so many totals within these bounds can be added; if so, they must be. `cells` may be
    /// told what there is, to make room.
    pub(crate) fn admit(
        &mut self,
        bounds: &TotalBounds,
        count: usize,
        cells: &mut InputCells,
    ) -> Result<bool> {
        if self.reserve(bounds, count) {
            return Ok(true);
        }
        // Telling the cells costs a look at each group.
        if self.added == 0 || self.cells.len() / GROUPS_PER_TOTAL > self.added {
            return Ok(false);
        }
        self.empty(cells)?;
        Ok(self.reserve(bounds, count))
    }

    /// Whether so many totals within these bounds could ever be added, were there nothing else.
    pub(crate) fn could_admit(bounds: &TotalBounds, count: usize) -> bool {
        let bound = bounds.at(bounds.scale());
        let most = bound.and_then(|(sum, _)| sum.checked_mul(count as u64));
        most.is_some_and(|most| i64::try_from(most).is_ok())
    }

    fn reserve(&mut self, bounds: &TotalBounds, count: usize) -> bool {
        let scale = if self.added == 0 { bounds.scale() } else { self.scale };
        let after = bounds.at(scale).and_then(|(sum, _)| {
            let after = sum.checked_mul(count as u64)?.checked_add(self.bound)?;
            i64::try_from(after).is_ok().then_some(after)
        });
        let Some(after) = after else { return false };
        if scale != self.scale {
            self.set_scale(scale);
        }
        self.bound = after;
        self.added += count;
        true
    }

    fn set_scale(&mut self, scale: u8) {
        self.scale = scale;
        set_factors(scale, &mut self.factors);
    }

    /// Adds totals that were admitted, each to the group of its number.
    pub(crate) fn add(&mut self, to: &[u32], columns: &TotalColumns<'_>, cells: &InputCells) {
        let (cells, wanted) = (&mut self.cells, (cells.sums.is_some(), cells.extremes.is_some()));
        match wanted {
            (false, false) => add::<false, false>(cells, to, columns, &self.factors),
            (true, false) => add::<true, false>(cells, to, columns, &self.factors),
            (false, true) => add::<false, true>(cells, to, columns, &self.factors),
            (true, true) => add::<true, true>(cells, to, columns, &self.factors),
        }
    }

    /// Gives what there is to the cells, whose rows have one cell each.
    pub(crate) fn empty(&mut self, cells: &mut InputCells) -> Result<()> {
        for (number, cell) in self.cells.iter_mut().enumerate() {
            let row = Row { number, start: number, len: 1 };
            if cell.lacking > 0 {
                cells.lacking[number] += cell.lacking;
            }
            if let Some(sums) = cells.sums.as_mut().filter(|_| cell.sum != 0) {
                sums.add(row, 0, shortest(cell.sum, self.scale))?;
            }
            if let Some(extremes) = &mut cells.extremes
                && cell.least <= cell.greatest
            {
                for mantissa in [cell.least, cell.greatest].map(i128::from) {
                    widen(&mut extremes[number], Decimal { mantissa, scale: self.scale }.to_f64());
                }
            }
            *cell = NOTHING;
        }
        (self.bound, self.added) = (0, 0);
        Ok(())
    }
}

/// Sets each factor to what a mantissa of its scale is multiplied with to be one of `scale`; those
/// without room in 64 bits, which nothing that is admitted has, to 0.
pub(super) fn set_factors(scale: u8, factors: &mut [i64; SCALES]) {
    factors.fill(0);
    let mut factor = Some(1_i64);
    for known in factors[..=usize::from(scale)].iter_mut().rev() {
        *known = factor.unwrap_or_default();
        factor = factor.and_then(|factor| factor.checked_mul(10));
    }
}

/// The same number with few digits after the point, so that a sum gets no more than its own
/// numbers have.
pub(super) fn shortest(mut mantissa: i64, mut scale: u8) -> Decimal {
    while scale > 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    Decimal { mantissa: i128::from(mantissa), scale }
}

/// The loop over all totals. Nothing overflows, since what is added was admitted.
fn add<const SUMS: bool, const EXTREMES: bool>(
    cells: &mut [NarrowCell],
    to: &[u32],
    columns: &TotalColumns<'_>,
    factors: &[i64; SCALES],
) {
    let count = to.len();
    let (observations, counts) = (&columns.observations[..count], &columns.counts[..count]);
    let scales = if SUMS || EXTREMES { &columns.scales[..count] } else { &[] };
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
        if !SUMS && !EXTREMES {
            continue;
        }
        let factor = factors[usize::from(scales[at])];
        if SUMS {
            cell.sum = cell.sum.wrapping_add(sums[at].wrapping_mul(factor));
        }
        if EXTREMES {
            let has_numbers = counts[at] > 0;
            let (min, max) = (mins[at].wrapping_mul(factor), maxs[at].wrapping_mul(factor));
            cell.least = cell.least.min(if has_numbers { min } else { i64::MAX });
            cell.greatest = cell.greatest.max(if has_numbers { max } else { i64::MIN });
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::aggregate::keys::grouping::Keys;
    use crate::query::aggregate::spec::{AggregateSpec, Function, Input};
    use crate::query::aggregate::state::cells::Cells;
    use crate::query::aggregate::state::groups::Groups;
    use crate::query::aggregate::state::layout::Line;
    use crate::segment::{Total, Totals, TotalsPage};

    pub(in super::super) const GROUPS: u32 = 3;

    /// The state of count, sum, minimum and maximum of a measure for three groups.
    pub(in super::super) fn cells() -> Cells {
        let spec = AggregateSpec {
            keys: Keys {
                series: Vec::new(),
                attributes: None,
                periods: None,
                columns: Vec::new(),
                key_count: GROUPS.into(),
            },
            filter: None,
            conditions: Vec::new(),
            inputs: vec![Input { measure: Some(0), condition: None }],
            specials: Vec::new(),
            factors: Vec::new(),
            sets: None,
            functions: vec![Function::Sum(0), Function::Min(0)],
        };
        let mut groups = Groups::new(GROUPS.into());
        (0..GROUPS).for_each(|key| {
            groups.number(key.into());
        });
        let mut cells = Cells::new(&spec, vec![Line::whole(1)]);
        cells.follow(&groups);
        cells
    }

    /// What a test can see of a group: observations without a number, the sum, the extremes.
    pub(in super::super) fn shown(cells: &Cells, group: usize) -> (u64, String, (u64, u64)) {
        let input = &cells.inputs[0];
        let sum = input.sums.as_ref().expect("asked for").sum(group, group).expect("fits").0;
        let (least, greatest) = input.extremes.as_ref().expect("asked for")[group];
        let extremes = (least.to_bits(), greatest.to_bits());
        (input.lacking[group], sum.shortest().to_string(), extremes)
    }

    /// A total of a chunk with so many observations, of up to so many digits after the point.
    pub(in super::super) fn total(scale_max: u8) -> impl Strategy<Value = (u16, Total)> {
        (0_u32..5, 0_u16..3, any::<(i64, i64)>(), 0_u32..63, 0..=scale_max).prop_map(
            |(count, lacking, (a, b), bits, scale)| {
                let mut total = Total { scale, is_exact: true, ..Total::default() };
                (0..count)
                    .for_each(|at| total.add(if at % 2 == 0 { a >> bits } else { b >> bits }));
                (u16::try_from(count).expect("few") + lacking, total)
            },
        )
    }

    proptest! {
        #[test]
        fn gives_what_totals_give_one_by_one(
            pages in prop::collection::vec(prop::collection::vec(total(3), 1..20), 1..6),
        ) {
            let (mut one_by_one, mut at_once) = (cells(), cells());
            let mut narrow = NarrowCells::new();
            narrow.grow(GROUPS as usize);
            for page in &pages {
                let mut totals = Totals::default();
                for (_, total) in page {
                    totals.push(total);
                }
                let totals = TotalsPage::new(totals);
                let to: Vec<u32> = (0..GROUPS).cycle().take(page.len()).collect();
                let observations: Vec<u16> = page.iter().map(|(count, _)| *count).collect();
                let input = &mut at_once.inputs[0];
                let is_admitted = narrow.admit(totals.bounds(), page.len(), input);
                let is_admitted = is_admitted.expect("fits");
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
                    narrow.add(&to, &columns, input);
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
            narrow.empty(&mut at_once.inputs[0]).expect("fits");
            for group in 0..GROUPS as usize {
                prop_assert_eq!(shown(&at_once, group), shown(&one_by_one, group));
            }
        }
    }
}
