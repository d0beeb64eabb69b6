//! Looking at releases.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::release::{arguments, say};
use crate::cli::sql::{connect, hint_at_nothing};
use crate::cli::{difference, words};
use crate::error::{Error, Result};
use crate::query::render::{Format, render};
use crate::store::{Added, Database, FoundRelease, Release, ReleaseState};

/// One line a release, by time; what is damaged first.
pub(super) fn list(database: &Database) -> Result<ExitCode> {
    let mut good = Vec::new();
    for found in database.releases()? {
        match found {
            FoundRelease::Good(release) => good.push(release),
            FoundRelease::Damaged { name, error } => say(&format!("{name}: {error}"))?,
        }
    }
    good.sort_by(|one, other| (one.at.micros, &one.name).cmp(&(other.at.micros, &other.name)));
    for release in &good {
        say(&line(release))?;
    }
    if good.is_empty() {
        say("no releases")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// How a release stands.
pub(super) fn line(release: &Release) -> String {
    let Release { name, at, state, .. } = release;
    let mut parts = vec![format!("{name}  {} {}  {state}", at.local, at.zone)];
    if *state == ReleaseState::Pending {
        let messages = words::plural(release.messages.len() as u64, "message");
        let announced = if release.is_announced { ", announced" } else { "" };
        parts.push(format!(", {messages}{announced}"));
    }
    if !release.title.is_empty() {
        parts.push(format!("  {}", release.title));
    }
    parts.extend(release.refused.as_ref().map(|reason| format!("\n  refused: {reason}")));
    parts.concat()
}

/// All about one.
pub(super) fn show(database: &Database, name: &str) -> Result<ExitCode> {
    let release = database.release(name)?;
    say(&line(&release))?;
    if !release.notes.is_empty() {
        say(&format!("  {}", release.notes))?;
    }
    for message in &release.messages {
        say(&format!("  {}: {}", message.name, words::bytes(message.bytes)))?;
    }
    if release.state == ReleaseState::Pending && !release.messages.is_empty() {
        would_do(&database.check_release(name)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The public calendar.
pub(super) fn calendar(database: &Database) -> Result<ExitCode> {
    for line in database.snapshot()?.calendar() {
        let state = line.state.name();
        say(&format!("{}  {} {}  {state}  {}", line.name, line.local, line.zone, line.title))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What a release would do if it were published now.
pub(super) fn would_do(added: &Added) -> Result<()> {
    let flows = difference::of(&added.prepared)?;
    difference::write(&flows, &added.prepared, &mut io::stdout().lock())?;
    for warning in &added.prepared.report().warnings {
        say(&format!("note: {warning}"))?;
    }
    if !added.conflicts.is_empty() {
        say(&format!("conflict: {}", added.conflicts))?;
    }
    Ok(())
}

/// Answers SQL over a preview, or says what the release would do.
pub(super) fn preview(database: &Database, arguments: &arguments::Preview) -> Result<ExitCode> {
    let Some(sql) = &arguments.command else { return show(database, &arguments.name) };
    let format = Format::parse(&arguments.format).ok_or_else(|| {
        let reason = format!("{:?} is no format; see sdmxdb sql --help", arguments.format);
        Error::invalid("--format", reason)
    })?;
    let connection = connect(database, None)?;
    connection.session().pin_to(database.preview(&arguments.name)?);
    let mut out = BufWriter::new(io::stdout().lock());
    connection.run(sql, |mut rows| {
        let schema = Arc::clone(rows.schema());
        let is_answer = !schema.fields().is_empty();
        let count = if is_answer { render(format, &schema, &mut rows, &mut out)? } else { 1 };
        out.flush().map_err(|error| Error::io("write", "standard output", error))?;
        if count == 0 { hint_at_nothing(&rows, &mut io::stderr()) } else { Ok(()) }
    })?;
    Ok(ExitCode::SUCCESS)
}
