//! Builds the rows of decoded chunks into batches of columns.
//!
//! A chunk adds *runs* of rows: positions that are wanted and not absent. What is the same for the
//! whole chunk (codes, attributes of the key) is looked up once, and written for all its rows.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::array::{StringViewArray, StringViewBuilder};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;

use crate::error::Error;
use crate::model::{Period, ReportingYearStart, Span, Value};
use crate::query::error::to_datafusion;
use crate::query::scan::numbers::write_doubles;
use crate::query::scan::periods::moments;
use crate::query::scan::texts::append_texts;
use crate::query::scan::{Content, Source};
use crate::segment::{MeasureRun, Numbers};
use crate::store::{Chunk, Part};

/// Collects rows until [`BatchBuilder::finish`].
pub(crate) struct BatchBuilder {
    source: Arc<Source>,
    schema: SchemaRef,
    columns: Vec<ColumnBuilder>,
    rows: usize,
    runs: Vec<Range<usize>>,
    text: Vec<u8>,
}

/// The rows of one column.
enum ColumnBuilder {
    /// Texts of codes.
    Code { dimension: usize, texts: StringViewBuilder },
    /// Places in the table of periods.
    Period { content: Content, places: Vec<u32> },
    /// Texts of periods, where there is no such table.
    PeriodText(StringViewBuilder),
    /// The time they cover, likewise.
    PeriodSpan { content: Content, spans: Vec<Option<Span>> },
    /// Doubles, and the rows that are NULL.
    Number { measure: usize, values: Vec<f64>, nulls: Vec<bool>, has_nulls: bool },
    /// Texts as published.
    Text { measure: usize, texts: StringViewBuilder },
    /// Values of the key.
    KeyAttribute { attribute: usize, texts: StringViewBuilder },
    /// Values of observations.
    Attribute { attribute: usize, texts: StringViewBuilder },
}

impl BatchBuilder {
    /// A builder of the columns `projection` of the table.
    pub(crate) fn new(source: Arc<Source>, schema: SchemaRef, projection: &[usize]) -> Self {
        let has_table = source.has_only_regular_periods();
        let mut columns = Vec::with_capacity(projection.len());
        for column in projection {
            columns.push(match source.contents()[*column] {
                Content::Code(dimension) => {
                    ColumnBuilder::Code { dimension, texts: StringViewBuilder::new() }
                }
                content if content.is_period() && has_table => {
                    ColumnBuilder::Period { content, places: Vec::new() }
                }
                Content::PeriodText => ColumnBuilder::PeriodText(StringViewBuilder::new()),
                content @ (Content::PeriodStart | Content::PeriodEnd) => {
                    ColumnBuilder::PeriodSpan { content, spans: Vec::new() }
                }
                Content::Number(measure) => ColumnBuilder::Number {
                    measure,
                    values: Vec::new(),
                    nulls: Vec::new(),
                    has_nulls: false,
                },
                Content::Text(measure) => {
                    ColumnBuilder::Text { measure, texts: StringViewBuilder::new() }
                }
                Content::KeyAttribute(attribute) => {
                    ColumnBuilder::KeyAttribute { attribute, texts: StringViewBuilder::new() }
                }
                Content::Attribute(attribute) => {
                    ColumnBuilder::Attribute { attribute, texts: StringViewBuilder::new() }
                }
            });
        }
        let (runs, text) = (Vec::new(), Vec::new());
        Self { source, schema, columns, rows: 0, runs, text }
    }

    /// The number of rows that the next batch has.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds the rows of a chunk.
    pub(crate) fn push(&mut self, chunk: &Chunk) -> Result<()> {
        let mut runs = mem::take(&mut self.runs);
        wanted_runs(chunk, &mut runs);
        let pushed = self.push_runs(chunk, &runs);
        self.runs = runs;
        pushed
    }

