//! Accepting connections, and the end of all of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::error::{Error, Result};
use crate::limits::{Budget, PG_CURSOR_BYTES};
use crate::pg::PgOptions;
use crate::pg::catalog::PgCatalog;
use crate::pg::errors::Fault;
use crate::pg::registry::Registry;
use crate::pg::startup;
use crate::pg::wire::Wire;
use crate::query::Engine;

/// What all connections of a server share.
pub(super) struct Server {
    pub(super) engine: Arc<Engine>,
    /// The threads of queries, which are not those of the network.
    pub(super) queries: Handle,
    pub(super) options: PgOptions,
    pub(super) registry: Arc<Registry>,
    pub(super) catalog: Arc<PgCatalog>,
    /// Whether the catalogue of a new snapshot is being made.
    pub(super) is_making: AtomicBool,
    pub(super) cursor_memory: Budget,
    pub(super) address: SocketAddr,
    /// When it began, in microseconds since 1970.
    pub(super) started: i64,
}

/// Serves connections until `stop` becomes true; then lets statements that run end, for as long as
/// the options say.
///
/// # Errors
///
/// [`Error::Io`] if the listener fails.
pub async fn serve(
    listener: TcpListener,
    engine: Arc<Engine>,
    queries: Handle,
    options: PgOptions,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let address = listener.local_addr();
    let address = address.map_err(|error| Error::io("listen at", "an address", error))?;
    let places = Arc::new(Semaphore::new(options.connections_max));
    let server = Arc::new(Server {
        engine,
        queries,
        registry: Arc::default(),
        catalog: Arc::default(),
        is_making: AtomicBool::new(false),
        cursor_memory: Budget::new("the memory of all cursors that scroll", PG_CURSOR_BYTES),
        address,
        started: (options.clock)(),
        options,
    });
    drop(server.queries.spawn(Arc::clone(&server).warm()));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let place = Arc::clone(&places).try_acquire_owned().ok();
                    connections.spawn(connection(Arc::clone(&server), socket, peer, place));
                }
                // Too many open files, most likely: others end meanwhile.
                Err(_) => sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            changed = stop.changed() => {
                if changed.is_err() || *stop.borrow() {
                    break;
                }
            }
        }
    }
    drop(listener);
    end(&server, connections).await;
    Ok(())
}

/// Ends idle sessions at once, and the others when their statement has ended or the time is over.
async fn end(server: &Server, mut connections: JoinSet<()>) {
    server.registry.end_when_idle();
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(server.options.grace, all).await.is_err() {
        server.registry.terminate_all();
        let all = async { while connections.join_next().await.is_some() {} };
        // Whoever does not even read that it is over is cut off.
        drop(timeout(Duration::from_secs(2), all).await);
        connections.shutdown().await;
    }
}

async fn connection(
    server: Arc<Server>,
    socket: TcpStream,
    peer: SocketAddr,
    place: Option<OwnedSemaphorePermit>,
) {
    // Answers are written in large pieces, so nothing is gained by waiting for more.
    drop(socket.set_nodelay(true));
    let wire = Wire::new(socket);
    let limit = server.options.startup_timeout;
    if place.is_none() {
        drop(timeout(limit, refuse(&server, wire)).await);
        return;
    }
    let connection = timeout(limit, startup::begin(&server, wire, peer)).await;
    if let Ok(Some(connection)) = connection {
        connection.run().await;
    }
    drop(place);
}

/// Answers one connection too many; those that want to cancel are let in.
async fn refuse(server: &Server, mut wire: Wire) {
    if let Ok(true) = startup::wants_session(server, &mut wire).await {
        let text = "sorry, too many clients already";
        let fault = Fault::fatal("53300", text).detail(format!(
            "The server takes {} connections at a time.",
            server.options.connections_max
        ));
        drop(wire.put(&fault.message()));
        wire.close().await;
    }
}
