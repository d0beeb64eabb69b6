//! Connections: how many there are, and how long they may keep us waiting.
//!
//! A connection is closed when it lies idle, when the head of a request takes too long, and when
//! the client takes no byte of its answer for too long. While an answer is being made it may take
//! as long as it needs.

use std::future::{pending, ready as immediate};
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Sleep, sleep};

use crate::rest::options::RestOptions;

/// Accepts connections, a bounded number at once.
pub(super) struct Gate {
    listener: TcpListener,
    places: Arc<Semaphore>,
    idle: Duration,
    stall: Duration,
    abandon: watch::Receiver<bool>,
}

impl Gate {
    /// A gate before a listener. When `abandon` turns true, all connections are cut.
    pub(super) fn new(
        listener: TcpListener,
        options: &RestOptions,
        abandon: watch::Receiver<bool>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(options.connections_max.min(Semaphore::MAX_PERMITS)));
        Self { listener, places, idle: options.idle, stall: options.stall, abandon }
    }
}

impl Listener for Gate {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // Answers are sent in large pieces; the last one shall not wait.
                    drop(stream.set_nodelay(true));
                    let mut abandon = self.abandon.clone();
                    let connection = Connection {
                        stream,
                        place,
                        turns: Turns::default(),
                        seen: 0,
                        waiting: None,
                        stalled: None,
                        idle: self.idle,
                        stall: self.stall,
                        abandoned: Box::pin(async move {
                            if abandon.wait_for(|abandon| *abandon).await.is_err() {
                                pending::<()>().await;
                            }
                        }),
                    };
                    return (connection, address);
                }
                // A connection that broke before it was accepted is nothing; without file
                // descriptors, wait until some are free.
                Err(error) => match error.kind() {
                    ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => {}
                    _ => sleep(Duration::from_millis(200)).await,
                },
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// How many requests of a connection have begun, and how many have ended, as one number: odd while
/// one is being answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(Arc<AtomicU64>);

impl Turns {
    /// Notes that an answer is being made, until what is returned is dropped.
    pub(super) fn begin(&self) -> Turn {
        self.0.fetch_add(1, Ordering::AcqRel);
        Turn(self.clone())
    }
}

impl Connected<IncomingStream<'_, Gate>> for Turns {
    fn connect_info(stream: IncomingStream<'_, Gate>) -> Self {
        stream.io().turns.clone()
    }
}

/// An answer that is being made.
#[derive(Debug)]
pub(super) struct Turn(Turns);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// A connection with its timers.
pub(super) struct Connection {
    stream: TcpStream,
    #[expect(dead_code, reason = "its place is free when it is dropped")]
    place: Option<OwnedSemaphorePermit>,
    turns: Turns,
    /// The turn in which `waiting` began.
    seen: u64,
    /// Runs while a request is awaited or incomplete.
    waiting: Option<Pin<Box<Sleep>>>,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    idle: Duration,
    stall: Duration,
    abandoned: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Connection {
    /// Fails once the connection is abandoned.
    fn poll_abandoned(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.abandoned.as_mut().poll(context) {
            Poll::Ready(()) => {
                self.abandoned = Box::pin(immediate(()));
                Err(io::Error::new(ErrorKind::ConnectionAborted, "the server stops"))
            }
            Poll::Pending => Ok(()),
        }
    }

    /// Fails once a request is awaited for too long. Bytes that trickle in do not prolong it.
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let turn = self.turns.0.load(Ordering::Acquire);
        if turn % 2 == 1 {
            self.waiting = None;
            return Ok(());
        }
        if self.seen != turn {
            self.seen = turn;
            self.waiting = None;
        }
        let idle = self.idle;
        let timer = self.waiting.get_or_insert_with(|| Box::pin(sleep(idle)));
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::Error::new(ErrorKind::TimedOut, "no request came")),
            Poll::Pending => Ok(()),
        }
    }

    /// Counts the time in which the client takes nothing.
    fn poll_stalled<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        self.poll_abandoned(context)?;
        let stall = self.stall;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client takes nothing")))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.poll_abandoned(context)?;
        this.poll_waiting(context)?;
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.poll_stalled(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.poll_stalled(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
