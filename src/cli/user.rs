//! `sdmxdb user`.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
#[cfg(unix)]
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::cli::{now, open, user};
use crate::error::{Error, Result};
use crate::limits::PASSWORD_BYTES_MAX;
use crate::store::{Database, Right, UserChange};

#[derive(Args, Debug)]
#[command(after_help = "\
While there are no users, servers let anybody on their own machine read, and nobody write. Once there
are, clients of PostgreSQL log in with their name and password (SCRAM-SHA-256). Every user may read;
the rights are write (change data), preview (see releases before their time), and admin (all of it,
and stop the statements of others). A password is asked for, unless it comes from standard input.
Examples:
  sdmxdb user stats add anna write --password-stdin < secret.txt
  sdmxdb user stats grant anna preview
  sdmxdb user stats list")]
pub(super) struct User {
    /// The folder of the database
    pub(super) database: PathBuf,
    #[command(subcommand)]
    pub(super) action: UserAction,
}

#[derive(Debug, Subcommand)]
pub(super) enum UserAction {
    /// Add a user; the password is asked for
    Add {
        /// The name to log in with
        name: String,
        /// write, preview, admin
        #[arg(value_name = "RIGHT")]
        rights: Vec<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user another password
    Password {
        /// The user
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give a user rights
    Grant {
        /// The user
        name: String,
        /// write, preview, admin
        #[arg(value_name = "RIGHT", required = true)]
        rights: Vec<String>,
    },
    /// Take rights from a user
    Revoke {
        /// The user
        name: String,
        /// write, preview, admin
        #[arg(value_name = "RIGHT", required = true)]
        rights: Vec<String>,
    },
    /// Remove a user
    Drop {
        /// The user
        name: String,
    },
    /// Show all users with their rights
    List,
}

pub(super) fn run(arguments: &User) -> Result<ExitCode> {
    let database = open(&arguments.database)?;
    let (name, change, done) = match &arguments.action {
        UserAction::List => {
            list(&database)?;
            return Ok(ExitCode::SUCCESS);
        }
        UserAction::Add { name, rights, password_stdin } => {
            // Nobody types a password in vain.
            if database.users()?.get(name)?.is_some() {
                let (id, reason) = (name.clone(), "exists already".to_owned());
                return Err(Error::Conflict { kind: "user", id, reason });
            }
            let password = password(*password_stdin)?;
            (name, UserChange::Add(password, rights_of(rights)?), "added")
        }
        UserAction::Password { name, password_stdin } => {
            if database.users()?.get(name)?.is_none() {
                return Err(Error::not_found("user", name));
            }
            (name, UserChange::Password(password(*password_stdin)?), "has another password")
        }
        UserAction::Grant { name, rights } => {
            (name, UserChange::Grant(rights_of(rights)?), "changed")
        }
        UserAction::Revoke { name, rights } => {
            (name, UserChange::Revoke(rights_of(rights)?), "changed")
        }
        UserAction::Drop { name } => (name, UserChange::Drop, "dropped"),
    };
    let commit = database.change_user(name, &change, now(), &user())?;
    match commit {
        Some(commit) => say(&format!("user {name} {done}: commit {commit}"))?,
        None => say(&format!("user {name} was so already"))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(database: &Database) -> Result<()> {
    let users = database.users()?;
    if users.is_empty() {
        return say("no users: servers let anybody on their own machine read, and nobody write");
    }
    for name in users.names() {
        let Some(user) = users.get(name)? else { continue };
        let granted = user.rights.iter().map(|right| right.name());
        let rights: Vec<&str> = ["read"].into_iter().chain(granted).collect();
        say(&format!("{name}: {}", rights.join(", ")))?;
    }
    Ok(())
}

fn rights_of(names: &[String]) -> Result<BTreeSet<Right>> {
    names.iter().map(|name| name.parse()).collect()
}

/// The password, typed twice without echo, or from standard input up to the end of the line.
fn password(is_piped: bool) -> Result<String> {
    let failed = |error| Error::io("read", "the password", error);
    let input = io::stdin();
    if is_piped {
        return line(input.lock()).map_err(failed);
    }
    if !input.is_terminal() {
        let reason = "is asked for on a terminal; to give it from a program, use --password-stdin";
        return Err(Error::invalid("password", reason));
    }
    let first = typed("Password: ").map_err(failed)?;
    let second = typed("Again: ").map_err(failed)?;
    if first != second {
        return Err(Error::invalid("password", "is not twice the same"));
    }
    Ok(first)
}

/// One line, without its end, and not much more than the longest password.
fn line(input: impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    let most = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX) + 2;
    input.take(most).read_line(&mut text)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// A line of the terminal that is not shown.
#[cfg(unix)]
fn typed(prompt: &str) -> io::Result<String> {
    let input = io::stdin();
    let shown = tcgetattr(&input)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    let mut out = io::stderr();
    out.write_all(prompt.as_bytes())?;
    out.flush()?;
    tcsetattr(&input, OptionalActions::Flush, &hidden)?;
    let text = line(input.lock());
    tcsetattr(&input, OptionalActions::Flush, &shown)?;
    text
}

#[cfg(not(unix))]
fn typed(_: &str) -> io::Result<String> {
    Err(io::Error::other("this terminal shows what is typed; use --password-stdin"))
}

fn say(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}").map_err(|error| Error::io("write", "standard output", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_a_line() {
        let read = |text: &str| line(text.as_bytes()).expect("read");
        assert_eq!(read("secret\nmore\n"), "secret");
        assert_eq!(read("secret\r\n"), "secret");
        assert_eq!(read("  a b  "), "  a b  ");
        assert_eq!(read(""), "");
        let long = "x".repeat(PASSWORD_BYTES_MAX + 100);
        assert_eq!(read(&long).len(), PASSWORD_BYTES_MAX + 2, "and is refused as too long");
    }
}
