//! `sdmxdb redact`.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{arguments, export, forget, now, user, words};
use crate::error::{Error, Result};
use crate::limits::LOCK_WAIT;
use crate::store::{Database, Redaction};

pub(super) fn run(arguments: &arguments::Redact) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    let flow = export::find(&*database.snapshot()?, &arguments.flow)?;
    let redaction = Redaction {
        flow: flow.id.clone(),
        key: arguments.key.split('.').map(str::to_owned).collect(),
        period: arguments.period.clone(),
        has_attributes: arguments.attributes,
        reason: arguments.reason.clone(),
        now: now(),
        author: user(),
        wait: LOCK_WAIT,
    };
    if !arguments.yes {
        let (key, period) = (&arguments.key, &arguments.period);
        forget::confirm(&format!(
            "the value of {} {key} {period} leaves every version, for good; go on?",
            flow.id
        ))?;
    }
    let redacted = database.redact(&redaction)?;
    let versions = words::plural(redacted.versions, "version");
    let segments = words::plural(redacted.segments, "segment");
    let mut out = io::stdout();
    writeln!(
        out,
        "{versions} of the observation have no value any more; {segments} written anew, as \
         commit {}\nfiles that it was loaded from, and earlier backups, still have it",
        redacted.commit
    )
    .map_err(|e| Error::io("write", "standard output", e))?;
    Ok(ExitCode::SUCCESS)
}
