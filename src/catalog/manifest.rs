//! What one commit changes, and its bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::catalog::container::{self, Container, Content, PartKind};
use crate::catalog::selections::{SelectionReader, SelectionWriter};
use crate::error::{Error, Result};
use crate::index::Selection;
use crate::limits::INLINE_SEGMENT_BYTES_MAX;
use crate::model::{Artefact, ArtefactId};

/// The number of a segment: unique in a database for ever, ascending in the order of commits.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct SegmentId(pub u64);

impl SegmentId {
    /// The name of the segment's file.
    pub fn file_name(self) -> String {
        format!("{:016x}.seg", self.0)
    }

    /// The name of the file into which the redaction with this number wrote the segment anew.
    pub(super) fn redacted_name(self, commit: u64) -> String {
        format!("{:016x}-{commit:020}.seg", self.0)
    }

    /// The segment whose file has this name, and the redaction that wrote it, if one did.
    pub(crate) fn of_file(name: &str) -> Option<(Self, Option<u64>)> {
        let stem = name.strip_suffix(".seg")?;
        let (id, commit) = match stem.split_once('-') {
            Some((id, commit)) => (id, Some(commit.parse().ok()?)),
            None => (stem, None),
        };
        let id = Self(u64::from_str_radix(id, 16).ok()?);
        let own = commit.map_or_else(|| id.file_name(), |commit| id.redacted_name(commit));
        (own == name).then_some((id, commit))
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The names of a dataflow in SQL, chosen at its first load; only the plain table name moves, from
/// one version to another, by command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlNames {
    /// The schema: the agency.
    pub schema: String,
    /// The table: the dataflow.
    pub table: String,
    /// The columns: one a component, in the order of `Flow::components`.
    pub columns: Vec<String>,
}

/// What is fixed about a dataflow when it is first loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowEntry {
    /// The dataflow.
    pub id: ArtefactId,
    /// Its names in SQL.
    pub names: SqlNames,
    /// The physical order of the dimensions: positions among those of the structure, coarse first.
    pub dimension_order: Vec<u16>,
}

/// Where the bytes of a segment are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SegmentPlace {
    /// In a file of its own.
    File {
        /// Its name in the folder of segments.
        name: String,
        /// Its length in bytes.
        length: u64,
        /// The checksum of its footer, which has the checksums of all its other bytes.
        checksum: u32,
    },
    /// In the manifest of the commit that added it.
    Inline {
        /// The offset of its first byte in the manifest.
        offset: u64,
        /// Its length in bytes.
        length: u64,
    },
}

/// A segment, as the catalogue knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// Its number.
    pub id: SegmentId,
    /// The dataflow whose data it holds.
    pub flow: ArtefactId,
    /// Its series.
    pub series: u32,
    /// Its chunks, at least one a series.
    pub chunks: u32,
    /// Its attribute values that are attached to the dataflow or to partial keys.
    pub partials: u32,
    /// Its observations.
    pub observations: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Where they are.
    pub place: SegmentPlace,
}

/// Parts of an earlier segment that a commit replaces or deletes.
#[derive(Clone, Debug, PartialEq)]
pub struct Superseded {
    /// The segment.
    pub segment: SegmentId,
    /// Ordinals of its chunks that are no longer live.
    pub chunks: Selection,
    /// Ordinals of its partials that are no longer live.
    pub partials: Selection,
}

/// A segment that was written anew, with the same series, chunks and partials, to take values out
/// of it. It stands for the old one in every state, also in earlier ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relocated {
    /// The segment.
    pub segment: SegmentId,
    /// The dataflow whose data it holds.
    pub flow: ArtefactId,
    /// Where it is now.
    pub place: SegmentPlace,
}

/// What a load did, in observations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Observations that were not there.
    pub inserted: u64,
    /// Observations that were there and became others.
    pub changed: u64,
    /// Observations that were removed.
    pub deleted: u64,
    /// Observations that came and were there already.
    pub unchanged: u64,
}

impl Counts {
    /// What was added to earlier counts.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            inserted: self.inserted.saturating_sub(before.inserted),
            changed: self.changed.saturating_sub(before.changed),
            deleted: self.deleted.saturating_sub(before.deleted),
            unchanged: self.unchanged.saturating_sub(before.unchanged),
        }
    }
}

