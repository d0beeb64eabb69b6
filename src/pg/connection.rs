//! One session from its first message to its last.

use std::future;
use std::mem;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::datatypes::{DataType, Schema};
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::copy::{CopyDone, CopyOutResponse};
use pgwire::messages::data::RowDescription;
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse, ReadyForQuery};

use tokio::time::sleep;

use crate::pg::charset::Charset;
use crate::pg::copy::{CopyEncoder, CopyOptions};
use crate::pg::describe::Described;
use crate::pg::encode::RowEncoder;
use crate::pg::errors::{Fault, Severity};
use crate::pg::execute::{Outcome, Rows};
use crate::pg::flow::{Encoder, Flow, Notes, Piece};
use crate::pg::frontend::Message;
use crate::pg::portal::{Sending, Statement};
use crate::pg::session::Session;
use crate::pg::sql::{command, text};
use crate::pg::style;
use crate::pg::types::Format;
use crate::pg::wire::{Running, Stop, Wire};
use crate::query::cancel::{CancelReason, CancelToken};

/// One session and the connection that it is held over.
pub(super) struct Connection {
    pub(super) wire: Wire,
    pub(super) session: Session,
    /// After an error of the extended protocol: nothing is done until Sync.
    is_skipping: bool,
}

impl Connection {
    pub(super) fn new(wire: Wire, session: Session) -> Self {
        Self { wire, session, is_skipping: false }
    }

    /// Answers messages until either side ends the session.
    pub(super) async fn run(mut self) {
        loop {
            match self.turn().await {
                Ok(true) => {}
                Ok(false) | Err(Stop::Gone) => break,
                Err(Stop::Fault(fault)) => {
                    // A fault that nothing can follow; the client may have gone.
                    drop(self.wire.put(&fault.message()));
                    break;
                }
            }
        }
        self.wire.close().await;
    }

    /// Answers one message. Says whether there may be another.
    async fn turn(&mut self) -> Result<bool, Stop> {
        if self.wire.is_drained() {
            self.wire.flush().await?;
        }
        let ended = self.session.entry.ended.clone();
        let idle = self.idle_limit();
        let message = tokio::select! {
            biased;
            _ = ended.cancelled() => {
                return Err(Fault::cancelled(CancelReason::Terminated).into());
            }
            message = self.wire.message() => message,
            fault = idle => return Err(fault.into()),
        };
        let is_simple = self.wire.is_simple;
        let done = match message {
            Ok(Message::Terminate) => return Ok(false),
            Ok(Message::Query(sql)) => self.simple(&sql).await,
            Ok(message) if self.is_skipping && message != Message::Sync => return Ok(true),
            Ok(message) => self.extended(message).await,
            Err(stop) => Err(stop),
        };
        self.session.entry.finish();
        match done {
            Ok(()) => {}
            Err(Stop::Fault(fault)) if !fault.is_fatal() => {
                if is_simple {
                    self.session.fail();
                    self.wire.put(&fault.message())?;
                } else if !self.is_skipping {
                    self.failed(fault).await?;
                }
            }
            Err(stop) => return Err(stop),
        }
        if is_simple {
            self.sync().await?;
        }
        Ok(true)
    }

    /// Tells of an error, and waits for Sync.
    async fn failed(&mut self, fault: Fault) -> Result<(), Stop> {
        self.session.fail();
        self.is_skipping = true;
        self.wire.put(&fault.message())?;
        self.wire.flush().await
    }

    /// Ends what belongs together without a word of it: the statements of one message, or a round
    /// of the extended protocol.
    pub(super) async fn sync(&mut self) -> Result<(), Stop> {
        self.is_skipping = false;
        if let Err(fault) = self.session.end_implicit().await {
            self.wire.put(&fault.message())?;
        }
        self.ready().await
    }

    async fn ready(&mut self) -> Result<(), Stop> {
        self.tell()?;
        let status = self.session.transaction.status();
        self.wire.put(&PgWireBackendMessage::ReadyForQuery(ReadyForQuery::new(status)))?;
        self.wire.flush().await
    }

    /// Says what has changed and what should be known.
    pub(super) fn tell(&mut self) -> Result<(), Stop> {
        let notices = mem::take(&mut self.session.notices);
        let least = self.session.settings().get("client_min_messages").unwrap_or_default();
        for notice in notices {
            let is_wanted = match notice.severity {
                Severity::Notice => !matches!(least.as_str(), "warning" | "error"),
                _ => least != "error",
            };
            if is_wanted {
                self.wire.put(&notice.message())?;
            }
        }
        self.session.settle(&mut self.wire)
    }

