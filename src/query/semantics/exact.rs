//! Numbers: no wrapping around, no infinity out of nothing, no digits cut off.

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::functions::expr_fn::nullif;
use datafusion::functions_aggregate::sum::Sum;
use datafusion::logical_expr::expr::{
    AggregateFunction, ScalarFunction, WindowFunction, WindowFunctionDefinition,
};
use datafusion::logical_expr::{
    AggregateUDF, BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, cast,
};
use datafusion::optimizer::analyzer::AnalyzerRule;

use crate::query::semantics::arithmetic::{Arithmetic, to_even};
use crate::query::semantics::{Place, rewrite};

/// Digits of the largest `bigint`.
const BIGINT_DIGITS: u8 = 20;

/// Replaces what would give a wrong number in silence.
#[derive(Debug)]
pub(super) struct ExactArithmetic;

impl AnalyzerRule for ExactArithmetic {
    fn name(&self) -> &'static str {
        "exact_arithmetic"
    }

    fn analyze(&self, plan: LogicalPlan, _options: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan, changed)
    }
}

fn changed(place: &Place<'_>, expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(binary) => arithmetic(place, binary),
        Expr::Cast(cast) if cast.field.data_type().is_integer() => {
            let Cast { expr, field } = cast;
            let rounded = rounded(place, *expr)?;
            Ok(rounded.update_data(|expr| Expr::Cast(Cast { expr: Box::new(expr), field })))
        }
        Expr::AggregateFunction(mut call) => {
            let AggregateFunction { func, params } = &mut call;
            let is_changed = is_sum(func) && widen(place, &mut params.args)?;
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), is_changed))
        }
        Expr::WindowFunction(mut call) => {
            let WindowFunction { fun, params } = call.as_mut();
            let is_changed = match fun {
                WindowFunctionDefinition::AggregateUDF(func) => {
                    is_sum(func) && widen(place, &mut params.args)?
                }
                WindowFunctionDefinition::WindowUDF(_) => false,
            };
            Ok(Transformed::new_transformed(Expr::WindowFunction(call), is_changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Integers that say when they overflow; doubles that are not divided by zero.
///
/// A condition may divide by zero, which gives NULL: `b <> 0 AND a / b > 2` is evaluated for more
/// rows than it lets through, and an error for one that is left out anyway would be wrong.
fn arithmetic(place: &Place<'_>, binary: BinaryExpr) -> Result<Transformed<Expr>> {
    let wanted = match binary.op {
        Operator::Plus => Arithmetic::Add,
        Operator::Minus => Arithmetic::Subtract,
        Operator::Multiply => Arithmetic::Multiply,
        Operator::Divide if !place.is_condition => Arithmetic::Divide,
        Operator::Divide | Operator::Modulo => return null_by_zero(place, binary),
        _ => return Ok(Transformed::no(Expr::BinaryExpr(binary))),
    };
    let left = binary.left.get_type(place.schema)?;
    let right = binary.right.get_type(place.schema)?;
    let applies = match wanted {
        Arithmetic::Divide => left.is_floating(),
        _ => left.is_integer(),
    };
    if left != right || !applies {
        return Ok(Transformed::no(Expr::BinaryExpr(binary)));
    }
    let arguments = vec![*binary.left, *binary.right];
    let call = ScalarFunction::new_udf(wanted.function(), arguments);
    Ok(Transformed::yes(Expr::ScalarFunction(call)))
}

/// `a / b` as `a / nullif(b, 0)`. A literal divisor stays as it is.
fn null_by_zero(place: &Place<'_>, binary: BinaryExpr) -> Result<Transformed<Expr>> {
    let is_literal = matches!(binary.right.as_ref(), Expr::Literal(..));
    let of_divisor = binary.right.get_type(place.schema)?;
    if !place.is_condition || is_literal || !of_divisor.is_numeric() {
        return Ok(Transformed::no(Expr::BinaryExpr(binary)));
    }
    let BinaryExpr { left, op, right } = binary;
    let zero = Expr::Literal(ScalarValue::new_zero(&of_divisor)?, None);
    let right = Box::new(nullif(*right, zero));
    Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
}

/// What a cast to an integer reads: decimals are rounded half away from zero, doubles half to even.
fn rounded(place: &Place<'_>, expr: Expr) -> Result<Transformed<Expr>> {
    let from = expr.get_type(place.schema)?;
    if from.is_floating() || from.is_decimal() {
        let call = ScalarFunction::new_udf(to_even(), vec![expr]);
        return Ok(Transformed::yes(Expr::ScalarFunction(call)));
    }
    Ok(Transformed::no(expr))
}

fn is_sum(function: &AggregateUDF) -> bool {
    function.inner().is::<Sum>()
}

/// Makes the sum of a `bigint` a decimal. A smaller integer that was widened to one stays: its sum
/// is a `bigint`.
fn widen(place: &Place<'_>, arguments: &mut [Expr]) -> Result<bool> {
    let [argument] = arguments else { return Ok(false) };
    let is_widened = matches!(argument, Expr::Cast(_));
    if is_widened || argument.get_type(place.schema)? != DataType::Int64 {
        return Ok(false);
    }
    *argument = cast(argument.clone(), DataType::Decimal128(BIGINT_DIGITS, 0));
    Ok(true)
}
