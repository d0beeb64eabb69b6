//! The dataflows that the tests load, and their rows as SDMX-CSV 2.0.

#![allow(
    clippy::allow_attributes,
    dead_code,
    unreachable_pub,
    reason = "each test that includes this file uses another part of it"
)]

use std::fmt::Write as _;

use sdmxdb::model::{Artefact, ArtefactId, Attachment, Attribute, Code, Codelist, DataStructure};
use sdmxdb::model::{Dataflow, Dimension, Identity, Measure, Names, Representation, TextType};

use crate::oracle::Row;

/// Mixed frequencies, two measures, and attributes at every level.
pub const MIX: &str = "T:MIX(1.0)";
/// No time.
pub const CROSS: &str = "T:CROSS(1.0)";

/// What a dataflow is made of.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its identifier, `T:MIX(1.0)`.
    pub flow: &'static str,
    /// The dimensions without time.
    pub dimensions: &'static [&'static str],
    /// Whether it has time.
    pub has_time: bool,
    /// The measures, with their types.
    pub measures: &'static [(&'static str, TextType)],
    /// The attributes of the observation.
    pub observation: &'static [&'static str],
    /// The attributes of keys: over which dimensions, by position.
    pub key: &'static [(&'static str, &'static [usize])],
    /// The codes of coded components.
    pub coded: &'static [(&'static str, &'static [&'static str])],
}

/// Mixed frequencies, two measures, and attributes at every level.
pub const MIX_SHAPE: Shape = Shape {
    flow: MIX,
    dimensions: &["FREQ", "AREA", "ITEM"],
    has_time: true,
    measures: &[("OBS_VALUE", TextType::Text), ("SECOND", TextType::Decimal)],
    observation: &["OBS_STATUS", "NOTE"],
    key: &[
        ("TITLE", &[0, 1, 2]),
        ("ITEM_UNIT", &[2]),
        ("PAIR_NOTE", &[1, 2]),
        ("PRODUCER", &[]),
        ("ITEM_BASE", &[2]),
    ],
    coded: &[],
};

/// No time.
pub const CROSS_SHAPE: Shape = Shape {
    flow: CROSS,
    dimensions: &["SEX", "AGE"],
    has_time: false,
    measures: &[("OBS_VALUE", TextType::Double)],
    observation: &["OBS_STATUS"],
    key: &[("TITLE", &[0, 1])],
    coded: &[],
};

/// Coded, with one numeric measure.
pub const STRICT_SHAPE: Shape = Shape {
    flow: "T:STRICT(1.0)",
    dimensions: &["FREQ", "AREA"],
    has_time: true,
    measures: &[("OBS_VALUE", TextType::Decimal)],
    observation: &["OBS_STATUS"],
    key: &[("TITLE", &[0, 1]), ("UNIT", &[1])],
    coded: &[
        ("FREQ", &["A", "M", "D", "X"]),
        ("AREA", &["AT", "BE", "CH"]),
        ("OBS_STATUS", &["A", "E"]),
    ],
};

impl Shape {
    /// The name of the dataflow.
    pub fn id(&self) -> ArtefactId {
        ArtefactId::parse(self.flow).expect("it is written so")
    }

    /// The dataflow, its structure, and its codelists.
    pub fn artefacts(&self) -> Vec<Artefact> {
        let id = self.id();
        let structure = ArtefactId::new("T", format!("DSD_{}", id.id), "1.0");
        let mut artefacts: Vec<Artefact> =
            self.coded.iter().map(|coded| self.codelist(coded)).collect();
        artefacts.push(Artefact::Dataflow(Dataflow {
            identity: Identity::named(id, self.flow),
            structure: structure.clone(),
        }));
        artefacts.push(Artefact::DataStructure(self.data_structure(structure)));
        artefacts
    }

    fn codelist_id(&self, component: &str) -> ArtefactId {
        ArtefactId::new("T", format!("CL_{}_{component}", self.id().id), "1.0")
    }

