//! Where things stand in a segment file: magic, sections, footer.
//!
//! The bytes are specified in `docs/format.md`.

use std::collections::BTreeMap;

use crate::codec::{Malformed, Reader, Writer};
use crate::limits::{BLOCK_CHUNKS_MAX, CHUNK_SLOTS_MAX, COMPONENT_COUNT_MAX};
use crate::limits::{DIMENSION_COUNT_MAX, SEGMENT_SERIES_MAX};

/// The first bytes of a segment.
pub(crate) const MAGIC: &[u8; 8] = b"SDMXSEG1";
/// The last bytes of a segment.
pub(crate) const MAGIC_END: &[u8; 8] = b"1GESXMDS";
/// After the footer: its length, its checksum, and the magic.
pub(crate) const TAIL_BYTES: u64 = 4 + 4 + 8;
/// Bytes of a footer: a directory of sections. 31 dimensions and 100 million series need 2 MB.
pub(crate) const FOOTER_BYTES_MAX: u32 = 256 << 20;
/// Entries (series, chunks) of one page of a table.
pub(crate) const PAGE_ENTRIES: usize = 1 << 16;

/// What a section holds. The number is its tag in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum SectionKind {
    /// The codes of a dimension, in bytewise order.
    Codes = 1,
    /// The code number of each series of a page, for a dimension.
    Keys = 2,
    /// The series that carry each code of a dimension.
    Index = 3,
    /// Form, first slot, slots and observations of each chunk of a page.
    Spans = 4,
    /// The series of each chunk of a page; absent where every series has one chunk.
    ChunkSeries = 5,
    /// Exact sum, count, minimum and maximum of each chunk of a page, for a measure.
    Totals = 6,
    /// The distinct values of an attribute.
    Values = 7,
    /// The value number of each series of a page, for an attribute of the series.
    SeriesValues = 8,
    /// Attributes of partial keys.
    Partials = 9,
    /// First chunk, offset, length and checksum of each block.
    Blocks = 10,
    /// Exact sum, count, minimum and maximum of all chunks in each period, for a measure; absent
    /// where it is not worth it.
    PeriodTotals = 11,
}

impl SectionKind {
    /// All kinds, by tag.
    pub const ALL: [Self; 11] = [
        Self::Codes,
        Self::Keys,
        Self::Index,
        Self::Spans,
        Self::ChunkSeries,
        Self::Totals,
        Self::Values,
        Self::SeriesValues,
        Self::Partials,
        Self::Blocks,
        Self::PeriodTotals,
    ];

    /// What it holds, for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Codes => "codes",
            Self::Keys => "series keys",
            Self::Index => "dimension index",
            Self::Spans => "spans of chunks",
            Self::ChunkSeries => "series of chunks",
            Self::Totals => "stored totals",
            Self::Values => "attribute values",
            Self::SeriesValues => "series attributes",
            Self::Partials => "partial-key attributes",
            Self::Blocks => "block directory",
            Self::PeriodTotals => "totals by period",
        }
    }
}

/// Which section: its kind, the component it is about (0 where it is about none), and its page.
pub type SectionId = (SectionKind, u16, u32);

/// Where a section stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// From the beginning of the segment.
    pub offset: u64,
    /// In bytes.
    pub length: u32,
    /// CRC-32C of the bytes.
    pub checksum: u32,
}

/// What the footer says of the segment as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// The dataflow, as `AGENCY:ID(VERSION)`.
    pub flow: String,
    /// The identifiers of the dimensions, in the order of the structure.
    pub dimensions: Vec<String>,
    /// The order in which keys are sorted: positions of dimensions.
    pub order: Vec<u16>,
    /// The identifiers of the measures.
    pub measures: Vec<String>,
    /// The identifiers of the attributes of the series.
    pub series_attributes: Vec<String>,
    /// The identifiers of the attributes of the observation.
    pub observation_attributes: Vec<String>,
    /// How many series, chunks, blocks, rows of partial keys.
    pub series: u32,
    /// How many chunks.
    pub chunks: u32,
    /// How many blocks.
    pub blocks: u32,
    /// How many rows of attributes of partial keys.
    pub partials: u32,
    /// How many observations.
    pub observations: u64,
    /// The sections.
    pub sections: BTreeMap<SectionId, Extent>,
}

