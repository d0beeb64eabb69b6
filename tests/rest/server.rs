//! The server over the statistics that ship with the program.

use std::fs::File;
use std::io::BufReader;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::OnceLock;

use sdmxdb::rest::{RestOptions, serve};
use sdmxdb::sdmx::input;
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, LoadOptions};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::{Answer, ask};

/// When the sample is loaded, and an hour later, when it is asked.
pub(crate) const LOADED: i64 = 1_800_000_000_000_000;
pub(crate) const NOW: i64 = LOADED + 3_600_000_000;

/// A database with the sample, loaded once for all tests.
pub(crate) fn sample() -> Database {
    static SAMPLE: OnceLock<(TempDir, Database)> = OnceLock::new();
    let (_, database) = SAMPLE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open_or_create(folder.path().join("db")).expect("created");
        let mut load = database.begin_load(LoadOptions::at(LOADED)).expect("begun");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/sample");
        let structures = File::open(path.join("structures.xml")).expect("there");
        let structures = read_structures(BufReader::new(structures), "structures.xml");
        load.structures(structures.expect("read")).expect("good");
        for name in ["exr.csv.zst", "exr_avg.csv.zst", "pop_be.csv.zst"] {
            let file = File::open(path.join(name)).expect("there");
            let plain = input::open(file, name).expect("compressed");
            load.csv(plain, name).expect("good");
        }
        load.commit().expect("committed");
        (folder, database)
    });
    database.clone()
}

/// A server that runs.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
    runtime: Option<Runtime>,
}

/// The defaults, with a clock that stands.
pub(crate) fn options() -> RestOptions {
    RestOptions::new(|| NOW)
}

impl Server {
    /// A server over the sample with the defaults.
    pub(crate) fn start() -> Self {
        Self::with(sample(), options())
    }

    pub(crate) fn with(database: Database, options: RestOptions) -> Self {
        let runtime =
            Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let task = runtime.spawn(async move {
            serve(listener, database, options, stopped).await.expect("served to its end");
        });
        Self { address, stop, task: Some(task), runtime: Some(runtime) }
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        ask(self.address, "GET", target, &[])
    }

    pub(crate) fn get_as(&self, target: &str, accept: &str) -> Answer {
        ask(self.address, "GET", target, &[("Accept", accept)])
    }

    pub(crate) fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        ask(self.address, "GET", target, headers)
    }

    /// The rows of an answer in SDMX-CSV without its header.
    pub(crate) fn rows(&self, target: &str) -> Vec<String> {
        let answer = self.get_as(target, "text/csv");
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert!(answer.is_whole, "{target}");
        answer.text().lines().skip(1).map(str::to_owned).collect()
    }

    /// What the metrics count under a name.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let text = self.get("/metrics").text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// Waits until a condition holds, by asking for the metrics again and again.
    pub(crate) fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let holds = (0..20_000).any(|_| condition(self));
        assert!(holds, "in vain: {what}");
    }

    /// Tells the server to stop.
    pub(crate) fn tell_to_stop(&self) {
        self.stop.send(true).expect("it runs");
    }

    /// Waits for the end of the server.
    pub(crate) fn join(&mut self) {
        let task = self.task.take().expect("not joined yet");
        let runtime = self.runtime.as_ref().expect("runs");
        runtime.block_on(task).expect("served");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
