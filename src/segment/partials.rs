//! Attributes of partial keys: of the dataflow as a whole, of a group, of a few dimensions.
//!
//! They are few beside the series, so they are kept as text, and looked up by the texts of the key.

use crate::codec::text::{Strings, TextLimits, encode_strings};
use crate::codec::{Malformed, Reader, Writer};
use crate::error::Result;
use crate::limits::{COMPONENT_COUNT_MAX, DIMENSION_COUNT_MAX};

/// The attributes that attach to one set of dimensions, with their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialGroup {
    /// The dimensions of the partial key, by position; none for the dataflow as a whole.
    pub dimensions: Vec<u16>,
    /// The identifiers of the attributes.
    pub attributes: Vec<String>,
    /// One row a partial key, sorted by key.
    pub rows: Vec<PartialRow>,
}

/// The values of one partial key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartialRow {
    /// A code for each dimension of the group.
    pub key: Vec<Box<str>>,
    /// A text for each attribute of the group; empty where there is none.
    pub values: Vec<Box<str>>,
}

const TEXTS: TextLimits = TextLimits { count_max: 1 << 28, bytes_max: 1 << 30 };

pub(crate) fn encode(groups: &[PartialGroup], out: &mut Vec<u8>) -> Result<()> {
    Writer::new(out).count(groups.len());
    for group in groups {
        let mut writer = Writer::new(out);
        writer.count(group.dimensions.len());
        group.dimensions.iter().for_each(|position| writer.u16(*position));
        writer.count(group.attributes.len());
        group.attributes.iter().for_each(|id| writer.prefixed(id.as_bytes()));
        writer.count(group.rows.len());
        let keys: Vec<&str> = group.rows.iter().flat_map(|row| &row.key).map(|t| &**t).collect();
        let values: Vec<&str> =
            group.rows.iter().flat_map(|row| &row.values).map(|t| &**t).collect();
        encode_strings(&keys, out)?;
        encode_strings(&values, out)?;
    }
    Ok(())
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<PartialGroup>, Malformed> {
    let mut input = Reader::new(bytes);
    let mut groups = Vec::new();
    for _ in 0..input.count(COMPONENT_COUNT_MAX)? {
        let mut group = PartialGroup::default();
        for _ in 0..input.count(DIMENSION_COUNT_MAX)? {
            group.dimensions.push(input.u16()?);
        }
        for _ in 0..input.count(COMPONENT_COUNT_MAX)? {
            let id = String::from_utf8(input.prefixed()?.to_vec());
            group.attributes.push(id.map_err(|_| input.malformed("an identifier is not UTF-8"))?);
        }
        // The attributes of the dataflow as a whole have one row at most.
        let count_max = if group.dimensions.is_empty() { 1 } else { TEXTS.count_max };
        let count = input.count(count_max)?;
        let keys = Strings::read(&mut input, TEXTS)?;
        let values = Strings::read(&mut input, TEXTS)?;
        let (width, values_width) = (group.dimensions.len(), group.attributes.len());
        let expected = count.checked_mul(width).zip(count.checked_mul(values_width));
        if expected != Some((keys.len(), values.len())) {
            return Err(input.malformed("partial keys of another number than their rows"));
        }
        let texts = |table: &Strings, row: usize, width: usize| -> Vec<Box<str>> {
            (row * width..(row + 1) * width).filter_map(|i| table.get(i)).map(Box::from).collect()
        };
        let row = |row| PartialRow {
            key: texts(&keys, row, width),
            values: texts(&values, row, values_width),
        };
        group.rows = (0..count).map(row).collect();
        groups.push(group);
    }
    input.finish()?;
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_round_trip() {
        let row = |key: &[&str], value: &str| PartialRow {
            key: key.iter().map(|t| Box::from(*t)).collect(),
            values: vec![value.into()],
        };
        let groups = vec![
            PartialGroup {
                dimensions: vec![],
                attributes: vec!["SOURCE".into()],
                rows: vec![row(&[], "ECB")],
            },
            PartialGroup {
                dimensions: vec![1, 2],
                attributes: vec!["TITLE".into()],
                rows: vec![row(&["CHF", "EUR"], "Swiss franc"), row(&["USD", "EUR"], "")],
            },
        ];
        let mut bytes = Vec::new();
        encode(&groups, &mut bytes).expect("encodes");
        assert_eq!(decode(&bytes), Ok(groups));
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err());
        }
    }
}
