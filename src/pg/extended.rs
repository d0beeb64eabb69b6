//! The extended protocol: statements that are prepared, bound to values, and answered in parts.

use std::mem;
use std::sync::Arc;

use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    BindComplete, CloseComplete, ParseComplete, PortalSuspended,
};
use pgwire::messages::response::EmptyQueryResponse;

use crate::pg::connection::Connection;
use crate::pg::cursor::fetch;
use crate::pg::describe::Described;
use crate::pg::errors::Fault;
use crate::pg::execute::{Outcome, Rows, Tag};
use crate::pg::flow::Notes;
use crate::pg::frontend::{Bind, Message, Target};
use crate::pg::plan::Plan;
use crate::pg::portal::{Bound, Cursor, Portal, Progress, Sending, Statement, formats};
use crate::pg::settings::Settings;
use crate::pg::sql::command::Command;
use crate::pg::sql::cursor::Direction;
use crate::pg::sql::text;
use crate::pg::style;
use crate::pg::types::Format;
use crate::pg::wire::{Running, Stop};

impl Connection {
    /// Answers a message of the extended protocol.
    pub(super) async fn extended(&mut self, message: Message) -> Result<(), Stop> {
        match message {
            Message::Parse { name, sql, types } => self.parse(&name, &sql, &types).await,
            Message::Bind(bind) => self.bind(bind),
            Message::Describe(Target::Statement, name) => self.describe_statement(&name),
            Message::Describe(Target::Portal, name) => self.describe_portal(&name),
            Message::Execute { portal, rows_max } => self.execute(portal, rows_max).await,
            Message::Close(target, name) => {
                self.session.close(target, &name);
                self.wire.put(&PgWireBackendMessage::CloseComplete(CloseComplete::new()))
            }
            Message::Flush => self.wire.flush().await,
            Message::Sync => self.sync().await,
            Message::Copy | Message::Query(_) | Message::Terminate => Ok(()),
        }
    }

    async fn parse(&mut self, name: &str, sql: &str, types: &[u32]) -> Result<(), Stop> {
        if name.is_empty() {
            self.session.deallocate("");
        }
        let statement = match self.session.repeated(sql, types)? {
            Some(repeated) => repeated,
            None => self.parse_anew(sql, types).await?,
        };
        self.session.prepare(name, statement)?;
        self.wire.put(&PgWireBackendMessage::ParseComplete(ParseComplete::new()))
    }

    /// Parses and plans a statement.
    async fn parse_anew(&mut self, sql: &str, types: &[u32]) -> Result<Arc<Statement>, Stop> {
        let mut running = self.session.start();
        let mut parts = text::split(sql)?;
        if parts.len() > 1 {
            let text = "cannot insert multiple commands into a prepared statement";
            return Err(Fault::new("42601", text).into());
        }
        let statement = match parts.pop() {
            Some(part) => {
                let (wire, session) = (&mut self.wire, &self.session);
                session.parse(wire, &mut running, sql, part, types).await?
            }
            None => Statement { sql: sql.to_owned(), body: None },
        };
        let statement = Arc::new(statement);
        self.session.keep_repeated(types, &statement);
        Ok(statement)
    }

    fn bind(&mut self, bind: Bind) -> Result<(), Stop> {
        let statement = self.session.statement(&bind.statement)?;
        if !is_transact(&statement) {
            self.session.check_failed()?;
        }
        let style = style::of(&self.session.settings());
        let values = statement.values(&bind, &style);
        let values = values.map_err(|fault| statement.locate(fault))?;
        if let Some(count) = self.column_count(&statement) {
            formats(&bind.result_formats, count)?;
        }
        if bind.portal.is_empty() {
            self.session.close(Target::Portal, "");
        }
        let (formats, progress) = (bind.result_formats, Progress::New);
        let bound = Bound { statement, values, formats, progress };
        self.session.open(&bind.portal, Portal::Bound(Box::new(bound)))?;
        self.wire.put(&PgWireBackendMessage::BindComplete(BindComplete::new()))
    }

