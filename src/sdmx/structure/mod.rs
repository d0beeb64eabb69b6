//! SDMX-ML structure messages, versions 2.1, 3.0 and 3.1, to artefacts; and artefacts to structure
//! messages, these and SDMX-JSON.
//!
//! Read in this order: `reference` (references between artefacts), `named` (names and annotations),
//! `representation` (what values may be), `codes` (codelists and concepts), `hierarchies`,
//! `components` (structures and dataflows), and [`read_structures`], which puts them together. Then
//! `classes` (what messages call the classes), `mention` (what artefacts kept as XML refer to),
//! `agencies` (the agencies among them), `graph` (which artefacts refer to which), `partial` (item schemes cut to what is used), `select`
//! (what a query asks for), `describe` (what describes the data of one dataflow), and `write`.
//!
//! The versions differ in how they refer (an element in 2.1, a URN or an identifier as text in 3.x)
//! and in some names, which no version uses for something else: one reader takes them all.
//!
//! **Invariant:** no artefact is left out. A class that the model does not know is kept as XML, and
//! so is a *stub*, which names an artefact and says where it is instead of what it is: a stub never
//! takes the place of the artefact itself.
//!
//! Source: SDMX 2.1, 3.0 and 3.1 section 3A and their schemas.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod agencies;
mod classes;
mod codes;
mod components;
mod describe;
mod graph;
mod hierarchies;
mod mention;
mod named;
mod partial;
mod reference;
mod representation;
mod select;
mod write;

use std::io::BufRead;

use crate::error::{Error, Result};
use crate::limits::STRUCTURE_BYTES_MAX;
use crate::model::{Artefact, ArtefactId, Identity};
use crate::sdmx::structure::components::Found;
use crate::sdmx::structure::named::Named;
use crate::sdmx::structure::reference::artefact_id;
use crate::sdmx::xml::{Source, Tag};

pub use describe::{select_available, select_schema};
pub(in crate::sdmx) use reference::Reference;
pub use select::{Form, Selected, SelectedArtefact, select};
pub use write::{StructureFormat, left_out, write_availability, write_structures};

/// What the namespaces of all versions of SDMX-ML have in common.
const NAMESPACE: &str = "http://www.sdmx.org/resources/sdmxml/schemas/";

/// Reads an SDMX-ML structure message, or the structures in a registry message. Artefacts come in
/// the order of the message. References are not followed. `file` names it in errors.
///
/// # Errors
///
/// [`Error::Syntax`] with file, line and column for what is not well-formed, not SDMX-ML, or over a
/// bound; [`Error::Unsupported`] for other versions and kinds of message, which it names;
/// [`Error::Io`] if the input fails.
pub fn read_structures(input: impl BufRead, file: &str) -> Result<Vec<Artefact>> {
    let mut source = Source::new(input, file, STRUCTURE_BYTES_MAX)?;
    let root = source.root()?;
    check_root(&source, &root, file)?;
    let mut artefacts = Vec::new();
    while let Some(part) = source.child()? {
        match part.name() {
            "Structures" => read_artefacts(&mut source, &mut artefacts)?,
            // A registry message: the structures are one level further down.
            "SubmitStructureRequest" | "QueryStructureResponse" => {
                while let Some(part) = source.child()? {
                    match part.name() {
                        "Structures" => read_artefacts(&mut source, &mut artefacts)?,
                        _ => source.skip()?,
                    }
                }
            }
            _ => source.skip()?,
        }
    }
    source.finish()?;
    Ok(artefacts)
}

/// The dataflow of a provision agreement that was kept as XML; absent if it names none.
///
/// # Errors
///
/// [`Error::Syntax`] if it is no XML.
pub fn flow_of_agreement(xml: &str) -> Result<Option<ArtefactId>> {
    let mut source = Source::new(xml.as_bytes(), "provision agreement", STRUCTURE_BYTES_MAX)?;
    source.root()?;
    let mut found = None;
    while let Some(part) = source.child()? {
        match part.name() {
            "StructureUsage" | "Dataflow" => {
                found = Some(Reference::read(&mut source, &part)?.artefact(&source)?);
            }
            _ => source.skip()?,
        }
    }
    Ok(found)
}

