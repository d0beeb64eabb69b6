//! `sdmxdb check`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::catalog::{Catalog, Mended, Repair};
use crate::cli::{exit, progress, words};
use crate::error::{Error, Result};
use crate::store::{CheckReport, Database, Health, LoadOptions};

#[derive(Args, Debug)]
#[command(after_help = "\
Exits with 5 and a line a problem if anything is wrong. Every state that can be read is checked, not
only the last. A repair mends what is there twice: checkpoints from manifests, the newest state from
a checkpoint where manifests are damaged. It deletes nothing that can be read.
Examples:
  sdmxdb check stats
  sdmxdb check stats --repair")]
pub(super) struct Check {
    /// The folder of the database
    pub(super) database: PathBuf,
    /// Mend first what can be mended without loss
    #[arg(long)]
    pub(super) repair: bool,
    /// Also set aside commits that cannot be read, and all behind them, so that the database can be
    /// written again; their files go to the folder `broken` in it
    #[arg(long, requires = "repair")]
    pub(super) give_up: bool,
}

pub(super) fn run(arguments: &Check) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    let refused = |e| Error::io("write", "standard output", e);
    let mut database = Database::open(&arguments.database)?;
    if arguments.repair || arguments.give_up {
        let repair = if arguments.give_up { Repair::GiveUp } else { Repair::Mend };
        let mended = mend(database.catalog(), repair)?;
        for mended in &mended {
            writeln!(out, "{}", sentence(mended, &arguments.database)).map_err(refused)?;
        }
        if mended.is_empty() {
            writeln!(out, "nothing to repair").map_err(refused)?;
        }
        database = Database::open(&arguments.database)?;
    }
    let report = check(&database)?;
    write_report(&report, &mut out).map_err(refused)?;
    let Some(first) = report.problems.first() else {
        writeln!(out, "no problem found").map_err(refused)?;
        return Ok(ExitCode::SUCCESS);
    };
    let found = words::plural(report.problems.len() as u64, "problem");
    let advice = advice(&database.health(), arguments);
    writeln!(out, "{found} found: {advice}").map_err(refused)?;
    Ok(exit::code(first))
}

/// Checks everything, with a bar.
pub(super) fn check(database: &Database) -> Result<CheckReport> {
    let bar = progress::bytes("checking", 0);
    let report = database.check(|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    Ok(report)
}

/// Writes the problems, and how much was read.
pub(super) fn write_report(report: &CheckReport, out: &mut impl Write) -> io::Result<()> {
    for problem in &report.problems {
        writeln!(out, "{problem}")?;
    }
    let segments = words::plural(report.segments, "segment");
    let observations = words::plural(report.observations, "observation");
    let read = words::bytes(report.bytes);
    writeln!(out, "{segments} with {observations} read, {read}")
}

fn mend(catalog: &Catalog, repair: Repair) -> Result<Vec<Mended>> {
    catalog.repair(repair, LoadOptions::at(0).wait)
}

fn sentence(mended: &Mended, database: &Path) -> String {
    match mended {
        Mended::Checkpoint(number) => format!("the checkpoint of commit {number} is written anew"),
        Mended::Mark(0) => "nothing is marked as forgotten".to_owned(),
        Mended::Mark(number) => format!("commits before {number} are marked as forgotten again"),
        Mended::Secured(number) => {
            format!("commit {number} no longer needs the manifests that are damaged")
        }
        Mended::SetAside(number) => format!(
            "commit {number} and all behind it are set aside in {}; load them again",
            database.join("broken").display()
        ),
    }
}

/// What to do about problems.
fn advice(health: &Health, arguments: &Check) -> &'static str {
    match health {
        Health::ReadOnly { .. } if !arguments.give_up => {
            "the database shows the commit before the damage, and cannot be written; restore a \
             backup, or go on from there with --repair --give-up"
        }
        _ if !arguments.repair && !arguments.give_up => {
            "run this with --repair, and restore from a backup what it cannot mend"
        }
        _ => "restore the files named above from a backup, or load their data again",
    }
}
