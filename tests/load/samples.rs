//! Official samples of SDMX-CSV and real messages, where they are beside the project.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sdmxdb::disk::MemoryDisk;
use sdmxdb::model::{Artefact, ArtefactId, Attachment, Attribute, DataStructure, Dataflow};
use sdmxdb::model::{Dimension, Identity, Measure};
use sdmxdb::sdmx::input;
use sdmxdb::sdmx::structure::read_structures;
use sdmxdb::store::{Database, LoadOptions};

use crate::reading;

fn beside() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared")
}

fn in_memory() -> Database {
    Database::open_or_create_on(Arc::new(MemoryDisk::new()), Path::new("db")).expect("made")
}

/// A dataflow without codelists: the official samples have no structures.
fn flow(
    id: &str,
    dimensions: &[&str],
    measures: &[&str],
    attributes: &[(&str, &[&str])],
) -> Vec<Artefact> {
    let id = ArtefactId::parse(id).expect("an identifier");
    let structure = ArtefactId::new("T", format!("DSD_{}", id.id), "1.0");
    let dimension = |name: &&str| Dimension { id: (*name).to_owned(), ..Dimension::default() };
    let measure = |name: &&str| Measure { id: (*name).to_owned(), ..Measure::default() };
    let attribute = |(name, on): &(&str, &[&str])| Attribute {
        id: (*name).to_owned(),
        attachment: match on {
            [] => Attachment::Observation,
            on => Attachment::Dimensions(on.iter().map(|name| (*name).to_owned()).collect()),
        },
        ..Attribute::default()
    };
    vec![
        Artefact::Dataflow(Dataflow {
            identity: Identity::named(id, "A sample"),
            structure: structure.clone(),
        }),
        Artefact::DataStructure(DataStructure {
            identity: Identity::named(structure, "A sample"),
            dimensions: dimensions.iter().map(dimension).collect(),
            time: None,
            measures: measures.iter().map(measure).collect(),
            attributes: attributes.iter().map(attribute).collect(),
            groups: Vec::new(),
        }),
    ]
}

/// Loads an official sample; the rows that are there then, or the error.
#[track_caller]
fn check(number: &str, artefacts: &[Artefact], expected: Result<&[&str], &str>) {
    let path = beside().join(format!("schemas/samples/csv-2.0/example-{number}.csv"));
    let Ok(message) = fs::read(path) else {
        println!("skipped: the official sample {number} is not here");
        return;
    };
    let database = in_memory();
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    load.structures(artefacts.to_vec()).expect("added");
    let loaded = load.csv(message.as_slice(), "sample.csv").and_then(|()| load.commit());
    match (loaded, expected) {
        (Ok(_), Ok(expected)) => {
            let snapshot = database.snapshot().expect("read");
            let cube = snapshot.cube(&artefacts[0].identity().id).expect("opened");
            assert_eq!(reading::all(&cube), expected, "{number}");
        }
        (Err(error), Err(expected)) => {
            let error = error.to_string();
            assert!(error.contains(expected), "{number}: {error}");
        }
        (loaded, _) => panic!("{number}: {loaded:?}"),
    }
}

