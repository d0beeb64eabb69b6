//! The tables of a segment: codes, keys and indexes of dimensions; spans, series and totals of
//! chunks; values of attributes.

use std::sync::Arc;

use std::cmp::Ordering;
use std::ops::Range;

use crate::codec::column::Column;
use crate::codec::text::{Strings, TextLimits, decode_strings};
use crate::codec::{Malformed, Reader};
use crate::error::{Error, Result};
use crate::index::DimensionIndex;
use crate::limits::CHUNK_SLOTS_MAX;
use crate::model::PeriodForm;
use crate::segment::block::ChunkSpan;
use crate::segment::layout::{PAGE_ENTRIES, SectionKind};
use crate::segment::partials::{self, PartialGroup};
use crate::segment::periods::PeriodTotals;
use crate::segment::reader::pages::NumberPage;
use crate::segment::reader::{Segment, get_or_read};
use crate::segment::totals::{Total, Totals, TotalsPage, read_column};

const TEXTS: TextLimits = TextLimits { count_max: 1 << 28, bytes_max: 1 << 31 };

impl Segment {
    /// The codes of a dimension, in bytewise order.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn codes(&self, dimension: usize) -> Result<&Strings> {
        get_or_read(&self.codes[dimension], || {
            self.section(SectionKind::Codes, dimension, 0, |bytes| {
                let codes = decode_strings(bytes, TEXTS)?;
                let is_sorted = codes.iter().zip(codes.iter().skip(1)).all(|(a, b)| a < b);
                is_sorted.then_some(codes).ok_or(Malformed::new(0, "codes out of order"))
            })
        })
    }

    /// The number of entries of a page of a table with `count` entries.
    fn page_len(count: u32, page: usize) -> usize {
        (count as usize - page * PAGE_ENTRIES).min(PAGE_ENTRIES)
    }

    /// Reads a page of a column of numbers, which are all below `number_count`.
    fn number_page(
        &self,
        kind: SectionKind,
        component: usize,
        page: usize,
        number_count: usize,
    ) -> Result<NumberPage> {
        let count = Self::page_len(self.footer.series, page);
        self.section(kind, component, page, |bytes| {
            let mut input = Reader::new(bytes);
            let numbers = read_column(&mut input, count)?;
            input.finish()?;
            let max = numbers.iter().max().copied().unwrap_or_default();
            if max >= number_count as u64 {
                return Err(Malformed::new(0, "a number beyond the end of its table"));
            }
            Ok(match u16::try_from(max) {
                #[expect(clippy::cast_possible_truncation, reason = "checked by the maximum")]
                Ok(_) => NumberPage::Narrow(numbers.into_iter().map(|n| n as u16).collect()),
                #[expect(clippy::cast_possible_truncation, reason = "checked by the maximum")]
                Err(_) => NumberPage::Wide(numbers.into_iter().map(|n| n as u32).collect()),
            })
        })
    }

    /// The code numbers of the series of a page in a dimension, in the segment's own numbering.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn key_page(&self, dimension: usize, page: usize) -> Result<&NumberPage> {
        get_or_read(&self.keys[dimension][page], || {
            let count = self.codes(dimension)?.len();
            self.number_page(SectionKind::Keys, dimension, page, count)
        })
    }

    /// The code number of a series in a dimension, in the segment's own numbering.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    #[inline]
    pub fn code(&self, dimension: usize, series: u32) -> Result<u32> {
        let series = series as usize;
        Ok(self.key_page(dimension, series / PAGE_ENTRIES)?.get(series % PAGE_ENTRIES))
    }

    /// Appends the code numbers of all series in a dimension.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn codes_into(&self, dimension: usize, out: &mut Vec<u32>) -> Result<()> {
        for page in 0..self.keys[dimension].len() {
            match self.key_page(dimension, page)? {
                NumberPage::Narrow(numbers) => out.extend(numbers.iter().map(|n| u32::from(*n))),
                NumberPage::Wide(numbers) => out.extend_from_slice(numbers),
            }
        }
        Ok(())
    }

    /// The series that carry each code of a dimension.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn index(&self, dimension: usize) -> Result<&DimensionIndex> {
        get_or_read(&self.indexes[dimension], || {
            let codes = self.codes(dimension)?.len();
            self.section(SectionKind::Index, dimension, 0, |bytes| {
                let index = DimensionIndex::deserialize(bytes, self.footer.series);
                let index = index.map_err(|_| Malformed::new(0, "no dimension index"))?;
                let fits = index.code_count() as usize == codes;
                fits.then_some(index).ok_or(Malformed::new(0, "an index of other codes"))
            })
        })
    }

    /// The series with this key, given as the segment's own code numbers in the order of the
    /// structure. Found by binary search.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn find(&self, key: &[u32]) -> Result<Option<u32>> {
        let (mut low, mut high) = (0, self.footer.series);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.compare_key(middle, key)? {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(middle)),
            }
        }
        Ok(None)
    }

    fn compare_key(&self, series: u32, key: &[u32]) -> Result<Ordering> {
        for dimension in &self.footer.order {
            let dimension = usize::from(*dimension);
            let ordering = self.code(dimension, series)?.cmp(&key[dimension]);
            if ordering.is_ne() {
                return Ok(ordering);
            }
        }
        Ok(Ordering::Equal)
    }

    /// The time that each chunk of a page covers.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn spans_page(&self, page: usize) -> Result<&[ChunkSpan]> {
        let spans = get_or_read(&self.spans[page], || {
            let count = Self::page_len(self.footer.chunks, page);
            self.section(SectionKind::Spans, 0, page, |bytes| decode_spans(bytes, count))
        })?;
        Ok(spans)
    }

    /// The time that a chunk covers.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    #[inline]
    pub fn span(&self, chunk: u32) -> Result<ChunkSpan> {
        let chunk = chunk as usize;
        Ok(self.spans_page(chunk / PAGE_ENTRIES)?[chunk % PAGE_ENTRIES])
    }

    /// The time that each of neighbouring chunks covers, of as many as the page of the first one has.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn spans(&self, chunks: Range<u32>) -> Result<&[ChunkSpan]> {
        let (from, count) = (chunks.start as usize % PAGE_ENTRIES, chunks.len());
        let page = self.spans_page(chunks.start as usize / PAGE_ENTRIES)?;
        let end = page.len().min(from.saturating_add(count));
        page.get(from..end).ok_or_else(|| Error::bug("no such chunk"))
    }

    /// Whether every series has exactly one chunk, so that their numbers are equal.
    pub fn is_one_to_one(&self) -> bool {
        self.footer.series == self.footer.chunks
    }

    fn chunk_series(&self) -> Result<&Vec<u32>> {
        get_or_read(&self.chunk_series, || {
            let mut all = Vec::with_capacity(self.footer.chunks as usize);
            for page in 0..(self.footer.chunks as usize).div_ceil(PAGE_ENTRIES) {
                let count = Self::page_len(self.footer.chunks, page);
                all.extend(self.section(SectionKind::ChunkSeries, 0, page, |bytes| {
                    let mut input = Reader::new(bytes);
                    let numbers = read_column(&mut input, count)?;
                    input.finish()?;
                    let numbers = numbers.into_iter().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
                    Ok(numbers.collect::<Vec<u32>>())
                })?);
            }
            let is_sorted = all.is_sorted() && all.last().is_none_or(|n| *n < self.footer.series);
            if !is_sorted {
                return Err(self.corrupt(0, "series of chunks: out of order".to_owned()));
            }
            Ok(all)
        })
    }

    /// The series of a chunk.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn series_of(&self, chunk: u32) -> Result<u32> {
        if self.is_one_to_one() { Ok(chunk) } else { Ok(self.chunk_series()?[chunk as usize]) }
    }

    /// The chunks of a series.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn chunks_of(&self, series: u32) -> Result<Range<u32>> {
        if self.is_one_to_one() {
            return Ok(series..series + 1);
        }
        let all = self.chunk_series()?;
        let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let from = all.partition_point(|of| *of < series);
        let to = all.partition_point(|of| *of <= series);
        Ok(narrow(from)..narrow(to))
    }

    /// The stored total of a chunk in a measure.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn total(&self, measure: usize, chunk: u32) -> Result<Total> {
        let (page, index) = (chunk as usize / PAGE_ENTRIES, chunk as usize % PAGE_ENTRIES);
        Ok(self.totals_page(measure, page)?.totals().get(index))
    }

    /// The stored totals of the chunks of a page in a measure.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn totals_page(&self, measure: usize, page: usize) -> Result<&TotalsPage> {
        get_or_read(&self.totals[measure][page], || {
            let count = Self::page_len(self.footer.chunks, page);
            let decode = |bytes: &[u8]| Totals::decode(bytes, count);
            self.section(SectionKind::Totals, measure, page, decode).map(TotalsPage::new)
        })
    }

    /// How many observations each chunk of a page has.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn observations_page(&self, page: usize) -> Result<&[u16]> {
        let counts = get_or_read(&self.observations[page], || {
            Ok(self.spans_page(page)?.iter().map(|span| span.observations).collect::<Vec<u16>>())
        })?;
        Ok(counts)
    }

    /// The totals of a measure by period, over all chunks; without lines where there are none.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn period_totals(&self, measure: usize) -> Result<&Arc<PeriodTotals>> {
        get_or_read(&self.period_totals[measure], || {
            let component = u16::try_from(measure).unwrap_or(u16::MAX);
            if !self.footer.sections.contains_key(&(SectionKind::PeriodTotals, component, 0)) {
                return Ok(Arc::default());
            }
            self.section(SectionKind::PeriodTotals, measure, 0, PeriodTotals::decode).map(Arc::new)
        })
    }

    /// The values of an attribute: of the series first, then of the observation. Number 1 is the
    /// first text, number 0 no value.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn values(&self, attribute: usize) -> Result<&Strings> {
        get_or_read(&self.values[attribute], || {
            self.section(SectionKind::Values, attribute, 0, |bytes| decode_strings(bytes, TEXTS))
        })
    }

    /// The value of an observation attribute with this number, as `Chunk::attributes` has them.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn observation_value(&self, attribute: usize, number: u32) -> Result<Option<&str>> {
        let table = self.values(self.footer.series_attributes.len() + attribute)?;
        Ok(number.checked_sub(1).and_then(|index| table.get(index as usize)))
    }

    /// The number of the value of an attribute of the series; 0 is none.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn series_value_number(&self, attribute: usize, series: u32) -> Result<u32> {
        let series = series as usize;
        let page = self.series_value_page(attribute, series / PAGE_ENTRIES)?;
        Ok(page.get(series % PAGE_ENTRIES))
    }

    /// The numbers of the values of an attribute of the series of a page; 0 is none.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn series_value_page(&self, attribute: usize, page: usize) -> Result<&NumberPage> {
        get_or_read(&self.series_values[attribute][page], || {
            // Number 0 says that there is no value.
            let count = self.values(attribute)?.len() + 1;
            self.number_page(SectionKind::SeriesValues, attribute, page, count)
        })
    }

    /// The value of an attribute of a series.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn series_value(&self, attribute: usize, series: u32) -> Result<Option<&str>> {
        let number = self.series_value_number(attribute, series)?;
        let table = self.values(attribute)?;
        Ok(number.checked_sub(1).and_then(|index| table.get(index as usize)))
    }

    /// The attributes of partial keys.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Corrupt`] and [`crate::Error::Io`] where it cannot be read.
    pub fn partials(&self) -> Result<Vec<PartialGroup>> {
        if self.footer.partials == 0 {
            return Ok(Vec::new());
        }
        self.section(SectionKind::Partials, 0, 0, partials::decode)
    }
}

