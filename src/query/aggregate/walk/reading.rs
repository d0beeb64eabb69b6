//! Which chunks are read: decided before their blocks are.

use crate::error::Result;
use crate::query::aggregate::walk::work::{Reserve, Step, Work};
use crate::store::PeriodFilter;

/// What becomes of the chunks that need not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// There are none: all are read.
    All,
    /// Their stored totals were added before.
    Rest,
    /// Their stored totals are added on the way.
    Totals,
}

impl Work<'_> {
    /// Whether chunks are decided on the way from block to block: they differ in what must be read of
    /// them, and nothing but their totals is stored that answers.
    pub(crate) fn decides_on_the_way(&self) -> bool {
        let is_part = matches!(self.scan.periods, PeriodFilter::Slots(_));
        let is_of_series = self.spec.conditions.iter().all(|one| one.formula.is_of_series());
        let has_own_states = self.spec.reads_spans() || !self.spec.specials.is_empty();
        (is_part || !is_of_series)
            && !has_own_states
            && (self.is_plain() || self.takes_pieces())
            && !self.decides_by_pages()
    }

    /// Whether all chunks are decided by the pages of the tables, many at a time, before the first
    /// block is read.
    fn decides_by_pages(&self) -> bool {
        let parts = 0..self.source.cube().parts().len();
        self.spec.reads_stored() && parts.into_iter().all(|part| self.adds_totals_alone(part))
    }

    /// Whether a chunk must be read, by its part, series, and number in the part.
    pub(crate) fn is_read(
        &mut self,
        reading: Reading,
        (part, series, chunk): (usize, u32, u32),
        reserve: Reserve<'_>,
    ) -> Result<bool> {
        if reading == Reading::All {
            return Ok(true);
        }
        // Of series with one chunk, the rest is what must be read.
        let segment = self.source.cube().parts()[part].segment();
        if reading == Reading::Rest && segment.is_one_to_one() {
            return Ok(true);
        }
        self.check_cancelled()?;
        let facts = self.facts(part, series, chunk)?;
        match (self.step(&facts)?, reading) {
            (Step::Read, _) => Ok(true),
            (Step::Total, Reading::Totals) => {
                let key = self.key(part, series)?;
                let row = self.row(key, reserve)?;
                self.add_total(&facts, row)?;
                Ok(false)
            }
            (Step::Skip | Step::Total, _) => Ok(false),
        }
    }
}
