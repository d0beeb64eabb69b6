//! The selected series, one after the other, each with the observations that are wanted.

use std::sync::Arc;

use crate::error::Result;
use crate::model::{Period, PeriodForm, Span};
use crate::store::answer::select::Selected;
use crate::store::answer::wanted::{period, wanted};
use crate::store::cursor::{Chunk, Cursor, Ends, pieces};
use crate::store::walk::SeriesWalk;

/// A series with at least one observation that is wanted.
#[derive(Debug)]
pub(super) struct Series {
    /// A part that has it, the last one to be written, and its number there.
    pub(super) part: usize,
    pub(super) ordinal: u32,
    /// Its chunks in the order of their periods; the positions are those of observations that are
    /// wanted. A chunk stands here more than once where others come between its periods.
    pub(super) pieces: Vec<Chunk>,
    /// How many observations these are.
    pub(super) count: u64,
}

/// Gives series in the order of their keys.
#[derive(Debug)]
pub(super) struct SeriesReader<'a> {
    selected: &'a Selected,
    cursor: Cursor,
    ahead: Option<Chunk>,
    ends: Ends,
}

impl<'a> SeriesReader<'a> {
    /// Reads the series of a walk with these measures and attributes.
    pub(super) fn new(
        selected: &'a Selected,
        walk: SeriesWalk,
        ends: Ends,
        (measures, attributes): (&[usize], &[usize]),
    ) -> Result<Self> {
        // Which observations are the last is known from the spans only if slots decide.
        let sure = if selected.is_by_slots()? { ends } else { Ends::default() };
        let request = selected.request(measures, attributes);
        let cursor = Cursor::of_walk(Arc::clone(&selected.cube), walk, sure, request);
        Ok(Self { selected, cursor, ahead: None, ends })
    }

    /// The next series; absent at the end.
    pub(super) fn next(&mut self) -> Result<Option<Series>> {
        loop {
            let next = match self.ahead.take() {
                Some(chunk) => Some(chunk),
                None => self.cursor.take()?,
            };
            let Some(first) = next else { return Ok(None) };
            let (mut part, mut ordinal) = (first.part, first.series);
            let mut chunks = vec![first];
            while let Some(chunk) = self.cursor.take()? {
                if !self.is_same(&chunks[0], &chunk)? {
                    self.ahead = Some(chunk);
                    break;
                }
                if chunk.part > part {
                    (part, ordinal) = (chunk.part, chunk.series);
                }
                chunks.push(chunk);
            }
            for chunk in &mut chunks {
                chunk.positions = wanted(self.selected, chunk)?;
            }
            chunks.retain(|chunk| !chunk.positions.is_empty());
            if chunks.is_empty() {
                continue;
            }
            let mut pieces = self.in_order_of_time(chunks)?;
            let mut count = pieces.iter().map(observations).sum();
            if self.ends.first.is_some() || self.ends.last.is_some() {
                count = cut(&mut pieces, self.ends, count);
            }
            if count > 0 {
                return Ok(Some(Series { part, ordinal, pieces, count }));
            }
        }
    }

