//! What rows must pass that are wanted further up: a reason not to read series, and no more.
//!
//! A filter that stays above the scan, and what a join learns of its other side before it asks for
//! rows, come here as predicates over the scan's columns. One on dimensions is evaluated over codes
//! or keys, one that compares a measure with a number over stored minima and maxima; of the others
//! nothing follows. The operators above apply them again to what is read.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{Field, Schema};
use datafusion::common::ScalarValue;
use datafusion::common::cast::as_boolean_array;
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;

use crate::error;
use crate::index::Selection;
use crate::model::Decimal;
use crate::query::cancel::CancelToken;
use crate::query::error::to_datafusion;
use crate::query::scan::{Content, ScanSpec, Source};
use crate::segment::Total;
use crate::store::{Part, Selections, SeriesFilter};

/// Series whose keys are looked up one by one, at most: more would take longer than a batch.
const KEYS_MAX: u64 = 1 << 18;

/// Series of which totals are looked at before one looks whether the statement was cancelled.
const SERIES_BETWEEN_CHECKS: usize = 1 << 14;

/// Those of `series` that may have rows for which all of `hints` are true. Stops when `token` says
/// so.
pub(super) fn worth_reading(
    source: &Source,
    spec: &ScanSpec,
    hints: &[Arc<dyn PhysicalExpr>],
    series: &Selections,
    token: Option<&CancelToken>,
) -> Result<Selections> {
    let mut left = series.clone();
    for hint in hints {
        let hint = snapshot_physical_expr(Arc::clone(hint))?;
        for part in split_conjunction(&hint) {
            left = Hint { source, spec, predicate: part, token }.narrow(left)?;
        }
    }
    Ok(left)
}

/// Whether something may follow from a predicate over the scan's columns.
pub(super) fn may_help(
    source: &Source,
    spec: &ScanSpec,
    predicate: &Arc<dyn PhysicalExpr>,
) -> bool {
    let columns = collect_columns(predicate);
    let content = |column: &Column| source.contents()[spec.projection[column.index()]];
    columns.iter().any(|column| matches!(content(column), Content::Code(_) | Content::Number(_)))
}

/// One predicate.
struct Hint<'a> {
    source: &'a Source,
    spec: &'a ScanSpec,
    predicate: &'a Arc<dyn PhysicalExpr>,
    token: Option<&'a CancelToken>,
}

