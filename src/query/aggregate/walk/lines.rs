//! Stored totals by period, where nothing but the period decides: they answer for all series at
//! once.

use std::ops::Range;

use arrow::array::Array;

use crate::error::Result;
use crate::index::Selection;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::walk::target::Target;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::query::scan::{ScanSpec, Source};
use crate::segment::PeriodLine;
use crate::store::Selections;

/// Whether totals by period answer, and the series that they do not answer for.
pub(crate) fn by_period(
    source: &Source,
    scan: &ScanSpec,
    spec: &AggregateSpec,
) -> Result<(bool, Selections)> {
    let mut rest = Selections::clone(&scan.series);
    let measures = measures(source, spec);
    let cube = source.cube();
    // What is selected is live.
    let mut whole = cube.parts().iter().zip(&rest.0);
    let is_whole = whole.all(|(part, series)| series.len() == part.live_series().len());
    if !is_whole || !fits(spec) || measures.is_empty() {
        return Ok((false, rest));
    }
    let reads_bounds = spec.functions.iter().any(|function| function.needs_extremes());
    let parts = cube.period_totals(measures[0])?.parts();
    for measure in measures {
        let known = cube.period_totals(measure)?;
        if known.parts() != parts || reads_bounds && !known.totals().has_true_bounds() {
            return Ok((false, rest));
        }
    }
    for index in parts {
        rest.0[*index] = Selection::empty();
    }
    Ok((!parts.is_empty(), rest))
}

/// Whether all observations of a period belong to one group, and every input reads them.
fn fits(spec: &AggregateSpec) -> bool {
    spec.keys.attributes.is_none()
        && spec.keys.series.iter().all(|key| key.values.len() == 1)
        && spec.conditions.is_empty()
        && spec.specials.is_empty()
        && !spec.functions.iter().any(|function| function.needs_squares())
}

/// The measures whose lines are read: any, where only observations are counted.
fn measures(source: &Source, spec: &AggregateSpec) -> Vec<usize> {
    let mut measures = spec.measures();
    if measures.is_empty() && !source.cube().flow().measures().is_empty() {
        measures.push(0);
    }
    measures
}

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
                self.cells.rows[target.at(position)] += total.observations;
            }
            let inputs = self.cells.inputs.iter_mut();
            for cells in inputs.filter(|cells| cells.input.measure == Some(measure)) {
                cells.add_period_total(target.cell(position), &total, line.scale())?;
            }
        }
        Ok(())
    }
}
