//! What follows from the spans of chunks: at which periods a series has an observation.
//!
//! A chunk has an observation at its first and at its last slot, and without gaps at all between. So
//! distinct counts, the first and the last period, and which periods occur need no block, but for
//! the few chunks with gaps where no other series has filled in what is not known of them.

use std::mem;

use crate::error::Result;
use crate::index::Selection;
use crate::query::aggregate::keys::condition::{ChunkFacts, Verdict};
use crate::query::aggregate::keys::ranked::RankedOf;
use crate::query::aggregate::state::special::Called;
use crate::query::aggregate::walk::positions::Positions;
use crate::query::aggregate::walk::target::Target;
use crate::query::aggregate::walk::totals::Batch;
use crate::query::aggregate::walk::work::{Reserve, Step, Work, wanted};
use crate::segment::PageParts;
use crate::store::{PeriodFilter, ScanOrder, ScanRequest, Selections};

/// A chunk with gaps, of which some periods are not sure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsure {
    part: usize,
    series: u32,
    chunk: u32,
    /// The packed key of its series.
    key: u64,
}

impl Work<'_> {
    /// Adds what the spans of these series of a part say, each of which has one chunk, of the same
    /// number; those whose periods are all known are left out. `left` gets the series that must be
    /// read.
    pub(crate) fn add_uncovered(
        &mut self,
        part: usize,
        selection: &Selection,
        left: &mut Vec<u32>,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let segment = self.source.cube().parts()[part].segment();
        let mut batch = mem::take(&mut self.batch);
        let mut parts = PageParts::new(selection);
        while let Some(of) = parts.next_part() {
            self.check_cancelled()?;
            let Batch { keys, numbers, spans, .. } = &mut batch;
            self.pack(part, of, keys, numbers)?;
            let spans = of.of(segment.spans_page(of.page())?, spans);
            for ((ordinal, key), span) in of.ordinals().zip(keys.iter()).zip(spans) {
                if self.covered.has(*key, span) {
                    continue;
                }
                let facts = self.facts(part, ordinal, ordinal)?;
                match self.step(&facts)? {
                    Step::Skip => {}
                    Step::Read => left.push(ordinal),
                    Step::Total => self.add_span(&facts, *key, reserve)?,
                }
            }
        }
        self.batch = batch;
        Ok(())
    }

    /// Adds what the span of a chunk says, of which the scan wants all, or only periods matter; the
    /// verdicts are those of the chunk.
    pub(crate) fn add_span(
        &mut self,
        facts: &ChunkFacts<'_>,
        key: u64,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let (mut sure, mut unsure) = mem::take(&mut self.span);
        self.divide(facts, &mut sure, &mut unsure);
        let added = self.add_divided(facts, key, (&sure, &unsure), reserve);
        self.span = (sure, unsure);
        added
    }

    fn add_divided(
        &mut self,
        facts: &ChunkFacts<'_>,
        key: u64,
        (sure, unsure): (&Positions, &Positions),
        reserve: Reserve<'_>,
    ) -> Result<()> {
        if !sure.is_empty() {
            self.add_positions(facts, key, sure, reserve)?;
        }
        if !unsure.is_empty() && self.is_news(facts, key, unsure)? {
            let (part, series, chunk) = (facts.part, facts.series, facts.chunk);
            self.unsure.push(Unsure { part, series, chunk, key });
        } else if self.skips_covered {
            self.covered.add(key, &facts.span);
        }
        Ok(())
    }

    /// The wanted positions of a chunk that have an observation for sure, and the others.
    fn divide(&self, facts: &ChunkFacts<'_>, sure: &mut Positions, unsure: &mut Positions) {
        let (span, slots) = (&facts.span, usize::from(facts.span.slots));
        sure.clear(slots);
        unsure.clear(0);
        let needs_positions =
            self.spec.keys.periods.is_some() || self.spec.has_specials_of_periods();
        if let (PeriodFilter::All, false) = (&self.scan.periods, needs_positions) {
            sure.insert(0);
            return;
        }
        for range in self.scan.periods.positions(span.form, span.first, slots) {
            sure.insert_range(range);
        }
        if span.observations == span.slots {
            return;
        }
        unsure.copy_from(sure);
        sure.clear(slots);
        for end in [0, slots.saturating_sub(1)] {
            if unsure.contains(end) {
                unsure.remove(end);
                sure.insert(end);
            }
        }
        if !needs_positions && !sure.is_empty() {
            unsure.clear(0);
        }
    }

    /// Adds observations of which nothing but the period matters.
    fn add_positions(
        &mut self,
        facts: &ChunkFacts<'_>,
        key: u64,
        positions: &Positions,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let place = facts.place.unwrap_or_default();
        let mut rows = mem::take(&mut self.span_rows);
        let first = self.rows(key, (place, positions.count()), &mut rows, reserve)?;
        let target = Target::new(&self.spec.keys, place, (&rows, first));
        if self.spec.reads_spans() {
            target.count(positions, &mut self.cells.rows);
        }
        let called = Called { target: &target, positions, facts };
        for cells in &mut self.cells.inputs {
            let verdict = cells.input.condition.map(|condition| self.verdicts[condition]);
            if verdict == Some(Verdict::Never) {
                continue;
            }
            for (place, cells) in &mut cells.specials {
                if let Some(ranked) = self.spec.specials[*place].ranked() {
                    cells.add_ranked(ranked, &called)?;
                }
            }
        }
        self.span_rows = rows;
        Ok(())
    }

    /// Whether observations at these positions would change anything.
    fn is_news(&self, facts: &ChunkFacts<'_>, key: u64, positions: &Positions) -> Result<bool> {
        let place = facts.place.unwrap_or_default();
        let mut rows = Vec::new();
        let first = self.known_rows(key, (place, positions.count()), &mut rows);
        let Some(first) = first else { return Ok(true) };
        let target = Target::new(&self.spec.keys, place, (&rows, first));
        let counts = self.spec.reads_spans();
        if counts && positions.runs().flatten().any(|at| self.cells.rows[target.at(at)] == 0) {
            return Ok(true);
        }
        for cells in &self.cells.inputs {
            let verdict = cells.input.condition.map(|condition| self.verdicts[condition]);
            let specials: &[_] =
                if verdict == Some(Verdict::Never) { &[] } else { &cells.specials };
            for (special, cells) in specials {
                let Some(ranked) = self.spec.specials[*special].ranked() else { continue };
                let of_series = match &ranked.of {
                    RankedOf::Series(table) => {
                        Some(table.number(facts.cube, facts.part, facts.series)?)
                    }
                    RankedOf::Period(_) | RankedOf::Place | RankedOf::Attributes(..) => None,
                };
                let number = |at: usize| of_series.unwrap_or_else(|| ranked.of_place(place + at));
                let mut all = positions.runs().flatten();
                if all.any(|at| cells.is_news(target.at(at), number(at))) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Reads the chunks that could still change something.
    pub(crate) fn run_unsure(&mut self, reserve: Reserve<'_>) -> Result<()> {
        let mut chunks = mem::take(&mut self.unsure);
        let (mut sure, mut unsure) = mem::take(&mut self.span);
        let mut news = Vec::with_capacity(chunks.len());
        for chunk in &chunks {
            let facts = self.facts(chunk.part, chunk.series, chunk.chunk)?;
            self.find_verdicts(&facts)?;
            self.divide(&facts, &mut sure, &mut unsure);
            news.push(self.is_news(&facts, chunk.key, &unsure)?);
        }
        let mut news = news.into_iter();
        chunks.retain(|_| news.next().unwrap_or(true));
        if chunks.is_empty() {
            return Ok(());
        }
        let count = self.source.cube().parts().len();
        let of_part = |part: usize| {
            let series = chunks.iter().filter(|chunk| chunk.part == part);
            let mut series: Vec<u32> = series.map(|chunk| chunk.series).collect();
            series.dedup();
            Selection::from_sorted(series)
        };
        let request = ScanRequest {
            series: Selections((0..count).map(of_part).collect()),
            periods: self.scan.periods.clone(),
            measures: Vec::new(),
            attributes: Vec::new(),
            order: ScanOrder::Stored,
        };
        let mut cursor = self.source.cube().cursor(request)?;
        while let Some(chunk) = cursor.next()? {
            self.check_cancelled()?;
            let at = (chunk.part, chunk.series, chunk.chunk);
            let found = chunks.binary_search_by_key(&at, |one| (one.part, one.series, one.chunk));
            let Ok(found) = found else { continue };
            let facts = self.facts(chunk.part, chunk.series, chunk.chunk)?;
            self.find_verdicts(&facts)?;
            wanted(chunk, &mut sure);
            if !sure.is_empty() {
                self.add_positions(&facts, chunks[found].key, &sure, reserve)?;
            }
        }
        Ok(())
    }
}