    /// Adds the rows of a chunk at these positions, which ascend and all hold an observation.
    pub(crate) fn push_runs(&mut self, chunk: &Chunk, runs: &[Range<usize>]) -> Result<()> {
        let count: usize = runs.iter().map(ExactSizeIterator::len).sum();
        if count == 0 {
            return Ok(());
        }
        let cube = Arc::clone(self.source.cube());
        let part = &cube.parts()[chunk.part];
        let from = Rows { chunk, runs, count };
        for column in &mut self.columns {
            match column {
                ColumnBuilder::Code { dimension, texts } => {
                    let code = part.code(*dimension, chunk.series).map_err(to_datafusion)?;
                    let code = self.source.codes(*dimension).value(code as usize);
                    texts.try_append_value_n(code, count)?;
                }
                ColumnBuilder::Period { places, .. } => from.push_places(&self.source, places)?,
                ColumnBuilder::PeriodText(texts) => from.push_period_texts(texts, &mut self.text),
                ColumnBuilder::PeriodSpan { spans, .. } => {
                    from.push_spans(spans);
                }
                ColumnBuilder::Number { measure, values, nulls, has_nulls } => {
                    let measure = &chunk.data.measures[*measure];
                    let start = values.len();
                    write_doubles(measure, runs, values);
                    nulls.resize(values.len(), false);
                    *has_nulls |= from.correct(measure, &mut values[start..], &mut nulls[start..]);
                }
                ColumnBuilder::Text { measure, texts } => {
                    let measure = &chunk.data.measures[*measure];
                    append_texts(measure, runs, texts, &mut self.text);
                }
                ColumnBuilder::KeyAttribute { attribute, texts } => {
                    let value = cube.key_attribute(*attribute, chunk.part, chunk.series);
                    append_times(texts, value.map_err(to_datafusion)?, count)?;
                }
                ColumnBuilder::Attribute { attribute, texts } => {
                    let id = &cube.flow().attributes()[*attribute].id;
                    from.push_attribute(id, part, texts)?;
                }
            }
        }
        self.rows += count;
        Ok(())
    }

    /// The batch of all rows since the last one.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        for column in &mut self.columns {
            arrays.push(column.finish(&self.source, self.rows)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }
}

impl ColumnBuilder {
    /// The column of a batch of so many rows; the next one is likely to have as many.
    fn finish(&mut self, source: &Source, rows: usize) -> Result<ArrayRef> {
        Ok(match self {
            Self::Code { texts, .. }
            | Self::PeriodText(texts)
            | Self::Text { texts, .. }
            | Self::KeyAttribute { texts, .. }
            | Self::Attribute { texts, .. } => {
                let room = StringViewBuilder::with_capacity(rows);
                Arc::new(mem::replace(texts, room).finish())
            }
            Self::Period { content, places } => {
                let places = UInt32Array::from(fresh(places));
                let periods = source.periods().and_then(|table| table.array(*content));
                let empty = || Arc::new(StringViewArray::new_null(0)) as ArrayRef;
                take(&periods.unwrap_or_else(empty), &places, None)?
            }
            Self::PeriodSpan { content, spans } => {
                let has_moments = source.has_other_periods();
                let (starts, ends) = moments(fresh(spans).into_iter(), has_moments);
                if *content == Content::PeriodStart { starts } else { ends }
            }
            Self::Number { values, nulls, has_nulls, .. } => {
                let valid = mem::take(has_nulls)
                    .then(|| BooleanBuffer::collect_bool(nulls.len(), |row| !nulls[row]));
                nulls.clear();
                Arc::new(Float64Array::new(fresh(values).into(), valid.map(NullBuffer::new)))
            }
        })
    }
}

/// Takes the rows of a batch, and leaves room for as many.
fn fresh<T>(rows: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(rows.len());
    mem::replace(rows, room)
}

/// Appends the same value so many times.
fn append_times(texts: &mut StringViewBuilder, value: Option<&str>, times: usize) -> Result<()> {
    match value {
        Some(value) => texts.try_append_value_n(value, times)?,
        None => (0..times).for_each(|_| texts.append_null()),
    }
    Ok(())
}

/// The rows of one chunk, in runs of positions.
struct Rows<'a> {
    chunk: &'a Chunk,
    runs: &'a [Range<usize>],
    count: usize,
}