/// Decodes a page of spans of `count` chunks.
fn decode_spans(bytes: &[u8], count: usize) -> Result<Vec<ChunkSpan>, Malformed> {
    let mut input = Reader::new(bytes);
    let forms = read_column(&mut input, count)?;
    let firsts = Column::read(&mut input, count)?;
    let mut first_slots = Vec::with_capacity(count.min(firsts.len()));
    firsts.decode_i64_into(&mut first_slots)?;
    let slots = read_column(&mut input, count)?;
    let absent = read_column(&mut input, count)?;
    input.finish()?;
    if first_slots.len() != count {
        return Err(input.malformed("first slots of another number"));
    }
    let mut spans = Vec::with_capacity(count);
    for (((form, first), slots), absent) in forms.iter().zip(first_slots).zip(slots).zip(absent) {
        let form = u8::try_from(*form).ok().and_then(PeriodForm::from_number);
        let span = form.zip(i32::try_from(first).ok()).zip(u16::try_from(slots).ok());
        let observations = slots.checked_sub(absent).and_then(|n| u16::try_from(n).ok());
        let (Some(((form, first), slots)), Some(observations)) = (span, observations) else {
            return Err(input.malformed("no span of a chunk"));
        };
        let has_end = first.checked_add(i32::from(slots)).is_some();
        if usize::from(slots) > CHUNK_SLOTS_MAX || !has_end {
            return Err(input.malformed("a chunk beyond the limits of a chunk"));
        }
        spans.push(ChunkSpan { form, first, slots, observations });
    }
    Ok(spans)
}
