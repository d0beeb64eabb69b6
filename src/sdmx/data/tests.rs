//! Every format over one small dataflow that has everything: a group, a partial key, two measures,
//! cells with several values, names in two languages, annotations.

use std::sync::Arc;

use proptest::prelude::*;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use serde_json::Value;

use crate::model::{Action, Cell, Names, Occurs};
use crate::model::{Annotation, Artefact, ArtefactId, Artefacts, Attachment, DataStructure, Flow};
use crate::sdmx::MessageHeader;
use crate::sdmx::csv::fixture::Kept;
use crate::sdmx::data::{DataFormat, DataScope, DataSet, Level, read_rows, writer};
use crate::sdmx::structure::read_structures;

const STRUCTURES: &str = r#"<?xml version="1.0"?>
<m:Structure xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure" xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common"><m:Structures>
<s:Dataflows><s:Dataflow id="F" agencyID="A" version="1.0"><c:Name xml:lang="en">A flow</c:Name><c:Name xml:lang="fr">Un flux</c:Name><s:Structure><Ref id="D" agencyID="A" version="1.0"/></s:Structure></s:Dataflow></s:Dataflows>
<s:Codelists><s:Codelist id="CL" agencyID="A" version="1.0"><c:Name>x</c:Name><s:Code id="B"><c:Name xml:lang="en">Both</c:Name><c:Name xml:lang="fr">Les deux</c:Name></s:Code><s:Code id="M"><c:Name xml:lang="en">Men</c:Name><s:Parent><Ref id="B"/></s:Parent></s:Code></s:Codelist></s:Codelists>
<s:Concepts><s:ConceptScheme id="CS" agencyID="A" version="1.0"><c:Name>x</c:Name><s:Concept id="SEX"><c:Name xml:lang="en">Sex</c:Name><c:Name xml:lang="fr">Sexe</c:Name></s:Concept></s:ConceptScheme></s:Concepts>
<s:DataStructures><s:DataStructure id="D" agencyID="A" version="1.0"><c:Name>x</c:Name><s:DataStructureComponents>
<s:DimensionList><s:Dimension id="FREQ" position="1"/><s:Dimension id="SEX" position="2"><s:ConceptIdentity><Ref id="SEX" maintainableParentID="CS" agencyID="A" maintainableParentVersion="1.0"/></s:ConceptIdentity><s:LocalRepresentation><s:Enumeration><Ref id="CL" agencyID="A" version="1.0"/></s:Enumeration></s:LocalRepresentation></s:Dimension><s:TimeDimension id="TIME_PERIOD" position="3"/></s:DimensionList>
<s:Group id="Sibling"><s:GroupDimension><s:DimensionReference><Ref id="SEX"/></s:DimensionReference></s:GroupDimension></s:Group>
<s:AttributeList>
<s:Attribute id="SOURCE" assignmentStatus="Conditional"><s:AttributeRelationship><s:None/></s:AttributeRelationship></s:Attribute>
<s:Attribute id="TITLE" assignmentStatus="Conditional"><s:AttributeRelationship><s:Group><Ref id="Sibling"/></s:Group></s:AttributeRelationship></s:Attribute>
<s:Attribute id="COLLECT" assignmentStatus="Conditional"><s:AttributeRelationship><s:Dimension><Ref id="FREQ"/></s:Dimension></s:AttributeRelationship></s:Attribute>
<s:Attribute id="UNIT" assignmentStatus="Mandatory"><s:AttributeRelationship><s:Dimension><Ref id="FREQ"/></s:Dimension><s:Dimension><Ref id="SEX"/></s:Dimension></s:AttributeRelationship></s:Attribute>
<s:Attribute id="STATUS" assignmentStatus="Conditional"><s:AttributeRelationship><s:PrimaryMeasure><Ref id="OBS_VALUE"/></s:PrimaryMeasure></s:AttributeRelationship></s:Attribute>
</s:AttributeList>
<s:MeasureList><s:PrimaryMeasure id="OBS_VALUE"/></s:MeasureList>
</s:DataStructureComponents></s:DataStructure></s:DataStructures>
</m:Structures></m:Structure>"#;

/// The cells of a row, in the order of components; the empty text for none.
type Line<'a> = [&'a str; 10];

