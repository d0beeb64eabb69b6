//! Writes a segment: series in key order, each with its chunks.

use std::mem;

use hashbrown::HashMap;

use crate::codec::column::{encode_i64, encode_u64};
use crate::codec::text::encode_strings;
use crate::error::{Error, Result};
use crate::index::DimensionIndex;
use crate::limits::SEGMENT_SERIES_MAX;
use crate::model::PeriodForm;
use crate::segment::block::{BlockBuilder, ChunkSpan};
use crate::segment::chunk::ChunkRows;
use crate::segment::layout::{Extent, Footer, MAGIC, MAGIC_END, PAGE_ENTRIES, SectionKind};
use crate::segment::partials::{self, PartialGroup};
use crate::segment::periods::PeriodSums;
use crate::segment::target::{CreateFile, Target, Written};
use crate::segment::totals::{Total, Totals};

/// What a segment is about, known before its first series.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// The dataflow, as `AGENCY:ID(VERSION)`.
    pub flow: String,
    /// The identifiers of the dimensions, in the order of the structure.
    pub dimensions: Vec<String>,
    /// The order in which keys are sorted: positions of dimensions.
    pub order: Vec<u16>,
    /// The codes of each dimension, in bytewise order.
    pub codes: Vec<Vec<Box<str>>>,
    /// The identifiers of the measures.
    pub measures: Vec<String>,
    /// The identifiers of the attributes of the series.
    pub series_attributes: Vec<String>,
    /// The identifiers of the attributes of the observation.
    pub observation_attributes: Vec<String>,
}

/// What was written.
pub struct Summary {
    /// The bytes, or the length of the file.
    pub written: Written,
    /// Its counts and sections.
    pub footer: Footer,
    /// CRC-32C of the footer, which covers the checksums of everything else.
    pub checksum: u32,
}

/// Writes one segment. Push series in ascending key order, then [`finish`](Self::finish).
pub struct Builder<'a> {
    schema: Schema,
    target: Target<'a>,
    footer: Footer,
    /// For each dimension, the code number of each series.
    keys: Vec<Vec<u32>>,
    /// For each attribute of the series, the value number of each series.
    series_values: Vec<Vec<u64>>,
    /// The distinct values of the attributes, of the series first; number 1 is the first.
    values: Vec<ValueTable>,
    spans: Vec<ChunkSpan>,
    chunk_series: Vec<u64>,
    totals: Vec<Totals>,
    period_sums: PeriodSums,
    block: BlockBuilder,
    blocks: Vec<(u32, Extent)>,
    block_first_chunk: u32,
    partials: Vec<PartialGroup>,
    scratch: Vec<Total>,
}

/// Distinct texts in the order of their first appearance, numbered from 1.
#[derive(Debug, Default)]
struct ValueTable {
    numbers: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl ValueTable {
    fn number(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.texts.push(text.into());
        let number = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        number
    }
}

impl<'a> Builder<'a> {
    /// A segment about `schema`. `create` is called when it outgrows a manifest.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn new(schema: Schema, create: CreateFile<'a>) -> Result<Self> {
        let mut target = Target::new(create);
        target.write(MAGIC)?;
        let attributes = schema.series_attributes.len() + schema.observation_attributes.len();
        let mut values = Vec::new();
        values.resize_with(attributes, ValueTable::default);
        Ok(Self {
            target,
            footer: Footer::default(),
            keys: vec![Vec::new(); schema.dimensions.len()],
            series_values: vec![Vec::new(); schema.series_attributes.len()],
            values,
            spans: Vec::new(),
            chunk_series: Vec::new(),
            totals: vec![Totals::default(); schema.measures.len()],
            period_sums: PeriodSums::new(schema.measures.len()),
            block: BlockBuilder::new(schema.measures.len(), schema.observation_attributes.len()),
            blocks: Vec::new(),
            block_first_chunk: 0,
            partials: Vec::new(),
            scratch: Vec::new(),
            schema,
        })
    }

