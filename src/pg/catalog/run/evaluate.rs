//! Expressions.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::pg::catalog::functions::Called;
use crate::pg::catalog::plan::{Arithmetic, Asked, Call, Comparison, Expr, Query, Style, Test};
use crate::pg::catalog::relation::Relation;
use crate::pg::catalog::run::{Bound, Frame, Run, cast};
use crate::pg::catalog::value::Value;

impl Run<'_> {
    /// The value of an expression for a row.
    pub(super) fn evaluate(&self, expr: &Expr, frame: &Frame<'_>) -> Result<Value> {
        Ok(match expr {
            Expr::Constant(value) => value.clone(),
            Expr::Parameter(place) => self.parameters.get(*place).cloned().unwrap_or(Value::Null),
            Expr::Column { level, slot, column } => match bound(frame, *level, *slot) {
                Some((rows, row)) => rows.value(row, *column),
                None => Value::Null,
            },
            Expr::WholeRow { level, slot } => match bound(frame, *level, *slot) {
                Some((rows, row)) => {
                    Value::Row((0..rows.columns().len()).map(|c| rows.value(row, c)).collect())
                }
                None => Value::Null,
            },
            Expr::RelationOf { level, slot } => match bound(frame, *level, *slot) {
                Some((rows, _)) => Value::from(rows.oid),
                None => Value::Null,
            },
            Expr::And(parts) => self.all(parts, false, frame)?,
            Expr::Or(parts) => self.all(parts, true, frame)?,
            Expr::Not(inner) => match self.evaluate(inner, frame)? {
                Value::Bool(flag) => Value::Bool(!flag),
                _ => Value::Null,
            },
            Expr::Test(test, inner) => test_of(*test, &self.evaluate(inner, frame)?),
            Expr::Compare(by, left, right) => {
                compared(*by, &self.evaluate(left, frame)?, &self.evaluate(right, frame)?)
            }
            Expr::Distinct(left, right) => {
                let (left, right) = (self.evaluate(left, frame)?, self.evaluate(right, frame)?);
                Value::Bool(left != right)
            }
            Expr::Calculate(how, left, right) => {
                calculated(*how, &self.evaluate(left, frame)?, &self.evaluate(right, frame)?)?
            }
            Expr::Negate(inner) => match self.evaluate(inner, frame)? {
                Value::Int(number) => Value::Int(number.saturating_neg()),
                Value::Float(number) => Value::Float(-number),
                _ => Value::Null,
            },
            _ => self.evaluate_more(expr, frame)?,
        })
    }

    fn evaluate_more(&self, expr: &Expr, frame: &Frame<'_>) -> Result<Value> {
        Ok(match expr {
            Expr::Concatenate { parts, is_array } => self.concatenated(parts, *is_array, frame)?,
            Expr::Matches { text, pattern, known, style } => {
                let text = self.evaluate(text, frame)?;
                let Some(text) = text.as_text() else { return Ok(Value::Null) };
                match known {
                    Some(pattern) => Value::Bool(pattern.matches(text)),
                    None => match self.evaluate(pattern, frame)?.as_text() {
                        Some(pattern) => Value::Bool(self.pattern(pattern, *style)?.matches(text)),
                        None => Value::Null,
                    },
                }
            }
            Expr::Case { whens, otherwise } => {
                for (condition, result) in whens {
                    if self.evaluate(condition, frame)?.as_bool() == Some(true) {
                        return self.evaluate(result, frame);
                    }
                }
                self.evaluate(otherwise, frame)?
            }
            Expr::Coalesce(parts) => {
                for part in parts {
                    let value = self.evaluate(part, frame)?;
                    if !value.is_null() {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            Expr::NullIf(left, right) => {
                let (left, right) = (self.evaluate(left, frame)?, self.evaluate(right, frame)?);
                if left == right { Value::Null } else { left }
            }
            Expr::Extreme { all, greatest } => {
                let values: Result<Vec<Value>> =
                    all.iter().map(|e| self.evaluate(e, frame)).collect();
                let there = values?.into_iter().filter(|value| !value.is_null());
                let found =
                    if *greatest { there.max_by(Value::order) } else { there.min_by(Value::order) };
                found.unwrap_or(Value::Null)
            }
            Expr::Cast { expr, from, to } => {
                cast(self.world, &self.evaluate(expr, frame)?, from, to)?
            }
            Expr::Quantified { left, by, array, with_all } => {
                let (left, array) = (self.evaluate(left, frame)?, self.evaluate(array, frame)?);
                let Some(values) = array.as_array() else { return Ok(Value::Null) };
                quantified(*with_all, values.iter().map(|value| compared(*by, &left, value)))
            }
            Expr::QuantifiedMatch { text, patterns, style, with_all } => {
                let text = self.evaluate(text, frame)?;
                self.matched(&text, &self.evaluate(patterns, frame)?, *style, *with_all)?
            }
            _ => self.evaluate_parts(expr, frame)?,
        })
    }

    /// Arrays, rows and their parts, calls and queries.
    fn evaluate_parts(&self, expr: &Expr, frame: &Frame<'_>) -> Result<Value> {
        Ok(match expr {
            Expr::Array(parts) => {
                let parts: Result<Vec<Value>> =
                    parts.iter().map(|e| self.evaluate(e, frame)).collect();
                Value::array(parts?)
            }
            Expr::Row(parts) => {
                let parts: Result<Vec<Value>> =
                    parts.iter().map(|e| self.evaluate(e, frame)).collect();
                Value::Row(parts?.into())
            }
            Expr::Element { array, index, is_from_zero } => {
                let (array, index) = (self.evaluate(array, frame)?, self.evaluate(index, frame)?);
                element(&array, &index, *is_from_zero)
            }
            Expr::Slice { array, from, to } => {
                self.slice(array, from.as_deref(), to.as_deref(), frame)?
            }
            Expr::Field(row, place) => match self.evaluate(row, frame)? {
                Value::Row(values) => values.get(*place).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            },
            Expr::Call(call) => self.called(call, frame)?,
            Expr::Subquery { query, asked } => self.asked(query, asked, frame)?,
            Expr::Aggregate(place) => frame.aggregates.get(*place).cloned().unwrap_or(Value::Null),
            Expr::Window(place) => frame.windows.get(*place).cloned().unwrap_or(Value::Null),
            Expr::Set(place) => frame.sets.get(*place).cloned().unwrap_or(Value::Null),
            _ => return Err(Error::bug("an expression that nothing calculates")),
        })
    }

    /// AND, or with `stop` OR, of what may be NULL.
    fn all(&self, parts: &[Expr], stop: bool, frame: &Frame<'_>) -> Result<Value> {
        let mut result = Value::Bool(!stop);
        for part in parts {
            match self.evaluate(part, frame)? {
                Value::Bool(flag) if flag == stop => return Ok(Value::Bool(stop)),
                Value::Bool(_) => {}
                _ => result = Value::Null,
            }
        }
        Ok(result)
    }

    fn concatenated(&self, parts: &[Expr], is_array: bool, frame: &Frame<'_>) -> Result<Value> {
        let (mut text, mut values, mut is_there) = (String::new(), Vec::new(), false);
        for part in parts {
            match self.evaluate(part, frame)? {
                Value::Text(part) => text.push_str(&part),
                Value::Array(part) => {
                    is_there = true;
                    values.extend(part.iter().cloned());
                }
                // A text that is missing makes all of it missing; an array does not.
                _ if !is_array => return Ok(Value::Null),
                _ => {}
            }
        }
        Ok(match is_array {
            true if is_there => Value::array(values),
            true => Value::Null,
            false => Value::text(text),
        })
    }

    fn matched(
        &self,
        text: &Value,
        patterns: &Value,
        style: Style,
        with_all: bool,
    ) -> Result<Value> {
        let (Some(text), Some(patterns)) = (text.as_text(), patterns.as_array()) else {
            return Ok(Value::Null);
        };
        let mut results = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            results.push(match pattern.as_text() {
                Some(pattern) => Value::Bool(self.pattern(pattern, style)?.matches(text)),
                None => Value::Null,
            });
        }
        Ok(quantified(with_all, results.into_iter()))
    }

    fn slice(
        &self,
        array: &Expr,
        from: Option<&Expr>,
        to: Option<&Expr>,
        frame: &Frame<'_>,
    ) -> Result<Value> {
        let array = self.evaluate(array, frame)?;
        let Some(values) = array.as_array() else { return Ok(Value::Null) };
        let bound = |bound: Option<&Expr>, otherwise: usize| -> Result<usize> {
            let Some(bound) = bound else { return Ok(otherwise) };
            let number = self.evaluate(bound, frame)?.as_int().unwrap_or(0);
            Ok(usize::try_from(number).unwrap_or(0))
        };
        let from = bound(from, 1)?.max(1) - 1;
        let to = bound(to, values.len())?.min(values.len());
        Ok(Value::array(values.get(from..to).unwrap_or_default().iter().cloned()))
    }

    fn called(&self, call: &Call, frame: &Frame<'_>) -> Result<Value> {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            let value = self.evaluate(argument, frame)?;
            if value.is_null() && call.is_strict {
                return Ok(Value::Null);
            }
            arguments.push(value);
        }
        let called = Called {
            world: self.world,
            session: self.session,
            types: &call.types,
            result: &call.result,
        };
        (call.body)(&called, &arguments)
    }

    fn asked(&self, query: &Arc<Query>, asked: &Asked, frame: &Frame<'_>) -> Result<Value> {
        let rows: Arc<Relation> = self.rows_of(query, Some(frame))?;
        let len = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        Ok(match asked {
            Asked::Exists => Value::Bool(len > 0),
            Asked::Array => Value::array((0..len).map(|row| rows.value(row, 0))),
            Asked::Value if len > 1 => {
                return Err(Error::invalid(
                    "subquery",
                    "more than one row returned by a subquery used as an expression",
                ));
            }
            Asked::Value if len == 0 => Value::Null,
            Asked::Value => rows.value(0, 0),
            Asked::Compared { left, by, with_all } => {
                let left = self.evaluate(left, frame)?;
                let found =
                    *by == Comparison::Equal && !with_all && !rows.find(0, &left).is_empty();
                if found && !left.is_null() {
                    return Ok(Value::Bool(true));
                }
                quantified(*with_all, (0..len).map(|row| compared(*by, &left, &rows.value(row, 0))))
            }
        })
    }
}

