//! The first or the last period of groups, from the ends of spans alone.
//!
//! A chunk has an observation at its first and at its last slot. Where the order that is asked for
//! goes up or down all along the periods of a form, one of these two comes first of the chunk; and
//! so it is with neighbouring chunks of one group and form, of which only the outermost ends matter.

use crate::error::Result;
use crate::index::Selection;
use crate::model::PeriodForm;
use crate::query::aggregate::keys::ranked::{NONE, Ranked};
use crate::query::aggregate::state::special::Special;
use crate::query::aggregate::walk::work::{Reserve, Work};
use crate::query::scan::PeriodTable;
use crate::segment::ChunkSpan;
use crate::store::PeriodFilter;

/// Series between two looks at whether anybody waits for the answer.
const SERIES_BETWEEN_LOOKS: usize = 1_024;
/// Periods that are looked at for each series, at most, to find out how an order goes.
const PERIODS_PER_SERIES: u64 = 4;

/// The outermost slots of neighbouring chunks of one group and form.
#[derive(Clone, Copy, Debug)]
struct Ends {
    /// The packed key of the group.
    key: u64,
    form: PeriodForm,
    first: i32,
    last: i32,
}

impl Ends {
    fn of(key: u64, span: &ChunkSpan) -> Self {
        let last = span.first.saturating_add(i32::from(span.slots)).saturating_sub(1);
        Self { key, form: span.form, first: span.first, last }
    }

    /// Takes a chunk of the same group and form in. Says whether it is one.
    #[inline]
    fn widen(&mut self, other: &Self) -> bool {
        let is_same = self.key == other.key && self.form == other.form;
        if is_same {
            self.first = self.first.min(other.first);
            self.last = self.last.max(other.last);
        }
        is_same
    }
}

impl Work<'_> {
    /// Whether the ends of spans say all that is wanted of so many series, besides what follows from
    /// the series.
    pub(crate) fn adds_ends_alone(&self, series: u64) -> bool {
        let is_steady = |special: &Special| match special {
            Special::Foremost(ranked) => self.source.periods().is_some_and(|table| {
                table.len() as u64 <= series.saturating_mul(PERIODS_PER_SERIES)
                    && is_steady(ranked, table)
            }),
            Special::Distinct(_) | Special::Quantile(_) | Special::End(..) => false,
        };
        self.skips_covered
            && self.scan.periods == PeriodFilter::All
            && self.spec.keys.periods.is_none()
            && self
                .spec
                .specials
                .iter()
                .all(|special| !special.is_of_period() || is_steady(special))
    }

    /// Adds the ends of these series of a part, whose packed keys are given.
    pub(crate) fn add_ends_alone(
        &mut self,
        part: usize,
        (selection, packed): (&Selection, &[u64]),
        reserve: Reserve<'_>,
    ) -> Result<()> {
        let part = &self.source.cube().parts()[part];
        let mut open: Option<Ends> = None;
        let bounds = selection.min().zip(selection.max());
        let neighbours = bounds.filter(|(min, max)| u64::from(max - min) + 1 == selection.len());
        if let Some((min, max)) = neighbours.filter(|_| part.segment().is_one_to_one()) {
            // Each series has one chunk, of the same number.
            let (mut chunks, mut keys) = (min..max + 1, packed);
            while !chunks.is_empty() {
                self.check_cancelled()?;
                let spans = part.segment().spans(chunks.clone())?;
                let (these, others) = keys.split_at(spans.len().min(keys.len()));
                for (span, key) in spans.iter().zip(these) {
                    self.meet_ends(&mut open, Ends::of(*key, span), reserve)?;
                }
                keys = others;
                chunks.start += u32::try_from(spans.len()).unwrap_or(u32::MAX).max(1);
            }
        } else {
            for (count, (series, key)) in selection.iter().zip(packed).enumerate() {
                if count % SERIES_BETWEEN_LOOKS == 0 {
                    self.check_cancelled()?;
                }
                for chunk in part.live_chunks(series)? {
                    self.meet_ends(&mut open, Ends::of(*key, &part.span(chunk)?), reserve)?;
                }
            }
        }
        open.map_or(Ok(()), |ends| self.add_ends(&ends, reserve))
    }

    /// Takes the ends of the next chunk in; those before it are added if they are of others.
    #[inline]
    fn meet_ends(
        &mut self,
        open: &mut Option<Ends>,
        next: Ends,
        reserve: Reserve<'_>,
    ) -> Result<()> {
        if open.as_mut().is_some_and(|ends| ends.widen(&next)) {
            return Ok(());
        }
        open.replace(next).map_or(Ok(()), |ends| self.add_ends(&ends, reserve))
    }

    /// Adds the ends of neighbouring chunks, both of which are periods with an observation.
    fn add_ends(&mut self, ends: &Ends, reserve: Reserve<'_>) -> Result<()> {
        let cell = self.row(ends.key, reserve)?.start;
        self.cells.rows[cell] += 1;
        let first = self.place(ends.form, ends.first)?;
        let last = self.place(ends.form, ends.last)?;
        let Some((first, last)) = first.zip(last) else { return Ok(()) };
        for (place, cells) in self.cells.inputs.iter_mut().flat_map(|cells| &mut cells.specials) {
            if let Some(ranked) = self.spec.specials[*place].ranked() {
                // What follows from the series has no number by period.
                cells.meet(cell, ranked.of_place(first).min(ranked.of_place(last)));
            }
        }
        Ok(())
    }
}

/// Whether an order goes up all along the periods of each form, or down.
fn is_steady(ranked: &Ranked, table: &PeriodTable) -> bool {
    table.forms().all(|places| {
        let numbers = || places.clone().map(|place| ranked.of_place(place));
        let is_down = || numbers().is_sorted_by(|one, next| one >= next);
        (numbers().is_sorted() || is_down()) && !numbers().any(|number| number == NONE)
    })
}
