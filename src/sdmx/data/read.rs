//! SDMX-ML data messages to rows: the header, and which reader takes each data set.
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

use std::io::BufRead;

use crate::error::{Error, Result};
use crate::model::Action;
use crate::sdmx::data::read_cells::Cells;
use crate::sdmx::data::read_generic::generic;
use crate::sdmx::data::read_header::{Header, Structure};
use crate::sdmx::data::read_specific::specific;
use crate::sdmx::rows::RowSink;
use crate::sdmx::xml::{Source, Tag};

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XmlSummary {
    /// Rows that the sink took: observations, and attributes of groups, series and data sets.
    pub rows: u64,
    /// Data sets of the message.
    pub data_sets: u64,
    /// Structures that the data sets named.
    pub flows: usize,
}

/// Characters of an unknown action that an error shows.
const ACTION_CHARS_SHOWN: usize = 40;

/// The two ways to write data in SDMX-ML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Elements that name components: `Value`, `ObsValue`.
    Generic,
    /// Attributes that are called as components.
    Specific,
}

/// Reads an SDMX-ML data message, generic (2.1) or structure-specific (2.1, 3.0, 3.1), and hands
/// its rows to `sink` in the order of the file. `file` names it in errors. Memory is bounded by the
/// longest element.
///
/// A data set without an action is merged, as are those to append and to inform.
///
/// # Errors
///
/// [`Error::Syntax`] with file, line and column for what is not well-formed, no SDMX-ML, or over a
/// bound; [`Error::Invalid`] for a component that the structure does not have;
/// [`Error::Unsupported`] for other messages; [`Error::Io`] if the input fails; and whatever the
/// sink returns.
pub fn read_rows<S: RowSink + ?Sized>(
    input: impl BufRead,
    file: &str,
    sink: &mut S,
) -> Result<XmlSummary> {
    // A data message may be of any length: no part of it is kept.
    let mut source = Source::new(input, file, u64::MAX)?;
    let root = source.root()?;
    let form = form(&source, &root, file)?;
    let (mut header, mut summary) = (Header::default(), XmlSummary::default());
    while let Some(part) = source.child()? {
        match part.name() {
            "Header" => header = Header::read(&mut source)?,
            "DataSet" => {
                summary.data_sets += 1;
                summary.rows += data_set(&mut source, form, &part, &mut header, sink)?;
            }
            _ => source.skip()?,
        }
    }
    source.finish()?;
    summary.flows = header.structures.iter().filter(|known| known.flow.is_some()).count();
    Ok(summary)
}

/// Which form the message has; refuses what is no data.
fn form<R: BufRead>(source: &Source<'_, R>, root: &Tag, file: &str) -> Result<Form> {
    let (name, version) = (root.local(), root.version());
    match (version, name) {
        (Some("v2_1"), "GenericData" | "GenericTimeSeriesData") => Ok(Form::Generic),
        (Some("v2_1"), "StructureSpecificData" | "StructureSpecificTimeSeriesData")
        | (Some("v3_0" | "v3_1"), "StructureSpecificData") => Ok(Form::Specific),
        (Some(version), _) => {
            let version = version.trim_start_matches('v').replace('_', ".");
            let what = format!("{file}: an SDMX-ML {version} message {name} (data are needed)");
            Err(Error::Unsupported { what })
        }
        (None, _) => {
            let reason = format!("the root element is {name}: this is no SDMX-ML message");
            Err(source.error(root.at, reason))
        }
    }
}

/// Reads a data set; returns its rows.
fn data_set<R: BufRead, S: RowSink + ?Sized>(
    source: &mut Source<'_, R>,
    form: Form,
    tag: &Tag,
    header: &mut Header,
    sink: &mut S,
) -> Result<u64> {
    let action = action(source, tag, header)?;
    if attribute(tag, "validFromDate").or(attribute(tag, "validToDate")).is_some() {
        // A change of its own, which may be about what the data set before it left.
        sink.next_run();
    }
    let (number, structure) = find(source, tag, header)?;
    let is_new = structure.flow.is_none();
    if is_new {
        structure.flow = Some((number, sink.flow(&structure.reference)?));
    }
    let Some((number, flow)) = &structure.flow else {
        return Err(Error::bug("a structure without its flow"));
    };
    let mut cells = Cells::new(flow, *number, structure, action);
    if is_new {
        sink.header(cells.header())?;
    }
    match form {
        Form::Generic => generic(source, &mut cells, sink)?,
        Form::Specific => specific(source, tag, &mut cells, sink)?,
    }
    Ok(cells.rows())
}

