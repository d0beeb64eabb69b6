//! What a selection holds: its series, how many observations, which time.
//!
//! Nearly all of it is known from the spans of chunks, whose first and last slots have an
//! observation. Only where a time cuts through a chunk with gaps, or where values decide, blocks
//! are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Result;
use crate::index::Selection;
use crate::limits::COUNTED_CHUNKS_MAX;
use crate::model::{PeriodForm, ReportingYearStart, Slot, TimeCoverage};
use crate::segment::{ChunkSpan, PageParts};
use crate::store::answer::select::Selected;
use crate::store::answer::wanted::{period, wanted};
use crate::store::cursor::Cursor;
use crate::store::filter::Selections;

/// What a selection holds.
#[derive(Debug)]
pub(super) struct Survey {
    /// The series with an observation that is wanted.
    pub(super) series: Selections,
    /// How many observations these are; absent where it would take too long to count.
    pub(super) observations: Option<u64>,
    /// The time that they cover.
    pub(super) time: Option<TimeCoverage>,
}

/// The first and the last slot of each form, by the day on which reporting years begin.
#[derive(Debug, Default)]
struct Hulls(BTreeMap<(PeriodForm, ReportingYearStart), (i32, i32)>);

/// What is known so far.
struct Surveyor<'a> {
    selected: &'a Selected,
    kept: Vec<Vec<u32>>,
    observations: u64,
    hulls: Hulls,
    /// Chunks of which it is not known which of the wanted slots have an observation.
    unsure: Vec<Selection>,
    /// Of them, those without which it is not known whether the series is kept.
    deciding: Vec<Selection>,
    /// The time of periods of no regular form.
    others: Option<TimeCoverage>,
}

impl Survey {
    /// Looks at a selection. `has_counts` says whether observations shall be counted, if that can
    /// be done soon.
    pub(super) fn new(selected: &Selected, has_counts: bool) -> Result<Self> {
        if let Some(found) = Self::of_whole_series(selected)? {
            return Ok(found);
        }
        let parts = selected.cube.parts().len();
        let mut surveyor = Surveyor {
            selected,
            kept: vec![Vec::new(); parts],
            observations: 0,
            hulls: Hulls::default(),
            unsure: vec![Selection::empty(); parts],
            deciding: vec![Selection::empty(); parts],
            others: None,
        };
        for (part, selection) in selected.series.0.iter().enumerate() {
            for ordinal in selection.iter() {
                surveyor.look(part, ordinal)?;
            }
        }
        let unsure: u64 = surveyor.unsure.iter().map(Selection::len).sum();
        let counts_all = has_counts && unsure <= COUNTED_CHUNKS_MAX;
        surveyor.read(counts_all)?;
        let time = surveyor.hulls.coverage().into_iter().chain(surveyor.others).reduce(union);
        let series = surveyor.kept.into_iter().map(|mut ordinals| {
            ordinals.sort_unstable();
            ordinals.dedup();
            Selection::from_sorted(ordinals)
        });
        let series = Selections(series.collect());
        let observations = counts_all.then_some(surveyor.observations);
        Ok(Self { series, observations, time })
    }

    /// Looks at a selection of which every observation of every series is wanted: then it is a sum
    /// over spans, page by page. Absent where it is none, and where the time of a period follows
    /// from more than its slot.
    fn of_whole_series(selected: &Selected) -> Result<Option<Self>> {
        if !selected.is_whole()? {
            return Ok(None);
        }
        let Some(start) = selected.year_start_of_all()? else { return Ok(None) };
        let (mut hulls, mut observations) = (Hulls::default(), 0);
        for (part, selection) in selected.cube.parts().iter().zip(&selected.series.0) {
            if !part.segment().is_one_to_one() {
                return Ok(None);
            }
            let (mut chunks, mut room) = (PageParts::new(selection), Vec::new());
            while let Some(of) = chunks.next_part() {
                // Each series has one chunk, of the same number; what is selected is live.
                let spans = of.of(part.segment().spans_page(of.page())?, &mut room);
                if !hulls.see(start, spans, &mut observations) {
                    return Ok(None);
                }
            }
        }
        let (series, time) = (selected.series.clone(), hulls.coverage());
        Ok(Some(Self { series, observations: Some(observations), time }))
    }
}

/// The last slot of a chunk, which has an observation.
fn last_slot(span: &ChunkSpan) -> i32 {
    span.first.saturating_add(i32::from(span.slots.saturating_sub(1)))
}

