//! Builds the rows of decoded chunks into batches of columns.
//!
//! A chunk adds *runs* of rows: positions that are wanted and not absent. What is the same for the
//! whole chunk (codes, attributes of the key) is added once a run, as numbers that are turned into
//! texts a batch at a time.

use std::mem;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::array::{StringViewArray, StringViewBuilder};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use hashbrown::HashMap;

use crate::error::Error;
use crate::model::{Period, ReportingYearStart, Span, Value};
use crate::query::error::to_datafusion;
use crate::query::scan::numbers::write_doubles;
use crate::query::scan::periods::moments;
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
    /// Numbers of codes.
    Code { dimension: usize, numbers: Vec<u32> },
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
    /// Numbers of the distinct values of this batch.
    KeyAttribute { attribute: usize, values: Distinct },
    /// The same; values are found by part and number.
    Attribute { attribute: usize, values: Distinct },
}

/// The distinct values of a column in one batch.
#[derive(Default)]
struct Distinct {
    numbers: Vec<Option<u32>>,
    texts: StringViewBuilder,
    count: u32,
    known: HashMap<(usize, u32), Option<u32>>,
}

impl BatchBuilder {
    /// A builder of the columns `projection` of the table.
    pub(crate) fn new(source: Arc<Source>, schema: SchemaRef, projection: &[usize]) -> Self {
        let has_table = source.has_only_regular_periods();
        let mut columns = Vec::with_capacity(projection.len());
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
                    measure,
                    values: Vec::new(),
                    nulls: Vec::new(),
                    has_nulls: false,
                },
                Content::Text(measure) => {
                    ColumnBuilder::Text { measure, texts: StringViewBuilder::new() }
                }
                Content::KeyAttribute(attribute) => {
                    ColumnBuilder::KeyAttribute { attribute, values: Distinct::default() }
                }
                Content::Attribute(attribute) => {
                    ColumnBuilder::Attribute { attribute, values: Distinct::default() }
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
        wanted_runs(chunk, &mut self.runs);
        let count: usize = self.runs.iter().map(ExactSizeIterator::len).sum();
        if count == 0 {
            return Ok(());
        }
        let cube = Arc::clone(self.source.cube());
        let part = &cube.parts()[chunk.part];
        let from = Rows { chunk, runs: &self.runs, count };
        for column in &mut self.columns {
            match column {
                ColumnBuilder::Code { dimension, numbers } => {
                    let code = part.code(*dimension, chunk.series).map_err(to_datafusion)?;
                    numbers.resize(numbers.len() + count, code);
                }
                ColumnBuilder::Period { places, .. } => from.push_places(&self.source, places)?,
                ColumnBuilder::PeriodText(texts) => from.push_period_texts(texts, &mut self.text),
                ColumnBuilder::PeriodSpan { spans, .. } => {
                    from.push_spans(spans);
                }
                ColumnBuilder::Number { measure, values, nulls, has_nulls } => {
                    let measure = &chunk.data.measures[*measure];
                    let start = values.len();
                    write_doubles(measure, &self.runs, values);
                    nulls.resize(values.len(), false);
                    *has_nulls |= from.correct(measure, &mut values[start..], &mut nulls[start..]);
                }
                ColumnBuilder::Text { measure, texts } => {
                    from.push_texts(&chunk.data.measures[*measure], texts, &mut self.text);
                }
                ColumnBuilder::KeyAttribute { attribute, values } => {
                    let value = cube.key_attribute(*attribute, chunk.part, chunk.series);
                    let value = value.map_err(to_datafusion)?;
                    let number = value.map(|value| values.number_of_key(value));
                    values.numbers.resize(values.numbers.len() + count, number);
                }
                ColumnBuilder::Attribute { attribute, values } => {
                    let id = &cube.flow().attributes()[*attribute].id;
                    from.push_attribute(id, part, values)?;
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
                let has_moments = source.has_other_periods();
                let (starts, ends) = moments(fresh(spans).into_iter(), has_moments);
                if *content == Content::PeriodStart { starts } else { ends }
            }
            Self::Number { values, nulls, has_nulls, .. } => {
                let nulls = fresh(nulls);
                let valid = mem::take(has_nulls)
                    .then(|| nulls.iter().map(|null| !null).collect::<Vec<bool>>().into());
                Arc::new(Float64Array::new(fresh(values).into(), valid))
            }
            Self::KeyAttribute { values, .. } | Self::Attribute { values, .. } => {
                values.finish()?
            }
        })
    }
}

/// Takes the rows of a batch, and leaves room for as many.
fn fresh<T>(rows: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(rows.len());
    mem::replace(rows, room)
}

impl Distinct {
    /// The number of an observation's value, which its part knows by `value`.
    fn number(
        &mut self,
        (part_index, part): (usize, &Part),
        attribute: usize,
        value: u32,
    ) -> Result<Option<u32>> {
        if let Some(known) = self.known.get(&(part_index, value)) {
            return Ok(*known);
        }
        let text = part.segment().observation_value(attribute, value).map_err(to_datafusion)?;
        let number = text.map(|text| {
            self.texts.append_value(text);
            self.count += 1;
            self.count - 1
        });
        self.known.insert((part_index, value), number);
        Ok(number)
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

    fn push_texts(&self, measure: &MeasureRun, texts: &mut StringViewBuilder, text: &mut Vec<u8>) {
        for position in self.positions() {
            text.clear();
            measure.value(position).write_to(text);
            if text.is_empty() {
                texts.append_null();
            } else {
                texts.append_value(String::from_utf8_lossy(text));
            }
        }
    }

    /// A segment has the attributes of observations in an order of its own.
    fn push_attribute(&self, id: &str, part: &Part, values: &mut Distinct) -> Result<()> {
        let known = &part.segment().footer().observation_attributes;
        let start = values.numbers.len();
        let Some(attribute) = known.iter().position(|known| known == id) else {
            values.numbers.resize(start + self.count, None);
            return Ok(());
        };
        let run = &self.chunk.data.attributes[attribute];
        let default = values.number((self.chunk.part, part), attribute, run.default)?;
        values.numbers.resize(start + self.count, default);
        for (row, (_, value)) in self.rows_of(&run.exceptions, |(position, _)| *position) {
            values.numbers[start + row] =
                values.number((self.chunk.part, part), attribute, *value)?;
        }
        Ok(())
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
