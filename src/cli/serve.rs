//! `sdmxdb serve`: the Postgres wire and SDMX REST on one database.

use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::result;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
#[cfg(not(unix))]
use tokio::signal::ctrl_c;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::sleep;

use crate::cli::{arguments, compact, now, open, release};
use crate::error::{Error, Result};
use crate::limits::{
    Budget, COMPACTION_RATE_BYTES, HTTP_ANSWERS_MAX, PG_CONNECTIONS_MAX, QUERY_MEMORY_BYTES,
    QUERY_STACK_BYTES,
};
use crate::pg::{self, PgOptions};
use crate::query::EngineOptions;
use crate::query::error::QUERY_MEMORY;
use crate::rest::{self, RestOptions};
use crate::store::Database;

/// Threads of the network: each does a little for many connections.
const NETWORK_THREADS: usize = 2;
/// Threads of short queries at least: while one waits for the disk, another goes on.
const QUERY_THREADS_MIN: usize = 2;
const SECOND_MICROS: i64 = 1_000_000;
/// How long upkeep rests after a look.
const UPKEEP_PAUSE: Duration = Duration::from_secs(10);
/// How long the publication of releases rests after an error of the disk.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(10);

pub(super) fn run(arguments: &arguments::Serve) -> Result<ExitCode> {
    let database = open(&arguments.database)?;
    let has_users = !database.users()?.is_empty();
    let pg =
        if has_users { resolve("--pg", &arguments.pg) } else { address("--pg", &arguments.pg) };
    let (pg, http) = (pg?, address("--http", &arguments.http)?);
    let wanted = Wanted {
        threads: arguments.threads,
        pg_connections: arguments.pg_connections,
        http_answers: arguments.http_answers,
        statement_timeout: Duration::from_secs(arguments.statement_timeout),
        memory: arguments.memory.saturating_mul(1 << 20),
        compaction_rate: arguments.compaction_rate.saturating_mul(1 << 20),
        ..Wanted::at(pg, http)
    };
    let servers = Servers::start(database, &wanted)?;
    let Servers { pg, http, .. } = &servers;
    say(&format!("ready: postgres://{pg}/sdmxdb http://{http}/sdmx"))?;
    if io::stderr().is_terminal() {
        drop(writeln!(io::stderr(), "Ctrl-C stops."));
    }
    servers.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// An address to listen at, on this machine.
///
/// # Errors
///
/// [`Error::Invalid`] for a text that is no address, and for one that others could reach: nobody
/// there could be told from anybody else.
pub(super) fn address(option: &'static str, text: &str) -> Result<SocketAddr> {
    let found = resolve(option, text)?;
    if found.ip().is_loopback() {
        return Ok(found);
    }
    let port = found.port();
    let reason = match option {
        "--http" => format!(
            "{text} could be reached from other machines, and SDMX REST asks nobody who they are: \
             write 127.0.0.1:{port}, and put a server before it that does"
        ),
        _ => format!(
            "{text} could be reached from other machines; without users the server listens on this \
             machine only: write 127.0.0.1:{port}, or add users with `sdmxdb user`"
        ),
    };
    Err(Error::invalid(option, reason))
}

/// An address to listen at.
fn resolve(option: &'static str, text: &str) -> Result<SocketAddr> {
    let found = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    let reason = format!("{text:?} is no address; write 127.0.0.1:5433");
    found.ok_or_else(|| Error::invalid(option, reason))
}

/// What is asked of the servers.
pub(super) struct Wanted {
    pub(super) pg: SocketAddr,
    pub(super) http: SocketAddr,
    /// Threads of one query; all processors without it.
    pub(super) threads: Option<usize>,
    pub(super) pg_connections: usize,
    pub(super) http_answers: usize,
    /// Zero is without end.
    pub(super) statement_timeout: Duration,
    /// Bytes that all running queries share.
    pub(super) memory: u64,
    /// Bytes a second that compaction in the background reads; 0 turns it off.
    pub(super) compaction_rate: u64,
}

impl Wanted {
    /// Servers with the usual limits.
    pub(super) fn at(pg: SocketAddr, http: SocketAddr) -> Self {
        Self {
            pg,
            http,
            threads: None,
            pg_connections: PG_CONNECTIONS_MAX,
            http_answers: HTTP_ANSWERS_MAX,
            statement_timeout: Duration::ZERO,
            memory: QUERY_MEMORY_BYTES,
            compaction_rate: COMPACTION_RATE_BYTES,
        }
    }
}

/// Two servers that run.
pub(super) struct Servers {
    /// Where the Postgres wire listens.
    pub(super) pg: SocketAddr,
    /// Where SDMX REST listens.
    pub(super) http: SocketAddr,
    network: Runtime,
    /// The threads that plan all queries, and answer short ones.
    queries: Runtime,
    long: Runtime,
    stop: watch::Sender<bool>,
    both: [JoinHandle<Result<()>>; 2],
    interrupts: Interrupts,
}

impl Servers {
    /// Starts both servers; they listen when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] for an address that is taken, and without threads.
    pub(super) fn start(database: Database, wanted: &Wanted) -> Result<Self> {
        let all = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = wanted.threads.and_then(NonZeroUsize::new).unwrap_or(all);
        let queries = runtime("sdmxdb-query", threads.get().max(QUERY_THREADS_MIN))?;
        // No more than a query uses: short ones share the processors with each of them.
        let long = runtime("sdmxdb-long", threads.get())?;
        let network = runtime("sdmxdb-network", NETWORK_THREADS)?;
        let memory = Budget::new(QUERY_MEMORY, wanted.memory);
        let engine_options =
            EngineOptions { memory: memory.clone(), ..EngineOptions::new(threads) };
        let engine_options = EngineOptions { long: Some(long.handle().clone()), ..engine_options };
        let engine = pg::engine(database.clone(), engine_options)?;
        let (stop, stopped) = watch::channel(false);
        let (pg_socket, pg) = network.block_on(listen(wanted.pg, "--pg"))?;
        let (http_socket, http) = network.block_on(listen(wanted.http, "--http"))?;
        let interrupts = network.block_on(async { Interrupts::listen() })?;
        let handle = queries.handle().clone();
        let pg_options = PgOptions {
            connections_max: wanted.pg_connections,
            statement_timeout: wanted.statement_timeout,
            ..PgOptions::new(now)
        };
        let wire = pg::serve(pg_socket, Arc::clone(&engine), handle, pg_options, stopped.clone());
        let answers_max = wanted.http_answers.max(1);
        let rest_options = RestOptions { answers_max, ..rest_options(memory) };
        let releases = Releases { database: database.clone(), stop: stopped.clone() };
        let web = rest::serve(http_socket, database, rest_options, stopped);
        let upkeep = Upkeep {
            database: releases.database.clone(),
            stop: releases.stop.clone(),
            rate: wanted.compaction_rate,
        };
        drop(network.spawn(releases.publish()));
        drop(network.spawn(upkeep.compact()));
        let both = [network.spawn(wire), network.spawn(web)];
        Ok(Self { pg, http, network, queries, long, stop, both, interrupts })
    }

    /// Serves until Ctrl-C or until the process is told to end, then lets running answers finish
    /// for a while.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a listener failed.
    pub(super) fn wait(self) -> Result<()> {
        let Self { network, queries, long, stop, both, mut interrupts, .. } = self;
        let [mut wire, mut web] = both;
        let ended = network.block_on(async {
            tokio::select! {
                () = interrupts.wait() => {}
                ended = &mut wire => return flat(ended),
                ended = &mut web => return flat(ended),
            }
            stop.send_replace(true);
            let (wire, web) = tokio::join!(wire, web);
            flat(wire).and(flat(web))
        });
        network.shutdown_background();
        queries.shutdown_background();
        long.shutdown_background();
        ended
    }
}

/// Publishes what is due while the servers run.
struct Releases {
    database: Database,
    stop: watch::Receiver<bool>,
}

impl Releases {
    /// Looks at every full second, which costs a listing: any program may make or move a release.
    async fn publish(mut self) {
        loop {
            let rest = SECOND_MICROS - now().rem_euclid(SECOND_MICROS);
            let rest = Duration::from_micros(u64::try_from(rest).unwrap_or(0));
            tokio::select! {
                () = sleep(rest) => {}
                _ = self.stop.wait_for(|stop| *stop) => return,
            }
            let database = self.database.clone();
            // One that loads long may outlive the server's end; it is one commit or none.
            let due = spawn_blocking(move || database.release_due(now()));
            match due.await {
                Ok(Ok(released)) => released.iter().for_each(release::tell),
                Ok(Err(error)) => {
                    drop(writeln!(io::stderr(), "sdmxdb: cannot publish what is due: {error}"));
                    // A full disk is not free again in a second.
                    sleep(PAUSE_AFTER_ERROR).await;
                }
                Err(_) => return,
            }
        }
    }
}

/// Compacts while the servers run.
struct Upkeep {
    database: Database,
    stop: watch::Receiver<bool>,
    rate: u64,
}

impl Upkeep {
    /// Looks now and then whether something is worth it. Cost of a look: a few `stat`.
    async fn compact(mut self) {
        while self.rate > 0 {
            tokio::select! {
                () = sleep(UPKEEP_PAUSE) => {}
                _ = self.stop.wait_for(|stop| *stop) => return,
            }
            let (database, stop, rate) = (self.database.clone(), self.stop.clone(), self.rate);
            let is_over = move || *stop.borrow();
            let work = move || compact::in_background(&database, rate, &is_over);
            match spawn_blocking(work).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    drop(writeln!(io::stderr(), "sdmxdb: cannot compact: {error}"));
                    sleep(PAUSE_AFTER_ERROR).await;
                }
                Err(_) => return,
            }
        }
    }
}

