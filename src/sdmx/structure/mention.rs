//! What an artefact that is kept as XML refers to, and what a constraint among them allows.
//!
//! Source: SDMX 2.1 section 5, 6.2 (URNs), schema `common`, `ReferenceType`; schema `structure`,
//! `ContentConstraintType` (2.1) and `DataConstraintType` (3.0).
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::model::{ArtefactClass, ArtefactId};
use crate::sdmx::structure::classes::maintainable;

/// The version of an artefact for which a reference gives none.
const DEFAULT_VERSION: &str = "1.0";

/// An artefact that another mentions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mention {
    /// The class, where it is said.
    pub(super) class: Option<ArtefactClass>,
    /// The maintainable artefact.
    pub(super) id: ArtefactId,
    /// The item in it, where one is meant.
    pub(super) item: Option<String>,
}

impl Mention {
    /// Parses `urn:sdmx:org.sdmx.infomodel.codelist.Code=ECB:CL_FREQ(1.0).A`.
    fn of_urn(urn: &str) -> Option<Self> {
        let (class, rest) = urn.strip_prefix("urn:sdmx:")?.split_once('=')?;
        let (id, item) = rest.split_once(')')?;
        Some(Self {
            class: class.rsplit('.').next().and_then(maintainable),
            id: ArtefactId::parse(&format!("{id})"))?,
            item: item.strip_prefix('.').map(str::to_owned),
        })
    }

    /// What a `Ref` element means; `within` is the element around it, which says the class where
    /// the reference does not.
    fn of_ref(tag: &BytesStart<'_>, within: &str) -> Option<Self> {
        let text = |name: &str| attribute(tag, name);
        let (agency, id) = (text("agencyID")?, text("id")?);
        let class = text("class");
        let class = maintainable(class.as_deref().unwrap_or(within));
        let (id, item) = match text("maintainableParentID") {
            Some(parent) => (parent, Some(id)),
            None => (id, None),
        };
        let version = text("maintainableParentVersion").or_else(|| text("version"));
        let version = version.unwrap_or_else(|| DEFAULT_VERSION.to_owned());
        Some(Self { class, id: ArtefactId::new(agency, id, version), item })
    }
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let found = tag.try_get_attribute(name).ok()??;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.trim().to_owned())
}

fn local(tag: &BytesStart<'_>) -> String {
    tag.local_name().as_ref().to_owned()
}

/// Everything that a piece of XML refers to, each once. What is not well-formed was refused when
/// the message was read, so what cannot be read here is passed over.
pub(super) fn mentions(xml: &str) -> Vec<Mention> {
    let mut found = Vec::new();
    let (mut reader, mut open) = (Reader::from_str(xml), Vec::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                found.extend(mentioned(&tag, &open));
                open.push(local(&tag));
            }
            Ok(Event::Empty(tag)) => found.extend(mentioned(&tag, &open)),
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Text(text)) => found.extend(Mention::of_urn(text.trim())),
            Ok(Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

fn mentioned(tag: &BytesStart<'_>, open: &[String]) -> Option<Mention> {
    let within = open.last().map_or("", String::as_str);
    (local(tag) == "Ref").then(|| Mention::of_ref(tag, within)).flatten()
}

/// Codes of a dimension that a constraint lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ListedCodes {
    /// Whether these are allowed; else all others are.
    pub(super) is_included: bool,
    /// The codes, each with whether those below it are meant too.
    pub(super) codes: Vec<(String, bool)>,
}

