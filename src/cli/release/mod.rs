//! `sdmxdb release`: what is to be published at a later time.
//!
//! `arguments` (what may be typed), `change` (make and change releases), `show` (look at them).

mod arguments;
mod change;
mod show;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{now, user};
use crate::error::{Error, Result};
use crate::store::{Database, Editor, Health, Outcome, Released};

use arguments::Command;
pub(super) use arguments::Release;

pub(super) fn run(arguments: &Release) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    if let Health::ReadOnly { reason } = database.health() {
        drop(writeln!(io::stderr(), "sdmxdb: an older state is shown, read-only: {reason}"));
    }
    for released in database.release_due(now())? {
        tell(&released);
    }
    match &arguments.command {
        Command::Create(create) => change::create(&database, create),
        Command::Add(add) => change::add(&database, add),
        Command::Move(to) => change::shift(&database, to),
        Command::Announce(named) => change::announce(&database, &named.name),
        Command::Now(named) => change::release_now(&database, &named.name),
        Command::Cancel(named) => change::cancel(&database, &named.name),
        Command::Rebase(named) => change::rebase(&database, &named.name),
        Command::Zone(zone) => change::zone(&database, zone),
        Command::List => show::list(&database),
        Command::Show(named) => show::show(&database, &named.name),
        Command::Calendar => show::calendar(&database),
        Command::Preview(preview) => show::preview(&database, preview),
    }
}

/// Who types.
fn editor() -> Editor {
    Editor::at(now(), user())
}

/// Tells the operator, on standard error, what became of a release at its time.
pub(super) fn tell(released: &Released) {
    let Released { name, outcome } = released;
    let text = match outcome {
        Outcome::Published { commit: Some(commit) } => {
            format!("release {name} is public: commit {commit}")
        }
        Outcome::Published { commit: None } => {
            format!("release {name} is public; everything was there already")
        }
        Outcome::Refused { reason } => format!("release {name} was not published: {reason}"),
    };
    // There is nobody else to tell if this fails.
    drop(writeln!(io::stderr(), "sdmxdb: {text}"));
}

fn say(text: &str) -> Result<()> {
    writeln!(io::stdout(), "{text}").map_err(|error| Error::io("write", "standard output", error))
}
