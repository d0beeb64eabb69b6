//! Chunks of which an attribute alone decides where each observation goes.
//!
//! Nearly all observations of a chunk have the same status. What they add up to is the stored total of
//! the chunk less the few others, whose numbers are had from the packed run one by one. So such a chunk
//! is not decoded, and an observation with the usual status costs nothing.

use std::slice;

use crate::error::Result;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::segment::{ChunkNumbers, Total};
use crate::store::{Block, BlockChunk, PeriodFilter, ScanRequest};

/// What follows from a value of the attribute.
struct Decision {
    /// Whether observations that have it pass the filter.
    passes: bool,
    /// The part of the packed key.
    number: u64,
    /// Whether they pass each condition.
    holds: Vec<bool>,
}

/// What observations of a chunk that share a value add up to.
#[derive(Clone, Copy, Debug)]
struct Tally {
    /// The number that the segment has for the value.
    value: u32,
    observations: u64,
}

/// What is used again for every chunk.
#[derive(Default)]
struct Chunks {
    /// Each value that some but not most observations have.
    tallies: Vec<Tally>,
    /// By the number of a value, one more than the place of its tally; 0 has none.
    places: Vec<usize>,
    /// Slots of observations with another value than most, each with the place of its tally.
    others: Vec<(u32, usize)>,
    /// The numbers of each tally in each measure, and last those of the observations with the value that
    /// most have.
    totals: Vec<Total>,
}

