//! What a condition says of the observations of a chunk that share the value of an attribute.
//!
//! Of such a piece the series and the attribute decide at once, periods and missing values by runs
//! of positions: no single observation has to be looked at.

use std::mem;
use std::ops::Range;

use crate::error::Result;
use crate::query::aggregate::keys::condition::{
    AttributeSet, ChunkFacts, Formula, PeriodSet, Verdict, strongest,
};
use crate::query::aggregate::keys::values::ValueSet;
use crate::query::aggregate::walk::plain::without;
use crate::segment::ChunkNumbers;
use crate::store::{Block, BlockChunk};

/// Positions of a chunk, as runs that ascend and do not overlap.
pub(crate) type Runs = Vec<Range<usize>>;

/// The observations of a chunk that share the value of an attribute.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    /// The block of the chunk.
    pub(crate) block: Block<'a>,
    /// The chunk.
    pub(crate) chunk: &'a BlockChunk,
    /// What is known of the chunk without the block.
    pub(crate) facts: &'a ChunkFacts<'a>,
    /// The number that the segment has for the value of the attribute; 0 is none.
    pub(crate) value: u32,
}

impl Formula {
    /// Whether it takes pieces: then it has no comparison of a value, and what depends on single
    /// positions is not an alternative of anything.
    pub(crate) fn takes_pieces(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Series(_) | Self::Periods(_) | Self::Attributes(_) => true,
            Self::Values(set) => set.of_missing().is_some(),
            Self::All(inner) => inner.iter().all(Self::takes_pieces),
            Self::Any(inner) => inner.iter().all(Self::is_of_whole_pieces),
        }
    }

    /// Whether it says the same of all observations of a piece.
    fn is_of_whole_pieces(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Series(_) | Self::Attributes(_) => true,
            Self::Periods(_) | Self::Values(_) => false,
            Self::All(inner) | Self::Any(inner) => inner.iter().all(Self::is_of_whole_pieces),
        }
    }

    /// Whether attributes alone decide.
    pub(crate) fn is_of_attributes(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Attributes(_) => true,
            Self::Series(_) | Self::Periods(_) | Self::Values(_) => false,
            Self::All(inner) | Self::Any(inner) => inner.iter().all(Self::is_of_attributes),
        }
    }

    /// Whether it holds for observations with a value of the only attribute, by the number that the
    /// segment of a part has for it, where attributes alone decide.
    pub(crate) fn holds_for(&self, part: usize, value: u32) -> bool {
        match self {
            Self::Constant(holds) => *holds,
            Self::Attributes(set) => set.wants(part, value),
            Self::All(inner) => inner.iter().all(|formula| formula.holds_for(part, value)),
            Self::Any(inner) => inner.iter().any(|formula| formula.holds_for(part, value)),
            Self::Series(_) | Self::Periods(_) | Self::Values(_) => false,
        }
    }

    /// What is known for all observations of a piece.
    pub(crate) fn verdict_of_piece(&self, of: &Piece<'_>) -> Result<Verdict> {
        let inner_verdict = |inner: &Self| inner.verdict_of_piece(of);
        match self {
            Self::Attributes(set) => Ok(Verdict::of(set.wants(of.facts.part, of.value))),
            Self::Values(set) => Ok(set.verdict_of_piece(of)),
            Self::All(inner) => strongest(inner, inner_verdict, (Verdict::Never, Verdict::Always)),
            Self::Any(inner) => strongest(inner, inner_verdict, (Verdict::Always, Verdict::Never)),
            Self::Constant(_) | Self::Series(_) | Self::Periods(_) => self.verdict(of.facts),
        }
    }

    /// Leaves of the positions of a piece those that pass. `spare` is for work.
    pub(crate) fn keep(&self, of: &Piece<'_>, runs: &mut Runs, spare: &mut Runs) -> Result<()> {
        match self {
            Self::Periods(set) => set.keep(of.facts.place.unwrap_or_default(), runs, spare),
            Self::Values(set) => match set.verdict_of_piece(of) {
                Verdict::Always => {}
                Verdict::Never => runs.clear(),
                Verdict::Depends => set.keep(of, runs, spare),
            },
            Self::All(inner) => {
                for formula in inner {
                    formula.keep(of, runs, spare)?;
                    if runs.is_empty() {
                        break;
                    }
                }
            }
            // Of these the piece knows all.
            Self::Constant(_) | Self::Series(_) | Self::Attributes(_) | Self::Any(_) => {
                if self.verdict_of_piece(of)? == Verdict::Never {
                    runs.clear();
                }
            }
        }
        Ok(())
    }
}

impl PeriodSet {
    /// Leaves the positions whose periods are in it; the first one of the chunk has this place.
    fn keep(&self, place: usize, runs: &mut Runs, spare: &mut Runs) {
        spare.clear();
        for run in runs.iter() {
            let (start, end) = (place + run.start, place + run.end);
            for range in self.overlapping(start..end) {
                spare.push(range.start.max(start) - place..range.end.min(end) - place);
            }
        }
        mem::swap(runs, spare);
    }
}

impl AttributeSet {
    /// Whether it has the value of the only attribute, by the number that the segment of a part has
    /// for it.
    fn wants(&self, part: usize, value: u32) -> bool {
        self.wanted[self.table.of_value(part, value)]
    }
}

impl ValueSet {
    /// Whether observations without a number pass, and all others do not, or the other way round.
    fn verdict_of_piece(&self, of: &Piece<'_>) -> Verdict {
        let takes_missing = self.of_missing().unwrap_or(false);
        if of.block.numbers(self.measure, of.chunk) == ChunkNumbers::None {
            return Verdict::of(takes_missing);
        }
        match of.block.missing(self.measure, of.chunk) {
            [] => Verdict::of(!takes_missing),
            _ => Verdict::Depends,
        }
    }

    fn keep(&self, of: &Piece<'_>, runs: &mut Runs, spare: &mut Runs) {
        let missing = of.block.missing(self.measure, of.chunk);
        if self.of_missing() == Some(true) {
            spare.clear();
            let positions = missing.iter().map(|slot| *slot as usize - of.chunk.from);
            let mut runs = runs.iter().peekable();
            for position in positions {
                while runs.next_if(|run| run.end <= position).is_some() {}
                if runs.peek().is_some_and(|run| run.start <= position) {
                    spare.push(position..position + 1);
                }
            }
        } else {
            without(runs, missing, of.chunk.from, spare);
        }
        mem::swap(runs, spare);
    }
}
