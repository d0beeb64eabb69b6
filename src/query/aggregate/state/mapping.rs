//! From the cells of one state to those of another: of a thread's to all threads', or of a finer
//! grouping's to a coarser one's.

use crate::query::aggregate::state::layout::{Layout, Row};

/// Where the cells of a state go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping<'a> {
    /// The number of our row that each row of theirs goes to.
    pub(crate) rows: &'a [usize],
    /// The cell of our row that each cell of theirs goes to; absent where it is the same.
    pub(crate) cells: Option<&'a [u32]>,
    /// Where their rows lie.
    pub(crate) theirs: &'a Layout,
    /// Where our rows lie.
    pub(crate) ours: &'a Layout,
}

impl<'a> Mapping<'a> {
    /// The rows of theirs, each with the row of ours that it goes to.
    #[inline]
    pub(crate) fn rows(self) -> impl Iterator<Item = (Row, Row)> + 'a {
        let (theirs, ours) = (self.theirs, self.ours);
        let pairs = self.rows.iter().enumerate();
        pairs.map(move |(from, to)| (theirs.row(from), ours.row(*to)))
    }

    /// The cell of our row that a cell of theirs goes to.
    #[inline]
    pub(crate) fn cell(&self, cell: usize) -> usize {
        self.cells.map_or(cell, |cells| cells[cell] as usize)
    }

    /// The place of our cell that the cell at a place goes to.
    pub(crate) fn place(&self, place: usize) -> usize {
        let from = self.theirs.row_at(place);
        self.ours.row(self.rows[from.number]).start + self.cell(place - from.start)
    }

    /// The places of all cells, and those that they go to.
    pub(crate) fn places(self) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.rows().flat_map(move |(from, to)| {
            (0..from.len).map(move |cell| (from.start + cell, to.start + self.cell(cell)))
        })
    }

    /// Adds counts of theirs to those of ours.
    pub(crate) fn add_counts(self, ours: &mut [u64], theirs: &[u64]) {
        if theirs.is_empty() {
            return;
        }
        match self.cells {
            None => {
                for (from, to) in self.rows() {
                    let theirs = &theirs[from.cells()];
                    for (ours, theirs) in ours[to.cells()].iter_mut().zip(theirs) {
                        *ours = ours.wrapping_add(*theirs);
                    }
                }
            }
            Some(_) => self.places().for_each(|(from, to)| ours[to] += theirs[from]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::aggregate::state::layout::Line;

    #[test]
    fn places_follow_rows_and_cells() {
        let layout = |lens: &[usize]| {
            let mut layout = Layout::new(vec![Line::whole(1)]);
            for len in lens {
                layout.push(*len);
            }
            layout
        };
        let (theirs, ours) = (layout(&[1, 2]), layout(&[2, 3, 1]));
        let same = Mapping { rows: &[2, 0], cells: None, theirs: &theirs, ours: &ours };
        assert_eq!(same.places().collect::<Vec<_>>(), [(0, 5), (1, 0), (2, 1)]);
        let mut counts = [1; 6];
        same.add_counts(&mut counts, &[10, 20, 30]);
        assert_eq!(counts, [21, 31, 1, 1, 1, 11]);
        let (theirs, ours) = (layout(&[3, 3]), layout(&[1, 1]));
        let folded =
            Mapping { rows: &[1, 1], cells: Some(&[0, 0, 0]), theirs: &theirs, ours: &ours };
        let found: Vec<_> = folded.places().collect();
        assert_eq!(found, [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
        assert!(found.iter().all(|(from, to)| folded.place(*from) == *to));
    }
}