impl Work<'_> {
    /// Whether chunks are aggregated so.
    pub(crate) fn takes_tallies(&self) -> bool {
        let spec = self.spec;
        matches!(self.scan.periods, PeriodFilter::All)
            && spec.keys.periods.is_none()
            && spec.attributes().len() == 1
            && spec.specials.is_empty()
            && self.cells.inputs.iter().all(|cells| cells.squares.is_none())
            && spec.conditions.iter().all(|condition| condition.formula.is_of_attributes())
    }

    /// Reads blocks and adds what the observations of their chunks add up to, value by value.
    pub(crate) fn run_tallies(&mut self, request: ScanRequest, reserve: Reserve<'_>) -> Result<()> {
        let (measures, attribute) = (request.measures.clone(), request.attributes.first().copied());
        let mut blocks = self.source.cube().blocks_of(request);
        let (mut last, mut position, mut decisions) = (None, None, Vec::new());
        let (mut chunks, mut keys) = (Chunks::default(), Vec::new());
        while let Some(block) = blocks.next_placed()? {
            self.check_cancelled()?;
            let part = block.part();
            if last != Some(part) {
                last = Some(part);
                position = attribute.and_then(|attribute| self.position(part, attribute));
                decisions = self.decisions(part, position)?;
                chunks.begin(decisions.len());
            }
            self.keys(part, &block.series(), &mut keys)?;
            for (chunk, key) in block.chunks().zip(&keys) {
                let of = (block, &chunk, *key);
                if !self.add_tallies(of, (position, &decisions), &measures, &mut chunks, reserve)? {
                    let all = 0..usize::from(chunk.span.slots);
                    self.add_decoded(block, &chunk, *key, slice::from_ref(&all), reserve)?;
                }
            }
        }
        Ok(())
    }

    /// What follows from each value that the attribute has in a part, by its number there; 0 is none.
    fn decisions(&self, part: usize, position: Option<usize>) -> Result<Vec<Decision>> {
        let segment = self.source.cube().parts()[part].segment();
        let count = match position {
            Some(position) => {
                let before = segment.footer().series_attributes.len();
                u32::try_from(segment.values(before + position)?.len()).unwrap_or(u32::MAX)
            }
            None => 0,
        };
        let spec = self.spec;
        let of_value = |value: u32| {
            let conditions = spec.conditions.iter();
            let holds: Vec<bool> =
                conditions.map(|condition| condition.formula.holds_for(part, value)).collect();
            Decision {
                passes: spec.filter.is_none_or(|filter| holds[filter]),
                number: spec.keys.attributes.as_ref().map_or(0, |by| by.number(part, value)),
                holds,
            }
        };
        Ok((0..=count).map(of_value).collect())
    }

    /// Adds what the observations of a chunk add up to. Says whether that was possible: nothing is added
    /// if they have to be looked at.
    fn add_tallies(
        &mut self,
        (block, chunk, key): (Block<'_>, &BlockChunk, u64),
        (position, decisions): (Option<usize>, &[Decision]),
        measures: &[usize],
        chunks: &mut Chunks,
        reserve: Reserve<'_>,
    ) -> Result<bool> {
        let (most, slots, values) = match position {
            Some(position) => block.attribute(position, chunk),
            None => (0, &[][..], &[][..]),
        };
        let Some(decision) = decisions.get(most as usize) else { return Ok(false) };
        // What others add up to matters for most, too: it is what these do not have.
        let matters = |value: u32| {
            value != most
                && (decision.passes || decisions.get(value as usize).is_none_or(|d| d.passes))
        };
        let absent = block.absent(chunk);
        let is_there = |slot: u32| absent.is_empty() || !absent.contains(&slot);
        let others = slots.iter().copied().zip(values.iter().copied());
        if !chunks.count(others.filter(|(slot, value)| matters(*value) && is_there(*slot))) {
            return Ok(false);
        }
        if chunks.others.is_empty() && !decision.passes {
            return Ok(true);
        }
        for (place, measure) in measures.iter().enumerate() {
            let total = if decision.passes {
                Some(self.source.cube().parts()[block.part()].total(*measure, chunk.chunk)?)
            } else {
                None
            };
            let has_extremes = self
                .cells
                .inputs
                .iter()
                .any(|cells| cells.input.measure == Some(*measure) && cells.extremes.is_some());
            if !chunks.add((block, chunk), (place, *measure), total, has_extremes) {
                return Ok(false);
            }
        }
        let width = chunks.tallies.len() + 1;
        for (at, tally) in chunks.tallies.iter().enumerate() {
            let decision = &decisions[tally.value as usize];
            let total = |place: usize| &chunks.totals[place * width + at];
            self.add_tally(key, (decision, tally.observations), measures, total, reserve)?;
        }
        let others = chunks.others.len() as u64;
        let observations = u64::from(chunk.span.observations).saturating_sub(others);
        let total = |place: usize| &chunks.totals[place * width + width - 1];
        self.add_tally(key, (decision, observations), measures, total, reserve)?;
        Ok(true)
    }

    /// Adds what observations that share a value add up to in each measure.
    fn add_tally<'t>(
        &mut self,
        key: u64,
        (decision, observations): (&Decision, u64),
        measures: &[usize],
        total: impl Fn(usize) -> &'t Total,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        if !decision.passes || observations == 0 {
            return Ok(());
        }
        let row = self.row(key + decision.number, reserve)?;
        self.cells.rows[row.start] += observations;
        for cells in &mut self.cells.inputs {
            if let Some(condition) = cells.input.condition {
                if !decision.holds[condition] {
                    continue;
                }
                cells.rows[row.start] += observations;
            }
            let place = measures.iter().position(|measure| Some(*measure) == cells.input.measure);
            if let Some(place) = place {
                cells.add_total(row, observations, total(place))?;
            }
        }
        Ok(())
    }
}

impl Chunks {
    /// Begins a part in which the attribute has values with numbers below this.
    fn begin(&mut self, values: usize) {
        self.tallies.clear();
        self.places.clear();
        self.places.resize(values, 0);
    }

    /// Begins a chunk with these slots of observations that do not have the value that most have, each
    /// with the number of its value. Says whether all of these values are known.
    fn count(&mut self, others: impl Iterator<Item = (u32, u32)>) -> bool {
        for tally in self.tallies.drain(..) {
            self.places[tally.value as usize] = 0;
        }
        self.others.clear();
        self.totals.clear();
        for (slot, value) in others {
            let Some(place) = self.places.get_mut(value as usize) else { return false };
            if *place == 0 {
                self.tallies.push(Tally { value, observations: 0 });
                *place = self.tallies.len();
            }
            let at = *place - 1;
            self.tallies[at].observations += 1;
            self.others.push((slot, at));
        }
        true
    }

