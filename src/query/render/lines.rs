//! From the rows of an answer to lines over periods.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, SchemaRef};

use crate::error::{Error, Result};
use crate::query::error::from_datafusion;
use crate::query::render::cells::Cells;
use crate::query::render::chart::{LINES_MAX, Line};

/// Rows that one chart is made of at most: more than any screen shows.
const ROWS_MAX: usize = 1_000_000;

/// Which column is what.
struct Columns {
    axis: usize,
    value: usize,
    labels: Vec<usize>,
}

impl Columns {
    /// The axis is the first column of periods, or else the first that is no number; the value is
    /// the first of numbers; all other texts name the line.
    fn of(schema: &SchemaRef) -> Result<Self> {
        let fields = schema.fields();
        let is_number = |index: usize| fields[index].data_type().is_numeric();
        let is_time = |index: usize| {
            let name = fields[index].name().as_str();
            matches!(name, "time_period" | "period_start" | "period_end")
                || fields[index].data_type().is_temporal()
        };
        let all = 0..fields.len();
        let value = all.clone().find(|index| is_number(*index) && !is_time(*index));
        let missing =
            |what: &str| Error::invalid("chart", format!("the answer has no column {what}"));
        let value = value.ok_or_else(|| missing("of numbers"))?;
        let axis = all.clone().find(|index| is_time(*index));
        let axis = axis.or_else(|| all.clone().find(|index| *index != value));
        let axis = axis.ok_or_else(|| missing("of periods"))?;
        let is_label = |index: &usize| {
            ![axis, value].contains(index) && !is_number(*index) && !is_time(*index)
        };
        Ok(Self { axis, value, labels: all.filter(is_label).collect() })
    }
}

/// The periods in the order of the rows, and a line for each group of texts.
///
/// # Errors
///
/// Those of `rows`; [`Error::Invalid`] without a column of numbers or one of periods, and for more
/// lines than are told apart; [`Error::Limit`] for more rows than a chart shows.
pub(super) fn read(
    schema: &SchemaRef,
    rows: &mut dyn Iterator<Item = Result<RecordBatch>>,
) -> Result<Drawing> {
    let columns = Columns::of(schema)?;
    let mut drawing = Drawing::default();
    for batch in rows {
        drawing.add(&batch?, &columns)?;
    }
    Ok(drawing)
}

/// What is drawn.
#[derive(Default)]
pub(super) struct Drawing {
    pub(super) periods: Vec<String>,
    pub(super) lines: Vec<Line>,
    pub(super) rows: usize,
    places: HashMap<String, usize>,
}

impl Drawing {
    fn add(&mut self, batch: &RecordBatch, columns: &Columns) -> Result<()> {
        self.rows += batch.num_rows();
        if self.rows > ROWS_MAX {
            let (actual, limit) = (self.rows as u64, ROWS_MAX as u64);
            return Err(Error::Limit { what: "the rows of one chart", actual, limit });
        }
        let values = cast(batch.column(columns.value), &DataType::Float64);
        let values = values.map_err(|error| from_datafusion(&error.into()))?;
        let values = values.as_primitive::<Float64Type>();
        let cells = Cells::new(batch)?;
        for row in 0..batch.num_rows() {
            let mut period = String::new();
            if !cells.write(columns.axis, row, &mut period)? {
                continue;
            }
            let mut name = String::new();
            for label in &columns.labels {
                if !name.is_empty() {
                    name.push(' ');
                }
                cells.write(*label, row, &mut name)?;
            }
            let place = self.place(period);
            let line = self.line(&name)?;
            line.values.resize(line.values.len().max(place + 1), None);
            line.values[place] = values.is_valid(row).then(|| values.value(row));
        }
        Ok(())
    }

    fn place(&mut self, period: String) -> usize {
        if let Some(place) = self.places.get(&period) {
            return *place;
        }
        let place = self.periods.len();
        self.places.insert(period.clone(), place);
        self.periods.push(period);
        place
    }

    fn line(&mut self, name: &str) -> Result<&mut Line> {
        let known = self.lines.iter().position(|line| line.name == name);
        let place = known.unwrap_or(self.lines.len());
        if known.is_none() {
            if place == LINES_MAX {
                let reason = format!("shows {LINES_MAX} lines at most; select fewer series");
                return Err(Error::invalid("chart", reason));
            }
            self.lines.push(Line { name: name.to_owned(), values: Vec::new() });
        }
        Ok(&mut self.lines[place])
    }
}
