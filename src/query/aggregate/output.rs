//! From the state of an aggregation to the batches of its answer.

use std::iter;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::array::{Decimal128Array, UInt32Array, UInt64Array, new_null_array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;

use crate::error;
use crate::error::Error;
use crate::query::aggregate::keys::grouping::KeyColumn;
use crate::query::aggregate::keys::sets::GroupingSet;
use crate::query::aggregate::state::cells::{Cells, InputCells};
use crate::query::aggregate::state::exact::mean;
use crate::query::aggregate::state::levels::Level;
use crate::query::aggregate::{AggregateSpec, Function};
use crate::query::error::to_datafusion;

/// The number of a row, and the place of a cell of it.
type Cell = (usize, usize);
/// The number of a row, and how many cells of it follow each other.
type Run = (usize, usize);

/// Hands out the answer batch by batch, in the order of the packed keys, then of the periods.
pub(crate) struct Output {
    spec: Arc<AggregateSpec>,
    schema: SchemaRef,
    /// The states of the grouping sets, the last first.
    levels: Vec<Level>,
    /// The numbers of the groups of the last of `levels` in the order of their keys.
    order: Vec<usize>,
    /// The next cell of it: a place in `order`, and a number in the row.
    next: (usize, usize),
    batch_rows: usize,
    /// The memory of the state.
    reservation: Option<MemoryReservation>,
}

impl Output {
    /// Holds the memory of the state until the last batch was taken.
    pub(crate) fn holding(self, reservation: MemoryReservation) -> Self {
        Self { reservation: Some(reservation), ..self }
    }

    pub(crate) fn new(
        spec: Arc<AggregateSpec>,
        schema: SchemaRef,
        mut levels: Vec<Level>,
        batch_rows: usize,
    ) -> Self {
        for level in &mut levels {
            if spec.keys.columns.is_empty() {
                // Without groups there is one row, of nothing if need be.
                level.groups.number(0);
                level.cells.follow(&level.groups);
            }
        }
        levels.reverse();
        let mut output = Self {
            spec,
            schema,
            levels,
            order: Vec::new(),
            next: (0, 0),
            batch_rows,
            reservation: None,
        };
        output.begin_level();
        output
    }

    /// Puts the groups of the level at hand in order.
    fn begin_level(&mut self) {
        self.next = (0, 0);
        self.order.clear();
        if let Some(level) = self.levels.last() {
            self.order = level.groups.in_order();
        }
    }

    /// The next cells that belong in the answer, all of one level.
    fn take_cells(&mut self) -> Vec<Cell> {
        let mut found = Vec::new();
        while let Some(level) = self.levels.last() {
            let set = level.set.and_then(|set| self.spec.sets.as_ref()?.get(set));
            let is_total = set.map_or(self.spec.keys.columns.is_empty(), GroupingSet::is_total);
            let Cells { layout, rows, .. } = &level.cells;
            while found.len() < self.batch_rows {
                let Some(number) = self.order.get(self.next.0).copied() else { break };
                let row = layout.row(number);
                let counts = &rows[row.cells()];
                let rest = counts.iter().enumerate().skip(self.next.1);
                let wanted = rest.filter(|(_, count)| is_total || **count > 0);
                let room = self.batch_rows - found.len();
                found.extend(wanted.take(room).map(|(cell, _)| (number, row.start + cell)));
                self.next = match found.last() {
                    // Where there was no more room, the row may go on.
                    Some((last, place)) if found.len() == self.batch_rows && *last == number => {
                        (self.next.0, place + 1 - row.start)
                    }
                    _ => (self.next.0 + 1, 0),
                };
            }
            if !found.is_empty() {
                break;
            }
            self.levels.pop();
            self.begin_level();
        }
        found
    }

    fn batch(&self, cells: &[Cell]) -> Result<RecordBatch> {
        let level = self.levels.last().ok_or_else(lost)?;
        let set = level.set.and_then(|set| self.spec.sets.as_ref()?.get(set));
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        let runs = runs(cells);
        let numbers = self.series_numbers(level, &runs);
        for (index, column) in self.spec.keys.columns.iter().enumerate() {
            if set.is_some_and(|set| !set.kept[index]) {
                arrays.push(new_null_array(self.schema.field(index).data_type(), cells.len()));
                continue;
            }
            arrays.push(match column {
                KeyColumn::Series(index) => {
                    let numbers = numbers[*index].iter().zip(&runs);
                    let numbers = numbers.map(|(number, (_, len))| (*number, *len));
                    repeated(&self.spec.keys.series[*index].values, numbers, cells.len())?
                }
                KeyColumn::Attribute(index) => {
                    let key = self.spec.keys.attributes.as_ref().ok_or_else(lost)?;
                    let numbers = runs
                        .iter()
                        .map(|(row, len)| (packed(level, *row) % key.count.max(1) as u64, *len));
                    repeated(&key.values[*index], numbers, cells.len())?
                }
                KeyColumn::Period(index) => self.period_column(level, *index, (cells, &runs))?,
            });
        }
        if let Some(set) = set {
            let ids = UInt64Array::from(vec![set.id; cells.len()]);
            arrays.push(cast(&ids, self.schema.field(arrays.len()).data_type())?);
        }
        let fields = self.schema.fields().iter().skip(arrays.len());
        for (function, field) in self.spec.functions.iter().zip(fields) {
            let values = self.values(level, (*function, field.data_type()), cells);
            arrays.push(values.map_err(to_datafusion)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(cells.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }

    /// The number of the value of each part of the key that follows from the series, run by run.
    fn series_numbers(&self, level: &Level, runs: &[Run]) -> Vec<Vec<u64>> {
        let keys = &self.spec.keys;
        let of_attributes = keys.attributes.as_ref().map_or(1, |key| key.count.max(1)) as u64;
        let packed = runs.iter().map(|(row, _)| packed(level, *row) / of_attributes);
        let mut rest: Vec<u64> = packed.collect();
        let mut all = vec![Vec::new(); keys.series.len()];
        // The last part counts least.
        for (key, numbers) in keys.series.iter().zip(&mut all).rev() {
            let count = key.values.len().max(1) as u64;
            numbers.extend(rest.iter().map(|packed| packed % count));
            for packed in &mut rest {
                *packed /= count;
            }
        }
        all
    }

    /// A column of the key about periods.
    fn period_column(
        &self,
        level: &Level,
        index: usize,
        (cells, runs): (&[Cell], &[Run]),
    ) -> Result<ArrayRef> {
        let key = self.spec.keys.periods.as_ref().ok_or_else(lost)?;
        let (layout, keys) = (&level.cells.layout, level.groups.keys());
        let mut numbers = Vec::with_capacity(cells.len());
        let mut rest = cells;
        for (row, len) in runs {
            let (of_row, others) = rest.split_at(*len);
            let (first, start) = (layout.line(keys[*row]).first, layout.row(*row).start);
            numbers.extend(of_row.iter().map(|(_, place)| number(first + (place - start))));
            rest = others;
        }
        Ok(take(&key.values[index], &UInt32Array::from(numbers), None)?)
    }

    /// The column of a function, of this type.
    fn values(
        &self,
        level: &Level,
        (function, data_type): (Function, &DataType),
        cells: &[Cell],
    ) -> error::Result<ArrayRef> {
        let state = &level.cells;
        let places = cells.iter().map(|(_, place)| *place);
        let input = function.input();
        let counts = |count: &dyn Fn(usize) -> u64| -> ArrayRef {
            let counts =
                places.clone().map(|place| i64::try_from(count(place)).unwrap_or(i64::MAX));
            Arc::new(Int64Array::from_iter_values(counts))
        };
        match function {
            Function::CountRows(_) => Ok(counts(&|place| state.rows_of(input, place))),
            Function::CountNumbers(_) => Ok(counts(&|place| state.numbers_of(input, place))),
            Function::Special(_, special) => {
                let mut specials = state.inputs[input].specials.iter();
                let found = specials.find(|(known, _)| *known == special);
                let (_, found) = found.ok_or_else(|| Error::bug("a function without state"))?;
                found.answers(&self.spec.specials[special], places)
            }
            Function::Times(whole, factors) => {
                let factors = &self.spec.factors[factors];
                let sums = places.map(|place| {
                    let times = |(input, number): &(usize, i64)| {
                        i128::from(*number) * i128::from(state.rows_of(*input, place))
                    };
                    let sum = factors.iter().map(times).sum::<i128>();
                    (state.rows_of(whole, place) > 0).then_some(sum)
                });
                Ok(Arc::new(sums.collect::<Decimal128Array>().with_data_type(data_type.clone())))
            }
            _ => {
                let values = cells.iter().map(|cell| value(state, function, *cell));
                Ok(Arc::new(values.collect::<error::Result<Float64Array>>()?))
            }
        }
    }
}

impl Iterator for Output {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let cells = self.take_cells();
        if cells.is_empty() {
            self.reservation = None;
        }
        (!cells.is_empty()).then(|| self.batch(&cells))
    }
}

/// The rows of neighbouring cells, each with the number of its cells.
fn runs(cells: &[Cell]) -> Vec<Run> {
    let runs = cells.chunk_by(|(row, _), (next, _)| row == next);
    runs.map(|run| (run[0].0, run.len())).collect()
}

/// The packed key of the group of a row.
fn packed(level: &Level, row: usize) -> u64 {
    level.cells.layout.packed(level.groups.keys()[row])
}

/// The values with these numbers, each as often as it says and `count` in all.
fn repeated(
    values: &ArrayRef,
    numbers: impl Iterator<Item = (u64, usize)>,
    count: usize,
) -> Result<ArrayRef> {
    let mut all = Vec::with_capacity(count);
    for (of_run, len) in numbers {
        all.extend(iter::repeat_n(number(of_run), len));
    }
    Ok(take(values, &UInt32Array::from(all), None)?)
}

/// The number of a value as arrow takes it; no array has more of them.
fn number(number: impl TryInto<u32>) -> u32 {
    number.try_into().unwrap_or(u32::MAX)
}

fn lost() -> DataFusionError {
    to_datafusion(Error::bug("a column of a key that there is not"))
}

/// The value of a function over the numbers of a cell.
fn value(cells: &Cells, function: Function, (row, place): Cell) -> error::Result<Option<f64>> {
    let input = function.input();
    let count = cells.numbers_of(input, place);
    if count == 0 {
        return Ok(match function {
            Function::SumOrZero(_, whole) => {
                let others = cells.rows_of(whole, place) - cells.rows_of(input, place);
                (others > 0).then_some(0.0)
            }
            _ => None,
        });
    }
    value_of_some(function, &cells.inputs[input], (row, place), count)
}

/// The value of a function over the numbers of a cell, of which there are some.
fn value_of_some(
    function: Function,
    cells: &InputCells,
    (row, place): Cell,
    count: u64,
) -> error::Result<Option<f64>> {
    if let Some(extremes) = &cells.extremes {
        match function {
            Function::Min(_) => return Ok(Some(extremes[place].0)),
            Function::Max(_) => return Ok(Some(extremes[place].1)),
            _ => {}
        }
    }
    let Some(sums) = &cells.sums else { return Err(Error::bug("a sum without state")) };
    let (decimals, doubles) = sums.sum(row, place)?;
    if let (Function::Spread(_, spread), Some(squares)) = (function, &cells.squares) {
        return Ok(squares.spread((row, place), count, (decimals, doubles), spread));
    }
    let is_mean = matches!(function, Function::Avg(_));
    let Some(doubles) = doubles else {
        return Ok(Some(if is_mean { mean(decimals, count) } else { decimals.to_f64() }));
    };
    let mut sum = doubles.clone();
    sum.add(decimals.to_f64());
    #[expect(clippy::cast_precision_loss, reason = "fewer observations than 2^53")]
    let count = count as f64;
    Ok(Some(if is_mean { sum.to_f64() / count } else { sum.to_f64() }))
}
