//! Builds the rows of decoded chunks into batches of columns.
//!
//! A chunk adds *runs* of rows: positions that are wanted and not absent. What is the same for the
//! whole chunk (codes, attributes of the key) is added once a run, as numbers that are turned into
//! texts a batch at a time.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::array::{StringViewArray, StringViewBuilder};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use hashbrown::HashMap;

use crate::model::{Period, PeriodForm, ReportingYearStart, Slot, Span, number_of_text};
use crate::query::error::to_datafusion;
use crate::query::scan::numbers::write_doubles;
use crate::query::scan::periods::moments;
use crate::query::scan::{Content, Source};
use crate::store::{Chunk, KeyAttributes};

/// Collects rows until [`BatchBuilder::finish`].
pub(super) struct BatchBuilder {
    source: Arc<Source>,
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    key_attributes: Option<Arc<KeyAttributes>>,
    rows: usize,
    runs: Vec<Range<usize>>,
    key: Vec<u32>,
    text: Vec<u8>,
}

/// The rows of one column.
enum ColumnBuilder {
    /// Numbers of codes.
    Code { dimension: usize, numbers: Vec<u32> },
    /// Places in the table of periods.
    Period { content: Content, places: Vec<u32> },
    /// Texts of periods, where there is no such table.
    PeriodText(StringViewBuilder),
    /// The time they cover, likewise.
    PeriodSpan { content: Content, spans: Vec<Option<Span>> },
    /// Doubles, and the rows that are NULL.
    Number { column: usize, values: Vec<f64>, nulls: Vec<bool>, has_nulls: bool },
    /// Texts as published.
    Text { column: usize, texts: StringViewBuilder },
    /// Numbers of the distinct values of this batch.
    KeyAttribute { attribute: usize, values: Distinct },
    /// The same; values are found by part and number.
    Attribute { column: usize, values: Distinct },
}

/// The distinct values of a column in one batch.
#[derive(Default)]
struct Distinct {
    numbers: Vec<Option<u32>>,
    texts: StringViewBuilder,
    count: u32,
    known: HashMap<(usize, u32), u32>,
}

