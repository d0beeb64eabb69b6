//! Copies chunks of one segment into another, which numbers the values of attributes anew.

use std::mem;

use crate::error::Result;
use crate::segment::{Builder, Chunk, ChunkRows, Segment};

/// What a builder calls the values of the attributes of one segment's observations.
pub(super) struct Translation {
    /// For each attribute of the builder, its position in the segment, where it has it.
    positions: Vec<Option<usize>>,
    /// For each attribute of the builder, its number of each value of the segment, once it was
    /// asked for.
    numbers: Vec<Vec<Option<u32>>>,
}

impl Translation {
    /// For a builder with these attributes of the observation.
    pub(super) fn new(segment: &Segment, attributes: &[String]) -> Self {
        let known = &segment.footer().observation_attributes;
        let position = |id: &String| known.iter().position(|known| known == id);
        let positions = attributes.iter().map(position).collect();
        Self { positions, numbers: vec![Vec::new(); attributes.len()] }
    }

    /// The rows of a chunk, with the numbers of the builder.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where the values cannot be read.
    pub(super) fn rows(
        &mut self,
        segment: &Segment,
        builder: &mut Builder<'_>,
        chunk: &Chunk,
    ) -> Result<ChunkRows> {
        let mut rows = chunk.to_rows();
        let mut translated = Vec::with_capacity(self.positions.len());
        for (attribute, position) in self.positions.iter().enumerate() {
            let Some(position) = *position else {
                translated.push(vec![0; rows.len()]);
                continue;
            };
            let mut column = mem::take(&mut rows.attributes[position]);
            let known = &mut self.numbers[attribute];
            for number in &mut column {
                let at = *number as usize;
                if known.len() <= at {
                    known.resize(at + 1, None);
                }
                let new = if let Some(new) = known[at] {
                    new
                } else {
                    let text = segment.observation_value(position, *number)?;
                    text.map_or(0, |text| builder.value_number(attribute, text))
                };
                known[at] = Some(new);
                *number = new;
            }
            translated.push(column);
        }
        rows.attributes = translated;
        Ok(rows)
    }
}
