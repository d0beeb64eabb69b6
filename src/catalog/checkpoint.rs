//! A state as a file, so that opening need not read every manifest; and the copies in it.
//!
//! A checkpoint is never the only source of anything while the manifests are there: if it is lost
//! or damaged, opening takes the one before and more manifests. It carries copies of the live
//! inline segments that were added since the checkpoint before, so that a damaged manifest behind
//! it costs nothing either.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::container::{self, Container, Content, PartKind};
use crate::catalog::manifest::{FlowEntry, SegmentEntry, SegmentId, is_own_name};
use crate::catalog::selections::{SelectionReader, SelectionWriter};
use crate::catalog::state::{Home, KnownFlow, LiveSegment, State};
use crate::error::Result;
use crate::index::Selection;
use crate::limits::COMMITS_MAX;
use crate::model::Artefacts;

#[derive(Serialize, Deserialize)]
struct Header {
    number: u64,
    /// The checksum of the manifest of that number.
    manifest: u32,
    next_segment: u64,
    relocated: BTreeMap<SegmentId, Home>,
    flows: Vec<FlowHeader>,
    segments: Vec<SegmentHeader>,
    settings: BTreeMap<String, String>,
    /// The segments of the inline parts, in their order.
    copies: Vec<SegmentId>,
}

#[derive(Serialize, Deserialize)]
struct FlowHeader {
    entry: FlowEntry,
    updated: i64,
    redacted: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct SegmentHeader {
    entry: SegmentEntry,
    commit: u64,
    /// Absent if all chunks are live.
    chunks_bytes: Option<u64>,
    partials_bytes: Option<u64>,
}

/// What a checkpoint holds.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) state: State,
    /// Where in it the copies of inline segments are: offset and length.
    pub(super) copies: BTreeMap<SegmentId, (u64, u64)>,
}