impl Hint<'_> {
    fn narrow(&self, series: Selections) -> Result<Selections> {
        if let Some(comparison) = self.comparison() {
            return self.by_totals(&series, comparison);
        }
        let Some(dimensions) = self.dimensions() else { return Ok(series) };
        match dimensions.as_slice() {
            [] => Ok(series),
            [one] => self.by_codes(series, one),
            several if series.len() <= KEYS_MAX => self.by_keys(&series, several),
            _ => Ok(series),
        }
    }

    fn content(&self, column: &Column) -> Content {
        self.source.contents()[self.spec.projection[column.index()]]
    }

    /// The dimensions that the predicate is about, with their columns; absent if it is about more.
    fn dimensions(&self) -> Option<Vec<(usize, Field)>> {
        let columns = collect_columns(self.predicate);
        let dimensions = columns.iter().map(|column| match self.content(column) {
            Content::Code(dimension) => {
                let field = self.source.schema().field(self.spec.projection[column.index()]);
                Some((dimension, Field::clone(field)))
            }
            _ => None,
        });
        dimensions.collect()
    }

    fn by_codes(
        &self,
        series: Selections,
        (dimension, field): &(usize, Field),
    ) -> Result<Selections> {
        let codes = self.source.codes(*dimension);
        let holds = self.evaluate(vec![(field.clone(), Arc::new(codes.clone()))], codes.len())?;
        let wanted: Vec<u32> =
            (0..).zip(holds.iter()).filter(|(_, h)| *h == Some(true)).map(|(c, _)| c).collect();
        if wanted.len() == codes.len() {
            return Ok(series);
        }
        let filter = SeriesFilter::Codes { dimension: *dimension, codes: wanted };
        let carriers = self.source.cube().select(&filter).map_err(to_datafusion)?;
        Ok(series.and(&carriers))
    }

    fn by_keys(&self, series: &Selections, dimensions: &[(usize, Field)]) -> Result<Selections> {
        let mut narrowed = Vec::with_capacity(series.0.len());
        for (part, selection) in self.source.cube().parts().iter().zip(&series.0) {
            let mut columns: Vec<(Field, ArrayRef)> = Vec::with_capacity(dimensions.len());
            for (dimension, field) in dimensions {
                let numbers = selection.iter().map(|ordinal| part.code(*dimension, ordinal));
                let numbers =
                    numbers.collect::<error::Result<Vec<u32>>>().map_err(to_datafusion)?;
                let numbers = UInt32Array::from(numbers);
                let codes = take(self.source.codes(*dimension), &numbers, None)?;
                columns.push((field.clone(), codes));
            }
            let count = usize::try_from(selection.len()).unwrap_or(usize::MAX);
            let holds = self.evaluate(columns, count)?;
            let wanted = selection.iter().zip(holds.iter()).filter(|(_, h)| *h == Some(true));
            narrowed.push(Selection::from_sorted(wanted.map(|(ordinal, _)| ordinal)));
        }
        Ok(Selections(narrowed))
    }

    /// The predicate for each of `count` rows.
    fn evaluate(&self, columns: Vec<(Field, ArrayRef)>, count: usize) -> Result<BooleanArray> {
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
        let schema = Arc::new(Schema::new(fields));
        let predicate = reassign_expr_columns(Arc::clone(self.predicate), &schema)?;
        let batch = RecordBatch::try_new(schema, arrays)?;
        let values = predicate.evaluate(&batch)?.into_array(count)?;
        Ok(as_boolean_array(&values)?.clone())
    }

    /// The predicate as a comparison of a measure with a number.
    fn comparison(&self) -> Option<(usize, Operator, f64)> {
        let binary = self.predicate.downcast_ref::<BinaryExpr>()?;
        let (column, op, literal) = if let Some(column) = binary.left().downcast_ref::<Column>() {
            (column, *binary.op(), binary.right().downcast_ref::<Literal>()?)
        } else {
            let column = binary.right().downcast_ref::<Column>()?;
            (column, binary.op().swap()?, binary.left().downcast_ref::<Literal>()?)
        };
        let Content::Number(measure) = self.content(column) else { return None };
        let ScalarValue::Float64(Some(number)) = literal.value() else { return None };
        let is_order = matches!(
            op,
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq | Operator::Eq
        );
        (is_order && number.is_finite()).then_some((measure, op, *number))
    }

    fn by_totals(
        &self,
        series: &Selections,
        comparison: (usize, Operator, f64),
    ) -> Result<Selections> {
        let mut narrowed = Vec::with_capacity(series.0.len());
        for (part, selection) in self.source.cube().parts().iter().zip(&series.0) {
            let mut wanted = Vec::new();
            for (place, ordinal) in selection.iter().enumerate() {
                if let Some(token) = self.token.filter(|_| place % SERIES_BETWEEN_CHECKS == 0) {
                    token.check()?;
                }
                if may_hold(part, ordinal, comparison).map_err(to_datafusion)? {
                    wanted.push(ordinal);
                }
            }
            narrowed.push(Selection::from_sorted(wanted));
        }
        Ok(Selections(narrowed))
    }
}

/// Whether a series may have a value for which a comparison holds.
fn may_hold(
    part: &Part,
    series: u32,
    (measure, op, number): (usize, Operator, f64),
) -> error::Result<bool> {
    for chunk in part.live_chunks(series)? {
        let total = part.total(measure, chunk)?;
        if !total.is_exact || total.count > 0 && is_between(&total, op, number) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a number between the least and the greatest compares so. Rounding to doubles, as values
/// are shown, keeps their order.
fn is_between(total: &Total, op: Operator, number: f64) -> bool {
    let double = |bits: i64| Decimal { mantissa: i128::from(bits), scale: total.scale }.to_f64();
    let (least, greatest) = (double(total.min), double(total.max));
    match op {
        Operator::Lt => least < number,
        Operator::LtEq => least <= number,
        Operator::Gt => greatest > number,
        Operator::GtEq => greatest >= number,
        _ => least <= number && number <= greatest,
    }
}
