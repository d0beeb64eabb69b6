//! The structure message of a cube: SDMX-ML 2.1, or 3.0 where it has several measures.

use std::io;
use std::io::Write;

use super::CubeSpec;
use super::DimensionSpec;
use super::SeriesAttribute;
use super::series::STATUSES;
use super::series::UNITS;

/// A version of SDMX-ML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MlVersion {
    /// One primary measure.
    V2_1,
    /// Any number of measures.
    V3_0,
}

/// Writes agency, codelists, concepts, data structure and dataflow, in the version that can hold
/// the cube's measures.
///
/// # Errors
/// Those of the writer underneath.
pub fn write_structure(spec: &CubeSpec, out: &mut impl Write) -> io::Result<()> {
    let version = if spec.measures.len() == 1 { MlVersion::V2_1 } else { MlVersion::V3_0 };
    write_structure_as(spec, version, out)
}

/// Writes the structure message in a version of SDMX-ML.
///
/// # Errors
/// Those of the writer underneath.
pub fn write_structure_as(
    spec: &CubeSpec,
    version: MlVersion,
    out: &mut impl Write,
) -> io::Result<()> {
    assert!(version == MlVersion::V3_0 || spec.measures.len() == 1, "SDMX-ML 2.1 has one measure");
    let text = Message { spec, version, text: String::new() }.build();
    out.write_all(text.as_bytes())
}

/// A message while it is written.
#[derive(Debug)]
struct Message<'a> {
    spec: &'a CubeSpec,
    version: MlVersion,
    text: String,
}

