//! Which observations of a chunk pass everything.

use std::ops::Range;

use crate::error::Result;
use crate::model::Period;
use crate::store::answer::select::Selected;
use crate::store::cursor::Chunk;

/// The positions of a chunk that hold an observation which is wanted.
pub(super) fn wanted(selected: &Selected, chunk: &Chunk) -> Result<Vec<Range<usize>>> {
    let present = chunk.positions.iter().flat_map(|range| chunk.data.present(range.clone()));
    let test = selected.time_test(chunk.part, chunk.series, chunk.data.form)?;
    if test.is_none() && !selected.has_values() {
        return Ok(present.collect());
    }
    let mut runs: Vec<Range<usize>> = Vec::new();
    let present: Vec<usize> = match &selected.compared {
        None => present.flatten().collect(),
        Some(compared) => compared.positions(&selected.cube, chunk, present.flatten())?,
    };
    for position in present {
        let is_then = test.is_none_or(|test| test.passes(&period(chunk, position)));
        if is_then && passes(selected, chunk, position)? {
            match runs.last_mut().filter(|last| last.end == position) {
                Some(last) => last.end = position + 1,
                None => runs.push(position..position + 1),
            }
        }
    }
    Ok(runs)
}

/// Whether the values of an observation pass.
fn passes(selected: &Selected, chunk: &Chunk, position: usize) -> Result<bool> {
    for (measure, condition) in &selected.measures {
        if !condition.passes_value(&chunk.data.measures[*measure].value(position)) {
            return Ok(false);
        }
    }
    let cube = &selected.cube;
    let segment = cube.parts()[chunk.part].segment();
    for (attribute, condition) in &selected.attributes {
        let id = &cube.flow().attributes()[*attribute].id;
        let own = segment.footer().observation_attributes.iter().position(|known| known == id);
        let Some(own) = own else { return Ok(false) };
        let number = chunk.data.attributes[own].value(position);
        let text = segment.observation_value(own, number)?;
        if !text.is_some_and(|text| condition.passes(text)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The period at a position.
pub(super) fn period(chunk: &Chunk, position: usize) -> Period {
    match chunk.data.periods.get(position) {
        Some(text) => Period::Other(text.clone()),
        None => Period::Slot(chunk.data.slot(position)),
    }
}
