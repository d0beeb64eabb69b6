//! A small dataflow with an attribute of each kind, and one session on it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use sdmxdb::disk::MemoryDisk;
use sdmxdb::error::Result;
use sdmxdb::model::{Artefact, ArtefactId, Attachment, Attribute, DataStructure, Dataflow};
use sdmxdb::model::{Dimension, Identity, Measure, Representation, TextType};
use sdmxdb::query::{Connection, EngineOptions, WriterIdentity};
use sdmxdb::store::{Database, LoadOptions};

/// `T:W(1.0)`, which SQL calls `t.w`.
fn artefacts() -> Vec<Artefact> {
    let id = ArtefactId::new("T", "W", "1.0");
    let dimension = |id: &str| Dimension { id: id.to_owned(), ..Dimension::default() };
    let attribute =
        |id: &str, attachment| Attribute { id: id.to_owned(), attachment, ..Attribute::default() };
    let on = |ids: &[&str]| Attachment::Dimensions(ids.iter().map(|id| (*id).to_owned()).collect());
    let double = Representation { text_type: Some(TextType::Double), ..Representation::default() };
    let measure =
        Measure { id: "OBS_VALUE".to_owned(), representation: Some(double), ..Measure::default() };
    let structure = DataStructure {
        identity: Identity::named(id.clone(), "Written"),
        dimensions: vec![dimension("FREQ"), dimension("AREA")],
        time: Some(dimension("TIME_PERIOD")),
        measures: vec![measure],
        attributes: vec![
            attribute("OBS_STATUS", Attachment::Observation),
            attribute("TITLE", on(&["FREQ", "AREA"])),
            attribute("CURRENCY", on(&["AREA"])),
        ],
        groups: Vec::new(),
    };
    let identity = Identity::named(id.clone(), "Written");
    let flow = Dataflow { identity, structure: id };
    vec![Artefact::DataStructure(structure), Artefact::Dataflow(flow)]
}

/// What is there at first.
const ROWS: &str = "\
DATAFLOW,FREQ,AREA,TIME_PERIOD,OBS_VALUE,OBS_STATUS,TITLE,CURRENCY
T:W(1.0),A,AT,2020,1.50,A,Austria,EUR
T:W(1.0),A,AT,2021,2,,Austria,EUR
T:W(1.0),A,BE,2020,3.25,A,Belgium,EUR
T:W(1.0),A,CH,2020,,M,Switzerland,CHF
";

/// A database in memory.
pub(crate) fn database() -> Database {
    let database = Database::open_or_create_on(Arc::new(MemoryDisk::new()), "/db").expect("new");
    let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
    load.structures(artefacts()).expect("sound");
    load.csv(ROWS.as_bytes(), "rows.csv").expect("read");
    load.commit().expect("committed");
    database
}

/// A session that writes; its clock counts.
pub(crate) fn connect(database: &Database) -> Connection {
    let threads = NonZeroUsize::new(2).expect("not zero");
    let connection =
        Connection::new(database.clone(), EngineOptions::new(threads)).expect("threads");
    let clock = AtomicI64::new(1_000_000);
    let writer = WriterIdentity::new("tester", move || clock.fetch_add(1, Ordering::Relaxed));
    connection.session().set_writer(Some(writer));
    connection
}

/// What each statement of a text answers, one line a row and then its tag; or the error.
pub(crate) fn ask(connection: &Connection, sql: &str) -> String {
    let mut lines = Vec::new();
    let done = connection.run(sql, |rows| {
        let tag = match rows.answer().write_outcome() {
            Some(outcome) => outcome.command_tag(),
            None => rows.answer().tag().to_owned(),
        };
        for batch in rows {
            lines.extend(texts(&batch?));
        }
        if tag != "SELECT" {
            lines.push(tag);
        }
        Ok(())
    });
    if let Err(error) = done {
        lines.push(format!("error: {error}"));
    }
    lines.join("\n")
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch.columns().iter();
    let columns: Result<Vec<_>, _> =
        columns.map(|column| ArrayFormatter::try_new(column.as_ref(), &options)).collect();
    let columns = columns.expect("types with a text");
    let row = |row| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(row).collect()
}

/// All rows, as they are published.
pub(crate) const ALL: &str = "SELECT area, time_period, obs_value_text, obs_status, title, currency \
                              FROM t.w ORDER BY 1, 2;";
