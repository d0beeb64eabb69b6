//! What is written, read back: by our own reader, and by a parser of JSON that is not ours.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::model::{
    Artefact, ArtefactClass, ArtefactId, Artefacts, Attribute, Availability, AvailableCodes,
    Detail, Flow, Measure, Names, References, StructureQuery, TextType, TimeCoverage,
    VersionPattern, classes_of_resource,
};
use crate::sdmx::MessageHeader;
use crate::sdmx::structure::{
    Form, Selected, StructureFormat, left_out, read_structures, select, select_available,
    write_availability, write_structures,
};

const FORMATS: [StructureFormat; 6] = [
    StructureFormat::Xml21,
    StructureFormat::Xml30,
    StructureFormat::Xml31,
    StructureFormat::Json10,
    StructureFormat::Json20,
    StructureFormat::Json21,
];

fn fixture() -> Artefacts {
    let text = include_str!("../fixture.xml");
    Artefacts::from(read_structures(text.as_bytes(), "fixture.xml").unwrap())
}

fn header() -> MessageHeader {
    MessageHeader { id: "M1".into(), prepared: "2024-01-02T10:00:00Z".into(), sender: "ME".into() }
}

fn everything() -> StructureQuery {
    let versions = VersionPattern::parse_v2("*").unwrap();
    StructureQuery { versions, ..StructureQuery::default() }
}

fn of_class(word: &str) -> StructureQuery {
    let classes = classes_of_resource(word).unwrap();
    StructureQuery { classes, ..StructureQuery::default() }
}

fn written(format: StructureFormat, selected: &Selected<'_>, languages: &[&str]) -> String {
    let languages: Vec<String> = languages.iter().map(|&l| l.to_owned()).collect();
    let mut bytes = Vec::new();
    write_structures(&mut bytes, format, &header(), selected, &languages).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn json(format: StructureFormat, selected: &Selected<'_>, languages: &[&str]) -> Value {
    serde_json::from_str(&written(format, selected, languages)).unwrap()
}

fn read_back(format: StructureFormat, selected: &Selected<'_>) -> Artefacts {
    let text = written(format, selected, &[]);
    Artefacts::from(read_structures(text.as_bytes(), "written.xml").unwrap())
}

/// What SDMX 3.x cannot say of an artefact of 2.1.
fn without_finality(artefact: &Artefact) -> Artefact {
    let mut artefact = artefact.clone();
    match &mut artefact {
        Artefact::Codelist(list) => list.identity.is_final = false,
        Artefact::ConceptScheme(scheme) => scheme.identity.is_final = false,
        Artefact::HierarchicalCodelist(list) => list.identity.is_final = false,
        Artefact::DataStructure(structure) => structure.identity.is_final = false,
        Artefact::Dataflow(flow) => flow.identity.is_final = false,
        Artefact::Other { identity, .. } => identity.is_final = false,
    }
    artefact
}

#[test]
fn version_2_1_says_all_that_it_said() {
    let all = fixture();
    let selected = select(&all, &everything()).unwrap();
    assert!(left_out(StructureFormat::Xml21, &selected).is_empty());
    assert_eq!(read_back(StructureFormat::Xml21, &selected), all);
}

#[test]
fn version_3_says_the_same_of_what_it_has() {
    let all = fixture();
    let selected = select(&all, &everything()).unwrap();
    for format in [StructureFormat::Xml30, StructureFormat::Xml31] {
        let back = read_back(format, &selected);
        for artefact in all.iter() {
            let found = back.get(&artefact.class(), &artefact.identity().id);
            match artefact {
                Artefact::Other { class, .. } if class == "AgencyScheme" => {
                    let Some(Artefact::Other { xml, .. }) = found else { panic!("no agencies") };
                    assert!(xml.contains("The agency"), "{xml}");
                }
                Artefact::Other { .. } => assert_eq!(found, None),
                // Each of its hierarchies is an artefact of its own.
                Artefact::HierarchicalCodelist(list) => {
                    for hierarchy in &list.hierarchies {
                        let id = ArtefactId::new("AG", format!("HCL_{}", hierarchy.id), "1.0");
                        let found = back.get(&ArtefactClass::HierarchicalCodelist, &id);
                        let Some(Artefact::HierarchicalCodelist(found)) = found else {
                            panic!("{id} is not there");
                        };
                        assert_eq!(found.hierarchies[0].nodes, hierarchy.nodes);
                        assert_eq!(found.identity.names, hierarchy.names);
                    }
                }
                _ => assert_eq!(
                    found.map(without_finality),
                    Some(without_finality(artefact)),
                    "{format:?}"
                ),
            }
        }
    }
}

/// The structure messages that may be beside the project.
fn messages_beside() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "xml") {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        println!("skipped: there are no messages beside the project");
    }
    found
}

