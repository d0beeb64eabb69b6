//! What one aggregation computes.

use std::fmt;

use crate::query::aggregate::keys::Keys;

/// An aggregate function of a column of the result. Measures are by position in the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// The number of observations.
    CountRows,
    /// The number of observations with a number.
    CountNumbers(usize),
    /// The sum of the numbers.
    Sum(usize),
    /// Their mean.
    Avg(usize),
    /// The smallest of them.
    Min(usize),
    /// The largest of them.
    Max(usize),
}

impl Function {
    /// The measure that it needs; none to count rows.
    pub(crate) fn measure(self) -> Option<usize> {
        match self {
            Self::CountRows => None,
            Self::CountNumbers(measure)
            | Self::Sum(measure)
            | Self::Avg(measure)
            | Self::Min(measure)
            | Self::Max(measure) => Some(measure),
        }
    }

    /// Whether it needs the sum.
    pub(crate) fn needs_sum(self) -> bool {
        matches!(self, Self::Sum(_) | Self::Avg(_))
    }

    /// Whether it needs the smallest or the largest number.
    pub(crate) fn needs_extremes(self) -> bool {
        matches!(self, Self::Min(_) | Self::Max(_))
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::CountRows => return f.write_str("count(*)"),
            Self::CountNumbers(_) => "count",
            Self::Sum(_) => "sum",
            Self::Avg(_) => "avg",
            Self::Min(_) => "min",
            Self::Max(_) => "max",
        };
        write!(f, "{name}(#{})", self.measure().unwrap_or_default())
    }
}

/// What one aggregation computes: the functions, for each group of these keys.
#[derive(Clone, Debug)]
pub(crate) struct AggregateSpec {
    /// What is grouped by.
    pub keys: Keys,
    /// One a column of the result, after the columns of the keys.
    pub functions: Vec<Function>,
}

impl AggregateSpec {
    /// The measures that are needed, each once.
    pub(crate) fn measures(&self) -> Vec<usize> {
        let mut measures: Vec<usize> = self.functions.iter().filter_map(|f| f.measure()).collect();
        measures.sort_unstable();
        measures.dedup();
        measures
    }
}
