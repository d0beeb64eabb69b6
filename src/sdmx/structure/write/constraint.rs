//! What is available, as the constraint that each format has for it.
//!
//! SDMX 2.1 says it as a content constraint of type `Actual`, 3.0 as a data constraint of that role;
//! both count series and observations in annotations of type `sdmx_metrics`. SDMX 3.1 has an
//! availability constraint, which is no artefact of its own and counts in attributes. Time is a
//! range of the cube region everywhere: the `ReferencePeriod` of 2.1 stops a client in wide use. A
//! dimension without any code is left out: no format can say that it has none.
//!
//! Source: SDMX REST 2.2.2, `doc/availability.md`; SDMX REST 1.5, section 4.6.1; SDMX 2.1, 3.0 and
//! 3.1, schema `structure`, constraints.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::{self, Write};

use crate::model::{Annotation, ArtefactId, Availability, Flow, Identity, Names, TimeCoverage};
use crate::sdmx::MessageHeader;
use crate::sdmx::structure::classes::urn;
use crate::sdmx::structure::select::{Form, Selected};
use crate::sdmx::structure::write::json_message::JsonMessage;
use crate::sdmx::structure::write::message::{StructureFormat, order};
use crate::sdmx::structure::write::xml_message::{Extra, XmlMessage};

/// Writes an availability as a structure message, with what comes along.
///
/// # Errors
///
/// Those of the output.
pub fn write_availability(
    out: &mut dyn Write,
    format: StructureFormat,
    header: &MessageHeader,
    flow: &Flow,
    availability: &Availability,
    references: &Selected<'_>,
) -> io::Result<()> {
    let found = Found { flow, availability };
    match format {
        StructureFormat::Xml21 | StructureFormat::Xml30 | StructureFormat::Xml31 => {
            let mut message = XmlMessage::new(out, format, &[], references);
            message.begin(header);
            let (element, container) = match format {
                StructureFormat::Xml31 => ("AvailabilityConstraint", "AvailabilityConstraints"),
                StructureFormat::Xml30 => ("DataConstraint", "DataConstraints"),
                _ => ("ContentConstraint", "Constraints"),
            };
            let write = |message: &mut XmlMessage<'_>| match format {
                StructureFormat::Xml31 => found.xml_31(message),
                StructureFormat::Xml30 => found.xml_30(message),
                _ => found.xml_21(message),
            };
            let extra = Extra { order: order(element), container, write: &write };
            message.structures(references, Some(extra));
            message.finish()
        }
        StructureFormat::Json10 | StructureFormat::Json20 | StructureFormat::Json21 => {
            let mut message = JsonMessage::new(out, format, &[], references);
            message.begin(header);
            message.structures(references);
            found.json(&mut message);
            message.finish()
        }
    }
}

/// What is said.
struct Found<'a> {
    flow: &'a Flow,
    availability: &'a Availability,
}