    fn codelist(&self, (component, codes): &(&str, &[&str])) -> Artefact {
        let code = |code: &&str| Code {
            id: (*code).to_owned(),
            names: Names::one("en", *code),
            ..Code::default()
        };
        Artefact::Codelist(Codelist {
            identity: Identity::named(self.codelist_id(component), component),
            is_partial: false,
            is_value_list: false,
            extensions: Vec::new(),
            codes: codes.iter().map(code).collect(),
        })
    }

    /// The data structure, under this name.
    pub fn data_structure(&self, id: ArtefactId) -> DataStructure {
        let dimension = |name: &str| Dimension {
            id: name.to_owned(),
            representation: Some(self.representation(name, TextType::Text)),
            ..Dimension::default()
        };
        let measure = |(name, text_type): &(&str, TextType)| Measure {
            id: (*name).to_owned(),
            representation: Some(self.representation(name, *text_type)),
            ..Measure::default()
        };
        let attribute = |name: &str, attachment| Attribute {
            id: name.to_owned(),
            representation: Some(self.representation(name, TextType::Text)),
            attachment,
            ..Attribute::default()
        };
        let observation =
            self.observation.iter().map(|name| attribute(name, Attachment::Observation));
        let key = self.key.iter().map(|(name, on)| {
            let names = on.iter().map(|position| self.dimensions[*position].to_owned());
            let on: Vec<String> = names.collect();
            let attachment =
                if on.is_empty() { Attachment::Dataflow } else { Attachment::Dimensions(on) };
            attribute(name, attachment)
        });
        DataStructure {
            identity: Identity::named(id, "A structure"),
            dimensions: self.dimensions.iter().map(|name| dimension(name)).collect(),
            time: self.has_time.then(|| dimension("TIME_PERIOD")),
            measures: self.measures.iter().map(measure).collect(),
            attributes: observation.chain(key).collect(),
            groups: Vec::new(),
        }
    }

    fn representation(&self, component: &str, text_type: TextType) -> Representation {
        let is_coded = self.coded.iter().any(|(known, _)| *known == component);
        let codelist = is_coded.then(|| self.codelist_id(component));
        let text_type = Some(text_type).filter(|_| !is_coded);
        Representation { codelist, text_type, ..Representation::default() }
    }

    /// The first line of a message.
    pub fn header(&self) -> String {
        let mut header = "STRUCTURE,STRUCTURE_ID,ACTION".to_owned();
        let measures = self.measures.iter().map(|(name, _)| name);
        let keys = self.key.iter().map(|(name, _)| name);
        let time = self.has_time.then_some(&"TIME_PERIOD");
        let names = self.dimensions.iter().chain(time).chain(measures);
        for name in names.chain(self.observation).chain(keys) {
            write!(header, ",{name}").expect("into a string");
        }
        header
    }

    /// One row of a message that merges.
    pub fn line(&self, row: &Row) -> String {
        self.line_of('I', row)
    }

    /// One row of a message; attributes of all keys come from `series_attributes`.
    pub fn line_of(&self, action: char, row: &Row) -> String {
        let mut line = format!("dataflow,{},{action}", self.flow);
        let mut cell = |text: &str| {
            if text.contains([',', '"', '\n', '\r']) {
                write!(line, ",\"{}\"", text.replace('"', "\"\"")).expect("into a string");
            } else {
                write!(line, ",{text}").expect("into a string");
            }
        };
        row.key.iter().for_each(|code| cell(code));
        if self.has_time {
            cell(&row.period);
        }
        row.measures.iter().for_each(|value| cell(value.as_deref().unwrap_or_default()));
        for name in self.observation {
            cell(row.attributes.get(*name).map_or("", String::as_str));
        }
        for (name, _) in self.key {
            cell(row.series_attributes.get(*name).map_or("", String::as_str));
        }
        line
    }

    /// A whole message.
    pub fn message(&self, rows: &[Row]) -> String {
        let mut message = self.header() + "\n";
        for row in rows {
            message += &self.line(row);
            message.push('\n');
        }
        message
    }
}
