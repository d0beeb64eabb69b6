//! Bytes of one connection: messages in, messages out, and an eye on the client while it waits.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures::future::{self, Either};
use pgwire::messages::PgWireBackendMessage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Sleep, sleep};

use crate::error::Error;
use crate::limits::{
    PG_MESSAGE_BYTES_MAX, PG_PIECE_BYTES, PG_READ_AHEAD_BYTES, PG_STARTUP_BYTES_MAX,
};
use crate::pg::charset::Charset;
use crate::pg::errors::Fault;
use crate::pg::frontend::{Copied, Message, Opening};
use crate::query::cancel::{CancelReason, CancelToken};

/// Why a connection does not go on as it was.
#[derive(Debug)]
pub(super) enum Stop {
    /// The client has to be told.
    Fault(Fault),
    /// There is nobody to tell.
    Gone,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Fault::from(error).into()
    }
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// The time and the token of a statement that runs.
pub(super) struct Running {
    pub(super) token: CancelToken,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Running {
    pub(super) fn new(token: CancelToken, limit: Option<Duration>) -> Self {
        Self { token, timer: limit.map(|limit| Box::pin(sleep(limit))) }
    }

    /// Waits until the statement has to stop.
    async fn stopped(&mut self) -> CancelReason {
        let timer = async {
            match &mut self.timer {
                Some(timer) => timer.as_mut().await,
                None => future::pending().await,
            }
        };
        let (cancelled, timer) = (Box::pin(self.token.cancelled()), Box::pin(timer));
        match future::select(cancelled, timer).await {
            Either::Left((reason, _)) => reason,
            Either::Right(_) => {
                self.token.cancel(CancelReason::Timeout);
                CancelReason::Timeout
            }
        }
    }
}

/// One connection.
pub(super) struct Wire {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    input: BytesMut,
    output: BytesMut,
    pub(super) charset: Charset,
    /// Whether the last message is a query of the simple protocol, even if it cannot be read.
    pub(super) is_simple: bool,
}

impl Wire {
    pub(super) fn new(socket: TcpStream) -> Self {
        let (reader, writer) = socket.into_split();
        let (input, output) = (BytesMut::new(), BytesMut::new());
        Self { reader, writer, input, output, charset: Charset::Utf8, is_simple: false }
    }

    /// The first packet, or the next of those that ask for encryption.
    pub(super) async fn opening(&mut self) -> Result<Opening, Stop> {
        loop {
            if let Some(length) = self.input.first_chunk::<4>() {
                let length = usize::try_from(length.as_slice().get_u32()).unwrap_or(usize::MAX);
                if !(8..=PG_STARTUP_BYTES_MAX).contains(&length) {
                    return Err(Fault::fatal("08P01", "invalid length of startup packet").into());
                }
                if self.input.len() >= length {
                    let mut packet = self.input.split_to(length).freeze();
                    packet.advance(4);
                    return Ok(Opening::parse(packet)?);
                }
            }
            self.read().await?;
        }
    }

    /// The next message.
    pub(super) async fn message(&mut self) -> Result<Message, Stop> {
        loop {
            if let Some((kind, body)) = self.frame(PG_MESSAGE_BYTES_MAX)? {
                self.is_simple = kind == b'Q';
                return Ok(Message::parse(kind, body, self.charset)?);
            }
            self.read().await?;
        }
    }

    /// The next message of a client whose rows are copied, unless the statement has to stop.
    pub(super) async fn copied(&mut self, running: &mut Running) -> Result<Copied, Stop> {
        loop {
            if let Some((kind, body)) = self.frame(PG_MESSAGE_BYTES_MAX)? {
                match Copied::parse(kind, body, self.charset)? {
                    Some(copied) => return Ok(copied),
                    None => continue,
                }
            }
            tokio::select! {
                biased;
                reason = running.stopped() => return Err(ended(reason)),
                read = self.reader.read_buf(&mut self.input) => {
                    if read? == 0 {
                        return Err(Stop::Gone);
                    }
                }
            }
        }
    }

    /// The answer to a question for a password: nobody sends much before it is known who it is.
    pub(super) async fn password(&mut self) -> Result<Bytes, Stop> {
        loop {
            match self.frame(PG_STARTUP_BYTES_MAX)? {
                Some((b'p', body)) => return Ok(body),
                Some((b'X', _)) => return Err(Stop::Gone),
                Some((kind, _)) => {
                    let text = format!("expected password response, got message type {kind}");
                    return Err(Fault::fatal("08P01", text).into());
                }
                None => self.read().await?,
            }
        }
    }

