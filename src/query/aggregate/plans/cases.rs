//! CASE in the arguments of aggregate functions: which observations are read, and what counts as
//! zero.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, CaseExpr, CastExpr, Literal};

type Expr = Arc<dyn PhysicalExpr>;

/// Branches of a CASE that are told apart.
const BRANCHES_MAX: usize = 16;

/// What a call reads: a number, the observations themselves, or a literal for each of them.
pub(crate) struct Argument {
    pub(crate) expr: Expr,
    /// What must hold for an observation.
    pub(crate) condition: Option<Expr>,
    /// Whether observations for which only the filter holds count as zero.
    pub(crate) has_zeros: bool,
}

/// Takes `CASE WHEN p THEN x END` as x where p holds. With `or_zero`, an ELSE of zero is taken, too.
pub(crate) fn unwrapped(mut expr: Expr, filter: Option<Expr>, or_zero: bool) -> Argument {
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
    Some((condition(case, when), then, is_zero))
}

/// What must hold for a branch of a CASE, where none before it does.
fn condition(case: &CaseExpr, when: &Expr) -> Expr {
    match case.expr() {
        None => Arc::clone(when),
        Some(base) => {
            let (base, when) = (Arc::clone(base), Arc::clone(when));
            Arc::new(BinaryExpr::new(base, Operator::Eq, when))
        }
    }
}

/// The branches of a CASE that are whole numbers, so that at most one holds for an observation; and
/// what must hold for one of them to, absent if that always does. Only observations for which
/// `filter` holds are read. Absent if it is no such CASE.
pub(crate) fn branches(expr: &Expr, filter: Option<&Expr>) -> Option<(Vec<Branch>, Option<Expr>)> {
    let case = expr.downcast_ref::<CaseExpr>()?;
    let all = case.when_then_expr();
    if all.len() > BRANCHES_MAX {
        return None;
    }
    let mut before = filter.cloned();
    let (mut found, mut any) = (Vec::with_capacity(all.len() + 1), None::<Expr>);
    for (when, then) in all {
        let (when, number) = (condition(case, when), whole_number(then)?);
        let holds = both(before.clone(), Arc::clone(&when));
        found.push(Branch { condition: Some(holds), number });
        any = Some(match any {
            None => Arc::clone(&when),
            Some(any) => Arc::new(BinaryExpr::new(any, Operator::Or, Arc::clone(&when))),
        });
        let is_true: Expr = Arc::new(Literal::new(ScalarValue::Boolean(Some(true))));
        let fails = Arc::new(BinaryExpr::new(when, Operator::IsDistinctFrom, is_true));
        before = Some(both(before, fails));
    }
    let other = case.else_expr().and_then(|other| other.downcast_ref::<Literal>());
    if case.else_expr().is_none() || other.is_some_and(|other| other.value().is_null()) {
        return Some((found, any.map(|any| both(filter.cloned(), any))));
    }
    let number = whole_number(case.else_expr()?)?;
    found.push(Branch { condition: before, number });
    found.retain(|branch| branch.number != 0);
    Some((found, filter.cloned()))
}

/// The whole number of a literal of the type that `sum` takes whole numbers as.
pub(crate) fn whole_number(expr: &Expr) -> Option<i64> {
    match expr.downcast_ref::<Literal>()?.value() {
        ScalarValue::Decimal128(Some(number), _, 0) => i64::try_from(*number).ok(),
        ScalarValue::Int64(Some(number)) => Some(*number),
        _ => None,
    }
}

/// A CASE of literals that are whole numbers, without the cast to the type that `sum` takes them as;
/// any other expression as it is.
pub(crate) fn case_of_whole_numbers(expr: &Expr) -> &Expr {
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

/// A whole number for each observation for which a condition holds.
pub(crate) struct Branch {
    /// The condition; absent where it always holds.
    pub(crate) condition: Option<Expr>,
    /// The number.
    pub(crate) number: i64,
}

/// What holds where both hold.
pub(crate) fn both(left: Option<Expr>, right: Expr) -> Expr {
    match left {
        None => right,
        Some(left) => Arc::new(BinaryExpr::new(left, Operator::And, right)),
    }
}
