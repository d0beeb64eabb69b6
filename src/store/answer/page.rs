//! Which series hold what `offset` and `limit` leave.

use crate::error::Result;
use crate::index::Selection;
use crate::store::answer::data::DataAnswer;
use crate::store::filter::Selections;
use crate::store::walk::SeriesWalk;

/// The series of a page.
#[derive(Debug)]
pub(super) struct Page {
    /// Every series that may have something on the page.
    pub(super) series: Selections,
    /// Observations (or series) of the series before, which were left out.
    pub(super) skipped: u64,
    /// Whether the first of these series has something on the page.
    pub(super) is_sure: bool,
}

impl Page {
    /// Finds the series by the spans of their chunks. Reads no block.
    ///
    /// Cost: none for an answer without `offset` and `limit`, else a look at each series up to the
    /// end of the page.
    pub(super) fn new(answer: &DataAnswer) -> Result<Self> {
        let selected = &answer.selected;
        let is_whole = answer.offset == 0 && answer.limit.is_none();
        if is_whole || answer.crossing().is_some() {
            let series = selected.series.clone();
            let is_sure = answer.offset == 0 && Self::is_sure(answer)?;
            return Ok(Self { series, skipped: 0, is_sure });
        }
        let is_exact = selected.is_by_slots()?;
        let end = answer.offset.saturating_add(answer.limit.unwrap_or(u64::MAX));
        let mut chosen: Vec<Vec<u32>> = vec![Vec::new(); selected.cube.parts().len()];
        let mut skipped = 0;
        // As many as there surely are before the next series.
        let mut before = 0_u64;
        let mut may_skip = true;
        let mut is_sure = false;
        let mut walk = SeriesWalk::new(&selected.cube, &selected.series, &[]);
        while before < end {
            let Some(series) = walk.peek()? else { break };
            let (mut least, mut most) = (0, 0);
            for (part, ordinal) in series {
                let part = &selected.cube.parts()[*part];
                for chunk in part.live_chunks(*ordinal)? {
                    let range = selected.periods.observations(&part.span(chunk)?);
                    least += if is_exact { range.start } else { 0 };
                    most += range.end;
                }
            }
            let (least, most) = if answer.parts.has_observations {
                (answer.ends.most(least), answer.ends.most(most))
            } else {
                (least.min(1), most.min(1))
            };
            if may_skip && least == most && skipped + most <= answer.offset {
                skipped += most;
            } else if most > 0 {
                is_sure |= may_skip && skipped + least > answer.offset;
                may_skip = false;
                for (part, ordinal) in series {
                    chosen[*part].push(*ordinal);
                }
            }
            before += least;
            walk.advance();
        }
        let series = chosen.into_iter().map(|mut ordinals| {
            ordinals.sort_unstable();
            Selection::from_sorted(ordinals)
        });
        Ok(Self { series: Selections(series.collect()), skipped, is_sure })
    }

    /// Whether some series has surely an observation that is wanted.
    fn is_sure(answer: &DataAnswer) -> Result<bool> {
        let selected = &answer.selected;
        for (part, selection) in selected.cube.parts().iter().zip(&selected.series.0) {
            for ordinal in selection.iter() {
                for chunk in part.live_chunks(ordinal)? {
                    if selected.periods.observations(&part.span(chunk)?).start > 0 {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}
