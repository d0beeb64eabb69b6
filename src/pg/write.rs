//! Statements that write: who may, rows that a client sends, and the commit.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use datafusion::sql::sqlparser::ast::{self, Ident, ObjectName, SetExpr};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::CopyInResponse;

use crate::limits::PG_PIECE_BYTES;
use crate::pg::connection::Connection;
use crate::pg::copy::{CopyColumn, CopyDecoder, CopyRow};
use crate::pg::errors::{self, Fault};
use crate::pg::frontend::Copied;
use crate::pg::session::Session;
use crate::pg::sql::copy::CopyFrom;
use crate::pg::types::wire_type;
use crate::pg::wire::{Running, Stop};
use crate::query::WriterIdentity;
use crate::query::write::CopyIn;
use crate::store::Right;

/// Rows of a copy on their way into a table.
pub(super) struct Intake {
    decoder: CopyDecoder,
    copy: CopyIn,
    row: CopyRow,
}

impl Intake {
    /// Takes what the client sent, however it is cut.
    fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.decoder.feed(bytes)?;
        self.rows()
    }

    fn rows(&mut self) -> Result<(), Fault> {
        while self.decoder.next(&mut self.row)? {
            let cells: Vec<Option<&str>> = self.row.iter().map(Option::as_deref).collect();
            let taken = self.copy.push(&cells);
            taken.map_err(|error| self.decoder.locate(Fault::from(error)))?;
        }
        Ok(())
    }

    /// Takes what is left without an end.
    fn end(&mut self) -> Result<(), Fault> {
        self.decoder.finish();
        self.rows()
    }
}

/// What a statement does that writes, in PostgreSQL's word. Absent for all others.
pub(super) fn verb(statement: &ast::Statement) -> Option<&'static str> {
    match statement {
        ast::Statement::Insert(_) => Some("INSERT"),
        ast::Statement::Update(_) => Some("UPDATE"),
        ast::Statement::Delete(_) => Some("DELETE"),
        ast::Statement::Merge(_) => Some("MERGE"),
        ast::Statement::Truncate(_) => Some("TRUNCATE TABLE"),
        ast::Statement::Query(query) => match query.body.as_ref() {
            SetExpr::Insert(inner)
            | SetExpr::Update(inner)
            | SetExpr::Delete(inner)
            | SetExpr::Merge(inner) => verb(inner),
            _ => None,
        },
        _ => None,
    }
}

impl Session {
    /// Lets the session write, if its user has the right to at this moment.
    pub(super) fn admit_writer(&self, verb: &str) -> Result<(), Fault> {
        let users = self.server.engine.database().users()?;
        if users.is_empty() {
            return Err(errors::read_only(verb));
        }
        if !users.get(&self.user)?.is_some_and(|user| user.may(Right::Write)) {
            let text = format!("permission denied to {verb} for user \"{}\"", self.user);
            let hint =
                format!("The right is given by: sdmxdb user DATABASE grant {} write", self.user);
            return Err(Fault::new("42501", text).hint(hint));
        }
        if self.settings().get("transaction_read_only")? == "on" {
            let text = format!("cannot execute {verb} in a read-only transaction");
            return Err(Fault::new("25006", text));
        }
        if !self.query.is_writer() {
            let writer = WriterIdentity::new(self.user.clone(), self.server.options.clock);
            self.query.set_writer(Some(writer));
        }
        Ok(())
    }

    /// Lets the next statement see the release that the session has set, if its user has the right
    /// to at this moment.
    pub(super) fn see_release(&self) -> Result<(), Fault> {
        let release = self.settings().get("sdmx.release")?;
        if !release.is_empty() {
            self.check_preview()?;
        }
        self.query.preview(Some(release).filter(|release| !release.is_empty()));
        Ok(())
    }

    /// Says the same whether there is such a release or not.
    pub(super) fn check_preview(&self) -> Result<(), Fault> {
        let users = self.server.engine.database().users()?;
        if users.get(&self.user)?.is_some_and(|user| user.may(Right::Preview)) {
            return Ok(());
        }
        let text = format!("permission denied to see releases for user \"{}\"", self.user);
        Err(Fault::new("42501", text))
    }

