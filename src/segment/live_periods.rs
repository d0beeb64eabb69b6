//! Totals by period of those chunks of a segment that are live: the stored ones, less what was
//! superseded since. So a small revision does not make totals by time decode everything again.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::index::Selection;
use crate::segment::block::Wanted;
use crate::segment::chunk::ChunkRows;
use crate::segment::periods::{PeriodSums, PeriodTotals};
use crate::segment::reader::Segment;

/// Observations of a segment without stored totals that are added up once for all readers: of more,
/// each reader decodes what it wants.
const OBSERVATIONS_MAX: u64 = 1 << 20;
/// Of so many parts of a segment one at most is decoded to take superseded chunks out.
const DEAD_SHARE: u64 = 4;

/// The last totals that were asked for, from which the next follow: a chunk that is superseded
/// stays so.
#[derive(Debug, Default)]
pub(super) struct LiveTotals(Mutex<Option<Known>>);

#[derive(Clone, Debug)]
struct Known {
    chunks: Selection,
    /// Absent where values must be decoded.
    totals: Option<Arc<PeriodTotals>>,
}

impl Segment {
    /// The totals of a measure by period over the chunks of `live`, each period once a form. Reads
    /// blocks the first time that these chunks are asked for, and those of the chunks alone that
    /// became superseded since. Absent where chunks must be decoded for them: they have numbers that
    /// no sum of mantissas has, or are too many.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn live_period_totals(
        &self,
        measure: usize,
        live: &Selection,
    ) -> Result<Option<Arc<PeriodTotals>>> {
        let mut last = self.live_totals[measure].0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = last.as_ref().filter(|known| known.chunks == *live) {
            return Ok(known.totals.clone());
        }
        let from = last.clone().filter(|known| live.minus(&known.chunks).is_empty());
        let from = match from {
            Some(known) => Some(known),
            None => self.stored_totals(measure)?,
        };
        let totals = match from {
            Some(known) => self.without(measure, &known, live)?,
            None if self.footer().observations <= OBSERVATIONS_MAX => self.add_up(measure, live)?,
            None => None,
        };
        *last = Some(Known { chunks: live.clone(), totals: totals.clone() });
        Ok(totals)
    }

    /// The stored totals, if they are those of all observations.
    fn stored_totals(&self, measure: usize) -> Result<Option<Known>> {
        let totals = self.period_totals(measure)?;
        let is_whole = totals.observations() == self.footer().observations;
        Ok(is_whole.then(|| Known {
            chunks: Selection::all(self.chunk_count()),
            totals: Some(Arc::clone(totals)),
        }))
    }

    /// What is left of known totals when only `live` chunks count.
    fn without(
        &self,
        measure: usize,
        known: &Known,
        live: &Selection,
    ) -> Result<Option<Arc<PeriodTotals>>> {
        let dead = known.chunks.minus(live);
        let Some(totals) = &known.totals else { return Ok(None) };
        if dead.is_empty() {
            return Ok(Some(Arc::clone(totals)));
        }
        if dead.len() > u64::from(self.chunk_count()) / DEAD_SHARE
            && self.footer().observations > OBSERVATIONS_MAX
        {
            return Ok(None);
        }
        let mut left = PeriodTotals::clone(totals);
        let mut is_right = true;
        let mut wanted = Wanted::all(self.footer().measures.len(), 0);
        wanted.measures = (0..wanted.measures.len()).map(|each| each == measure).collect();
        wanted.attributes = vec![false; self.footer().observation_attributes.len()];
        self.each_chunk(&dead, &wanted, |_, rows| {
            is_right &= left.take_out(rows, measure);
            Ok(())
        })?;
        Ok(is_right.then(|| Arc::new(left)))
    }

    /// The totals of chunks, added up from their values.
    fn add_up(&self, measure: usize, live: &Selection) -> Result<Option<Arc<PeriodTotals>>> {
        let measures = self.footer().measures.len();
        let wanted = Wanted::all(measures, self.footer().observation_attributes.len());
        let mut sums = PeriodSums::new(measures);
        let mut observations = 0;
        self.each_chunk(live, &wanted, |chunk, rows| {
            let totals = (0..measures).map(|measure| self.total(measure, chunk));
            sums.push(rows, &totals.collect::<Result<Vec<_>>>()?);
            observations += rows.len() as u64;
            Ok(())
        })?;
        let found = sums.into_totals(|_| true).into_iter().nth(measure);
        Ok(found.filter(|totals| totals.observations() == observations).map(Arc::new))
    }

    /// Decodes chunks, each block once.
    fn each_chunk(
        &self,
        chunks: &Selection,
        wanted: &Wanted,
        mut each: impl FnMut(u32, &ChunkRows) -> Result<()>,
    ) -> Result<()> {
        let mut chunks = chunks.iter().peekable();
        let mut of_block = Vec::new();
        while let Some(first) = chunks.next() {
            let block = self.block_of(first)?;
            let end = self.chunks_of_block(block)?.end;
            of_block.clear();
            of_block.push(first);
            while let Some(next) = chunks.next_if(|next| *next < end) {
                of_block.push(next);
            }
            let block = self.read_block(block)?;
            self.decode_chunks(&block, &of_block, wanted, |chunk, data| {
                each(chunk, &data.to_rows())
            })?;
        }
        Ok(())
    }
}
