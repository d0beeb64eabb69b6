//! What a load would change, for people; and the gates that refuse it.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::cli::{arguments, words};
use crate::error::{Error, Result};
use crate::model::{ArtefactId, Value};
use crate::store::{Changes, Difference, KeyFilter, Prepared, Revision, Snapshot};

/// Revisions and series that are printed of each kind.
const SHOWN_MAX: usize = 10;

/// What a load changes in one dataflow.
pub(super) struct FlowDifference {
    pub(super) flow: ArtefactId,
    /// The identifiers of its measures.
    measures: Vec<String>,
    pub(super) all: Difference,
    /// The most revised series, by their largest revision.
    series: Vec<SeriesRevision>,
}

/// How a series was revised.
struct SeriesRevision {
    key: String,
    changed: u64,
    /// Its largest revision, in percent.
    percent: f64,
}

/// What a load changes, dataflow by dataflow; those that it leaves as they are are left out.
///
/// # Errors
///
/// Those of reading.
pub(super) fn of(prepared: &Prepared) -> Result<Vec<FlowDifference>> {
    let after = prepared.snapshot()?;
    let mut all = Vec::new();
    for id in flows(&after) {
        let mut changes = Changes::between(prepared.base(), &after, &id, &KeyFilter::all())?;
        let measures = changes.flow().measures().iter().map(|m| m.id.clone()).collect();
        let mut found =
            FlowDifference { flow: id, measures, all: Difference::default(), series: Vec::new() };
        found.all.attributes_changed = changes.partials()?.len() as u64;
        while let Some(change) = changes.next_series()? {
            let mut one = Difference::default();
            one.add(change.clone());
            found.note(&change.key, &one);
            found.all.add(change);
        }
        if !found.all.is_empty() {
            all.push(found);
        }
    }
    Ok(all)
}

/// The dataflows of a state; none is ever removed.
fn flows(snapshot: &Snapshot) -> Vec<ArtefactId> {
    snapshot.state().flows().map(|known| known.entry.id.clone()).collect()
}

impl FlowDifference {
    /// Keeps a series if it is among the most revised.
    fn note(&mut self, key: &[String], one: &Difference) {
        let Some(percent) = one.revisions.first().map(|revision| revision.percent) else { return };
        let at = self.series.partition_point(|known| known.percent >= percent);
        if at < SHOWN_MAX {
            self.series.truncate(SHOWN_MAX - 1);
            self.series
                .insert(at, SeriesRevision { key: key.join("."), changed: one.changed, percent });
        }
    }

    fn revision(&self, revision: &Revision) -> String {
        let Revision { key, period, measure, before, after, percent } = revision;
        let mut line = format!("{} {period}", key.join("."));
        if self.measures.len() > 1 {
            let id = self.measures.get(*measure).map_or("", String::as_str);
            // Writing to a string cannot fail.
            write!(line, " {id}").unwrap_or_default();
        }
        format!("{line}: {} -> {} ({})", text(before), text(after), self::percent(*percent))
    }
}

/// Prints what a load would change, and that it does not.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn show(
    flows: &[FlowDifference],
    prepared: &Prepared,
    out: &mut impl Write,
) -> Result<()> {
    writeln!(out, "dry run: nothing is committed")
        .map_err(|e| Error::io("write", "standard output", e))?;
    write(flows, prepared, out)
}

/// Prints what a load would change, once it is known.
///
/// # Errors
///
/// [`Error::Io`].
pub(super) fn write(
    flows: &[FlowDifference],
    prepared: &Prepared,
    out: &mut impl Write,
) -> Result<()> {
    write_all(flows, prepared, out).map_err(|e| Error::io("write", "standard output", e))
}

