//! Functions with a state of their own: distinct counts, extremes of what the key says, quantiles,
//! and the number at the first or the last period.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, UInt32Array};
use arrow::compute::take;

use crate::error::{Error, Result};
use crate::query::aggregate::keys::attributes::AttributeTable;
use crate::query::aggregate::keys::condition::ChunkFacts;
use crate::query::aggregate::keys::ranked::{NONE, Ranked, RankedOf};
use crate::query::aggregate::keys::series::SeriesTable;
use crate::query::aggregate::state::number_sets::NumberSets;
use crate::query::aggregate::state::quantile::{Bag, Quantile};
use crate::query::aggregate::walk::positions::Positions;
use crate::query::aggregate::walk::target::{Target, numbers};
use crate::segment::{Chunk, ChunkNumbers, MeasureRun};

/// A function with a state of its own.
#[derive(Clone, Debug)]
pub(crate) enum Special {
    /// How many distinct values there are.
    Distinct(Ranked),
    /// The value with the least number.
    Foremost(Ranked),
    /// A quantile of the numbers.
    Quantile(Quantile),
    /// The number of the observation whose period comes first in this order; NULL if it has none.
    /// Of several series with that period, the one stored first.
    End(Ranked, Nulls),
}

/// What [`Special::End`] does with an observation that has no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// Looks at it like at others.
    Respect,
    /// Looks only at those with a number.
    Ignore,
}

impl Special {
    /// The values that it looks at instead of numbers.
    pub(crate) fn ranked(&self) -> Option<&Ranked> {
        match self {
            Self::Distinct(ranked) | Self::Foremost(ranked) => Some(ranked),
            Self::Quantile(_) | Self::End(..) => None,
        }
    }

    /// The attributes of observations whose values it looks at, each combination by its number.
    pub(crate) fn attributes(&self) -> Option<(&AttributeTable, &[u32])> {
        match &self.ranked()?.of {
            RankedOf::Attributes(table, numbers) => Some((table, numbers)),
            RankedOf::Series(_) | RankedOf::Period(_) | RankedOf::Place => None,
        }
    }

    /// Whether it follows from codes and periods alone.
    pub(crate) fn is_of_keys(&self) -> bool {
        self.ranked().is_some() && self.attributes().is_none()
    }

    /// Whether it looks at numbers alone.
    pub(crate) fn is_of_numbers(&self) -> bool {
        matches!(self, Self::Quantile(_))
    }

    /// Whether it looks at periods.
    pub(crate) fn is_of_period(&self) -> bool {
        match self {
            Self::Distinct(ranked) | Self::Foremost(ranked) => ranked.is_of_period(),
            Self::Quantile(_) => false,
            Self::End(..) => true,
        }
    }
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Distinct(_) => f.write_str("distinct"),
            Self::Foremost(_) => f.write_str("foremost"),
            Self::Quantile(quantile) => quantile.fmt(f),
            Self::End(..) => f.write_str("end"),
        }
    }
}

/// The state of a special function, cell by cell.
#[derive(Debug)]
pub(crate) enum SpecialCells {
    Distinct(NumberSets),
    /// The least number of each cell; [`NONE`] at first.
    Foremost(Vec<u32>),
    Quantile {
        bags: Vec<Bag>,
        /// Numbers in all of them.
        count: usize,
    },
    /// The quantiles, once they are found.
    Answers(Vec<Option<f64>>),
    End(Vec<End>),
}

/// The observation that comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// The number of its period in the order; none yet at [`NONE`].
    rank: u32,
    /// Where its chunk is stored: part, then number.
    chunk: u64,
    /// Its number.
    number: Option<f64>,
}

impl End {
    const NOTHING: Self = Self { rank: NONE, chunk: u64::MAX, number: None };

    fn merge(&mut self, other: &Self) {
        if (other.rank, other.chunk) < (self.rank, self.chunk) {
            *self = *other;
        }
    }
}

/// The observations of one chunk for which a function is called, and where they go.
pub(crate) struct Called<'a> {
    /// Where they go.
    pub(crate) target: &'a Target<'a>,
    /// Their positions.
    pub(crate) positions: &'a Positions,
    /// Their chunk.
    pub(crate) facts: &'a ChunkFacts<'a>,
}

impl SpecialCells {
    pub(crate) fn new(special: &Special) -> Self {
        match special {
            Special::Distinct(ranked) => Self::Distinct(NumberSets::new(ranked.count())),
            Special::Foremost(_) => Self::Foremost(Vec::new()),
            Special::Quantile(_) => Self::Quantile { bags: Vec::new(), count: 0 },
            Special::End(..) => Self::End(Vec::new()),
        }
    }

    /// Makes room for so many cells.
    pub(crate) fn grow(&mut self, cells: usize) {
        match self {
            Self::Distinct(sets) => sets.grow(cells),
            Self::Foremost(ranks) => ranks.resize(cells, NONE),
            Self::Quantile { bags, .. } => bags.resize_with(cells, Bag::default),
            Self::Answers(answers) => answers.resize(cells, None),
            Self::End(ends) => ends.resize(cells, End::NOTHING),
        }
    }

