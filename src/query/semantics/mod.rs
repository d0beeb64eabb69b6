//! What expressions mean in PostgreSQL where DataFusion means something else, in silence.
//!
//! | expression | DataFusion | here, as in PostgreSQL |
//! |---|---|---|
//! | `9223372036854775807 + 1` | wraps around | error: out of range |
//! | `sum(bigint)` | wraps around | `numeric` |
//! | `7 / 0.0` | infinity | error: division by zero; in a condition, NULL |
//! | `CAST(2.5 AS integer)` | 2, cut off | 3; a double is rounded to even, 2 |
//! | `date + interval` | a date | a timestamp |
//! | `date - date` | a duration | days, an integer |
//! | `date + 1` | error | the next day |
//!
//! A wrong number is worse than an error, so these are rules on every plan, in two passes: `dates`
//! before DataFusion makes types equal, `exact` after.
//!
//! **Invariant:** neither changes what a column is called.
//!
//! Source: PostgreSQL 15, sections 9.3, 9.9 and 9.21.

mod arithmetic;
mod dates;
mod exact;

use std::cell::Cell;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::analyzer::{Analyzer, AnalyzerRule};

/// The rules that analyse a plan, in order.
pub(super) fn rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules = Analyzer::new().rules;
    let coercion = rules.iter().position(|rule| rule.name() == "type_coercion");
    rules.insert(coercion.unwrap_or_default(), Arc::new(dates::DateArithmetic));
    rules.push(Arc::new(exact::ExactArithmetic));
    rules
}

/// Rewrites every expression of a plan from its leaves up, subqueries included; names stay.
/// `change` is told the plan that an expression belongs to, and what columns it sees.
fn rewrite(
    plan: LogicalPlan,
    change: impl Fn(&Place<'_>, Expr) -> Result<Transformed<Expr>>,
) -> Result<LogicalPlan> {
    // A plan above one whose columns changed their type has to be told.
    let has_changed = Cell::new(false);
    let node = |node: LogicalPlan| {
        let schema = columns(&node);
        let place = Place { schema: &schema, is_condition: is_condition(&node) };
        let names = NamePreserver::new(&node);
        let rewritten = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let changed = expr.transform_up(|part| change(&place, part))?;
            Ok(if changed.transformed {
                changed.update_data(|expr| name.restore(expr))
            } else {
                changed
            })
        })?;
        has_changed.set(has_changed.get() || rewritten.transformed);
        if !has_changed.get() {
            return Ok(rewritten);
        }
        Ok(Transformed::yes(rewritten.data.recompute_schema()?))
    };
    plan.transform_up_with_subqueries(node).data()
}

/// Where an expression stands.
struct Place<'a> {
    /// The columns it sees.
    schema: &'a DFSchema,
    /// Whether it only decides which rows there are.
    is_condition: bool,
}

fn columns(node: &LogicalPlan) -> DFSchema {
    match node {
        LogicalPlan::TableScan(scan) => scan.projected_schema.as_ref().clone(),
        _ => merge_schema(&node.inputs()),
    }
}

fn is_condition(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::Filter(_) | LogicalPlan::Join(_) | LogicalPlan::TableScan(_))
}
