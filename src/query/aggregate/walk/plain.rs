//! Chunks whose observations all go to one group, and that every input reads whole: straight from
//! the decoded block, run by run.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::walk::reading::Reading;
use crate::query::aggregate::walk::target::Target;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::segment;
use crate::segment::ChunkSpan;
use crate::store::{Block, BlockChunk, Chunk, Coverage, PeriodFilter, ScanRequest};

/// Lists that are used again for every chunk.
#[derive(Debug, Default)]
struct Runs {
    /// Positions that the request wants.
    wanted: Vec<Range<usize>>,
    /// Those with an observation.
    present: Vec<Range<usize>>,
    /// Those with a number.
    numbers: Vec<Range<usize>>,
    /// The rows of the group.
    rows: Vec<Row>,
}

impl Work<'_> {
    /// Decodes blocks and adds their values.
    pub(crate) fn run_blocks(
        &mut self,
        request: ScanRequest,
        reading: Reading,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let mut blocks = self.source.cube().blocks_of(request);
        let (mut runs, mut keys) = (Runs::default(), Vec::new());
        loop {
            self.check_cancelled()?;
            let mut wants = |part: usize, series: u32, chunk: u32| {
                self.is_read(reading, (part, series, chunk), reserve)
            };
            let Some(block) = blocks.next_where(&mut wants)? else { break };
            self.keys(block.part(), &block.series(), &mut keys)?;
            for (chunk, key) in block.chunks().zip(&keys) {
                self.add_plain(block, &chunk, *key, &mut runs, reserve)?;
            }
            self.reserve_grown(reserve)?;
        }
        Ok(())
    }

    /// Sets `out` to the positions of a chunk that the scan wants.
    pub(crate) fn wanted_into(
        &self,
        block: Block<'_>,
        chunk: &BlockChunk,
        out: &mut Vec<Range<usize>>,
    ) {
        if let PeriodFilter::All = self.scan.periods {
            out.clear();
            out.push(0..usize::from(chunk.span.slots));
        } else {
            block.positions_into(chunk, out);
        }
    }

    /// How much is wanted of a chunk, where a part of which all is known is as good as all.
    pub(crate) fn coverage(&self, span: &ChunkSpan) -> Coverage {
        let coverage = self.scan.periods.coverage(span.form, span.first, span.slots.into());
        let is_known = || span.observations == span.slots && self.spec.counts_alone();
        if coverage == Coverage::Part && is_known() { Coverage::All } else { coverage }
    }

    fn add_plain(
        &mut self,
        block: Block<'_>,
        chunk: &BlockChunk,
        key: u64,
        runs: &mut Runs,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        self.wanted_into(block, chunk, &mut runs.wanted);
        let Runs { wanted, present, numbers, rows } = runs;
        let present = left(wanted, block.absent(chunk), chunk.from, present);
        if present.is_empty() {
            return Ok(());
        }
        let mut measures = self.cells.inputs.iter().filter_map(|cells| cells.input.measure);
        if measures.any(|measure| block.has_texts(measure, chunk)) {
            return self.add_decoded(block, chunk, key, wanted, reserve);
        }
        let place = self.place(chunk.span.form, chunk.span.first)?.unwrap_or_default();
        let first = self.rows(key, (place, chunk.span.slots.into()), rows, reserve)?;
        let target = Target::new(&self.spec.keys, place, (rows, first));
        for run in present {
            target.count_run(run, &mut self.cells.rows);
        }
        for cells in &mut self.cells.inputs {
            let Some(measure) = cells.input.measure else { continue };
            let (values, missing) = (block.numbers(measure, chunk), block.missing(measure, chunk));
            let numbers = left(present, missing, chunk.from, numbers);
            if !cells.has_only_specials {
                if !missing.is_empty() {
                    target.add_missing(positions(missing, chunk.from, wanted), cells);
                }
                target.add_runs(values, numbers, cells)?;
            }
            for (_, cells) in &mut cells.specials {
                for run in numbers {
                    cells.add_run(values, run, &target);
                }
            }
        }
        Ok(())
    }

    /// Adds a chunk with texts, which is seldom, by way of the chunk as a whole.
    pub(crate) fn add_decoded(
        &mut self,
        block: Block<'_>,
        chunk: &BlockChunk,
        key: u64,
        wanted: &[Range<usize>],
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let mut data = segment::Chunk::empty();
        block.decode(chunk, &mut data)?;
        let decoded = Chunk {
            part: block.part(),
            series: chunk.series,
            chunk: chunk.chunk,
            positions: wanted.to_vec(),
            data: Arc::new(data),
        };
        self.add_chunk(&decoded, key, reserve)
    }
}

/// The same as [`without`]; `out` is only used where some are left out.
pub(crate) fn left<'a>(
    runs: &'a [Range<usize>],
    slots: &[u32],
    from: usize,
    out: &'a mut Vec<Range<usize>>,
) -> &'a [Range<usize>] {
    if slots.is_empty() {
        return runs;
    }
    without(runs, slots, from, out);
    out
}

/// Sets `out` to `runs` without the positions of these slots, which ascend; position 0 is at slot
/// `from`.
pub(crate) fn without(
    runs: &[Range<usize>],
    slots: &[u32],
    from: usize,
    out: &mut Vec<Range<usize>>,
) {
    out.clear();
    let mut slots = slots.iter().map(|slot| (*slot as usize).saturating_sub(from)).peekable();
    for run in runs {
        let mut start = run.start;
        while slots.next_if(|at| *at < start).is_some() {}
        while let Some(at) = slots.next_if(|at| *at < run.end) {
            if start < at {
                out.push(start..at);
            }
            start = at + 1;
        }
        if start < run.end {
            out.push(start..run.end);
        }
    }
}

/// The positions of these slots that are in one of `runs`.
pub(crate) fn positions<'a>(
    slots: &'a [u32],
    from: usize,
    runs: &'a [Range<usize>],
) -> impl Iterator<Item = usize> + 'a {
    let positions = slots.iter().map(move |slot| (*slot as usize).saturating_sub(from));
    positions.filter(|position| runs.iter().any(|run| run.contains(position)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_leave_out_the_positions_listed() {
        let check = |slots: &[u32], expected: &[Range<usize>]| {
            let mut found = Vec::new();
            let found = left(&[2..5, 7..10], slots, 100, &mut found);
            assert_eq!(found, expected, "{slots:?}");
        };
        check(&[], &[2..5, 7..10]);
        check(&[100, 103, 106, 109], &[2..3, 4..5, 7..9]);
        check(&[102, 103, 107], &[4..5, 8..10]);
        check(&[102, 103, 104, 107, 108, 109], &[]);
        check(&[101, 105, 110], &[2..5, 7..10]);
        let listed = [102, 105, 109];
        let found: Vec<usize> = positions(&listed, 100, &[2..5, 7..10]).collect();
        assert_eq!(found, [2, 9]);
    }
}
