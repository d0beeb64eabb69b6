//! Chunks of which one period is wanted: its number is taken out of the block as it is packed there.

use crate::error::{Error, Result};
use crate::model::Decimal;
use crate::query::aggregate::state::cells::InputCells;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::walk::target::Target;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::segment::ChunkNumbers;
use crate::store::{Block, BlockChunk, ScanRequest};

impl Work<'_> {
    /// Whether chunks are aggregated so: without their stored totals, which seldom are of one period.
    pub(crate) fn takes_singles(&self) -> bool {
        self.is_plain()
            && self.spec.specials.is_empty()
            && !self.spec.counts_alone()
            && self.scan.periods.is_of_one_slot()
    }

    /// Reads blocks and adds the one number of each chunk.
    pub(crate) fn run_singles(&mut self, request: ScanRequest, reserve: Reserve<'_>) -> Result<()> {
        let mut blocks = self.source.cube().blocks_of(request);
        let (mut rows, mut keys) = (Vec::new(), Vec::new());
        while let Some(block) = blocks.next_placed()? {
            self.check_cancelled()?;
            self.keys(block.part(), &block.series(), &mut keys)?;
            for (chunk, key) in block.chunks().zip(&keys) {
                self.add_single(block, &chunk, *key, &mut rows, reserve)?;
            }
        }
        Ok(())
    }

    fn add_single(
        &mut self,
        block: Block<'_>,
        chunk: &BlockChunk,
        key: u64,
        rows: &mut Vec<Row>,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let hull = block.hull(chunk);
        let mut measures = self.cells.inputs.iter().filter_map(|cells| cells.input.measure);
        if hull.len() != 1 || measures.any(|measure| block.has_texts(measure, chunk)) {
            // Periods that are texts, or values that are: seldom.
            let mut wanted = Vec::new();
            block.positions_into(chunk, &mut wanted);
            return self.add_decoded(block, chunk, key, &wanted, reserve);
        }
        let position = hull.start;
        let slot = u32::try_from(chunk.from + position).unwrap_or(u32::MAX);
        if has(block.absent(chunk), slot) {
            return Ok(());
        }
        let first = self.place(chunk.span.form, chunk.span.first)?;
        let place = first.map_or(0, |first| first + position);
        let first = self.rows(key, (place, 1), rows, reserve)?;
        let cell = Target::new(&self.spec.keys, place, (rows, first)).cell(0);
        self.cells.rows[cell.0.start + cell.1] += 1;
        for cells in &mut self.cells.inputs {
            let Some(measure) = cells.input.measure else { continue };
            if has(block.missing(measure, chunk), slot) {
                cells.lacking[cell.0.start + cell.1] += 1;
            } else {
                add_number((block, chunk), (measure, position), cell, cells)?;
            }
        }
        Ok(())
    }
}

/// Adds the number at a position to a cell; where the chunk has none, counts that.
fn add_number(
    (block, chunk): (Block<'_>, &BlockChunk),
    (measure, position): (usize, usize),
    cell: (Row, usize),
    cells: &mut InputCells,
) -> Result<()> {
    let (mantissa, scale) = match (block.packed(measure, chunk), block.numbers(measure, chunk)) {
        (Some(packed), _) => (packed.get(position), packed.scale()),
        (None, ChunkNumbers::Decimals(mantissas, scale)) => {
            (mantissas.get(position).copied(), scale)
        }
        (None, ChunkNumbers::Doubles(doubles)) => {
            cells.add_double(cell, doubles[position]);
            return Ok(());
        }
        (None, ChunkNumbers::None) => {
            cells.lacking[cell.0.start + cell.1] += 1;
            return Ok(());
        }
    };
    let mantissa = mantissa.ok_or_else(|| Error::bug("a number beyond the end of its block"))?;
    cells.add_decimal(cell, Decimal { mantissa: i128::from(mantissa), scale })
}

/// Whether a slot is among these, which ascend.
#[inline]
fn has(slots: &[u32], slot: u32) -> bool {
    !slots.is_empty() && slots.contains(&slot)
}