    /// Finds the numbers of all tallies in a measure, and of the rest of the stored total of the chunk,
    /// if that is given. Says whether that was possible.
    fn add(
        &mut self,
        (block, chunk): (Block<'_>, &BlockChunk),
        (place, measure): (usize, usize),
        total: Option<Total>,
        has_extremes: bool,
    ) -> bool {
        let width = self.tallies.len() + 1;
        self.totals.resize((place + 1) * width, Total::default());
        let is_exact = total.is_none_or(|total| total.is_exact);
        if !is_exact || block.has_texts(measure, chunk) {
            return false;
        }
        let totals = &mut self.totals[place * width..];
        if !self.others.is_empty() {
            let is_added = match (block.packed(measure, chunk), block.numbers(measure, chunk)) {
                (_, ChunkNumbers::None) => true,
                (Some(packed), _) => {
                    let number = |at| packed.get(at);
                    let others = with_numbers((block, chunk), measure, &self.others);
                    add_others(others, number, (packed.scale(), totals))
                }
                (None, ChunkNumbers::Decimals(mantissas, scale)) => {
                    let number = |at: usize| mantissas.get(at).copied();
                    let others = with_numbers((block, chunk), measure, &self.others);
                    add_others(others, number, (scale, totals))
                }
                (None, ChunkNumbers::Doubles(_)) => false,
            };
            if !is_added {
                return false;
            }
        }
        let Some((rest, tallies)) = totals.split_last_mut() else { return false };
        if let Some(total) = total {
            match without(total, tallies, has_extremes) {
                Some(total) => *rest = total,
                None => return false,
            }
        }
        true
    }
}

/// The positions of those of these slots whose observation has a value in a measure, each with the
/// place of its tally.
fn with_numbers<'a>(
    (block, chunk): (Block<'a>, &'a BlockChunk),
    measure: usize,
    others: &'a [(u32, usize)],
) -> impl Iterator<Item = (usize, usize)> + 'a {
    let (missing, from) = (block.missing(measure, chunk), chunk.from);
    let has_value = move |slot: u32| missing.is_empty() || !missing.contains(&slot);
    let others = others.iter().filter(move |(slot, _)| has_value(*slot));
    others.map(move |(slot, at)| ((*slot as usize).saturating_sub(from), *at))
}

/// Adds the number at each of these positions to one of the totals, which get this scale. Says
/// whether they were all there.
#[inline]
fn add_others(
    others: impl Iterator<Item = (usize, usize)>,
    number: impl Fn(usize) -> Option<i64>,
    (scale, totals): (u8, &mut [Total]),
) -> bool {
    for (position, at) in others {
        let Some(mantissa) = number(position) else { return false };
        totals[at].add(mantissa);
    }
    totals.iter_mut().for_each(|total| total.scale = scale);
    true
}

/// A total without others that it has; absent if that does not follow from them.
fn without(mut total: Total, others: &[Total], has_extremes: bool) -> Option<Total> {
    for other in others.iter().filter(|other| other.count > 0) {
        // Whether another number is as small or as large is not known.
        let is_within = total.min < other.min && other.max < total.max;
        if other.scale != total.scale || has_extremes && !is_within {
            return None;
        }
        total.sum -= other.sum;
        total.count = total.count.checked_sub(other.count)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(mantissas: &[i64], scale: u8) -> Total {
        let mut total = Total { scale, is_exact: true, ..Total::default() };
        for mantissa in mantissas {
            total.add(*mantissa);
        }
        total
    }

    #[test]
    fn what_is_left_of_a_total_has_its_extremes_only_if_others_are_within() {
        let all = total(&[1, 5, -3, 9], 2);
        let left = without(all, &[total(&[5], 2), total(&[], 2)], true).expect("within");
        assert_eq!((left.sum, left.count, left.min, left.max), (7, 3, -3, 9));
        let left = without(all, &[total(&[5, 9], 2)], false).expect("a sum");
        assert_eq!((left.sum, left.count), (-2, 2));
        assert_eq!(without(all, &[total(&[9], 2)], true), None);
        assert_eq!(without(all, &[total(&[-3], 2)], true), None);
        assert_eq!(without(all, &[total(&[5], 1)], false), None);
        assert_eq!(without(all, &[total(&[1, 5, 5, 5, 5], 2)], false), None);
    }
}
