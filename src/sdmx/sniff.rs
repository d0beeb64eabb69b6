//! Which kind of message the first bytes of a file are.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An SDMX-ML 2.1 structure message, or a 2.1 registry message that may hold one.
    StructureXml21,
    /// The same of version 3.0 or 3.1.
    StructureXml30,
    /// An SDMX-ML data or metadata message of any version.
    DataXml,
    /// An SDMX-CSV message.
    CsvData,
    /// JSON of any kind.
    Json,
    /// Other XML, or text in UTF-16.
    Markup,
    /// Anything else.
    Unknown,
}

/// Tells the kind of message from its first bytes, plain ones (see [`crate::sdmx::input`]). 4 KiB
/// are enough: an XML message says it in the tag of its root.
pub fn sniff(first: &[u8]) -> Kind {
    let first = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first);
    let first = first.trim_ascii_start();
    match first {
        [b'{' | b'[', ..] => Kind::Json,
        [b'<', ..] => root_tag(first).map_or(Kind::Markup, sniff_root),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'<', ..] => Kind::Markup,
        [b'"', rest @ ..] | rest if rest.starts_with(b"DATAFLOW") => Kind::CsvData,
        [b'"', rest @ ..] | rest if rest.starts_with(b"STRUCTURE") => Kind::CsvData,
        _ => Kind::Unknown,
    }
}

/// The tag of the root, up to its end if that is there.
fn root_tag(mut text: &[u8]) -> Option<&[u8]> {
    loop {
        text = text.trim_ascii_start();
        let end: &[u8] = match text {
            [b'<', b'?', ..] => b"?>",
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => {
                let end = text.iter().position(|byte| *byte == b'>').unwrap_or(text.len());
                return text.get(1..end);
            }
            _ => return None,
        };
        let found = text.windows(end.len()).position(|window| window == end)?;
        text = text.get(found + end.len()..)?;
    }
}

fn sniff_root(tag: &[u8]) -> Kind {
    let end = tag.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/');
    let name = tag.get(..end.unwrap_or(tag.len())).unwrap_or_default();
    let name = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
    let names = |part: &str| tag.windows(part.len()).any(|window| window == part.as_bytes());
    if !names("sdmx.org/resources/sdmxml/schemas/") {
        return Kind::Markup;
    }
    let is_3 = names("/schemas/v3_0/message") || names("/schemas/v3_1/message");
    match name {
        b"Structure" | b"RegistryInterface" if names("/schemas/v2_1/message") => {
            Kind::StructureXml21
        }
        b"Structure" | b"RegistryInterface" if is_3 => Kind::StructureXml30,
        b"GenericData"
        | b"GenericTimeSeriesData"
        | b"StructureSpecificData"
        | b"StructureSpecificTimeSeriesData"
        | b"GenericMetadata"
        | b"StructureSpecificMetadata"
        | b"MetadataSet" => Kind::DataXml,
        _ => Kind::Markup,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_messages_apart() {
        let check =
            |text: &str, expected: Kind| assert_eq!(sniff(text.as_bytes()), expected, "{text}");
        check("\u{feff}DATAFLOW,FREQ", Kind::CsvData);
        check("\"DATAFLOW\";\"FREQ\"", Kind::CsvData);
        check("STRUCTURE[;],STRUCTURE_ID", Kind::CsvData);
        check("  {\"meta\":{}}", Kind::Json);
        let structure = |version: &str, name: &str| {
            format!(
                "<?xml version='1.0'?>\n<!-- a > b --><m:{name} xmlns:m='http://www.sdmx.org/\
                 resources/sdmxml/schemas/{version}/message'>"
            )
        };
        check(&structure("v2_1", "Structure"), Kind::StructureXml21);
        check(&structure("v2_1", "RegistryInterface"), Kind::StructureXml21);
        check(&structure("v3_0", "Structure"), Kind::StructureXml30);
        check(&structure("v3_1", "Structure"), Kind::StructureXml30);
        check(&structure("v3_0", "RegistryInterface"), Kind::StructureXml30);
        check(&structure("v2_1", "GenericData"), Kind::DataXml);
        check(&structure("v3_0", "StructureSpecificData"), Kind::DataXml);
        check(&structure("v2_0", "Structure"), Kind::Markup);
        check("<html><body>", Kind::Markup);
        check("<!DOCTYPE html>", Kind::Markup);
        check("<!-- never closed", Kind::Markup);
        check("KEY,FREQ", Kind::Unknown);
        check("", Kind::Unknown);
    }
}