fn write_all(
    flows: &[FlowDifference],
    prepared: &Prepared,
    out: &mut impl Write,
) -> io::Result<()> {
    let report = prepared.report();
    for (id, names) in &report.named {
        writeln!(out, "dataflow {id} would be table {}.{}", names.schema, names.table)?;
    }
    if report.artefacts > 0 {
        let artefacts = words::plural(report.artefacts, "artefact");
        writeln!(out, "{artefacts} would be added or changed")?;
    }
    if prepared.is_empty() {
        writeln!(out, "nothing would change: everything is there already")?;
    }
    for (id, counts) in &report.flows {
        if !flows.iter().any(|found| found.flow == *id) {
            writeln!(out, "{id}: {} unchanged", words::count(counts.unchanged))?;
        }
    }
    for found in flows {
        let counts = report.flows.iter().find(|(id, _)| *id == found.flow);
        let unchanged = counts.map_or(0, |(_, counts)| counts.unchanged);
        write_flow(found, unchanged, out)?;
    }
    Ok(())
}

/// One dataflow of a dry run.
fn write_flow(found: &FlowDifference, unchanged: u64, out: &mut impl Write) -> io::Result<()> {
    let all = &found.all;
    let counts = [
        (all.inserted, "inserted"),
        (all.changed, "changed"),
        (all.deleted, "deleted"),
        (unchanged, "unchanged"),
    ];
    let counts = counts.map(|(count, what)| format!("{} {what}", words::count(count)));
    writeln!(out, "{}: {}", found.flow, counts.join(", "))?;
    if all.attributes_changed > 0 {
        let count = words::count(all.attributes_changed);
        writeln!(out, "  attributes of series, groups and dataflow: {count} changed")?;
    }
    if all.appeared > 0 {
        writeln!(out, "  series that appear: {}", words::count(all.appeared))?;
    }
    if !all.revisions.is_empty() {
        writeln!(out, "  largest revisions:")?;
        for revision in all.revisions.iter().take(SHOWN_MAX) {
            writeln!(out, "    {}", found.revision(revision))?;
        }
        writeln!(out, "  most revised series:")?;
        for SeriesRevision { key, changed, percent } in &found.series {
            let (changed, percent) = (words::count(*changed), self::percent(*percent));
            writeln!(out, "    {key}: {changed} changed, by up to {percent}")?;
        }
    }
    if all.vanished > 0 {
        writeln!(out, "  series that vanish: {}", words::count(all.vanished))?;
        for key in all.vanished_keys.iter().take(SHOWN_MAX) {
            writeln!(out, "    {}", key.join("."))?;
        }
        let more = all.vanished.saturating_sub(SHOWN_MAX as u64);
        if more > 0 {
            writeln!(out, "    and {} more", words::count(more))?;
        }
    }
    Ok(())
}

/// Refuses a load that changes more than its gates allow.
///
/// # Errors
///
/// [`Error::Invalid`] that names the gate and the first that it holds.
pub(super) fn check(flows: &[FlowDifference], gates: &arguments::Gates) -> Result<()> {
    for found in flows {
        let (flow, all) = (&found.flow, &found.all);
        let over = all.revisions.first();
        if let (Some(limit), Some(over)) = (gates.refuse_revisions_over, over)
            && over.percent > limit
        {
            let reason = format!("{flow} {}", found.revision(over));
            return Err(Error::invalid(format!("--refuse-revisions-over {limit}"), reason));
        }
        if gates.refuse_deletions && all.deleted > 0 {
            let count = words::plural(all.deleted, "observation");
            return Err(Error::invalid("--refuse-deletions", format!("{flow} would lose {count}")));
        }
        if gates.refuse_vanished && all.vanished > 0 {
            let first = all.vanished_keys.first().map(|key| key.join(".")).unwrap_or_default();
            let count = words::count(all.vanished);
            let reason = format!("{flow} would lose {count} series, the first is {first}");
            return Err(Error::invalid("--refuse-vanished", reason));
        }
    }
    Ok(())
}

/// A value as it was published; `-` where it is missing.
pub(super) fn text(value: &Value) -> String {
    let mut text = Vec::new();
    value.write_to(&mut text);
    if text.is_empty() { "-".to_owned() } else { String::from_utf8_lossy(&text).into_owned() }
}

/// `12.50 %`; what was zero has no percentage.
fn percent(percent: f64) -> String {
    if percent.is_finite() { format!("{percent:.2} %") } else { "from zero".to_owned() }
}
