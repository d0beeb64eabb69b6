//! What answers for all series of a part at once: totals by period, and the bitmaps of the index.

use crate::error::Result;
use crate::index::Selection;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::keys::grouping::SeriesKey;
use crate::query::aggregate::keys::ranked::RankedOf;
use crate::query::aggregate::keys::series::SeriesTable;
use crate::query::aggregate::state::special::Special;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::query::scan::{ScanSpec, Source};
use crate::store::{PeriodFilter, Selections};

/// What answers for all series of some parts, without a look at any of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Summary {
    /// The parts, by their place in the cube.
    parts: Vec<usize>,
    /// Whether totals by period are added; else codes say it all.
    has_lines: bool,
}

impl Summary {
    /// What answers at once, and the series that it does not answer for.
    ///
    /// # Errors
    ///
    /// As of reading indexes and totals by period.
    pub(crate) fn of(
        source: &Source,
        scan: &ScanSpec,
        spec: &AggregateSpec,
    ) -> Result<(Self, Selections)> {
        let mut rest = Selections::clone(&scan.series);
        let summary = if follows_from_codes(scan, spec) {
            Self { parts: parts_by_code(source, scan, spec)?, has_lines: false }
        } else {
            Self { parts: parts_by_period(source, scan, spec)?, has_lines: true }
        };
        for part in &summary.parts {
            rest.0[*part] = Selection::empty();
        }
        Ok((summary, rest))
    }

    /// Whether it answers for no series.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether it answers by codes alone.
    pub(crate) fn is_by_code(&self) -> bool {
        !self.has_lines
    }
}

/// Whether nothing matters but which codes of single dimensions occur: those of the one that is
/// grouped by, or those that functions look at.
fn follows_from_codes(scan: &ScanSpec, spec: &AggregateSpec) -> bool {
    let is_plain = spec.keys.attributes.is_none()
        && spec.keys.periods.is_none()
        && spec.conditions.is_empty()
        && scan.periods == PeriodFilter::All
        && spec.reads_spans();
    let has_codes = |key: &&SeriesKey| key.table.dimension().is_some();
    is_plain
        && match wide_keys(spec).as_slice() {
            [] => spec.specials.iter().all(|special| codes(special).is_some()),
            [key] => has_codes(key) && spec.specials.is_empty(),
            _ => false,
        }
}

/// The parts of the key that tell series apart.
fn wide_keys(spec: &AggregateSpec) -> Vec<&SeriesKey> {
    spec.keys.series.iter().filter(|key| key.values.len() != 1).collect()
}

/// The numbers of the codes of one dimension that a function looks at; absent where it looks at
/// something else.
fn codes(special: &Special) -> Option<&SeriesTable> {
    match &special.ranked()?.of {
        RankedOf::Series(table) => table.dimension().is_some().then_some(table),
        RankedOf::Period(_) | RankedOf::Place | RankedOf::Attributes(..) => None,
    }
}

/// The dimensions whose codes matter.
fn dimensions(spec: &AggregateSpec) -> impl Iterator<Item = usize> {
    let of_keys = wide_keys(spec).into_iter().map(|key| &key.table);
    let tables = of_keys.chain(spec.specials.iter().filter_map(codes));
    tables.filter_map(SeriesTable::dimension)
}

/// The parts whose bitmaps tell which codes occur sooner than their series do.
fn parts_by_code(source: &Source, scan: &ScanSpec, spec: &AggregateSpec) -> Result<Vec<usize>> {
    let mut parts = Vec::new();
    for (index, (part, series)) in source.cube().parts().iter().zip(&scan.series.0).enumerate() {
        let mut is_told = !series.is_empty();
        for dimension in dimensions(spec) {
            is_told = is_told && part.tells_codes(dimension, series)?;
        }
        if is_told {
            parts.push(index);
        }
    }
    Ok(parts)
}

/// The parts for whose series totals by period answer.
fn parts_by_period(source: &Source, scan: &ScanSpec, spec: &AggregateSpec) -> Result<Vec<usize>> {
    let measures = measures(source, spec);
    let cube = source.cube();
    // What is selected is live.
    let mut whole = cube.parts().iter().zip(&scan.series.0);
    let is_whole = whole.all(|(part, series)| series.len() == part.live_series().len());
    if !is_whole || !follows_from_periods(scan, spec) || measures.is_empty() {
        return Ok(Vec::new());
    }
    let reads_bounds = spec.functions.iter().any(|function| function.needs_extremes());
    let parts = cube.period_totals(measures[0])?.parts();
    for measure in measures {
        let known = cube.period_totals(measure)?;
        if known.parts() != parts || reads_bounds && !known.totals().has_true_bounds() {
            return Ok(Vec::new());
        }
    }
    Ok(parts.to_vec())
}

/// Whether all observations of a period belong to one group and every input reads them, but for
/// functions of the codes that occur at any time.
fn follows_from_periods(scan: &ScanSpec, spec: &AggregateSpec) -> bool {
    let has_all_periods = spec.keys.periods.is_none() && scan.periods == PeriodFilter::All;
    let is_known = |special: &Special| {
        let is_of_period = special.is_of_period() && special.is_of_keys();
        is_of_period || has_all_periods && codes(special).is_some()
    };
    spec.keys.attributes.is_none()
        && spec.keys.series.iter().all(|key| key.values.len() == 1)
        && spec.conditions.is_empty()
        && spec.specials.iter().all(is_known)
        && !spec.functions.iter().any(|function| function.needs_squares())
}

/// The measures whose totals by period are read: any, where only observations are counted.
pub(super) fn measures(source: &Source, spec: &AggregateSpec) -> Vec<usize> {
    let mut measures = spec.measures();
    if measures.is_empty() && !source.cube().flow().measures().is_empty() {
        measures.push(0);
    }
    measures
}

impl Work<'_> {
    /// Adds what answers for all series of some parts.
    pub(crate) fn add_summary(&mut self, summary: &Summary, reserve: Reserve<'_>) -> Result<()> {
        if summary.has_lines && !summary.is_empty() {
            self.add_lines(reserve)?;
        }
        for part in &summary.parts {
            self.add_codes(*part, summary.has_lines, reserve)?;
        }
        Ok(())
    }

    /// Adds the codes that occur in a part: the groups that they are, unless observations were
    /// counted, and what functions look at.
    fn add_codes(&mut self, part: usize, is_counted: bool, reserve: Reserve<'_>) -> Result<()> {
        let (part, series) = (&self.source.cube().parts()[part], &self.scan.series.0[part]);
        if let Some(key) = wide_keys(self.spec).first()
            && let Some(dimension) = key.table.dimension()
        {
            for code in part.codes_within(dimension, series)? {
                self.check_cancelled()?;
                let row = self.row(u64::from(key.table.of_code(code)) * key.stride, reserve)?;
                self.cells.rows[row.start] += 1;
            }
            return Ok(());
        }
        let specials: Vec<&Special> = self.spec.specials.iter().collect();
        if is_counted && !specials.iter().any(|special| codes(special).is_some()) {
            return Ok(());
        }
        let cell = self.row(0, reserve)?.start;
        self.cells.rows[cell] += u64::from(!is_counted);
        for (place, cells) in self.cells.inputs.iter_mut().flat_map(|cells| &mut cells.specials) {
            let Some(table) = codes(specials[*place]) else { continue };
            let Some(dimension) = table.dimension() else { continue };
            for code in part.codes_within(dimension, series)? {
                cells.meet(cell, table.of_code(code));
            }
        }
        Ok(())
    }
}
