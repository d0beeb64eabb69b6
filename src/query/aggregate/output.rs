//! From the state of an aggregation to the batches of its answer.

use std::iter;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::array::{UInt32Array, UInt64Array, new_null_array};
use arrow::compute::{cast, take};
use arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryReservation;

use crate::error::Error;
use crate::query::aggregate::AggregateSpec;
use crate::query::aggregate::keys::grouping::KeyColumn;
use crate::query::aggregate::keys::sets::GroupingSet;
use crate::query::aggregate::results::results;
use crate::query::aggregate::state::cells::Cells;
use crate::query::aggregate::state::levels::Level;
use crate::query::error::to_datafusion;

/// The cells of a batch, row by row.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Their places among the cells of all rows.
    pub(crate) places: Vec<usize>,
    /// The number of each row, and how many of the cells are its.
    runs: Vec<(usize, usize)>,
}

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
    fn take_cells(&mut self) -> Taken {
        let mut taken = Taken::default();
        while let Some(level) = self.levels.last() {
            let set = level.set.and_then(|set| self.spec.sets.as_ref()?.get(set));
            let is_total = set.map_or(self.spec.keys.columns.is_empty(), GroupingSet::is_total);
            let Cells { layout, rows, .. } = &level.cells;
            while let Some(number) = self.order.get(self.next.0).copied() {
                let row = layout.row(number);
                let places = row.start + self.next.1..row.start + row.len;
                let wanted = places.filter(|place| is_total || rows[*place] > 0);
                match taken.add(number, wanted, self.batch_rows) {
                    None => self.next = (self.next.0 + 1, 0),
                    // There was no more room, and the row may go on.
                    Some(last) => {
                        self.next.1 = last + 1 - row.start;
                        break;
                    }
                }
            }
            if !taken.places.is_empty() {
                break;
            }
            self.levels.pop();
            self.begin_level();
        }
        taken
    }

    fn batch(&self, taken: &Taken) -> Result<RecordBatch> {
        let level = self.levels.last().ok_or_else(lost)?;
        let set = level.set.and_then(|set| self.spec.sets.as_ref()?.get(set));
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        let (runs, count) = (&taken.runs, taken.places.len());
        let numbers = self.series_numbers(level, runs);
        for (index, column) in self.spec.keys.columns.iter().enumerate() {
            if set.is_some_and(|set| !set.kept[index]) {
                arrays.push(new_null_array(self.schema.field(index).data_type(), count));
                continue;
            }
            arrays.push(match column {
                KeyColumn::Series(index) => {
                    let numbers = numbers[*index].iter().zip(runs);
                    let numbers = numbers.map(|(number, (_, len))| (*number, *len));
                    repeated(&self.spec.keys.series[*index].values, numbers, count)?
                }
                KeyColumn::Attribute(index) => {
                    let key = self.spec.keys.attributes.as_ref().ok_or_else(lost)?;
                    let numbers = runs
                        .iter()
                        .map(|(row, len)| (packed(level, *row) % key.count.max(1) as u64, *len));
                    repeated(&key.values[*index], numbers, count)?
                }
                KeyColumn::Period(index) => self.period_column(level, *index, taken)?,
            });
        }
        if let Some(set) = set {
            let ids = UInt64Array::from(vec![set.id; count]);
            arrays.push(cast(&ids, self.schema.field(arrays.len()).data_type())?);
        }
        let fields = self.schema.fields().iter().skip(arrays.len());
        for (function, field) in self.spec.functions.iter().zip(fields) {
            let array = results(&self.spec, (*function, field.data_type()), &level.cells, taken);
            arrays.push(array.map_err(to_datafusion)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)?)
    }

    /// The number of the value of each part of the key that follows from the series, run by run.
    fn series_numbers(&self, level: &Level, runs: &[(usize, usize)]) -> Vec<Vec<u64>> {
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
    fn period_column(&self, level: &Level, index: usize, taken: &Taken) -> Result<ArrayRef> {
        let key = self.spec.keys.periods.as_ref().ok_or_else(lost)?;
        let (layout, keys) = (&level.cells.layout, level.groups.keys());
        let mut numbers = Vec::with_capacity(taken.places.len());
        for (row, places) in taken.rows() {
            let (first, start) = (layout.line(keys[row]).first, layout.row(row).start);
            numbers.extend(places.iter().map(|place| number(first + (place - start))));
        }
        Ok(take(&key.values[index], &UInt32Array::from(numbers), None)?)
    }
}

impl Iterator for Output {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let taken = self.take_cells();
        if taken.places.is_empty() {
            self.reservation = None;
        }
        (!taken.places.is_empty()).then(|| self.batch(&taken))
    }
}

impl Taken {
    /// Adds cells of a row, as long as there are fewer than `most` in all. Returns the place of the
    /// last one that there was room for.
    fn add(
        &mut self,
        row: usize,
        places: impl Iterator<Item = usize>,
        most: usize,
    ) -> Option<usize> {
        let before = self.places.len();
        let mut last = None;
        for place in places {
            self.places.push(place);
            if self.places.len() >= most {
                last = Some(place);
                break;
            }
        }
        if self.places.len() > before {
            self.runs.push((row, self.places.len() - before));
        }
        last
    }

    /// The rows, each with the places of its cells.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &[usize])> {
        let mut rest = self.places.as_slice();
        self.runs.iter().map(move |(row, len)| {
            let (of_row, others) = rest.split_at(*len);
            rest = others;
            (*row, of_row)
        })
    }
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
