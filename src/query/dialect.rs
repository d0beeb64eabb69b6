//! What PostgreSQL writes and DataFusion reads otherwise, put right in the parsed statement.
//!
//! | written | meant |
//! |---|---|
//! | `FETCH FIRST 5 ROWS ONLY` | `LIMIT 5` |
//! | `SELECT 1` | an `integer`, not a `bigint` |
//! | `SELECT 1.50`, `0.1 + 0.2` | exact decimals: `numeric`, and 0.3 |
//! | `t FOR SYSTEM_TIME AS OF x` | the table of that time, `as_of('t', x)` |
//! | `x COLLATE "C"` | the bytewise order that texts have here anyway |
//!
//! Source: PostgreSQL 15, sections 4.1.2.6 (numeric constants), 24.2 (collations).

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    self, BinaryOperator, Expr, Fetch, LimitClause, ObjectName, Query, Select, SelectItem, SetExpr,
    TableFactor, UnaryOperator, Value,
};

use crate::error::{Error, Result};
use crate::model::Decimal;
use crate::query::versions;

/// Collations that order by bytes.
const BYTEWISE: [&str; 5] = ["c", "posix", "default", "ucs_basic", "c.utf8"];

/// Constants of one sum that are added up here: a long chain is somebody else's.
const CONSTANTS_MAX: usize = 32;
/// Digits that a decimal may have.
const DIGITS_MAX: u32 = 38;