    /// Makes what the next statement writes a part of the transaction at hand, if there is one.
    pub(super) fn join_transaction(&self) {
        if self.transaction.is_block() {
            self.query.begin();
        }
    }

    /// Makes what was written durable and visible. Nothing stops a commit that has begun.
    pub(super) async fn commit_writes(&self) -> Result<(), Fault> {
        if !self.query.is_in_transaction() {
            return Ok(());
        }
        let query = Arc::clone(&self.query);
        let done = self.server.queries.spawn_blocking(move || query.commit().map(drop)).await;
        match done {
            Ok(committed) => committed.map_err(Fault::from),
            Err(error) => Err(Fault::new("XX000", format!("internal error: {error}"))),
        }
    }

    /// Commits before the last statement of a message is answered, if nothing else is to end the
    /// transaction.
    pub(super) async fn seal(&mut self) -> Result<(), Fault> {
        if self.transaction.is_open() { Ok(()) } else { self.commit_writes().await }
    }

    /// Begins to take rows from the client.
    pub(super) fn copy_in(&self, from: &CopyFrom) -> Result<Intake, Fault> {
        self.admit_writer("COPY FROM")?;
        self.see_release()?;
        self.join_transaction();
        let quoted = |name: &String| Ident::with_quote('"', name);
        let name = ObjectName::from(from.table.iter().map(quoted).collect::<Vec<_>>());
        let columns: Vec<Ident> = from.columns.iter().map(quoted).collect();
        let copy = self.query.copy_in(&name, &columns)?;
        let columns = copy.fields().iter().map(|field| {
            let (name, oid) = (field.name().clone(), wire_type(field).oid);
            CopyColumn { name, oid }
        });
        let (table, charset) =
            (from.table.last().map_or("", String::as_str), self.settings().charset());
        let decoder = CopyDecoder::new(table, columns.collect(), from.options.clone(), charset)?;
        Ok(Intake { decoder, copy, row: CopyRow::new() })
    }
}

impl Connection {
    /// Takes rows from the client until it says that there are no more.
    pub(super) async fn receive_copy(
        &mut self,
        running: &mut Running,
        mut intake: Intake,
    ) -> Result<(), Stop> {
        self.tell()?;
        let code = intake.decoder.format().code();
        let width = intake.decoder.width();
        let count = i16::try_from(width).unwrap_or(i16::MAX);
        let format = i8::try_from(code).unwrap_or_default();
        let head = CopyInResponse::new(format, count, vec![code; width]);
        self.wire.put(&PgWireBackendMessage::CopyInResponse(head))?;
        self.wire.flush().await?;
        let mut waiting = BytesMut::new();
        loop {
            let copied = self.wire.copied(running).await?;
            let is_done = match copied {
                Copied::Data(bytes) => {
                    waiting.extend_from_slice(&bytes);
                    false
                }
                Copied::Done => true,
                Copied::Failed(reason) => {
                    let text = format!("COPY from stdin failed: {reason}");
                    return Err(Fault::new("57014", text).into());
                }
            };
            if is_done || waiting.len() >= PG_PIECE_BYTES {
                let bytes = waiting.split().freeze();
                intake = self.take(running, intake, bytes, is_done).await?;
            }
            if is_done {
                break;
            }
        }
        let query = Arc::clone(&self.session.query);
        let written = async move { Ok(query.finish_copy(intake.copy)?) };
        let outcome = self.session.away_to_end(&mut self.wire, running, written).await?;
        self.complete(outcome.command_tag())
    }

    /// Reads rows on the threads of queries.
    async fn take(
        &mut self,
        running: &mut Running,
        mut intake: Intake,
        bytes: Bytes,
        is_done: bool,
    ) -> Result<Intake, Stop> {
        let taken = async move {
            intake.take(&bytes)?;
            if is_done {
                intake.end()?;
            }
            Ok(intake)
        };
        self.session.away(&mut self.wire, running, taken).await
    }
}
