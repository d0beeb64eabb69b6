//! Chunks of which an attribute alone decides where each observation goes.
//!
//! Nearly all observations of a chunk have the same status. What they add up to is the stored total of
//! the chunk less the few others, whose numbers are had from the packed run one by one. So such a chunk
//! is not decoded, and an observation with the usual status costs nothing.

use std::slice;

use crate::error::Result;
use crate::query::aggregate::walk::target::numbers;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::segment::{ChunkNumbers, MeasureRun, PackedNumbers, Total};
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
    /// Slots of observations with another value than most, each with the place of its tally.
    others: Vec<(u32, usize)>,
    /// The numbers of each tally in each measure, and last those of the observations with the value that
    /// most have.
    totals: Vec<Total>,
    /// A measure of the chunk at hand, where it had to be decoded.
    unpacked: MeasureRun,
}

/// Mantissas of a chunk, and their digits after the point.
enum Mantissas<'a> {
    Packed(PackedNumbers<'a>),
    Unpacked(&'a [i64], u8),
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
        let mut chunks = Chunks::default();
        while let Some(block) = blocks.next_packed()? {
            self.check_cancelled()?;
            let part = block.part();
            if last != Some(part) {
                last = Some(part);
                position = attribute.and_then(|attribute| self.position(part, attribute));
                decisions = self.decisions(part, position)?;
            }
            for chunk in block.chunks() {
                let of = (block, &chunk);
                if !self.add_tallies(of, (position, &decisions), &measures, &mut chunks, reserve)? {
                    let key = self.key(part, chunk.series)?;
                    let all = 0..usize::from(chunk.span.slots);
                    self.add_decoded(block, &chunk, key, slice::from_ref(&all), reserve)?;
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
        (block, chunk): (Block<'_>, &BlockChunk),
        (position, decisions): (Option<usize>, &[Decision]),
        measures: &[usize],
        chunks: &mut Chunks,
        reserve: Reserve<'_>,
    ) -> Result<bool> {
        let all = position.map(|position| block.attribute(position, chunk));
        let most = all.as_ref().map_or(0, |(most, _)| *most);
        let others = all.into_iter().flat_map(|(_, others)| others);
        let Some(decision) = decisions.get(most as usize) else { return Ok(false) };
        // What others add up to matters for most, too: it is what these do not have.
        let matters = |value: u32| {
            value != most
                && (decision.passes || decisions.get(value as usize).is_none_or(|d| d.passes))
        };
        let absent = block.absent(chunk);
        let is_there = |slot: u32| absent.is_empty() || !absent.contains(&slot);
        chunks.count(others.filter(|(slot, value)| matters(*value) && is_there(*slot)));
        if chunks.others.is_empty() && !decision.passes {
            return Ok(true);
        }
        if chunks.tallies.iter().any(|tally| decisions.len() <= tally.value as usize) {
            return Ok(false);
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
            if !chunks.add((block, chunk), (place, *measure), total, has_extremes)? {
                return Ok(false);
            }
        }
        let key = self.key(block.part(), chunk.series)?;
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
    /// Begins a chunk with these slots of observations that do not have the value that most have, each
    /// with the number of its value.
    fn count(&mut self, others: impl Iterator<Item = (u32, u32)>) {
        self.tallies.clear();
        self.others.clear();
        self.totals.clear();
        for (slot, value) in others {
            let known = self.tallies.iter().position(|tally| tally.value == value);
            let at = known.unwrap_or_else(|| {
                self.tallies.push(Tally { value, observations: 0 });
                self.tallies.len() - 1
            });
            self.tallies[at].observations += 1;
            self.others.push((slot, at));
        }
    }

    /// Finds the numbers of all tallies in a measure, and of the rest of the stored total of the chunk,
    /// if that is given. Says whether that was possible.
    fn add(
        &mut self,
        (block, chunk): (Block<'_>, &BlockChunk),
        (place, measure): (usize, usize),
        total: Option<Total>,
        has_extremes: bool,
    ) -> Result<bool> {
        let width = self.tallies.len() + 1;
        self.totals.resize((place + 1) * width, Total::default());
        let is_exact = total.is_none_or(|total| total.is_exact);
        if !is_exact || block.has_texts(measure, chunk) {
            return Ok(false);
        }
        let totals = &mut self.totals[place * width..];
        if !self.others.is_empty() && block.is_packed(measure, chunk) {
            let missing = block.missing(measure, chunk);
            let Some(mantissas) = mantissas((block, chunk), measure, &mut self.unpacked)? else {
                return Ok(false);
            };
            for (slot, at) in &self.others {
                if !missing.is_empty() && missing.contains(slot) {
                    continue;
                }
                match mantissas.get((*slot as usize).saturating_sub(chunk.from)) {
                    Some(mantissa) => totals[*at].add(mantissa),
                    None => return Ok(false),
                }
            }
            for total in &mut *totals {
                total.scale = mantissas.scale();
            }
        }
        let Some((rest, tallies)) = totals.split_last_mut() else { return Ok(false) };
        if let Some(total) = total {
            match without(total, tallies, has_extremes) {
                Some(total) => *rest = total,
                None => return Ok(false),
            }
        }
        Ok(true)
    }
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

/// The mantissas of a measure of a chunk, decoded only if they cannot be had one by one. Absent if
/// numbers are no decimals.
fn mantissas<'a>(
    (block, chunk): (Block<'a>, &BlockChunk),
    measure: usize,
    unpacked: &'a mut MeasureRun,
) -> Result<Option<Mantissas<'a>>> {
    if let Some(packed) = block.packed(measure, chunk) {
        return Ok(Some(Mantissas::Packed(packed)));
    }
    block.unpack(measure, chunk, unpacked)?;
    Ok(match numbers(unpacked) {
        ChunkNumbers::Decimals(mantissas, scale) => Some(Mantissas::Unpacked(mantissas, scale)),
        ChunkNumbers::None | ChunkNumbers::Doubles(_) => None,
    })
}

impl Mantissas<'_> {
    fn scale(&self) -> u8 {
        match self {
            Self::Packed(packed) => packed.scale(),
            Self::Unpacked(_, scale) => *scale,
        }
    }

    /// The mantissa at a position; absent if there is none, which is damage.
    #[inline]
    fn get(&self, position: usize) -> Option<i64> {
        match self {
            Self::Packed(packed) => packed.get(position),
            Self::Unpacked(mantissas, _) => mantissas.get(position).copied(),
        }
    }
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
