//! Expressions with operators.

use crate::pg::catalog::plan::call::array_call;
use datafusion::sql::sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use crate::error::{Error, Result};
use crate::pg::catalog::functions::pattern::Pattern;
use crate::pg::catalog::plan::name::plain;
use crate::pg::catalog::plan::{
    Arithmetic, Asked, Comparison, Expr, Planned, Planner, Style, Test, Typed,
};
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{
    BOOL, FLOAT8, INT2, INT4, INT8, NAME, NUMERIC, OID, TEXT, Type, UNKNOWN, is_registered,
};
use crate::pg::catalog::value::Value;

impl Planner<'_> {
    /// An expression of SQL with all names looked up.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a name that means nothing, [`Error::Invalid`] for types that do not
    /// fit, [`Error::Unsupported`] for what is not known here.
    pub(crate) fn expression(&mut self, expr: &ast::Expr) -> Planned {
        self.deeper()?;
        let planned = self.expression_within(expr);
        self.shallower();
        planned
    }

    fn expression_within(&mut self, expr: &ast::Expr) -> Planned {
        use ast::Expr as E;
        match expr {
            E::Identifier(name) => self.named(&[plain(name)]),
            E::CompoundIdentifier(names) => {
                let parts: Vec<String> = names.iter().map(plain).collect();
                self.named(&parts)
            }
            E::Value(value) => self.value(&value.value),
            E::Nested(inner) | E::Collate { expr: inner, .. } => self.expression(inner),
            E::BinaryOp { left, op, right } => self.binary(left, op, right),
            E::UnaryOp { op, expr } => self.unary(*op, expr),
            E::IsNull(inner) => self.test(Test::Null, inner),
            E::IsNotNull(inner) => self.test(Test::NotNull, inner),
            E::IsTrue(inner) => self.test(Test::True, inner),
            E::IsNotTrue(inner) => self.test(Test::NotTrue, inner),
            E::IsFalse(inner) => self.test(Test::False, inner),
            E::IsNotFalse(inner) => self.test(Test::NotFalse, inner),
            E::IsDistinctFrom(left, right) => self.distinct(left, right),
            E::IsNotDistinctFrom(left, right) => {
                let distinct = self.distinct(left, right)?;
                Ok(boolean(Expr::Not(Box::new(distinct.expr))))
            }
            E::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            E::InSubquery { expr, subquery, negated } => {
                let by = if *negated { Comparison::NotEqual } else { Comparison::Equal };
                self.compared_subquery(expr, by, *negated, subquery)
            }
            E::Between { expr, negated, low, high } => self.between(expr, *negated, low, high),
            E::Like { negated, expr, pattern, escape_char, .. } => {
                let escape = escape_of(escape_char.as_ref());
                let style =
                    Style { is_like: true, ignores_case: false, is_negated: *negated, escape };
                self.matches(expr, pattern, style)
            }
            E::ILike { negated, expr, pattern, escape_char, .. } => {
                let escape = escape_of(escape_char.as_ref());
                let style =
                    Style { is_like: true, ignores_case: true, is_negated: *negated, escape };
                self.matches(expr, pattern, style)
            }
            E::AnyOp { left, compare_op, right, .. } => {
                self.quantified(left, compare_op, right, false)
            }
            E::AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, true),
            other => self.special(other),
        }
    }

    fn named(&mut self, parts: &[String]) -> Planned {
        match self.scopes.resolve(parts) {
            Err(Error::NotFound { .. }) if parts.len() == 1 && is_call(&parts[0]) => {
                self.named_call(&parts[0])
            }
            found => found,
        }
    }

    fn value(&mut self, value: &ast::Value) -> Planned {
        let typed = |value: Value, oid| Typed { expr: Expr::Constant(value), ty: Type::of(oid) };
        Ok(match value {
            ast::Value::Number(text, _) => match text.parse::<i64>() {
                Ok(number) if i32::try_from(number).is_ok() => typed(Value::Int(number), INT4),
                Ok(number) => typed(Value::Int(number), INT8),
                Err(_) => {
                    let wrong = || Error::invalid(text, "is no number");
                    typed(Value::Float(text.parse().map_err(|_| wrong())?), NUMERIC)
                }
            },
            ast::Value::Boolean(flag) => typed(Value::Bool(*flag), BOOL),
            ast::Value::Null => typed(Value::Null, UNKNOWN),
            ast::Value::Placeholder(name) => self.parameter(name)?,
            other => match other.clone().into_string() {
                Some(text) => typed(Value::text(text), UNKNOWN),
                None => return Err(unsupported(&other.to_string())),
            },
        })
    }

    fn test(&mut self, test: Test, inner: &ast::Expr) -> Planned {
        let inner = self.expression(inner)?;
        let expr = match test {
            Test::Null | Test::NotNull => self.settled(inner)?.expr,
            _ => self.coerce_to_bool(inner)?,
        };
        Ok(boolean(Expr::Test(test, Box::new(expr))))
    }

    fn distinct(&mut self, left: &ast::Expr, right: &ast::Expr) -> Planned {
        let (left, right) = (self.expression(left)?, self.expression(right)?);
        let (left, right, _) = self.pair(left, right)?;
        Ok(boolean(Expr::Distinct(Box::new(left), Box::new(right))))
    }

    fn in_list(&mut self, expr: &ast::Expr, list: &[ast::Expr], negated: bool) -> Planned {
        let left = self.expression(expr)?;
        let mut any = Vec::with_capacity(list.len());
        for right in list {
            let right = self.expression(right)?;
            any.push(self.compare(Comparison::Equal, left.clone(), right)?.expr);
        }
        let any = Expr::Or(any);
        Ok(boolean(if negated { Expr::Not(Box::new(any)) } else { any }))
    }

    fn between(
        &mut self,
        expr: &ast::Expr,
        negated: bool,
        low: &ast::Expr,
        high: &ast::Expr,
    ) -> Planned {
        let value = self.expression(expr)?;
        let (low, high) = (self.expression(low)?, self.expression(high)?);
        let low = self.compare(Comparison::GreaterOrEqual, value.clone(), low)?.expr;
        let high = self.compare(Comparison::LessOrEqual, value, high)?.expr;
        let both = Expr::And(vec![low, high]);
        Ok(boolean(if negated { Expr::Not(Box::new(both)) } else { both }))
    }

    fn unary(&mut self, op: UnaryOperator, expr: &ast::Expr) -> Planned {
        let inner = self.expression(expr)?;
        match op {
            UnaryOperator::Not => {
                let inner = self.coerce_to_bool(inner)?;
                Ok(boolean(Expr::Not(Box::new(inner))))
            }
            UnaryOperator::Plus => Ok(inner),
            UnaryOperator::Minus => {
                let ty = if inner.ty.is_unknown() { Type::of(FLOAT8) } else { inner.ty.clone() };
                let expr = match self.coerce(inner, &ty)? {
                    Expr::Constant(Value::Int(number)) => Expr::Constant(Value::Int(-number)),
                    expr => Expr::Negate(Box::new(expr)),
                };
                Ok(Typed { expr, ty })
            }
            other => Err(unsupported(&other.to_string())),
        }
    }

    fn binary(&mut self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Planned {
        if matches!(op, BinaryOperator::And | BinaryOperator::Or) {
            return self.chain(left, op, right);
        }
        let symbol = symbol(op);
        if let Some(style) = style_of(&symbol) {
            return self.matches(left, right, style);
        }
        let (left, right) = (self.expression(left)?, self.expression(right)?);
        if let Some(by) = comparison(&symbol) {
            return self.compare(by, left, right);
        }
        match symbol.as_str() {
            "||" => self.concatenate(left, right),
            "@>" | "<@" | "&&" => {
                let name = match symbol.as_str() {
                    "@>" => "arraycontains",
                    "<@" => "arraycontained",
                    _ => "arrayoverlap",
                };
                let (left, right, _) = self.pair(left, right)?;
                array_call(name, vec![left, right])
            }
            _ => match arithmetic(&symbol) {
                Some(how) => self.calculate(how, left, right),
                None => Err(unsupported(&format!("the operator {symbol}"))),
            },
        }
    }

    /// `a AND b AND c`, or with OR: written in a row, however long, it is no nesting.
    fn chain(&mut self, left: &ast::Expr, op: &BinaryOperator, right: &ast::Expr) -> Planned {
        let mut parts = vec![right];
        let mut rest = left;
        while let ast::Expr::BinaryOp { left, op: found, right } = rest
            && found == op
        {
            parts.push(right);
            rest = left;
        }
        parts.push(rest);
        let planned = parts.into_iter().rev().map(|part| {
            let part = self.expression(part)?;
            self.coerce_to_bool(part)
        });
        let parts = all(planned)?;
        let is_and = matches!(op, BinaryOperator::And);
        Ok(boolean(if is_and { Expr::And(parts) } else { Expr::Or(parts) }))
    }

    fn calculate(&mut self, how: Arithmetic, left: Typed, right: Typed) -> Planned {
        let types = &statics().types;
        let of_number = |ty: &Type| types.is_number(ty.oid) || ty.is_unknown();
        if !of_number(&left.ty) || !of_number(&right.ty) {
            return Err(unsupported("arithmetic on what is no number"));
        }
        let as_number = |oid: u32| if oid == OID || is_registered(oid) { INT8 } else { oid };
        let (a, b) = (as_number(left.ty.oid), as_number(right.ty.oid));
        let ty = match (a, b) {
            (UNKNOWN, UNKNOWN) => Type::of(INT4),
            (UNKNOWN, other) | (other, UNKNOWN) => Type::of(other),
            _ => {
                let tower = [INT2, INT4, INT8, NUMERIC, 700, FLOAT8];
                let height = |oid: u32| tower.iter().position(|step| *step == oid).unwrap_or(0);
                Type::of(tower[height(a).max(height(b))])
            }
        };
        let (left, right) = (self.coerce(left, &ty)?, self.coerce(right, &ty)?);
        Ok(Typed { expr: Expr::Calculate(how, Box::new(left), Box::new(right)), ty })
    }

    fn concatenate(&mut self, left: Typed, right: Typed) -> Planned {
        let types = &statics().types;
        let array = [&left.ty, &right.ty].into_iter().find(|ty| types.element(ty.oid).is_some());
        let Some(array) = array.cloned() else {
            let ty = Type::of(TEXT);
            let parts = vec![self.coerce(left, &ty)?, self.coerce(right, &ty)?];
            return Ok(Typed { expr: Expr::Concatenate { parts, is_array: false }, ty });
        };
        let element = Type::of(types.element(array.oid).unwrap_or(TEXT));
        let mut parts = Vec::new();
        for side in [left, right] {
            let is_array = types.element(side.ty.oid).is_some() || side.ty.is_unknown();
            parts.push(if is_array {
                self.coerce(side, &array)?
            } else {
                Expr::Array(vec![self.coerce(side, &element)?])
            });
        }
        Ok(Typed { expr: Expr::Concatenate { parts, is_array: true }, ty: array })
    }

    pub(crate) fn matches(
        &mut self,
        text: &ast::Expr,
        pattern: &ast::Expr,
        style: Style,
    ) -> Planned {
        let (text, pattern) = (self.expression(text)?, self.expression(pattern)?);
        let ty = Type::of(TEXT);
        let (text, pattern) = (self.coerce(text, &ty)?, self.coerce(pattern, &ty)?);
        let known = match &pattern {
            Expr::Constant(Value::Text(pattern)) => Some(Pattern::new(pattern, style)?),
            _ => None,
        };
        let (text, pattern) = (Box::new(text), Box::new(pattern));
        Ok(boolean(Expr::Matches { text, pattern, known, style }))
    }

    fn quantified(
        &mut self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        with_all: bool,
    ) -> Planned {
        let symbol = symbol(op);
        if let ast::Expr::Subquery(query) = unnested(right) {
            let by = comparison(&symbol).ok_or_else(|| unsupported(&symbol))?;
            return self.compared_subquery(left, by, with_all, query);
        }
        let types = &statics().types;
        let (left, array) = (self.expression(left)?, self.expression(right)?);
        if let Some(style) = style_of(&symbol) {
            let text = self.coerce(left, &Type::of(TEXT))?;
            let patterns = self.coerce(array, &Type::of(types.array_of(TEXT)))?;
            let (text, patterns) = (Box::new(text), Box::new(patterns));
            return Ok(boolean(Expr::QuantifiedMatch { text, patterns, style, with_all }));
        }
        let by = comparison(&symbol).ok_or_else(|| unsupported(&symbol))?;
        let element = match types.element(array.ty.oid) {
            Some(element) => Type::of(element),
            None if left.ty.is_unknown() => Type::of(TEXT),
            None => Type { modifier: -1, ..types.base(&left.ty) },
        };
        let common = self.comparable(&left.ty, &element)?;
        // What is between quotes is read as an array of what it is compared with.
        let of = if array.ty.is_unknown() { element.oid } else { common.oid };
        let array_type = Type::of(types.array_of(if of == NAME { TEXT } else { of }));
        let array = self.coerce(array, &array_type)?;
        let left = Box::new(self.coerce(left, &common)?);
        Ok(boolean(Expr::Quantified { left, by, array: Box::new(array), with_all }))
    }

    fn compared_subquery(
        &mut self,
        left: &ast::Expr,
        by: Comparison,
        with_all: bool,
        query: &ast::Query,
    ) -> Planned {
        let left = self.expression(left)?;
        let (query, mut types) = self.subquery(query)?;
        if types.len() != 1 {
            return Err(Error::invalid("subquery", "must return only one column"));
        }
        let right = types.pop().unwrap_or_else(|| Type::of(TEXT));
        let common = self.comparable(&left.ty, &right)?;
        let left = Box::new(self.coerce(left, &common)?);
        let asked = Asked::Compared { left, by, with_all };
        Ok(boolean(Expr::Subquery { query, asked }))
    }
}