impl Found<'_> {
    /// The constraint as an artefact, where it is one.
    fn identity(&self) -> Identity {
        let ArtefactId { agency, id, version } = &self.flow.id;
        let id = ArtefactId::new(agency, format!("CR_A_{id}"), version);
        let mut identity = Identity::named(id, "");
        let name = |(language, text): &(String, String)| {
            let what = if language == "en" { "Available data of " } else { "" };
            (language.clone(), format!("{what}{text}"))
        };
        identity.names = Names(self.flow.names.0.iter().map(name).collect());
        let count = |id: &str, count: u64| Annotation {
            id: Some(id.to_owned()),
            kind: Some("sdmx_metrics".to_owned()),
            title: Some(count.to_string()),
            ..Annotation::default()
        };
        let Availability { series_count, observation_count, .. } = self.availability;
        identity.annotations.push(count("series_count", *series_count));
        identity.annotations.extend(observation_count.map(|all| count("obs_count", all)));
        identity
    }

    /// The first and the last day, as dates.
    fn days(&self) -> Option<(String, String)> {
        let coverage: TimeCoverage = self.availability.time?;
        Some((coverage.first()?, coverage.last()?))
    }

    /// The identifier of the time dimension.
    fn time_id(&self) -> &str {
        self.flow.time().map_or("TIME_PERIOD", |time| time.id.as_str())
    }

    fn xml_21(&self, message: &mut XmlMessage<'_>) {
        let identity = self.identity();
        message.maintainable("ContentConstraint", &identity, Form::Whole);
        message.xml.attribute("type", "Actual");
        message.names(&identity, Form::Whole);
        message.xml.start("str:ConstraintAttachment");
        message.reference("str:Dataflow", "Dataflow", &self.flow.id);
        message.xml.end();
        self.xml_region(message, "com");
        // Time is in the region. A reference period would say it once more, in a form that clients
        // do not read (sdmx1 2.28).
        message.xml.end();
    }

    fn xml_30(&self, message: &mut XmlMessage<'_>) {
        let identity = self.identity();
        message.maintainable("DataConstraint", &identity, Form::Whole);
        message.xml.attribute("role", "Actual");
        message.names(&identity, Form::Whole);
        message.xml.start("str:ConstraintAttachment");
        message.reference("str:Dataflow", "Dataflow", &self.flow.id);
        message.xml.end();
        self.xml_region(message, "str");
        message.xml.end();
    }

    fn xml_31(&self, message: &mut XmlMessage<'_>) {
        let Availability { series_count, observation_count, .. } = self.availability;
        message.xml.start("str:AvailabilityConstraint");
        message.xml.attribute("seriesCount", &series_count.to_string());
        if let Some(count) = observation_count {
            message.xml.attribute("obsCount", &count.to_string());
        }
        message.xml.start("str:ConstraintAttachment");
        message.reference("str:Dataflow", "Dataflow", &self.flow.id);
        message.xml.end();
        self.xml_region(message, "str");
        message.xml.end();
    }

    fn xml_region(&self, message: &mut XmlMessage<'_>, prefix: &str) {
        message.xml.start("str:CubeRegion");
        message.xml.attribute("include", "true");
        let listed = self.availability.dimensions.iter().filter(|listed| !listed.codes.is_empty());
        for listed in listed {
            message.xml.start(&format!("{prefix}:KeyValue"));
            message.xml.attribute("id", &listed.dimension);
            let element = format!("{prefix}:Value");
            for code in &listed.codes {
                message.xml.leaf(&element, code);
            }
            message.xml.end();
        }
        if let Some((first, last)) = self.days() {
            message.xml.start(&format!("{prefix}:KeyValue"));
            message.xml.attribute("id", self.time_id());
            message.xml.start(&format!("{prefix}:TimeRange"));
            for (element, day) in [("StartPeriod", first), ("EndPeriod", last)] {
                message.xml.start(&format!("{prefix}:{element}"));
                message.xml.attribute("isInclusive", "true");
                message.xml.text(&day);
                message.xml.end();
            }
            message.xml.end();
            message.xml.end();
        }
        message.xml.end();
    }

    fn json(&self, message: &mut JsonMessage<'_>) {
        let flow = urn("Dataflow", &self.flow.id);
        if message.format == StructureFormat::Json21 {
            let Availability { series_count, observation_count, .. } = self.availability;
            message.json.member_array("availabilityConstraints");
            message.json.object();
            message.json.member_object("constraintAttachment");
            message.json.member("dataflow", &flow);
            message.json.end();
            message.json.member_object("cubeRegion");
            self.json_region(message);
            message.json.end();
            message.json.member_plain("seriesCount", series_count);
            if let Some(count) = observation_count {
                message.json.member_plain("obsCount", count);
            }
            message.json.end();
            message.json.end();
            return;
        }
        let (list, element, role) = if message.is_10() {
            ("contentConstraints", "ContentConstraint", "type")
        } else {
            ("dataConstraints", "DataConstraint", "role")
        };
        message.json.member_array(list);
        message.maintainable(element, &self.identity(), Form::Whole);
        message.json.member(role, "Actual");
        message.json.member_object("constraintAttachment");
        message.json.member_array("dataflows");
        message.json.element(&flow);
        message.json.end();
        message.json.end();
        message.json.member_array("cubeRegions");
        message.json.object();
        self.json_region(message);
        message.json.end();
        message.json.end();
        message.json.end();
        message.json.end();
    }

    /// Writes the members of a cube region.
    fn json_region(&self, message: &mut JsonMessage<'_>) {
        let is_10 = message.is_10();
        message.json.member_plain(if is_10 { "isIncluded" } else { "include" }, true);
        let listed: Vec<_> =
            self.availability.dimensions.iter().filter(|l| !l.codes.is_empty()).collect();
        let days = self.days();
        if listed.is_empty() && days.is_none() {
            return;
        }
        message.json.member_array("keyValues");
        for listed in listed {
            message.json.object();
            message.json.member("id", &listed.dimension);
            message.json.member_array("values");
            for code in &listed.codes {
                if is_10 {
                    message.json.element(code);
                } else {
                    message.json.object();
                    message.json.member("value", code);
                    message.json.end();
                }
            }
            message.json.end();
            message.json.end();
        }
        if let Some((first, last)) = days {
            message.json.object();
            message.json.member("id", self.time_id());
            message.json.member_object("timeRange");
            for (name, day) in [("startPeriod", first), ("endPeriod", last)] {
                message.json.member_object(name);
                message.json.member("period", &day);
                message.json.member_plain("isInclusive", true);
                message.json.end();
            }
            message.json.end();
            message.json.end();
        }
        message.json.end();
    }
}