    fn describe_statement(&mut self, name: &str) -> Result<(), Stop> {
        let statement = self.session.statement(name)?;
        if !is_transact(&statement) {
            self.session.check_failed()?;
        }
        let types = statement.parameters().iter().map(|parameter| parameter.oid).collect();
        let parameters = ParameterDescription::new(types);
        self.wire.put(&PgWireBackendMessage::ParameterDescription(parameters))?;
        match self.fields(&statement) {
            (_, Some(fields)) => {
                let formats = vec![Format::Text; fields.len()];
                self.put_fields(fields, &formats)
            }
            (_, None) => self.wire.put(&PgWireBackendMessage::NoData(NoData::new())),
        }
    }

    fn describe_portal(&mut self, name: &str) -> Result<(), Stop> {
        let (statement, codes) = match self.session.portal(name)? {
            Portal::Bound(bound) => (Arc::clone(&bound.statement), bound.formats.clone()),
            Portal::Cursor(cursor) => {
                let formats = cursor_formats(cursor);
                let fields = cursor.fields.clone();
                return self.put_fields(fields, &formats);
            }
        };
        match self.fields(&statement) {
            (is_binary, Some(fields)) => {
                let codes = if codes.is_empty() && is_binary { vec![1] } else { codes };
                let formats = formats(&codes, fields.len())?;
                self.put_fields(fields, &formats)
            }
            (_, None) => self.wire.put(&PgWireBackendMessage::NoData(NoData::new())),
        }
    }

    /// How many columns a statement answers with, if it does; what they are takes longer to tell.
    fn column_count(&mut self, statement: &Statement) -> Option<usize> {
        let body = statement.body.as_ref()?;
        match (&body.command, &body.plan) {
            (Command::Query(_), Some(plan)) if plan.verb.is_none() => {
                Some(plan.schema.fields().len())
            }
            _ => self.fields(statement).1.map(|fields| fields.len()),
        }
    }

    /// The columns of a statement's answer, absent if it has none; and whether they are in binary
    /// unless something else is asked for.
    fn fields(&mut self, statement: &Statement) -> (bool, Option<Vec<Described>>) {
        let Some(body) = &statement.body else { return (false, None) };
        match &body.command {
            Command::Query(_) => {
                // A statement that writes has columns only if it returns some.
                let is_told =
                    |plan: &&Arc<Plan>| plan.verb.is_none() || !plan.schema.fields().is_empty();
                let plan = body.plan.as_ref().filter(is_told);
                let fields = plan.map(|plan| self.session.describe(&plan.schema, &plan.origins()));
                (false, fields)
            }
            Command::Show(Some(name)) => {
                (false, Some(vec![Described::text(&Settings::shown(name))]))
            }
            Command::Show(None) => {
                (false, Some(["name", "setting", "description"].map(Described::text).to_vec()))
            }
            Command::Fetch(fetch) if !fetch.is_move => match self.session.portal(&fetch.cursor) {
                Ok(Portal::Cursor(cursor)) => (cursor.is_binary, Some(cursor.fields.clone())),
                _ => (false, None),
            },
            Command::Execute { name, .. } => match self.session.statement(name) {
                Ok(inner) => self.fields(&inner),
                Err(_) => (false, None),
            },
            _ => (false, None),
        }
    }

    async fn execute(&mut self, name: String, rows_max: i32) -> Result<(), Stop> {
        // Zero and anything below mean all rows.
        let rows_max = usize::try_from(rows_max).ok().filter(|rows| *rows > 0);
        let mut running = self.session.start();
        let portal = self.session.take_portal(&name)?;
        match portal {
            Portal::Cursor(cursor) => {
                let done = self.execute_cursor(&mut running, &cursor, rows_max).await;
                self.session.put_back(name, Portal::Cursor(cursor));
                done
            }
            Portal::Bound(mut bound) => {
                let done = self.execute_bound(&mut running, &mut bound, rows_max).await;
                let statement = Arc::clone(&bound.statement);
                if done.is_ok() {
                    let ends = is_transact(&statement);
                    if !ends || self.session.transaction.is_block() {
                        self.session.put_back(name, Portal::Bound(bound));
                    }
                }
                done.map_err(|stop| match stop {
                    Stop::Fault(fault) => statement.locate(fault).into(),
                    Stop::Gone => Stop::Gone,
                })
            }
        }
    }