/// Writes a state and copies of inline segments.
pub(super) fn encode(state: &State, copies: &[(SegmentId, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut selections = SelectionWriter::default();
    let mut add = |live: &Option<Selection>| live.as_ref().map(|live| selections.add(live));
    let segments = state.all_segments().map(|live| SegmentHeader {
        entry: SegmentEntry::clone(&live.entry),
        commit: live.commit,
        chunks_bytes: add(&live.chunks),
        partials_bytes: add(&live.partials),
    });
    let segments = segments.collect();
    let flows = state.flows.values().map(|known| {
        let (updated, redacted) = (known.updated, known.redacted);
        FlowHeader { entry: FlowEntry::clone(&known.entry), updated, redacted }
    });
    let header = Header {
        number: state.number,
        manifest: state.checksum,
        next_segment: state.next_segment,
        relocated: BTreeMap::clone(&state.relocated),
        flows: flows.collect(),
        segments,
        settings: BTreeMap::clone(&state.settings),
        copies: copies.iter().map(|(id, _)| *id).collect(),
    };
    let header = container::pack(&header)?;
    let artefacts = container::pack(&*state.artefacts)?;
    let selections = selections.finish();
    let history = state.history.pack()?;
    let segments = copies.iter().map(|(_, bytes)| (PartKind::Segment, bytes.as_slice()));
    let mut parts: Vec<(PartKind, &[u8])> = segments.collect();
    parts.push((PartKind::Header, &header));
    parts.push((PartKind::Artefacts, &artefacts));
    parts.push((PartKind::Selections, &selections));
    parts.extend(history.iter().map(|page| (PartKind::History, &**page)));
    Ok(container::encode(Content::Checkpoint, state.number, &parts)?.0)
}

/// Reads a checkpoint: `bytes` is the content of the file `path`.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<Checkpoint> {
    let container = Container::decode(path, Content::Checkpoint, bytes)?;
    let bad = |reason| container.bad(PartKind::Header, reason);
    let header: Option<Header> = container.unpack(PartKind::Header)?;
    let header = header.ok_or_else(|| bad("there is none"))?;
    if header.number != container.number {
        return Err(bad("it is of another commit"));
    }
    if header.next_segment > COMMITS_MAX {
        return Err(bad("it has more segments than there can be"));
    }
    let artefacts: Option<Artefacts> = container.unpack(PartKind::Artefacts)?;
    let flows = header.flows.into_iter().map(|flow| {
        let id = flow.entry.id.clone();
        let FlowHeader { entry, updated, redacted } = flow;
        (id, KnownFlow { entry: Arc::new(entry), updated, redacted })
    });
    let mut state = State {
        number: header.number,
        checksum: header.manifest,
        next_segment: header.next_segment,
        artefacts: Arc::new(artefacts.ok_or_else(|| bad("there are no artefacts"))?),
        flows: Arc::new(flows.collect()),
        settings: Arc::new(header.settings),
        relocated: Arc::new(header.relocated),
        ..State::default()
    };
    for page in container.parts(PartKind::History) {
        let records = container.unpack_part(PartKind::History, page)?;
        state.history.push_page(records, page.1);
    }
    if !state.history.is_sound() {
        return Err(container.bad(PartKind::History, "commits are missing"));
    }
    let is_own = |(id, home): (&SegmentId, &Home)| is_own_name(*id, &home.place, Some(home.commit));
    if !state.relocated.iter().all(is_own) {
        return Err(bad("a relocated segment is in a file of another name"));
    }
    let mut reader = SelectionReader::new(&container);
    let segments = Arc::make_mut(&mut state.segments);
    for segment in header.segments {
        if !is_own_name(segment.entry.id, &segment.entry.place, None) {
            return Err(bad("a segment is in a file of another name"));
        }
        let mut read = |length: Option<u64>, count: u32| {
            let live = length.map(|length| reader.next(length)).transpose()?;
            match live.as_ref().and_then(Selection::max) {
                Some(max) if max >= count => Err(bad("a segment has fewer chunks")),
                _ => Ok(live),
            }
        };
        let live = LiveSegment {
            chunks: read(segment.chunks_bytes, segment.entry.chunks)?,
            partials: read(segment.partials_bytes, segment.entry.partials)?,
            entry: Arc::new(segment.entry),
            commit: segment.commit,
        };
        let flow = segments.entry(live.entry.flow.clone()).or_default();
        Arc::make_mut(flow).insert(live.entry.id, Arc::new(live));
    }
    reader.finish()?;
    let places = container.parts(PartKind::Segment);
    let places = places.map(|(offset, bytes)| (offset, bytes.len() as u64));
    let copies: BTreeMap<_, _> = header.copies.into_iter().zip(places).collect();
    Ok(Checkpoint { state, copies })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::manifest::tests::check_damage;
    use crate::catalog::manifest::{Draft, Superseded};
    use crate::catalog::state::tests::{next, two_flows};

    fn state() -> State {
        let gone = Superseded {
            segment: SegmentId(1),
            chunks: Selection::from_sorted([1]),
            partials: Selection::all(2),
        };
        let draft = Draft { superseded: vec![gone], ..Draft::default() };
        next(&two_flows(), draft).expect("applied")
    }

    #[test]
    fn what_is_written_is_read() {
        let copies = [(SegmentId(1), vec![1; 9]), (SegmentId(5), vec![5; 3])];
        let bytes = encode(&state(), &copies).expect("encoded");
        let read = decode(Path::new("x"), &bytes).expect("decoded");
        assert_eq!(read.state, state());
        for (id, expected) in &copies {
            let (offset, length) = read.copies[id];
            assert_eq!(length, expected.len() as u64);
            assert!(bytes[usize::try_from(offset).expect("small")..].starts_with(expected));
        }
        let empty = encode(&State::default(), &[]).expect("encoded");
        assert_eq!(decode(Path::new("x"), &empty).expect("decoded").state, State::default());
    }

    #[test]
    fn every_damage_is_found() {
        let bytes = encode(&state(), &[(SegmentId(1), vec![1; 9])]).expect("encoded");
        check_damage(&bytes, decode);
    }
}