/// `FREQ`, `SEX`, `TIME_PERIOD`, `OBS_VALUE`, `SECOND`, `SOURCE`, `TITLE`, `COLLECT`, `UNIT`,
/// `STATUS`.
const LINES: [Line<'_>; 3] = [
    ["A", "B", "2020", "1.50", "", "me & you", "all", "X", "PS", "p;q"],
    ["A", "B", "2021", "", "2", "me & you", "all", "X", "PS", ""],
    ["A", "M", "2021-Q1", "NaN", "-0.5", "me & you", "\"men\"", "X", "PS", "p"],
];

/// The dataflow, its structure changed.
fn artefacts(change: impl FnOnce(&mut DataStructure)) -> (Artefacts, Flow) {
    let read = read_structures(STRUCTURES.as_bytes(), "s.xml").expect("structures");
    let mut artefacts = Artefacts::from(read);
    let id = ArtefactId::new("A", "D", "1.0");
    let mut structure = artefacts.data_structure(&id).expect("a structure").clone();
    change(&mut structure);
    artefacts.insert(Artefact::DataStructure(structure));
    let flow = Flow::resolve(&ArtefactId::new("A", "F", "1.0"), &artefacts).expect("a flow");
    (artefacts, flow)
}

fn with_two_measures(structure: &mut DataStructure) {
    let mut second = structure.measures[0].clone();
    second.id = "SECOND".to_owned();
    structure.measures.push(second);
}

fn with_everything(structure: &mut DataStructure) {
    with_two_measures(structure);
    structure.attributes[4].representation.get_or_insert_default().occurs_max =
        Some(Occurs::Unbounded);
    let texts = Names(vec![("en".into(), "note".into())]);
    let kind = Some("NOTE".to_owned());
    structure.identity.annotations = vec![Annotation { kind, texts, ..Annotation::default() }];
}

/// What the messages of a test have in common.
struct Message<'a> {
    artefacts: &'a Artefacts,
    flow: &'a Flow,
    level: Level,
    has_observations: bool,
}

impl Message<'_> {
    /// Writes rows in their order, as the store would.
    fn write<L: AsRef<[S]>, S: AsRef<str>>(&self, format: &DataFormat, rows: &[L]) -> String {
        let header = MessageHeader {
            id: "ID1".to_owned(),
            prepared: "2024-01-02T10:00:00Z".to_owned(),
            sender: "ME".to_owned(),
        };
        let flow = self.flow;
        let all = |count: usize| (0..count).collect::<Vec<usize>>();
        let (measures, attributes) = (all(flow.measures().len()), all(flow.attributes().len()));
        let scope = DataScope {
            header: &header,
            flow,
            artefacts: self.artefacts,
            language: "en",
            level: self.level,
            measures: &measures,
            attributes: &attributes,
            set: DataSet { action: Action::Replace, ..DataSet::default() },
            has_changes: false,
            has_observations: self.has_observations,
        };
        let mut bytes = Vec::new();
        let mut writer = writer(format, scope, &mut bytes);
        writer.begin().expect("memory");
        let only = |row: &L, kept: &[usize]| -> Vec<Option<String>> {
            let cells = row.as_ref().iter().map(|cell| cell.as_ref().to_owned()).enumerate();
            cells.map(|(at, cell)| kept.contains(&at).then_some(cell)).collect()
        };
        // The dataflow, the partial key FREQ, then the group.
        let attributes_from = flow.attributes_from();
        let keys: [&[usize]; 3] = [&[], &[0], &[1]];
        for (key, attribute) in keys.into_iter().zip([0, 2, 1]) {
            let mut seen: Vec<Vec<Option<String>>> = Vec::new();
            for row in rows {
                let kept: Vec<usize> =
                    key.iter().copied().chain([attributes_from + attribute]).collect();
                let cells = only(row, &kept);
                if !seen.contains(&cells) {
                    writer.partial(&borrowed(&cells)).expect("memory");
                    seen.push(cells);
                }
            }
        }
        let at = match self.level {
            Level::Flat => 2,
            Level::Component(position) => position,
        };
        let of_series: Vec<usize> = [0, 1, 2]
            .into_iter()
            .filter(|p| *p != at)
            .chain(attributes_from..attributes_from + 4)
            .collect();
        let mut last = None;
        for row in rows {
            let cells = only(row, &of_series);
            if last.as_ref() != Some(&cells) {
                writer.series(&borrowed(&cells)).expect("memory");
                last = Some(cells);
            }
            if self.has_observations {
                let cells: Vec<Cell<'_>> =
                    row.as_ref().iter().map(|cell| Some(cell.as_ref())).collect();
                writer.observation(&cells).expect("memory");
            }
        }
        writer.finish().expect("memory");
        drop(writer);
        String::from_utf8(bytes).expect("UTF-8")
    }
}

