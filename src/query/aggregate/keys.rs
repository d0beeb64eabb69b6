//! From group expressions to numbers: of groups of series, and of periods.
//!
//! A group expression that depends on one dimension is evaluated once per code, one that depends
//! on the period once per period. So `GROUP BY` any such function costs what a plain column costs.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema};
use arrow::row::{RowConverter, SortField};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr_common::physical_expr::is_volatile;

use crate::query::scan::{Content, SeriesScanExec, Source};

/// What is grouped by.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The parts of the key that follow from the series, most significant first.
    pub(super) dimensions: Vec<DimensionKey>,
    /// The part that follows from the period.
    pub(super) periods: Option<PeriodKey>,
    /// Where each column of the key comes from.
    pub(super) columns: Vec<KeyColumn>,
    /// The number of possible packed keys.
    pub(super) key_count: u64,
}

/// A part of the key that follows from one dimension.
#[derive(Clone, Debug)]
pub(super) struct DimensionKey {
    /// The position of the dimension.
    pub(super) dimension: usize,
    /// The number of the value of each code; absent where it is the number of the code.
    pub(super) number_of_code: Option<Vec<u32>>,
    /// The distinct values, by number.
    pub(super) values: ArrayRef,
    /// What a number counts in the packed key.
    pub(super) stride: u64,
}

/// The part of the key that follows from the period.
#[derive(Clone, Debug)]
pub(super) struct PeriodKey {
    /// How many distinct values there are.
    pub(super) count: usize,
    /// The number of the value of each place of the table of periods; absent where it is the place.
    pub(super) number_of_place: Option<Vec<u32>>,
    /// For each column of the key about periods its values, by number.
    pub(super) values: Vec<ArrayRef>,
}

/// Where a column of the key comes from: one of the dimensions, or one of the columns of periods.
#[derive(Clone, Copy, Debug)]
pub(super) enum KeyColumn {
    Dimension(usize),
    Period(usize),
}

impl Keys {
    /// The keys of these expressions over the output of a scan. Absent if one of them depends on
    /// more than one dimension or the period.
    ///
    /// # Errors
    ///
    /// If an expression fails for a code or a period of the cube.
    pub(crate) fn build(
        scan: &SeriesScanExec,
        exprs: &[Arc<dyn PhysicalExpr>],
    ) -> Result<Option<Self>> {
        let source = scan.source();
        let (mut dimensions, mut columns) = (Vec::new(), Vec::new());
        let mut of_periods = Vec::new();
        for expr in exprs {
            let mut contents: Vec<Content> =
                collect_columns(expr).iter().map(|column| scan.content(column.index())).collect();
            contents.dedup();
            if is_volatile(expr) {
                return Ok(None);
            }
            match contents.as_slice() {
                [Content::Code(dimension)] => {
                    columns.push(KeyColumn::Dimension(dimensions.len()));
                    dimensions.push(DimensionKey::build(source, *dimension, expr)?);
                }
                [_, ..] if contents.iter().all(|content| content.is_period()) => {
                    columns.push(KeyColumn::Period(of_periods.len()));
                    of_periods.push(Arc::clone(expr));
                }
                _ => return Ok(None),
            }
        }
        let periods = match of_periods.as_slice() {
            [] => None,
            exprs => match PeriodKey::build(scan, exprs)? {
                Some(periods) => Some(periods),
                None => return Ok(None),
            },
        };
        let mut key_count = 1_u64;
        for key in dimensions.iter_mut().rev() {
            key.stride = key_count;
            let Some(count) = key_count.checked_mul(key.values.len().max(1) as u64) else {
                return Ok(None);
            };
            key_count = count;
        }
        Ok(Some(Self { dimensions, periods, columns, key_count }))
    }

    /// How many cells a group has: one a value of the period key.
    pub(super) fn width(&self) -> usize {
        self.periods.as_ref().map_or(1, |periods| periods.count)
    }
}

