//! `sdmxdb serve`.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::cli::{arguments, now, open};
use crate::error::{Error, Result};
use crate::pg::{self, PgOptions};
use crate::query::EngineOptions;

/// Threads of the network: each does a little for many connections.
const NETWORK_THREADS: usize = 2;

pub(super) fn run(arguments: &arguments::Serve) -> Result<ExitCode> {
    let database = open(&arguments.database)?;
    let all = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = arguments.threads.and_then(NonZeroUsize::new).unwrap_or(all);
    // Twice the threads that a query uses, so that two of them share the processors fairly.
    let queries = runtime("sdmxdb-query", threads.get() * 2)?;
    let network = runtime("sdmxdb-network", NETWORK_THREADS)?;
    let engine = pg::engine(database, EngineOptions::new(threads))?;
    let handle = queries.handle().clone();
    let served = network.block_on(async {
        let address = &arguments.pg;
        let listener = TcpListener::bind(address.as_str()).await;
        let listener = listener.map_err(|error| Error::io("listen at", address, error))?;
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            interrupted().await;
            // The server may have ended by itself.
            stop.send(true).unwrap_or_default();
        });
        let shown = listener.local_addr().map_err(|e| Error::io("listen at", address, e))?;
        let said = writeln!(io::stdout(), "ready: postgres://{shown}/sdmxdb")
            .and_then(|()| io::stdout().flush());
        said.map_err(|error| Error::io("write", "standard output", error))?;
        pg::serve(listener, Arc::clone(&engine), handle, PgOptions::new(now), stopped).await
    });
    network.shutdown_background();
    queries.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

fn runtime(name: &str, threads: usize) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder.worker_threads(threads).thread_name(name).enable_all().build();
    runtime.map_err(|error| Error::io("start", "threads", error))
}

/// Waits for Ctrl-C, or to be told to end.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without signals, the server ends with its process.
    tokio::signal::ctrl_c().await.unwrap_or_default();
}
