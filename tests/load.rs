//! What a load refuses, what it says then, and that nothing of it stays.

#![expect(clippy::doc_markdown, clippy::assigning_clones, reason = "a test reads better so")]
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by one, and says by the other that it was skipped"
)]

#[path = "load/actions.rs"]
mod actions;
mod oracle;
#[path = "store/reading.rs"]
mod reading;
#[path = "load/refused.rs"]
mod refused;
#[path = "load/samples.rs"]
mod samples;
#[path = "store/structures.rs"]
mod structures;
#[path = "load/xml.rs"]
mod xml;

use std::fmt::Write as _;
use std::path::Path;
use std::result;
use std::sync::Arc;

use sdmxdb::disk::{Disk, MemoryDisk};
use sdmxdb::error::{Error, Result};
use sdmxdb::model::{
    Artefact, ArtefactId, Attachment, DataStructure, Dataflow, Identity, TextType,
};
use sdmxdb::store::{Database, LoadOptions, LoadReport};

use crate::structures::{CROSS_SHAPE, MIX_SHAPE, STRICT_SHAPE, Shape};

/// An empty database in memory with the structures of the tests: one commit.
fn database() -> (MemoryDisk, Database) {
    let disk = MemoryDisk::new();
    let database =
        Database::open_or_create_on(Arc::new(disk.clone()), Path::new("db")).expect("made");
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    for shape in [&STRICT_SHAPE, &MIX_SHAPE, &CROSS_SHAPE] {
        load.structures(shape.artefacts()).expect("added");
    }
    assert_eq!(load.commit().expect("committed").commit, Some(1));
    (disk, database)
}

/// A dataflow of a structure.
fn dataflow(id: &str, structure: ArtefactId) -> Artefact {
    let id = ArtefactId::parse(id).expect("an identifier");
    Artefact::Dataflow(Dataflow { identity: Identity::named(id, "A dataflow"), structure })
}

/// A message of [`STRICT_SHAPE`] with these rows after what every row begins with.
fn strict(rows: &[&str]) -> String {
    let mut message = STRICT_SHAPE.header();
    for row in rows {
        write!(message, "\ndataflow,{},I,{row}", STRICT_SHAPE.flow).expect("into a string");
    }
    message + "\n"
}

fn load(database: &Database, message: &str) -> Result<LoadReport> {
    let mut load = database.begin_load(LoadOptions::at(2))?;
    load.csv(message.as_bytes(), "rows.csv")?;
    load.commit()
}

fn rows_of(database: &Database, shape: &Shape) -> Vec<String> {
    let snapshot = database.snapshot().expect("read");
    reading::all(&snapshot.cube(&shape.id()).expect("opened"))
}

/// The names in a folder of the database.
fn names(disk: &MemoryDisk, folder: &str) -> Vec<String> {
    disk.list(&Path::new("db").join(folder)).expect("listed")
}

/// Changes one artefact of a shape.
fn changed(shape: &Shape, mut change: impl FnMut(&mut Artefact)) -> Vec<Artefact> {
    let mut artefacts = shape.artefacts();
    artefacts.iter_mut().for_each(&mut change);
    artefacts
}

/// Loads artefacts over data; gives the error, or the number of artefacts that changed.
fn restructure(database: &Database, artefacts: Vec<Artefact>) -> result::Result<u64, String> {
    let mut load = database.begin_load(LoadOptions::at(3)).expect("begun");
    let text = |error: Error| error.to_string();
    load.structures(artefacts).map_err(text)?;
    load.commit().map(|report| report.artefacts).map_err(text)
}

#[test]
fn an_unresolved_reference_is_named() {
    let (disk, database) = database();
    let before = names(&disk, "commits");
    let other = Shape { flow: "T:OTHER(1.0)", ..STRICT_SHAPE };
    let without = |id: &str| {
        let mut artefacts = other.artefacts();
        artefacts.retain(|artefact| artefact.identity().id.id != id);
        restructure(&database, artefacts).expect_err("refused")
    };
    let error = without("CL_OTHER_AREA");
    assert!(error.contains("T:DSD_OTHER(1.0)"), "{error}");
    assert!(error.contains("codelist T:CL_OTHER_AREA(1.0)"), "{error}");
    let error = without("DSD_OTHER");
    assert!(error.contains("T:OTHER(1.0)"), "{error}");
    assert!(error.contains("data structure T:DSD_OTHER(1.0)"), "{error}");
    assert_eq!(names(&disk, "commits"), before);
    assert_eq!(database.snapshot().expect("read").number(), 1);
    assert_eq!(restructure(&database, other.artefacts()), Ok(5));
}

#[test]
fn a_dataflow_that_is_not_there_is_named() {
    let (_, database) = database();
    let message = "DATAFLOW,FREQ,TIME_PERIOD,OBS_VALUE\nT:NONE(1.0),A,2020,1\n";
    let error = load(&database, message).expect_err("refused");
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("T:NONE(1.0)"), "{error}");
}

