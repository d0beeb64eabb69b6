//! From the state of an aggregation to the batches of its answer.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::array::{Decimal128Array, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;

use crate::error;
use crate::error::Error;
use crate::query::aggregate::cells::{Cells, InputCells};
use crate::query::aggregate::exact::mean;
use crate::query::aggregate::groups::Groups;
use crate::query::aggregate::keys::KeyColumn;
use crate::query::aggregate::{AggregateSpec, Function};
use crate::query::error::to_datafusion;

/// Hands out the answer batch by batch, in the order of the packed keys, then of the periods.
pub(super) struct Output {
    spec: Arc<AggregateSpec>,
    schema: SchemaRef,
    groups: Groups,
    cells: Cells,
    /// The numbers of the groups in the order of their keys.
    order: Vec<usize>,
    /// The next cell: a place in `order`, and a number in the row.
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
        mut groups: Groups,
        mut cells: Cells,
        batch_rows: usize,
    ) -> Self {
        if spec.keys.columns.is_empty() {
            // Without groups there is one row, of nothing if need be.
            groups.number(0);
            cells.grow(cells.capacity().max(1));
        }
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_unstable_by_key(|group| groups.keys()[*group]);
        Self { spec, schema, groups, cells, order, next: (0, 0), batch_rows, reservation: None }
    }

    /// The next cells that belong in the answer: group and cell of each.
    fn take_cells(&mut self) -> Vec<(usize, usize)> {
        let is_single = self.spec.keys.columns.is_empty();
        let width = self.cells.width;
        let mut found = Vec::new();
        while found.len() < self.batch_rows {
            let Some(group) = self.order.get(self.next.0).copied() else { break };
            if self.next.1 >= width {
                self.next = (self.next.0 + 1, 0);
                continue;
            }
            let cell = self.next.1;
            self.next.1 += 1;
            if is_single || self.cells.rows[group * width + cell] > 0 {
                found.push((group, cell));
            }
        }
        found
    }

    fn batch(&self, cells: &[(usize, usize)]) -> Result<RecordBatch> {
        let keys = &self.spec.keys;
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        for column in &keys.columns {
            arrays.push(match column {
                KeyColumn::Series(index) => {
                    let key = &keys.series[*index];
                    let count = key.values.len().max(1) as u64;
                    let number = |group: usize| self.groups.keys()[group] / key.stride % count;
                    taken(&key.values, cells.iter().map(|(group, _)| number(*group)))?
                }
                KeyColumn::Attribute(index) => {
                    let Some(key) = &keys.attributes else { return Err(lost()) };
                    let number = |group: usize| self.groups.keys()[group] % key.count as u64;
                    taken(&key.values[*index], cells.iter().map(|(group, _)| number(*group)))?
                }
                KeyColumn::Period(index) => {
                    let Some(key) = &keys.periods else { return Err(lost()) };
                    taken(&key.values[*index], cells.iter().map(|(_, cell)| *cell as u64))?
                }
            });
        }
        let fields = self.schema.fields().iter().skip(arrays.len());
        for (function, field) in self.spec.functions.iter().zip(fields) {
            let values = self.values(*function, field.data_type(), cells);
            arrays.push(values.map_err(to_datafusion)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(cells.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }

    /// The column of a function, of this type.
    fn values(
        &self,
        function: Function,
        data_type: &DataType,
        cells: &[(usize, usize)],
    ) -> error::Result<ArrayRef> {
        let width = self.cells.width;
        let places = cells.iter().map(|(group, cell)| group * width + cell);
        let input = function.input();
        let counts = |count: &dyn Fn(usize) -> u64| -> ArrayRef {
            let counts =
                places.clone().map(|place| i64::try_from(count(place)).unwrap_or(i64::MAX));
            Arc::new(Int64Array::from_iter_values(counts))
        };
        match function {
            Function::CountRows(_) => Ok(counts(&|place| self.cells.rows_of(input, place))),
            Function::CountNumbers(_) => Ok(counts(&|place| self.cells.numbers_of(input, place))),
            Function::Times(_, whole, number) => {
                let sums = places.map(|place| {
                    let sum = i128::from(number) * i128::from(self.cells.rows_of(input, place));
                    (self.cells.rows_of(whole, place) > 0).then_some(sum)
                });
                Ok(Arc::new(sums.collect::<Decimal128Array>().with_data_type(data_type.clone())))
            }
            _ => {
                let values = places.map(|place| self.value(function, place));
                Ok(Arc::new(values.collect::<error::Result<Float64Array>>()?))
            }
        }
    }

    /// The value of a function over the numbers of a cell.
    fn value(&self, function: Function, place: usize) -> error::Result<Option<f64>> {
        let input = function.input();
        let count = self.cells.numbers_of(input, place);
        if count == 0 {
            return Ok(match function {
                Function::SumOrZero(_, whole) => {
                    let others =
                        self.cells.rows_of(whole, place) - self.cells.rows_of(input, place);
                    (others > 0).then_some(0.0)
                }
                _ => None,
            });
        }
        value(function, &self.cells.inputs[input], place, count)
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

/// The value of a function over the numbers of a cell, of which there are some.
fn value(
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