    /// The number of a value of an observation attribute, for [`ChunkRows::attributes`]. The empty
    /// text is 0: no value.
    pub fn value_number(&mut self, attribute: usize, text: &str) -> u32 {
        let at = self.schema.series_attributes.len() + attribute;
        self.values[at].number(text)
    }

    /// Adds a series: a code number for each dimension in the order of the structure, a text for
    /// each attribute of the series (empty where there is none).
    ///
    /// # Errors
    ///
    /// [`Error::Bug`] if the key is not greater than the one before, or the series before has no
    /// chunk; [`Error::Limit`] for too many series.
    pub fn push_series(&mut self, key: &[u32], attributes: &[&str]) -> Result<()> {
        if self.keys.iter().any(|column| column.len() >= SEGMENT_SERIES_MAX) {
            let (actual, limit) = (SEGMENT_SERIES_MAX as u64 + 1, SEGMENT_SERIES_MAX as u64);
            return Err(Error::Limit { what: "the series of a segment", actual, limit });
        }
        self.check_last_series()?;
        let order = self.schema.order.iter().map(|position| usize::from(*position));
        let new = order.clone().map(|dimension| key[dimension]);
        let last = order.map(|dimension| self.keys[dimension].last().copied());
        if self.footer.series > 0 && new.map(Some).le(last) {
            return Err(Error::bug("series must be written in ascending key order"));
        }
        for (column, code) in self.keys.iter_mut().zip(key) {
            column.push(*code);
        }
        for ((column, table), text) in
            self.series_values.iter_mut().zip(&mut self.values).zip(attributes)
        {
            column.push(u64::from(table.number(text)));
        }
        self.footer.series += 1;
        Ok(())
    }

    /// Readers take as many chunks as series for one chunk a series.
    fn check_last_series(&self) -> Result<()> {
        let last = self.footer.series.checked_sub(1).map(u64::from);
        if self.chunk_series.last().copied() == last {
            Ok(())
        } else {
            Err(Error::bug("a series must have a chunk"))
        }
    }

    /// Adds a chunk to the series added last. Chunks of a series come in ascending order of form
    /// and first slot. The attributes of its rows are numbers of [`value_number`](Self::value_number).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written.
    pub fn push_chunk(&mut self, rows: &ChunkRows) -> Result<()> {
        if self.block.is_full_for(rows.slots()) {
            self.flush_block()?;
        }
        let mut scratch = mem::take(&mut self.scratch);
        self.block.push(rows, &mut scratch);
        self.period_sums.push(rows, &scratch);
        for (totals, total) in self.totals.iter_mut().zip(&scratch) {
            totals.push(total);
        }
        self.scratch = scratch;
        self.spans.push(ChunkSpan {
            form: PeriodForm::from_number(rows.form).unwrap_or(PeriodForm::Other),
            first: rows.first,
            slots: u16::try_from(rows.slots()).unwrap_or(u16::MAX),
            observations: u16::try_from(rows.len()).unwrap_or(u16::MAX),
        });
        self.chunk_series.push(u64::from(self.footer.series.saturating_sub(1)));
        self.footer.chunks += 1;
        self.footer.observations += rows.len() as u64;
        if self.spans.len().is_multiple_of(PAGE_ENTRIES) {
            self.flush_totals()?;
        }
        Ok(())
    }

    /// Adds the attributes of a set of partial keys.
    pub fn push_partials(&mut self, group: PartialGroup) {
        self.footer.partials += u32::try_from(group.rows.len()).unwrap_or(u32::MAX);
        self.partials.push(group);
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.footer.series == 0 && self.footer.partials == 0
    }

