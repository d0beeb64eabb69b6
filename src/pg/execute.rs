//! Doing what a command asks for.
//!
//! A command is done at once, or it gives rows. Rows are not calculated here: they are started, and
//! whoever asked sends them at its own pace.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::ast;
use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::Mutex;

use crate::pg::copy::CopyOptions;
use crate::pg::cursor::{self, Scroll};
use crate::pg::errors::Fault;
use crate::pg::flow::{Batches, Notes};
use crate::pg::plan::{Plan, Started};
use crate::pg::portal::{self, Body, Cursor, Portal, Statement};
use crate::pg::session::Session;
use crate::pg::settings::{Scope, Settings};
use crate::pg::sql::command;
use crate::pg::sql::command::{Command, Discard, Set};
use crate::pg::sql::copy::Copy;
use crate::pg::sql::cursor::{Declare, Fetch};
use crate::pg::sql::parameters;
use crate::pg::sql::text::{self, Part};
use crate::pg::wire::{Running, Stop, Wire};
use crate::pg::write::{Intake, verb};
use crate::query::cancel::CancelToken;
use crate::query::error::from_datafusion;

/// What a command comes to.
pub(super) enum Outcome {
    /// It is done; the tag says what.
    Done(String),
    Rows(Rows),
    Copy(Rows, CopyOptions),
    /// Rows are taken from the client.
    CopyFrom(Box<Intake>),
}

/// What the end of an answer is called.
#[derive(Clone, Debug)]
pub(super) enum Tag {
    /// A word, with the number of rows that were sent.
    Counted(&'static str),
    Said(String),
}

impl Tag {
    /// The tag after so many rows.
    pub(super) fn after(&self, rows: usize) -> String {
        match self {
            Self::Counted(word) => format!("{word} {rows}"),
            Self::Said(tag) => tag.clone(),
        }
    }
}

/// Rows that were started.
pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    pub(super) origins: Vec<Option<(String, String)>>,
    pub(super) batches: Batches,
    pub(super) notes: Notes,
    pub(super) tag: Tag,
    /// Whether they are sent in binary unless something else is asked for.
    pub(super) is_binary: bool,
}

impl Session {
    /// Reads one statement and plans it, if it is a query.
    pub(super) async fn parse(
        &self,
        wire: &mut Wire,
        running: &mut Running,
        sql: &str,
        part: Part,
        declared: &[u32],
    ) -> Result<Statement, Stop> {
        let command = command::parse(sql, &part)?;
        if !matches!(command, Command::Transact(_)) {
            self.check_failed()?;
        }
        let query = match &command {
            Command::Query(statement) => Some(statement.as_ref().clone()),
            Command::Copy(copy) => Some(copy.query.as_ref().clone()),
            Command::Declare(declare) => Some(declare.query.as_ref().clone()),
            _ => None,
        };
        let plan = match query {
            Some(query) => Some(self.plan(wire, running, (sql, &part), query, declared).await?),
            None => None,
        };
        let body = Some(Body { part, command, plan });
        Ok(Statement { sql: sql.to_owned(), body })
    }

    async fn plan(
        &self,
        wire: &mut Wire,
        running: &mut Running,
        (sql, part): (&str, &Part),
        query: ast::Statement,
        declared: &[u32],
    ) -> Result<Arc<Plan>, Stop> {
        if let Some(verb) = verb(&query) {
            self.admit_writer(verb)?;
        }
        self.see_release()?;
        let (planner, declared) = (self.planner(), declared.to_vec());
        let (sql, part) = (sql.to_owned(), part.clone());
        let plan = Box::pin(async move {
            let plan = Box::pin(planner.plan(query, &declared)).await;
            plan.map(Arc::new).map_err(|fault| portal::locate(&sql, &part, fault))
        });
        self.away(wire, running, plan).await
    }