    async fn execute_bound(
        &mut self,
        running: &mut Running,
        bound: &mut Bound,
        rows_max: Option<usize>,
    ) -> Result<(), Stop> {
        let mut sending =
            match mem::replace(&mut bound.progress, Progress::Done(Tag::Counted("SELECT"))) {
                Progress::New => match self.begin(running, bound).await? {
                    Some(sending) => sending,
                    None => return Ok(()),
                },
                Progress::Open(sending) => sending,
                Progress::Done(tag) => {
                    let said = tag.after(0);
                    bound.progress = Progress::Done(tag);
                    return self.complete(said);
                }
            };
        bound.progress = Progress::Done(sending.tag.clone());
        if self.send_rows(running, &mut sending, rows_max.unwrap_or(usize::MAX)).await? {
            bound.progress = Progress::Open(sending);
            let message = PgWireBackendMessage::PortalSuspended(PortalSuspended::new());
            self.wire.put(&message)?;
        }
        Ok(())
    }

    /// Starts what a portal asks for. Absent if it is done with.
    async fn begin(
        &mut self,
        running: &mut Running,
        bound: &mut Bound,
    ) -> Result<Option<Sending>, Stop> {
        let statement = Arc::clone(&bound.statement);
        let Some(body) = &statement.body else {
            let message = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
            self.wire.put(&message)?;
            return Ok(None);
        };
        // Each message is a transaction with those before it, up to Sync.
        self.session.begin_implicit();
        let values = bound.values.clone();
        let (wire, session) = (&mut self.wire, &mut self.session);
        match session.execute(wire, running, body, values).await? {
            Outcome::Done(tag) => {
                self.complete(tag)?;
                bound.progress = Progress::Done(Tag::Counted("SELECT"));
                Ok(None)
            }
            Outcome::Copy(rows, options) => {
                self.send_copy(running, rows, options).await?;
                Ok(None)
            }
            Outcome::CopyFrom(intake) => {
                self.receive_copy(running, *intake).await?;
                Ok(None)
            }
            Outcome::Rows(rows) => {
                self.tell()?;
                let all_binary = rows.is_binary && bound.formats.is_empty();
                let codes = if all_binary { vec![1] } else { bound.formats.clone() };
                let formats = formats(&codes, rows.schema.fields().len())?;
                Ok(Some(self.begin_rows(running, rows, &formats)?))
            }
        }
    }

    /// Rows of a cursor that was declared by SQL, asked for by a message.
    async fn execute_cursor(
        &mut self,
        running: &mut Running,
        cursor: &Cursor,
        rows_max: Option<usize>,
    ) -> Result<(), Stop> {
        let direction = match rows_max.and_then(|rows| i64::try_from(rows).ok()) {
            Some(rows) => Direction::Forward(rows),
            None => Direction::ForwardAll,
        };
        let scroll = Arc::clone(&cursor.scroll);
        let batches = async move { fetch(&scroll, direction).await };
        let batches = self.session.away(&mut self.wire, running, batches).await?;
        let schema = Arc::clone(&cursor.schema);
        let (origins, notes, is_binary) = (Vec::new(), Notes::default(), cursor.is_binary);
        let tag = Tag::Counted("SELECT");
        let rows = Rows { schema, origins, batches, notes, tag, is_binary };
        let mut sending = self.begin_rows(running, rows, &cursor_formats(cursor))?;
        self.send_rows(running, &mut sending, usize::MAX).await?;
        Ok(())
    }
}

fn cursor_formats(cursor: &Cursor) -> Vec<Format> {
    let format = if cursor.is_binary { Format::Binary } else { Format::Text };
    vec![format; cursor.fields.len()]
}

fn is_transact(statement: &Statement) -> bool {
    let body = statement.body.as_ref();
    body.is_none_or(|body| matches!(body.command, Command::Transact(_)))
}
