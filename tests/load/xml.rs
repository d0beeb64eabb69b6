//! Data in SDMX-ML: the same cubes as from SDMX-CSV, and the same refusals.

use std::collections::BTreeSet;
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sdmxdb::disk::MemoryDisk;
use sdmxdb::error::Error;
use sdmxdb::model::ArtefactId;
use sdmxdb::sdmx::input;
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, LoadOptions, LoadReport};

use crate::reading;
use crate::refused::Shared;
use crate::structures::STRICT_SHAPE;

fn beside(path: &str) -> Option<PathBuf> {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    let found = found.exists().then_some(found);
    if found.is_none() {
        println!("skipped: {path} is not here");
    }
    found
}

fn in_memory() -> Database {
    Database::open_or_create_on(Arc::new(MemoryDisk::new()), Path::new("db")).expect("made")
}

/// Loads a structure message and a data message of either kind.
fn load(
    database: &Database,
    structure: &Path,
    data: &Path,
    options: LoadOptions,
) -> Result<LoadReport, Error> {
    let name = data.display().to_string();
    let xml = fs::read(structure).expect("read");
    let mut load = database.begin_load(options)?;
    load.structures(read_structures(xml.as_slice(), "structures.xml")?)?;
    let plain = input::open(fs::File::open(data).expect("opened"), &name)?;
    if data.extension().is_some_and(|extension| extension == "xml") {
        load.xml(BufReader::new(plain), &name)?;
    } else {
        load.csv(plain, &name)?;
    }
    load.commit()
}

fn rows(database: &Database, flow: &str) -> Vec<String> {
    let snapshot = database.snapshot().expect("read");
    let cube = snapshot.cube(&ArtefactId::parse(flow).expect("an identifier")).expect("opened");
    reading::all(&cube)
}

/// One data set in five representations is one cube. Those in XML also say what is the same for all
/// its series, which the table does not.
#[test]
fn five_representations_are_one_cube() {
    let Some(folder) = beside("data/bis-der") else { return };
    let structure = folder.join("BIS_DER-structure-2.1.xml");
    let read = |name: &str| {
        let database = in_memory();
        let report = load(&database, &structure, &folder.join(name), LoadOptions::at(1));
        assert_eq!(report.expect(name).counts.inserted, 1_000, "{name}");
        let said = [" DECIMALS=3", " UNIT_MULT=6", " UNIT_MEASURE=USD"];
        let plain = |row: String| said.iter().fold(row, |row, text| row.replace(text, ""));
        let whole = rows(&database, "BIS:WEBSTATS_DER_DATAFLOW(1.0)");
        if name != "data_v1.csv" {
            assert!(whole.iter().all(|row| said.iter().all(|text| row.contains(text))), "{name}");
        }
        whole.into_iter().map(plain).collect::<Vec<_>>()
    };
    let expected = read("data_v1.csv");
    for name in ["gen_all.xml", "gen_ser.xml", "str_all.xml", "str_ser.xml"] {
        assert_eq!(read(name), expected, "{name}");
    }
}

/// A genuine message of the European Central Bank.
#[test]
fn reads_a_genuine_message() {
    let Some(folder) = beside("data/ecb-exr") else { return };
    let (database, structure) = (in_memory(), folder.join("ECB_EXR1-structure-2.1.xml"));
    let data = folder.join("EXR-M.USD.EUR.SP00.A-generic-2.1.xml");
    let report = load(&database, &structure, &data, LoadOptions::at(1)).expect("loaded");
    let text = fs::read_to_string(&data).expect("read");
    let count = text.matches("<generic:Obs>").count() as u64;
    assert_eq!((report.counts.inserted, report.refused), (count, 0));
    let rows = rows(&database, "ECB:EXR(1.0)");
    let first = rows.first().expect("a row");
    assert!(first.starts_with("M.USD.EUR.SP00.A 1999-01|1.16078 "), "{first}");
    assert!(first.contains(" TITLE=US dollar/Euro"), "{first}");
    let again = load(&database, &structure, &data, LoadOptions::at(2)).expect("loaded");
    assert_eq!((again.commit, again.counts.unchanged), (None, count));
}

/// The official sample whose observations are typed by the code of the measure dimension.
#[test]
fn reads_the_official_cross_section() {
    let Some(folder) = beside("schemas/samples/ml-2.1") else { return };
    let database = in_memory();
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    let mut artefacts = Vec::new();
    for name in ["common/common.xml", "demography/demography.xml"] {
        let xml = fs::read(folder.join(name)).expect("read");
        artefacts.extend(read_structures(xml.as_slice(), name).expect("read"));
    }
    // The sample has a structure and no dataflow.
    let structure = ArtefactId::new("ESTAT", "DEMOGRAPHY", "1.0");
    artefacts.push(crate::dataflow("T:DEMO(1.0)", structure));
    load.structures(artefacts).expect("added");
    let data = fs::read(folder.join("demography/demography_xs.xml")).expect("read");
    load.xml(data.as_slice(), "demography_xs.xml").expect("read");
    let report = load.commit().expect("committed");
    let text = String::from_utf8(data).expect("text");
    assert_eq!(report.counts.inserted, text.matches("<Obs ").count() as u64);
    let rows: BTreeSet<String> = rows(&database, "T:DEMO(1.0)").into_iter().collect();
    let row = rows.iter().find(|row| row.contains("TFRNSI") && row.contains(" 2007|"));
    assert!(row.is_some_and(|row| row.contains("|1.82 ")), "{rows:#?}");
}