    fn is_same(&self, a: &Chunk, b: &Chunk) -> Result<bool> {
        if a.part == b.part {
            return Ok(a.series == b.series);
        }
        let parts = self.selected.cube.parts();
        for dimension in 0..self.selected.cube.flow().dimensions().len() {
            let code = parts[a.part].code(dimension, a.series)?;
            if code != parts[b.part].code(dimension, b.series)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The chunks of a series by the time of their periods; then by the text.
    fn in_order_of_time(&self, chunks: Vec<Chunk>) -> Result<Vec<Chunk>> {
        let form = chunks[0].data.form;
        if form != PeriodForm::Other && chunks.iter().all(|chunk| chunk.data.form == form) {
            return Ok(chunks);
        }
        let start = self.selected.year_start(chunks[0].part, chunks[0].series)?;
        let mut observations: Vec<(Option<Span>, Period, usize, usize)> = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            for position in chunk.positions.iter().cloned().flatten() {
                let period = period(chunk, position);
                observations.push((period.span(start), period, index, position));
            }
        }
        observations.sort_unstable();
        Ok(pieces(&chunks, observations.into_iter().map(|(_, _, index, at)| (index, at))))
    }
}

fn observations(piece: &Chunk) -> u64 {
    piece.positions.iter().map(|range| range.len() as u64).sum()
}

/// Keeps the observations at the ends of a series, and returns how many these are.
fn cut(pieces: &mut Vec<Chunk>, ends: Ends, count: u64) -> u64 {
    let first = ends.first.unwrap_or(0);
    let last_from = count.saturating_sub(ends.last.unwrap_or(0));
    let (mut at, mut kept) = (0, 0);
    for piece in pieces.iter_mut() {
        let mut positions = Vec::with_capacity(piece.positions.len());
        for range in &piece.positions {
            let (from, end) = (at, at + range.len() as u64);
            at = end;
            let wanted = if first >= last_from {
                [from..end, end..end]
            } else {
                [from..end.min(first).max(from), from.max(last_from).min(end)..end]
            };
            for part in wanted.into_iter().filter(|part| part.start < part.end) {
                kept += part.end - part.start;
                let offset = |number: u64| {
                    range.start + usize::try_from(number - from).unwrap_or(usize::MAX)
                };
                positions.push(offset(part.start)..offset(part.end));
            }
        }
        piece.positions = positions;
    }
    pieces.retain(|piece| !piece.positions.is_empty());
    kept
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;
    use crate::model::DataSelection;
    use crate::store::answer::fixture::{database, id};
    use crate::store::{Direction, KeyPart, PeriodFilter, ScanOrder, ScanRequest, SeriesFilter};

    /// Chunks begin every 4,096 days: this series has three, of 2, 3 and 1 observations.
    const DAYS: [&str; 6] =
        ["1990-05-01", "1990-05-02", "2001-01-01", "2001-01-02", "2003-01-01", "2005-01-01"];

    fn of_days() -> Selected {
        let rows = DAYS.iter().map(|day| format!("D,CH,I0,{day},1,,,,,,,")).collect();
        let snapshot = database(true, &[rows]).snapshot().expect("readable");
        let cube = snapshot.cube(&id()).expect("there");
        Selected::new(&snapshot, cube, &DataSelection::default()).expect("selected")
    }

    #[test]
    fn chunks_that_the_ends_do_without_are_not_read() {
        let selected = of_days();
        let check = |first, last, chunks: usize| {
            let walk = SeriesWalk::new(&selected.cube, &selected.series, &[]);
            let ends = Ends { first, last };
            let request = selected.request(&[], &[]);
            let mut cursor = Cursor::of_walk(Arc::clone(&selected.cube), walk, ends, request);
            let mut count = 0;
            while cursor.next().expect("read").is_some() {
                count += 1;
            }
            assert_eq!(count, chunks, "{first:?} {last:?}");
        };
        check(None, None, 3);
        check(None, Some(1), 1);
        check(None, Some(2), 2);
        check(None, Some(4), 2);
        check(None, Some(5), 3);
        check(Some(2), None, 1);
        check(Some(3), None, 2);
        check(Some(1), Some(1), 2);
    }

    /// What the walk gives is what a sort of all keys gives, whatever dimensions come first.
    #[test]
    fn a_walk_that_must_split_gives_the_same_order() {
        let rows = (0..60).map(|n| format!("A,C{},I{},2020,1,,,,,,,", n * 7 % 10, n * 11 % 60));
        let rows: Vec<String> = rows.collect();
        let (left, right) = rows.split_at(20);
        let loads = [left.to_vec(), right.to_vec()];
        let snapshot = database(true, &loads).snapshot().expect("readable");
        let cube = snapshot.cube(&id()).expect("there");
        let series = cube.select(&SeriesFilter::All).expect("read");
        for dimensions in [vec![], vec![2], vec![1, 0], vec![2, 1]] {
            let dimensions: Vec<KeyPart> = dimensions.into_iter().map(KeyPart::from).collect();
            let keys = |most: u64| {
                let mut walk = SeriesWalk::with_most(&cube, &series, &dimensions, most);
                let mut places = Vec::new();
                while let Some(same) = walk.peek().expect("read") {
                    places.push(same.to_vec());
                    walk.advance();
                }
                places
            };
            let whole = keys(1_000);
            assert_eq!(whole.len(), 60);
            for most in [0, 1, 5, 20] {
                assert_eq!(keys(most), whole, "{dimensions:?} {most}");
            }
            let order = ScanOrder::Key(dimensions.clone());
            let (series, periods) = (series.clone(), PeriodFilter::All);
            let (measures, attributes) = (Vec::new(), Vec::new());
            let request = ScanRequest { series, periods, measures, attributes, order };
            let mut cursor = cube.cursor(request).expect("begun");
            for same in &whole {
                let chunk = cursor.next().expect("read").expect("a chunk");
                assert_eq!([(chunk.part, chunk.series)], same.as_slice());
            }
        }
    }

    /// Codes against their order, those that are given first as well as the others.
    #[test]
    fn a_walk_goes_down_as_well_as_up() {
        let rows = (0..60).map(|n| format!("A,C{},I{},2020,1,,,,,,,", n * 7 % 10, n * 11 % 60));
        let rows: Vec<String> = rows.collect();
        let snapshot = database(true, &[rows]).snapshot().expect("readable");
        let cube = snapshot.cube(&id()).expect("there");
        let series = cube.select(&SeriesFilter::All).expect("read");
        let down = |dimension| KeyPart { dimension, direction: Direction::Descending };
        for order in [vec![down(1)], vec![KeyPart::from(1), down(2)], vec![down(2), down(1)]] {
            let code =
                |dimension: usize, ordinal| cube.parts()[0].code(dimension, ordinal).expect("read");
            let mut expected: Vec<u32> = series.0[0].iter().collect();
            expected.sort_by(|a, b| {
                let others = (0..3).filter(|d| order.iter().all(|part| part.dimension != *d));
                let parts = order.iter().copied().chain(others.map(KeyPart::from));
                let compared = parts.map(|part| {
                    let compared = code(part.dimension, *a).cmp(&code(part.dimension, *b));
                    let is_down = part.direction == Direction::Descending;
                    if is_down { compared.reverse() } else { compared }
                });
                compared.fold(Ordering::Equal, Ordering::then)
            });
            for most in [0, 3, 1_000] {
                let mut walk = SeriesWalk::with_most(&cube, &series, &order, most);
                let mut found = Vec::new();
                while let Some(same) = walk.peek().expect("read") {
                    found.extend(same.iter().map(|(_, ordinal)| *ordinal));
                    walk.advance();
                }
                assert_eq!(found, expected, "{order:?} {most}");
            }
        }
    }
}
