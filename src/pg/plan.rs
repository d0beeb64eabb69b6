//! A query, planned: its columns as PostgreSQL calls them and the types of its parameters.

use std::iter::repeat;
use std::sync::{Arc, PoisonError};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::sqlparser::ast;
use futures::stream;

use crate::model::Decimal;
use crate::pg::catalog::{CatalogPlan, PgCatalog, SessionInfo};
use crate::pg::encode::RowStyle;
use crate::pg::errors::Fault;
use crate::pg::execute::Tag;
use crate::pg::flow::{Batches, Notes};
use crate::pg::infer::infer;
use crate::pg::parameters::decode_in;
use crate::pg::sql::{adapt, columns, literals, parameters};
use crate::pg::types::Format;
use crate::pg::write::verb;
use crate::pg::{explain, functions, types};
use crate::query::cancel::CancelToken;
use crate::query::error::from_datafusion;
use crate::query::guard::{self, Access};
use crate::query::{Answer, Prepared, Session};

/// What `$1` or another parameter takes.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    pub(super) oid: u32,
    /// The column type that its values are brought to.
    data_type: DataType,
    /// Whether its values do nothing but be written: then they stay as they were sent.
    is_written: bool,
}

/// A query that may be answered many times.
pub(super) struct Plan {
    source: Source,
    pub(super) schema: SchemaRef,
    pub(super) parameters: Vec<Parameter>,
    word: &'static str,
    /// What it does, if it writes.
    pub(super) verb: Option<&'static str>,
}

/// An answer that was started.
pub(super) struct Started {
    pub(super) batches: Batches,
    pub(super) notes: Notes,
    pub(super) tag: Tag,
}

/// Who answers.
enum Source {
    Engine(Prepared),
    /// A statement that writes.
    Write(Prepared),
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
        if let Some(verb) = verb(&statement) {
            return self.plan_write(statement, declared, verb).await;
        }
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
        let mut types = known(&statement, declared)?;
        adapt::adapt(&mut statement);
        columns::alias(&mut statement);
        literals::narrow(&mut statement);
        let prepared = self.typed(&statement, &mut types).await?;
        let parameters = all_parameters(types, declared)?;
        let (source, schema, word) = if is_explain {
            (Source::Explain(prepared), explain::schema(), "EXPLAIN")
        } else {
            let schema = schema(&prepared, names.as_ref());
            (Source::Engine(prepared), schema, "SELECT")
        };
        Ok(Plan { source, schema, parameters, word, verb: None })
    }

    /// Plans a statement that writes. Its parameters are not cast: a number that is written keeps
    /// the digits that it was sent with.
    async fn plan_write(
        &self,
        mut statement: ast::Statement,
        declared: &[u32],
        verb: &'static str,
    ) -> Result<Plan, Fault> {
        columns::unqualify(&mut statement);
        adapt::adapt(&mut statement);
        let mut types = known(&statement, declared)?;
        let request = guard::admit_as(statement.clone(), Access::Write)?;
        let prepared = match self.session.prepare(request).await {
            Ok(prepared) => prepared,
            Err(error) if types.is_empty() => return Err(error.into()),
            // Where nothing can be planned without types.
            Err(error) => {
                let mut cast = statement.clone();
                let text =
                    |known: &Option<ast::DataType>| known.clone().or(Some(ast::DataType::Text));
                parameters::cast(&mut cast, &types.iter().map(text).collect());
                let request = guard::admit_as(cast, Access::Write)?;
                self.session.prepare(request).await.map_err(|_| Fault::from(error))?
            }
        };
        let told = prepared.parameters()?;
        let found = infer(prepared.plan()).map_err(|error| Fault::from(from_datafusion(&error)))?;
        for (place, slot) in types.iter_mut().enumerate().filter(|(_, slot)| slot.is_none()) {
            let told = told.get(place).cloned().flatten();
            let found = || Some(found.get(&format!("${}", place + 1))?.data_type.clone());
            *slot = told.or_else(found).as_ref().and_then(parameters::of_arrow);
        }
        let written = prepared.written();
        let uses = parameters::uses(&statement);
        let mut parameters = all_parameters(types, declared)?;
        for (place, parameter) in parameters.iter_mut().enumerate() {
            parameter.is_written = written.contains(&place) && uses.get(place) == Some(&1);
        }
        let names = |field: &Arc<Field>| columns::shown(field.name()).to_owned();
        let schema = prepared.schema();
        let fields = schema.fields().iter().map(|f| Field::clone(f).with_name(names(f)));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let (source, verb) = (Source::Write(prepared), Some(verb));
        Ok(Plan { source, schema, parameters, word: "SELECT", verb })
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
    ) -> Result<Started, Fault> {
        let answer = |prepared| self.session.execute_with(prepared, values.clone(), token);
        let notes = Notes::default();
        let batches: Batches = match &plan.source {
            Source::Write(prepared) => {
                let answer = answer(prepared).await?;
                let outcome = answer.write_outcome();
                let tag = outcome.map_or_else(String::new, |outcome| outcome.command_tag());
                return Ok(Started { batches: Box::pin(answer), notes, tag: Tag::Said(tag) });
            }
            Source::Engine(prepared) => explained(answer(prepared).await?, Arc::clone(&notes)),
            Source::Explain(prepared) => explain::lines(answer(prepared).await?),
            Source::Catalog(plan) => {
                let batch = plan.answer(&values, &self.told)?;
                Box::pin(stream::iter([Ok(batch)]))
            }
        };
        let tag = match plan.word {
            "SELECT" => Tag::Counted("SELECT"),
            word => Tag::Said(word.to_owned()),
        };
        Ok(Started { batches, notes, tag })
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

/// The types that the text and the client give to parameters.
fn known(statement: &ast::Statement, declared: &[u32]) -> Result<parameters::Types, Fault> {
    let mut types = parameters::said(statement)?;
    if declared.len() > types.len() {
        types.resize(declared.len(), None);
    }
    for (slot, declared) in types.iter_mut().zip(declared) {
        if let Some(declared) = given(*declared)? {
            *slot = Some(declared);
        }
    }
    Ok(types)
}

fn all_parameters(types: parameters::Types, declared: &[u32]) -> Result<Vec<Parameter>, Fault> {
    let declared = declared.iter().copied().chain(repeat(0));
    types.into_iter().zip(declared).map(|(known, declared)| parameter(known, declared)).collect()
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
        Parameter { oid: *oid, data_type, is_written: false }
    });
    let parameters = parameters.collect();
    let schema = Arc::clone(plan.schema());
    Plan { source: Source::Catalog(plan), schema, parameters, word: "SELECT", verb: None }
}

