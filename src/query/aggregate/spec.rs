//! What one aggregation computes.

use std::fmt;

use crate::query::aggregate::keys::condition::{Condition, Formula};
use crate::query::aggregate::keys::grouping::Keys;
use crate::query::aggregate::keys::sets::GroupingSet;
use crate::query::aggregate::state::layout::Line;
use crate::query::aggregate::state::special::Special;

/// An aggregate function of a column of the result, over an input by its place in
/// [`AggregateSpec::inputs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// The number of observations.
    CountRows(usize),
    /// The number of observations with a number.
    CountNumbers(usize),
    /// The sum of the numbers.
    Sum(usize),
    /// The sum of the numbers of the first input, where the other observations of the second count
    /// as zero: `sum(CASE WHEN condition THEN measure ELSE 0 END)`.
    SumOrZero(usize, usize),
    /// Their mean.
    Avg(usize),
    /// The smallest of them.
    Min(usize),
    /// The largest of them.
    Max(usize),
    /// How far they are spread.
    Spread(usize, Spread),
    /// A function with a state of its own, by its place in [`AggregateSpec::specials`].
    Special(usize, usize),
    /// So much for each observation of some inputs, by the place of the numbers in
    /// [`AggregateSpec::factors`], and nothing for the others of the input, of which there is at
    /// least one: `sum(CASE WHEN condition THEN 1 ELSE 0 END)`.
    Times(usize, usize),
}

/// A measure of how far numbers are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    /// Whether the numbers are a sample: squares are divided by one less than their count.
    pub is_sample: bool,
    /// Whether the square root is taken: a deviation, not a variance.
    pub is_root: bool,
}

impl Function {
    /// The input that it reads.
    pub(crate) fn input(self) -> usize {
        match self {
            Self::CountRows(input)
            | Self::CountNumbers(input)
            | Self::Sum(input)
            | Self::SumOrZero(input, _)
            | Self::Avg(input)
            | Self::Min(input)
            | Self::Max(input)
            | Self::Spread(input, _)
            | Self::Times(input, ..)
            | Self::Special(input, _) => input,
        }
    }

    /// Whether it needs the sum.
    pub(crate) fn needs_sum(self) -> bool {
        matches!(self, Self::Sum(_) | Self::SumOrZero(..) | Self::Avg(_) | Self::Spread(..))
    }

    /// Whether it needs the sum of the squares.
    pub(crate) fn needs_squares(self) -> bool {
        matches!(self, Self::Spread(..))
    }

    /// Whether it needs the smallest or the largest number.
    pub(crate) fn needs_extremes(self) -> bool {
        matches!(self, Self::Min(_) | Self::Max(_))
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::CountRows(_) => "count(*)",
            Self::CountNumbers(_) => "count",
            Self::Sum(_) | Self::SumOrZero(..) | Self::Times(..) => "sum",
            Self::Avg(_) => "avg",
            Self::Min(_) => "min",
            Self::Max(_) => "max",
            Self::Spread(_, spread) => match (spread.is_sample, spread.is_root) {
                (true, true) => "stddev_samp",
                (true, false) => "var_samp",
                (false, true) => "stddev_pop",
                (false, false) => "var_pop",
            },
            Self::Special(..) => "special",
        };
        write!(f, "{name}(#{})", self.input())
    }
}

/// What each observation of an input counts, for some inputs.
pub(crate) type Factors = Vec<(usize, i64)>;

/// What functions read: observations, and perhaps a measure of theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    /// The measure, by its position in the flow; absent where observations are counted.
    pub measure: Option<usize>,
    /// What must hold for an observation, by its place in [`AggregateSpec::conditions`]; absent
    /// where all of the group are read.
    pub condition: Option<usize>,
}