    /// Does what a statement asks for, with values for its parameters.
    pub(super) async fn execute(
        &mut self,
        wire: &mut Wire,
        running: &mut Running,
        body: &Body,
        values: Vec<ScalarValue>,
    ) -> Result<Outcome, Stop> {
        if !matches!(body.command, Command::Transact(_)) {
            self.check_failed()?;
        }
        match &body.command {
            Command::Query(_) => self.query(wire, running, body, values).await,
            Command::Copy(Copy { options, .. }) => {
                match self.query(wire, running, body, values).await? {
                    Outcome::Rows(rows) => Ok(Outcome::Copy(rows, options.clone())),
                    _ => Err(Fault::unsupported("COPY of a statement that writes").into()),
                }
            }
            Command::CopyFrom(from) => Ok(Outcome::CopyFrom(Box::new(self.copy_in(from)?))),
            Command::Transact(command) => {
                Ok(Outcome::Done(self.transact(command).await?.to_owned()))
            }
            Command::Prepare { name, types, statement } => {
                self.prepare_sql(wire, running, body, (name, types, statement)).await?;
                Ok(Outcome::Done("PREPARE".to_owned()))
            }
            Command::Execute { name, arguments } => {
                self.execute_prepared(wire, running, name, arguments).await
            }
            Command::Declare(declare) => {
                self.declare(wire, running, body, declare, values).await?;
                Ok(Outcome::Done("DECLARE CURSOR".to_owned()))
            }
            Command::Fetch(fetch) => self.fetch(wire, running, fetch).await,
            Command::Show(name) => Ok(Outcome::Rows(self.show(name.as_deref())?)),
            other => Ok(Outcome::Done(self.change(other)?.to_owned())),
        }
    }

