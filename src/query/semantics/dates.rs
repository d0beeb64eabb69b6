//! Dates, days and intervals.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, cast};
use datafusion::optimizer::analyzer::AnalyzerRule;

use crate::query::semantics::{Place, rewrite};

/// Gives sums and differences of dates the types of PostgreSQL.
#[derive(Debug)]
pub(super) struct DateArithmetic;

impl AnalyzerRule for DateArithmetic {
    fn name(&self) -> &'static str {
        "date_arithmetic"
    }

    fn analyze(&self, plan: LogicalPlan, _options: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite(plan, |place, expr| Ok(changed(place, expr)))
    }
}

fn changed(place: &Place<'_>, expr: Expr) -> Transformed<Expr> {
    let Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::Plus | Operator::Minus), right }) =
        expr
    else {
        return Transformed::no(expr);
    };
    // What has no type yet is left to the planner, which says why.
    let types = (left.get_type(place.schema).ok(), right.get_type(place.schema).ok());
    let (Some(of_left), Some(of_right)) = types else {
        return Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right }));
    };
    let binary = |left: Expr, right: Expr| {
        Expr::BinaryExpr(BinaryExpr { left: Box::new(left), op, right: Box::new(right) })
    };
    let moment = DataType::Timestamp(TimeUnit::Microsecond, None);
    let days = |expr: Expr| cast(expr, DataType::Int32);
    Transformed::yes(match (of_left, of_right) {
        (DataType::Date32, DataType::Interval(_)) => binary(cast(*left, moment), *right),
        (DataType::Interval(_), DataType::Date32) if op == Operator::Plus => {
            binary(cast(*right, moment), *left)
        }
        (DataType::Date32, DataType::Date32) if op == Operator::Minus => {
            binary(days(*left), days(*right))
        }
        (DataType::Date32, right_type) if right_type.is_integer() => {
            cast(cast(binary(days(*left), *right), DataType::Int32), DataType::Date32)
        }
        (left_type, DataType::Date32) if left_type.is_integer() && op == Operator::Plus => {
            cast(cast(binary(*left, days(*right)), DataType::Int32), DataType::Date32)
        }
        _ => return Transformed::no(binary(*left, *right)),
    })
}
