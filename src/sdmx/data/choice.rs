//! Which writer a format has.

use std::io::{self, Write};

use crate::model::{Action, Cell};
use crate::sdmx::csv::{CsvLayout, CsvWriter};
use crate::sdmx::data::generic_xml::GenericXml;
use crate::sdmx::data::json::{Json, JsonVersion};
use crate::sdmx::data::output::Output;
use crate::sdmx::data::specific_xml::SpecificXml;
use crate::sdmx::data::xml_header::XmlKind;
use crate::sdmx::data::{CsvEdition, CsvStyle, DataFormat, DataScope, DataWriter};

/// The writer of a format.
pub fn writer<'a>(
    format: &DataFormat,
    scope: DataScope<'a>,
    out: &'a mut dyn Write,
) -> Box<dyn DataWriter + 'a> {
    let specific = |kind, out| Box::new(SpecificXml::new(scope, kind, Output::new(out)));
    let json = |version, out| Box::new(Json::new(scope, version, Output::new(out)));
    match format {
        DataFormat::Csv(style) => Box::new(CsvRows::new(style, &scope, out)),
        DataFormat::GenericXml21 => Box::new(GenericXml::new(scope, Output::new(out))),
        DataFormat::StructureSpecificXml21 => specific(XmlKind::Specific21, out),
        DataFormat::Xml30 => specific(XmlKind::Specific30, out),
        DataFormat::JsonDraft => json(JsonVersion::Draft, out),
        DataFormat::Json10 => json(JsonVersion::V1_0, out),
        DataFormat::Json20 => json(JsonVersion::V2_0, out),
        DataFormat::Json21 => json(JsonVersion::V2_1, out),
    }
}

/// Writes SDMX-CSV: a row for each observation.
struct CsvRows<'a> {
    writer: Option<CsvWriter<&'a mut dyn Write>>,
    action: Action,
    has_observations: bool,
}

impl<'a> CsvRows<'a> {
    fn new(style: &CsvStyle, scope: &DataScope<'a>, out: &'a mut dyn Write) -> Self {
        let layout = match style.version {
            CsvEdition::V1_0 => CsvLayout::V1,
            CsvEdition::V2_0 => CsvLayout::V2_0,
            CsvEdition::V2_1 => CsvLayout::V2_1,
        };
        let writer = Some(CsvWriter::new(out, scope.flow, layout));
        Self { writer, action: scope.action, has_observations: scope.has_observations }
    }
}

impl DataWriter for CsvRows<'_> {
    fn begin(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn partial(&mut self, _: &[Cell<'_>]) -> io::Result<()> {
        Ok(())
    }

    fn series(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if self.has_observations { Ok(()) } else { self.observation(cells) }
    }

    fn observation(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        let writer = self.writer.as_mut();
        writer.map_or(Ok(()), |writer| writer.row_with(self.action, cells))
    }

    fn finish(&mut self) -> io::Result<()> {
        let writer = self.writer.take();
        writer.map_or(Ok(()), |writer| writer.finish()?.flush())
    }
}