    /// Whether nothing of another message has come yet, so that answers should be sent.
    pub(super) fn is_drained(&self) -> bool {
        self.input.is_empty()
    }

    fn frame(&mut self, bytes_max: usize) -> Result<Option<(u8, Bytes)>, Stop> {
        let Some([kind, length @ ..]) = self.input.first_chunk::<5>() else { return Ok(None) };
        let kind = *kind;
        let length = usize::try_from(length.as_slice().get_u32()).unwrap_or(usize::MAX);
        if !(4..=bytes_max).contains(&length) {
            let text =
                format!("invalid message length {length}; a message has at most {bytes_max} bytes");
            return Err(Fault::fatal("08P01", text).into());
        }
        if self.input.len() <= length {
            self.input.reserve((length + 1).saturating_sub(self.input.len()).min(1 << 20));
            return Ok(None);
        }
        let mut frame = self.input.split_to(length + 1).freeze();
        frame.advance(5);
        Ok(Some((kind, frame)))
    }

    async fn read(&mut self) -> Result<(), Stop> {
        match self.reader.read_buf(&mut self.input).await? {
            0 => Err(Stop::Gone),
            _ => Ok(()),
        }
    }

    /// Puts a message behind those that wait to be sent.
    pub(super) fn put(&mut self, message: &PgWireBackendMessage) -> Result<(), Stop> {
        let put = message.encode(&mut self.output);
        put.map_err(|error| Fault::new("54000", format!("an answer is too long: {error}")).into())
    }

    /// The same, of complete messages.
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// The same, of messages that nobody else needs: they are not copied if nothing waits.
    pub(super) fn put_piece(&mut self, bytes: BytesMut) {
        if self.output.is_empty() {
            self.output = bytes;
        } else {
            self.output.extend_from_slice(&bytes);
        }
    }

    /// Sends one byte outside of any message.
    pub(super) async fn answer(&mut self, byte: u8) -> Result<(), Stop> {
        self.output.extend_from_slice(&[byte]);
        self.flush().await
    }

    /// Sends all that waits.
    pub(super) async fn flush(&mut self) -> Result<(), Stop> {
        self.writer.write_all_buf(&mut self.output).await?;
        Ok(())
    }

    /// Whether so much waits that it should be sent. Pieces are seldom as long as they should be;
    /// one that waited for the next would be copied.
    pub(super) fn is_full(&self) -> bool {
        self.output.len() >= PG_PIECE_BYTES / 2
    }

    /// Sends all that waits, unless the statement has to stop. What is left is sent later.
    pub(super) async fn flush_for(&mut self, running: &mut Running) -> Result<(), Stop> {
        let Self { reader, writer, input, output, .. } = self;
        let sent = async { writer.write_all_buf(output).await };
        Ok(attend(reader, input, running, sent).await??)
    }

    /// Waits for work that is done elsewhere, unless the statement has to stop or the client goes.
    pub(super) async fn wait<T>(
        &mut self,
        running: &mut Running,
        work: impl Future<Output = T>,
    ) -> Result<T, Stop> {
        attend(&mut self.reader, &mut self.input, running, work).await
    }

    /// Sends what waits and closes the connection.
    pub(super) async fn close(mut self) {
        // The client may have gone before us.
        drop(self.flush().await);
        drop(self.writer.shutdown().await);
    }
}

/// The end of a statement that was told to stop.
fn ended(reason: CancelReason) -> Stop {
    match reason {
        CancelReason::ClientGone => Stop::Gone,
        reason => Fault::cancelled(reason).into(),
    }
}

async fn attend<T>(
    reader: &mut OwnedReadHalf,
    input: &mut BytesMut,
    running: &mut Running,
    work: impl Future<Output = T>,
) -> Result<T, Stop> {
    let token = running.token.clone();
    let mut work = Box::pin(work);
    loop {
        let reading = async {
            if input.len() >= PG_READ_AHEAD_BYTES {
                return future::pending().await;
            }
            reader.read_buf(input).await
        };
        tokio::select! {
            biased;
            reason = running.stopped() => return Err(ended(reason)),
            done = &mut work => return Ok(done),
            read = reading => {
                if read.unwrap_or(0) == 0 {
                    token.cancel(CancelReason::ClientGone);
                    return Err(Stop::Gone);
                }
            }
        }
    }
}
