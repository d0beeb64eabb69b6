//! Brings attributes of partial keys together with those that are there.

use hashbrown::HashMap;

use crate::error::Result;
use crate::index::Selection;
use crate::segment::{PartialGroup, PartialRow};
use crate::store::load::existing::last_said;
use crate::store::load::intake::{Intake, PartialIntake};
use crate::store::load::regions::Target;
use crate::store::part::Part;

/// The rows to write, and the rows that they supersede.
pub(super) struct PartialMerge {
    pub(super) groups: Vec<PartialGroup>,
    pub(super) superseded: HashMap<usize, Selection>,
}

/// A row that is there: its part, its number in the part, and its values by attribute.
type Known = (usize, u32, HashMap<String, Box<str>>);
/// The rows that are there, by their dimensions and codes.
type AllKnown = HashMap<(Vec<u16>, Vec<Box<str>>), Known>;

impl PartialMerge {
    pub(super) fn new(intake: &Intake, parts: &[Part]) -> Result<Self> {
        let mut merge = Self { groups: Vec::new(), superseded: HashMap::new() };
        let mut known = AllKnown::new();
        let is_touched = |p: &PartialIntake| p.keys.len() > 0 || !p.regions.is_empty();
        if intake.partials.iter().any(is_touched) {
            for (index, part) in parts.iter().enumerate() {
                for (group, numbers) in part.live_partials()? {
                    for (row, number) in group.rows.into_iter().zip(numbers) {
                        let values = group.attributes.iter().cloned().zip(row.values).collect();
                        let key = (group.dimensions.clone(), row.key);
                        known.insert(key, (index, number, values));
                    }
                }
            }
        }
        for partial in intake.partials.iter().filter(|partial| is_touched(partial)) {
            let group = merge.merge_group(intake, partial, &known);
            merge.groups.push(group);
        }
        Ok(merge)
    }

    fn merge_group(
        &mut self,
        intake: &Intake,
        partial: &PartialIntake,
        known: &AllKnown,
    ) -> PartialGroup {
        let narrow = |dimension: &usize| u16::try_from(*dimension).unwrap_or(u16::MAX);
        let dimensions: Vec<u16> = partial.dimensions.iter().map(narrow).collect();
        let id = |position: &usize| intake.flow.components()[*position].id.clone();
        let attributes: Vec<String> = partial.attributes.iter().map(id).collect();
        let mut rows = Vec::new();
        for (key, number) in keys(intake, partial, &dimensions, known) {
            let old = known.get(&(dimensions.clone(), key.clone()));
            let code = |at: usize| {
                let place = partial.dimensions.iter().position(|dimension| *dimension == at)?;
                intake.partial_codes[at].find(&key[place])
            };
            let deletions = partial.regions.of(code);
            let mut changed = false;
            let mut values: Vec<Box<str>> = Vec::with_capacity(attributes.len());
            for (at, (id, position)) in attributes.iter().zip(&partial.attributes).enumerate() {
                let before = old.and_then(|(_, _, values)| values.get(id)).map(|value| &**value);
                let (value, row) = number.map_or((0, 0), |key| partial.values.get(key, at));
                let new = value.checked_sub(1).map(|n| intake.values[*position].get(n));
                let target = Target::Component(position - intake.flow.measures_from());
                let deleted = partial.regions.last_row(&deletions, target);
                let after = last_said(before, (new, row), deleted).unwrap_or_default();
                changed |= after != before.unwrap_or_default();
                values.push(after.into());
            }
            if !changed {
                continue;
            }
            if let Some((part, row, _)) = old {
                self.superseded.entry(*part).or_insert_with(Selection::empty).insert(*row);
            }
            if values.iter().any(|value| !value.is_empty()) {
                rows.push(PartialRow { key, values });
            }
        }
        rows.sort();
        PartialGroup { dimensions, attributes, rows }
    }
}

/// The keys that may change, each with its number if rows came for it: those, and where anything
/// is deleted, all that are there.
fn keys(
    intake: &Intake,
    partial: &PartialIntake,
    dimensions: &[u16],
    known: &AllKnown,
) -> Vec<(Vec<Box<str>>, Option<u32>)> {
    let text =
        |(code, dimension): (&u32, &usize)| intake.partial_codes[*dimension].get(*code).into();
    let key = |number| partial.keys.get(number).iter().zip(&partial.dimensions).map(text).collect();
    let count = u32::try_from(partial.keys.len()).unwrap_or(u32::MAX);
    let mut all: HashMap<Vec<Box<str>>, Option<u32>> =
        (0..count).map(|number| (key(number), Some(number))).collect();
    if !partial.regions.is_empty() {
        for (_, key) in known.keys().filter(|(on, _)| on == dimensions) {
            all.entry_ref(key).or_insert(None);
        }
    }
    all.into_iter().collect()
}