impl DimensionKey {
    fn build(source: &Source, dimension: usize, expr: &Arc<dyn PhysicalExpr>) -> Result<Self> {
        let codes: ArrayRef = Arc::new(source.codes(dimension).clone());
        if expr.downcast_ref::<Column>().is_some() {
            return Ok(Self { dimension, number_of_code: None, values: codes, stride: 1 });
        }
        let count = codes.len();
        let found = evaluate(
            source,
            &[expr],
            |content| (content == Content::Code(dimension)).then(|| Arc::clone(&codes)),
            count,
        )?;
        let (number_of_code, values) = distinct(&found)?;
        let values = values.into_iter().next().unwrap_or(codes);
        Ok(Self { dimension, number_of_code: Some(number_of_code), values, stride: 1 })
    }

    /// The number of the value of a code.
    #[inline]
    pub(super) fn number(&self, code: u32) -> u64 {
        u64::from(self.number_of_code.as_ref().map_or(code, |numbers| numbers[code as usize]))
    }
}

impl PeriodKey {
    fn build(scan: &SeriesScanExec, exprs: &[Arc<dyn PhysicalExpr>]) -> Result<Option<Self>> {
        let source = scan.source();
        let table = source.periods().filter(|_| source.has_only_regular_periods());
        let Some(table) = table else { return Ok(None) };
        let all: Vec<&Arc<dyn PhysicalExpr>> = exprs.iter().collect();
        let values = evaluate(source, &all, |content| table.array(content), table.len())?;
        // The texts of periods differ, so every place is a group of its own.
        let has_text = exprs.iter().any(|expr| {
            let column = expr.downcast_ref::<Column>();
            column.is_some_and(|column| scan.content(column.index()) == Content::PeriodText)
        });
        if has_text {
            return Ok(Some(Self { count: table.len(), number_of_place: None, values }));
        }
        let (number_of_place, values) = distinct(&values)?;
        let count = values.first().map_or(0, Array::len);
        Ok(Some(Self { count, number_of_place: Some(number_of_place), values }))
    }
}

/// The values of expressions over the columns for which there is an array of `count` rows.
fn evaluate(
    source: &Source,
    exprs: &[&Arc<dyn PhysicalExpr>],
    array: impl Fn(Content) -> Option<ArrayRef>,
    count: usize,
) -> Result<Vec<ArrayRef>> {
    let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for (content, field) in source.contents().iter().zip(source.schema().fields()) {
        if let Some(array) = array(*content) {
            fields.push(field.as_ref().clone());
            arrays.push(array);
        }
    }
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let value = |expr: &&Arc<dyn PhysicalExpr>| -> Result<ArrayRef> {
        let expr = reassign_expr_columns(Arc::clone(expr), &schema)?;
        expr.evaluate(&batch)?.into_array(count)
    };
    exprs.iter().map(value).collect()
}

/// Numbers the distinct rows of these columns in their order; gives the number of each row, and
/// the columns with each distinct row once.
fn distinct(columns: &[ArrayRef]) -> Result<(Vec<u32>, Vec<ArrayRef>)> {
    let fields = columns.iter().map(|column| SortField::new(column.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let rows = converter.convert_columns(columns)?;
    let mut sorted: Vec<u32> = (0..).take(rows.num_rows()).collect();
    sorted.sort_by(|a, b| rows.row(*a as usize).cmp(&rows.row(*b as usize)));
    let mut numbers = vec![0; sorted.len()];
    let mut first_of_each: Vec<u32> = Vec::new();
    let mut number = 0;
    for row in sorted {
        let is_new = first_of_each
            .last()
            .is_none_or(|last| rows.row(*last as usize) != rows.row(row as usize));
        if is_new {
            first_of_each.push(row);
            number = u32::try_from(first_of_each.len() - 1).unwrap_or(u32::MAX);
        }
        numbers[row as usize] = number;
    }
    let first_of_each = UInt32Array::from(first_of_each);
    let values = columns.iter().map(|column| Ok(take(column, &first_of_each, None)?));
    Ok((numbers, values.collect::<Result<Vec<_>>>()?))
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::*;

    #[test]
    fn distinct_values_are_numbered_in_their_order() {
        let texts: ArrayRef =
            Arc::new(StringViewArray::from(vec![Some("b"), Some("a"), None, Some("b"), None]));
        let (numbers, values) = distinct(&[texts]).expect("sorts");
        assert_eq!(numbers, [2, 1, 0, 2, 0]);
        assert_eq!(values[0].len(), 3);
        assert!(values[0].is_null(0));
    }
}
