//! `sdmxdb compact`, and compaction while a server runs.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::{arguments, export, now, progress, user, words};
use crate::error::{Error, Result};
use crate::model::ArtefactId;
use crate::store::{CompactOptions, CompactReport, Database, Snapshot};

pub(super) fn run(arguments: &arguments::Compact) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    let snapshot = database.snapshot()?;
    let flow = arguments.flow.as_deref().map(|flow| export::find(&snapshot, flow)).transpose()?;
    let wanted = |id: &ArtefactId| flow.as_ref().is_none_or(|flow| flow.id == *id);
    let segments = || {
        let state = database.snapshot()?;
        let flows = state.state().all_segments().filter(|live| wanted(&live.entry.flow));
        Ok::<usize, Error>(flows.count())
    };
    let before = segments()?;
    let bar = progress::bytes("compacting", 0);
    let mut pace = Pace::new(arguments.rate.saturating_mul(1 << 20));
    let mut tell = |bytes| {
        bar.inc(bytes);
        pace.wait(bytes, || false).map(drop)
    };
    let options = CompactOptions {
        flow: flow.as_ref().map(|flow| flow.id.clone()),
        is_full: arguments.full,
        author: user(),
        ..CompactOptions::at(now())
    };
    let report = database.compact(&options, &mut tell)?;
    bar.finish_and_clear();
    let mut out = io::stdout().lock();
    write_report(&report, &snapshot, before, segments()?, &mut out)
        .map_err(|e| Error::io("write", "standard output", e))?;
    Ok(ExitCode::SUCCESS)
}

fn write_report(
    report: &CompactReport,
    snapshot: &Snapshot,
    before: usize,
    after: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    if report.commits == 0 {
        let segments = words::plural(before as u64, "segment");
        return writeln!(out, "nothing to do: {segments}, none worth bringing together");
    }
    let (read, written) = (words::bytes(report.bytes_read), words::bytes(report.bytes_written));
    let (before, after) = (words::plural(before as u64, "segment"), words::count(after as u64));
    writeln!(out, "{before} became {after}; {read} read, {written} written")?;
    for (id, order) in &report.orders {
        let flow = snapshot.flows().iter().find(|state| state.flow.id == *id);
        let ids = flow.map_or(&[][..], |state| state.flow.dimensions()).iter().map(|d| &*d.id);
        let ids: Vec<&str> = ids.collect();
        let order = order.iter().filter_map(|position| ids.get(usize::from(*position)).copied());
        writeln!(out, "{id}: keys are sorted by {}", order.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

/// Keeps work within so many bytes a second.
pub(super) struct Pace {
    /// 0 is without limit.
    rate: u64,
    since: Instant,
    bytes: u64,
}

/// The longest sleep before somebody is asked again whether to go on.
const SLEEP_MAX: Duration = Duration::from_millis(200);

impl Pace {
    pub(super) fn new(rate: u64) -> Self {
        Self { rate, since: Instant::now(), bytes: 0 }
    }

    /// Waits until so many bytes more are within the rate, or until it is to stop.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if it is to stop.
    pub(super) fn wait(&mut self, bytes: u64, is_over: impl Fn() -> bool) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes);
        loop {
            if is_over() {
                let reason = "the server ends".to_owned();
                return Err(Error::Conflict { kind: "work", id: "compaction".into(), reason });
            }
            if self.rate == 0 {
                return Ok(());
            }
            let micros = u128::from(self.bytes) * 1_000_000 / u128::from(self.rate);
            let due = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
            let rest = due.saturating_sub(self.since.elapsed());
            if rest.is_zero() {
                return Ok(());
            }
            thread::sleep(rest.min(SLEEP_MAX));
        }
    }
}

/// Compacts once what is worth it, within so many bytes a second; says nothing unless it failed.
pub(super) fn in_background(
    database: &Database,
    rate: u64,
    is_over: &dyn Fn() -> bool,
) -> Result<()> {
    let mut pace = Pace::new(rate);
    let options = CompactOptions { wait: Duration::ZERO, ..CompactOptions::at(now()) };
    match database.compact(&options, &mut |bytes| pace.wait(bytes, is_over)) {
        // A load is at work, or another server: there is a next time.
        Ok(_) | Err(Error::Conflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
