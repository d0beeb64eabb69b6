//! Which writer a format has.

use std::io::Write;

use crate::sdmx::csv::CsvWriter;
use crate::sdmx::data::generic_xml::GenericXml;
use crate::sdmx::data::json::{Json, JsonVersion};
use crate::sdmx::data::output::Output;
use crate::sdmx::data::specific_xml::SpecificXml;
use crate::sdmx::data::xml_header::XmlKind;
use crate::sdmx::data::{DataFormat, DataScope, DataWriter};

/// The writer of a format.
pub fn writer<'a>(
    format: &DataFormat,
    scope: DataScope<'a>,
    out: &'a mut dyn Write,
) -> Box<dyn DataWriter + 'a> {
    let generic = |kind, out| Box::new(GenericXml::new(scope, kind, Output::new(out)));
    let specific = |kind, out| Box::new(SpecificXml::new(scope, kind, Output::new(out)));
    let json = |version, out| Box::new(Json::new(scope, version, Output::new(out)));
    match format {
        DataFormat::Csv(style) => Box::new(CsvWriter::new(out, &scope, style)),
        DataFormat::GenericXml21 => generic(XmlKind::Generic21, out),
        DataFormat::GenericSeriesXml21 => generic(XmlKind::GenericSeries21, out),
        DataFormat::StructureSpecificXml21 => specific(XmlKind::Specific21, out),
        DataFormat::StructureSpecificSeriesXml21 => specific(XmlKind::SpecificSeries21, out),
        DataFormat::Xml30 => specific(XmlKind::Specific30, out),
        DataFormat::JsonDraft => json(JsonVersion::Draft, out),
        DataFormat::Json10 => json(JsonVersion::V1_0, out),
        DataFormat::Json20 => json(JsonVersion::V2_0, out),
        DataFormat::Json21 => json(JsonVersion::V2_1, out),
    }
}