/// Where the data of a commit came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The name of the file, without its folder.
    pub name: String,
    /// Its length in bytes, as it came.
    pub bytes: u64,
    /// The CRC-32C of its bytes, where it was computed.
    pub checksum: Option<u32>,
    /// The SHA-256 of each file, in hexadecimal and in the order of the names, where it was
    /// computed.
    #[serde(default)]
    pub sha256: Vec<String>,
}

/// What kind of change a commit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommitKind {
    /// It changes what readers see.
    #[default]
    Change,
    /// It stores the same anew: no reader sees a difference.
    Compaction,
    /// It takes a value out of every version. That is no revision: it has no date of its own.
    Redaction,
}

/// A commit, as history shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// What kind of change it is.
    pub kind: CommitKind,
    /// Its number, from 1 without gaps.
    pub number: u64,
    /// From when it counts, in microseconds since 1970: later than every commit before.
    pub effective: i64,
    /// When it was loaded, in microseconds since 1970.
    pub loaded: i64,
    /// Who loaded it.
    pub author: String,
    /// What for.
    pub message: String,
    /// What was loaded, if it was a file.
    pub source: Option<Source>,
    /// What it did.
    pub counts: Counts,
    /// The release that it made public, by name.
    pub release: Option<String>,
}

/// What a commit is to change; [`crate::catalog::Writer::commit`] makes a [`Commit`] of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// Number and effective time are only proposals: the commit gets the next number, and a time
    /// later than every commit before.
    pub record: CommitRecord,
    /// Artefacts to add or replace.
    pub artefacts: Vec<Artefact>,
    /// Dataflows to add or change.
    pub flows: Vec<FlowEntry>,
    /// Segments to add.
    pub segments: Vec<SegmentEntry>,
    /// Segments to put in the place of earlier ones.
    pub relocated: Vec<Relocated>,
    /// The bytes of those segments that are to travel in the manifest, in the order of `segments`,
    /// then `relocated`, with [`SegmentPlace::Inline`], whose offset is set by the commit.
    pub inline: Vec<Vec<u8>>,
    /// What it supersedes.
    pub superseded: Vec<Superseded>,
    /// Small facts to set or, if absent, to remove (users, grants, what is pending), by name.
    pub settings: BTreeMap<String, Option<String>>,
}

/// What one commit changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// Number, times, author, message, source, counts.
    pub record: CommitRecord,
    /// The checksum of the manifest before; of the first, 0.
    pub predecessor: u32,
    /// The checksum of this manifest.
    pub checksum: u32,
    /// Artefacts added or replaced.
    pub artefacts: Vec<Artefact>,
    /// Dataflows added or changed.
    pub flows: Vec<FlowEntry>,
    /// Segments added.
    pub segments: Vec<SegmentEntry>,
    /// Segments put in the place of earlier ones.
    pub relocated: Vec<Relocated>,
    /// What it superseded.
    pub superseded: Vec<Superseded>,
    /// Small facts set or, if absent, removed.
    pub settings: BTreeMap<String, Option<String>>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    record: CommitRecord,
    predecessor: u32,
    flows: Vec<FlowEntry>,
    segments: Vec<SegmentEntry>,
    relocated: Vec<Relocated>,
    superseded: Vec<SupersededLengths>,
    settings: BTreeMap<String, Option<String>>,
}

#[derive(Serialize, Deserialize)]
struct SupersededLengths {
    segment: SegmentId,
    chunks_bytes: u64,
    partials_bytes: u64,
}

impl Draft {
    /// Makes the commit that follows the one whose manifest has the checksum `predecessor`, and
    /// its bytes.
    pub(super) fn seal(mut self, predecessor: u32) -> Result<(Commit, Vec<u8>)> {
        let mut selections = SelectionWriter::default();
        let superseded = self.superseded.iter().map(|part| SupersededLengths {
            segment: part.segment,
            chunks_bytes: selections.add(&part.chunks),
            partials_bytes: selections.add(&part.partials),
        });
        let superseded = superseded.collect();
        let selections = selections.finish();
        let has_artefacts = !self.artefacts.is_empty();
        let parts = self.inline.len()
            + 1
            + usize::from(has_artefacts)
            + usize::from(!selections.is_empty());
        self.place_inline(container::data_start(parts))?;
        let header = Header {
            record: self.record,
            predecessor,
            flows: self.flows,
            segments: self.segments,
            relocated: self.relocated,
            superseded,
            settings: self.settings,
        };
        let packed = container::pack(&header)?;
        let artefacts = if has_artefacts { container::pack(&self.artefacts)? } else { Vec::new() };
        let inline = self.inline.iter().map(|bytes| (PartKind::Segment, bytes.as_slice()));
        let mut all: Vec<(PartKind, &[u8])> = inline.collect();
        all.push((PartKind::Header, &packed));
        if has_artefacts {
            all.push((PartKind::Artefacts, &artefacts));
        }
        if !selections.is_empty() {
            all.push((PartKind::Selections, &selections));
        }
        let number = header.record.number;
        let (bytes, checksum) = container::encode(Content::Manifest, number, &all)?;
        let commit = Commit {
            record: header.record,
            predecessor,
            checksum,
            artefacts: self.artefacts,
            flows: header.flows,
            segments: header.segments,
            relocated: header.relocated,
            superseded: self.superseded,
            settings: header.settings,
        };
        Ok((commit, bytes))
    }

