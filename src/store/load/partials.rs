//! Brings attributes of partial keys together with those that are there.

use hashbrown::HashMap;

use crate::error::Result;
use crate::index::Selection;
use crate::segment::{PartialGroup, PartialRow};
use crate::store::load::intake::{Intake, PartialIntake};
use crate::store::part::Part;

/// The rows to write, and the rows that they supersede.
pub(super) struct PartialMerge {
    pub(super) groups: Vec<PartialGroup>,
    pub(super) superseded: HashMap<usize, Selection>,
}

/// A row that is there: its part, its number in the part, and its values by attribute.
type Known = (usize, u32, HashMap<String, Box<str>>);

impl PartialMerge {
    pub(super) fn new(intake: &Intake, parts: &[Part]) -> Result<Self> {
        let mut merge = Self { groups: Vec::new(), superseded: HashMap::new() };
        let mut known: HashMap<(Vec<u16>, Vec<Box<str>>), Known> = HashMap::new();
        if intake.partials.iter().any(|partial| partial.keys.len() > 0) {
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
        for partial in &intake.partials {
            let group = merge.merge_group(intake, partial, &known);
            merge.groups.push(group);
        }
        Ok(merge)
    }

    fn merge_group(
        &mut self,
        intake: &Intake,
        partial: &PartialIntake,
        known: &HashMap<(Vec<u16>, Vec<Box<str>>), Known>,
    ) -> PartialGroup {
        let narrow = |dimension: &usize| u16::try_from(*dimension).unwrap_or(u16::MAX);
        let dimensions: Vec<u16> = partial.dimensions.iter().map(narrow).collect();
        let id = |position: &usize| intake.flow.components()[*position].id.clone();
        let attributes: Vec<String> = partial.attributes.iter().map(id).collect();
        let width = attributes.len();
        let mut rows = Vec::new();
        for number in 0..u32::try_from(partial.keys.len()).unwrap_or(u32::MAX) {
            let codes = partial.keys.get(number).iter().zip(&partial.dimensions);
            let key: Vec<Box<str>> =
                codes.map(|(code, d)| intake.partial_codes[*d].get(*code).into()).collect();
            let old = known.get(&(dimensions.clone(), key.clone()));
            let new = partial.values.get(number as usize * width..).unwrap_or_default();
            let mut changed = old.is_none();
            let mut values = Vec::with_capacity(width);
            for ((id, position), number) in attributes.iter().zip(&partial.attributes).zip(new) {
                let before = old.and_then(|(_, _, values)| values.get(id)).map(|v| &**v);
                let after = number.checked_sub(1).map(|n| intake.values[*position].get(n));
                changed |= after.is_some() && after != before;
                values.push(Box::from(after.or(before).unwrap_or_default()));
            }
            if changed {
                if let Some((part, row, _)) = old {
                    self.superseded.entry(*part).or_insert_with(Selection::empty).insert(*row);
                }
                rows.push(PartialRow { key, values });
            }
        }
        rows.sort();
        PartialGroup { dimensions, attributes, rows }
    }
}
