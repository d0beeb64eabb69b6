//! Where an answer is written: from a thread that may block, to a client that may be slow.
//!
//! The writer fills a buffer. What fits into the first one is sent whole, with its length, and an
//! error in it is still an answer of its own. Beyond, buffers go through a channel that holds few of
//! them, so the writer waits for the client. When the client goes away the channel closes, and the
//! next write fails: nothing is made that nobody reads.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use tokio::sync::{mpsc, oneshot};

use crate::rest::connection::Turn;
use crate::rest::failure::Failure;
use crate::rest::metrics::Metrics;
use crate::rest::validators::Head;

/// Bytes of a buffer, and of an answer that is sent whole.
const BUFFER_BYTES: usize = 64 << 10;

/// Buffers on their way.
const BUFFERS_MAX: usize = 4;

/// What the client is told first.
#[derive(Debug)]
pub(super) enum Start {
    /// The answer is this.
    Whole(Head, Vec<u8>),
    /// The answer would have this head.
    HeadOnly(Head),
    /// The answer begins.
    Stream(Head),
    /// The client has it already.
    NotModified(Head),
    /// There is none.
    Failed(Failure),
}

/// How a producer ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything is written.
    Written,
    /// Nothing is to be written.
    HeadOnly,
    /// The client has it already.
    NotModified,
}

/// The end at which an answer is written.
#[derive(Debug)]
pub(super) struct Outlet {
    head: Option<Head>,
    start: Option<oneshot::Sender<Start>>,
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
    metrics: Arc<Metrics>,
}

/// The end at which it is read.
#[derive(Debug)]
pub(super) struct Inlet {
    /// What comes first.
    pub(super) start: oneshot::Receiver<Start>,
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    /// Ends with the body.
    turn: Turn,
}

/// Both ends.
pub(super) fn channel(metrics: Arc<Metrics>, turn: Turn) -> (Outlet, Inlet) {
    let (start, started) = oneshot::channel();
    let (sender, receiver) = mpsc::channel(BUFFERS_MAX);
    let outlet = Outlet { head: None, start: Some(start), sender, buffer: Vec::new(), metrics };
    (outlet, Inlet { start: started, receiver, turn })
}

impl Inlet {
    /// The rest of the answer, as it comes.
    pub(super) fn body(self) -> Body {
        let next = |(mut receiver, turn): (mpsc::Receiver<io::Result<Bytes>>, Turn)| async move {
            receiver.recv().await.map(|bytes| (bytes, (receiver, turn)))
        };
        Body::from_stream(stream::unfold((self.receiver, self.turn), next))
    }
}

impl Outlet {
    /// Says what the answer is, before its first byte.
    pub(super) fn begin(&mut self, head: Head) {
        self.head = Some(head);
    }

    /// Whether the client has been told anything.
    pub(super) fn has_started(&self) -> bool {
        self.start.is_none()
    }

    /// Whether nobody reads what is written.
    pub(super) fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    /// Ends the answer.
    pub(super) fn end(mut self, result: Result<Outcome, Failure>) {
        let head = self.head.take();
        match (self.start.take(), result) {
            (Some(start), Ok(outcome)) => {
                let bytes = mem::take(&mut self.buffer);
                let told = match (head, outcome) {
                    (Some(head), Outcome::Written) => {
                        self.metrics.sent(bytes.len());
                        Start::Whole(head, bytes)
                    }
                    (Some(head), Outcome::HeadOnly) => Start::HeadOnly(head),
                    (Some(head), Outcome::NotModified) => Start::NotModified(head),
                    (None, _) => Start::Failed(Failure::internal("an answer without a head")),
                };
                // Who asked may be gone.
                drop(start.send(told));
            }
            (Some(start), Err(failure)) => drop(start.send(Start::Failed(failure))),
            // The status is sent: all that is left is to break the message off.
            (None, Err(failure)) => {
                let error = io::Error::other(failure.detail);
                drop(self.sender.blocking_send(Err(error)));
            }
            (None, Ok(_)) => drop(self.send()),
        }
    }

    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let gone = || io::Error::new(ErrorKind::BrokenPipe, "the client is gone");
        if let Some(start) = self.start.take() {
            let head = self.head.take();
            let head = head.ok_or_else(|| io::Error::other("an answer without a head"))?;
            start.send(Start::Stream(head)).map_err(|_| gone())?;
        }
        let bytes = mem::replace(&mut self.buffer, Vec::with_capacity(BUFFER_BYTES));
        self.metrics.sent(bytes.len());
        self.sender.blocking_send(Ok(Bytes::from(bytes))).map_err(|_| gone())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.send()?;
        }
        let room = BUFFER_BYTES.saturating_sub(self.buffer.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.buffer.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::rest::connection::Turns;

    use super::*;

    fn head() -> Head {
        Head::new("text/plain".to_owned(), "x".to_owned())
    }

    #[test]
    fn small_answers_are_whole_and_their_errors_are_answers() {
        let (mut outlet, inlet) = channel(Arc::default(), Turns::default().begin());
        outlet.begin(head());
        outlet.write_all(b"abc").expect("written");
        outlet.end(Ok(Outcome::Written));
        let start = inlet.start.blocking_recv().expect("started");
        assert!(matches!(start, Start::Whole(_, bytes) if bytes == b"abc"));

        let (mut outlet, inlet) = channel(Arc::default(), Turns::default().begin());
        outlet.begin(head());
        outlet.write_all(b"abc").expect("written");
        outlet.end(Err(Failure::internal("x")));
        assert!(matches!(inlet.start.blocking_recv(), Ok(Start::Failed(_))));
    }

    #[test]
    fn a_writer_ends_when_the_reader_is_gone() {
        let (mut outlet, inlet) = channel(Arc::default(), Turns::default().begin());
        outlet.begin(head());
        drop(inlet);
        let error = outlet.write_all(&vec![b'x'; 3 * BUFFER_BYTES]).expect_err("gone");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
