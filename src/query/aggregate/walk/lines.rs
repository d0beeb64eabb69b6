//! Stored totals by period, where nothing but the period decides: they answer for all series at
//! once.

use std::ops::Range;

use crate::error::Result;
use crate::query::aggregate::walk::summary::measures;
use crate::query::aggregate::walk::target::Target;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::segment::PeriodLine;

impl Work<'_> {
    /// Adds the totals by period.
    pub(crate) fn add_lines(&mut self, reserve: Reserve<'_>) -> Result<()> {
        for (place, measure) in measures(self.source, self.spec).into_iter().enumerate() {
            for line in self.source.cube().period_totals(measure)?.totals().lines() {
                self.check_cancelled()?;
                self.add_line(line, (place == 0, measure), reserve)?;
            }
        }
        Ok(())
    }

    /// Adds a line of a measure; `is_first` if observations are to be counted.
    fn add_line(
        &mut self,
        line: &PeriodLine,
        (is_first, measure): (bool, usize),
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let place = self.place(line.form(), line.first())?;
        let place = place.unwrap_or_default();
        let mut rows = Vec::new();
        let first = self.rows(0, (place, line.len()), &mut rows, reserve)?;
        let target = Target::new(&self.spec.keys, place, (&rows, first));
        let wanted: Vec<Range<usize>> =
            self.scan.periods.positions(line.form(), line.first(), line.len());
        for position in wanted.into_iter().flatten() {
            let total = line.get(position);
            if total.observations == 0 {
                continue;
            }
            if is_first {
                let cell = target.at(position);
                self.cells.rows[cell] += total.observations;
                let inputs = self.cells.inputs.iter_mut();
                for (special, cells) in inputs.flat_map(|cells| &mut cells.specials) {
                    if let Some(ranked) = self.spec.specials[*special].ranked() {
                        // What follows from the series has no number by period.
                        cells.meet(cell, ranked.of_place(place + position));
                    }
                }
            }
            let inputs = self.cells.inputs.iter_mut();
            for cells in inputs.filter(|cells| cells.input.measure == Some(measure)) {
                cells.add_period_total(target.cell(position), &total, line.scale())?;
            }
        }
        Ok(())
    }
}