const VERSION: u16 = 1;
/// Bytes of a line of the directory of sections.
const SECTION_BYTES: usize = 1 + 2 + 4 + 8 + 4 + 4;

impl Footer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut out = Writer::new(&mut bytes);
        out.u16(VERSION);
        out.prefixed(self.flow.as_bytes());
        for ids in self.id_lists() {
            out.count(ids.len());
            for id in ids {
                out.prefixed(id.as_bytes());
            }
        }
        self.order.iter().for_each(|position| out.u16(*position));
        for count in [self.series, self.chunks, self.blocks, self.partials] {
            out.u32(count);
        }
        out.u64(self.observations);
        out.count(self.sections.len());
        for ((kind, component, page), extent) in &self.sections {
            out.u8(*kind as u8);
            out.u16(*component);
            out.u32(*page);
            out.u64(extent.offset);
            out.u32(extent.length);
            out.u32(extent.checksum);
        }
        bytes
    }

    fn id_lists(&self) -> [&Vec<String>; 4] {
        [&self.dimensions, &self.measures, &self.series_attributes, &self.observation_attributes]
    }

    /// Decodes a footer; its checksum was verified before.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        if input.u16()? != VERSION {
            return Err(input.malformed("a version of the format that this program does not know"));
        }
        let mut footer = Self { flow: text(&mut input)?, ..Self::default() };
        for (list, count_max) in [
            (&mut footer.dimensions, DIMENSION_COUNT_MAX),
            (&mut footer.measures, COMPONENT_COUNT_MAX),
            (&mut footer.series_attributes, COMPONENT_COUNT_MAX),
            (&mut footer.observation_attributes, COMPONENT_COUNT_MAX),
        ] {
            for _ in 0..input.count(count_max)? {
                list.push(text(&mut input)?);
            }
        }
        for _ in 0..footer.dimensions.len() {
            footer.order.push(input.u16()?);
        }
        let mut sorted = footer.order.clone();
        sorted.sort_unstable();
        if (0..).zip(&sorted).any(|(dimension, position)| dimension != *position) {
            return Err(input.malformed("the order of dimensions names one twice"));
        }
        footer.series = input.u32()?;
        footer.chunks = input.u32()?;
        footer.blocks = input.u32()?;
        footer.partials = input.u32()?;
        footer.observations = input.u64()?;
        for _ in 0..input.count(bytes.len() / SECTION_BYTES)? {
            let kind = usize::from(input.u8()?).checked_sub(1);
            let kind = kind.and_then(|tag| SectionKind::ALL.get(tag));
            let kind = *kind.ok_or_else(|| input.malformed("a section of an unknown kind"))?;
            let id = (kind, input.u16()?, input.u32()?);
            let (offset, length) = (input.u64()?, input.u32()?);
            let extent = Extent { offset, length, checksum: input.u32()? };
            if footer.sections.insert(id, extent).is_some() {
                return Err(input.malformed("a section stands twice in the directory"));
            }
        }
        input.finish()?;
        Ok(footer)
    }

    /// Checks the counts against each other, the directory and the length of the segment, so that
    /// a footer that no builder wrote cannot ask for more memory than its bytes may need.
    pub(crate) fn check(&self, length: u64) -> Result<(), &'static str> {
        let (chunks, blocks) = (u64::from(self.chunks), u64::from(self.blocks));
        if self.series as usize > SEGMENT_SERIES_MAX || blocks > length {
            return Err("footer: more series or blocks than a segment holds");
        }
        if chunks > blocks * BLOCK_CHUNKS_MAX as u64 {
            return Err("footer: more chunks than its blocks hold");
        }
        if self.observations > chunks * CHUNK_SLOTS_MAX as u64 {
            return Err("footer: more observations than its chunks hold");
        }
        if self.has_all_pages() { Ok(()) } else { Err("footer: a page of a table is missing") }
    }

    /// Whether every page of every table stands in the directory.
    fn has_all_pages(&self) -> bool {
        // The first page that is missing ends the walk: it is no longer than the directory.
        let has = |kind: SectionKind, components: usize, pages: usize| {
            (0_u16..).take(components).all(|component| {
                (0..).take(pages).all(|page| self.sections.contains_key(&(kind, component, page)))
            })
        };
        let pages = |entries: u32| (entries as usize).div_ceil(PAGE_ENTRIES);
        let (dimensions, series_attributes) = (self.dimensions.len(), self.series_attributes.len());
        let is_one_to_one = self.series == self.chunks;
        has(SectionKind::Codes, dimensions, 1)
            && has(SectionKind::Keys, dimensions, pages(self.series))
            && has(SectionKind::Index, dimensions, 1)
            && has(SectionKind::Spans, 1, pages(self.chunks))
            && (is_one_to_one || has(SectionKind::ChunkSeries, 1, pages(self.chunks)))
            && has(SectionKind::Totals, self.measures.len(), pages(self.chunks))
            && has(SectionKind::Values, series_attributes + self.observation_attributes.len(), 1)
            && has(SectionKind::SeriesValues, series_attributes, pages(self.series))
            && has(SectionKind::Blocks, 1, 1)
            && (self.partials == 0 || has(SectionKind::Partials, 1, 1))
    }
}