fn borrowed(cells: &[Option<String>]) -> Vec<Cell<'_>> {
    cells.iter().map(Option::as_deref).collect()
}

/// The message of [`LINES`], from its data set on.
fn data(format: &DataFormat, level: Level, has_observations: bool) -> String {
    let (artefacts, flow) = artefacts(with_everything);
    let message = Message { artefacts: &artefacts, flow: &flow, level, has_observations };
    let text = message.write(format, &LINES);
    let from = text.find("<message:DataSet").or_else(|| text.find("\"dataSets\"")).expect("data");
    text[from..].to_owned()
}

const TIME: Level = Level::Component(2);

#[test]
fn generic_xml_names_components_in_attributes() {
    let value = |id: &str, value: &str| format!("<generic:Value id=\"{id}\" value=\"{value}\"/>");
    let expected = [
        "<message:DataSet structureRef=\"D\" action=\"Replace\">\n<generic:Attributes>",
        &value("SOURCE", "me &amp; you"),
        "</generic:Attributes>\n<generic:Group type=\"Sibling\"><generic:GroupKey>",
        &value("SEX", "B"),
        "</generic:GroupKey><generic:Attributes>",
        &value("TITLE", "all"),
        "</generic:Attributes></generic:Group>\n",
        "<generic:Group type=\"Sibling\"><generic:GroupKey>",
        &value("SEX", "M"),
        "</generic:GroupKey><generic:Attributes>",
        &value("TITLE", "&quot;men&quot;"),
        "</generic:Attributes></generic:Group>\n<generic:Series><generic:SeriesKey>",
        &value("FREQ", "A"),
        &value("SEX", "B"),
        "</generic:SeriesKey><generic:Attributes>",
        &value("COLLECT", "X"),
        &value("UNIT", "PS"),
        "</generic:Attributes>\n<generic:Obs><generic:ObsDimension value=\"2020\"/>",
        "<generic:ObsValue value=\"1.50\"/><generic:Attributes>",
        &value("STATUS", "p;q"),
        "</generic:Attributes></generic:Obs>\n<generic:Obs><generic:ObsDimension value=\"2021\"/>",
        "<generic:Attributes>",
        &value("SECOND", "2"),
        "</generic:Attributes></generic:Obs>\n</generic:Series>\n",
    ];
    let found = data(&DataFormat::GenericXml21, TIME, true);
    assert!(found.starts_with(&expected.concat()), "{found}");
    assert!(found.ends_with("</generic:Series>\n</message:DataSet>\n</message:GenericData>\n"));
}

#[test]
fn generic_xml_without_series_and_without_observations() {
    let flat = data(&DataFormat::GenericXml21, Level::Flat, true);
    let value = |id: &str, value: &str| format!("<generic:Value id=\"{id}\" value=\"{value}\"/>");
    let key = [value("FREQ", "A"), value("SEX", "M"), value("TIME_PERIOD", "2021-Q1")].concat();
    let rest = [value("SECOND", "-0.5"), value("COLLECT", "X"), value("UNIT", "PS")].concat();
    let status = value("STATUS", "p");
    let expected = format!(
        "<generic:Obs><generic:ObsKey>{key}</generic:ObsKey><generic:ObsValue value=\"NaN\"/>\
         <generic:Attributes>{rest}{status}</generic:Attributes></generic:Obs>\n</message:DataSet>"
    );
    assert!(flat.contains(&expected), "{flat}");
    assert!(!flat.contains("Series"));
    for level in [Level::Flat, TIME] {
        let series = data(&DataFormat::GenericXml21, level, false);
        assert_eq!(series.matches("<generic:Series>").count(), 2);
        assert!(!series.contains("generic:Obs"), "{series}");
    }
}

