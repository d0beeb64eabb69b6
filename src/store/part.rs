//! One segment of a cube, as much of it as is live.

use std::mem;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::catalog::SegmentId;
use crate::error::Result;
use crate::index::{Selection, codes_within};
use crate::model::PeriodForm;
use crate::segment::{
    ChunkSpan, PagePart, PageParts, PartialGroup, PeriodLine, PeriodTotals, Segment, Total,
};
use crate::store::cube::CodeTable;

/// Series from which on bitmaps may tell which codes occur. The codes of fewer are looked up in some
/// ten microseconds, and to learn that one code has none of them may take as long.
const BITMAPS_MIN: u64 = 1 << 13;
/// Series whose codes are looked up in the time that it takes to learn of one piece of a bitmap that
/// none of them is in it: some hundred nanoseconds.
const SERIES_PER_PIECE: u64 = 32;

/// A form of periods, and its slots from the first that occurs to the last.
pub(crate) type Hull = (PeriodForm, Range<i32>);

/// A segment with its live chunks, speaking the cube's numbers of codes.
#[derive(Debug)]
pub struct Part {
    id: SegmentId,
    segment: Arc<Segment>,
    /// The live chunks; absent where all are.
    live_chunks: Option<Selection>,
    /// The live rows of attributes of partial keys; absent where all are.
    live_partials: Option<Selection>,
    /// The series with a live chunk.
    live_series: Selection,
    /// The observations of the live chunks, once somebody asked.
    live_observations: OnceLock<u64>,
    /// For each dimension, the cube's number of each of the segment's codes; absent where equal.
    to_cube: Vec<Option<Vec<u32>>>,
    /// For each dimension, the segment's number of each of the cube's codes; absent where equal.
    from_cube: Vec<Option<Vec<Option<u32>>>>,
}

impl Part {
    pub(crate) fn new(
        id: SegmentId,
        segment: Arc<Segment>,
        live_chunks: Option<Selection>,
        live_partials: Option<Selection>,
    ) -> Result<Self> {
        let count = segment.chunk_count();
        if live_chunks.as_ref().is_some_and(|live| live.iter_from(count).next().is_some()) {
            return Err(segment.damage("a commit names a chunk that it does not have".to_owned()));
        }
        let live_series = match &live_chunks {
            None => Selection::all(segment.series_count()),
            Some(chunks) if segment.is_one_to_one() => chunks.clone(),
            Some(chunks) => {
                let mut series = Selection::empty();
                for chunk in chunks.iter() {
                    series.insert(segment.series_of(chunk)?);
                }
                series
            }
        };
        let dimensions = segment.footer().dimensions.len();
        Ok(Self {
            id,
            segment,
            live_chunks,
            live_partials,
            live_series,
            live_observations: OnceLock::new(),
            to_cube: vec![None; dimensions],
            from_cube: vec![None; dimensions],
        })
    }

    /// Learns the cube's numbers of the codes of a dimension.
    pub(crate) fn translate(&mut self, dimension: usize, table: &CodeTable) -> Result<()> {
        let own = self.segment.codes(dimension)?;
        // The table has all codes of a full segment; of another, perhaps fewer.
        if own.len() == table.len() && (self.is_full() || own.iter().eq(table.iter())) {
            return Ok(());
        }
        let to: Vec<u32> = own.iter().map(|code| table.number(code).unwrap_or(u32::MAX)).collect();
        let mut from = vec![None; table.len()];
        for (number, cube_number) in (0..).zip(&to) {
            if let Some(cell) = from.get_mut(*cube_number as usize) {
                *cell = Some(number);
            }
        }
        self.to_cube[dimension] = Some(to);
        self.from_cube[dimension] = Some(from);
        Ok(())
    }

    /// The number of the segment.
    pub fn id(&self) -> SegmentId {
        self.id
    }

    /// The segment.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// How many series the segment has, live or not.
    pub fn series_count(&self) -> u32 {
        self.segment.series_count()
    }

    /// The series with a live chunk.
    pub fn live_series(&self) -> &Selection {
        &self.live_series
    }

