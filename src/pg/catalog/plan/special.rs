//! Expressions with a syntax of their own: CASE, casts, arrays, rows, subqueries, SUBSTRING.

use datafusion::sql::sqlparser::ast::{self, AccessExpr, Subscript, TrimWhereField};

use crate::error::{Error, Result};
use crate::pg::catalog::plan::expression::{all, boolean, unnested, unsupported};
use crate::pg::catalog::plan::name::plain;
use crate::pg::catalog::plan::{Asked, Comparison, Expr, Planned, Planner, Typed};
use crate::pg::catalog::statics::statics;
use crate::pg::catalog::types::{
    BPCHAR, INT2VECTOR, INT4, NUMERIC, OIDVECTOR, RECORD, TEXT, Type, UNKNOWN, VARCHAR,
};
use crate::pg::catalog::value::Value;

impl Planner<'_> {
    pub(crate) fn special(&mut self, expr: &ast::Expr) -> Planned {
        use ast::Expr as E;
        match expr {
            E::Function(call) => self.function(call),
            E::Cast { expr, data_type, .. } => {
                let to = self.data_type(data_type)?;
                let typed = self.expression(expr)?;
                self.cast(typed, to)
            }
            E::TypedString(typed) => {
                let to = self.data_type(&typed.data_type)?;
                let text = typed.value.value.clone().into_string().unwrap_or_default();
                let expr = Expr::Constant(Value::text(text));
                self.cast(Typed { expr, ty: Type::of(UNKNOWN) }, to)
            }
            E::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            E::Exists { subquery, negated } => {
                let (query, _) = self.subquery(subquery)?;
                let exists = Expr::Subquery { query, asked: Asked::Exists };
                Ok(boolean(if *negated { Expr::Not(Box::new(exists)) } else { exists }))
            }
            E::Subquery(query) => {
                let (query, types) = self.subquery(query)?;
                let [ty] = types.as_slice() else {
                    return Err(Error::invalid("subquery", "must return only one column"));
                };
                Ok(Typed { expr: Expr::Subquery { query, asked: Asked::Value }, ty: ty.clone() })
            }
            E::Array(array) => self.array(&array.elem),
            E::Tuple(parts) => {
                let parts = all(parts.iter().map(|part| self.expression(part)))?;
                let ty = Type::row(
                    parts
                        .iter()
                        .enumerate()
                        .map(|(place, part)| (format!("f{}", place + 1), part.ty.clone())),
                );
                let expr = Expr::Row(parts.into_iter().map(|part| part.expr).collect());
                Ok(Typed { expr, ty })
            }
            E::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain),
            other => self.word(other),
        }
    }

    /// Calls with words between their arguments: SUBSTRING, TRIM, EXTRACT, POSITION.
    fn word(&mut self, expr: &ast::Expr) -> Planned {
        use ast::Expr as E;
        match expr {
            E::Substring { expr, substring_from, substring_for, .. } => {
                let mut arguments = vec![expr.as_ref()];
                let one = ast::Expr::value(ast::Value::Number("1".to_owned(), false));
                arguments.push(substring_from.as_deref().unwrap_or(&one));
                arguments.extend(substring_for.as_deref());
                self.call_of("substring", &arguments)
            }
            E::Trim { expr, trim_where, trim_what, trim_characters } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    Some(TrimWhereField::Both) | None => "btrim",
                };
                let mut arguments = vec![expr.as_ref()];
                arguments.extend(trim_what.as_deref());
                arguments.extend(trim_characters.iter().flatten());
                self.call_of(name, &arguments)
            }
            E::Extract { field, expr, .. } => {
                let part = Self::constant_text(&field.to_string());
                let of = self.expression(expr)?;
                self.call(None, "date_part", vec![part, of])
            }
            E::Position { expr, r#in } => self.call_of("strpos", &[r#in, expr]),
            E::Ceil { expr, .. } => self.call_of("ceil", &[expr]),
            E::Floor { expr, .. } => self.call_of("floor", &[expr]),
            E::AtTimeZone { timestamp, .. } => self.expression(timestamp),
            other => Err(unsupported(&format!("the expression {other}"))),
        }
    }

    /// The type that a name of SQL means.
    pub(crate) fn data_type(&self, data_type: &ast::DataType) -> Result<Type> {
        let text = data_type.to_string();
        let oid = self.world().type_named(&text);
        let oid = oid.ok_or_else(|| Error::not_found("type", text.to_lowercase()))?;
        let length = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        let length = length.filter(|_| matches!(oid, VARCHAR | BPCHAR));
        let modifier = length.and_then(|length| length.trim().parse::<i32>().ok());
        Ok(Type { modifier: modifier.map_or(-1, |length| length + 4), ..Type::of(oid) })
    }

    /// A cast that was asked for.
    pub(crate) fn cast(&mut self, typed: Typed, to: Type) -> Planned {
        let expr = self.coerce(typed, &to)?;
        Ok(Typed { expr, ty: to })
    }

    fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
    ) -> Planned {
        let operand = operand.map(|operand| self.expression(operand)).transpose()?;
        let (mut tests, mut results) = (Vec::new(), Vec::new());
        for when in conditions {
            let condition = self.expression(&when.condition)?;
            tests.push(match &operand {
                Some(operand) => self.compare(Comparison::Equal, operand.clone(), condition)?.expr,
                None => self.coerce_to_bool(condition)?,
            });
            results.push(self.expression(&when.result)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.expression(otherwise)?,
            None => Typed { expr: Expr::Constant(Value::Null), ty: Type::of(UNKNOWN) },
        });
        let (mut results, ty) = self.unify(results)?;
        let otherwise = Box::new(results.pop().unwrap_or(Expr::Constant(Value::Null)));
        let whens = tests.into_iter().zip(results).collect();
        Ok(Typed { expr: Expr::Case { whens, otherwise }, ty })
    }

    fn array(&mut self, parts: &[ast::Expr]) -> Planned {
        let parts = all(parts.iter().map(|part| self.expression(part)))?;
        let (parts, element) = self.unify(parts)?;
        let ty = Type::of(statics().types.array_of(element.oid));
        Ok(Typed { expr: Expr::Array(parts), ty })
    }

    /// `array[1]`, `(row).column`, and both behind one another.
    fn access(&mut self, root: &ast::Expr, chain: &[AccessExpr]) -> Planned {
        let mut typed = self.expression(unnested(root))?;
        for access in chain {
            typed = match access {
                AccessExpr::Dot(ast::Expr::Identifier(name)) => field(typed, &plain(name))?,
                AccessExpr::Subscript(Subscript::Index { index }) => self.element(typed, index)?,
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, .. }) => {
                    let mut bound = |bound: &Option<ast::Expr>| -> Result<Option<Box<Expr>>> {
                        let Some(bound) = bound else { return Ok(None) };
                        let typed = self.expression(bound)?;
                        Ok(Some(Box::new(self.coerce(typed, &Type::of(INT4))?)))
                    };
                    let (from, to) = (bound(lower_bound)?, bound(upper_bound)?);
                    let ty = typed.ty;
                    Typed { expr: Expr::Slice { array: Box::new(typed.expr), from, to }, ty }
                }
                other @ AccessExpr::Dot(_) => return Err(unsupported(&other.to_string())),
            };
        }
        Ok(typed)
    }

    fn element(&mut self, typed: Typed, index: &ast::Expr) -> Planned {
        let element = statics().types.element(typed.ty.oid);
        let missing = || Error::invalid("subscript", "what it is of is no array");
        let element = Type::of(element.ok_or_else(missing)?);
        let index = self.expression(index)?;
        let index = Box::new(self.coerce(index, &Type::of(INT4))?);
        let is_from_zero = matches!(typed.ty.oid, INT2VECTOR | OIDVECTOR);
        let expr = Expr::Element { array: Box::new(typed.expr), index, is_from_zero };
        Ok(Typed { expr, ty: element })
    }

    /// A word that stands for the first argument of a call.
    fn constant_text(text: &str) -> Typed {
        Typed { expr: Expr::Constant(Value::text(text)), ty: Type::of(TEXT) }
    }

    /// COALESCE, NULLIF, GREATEST and LEAST, which are no functions.
    pub(crate) fn word_call(&mut self, name: &str, arguments: &[Typed]) -> Result<Option<Typed>> {
        Ok(Some(match (name, arguments) {
            ("coalesce", _) => {
                let (parts, ty) = self.unify(arguments.to_vec())?;
                Typed { expr: Expr::Coalesce(parts), ty }
            }
            ("greatest" | "least", _) => {
                let (all, ty) = self.unify(arguments.to_vec())?;
                Typed { expr: Expr::Extreme { all, greatest: name == "greatest" }, ty }
            }
            ("nullif", [left, right]) => {
                let left = self.settled(left.clone())?;
                let ty = if left.ty.oid == NUMERIC { Type::of(NUMERIC) } else { left.ty.clone() };
                let (a, b, _) = self.pair(left, right.clone())?;
                Typed { expr: Expr::NullIf(Box::new(a), Box::new(b)), ty }
            }
            _ => return Ok(None),
        }))
    }
}

/// A column of a row.
pub(crate) fn field(typed: Typed, name: &str) -> Planned {
    let place = typed.ty.fields.iter().position(|(known, _)| known == name);
    match place.and_then(|place| Some((place, typed.ty.fields.get(place)?.1.clone()))) {
        Some((place, ty)) => Ok(Typed { expr: Expr::Field(Box::new(typed.expr), place), ty }),
        None if typed.ty.oid == RECORD => Err(Error::not_found("column", name)),
        None => Err(Error::invalid(name, "is asked of what is no row")),
    }
}