/// The row that a slot is bound to, `level` queries further out.
fn bound<'f>(frame: &'f Frame<'_>, level: usize, slot: usize) -> Option<(&'f Relation, u32)> {
    let mut frame = frame;
    for _ in 0..level {
        frame = frame.outer?;
    }
    match frame.slots.get(slot)? {
        Bound::Row(rows, row) => Some((rows, *row)),
        Bound::Nothing => None,
    }
}

fn test_of(test: Test, value: &Value) -> Value {
    Value::Bool(match test {
        Test::Null => value.is_null(),
        Test::NotNull => !value.is_null(),
        Test::True => value.as_bool() == Some(true),
        Test::NotTrue => value.as_bool() != Some(true),
        Test::False => value.as_bool() == Some(false),
        Test::NotFalse => value.as_bool() != Some(false),
    })
}

fn compared(by: Comparison, left: &Value, right: &Value) -> Value {
    if left.is_null() || right.is_null() {
        return Value::Null;
    }
    Value::Bool(by.holds(left.order(right)))
}

/// Whether any, or all, of what may be NULL.
fn quantified(with_all: bool, results: impl Iterator<Item = Value>) -> Value {
    let mut result = Value::Bool(with_all);
    for value in results {
        match value {
            Value::Bool(flag) if flag != with_all => return Value::Bool(flag),
            Value::Bool(_) => {}
            _ => result = Value::Null,
        }
    }
    result
}

