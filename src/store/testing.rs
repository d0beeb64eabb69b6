//! A small dataflow in a database in memory, with what it should hold, for the tests of upkeep.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use crate::disk::MemoryDisk;
use crate::model::{Artefact, ArtefactId, Attachment, Attribute, DataStructure, Dataflow};
use crate::model::{Dimension, Identity, Measure, PeriodForm, Slot};
use crate::store::Snapshot;
use crate::store::{Database, LoadOptions, PeriodFilter, ScanOrder, ScanRequest, SeriesFilter};

/// Key and period to value, status, and the attributes of the keys.
pub(super) type Contents = BTreeMap<(String, String), String>;

/// Attributes at every level, two frequencies, and what they should be.
pub(super) struct Small {
    pub(super) disk: MemoryDisk,
    pub(super) database: Database,
    expected: Mutex<Contents>,
}

const DELETE_HEADER: &str = "STRUCTURE,STRUCTURE_ID,ACTION,FREQ,AREA,TIME_PERIOD";
const HEADER: &str = "DATAFLOW,FREQ,AREA,TIME_PERIOD,OBS_VALUE,STATUS,TITLE,UNIT,SOURCE";

impl Small {
    /// The dataflow.
    pub(super) fn flow() -> ArtefactId {
        ArtefactId::new("T", "SMALL", "1.0")
    }

    pub(super) fn new(disk: MemoryDisk) -> Self {
        let database = Database::open_or_create_on(Arc::new(disk.clone()), "db").expect("opened");
        let mut load = database.begin_load(LoadOptions::at(1)).expect("begun");
        load.structures(artefacts()).expect("sound");
        load.commit().expect("committed");
        Self { disk, database, expected: Mutex::default() }
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.database.snapshot().expect("read")
    }

    pub(super) fn expected(&self) -> Contents {
        self.expected.lock().expect("no panic").clone()
    }

    /// Sets two observations of the annual series of an area.
    pub(super) fn revise(&self, area: usize, value: &str) {
        let area = format!("X{area}");
        let row = |period: &str, value: &str, status: &str| {
            ["A", &area, period, value, status].map(str::to_owned)
        };
        self.load(&[row("2020", value, "A"), row("2021", "1.50", "E")]);
    }

    /// A daily series that is too long for a manifest.
    pub(super) fn long_series(&self) {
        let mut rows = Vec::new();
        for day in 0..400 {
            let mut period = Vec::new();
            Slot { form: PeriodForm::Day, index: day }.write_to(&mut period);
            let period = String::from_utf8(period).expect("digits");
            // Texts are kept as they are, so few make a large segment.
            let value = format!("<{day:0180}");
            let row = ["D", "LONG", &period, &value, "A"].map(str::to_owned);
            rows.push(row);
        }
        self.load(&rows);
    }

    /// Loads rows: frequency, area, period, value, status.
    pub(super) fn load(&self, rows: &[[String; 5]]) {
        let mut message = HEADER.to_owned();
        let mut expected = self.expected.lock().expect("no panic");
        for [freq, area, period, value, status] in rows {
            let (title, unit) = (format!("all of {area}"), format!("unit of {area}"));
            let row = format!("{freq},{area},{period},{value},{status},{title},{unit},office");
            write!(message, "\nT:SMALL(1.0),{row}").expect("into a string");
            let known = format!("{value}|{status}|{title}|{unit}|office");
            expected.insert((format!("{freq}.{area}"), period.clone()), known);
        }
        let mut load = self.database.begin_load(LoadOptions::at(10)).expect("begun");
        load.csv(message.as_bytes(), "rows.csv").expect("sound");
        load.commit().expect("committed");
    }

    /// Deletes the annual series of an area.
    pub(super) fn delete(&self, area: usize) {
        let mut load = self.database.begin_load(LoadOptions::at(10)).expect("begun");
        let message = format!("{DELETE_HEADER}\ndataflow,T:SMALL(1.0),D,A,X{area},");
        load.csv(message.as_bytes(), "delete.csv").expect("sound");
        load.commit().expect("committed");
        let key = format!("A.X{area}");
        self.expected.lock().expect("no panic").retain(|(known, _), _| *known != key);
    }

    /// Takes what an observation should have.
    pub(super) fn expect(&self, key: &str, period: &str, expected: &str) {
        let key = (key.to_owned(), period.to_owned());
        self.expected.lock().expect("no panic").insert(key, expected.to_owned());
    }
}

/// Everything that a snapshot holds of the dataflow.
pub(super) fn contents(snapshot: &Arc<Snapshot>) -> Contents {
    let mut found = Contents::new();
    let Ok(cube) = snapshot.cube(&Small::flow()) else { return found };
    let request = ScanRequest {
        series: cube.select(&SeriesFilter::All).expect("selected"),
        periods: PeriodFilter::All,
        measures: vec![0],
        attributes: vec![0],
        order: ScanOrder::ascending([0, 1]),
    };
    let mut cursor = cube.cursor(request).expect("opened");
    while let Some(chunk) = cursor.next().expect("read") {
        let part = &cube.parts()[chunk.part];
        let code = |dimension: usize| {
            cube.codes(dimension).get(part.code(dimension, chunk.series).expect("read")).to_owned()
        };
        let attribute = |position| {
            cube.key_attribute(position, chunk.part, chunk.series).expect("read").unwrap_or("~")
        };
        let key_attributes = format!("{}|{}|{}", attribute(1), attribute(2), attribute(3));
        for position in chunk.data.present(0..chunk.data.slots).flatten() {
            let mut period = Vec::new();
            chunk.data.write_period(position, &mut period);
            let status = chunk.data.attributes[0].value(position);
            let status = part.segment().observation_value(0, status).expect("read");
            let mut value = Vec::new();
            chunk.data.measures[0].value(position).write_to(&mut value);
            let value = String::from_utf8(value).expect("text");
            let known = format!("{value}|{}|{key_attributes}", status.unwrap_or("~"));
            let key = format!("{}.{}", code(0), code(1));
            let period = String::from_utf8(period).expect("text");
            assert!(found.insert((key, period), known).is_none(), "one live version");
        }
    }
    found
}

fn artefacts() -> Vec<Artefact> {
    let identity = Identity::named(Small::flow(), "small");
    let dimension = |id: &str| Dimension { id: id.to_owned(), ..Default::default() };
    let on = |ids: &[&str]| Attachment::Dimensions(ids.iter().map(|i| (*i).to_owned()).collect());
    let attribute =
        |id: &str, attachment| Attribute { id: id.to_owned(), attachment, ..Default::default() };
    let structure = DataStructure {
        identity: identity.clone(),
        dimensions: ["FREQ", "AREA"].map(dimension).to_vec(),
        time: Some(dimension("TIME_PERIOD")),
        measures: vec![Measure { id: "OBS_VALUE".to_owned(), ..Default::default() }],
        attributes: vec![
            attribute("STATUS", Attachment::Observation),
            attribute("TITLE", on(&["FREQ", "AREA"])),
            attribute("UNIT", on(&["AREA"])),
            attribute("SOURCE", Attachment::Dataflow),
        ],
        groups: Vec::new(),
    };
    let dataflow = Dataflow { identity, structure: Small::flow() };
    vec![Artefact::DataStructure(structure), Artefact::Dataflow(dataflow)]
}
