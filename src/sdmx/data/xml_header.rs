//! The beginning of a data message in XML: its root, its namespaces and its header.
//!
//! Source: SDMX-ML 2.1 and 3.0, `SDMXMessage.xsd`, `SDMXCommon.xsd`.

use crate::model::{Action, ArtefactId, write_moment};
use crate::sdmx::data::layout::Layout;
use crate::sdmx::data::output::Output;
use crate::sdmx::data::{DataScope, DataSet};

/// The identifier by which a data set refers to its structure in the header: that of the structure,
/// which clients look for by it, where XML allows it as one.
pub(super) fn structure_reference<'a>(scope: &DataScope<'a>) -> &'a str {
    let id = scope.flow.structure.id.as_str();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let begins = id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && id.chars().all(is_plain) { id } else { "S1" }
}

/// The kinds of data messages in XML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum XmlKind {
    /// Generic data of SDMX-ML 2.1.
    Generic21,
    /// The same with time at the observation, under a name of its own.
    GenericSeries21,
    /// Structure-specific data of SDMX-ML 2.1.
    Specific21,
    /// The same with time at the observation, under a name of its own.
    SpecificSeries21,
    /// Data of SDMX-ML 3.0, which are always structure-specific.
    Specific30,
}

impl XmlKind {
    /// The name of the root element.
    pub(super) fn root(self) -> &'static str {
        match self {
            Self::Generic21 => "message:GenericData",
            Self::GenericSeries21 => "message:GenericTimeSeriesData",
            Self::Specific21 | Self::Specific30 => "message:StructureSpecificData",
            Self::SpecificSeries21 => "message:StructureSpecificTimeSeriesData",
        }
    }

    /// Whether components are named in attributes called `id`.
    pub(super) fn is_generic(self) -> bool {
        matches!(self, Self::Generic21 | Self::GenericSeries21)
    }

    /// What a receiver shall do, as this version calls it: merging has no name of its own before
    /// 3.1, where `Information` means it.
    fn action(action: Action) -> &'static str {
        match action {
            Action::Merge => "Information",
            Action::Replace => "Replace",
            Action::Delete => "Delete",
        }
    }
}

/// Writes what a data set says of itself as attributes of its tag, which is open.
pub(super) fn write_set(out: &mut Output<'_>, prefix: &str, set: &DataSet) {
    let mut attribute = |name: &str, text: &str| {
        out.push(" ");
        out.push(prefix);
        out.push(name);
        out.push("=\"");
        out.push(text);
        out.push("\"");
    };
    attribute("action", XmlKind::action(set.action));
    for (name, moment) in [("validFromDate", set.valid_from), ("validToDate", set.valid_to)] {
        if let Some(moment) = moment {
            attribute(name, &write_moment(moment));
        }
    }
}

/// Writes the declaration, the root and the header.
pub(super) fn write_header(
    out: &mut Output<'_>,
    kind: XmlKind,
    scope: &DataScope<'_>,
    layout: &Layout,
) {
    let level = layout.level_name(scope);
    let namespace = namespace(kind, scope, level);
    out.push("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<");
    out.push(kind.root());
    let version = if kind == XmlKind::Specific30 { "v3_0" } else { "v2_1" };
    let data = match kind {
        XmlKind::Generic21 | XmlKind::GenericSeries21 => ("generic", "data/generic"),
        XmlKind::Specific21 | XmlKind::SpecificSeries21 | XmlKind::Specific30 => {
            ("data", "data/structurespecific")
        }
    };
    for (prefix, path) in [("message", "message"), ("common", "common"), data] {
        out.push(format!(
            " xmlns:{prefix}=\"http://www.sdmx.org/resources/sdmxml/schemas/{version}/{path}\""
        ));
    }
    if !kind.is_generic() {
        out.push(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns:ns1=\"");
        out.xml(&namespace);
        out.push("\"");
    }
    out.push(">\n<message:Header><message:ID>");
    out.xml(&scope.header.id);
    out.push("</message:ID><message:Test>false</message:Test><message:Prepared>");
    out.xml(&scope.header.prepared);
    out.push("</message:Prepared><message:Sender id=\"");
    out.xml(&scope.header.sender);
    out.push("\"/><message:Structure structureID=\"");
    out.push(structure_reference(scope));
    if !kind.is_generic() {
        out.push("\" namespace=\"");
        out.xml(&namespace);
    }
    out.push("\" dimensionAtObservation=\"");
    out.xml(level);
    out.push("\">");
    write_structure(out, kind, scope);
    out.push("</message:Structure></message:Header>\n");
}

fn write_structure(out: &mut Output<'_>, kind: XmlKind, scope: &DataScope<'_>) {
    match kind {
        XmlKind::Generic21
        | XmlKind::GenericSeries21
        | XmlKind::Specific21
        | XmlKind::SpecificSeries21 => {
            let ArtefactId { agency, id, version } = &scope.flow.structure;
            out.push("<common:Structure><Ref agencyID=\"");
            out.xml(agency);
            out.push("\" id=\"");
            out.xml(id);
            out.push("\" version=\"");
            out.xml(version);
            out.push("\" class=\"DataStructure\" package=\"datastructure\"/></common:Structure>");
        }
        XmlKind::Specific30 => {
            out.push("<common:StructureUsage>");
            out.xml(&flow_urn(scope));
            out.push("</common:StructureUsage>");
        }
    }
}

/// The namespace of the elements of one structure, with one component at the observation.
///
/// Source: SDMX-ML 2.1, part 3A, 4.3.1; SDMX-ML 3.0, part 3A, "Structure-specific schemas".
fn namespace(kind: XmlKind, scope: &DataScope<'_>, level: &str) -> String {
    let urn = match kind {
        XmlKind::Generic21
        | XmlKind::GenericSeries21
        | XmlKind::Specific21
        | XmlKind::SpecificSeries21 => structure_urn(scope),
        XmlKind::Specific30 => flow_urn(scope),
    };
    format!("{urn}:ObsLevelDim:{level}")
}

/// The name of the dataflow that is the same everywhere.
pub(super) fn flow_urn(scope: &DataScope<'_>) -> String {
    format!("urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow={}", scope.flow.id)
}

/// The name of the data structure that is the same everywhere.
pub(super) fn structure_urn(scope: &DataScope<'_>) -> String {
    format!("urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure={}", scope.flow.structure)
}