fn element(array: &Value, index: &Value, is_from_zero: bool) -> Value {
    let (Some(values), Some(index)) = (array.as_array(), index.as_int()) else {
        return Value::Null;
    };
    let place = usize::try_from(index - i64::from(!is_from_zero)).ok();
    place.and_then(|place| values.get(place)).cloned().unwrap_or(Value::Null)
}

fn calculated(how: Arithmetic, left: &Value, right: &Value) -> Result<Value> {
    use Arithmetic as A;
    if let (Value::Int(a), Value::Int(b)) = (left, right) {
        let shift = u32::try_from(*b).unwrap_or(0);
        let number = match how {
            A::Add => a.checked_add(*b),
            A::Subtract => a.checked_sub(*b),
            A::Multiply => a.checked_mul(*b),
            A::Divide | A::Remainder if *b == 0 => {
                return Err(Error::invalid("division", "division by zero"));
            }
            A::Divide => a.checked_div(*b),
            A::Remainder => a.checked_rem(*b),
            A::And => Some(a & b),
            A::Or => Some(a | b),
            A::Xor => Some(a ^ b),
            A::ShiftLeft => a.checked_shl(shift),
            A::ShiftRight => a.checked_shr(shift),
        };
        return number.map(Value::Int).ok_or_else(|| Error::invalid("bigint", "out of range"));
    }
    let (Some(a), Some(b)) = (left.as_float(), right.as_float()) else { return Ok(Value::Null) };
    Ok(match how {
        A::Add => Value::Float(a + b),
        A::Subtract => Value::Float(a - b),
        A::Multiply => Value::Float(a * b),
        A::Divide | A::Remainder if b == 0.0 => {
            return Err(Error::invalid("division", "division by zero"));
        }
        A::Divide => Value::Float(a / b),
        A::Remainder => Value::Float(a % b),
        A::And | A::Or | A::Xor | A::ShiftLeft | A::ShiftRight => Value::Null,
    })
}