    /// Bytes of a cell, without what grows with the observations.
    pub(crate) fn bytes_per_cell(&self) -> usize {
        match self {
            Self::Distinct(sets) => sets.bytes_per_set(),
            Self::Foremost(_) => size_of::<u32>(),
            Self::Quantile { .. } => size_of::<Bag>(),
            Self::Answers(_) => size_of::<Option<f64>>(),
            Self::End(_) => size_of::<End>(),
        }
    }

    /// Bytes of memory that grew with the observations.
    pub(crate) fn grown_bytes(&self) -> usize {
        match self {
            Self::Quantile { count, .. } => count * size_of::<i64>(),
            Self::Distinct(_) | Self::Foremost(_) | Self::Answers(_) | Self::End(_) => 0,
        }
    }

    /// Adds what follows from codes and periods alone, which [`Special::ranked`] numbers.
    pub(crate) fn add_ranked(&mut self, ranked: &Ranked, called: &Called<'_>) -> Result<()> {
        if called.positions.is_empty() {
            return Ok(());
        }
        if let RankedOf::Series(table) = &ranked.of {
            let number = called.number(table)?;
            called.cells(|cell| self.meet(cell, number));
            return Ok(());
        }
        let first = called.first_place()?;
        if let (Some(cell), Self::Distinct(sets), RankedOf::Place) =
            (called.target.only(), &mut *self, &ranked.of)
        {
            for run in called.positions.runs() {
                sets.insert_range(cell, first + run.start..first + run.end);
            }
            return Ok(());
        }
        if let (Some(cell), Self::Foremost(ranks), RankedOf::Period(numbers)) =
            (called.target.only(), &mut *self, &ranked.of)
        {
            for run in called.positions.runs() {
                let numbers = &numbers[first + run.start..first + run.end];
                ranks[cell] = numbers.iter().fold(ranks[cell], |least, number| least.min(*number));
            }
            return Ok(());
        }
        for position in called.positions.runs().flatten() {
            self.meet(called.target.at(position), ranked.of_place(first + position));
        }
        Ok(())
    }

    /// Adds the values of attributes, by the number of their combination. `others` is for work.
    pub(crate) fn add_attributes(
        &mut self,
        (table, numbers): (&AttributeTable, &[u32]),
        chunk: &Chunk,
        others: &mut Positions,
        called: &Called<'_>,
    ) {
        let (part, target) = (called.facts.part, called.target);
        others.copy_from(called.positions);
        table.exceptions(part, chunk, |position, combination| {
            if others.contains(position) {
                others.remove(position);
                self.meet(target.at(position), numbers[combination]);
            }
        });
        let most = numbers[table.of_most(part, chunk)];
        match target.only().filter(|_| !others.is_empty()) {
            Some(cell) => self.meet(cell, most),
            None => others.runs().flatten().for_each(|at| self.meet(target.at(at), most)),
        }
    }

    /// Adds the number of a value to a cell.
    #[inline]
    pub(crate) fn meet(&mut self, cell: usize, number: u32) {
        if number == NONE {
            return;
        }
        match self {
            Self::Distinct(sets) => sets.insert(cell, number as usize),
            Self::Foremost(ranks) => ranks[cell] = ranks[cell].min(number),
            Self::Quantile { .. } | Self::Answers(_) | Self::End(_) => {}
        }
    }

    /// Whether nothing that is yet to be met would change a cell, as far as it follows from codes and
    /// periods.
    pub(crate) fn is_settled(&self, cell: usize, ranked: &Ranked) -> bool {
        match self {
            Self::Distinct(sets) => sets.len(cell) == ranked.count() as u64,
            Self::Foremost(ranks) => ranks[cell] == 0,
            Self::Quantile { .. } | Self::Answers(_) | Self::End(_) => false,
        }
    }

    /// Whether an observation would change a cell, as far as it follows from codes and periods.
    pub(crate) fn is_news(&self, cell: usize, number: u32) -> bool {
        number != NONE
            && match self {
                Self::Distinct(sets) => !sets.contains(cell, number as usize),
                Self::Foremost(ranks) => number < ranks[cell],
                Self::Quantile { .. } | Self::Answers(_) | Self::End(_) => true,
            }
    }

    /// Adds the numbers of a measure; those at `plain` are where the measure has its numbers.
    pub(crate) fn add_numbers(
        &mut self,
        measure: &MeasureRun,
        plain: &Positions,
        called: &Called<'_>,
    ) {
        for run in plain.runs() {
            self.add_run(numbers(measure), &run, called.target);
        }
        let Self::Quantile { bags, count } = self else { return };
        for position in measure.texts.iter().map(|(position, _)| usize::from(*position)) {
            let number = measure.number(position).filter(|_| called.positions.contains(position));
            if let Some(number) = number {
                bags[called.target.at(position)].push_double(number);
                *count += 1;
            }
        }
    }

