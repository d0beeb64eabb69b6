//! From calls of aggregate functions to functions of ours over inputs.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, IsNotNullExpr, Literal,
};

use crate::query::aggregate::condition::{Condition, Formula};
use crate::query::aggregate::spec::{Function, Input, Spread};
use crate::query::aggregate::special::Special;
use crate::query::aggregate::special_calls::special;
use crate::query::aggregate::translate::condition;
use crate::query::aggregate::wanted::Call;
use crate::query::scan::{Content, SeriesScanExec};

type Expr = Arc<dyn PhysicalExpr>;

/// Collects conditions and inputs, each once, while calls are translated.
pub(super) struct Calls<'a> {
    scan: &'a SeriesScanExec,
    /// The predicates of the conditions.
    predicates: Vec<Expr>,
    conditions: Vec<Condition>,
    inputs: Vec<Input>,
    specials: Vec<Special>,
}

/// What a call reads: a number, the observations themselves, or a literal for each of them.
struct Argument {
    expr: Expr,
    /// What must hold for an observation.
    condition: Option<Expr>,
    /// Whether observations for which only the filter holds count as zero.
    has_zeros: bool,
}

/// Digits of the type that `sum` makes of whole numbers.
const SUM_OF_WHOLE: DataType = DataType::Decimal128(30, 0);

impl<'a> Calls<'a> {
    pub(super) fn new(scan: &'a SeriesScanExec) -> Self {
        let (predicates, conditions, inputs) = (Vec::new(), Vec::new(), Vec::new());
        Self { scan, predicates, conditions, inputs, specials: Vec::new() }
    }

    /// The conditions, the inputs, and the functions with a state of their own.
    pub(super) fn finish(self) -> (Vec<Condition>, Vec<Input>, Vec<Special>) {
        (self.conditions, self.inputs, self.specials)
    }

    /// The number of the condition that a predicate over the scan means; `None` within if it always
    /// holds. Absent if there is no such condition.
    #[expect(clippy::option_option, reason = "no condition can be had, or none is needed")]
    pub(super) fn condition(&mut self, predicate: &Expr) -> Result<Option<Option<usize>>> {
        if let Some(known) = self.predicates.iter().position(|known| known == predicate) {
            return Ok(Some(Some(known)));
        }
        let Some(found) = condition(self.scan, predicate)? else { return Ok(None) };
        if let Formula::Constant(true) = found.formula {
            return Ok(Some(None));
        }
        self.predicates.push(Arc::clone(predicate));
        self.conditions.push(found);
        Ok(Some(Some(self.conditions.len() - 1)))
    }

    /// Our function for a call over the scan. Absent where there is none.
    pub(super) fn function(&mut self, call: &Call) -> Result<Option<Function>> {
        let Some((first, rest)) = call.arguments.split_first() else { return Ok(None) };
        let name = call.name.as_str();
        let is_sum = name == "sum";
        let first = if is_sum { case_of_whole_numbers(first) } else { first };
        let argument = unwrapped(Arc::clone(first), call.filter.clone(), is_sum);
        let is_plain = !call.is_distinct && call.order.is_empty() && rest.is_empty();
        if let (Some(number), "sum", true) = (whole_number(&argument.expr), name, is_plain) {
            let found = self.times(number, &argument, call.filter.as_ref())?;
            return Ok(found.filter(|_| call.data_type == SUM_OF_WHOLE));
        }
        let found = match name {
            "count" if is_plain => self.count(&argument)?,
            "sum" | "avg" | "min" | "max" | "var" | "var_pop" | "stddev" | "stddev_pop"
                if is_plain =>
            {
                self.of_numbers(name, &argument, call.filter.as_ref())?
            }
            _ => None,
        };
        let data_type = match name {
            "count" => DataType::Int64,
            _ => DataType::Float64,
        };
        match found.filter(|_| call.data_type == data_type) {
            Some(found) => Ok(Some(found)),
            None => self.special(call, argument),
        }
    }

    /// The function with a state of its own for a call.
    fn special(&mut self, call: &Call, argument: Argument) -> Result<Option<Function>> {
        let Argument { expr, condition, has_zeros } = argument;
        // FIRST and LAST respect the NULL of a CASE that holds nowhere.
        let is_end = matches!(call.name.as_str(), "first_value" | "last_value");
        let is_case = condition.is_some() != call.filter.is_some()
            || condition.as_ref().zip(call.filter.as_ref()).is_some_and(|(a, b)| a != b);
        if has_zeros || is_end && is_case {
            return Ok(None);
        }
        let mut inner = call.clone();
        if let Some(first) = inner.arguments.first_mut() {
            *first = expr;
        }
        let Some((measure, special)) = special(self.scan, &inner)? else { return Ok(None) };
        let Some(input) = self.input(measure, condition.as_ref())? else { return Ok(None) };
        self.specials.push(special);
        Ok(Some(Function::Special(input, self.specials.len() - 1)))
    }

    fn count(&mut self, argument: &Argument) -> Result<Option<Function>> {
        let literal = argument.expr.downcast_ref::<Literal>();
        if literal.is_some_and(|literal| !literal.value().is_null()) {
            return Ok(self.input(None, argument.condition.as_ref())?.map(Function::CountRows));
        }
        match self.content(&argument.expr) {
            Some(Content::Code(_) | Content::PeriodText) => {
                Ok(self.input(None, argument.condition.as_ref())?.map(Function::CountRows))
            }
            Some(Content::Number(measure)) => {
                let input = self.input(Some(measure), argument.condition.as_ref())?;
                Ok(input.map(Function::CountNumbers))
            }
            _ => {
                let present = Arc::new(IsNotNullExpr::new(Arc::clone(&argument.expr)));
                let condition = both(argument.condition.clone(), present);
                Ok(self.input(None, Some(&condition))?.map(Function::CountRows))
            }
        }
    }