impl Surveyor<'_> {
    /// Learns what the spans of a series tell.
    fn look(&mut self, part: usize, ordinal: u32) -> Result<()> {
        let selected = self.selected;
        let mut is_kept = false;
        let mut unsure = Vec::new();
        for chunk in selected.cube.parts()[part].live_chunks(ordinal)? {
            let span = selected.cube.parts()[part].span(chunk)?;
            let count = selected.periods.observations(&span);
            if count.end == 0 {
                continue;
            }
            let is_sure = selected.is_decided_by_slots(span.form);
            is_kept |= is_sure && count.start > 0;
            if !is_sure || span.form == PeriodForm::Other || count.start != count.end {
                unsure.push(chunk);
                continue;
            }
            self.observations += count.end;
            let year_start = selected.year_start(part, ordinal)?;
            if let Some(ends) = self.ends(&span) {
                self.hulls.add(span.form, year_start, ends);
            }
        }
        for chunk in unsure {
            self.unsure[part].insert(chunk);
            if !is_kept {
                self.deciding[part].insert(chunk);
            }
        }
        if is_kept {
            self.kept[part].push(ordinal);
        }
        Ok(())
    }

    /// The first and the last slot that are wanted of a chunk.
    fn ends(&self, span: &ChunkSpan) -> Option<(i32, i32)> {
        let slots = usize::from(span.slots);
        let positions = self.selected.periods.positions(span.form, span.first, slots);
        let slot = |position: usize| {
            span.first.saturating_add(i32::try_from(position).unwrap_or(i32::MAX))
        };
        Some((slot(positions.first()?.start), slot(positions.last()?.end - 1)))
    }

    /// Reads the chunks that decide something: all that are unsure, where all are counted.
    fn read(&mut self, counts_all: bool) -> Result<()> {
        let selected = self.selected;
        let mut request = selected.request(&[], &[]);
        for (part, selection) in request.series.0.iter_mut().enumerate() {
            let segment = selected.cube.parts()[part].segment();
            let mut series = Selection::empty();
            for chunk in self.unsure[part].iter() {
                let ordinal = segment.series_of(chunk)?;
                if counts_all
                    || self.deciding[part].contains(chunk)
                    || self.may_extend(part, ordinal, &segment.span(chunk)?)?
                {
                    series.insert(ordinal);
                }
            }
            *selection = series;
        }
        let mut cursor = Cursor::new(Arc::clone(&selected.cube), request);
        while let Some(chunk) = cursor.next()? {
            if !self.unsure[chunk.part].contains(chunk.chunk) {
                continue;
            }
            let runs = wanted(selected, chunk)?;
            let Some((first, last)) = runs.first().zip(runs.last()) else { continue };
            self.kept[chunk.part].push(chunk.series);
            self.observations += runs.iter().map(|run| run.len() as u64).sum::<u64>();
            let year_start = selected.year_start(chunk.part, chunk.series)?;
            if chunk.data.form == PeriodForm::Other {
                for position in runs.into_iter().flatten() {
                    let covered = period(chunk, position).span(year_start).map(|span| {
                        TimeCoverage { first_day: span.first_day(), last_day: span.last_day() }
                    });
                    self.others = self.others.into_iter().chain(covered).reduce(union);
                }
            } else {
                let slot = |position: usize| chunk.data.slot(position).index;
                let ends = (slot(first.start), slot(last.end - 1));
                self.hulls.add(chunk.data.form, year_start, ends);
            }
        }
        Ok(())
    }

    /// Whether a chunk may reach over the time that is known.
    fn may_extend(&self, part: usize, ordinal: u32, span: &ChunkSpan) -> Result<bool> {
        let year_start = self.selected.year_start(part, ordinal)?;
        let known = self.hulls.0.get(&(span.form, year_start));
        let (Some(ends), Some(known)) = (self.ends(span), known) else { return Ok(true) };
        Ok(ends.0 < known.0 || ends.1 > known.1)
    }
}

impl Hulls {
    /// Takes in chunks of which all is wanted, and counts their observations. False where the time
    /// of a period follows from more than its slot.
    fn see(
        &mut self,
        start: ReportingYearStart,
        spans: &[ChunkSpan],
        observations: &mut u64,
    ) -> bool {
        for same in spans.chunk_by(|a, b| a.form == b.form) {
            let Some(form) = same.first().map(|span| span.form) else { continue };
            if form == PeriodForm::Other {
                return false;
            }
            *observations += same.iter().map(|s| u64::from(s.observations)).sum::<u64>();
            let first = same.iter().map(|span| span.first).min();
            let last = same.iter().map(last_slot).max();
            if let Some(ends) = first.zip(last) {
                self.add(form, start, ends);
            }
        }
        true
    }

    fn add(&mut self, form: PeriodForm, start: ReportingYearStart, ends: (i32, i32)) {
        let hull = self.0.entry((form, start)).or_insert(ends);
        *hull = (hull.0.min(ends.0), hull.1.max(ends.1));
    }

    /// The days from the first period to the last.
    fn coverage(&self) -> Option<TimeCoverage> {
        let each = self.0.iter().filter_map(|((form, start), (first, last))| {
            let first = Slot { form: *form, index: *first }.span(*start)?;
            let last = Slot { form: *form, index: *last }.span(*start)?;
            Some(TimeCoverage { first_day: first.first_day(), last_day: last.last_day() })
        });
        each.reduce(union)
    }
}

fn union(a: TimeCoverage, b: TimeCoverage) -> TimeCoverage {
    TimeCoverage { first_day: a.first_day.min(b.first_day), last_day: a.last_day.max(b.last_day) }
}
