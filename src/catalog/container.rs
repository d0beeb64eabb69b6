//! The bytes of a manifest or checkpoint: a table of parts, each under its own checksum.

use std::io::Read;
use std::ops::Range;
use std::path::Path;

use crc32c::{crc32c, crc32c_append};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::limits::{COMMITS_MAX, MANIFEST_BYTES_MAX, MANIFEST_PARTS_MAX};

const VERSION: u32 = 1;
const HEAD_BYTES: usize = 32;
const ROW_BYTES: usize = 24;
const CHECKSUM_BYTES: usize = 4;
/// Compression of the JSON parts: fast enough that a small commit does not notice.
const ZSTD_LEVEL: i32 = 3;

/// What a container holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The changes of one commit.
    Manifest,
    /// The result of all commits up to one.
    Checkpoint,
    /// A release that is yet to come.
    Release,
}

impl Content {
    fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Manifest => b"SDMXCOMM",
            Self::Checkpoint => b"SDMXCHKP",
            Self::Release => b"SDMXRELS",
        }
    }
}

/// What a part holds; its number in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    /// A segment, readable in place.
    Segment = 1,
    /// Everything small, as JSON.
    Header = 2,
    /// Artefacts, as JSON.
    Artefacts = 3,
    /// Bitmaps one after the other; the header has their lengths.
    Selections = 4,
    /// Records of commits, as JSON: a page of the history.
    History = 5,
}

impl PartKind {
    fn parse(number: u32) -> Option<Self> {
        [Self::Segment, Self::Header, Self::Artefacts, Self::Selections, Self::History]
            .into_iter()
            .find(|kind| *kind as u32 == number)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Segment => "inline segment",
            Self::Header => "header",
            Self::Artefacts => "artefacts",
            Self::Selections => "selections",
            Self::History => "history",
        }
    }
}

/// The offset of the first part in a container of `parts` parts.
pub(super) fn data_start(parts: usize) -> u64 {
    (HEAD_BYTES + parts * ROW_BYTES + CHECKSUM_BYTES) as u64
}

/// Writes a container, and its checksum.
///
/// # Errors
///
/// [`Error::Limit`] if it has too many parts or bytes.
pub(super) fn encode(
    content: Content,
    number: u64,
    parts: &[(PartKind, &[u8])],
) -> Result<(Vec<u8>, u32)> {
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    if parts.len() > MANIFEST_PARTS_MAX {
        let (actual, limit) = (u64::from(count), MANIFEST_PARTS_MAX as u64);
        return Err(Error::Limit { what: "number of parts of a manifest", actual, limit });
    }
    let start = data_start(parts.len());
    let length = parts.iter().fold(start, |sum, (_, bytes)| sum + bytes.len() as u64)
        + CHECKSUM_BYTES as u64;
    if length > MANIFEST_BYTES_MAX {
        let limit = MANIFEST_BYTES_MAX;
        return Err(Error::Limit { what: "size of a manifest", actual: length, limit });
    }
    let mut out = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    out.extend_from_slice(content.magic());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    let mut offset = start;
    for (kind, bytes) in parts {
        out.extend_from_slice(&(*kind as u32).to_le_bytes());
        out.extend_from_slice(&crc32c(bytes).to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        offset += bytes.len() as u64;
    }
    let table = crc32c(&out);
    out.extend_from_slice(&table.to_le_bytes());
    for (_, bytes) in parts {
        out.extend_from_slice(bytes);
    }
    let whole = crc32c(&out);
    out.extend_from_slice(&whole.to_le_bytes());
    Ok((out, chain_checksum(number, parts.iter().map(|(kind, bytes)| (*kind, *bytes)))))
}

/// The checksum that stands for a container in others: of its number and of all parts but inline
/// segments, so that a value can be taken out of those (see [`blank`]).
fn chain_checksum<'a>(number: u64, parts: impl Iterator<Item = (PartKind, &'a [u8])>) -> u32 {
    let mut sum = crc32c(&number.to_le_bytes());
    for (kind, bytes) in parts.filter(|(kind, _)| *kind != PartKind::Segment) {
        sum = crc32c_append(sum, &(kind as u32).to_le_bytes());
        sum = crc32c_append(sum, &(bytes.len() as u64).to_le_bytes());
        sum = crc32c_append(sum, bytes);
    }
    sum
}