    /// Does what changes the session alone, and returns the tag of the answer.
    fn change(&mut self, command: &Command) -> Result<&'static str, Fault> {
        match command {
            Command::Set(set) => self.apply_set(set).map(|()| "SET"),
            Command::Reset(None) => {
                self.settings().reset_all();
                Ok("RESET")
            }
            Command::Reset(Some(name)) => {
                self.set(name, None, Scope::Session)?;
                Ok("RESET")
            }
            Command::Discard(what) => self.discard(*what),
            Command::Deallocate(Some(name)) => {
                if !self.deallocate(name) {
                    self.statement(name)?;
                }
                Ok("DEALLOCATE")
            }
            Command::Deallocate(None) => {
                self.deallocate_all();
                Ok("DEALLOCATE ALL")
            }
            Command::CloseCursor(Some(name)) => self.close_cursor(name).map(|()| "CLOSE CURSOR"),
            Command::CloseCursor(None) => {
                self.retain_portals(|portal| matches!(portal, Portal::Bound(_)));
                Ok("CLOSE CURSOR ALL")
            }
            Command::Nothing(tag) => Ok(tag),
            Command::Refused(what) => {
                self.admit_writer(what)?;
                let hint = "Structures are loaded with `sdmxdb load`.";
                Err(Fault::unsupported(what).hint(hint))
            }
            Command::Query(_)
            | Command::Copy(_)
            | Command::CopyFrom(_)
            | Command::Transact(_)
            | Command::Prepare { .. }
            | Command::Execute { .. }
            | Command::Declare(_)
            | Command::Fetch(_)
            | Command::Show(_) => Err(Fault::new("XX000", "internal error: rows are no change")),
        }
    }

    async fn prepare_sql(
        &mut self,
        wire: &mut Wire,
        running: &mut Running,
        body: &Body,
        (name, types, statement): (&str, &[ast::DataType], &ast::Statement),
    ) -> Result<(), Stop> {
        let oids = types.iter().map(|data_type| {
            let unknown = || Fault::unsupported(format!("a parameter of type {data_type}"));
            parameters::to_oid(data_type).ok_or_else(unknown)
        });
        let oids = oids.collect::<Result<Vec<u32>, Fault>>()?;
        let plan = self.plan(wire, running, ("", &body.part), statement.clone(), &oids).await?;
        let command = Command::Query(Box::new(statement.clone()));
        let inner = Body { part: body.part.clone(), command, plan: Some(plan) };
        let inner = Statement { sql: String::new(), body: Some(inner) };
        Ok(self.prepare(name, Arc::new(inner))?)
    }

    async fn query(
        &self,
        wire: &mut Wire,
        running: &mut Running,
        body: &Body,
        values: Vec<ScalarValue>,
    ) -> Result<Outcome, Stop> {
        let Some(plan) = &body.plan else {
            return Err(Fault::new("XX000", "internal error: a query without a plan").into());
        };
        self.run_plan(wire, running, plan, values).await
    }

    /// Does what a plan says, which may write.
    async fn run_plan(
        &self,
        wire: &mut Wire,
        running: &mut Running,
        plan: &Arc<Plan>,
        values: Vec<ScalarValue>,
    ) -> Result<Outcome, Stop> {
        let Some(verb) = plan.verb else {
            return Ok(Outcome::Rows(self.start_plan(wire, running, plan, values).await?));
        };
        self.admit_writer(verb)?;
        self.see_release()?;
        self.join_transaction();
        let (planner, token) = (self.planner(), running.token.clone());
        let started = Arc::clone(plan);
        let written = Box::pin(async move { planner.execute(&started, values, &token).await });
        let Started { batches, notes, tag } = self.away_to_end(wire, running, written).await?;
        if plan.schema.fields().is_empty() {
            return Ok(Outcome::Done(tag.after(0)));
        }
        let (schema, origins) = (Arc::clone(&plan.schema), plan.origins());
        Ok(Outcome::Rows(Rows { schema, origins, batches, notes, tag, is_binary: false }))
    }

    /// Starts a plan that only reads.
    async fn start_plan(
        &self,
        wire: &mut Wire,
        running: &mut Running,
        plan: &Arc<Plan>,
        values: Vec<ScalarValue>,
    ) -> Result<Rows, Stop> {
        if plan.verb.is_some() {
            return Err(Fault::unsupported("a statement that writes in this place").into());
        }
        self.see_release()?;
        let (planner, token) = (self.planner(), running.token.clone());
        let started = Arc::clone(plan);
        let batches = Box::pin(async move { planner.execute(&started, values, &token).await });
        let Started { batches, notes, tag } = self.away(wire, running, batches).await?;
        let (schema, origins) = (Arc::clone(&plan.schema), plan.origins());
        Ok(Rows { schema, origins, batches, notes, tag, is_binary: false })
    }

    fn apply_set(&mut self, set: &Set) -> Result<(), Fault> {
        let Set { name, value, is_local } = set;
        if *is_local && !self.transaction.is_block() {
            let text = "SET LOCAL can only be used in transaction blocks";
            self.notices.push(Fault::warning("25P01", text));
            return Ok(());
        }
        if name == "transaction_isolation"
            && let Some(level) = value
        {
            let modes = vec![("transaction_isolation", level.clone())];
            return self.set_modes(&modes);
        }
        let scope = if *is_local { Scope::Local } else { Scope::Session };
        self.set(name, value.as_deref(), scope)
    }

    fn show(&self, name: Option<&str>) -> Result<Rows, Fault> {
        let settings = self.settings().clone();
        let texts = |values: Vec<String>| -> ArrayRef {
            Arc::new(StringViewArray::from_iter_values(values))
        };
        let (names, columns) = if let Some(name) = name {
            (vec![Settings::shown(name)], vec![texts(vec![settings.get(name)?])])
        } else {
            let (names, values): (Vec<String>, Vec<String>) = settings.all().into_iter().unzip();
            let blank = vec![String::new(); names.len()];
            let columns = vec![texts(names), texts(values), texts(blank)];
            (["name", "setting", "description"].map(str::to_owned).to_vec(), columns)
        };
        let fields = names.into_iter().map(|name| Field::new(name, DataType::Utf8View, false));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
        let batch = batch.map_err(|error| Fault::from(from_datafusion(&error.into())))?;
        let batches: Batches = Box::pin(stream::iter([Ok(batch)]));
        let (origins, notes) = (Vec::new(), Notes::default());
        Ok(Rows {
            schema,
            origins,
            batches,
            notes,
            tag: Tag::Said("SHOW".to_owned()),
            is_binary: false,
        })
    }

    fn discard(&mut self, what: Discard) -> Result<&'static str, Fault> {
        match what {
            Discard::Plans | Discard::Other => Ok(what.tag()),
            Discard::All if self.transaction.is_open() => {
                let text = "DISCARD ALL cannot run inside a transaction block";
                Err(Fault::new("25001", text))
            }
            Discard::All => {
                self.retain_portals(|_| false);
                self.deallocate_all();
                self.settings().reset_all();
                Ok(what.tag())
            }
        }
    }

    async fn execute_prepared(
        &mut self,
        wire: &mut Wire,
        running: &mut Running,
        name: &str,
        arguments: &[ast::Expr],
    ) -> Result<Outcome, Stop> {
        let statement = self.statement(name)?;
        let expected = statement.parameters().len();
        if arguments.len() != expected {
            let text = format!("wrong number of parameters for prepared statement \"{name}\"");
            let detail = format!("Expected {expected} parameters but got {}.", arguments.len());
            return Err(Fault::new("42601", text).detail(detail).into());
        }
        let values = match arguments {
            [] => Vec::new(),
            arguments => {
                let values = self.evaluate(wire, running, arguments).await?;
                let parameters = statement.parameters().iter().zip(values);
                parameters.map(|(p, value)| p.value(value)).collect::<Result<_, Fault>>()?
            }
        };
        let Some(body) = &statement.body else { return Ok(Outcome::Done(String::new())) };
        match (&body.command, &body.plan) {
            (Command::Query(_), Some(plan)) => self.run_plan(wire, running, plan, values).await,
            _ => Err(Fault::unsupported("EXECUTE of a statement that is no query").into()),
        }
    }

    /// The values of expressions that name no column.
    async fn evaluate(
        &self,
        wire: &mut Wire,
        running: &mut Running,
        expressions: &[ast::Expr],
    ) -> Result<Vec<ScalarValue>, Stop> {
        let list: Vec<String> = expressions.iter().map(ToString::to_string).collect();
        let sql = format!("SELECT {}", list.join(", "));
        let parts = text::split(&sql)?;
        let Some(part) = parts.into_iter().next() else { return Ok(Vec::new()) };
        let statement = text::statement(&sql, part.tokens.clone())?;
        let plan = self.plan(wire, running, (&sql, &part), statement, &[]).await?;
        let rows = self.start_plan(wire, running, &plan, Vec::new()).await?;
        let batches =
            async move { rows.batches.try_collect::<Vec<_>>().await.map_err(Fault::from) };
        let batches = self.away(wire, running, batches).await?;
        let row = batches.into_iter().find(|batch| batch.num_rows() == 1);
        let row = row.ok_or_else(|| Fault::new("XX000", "internal error: no values"))?;
        let values = row.columns().iter().map(|column| ScalarValue::try_from_array(column, 0));
        let values: Result<Vec<ScalarValue>, _> = values.collect();
        Ok(values.map_err(|error| Fault::from(from_datafusion(&error)))?)
    }

    async fn declare(
        &mut self,
        wire: &mut Wire,
        running: &mut Running,
        body: &Body,
        declare: &Declare,
        values: Vec<ScalarValue>,
    ) -> Result<(), Stop> {
        let Declare { name, is_binary, may_scroll, is_held, query } = declare;
        if !is_held && !self.transaction.is_block() {
            let text = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(Fault::new("25P01", text).into());
        }
        if let ast::Statement::Query(_) = query.as_ref() {
        } else {
            return Err(Fault::unsupported("a cursor over a statement that is no query").into());
        }
        let Some(plan) = &body.plan else {
            return Err(Fault::new("XX000", "internal error: a cursor without a plan").into());
        };
        if !plan.parameters.is_empty() && values.len() != plan.parameters.len() {
            return Err(Fault::new("42P02", "there is no parameter $1").into());
        }
        let rows = self.start_plan(wire, running, plan, values).await?;
        let fields = self.describe(&rows.schema, &rows.origins);
        let scroll = Scroll::new(rows.batches, *may_scroll, &self.server.cursor_memory);
        let cursor = Cursor {
            scroll: Arc::new(Mutex::new(scroll.map_err(Fault::from)?)),
            schema: rows.schema,
            fields,
            is_binary: *is_binary,
            is_held: *is_held,
            is_committed: !self.transaction.is_block(),
            depth: self.transaction.depth(),
            token: running.token.clone(),
        };
        // From here on the token is the cursor's.
        running.token = CancelToken::default();
        self.entry.start(running.token.clone());
        self.open(name, Portal::Cursor(cursor))?;
        Ok(())
    }

    async fn fetch(
        &mut self,
        wire: &mut Wire,
        running: &mut Running,
        fetch: &Fetch,
    ) -> Result<Outcome, Stop> {
        let Fetch { cursor: name, direction, is_move } = fetch;
        let Ok(Portal::Cursor(cursor)) = self.portal(name) else {
            let text = format!("cursor \"{name}\" does not exist");
            return Err(Fault::new("34000", text).into());
        };
        let (scroll, schema) = (Arc::clone(&cursor.scroll), Arc::clone(&cursor.schema));
        let (is_binary, direction) = (cursor.is_binary, *direction);
        let batches = async move { cursor::fetch(&scroll, direction).await };
        let mut batches = self.away(wire, running, batches).await?;
        if !is_move {
            let (origins, notes, tag) = (Vec::new(), Notes::default(), Tag::Counted("FETCH"));
            let rows = Rows { schema, origins, batches, notes, tag, is_binary };
            return Ok(Outcome::Rows(rows));
        }
        let count = async move {
            let mut count = 0;
            while let Some(batch) = batches.next().await {
                count += batch?.num_rows();
            }
            Ok(count)
        };
        let count: usize = self.away(wire, running, count).await?;
        Ok(Outcome::Done(format!("MOVE {count}")))
    }
}