    /// How many observations the live chunks have.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub(crate) fn live_observations(&self) -> Result<u64> {
        let Some(live) = &self.live_chunks else {
            return Ok(self.segment.footer().observations);
        };
        if let Some(known) = self.live_observations.get() {
            return Ok(*known);
        }
        let mut count = 0;
        for chunk in live.iter() {
            count += u64::from(self.span(chunk)?.observations);
        }
        Ok(*self.live_observations.get_or_init(|| count))
    }

    /// How many observations these series have in live chunks; each has such a chunk.
    pub(crate) fn observations_of(&self, series: &Selection) -> Result<u64> {
        let mut count = 0;
        if !self.segment.is_one_to_one() {
            for ordinal in series.iter() {
                for chunk in self.live_chunks(ordinal)? {
                    count += u64::from(self.span(chunk)?.observations);
                }
            }
            return Ok(count);
        }
        let (mut parts, mut room) = (PageParts::new(series), Vec::new());
        while let Some(of) = parts.next_part() {
            let observations = of.of(self.segment.observations_page(of.page())?, &mut room);
            count += observations.iter().map(|count| u64::from(*count)).sum::<u64>();
        }
        Ok(count)
    }

    /// Whether all chunks are live, so that the segment's own statistics are true.
    pub fn is_full(&self) -> bool {
        self.live_chunks.is_none()
    }

    /// Whether a chunk is live.
    #[inline]
    pub fn is_live(&self, chunk: u32) -> bool {
        self.live_chunks.as_ref().is_none_or(|live| live.contains(chunk))
    }

    /// The chunks of a series, live or not; nearly always one.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    #[inline]
    pub fn chunks(&self, series: u32) -> Result<Range<u32>> {
        self.segment.chunks_of(series)
    }

    /// The live chunks of a series.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn live_chunks(&self, series: u32) -> Result<impl Iterator<Item = u32> + '_> {
        Ok(self.chunks(series)?.filter(|chunk| self.is_live(*chunk)))
    }

    /// The cube's number of the code of a series in a dimension.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    #[inline]
    pub fn code(&self, dimension: usize, series: u32) -> Result<u32> {
        let own = self.segment.code(dimension, series)?;
        Ok(match &self.to_cube[dimension] {
            None => own,
            Some(to) => to[own as usize],
        })
    }

    /// Sets `out` to the cube's numbers of the codes of all series in a dimension.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn codes_into(&self, dimension: usize, out: &mut Vec<u32>) -> Result<()> {
        out.clear();
        self.segment.codes_into(dimension, out)?;
        if let Some(to) = &self.to_cube[dimension] {
            for code in out {
                *code = to[*code as usize];
            }
        }
        Ok(())
    }

    /// Adds to each of `out` the cube's number of the code of its series in a dimension, times the
    /// stride; overflow wraps.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn add_codes(
        &self,
        dimension: usize,
        of: PagePart<'_>,
        stride: u64,
        out: &mut [u64],
    ) -> Result<()> {
        let page = self.segment.key_page(dimension, of.page())?;
        match &self.to_cube[dimension] {
            None => page.add_to(of, out, |own| u64::from(own).wrapping_mul(stride)),
            Some(to) => {
                page.add_to(of, out, |own| u64::from(to[own as usize]).wrapping_mul(stride));
            }
        }
        Ok(())
    }

    /// The series, live or not, that carry one of the cube's codes in a dimension.
    pub(crate) fn carriers(&self, dimension: usize, codes: &[u32]) -> Result<Selection> {
        let index = self.segment.index(dimension)?;
        match &self.from_cube[dimension] {
            None => Ok(index.any_of(codes)),
            Some(from) => {
                let own = codes.iter().filter_map(|code| *from.get(*code as usize)?);
                Ok(index.any_of(&own.collect::<Vec<u32>>()))
            }
        }
    }

    /// Marks in `occurs` the cube's numbers of the codes that these series have in a dimension. Cost: a
    /// look at the code of each.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub(crate) fn mark_codes(
        &self,
        dimension: usize,
        series: &Selection,
        occurs: &mut [bool],
    ) -> Result<()> {
        let mut own = vec![false; self.segment.codes(dimension)?.len()];
        let mut parts = PageParts::new(series);
        while let Some(of) = parts.next_part() {
            let page = self.segment.key_page(dimension, of.page())?;
            page.each(of, |code| own[code as usize] = true);
        }
        let marked = (0..).zip(own).filter_map(|(code, occurs)| occurs.then_some(code));
        for code in marked {
            let code = self.to_cube[dimension].as_ref().map_or(code, |to| to[code] as usize);
            occurs[code] = true;
        }
        Ok(())
    }

    /// Whether bitmaps tell which codes of a dimension these live series have sooner than a look at
    /// each of them.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn tells_codes(&self, dimension: usize, series: &Selection) -> Result<bool> {
        let index = self.segment.index(dimension)?;
        let is_all = series.len() == u64::from(self.series_count());
        let least = index.part_count().saturating_mul(SERIES_PER_PIECE).max(BITMAPS_MIN);
        Ok(is_all || series.len() >= least)
    }

    /// The cube's numbers of the codes that these live series have in a dimension, each once. Cost: a
    /// look at each code where they are all series of the segment, else an intersection.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn codes_within(&self, dimension: usize, series: &Selection) -> Result<Vec<u32>> {
        let index = self.segment.index(dimension)?;
        let own = if series.len() == u64::from(self.series_count()) {
            (0..index.code_count()).filter(|code| index.count(*code) > 0).collect()
        } else {
            codes_within(index, series)
        };
        Ok(match &self.to_cube[dimension] {
            None => own,
            Some(to) => own.into_iter().map(|code| to[code as usize]).collect(),
        })
    }

    /// The series with this key of the cube's code numbers, live or not.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn find(&self, key: &[u32]) -> Result<Option<u32>> {
        let mut own = Vec::with_capacity(key.len());
        for (dimension, code) in key.iter().enumerate() {
            match &self.from_cube[dimension] {
                None => own.push(*code),
                Some(from) => match from.get(*code as usize).copied().flatten() {
                    Some(number) => own.push(number),
                    None => return Ok(None),
                },
            }
        }
        self.segment.find(&own)
    }

    /// The time that a chunk covers.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    #[inline]
    pub fn span(&self, chunk: u32) -> Result<ChunkSpan> {
        self.segment.span(chunk)
    }

    /// The stored total of a chunk in a measure: true for every live chunk. Reads no block.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    #[inline]
    pub fn total(&self, measure: usize, chunk: u32) -> Result<Total> {
        self.segment.total(measure, chunk)
    }

    /// The totals of a measure by period over all live chunks, each period once a form. Absent where
    /// chunks must be decoded for them.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where a table cannot be read.
    pub fn period_totals(&self, measure: usize) -> Result<Option<Arc<PeriodTotals>>> {
        let all;
        let live = if let Some(live) = &self.live_chunks {
            live
        } else {
            all = Selection::all(self.segment.chunk_count());
            &all
        };
        self.segment.live_period_totals(measure, live)
    }

    /// The forms of periods that its chunks have, each with the slots from the first to the last, as
    /// the totals by period have them. Absent where these are not about all chunks.
    pub(crate) fn stored_forms(&self) -> Result<Option<Vec<Hull>>> {
        let footer = self.segment.footer();
        if !self.is_full() || footer.observations == 0 {
            return Ok(None);
        }
        for measure in 0..footer.measures.len() {
            let totals = self.segment.period_totals(measure)?;
            if totals.observations() != footer.observations {
                continue;
            }
            let slots = |line: &PeriodLine| -> Option<Hull> {
                let count = i32::try_from(line.len()).ok()?;
                Some((line.form(), line.first()..line.first().checked_add(count)?))
            };
            return Ok(totals.lines().iter().map(slots).collect());
        }
        Ok(None)
    }

    /// The live rows of attributes of partial keys, each with its number in the segment.
    pub(crate) fn live_partials(&self) -> Result<Vec<(PartialGroup, Vec<u32>)>> {
        if self.live_partials.as_ref().is_some_and(Selection::is_empty) {
            return Ok(Vec::new());
        }
        let mut next = 0;
        let mut groups = Vec::new();
        for mut group in self.segment.partials()? {
            let first = next;
            next += u32::try_from(group.rows.len()).unwrap_or(u32::MAX);
            let rows = (first..next).zip(mem::take(&mut group.rows));
            let is_live =
                |number: u32| self.live_partials.as_ref().is_none_or(|l| l.contains(number));
            let (numbers, rows) = rows.filter(|(number, _)| is_live(*number)).unzip();
            group.rows = rows;
            groups.push((group, numbers));
        }
        Ok(groups)
    }
}