/// The same file with zeros for the inline segments that begin at these offsets; absent if they
/// are zeros already. `bytes` were decoded before.
pub(super) fn blank(bytes: &[u8], offsets: &[u64]) -> Option<Vec<u8>> {
    let mut out = bytes.to_vec();
    let count = u32_at(bytes, 12)? as usize;
    let table_end = HEAD_BYTES + count * ROW_BYTES;
    let mut start = table_end + CHECKSUM_BYTES;
    for at in (HEAD_BYTES..table_end).step_by(ROW_BYTES) {
        let ((kind, range), _) = parse_row(bytes.get(at..at + ROW_BYTES)?, start)?;
        start = range.end;
        if kind == PartKind::Segment && offsets.contains(&(range.start as u64)) {
            let part = out.get_mut(range)?;
            part.fill(0);
            let sum = crc32c(part);
            out.get_mut(at + 4..at + 8)?.copy_from_slice(&sum.to_le_bytes());
        }
    }
    let table = crc32c(out.get(..table_end)?);
    out.get_mut(table_end..table_end + CHECKSUM_BYTES)?.copy_from_slice(&table.to_le_bytes());
    let end = out.len().checked_sub(CHECKSUM_BYTES)?;
    let whole = crc32c(out.get(..end)?);
    out.get_mut(end..)?.copy_from_slice(&whole.to_le_bytes());
    (out != bytes).then_some(out)
}

/// The part of a file that begins at `offset`, if it is as it was written.
///
/// Only the table and the part are read: the rest of the file may be damaged.
///
/// # Errors
///
/// [`Error::Corrupt`]; [`Error::Io`].
pub(super) fn read_part(file: &dyn DiskFile, offset: u64, length: u64) -> Result<Vec<u8>> {
    let bad = |at: u64, reason: &str| Error::corrupt(file.path(), at, reason);
    let mut head = vec![0; HEAD_BYTES];
    file.read_at(0, &mut head)?;
    let count = u32_at(&head, 12).unwrap_or_default() as usize;
    if count > MANIFEST_PARTS_MAX {
        return Err(bad(12, "head: too many parts"));
    }
    head.resize(HEAD_BYTES + count * ROW_BYTES + CHECKSUM_BYTES, 0);
    file.read_at(0, &mut head)?;
    let table_end = head.len() - CHECKSUM_BYTES;
    if u32_at(&head, table_end) != Some(crc32c(&head[..table_end])) {
        return Err(bad(0, "head: its checksum does not match"));
    }
    let mut rows = head[HEAD_BYTES..table_end].chunks_exact(ROW_BYTES);
    let is_row = |row: &&[u8]| u64_at(row, 8) == Some(offset) && u64_at(row, 16) == Some(length);
    let row = rows.find(is_row).ok_or_else(|| bad(offset, "table: there is no such part"))?;
    let wanted = usize::try_from(length).ok().filter(|_| length <= file.len());
    let mut part = vec![0; wanted.ok_or_else(|| bad(offset, "table: a part is too long"))?];
    file.read_at(offset, &mut part)?;
    if u32_at(row, 4) == Some(crc32c(&part)) {
        Ok(part)
    } else {
        Err(bad(offset, "part (inline segment): checksum"))
    }
}

/// A container whose every byte was checked.
#[derive(Debug)]
pub(super) struct Container<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    pub(super) number: u64,
    /// What stands for it in the next manifest: see [`chain_checksum`].
    pub(super) checksum: u32,
    parts: Vec<(PartKind, Range<usize>)>,
}

