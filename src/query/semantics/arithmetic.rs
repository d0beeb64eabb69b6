//! The functions that stand for operators. Nobody can call them by name.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, Datum};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};
use arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::error::Error;
use crate::query::error::to_datafusion;

/// An operator on two numbers of one type that fails where the result would be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

static FUNCTIONS: LazyLock<[Arc<ScalarUDF>; 4]> = LazyLock::new(|| {
    use Arithmetic::{Add, Divide, Multiply, Subtract};
    [Add, Subtract, Multiply, Divide].map(|operator| {
        let signature = Signature::any(2, Volatility::Immutable);
        Arc::new(ScalarUDF::new_from_impl(Operation { operator, signature }))
    })
});

static TO_EVEN: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let signature = Signature::any(1, Volatility::Immutable);
    Arc::new(ScalarUDF::new_from_impl(ToWhole { signature }))
});

impl Arithmetic {
    /// The operator as a function.
    pub(super) fn function(self) -> Arc<ScalarUDF> {
        Arc::clone(&FUNCTIONS[self as usize])
    }
}

/// Rounds to a whole number: doubles half to even, decimals half away from zero.
pub(super) fn to_even() -> Arc<ScalarUDF> {
    Arc::clone(&TO_EVEN)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Operation {
    operator: Arithmetic,
    signature: Signature,
}

impl ScalarUDFImpl for Operation {
    fn name(&self) -> &'static str {
        match self.operator {
            Arithmetic::Add => "add",
            Arithmetic::Subtract => "subtract",
            Arithmetic::Multiply => "multiply",
            Arithmetic::Divide => "divide",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [left, right] = arguments.args.as_slice() else {
            return Err(to_datafusion(Error::bug("an operator without its two operands")));
        };
        let is_scalar = [left, right].iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let (left, right) = (datum(left)?, datum(right)?);
        let result = match self.operator {
            Arithmetic::Add => numeric::add(left.as_ref(), right.as_ref()),
            Arithmetic::Subtract => numeric::sub(left.as_ref(), right.as_ref()),
            Arithmetic::Multiply => numeric::mul(left.as_ref(), right.as_ref()),
            Arithmetic::Divide => {
                if divides_by_zero(left.as_ref(), right.as_ref()) {
                    return Err(ArrowError::DivideByZero.into());
                }
                numeric::div(left.as_ref(), right.as_ref())
            }
        }?;
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

fn datum(value: &ColumnarValue) -> Result<Box<dyn Datum>> {
    Ok(match value {
        ColumnarValue::Array(array) => Box::new(Arc::clone(array)),
        ColumnarValue::Scalar(scalar) => Box::new(scalar.to_scalar()?),
    })
}

/// Whether a divisor is zero where there is something to divide.
fn divides_by_zero(left: &dyn Datum, right: &dyn Datum) -> bool {
    let ((left, left_is_scalar), (right, right_is_scalar)) = (left.get(), right.get());
    let is_zero = |row: usize| match right.data_type() {
        DataType::Float16 => f32::from(right.as_primitive::<Float16Type>().value(row)) == 0.0,
        DataType::Float32 => right.as_primitive::<Float32Type>().value(row) == 0.0,
        DataType::Float64 => right.as_primitive::<Float64Type>().value(row) == 0.0,
        _ => false,
    };
    let rows = if right_is_scalar { left.len() } else { right.len() };
    (0..rows).any(|row| {
        let (of_left, of_right) =
            (if left_is_scalar { 0 } else { row }, if right_is_scalar { 0 } else { row });
        left.is_valid(of_left) && right.is_valid(of_right) && is_zero(of_right)
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToWhole {
    signature: Signature,
}

impl ScalarUDFImpl for ToWhole {
    fn name(&self) -> &'static str {
        "to_whole"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match arguments.first() {
            Some(DataType::Float32 | DataType::Float16) => DataType::Float32,
            Some(DataType::Float64) | None => DataType::Float64,
            Some(DataType::Decimal256(precision, _)) => DataType::Decimal256(*precision, 0),
            Some(decimal) => {
                let precision = match decimal {
                    DataType::Decimal32(precision, _)
                    | DataType::Decimal64(precision, _)
                    | DataType::Decimal128(precision, _) => *precision,
                    _ => 38,
                };
                DataType::Decimal128(precision, 0)
            }
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(value) = arguments.args.first() else {
            return Err(to_datafusion(Error::bug("a function without its argument")));
        };
        // Between decimals a cast rounds half away from zero; between doubles nothing happens.
        let value = value.cast_to(arguments.return_type(), None)?;
        let is_scalar = matches!(value, ColumnarValue::Scalar(_));
        let array = value.into_array(if is_scalar { 1 } else { arguments.number_rows })?;
        let rounded: ArrayRef = match array.data_type() {
            DataType::Float32 => {
                let values = array.as_primitive::<Float32Type>();
                Arc::new(values.unary::<_, Float32Type>(f32::round_ties_even))
            }
            DataType::Float64 => {
                let values = array.as_primitive::<Float64Type>();
                Arc::new(values.unary::<_, Float64Type>(f64::round_ties_even))
            }
            _ => array,
        };
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&rounded, 0)?));
        }
        Ok(ColumnarValue::Array(rounded))
    }
}