    /// Waits until the client has been idle for too long.
    fn idle_limit(&self) -> impl Future<Output = Fault> + use<> {
        let (name, code, text) = if self.session.transaction.is_open() {
            let text = "terminating connection due to idle-in-transaction timeout";
            ("idle_in_transaction_session_timeout", "25P03", text)
        } else {
            let text = "terminating connection due to idle-session timeout";
            ("idle_session_timeout", "57P05", text)
        };
        let limit = self.session.settings().milliseconds(name);
        async move {
            match limit {
                Some(limit) => {
                    sleep(Duration::from_millis(limit)).await;
                    Fault::fatal(code, text)
                }
                None => future::pending().await,
            }
        }
    }

    /// Answers a text of statements, one after the other.
    async fn simple(&mut self, sql: &str) -> Result<(), Stop> {
        if let Some(statement) = self.session.repeated(sql, &[])? {
            let mut running = self.session.start();
            return self.answer(&mut running, &statement, true).await;
        }
        let parts = text::split(sql)?;
        if parts.is_empty() {
            let message = PgWireBackendMessage::EmptyQueryResponse(EmptyQueryResponse::new());
            return self.wire.put(&message);
        }
        // A text that does not parse does nothing at all.
        for part in &parts {
            command::parse(sql, part)?;
        }
        let count = parts.len();
        let is_block = count > 1;
        for (number, part) in (1..).zip(parts) {
            if is_block {
                self.session.begin_implicit();
            }
            let mut running = self.session.start();
            let statement =
                self.session.parse(&mut self.wire, &mut running, sql, part, &[]).await?;
            let statement = Arc::new(statement);
            if !is_block {
                self.session.keep_repeated(&[], &statement);
            }
            self.answer(&mut running, &statement, number == count).await?;
        }
        Ok(())
    }

    /// Does what a statement says and sends the answer; whether it is the last of its message.
    async fn answer(
        &mut self,
        running: &mut Running,
        statement: &Statement,
        is_last: bool,
    ) -> Result<(), Stop> {
        let Some(body) = &statement.body else { return Ok(()) };
        let outcome = self.session.execute(&mut self.wire, running, body, Vec::new()).await;
        let sent = match outcome {
            // What is said to be done is done.
            Ok(Outcome::Done(tag)) if is_last => match self.session.seal().await {
                Ok(()) => self.send_all(running, Outcome::Done(tag)).await,
                Err(fault) => Err(fault.into()),
            },
            Ok(outcome) => self.send_all(running, outcome).await,
            Err(stop) => Err(stop),
        };
        sent.map_err(|stop| match stop {
            Stop::Fault(fault) => Stop::from(statement.locate(fault)),
            Stop::Gone => Stop::Gone,
        })?;
        self.tell()
    }

    /// Sends a whole answer, with its columns.
    async fn send_all(&mut self, running: &mut Running, outcome: Outcome) -> Result<(), Stop> {
        self.tell()?;
        let rows = match outcome {
            Outcome::Done(tag) => return self.complete(tag),
            Outcome::Copy(rows, options) => return self.send_copy(running, rows, options).await,
            Outcome::CopyFrom(intake) => return self.receive_copy(running, *intake).await,
            Outcome::Rows(rows) => rows,
        };
        let format = if rows.is_binary { Format::Binary } else { Format::Text };
        let formats = vec![format; rows.schema.fields().len()];
        let fields = self.session.describe(&rows.schema, &rows.origins);
        self.put_fields(fields, &formats)?;
        let mut sending = self.begin_rows(running, rows, &formats)?;
        self.send_rows(running, &mut sending, usize::MAX).await?;
        Ok(())
    }

    /// Starts sending rows in these formats.
    pub(super) fn begin_rows(
        &self,
        running: &Running,
        rows: Rows,
        formats: &[Format],
    ) -> Result<Sending, Stop> {
        let style = style::of(&self.session.settings());
        let encoder = RowEncoder::new(&rows.schema, formats, style).map_err(Fault::from)?;
        let text_columns = text_columns(&rows.schema, formats);
        let queries = &self.session.server.queries;
        let token = running.token.clone();
        let flow = Flow::start(queries, rows.batches, Encoder::Rows(encoder), token);
        Ok(Sending { flow, tag: rows.tag, notes: rows.notes, text_columns })
    }

