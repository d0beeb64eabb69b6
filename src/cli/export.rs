//! `sdmxdb export`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::{arguments, open, progress, words};
use crate::error::{Error, Result};
use crate::model::{Action, DataQuery, DataSelection};
use crate::model::{ArtefactId, Flow, KeyPattern};
use crate::sdmx::MessageHeader;
use crate::sdmx::csv::CsvWriter;
use crate::sdmx::data::{CsvEdition, CsvLabels, CsvStyle};
use crate::store::{DataAnswer, FlowState, Snapshot};

pub(super) fn run(arguments: &arguments::Export) -> Result<ExitCode> {
    let version = match arguments.format.as_str() {
        "csv" => CsvEdition::V2_0,
        "csv1" => CsvEdition::V1_0,
        other => {
            let reason = format!("{other:?} is neither csv (SDMX-CSV 2.0) nor csv1 (SDMX-CSV 1.0)");
            return Err(Error::invalid("--format", reason));
        }
    };
    let database = open(&arguments.database)?;
    let snapshot = database.snapshot()?;
    let flow = find(&snapshot, &arguments.flow)?;
    let key = KeyPattern::parse(&arguments.key, flow.dimensions().len()).map_err(|reason| {
        let ids: Vec<&str> = flow.dimensions().iter().map(|d| d.id.as_str()).collect();
        let reason = format!("{reason}: {}", ids.join("."));
        Error::invalid(format!("key {:?}", arguments.key), reason)
    })?;
    let selection = DataSelection { keys: vec![key.codes().to_vec()], ..Default::default() };
    let query = DataQuery { selection, ..Default::default() };
    let answer = DataAnswer::open(&snapshot, &flow.id, &query)?;
    let bar = progress::rows("writing", answer.observation_count()?);
    let to_stdout = arguments.output.as_os_str() == "-";
    let out: Box<dyn Write> = if to_stdout {
        Box::new(io::stdout().lock())
    } else {
        let path = &arguments.output;
        Box::new(BufWriter::new(File::create(path).map_err(|e| Error::io("create", path, e))?))
    };
    let style = CsvStyle {
        version,
        labels: CsvLabels::Ids,
        has_normalized_time: false,
        has_series_key: false,
        has_observation_key: false,
    };
    // SDMX-CSV has no header of messages.
    let header =
        MessageHeader { id: String::new(), prepared: String::new(), sender: String::new() };
    let scope = answer.scope(&header, snapshot.artefacts(), "en", Action::Merge);
    let mut writer = CsvWriter::new(out, &scope, &style);
    let written =
        answer.write_with(&mut writer, &mut |done| bar.set_position(done.observations))?;
    let rows = written.observations;
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
pub(super) fn find(snapshot: &Snapshot, wanted: &str) -> Result<Arc<Flow>> {
    let exact = ArtefactId::parse(wanted).filter(|_| wanted.contains('('));
    let matches = |flow: &&FlowState| {
        let id = &flow.flow.id;
        exact.as_ref() == Some(id)
            || format!("{}:{}", id.agency, id.id) == wanted
            || format!("{}.{}", flow.names.schema, flow.names.table) == wanted
    };
    let found: Vec<_> = snapshot.flows().iter().filter(matches).collect();
    match found.as_slice() {
        [flow] => Ok(Arc::clone(&flow.flow)),
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
