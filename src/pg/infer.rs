//! The types of parameters that the text of a query leaves open.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DataFusionResult};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, TypeSignature};

/// What a plan says of a parameter.
pub(super) struct Found {
    pub(super) data_type: DataType,
    /// Whether the plan has it itself, and need not be made again.
    pub(super) is_planned: bool,
}

/// The types of parameters that the text leaves open: DataFusion's, and those of PostgreSQL's rule
/// that arguments of one kind have one type.
pub(super) fn infer(plan: &LogicalPlan) -> DataFusionResult<HashMap<String, Found>> {
    let mut found = HashMap::new();
    for (name, data_type) in plan.get_parameter_types()? {
        if let Some(data_type) = data_type.filter(|data_type| !data_type.is_null()) {
            found.insert(name, Found { data_type, is_planned: true });
        }
    }
    plan.apply_with_subqueries(|node| {
        let schema = merged(node);
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                infer_expr(part, &schema, &mut found);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// The columns that the expressions of a node may name.
fn merged(node: &LogicalPlan) -> DFSchema {
    let mut schema = DFSchema::empty();
    for input in node.inputs() {
        schema.merge(input.schema());
    }
    if let LogicalPlan::TableScan(scan) = node {
        schema.merge(&scan.projected_schema);
    }
    schema
}

fn infer_expr(expr: &Expr, schema: &DFSchema, found: &mut HashMap<String, Found>) {
    let type_of = |expr: &Expr| match expr {
        Expr::Placeholder(_) => None,
        other => other.get_type(schema).ok().filter(|data_type| !data_type.is_null()),
    };
    let mut note = |expr: &Expr, data_type: DataType| {
        if let Expr::Placeholder(placeholder) = expr {
            let fresh = Found { data_type, is_planned: false };
            found.entry(placeholder.id.clone()).or_insert(fresh);
        }
    };
    match expr {
        Expr::ScalarFunction(call) => match (call.name(), call.args.as_slice()) {
            ("array_has", [list, element]) => {
                if let Some(data_type) = type_of(element) {
                    let field = Field::new_list_field(data_type, true);
                    note(list, DataType::List(Arc::new(field)));
                }
            }
            ("coalesce" | "nullif" | "greatest" | "least" | "nvl", arguments) => {
                if let Some(data_type) = arguments.iter().find_map(type_of) {
                    for argument in arguments {
                        note(argument, data_type.clone());
                    }
                }
            }
            (_, arguments) => {
                let signature = &call.func.signature().type_signature;
                let first = match signature {
                    TypeSignature::OneOf(all) => all.first().unwrap_or(signature),
                    other => other,
                };
                if let TypeSignature::Exact(types) = first
                    && types.len() == arguments.len()
                {
                    let arguments = arguments.iter().zip(types);
                    arguments.for_each(|(argument, data_type)| note(argument, data_type.clone()));
                }
            }
        },
        Expr::Case(case) => {
            let results = || {
                let results = case.when_then_expr.iter().map(|(_, then)| then.as_ref());
                results.chain(case.else_expr.as_deref())
            };
            if let Some(data_type) = results().find_map(type_of) {
                results().for_each(|result| note(result, data_type.clone()));
            }
            let tested = case.expr.as_deref().and_then(type_of);
            for (when, _) in &case.when_then_expr {
                let data_type =
                    if case.expr.is_some() { tested.clone() } else { Some(DataType::Boolean) };
                if let Some(data_type) = data_type {
                    note(when, data_type);
                }
            }
        }
        Expr::Not(inner) => note(inner, DataType::Boolean),
        Expr::InList(list) => {
            if let Some(data_type) = list.list.iter().find_map(type_of) {
                note(&list.expr, data_type);
            }
        }
        Expr::Between(between) => {
            if let Some(data_type) = type_of(&between.low).or_else(|| type_of(&between.high)) {
                note(&between.expr, data_type);
            }
        }
        _ => {}
    }
}
