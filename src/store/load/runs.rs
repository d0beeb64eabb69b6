//! The runs of a load: rows one after the other that ask for the same thing.
//!
//! Within a run an observation comes once, so the order of its rows does not matter. A run speaks
//! of what the runs before it left.

use crate::model::Action;

/// The runs of a load, by the numbers of their rows.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// The number of the first row of each run, and what its rows ask for.
    runs: Vec<(u32, Action)>,
    is_ended: bool,
}

impl Runs {
    /// Takes the next row: it begins a run if it asks for something else than the row before.
    #[inline]
    pub(super) fn push(&mut self, row: u32, action: Action) {
        if self.is_ended || self.runs.last().is_none_or(|(_, last)| *last != action) {
            self.runs.push((row, action));
            self.is_ended = false;
        }
    }

    /// Ends the run, whatever the next row asks for.
    pub(super) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The number of the row that began the last run; 0 for the first run.
    #[inline]
    pub(super) fn start(&self) -> u32 {
        match self.runs.as_slice() {
            [] | [_] => 0,
            [.., (row, _)] => *row,
        }
    }

    /// What all rows ask for, if there is one run only.
    pub(super) fn only(&self) -> Option<Action> {
        match self.runs.as_slice() {
            [] => Some(Action::Merge),
            [(_, action)] => Some(*action),
            _ => None,
        }
    }

    /// The run of a row, and what it asks for.
    pub(super) fn of(&self, row: u32) -> (usize, Action) {
        let after = self.runs.partition_point(|(first, _)| *first <= row);
        let run = after.saturating_sub(1);
        (run, self.runs.get(run).map_or(Action::Merge, |(_, action)| *action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_rows_ask_for_something_else_or_where_it_is_said() {
        let mut runs = Runs::default();
        assert_eq!((runs.only(), runs.start()), (Some(Action::Merge), 0));
        runs.push(1, Action::Replace);
        runs.push(2, Action::Replace);
        assert_eq!((runs.only(), runs.start()), (Some(Action::Replace), 0));
        runs.push(3, Action::Delete);
        assert_eq!((runs.only(), runs.start()), (None, 3));
        runs.push(4, Action::Delete);
        runs.end();
        runs.push(5, Action::Delete);
        let found: Vec<usize> = (1..=6).map(|row| runs.of(row).0).collect();
        assert_eq!(found, [0, 0, 1, 1, 2, 2]);
        assert_eq!((runs.of(2).1, runs.of(6).1), (Action::Replace, Action::Delete));
    }
}
