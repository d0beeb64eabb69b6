//! The states of all grouping sets, from the state of the finest grouping.
//!
//! A set is summed up from the smallest state that has all of its columns: that of the finest
//! grouping, or of a set before it. Sums stay exact integers on the way, so each answer is that of
//! grouping by the set alone.

use crate::error::Result;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::keys::sets::GroupingSet;
use crate::query::aggregate::state::cells::Cells;
use crate::query::aggregate::state::groups::Groups;
use crate::query::aggregate::state::layout::Line;

/// Possible keys for each group above which groups are looked up by hashing.
const SPARSE_KEYS: u64 = 64;

/// The state of one grouping set, or of a plain GROUP BY.
#[derive(Debug)]
pub(crate) struct Level {
    /// The place of the set in [`AggregateSpec::sets`]; absent for a plain GROUP BY.
    pub(crate) set: Option<usize>,
    pub(crate) groups: Groups,
    pub(crate) cells: Cells,
}

impl Level {
    /// How many cells a group has.
    fn width(&self, spec: &AggregateSpec) -> usize {
        let set = self.set.and_then(|set| spec.sets.as_ref()?.get(set));
        set.map_or(spec.keys.width(), |set| set.width)
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.groups.memory_bytes() + self.cells.memory_bytes()
    }
}

/// The states of all sets of `spec`, in their order. `reserve` is told of how many bytes they have,
/// set by set, and may refuse.
pub(crate) fn levels(
    spec: &AggregateSpec,
    finest: Level,
    reserve: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Vec<Level>> {
    let Some(sets) = &spec.sets else { return Ok(vec![finest]) };
    let mut order: Vec<usize> = (0..sets.len()).collect();
    order.sort_by_key(|set| usize::MAX - sets[*set].kept_count());
    let mut bytes = finest.memory_bytes();
    let mut done: Vec<Level> = Vec::with_capacity(sets.len());
    for number in order {
        let set = &sets[number];
        let has_all = |level: &&Level| level.set.is_some_and(|other| sets[other].has_all_of(set));
        let smallest = done.iter().filter(has_all).min_by_key(|level| level.cells.rows.len());
        let level = fold(spec, (number, set), smallest.unwrap_or(&finest))?;
        bytes += level.memory_bytes();
        reserve(bytes)?;
        done.push(level);
    }
    done.sort_by_key(|level| level.set);
    Ok(done)
}

/// The state of a set from one that has all of its columns.
fn fold(spec: &AggregateSpec, (number, set): (usize, &GroupingSet), from: &Level) -> Result<Level> {
    let is_sparse = spec.keys.key_count / SPARSE_KEYS > from.groups.len() as u64;
    let mut groups = Groups::new(if is_sparse { u64::MAX } else { spec.keys.key_count });
    let keys = from.groups.keys().iter();
    let to: Vec<usize> = keys.map(|key| groups.number(set.fold(&spec.keys, *key))).collect();
    if set.is_total() {
        // All observations are one group, if there is none, too.
        groups.number(0);
    }
    let mut cells = Cells::new(spec, vec![Line::whole(set.width)]);
    cells.follow(&groups);
    cells.merge(&from.cells, &to, set.cells(from.width(spec)))?;
    Ok(Level { set: Some(number), groups, cells })
}