/// What a data set asks for: by itself, or by the header of its message.
///
/// Source: SDMX-ML 3.1, section 4.1; `Append` and `Information` are of earlier versions.
fn action<R: BufRead>(source: &Source<'_, R>, tag: &Tag, header: &Header) -> Result<Action> {
    match attribute(tag, "action").or(header.action.as_deref()).unwrap_or_default() {
        "" | "Append" | "Information" | "Merge" => Ok(Action::Merge),
        "Replace" => Ok(Action::Replace),
        "Delete" => Ok(Action::Delete),
        other => {
            let other: String = other.chars().take(ACTION_CHARS_SHOWN).collect();
            let reason = format!(
                "the action {other:?} is none of Append, Information, Merge, Replace, Delete"
            );
            Err(source.error(tag.at, reason))
        }
    }
}

/// The structure that a data set names, or the only one there is.
fn find<'h, R: BufRead>(
    source: &Source<'_, R>,
    tag: &Tag,
    header: &'h mut Header,
) -> Result<(usize, &'h mut Structure)> {
    let number = header.structures.iter().filter(|known| known.flow.is_some()).count();
    let name = attribute(tag, "structureRef");
    let index = match (name, header.structures.len()) {
        (Some(name), _) => header.structures.iter().position(|known| known.id == name),
        (None, 1) => Some(0),
        (None, _) => None,
    };
    let reason = || match name {
        Some(name) => format!("no Structure of the header has the structureID {name:?}"),
        None => "DataSet has no structureRef".to_owned(),
    };
    let found = index.and_then(|index| header.structures.get_mut(index));
    Ok((number, found.ok_or_else(|| source.error(tag.at, reason()))?))
}