#[test]
fn specific_xml_names_attributes_after_components() {
    let expected = r#"<message:DataSet data:structureRef="D" xsi:type="ns1:DataSetType" data:action="Replace" data:dataScope="DataStructure" SOURCE="me &amp; you">
<Group xsi:type="ns1:Sibling" SEX="B" TITLE="all"/>
<Group xsi:type="ns1:Sibling" SEX="M" TITLE="&quot;men&quot;"/>
<Series FREQ="A" SEX="B" COLLECT="X" UNIT="PS">
<Obs TIME_PERIOD="2020" OBS_VALUE="1.50" STATUS="p;q"/>
<Obs TIME_PERIOD="2021" SECOND="2"/>
</Series>
<Series FREQ="A" SEX="M" COLLECT="X" UNIT="PS">
<Obs TIME_PERIOD="2021-Q1" OBS_VALUE="NaN" SECOND="-0.5" STATUS="p"/>
</Series>
</message:DataSet>
</message:StructureSpecificData>
"#;
    assert_eq!(data(&DataFormat::StructureSpecificXml21, TIME, true), expected);
    let by_sex = data(&DataFormat::StructureSpecificXml21, Level::Component(1), true);
    let observation = "<Series FREQ=\"A\" TIME_PERIOD=\"2021-Q1\" COLLECT=\"X\">\n<Obs SEX=\"M\" \
                       OBS_VALUE=\"NaN\" SECOND=\"-0.5\" UNIT=\"PS\" STATUS=\"p\"/>\n</Series>";
    assert!(by_sex.contains(observation), "{by_sex}");
    let series = data(&DataFormat::StructureSpecificXml21, TIME, false);
    assert!(series.contains("<Series FREQ=\"A\" SEX=\"M\" COLLECT=\"X\" UNIT=\"PS\"/>\n"));
}

#[test]
fn specific_xml_3_has_elements_for_partial_keys_and_arrays() {
    let expected = r#"<message:DataSet data:structureRef="D" xsi:type="ns1:DataSetType" data:action="Replace">
<Atts SOURCE="me &amp; you"/>
<Atts FREQ="A" COLLECT="X"/>
<Group xsi:type="ns1:Sibling" SEX="B" TITLE="all"/>
<Group xsi:type="ns1:Sibling" SEX="M" TITLE="&quot;men&quot;"/>
<Obs FREQ="A" SEX="B" TIME_PERIOD="2020" OBS_VALUE="1.50" UNIT="PS"><Comp id="STATUS" xsi:type="ns1:STATUS_ATTRIBUTE"><Value>p</Value><Value>q</Value></Comp></Obs>
<Obs FREQ="A" SEX="B" TIME_PERIOD="2021" SECOND="2" UNIT="PS"/>
<Obs FREQ="A" SEX="M" TIME_PERIOD="2021-Q1" OBS_VALUE="NaN" SECOND="-0.5" UNIT="PS"><Comp id="STATUS" xsi:type="ns1:STATUS_ATTRIBUTE"><Value>p</Value></Comp></Obs>
</message:DataSet>
</message:StructureSpecificData>
"#;
    assert_eq!(data(&DataFormat::Xml30, Level::Flat, true), expected);
}

#[test]
fn headers_name_the_structure() {
    let (artefacts, flow) = artefacts(with_everything);
    let message =
        Message { artefacts: &artefacts, flow: &flow, level: TIME, has_observations: true };
    let header = |format| {
        let text = message.write(&format, &LINES);
        text[text.find("<message:Structure ").expect("a header")
            ..text.find("</message:Header>").expect("an end")]
            .to_owned()
    };
    let reference = "<common:Structure><Ref agencyID=\"A\" id=\"D\" version=\"1.0\" \
                     class=\"DataStructure\" package=\"datastructure\"/></common:Structure>";
    assert_eq!(
        header(DataFormat::GenericXml21),
        format!(
            "<message:Structure structureID=\"D\" dimensionAtObservation=\"TIME_PERIOD\">\
             {reference}</message:Structure>"
        )
    );
    let urn = "urn:sdmx:org.sdmx.infomodel.datastructure.";
    assert_eq!(
        header(DataFormat::StructureSpecificXml21),
        format!(
            "<message:Structure structureID=\"D\" \
             namespace=\"{urn}DataStructure=A:D(1.0):ObsLevelDim:TIME_PERIOD\" \
             dimensionAtObservation=\"TIME_PERIOD\">{reference}</message:Structure>"
        )
    );
    assert_eq!(
        header(DataFormat::Xml30),
        format!(
            "<message:Structure structureID=\"D\" \
             namespace=\"{urn}Dataflow=A:F(1.0):ObsLevelDim:TIME_PERIOD\" \
             dimensionAtObservation=\"TIME_PERIOD\"><common:StructureUsage>{urn}Dataflow=A:F(1.0)\
             </common:StructureUsage></message:Structure>"
        )
    );
}