/// Rewrites a statement that [`crate::query::guard`] has let through.
///
/// # Errors
///
/// [`Error::Unsupported`] for `FETCH` with ties or percent, and for a collation that is not
/// bytewise.
pub(super) fn adapt(statement: &mut ast::Statement) -> Result<()> {
    match ast::VisitMut::visit(statement, &mut Adapter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Adapter;

impl ast::VisitorMut for Adapter {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        if let Some(fetch) = query.fetch.take() {
            limit(query, fetch)?;
        }
        // A row of VALUES has the types that a row of SELECT has.
        if let SetExpr::Values(values) = query.body.as_mut() {
            for row in &mut values.rows {
                row.content.iter_mut().for_each(constant_column);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        versions::as_function(factor);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                constant_column(expr);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Error> {
        match expr {
            Expr::BinaryOp { .. } => {
                if let Some(exact) = exact(expr).filter(|exact| exact.scale > 0) {
                    *expr = number(exact);
                }
            }
            Expr::Cast { expr: inner, .. } if exact(inner).is_some_and(|exact| exact.scale > 0) => {
                constant_column(inner);
            }
            Expr::Collate { expr: inner, collation } => {
                if let Some(refused) = refuse_collation(collation) {
                    return ControlFlow::Break(refused);
                }
                *expr = inner.as_ref().clone();
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn limit(query: &mut Query, fetch: Fetch) -> ControlFlow<Error> {
    if fetch.with_ties || fetch.percent {
        let what = "FETCH with PERCENT or WITH TIES (use FETCH FIRST n ROWS ONLY)".to_owned();
        return ControlFlow::Break(Error::Unsupported { what });
    }
    let one = || Expr::Value(Value::Number("1".to_owned(), false).into());
    let wanted = Some(fetch.quantity.unwrap_or_else(one));
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = wanted,
        None => {
            let (offset, limit_by) = (None, Vec::new());
            let clause = LimitClause::LimitOffset { limit: wanted, offset, limit_by };
            query.limit_clause = Some(clause);
        }
        Some(_) => {
            let reason = "LIMIT and FETCH say the same; leave one of them out";
            return ControlFlow::Break(Error::invalid("statement", reason));
        }
    }
    ControlFlow::Continue(())
}

fn refuse_collation(collation: &ObjectName) -> Option<Error> {
    let name = collation.0.last()?.as_ident()?.value.to_lowercase();
    (!BYTEWISE.contains(&name.as_str())).then(|| Error::Unsupported {
        what: format!("the collation {collation} (texts are compared by their bytes, as \"C\" is)"),
    })
}

/// Gives a column that is one constant the type that PostgreSQL gives it.
fn constant_column(expr: &mut Expr) {
    let Some(exact) = exact(expr) else { return };
    let data_type = if exact.scale == 0 {
        match exact.mantissa {
            value if i32::try_from(value).is_ok() => ast::DataType::Integer(None),
            // A sum that does not fit is an error, which the operator itself reports.
            _ if !matches!(expr, Expr::Value(_)) => return,
            value if i64::try_from(value).is_ok() => return,
            value => decimal_type(value, 0),
        }
    } else {
        decimal_type(exact.mantissa, exact.scale)
    };
    let mut text = Vec::new();
    exact.write_to(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    // From a text, so that no digit passes through a double.
    let literal = match data_type {
        ast::DataType::Integer(_) => Value::Number(text, false),
        _ => Value::SingleQuotedString(text),
    };
    let inner = Box::new(Expr::Value(literal.into()));
    let (kind, array, format) = (ast::CastKind::Cast, false, None);
    *expr = Expr::Cast { kind, expr: inner, data_type, array, format };
}

fn decimal_type(mantissa: i128, scale: u8) -> ast::DataType {
    let digits = mantissa.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    let precision = u64::from(digits.max(u32::from(scale)));
    ast::DataType::Numeric(ast::ExactNumberInfo::PrecisionAndScale(precision, i64::from(scale)))
}

fn number(exact: Decimal) -> Expr {
    let mut text = Vec::new();
    exact.write_to(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    match text.strip_prefix('-') {
        None => Expr::Value(Value::Number(text, false).into()),
        Some(positive) => {
            let positive = Value::Number(positive.to_owned(), false);
            let expr = Box::new(Expr::Value(positive.into()));
            Expr::Nested(Box::new(Expr::UnaryOp { op: UnaryOperator::Minus, expr }))
        }
    }
}

/// The exact value of an expression of constants with `+`, `-` and `*`. Absent for all others, and
/// where it has more digits than a decimal holds.
fn exact(expr: &Expr) -> Option<Decimal> {
    exact_within(expr, CONSTANTS_MAX)
}

fn exact_within(expr: &Expr, depth: usize) -> Option<Decimal> {
    let exact = |expr: &Expr| exact_within(expr, depth.checked_sub(1)?);
    match expr {
        Expr::Value(literal) => match &literal.value {
            Value::Number(text, false) if text.starts_with('.') => {
                Decimal::parse(format!("0{text}").as_bytes())
            }
            Value::Number(text, false) => Decimal::parse(text.as_bytes()),
            _ => None,
        },
        Expr::Nested(inner) => exact(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            let Decimal { mantissa, scale } = exact(expr)?;
            Some(Decimal { mantissa: mantissa.checked_neg()?, scale })
        }
        Expr::BinaryOp { left, op, right } => {
            let (left, right) = (exact(left)?, exact(right)?);
            let result = match op {
                BinaryOperator::Multiply => Decimal {
                    mantissa: left.mantissa.checked_mul(right.mantissa)?,
                    scale: left.scale.checked_add(right.scale)?,
                },
                BinaryOperator::Plus | BinaryOperator::Minus => {
                    let scale = left.scale.max(right.scale);
                    let (left, right) = (left.rescale(scale)?, right.rescale(scale)?);
                    let mantissa = if *op == BinaryOperator::Plus {
                        left.mantissa.checked_add(right.mantissa)?
                    } else {
                        left.mantissa.checked_sub(right.mantissa)?
                    };
                    Decimal { mantissa, scale }
                }
                _ => return None,
            };
            let fits = result.mantissa.unsigned_abs() < 10_u128.pow(DIGITS_MAX);
            (fits && u32::from(result.scale) <= DIGITS_MAX).then_some(result)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn adapted(sql: &str) -> Result<String> {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect("parses");
        let mut statement = statements.pop().expect("one statement");
        adapt(&mut statement)?;
        Ok(statement.to_string())
    }

    #[test]
    fn constants_have_the_types_of_postgresql() {
        let check = |sql: &str, expected: &str| {
            assert_eq!(adapted(sql).expect("allowed"), expected, "{sql}");
        };
        check("SELECT 1", "SELECT CAST(1 AS INTEGER)");
        check("SELECT -1 AS a", "SELECT CAST(-1 AS INTEGER) AS a");
        check("SELECT 3000000000", "SELECT 3000000000");
        check("SELECT 1.50", "SELECT CAST('1.50' AS NUMERIC(3,2))");
        check("SELECT 0.1 + 0.2", "SELECT CAST('0.3' AS NUMERIC(1,1))");
        check("SELECT a + 0.1 FROM t WHERE b = 0.1 + 0.2", "SELECT a + 0.1 FROM t WHERE b = 0.3");
        check("SELECT a FROM t WHERE b = 0.1 - 0.3", "SELECT a FROM t WHERE b = (-0.2)");
        check("SELECT a FROM t LIMIT 1 + 1", "SELECT a FROM t LIMIT 1 + 1");
        check("SELECT a FROM t ORDER BY 1", "SELECT a FROM t ORDER BY 1");
        check("VALUES (1, 'x')", "VALUES (CAST(1 AS INTEGER), 'x')");
        check("SELECT 7 / 2", "SELECT 7 / 2");
        check("SELECT 2.5::int", "SELECT CAST('2.5' AS NUMERIC(2,1))::INT");
        check("SELECT .5", "SELECT CAST('0.5' AS NUMERIC(1,1))");
    }

    #[test]
    fn fetch_is_limit_and_bytewise_collations_go() {
        let check = |sql: &str, expected: &str| {
            assert_eq!(adapted(sql).expect("allowed"), expected, "{sql}");
        };
        check("SELECT a FROM t FETCH FIRST 5 ROWS ONLY", "SELECT a FROM t LIMIT 5");
        check("SELECT a FROM t FETCH FIRST ROW ONLY", "SELECT a FROM t LIMIT 1");
        check(
            "SELECT a FROM t OFFSET 2 ROWS FETCH NEXT 3 ROWS ONLY",
            "SELECT a FROM t LIMIT 3 OFFSET 2 ROWS",
        );
        check("SELECT a FROM t ORDER BY a COLLATE \"C\"", "SELECT a FROM t ORDER BY a");
        assert!(adapted("SELECT a FROM t ORDER BY a COLLATE \"de_DE\"").is_err());
        assert!(adapted("SELECT a FROM t FETCH FIRST 5 ROWS WITH TIES").is_err());
    }
}
