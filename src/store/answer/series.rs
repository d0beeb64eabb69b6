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
