//! Plans of the statements that a session asks again and again, over one state.
//!
//! A statement is the same if it parses to the same tree. Its logical plan is kept if it reads
//! nothing but cubes, which do not change within a state. The physical plan is kept too if it can
//! run again: a chain of operators above one that reads series, or a union of such chains. Each run
//! gets operators of its own, with measurements of its own.
//!
//! A plan with parameters is optimized once, and values are put into what came of it. A value in a
//! cast, where the front puts each, is cast there and then, so that a condition on a dimension is
//! again one on codes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, Result};
use datafusion::datasource::source_as_provider;
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::sql::sqlparser::ast;

use crate::error;
use crate::limits::PLANS_KEPT_MAX;
use crate::query::empty;
use crate::query::join::reader;
use crate::query::scan::SeriesScanExec;
use crate::query::table::CubeTable;

/// A statement, planned.
pub(super) struct Planned {
    /// What it means.
    pub(super) logical: LogicalPlan,
    /// Its columns, once somebody asked.
    pub(super) schema: OnceLock<SchemaRef>,
    /// The plan optimized with its parameters open, once it was asked for; absent where the values,
    /// or the moment, matter to the optimizer.
    open: OnceLock<Option<LogicalPlan>>,
    /// How it was run, and what the columns are called; absent until it has run and where it cannot
    /// run again.
    run: OnceLock<Run>,
}

/// Operators that were made before.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) operators: Arc<dyn ExecutionPlan>,
    /// The names and types of the columns of the answer.
    pub(super) schema: SchemaRef,
    pub(super) optimized: Arc<Optimized>,
}

/// What operators were made from.
pub(super) struct Optimized {
    plan: LogicalPlan,
    /// Why they give no rows, once somebody asked.
    why_empty: OnceLock<Vec<String>>,
}

impl Optimized {
    /// An optimized plan.
    pub(super) fn new(plan: LogicalPlan) -> Arc<Self> {
        Arc::new(Self { plan, why_empty: OnceLock::new() })
    }

    /// Its operators.
    ///
    /// # Errors
    ///
    /// Those of planning.
    pub(super) async fn operators(&self, session: &SessionState) -> Result<Arc<dyn ExecutionPlan>> {
        session.query_planner().create_physical_plan(&self.plan, session).await
    }

    /// Sentences that say why its answer has no rows.
    ///
    /// # Errors
    ///
    /// Those of reading an index.
    pub(super) fn why_empty(&self, session: &SessionState) -> error::Result<Vec<String>> {
        if let Some(known) = self.why_empty.get() {
            return Ok(known.clone());
        }
        let found = empty::explain(&self.plan, session)?;
        Ok(self.why_empty.get_or_init(|| found).clone())
    }
}

impl fmt::Debug for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Planned")
    }
}

impl Planned {
    /// A plan that has not been run.
    pub(super) fn new(logical: LogicalPlan) -> Arc<Self> {
        Arc::new(Self {
            logical,
            schema: OnceLock::new(),
            open: OnceLock::new(),
            run: OnceLock::new(),
        })
    }

    /// The optimized plan, with its parameters open; absent where it has to be optimized anew.
    pub(super) fn optimized(&self, session: &SessionState) -> Option<&LogicalPlan> {
        let optimize = || {
            let logical = &self.logical;
            let is_open = is_fixed(logical)
                && !limits_by_parameter(logical)
                && !reads_session(logical).unwrap_or(true);
            // What goes wrong now is said when it goes wrong with the values.
            is_open.then(|| session.optimize(logical).ok()).flatten()
        };
        self.open.get_or_init(optimize).as_ref()
    }

    /// The same with these values.
    ///
    /// # Errors
    ///
    /// If a value is missing.
    pub(super) fn bound(
        &self,
        session: &SessionState,
        values: &ParamValues,
    ) -> Result<Option<LogicalPlan>> {
        let open = self.optimized(session);
        open.map(|plan| with_values(plan.clone(), values)).transpose()
    }

    /// The operators of an earlier run, as if they were new.
    ///
    /// # Errors
    ///
    /// None that making them did not have.
    pub(super) fn again(&self) -> Result<Option<Run>> {
        let Some(run) = self.run.get() else { return Ok(None) };
        let operators = reset_plan_states(Arc::clone(&run.operators))?;
        Ok(Some(Run { operators, ..run.clone() }))
    }