fn text(input: &mut Reader<'_>) -> Result<String, Malformed> {
    let bytes = input.prefixed()?;
    let text = str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|_| input.malformed("an identifier is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_footer_round_trips_and_a_cut_one_is_refused() {
        let extent = Extent { offset: 8, length: 100, checksum: 7 };
        let footer = Footer {
            flow: "ECB:EXR(1.0)".into(),
            dimensions: vec!["FREQ".into(), "CURRENCY".into()],
            order: vec![1, 0],
            measures: vec!["OBS_VALUE".into()],
            series_attributes: vec!["UNIT".into()],
            observation_attributes: vec!["OBS_STATUS".into()],
            series: 3,
            chunks: 4,
            blocks: 1,
            partials: 2,
            observations: 99,
            sections: [((SectionKind::Keys, 1, 0), extent)].into(),
        };
        let bytes = footer.encode();
        assert_eq!(Footer::decode(&bytes), Ok(footer));
        for length in 0..bytes.len() {
            assert!(Footer::decode(&bytes[..length]).is_err());
        }
    }

    #[test]
    fn counts_that_no_builder_writes_are_refused() {
        let extent = Extent { offset: 8, length: 100, checksum: 7 };
        let kinds = [SectionKind::Codes, SectionKind::Keys, SectionKind::Index, SectionKind::Spans]
            .into_iter()
            .chain([SectionKind::ChunkSeries, SectionKind::Totals, SectionKind::Blocks]);
        let whole = Footer {
            dimensions: vec!["FREQ".into()],
            measures: vec!["OBS_VALUE".into()],
            series: 3,
            chunks: 4,
            blocks: 1,
            observations: 99,
            sections: kinds.map(|kind| ((kind, 0, 0), extent)).collect(),
            ..Footer::default()
        };
        let check = |change: fn(&mut Footer), expected: Result<(), &str>| {
            let mut footer = whole.clone();
            change(&mut footer);
            let found = footer.check(1_000).map_err(|reason| reason.strip_prefix("footer: "));
            assert_eq!(found, expected.map_err(Some));
        };
        check(|_| {}, Ok(()));
        check(|f| f.blocks = 1_001, Err("more series or blocks than a segment holds"));
        check(|f| f.series = u32::MAX, Err("more series or blocks than a segment holds"));
        check(|f| f.chunks = 1_025, Err("more chunks than its blocks hold"));
        check(|f| f.observations = 4 * 4_096 + 1, Err("more observations than its chunks hold"));
        let missing = Err("a page of a table is missing");
        check(|f| f.series = 1 << 17, missing);
        check(|f| f.partials = 1, missing);
        check(|f| f.sections.retain(|id, _| id.0 != SectionKind::Totals), missing);
        check(|f| f.measures.push("SECOND".into()), missing);
    }
}
