//! `sdmxdb export`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::{arguments, open, progress, words};
use crate::error::{Error, Result};
use crate::model::{ArtefactId, KeyPattern};
use crate::sdmx::csv::CsvLayout;
use crate::store::{Cube, FlowState, Snapshot, write_csv};

pub(super) fn run(arguments: &arguments::Export) -> Result<ExitCode> {
    let layout = match arguments.format.as_str() {
        "csv" => CsvLayout::V2_0,
        "csv1" => CsvLayout::V1,
        other => {
            let reason = format!("{other:?} is neither csv (SDMX-CSV 2.0) nor csv1 (SDMX-CSV 1.0)");
            return Err(Error::invalid("--format", reason));
        }
    };
    let database = open(&arguments.database)?;
    let snapshot = database.snapshot()?;
    let cube = find(&snapshot, &arguments.flow)?;
    let key =
        KeyPattern::parse(&arguments.key, cube.flow().dimensions().len()).map_err(|reason| {
            let ids: Vec<&str> = cube.flow().dimensions().iter().map(|d| d.id.as_str()).collect();
            let reason = format!("{reason}: {}", ids.join("."));
            Error::invalid(format!("key {:?}", arguments.key), reason)
        })?;
    let filter = cube.key_filter(&key);
    let total = cube.observation_count(&cube.select(&filter)?)?;
    let bar = progress::rows("writing", total);
    let to_stdout = arguments.output.as_os_str() == "-";
    let out: Box<dyn Write> = if to_stdout {
        Box::new(io::stdout().lock())
    } else {
        let path = &arguments.output;
        Box::new(BufWriter::new(File::create(path).map_err(|e| Error::io("create", path, e))?))
    };
    let rows = write_csv(&cube, &filter, layout, out, |done| bar.set_position(done))?;
    bar.finish_and_clear();
    if !to_stdout {
        let path = arguments.output.display();
        let written = words::plural(rows, "row");
        writeln!(io::stdout(), "{written} written to {path}")
            .map_err(|e| Error::io("write", "standard output", e))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The dataflow that a person means: by identifier, with or without version, or by its table.
fn find(snapshot: &Snapshot, wanted: &str) -> Result<Arc<Cube>> {
    let exact = ArtefactId::parse(wanted).filter(|_| wanted.contains('('));
    let matches = |flow: &&FlowState| {
        let id = &flow.flow.id;
        exact.as_ref() == Some(id)
            || format!("{}:{}", id.agency, id.id) == wanted
            || format!("{}.{}", flow.names.schema, flow.names.table) == wanted
    };
    let found: Vec<_> = snapshot.flows().iter().filter(matches).collect();
    match found.as_slice() {
        [flow] => snapshot.cube(&flow.flow.id),
        [] => {
            let known: Vec<String> =
                snapshot.flows().iter().map(|f| f.flow.id.to_string()).collect();
            let id = format!("{wanted} (there are: {})", known.join(", "));
            Err(Error::not_found("dataflow", id))
        }
        _ => {
            let versions: Vec<&str> = found.iter().map(|f| f.flow.id.version.as_str()).collect();
            let reason = format!("has versions {}; name one in brackets", versions.join(", "));
            Err(Error::invalid(wanted, reason))
        }
    }
}
