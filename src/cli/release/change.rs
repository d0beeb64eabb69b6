//! Making and changing releases.

use std::process::ExitCode;

use crate::cli::release::{arguments, editor, say, show, tell};
use crate::cli::{load, messages, now};
use crate::error::Result;
use crate::model::Zone;
use crate::store::{Database, NewRelease, Outcome, Release, ReleaseTime};

pub(super) fn create(database: &Database, arguments: &arguments::Create) -> Result<ExitCode> {
    let at = time(database, &arguments.at, arguments.zone.as_deref())?;
    let new = NewRelease {
        name: arguments.name.clone(),
        title: arguments.title.clone(),
        notes: arguments.notes.clone(),
        at,
        is_announced: arguments.announce,
    };
    said(&*database.create_release(new, &editor())?)
}

pub(super) fn add(database: &Database, arguments: &arguments::Add) -> Result<ExitCode> {
    let dataflow = arguments.dataflow.as_deref().map(load::dataflow).transpose()?;
    let bar = messages::bar(&arguments.files);
    let mut all = Vec::new();
    for path in &arguments.files {
        let mut message = messages::open(path, &bar)?;
        message.dataflow.clone_from(&dataflow);
        all.push(message);
    }
    let added = database.add_to_release(&arguments.name, all, &editor())?;
    bar.finish_and_clear();
    show::would_do(&added)?;
    said(&added.release)
}

pub(super) fn shift(database: &Database, arguments: &arguments::Move) -> Result<ExitCode> {
    let at = time(database, &arguments.at, arguments.zone.as_deref())?;
    said(&*database.move_release(&arguments.name, at, &editor())?)
}

pub(super) fn announce(database: &Database, name: &str) -> Result<ExitCode> {
    said(&*database.announce_release(name, &editor())?)
}

pub(super) fn cancel(database: &Database, name: &str) -> Result<ExitCode> {
    said(&*database.cancel_release(name, &editor())?)
}

/// Publishes at once. One that was refused is an error for the shell.
pub(super) fn release_now(database: &Database, name: &str) -> Result<ExitCode> {
    let released = database.release_now(name, &editor())?;
    tell(&released);
    Ok(match released.outcome {
        Outcome::Published { .. } => ExitCode::SUCCESS,
        Outcome::Refused { .. } => ExitCode::from(3),
    })
}

pub(super) fn rebase(database: &Database, name: &str) -> Result<ExitCode> {
    let rebased = database.rebase_release(name, &editor())?;
    show::would_do(&rebased)?;
    said(&rebased.release)
}

pub(super) fn zone(database: &Database, arguments: &arguments::Zone) -> Result<ExitCode> {
    match &arguments.zone {
        Some(name) => {
            let zone = Zone::parse(name)?;
            database.set_zone(zone, &editor())?;
            say(&format!("{}: now it is {}", zone.name(), zone.write(now())))?;
        }
        None => say(database.snapshot()?.zone().name())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A time as it was typed, by the clocks of a zone or of the office.
fn time(database: &Database, text: &str, zone: Option<&str>) -> Result<ReleaseTime> {
    let zone = match zone {
        Some(name) => Zone::parse(name)?,
        None => database.snapshot()?.zone(),
    };
    ReleaseTime::parse(text, zone)
}

/// Says how a release stands after a change.
fn said(release: &Release) -> Result<ExitCode> {
    say(&show::line(release))?;
    Ok(ExitCode::SUCCESS)
}
