//! A query, planned: its columns as PostgreSQL calls them and the types of its parameters.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::sql::sqlparser::ast;

use crate::pg::catalog;
use crate::pg::errors::Fault;
use crate::pg::explain;
use crate::pg::flow::Batches;
use crate::pg::sql::{columns, literals, parameters};
use crate::pg::types;
use crate::query::cancel::CancelToken;
use crate::query::error::from_datafusion;
use crate::query::{Answer, Prepared, Session, guard};

/// What `$1` or another parameter takes.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) oid: u32,
    /// The column type that its values are brought to.
    data_type: DataType,
}

/// A query that may be answered many times.
pub(super) struct Plan {
    prepared: Prepared,
    pub(super) schema: SchemaRef,
    pub(super) parameters: Vec<Parameter>,
    pub(super) word: &'static str,
    is_explain: bool,
}

/// Plans a statement. `declared` has the types that the client gives to parameters; the others
/// follow from their places in the statement, and are text where nothing follows.
pub(super) async fn plan(
    session: &Session,
    statement: ast::Statement,
    declared: parameters::Types,
) -> Result<Plan, Fault> {
    guard::admit(statement.clone())?;
    let is_explain = matches!(statement, ast::Statement::Explain { .. });
    let names = match &statement {
        ast::Statement::Query(query) => columns::Names::of(query),
        _ => None,
    };
    let mut types = parameters::said(&statement)?;
    if declared.len() > types.len() {
        types.resize(declared.len(), None);
    }
    for (slot, declared) in types.iter_mut().zip(declared) {
        *slot = declared.or(slot.take());
    }
    let mut plain = statement;
    columns::alias(&mut plain);
    literals::narrow(&mut plain);
    catalog::rewrite(&mut plain);
    let mut prepared = prepare(session, &plain, &types).await?;
    if types.iter().any(Option::is_none) {
        let found = infer(prepared.plan()).map_err(|error| Fault::from(from_datafusion(&error)))?;
        let mut is_open = false;
        for (number, slot) in (1..).zip(&mut types).filter(|(_, slot)| slot.is_none()) {
            let name = format!("${number}");
            let data_type = found.get(&name).and_then(|found| parameters::of_arrow(&found.data_type));
            is_open |= found.get(&name).is_none_or(|found| !found.is_planned);
            *slot = Some(data_type.unwrap_or(ast::DataType::Text));
        }
        if is_open {
            prepared = prepare(session, &plain, &types).await?;
        }
    }
    let parameters = types.into_iter().map(parameter).collect::<Result<_, Fault>>()?;
    let schema = schema(&prepared, names.as_ref());
    let (schema, word) = match is_explain {
        true => (explain::schema(), "EXPLAIN"),
        false => (schema, "SELECT"),
    };
    Ok(Plan { prepared, schema, parameters, word, is_explain })
}

async fn prepare(
    session: &Session,
    statement: &ast::Statement,
    types: &parameters::Types,
) -> Result<Prepared, Fault> {
    let mut statement = statement.clone();
    parameters::cast(&mut statement, types);
    let prepared = session.prepare(guard::admit(statement)?).await;
    prepared.map_err(Fault::from)
}

fn parameter(data_type: Option<ast::DataType>) -> Result<Parameter, Fault> {
    let data_type = data_type.unwrap_or(ast::DataType::Text);
    let oid = parameters::to_oid(&data_type).filter(|oid| *oid != 705);
    let arrow_type = oid.and_then(types::arrow_type);
    match (oid, arrow_type) {
        (Some(oid), Some(data_type)) => Ok(Parameter { oid, data_type }),
        _ => Err(Fault::unsupported(format!("a parameter of type {data_type}"))),
    }
}

/// The columns, under the names that PostgreSQL gives them.
fn schema(prepared: &Prepared, names: Option<&columns::Names>) -> SchemaRef {
    let found = prepared.schema();
    let plain = found.fields().iter().map(|field| columns::shown(field.name()).to_owned());
    let plain: Vec<String> = plain.collect();
    let names = match names {
        Some(names) => names.fill(plain),
        None => plain,
    };
    let fields = found.fields().iter().zip(names);
    let fields: Vec<Field> =
        fields.map(|(field, name)| Field::clone(field).with_name(name)).collect();
    Arc::new(Schema::new(fields))
}

impl Plan {
    /// Starts the answer, with values for all parameters.
    pub(super) async fn execute(
        &self,
        session: &Session,
        values: Vec<ScalarValue>,
        token: &CancelToken,
    ) -> Result<Batches, Fault> {
        let answer: Answer = session.execute_with(&self.prepared, values, token).await?;
        Ok(match self.is_explain {
            true => explain::lines(answer),
            false => Box::pin(answer),
        })
    }

    /// The relation and the column, from 1, that each column of the answer is taken from as it is.
    pub(super) fn origins(&self) -> Vec<Option<(String, String)>> {
        match self.is_explain {
            true => vec![None],
            false => origins(self.prepared.plan()),
        }
    }
}

impl Parameter {
    /// A value of this type, brought from the one that was sent.
    pub(super) fn value(&self, value: ScalarValue) -> Result<ScalarValue, Fault> {
        if value.data_type() == self.data_type {
            return Ok(value);
        }
        value.cast_to(&self.data_type).map_err(|error| Fault::from(from_datafusion(&error)))
    }
}

/// What a plan says of a parameter.
struct Found {
    data_type: DataType,
    /// Whether the plan has it itself, and need not be made again.
    is_planned: bool,
}

/// The types of parameters that the text leaves open: DataFusion's, and those of PostgreSQL's rule
/// that arguments of one kind have one type.
fn infer(plan: &LogicalPlan) -> DataFusionResult<HashMap<String, Found>> {
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
                    arguments.iter().for_each(|argument| note(argument, data_type.clone()));
                }
            }
            _ => {}
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
                let data_type = if case.expr.is_some() { tested.clone() } else { Some(DataType::Boolean) };
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

/// Where the columns of a plan come from.
fn origins(plan: &LogicalPlan) -> Vec<Option<(String, String)>> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let below = origins(&projection.input);
            let schema = projection.input.schema();
            let origin = |expr: &Expr| {
                let mut expr = expr;
                while let Expr::Alias(alias) = expr {
                    expr = &alias.expr;
                }
                let Expr::Column(column) = expr else { return None };
                below.get(schema.maybe_index_of_column(column)?)?.clone()
            };
            projection.expr.iter().map(origin).collect()
        }
        LogicalPlan::Sort(sort) => origins(&sort.input),
        LogicalPlan::Limit(limit) => origins(&limit.input),
        LogicalPlan::Filter(filter) => origins(&filter.input),
        LogicalPlan::SubqueryAlias(alias) => origins(&alias.input),
        LogicalPlan::Join(join) => {
            let (left, right) = (origins(&join.left), origins(&join.right));
            let all: Vec<_> = left.into_iter().chain(right).collect();
            if all.len() == join.schema.fields().len() {
                all
            } else {
                vec![None; join.schema.fields().len()]
            }
        }
        LogicalPlan::TableScan(scan) => {
            let table = scan.table_name.to_string();
            let fields = scan.projected_schema.fields().iter();
            fields.map(|field| Some((table.clone(), field.name().clone()))).collect()
        }
        other => vec![None; other.schema().fields().len()],
    }
}
