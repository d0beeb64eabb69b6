//! The states of all grouping sets, from the state of the finest grouping.
//!
//! A set is summed up from the smallest state that has all of its columns: that of the finest
//! grouping, or of a set before it. Sums stay exact integers on the way, so each answer is that of
//! grouping by the set alone.

use crate::error::Result;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::cells::Cells;
use crate::query::aggregate::groups::Groups;
use crate::query::aggregate::mapping::Mapping;
use crate::query::aggregate::sets::GroupingSet;

/// The state of one grouping set, or of a plain GROUP BY.
#[derive(Debug)]
pub(super) struct Level {
    /// The place of the set in [`AggregateSpec::sets`]; absent for a plain GROUP BY.
    pub(super) set: Option<usize>,
    pub(super) groups: Groups,
    pub(super) cells: Cells,
}

/// The states of all sets of `spec`, in their order; `reserve` is asked before memory grows to so
/// many bytes.
pub(super) fn levels(
    spec: &AggregateSpec,
    finest: Level,
    reserve: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Vec<Level>> {
    let Some(sets) = &spec.sets else { return Ok(vec![finest]) };
    let mut order: Vec<usize> = (0..sets.len()).collect();
    order.sort_by_key(|set| usize::MAX - sets[*set].kept_count());
    let mut done: Vec<Level> = Vec::with_capacity(sets.len());
    for number in order {
        let set = &sets[number];
        let has_all = |level: &&Level| level.set.is_some_and(|other| sets[other].has_all_of(set));
        let smallest = done.iter().filter(has_all).min_by_key(|level| level.cells.rows.len());
        let level = fold(spec, number, set, smallest.unwrap_or(&finest))?;
        done.push(level);
        let bytes = |level: &Level| level.groups.memory_bytes() + level.cells.memory_bytes();
        reserve(bytes(&finest) + done.iter().map(bytes).sum::<usize>())?;
    }
    done.sort_by_key(|level| level.set);
    Ok(done)
}

/// The state of a set from one that has all of its columns.
fn fold(spec: &AggregateSpec, number: usize, set: &GroupingSet, from: &Level) -> Result<Level> {
    let mut groups = Groups::new(spec.keys.key_count);
    let to: Vec<usize> = from.groups.keys().iter().map(|key| groups.number(set.fold(&spec.keys, *key))).collect();
    let mut cells = Cells::new(spec, set.width);
    cells.grow(groups.len());
    let mapping = Mapping { groups: &to, cells: set.cells(from.cells.width) };
    cells.merge(&from.cells, mapping)?;
    Ok(Level { set: Some(number), groups, cells })
}