/// The type of a parameter. Where the client has declared one it is told the same again.
fn parameter(data_type: Option<ast::DataType>, declared: u32) -> Result<Parameter, Fault> {
    let data_type = data_type.unwrap_or(ast::DataType::Text);
    let declared = Some(declared).filter(|oid| !matches!(oid, 0 | 705));
    let oid = declared.or_else(|| parameters::to_oid(&data_type)).filter(|oid| *oid != 705);
    let arrow_type = oid.and_then(types::arrow_type);
    match (oid, arrow_type) {
        (Some(oid), Some(data_type)) => Ok(Parameter { oid, data_type, is_written: false }),
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
    /// Whether it was planned over what a session sees now; never for statements that write or that
    /// are about the catalogue.
    pub(super) fn is_current(&self, session: &Session) -> bool {
        match &self.source {
            Source::Engine(prepared) => session.is_current(prepared).unwrap_or(false),
            Source::Write(_) | Source::Explain(_) | Source::Catalog(_) => false,
        }
    }

    /// The relation and the column that each column of the answer is taken from as it is.
    pub(super) fn origins(&self) -> Vec<Option<(String, String)>> {
        match &self.source {
            Source::Engine(prepared) => origins(prepared.plan()),
            Source::Write(_) | Source::Explain(_) | Source::Catalog(_) => Vec::new(),
        }
    }
}

impl Parameter {
    /// A value as it was sent.
    pub(super) fn decode(
        &self,
        bytes: Option<&[u8]>,
        format: Format,
        style: &RowStyle,
    ) -> Result<ScalarValue, Fault> {
        let value = decode_in(bytes, format, self.oid, style)?;
        match bytes {
            // The digits of a number are a part of what is published.
            Some(bytes) if self.is_written && format == Format::Text => {
                let text = bytes.trim_ascii();
                match (Decimal::parse(text), str::from_utf8(text)) {
                    (Some(_), Ok(text)) => Ok(ScalarValue::from(text)),
                    _ => Ok(value),
                }
            }
            _ => self.value(value),
        }
    }

    /// A value of this type, brought from the one that was sent.
    pub(super) fn value(&self, value: ScalarValue) -> Result<ScalarValue, Fault> {
        if self.is_written || value.data_type() == self.data_type {
            return Ok(value);
        }
        value.cast_to(&self.data_type).map_err(|error| Fault::from(from_datafusion(&error)))
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
