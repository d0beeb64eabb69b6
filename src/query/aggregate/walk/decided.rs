//! Which chunks are decided without a look at their observations: all or nothing of them is wanted, and
//! their totals are exact. Found a thousand at a time, from the pages of the tables of a segment.

use crate::error::Result;
use crate::query::aggregate::keys::condition::{PageFacts, Verdict};
use crate::query::aggregate::walk::totals::Chunks;
use crate::query::aggregate::walk::work::Work;
use crate::segment::{ChunkSpan, PagePart};
use crate::store::{Coverage, PeriodFilter};

impl Work<'_> {
    /// Sets `out` to whether the scan wants all, nothing or a part of each chunk.
    pub(crate) fn find_covered(
        &self,
        chunks: Chunks<'_>,
        room: &mut Vec<ChunkSpan>,
        out: &mut Vec<Verdict>,
    ) -> Result<()> {
        let spans = chunks.of.of(chunks.segment().spans_page(chunks.of.page())?, room);
        out.extend(spans.iter().map(|span| match self.coverage(span) {
            Coverage::All => Verdict::Always,
            Coverage::Nothing => Verdict::Never,
            Coverage::Part => Verdict::Depends,
        }));
        Ok(())
    }

    /// Brings what the filter says of each chunk into what is known of it.
    pub(crate) fn apply_filter(
        &self,
        chunks: Chunks<'_>,
        filter: usize,
        [known, said]: &mut [Vec<Verdict>; 2],
    ) -> Result<()> {
        let formula = &self.spec.conditions[filter].formula;
        // Where nothing is counted, one observation that passes is as good as all.
        let is_some_enough = self.spec.functions.is_empty()
            && matches!(self.scan.periods, PeriodFilter::All)
            && formula.is_of_series_and_a_value();
        formula.verdicts(&self.page_facts(chunks, is_some_enough), said)?;
        if known.is_empty() {
            known.append(said);
            return Ok(());
        }
        for (known, said) in known.iter_mut().zip(said.iter()) {
            *known = known.and(*said);
        }
        Ok(())
    }

    fn page_facts<'c>(&'c self, chunks: Chunks<'c>, is_some_enough: bool) -> PageFacts<'c> {
        let (cube, part, of) = (chunks.cube, chunks.part, chunks.of);
        PageFacts { cube, part, of, periods: self.source.periods(), is_some_enough }
    }

    /// Finds which conditions of inputs hold for each chunk; unmarks those for which one of them is
    /// not decided.
    pub(crate) fn mark_conditions(
        &self,
        chunks: Chunks<'_>,
        conditions: &mut [Vec<bool>],
        room: &mut Vec<Verdict>,
        marks: &mut [bool],
    ) -> Result<()> {
        for (place, holds) in conditions.iter_mut().enumerate() {
            if !self.spec.inputs.iter().any(|input| input.condition == Some(place)) {
                continue;
            }
            let formula = &self.spec.conditions[place].formula;
            if formula.is_of_series() {
                formula.marks((chunks.cube, chunks.part), chunks.of, holds)?;
                continue;
            }
            formula.verdicts(&self.page_facts(chunks, false), room)?;
            holds.clear();
            holds.extend(room.iter().map(|verdict| *verdict == Verdict::Always));
            for (mark, verdict) in marks.iter_mut().zip(room.iter()) {
                *mark &= *verdict != Verdict::Depends;
            }
        }
        Ok(())
    }

    /// Finds which conditions of inputs hold for each chunk, and marks the chunks whose totals say
    /// everything that is wanted of them. Says whether there are others.
    pub(crate) fn mark_known(
        &self,
        chunks: Chunks<'_>,
        conditions: &mut [Vec<bool>],
        room: &mut Vec<Verdict>,
        marks: &mut Vec<bool>,
    ) -> Result<bool> {
        marks.clear();
        marks.resize(chunks.of.len(), true);
        self.mark_conditions(chunks, conditions, room, marks)?;
        for input in &self.spec.inputs {
            let Some(measure) = input.measure else { continue };
            let page = chunks.totals(measure)?;
            if page.bounds().is_exact() {
                continue;
            }
            let mut room = Vec::new();
            let exact = chunks.of.of(page.totals().exact(), &mut room);
            let wanted = input.condition.map(|place| conditions[place].as_slice());
            for (at, (mark, exact)) in marks.iter_mut().zip(exact).enumerate() {
                *mark &= *exact || wanted.is_some_and(|wanted| !wanted[at]);
            }
        }
        Ok(marks.iter().any(|mark| !*mark))
    }
}

/// Leaves out the chunks of which nothing is wanted, and what is known of them.
pub(crate) fn touched_of<'a>(
    of: PagePart<'a>,
    verdicts: &mut Vec<Verdict>,
    marks: &mut Vec<bool>,
    room: &'a mut Vec<u32>,
) -> PagePart<'a> {
    marks.clear();
    marks.extend(verdicts.iter().map(|verdict| *verdict != Verdict::Never));
    verdicts.retain(|verdict| *verdict != Verdict::Never);
    of.marked(marks, room)
}