/// An attribute of a data set that is of SDMX-ML: with a prefix in structure-specific messages, so
/// that no component is mistaken for it, and without one in generic messages.
fn attribute<'t>(tag: &'t Tag, name: &str) -> Option<&'t str> {
    let is_it = |known: &str| known.rsplit_once(':').is_some_and(|(_, local)| local == name);
    let found = tag.attributes().iter().find(|(known, _)| is_it(known));
    found.map(|(_, value)| value.as_str()).or_else(|| tag.attribute(name)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::result;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::Flow;
    use crate::sdmx::csv::fixture::{Kept, flow};

    const SCHEMAS: &str = "http://www.sdmx.org/resources/sdmxml/schemas/";

    fn rates() -> Arc<Flow> {
        let attributes = ["STATUS", "TITLE/FREQ/AREA", "NOTE/AREA", "SOURCE/"];
        flow("A:F(1.0)", &["FREQ", "AREA", "TIME_PERIOD"], &["OBS_VALUE"], &attributes)
    }

    /// A message with one data set a body, all of the structure `S`.
    fn message(version: &str, root: &str, header: &str, bodies: &[&str]) -> String {
        let sets = bodies.concat();
        format!(
            "<m:{root} xmlns:m='{SCHEMAS}{version}/message' xmlns:c='{SCHEMAS}{version}/common' \
             xmlns:g='{SCHEMAS}{version}/data/generic' xmlns:d='{SCHEMAS}{version}/data/\
             structurespecific' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>\
             <m:Header><m:ID>x</m:ID>{header}</m:Header>\n{sets}</m:{root}>"
        )
    }

    /// A header with the structure `S` and this at its observations.
    fn header(at: &str) -> String {
        format!(
            "<m:Structure structureID='S' dimensionAtObservation='{at}'><c:StructureUsage>\
             <Ref agencyID='A' id='F' version='1.0'/></c:StructureUsage></m:Structure>"
        )
    }

    fn read(flows: &[Arc<Flow>], text: &str) -> result::Result<Kept, String> {
        let mut kept = Kept { flows: flows.to_vec(), ..Kept::default() };
        match read_rows(text.as_bytes(), "f.xml", &mut kept) {
            Ok(_) => Ok(kept),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The rows of a message as `cells` between bars, without line and column; or the error.
    #[track_caller]
    fn rows(flow: &Arc<Flow>, text: &str) -> Vec<String> {
        let kept = read(&[Arc::clone(flow)], text).unwrap();
        let cells = |line: &String| {
            let cells = line.split_once('[').unwrap().1.rsplit_once(']').unwrap().0;
            cells.replace('\u{2205}', "~")
        };
        kept.lines.iter().map(cells).collect()
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        match read(&[rates()], text) {
            Ok(kept) => panic!("accepted: {:?}", kept.lines),
            Err(error) => assert!(error.starts_with(expected), "{error}\n  not {expected}"),
        }
    }

    const EXPECTED: [&str; 4] = [
        "~|~|~|~|~|~|~|us",
        "~|AT|~|~|~|~|a \"note\"|~",
        "A|AT|2020|1.50|P|A & T|~|~",
        "A|AT|2021|~|~|A & T|~|~",
    ];

    #[test]
    fn generic_messages_of_series_and_flat_ones_are_the_same_rows() {
        let head = "<m:DataSet structureRef='S' action='Replace'><g:Attributes>\
                    <g:Value id='SOURCE' value='us'/></g:Attributes><g:Group type='G'><g:GroupKey>\
                    <g:Value id='AREA' value='AT'/></g:GroupKey><g:Attributes>\
                    <g:Value id='NOTE' value='a &quot;note&quot;'/></g:Attributes></g:Group>";
        let key = "<g:Value id='FREQ' value='A'/><g:Value id='AREA' value='AT'></g:Value>";
        let title = "<g:Value id='TITLE' value='A &amp; T'/>";
        let series = format!(
            "{head}<g:Series><g:SeriesKey>{key}</g:SeriesKey><g:Attributes>{title}</g:Attributes>\
             <!-- two --><g:Obs><g:ObsDimension value='2020'/><g:ObsValue value='1.50'/>\
             <g:Attributes><g:Value id='STATUS' value='P'/></g:Attributes></g:Obs>\
             <g:Obs><g:ObsDimension id='TIME_PERIOD' value='2021'/></g:Obs></g:Series></m:DataSet>"
        );
        let text = message("v2_1", "GenericData", &header("TIME_PERIOD"), &[&series]);
        assert_eq!(rows(&rates(), &text), EXPECTED);
        let flat = format!(
            "{head}<g:Obs><g:ObsKey>{key}<g:Value id='TIME_PERIOD' value='2020'/></g:ObsKey>\
             <g:ObsValue value='1.50'/><g:Attributes>{title}<g:Value id='STATUS' value='P'/>\
             </g:Attributes></g:Obs><g:Obs><g:ObsKey>{key}<g:Value id='TIME_PERIOD' value='2021'/>\
             </g:ObsKey><g:Attributes>{title}</g:Attributes></g:Obs></m:DataSet>"
        );
        let text = message("v2_1", "GenericData", &header("AllDimensions"), &[&flat]);
        assert_eq!(rows(&rates(), &text), EXPECTED);
    }

    #[test]
    fn specific_messages_of_series_and_flat_ones_are_the_same_rows() {
        let head = "<m:DataSet d:structureRef='S' xsi:type='n:DataSetType' d:action='Append' \
                    d:dataScope='DataStructure' SOURCE='us'>\
                    <Group xsi:type='n:G' AREA='AT' NOTE='a \"note\"'/>";
        let series = format!(
            "{head}<Series FREQ='A' AREA='AT' TITLE='A &amp; T'><Obs TIME_PERIOD='2020' \
             OBS_VALUE='1.50' STATUS='P'/><Obs TIME_PERIOD='2021'></Obs></Series></m:DataSet>"
        );
        let root = "StructureSpecificTimeSeriesData";
        let text = message("v2_1", root, &header("TIME_PERIOD"), &[&series]);
        assert_eq!(rows(&rates(), &text), EXPECTED);
        let flat = format!(
            "{head}<Obs FREQ='A' AREA='AT' TITLE='A &amp; T' TIME_PERIOD='2020' OBS_VALUE='1.50' \
             STATUS='P'/><Obs AREA='AT' FREQ='A' TIME_PERIOD='2021' TITLE='A &#38; T'/></m:DataSet>"
        );
        let root = "StructureSpecificData";
        let text = message("v2_1", root, &header("AllDimensions"), &[&flat]);
        assert_eq!(rows(&rates(), &text), EXPECTED);
    }

    #[test]
    fn any_dimension_may_stand_at_the_observation() {
        let body = "<m:DataSet d:structureRef='S'><Series FREQ='A' TIME_PERIOD='2020'>\
                    <Obs AREA='AT' OBS_VALUE='1'/><Obs AREA='BE' OBS_VALUE='2'/></Series></m:DataSet>";
        let text = message("v2_1", "StructureSpecificData", &header("AREA"), &[body]);
        let expected = ["A|AT|2020|1|~|~|~|~", "A|BE|2020|2|~|~|~|~"];
        assert_eq!(rows(&rates(), &text), expected);
        let typed = body.replace("<Obs AREA='", "<Obs xsi:type='n:");
        let explicit = header("AREA").replace("structureID", "explicitMeasures='true' structureID");
        let text = message("v2_1", "StructureSpecificData", &explicit, &[&typed]);
        assert_eq!(rows(&rates(), &text), expected);
        let generic = "<m:DataSet structureRef='S'><g:Series><g:SeriesKey>\
                       <g:Value id='FREQ' value='A'/><g:Value id='TIME_PERIOD' value='2020'/>\
                       </g:SeriesKey><g:Obs><g:ObsDimension value='AT'/><g:ObsValue value='1'/>\
                       </g:Obs><g:Obs><g:ObsDimension id='AREA' value='BE'/>\
                       <g:ObsValue value='2'/></g:Obs></g:Series></m:DataSet>";
        let text = message("v2_1", "GenericData", &header("AREA"), &[generic]);
        assert_eq!(rows(&rates(), &text), expected);
    }

    #[test]
    fn attributes_stand_where_the_message_puts_them() {
        let body = "<m:DataSet d:structureRef='S' STATUS='A'>\
                    <Series FREQ='A' AREA='AT' TITLE='t'/><Series FREQ='A' AREA='CH'/>\
                    <Series FREQ='A' AREA='BE'><Obs TIME_PERIOD='2020'/>\
                    <Obs TIME_PERIOD='2021' STATUS='E'/></Series>\
                    <Series FREQ='A' AREA='DE' STATUS='F'><Obs TIME_PERIOD='2020'/></Series>\
                    </m:DataSet>";
        let text = message("v2_1", "StructureSpecificData", &header("TIME_PERIOD"), &[body]);
        let expected = [
            "A|AT|~|~|~|t|~|~",
            "A|BE|2020|~|A|~|~|~",
            "A|BE|2021|~|E|~|~|~",
            "A|DE|2020|~|F|~|~|~",
        ];
        assert_eq!(rows(&rates(), &text), expected);
    }

    #[test]
    fn messages_of_version_3_have_several_values_and_languages() {
        let header = "<m:Structure structureID='S' dimensionAtObservation='TIME_PERIOD'>\
                      <c:Structure>urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure=A:F(1.0)\
                      </c:Structure></m:Structure><m:DataSetAction>Merge</m:DataSetAction>";
        let body = "<m:DataSet d:structureRef='S'><Series FREQ='A' AREA='AT'><Comp id='TITLE'>\
                    <Value><c:Text>Yes</c:Text><c:Text xml:lang='fr'>Oui; bien</c:Text></Value>\
                    <Value><c:Text xml:lang='de'>Ja</c:Text></Value></Comp>\
                    <Obs TIME_PERIOD='2020'><Comp id='STATUS'><Value>A</Value>\n<Value>&#66;</Value>\
                    </Comp><Comp id='OBS_VALUE'><Value>1</Value></Comp></Obs></Series>\
                    <Atts AREA='AT'><Comp id='NOTE'><Value><c:Text xml:lang='fr'>n</c:Text></Value>\
                    </Comp></Atts></m:DataSet>";
        for version in ["v3_0", "v3_1"] {
            let text = message(version, "StructureSpecificData", header, &[body]);
            let kept = read(&[rates()], &text).unwrap();
            assert_eq!(kept.named, ["DataStructure A:F(1.0)"]);
            let expected = [
                "A|AT|2020|1|A;B|\"en:Yes;\"\"fr:Oui; bien\"\"\";de:Ja|~|~",
                "~|AT|~|~|~|~|fr:n|~",
            ];
            assert_eq!(rows(&rates(), &text), expected);
        }
    }

    #[test]
    fn each_data_set_has_its_structure() {
        let structures = [("1", "Dataflow=A:F(1.0)", ""), ("2", "Dataflow=A:G(2.0)", "Usage")];
        let headers = structures.map(|(id, urn, usage)| {
            format!(
                "<m:Structure structureID='{id}' dimensionAtObservation='AllDimensions'>\
                 <c:Structure{usage}><URN>urn:sdmx:org.sdmx.infomodel.datastructure.{urn}</URN>\
                 </c:Structure{usage}></m:Structure>"
            )
        });
        let other = flow("A:G(2.0)", &["AREA", "TIME_PERIOD"], &["VALUE"], &[]);
        let body = |id: &str, observation: &str| {
            format!("<m:DataSet d:structureRef='{id}'><Obs {observation}/></m:DataSet>\n")
        };
        let sets = [
            body("2", "AREA='AT' TIME_PERIOD='2020' VALUE='1'"),
            body("1", "FREQ='A' AREA='AT' TIME_PERIOD='2020' OBS_VALUE='2'"),
            body("2", "AREA='BE' TIME_PERIOD='2020' VALUE='3'"),
        ];
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let text = message("v2_1", "StructureSpecificData", &headers.concat(), &sets);
        let kept = read(&[other, rates()], &text).unwrap();
        assert_eq!(kept.named, ["Dataflow A:G(2.0)", "Dataflow A:F(1.0)"]);
        let expected = [
            "2 0 Merge [AT|2020|1] 31,31,31",
            "3 1 Merge [A|AT|2020|2|~|~|~|~] 31,31,31,31,31,31,31,31",
            "4 0 Merge [BE|2020|3] 31,31,31",
        ];
        let lines: Vec<String> = kept.lines.iter().map(|l| l.replace('\u{2205}', "~")).collect();
        assert_eq!(lines, expected);
    }

    /// The actions of the rows of a message, with their cells.
    #[track_caller]
    fn actions(text: &str) -> Vec<String> {
        let kept = read(&[rates()], text).unwrap();
        let row = |line: &String| {
            let (place, cells) = line.split_once(" [").unwrap();
            let action = place.rsplit_once(' ').unwrap().1;
            let cells = cells.rsplit_once(']').unwrap().0.replace('\u{2205}', "");
            format!("{action} {cells}")
        };
        kept.lines.iter().map(row).collect()
    }

    #[test]
    fn each_data_set_has_its_action_or_that_of_the_header() {
        let set = |action: &str| {
            format!("<m:DataSet d:structureRef='S' {action}><Obs FREQ='A'/></m:DataSet>")
        };
        let named = ["Append", "Information", "Merge", "Replace", "Delete"];
        let mut sets: Vec<String> = named.iter().map(|a| set(&format!("d:action='{a}'"))).collect();
        sets.push(set(""));
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let expected = ["Merge", "Merge", "Merge", "Replace", "Delete"];
        for of_header in ["", "Replace"] {
            let header = header("AllDimensions")
                + &format!("<m:DataSetAction> {of_header} </m:DataSetAction>");
            let text = message("v2_1", "StructureSpecificData", &header, &sets);
            let found = actions(&text);
            let found: Vec<&str> = found.iter().map(|row| row.split_once(' ').unwrap().0).collect();
            let last = if of_header.is_empty() { "Merge" } else { "Replace" };
            assert_eq!((&found[..5], found[5]), (expected.as_slice(), last));
        }
    }

    #[test]
    fn data_sets_delete_what_their_elements_mean() {
        let body = "<m:DataSet d:structureRef='S' d:action='Delete'>\
                    <Group AREA='AT'/><Group AREA='BE' NOTE=''/>\
                    <Series FREQ='A' AREA='AT'/>\
                    <Series FREQ='A' AREA='BE' TITLE='any'/>\
                    <Series FREQ='A' AREA='CH' TITLE='t' STATUS='s'>\
                    <Obs TIME_PERIOD='2020'/><Obs TIME_PERIOD='2021' OBS_VALUE='' STATUS=''/></Series>\
                    <Series AREA='DE'><Obs TIME_PERIOD='2020' TITLE='x'/></Series>\
                    <Obs FREQ='M' TIME_PERIOD='2022'/><Obs/></m:DataSet>\
                    <m:DataSet d:structureRef='S' d:action='Delete' SOURCE='x'/>";
        let text = message("v2_1", "StructureSpecificData", &header("TIME_PERIOD"), &[body]);
        let expected = [
            "Delete ~|AT|~|||||",
            "Delete |BE|||||-|",
            "Delete A|AT||||||",
            "Delete A|BE||||any||",
            "Delete A|CH|2020||s|||",
            "Delete A|CH|2021|-|-|||",
            "Delete A|CH||||t||",
            "Delete |DE|2020|||x||",
            "Delete M||2022|||||",
            "Delete |||||||",
            "Delete |||||||x",
        ];
        assert_eq!(actions(&text), expected);
        let generic = "<m:DataSet structureRef='S' action='Delete'><g:Series><g:SeriesKey>\
                       <g:Value id='FREQ' value='A'/></g:SeriesKey></g:Series><g:Series>\
                       <g:SeriesKey><g:Value id='FREQ' value='A'/></g:SeriesKey><g:Obs>\
                       <g:ObsDimension value='2020'/><g:ObsValue value=''/></g:Obs></g:Series>\
                       </m:DataSet>";
        let text = message("v2_1", "GenericData", &header("TIME_PERIOD"), &[generic]);
        assert_eq!(actions(&text), ["Delete A|||||||", "Delete A||2020|-||||"]);
        let of_3 = header("TIME_PERIOD").replace(
            "<c:StructureUsage><Ref agencyID='A' id='F' version='1.0'/></c:StructureUsage>",
            "<c:StructureUsage>urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=A:F(1.0)\
             </c:StructureUsage>",
        );
        let body = "<m:DataSet d:structureRef='S' d:action='Delete'><Atts AREA='AT'/>\
                    <Atts FREQ='~' AREA='AT' TIME_PERIOD='~'/><Atts AREA='AT' NOTE='n'/></m:DataSet>";
        let text = message("v3_1", "StructureSpecificData", &of_3, &[body]);
        assert_eq!(
            actions(&text),
            ["Delete |AT|~|||||", "Delete ~|AT|~|||||", "Delete |AT|||||n|"]
        );
    }

    #[test]
    fn names_the_place_of_what_is_wrong() {
        let specific = |body: &str| {
            let body = format!("<m:DataSet d:structureRef='S'>\n{body}\n</m:DataSet>");
            message("v2_1", "StructureSpecificData", &header("TIME_PERIOD"), &[&body])
        };
        refused(
            &specific("  <Series FREQ='A' PLACE='x'/>"),
            "f.xml:3:3: PLACE is no component of A:F(1.0) (dataflow A:F(1.0))",
        );
        refused(&specific("<Obs FREQ='A' FREQ='B'/>"), "f.xml:3:1: FREQ is given twice");
        refused(&specific("<Obs FREQ='&#1;'/>"), "f.xml:3:1: the character");
        refused(&specific("<Obs FREQ='&x;'/>"), "f.xml:3:1: ");
        refused(&specific("<Obs FREQ=A/>"), "f.xml:3:1: ");
        refused(&specific("<Obs><Series></Obs>"), "f.xml:3:14: ");
        refused(&specific("<Obs><Comp><Value>x</Value></Comp></Obs>"), "f.xml:3:6: Comp has no id");
        refused(&specific("<Obs><Comp id='X'/></Obs>"), "f.xml:3:6: X is no component");
        refused(&specific(&"<a>".repeat(100)), "f.xml:3:187: elements are nested deeper than 64");
        let many: Vec<String> = (0..300).map(|n| format!("x:a{n}=''")).collect();
        refused(
            &specific(&format!("<Obs {}/>", many.join(" "))),
            "f.xml:3:1: the element has more than 256",
        );
        let cut = specific("<Obs/>");
        refused(cut.split("<Obs").next().unwrap(), "f.xml:3:1: the file ends too early");
        refused(
            &specific("").replace("structureRef='S'", "structureRef='T'"),
            "f.xml:2:1: no Structure of the header has the structureID \"T\"",
        );
        refused(
            &specific("").replace("structureRef=", "action='Remove' d:x="),
            "f.xml:2:1: the action \"Remove\" is none of Append, Information, Merge, Replace, Delete",
        );
        let generic = |body: &str| {
            let body = format!("<m:DataSet structureRef='S'>\n{body}\n</m:DataSet>");
            message("v2_1", "GenericData", &header("AllDimensions"), &[&body])
        };
        refused(
            &generic("<g:Obs><g:ObsDimension value='x'/></g:Obs>"),
            "f.xml:3:8: ObsDimension has no id",
        );
        refused(
            &generic("<g:Attributes><g:Value value='x'/></g:Attributes>"),
            "f.xml:3:15: Value has no id",
        );
        refused(
            &generic("<g:Attributes><g:Value id='X' value='x'/></g:Attributes>"),
            "f.xml:3:15: X is no component",
        );
        let none = header("TIME_PERIOD").replace("StructureUsage", "Thing");
        refused(&message("v2_1", "GenericData", &none, &[]), "f.xml:1:");
        refused("<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "f.xml:1:1: a document type");
        refused("<a/>", "f.xml:1:1: the root element is a: this is no SDMX-ML message");
        let metadata = message("v2_1", "GenericMetadata", "", &[]);
        refused(&metadata, "f.xml: an SDMX-ML 2.1 message GenericMetadata (data are needed)");
        refused(&message("v2_0", "CompactData", "", &[]), "f.xml: an SDMX-ML 2.0 message");
    }

    proptest! {
        /// A message that is cut, or has bytes changed, is refused or read: never a panic.
        #[test]
        fn survives_damage(
            changes in prop::collection::vec((0usize..2_000, any::<u8>()), 0..6),
            cut in 0usize..4_000,
            is_generic in any::<bool>(),
        ) {
            let body = if is_generic {
                "<m:DataSet structureRef='S'><g:Group><g:GroupKey><g:Value id='AREA' value='x'/>\
                 </g:GroupKey></g:Group><g:Series><g:SeriesKey><g:Value id='FREQ' value='A'/>\
                 </g:SeriesKey><g:Obs><g:ObsDimension value='1'/></g:Obs></g:Series></m:DataSet>"
            } else {
                "<m:DataSet d:structureRef='S' SOURCE='x'><Series FREQ='&lt;'><Obs STATUS='x'>\
                 <Comp id='NOTE'><Value><c:Text>t</c:Text></Value></Comp></Obs></Series></m:DataSet>"
            };
            let root = if is_generic { "GenericData" } else { "StructureSpecificData" };
            let mut text = message("v2_1", root, &header("TIME_PERIOD"), &[body]).into_bytes();
            for (at, byte) in changes {
                let at = at % text.len();
                text[at] = byte;
            }
            text.truncate(cut);
            let mut kept = Kept { flows: vec![rates()], ..Kept::default() };
            drop(read_rows(text.as_slice(), "f.xml", &mut kept));
        }
    }
}