/// What the cube regions of a constraint say of each dimension and attribute that they list.
pub(super) fn listed_codes(xml: &str) -> BTreeMap<String, ListedCodes> {
    let mut regions: BTreeMap<String, ListedCodes> = BTreeMap::new();
    let mut reader = Reader::from_str(xml);
    let (mut is_region_included, mut component, mut cascade) = (None, None, None);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                let is_true = |name: &str, default: bool| {
                    let value = attribute(&tag, name);
                    value.map_or(default, |value| matches!(value.as_str(), "true" | "1"))
                };
                match local(&tag).as_str() {
                    "CubeRegion" => is_region_included = Some(is_true("include", true)),
                    "KeyValue" | "Attribute" | "Component" if is_region_included.is_some() => {
                        let is_included = is_true("include", true);
                        component = attribute(&tag, "id").map(|id| (id, is_included));
                    }
                    "Value" if component.is_some() => {
                        cascade = Some(is_true("cascadeValues", false));
                    }
                    _ => {}
                }
            }
            Ok(Event::Text(text)) => {
                let (Some(cascade), Some((id, is_included))) = (cascade, &component) else {
                    continue;
                };
                let is_included = *is_included == is_region_included.unwrap_or(true);
                let listed = regions.entry(id.clone()).or_default();
                listed.is_included = is_included;
                listed.codes.push((text.trim().to_owned(), cascade));
            }
            Ok(Event::End(tag)) => match tag.local_name().as_ref() {
                "CubeRegion" => is_region_included = None,
                "KeyValue" | "Attribute" | "Component" => component = None,
                "Value" => cascade = None,
                _ => {}
            },
            Ok(Event::Eof) | Err(_) => return regions,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_references_of_both_kinds() {
        let xml = r#"<s:Categorisation xmlns:s="s" urn="urn:sdmx:org.sdmx.infomodel.x.Self=A:B(1.0)">
            <s:Source><Ref package="datastructure" agencyID="ECB" id="EXR" class="Dataflow"/></s:Source>
            <s:Target><Ref maintainableParentID="NAVI" maintainableParentVersion="2.0" agencyID="ECB"
              id="07" class="Category"></Ref></s:Target>
            <s:DataStructure><Ref agencyID="ECB" id="DSD" version="1.1"/></s:DataStructure>
            <s:Other><URN>urn:sdmx:org.sdmx.infomodel.codelist.Code=ECB:CL(1.0).A.B</URN></s:Other>
            <s:Local><Ref id="FREQ"/></s:Local></s:Categorisation>"#;
        let found = mentions(xml).into_iter().map(|Mention { class, id, item }| {
            let class = class.map(|class| class.name().to_owned());
            format!("{class:?} {id} {item:?}")
        });
        let expected = [
            r#"Some("codelist") ECB:CL(1.0) Some("A.B")"#,
            r#"Some("data structure") ECB:DSD(1.1) None"#,
            r#"Some("dataflow") ECB:EXR(1.0) None"#,
            r#"Some("CategoryScheme") ECB:NAVI(2.0) Some("07")"#,
        ];
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn reads_what_constraints_allow() {
        let xml = r#"<s:ContentConstraint xmlns:s="s" xmlns:c="c"><s:CubeRegion include="true">
            <c:KeyValue id="FREQ"><c:Value>D</c:Value><c:Value cascadeValues="true">M</c:Value></c:KeyValue>
            <c:KeyValue id="AREA" include="false"><c:Value>EU</c:Value></c:KeyValue>
            <c:KeyValue id="TIME_PERIOD"><c:TimeRange><c:StartPeriod>2020</c:StartPeriod></c:TimeRange></c:KeyValue>
            </s:CubeRegion></s:ContentConstraint>"#;
        let found = listed_codes(xml);
        assert_eq!(found.len(), 2);
        assert_eq!(found["FREQ"].codes, [("D".to_owned(), false), ("M".to_owned(), true)]);
        assert!(found["FREQ"].is_included && !found["AREA"].is_included);
    }

    #[test]
    fn what_is_no_xml_mentions_nothing() {
        for xml in
            ["", "<", "<a", "<a><b></a>", "urn:sdmx:x", "<a>urn:sdmx:)(=</a>", "<Ref id=\"x\"/>"]
        {
            assert_eq!((mentions(xml), listed_codes(xml).len()), (Vec::new(), 0), "{xml:?}");
        }
    }
}
