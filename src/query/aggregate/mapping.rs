//! From the cells of one state to those of another: of a thread's to all threads', or of a finer
//! grouping's to a coarser one's.

/// Where the cells of a state go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping<'a> {
    /// The group of ours that each of theirs goes to.
    pub(super) groups: &'a [usize],
    /// The cell of our group that each cell of theirs goes to; absent where it is the same.
    pub(super) cells: Option<&'a [u32]>,
}

impl<'a> Mapping<'a> {
    /// Groups to groups, and each cell to the same.
    pub(super) fn of_groups(groups: &'a [usize]) -> Self {
        Self { groups, cells: None }
    }

    /// The cell of our group that a cell of theirs goes to.
    #[inline]
    pub(super) fn cell(&self, cell: usize) -> usize {
        self.cells.map_or(cell, |cells| cells[cell] as usize)
    }

    /// The place of our cell, in groups of `ours`, that the cell at a place goes to, in groups of
    /// `theirs`.
    #[inline]
    pub(super) fn place(&self, place: usize, theirs: usize, ours: usize) -> usize {
        self.groups[place / theirs] * ours + self.cell(place % theirs)
    }

    /// The places of all cells, in groups of `theirs`, and those that they go to, in groups of
    /// `ours`.
    pub(super) fn places(self, theirs: usize, ours: usize) -> impl Iterator<Item = (usize, usize)> {
        self.groups.iter().enumerate().flat_map(move |(from, to)| {
            (0..theirs).map(move |cell| (from * theirs + cell, to * ours + self.cell(cell)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_groups_and_cells() {
        let same = Mapping::of_groups(&[2, 0]);
        let found: Vec<_> = same.places(2, 2).collect();
        assert_eq!(found, [(0, 4), (1, 5), (2, 0), (3, 1)]);
        let folded = Mapping { groups: &[1, 1], cells: Some(&[0, 0, 0]) };
        let found: Vec<_> = folded.places(3, 1).collect();
        assert_eq!(found, [(0, 1), (1, 1), (2, 1), (3, 1), (4, 1), (5, 1)]);
        assert!(found.iter().all(|(from, to)| folded.place(*from, 3, 1) == *to));
    }
}
