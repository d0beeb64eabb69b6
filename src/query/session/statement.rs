//! One session, and the life of one statement.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast;
use futures::stream;

use crate::error::{Error, Result};
use crate::query::cancel::CancelToken;
use crate::query::catalogue::{Catalogue, SEARCH_SCHEMA};
use crate::query::error::from_datafusion;
use crate::query::guard::{self, Access, Request};
use crate::query::names;
use crate::query::session::answer::Origin;
use crate::query::session::headers;
use crate::query::session::long;
use crate::query::session::plans::{Optimized, Planned, Run, reads_session};
use crate::query::session::prepared::Prepared;
use crate::query::session::ready::{Configure, Ready, Visible};
use crate::query::session::settings::{self, Settings};
use crate::query::session::transaction::Open;
use crate::query::{Answer, Engine, WriterIdentity};
use crate::store::Snapshot;

/// One user or connection. Statements may run at the same time.
pub struct Session {
    pub(super) engine: Arc<Engine>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) settings: Settings,
    configure: Option<Configure>,
    /// The one snapshot of a transaction that must not see what others commit.
    pub(super) pinned: Option<Arc<Snapshot>>,
    /// Who writes; absent where the session only reads.
    pub(super) writer: Option<WriterIdentity>,
    /// The transaction that the client has begun.
    pub(super) open: Option<Open>,
    /// The pending release that is seen as if it were published.
    pub(super) preview: Option<String>,
    pub(super) ready: Option<Arc<Ready>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self { engine, state: Mutex::default() }
    }

    /// The engine that it belongs to.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The value of a setting: `sdmx.language`, `search_path`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such setting.
    pub fn setting(&self, name: &str) -> Result<String> {
        self.with(|state| state.settings.get(name).map(str::to_owned))
    }

    /// Has a front's part of the configuration made by `configure`, from the next statement on.
    pub fn configure(
        &self,
        configure: impl Fn(SessionConfig) -> SessionConfig + Send + Sync + 'static,
    ) {
        self.with(|state| {
            state.configure = Some(Arc::new(configure));
            state.ready = None;
        });
    }

    /// What its statements see of the database at this moment.
    ///
    /// # Errors
    ///
    /// Those of reading the newest commits.
    pub fn catalogue(&self) -> Result<Arc<Catalogue>> {
        Ok(Arc::clone(&self.ready()?.catalogue))
    }

    /// Shows a snapshot to all statements until [`Session::unpin`].
    pub fn pin_to(&self, snapshot: Arc<Snapshot>) {
        self.with(|state| state.pinned = Some(snapshot));
    }

    /// Keeps the snapshot of this moment for all statements until [`Session::unpin`].
    ///
    /// # Errors
    ///
    /// Those of reading the newest commits.
    pub fn pin(&self) -> Result<()> {
        let snapshot = self.engine.database().snapshot()?;
        self.with(|state| state.pinned = Some(snapshot));
        Ok(())
    }

    /// Lets each statement see the newest snapshot again.
    pub fn unpin(&self) {
        self.with(|state| state.pinned = None);
    }

    /// Shows the statements from now on what a pending release would publish, or without one what
    /// everybody sees. The caller has made sure that the reader may see it.
    pub fn preview(&self, release: Option<String>) {
        self.with(|state| state.preview = release);
    }

    /// Sets one; without a value, to its default.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no such setting, [`Error::Invalid`] for a wrong value.
    pub fn set(&self, name: &str, value: Option<&str>) -> Result<()> {
        self.with(|state| state.settings.set(name, value))
    }

    /// Parses a text of any number of statements and refuses those that may not run.
    ///
    /// # Errors
    ///
    /// Those of [`guard::parse`].
    pub fn parse(&self, sql: &str) -> Result<Vec<Request>> {
        let access = if self.is_writer() { Access::Write } else { Access::Read };
        guard::parse_as(sql, access)
    }

    /// Answers a text of one statement.
    ///
    /// # Errors
    ///
    /// Those of [`guard::parse`]; [`Error::NotFound`] for a table, column or function, with the
    /// nearest; [`Error::Invalid`] and [`Error::Unsupported`] for what cannot be planned. What goes
    /// wrong later comes with the rows.
    pub async fn sql(&self, sql: &str) -> Result<Answer> {
        let mut requests = self.parse(sql)?;
        match (requests.pop(), requests.is_empty()) {
            (Some(request), true) => self.run(request).await,
            (Some(_), false) => {
                Err(Error::invalid("statement", "there are several; send one at a time"))
            }
            (None, _) => Err(Error::syntax("statement", "there is none")),
        }
    }

    /// Answers one statement.
    ///
    /// # Errors
    ///
    /// Those of [`Session::sql`].
    pub async fn run(&self, request: Request) -> Result<Answer> {
        if !matches!(request, Request::Transact(_)) {
            self.check_failed()?;
        }
        match request {
            Request::Transact(command) => nothing(self.transact(&command)?),
            Request::Write(_) => {
                let prepared = self.prepare(request).await?;
                self.execute(&prepared, Vec::new()).await
            }
            Request::Query(statement) => {
                let prepared = self.plan(statement).await?;
                let Prepared { tag, plan, ready, .. } = prepared;
                self.execute_planned(tag, &plan, &ready, None).await
            }
            Request::Set { name, value } => {
                self.set(&name, value.as_deref())?;
                nothing("SET")
            }
            Request::Reset { name } if name == "all" => {
                self.with(|state| state.settings = Settings::default());
                nothing("RESET")
            }
            Request::Reset { name } => {
                self.set(&name, None)?;
                nothing("RESET")
            }
            Request::Show { name } => self.show(&name),
        }
    }

    /// Plans a statement, which may have parameters.
    ///
    /// # Errors
    ///
    /// Those of [`Session::sql`]; [`Error::Unsupported`] for SET, RESET and SHOW.
    pub async fn prepare(&self, request: Request) -> Result<Prepared> {
        match request {
            Request::Query(statement) => self.plan(statement).await,
            Request::Write(statement) => {
                self.check_writer()?;
                self.plan_write(statement).await
            }
            _ => Err(Error::Unsupported { what: "preparing SET, RESET or SHOW".to_owned() }),
        }
    }

    /// Whether a statement was prepared over what its next answer would be taken from.
    ///
    /// # Errors
    ///
    /// Those of reading the newest commits.
    pub fn is_current(&self, prepared: &Prepared) -> Result<bool> {
        Ok(Arc::ptr_eq(&self.ready()?, &prepared.ready))
    }

    /// Answers a prepared statement with values for `$1`, `$2` and so on. It is planned again if
    /// the data or the settings changed.
    ///
    /// # Errors
    ///
    /// Those of [`Session::sql`]; [`Error::Invalid`] for a missing value.
    pub async fn execute(&self, prepared: &Prepared, values: Vec<ScalarValue>) -> Result<Answer> {
        self.answer(prepared, values, None).await
    }

    /// The same, for a statement that stops when its token says so.
    ///
    /// # Errors
    ///
    /// Those of [`Session::execute`]; [`Error::Invalid`] once the token is cancelled.
    pub async fn execute_with(
        &self,
        prepared: &Prepared,
        values: Vec<ScalarValue>,
        token: &CancelToken,
    ) -> Result<Answer> {
        self.answer(prepared, values, Some(token)).await
    }

    async fn answer(
        &self,
        prepared: &Prepared,
        values: Vec<ScalarValue>,
        token: Option<&CancelToken>,
    ) -> Result<Answer> {
        if prepared.write.is_some() {
            return self.answer_write(prepared, &values, token).await;
        }
        let (plan, ready) = if Arc::ptr_eq(&self.ready()?, &prepared.ready) {
            (Arc::clone(&prepared.plan), Arc::clone(&prepared.ready))
        } else {
            let again = self.plan(prepared.statement.clone()).await?;
            (again.plan, again.ready)
        };
        if values.is_empty() {
            return self.execute_planned(prepared.tag, &plan, &ready, token).await;
        }
        let values = ParamValues::from(values);
        let bound = plan.bound(&ready.session, &values);
        if let Some(bound) = bound.map_err(|error| from_datafusion(&error))? {
            let optimized = Optimized::new(bound);
            let operators = optimized.operators(&ready.session).await;
            let operators = operators.map_err(|error| from_datafusion(&error))?;
            let schema = headers::named(&plan.logical, &operators.schema());
            let run = Run { operators, schema, optimized };
            return self.answer_with(prepared.tag, run, &ready, token);
        }
        let plan = plan.logical.clone().with_param_values(values);
        let plan = plan.map_err(|error| from_datafusion(&error))?;
        self.execute_plan(prepared.tag, &plan, &ready, token).await
    }

    async fn plan(&self, statement: Box<Statement>) -> Result<Prepared> {
        let (ready, tag) = (self.ready()?, tag(&statement));
        let tree = match statement.as_ref() {
            Statement::Statement(tree) => Some(tree.as_ref()),
            _ => None,
        };
        if let Some(plan) = tree.and_then(|tree| ready.plans.get(tree)) {
            return Ok(Prepared { statement, tag, plan, ready, write: None });
        }
        let planned = ready.session.statement_to_plan((*statement).clone()).await;
        let plan = planned.map_err(|error| Self::explained(from_datafusion(&error), &ready))?;
        guard::check_plan(&plan)?;
        let plan = Planned::new(plan);
        if let Some(tree) = tree {
            ready.plans.keep(tree, &plan);
        }
        Ok(Prepared { statement, tag, plan, ready, write: None })
    }

    /// Answers a plan that is not kept.
    pub(super) async fn execute_plan(
        &self,
        tag: &'static str,
        logical: &LogicalPlan,
        ready: &Arc<Ready>,
        token: Option<&CancelToken>,
    ) -> Result<Answer> {
        self.execute_planned(tag, &Planned::new(logical.clone()), ready, token).await
    }

    /// Answers a plan with the operators of an earlier run, if there are.
    async fn execute_planned(
        &self,
        tag: &'static str,
        planned: &Arc<Planned>,
        ready: &Arc<Ready>,
        token: Option<&CancelToken>,
    ) -> Result<Answer> {
        if let Some(run) = planned.again().map_err(|error| from_datafusion(&error))? {
            return self.answer_with(tag, run, ready, token);
        }
        let logical = &planned.logical;
        let reads_session = reads_session(logical).map_err(|error| from_datafusion(&error))?;
        let mut own;
        let session = if reads_session {
            // `now()` is one moment for the whole statement.
            own = ready.session.clone();
            own.mark_start_execution();
            &own
        } else {
            &ready.session
        };
        let optimized = session.optimize(logical).map_err(|error| from_datafusion(&error))?;
        let optimized = Optimized::new(optimized);
        let operators = optimized.operators(session).await;
        let operators = operators.map_err(|error| from_datafusion(&error))?;
        let schema = headers::named(logical, &operators.schema());
        let run = Run { operators, schema, optimized };
        if !reads_session {
            planned.keep(&run);
        }
        self.answer_with(tag, run, ready, token)
    }

    /// Starts the operators of a plan.
    fn answer_with(
        &self,
        tag: &'static str,
        run: Run,
        ready: &Arc<Ready>,
        token: Option<&CancelToken>,
    ) -> Result<Answer> {
        let Run { operators, schema, optimized } = run;
        let (task, long) = (ready.task(token), self.engine.long());
        let stream = long::execute(Arc::clone(&operators), task, long);
        let stream = stream.map_err(|error| from_datafusion(&error))?;
        let origin = Origin { plan: optimized, ready: Arc::clone(ready) };
        Ok(Answer::new(tag, schema, Some(operators), stream).with_origin(origin))
    }

    /// What planning needs, for the snapshot of this moment.
    pub(super) fn ready(&self) -> Result<Arc<Ready>> {
        let visible = match self.with(State::visible)? {
            Some(visible) => visible,
            None => match self.with(|state| state.preview.clone()) {
                Some(release) => Visible::Own(self.engine.database().preview(&release)?),
                None => Visible::Shared(self.engine.database().snapshot()?),
            },
        };
        self.ready_on(&visible)
    }

    /// The same for a snapshot.
    pub(super) fn ready_on(&self, visible: &Visible) -> Result<Arc<Ready>> {
        let (Visible::Shared(snapshot) | Visible::Own(snapshot)) = visible;
        self.with(|state| {
            if let Some(ready) = &state.ready
                && ready.settings == state.settings
                && Arc::ptr_eq(&ready.newest, snapshot)
            {
                return Ok(Arc::clone(ready));
            }
            let (settings, configure) = (state.settings.clone(), state.configure.as_ref());
            let ready = Arc::new(Ready::open(&self.engine, visible, settings, configure)?);
            state.ready = Some(Arc::clone(&ready));
            Ok(ready)
        })
    }

    /// An unknown table, with the nearest that is known.
    pub(super) fn explained(error: Error, ready: &Ready) -> Error {
        let Error::NotFound { kind: "table", id } = &error else { return error };
        let parts: Vec<&str> = id.split('.').collect();
        let (schema, table) = match parts.as_slice() {
            [_, schema, table] | [schema, table] => (*schema, *table),
            _ => return error,
        };
        let schemas = ready.catalogue.schema_names();
        let known = |schema: &str| ready.catalogue.tables(schema).into_iter().map(|(name, _)| name);
        if schema == SEARCH_SCHEMA {
            let all: Vec<String> = schemas.iter().flat_map(|schema| known(schema)).collect();
            return Error::not_found(
                "table",
                names::with_nearest(table, all.iter().map(String::as_str)),
            );
        }
        if !schemas.iter().any(|name| name == schema) {
            let all = schemas.iter().map(String::as_str);
            return Error::not_found("schema", names::with_nearest(schema, all));
        }
        let all: Vec<String> = known(schema).collect();
        let named = names::with_nearest(table, all.iter().map(String::as_str));
        Error::not_found("table", format!("{}.{named}", names::quoted(schema)))
    }

    fn show(&self, name: &str) -> Result<Answer> {
        let settings = self.with(|state| state.settings.clone());
        let text = |names: &[&str]| -> SchemaRef {
            let fields = names.iter().map(|name| Field::new(*name, DataType::Utf8View, false));
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        };
        let batch = if name == "all" {
            let names = settings::ALL.iter().map(|(name, _)| *name);
            let values: Result<Vec<&str>> = names.clone().map(|name| settings.get(name)).collect();
            let column = |values: Vec<&str>| Arc::new(StringViewArray::from(values));
            let columns: Vec<ArrayRef> = vec![
                column(names.collect()),
                column(values?),
                column(settings::ALL.iter().map(|(_, what)| *what).collect()),
            ];
            RecordBatch::try_new(text(&["name", "setting", "description"]), columns)
        } else {
            let value = Arc::new(StringViewArray::from(vec![settings.get(name)?]));
            RecordBatch::try_new(text(&[name]), vec![value])
        };
        Ok(one_batch("SHOW", batch.map_err(|error| from_datafusion(&error.into()))?))
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn tag(statement: &Statement) -> &'static str {
    match statement {
        Statement::Explain(_) => "EXPLAIN",
        Statement::Statement(inner) => match inner.as_ref() {
            ast::Statement::ShowTables { .. } | ast::Statement::ShowColumns { .. } => "SHOW",
            ast::Statement::Explain { .. } | ast::Statement::ExplainTable { .. } => "EXPLAIN",
            _ => "SELECT",
        },
        _ => "SELECT",
    }
}

fn nothing(tag: &'static str) -> Result<Answer> {
    let options = RecordBatchOptions::new().with_row_count(Some(0));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options);
    Ok(one_batch(tag, batch.map_err(|error| from_datafusion(&error.into()))?))
}

fn one_batch(tag: &'static str, batch: RecordBatch) -> Answer {
    let schema = batch.schema();
    let rows = stream::iter((batch.num_rows() > 0).then_some(Ok(batch)));
    let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows));
    Answer::new(tag, schema, None, stream)
}
