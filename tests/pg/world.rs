//! A server over a small database, and a client that speaks in raw messages.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use postgres::{Client, Config, NoTls};
use sdmxdb::limits::QUERY_STACK_BYTES;
use sdmxdb::pg::{self, PgOptions};
use sdmxdb::query::EngineOptions;
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, LoadOptions};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

const STRUCTURES: &str = include_str!("../../sql/sample/structures.xml");
const DATA: &str = "\
DATAFLOW,FREQ,CURRENCY,CURRENCY_DENOM,EXR_TYPE,EXR_SUFFIX,TIME_PERIOD,OBS_VALUE,OBS_STATUS
ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-02,1.0956,A
ECB:EXR(1.0),D,USD,EUR,SP00,A,2024-01-03,1.0919,A
ECB:EXR(1.0),D,GBP,EUR,SP00,A,2024-01-02,0.86645,A
ECB:EXR(1.0),D,GBP,EUR,SP00,A,2024-01-03,,M
";

/// A server that ends with the value.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) database: Database,
    stop: watch::Sender<bool>,
    network: Option<Runtime>,
    queries: Option<Runtime>,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut PgOptions)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::open_or_create(folder.path().join("stats")).expect("a database");
        let mut load = database.begin_load(LoadOptions::at(1_704_300_000_000_000)).expect("a load");
        let structures = read_structures(STRUCTURES.as_bytes(), "structures.xml").expect("read");
        load.structures(structures).expect("structures");
        load.csv(DATA.as_bytes(), "rates.csv").expect("data");
        load.commit().expect("a commit");
        // Two threads for queries, whatever the machine has.
        let two = NonZeroUsize::new(2).expect("not zero");
        let runtime = || {
            let mut builder = Builder::new_multi_thread();
            builder.worker_threads(2).thread_stack_size(QUERY_STACK_BYTES).enable_all().build()
        };
        let (network, queries) = (runtime().expect("threads"), runtime().expect("threads"));
        let engine = pg::engine(database.clone(), EngineOptions::new(two)).expect("an engine");
        let (stop, stopped) = watch::channel(false);
        let listener = network.block_on(TcpListener::bind("127.0.0.1:0")).expect("an address");
        let address = listener.local_addr().expect("an address");
        let mut options = PgOptions::new(|| 1_704_300_000_000_000);
        change(&mut options);
        let handle = queries.handle().clone();
        network.spawn(pg::serve(listener, Arc::clone(&engine), handle, options, stopped));
        let (network, queries) = (Some(network), Some(queries));
        Self { address, database, stop, network, queries, _folder: folder }
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.address.port()).user("tester").dbname("sdmxdb");
        config.connect_timeout(Duration::from_secs(20));
        config
    }

    pub(crate) fn client(&self) -> Client {
        self.config().connect(NoTls).expect("a connection")
    }

    pub(crate) fn raw(&self) -> Raw {
        let mut raw = Raw::connect(self.address);
        raw.start(&[("user", "tester"), ("database", "sdmxdb")]);
        raw.until(b'Z');
        raw
    }

    pub(crate) fn stop(&self) {
        self.stop.send(true).expect("a server");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for runtime in [self.network.take(), self.queries.take()].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// A client that sends what it is told to.
pub(crate) struct Raw(pub(crate) TcpStream);

/// A message of the server.
pub(crate) type Message = (u8, Vec<u8>);

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
        Self(socket)
    }

    /// Sends a first packet.
    pub(crate) fn start(&mut self, parameters: &[(&str, &str)]) {
        self.start_with(196_608, parameters);
    }

    pub(crate) fn start_with(&mut self, version: i32, parameters: &[(&str, &str)]) {
        let mut body = Vec::new();
        body.put_i32(version);
        for (name, value) in parameters {
            body.extend(format!("{name}\0{value}\0").bytes());
        }
        body.push(0);
        self.packet(&body);
    }

    pub(crate) fn packet(&mut self, body: &[u8]) {
        let mut packet = Vec::new();
        packet.put_i32(i32::try_from(body.len() + 4).expect("short"));
        packet.put_slice(body);
        self.0.write_all(&packet).expect("sent");
    }

    pub(crate) fn send(&mut self, kind: u8, body: &[u8]) {
        let mut message = vec![kind];
        message.put_i32(i32::try_from(body.len() + 4).expect("short"));
        message.put_slice(body);
        self.0.write_all(&message).expect("sent");
    }

    pub(crate) fn query(&mut self, sql: &str) {
        self.send(b'Q', format!("{sql}\0").as_bytes());
    }

    pub(crate) fn parse(&mut self, name: &str, sql: &str) {
        self.send(b'P', format!("{name}\0{sql}\0\0\0").as_bytes());
    }

    /// Binds a statement to texts.
    pub(crate) fn bind_texts(&mut self, portal: &str, statement: &str, values: &[&str]) {
        let mut body = format!("{portal}\0{statement}\0\0\0").into_bytes();
        body.put_u16(u16::try_from(values.len()).expect("few"));
        for value in values {
            body.put_i32(i32::try_from(value.len()).expect("short"));
            body.put_slice(value.as_bytes());
        }
        body.put_u16(0);
        self.send(b'B', &body);
    }

    /// Binds a statement without parameters.
    pub(crate) fn bind(&mut self, portal: &str, statement: &str, formats: &[i16]) {
        let mut body = format!("{portal}\0{statement}\0\0\0\0\0").into_bytes();
        body.put_u16(u16::try_from(formats.len()).expect("few"));
        for format in formats {
            body.put_i16(*format);
        }
        self.send(b'B', &body);
    }

    pub(crate) fn execute(&mut self, portal: &str, rows: i32) {
        let mut body = format!("{portal}\0").into_bytes();
        body.put_i32(rows);
        self.send(b'E', &body);
    }

    pub(crate) fn sync(&mut self) {
        self.send(b'S', b"");
    }

    pub(crate) fn read(&mut self) -> Message {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).expect("a message");
        let length = usize::try_from((&head[1..]).get_u32()).expect("short");
        let mut body = vec![0; length - 4];
        self.0.read_exact(&mut body).expect("a whole message");
        (head[0], body)
    }

    /// Reads messages up to one of this kind.
    pub(crate) fn until(&mut self, kind: u8) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            all.push(self.read());
            if all.last().is_some_and(|(found, _)| *found == kind) {
                return all;
            }
        }
    }

    /// What a text of SQL is answered with, one letter a message.
    pub(crate) fn kinds(&mut self, sql: &str) -> String {
        self.query(sql);
        kinds(&self.until(b'Z'))
    }
}

