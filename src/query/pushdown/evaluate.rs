//! Evaluates a predicate over a small table, once per plan.

use std::iter;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::Session;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr};

/// The value of `predicate` for each row of these columns, of which there are `count`.
pub(super) fn evaluate(
    predicate: &Expr,
    columns: Vec<(Field, ArrayRef)>,
    count: usize,
    session: &dyn Session,
) -> Result<BooleanArray> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)?;
    let schema = DFSchema::try_from(schema)?;
    let predicate = session.create_physical_expr(predicate.clone(), &schema)?;
    match predicate.evaluate(&batch)? {
        ColumnarValue::Array(array) => Ok(as_boolean_array(&array)?.clone()),
        ColumnarValue::Scalar(ScalarValue::Boolean(value)) => {
            Ok(iter::repeat_n(value, count).collect())
        }
        // The NULL that has no type.
        ColumnarValue::Scalar(other) if other.is_null() => {
            Ok(iter::repeat_n(None, count).collect())
        }
        ColumnarValue::Scalar(other) => {
            let array = other.to_array_of_size(count)?;
            Ok(as_boolean_array(&array)?.clone())
        }
    }
}