impl BatchBuilder {
    /// A builder of the columns `projection` of the table. `measures` and `attributes` are what
    /// the cursor was asked for.
    pub(super) fn new(
        source: Arc<Source>,
        schema: SchemaRef,
        projection: &[usize],
        measures: &[usize],
        attributes: &[usize],
    ) -> Result<Self> {
        let place = |list: &[usize], wanted: usize| list.iter().position(|known| *known == wanted);
        let has_table = source.has_only_regular_periods();
        let mut columns = Vec::with_capacity(projection.len());
        let mut needs_key = false;
        for column in projection {
            columns.push(match source.contents()[*column] {
                Content::Code(dimension) => ColumnBuilder::Code { dimension, numbers: Vec::new() },
                content if content.is_period() && has_table => {
                    ColumnBuilder::Period { content, places: Vec::new() }
                }
                Content::PeriodText => ColumnBuilder::PeriodText(StringViewBuilder::new()),
                content @ (Content::PeriodStart | Content::PeriodEnd) => {
                    ColumnBuilder::PeriodSpan { content, spans: Vec::new() }
                }
                Content::Number(measure) => ColumnBuilder::Number {
                    column: place(measures, measure).unwrap_or_default(),
                    values: Vec::new(),
                    nulls: Vec::new(),
                    has_nulls: false,
                },
                Content::Text(measure) => ColumnBuilder::Text {
                    column: place(measures, measure).unwrap_or_default(),
                    texts: StringViewBuilder::new(),
                },
                Content::KeyAttribute(attribute) => {
                    needs_key = true;
                    ColumnBuilder::KeyAttribute { attribute, values: Distinct::default() }
                }
                Content::Attribute(attribute) => ColumnBuilder::Attribute {
                    column: place(attributes, attribute).unwrap_or_default(),
                    values: Distinct::default(),
                },
            });
        }
        let key_attributes = match needs_key {
            true => Some(source.cube().key_attributes().map_err(to_datafusion)?),
            false => None,
        };
        let (runs, key, text) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { source, schema, columns, key_attributes, rows: 0, runs, key, text })
    }

    /// The number of rows that the next batch has.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds the rows of a chunk.
    pub(super) fn push(&mut self, chunk: &Chunk) -> Result<()> {
        wanted_runs(chunk, &mut self.runs);
        let count: usize = self.runs.iter().map(ExactSizeIterator::len).sum();
        if count == 0 {
            return Ok(());
        }
        let cube = Arc::clone(self.source.cube());
        let part = &cube.parts()[chunk.part];
        if self.key_attributes.is_some() {
            let dimensions = 0..cube.flow().dimensions().len();
            self.key.clear();
            self.key.extend(dimensions.map(|d| part.code(d, chunk.series)));
        }
        let from = Rows { chunk, runs: &self.runs, count };
        for column in &mut self.columns {
            match column {
                ColumnBuilder::Code { dimension, numbers } => {
                    let code = part.code(*dimension, chunk.series);
                    numbers.resize(numbers.len() + count, code);
                }
                ColumnBuilder::Period { places, .. } => from.push_places(&self.source, places)?,
                ColumnBuilder::PeriodText(texts) => from.push_period_texts(texts, &mut self.text),
                ColumnBuilder::PeriodSpan { spans, .. } => {
                    from.push_spans(spans, &mut self.text);
                }
                ColumnBuilder::Number { column, values, nulls, has_nulls } => {
                    let start = values.len();
                    let column = *column;
                    write_doubles(&chunk.measures[column].numbers, &self.runs, values);
                    nulls.resize(values.len(), false);
                    from.set_nulls(column, start, nulls, has_nulls);
                    from.set_text_numbers(column, start, (values, nulls), &mut self.text);
                    *has_nulls |= !chunk.measures[column].texts.is_empty();
                }
                ColumnBuilder::Text { column, texts } => {
                    from.push_texts(*column, texts, &mut self.text);
                }
                ColumnBuilder::KeyAttribute { attribute, values } => {
                    let known = self.key_attributes.as_deref();
                    let value = known.and_then(|known| known.value(*attribute, &self.key));
                    let number = value.map(|value| values.number_of_key(value));
                    values.numbers.resize(values.numbers.len() + count, number);
                }
                ColumnBuilder::Attribute { column, values } => {
                    from.push_attribute(*column, &part.strings, values);
                }
            }
        }
        self.rows += count;
        Ok(())
    }

    /// The batch of all rows since the last one.
    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            arrays.push(column.finish(&self.source)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

impl ColumnBuilder {
    fn finish(&mut self, source: &Source) -> Result<ArrayRef> {
        Ok(match self {
            Self::Code { dimension, numbers } => {
                let numbers = UInt32Array::from(fresh(numbers));
                take(source.codes(*dimension), &numbers, None)?
            }
            Self::Period { content, places } => {
                let places = UInt32Array::from(fresh(places));
                let periods = source.periods().and_then(|table| table.array(*content));
                let empty = || Arc::new(StringViewArray::new_null(0)) as ArrayRef;
                take(&periods.unwrap_or_else(empty), &places, None)?
            }
            Self::PeriodText(texts) | Self::Text { texts, .. } => Arc::new(texts.finish()),
            Self::PeriodSpan { content, spans } => {
                let has_moments = source.cube().has_other_periods();
                let (starts, ends) = moments(fresh(spans).into_iter(), has_moments);
                if *content == Content::PeriodStart { starts } else { ends }
            }
            Self::Number { values, nulls, has_nulls, .. } => {
                let nulls = fresh(nulls);
                let valid = std::mem::take(has_nulls)
                    .then(|| nulls.iter().map(|null| !null).collect::<Vec<bool>>().into());
                Arc::new(Float64Array::new(fresh(values).into(), valid))
            }
            Self::KeyAttribute { values, .. } | Self::Attribute { values, .. } => values.finish()?,
        })
    }
}

/// Takes the rows of a batch, and leaves room for as many.
fn fresh<T>(rows: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(rows.len());
    std::mem::replace(rows, room)
}

impl Distinct {
    /// The number of an observation's value, which its part knows by `number`.
    fn number(&mut self, part: usize, number: u32, text: &str) -> u32 {
        *self.known.entry((part, number)).or_insert_with(|| {
            self.texts.append_value(text);
            self.count += 1;
            self.count - 1
        })
    }

    /// The number of a value of the key: the last one's where it is the same.
    fn number_of_key(&mut self, text: &str) -> u32 {
        let last = self.count.checked_sub(1);
        if let Some(last) = last
            && self.texts.get_value(last as usize) == text.as_bytes()
        {
            return last;
        }
        self.texts.append_value(text);
        self.count += 1;
        self.count - 1
    }

    fn finish(&mut self) -> Result<ArrayRef> {
        let texts = self.texts.finish();
        self.count = 0;
        self.known.clear();
        let numbers = UInt32Array::from(fresh(&mut self.numbers));
        Ok(take(&texts, &numbers, None)?)
    }
}

/// The rows of one chunk, in runs of positions.
struct Rows<'a> {
    chunk: &'a Chunk,
    runs: &'a [Range<usize>],
    count: usize,
}