    /// The sum of a whole number for each observation.
    fn times(
        &mut self,
        number: i64,
        argument: &Argument,
        filter: Option<&Expr>,
    ) -> Result<Option<Function>> {
        let input = self.input(None, argument.condition.as_ref())?;
        let whole = if argument.has_zeros { self.input(None, filter)? } else { input };
        Ok(input.zip(whole).map(|(input, whole)| Function::Times(input, whole, number)))
    }

    fn of_numbers(
        &mut self,
        name: &str,
        argument: &Argument,
        filter: Option<&Expr>,
    ) -> Result<Option<Function>> {
        let Some(Content::Number(measure)) = self.content(&argument.expr) else { return Ok(None) };
        let Some(input) = self.input(Some(measure), argument.condition.as_ref())? else {
            return Ok(None);
        };
        let spread = |is_sample, is_root| Function::Spread(input, Spread { is_sample, is_root });
        Ok(Some(match name {
            "sum" if argument.has_zeros => {
                let Some(whole) = self.input(None, filter)? else { return Ok(None) };
                Function::SumOrZero(input, whole)
            }
            "sum" => Function::Sum(input),
            "avg" => Function::Avg(input),
            "min" => Function::Min(input),
            "max" => Function::Max(input),
            "var" => spread(true, false),
            "var_pop" => spread(false, false),
            "stddev" => spread(true, true),
            _ => spread(false, true),
        }))
    }

    /// The number of the input that reads so. Absent if the condition is none of ours.
    fn input(&mut self, measure: Option<usize>, condition: Option<&Expr>) -> Result<Option<usize>> {
        let condition = match condition {
            None => None,
            Some(predicate) => match self.condition(predicate)? {
                None => return Ok(None),
                Some(condition) => condition,
            },
        };
        let input = Input { measure, condition };
        let known = self.inputs.iter().position(|known| *known == input);
        Ok(Some(known.unwrap_or_else(|| {
            self.inputs.push(input);
            self.inputs.len() - 1
        })))
    }

    fn content(&self, expr: &Expr) -> Option<Content> {
        expr.downcast_ref::<Column>().map(|column| self.scan.content(column.index()))
    }
}

/// Takes `CASE WHEN p THEN x END` as x where p holds. With `or_zero`, an ELSE of zero is taken, too.
fn unwrapped(mut expr: Expr, filter: Option<Expr>, or_zero: bool) -> Argument {
    let (mut condition, mut has_zeros) = (filter, false);
    while let Some((when, then, is_zero)) = expr.downcast_ref::<CaseExpr>().and_then(only_case) {
        if is_zero && (!or_zero || has_zeros) {
            break;
        }
        has_zeros |= is_zero;
        let inner = Arc::clone(then);
        condition = Some(both(condition, when));
        expr = inner;
        if has_zeros {
            // An inner CASE leaves NULL where only the outer one holds.
            break;
        }
    }
    Argument { expr, condition, has_zeros }
}

/// The condition and the value of a CASE of one branch, and whether what is left is zero, not NULL.
fn only_case(case: &CaseExpr) -> Option<(Expr, &Expr, bool)> {
    let [(when, then)] = case.when_then_expr() else { return None };
    let is_zero = match case.else_expr() {
        None => false,
        Some(other) => match other.downcast_ref::<Literal>()?.value() {
            value if value.is_null() => false,
            ScalarValue::Float64(Some(number)) if number.to_bits() == 0 => true,
            ScalarValue::Decimal128(Some(0), _, 0) | ScalarValue::Int64(Some(0)) => true,
            _ => return None,
        },
    };
    let when = match case.expr() {
        None => Arc::clone(when),
        Some(base) => {
            let (base, when) = (Arc::clone(base), Arc::clone(when));
            Arc::new(BinaryExpr::new(base, Operator::Eq, when))
        }
    };
    Some((when, then, is_zero))
}

/// The whole number of a literal of the type that `sum` takes whole numbers as.
fn whole_number(expr: &Expr) -> Option<i64> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Decimal128(Some(number), _, 0) => i64::try_from(*number).ok(),
        ScalarValue::Int64(Some(number)) => Some(*number),
        _ => None,
    }
}

/// A CASE of literals that are whole numbers, without the cast to the type that `sum` takes them as;
/// any other expression as it is.
fn case_of_whole_numbers(expr: &Expr) -> &Expr {
    let inner = expr.downcast_ref::<CastExpr>().filter(|cast| {
        let is_whole = matches!(cast.cast_type(), DataType::Decimal128(_, 0));
        let is_literal = |expr: &Expr| {
            let literal = expr.downcast_ref::<Literal>();
            literal.is_some_and(|literal| matches!(literal.value(), ScalarValue::Int64(_)))
        };
        let case = cast.expr().downcast_ref::<CaseExpr>().filter(|_| is_whole);
        case.is_some_and(|case| {
            case.when_then_expr().iter().all(|(_, then)| is_literal(then))
                && case.else_expr().is_none_or(is_literal)
        })
    });
    inner.map_or(expr, CastExpr::expr)
}

/// What holds where both hold.
fn both(left: Option<Expr>, right: Expr) -> Expr {
    match left {
        None => right,
        Some(left) => Arc::new(BinaryExpr::new(left, Operator::And, right)),
    }
}