    /// Gives every inline segment its place behind the table, where the first begins at `start`.
    fn place_inline(&mut self, start: u64) -> Result<()> {
        let wrong = |reason: &str| Error::bug(format!("inline segments: {reason}"));
        let mut offset = start;
        let mut contents = self.inline.iter();
        let added = self.segments.iter_mut().map(|segment| &mut segment.place);
        let places = added.chain(self.relocated.iter_mut().map(|segment| &mut segment.place));
        for place in places {
            if let SegmentPlace::Inline { offset: place, length } = place {
                let bytes = contents.next().ok_or_else(|| wrong("one has no bytes"))?;
                if bytes.len() > INLINE_SEGMENT_BYTES_MAX {
                    let (actual, limit) = (bytes.len() as u64, INLINE_SEGMENT_BYTES_MAX as u64);
                    return Err(Error::Limit { what: "size of an inline segment", actual, limit });
                }
                (*place, *length) = (offset, bytes.len() as u64);
                offset += bytes.len() as u64;
            }
        }
        if contents.next().is_some() { Err(wrong("bytes of none")) } else { Ok(()) }
    }
}

impl Commit {
    /// The names of the segment files that it needs.
    pub(super) fn files(&self) -> impl Iterator<Item = &String> {
        let added = self.segments.iter().map(|segment| &segment.place);
        let relocated = self.relocated.iter().map(|segment| &segment.place);
        added.chain(relocated).filter_map(|place| match place {
            SegmentPlace::File { name, .. } => Some(name),
            SegmentPlace::Inline { .. } => None,
        })
    }

    /// Reads a manifest: `bytes` is the content of the file `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] that names the part; [`Error::Unsupported`] for a later format.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let container = Container::decode(path, Content::Manifest, bytes)?;
        let header: Option<Header> = container.unpack(PartKind::Header)?;
        let bad = |reason| container.bad(PartKind::Header, reason);
        let header = header.ok_or_else(|| bad("there is none"))?;
        if header.record.number != container.number {
            return Err(bad("it is of another commit"));
        }
        let mut inline = container.parts(PartKind::Segment);
        for segment in &header.segments {
            check_place(segment.id, &segment.place, None, &mut inline).map_err(bad)?;
        }
        for relocated in &header.relocated {
            let number = Some(container.number);
            check_place(relocated.segment, &relocated.place, number, &mut inline).map_err(bad)?;
        }
        if inline.next().is_some() {
            return Err(bad("it does not name every inline segment"));
        }
        let mut reader = SelectionReader::new(&container);
        let mut superseded = Vec::new();
        for part in header.superseded {
            superseded.push(Superseded {
                segment: part.segment,
                chunks: reader.next(part.chunks_bytes)?,
                partials: reader.next(part.partials_bytes)?,
            });
        }
        reader.finish()?;
        Ok(Self {
            record: header.record,
            predecessor: header.predecessor,
            checksum: container.checksum,
            artefacts: container.unpack(PartKind::Artefacts)?.unwrap_or_default(),
            flows: header.flows,
            segments: header.segments,
            relocated: header.relocated,
            superseded,
            settings: header.settings,
        })
    }
}

/// Checks that a segment is where it says: in the next part of the manifest, or in the file of its
/// number, so that no manifest can make us read another file.
fn check_place<'a>(
    segment: SegmentId,
    place: &SegmentPlace,
    redaction: Option<u64>,
    inline: &mut impl Iterator<Item = (u64, &'a [u8])>,
) -> Result<(), &'static str> {
    match place {
        SegmentPlace::File { .. } if is_own_name(segment, place, redaction) => Ok(()),
        SegmentPlace::File { .. } => Err("a segment is in a file of another name"),
        SegmentPlace::Inline { offset, length } => {
            let part = inline.next().map(|(offset, bytes)| (offset, bytes.len() as u64));
            if part == Some((*offset, *length)) {
                Ok(())
            } else {
                Err("an inline segment is not where it should be")
            }
        }
    }
}