/// One letter a message; rows that follow each other are one.
pub(crate) fn kinds(messages: &[Message]) -> String {
    let mut kinds: Vec<u8> = messages.iter().map(|(kind, _)| *kind).collect();
    kinds.dedup_by(|a, b| a == b && *a == b'D');
    String::from_utf8(kinds).expect("letters")
}

/// The field of an error.
pub(crate) fn field(message: &Message, name: u8) -> Option<String> {
    let (kind, body) = message;
    assert!(matches!(kind, b'E' | b'N'), "no error: {}", *kind as char);
    let mut fields = body.split(|byte| *byte == 0);
    let found = fields.find(|field| field.first() == Some(&name))?;
    Some(String::from_utf8_lossy(&found[1..]).into_owned())
}

/// The tags of commands, with commas between them.
pub(crate) fn tags(messages: &[Message]) -> String {
    let tags = messages.iter().filter(|(kind, _)| *kind == b'C');
    let tags = tags.map(|(_, body)| String::from_utf8_lossy(&body[..body.len() - 1]).into_owned());
    tags.collect::<Vec<_>>().join(",")
}

/// The texts of rows: columns with `|`, rows with a space between them.
pub(crate) fn rows(messages: &[Message]) -> String {
    let rows = messages.iter().filter(|(kind, _)| *kind == b'D');
    let rows = rows.map(|(_, body)| {
        let (mut cells, mut rest) = (Vec::new(), &body[2..]);
        while rest.has_remaining() {
            let Ok(length) = usize::try_from(rest.get_i32()) else {
                cells.push("NULL".to_owned());
                continue;
            };
            let (cell, after) = rest.split_at(length);
            cells.push(String::from_utf8_lossy(cell).into_owned());
            rest = after;
        }
        cells.join("|")
    });
    rows.collect::<Vec<_>>().join(" ")
}
