//! Writes what is live of some segments into one: series in key order, chunks as they are.
//!
//! A period of a series has one live version, so nothing has to be brought together but the keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::SegmentId;
use crate::error::{Error, Result};
use crate::limits::ORDERED_SLOTS_MAX;
use crate::model::ComponentRole;
use crate::segment::{Builder, Chunk, ChunkRows, CreateFile, Footer, PartialGroup};
use crate::segment::{PartialRow, Schema, Summary, Wanted};
use crate::store::copy::Translation;
use crate::store::cube::Cube;
use crate::store::filter::{KeyPart, SeriesFilter};
use crate::store::part::Part;
use crate::store::walk::SeriesWalk;

/// A chunk, or a row of partial keys, of a segment.
pub(super) type Origin = (SegmentId, u32);

/// A segment that was written from others.
pub(super) struct Merged {
    /// The segment; absent if nothing is live.
    pub(super) segment: Option<Summary>,
    /// Where each of its chunks is from.
    pub(super) chunks: Vec<Origin>,
    /// Where each of its rows of partial keys is from.
    pub(super) partials: Vec<Origin>,
}

/// Brings the parts of a cube into one segment, with its keys in this order of dimensions. `pace`
/// is told now and then how many bytes more were read, about, and may wait.
///
/// # Errors
///
/// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a part cannot be read or the segment
/// cannot be written; those of `pace`.
pub(super) fn merge(
    cube: &Arc<Cube>,
    order: &[u16],
    create: CreateFile<'_>,
    pace: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<Merged> {
    let mut merge = Merge::new(cube, order, create)?;
    let dimensions: Vec<KeyPart> =
        order.iter().map(|position| usize::from(*position).into()).collect();
    let mut walk = SeriesWalk::new(cube, &cube.select(&SeriesFilter::All)?, &dimensions);
    loop {
        let batch = merge.next_batch(&mut walk)?;
        if batch.series.is_empty() {
            break;
        }
        merge.write(&batch)?;
        pace(batch.bytes)?;
    }
    merge.finish()
}

struct Merge<'a> {
    cube: &'a Arc<Cube>,
    builder: Builder<'a>,
    /// The attributes of the series, by their place in `Flow::attributes`.
    series_attributes: Vec<usize>,
    translations: Vec<Translation>,
    wanted: Vec<Wanted>,
    chunks: Vec<Origin>,
}

/// Series to write at one go, so that a block that holds chunks of many of them is read once.
#[derive(Default)]
struct Batch {
    /// Part and chunk, series by series.
    chunks: Vec<(usize, u32)>,
    /// Of each series, the first of its places and the number of its chunks.
    series: Vec<(usize, u32, usize)>,
    slots: usize,
    bytes: u64,
}

impl<'a> Merge<'a> {
    fn new(cube: &'a Arc<Cube>, order: &[u16], create: CreateFile<'a>) -> Result<Self> {
        let flow = cube.flow();
        let all = flow.dimensions().len();
        let (mut series_attributes, mut observation_attributes) = (Vec::new(), Vec::new());
        for (position, attribute) in flow.attributes().iter().enumerate() {
            match &attribute.role {
                ComponentRole::KeyAttribute(on) if on.len() == all => {
                    series_attributes.push(position);
                }
                ComponentRole::KeyAttribute(_) => {}
                _ => observation_attributes.push(attribute.id.clone()),
            }
        }
        let codes = |dimension| cube.codes(dimension).iter().map(Box::from).collect();
        let id = |position: &usize| flow.attributes()[*position].id.clone();
        let schema = Schema {
            flow: flow.id.to_string(),
            dimensions: flow.dimensions().iter().map(|d| d.id.clone()).collect(),
            order: order.to_vec(),
            codes: (0..all).map(codes).collect(),
            measures: flow.measures().iter().map(|m| m.id.clone()).collect(),
            series_attributes: series_attributes.iter().map(id).collect(),
            observation_attributes,
        };
        let segments = || cube.parts().iter().map(Part::segment);
        let attributes = &schema.observation_attributes;
        let translations = segments().map(|s| Translation::new(s, attributes)).collect();
        let wanted = |footer: &Footer| {
            Wanted::all(footer.measures.len(), footer.observation_attributes.len())
        };
        Ok(Self {
            cube,
            series_attributes,
            translations,
            wanted: segments().map(|segment| wanted(segment.footer())).collect(),
            builder: Builder::new(schema, create)?,
            chunks: Vec::new(),
        })
    }

    fn next_batch(&self, walk: &mut SeriesWalk) -> Result<Batch> {
        let mut batch = Batch::default();
        while batch.slots < ORDERED_SLOTS_MAX {
            let Some(places) = walk.peek()? else { break };
            let from = batch.chunks.len();
            for (index, ordinal) in places {
                let part = &self.cube.parts()[*index];
                let segment = part.segment();
                let each = segment.bytes() / u64::from(segment.chunk_count().max(1));
                for chunk in part.live_chunks(*ordinal)? {
                    batch.slots += usize::from(part.span(chunk)?.slots);
                    batch.bytes += each;
                    batch.chunks.push((*index, chunk));
                }
            }
            if let Some((part, ordinal)) = places.first() {
                batch.series.push((*part, *ordinal, batch.chunks.len() - from));
            }
            walk.advance();
        }
        Ok(batch)
    }