/// The type of the time dimension is written even where a message left it out.
fn with_type_of_time(artefact: &Artefact) -> Artefact {
    let mut artefact = artefact.clone();
    if let Artefact::DataStructure(structure) = &mut artefact
        && let Some(time) = &mut structure.time
    {
        let own = time.representation.get_or_insert_default();
        if own.facet("textType").is_none() {
            own.text_type = Some(TextType::Period);
            own.facets.insert(0, ("textType".into(), "ObservationalTimePeriod".into()));
        }
    }
    artefact
}

#[test]
fn official_samples_come_back_as_they_were() {
    for path in messages_beside() {
        let file = path.display().to_string();
        let bytes = fs::read(&path).unwrap();
        let Ok(read) = read_structures(bytes.as_slice(), &file) else { continue };
        let all = Artefacts::from(read);
        let is_21 = String::from_utf8_lossy(&bytes).contains("/schemas/v2_1/message");
        let format = if is_21 { StructureFormat::Xml21 } else { StructureFormat::Xml30 };
        let query = StructureQuery { detail: Detail::Raw, ..everything() };
        let selected = select(&all, &query).unwrap();
        let back = read_back(format, &selected);
        for artefact in all.iter() {
            let id = &artefact.identity().id;
            let found = back.get(&artefact.class(), id);
            let is_out = left_out(format, &selected).iter().any(|out| *out.artefact == *artefact);
            if !is_out {
                let is_same = found == Some(&with_type_of_time(artefact));
                assert!(is_same, "{file}: {id} is not what it was");
            }
        }
    }
}

#[test]
fn json_has_each_artefact_in_its_list() {
    let all = fixture();
    let selected = select(&all, &everything()).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for format in [StructureFormat::Json10, StructureFormat::Json20, StructureFormat::Json21] {
        let message = json(format, &selected, &[]);
        let data = &message["data"];
        let flow = &data["dataflows"][0];
        assert_eq!(flow["names"]["fr"], "Un flux");
        assert_eq!(flow["annotations"][0]["links"][0]["href"], "http://example.org/?a=1&b=2");
        assert_eq!(
            flow["structure"],
            "urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure=AG:DSD(1.0)"
        );
        let parts = &data["dataStructures"][0]["dataStructureComponents"];
        let dimensions = &parts["dimensionList"]["dimensions"];
        assert_eq!((&dimensions[1]["id"], &dimensions[1]["position"]), (&"AREA".into(), &2.into()));
        let areas = &data["codelists"][0]["codes"];
        assert_eq!((text(&areas[2]["id"]), text(&areas[2]["parent"])), ("FR".into(), "EU".into()));
        let (attachment, measure) = match format {
            StructureFormat::Json10 => ("none", &parts["measureList"]["primaryMeasure"]),
            _ => ("dataflow", &parts["measureList"]["measures"][0]),
        };
        assert_eq!(measure["id"], "OBS_VALUE");
        let note = &parts["attributeList"]["attributes"][1];
        assert!(note["attributeRelationship"][attachment].is_object(), "{note}");
        let out = left_out(format, &selected);
        assert!(out.iter().all(|out| matches!(&*out.artefact, Artefact::Other { .. })));
        assert_eq!(out.len(), 3);
        assert_eq!(data["agencySchemes"][0]["agencies"][0]["name"], "The agency");
    }
}

