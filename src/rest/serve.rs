//! The server, from its first connection to its last.

use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::error::{Error, Result};
use crate::rest::connection::{Gate, Turns};
use crate::rest::options::RestOptions;
use crate::rest::server::Server;
use crate::rest::service::handle;
use crate::store::Database;

/// Serves a database until `stop` turns true. Answers that run then go on for
/// [`RestOptions::grace`]; those that are not done by then are cut.
///
/// # Errors
///
/// [`Error::Io`] if the listener fails.
pub async fn serve(
    listener: TcpListener,
    database: Database,
    options: RestOptions,
    stop: watch::Receiver<bool>,
) -> Result<()> {
    let address = listener.local_addr().map_or_else(|_| "a socket".to_owned(), |at| at.to_string());
    let grace = options.grace;
    let (abandon, abandoned) = watch::channel(false);
    let gate = Gate::new(listener, &options, abandoned);
    let server = Arc::new(Server::new(database, options));
    let router = Router::new().fallback(handle).with_state(server);
    let service = router.into_make_service_with_connect_info::<Turns>();
    let serving = axum::serve(gate, service).with_graceful_shutdown(told(stop.clone()));
    let mut serving = pin!(serving.into_future());
    let ended = tokio::select! {
        ended = &mut serving => Some(ended),
        () = told(stop) => timeout(grace, &mut serving).await.ok(),
    };
    let ended = if let Some(ended) = ended {
        ended
    } else {
        abandon.send_replace(true);
        serving.await
    };
    ended.map_err(|error| Error::io("serve", address, error))
}

/// Waits until the server is told to stop. Whoever drops the sender tells it too: there is no other
/// way left.
async fn told(mut stop: watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}
