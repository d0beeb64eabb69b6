//! From calls of aggregate functions to functions of ours over inputs.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, IsNotNullExpr, Literal};

use crate::query::aggregate::keys::condition::{Condition, Formula};
use crate::query::aggregate::keys::grouping::Keys;
use crate::query::aggregate::keys::sets::GroupingSet;
use crate::query::aggregate::plans::cases::{
    Argument, Branch, both, branches, case_of_whole_numbers, unwrapped, whole_number,
};
use crate::query::aggregate::plans::special_calls::special;
use crate::query::aggregate::plans::translate::condition;
use crate::query::aggregate::plans::wanted::Call;
use crate::query::aggregate::spec::{AggregateSpec, Factors, Function, Input, Spread};
use crate::query::aggregate::state::special::Special;
use crate::query::scan::{Content, SeriesScanExec};

type Expr = Arc<dyn PhysicalExpr>;

/// Collects conditions and inputs, each once, while calls are translated.
pub(crate) struct Calls<'a> {
    scan: &'a SeriesScanExec,
    /// The predicates of the conditions.
    predicates: Vec<Expr>,
    conditions: Vec<Condition>,
    inputs: Vec<Input>,
    specials: Vec<Special>,
    factors: Vec<Factors>,
}

/// Digits of the type that `sum` makes of whole numbers.
const SUM_OF_WHOLE: DataType = DataType::Decimal128(30, 0);

impl<'a> Calls<'a> {
    pub(crate) fn new(scan: &'a SeriesScanExec) -> Self {
        let (predicates, conditions, inputs) = (Vec::new(), Vec::new(), Vec::new());
        Self { scan, predicates, conditions, inputs, specials: Vec::new(), factors: Vec::new() }
    }

    /// What computes these functions, for each group of these keys, of what passes the filter.
    pub(crate) fn finish(
        self,
        keys: Keys,
        sets: Option<Vec<GroupingSet>>,
        filter: Option<usize>,
        functions: Vec<Function>,
    ) -> AggregateSpec {
        let Self { conditions, inputs, specials, factors, .. } = self;
        AggregateSpec { keys, filter, conditions, inputs, specials, factors, sets, functions }
    }

    /// The number of the condition that a predicate over the scan means; `None` within if it always
    /// holds. Absent if there is no such condition.
    #[expect(clippy::option_option, reason = "no condition can be had, or none is needed")]
    pub(crate) fn condition(&mut self, predicate: &Expr) -> Result<Option<Option<usize>>> {
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
    pub(crate) fn function(&mut self, call: &Call) -> Result<Option<Function>> {
        let Some((first, rest)) = call.arguments.split_first() else { return Ok(None) };
        let name = call.name.as_str();
        let is_sum = name == "sum";
        let first = if is_sum { case_of_whole_numbers(first) } else { first };
        let argument = unwrapped(Arc::clone(first), call.filter.clone(), is_sum);
        let is_plain = !call.is_distinct && call.order.is_empty() && rest.is_empty();
        if is_sum && is_plain && call.data_type == SUM_OF_WHOLE {
            let filter = call.filter.as_ref();
            return match whole_number(&argument.expr) {
                Some(number) => self.times(number, argument, filter),
                None => self.times_of_branches(first, filter),
            };
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
        argument: Argument,
        filter: Option<&Expr>,
    ) -> Result<Option<Function>> {
        let Argument { condition, has_zeros, .. } = argument;
        let whole = if has_zeros { filter.cloned() } else { condition.clone() };
        self.sum_of_branches(&[Branch { condition, number }], whole.as_ref())
    }

    /// The sum of a CASE of several branches that are whole numbers.
    fn times_of_branches(
        &mut self,
        case: &Expr,
        filter: Option<&Expr>,
    ) -> Result<Option<Function>> {
        let Some((branches, whole)) = branches(case, filter) else { return Ok(None) };
        self.sum_of_branches(&branches, whole.as_ref())
    }

    /// The sum of the numbers of these branches, where there is an observation for which `whole`
    /// holds.
    fn sum_of_branches(
        &mut self,
        branches: &[Branch],
        whole: Option<&Expr>,
    ) -> Result<Option<Function>> {
        let mut factors = Vec::with_capacity(branches.len());
        for Branch { condition, number } in branches {
            match self.input(None, condition.as_ref())? {
                Some(input) => factors.push((input, *number)),
                None => return Ok(None),
            }
        }
        let Some(whole) = self.input(None, whole)? else { return Ok(None) };
        self.factors.push(factors);
        Ok(Some(Function::Times(whole, self.factors.len() - 1)))
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