impl Rows<'_> {
    fn positions(&self) -> impl Iterator<Item = u16> + '_ {
        self.runs.iter().cloned().flatten().map(position)
    }

    fn push_places(&self, source: &Source, places: &mut Vec<u32>) -> Result<()> {
        let table = source.periods();
        for run in self.runs {
            let first = self.chunk.first + i32::from(position(run.start));
            let place = table.and_then(|table| table.place(self.chunk.form, first));
            let start = place.and_then(|place| u32::try_from(place).ok()).ok_or_else(|| {
                let what = "a period outside the hull of its form";
                to_datafusion(crate::error::Error::bug(what))
            })?;
            let length = u32::from(position(run.len()));
            places.extend(start..start + length);
        }
        Ok(())
    }

    fn push_period_texts(&self, texts: &mut StringViewBuilder, text: &mut Vec<u8>) {
        for position in self.positions() {
            text.clear();
            self.chunk.write_period(position, text);
            texts.append_value(String::from_utf8_lossy(text));
        }
    }

    fn push_spans(&self, spans: &mut Vec<Option<Span>>, text: &mut Vec<u8>) {
        let year_start = ReportingYearStart::default();
        for position in self.positions() {
            if self.chunk.form != PeriodForm::Other {
                let index = self.chunk.first + i32::from(position);
                spans.push(Slot { form: self.chunk.form, index }.span(year_start));
                continue;
            }
            text.clear();
            self.chunk.write_period(position, text);
            let period = Period::parse(&String::from_utf8_lossy(text));
            spans.push(period.ok().and_then(|period| period.span(year_start)));
        }
    }

    /// The rows, counted from the first of this chunk, at these ascending positions.
    fn rows_at<'b>(&'b self, positions: &'b [u16]) -> impl Iterator<Item = (usize, u16)> + 'b {
        let mut before = 0;
        self.runs.iter().flat_map(move |run| {
            let low = positions.partition_point(|p| usize::from(*p) < run.start);
            let high = positions.partition_point(|p| usize::from(*p) < run.end);
            let base = before;
            before += run.len();
            let start = run.start;
            positions[low..high].iter().map(move |p| (base + usize::from(*p) - start, *p))
        })
    }

    fn set_nulls(&self, column: usize, start: usize, nulls: &mut [bool], has_nulls: &mut bool) {
        for (row, _) in self.rows_at(&self.chunk.measures[column].missing) {
            nulls[start + row] = true;
            *has_nulls = true;
        }
    }

    /// Replaces the values of texts by the number they stand for, or NULL.
    fn set_text_numbers(
        &self,
        column: usize,
        start: usize,
        (values, nulls): (&mut [f64], &mut [bool]),
        text: &mut Vec<u8>,
    ) {
        for (row, position) in self.rows_at(&self.chunk.measures[column].texts) {
            text.clear();
            self.chunk.write_text(column, position, text);
            let number = std::str::from_utf8(text).ok().and_then(number_of_text);
            values[start + row] = number.unwrap_or_default();
            nulls[start + row] = number.is_none();
        }
    }

    fn push_texts(&self, column: usize, texts: &mut StringViewBuilder, text: &mut Vec<u8>) {
        for position in self.positions() {
            text.clear();
            self.chunk.write_text(column, position, text);
            if text.is_empty() {
                texts.append_null();
            } else {
                texts.append_value(String::from_utf8_lossy(text));
            }
        }
    }

    fn push_attribute(&self, column: usize, strings: &[String], values: &mut Distinct) {
        let attribute = &self.chunk.attributes[column];
        let part = self.chunk.part;
        let mut number = |value: Option<u32>| {
            value.map(|value| values.number(part, value, &strings[value as usize]))
        };
        let default = number(attribute.default);
        let exceptions: Vec<u16> = attribute.exceptions.iter().map(|(at, _)| *at).collect();
        let mut changed = Vec::new();
        for (row, position) in self.rows_at(&exceptions) {
            let found = attribute.exceptions.binary_search_by_key(&position, |(at, _)| *at);
            let value = found.ok().and_then(|index| attribute.exceptions[index].1);
            changed.push((row, number(value)));
        }
        let start = values.numbers.len();
        values.numbers.resize(start + self.count, default);
        for (row, value) in changed {
            values.numbers[start + row] = value;
        }
    }
}

/// Positions stay below the slots of a chunk, which are few.
fn position(position: usize) -> u16 {
    u16::try_from(position).unwrap_or(u16::MAX)
}

/// The runs of positions that the request wants and that hold an observation.
pub(crate) fn wanted_runs(chunk: &Chunk, runs: &mut Vec<Range<usize>>) {
    runs.clear();
    let mut absent = chunk.absent.iter().map(|at| usize::from(*at)).peekable();
    for wanted in &chunk.positions {
        let (mut start, end) = (usize::from(wanted.start), usize::from(wanted.end));
        while absent.next_if(|at| *at < start).is_some() {}
        while let Some(at) = absent.next_if(|at| *at < end) {
            if start < at {
                runs.push(start..at);
            }
            start = at + 1;
        }
        if start < end {
            runs.push(start..end);
        }
    }
}
