//! `sdmxdb diff`.

use std::io::{self, BufWriter, Write};
use std::iter;
use std::mem;
use std::process::ExitCode;
use std::sync::Arc;

use crate::cli::{arguments, export, open, words};
use crate::error::{Error, Result};
use crate::model::{Artefact, ArtefactId, ComponentRole, Flow, Value};
use crate::query::render::{Format, TextRows, render_texts};
use crate::store::{AsOf, AttributeChange, CellState, Changes, KeyFilter, SeriesChange, Snapshot};

/// The columns of every format but text.
const COLUMNS: [&str; 7] =
    ["dataflow", "series", "time_period", "change", "component", "before", "after"];

/// A value that one state has and the other has not, or otherwise.
struct Line {
    series: String,
    period: String,
    change: &'static str,
    component: String,
    before: Option<String>,
    after: Option<String>,
}

pub(super) fn run(arguments: &arguments::Diff) -> Result<ExitCode> {
    let format = match arguments.format.as_str() {
        "text" => None,
        name => Some(Format::parse(name).ok_or_else(|| {
            let names: Vec<&str> = Format::ALL.iter().map(|(name, _)| *name).collect();
            let reason = format!("{name:?} is none of text, {}", names.join(", "));
            Error::invalid("--format", reason)
        })?),
    };
    let database = open(&arguments.database)?;
    let newest = database.snapshot()?;
    let state = |text: &str| database.snapshot_of(&newest, AsOf::parse(text)?);
    let before = state(&arguments.before)?;
    let after = arguments.after.as_deref().map_or_else(|| Ok(Arc::clone(&newest)), state)?;
    let flows = match &arguments.flow {
        Some(flow) => vec![export::find(&newest, flow)?.id.clone()],
        None => flows(&before, &after),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match format {
        None => write_text(&before, &after, &flows, arguments.flow.is_none(), &mut out)?,
        Some(format) => {
            let mut rows = flows.iter().flat_map(|flow| rows(&before, &after, flow));
            render_texts(format, &COLUMNS, &mut rows, &mut out)?;
        }
    }
    out.flush().map_err(refused)?;
    Ok(ExitCode::SUCCESS)
}

fn refused(error: io::Error) -> Error {
    Error::io("write", "standard output", error)
}

/// The dataflows that either state has.
fn flows(before: &Snapshot, after: &Snapshot) -> Vec<ArtefactId> {
    let known = [before, after].into_iter().flat_map(|snapshot| snapshot.state().flows());
    let mut all: Vec<ArtefactId> = known.map(|known| known.entry.id.clone()).collect();
    all.sort();
    all.dedup();
    all
}

fn write_text(
    before: &Arc<Snapshot>,
    after: &Arc<Snapshot>,
    flows: &[ArtefactId],
    with_structures: bool,
    out: &mut impl Write,
) -> Result<()> {
    if with_structures {
        write_structures(before, after, out).map_err(refused)?;
    }
    let mut is_empty = true;
    for id in flows {
        let mut changes = Changes::between(before, after, id, &KeyFilter::all())?;
        let flow = Arc::clone(changes.flow());
        let mut counts = [0; 3];
        let mut lines = attribute_lines(&flow, &changes.partials()?);
        let mut attributes = lines.len() as u64;
        loop {
            for line in &lines {
                write_line(id, line, out).map_err(refused)?;
            }
            let Some(change) = changes.next_series()? else { break };
            for cell in &change.cells {
                match (&cell.before, &cell.after) {
                    (None, _) => counts[0] += 1,
                    (Some(_), Some(_)) => counts[1] += 1,
                    (Some(_), None) => counts[2] += 1,
                }
            }
            attributes += change.attributes.len() as u64;
            lines = series_lines(&flow, &change);
        }
        if counts.iter().sum::<u64>() + attributes > 0 {
            is_empty = false;
            let counts = counts.into_iter().zip(["inserted", "changed", "deleted"]);
            let counts = counts.map(|(count, what)| format!("{} {what}", words::count(count)));
            let attributes = words::plural(attributes, "attribute");
            let counts = counts.collect::<Vec<_>>().join(", ");
            writeln!(out, "{id}: {counts}; {attributes} above observations").map_err(refused)?;
        }
    }
    if is_empty {
        writeln!(out, "no observation differs").map_err(refused)?;
    }
    Ok(())
}

/// One line an artefact that is new, changed or gone.
fn write_structures(before: &Snapshot, after: &Snapshot, out: &mut impl Write) -> io::Result<()> {
    let find = |snapshot: &Snapshot, artefact: &Artefact| {
        snapshot.artefacts().get(&artefact.class(), &artefact.identity().id).cloned()
    };
    let name =
        |artefact: &Artefact| format!("{} {}", artefact.class().name(), artefact.identity().id);
    for artefact in after.artefacts().iter() {
        match find(before, artefact) {
            None => writeln!(out, "inserted {}", name(artefact))?,
            Some(known) if known != *artefact => writeln!(out, "changed  {}", name(artefact))?,
            Some(_) => {}
        }
    }
    for artefact in before.artefacts().iter().filter(|a| find(after, a).is_none()) {
        writeln!(out, "deleted  {}", name(artefact))?;
    }
    Ok(())
}

fn write_line(flow: &ArtefactId, line: &Line, out: &mut impl Write) -> io::Result<()> {
    let Line { series, period, change, component, before, after } = line;
    let place = [series, period, component].map(String::as_str);
    let place: Vec<&str> = place.into_iter().filter(|part| !part.is_empty()).collect();
    write!(out, "{change:8} {flow} {}", place.join(" "))?;
    match (before, after) {
        (Some(before), Some(after)) => writeln!(out, ": {before} -> {after}"),
        (Some(before), None) if *change == "changed" => writeln!(out, ": {before} -> -"),
        (None, Some(after)) if *change == "changed" => writeln!(out, ": - -> {after}"),
        (Some(value), None) | (None, Some(value)) => writeln!(out, ": {value}"),
        (None, None) => writeln!(out),
    }
}

/// What differs in a series, one line a component.
fn series_lines(flow: &Flow, change: &SeriesChange) -> Vec<Line> {
    let series = change.key.join(".");
    let mut lines = attribute_lines(flow, &change.attributes);
    let ids = flow
        .measures()
        .iter()
        .chain(flow.attributes().iter().filter(|a| a.role == ComponentRole::ObservationAttribute));
    let ids: Vec<&str> = ids.map(|component| component.id.as_str()).collect();
    for cell in &change.cells {
        let (before, after) = (texts(cell.before.as_ref()), texts(cell.after.as_ref()));
        let kind = match (&cell.before, &cell.after) {
            (None, _) => "inserted",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "deleted",
        };
        let line = |component: &str, before, after| Line {
            series: series.clone(),
            period: cell.period.clone(),
            change: kind,
            component: component.to_owned(),
            before,
            after,
        };
        let from = lines.len();
        for (place, id) in ids.iter().enumerate() {
            let value = |all: &[Option<String>]| all.get(place).cloned().flatten();
            let (before, after) = (value(&before), value(&after));
            if before != after {
                lines.push(line(id, before, after));
            }
        }
        if lines.len() == from {
            // An observation without any value came or went.
            lines.push(line("", None, None));
        }
    }
    lines
}

/// The measures of an observation, then its attributes.
fn texts(state: Option<&CellState>) -> Vec<Option<String>> {
    let Some(CellState { values, attributes }) = state else { return Vec::new() };
    let text = |value: &Value| {
        let mut text = Vec::new();
        value.write_to(&mut text);
        (!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned())
    };
    values.iter().map(text).chain(attributes.iter().cloned()).collect()
}

fn attribute_lines(flow: &Flow, changes: &[AttributeChange]) -> Vec<Line> {
    let line = |change: &AttributeChange| {
        let kind = match (&change.before, &change.after) {
            (None, _) => "inserted",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "deleted",
        };
        let key: Vec<&str> = change.key.iter().map(|code| code.as_deref().unwrap_or("")).collect();
        let component = flow.attributes().get(change.attribute);
        let component = component.map_or_else(String::new, |component| component.id.clone());
        let (before, after) = (change.before.clone(), change.after.clone());
        let (series, period) = (key.join("."), String::new());
        Line { series, period, change: kind, component, before, after }
    };
    changes.iter().map(line).collect()
}

/// What differs in a dataflow as rows, those of a series together.
fn rows(
    before: &Arc<Snapshot>,
    after: &Arc<Snapshot>,
    id: &ArtefactId,
) -> Box<dyn Iterator<Item = Result<TextRows>>> {
    match Changes::between(before, after, id, &KeyFilter::all()) {
        Err(error) => Box::new(iter::once(Err(error))),
        Ok(mut changes) => {
            let id = id.to_string();
            let mut is_first = true;
            Box::new(iter::from_fn(move || {
                let lines = next_lines(&mut changes, mem::take(&mut is_first)).transpose()?;
                Some(lines.map(|lines| lines.into_iter().map(|line| line.row(&id)).collect()))
            }))
        }
    }
}

/// First what differs above the observations, then series by series; absent at the end.
fn next_lines(changes: &mut Changes, is_first: bool) -> Result<Option<Vec<Line>>> {
    let flow = Arc::clone(changes.flow());
    if is_first {
        return Ok(Some(attribute_lines(&flow, &changes.partials()?)));
    }
    Ok(changes.next_series()?.map(|change| series_lines(&flow, &change)))
}

impl Line {
    /// Its texts in the order of [`COLUMNS`].
    fn row(self, flow: &str) -> Vec<Option<String>> {
        let full = |text: String| Some(text).filter(|text| !text.is_empty());
        let Self { series, period, change, component, before, after } = self;
        let (flow, change) = (flow.to_owned(), change.to_owned());
        vec![Some(flow), full(series), full(period), Some(change), full(component), before, after]
    }
}