    fn write(&mut self, batch: &Batch) -> Result<()> {
        let mut read = self.read(batch)?.into_iter().zip(&batch.chunks);
        for (part, ordinal, count) in &batch.series {
            let mut chunks: Vec<(ChunkRows, (usize, u32))> = Vec::with_capacity(*count);
            for (chunk, origin) in read.by_ref().take(*count) {
                let chunk = chunk.ok_or_else(|| Error::bug("a chunk was not decoded"))?;
                let segment = self.cube.parts()[origin.0].segment();
                let translation = &mut self.translations[origin.0];
                chunks.push((translation.rows(segment, &mut self.builder, &chunk)?, *origin));
            }
            chunks.sort_by(|(a, _), (b, _)| {
                let place = |rows: &ChunkRows| (rows.form, rows.first);
                place(a).cmp(&place(b)).then_with(|| a.periods.first().cmp(&b.periods.first()))
            });
            let dimensions = 0..self.cube.flow().dimensions().len();
            let key = dimensions.map(|d| self.cube.parts()[*part].code(d, *ordinal));
            let key = key.collect::<Result<Vec<u32>>>()?;
            let mut attributes = Vec::with_capacity(self.series_attributes.len());
            for attribute in &self.series_attributes {
                let value = self.cube.key_attribute(*attribute, *part, *ordinal)?;
                attributes.push(value.unwrap_or_default());
            }
            self.builder.push_series(&key, &attributes)?;
            for (rows, (part, chunk)) in chunks {
                self.builder.push_chunk(&rows)?;
                self.chunks.push((self.cube.parts()[part].id(), chunk));
            }
        }
        Ok(())
    }

    /// Reads the chunks of a batch block by block.
    fn read(&self, batch: &Batch) -> Result<Vec<Option<Chunk>>> {
        let mut places = Vec::with_capacity(batch.chunks.len());
        for (index, (part, chunk)) in batch.chunks.iter().enumerate() {
            let block = self.cube.parts()[*part].segment().block_of(*chunk)?;
            places.push((*part, block, *chunk, index));
        }
        places.sort_unstable();
        let mut read = vec![None; batch.chunks.len()];
        for same in places.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some((part, block, ..)) = same.first() else { continue };
            let segment = self.cube.parts()[*part].segment();
            let block = segment.read_block(*block)?;
            let chunks: Vec<u32> = same.iter().map(|(_, _, chunk, _)| *chunk).collect();
            let mut indexes = same.iter().map(|(.., index)| *index);
            segment.decode_chunks(&block, &chunks, &self.wanted[*part], |_, chunk| {
                if let Some(index) = indexes.next() {
                    read[index] = Some(chunk);
                }
                Ok(())
            })?;
        }
        Ok(read)
    }

    fn finish(mut self) -> Result<Merged> {
        let (groups, partials) = merge_partials(self.cube)?;
        for group in groups {
            self.builder.push_partials(group);
        }
        let is_empty = self.builder.is_empty();
        let segment = if is_empty { None } else { Some(self.builder.finish()?) };
        Ok(Merged { segment, chunks: self.chunks, partials })
    }
}

/// The live attributes of partial keys, and where each row is from.
fn merge_partials(cube: &Cube) -> Result<(Vec<PartialGroup>, Vec<Origin>)> {
    type Rows = BTreeMap<Vec<Box<str>>, (Vec<Box<str>>, Origin)>;
    let mut groups: BTreeMap<Vec<u16>, (Vec<String>, Rows)> = BTreeMap::new();
    for part in cube.parts() {
        for (group, numbers) in part.live_partials()? {
            let (attributes, rows) = groups.entry(group.dimensions).or_default();
            let mut columns = Vec::with_capacity(group.attributes.len());
            for id in group.attributes {
                let known = attributes.iter().position(|known| *known == id);
                columns.push(known.unwrap_or_else(|| {
                    attributes.push(id);
                    attributes.len() - 1
                }));
            }
            for (row, number) in group.rows.into_iter().zip(numbers) {
                let origin = (part.id(), number);
                let (values, _) = rows.entry(row.key).or_insert_with(|| (Vec::new(), origin));
                for (column, value) in columns.iter().zip(row.values) {
                    if values.len() <= *column {
                        values.resize(column + 1, Box::default());
                    }
                    values[*column] = value;
                }
            }
        }
    }
    let mut origins = Vec::new();
    let mut merged = Vec::new();
    for (dimensions, (attributes, rows)) in groups {
        let mut group = PartialGroup { dimensions, attributes, rows: Vec::new() };
        for (key, (mut values, origin)) in rows {
            values.resize(group.attributes.len(), Box::default());
            group.rows.push(PartialRow { key, values });
            origins.push(origin);
        }
        if !group.rows.is_empty() {
            merged.push(group);
        }
    }
    Ok((merged, origins))
}
