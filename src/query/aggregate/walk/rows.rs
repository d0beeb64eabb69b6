//! From series to the rows that a thread has given to their groups so far.

use crate::error::Result;
use crate::index::Selection;
use crate::query::aggregate::state::layout::Row;
use crate::query::aggregate::walk::work::{Reserve, Work};

/// Cells to make room for at first.
const CELLS_FIRST: usize = 16;

impl Work<'_> {
    /// Sets `out` to the part of the packed key that follows from each of these series of a part.
    pub(crate) fn keys(
        &self,
        part: usize,
        series: &(impl Iterator<Item = u32> + Clone),
        out: &mut Vec<u64>,
    ) -> Result<()> {
        out.clear();
        out.extend(series.clone().map(|_| 0));
        for key in &self.spec.keys.series {
            key.table.add_numbers((self.source.cube(), part), series.clone(), key.stride, out)?;
        }
        Ok(())
    }

    /// The part of the packed key that follows from a series.
    pub(crate) fn key(&self, part: usize, series: u32) -> Result<u64> {
        let mut sum = 0;
        for key in &self.spec.keys.series {
            sum += u64::from(key.table.number(self.source.cube(), part, series)?) * key.stride;
        }
        Ok(sum)
    }

    /// The part of the packed key that follows from each selected series, in their order.
    pub(crate) fn pack_all(
        &self,
        part: usize,
        selection: &Selection,
        packed: &mut Vec<u64>,
    ) -> Result<()> {
        packed.clear();
        packed.resize(usize::try_from(selection.len()).unwrap_or(usize::MAX), 0);
        let look = || self.check_cancelled();
        self.spec.keys.pack((self.source.cube(), part), selection, packed, &look)
    }

    /// The row with this key, known or new.
    #[inline]
    pub(crate) fn row(&mut self, row_key: u64, reserve: Reserve<'_>) -> Result<Row> {
        let number = self.groups.number(row_key);
        if number >= self.cells.layout.row_count() {
            self.add_rows(reserve)?;
        }
        Ok(self.cells.layout.row(number))
    }

    /// Adds the rows of groups that have none yet, with room for their cells.
    #[cold]
    pub(crate) fn add_rows(&mut self, reserve: Reserve<'_>) -> Result<()> {
        let (cells, room) = (self.cells.cells_of(&self.groups), self.cells.capacity());
        if cells > room {
            let cells = cells.max(room * 2).max(CELLS_FIRST);
            self.reserve((cells - room) * self.cells.bytes_per_cell(), reserve)?;
            self.cells.grow(cells);
        }
        self.cells.follow(&self.groups);
        Ok(())
    }

    /// Sets `rows` to those of the group with a packed key, for a chunk of so many slots whose first
    /// period has this place. Returns the number of the period key that they begin with.
    #[inline]
    pub(crate) fn rows(
        &mut self,
        key: u64,
        (place, slots): (usize, usize),
        rows: &mut Vec<Row>,
        reserve: Reserve<'_>,
    ) -> Result<usize> {
        rows.clear();
        let (lines, first) = self.cells.layout.lines_of(place, slots);
        for line in lines {
            let number = self.groups.number(self.cells.layout.row_key(key, line));
            if number >= self.cells.layout.row_count() {
                self.add_rows(reserve)?;
            }
            rows.push(self.cells.layout.row(number));
        }
        Ok(first)
    }

    /// The same if all of these rows are known.
    pub(crate) fn known_rows(
        &self,
        key: u64,
        (place, slots): (usize, usize),
        rows: &mut Vec<Row>,
    ) -> Option<usize> {
        let (lines, first) = self.cells.layout.lines_of(place, slots);
        for line in lines {
            let number = self.groups.known(self.cells.layout.row_key(key, line))?;
            rows.push(self.cells.layout.row(number));
        }
        Some(first)
    }
}
