//! From the state of an aggregation to the batches of its answer.

use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;

use crate::error;
use crate::query::aggregate::cells::{Cells, MeasureCells};
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
                KeyColumn::Dimension(index) => {
                    let key = &keys.dimensions[*index];
                    let count = key.values.len().max(1) as u64;
                    let number = |group: usize| self.groups.keys()[group] / key.stride % count;
                    let numbers = cells.iter().map(|(group, _)| number(*group));
                    let numbers = numbers.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
                    take(&key.values, &UInt32Array::from_iter_values(numbers), None)?
                }
                KeyColumn::Period(index) => {
                    let numbers = cells.iter().map(|(_, cell)| u32::try_from(*cell));
                    let numbers = numbers.map(|number| number.unwrap_or(u32::MAX));
                    let periods =
                        keys.periods.as_ref().and_then(|periods| periods.values.get(*index));
                    let numbers = UInt32Array::from_iter_values(numbers);
                    match periods {
                        Some(values) => take(values, &numbers, None)?,
                        None => Arc::new(numbers),
                    }
                }
            });
        }
        for function in &self.spec.functions {
            arrays.push(self.values(*function, cells).map_err(to_datafusion)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(cells.len()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }

    fn values(&self, function: Function, cells: &[(usize, usize)]) -> error::Result<ArrayRef> {
        let width = self.cells.width;
        let places = cells.iter().map(|(group, cell)| group * width + cell);
        let rows = |place: usize| self.cells.rows[place];
        let measure = self.cells.measures.iter().find(|m| Some(m.measure) == function.measure());
        let Some(measure) = measure else {
            let counts = places.map(|place| i64::try_from(rows(place)).unwrap_or(i64::MAX));
            return Ok(Arc::new(Int64Array::from_iter_values(counts)));
        };
        let count = |place: usize| rows(place) - measure.lacking[place];
        if matches!(function, Function::CountNumbers(_)) {
            let counts = places.map(|place| i64::try_from(count(place)).unwrap_or(i64::MAX));
            return Ok(Arc::new(Int64Array::from_iter_values(counts)));
        }
        let value = |place: usize| -> error::Result<Option<f64>> {
            match count(place) {
                0 => Ok(None),
                count => value(function, measure, place, count).map(Some),
            }
        };
        let values: Float64Array = places.map(value).collect::<error::Result<_>>()?;
        Ok(Arc::new(values))
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

/// The value of a function over the numbers of a cell, of which there are some.
fn value(
    function: Function,
    measure: &MeasureCells,
    place: usize,
    count: u64,
) -> error::Result<f64> {
    if let Some(extremes) = &measure.extremes {
        match function {
            Function::Min(_) => return Ok(extremes[place].0),
            Function::Max(_) => return Ok(extremes[place].1),
            _ => {}
        }
    }
    let Some(sums) = &measure.sums else { return Err(error::Error::bug("a sum without state")) };
    let (decimals, doubles) = sums.sum(place)?;
    let is_mean = matches!(function, Function::Avg(_));
    let Some(doubles) = doubles else {
        return Ok(if is_mean { mean(decimals, count) } else { decimals.to_f64() });
    };
    let mut sum = doubles.clone();
    sum.add(decimals.to_f64());
    #[expect(clippy::cast_precision_loss, reason = "fewer observations than 2^53")]
    let count = count as f64;
    Ok(if is_mean { sum.to_f64() / count } else { sum.to_f64() })
}
