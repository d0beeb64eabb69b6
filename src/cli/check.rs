//! `sdmxdb check`.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{arguments, exit, progress, words};
use crate::error::{Error, Result};
use crate::store::Database;

pub(super) fn run(arguments: &arguments::Check) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    let bar = progress::bytes("checking", 0);
    let report = database.check(|done, total| {
        bar.set_length(total);
        bar.set_position(done);
    })?;
    bar.finish_and_clear();
    let mut out = io::stdout().lock();
    let refused = |e| Error::io("write", "standard output", e);
    for problem in &report.problems {
        writeln!(out, "{problem}").map_err(refused)?;
    }
    let segments = words::plural(report.segments, "segment");
    let observations = words::plural(report.observations, "observation");
    let read = words::bytes(report.bytes);
    writeln!(out, "{segments} with {observations} read, {read}").map_err(refused)?;
    match report.problems.first() {
        None => {
            writeln!(out, "no problem found").map_err(refused)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(first) => {
            let found = words::plural(report.problems.len() as u64, "problem");
            let advice = "restore the files named above from a backup";
            writeln!(out, "{found} found: {advice}").map_err(refused)?;
            Ok(exit::code(first))
        }
    }
}
