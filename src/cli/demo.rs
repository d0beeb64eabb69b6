//! `sdmxdb demo`: real statistics, loaded, asked and served.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use crate::cli::arguments::{HTTP_ADDRESS, PG_ADDRESS};
use crate::cli::info::{folder_bytes, write_flows};
use crate::cli::load::write_report;
use crate::cli::serve::{Servers, Wanted, address};
use crate::cli::sql::connect;
use crate::cli::{arguments, now, user, words};
use crate::error::{Error, Result};
use crate::query::Connection;
use crate::query::render::{Format, render};
use crate::sdmx::{input, structure};
use crate::store::{Database, LoadOptions};

/// The structures of the sample.
const STRUCTURES: &str = include_str!("../../sql/sample/structures.xml");

/// The data of the sample.
const DATA: [(&str, &[u8]); 3] = [
    ("exr.csv.zst", include_bytes!("../../sql/sample/exr.csv.zst")),
    ("exr_avg.csv.zst", include_bytes!("../../sql/sample/exr_avg.csv.zst")),
    ("pop_be.csv.zst", include_bytes!("../../sql/sample/pop_be.csv.zst")),
];

/// The worked examples: the first line of each is a comment that says what it asks.
const QUERIES: [&str; 6] = [
    include_str!("../../sql/sample/queries/1-series.sql"),
    include_str!("../../sql/sample/queries/2-slice.sql"),
    include_str!("../../sql/sample/queries/3-aggregate.sql"),
    include_str!("../../sql/sample/queries/4-available.sql"),
    include_str!("../../sql/sample/queries/5-growth.sql"),
    include_str!("../../sql/sample/queries/6-join.sql"),
];

pub(super) fn run(arguments: &arguments::Demo) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    let folder = arguments.database.as_path();
    let database = load(folder, &mut out)?;
    let snapshot = database.snapshot()?;
    let refused = |e| Error::io("write", "standard output", e);
    writeln!(out).map_err(refused)?;
    write_flows(&snapshot, &mut out)?;
    let bytes = folder_bytes(folder)?;
    let plain: u64 = snapshot.state().all_segments().map(|live| live.entry.bytes).sum();
    let shown = (words::bytes(plain), words::bytes(bytes));
    writeln!(out, "data: {}; the whole folder {}: {}", shown.0, folder.display(), shown.1)
        .map_err(refused)?;
    let connection = connect(&database, None)?;
    for query in QUERIES {
        show(&connection, query, &mut out)?;
    }
    let folder = folder.display();
    writeln!(out, "\nAsk on:  sdmxdb {folder}")
        .and_then(|()| writeln!(out, "Sources: European Central Bank (euro reference rates);"))
        .and_then(|()| writeln!(out, "         Statbel, through LArray (population of Belgium);"))
        .and_then(|()| writeln!(out, "         averages computed by this project from the rates"))
        .map_err(refused)?;
    if arguments.no_serve {
        return Ok(ExitCode::SUCCESS);
    }
    let servers = start(&database, arguments)?;
    write_ways_in(&servers, &mut out).and_then(|()| out.flush()).map_err(refused)?;
    servers.wait()?;
    Ok(ExitCode::SUCCESS)
}

/// Starts both servers where they were asked for, else at the usual addresses, else at free ones.
fn start(database: &Database, arguments: &arguments::Demo) -> Result<Servers> {
    let choose = |option, asked: &Option<String>, usual: &str| match asked {
        Some(text) => address(option, text),
        None => address(option, usual).map(free_port),
    };
    let pg = choose("--pg", &arguments.pg, PG_ADDRESS)?;
    let http = choose("--http", &arguments.http, HTTP_ADDRESS)?;
    Servers::start(database.clone(), &Wanted::at(pg, http))
}

/// The address itself, or one with any free port if somebody listens there.
fn free_port(address: SocketAddr) -> SocketAddr {
    match TcpListener::bind(address) {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}

/// Says how to connect.
fn write_ways_in(servers: &Servers, out: &mut impl Write) -> io::Result<()> {
    let Servers { pg, http, .. } = servers;
    let (host, port) = (pg.ip(), pg.port());
    let query = "SELECT time_period, obs_value FROM ecb.exr WHERE currency = 'USD' \
                 ORDER BY time_period DESC LIMIT 3";
    let odbc = format!(
        "Driver={{PostgreSQL Unicode}};Server={host};Port={port};Database=sdmxdb;Uid=reader"
    );
    writeln!(
        out,
        "\nThe servers run; Ctrl-C stops them.

psql     psql -h {host} -p {port} sdmxdb -c \"{query}\"

Python   pip install pandas sqlalchemy 'psycopg[binary]'
         import pandas as pd
         pd.read_sql(\"{query}\",
                     \"postgresql+psycopg://reader@{host}:{port}/sdmxdb\")

R        install.packages(\"RPostgres\")
         db <- DBI::dbConnect(RPostgres::Postgres(), host = \"{host}\", port = {port},
                              dbname = \"sdmxdb\", user = \"reader\")
         DBI::dbGetQuery(db, \"{query}\")

Excel    Data > Get Data > From Other Sources > From ODBC, with the driver psqlODBC:
         {odbc}

curl     curl 'http://{http}/sdmx/v2/data/dataflow/ECB/EXR/1.0/D.USD.EUR.SP00.A?lastNObservations=3&format=csvdata'
"
    )?;
    writeln!(out, "ready: postgres://{pg}/sdmxdb http://{http}/sdmx")
}

/// Loads the sample. Loading it again changes nothing.
fn load(folder: &Path, out: &mut impl Write) -> Result<Database> {
    let started = Instant::now();
    let database = Database::open_or_create(folder)?;
    let message = "the sample".to_owned();
    let options =
        LoadOptions { author: user(), message, clock: Some(now), ..LoadOptions::at(now()) };
    let mut load = database.begin_load(options)?;
    load.structures(structure::read_structures(STRUCTURES.as_bytes(), "structures.xml")?)?;
    for (name, bytes) in DATA {
        load.csv(input::decompress(Box::new(bytes), name)?, name)?;
    }
    let report = load.commit()?;
    let milliseconds = started.elapsed().as_millis();
    writeln!(out, "The sample is in the database {} ({milliseconds} ms):", folder.display())
        .and_then(|()| write_report(&report, out))
        .map_err(|e| Error::io("write", "standard output", e))?;
    Ok(database)
}

/// Shows a worked example: what it asks, the statement, its answer and the time it took.
fn show(connection: &Connection, query: &str, out: &mut impl Write) -> Result<()> {
    let refused = |e| Error::io("write", "standard output", e);
    let (title, statement) = query.split_once('\n').unwrap_or(("", query));
    let title = title.trim_start_matches(['-', ' ']);
    writeln!(out, "\n== {title}\n\n{}\n", statement.trim_end()).map_err(refused)?;
    let started = Instant::now();
    let mut rows = connection.sql(statement)?;
    let schema = Arc::clone(rows.schema());
    render(Format::Table, &schema, &mut rows, out)?;
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    writeln!(out, "{milliseconds:.1} ms").map_err(refused)
}