    /// Adds the numbers of a run in which every position has one.
    pub(crate) fn add_run(
        &mut self,
        numbers: ChunkNumbers<'_>,
        run: &Range<usize>,
        target: &Target<'_>,
    ) {
        let Self::Quantile { bags, count } = self else { return };
        match (numbers, target.only()) {
            (ChunkNumbers::None, _) => return,
            (ChunkNumbers::Decimals(mantissas, scale), Some(cell)) => {
                bags[cell].push_decimals(&mantissas[run.clone()], scale);
            }
            (ChunkNumbers::Decimals(mantissas, scale), None) => {
                for position in run.clone() {
                    let mantissa = mantissas[position];
                    bags[target.at(position)].push_decimals(&[mantissa], scale);
                }
            }
            (ChunkNumbers::Doubles(doubles), _) => {
                for position in run.clone() {
                    bags[target.at(position)].push_double(doubles[position]);
                }
            }
        }
        *count += run.len();
    }

    /// Looks for the observation that comes first in an order.
    pub(crate) fn add_ends(
        &mut self,
        (order, nulls): (&Ranked, Nulls),
        measure: &MeasureRun,
        called: &Called<'_>,
    ) -> Result<()> {
        let Self::End(ends) = self else { return Ok(()) };
        let (first, chunk) = (called.first_place()?, called.stored());
        for position in called.positions.runs().flatten() {
            let rank = order.of_place(first + position);
            let end = &mut ends[called.target.at(position)];
            if (rank, chunk) < (end.rank, end.chunk) {
                let number = measure.number(position);
                if number.is_some() || nulls == Nulls::Respect {
                    *end = End { rank, chunk, number };
                }
            }
        }
        Ok(())
    }

    /// The cells that collect numbers, and how many each has.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let bags = match self {
            Self::Quantile { bags, .. } => bags.as_slice(),
            _ => &[],
        };
        bags.iter().map(Bag::count).enumerate()
    }

    /// The numbers of a cell.
    pub(crate) fn bag(&self, cell: usize) -> Option<&Bag> {
        match self {
            Self::Quantile { bags, .. } => bags.get(cell),
            _ => None,
        }
    }

    /// Gives the numbers up for the quantiles, which are all absent at first.
    pub(crate) fn settle(&mut self) {
        if let Self::Quantile { bags, .. } = self {
            *self = Self::Answers(vec![None; bags.len()]);
        }
    }

    /// Adds the state of another: pairs of its cell and ours.
    pub(crate) fn merge(&mut self, other: &Self, cells: impl Iterator<Item = (usize, usize)>) {
        match (self, other) {
            (Self::Distinct(ours), Self::Distinct(theirs)) => {
                cells.for_each(|(from, to)| ours.union(to, theirs, from));
            }
            (Self::Foremost(ours), Self::Foremost(theirs)) => {
                cells.for_each(|(from, to)| ours[to] = ours[to].min(theirs[from]));
            }
            (
                Self::Quantile { bags: ours, count },
                Self::Quantile { bags: theirs, count: more },
            ) => {
                *count += more;
                cells.for_each(|(from, to)| ours[to].merge(&theirs[from]));
            }
            (Self::End(ours), Self::End(theirs)) => {
                cells.for_each(|(from, to)| ours[to].merge(&theirs[from]));
            }
            _ => {}
        }
    }

    /// The answers for these cells.
    pub(crate) fn answers(
        &self,
        special: &Special,
        cells: impl Iterator<Item = usize>,
    ) -> Result<ArrayRef> {
        Ok(match (self, special) {
            (Self::Distinct(sets), _) => {
                let counts = cells.map(|cell| i64::try_from(sets.len(cell)).unwrap_or(i64::MAX));
                Arc::new(Int64Array::from_iter_values(counts))
            }
            (Self::Foremost(ranks), Special::Foremost(ranked)) => {
                let ranks: UInt32Array =
                    cells.map(|cell| Some(ranks[cell]).filter(|rank| *rank != NONE)).collect();
                take(&ranked.values, &ranks, None).map_err(|e| Error::bug(e.to_string()))?
            }
            (Self::Answers(answers), _) => {
                Arc::new(cells.map(|cell| answers[cell]).collect::<Float64Array>())
            }
            (Self::End(ends), _) => {
                Arc::new(cells.map(|cell| ends[cell].number).collect::<Float64Array>())
            }
            _ => return Err(Error::bug("a special function with the state of another")),
        })
    }
}

impl Called<'_> {
    /// Passes each cell that gets an observation to `each`.
    fn cells(&self, mut each: impl FnMut(usize)) {
        match self.target.only() {
            Some(cell) => each(cell),
            None => self.positions.runs().flatten().for_each(|at| each(self.target.at(at))),
        }
    }

    /// The number that a table has for the series.
    fn number(&self, table: &SeriesTable) -> Result<u32> {
        table.number(self.facts.cube, self.facts.part, self.facts.series)
    }

    /// Where the chunk is stored: part, then number.
    fn stored(&self) -> u64 {
        (self.facts.part as u64) << u32::BITS | u64::from(self.facts.chunk)
    }

    /// The place of position 0 in the table of periods.
    fn first_place(&self) -> Result<usize> {
        self.facts.place.ok_or_else(|| Error::bug("a period outside the hull of its form"))
    }
}
