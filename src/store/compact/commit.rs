//! Compaction as commits: by command, in the background, and after a load.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::catalog::{Catalog, CommitKind, Draft, FlowEntry, LiveSegment, SegmentId};
use crate::catalog::{State, Superseded, Writer};
use crate::disk::{Linked, is_missing};
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::limits::COMPACTION_STEP_BYTES;
use crate::model::ArtefactId;
use crate::segment::Written;
use crate::store::compact::choose::{Weight, choose};
use crate::store::compact::merge::{Merged, Origin, merge};
use crate::store::compact::order::best_order;
use crate::store::cube::Cube;
use crate::store::database::Database;
use crate::store::pool::Pool;
use crate::store::snapshot::Snapshot;

/// Steps of one compaction at most: more than the tiers of any dataflow, so that it ends even if
/// loads make new segments all the time.
const STEPS_MAX: usize = 64;

/// How to compact.
#[derive(Clone, Debug)]
pub struct CompactOptions {
    /// Only this dataflow.
    pub flow: Option<ArtefactId>,
    /// Whether every dataflow becomes one segment, in the order of dimensions that is best for it;
    /// else only what is worth it is brought together.
    pub is_full: bool,
    /// The time now, in microseconds since 1970.
    pub now: i64,
    /// Who asked for it.
    pub author: String,
    /// How long to wait for the writer's lock, at each commit.
    pub wait: Duration,
}

impl CompactOptions {
    /// Compacts what is worth it, of all dataflows.
    pub fn at(now: i64) -> Self {
        let (flow, author, wait) = (None, String::new(), Duration::from_mins(1));
        Self { flow, is_full: false, now, author, wait }
    }
}

/// What was compacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Commits that were made.
    pub commits: u64,
    /// Segments that were brought together.
    pub segments: u64,
    /// Their live bytes, about.
    pub bytes_read: u64,
    /// Bytes of the segments that they became.
    pub bytes_written: u64,
    /// Dataflows whose dimensions have another order now: positions, coarse first.
    pub orders: Vec<(ArtefactId, Vec<u16>)>,
}

/// What one commit is to bring together.
struct Step {
    flow: ArtefactId,
    segments: Vec<SegmentId>,
    order: Vec<u16>,
}

