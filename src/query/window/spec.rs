//! What windows over series calculate, as plain values.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::windows::WindowExpr;

use crate::store::Direction;

/// The place of a column that functions can look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// One of the inputs.
    Input(usize),
    /// What an earlier window function gave.
    Window(usize),
}

/// An input: an expression over the columns of the scan.
#[derive(Clone, Debug)]
pub(super) struct Input {
    /// The expression, over all columns of the cube's table.
    pub(super) expr: Arc<dyn PhysicalExpr>,
    /// The measure whose number it is, if it is nothing else.
    pub(super) measure: Option<usize>,
}

/// What an operator gives: a column for each of its outputs.
#[derive(Clone, Debug)]
pub(super) struct WindowSpec {
    pub(super) inputs: Vec<Input>,
    /// Which rows there are, over all columns of the table; all where it is absent.
    pub(super) condition: Option<Arc<dyn PhysicalExpr>>,
    /// The functions; each may look at earlier ones.
    pub(super) windows: Vec<Window>,
    pub(super) outputs: Vec<Column>,
    /// The rows to make; all where it is absent.
    pub(super) ends: Option<Ends>,
}

impl WindowSpec {
    /// Which inputs, and which windows, the outputs need.
    pub(super) fn needed(&self) -> (Vec<bool>, Vec<bool>) {
        let mut inputs = vec![false; self.inputs.len()];
        let mut windows = vec![false; self.windows.len()];
        let mut need = |column: &Column, windows: &mut Vec<bool>| match column {
            Column::Input(input) => inputs[*input] = true,
            Column::Window(window) => windows[*window] = true,
        };
        self.outputs.iter().for_each(|column| need(column, &mut windows));
        for (index, window) in self.windows.iter().enumerate().rev() {
            if windows[index] {
                window.function.columns().iter().for_each(|column| need(column, &mut windows));
            }
        }
        (inputs, windows)
    }

    /// The measure whose numbers a column shows, if it shows nothing else.
    pub(super) fn measure(&self, column: Column) -> Option<usize> {
        match column {
            Column::Input(input) => self.inputs[input].measure,
            Column::Window(_) => None,
        }
    }
}

/// One window function.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) function: Function,
    /// Which of the series' rows it looks at, for each row.
    pub(super) frame: Frame,
    /// Which way the window goes through time.
    pub(super) direction: Direction,
}

/// What a window function gives. Earlier and later, first and last are those of time, whichever way
/// the window goes.
#[derive(Clone, Debug)]
pub(super) enum Function {
    /// The number of the row in the window's direction, from 1.
    RowNumber,
    /// The value so many rows earlier, or later where it is negative; outside the series a default.
    Shift { column: Column, rows: i64, default: Option<f64> },
    /// The value of the frame's first row; NULL without rows.
    First(Column),
    /// The value of the frame's last row; NULL without rows.
    Last(Column),
    /// How many rows the frame has.
    CountRows,
    /// How many values that are not NULL.
    Count(Column),
    /// The sum of doubles; NULL without any.
    Sum(Column),
    /// Their mean.
    Mean(Column),
    /// The smallest.
    Min(Column),
    /// The largest.
    Max(Column),
    /// What DataFusion calculates of a whole series.
    Plain(Plain),
}

/// A function of DataFusion, and the columns that it knows by their place.
#[derive(Clone, Debug)]
pub(super) struct Plain {
    pub(super) expr: Arc<dyn WindowExpr>,
    /// Its columns; absent where it does not look.
    pub(super) columns: Vec<Option<Column>>,
}

/// A frame of rows: from so many rows after the current one (before it where negative) to so many
/// after it, both included; without a bound on the side that is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) start: Option<i64>,
    pub(super) end: Option<i64>,
}

impl Frame {
    /// The whole series.
    pub(super) const WHOLE: Self = Self { start: None, end: None };

    /// The same frame where time goes the other way.
    pub(super) fn reversed(self) -> Self {
        let negative = |bound: i64| bound.saturating_neg();
        Self { start: self.end.map(negative), end: self.start.map(negative) }
    }

    /// The rows of the frame of row `row`, of so many.
    #[inline]
    pub(super) fn rows(self, row: usize, count: usize) -> Range<usize> {
        let place = |offset: i64| {
            let offset = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            (row.saturating_add(offset), row.checked_sub(offset))
        };
        let start = self.start.map_or(0, |offset| {
            let (after, before) = place(offset);
            if offset < 0 { before.unwrap_or(0) } else { after.min(count) }
        });
        let end = self.end.map_or(count, |offset| {
            let (after, before) = place(offset);
            if offset < 0 {
                before.map_or(0, |row| row + 1)
            } else {
                after.saturating_add(1).min(count)
            }
        });
        start..end.max(start)
    }
}

/// The rows at one end of each series; the others need not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    /// How many.
    pub(super) rows: u64,
    /// From the first on, or back from the last.
    pub(super) direction: Direction,
}

impl Function {
    /// The columns that it looks at.
    pub(super) fn columns(&self) -> Vec<Column> {
        match self {
            Self::RowNumber | Self::CountRows => Vec::new(),
            Self::Shift { column, .. }
            | Self::First(column)
            | Self::Last(column)
            | Self::Count(column)
            | Self::Sum(column)
            | Self::Mean(column)
            | Self::Min(column)
            | Self::Max(column) => vec![*column],
            Self::Plain(plain) => plain.columns.iter().flatten().copied().collect(),
        }
    }

    /// The column whose numbers are added up.
    pub(super) fn summed(&self) -> Option<Column> {
        match self {
            Self::Sum(column) | Self::Mean(column) => Some(*column),
            _ => None,
        }
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.start, self.end) {
            (None, None) => write!(f, "series"),
            (None, Some(end)) => write!(f, "..{end}"),
            (Some(start), None) => write!(f, "{start}.."),
            (Some(start), Some(end)) => write!(f, "{start}..{end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_end_where_the_series_ends() {
        let check = |start, end, expected: [Range<usize>; 4]| {
            let frame = Frame { start, end };
            let found: Vec<Range<usize>> = (0..4).map(|row| frame.rows(row, 4)).collect();
            assert_eq!(found, expected, "{frame}");
            let reversed = (0..4).rev().map(|row| frame.reversed().rows(row, 4));
            let mirrored = reversed
                .map(|rows| if rows.is_empty() { 0..0 } else { 4 - rows.end..4 - rows.start });
            let expected: Vec<Range<usize>> = expected
                .into_iter()
                .map(|rows| if rows.is_empty() { 0..0 } else { rows })
                .collect();
            assert_eq!(mirrored.collect::<Vec<_>>(), expected, "{frame} the other way");
        };
        check(None, None, [0..4, 0..4, 0..4, 0..4]);
        check(None, Some(0), [0..1, 0..2, 0..3, 0..4]);
        check(Some(-1), Some(0), [0..1, 0..2, 1..3, 2..4]);
        check(Some(-3), Some(-2), [0..0, 0..0, 0..1, 0..2]);
        check(Some(1), Some(2), [1..3, 2..4, 3..4, 4..4]);
        check(Some(i64::MIN), Some(i64::MAX), [0..4, 0..4, 0..4, 0..4]);
        check(Some(5), None, [4..4, 4..4, 4..4, 4..4]);
    }
}
