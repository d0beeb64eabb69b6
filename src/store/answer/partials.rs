//! The attributes of the dataflow and of partial keys that apply to what is selected.

use std::collections::BTreeMap;
use std::io;

use crate::error::{Error, Result};
use crate::model::{Cell, ComponentRole};
use crate::sdmx::data::DataWriter;
use crate::store::answer::data::DataAnswer;
use crate::store::filter::{KeyPart, Selections};
use crate::store::walk::SeriesWalk;

/// Attributes that attach to the same dimensions.
struct Group {
    dimensions: Vec<usize>,
    attributes: Vec<usize>,
}

/// The value of an attribute of the dataflow or of a partial key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartialValue {
    /// Its codes, in the order of the structure; absent for dimensions that it does not attach to.
    pub(super) key: Vec<Option<String>>,
    /// The position of the attribute among the flow's.
    pub(super) attribute: usize,
    pub(super) text: String,
}

/// Partial keys by their dimensions, the dataflow's first, then by their codes.
type Pending<'a> = BTreeMap<(Vec<bool>, Vec<Option<String>>), Vec<&'a PartialValue>>;

/// Writes each partial key that one of the series has, once, with its values; those of the same
/// dimensions together, the dataflow's first. Then those that are told in any case.
pub(super) fn write_partials(
    answer: &DataAnswer,
    series: &Selections,
    writer: &mut dyn DataWriter,
) -> Result<()> {
    let cube = &answer.selected.cube;
    let flow = cube.flow();
    let mut pending = Pending::new();
    for value in &answer.partials {
        let dimensions = value.key.iter().map(Option::is_some).collect();
        pending.entry((dimensions, value.key.clone())).or_default().push(value);
    }
    for group in groups(answer) {
        // Series that share the partial key come one after the other.
        let dimensions: Vec<KeyPart> =
            group.dimensions.iter().map(|dimension| KeyPart::from(*dimension)).collect();
        let mut walk = SeriesWalk::new(cube, series, &dimensions);
        let mut last: Option<Vec<u32>> = None;
        while let Some(&[(part, ordinal), ..]) = walk.peek()? {
            walk.advance();
            let codes = group.dimensions.iter();
            let codes = codes.map(|dimension| cube.parts()[part].code(*dimension, ordinal));
            let key = codes.collect::<Result<Vec<u32>>>()?;
            if last.as_ref() == Some(&key) {
                continue;
            }
            let mut cells: Vec<Cell<'_>> = vec![None; flow.components().len()];
            let mut has_value = false;
            for attribute in &group.attributes {
                let value = cube.key_attribute(*attribute, part, ordinal)?;
                has_value |= value.is_some();
                cells[flow.attributes_from() + attribute] = value;
            }
            if has_value {
                for (dimension, code) in group.dimensions.iter().zip(&key) {
                    cells[*dimension] = Some(cube.codes(*dimension).get(*code));
                }
                writer.partial(&cells).map_err(refused)?;
                if !pending.is_empty() {
                    let own = cells.iter().take(flow.dimensions().len());
                    let own: Vec<Option<String>> =
                        own.map(|cell| cell.map(str::to_owned)).collect();
                    let dimensions = own.iter().map(Option::is_some).collect();
                    pending.remove(&(dimensions, own));
                }
            }
            if group.dimensions.is_empty() {
                break;
            }
            last = Some(key);
        }
    }
    for ((_, key), values) in pending {
        let mut cells: Vec<Cell<'_>> = key.iter().map(Option::as_deref).collect();
        cells.resize(flow.components().len(), None);
        for value in values {
            cells[flow.attributes_from() + value.attribute] = Some(&value.text);
        }
        writer.partial(&cells).map_err(refused)?;
    }
    Ok(())
}

/// The attributes wanted that say something of less than a series, by their dimensions.
fn groups(answer: &DataAnswer) -> Vec<Group> {
    let flow = answer.flow();
    let mut groups: Vec<Group> = Vec::new();
    for attribute in &answer.parts.attributes {
        let ComponentRole::KeyAttribute(dimensions) = &flow.attributes()[*attribute].role else {
            continue;
        };
        if dimensions.len() == flow.dimensions().len() && !dimensions.is_empty() {
            continue;
        }
        match groups.iter_mut().find(|group| group.dimensions == *dimensions) {
            Some(group) => group.attributes.push(*attribute),
            None => {
                groups.push(Group { dimensions: dimensions.clone(), attributes: vec![*attribute] });
            }
        }
    }
    groups.sort_by_key(|group| !group.dimensions.is_empty());
    groups
}

/// What it means that the output takes no more.
pub(super) fn refused(source: io::Error) -> Error {
    Error::io("write", "the output", source)
}