#[test]
fn specific_xml_refuses_names_that_xml_does_not_have() {
    let (artefacts, flow) = artefacts(|structure| {
        with_two_measures(structure);
        structure.measures[1].id = "2ND".to_owned();
    });
    let header = MessageHeader { id: "I".into(), prepared: "P".into(), sender: "S".into() };
    let scope = DataScope {
        header: &header,
        flow: &flow,
        artefacts: &artefacts,
        language: "en",
        level: TIME,
        measures: &[0, 1],
        attributes: &[],
        set: DataSet { action: Action::Replace, ..DataSet::default() },
        has_changes: false,
        has_observations: true,
    };
    let mut bytes = Vec::new();
    let refused = writer(&DataFormat::Xml30, scope, &mut bytes).begin().expect_err("no name");
    assert_eq!(
        refused.to_string(),
        "data structure A:D(1.0): 2ND cannot name an attribute of XML: ask for another format"
    );
}

/// The data set and the structure of a JSON message.
fn json(format: &DataFormat, level: Level) -> (Value, Value) {
    let (artefacts, flow) = artefacts(with_everything);
    let message = Message { artefacts: &artefacts, flow: &flow, level, has_observations: true };
    let text = message.write(format, &LINES);
    let message: Value = serde_json::from_str(&text).expect("JSON");
    let part = message.get("data").unwrap_or(&message);
    let structure = part.get("structure").unwrap_or(&part["structures"][0]);
    (part["dataSets"][0].clone(), structure.clone())
}

#[test]
fn json_of_each_version_puts_attributes_where_its_readers_look() {
    let check = |format, level, expected: &str| {
        let (mut data, _) = json(&format, level);
        for plain in ["links", "action", "structure", "annotations"] {
            data.as_object_mut().expect("an object").remove(plain);
        }
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        assert_eq!(data, expected, "{format:?}");
    };
    check(
        DataFormat::Json21,
        TIME,
        r#"{"attributes":[0],
            "dimensionGroupAttributes":{"0::":[null,0],":0:":[0,null],":1:":[1,null]},
            "series":{
                "0:0":{"attributes":[0],"observations":{"0":[1.50,null,[0,1]],"1":[null,2,null]}},
                "0:1":{"attributes":[0],"observations":{"2":["NaN",-0.5,[0]]}}}}"#,
    );
    check(
        DataFormat::Json20,
        Level::Flat,
        r#"{"attributes":[0],
            "dimensionGroupAttributes":{"0::":[null,0],":0:":[0,null],":1:":[1,null]},
            "observations":{
                "0:0:0":[1.50,null,0,0],"0:0:1":[null,2,0,null],"0:1:2":["NaN",-0.5,0,1]}}"#,
    );
    check(
        DataFormat::Json10,
        TIME,
        r#"{"attributes":[0],
            "series":{
                "0:0":{"attributes":[0,0,0],"observations":{"0":[1.50,null,0],"1":[null,0,null]}},
                "0:1":{"attributes":[1,0,0],"observations":{"2":["NaN",1,1]}}}}"#,
    );
    check(
        DataFormat::JsonDraft,
        TIME,
        r#"{"series":{
                "0:0":{"attributes":[0,0,0,0],"observations":{"0":[1.50,null,0],"1":[null,0,null]}},
                "0:1":{"attributes":[0,1,0,0],"observations":{"2":["NaN",1,1]}}}}"#,
    );
}

