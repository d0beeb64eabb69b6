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

    /// The segment whose file has this name.
    pub(super) fn of_file(name: &str) -> Option<Self> {
        let number = u64::from_str_radix(name.strip_suffix(".seg")?, 16).ok()?;
        Some(Self(number)).filter(|id| id.file_name() == name)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The names of a dataflow in SQL, chosen at its first load and never changed.
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
        /// The CRC-32C of all its bytes.
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

/// Where the data of a commit came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The name of the file, without its folder.
    pub name: String,
    /// Its length in bytes, as it came.
    pub bytes: u64,
    /// The CRC-32C of its bytes, where it was computed.
    pub checksum: Option<u32>,
}

/// A commit, as history shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
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
    /// The bytes of those segments that are to travel in the manifest, in the order of `segments`
    /// with [`SegmentPlace::Inline`], whose offset is set by the commit.
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
            superseded,
            settings: self.settings,
        };
        let packed = container::pack(&header)?;
        let artefacts =
            if has_artefacts { container::pack(&self.artefacts)? } else { Vec::new() };
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
        for segment in &mut self.segments {
            if let SegmentPlace::Inline { offset: place, length } = &mut segment.place {
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
            check_place(segment, &mut inline).map_err(bad)?;
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
            superseded,
            settings: header.settings,
        })
    }
}

/// Checks that a segment is where it says: in the next part of the manifest, or in the file of its
/// number, so that no manifest can make us read another file.
fn check_place<'a>(
    segment: &SegmentEntry,
    inline: &mut impl Iterator<Item = (u64, &'a [u8])>,
) -> Result<(), &'static str> {
    match &segment.place {
        SegmentPlace::File { name, .. } if *name == segment.id.file_name() => Ok(()),
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