impl Rows<'_> {
    fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.runs.iter().cloned().flatten()
    }

    fn push_places(&self, source: &Source, places: &mut Vec<u32>) -> Result<()> {
        let table = source.periods();
        for run in self.runs {
            let slot = self.chunk.data.slot(run.start);
            let place = table.and_then(|table| table.place(slot.form, slot.index));
            let start = place.and_then(|place| u32::try_from(place).ok()).ok_or_else(|| {
                to_datafusion(Error::bug(format!("period {slot} outside the hull of its form")))
            })?;
            places.extend(start..start + count(run.len()));
        }
        Ok(())
    }

    fn push_period_texts(&self, texts: &mut StringViewBuilder, text: &mut Vec<u8>) {
        for position in self.positions() {
            text.clear();
            self.chunk.data.write_period(position, text);
            texts.append_value(String::from_utf8_lossy(text));
        }
    }

    fn push_spans(&self, spans: &mut Vec<Option<Span>>) {
        let year_start = ReportingYearStart::default();
        for position in self.positions() {
            spans.push(match self.chunk.data.periods.get(position) {
                None => self.chunk.data.slot(position).span(year_start),
                Some(text) => Period::parse(text).ok().and_then(|period| period.span(year_start)),
            });
        }
    }

    /// The rows, counted from the first of this chunk, of those of `entries` that are in the runs.
    /// Entries ascend by their position.
    fn rows_of<'b, T>(
        &'b self,
        entries: &'b [T],
        position: impl Fn(&T) -> u16 + Copy + 'b,
    ) -> impl Iterator<Item = (usize, &'b T)> + 'b {
        let mut before = 0;
        self.runs.iter().take(if entries.is_empty() { 0 } else { usize::MAX }).flat_map(
            move |run| {
                let at = move |entry: &T| usize::from(position(entry));
                let low = entries.partition_point(|entry| at(entry) < run.start);
                let high = entries.partition_point(|entry| at(entry) < run.end);
                let base = before;
                before += run.len();
                let start = run.start;
                entries[low..high].iter().map(move |entry| (base + at(entry) - start, entry))
            },
        )
    }

    /// Corrects the rows that have no number, or a text that stands for one. Says whether there
    /// are any.
    fn correct(&self, measure: &MeasureRun, values: &mut [f64], nulls: &mut [bool]) -> bool {
        if let Numbers::None = measure.numbers {
            nulls.fill(true);
        }
        for (row, _) in self.rows_of(&measure.missing, |position| *position) {
            nulls[row] = true;
        }
        for (row, (_, text)) in self.rows_of(&measure.texts, |(position, _)| *position) {
            let number = Value::parse(text).number();
            values[row] = number.unwrap_or_default();
            nulls[row] = number.is_none();
        }
        let has_numbers = measure.numbers != Numbers::None;
        !(has_numbers && measure.missing.is_empty() && measure.texts.is_empty())
    }

    /// A segment has the attributes of observations in an order of its own.
    fn push_attribute(&self, id: &str, part: &Part, texts: &mut StringViewBuilder) -> Result<()> {
        let known = &part.segment().footer().observation_attributes;
        let Some(attribute) = known.iter().position(|known| known == id) else {
            return append_times(texts, None, self.count);
        };
        let value = |number: u32| {
            part.segment().observation_value(attribute, number).map_err(to_datafusion)
        };
        let run = &self.chunk.data.attributes[attribute];
        let default = value(run.default)?;
        let mut next = 0;
        for (row, (_, number)) in self.rows_of(&run.exceptions, |(position, _)| *position) {
            append_times(texts, default, row - next)?;
            append_times(texts, value(*number)?, 1)?;
            next = row + 1;
        }
        append_times(texts, default, self.count - next)
    }
}

/// Positions stay below the slots of a chunk, which are few.
fn count(positions: usize) -> u32 {
    u32::try_from(positions).unwrap_or(u32::MAX)
}

/// The runs of positions that the request wants and that hold an observation.
pub(crate) fn wanted_runs(chunk: &Chunk, runs: &mut Vec<Range<usize>>) {
    runs.clear();
    runs.extend(chunk.positions.iter().flat_map(|wanted| chunk.data.present(wanted.clone())));
}