#[test]
fn json_says_what_its_numbers_stand_for() {
    let (data, structure) = json(&DataFormat::Json20, TIME);
    assert_eq!(data["annotations"], serde_json::json!([0]));
    assert_eq!(structure["annotations"][0]["text"], "note");
    assert_eq!(structure["names"]["fr"], "Un flux");
    let sex = &structure["dimensions"]["series"][1];
    let expected = r#"{"id":"SEX","name":"Sex","names":{"en":"Sex","fr":"Sexe"},"keyPosition":1,
        "values":[{"id":"B","name":"Both","names":{"en":"Both","fr":"Les deux"},"order":0},
                  {"id":"M","name":"Men","names":{"en":"Men"},"order":1,"parent":"B"}]}"#;
    assert_eq!(*sex, serde_json::from_str::<Value>(expected).expect("JSON"));
    let quarter = &structure["dimensions"]["observation"][0]["values"][2];
    let expected = r#"{"id":"2021-Q1","name":"2021-Q1","start":"2021-01-01T00:00:00Z",
                       "end":"2021-03-31T23:59:59Z"}"#;
    assert_eq!(*quarter, serde_json::from_str::<Value>(expected).expect("JSON"));
    let levels = &structure["attributes"];
    let relationship = |level: &str, index: usize| levels[level][index]["relationship"].to_string();
    assert_eq!(relationship("dataSet", 0), "{\"dataflow\":{}}");
    assert_eq!(relationship("dimensionGroup", 0), "{\"dimensions\":[\"SEX\"]}");
    assert_eq!(relationship("series", 0), "{\"dimensions\":[\"FREQ\",\"SEX\"]}");
    assert_eq!(relationship("observation", 0), "{\"observation\":{}}");
    let status = levels["observation"][0]["values"].to_string();
    assert_eq!(status, "[{\"values\":[\"p\",\"q\"]},{\"values\":[\"p\"]}]");
    let (_, structure) = json(&DataFormat::Json21, TIME);
    let status = structure["attributes"]["observation"][0]["values"].to_string();
    assert_eq!(status, "[{\"value\":\"p\"},{\"value\":\"q\"}]");
}

/// What readers of SDMX-ML find in a message, row by row: what groups and the dataflow say is said
/// of every row.
fn read_back(text: &str, flow: &Arc<Flow>) -> Vec<Vec<String>> {
    let mut kept = Kept { flows: vec![Arc::clone(flow)], ..Kept::default() };
    read_rows(text.as_bytes(), "m.xml", &mut kept).expect("a message");
    let cells = |line: &String| -> Vec<String> {
        let (_, rest) = line.split_once('[').expect("cells");
        let (cells, _) = rest.rsplit_once(']').expect("cells");
        cells.split('|').map(|cell| cell.replace('\u{2205}', "")).collect()
    };
    let all: Vec<Vec<String>> = kept.lines.iter().map(cells).collect();
    let (mut rows, partial): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|row| row[..3].iter().all(|cell| !cell.is_empty()));
    for part in partial {
        let mut key = part[..3].iter().enumerate().filter(|(_, cell)| !cell.is_empty());
        for row in &mut rows {
            if key.clone().any(|(at, cell)| row[at] != *cell) {
                continue;
            }
            for (cell, text) in
                row.iter_mut().zip(&part).skip(3).filter(|(_, text)| !text.is_empty())
            {
                cell.clone_from(text);
            }
        }
        assert!(key.next().is_some() || !part[5].is_empty(), "a row without key: {part:?}");
    }
    rows.sort();
    rows
}

#[test]
fn our_own_reader_finds_every_cell_at_every_level() {
    let (artefacts, flow) = artefacts(with_everything);
    let flow = Arc::new(flow);
    for level in [TIME, Level::Flat, Level::Component(0), Level::Component(1)] {
        for format in
            [DataFormat::GenericXml21, DataFormat::StructureSpecificXml21, DataFormat::Xml30]
        {
            let has_observations = true;
            let message = Message { artefacts: &artefacts, flow: &flow, level, has_observations };
            let text = message.write(&format, &LINES);
            assert_eq!(read_back(&text, &flow), LINES, "{format:?} {level:?}");
        }
    }
}

/// A text as the store may hold it: what XML cannot say at all is left out.
fn text() -> impl Strategy<Value = String> {
    let any = prop_oneof!["[a-z\"'&<>;,:\\\\ \n\r\t]{0,8}", any::<String>()];
    any.prop_map(|text| {
        let is_xml = |c: &char| {
            !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
        };
        text.chars().filter(is_xml).collect()
    })
}

