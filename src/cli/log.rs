//! `sdmxdb log`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::ExitCode;

use crate::catalog::{Commit, SegmentId};
use crate::cli::{arguments, export, open, words};
use crate::error::{Error, Result};
use crate::model::{Artefact, ArtefactId};
use crate::store::{AsOf, CommitKind, CommitRecord, Database, Snapshot};

pub(super) fn run(arguments: &arguments::Log) -> Result<ExitCode> {
    let database = open(&arguments.database)?;
    let snapshot = database.snapshot()?;
    let touching = match &arguments.flow {
        Some(flow) => {
            let flow = export::find(&snapshot, flow)?;
            Some(touching(&database, &snapshot, &flow.id)?)
        }
        None => None,
    };
    let is_wanted = |number| touching.as_ref().is_none_or(|all| all.contains(&number));
    let commits = snapshot.commits().rev().filter(|commit| is_wanted(commit.number));
    let mut out = io::stdout().lock();
    for commit in commits.take(arguments.number.unwrap_or(usize::MAX)) {
        write_commit(commit, &mut out).map_err(|e| Error::io("write", "standard output", e))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The numbers of the commits that touched a dataflow: its data, its names, its structure. Cost:
/// reads every manifest that is kept.
fn touching(database: &Database, snapshot: &Snapshot, flow: &ArtefactId) -> Result<BTreeSet<u64>> {
    let catalog = database.catalog();
    let first = catalog.first_kept()?;
    // What a commit supersedes may be of a segment that came before the first that is kept.
    let mut owners: BTreeMap<SegmentId, ArtefactId> = BTreeMap::new();
    if first > 0 {
        let state = catalog.state_at(first)?;
        owners.extend(state.all_segments().map(|s| (s.entry.id, s.entry.flow.clone())));
    }
    let dataflow = snapshot.artefacts().dataflow(flow);
    let structure = dataflow.map(|dataflow| &dataflow.structure);
    let mut found = BTreeSet::new();
    for commit in catalog.commits_between(first.max(1), snapshot.number()) {
        let commit = commit?;
        owners.extend(commit.segments.iter().map(|entry| (entry.id, entry.flow.clone())));
        let supersedes =
            commit.superseded.iter().any(|part| owners.get(&part.segment) == Some(flow));
        if supersedes || brings(&commit, flow, structure) {
            found.insert(commit.record.number);
        }
    }
    Ok(found)
}

fn brings(commit: &Commit, flow: &ArtefactId, structure: Option<&ArtefactId>) -> bool {
    let is_about = |artefact: &Artefact| match artefact {
        Artefact::Dataflow(dataflow) => dataflow.identity.id == *flow,
        Artefact::DataStructure(found) => Some(&found.identity.id) == structure,
        _ => false,
    };
    commit.segments.iter().any(|entry| entry.flow == *flow)
        || commit.flows.iter().any(|entry| entry.id == *flow)
        || commit.artefacts.iter().any(is_about)
}

fn write_commit(commit: &CommitRecord, out: &mut impl Write) -> io::Result<()> {
    let kind = match commit.kind {
        CommitKind::Change => "",
        CommitKind::Compaction => " (compaction: the same data, stored anew)",
        CommitKind::Redaction => " (redaction: a value left every version)",
    };
    writeln!(out, "commit {}{kind}", commit.number)?;
    writeln!(out, "  effective  {}", AsOf::Time(commit.effective))?;
    let author = &commit.author;
    let by = if author.is_empty() { String::new() } else { format!(" by {author}") };
    writeln!(out, "  loaded     {}{by}", AsOf::Time(commit.loaded))?;
    if let Some(release) = &commit.release {
        writeln!(out, "  release    {release}")?;
    }
    if let Some(source) = &commit.source {
        let checksum = source.checksum.map(|checksum| format!(", CRC-32C {checksum:08x}"));
        let checksum = checksum.unwrap_or_default();
        writeln!(out, "  source     {} ({}{checksum})", source.name, words::bytes(source.bytes))?;
        for hash in source.sha256.iter().filter(|hash| !hash.is_empty()) {
            writeln!(out, "  sha256     {hash}")?;
        }
    }
    if !commit.message.is_empty() {
        let message = commit.message.replace('\n', "\n             ");
        writeln!(out, "  message    {message}")?;
    }
    let counts = commit.counts;
    let all = [
        (counts.inserted, "inserted"),
        (counts.changed, "changed"),
        (counts.deleted, "deleted"),
        (counts.unchanged, "unchanged"),
    ];
    let said: Vec<String> = all
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", words::count(count)))
        .collect();
    let said = if said.is_empty() { "no observations".to_owned() } else { said.join(", ") };
    writeln!(out, "  {said}")
}