/// Little-endian integers of bytes that may be too short.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl<'a> Container<'a> {
    /// Checks every byte of the file `path`, whose content is `bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] that names the part; [`Error::Unsupported`] for a later format.
    pub(super) fn decode(path: &'a Path, content: Content, bytes: &'a [u8]) -> Result<Self> {
        let bad = |at: usize, reason: String| Error::corrupt(path, at as u64, reason);
        let short = || bad(bytes.len(), "head: the file is too short".into());
        if bytes.get(..8).ok_or_else(short)? != content.magic() {
            return Err(bad(0, "head: this is no file of this kind".into()));
        }
        let count = u32_at(bytes, 12).ok_or_else(short)? as usize;
        if count > MANIFEST_PARTS_MAX {
            return Err(bad(12, format!("head: {count} parts are too many")));
        }
        let table_end = HEAD_BYTES + count * ROW_BYTES;
        let table = bytes.get(..table_end).ok_or_else(short)?;
        if u32_at(bytes, table_end).ok_or_else(short)? != crc32c(table) {
            return Err(bad(0, "head: its checksum does not match".into()));
        }
        // The version is believed only now, so that a damaged one is not taken for a later one.
        let version = u32_at(bytes, 8).ok_or_else(short)?;
        if version != VERSION {
            let what = format!("version {version} of {}", path.display());
            return Err(Error::Unsupported { what });
        }
        let (number, length) = (u64_at(bytes, 16), u64_at(bytes, 24));
        let (number, length) = (number.ok_or_else(short)?, length.ok_or_else(short)?);
        if number > COMMITS_MAX {
            return Err(bad(16, format!("head: there is no commit {number}")));
        }
        if length != bytes.len() as u64 {
            let reason = format!("file: {} bytes where {length} were written", bytes.len());
            return Err(bad(bytes.len().min(24), reason));
        }
        let mut checked = table_end + CHECKSUM_BYTES;
        let mut parts = Vec::with_capacity(count);
        for (index, row) in table[HEAD_BYTES..].chunks_exact(ROW_BYTES).enumerate() {
            let (part, sum) = parse_row(row, checked)
                .filter(|((_, range), _)| bytes.get(range.clone()).is_some())
                .ok_or_else(|| bad(HEAD_BYTES + index * ROW_BYTES, "table: bad row".into()))?;
            if crc32c(&bytes[part.1.clone()]) != sum {
                let reason = format!("part {index} ({}): checksum", part.0.name());
                return Err(bad(part.1.start, reason));
            }
            checked = part.1.end;
            parts.push(part);
        }
        let whole = u32_at(bytes, checked).ok_or_else(short)?;
        if bytes.len() != checked + CHECKSUM_BYTES || whole != crc32c(&bytes[..checked]) {
            return Err(bad(checked, "end: the checksum of the file does not match".into()));
        }
        let content = parts.iter().map(|(kind, range)| (*kind, &bytes[range.clone()]));
        let checksum = chain_checksum(number, content);
        Ok(Self { path, bytes, number, checksum, parts })
    }

    /// The parts of a kind, with their offsets, in the order of the file.
    pub(super) fn parts(&self, kind: PartKind) -> impl Iterator<Item = (u64, &'a [u8])> {
        let of_kind = self.parts.iter().filter(move |(found, _)| *found == kind);
        of_kind.map(|(_, range)| (range.start as u64, &self.bytes[range.clone()]))
    }

    /// Unpacks the JSON of the one part of a kind; absent if there is no such part.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is not what [`pack`] wrote.
    pub(super) fn unpack<T: DeserializeOwned>(&self, kind: PartKind) -> Result<Option<T>> {
        self.parts(kind).next().map(|part| self.unpack_part(kind, part)).transpose()
    }

    /// Unpacks the JSON of one part.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`] if it is not what [`pack`] wrote.
    pub(super) fn unpack_part<T: DeserializeOwned>(
        &self,
        kind: PartKind,
        (offset, bytes): (u64, &[u8]),
    ) -> Result<T> {
        let bad = |reason| Error::corrupt(self.path, offset, format!("{}: {reason}", kind.name()));
        unpack(bytes).map_err(bad)
    }

    /// An [`Error::Corrupt`] in a part of this kind.
    pub(super) fn bad(&self, kind: PartKind, reason: &str) -> Error {
        let offset = self.parts(kind).next().map_or(0, |(offset, _)| offset);
        Error::corrupt(self.path, offset, format!("{}: {reason}", kind.name()))
    }
}

/// A part and its checksum; absent if it does not begin at `start`.
fn parse_row(row: &[u8], start: usize) -> Option<((PartKind, Range<usize>), u32)> {
    let kind = PartKind::parse(u32_at(row, 0)?)?;
    let sum = u32_at(row, 4)?;
    let offset = usize::try_from(u64_at(row, 8)?).ok()?;
    let length = usize::try_from(u64_at(row, 16)?).ok()?;
    let end = offset.checked_add(length)?;
    (offset == start).then_some(((kind, offset..end), sum))
}

/// Writes a value as JSON: its length as `u64`, then the text as a zstd frame.
pub(super) fn pack(value: &impl Serialize) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(value).map_err(|e| Error::bug(format!("JSON: {e}")))?;
    let length = json.len() as u64;
    if length > MANIFEST_BYTES_MAX {
        let limit = MANIFEST_BYTES_MAX;
        return Err(Error::Limit { what: "size of a manifest", actual: length, limit });
    }
    let frame = zstd::encode_all(json.as_slice(), ZSTD_LEVEL);
    let frame = frame.map_err(|e| Error::bug(format!("zstd: {e}")))?;
    let mut out = Vec::with_capacity(frame.len() + 8);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&frame);
    Ok(out)
}

fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let length = u64_at(bytes, 0).ok_or("too short")?;
    if length > MANIFEST_BYTES_MAX {
        return Err(format!("{length} bytes are too many"));
    }
    let decoder = zstd::Decoder::new(&bytes[8..]).map_err(|e| e.to_string())?;
    let mut json = Vec::new();
    decoder.take(length + 1).read_to_end(&mut json).map_err(|e| e.to_string())?;
    if json.len() as u64 != length {
        return Err(format!("{} bytes where {length} were written", json.len()));
    }
    serde_json::from_slice(&json).map_err(|e| e.to_string())
}