/// The keys and cells of a flat XML message, as another reader finds them.
fn read_generic(text: &str) -> Vec<Vec<(String, String)>> {
    let mut reader = Reader::from_str(text);
    let mut rows = Vec::new();
    loop {
        match reader.read_event().expect("XML") {
            Event::Start(tag) if tag.name().as_ref() == "generic:Obs" => rows.push(Vec::new()),
            Event::Empty(tag) if tag.name().as_ref().starts_with("generic:") => {
                let mut found = (String::from("OBS_VALUE"), String::new());
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("an attribute");
                    let value = unescape(&attribute.value).expect("entities").into_owned();
                    match attribute.key.as_ref() {
                        "id" => found.0 = value,
                        _ => found.1 = value,
                    }
                }
                if let Some(row) = rows.last_mut() {
                    row.push(found);
                }
            }
            Event::Eof => return rows,
            _ => {}
        }
    }
}

/// The observations of a flat JSON message 2.0.
fn read_json(text: &str) -> Vec<Vec<(String, String)>> {
    let message: Value = serde_json::from_str(text).expect("JSON");
    let structure = &message["data"]["structures"][0];
    let name = |value: &Value| {
        let found = ["id", "value", "name"].iter().find_map(|member| value.get(member));
        found.and_then(Value::as_str).expect("a value").to_owned()
    };
    let list = |part: &str| structure[part]["observation"].as_array().cloned().unwrap_or_default();
    let (dimensions, measures) = (list("dimensions"), list("measures"));
    let attributes = list("attributes");
    let id = |component: &Value| component["id"].as_str().expect("an id").to_owned();
    let observations = message["data"]["dataSets"][0]["observations"].as_object().expect("data");
    let rows = observations.iter().map(|(key, cells)| {
        let mut row = Vec::new();
        for (dimension, index) in dimensions.iter().zip(key.split(':')) {
            let index: usize = index.parse().expect("a number");
            row.push((id(dimension), name(&dimension["values"][index])));
        }
        let mut cells = cells.as_array().expect("cells").iter();
        for (measure, cell) in measures.iter().zip(cells.by_ref()) {
            match cell {
                Value::Null => {}
                Value::String(text) => row.push((id(measure), text.clone())),
                other => row.push((id(measure), other.to_string())),
            }
        }
        for (attribute, cell) in attributes.iter().zip(cells) {
            if let Some(index) = cell.as_u64() {
                let value = &attribute["values"][usize::try_from(index).expect("an index")];
                row.push((id(attribute), name(value)));
            }
        }
        row
    });
    rows.collect()
}

proptest! {
    /// Whatever text stands in a cell, readers of XML and of JSON find it.
    #[test]
    fn readers_find_the_text_of_every_cell(
        rows in prop::collection::vec((text(), text(), text(), -999_999i32..999_999), 1..20),
    ) {
        let (artefacts, flow) = artefacts(|structure| {
            for attribute in &mut structure.attributes {
                attribute.attachment = Attachment::Observation;
            }
        });
        let level = Level::Flat;
        let message = Message { artefacts: &artefacts, flow: &flow, level, has_observations: true };
        let lines: Vec<Vec<String>> = rows
            .into_iter()
            .enumerate()
            .map(|(index, (a, b, c, value))| {
                let key = ["A".to_owned(), format!("s{index}"), "2020".to_owned()];
                let number = format!("{value}.5");
                let cells = [number, a, b, c, String::new(), "z".to_owned()];
                key.into_iter().chain(cells).collect()
            })
            .collect();
        let ids: Vec<&str> = flow.components().iter().map(|c| c.id.as_str()).collect();
        let mut expected: Vec<Vec<(String, String)>> = lines
            .iter()
            .map(|line| {
                let cells = ids.iter().zip(line).filter(|(_, cell)| !cell.is_empty());
                cells.map(|(id, cell)| ((*id).to_owned(), cell.clone())).collect()
            })
            .collect();
        let sorted = |mut rows: Vec<Vec<(String, String)>>| {
            for row in &mut rows {
                row.sort();
            }
            rows.sort();
            rows
        };
        expected = sorted(expected);
        let xml = message.write(&DataFormat::GenericXml21, &lines);
        prop_assert_eq!(sorted(read_generic(&xml)), expected.clone());
        let json = message.write(&DataFormat::Json20, &lines);
        prop_assert_eq!(sorted(read_json(&json)), expected);
    }
}
