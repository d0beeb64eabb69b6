//! Values of expressions over small tables, and numbers for the distinct ones.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema};
use arrow::row::{RowConverter, SortField};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::utils::reassign_expr_columns;

use crate::query::scan::{Content, Source};

/// The values of expressions over the columns for which there is an array of `count` rows.
pub(crate) fn evaluate(
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
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
    let value = |expr: &&Arc<dyn PhysicalExpr>| -> Result<ArrayRef> {
        let expr = reassign_expr_columns(Arc::clone(expr), &schema)?;
        expr.evaluate(&batch)?.into_array(count)
    };
    exprs.iter().map(value).collect()
}

/// Numbers the distinct rows of these columns in their order; gives the number of each row, and
/// the columns with each distinct row once.
pub(crate) fn distinct(columns: &[ArrayRef]) -> Result<(Vec<u32>, Vec<ArrayRef>)> {
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
    use arrow::array::{Array, StringViewArray};

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
