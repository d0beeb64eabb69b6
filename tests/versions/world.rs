//! A database in memory whose commits have times of their own.

use std::num::NonZeroUsize;
use std::sync::Arc;

use sdmxdb::disk::MemoryDisk;
use sdmxdb::model::{Artefact, ArtefactId, Attachment, Attribute, DataStructure, Dataflow};
use sdmxdb::model::{Dimension, Identity, Measure};
use sdmxdb::query::{Connection, EngineOptions};
use sdmxdb::store::{AsOf, Database, LoadOptions, LoadReport};

/// The dataflow.
pub(crate) const FLOW: &str = "T:F(1.0)";

/// A flow of two dimensions, a measure and a status.
pub(crate) struct World {
    pub(crate) database: Database,
}

impl World {
    /// The structure alone, as of the first second of 2026.
    pub(crate) fn new() -> Self {
        let database = Database::open_or_create_on(Arc::new(MemoryDisk::new()), "/db");
        let world = Self { database: database.expect("a new database") };
        let mut load = world.database.begin_load(options("2026-01-01T00:00:00Z")).expect("begun");
        load.structures(structures()).expect("sound");
        load.commit().expect("committed");
        world
    }

    /// Loads lines of area, period, value and status, effective at a time.
    pub(crate) fn load(&self, at: &str, lines: &str) -> LoadReport {
        let mut csv = "DATAFLOW,FREQ,AREA,TIME_PERIOD,OBS_VALUE,OBS_STATUS".to_owned();
        for line in lines.lines() {
            csv.push_str(&format!("\n{FLOW},A,{line}"));
        }
        let mut load = self.database.begin_load(options(at)).expect("begun");
        load.csv(csv.as_bytes(), "rows.csv").expect("read");
        load.commit().expect("committed")
    }

    /// A session.
    pub(crate) fn connect(&self) -> Connection {
        let threads = NonZeroUsize::new(2).expect("not zero");
        Connection::new(self.database.clone(), EngineOptions::new(threads)).expect("threads")
    }
}

fn options(at: &str) -> LoadOptions {
    let Ok(AsOf::Time(now)) = AsOf::parse(at) else { panic!("{at} is no time") };
    let (author, message) = ("statistician".to_owned(), "revision".to_owned());
    LoadOptions { author, message, ..LoadOptions::at(now) }
}

fn structures() -> Vec<Artefact> {
    let id = ArtefactId::parse(FLOW).expect("an identifier");
    let identity = Identity::named(id.clone(), "a flow");
    let dimension = |id: &str| Dimension { id: id.to_owned(), ..Default::default() };
    let status = Attribute {
        id: "OBS_STATUS".to_owned(),
        attachment: Attachment::Observation,
        ..Default::default()
    };
    let structure = DataStructure {
        identity: identity.clone(),
        dimensions: vec![dimension("FREQ"), dimension("AREA")],
        time: Some(dimension("TIME_PERIOD")),
        measures: vec![Measure { id: "OBS_VALUE".to_owned(), ..Default::default() }],
        attributes: vec![status],
        groups: Vec::new(),
    };
    let dataflow = Dataflow { identity, structure: id };
    vec![Artefact::DataStructure(structure), Artefact::Dataflow(dataflow)]
}
