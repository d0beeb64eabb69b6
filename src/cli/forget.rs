//! `sdmxdb forget`.

use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use crate::catalog::Forgotten;
use crate::cli::{arguments, words};
use crate::error::{Error, Result};
use crate::limits::LOCK_WAIT;
use crate::store::{AsOf, Database};

pub(super) fn run(arguments: &arguments::Forget) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    let snapshot = database.snapshot()?;
    let before = AsOf::parse(&arguments.before)?;
    let first = before.commit(&snapshot)?.number;
    let catalog = database.catalog();
    let kept = catalog.first_kept()?.max(1);
    let refused = |e| Error::io("write", "standard output", e);
    let mut out = io::stdout();
    if first <= kept {
        writeln!(out, "nothing to forget: states are kept from commit {kept} on")
            .map_err(refused)?;
        return Ok(ExitCode::SUCCESS);
    }
    let effective = |number| {
        let record = snapshot.state().commit(number);
        record.map_or_else(String::new, |record| AsOf::Time(record.effective).to_string())
    };
    let states = words::plural(first - kept, "state");
    writeln!(
        out,
        "{states} will be forgotten: commits {kept} ({}) to {} ({})\n\
         kept are commit {first} ({}) and all later ones, and the whole log",
        effective(kept),
        first - 1,
        effective(first - 1),
        effective(first),
    )
    .map_err(refused)?;
    let needless = catalog.forgettable(first)?;
    writeln!(out, "{} can be removed", describe(needless)).map_err(refused)?;
    if !arguments.yes {
        confirm("forget them?")?;
    }
    let removed = catalog.begin(LOCK_WAIT)?.forget(first)?;
    writeln!(out, "{} removed", describe(removed)).map_err(refused)?;
    Ok(ExitCode::SUCCESS)
}

fn describe(forgotten: Forgotten) -> String {
    let Forgotten { commits, segments, bytes } = forgotten;
    let commits = format!("{} manifests and checkpoints", words::count(commits));
    format!("{commits}, {}, {}", words::plural(segments, "segment"), words::bytes(bytes))
}

/// Asks a person.
///
/// # Errors
///
/// [`Error::Invalid`] if the answer is not yes, or there is nobody to ask.
pub(super) fn confirm(question: &str) -> Result<()> {
    if !io::stdin().is_terminal() {
        return Err(Error::invalid(question, "nobody to ask: repeat with --yes"));
    }
    let mut out = io::stdout();
    let asked = write!(out, "{question} [y/N] ").and_then(|()| out.flush());
    asked.map_err(|e| Error::io("write", "standard output", e))?;
    let mut answer = String::new();
    let read = io::stdin().lock().read_line(&mut answer);
    read.map_err(|e| Error::io("read", "standard input", e))?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Error::invalid(question, "not confirmed; nothing was done"))
    }
}
