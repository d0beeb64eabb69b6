//! The attributes of the dataflow and of partial keys that apply to what is selected.

use std::io;

use crate::error::{Error, Result};
use crate::model::{Cell, ComponentRole};
use crate::sdmx::data::DataWriter;
use crate::store::answer::data::DataAnswer;
use crate::store::filter::Selections;
use crate::store::walk::SeriesWalk;

/// Attributes that attach to the same dimensions.
struct Group {
    dimensions: Vec<usize>,
    attributes: Vec<usize>,
}

/// Writes each partial key that one of the series has, once, with its values; those of the same
/// dimensions together, the dataflow's first.
pub(super) fn write_partials(
    answer: &DataAnswer,
    series: &Selections,
    writer: &mut dyn DataWriter,
) -> Result<()> {
    let cube = &answer.selected.cube;
    let flow = cube.flow();
    for group in groups(answer) {
        // Series that share the partial key come one after the other.
        let mut walk = SeriesWalk::new(cube, series, &group.dimensions);
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
            }
            if group.dimensions.is_empty() {
                break;
            }
            last = Some(key);
        }
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
