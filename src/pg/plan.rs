//! A query, planned: its columns as PostgreSQL calls them and the types of its parameters.

use std::collections::HashMap;
use std::iter::repeat;
use std::sync::{Arc, PoisonError};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result as DataFusionResult, ScalarValue};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, TypeSignature};
use datafusion::sql::sqlparser::ast;
use futures::stream;

use crate::pg::catalog::{CatalogPlan, PgCatalog, SessionInfo};
use crate::pg::errors::Fault;
use crate::pg::flow::{Batches, Notes};
use crate::pg::sql::{adapt, columns, literals, parameters};
use crate::pg::{explain, functions, types};
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
    source: Source,
    pub(super) schema: SchemaRef,
    pub(super) parameters: Vec<Parameter>,
    pub(super) word: &'static str,
}

/// Who answers.
enum Source {
    Engine(Prepared),
    /// The same, as lines of text.
    Explain(Prepared),
    /// A statement about the catalogue alone.
    Catalog(CatalogPlan),
}

/// Who plans and answers the queries of a session.
#[derive(Clone)]
pub(super) struct Planner {
    pub(super) session: Arc<Session>,
    pub(super) catalog: Arc<PgCatalog>,
    pub(super) told: Arc<SessionInfo>,
}

impl Planner {
    /// Plans a statement. `declared` has the types that the client gives to parameters, and 0 where
    /// it leaves one open: those follow from their places in the statement, and are text where
    /// nothing follows.
    pub(super) async fn plan(
        &self,
        mut statement: ast::Statement,
        declared: &[u32],
    ) -> Result<Plan, Fault> {
        if !functions::is_called(&statement) {
            let catalogue = self.session.catalogue()?;
            let plan = self.catalog.plan(&statement, declared, &self.told, &catalogue)?;
            if let Some(plan) = plan {
                return Ok(of_catalog(plan));
            }
        }
        guard::admit(statement.clone())?;
        columns::unqualify(&mut statement);
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
            if let Some(declared) = given(*declared)? {
                *slot = Some(declared);
            }
        }
        adapt::adapt(&mut statement);
        columns::alias(&mut statement);
        literals::narrow(&mut statement);
        let prepared = self.typed(&statement, &mut types).await?;
        let declared = declared.iter().copied().chain(repeat(0));
        let parameters = types.into_iter().zip(declared);
        let parameters = parameters.map(|(data_type, declared)| parameter(data_type, declared));
        let parameters = parameters.collect::<Result<_, Fault>>()?;
        let (source, schema, word) = if is_explain {
            (Source::Explain(prepared), explain::schema(), "EXPLAIN")
        } else {
            let schema = schema(&prepared, names.as_ref());
            (Source::Engine(prepared), schema, "SELECT")
        };
        Ok(Plan { source, schema, parameters, word })
    }

    /// Plans with a type for each parameter, and notes the types that were found.
    async fn typed(
        &self,
        statement: &ast::Statement,
        types: &mut parameters::Types,
    ) -> Result<Prepared, Fault> {
        let is_typed = types.iter().all(Option::is_some);
        let prepared = match self.prepare(statement, types).await {
            Ok(prepared) if is_typed => return Ok(prepared),
            Ok(prepared) => prepared,
            Err(fault) if is_typed => return Err(fault),
            Err(fault) => {
                // Where nothing can be planned without types, only texts are left to try.
                let text = |slot: &mut Option<ast::DataType>| {
                    slot.get_or_insert(ast::DataType::Text);
                };
                types.iter_mut().for_each(text);
                return self.prepare(statement, types).await.map_err(|_| fault);
            }
        };
        let found = infer(prepared.plan()).map_err(|error| Fault::from(from_datafusion(&error)))?;
        let mut is_open = false;
        for (number, slot) in (1..).zip(types.iter_mut()).filter(|(_, slot)| slot.is_none()) {
            let found = found.get(&format!("${number}"));
            let data_type = found.and_then(|found| parameters::of_arrow(&found.data_type));
            is_open |= found.is_none_or(|found| !found.is_planned);
            *slot = Some(data_type.unwrap_or(ast::DataType::Text));
        }
        if is_open { self.prepare(statement, types).await } else { Ok(prepared) }
    }

    async fn prepare(
        &self,
        statement: &ast::Statement,
        types: &parameters::Types,
    ) -> Result<Prepared, Fault> {
        let mut statement = statement.clone();
        parameters::cast(&mut statement, types);
        let prepared = self.session.prepare(guard::admit(statement)?).await;
        prepared.map_err(Fault::from)
    }

    /// Starts the answer of a plan, with values for all its parameters.
    pub(super) async fn execute(
        &self,
        plan: &Plan,
        values: Vec<ScalarValue>,
        token: &CancelToken,
    ) -> Result<(Batches, Notes), Fault> {
        let answer = |prepared| self.session.execute_with(prepared, values.clone(), token);
        let notes = Notes::default();
        let batches: Batches = match &plan.source {
            Source::Engine(prepared) => explained(answer(prepared).await?, Arc::clone(&notes)),
            Source::Explain(prepared) => explain::lines(answer(prepared).await?),
            Source::Catalog(plan) => {
                let batch = plan.answer(&values, &self.told)?;
                Box::pin(stream::iter([Ok(batch)]))
            }
        };
        Ok((batches, notes))
    }
}

