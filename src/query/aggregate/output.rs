//! From the state of an aggregation to the batches of its answer.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::array::{Decimal128Array, UInt32Array, UInt64Array, new_null_array};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;

use crate::error;
use crate::error::Error;
use crate::query::aggregate::cells::{Cells, InputCells};
use crate::query::aggregate::exact::mean;
use crate::query::aggregate::keys::KeyColumn;
use crate::query::aggregate::levels::Level;
use crate::query::aggregate::sets::GroupingSet;
use crate::query::aggregate::{AggregateSpec, Function};
use crate::query::error::to_datafusion;

/// Hands out the answer batch by batch, in the order of the packed keys, then of the periods.
pub(super) struct Output {
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
    pub(super) fn holding(self, reservation: MemoryReservation) -> Self {
        Self { reservation: Some(reservation), ..self }
    }

    pub(super) fn new(
        spec: Arc<AggregateSpec>,
        schema: SchemaRef,
        mut levels: Vec<Level>,
        batch_rows: usize,
    ) -> Self {
        for level in &mut levels {
            if spec.keys.columns.is_empty() {
                // Without groups there is one row, of nothing if need be.
                level.groups.number(0);
                level.cells.grow(level.cells.capacity().max(1));
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
            self.order.extend(0..level.groups.len());
            self.order.sort_unstable_by_key(|group| level.groups.keys()[*group]);
        }
    }

    /// The next cells that belong in the answer, all of one level: group and cell of each.
    fn take_cells(&mut self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        while let Some(level) = self.levels.last() {
            let set = level.set.and_then(|set| self.spec.sets.as_ref()?.get(set));
            let is_total = set.map_or(self.spec.keys.columns.is_empty(), GroupingSet::is_total);
            let (rows, width) = (&level.cells.rows, level.cells.width);
            while found.len() < self.batch_rows {
                let Some(group) = self.order.get(self.next.0).copied() else { break };
                if self.next.1 >= width {
                    self.next = (self.next.0 + 1, 0);
                    continue;
                }
                let cell = self.next.1;
                self.next.1 += 1;
                if is_total || rows[group * width + cell] > 0 {
                    found.push((group, cell));
                }
            }
            if !found.is_empty() {
                break;
            }
            self.levels.pop();
            self.begin_level();
        }
        found
    }

    fn batch(&self, cells: &[(usize, usize)]) -> Result<RecordBatch> {
        let level = self.levels.last().ok_or_else(lost)?;
        let set = level.set.and_then(|set| self.spec.sets.as_ref()?.get(set));
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        for (index, column) in self.spec.keys.columns.iter().enumerate() {
            if set.is_some_and(|set| !set.kept[index]) {
                arrays.push(new_null_array(self.schema.field(index).data_type(), cells.len()));
                continue;
            }
            arrays.push(self.key_column(level, *column, cells)?);
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

    fn key_column(
        &self,
        level: &Level,
        column: KeyColumn,
        cells: &[(usize, usize)],
    ) -> Result<ArrayRef> {
        let (keys, packed) = (&self.spec.keys, level.groups.keys());
        match column {
            KeyColumn::Series(index) => {
                let key = &keys.series[index];
                let count = key.values.len().max(1) as u64;
                let number = |group: usize| packed[group] / key.stride % count;
                taken(&key.values, cells.iter().map(|(group, _)| number(*group)))
            }
            KeyColumn::Attribute(index) => {
                let key = keys.attributes.as_ref().ok_or_else(lost)?;
                let number = |group: usize| packed[group] % key.count as u64;
                taken(&key.values[index], cells.iter().map(|(group, _)| number(*group)))
            }
            KeyColumn::Period(index) => {
                let key = keys.periods.as_ref().ok_or_else(lost)?;
                taken(&key.values[index], cells.iter().map(|(_, cell)| *cell as u64))
            }
        }
    }

    /// The column of a function, of this type.
    fn values(
        &self,
        level: &Level,
        (function, data_type): (Function, &DataType),
        cells: &[(usize, usize)],
    ) -> error::Result<ArrayRef> {
        let (state, width) = (&level.cells, level.cells.width);
        let places = cells.iter().map(|(group, cell)| group * width + cell);
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
                let values = places.map(|place| value(state, function, place));
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

/// The values with these numbers.
fn taken(values: &ArrayRef, numbers: impl Iterator<Item = u64>) -> Result<ArrayRef> {
    let numbers = numbers.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    Ok(take(values, &UInt32Array::from_iter_values(numbers), None)?)
}

fn lost() -> DataFusionError {
    to_datafusion(Error::bug("a column of a key that there is not"))
}

/// The value of a function over the numbers of a cell.
fn value(cells: &Cells, function: Function, place: usize) -> error::Result<Option<f64>> {
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
    value_of_some(function, &cells.inputs[input], place, count)
}

/// The value of a function over the numbers of a cell, of which there are some.
fn value_of_some(
    function: Function,
    cells: &InputCells,
    place: usize,
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
    let (decimals, doubles) = sums.sum(place)?;
    if let (Function::Spread(_, spread), Some(squares)) = (function, &cells.squares) {
        return Ok(squares.spread(place, count, (decimals, doubles), spread));
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