impl Database {
    /// Brings segments together. Nothing changes for readers, and loads go on meanwhile. `pace` is
    /// told now and then how many bytes more were read, about; it may wait, or end the work with an
    /// error.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`] if another compaction is at work, or a writer keeps the lock;
    /// [`Error::NotFound`] if there is no such dataflow; [`Error::Corrupt`], [`Error::Io`]; those
    /// of `pace`.
    pub fn compact(
        &self,
        options: &CompactOptions,
        pace: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<CompactReport> {
        let catalog = self.catalog();
        let path = catalog.compaction_lock();
        let Some(_lock) = catalog.disk().lock(&path)? else {
            let (id, reason) = (path.display().to_string(), "another compaction is at work".into());
            return Err(Error::Conflict { kind: "lock", id, reason });
        };
        let snapshot = self.snapshot()?;
        if let Some(flow) = &options.flow
            && snapshot.state().flow(flow).is_none()
        {
            return Err(Error::not_found("dataflow", flow.to_string()));
        }
        let flows = snapshot.state().flows().map(|known| known.entry.id.clone());
        let wanted = |id: &ArtefactId| options.flow.as_ref().is_none_or(|flow| flow == id);
        let mut report = CompactReport::default();
        for flow in flows.filter(wanted).collect::<Vec<_>>() {
            for _ in 0..STEPS_MAX {
                let snapshot = self.snapshot()?;
                let Some(step) = next_step(&snapshot, &flow, options.is_full)? else { break };
                self.take_step(&snapshot, &step, options, pace, &mut report)?;
                if options.is_full {
                    break;
                }
            }
        }
        Ok(report)
    }

    fn take_step(
        &self,
        snapshot: &Arc<Snapshot>,
        step: &Step,
        options: &CompactOptions,
        pace: &mut dyn FnMut(u64) -> Result<()>,
        report: &mut CompactReport,
    ) -> Result<()> {
        let catalog = self.catalog();
        let cube = cube_of(snapshot, step)?;
        let path = catalog.compaction_part();
        remove_if_there(catalog, &path)?;
        let disk = Arc::clone(catalog.disk());
        let file = path.clone();
        let merged = merge(&cube, &step.order, Box::new(move || disk.create(&file)), pace);
        let merged = merged.inspect_err(|error| catalog.note_failure(error))?;
        let mut writer = catalog.begin(options.wait)?;
        let moved = |id: &SegmentId| writer.state().home(*id) != snapshot.state().home(*id);
        if step.segments.iter().any(moved) {
            // A redaction took something out of what was read.
            return remove_if_there(catalog, &path);
        }
        let id = writer.new_segment();
        let is_file = matches!(merged.segment.as_ref().map(|s| &s.written), Some(Written::File(_)));
        if is_file && catalog.disk().link(&path, &writer.new_segment_path(id))? == Linked::Exists {
            return Err(Error::bug("the number of a new segment is taken"));
        }
        let mut draft = draft(writer.state(), step, id, merged);
        draft.record.loaded = options.now;
        // As early as can be: what nobody sees must not push back a release that is made up for.
        draft.record.effective = i64::MIN;
        draft.record.author.clone_from(&options.author);
        let weights = snapshot.state().segments(&step.flow).map(|live| Weight::of(live));
        let chosen = weights.filter(|weight| step.segments.contains(&weight.id));
        report.bytes_read += chosen.map(|weight| weight.live).sum::<u64>();
        report.bytes_written += draft.segments.iter().map(|segment| segment.bytes).sum::<u64>();
        report.segments += step.segments.len() as u64;
        report.orders.extend(draft.flows.iter().map(|f| (f.id.clone(), f.dimension_order.clone())));
        writer.commit(draft)?;
        report.commits += 1;
        remove_if_there(catalog, &path)
    }
}

/// Brings together what small commits left of the dataflows that a load touched, within a bound.
/// The load stands whatever comes of it: what is not done now is done later.
pub(crate) fn after_load(
    writer: &mut Writer,
    pool: &Arc<Pool>,
    flows: impl IntoIterator<Item = ArtefactId>,
    now: i64,
) {
    for flow in flows {
        if step_after_load(writer, pool, &flow, now).is_err() {
            return;
        }
    }
}

fn step_after_load(
    writer: &mut Writer,
    pool: &Arc<Pool>,
    flow: &ArtefactId,
    now: i64,
) -> Result<()> {
    let weights = writer.state().segments(flow).map(|live| Weight::of(live)).collect::<Vec<_>>();
    let segments = choose(&weights, COMPACTION_STEP_BYTES);
    let entry = writer.state().flow(flow);
    let Some(entry) = entry.filter(|_| !segments.is_empty()) else { return Ok(()) };
    let step = Step { flow: flow.clone(), segments, order: entry.entry.dimension_order.clone() };
    let (catalog, state) = (Arc::clone(writer.catalog()), Arc::clone(writer.state()));
    let snapshot = Snapshot::new(Arc::clone(&catalog), Arc::clone(pool), state);
    let cube = cube_of(&snapshot, &step)?;
    let id = writer.new_segment();
    let path = writer.new_segment_path(id);
    let create = Box::new(move || catalog.disk().create(&path));
    let merged = merge(&cube, &step.order, create, &mut |_| Ok(()));
    let merged = merged.inspect_err(|error| writer.catalog().note_failure(error))?;
    let mut draft = draft(writer.state(), &step, id, merged);
    draft.record.loaded = now;
    // As early as can be: what nobody sees must not push back a release that is made up for.
    draft.record.effective = i64::MIN;
    writer.commit(draft).map(drop)
}

/// The segments that are to be brought together, as if they were all of their dataflow.
fn cube_of(snapshot: &Snapshot, step: &Step) -> Result<Arc<Cube>> {
    let state = snapshot.state();
    let missing = || Error::not_found("dataflow", step.flow.to_string());
    let entry = &state.flow(&step.flow).ok_or_else(missing)?.entry;
    let wanted = state.segments(&step.flow).filter(|live| step.segments.contains(&live.entry.id));
    let flow = snapshot.flow(&step.flow)?;
    Ok(Arc::new(snapshot.cube_of(flow, entry, wanted.map(|live| &**live))?))
}

/// What to do next for a dataflow; absent if all is well.
fn next_step(snapshot: &Snapshot, flow: &ArtefactId, is_full: bool) -> Result<Option<Step>> {
    let state = snapshot.state();
    let Some(known) = state.flow(flow) else { return Ok(None) };
    let mut order = known.entry.dimension_order.clone();
    let weights = state.segments(flow).map(|live| Weight::of(live)).collect::<Vec<_>>();
    let mut segments = choose(&weights, u64::MAX);
    if is_full && !weights.is_empty() {
        let best = best_order(&*snapshot.cube(flow)?, &order)?;
        let is_one = weights.len() == 1 && weights.iter().all(|weight| weight.live == weight.bytes);
        segments = if is_one && best == order { Vec::new() } else { ids(&weights) };
        order = best;
    }
    Ok((!segments.is_empty()).then(|| Step { flow: flow.clone(), segments, order }))
}

fn ids(weights: &[Weight]) -> Vec<SegmentId> {
    weights.iter().map(|weight| weight.id).collect()
}

/// The commit that puts a merged segment in the place of those it was made from. What was
/// superseded of those since they were read is superseded in the new one too.
fn draft(state: &State, step: &Step, id: SegmentId, merged: Merged) -> Draft {
    let mut draft = Draft::default();
    draft.record.kind = CommitKind::Compaction;
    draft.record.message =
        format!("{} segments of {} brought together", step.segments.len(), step.flow);
    let mut live: HashMap<SegmentId, &LiveSegment> = HashMap::new();
    for segment in state.segments(&step.flow) {
        if !step.segments.contains(&segment.entry.id) {
            continue;
        }
        live.insert(segment.entry.id, segment);
        let all =
            |live: &Option<Selection>, count| live.clone().unwrap_or_else(|| Selection::all(count));
        draft.supersede(Superseded {
            segment: segment.entry.id,
            chunks: all(&segment.chunks, segment.entry.chunks),
            partials: all(&segment.partials, segment.entry.partials),
        });
    }
    if let Some(summary) = merged.segment {
        draft.add_segment(id, &step.flow, summary);
        let dead = |origins: &[Origin], of: fn(&LiveSegment) -> &Option<Selection>| {
            let is_dead = |(from, number): &Origin| {
                live.get(from).is_none_or(|segment| {
                    of(segment).as_ref().is_some_and(|live| !live.contains(*number))
                })
            };
            let dead = (0..).zip(origins).filter(|(_, origin)| is_dead(origin));
            Selection::from_sorted(dead.map(|(ordinal, _)| ordinal))
        };
        let chunks = dead(&merged.chunks, |segment| &segment.chunks);
        let partials = dead(&merged.partials, |segment| &segment.partials);
        if !(chunks.is_empty() && partials.is_empty()) {
            draft.supersede(Superseded { segment: id, chunks, partials });
        }
    }
    if let Some(known) = state.flow(&step.flow)
        && known.entry.dimension_order != step.order
    {
        let entry = FlowEntry::clone(&known.entry);
        draft.flows.push(FlowEntry { dimension_order: step.order.clone(), ..entry });
    }
    draft
}

fn remove_if_there(catalog: &Catalog, path: &Path) -> Result<()> {
    match catalog.disk().remove(path) {
        Err(error) if !is_missing(&error) => Err(error),
        _ => Ok(()),
    }
}
