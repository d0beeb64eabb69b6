//! The columns of a batch of whole series.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, NullArray, RecordBatch, RecordBatchOptions, UInt64Array,
    new_empty_array,
};
use arrow::compute::{concat, take, take_record_batch};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions;
use datafusion::physical_expr::utils::collect_columns;

use crate::error::Error;
use crate::query::error::to_datafusion;
use crate::query::window::rows::SeriesBatch;
use crate::query::window::shift::{Edge, at_edge, shifted};
use crate::query::window::spec::{Column, Function, Plain, Window, WindowSpec};
use crate::query::window::sums::{Counts, Of};
use crate::query::window::{extremes, sums};
use crate::store::Direction;

/// What is read for a specification, and its expressions over that.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The columns to scan, by their position in the table.
    pub(super) projection: Vec<usize>,
    /// The measures that are added up.
    pub(super) measures: Vec<usize>,
    /// The inputs over the scanned columns; absent where none is needed.
    inputs: Vec<Option<Arc<dyn PhysicalExpr>>>,
    condition: Option<Arc<dyn PhysicalExpr>>,
    /// Which functions are needed.
    windows: Vec<bool>,
}

impl Layout {
    /// The layout for what the outputs of `spec` need.
    pub(super) fn of(spec: &WindowSpec) -> Result<Self> {
        let (inputs, windows) = spec.needed();
        let needed = spec.inputs.iter().zip(&inputs).filter(|(_, is_needed)| **is_needed);
        let exprs = needed.map(|(input, _)| &input.expr).chain(&spec.condition);
        let columns = exprs.flat_map(collect_columns);
        let mut projection: Vec<usize> = columns.map(|column| column.index()).collect();
        projection.sort_unstable();
        projection.dedup();
        let of_windows = spec.windows.iter().zip(&windows).filter(|(_, is_needed)| **is_needed);
        let summed = of_windows.filter_map(|(window, _)| window.function.summed());
        let mut measures: Vec<usize> = summed.filter_map(|column| spec.measure(column)).collect();
        measures.sort_unstable();
        measures.dedup();
        let scanned = |expr: &Arc<dyn PhysicalExpr>| over(expr, &projection);
        let inputs = spec
            .inputs
            .iter()
            .zip(inputs)
            .map(|(input, is_needed)| is_needed.then(|| scanned(&input.expr)).transpose());
        let inputs = inputs.collect::<Result<_>>()?;
        let condition = spec.condition.as_ref().map(scanned).transpose()?;
        Ok(Self { projection, measures, inputs, condition, windows })
    }
}

/// An expression over columns of the table as one over those in `projection`.
fn over(expr: &Arc<dyn PhysicalExpr>, projection: &[usize]) -> Result<Arc<dyn PhysicalExpr>> {
    let moved = Arc::clone(expr).transform_down(|node| {
        let Some(column) = node.downcast_ref::<expressions::Column>() else {
            return Ok(Transformed::no(node));
        };
        let place = projection.iter().position(|scanned| *scanned == column.index());
        let place = place.unwrap_or(column.index());
        Ok(Transformed::yes(Arc::new(expressions::Column::new(column.name(), place)) as _))
    });
    moved.data()
}

/// The outputs of `spec` for a batch of series.
pub(super) fn outputs(
    spec: &WindowSpec,
    layout: &Layout,
    schema: &SchemaRef,
    mut series: SeriesBatch,
) -> Result<RecordBatch> {
    if let Some(condition) = &layout.condition {
        let passes = condition.evaluate(&series.rows)?.into_array(series.rows.num_rows())?;
        let passes = passes.as_boolean_opt().cloned();
        series = series.filtered(&passes.ok_or_else(no_column)?)?;
    }
    let count = series.rows.num_rows();
    let input = |expr: &Option<Arc<dyn PhysicalExpr>>| {
        let expr = expr.as_ref();
        expr.map(|expr| expr.evaluate(&series.rows)?.into_array(count)).transpose()
    };
    let inputs = layout.inputs.iter().map(input).collect::<Result<_>>()?;
    let mut columns = Columns { spec, series: &series, inputs, windows: Vec::new() };
    for (window, is_needed) in spec.windows.iter().zip(&layout.windows) {
        let found = is_needed.then(|| columns.calculate(window)).transpose()?;
        columns.windows.push(found);
    }
    let arrays = spec.outputs.iter().map(|output| columns.get(*output).cloned());
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
}

fn no_column() -> DataFusionError {
    to_datafusion(Error::bug("a window function looks at a column that is not there"))
}

/// The columns of a batch, as far as they are there.
struct Columns<'a> {
    spec: &'a WindowSpec,
    series: &'a SeriesBatch,
    inputs: Vec<Option<ArrayRef>>,
    windows: Vec<Option<ArrayRef>>,
}