/// The rows of an answer; if there are none, the notes say why.
fn explained(answer: Answer, notes: Notes) -> Batches {
    let next = |(mut answer, mut is_empty, notes): (Answer, bool, Notes)| async move {
        let Some(batch) = answer.next().await else {
            if is_empty {
                let why = answer.why_empty().unwrap_or_default();
                notes.lock().unwrap_or_else(PoisonError::into_inner).extend(why);
            }
            return None;
        };
        is_empty &= batch.as_ref().is_ok_and(|batch| batch.num_rows() == 0);
        Some((batch, (answer, is_empty, notes)))
    };
    Box::pin(stream::unfold((answer, true, notes), next))
}

/// The type that a client gives; zero and `unknown` leave it to us.
fn given(oid: u32) -> Result<Option<ast::DataType>, Fault> {
    match oid {
        0 | 705 => Ok(None),
        oid => match parameters::of_oid(oid) {
            Some(data_type) => Ok(Some(data_type)),
            None => Err(Fault::unsupported(format!("a parameter of the type with number {oid}"))),
        },
    }
}

fn of_catalog(plan: CatalogPlan) -> Plan {
    let parameters = plan.parameters().iter().map(|oid| {
        let data_type = types::arrow_type(*oid).unwrap_or(DataType::Utf8);
        Parameter { oid: *oid, data_type }
    });
    let parameters = parameters.collect();
    let schema = Arc::clone(plan.schema());
    Plan { source: Source::Catalog(plan), schema, parameters, word: "SELECT" }
}

/// The type of a parameter. Where the client has declared one it is told the same again.
fn parameter(data_type: Option<ast::DataType>, declared: u32) -> Result<Parameter, Fault> {
    let data_type = data_type.unwrap_or(ast::DataType::Text);
    let declared = Some(declared).filter(|oid| !matches!(oid, 0 | 705));
    let oid = declared.or_else(|| parameters::to_oid(&data_type)).filter(|oid| *oid != 705);
    let arrow_type = oid.and_then(types::arrow_type);
    match (oid, arrow_type) {
        (Some(oid), Some(data_type)) => Ok(Parameter { oid, data_type }),
        _ => Err(Fault::unsupported(format!("a parameter of type {data_type}"))),
    }
}

/// The columns, under the names that PostgreSQL gives them.
fn schema(prepared: &Prepared, given: Option<&columns::Names>) -> SchemaRef {
    let found = prepared.schema();
    let plain = found.fields().iter().map(|field| columns::shown(field.name()).to_owned());
    let plain: Vec<String> = plain.collect();
    let names = match given {
        Some(given) => given.fill(plain),
        None => plain,
    };
    let declared = given.map(|given| given.types(names.len())).unwrap_or_default();
    let fields = found.fields().iter().zip(names).enumerate();
    let fields = fields.map(|(place, (field, name))| {
        let field = Field::clone(field).with_name(name);
        match declared.get(place).and_then(Option::as_deref) {
            Some("numeric") if !matches!(field.data_type(), DataType::Decimal128(..)) => field,
            Some(data_type) => types::with_type(field, data_type),
            None => field,
        }
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Plan {
    /// The relation and the column that each column of the answer is taken from as it is.
    pub(super) fn origins(&self) -> Vec<Option<(String, String)>> {
        match &self.source {
            Source::Engine(prepared) => origins(prepared.plan()),
            Source::Explain(_) | Source::Catalog(_) => Vec::new(),
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
