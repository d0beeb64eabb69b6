//! `sdmxdb sql`.

use std::fs;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crate::cli::{arguments, now, open, repl, user};
use crate::error::{Error, Result};
use crate::query::render::{Format, render};
use crate::query::{Connection, EngineOptions, Rows, WriterIdentity};
use crate::store::Database;

pub(super) fn run(arguments: &arguments::Sql) -> Result<ExitCode> {
    let format = Format::parse(&arguments.format).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
        let reason = format!("{:?} is none of {}", arguments.format, names.join(", "));
        Error::invalid("--format", reason)
    })?;
    let is_asked = arguments.command.is_some() || arguments.file.is_some();
    if !is_asked && io::stdin().is_terminal() && io::stdout().is_terminal() {
        return repl::run(connect(&open(&arguments.database)?, arguments.threads)?, format);
    }
    let sql = statements(arguments)?;
    let connection = connect(&open(&arguments.database)?, arguments.threads)?;
    if let Some(runs) = arguments.bench {
        return bench(&connection, &sql, runs);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let mut started = Instant::now();
    connection.run(&sql, |mut rows| {
        let schema = Arc::clone(rows.schema());
        let mut count = 1;
        if !schema.fields().is_empty() {
            count = render(format, &schema, &mut rows, &mut out)?;
        }
        if let Some(tag) = command_tag(&rows) {
            // What is not the answer must not stand between its rows where programs read them.
            let mut to: Box<dyn Write + '_> =
                if format == Format::Table { Box::new(&mut out) } else { Box::new(io::stderr()) };
            writeln!(to, "{tag}").map_err(|e| Error::io("write", "standard output", e))?;
            count = count.max(1);
        }
        out.flush().map_err(|e| Error::io("write", "standard output", e))?;
        if count == 0 {
            hint_at_nothing(&rows, &mut io::stderr())?;
        }
        if arguments.timing {
            let milliseconds = started.elapsed().as_secs_f64() * 1e3;
            drop(writeln!(io::stderr(), "time: {milliseconds:.3} ms"));
        }
        started = Instant::now();
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What PostgreSQL says of a statement that has written, or that was about the transaction.
pub(super) fn command_tag(rows: &Rows) -> Option<String> {
    let answer = rows.answer();
    if let Some(outcome) = answer.write_outcome() {
        return Some(outcome.command_tag());
    }
    let is_transaction = ["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE"];
    is_transaction.contains(&answer.tag()).then(|| answer.tag().to_owned())
}

/// Says why an answer has no rows, where that is known.
pub(super) fn hint_at_nothing(rows: &Rows, out: &mut dyn Write) -> Result<()> {
    for hint in rows.answer().why_empty()? {
        writeln!(out, "hint: {hint}").map_err(|e| Error::io("write", "the terminal", e))?;
    }
    Ok(())
}

/// A connection that uses so many threads, or all processors. It writes in the user's name.
pub(super) fn connect(database: &Database, threads: Option<usize>) -> Result<Connection> {
    let all = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let threads = threads.and_then(NonZeroUsize::new).unwrap_or(all);
    let connection = Connection::new(database.clone(), EngineOptions::new(threads))?;
    connection.session().set_writer(Some(WriterIdentity::new(user(), now)));
    Ok(connection)
}

fn statements(arguments: &arguments::Sql) -> Result<String> {
    if let Some(command) = &arguments.command {
        return Ok(command.clone());
    }
    if let Some(path) = &arguments.file {
        return fs::read_to_string(path).map_err(|e| Error::io("read", path, e));
    }
    let mut sql = String::new();
    let read = io::stdin().read_to_string(&mut sql);
    read.map_err(|e| Error::io("read", "standard input", e))?;
    Ok(sql)
}

/// Times a statement; its rows are counted and dropped.
fn bench(connection: &Connection, sql: &str, runs: u32) -> Result<ExitCode> {
    let mut times = Vec::new();
    let mut rows = 0;
    for run in 0..=runs.max(1) {
        let started = Instant::now();
        rows = 0;
        connection.run(sql, |answer: Rows| {
            for batch in answer {
                rows += batch?.num_rows();
            }
            Ok(())
        })?;
        if run > 0 {
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    times.sort_by(f64::total_cmp);
    let (min, median, max) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    writeln!(io::stdout(), "{min:.3} {median:.3} {max:.3} {rows}")
        .map_err(|e| Error::io("write", "standard output", e))?;
    Ok(ExitCode::SUCCESS)
}
