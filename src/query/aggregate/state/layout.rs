//! Where the cells of groups lie.
//!
//! A cube has many periods, and each group has observations at few of them: annual ones, or those of
//! the last ten years. So the numbers of the period key are cut into lines, and a group gets a row of
//! cells for each line that one of its chunks touches.

use std::ops::Range;

/// The most numbers of a line. Rows of 32 cells are long enough to be added in one go, and short
/// enough that few of their cells stay empty.
pub(crate) const LINE_CELLS: usize = 32;

/// Neighbouring numbers of the period key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The number of the first cell.
    pub(crate) first: usize,
    /// How many there are.
    pub(crate) len: usize,
}

/// The cells of a group for one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its number, in the order in which rows are met.
    pub(crate) number: usize,
    /// The place of its first cell among all cells.
    pub(crate) start: usize,
    /// How many cells it has.
    pub(crate) len: usize,
}

/// The rows of all groups, one after the other.
#[derive(Debug)]
pub(crate) struct Layout {
    lines: Vec<Line>,
    /// The place of the line of each number; empty where there is only one.
    line_of: Vec<u32>,
    /// Where each row begins, and where the last one ends.
    starts: Vec<usize>,
}

impl Line {
    /// All of so many numbers.
    pub(crate) fn whole(len: usize) -> Self {
        Self { first: 0, len }
    }

    /// The lines of neighbouring numbers: all but the last of [`LINE_CELLS`].
    pub(crate) fn cut(numbers: Range<usize>) -> impl Iterator<Item = Self> {
        let end = numbers.end;
        let firsts = numbers.step_by(LINE_CELLS);
        firsts.map(move |first| Self { first, len: LINE_CELLS.min(end - first) })
    }
}

impl Row {
    /// The places of its cells.
    pub(crate) fn cells(self) -> Range<usize> {
        self.start..self.start + self.len
    }
}

impl Layout {
    /// No rows yet, of these lines, of which there is at least one.
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        let mut line_of = Vec::new();
        if lines.len() > 1 {
            for (place, line) in (0..).zip(&lines) {
                line_of.resize(line.first + line.len, place);
            }
        }
        Self { lines, line_of, starts: vec![0] }
    }

    /// How many lines there are.
    pub(crate) fn line_count(&self) -> u64 {
        self.lines.len() as u64
    }

    /// How many rows there are.
    pub(crate) fn row_count(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many cells they have.
    pub(crate) fn cell_count(&self) -> usize {
        self.starts[self.row_count()]
    }

    /// The key of the row of a group with this packed key, for the line at a place.
    #[inline]
    pub(crate) fn row_key(&self, packed: u64, line: usize) -> u64 {
        packed * self.line_count() + line as u64
    }

    /// The packed key of the group whose row has this key.
    #[inline]
    pub(crate) fn packed(&self, row_key: u64) -> u64 {
        if self.lines.len() == 1 { row_key } else { row_key / self.line_count() }
    }

    /// The places of the lines that so many neighbouring numbers touch, all of one form; and the
    /// first number of the first of them.
    #[inline]
    pub(crate) fn lines_of(&self, number: usize, count: usize) -> (Range<usize>, usize) {
        if self.lines.len() == 1 {
            return (0..1, 0);
        }
        let from = self.line_of[number] as usize;
        let first = self.lines[from].first;
        let to = from + (number - first + count.max(1) - 1) / LINE_CELLS + 1;
        (from..to.min(self.lines.len()), first)
    }

    /// The line of the row with this key.
    #[inline]
    pub(crate) fn line(&self, row_key: u64) -> Line {
        let place = usize::try_from(row_key % self.line_count()).unwrap_or_default();
        self.lines[place]
    }

    /// Adds a row of so many cells.
    pub(crate) fn push(&mut self, len: usize) {
        self.starts.push(self.cell_count() + len);
    }

    /// The row with this number.
    #[inline]
    pub(crate) fn row(&self, number: usize) -> Row {
        let start = self.starts[number];
        Row { number, start, len: self.starts[number + 1] - start }
    }

    /// The row that has the cell at a place.
    pub(crate) fn row_at(&self, place: usize) -> Row {
        let after = self.starts.partition_point(|start| *start <= place);
        self.row(after.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_rows_tell_group_and_line() {
        let lines: Vec<Line> = Line::cut(0..19).chain(Line::cut(19..95)).collect();
        let shape: Vec<(usize, usize)> = lines.iter().map(|line| (line.first, line.len)).collect();
        assert_eq!(shape, [(0, 19), (19, 32), (51, 32), (83, 12)]);
        let mut layout = Layout::new(lines);
        for (packed, number, first) in [(0, 0, 0), (3, 18, 0), (3, 19, 19), (7, 94, 83)] {
            let key = layout.row_key(packed, layout.line_of[number] as usize);
            assert_eq!((layout.packed(key), layout.line(key).first), (packed, first));
        }
        assert_eq!(layout.lines_of(3, 16), (0..1, 0));
        assert_eq!(layout.lines_of(50, 1), (1..2, 19));
        assert_eq!(layout.lines_of(50, 2), (1..3, 19));
        assert_eq!(layout.lines_of(20, 75), (1..4, 19));
        layout.push(12);
        layout.push(19);
        assert_eq!(layout.row(1), Row { number: 1, start: 12, len: 19 });
        assert_eq!((layout.row_count(), layout.cell_count()), (2, 31));
        assert_eq!([0, 11, 12, 30].map(|place| layout.row_at(place).number), [0, 0, 1, 1]);
    }
}