/// A structure-specific message of [`STRICT_SHAPE`] with this in its data set.
fn strict(body: &str) -> String {
    let schemas = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1";
    format!(
        "<m:StructureSpecificData xmlns:m='{schemas}/message' xmlns:c='{schemas}/common'>\n\
         <m:Header><m:Structure structureID='S' dimensionAtObservation='TIME_PERIOD'>\n\
         <c:Structure><Ref agencyID='T' id='DSD_STRICT' version='1.0'/></c:Structure>\n\
         </m:Structure></m:Header><m:DataSet>\n{body}\n</m:DataSet></m:StructureSpecificData>"
    )
}

#[test]
fn attributes_go_where_they_attach_wherever_the_message_puts_them() {
    let (_, database) = crate::database();
    let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
    let body = "<Group AREA='AT' UNIT='KG'/><Series FREQ='A' AREA='AT' TITLE='a'/>\
                <Series FREQ='A' AREA='BE' OBS_STATUS='E'><Obs TIME_PERIOD='2020' OBS_VALUE='1.50'/>\
                <Obs TIME_PERIOD='2021' OBS_STATUS='A' UNIT='G'/></Series>\
                <Series FREQ='A' AREA='AT'><Obs TIME_PERIOD='2020' OBS_VALUE=''/></Series>";
    load.xml(strict(body).as_bytes(), "d.xml").expect("read");
    load.commit().expect("committed");
    let expected = [
        "A.AT 2020| TITLE=a UNIT=KG",
        "A.BE 2020|1.50 OBS_STATUS=E UNIT=G",
        "A.BE 2021| OBS_STATUS=A UNIT=G",
    ];
    assert_eq!(crate::rows_of(&database, &STRICT_SHAPE), expected);
}

/// Rows that are refused are set aside as SDMX-CSV, which is refused for the same reasons.
#[test]
fn refused_observations_are_set_aside_as_a_table() {
    let (_, database) = crate::database();
    let refused = Shared::default();
    let options = LoadOptions { refused: Some(Box::new(refused.clone())), ..LoadOptions::at(2) };
    let mut load = database.begin_load(options).expect("begun");
    let body = "<Series FREQ='A' AREA='AT' TITLE='a, \"b\"'>\n\
                <Obs TIME_PERIOD='2020' OBS_VALUE='1'/>\n  <Obs TIME_PERIOD='2021' OBS_VALUE='x'/>\n\
                <Obs TIME_PERIOD='2020' OBS_VALUE='2'/></Series>\n<Group AREA='XX' UNIT='KG'/>";
    load.xml(strict(body).as_bytes(), "d.xml").expect("goes on");
    let report = load.commit().expect("committed");
    assert_eq!((report.refused, report.counts.inserted), (3, 1));
    let problems: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    let expected = [
        "line 7, column 3, OBS_VALUE \"x\": is not a decimal number",
        "line 9, column 1, AREA \"XX\": is not a code of T:CL_STRICT_AREA(1.0)",
        "line 8: the same key and period as line 6: A.AT 2020",
    ];
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\n  not {expected}");
    }
    let text = refused.text();
    let rows = [
        "dataflow,T:STRICT(1.0),M,A,AT,2021,x,,\"a, \"\"b\"\"\",",
        "dataflow,T:STRICT(1.0),M,,XX,,,,,KG",
        "dataflow,T:STRICT(1.0),M,A,AT,2020,2,,\"a, \"\"b\"\"\",",
    ];
    assert_eq!(text, format!("{}\n{}\n", STRICT_SHAPE.header(), rows.join("\n")));
    let error = crate::load(&database, &text).expect_err("refused again").to_string();
    assert!(error.contains("OBS_VALUE \"x\"") && error.contains("AREA \"XX\""), "{error}");
}

#[test]
fn data_of_a_structure_of_two_dataflows_need_a_word() {
    let (_, database) = crate::database();
    let other = crate::dataflow("T:OTHER(1.0)", ArtefactId::new("T", "DSD_STRICT", "1.0"));
    let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
    load.structures(vec![other]).expect("added");
    load.commit().expect("committed");
    let message =
        strict("<Series FREQ='A' AREA='AT'><Obs TIME_PERIOD='2020' OBS_VALUE='1'/></Series>");
    let mut load = database.begin_load(LoadOptions::at(3)).expect("begun");
    let error = load.xml(message.as_bytes(), "d.xml").expect_err("refused").to_string();
    assert!(error.contains("2 dataflows fit: T:OTHER(1.0), T:STRICT(1.0)"), "{error}");
    drop(load);
    let dataflow = ArtefactId::parse("T:OTHER(1.0)");
    let options = LoadOptions { dataflow, ..LoadOptions::at(3) };
    let mut load = database.begin_load(options).expect("begun");
    load.xml(message.as_bytes(), "d.xml").expect("read");
    load.commit().expect("committed");
    assert_eq!(rows(&database, "T:OTHER(1.0)"), ["A.AT 2020|1"]);
}
