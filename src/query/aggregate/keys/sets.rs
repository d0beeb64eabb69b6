//! Grouping sets: `GROUPING SETS`, `CUBE` and `ROLLUP`.
//!
//! Observations are grouped once, by all columns of the key. A set that leaves out some of them is
//! the sum of the groups that agree in the others: see `levels`.

use arrow::array::ArrayRef;
use datafusion::error::Result;
use hashbrown::HashMap;

use crate::query::aggregate::keys::grouping::{KeyColumn, Keys};
use crate::query::aggregate::keys::numbering::distinct;

/// The most columns of a key whose sets are numbered in one `__grouping_id`.
const COLUMNS_MAX: usize = 64;

/// One grouping set.
#[derive(Clone, Debug)]
pub(crate) struct GroupingSet {
    /// Whether the set has each column of the key. The others are NULL in its groups.
    pub(crate) kept: Vec<bool>,
    /// What `grouping()` tells the sets apart by: a bit for each column that is left out, the last
    /// column in the lowest; above them which of several equal sets this is.
    pub(crate) id: u64,
    /// The parts of the packed key that are left out: what a number counts, and how many there are.
    dropped: Vec<(u64, u64)>,
    /// For each number of the attributes' part the least one that agrees with it in the columns
    /// kept; absent where all are.
    attributes: Option<Vec<u32>>,
    /// The same for the period's part.
    periods: Option<Vec<u32>>,
    /// How many cells a group has.
    pub(crate) width: usize,
}

impl GroupingSet {
    /// The sets that DataFusion lists, each by which columns of the key are NULL. Absent where
    /// their numbers would need more than 64 bits.
    ///
    /// # Errors
    ///
    /// If values cannot be compared.
    pub(crate) fn list(keys: &Keys, nulls: &[Vec<bool>]) -> Result<Option<Vec<Self>>> {
        let Some(ids) = ids(nulls) else { return Ok(None) };
        let sets = nulls.iter().zip(ids).map(|(nulls, id)| Self::build(keys, nulls, id));
        sets.collect::<Result<Vec<_>>>().map(Some)
    }

    fn build(keys: &Keys, nulls: &[bool], id: u64) -> Result<Self> {
        let kept: Vec<bool> = nulls.iter().map(|is_null| !is_null).collect();
        let (mut dropped, mut attributes, mut periods) = (Vec::new(), Vec::new(), Vec::new());
        for (column, is_kept) in keys.columns.iter().zip(&kept) {
            match column {
                KeyColumn::Series(index) if !is_kept => {
                    let key = &keys.series[*index];
                    dropped.push((key.stride, key.values.len().max(1) as u64));
                }
                KeyColumn::Series(_) => {}
                KeyColumn::Attribute(_) => attributes.push(*is_kept),
                KeyColumn::Period(_) => periods.push(*is_kept),
            }
        }
        let of_attributes = match &keys.attributes {
            None => None,
            Some(key) => alike(&key.values, &attributes, key.count)?,
        };
        let is_without_period = !periods.contains(&true);
        let of_periods = match &keys.periods {
            None => None,
            Some(key) => alike(&key.values, &periods, key.count)?,
        };
        let width = if is_without_period { 1 } else { keys.width() };
        Ok(Self { kept, id, dropped, attributes: of_attributes, periods: of_periods, width })
    }

    /// Whether it has no column: all observations are one group.
    pub(crate) fn is_total(&self) -> bool {
        !self.kept.contains(&true)
    }

    /// How many columns it has.
    pub(crate) fn kept_count(&self) -> usize {
        self.kept.iter().filter(|kept| **kept).count()
    }

    /// Whether it has every column of another, so that the other follows from it.
    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        self.kept.iter().zip(&other.kept).all(|(ours, theirs)| *ours || !*theirs)
    }

    /// The packed key of the group of this set that a group belongs to.
    pub(crate) fn fold(&self, keys: &Keys, key: u64) -> u64 {
        let mut folded = key;
        for (stride, count) in &self.dropped {
            folded -= key / stride % count * stride;
        }
        if let (Some(alike), Some(attributes)) = (&self.attributes, &keys.attributes) {
            let number = key % attributes.count.max(1) as u64;
            let first = usize::try_from(number).ok().and_then(|number| alike.get(number));
            folded = folded - number + u64::from(first.copied().unwrap_or_default());
        }
        folded
    }

    /// The cell of a group of this set that each of the `width` cells of a group goes to; absent
    /// where it is the same.
    pub(crate) fn cells(&self, width: usize) -> Option<&[u32]> {
        let cells = self.periods.as_deref();
        cells.filter(|_| width > 1)
    }
}

/// For each number the least one with the same values in the columns kept; absent where all are.
fn alike(values: &[ArrayRef], kept: &[bool], count: usize) -> Result<Option<Vec<u32>>> {
    if kept.iter().all(|kept| *kept) {
        return Ok(None);
    }
    let columns = values.iter().zip(kept).filter(|(_, kept)| **kept);
    let columns: Vec<ArrayRef> = columns.map(|(values, _)| ArrayRef::clone(values)).collect();
    if columns.is_empty() {
        return Ok(Some(vec![0; count]));
    }
    let (numbers, _) = distinct(&columns)?;
    let mut first = HashMap::new();
    let rows = (0_u32..).zip(&numbers);
    Ok(Some(rows.map(|(row, number)| *first.entry(*number).or_insert(row)).collect()))
}

/// The number of each set; absent if they need more than 64 bits.
fn ids(nulls: &[Vec<bool>]) -> Option<Vec<u64>> {
    let mut seen: HashMap<&[bool], u64> = HashMap::new();
    let mut ids = Vec::with_capacity(nulls.len());
    for nulls in nulls {
        let equal = seen.entry(nulls).or_insert(0);
        let ordinal = *equal;
        *equal += 1;
        let ordinal_bits = (u64::BITS - ordinal.leading_zeros()) as usize;
        if nulls.len() + ordinal_bits > COLUMNS_MAX {
            return None;
        }
        let mask = nulls.iter().fold(0, |mask, is_null| mask << 1 | u64::from(*is_null));
        // Nothing is above 64 columns, of which no set comes twice.
        let above = ordinal.checked_shl(u32::try_from(nulls.len()).ok()?).unwrap_or(0);
        ids.push(mask | above);
    }
    Some(ids)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::StringViewArray;

    use super::*;

    #[test]
    fn numbers_tell_sets_apart() {
        let nulls = [vec![false, false], vec![false, true], vec![true, true], vec![false, true]];
        assert_eq!(ids(&nulls).expect("few columns"), [0b00, 0b01, 0b11, 0b101]);
        assert!(ids(&[vec![false; 64]]).is_some());
        assert_eq!(ids(&[vec![false; 64], vec![false; 64]]), None);
    }

    #[test]
    fn rows_that_agree_in_what_is_kept_have_one_number() {
        let column =
            |texts: [&str; 4]| -> ArrayRef { Arc::new(StringViewArray::from_iter_values(texts)) };
        let values = [column(["a", "a", "b", "b"]), column(["x", "y", "x", "z"])];
        let check = |kept: [bool; 2], expected: Option<Vec<u32>>| {
            assert_eq!(alike(&values, &kept, 4).expect("compares"), expected);
        };
        check([true, true], None);
        check([true, false], Some(vec![0, 0, 2, 2]));
        check([false, true], Some(vec![0, 1, 0, 3]));
        check([false, false], Some(vec![0; 4]));
    }
}