#[test]
fn official_samples_are_loaded_or_refused_with_a_reason() {
    let dimensions = ["DIM_1", "DIM_2", "DIM_3"];
    let one = flow(
        "ESTAT:NA_MAIN(1.6.0)",
        &dimensions,
        &["OBS_VALUE"],
        &[("ATTR_1", &[]), ("ATTR_2", &dimensions), ("ATTR_3", &["DIM_2"])],
    );
    let special = "ATTR_1=N ATTR_2=Y ATTR_3=Normal, special and other values";
    let rows = [
        format!("A.B.2014-01 |12.4 {special}"),
        format!("A.B.2014-02 |10.8 {}", special.replace("=N ", "=Y ")),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    check("01", &one, Ok(&rows));
    check("08", &one, Err("ESTAT:"));
    check("10", &one, Ok(&["A.B.2014-01 |12.4 ATTR_1=X", "A.B.2014-02 |10.8 ATTR_1=Y"]));
}

/// What the samples that delete leave of this.
#[test]
fn official_samples_that_delete_leave_the_rest() {
    let dimensions = ["DIM_1", "DIM_2", "DIM_3"];
    let attributes: [(&str, &[&str]); 3] =
        [("ATTR_1", &[]), ("ATTR_2", &dimensions), ("ATTR_3", &["DIM_2"])];
    let mut one = flow("ESTAT:NA_MAIN(1.6.0)", &dimensions, &["OBS_VALUE"], &attributes);
    let structure = ArtefactId::new("ESTAT", "DSD_NA_MAIN", "1.6.0");
    for artefact in &mut one {
        match artefact {
            Artefact::DataStructure(known) => known.identity.id = structure.clone(),
            Artefact::Dataflow(known) => known.structure = structure.clone(),
            _ => {}
        }
    }
    let stored = "STRUCTURE,STRUCTURE_ID,ACTION,DIM_1,DIM_2,DIM_3,OBS_VALUE,ATTR_1,ATTR_2,ATTR_3\n\
                  dataflow,ESTAT:NA_MAIN(1.6.0),M,A,B,2014-01,1,x,first,b\n\
                  dataflow,ESTAT:NA_MAIN(1.6.0),M,A,B,2014-02,2,,second,\n\
                  dataflow,ESTAT:NA_MAIN(1.6.0),M,A,A,C,3,,,a\n\
                  dataflow,ESTAT:NA_MAIN(1.6.0),M,Z,B,C,4,,,\n";
    let check = |number: &str, expected: &[&str]| {
        let path = beside().join(format!("schemas/samples/csv-2.0/example-{number}.csv"));
        let Ok(message) = fs::read(path) else {
            println!("skipped: the official sample {number} is not here");
            return;
        };
        let database = in_memory();
        let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
        load.structures(one.clone()).expect("added");
        load.csv(stored.as_bytes(), "stored.csv").expect("read");
        assert_eq!(load.commit().expect("committed").counts.inserted, 4);
        let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
        load.csv(message.as_slice(), "sample.csv").expect("read");
        let report = load.commit().expect("committed");
        assert_eq!(report.counts.deleted, 4 - expected.len() as u64, "{number}");
        let snapshot = database.snapshot().expect("read");
        let id = ArtefactId::new("ESTAT", "NA_MAIN", "1.6.0");
        assert_eq!(reading::all(&snapshot.cube(&id).expect("opened")), expected, "{number}");
    };
    check(
        "16",
        &[
            "A.A.C |3 ATTR_3=a",
            "A.B.2014-01 | ATTR_1=x ATTR_2=first",
            "A.B.2014-02 |2 ATTR_2=second",
            "Z.B.C |4",
        ],
    );
    // The only value of an observation: it goes with it.
    check(
        "17",
        &["A.B.2014-01 |1 ATTR_1=x ATTR_2=first", "A.B.2014-02 |2 ATTR_2=second", "Z.B.C |4"],
    );
    check(
        "18",
        &["A.B.2014-01 |1 ATTR_1=x ATTR_2=first ATTR_3=b", "A.B.2014-02 |2 ATTR_2=second ATTR_3=b"],
    );
    check("19A", &[]);
    check("19B", &[]);
}

/// Real messages: what is stored is what the file says, and loading it again changes nothing.
#[test]
fn real_messages_are_stored_whole() {
    let check = |data: &str, structure: &str, observations: u64| {
        let folder = beside().join("data");
        let (Ok(file), Ok(xml)) =
            (fs::File::open(folder.join(data)), fs::read(folder.join(structure)))
        else {
            println!("skipped: {data} is not here");
            return;
        };
        let mut csv = Vec::new();
        let mut plain = input::open(file, data).expect("opened");
        plain.read_to_end(&mut csv).expect("read");
        let database = in_memory();
        let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
        load.structures(read_structures(xml.as_slice(), structure).expect("read")).expect("added");
        load.csv(csv.as_slice(), data).expect("read");
        let report = load.commit().expect("committed");
        assert_eq!(report.counts.inserted, observations, "{data}");
        let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
        load.csv(csv.as_slice(), data).expect("read");
        let report = load.commit().expect("committed");
        assert_eq!((report.commit, report.counts.unchanged), (None, observations), "{data}");
    };
    check("ecb-exr/EXR-D.csv.gz", "ecb-exr/ECB_EXR1-structure-2.1.xml", 221_702);
    check("bis-der/data_v1.csv", "bis-der/BIS_DER-structure-2.1.xml", 1_000);
    let (wpp, sdg) = ("wpp2019-sample/WPP2019", "sdg2020-education/SDG2020");
    check(&format!("{wpp}-sample.csv.gz"), &format!("{wpp}-structure-2.1.xml"), 48_990);
    check(&format!("{sdg}-education.csv.gz"), &format!("{sdg}-structure-2.1.xml"), 104_286);
}