/// Whether a segment with a file is in the file of its number, or in that of the redaction that
/// wrote it anew.
pub(super) fn is_own_name(id: SegmentId, place: &SegmentPlace, redaction: Option<u64>) -> bool {
    match place {
        SegmentPlace::File { name, .. } => SegmentId::of_file(name) == Some((id, redaction)),
        SegmentPlace::Inline { .. } => true,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::COMMITS_MAX;
    use crate::model::{Dataflow, Identity};

    const PATH: &str = "commits/1.commit";

    pub(crate) fn flow(id: &str) -> FlowEntry {
        let names = SqlNames {
            schema: "a".into(),
            table: id.to_lowercase(),
            columns: vec!["freq".into(), "obs_value".into()],
        };
        FlowEntry { id: ArtefactId::new("A", id, "1.0"), names, dimension_order: vec![1, 0] }
    }

    pub(crate) fn artefact(id: &str, structure: &str) -> Artefact {
        let identity = Identity::named(ArtefactId::new("A", id, "1.0"), "a flow");
        let structure = ArtefactId::new("A", structure, "1.0");
        Artefact::Dataflow(Dataflow { identity, structure })
    }

    pub(crate) fn segment(id: u64, flow: &str, place: SegmentPlace) -> SegmentEntry {
        SegmentEntry {
            id: SegmentId(id),
            flow: ArtefactId::new("A", flow, "1.0"),
            series: 3,
            chunks: 4,
            partials: 2,
            observations: 100,
            bytes: 64,
            place,
        }
    }

    pub(crate) fn inline() -> SegmentPlace {
        SegmentPlace::Inline { offset: 0, length: 0 }
    }

    pub(crate) fn file(id: u64) -> SegmentPlace {
        SegmentPlace::File { name: SegmentId(id).file_name(), length: 64, checksum: 9 }
    }

    fn redacted_file(id: u64, commit: u64) -> SegmentPlace {
        let name = SegmentId(id).redacted_name(commit);
        SegmentPlace::File { name, length: 64, checksum: 9 }
    }

    /// A draft with one of everything.
    pub(crate) fn small_draft() -> Draft {
        Draft {
            record: CommitRecord { number: 1, effective: 5, ..CommitRecord::default() },
            artefacts: vec![artefact("F", "S")],
            flows: vec![flow("F")],
            segments: vec![segment(7, "F", inline()), segment(8, "F", file(8))],
            relocated: vec![
                Relocated { segment: SegmentId(2), flow: flow("F").id, place: inline() },
                Relocated { segment: SegmentId(3), flow: flow("F").id, place: redacted_file(3, 1) },
            ],
            inline: vec![b"some bytes".to_vec(), b"others".to_vec()],
            superseded: vec![Superseded {
                segment: SegmentId(3),
                chunks: Selection::from_sorted([1, 2]),
                partials: Selection::empty(),
            }],
            settings: BTreeMap::from([("user".into(), Some("x".into())), ("old".into(), None)]),
        }
    }

    fn check(draft: &Draft, predecessor: u32) -> Result<(), TestCaseError> {
        let (commit, bytes) = draft.clone().seal(predecessor).expect("sealed");
        let read = Commit::decode(Path::new(PATH), &bytes).expect("decoded");
        prop_assert_eq!(&read, &commit);
        prop_assert_eq!(&read.record, &draft.record);
        prop_assert_eq!((&read.artefacts, &read.flows), (&draft.artefacts, &draft.flows));
        prop_assert_eq!(&read.superseded, &draft.superseded);
        prop_assert_eq!((read.predecessor, &read.settings), (predecessor, &draft.settings));
        let mut inline = draft.inline.iter();
        for (read, given) in read.segments.iter().zip(&draft.segments) {
            if let SegmentPlace::Inline { offset, length } = read.place {
                let inline = inline.next().expect("one each");
                prop_assert_eq!(length, inline.len() as u64);
                let found = &bytes[usize::try_from(offset).expect("small")..];
                prop_assert!(found.starts_with(inline));
            } else {
                prop_assert_eq!(read, given);
            }
        }
        let (again, _) = draft.clone().seal(predecessor).expect("sealed");
        prop_assert_eq!(again, commit, "equal drafts make equal manifests");
        Ok(())
    }

    fn selections() -> impl Strategy<Value = Selection> {
        prop::collection::btree_set(0..100_000_u32, 0..40).prop_map(Selection::from_sorted)
    }

    fn drafts() -> impl Strategy<Value = Draft> {
        let record = (1..COMMITS_MAX, any::<i64>(), any::<i64>(), ".{0,9}", ".{0,9}").prop_map(
            |(number, effective, loaded, author, message)| CommitRecord {
                number,
                effective,
                loaded,
                author,
                source: Some(Source {
                    name: message.clone(),
                    bytes: number,
                    checksum: Some(7),
                    sha256: vec!["ab".to_owned()],
                }),
                message,
                counts: Counts { inserted: number, ..Counts::default() },
                kind: CommitKind::Compaction,
                release: (number % 2 == 0).then(|| "monthly".to_owned()),
            },
        );
        let bytes = prop::collection::vec(any::<u8>(), 0..90);
        let segments = prop::collection::vec((any::<u64>(), prop::option::of(bytes)), 0..5);
        let superseded = prop::collection::vec((any::<u64>(), selections(), selections()), 0..5);
        let artefacts = prop::collection::vec("[A-Z]{1,5}", 0..3);
        let settings = prop::collection::btree_map(".{0,5}", prop::option::of(".{0,5}"), 0..3);
        (record, segments, superseded, artefacts, settings).prop_map(
            |(record, segments, superseded, artefacts, settings)| Draft {
                record,
                artefacts: artefacts.iter().map(|id| artefact(id, "S")).collect(),
                flows: artefacts.iter().map(|id| flow(id)).collect(),
                segments: segments
                    .iter()
                    .map(|(id, bytes)| {
                        let place = if bytes.is_some() { inline() } else { file(*id) };
                        segment(*id, "F", place)
                    })
                    .collect(),
                relocated: Vec::new(),
                inline: segments.into_iter().filter_map(|(_, bytes)| bytes).collect(),
                superseded: superseded
                    .into_iter()
                    .map(|(id, chunks, partials)| Superseded {
                        segment: SegmentId(id),
                        chunks,
                        partials,
                    })
                    .collect(),
                settings,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_written_is_read(draft in drafts(), predecessor in any::<u32>()) {
            check(&draft, predecessor)?;
        }
    }

    /// Every byte changed and every truncation is an error that names the file.
    pub(crate) fn check_damage<T>(bytes: &[u8], decode: impl Fn(&Path, &[u8]) -> Result<T>) {
        let damaged = |changed: &[u8], at: usize| match decode(Path::new(PATH), changed) {
            Err(Error::Corrupt { path, reason, .. }) => {
                assert_eq!(path, Path::new(PATH));
                let part = ["head", "table", "part", "end", "file"];
                assert!(part.iter().any(|part| reason.starts_with(part)), "{reason}");
                assert_eq!(reason.starts_with("end"), at + 4 >= bytes.len(), "{at}: {reason}");
            }
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("read damaged bytes"),
        };
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0xFF] {
                let mut changed = bytes.to_vec();
                changed[at] ^= flip;
                damaged(&changed, at);
            }
            damaged(&bytes[..at], 0);
        }
        damaged(&[bytes, &[0]].concat(), 0);
    }

    #[test]
    fn every_damage_is_found() {
        let (_, bytes) = small_draft().seal(77).expect("sealed");
        assert!(Commit::decode(Path::new(PATH), &bytes).is_ok());
        check_damage(&bytes, Commit::decode);
    }

    #[test]
    fn no_manifest_leads_to_a_file_of_another_name() {
        let mut draft = small_draft();
        let name = "../secret".into();
        draft.segments[1].place = SegmentPlace::File { name, length: 1, checksum: 0 };
        let (_, bytes) = draft.seal(0).expect("sealed");
        let error = Commit::decode(Path::new(PATH), &bytes).expect_err("accepted");
        assert!(error.to_string().contains("another name"), "{error}");
    }

    #[test]
    fn a_segment_that_is_too_large_does_not_travel_inline() {
        let check = |bytes: usize, fits: bool| {
            let mut draft = small_draft();
            draft.inline[0] = vec![0; bytes];
            assert_eq!(draft.seal(0).is_ok(), fits, "{bytes}");
        };
        check(INLINE_SEGMENT_BYTES_MAX, true);
        check(INLINE_SEGMENT_BYTES_MAX + 1, false);
    }
}
