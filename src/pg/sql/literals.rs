//! The types that PostgreSQL gives to numbers as they are written.
//!
//! `1` is an `integer` there and a 64-bit number in DataFusion. Where it decides the type of a
//! column, it is made an `integer`; within arithmetic it stays as it is, since a sum of two 32-bit
//! numbers would wrap around. A text cast to a bare `numeric` gets as many digits as it has.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, CastKind, DataType, ExactNumberInfo, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, SelectItem, SetExpr, UnaryOperator, Value, VisitMut, VisitorMut,
};

/// Functions whose answer has the type of their arguments.
const TRANSPARENT: [&str; 4] = ["coalesce", "greatest", "least", "nullif"];
/// Digits of the widest decimal number.
const DIGITS_MAX: usize = 38;

/// Gives the numbers of a statement PostgreSQL's types.
pub(in crate::pg) fn narrow(statement: &mut ast::Statement) {
    let _all: ControlFlow<()> = VisitMut::visit(statement, &mut Narrow);
}

struct Narrow;

impl VisitorMut for Narrow {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut ast::Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                narrow_expr(expr);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
        if let SetExpr::Values(values) = query.body.as_mut() {
            for expr in values.rows.iter_mut().flat_map(|row| row.iter_mut()) {
                narrow_expr(expr);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { expr: inner, data_type, .. } = expr
            && let DataType::Numeric(info) | DataType::Decimal(info) = data_type
            && *info == ExactNumberInfo::None
            && let Some((precision, scale)) = digits(inner)
        {
            *info = ExactNumberInfo::PrecisionAndScale(precision, scale);
        }
        ControlFlow::Continue(())
    }
}

fn narrow_expr(expr: &mut Expr) {
    if is_constant(expr) {
        *expr = integer(expr.clone());
        return;
    }
    match expr {
        Expr::Nested(inner) => narrow_expr(inner),
        Expr::Case { conditions, else_result, .. } => {
            for condition in conditions {
                narrow_expr(&mut condition.result);
            }
            if let Some(result) = else_result {
                narrow_expr(result);
            }
        }
        Expr::Array(array) => array.elem.iter_mut().for_each(narrow_expr),
        Expr::Tuple(all) => all.iter_mut().for_each(narrow_expr),
        Expr::Function(function) if function.over.is_none() => {
            let name = function.name.to_string().to_lowercase();
            if TRANSPARENT.contains(&name.as_str())
                && let FunctionArguments::List(list) = &mut function.args
            {
                for argument in &mut list.args {
                    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument {
                        narrow_expr(expr);
                    }
                }
            }
        }
        _ => {}
    }
}

fn integer(expr: Expr) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(expr),
        data_type: DataType::Integer(None),
        array: false,
        format: None,
    }
}

/// Whether it is calculated from 32-bit numbers alone. If it does not fit into one, the cast fails,
/// as the calculation does in PostgreSQL.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, false) => digits.parse::<i32>().is_ok(),
            _ => false,
        },
        Expr::Nested(inner) => is_constant(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_constant(expr),
        Expr::BinaryOp { left, op, right } => {
            use ast::BinaryOperator as Op;
            let is_arithmetic =
                matches!(op, Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo);
            is_arithmetic && is_constant(left) && is_constant(right)
        }
        _ => false,
    }
}

/// The digits of a number that is written out: all, and those after the point.
fn digits(expr: &Expr) -> Option<(u64, i64)> {
    let text = match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => text,
            _ => return None,
        },
        _ => return None,
    };
    let plain = text.trim().trim_start_matches(['-', '+']);
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let is_number = !plain.is_empty()
        && whole.chars().chain(fraction.chars()).all(|digit| digit.is_ascii_digit());
    let count = whole.len().max(1) + fraction.len();
    if !is_number || count > DIGITS_MAX {
        return None;
    }
    Some((count as u64, i64::try_from(fraction.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::sql::text;

    #[test]
    fn numbers_get_the_types_of_postgresql() {
        let check = |sql: &str, expected: &str| {
            let part = text::split(sql).expect("tokens").remove(0);
            let mut statement = text::statement(sql, part.tokens).expect("a statement");
            narrow(&mut statement);
            assert_eq!(statement.to_string(), expected, "{sql}");
        };
        check("SELECT 1, 3000000000", "SELECT CAST(1 AS INTEGER), 3000000000");
        check("SELECT 1 + 2, a + 1", "SELECT CAST(1 + 2 AS INTEGER), a + 1");
        check(
            "SELECT -1, coalesce(a, 0)",
            "SELECT CAST(-1 AS INTEGER), coalesce(a, CAST(0 AS INTEGER))",
        );
        check(
            "SELECT a FROM t WHERE b = 1 ORDER BY 1 LIMIT 1",
            "SELECT a FROM t WHERE b = 1 ORDER BY 1 LIMIT 1",
        );
        check("VALUES (1, 'a')", "VALUES (CAST(1 AS INTEGER), 'a')");
        check(
            "SELECT CAST('-12.50' AS numeric), CAST('x' AS numeric)",
            "SELECT CAST('-12.50' AS NUMERIC(4,2)), CAST('x' AS NUMERIC)",
        );
        check(
            "SELECT sum(a) OVER (ORDER BY b ROWS 2 PRECEDING)",
            "SELECT sum(a) OVER (ORDER BY b ROWS 2 PRECEDING)",
        );
    }
}
