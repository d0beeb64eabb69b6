//! Stored totals by period, where nothing but the period decides: they answer for all series of a
//! part at once.

use std::ops::Range;

use arrow::array::Array;

use crate::error::Result;
use crate::index::Selection;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::target::Target;
use crate::query::aggregate::work::{Reserve, Work};
use crate::query::scan::{ScanSpec, Source};
use crate::segment::PeriodLine;
use crate::store::{Part, Selections};

/// The parts whose totals by period answer, and the series of the others.
pub(super) fn parts_by_period(
    source: &Source,
    scan: &ScanSpec,
    spec: &AggregateSpec,
) -> Result<(Vec<usize>, Selections)> {
    let mut rest = Selections::clone(&scan.series);
    let mut parts = Vec::new();
    if !fits(spec) {
        return Ok((parts, rest));
    }
    let measures = measures(source, spec);
    let reads_bounds = spec.functions.iter().any(|function| function.needs_extremes());
    for (index, (part, selection)) in source.cube().parts().iter().zip(&mut rest.0).enumerate() {
        // What is selected is live.
        let is_whole = selection.len() == part.live_series().len() && !selection.is_empty();
        if is_whole && !measures.is_empty() && has_lines(part, &measures, reads_bounds)? {
            parts.push(index);
            *selection = Selection::empty();
        }
    }
    Ok((parts, rest))
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

fn has_lines(part: &Part, measures: &[usize], reads_bounds: bool) -> Result<bool> {
    for measure in measures {
        match part.period_totals(*measure)? {
            Some(totals) if totals.has_true_bounds() || !reads_bounds => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

impl Work<'_> {
    /// Adds the totals by period of these parts.
    pub(super) fn add_lines(&mut self, parts: &[usize], reserve: Reserve<'_>) -> Result<()> {
        for part in parts {
            let part = &self.source.cube().parts()[*part];
            let group = self.group(0, reserve)?;
            for (place, measure) in measures(self.source, self.spec).into_iter().enumerate() {
                let Some(totals) = part.period_totals(measure)? else { continue };
                for line in totals.lines() {
                    self.check_cancelled()?;
                    self.add_line(line, group, (place == 0, measure))?;
                }
            }
        }
        Ok(())
    }

    /// Adds a line of a measure; `is_first` if observations are to be counted.
    fn add_line(
        &mut self,
        line: &PeriodLine,
        group: usize,
        (is_first, measure): (bool, usize),
    ) -> Result<()> {
        let place = self.place(line.form(), line.first())?;
        let target = Target::new(&self.spec.keys, place.unwrap_or_default(), group);
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
