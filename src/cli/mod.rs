//! The command line: commands, progress, exit codes.
//!
//! Read in this order: `arguments` (what may be typed), `exit` (what the shell is told), `progress`,
//! then one file a command:
//!
//! * `load` (with `messages`, the files, and `difference`, what it would change)
//! * `log`, `diff`, `revert`, `name`
//! * `release`, `user`
//! * `sql` (with the prompt, `repl`), `export`, `serve`, `demo`
//! * `info`, `check`
//!
//! **Invariant:** only this module reads the clock and the environment, and writes to the terminal.

mod ahead;
mod arguments;
mod backup;
mod check;
mod compact;
mod demo;
mod diff;
mod difference;
mod exit;
mod export;
mod forget;
mod info;
mod load;
mod log;
mod messages;
mod name;
mod progress;
mod redact;
mod release;
mod repl;
mod revert;
mod serve;
mod sql;
mod user;
mod words;

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser as _;

use crate::error::{Error, Result};
use crate::limits::QUERY_STACK_BYTES;
use crate::store::{Database, Health};
use arguments::{Arguments, Command};

/// Runs the command that the program was started with, on a thread that has the stack for the
/// longest statement.
pub fn main() -> ExitCode {
    let work = thread::Builder::new().stack_size(QUERY_STACK_BYTES).spawn(command_line);
    match work.map(thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        // The panic has been reported where it was.
        Ok(Err(_)) => ExitCode::from(70),
        Err(_) => command_line(),
    }
}

fn command_line() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(code) => code,
        Err(error) if exit::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // There is nobody left to tell if this fails.
            drop(writeln!(io::stderr(), "sdmxdb: {error}"));
            exit::code(&error)
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { command, database } = arguments;
    if let Some(folder) = database.filter(|_| command.is_none()) {
        if !folder.exists() {
            let reason = "is neither a command nor the folder of a database; see sdmxdb --help";
            return Err(Error::invalid(folder.display().to_string(), reason));
        }
        return sql::run(&arguments::Sql::prompt(folder));
    }
    match command {
        Some(Command::Demo(demo)) => demo::run(&demo),
        Some(Command::Load(load)) => load::run(&load),
        Some(Command::Release(release)) => release::run(&release),
        Some(Command::Sql(sql)) => sql::run(&sql),
        Some(Command::Log(log)) => log::run(&log),
        Some(Command::Diff(diff)) => diff::run(&diff),
        Some(Command::Revert(revert)) => revert::run(&revert),
        Some(Command::Compact(compact)) => compact::run(&compact),
        Some(Command::Forget(forget)) => forget::run(&forget),
        Some(Command::Redact(redact)) => redact::run(&redact),
        Some(Command::Name(name)) => name::run(&name),
        Some(Command::Info(info)) => info::run(&info),
        Some(Command::Check(check)) => check::run(&check),
        Some(Command::Backup(backup)) => backup::run(&backup),
        Some(Command::Restore(restore)) => backup::restore(&restore),
        Some(Command::Export(export)) => export::run(&export),
        Some(Command::Serve(serve)) => serve::run(&serve),
        Some(Command::User(user)) => user::run(&user),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Opens a database to read. Where it cannot show its last commits, a person is told.
fn open(path: &Path) -> Result<Database> {
    let database = Database::open(path)?;
    if let Health::ReadOnly { reason } = database.health() {
        drop(writeln!(io::stderr(), "sdmxdb: an older state is shown, read-only: {reason}"));
    } else if let Err(error) = database.release_due(now()) {
        // Reading goes on, without what should be public by now.
        drop(writeln!(io::stderr(), "sdmxdb: what is due could not be published: {error}"));
    }
    Ok(database)
}

/// The time now, in microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "here the clock is read, and nowhere else")]
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// Who is at work, as the operating system says.
fn user() -> String {
    ["USER", "USERNAME"].iter().find_map(|name| env::var(name).ok()).unwrap_or_default()
}
