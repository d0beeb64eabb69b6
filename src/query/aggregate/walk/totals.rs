//! Stored totals of whole chunks, where nothing but the series decides: added a thousand at a time,
//! column by column, so that each table of a segment is read in one run.

use crate::error::Result;
use crate::index::Selection;
use crate::query::aggregate::keys::ranked::RankedOf;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::segment::Total;
use crate::store::PeriodFilter;

/// Chunks added at a time: what is kept of them fits the second cache.
const BATCH: usize = 1_024;

/// Some chunks, and what is stored of them.
#[derive(Debug, Default)]
struct Batch {
    chunks: Vec<u32>,
    /// The rows of their groups, of one cell each.
    rows: Vec<Row>,
    observations: Vec<u64>,
    /// For each of the measures wanted, the totals of the chunks.
    totals: Vec<Vec<Total>>,
}

impl Work<'_> {
    /// Whether all chunks of a part are added so.
    pub(crate) fn adds_totals_alone(&self, part: usize) -> bool {
        let (spec, part) = (self.spec, &self.source.cube().parts()[part]);
        spec.reads_totals()
            && !spec.has_specials_of_periods()
            && spec.conditions.is_empty()
            && matches!(self.scan.periods, PeriodFilter::All)
            && part.segment().is_one_to_one()
    }

    /// Adds the totals of these series of a part, whose packed keys are given. `left` gets the
    /// series whose totals do not say everything.
    pub(crate) fn add_totals_alone(
        &mut self,
        part: usize,
        (selection, packed): (&Selection, &[u64]),
        left: &mut Vec<u32>,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let measures = self.spec.measures();
        let mut batch = Batch { totals: vec![Vec::new(); measures.len()], ..Batch::default() };
        // Each series has one chunk, of the same number.
        let mut pairs = selection.iter().zip(packed);
        loop {
            self.check_cancelled()?;
            batch.chunks.clear();
            batch.rows.clear();
            for (chunk, key) in pairs.by_ref().take(BATCH) {
                batch.chunks.push(chunk);
                batch.rows.push(self.row(*key, reserve)?);
            }
            if batch.chunks.is_empty() {
                return Ok(());
            }
            self.read_batch(part, &measures, &mut batch, left)?;
            self.add_batch(part, &measures, &batch)?;
        }
    }

    /// Reads what is stored of the chunks of a batch, and leaves out those of which it is not all.
    fn read_batch(
        &self,
        part: usize,
        measures: &[usize],
        batch: &mut Batch,
        left: &mut Vec<u32>,
    ) -> Result<()> {
        let part = &self.source.cube().parts()[part];
        let mut is_exact = true;
        for (measure, totals) in measures.iter().zip(&mut batch.totals) {
            totals.clear();
            for chunk in &batch.chunks {
                let total = part.total(*measure, *chunk)?;
                is_exact &= total.is_exact;
                totals.push(total);
            }
        }
        if !is_exact {
            let count = batch.chunks.len();
            let exact = |at: usize| batch.totals.iter().all(|totals| totals[at].is_exact);
            let exact: Vec<bool> = (0..count).map(exact).collect();
            let others = batch.chunks.iter().zip(&exact).filter(|(_, exact)| !**exact);
            left.extend(others.map(|(chunk, _)| *chunk));
            keep(&mut batch.chunks, &exact);
            keep(&mut batch.rows, &exact);
            batch.totals.iter_mut().for_each(|totals| keep(totals, &exact));
        }
        batch.observations.clear();
        for chunk in &batch.chunks {
            batch.observations.push(u64::from(part.span(*chunk)?.observations));
        }
        Ok(())
    }

    fn add_batch(&mut self, part: usize, measures: &[usize], batch: &Batch) -> Result<()> {
        let Batch { chunks, rows, observations, totals } = batch;
        for (row, observations) in rows.iter().zip(observations) {
            self.cells.rows[row.start] += observations;
        }
        for cells in &mut self.cells.inputs {
            for (special, cells) in &mut cells.specials {
                let ranked = self.spec.specials[*special].ranked();
                let Some(RankedOf::Series(table)) = ranked.map(|ranked| &ranked.of) else {
                    continue;
                };
                for (row, series) in rows.iter().zip(chunks) {
                    cells.meet(row.start, table.number(self.source.cube(), part, *series)?);
                }
            }
            let place = measures.iter().position(|measure| Some(*measure) == cells.input.measure);
            let Some(totals) = place.and_then(|place| totals.get(place)) else { continue };
            for ((row, observations), total) in rows.iter().zip(observations).zip(totals) {
                cells.add_total(*row, *observations, total)?;
            }
        }
        Ok(())
    }
}

/// Keeps what is marked.
fn keep<T>(all: &mut Vec<T>, marks: &[bool]) {
    let mut marks = marks.iter();
    all.retain(|_| marks.next().is_some_and(|mark| *mark));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_marked() {
        let mut all = vec!['a', 'b', 'c'];
        keep(&mut all, &[true, false, true]);
        assert_eq!(all, ['a', 'c']);
    }
}