/// Without the brackets around it.
pub(crate) fn unnested(expr: &ast::Expr) -> &ast::Expr {
    match expr {
        ast::Expr::Nested(inner) => unnested(inner),
        other => other,
    }
}

pub(crate) fn boolean(expr: Expr) -> Typed {
    Typed { expr, ty: Type::of(BOOL) }
}

pub(crate) fn unsupported(what: &str) -> Error {
    Error::Unsupported { what: format!("{what} in a query of the catalogue") }
}

/// Names that are calls without brackets.
fn is_call(name: &str) -> bool {
    matches!(name, "current_user" | "session_user" | "user" | "current_role" | "current_catalog")
        || matches!(
            name,
            "current_date" | "current_timestamp" | "current_schema" | "localtimestamp"
        )
}

/// The operator itself, out of `OPERATOR(pg_catalog.~)`.
fn symbol(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        BinaryOperator::NotEq => "<>".to_owned(),
        BinaryOperator::Custom(name) => name.clone(),
        other => other.to_string(),
    }
}

fn comparison(symbol: &str) -> Option<Comparison> {
    Some(match symbol {
        "=" => Comparison::Equal,
        "<>" | "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic(symbol: &str) -> Option<Arithmetic> {
    Some(match symbol {
        "+" => Arithmetic::Add,
        "-" => Arithmetic::Subtract,
        "*" => Arithmetic::Multiply,
        "/" => Arithmetic::Divide,
        "%" => Arithmetic::Remainder,
        "&" => Arithmetic::And,
        "|" => Arithmetic::Or,
        "#" => Arithmetic::Xor,
        "<<" => Arithmetic::ShiftLeft,
        ">>" => Arithmetic::ShiftRight,
        _ => return None,
    })
}

fn style_of(symbol: &str) -> Option<Style> {
    let style = |is_like: bool, ignores_case: bool, is_negated: bool| Style {
        is_like,
        ignores_case,
        is_negated,
        escape: is_like.then_some('\\'),
    };
    Some(match symbol {
        "~" => style(false, false, false),
        "~*" => style(false, true, false),
        "!~" => style(false, false, true),
        "!~*" => style(false, true, true),
        "~~" => style(true, false, false),
        "~~*" => style(true, true, false),
        "!~~" => style(true, false, true),
        "!~~*" => style(true, true, true),
        _ => return None,
    })
}

fn escape_of(value: Option<&ast::ValueWithSpan>) -> Option<char> {
    match value.and_then(|value| value.value.clone().into_string()) {
        Some(text) => text.chars().next(),
        None => Some('\\'),
    }
}

/// What is left of a result once it is known to be there.
pub(crate) fn all<T>(results: impl Iterator<Item = Result<T>>) -> Result<Vec<T>> {
    results.collect()
}