    /// Keeps the operators of a run if they can run again.
    pub(super) fn keep(&self, run: &Run) {
        if is_repeatable(&run.operators) {
            // Another run of the same may have come first.
            self.run.get_or_init(|| run.clone());
        }
    }
}

/// Whether what the operators are holds for every run: each branch of a union has one reader of
/// series or none, and nothing learns anything while it runs.
fn is_repeatable(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut plan = plan;
    loop {
        let children = plan.children();
        match children.as_slice() {
            [child] => plan = child,
            [] if plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>() => return true,
            [] => {
                let scan = plan.downcast_ref::<SeriesScanExec>();
                return reader(plan).is_some() && !scan.is_some_and(SeriesScanExec::learns);
            }
            branches => return plan.is::<UnionExec>() && branches.iter().all(|b| is_repeatable(b)),
        }
    }
}

/// The plans over one state.
#[derive(Debug, Default)]
pub(super) struct Plans {
    known: Mutex<HashMap<ast::Statement, Arc<Planned>>>,
}

impl Plans {
    /// The plan of a statement, if it is kept.
    pub(super) fn get(&self, statement: &ast::Statement) -> Option<Arc<Planned>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(statement).map(Arc::clone)
    }

    /// Keeps a plan if it means the same as long as the state does.
    pub(super) fn keep(&self, statement: &ast::Statement, planned: &Arc<Planned>) {
        if !matches!(statement, ast::Statement::Query(_)) || !is_fixed(&planned.logical) {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Who asks so many different statements asks few of them again.
        if known.len() >= PLANS_KEPT_MAX {
            known.clear();
        }
        known.insert(statement.clone(), Arc::clone(planned));
    }
}

/// Whether how many rows are wanted depends on a parameter: the optimizer moves such bounds about.
fn limits_by_parameter(plan: &LogicalPlan) -> bool {
    let is_one = |node: &LogicalPlan| matches!(node, LogicalPlan::Limit(_)) && has_parameter(node);
    let found = plan.exists(|node| Ok(is_one(node)));
    found.unwrap_or(true)
}

fn has_parameter(node: &LogicalPlan) -> bool {
    let is_one = |expr: &Expr| matches!(expr, Expr::Placeholder(_));
    node.expressions().iter().any(|expr| expr.exists(|part| Ok(is_one(part))).unwrap_or(true))
}

/// A plan with values for its parameters.
fn with_values(plan: LogicalPlan, values: &ParamValues) -> Result<LogicalPlan> {
    let plan = plan.replace_params_with_values(values)?;
    let folded = plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let folded = expr.transform_up(|expr| Ok(cast_now(expr)))?;
            Ok(if folded.transformed { folded.update_data(|e| name.restore(e)) } else { folded })
        })
    });
    folded.data()
}

/// The value of a cast of a value, where there is one.
fn cast_now(expr: Expr) -> Transformed<Expr> {
    if let Expr::Cast(cast) = &expr
        && let Expr::Literal(value, metadata) = cast.expr.as_ref()
        && let Ok(value) = value.cast_to(cast.field.data_type())
    {
        return Transformed::yes(Expr::Literal(value, metadata.clone()));
    }
    Transformed::no(expr)
}

/// Whether a plan calls a function that needs to know more than its arguments: the moment when the
/// statement begins, as `now()`, or the session, as `set_config()`. A state that knows them is a
/// copy, which costs as much as planning a short statement.
pub(super) fn reads_session(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found = found || expr.exists(|part| Ok(is_mutable_call(part)))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_mutable_call(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call)
        if call.func.signature().volatility != Volatility::Immutable)
}

/// Whether a plan reads nothing but cubes.
fn is_fixed(plan: &LogicalPlan) -> bool {
    let mut is_fixed = true;
    let walked = plan.apply_with_subqueries(|node| {
        is_fixed &= match node {
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source);
                provider.is_ok_and(|provider| provider.is::<CubeTable>())
            }
            LogicalPlan::Extension(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::DescribeTable(_) => false,
            _ => true,
        };
        Ok(if is_fixed { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    is_fixed && walked.is_ok()
}
