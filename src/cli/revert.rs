//! `sdmxdb revert`.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{arguments, difference, load, now, user};
use crate::error::{Error, Result};
use crate::store::{Database, LoadOptions, Revert};

pub(super) fn run(arguments: &arguments::Revert) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    let number = arguments.commit;
    let (what, message) = match (arguments.to, arguments.force) {
        (true, _) => (Revert::To(number), format!("back to commit {number}")),
        (false, true) => (Revert::Forced(number), format!("revert commit {number}")),
        (false, false) => (Revert::Commit(number), format!("revert commit {number}")),
    };
    let message = arguments.message.clone().unwrap_or(message);
    let options = LoadOptions { author: user(), message, ..LoadOptions::at(now()) };
    let mut reverting = database.begin_load(options)?;
    let kept = reverting.revert(&database, what)?;
    let prepared = reverting.prepare()?;
    let mut out = io::stdout().lock();
    if arguments.dry_run {
        let flows = difference::of(&prepared)?;
        let shown = difference::show(&flows, &prepared, &mut out);
        prepared.discard();
        return shown.map(|()| ExitCode::SUCCESS);
    }
    let report = prepared.commit()?;
    let refused = |e| Error::io("write", "standard output", e);
    load::write_report(&report, &mut out).map_err(refused)?;
    for id in kept {
        writeln!(out, "note: {id} stays: artefacts are never removed").map_err(refused)?;
    }
    Ok(ExitCode::SUCCESS)
}