#[test]
fn languages_are_those_asked_for_or_the_next_best() {
    let all = fixture();
    let query = StructureQuery { ids: vec!["CL_AREA".into()], ..of_class("codelist") };
    let selected = select(&all, &query).unwrap();
    let names = |languages: &[&str]| {
        let message = json(StructureFormat::Json20, &selected, languages);
        let list = &message["data"]["codelists"][0];
        format!("{} {} {}", list["name"], list["names"], list["codes"][1]["names"])
    };
    assert_eq!(names(&[]), r#""Area" {"en":"Area","fr":"Zone"} {"en":"Europe"}"#);
    assert_eq!(names(&["fr"]), r#""Zone" {"fr":"Zone"} {"en":"Europe"}"#);
    assert_eq!(names(&["de", "fr"]), r#""Zone" {"fr":"Zone"} {"en":"Europe"}"#);
    assert_eq!(names(&["de"]), r#""Area" {"en":"Area"} {"en":"Europe"}"#);
}

#[test]
fn stubs_say_no_more_than_they_should() {
    let all = fixture();
    let check = |detail: Detail, has_annotations: bool| {
        let query = StructureQuery { detail, ..of_class("dataflow") };
        let selected = select(&all, &query).unwrap();
        for format in FORMATS {
            let text = written(format, &selected, &[]);
            assert_eq!(text.contains("NOT_DISPLAYED"), has_annotations, "{format:?}");
            assert!(text.contains("isExternalReference") && !text.contains("DSD"), "{format:?}");
        }
    };
    // Version 1.0, which has the annotation, is not the latest.
    check(Detail::AllStubs, false);
    let query = StructureQuery { detail: Detail::AllCompleteStubs, ..everything() };
    let selected = select(&all, &query).unwrap();
    assert!(selected.artefacts.iter().all(|shown| shown.form == Form::CompleteStub));
    assert!(written(StructureFormat::Xml21, &selected, &[]).contains("NOT_DISPLAYED"));
}

#[test]
fn several_measures_become_attributes_in_2_1() {
    let mut all = fixture();
    let id = ArtefactId::new("AG", "DSD", "1.0");
    let mut structure = all.data_structure(&id).unwrap().clone();
    let concept = structure.measures[0].concept.clone();
    let other = Measure { id: "OTHER".into(), concept, ..Measure::default() };
    structure.measures.insert(0, other);
    all.insert(Artefact::DataStructure(structure));
    let selected = select(&all, &of_class("datastructure")).unwrap();
    let back = read_back(StructureFormat::Xml21, &selected);
    let back = back.data_structure(&id).unwrap();
    let ids = |measures: &[Measure]| measures.iter().map(|m| m.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&back.measures), ["OBS_VALUE"]);
    let last = back.attributes.last().unwrap();
    assert_eq!((last.id.as_str(), &last.attachment), ("OTHER", &Attribute::default().attachment));
    let back = read_back(StructureFormat::Xml30, &selected);
    assert_eq!(ids(&back.data_structure(&id).unwrap().measures), ["OTHER", "OBS_VALUE"]);
}

#[test]
fn values_that_are_no_identifiers_are_left_out_of_2_1() {
    let mut all = fixture();
    let id = ArtefactId::new("AG", "CL_FREQ", "1.0");
    let mut list = all.codelist(&id).unwrap().clone();
    list.is_value_list = true;
    list.codes[0].id = "10 %".into();
    list.codes[0].names = Names::default();
    all.insert(Artefact::Codelist(list));
    let query = StructureQuery { ids: vec!["CL_FREQ".into()], ..of_class("codelist") };
    let selected = select(&all, &query).unwrap();
    let back = read_back(StructureFormat::Xml21, &selected);
    let back = back.codelist(&id).unwrap();
    assert!(back.is_partial && !back.is_value_list && back.codes.len() == 2);
    let back = read_back(StructureFormat::Xml30, &selected);
    let back = back.codelist(&id).unwrap();
    assert!(!back.is_partial && back.is_value_list && back.codes[0].id == "10 %");
}

#[test]
fn availability_lists_what_is_there() {
    let all = fixture();
    let flow = Flow::resolve(&ArtefactId::new("AG", "FLOW", "1.0"), &all).unwrap();
    let listed = |dimension: &str, codes: &[&str]| AvailableCodes {
        dimension: dimension.into(),
        codes: codes.iter().map(|&code| code.into()).collect(),
    };
    let availability = Availability {
        flow: flow.id.clone(),
        dimensions: vec![listed("FREQ", &["A"]), listed("AREA", &["FR", "US"])],
        time: Some(TimeCoverage { first_day: 0, last_day: 364 }),
        series_count: 12,
        observation_count: Some(345),
    };
    let write = |format: StructureFormat, references: &str| {
        let references = References::parse(references).unwrap();
        let references = select_available(&all, &availability, &references).unwrap();
        let mut bytes = Vec::new();
        write_availability(&mut bytes, format, &header(), &flow, &availability, &references)
            .unwrap();
        String::from_utf8(bytes).unwrap()
    };
    for format in FORMATS {
        let text = write(format, "none");
        for part in ["FREQ", "US", "1970-01-01", "1970-12-31", "12", "345", "AG:FLOW(1.0)"] {
            // A reference of 2.1 is not written as one text.
            let is_reference = part.contains(':') && format == StructureFormat::Xml21;
            assert!(is_reference || text.contains(part), "{format:?} {part}: {text}");
        }
        assert!(!text.contains("DSD") && !text.contains("France"), "{format:?}");
    }
    let codes = |text: &str, list: &str| {
        let all = Artefacts::from(read_structures(text.as_bytes(), "written.xml").unwrap());
        let list = all.codelist(&ArtefactId::new("AG", list, "1.0")).unwrap().clone();
        let codes: Vec<String> = list.codes.into_iter().map(|code| code.id).collect();
        format!("{} {}", codes.join(" "), list.is_partial)
    };
    for references in ["all", "codelist"] {
        let text = write(StructureFormat::Xml30, references);
        assert_eq!(codes(&text, "CL_AREA"), "W EU FR US true");
        assert_eq!(codes(&text, "CL_FREQ"), "A true");
        assert_eq!(text.contains("DataStructureComponents"), references == "all");
        assert!(!text.contains("CL_UNUSED"));
    }
}