fn flat(ended: result::Result<Result<()>, JoinError>) -> Result<()> {
    ended.unwrap_or_else(|error| Err(Error::bug(format!("a server broke off: {error}"))))
}

fn rest_options(memory: Budget) -> RestOptions {
    let report = |text: &str| drop(writeln!(io::stderr(), "sdmxdb: {text}"));
    RestOptions { report, memory: Some(memory), ..RestOptions::new(now) }
}

async fn listen(address: SocketAddr, option: &str) -> Result<(TcpListener, SocketAddr)> {
    let failed = |error: io::Error| {
        let advice = if error.kind() == io::ErrorKind::AddrInUse {
            format!("{address} (choose another address with {option})")
        } else {
            address.to_string()
        };
        Error::io("listen at", advice, error)
    };
    let socket = TcpListener::bind(address).await.map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    Ok((socket, address))
}

fn say(text: &str) -> Result<()> {
    let mut out = io::stdout();
    let said = writeln!(out, "{text}").and_then(|()| out.flush());
    said.map_err(|error| Error::io("write", "standard output", error))
}

fn runtime(name: &str, threads: usize) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    let runtime = builder
        .worker_threads(threads)
        .thread_name(name)
        .thread_stack_size(QUERY_STACK_BYTES)
        .enable_all()
        .build();
    runtime.map_err(|error| Error::io("start", "threads", error))
}

/// Ctrl-C, and being told to end. Made before anybody is told that the servers listen, so that
/// neither can come too early.
struct Interrupts {
    #[cfg(unix)]
    signals: [Signal; 2],
}

impl Interrupts {
    /// Listens for both. Within a runtime.
    fn listen() -> Result<Self> {
        #[cfg(unix)]
        {
            let listen = |kind| signal(kind).map_err(|e| Error::io("listen for", "signals", e));
            let signals = [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?];
            Ok(Self { signals })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Waits for one of them.
    async fn wait(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate] = &mut self.signals;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Where it cannot be heard, the server ends with its process.
        #[cfg(not(unix))]
        drop(ctrl_c().await);
    }
}