    /// Sends so many rows at most. Says whether there may be more; the answer is completed if not.
    pub(super) async fn send_rows(
        &mut self,
        running: &mut Running,
        sending: &mut Sending,
        rows_max: usize,
    ) -> Result<bool, Stop> {
        sending.flow.grant(rows_max).await;
        let mut sent = 0;
        loop {
            match self.wire.wait(running, sending.flow.next()).await? {
                Piece::Rows(bytes, rows) => {
                    sent += rows;
                    match self.wire.charset {
                        Charset::Utf8 => self.wire.put_piece(bytes),
                        charset => {
                            let bytes = charset.encode_rows(&bytes, &sending.text_columns)?;
                            self.wire.put_bytes(&bytes);
                        }
                    }
                    if self.wire.is_full() {
                        self.wire.flush_for(running).await?;
                    }
                }
                Piece::Pause => return Ok(true),
                Piece::End => {
                    let notes = mem::take(&mut *lock(&sending.notes));
                    self.session.notices.extend(notes.into_iter().map(Fault::notice));
                    self.complete(sending.tag.after(sent))?;
                    return Ok(false);
                }
                Piece::Failed(fault) => return Err(stopped(running, fault)),
            }
        }
    }

    /// Sends rows as COPY does.
    pub(super) async fn send_copy(
        &mut self,
        running: &mut Running,
        rows: Rows,
        options: CopyOptions,
    ) -> Result<(), Stop> {
        let settings = style::of(&self.session.settings());
        let encoder = CopyEncoder::new(&rows.schema, options, settings).map_err(Fault::from)?;
        let code = encoder.format().code();
        let columns = rows.schema.fields().len();
        let count = i16::try_from(columns).unwrap_or(i16::MAX);
        let format = i8::try_from(code).unwrap_or_default();
        let head = CopyOutResponse::new(format, count, vec![code; columns]);
        self.wire.put(&PgWireBackendMessage::CopyOutResponse(head))?;
        let queries = &self.session.server.queries;
        let token = running.token.clone();
        let mut flow = Flow::start(queries, rows.batches, Encoder::Copy(encoder), token);
        flow.grant(usize::MAX).await;
        let mut sent = 0;
        loop {
            match self.wire.wait(running, flow.next()).await? {
                Piece::Rows(bytes, rows) => {
                    sent += rows;
                    self.wire.put_piece(bytes);
                    if self.wire.is_full() {
                        self.wire.flush_for(running).await?;
                    }
                }
                Piece::Pause | Piece::End => break,
                Piece::Failed(fault) => return Err(stopped(running, fault)),
            }
        }
        self.wire.put(&PgWireBackendMessage::CopyDone(CopyDone::new()))?;
        self.complete(format!("COPY {sent}"))
    }

    pub(super) fn complete(&mut self, tag: String) -> Result<(), Stop> {
        self.tell()?;
        let complete = CommandComplete::new(tag);
        self.wire.put(&PgWireBackendMessage::CommandComplete(complete))
    }

    /// Tells of columns and the format that they come in.
    pub(super) fn put_fields(
        &mut self,
        fields: Vec<Described>,
        formats: &[Format],
    ) -> Result<(), Stop> {
        let is_utf8 = self.wire.charset == Charset::Utf8;
        let fields = fields.into_iter().zip(formats);
        let fields = fields.map(|(field, format)| {
            let field = if is_utf8 { field } else { field.in_ascii() };
            field.field(*format)
        });
        let description = RowDescription::new(fields.collect());
        self.wire.put(&PgWireBackendMessage::RowDescription(description))
    }
}

fn lock(notes: &Notes) -> MutexGuard<'_, Vec<String>> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The fault of a statement: that it was cancelled, if it was.
fn stopped(running: &Running, fault: Fault) -> Stop {
    let token: &CancelToken = &running.token;
    match token.reason() {
        Some(CancelReason::ClientGone) => Stop::Gone,
        Some(reason) => Fault::cancelled(reason).into(),
        None => fault.into(),
    }
}

/// Which columns are sent as text.
fn text_columns(schema: &Schema, formats: &[Format]) -> Arc<[bool]> {
    let is_text = |data_type: &DataType| {
        matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            || matches!(data_type, DataType::Dictionary(..) | DataType::List(_))
    };
    let columns = schema.fields().iter().zip(formats);
    columns.map(|(field, format)| *format == Format::Text || is_text(field.data_type())).collect()
}
