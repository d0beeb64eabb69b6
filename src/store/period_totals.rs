//! Totals by period of a cube: those of its parts together, added up once.

use crate::error::Result;
use crate::segment::PeriodTotals;
use crate::store::cube::Cube;

/// The totals of one measure by period, over all live observations of some parts.
#[derive(Debug, Default)]
pub struct CubeTotals {
    parts: Vec<usize>,
    totals: PeriodTotals,
}

impl CubeTotals {
    /// The parts that they are about; of the others the chunks must be decoded.
    pub fn parts(&self) -> &[usize] {
        &self.parts
    }

    /// The totals, each period once a form.
    pub fn totals(&self) -> &PeriodTotals {
        &self.totals
    }
}

impl Cube {
    /// The totals of a measure by period, over the parts that have them. Reads blocks the first
    /// time, of parts that were revised and of small ones.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn period_totals(&self, measure: usize) -> Result<&CubeTotals> {
        let cell = self.period_totals_cell(measure);
        if let Some(known) = cell.get() {
            return Ok(known);
        }
        let mut all = CubeTotals::default();
        for (index, part) in self.parts().iter().enumerate() {
            let Some(totals) = part.period_totals(measure)? else { continue };
            // Where the sums have too many digits together, the part is one of the others.
            if let Some(together) = all.totals.with(&totals) {
                all.totals = together;
                all.parts.push(index);
            }
        }
        Ok(cell.get_or_init(|| all))
    }
}