impl Columns<'_> {
    fn get(&self, column: Column) -> Result<&ArrayRef> {
        let found = match column {
            Column::Input(input) => self.inputs.get(input),
            Column::Window(window) => self.windows.get(window),
        };
        found.and_then(Option::as_ref).ok_or_else(no_column)
    }

    fn calculate(&self, window: &Window) -> Result<ArrayRef> {
        let bounds = &self.series.bounds;
        let frame = window.frame;
        let doubles = |column: Column| {
            let column = self.get(column)?;
            column.as_primitive_opt::<Float64Type>().ok_or_else(no_column)
        };
        Ok(match &window.function {
            Function::RowNumber => self.row_numbers(window.direction),
            Function::Shift { column, rows, default } => {
                shifted(self.get(*column)?, bounds, *rows, *default)?
            }
            Function::First(column) => at_edge(self.get(*column)?, bounds, frame, Edge::First)?,
            Function::Last(column) => at_edge(self.get(*column)?, bounds, frame, Edge::Last)?,
            Function::CountRows => self.counts(window, None)?,
            Function::Count(column) => self.counts(window, Some(*column))?,
            Function::Sum(column) => self.sums(Of::Sum, *column, window)?,
            Function::Mean(column) => self.sums(Of::Mean, *column, window)?,
            Function::Min(column) => {
                let values = doubles(*column)?;
                Arc::new(extremes::over_frames(Ordering::Less, values, bounds, frame))
            }
            Function::Max(column) => {
                let values = doubles(*column)?;
                Arc::new(extremes::over_frames(Ordering::Greater, values, bounds, frame))
            }
            Function::Plain(plain) => self.plain(plain, window.direction)?,
        })
    }

    fn row_numbers(&self, direction: Direction) -> ArrayRef {
        let mut numbers = Vec::with_capacity(self.series.rows.num_rows());
        for series in self.series.bounds.windows(2) {
            let count = (series[1] - series[0]) as u64;
            match direction {
                Direction::Ascending => numbers.extend(1..=count),
                Direction::Descending => numbers.extend((1..=count).rev()),
            }
        }
        Arc::new(UInt64Array::from(numbers))
    }

    fn counts(&self, window: &Window, column: Option<Column>) -> Result<ArrayRef> {
        let values = column.map(|column| self.get(column)).transpose()?;
        let nulls = values.and_then(Array::logical_nulls);
        let mut counts = Vec::with_capacity(self.series.rows.num_rows());
        for series in self.series.bounds.windows(2) {
            let of_series = Counts::of(nulls.as_ref(), &(series[0]..series[1]));
            let len = series[1] - series[0];
            let count = |row| of_series.count(&window.frame.rows(row, len));
            counts.extend((0..len).map(|row| i64::try_from(count(row)).unwrap_or(i64::MAX)));
        }
        Ok(Arc::new(Int64Array::from(counts)))
    }

    fn sums(&self, of: Of, column: Column, window: &Window) -> Result<ArrayRef> {
        let values = self.get(column)?.as_primitive_opt::<Float64Type>().ok_or_else(no_column)?;
        let measure = self.spec.measure(column);
        let exact = self.series.mantissas.iter().find(|one| Some(one.measure) == measure);
        let bounds = &self.series.bounds;
        Ok(Arc::new(sums::over_frames(of, values, exact, bounds, window.frame)))
    }

    /// What DataFusion calculates, series by series.
    fn plain(&self, plain: &Plain, direction: Direction) -> Result<ArrayRef> {
        let mut fields = Vec::with_capacity(plain.columns.len());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(plain.columns.len());
        let count = self.series.rows.num_rows();
        for (place, column) in plain.columns.iter().enumerate() {
            // A column that nobody looks at costs nothing as one of NULLs alone.
            let array = match column {
                Some(column) => Arc::clone(self.get(*column)?),
                None => Arc::new(NullArray::new(count)),
            };
            fields.push(Field::new(place.to_string(), array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let schema = Arc::new(Schema::new(fields));
        let all = RecordBatch::try_new_with_options(schema, arrays, &options)?;
        let mut found = Vec::with_capacity(self.series.bounds.len());
        for series in self.series.bounds.windows(2).filter(|series| series[0] < series[1]) {
            let rows = all.slice(series[0], series[1] - series[0]);
            found.push(match direction {
                Direction::Ascending => plain.expr.evaluate(&rows)?,
                Direction::Descending => {
                    let backwards =
                        UInt64Array::from_iter_values((0..rows.num_rows() as u64).rev());
                    let rows = take_record_batch(&rows, &backwards)?;
                    take(&plain.expr.evaluate(&rows)?, &backwards, None)?
                }
            });
        }
        if found.is_empty() {
            let data_type: DataType = plain.expr.field()?.data_type().clone();
            return Ok(new_empty_array(&data_type));
        }
        let found: Vec<&dyn Array> = found.iter().map(|array| &**array as &dyn Array).collect();
        Ok(concat(&found)?)
    }
}