/// How a component takes its values.
enum Representation {
    /// From this codelist.
    Codelist(String),
    /// As text of this type.
    Text(&'static str),
}

impl Message<'_> {
    fn build(mut self) -> String {
        let number = match self.version {
            MlVersion::V2_1 => "v2_1",
            MlVersion::V3_0 => "v3_0",
        };
        let base = format!("http://www.sdmx.org/resources/sdmxml/schemas/{number}");
        self.line(r#"<?xml version="1.0" encoding="UTF-8"?>"#);
        self.line(&format!(
            r#"<mes:Structure xmlns:mes="{base}/message" xmlns:str="{base}/structure" xmlns:com="{base}/common">"#
        ));
        self.line("<mes:Header><mes:ID>GENERATED</mes:ID><mes:Test>true</mes:Test>");
        self.line("<mes:Prepared>2026-01-01T00:00:00Z</mes:Prepared>");
        self.line(r#"<mes:Sender id="ZZZ"/></mes:Header>"#);
        self.line("<mes:Structures>");
        self.agencies();
        self.dataflow();
        self.codelists();
        self.concepts();
        self.data_structure();
        self.line("</mes:Structures>");
        self.line("</mes:Structure>");
        self.text
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Opens a maintainable artefact and names it.
    fn open(&mut self, element: &str, id: &str, name: &str) {
        let is_final = match self.version {
            MlVersion::V2_1 => r#" isFinal="false""#,
            MlVersion::V3_0 => "",
        };
        let agency = &self.spec.agency;
        self.line(&format!(
            r#"<str:{element} id="{id}" agencyID="{agency}" version="1.0"{is_final}>"#
        ));
        self.name(name);
    }

    fn name(&mut self, name: &str) {
        self.line(&format!(r#"<com:Name xml:lang="en">{}</com:Name>"#, escape(name)));
    }

    fn agencies(&mut self) {
        let outer = match self.version {
            MlVersion::V2_1 => "OrganisationSchemes",
            MlVersion::V3_0 => "AgencySchemes",
        };
        let agency = &self.spec.agency;
        let agency = format!(r#"<str:Agency id="{agency}">"#);
        let version = match self.version {
            MlVersion::V2_1 => r#" version="1.0""#,
            MlVersion::V3_0 => "",
        };
        self.line(&format!("<str:{outer}>"));
        self.line(&format!(r#"<str:AgencyScheme id="AGENCIES" agencyID="SDMX"{version}>"#));
        self.name("Agencies");
        self.line(&agency);
        self.name("Agency of generated cubes");
        self.line("</str:Agency>");
        self.line("</str:AgencyScheme>");
        self.line(&format!("</str:{outer}>"));
    }

    fn dataflow(&mut self) {
        let spec = self.spec;
        let (agency, structure) = (&spec.agency, format!("DSD_{}", spec.flow));
        let reference = match self.version {
            MlVersion::V2_1 => format!(
                r#"<Ref agencyID="{agency}" id="{structure}" version="1.0" package="datastructure" class="DataStructure"/>"#
            ),
            MlVersion::V3_0 => format!(
                "urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure={agency}:{structure}(1.0)"
            ),
        };
        self.line("<str:Dataflows>");
        self.open("Dataflow", &spec.flow, &spec.name);
        self.line(&format!("<str:Structure>{reference}</str:Structure>"));
        self.line("</str:Dataflow>");
        self.line("</str:Dataflows>");
    }

    fn codelists(&mut self) {
        let spec = self.spec;
        self.line("<str:Codelists>");
        for dimension in &spec.dimensions {
            let codes = dimension.codes.iter().zip(&dimension.names);
            self.codelist(&codelist_id(dimension), &dimension.name, codes);
        }
        let statuses = STATUSES.iter().map(|(code, name, _)| (code, name));
        self.codelist("CL_OBS_STATUS", "Observation status", statuses);
        if spec.attributes.contains(&SeriesAttribute::UnitMeasure) {
            let units = UNITS.iter().map(|(code, name)| (code, name));
            self.codelist("CL_UNIT_MEASURE", "Unit of measure", units);
        }
        self.line("</str:Codelists>");
    }

    fn codelist<'c, T: AsRef<str> + 'c>(
        &mut self,
        id: &str,
        name: &str,
        codes: impl Iterator<Item = (&'c T, &'c T)>,
    ) {
        self.open("Codelist", id, name);
        for (code, name) in codes {
            self.line(&format!(r#"<str:Code id="{}">"#, code.as_ref()));
            self.name(name.as_ref());
            self.line("</str:Code>");
        }
        self.line("</str:Codelist>");
    }

    /// Components in the order of the data structure: identifier and English name.
    fn components(&self) -> Vec<(String, String)> {
        let spec = self.spec;
        let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
        let dimensions = spec.dimensions.iter().map(|it| pair(&it.id, &it.name));
        let time = spec.has_time().then(|| pair("TIME_PERIOD", "Time period"));
        let measures = spec.measures.iter().enumerate().map(|(index, id)| {
            if index == 0 {
                pair(id, "Observation value")
            } else {
                pair(id, &format!("Measure {id}"))
            }
        });
        let attributes = spec.attributes.iter().map(|it| {
            let name = match it {
                SeriesAttribute::UnitMeasure => "Unit of measure",
                SeriesAttribute::UnitMult => "Unit multiplier",
                SeriesAttribute::Decimals => "Decimals",
                SeriesAttribute::Title => "Title",
            };
            pair(it.id(), name)
        });
        let status = [pair("OBS_STATUS", "Observation status")];
        dimensions.chain(time).chain(measures).chain(status).chain(attributes).collect()
    }

    fn concepts(&mut self) {
        let spec = self.spec;
        let outer = match self.version {
            MlVersion::V2_1 => "Concepts",
            MlVersion::V3_0 => "ConceptSchemes",
        };
        self.line(&format!("<str:{outer}>"));
        self.open("ConceptScheme", &format!("CS_{}", spec.flow), "Concepts of generated cubes");
        for (id, name) in self.components() {
            self.line(&format!(r#"<str:Concept id="{id}">"#));
            self.name(&name);
            self.line("</str:Concept>");
        }
        self.line("</str:ConceptScheme>");
        self.line(&format!("</str:{outer}>"));
    }

    fn data_structure(&mut self) {
        let spec = self.spec;
        self.line("<str:DataStructures>");
        self.open("DataStructure", &format!("DSD_{}", spec.flow), &spec.name);
        self.line("<str:DataStructureComponents>");
        self.line(r#"<str:DimensionList id="DimensionDescriptor">"#);
        for (index, dimension) in spec.dimensions.iter().enumerate() {
            let position = index + 1;
            let opening = format!(r#"Dimension id="{}" position="{position}""#, dimension.id);
            let codelist = Representation::Codelist(codelist_id(dimension));
            self.component(&opening, &dimension.id, &codelist);
            self.line("</str:Dimension>");
        }
        if spec.has_time() {
            let opening = match self.version {
                MlVersion::V2_1 => {
                    let position = spec.dimensions.len() + 1;
                    format!(r#"TimeDimension id="TIME_PERIOD" position="{position}""#)
                }
                MlVersion::V3_0 => r#"TimeDimension id="TIME_PERIOD""#.to_owned(),
            };
            let text = Representation::Text("ObservationalTimePeriod");
            self.component(&opening, "TIME_PERIOD", &text);
            self.line("</str:TimeDimension>");
        }
        self.line("</str:DimensionList>");
        self.attributes();
        self.measures();
        self.line("</str:DataStructureComponents>");
        self.line("</str:DataStructure>");
        self.line("</str:DataStructures>");
    }

    fn attributes(&mut self) {
        let spec = self.spec;
        self.line(r#"<str:AttributeList id="AttributeDescriptor">"#);
        self.attribute("OBS_STATUS", &Representation::Codelist("CL_OBS_STATUS".to_owned()));
        let observation = match self.version {
            MlVersion::V2_1 => r#"<str:PrimaryMeasure><Ref id="OBS_VALUE"/></str:PrimaryMeasure>"#,
            MlVersion::V3_0 => "<str:Observation/>",
        };
        self.relationship(observation);
        let reference = |id: &String| match self.version {
            MlVersion::V2_1 => format!(r#"<Ref id="{id}"/>"#),
            MlVersion::V3_0 => id.clone(),
        };
        let ids: Vec<String> = spec.dimensions.iter().map(|it| reference(&it.id)).collect();
        let series = format!(
            "<str:Dimension>{}</str:Dimension>",
            ids.join("</str:Dimension><str:Dimension>")
        );
        for &attribute in &spec.attributes {
            let representation = match attribute {
                SeriesAttribute::UnitMeasure => {
                    Representation::Codelist("CL_UNIT_MEASURE".to_owned())
                }
                SeriesAttribute::UnitMult | SeriesAttribute::Decimals => {
                    Representation::Text("Integer")
                }
                SeriesAttribute::Title => Representation::Text("String"),
            };
            self.attribute(attribute.id(), &representation);
            self.relationship(&series);
        }
        self.line("</str:AttributeList>");
    }

    fn attribute(&mut self, id: &str, representation: &Representation) {
        let usage = match self.version {
            MlVersion::V2_1 => r#"assignmentStatus="Conditional""#,
            MlVersion::V3_0 => r#"usage="optional""#,
        };
        self.component(&format!(r#"Attribute id="{id}" {usage}"#), id, representation);
    }

    fn relationship(&mut self, target: &str) {
        self.line(&format!(
            "<str:AttributeRelationship>{target}</str:AttributeRelationship></str:Attribute>"
        ));
    }

    fn measures(&mut self) {
        let element = match self.version {
            MlVersion::V2_1 => "PrimaryMeasure",
            MlVersion::V3_0 => "Measure",
        };
        let text_type = if self.spec.text_share > 0.0 { "String" } else { "Decimal" };
        self.line(r#"<str:MeasureList id="MeasureDescriptor">"#);
        for measure in &self.spec.measures {
            let opening = format!(r#"{element} id="{measure}""#);
            self.component(&opening, measure, &Representation::Text(text_type));
            self.line(&format!("</str:{element}>"));
        }
        self.line("</str:MeasureList>");
    }

    /// Opens a component and writes its concept and representation.
    fn component(&mut self, opening: &str, concept: &str, representation: &Representation) {
        let (agency, flow) = (&self.spec.agency, &self.spec.flow);
        let (identity, codelist) = match self.version {
            MlVersion::V2_1 => (
                format!(
                    r#"<Ref agencyID="{agency}" maintainableParentID="CS_{flow}" maintainableParentVersion="1.0" id="{concept}" package="conceptscheme" class="Concept"/>"#
                ),
                format!(
                    r#"<Ref agencyID="{agency}" id="CODELIST" version="1.0" package="codelist" class="Codelist"/>"#
                ),
            ),
            MlVersion::V3_0 => (
                format!(
                    "urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept={agency}:CS_{flow}(1.0).{concept}"
                ),
                format!("urn:sdmx:org.sdmx.infomodel.codelist.Codelist={agency}:CODELIST(1.0)"),
            ),
        };
        let representation = match representation {
            Representation::Codelist(id) => {
                format!("<str:Enumeration>{}</str:Enumeration>", codelist.replace("CODELIST", id))
            }
            Representation::Text(kind) => format!(r#"<str:TextFormat textType="{kind}"/>"#),
        };
        self.line(&format!("<str:{opening}>"));
        self.line(&format!("<str:ConceptIdentity>{identity}</str:ConceptIdentity>"));
        self.line(&format!("<str:LocalRepresentation>{representation}</str:LocalRepresentation>"));
    }
}

fn codelist_id(dimension: &DimensionSpec) -> String {
    format!("CL_{}", dimension.id)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