/// Checks that the message may hold structures, and else says what it is.
fn check_root<R: BufRead>(source: &Source<'_, R>, root: &Tag, file: &str) -> Result<()> {
    let name = root.local();
    let version = root.namespace.as_deref().and_then(|uri| uri.strip_prefix(NAMESPACE));
    let Some(version) = version.and_then(|rest| rest.split('/').next()) else {
        let reason = format!("the root element is {name}: this is no SDMX-ML message");
        return Err(source.error(root.at, reason));
    };
    let version = version.trim_start_matches('v').replace('_', ".");
    let what = match (version.as_str(), name) {
        ("2.1" | "3.0" | "3.1", "Structure" | "RegistryInterface") => return Ok(()),
        (_, "Error") => {
            let reason = "this is an error message of an SDMX service, not a structure message";
            return Err(source.error(root.at, reason));
        }
        (_, "Structure" | "RegistryInterface") => "structure",
        (_, name) if name.ends_with("Query") => "query",
        (_, name) if name.contains("Metadata") => "reference metadata",
        (_, name) if name.ends_with("Data") || name.ends_with("DataSet") => "data",
        _ => "other",
    };
    let advice = match what {
        "structure" => "ask its source for SDMX-ML 2.1 or 3.0",
        "data" => "load it as data",
        _ => "a structure message is needed",
    };
    Err(Error::Unsupported {
        what: format!("{file}: an SDMX-ML {version} {what} message ({name}; {advice})"),
    })
}

/// Reads a `Structures` element: containers of artefacts, one a class.
fn read_artefacts<R: BufRead>(
    source: &mut Source<'_, R>,
    artefacts: &mut Vec<Artefact>,
) -> Result<()> {
    while let Some(_container) = source.child()? {
        while let Some(tag) = source.child()? {
            artefacts.push(read_artefact(source, &tag)?);
        }
    }
    Ok(())
}

fn read_artefact<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Artefact> {
    let is_stub = tag.is_true("isExternalReference");
    let class = if is_stub { "" } else { tag.name() };
    match class {
        "Codelist" | "ValueList" | "GeographicCodelist" | "GeoGridCodelist" => {
            return codes::codelist(source, tag).map(Artefact::Codelist);
        }
        "ConceptScheme" => return codes::concept_scheme(source, tag).map(Artefact::ConceptScheme),
        "HierarchicalCodelist" => {
            let list = hierarchies::hierarchical_codelist(source, tag);
            return list.map(Artefact::HierarchicalCodelist);
        }
        "Hierarchy" => {
            let list = hierarchies::single_hierarchy(source, tag);
            return list.map(Artefact::HierarchicalCodelist);
        }
        _ => source.record(),
    }
    let identity = match class {
        "DataStructure" => match components::data_structure(source, tag)? {
            Found::Whole(structure) => {
                source.recorded();
                return Ok(Artefact::DataStructure(structure));
            }
            Found::Stub(identity) => identity,
        },
        "Dataflow" => match components::dataflow(source, tag)? {
            Found::Whole(flow) => {
                source.recorded();
                return Ok(Artefact::Dataflow(flow));
            }
            Found::Stub(identity) => identity,
        },
        _ => read_identity(source, tag)?,
    };
    let class = tag.local().to_owned();
    Ok(Artefact::Other { class, identity, xml: source.recorded() })
}

