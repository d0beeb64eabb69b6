//! Takes in the rows that delete.
//!
//! A row with a whole key and a period deletes an observation, or some of its values; it goes the
//! way of all rows. Any other deletes what lies in a region: an empty dimension or period stands
//! for all there are. What a row deletes is told from it alone:
//!
//! * Where it names nothing beside dimensions, everything goes that lies in the region as a whole:
//!   observations; attributes of keys that have every dimension that is given, where no period is.
//! * Where it names components, by any text, their values go, and nothing else. An attribute of a
//!   key is found by the dimensions of that key; if all of them are given, the others and the period
//!   do not matter, as in rows that set it. Else it must lie in the region as a whole.
//! * Where a dimension is `~`, what is attached to it stays.
//!
//! Source: SDMX-CSV 2.1 field guide, "ACTION"; SDMX-ML 3.1, section 4.1.

use crate::model::{Cell, ComponentRole, NOT_ATTACHED};
use crate::segment::Stored;
use crate::store::load::cells::{Fault, check_text};
use crate::store::load::intake::{Intake, PartialIntake};
use crate::store::load::regions::Target;

/// What a row that deletes says of its dimensions.
struct Region {
    /// The dimensions that have a code, ascending.
    given: Vec<usize>,
    /// The dimensions that are `~`.
    off: Vec<usize>,
    /// The number of the period, where there is one.
    period: Option<u32>,
    /// Whether the period is `~`.
    is_timeless: bool,
}

/// What a value is attached to.
enum Level {
    Observation,
    Series,
    /// A partial key, by its number among [`Intake::partials`].
    Partial(usize),
}

impl Intake {
    /// Takes in a row that deletes; `number` finds it again.
    pub(super) fn take_delete(&mut self, cells: &[Cell<'_>], number: u32) -> Result<(), Fault> {
        let region = self.region(cells)?;
        let mut of_observations = Vec::new();
        let mut of_series = Vec::new();
        let mut of_partials = vec![Vec::new(); self.partials.len()];
        for target in self.targets(cells, &region)? {
            match self.level(target) {
                Level::Observation => of_observations.push(target),
                Level::Series => of_series.push(target),
                Level::Partial(at) => of_partials[at].push(target),
            }
        }
        let codes: Vec<u32> = region.given.iter().map(|at| self.region_code(cells, *at)).collect();
        let limit = (region.given.as_slice(), codes.as_slice());
        match region.period {
            Some(period) if region.given.len() == self.codes.len() => {
                self.delete_of_observation(cells, period, number, &of_observations);
            }
            // Attributes have no period.
            Some(period) if self.flow.time_index().is_some() => {
                self.regions.push(limit, (number, Some(period)), &of_observations);
            }
            _ => of_series.extend(of_observations),
        }
        self.regions.push(limit, (number, None), &of_series);
        for (partial, targets) in self.partials.iter_mut().zip(of_partials) {
            let of_key = region.given.iter().copied().zip(codes.iter().copied());
            let (given, codes): (Vec<usize>, Vec<u32>) =
                of_key.filter(|(at, _)| partial.dimensions.contains(at)).unzip();
            partial.regions.push((&given, &codes), (number, None), &targets);
        }
        Ok(())
    }

    /// Checks the dimensions and the period.
    fn region(&mut self, cells: &[Cell<'_>]) -> Result<Region, Fault> {
        let (mut given, mut off) = (Vec::new(), Vec::new());
        for position in 0..self.codes.len() {
            if let Some(code) = self.code(cells, position) {
                check_text(&self.flow.components()[position], position, code)?;
                given.push(position);
            } else if cells[position] == Some(NOT_ATTACHED) {
                off.push(position);
            }
        }
        let period = self.check_period(cells)?.map(|period| self.keep_period(&period));
        let time = self.flow.time_index();
        let is_timeless = time.is_some_and(|time| cells[time] == Some(NOT_ATTACHED));
        Ok(Region { given, off, period, is_timeless })
    }

    /// What goes: the components that the row names, or all that lies in the region as a whole.
    fn targets(&self, cells: &[Cell<'_>], region: &Region) -> Result<Vec<Target>, Fault> {
        let first = self.flow.measures_from();
        let components = self.flow.components();
        let speaks = |position: &usize| cells[*position].is_some_and(|text| !text.is_empty());
        let named: Vec<usize> = (first..components.len()).filter(speaks).collect();
        for position in &named {
            let id = &components[*position].id;
            let (off, has_no_time) = match &components[*position].role {
                ComponentRole::KeyAttribute(on) => {
                    (region.off.iter().find(|off| on.contains(off)), false)
                }
                _ => (region.off.first(), region.is_timeless),
            };
            let time = self.flow.time_index().filter(|_| has_no_time);
            if let Some(off) = off.copied().or(time) {
                let reason = format!("may not be {NOT_ATTACHED}: {id} is attached to it");
                return Err(Fault::of(off, reason));
            }
        }
        let mut targets = Vec::new();
        if named.is_empty() && region.off.is_empty() && !region.is_timeless {
            targets.push(Target::Observations);
        }
        let is_dated = self.flow.time_index().is_some() && region.period.is_some();
        for (position, component) in components.iter().enumerate().skip(first) {
            let is_named = named.contains(&position);
            let is_meant = match &component.role {
                ComponentRole::KeyAttribute(on) => {
                    let is_whole = region.given.iter().all(|given| on.contains(given))
                        && !region.off.iter().any(|off| on.contains(off))
                        && !is_dated;
                    let is_exact = on.iter().all(|on| region.given.contains(on));
                    if is_named { is_whole || is_exact } else { is_whole && named.is_empty() }
                }
                _ => is_named,
            };
            if is_meant {
                targets.push(Target::Component(position - first));
            }
        }
        Ok(targets)
    }

    fn level(&self, target: Target) -> Level {
        let Target::Component(at) = target else { return Level::Observation };
        let position = self.flow.measures_from() + at;
        if self.series_attributes.contains(&position) {
            return Level::Series;
        }
        let of_partial = |partial: &PartialIntake| partial.attributes.contains(&position);
        self.partials.iter().position(of_partial).map_or(Level::Observation, Level::Partial)
    }

    /// Keeps a row that deletes of one observation: what it names has a value, any.
    fn delete_of_observation(
        &mut self,
        cells: &[Cell<'_>],
        period: u32,
        number: u32,
        targets: &[Target],
    ) {
        if targets.is_empty() {
            return;
        }
        let first = self.flow.measures_from();
        let is_named = |position: usize| targets.contains(&Target::Component(position - first));
        let named = Stored { bits: 0, scale: 0 };
        let values: Vec<Stored> = (first..self.flow.attributes_from())
            .map(|position| if is_named(position) { named } else { Stored::NONE })
            .collect();
        let attributes = self.observation_attributes.iter();
        let tuple: Vec<u32> = attributes.map(|position| u32::from(is_named(*position))).collect();
        let tuple = self.tuples.number(&tuple).0;
        let series = self.keep_key(cells);
        self.push(series, period, tuple, number, &values);
    }

    /// The number of a code that a deletion is limited to.
    fn region_code(&mut self, cells: &[Cell<'_>], dimension: usize) -> u32 {
        let (code, texts) = (cells[dimension].unwrap_or_default(), &mut self.partial_codes);
        let texts = &mut texts[dimension];
        texts.find(code).unwrap_or_else(|| texts.add(code))
    }
}