#[test]
fn a_structure_that_stored_data_contradict_is_refused() {
    let (_, database) = database();
    load(&database, &strict(&["A,AT,2020,1,A,A title,KG"])).expect("loaded");
    let before = rows_of(&database, &STRICT_SHAPE);
    let check = |what: &str, artefacts: Vec<Artefact>| {
        let error = restructure(&database, artefacts).expect_err(what);
        assert!(error.contains("T:STRICT(1.0)"), "{what}: {error}");
        assert_eq!(database.snapshot().expect("read").number(), 2, "{what}");
        assert_eq!(rows_of(&database, &STRICT_SHAPE), before, "{what}");
    };
    let structure = |change: &dyn Fn(&mut DataStructure)| {
        changed(&STRICT_SHAPE, |artefact| {
            if let Artefact::DataStructure(structure) = artefact {
                change(structure);
            }
        })
    };
    let less = |s: &mut DataStructure| {
        s.dimensions.remove(0);
        s.attributes.retain(|attribute| attribute.id != "TITLE");
    };
    check("a dimension less", structure(&less));
    check("dimensions in another order", structure(&|s| s.dimensions.reverse()));
    check("no time", structure(&|s| s.time = None));
    check("another measure", structure(&|s| "OTHER".clone_into(&mut s.measures[0].id)));
    check("an attribute less", structure(&|s| drop(s.attributes.remove(0))));
    let moved = |s: &mut DataStructure| {
        s.attributes[0].attachment = Attachment::Dataflow;
    };
    check("an attribute that attaches elsewhere", structure(&moved));
}

#[test]
fn a_structure_that_stored_data_fit_is_taken() {
    let (_, database) = database();
    load(&database, &strict(&["A,AT,2020,1,A,A title,KG"])).expect("loaded");
    let before = rows_of(&database, &STRICT_SHAPE);
    let more = changed(&STRICT_SHAPE, |artefact| match artefact {
        Artefact::DataStructure(structure) => {
            let mut more = structure.attributes[0].clone();
            "MORE".clone_into(&mut more.id);
            more.representation = None;
            structure.attributes.push(more);
        }
        Artefact::Codelist(list) if list.identity.id.id == "CL_STRICT_AREA" => {
            let mut code = list.codes[0].clone();
            "DE".clone_into(&mut code.id);
            list.codes.push(code);
        }
        _ => {}
    });
    assert_eq!(restructure(&database, more), Ok(2));
    assert_eq!(rows_of(&database, &STRICT_SHAPE), before);
    let header = STRICT_SHAPE.header() + ",MORE";
    let message = format!(
        "{header}\ndataflow,T:STRICT(1.0),I,A,DE,2020,2,A,,,new\n\
         dataflow,T:STRICT(1.0),I,A,AT,2021,3,A,,,\n\
         dataflow,T:STRICT(1.0),I,A,AT,2020,,,,,late\n"
    );
    let report = load(&database, &message).expect("loaded");
    assert_eq!((report.counts.inserted, report.counts.changed), (2, 1));
    let rows = [
        "A.AT 2020|1 OBS_STATUS=A MORE=late TITLE=A title UNIT=KG",
        "A.AT 2021|3 OBS_STATUS=A TITLE=A title UNIT=KG",
        "A.DE 2020|2 OBS_STATUS=A MORE=new",
    ];
    assert_eq!(rows_of(&database, &STRICT_SHAPE), rows);
}

/// A load in which something went wrong cannot be committed as if nothing had.
#[test]
fn a_message_that_broke_off_cannot_be_committed() {
    let (disk, database) = database();
    let check = |message: &str| {
        let mut load = database.begin_load(LoadOptions::at(2)).expect("begun");
        load.csv(message.as_bytes(), "rows.csv").expect_err("refused");
        let committed = load.commit();
        assert!(committed.is_err(), "{committed:?}");
        assert_eq!(database.snapshot().expect("read").number(), 1, "{message}");
        assert_eq!(names(&disk, "segments"), Vec::<String>::new(), "{message}");
    };
    check(&strict(&["A,AT,2020,1,,,", "A,XX,2020,1,,,"]));
    check(&(strict(&["A,AT,2020,1,,,"]) + "dataflow,T:NONE(1.0),I,A,AT,2020,1,,,\n"));
}

#[test]
fn measures_keep_what_their_type_allows() {
    let check = |text_type: TextType, value: &str, is_allowed: bool| {
        let disk = MemoryDisk::new();
        let database = Database::open_or_create_on(Arc::new(disk), Path::new("db")).expect("made");
        let artefacts = changed(&CROSS_SHAPE, |artefact| {
            if let Artefact::DataStructure(structure) = artefact
                && let Some(representation) = &mut structure.measures[0].representation
            {
                representation.text_type = Some(text_type);
            }
        });
        restructure(&database, artefacts).expect("loaded");
        let message = format!("{}\ndataflow,T:CROSS(1.0),I,F,Y1,{value},,\n", CROSS_SHAPE.header());
        let loaded = load(&database, &message);
        assert_eq!(loaded.is_ok(), is_allowed, "{text_type:?} {value}: {loaded:?}");
        if is_allowed {
            assert_eq!(rows_of(&database, &CROSS_SHAPE), [format!("F.Y1 |{value}")]);
        }
    };
    for value in ["0", "-12", "NaN", "#N/A", ""] {
        for text_type in [TextType::Integer, TextType::Decimal, TextType::Double, TextType::Text] {
            check(text_type, value, true);
        }
    }
    check(TextType::Integer, "1.0", false);
    check(TextType::Integer, "+", false);
    check(TextType::Integer, "--1", false);
    check(TextType::Integer, "007", true);
    check(TextType::Integer, "99999999999999999999999999", true);
    check(TextType::Decimal, "1.50", true);
    check(TextType::Decimal, ".5", true);
    check(TextType::Decimal, "1e5", false);
    check(TextType::Decimal, "x", false);
    check(TextType::Double, "1e5", true);
    check(TextType::Double, "INF", true);
    check(TextType::Double, "1,5", false);
    check(TextType::Boolean, "true", true);
    check(TextType::Boolean, "1", true);
    check(TextType::Boolean, "2", false);
    check(TextType::Boolean, "yes", false);
    check(TextType::Text, "<2.5", true);
}