fn read_identity<R: BufRead>(source: &mut Source<'_, R>, tag: &Tag) -> Result<Identity> {
    let id = artefact_id(source, tag)?;
    let mut named = Named::default();
    while let Some(child) = source.child()? {
        named.take(source, &child)?;
    }
    Ok(named.identity(id, tag))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Artefacts, Attachment, Cascade, CodeSelection, CodelistExtension, Flow};
    use crate::model::{MemberValue, Occurs, TextType};

    const HEAD: &str = r#"<m:Structure xmlns:m="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message" xmlns:s="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure" xmlns:c="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/common"><m:Header/><m:Structures>"#;
    const TAIL: &str = "</m:Structures></m:Structure>";

    fn read(inside: &str) -> Result<Vec<Artefact>> {
        read_structures(format!("{HEAD}{inside}{TAIL}").as_bytes(), "f.xml")
    }

    /// The structure messages that may be beside the project.
    fn shared(path: &str) -> Option<PathBuf> {
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
        let found = found.exists().then_some(found);
        if found.is_none() {
            println!("skipped: {path} is not here");
        }
        found
    }

    fn read_file(path: &Path) -> Result<Vec<Artefact>> {
        read_structures(fs::read(path).unwrap().as_slice(), &path.display().to_string())
    }

    #[test]
    fn reads_codelists_with_all_that_is_said() {
        let found = read(
            r#"<s:Codelists><s:Codelist id="CL" agencyID="A.B" isFinal="true" isPartial="1">
            <c:Annotations><c:Annotation id="a"><c:AnnotationTitle>t &amp; u</c:AnnotationTitle>
            <c:AnnotationType>ORDER</c:AnnotationType><c:AnnotationURL>http://x</c:AnnotationURL>
            <c:AnnotationText xml:lang="fr">&#233;t&#xe9;</c:AnnotationText></c:Annotation></c:Annotations>
            <c:Name xml:lang="en"> One
            </c:Name><c:Name xml:lang="de">Eins</c:Name><c:Description>d<![CDATA[<&>]]></c:Description>
            <s:Code id="X"/><s:Code id="Y"><c:Name>Why</c:Name><s:Parent><Ref id="X"/></s:Parent></s:Code>
            <s:Code id="Z"><s:Parent><URN>urn:sdmx:org.sdmx.infomodel.codelist.Code=A.B:CL(1.0).Y.1</URN></s:Parent></s:Code>
            </s:Codelist></s:Codelists>"#,
        )
        .unwrap();
        let [Artefact::Codelist(list)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(list.identity.id.to_string(), "A.B:CL(1.0)");
        assert!(list.identity.is_final && list.is_partial);
        assert_eq!(list.identity.names.exact("en"), Some("One"));
        assert_eq!(list.identity.names.exact("de"), Some("Eins"));
        assert_eq!(list.identity.descriptions.exact("en"), Some("d<&>"));
        let annotation = &list.identity.annotations[0];
        assert_eq!(annotation.id.as_deref(), Some("a"));
        assert_eq!(annotation.title.as_deref(), Some("t & u"));
        assert_eq!(annotation.kind.as_deref(), Some("ORDER"));
        assert_eq!(annotation.url.as_deref(), Some("http://x"));
        assert_eq!(annotation.texts.exact("fr"), Some("été"));
        let parents: Vec<_> = list.codes.iter().map(|code| code.parent.as_deref()).collect();
        assert_eq!(parents, [None, Some("X"), Some("Y.1")]);
    }

    #[test]
    fn reads_hierarchies_by_reference_and_by_alias() {
        let found = read(
            r#"<s:HierarchicalCodelists><s:HierarchicalCodelist id="H" agencyID="A" version="2.0">
            <s:IncludedCodelist alias="L"><Ref id="CL" agencyID="A" version="1.1"/></s:IncludedCodelist>
            <s:Hierarchy id="1"><c:Name>Tree</c:Name>
            <s:HierarchicalCode id="a"><s:Code><Ref id="W" agencyID="A" maintainableParentID="CL" maintainableParentVersion="1.0"/></s:Code>
              <s:HierarchicalCode id="b"><s:CodelistAliasRef>L</s:CodelistAliasRef><s:CodeID><Ref id="E"/></s:CodeID></s:HierarchicalCode>
            </s:HierarchicalCode></s:Hierarchy></s:HierarchicalCodelist></s:HierarchicalCodelists>"#,
        )
        .unwrap();
        let [Artefact::HierarchicalCodelist(list)] = found.as_slice() else { panic!("{found:?}") };
        let root = &list.hierarchies[0].nodes[0];
        assert_eq!((root.codelist.to_string().as_str(), root.code.as_str()), ("A:CL(1.0)", "W"));
        let child = &root.children[0];
        assert_eq!((child.codelist.to_string().as_str(), child.code.as_str()), ("A:CL(1.1)", "E"));
    }

    #[test]
    fn reads_structures_and_orders_dimensions_by_position() {
        let concept = |id: &str| {
            format!(
                "<s:ConceptIdentity><URN>urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=A:CS(1.0).{id}\
                 </URN></s:ConceptIdentity>"
            )
        };
        let found = read(&format!(
            r#"<s:DataStructures><s:DataStructure id="D" agencyID="A"><s:DataStructureComponents>
            <s:DimensionList><s:Dimension id="AREA" position="2">{area}<s:LocalRepresentation>
              <s:TextFormat textType="Integer" minLength="1" maxLength="3" pattern="[0-9]+"/></s:LocalRepresentation></s:Dimension>
            <s:MeasureDimension position="1">{what}<s:LocalRepresentation><s:Enumeration><Ref id="CS" agencyID="A"/></s:Enumeration></s:LocalRepresentation></s:MeasureDimension>
            <s:TimeDimension position="3">{time}</s:TimeDimension></s:DimensionList>
            <s:Group id="G"><s:GroupDimension><s:DimensionReference><Ref id="AREA"/></s:DimensionReference></s:GroupDimension></s:Group>
            <s:AttributeList><s:Attribute id="U" assignmentStatus="Mandatory">{what}<s:AttributeRelationship><s:None/></s:AttributeRelationship></s:Attribute>
            <s:Attribute id="V">{what}<s:AttributeRelationship><s:Group><Ref id="G"/></s:Group></s:AttributeRelationship></s:Attribute>
            <s:Attribute id="W">{what}<s:AttributeRelationship><s:Dimension><Ref id="AREA"/></s:Dimension><s:AttachmentGroup><Ref id="G"/></s:AttachmentGroup></s:AttributeRelationship></s:Attribute>
            <s:Attribute>{what}<s:AttributeRelationship><s:PrimaryMeasure><Ref id="OBS_VALUE"/></s:PrimaryMeasure></s:AttributeRelationship></s:Attribute>
            </s:AttributeList><s:MeasureList><s:PrimaryMeasure>{what}</s:PrimaryMeasure></s:MeasureList>
            </s:DataStructureComponents></s:DataStructure></s:DataStructures>"#,
            area = concept("AREA"),
            what = concept("WHAT"),
            time = concept("WHEN"),
        ))
        .unwrap();
        let [Artefact::DataStructure(structure)] = found.as_slice() else { panic!("{found:?}") };
        let ids: Vec<&str> = structure.dimensions.iter().map(|d| d.id.as_str()).collect();
        assert_eq!(ids, ["WHAT", "AREA"]);
        let what = structure.dimensions[0].representation.as_ref().unwrap();
        assert!(structure.dimensions[0].is_measure && what.codelist.is_none());
        assert_eq!(what.concepts, Some(ArtefactId::new("A", "CS", "1.0")));
        let area = structure.dimensions[1].representation.as_ref().unwrap();
        assert_eq!(area.text_type, Some(TextType::Integer));
        assert_eq!((area.length_min, area.length_max), (Some(1), Some(3)));
        assert!(area.facets.contains(&("pattern".to_owned(), "[0-9]+".to_owned())));
        assert_eq!(structure.time.as_ref().unwrap().id, "TIME_PERIOD");
        assert_eq!(structure.measures[0].id, "OBS_VALUE");
        assert_eq!(structure.groups[0].dimensions, ["AREA"]);
        let attributes: Vec<_> =
            structure.attributes.iter().map(|a| (a.id.as_str(), &a.attachment)).collect();
        let expected = [
            ("U", &Attachment::Dataflow),
            ("V", &Attachment::Group("G".to_owned())),
            ("W", &Attachment::Dimensions(vec!["AREA".to_owned()])),
            ("WHAT", &Attachment::Observation),
        ];
        assert_eq!(attributes, expected);
        assert!(structure.attributes[0].is_mandatory && !structure.attributes[1].is_mandatory);
    }

    #[test]
    fn keeps_other_artefacts_and_stubs_as_xml_that_stands_alone() {
        let inside = r#"<s:CategorySchemes><s:CategoryScheme id="S" agencyID="A" version="1.2" x='"'><c:Name>N</c:Name><!-- kept --><s:Category id="1"><x/></s:Category ></s:CategoryScheme></s:CategorySchemes><s:Codelists><s:Codelist id="CL" agencyID="A" isExternalReference="true"/></s:Codelists>"#;
        let found = read(inside).unwrap();
        let check = |artefact: &Artefact, class: &str, id: &str, xml: &str| {
            let Artefact::Other { class: known, identity, xml: kept } = artefact else {
                panic!("{artefact:?}")
            };
            assert_eq!((known.as_str(), identity.id.to_string().as_str()), (class, id));
            assert_eq!(kept, xml);
        };
        let schemas = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1";
        let common = format!(r#" xmlns:c="{schemas}/common""#);
        let structure = format!(r#" xmlns:s="{schemas}/structure""#);
        check(
            &found[0],
            "CategoryScheme",
            "A:S(1.2)",
            &format!(
                r#"<s:CategoryScheme id="S" agencyID="A" version="1.2" x='"'{common}{structure}><c:Name>N</c:Name><!-- kept --><s:Category id="1"><x/></s:Category></s:CategoryScheme>"#
            ),
        );
        check(
            &found[1],
            "Codelist",
            "A:CL(1.0)",
            &format!(r#"<s:Codelist id="CL" agencyID="A" isExternalReference="true"{structure}/>"#),
        );
        assert_eq!(found[0].identity().names.exact("en"), Some("N"));
        // What was kept reads as the same artefact again.
        let Artefact::Other { xml, .. } = &found[0] else { panic!("not kept") };
        let again = read(&format!("<s:CategorySchemes>{xml}</s:CategorySchemes>")).unwrap();
        assert_eq!(again[0].identity(), found[0].identity());
    }

    #[test]
    fn names_the_place_of_an_error() {
        let check = |message: &str, expected: &str| {
            let error = read_structures(message.as_bytes(), "f.xml").expect_err("accepted");
            let text = error.to_string();
            assert!(text.starts_with(expected), "{text}\n  instead of {expected}");
        };
        let message = |inside: &str| format!("{HEAD}\n{inside}\n{TAIL}");
        check(&message("  <s:a></s:b>"), "f.xml:2:8: ");
        check(&message("  <s:a b='1' b='2'/>"), "f.xml:2:3: ");
        check(&message("  <s:a b=1/>"), "f.xml:2:3: ");
        check(&message("<s:a>é&foo;</s:a>"), "f.xml:2:7: the entity &foo; is not defined in XML");
        check(&message("<s:a>é&foo</s:a>"), "f.xml:2:7: ");
        check(&message("<s:a b='&foo;'/>"), "f.xml:2:1: ");
        check(&message("<t:a/>"), "f.xml:2:1: the prefix t is not declared (xmlns:t)");
        check(&message("<s:a>\u{1}</s:a>"), "f.xml:2:6: the character");
        check(
            &message("<s:Codelists>\n <s:Codelist agencyID='A'/></s:Codelists>"),
            "f.xml:3:2: Codelist has no id",
        );
        check(
            &message(
                "<s:Dataflows><s:Dataflow id='F' agencyID='A'><s:Structure/></s:Dataflow></s:Dataflows>",
            ),
            "f.xml:2:46: Structure refers to nothing",
        );
        check(HEAD, "f.xml:1:");
        check("", "f.xml:1:1: this is no XML");
        check("DATAFLOW,FREQ", "f.xml:1:1: this is no XML");
        check("\u{feff}\n<html/>", "f.xml:2:1: the root element is html");
        check("<!DOCTYPE a><a/>", "f.xml:1:1: a document type (DOCTYPE)");
        check("<?xml version='1.0' encoding='ISO-8859-1'?>\n<a/>", "f.xml:1:1: the file is ISO");
        check(&format!("{HEAD}{TAIL}<a/>"), "f.xml:1:");
        let nested = "<s:a id='B' agencyID='A'>".repeat(100);
        check(&message(&nested), "f.xml:2:1551: elements are nested deeper than 64");
        let attributes: Vec<String> = (0..300).map(|n| format!("a{n}=''")).collect();
        let attributes = attributes.join(" ");
        check(
            &message(&format!("<s:a {attributes}/>")),
            "f.xml:2:1: the element has more than 256",
        );
        let latin = [HEAD.as_bytes(), b"\n<s:a b='\xe9'/>"].concat();
        let error = read_structures(latin.as_slice(), "f.xml").expect_err("accepted");
        assert!(error.to_string().starts_with("f.xml:2:1: the text is not UTF-8"), "{error}");
        let error = read_structures(&b"\xff\xfe<\0"[..], "f.xml").expect_err("accepted");
        assert!(error.to_string().contains("UTF-16"), "{error}");
    }

    #[test]
    fn says_what_other_messages_are() {
        let check = |version: &str, name: &str, expected: &str| {
            let message = format!("<m:{name} xmlns:m='{NAMESPACE}{version}/message'/>");
            let text = read_structures(message.as_bytes(), "f").expect_err("accepted").to_string();
            assert!(text.contains(expected), "{text}");
        };
        check("v2_0", "Structure", "an SDMX-ML 2.0 structure message");
        check("v2_1", "GenericData", "an SDMX-ML 2.1 data message");
        check("v3_0", "StructureSpecificData", "an SDMX-ML 3.0 data message");
        check("v2_1", "CodelistQuery", "query message");
        check("v2_1", "GenericMetadata", "reference metadata");
        check("v2_1", "Error", "this is an error message");
    }

    #[test]
    fn reads_registry_messages() {
        let list = "<s:Codelists><s:Codelist id='C' agencyID='A'><s:Code id='X'/></s:Codelist></s:Codelists>";
        let head = HEAD
            .replace("m:Structure ", "m:RegistryInterface ")
            .replace("<m:Structures>", "<m:SubmitStructureRequest><s:Structures>");
        let tail = "</s:Structures></m:SubmitStructureRequest></m:RegistryInterface>";
        let found = read_structures(format!("{head}{list}{tail}").as_bytes(), "f.xml").unwrap();
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn reads_the_structures_of_the_ecb() {
        let Some(path) = shared("data/ecb-exr/ECB_EXR1-structure-2.1.xml") else { return };
        let artefacts = Artefacts::from(read_file(&path).unwrap());
        assert_eq!(artefacts.len(), 17);
        let flow = Flow::resolve(&ArtefactId::new("ECB", "EXR", "1.0"), &artefacts).unwrap();
        let ids: Vec<&str> = flow.components().iter().map(|c| c.id.as_str()).collect();
        let keys = ["FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX", "TIME_PERIOD"];
        assert_eq!(ids[..6], keys);
        assert_eq!(flow.measures().len(), 1);
        assert!(flow.attributes().iter().any(|attribute| attribute.id == "TIME_FORMAT"));
        let list = ArtefactId::new("ECB", "CL_COLLECTION", "1.0");
        assert_eq!(artefacts.codelist(&list).unwrap().codes.len(), 10);
        let structure = ArtefactId::new("ECB", "ECB_EXR1", "1.0");
        let structure = artefacts.data_structure(&structure).unwrap();
        assert_eq!(structure.groups[0].dimensions, keys[1..5]);
        assert_eq!(structure.attributes[0].representation.as_ref().unwrap().length_max, Some(3));
    }

    /// Every official message reads, and has the artefacts that a count of start tags finds.
    #[test]
    fn reads_every_message_beside_the_project() {
        let mut files = Vec::new();
        for folder in ["data", "schemas/samples/ml-2.1"].into_iter().filter_map(shared) {
            collect(&folder, &mut files);
        }
        for path in files {
            let text = fs::read_to_string(&path).unwrap();
            let is_structure =
                text.contains(":Structures>") && text.contains("schemas/v2_1/message");
            match read_file(&path) {
                // Counted in another test.
                Ok(_) if text.contains("schemas/v3_0/message") => {}
                Ok(artefacts) => {
                    assert!(is_structure, "{}", path.display());
                    let count = |tag: &str| {
                        let starts = [format!(":{tag} "), format!(":{tag}>")];
                        let starts = starts.iter().map(|start| text.matches(start).count());
                        starts.sum::<usize>()
                            - text.matches(&format!("</str:{tag}>")).count()
                            - text.matches(&format!("</structure:{tag}>")).count()
                    };
                    let found = |class: &str| {
                        let is_found = |artefact: &&Artefact| match artefact {
                            Artefact::Codelist(_) => class == "Codelist",
                            Artefact::ConceptScheme(_) => class == "ConceptScheme",
                            Artefact::DataStructure(_) => class == "DataStructure",
                            Artefact::Other { class: known, .. } => class == known,
                            _ => false,
                        };
                        artefacts.iter().filter(is_found).count()
                    };
                    for class in ["Codelist", "ConceptScheme", "DataStructure", "CategoryScheme"] {
                        assert_eq!(found(class), count(class), "{class} of {}", path.display());
                    }
                    let codes = artefacts.iter().map(|artefact| match artefact {
                        Artefact::Codelist(list) => list.codes.len(),
                        _ => 0,
                    });
                    let expected =
                        text.matches(":Code id=").count() + text.matches(":Code urn=").count();
                    assert_eq!(codes.sum::<usize>(), expected, "codes of {}", path.display());
                }
                Err(error) => assert!(!is_structure, "{error}"),
            }
        }
    }

    /// The same structures in both versions are the same artefacts, but for those kept as XML.
    #[test]
    fn versions_say_the_same() {
        for name in ["data/wpp2019-sample/WPP2019", "data/sdg2020-education/SDG2020"] {
            let [Some(old), Some(new)] = [
                shared(&format!("{name}-structure-2.1.xml")),
                shared(&format!("{name}-structure-3.0.xml")),
            ] else {
                return;
            };
            let read = |path: &Path| {
                let mut artefacts = read_file(path).unwrap();
                artefacts.retain(|artefact| !matches!(artefact, Artefact::Other { .. }));
                Artefacts::from(artefacts)
            };
            let (old, new) = (read(&old), read(&new));
            assert!(old.len() > 5, "{name}");
            for (old, new) in old.iter().zip(new.iter()) {
                assert_eq!(old, new, "{name}");
            }
            assert_eq!(old.len(), new.len(), "{name}");
        }
    }

    /// Counted by another reader of XML: artefacts, those kept as XML, codes and concepts.
    #[test]
    fn reads_the_official_samples_of_version_3() {
        let check = |name: &str, expected: [usize; 4]| {
            let Some(path) = shared(&format!("schemas/samples/ml-3.0/{name}.xml")) else { return };
            let artefacts = read_file(&path).unwrap();
            let sum = |count: fn(&Artefact) -> usize| artefacts.iter().map(count).sum::<usize>();
            let others = sum(|artefact| usize::from(matches!(artefact, Artefact::Other { .. })));
            let codes = sum(|artefact| match artefact {
                Artefact::Codelist(list) => list.codes.len(),
                _ => 0,
            });
            let concepts = sum(|artefact| match artefact {
                Artefact::ConceptScheme(scheme) => scheme.concepts.len(),
                _ => 0,
            });
            assert_eq!([artefacts.len(), others, codes, concepts], expected, "{name}");
        };
        check("Codelist/codelist", [1, 0, 5, 0]);
        check("Codelist/codelist - extended", [2, 0, 7, 0]);
        check("Codelist/codelist - discriminated union", [8, 3, 0, 4]);
        check("Codelist/valuelist", [1, 0, 6, 0]);
        check("Concept Scheme/conceptscheme", [1, 0, 0, 342]);
        check("Data - Complex Data Attributes/ECB_EXR_CA_DSD", [1, 0, 0, 0]);
        check("Data Structure Definition/ECB_EXR", [1, 0, 0, 0]);
        check("Dataflow/dataflow", [1, 0, 0, 0]);
        check("Geospatial/geospatial_geocomponents", [2, 0, 0, 3]);
        check("Geospatial/geospatial_geographiccodelist", [1, 0, 3, 0]);
        check("Geospatial/geospatial_geogridcodelist", [1, 0, 3, 0]);
        check("VTL Transformations/VTL_Sample_1", [12, 4, 10, 11]);
        check("VTL Transformations/VTL_Sample_2", [14, 6, 10, 8]);
        check("VTL Transformations/VTL_Sample_3", [9, 2, 8, 5]);
    }

    #[test]
    fn resolves_the_extension_of_the_official_sample() {
        let Some(path) = shared("schemas/samples/ml-3.0/Codelist/codelist - extended.xml") else {
            return;
        };
        let artefacts = Artefacts::from(read_file(&path).unwrap());
        let list = artefacts.codelist(&ArtefactId::new("EXAMPLE", "CL_EXTENDED_AGE", "1.0"));
        let list = artefacts.extended(list.unwrap()).unwrap();
        let codes: Vec<&str> = list.codes.iter().map(|code| code.id.as_str()).collect();
        assert_eq!(codes, ["M", "W", "D", "H", "I", "S"]);
    }

    /// The artefacts of a message of version 3.1.
    fn read_3(inside: &str) -> Vec<Artefact> {
        let message = format!("{HEAD}{inside}{TAIL}").replace("v2_1", "v3_1");
        read_structures(message.as_bytes(), "f.xml").unwrap()
    }

    #[test]
    fn reads_the_components_of_version_3() {
        let concept = |id: &str| {
            format!("urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=A:CS(1.0.0).{id}")
        };
        let what = format!("<s:ConceptIdentity>{}</s:ConceptIdentity>", concept("WHAT"));
        let found = read_3(&format!(
            r#"<s:DataStructures><s:DataStructure id="D" agencyID="A" version="1.0.0" validFrom="2020-01-01T00:00:00">
            <s:DataStructureComponents><s:DimensionList>
            <s:Dimension id="AREA" position="1">{what}<s:ConceptRole>{role}</s:ConceptRole></s:Dimension></s:DimensionList>
            <s:Group id="G"><c:Annotations><c:Annotation id="n"><c:AnnotationURL>u</c:AnnotationURL><c:AnnotationURL xml:lang="fr">v</c:AnnotationURL><c:AnnotationValue>1</c:AnnotationValue></c:Annotation></c:Annotations>
              <s:GroupDimension><s:DimensionReference>AREA</s:DimensionReference></s:GroupDimension></s:Group>
            <s:AttributeList><s:MetadataAttributeUsage><s:MetadataAttributeReference>X</s:MetadataAttributeReference></s:MetadataAttributeUsage>
            <s:Attribute id="U" usage="mandatory">{what}<s:LocalRepresentation minOccurs="1" maxOccurs="unbounded">
              <s:TextFormat textType="String" isMultiLingual="true"><s:SentinelValue value="-1"><c:Name>none</c:Name></s:SentinelValue></s:TextFormat></s:LocalRepresentation>
              <s:AttributeRelationship><s:Dataflow/></s:AttributeRelationship>
              <s:MeasureRelationship><s:Measure>M2</s:Measure></s:MeasureRelationship></s:Attribute>
            <s:Attribute id="V" usage="optional">{what}<s:AttributeRelationship><s:Group>G</s:Group></s:AttributeRelationship></s:Attribute>
            <s:Attribute id="W">{what}<s:AttributeRelationship><s:Dimension>AREA</s:Dimension></s:AttributeRelationship></s:Attribute>
            <s:Attribute id="X">{what}<s:AttributeRelationship><s:Observation/></s:AttributeRelationship></s:Attribute></s:AttributeList>
            <s:MeasureList><s:Measure id="M1" usage="mandatory">{what}</s:Measure><s:Measure id="M2">{what}</s:Measure></s:MeasureList>
            </s:DataStructureComponents></s:DataStructure></s:DataStructures>"#,
            role = concept("GEO"),
        ));
        let [Artefact::DataStructure(structure)] = found.as_slice() else { panic!("{found:?}") };
        assert!(structure.identity.is_final);
        assert_eq!(structure.identity.valid_from.as_deref(), Some("2020-01-01T00:00:00"));
        assert_eq!(structure.dimensions[0].roles[0].concept, "GEO");
        assert_eq!(structure.groups[0].dimensions, ["AREA"]);
        let note = &structure.groups[0].annotations[0];
        assert_eq!((note.url.as_deref(), note.value.as_deref()), (Some("u"), Some("1")));
        let measures: Vec<_> =
            structure.measures.iter().map(|m| (m.id.as_str(), m.is_mandatory)).collect();
        assert_eq!(measures, [("M1", true), ("M2", false)]);
        let attachments: Vec<_> = structure.attributes.iter().map(|a| &a.attachment).collect();
        let expected = [
            &Attachment::Dataflow,
            &Attachment::Group("G".to_owned()),
            &Attachment::Dimensions(vec!["AREA".to_owned()]),
            &Attachment::Observation,
        ];
        assert_eq!(attachments, expected);
        let many = &structure.attributes[0];
        assert!(many.is_mandatory && !structure.attributes[1].is_mandatory);
        assert_eq!(many.measures, ["M2"]);
        let many = many.representation.as_ref().unwrap();
        assert_eq!((many.occurs_min, many.occurs_max), (Some(1), Some(Occurs::Unbounded)));
        assert_eq!(many.facet("isMultiLingual"), Some("true"));
        assert_eq!(many.sentinels[0].value, "-1");
        assert!(many.is_multiple());
    }

    #[test]
    fn reads_the_lists_and_hierarchies_of_version_3() {
        let found = read_3(
            r#"<s:Codelists><s:Codelist id="CL" agencyID="A" version="1.0.0-draft"><s:Code id="X"/><s:Code id="Y"><s:Parent>X</s:Parent></s:Code>
              <s:CodelistExtension prefix="P_"><s:Codelist>urn:sdmx:org.sdmx.infomodel.codelist.Codelist=A:AREA(1.0.0)</s:Codelist><s:InclusiveCodeSelection>
              <s:MemberValue cascadeValues="excluderoot">E%</s:MemberValue></s:InclusiveCodeSelection></s:CodelistExtension></s:Codelist></s:Codelists>
            <s:ValueLists><s:ValueList id="VL" agencyID="A"><s:ValueItem id="$"/></s:ValueList></s:ValueLists>
            <s:Hierarchies><s:Hierarchy id="H" agencyID="A" hasFormalLevels="true"><c:Name>Tree</c:Name><s:Level id="L1"><c:Name>One</c:Name><s:Level id="L2"><s:CodingFormat maxLength="2"/></s:Level></s:Level>
              <s:HierarchicalCode id="a" validFrom="2020"><s:Code>urn:sdmx:org.sdmx.infomodel.codelist.Code=A:CL(1.0.0).X</s:Code>
              <s:HierarchicalCode id="b"><s:Code>urn:sdmx:org.sdmx.infomodel.codelist.Code=A:CL(1.0.0).Y</s:Code><s:Level>L2</s:Level></s:HierarchicalCode></s:HierarchicalCode></s:Hierarchy></s:Hierarchies>"#,
        );
        let [
            Artefact::Codelist(list),
            Artefact::Codelist(values),
            Artefact::HierarchicalCodelist(tree),
        ] = found.as_slice()
        else {
            panic!("{found:?}")
        };
        assert!(!list.identity.is_final);
        assert_eq!(list.codes[1].parent.as_deref(), Some("X"));
        let member = MemberValue { value: "E%".to_owned(), cascade: Cascade::OnlyBelow };
        let extension = CodelistExtension {
            codelist: ArtefactId::new("A", "AREA", "1.0.0"),
            prefix: Some("P_".to_owned()),
            selection: Some(CodeSelection::Only(vec![member])),
        };
        assert_eq!(list.extensions, [extension]);
        assert!(values.is_value_list && values.codes[0].id == "$" && !list.is_value_list);
        let tree = &tree.hierarchies[0];
        assert_eq!((tree.id.as_str(), tree.names.best("en")), ("H", Some("Tree")));
        assert!(tree.has_formal_levels);
        let levels: Vec<&str> = tree.levels.iter().map(|level| level.id.as_str()).collect();
        assert_eq!(levels, ["L1", "L2"]);
        assert_eq!(tree.levels[1].format, [("maxLength".to_owned(), "2".to_owned())]);
        let root = &tree.nodes[0];
        assert_eq!((root.id.as_str(), root.valid_from.as_deref()), ("a", Some("2020")));
        assert_eq!(root.children[0].level.as_deref(), Some("L2"));
    }

    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "xml") {
                files.push(path);
            }
        }
    }

    proptest! {
        /// A message that is cut, or has bytes changed, is refused or read: never a panic.
        #[test]
        fn survives_damage(
            changes in prop::collection::vec((0usize..2_000, any::<u8>()), 0..6),
            cut in 0usize..4_000,
        ) {
            let inside = r#"<s:Codelists><s:Codelist id="CL" agencyID="A"><c:Name>N &amp; M</c:Name><s:Code id="X"><s:Parent><Ref id="Y"/></s:Parent></s:Code></s:Codelist></s:Codelists><s:Other><s:Thing id="T" agencyID="A"><![CDATA[x]]><!-- c --></s:Thing></s:Other>"#;
            let mut message = format!("{HEAD}{inside}{TAIL}").into_bytes();
            for (at, byte) in changes {
                let at = at % message.len();
                message[at] = byte;
            }
            message.truncate(cut);
            drop(read_structures(message.as_slice(), "f.xml"));
        }
    }
}