    fn flush_block(&mut self) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        self.block.finish(&mut bytes)?;
        let extent = self.append(&bytes)?;
        self.blocks.push((self.block_first_chunk, extent));
        self.block_first_chunk = self.footer.chunks;
        Ok(())
    }

    fn flush_totals(&mut self) -> Result<()> {
        let page = u32::try_from((self.spans.len() - 1) / PAGE_ENTRIES).unwrap_or(u32::MAX);
        for measure in 0..self.totals.len() {
            let totals = mem::take(&mut self.totals[measure]);
            if totals.is_empty() {
                continue;
            }
            let mut bytes = Vec::new();
            totals.encode(&mut bytes)?;
            self.section(SectionKind::Totals, measure, page, &bytes)?;
        }
        Ok(())
    }

    fn write_period_totals(&mut self) -> Result<()> {
        for (measure, totals) in mem::take(&mut self.period_sums).finish().iter().enumerate() {
            if !totals.lines().is_empty() {
                let mut bytes = Vec::new();
                totals.encode(&mut bytes);
                self.section(SectionKind::PeriodTotals, measure, 0, &bytes)?;
            }
        }
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<Extent> {
        let offset = self.target.position();
        let length = u32::try_from(bytes.len()).map_err(|_| Error::Limit {
            what: "the bytes of a section",
            actual: bytes.len() as u64,
            limit: u64::from(u32::MAX),
        })?;
        self.target.write(bytes)?;
        Ok(Extent { offset, length, checksum: crc32c::crc32c(bytes) })
    }

    fn section(
        &mut self,
        kind: SectionKind,
        component: usize,
        page: u32,
        bytes: &[u8],
    ) -> Result<()> {
        let extent = self.append(bytes)?;
        let component = u16::try_from(component).unwrap_or(u16::MAX);
        self.footer.sections.insert((kind, component, page), extent);
        Ok(())
    }

    /// Writes what is left, the tables and the footer; syncs the file if there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the file cannot be written or synced; [`Error::Bug`] if the last series has
    /// no chunk.
    pub fn finish(mut self) -> Result<Summary> {
        self.check_last_series()?;
        self.flush_block()?;
        if !self.spans.is_empty() {
            self.flush_totals()?;
        }
        self.write_period_totals()?;
        self.write_dimensions()?;
        self.write_spans()?;
        self.write_attributes()?;
        self.write_blocks()?;
        if !self.partials.is_empty() {
            let mut bytes = Vec::new();
            partials::encode(&self.partials, &mut bytes)?;
            self.section(SectionKind::Partials, 0, 0, &bytes)?;
        }
        let schema = mem::take(&mut self.schema);
        self.footer.flow = schema.flow;
        self.footer.dimensions = schema.dimensions;
        self.footer.order = schema.order;
        self.footer.measures = schema.measures;
        self.footer.series_attributes = schema.series_attributes;
        self.footer.observation_attributes = schema.observation_attributes;
        self.footer.blocks = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        let footer = self.footer.encode();
        let checksum = crc32c::crc32c(&footer);
        self.target.write(&footer)?;
        let length = u32::try_from(footer.len()).map_err(|_| Error::bug("a footer over 4 GB"))?;
        self.target.write(&length.to_le_bytes())?;
        self.target.write(&checksum.to_le_bytes())?;
        self.target.write(MAGIC_END)?;
        Ok(Summary { written: self.target.finish()?, footer: self.footer, checksum })
    }

    fn write_dimensions(&mut self) -> Result<()> {
        let keys = mem::take(&mut self.keys);
        let codes = mem::take(&mut self.schema.codes);
        for (dimension, (mut column, codes)) in keys.into_iter().zip(codes).enumerate() {
            let codes = drop_unused(&mut column, codes);
            let mut bytes = Vec::new();
            encode_strings(&codes, &mut bytes)?;
            self.section(SectionKind::Codes, dimension, 0, &bytes)?;
            for (page, codes) in (0..).zip(column.chunks(PAGE_ENTRIES)) {
                let codes: Vec<u64> = codes.iter().map(|code| u64::from(*code)).collect();
                let mut bytes = Vec::new();
                encode_u64(&codes, &mut bytes);
                self.section(SectionKind::Keys, dimension, page, &bytes)?;
            }
            let code_count = u32::try_from(codes.len()).unwrap_or(u32::MAX);
            let mut bytes = Vec::new();
            DimensionIndex::build(&column, code_count).serialize(&mut bytes);
            self.section(SectionKind::Index, dimension, 0, &bytes)?;
        }
        Ok(())
    }

    fn write_spans(&mut self) -> Result<()> {
        let spans = mem::take(&mut self.spans);
        let chunk_series = mem::take(&mut self.chunk_series);
        let is_one_to_one = self.footer.series == self.footer.chunks;
        for (page, (spans, series)) in
            (0..).zip(spans.chunks(PAGE_ENTRIES).zip(chunk_series.chunks(PAGE_ENTRIES)))
        {
            let mut bytes = Vec::new();
            let forms: Vec<u64> = spans.iter().map(|span| span.form as u64).collect();
            encode_u64(&forms, &mut bytes);
            let firsts: Vec<i64> = spans.iter().map(|span| i64::from(span.first)).collect();
            encode_i64(&firsts, &mut bytes);
            let slots: Vec<u64> = spans.iter().map(|span| u64::from(span.slots)).collect();
            encode_u64(&slots, &mut bytes);
            let absent = spans.iter().map(|span| u64::from(span.slots - span.observations));
            encode_u64(&absent.collect::<Vec<_>>(), &mut bytes);
            self.section(SectionKind::Spans, 0, page, &bytes)?;
            if !is_one_to_one {
                let mut bytes = Vec::new();
                encode_u64(series, &mut bytes);
                self.section(SectionKind::ChunkSeries, 0, page, &bytes)?;
            }
        }
        Ok(())
    }

    fn write_attributes(&mut self) -> Result<()> {
        let values = mem::take(&mut self.values);
        for (attribute, table) in values.iter().enumerate() {
            let mut bytes = Vec::new();
            encode_strings(&table.texts, &mut bytes)?;
            self.section(SectionKind::Values, attribute, 0, &bytes)?;
        }
        let series_values = mem::take(&mut self.series_values);
        for (attribute, column) in series_values.iter().enumerate() {
            for (page, numbers) in (0..).zip(column.chunks(PAGE_ENTRIES)) {
                let mut bytes = Vec::new();
                encode_u64(numbers, &mut bytes);
                self.section(SectionKind::SeriesValues, attribute, page, &bytes)?;
            }
        }
        Ok(())
    }

    fn write_blocks(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        let column = |of: fn(&(u32, Extent)) -> u64| self.blocks.iter().map(of).collect::<Vec<_>>();
        encode_u64(&column(|(first, _)| u64::from(*first)), &mut bytes);
        encode_u64(&column(|(_, extent)| extent.offset), &mut bytes);
        encode_u64(&column(|(_, extent)| u64::from(extent.length)), &mut bytes);
        encode_u64(&column(|(_, extent)| u64::from(extent.checksum)), &mut bytes);
        self.section(SectionKind::Blocks, 0, 0, &bytes)
    }
}

/// Leaves out the codes that no series carries, such as those of rows that changed nothing: a
/// reader takes every code of a segment for one that occurs.
fn drop_unused(column: &mut [u32], codes: Vec<Box<str>>) -> Vec<Box<str>> {
    let mut is_used = vec![false; codes.len()];
    for code in &*column {
        is_used[*code as usize] = true;
    }
    if is_used.iter().all(|is_used| *is_used) {
        return codes;
    }
    let mut used = 0;
    let mut numbers = Vec::with_capacity(codes.len());
    for is_used in &is_used {
        numbers.push(used);
        used += u32::from(*is_used);
    }
    for code in column {
        *code = numbers[*code as usize];
    }
    codes.into_iter().zip(is_used).filter_map(|(code, is_used)| is_used.then_some(code)).collect()
}