/// What one aggregation computes: the functions, for each group of these keys.
#[derive(Clone, Debug)]
pub(crate) struct AggregateSpec {
    /// What is grouped by.
    pub keys: Keys,
    /// What must hold for an observation, besides what the scan selects; by its place among the
    /// conditions.
    pub filter: Option<usize>,
    /// The conditions, each once.
    pub conditions: Vec<Condition>,
    /// What is read, each once.
    pub inputs: Vec<Input>,
    /// The functions with a state of their own.
    pub specials: Vec<Special>,
    /// The numbers of the functions that add a number for each observation.
    pub factors: Vec<Factors>,
    /// The grouping sets; absent for a plain GROUP BY. A column of the result, after those of the
    /// keys, tells them apart.
    pub sets: Option<Vec<GroupingSet>>,
    /// One a column of the result, after the columns of the keys.
    pub functions: Vec<Function>,
}

impl AggregateSpec {
    /// The measures that are needed, each once.
    pub(crate) fn measures(&self) -> Vec<usize> {
        let of_inputs = self.inputs.iter().filter_map(|input| input.measure);
        let mut measures: Vec<usize> = of_inputs.collect();
        for condition in &self.conditions {
            condition.formula.measures(&mut measures);
        }
        measures.sort_unstable();
        measures.dedup();
        measures
    }

    /// The attributes of observations that are needed, each once, by their position in the flow.
    pub(crate) fn attributes(&self) -> Vec<usize> {
        let mut attributes = Vec::new();
        if let Some(key) = &self.keys.attributes {
            attributes.extend(key.table.attributes());
        }
        for (table, _) in self.specials.iter().filter_map(Special::attributes) {
            attributes.extend(table.attributes());
        }
        for condition in &self.conditions {
            condition.formula.attributes(&mut attributes);
        }
        attributes.sort_unstable();
        attributes.dedup();
        attributes
    }

    /// Whether stored totals can answer, as far as the spec decides it.
    pub(crate) fn reads_totals(&self) -> bool {
        let has_squares = self.functions.iter().any(|function| function.needs_squares());
        let is_of_keys = self.specials.iter().all(Special::is_of_keys);
        let is_by_series = self.keys.periods.is_none() && self.keys.attributes.is_none();
        is_by_series && !has_squares && is_of_keys
    }

    /// Whether it is enough to know at which periods a series has an observation, and not how many
    /// there are: then spans of chunks answer, as far as the spec decides it.
    pub(crate) fn reads_spans(&self) -> bool {
        let is_special = |function: &Function| matches!(function, Function::Special(..));
        let is_of_keys = self.specials.iter().all(Special::is_of_keys);
        self.keys.attributes.is_none() && is_of_keys && self.functions.iter().all(is_special)
    }

    /// Whether nothing is wanted but how many observations each series has.
    pub(crate) fn counts_alone(&self) -> bool {
        self.conditions.is_empty()
            && self.specials.is_empty()
            && self.inputs.iter().all(|input| input.measure.is_none())
            && self.reads_totals()
    }

    /// The lines that rows of cells are for. Grouping sets fold whole groups, and have one.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let periods = self.keys.periods.as_ref().filter(|_| self.sets.is_none());
        let fits = |lines: &[Line]| {
            !lines.is_empty() && self.keys.key_count.checked_mul(lines.len() as u64).is_some()
        };
        match periods.map(|periods| &periods.lines).filter(|lines| fits(lines)) {
            Some(lines) => lines.clone(),
            None => vec![Line::whole(self.keys.width())],
        }
    }

    /// Whether what is stored of some chunk may answer for it: every condition that matters can be
    /// decided without reading one.
    pub(crate) fn reads_stored(&self) -> bool {
        let formula =
            |condition: Option<usize>| condition.map(|place| &self.conditions[place].formula);
        let is_decided = |input: &Input| {
            formula(input.condition).is_none_or(|formula| formula.admits() || formula.prunes())
        };
        (self.reads_totals() || self.reads_spans())
            && formula(self.filter).is_none_or(Formula::admits)
            && self.inputs.iter().all(is_decided)
    }

    /// Whether a function looks at periods.
    pub(crate) fn has_specials_of_periods(&self) -> bool {
        self.specials.iter().any(Special::is_of_period)
    }
}
